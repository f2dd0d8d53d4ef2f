"""What the network sees of a receptor, and of a ligand: typed atoms, and the points in space that they offer.

Hydrogens of a receptor are never used, so that the same structure with and without them gives the same features. Those
of a ligand, where given, say which way it donates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pocketvox.chemistry import elements
from pocketvox.interactions.sites import Group, Sites, ligand_sites, receptor_sites
from pocketvox.structure.atoms import Atoms, Ligand
from pocketvox.structure.neighbours import is_near

#: Properties of receptor heavy atoms.
ATOM_TYPES = (
    "occupancy",
    "apolar",
    "hydrophobic",
    "aromatic",
    "hbond_donor",
    "hbond_acceptor",
    "positive",
    "negative",
    "metal",
)
#: Points in space: where a ligand acceptor or donor would meet an ideal hydrogen bond, aromatic ring centroids, and
#: where a ring would lie face to face with them.
SITE_TYPES = ("donor_site", "acceptor_site", "ring_center", "ring_site")

#: Every feature, in storage order: the last axis of a feature grid.
FEATURES = ATOM_TYPES + SITE_TYPES

#: Features of a ligand, if the network sees one: properties of its heavy atoms ...
LIGAND_ATOM_TYPES = (
    "ligand",
    "ligand_apolar",
    "ligand_hydrophobic",
    "ligand_aromatic",
    "ligand_hbond_donor",
    "ligand_hbond_acceptor",
    "ligand_positive",
    "ligand_negative",
    "ligand_halogen",
    "ligand_binds_metal",
)
#: ... and points in space: as those of a receptor, and centres of charge.
LIGAND_SITE_TYPES = (
    "ligand_donor_site",
    "ligand_acceptor_site",
    "ligand_ring_center",
    "ligand_ring_site",
    "ligand_positive_center",
    "ligand_negative_center",
)
LIGAND_FEATURES = LIGAND_ATOM_TYPES + LIGAND_SITE_TYPES

#: Donor-acceptor distance of an ideal hydrogen bond (angstrom): Baker & Hubbard, doi:10.1016/0079-6107(84)90007-5.
HBOND_LENGTH = 2.9
#: Distance between stacked rings (angstrom): McGaughey et al., doi:10.1074/jbc.273.25.15458.
STACKING_DISTANCE = 3.6
#: A point nearer than this to a receptor heavy atom is taken: no ligand atom can be there (angstrom).
CLASH_DISTANCE = 2.4
#: Radius given to points in space (angstrom); atoms have their van der Waals radius.
SITE_RADIUS = 1.0

_COS60, _SIN60 = 0.5, np.sqrt(0.75)
_TETRAHEDRAL = np.radians(180.0 - 109.47)
_HALF_TETRAHEDRAL = np.radians(109.47 / 2)


@dataclass(frozen=True)
class FeaturePoints:
    """Points that carry features: the receptor's heavy atoms, then the points they offer.

    Attributes
    ----------
    coord : ndarray, shape=(n, 3), dtype=float32
        Positions (angstrom).
    features : ndarray, shape=(n, len(FEATURES)), dtype=bool
    radius : ndarray, shape=(n,), dtype=float32
        Radius of each point for the voxel kernel (angstrom).
    parents : ndarray, shape=(n, m), dtype=int32, optional
        Atoms of the receptor that each point comes from, padded with -1: an atom itself, a donor or acceptor, all atoms
        of a ring. None where points are stored without.
    b_factor : ndarray, shape=(n,), dtype=float32, optional
        B column at the points (square angstrom; pLDDT in a predicted model): that of the atom, or the mean over the
        atoms that a point comes from.
    experiment : str
        Which of :data:`pocketvox.descriptors.EXPERIMENTS` the structure comes from; empty if unknown.
    """

    coord: np.ndarray
    features: np.ndarray
    radius: np.ndarray
    parents: np.ndarray | None = None
    b_factor: np.ndarray | None = None
    experiment: str = ""

    def __len__(self) -> int:
        return len(self.coord)


def receptor_types(atoms: Atoms) -> np.ndarray:
    """Properties of every atom, shape=(n, len(ATOM_TYPES)), dtype=bool; hydrogens have none."""
    types = np.zeros((len(atoms), len(ATOM_TYPES)), bool)
    heavy = np.flatnonzero(atoms.heavy)
    types[heavy] = _site_types(receptor_sites(atoms[heavy]))
    return types


def receptor_points(atoms: Atoms, experiment: str = "") -> FeaturePoints:
    """Feature points of a receptor.

    Parameters
    ----------
    atoms : Atoms
        Receptor: polymers, prosthetic groups, metals. Hydrogens are ignored.
    experiment : str
        See :func:`pocketvox.descriptors.experiment`.

    Returns
    -------
    FeaturePoints
    """
    heavy = atoms[atoms.heavy]
    sites = receptor_sites(heavy)
    radius = elements.lookup(elements.VDW_RADIUS, heavy.element, elements.DEFAULT_VDW_RADIUS)
    offered = _offered(sites, _hydrogen_bond_points(sites, sites.donor))
    points = _feature_points(sites, radius, _site_types(sites), offered)
    points = replace(points, parents=_in_all_atoms(points.parents, np.flatnonzero(atoms.heavy)))
    return replace(points, b_factor=b_factors(points, atoms.b_factor), experiment=experiment)


def ligand_points(ligand: Ligand) -> FeaturePoints:
    """Feature points of a ligand.

    Parameters
    ----------
    ligand : Ligand

    Returns
    -------
    FeaturePoints
        Columns of ``features`` are ``LIGAND_FEATURES``; parents count heavy atoms of the ligand.
    """
    sites = ligand_sites(ligand)
    symbols = np.array([atom.GetSymbol() for atom in ligand.mol.GetAtoms() if atom.GetAtomicNum() > 1])
    radius = elements.lookup(elements.VDW_RADIUS, symbols, elements.DEFAULT_VDW_RADIUS)
    types = np.stack(
        [
            np.ones(len(sites.coord), bool),
            sites.apolar,
            sites.hydrophobic,
            _members(sites, sites.rings),
            sites.donor > 0,
            sites.acceptor > 0,
            _members(sites, sites.positive),
            _members(sites, sites.negative),
            sites.halogen,
            sites.binds_metal,
        ],
        axis=1,
    )
    offered = _offered(sites, _given_hydrogens(sites))
    offered += [(_centers(groups), _group_atoms(groups)) for groups in (sites.positive, sites.negative)]
    return _feature_points(sites, radius, types, offered)


def together(receptor: FeaturePoints, ligand: FeaturePoints) -> FeaturePoints:
    """Points of a receptor and of a ligand as one: the receptor's columns, then the ligand's."""
    rows, columns = receptor.features.shape
    features = np.zeros((rows + len(ligand), columns + ligand.features.shape[1]), receptor.features.dtype)
    features[:rows, :columns], features[rows:, columns:] = receptor.features, ligand.features
    pairs = ((getattr(receptor, name), getattr(ligand, name)) for name in ("coord", "radius"))
    coord, radius = (np.concatenate(pair) for pair in pairs)
    return FeaturePoints(coord, features, radius)


def b_factors(points: FeaturePoints, b_factor: np.ndarray) -> np.ndarray:
    """B-factors of feature points: that of an atom itself, or the mean over the atoms that a point comes from.

    Parameters
    ----------
    points : FeaturePoints
        With parents.
    b_factor : ndarray, shape=(number of atoms,)
        Of the atoms that the points were made of.

    Returns
    -------
    ndarray, shape=(n,), dtype=float32
    """
    known = points.parents >= 0
    values = np.where(known, np.asarray(b_factor, np.float32)[points.parents], 0.0)
    return (values.sum(axis=1) / np.maximum(known.sum(axis=1), 1)).astype(np.float32)


def _offered(sites: Sites, donor_sites: tuple[np.ndarray, np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Points of each of ``SITE_TYPES`` and the atoms that they come from."""
    centers, rings = _centers(sites.rings), _group_atoms(sites.rings)
    normals = np.array([ring.normal for ring in sites.rings]).reshape(-1, 3)
    faces = np.concatenate([centers + STACKING_DISTANCE * normals, centers - STACKING_DISTANCE * normals])
    return [
        _free(*donor_sites, sites.coord),
        _free(*_hydrogen_bond_points(sites, sites.acceptor), sites.coord),
        (centers, rings),
        _free(faces, np.concatenate([rings, rings]), sites.coord),
    ]


