"""Checks of what callers pass to the voxel functions, with errors that name the remedy."""

from __future__ import annotations

import numpy as np

from pocketvox.errors import InputError


def checked_coord(coord, name: str = "coord") -> np.ndarray:
    """``coord`` as a finite float64 array, shape=(n, 3); any empty input becomes shape=(0, 3).

    Raises
    ------
    InputError
        If its shape is another, or a coordinate is NaN or infinite.
    """
    coord = np.asarray(coord, np.float64)
    if coord.size == 0:
        return coord.reshape(0, 3)
    if coord.ndim != 2 or coord.shape[1] != 3:
        raise InputError(
            f"Expected {name} of shape (n, 3) in angstrom. Received: shape {coord.shape}. "
            "Pass one row of x, y, z per atom or point."
        )
    if not np.isfinite(coord).all():
        row = int(np.flatnonzero(~np.isfinite(coord).all(axis=1))[0])
        raise InputError(
            f"Expected finite coordinates in {name}. Received: {coord[row].tolist()} in row {row}. "
            "Remove atoms without a position."
        )
    return coord


def checked_radius(radius, n: int) -> np.ndarray:
    """``radius`` as a float64 array, shape=(n,), from one number or one per atom (angstrom).

    Raises
    ------
    InputError
        If its shape is another, or a radius is not a positive finite number.
    """
    radius = np.asarray(radius, np.float64)
    if radius.ndim > 1 or (radius.ndim == 1 and len(radius) != n):
        raise InputError(
            f"Expected one radius, or one per atom: shape ({n},). Received: shape {radius.shape}. "
            "Select radii and coordinates by the same mask."
        )
    if not (np.isfinite(radius).all() and (radius > 0).all()):
        bad = radius[~(np.isfinite(radius) & (radius > 0))].flat[0]
        raise InputError(
            f"Expected positive radii in angstrom. Received: {bad}. Remove atoms that should not count, "
            "or set their features to zero."
        )
    return np.broadcast_to(radius, (n,))
