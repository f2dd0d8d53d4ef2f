"""Which chains and residues of two structures correspond, and the motion that superposes them.

Every pair of chains that can be aligned is tried as a start: superposed, then each further chain joins the partner that
lies nearest in that frame. The start after which residues lie closest wins, so that copies in an oligomer are paired as
they lie; their names decide only between equals. The motion is then fitted to all paired residues.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pocketvox.comparison.chains import Chain, chains_of, corresponding, identity
from pocketvox.errors import StructureError
from pocketvox.structure.atoms import Structure
from pocketvox.structure.superpose import Motion, fit_core

#: Residues coincide if their anchors are this near once superposed (angstrom): a little less than the distance between
#: neighbours in a chain.
COINCIDE = 3.5
#: A chain joins the partner that this share of its paired residues lies within JOINED of (angstrom): copies of a chain
#: stay distinct, and subunits may turn against each other.
JOINED, JOINED_SHARE = 8.0, 0.5
#: Structures are comparable if so many residues coincide, and this share of the paired residues of the shorter one.
FEWEST, LEAST_SHARE = 20, 0.25
#: Distance at which a residue counts half in the choice between starts (angstrom), and the part of the best sum from
#: which two starts are equal.
CLOSE, ALIKE = 1.0, 0.99
#: Starts that are tried, those with most identical residues.
_STARTS = 40


@dataclass(frozen=True)
class ChainPair:
    """Two corresponding chains.

    Attributes
    ----------
    a, b : Chain
    pairs : ndarray, shape=(n, 2), dtype=int
        Indices of corresponding residues in each chain.
    identity : float
        Share of them with the same residue, 0 to 1.
    """

    a: Chain
    b: Chain
    pairs: np.ndarray
    identity: float

    @property
    def anchors(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the paired anchors in each structure's own frame, shape=(n, 3) each (angstrom)."""
        return self.a.coord[self.pairs[:, 0]], self.b.coord[self.pairs[:, 1]]


@dataclass(frozen=True)
class Correspondence:
    """How two structures correspond.

    Attributes
    ----------
    chains : tuple of ChainPair
        In the order of A; empty if no chain of one can be aligned with one of the other.
    motion : Motion
        From the frame of B into that of A.
    fitted : ndarray, shape=(n,), dtype=bool
        Paired residues, chain after chain, that the motion was fitted to.
    unpaired_a, unpaired_b : tuple of Chain
        Chains without a counterpart.
    """

    chains: tuple[ChainPair, ...]
    motion: Motion
    fitted: np.ndarray
    unpaired_a: tuple[Chain, ...] = ()
    unpaired_b: tuple[Chain, ...] = ()

    @property
    def residues(self) -> np.ndarray:
        """``Atoms.residue`` of corresponding residues, shape=(n, 2), chain after chain."""
        rows = [
            np.column_stack([c.a.residue[c.pairs[:, 0]], c.b.residue[c.pairs[:, 1]]]).astype(int) for c in self.chains
        ]
        return np.concatenate(rows) if rows else np.empty((0, 2), int)

    @property
    def anchors(self) -> tuple[np.ndarray, np.ndarray]:
        """Paired anchors, each in its own frame, shape=(n, 3) each (angstrom)."""
        parts = [pair.anchors for pair in self.chains]
        return tuple(np.concatenate([p[k] for p in parts]) if parts else np.empty((0, 3)) for k in range(2))

    @property
    def distances(self) -> np.ndarray:
        """Of paired anchors once B is superposed, shape=(n,) (angstrom)."""
        a, b = self.anchors
        return np.linalg.norm(a - self.motion(b), axis=1)

    @property
    def identity(self) -> float:
        """Share of corresponding residues that are the same, 0 to 1."""
        matched = sum(len(c.pairs) for c in self.chains)
        return sum(c.identity * len(c.pairs) for c in self.chains) / matched if matched else 0.0

    def moved(self, motion: Motion, fitted: np.ndarray) -> Correspondence:
        """The same residues under another motion."""
        return Correspondence(self.chains, motion, fitted, self.unpaired_a, self.unpaired_b)


