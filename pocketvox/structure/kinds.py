"""Which residues are protein, nucleic acid, water or something else.

If the file declares entities, they decide. Programs that convert files err there, so two things are not believed: that
a residue which is neither amino acid nor nucleotide nor cap, and which no bond joins to one, is polymer; and that amino
acids joined by peptide bonds are none. Otherwise names and bonds decide:

* an amino acid or nucleotide of an ``ATOM`` record is polymer, unless it is a complete free amino acid (it has OXT and
  no peptide bond, in a file where other residues have theirs);
* a ``HETATM`` residue is polymer if a peptide (C-N) or phosphodiester (O3'-P) bond joins it to the residue before or
  after it in its chain, so MSE in a chain is protein and GLU as a ligand is not; a run of joined residues that is
  ``HETATM`` throughout is a ligand made of residues;
* common modified residues are protein even where both neighbours are missing;
* everything else is ``OTHER``.
"""

from __future__ import annotations

import numpy as np

from pocketvox.columns import distinct, is_any

from .atoms import NUCLEIC, OTHER, PROTEIN, WATER
from .names import AMINO_ACIDS, CAPS, PARENTS, WATERS, is_amino_acid, is_nucleotide
from .table import NON_POLYMER, POLYMER, SOLVENT, UNKNOWN, AtomTable

_PEPTIDE_BOND = 1.8  # angstrom; ideal 1.33
_PHOSPHODIESTER_BOND = 2.1  # angstrom; ideal 1.61
_ANY_BOND = 2.1  # angstrom; the longest of C, N, O, S and P is 2.05 (S-S)
_MOSTLY_LINKED = 0.9  # a file with fewer peptide bonds is a cut-out, where nothing follows from a missing one


def assign_kinds(table: AtomTable, residue: np.ndarray) -> np.ndarray:
    """Kind of each residue.

    Parameters
    ----------
    table : AtomTable
        Atoms of one conformer.
    residue : ndarray, shape=(n,), dtype=int32
        Residue index of each atom, ascending from 0.

    Returns
    -------
    ndarray, shape=(n_residues,), dtype=uint8
        ``PROTEIN``, ``NUCLEIC``, ``OTHER`` or ``WATER``.
    """
    first = np.flatnonzero(np.diff(residue, prepend=-1))
    names = table.res_name[first]
    amino, nucleic, water = (_by_name(names, test) for test in (is_amino_acid, is_nucleotide, WATERS.__contains__))
    has = _AtomFinder(table, residue, len(first))
    amino = amino & has("CA") | has("N") & has("CA") & has("C")
    sugar = has("C1'") | has("C1*")
    nucleic = nucleic & (sugar | has("P")) | sugar & (has("O3'") | has("O3*")) & (has("P") | has("O5'") | has("O5*"))
    heavy = np.bincount(residue, ~is_any(table.element, ("H", "D", "X", "")), len(first))
    water &= heavy <= 1
    peptide = has.bonded("C", "N", _PEPTIDE_BOND)
    phosphate = has.bonded("O3'", "P", _PHOSPHODIESTER_BOND) | has.bonded("O3*", "P", _PHOSPHODIESTER_BOND)
    role = table.role[first]
    standard = _by_name(names, lambda name: PARENTS.get(name, name) in AMINO_ACIDS)
    role = np.where((role == NON_POLYMER) & standard & _either_side(peptide), UNKNOWN, role)
    kind = np.where(
        role == UNKNOWN,
        _kinds_by_name(names, table.het[first], amino, nucleic, peptide, phosphate, has("OXT")),
        _kinds_by_role(role, names, amino, nucleic, table.subchain[first], has),
    )
    kind[water | (role == SOLVENT)] = WATER
    return kind.astype(np.uint8)


def _kinds_by_role(role, names, amino, nucleic, subchain, has) -> np.ndarray:
    kind = np.full(len(role), OTHER)
    kind[(role == POLYMER) & amino] = PROTEIN
    kind[(role == POLYMER) & nucleic & ~amino] = NUCLEIC
    other = (role == POLYMER) & ~amino & ~nucleic
    if not other.any():
        return kind
    run = np.cumsum(~_after(has.touching(other)))
    joined = np.isin(run, run[amino | nucleic]) | _by_name(names, CAPS.__contains__)
    for i in np.flatnonzero(other & joined):  # caps, chromophores: what their chain is
        mates = (subchain == subchain[i]) & (role == POLYMER)
        if (mates & (amino | nucleic)).any():
            kind[i] = PROTEIN if (mates & amino).sum() >= (mates & nucleic).sum() else NUCLEIC
    return kind


