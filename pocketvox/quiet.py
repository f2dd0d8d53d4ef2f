"""OpenVINO without reports to its makers."""

from __future__ import annotations

import importlib
import sys

#: With this package OpenVINO reports over the network that it was imported, and every network that it converts, from
#: forked processes, each of which holds the locks of all files that happen to be open. Without it there are no reports.
REPORTS = "openvino_telemetry"


def load_openvino():
    """The module ``openvino``; unless somebody else loaded it before, it reports nothing.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    if "openvino" in sys.modules or REPORTS in sys.modules:
        return importlib.import_module("openvino")
    sys.modules[REPORTS] = None  # importing it raises ImportError, for which OpenVINO is prepared
    try:
        return importlib.import_module("openvino")
    finally:
        del sys.modules[REPORTS]
