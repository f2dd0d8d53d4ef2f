"""Scores of interaction maps inside the ligand envelope.

The voxels within ``ENVELOPE_RADIUS`` of a ligand are taken from the map, labelled, and pooled over ligands. Every
method is scored on the same voxels. A threshold is chosen per method and channel on one set of ligands and used on
another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.baselines import RULES, RULES_UNCLIPPED, rule_field
from pocketvox import metrics
from pocketvox.channels import CORE, ENVELOPE_RADIUS, HEADLINE, LABEL_RADIUS, LIGAND, TYPED
from pocketvox.config import SamplingConfig
from pocketvox.data.store import StoreItem
from pocketvox.metrics import ScoreHistogram
from pocketvox.voxel import Grid, Volume, envelope, label_volume, within

MODEL, RULE_FIELD, PREVALENCE = "pocketvox", "rule_field", "prevalence"
#: The rule field's other reading, for rings only: see :data:`benchmarks.baselines.RULES`.
RULE_FIELD_UNCLIPPED = "rule_field_unclipped"


@dataclass(frozen=True)
class LigandVoxels:
    """The voxels in the envelope of one ligand.

    Attributes
    ----------
    id, ligand : str
        Structure and ligand.
    clusters : tuple of str
        Sequence clusters of the structure.
    labels : ndarray, shape=(n, len(TYPED)), dtype=bool
    scores : dict of str to ndarray, shape=(n, k), dtype=float32
        By method; its channels are those of ``channels``.
    channels : dict of str to tuple of str
    outside : int
        Number of voxels that the map does not reach; they score 0.
    """

    id: str
    ligand: str
    clusters: tuple[str, ...]
    labels: np.ndarray
    scores: dict[str, np.ndarray]
    channels: dict[str, tuple[str, ...]]
    outside: int = 0

    def column(self, method: str, name: str) -> np.ndarray | None:
        """Scores of a channel or headline class, shape=(n,); None if the method does not give it."""
        members = HEADLINE.get(name, (name,))
        channels = self.channels[method]
        if not set(members) <= set(channels):
            return None
        columns = self.scores[method][:, [channels.index(c) for c in members]]
        return columns[:, 0] if len(members) == 1 else metrics.union_probability(columns)

    def truth(self, name: str) -> np.ndarray:
        """Labels of a channel or headline class, shape=(n,), dtype=bool."""
        return self.labels[:, [TYPED.index(c) for c in HEADLINE.get(name, (name,))]].any(axis=1)


def ligand_voxels(
    item: StoreItem, features: tuple[str, ...], spacing: float, volume: Volume | None = None
) -> list[LigandVoxels]:
    """Labels and scores around every ligand of a structure.

    Parameters
    ----------
    item : StoreItem
    features : tuple of str
        Names of the columns of ``item.features``.
    spacing : float
        Edge of a voxel (angstrom); that of ``volume``, if given.
    volume : Volume, optional
        Map of the structure. Without it only the rule field is scored.

    Returns
    -------
    list of LigandVoxels
        One per ligand. A voxel counts as an interaction of any ligand of the structure.
    """
    found = []
    for index, name in enumerate(item.ligand_names):
        ligand = item.ligand_coord[item.ligand_group == index]
        grid = Grid.around(ligand, ENVELOPE_RADIUS, spacing)
        inside = envelope(ligand, grid)
        labels = label_volume(item.point_coord, item.point_channel, item.ligand_coord, grid).values[inside]
        voxels = grid.to_coord(np.argwhere(inside))
        channels = {RULE_FIELD: tuple(RULES), RULE_FIELD_UNCLIPPED: tuple(RULES_UNCLIPPED)}
        scores = {
            RULE_FIELD: rule_field(voxels, item.coord, item.features, features),
            RULE_FIELD_UNCLIPPED: rule_field(voxels, item.coord, item.features, features, RULES_UNCLIPPED),
        }
        outside = 0
        if volume is not None:
            scores[MODEL], outside = sample(volume, voxels)
            channels[MODEL] = volume.channels
        labels = labels[:, : len(TYPED)].astype(bool)
        found.append(LigandVoxels(item.id, name, item.clusters, labels, scores, channels, outside))
    return found


def sample(volume: Volume, voxels: np.ndarray) -> tuple[np.ndarray, int]:
    """Values of a map at voxel centres of its own lattice.

    Parameters
    ----------
    volume : Volume
    voxels : ndarray, shape=(n, 3), dtype=float
        Angstrom.

    Returns
    -------
    values : ndarray, shape=(n, channel), dtype=float32
        0 outside the map.
    outside : int
        How many voxels are outside.

    Raises
    ------
    ValueError
        If a position is no voxel centre: nothing is interpolated here.
    """
    exact = volume.grid.to_index(voxels)
    index = np.rint(exact).astype(int)
    if len(index) and np.abs(exact - index).max() > 1e-3:
        off = np.abs(exact - index).max()
        raise ValueError(f"Expected voxel centres of the map's lattice. Received: positions {off:.3f} voxels off.")
    reached = np.all((index >= 0) & (index < volume.grid.shape), axis=1)
    values = np.zeros((len(index), len(volume.channels)), np.float32)
    values[reached] = volume.values[tuple(index[reached].T)]
    return values, int((~reached).sum())


def add_ligand_channel(histogram: ScoreHistogram, item: StoreItem, volume: Volume) -> None:
    """Count every known voxel of a map's ``ligand`` channel: all but those near an additive.

    A voxel is positive within ``LABEL_RADIUS`` of a ligand heavy atom.
    """
    known = np.ones(volume.grid.shape, bool)
    if len(item.ignored_coord):
        known = ~within(item.ignored_coord, volume.grid, SamplingConfig().ignored_radius)
    known |= (truth := within(item.ligand_coord, volume.grid, LABEL_RADIUS))
    histogram.add(truth[known], np.clip(volume[LIGAND].values[..., 0][known], 0, 1))


def pooled(ligands: Iterable[LigandVoxels], method: str, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Truth and scores of a channel or class over all voxels of the ligands; None if the method does not give it."""
    ligands = list(ligands)
    columns = [ligand.column(method, name) for ligand in ligands]
    if not columns or columns[0] is None:
        return None
    return np.concatenate([ligand.truth(name) for ligand in ligands]), np.concatenate(columns)


