"""Damaged files by the million: ``python -m benchmarks.fuzz --cases N -o FILE``.

Every reader gets small changes to valid files, as tests/mutations.py makes them. A case is read or refused with a
documented error. Anything else is counted as what it is: another exception or a warning (``crashed``), more than ten
seconds (``hung``), a process that died, more than a gigabyte of memory beyond what a fresh process needs; its file is
kept. Changes are guided by what they lead to: a case whose message, taken without numbers and quotations, is new is a
seed of later ones. The same seed gives the same cases.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from benchmarks.environment import environment

ROOT = Path(__file__).resolve().parent.parent
#: Cases of a process: whatever a reader leaks ends with it.
CHUNK = 10_000
#: Seconds of a case, and GiB beyond a fresh process.
LONGEST, MOST_MEMORY = 10.0, 1.0
#: Part of the cases by kind; the readers that users' files go through most get most.
SHARE = {
    "pdb": 12, "cif": 14, "bcif": 8, "gz": 5, "sdf": 10, "mol2": 10, "maps": 7, "submitted": 4, "summary": 6,
    "preset": 6, "metadata": 3, "submission": 2, "pockets": 5, "manifest": 5, "table": 3,
}  # fmt: skip


def worker(kind: str, chunk: int, first: int, kept: Path) -> int:
    """Run the cases of a chunk from ``first`` on; a line for each: its number, and what became of it."""
    sys.path.insert(0, str(ROOT / "tests"))
    from mutations import attempt, damaged, readers, seeds

    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known, seen = [seeds(folder)[kind]], set()
        reading, choose = readers(folder)[kind], random.Random(f"{kind} {chunk}")
        for number in range(CHUNK):
            source = known[0] if choose.random() < 0.5 else choose.choice(known)
            data = damaged(source, choose)
            if number < first:
                continue
            (kept / f"{kind}-{chunk}").write_bytes(data)
            print(f"{number} begin", flush=True)
            try:
                outcome, message = attempt(kind, data, folder, reading)
            except Exception as error:  # noqa: BLE001 - that is what is looked for
                outcome, message = "crashed", repr(error)
                (kept / f"{kind}-{chunk}-{number}-crashed").write_bytes(data)
            print(f"{number} {outcome} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}", flush=True)
            told = re.sub(r"'[^']*'|\"[^\"]*\"|\S*\d\S*|\S*/\S*", "", message)
            if told not in seen and len(data) < 200_000:
                seen.add(told)
                known.append(data)
    return 0


def run_chunk(kind: str, chunk: int, kept: Path) -> Counter:
    """Cases of a chunk by outcome; a process that hangs or dies is replaced after the case it was at."""
    outcomes: Counter = Counter()
    first = 0
    while first < CHUNK:
        command = [sys.executable, "-m", "benchmarks.fuzz", "--worker", kind, str(chunk), str(first), "-o", str(kept)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT)
        lines: Queue = Queue()
        Thread(target=lambda lines=lines, out=process.stdout: [lines.put(line) for line in out], daemon=True).start()
        at, fresh, limit = first, None, 120.0
        while True:
            try:
                line = lines.get(timeout=limit).split()
            except Empty:
                outcomes["hung"] += 1
                os.replace(kept / f"{kind}-{chunk}", kept / f"{kind}-{chunk}-{at}-hung")
                process.kill()
                break
            at, limit = int(line[0]), LONGEST
            if line[1] == "begin":
                continue
            outcomes[line[1]] += 1
            memory = int(line[2]) / 2**20
            fresh = memory if fresh is None else fresh
            if memory > fresh + MOST_MEMORY:
                outcomes["memory"] += 1
                fresh = memory
            if at == CHUNK - 1:
                break
            if process.poll() is not None and lines.empty():
                time.sleep(0.2)
                if lines.empty():
                    outcomes["died"] += 1
                    at += 1
                    os.replace(kept / f"{kind}-{chunk}", kept / f"{kind}-{chunk}-{at}-died")
                    break
        process.wait()
        first = at + 1
    (kept / f"{kind}-{chunk}").unlink(missing_ok=True)
    return outcomes


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 1 if a case was neither read nor refused."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000, help="in all (default: 10,000)")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--kept", type=Path, default=Path("fuzz-kept"), help="folder for cases that fail")
    parser.add_argument("--first", type=int, default=0, help="number of the first chunk: another gives other cases")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args(argv)
    if args.worker:
        kind, chunk, first = args.worker
        return worker(kind, int(chunk), int(first), args.output)
    args.kept.mkdir(parents=True, exist_ok=True)
    whole = sum(SHARE.values())
    counts = {kind: max(1, round(args.cases * share / whole / CHUNK)) for kind, share in SHARE.items()}
    jobs = sorted((k / n, kind, args.first + k) for kind, n in counts.items() for k in range(n))
    rows: dict[str, Counter] = {kind: Counter() for kind in SHARE}
    begin = time.monotonic()
    with ThreadPoolExecutor(args.processes) as pool:
        for done, (kind, outcomes) in enumerate(
            pool.map(lambda job: (job[1], run_chunk(job[1], job[2], args.kept)), jobs), 1
        ):
            rows[kind] += outcomes
            found = {
                "cases": sum(rows[kind]["read"] + rows[kind]["refused"] + rows[kind]["crashed"] for kind in rows),
                "first_chunk": args.first,
                "hours": round((time.monotonic() - begin) / 3600, 3),
                "outcomes": dict(sum(rows.values(), Counter())),
                "kinds": {kind: dict(row) for kind, row in rows.items()},
                "environment": environment(),
            }
            args.output.write_text(json.dumps(found, indent=1) + "\n")
            print(f"{done} of {len(jobs)}: {kind} {dict(outcomes)}", file=sys.stderr, flush=True)
    return int(any(key not in ("read", "refused") for row in rows.values() for key in row))


if __name__ == "__main__":
    sys.exit(main())
