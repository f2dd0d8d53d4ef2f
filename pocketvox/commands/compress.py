"""``pocketvox compress``: a trained model made smaller and faster."""

from __future__ import annotations

import argparse
import json
import logging

from pocketvox.commands.common import check_folder, positive_int, require_extra, verb
from pocketvox.errors import UsageError

log = logging.getLogger("pocketvox")


def add_parser(parsers) -> None:
    """Declare the verb."""
    parser = verb(
        parsers,
        "compress",
        run,
        "Make a trained model smaller and faster: prune channels, train on, 8-bit integers. Stop it at any time; the "
        "same command goes on.",
        "pocketvox compress models/mine --store data.h5 --filters 48,96,64 -o models/mine-small",
    )
    parser.add_argument("preset", metavar="PRESET", help="trained model: a name or a folder")
    parser.add_argument("--store", metavar="FILE", required=True, help="data store it was trained on")
    parser.add_argument("-o", "--out", metavar="OUT", required=True, help="preset folder to make")
    parser.add_argument("--filters", metavar="N,N,...", default="", help="channels to keep per level (all)")
    parser.add_argument(
        "--steps", type=positive_int, default=2000, metavar="N", help="training steps after pruning (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print the measurements to stdout, on one line")


def run(args: argparse.Namespace) -> int:
    """Compress, and say what it cost and gave."""
    out = check_folder(args.out)
    filters = read_filters(args.filters)
    require_extra("keras", "train", "compress")
    require_extra("nncf", "train", "compress")

    from pocketvox.inference import load_preset
    from pocketvox.inference.compression import compress

    found = compress(load_preset(args.preset), args.store, out, filters=filters, steps=args.steps)
    if not found:
        log.info("stopped; run the same command again to go on")
        return 1
    before, after = found["before"], found["after"]
    log.info(
        "%s: %.1f times smaller, %.1f times faster than in float32 with Keras",
        out, before["bytes"] / after["bytes"], before["seconds"] / after["seconds"],
    )  # fmt: skip
    for name, value in before["jaccard"].items():
        log.info("  %-20s Jaccard %.3f -> %.3f", name, value, after["jaccard"][name])
    if args.json:
        print(json.dumps(found), flush=True)
    return 0


def read_filters(text: str) -> tuple[int, ...]:
    """Numbers between commas.

    Raises
    ------
    UsageError
    """
    try:
        filters = tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        filters = (0,)
    if any(n < 1 for n in filters):
        raise UsageError(f"--filters: expected positive numbers between commas, as in 48,96,64. Received: {text}.")
    return filters