def methods(ligands: list[LigandVoxels]) -> tuple[str, ...]:
    """Names of the methods that were scored, the model first."""
    return tuple(m for m in (MODEL, RULE_FIELD, RULE_FIELD_UNCLIPPED) if ligands and m in ligands[0].scores)


def complete_methods(ligands: list[LigandVoxels]) -> tuple[str, ...]:
    """Those of :func:`methods` that give every core channel."""
    return tuple(m for m in methods(ligands) if set(CORE) <= set(ligands[0].channels[m]))


def choose_thresholds(ligands: list[LigandVoxels]) -> dict[str, dict[str, float]]:
    """Threshold with the best Jaccard index on these ligands, by method and channel or class."""
    chosen: dict[str, dict[str, float]] = {}
    for method in methods(ligands):
        columns = {name: pooled(ligands, method, name) for name in (*TYPED, *HEADLINE)}
        chosen[method] = {
            name: metrics.choose_threshold(*column) for name, column in columns.items() if column is not None
        }
    return chosen


def score(ligands: list[LigandVoxels], thresholds: dict[str, dict[str, float]]) -> dict:
    """Scores of every method on these ligands, as JSON types.

    Parameters
    ----------
    ligands : list of LigandVoxels
    thresholds : dict
        As :func:`choose_thresholds` returns, from other ligands.

    Returns
    -------
    dict
        ``channels`` and ``classes``: per name the number of positive voxels, the prevalence and each method's scores.
        ``summary``: per method the headline (mean Jaccard of the headline classes at the given thresholds), the same at
        the best thresholds, the mean best Jaccard of the core channels, and macro-averages over clusters.
        ``ratios``: the model's scores over the rule field's.
    """
    out = {
        "ligands": len(ligands),
        "structures": len({ligand.id for ligand in ligands}),
        "clusters": len({ligand.clusters for ligand in ligands}),
        "voxels": sum(len(ligand.labels) for ligand in ligands),
        "voxels_outside_map": sum(ligand.outside for ligand in ligands),
        "channels": {name: _score_one(ligands, name, thresholds) for name in TYPED},
        "classes": {name: _score_one(ligands, name, thresholds) for name in HEADLINE},
    }
    out["summary"] = {m: _summary(out, m) for m in (*complete_methods(ligands), PREVALENCE)}
    if MODEL in out["summary"]:
        out["ratios"] = ratios(out)
    return out


