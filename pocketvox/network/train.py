"""Training: resumable, logged, validated every epoch.

A run folder holds ``config.json`` (the configuration in full), ``checkpoint.h5`` (everything needed to go on exactly),
``log.jsonl`` (one JSON object per epoch), ``best.weights.h5`` (averaged weights of the epoch that validated best) and
``normalizer.json`` if the network sees flexibility.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import h5py
import keras
import numpy as np

from pocketvox.channels import CORE
from pocketvox.config import NetworkConfig, TrainConfig
from pocketvox.data.batches import UNKNOWN, MixedSampler, Sampler, SliceSampler, share
from pocketvox.data.flexibility import NORMALIZER, fit_normalizer, flexible, run_normalizer
from pocketvox.data.ligands import seen_items
from pocketvox.data.store import Store, StoreItem
from pocketvox.errors import ConfigError
from pocketvox.network.losses import MaskedLoss
from pocketvox.network.slices import build_slice_network
from pocketvox.network.teachers import Teachers
from pocketvox.network.threads import set_threads
from pocketvox.network.unet import build_unet
from pocketvox.network.validation import Validation, validation_sampler
from pocketvox.normalize import FLEXIBILITY, Normalizer

logger = logging.getLogger(__name__)

#: The moving average of weights is updated once in this many steps.
EMA_INTERVAL = 8

#: Crops from which the prevalence of each channel is estimated, for the head's initial bias.
_PREVALENCE_CROPS = 64


class CropDataset(keras.utils.PyDataset):
    """Batches of one epoch, for ``model.fit`` or indexing.

    Parameters
    ----------
    sampler : Sampler
    batch_size, steps, epoch : int
    """

    def __init__(
        self, sampler: Sampler | MixedSampler | SliceSampler, batch_size: int, steps: int, epoch: int = 0, **options
    ):
        super().__init__(**options)
        self.sampler, self.batch_size, self.steps, self.epoch = sampler, batch_size, steps, epoch

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self.sampler.batch(self.epoch, index, self.batch_size)

    def on_epoch_end(self) -> None:
        """Move to the samples of the next epoch."""
        self.epoch += 1


def train(config: TrainConfig, out: str | Path, *, resume: bool = True) -> dict:
    """Train a network, or go on training it.

    Interrupted (SIGINT, SIGTERM), it finishes its step, writes a checkpoint and returns.

    Parameters
    ----------
    config : TrainConfig
    out : str or Path
        Run folder; made if absent.
    resume : bool
        Go on from the folder's checkpoint if it has one.

    Returns
    -------
    dict
        The last validated epoch's metrics, as in ``log.jsonl``; empty if no epoch was finished.

    Raises
    ------
    ConfigError
        If the run folder was made with another configuration, or holds a run and ``resume`` is false.
    """
    out = Path(out)
    set_threads(config.threads)
    store = Store(config.store)
    config = replace(config, network=with_features(config.network, store, config.normalizer))
    _claim(out, config, resume)
    network = config.network
    items = share(seen_items(store, "train", network), config.data_fraction, config.seed)
    normalizer = _normalizer(config, out, items, store.features)
    sampler = Sampler(flexible(items, normalizer, store.features), config.sampling, network, seed=config.seed)
    logger.info("%d training ligands in %d structures", len(sampler.ligands), len(sampler.items))
    if config.extra_store:
        more = seen_items(store.alike(Store(config.extra_store)), "train", network)
        extra = Sampler(flexible(more, normalizer, store.features), config.sampling, network, seed=config.seed)
        logger.info("%d further ones in %d structures", len(extra.ligands), len(extra.items))
        sampler = MixedSampler(sampler, extra, config.extra_fraction)
    if config.slices:
        sampler = SliceSampler(sampler, config.slices, config.seed)
    validation = Validation(validation_sampler(store, config, normalizer), config.val_crops, config.batch_size)
    run = _Run(config, out, sampler)
    if (out / "checkpoint.h5").exists():
        run.restore()
    logger.info("%d parameters; %d validation crops", run.model.count_params(), len(validation.crops))
    record: dict = {}
    with _stop_requests() as stop:
        while run.epoch < config.epochs:
            run.train_epoch(stop)
            if run.ended and run.step < config.steps_per_epoch:
                run.save()
                run.save_average("last.weights.h5")
                logger.info("ended after %d steps, as configured", config.stop_after)
                return record
            if stop.is_set():
                run.save()
                logger.info("stopped at epoch %d, step %d; run again to go on", run.epoch, run.step)
                return record
            record = run.finish_epoch(validation)
    return record


class _Run:
    """The state of a training run: model, optimizer, moving average, position."""

    def __init__(self, config: TrainConfig, out: Path, sampler: Sampler | MixedSampler | SliceSampler):
        self.config, self.out, self.sampler = config, out, sampler
        self.epoch, self.step, self.best = 0, 0, -1.0
        self.loss_sum, self.seconds, self.waiting = 0.0, 0.0, 0.0
        self.teachers = Teachers(config)
        keras.utils.set_random_seed(config.seed)
        prevalence = estimate_prevalence(sampler, min(_PREVALENCE_CROPS, config.batch_size * config.steps_per_epoch))
        self.model = compiled_model(config, prevalence)
        if any(layer.name == "standardize" for layer in self.model.layers):
            self.model.get_layer("standardize").fit(np.concatenate([item.descriptors for item in sampler.items]))
        if config.initial_weights:
            _begin(self.model, config.initial_weights)
        self.average = self.model.get_weights()

    def train_epoch(self, stop: threading.Event) -> None:
        """The remaining steps of this epoch, or fewer if asked to stop."""
        config = self.config
        batches = CropDataset(self.sampler, config.batch_size, config.steps_per_epoch, self.epoch)
        show = _progress(f"epoch {self.epoch + 1}/{config.epochs}", config.steps_per_epoch)
        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(batches.__getitem__, self.step)
            while self.step < config.steps_per_epoch and not stop.is_set() and not self.ended:
                start = time.perf_counter()
                x, y = ahead.result()
                if self.step + 1 < config.steps_per_epoch:
                    ahead = pool.submit(batches.__getitem__, self.step + 1)
                ready = time.perf_counter()
                if config.teachers:
                    y = self.teachers.extend(x, y)
                self.model.reset_metrics()
                self.loss_sum += float(self.model.train_on_batch(x, y))
                self.step += 1
                self.waiting += ready - start
                self.seconds += time.perf_counter() - start
                if config.ema_decay and self.step % EMA_INTERVAL == 0:
                    self._update_average()
                show(self.step, f"loss {self.loss_sum / self.step:.4f}")

    @property
    def steps(self) -> int:
        """Steps of all epochs so far."""
        return self.epoch * self.config.steps_per_epoch + self.step

    @property
    def ended(self) -> bool:
        """Whether all the steps are done that ``stop_after`` allows."""
        return 0 < self.config.stop_after <= self.steps

    def save_average(self, name: str) -> None:
        """Write the averaged weights to the run folder."""
        current = self.model.get_weights()
        if self.config.ema_decay:
            self.model.set_weights(self.average)
        _replace(self.out / name, self.model.save_weights)
        self.model.set_weights(current)

    def _update_average(self) -> None:
        decay = min(self.config.ema_decay, (1 + self.steps) / (10 + self.steps)) ** EMA_INTERVAL
        for mean, value in zip(self.average, self.model.get_weights(), strict=True):
            mean += (1 - decay) * (value - mean)

    def finish_epoch(self, validation: Validation) -> dict:
        """Validate, log, keep the weights if they are the best, write a checkpoint."""
        steps = self.config.steps_per_epoch
        record = {"epoch": self.epoch + 1, "loss": self.loss_sum / steps}
        record["seconds_per_step"] = self.seconds / steps
        record["data_wait"] = self.waiting / max(self.seconds, 1e-9)
        current = self.model.get_weights()
        if self.config.ema_decay:
            self.model.set_weights(self.average)
        record |= validation.evaluate(self.model)
        self.epoch, self.step = self.epoch + 1, 0
        self.loss_sum, self.seconds, self.waiting = 0.0, 0.0, 0.0
        if record["val_score"] > self.best:
            self.best = record["val_score"]
            _replace(self.out / "best.weights.h5", self.model.save_weights)
            _replace(self.out / "best.json", lambda path: path.write_text(json.dumps(record, indent=1) + "\n"))
        self.model.set_weights(current)
        with open(self.out / "log.jsonl", "a", encoding="utf-8") as log:
            log.write(json.dumps(record) + "\n")
        logger.info("epoch %d: %s", self.epoch, _digest(record))
        self.save()
        return record

    def save(self) -> None:
        """Write everything needed to go on exactly; the former checkpoint stays until the new one is complete."""

        def write(path: Path) -> None:
            with h5py.File(path, "w") as h5:
                h5.attrs.update({name: getattr(self, name) for name in _SCALARS})
                for name, arrays in self._state().items():
                    for i, array in enumerate(arrays):
                        h5[f"{name}/{i}"] = array

        _replace(self.out / "checkpoint.h5", write)

    def restore(self) -> None:
        """Go back to what :meth:`save` wrote."""
        with h5py.File(self.out / "checkpoint.h5") as h5:
            for name in _SCALARS:
                setattr(self, name, type(getattr(self, name))(h5.attrs[name]))
            stored = {name: [group[str(i)][()] for i in range(len(group))] for name, group in h5.items()}
        self.average = stored["average"]
        for variables, arrays in ((self.model.variables, stored["model"]), (self._optimizer(), stored["optimizer"])):
            for variable, array in zip(variables, arrays, strict=True):
                variable.assign(array)
        logger.info("resuming after %d epochs and %d steps", self.epoch, self.step)

    def _state(self) -> dict[str, list[np.ndarray]]:
        def arrays(variables):
            return [keras.ops.convert_to_numpy(v) for v in variables]

        return {"model": arrays(self.model.variables), "optimizer": arrays(self._optimizer()), "average": self.average}

    def _optimizer(self):
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        return self.model.optimizer.variables


_SCALARS = ("epoch", "step", "best", "loss_sum", "seconds", "waiting")


def compiled_model(config: TrainConfig, prevalence=None) -> keras.Model:
    """The network of a training configuration with its optimizer and loss."""
    build = build_slice_network if config.slices else build_unet
    model = build(config.network, dtype=config.precision, prevalence=prevalence)
    peak, steps = config.learning_rate, config.epochs * config.steps_per_epoch
    warmup = min(config.warmup_steps, steps - 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else peak,
        steps - warmup,
        alpha=config.final_fraction,
        warmup_target=peak if warmup else None,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=config.weight_decay, global_clipnorm=config.clip_norm or None
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    jit = True if keras.backend.backend() == "jax" else config.jit_compile
    model.compile(optimizer, loss=MaskedLoss(config.loss, config.network.channels), jit_compile=jit)
    return model


def _begin(model: keras.Model, weights: str) -> None:
    """Load weights but not the state of the optimizer they were trained with."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras only warns where it leaves weights at random
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer", UserWarning)
            model.load_weights(weights)
    except (OSError, ValueError, KeyError, UserWarning) as error:
        raise ConfigError(
            f"Expected weights of this network in initial_weights. Received: {weights}: "
            f"{str(error).strip().splitlines()[0]} Make them first, or name others."
        ) from error


