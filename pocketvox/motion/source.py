"""Trajectories on disk, opened with MDAnalysis and checked."""

from __future__ import annotations

import gc
import importlib.util
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pocketvox.errors import InputError, MissingExtraError, SelectionError, StructureError, UsageError

if TYPE_CHECKING:
    from MDAnalysis import Universe

#: What MDAnalysis raises where a file is missing, of an unknown format, damaged or cut off.
_UNREADABLE = (OSError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, StopIteration)
#: Characters of its messages that are shown.
_LONGEST = 200
#: Of these topologies MDAnalysis sorts atoms by chains.
_BY_CHAIN = ("cif", "pdbx")
#: A DCD file begins with a record of this many bytes, its length before and after it, that begins with this word. Of
#: the numbers that follow these tell how many atoms are fixed, and whether there is a periodic cell or a fourth
#: dimension.
_DCD_HEAD, _DCD_WORD = 92, b"CORD"
_DCD_FIXED, _DCD_CELL, _DCD_FOURTH = 8, 10, 11


@dataclass(frozen=True)
class Source:
    """A topology with its trajectory.

    Attributes
    ----------
    universe : MDAnalysis.Universe
    topology : str
    files : tuple of str
    frames : range
        Numbers of the frames to use, from 0.
    written : ndarray, shape=(n, 3), dtype=float32, or None
        Positions in the topology (angstrom), if it has any.
    """

    universe: Universe
    topology: str
    files: tuple[str, ...]
    frames: range
    written: np.ndarray | None = None

    def read(self, frame: int) -> tuple[np.ndarray, np.ndarray | None, float]:
        """One frame.

        Returns
        -------
        coord : ndarray, shape=(n, 3), dtype=float32
            All atoms (angstrom).
        box : ndarray, shape=(6,), dtype=float32, or None
            Edges (angstrom) and angles (degrees) of the periodic box; None if there is none.
        time : float
            Picoseconds.

        Raises
        ------
        StructureError
            If the frame cannot be read or holds impossible coordinates.
        """
        try:
            step = self.universe.trajectory[frame]
        except _UNREADABLE as error:
            raise StructureError(self._damaged(frame, f"{type(error).__name__}: {error}")) from error
        coord = step.positions.copy()
        if not np.isfinite(coord).all():
            raise StructureError(self._damaged(frame, "coordinates that are no numbers"))
        return coord, _usable(step.dimensions), float(step.time)

    def select(self, text: str, option: str) -> np.ndarray:
        """Atoms that a selection in MDAnalysis' language matches, ascending, shape=(k,), dtype=int.

        Raises
        ------
        SelectionError
            If it cannot be understood or matches nothing.
        """
        import MDAnalysis

        try:
            index = self.universe.select_atoms(text).ix
        except (MDAnalysis.SelectionError, MDAnalysis.NoDataError, AttributeError, ValueError) as error:
            raise SelectionError(
                f"{self.topology}: expected a selection in MDAnalysis' language ({option}), such as 'protein' or 'name "
                f"CA'. Received: {text!r} ({error})."
            ) from error
        if not len(index):
            raise SelectionError(f"{self.topology}: no atom matches {text!r} ({option}). Choose another selection.")
        return np.sort(index)

    def _damaged(self, frame: int, what: str) -> str:
        return (
            f"{', '.join(self.files)}: expected frames 0 to {self.universe.trajectory.n_frames - 1}. Received: {what} "
            f"at frame {frame}. Get the complete file again, or end before it with --stop {frame}."
        )


def open_source(
    topology: str | Path,
    trajectory: str | Path | Sequence[str | Path],
    *,
    start: int | None = None,
    stop: int | None = None,
    stride: int = 1,
) -> Source:
    """Open a trajectory.

    Parameters
    ----------
    topology : str or path
        Any that MDAnalysis reads.
    trajectory : str, path, or sequence of these
        Any that MDAnalysis reads; several follow each other.
    start, stop, stride : int
        Frames ``range(n)[start:stop:stride]``, as a slice in Python.

    Raises
    ------
    MissingExtraError
        If MDAnalysis is not installed.
    StructureError
        If a file cannot be read, or the two do not belong together.
    UsageError
        If no frame is left.
    """
    if importlib.util.find_spec("MDAnalysis") is None:
        raise MissingExtraError("A trajectory needs MDAnalysis. Install it with: pip install 'pocketvox[md]'")
    files = (trajectory,) if isinstance(trajectory, (str, os.PathLike)) else tuple(trajectory)
    files = tuple(os.fspath(path) for path in files)
    if not files:
        raise UsageError("Expected at least one trajectory file. Received: none.")
    for path in (topology, *files):
        _check_file(Path(path))
    universe = _universe(os.fspath(topology))
    written = universe.atoms.positions.copy() if hasattr(universe, "trajectory") else None
    _add_trajectory(universe, os.fspath(topology), files)
    count = universe.trajectory.n_frames
    readers = getattr(universe.trajectory, "readers", [universe.trajectory])
    for path, reader in zip(files, readers, strict=True):
        _check_dcd(path, len(universe.atoms), reader.n_frames)
    if stride < 1:
        raise UsageError(f"Expected a stride of at least 1. Received: {stride}.")
    frames = range(count)[start:stop:stride]
    if not len(frames):
        raise UsageError(f"{', '.join(files)}: no frame is left of {count}. Check --start and --stop.")
    return Source(universe, os.fspath(topology), files, frames, written)