def correspond(a: Structure, b: Structure, *, align: bool = True) -> Correspondence:
    """Pair chains and residues, and superpose B onto A.

    Parameters
    ----------
    a, b : Structure
    align : bool
        Superpose them. False: they are in one frame already, and the motion is that which changes nothing.

    Raises
    ------
    StructureError
        If they are to be superposed and are not comparable: too few residues coincide.
    """
    chains_a, chains_b = chains_of(a.atoms), chains_of(b.atoms)
    candidates = _candidates(chains_a, chains_b)
    starts = [Motion.identity()] if not align else [fit_core(*c.anchors[::-1])[0] for c in candidates[:_STARTS]]
    joined = [(_closeness(pairs, motion), pairs) for motion in starts if (pairs := _join(candidates, motion))]
    best = max((closeness for closeness, _ in joined), default=0.0)
    pairs = next((list(pairs) for closeness, pairs in joined if closeness >= ALIKE * best), [])
    pairs.sort(key=lambda c: [chain is c.a for chain in chains_a].index(True))
    found = Correspondence(
        chains=tuple(pairs),
        motion=Motion.identity(),
        fitted=np.zeros(sum(len(c.pairs) for c in pairs), bool),
        unpaired_a=tuple(c for c in chains_a if not any(c is p.a for p in pairs)),
        unpaired_b=tuple(c for c in chains_b if not any(c is p.b for p in pairs)),
    )
    if not align:
        return found
    if not pairs:
        raise StructureError(_incomparable(a, b, "no chain of one can be aligned with a chain of the other"))
    fixed, mobile = found.anchors
    found = found.moved(*fit_core(mobile, fixed))
    _check(a, b, found)
    return found


def fit_residues(found: Correspondence, residues: np.ndarray) -> Correspondence | None:
    """The same pairs, superposed on some residues of A only; None if fewer than six of them are paired.

    Parameters
    ----------
    found : Correspondence
    residues : ndarray, dtype=int
        ``Atoms.residue`` of A.
    """
    fixed, mobile = found.anchors
    chosen = np.flatnonzero(np.isin(found.residues[:, 0], residues))
    if len(chosen) < 6:
        return None
    motion, kept = fit_core(mobile[chosen], fixed[chosen])
    fitted = np.zeros(len(fixed), bool)
    fitted[chosen[kept]] = True
    return found.moved(motion, fitted)


def _candidates(chains_a: tuple[Chain, ...], chains_b: tuple[Chain, ...]) -> list[ChainPair]:
    """Chains that can be aligned, most identical residues first; of equal ones those of one name, then by file."""
    found = []
    for a in chains_a:
        for b in chains_b:
            pairs = corresponding(a, b)
            if len(pairs) >= 3:
                found.append(ChainPair(a, b, pairs, identity(a, b, pairs)))
    return sorted(found, key=lambda c: (-round(c.identity * len(c.pairs)), c.a.name != c.b.name))


def _join(candidates: list[ChainPair], motion: Motion) -> list[ChainPair]:
    """Chains paired one to one in the frame of a motion, those with most residues near their counterparts first."""
    rated = []
    for pair in candidates:
        fixed, mobile = pair.anchors
        near = np.linalg.norm(fixed - motion(mobile), axis=1) <= JOINED
        if near.mean() >= JOINED_SHARE:
            rated.append((int(near.sum()), pair))
    chosen: list[ChainPair] = []
    for _, pair in sorted(rated, key=lambda item: -item[0]):
        if not any(pair.a is c.a or pair.b is c.b for c in chosen):
            chosen.append(pair)
    return chosen


def _closeness(pairs: list[ChainPair], motion: Motion) -> float:
    """The number of paired residues, each the less the farther it is from its counterpart, as in TM-scores."""
    squares = np.concatenate([((c.anchors[0] - motion(c.anchors[1])) ** 2).sum(axis=1) for c in pairs])
    return float((1 / (1 + squares / CLOSE**2)).sum())


def _check(a: Structure, b: Structure, found: Correspondence) -> None:
    """Refuse structures of which too little coincides."""
    matched = len(found.fitted)
    coincide = int((found.distances <= COINCIDE).sum())
    shorter = min(sum(map(len, (c.a for c in found.chains))), sum(map(len, (c.b for c in found.chains))))
    if coincide < max(FEWEST, LEAST_SHARE * shorter):
        what = f"{coincide} of {matched} aligned residues (of {shorter}) coincide within {COINCIDE:g} angstrom"
        raise StructureError(_incomparable(a, b, f"{what}, sequence identity {100 * found.identity:.0f} %"))


def _incomparable(a: Structure, b: Structure, what: str) -> str:
    return (
        f"{b.source or b.name}: expected a structure that superposes on {a.source or a.name}. Received: {what}. "
        "Compare related proteins, or give structures that are in one frame already with --no-align."
    )
