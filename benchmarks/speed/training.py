"""Training on one machine: whether samples are there when the network wants them, and what voxelizing them costs.

The network and the samples are those of the newest preset's training configuration, the structure is the bundled
complex; steps are those of ``pocketvox train``, in mixed precision on the backend that Keras has.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np

from benchmarks.speed.rows import row
from data_prep.build import make_item
from data_prep.sources import Source
from pocketvox.commands.demo import STRUCTURE
from pocketvox.config import TrainConfig
from pocketvox.data import batches
from pocketvox.data.store import Store, create_store, write_item
from pocketvox.features import FEATURES
from pocketvox.inference import load_preset
from pocketvox.structure import read_complex

#: Steps that count; those before them compile.
STEPS, WARM = 24, 6


def measure(args: argparse.Namespace) -> list[dict]:
    """Rows of the table."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        config = configuration(bundled_store(folder / "store.h5"))
        sampler = batches.Sampler(Store(config.store).load("train"), config.sampling, config.network, seed=config.seed)
        with timed_voxelizer() as spent:
            start = time.perf_counter()
            for index in range(STEPS):
                sampler.batch(0, index, config.batch_size)
            alone = (time.perf_counter() - start) / STEPS
        step, wait = steps(config, folder)
    size, crop = config.batch_size, config.sampling.crop_size
    what = f"batches of {size} crops of {crop} voxels, filters {config.network.filters}, {config.precision}"
    voxelizer = sum(spent) / STEPS
    return [
        row(
            "samples while the network trains, and without it", size / step, size / alone,
            unit="samples/s", details=f"{what}; the pipeline runs ahead in a thread of its own",
        ),
        row(
            "share of a training step that waits for samples", wait, unit="share", target="<= 0.05", of="ours",
            details=f"{1e3 * step:.0f} ms a step",
        ),
        row(
            "voxelizer's share of a training step", voxelizer / step, unit="share", target="<= 0.15", of="ours",
            details=f"{1e3 * voxelizer:.0f} ms a batch, beside the step, not before it",
        ),
    ]  # fmt: skip


def bundled_store(path: Path) -> Path:
    """A data store with the bundled complex in both splits."""
    complex_ = read_complex(STRUCTURE)
    with create_store(path, FEATURES, {}) as h5:
        for split in ("train", "val"):
            item = make_item(Source(split, "", clusters=(split,), split=split), complex_, np.empty((0, 3), np.float32))
            unseen = dict.fromkeys(("ligand_site_coord", "ligand_site_features", "descriptors", "ligand_site_group"))
            write_item(h5, replace(item, **unseen, ligand_site_radius=None))
    return path


def configuration(store: Path) -> TrainConfig:
    """That of the newest preset, without teachers and further data."""
    config = TrainConfig.from_dict(load_preset().metadata["training"]["config"])
    return replace(
        config, store=str(store), teachers=(), loss=replace(config.loss, distill=0.0), initial_weights="",
        extra_store="", extra_fraction=0.0, epochs=2, val_crops=1, warmup_steps=1, normalizer="",
    )  # fmt: skip


@contextmanager
def timed_voxelizer():
    """A list that gets the seconds of every call of the voxelizer by the input pipeline."""
    spent: list[float] = []
    voxelizer = batches.network_input

    def timed(*args, **options):
        start = time.perf_counter()
        found = voxelizer(*args, **options)
        spent.append(time.perf_counter() - start)
        return found

    with mock.patch.object(batches, "network_input", timed):
        yield spent


def steps(config: TrainConfig, folder: Path) -> tuple[float, float]:
    """Seconds of a training step, and the share of them spent waiting; the first epoch compiles."""
    from pocketvox.network.train import train

    train(replace(config, epochs=2, steps_per_epoch=WARM, stop_after=WARM), folder / "warm")
    record = train(replace(config, epochs=2, steps_per_epoch=STEPS), folder / "run")
    return record["seconds_per_step"], record["data_wait"]
