"""``pocketvox dataset``: hands over to the dataset tools of the source tree."""

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


def add_parser(parsers) -> None:
    """Declare the verb."""
    parser = verb(
        parsers,
        "dataset",
        run,
        "Build or verify training data with the tools in data_prep/ (source checkout only).",
        "pocketvox dataset build --help",
    )
    parser.add_argument("action", choices=("build", "verify"), help="what to do")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="handed over to `python -m data_prep ACTION`")


def run(args: argparse.Namespace) -> int:
    """Run ``python -m data_prep`` in this interpreter's environment; its exit code is ours."""
    if not (ROOT / "data_prep" / "__main__.py").is_file():
        raise ConfigError(
            "Datasets are built with data_prep/, which is part of the source tree and not of the installed package. "
            "Clone the repository and run `pocketvox dataset` with the package installed from it (pip install -e .)."
        )
    path = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH")) if p)
    command = [sys.executable, "-m", "data_prep", args.action, *args.arguments]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=False).returncode
