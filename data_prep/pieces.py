"""Pieces of a structure that could be its ligands, and which of them are chosen.

A piece of a protein is one to three residues of a chain, or one long side chain; none is at a chain's end or bonded
across the chain. By its contacts it is of the kind *residues* (mostly with its own chain), *interfaces* (with other
chains) or *peptides* (a short chain's, with longer proteins). Pieces of the kinds *nucleotides* and *cofactors* come
from :mod:`data_prep.nucleotides` and :mod:`data_prep.cofactors`. Pieces with rare interactions are wanted more often,
and of all only those that are as buried as real ligands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.spatial import cKDTree

from data_prep import curate
from pocketvox.chemistry.elements import METALS
from pocketvox.chemistry.residues import NEGATIVE_GROUPS, POSITIVE_GROUPS, RINGS
from pocketvox.structure.atoms import OTHER, PROTEIN, WATER, Atoms, Complex, residue_label
from pocketvox.structure.bonds import bonds_between_residues
from pocketvox.structure.components import component_atoms

#: Kinds of piece, rare ones first: the order in which those of a structure take turns.
KINDS = ("cofactors", "nucleotides", "peptides", "interfaces", "residues")
#: Heavy atoms of a piece of a chain, residues of the longest one, and residues dropped on either side of it.
MIN_ATOMS, MAX_ATOMS, LONGEST, DROPPED = 6, 25, 3, 3
#: Longest peptide bond (angstrom); a longer distance is a gap in the model.
PEPTIDE_BOND = 1.8
#: Residues of the longest peptide; a longer chain is a protein.
LONGEST_PEPTIDE = 20
#: Coordination distance that makes a residue's neighbourhood that of a metal (angstrom).
NEAR_METAL = 3.0
#: How often a residue is wanted in a piece, relative to those not listed: rare interactions more often.
WEIGHTS = (
    dict.fromkeys(("PHE", "TYR", "TRP", "HIS"), 6.0)
    | dict.fromkeys(("ASP", "GLU"), 5.0)
    | dict.fromkeys(("LYS", "ARG", "MET"), 2.0)
    | dict.fromkeys(("ALA", "GLY", "LEU"), 0.5)
)
#: Factors for residues that bind a metal, that have an atom of a rare pair, that touch another chain; for side chains.
METAL_WEIGHT, PAIR_WEIGHT, INTERFACE_WEIGHT, SIDE_CHAIN_WEIGHT = 15.0, 4.0, 2.0, 5.0
#: Pairs of neighbouring atoms, by role, that few residues have: rings on rings, rings on cations, salt bridges.
RARE_PAIRS = frozenset({("ring", "ring"), ("positive", "ring"), ("negative", "positive")})
#: Receptor atoms within curate.CONTACT around a real ligand of n heavy atoms: medians of the training set (sizes 8 to
#: 24: 33, 38, 41, 48, 53) are this constant and this slope. A piece with the given part of that is taken with the given
#: chance: the ratio of both distributions, at most 1.
TYPICAL_CONTACTS = (20.0, 1.45)
ACCEPTED = ((0.2, 0.3, 0.5, 0.7, 0.9, 1.1), (0.0, 0.01, 0.03, 0.1, 0.35, 1.0))

_BACKBONE = frozenset({"N", "CA", "C", "O"})

#: Role of an atom, by parent residue and atom name.
ROLES = {
    (code, name): role
    for role, table in (("ring", RINGS), ("positive", POSITIVE_GROUPS), ("negative", NEGATIVE_GROUPS))
    for code, groups in table.items()
    for name in " ".join(groups).split()
}


@dataclass(frozen=True)
class Piece:
    """A part of a receptor to be its ligand.

    Attributes
    ----------
    name : str
        ``chain:resname resnum``, ``+n`` for ``n`` further residues, or ``side chain``.
    atoms, caps, removed : ndarray, dtype=int
        Atoms of the receptor: the piece's own; those that complete the peptide groups at its ends (or carry the side
        chain), so that these are typed as such; all that leaves the receptor, these and the dropped neighbours.
    residues : frozenset of (str, int, str)
        Name, number and insertion code: copies of a piece in other chains have the same.
    weight : float
        How often it is wanted: the sum over its residues.
    across : bool
        One of its residues touches another chain.
    """

    name: str
    atoms: np.ndarray
    caps: np.ndarray
    removed: np.ndarray
    residues: frozenset[tuple[str, int, str]]
    weight: float
    across: bool = False


@dataclass(frozen=True)
class Pool:
    """Pieces of one receptor.

    Attributes
    ----------
    complex_ : Complex
        Its receptor has no hydrogens; the pieces are parts of it.
    foreign : ndarray, shape=(f, 3), dtype=float32
        Heavy atoms of ligands and additives, which no piece may touch (angstrom).
    pieces : sequence of Piece
    """

    complex_: Complex
    foreign: np.ndarray
    pieces: Sequence[Piece]


def find_pieces(complex_: Complex) -> list[Piece]:
    """Every piece of a protein's complete residues that could be cut out of a receptor without hydrogens, in order."""
    atoms = complex_.receptor
    rows, places = residues_of(atoms, PROTEIN)
    joined = joints(atoms, places, ("C", "N"), PEPTIDE_BOND)
    crossed = bonded_across(complex_, PROTEIN, ("C", "N"))
    whole = [_is_whole(atoms, r, p) and atoms.residue[r[0]] not in crossed for r, p in zip(rows, places, strict=True)]
    wanted, across = residue_weights(atoms, rows)
    pieces = []

    def add(own: np.ndarray, first: int, last: int, caps: list[int], factor: float = 1.0, note: str = ""):
        if not MIN_ATOMS <= len(own) <= MAX_ATOMS:
            return
        gone = np.concatenate([rows[k] for k in stretch(joined, first, last)])
        first_atoms = [rows[k][0] for k in range(first, last + 1)]
        label = residue_label(atoms, first_atoms[0]) + (f"+{last - first}" if last > first else "") + note
        keys = frozenset((str(atoms.res_name[i]), int(atoms.res_id[i]), str(atoms.ins_code[i])) for i in first_atoms)
        weight = factor * sum(wanted[first : last + 1])
        touching = any(across[first : last + 1])
        pieces.append(Piece(label, own, np.array(sorted(caps)), gone, keys, weight, touching))

    for first in range(len(rows)):
        if whole[first]:
            side = [i for name, i in places[first].items() if name not in _BACKBONE]
            add(np.array(side, int), first, first, [places[first]["CA"]], SIDE_CHAIN_WEIGHT, " side chain")
        for last in range(first, first + LONGEST):
            if first == 0 or not (joined[first - 1] and whole[last] and joined[last]):
                break
            caps = [places[first - 1].get(n) for n in ("CA", "C", "O")] + [places[last + 1].get(n) for n in ("N", "CA")]
            if None not in caps:
                add(np.concatenate(rows[first : last + 1]), first, last, caps)
    return pieces