def estimate_prevalence(sampler: Sampler | MixedSampler | SliceSampler, crops: int) -> np.ndarray:
    """Share of positive voxels among known ones per channel, over random crops, shape=(K,), dtype=float64."""
    positive = np.full(len(sampler.channels), 0.1)
    known = np.full(len(sampler.channels), 10.0)
    for index in range(crops):
        _, y = sampler.sample(0, index)
        positive += (y == 1).sum(axis=(0, 1, 2))
        known += (y != UNKNOWN).sum(axis=(0, 1, 2))
    return positive / known


def _normalizer(config: TrainConfig, out: Path, items: list[StoreItem], features) -> Normalizer | None:
    """What gives the network its flexibility, from the run folder; fitted to the training structures first if new."""
    if config.normalizer and not (out / NORMALIZER).exists():
        fitted = json.dumps(fit_normalizer(config.normalizer, items, features).to_dict()) + "\n"
        _replace(out / NORMALIZER, lambda path: path.write_text(fitted))
    return run_normalizer(out, config)


def with_features(network: NetworkConfig, store: Store, normalizer: str = "") -> NetworkConfig:
    """The network for what a store holds: its features and, if it sees the ligand, the ligand's and descriptors.

    With a ``normalizer`` it sees flexibility as well.

    Raises
    ------
    ConfigError
        If the configuration names others, or the store has none of ligands.
    """
    names = {"features": store.features + (FLEXIBILITY,) * bool(normalizer)}
    if network.fusion:
        if not store.ligand_features:
            raise ConfigError(
                f"Expected features of ligands in {store.path} for a network with fusion. Received: none. Build the "
                "store with this version of data_prep/build.py."
            )
        names = {"features": store.features + store.ligand_features, "descriptors": store.descriptors}
    for name, values in names.items():
        if getattr(network, name) not in ((), values):
            received = getattr(network, name)
            raise ConfigError(f"Expected the store's {name} {values} in network.{name}. Received: {received}.")
    return replace(network, **names)


