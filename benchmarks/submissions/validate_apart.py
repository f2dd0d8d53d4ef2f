"""Checks a submission in a process of its own: damaged files can hang or crash the HDF5 library.

``python -m benchmarks.submissions.validate_apart SUBMISSION BENCHMARK SETS...`` prints one JSON value per line: the
name of what is read next, and at the end the list of problems, each as its place and text.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path

from benchmarks.entries import Benchmark
from benchmarks.submissions.map_checks import Problem, problem
from benchmarks.submissions.validate import problems

#: Seconds that an entry may take.
LIMIT = 300.0
ROOT = Path(__file__).resolve().parents[2]


def problems_apart(path: Path, benchmark: Path, sets: tuple[str, ...] = (), limit: float = LIMIT) -> list[Problem]:
    """As :func:`benchmarks.submissions.validate.problems`, and what hangs or crashes is one of the problems.

    Parameters
    ----------
    path : Path
        Submission.
    benchmark : Path
        Prepared folder.
    sets : tuple of str
    limit : float
        Seconds that an entry may take.
    """
    search = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH")) if p)
    command = [sys.executable, "-m", "benchmarks.submissions.validate_apart", str(path), str(benchmark), *sets]
    lines: queue.Queue[str] = queue.Queue()
    at = str(path)
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": search}) as process:
        reader = threading.Thread(target=_collect, args=(process.stdout, lines), daemon=True)
        reader.start()
        try:
            while line := lines.get(timeout=limit):
                value = json.loads(line)
                if isinstance(value, list):
                    return [Problem(*pair) for pair in value]
                at = value
        except queue.Empty:
            received = f"nothing after {limit:g} seconds"
            return [problem(at, "a file that HDF5 can read", received, "It is damaged, or far too large.")]
        finally:
            process.kill()
            reader.join()
    received = f"the end of its process (exit code {process.returncode})"
    return [problem(at, "a file that HDF5 can read", received, "It is damaged: write it again.")]


def _collect(stream, lines: queue.Queue[str]) -> None:
    for line in stream:
        lines.put(line.decode())
    lines.put("")


def _main(path: str, benchmark: str, *sets: str) -> None:
    def say(value) -> None:
        print(json.dumps(value), flush=True)

    found = problems(path, Benchmark(benchmark), sets, starting=say)
    say([(one.where, one.text) for one in found])


if __name__ == "__main__":
    _main(*sys.argv[1:])
