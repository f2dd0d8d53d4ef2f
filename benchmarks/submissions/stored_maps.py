"""Maps and pockets in open HDF5 files, see :mod:`benchmarks.submissions.submission` for their layout."""

from __future__ import annotations

from dataclasses import dataclass

import h5py
import numpy as np
from scipy.ndimage import map_coordinates

from pocketvox.errors import InputError
from pocketvox.voxel import Grid, Volume

DATASET, POCKET, POCKETS = "probability", "pocket", "pockets"
#: A point this near to a voxel centre (in voxels) takes its value; others are interpolated.
ON_LATTICE = 1e-3
#: What h5py raises on files that are damaged or hold something else than expected.
H5_ERRORS = (OSError, LookupError, ValueError, TypeError, AttributeError, RuntimeError, OverflowError, MemoryError)


@dataclass(frozen=True)
class StoredMap:
    """A map in an open file.

    Attributes
    ----------
    dataset : h5py.Dataset
        shape=(x, y, z, channel).
    grid : Grid
    channels : tuple of str
    pocket : h5py.Dataset or None
        Rank of the pocket of each voxel, shape=(x, y, z).
    """

    dataset: h5py.Dataset
    grid: Grid
    channels: tuple[str, ...]
    pocket: h5py.Dataset | None = None

    def read(self) -> Volume:
        """All of it, values as float32."""
        return Volume(self.dataset[...].astype(np.float32), self.grid, self.channels)

    def reaches(self, coord: np.ndarray) -> np.ndarray:
        """Whether positions (angstrom) lie between its outermost voxel centres, shape=(n,), dtype=bool."""
        index = self.grid.to_index(coord).reshape(-1, 3)
        last = np.array(self.grid.shape) - 1
        return ((index >= -ON_LATTICE) & (index <= last + ON_LATTICE)).all(axis=1)

    def sample(self, coord: np.ndarray, channels: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Values at positions; see :meth:`Submission.sample`."""
        reached = self.reaches(coord)
        index = self.grid.to_index(coord).reshape(-1, 3)
        last = np.array(self.grid.shape) - 1
        values = np.zeros((len(index), len(channels)), np.float32)
        if not reached.any():
            return values, reached
        index = np.clip(index[reached], 0, last)
        low = np.floor(index.min(axis=0)).astype(int)
        high = np.ceil(index.max(axis=0)).astype(int) + 1
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        nearest = np.rint(index)
        exact = np.abs(index - nearest).max() <= ON_LATTICE
        for k, name in enumerate(channels):
            if name not in self.channels:
                continue
            block = self.dataset[(*box, self.channels.index(name))].astype(np.float32)
            if exact:
                values[reached, k] = block[tuple((nearest.astype(int) - low).T)]
            else:
                values[reached, k] = map_coordinates(block, (index - low).T, order=1, mode="nearest")
        return values, reached


def map_groups(h5: h5py.File, id: str) -> list[h5py.Group]:
    """Groups of the maps of an entry in a single-file submission, by name; none if it has no such entry."""
    entry = h5.get(id)
    found = [entry[name] for name in sorted(entry)] if isinstance(entry, h5py.Group) else []
    return [group for group in found if isinstance(group, h5py.Group)]


def stored_pockets(entry: h5py.Group) -> np.ndarray | None:
    """Pocket centres in the group of an entry, shape=(k, 3); None if it has none.

    Raises
    ------
    InputError
        If they are no positions.
    """
    if not isinstance(entry, h5py.Group) or POCKETS not in entry:
        return None
    where = f"{entry.file.filename}{entry.name}/{POCKETS}"
    try:
        dataset = entry[POCKETS]
        if dataset.ndim != 2 or dataset.shape[1] != 3 or dataset.dtype.kind not in "iuf":
            raise ValueError(f"{dataset.dtype}, shape {dataset.shape}")
        return dataset[()].astype(float)
    except H5_ERRORS as error:
        raise InputError(f"{where}: expected numbers of shape (k, 3). Received: {error}.") from error


def stored_map(group: h5py.Group) -> StoredMap:
    """The map in an open file or group.

    Raises
    ------
    InputError
        If it is none.
    """
    where = f"{group.file.filename}{group.name if group.name != '/' else ''}"
    try:
        dataset = group[DATASET]
        if not isinstance(dataset, h5py.Dataset):
            raise ValueError(f"a group {DATASET!r}")
        origin = _numbers(group, dataset, "origin", 3)
        (spacing,) = _numbers(group, dataset, "spacing", 1)
        if not 0 < spacing < np.inf:
            raise ValueError(f"spacing {spacing}")
        names = _names(group, dataset)
        shape = dataset.shape
        pocket = group.get(POCKET)
    except H5_ERRORS as error:
        raise InputError(
            f"{where}: expected a dataset {DATASET!r} with origin, spacing and channels. Received: {error}."
        ) from error
    if shape is None or len(shape) != 4 or shape[3] != len(names):
        raise InputError(f"{where}: expected the shape (x, y, z, {len(names)}). Received: {shape}.")
    pocket = pocket if isinstance(pocket, h5py.Dataset) else None
    return StoredMap(dataset, Grid(origin, shape[:3], spacing), names, pocket)


def _attribute(group: h5py.Group, dataset: h5py.Dataset, name: str) -> np.ndarray:
    return np.asarray(dataset.attrs[name] if name in dataset.attrs else group.attrs[name])


def _numbers(group: h5py.Group, dataset: h5py.Dataset, name: str, count: int) -> tuple[float, ...]:
    value = _attribute(group, dataset, name)
    if value.dtype.kind not in "iuf" or value.size != count:
        raise ValueError(f"{name} of {value.dtype}, shape {value.shape}")
    return tuple(float(v) for v in value.ravel())


def _names(group: h5py.Group, dataset: h5py.Dataset) -> tuple[str, ...]:
    value = _attribute(group, dataset, "channels").ravel().tolist()
    if not all(isinstance(name, str | bytes) for name in value):
        raise ValueError("channels that are no names")
    return tuple(name.decode() if isinstance(name, bytes) else name for name in value)