def _claim(out: Path, config: TrainConfig, resume: bool) -> None:
    """Write the configuration into the run folder, or check that it is the same as the one there."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "config.json"
    if not path.exists():
        _replace(path, lambda p: p.write_text(json.dumps(config.to_dict(), indent=1) + "\n"))
        return
    if not resume:
        raise ConfigError(
            f"Expected a new run folder. Received: {out}, which holds a run; resume it or choose another."
        )
    before, after = TrainConfig.from_file(path).to_dict(), config.to_dict()
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if changed:
        raise ConfigError(
            f"Expected the settings the run in {out} began with. Received: other values of {', '.join(changed)}; "
            "restore them or choose another run folder."
        )


def _replace(path: Path, write) -> None:
    """Call ``write`` with a temporary path, then move it onto ``path`` in one step."""
    partial = path.with_name("partial." + path.name)
    write(partial)
    os.replace(partial, path)


@contextmanager
def _stop_requests() -> Iterator[threading.Event]:
    """An event set by SIGINT or SIGTERM; a second SIGINT interrupts at once. Only the main thread can listen."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def request(signum, frame):
        if event.is_set() and signum == signal.SIGINT:
            raise KeyboardInterrupt
        event.set()

    before = {s: signal.signal(s, request) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)


def _progress(title: str, total: int):
    """A function that redraws one line on a terminal's stderr with steps done, a note and the time left."""
    started, first = time.perf_counter(), None

    def show(done: int, note: str) -> None:
        nonlocal first
        first = done - 1 if first is None else first
        if not sys.stderr.isatty():
            return
        left = (time.perf_counter() - started) / (done - first) * (total - done)
        bar = "#" * (20 * done // total)
        end = "\n" if done == total else ""
        sys.stderr.write(f"\r{title} [{bar:<20}] {done}/{total} {note} {left:5.0f} s left{end}")
        sys.stderr.flush()

    return show


def _digest(record: dict) -> str:
    shown = [
        "loss",
        "val_loss",
        "val_score",
        *(f"jaccard_{c}" for c in CORE),
        "ap_ligand",
        "seconds_per_step",
        "data_wait",
    ]
    return " ".join(
        f"{name.replace('jaccard_', '')} {record[name]:.3f}" for name in shown if record.get(name) is not None
    )
