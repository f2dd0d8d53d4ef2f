"""Containers for what is read from a structure file."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np

from pocketvox.columns import is_any

#: Kinds of residue, as stored in :attr:`Atoms.kind`.
PROTEIN, NUCLEIC, OTHER, WATER = 0, 1, 2, 3
#: No atom is farther from the origin along an axis (angstrom): the columns of PDB files end at 99,999.
FURTHEST = 1e5


@dataclass(frozen=True)
class Atoms:
    """Atoms as parallel arrays, in file order.

    Attributes
    ----------
    coord : ndarray, shape=(n, 3), dtype=float32
        Positions (angstrom).
    element : ndarray, shape=(n,), dtype=str
        Element symbols, capitalised (``"C"``, ``"Zn"``).
    name, res_name, chain_id, ins_code : ndarray, shape=(n,), dtype=str
        Atom name, residue (component) code, author chain id, insertion code (``""`` if none).
    res_id : ndarray, shape=(n,), dtype=int32
        Author residue numbers; may be negative or non-sequential.
    parent : ndarray, shape=(n,), dtype=str
        Standard residue that a modified residue derives from (``MSE`` -> ``MET``), else ``res_name``.
    kind : ndarray, shape=(n,), dtype=uint8
        ``PROTEIN``, ``NUCLEIC``, ``OTHER`` (any non-polymer) or ``WATER``.
    residue : ndarray, shape=(n,), dtype=int32
        Index of the residue each atom belongs to; equal for atoms of one residue, ascending.
    b_factor, occupancy : ndarray, shape=(n,), dtype=float32
        As in the file. In a predicted model the B column is the confidence (pLDDT), not a B-factor:
        see :attr:`Structure.predicted`.
    """

    coord: np.ndarray
    element: np.ndarray
    name: np.ndarray
    res_name: np.ndarray
    chain_id: np.ndarray
    ins_code: np.ndarray
    res_id: np.ndarray
    parent: np.ndarray
    kind: np.ndarray
    residue: np.ndarray
    b_factor: np.ndarray
    occupancy: np.ndarray

    def __len__(self) -> int:
        return len(self.coord)

    def __getitem__(self, index) -> Atoms:
        """Atoms selected by a boolean mask, an index array or a slice."""
        return Atoms(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    @property
    def heavy(self) -> np.ndarray:
        """Mask of atoms that are not hydrogen (or deuterium), shape=(n,), dtype=bool."""
        return ~is_any(self.element, ("H", "D"))

    def label(self, i: int) -> str:
        """``chain:resname resnum ins:atom``, e.g. ``A:ASP 25:OD1``, as written in result files."""
        return f"{residue_label(self, i)}:{self.name[i]}"


def residue_label(atoms: Atoms, i: int) -> str:
    """``chain:resname resnum ins`` of the residue that atom ``i`` belongs to, e.g. ``A:ASP 25``."""
    return f"{atoms.chain_id[i]}:{atoms.res_name[i]} {atoms.res_id[i]}{atoms.ins_code[i]}"


@dataclass(frozen=True)
class Structure:
    """Everything read from one structure file.

    Attributes
    ----------
    name : str
        Name for result folders: the file name without extensions, or the PDB id.
    atoms : Atoms
        One model, one conformer, hydrogens included if the file has them.
    source : str
        The path or id it came from.
    sha256 : str
        Of the file's bytes, as read.
    predicted : bool
        The B column holds a confidence (pLDDT), as in AlphaFold models.
    links : ndarray, shape=(k, 2), dtype=int32
        Pairs of atoms declared covalently linked between residues (LINK, struct_conn), metals excluded.
    warnings : tuple of str
        What was assumed or repaired, each with its consequence.
    """

    name: str
    atoms: Atoms
    source: str = ""
    sha256: str = ""
    predicted: bool = False
    links: np.ndarray = field(default_factory=lambda: np.empty((0, 2), np.int32))
    resolution: float | None = None
    method: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ligand:
    """A small molecule with its chemistry.

    Attributes
    ----------
    name : str
        ``chain:resname resnum``, or the molecule's title if it came from a file of its own.
    mol : rdkit.Chem.Mol
        Sanitised, heavy atoms plus any hydrogens of the input, one conformer. Its first heavy atoms
        correspond to ``coord``.
    coord : ndarray, shape=(n, 3), dtype=float32
        Heavy-atom positions (angstrom), in the order of ``mol``'s heavy atoms.
    atom_names : tuple of str
        Heavy-atom names, same order.
    chemistry : str
        Where the bond orders came from: ``"file"``, ``"dictionary"`` or ``"perceived"``.
    index : ndarray, shape=(m,), dtype=int32
        Indices of its atoms in the structure's ``Atoms`` (empty if it came from its own file).
    """

    name: str
    mol: object
    coord: np.ndarray
    atom_names: tuple[str, ...]
    chemistry: str
    index: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))


@dataclass(frozen=True)
class Complex:
    """A receptor, its waters and its ligands: the input of labels, datasets and scans.

    Attributes
    ----------
    receptor : Atoms
        Polymers (protein, nucleic acids, peptides not taken as ligands), prosthetic groups and metal
        ions; hydrogens kept if present.
    waters : Atoms
        Water oxygens (and hydrogens if present).
    ligands : tuple of Ligand
        Suitable ligands, largest first.
    ignored : Atoms
        Additives and other non-polymers that are neither receptor nor ligand.
    """

    name: str
    receptor: Atoms
    waters: Atoms
    ligands: tuple[Ligand, ...]
    ignored: Atoms
    structure: Structure
    warnings: tuple[str, ...] = ()
