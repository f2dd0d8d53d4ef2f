"""Prune the network of a training run: ``python -m data_prep.prune RUN --filters N,N,N... -o FILE.weights.h5``.

The channels that matter most for the loss on training crops are kept (:mod:`pocketvox.network.pruning`). The weights
are for ``initial_weights`` of a training configuration whose network has these ``filters``; training on makes up for
what was lost. Prints validation loss and score of the run and of the pruned network before any training.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from data_prep.command import command
from pocketvox.config import TrainConfig
from pocketvox.data.batches import Sampler
from pocketvox.data.store import Store

#: Batches of training crops from which importance is measured.
BATCHES = 40


def prune_run(run: Path, filters: tuple[int, ...], out: Path) -> dict[str, dict]:
    """Write the pruned weights.

    Parameters
    ----------
    run : Path
        Folder of a training run with its best weights.
    filters : tuple of int
        Channels per level.
    out : Path
        ``.weights.h5`` file.

    Returns
    -------
    dict of str to dict
        Validation metrics, by ``whole`` and ``pruned``.

    Raises
    ------
    ConfigError
        If the run's network cannot be pruned to these numbers.
    """
    from pocketvox.network.export import load_network
    from pocketvox.network.pruning import channel_importance, pruned
    from pocketvox.network.train import compiled_model
    from pocketvox.network.validation import Validation, validation_sampler

    config = TrainConfig.from_file(run / "config.json")
    config = replace(config, teachers=(), loss=replace(config.loss, distill=0.0))
    store = Store(config.store)
    sampler = Sampler(store.load("train"), config.sampling, config.network, seed=config.seed)
    batches = (sampler.batch(0, k, config.batch_size) for k in range(BATCHES))
    model = load_network(config.network, run / "best.weights.h5")
    small, network = pruned(model, config.network, filters, channel_importance(model, config, batches))
    out.parent.mkdir(parents=True, exist_ok=True)
    small.save_weights(str(out))
    validation = Validation(validation_sampler(store, config), config.val_crops, config.batch_size)
    found = {}
    for label, one, shape in (("whole", model, config.network), ("pruned", small, network)):
        judged = compiled_model(replace(config, network=shape))
        judged.set_weights(one.get_weights())
        found[label] = {"parameters": one.count_params(), **validation.evaluate(judged)}
    return found


@command
def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m data_prep.prune", description=__doc__.split("\n\n")[0])
    parser.add_argument("run", type=Path, help="folder of the training run")
    parser.add_argument("--filters", required=True, help="channels to keep per level, as in 48,96,64")
    parser.add_argument("-o", "--output", type=Path, required=True, help=".weights.h5 file to write")
    args = parser.parse_args(argv)
    for label, value in prune_run(args.run, tuple(map(int, args.filters.split(","))), args.output).items():
        sys.stdout.write(json.dumps({"label": label, **value}) + "\n")


if __name__ == "__main__":
    sys.exit(main())