def _score_one(ligands: list[LigandVoxels], name: str, thresholds: dict[str, dict[str, float]]) -> dict:
    truth = np.concatenate([ligand.truth(name) for ligand in ligands])
    prevalence = float(truth.mean())
    out = {
        "positives": int(truth.sum()),
        "prevalence": prevalence,
        "methods": {PREVALENCE: dict.fromkeys(("average_precision", "best_jaccard", "jaccard"), prevalence)},
    }
    for method in methods(ligands):
        column = pooled(ligands, method, name)
        if column is None:
            continue
        best, best_threshold = metrics.best_jaccard(*column)
        threshold = thresholds[method][name]
        out["methods"][method] = {
            "average_precision": metrics.average_precision(*column),
            "best_jaccard": best,
            "best_threshold": best_threshold,
            "jaccard": metrics.jaccard(*column, threshold),
            "dice": metrics.dice(*column, threshold),
            "threshold": threshold,
            "macro": _macro(ligands, method, name, threshold),
        }
        if method == MODEL:
            out["methods"][method]["brier"] = metrics.brier(*column)
            out["methods"][method]["calibration_error"] = metrics.expected_calibration_error(*column)
    return out


def _macro(ligands: list[LigandVoxels], method: str, name: str, threshold: float) -> dict:
    """Means over clusters with at least one positive voxel."""
    families = defaultdict(list)
    for ligand in ligands:
        families[ligand.clusters].append(ligand)
    columns = [pooled(family, method, name) for family in families.values()]
    columns = [column for column in columns if column[0].any()]
    if not columns:
        return {"clusters": 0, "average_precision": float("nan"), "jaccard": float("nan")}
    return {
        "clusters": len(columns),
        "average_precision": float(np.mean([metrics.average_precision(*column) for column in columns])),
        "jaccard": float(np.mean([metrics.jaccard(*column, threshold) for column in columns])),
    }


def _summary(scores: dict, method: str) -> dict:
    def mean(group: str, names: Iterable[str], *keys: str) -> float:
        values = [scores[group][name]["methods"][method] for name in names]
        for key in keys:
            values = [value[key] for value in values]
        return float(np.mean(values))

    out = {
        "headline": mean("classes", HEADLINE, "jaccard"),
        "headline_best": mean("classes", HEADLINE, "best_jaccard"),
        "core_best_jaccard": mean("channels", CORE, "best_jaccard"),
        "core_jaccard": mean("channels", CORE, "jaccard"),
        "core_average_precision": mean("channels", CORE, "average_precision"),
    }
    if method != PREVALENCE:
        out["macro_headline"] = mean("classes", HEADLINE, "macro", "jaccard")
        out["macro_core_average_precision"] = mean("channels", CORE, "macro", "average_precision")
    return out


def ratios(scores: dict) -> dict:
    """The model's scores over the rule field's, with the numbers that :func:`score` returns."""

    def of(name: str, key: str) -> float:
        by_method = scores["channels"][name]["methods"]
        return by_method[MODEL][key] / by_method[RULE_FIELD][key]

    summary = scores["summary"]
    return {
        "core_best_jaccard": summary[MODEL]["core_best_jaccard"] / summary[RULE_FIELD]["core_best_jaccard"],
        "headline": summary[MODEL]["headline"] / summary[RULE_FIELD]["headline"],
        "average_precision": {name: of(name, "average_precision") for name in CORE},
        "best_jaccard": {name: of(name, "best_jaccard") for name in CORE},
    }


def per_ligand(ligands: list[LigandVoxels], thresholds: dict[str, dict[str, float]]) -> list[dict]:
    """One row per ligand: Jaccard of each core channel and headline class at the given thresholds, by method."""
    return [
        {
            "id": ligand.id,
            "ligand": ligand.ligand,
            "clusters": list(ligand.clusters),
            "voxels": len(ligand.labels),
            "positives": {name: int(ligand.truth(name).sum()) for name in CORE},
            "jaccard": {
                method: {
                    name: metrics.jaccard(ligand.truth(name), ligand.column(method, name), thresholds[method][name])
                    for name in dict.fromkeys((*CORE, *HEADLINE))
                }
                for method in complete_methods([ligand])
            },
        }
        for ligand in ligands
    ]
