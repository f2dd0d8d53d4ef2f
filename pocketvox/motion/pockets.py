"""Pockets over time: which are the same, when they are open, and how large they are then.

A *consensus pocket* is a region of the common grid. Those of the mean map keep their names and reach as far beyond
their voxels as regions are merged, over voxels that are often in a pocket. What is often in a pocket elsewhere is a
*transient* pocket, which the mean does not show. In a frame a consensus pocket has the volume of those of its voxels
that are in a pocket of that frame, and is *open* if that is at least the smallest volume of a pocket. So two pockets
that merge in some frames stay two. The protocol, a region from frequencies and its volume over time, is that of
MDpocket (Schmidtke et al., doi:10.1093/bioinformatics/btr550).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pocketvox.channels import LIGAND
from pocketvox.pockets import Pocket, PocketConfig
from pocketvox.pockets.detect import Region, find_regions, lining
from pocketvox.structure.atoms import Atoms
from pocketvox.voxel.grid import Grid, Volume

#: A transient pocket has voxels that are in a pocket in this share of the frames, and in this number of them: fewer are
#: fluctuations of a map about its threshold. A choice.
LEAST_SHARE, FEWEST_FRAMES = 0.1, 2
#: Where a consensus pocket comes from.
MEAN, TRANSIENT = "mean", "transient"


@dataclass(frozen=True)
class TrackedPocket:
    """A consensus pocket.

    Attributes
    ----------
    name : str
        That of the mean map's pocket, or ``transient1`` ..., best first.
    kind : str
        ``MEAN`` or ``TRANSIENT``.
    center : tuple of 3 floats
        Of the mean map's pocket; of a transient one the mean of its voxels, weighted by frequency (angstrom).
    region : ndarray, shape=(n, 3), dtype=int
        Its voxels in the grid.
    residue_ids : tuple of str
        Lining residues in the first frame.
    open_share : float
        Share of the frames in which it is open, 0 to 1.
    open_first : bool
        Whether it is open in the first frame.
    """

    name: str
    kind: str
    center: tuple[float, float, float]
    region: np.ndarray
    residue_ids: tuple[str, ...]
    open_share: float = 0.0
    open_first: bool = False

    @property
    def cryptic(self) -> bool:
        """Closed in the first frame, but open in at least ``LEAST_SHARE`` of them: not to be seen where one starts."""
        return not self.open_first and self.open_share >= LEAST_SHARE


class PocketSpool:
    """Voxels that are in a pocket, frame by frame, in a temporary file."""

    def __init__(self, grid: Grid):
        self._grid = grid
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the spool
        self._sizes: list[int] = []
        self.frequency = np.zeros(grid.shape, np.uint32)

    def add(self, regions: list[Region]) -> None:
        """Add the pockets of one frame."""
        voxels = np.concatenate([np.empty((0, 3), np.int64), *(region.voxels for region in regions)])
        flat = np.ravel_multi_index(tuple(voxels.T), self._grid.shape)
        self.frequency.ravel()[flat] += 1
        self._sizes.append(len(flat))
        self._file.write(flat.astype(np.int64).tobytes())

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[np.ndarray]:
        """The voxels of each frame, as indices in C order."""
        self._file.seek(0)
        for size in self._sizes:
            yield np.frombuffer(self._file.read(8 * size), np.int64)


def track_pockets(
    spool: PocketSpool, mean: tuple[Pocket, ...], receptor: Atoms, grid: Grid, config: PocketConfig
) -> tuple[tuple[TrackedPocket, ...], np.ndarray]:
    """Consensus pockets, and their volumes in every frame.

    Parameters
    ----------
    spool : PocketSpool
    mean : tuple of Pocket
        Of the mean map.
    receptor : Atoms
        In the first frame.
    grid : Grid
    config : PocketConfig

    Returns
    -------
    tuple of TrackedPocket
        Those of the mean map in their order, then transient ones.
    ndarray, shape=(frames, pockets), dtype=float64
        Volumes (angstrom^3).
    """
    pockets = consensus_pockets(spool, mean, receptor, grid, config)
    owner = np.full(int(np.prod(grid.shape)), len(pockets), np.int32)
    for k, pocket in enumerate(pockets):
        owner[np.ravel_multi_index(tuple(pocket.region.T), grid.shape)] = k
    counts = [np.bincount(owner[flat], minlength=len(pockets) + 1)[:-1] for flat in spool]
    volumes = np.array(counts).reshape(len(spool), len(pockets)) * grid.spacing**3
    is_open = volumes >= config.min_volume
    return tuple(
        replace(pocket, open_share=float(column.mean()), open_first=bool(column[0]))
        for pocket, column in zip(pockets, is_open.T, strict=True)
    ), volumes


def consensus_pockets(
    spool: PocketSpool, mean: tuple[Pocket, ...], receptor: Atoms, grid: Grid, config: PocketConfig
) -> tuple[TrackedPocket, ...]:
    """Consensus pockets without what the frames say of them; parameters as of :func:`track_pockets`."""
    from scipy.spatial import cKDTree

    least = max(FEWEST_FRAMES, LEAST_SHARE * len(spool))
    often = np.argwhere(spool.frequency >= least)
    found = []
    if mean:
        own = np.concatenate([pocket.voxels for pocket in mean])
        of = np.repeat(np.arange(len(mean)), [len(pocket.voxels) for pocket in mean])
        candidates = np.unique(np.concatenate([own, often]), axis=0)
        reach = config.merge_distance / grid.spacing + 1e-6
        distance, nearest = cKDTree(own).query(candidates, distance_upper_bound=reach)
        near = np.isfinite(distance)
        owner = of[nearest[near]]
        for k, pocket in enumerate(mean):
            region = candidates[near][owner == k]
            found.append(TrackedPocket(pocket.name, MEAN, pocket.center, region, pocket.residue_ids))
        often = candidates[~near]
    if len(often):
        share = np.zeros((*grid.shape, 1), np.float32)
        share[tuple(often.T)] = spool.frequency[tuple(often.T)][:, None] / len(spool)
        threshold = float(np.float32(min(1.0, least / len(spool)) - 1e-6))
        regions = find_regions(Volume(share, grid, (LIGAND,)), replace(config, threshold=threshold))
        for k, region in enumerate(regions, 1):
            _, residues = lining(receptor, grid.to_coord(region.voxels), config.contact_distance)
            found.append(TrackedPocket(f"transient{k}", TRANSIENT, region.center, region.voxels, residues))
    return tuple(found)
