"""A scan from the start of the process to the complete result folder, and many structures in one process."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import gemmi
import numpy as np

from benchmarks.speed.processes import Run, run
from benchmarks.speed.rows import row

DEMO = Path(__file__).resolve().parents[2] / "pocketvox" / "demo" / "1hvr.pdb.gz"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this part."""
    parser.add_argument(
        "--structures",
        type=Path,
        nargs="+",
        default=[DEMO],
        help="scan: what is scanned (default: the bundled protein)",
    )
    parser.add_argument("--runs", type=int, default=5, help="scan: processes that count (default: %(default)s)")
    parser.add_argument("--many", type=int, default=24, help="scan: structures in one process (default: %(default)s)")


def measure(args: argparse.Namespace) -> list[dict]:
    """Rows of the table."""
    with tempfile.TemporaryDirectory() as name:
        help_ = [run("--help", folder=Path(name)) for _ in range(args.runs)]
    rows = [
        row("`pocketvox --help`", _median(help_, "wall"), unit="s", target="<= 0.3", of="ours", details=_used(help_))
    ]
    for structure in args.structures:
        rows += _of_structure(structure.resolve(), args.runs, args.many)
    command = f"python -m benchmarks.speed scan -o speed.json --structures {' '.join(p.name for p in args.structures)}"
    return [{**of_row, "command": command} for of_row in rows]


def _of_structure(path: Path, runs: int, count: int) -> list[dict]:
    """Rows of one structure."""
    of = f"{_residues(path)} residues"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scan = ("scan", path, "-o", "out", "--timings", "-q")
        run(*scan, folder=folder)  # compiles and keeps what is kept
        cold = []
        for _ in range(runs):
            shutil.rmtree(folder / "out")
            cold.append(run(*scan, folder=folder))
        many = run("scan", *[path] * count, "-o", "many", "--timings", "-q", folder=folder)
    return [
        row(f"scan, {of}", _median(cold, "wall"), unit="s", target="<= 1.5", of="ours", details=_used(cold)),
        *_budget(cold),
        *_throughput(many, count, of),
    ]


def _budget(runs: list[Run]) -> list[dict]:
    """Median of each stage of a scan."""
    stages = [{**start, **of_input} for start, of_input, _ in (found.stages() for found in runs)]
    names = [name for name in stages[0] if name != "total"]
    details = {"engine": "part of predict", "start": "Python and the command line"}
    return [
        row(f"stage {name}", float(np.median([s[name] for s in stages])), unit="s", details=details.get(name, ""))
        for name in names
    ]


def _throughput(many: Run, count: int, of: str) -> list[dict]:
    """Rate and share of the engine, from the first tile to the last file: without the start of the process."""
    start, *_, engine = many.stages()
    rest = many.wall - sum(start.values())
    share = engine["work"] / rest
    details = f"{count} times {of}, {many.used:.1f} s of processors, {many.wall:.1f} on the clock"
    return [
        row("structures per second in one process", count / rest, unit="/s", target=">= 3", of="ours", details=details),
        row("share of that time with the engine at work", share, unit="", target=">= 0.85", of="ours", details=details),
        row("memory of that process", many.memory, unit="MiB", details=details),
    ]


def _median(runs: list[Run], name: str) -> float:
    return float(np.median([getattr(found, name) for found in runs]))


def _used(runs: list[Run]) -> str:
    best = min(found.wall for found in runs)
    return f"on the clock, at best {best:.2f} s; {_median(runs, 'used'):.2f} s of processors"


def _residues(path: Path) -> int:
    structure = gemmi.read_structure(str(path)) if ".bcif" not in path.name else None
    if structure is None:
        from pocketvox.structure import read_structure

        atoms = read_structure(path).atoms
        return len(np.unique(atoms.residue[atoms.kind == 0]))
    structure.setup_entities()
    return sum(len(chain.get_polymer()) for chain in structure[0])
