"""Bring the pocket of one structure of a protein into the frame of another: chains aligned, CA atoms superposed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations

import gemmi
import numpy as np
from Bio import Align

from pocketvox.structure.atoms import PROTEIN, Atoms
from pocketvox.structure.superpose import OUTLIER, Motion, fit_motion

#: Fraction of the CA atoms that must stay in the fit, and how many at least.
FITTED, FEWEST = 0.7, 6
#: Part of the shorter chain that must be aligned.
COVERED = 0.5
#: Chains of a pocket that are matched, those with most residues there.
MOST_CHAINS = 4
_ROUNDS = 10


@dataclass(frozen=True)
class Trace:
    """CA atoms of a protein.

    Attributes
    ----------
    coord : ndarray, shape=(n, 3), dtype=float64
        Angstrom.
    sequence : dict of str to str
        Observed residues of each chain.
    start : dict of str to int
        Index of the first CA atom of each chain; the others follow.
    residue : ndarray, shape=(n,), dtype=int32
        ``Atoms.residue`` of each.
    """

    coord: np.ndarray
    sequence: dict[str, str]
    start: dict[str, int]
    residue: np.ndarray

    @classmethod
    def of(cls, atoms: Atoms) -> Trace:
        """Trace of a receptor."""
        trace = atoms[(atoms.kind == PROTEIN) & (atoms.name == "CA")]
        order = np.argsort(trace.chain_id, kind="stable")
        trace = trace[order]
        chains, start = np.unique(trace.chain_id, return_index=True)
        letters = [gemmi.find_tabulated_residue(code).one_letter_code.upper().strip() or "X" for code in trace.parent]
        ends = [*start[1:].tolist(), len(trace)]
        sequence = {str(c): "".join(letters[s:e]) for c, s, e in zip(chains, start, ends, strict=True)}
        return cls(trace.coord.astype(float), sequence, dict(zip(sequence, start.tolist(), strict=True)), trace.residue)

    def chain(self, index: int) -> str:
        """Chain of a CA atom."""
        return next(c for c, s in self.start.items() if s <= index < s + len(self.sequence[c]))


@dataclass(frozen=True)
class Superposition(Motion):
    """A rigid motion, and how well it fits.

    Attributes
    ----------
    rmsd : float
        Over the atoms that were kept (angstrom).
    kept : float
        Their fraction.
    """

    rmsd: float
    kept: float


def superpose(mobile: np.ndarray, fixed: np.ndarray) -> Superposition | None:
    """Kabsch fit of paired atoms, in rounds that leave out what stays more than ``OUTLIER`` apart.

    Parameters
    ----------
    mobile, fixed : ndarray, shape=(n, 3), dtype=float64
        Angstrom.

    Returns
    -------
    Superposition or None
        None if fewer than ``FEWEST`` or ``FITTED`` of the atoms are left.
    """
    keep = np.ones(len(mobile), bool)
    for _ in range(_ROUNDS):
        if keep.sum() < max(FEWEST, FITTED * len(mobile)):
            return None
        found, kept = fit_motion(mobile[keep], fixed[keep]), float(keep.mean())
        distance = np.linalg.norm(found(mobile) - fixed, axis=1)
        before, keep = keep, distance <= OUTLIER
        if (keep == before).all():
            break
    rmsd = float(np.sqrt((distance[before] ** 2).mean()))
    return Superposition(found.rotation, found.shift, rmsd, kept)


def matched(fixed: Trace, ours: np.ndarray, mobile: Trace, theirs: np.ndarray, identity: float) -> Iterator[np.ndarray]:
    """Pairs of CA atoms of two pockets, for every way in which their chains can be the same protein.

    Parameters
    ----------
    fixed, mobile : Trace
    ours, theirs : ndarray, dtype=int
        CA atoms in the pocket of each.
    identity : float
        Lowest sequence identity of aligned chains (0 to 1).

    Yields
    ------
    ndarray, shape=(n, 2), dtype=int
        CA atoms of ``fixed`` and ``mobile``: those aligned of which either is in its pocket.
    """
    left, right = _chains(fixed, ours), _chains(mobile, theirs)
    if not left or not right:
        return
    options = [*right, *[None] * max(0, len(left) - len(right))]
    for choice in dict.fromkeys(permutations(options, len(left))):
        pairs = []
        for a, b in zip(left, choice, strict=True):
            if b is None:
                continue
            same, columns = align(fixed.sequence[a], mobile.sequence[b])
            if same < identity:
                break
            pairs.append(columns + (fixed.start[a], mobile.start[b]))
        else:
            rows = np.concatenate(pairs)
            yield rows[np.isin(rows[:, 0], ours) | np.isin(rows[:, 1], theirs)]


def _chains(trace: Trace, pocket: np.ndarray) -> list[str]:
    """Chains of a pocket, those with most residues first."""
    counts: dict[str, int] = {}
    for i in pocket.tolist():
        counts[trace.chain(i)] = counts.get(trace.chain(i), 0) + 1
    return sorted(counts, key=lambda c: (-counts[c], c))[:MOST_CHAINS]


@lru_cache(maxsize=4096)
def align(a: str, b: str) -> tuple[float, np.ndarray]:
    """Sequence identity over the aligned residues of two chains, and the aligned pairs, shape=(n, 2).

    The alignment is local: constructs may have different ends. 0 if less than ``COVERED`` of the shorter chain is
    aligned.
    """
    if a == b:
        return 1.0, np.repeat(np.arange(len(a))[:, None], 2, axis=1)
    aligner = Align.PairwiseAligner(mode="local", match_score=2, mismatch_score=-1)
    aligner.open_gap_score, aligner.extend_gap_score = -5, -0.5
    spans = aligner.align(a, b)[0].aligned
    pairs = np.array([(s + i, t + i) for (s, e), (t, _) in zip(*spans, strict=True) for i in range(e - s)], int)
    if len(pairs) < COVERED * min(len(a), len(b)):
        return 0.0, pairs.reshape(-1, 2)
    same = sum(a[i] == b[j] != "X" for i, j in pairs.tolist())
    return same / len(pairs), pairs
