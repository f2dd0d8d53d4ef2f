"""Cut a piece out of a receptor: it becomes the ligand, and what remains the receptor."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache

import numpy as np
from rdkit import Chem

from data_prep.pieces import Piece
from pocketvox.chemistry.elements import METALS
from pocketvox.interactions import Interactions
from pocketvox.interactions.detect import residues_near
from pocketvox.structure.atoms import PROTEIN, Atoms, Complex
from pocketvox.structure.components import component_atoms
from pocketvox.structure.ligand_mol import ligand_mol


def cut_out(complex_: Complex, piece: Piece, reach: float = np.inf) -> tuple[Complex, np.ndarray]:
    """Make a piece the ligand of what remains of its receptor.

    Parameters
    ----------
    complex_ : Complex
        Its receptor without hydrogens.
    piece : Piece
    reach : float, optional
        Keep residues with an atom this near to the piece (angstrom).

    Returns
    -------
    complex_ : Complex
        Ligand molecules hold the piece and its caps; there are two if it has histidines, one with each tautomer.
    own : ndarray, shape=(n,), dtype=bool
        Which heavy atoms of the ligands are the piece's own.

    Raises
    ------
    LigandError
        No valid molecule can be made of the piece.
    """
    atoms = complex_.receptor
    index = np.union1d(piece.atoms, piece.caps)
    ligand, _ = ligand_mol(replace(complex_.structure, atoms=atoms, links=np.empty((0, 2), np.int32)), index)
    if atoms.kind[piece.atoms[0]] == PROTEIN:
        mols = _tautomers(ligand.mol)
    else:
        mols = [_without_metal(ligand.mol, atoms[index])]
    ligands = tuple(replace(ligand, name=piece.name, mol=mol) for mol in mols)
    rest = np.ones(len(atoms), bool)
    rest[piece.removed] = False
    receptor = atoms[rest]
    receptor = receptor[residues_near(receptor, atoms.coord[piece.atoms], reach)]
    return replace(complex_, receptor=receptor, ligands=ligands), np.isin(index, piece.atoms)


def _tautomers(mol: Chem.Mol) -> list[Chem.Mol]:
    """Both neutral forms of histidine, as in the residue table; the component dictionary has it protonated."""
    forms = []
    for protonated in ("ND1", "NE2"):
        form = Chem.RWMol(mol)
        imidazole = [a for a in form.GetAtoms() if a.GetIsAromatic() and a.GetProp("name") in ("ND1", "NE2")]
        for atom in imidazole:
            atom.SetFormalCharge(0)
            atom.SetNoImplicit(True)
            atom.SetNumExplicitHs(int(atom.GetProp("name") == protonated))
        try:
            Chem.SanitizeMol(form)
        except Chem.MolSanitizeException:  # modified histidines have one form, or none
            continue
        forms.append(form.GetMol())
    return forms if imidazole and forms else [mol]


def _without_metal(mol: Chem.Mol, atoms: Atoms) -> Chem.Mol:
    """The molecule that binds the metal of its component, which stays in the receptor: no hydrogen takes its place."""
    form = Chem.RWMol(mol)
    for atom, code, name in zip(form.GetAtoms(), atoms.res_name.tolist(), atoms.name.tolist(), strict=True):
        if atom.GetTotalNumHs() and atom.GetSymbol() in ("N", "O", "S") and name in _at_metal(code):
            atom.SetFormalCharge(-1)
            atom.SetNoImplicit(True)
            atom.SetNumExplicitHs(0)
    Chem.SanitizeMol(form)
    return form.GetMol()


@cache
def _at_metal(code: str) -> frozenset[str]:
    """Atoms of a component that are bonded to a metal of it."""
    elements, bonds = component_atoms(code) or ({}, {})
    return frozenset(a for pair in bonds for a, b in (pair, pair[::-1]) if elements[b][0] in METALS)


def own_interactions(found: Interactions, own: np.ndarray) -> Interactions:
    """The interactions whose ligand atoms are all the piece's own, those of all tautomers as of one ligand."""
    keep = [k for k, atoms in enumerate(found.ligand_atoms) if own[atoms].all()]
    columns = {f.name: getattr(found, f.name) for f in fields(found)}
    kept = {n: tuple(c[k] for k in keep) if isinstance(c, tuple) else c[keep] for n, c in columns.items()}
    return Interactions(**kept | {"ligand": np.zeros(len(keep), np.int32)})
