"""Measure what a scan says of its own certainty: ``python -m data_prep.trust PRESET --store FILE -o FILE``.

What was a choice is measured on validation proteins: how probabilities are calibrated (fitted to half of the families,
judged on the other half, and the other way round), and over how many rotations a map is averaged. What is a promise is
measured on test proteins: the share of false hot-spots at the thresholds of ``pocketvox scan --fdr``, and how
``domain_score`` and ``uncertainty`` of a pocket go with the error of the map in it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.optimize import isotonic_regression, minimize_scalar
from scipy.special import expit, logit, xlogy
from scipy.stats import beta, spearmanr

from data_prep.command import command, preset_parser, write_json
from data_prep.discovery import HIT, judge
from data_prep.domain import MARGIN, choose, families, pocket_of
from pocketvox.channels import CORE
from pocketvox.data.store import Store, StoreItem
from pocketvox.errors import InputError
from pocketvox.inference import Predictor, load_predictor
from pocketvox.inference.calibration import fit_calibration
from pocketvox.inference.domain import Domain, map_uncertainty, pocket_descriptor
from pocketvox.inference.tiling import ROTATIONS
from pocketvox.metrics import ScoreHistogram, expected_calibration_error
from pocketvox.pockets import PocketConfig, preset_settings
from pocketvox.voxel import Grid, Volume, envelope, label_volume

#: Divisions of the families into halves.
HALVES = 5
#: Ligands, each of another family, whose surroundings are predicted in every number of rotations.
ROTATED = 24
#: More orientations than these would take most of the time, and hardly anyone would wait for them.
MOST_ROTATIONS = 8
#: Probabilities are kept this far from 0 and 1 in logarithms.
TINY = 1e-6

log = logging.getLogger("trust")


# ---------------------------------------------------------------------------------------------------------- calibration
def temperature(x: np.ndarray, y: np.ndarray):
    """Probabilities by one slope (Guo et al. 2017, arXiv:1706.04599), fitted to logits and labels."""
    cost = minimize_scalar(lambda s: (np.logaddexp(0, s * x) - y * s * x).mean(), bounds=(0.05, 5), method="bounded")
    return lambda v: expit(cost.x * v)


def platt(x: np.ndarray, y: np.ndarray):
    """Probabilities by slope and offset: what presets have."""
    histogram = ScoreHistogram()
    histogram.add(y, expit(x))
    slope, offset = fit_calibration(histogram)
    return lambda v: expit(slope * v + offset)


def isotonic(x: np.ndarray, y: np.ndarray):
    """Probabilities by the best rising steps (Zadrozny & Elkan 2002, doi:10.1145/775047.775151), interpolated."""
    order = np.argsort(x, kind="stable")
    steps = np.clip(isotonic_regression(y[order].astype(float)).x, TINY, 1 - TINY)
    at, first = np.unique(x[order], return_index=True)
    return lambda v: np.interp(v, at, steps[first])


METHODS = {"none": lambda x, y: expit, "temperature": temperature, "Platt": platt, "isotonic": isotonic}


def calibration(predictor: Predictor, items: list[StoreItem]) -> list[dict]:
    """Calibration error and log-loss of the core channels by method, in ligand envelopes of proteins not fitted to."""
    logits, labels, family = [], [], []
    lines = np.array([predictor.preset.config.calibration[name] for name in CORE])
    for (volume, ligand, item), number in zip(boxes(predictor, items), families_of_ligands(items), strict=True):
        y, p = in_envelope(volume, ligand, item)
        logits.append((logit(np.clip(p, TINY, 1 - TINY)) - lines[:, 1]) / lines[:, 0])
        labels.append(y)
        family.append(np.full(len(p), number))
    x, y, family = map(np.concatenate, (logits, labels, family))
    scores = {name: [] for name in METHODS}
    for seed in range(HALVES):
        every = np.random.default_rng(seed).permutation(np.unique(family))
        half = np.isin(family, every[: len(every) // 2])
        for k in range(len(CORE)):
            for name, fit in METHODS.items():
                p = np.empty(len(x))
                for part in (half, ~half):
                    p[~part] = fit(x[part, k], y[part, k])(x[~part, k])
                scores[name].append((expected_calibration_error(y[:, k], p), log_loss(y[:, k], p)))
    means = {name: np.mean(values, axis=0) for name, values in scores.items()}
    return [row(name, calibration_error=means[name][0], log_loss=means[name][1]) for name in METHODS]


def log_loss(y: np.ndarray, p: np.ndarray) -> float:
    """Mean cross-entropy (nats)."""
    p = np.clip(p, TINY, 1 - TINY)
    return float(-np.where(y, np.log(p), np.log(1 - p)).mean())


# ------------------------------------------------------------------------------------------------------------ rotations
def rotations(predictor: Predictor, items: list[StoreItem]) -> list[dict]:
    """Best Jaccard index (mean of the core channels) by the number of rotations that a map is averaged over."""
    chosen = choose(items, families(items), 1, seed=0)[:ROTATED]
    rows = []
    for n in (n for n in ROTATIONS if n <= MOST_ROTATIONS):
        curves = [ScoreHistogram() for _ in CORE]
        for box in boxes(predictor, items, chosen, rotations=n):
            for curve, y, p in zip(curves, *(values.T for values in in_envelope(*box)), strict=True):
                curve.add(y, p)
        best = [curve.best_jaccard()[0] for curve in curves if curve.positives.sum()]
        rows.append(row(f"{n}", ligands=len(chosen), jaccard=np.mean(best)))
        log.info("%s", rows[-1])
    return rows


def boxes(
    predictor: Predictor, items: list[StoreItem], chosen=None, rotations: int = 1
) -> Iterator[tuple[Volume, np.ndarray, StoreItem]]:
    """Map around each ligand, the ligand's atoms and its structure."""
    for k, group in ligands(items) if chosen is None else chosen:
        item = items[k]
        ligand = item.ligand_coord[item.ligand_group == group]
        grid = Grid.around(ligand, MARGIN, predictor.preset.config.spacing)
        yield predictor(item.feature_points, grid, rotations=rotations), ligand, item


