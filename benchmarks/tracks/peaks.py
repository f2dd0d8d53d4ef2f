"""Track ``peaks``: how near to each observed interaction of a ligand a map has a peak of the same type.

The protocol of SuperStar's validation: of every interaction point of a ligand, the distance to the nearest predicted
peak of its type. The site is known, the types are not: peaks are looked for in the same voxels for every method, those
within :data:`REACH` of a ligand heavy atom on the scoring lattice. A peak is a voxel there whose value is above 0 and
above that of each of its 26 neighbours, in the region or not. Neighbours of equal value count together, as a plateau:
if everything around it is lower, its innermost voxels are peaks, so that maps of zeros and ones have peaks in the
middle of what they mark, and a constant map has none. Peaks within :data:`SEPARATION` of a higher one, or of one deeper
inside a plateau of the same value, are dropped, and only the :data:`CAP` highest count: having peaks everywhere does
not help. Positions are voxel centres, nothing is refined: the corner of a voxel is 0.65 A from its centre. ``chance``
is what as many peaks give at random voxels of the region, no nearer than :data:`CLEARANCE` to a receptor heavy atom.

References
----------
Verdonk, Cole & Taylor, J. Mol. Biol. 289, 1093-1108 (1999), doi:10.1006/jmbi.1999.2809; Verdonk, Cole, Watson, Gillet &
Willett, J. Mol. Biol. 307, 841-859 (2001), doi:10.1006/jmbi.2001.4452.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, maximum_filter
from scipy.spatial import cKDTree

from benchmarks import statistics
from benchmarks.entries import MAPS, Benchmark, Entry, Site
from benchmarks.submissions.submission import Submission
from benchmarks.tracks.envelopes import SPACING
from pocketvox.channels import CHANNELS, CORE
from pocketvox.pockets.peaks import ball_offsets, suppress
from pocketvox.voxel import Grid, within

VERSION = 1
#: Peaks are looked for within this distance of a ligand heavy atom (angstrom).
REACH = 4.0
#: Of two peaks within this distance the higher one counts (angstrom).
SEPARATION = 1.5
#: Peaks that count per ligand and channel. Of the validation split, 90 % of the ligands make at most 6 interactions per
#: core channel (3 as donor, 6 as acceptor, 9 hydrophobic, 1 pi-stacking).
CAP = 10
#: An interaction is found if a peak is within this distance (angstrom).
FOUND = 1.5
#: Random peaks stay this far from receptor heavy atoms (angstrom): about the shortest contact of a ligand atom.
CLEARANCE = 2.4
#: Stands for the distance to the nearest of no peaks while medians are taken; nothing is as far (angstrom).
NOWHERE = 1e9
#: ... and an interpolated median beyond this holds some of it.
FARTHEST = 1e3


@dataclass(frozen=True)
class Peaks:
    """Distances from the interactions of one ligand to the nearest peak of their channel.

    Attributes
    ----------
    entry : Entry
    site : Site
    distance : dict of str to ndarray, shape=(points,), dtype=float64
        By core channel (angstrom); infinite without peaks.
    offered : dict of str to int
        Number of peaks by core channel.
    """

    entry: Entry
    site: Site
    distance: dict[str, np.ndarray]
    offered: dict[str, int]


def score(benchmark: Benchmark, submission: Submission, entries: Collection[str] | None = None) -> dict | None:
    """Score a submission.

    Parameters
    ----------
    benchmark : Benchmark
    submission : Submission
    entries : collection of str, optional
        Ids; all of the test split by default.

    Returns
    -------
    dict or None
        JSON types, as benchmarks/README.md describes them; distances that are infinite, for want of peaks, are None.
        ``summary`` and ``chance`` are over the entries without a homologue in the training split. None for a
        submission without the core channels.
    """
    if not set(CORE) <= set(submission.info.get("channels", ())):
        return None
    tested = [e for e in benchmark.entries(MAPS, "test") if entries is None or e.id in entries]
    if submission.info.get("kind") == "ceiling":
        tested = [e for e in tested if e.id not in submission.failures]
    found = [score_site(entry, site, submission) for entry in tested for site in entry.sites]
    free = [pair for pair in found if pair[0].entry.homology_free]
    return {
        "version": VERSION,
        "split": "test",
        "sites": len(free),
        "points": {c: sum(len(peaks.distance[c]) for peaks, _ in free) for c in CORE},
        "cap": CAP,
        "summary": _summary([peaks for peaks, _ in free]),
        "chance": _summary([random for _, random in free]),
        "entries": [_row(peaks) for peaks, _ in found],
    }


def score_site(entry: Entry, site: Site, submission: Submission) -> tuple[Peaks, Peaks]:
    """Distances of one ligand's interactions to the method's peaks, and to as many random ones."""
    grid = Grid.around(site.coord, REACH + SPACING, SPACING)
    region = within(site.coord, grid, REACH)
    values, _ = submission.sample(entry.id, grid.to_coord(np.indices(grid.shape).reshape(3, -1).T), CORE)
    values = values.reshape(*grid.shape, len(CORE))
    peaks = {c: grid.to_coord(find_peaks(values[..., k], region)) for k, c in enumerate(CORE)}
    receptor = cKDTree(entry.atoms.coord[entry.atoms.heavy])
    voxels = np.argwhere(region)
    free = voxels[receptor.query(grid.to_coord(voxels), distance_upper_bound=CLEARANCE)[0] >= CLEARANCE]
    seeds = {c: f"{entry.id}/{site.name}/{c}" for c in CORE}
    random = {c: grid.to_coord(random_peaks(free, len(peaks[c]), seeds[c])) for c in CORE}
    return _measured(entry, site, peaks), _measured(entry, site, random)


def find_peaks(values: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Peaks of one channel, see the module docstring.

    Parameters
    ----------
    values : ndarray, shape=(x, y, z), dtype=float32
    region : ndarray, shape=(x, y, z), dtype=bool
        Where peaks count.

    Returns
    -------
    ndarray, shape=(k, 3), dtype=int
        Voxel indices, highest first. At most ``CAP``.
    """
    top = (values > 0) & (values == maximum_filter(values, 3))
    while True:  # a plateau is no peak if one of its voxels has a higher neighbour, or lies at the edge
        rest = maximum_filter(np.where(top, -np.inf, values), 3, mode="constant", cval=np.inf)
        kept = top & (rest < values)
        if np.array_equal(kept, top):
            break
        top = kept
    depth = distance_transform_edt(top)
    middle = top & region & (depth == maximum_filter(depth, 3))
    voxels = np.argwhere(middle)
    _, rank = np.unique(np.stack([values[middle], depth[middle]], axis=1), axis=0, return_inverse=True)
    return voxels[suppress(voxels, rank.ravel(), SEPARATION / SPACING)[:CAP]]


