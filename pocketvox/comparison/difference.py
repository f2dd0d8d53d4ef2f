"""The difference of two maps on one grid."""

from __future__ import annotations

import numpy as np

from pocketvox.channels import LIGAND
from pocketvox.comparison.noise import NoiseFloor
from pocketvox.voxel.grid import Volume


def joint_value(maps: Volume, k: int) -> np.ndarray:
    """Joint value (conditional x ligand probability) of channel ``k``; of ``ligand`` it itself. shape=(x, y, z)."""
    values = maps.values[..., k]
    if maps.channels[k] == LIGAND or LIGAND not in maps.channels:
        return values
    return values * maps.values[..., maps.channels.index(LIGAND)]


def joint_difference(a: Volume, b: Volume, comparable: np.ndarray) -> Volume:
    """Joint values of ``b`` less those of ``a``; 0 where not comparable.

    Parameters
    ----------
    a, b : Volume
        Probabilities on one grid, shape=(x, y, z, channel).
    comparable : ndarray, shape=(x, y, z), dtype=bool

    Returns
    -------
    Volume
        dtype=float32.
    """
    values = np.empty(a.values.shape, np.float32)
    for k in range(values.shape[-1]):
        values[..., k] = np.where(comparable, joint_value(b, k) - joint_value(a, k), 0)
    return Volume(values, a.grid, a.channels)


def changed_volumes(difference: Volume, noise: NoiseFloor) -> dict[str, tuple[float, float]]:
    """Per channel the volume gained and lost above the noise of maps (angstrom^3)."""
    voxel = difference.grid.spacing**3
    found = {}
    for k, name in enumerate(difference.channels):
        if name in noise.map:
            values = difference.values[..., k]
            found[name] = tuple(
                float(n * voxel) for n in ((values > noise.map[name]).sum(), (values < -noise.map[name]).sum())
            )
    return found
