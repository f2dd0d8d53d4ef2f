"""Numba without scipy.linalg: a tenth of the time of a scan of one protein."""

from __future__ import annotations

import importlib
import sys

#: Numba loads it to learn whether its loops could call BLAS. None of ours does.
UNUSED = "scipy.linalg"


def load_numba() -> None:
    """Load numba, which then takes it that there is no BLAS; for processes in which all loops are ours.

    To be called before other threads may load ``scipy.linalg``: meanwhile they could not.
    """
    if UNUSED in sys.modules:
        return
    sys.modules[UNUSED] = None  # importing it raises ImportError, for which numba is prepared
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        del sys.modules[UNUSED]
