"""What this machine can do at best, on one core: bytes per second and operations per second.

``python -m benchmarks.speed.ceilings BYTES REPEATS`` prints them as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np

from benchmarks.speed.peers import ONE_THREAD
from benchmarks.speed.rows import interleave, timed


@numba.njit
def _triad(out, a, b, factor):
    for i in range(out.size):
        out[i] = a[i] + factor * b[i]


def measure(nbytes: int, repeats: int) -> dict[str, float]:
    """Ceilings of one core, from a process whose numerical libraries have one thread.

    Parameters
    ----------
    nbytes : int
        Size of the arrays that are filled and copied: that of the grids they are compared with.
    repeats : int

    Returns
    -------
    dict of str to float
        ``memset``, ``copy`` and ``triad``: bytes read and written per second. ``multiply_add``: float32 operations per
        second of a matrix product, two for each multiply-add. ``exp``: float32 exponentials per second, on
        values in the cache.
    """
    command = [sys.executable, "-m", "benchmarks.speed.ceilings", str(nbytes), str(repeats)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        command, env={**os.environ, **ONE_THREAD}, cwd=root, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def _here(nbytes: int, repeats: int) -> dict[str, float]:
    n = nbytes // 4
    a, b, c = (np.ones(n, np.float32) for _ in range(3))
    small, result = np.linspace(-4, 0, 4096, dtype=np.float32), np.empty(4096, np.float32)
    left, product = np.ones((384, 384), np.float32), np.empty((384, 384), np.float32)
    functions = {
        "memset": (lambda: a.fill(0), nbytes),
        "copy": (lambda: np.copyto(a, b), 2 * nbytes),
        "triad": (lambda: _triad(a, b, c, np.float32(0.5)), 3 * nbytes),
        "multiply_add": (lambda: np.matmul(left, left, out=product), 2 * 384**3),
        "exp": (lambda: [np.exp(small, out=result) for _ in range(64)], 64 * small.size),
    }
    times = interleave({name: lambda f=f: timed(f) for name, (f, _) in functions.items()}, repeats)
    seconds = {name: found.max(axis=1).min() for name, found in times.items()}  # the shortest run was not interrupted
    return {name: amount / seconds[name] for name, (_, amount) in functions.items()}


if __name__ == "__main__":
    print(json.dumps(_here(int(sys.argv[1]), int(sys.argv[2]))))
