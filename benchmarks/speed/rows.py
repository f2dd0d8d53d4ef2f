"""Rows of the table of speeds, and the timing of pairs."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterable

import numpy as np

_COMPARE = {"<=": operator.le, ">=": operator.ge, "==": operator.eq}


def row(
    name: str,
    ours: float | None,
    peer: float | None = None,
    *,
    unit: str,
    target: str | None = None,
    of: str = "ratio",
    details: str = "",
) -> dict:
    """One row of the table, as it is stored in JSON.

    Parameters
    ----------
    name : str
        What was measured.
    ours, peer : float, optional
        In ``unit``; None for what was not measured.
    unit : str
        ``s``, ``GB/s`` or any other.
    target : str, optional
        An operator (``<=``, ``>=`` or ``==``), a space and a number.
    of : str
        What the target is for: ``ratio`` (ours / peer) or ``ours``.
    details : str
        What the peer is, what was counted.

    Returns
    -------
    dict
        With ``ratio``, None if there is no peer, and ``met``, None if there is no target or no value to compare.
    """
    ratio = ours / peer if ours is not None and peer else None
    value = ratio if of == "ratio" else ours
    met = None
    if target is not None and value is not None:
        sign, bound = target.split()
        met = bool(_COMPARE[sign](value, float(bound)))
    return {
        "name": name,
        "ours": ours,
        "peer": peer,
        "unit": unit,
        "ratio": ratio,
        "target": target if target is None or of == "ratio" else f"ours {target}",
        "met": met,
        "details": details,
    }


def timed(function: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock and of this process's processors."""
    wall, used = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - wall, time.process_time() - used


def interleave(functions: dict[str, Callable[[], tuple[float, float]]], repeats: int) -> dict[str, np.ndarray]:
    """Run functions that time themselves in turn, so that what else the machine does hits all of them.

    Parameters
    ----------
    functions : dict of str to callable
        Each gives seconds on the clock and of processors, as :func:`timed` does.
    repeats : int
        Rounds that count, after two that do not.

    Returns
    -------
    dict of str to ndarray, shape=(repeats, 2), dtype=float64
    """
    rounds = [{name: function() for name, function in functions.items()} for _ in range(repeats + 2)]
    return {name: np.array([found[name] for found in rounds[2:]]) for name in functions}


def summary(times: Iterable) -> str:
    """Median and minimum on the clock, in milliseconds."""
    wall = np.asarray(times)[:, 0] * 1e3
    return f"clock {np.median(wall):.2f} ms, at best {wall.min():.2f}"
