"""Measure what normalisation of the B column is worth: ``python -m data_prep.normalization RUN... -o FILE``.

The network of each training run is scored on validation crops of its store with the B column as it is, and with others
that the same structures could have had; see :data:`COLUMNS`. A good normalizer keeps the score with a column of another
source. Where shuffling the column keeps it too, the network does not use it.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from data_prep.command import command, write_json
from data_prep.compare import METRICS
from data_prep.trust import row
from pocketvox.config import TrainConfig
from pocketvox.data.flexibility import run_normalizer
from pocketvox.data.store import Store, StoreItem
from pocketvox.normalize import NO_VALUE, are_atoms

log = logging.getLogger("normalization")


def as_confidence(column: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """pLDDT-like values, 98 to 30: 98 - 68 r^3 with r the rank of an atom's B-factor as a share, 0 to 1.

    Most of a structure is above 70, as in predicted models, and the most flexible atoms are far below.
    """
    return 98.0 - 68.0 * ((rankdata(column) - 0.5) / max(len(column), 1)) ** 3


#: Columns that take the place of a structure's own: from values and a source of randomness to values, and the
#: experiment; None leaves it.
COLUMNS: dict[str, tuple[Callable[[np.ndarray, np.random.Generator], np.ndarray], str | None]] = {
    "as it is": (lambda column, rng: column, None),
    "removed": (lambda column, rng: np.zeros_like(column), None),
    "as confidence": (as_confidence, "predicted"),
    "as from cryo-EM": (lambda column, rng: 3.0 * column + 40.0, "cryo-em"),
    "shuffled among atoms": (lambda column, rng: rng.permutation(column), None),
}


def exchanged(item: StoreItem, features: tuple[str, ...], name: str, rng: np.random.Generator) -> StoreItem:
    """A structure with another B column of its atoms, where it has one; ``features`` names its features."""
    if item.b_factor is None:
        return item
    change, experiment = COLUMNS[name]
    b_factor = item.b_factor.copy()
    known = are_atoms(item.features, features) & np.isfinite(b_factor) & (b_factor < NO_VALUE)
    b_factor[known] = change(b_factor[known].astype(float), rng)
    return replace(item, b_factor=b_factor, experiment=item.experiment if experiment is None else experiment)


def measure(runs: list[Path], store: Path | None, crops: int) -> dict:
    """A table per run, ready for JSON.

    Raises
    ------
    ConfigError
        If a run cannot be read.
    """
    tables = []
    for run in runs:
        config = TrainConfig.from_file(run / "config.json")
        how = f"normalizer `{config.normalizer}`" if config.normalizer else "no normalizer: it does not see the column"
        text = f"{crops} validation crops with other B columns in the same structures; {how}."
        rows = score(run, config, Store(store or config.store), crops)
        tables.append({"title": f"B column of run `{run.name}`", "text": text, "rows": rows})
    return {"runs": [str(run) for run in runs], "tables": tables}


def score(run: Path, config: TrainConfig, store: Store, crops: int) -> list[dict]:
    """A row of metrics for every column; for the column as it is alone if the network does not see it."""
    from pocketvox.data.batches import VALIDATION_SEED, Sampler, validation_sampling
    from pocketvox.data.flexibility import flexible
    from pocketvox.network.export import load_network
    from pocketvox.network.losses import MaskedLoss
    from pocketvox.network.validation import Validation

    model = load_network(config.network, run / "best.weights.h5", dtype=config.precision)
    model.compile(loss=MaskedLoss(config.loss, config.network.channels))
    normalizer, items = run_normalizer(run, config), store.load("val")
    rows = []
    for name in list(COLUMNS) if normalizer else list(COLUMNS)[:1]:
        rng = np.random.default_rng(0)
        seen = flexible([exchanged(item, store.features, name, rng) for item in items], normalizer, store.features)
        sampler = Sampler(seen, validation_sampling(config), config.network, seed=VALIDATION_SEED)
        found = Validation(sampler, crops, config.batch_size).evaluate(model)
        rows.append(row(name, **{metric: found[metric] for metric in METRICS}))
        log.info("%s: %s", run.name, rows[-1])
    return rows


@command
def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m data_prep.normalization", description=__doc__.split("\n\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a training run")
    parser.add_argument("-o", "--output", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--store", type=Path, help="data store, if not those of the runs")
    parser.add_argument("--crops", type=int, default=320, help="validation crops (%(default)s)")
    args = parser.parse_args(argv)
    write_json(measure(args.runs, args.store, args.crops), args.output)


if __name__ == "__main__":
    sys.exit(main())
