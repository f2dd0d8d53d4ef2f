"""Interaction points in, label grids out: which voxels count as an interaction, which as ligand.

A voxel belongs to a point if the distance of its centre is at most the radius. Distances are compared in float64 with
:data:`TIE` added to the radius, so that exact ties fall inside whatever the origin of the grid.
"""

from __future__ import annotations

import numpy as np

from pocketvox.channels import CHANNELS, ENVELOPE_RADIUS, LABEL_RADIUS, LIGAND, TYPED
from pocketvox.errors import InputError
from pocketvox.voxel.checks import checked_coord, checked_radius
from pocketvox.voxel.grid import Grid, Volume

#: Added to every radius (angstrom): far above float64 rounding, far below the 0.001 A that structure files resolve.
TIE = 1e-6


def label_volume(point, channel, ligand_coord, grid: Grid) -> Volume:
    """Label grid of a complex: voxels within ``LABEL_RADIUS`` of its interaction points and ligand atoms.

    Parameters
    ----------
    point : array_like, shape=(k, 3)
        Ligand-side positions of interactions (angstrom).
    channel : array_like, shape=(k,), integer
        Index into ``CHANNELS`` of each point's type.
    ligand_coord : array_like, shape=(m, 3)
        Heavy atoms of the ligands (angstrom): the ``ligand`` channel.
    grid : Grid

    Returns
    -------
    Volume
        Values 0 or 1 of shape (x, y, z, channel), dtype=uint8, over all of ``CHANNELS``.

    Raises
    ------
    InputError
        If shapes disagree, a coordinate is not finite, or a channel is not an interaction type.
    """
    point = checked_coord(point, "point")
    ligand_coord = checked_coord(ligand_coord, "ligand_coord")
    channel = _checked_channel(channel, len(point))
    out = np.zeros((*grid.shape, len(CHANNELS)), np.uint8)
    _mark(out, point, channel, grid, LABEL_RADIUS)
    _mark(out, ligand_coord, np.full(len(ligand_coord), CHANNELS.index(LIGAND)), grid, LABEL_RADIUS)
    return Volume(out, grid, CHANNELS)


def envelope(ligand_coord, grid: Grid, radius: float = ENVELOPE_RADIUS) -> np.ndarray:
    """Where typed channels are known: voxels within ``radius`` (angstrom) of a ligand heavy atom.

    Same arguments, result and errors as :func:`within`.
    """
    return within(ligand_coord, grid, radius)


def within(coord, grid: Grid, radius: float) -> np.ndarray:
    """Voxels whose centre is at most ``radius`` from any of the positions.

    Parameters
    ----------
    coord : array_like, shape=(n, 3)
        Positions (angstrom).
    grid : Grid
    radius : float
        Distance (angstrom).

    Returns
    -------
    ndarray, shape=(x, y, z), dtype=bool

    Raises
    ------
    InputError
        If a coordinate is not finite or the radius is not positive.

    Examples
    --------
    >>> grid = Grid.centred((0, 0, 0), (1, 1, 5), 0.5)
    >>> within([[0.0, 0.0, 0.0]], grid, 0.5)[0, 0].tolist()
    [False, True, True, True, False]
    """
    coord = checked_coord(coord)
    checked_radius(radius, 1)
    out = np.zeros((*grid.shape, 1), np.uint8)
    _mark(out, coord, np.zeros(len(coord), np.int64), grid, radius)
    return out[..., 0].view(bool)


def _mark(out: np.ndarray, coord: np.ndarray, channel: np.ndarray, grid: Grid, radius: float) -> None:
    """Set the voxels within ``radius`` of each position in its channel of ``out``."""
    from pocketvox.voxel import kernels  # numba takes 0.3 s to load: on first use

    reach = np.broadcast_to((radius + TIE) / grid.spacing, channel.shape)
    kernels.mark_spheres(out, grid.to_index(coord), channel.astype(np.int64), reach, np.uint8(1))


def _checked_channel(channel, n: int) -> np.ndarray:
    """Channel indices as int64, shape=(n,), each an interaction type."""
    channel = np.asarray(channel)
    if channel.size == 0:
        channel = channel.reshape(-1).astype(np.int64)
    if channel.shape != (n,) or not np.issubdtype(channel.dtype, np.integer):
        raise InputError(
            f"Expected one integer channel per interaction point: shape ({n},). "
            f"Received: {channel.dtype}, shape {channel.shape}."
        )
    channel = channel.astype(np.int64)
    if n and not (0 <= channel.min() and channel.max() < len(TYPED)):
        raise InputError(
            f"Expected channel indices from 0 to {len(TYPED) - 1} ({TYPED[0]} to {TYPED[-1]}). "
            f"Received: {channel.min()} to {channel.max()}. Ligand atoms are passed as ligand_coord."
        )
    return channel
