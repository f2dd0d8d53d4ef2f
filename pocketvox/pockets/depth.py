"""How deep a pocket is: the distance of its voxels below the receptor's hull."""

from __future__ import annotations

import numpy as np

from pocketvox.voxel.grid import Grid
from pocketvox.voxel.labels import within

#: Radius of the sphere that rolls over the receptor and closes the mouths of its pockets (angstrom). A choice: at 12
#: angstrom across it stays out of every pocket that holds a drug-sized molecule, but follows domains and grooves.
HULL_PROBE = 6.0
#: Radius of a receptor heavy atom here (angstrom): carbon, Bondi, doi:10.1021/j100785a001.
ATOM_RADIUS = 1.7
#: Voxels of the depth grid (angstrom); distances are interpolated.
SPACING = 1.5


def pocket_depths(pockets: list[np.ndarray], coord: np.ndarray, grid: Grid) -> list[float]:
    """Depth of each pocket (angstrom).

    The depth of a voxel is its distance from the bulk solvent: all space that a sphere of radius ``HULL_PROBE`` covers
    as it rolls over the receptor from outside. It is 0 outside that hull. The depth of a pocket is that of its deepest
    voxel.

    Parameters
    ----------
    pockets : list of ndarray, shape=(n, 3), dtype=int
        Voxels of each pocket.
    coord : ndarray, shape=(m, 3)
        Heavy atoms of the receptor (angstrom).
    grid : Grid
        What the voxels are indices of.

    Returns
    -------
    list of float
    """
    if not len(coord):
        return [0.0] * len(pockets)
    from scipy.ndimage import map_coordinates

    points = grid.to_coord(np.concatenate(pockets))
    hull, distance = _distance_to_probe(coord.astype(np.float64))
    depth = map_coordinates(distance, hull.to_index(points).T, order=1, mode="nearest") - HULL_PROBE
    ends = np.cumsum([len(p) for p in pockets])[:-1]
    return [max(0.0, float(part.max())) for part in np.split(depth, ends)]


def _distance_to_probe(coord: np.ndarray) -> tuple[Grid, np.ndarray]:
    """A coarse grid around the receptor; distance of each voxel from where the sphere's centre can be (angstrom)."""
    from scipy.ndimage import distance_transform_edt, label

    reach = HULL_PROBE + ATOM_RADIUS
    hull = Grid.around(coord, reach + SPACING, SPACING)
    labels, _ = label(~within(coord, hull, reach))  # the border of the grid is free, and of one piece with all outside
    return hull, distance_transform_edt(labels != labels[0, 0, 0], SPACING)
