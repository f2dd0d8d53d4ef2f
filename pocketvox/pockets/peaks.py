"""Local maxima of maps on a set of voxels, all channels at once."""

from __future__ import annotations

import numpy as np

#: Offsets of the 26 neighbours of a voxel.
NEIGHBOURS = np.delete(np.indices((3, 3, 3)).reshape(3, -1).T - 1, 13, axis=0)


def ball_offsets(radius: float) -> np.ndarray:
    """Index offsets within ``radius`` (voxels) of a voxel, shape=(n, 3), nearest first."""
    n = int(radius + 1e-6)
    offsets = np.indices((2 * n + 1,) * 3).reshape(3, -1).T - n
    squared = (offsets**2).sum(axis=1)
    keep = squared <= radius**2 + 1e-6
    return offsets[keep][np.argsort(squared[keep], kind="stable")]


def suppress(index: np.ndarray, value: np.ndarray, radius: float) -> np.ndarray:
    """Greedy non-maximum suppression.

    Parameters
    ----------
    index : ndarray, shape=(n, 3)
        Positions (voxels).
    value : ndarray, shape=(n,)
        The highest goes first, the lowest index where equal.
    radius : float
        What is this near (voxels) to a better one is dropped.

    Returns
    -------
    ndarray, shape=(k,), dtype=int
        What is kept, best first.
    """
    order = np.lexsort((index[:, 2], index[:, 1], index[:, 0], -value))
    position = index[order].astype(np.float64)
    alive = np.ones(len(order), bool)
    kept = []
    for i in range(len(order)):
        if alive[i]:
            kept.append(i)
            alive[i:] &= ((position[i:] - position[i]) ** 2).sum(axis=1) > radius**2 + 1e-6
    return order[np.array(kept, int)]


class Patch:
    """Values on some voxels of a grid, and their neighbours there.

    Parameters
    ----------
    voxels : ndarray, shape=(n, 3), dtype=int
    shape : tuple of 3 ints
        Of the grid.
    """

    def __init__(self, voxels: np.ndarray, shape: tuple[int, int, int]):
        self.voxels = voxels
        self.low = voxels.min(axis=0) - 1
        self._row = np.full(voxels.max(axis=0) - self.low + 2, len(voxels), np.int32)
        self._row[tuple((voxels - self.low).T)] = np.arange(len(voxels))
        self._flat = np.ravel_multi_index(tuple((voxels - self.low).T), self._row.shape)
        self._shape = shape

    def neighbour(self, values: np.ndarray, offset, missing: float) -> np.ndarray:
        """Values, shape=(n, channel), of the voxels one ``offset`` (-1 to 1 per axis) away; ``missing`` outside."""
        padded = np.concatenate([values, np.full((1, values.shape[1]), missing, values.dtype)])
        return padded[self._rows(offset)]

    def climb(self, values: np.ndarray) -> np.ndarray:
        """Row of the local maximum that the steepest way up leads to from each voxel, shape=(n,), dtype=int."""
        target, best = np.arange(len(values)), values.copy()
        padded = np.append(values, -np.inf)
        for offset in NEIGHBOURS:
            row = self._rows(offset)
            higher = padded[row] > best
            best[higher], target[higher] = padded[row[higher]], row[higher]
        while not np.array_equal(target, target[target]):
            target = target[target]
        return target

    def _rows(self, offset) -> np.ndarray:
        """Row of the voxel one ``offset`` away; one past the last where there is none."""
        step = int(np.dot(offset, (self._row.shape[1] * self._row.shape[2], self._row.shape[2], 1)))
        return self._row.ravel()[self._flat + step]

    def average(self, grid_values, offsets: np.ndarray) -> np.ndarray:
        """Mean over ``offsets`` of what ``grid_values(index arrays)`` gives, shape=(n, channel); 0 outside the grid."""
        total = None
        for offset in offsets:
            index = self.voxels + offset
            inside = ((index >= 0) & (index < self._shape)).all(axis=1)
            values = grid_values(*index.clip(0, np.array(self._shape) - 1).T) * inside[:, None]
            total = values if total is None else total + values
        return total / np.float32(len(offsets))
