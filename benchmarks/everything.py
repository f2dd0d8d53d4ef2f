"""Runs and scores the shipped preset and every baseline on all tracks, then makes the leaderboard.

``pocketvox benchmark all --data FOLDER`` prepares the benchmark if need be, runs every method whose submission is not
complete, scores all and writes the leaderboard. It needs ``pip install 'pocketvox[bench]'`` and, for the memorisation
control, a data store of the training split.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from benchmarks import prepare, score
from benchmarks.board import leaderboard
from benchmarks.entries import TRUTH, Benchmark
from benchmarks.frozen import read_rows
from benchmarks.methods import METHODS, load
from benchmarks.submissions import runner
from benchmarks.tools import fpocket
from pocketvox.errors import UsageError

log = logging.getLogger("benchmarks")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--data", type=Path, help="folder of the structures, if the benchmark is not prepared")
    parser.add_argument("--benchmark", type=Path, default=Path("runs/benchmark"), help="(default: %(default)s)")
    parser.add_argument("--submissions", type=Path, default=Path("runs/submissions"), help="(default: %(default)s)")
    parser.add_argument("-o", "--output", type=Path, default=score.RESULTS, help="(default: %(default)s)")
    parser.add_argument("--methods", nargs="*", default=METHODS, help="only these methods")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: %(default)s)")


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    if not (args.benchmark / TRUTH).is_file():
        if args.data is None:
            raise UsageError(f"Expected a prepared benchmark in {args.benchmark}, or --data to prepare it from.")
        prepare.prepare(read_rows(), args.benchmark, args.data, args.workers)
    benchmark = Benchmark(args.benchmark)
    names = {method: load(method).name for method in args.methods}  # what is missing is said before hours of work
    folders = []
    for method, name in names.items():
        runner.run(benchmark, args.submissions / name, method, workers=args.workers)
        folders.append(args.submissions / name)
    stored = args.data / "baselines" / "fpocket.csv" if args.data else None
    if stored is not None and stored.is_file():
        folders.append(args.submissions / "fpocket-4")
        fpocket.write_submission(stored, benchmark, folders[-1])
    else:
        log.warning("warning: no stored pockets of fpocket (--data): its result stays as it is")
    for folder in folders:
        score.score_path(folder, args.benchmark, args.output, ())
    leaderboard.write(args.output)
    return 0
