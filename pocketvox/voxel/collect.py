"""Voxels to atoms: what a weight on every voxel means for each atom's features and position.

Both loops are transposes of :mod:`pocketvox.voxel.spread`, in float64 throughout.
"""

from __future__ import annotations

import math

import numpy as np

from pocketvox.voxel.compiled import compiled, row_range


@compiled
def gather_atoms(field, index, features, support):
    """What every atom finds in ``field`` with its kernel and features: the transpose of spreading them.

    Parameters
    ----------
    field : ndarray, shape=(x, y, z, channel), dtype=float32 or float64, C order
    index : ndarray, shape=(n, 3), dtype=float64
        Positions in voxels.
    features : ndarray, shape=(n, channel), dtype=uint8 or float32
    support : ndarray, shape=(n,), dtype=float64
        In voxels.

    Returns
    -------
    ndarray, shape=(n, channel), dtype=float64
        For atom a and channel c, the sum over voxels of ``features[a, c] * w(d) * field[..., c]``.
    """
    nx, ny, nz, width = field.shape
    out = np.zeros((index.shape[0], width))
    for a in range(index.shape[0]):
        x, y, z = index[a, 0], index[a, 1], index[a, 2]
        s = support[a]
        inverse = 1.0 / (s * s)
        i0, i1 = row_range(x, s, nx)
        j0, j1 = row_range(y, s, ny)
        for i in range(i0, i1):
            rest_x = s * s - (i - x) ** 2
            for j in range(j0, j1):
                rest = rest_x - (j - y) ** 2
                if rest <= 0.0:
                    continue
                k0, k1 = row_range(z, math.sqrt(rest), nz)
                for k in range(k0, k1):
                    t = max((rest - (k - z) ** 2) * inverse, 0.0)
                    for c in range(width):
                        if features[a, c] != 0:
                            out[a, c] += t * t * t * features[a, c] * field[i, j, k, c]
    return out


@compiled
def coord_gradients(field, index, support, starts, channel, value, out):
    """Derivatives by the atoms' positions of the sum over voxels and channels of ``field`` times the feature grid.

    Parameters
    ----------
    field : ndarray, shape=(x, y, z, channel), dtype=float32, C order
    index : ndarray, shape=(n, 3), dtype=float64
        Positions in voxels.
    support : ndarray, shape=(n,), dtype=float64
        In voxels.
    starts : ndarray, shape=(n + 1,), dtype=int64
        Atom a has the features ``starts[a]`` to ``starts[a + 1]``.
    channel : ndarray, shape=(m,), dtype=int64
    value : ndarray, shape=(m,), dtype=float32
    out : ndarray, shape=(n, 3), dtype=float64
        Filled, per voxel edge.
    """
    nx, ny, nz, _ = field.shape
    for a in range(index.shape[0]):
        x, y, z, s = index[a, 0], index[a, 1], index[a, 2], support[a]
        inverse = 1.0 / (s * s)
        i0, i1 = row_range(x, s, nx)
        j0, j1 = row_range(y, s, ny)
        sum_x = sum_y = sum_z = 0.0
        for i in range(i0, i1):
            rest_x = s * s - (i - x) ** 2
            for j in range(j0, j1):
                rest = rest_x - (j - y) ** 2
                if rest <= 0.0:
                    continue
                k0, k1 = row_range(z, math.sqrt(rest), nz)
                row = row_z = 0.0
                for k in range(k0, k1):
                    weight = 0.0
                    for f in range(starts[a], starts[a + 1]):
                        weight += field[i, j, k, channel[f]] * value[f]
                    t = max((rest - (k - z) ** 2) * inverse, 0.0)
                    row += weight * t * t
                    row_z += weight * t * t * (k - z)
                sum_x += row * (i - x)
                sum_y += row * (j - y)
                sum_z += row_z
        out[a] = 6.0 * inverse * sum_x, 6.0 * inverse * sum_y, 6.0 * inverse * sum_z