def residues_of(atoms: Atoms, kind: int) -> tuple[list[np.ndarray], list[dict[str, int]]]:
    """Atoms of each residue of a kind, and where each atom name is."""
    of_kind = np.flatnonzero(atoms.kind == kind)
    rows = np.split(of_kind, np.flatnonzero(np.diff(atoms.residue[of_kind])) + 1) if len(of_kind) else []
    return rows, [dict(zip(atoms.name[r].tolist(), r.tolist(), strict=True)) for r in rows]


def joints(atoms: Atoms, places: list[dict[str, int]], names: tuple[str, str], longest: float) -> list[bool]:
    """Whether each residue's first-named atom is bonded to the second-named one of the next residue."""

    def joined(before: dict[str, int], after: dict[str, int]) -> bool:
        i, j = before.get(names[0]), after.get(names[1])
        if i is None or j is None or atoms.chain_id[i] != atoms.chain_id[j]:
            return False
        return bool(np.linalg.norm(atoms.coord[i] - atoms.coord[j]) < longest)

    return [joined(a, b) for a, b in zip(places, places[1:], strict=False)] + [False]


def stretch(joined: list[bool], first: int, last: int) -> range:
    """Residues from ``DROPPED`` before to ``DROPPED`` after the piece, as far as the chain goes unbroken."""
    start, stop = first, last
    while start > 0 and joined[start - 1] and first - start < DROPPED:
        start -= 1
    while joined[stop] and stop - last < DROPPED:
        stop += 1
    return range(start, stop + 1)


def _is_whole(atoms: Atoms, rows: np.ndarray, places: dict[str, int]) -> bool:
    """Whether an amino acid has every heavy atom of its component and no other; a carboxylate's OXT is other."""
    entry = component_atoms(str(atoms.res_name[rows[0]]))
    if entry is None or len(places) < len(rows) or not _BACKBONE <= places.keys():
        return False
    return {name for name, (element, _) in entry[0].items() if element not in ("H", "D")} - {"OXT"} == places.keys()


def bonded_across(complex_: Complex, kind: int, joint: tuple[str, str]) -> set[int]:
    """Residues with a covalent bond other than the chain's: disulfides, glycans, covalent ligands, declared links."""
    atoms = complex_.structure.atoms
    of_kind, solid = np.flatnonzero(atoms.kind == kind), np.flatnonzero(atoms.kind != WATER)
    pairs = bonds_between_residues(atoms.coord, atoms.element, atoms.residue, of_kind, solid)
    pairs = np.concatenate([pairs, complex_.structure.links])
    names = np.sort(atoms.name[pairs], axis=1)
    across = pairs[(names != sorted(joint)).any(axis=1)]
    return set(atoms.residue[across].ravel().tolist())


