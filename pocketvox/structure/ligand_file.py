"""A ligand from its own file: SDF, MOL, MOL2 or PDB, each also gzipped."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import numpy as np
from rdkit import Chem, rdBase

from ..errors import LigandError
from .atoms import FURTHEST, Ligand
from .perceive import perceive_bonds
from .unpack import BOMB, BombError, gunzip, is_gzipped

#: Extensions that say that a path is a ligand's file.
LIGAND_SUFFIXES = (".sdf", ".mol", ".mol2", ".sd", ".pdb", ".ent")

_MOL2 = "@<TRIPOS>MOLECULE"
_END_OF_RECORD = re.compile(r"^\$\$\$\$[^\n]*\n?", re.M)
_HEAVIEST = 300  # heavy atoms; more is no ligand but a receptor given by mistake


def is_ligand_path(text) -> bool:
    """True if ``text`` names a ligand file (by its extension), existing or not."""
    name = str(text).lower().removesuffix(".gz")
    return name.endswith(LIGAND_SUFFIXES)


def ligand_from_file(path) -> tuple[Ligand, tuple[str, ...]]:
    """Read a ligand with its bond orders.

    Parameters
    ----------
    path : path
        SDF, MOL or MOL2 file (bond orders from the file) or PDB file (bond orders perceived from distances).

    Returns
    -------
    ligand : Ligand
    warnings : tuple of str
        What was repaired, with the consequence.

    Raises
    ------
    LigandError
        The file is missing, empty or damaged, or its molecule has no usable positions or valences.
    """
    path = Path(path)
    kind, records = ligand_records(path)
    ligand, notes = ligand_from_record(kind, records[0], str(path), path.name.split(".")[0])
    if len(records) > 1:
        notes = (f"{path}: {len(records)} molecules in the file, the first is used", *notes)
    return ligand, notes


def ligand_records(path: Path) -> tuple[str, list[str]]:
    """The kind of a ligand file, ``sdf``, ``mol2`` or ``pdb``, and the texts of its molecules.

    Raises
    ------
    LigandError
        As :func:`ligand_from_file`.
    """
    text = _read(path)
    kind = _kind(path, text)
    if kind == "sdf":
        return kind, [record for record in _END_OF_RECORD.split(text) if record.strip()]
    if kind == "mol2":
        return kind, [_MOL2 + record for record in text.split(_MOL2)[1:]]
    return kind, [text]


def ligand_from_record(kind: str, text: str, place: str, name: str) -> tuple[Ligand, tuple[str, ...]]:
    """One molecule of a ligand file.

    Parameters
    ----------
    kind, text : str
        As :func:`ligand_records` gives them.
    place : str
        Where it stands, for messages.
    name : str
        Of a molecule without a title.

    Raises
    ------
    LigandError
        As :func:`ligand_from_file`.
    """
    notes: list[str] = []
    if kind == "pdb":
        mol = _from_pdb(text, place)
        notes.append(f"{place}: bond orders perceived from distances; give the ligand as SDF to be sure")
    else:
        mol = _from_mol2(text, place) if kind == "mol2" else _from_sdf(text, place)
        _check_elements(mol, place)
        mol = _sanitised(mol, place, notes)
    heavy = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() != 1]
    if not mol.GetNumConformers():
        raise LigandError(f"{place}: the ligand has no coordinates. Give it as posed in the receptor.")
    check_positions(mol.GetConformer().GetPositions(), heavy, place)
    title = mol.GetProp("_Name").strip() if mol.HasProp("_Name") else ""
    ligand = Ligand(
        name=title if 0 < len(title) <= 60 else name,
        mol=mol,
        coord=mol.GetConformer().GetPositions()[heavy].astype(np.float32),
        atom_names=tuple(_atom_name(mol.GetAtomWithIdx(i)) for i in heavy),
        chemistry="perceived" if kind == "pdb" or any("perceived" in note for note in notes) else "file",
    )
    return ligand, tuple(notes)


def _read(path: Path) -> str:
    if path.is_dir():
        raise LigandError(f"{path}: expected a ligand file. Received: a directory. Name the SDF or MOL2 file in it.")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise LigandError(f"{path}: no such file. Check the path of the ligand.") from None
    except OSError as error:
        raise LigandError(f"{path}: cannot be read ({error.strerror}). Check its permissions.") from None
    if is_gzipped(data):
        try:
            data = gunzip(data)
        except BombError:
            raise LigandError(f"{path}: {BOMB}") from None
        except (EOFError, zlib.error):
            raise LigandError(f"{path}: the gzip data are damaged or cut off. Get the complete file again.") from None
    if not data.strip():
        raise LigandError(f"{path}: the file is empty. Get the complete file again.")
    if b"\0" in data:
        raise LigandError(f"{path}: expected an SDF or MOL2 file. Received: binary data. Check the file.")
    return data.decode("utf-8", "replace").replace("\r\n", "\n")


def _kind(path: Path, text: str) -> str:
    if _MOL2 in text:
        return "mol2"
    if "V2000" in text or "V3000" in text or "M  END" in text:
        return "sdf"
    if any(line.startswith(("ATOM  ", "HETATM")) for line in text.splitlines()):
        return "pdb"
    opening = text.strip()[:40].partition("\n")[0]
    raise LigandError(
        f"{path}: expected an SDF or MOL2 file. Received: text that begins {opening!r}. Check the file, or convert it."
    )


def _from_sdf(block: str, place: str) -> Chem.Mol:
    if "M  END" not in block:
        raise LigandError(f"{place}: the molecule is cut off (no 'M  END'). Get the complete file again.")
    with rdBase.BlockLogs():
        mol = Chem.MolFromMolBlock(block, sanitize=False, removeHs=False, strictParsing=False)
    if mol is None or not mol.GetNumAtoms():
        raise LigandError(
            f"{place}: expected a molecule. Received: a record without atoms, or with other atom and bond counts than "
            "it says. Export the ligand again."
        )
    return mol


def _from_mol2(text: str, place: str) -> Chem.Mol:
    _check_counts(text, place)
    with rdBase.BlockLogs():
        mol = Chem.MolFromMol2Block(text, sanitize=False, removeHs=False, cleanupSubstructures=True)
    if mol is None or not mol.GetNumAtoms():
        raise LigandError(
            f"{place}: expected a molecule. Received: a MOL2 record that RDKit cannot read. Give it as SDF."
        )
    return _imply_hydrogens(mol)


def _check_counts(text: str, place: str) -> None:
    """Refuse numbers of atoms and bonds that the record cannot hold: RDKit counts down from a negative one."""
    lines = [line for line in text[text.find(_MOL2) :].splitlines() if not line.startswith("#")]
    counts = lines[2].split()[:2] if len(lines) > 2 else []
    if not counts or not all(count.isdecimal() and int(count) <= len(lines) for count in counts):
        raise LigandError(
            f"{place}: expected numbers of atoms and bonds in the second line after {_MOL2}. Received: "
            f"{' '.join(counts)!r}. Export the ligand again."
        )


def _imply_hydrogens(mol: Chem.Mol) -> Chem.Mol:
    """Imply the hydrogens that a MOL2 file leaves out: RDKit takes what it lists for all there are, and makes ions."""
    polar = any(a.GetAtomicNum() == 1 and any(n.GetSymbol() in "NOS" for n in a.GetNeighbors()) for a in mol.GetAtoms())
    apolar = any(a.GetAtomicNum() == 1 and any(n.GetSymbol() == "C" for n in a.GetNeighbors()) for a in mol.GetAtoms())
    for atom in mol.GetAtoms():
        if not (apolar if atom.GetSymbol() == "C" else polar):
            atom.SetNoImplicit(False)
            atom.SetNumRadicalElectrons(0)
            atom.SetFormalCharge(0)
    return mol


def _from_pdb(text: str, place: str) -> Chem.Mol:
    with rdBase.BlockLogs():
        raw = Chem.MolFromPDBBlock(text, sanitize=False, removeHs=False, proximityBonding=False)
    if raw is None or not raw.GetNumAtoms():
        raise LigandError(f"{place}: expected a molecule. Received: a PDB file without readable atoms. Give it as SDF.")
    mol = _perceived(raw)
    if mol is None:
        raise LigandError(f"{place}: no valid molecule can be made of its atoms. Give the ligand as SDF.")
    return mol


def _perceived(raw: Chem.Mol) -> Chem.Mol | None:
    """The same atoms with bonds from distances, or None if the valences do not work out."""
    from .components import bond_type

    element = np.array([atom.GetSymbol() for atom in raw.GetAtoms()])
    bonds, charges = perceive_bonds(raw.GetConformer().GetPositions(), element)
    mol = Chem.RWMol(raw)
    for bond in list(mol.GetBonds()):
        mol.RemoveBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
    for (a, b), order in bonds.items():
        mol.AddBond(a, b, bond_type(order))
    for atom, charge in zip(mol.GetAtoms(), charges, strict=True):
        atom.SetFormalCharge(int(charge))
        atom.SetIsAromatic(False)
        atom.SetNoImplicit(False)
    return mol.GetMol() if _try_sanitise(mol) else None


def _sanitised(mol: Chem.Mol, place: str, notes: list[str]) -> Chem.Mol:
    """Sanitise; else mend charges; else perceive the bonds anew."""
    first = Chem.RWMol(mol)
    if _try_sanitise(first):
        return first.GetMol()
    mended = Chem.RWMol(mol)
    if _mend_charges(mended) and _try_sanitise(mended):
        notes.append(f"{place}: impossible valences mended by formal charges; check the ligand's protonation")
        return mended.GetMol()
    if mol.GetNumConformers():
        again = _perceived(mol)
        if again is not None:
            notes.append(f"{place}: its bond orders are impossible, so they were perceived from distances")
            return again
    raise LigandError(f"{place}: the ligand's valences are impossible and cannot be repaired. Correct its bond orders.")


def _mend_charges(mol: Chem.RWMol) -> bool:
    changed = False
    for atom in mol.GetAtoms():
        total = sum(bond.GetBondTypeAsDouble() for bond in atom.GetBonds())
        limit = {"N": 3, "O": 2, "B": 3, "S": 6, "P": 5}.get(atom.GetSymbol())
        if limit and atom.GetFormalCharge() == 0 and total == limit + 1:
            atom.SetFormalCharge(-1 if atom.GetSymbol() == "B" else 1)
            changed = True
    return changed


def _try_sanitise(mol: Chem.RWMol) -> bool:
    with rdBase.BlockLogs():
        try:
            Chem.SanitizeMol(mol)
        except (Chem.AtomValenceException, Chem.KekulizeException, Chem.MolSanitizeException, RuntimeError):
            return False  # RuntimeError: RDKit's own checks, of molecules that its readers should not have made
    return True


def _check_elements(mol: Chem.Mol, place: str) -> None:
    for i in range(mol.GetNumAtoms()):
        if not mol.GetAtomWithIdx(i).GetAtomicNum():
            raise LigandError(f"{place}: atom {i + 1} is no chemical element. Replace it, or remove it.")


def check_positions(coord: np.ndarray, heavy: list[int], place: str) -> None:
    """Refuse positions that no posed molecule can have.

    Parameters
    ----------
    coord : ndarray, shape=(n, 3), dtype=float
        Of all its atoms (angstrom).
    heavy : list of int
        Heavy atoms among them.
    place : str
        Where the molecule stands, for messages.

    Raises
    ------
    LigandError
    """
    bad = ~(np.abs(coord) <= FURTHEST).all(axis=1)
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        raise LigandError(
            f"{place}: atom {i + 1} has no possible position ({coord[i].tolist()}). Export the ligand again."
        )
    if not len(heavy):
        raise LigandError(f"{place}: the ligand has no heavy atoms. Check the file.")
    if len(heavy) > _HEAVIEST:
        raise LigandError(
            f"{place}: expected a ligand. Received: {len(heavy)} heavy atoms. "
            "Give the receptor as the structure and the small molecule as the ligand."
        )
    if len(heavy) > 1 and np.ptp(coord[heavy], axis=0).max() < 1e-3:
        raise LigandError(f"{place}: all atoms lie at one point. Give the ligand as posed in the receptor.")
    if len(heavy) > 5 and (coord[:, 2] == 0).all():
        raise LigandError(f"{place}: the ligand is a flat drawing (all z are 0). Give it as posed in the receptor.")


def _atom_name(atom: Chem.Atom) -> str:
    info = atom.GetPDBResidueInfo()
    if info is not None and info.GetName().strip():
        return info.GetName().strip()
    if atom.HasProp("_TriposAtomName"):
        return atom.GetProp("_TriposAtomName")
    return f"{atom.GetSymbol()}{atom.GetIdx() + 1}"
