"""What a ligand could do, and where: typed points of its atoms and rings, whether or not it interacts."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from rdkit import Chem
from rdkit.Chem import Descriptors

from pocketvox.channels import CHANNELS, CORE
from pocketvox.errors import InputError
from pocketvox.poses.roles import ligand_roles as roles_of
from pocketvox.poses.roles import role_points
from pocketvox.structure.atoms import Ligand


def ligand_roles(ligand: Ligand) -> tuple[np.ndarray, np.ndarray]:
    """Donors, acceptors, hydrophobic atoms and centroids of aromatic rings of a ligand.

    Returns
    -------
    coord : ndarray, shape=(r, 3), dtype=float32
        Angstrom.
    channel : ndarray, shape=(r,), dtype=uint8
        Index into ``CHANNELS``.
    """
    roles = roles_of(ligand)
    core = np.isin(roles.channel, [CHANNELS.index(name) for name in CORE])
    return role_points(roles, ligand.coord)[core].astype(np.float32), roles.channel[core]


@dataclass(frozen=True)
class Poses:
    """Posed molecules of a screening set.

    Attributes
    ----------
    name : ndarray, shape=(n,), dtype=str
    active : ndarray, shape=(n,), dtype=bool
    heavy_atoms : ndarray, shape=(n,), dtype=int32
    mass : ndarray, shape=(n,), dtype=float64
        Molecular weight (g/mol).
    role_coord, role_channel : ndarray, shape=(r, 3) and (r,)
        As :func:`ligand_roles` returns, of all molecules one after the other.
    role_pose : ndarray, shape=(r,), dtype=int32
        Molecule of each.
    """

    name: np.ndarray
    active: np.ndarray
    heavy_atoms: np.ndarray
    mass: np.ndarray
    role_coord: np.ndarray
    role_channel: np.ndarray
    role_pose: np.ndarray


def read_poses(actives: Path, decoys: Path) -> Poses:
    """Poses of two gzipped SDF files.

    Raises
    ------
    InputError
        If a file is absent or a molecule cannot be read.
    """
    names, active, heavy, mass, coords, channels, owner = [], [], [], [], [], [], []
    for path, is_active in ((actives, True), (decoys, False)):
        if not path.is_file():
            raise InputError(f"Expected poses in an SDF file. Received: {path}, which is no file.")
        with gzip.open(path) as handle:
            for number, mol in enumerate(Chem.ForwardSDMolSupplier(handle, removeHs=False), 1):
                if mol is None:
                    raise InputError(f"{path}: expected a molecule that can be sanitised. Received: record {number}.")
                ligand = _as_ligand(mol)
                coord, channel = ligand_roles(ligand)
                owner.append(np.full(len(coord), len(names), np.int32))
                coords.append(coord)
                channels.append(channel)
                names.append(ligand.name)
                active.append(is_active)
                heavy.append(mol.GetNumHeavyAtoms())
                mass.append(Descriptors.MolWt(mol))
    return Poses(
        name=np.array(names),
        active=np.array(active),
        heavy_atoms=np.array(heavy, np.int32),
        mass=np.array(mass),
        role_coord=np.concatenate(coords),
        role_channel=np.concatenate(channels),
        role_pose=np.concatenate(owner),
    )


def _as_ligand(mol: Chem.Mol) -> Ligand:
    heavy = [a.GetIdx() for a in mol.GetAtoms() if a.GetAtomicNum() > 1]
    coord = mol.GetConformer().GetPositions()[heavy].astype(np.float32)
    return Ligand(mol.GetProp("_Name"), mol, coord, tuple(str(i) for i in heavy), "file")


def write_poses(group, poses: Poses) -> None:
    """Write poses into an HDF5 group."""
    import h5py

    for part in fields(poses):
        values = getattr(poses, part.name)
        values = values.astype(object) if values.dtype.kind == "U" else values
        dtype = h5py.string_dtype() if values.dtype == object else values.dtype
        group.create_dataset(part.name, data=values, dtype=dtype, track_times=False)


def stored_poses(group) -> Poses:
    """Read what :func:`write_poses` wrote."""
    arrays = {part.name: group[part.name][()] for part in fields(Poses)}
    arrays["name"] = np.array([n.decode() for n in arrays["name"]])
    return Poses(**arrays)
