"""What the commands of this folder have in common: where progress and errors go, and how a measurement is kept."""

from __future__ import annotations

import functools
import json
import logging
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path

from pocketvox.errors import PocketvoxError

log = logging.getLogger("data_prep")


def command(main: Callable[[list[str] | None], int | None]) -> Callable[..., int]:
    """Make ``main(argv)`` a command: progress to stderr; an error raised on purpose is a line there and exit code 1."""

    @functools.wraps(main)
    def run(argv: list[str] | None = None) -> int:
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
        try:
            return main(argv) or 0
        except PocketvoxError as error:
            log.error("error: %s", error)
            return 1

    return run


def preset_parser(name: str, doc: str) -> ArgumentParser:
    """Arguments of ``python -m data_prep.<name>``, which measures a preset and writes JSON."""
    parser = ArgumentParser(prog=f"python -m data_prep.{name}", description=doc.split("\n\n")[0])
    parser.add_argument("preset", help="trained model: a name or a folder")
    parser.add_argument("-o", "--output", type=Path, required=True, help="JSON file to write")
    return parser


def write_json(value, path: Path) -> None:
    """Write JSON; folders are made. NaN and infinities are errors."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")