def _given_hydrogens(sites: Sites) -> tuple[np.ndarray, np.ndarray]:
    """Ideal positions of acceptors, and their donors: along hydrogens where they are given, else implied."""
    given = np.isfinite(sites.hydrogens[..., 0]) & (sites.donor > 0)[:, None]
    atom, h = np.nonzero(given)
    along = _unit(sites.hydrogens[atom, h] - sites.coord[atom])
    implied, implied_atom = _hydrogen_bond_points(sites, np.where(given.any(axis=1), 0, sites.donor))
    points = np.concatenate([sites.coord[atom] + HBOND_LENGTH * along, implied])
    return points, np.concatenate([atom, implied_atom])


def _feature_points(sites: Sites, radius, types: np.ndarray, offered) -> FeaturePoints:
    """Atoms with their types, then the points offered, each kind a column after the types."""
    points, parents = zip(*offered, strict=True)
    coord = np.concatenate([sites.coord, *points]).astype(np.float32)
    atoms, width = types.shape
    features = np.zeros((len(coord), width + len(points)), bool)
    features[:atoms, :width] = types
    kind = np.repeat(np.arange(width, features.shape[1]), [len(of_kind) for of_kind in points])
    features[np.arange(atoms, len(coord)), kind] = True
    radii = np.full(len(coord), SITE_RADIUS, np.float32)
    radii[:atoms] = radius
    return FeaturePoints(coord, features, radii, _table((np.arange(atoms), *parents)))


