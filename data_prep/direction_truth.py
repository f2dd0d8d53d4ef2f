"""Where interactions point: the true directions at the interaction points of a complex, and how far a guess is off.

What a ligand group at a hot-spot should point to, from the interaction point on the ligand's side:

* ``hbond_donor``, ``hbond_acceptor``, ``halogen_bond``, ``metal``: the partner's heavy atom;
* ``salt_bridge_cation``, ``salt_bridge_anion``, ``pi_cation``: the middle of the partner's charged group or ring;
* ``water_bridge``: the oxygen of the bridging water;
* ``hydrophobic``: the mean of the unit vectors to all partners, the side on which the receptor is touched;
* ``pi_stacking``: two directions, each measured: the middle of the partner's ring, and the normal of the ligand's ring
  (:data:`AXIS`, without a sign).

A point with several partners has several true directions, and the nearest one counts: a ligand group that follows it
makes that interaction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from pocketvox.channels import CHANNELS
from pocketvox.interactions import Interactions, find_interactions
from pocketvox.structure.atoms import Complex

#: Key of the measured normals of ligand rings.
AXIS = "pi_stacking_normal"
#: A hot-spot is matched to the nearest true point of its type within this distance (angstrom).
MATCH = 1.5
#: A good direction is off by less than this (degrees).
GOOD = 30.0


@dataclass(frozen=True)
class Truth:
    """One interaction point with its true directions.

    Attributes
    ----------
    channel : str
    point : ndarray, shape=(3,), dtype=float64
        Angstrom.
    directions : ndarray, shape=(m, 3), dtype=float64
        Unit vectors, at least one.
    axis : ndarray, shape=(3,), dtype=float64
        Unit normal of the ligand's ring (``pi_stacking`` only, else NaN).
    """

    channel: str
    point: np.ndarray
    directions: np.ndarray
    axis: np.ndarray


def true_directions(complex_: Complex, found: Interactions | None = None) -> list[Truth]:
    """True directions at every interaction point of a complex.

    Parameters
    ----------
    complex_ : Complex
    found : Interactions, optional
        Of this complex; detected if not given.

    Returns
    -------
    list of Truth
        One per ligand, channel and position, however many partners it has.
    """
    found = find_interactions(complex_) if found is None else found
    rows: dict[tuple, list[int]] = {}
    for k in range(len(found)):
        key = (int(found.ligand[k]), int(found.channel[k]), *np.round(found.point[k].astype(float), 3).tolist())
        rows.setdefault(key, []).append(k)
    truths = []
    for members in rows.values():
        channel, point = CHANNELS[found.channel[members[0]]], found.point[members[0]].astype(float)
        directions = np.array([unit(_target(complex_, found, k) - point) for k in members])
        if channel == "hydrophobic":
            directions = unit(directions.sum(axis=0))[None]
        truths.append(Truth(channel, point, directions, _axis(complex_, found, members[0], channel)))
    return truths


def _target(complex_: Complex, found: Interactions, k: int) -> np.ndarray:
    """The bridging water, or the middle of the receptor atoms that take part."""
    if found.water[k] >= 0:
        return complex_.waters.coord[found.water[k]].astype(float)
    return complex_.receptor.coord[found.receptor_atoms[k]].astype(float).mean(axis=0)


def _axis(complex_: Complex, found: Interactions, k: int, channel: str) -> np.ndarray:
    if channel != "pi_stacking":
        return np.full(3, np.nan)
    ring = complex_.ligands[found.ligand[k]].coord[found.ligand_atoms[k]].astype(float)
    return np.linalg.svd(ring - ring.mean(axis=0))[2][2]


def unit(vector: np.ndarray) -> np.ndarray:
    """Vectors of length 1 along the last axis; those of length 0 stay."""
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    return vector / np.where(length > 1e-9, length, 1.0)


def direction_error(guess: np.ndarray, directions: np.ndarray) -> float:
    """Angle to the nearest true direction (degrees); 180 if the guess is zero."""
    if not np.any(guess):
        return 180.0
    return float(np.degrees(np.arccos(np.clip(np.max(directions @ unit(guess)), -1.0, 1.0))))


def axis_error(guess: np.ndarray, axis: np.ndarray) -> float:
    """Angle to an axis without a sign, 0 to 90 degrees; 90 if the guess is zero."""
    if not np.any(guess):
        return 90.0
    return float(np.degrees(np.arccos(np.clip(abs(axis @ unit(guess)), 0.0, 1.0))))


def match(channels: list[str], coord: np.ndarray, truths: list[Truth]) -> list[tuple[int, int]]:
    """Pairs (row of ``coord``, index into ``truths``): each point's nearest true one of its type within ``MATCH``."""
    pairs = []
    for name in sorted(set(channels)):
        rows = [k for k, channel in enumerate(channels) if channel == name]
        same = [k for k, truth in enumerate(truths) if truth.channel == name]
        if same:
            distance, nearest = cKDTree([truths[k].point for k in same]).query(coord[rows])
            pairs += [(r, same[n]) for r, d, n in zip(rows, distance, nearest, strict=True) if d <= MATCH]
    return pairs


def summary(errors: list[float]) -> dict[str, float]:
    """Count, median and 90th percentile (degrees), and the share that is less than ``GOOD`` off."""
    if not errors:
        return {"count": 0}
    return {
        "count": len(errors),
        "median": round(float(np.median(errors)), 1),
        "p90": round(float(np.percentile(errors, 90)), 1),
        "good": round(float(np.mean(np.array(errors) < GOOD)), 3),
    }
