"""Verbs whose tools are part of the source tree and not of the installed package."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pocketvox
from pocketvox.commands.common import verb
from pocketvox.errors import ConfigError

ROOT = Path(pocketvox.__file__).resolve().parent.parent

_EVALUATION = "benchmarks.first_numbers"
_BENCHMARK = "benchmarks.cli"
_DATASET = {"build": "data_prep.build", "verify": "data_prep.verify"}


def add_parser(parsers) -> None:
    """Declare the verbs."""
    parser = verb(
        parsers,
        "dataset",
        dataset,
        "Build or verify training data (source checkout only).",
        "pocketvox dataset verify runs/store.h5",
    )
    tools = " and ".join(f"`python -m {module} --help`" for module in _DATASET.values())
    parser.epilog += f"\n\nAll other arguments are handed over; {tools} list them."
    parser.add_argument("action", choices=tuple(_DATASET), help="what to do")

    parser = verb(
        parsers,
        "evaluate",
        evaluate,
        "Score a preset beside the baselines on a split of a data store (source checkout only).",
        "pocketvox evaluate --preset NAME -o results.json",
    )
    parser.epilog += f"\n\nAll other options are handed over; `python -m {_EVALUATION} --help` lists them."

    parser = verb(
        parsers,
        "benchmark",
        benchmark,
        "Prepare the benchmark, run and score methods, make the leaderboard (source checkout only).",
        "pocketvox benchmark score runs/submissions/my-method",
    )
    parser.epilog += f"\n\nAll arguments are handed over; `python -m {_BENCHMARK} --help` lists them."
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="prepare, run, validate, score, leaderboard or all")


def dataset(args: argparse.Namespace) -> int:
    """Run the tool that builds or verifies a data store."""
    return _hand_over(_DATASET[args.action], args.rest)


def evaluate(args: argparse.Namespace) -> int:
    """Run the tool that scores a preset."""
    return _hand_over(_EVALUATION, args.rest)


def benchmark(args: argparse.Namespace) -> int:
    """Run a verb of the benchmark."""
    return _hand_over(_BENCHMARK, [*args.arguments, *args.rest])


#: Verbs that take arguments unknown to us.
HANDING_OVER = (dataset, evaluate, benchmark)


def _hand_over(module: str, arguments: list[str]) -> int:
    """Run a module of the source tree in this interpreter's environment; its exit code is ours."""
    if not ROOT.joinpath(*module.split(".")).with_suffix(".py").is_file():
        raise ConfigError(
            f"This needs {module.split('.')[0]}/, which is part of the source tree and not of the installed package. "
            "Clone the repository and run `python -m pocketvox` in it."
        )
    path = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH")) if p)
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=False).returncode