def in_envelope(volume: Volume, ligand: np.ndarray, item: StoreItem) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities of the core channels around a ligand, each shape=(voxels, channels)."""
    inside = envelope(ligand, volume.grid)
    labels = label_volume(item.point_coord, item.point_channel, item.ligand_coord, volume.grid)
    truth, p = (np.stack([v[name].values[inside][:, 0] for name in CORE], axis=1) for v in (labels, volume))
    return truth > 0, p.astype(float)


def ligands(items: list[StoreItem]) -> list[tuple[int, int]]:
    """Structure and number of every ligand."""
    return [(k, group) for k, item in enumerate(items) for group in range(len(item.ligand_names))]


def families_of_ligands(items: list[StoreItem]) -> list[int]:
    """Family of every ligand's structure."""
    family = families(items)
    return [family[k] for k, _ in ligands(items)]


# ------------------------------------------------------------------------------------------------------------- promises
def promises(predictor: Predictor, items: list[StoreItem]) -> tuple[list[dict], list[dict]]:
    """False hot-spots at every promised level, and how domain score and uncertainty go with error.

    Each structure is predicted whole, as a scan does.
    """
    config = predictor.preset.config
    pockets, hotspots = preset_settings(config)
    domain, family, rated = predictor.preset.domain(), families(items), []

    def maps() -> Iterator[Volume]:
        for number, (item, own) in enumerate(zip(items, family, strict=True), 1):
            volume = predictor(item.feature_points)
            rated.extend((*values, own) for values in rate(item, volume, pockets, domain))
            if number % 20 == 0 or number == len(items):
                log.info("%d of %d structures", number, len(items))
            yield volume

    judged = judge(items, maps(), pockets, hotspots)
    false = []
    for name, levels in config.discovery.items():
        for level, threshold in levels.items():
            above = judged[name].above(threshold)
            n, wrong = len(above.true), int((~above.true).sum())
            low, high = (beta.ppf((0.025, 0.975), (wrong, wrong + 1), (n - wrong + 1, n - wrong))) if n else (0, 1)
            values = {"promised": float(level), "hotspots": n, "families": len(set(above.family.tolist()))}
            shares = {"false": wrong / n if n else None, "from": np.nan_to_num(low), "to": np.nan_to_num(high, nan=1.0)}
            false.append(row(name, **values, **shares))
    return false, correlations(np.array(rated))


