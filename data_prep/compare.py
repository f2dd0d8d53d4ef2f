"""Score training runs, and the mean of them all, on the same validation crops: ``python -m data_prep.compare RUN...``.

A run's own log scores the crops that chose its weights; these are more of them, of one size for all runs, so that runs
of other sizes, and averages over several networks, can be compared. Prints a JSON object per run and one for the mean
of their logits: rows for ``measurements`` in data_prep/logs/experiments.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from data_prep.command import command
from pocketvox.channels import CORE, LIGAND
from pocketvox.config import TrainConfig
from pocketvox.data.store import Store
from pocketvox.errors import ConfigError

#: Of each row.
METRICS = ("val_loss", "val_score", *(f"ap_{name}" for name in (*CORE, LIGAND)))


def compare(runs: list[Path], crops: int, crop_size: int) -> dict[str, dict[str, float]]:
    """Metrics by name of run, and of ``mean`` if there are several.

    Parameters
    ----------
    runs : list of Path
        Run folders; their channels, features, spacing and normalizer must be those of the first, whose store is used.
    crops : int
        Validation crops.
    crop_size : int
        Their edge in voxels.

    Raises
    ------
    ConfigError
        If a run cannot be read or has other channels, features, spacing or another normalizer.
    """
    from pocketvox.data.flexibility import run_normalizer
    from pocketvox.network.export import load_network
    from pocketvox.network.train import compiled_model
    from pocketvox.network.validation import Validation, validation_sampler

    configs = [TrainConfig.from_file(run / "config.json") for run in runs]
    normalizers = [run_normalizer(run, config) for run, config in zip(runs, configs, strict=True)]
    first = configs[0]
    for run, config, normalizer in zip(runs, configs, normalizers, strict=True):
        for name in ("channels", "features"):
            _same(run, name, getattr(first.network, name), getattr(config.network, name))
        _same(run, "spacing", first.sampling.spacing, config.sampling.spacing)
        _same(run, "normalizer", *(one and one.fingerprint() for one in (normalizers[0], normalizer)))
    models = [
        load_network(config.network, run / "best.weights.h5", dtype=config.precision)
        for run, config in zip(runs, configs, strict=True)
    ]
    sampling = replace(first.sampling, crop_size=crop_size)
    sampler = validation_sampler(Store(first.store), replace(first, sampling=sampling), normalizers[0])
    validation = Validation(sampler, crops, 8)
    loss = compiled_model(first).loss
    logits: list[np.ndarray] = []  # of each batch, shape=(runs, b, x, y, z, K): each is predicted once

    def collect(x: np.ndarray) -> np.ndarray:
        logits.append(np.stack([np.asarray(model.predict_on_batch(x)) for model in models]))
        return logits[-1][0]

    def scored(pick: Callable[[np.ndarray], np.ndarray]) -> dict[str, float]:
        answers = iter(logits)
        return _row(validation.evaluate(_Network(loss, lambda x: pick(next(answers)))))

    validation.evaluate(_Network(loss, collect))
    results = {run.name: scored(lambda z, k=k: z[k]) for k, run in enumerate(runs)}
    return results | ({"mean": scored(lambda z: z.mean(axis=0))} if len(runs) > 1 else {})


class _Network:
    """What :class:`~pocketvox.network.validation.Validation` needs of a model."""

    def __init__(self, loss, predict: Callable[[np.ndarray], np.ndarray]):
        self.loss, self.predict_on_batch = loss, predict


def _same(run: Path, name: str, expected, received) -> None:
    if expected != received:
        raise ConfigError(f"Expected {name} {expected} of the first run in {run}. Received: {received}.")


def _row(metrics: dict) -> dict[str, float]:
    return {name: round(metrics[name], 4) for name in METRICS if metrics[name] is not None}


@command
def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m data_prep.compare", description=__doc__.split("\n\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a training run")
    parser.add_argument("--crops", type=int, default=320, help="validation crops (%(default)s)")
    parser.add_argument("--crop-size", type=int, default=32, help="their edge in voxels (%(default)s)")
    args = parser.parse_args(argv)
    asked = f"python -m data_prep.compare {' '.join(map(str, args.runs))}"
    for name, value in compare(args.runs, args.crops, args.crop_size).items():
        sys.stdout.write(json.dumps({"label": name, "value": value, "command": asked}) + "\n")


if __name__ == "__main__":
    sys.exit(main())
