"""Assemblies of growing size: time and memory of their scans."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.speed.assembly import write_assembly
from benchmarks.speed.processes import run
from benchmarks.speed.rows import row
from benchmarks.speed.scan import DEMO

#: Copies of the bundled protein; the last have more than 250,000 atoms.
COPIES = (8, 27, 64, 150)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this part."""
    parser.add_argument("--scale-preset", help="scale: name or folder of a preset (the default one if not given)")


def measure(args: argparse.Namespace) -> list[dict]:
    """Rows of the table."""
    preset = ("--preset", args.scale_preset) if args.scale_preset else ()
    atoms, seconds, rows = [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for copies in COPIES:
            path = folder / f"copies{copies}.cif"
            atoms.append(write_assembly(path, DEMO, copies))
            found = run("scan", path, "-o", "out", "--timings", "-q", *preset, folder=folder)
            seconds.append(found.used)
            stages = ", ".join(f"{stage} {value:.1f}" for stage, value in found.stages()[1].items())
            details = f"processor time; {found.wall:.0f} s on the clock: {stages}; {found.memory:.0f} MiB"
            rows.append(row(f"{atoms[-1]} atoms", found.used, unit="s", details=details))
    exponent = float(np.polyfit(np.log(atoms), np.log(seconds), 1)[0])
    last = f"{atoms[-1]} atoms, largest resident memory of the process"
    return [
        *rows,
        row("exponent of time over atoms", exponent, unit="", target="<= 1.1", of="ours", details="least squares"),
        row("memory", found.memory, unit="MiB", target="<= 2048", of="ours", details=last),
    ]
