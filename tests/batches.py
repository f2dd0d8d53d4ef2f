"""Batches as processes of their own, and what they leave behind."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from conftest import ROOT, environment

DATA = ROOT / "tests" / "data"
STRUCTURES = {"1orc": DATA / "1orc.pdb.gz", "4cup": DATA / "4cup.cif.gz"}


def make_manifest(folder: Path, count: int, *further: str) -> Path:
    """A list of structures, copies of two, and one that is none."""
    kinds = list(STRUCTURES.values())
    lines = []
    for k in range(count):
        source = kinds[k % 2]
        path = folder / f"s{k}{''.join(source.suffixes)}"
        shutil.copy(source, path)
        lines.append(path.name)
    (folder / "bad.pdb").write_text("no structure\n")
    path = folder / "list.txt"
    path.write_text("# structures\n" + "\n".join([*lines, *further, "bad.pdb   # not one"]) + "\n")
    return path


def start_batch(manifest: Path, out: Path | str, preset: Path, *options, **changes: str) -> subprocess.Popen:
    """Start a batch, with two workers if there is no scheduler; ``changes`` are of its environment."""
    command = [sys.executable, "-m", "pocketvox", "scan", "--manifest", str(manifest), "-o", str(out)]
    command += ["--preset", str(preset), "--no-report", *map(str, options)]
    command += [] if {"--scheduler", "--workers"} & set(options) else ["--workers", "2"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment(**changes), start_new_session=True, **pipes)


def ended(process: subprocess.Popen, timeout: float = 240) -> tuple[int, str]:
    """Exit code and what it said on stderr."""
    _, errors = process.communicate(timeout=timeout)
    return process.returncode, errors


def content(out: Path) -> dict[str, bytes]:
    """Every file, with its bytes; times in summaries do not count."""
    found = {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    return {name: without_times(name, data) for name, data in found.items()}


def without_times(name: str, data: bytes) -> bytes:
    """The bytes of a file; of a summary without the seconds that things took."""
    return json.dumps(json.loads(data) | {"seconds": {}}).encode() if name.endswith("summary.json") else data


def children(pid: int) -> list[int]:
    """Processes that a process started, one level deep, but for multiprocessing's own helper."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rsplit(")", 1)[1].split()[1]) == pid:
                line = (path.parent / "cmdline").read_bytes()
                if b"spawn_main" in line:
                    found.append(int(path.parent.name))
        except (OSError, IndexError, ValueError):
            continue
    return found


def wait_for(condition, seconds: float = 60.0):
    """What a condition gives once it gives anything."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def finished(out: Path) -> int:
    """Results that are there."""
    return sum(1 for _ in out.glob("*/summary.json"))
