"""Structures of a few atoms, placed by hand: receptors, ligands and complexes for tests of geometry."""

from __future__ import annotations

import numpy as np
from rdkit import Chem
from rdkit.Geometry import Point3D

from pocketvox.structure.atoms import NUCLEIC, OTHER, PROTEIN, WATER, Atoms, Complex, Ligand, Structure

_KINDS = {"protein": PROTEIN, "nucleic": NUCLEIC, "other": OTHER, "water": WATER}


def make_atoms(*residues, kind: str = "protein") -> Atoms:
    """Atoms of residues given as ``(name, {atom name: (x, y, z)})``; a third item overrides ``kind``.

    The element is the first letter of the atom name, or what follows a colon in it (``"ZN:Zn"``).
    """
    rows = []
    for number, (code, atoms, *own) in enumerate(residues):
        for key, xyz in atoms.items():
            name, _, element = key.partition(":")
            rows.append((code, number, name, element or name[0], xyz, _KINDS[own[0] if own else kind]))
    codes, numbers, names, symbols, coord, kinds = zip(*rows, strict=True) if rows else [()] * 6
    n = len(rows)
    return Atoms(
        coord=np.array(coord, np.float32).reshape(-1, 3),
        element=np.array(symbols, "U2"),
        name=np.array(names, "U4"),
        res_name=np.array(codes, "U5"),
        chain_id=np.full(n, "A", "U4"),
        ins_code=np.full(n, "", "U1"),
        res_id=np.array(numbers, np.int32),
        parent=np.array(codes, "U5"),
        kind=np.array(kinds, np.uint8),
        residue=np.array(numbers, np.int32),
        b_factor=np.zeros(n, np.float32),
        occupancy=np.ones(n, np.float32),
    )


def make_ligand(smiles: str, positions, name: str = "L:LIG 1") -> Ligand:
    """Ligand with the given positions, one per atom of ``smiles`` (hydrogens only where written as ``[H]``)."""
    parameters = Chem.SmilesParserParams()
    parameters.removeHs = False
    mol = Chem.MolFromSmiles(smiles, parameters)
    positions = np.asarray(positions, float).reshape(-1, 3)
    if len(positions) != mol.GetNumAtoms():
        raise ValueError(f"Expected {mol.GetNumAtoms()} positions for {smiles}. Received: {len(positions)}.")
    conformer = Chem.Conformer(mol.GetNumAtoms())
    for i, xyz in enumerate(positions):
        conformer.SetAtomPosition(i, Point3D(*map(float, xyz)))
    mol.AddConformer(conformer)
    heavy = [a.GetIdx() for a in mol.GetAtoms() if a.GetAtomicNum() > 1]
    names = tuple(f"{mol.GetAtomWithIdx(i).GetSymbol()}{i}" for i in heavy)
    return Ligand(name, mol, positions[heavy].astype(np.float32), names, "file")


def make_complex(
    receptor: Atoms, *ligands: Ligand, waters: Atoms | None = None, ignored: Atoms | None = None
) -> Complex:
    """Complex named ``tiny``."""
    none = make_atoms()
    return Complex(
        name="tiny",
        receptor=receptor,
        waters=none if waters is None else waters,
        ligands=ligands,
        ignored=none if ignored is None else ignored,
        structure=Structure("tiny", receptor),
    )


def direction(angle: float, turn: float = 0.0) -> np.ndarray:
    """Unit vector at ``angle`` degrees from +x, turned by ``turn`` degrees about x out of the xy plane."""
    a, t = np.radians((angle, turn))
    return np.array([np.cos(a), np.sin(a) * np.cos(t), np.sin(a) * np.sin(t)])


def hexagon(center=(0.0, 0.0, 0.0), normal=(0.0, 0.0, 1.0), radius: float = 1.39) -> np.ndarray:
    """Corners of a regular hexagon in ring order, shape=(6, 3)."""
    normal = np.asarray(normal, float) / np.linalg.norm(normal)
    helper = np.eye(3)[np.abs(normal).argmin()]
    u = np.cross(normal, helper)
    u /= np.linalg.norm(u)
    v = np.cross(normal, u)
    turns = np.radians(60.0 * np.arange(6) + 7.0)
    return np.asarray(center, float) + radius * (np.cos(turns)[:, None] * u + np.sin(turns)[:, None] * v)


def rotation(seed: int) -> np.ndarray:
    """A random proper rotation, shape=(3, 3)."""
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))
