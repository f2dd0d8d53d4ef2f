"""Contacts of a ligand with its receptor, measured between points of both and shown around the ligand's.

Cut-offs of interactions are sharp, and convolutions over smooth densities see distances and angles blurred. A contact
is measured from coordinates: for every point of the ligand with a role, how far its nearest partners are and how they
lie to it. Each measure is a number from 0 to 1, in a ball of ``LABEL_RADIUS`` around the point; where balls of one
contact overlap, the nearer contact is shown. 0 stands for no partner as well.

``distance``
    One channel: the nearest partner, as 1 - d / ``PROXIMITY``, 0 beyond.
``donates``, ``accepts``
    Three channels for each of the two nearest partners: the distance, and at the donor the angles between the acceptor
    and, first, away from the donor's bonds, second, the nearest of its hydrogens, or where they are thought to be, as
    (1 + cos) / 2.
``stacks``
    Four channels for each of the two nearest rings: the distance of the centres, the angle of the planes, and those of
    the line of centres with the normal of the receptor's ring and of the ligand's, as |cos|.
"""

from __future__ import annotations

import numpy as np

from pocketvox.channels import LABEL_RADIUS
from pocketvox.config import CONTACTS
from pocketvox.features import HBOND_LENGTH
from pocketvox.voxel.constraints import PROXIMITY, SLACK
from pocketvox.voxel.grid import Grid

#: Contacts by name: points of the ligand, of the receptor, and what is measured.
KINDS: dict[str, tuple[str, str, str]] = {
    "donor": ("ligand_hbond_donor", "hbond_acceptor", "donates"),
    "acceptor": ("ligand_hbond_acceptor", "hbond_donor", "accepts"),
    "hydrophobic": ("ligand_hydrophobic", "hydrophobic", "distance"),
    "apolar": ("ligand_apolar", "apolar", "distance"),
    "rings": ("ligand_ring_center", "ring_center", "stacks"),
    "ring_cation": ("ligand_ring_center", "positive", "distance"),
    "cation_ring": ("ligand_positive_center", "ring_center", "distance"),
    "cation": ("ligand_positive_center", "negative", "distance"),
    "anion": ("ligand_negative_center", "positive", "distance"),
    "halogen": ("ligand_halogen", "hbond_acceptor", "distance"),
    "metal": ("ligand_binds_metal", "metal", "distance"),
}
#: Partners that are looked at, where angles are measured.
PARTNERS = 2
#: Heavy atoms nearer than this are bonded (angstrom); atoms of an aromatic ring are this near to its centre.
_BOND, _RING_RADIUS = 1.95, 1.7


def mark_contacts(out: np.ndarray, coord: np.ndarray, of: dict[str, np.ndarray], grid: Grid, names) -> None:
    """Fill contact channels.

    Parameters
    ----------
    out : ndarray, shape=(x, y, z, C), dtype=float32
        Zeros; C is the sum of :data:`pocketvox.config.CONTACTS` over ``names``.
    coord : ndarray, shape=(n, 3)
        Points of receptor and ligand (angstrom).
    of : dict of str to ndarray, shape=(k,), dtype=int
        Rows of the points that have a feature, by its name.
    grid : Grid
    names : sequence of str
    """
    from pocketvox.voxel import kernels

    values, first = np.zeros(out.shape, np.float32), 0
    for name in names:
        ours, theirs, kind = KINDS[name]
        points, partners = coord[of[ours]], coord[of[theirs]]
        if len(points) and len(partners):
            measured = _MEASURES[kind](points, partners, coord, of)
            order = np.argsort(measured[:, 0], kind="stable")
            radius = (LABEL_RADIUS + SLACK) / grid.spacing
            kernels.paint_spheres(values, grid.to_index(points[order]), first, radius, measured[order])
        first += CONTACTS[name]
    out[:] = values


def _distance(points: np.ndarray, partners: np.ndarray, coord, of) -> np.ndarray:
    from scipy.spatial import cKDTree

    return _nearness(cKDTree(partners).query(points)[0])[:, None]


