"""The command line as a child process: its time on the clock and of processors, and its largest resident memory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from pocketvox.errors import InputError


@dataclass(frozen=True)
class Run:
    """One run: seconds on the clock and of processors, peak resident memory (MiB), and what it wrote to stderr."""

    wall: float
    used: float
    memory: float
    text: str

    def stages(self) -> list[dict[str, float]]:
        """Seconds by stage from ``--timings``: the start, then each input."""
        lines = [line for line in self.text.splitlines() if ": timings: " in line]
        return [{name: float(value) for name, value in re.findall(r"(\w+) (\d+\.\d+) s", line)} for line in lines]


def run(*arguments, folder: Path) -> Run:
    """Run ``python -m pocketvox ARGUMENTS`` in a folder.

    Raises
    ------
    InputError
        If it fails.
    """
    command = [sys.executable, "-m", "pocketvox", *map(str, arguments)]
    source = Path(__file__).resolve().parents[2]
    with open(folder / "stderr.txt", "w+", encoding="utf-8") as errors:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=errors, env={**os.environ, "PYTHONPATH": str(source)}
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        text = errors.read()
    if process.returncode:
        raise InputError(f"Expected `{' '.join(command)}` to succeed. Received: {text.strip().splitlines()[-1:]}.")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text)
