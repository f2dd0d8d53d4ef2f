"""Which pockets and hot-spots of two structures in one frame are the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pocketvox.channels import LABEL_RADIUS
from pocketvox.pockets import Hotspot, Pocket
from pocketvox.voxel.grid import Grid

#: Hot-spots of one type are the same if they are this near (angstrom): their labels, balls of this radius, touch.
SAME_HOTSPOT = 2 * LABEL_RADIUS
#: Pockets are the same if they share this part of the smaller one's voxels, or if their centres are this near
#: (angstrom), as near as a predicted pocket has to be to a ligand (DCA, doi:10.1186/s13321-018-0285-8).
SHARED, CENTRES = 0.25, 4.0


def match_pockets(a: Sequence[Pocket], b: Sequence[Pocket], grid: Grid) -> list[tuple[int, int, float]]:
    """Pairs of pockets, one to one, with their Jaccard index: those with the largest sum of Jaccard indices.

    Parameters
    ----------
    a, b : sequence of Pocket
        Of maps on one grid.
    grid : Grid
    """
    from scipy.optimize import linear_sum_assignment

    if not a or not b:
        return []
    voxels = [[np.ravel_multi_index(tuple(p.voxels.T), grid.shape) for p in pockets] for pockets in (a, b)]
    shared = np.array([[len(np.intersect1d(x, y, assume_unique=True)) for y in voxels[1]] for x in voxels[0]])
    size = [np.array([len(v) for v in column]) for column in voxels]
    jaccard = shared / (size[0][:, None] + size[1] - shared)
    centre = [np.array([p.center for p in pockets]) for pockets in (a, b)]
    distance = np.linalg.norm(centre[0][:, None] - centre[1], axis=-1)
    same = (shared >= SHARED * np.minimum(size[0][:, None], size[1])) | (distance <= CENTRES)
    # among pockets that share no voxel the nearest centres decide, by less than any Jaccard index
    gain = np.where(same, jaccard + 1e-6 / (1 + distance), 0.0)
    rows, columns = linear_sum_assignment(gain, maximize=True)
    return [(int(i), int(j), float(jaccard[i, j])) for i, j in zip(rows, columns, strict=True) if same[i, j]]


def match_hotspots(a: Sequence[Hotspot], b: Sequence[Hotspot]) -> list[tuple[int, int, float]]:
    """Pairs of hot-spots of one type, one to one, with their distance (angstrom).

    As many as possible are paired, and of all such assignments the one with the smallest sum of distances is taken.
    """
    from scipy.optimize import linear_sum_assignment

    pairs = []
    for name in dict.fromkeys(h.type for h in a):
        rows = [i for i, h in enumerate(a) if h.type == name]
        columns = [j for j, h in enumerate(b) if h.type == name]
        if columns:
            of_a, of_b = (np.array([hs[k].coord for k in index]) for hs, index in ((a, rows), (b, columns)))
            distance = np.linalg.norm(of_a[:, None] - of_b, axis=-1)
            # no sum of distances that count outweighs one more pair
            cost = np.where(distance <= SAME_HOTSPOT, distance, SAME_HOTSPOT * (min(distance.shape) + 1))
            for i, j in zip(*linear_sum_assignment(cost), strict=True):
                if distance[i, j] <= SAME_HOTSPOT:
                    pairs.append((rows[i], columns[j], float(distance[i, j])))
    return sorted(pairs)
