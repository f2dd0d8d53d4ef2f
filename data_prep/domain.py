"""The training pockets that a preset remembers, to tell how far a new one is from them.

Each ligand's surroundings are predicted and cut into pockets the way a scan does it; its pocket is the one that covers
most of the ligand. What is compared later is thus of the same kind.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from pocketvox.data.store import StoreItem
from pocketvox.features import FeaturePoints
from pocketvox.inference.domain import Domain, fit_domain, pocket_descriptor
from pocketvox.pockets.detect import PocketConfig, find_regions
from pocketvox.voxel import Grid, Volume, envelope

#: Ligands of one family: more would say little that is new, and make the preset larger.
PER_FAMILY = 3
#: The map reaches this far beyond a ligand (angstrom): its pocket may be larger than it is.
MARGIN = 10.0

log = logging.getLogger("release")


def training_domain(
    items: list[StoreItem],
    predict: Callable[[FeaturePoints, Grid], Volume],
    config: PocketConfig,
    spacing: float,
    *,
    per_family: int = PER_FAMILY,
    seed: int = 0,
) -> Domain:
    """What the training pockets of a network look like.

    Parameters
    ----------
    items : list of StoreItem
        Training structures.
    predict : callable
        From receptor points and a grid to the calibrated map.
    config : PocketConfig
        With which the preset cuts out pockets.
    spacing : float
        Edge of a voxel (angstrom).
    per_family : int
        Most ligands of a family.
    seed : int
        Of the choice among the ligands of a family.

    Raises
    ------
    InputError
        If pockets of too few families are found.
    """
    family = families(items)
    chosen = choose(items, family, per_family, seed)
    descriptors, known = [], []
    for number, (k, group) in enumerate(chosen, 1):
        item = items[k]
        ligand = item.ligand_coord[item.ligand_group == group]
        points = item.feature_points
        volume = predict(points, Grid.around(ligand, MARGIN, spacing))
        voxels = pocket_of(ligand, volume, config)
        if voxels is not None:
            descriptors.append(pocket_descriptor(points, volume, voxels))
            known.append(family[k])
        if number % 50 == 0 or number == len(chosen):
            log.info("%d of %d training ligands, %d in a pocket", number, len(chosen), len(known))
    return fit_domain(np.array(descriptors), known)


def pocket_of(ligand: np.ndarray, volume: Volume, config: PocketConfig) -> np.ndarray | None:
    """Voxels of the pocket that covers most of a ligand, shape=(n, 3); None if no pocket touches it."""
    inside = envelope(ligand, volume.grid)
    regions = [region.voxels for region in find_regions(volume, config)]
    covered = [int(inside[tuple(voxels.T)].sum()) for voxels in regions]
    return regions[int(np.argmax(covered))] if any(covered) else None


def families(items: list[StoreItem]) -> list[int]:
    """A number for each structure, the same for structures linked by a sequence cluster, directly or through others."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = [(k, name) for k, item in enumerate(items) for name in item.clusters]
    names = {name: len(items) + n for n, name in enumerate(dict.fromkeys(name for _, name in links))}
    rows, columns = [k for k, _ in links], [names[name] for _, name in links]
    size = len(items) + len(names)
    graph = coo_matrix((np.ones(len(links), bool), (rows, columns)), (size, size))
    return connected_components(graph, directed=False)[1][: len(items)].tolist()


def choose(items: list[StoreItem], family: list[int], per_family: int, seed: int) -> list[tuple[int, int]]:
    """Structure and ligand of at most so many ligands of each family, in their order."""
    ligands = [(k, group) for k, item in enumerate(items) for group in range(len(item.ligand_names))]
    taken: dict[int, int] = {}
    kept = []
    for n in np.random.default_rng(seed).permutation(len(ligands)):
        number = family[ligands[n][0]]
        if taken.get(number, 0) < per_family:
            taken[number] = taken.get(number, 0) + 1
            kept.append(ligands[n])
    return sorted(kept)
