"""What a second thread brings, on a machine that may be busy with other work.

A loop that touches no memory, and so gains by a second core whatever that core is connected to, runs just before and
just after each run with two threads. Only runs between two loops that did gain count: the others say what else the
machine did. What is chosen by is never what is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from benchmarks.speed.rows import row
from pocketvox.voxel.parallel import for_each

#: Gain of the loop by a second thread, from which on two cores count as free.
FREE = 1.7
#: Runs between free loops that are needed.
ENOUGH = 5
#: Turns of the loop: a few milliseconds.
TURNS = 2_000_000


def scaling_row(name: str, work: Callable[[int], object], rounds: int, target: str | None = None) -> dict:
    """A row of the table: gain of ``work`` by a second thread beside that of the loop.

    Parameters
    ----------
    name : str
    work : callable
        Takes a number of threads.
    rounds : int
    target : str, optional
        For the gain of the work over that of the loop; judged where cores were free often enough.

    Returns
    -------
    dict
        Of :func:`benchmarks.speed.rows.row`.
    """
    times = _rounds(work, rounds)
    best = times.min(axis=0)
    gain, machine, count = gains(times)
    if count >= ENOUGH:
        details = f"peer: a loop that touches no memory; medians of {count} of {rounds} runs, those with two free cores"
        return row(name, gain, machine, unit="times", target=target, details=details)
    gain, machine = float(best[1] / best[3]), float(best[0] / min(best[2], best[4]))
    details = f"peer: a loop that touches no memory; best of {rounds} runs, both cores were free in {count}"
    if target is None:
        return row(name, gain, machine, unit="times", details=details)
    return {**row(name, gain, machine, unit="times", details=f"{details}, too few to judge"), "target": target}


def gains(times: np.ndarray) -> tuple[float, float, int]:
    """Gains of the work and of the loop by a second thread where cores were free, and how often they were.

    Parameters
    ----------
    times : ndarray, shape=(rounds, 5)
        Seconds of the loop with one thread, the work with one, the loop with two, the work with two, the loop with two.

    Returns
    -------
    work, loop : float
        The shortest time with one thread over the median with two; NaN if cores were never free.
    count : int
    """
    alone, loops = times.min(axis=0), times[:, [2, 4]].max(axis=1)
    kept = alone[0] / loops >= FREE
    if not kept.any():
        return np.nan, np.nan, 0
    return float(alone[1] / np.median(times[kept, 3])), float(alone[0] / np.median(loops[kept])), int(kept.sum())


def _rounds(work: Callable[[int], object], rounds: int) -> np.ndarray:
    with ThreadPoolExecutor(1) as pool:

        def loops(threads: int) -> None:
            other = pool.submit(_spin, TURNS) if threads == 2 else None
            _spin(TURNS)
            if other is None:
                _spin(TURNS)
            else:
                other.result()

        steps = ((loops, 1), (work, 1), (loops, 2), (work, 2), (loops, 2))
        return np.array([[_seconds(function, n) for function, n in steps] for _ in range(rounds + 1)])[1:]


def _seconds(function: Callable[[int], object], threads: int) -> float:
    start = time.perf_counter()
    function(threads)
    return time.perf_counter() - start


def multiply_adds(threads: int) -> None:
    """Work for :func:`scaling_row` that keeps a core's units for arithmetic busy and touches no memory.

    Two processors that share a core gain little by it, where they gain fully by a loop that waits for its own results.
    """
    for_each(_multiply_add, (TURNS // 4,) * 2, threads)


@numba.njit(nogil=True)
def _multiply_add(turns):
    """Eight sums that do not wait for each other."""
    a = b = c = d = e = f = g = h = 0.0
    for k in range(turns):
        a, b, c, d = 0.5 * a + k, 0.4 * b + k, 0.3 * c + k, 0.2 * d + k
        e, f, g, h = 0.6 * e + k, 0.7 * f + k, 0.8 * g + k, 0.9 * h + k
    return a + b + c + d + e + f + g + h


@numba.njit(nogil=True)
def _spin(turns):
    x = 0.0
    for k in range(turns):
        x = 0.5 * x + k
    return x
