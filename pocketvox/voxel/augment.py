"""Rotations: random ones for coordinates, the 24 of a cube also for grids.

A rotation matrix R moves a position x (a column vector, relative to the centre of rotation) to ``R @ x``.
"""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from pocketvox.errors import InputError


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    """Draw a rotation uniformly from SO(3).

    A normalised 4D Gaussian is uniform on the unit quaternions, and so on rotations [1]_.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape=(3, 3), dtype=float64

    References
    ----------
    .. [1] Shoemake, Graphics Gems III (1992), 124-132, doi:10.1016/B978-0-08-050755-2.50036-1
    """
    w, x, y, z = _unit(rng.standard_normal(4))
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def cube_rotations() -> np.ndarray:
    """The 24 proper rotations that map a cube onto itself.

    Their order is fixed: row permutations of the identity in lexicographic order, each with the signs of its rows in
    the order (+, +, +), (+, +, -), (+, -, +), ..., leaving out the reflections. The identity comes first.

    Returns
    -------
    ndarray, shape=(24, 3, 3), dtype=float64
        Entries are -1, 0 and 1.
    """
    signed = (np.diag(signs) @ np.eye(3)[list(order)] for order in permutations(range(3)) for signs in _SIGNS)
    return np.array([matrix for matrix in signed if np.linalg.det(matrix) > 0])


def rotate_coord(coord, rotation: np.ndarray, center=(0.0, 0.0, 0.0)) -> np.ndarray:
    """Rotate positions about ``center``.

    Parameters
    ----------
    coord : array_like, shape=(n, 3)
        Positions (angstrom).
    rotation : ndarray, shape=(3, 3)
    center : array_like, shape=(3,)
        Fixed point of the rotation (angstrom).

    Returns
    -------
    ndarray, shape=(n, 3), dtype=float64
    """
    center = np.asarray(center, np.float64)
    return (np.asarray(coord, np.float64) - center) @ np.asarray(rotation, np.float64).T + center


def rotate_volume(values: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Rotate grid values about the grid's centre by a cube rotation: exact, values only change place.

    It commutes with :func:`rotate_coord` about the centre of the grid: rotating atoms and then voxelizing gives what
    voxelizing and then rotating the volume gives.

    Parameters
    ----------
    values : ndarray, shape=(x, y, z, ...)
        Any values, channels last.
    rotation : ndarray, shape=(3, 3)
        One of :func:`cube_rotations`.

    Returns
    -------
    ndarray, C order
        A new array; x, y and z are permuted, so its shape differs if the grid is no cube.

    Raises
    ------
    InputError
        If the rotation is not one of the 24.
    """
    rotation = np.asarray(rotation, np.float64)
    source, signs = _axes(rotation)
    moved = np.transpose(values, (*source, *range(3, np.ndim(values))))
    return np.flip(moved, [axis for axis in range(3) if signs[axis] < 0]).copy()


def unrotate_volume(values: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Undo :func:`rotate_volume` with the same rotation."""
    return rotate_volume(values, np.transpose(rotation))


_SIGNS = tuple(product((1, -1), repeat=3))


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def _axes(rotation: np.ndarray) -> tuple[list[int], list[float]]:
    """For each new axis, the old axis it shows and its direction along it."""
    is_cube = rotation.shape == (3, 3) and (np.sort(np.abs(rotation), axis=1) == (0, 0, 1)).all()
    if not is_cube or np.linalg.det(rotation) < 0.5:
        raise InputError(
            f"Expected one of the 24 cube_rotations(). Received: {rotation.tolist()}. "
            "Rotate coordinates, then voxelize, for any other rotation."
        )
    source = np.abs(rotation).argmax(axis=1)
    return source.tolist(), rotation[range(3), source].tolist()
