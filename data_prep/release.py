"""Make a preset from a training run: ``python -m data_prep.release RUN -o models/NAME [--card FILE]``.

The best weights of the run are used over whole validation proteins, the way ``pocketvox scan`` does, to fit the
calibration of each channel, to choose the threshold with the best Jaccard index per channel, how pockets are cut out
of the ``ligand`` channel (best DCA success) and from which evidence hot-spots need no maximum of their own (best F1),
and to find from which probability hot-spots can be trusted (:mod:`data_prep.discovery`). Training proteins show what
pockets the network knows (:mod:`data_prep.domain`). The test split is not looked at. ``--constraints`` gives the preset
constraints that the run had not; they have no weights.

Of a network that sees the ligand, calibration and thresholds are fitted around validation ligands, and that is all.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from data_prep.command import command
from data_prep.discovery import HIT, fit_discovery, judge, near_ligand, report
from data_prep.domain import training_domain
from pocketvox.channels import CHANNELS, CORE, LABEL_RADIUS, LIGAND
from pocketvox.config import RECEPTOR_CONSTRAINTS, NetworkConfig, TrainConfig
from pocketvox.data.batches import Sampler
from pocketvox.data.flexibility import flexible, run_normalizer
from pocketvox.data.ligands import seen_items
from pocketvox.data.store import Store, StoreItem
from pocketvox.errors import InputError
from pocketvox.inference import Predictor, PresetConfig, load_predictor, predict_volume, save_preset
from pocketvox.inference.calibration import calibrate, fit_calibration
from pocketvox.inference.complexes import LIGAND_MARGIN
from pocketvox.inference.domain import Domain
from pocketvox.metrics import ScoreHistogram, dca_success
from pocketvox.pockets import HotspotConfig, PocketConfig, preset_settings
from pocketvox.pockets.detect import find_regions
from pocketvox.pockets.hotspots import place_hotspots
from pocketvox.voxel import Grid, Volume, envelope, label_volume, within

#: Candidates for the cutting of pockets; the first of equally good ones is taken.
POCKET_GRID = {
    "threshold": (0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.03, 0.02, 0.016, 0.012),
    "merge_distance": (0.0, 2.5),
}
#: Candidates for the evidence that needs no maximum of its own (:class:`~pocketvox.pockets.HotspotConfig`).
CERTAIN_GRID = (0.6, 0.5, 0.4, 0.35, 0.3, 0.25, 0.2)
#: Of a preset that sees the ligand: its channel ``ligand`` is 1 at the ligand, so nothing is to be chosen.
LIGAND_POCKETS = {"threshold": 0.5, "merge_distance": 0.0, "max_volume": 1e5}
#: Hot-spots of a channel that is hardly better than chance would be noise: no threshold is below this.
LEAST_THRESHOLD = 0.05
#: Batches of training crops that calibrate 8-bit activations.
INT8_BATCHES = 24
#: Pockets beyond the number of ligands that count in the second success rate.
EXTRA = 2

log = logging.getLogger("release")


def predictions(predictor, items: list[StoreItem]) -> list[Volume]:
    """Map of every structure over its whole receptor."""
    maps = []
    for number, item in enumerate(items, 1):
        maps.append(predictor(item.feature_points))
        if number % 10 == 0 or number == len(items):
            log.info("%d of %d validation structures", number, len(items))
    return maps


def ligand_predictions(predictor: Predictor, items: list[StoreItem]) -> list[Volume]:
    """Map around every ligand, of items with one each."""
    return [
        predict_volume(
            predictor.preset,
            item.feature_points,
            Grid.around(item.ligand_coord, LIGAND_MARGIN, predictor.preset.spacing),
            engine=predictor.engine,
            descriptors=item.descriptors[0],
        )
        for item in items
    ]


def histograms(
    items: list[StoreItem], maps: list[Volume], ignored_radius: float, *, possible: bool = False
) -> dict[str, ScoreHistogram]:
    """Labels by probability: typed channels inside ligand envelopes, ``ligand`` wherever something is known.

    Where the probability is exactly 0, forbidden or not computed, no calibration changes it: ``possible`` leaves that
    out.
    """
    found: dict[str, ScoreHistogram] = {name: ScoreHistogram() for name in maps[0].channels}
    for item, volume in zip(items, maps, strict=True):
        grid = volume.grid
        labels = label_volume(item.point_coord, item.point_channel, item.ligand_coord, grid)
        inside = envelope(item.ligand_coord, grid)
        known = ~within(item.ignored_coord, grid, ignored_radius) | within(item.ligand_coord, grid, LABEL_RADIUS)
        for name in volume.channels:
            where = known if name == LIGAND else inside
            p = volume[name].values[..., 0]
            where = where & (p > 0) if possible else where
            found[name].add(labels[name].values[..., 0][where], p[where])
    return found


def calibrated(volume: Volume, lines: dict[str, tuple[float, float]]) -> Volume:
    """A map of an uncalibrated network, calibrated."""
    p = np.clip(volume.values, 1e-7, 1 - 1e-7)
    slope, offset = np.array([lines[name] for name in volume.channels], np.float32).T
    values = np.where(volume.values > 0, calibrate(np.log(p / (1 - p)), slope, offset), 0)
    return Volume(values.astype(np.float32), volume.grid, volume.channels)


def choose_pockets(items: list[StoreItem], maps: list[Volume]) -> tuple[dict[str, float], dict]:
    """Settings with the best DCA success, with the pocket probability fitted to them, and the success rates."""
    ligands = [[item.ligand_coord[item.ligand_group == g] for g in range(len(item.ligand_names))] for item in items]
    maps = [volume[LIGAND] for volume in maps]
    best, chosen, rates = -1.0, {}, {}
    for values in itertools.product(*POCKET_GRID.values()):
        settings = dict(zip(POCKET_GRID, values, strict=True))
        regions = [find_regions(volume, PocketConfig(**settings)) for volume in maps]
        centers = [np.array([r.center for r in found]).reshape(-1, 3) for found in regions]
        top, more = (
            float(np.mean([dca_success(c, own, extra=e).mean() for c, own in zip(centers, ligands, strict=True)]))
            for e in (0, EXTRA)
        )
        log.info("pockets %s: top-n %.3f, top-(n+%d) %.3f", settings, top, EXTRA, more)
        if top + more > best + 1e-9:
            best, chosen, rates = top + more, settings, {"top_n": top, "top_n_plus_2": more}
            scores = np.array([r.score for found in regions for r in found])
            hits = np.concatenate([_hits(c, own) for c, own in zip(centers, ligands, strict=True)])
    if not len(scores):
        return chosen, rates
    # 1 / (1 + (midpoint / score) ** slope) is a logistic in log(score)
    slope, offset = _logistic(np.log(scores), hits)
    return {**chosen, "slope": slope, "midpoint": float(np.exp(-offset / slope))}, rates


def choose_hotspots(
    items: list[StoreItem], maps: list[Volume], pockets: PocketConfig, hotspots: HotspotConfig
) -> tuple[HotspotConfig, dict]:
    """Settings with the best mean F1 score of the core channels, and the precision, recall and F1 score of each.

    Hot-spots in ligand envelopes and interaction points are paired one to one at distances up to ``HIT``, as many as
    can be: two hot-spots at one point are one true and one false.
    """
    from scipy.optimize import linear_sum_assignment

    regions = [find_regions(volume, pockets) for volume in maps]
    best, chosen, rates = -1.0, hotspots, {}
    for certain in CERTAIN_GRID:
        config = replace(hotspots, certain=certain)
        counts = {name: np.zeros(3) for name in CORE}  # pairs, hot-spots, points
        for item, volume, found in zip(items, maps, regions, strict=True):
            placed = near_ligand(item, place_hotspots(volume, found, config)[1])
            for name in CORE:
                coord = np.array([row[1] for row in placed if row[2] == name]).reshape(-1, 3)
                points = item.point_coord[item.point_channel == CHANNELS.index(name)]
                near = np.linalg.norm(coord[:, None] - points, axis=2) <= HIT
                pairs = near[linear_sum_assignment(near, maximize=True)].sum()
                counts[name] += (pairs, len(coord), len(points))
        found_rates = {name: _rates(*count) for name, count in counts.items()}
        mean = float(np.mean([rate["f1"] for rate in found_rates.values()]))
        log.info("hot-spots certain from %g: mean F1 %.3f", certain, mean)
        if mean > best + 1e-9:
            best, chosen, rates = mean, config, found_rates
    return chosen, rates


def _rates(pairs: float, hotspots: float, points: float) -> dict[str, float]:
    return {
        "precision": pairs / max(hotspots, 1),
        "recall": pairs / max(points, 1),
        "f1": 2 * pairs / max(hotspots + points, 1),
    }


def _hits(centers: np.ndarray, ligands: list[np.ndarray]) -> np.ndarray:
    """Whether each pocket has a ligand atom within 4 A of its centre."""
    atoms = np.concatenate(ligands)
    return np.array([np.linalg.norm(atoms - c, axis=1).min() <= 4.0 for c in centers], bool)


def _logistic(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope (positive) and offset of a logistic regression with a weak prior on both."""
    from scipy.optimize import minimize

    def loss(beta):
        z = beta[0] * x + beta[1]
        return np.logaddexp(0, z).sum() - (y * z).sum() + 0.01 * (beta**2).sum()

    slope, offset = minimize(loss, (1.0, -float(np.mean(x))), method="BFGS").x
    return float(max(slope, 0.1)), float(offset)


