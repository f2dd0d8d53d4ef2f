"""Volumes of any size through a network that sees one tile at a time.

A tile is a core, which is kept, and a halo around it, which is computed and thrown away, so that no voxel is taken from
near the faces of a tile, where a convolution lacks its neighbours. All tiles of a volume have one shape: the cores are
as even as multiples of the network's stride allow. Cores begin at multiples of the stride, so that pooling falls on the
same voxels whatever the tiles.

With a halo of at least the network's reach (:func:`receptive_field`) the tiles make no difference. Presets may have a
smaller one, which was judged by scores.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

from pocketvox.background import ahead
from pocketvox.config import NetworkConfig
from pocketvox.errors import ConfigError, UsageError
from pocketvox.features import FeaturePoints
from pocketvox.inference.engines import Engine, make_engine
from pocketvox.inference.presets import Preset
from pocketvox.normalize import with_flexibility
from pocketvox.structure.neighbours import Buckets
from pocketvox.voxel.augment import cube_rotations, rotate_volume, unrotate_volume
from pocketvox.voxel.constraints import FARTHEST
from pocketvox.voxel.grid import Grid, Volume
from pocketvox.voxel.inputs import network_input
from pocketvox.voxel.tiles import TiledArray

#: A map reaches this far beyond the receptor unless a grid is given (angstrom).
MARGIN = 6.0

#: Tiles with no receptor point this near to their core are not computed (angstrom): no ligand reaches across it.
REACH = 8.0

#: Maps of more voxels than this are kept on disk instead of in memory: about 350 MB with eleven channels.
DENSE = 8_000_000

#: How many of the cube's rotations a prediction can be averaged over; see :func:`rotation_set`.
ROTATIONS = (1, 2, 4, 8, 12, 24)


def sliding_window(
    predict: Callable[[np.ndarray], np.ndarray],
    window: Callable[[tuple[int, int, int], tuple[int, int, int]], np.ndarray | None],
    shape: tuple[int, int, int],
    *,
    roi_size: int,
    halo: int,
    stride: int = 1,
    progress: Callable[[int, int], None] | None = None,
    dense: int | None = None,
) -> np.ndarray | TiledArray:
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
    dense : int, optional
        Volumes of more voxels are kept on disk; ``DENSE`` if not given.

    Returns
    -------
    ndarray or TiledArray, shape=(*shape, K), dtype=float32

    Raises
    ------
    UsageError
        If roi_size, halo and stride do not fit each other, or no tile has an input.
    """
    cores = tuple(_core(n, roi_size, halo, stride) for n in shape)
    starts = list(product(*(range(0, n, core) for n, core in zip(shape, cores, strict=True))))
    size = tuple(core + 2 * halo for core in cores)
    out = None
    inputs = ahead(lambda start: window(tuple(s - halo for s in start), size), starts)
    for done, (start, x) in enumerate(zip(starts, inputs, strict=True), 1):
        if x is not None:
            y = predict(x[None])[0]
            if out is None:
                whole = np.prod(shape, dtype=float) <= (DENSE if dense is None else dense)
                out = np.zeros((*shape, y.shape[-1]), np.float32) if whole else TiledArray((*shape, y.shape[-1]), cores)
            kept = tuple(min(core, n - s) for s, core, n in zip(start, cores, shape, strict=True))
            target = tuple(slice(s, s + k) for s, k in zip(start, kept, strict=True))
            source = tuple(slice(halo, halo + k) for k in kept)
            if isinstance(out, TiledArray):
                out.put(start, y[source])
            else:
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


def points_window(points: FeaturePoints, grid: Grid, network: NetworkConfig, halo: int, descriptors=()) -> Callable:
    """Windows of a network's input, made of feature points, for :func:`sliding_window`.

    None where no point is within ``REACH`` of the tile's core. Points outside the grid count: the network sees the
    receptor beyond the faces of a box.
    """
    from pocketvox.voxel.kernels import SUPPORT  # loads numba

    far = max(REACH, FARTHEST, SUPPORT * float(np.max(points.radius, initial=0.0))) + grid.spacing
    buckets = Buckets(points.coord, 2 * far)

    def window(start, size) -> np.ndarray | None:
        part = grid.window(start, size)
        coord, features, radius = points.coord, points.features, points.radius
        if not network.contacts:  # those of a ligand look farther
            low, high = part.to_coord(np.array([(0, 0, 0), np.array(size) - 1]))
            near = buckets.in_box(low - far, high + far)
            coord, features, radius = coord[near], features[near], radius[near]
        index = part.to_index(coord)
        margin = REACH / grid.spacing - halo
        if not ((index > -margin) & (index < np.array(size) - 1 + margin)).all(axis=1).any():
            return None
        return network_input(coord, features, radius, part, network, descriptors)

    return window


