"""Atoms in, a feature grid out.

The value of channel c at a voxel centre is the sum of ``features[a, c] * w(d)`` over the atoms a, with the kernel
``w`` of :mod:`pocketvox.voxel.kernels`. The compiled loops are imported on first use: numba takes 0.3 s to load.
"""

from __future__ import annotations

import numpy as np

from pocketvox.errors import InputError
from pocketvox.voxel.checks import checked_coord, checked_radius
from pocketvox.voxel.grid import Grid, Volume


def voxelize(coord, features, radius, grid: Grid, channels) -> Volume:
    """Spread the features of atoms over the voxels of a grid.

    Parameters
    ----------
    coord : array_like, shape=(n, 3)
        Positions (angstrom). Atoms out of reach of the grid are skipped at once: no need to select them first.
    features : array_like, shape=(n, channel), boolean or real
        What each atom adds to each channel.
    radius : array_like, shape=(n,), or float
        Radii (angstrom).
    grid : Grid
    channels : sequence of str
        Names of the features.

    Returns
    -------
    Volume
        Values of shape (x, y, z, channel), dtype=float32.

    Raises
    ------
    InputError
        If shapes disagree, a coordinate or feature is not finite, or a radius is not positive.

    Examples
    --------
    >>> grid = Grid.centred((0, 0, 0), 3, 1.0)
    >>> volume = voxelize([[0.0, 0.0, 0.0]], [[True]], 1.0, grid, ["carbon"])
    >>> volume.values[1, 1, :, 0]
    array([0.17146777, 1.        , 0.17146777], dtype=float32)
    """
    channels = tuple(channels)
    out = np.zeros((*grid.shape, len(channels)), np.float32)
    voxelize_into(out, coord, features, radius, grid)
    return Volume(out, grid, channels)


def voxelize_into(out: np.ndarray, coord, features, radius, grid: Grid) -> None:
    """Add the features of atoms to an existing array, for example one sample of a zeroed batch.

    Parameters
    ----------
    out : ndarray, shape=(x, y, z, channel), dtype=float32, C order
        Changed in place.
    coord, features, radius, grid
        As in :func:`voxelize`.

    Raises
    ------
    InputError
        As in :func:`voxelize`, or if ``out`` does not fit the grid and the features.
    """
    from pocketvox.voxel import kernels

    coord = checked_coord(coord)
    features = _checked_features(features, len(coord), out.shape[-1])
    support = checked_radius(radius, len(coord)) * (kernels.SUPPORT / grid.spacing)
    if out.dtype != np.float32 or not out.flags.c_contiguous or out.shape[:-1] != grid.shape:
        raise InputError(
            f"Expected a C-ordered float32 array of shape {(*grid.shape, 'channel')} to add to. "
            f"Received: {out.dtype}, shape {out.shape}. Make it with np.zeros."
        )
    kernels.add_atoms(out, grid.to_index(coord), features, support)


def gather(field: np.ndarray, coord, features, radius, grid: Grid) -> np.ndarray:
    """Share of each atom in a weighted sum of voxel values: the transpose of :func:`voxelize_into`.

    The sum over voxels and channels of ``field * voxelize(...)`` is the sum of the result over atoms and channels.

    Parameters
    ----------
    field : ndarray, shape=(x, y, z, channel)
        Weight of each voxel value, a gradient for example.
    coord, features, radius, grid
        As in :func:`voxelize`.

    Returns
    -------
    ndarray, shape=(n, channel), dtype=float64

    Raises
    ------
    InputError
        As in :func:`voxelize`, or if ``field`` does not fit the grid.
    """
    from pocketvox.voxel import kernels

    coord = checked_coord(coord)
    field = np.ascontiguousarray(field, np.float64)
    if field.shape[:-1] != grid.shape:
        raise InputError(f"Expected a field of shape {(*grid.shape, 'channel')}. Received: {field.shape}.")
    features = _checked_features(features, len(coord), field.shape[-1])
    support = checked_radius(radius, len(coord)) * (kernels.SUPPORT / grid.spacing)
    return kernels.gather_atoms(field, grid.to_index(coord), features, support)


def _checked_features(features, n: int, width: int) -> np.ndarray:
    """Features as uint8 (boolean) or float32 (any other), shape=(n, width)."""
    features = np.asarray(features)
    if n == 0 and features.size == 0:
        features = features.reshape(0, width)
    if features.shape != (n, width):
        raise InputError(
            f"Expected features of shape ({n}, {width}): atoms x channels. Received: shape {features.shape}. "
            "Give one row per atom and one name per column."
        )
    if features.dtype == bool:
        return np.ascontiguousarray(features).view(np.uint8)
    features = np.ascontiguousarray(features, features.dtype if features.dtype == np.uint8 else np.float32)
    if not np.isfinite(features).all():
        row = int(np.flatnonzero(~np.isfinite(features).all(axis=1))[0])
        raise InputError(
            f"Expected finite features. Received: {features[row].tolist()} in row {row}. Replace missing values."
        )
    return features
