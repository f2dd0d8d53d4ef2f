"""fpocket 4 as a submission: turns a table of its pockets into ``submission.json`` and ``pockets.csv`` per entry.

``python -m benchmarks.tools.fpocket TABLE.csv -o FOLDER``. The table has the columns ``id, kind, rank, x, y, z``
(angstrom, in the frame of the benchmark's receptors). fpocket gives pockets but no maps, so
that only the track ``sites`` scores it.

References
----------
Le Guilloux, Schmidtke & Tuffery, BMC Bioinformatics 10, 168 (2009), doi:10.1186/1471-2105-10-168.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import sys
from pathlib import Path

import numpy as np

from benchmarks.entries import BENCHMARK_VERSION, MAPS, Benchmark
from benchmarks.pocket_scores import read_fpocket
from benchmarks.submissions.submission import INFO
from pocketvox.errors import InputError, PocketvoxError

KINDS = ("complex", "entry")
ABOUT = {
    "name": "fpocket-4",
    "title": "fpocket 4",
    "description": "Pockets from alpha spheres, ranked by fpocket's score; gives no maps.",
    "channels": [],
    "sets": [MAPS],
    "task": "pocket",
    "scope": "protein",
    "kind": "baseline",
    "benchmark_version": BENCHMARK_VERSION,
}
MISSING = "no pockets in the table"

log = logging.getLogger("benchmarks")


def write_submission(csv_path: str | Path, benchmark: Benchmark, out: Path) -> dict[str, str]:
    """Write the submission.

    Parameters
    ----------
    csv_path : str or Path
    benchmark : Benchmark
    out : Path
        Folder of the submission.

    Returns
    -------
    dict of str to str
        Entries that the table lacks, with the reason: declared as failures.

    Raises
    ------
    InputError
        If the table cannot be read, or has pockets of two kinds for an entry.
    """
    pockets = read_fpocket(csv_path)
    failures = {}
    for entry in benchmark.entries(MAPS):
        centers = _centers(pockets, entry.id, csv_path)
        if centers is None:
            failures[entry.id] = MISSING
            continue
        (out / entry.id).mkdir(parents=True, exist_ok=True)
        with (out / entry.id / "pockets.csv").open("w", newline="", encoding="utf-8") as handle:
            writer = csv.writer(handle, lineterminator="\n")
            writer.writerow(("rank", "center_x", "center_y", "center_z"))
            writer.writerows((rank, *(f"{v:.3f}" for v in center)) for rank, center in enumerate(centers, 1))
    out.mkdir(parents=True, exist_ok=True)
    (out / INFO).write_text(json.dumps({**ABOUT, "failures": failures}, indent=1) + "\n", encoding="utf-8")
    return failures


def _centers(pockets: dict[tuple[str, str], np.ndarray], id: str, path: str | Path) -> np.ndarray | None:
    """Pockets of an entry; the id of one of two kinds of file ends in ``-complex`` or ``-entry``."""
    base, _, kind = id.rpartition("-")
    if kind in KINDS:
        return pockets.get((base, kind))
    found = [pockets[id, kind] for kind in KINDS if (id, kind) in pockets]
    if len(found) > 1:
        raise InputError(
            f"Expected pockets of one kind for {id} in {path}. Received: {' and '.join(KINDS)}. Remove one of them."
        )
    return found[0] if found else None


def main(argv: list[str] | None = None) -> int:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tools.fpocket", description=__doc__.split("\n\n")[0])
    parser.add_argument("table", type=Path, help="CSV of fpocket's pockets")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the submission")
    parser.add_argument("--benchmark", type=Path, default=Path("runs/benchmark"), help="(default: %(default)s)")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        benchmark = Benchmark(args.benchmark)
        failures = write_submission(args.table, benchmark, args.output)
    except PocketvoxError as error:
        log.error("error: %s", error)
        return 1
    total = len(benchmark.entries(MAPS))
    log.info("written: %s, %d of %d entries", args.output, total - len(failures), total)
    return 0


if __name__ == "__main__":
    sys.exit(main())