def rate(item: StoreItem, volume: Volume, pockets: PocketConfig, domain: Domain) -> list[tuple]:
    """Domain score, uncertainty and error for each ligand of a structure that a pocket covers."""
    found = []
    for group in range(len(item.ligand_names)):
        ligand = item.ligand_coord[item.ligand_group == group]
        voxels = pocket_of(ligand, volume, pockets)
        if voxels is not None:
            y, p = in_envelope(volume, ligand, item)
            excess = np.mean([excess_loss(y[:, k], p[:, k]) for k in range(len(CORE))])
            score = domain.score(pocket_descriptor(item.feature_points, volume, voxels)[None])[0]
            found.append((score, map_uncertainty(volume, voxels), excess))
    return found


def excess_loss(y: np.ndarray, p: np.ndarray) -> float:
    """Log-loss beyond that of a map that is the share of positive voxels everywhere."""
    share = y.mean()
    return log_loss(y, p) + float(xlogy(share, share) + xlogy(1 - share, 1 - share))


def correlations(rated: np.ndarray) -> list[dict]:
    """Spearman's correlation of each score with the error, pocket by pocket and over means of families."""
    scores, error, family = rated[:, :2], rated[:, 2], rated[:, 3]
    means = np.array([rated[family == number].mean(axis=0) for number in np.unique(family)])
    rows = []
    for k, name in enumerate(("domain_score", "uncertainty")):
        for unit, x, y in (("pocket", scores[:, k], error), ("family", means[:, k], means[:, 2])):
            rho, chance = spearmanr(x, y)
            rows.append(row(f"{name}, by {unit}", count=len(x), spearman=rho, p=chance))
    return rows


# --------------------------------------------------------------------------------------------------------- command line
def row(label: str, **values) -> dict:
    """A row of the report's tables: JSON types, rounded."""
    plain = {k: v if v is None or isinstance(v, int) else float(f"{float(v):.4g}") for k, v in values.items()}
    return {"label": label, "value": plain}


def measure(predictor: Predictor, store: Store) -> dict:
    """Everything, ready for JSON."""
    config = predictor.preset.config
    if predictor.preset.domain() is None or not config.discovery:
        raise InputError(
            f"Expected a preset with discovery thresholds and training pockets. Received: {predictor.preset.name}. "
            "Make it with data_prep.release."
        )
    val = store.load("val")
    tables = [
        {
            "title": "Ways to calibrate",
            "text": f"Means over the core channels, validation proteins; {HALVES} divisions of the families in halves.",
            "rows": calibration(predictor, val),
        },
        {
            "title": "Averaging over rotations",
            "text": "Best Jaccard index around validation ligands by the number of rotations; scans take 1 by default.",
            "rows": rotations(predictor, val),
        },
    ]
    false, going = promises(predictor, store.load("test"))
    tables += [
        {
            "title": "False hot-spots",
            "text": f"Test proteins: hot-spots near ligands without an interaction of their type within {HIT:g} A, at "
            "the thresholds of `pocketvox scan --fdr`; interval of 95 % as if hot-spots were independent.",
            "rows": false,
        },
        {
            "title": "Out-of-domain score and uncertainty",
            "text": "Test proteins: correlation with the excess log-loss of the core channels in a ligand's envelope.",
            "rows": going,
        },
    ]
    return {"preset": predictor.preset.name, "fingerprint": predictor.preset.fingerprint, "tables": tables}


@command
def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = preset_parser("trust", __doc__)
    parser.add_argument("--store", type=Path, required=True, help="data store (HDF5)")
    args = parser.parse_args(argv)
    write_json(measure(load_predictor(args.preset), Store(args.store)), args.output)


if __name__ == "__main__":
    sys.exit(main())
