"""The prepared benchmark: receptors to predict and what is known of their ligands.

A prepared folder, made by :mod:`benchmarks.prepare`, holds ``receptors/<id>.cif.gz`` (all that a method of the pocket
task may read), ``ligands/<id>_<n>.sdf`` (for the complex task) and ``truth.h5``. Layout of ``truth.h5``, schema
version 1: file attributes ``schema_version`` and ``benchmark_version``; one group per entry with the scalar fields of
:class:`Entry` as attributes and ``ignored_coord``; in it a group per site (``0``, ``1``, ...) with the fields of
:class:`Site`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np

from benchmarks.roles import Poses, stored_poses, write_poses
from pocketvox.errors import InputError
from pocketvox.structure import read_complex, read_structure
from pocketvox.structure.atoms import Atoms, Complex

#: Rises whenever an entry, a protocol or a definition changes; results of different versions are not compared.
BENCHMARK_VERSION = "1.0"
SCHEMA_VERSION = 1
TRUTH = "truth.h5"
#: Sets of entries, see :attr:`Entry.set`.
MAPS, PAIRS, SCREENING = "maps", "pairs", "screening"


@dataclass(frozen=True)
class Site:
    """One known ligand of an entry.

    Attributes
    ----------
    name : str
        ``chain:resname resnum``, or the title of its file.
    role : str
        ``fragment`` or ``lead`` in a pair, else empty.
    file : str
        Its SDF with bond orders, relative to the prepared folder.
    coord : ndarray, shape=(m, 3), dtype=float32
        Heavy atoms (angstrom).
    point_coord : ndarray, shape=(k, 3), dtype=float32
        Interaction points with the receptor they were observed in, on the ligand's side (angstrom).
    point_channel : ndarray, shape=(k,), dtype=uint8
        Index into ``CHANNELS``.
    role_coord : ndarray, shape=(r, 3), dtype=float32
        What the ligand could do, whether or not it does: donors, acceptors, hydrophobic atoms, ring centroids.
    role_channel : ndarray, shape=(r,), dtype=uint8
        Index into ``CHANNELS``.
    """

    name: str
    role: str
    file: str
    coord: np.ndarray
    point_coord: np.ndarray
    point_channel: np.ndarray
    role_coord: np.ndarray
    role_channel: np.ndarray


@dataclass(frozen=True)
class Entry:
    """One receptor structure with its known ligands.

    Attributes
    ----------
    id : str
    set : str
        ``maps`` (scored inside the envelopes of its ligands), ``pairs`` (fragment, lead and apo structures of a
        target in one frame) or ``screening``.
    split : str
        ``val`` or ``test``.
    state : str
        ``holo``, ``apo`` or ``model`` (predicted).
    pair : str
        What the entries of one pair share, else empty.
    clusters : tuple of str
        Sequence clusters of the chains at its sites.
    resolution, identity : float
        Angstrom; highest sequence identity of a chain at the site to a chain of the training split (0 to 1). NaN if
        unknown.
    homology_free : bool
        No chain at its sites is detectably homologous to the training split.
    receptor : Path
        mmCIF of the receptor alone, heavy atoms.
    ignored_coord : ndarray, shape=(q, 3), dtype=float32
        Additives and unfit ligands: whether a ligand would bind there is unknown.
    sites : tuple of Site
    """

    id: str
    set: str
    split: str
    state: str
    pair: str
    clusters: tuple[str, ...]
    resolution: float
    identity: float
    homology_free: bool
    receptor: Path
    ignored_coord: np.ndarray
    sites: tuple[Site, ...]

    @cached_property
    def atoms(self) -> Atoms:
        """The receptor's atoms, read from its file."""
        return read_structure(self.receptor).atoms

    @property
    def folder(self) -> Path:
        """The prepared folder."""
        return self.receptor.parent.parent

    def complex(self, site: Site) -> Complex:
        """Receptor and one ligand, read from their files."""
        from dataclasses import replace

        return replace(read_complex(self.receptor, ligand=self.folder / site.file), receptor=self.atoms)


