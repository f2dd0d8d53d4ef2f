"""Checks of maps in HDF5 files that anyone may have written: nothing is read before its size and place are known.

Refused are links out of the file, filters that run foreign code, types that hold anything but numbers, and arrays that
unpack to more than the limits below.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import ceil, prod
from pathlib import Path

import h5py
import numpy as np

from benchmarks.submissions.stored_maps import H5_ERRORS, POCKET, POCKETS, StoredMap, stored_map, stored_pockets
from pocketvox.channels import CHANNELS
from pocketvox.errors import InputError
from pocketvox.hdf5 import open_hdf5

#: Limits of a map: voxels (a box of 370 angstrom at 0.75), bytes of a chunk, bytes in the file.
MAX_VOXELS, MAX_CHUNK, MAX_STORED = 120_000_000, 2**28, 500_000_000
#: Smallest and largest edge of a voxel (angstrom).
MIN_SPACING, MAX_SPACING = 0.2, 2.0
#: Furthest origin (angstrom).
MAX_COORD = 1e5
#: Pockets of an entry.
MAX_POCKETS = 10_000
#: Characters of what was received.
MAX_MESSAGE = 600
#: Values read at once.
BLOCK = 2**24
#: HDF5's numbers of the filters that are read.
FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}
#: Types of values, by their bits: among them 1.0 is the largest that is no negative, infinite or missing number.
BITS = {2: np.uint16, 4: np.uint32, 8: np.uint64}


@dataclass(frozen=True)
class Problem:
    """Something wrong with a submission.

    Attributes
    ----------
    where : str
        Entry, file or field.
    text : str
        What is expected, what is found and what to do.
    """

    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


def problem(where: str, expected: str, received, remedy: str) -> Problem:
    """A problem in the words of all messages; what was received is given as prose, or as a value to be shown."""
    received = received if isinstance(received, str) else short(received)
    return Problem(where, f"expected {expected}. Received: {printable(received)}. {remedy}")


def from_error(where: str, error: InputError) -> Problem:
    """A problem that reading has raised."""
    return Problem(where, printable(str(error)))


def printable(text: str) -> str:
    """Text that others may have written, on one line and not too long."""
    return "".join(c if c.isprintable() else " " for c in text)[:MAX_MESSAGE]


def short(value) -> str:
    """A value in at most about a hundred characters."""
    shown = reprlib.Repr()
    shown.maxstring = shown.maxother = 80
    return shown.repr(value)[:200]


def open_file(path: Path, where: str) -> h5py.File | Problem:
    """An HDF5 file, open for reading, or why not."""
    try:
        return open_hdf5(path)
    except H5_ERRORS as error:
        return problem(where, "an HDF5 file", str(error), "It may be truncated: write it again.")


def link_problems(group: h5py.Group, where: str) -> list[Problem]:
    """Links of a group that lead anywhere but to objects stored in it."""
    out = []
    for name in group:
        try:
            kind = type(group.get(name, getlink=True)).__name__
        except H5_ERRORS as error:
            kind = f"a link that cannot be read ({error})"
        if kind != "HardLink":
            out.append(problem(f"{where}, {short(name)}", "data in the file itself", kind, "Store a copy instead."))
    return out


def map_problems(group: h5py.Group, where: str, channels: tuple[str, ...] = ()) -> tuple[StoredMap | None, list]:
    """Check one map, values included.

    Parameters
    ----------
    group : h5py.Group
        Open file or group.
    where : str
        Begins messages.
    channels : tuple of str
        Those that the map must have.

    Returns
    -------
    stored : StoredMap or None
        None if its geometry is no use.
    problems : list of Problem
    """
    try:
        found = link_problems(group, where)
        if found:
            return None, found
        stored = stored_map(group)
        found = [*_geometry(stored, where), *_channels(stored, where, channels)]
        if found:
            return None, found
        found = list(_storage(stored.dataset, where, "f"))
        if stored.pocket is not None:
            found += _pocket(stored, f"{where}, {POCKET}")
        elif POCKET in group:
            found.append(problem(f"{where}, {POCKET}", "an array", "a group", "Leave it out."))
        return stored, found or list(_values(stored, where))
    except InputError as error:
        return None, [from_error(where, error)]
    except H5_ERRORS as error:
        remedy = "It may be truncated or damaged: write it again."
        return None, [problem(where, "a map that can be read", f"{type(error).__name__}: {error}", remedy)]


def pockets_problems(entry: h5py.Group, where: str) -> list[Problem]:
    """Check the pockets of an entry of a single-file submission; its links are known to be sound."""
    try:
        if POCKETS not in entry:
            return []
        dataset = entry[POCKETS]
        if not isinstance(dataset, h5py.Dataset):
            return [problem(where, "an array of pockets", "a group", "See benchmarks/README.md.")]
        if dataset.ndim and dataset.shape and dataset.shape[0] > MAX_POCKETS:
            return [_too_many(where, dataset.shape[0])]
        return list(_storage(dataset, where, "iuf")) or finite_pockets(stored_pockets(entry), where)
    except InputError as error:
        return [from_error(where, error)]
    except H5_ERRORS as error:
        return [problem(where, "pockets that can be read", str(error), "Write them again.")]


def finite_pockets(centers: np.ndarray, where: str) -> list[Problem]:
    """Check pocket centres, shape=(k, 3)."""
    if len(centers) > MAX_POCKETS:
        return [_too_many(where, len(centers))]
    bad = np.flatnonzero(~(np.abs(centers) < MAX_COORD).all(axis=1))
    if not bad.size:
        return []
    received = f"{centers[bad[0]].tolist()} for pocket {bad[0] + 1}"
    return [problem(where, "centres in angstrom", received, "Leave out pockets without a position.")]


def _too_many(where: str, count: int) -> Problem:
    return problem(where, f"at most {MAX_POCKETS:,} pockets", f"{count:,}", "Keep the best.")


def _geometry(stored: StoredMap, where: str) -> Iterator[Problem]:
    shape, grid = stored.dataset.shape, stored.grid
    if not all(shape):
        yield problem(where, "at least one voxel", shape, "Leave the map out and declare the entry failed.")
    if prod(shape[:3]) > MAX_VOXELS:
        remedy = "Give a smaller box, a coarser grid or several maps."
        yield problem(where, f"at most {MAX_VOXELS:,} voxels", f"{prod(shape[:3]):,}", remedy)
    if not MIN_SPACING <= grid.spacing <= MAX_SPACING:
        expected = f"a spacing of {MIN_SPACING} to {MAX_SPACING} angstrom"
        yield problem(where, expected, grid.spacing, "Resample the map; 0.75 is scored without interpolation.")
    if not all(abs(v) < MAX_COORD for v in grid.origin):
        yield problem(where, "an origin in angstrom", grid.origin, "It is the centre of voxel (0, 0, 0).")


def _channels(stored: StoredMap, where: str, wanted: tuple[str, ...]) -> Iterator[Problem]:
    names = stored.channels
    unknown = [name for name in names if name not in CHANNELS]
    if unknown:
        yield problem(where, f"channels among {', '.join(CHANNELS)}", unknown, "Rename or leave them out.")
    if len(set(names)) < len(names):
        yield problem(where, "each channel once", list(names), "Leave out all but one.")
    missing = [name for name in wanted if name not in names]
    if missing:
        remedy = "Add them, or take them out of the channels of submission.json."
        yield problem(where, f"the channels {', '.join(wanted)}", f"none for {', '.join(missing)}", remedy)


def _storage(dataset: h5py.Dataset, where: str, kinds: str) -> Iterator[Problem]:
    """What would have to be known before anything is read."""
    remedy = "Store plain numbers in the file, with gzip or without."
    if dataset.dtype.kind not in kinds or dataset.dtype.itemsize not in (1, 2, 4, 8)[kinds == "f" :]:
        expected = {"f": "float16, float32 or float64", "iu": "integers"}.get(kinds, "numbers")
        yield problem(where, expected, f"the type {short(dataset.dtype)}", remedy)
    if dataset.external or dataset.is_virtual:
        yield problem(where, "data in the file itself", "data of other files", remedy)
    properties = dataset.id.get_create_plist()
    used = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
    if not set(used) <= set(FILTERS):
        yield problem(where, f"the filters {', '.join(FILTERS.values())}", f"HDF5 filters {used}", remedy)
    unpacked = prod(dataset.chunks or (0,)) * dataset.dtype.itemsize
    if unpacked > MAX_CHUNK:
        yield problem(where, f"chunks of at most {MAX_CHUNK:,} bytes", f"{unpacked:,}", "Use chunks of 32 voxels.")
    stored = dataset.id.get_storage_size()
    if stored > MAX_STORED:
        yield problem(where, f"at most {MAX_STORED:,} bytes", f"{stored:,}", "Use float16 and gzip.")


def _pocket(stored: StoredMap, where: str) -> Iterator[Problem]:
    dataset, remedy = stored.pocket, "It holds the rank of each voxel's pocket, 0 for none."
    if dataset.shape != stored.grid.shape:
        yield problem(where, f"the shape {stored.grid.shape}", str(dataset.shape), remedy)
        return
    found = list(_storage(dataset, where, "iu"))
    yield from found
    if found:
        return
    for box in _blocks(dataset):
        values = dataset[box]
        if values.min(initial=0) < 0 or values.max(initial=0) > MAX_POCKETS:
            yield problem(where, f"ranks from 0 to {MAX_POCKETS:,}", f"{values.min()} to {values.max()}", remedy)
            return


def _values(stored: StoredMap, where: str) -> Iterator[Problem]:
    """The first value that is no probability."""
    dataset = stored.dataset
    plain = dataset.dtype.newbyteorder("=")
    bits = BITS[plain.itemsize]
    one, minus_zero = np.array([1.0, -0.0], plain).view(bits)
    for box in _blocks(dataset):
        values = np.ascontiguousarray(dataset[box], plain)
        raw = values.view(bits)
        if raw.max(initial=0) <= one:
            continue
        bad = np.argwhere((raw > one) & (raw != minus_zero))
        if len(bad):
            *voxel, channel = (int(i) + part.start for i, part in zip(bad[0], box, strict=True))
            received = f"{values[tuple(bad[0])]} in {stored.channels[channel]} at voxel {tuple(voxel)}"
            yield problem(where, "values from 0 to 1", received, "Scale them, and write 0 where nothing is known.")
            return


def _blocks(dataset: h5py.Dataset) -> Iterator[tuple[slice, ...]]:
    """Boxes that cover an array: whole chunks, as many as BLOCK values hold."""
    shape = dataset.shape
    size = [min(a, b) for a, b in zip(dataset.chunks or (1,) * len(shape), shape, strict=True)]
    for axis in (2, 1, 0):
        size[axis] = min(shape[axis], size[axis] * max(1, BLOCK // prod(size)))
    counts = [range(ceil(n / step)) for n, step in zip(shape, size, strict=True)]
    for index in product(*counts):
        yield tuple(slice(i * s, min((i + 1) * s, n)) for i, s, n in zip(index, size, shape, strict=True))
