"""Which ligands are fit to learn from: one predicate per rule, each rejection with its reason."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial import cKDTree

from pocketvox.chemistry.elements import METALS
from pocketvox.structure.atoms import Complex, Ligand

MIN_ATOMS, MAX_ATOMS = 6, 70
#: Elements a drug-like ligand is made of.
ELEMENTS = frozenset({"H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Se", "Br", "I"})
#: Nearer than this to anything but a metal, a ligand atom is bonded to the receptor or misplaced (angstrom).
CLASH = 2.0
#: A ligand in a pocket has this many receptor heavy atoms around it (within ``CONTACT`` angstrom).
CONTACT, MIN_CONTACTS = 4.5, 12
#: Positions are too uncertain beyond this (angstrom).
MAX_RESOLUTION = 3.5

Rule = Callable[[Complex, Ligand], bool]


def _size(_: Complex, ligand: Ligand) -> bool:
    return MIN_ATOMS <= len(ligand.coord) <= MAX_ATOMS


def _elements(_: Complex, ligand: Ligand) -> bool:
    return {a.GetSymbol() for a in ligand.mol.GetAtoms()} <= ELEMENTS


def _organic(_: Complex, ligand: Ligand) -> bool:
    return sum(a.GetSymbol() == "C" for a in ligand.mol.GetAtoms()) >= 3


def _bond_orders(_: Complex, ligand: Ligand) -> bool:
    return ligand.chemistry != "perceived"


def _no_clash(complex_: Complex, ligand: Ligand) -> bool:
    receptor = complex_.receptor
    bonding = receptor.heavy & ~np.isin(receptor.element, list(METALS))
    return cKDTree(receptor.coord[bonding]).query(ligand.coord)[0].min() >= CLASH


def _buried(complex_: Complex, ligand: Ligand) -> bool:
    heavy = complex_.receptor.coord[complex_.receptor.heavy]
    distance, _ = cKDTree(ligand.coord).query(heavy, distance_upper_bound=CONTACT)
    return int(np.isfinite(distance).sum()) >= MIN_CONTACTS


def _resolved(complex_: Complex, _: Ligand) -> bool:
    return complex_.structure.resolution is None or complex_.structure.resolution <= MAX_RESOLUTION


#: (reason of rejection, predicate that must hold), in the order they are tried.
RULES: tuple[tuple[str, Rule], ...] = (
    (f"fewer than {MIN_ATOMS} or more than {MAX_ATOMS} heavy atoms", _size),
    ("elements outside drug-like chemistry", _elements),
    ("fewer than 3 carbon atoms", _organic),
    ("bond orders known neither from a file nor from the component dictionary", _bond_orders),
    (f"resolution worse than {MAX_RESOLUTION} A", _resolved),
    (f"an atom nearer than {CLASH} A to the receptor (covalent or clashing)", _no_clash),
    (f"fewer than {MIN_CONTACTS} receptor atoms within {CONTACT} A", _buried),
)


def rejection(complex_: Complex, ligand: Ligand) -> str | None:
    """Why a ligand is unfit to learn from; None if it is fit."""
    return next((reason for reason, holds in RULES if not holds(complex_, ligand)), None)
