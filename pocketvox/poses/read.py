"""Poses from files, one record at a time; a molecule is typed once, however many poses it has."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rdkit import Chem

from pocketvox.errors import LigandError
from pocketvox.poses.roles import Roles, ligand_roles
from pocketvox.structure.atoms import Ligand
from pocketvox.structure.ligand_file import check_positions, ligand_from_record, ligand_records

#: Molecules whose roles are kept: poses of one molecule stand together in a file.
MOST_MOLECULES = 1000
_NAMELESS = "molecule"


@dataclass(frozen=True)
class Molecule:
    """What all poses of a molecule share.

    Attributes
    ----------
    roles : Roles
    atom_names, elements : tuple of str
        Of its heavy atoms.
    heavy : ndarray, shape=(n,), dtype=int
        Heavy atoms among all atoms of its records.
    atoms : int
        All atoms of its records.
    """

    roles: Roles
    atom_names: tuple[str, ...]
    elements: tuple[str, ...]
    heavy: np.ndarray
    atoms: int


@dataclass(frozen=True)
class Pose:
    """A posed molecule, or the record of a file that holds none.

    Attributes
    ----------
    name : str
        Its title, or the name of its file.
    file : str
        Where it comes from; ``""`` for molecules given as such.
    record : int
        Its number there, from 1.
    coord : ndarray, shape=(n, 3), dtype=float64
        Heavy atoms (angstrom).
    molecule : Molecule or None
        None if there is an error.
    text : str
        Its record as it stands in an SDF file; a mol block for other formats.
    error : str
        Why it cannot be scored, or ``""``.
    notes : tuple of str
        What was repaired.
    ligand : Ligand or None
        With its chemistry, if it was asked for.
    """

    name: str
    file: str
    record: int
    coord: np.ndarray
    molecule: Molecule | None
    text: str
    error: str = ""
    notes: tuple[str, ...] = ()
    ligand: Ligand | None = None


def read_poses(path, *, ligands: bool = False, progress: Callable[[int, int], None] | None = None) -> Iterator[Pose]:
    """Yield the poses of an SDF, MOL, MOL2 or PDB file, each also gzipped; damaged records are yielded with an error.

    Parameters
    ----------
    path : path
    ligands : bool, optional
        Give every pose its ``ligand`` as well; slower.
    progress : callable, optional
        Called with records read and records in all.

    Raises
    ------
    LigandError
        If the file cannot be read at all.
    """
    path = Path(path)
    if path.name.lower().removesuffix(".gz").endswith(".pdbqt"):
        raise LigandError(
            f"{path}: PDBQT has no bond orders. Convert it with Meeko (mk_export.py results.pdbqt -s poses.sdf), which "
            "restores them."
        )
    kind, records = ligand_records(path)
    name = path.name.split(".")[0]
    reader = _Reader(ligands)
    for number, text in enumerate(records, 1):
        yield reader.read(kind, text, str(path), number, name)
        if progress is not None:
            progress(number, len(records))


def pose_of(mol: Chem.Mol, name: str = "", *, ligands: bool = False) -> Pose:
    """The pose of an RDKit molecule with one conformer.

    Raises
    ------
    LigandError
        If it has no usable positions or valences.
    """
    if not mol.GetNumConformers():
        raise LigandError(f"{name or _NAMELESS}: the molecule has no conformer. Give it as posed in the receptor.")
    text = Chem.MolToMolBlock(mol, kekulize=False)
    pose = _Reader(ligands).read("sdf", text, "", 1, name or _NAMELESS)
    if pose.error:
        raise LigandError(pose.error)
    return pose


class _Reader:
    """Reads records, and remembers the molecules."""

    def __init__(self, ligands: bool):
        self._ligands = ligands
        self._known: OrderedDict[str, Molecule] = OrderedDict()

    def read(self, kind: str, text: str, file: str, number: int, name: str) -> Pose:
        """The pose of a record."""
        place = f"{file}: record {number}" if file else name
        parsed = _fast(text) if kind == "sdf" else None
        if parsed is not None:
            title, key, positions = parsed
            molecule = None if self._ligands else self._known.get(key)
            if molecule is not None and len(positions) == molecule.atoms:
                try:
                    check_positions(positions, molecule.heavy, place)
                except LigandError as error:
                    return _failed(title or name, file, number, text, error)
                self._known.move_to_end(key)
                return Pose(title or name, file, number, positions[molecule.heavy], molecule, text)
        try:
            ligand, notes = ligand_from_record(kind, text, place, name)
            molecule = _molecule(ligand)
        except LigandError as error:
            return _failed(parsed[0] if parsed else name, file, number, text, error)
        if parsed is not None and ligand.chemistry == "file":
            self._known[key] = molecule
            if len(self._known) > MOST_MOLECULES:
                self._known.popitem(last=False)
        coord = ligand.mol.GetConformer().GetPositions()[molecule.heavy]
        block = text if kind == "sdf" else Chem.MolToMolBlock(ligand.mol)
        kept = ligand if self._ligands else None
        return Pose(ligand.name, file, number, coord, molecule, block, notes=notes, ligand=kept)


def _failed(name: str, file: str, number: int, text: str, error: LigandError) -> Pose:
    return Pose(name, file, number, np.empty((0, 3)), None, text, error=str(error))


def _molecule(ligand: Ligand) -> Molecule:
    numbers = np.array([atom.GetAtomicNum() for atom in ligand.mol.GetAtoms()])
    heavy = np.flatnonzero(numbers > 1)
    elements = tuple(ligand.mol.GetAtomWithIdx(int(i)).GetSymbol() for i in heavy)
    return Molecule(ligand_roles(ligand), ligand.atom_names, elements, heavy, len(numbers))


def _fast(record: str) -> tuple[str, str, np.ndarray] | None:
    """Title, everything of the molecule but its positions, and these, of a V2000 record (CTfile formats, BIOVIA).

    None if it is anything else or damaged: then the slow way tells what is wrong.
    """
    end = record.find("M  END")
    lines = record[:end].split("\n") if end >= 0 else []
    if len(lines) < 5 or lines[3][33:39].strip() != "V2000":
        return None
    try:
        count = int(lines[3][:3])
        atoms = lines[4 : 4 + count]
        positions = np.array([(float(a[:10]), float(a[10:20]), float(a[20:30])) for a in atoms]).reshape(-1, 3)
    except ValueError:
        return None
    if len(positions) != count:
        return None
    key = "\n".join((lines[3], *(a[30:] for a in atoms), *lines[4 + count :]))
    title = lines[0].strip()
    return (title if len(title) <= 60 else ""), key, positions
