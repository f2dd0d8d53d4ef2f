"""What is to be explained: one channel at a point or in a pocket, and the box of the receptor that is looked at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pocketvox.channels import LABEL_RADIUS, LIGAND
from pocketvox.errors import InputError, UsageError
from pocketvox.inference.presets import Preset
from pocketvox.inference.tiling import REACH
from pocketvox.pockets import Hotspot, Pocket
from pocketvox.voxel import Grid, within

#: The box reaches this far beyond the voxels of a target (angstrom).
MARGIN = REACH
#: Largest box: memory and time grow with it.
MOST_VOXELS = 110**3


@dataclass(frozen=True)
class Target:
    """The mean of one channel's calibrated log-odds over some voxels.

    Attributes
    ----------
    name : str
    channel : str
    center : tuple of 3 floats
        Mean of the voxels' centres (angstrom).
    grid : Grid
        The box.
    mask : ndarray, shape=(x, y, z), dtype=bool
        The voxels, in the box.
    """

    name: str
    channel: str
    center: tuple[float, float, float]
    grid: Grid
    mask: np.ndarray


def point_target(preset: Preset, grid: Grid, coord, channel: str, *, name: str = "point") -> Target:
    """A channel around a point: in the ball of the label radius, as hot-spots are found.

    Parameters
    ----------
    preset : Preset
    grid : Grid
        Of the whole map; the box takes its voxels from it, so that the network sees the same numbers as in a scan.
    coord : array_like, shape=(3,)
        Position (angstrom).
    channel : str
    name : str

    Raises
    ------
    UsageError
        If the preset has no such channel.
    InputError
        If the point is outside the grid.
    """
    index = np.rint(grid.to_index(coord)).astype(int)
    if not ((index >= 0) & (index < grid.shape)).all():
        low, high = grid.to_coord((0, 0, 0)), grid.to_coord(np.array(grid.shape) - 1)
        span = ", ".join(f"{a:.1f} to {b:.1f}" for a, b in zip(low, high, strict=True))
        raise InputError(f"Expected a point in the map: {span} angstrom. Received: {np.round(coord, 3).tolist()}.")
    reach = math.ceil(LABEL_RADIUS / grid.spacing)
    start = index - reach
    ball = within([coord], grid.window(start, (2 * reach + 1,) * 3), LABEL_RADIUS)
    return _target(preset, grid, start + np.argwhere(ball), channel, name)


def hotspot_target(preset: Preset, grid: Grid, hotspot: Hotspot, *, name: str = "hot-spot") -> Target:
    """A hot-spot, as :func:`point_target`."""
    return point_target(preset, grid, hotspot.coord, hotspot.type, name=name)


def pocket_target(preset: Preset, grid: Grid, pocket: Pocket, channel: str = LIGAND) -> Target:
    """A channel in the voxels of a pocket.

    Parameters
    ----------
    preset, grid
        As for :func:`point_target`; the pocket is of a map on this grid.
    pocket : Pocket
    channel : str

    Raises
    ------
    UsageError
        If the preset has no such channel.
    InputError
        If the pocket is too large to be explained at once.
    """
    return _target(preset, grid, pocket.voxels, channel, pocket.name)


def _target(preset: Preset, grid: Grid, voxels: np.ndarray, channel: str, name: str) -> Target:
    """The target with the smallest box, of whole strides, that has the margin around it."""
    if channel not in preset.channels:
        raise UsageError(f"Expected a channel of {preset.name}: {', '.join(preset.channels)}. Received: {channel}.")
    stride, margin = preset.config.network.stride, math.ceil(MARGIN / grid.spacing)
    start = (voxels.min(axis=0) - margin) // stride * stride
    shape = -(-(voxels.max(axis=0) + 1 + margin - start) // stride) * stride
    if np.prod(shape, dtype=float) > MOST_VOXELS:
        raise InputError(
            f"Expected a target that a box of {MOST_VOXELS} voxels holds with {MARGIN:g} angstrom around it. "
            f"Received: {name}, {' x '.join(map(str, shape))} voxels. Explain a point or a hot-spot in it."
        )
    mask = np.zeros(shape, bool)
    mask[tuple((voxels - start).T)] = True
    center = grid.to_coord(voxels).mean(axis=0)
    return Target(name, channel, tuple(float(v) for v in center), grid.window(start, shape), mask)
