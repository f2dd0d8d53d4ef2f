"""Thresholds with a stated share of false hot-spots, fitted on validation proteins.

**What is counted.** Hot-spots as a scan reports them: those in the pockets of a map, above the preset's thresholds. One
is judged if it is in a ligand envelope, and true if an interaction point of its type is at most ``HIT`` away. Away from
ligands nothing is known, so shares are conditional on a ligand atom being there, as typed channels are.

**What a threshold promises.** Of the judged hot-spots whose probability reaches it, a share of at most the level is
false, with the confidence ``CONFIDENCE`` for proteins like the validation proteins. Hot-spots of one sequence family
are not independent: the bound is Clopper and Pearson's for the number of independent hot-spots that has the variance
found between families [1]_. Thresholds are tested from the highest down, and the first that fails ends the search: in
this order the confidence holds for the one chosen, however many are tested [2]_. The first has ``LEAST_HOTSPOTS``
hot-spots and ``LEAST_FAMILIES`` families above it; which one that is does not depend on what is true.

References
----------
.. [1] Korn & Graubard, Survey Methodology 24, 193-201 (1998).
.. [2] Bauer, Statistics in Medicine 10, 871-890 (1991), doi:10.1002/sim.4780100609; for thresholds of a predictor:
   Angelopoulos et al., arXiv:2110.01052.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import beta, t

from data_prep.domain import families
from pocketvox.channels import CHANNELS, ENVELOPE_RADIUS, TYPED
from pocketvox.data.store import StoreItem
from pocketvox.pockets import HotspotConfig, PocketConfig
from pocketvox.pockets.detect import find_regions
from pocketvox.pockets.hotspots import HIT, place_hotspots
from pocketvox.voxel import Volume

#: Shares of false hot-spots for which a threshold is looked for.
LEVELS = (0.2, 0.3, 0.5, 0.7)
#: Of the upper bound of a share.
CONFIDENCE = 0.8
#: Hot-spots and families above the first threshold that is tested. With fewer, even a share of 0 says little.
LEAST_HOTSPOTS, LEAST_FAMILIES = 20, 8


class Judged(NamedTuple):
    """Hot-spots of one channel of which it is known whether they are true.

    Attributes
    ----------
    probability : ndarray, shape=(n,), dtype=float64
    true : ndarray, shape=(n,), dtype=bool
    family : ndarray, shape=(n,), dtype=int64
    """

    probability: np.ndarray
    true: np.ndarray
    family: np.ndarray

    def above(self, threshold: float) -> Judged:
        """Those whose probability reaches the threshold."""
        return Judged(*(values[self.probability >= threshold] for values in self))


def judge(
    items: list[StoreItem], maps: Iterable[Volume], pockets: PocketConfig, hotspots: HotspotConfig
) -> dict[str, Judged]:
    """Judge the hot-spots of maps.

    Parameters
    ----------
    items : list of StoreItem
    maps : iterable of Volume
        Calibrated, one per structure.
    pockets : PocketConfig
    hotspots : HotspotConfig

    Returns
    -------
    dict of str to Judged
        By typed channel.
    """
    rows = []
    for item, volume, family in zip(items, maps, families(items), strict=True):
        _, placed = place_hotspots(volume, find_regions(volume, pockets), hotspots)
        for _, coord, name, probability, _, _ in near_ligand(item, placed):
            points = item.point_coord[item.point_channel == CHANNELS.index(name)]
            true = bool((np.linalg.norm(points - coord, axis=1) <= HIT).any())
            rows.append((name, float(probability), true, family))
    return {name: _judged([row[1:] for row in rows if row[0] == name]) for name in TYPED}


def near_ligand(item: StoreItem, placed: list[tuple]) -> list[tuple]:
    """The rows of :func:`~pocketvox.pockets.hotspots.place_hotspots` that are in a ligand envelope."""
    atoms = cKDTree(item.ligand_coord)
    return [row for row in placed if atoms.query(row[1])[0] <= ENVELOPE_RADIUS]


def _judged(rows: list[tuple[float, bool, int]]) -> Judged:
    probability, true, family = zip(*rows, strict=True) if rows else ((), (), ())
    return Judged(np.array(probability, float), np.array(true, bool), np.array(family, int))


def false_share(judged: Judged) -> float:
    """Share of the hot-spots that are false; NaN without any."""
    return float(1 - judged.true.mean()) if len(judged.true) else float("nan")


def upper_bound(judged: Judged) -> float:
    """Upper confidence bound of the share of false hot-spots; 1 if there are fewer than two families.

    The variance of the share is that of a ratio of sums over families. If it is 0, as where nothing is false, a family
    counts as one hot-spot.
    """
    false = ~judged.true
    _, family = np.unique(judged.family, return_inverse=True)
    n, groups = len(false), family.max(initial=-1) + 1
    if groups < 2:
        return 1.0
    share = false.mean()
    residual = np.bincount(family, false - share)
    variance = groups / (groups - 1) * (residual**2).sum() / n**2
    effective = share * (1 - share) / variance if variance > 0 else groups
    effective = min(effective * (t.ppf(CONFIDENCE, n - 1) / t.ppf(CONFIDENCE, groups - 1)) ** 2, n)
    return float(beta.ppf(CONFIDENCE, effective * share + 1, effective * (1 - share))) if share < 1 else 1.0


def fit_discovery(judged: dict[str, Judged], levels: Iterable[float] = LEVELS) -> dict[str, dict[str, float]]:
    """Lowest threshold for each level that can be promised; see the top of this file.

    Returns
    -------
    dict of str to dict of str to float
        Threshold by channel and level; what cannot be promised is left out.
    """
    fitted = {name: _fit(one, levels) for name, one in judged.items()}
    return {name: thresholds for name, thresholds in fitted.items() if thresholds}


def _fit(judged: Judged, levels: Iterable[float]) -> dict[str, float]:
    bounds = []
    for threshold in np.unique(judged.probability)[::-1]:
        above = judged.above(threshold)
        if len(above.true) >= LEAST_HOTSPOTS and len(set(above.family)) >= LEAST_FAMILIES:
            bounds.append((float(threshold), upper_bound(above)))
    found = {}
    for level in levels:
        passed = next((k for k, (_, bound) in enumerate(bounds) if bound > level), len(bounds))
        if passed:
            found[f"{level:g}"] = bounds[passed - 1][0]
    return found


def report(judged: dict[str, Judged], discovery: dict[str, dict[str, float]]) -> dict:
    """How many hot-spots each threshold leaves, of how many families, how many are false, and the bound; JSON types."""
    found: dict[str, dict] = {}
    for name, thresholds in discovery.items():
        for level, threshold in thresholds.items():
            above = judged[name].above(threshold)
            found.setdefault(name, {})[level] = {
                "hotspots": len(above.true),
                "families": len(set(above.family.tolist())),
                "false": false_share(above) if len(above.true) else None,
                "bound": upper_bound(above),
            }
    return found