class Benchmark:
    """A prepared folder.

    Parameters
    ----------
    folder : str or Path

    Raises
    ------
    InputError
        If it is none, or of another version.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        path = self.folder / TRUTH
        remedy = "Make one with `pocketvox benchmark prepare`."
        if not path.is_file():
            raise InputError(f"Expected a prepared benchmark. Received: {folder}, which has no {TRUTH}. {remedy}")
        try:
            with h5py.File(path) as h5:
                found = int(h5.attrs["schema_version"]), str(h5.attrs["benchmark_version"])
                if found != (SCHEMA_VERSION, BENCHMARK_VERSION):
                    wanted = f"schema {SCHEMA_VERSION}, benchmark {BENCHMARK_VERSION}"
                    raise InputError(f"Expected {wanted} in {path}. Received: {found[0]}, {found[1]}. {remedy}")
                self._entries = {id: _read_entry(self.folder, id, group) for id, group in sorted(h5["entries"].items())}
        except (OSError, KeyError) as error:
            raise InputError(
                f"Expected the truth of a prepared benchmark. Received: {path}: {error}. {remedy}"
            ) from error

    def entries(self, set: str | None = None, split: str | None = None, state: str | None = None) -> list[Entry]:
        """Entries of a set, split and state, or of all, by id."""
        wanted = {"set": set, "split": split, "state": state}
        return [e for e in self._entries.values() if all(v in (None, getattr(e, k)) for k, v in wanted.items())]

    def entry(self, id: str) -> Entry:
        """The entry of this id.

        Raises
        ------
        InputError
            If there is none.
        """
        if id not in self._entries:
            raise InputError(f"Expected an entry of the benchmark in {self.folder}. Received: {id!r}.")
        return self._entries[id]

    def identical(self) -> int:
        """How many entries are the frozen ones to the last byte; 0 if the folder does not tell."""
        path = self.folder / "benchmark.json"
        return int(json.loads(path.read_text()).get("identical", 0)) if path.is_file() else 0

    def poses(self, id: str) -> Poses:
        """Poses of an entry of the ``screening`` set."""
        self.entry(id)
        with h5py.File(self.folder / TRUTH) as h5:
            return stored_poses(h5["entries"][id]["poses"])


_SCALARS = ("set", "split", "state", "pair", "resolution", "identity", "homology_free")
_TEXTS = ("name", "role", "file")
_ARRAYS = {
    "coord": "<f4",
    "point_coord": "<f4",
    "point_channel": "u1",
    "role_coord": "<f4",
    "role_channel": "u1",
}


def write_truth(folder: Path, entries: list[Entry], poses: dict[str, Poses] | None = None) -> None:
    """Write ``truth.h5`` of a prepared folder; it appears complete or not at all."""
    partial = folder / f".{TRUTH}.part"
    with h5py.File(partial, "w") as h5:
        h5.attrs["schema_version"], h5.attrs["benchmark_version"] = SCHEMA_VERSION, BENCHMARK_VERSION
        for entry in entries:
            group = h5.create_group(f"entries/{entry.id}")
            for name in _SCALARS:
                group.attrs[name] = getattr(entry, name)
            group.attrs["clusters"] = ",".join(entry.clusters)
            group.create_dataset("ignored_coord", data=np.asarray(entry.ignored_coord, "<f4"), track_times=False)
            for number, site in enumerate(entry.sites):
                part = group.create_group(f"sites/{number}")
                for name in _TEXTS:
                    part.attrs[name] = getattr(site, name)
                for name, dtype in _ARRAYS.items():
                    part.create_dataset(name, data=np.asarray(getattr(site, name), dtype), track_times=False)
            if poses and entry.id in poses:
                write_poses(group.create_group("poses"), poses[entry.id])
    os.replace(partial, folder / TRUTH)


def _read_entry(folder: Path, id: str, group: h5py.Group) -> Entry:
    sites = group["sites"] if "sites" in group else {}
    scalars = {name: group.attrs[name] for name in _SCALARS}
    return Entry(
        id=id,
        clusters=tuple(c for c in str(group.attrs["clusters"]).split(",") if c),
        receptor=folder / "receptors" / f"{id}.cif.gz",
        ignored_coord=group["ignored_coord"][()],
        sites=tuple(_read_site(sites[key]) for key in sorted(sites, key=int)),
        **{key: value.item() if hasattr(value, "item") else str(value) for key, value in scalars.items()},
    )


def _read_site(group: h5py.Group) -> Site:
    texts = {name: str(group.attrs[name]) for name in _TEXTS}
    arrays = {f.name: group[f.name][()] for f in fields(Site) if f.name in _ARRAYS}
    return Site(**texts, **arrays)
