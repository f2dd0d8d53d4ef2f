"""What pruning and precision cost and give: ``python -m data_prep.pareto RUN... [--filters N,N,N...] -o FILE``.

Every run as it was trained, and the first one pruned to each ``--filters`` without any training after, is run by Keras
and by OpenVINO in float32 and in 8-bit integers, on one thread, over the same validation crops, in turn. Each row has
the size of its weights and its time relative to those of the first run with Keras, the mean Jaccard index of the core
channels at the best threshold, and the largest calibration error of these channels after Platt scaling on these crops.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from data_prep.command import command, write_json
from data_prep.prune import BATCHES
from data_prep.release import int8_samples
from data_prep.trust import row
from pocketvox.channels import CORE
from pocketvox.config import NetworkConfig, TrainConfig
from pocketvox.data.batches import UNKNOWN, Sampler
from pocketvox.data.store import Store
from pocketvox.inference import PresetConfig, make_engine, save_preset
from pocketvox.inference.calibration import IDENTITY, calibrate, fit_calibration
from pocketvox.inference.engines import Engine
from pocketvox.inference.presets import INT8, OPENVINO, WEIGHTS
from pocketvox.metrics import ScoreHistogram

#: Engine -> what it loads.
FILES = {"keras": WEIGHTS, "openvino": OPENVINO, "int8": INT8}
TITLE = "Pruning and precision"
TEXT = (
    "Networks with channels pruned away, in float32 with Keras and OpenVINO and in 8-bit integers, on one thread and "
    "the same validation crops. `size` and `time`: how many times as small and as fast as the first with Keras. "
    "`jaccard`: mean of the core channels at the best threshold. `error`: largest calibration error of a core channel "
    "after Platt scaling. Pruned networks that are not runs have not been trained on."
)

log = logging.getLogger("pareto")


def networks(
    runs: list[Path], shapes: list[tuple[int, ...]], config: TrainConfig, folder: Path
) -> dict[str, tuple[NetworkConfig, Path]]:
    """Configuration and weights by label: the runs, and the first of them pruned to each shape."""
    from pocketvox.network.export import load_network
    from pocketvox.network.pruning import channel_importance, pruned

    found = {}
    for run in runs:
        network = TrainConfig.from_file(run / "config.json").network
        found[f"{run.name} {network.filters}"] = (network, run / "best.weights.h5")
    sampler = Sampler(Store(config.store).load("train"), config.sampling, config.network, seed=config.seed)
    model = load_network(config.network, runs[0] / "best.weights.h5")
    importance = channel_importance(model, config, (sampler.batch(0, k, config.batch_size) for k in range(BATCHES)))
    for k, shape in enumerate(shapes):
        small, network = pruned(model, config.network, shape, importance)
        small.save_weights(str(folder / f"{k}.weights.h5"))
        found[f"{runs[0].name} pruned to {shape}"] = (network, folder / f"{k}.weights.h5")
    return found


def measure(runs: list[Path], shapes: list[tuple[int, ...]]) -> list[dict]:
    """Rows of the table."""
    from pocketvox.network.threads import set_threads
    from pocketvox.network.validation import Validation, validation_sampler

    set_threads(1)
    config = TrainConfig.from_file(runs[0] / "config.json")
    config = replace(config, teachers=(), loss=replace(config.loss, distill=0.0))
    data = Store(config.store)
    validation = Validation(validation_sampler(data, config), config.val_crops, 1)
    engines: dict[tuple[str, str], tuple[Engine, int]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        samples = int8_samples(data, config, config.network, None)
        for label, (network, weights) in networks(runs, shapes, config, folder).items():
            shape = PresetConfig(network, config.sampling.spacing, roi_size=64)
            made = folder / str(len(engines))
            preset = save_preset(made, shape, weights, training={}, metrics={}, card="", samples=samples)
            for name, file in FILES.items():
                path = made / file
                size = (path.with_suffix(".bin") if path.suffix == ".xml" else path).stat().st_size
                engines[label, name] = make_engine(preset, name, 1), size
        curves, seconds = evaluate({key: engine for key, (engine, _) in engines.items()}, validation)
    base = next(iter(engines))
    core = [name for name in CORE if curves[*base, name].positives.any()]
    return [
        row(
            f"{label}, {name}",
            size=engines[base][1] / size,
            time=np.median(seconds[base]) / np.median(seconds[label, name]),
            jaccard=np.mean([curves[label, name, channel].best_jaccard()[0] for channel in core]),
            error=max(calibration_error(curves[label, name, channel]) for channel in core),
        )
        for (label, name), (_, size) in engines.items()
    ]


def evaluate(engines: dict, validation) -> tuple[dict, dict]:
    """Labels by probability for each engine and core channel, and seconds of each crop by engine."""
    channels = validation.sampler.channels
    curves = {(*key, name): ScoreHistogram() for key in engines for name in CORE}
    seconds: dict[tuple, list[float]] = {key: [] for key in engines}
    for number, (x, y) in enumerate(validation.batches(), 1):
        for key, engine in engines.items():
            start = time.perf_counter()
            p = engine(x)
            seconds[key].append(time.perf_counter() - start)
            for name in CORE:
                k = channels.index(name)
                known = y[..., k] != UNKNOWN
                curves[(*key, name)].add(y[..., k][known], p[..., k][known])
        if number % 20 == 0:
            log.info("%d of %d crops", number, len(validation.crops))
    return curves, seconds


def calibration_error(curve: ScoreHistogram) -> float:
    """After Platt scaling."""
    slope, offset = fit_calibration(curve)
    if (slope, offset) == IDENTITY:
        return curve.expected_calibration_error()
    logit = (np.arange(curve.BINS) + 0.5) * (2 * curve.RANGE / curve.BINS) - curve.RANGE
    moved = ScoreHistogram()
    p = calibrate(logit, slope, offset)
    moved.add(np.repeat(np.ones(curve.BINS, bool), curve.positives), np.repeat(p, curve.positives))
    moved.add(np.repeat(np.zeros(curve.BINS, bool), curve.negatives), np.repeat(p, curve.negatives))
    return moved.expected_calibration_error()


@command
def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m data_prep.pareto", description=__doc__.split("\n\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a training run")
    parser.add_argument("--filters", nargs="*", default=[], metavar="N,N,...", help="shapes to prune the first run to")
    parser.add_argument("-o", "--output", type=Path, required=True, help="JSON file to write")
    args = parser.parse_args(argv)
    shapes = [tuple(map(int, text.split(","))) for text in args.filters]
    write_json({"tables": [{"title": TITLE, "text": TEXT, "rows": measure(args.runs, shapes)}]}, args.output)


if __name__ == "__main__":
    sys.exit(main())
