"""Results on disk: tables, maps, summaries and files for viewers.

Names are imported when first used: a verb that prints a table does not load what writes maps.
"""

from importlib import import_module
from typing import TYPE_CHECKING

_PUBLIC = {
    "Result": "result",
    "read_maps": "maps",
    "summary": "result",
    "write_maps": "maps",
    "write_result": "folder",
}

__all__ = list(_PUBLIC)

if TYPE_CHECKING:
    from pocketvox.report.folder import write_result as write_result
    from pocketvox.report.maps import read_maps as read_maps
    from pocketvox.report.maps import write_maps as write_maps
    from pocketvox.report.result import Result as Result
    from pocketvox.report.result import summary as summary


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'pocketvox.report' has no attribute {name!r}")
    value = getattr(import_module(f"pocketvox.report.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value
