"""Polymer chains as sequences with one atom per residue, and how two of them correspond."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pocketvox.structure.atoms import NUCLEIC, PROTEIN, Atoms

#: The atom that stands for a residue of each kind.
ANCHORS = {PROTEIN: "CA", NUCLEIC: "C1'"}
#: Neighbouring residues of an unbroken chain have anchors this near (angstrom): 3.8 for trans peptides and 2.9 for cis
#: ones, 5 to 7 between nucleotides, with room for poor geometry.
UNBROKEN = {PROTEIN: 4.3, NUCLEIC: 8.0}
#: Shorter chains cannot be told apart by sequence.
SHORTEST = 10
#: If this share of the aligned residues differs by one and the same number, residues are paired by number: a sequence
#: alone does not tell on which side of a missing loop a residue stands.
SAME_NUMBERING = 0.9
#: Selenocysteine and pyrrolysine are not in BLOSUM62.
_RARE = {ord("U"): "C", ord("O"): "X"}


@dataclass(frozen=True)
class Chain:
    """The observed residues of one polymer chain; what a file without chain ids runs together counts as several.

    Attributes
    ----------
    name : str
        Author chain id.
    kind : int
        ``PROTEIN`` or ``NUCLEIC``.
    letters : str
        One-letter codes; modified residues count as what they derive from.
    coord : ndarray, shape=(n, 3), dtype=float64
        Anchors (angstrom).
    residue : ndarray, shape=(n,), dtype=int32
        ``Atoms.residue`` of each.
    numbers : tuple of (int, str)
        Residue number and insertion code of each.
    """

    name: str
    kind: int
    letters: str
    coord: np.ndarray
    residue: np.ndarray
    numbers: tuple[tuple[int, str], ...]

    def __len__(self) -> int:
        return len(self.letters)

    def unbroken(self, first: int, last: int) -> bool:
        """Whether no residue is missing from ``first`` to ``last`` (indices of this chain)."""
        steps = np.linalg.norm(np.diff(self.coord[first : last + 1], axis=0), axis=1)
        return bool((steps <= UNBROKEN[self.kind]).all())


def chains_of(atoms: Atoms) -> tuple[Chain, ...]:
    """The polymer chains of a structure that are long enough to be compared, in the order of the file."""
    found = []
    for kind, anchor in ANCHORS.items():
        index = np.flatnonzero((atoms.kind == kind) & (atoms.name == anchor))
        index = index[np.unique(atoms.residue[index], return_index=True)[1]]
        for name in dict.fromkeys(atoms.chain_id[index].tolist()):
            own = index[atoms.chain_id[index] == name]
            for part in _polymers(atoms, own, kind):
                if len(part) >= SHORTEST:
                    found.append((part[0], _chain(atoms, part, name, kind)))
    return tuple(chain for _, chain in sorted(found, key=lambda item: item[0]))


def corresponding(a: Chain, b: Chain) -> np.ndarray:
    """Pairs of corresponding residues (indices of each chain), shape=(n, 2), ascending; empty for different kinds."""
    if a.kind != b.kind:
        return np.empty((0, 2), int)
    pairs = _align(a.letters, b.letters, a.kind)
    numbered = _by_number(a, b, pairs)
    return pairs if numbered is None else numbered


def identity(a: Chain, b: Chain, pairs: np.ndarray) -> float:
    """Share of paired residues with the same letter, 0 to 1; 0 without pairs."""
    same = [a.letters[i] == b.letters[j] != "X" for i, j in pairs.tolist()]
    return float(np.mean(same)) if same else 0.0


def _polymers(atoms: Atoms, index: np.ndarray, kind: int) -> list[np.ndarray]:
    """Anchors of the polymers under one chain id: one ends at a terminal oxygen, or a break at which numbers fall."""
    ends = np.isin(atoms.residue[index], atoms.residue[(atoms.name == "OXT") & (atoms.kind == kind)])
    far = np.linalg.norm(np.diff(atoms.coord[index], axis=0), axis=1) > UNBROKEN[kind]
    falls = np.diff(atoms.res_id[index]) < 0
    return np.split(index, np.flatnonzero(ends[:-1] | (far & falls)) + 1)


def _chain(atoms: Atoms, index: np.ndarray, name: str, kind: int) -> Chain:
    return Chain(
        name=name,
        kind=kind,
        letters="".join(_letter(code) for code in atoms.parent[index].tolist()),
        coord=atoms.coord[index].astype(float),
        residue=atoms.residue[index],
        numbers=tuple(zip(atoms.res_id[index].tolist(), atoms.ins_code[index].tolist(), strict=True)),
    )


@lru_cache(maxsize=1024)
def _letter(code: str) -> str:
    import gemmi

    return gemmi.find_tabulated_residue(code).one_letter_code.upper().strip() or "X"


@lru_cache(maxsize=512)
def _align(a: str, b: str, kind: int) -> np.ndarray:
    """Pairs of the best local alignment: BLOSUM62 with gaps of 11 + 1, BLAST's defaults; nucleotides 2, -3, 5 + 2."""
    if a == b:
        return np.repeat(np.arange(len(a))[:, None], 2, axis=1)
    from Bio import Align
    from Bio.Align import substitution_matrices

    if kind == PROTEIN:
        aligner = Align.PairwiseAligner(mode="local", open_gap_score=-12, extend_gap_score=-1)
        aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")
        a, b = (text.translate(_RARE) for text in (a, b))
    else:
        aligner = Align.PairwiseAligner(
            mode="local", match_score=2, mismatch_score=-3, open_gap_score=-7, extend_gap_score=-2
        )
    if aligner.score(a, b) <= 0:
        return np.empty((0, 2), int)
    spans = aligner.align(a, b)[0].aligned
    pairs = [(s + k, t + k) for (s, e), (t, _) in zip(*spans, strict=True) for k in range(e - s)]
    return np.array(pairs, int).reshape(-1, 2)


def _by_number(a: Chain, b: Chain, pairs: np.ndarray) -> np.ndarray | None:
    """Pairs of residues with the same number, or one that differs by what it nearly always differs by; else None."""
    if not len(pairs):
        return None
    shifts = [b.numbers[j][0] - a.numbers[i][0] for i, j in pairs.tolist() if b.numbers[j][1] == a.numbers[i][1]]
    values, counts = np.unique(shifts, return_counts=True) if shifts else ([0], np.array([0]))
    if counts.max() < SAME_NUMBERING * len(pairs):
        return None
    shift = int(values[counts.argmax()])
    place = {number: j for j, number in enumerate(b.numbers)}
    if len(place) < len(b) or len(set(a.numbers)) < len(a):  # a number that stands for two residues tells nothing
        return None
    found = [(i, place[n + shift, ins]) for i, (n, ins) in enumerate(a.numbers) if (n + shift, ins) in place]
    numbered = np.array(found, int).reshape(-1, 2)
    ascending = (np.diff(numbered, axis=0) > 0).all()
    return numbered if ascending and identity(a, b, numbered) >= SAME_NUMBERING * identity(a, b, pairs) else None
