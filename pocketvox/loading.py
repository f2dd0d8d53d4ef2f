"""Libraries loaded as if something that they would load besides were not installed; they are prepared for that."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType


def load_without(name: str, unwanted: str) -> ModuleType:
    """The module ``name``, loaded without ``unwanted``, unless one of the two is loaded already.

    To be called before other threads may load ``unwanted``: meanwhile they could not.

    Raises
    ------
    ImportError
        If ``name`` is not installed.
    """
    if name in sys.modules or unwanted in sys.modules:
        return importlib.import_module(name)
    sys.modules[unwanted] = None  # importing it raises ImportError
    try:
        return importlib.import_module(name)
    finally:
        del sys.modules[unwanted]


def load_openvino() -> ModuleType:
    """The module ``openvino``, which then reports nothing to its makers.

    Else it would report over the network that it was imported, and every network that it converts, from forked
    processes, each of which holds the locks of all files that happen to be open.
    """
    return load_without("openvino", "openvino_telemetry")


def load_numba() -> None:
    """Load numba, which then takes it that there is no BLAS; for processes in which all compiled loops are ours.

    None of ours calls BLAS, and to learn whether there is one numba loads ``scipy.linalg``: a tenth of the time of a
    scan of one protein.
    """
    load_without("numba.np.arraymath", "scipy.linalg")
