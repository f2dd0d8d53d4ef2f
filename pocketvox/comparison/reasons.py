"""How the residues of two structures differ, and which differences lie near a hot-spot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pocketvox.comparison.observed import Unmatched
from pocketvox.comparison.pairing import Correspondence
from pocketvox.structure.atoms import OTHER, Atoms, residue_label

#: A residue with an atom this near to a hot-spot can be the reason for its change (angstrom): the longest reach of an
#: interaction, 6 angstrom (rings and charges), and a voxel.
NEAR = 6.5
#: A side chain or backbone has moved if an atom of it is this far from its counterpart (angstrom). Of the residues that
#: line pockets in crystal structures of one protein in one state about one in twenty does; docs/comparison.md.
MOVED_SIDE_CHAIN, MOVED_BACKBONE = 2.5, 1.0
#: Components of one code are the same if their centres are this near (angstrom).
SAME_PLACE = 2.0
#: Reasons reported per hot-spot.
MOST = 4

_BACKBONE = frozenset(
    ("N", "CA", "C", "O", "P", "OP1", "OP2", "C1'", "C2'", "C3'", "C4'", "C5'", "O2'", "O3'", "O4'", "O5'")
)
#: Atoms that only their names tell apart: exchanging both names changes nothing.
_EQUIVALENT = {
    "ARG": (("NH1", "NH2"),),
    "ASP": (("OD1", "OD2"),),
    "GLU": (("OE1", "OE2"),),
    "PHE": (("CD1", "CD2"), ("CE1", "CE2")),
    "TYR": (("CD1", "CD2"), ("CE1", "CE2")),
}
#: Kinds of difference, the most telling first. ``renamed``: the same atoms under another code, as force fields name
#: protonation states.
KINDS = ("mutation", "insertion", "missing atoms", "component", "moved", "absent", "renamed")


@dataclass(frozen=True)
class Difference:
    """One residue that is not the same in both structures.

    Attributes
    ----------
    kind : str
        One of :data:`KINDS`.
    text : str
        What it is, as written in results.
    labels : tuple of str
        ``chain:resname resnum`` of the residue in A and in B, ``""`` where there is none.
    coord : ndarray, shape=(n, 3)
        Its heavy atoms in both structures, in the frame of A (angstrom).
    """

    kind: str
    text: str
    labels: tuple[str, str]
    coord: np.ndarray


def differences(a: Atoms, b: Atoms, found: Correspondence, missing: Unmatched) -> tuple[Difference, ...]:
    """Every residue that differs.

    Parameters
    ----------
    a, b : Atoms
        Receptors, both in the frame of A.
    found : Correspondence
    missing : Unmatched
    """
    of_a, of_b = Residues(a), Residues(b)
    rows = []
    for i, j in found.residues.tolist():
        if i in of_a and j in of_b and (row := _compared(of_a[i], of_b[j])) is not None:
            rows.append(row)
    alone = (
        ("insertion", "has no counterpart in {}", missing.inserted_a, missing.inserted_b),
        ("absent", "not observed in {}", missing.absent_a, missing.absent_b),
    )
    for kind, text, only_a, only_b in alone:
        rows += [_single(kind, text.format("B"), of_a[i], 0) for i in only_a.tolist() if i in of_a]
        rows += [_single(kind, text.format("A"), of_b[j], 1) for j in only_b.tolist() if j in of_b]
    return (*rows, *_components(of_a, of_b))


def reasons(
    found: Sequence[Difference], coord: Sequence[float], partners: tuple[Sequence[str], Sequence[str]]
) -> tuple[str, ...]:
    """What differs near a point: partners first, then by kind and distance.

    Parameters
    ----------
    found : sequence of Difference
    coord : sequence of 3 floats
        Position in the frame of A (angstrom).
    partners : pair of sequences of str
        Partner atoms of the hot-spot in A and in B.
    """
    residues = [{label.rsplit(":", 1)[0] for label in labels} for labels in partners]
    near = []
    for row in found:
        distance = float(np.linalg.norm(row.coord - np.asarray(coord, float), axis=1).min())
        if distance <= NEAR:
            partner = any(label and label in own for label, own in zip(row.labels, residues, strict=True))
            near.append((not partner, KINDS.index(row.kind), distance, row.text))
    return tuple(text for *_, text in sorted(near)[:MOST])


class Residues:
    """Heavy atoms of the residues of a receptor."""

    def __init__(self, atoms: Atoms):
        self.atoms = atoms
        heavy = np.flatnonzero(atoms.heavy)
        number = atoms.residue[heavy]
        starts = np.flatnonzero(np.diff(number, prepend=-1))
        self._index = dict(zip(number[starts].tolist(), np.split(heavy, starts[1:]), strict=True)) if len(heavy) else {}

    def __contains__(self, residue: int) -> bool:
        return residue in self._index

    def __getitem__(self, residue: int) -> Residue:
        return Residue(self.atoms, self._index[residue])

    def components(self) -> list[Residue]:
        """Those that belong to no polymer."""
        return [Residue(self.atoms, i) for i in self._index.values() if self.atoms.kind[i[0]] == OTHER]


class Residue:
    """One residue: its label, code, and heavy atoms by name."""

    def __init__(self, atoms: Atoms, index: np.ndarray):
        first = int(index[0])
        self.label = residue_label(atoms, first)
        self.code, self.parent = str(atoms.res_name[first]), str(atoms.parent[first])
        self.coord = atoms.coord[index].astype(float)
        self.atoms = dict(zip(atoms.name[index].tolist(), self.coord, strict=True))


def _compared(a: Residue, b: Residue) -> Difference | None:
    """How two corresponding residues differ, if they do."""
    labels, coord = (a.label, b.label), np.concatenate([a.coord, b.coord])
    if a.parent != b.parent or (a.code != b.code and set(a.atoms) != set(b.atoms)):
        return Difference("mutation", f"{a.label} -> {b.label}", labels, coord)
    lacking = [sorted((set(x.atoms) - set(y.atoms)) - {"OXT"}) for x, y in ((a, b), (b, a))]
    if any(lacking):
        parts = [f"{', '.join(names)} not in {side}" for names, side in zip(lacking, "BA", strict=True) if names]
        return Difference("missing atoms", f"{a.label}: {'; '.join(parts)}", labels, coord)
    side, backbone = displacement(a.atoms, b.atoms, a.parent)
    ways = (("side chain", side, MOVED_SIDE_CHAIN), ("backbone", backbone, MOVED_BACKBONE))
    what = [f"{name} moved {d:.1f} A" for name, d, limit in ways if d > limit]
    if not what:
        renamed = Difference("renamed", f"{a.label} -> {b.label}", labels, coord)
        return renamed if a.code != b.code else None
    return Difference("moved", f"{a.label}: {', '.join(what)}", labels, coord)


def displacement(a: dict[str, np.ndarray], b: dict[str, np.ndarray], code: str) -> tuple[float, float]:
    """How far the side chain and the backbone of a residue moved: the largest distance of an atom (angstrom).

    Parameters
    ----------
    a, b : dict of str to ndarray, shape=(3,)
        Atoms by name (angstrom); those with one name are compared.
    code : str
        Standard residue; atoms that only their names tell apart may be exchanged.
    """
    names = sorted(set(a) & set(b))
    backbone = max((_apart(a[n], b[n]) for n in names if n in _BACKBONE), default=0.0)
    chain = [n for n in names if n not in _BACKBONE]
    swap = {x: y for pair in _EQUIVALENT.get(code, ()) for x, y in (pair, pair[::-1]) if set(pair) <= set(chain)}
    ways = ({}, swap) if swap else ({},)
    side = min(max((_apart(a[n], b[way.get(n, n)]) for n in chain), default=0.0) for way in ways)
    return side, backbone


def _apart(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.linalg.norm(x - y))


def _single(kind: str, text: str, residue: Residue, side: int) -> Difference:
    labels = (residue.label, "") if side == 0 else ("", residue.label)
    return Difference(kind, f"{'AB'[side]} {residue.label} {text}", labels, residue.coord)


def _components(of_a: Residues, of_b: Residues) -> list[Difference]:
    """Metals, cofactors and the like that only one receptor has in their place."""
    rows = []
    both = (of_a.components(), of_b.components())
    for side, (own, others) in enumerate((both, both[::-1])):
        for residue in own:
            centre = residue.coord.mean(axis=0)
            if not any(o.code == residue.code and _apart(o.coord.mean(axis=0), centre) <= SAME_PLACE for o in others):
                rows.append(_single("component", f"only in {'AB'[side]}", residue, side))
    return rows
