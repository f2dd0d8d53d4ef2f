"""Track ``sites``: whether a whole protein has a predicted pocket at each known ligand, and of what volume.

A ligand is found if one of the best-ranked pockets of its structure has its centre within 4 A of the ligand's closest
heavy atom (DCA) or of the mean of its heavy atoms (DCC). The n first pockets count, or the n + 2 first, n being the
number of known ligands of the structure. Entries that a method failed on have no pockets.

``volume_overlap`` is the Jaccard index of the ligand's volume, voxels within :data:`LIGAND_RADIUS` of a heavy atom,
and the voxels of that pocket, of the n + 2 first, whose centre is closest to the ligand by DCA: on the scoring lattice,
which takes the pocket of the nearest voxel of a map of another one. ``ligand_average_precision`` scores the channel
``ligand`` on every known voxel of the boxes around the receptors: positive within ``LABEL_RADIUS`` of a heavy atom of a
known ligand, unknown near additives and unfit ligands.

References
----------
DCA: Chen et al., Structure 19, 613-621 (2011), doi:10.1016/j.str.2011.02.015; Krivak & Hoksza, J. Cheminform. 10, 39
(2018), doi:10.1186/s13321-018-0285-8. DCC: Jimenez et al., Bioinformatics 33, 3036-3042 (2017),
doi:10.1093/bioinformatics/btx350. Radius of carbon: Bondi, J. Phys. Chem. 68, 441-451 (1964), doi:10.1021/j100785a001.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from benchmarks import statistics
from benchmarks.entries import MAPS, Benchmark, Entry, Site
from benchmarks.pocket_scores import EXTRA
from benchmarks.statistics import SCORE_BINS, Tally
from benchmarks.submissions.submission import Submission
from benchmarks.tracks.envelopes import SPACING
from pocketvox import metrics
from pocketvox.channels import LABEL_RADIUS, LIGAND
from pocketvox.config import SamplingConfig
from pocketvox.inference.tiling import MARGIN
from pocketvox.metrics import ScoreHistogram
from pocketvox.voxel import Grid, within

VERSION = 1
#: Distance within which a pocket has found a ligand, DCA and DCC alike (angstrom).
CUTOFF = metrics.DCA_CUTOFF
#: Cut-offs of the curve (angstrom).
CURVE = np.arange(0, 10.5, 0.5)
#: What a ligand's heavy atom fills: the van der Waals radius of carbon (angstrom).
LIGAND_RADIUS = 1.7


@dataclass(frozen=True)
class Found:
    """What a method found of one ligand.

    Attributes
    ----------
    entry : Entry
    site : Site
    distance : dict of str to float
        From the best pocket (angstrom), by ``dca_top_n`` and so on; infinite without pockets.
    overlap : float
        Jaccard index of pocket and ligand; NaN if the method tells no voxels of pockets.
    """

    entry: Entry
    site: Site
    distance: dict[str, float]
    overlap: float


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
        JSON types, as benchmarks/README.md describes them. ``summary`` and ``curve`` are over the entries without a
        homologue in the training split; rows have distances, in angstrom, None without pockets. None for a submission
        without pockets, and for methods of the ``site`` scope.
    """
    if submission.info.get("scope") == "site":  # told where the ligand is
        return None
    tested = [e for e in benchmark.entries(MAPS, "test") if entries is None or e.id in entries]
    if submission.info.get("kind") == "ceiling":
        tested = [e for e in tested if e.id not in submission.failures]
    if all(submission.pockets(e.id) is None for e in tested if e.id not in submission.failures):
        return None
    found = [found for entry in tested for found in score_entry(entry, submission)]
    if not all(np.isnan(f.overlap) for f in found):  # of a method that tells voxels of pockets
        found = [Found(f.entry, f.site, f.distance, float(np.nan_to_num(f.overlap))) for f in found]
    free = [f for f in found if f.entry.homology_free]
    nearest = np.array([f.distance["dca_top_n_plus_2"] for f in free])
    return {
        "version": VERSION,
        "split": "test",
        "sites": len(free),
        "entries_scored": len({f.entry.id for f in free}),
        "summary": {
            **_summary(free),
            "ligand_average_precision": _ligand_channel([e for e in tested if e.homology_free], submission),
        },
        "curve": [[float(cutoff), float(np.mean(nearest <= cutoff))] for cutoff in CURVE] if free else [],
        "entries": [_row(f) for f in found],
    }


def score_entry(entry: Entry, submission: Submission) -> list[Found]:
    """What a submission found of each ligand of an entry."""
    centers = submission.pockets(entry.id)
    centers = np.empty((0, 3)) if centers is None else centers
    dca, dcc = metrics.pocket_distances(centers, [site.coord for site in entry.sites])
    counted = {key: len(entry.sites) + extra for key, extra in EXTRA.items()}
    last = max(counted.values())
    with submission.maps(entry.id) as maps:
        ranks = [(stored.grid, stored.pocket[...]) for stored in maps if stored.pocket is not None]
    out = []
    for n, site in enumerate(entry.sites):
        distance = {
            f"{name}_{key}": float(values[:count, n].min(initial=np.inf))
            for name, values in (("dca", dca), ("dcc", dcc))
            for key, count in counted.items()
        }
        overlap = float("nan") if not ranks else 0.0
        if ranks and len(centers):
            overlap = volume_overlap(ranks, 1 + int(np.argmin(dca[:last, n])), site.coord)
        out.append(Found(entry, site, distance, overlap))
    return out


