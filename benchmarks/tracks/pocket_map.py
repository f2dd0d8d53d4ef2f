"""Track ``pocket-map``: receptor in, typed map out, scored inside the ligands' envelopes.

Every channel is scored on all voxels of the envelopes pooled; thresholds are chosen on the validation split. The
headline is the mean Jaccard index of hydrogen bonds, hydrophobic contacts and pi-stacking over the entries that have
no detectable homologue in the training split; all entries are listed. The track ``complex-map`` scores methods that
also see the ligand in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks import statistics
from benchmarks.entries import MAPS, PAIRS, Benchmark, Entry, Site
from benchmarks.statistics import Tally
from benchmarks.submissions.submission import Submission
from benchmarks.tracks import strata
from benchmarks.tracks.counts import count_agreement
from benchmarks.tracks.envelopes import envelope_labels
from pocketvox import metrics
from pocketvox.channels import CORE, HEADLINE, TYPED

VERSION = 1
#: Points of a stored precision-recall curve.
CURVE_POINTS = 50
#: Thresholds of methods that left out the whole validation split: what a 0/1 map is cut at.
HALF = 0.5
#: No threshold is lower, so that a value of 0, as of an entry that failed, is never predicted on.
LEAST = 1e-7


@dataclass(frozen=True)
class SiteScores:
    """Labels and a method's values on the voxels of one ligand.

    Attributes
    ----------
    entry : Entry
    site : Site
    labels : ndarray, shape=(n, len(TYPED)), dtype=bool
    values : ndarray, shape=(n, k), dtype=float32
    channels : tuple of str
        The k channels of ``values``.
    """

    entry: Entry
    site: Site
    labels: np.ndarray
    values: np.ndarray
    channels: tuple[str, ...]

    def truth(self, name: str) -> np.ndarray:
        """Labels of a channel or headline class, shape=(n,), dtype=bool."""
        return self.labels[:, [TYPED.index(c) for c in HEADLINE.get(name, (name,))]].any(axis=1)

    def score(self, name: str) -> np.ndarray:
        """Values of a channel or headline class, shape=(n,), dtype=float64; of a class the highest of its channels.

        The highest asks for no independence of the channels and for no calibration: on the validation split it is at
        least as good as the probability of the union for every method.
        """
        columns = [self.channels.index(c) for c in HEADLINE.get(name, (name,))]
        return self.values[:, columns].max(axis=1).astype(float)


def collect(entries: list[Entry], submission: Submission, channels: tuple[str, ...]) -> list[SiteScores]:
    """Labels and values of every ligand of the entries; ceilings leave out the entries that they declare."""
    partial = is_partial(submission)
    out = []
    for entry in entries:
        if partial and entry.id in submission.failures:
            continue
        for site in entry.sites:
            scored = envelope_labels(entry, site)
            values, _ = submission.sample(entry.id, scored.voxels, channels)
            out.append(SiteScores(entry, site, scored.labels, np.clip(values, 0, 1), channels))
    return out


def is_partial(submission: Submission) -> bool:
    """Whether the method may leave entries out."""
    return submission.info.get("kind") == "ceiling"


def names_of(channels: tuple[str, ...]) -> tuple[str, ...]:
    """The channels, then the headline classes that they make up."""
    return (*channels, *(name for name, members in HEADLINE.items() if set(members) <= set(channels)))


def pooled(sites: list[SiteScores], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Truth and values of a channel or class over all voxels of the sites."""
    if not sites:
        return np.empty(0, bool), np.empty(0)
    return np.concatenate([s.truth(name) for s in sites]), np.concatenate([s.score(name) for s in sites])


def choose_thresholds(sites: list[SiteScores], names: tuple[str, ...]) -> dict[str, float]:
    """Threshold of the best Jaccard index by channel or class; for a method without such sites the middle."""
    if not sites:
        return dict.fromkeys(names, HALF)
    return {name: float(np.maximum(metrics.choose_threshold(*pooled(sites, name)), LEAST)) for name in names}


