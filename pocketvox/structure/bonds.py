"""Covalent bonds between residues, from distances."""

from __future__ import annotations

import numpy as np

from pocketvox.columns import distinct, is_any

from .neighbours import close_pairs

#: Covalent radii (angstrom): Cordero et al., Dalton Trans. 2832 (2008), doi:10.1039/b801115j.
COVALENT_RADIUS = {
    "H": 0.31, "D": 0.31, "B": 0.84, "C": 0.76, "N": 0.71, "O": 0.66, "F": 0.57, "Si": 1.11, "P": 1.07, "S": 1.05,
    "Cl": 1.02, "As": 1.19, "Se": 1.20, "Br": 1.20, "Te": 1.38, "I": 1.39,
}  # fmt: skip

#: A bond may be this much longer than the sum of the radii (angstrom); clashes of C with C begin at 1.77.
TOLERANCE = 0.25

#: Atoms closer than this are not bonded (angstrom).
SHORTEST_BOND = 0.8

#: Heavy atoms of two residues closer than this show that the residues are alternatives of one another (angstrom).
OVERLAP = 1.0

_MOST_JOINTS = 2  # bonds between two residues

_LONGEST_BOND = 2 * max(COVALENT_RADIUS.values()) + TOLERANCE


def covalent_radius(element: np.ndarray) -> np.ndarray:
    """Radii (angstrom), shape=(n,), dtype=float32; 0 for metals and unknown elements, which are never bonded."""
    values, inverse = distinct(element)
    return np.array([COVALENT_RADIUS.get(v, 0.0) for v in values] or [0.0], np.float32)[inverse]


def bonds_between_residues(
    coord: np.ndarray, element: np.ndarray, residue: np.ndarray, seeds: np.ndarray, others: np.ndarray
) -> np.ndarray:
    """Pairs of atoms of different residues at bonding distance.

    Parameters
    ----------
    coord : ndarray, shape=(n, 3)
        Positions (angstrom).
    element, residue : ndarray, shape=(n,)
        Element symbols and residue indices. Metals never bond here.
    seeds, others : ndarray of int
        Bonds from any of ``seeds`` to any of ``others`` are looked for (the two may overlap).

    Returns
    -------
    ndarray, shape=(k, 2), dtype=int32
        Atom indices, smaller first, sorted.
    """
    radius = covalent_radius(element)
    light = ~is_any(element, ("H", "D")) & (radius > 0)
    seeds, others = seeds[light[seeds]], others[light[others]]
    if not len(seeds) or not len(others):
        return np.empty((0, 2), np.int32)
    reach = min(_LONGEST_BOND, float(radius[seeds].max() + radius[others].max()) + TOLERANCE)
    i, j, _ = close_pairs(coord[seeds], coord[others], reach)
    if not len(i):
        return np.empty((0, 2), np.int32)
    i, j = seeds[i], others[j]
    distance = np.linalg.norm(coord[i] - coord[j], axis=1)
    bonded = (residue[i] != residue[j]) & (distance < radius[i] + radius[j] + TOLERANCE) & (distance > SHORTEST_BOND)
    bonded &= ~_overlapping(residue, i, j, distance, bonded)
    pairs = np.sort(np.stack([i[bonded], j[bonded]], axis=1), axis=1)
    return np.unique(pairs, axis=0).astype(np.int32)


def _overlapping(residue: np.ndarray, i: np.ndarray, j: np.ndarray, distance: np.ndarray, bonded: np.ndarray):
    """Pairs of residues that lie on top of one another (alternatives, clashes): true bonds are one or two, and long."""
    size = int(residue.max()) + 1
    low, high = np.minimum(residue[i], residue[j]).astype(np.int64), np.maximum(residue[i], residue[j])
    codes, pair = np.unique(low * size + high, return_inverse=True)
    both_ways = 1 + np.isin(i, j)  # pairs found from either end count once
    close = np.bincount(pair, (distance < OVERLAP) & (residue[i] != residue[j]), len(codes)) > 0
    many = np.bincount(pair, bonded / both_ways, len(codes)) > _MOST_JOINTS
    return (close | many)[pair]
