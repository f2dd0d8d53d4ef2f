"""Baselines that need no training: what every learned map is reported beside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

#: Nearer than this to a receptor heavy atom the rule field is 0 (angstrom).
CLASH_DISTANCE = 2.4


@dataclass(frozen=True)
class Shell:
    """Where the rule field of a channel is high: ``distance`` (angstrom) from receptor points that have ``feature``.

    ``clash`` says whether it is 0 near receptor heavy atoms.
    """

    feature: str
    distance: float
    clash: bool = True


#: The rule field, a fixed reference that is never tuned: "0 where a receptor heavy atom is within 2.4 A, else 1 / (1 +
#: max(0, |d - d0|))", for rings "with no clipping". The maximum does nothing to an absolute value, so for rings either
#: nothing is left to be clipped, or the 0 near receptor atoms does not apply. The first reading scores higher, which is
#: the harder reference, and is used; the second is reported beside it.
RULES = {
    "hbond_donor": Shell("hbond_acceptor", 2.9),
    "hbond_acceptor": Shell("hbond_donor", 2.9),
    "hydrophobic": Shell("hydrophobic", 3.8),
    "pi_stacking": Shell("ring_center", 4.0),
}
RULES_UNCLIPPED = {"pi_stacking": Shell("ring_center", 4.0, clash=False)}


def rule_field(
    voxels: np.ndarray, coord: np.ndarray, features: np.ndarray, names: tuple[str, ...], rules: dict[str, Shell] = RULES
) -> np.ndarray:
    """Rule field at the given voxels: 1 / (1 + |d - distance|), d from the nearest receptor point of a kind.

    Parameters
    ----------
    voxels : ndarray, shape=(n, 3), dtype=float
        Voxel centres (angstrom).
    coord : ndarray, shape=(m, 3), dtype=float
        Feature points of the receptor (angstrom), see :class:`pocketvox.features.FeaturePoints`.
    features : ndarray, shape=(m, F), dtype=bool or uint8
    names : tuple of str
        Names of the columns of ``features``. Points with ``occupancy`` are the receptor's heavy atoms.
    rules : dict of str to Shell

    Returns
    -------
    ndarray, shape=(n, len(rules)), dtype=float32
        From 0 to 1, one column per rule. 0 everywhere if the receptor has no such point.
    """
    features = np.asarray(features, bool)
    out = np.zeros((len(voxels), len(rules)), np.float32)
    clash = _nearest(voxels, coord[features[:, names.index("occupancy")]]) <= CLASH_DISTANCE
    for k, rule in enumerate(rules.values()):
        distance = _nearest(voxels, coord[features[:, names.index(rule.feature)]])
        out[:, k] = 1.0 / (1.0 + np.abs(distance - rule.distance))
        if rule.clash:
            out[clash, k] = 0.0
    return out


def _nearest(voxels: np.ndarray, points: np.ndarray) -> np.ndarray:
    if not len(points):
        return np.full(len(voxels), np.inf)
    return cKDTree(points).query(voxels)[0]


def prevalence_field(n: int, prevalence: np.ndarray) -> np.ndarray:
    """The map that knows only how frequent each channel is: its average precision and best Jaccard are the prevalence.

    Parameters
    ----------
    n : int
        Number of voxels.
    prevalence : array_like, shape=(k,), dtype=float

    Returns
    -------
    ndarray, shape=(n, k), dtype=float32
    """
    return np.tile(np.asarray(prevalence, np.float32), (n, 1))