def _centers(groups: Sequence[Group]) -> np.ndarray:
    return np.array([group.center for group in groups]).reshape(-1, 3)


def _group_atoms(groups: Sequence[Group]) -> np.ndarray:
    """Atoms of each group, shape=(k, m), padded with -1."""
    rows = np.full((len(groups), max((len(group.atoms) for group in groups), default=1)), -1)
    for row, group in zip(rows, groups, strict=True):
        row[: len(group.atoms)] = group.atoms
    return rows


def _table(parents: Sequence[np.ndarray]) -> np.ndarray:
    """Tables of parents, of one and of several columns, one below the other; padded with -1."""
    parents = [rows if rows.ndim == 2 else rows[:, None] for rows in parents]
    table = np.full((sum(map(len, parents)), max(rows.shape[1] for rows in parents)), -1, np.int32)
    stop = 0
    for rows in parents:
        start, stop = stop, stop + len(rows)
        table[start:stop, : rows.shape[1]] = rows
    return table


def _in_all_atoms(parents: np.ndarray, heavy: np.ndarray) -> np.ndarray:
    """Parents counted in all atoms instead of in heavy ones."""
    return np.where(parents >= 0, heavy[parents], -1).astype(np.int32)


def hydrogen_bond_points(sites: Sites, hybridisation: np.ndarray) -> np.ndarray:
    """Ideal positions of the partner atom around donors or acceptors, shape=(m, 3), dtype=float64.

    Parameters
    ----------
    sites : Sites
    hybridisation : ndarray, shape=(n,), dtype=uint8
        ``sites.donor`` or ``sites.acceptor``: 0 (no points), 2 (trigonal) or 3 (tetrahedral).
    """
    return _hydrogen_bond_points(sites, hybridisation)[0]