def _kinds_by_name(names, het, amino, nucleic, peptide, phosphate, oxt) -> np.ndarray:
    if het.all():
        het = np.zeros_like(het)  # written by a program that knows one kind of record
    amino_linked = _either_side(peptide)
    run_het = _whole_run(het, peptide | phosphate)
    known = _by_name(names, lambda n: n in PARENTS)
    standard = _by_name(names, lambda n: PARENTS.get(n, n) in AMINO_ACIDS)
    capped = amino_linked & _by_name(names, CAPS.__contains__)
    between = peptide & np.roll(peptide, 1)
    mostly_linked = amino_linked[standard & ~het].mean() > _MOSTLY_LINKED if (standard & ~het).any() else False
    free = ~amino_linked & oxt & bool(mostly_linked)
    protein = (amino_linked & (amino | capped | between)) & ~run_het
    protein |= amino & ~het & ~free
    protein |= amino & known & het & ~amino_linked & ~oxt
    chain = _either_side(phosphate) & ~run_het | ~het
    return np.select([protein, nucleic & chain & ~amino], [PROTEIN, NUCLEIC], OTHER)


def _by_name(names: np.ndarray, test) -> np.ndarray:
    values, inverse = distinct(names)
    return np.array([bool(test(str(v))) for v in values] or [False])[inverse]


def _either_side(bond_to_next: np.ndarray) -> np.ndarray:
    return bond_to_next | _after(bond_to_next)


def _after(bond_to_next: np.ndarray) -> np.ndarray:
    """Whether a residue is bonded to the one before it."""
    before = np.zeros_like(bond_to_next)
    before[1:] = bond_to_next[:-1]
    return before


def _whole_run(flag: np.ndarray, bond_to_next: np.ndarray) -> np.ndarray:
    """True where every residue of the bonded run has ``flag``."""
    start = np.ones(len(flag), bool)
    start[1:] = ~bond_to_next[:-1]
    run = np.cumsum(start) - 1
    return (np.bincount(run, ~flag) == 0)[run] if len(flag) else flag


class _AtomFinder:
    """Atoms looked up by name in every residue at once."""

    def __init__(self, table: AtomTable, residue: np.ndarray, n_residues: int):
        self.table, self.residue, self.n = table, residue, n_residues
        first = np.flatnonzero(np.diff(residue, prepend=-1))
        self.chain = table.chain_id[first]
        self._cache: dict[str, np.ndarray] = {}

    def index(self, name: str) -> np.ndarray:
        """First atom of that name in each residue, -1 if none, shape=(n_residues,)."""
        if name not in self._cache:
            found = np.full(self.n, -1)
            rows = np.flatnonzero(self.table.name == name)[::-1]
            found[self.residue[rows]] = rows
            self._cache[name] = found
        return self._cache[name]

    def __call__(self, name: str) -> np.ndarray:
        return self.index(name) >= 0

    def bonded(self, name: str, next_name: str, distance: float) -> np.ndarray:
        """True where ``name`` is within ``distance`` of the next residue's ``next_name``."""
        result = np.zeros(self.n, bool)
        a, b = self.index(name)[:-1], self.index(next_name)[1:]
        ok = np.flatnonzero((a >= 0) & (b >= 0) & (self.chain[:-1] == self.chain[1:]))
        gap = self.table.coord[a[ok]] - self.table.coord[b[ok]]
        result[ok] = np.einsum("ij,ij->i", gap, gap) < distance**2
        return result

    def touching(self, wanted: np.ndarray) -> np.ndarray:
        """True where a bond of any two atoms joins a residue to the next of its chain, one of them ``wanted``."""
        result = np.zeros(self.n, bool)
        start = np.searchsorted(self.residue, np.arange(self.n + 1))
        near = np.flatnonzero((wanted[:-1] | wanted[1:]) & (self.chain[:-1] == self.chain[1:]))
        for i in near:
            here, following = (self.table.coord[start[k] : start[k + 1]] for k in (i, i + 1))
            gap = here[:, None] - following[None]
            result[i] = np.einsum("ijk,ijk->ij", gap, gap).min() < _ANY_BOND**2
        return result
