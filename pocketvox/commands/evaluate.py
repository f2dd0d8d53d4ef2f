"""``pocketvox evaluate``: scores a preset on a dataset."""

from __future__ import annotations

import argparse

from pocketvox.commands.common import verb


def add_parser(parsers) -> None:
    """Declare the verb."""
    parser = verb(
        parsers,
        "evaluate",
        run,
        "Score a preset, and the baselines beside it, on the test split of a data store.",
        "pocketvox evaluate --help",
    )
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="see `pocketvox evaluate -- --help`")


def run(args: argparse.Namespace) -> int:
    """Evaluate."""
    from pocketvox import evaluate

    return evaluate.main(args.arguments)