def residue_weights(atoms: Atoms, rows: list[np.ndarray]) -> tuple[list[float], list[bool]]:
    """How often each residue is wanted (by type, more at metals, in rare pairs, at another chain); who is at one."""
    roles = np.array([ROLES.get(key, "") for key in zip(atoms.parent.tolist(), atoms.name.tolist(), strict=True)])
    polymer = np.flatnonzero(atoms.kind < OTHER)
    near = polymer[cKDTree(atoms.coord[polymer]).query_pairs(curate.CONTACT, output_type="ndarray")]
    across = atoms.chain_id[near[:, 0]] != atoms.chain_id[near[:, 1]]
    typed = near[(np.ptp(atoms.residue[near], axis=1) > DROPPED) & (roles[near] != "").all(axis=1)]
    rare = [tuple(sorted(pair)) in RARE_PAIRS for pair in roles[typed].tolist()]
    factors = np.ones((3, len(atoms)))
    factors[0, at_metals(atoms)] = METAL_WEIGHT
    factors[1, typed[np.array(rare, bool)]] = PAIR_WEIGHT
    factors[2, near[across]] = INTERFACE_WEIGHT
    best = [factors[:, r].max(axis=1) for r in rows]
    weights = [WEIGHTS.get(str(atoms.parent[r[0]]), 1.0) * float(f.prod()) for r, f in zip(rows, best, strict=True)]
    return weights, [bool(f[2] > 1) for f in best]


def at_metals(atoms: Atoms) -> np.ndarray:
    """Atoms that coordinate a metal ion, shape=(n,), dtype=bool."""
    metal = atoms.coord[np.isin(atoms.element, list(METALS)) & (atoms.kind == OTHER)]
    distance, _ = cKDTree(metal.reshape(-1, 3)).query(atoms.coord)
    return np.isin(atoms.element, ("N", "O", "S")) & (distance <= NEAR_METAL)


def drawn(pools: Sequence[Pool], kind: str, rng: np.random.Generator) -> Iterator[tuple[Pool, Piece]]:
    """Pieces of a kind in random order, most of those less buried than real ligands left out.

    Parameters
    ----------
    pools : sequence of Pool
    kind : str
        One of :data:`KINDS`; of *cofactors* and *nucleotides* the pools hold no others.
    rng : numpy.random.Generator
    """
    among = [
        (n, piece)
        for n, pool in enumerate(pools)
        for piece in pool.pieces
        if piece.across or kind in ("cofactors", "residues")
    ]
    order = np.argsort(rng.exponential(size=len(among)) / [piece.weight for _, piece in among])  # by weight
    chances = rng.random(len(among))
    trees = cache(lambda n: (cKDTree(pools[n].complex_.receptor.coord), cKDTree(pools[n].foreign)))
    for (n, piece), chance in zip([among[i] for i in order], chances, strict=True):
        atoms, (tree, others) = pools[n].complex_.receptor, trees(n)
        coord = atoms.coord[piece.atoms]
        near = np.concatenate(tree.query_ball_point(coord, curate.CONTACT)).astype(int)
        contacts = np.setdiff1d(near, piece.removed)
        burial = len(contacts) / (TYPICAL_CONTACTS[0] + TYPICAL_CONTACTS[1] * len(coord))
        if chance >= np.interp(burial, *ACCEPTED) or others.query(coord)[0].min() <= curate.CONTACT:
            continue
        if _is_of(kind, atoms, piece, contacts):
            yield pools[n], piece


def _is_of(kind: str, atoms: Atoms, piece: Piece, contacts: np.ndarray) -> bool:
    """Whether most of a piece's contacts are those of its kind."""
    if kind == "cofactors":
        return True
    if kind == "nucleotides":
        return _most(atoms.kind[contacts] == PROTEIN)
    chain = atoms.chain_id == atoms.chain_id[piece.atoms[0]]
    if not _most((atoms.kind[contacts] < OTHER) & ~chain[contacts]):
        return kind == "residues"
    first = np.flatnonzero((np.diff(atoms.residue, prepend=-1) != 0) & (atoms.kind == PROTEIN))
    chains, lengths = np.unique(atoms.chain_id[first], return_counts=True)
    long = np.isin(atoms.chain_id[contacts], chains[lengths > LONGEST_PEPTIDE]) & (atoms.kind[contacts] == PROTEIN)
    bound = len(np.unique(atoms.residue[chain & (atoms.kind == PROTEIN)])) <= LONGEST_PEPTIDE and _most(long)
    return kind == ("peptides" if bound else "interfaces")


def _most(mask: np.ndarray) -> bool:
    return bool(2 * mask.sum() > len(mask))
