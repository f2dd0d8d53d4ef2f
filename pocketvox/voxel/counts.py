"""How many interactions a map promises in a pocket: its integral in units of what one interaction adds to a label."""

from __future__ import annotations

import math

import numpy as np

from pocketvox.channels import LABEL_RADIUS, LIGAND
from pocketvox.voxel.grid import Volume

#: Volume of the ball that one interaction point labels (angstrom^3): the unit of expected counts.
LABEL_VOLUME = 4 / 3 * math.pi * LABEL_RADIUS**3


def expected_counts(volume: Volume, voxels: np.ndarray) -> dict[str, float]:
    """Integral of a map over some voxels, per channel, in label volumes.

    Typed channels, which are conditional, are first multiplied by ``ligand``: the count is that of points of a ligand
    that has yet to bind. In a perfect map a point farther than two label radii from the others of its channel counts 1;
    balls that overlap, as those of bonded atoms do, count once where they overlap. So a count is at most the number of
    points, and that of ``ligand`` well below the number of atoms.

    Parameters
    ----------
    volume : Volume
        Probabilities.
    voxels : ndarray, shape=(n, 3), dtype=int
        Of a pocket; each once.

    Returns
    -------
    dict of str to float
        By channel; summed in float64.
    """
    values = volume.values[tuple(np.asarray(voxels, int).reshape(-1, 3).T)].astype(np.float64)
    if LIGAND in volume.channels:
        k = volume.channels.index(LIGAND)
        values[:, :k] *= values[:, k : k + 1]
        values[:, k + 1 :] *= values[:, k : k + 1]
    totals = values.sum(axis=0) * (volume.grid.spacing**3 / LABEL_VOLUME)
    return {name: float(total) for name, total in zip(volume.channels, totals, strict=True)}
