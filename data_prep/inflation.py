"""Initial weights of the 3D network from its 2D twin: ``python -m data_prep.inflation FILE NAME -o FOLDER``.

FILE is one of variants, as of :mod:`data_prep.ablations`; variant NAME has ``slices`` above 0. Its twin is trained into
the run folder ``FOLDER/NAME``, or goes on where it was interrupted; its kernels are then inflated into
``mean.weights.h5`` and ``centre.weights.h5`` there, for ``initial_weights`` of other variants. ``inflated.json`` has
their metrics on the validation crops before any training in three dimensions. The twin's log is copied to ``--logs``.
"""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import replace
from pathlib import Path

from data_prep.ablations import complete, keep_logs, read_runs
from data_prep.command import command, write_json
from pocketvox.config import TrainConfig
from pocketvox.errors import ConfigError

COMMAND = "python -m data_prep.inflation"

log = logging.getLogger("inflation")


def read_variant(path: Path, name: str) -> TrainConfig:
    """Configuration of a variant that trains on slices.

    Raises
    ------
    ConfigError
        If there is none of that name, or it does not train on slices.
    """
    configs = read_runs(path)
    planar = [one for one, config in configs.items() if config.slices]
    if name not in planar:
        raise ConfigError(
            f"Expected a variant with `slices` above 0 in {path}: {', '.join(planar) or 'there is none'}. "
            f"Received: {name}."
        )
    return configs[name]


def inflate_run(folder: Path) -> dict[str, dict]:
    """Write the inflated weights of a trained twin beside its own.

    Parameters
    ----------
    folder : Path
        Its run folder.

    Returns
    -------
    dict of str to dict
        Validation metrics of the 3D network, by method of inflation, as in ``log.jsonl``.

    Raises
    ------
    ConfigError
        If the folder holds no trained twin.
    """
    from pocketvox.data.flexibility import run_normalizer
    from pocketvox.data.store import Store
    from pocketvox.network.inflation import METHODS
    from pocketvox.network.slices import inflated_network
    from pocketvox.network.train import compiled_model
    from pocketvox.network.validation import Validation, validation_sampler

    config = TrainConfig.from_file(folder / "config.json")
    sampler = validation_sampler(Store(config.store), config, run_normalizer(folder, config))
    validation = Validation(sampler, config.val_crops, config.batch_size)
    model = compiled_model(replace(config, slices=0))
    found = {}
    for method in METHODS:
        inflated = inflated_network(config.network, folder / "best.weights.h5", method)
        inflated.save_weights(folder / f"{method}.weights.h5")
        model.set_weights(inflated.get_weights())
        found[method] = validation.evaluate(model)
    write_json(found, folder / "inflated.json")
    return found


@command
def main(argv: list[str] | None = None) -> int | None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.split("\n\n")[0])
    parser.add_argument("file", type=Path, metavar="FILE", help="JSON file with the variants")
    parser.add_argument("name", metavar="NAME", help="the variant that trains on slices")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the run folders")
    parser.add_argument("--logs", type=Path, default=Path("data_prep/logs"), help="where logs are copied to")
    args = parser.parse_args(argv)
    run = args.output / args.name
    config = read_variant(args.file, args.name)
    from pocketvox.network.train import train

    train(config, run)
    keep_logs(run, args.logs / args.name)
    if not complete(run, config.epochs):
        log.info("stopped; run the command again to go on")
        return 1
    for method, metrics in inflate_run(run).items():
        log.info("%s: score %.3f, loss %.4f", method, metrics["val_score"], metrics["val_loss"])


if __name__ == "__main__":
    sys.exit(main())
