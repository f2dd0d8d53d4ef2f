"""Residues joined by covalent bonds: the units that are receptor, ligand or neither."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pocketvox.columns import is_any

from .additives import PROSTHETIC, PROSTHETIC_IF_BOUND
from .atoms import NUCLEIC, OTHER, PROTEIN, WATER, Atoms, Structure
from .bonds import bonds_between_residues
from .neighbours import joined

#: A protein or nucleic acid chain of at most so many residues, beside a longer one, may be a ligand.
LONGEST_PEPTIDE, LONGEST_OLIGONUCLEOTIDE = 10, 4


@dataclass(frozen=True)
class Group:
    """Residues that are one molecule.

    Attributes
    ----------
    index : ndarray, shape=(n,), dtype=int
        Its atoms, ascending.
    bound_to, bound_via : int
        Polymer atom that it is bonded to and its own atom of that bond; -1 if it is not bonded.
    polymer : bool
        It is (or contains) a short chain of protein or nucleic acid.
    in_chain : bool
        Peptide bonds on both sides: an unusual residue of a chain.
    """

    index: np.ndarray
    bound_to: int = -1
    bound_via: int = -1
    polymer: bool = False
    in_chain: bool = False


def find_groups(structure: Structure, keep: frozenset[str] = frozenset()) -> list[Group]:
    """Groups of a structure in file order; polymer chains and water belong to none.

    A ligand bonded to a cofactor that belongs to the receptor (a prosthetic group, or one of the codes in ``keep``)
    is a group of its own, bound to the cofactor as if that were polymer.
    """
    atoms = structure.atoms
    short = _short_chains(atoms)
    free = (atoms.kind == OTHER) | short
    if not free.any():
        return []
    seeds = np.flatnonzero(free)
    bonds = bonds_between_residues(
        atoms.coord, atoms.element, atoms.residue, seeds, np.flatnonzero(atoms.kind != WATER)
    )
    bonds = np.concatenate([bonds, _declared(structure, free)])
    anchor = _anchors(atoms, free, bonds, keep)
    inside = free[bonds].all(axis=1) & (anchor[bonds[:, 0]] == anchor[bonds[:, 1]])
    label = _components(atoms, bonds[inside])
    attached: dict[int, tuple[int, int]] = {}
    joints: dict[int, set[str]] = {}
    for a, b in bonds[~inside].tolist():
        via, to = (a, b) if free[a] and not (anchor[a] and free[b]) else (b, a)
        attached.setdefault(int(label[via]), (to, via))
        joints.setdefault(int(label[via]), set()).add(str(atoms.name[to]))
    groups = []
    order = seeds[np.argsort(label[seeds], kind="stable")]
    for index in np.split(order, np.flatnonzero(np.diff(label[order])) + 1):
        to, via = attached.get(int(label[index[0]]), (-1, -1))
        if to >= 0 and short[index].any():
            continue  # a short chain bonded to a longer one, such as a light chain in two pieces, is receptor
        in_chain = {"C", "N"} <= joints.get(int(label[index[0]]), set())
        groups.append(Group(index, to, via, bool(short[index].any()), in_chain))
    return sorted(groups, key=lambda g: int(g.index[0]))


def _anchors(atoms: Atoms, free: np.ndarray, bonds: np.ndarray, keep: frozenset[str]) -> np.ndarray:
    """Atoms of cofactors that belong to the receptor, shape=(n,), dtype=bool."""
    anchor = is_any(atoms.res_name, PROSTHETIC | keep) & free
    outward = bonds[free[bonds].sum(axis=1) == 1]
    bound = atoms.residue[np.where(free[outward[:, 0]], outward[:, 0], outward[:, 1])]
    return anchor | np.isin(atoms.residue, bound) & is_any(atoms.res_name, PROSTHETIC_IF_BOUND) & free


def _short_chains(atoms: Atoms) -> np.ndarray:
    """Atoms of short polymer chains in a structure that has a longer one, shape=(n,), dtype=bool."""
    short = np.zeros(len(atoms), bool)
    longer = False
    for kind, longest in ((PROTEIN, LONGEST_PEPTIDE), (NUCLEIC, LONGEST_OLIGONUCLEOTIDE)):
        rows = np.flatnonzero(atoms.kind == kind)
        if not len(rows):
            continue
        first = rows[np.flatnonzero(np.diff(atoms.residue[rows], prepend=-1))]
        chains, count = np.unique(atoms.chain_id[first], return_counts=True)
        longer |= bool((count > longest).any())
        short[rows] = np.isin(atoms.chain_id[rows], chains[count <= longest])
    return short if longer else np.zeros(len(atoms), bool)


def _declared(structure: Structure, free: np.ndarray) -> np.ndarray:
    """Links that the file declares and that touch a free residue, shape=(k, 2)."""
    links = structure.links
    if not len(links):
        return np.empty((0, 2), np.int32)
    water = structure.atoms.kind[links] == WATER
    return links[free[links].any(axis=1) & ~water.any(axis=1)]


def _components(atoms: Atoms, bonds: np.ndarray) -> np.ndarray:
    """The first residue of each atom's component over whole residues, shape=(n,), dtype=int64."""
    return joined(int(atoms.residue[-1]) + 1, *atoms.residue[bonds].T)[atoms.residue]
