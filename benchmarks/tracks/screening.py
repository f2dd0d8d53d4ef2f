"""Whether a map tells docked actives from decoys, by what it says where they have their donors, acceptors and so on.

Set ``screening``: given docked poses of actives and decoys, each with its role points (donor, acceptor and hydrophobic
atoms, centroids of aromatic rings); the poses are the same for every method.

**Score of a pose**, fixed before it was tried on this set. ``sum``: the sum over its role points of the joint value
there, interpolated linearly: matching typed channel times ``ligand`` channel (the typed channel itself of a method
without ``ligand``; ``ligand`` alone of a method with nothing else). ``mean``: the same divided by the number of role
points. ``sum_conditional`` and ``mean_conditional``: the same with the typed channel alone, for methods with both.
Points outside the maps count 0 there and are reported; points of a type that the method does not give are left out. A
pose without points scores 0.

The headline is ``mean``: larger molecules have more points, so ``sum`` ranks by size as much as by fit, and size alone
tells actives from decoys in many sets. What size alone is worth stands beside it (``controls``: molecular weight and
number of heavy atoms as scores); a map has learnt nothing unless it does better than they do.

A method that failed on the entry, or lacks it, scores every pose 0, which is the value of a random ranking.

Intervals are over molecules: actives and decoys are each drawn with replacement.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np

from benchmarks import statistics
from benchmarks.entries import SCREENING, Benchmark
from benchmarks.roles import Poses
from benchmarks.screening_metrics import bedroc, enrichment_factor, roc_auc, roc_curve
from benchmarks.submissions.submission import Submission
from benchmarks.tracks.hotspots import map_values
from benchmarks.tracks.pocket_map import is_partial
from pocketvox.channels import CHANNELS, CORE, LIGAND
from pocketvox.errors import InputError

VERSION = 1
HEADLINE_SCORE = "mean"
METRICS = {
    "roc_auc": roc_auc,
    "ef1": partial(enrichment_factor, fraction=0.01),
    "bedroc": partial(bedroc, alpha=20.0),
}
#: Points of a stored ROC curve, at most.
CURVE_POINTS = 60


def score(benchmark: Benchmark, submission: Submission, entries: Iterable[str] | None = None) -> dict | None:
    """Score a submission.

    Parameters
    ----------
    benchmark : Benchmark
    submission : Submission
    entries : iterable of str, optional
        Ids of the only entries to score; the whole set by default.

    Returns
    -------
    dict or None
        JSON types, as benchmarks/README.md describes them. None if the benchmark has no screening set, the submission
        gives neither a core channel nor ``ligand``, or it is a ceiling that leaves the set out.

    Raises
    ------
    InputError
        If there is more than one target.
    """
    wanted = None if entries is None else set(entries)
    chosen = [e for e in benchmark.entries(SCREENING) if wanted is None or e.id in wanted]
    if len(chosen) > 1:
        ids = ", ".join(entry.id for entry in chosen)
        raise InputError(f"Expected one screening target. Received: {ids}. Name one in `entries`.")
    if not chosen or not {*CORE, LIGAND} & set(submission.info.get("channels", ())):
        return None
    id = chosen[0].id
    failed = id in submission.failures or not submission.has(id)
    if failed and is_partial(submission):
        return None
    poses = benchmark.poses(id)
    scores, points, outside = pose_scores(submission, id, poses)
    drawn = resamples(poses.active)
    results = {name: evaluate(poses.active, values, drawn) for name, values in scores.items()}
    sizes = {"molecular weight": poses.mass, "heavy atoms": poses.heavy_atoms}
    return {
        "version": VERSION,
        "headline_score": HEADLINE_SCORE,
        "summary": results[HEADLINE_SCORE],
        "scores": results,
        "controls": {name: evaluate(poses.active, values, drawn) for name, values in sizes.items()},
        "roc": roc_points(poses.active, scores[HEADLINE_SCORE]),
        "failed": [id] if failed else [],
        "entries": [
            {
                "id": id,
                "actives": int(poses.active.sum()),
                "decoys": int((~poses.active).sum()),
                "points": points,
                "points_outside": outside,
            }
        ],
    }


def pose_scores(submission: Submission, id: str, poses: Poses) -> tuple[dict[str, np.ndarray], int, int]:
    """Score every pose.

    Parameters
    ----------
    submission : Submission
    id : str
        Entry.
    poses : Poses

    Returns
    -------
    scores : dict of str to ndarray, shape=(n,), dtype=float64
        ``sum`` and ``mean``; of methods with typed and ``ligand`` channels also ``sum_conditional`` and
        ``mean_conditional``.
    points, outside : int
        Role points of types that the method gives, and how many of them its maps do not reach.
    """
    given = submission.info.get("channels", ())
    kinds, column = np.unique(poses.role_channel, return_inverse=True)
    channels = tuple(CHANNELS[k] for k in kinds)
    typed = set(channels) & set(given)
    used = np.isin(column, [k for k, name in enumerate(channels) if name in typed or not typed])
    joint, conditional, reached = map_values(submission, id, poses.role_coord[used], channels)
    column, pose = column[used], poses.role_pose[used]
    count = np.bincount(pose, minlength=len(poses.name))
    kinds_of_value = {"": joint, "_conditional": conditional} if typed and LIGAND in given else {"": joint}
    scores = {}
    for suffix, values in kinds_of_value.items():
        at_points = values[np.arange(len(column)), column].astype(float)
        scores[f"sum{suffix}"] = np.bincount(pose, at_points, len(poses.name))
        scores[f"mean{suffix}"] = scores[f"sum{suffix}"] / np.maximum(count, 1)
    return scores, len(column), int((~reached).sum())


def resamples(active: np.ndarray, samples: int = statistics.SAMPLES, seed: int = statistics.SEED) -> np.ndarray:
    """Indices of resampled molecules, as many actives and decoys as there are.

    Parameters
    ----------
    active : ndarray, shape=(n,), dtype=bool
    samples, seed : int

    Returns
    -------
    ndarray, shape=(samples, n), dtype=int
    """
    random = np.random.default_rng(seed)
    kinds = [np.flatnonzero(active), np.flatnonzero(~active)]
    return np.concatenate([random.choice(kind, (samples, len(kind))) for kind in kinds if len(kind)], axis=1)


def evaluate(active: np.ndarray, values: np.ndarray, drawn: np.ndarray) -> dict[str, dict[str, float]]:
    """Metrics of a score, each with its interval.

    Parameters
    ----------
    active : ndarray, shape=(n,), dtype=bool
    values : ndarray, shape=(n,), dtype=float
    drawn : ndarray, shape=(samples, n), dtype=int
        As :func:`resamples` returns.
    """
    out = {}
    for name, metric in METRICS.items():
        low, high = statistics.interval([metric(active[rows], values[rows]) for rows in drawn])
        out[name] = {"value": metric(active, values), "low": low, "high": high}
    return out


def roc_points(active: np.ndarray, values: np.ndarray, points: int = CURVE_POINTS) -> list[list[float]]:
    """Points of the ROC curve, at most ``points``, evenly spaced along it.

    Returns
    -------
    list of [false positive rate, true positive rate]
        From (0, 0) to (1, 1). Empty without actives or decoys.
    """
    false, true, _ = roc_curve(active, values)
    if np.isnan(false + true).any():
        return []
    at = np.unique(np.searchsorted(false + true, np.linspace(0, 2, points) - 1e-9))
    return [[float(false[i]), float(true[i])] for i in at]
