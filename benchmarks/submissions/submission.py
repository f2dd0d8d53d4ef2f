"""Submissions: the maps that a method offers for the entries, in the form they are scored in.

A submission is a folder with ``submission.json`` and one folder per entry, named by its id, with one or more HDF5 files
of maps (as ``pocketvox scan`` writes ``maps.h5``) and, if the method ranks pockets, ``pockets.csv``; or one HDF5 file
with the text of ``submission.json`` in its attribute ``submission`` and a group per entry, which holds one group per
map and, if there are pockets, a dataset ``pockets`` of their centres, shape (k, 3), best first.

A map is a dataset ``probability`` (x, y, z, channel) with values from 0 to 1 and, on the dataset or its group, the
attributes ``origin`` (centre of voxel (0, 0, 0), angstrom), ``spacing`` (angstrom) and ``channels`` (names). A dataset
``pocket`` (x, y, z) beside it may give the rank of the pocket that each voxel belongs to, from 1; 0 is none.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from benchmarks.submissions.stored_maps import H5_ERRORS, StoredMap, map_groups, stored_map, stored_pockets
from pocketvox.errors import InputError
from pocketvox.hdf5 import open_hdf5
from pocketvox.voxel import Volume

INFO = "submission.json"
#: Bytes of ``submission.json``.
MAX_INFO = 5_000_000


class Submission:
    """A submission, opened for scoring.

    Parameters
    ----------
    path : str or Path
        Folder or HDF5 file.

    Attributes
    ----------
    info : dict
        What ``submission.json`` says: ``name``, ``task`` and more, see benchmarks/README.md.
    failures : dict of str to str
        Entries that the method could not do, with the reason: they are scored as maps of zeros.

    Raises
    ------
    InputError
        If there is no submission there, or its ``submission.json`` is none.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        remedy = "benchmarks/README.md describes submissions."
        if not self.path.exists():
            raise InputError(f"Expected a submission: a folder or an HDF5 file. Received: {path}, which is not there.")
        try:
            text = _info_text(self.path)
            if len(text) > MAX_INFO:
                raise ValueError(f"more than {MAX_INFO:,} bytes")
            self.info = json.loads(text)
        except H5_ERRORS as error:
            raise InputError(f"Expected a submission with {INFO} in {path}. Received: {error}. {remedy}") from error
        if not isinstance(self.info, dict) or not isinstance(self.info.get("name"), str):
            raise InputError(
                f"Expected a JSON object with a name in {INFO} of {path}. Received: {text[:60]!r}. {remedy}"
            )
        failures = self.info.get("failures", {})
        if not isinstance(failures, dict):
            raise InputError(f"Expected failures as an object of id and reason in {INFO} of {path}. {remedy}")
        self.failures: dict[str, str] = {str(key): str(reason) for key, reason in failures.items()}

    @property
    def name(self) -> str:
        """The method's name."""
        return self.info["name"]

    def has(self, id: str) -> bool:
        """Whether there are maps of an entry."""
        if self.path.is_dir():
            return bool(self._files(id))
        with open_hdf5(self.path) as h5:
            return bool(map_groups(h5, id))

    def _files(self, id: str) -> list[Path]:
        return sorted((self.path / id).glob("*.h5"))

    @contextmanager
    def maps(self, id: str) -> Iterator[list[StoredMap]]:
        """The maps of an entry, open for reading; none if the entry failed or is absent.

        Raises
        ------
        InputError
            If a file is no map; it names the file.
        """
        handles: list[h5py.File] = []
        try:
            if id in self.failures:
                yield []
            elif self.path.is_dir():
                for path in self._files(id):
                    handles.append(_opened(path))
                yield [stored_map(handle) for handle in handles]
            else:
                handles.append(_opened(self.path))
                yield [stored_map(group) for group in map_groups(handles[0], id)]
        finally:
            for handle in handles:
                handle.close()

    def sample(self, id: str, coord: np.ndarray, channels: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Values of an entry's maps at any positions.

        Voxel centres take the value of their voxel, other positions are interpolated linearly; of several maps the
        first that reaches a position counts.

        Parameters
        ----------
        id : str
        coord : ndarray, shape=(n, 3), dtype=float
            Angstrom.
        channels : tuple of str

        Returns
        -------
        values : ndarray, shape=(n, len(channels)), dtype=float32
            0 where no map reaches, for channels that a map lacks, and for failed entries.
        reached : ndarray, shape=(n,), dtype=bool
        """
        coord = np.asarray(coord, float).reshape(-1, 3)
        values = np.zeros((len(coord), len(channels)), np.float32)
        reached = np.zeros(len(coord), bool)
        with self.maps(id) as maps:
            for stored in maps:
                missing = np.flatnonzero(~reached)
                if not missing.size:
                    break
                found, inside = stored.sample(coord[missing], channels)
                values[missing[inside]] = found[inside]
                reached[missing[inside]] = True
        return values, reached

    def channels(self, id: str) -> tuple[str, ...]:
        """Channels that every map of an entry has, in the order of the first."""
        with self.maps(id) as maps:
            return tuple(c for c in maps[0].channels if all(c in m.channels for m in maps)) if maps else ()

    def volumes(self, id: str) -> list[Volume]:
        """The maps of an entry, in memory."""
        with self.maps(id) as maps:
            return [stored.read() for stored in maps]

    def pockets(self, id: str) -> np.ndarray | None:
        """Centres of the pockets of an entry, best first, shape=(k, 3); None if the method gives no pockets.

        Raises
        ------
        InputError
            If the file of pockets cannot be read.
        """
        if id in self.failures:
            return np.empty((0, 3))
        if self.path.is_dir():
            path = self.path / id / "pockets.csv"
            return pockets_csv(path) if path.is_file() else None
        with open_hdf5(self.path) as h5:
            return stored_pockets(h5[id]) if id in h5 else None


def _info_text(path: Path) -> str:
    if path.is_dir():
        with (path / INFO).open("rb") as handle:
            return handle.read(MAX_INFO + 1).decode("utf-8")
    with open_hdf5(path) as h5:
        text = h5.attrs["submission"]
        return text.decode("utf-8") if isinstance(text, bytes) else str(text)


def _opened(path: Path) -> h5py.File:
    try:
        return open_hdf5(path)
    except H5_ERRORS as error:
        raise InputError(f"{path}: expected an HDF5 file of maps. Received: {error}.") from error


def pockets_csv(path: Path) -> np.ndarray:
    """Centres of the pockets in a table, best first, shape=(k, 3).

    Raises
    ------
    InputError
        If it lacks them.
    """
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            reader = csv.DictReader(handle, skipinitialspace=True)
            rows = [[float(row[f"center_{axis}"]) for axis in "xyz"] for row in reader]
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(
            f"{path}: expected the columns center_x, center_y, center_z. Received: {type(error).__name__}: {error}."
        ) from error
    return np.array(rows).reshape(-1, 3)
