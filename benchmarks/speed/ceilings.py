"""What this machine can do at best, on one core: bytes per second and operations per second.

Rates are per second of processor time, so that a matrix product on several cores counts as one on one core.
"""

from __future__ import annotations

import numba
import numpy as np

from benchmarks.speed.rows import interleave, timed


@numba.njit
def _triad(out, a, b, factor):
    for i in range(out.size):
        out[i] = a[i] + factor * b[i]


def measure(nbytes: int, repeats: int) -> dict[str, float]:
    """Ceilings of one core.

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
    n = nbytes // 4
    a, b, c = (np.ones(n, np.float32) for _ in range(3))
    small, result = np.linspace(-4, 0, 4096, dtype=np.float32), np.empty(4096, np.float32)
    left, product = np.ones((768, 768), np.float32), np.empty((768, 768), np.float32)
    functions = {
        "memset": (lambda: a.fill(0), nbytes),
        "copy": (lambda: np.copyto(a, b), 2 * nbytes),
        "triad": (lambda: _triad(a, b, c, np.float32(0.5)), 3 * nbytes),
        "multiply_add": (lambda: np.matmul(left, left, out=product), 2 * 768**3),
        "exp": (lambda: [np.exp(small, out=result) for _ in range(64)], 64 * small.size),
    }
    times = interleave({name: lambda f=f: timed(f) for name, (f, _) in functions.items()}, repeats)
    return {name: amount / times[name][:, 1].min() for name, (_, amount) in functions.items()}