def int8_samples(data: Store, config: TrainConfig, network: NetworkConfig, normalizer) -> list[np.ndarray]:
    """Training crops from which the ranges of 8-bit activations are taken."""
    items = flexible(seen_items(data, "train", network), normalizer, data.features)
    sampler = Sampler(items, config.sampling, network, seed=config.seed)
    return [sampler.batch(0, k, config.batch_size)[0] for k in range(INT8_BATCHES)]


def constrained(network: NetworkConfig, constraints: tuple[str, ...] | None) -> NetworkConfig:
    """The network with other constraints; the same weights fit. None leaves those it was trained with."""
    return network if constraints is None else replace(network, constraints=constraints)


def release(
    run: Path,
    out: Path,
    store: Path | None,
    card: str,
    *,
    roi_size: int,
    halo: int,
    constraints: tuple[str, ...] | None = None,
    int8: bool = False,
) -> None:
    """Fit everything on validation data and write the preset."""
    config = TrainConfig.from_file(run / "config.json")
    network = constrained(config.network, constraints)
    data = Store(store or config.store)
    items = seen_items(data, "val", network)
    shape = {
        "network": network,
        "spacing": config.sampling.spacing,
        "task": "complex" if network.fusion else "pocket",
        "roi_size": roi_size,
        "halo": halo,
        "normalizer": run_normalizer(run, config),
    }
    weights = run / "best.weights.h5"
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw"
        samples = int8_samples(data, config, network, shape["normalizer"]) if int8 else None
        save_preset(raw, PresetConfig(**shape), weights, training={}, metrics={}, card="", samples=samples)
        predictor = load_predictor(raw)
        maps = (ligand_predictions if network.fusion else predictions)(predictor, items)
    curves = histograms(items, maps, config.sampling.ignored_radius, possible=bool(network.constraints))
    lines = {name: fit_calibration(curve) for name, curve in curves.items()}
    maps = [calibrated(volume, lines) for volume in maps]
    curves = {
        name: curve
        for name, curve in histograms(items, maps, config.sampling.ignored_radius).items()
        if curve.positives.sum()
    }
    fitted = {
        "calibration": lines,
        "thresholds": {name: float(np.clip(c.best_jaccard()[1], LEAST_THRESHOLD, 1.0)) for name, c in curves.items()},
    }
    validation = {
        "jaccard": {name: c.best_jaccard()[0] for name, c in curves.items()},
        "average_precision": {name: c.average_precision() for name, c in curves.items()},
    }
    domain = None
    if network.fusion:
        fitted["pockets"] = LIGAND_POCKETS
    else:
        fitted["pockets"], validation["pockets"] = choose_pockets(items, maps)
        pockets, hotspots = preset_settings(PresetConfig(**shape, **fitted))
        hotspots, validation["hotspots"] = choose_hotspots(items, maps, pockets, hotspots)
        fitted["hotspots"] = {"certain": hotspots.certain}
        judged = judge(items, maps, pockets, hotspots)
        fitted["discovery"] = fit_discovery(judged)
        validation["discovery"] = report(judged, fitted["discovery"])
        domain = _domain(data.load("train"), predictor, lines, pockets, config.sampling.spacing)
    log.info("%s", json.dumps(validation, indent=1))
    record = json.loads((run / "best.json").read_text())
    training = {"config": config.to_dict(), "fingerprint": config.fingerprint(), "best_epoch": record}
    final = PresetConfig(**shape, **fitted)
    metrics = {"validation": validation}
    save_preset(out, final, weights, training=training, metrics=metrics, card=card, domain=domain, samples=samples)


