"""Training samples drawn from the structures of a data store.

A sample is a function of (seed, epoch, index) and of nothing else, so a run that is stopped resumes with exactly the
samples it would have had. Targets are 0, 1 or :data:`UNKNOWN`; unknown voxels take no part in the loss: of a typed
channel all outside the ligand envelope, of the ligand channel those near additives, and all around a pseudo-ligand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pocketvox.channels import CHANNELS, LIGAND
from pocketvox.config import NetworkConfig, SamplingConfig, TrainConfig
from pocketvox.data.disturb import DROP_DISTANCE, missing_clusters, smooth_displacement
from pocketvox.data.flexibility import seen_features
from pocketvox.data.store import PSEUDO, StoreItem
from pocketvox.errors import InputError
from pocketvox.features import LIGAND_FEATURES
from pocketvox.voxel.augment import random_rotation
from pocketvox.voxel.constraints import FARTHEST
from pocketvox.voxel.grid import Grid
from pocketvox.voxel.inputs import network_input
from pocketvox.voxel.labels import envelope, label_volume, within

#: Target value of a voxel about which nothing is known.
UNKNOWN = 2

#: Decides on the validation crops, as :func:`validation_sampling` does: the same in runs that are to be compared.
VALIDATION_SEED = 1

#: Receptor points this far outside a crop still reach into it (angstrom): 1.5 times the largest radius, and noise.
_RECEPTOR_REACH = 5.0
#: Ligand and interaction points this far outside a crop still label voxels inside it (angstrom; more than both radii).
_LABEL_REACH = 2.0


class Sampler:
    """Draws crops around ligands and on protein surfaces, families balanced.

    Parameters
    ----------
    items : sequence of StoreItem
        Structures; those without a ligand are not drawn from.
    config : SamplingConfig
    network : NetworkConfig
        What the samples are for. Its features are the columns of ``StoreItem.features``; of one that sees a ligand,
        items are those of :func:`pocketvox.data.ligands.with_ligands`.
    seed : int

    Attributes
    ----------
    items : list of StoreItem
        Structures with a ligand.
    ligands : list of (int, int)
        Index into ``items`` and of the ligand in it, for every ligand.
    weights : ndarray, dtype=float64
        Probability of each of ``ligands``.

    Raises
    ------
    InputError
        If no structure has a ligand.
    """

    def __init__(
        self,
        items: Sequence[StoreItem],
        config: SamplingConfig,
        network: NetworkConfig,
        *,
        seed: int = 0,
    ):
        self.network = network
        self.items = [item for item in items if len(item.ligand_names)]
        self.config = config
        self.channels = network.channels
        self._ligand = [k for k, name in enumerate(network.features) if name in LIGAND_FEATURES]
        self.seed = seed
        if not self.items:
            raise InputError(f"Expected at least one structure with a ligand. Received: {len(items)} without.")
        self.ligands = [(i, g) for i, item in enumerate(self.items) for g in range(len(item.ligand_names))]
        self.weights = ligand_weights(self.items, config.cluster_power)
        self._cumulative = np.cumsum(self.weights)

    def sample(self, epoch: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        """One random sample.

        Parameters
        ----------
        epoch, index : int
            Non-negative; equal values give an equal sample.

        Returns
        -------
        x : ndarray, shape=(n, n, n, F + D + M), dtype=float32
            What the network sees, from :func:`pocketvox.voxel.network_input`.
        y : ndarray, shape=(n, n, n, K), dtype=uint8
            Targets: 0, 1 or ``UNKNOWN``.
        """
        rng = np.random.default_rng((self.seed, epoch, index))
        i, group = self.ligands[self.draw(rng)]
        item = self.items[i]
        on_surface = rng.random() < self.config.surface_fraction and len(item.surface_coord)
        centre = _pick(item.surface_coord if on_surface else item.ligand_coord[item.ligand_group == group], rng)
        centre = centre + _in_ball(self.config.jitter, rng)
        rotation = random_rotation(rng) if self.config.rotate else np.eye(3)
        disturbed = self.config.noise or self.config.warp or self.config.drop
        return self.crop(item, centre, rotation, rng if disturbed else None)

    def draw(self, rng: np.random.Generator) -> int:
        """Index into ``ligands`` of one drawn by its weight."""
        return int(np.searchsorted(self._cumulative, rng.random() * self._cumulative[-1], side="right"))

    def crop(
        self, item: StoreItem, centre: np.ndarray, rotation: np.ndarray, rng: np.random.Generator | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The crop around ``centre`` of a structure rotated about it; values as in :meth:`sample`.

        Parameters
        ----------
        item : StoreItem
        centre : ndarray, shape=(3,)
            In the structure's frame (angstrom).
        rotation : ndarray, shape=(3, 3)
        rng : numpy.random.Generator, optional
            Source of coordinate noise, warp and missing points; none without it.
        """
        grid = Grid.centred((0.0, 0.0, 0.0), self.config.crop_size, self.config.spacing)
        half = self.config.spacing * self.config.crop_size / 2

        def local(coord: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
            moved = (coord - centre) @ rotation.T
            inside = np.flatnonzero((np.abs(moved) < half + reach).all(axis=1))
            return moved[inside].astype(np.float32), inside

        reach = max(_RECEPTOR_REACH, FARTHEST * bool(self.network.constraints or self.network.proximity))
        coord, near = local(item.coord, reach)
        if rng is not None:
            true = coord.copy()
            moved = ~item.features[near][:, self._ligand].any(axis=1, keepdims=True)  # labels lie on the ligand
            coord += rng.normal(0.0, self.config.noise, coord.shape).astype(np.float32) * moved
            if self.config.warp:
                coord += smooth_displacement(coord, self.config.warp, rng) * moved
            if self.config.drop:
                bound, _ = local(item.ligand_coord, reach + DROP_DISTANCE)
                kept = ~missing_clusters(true, bound, self.config.drop, rng)
                coord, near = coord[kept], near[kept]
        described = item.descriptors[0] if self.network.descriptors else ()
        x = network_input(coord, seen_features(item, near), item.radius[near], grid, self.network, described)

        ligand, _ = local(item.ligand_coord, _LABEL_REACH)
        point, kept = local(item.point_coord, _LABEL_REACH)
        labels = label_volume(point, item.point_channel[kept], ligand, grid).values
        y = labels[..., [CHANNELS.index(name) for name in self.channels]].copy()
        typed = [k for k, name in enumerate(self.channels) if name != LIGAND]
        outside = ~envelope(ligand, grid)
        y[..., typed] = np.where(outside[..., None], UNKNOWN, y[..., typed])
        if LIGAND in self.channels:
            ignored, _ = local(item.ignored_coord, self.config.ignored_radius)
            unknown = within(ignored, grid, self.config.ignored_radius) & outside
            y[unknown | (item.source == PSEUDO), self.channels.index(LIGAND)] = UNKNOWN
        return x, y

    def batch(self, epoch: int, index: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch ``index`` of an epoch: ``size`` samples stacked along a new first axis."""
        samples = [self.sample(epoch, index * size + i) for i in range(size)]
        return np.stack([x for x, _ in samples]), np.stack([y for _, y in samples])


class MixedSampler:
    """Draws from one sampler, or with a given probability from another.

    Parameters
    ----------
    first, second : Sampler
        Of the same features and channels.
    fraction : float
        Share of samples drawn from ``second``.
    """

    def __init__(self, first: Sampler, second: Sampler, fraction: float):
        self.first, self.second, self.fraction = first, second, fraction
        self.channels, self.items = first.channels, first.items

    def sample(self, epoch: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        """One random sample, as :meth:`Sampler.sample`."""
        rng = np.random.default_rng((self.first.seed, epoch, index, 1))
        chosen = self.second if rng.random() < self.fraction else self.first
        return chosen.sample(epoch, index)

    batch = Sampler.batch


class SliceSampler:
    """Random slices of another sampler's crops, perpendicular to a random axis.

    Parameters
    ----------
    crops : Sampler or MixedSampler
    slices : int
        Different slices of each crop, at most its size.
    seed : int
    """

    def __init__(self, crops: Sampler | MixedSampler, slices: int, seed: int):
        self.crops, self.slices, self.seed = crops, slices, seed
        self.channels = crops.channels

    def sample(self, epoch: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        """One random sample, as :meth:`Sampler.sample` but with ``slices`` instead of n along the first axis."""
        rng = np.random.default_rng((self.seed, epoch, index, 3))
        x, y = self.crops.sample(epoch, index)
        axis, chosen = rng.integers(3), rng.permutation(x.shape[0])[: self.slices]
        return np.moveaxis(x, axis, 0)[chosen], np.moveaxis(y, axis, 0)[chosen]

    batch = Sampler.batch


def ligand_weights(items: Sequence[StoreItem], cluster_power: float) -> np.ndarray:
    """Probability of drawing each ligand, in the order of items and of ``ligand_names``; sums to 1.

    A family of n ligands is drawn with weight ``n ** cluster_power``, then one of its ligands evenly.

    Returns
    -------
    ndarray, shape=(number of ligands,), dtype=float64
    """
    sizes: Counter[str] = Counter()
    families = main_clusters(items)
    for item, family in zip(items, families, strict=True):
        sizes[family] += len(item.ligand_names)
    of_ligand = np.array([sizes[f] for item, f in zip(items, families, strict=True) for _ in item.ligand_names], float)
    weights = of_ligand ** (cluster_power - 1)
    return weights / weights.sum()


def main_clusters(items: Sequence[StoreItem]) -> list[str]:
    """Family of each structure: of its clusters the one with most ligands; without any it is one of its own."""
    counts: Counter[str] = Counter()
    for item in items:
        counts.update(dict.fromkeys(item.clusters, len(item.ligand_names)))
    return [max(item.clusters, key=lambda c: (counts[c], c), default=f"structure {item.id}") for item in items]


def fixed_crops(sampler: Sampler, n: int) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Centres for validation: the same ones on every call, families balanced, ligands visited evenly.

    Parameters
    ----------
    sampler : Sampler
        Its seed and ``surface_fraction`` apply; its jitter does not.
    n : int

    Returns
    -------
    list of (item index, centre, rotation), length n
    """
    rng = np.random.default_rng((sampler.seed, 1))
    crops, visits = [], np.zeros(len(sampler.ligands))
    for _ in range(n):
        choice = int(np.argmin((visits + 0.5) / sampler.weights + rng.random(len(visits)) * 1e-9))
        visits[choice] += 1
        i, group = sampler.ligands[choice]
        item = sampler.items[i]
        if rng.random() < sampler.config.surface_fraction and len(item.surface_coord):
            centre = _pick(item.surface_coord, rng)
        else:
            centre = item.ligand_coord[item.ligand_group == group].mean(axis=0)
        crops.append((i, centre, random_rotation(rng)))
    return crops


def validation_sampling(config: TrainConfig) -> SamplingConfig:
    """How validation crops are drawn, whatever the training crops: the same for all runs of one task and crop size.

    A quarter is on surfaces; of complexes none, since away from the ligand there is nothing to tell.
    """
    return replace(config.sampling, cluster_power=0.5, surface_fraction=0.0 if config.network.fusion else 0.25)


def share(items: Sequence[StoreItem], fraction: float, seed: int) -> list[StoreItem]:
    """Structures of that fraction of the families, at least one; of two fractions the smaller is part of the larger."""
    families = main_clusters(items)
    names = sorted(set(families))
    order = np.random.default_rng((seed, 2)).permutation(len(names))
    kept = {names[k] for k in order[: max(1, round(fraction * len(names)))]}
    return [item for item, family in zip(items, families, strict=True) if family in kept]


def _pick(coord: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return coord[rng.integers(len(coord))].astype(float)


def _in_ball(radius: float, rng: np.random.Generator) -> np.ndarray:
    direction = rng.normal(size=3)
    return direction / np.linalg.norm(direction) * radius * rng.random() ** (1 / 3)
