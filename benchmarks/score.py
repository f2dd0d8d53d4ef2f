"""Scores submissions on every track that they take part in, and writes results as JSON.

``pocketvox benchmark score SUBMISSION... [-o FOLDER]`` checks each submission first: one with missing entries is
refused. The same submission gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.entries import BENCHMARK_VERSION, MAPS, PAIRS, SCREENING, Benchmark
from benchmarks.frozen import read_rows
from benchmarks.submissions import validate
from benchmarks.submissions.submission import Submission
from benchmarks.tracks import complex_map, hotspots, peaks, pocket_map, screening, sites
from pocketvox.errors import UsageError

RESULTS = Path(__file__).parent / "results"
SCHEMA_VERSION = 1
DIGITS = 6
#: Tracks by task; a ceiling of the complex task has seen the answer, and stands beside the pocket methods.
TRACKS = {
    "pocket": {
        "pocket-map": pocket_map.score,
        "hotspots": hotspots.score,
        "peaks": peaks.score,
        "sites": sites.score,
        "screening": screening.score,
    },
    "complex": {"complex-map": complex_map.score, "peaks": peaks.score},
}
#: Sets of entries that a track needs, beside ``maps``.
NEEDED = {"hotspots": PAIRS, "screening": SCREENING}
METHOD_FIELDS = ("name", "title", "description", "task", "scope", "kind", "fingerprint", "channels")

log = logging.getLogger("benchmarks")


def score(benchmark: Benchmark, submission: Submission, tracks: tuple[str, ...] = ()) -> dict:
    """Results of a submission, as JSON types.

    Parameters
    ----------
    benchmark : Benchmark
    submission : Submission
        Already checked.
    tracks : tuple of str
        Only these; all of its task if empty.
    """
    info = submission.info
    out = {}
    sets = info.get("sets") or (MAPS, PAIRS, SCREENING)
    for name, function in TRACKS[info.get("task", "pocket")].items():
        if (tracks and name not in tracks) or NEEDED.get(name, MAPS) not in sets:
            continue
        start = time.perf_counter()
        if (found := function(benchmark, submission)) is not None:
            out[name] = found
        log.info("%s, %s: %.1f s", submission.name, name, time.perf_counter() - start)
    entries = [entry for entry in benchmark.entries() if entry.set in sets]
    known = {e.id for e in entries}
    return as_json(
        {
            "schema_version": SCHEMA_VERSION,
            "benchmark_version": BENCHMARK_VERSION,
            "method": {key: info.get(key) for key in METHOD_FIELDS},
            "environment": info.get("environment", {}),
            "prepared": {"entries": len(known_ids()), "identical": benchmark.identical()},
            "coverage": {
                "entries": len(entries),
                "predicted": sum(_predicted(submission, e.id) for e in entries),
                "failed": {id: reason for id, reason in sorted(submission.failures.items()) if id in known},
            },
            "tracks": out,
        }
    )


def known_ids() -> set[str]:
    """Ids of the frozen list."""
    return {row.id for row in read_rows()}


def _predicted(submission: Submission, id: str) -> bool:
    return id not in submission.failures and (submission.has(id) or submission.pockets(id) is not None)


def as_json(value):
    """Plain types, numbers to six digits after the point, None for what is not a number."""
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return round(value, DIGITS) + 0.0 if np.isfinite(value) else None
    return value


def write(results: dict, folder: Path) -> Path:
    """Write results under the method's name; the file appears complete or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{results['method']['name']}.json"
    partial_path = path.with_name(f".{path.name}.part")
    partial_path.write_text(dumps(results), encoding="utf-8")
    os.replace(partial_path, path)
    return path


def dumps(results: dict) -> str:
    """JSON text: one line per entry of a track, so that differences can be read."""
    rows = {}

    def shorten(value, key=""):
        if isinstance(value, dict):
            return {name: shorten(item, name) for name, item in value.items()}
        if isinstance(value, list) and value and isinstance(value[0], dict | list):
            token = f"@{len(rows)}@"
            rows[f'"{token}"'] = "[\n" + ",\n".join(json.dumps(v, separators=(",", ":")) for v in value) + "\n]"
            return token
        return value

    text = json.dumps(shorten(results), indent=1, ensure_ascii=True)
    for token, row in rows.items():
        text = text.replace(token, row, 1)
    return text + "\n"


def score_path(path: Path, benchmark: Path, folder: Path, tracks: tuple[str, ...]) -> str:
    """Check, score and write one submission; what was written."""
    opened = Benchmark(benchmark)
    validate.check(path, opened)
    return str(write(score(opened, Submission(path), tracks), folder))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("submissions", nargs="+", type=Path, metavar="SUBMISSION", help="folder or HDF5 file")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS, help="folder of results (default: %(default)s)")
    parser.add_argument("--benchmark", type=Path, default=Path("runs/benchmark"), help="(default: %(default)s)")
    names = sorted({name for tracks in TRACKS.values() for name in tracks})
    parser.add_argument("--tracks", nargs="*", default=(), choices=names, help="only these; needs another --output")
    parser.add_argument("--workers", type=int, default=1, help="submissions scored at once (default: %(default)s)")


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    if args.tracks and args.output == RESULTS:
        raise UsageError(f"Expected another --output for some tracks only: {RESULTS} holds complete results.")
    one = partial(score_path, benchmark=args.benchmark, folder=args.output, tracks=tuple(args.tracks))
    if args.workers > 1:
        with ProcessPoolExecutor(args.workers) as pool:
            written = list(pool.map(one, args.submissions))
    else:
        written = [one(path) for path in args.submissions]
    for path in written:
        log.info("written: %s", path)
    return 0