def volume_overlap(ranks: list[tuple[Grid, np.ndarray]], rank: int, ligand: np.ndarray) -> float:
    """Jaccard index of a pocket and a ligand, in voxels of the scoring lattice.

    Parameters
    ----------
    ranks : list of (Grid, ndarray)
        Rank of the pocket of each voxel of one or more maps.
    rank : int
        Of the pocket, from 1.
    ligand : ndarray, shape=(m, 3), dtype=float
        Heavy atoms (angstrom).
    """
    corners = [ligand]
    for grid, values in ranks:
        if len(voxels := np.argwhere(values == rank)):
            corners.append(grid.to_coord(np.stack([voxels.min(axis=0) - 0.5, voxels.max(axis=0) + 0.5])))
    lattice = Grid.around(np.concatenate(corners), LIGAND_RADIUS, SPACING)
    position = lattice.to_coord(np.indices(lattice.shape).reshape(3, -1).T)
    pocket = np.zeros(len(position), bool)
    for grid, values in ranks:
        index = np.floor(grid.to_index(position) + 0.5).astype(int)
        reached = ((index >= 0) & (index < grid.shape)).all(axis=1)
        pocket[reached] |= values[tuple(index[reached].T)] == rank
    return metrics.jaccard(within(ligand, lattice, LIGAND_RADIUS).ravel(), pocket.astype(float), 0.5)


def ligand_histogram(entry: Entry, submission: Submission) -> ScoreHistogram:
    """Counts of the ``ligand`` channel over the known voxels of an entry, whatever its maps reach."""
    grid = Grid.around(entry.atoms.coord[entry.atoms.heavy], MARGIN, SPACING)
    truth = within(np.concatenate([site.coord for site in entry.sites]), grid, LABEL_RADIUS)
    known = np.ones(grid.shape, bool)
    if len(entry.ignored_coord):
        known = truth | ~within(entry.ignored_coord, grid, SamplingConfig().ignored_radius)
    values = _ligand_values(entry, submission, grid)
    out = ScoreHistogram()
    some = known & (values > 0)
    out.add(truth[some], np.minimum(values[some].astype(float), 1))
    zero = known & ~some  # most voxels: counted without a logarithm each
    positives = int((zero & truth).sum())
    out.positives[0] += positives
    out.negatives[0] += int(zero.sum()) - positives
    return out


def _ligand_values(entry: Entry, submission: Submission, grid: Grid) -> np.ndarray:
    with submission.maps(entry.id) as maps:
        if not maps:
            return np.zeros(grid.shape, np.float32)
        if maps[0].grid == grid and LIGAND in maps[0].channels:
            return maps[0].dataset[..., maps[0].channels.index(LIGAND)]
    values, _ = submission.sample(entry.id, grid.to_coord(np.indices(grid.shape).reshape(3, -1).T), (LIGAND,))
    return values.reshape(grid.shape)


def _ligand_channel(entries: list[Entry], submission: Submission) -> dict:
    """Average precision over all voxels of the entries, its interval from coarser bins."""
    info = submission.info
    if not entries or LIGAND not in info.get("channels", ()) or info.get("scope", "protein") != "protein":
        return dict.fromkeys(("value", "low", "high"), None)
    total, tallies = ScoreHistogram(), []
    for entry in entries:
        histogram = ligand_histogram(entry, submission)
        total.merge(histogram)
        coarse = [side.reshape(SCORE_BINS, -1).sum(axis=1) for side in (histogram.positives, histogram.negatives)]
        zero = np.zeros(())
        tallies.append(Tally(np.zeros(3), np.array(coarse, np.int32), zero, np.array(histogram.count), zero))
    stacked = statistics.stack(tallies)
    interval = statistics.bootstrap(
        [e.clusters for e in entries], lambda w: statistics.pooled_average_precision(stacked, w), vectorized=True
    )
    return {**interval, "value": total.average_precision()}


def _summary(found: list[Found]) -> dict:
    """Means over ligands and, as ``..._entries``, over entries, with intervals over clusters."""
    clusters = [f.entry.clusters for f in found]
    entries = {f.entry.id: f.entry.clusters for f in found}
    out = {}
    for key in (f"{name}_{top}" for name in ("dca", "dcc") for top in EXTRA):
        success = np.array([f.distance[key] <= CUTOFF for f in found], float)
        means = [success[[f.entry.id == id for f in found]].mean() for id in entries]
        out[key] = statistics.bootstrap_mean(success, clusters)
        out[f"{key}_entries"] = statistics.bootstrap_mean(means, list(entries.values()))
    out["volume_overlap"] = statistics.bootstrap_mean([f.overlap for f in found], clusters)
    return out


def _row(found: Found) -> dict:
    return {
        "id": found.entry.id,
        "site": found.site.name,
        "clusters": list(found.entry.clusters),
        "homology_free": found.entry.homology_free,
        **{key: value if np.isfinite(value) else None for key, value in found.distance.items()},
        "volume_overlap": None if np.isnan(found.overlap) else found.overlap,
    }
