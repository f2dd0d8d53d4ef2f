"""Buriedness: how many receptor atoms are near, whatever they are.

The count of heavy atoms within 8 A is the burial count of PASS (Brady & Stouten, J. Comput. Aided Mol. Des. 14, 383
(2000), doi:10.1023/A:1008124202956), here on every voxel that no atom occupies.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from benchmarks.baselines import CLASH_DISTANCE
from benchmarks.entries import Entry
from benchmarks.methods import Method
from pocketvox.channels import CORE, LIGAND
from pocketvox.pockets import PocketConfig
from pocketvox.pockets.detect import find_regions
from pocketvox.voxel import Grid, Volume, within

#: Atoms nearer than this are counted (angstrom).
RADIUS = 8.0
#: The count that becomes 1: that of the interior of a protein, 0.056 atoms per cubic angstrom; free voxels have fewer.
FULL = 120
#: Pockets are where the count reaches 48 atoms: the best of 36, 42, 48, 54 and 60 on 83 ligands of validation proteins.
POCKETS = PocketConfig(threshold=48 / FULL)
CHANNELS = (*CORE, LIGAND)


def predict(entry: Entry, grid: Grid) -> Volume:
    """The same value in every channel."""
    value = buriedness(entry.atoms.coord[entry.atoms.heavy], grid)
    return Volume(np.repeat(value[..., None], len(CHANNELS), axis=-1), grid, CHANNELS)


def buriedness(coord: np.ndarray, grid: Grid) -> np.ndarray:
    """Share of ``FULL`` atoms around each voxel, at most 1; 0 where an atom is within ``CLASH_DISTANCE``.

    Parameters
    ----------
    coord : ndarray, shape=(n, 3), dtype=float
        Heavy atoms of the receptor (angstrom).
    grid : Grid

    Returns
    -------
    ndarray, shape=(x, y, z), dtype=float32
    """
    free = within(coord, grid, RADIUS) & ~within(coord, grid, CLASH_DISTANCE)
    count = cKDTree(coord).query_ball_point(grid.to_coord(np.argwhere(free)), RADIUS, return_length=True)
    value = np.zeros(grid.shape, np.float32)
    value[free] = np.minimum(count / FULL, 1.0)
    return value


def pockets(entry: Entry, volume: Volume) -> list:
    """Regions of high buriedness, best first."""
    return find_regions(volume, POCKETS)


def method() -> Method:
    """See the module docstring."""
    return Method(
        name="buriedness",
        title="buriedness",
        description="Number of receptor atoms within 8 A of a free voxel, in every channel: geometry, no chemistry.",
        predict=predict,
        pockets=pockets,
        channels=CHANNELS,
        scope="protein",
    )
