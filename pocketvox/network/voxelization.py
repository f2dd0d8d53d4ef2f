"""The voxelizer in ``keras.ops``: differentiable by Keras's backend, and on a GPU where that has one.

It computes what :func:`pocketvox.voxel.voxelize` does, for a batch, as one scatter of small boxes around the atoms. On
a processor the compiled voxelizer is much faster; this one is for losses that depend on coordinates, and for structures
that are on the GPU already.
"""

from __future__ import annotations

import math

from keras import ops

from pocketvox.errors import InputError
from pocketvox.voxel.kernels import SUPPORT


def voxelize(coord, features, radius, shape: tuple[int, int, int], spacing: float, *, max_radius: float):
    """Spread the features of atoms over the voxels of a grid.

    Parameters
    ----------
    coord : tensor, shape=(b, n, 3), dtype=float32
        Positions relative to the centre of voxel (0, 0, 0) (angstrom): ``coord - grid.origin``, subtracted in float64,
        since float32 resolves distances from far origins too coarsely. Pad with atoms that have no features.
    features : tensor, shape=(b, n, channel), dtype=float32
    radius : tensor, shape=(b, n), dtype=float32
        Radii (angstrom), greater than 0.
    shape : tuple of 3 ints
        Voxels along x, y, z.
    spacing : float
        Edge of a voxel (angstrom).
    max_radius : float
        No radius is larger (angstrom): the size of the boxes. Of a larger atom, what lies outside its box is missing.

    Returns
    -------
    tensor, shape=(b, x, y, z, channel), dtype=float32
        Differentiable by ``coord``, ``features`` and ``radius``. Takes memory for b * n * box * channel values.

    Raises
    ------
    InputError
        If shapes disagree, or ``max_radius`` or ``spacing`` are not positive.

    Examples
    --------
    >>> from keras import ops
    >>> values = voxelize(ops.zeros((1, 1, 3)), ops.ones((1, 1, 1)), ops.ones((1, 1)), (2, 1, 1), 1.0, max_radius=1.0)
    >>> ops.convert_to_numpy(values)[0, :, 0, 0, 0].round(4)
    array([1.    , 0.1715], dtype=float32)
    """
    coord, features, radius = (ops.convert_to_tensor(part, "float32") for part in (coord, features, radius))
    _check(coord, features, radius, spacing, max_radius)
    batch, n, width = features.shape
    reach = SUPPORT * max_radius / spacing
    side = math.floor(2 * reach) + 1
    index = ops.expand_dims(coord / spacing, -1)
    support = ops.reshape(radius * (SUPPORT / spacing), (batch, n, 1, 1))
    first = ops.ceil(index - reach)
    at = ops.stop_gradient(first) + ops.arange(side, dtype="float32")  # (b, n, 3, side): voxels of the box, per axis
    size = ops.reshape(ops.convert_to_tensor(shape, "float32"), (3, 1))
    inside = ops.logical_and(at >= 0, at < size)
    squares = ops.where(inside, ops.square((at - index) / support), 1.0)  # 1 adds nothing
    x, y, z = (squares[:, :, axis] for axis in range(3))
    t = ops.relu(1 - x[:, :, :, None, None] - y[:, :, None, :, None] - z[:, :, None, None, :])
    values = ops.reshape(t * t * t, (batch, n, -1, 1)) * features[:, :, None]
    voxel = ops.cast(ops.clip(at, 0, size - 1), "int32")
    x, y, z = (voxel[:, :, axis] for axis in range(3))
    sample = ops.reshape(ops.arange(batch, dtype="int32"), (batch, 1, 1))
    plane = (sample * shape[0] + x)[:, :, :, None] * shape[1] + y[:, :, None]
    target = plane[..., None] * shape[2] + z[:, :, None, None]
    summed = ops.segment_sum(
        ops.reshape(values, (-1, width)), ops.reshape(target, (-1,)), num_segments=batch * math.prod(shape)
    )
    return ops.reshape(summed, (batch, *shape, width))


def _check(coord, features, radius, spacing: float, max_radius: float) -> None:
    batch, n = tuple(features.shape)[:2]
    if tuple(coord.shape) != (batch, n, 3) or tuple(radius.shape) != (batch, n) or len(features.shape) != 3:
        raise InputError(
            "Expected coord (b, n, 3), features (b, n, channel) and radius (b, n). "
            f"Received: {tuple(coord.shape)}, {tuple(features.shape)} and {tuple(radius.shape)}. "
            "Pad structures to one number of atoms, with features of zero."
        )
    if not (spacing > 0 and max_radius > 0):
        raise InputError(
            f"Expected positive lengths in angstrom. Received: spacing {spacing}, max_radius {max_radius}."
        )
