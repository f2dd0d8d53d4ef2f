"""Compiling the loops over voxels, once per installation."""

from __future__ import annotations

import numba
import numpy as np


def compiled(function):
    """Compile with numba, keeping the machine code on disk for the next process.

    numba writes beside the source or, if that is read-only, to the user's cache directory; ``NUMBA_CACHE_DIR`` names
    another. Where none can be written, every process compiles anew (seconds) instead of failing. The machine code is
    renewed when the file of the function changes, not when one that it imports from does: functions that call each
    other belong in one file. Threads may run the function at the same time.
    """
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # "no locator available": no writable place for the cache
        return numba.njit(nogil=True)(function)


@compiled
def row_range(center, half, size):
    """First and one-past-last of the indices 0..size-1 within ``half`` of ``center``; as floats, so none overflows."""
    first = max(np.ceil(center - half), 0.0)
    last = min(np.floor(center + half), size - 1.0)
    if first > last:
        return 0, 0
    return int(first), int(last) + 1
