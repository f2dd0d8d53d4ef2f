"""The headline by what may make a site easy or hard."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from benchmarks import statistics
from benchmarks.statistics import Tally
from pocketvox.channels import HEADLINE

Rule = tuple[str, Callable]


def _between(value: Callable, edges: list[float], texts: list[str]) -> list[Rule]:
    def rule(low: float, high: float) -> Callable:
        return lambda site: low <= value(site) < high

    return [(text, rule(low, high)) for text, low, high in zip(texts, edges, edges[1:], strict=False)]


def _resolution(site) -> float:
    return site.entry.resolution


#: Name of a property, and its classes. Those of ``homology`` see all entries, the others the homology-free ones.
STRATA: dict[str, list[Rule]] = {
    "identity": [
        *_between(
            lambda site: site.entry.identity,
            [0.0, 0.10, 0.15, 0.25, 1.01],
            ["below 10 %", "10 to 15 %", "15 to 25 %", "25 % and above"],
        ),
        ("unknown", lambda site: np.isnan(site.entry.identity)),
    ],
    "ligand size": _between(
        lambda site: len(site.site.coord),
        [0, 15, 26, 41, np.inf],
        ["below 15 heavy atoms", "15 to 25", "26 to 40", "above 40"],
    ),
    "resolution": [
        *_between(_resolution, [0, 2.0, 2.5, np.inf], ["below 2.0 A", "2.0 to 2.5 A", "2.5 A and above"]),
        ("unknown", lambda site: np.isnan(site.entry.resolution)),
    ],
    "homology": [
        ("none detectable", lambda site: site.entry.homology_free),
        ("to a training chain (not in the headline)", lambda site: not site.entry.homology_free),
    ],
    "state": [
        (text, lambda site, state=state: site.entry.state == state)
        for text, state in (("holo", "holo"), ("predicted model", "model"))
    ],
}


def headlines(sites: list, tallies: dict[str, Tally], pairs: list, pair_tallies: dict[str, Tally]) -> dict[str, list]:
    """The headline with its interval by property and class.

    Parameters
    ----------
    sites : list of SiteScores
        Every scored site of the test split.
    tallies : dict of str to Tally
        By headline class, stacked along ``sites``.
    pairs, pair_tallies
        The same of the fragment and lead pairs, whose ligands are scored in holo and in apo structures; may be empty.

    Returns
    -------
    dict of str to list of dict
        ``name``, ``sites``, ``headline``.
    """
    out = {}
    for property, rules in STRATA.items():
        free = property != "homology"
        out[property] = [
            _headline(text, sites, tallies, (rule(s) and (s.entry.homology_free or not free) for s in sites))
            for text, rule in rules
        ]
    for text, state in (("holo, fragment and lead pairs", "holo"), ("apo, the same pairs", "apo")):
        which = (s.entry.state == state and s.entry.homology_free for s in pairs)
        out["state"].append(_headline(text, pairs, pair_tallies, which))
    return out


def _headline(name: str, sites: list, tallies: dict[str, Tally], which: Iterable[bool]) -> dict:
    chosen = np.flatnonzero(np.fromiter(which, bool, len(sites)))
    if not chosen.size:
        return {"name": name, "sites": 0, "headline": {"value": None, "low": None, "high": None}}
    counts = {key: tallies[key].counts[chosen] for key in HEADLINE}

    def mean(weights: np.ndarray) -> np.ndarray:
        sums = np.stack([weights @ counts[key] for key in HEADLINE])  # (classes, B, 3)
        with np.errstate(invalid="ignore"):
            return (sums[..., 0] / sums.sum(axis=-1)).mean(axis=0)

    clusters = [sites[i].entry.clusters for i in chosen]
    return {"name": name, "sites": len(chosen), "headline": statistics.bootstrap(clusters, mean, vectorized=True)}
