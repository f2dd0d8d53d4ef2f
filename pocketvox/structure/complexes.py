"""Receptor, waters and ligands of a structure, with the ligands' chemistry."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..errors import LigandError
from .atoms import OTHER, Complex, Ligand, Structure
from .ligands import CONTACT, partition
from .neighbours import is_near
from .read import read_structure


def read_complex(source, *, ligand=None, around=None, keep=(), model: int | None = None, cache=None) -> Complex:
    """Read a structure and sort it into receptor, waters and ligands.

    Parameters
    ----------
    source : str, path or Structure
        As for :func:`~pocketvox.structure.read.read_structure`.
    ligand : path, optional
        SDF or MOL2 file: its molecule is the ligand, and what lies on top of it in the structure is left out.
    around : str, optional
        Selector of the ligand in the structure, such as ``A:401`` or ``A:MK1``, or a ligand's file as in ``ligand``.
    keep : sequence of str
        Component codes that stay in the receptor.
    model : int, optional
        Model number; the first if not given.
    cache : path, optional
        Folder for downloads.

    Returns
    -------
    Complex

    Raises
    ------
    StructureError, LigandError, SelectionError, DownloadError
    """
    structure = source if isinstance(source, Structure) else read_structure(source, model=model, cache=cache)
    if ligand is None and around is not None and _is_file(around):
        ligand, around = around, None
    if ligand is not None:
        return _with_given_ligand(structure, ligand, keep)
    parts = partition(structure, around=around, keep=keep)
    notes = [*structure.warnings, *parts.warnings]
    ligands: list[Ligand] = []
    ignored = [parts.ignored]
    if parts.ligands:
        from .ligand_mol import ligand_mol
    for index in parts.ligands:
        try:
            molecule, more = ligand_mol(structure, index)
        except LigandError as error:
            if around is not None:
                raise
            notes.append(f"left out: {error}")
            ignored.append(index)
            continue
        ligands.append(molecule)
        notes += more
    return _complex(structure, parts, ligands, np.sort(np.concatenate(ignored)), notes)


def _with_given_ligand(structure: Structure, path, keep) -> Complex:
    from .ligand_file import ligand_from_file

    molecule, notes = ligand_from_file(path)
    parts = partition(structure, keep=keep, occupied=molecule.coord)
    receptor = structure.atoms[parts.receptor]
    heavy = receptor.coord[receptor.heavy & (receptor.kind <= OTHER)]
    if not is_near(molecule.coord, heavy, CONTACT).any():
        distance = np.sqrt(min((((heavy - atom) ** 2).sum(axis=1).min() for atom in molecule.coord), default=np.inf))
        raise LigandError(
            f"{path}: the ligand is {distance:.1f} angstrom away from every receptor atom of {structure.name}, "
            "so it is not in the protein's frame. Give the ligand as posed in this structure."
        )
    return _complex(structure, parts, [molecule], parts.ignored, [*structure.warnings, *notes])


def _complex(structure, parts, ligands, ignored, notes) -> Complex:
    return Complex(
        name=structure.name,
        receptor=structure.atoms[parts.receptor],
        waters=structure.atoms[parts.waters],
        ligands=tuple(ligands),
        ignored=structure.atoms[ignored],
        structure=structure,
        warnings=tuple(dict.fromkeys(notes)),
    )


def _is_file(around) -> bool:
    from .ligand_file import is_ligand_path

    return isinstance(around, os.PathLike) or Path(str(around)).is_file() or is_ligand_path(around)
