"""Numbers that describe a complex as a whole: its ligand, its pocket, and the experiment it comes from."""

from __future__ import annotations

import numpy as np

from pocketvox.features import ATOM_TYPES, LIGAND_FEATURES, FeaturePoints
from pocketvox.structure.atoms import Ligand, Structure

#: Receptor atoms this near to a ligand atom line its pocket (angstrom).
LINING = 6.0
#: Receptor atoms this near to a ligand atom bury it (angstrom).
BURIED = 8.0

_COUNTED = tuple(f"ligand_{name}" for name in ("apolar", "hydrophobic", "hbond_donor", "hbond_acceptor", "halogen"))
_GROUPS = ("ligand_ring_center", "ligand_positive_center", "ligand_negative_center")
LIGAND_DESCRIPTORS = (
    "heavy_atoms",
    *(f"{name.removeprefix('ligand_')}_atoms" for name in _COUNTED),
    "aromatic_rings",
    "positive_groups",
    "negative_groups",
    "rotatable_bonds",
    "sp3_carbons",
    "logp",
    "polar_surface",
)
POCKET_DESCRIPTORS = (*(f"pocket_{name}" for name in ATOM_TYPES), "burial")
#: Sources of structures that are told apart.
EXPERIMENTS = ("x-ray", "cryo-em", "nmr", "predicted")
EXPERIMENT_DESCRIPTORS = (*EXPERIMENTS, "resolution", "resolution_known")

#: Every descriptor, in order.
DESCRIPTORS = LIGAND_DESCRIPTORS + POCKET_DESCRIPTORS + EXPERIMENT_DESCRIPTORS


def describe(ligand: Ligand, ligand_points: FeaturePoints, receptor: FeaturePoints, structure: Structure) -> np.ndarray:
    """Descriptors of a ligand in its pocket.

    Parameters
    ----------
    ligand : Ligand
    ligand_points, receptor : FeaturePoints
        From :func:`pocketvox.features.ligand_points` and :func:`pocketvox.features.receptor_points`.
    structure : Structure
        For the experiment.

    Returns
    -------
    ndarray, shape=(len(DESCRIPTORS),), dtype=float32
        Counts; octanol-water log P (Crippen, doi:10.1021/ci990307l); topological polar surface (square angstrom;
        doi:10.1021/jm000942e); mean number of receptor heavy atoms within 8 angstrom of a ligand atom; 0 or 1 for
        methods; resolution in angstrom, 0 if unknown. Nothing is scaled: networks do that by the training data.
    """
    values = [*_of_ligand(ligand, ligand_points), *_of_pocket(ligand.coord, receptor), *_of_experiment(structure)]
    return np.array(values, np.float32)


def _of_ligand(ligand: Ligand, points: FeaturePoints) -> list[float]:
    from rdkit import Chem  # with its descriptors it takes 0.1 s to load: on first use
    from rdkit.Chem import rdMolDescriptors

    count = dict(zip(LIGAND_FEATURES, points.features.sum(axis=0).tolist(), strict=True))
    mol = Chem.RemoveAllHs(ligand.mol, sanitize=False)
    Chem.FastFindRings(mol)
    mol.UpdatePropertyCache(strict=False)
    return [
        count["ligand"],
        *(count[name] for name in _COUNTED + _GROUPS),
        rdMolDescriptors.CalcNumRotatableBonds(mol),
        rdMolDescriptors.CalcFractionCSP3(mol),
        rdMolDescriptors.CalcCrippenDescriptors(mol)[0],
        rdMolDescriptors.CalcTPSA(mol),
    ]


def _of_pocket(ligand: np.ndarray, receptor: FeaturePoints) -> list[float]:
    atoms = receptor.features[:, ATOM_TYPES.index("occupancy")].astype(bool)
    coord, types = receptor.coord[atoms], receptor.features[atoms, : len(ATOM_TYPES)]
    if not len(coord):
        return [0.0] * len(POCKET_DESCRIPTORS)
    from scipy.spatial import cKDTree

    lining = cKDTree(ligand).query(coord, distance_upper_bound=LINING)[0] <= LINING
    burying = cKDTree(coord).query_ball_point(ligand.astype(float), BURIED, return_length=True)
    return [*types[lining].sum(axis=0).tolist(), float(np.mean(burying))]


def _of_experiment(structure: Structure) -> list[float]:
    known = structure.resolution is not None
    kinds = [float(experiment(structure) == name) for name in EXPERIMENTS]
    return [*kinds, structure.resolution if known else 0.0, float(known)]


def experiment(structure: Structure) -> str:
    """Which of ``EXPERIMENTS`` a structure comes from; empty if unknown or another."""
    if structure.predicted:
        return "predicted"
    method = structure.method.upper()
    found = (name for word, name in (("X-RAY", "x-ray"), ("ELECTRON M", "cryo-em"), ("NMR", "nmr")) if word in method)
    return next(found, "")