def score(benchmark: Benchmark, submission: Submission) -> dict | None:
    """Score a submission.

    Parameters
    ----------
    benchmark : Benchmark
    submission : Submission

    Returns
    -------
    dict or None
        JSON types, as benchmarks/README.md describes them; None for a submission without core channels.
    """
    channels = tuple(c for c in TYPED if c in submission.info.get("channels", ()))
    if not set(CORE) <= set(channels):
        return None
    names = names_of(channels)
    chosen_on = collect(benchmark.entries(MAPS, "val"), submission, channels)
    thresholds = choose_thresholds(chosen_on, names)
    everything = collect(benchmark.entries(MAPS, "test"), submission, channels)
    tallies = {name: _tallies(everything, name, thresholds[name]) for name in names}
    free = np.array([s.entry.homology_free for s in everything], bool)
    sites = [s for s in everything if s.entry.homology_free]
    clusters = [s.entry.clusters for s in sites]
    chosen = {name: _select(tally, free) for name, tally in tallies.items()}
    sets = np.array([_set_jaccard(s, thresholds) for s in everything])
    pairs = collect(benchmark.entries(PAIRS), submission, channels) if _has_pairs(benchmark, submission) else []
    pair_tallies = {name: _tallies(pairs, name, thresholds[name]) for name in HEADLINE} if pairs else {}
    return {
        "version": VERSION,
        "split": "test",
        "threshold_split": "val",
        "partial": is_partial(submission),
        "sites": len(sites),
        "entries_scored": len({s.entry.id for s in sites}),
        "clusters": len(set(clusters)),
        "voxels": sum(len(s.labels) for s in sites),
        "summary": _summary(sites, chosen, sets[free], clusters),
        "classes": {name: _one(sites, name, chosen[name], clusters, thresholds) for name in HEADLINE},
        "channels": {name: _channel(sites, name, chosen[name], clusters, thresholds) for name in channels},
        "counts": {name: count_agreement(chosen_on, sites, name, thresholds[name]) for name in CORE},
        "strata": strata.headlines(everything, tallies, pairs, pair_tallies),
        "entries": [_row(s, i, tallies, sets[i]) for i, s in enumerate(everything)],
    }


def _has_pairs(benchmark: Benchmark, submission: Submission) -> bool:
    entries = benchmark.entries(PAIRS)
    return bool(entries) and all(submission.has(e.id) or e.id in submission.failures for e in entries)


def _tallies(sites: list[SiteScores], name: str, threshold: float) -> Tally:
    return statistics.stack([statistics.tally(s.truth(name), s.score(name), threshold) for s in sites])


def _select(tally: Tally, which: np.ndarray) -> Tally:
    return Tally(**{key: values[which] for key, values in vars(tally).items()})


def _set_jaccard(site: SiteScores, thresholds: dict[str, float]) -> tuple[float, int]:
    """Sum over voxels of the Jaccard index of true and predicted set of core channels, and the number of voxels.

    Voxels where both sets are empty have none and are left out.
    """
    true = np.stack([site.truth(name) for name in CORE], axis=1)
    predicted = np.stack([site.score(name) >= thresholds[name] for name in CORE], axis=1)
    union = (true | predicted).sum(axis=1)
    values = (true & predicted).sum(axis=1)[union > 0] / union[union > 0]
    return float(values.sum()), int((union > 0).sum())


def _summary(sites: list[SiteScores], tallies: dict[str, Tally], sets: np.ndarray, clusters: list) -> dict:
    best = {name: metrics.best_jaccard(*pooled(sites, name))[0] for name in HEADLINE}
    precision = np.mean([metrics.average_precision(*pooled(sites, name)) for name in CORE])

    def mean_of(statistic, names):
        return lambda weights: np.mean([statistic(tallies[name], weights) for name in names], axis=0)

    def interval(statistic, **value) -> dict:
        return {**statistics.bootstrap(clusters, statistic, vectorized=True), **value}

    return {
        "headline": interval(mean_of(statistics.pooled_jaccard, HEADLINE)),
        "headline_best": {"value": float(np.mean(list(best.values()))), "low": None, "high": None},
        "set_jaccard": interval(lambda w: (w @ sets[:, 0]) / np.maximum(w @ sets[:, 1], 1)),
        "core_jaccard": interval(mean_of(statistics.pooled_jaccard, CORE)),
        "core_average_precision": interval(mean_of(statistics.pooled_average_precision, CORE), value=float(precision)),
        "macro_headline": _macro(tallies, clusters),
    }


