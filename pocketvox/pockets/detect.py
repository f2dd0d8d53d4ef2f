"""Pockets: where the ``ligand`` channel says that a ligand could be.

1. Voxels whose probability reaches the threshold, joined with their 26 neighbours into regions.
2. Regions whose nearest voxels are within the merge distance become one (single linkage).
3. Regions larger than the largest volume are split between the peaks of the smoothed probability: each voxel belongs to
   the peak that the steepest way up leads to, or to the peak next to that one if that one is suppressed.
4. Regions smaller than the smallest volume are dropped; the others are ranked by score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pocketvox.channels import LIGAND
from pocketvox.config import Config
from pocketvox.errors import ConfigError, InputError
from pocketvox.pockets.depth import pocket_depths
from pocketvox.pockets.peaks import NEIGHBOURS, Patch, suppress
from pocketvox.structure.atoms import Atoms
from pocketvox.structure.neighbours import Buckets, is_near, joined, unsorted_pairs
from pocketvox.voxel.grid import Grid, Volume
from pocketvox.voxel.tiles import SparseArray, voxels_above

if TYPE_CHECKING:
    from pocketvox.pockets.hotspots import Hotspot


@dataclass(frozen=True)
class PocketConfig(Config):
    """How pockets are cut out of the ``ligand`` channel. Numbers without a source are choices of this project.

    Attributes
    ----------
    threshold : float
        Least probability of a pocket voxel.
    merge_distance : float
        Regions with voxel centres this near become one (angstrom): the gap that one ligand atom would fill, two label
        radii.
    min_volume : float
        Smallest pocket (angstrom^3): about six ligand atoms, each with a sphere of the label radius.
    max_volume : float
        Larger regions are split (angstrom^3): several times the volume of a ligand of 60 heavy atoms.
    split_distance : float
        Least distance of the peaks that a region is split between (angstrom): the length of a fragment.
    contact_distance : float
        A residue lines a pocket if a heavy atom of it is this near to a pocket voxel (angstrom).
    midpoint, slope : float
        Pocket probability = 1 / (1 + (midpoint / score) ** slope). A preset brings those fitted on its validation
        proteins; with the defaults the probability only orders pockets.
    """

    threshold: float = 0.3
    merge_distance: float = 2.5
    min_volume: float = 30.0
    max_volume: float = 1500.0
    split_distance: float = 8.0
    contact_distance: float = 4.0
    midpoint: float = 100.0
    slope: float = 1.0

    def __post_init__(self):
        if not 0 < self.threshold <= 1:
            raise ConfigError(f"Expected threshold: above 0, at most 1. Received: {self.threshold!r}.")
        for name in ("split_distance", "contact_distance", "midpoint", "slope", "max_volume"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"Expected {name}: a positive number. Received: {getattr(self, name)!r}.")
        for name in ("merge_distance", "min_volume"):
            if getattr(self, name) < 0:
                raise ConfigError(f"Expected {name}: zero or more. Received: {getattr(self, name)!r}.")


@dataclass(frozen=True)
class Pocket:
    """A place where a ligand would bind.

    Attributes
    ----------
    name : str
        ``pocket1`` for the best.
    rank : int
        1 for the best.
    score : float
        Integral of the squared ligand probability over the pocket (angstrom^3): grows with size and certainty.
    probability : float
        Monotone in ``score``, 0 to 1; see :class:`PocketConfig`.
    center : tuple of 3 floats
        Mean of the voxel centres, weighted by probability (angstrom).
    volume : float
        Of its voxels (angstrom^3).
    depth : float
        How far its deepest voxel is below the mouth (angstrom); see :func:`pocketvox.pockets.depth.pocket_depths`.
    residue_ids : tuple of str
        Lining residues in file order, as P2Rank writes them: ``chain_number`` and the insertion code (``A_25``).
    surface_atoms : ndarray, shape=(k,), dtype=int
        Indices of the receptor's heavy atoms within the contact distance.
    voxels : ndarray, shape=(n, 3), dtype=int
        Its voxels in the grid of the map, in C order.
    hotspots : tuple of Hotspot
        Best first.
    domain_score : float or None
        How far it is from the pockets the network was trained on, 0 to 1; see :mod:`pocketvox.inference.domain`. None
        if the preset does not tell.
    uncertainty : float or None
        How undecided the map is in it, 0 to 1; see :func:`pocketvox.inference.domain.map_uncertainty`.
    expected_counts : dict of str to float, or None
        Per channel the interactions, or ligand atoms, expected in it; see :func:`pocketvox.voxel.expected_counts`.
    plddt : float or None
        Mean pLDDT of its lining residues, 0 to 100. None if the structure is no predicted model.
    """

    name: str
    rank: int
    score: float
    probability: float
    center: tuple[float, float, float]
    volume: float
    depth: float
    residue_ids: tuple[str, ...]
    surface_atoms: np.ndarray
    voxels: np.ndarray
    hotspots: tuple[Hotspot, ...] = ()
    domain_score: float | None = None
    uncertainty: float | None = None
    expected_counts: dict[str, float] | None = None
    plddt: float | None = None


@dataclass(frozen=True)
class Region:
    """The voxels of a pocket, shape=(n, 3) in C order, with its centre and score as in :class:`Pocket`."""

    voxels: np.ndarray
    center: tuple[float, float, float]
    score: float


def detect_pockets(volume: Volume, receptor: Atoms, config: PocketConfig | None = None) -> tuple[Pocket, ...]:
    """Pockets of a receptor, best first, without hot-spots.

    Parameters
    ----------
    volume : Volume
        Probabilities, shape=(x, y, z, channel), with a ``ligand`` channel.
    receptor : Atoms
        Receptor; hydrogens are ignored.
    config : PocketConfig, optional

    Returns
    -------
    tuple of Pocket
        Empty if no region is certain and large enough.

    Raises
    ------
    InputError
        If the volume has no ``ligand`` channel.
    """
    config = config or PocketConfig()
    regions = find_regions(volume, config)
    if not regions:
        return ()
    heavy = np.flatnonzero(receptor.heavy)
    depths = pocket_depths([region.voxels for region in regions], receptor.coord[heavy], volume.grid)
    buckets, reach = Buckets(receptor.coord[heavy], 2 * config.contact_distance), config.contact_distance + 1e-3
    pockets = []
    for rank, (region, depth) in enumerate(zip(regions, depths, strict=True), 1):
        corners = volume.grid.to_coord(np.stack([region.voxels.min(axis=0), region.voxels.max(axis=0)]))
        near = heavy[buckets.in_box(corners[0] - reach, corners[1] + reach)]
        pockets.append(_measure(rank, region, volume.grid, receptor, near, depth, config))
    return tuple(pockets)


def find_regions(volume: Volume, config: PocketConfig) -> list[Region]:
    """The voxels of each pocket, best first: all that needs no receptor.

    Raises
    ------
    InputError
        If the volume has no ``ligand`` channel.
    """
    probability, grid = ligand_probability(volume), volume.grid
    pieces = [
        piece for whole in _regions(probability, grid, config) for piece in _split(whole, probability, grid, config)
    ]
    regions = []
    for voxels in pieces:
        if len(voxels) * grid.spacing**3 >= config.min_volume:
            weight = probability[tuple(voxels.T)].astype(np.float64)
            center = (weight[:, None] * grid.to_coord(voxels)).sum(axis=0) / weight.sum()
            regions.append(Region(voxels, tuple(float(v) for v in center), float((weight**2).sum() * grid.spacing**3)))
    return sorted(regions, key=lambda r: (-r.score, -len(r.voxels), r.center))


def ligand_probability(volume: Volume) -> np.ndarray:
    """The ``ligand`` channel, shape=(x, y, z).

    Raises
    ------
    InputError
        If there is none.
    """
    if LIGAND not in volume.channels:
        raise InputError(
            f"Expected a {LIGAND!r} channel: pockets are where it is high. Received: {', '.join(volume.channels)}. "
            "Use a preset that predicts it."
        )
    return volume.values[..., volume.channels.index(LIGAND)]


def _regions(probability: np.ndarray | SparseArray, grid: Grid, config: PocketConfig) -> list[np.ndarray]:
    """Voxels of each merged region, each shape=(n, 3) in C order."""
    voxels = voxels_above(probability, config.threshold)
    if not len(voxels):
        return []
    label = _connected(voxels, grid.shape)
    root = _single_linkage(voxels, label, config.merge_distance / grid.spacing)[label]
    order = np.argsort(root, kind="stable")
    return np.split(voxels[order], np.flatnonzero(np.diff(root[order])) + 1)


def _connected(voxels: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Number, from 0, of the piece that each voxel belongs to; the 26 neighbours of a voxel are of its piece."""
    padded = np.array(shape) + 2
    flat = np.ravel_multi_index(tuple((voxels + 1).T), padded)
    steps = np.array([padded[1] * padded[2], padded[2], 1])
    links = []
    for step in NEIGHBOURS[13:] @ steps:  # the other half of the neighbours has them as theirs
        row = np.minimum(np.searchsorted(flat, flat + step), len(flat) - 1)
        found = np.flatnonzero(flat[row] == flat + step)
        links.append(np.stack([found, row[found]]))
    return np.unique(joined(len(voxels), *np.concatenate(links, axis=1)), return_inverse=True)[1]


