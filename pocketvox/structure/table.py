"""Atoms as a parser found them, before one conformer is chosen and anything is interpreted."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np

from pocketvox.columns import distinct, is_any

from .names import WATERS

#: What the file says of a residue, in :attr:`AtomTable.role` (values of ``gemmi.EntityType``).
UNKNOWN, POLYMER, NON_POLYMER, BRANCHED, SOLVENT = 0, 1, 2, 3, 4


#: Files in order may have insertion codes that count down, ligands numbered from one, chains in pieces.
_MOST_FALLING = 0.25


@dataclass(frozen=True)
class AtomTable:
    """Parallel arrays, one row per ``ATOM`` record, shape=(n,) each.

    Attributes
    ----------
    coord : ndarray, shape=(n, 3), dtype=float64
        Positions (angstrom).
    altloc : ndarray, dtype=str
        Alternate location letter, ``""`` if none.
    subchain : ndarray, dtype=str
        ``label_asym_id``; ``""`` in PDB files.
    het : ndarray, dtype=bool
        The record is a ``HETATM``.
    role : ndarray, dtype=uint8
        ``POLYMER``, ``NON_POLYMER``, ``BRANCHED``, ``SOLVENT`` by the file's entities, or ``UNKNOWN``.
    model : ndarray, dtype=int32
        Model number.
    """

    coord: np.ndarray
    element: np.ndarray
    name: np.ndarray
    res_name: np.ndarray
    chain_id: np.ndarray
    ins_code: np.ndarray
    res_id: np.ndarray
    altloc: np.ndarray
    subchain: np.ndarray
    het: np.ndarray
    role: np.ndarray
    model: np.ndarray
    b_factor: np.ndarray
    occupancy: np.ndarray

    def __len__(self) -> int:
        return len(self.coord)

    def __getitem__(self, index) -> AtomTable:
        return AtomTable(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def site(self) -> np.ndarray:
        """Index of the residue position each atom belongs to (residues that share a position share it)."""
        return _runs(self.model, self.chain_id, self.subchain, self.res_id, self.ins_code, self._water_oxygen())

    def residue(self) -> np.ndarray:
        """Index of the residue each atom belongs to, shape=(n,), dtype=int32, ascending."""
        site = self.site()
        return _runs(site, self.res_name)

    def _water_oxygen(self) -> np.ndarray:
        """Count of oxygens so far among waters: simulation files give many waters one residue number."""
        oxygen = is_any(self.res_name, WATERS) & (self.element == "O") & (self.altloc == "")
        return np.cumsum(oxygen)


@dataclass(frozen=True)
class Parsed:
    """What a parser returns.

    Attributes
    ----------
    table : AtomTable
        Every atom of every model.
    links : list of tuple
        Declared covalent links, each a pair of ``(chain_id, res_id, ins_code, atom name)``.
    parents : dict
        Declared modified residues: code -> standard residue.
    text : str
        Title, keywords, software and provider names: searched for the names of prediction programs.
    warnings : tuple of str
        What looks wrong with the file.
    confidence, experimental : bool
        The file holds a per-residue quality metric; it names an experiment.
    """

    table: AtomTable
    links: list = field(default_factory=list)
    parents: dict = field(default_factory=dict)
    text: str = ""
    warnings: tuple[str, ...] = ()
    confidence: bool = False
    experimental: bool = False
    resolution: float | None = None
    method: str = ""
    name: str = ""


def gathered(table: AtomTable) -> tuple[AtomTable, str]:
    """The same atoms with each residue's together and chains in order, and a note if the file has it otherwise.

    Some programs append the atoms that they add, some sort by something else. Then residues are put in the order of
    their numbers, chains in the order of their first atoms. Nothing is moved where an atom of a residue occurs twice:
    there several residues share a number, as in simulations with more of them than fit the columns. Waters, which
    often do, do not count.
    """
    columns = (table.chain_id, table.subchain, table.ins_code, table.res_id, table.res_name)
    run = _runs(*columns)
    first = np.flatnonzero(np.diff(run, prepend=-1))
    residue = _codes(*(column[first] for column in columns))
    dry = ~is_any(table.res_name, WATERS)
    runs = np.bincount(residue[dry[first]], minlength=1)
    if runs.max() < 2 and _in_sequence(table[first[dry[first]]]):
        return table, ""
    atom = _codes(residue[run], table.name, table.altloc)[dry]
    if np.bincount(atom).max() > 1:
        return table, ""
    order = np.lexsort((table.subchain, table.ins_code, table.res_id, _in_order(_codes(table.chain_id))))
    scattered = int((runs > 1).sum())
    what = f"the atoms of {scattered} residues are scattered over the file" if scattered else "residues are unordered"
    return table[order], f"{what}: sorted by number"


def _in_sequence(residues: AtomTable) -> bool:
    """Whether numbers mostly rise along chains; in random order every second one falls."""
    same = residues.chain_id[1:] == residues.chain_id[:-1]
    return (same & (np.diff(residues.res_id) < 0)).sum() <= _MOST_FALLING * len(residues)


def _codes(*columns: np.ndarray) -> np.ndarray:
    """A number for each row, the same for equal rows, shape=(n,), ascending from 0."""
    found = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        number = distinct(column)[1] if column.dtype.kind == "U" else np.unique(column, return_inverse=True)[1]
        found = np.unique(found * len(column) + number, return_inverse=True)[1]
    return found


def _in_order(codes: np.ndarray) -> np.ndarray:
    """Codes renumbered by where they occur first."""
    first = np.unique(codes, return_index=True)[1]
    return np.argsort(np.argsort(first))[codes]


def _runs(*columns: np.ndarray) -> np.ndarray:
    """Number the runs of rows in which no column changes, shape=(n,), dtype=int32."""
    change = np.zeros(len(columns[0]), bool)
    for column in columns:
        change[1:] |= column[1:] != column[:-1]
    return np.cumsum(change).astype(np.int32)
