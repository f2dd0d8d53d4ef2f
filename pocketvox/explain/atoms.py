"""From voxels back to atoms.

A voxel value is the sum of what feature points add to it, so any sum of ``voxel value * weight`` is a sum over points:
each point's share is what it adds, times the weight. What a point gets goes to the atoms it comes from, in equal parts.
Sums are kept from voxels to points to atoms to residues.
"""

from __future__ import annotations

import numpy as np

from pocketvox.errors import InputError
from pocketvox.features import ATOM_TYPES, FEATURES, FeaturePoints
from pocketvox.structure.atoms import Atoms
from pocketvox.voxel import Grid, gather, voxelize

_OCCUPANCY = ATOM_TYPES.index("occupancy")


def share_of_points(points: FeaturePoints, weight: np.ndarray, grid: Grid) -> np.ndarray:
    """Share of every point and feature in ``(weight * features).sum()``, the features being those of the whole grid.

    Parameters
    ----------
    points : FeaturePoints
    weight : ndarray, shape=(x, y, z, F)
        Of every voxel value: a gradient.
    grid : Grid

    Returns
    -------
    ndarray, shape=(n, F), dtype=float64
    """
    return gather(weight, points.coord, points.features, points.radius, grid)


def split_by_density(points: FeaturePoints, values: np.ndarray, grid: Grid) -> np.ndarray:
    """Divide voxel values among the atoms there, in proportion to what each adds to the ``occupancy`` feature.

    Parameters
    ----------
    points : FeaturePoints
    values : ndarray, shape=(x, y, z)
        Those of voxels without any atom are lost.
    grid : Grid

    Returns
    -------
    ndarray, shape=(n,), dtype=float64
    """
    occupancy = points.features[:, _OCCUPANCY : _OCCUPANCY + 1]
    density = voxelize(points.coord, occupancy, points.radius, grid, ["occupancy"]).values[..., 0].astype(np.float64)
    per_density = np.divide(values, density, out=np.zeros(grid.shape), where=density > 0)
    return gather(per_density[..., None], points.coord, occupancy, points.radius, grid)[:, 0]


def spread_on_voxels(atoms: np.ndarray, points: FeaturePoints, grid: Grid) -> np.ndarray:
    """Each atom's value on the voxels that it fills, in proportion to its density; what is outside the grid is lost.

    Parameters
    ----------
    atoms : ndarray, shape=(k,)
        One value per atom of the receptor.
    points : FeaturePoints
    grid : Grid

    Returns
    -------
    ndarray, shape=(x, y, z), dtype=float32
    """
    own = np.flatnonzero(points.features[:, _OCCUPANCY])
    coord, radius = points.coord[own], points.radius[own]
    mass = gather(np.ones((*grid.shape, 1)), coord, np.ones((len(own), 1), bool), radius, grid)
    value = atoms[parents_of(points)[own, :1]] / np.where(mass > 0, mass, 1.0)
    return voxelize(coord, value, radius, grid, ["attribution"]).values[..., 0]


def points_to_atoms(values: np.ndarray, points: FeaturePoints, count: int) -> np.ndarray:
    """Sum of the points' values by atom; points of several atoms are divided equally.

    Parameters
    ----------
    values : ndarray, shape=(n,)
    points : FeaturePoints
    count : int
        Atoms of the receptor.

    Returns
    -------
    ndarray, shape=(count,), dtype=float64

    Raises
    ------
    InputError
        If the points do not know their atoms.
    """
    parents = parents_of(points)
    there = parents >= 0
    each = np.broadcast_to((values / there.sum(axis=1))[:, None], parents.shape)
    return np.bincount(parents[there], each[there], minlength=count)


def atoms_to_residues(values: np.ndarray, atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
    """First atom of each residue, and the sum of its atoms' values, both shape=(r,), in file order."""
    residues, first, of = np.unique(atoms.residue, return_index=True, return_inverse=True)
    return first, np.bincount(of, values, minlength=len(residues))


def parents_of(points: FeaturePoints) -> np.ndarray:
    """The table of parents.

    Raises
    ------
    InputError
        If the points have none.
    """
    if points.parents is None:
        raise InputError(
            f"Expected feature points that know their atoms ({len(FEATURES)} features). Received: points without "
            "parents. Make them with pocketvox.features.receptor_points."
        )
    return points.parents
