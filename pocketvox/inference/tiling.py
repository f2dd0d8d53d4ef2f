"""Volumes of any size through a network that sees one tile at a time.

A tile is a core, which is kept, and a halo around it, which is computed and thrown away, so that no voxel is taken from
near the faces of a tile, where a convolution lacks its neighbours. All tiles of a volume have one shape: the cores are
as even as multiples of the network's stride allow. Cores begin at multiples of the stride, so that pooling falls on the
same voxels whatever the tiles.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

from pocketvox.errors import ConfigError, UsageError
from pocketvox.features import FeaturePoints
from pocketvox.inference.engines import Engine, make_engine
from pocketvox.inference.presets import Preset
from pocketvox.voxel.augment import rotate_volume, unrotate_volume
from pocketvox.voxel.grid import Grid, Volume
from pocketvox.voxel.voxelize import voxelize

#: A map reaches this far beyond the receptor unless a grid is given (angstrom).
MARGIN = 6.0

#: Tiles with no receptor point this near to their core are not computed (angstrom): no ligand reaches across it.
REACH = 8.0


def sliding_window(
    predict: Callable[[np.ndarray], np.ndarray],
    window: Callable[[tuple[int, int, int], tuple[int, int, int]], np.ndarray | None],
    shape: tuple[int, int, int],
    *,
    roi_size: int,
    halo: int,
    stride: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Run ``predict`` over a volume, tile by tile.

    Parameters
    ----------
    predict : callable
        From (1, x, y, z, F) to (1, x, y, z, K).
    window : callable
        ``window(start, size)`` gives the input of the tile of ``size`` voxels that begins at voxel ``start``,
        shape=(*size, F); it may begin before or end after the volume. None leaves the tile's core at 0. See
        :func:`array_window`.
    shape : tuple of 3 ints
        Of the volume (voxels).
    roi_size : int
        Longest edge of a tile (voxels), a multiple of ``stride``.
    halo : int
        Voxels at each face that are not kept, a multiple of ``stride``.
    stride : int
        Edges of tiles are multiples of this.
    progress : callable, optional
        Called with tiles done and tiles in all after each.

    Returns
    -------
    ndarray, shape=(*shape, K), dtype=float32

    Raises
    ------
    UsageError
        If roi_size, halo and stride do not fit each other, or no tile has an input.
    """
    cores = tuple(_core(n, roi_size, halo, stride) for n in shape)
    starts = list(product(*(range(0, n, core) for n, core in zip(shape, cores, strict=True))))
    size = tuple(core + 2 * halo for core in cores)
    out = None
    for done, start in enumerate(starts, 1):
        x = window(tuple(s - halo for s in start), size)
        if x is not None:
            y = predict(x[None])[0]
            if out is None:
                out = np.zeros((*shape, y.shape[-1]), np.float32)
            kept = tuple(min(core, n - s) for s, core, n in zip(start, cores, shape, strict=True))
            target = tuple(slice(s, s + k) for s, k in zip(start, kept, strict=True))
            source = tuple(slice(halo, halo + k) for k in kept)
            out[target] = y[source]
        if progress is not None:
            progress(done, len(starts))
    if out is None:
        raise UsageError("Expected receptor atoms within reach of the grid. Received: none. Check the box's centre.")
    return out


def array_window(values: np.ndarray) -> Callable:
    """Windows of an array (x, y, z, F) for :func:`sliding_window`; 0 outside of it."""

    def window(start, size) -> np.ndarray:
        out = np.zeros((*size, values.shape[-1]), values.dtype)
        low = [max(s, 0) for s in start]
        high = [max(min(s + n, limit), b) for s, n, limit, b in zip(start, size, values.shape[:3], low, strict=True)]
        source = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        target = tuple(slice(a - s, b - s) for a, b, s in zip(low, high, start, strict=True))
        out[target] = values[source]
        return out

    return window


def points_window(points: FeaturePoints, grid: Grid, features: tuple[str, ...], halo: int) -> Callable:
    """Windows of voxelized receptor points for :func:`sliding_window`.

    None where no point is within ``REACH`` of the tile's core. Points outside the grid count: the network sees the
    receptor beyond the faces of a box.
    """

    def window(start, size) -> np.ndarray | None:
        part = grid.window(start, size)
        index = part.to_index(points.coord)
        margin = REACH / grid.spacing - halo
        if not ((index > -margin) & (index < np.array(size) - 1 + margin)).all(axis=1).any():
            return None
        return voxelize(points.coord, points.features, points.radius, part, features).values

    return window


def predict_volume(
    preset: Preset,
    points: FeaturePoints,
    grid: Grid | None = None,
    *,
    engine: str | Engine = "auto",
    threads: int | None = None,
    rotations: np.ndarray | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Volume:
    """Interaction map of a receptor.

    Parameters
    ----------
    preset : Preset
    points : FeaturePoints
        From :func:`pocketvox.features.receptor_points`.
    grid : Grid, optional
        Where; the whole receptor and ``MARGIN`` around it if not given.
    engine : str or callable
        As for :func:`pocketvox.inference.make_engine`. To predict many receptors pass an engine made once.
    threads : int, optional
        Processor threads; all if not given.
    rotations : ndarray, shape=(r, 3, 3), optional
        Some of ``cube_rotations()``: the result is the mean over the receptor seen in each.
    progress : callable, optional
        Called with tiles done and tiles in all.

    Returns
    -------
    Volume
        Probabilities, dtype=float32, over the preset's channels: typed channels conditional on a ligand atom being
        there, ``ligand`` as it is. 0 in tiles far from the receptor.

    Raises
    ------
    ConfigError
        If the grid's spacing is not the preset's.
    UsageError
        If no receptor point is within reach of the grid.
    """
    if grid is None:
        grid = Grid.around(points.coord, MARGIN, preset.spacing)
    if not np.isclose(grid.spacing, preset.spacing):
        raise ConfigError(f"Expected a grid of spacing {preset.spacing} A ({preset.name}). Received: {grid.spacing} A.")
    config = preset.config
    values = sliding_window(
        averaged(make_engine(preset, engine, threads), rotations),
        points_window(points, grid, preset.features, config.halo),
        grid.shape,
        roi_size=config.roi_size,
        halo=config.halo,
        stride=config.network.stride,
        progress=progress,
    )
    return Volume(values, grid, preset.channels)


def averaged(predict: Callable, rotations: np.ndarray | None) -> Callable:
    """``predict`` averaged over rotated views of its input, each turned back; ``predict`` itself without rotations."""
    if rotations is None or not len(rotations):
        return predict

    def mean(x: np.ndarray) -> np.ndarray:
        views = [unrotate_volume(predict(rotate_volume(x[0], r)[None])[0], r) for r in rotations]
        return np.mean(views, axis=0, dtype=np.float32)[None]

    return mean


def _core(n: int, roi_size: int, halo: int, stride: int) -> int:
    """Edge of the kept part of a tile along an axis of n voxels."""
    if roi_size % stride or halo % stride or 2 * halo + stride > roi_size or halo < 0:
        raise UsageError(
            f"Expected roi_size and halo: multiples of {stride}, 2 * halo below roi_size. Received: {roi_size}, {halo}."
        )
    largest = roi_size - 2 * halo
    tiles = -(-n // largest)
    return -(-n // (tiles * stride)) * stride