def _macro(tallies: dict[str, Tally], clusters: list) -> dict:
    """Mean over clusters of the headline within each; classes that neither occur nor are predicted are left out."""
    families = sorted(set(clusters))
    member = np.array([[c == family for c in clusters] for family in families], float)
    values = np.stack([statistics.pooled_jaccard(tallies[name], member) for name in HEADLINE])
    known = ~np.isnan(values)
    means = np.where(known, values, 0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan)
    return statistics.bootstrap_mean(means, families)


def _one(sites: list[SiteScores], name: str, tally: Tally, clusters: list, thresholds: dict[str, float]) -> dict:
    truth, values = pooled(sites, name)

    def interval(statistic, **value) -> dict:
        return {**statistics.bootstrap(clusters, lambda w: statistic(tally, w), vectorized=True), **value}

    exact = metrics.average_precision(truth, values)
    return {
        "positives": int(truth.sum()),
        "prevalence": float(truth.mean()),
        "threshold": float(thresholds[name]),
        "jaccard": interval(statistics.pooled_jaccard),
        "dice": interval(statistics.pooled_dice),
        "average_precision": interval(statistics.pooled_average_precision, value=exact),
        "best_jaccard": metrics.best_jaccard(truth, values)[0],
    }


def _channel(sites: list[SiteScores], name: str, tally: Tally, clusters: list, thresholds: dict[str, float]) -> dict:
    def interval(statistic) -> dict:
        return statistics.bootstrap(clusters, lambda w: statistic(tally, w), vectorized=True)

    count, total, positives = tally.calibration.sum(axis=0).T
    used = np.flatnonzero(count)
    return {
        **_one(sites, name, tally, clusters, thresholds),
        "brier": interval(statistics.pooled_brier),
        "calibration_error": interval(statistics.pooled_calibration_error),
        "precision_recall": precision_recall(*pooled(sites, name)),
        "reliability": [[total[i] / count[i], positives[i] / count[i], int(count[i])] for i in used],
    }


def precision_recall(truth: np.ndarray, values: np.ndarray, points: int = CURVE_POINTS) -> list[list[float]]:
    """Recall and precision at evenly spaced recalls.

    Parameters
    ----------
    truth : ndarray, shape=(n,), dtype=bool
    values : ndarray, shape=(n,), dtype=float
    points : int

    Returns
    -------
    list of [recall, precision]
        At the highest threshold that reaches each of ``points`` recalls up to 1. Empty without positives.
    """
    if not truth.any():
        return []
    order = np.argsort(-values, kind="stable")
    last = np.append(np.flatnonzero(np.diff(values[order])), len(order) - 1)
    hits = np.cumsum(truth[order])[last]
    recall, precision = hits / hits[-1], hits / (last + 1)
    at = np.unique(np.searchsorted(recall, np.linspace(1 / points, 1, points) - 1e-12))
    return [[float(recall[i]), float(precision[i])] for i in at]


def _row(site: SiteScores, index: int, tallies: dict[str, Tally], sets: np.ndarray) -> dict:
    counts = {name: tallies[name].counts[index].tolist() for name in HEADLINE}
    return {
        "id": site.entry.id,
        "site": site.site.name,
        "clusters": list(site.entry.clusters),
        "homology_free": site.entry.homology_free,
        "voxels": len(site.labels),
        "set_jaccard": float(sets[0] / sets[1]) if sets[1] else None,
        "counts": counts,
        "jaccard": {name: tp / (tp + fp + fn) if tp + fp + fn else None for name, (tp, fp, fn) in counts.items()},
    }
