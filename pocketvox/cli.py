"""The command line: parses arguments, hands over to one file per verb, turns errors into exit codes.

Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 an input was bad (the others are done),
2 wrong usage, 130 interrupted, 141 the reader of our output went away.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from contextlib import contextmanager

import pocketvox
from pocketvox.commands import (
    arrays,
    compare,
    completion,
    compress,
    demo,
    explain,
    interactions,
    presets,
    scan,
    score,
    source_tree,
    train,
)
from pocketvox.commands.common import error_line
from pocketvox.errors import PocketvoxError, UsageError

VERBS = (scan, score, compare, explain, interactions, arrays, source_tree, train, compress, presets, demo, completion)

DONE, BAD_INPUT, USAGE, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141


def build_parser() -> argparse.ArgumentParser:
    """The parser of every verb."""
    parser = argparse.ArgumentParser(
        prog="pocketvox",
        description="Where a ligand would bind in a protein, and which interactions each point of the site offers.",
        epilog="Start with `pocketvox demo`. Help on a verb: `pocketvox VERB --help`.",
    )
    parser.add_argument("--version", action="version", version=f"pocketvox {pocketvox.__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", dest="verb", required=True)
    for module in VERBS:
        module.add_parser(verbs)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : list of str, optional
        Arguments without the program's name; those of the process if not given.

    Returns
    -------
    int
        Exit code.
    """
    try:
        code = _run(argv)
        sys.stdout.flush()
        return code
    except UsageError as error:
        print(error_line(error), file=sys.stderr)
        return USAGE
    except PocketvoxError as error:
        print(error_line(error), file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:
        # Python flushes stdout once more on exit; give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        print("pocketvox: interrupted", file=sys.stderr)
        return INTERRUPTED


def _run(argv: list[str] | None) -> int:
    parser = build_parser()
    args, args.rest = parser.parse_known_args(argv)
    args.parser = parser
    if args.rest and args.run not in source_tree.HANDING_OVER:
        parser.error(f"unrecognized arguments: {' '.join(args.rest)}")
    with _logging_to_stderr(args):
        return args.run(args)


@contextmanager
def _logging_to_stderr(args: argparse.Namespace):
    """Show the package's messages on stderr, then leave logging as it was."""
    logger = logging.getLogger("pocketvox")
    before = logger.handlers[:], logger.level, logger.propagate
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("pocketvox: %(message)s"))
    logger.handlers[:] = [handler]
    logger.setLevel(logging.ERROR if args.quiet else logging.DEBUG if args.verbose else logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.handlers[:], level, logger.propagate = before
        logger.setLevel(level)