def predict_volume(
    preset: Preset,
    points: FeaturePoints,
    grid: Grid | None = None,
    *,
    engine: str | Engine = "auto",
    threads: int | None = None,
    rotations: int = 1,
    progress: Callable[[int, int], None] | None = None,
    descriptors=(),
) -> Volume:
    """Interaction map of a receptor, or of a complex: see :func:`pocketvox.inference.predict_complex`.

    Parameters
    ----------
    preset : Preset
    points : FeaturePoints
        From :func:`pocketvox.features.receptor_points`, and of a ligand if the network sees one.
    grid : Grid, optional
        Where; the whole receptor and ``MARGIN`` around it if not given.
    engine : str or callable
        As for :func:`pocketvox.inference.make_engine`. To predict many receptors pass an engine made once.
    threads : int, optional
        Processor threads; all if not given.
    rotations : int
        One of ``ROTATIONS``: the probabilities are the mean over so many orientations of the receptor, in so many times
        the time. See :func:`averaged`.
    progress : callable, optional
        Called with tiles done and tiles in all.
    descriptors : array_like, shape=(D,), optional
        Those of the preset, in its order.

    Returns
    -------
    Volume
        Probabilities, dtype=float32, over the preset's channels: typed channels conditional on a ligand atom being
        there, ``ligand`` as it is. 0 in tiles far from the receptor. Of more than ``DENSE`` voxels: a
        :class:`~pocketvox.voxel.tiles.TiledArray`.

    Raises
    ------
    ConfigError
        If the grid's spacing is not the preset's.
    UsageError
        If no receptor point is within reach of the grid, or there is no set of so many rotations.
    """
    if grid is None:
        grid = Grid.around(points.coord, MARGIN, preset.spacing)
    if not np.isclose(grid.spacing, preset.spacing):
        raise ConfigError(f"Expected a grid of spacing {preset.spacing} A ({preset.name}). Received: {grid.spacing} A.")
    config = preset.config
    points = with_flexibility(points, config.normalizer)
    values = sliding_window(
        averaged(make_engine(preset, engine, threads), rotations),
        points_window(points, grid, config.network, config.halo, descriptors),
        grid.shape,
        roi_size=config.roi_size,
        halo=config.halo,
        stride=config.network.stride,
        progress=progress,
    )
    return Volume(values, grid, preset.channels)


def averaged(predict: Callable[[np.ndarray], np.ndarray], rotations: int) -> Callable[[np.ndarray], np.ndarray]:
    """``predict`` averaged over rotated views of its input, each turned back.

    Turning is exact: values change places, none is interpolated. Tiles need not be cubes. Averaging log-odds instead
    gave the same scores of typed channels on validation proteins and a higher log-loss of ``ligand``.

    Parameters
    ----------
    predict : callable
        From (1, x, y, z, F) to (1, x, y, z, K).
    rotations : int
        As for :func:`rotation_set`. With 1 ``predict`` itself is returned.
    """
    turns = rotation_set(rotations)
    if len(turns) == 1:
        return predict

    def mean(x: np.ndarray) -> np.ndarray:
        total = 0.0
        for turn in turns:
            total = total + unrotate_volume(predict(rotate_volume(x[0], turn)[None])[0], turn)
        return (total / len(turns))[None]

    return mean


def rotation_set(n: int) -> np.ndarray:
    """The first n of the cube's 24 rotations, in an order in which they are far apart.

    First come the identity and the half turns about x, y and z (180 degrees from each other), then the eight turns
    about the cube's diagonals (of all twelve, no two nearer than 120 degrees), then the others. The first 2, 4, 12 and
    24 are groups: an average over them does not depend on which of their orientations the input has.

    Parameters
    ----------
    n : int
        One of ``ROTATIONS``.

    Returns
    -------
    ndarray, shape=(n, 3, 3), dtype=float64

    Raises
    ------
    UsageError
        If n is none of them.
    """
    if n not in ROTATIONS:
        raise UsageError(f"Expected rotations (--rotations): {', '.join(map(str, ROTATIONS))}. Received: {n}.")
    turns = cube_rotations()
    # an even permutation of the axes comes from a turn by 0, 120 or 180 degrees: these are the tetrahedral group
    even = np.array([np.linalg.det(np.abs(turn)) > 0 for turn in turns])
    return np.concatenate([turns[even], turns[~even]])[:n]


def receptive_field(network: NetworkConfig) -> int:
    """How far from a voxel its output can depend on the input: with such a halo the tiles make no difference.

    Parameters
    ----------
    network : NetworkConfig
        That does not see the ligand apart (no ``fusion``).

    Returns
    -------
    int
        Voxels, a multiple of the network's stride; an upper bound.
    """
    last = len(network.filters) - 1
    reach = 3 if network.patch > 1 else 0  # rims of patches, when taken and when put back
    for level, blocks in enumerate(network.blocks):
        convolutions = blocks * (2 if network.residual else 1) * (1 if level == last else 2)
        reach += convolutions * network.patch * 2**level
    return -(-(reach + network.stride - 1) // network.stride) * network.stride


def _core(n: int, roi_size: int, halo: int, stride: int) -> int:
    """Edge of the kept part of a tile along an axis of n voxels."""
    if roi_size % stride or halo % stride or 2 * halo + stride > roi_size or halo < 0:
        raise UsageError(
            f"Expected roi_size and halo: multiples of {stride}, 2 * halo below roi_size. Received: {roi_size}, {halo}."
        )
    largest = roi_size - 2 * halo
    tiles = -(-n // largest)
    return -(-n // (tiles * stride)) * stride
