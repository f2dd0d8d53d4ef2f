"""Maps too large for the memory: values kept tile by tile in a temporary file, and the rows of those that matter."""

from __future__ import annotations

import math
import tempfile
import weakref
from collections.abc import Iterator
from itertools import product

import numpy as np


class TiledArray:
    """An array (x, y, z, channel), dtype=float32, of which only one tile at a time is in memory.

    Indexed as a numpy array is, by slices or by three index arrays, it gives numpy arrays; so does ``np.asarray``,
    which needs memory for all of it. The file has no name: it goes when the array does, or the process.

    Parameters
    ----------
    shape : tuple of 4 ints
    core : tuple of 3 ints
        Voxels of a tile along x, y and z.
    """

    dtype = np.dtype(np.float32)
    ndim = 4

    def __init__(self, shape: tuple[int, int, int, int], core: tuple[int, int, int]):
        self.shape = tuple(int(n) for n in shape)
        self._core = core
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - it lives as long as the array
        weakref.finalize(self, self._file.close)
        self._place: dict[tuple[int, int, int], int] = {}
        self._end = 0

    def put(self, start: tuple[int, int, int], values: np.ndarray) -> None:
        """Write the tile that begins at voxel ``start``; tiles that are never written are 0."""
        tile = tuple(s // n for s, n in zip(start, self._core, strict=True))
        self._place[tile] = self._end
        self._file.seek(self._end)
        data = memoryview(np.ascontiguousarray(values, np.float32)).cast("B")
        while len(data):
            data = data[self._file.write(data) :]
        self._end = self._file.tell()

    def tiles(self) -> Iterator[tuple[tuple[int, int, int], np.ndarray]]:
        """Yield the first voxel and the values of every tile that was written, in order."""
        for tile in sorted(self._place):
            yield self._bounds(tile)[0], self._read(tile)

    def box(self, low, high) -> np.ndarray:
        """The values from voxel ``low`` to before ``high``, shape=(*(high - low), channel)."""
        out = np.zeros((*(b - a for a, b in zip(low, high, strict=True)), self.shape[3]), np.float32)
        ranges = (range(a // n, -(-b // n)) for a, b, n in zip(low, high, self._core, strict=True))
        for tile in product(*ranges):
            if tile in self._place:
                first, last = self._bounds(tile)
                part = [slice(max(a, f), min(b, e)) for a, b, f, e in zip(low, high, first, last, strict=True)]
                source = tuple(slice(p.start - f, p.stop - f) for p, f in zip(part, first, strict=True))
                target = tuple(slice(p.start - a, p.stop - a) for p, a in zip(part, low, strict=True))
                out[target] = self._read(tile)[source]
        return out

    def __getitem__(self, key) -> np.ndarray:
        key = key if isinstance(key, tuple) else (key,)
        if len(key) >= 3 and all(isinstance(k, np.ndarray) for k in key[:3]):
            rows = self._rows(*np.broadcast_arrays(*key[:3]))
            return rows[(..., *key[3:])] if len(key) > 3 else rows
        if Ellipsis in [k for k in key if k is Ellipsis]:
            at = next(i for i, k in enumerate(key) if k is Ellipsis)
            key = (*key[:at], *[slice(None)] * (5 - len(key)), *key[at + 1 :])
        spans = [k if isinstance(k, slice) else slice(k, k + 1) for k in key[:3]]
        spans = [s.indices(n)[:2] for s, n in zip([*spans, *[slice(None)] * 3][:3], self.shape[:3], strict=True)]
        steps = [k.step if isinstance(k, slice) else None for k in key[:3]]
        local = [slice(None, None, s) if isinstance(k, slice) else 0 for k, s in zip(key[:3], steps, strict=True)]
        return self.box(*zip(*spans, strict=True))[(*local, *key[3:])]

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        whole = self.box((0, 0, 0), self.shape[:3])
        return whole if dtype is None else whole.astype(dtype)

    def around(self, channel: int, threshold: float, reach: int) -> SparseArray:
        """The rows of voxels that reach a threshold in a channel, and of all that are near them.

        Parameters
        ----------
        channel : int
        threshold : float
        reach : int
            Voxels along each axis.
        """
        above: dict[tuple[int, int, int], np.ndarray] = {}
        for tile in self._place:
            voxels = np.argwhere(self._read(tile)[..., channel] >= threshold)
            if len(voxels):
                above[tile] = voxels + self._bounds(tile)[0]
        flat, rows = [np.empty(0, np.int64)], [np.empty((0, self.shape[3]), np.float32)]
        beyond = [range(-math.ceil(reach / n), math.ceil(reach / n) + 1) for n in self._core]
        for tile in sorted(self._place):
            first, last = self._bounds(tile)
            near = [above.get(tuple(t + d for t, d in zip(tile, step, strict=True))) for step in product(*beyond)]
            near = [voxels for voxels in near if voxels is not None]
            if not near:
                continue
            low = np.array(first) - reach
            mask = np.zeros(np.array(last) - first + 2 * reach, bool)
            voxels = np.concatenate(near) - low
            voxels = voxels[((voxels >= 0) & (voxels < mask.shape)).all(axis=1)]
            mask[tuple(voxels.T)] = True
            chosen = np.argwhere(dilated(mask, reach)[tuple(slice(reach, n - reach) for n in mask.shape)])
            flat.append(np.ravel_multi_index(tuple((chosen + first).T), self.shape[:3]))
            rows.append(self._read(tile)[tuple(chosen.T)])
        return SparseArray(self.shape, np.concatenate(flat), _moved_together(rows))

    def _bounds(self, tile) -> tuple[tuple[int, ...], tuple[int, ...]]:
        first = tuple(t * n for t, n in zip(tile, self._core, strict=True))
        return first, tuple(min(f + n, s) for f, n, s in zip(first, self._core, self.shape, strict=False))

    def _read(self, tile) -> np.ndarray:
        first, last = self._bounds(tile)
        out = np.empty((*(b - a for a, b in zip(first, last, strict=True)), self.shape[3]), np.float32)
        self._file.seek(self._place[tile])
        view = memoryview(out).cast("B")
        while len(view):
            view = view[self._file.readinto(view) :]
        return out

    def _rows(self, x, y, z) -> np.ndarray:
        """Values of single voxels, shape=(*x.shape, channel)."""
        index = np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1)
        index = np.where(index < 0, index + self.shape[:3], index)
        out = np.zeros((len(index), self.shape[3]), np.float32)
        tile = index // self._core
        order = np.lexsort(tile.T)
        for part in np.split(order, np.flatnonzero(np.diff(tile[order], axis=0).any(axis=1)) + 1):
            name = tuple(tile[part[0]].tolist()) if len(part) else ()
            if name in self._place:
                out[part] = self._read(name)[tuple((index[part] - self._bounds(name)[0]).T)]
        return out.reshape(*x.shape, self.shape[3])


class SparseArray:
    """Rows of some voxels of an array (x, y, z, channel); all others are 0.

    Parameters
    ----------
    shape : tuple of ints
        Of the whole array: (x, y, z, channel), or (x, y, z) for one channel.
    flat : ndarray, shape=(n,), dtype=int64
        The voxels as indices in C order.
    rows : ndarray, shape=(n, channel) or (n,)
    """

    def __init__(self, shape: tuple[int, ...], flat: np.ndarray, rows: np.ndarray):
        self.shape, self.ndim = shape, len(shape)
        self._order = np.argsort(flat)  # the rows, which are most of it, stay where they are
        self._flat, self._rows = flat[self._order], rows

    def __getitem__(self, key):
        if key[0] is Ellipsis:
            return self._channel(key[1])
        flat = np.ravel_multi_index(key[:3], self.shape[:3])
        out = np.zeros((*np.shape(flat), *self._rows.shape[1:]), self._rows.dtype)
        if len(self._flat):
            place = np.minimum(np.searchsorted(self._flat, flat), len(self._flat) - 1)
            found = self._flat[place] == flat
            out[found] = self._rows[self._order[place[found]]]
        return out

    def _channel(self, k: int) -> SparseArray:
        one = object.__new__(SparseArray)
        one.shape, one.ndim = self.shape[:3], 3
        one._order, one._flat, one._rows = self._order, self._flat, self._rows[:, k]
        return one

    def above(self, threshold: float) -> np.ndarray:
        """Voxels of one channel that reach a threshold, shape=(n, 3), dtype=int64, in C order."""
        return np.stack(np.unravel_index(self._flat[(self._rows >= threshold)[self._order]], self.shape[:3]), axis=1)


def _moved_together(parts: list[np.ndarray]) -> np.ndarray:
    """The rows of all parts, which are emptied one by one: the memory never holds everything twice."""
    out = np.empty((sum(map(len, parts)), *parts[0].shape[1:]), parts[0].dtype)
    stop = 0
    for k, part in enumerate(parts):
        start, stop = stop, stop + len(part)
        out[start:stop] = part
        parts[k] = None
    return out


def voxels_above(values: np.ndarray | SparseArray, threshold: float) -> np.ndarray:
    """Voxels of one channel that reach a threshold, shape=(n, 3), dtype=int64, in C order."""
    return values.above(threshold) if isinstance(values, SparseArray) else np.argwhere(values >= threshold)


def dilated(mask: np.ndarray, reach: int) -> np.ndarray:
    """Voxels with one of the mask within ``reach`` voxels along every axis, shape=(x, y, z), dtype=bool."""
    for axis in range(3):
        source = np.moveaxis(mask, axis, 0)
        out = source.copy()
        for step in range(1, min(reach, len(source) - 1) + 1):
            out[step:] |= source[:-step]
            out[:-step] |= source[step:]
        mask = np.moveaxis(out, 0, axis)
    return mask
