"""Atoms in, a feature grid out, and the way back: gradients.

The value of channel c at a voxel centre is the sum of ``features[a, c] * w(d)`` over the atoms a, with the kernel
``w`` of :mod:`pocketvox.voxel.kernels`. The compiled loops are imported on first use: numba takes 0.3 s to load.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pocketvox.errors import InputError
from pocketvox.voxel.checks import checked_coord, checked_radius
from pocketvox.voxel.grid import Grid, Volume
from pocketvox.voxel.parallel import for_each, part_count

#: What :func:`voxelize_into` does with the values that are there.
MODES = ("add", "zeroed", "overwrite")


def voxelize(coord, features, radius, grid: Grid, channels, *, threads: int = 1) -> Volume:
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
    threads : int
        Processors to use; the values do not depend on it.

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
    >>> volume.values[1, 1, :, 0].round(4)
    array([0.1715, 1.    , 0.1715], dtype=float32)
    """
    channels = tuple(channels)
    out = np.zeros((*grid.shape, len(channels)), np.float32)
    voxelize_into(out, coord, features, radius, grid, mode="zeroed", threads=threads)
    return Volume(out, grid, channels)


def voxelize_into(out: np.ndarray, coord, features, radius, grid: Grid, *, mode: str = "add", threads: int = 1) -> None:
    """Add the features of atoms to an existing array, for example one sample of a zeroed batch.

    Parameters
    ----------
    out : ndarray, shape=(x, y, z, channel), dtype=float32, C order
        Changed in place.
    coord, features, radius, grid, threads
        As in :func:`voxelize`.
    mode : str
        ``add`` to what is there; ``overwrite`` it, whatever it is, faster than clearing and adding; ``zeroed``, where
        it is known to be zero: only voxels near atoms are touched.

    Raises
    ------
    InputError
        As in :func:`voxelize`, if ``out`` does not fit the grid and the features, or if there is no such mode.
    """
    from pocketvox.voxel import spread

    coord = checked_coord(coord)
    features = _checked_features(features, len(coord), out.shape[-1])
    radius = checked_radius(radius, len(coord))
    if out.dtype != np.float32 or not out.flags.c_contiguous or out.shape[:-1] != grid.shape:
        raise InputError(
            f"Expected a C-ordered float32 array of shape {(*grid.shape, 'channel')} to add to. "
            f"Received: {out.dtype}, shape {out.shape}. Make it with np.zeros."
        )
    if mode not in MODES:
        raise InputError(f"Expected a mode of {', '.join(MODES)}. Received: {mode!r}.")
    atoms = near_atoms(coord, features, radius, grid)
    first, last = 0, out.shape[-1]
    if mode != "overwrite" and len(atoms.channel):
        first, last = int(atoms.channel.min()), int(atoms.channel.max()) + 1
    shape = spread.tile_shape(grid.shape, last - first)
    parts = part_count(threads, -(-grid.shape[0] // shape[0]))

    def fill(part: int) -> None:
        buffer = np.zeros(shape, np.float32)
        sparse = (atoms.starts, atoms.channel - first, atoms.value)
        how = (first, last, mode != "add", mode == "overwrite", part, parts)
        spread.add_atoms(out, buffer, atoms.index, atoms.support, *sparse, *how)

    for_each(fill, range(parts), threads)


def voxelize_batch(coords, features, radii, grids, channels, *, threads: int = 1) -> np.ndarray:
    """Voxelize many structures, each on a grid of its own; all grids have the same number of voxels.

    Parameters
    ----------
    coords, features, radii, grids : sequences of equal length
        For each structure what :func:`voxelize` takes.
    channels : sequence of str
        Names of the features.
    threads : int
        Structures to work on at the same time; the values do not depend on it.

    Returns
    -------
    ndarray, shape=(structure, x, y, z, channel), dtype=float32

    Raises
    ------
    InputError
        As in :func:`voxelize`, or if the sequences or the grids disagree.
    """
    lengths = [len(part) for part in (coords, features, radii, grids)]
    shapes = {grid.shape for grid in grids}
    if len(set(lengths)) != 1 or len(shapes) != 1:
        raise InputError(
            "Expected coords, features, radii and grids of one length, and grids of one shape. "
            f"Received: lengths {lengths}, shapes {sorted(shapes)}. Voxelize grids of different shapes one by one."
        )
    part_count(threads, len(grids))  # refuses what is no number of threads
    out = np.zeros((len(grids), *shapes.pop(), len(tuple(channels))), np.float32)
    samples = list(zip(out, coords, features, radii, grids, strict=True))
    for_each(lambda sample: voxelize_into(*sample, mode="zeroed"), samples, threads)
    return out


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
    from pocketvox.voxel import collect, kernels

    coord = checked_coord(coord)
    field = _checked_field(field, grid, np.float64)
    features = _checked_features(features, len(coord), field.shape[-1])
    support = checked_radius(radius, len(coord)) * (kernels.SUPPORT / grid.spacing)
    return collect.gather_atoms(field, grid.to_index(coord), features, support)


def coord_gradient(field: np.ndarray, coord, features, radius, grid: Grid, *, threads: int = 1) -> np.ndarray:
    """Derivative of a weighted sum of voxel values by the positions of the atoms.

    The sum is that over voxels and channels of ``field * voxelize(...)``; with the gradient of a loss by the voxel
    values as ``field``, the result is the gradient of the loss by the coordinates. The kernel is twice continuously
    differentiable, and so is the sum.

    Parameters
    ----------
    field : ndarray, shape=(x, y, z, channel)
        Weight of each voxel value; float32 is used as it is, anything else is converted to it.
    coord, features, radius, grid, threads
        As in :func:`voxelize`.

    Returns
    -------
    ndarray, shape=(n, 3), dtype=float64
        Per angstrom; 0 for atoms that do not reach the grid.

    Raises
    ------
    InputError
        As in :func:`voxelize`, or if ``field`` does not fit the grid.

    Examples
    --------
    >>> grid = Grid.centred((0, 0, 0), 3, 1.0)
    >>> field = np.zeros((3, 3, 3, 1), np.float32)
    >>> field[2, 1, 1, 0] = 1.0  # the voxel at x = 1
    >>> coord_gradient(field, [[0.0, 0.0, 0.0]], [[True]], 1.0, grid).round(4)
    array([[0.823, 0.   , 0.   ]])
    """
    from pocketvox.voxel import collect

    coord = checked_coord(coord)
    field = _checked_field(field, grid, np.float32)
    features = _checked_features(features, len(coord), field.shape[-1])
    atoms = near_atoms(coord, features, checked_radius(radius, len(coord)), grid)
    found = np.zeros((len(atoms.rows), 3))
    parts = part_count(threads, len(found))
    cuts = np.linspace(0, len(found), parts + 1).astype(int)

    def derive(part: int) -> None:
        here = slice(cuts[part], cuts[part + 1])
        starts = atoms.starts[here.start : here.stop + 1]
        collect.coord_gradients(
            field, atoms.index[here], atoms.support[here], starts, atoms.channel, atoms.value, found[here]
        )

    for_each(derive, range(parts), threads)
    out = np.zeros((len(coord), 3))
    out[atoms.rows] = found / grid.spacing
    return out


@dataclass(frozen=True)
class NearAtoms:
    """Atoms that reach a grid, in voxels and from low to high x, and their features that are not zero.

    ``rows`` (n,) says which atoms they are; atom a has the features ``starts[a]`` to ``starts[a + 1]`` of ``channel``
    and ``value``.
    """

    rows: np.ndarray
    index: np.ndarray
    support: np.ndarray
    starts: np.ndarray
    channel: np.ndarray
    value: np.ndarray


def near_atoms(coord: np.ndarray, features: np.ndarray, radius: np.ndarray, grid: Grid) -> NearAtoms:
    """The atoms that reach a grid, as the compiled loops take them."""
    from pocketvox.voxel import kernels, spread

    index = grid.to_index(coord)
    support = radius * (kernels.SUPPORT / grid.spacing)
    rows, front = spread.near_rows(index, support, grid.shape)
    rows = rows[np.argsort(front, kind="stable")]
    return NearAtoms(rows, index[rows], support[rows], *spread.list_features(features, rows))


def _checked_field(field, grid: Grid, dtype) -> np.ndarray:
    field = np.ascontiguousarray(field, dtype)
    if field.shape[:-1] != grid.shape:
        raise InputError(f"Expected a field of shape {(*grid.shape, 'channel')}. Received: {field.shape}.")
    return field


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
