"""Cubic voxel grids. The only place where angstroms become indices.

Coordinates are **voxel centres**: ``origin`` is the centre of voxel (0, 0, 0), voxel (i, j, k) is centred
on ``origin + spacing * (i, j, k)`` and reaches half a spacing to each side. Axes are (x, y, z, channel), C order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Grid:
    """Geometry of a grid.

    Attributes
    ----------
    origin : tuple of 3 floats
        Centre of voxel (0, 0, 0) (angstrom).
    shape : tuple of 3 ints
        Voxels along x, y, z.
    spacing : float
        Edge of a voxel (angstrom).
    """

    origin: tuple[float, float, float]
    shape: tuple[int, int, int]
    spacing: float

    @classmethod
    def centred(cls, center, size: int | tuple[int, int, int], spacing: float) -> Grid:
        """Grid of ``size`` voxels whose geometric centre is ``center`` (angstrom)."""
        shape = (size,) * 3 if np.isscalar(size) else tuple(int(n) for n in size)
        origin = np.asarray(center, float) - spacing * (np.array(shape) - 1) / 2
        return cls(tuple(float(v) for v in origin), shape, float(spacing))

    @classmethod
    def around(cls, coord: np.ndarray, margin: float, spacing: float) -> Grid:
        """Smallest grid that reaches ``margin`` (angstrom) beyond every one of ``coord``, shape=(n, 3).

        Its origin is snapped to multiples of ``spacing``, so that the same atoms always give the same voxels.
        """
        low = np.floor((np.min(coord, axis=0).astype(float) - margin) / spacing)
        high = np.ceil((np.max(coord, axis=0).astype(float) + margin) / spacing)
        shape = tuple(int(n) for n in high - low + 1)
        return cls(tuple(float(v) for v in low * spacing), shape, float(spacing))

    def to_index(self, coord: np.ndarray) -> np.ndarray:
        """Fractional voxel indices of positions in angstrom, shape=(n, 3), dtype=float64."""
        return (np.asarray(coord, float) - self.origin) / self.spacing

    def to_coord(self, index: np.ndarray) -> np.ndarray:
        """Positions in angstrom of (fractional) voxel indices, shape=(n, 3), dtype=float64."""
        return np.asarray(index, float) * self.spacing + self.origin

    def window(self, start, shape) -> Grid:
        """The sub-grid of ``shape`` voxels that begins at voxel ``start``."""
        origin = self.to_coord(np.asarray(start))
        return Grid(tuple(float(v) for v in origin), tuple(int(n) for n in shape), self.spacing)


@dataclass(frozen=True)
class Volume:
    """Values on a grid: features, labels and probabilities alike.

    Attributes
    ----------
    values : ndarray, shape=(x, y, z, channel)
        Maps of very large structures: a :class:`~pocketvox.voxel.tiles.TiledArray`, which is on disk.
    grid : Grid
    channels : tuple of str
        Names along the last axis.
    """

    values: np.ndarray
    grid: Grid
    channels: tuple[str, ...]

    def __getitem__(self, channel: str) -> Volume:
        """The volume of one channel, shape=(x, y, z, 1).

        Raises
        ------
        KeyError
            If there is no such channel.
        """
        if channel not in self.channels:
            raise KeyError(f"No channel {channel!r}. Expected one of: {', '.join(self.channels)}.")
        k = self.channels.index(channel)
        return Volume(self.values[..., k : k + 1], self.grid, (channel,))