def _check_file(path: Path) -> None:
    if not path.is_file():
        what = "a folder" if path.is_dir() else "nothing of this name"
        raise InputError(f"{path}: expected a file. Received: {what}. Check the path.")
    if not path.stat().st_size:
        raise StructureError(f"{path}: the file is empty. Get the complete file again.")


def _universe(topology: str) -> Universe:
    """The atoms of a topology in the order of its file, which is that of its trajectories."""
    with _opening() as failure:
        import MDAnalysis

        universe = MDAnalysis.Universe(topology, to_guess=("elements",))
    if failure:
        raise StructureError(
            f"{topology}: expected a topology that MDAnalysis reads (PDB, mmCIF, GRO, PSF, PRMTOP, TPR and more; the "
            f"name's ending decides). Received: {failure[0]}."
        )
    if not len(universe.atoms):
        raise StructureError(f"{topology}: expected atoms. Received: a topology without any.")
    ids = getattr(universe.atoms, "ids", np.arange(len(universe.atoms)))
    if topology.lower().removesuffix(".gz").endswith(_BY_CHAIN) and (np.diff(ids) < 0).any():
        universe = MDAnalysis.Merge(universe.atoms[np.argsort(ids, kind="stable")])
    return universe


def _add_trajectory(universe: Universe, topology: str, files: tuple[str, ...]) -> None:
    names = ", ".join(files)
    with _opening() as failure:
        universe.load_new(files[0] if len(files) == 1 else list(files))
    if failure and "number of atoms" in failure[0]:
        found = re.search(r"Number of atoms (\d+)", failure[0])
        raise StructureError(
            f"{names}: expected frames of {len(universe.atoms)} atoms, as in {topology}. Received: "
            f"{f'{found[1]} atoms' if found else failure[0]}. Give the topology that belongs to this trajectory."
        )
    if failure:
        raise StructureError(
            f"{names}: expected a trajectory of {len(universe.atoms)} atoms that MDAnalysis reads (XTC, TRR, DCD, "
            f"NetCDF and more; the name's ending decides). Received: {failure[0]}. Check that the file is complete."
        )


@contextmanager
def _opening() -> Iterator[list[str]]:
    """Turn what MDAnalysis raises into a message in the list; its half-made readers, and its warnings, go unheard."""
    failure: list[str] = []
    usual, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        try:
            with warnings.catch_warnings(record=True):  # it has its own filters, which show deprecations
                yield failure
        except _UNREADABLE as error:
            text = " ".join(str(error).split())
            failure.append(f"{type(error).__name__} ({text[:_LONGEST].rstrip('. ')})")
        gc.collect()
    finally:
        sys.unraisablehook = usual


def _check_dcd(path: str, atoms: int, frames: int) -> None:
    """Refuse a DCD file that ends within a frame: MDAnalysis passes over it. The header's own count is often wrong."""
    with open(path, "rb") as file:
        head = file.read(_DCD_HEAD)
        order = "little" if head[:1] == bytes([_DCD_HEAD - 8]) else "big"
        numbers = [int.from_bytes(head[k : k + 4], order) for k in range(8, len(head) - 4, 4)]
        if head[4:8] != _DCD_WORD or len(head) < _DCD_HEAD or numbers[_DCD_FIXED]:
            return
        for _ in range(2):  # titles and the number of atoms, each between its length twice
            file.seek(int.from_bytes(file.read(4), order) + 4, os.SEEK_CUR)
        start, end = file.tell(), file.seek(0, os.SEEK_END)
    columns = (4 if numbers[_DCD_FOURTH] else 3) * (4 * atoms + 8)
    if (end - start) % (columns + (56 if numbers[_DCD_CELL] else 0)):
        raise StructureError(
            f"{path}: expected whole frames. Received: a file that ends within frame {frames}. Get the complete file "
            f"again, or write its first {frames} frames to a new one."
        )


def _usable(box: np.ndarray | None) -> np.ndarray | None:
    """The box, or None if it has no volume or was made up."""
    if box is None or not np.isfinite(box).all() or (box[:3] < 2).any() or (box[3:] <= 0).any():
        return None
    return np.array(box, np.float32)