def _domain(items: list[StoreItem], predictor, lines, pockets: PocketConfig, spacing: float) -> Domain | None:
    """What the training pockets look like; None, with a warning, if they are too few to tell."""
    try:
        return training_domain(items, lambda points, grid: calibrated(predictor(points, grid), lines), pockets, spacing)
    except InputError as error:
        log.warning("warning: the preset will not give domain_score. %s", error)
        return None


@command
def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m data_prep.release", description=__doc__.split("\n\n")[0])
    parser.add_argument("run", type=Path, help="folder of the training run")
    parser.add_argument("-o", "--output", type=Path, required=True, help="preset folder to make")
    parser.add_argument("--store", type=Path, help="data store, if not that of the run")
    parser.add_argument("--card", type=Path, help="model card (Markdown) to start from")
    parser.add_argument("--roi-size", type=int, default=64, help="longest edge of a tile in voxels")
    parser.add_argument("--halo", type=int, default=8, help="voxels of a tile's rim that are not kept")
    some = ",".join(RECEPTOR_CONSTRAINTS)
    parser.add_argument("--constraints", help=f"some of {some}, if not those of the run; '' is none")
    parser.add_argument(
        "--int8", action="store_true", help="add the network in 8-bit integers, and fit everything to it"
    )
    args = parser.parse_args(argv)
    card = args.card.read_text(encoding="utf-8") if args.card else f"# {args.output.name}\n"
    constraints = None if args.constraints is None else tuple(filter(None, args.constraints.split(",")))
    shape = {"roi_size": args.roi_size, "halo": args.halo, "constraints": constraints, "int8": args.int8}
    release(args.run, args.output, args.store, card, **shape)


if __name__ == "__main__":
    sys.exit(main())