def _hydrogen_bond_points(sites: Sites, hybridisation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`hydrogen_bond_points`, with the atom of each point, shape=(m,)."""
    atom, valence = free_valences(sites, hybridisation)
    return sites.coord[atom] + HBOND_LENGTH * valence, atom


def free_valences(sites: Sites, hybridisation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Atoms, shape=(m,), and unit vectors along their hydrogens or lone pairs, shape=(m, 3), dtype=float64.

    Parameters
    ----------
    sites, hybridisation
        As for :func:`hydrogen_bond_points`.

    Notes
    -----
    Hydrogens and lone pairs are taken as free valences: trigonal atoms have one opposite to two neighbours or two
    beside one neighbour, in the plane; tetrahedral atoms one opposite to three, two beside two, or three staggered
    around one neighbour.
    """
    count = (sites.neighbours[:, :3] >= 0).sum(axis=1)
    atoms, valences = [np.empty(0, int)], [np.empty((0, 3))]
    for directions_of, wanted, bonded in (
        (_opposite, 2, 2),
        (_beside_in_plane, 2, 1),
        (_opposite, 3, 3),
        (_beside_two, 3, 2),
        (_staggered, 3, 1),
    ):
        i = np.flatnonzero((hybridisation == wanted) & (count == bonded))
        if len(i):
            directions = directions_of(sites, i)
            atoms.append(np.repeat(i, directions.shape[1]))
            valences.append(directions.reshape(-1, 3))
    atom, valence = np.concatenate(atoms), np.concatenate(valences)
    defined = np.isfinite(valence).all(axis=1)
    return atom[defined], valence[defined]


def _site_types(sites: Sites) -> np.ndarray:
    types = np.zeros((len(sites.coord), len(ATOM_TYPES)), bool)
    for name, values in (
        ("occupancy", True),
        ("apolar", sites.apolar),
        ("hydrophobic", sites.hydrophobic),
        ("hbond_donor", sites.donor > 0),
        ("hbond_acceptor", sites.acceptor > 0),
        ("metal", sites.metal),
    ):
        types[:, ATOM_TYPES.index(name)] = values
    for name, groups in (("aromatic", sites.rings), ("positive", sites.positive), ("negative", sites.negative)):
        types[:, ATOM_TYPES.index(name)] = _members(sites, groups)
    return types


def _members(sites: Sites, groups: Sequence[Group]) -> np.ndarray:
    """Which atoms belong to one of the groups, shape=(n,), dtype=bool."""
    inside = np.zeros(len(sites.coord), bool)
    for group in groups:
        inside[group.atoms] = True
    return inside


def free_points(points: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """The points that no atom occupies."""
    return _free(points, points, atoms)[0]


def _free(points: np.ndarray, parents: np.ndarray, atoms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The points that no atom occupies, and the rows of ``parents`` that belong to them."""
    if not len(points):
        return points, parents
    free = ~is_near(points, atoms, CLASH_DISTANCE)
    return points[free], parents[free]


def _unit(vector: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def _bonds(sites: Sites, i: np.ndarray, count: int) -> np.ndarray:
    """Unit vectors from each atom to its first ``count`` neighbours, shape=(len(i), count, 3)."""
    return _unit(sites.coord[sites.neighbours[i, :count]] - sites.coord[i][:, None])


def _opposite(sites: Sites, i: np.ndarray) -> np.ndarray:
    count = int((sites.neighbours[i[0], :3] >= 0).sum())
    return -_unit(_bonds(sites, i, count).sum(axis=1))[:, None]


def _beside_two(sites: Sites, i: np.ndarray) -> np.ndarray:
    bonds = _bonds(sites, i, 2)
    away, across = -_unit(bonds.sum(axis=1)), _unit(np.cross(bonds[:, 0], bonds[:, 1]))
    along, aside = np.cos(_HALF_TETRAHEDRAL) * away, np.sin(_HALF_TETRAHEDRAL) * across
    return np.stack([along + aside, along - aside], axis=1)


def _frame(sites: Sites, i: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Axis away from the only neighbour, and two normals to it: toward the neighbour's next atom, and across.

    NaN where the neighbour has no other neighbour.
    """
    first = sites.neighbours[i, 0]
    axis = _unit(sites.coord[i] - sites.coord[first])
    candidates = sites.neighbours[first]
    other = np.where(candidates[:, 0] == i, candidates[:, 1], candidates[:, 0])
    second = _unit(sites.coord[other] - sites.coord[first])
    second[other < 0] = np.nan
    toward = _unit(second - (second * axis).sum(axis=1, keepdims=True) * axis)
    return axis, toward, np.cross(axis, toward)


def _beside_in_plane(sites: Sites, i: np.ndarray) -> np.ndarray:
    axis, toward, _ = _frame(sites, i)
    return np.stack([_COS60 * axis + _SIN60 * toward, _COS60 * axis - _SIN60 * toward], axis=1)


def _staggered(sites: Sites, i: np.ndarray) -> np.ndarray:
    axis, toward, across = _frame(sites, i)
    along = np.cos(_TETRAHEDRAL) * axis
    turns = np.radians((60.0, 180.0, 300.0))
    return np.stack([along + np.sin(_TETRAHEDRAL) * (np.cos(t) * toward + np.sin(t) * across) for t in turns], axis=1)
