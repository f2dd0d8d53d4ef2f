"""Paired comparisons of methods over the same ligand sites, from the counts stored in their results.

Every method of a map track is compared with the shipped preset on the sites that both were scored on. What is compared
is the headline: the mean over its classes of the Jaccard index of all voxels pooled.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.statistics import holm, paired_counts_test
from pocketvox.channels import HEADLINE
from pocketvox.inference.presets import by_version

#: Folders of the presets that are shipped.
MODELS = Path(__file__).resolve().parents[2] / "models"


@dataclass(frozen=True)
class Pool:
    """Counts of a method over sites, pooled: its numbers on exactly these sites.

    Attributes
    ----------
    sites, clusters : int
        How many there are.
    jaccard : dict of str to float
        By headline class; NaN for a class that neither occurs nor is predicted.
    """

    sites: int
    clusters: int
    jaccard: dict[str, float]

    @property
    def headline(self) -> float:
        """Mean over the classes; NaN if one of them is."""
        return float(np.mean(list(self.jaccard.values())))


@dataclass(frozen=True)
class Comparison:
    """A method against a reference on the sites that both have.

    Attributes
    ----------
    method, reference : Pool
        The two on these sites.
    difference : float
        Of the headline, method minus reference.
    p_value, adjusted : float
        Two-sided, of the permutation test over clusters; the latter by Holm over all comparisons of the track.
    """

    method: Pool
    reference: Pool
    difference: float
    p_value: float
    adjusted: float


def headline(track: dict | None) -> float:
    """The headline of a map track's scores; NaN if there is none."""
    value = (((track or {}).get("summary") or {}).get("headline") or {}).get("value")
    return math.nan if value is None else float(value)


def shipped(results: list[dict], name: str = "pocket-map") -> dict | None:
    """The result that others are compared with: of the presets shipped, that of the newest one.

    Parameters
    ----------
    results : list of dict
        As ``results/*.json`` hold them.
    name : str
        Track.

    Returns
    -------
    dict or None
        None if no result of a preset in ``models/`` has the track with a headline.
    """
    presets = {path.parent.name: by_version(path.parent) for path in MODELS.glob("*/metadata.json")}
    found = [r for r in results if r["method"]["name"] in presets]
    found = [r for r in found if not math.isnan(headline(r["tracks"].get(name)))]
    return max(found, key=lambda r: presets[r["method"]["name"]], default=None)


def site_rows(track: dict) -> dict[tuple, dict]:
    """Rows of the sites that the headline is made of, by entry, ligand and how often this pair came before."""
    seen: Counter = Counter()
    out = {}
    for row in track.get("entries") or ():
        pair = row["id"], row["site"]
        seen[pair] += 1
        if row["homology_free"] and all(row["counts"].get(name) for name in HEADLINE):
            out[*pair, seen[pair]] = row
    return out


def clusters_of(row: dict) -> tuple[str, ...]:
    """The cluster of a site: those of all chains around its ligand, together."""
    return tuple(row["clusters"])


def counts_of(rows: list[dict]) -> np.ndarray:
    """True positives, false positives and false negatives, shape=(sites, classes, 3), dtype=int64."""
    counts = [[row["counts"][name] for name in HEADLINE] for row in rows]
    return np.array(counts, np.int64).reshape(len(rows), len(HEADLINE), 3)


def pool(rows: list[dict]) -> Pool:
    """Pooled numbers of some rows of :func:`site_rows`."""
    total = counts_of(rows).sum(axis=0)
    jaccard = {
        name: float(tp / (tp + fp + fn)) if tp + fp + fn else math.nan
        for name, (tp, fp, fn) in zip(HEADLINE, total, strict=True)
    }
    return Pool(len(rows), len({clusters_of(row) for row in rows}), jaccard)


def on_same_sites(track: dict, reference: dict) -> tuple[list[dict], list[dict]]:
    """Rows of the sites that two methods share, in one order.

    Parameters
    ----------
    track, reference : dict
        Scores of a map track, which may be ``pocket-map`` of one and ``complex-map`` of the other: their sites and
        voxels are the same.
    """
    first, second = site_rows(track), site_rows(reference)
    keys = sorted(set(first) & set(second))
    return [first[key] for key in keys], [second[key] for key in keys]


def compare(tracks: dict[str, dict], reference: dict) -> dict[str, Comparison]:
    """Compare methods with a reference.

    Parameters
    ----------
    tracks : dict of str to dict
        Scores of a map track by name of the method, without the reference.
    reference : dict
        Those of the reference.

    Returns
    -------
    dict of str to Comparison
        In the order given; those without a site in common are left out.
    """
    tests = {}
    for name, track in tracks.items():
        rows, others = on_same_sites(track, reference)
        if rows:
            clusters = [clusters_of(row) for row in rows]
            tests[name] = pool(rows), pool(others), paired_counts_test(counts_of(rows), counts_of(others), clusters)
    adjusted = holm([test["p_value"] for *_, test in tests.values()])
    return {
        name: Comparison(one, other, test["difference"], test["p_value"], float(p))
        for (name, (one, other, test)), p in zip(tests.items(), adjusted, strict=True)
    }
