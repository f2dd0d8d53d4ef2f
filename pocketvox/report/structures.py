"""Structures as files that viewers read: mmCIF, and PDB where a program reads nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pocketvox.structure.atoms import WATER, Atoms, Structure

if TYPE_CHECKING:
    import gemmi

    from pocketvox.report.result import Result

#: Names of the files in a result folder.
CIF, PDB = "structure.cif", "structure.pdb"


def write_result_cif(folder: Path, result: Result) -> None:
    """Write ``structure.cif`` if the result has its structure.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    if result.structure is not None:
        write_structure(folder / CIF, result.structure)


def write_result_pdb(folder: Path, result: Result) -> None:
    """Write ``structure.pdb`` if the result has its structure.

    The PDB format has room for less: long chain names and component codes are shortened, serial numbers above 99,999
    are hybrid-36.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    if result.structure is not None:
        document = _document(result.structure.name, _drawn(result.structure))
        document.shorten_ccd_codes()
        document.shorten_chain_names()
        (folder / PDB).write_text(document.make_pdb_string(), encoding="utf-8", newline="")


def write_structure(path: str | Path, structure: Structure) -> None:
    """Write the atoms of a structure as mmCIF: waters left out, one model, one conformer."""
    Path(path).write_text(structure_text(structure.name, _drawn(structure)), encoding="utf-8", newline="")


def structure_text(name: str, atoms: Atoms) -> str:
    """Atoms as mmCIF, numbered from 1 in their order."""
    return _document(name, atoms).make_mmcif_document().as_string()


def sanitise(name: str) -> str:
    """A name that every viewer takes for an object: letters, digits, ``_``, ``.`` and ``-``, not beginning with a sign.

    Examples
    --------
    >>> sanitise("my protein (1)")
    'my_protein__1_'
    """
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    return name if name[:1].isalnum() or name[:1] == "_" else f"_{name}"


def _drawn(structure: Structure) -> Atoms:
    return structure.atoms[structure.atoms.kind != WATER]


def _document(name: str, atoms: Atoms) -> gemmi.Structure:
    import gemmi

    model = gemmi.Model(1)
    residue, chain, last = None, None, -1
    coord = np.round(atoms.coord.astype(float), 3).tolist()  # as precise as input files
    for i in range(len(atoms)):
        if atoms.residue[i] != last:
            last = atoms.residue[i]
            if chain is None or chain.name != str(atoms.chain_id[i]):
                chain = model.add_chain(gemmi.Chain(str(atoms.chain_id[i])))
            residue = gemmi.Residue()
            residue.name = str(atoms.res_name[i])
            residue.seqid = gemmi.SeqId(int(atoms.res_id[i]), str(atoms.ins_code[i]) or " ")
            residue = chain.add_residue(residue)
        atom = gemmi.Atom()
        atom.name = str(atoms.name[i])
        atom.element = gemmi.Element(str(atoms.element[i]))
        atom.pos = gemmi.Position(*coord[i])
        atom.b_iso, atom.occ = float(atoms.b_factor[i]), float(atoms.occupancy[i])
        residue.add_atom(atom)
    document = gemmi.Structure()
    document.name = sanitise(name)
    document.add_model(model)
    document.setup_entities()
    document.assign_label_seq_id()
    document.assign_serial_numbers()
    return document