def _donates(points: np.ndarray, partners: np.ndarray, coord, of) -> np.ndarray:
    away = _away(points, coord[of["ligand"]])
    sites = coord[of["ligand_donor_site"]]
    found, distance = _nearest(points, partners)
    rows = [_donor_angles(points, away, sites, partners[k], d) for k, d in zip(found.T, distance.T, strict=True)]
    return np.concatenate(rows, axis=1).astype(np.float32)


def _accepts(points: np.ndarray, partners: np.ndarray, coord, of) -> np.ndarray:
    found, distance = _nearest(points, partners)
    used, index = np.unique(found, return_inverse=True)
    away = np.zeros_like(partners)
    away[used] = _away(partners[used], coord[of["occupancy"]])
    sites = coord[of["donor_site"]]
    rows = [_donor_angles(partners[k], away[k], sites, points, d) for k, d in zip(found.T, distance.T, strict=True)]
    return np.concatenate(rows, axis=1).astype(np.float32)


def _stacks(points: np.ndarray, partners: np.ndarray, coord, of) -> np.ndarray:
    own = _normals(points, coord[of["ligand_aromatic"]])
    theirs = _normals(partners, coord[of["aromatic"]])
    found, distance = _nearest(points, partners)
    rows = []
    for k, d in zip(found.T, distance.T, strict=True):
        line = _unit(partners[k] - points)
        angles = [np.abs((a * b).sum(axis=1)) for a, b in ((own, theirs[k]), (theirs[k], line), (own, line))]
        rows.append(np.stack([_nearness(d), *angles], axis=1) * (d < PROXIMITY)[:, None])
    return np.concatenate(rows, axis=1).astype(np.float32)


_MEASURES = {"distance": _distance, "donates": _donates, "accepts": _accepts, "stacks": _stacks}


def _nearest(points: np.ndarray, partners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and distances of the ``PARTNERS`` nearest partners, both shape=(n, PARTNERS); infinitely far if too few."""
    from scipy.spatial import cKDTree

    distance, found = cKDTree(partners).query(points, k=PARTNERS)
    return np.where(np.isfinite(distance), found, 0), distance


def _donor_angles(donor: np.ndarray, away: np.ndarray, sites: np.ndarray, acceptor: np.ndarray, distance) -> np.ndarray:
    """Nearness and both angles for pairs of a donor and an acceptor, shape=(n, 3)."""
    from scipy.spatial import cKDTree

    line = _unit(acceptor - donor)
    from_bonds = (away * line).sum(axis=1)
    aim = np.full(len(donor), -1.0)
    if len(sites):
        for row, near in enumerate(cKDTree(sites).query_ball_point(donor, HBOND_LENGTH + 0.1)):
            if near:
                aim[row] = (_unit(sites[near] - donor[row]) @ line[row]).max()
    measured = np.stack([_nearness(distance), (1 + from_bonds) / 2, (1 + aim) / 2], axis=1)
    return measured * (distance < PROXIMITY)[:, None]


def _nearness(distance: np.ndarray) -> np.ndarray:
    return np.maximum(1 - distance / PROXIMITY, 0).astype(np.float32)


def _away(points: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Unit vectors away from the atoms that each point, itself one, is bonded to; 0 if there are none."""
    from scipy.spatial import cKDTree

    out = np.zeros((len(points), 3))
    for row, near in enumerate(cKDTree(atoms).query_ball_point(points, _BOND)):
        bonds = atoms[near] - points[row]
        length = np.linalg.norm(bonds, axis=1)
        out[row] = -(bonds[length > 0.1] / length[length > 0.1, None]).sum(axis=0)
    return _unit(out)


def _normals(centers: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Unit normals of rings, from the aromatic atoms around their centres; 0 if there are too few."""
    from scipy.spatial import cKDTree

    out = np.zeros((len(centers), 3))
    if len(atoms):
        for row, near in enumerate(cKDTree(atoms).query_ball_point(centers, _RING_RADIUS)):
            if len(near) > 2:
                out[row] = np.linalg.svd(atoms[near] - atoms[near].mean(axis=0))[2][2]
    return out


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)