def random_peaks(voxels: np.ndarray, count: int, seed: str) -> np.ndarray:
    """Random voxels no nearer to each other than peaks are, the same for the same seed.

    Parameters
    ----------
    voxels : ndarray, shape=(n, 3), dtype=int
        What is drawn from.
    count : int
    seed : str

    Returns
    -------
    ndarray, shape=(k, 3), dtype=int
        ``count`` of them, or fewer if there is no room.
    """
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
    order = np.random.default_rng(number).permutation(len(voxels))
    blocked = len(ball_offsets(SEPARATION / SPACING))  # by one peak: no more voxels than these are needed
    drawn = voxels[order[: count * blocked]]
    return drawn[suppress(drawn, -np.arange(len(drawn), dtype=float), SEPARATION / SPACING)[:count]]


def _measured(entry: Entry, site: Site, peaks: dict[str, np.ndarray]) -> Peaks:
    distance = {}
    for name, position in peaks.items():
        points = site.point_coord[site.point_channel == CHANNELS.index(name)]
        near = cKDTree(position).query(points)[0] if len(position) and len(points) else np.full(len(points), np.inf)
        distance[name] = np.asarray(near, float)
    return Peaks(entry, site, distance, {name: len(position) for name, position in peaks.items()})


def _summary(found: list[Peaks]) -> dict:
    """Scores over all points of each channel, with intervals over clusters."""
    distance = {c: np.concatenate([np.empty(0), *(p.distance[c] for p in found)]) for c in CORE}
    clusters = {c: [p.entry.clusters for p in found for _ in p.distance[c]] for c in CORE}
    offered = [np.mean(list(p.offered.values())) for p in found]
    sites = [p.entry.clusters for p in found]
    hits = {c: np.array([(p.distance[c] <= FOUND).sum() for p in found]) for c in CORE}
    points = {c: np.array([len(p.distance[c]) for p in found]) for c in CORE}

    def mean_within(weights: np.ndarray) -> np.ndarray:
        return np.mean([_ratio(weights @ hits[c], weights @ points[c]) for c in CORE], axis=0)

    return {
        **{f"median_distance_{c}": _median(distance[c], clusters[c]) for c in CORE},
        **{f"within_{FOUND}_{c}": statistics.bootstrap_mean(distance[c] <= FOUND, clusters[c]) for c in CORE},
        f"mean_within_{FOUND}": statistics.bootstrap(sites, mean_within, vectorized=True),
        "peaks_offered": statistics.bootstrap_mean(offered, sites),
    }


def _median(distance: np.ndarray, clusters: list) -> dict:
    interval = statistics.bootstrap_median(np.minimum(distance, NOWHERE), clusters)
    return {key: float("nan") if value > FARTHEST else value for key, value in interval.items()}


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.full(np.shape(denominator), np.nan), where=denominator != 0)


def _row(found: Peaks) -> dict:
    median = {c: float(np.median(d)) if len(d) else float("inf") for c, d in found.distance.items()}
    return {
        "id": found.entry.id,
        "site": found.site.name,
        "clusters": list(found.entry.clusters),
        "homology_free": found.entry.homology_free,
        "points": {c: len(d) for c, d in found.distance.items()},
        "found": {c: int((d <= FOUND).sum()) for c, d in found.distance.items()},
        "median_distance": {c: m if np.isfinite(m) else None for c, m in median.items()},
        "peaks": found.offered,
    }
