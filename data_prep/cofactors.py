"""Hetero groups as pieces: what the reader leaves in the receptor or aside, or curation rejects, though it is bound.

Prosthetic groups, cofactors, additives, glycans, covalent ligands, further copies of a given ligand. A metal of the
group stays in the receptor, to be bound there; residues that the group is bonded to are dropped.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from rdkit import Chem
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from data_prep import curate
from data_prep.pieces import METAL_WEIGHT, WEIGHTS, Piece, Pool, at_metals
from pocketvox.chemistry.elements import METALS
from pocketvox.chemistry.smarts import molecule_roles
from pocketvox.interactions.sites import covalent_neighbours
from pocketvox.structure.atoms import PROTEIN, WATER, Atoms, Complex
from pocketvox.structure.bonds import bonds_between_residues
from pocketvox.structure.components import component_atoms, component_mol
from pocketvox.structure.groups import find_groups
from pocketvox.structure.ligands import name_of

#: Factor for groups with a halogen that makes halogen bonds; those for aromatic and charged ones are as for residues.
HALOGEN_WEIGHT, RING_WEIGHT, CHARGE_WEIGHT = 15.0, WEIGHTS["PHE"], WEIGHTS["ASP"]
#: Groups of a structure that are looked at, the most wanted: there are hundreds of chlorophylls in a photosystem.
MOST_GROUPS = 30


def foreign_atoms(complex_: Complex, but: np.ndarray | None = None) -> np.ndarray:
    """Heavy atoms of ligands and additives, except those of the residues ``but``; shape=(n, 3), dtype=float32."""
    but = np.empty(0, int) if but is None else but
    residue, ignored = complex_.structure.atoms.residue, complex_.ignored
    aside = ignored.coord[ignored.heavy & ~np.isin(ignored.residue, but)]
    ligands = [ligand.coord for ligand in complex_.ligands if not np.isin(residue[ligand.index], but).any()]
    return np.concatenate([aside, *ligands])


def with_residues(complex_: Complex, residues: np.ndarray) -> Complex:
    """The complex with further residues of the structure in its receptor, which loses its hydrogens; no ligands."""
    atoms = complex_.structure.atoms
    kept = np.isin(atoms.residue, np.concatenate([complex_.receptor.residue, residues])) & (atoms.kind != WATER)
    return replace(complex_, receptor=atoms[kept & atoms.heavy], ligands=())


def with_peptides(complex_: Complex) -> Pool | None:
    """The receptor with the peptides that are ligands, without pieces; None if no ligand is a peptide."""
    atoms = complex_.structure.atoms
    peptides = [g.index for g in complex_.ligands if len(g.index) and (atoms.kind[g.index] == PROTEIN).any()]
    if not peptides:
        return None
    residues = np.unique(atoms.residue[np.concatenate(peptides)])
    return Pool(with_residues(complex_, residues), foreign_atoms(complex_, residues), ())


def find_cofactors(complex_: Complex) -> list[Pool]:
    """A pool for each group of the structure that could be a ligand and is none, or one that curation rejects.

    Parameters
    ----------
    complex_ : Complex
        As it was read.
    """
    structure = complex_.structure
    fit = [g.index for g in complex_.ligands if len(g.index) and curate.rejection(complex_, g) is None]
    used = np.concatenate([np.empty(0, int), *fit])
    groups = []
    for group in find_groups(structure):
        sized = curate.MIN_ATOMS <= structure.atoms.heavy[group.index].sum() <= 2 * curate.MAX_ATOMS
        if sized and not (group.polymer or group.in_chain or np.isin(group.index, used).any()):
            groups.append(group)
    groups.sort(key=lambda g: -max(map(component_weight, set(structure.atoms.res_name[g.index].tolist()))))
    pools = []
    for group in groups[:MOST_GROUPS]:
        residues = np.unique(structure.atoms.residue[group.index])
        widened = with_residues(complex_, residues)
        piece = _piece(widened.receptor, residues, name_of(structure.atoms, group.index))
        if piece is not None:
            pools.append(Pool(widened, foreign_atoms(complex_, residues), (piece,)))
    return pools


def _piece(atoms: Atoms, residues: np.ndarray, name: str) -> Piece | None:
    """A group of whole residues, apart from leaving groups at its bonds; None if it falls apart without its metals."""
    group = np.flatnonzero(np.isin(atoms.residue, residues))
    bonds = bonds_between_residues(atoms.coord, atoms.element, atoms.residue, group, np.arange(len(atoms)))
    missing = [_missing(atoms[atoms.residue == r]) for r in residues.tolist()]
    if None in missing or sum(missing) > len(bonds):
        return None
    own = group[~np.isin(atoms.element[group], list(METALS))]
    if not len(own) or not _connected(atoms[own]):
        return None
    outside = bonds[~np.isin(bonds, group).all(axis=1)]
    anchors = np.setdiff1d(outside, group)
    dropped = np.flatnonzero(np.isin(atoms.residue, atoms.residue[anchors]))
    near = covalent_neighbours(atoms.coord[dropped], atoms.element[dropped])[np.isin(dropped, anchors)]
    caps = np.union1d(anchors, dropped[near[near >= 0]]) if len(anchors) else np.empty(0, int)
    first = group[np.flatnonzero(np.diff(atoms.residue[group], prepend=-1))]
    keys = frozenset((str(atoms.res_name[i]), int(atoms.res_id[i]), str(atoms.ins_code[i])) for i in first)
    weight = max(component_weight(str(atoms.res_name[i])) for i in first)
    weight *= METAL_WEIGHT if at_metals(atoms)[own].any() else 1.0
    return Piece(name, own, caps, np.union1d(own, dropped), keys, weight)


def _connected(atoms: Atoms) -> bool:
    near = covalent_neighbours(atoms.coord, atoms.element)
    row, column = np.nonzero(near >= 0)
    graph = coo_array((np.ones(len(row), bool), (row, near[row, column])), shape=(len(near), len(near)))
    return connected_components(graph, directed=False)[0] == 1


def _missing(atoms: Atoms) -> int | None:
    """How many heavy atoms of its component a residue lacks; None if it is unknown or has others."""
    entry = component_atoms(str(atoms.res_name[0]))
    names = set(atoms.name.tolist())
    if entry is None or len(names) < len(atoms):
        return None
    expected = {name for name, (element, _) in entry[0].items() if element not in ("H", "D")}
    return None if names - expected else len(expected - names)


@cache
def component_weight(code: str) -> float:
    """How often a component is wanted: more if it has aromatic rings, charges or halogens."""
    mol = component_mol(code)
    if mol is None:
        return 1.0
    roles = molecule_roles(Chem.RemoveAllHs(mol, sanitize=False))  # with hydrogens it would keep acids neutral
    factors = (
        (roles.rings, RING_WEIGHT),
        (roles.positive or roles.negative, CHARGE_WEIGHT),
        (roles.halogen.any(), HALOGEN_WEIGHT),
    )
    return float(np.prod([factor for present, factor in factors if present]))
