"""A preset made smaller and faster: channels pruned, trained on, weights and activations in 8-bit integers.

Everything is taken from a data store: importance of channels and ranges of activations from training crops, calibration
from validation crops. Thresholds, pockets and the rest of the preset stay as they are.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pocketvox.config import TrainConfig
from pocketvox.data.batches import UNKNOWN, Sampler
from pocketvox.data.store import Store
from pocketvox.errors import ConfigError
from pocketvox.inference.calibration import fit_calibration
from pocketvox.inference.engines import Engine, make_engine
from pocketvox.inference.presets import INT8, WEIGHTS, Preset, check_new, save_preset
from pocketvox.metrics import ScoreHistogram

if TYPE_CHECKING:
    from pocketvox.network.validation import Validation

#: Batches of training crops: from the first, importance of channels; from the second, ranges of activations.
IMPORTANCE_BATCHES, RANGE_BATCHES = 40, 24
#: Training after pruning: learning rate, and the share of the loss that is the teacher's answer.
LEARNING_RATE, DISTILL = 0.001, 0.7
#: File of a training run's folder.
PRUNED = "pruned.weights.h5"


def compress(
    preset: Preset, store: str | Path, out: str | Path, *, filters: tuple[int, ...] = (), steps: int = 2000
) -> dict[str, dict]:
    """Make a smaller preset.

    Parameters
    ----------
    preset : Preset
        Of the task ``pocket``, made by training with this version's data.
    store : path
        Data store with training and validation structures.
    out : path
        Preset folder, must not exist. Training after pruning has its run folder beside it, ``OUT.run``, and goes on
        from there if it was interrupted.
    filters : tuple of int
        Channels to keep per level; all if empty.
    steps : int
        Training steps after pruning, with the preset as teacher.

    Returns
    -------
    dict of str to dict
        ``before``, the float32 network run by Keras, and ``after``: ``bytes`` of weights, least ``seconds`` per
        validation crop and, by channel, ``jaccard`` at the preset's threshold, ``average_precision`` and
        ``calibration_error`` on validation crops. Empty if training was interrupted; the same call goes on.

    Raises
    ------
    ConfigError
        If the preset does not say how it was trained, does not fit the store, or cannot be pruned so.
    OutputError
        If the folder exists.
    """
    from pocketvox.network.validation import Validation, validation_sampler

    out = check_new(out)
    config = _training(preset, store)
    weights, network = preset.folder / WEIGHTS, preset.config.network
    data = Store(store)
    if filters and filters != network.filters:
        run = out.parent / f"{out.name}.run"
        network = _train_pruned(preset, replace(config, network=network), data, run, filters, steps)
        if not network:
            return {}
        weights = run / "best.weights.h5"
    samples = [x for x, _ in _batches(data, replace(config, network=network), RANGE_BATCHES)]
    validation = Validation(validation_sampler(data, config), config.val_crops, config.batch_size)
    found = {"before": _measure(preset, make_engine(preset, "keras"), WEIGHTS, validation)}
    shape = replace(preset.config, network=network, calibration={})
    with tempfile.TemporaryDirectory() as folder:
        raw = save_preset(Path(folder) / "raw", shape, weights, training={}, metrics={}, card="", samples=samples)
        curves, _ = _curves(make_engine(raw, "int8"), validation)
    fitted = {name: fit_calibration(curve) for name, curve in curves.items() if curve.positives.any()}
    record = {"from": preset.fingerprint, "filters": list(network.filters)}
    made = save_preset(
        out,
        replace(shape, calibration={**preset.config.calibration, **fitted}),
        weights,
        training={**preset.metadata["training"], "compressed": record},
        metrics={},
        card=f"# {out.name}\n\n{preset.name}, compressed.\n",
        domain=preset.domain(),
        samples=samples,
    )
    return found | {"after": _measure(made, make_engine(made, "int8"), INT8, validation)}


def _training(preset: Preset, store: str | Path) -> TrainConfig:
    """How the preset was trained, on this store, without teachers or further data."""
    network = preset.config.network
    if network.fusion or preset.config.normalizer is not None or "config" not in preset.metadata["training"]:
        raise ConfigError(
            f"Expected a preset of the task pocket without a normalizer that says how it was trained. Received: "
            f"{preset.name}."
        )
    config = TrainConfig.from_dict(preset.metadata["training"]["config"])
    loss = replace(config.loss, distill=0.0)
    return replace(
        config, store=str(store), network=network, loss=loss, teachers=(), initial_weights="", extra_store="",
        extra_fraction=0.0, stop_after=0,
    )  # fmt: skip


def _batches(data: Store, config: TrainConfig, count: int):
    sampler = Sampler(data.load("train"), config.sampling, config.network, seed=config.seed)
    return (sampler.batch(0, k, config.batch_size) for k in range(count))


def _train_pruned(preset: Preset, config: TrainConfig, data: Store, run: Path, filters: tuple[int, ...], steps: int):
    """Configuration of the pruned network, trained on in the run folder; None if that was interrupted."""
    from pocketvox.network.export import load_network
    from pocketvox.network.pruning import channel_importance, pruned
    from pocketvox.network.train import train

    weights = run / PRUNED
    if not weights.exists():
        model = load_network(config.network, preset.folder / WEIGHTS)
        importance = channel_importance(model, config, _batches(data, config, IMPORTANCE_BATCHES))
        small, _ = pruned(model, config.network, filters, importance)
        run.mkdir(parents=True, exist_ok=True)
        small.save_weights(str(weights))
    epochs = max(1, round(steps / config.steps_per_epoch))
    config = replace(
        config,
        network=replace(config.network, filters=filters),
        loss=replace(config.loss, distill=DISTILL),
        teachers=(str(preset.folder),),
        initial_weights=str(weights),
        learning_rate=LEARNING_RATE,
        warmup_steps=min(config.warmup_steps, steps // 10),
        steps_per_epoch=max(1, steps // epochs),
        epochs=epochs,
    )
    last = train(config, run)
    return config.network if last.get("epoch") == epochs else None


def _curves(engine: Engine, validation: Validation) -> tuple[dict[str, ScoreHistogram], float]:
    """Labels by probability and channel, and the least seconds that a batch took."""
    channels = validation.sampler.channels
    curves, seconds = {name: ScoreHistogram() for name in channels}, []
    for x, y in validation.batches():
        start = time.perf_counter()
        p = engine(x)
        seconds.append((time.perf_counter() - start) / len(x))
        for k, name in enumerate(channels):
            known = y[..., k] != UNKNOWN
            curves[name].add(y[..., k][known], p[..., k][known])
    return curves, min(seconds)


def _measure(preset: Preset, engine: Engine, file: str, validation: Validation) -> dict:
    """What :func:`compress` returns of one network; ``file`` holds what the engine loads."""
    curves, seconds = _curves(engine, validation)
    known = {name: curve for name, curve in curves.items() if curve.positives.any()}
    jaccard = {name: known[name].jaccard(preset.thresholds[name]) for name in known if name in preset.thresholds}
    path = preset.folder / file
    return {
        "bytes": path.with_suffix(".bin").stat().st_size if path.suffix == ".xml" else path.stat().st_size,
        "seconds": seconds,
        "jaccard": jaccard,
        "average_precision": {name: curve.average_precision() for name, curve in known.items()},
        "calibration_error": {name: curve.expected_calibration_error() for name, curve in known.items()},
    }
