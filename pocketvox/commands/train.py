"""``pocketvox train``: fits the network to a dataset."""

from __future__ import annotations

import argparse

from pocketvox.commands.common import check_folder, require_extra, verb


def add_parser(parsers) -> None:
    """Declare the verb."""
    parser = verb(
        parsers,
        "train",
        run,
        "Train the network. Stop it at any time; the same command goes on from the last checkpoint.",
        "pocketvox train --config config.json -o runs/first",
    )
    parser.add_argument("--config", metavar="FILE", required=True, help="JSON file with the training configuration")
    parser.add_argument("-o", "--out", metavar="DIR", required=True, help="folder of the run")
    parser.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="go on from the checkpoint in DIR, if there is one",
    )


def run(args: argparse.Namespace) -> int:
    """Train, or go on training."""
    out = check_folder(args.out)

    from pocketvox.config import TrainConfig

    config = TrainConfig.from_file(args.config)
    require_extra("keras", "train", "Training")
    from pocketvox.network.train import train

    train(config, out, resume=args.resume)
    return 0
