"""The kernel that turns an atom into voxel values, and compiled loops that mark voxels.

An atom of radius r adds ``w(d) = (1 - (d / s)**2)**3`` to every voxel centre closer than its support
``s = SUPPORT * r``, and nothing beyond. The kernel is 1 at the atom, 0.17 at its radius, and both its slope and its
curvature vanish at the support: sums over atoms are twice continuously differentiable, so that a small move of
an atom never makes a voxel jump.

The loops work in float64 index space (see :meth:`Grid.to_index`): whole-voxel translations and the 24
rotations of a cube change results by rounding only.
"""

from __future__ import annotations

import math

import numpy as np

from pocketvox.voxel.compiled import compiled, row_range

#: Support of the kernel in units of the atom's radius: w(r) = (1 - 1 / 1.5**2)**3 = 0.17, the rest is a soft rim.
SUPPORT = 1.5


def kernel(distance: np.ndarray, radius: np.ndarray | float) -> np.ndarray:
    """The kernel in plain numpy: the reference that the compiled loop is tested against.

    Parameters
    ----------
    distance : array_like
        Distances to the atom's centre (angstrom).
    radius : array_like, broadcast with ``distance``
        Radius of the atom (angstrom).

    Returns
    -------
    ndarray, dtype=float64
        Values from 0 to 1.
    """
    u = np.asarray(distance, np.float64) / (SUPPORT * np.asarray(radius, np.float64))
    return np.where(u < 1.0, (1.0 - np.minimum(u, 1.0) ** 2) ** 3, 0.0)


@compiled
def mark_spheres(out, index, channel, radius, code):
    """Set the bits of ``code`` in a point's channel of ``out`` wherever a voxel centre is within its radius.

    Parameters
    ----------
    out : ndarray, shape=(x, y, z, channel), dtype=uint8 or uint32, C order
    index : ndarray, shape=(n, 3), dtype=float64
        Positions in voxels.
    channel : ndarray, shape=(n,), dtype=int64
    radius : ndarray, shape=(n,), dtype=float64
        In voxels.
    code : uint8 or uint32
        As ``out``.
    """
    nx, ny, nz, _ = out.shape
    for a in range(index.shape[0]):
        x, y, z = index[a, 0], index[a, 1], index[a, 2]
        c, r = channel[a], radius[a]
        k0, k1 = row_range(z, r, nz)
        if k0 == k1:
            continue
        i0, i1 = row_range(x, r, nx)
        j0, j1 = row_range(y, r, ny)
        for i in range(i0, i1):
            for j in range(j0, j1):
                rest = r * r - (i - x) ** 2 - (j - y) ** 2
                if rest < 0.0:
                    continue
                k0, k1 = row_range(z, math.sqrt(rest), nz)
                for k in range(k0, k1):
                    out[i, j, k, c] |= code


@compiled
def nearest_squares(out, index, chosen, radius):
    """Lower ``out`` to the squared distance of each voxel centre from the nearest point within ``radius``.

    Parameters
    ----------
    out : ndarray, shape=(x, y, z, channel), dtype=float32, C order
        In squared voxels.
    index : ndarray, shape=(n, 3), dtype=float64
        Positions in voxels.
    chosen : ndarray, shape=(n, channel), dtype=bool
        Which channels each point counts in.
    radius : float
        In voxels.
    """
    nx, ny, nz, width = out.shape
    active = np.empty(width, np.uint64)
    for a in range(index.shape[0]):
        x, y, z = index[a, 0], index[a, 1], index[a, 2]
        count = 0
        for c in range(width):
            if chosen[a, c]:
                active[count] = c
                count += 1
        k0, k1 = row_range(z, radius, nz)
        if count == 0 or k0 == k1:
            continue
        i0, i1 = row_range(x, radius, nx)
        j0, j1 = row_range(y, radius, ny)
        for i in range(i0, i1):
            for j in range(j0, j1):
                flat = (i - x) ** 2 + (j - y) ** 2
                if flat > radius * radius:
                    continue
                k0, k1 = row_range(z, math.sqrt(radius * radius - flat), nz)
                for k in range(k0, k1):
                    square = np.float32(flat + (k - z) ** 2)
                    for m in range(count):
                        if square < out[i, j, k, active[m]]:
                            out[i, j, k, active[m]] = square


@compiled
def paint_spheres(out, index, first, radius, values):
    """Put a point's values into channels of ``out`` where a voxel centre is within ``radius`` of it, the last on top.

    Parameters
    ----------
    out : ndarray, shape=(x, y, z, channel), dtype=float32, C order
    index : ndarray, shape=(n, 3), dtype=float64
        Positions in voxels.
    first : int
        Channel of the first value.
    radius : float
        In voxels.
    values : ndarray, shape=(n, m), dtype=float32
    """
    nx, ny, nz, _ = out.shape
    for a in range(index.shape[0]):
        x, y, z = index[a, 0], index[a, 1], index[a, 2]
        i0, i1 = row_range(x, radius, nx)
        j0, j1 = row_range(y, radius, ny)
        for i in range(i0, i1):
            for j in range(j0, j1):
                rest = radius * radius - (i - x) ** 2 - (j - y) ** 2
                if rest < 0.0:
                    continue
                k0, k1 = row_range(z, math.sqrt(rest), nz)
                for k in range(k0, k1):
                    for m in range(values.shape[1]):
                        out[i, j, k, first + m] = values[a, m]


@compiled
def fill_forbidden(out, bits, excluded, required):
    """Set the last channels of ``out`` to 1 where a voxel has the excluded bit or lacks the one its channel requires.

    Parameters
    ----------
    out : ndarray, shape=(x, y, z, channel), dtype=float32, C order
    bits : ndarray, shape=(x, y, z), dtype=uint32
    excluded : uint32
    required : ndarray, shape=(m,), dtype=uint32
        For each of the last m channels; 0 requires nothing.
    """
    nx, ny, nz, width = out.shape
    first = width - required.shape[0]
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                here = bits[i, j, k]
                for c in range(required.shape[0]):
                    if here & excluded or here & required[c] != required[c]:
                        out[i, j, k, first + c] = 1.0