def _single_linkage(voxels: np.ndarray, label: np.ndarray, distance: float) -> np.ndarray:
    """The smallest label that each label is linked to, shape=(number of labels,), dtype=int."""
    from scipy.spatial import cKDTree

    count = int(label.max()) + 1
    if count < 2 or distance <= 0:
        return np.arange(count)
    parts = np.split(voxels[np.argsort(label, kind="stable")], np.cumsum(np.bincount(label))[:-1])
    cells = np.unique(np.column_stack([label, voxels // int(np.ceil(distance))]), axis=0)
    a, b, _ = unsorted_pairs(cells[:, 1:], cells[:, 1:], np.sqrt(3) + 1e-6)  # cells that touch
    a, b = cells[a, 0], cells[b, 0]
    near = np.unique(np.stack([a[a < b], b[a < b]], axis=1), axis=0)
    root = np.arange(count)
    trees: dict[int, cKDTree] = {}
    links = []
    for i, j in near.tolist():
        tree = trees.setdefault(i, cKDTree(parts[i]))
        if np.isfinite(tree.query(parts[j], distance_upper_bound=distance + 1e-6)[0]).any():
            links.append((i, j))
    return joined(count, *np.array(links, int).reshape(-1, 2).T) if links else root


def _split(voxels: np.ndarray, probability: np.ndarray, grid: Grid, config: PocketConfig) -> list[np.ndarray]:
    """The region itself, or its parts if it is too large and has several peaks."""
    if len(voxels) * grid.spacing**3 <= config.max_volume:
        return [voxels]
    from scipy.ndimage import gaussian_filter
    from scipy.spatial import cKDTree

    low = voxels.min(axis=0)
    inside = tuple((voxels - low).T)
    field = np.zeros(voxels.max(axis=0) - low + 1, np.float32)
    field[inside] = probability[tuple(voxels.T)]
    height = gaussian_filter(field, config.split_distance / 4 / grid.spacing, mode="constant")[inside]
    summit = Patch(voxels, grid.shape).climb(height)
    peaks = np.unique(summit)
    kept = peaks[suppress(voxels[peaks], height[peaks], config.split_distance / grid.spacing)]
    _, part = cKDTree(voxels[kept]).query(voxels[summit])
    return [voxels[part == k] for k in range(len(kept))]


def _measure(
    rank: int, region: Region, grid: Grid, receptor: Atoms, near: np.ndarray, depth: float, config: PocketConfig
) -> Pocket:
    rows, residues = lining(receptor[near], grid.to_coord(region.voxels), config.contact_distance)
    atoms = near[rows]
    return Pocket(
        name=f"pocket{rank}",
        rank=rank,
        score=region.score,
        probability=pocket_probability(region.score, config),
        center=region.center,
        volume=float(len(region.voxels) * grid.spacing**3),
        depth=float(depth),
        residue_ids=residues,
        surface_atoms=atoms,
        voxels=region.voxels,
    )


def lining(receptor: Atoms, coord: np.ndarray, distance: float) -> tuple[np.ndarray, tuple[str, ...]]:
    """Heavy atoms of a receptor near positions, and their residues as :class:`Pocket` has them.

    Parameters
    ----------
    receptor : Atoms
    coord : ndarray, shape=(n, 3)
        Angstrom.
    distance : float
        At most so near (angstrom).
    """
    heavy = np.flatnonzero(receptor.heavy)
    atoms = heavy[is_near(receptor.coord[heavy], coord, distance + 1e-6)]
    chain, number, letter = receptor.chain_id, receptor.res_id, receptor.ins_code
    return atoms, tuple(dict.fromkeys(f"{chain[i]}_{number[i]}{letter[i]}" for i in atoms))


def pocket_probability(score: float, config: PocketConfig) -> float:
    """Probability of a pocket with this score; see :class:`PocketConfig`."""
    return 1.0 / (1.0 + (config.midpoint / score) ** config.slope)
