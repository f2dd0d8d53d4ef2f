"""``pocketvox benchmark``: prepare the benchmark, run methods, check and score submissions, make the leaderboard."""

from __future__ import annotations

import argparse
import logging
import sys
from importlib import import_module

from pocketvox.errors import PocketvoxError, UsageError

#: Verb, module, function that runs it, one line of help.
VERBS = (
    ("prepare", "benchmarks.prepare", "run", "Make the folder of receptors, ligands and truth."),
    ("run", "benchmarks.submissions.runner", "main", "Run a method or a program over the entries: a submission."),
    ("validate", "benchmarks.submissions.validate", "main", "Check a submission; every problem is named."),
    ("score", "benchmarks.score", "main", "Score submissions: results as JSON."),
    ("leaderboard", "benchmarks.board.leaderboard", "main", "Make LEADERBOARD.md and its page from the results."),
    (
        "all",
        "benchmarks.everything",
        "main",
        "Run and score the shipped preset and all baselines, then the leaderboard.",
    ),
)


def build_parser() -> argparse.ArgumentParser:
    """The parser of every verb."""
    parser = argparse.ArgumentParser(prog="pocketvox benchmark", description=__doc__)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for name, module, function, text in VERBS:
        loaded = import_module(module)
        one = verbs.add_parser(name, help=text, description=loaded.__doc__.split("\n\n")[0])
        loaded.add_arguments(one)
        one.set_defaults(run=getattr(loaded, function))
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command line; exit codes as those of ``pocketvox``."""
    logging.basicConfig(level=logging.INFO, format="pocketvox: %(message)s", stream=sys.stderr)
    args = build_parser().parse_args(argv)
    try:
        return args.run(args)
    except UsageError as error:
        print(f"pocketvox: error: {error}", file=sys.stderr)
        return 2
    except PocketvoxError as error:
        print(f"pocketvox: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("pocketvox: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
