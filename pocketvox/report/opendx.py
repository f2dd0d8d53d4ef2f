"""OpenDX maps, one per channel, as APBS, VMD, PyMOL and GridDataFormats read them.

The format: https://www.poissonboltzmann.org/en/latest/formats/opendx.html (scalar data on a regular grid).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pocketvox.report.maps import MAPS, joint_channel
from pocketvox.report.result import Result
from pocketvox.voxel.grid import Grid

#: Decimals of a value: finer than maps.h5, which keeps nothing below 0.001.
DECIMALS = 4
#: Values on a line, as APBS writes them.
_PER_LINE = 3

_HEAD = """\
# {channel}, written by pocketvox
object 1 class gridpositions counts {counts}
origin {origin}
delta {spacing} 0 0
delta 0 {spacing} 0
delta 0 0 {spacing}
object 2 class gridconnections counts {counts}
object 3 class array type double rank 0 items {items} data follows
"""
_TAIL = """
attribute "dep" string "positions"
object "{channel}" class field
component "positions" value 1
component "connections" value 2
component "data" value 3
"""


def write_maps_opendx(folder: Path, result: Result) -> None:
    """Write ``maps/<channel>.dx`` for every channel, as :func:`~pocketvox.report.maps.joint_channel` gives it.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    (folder / MAPS).mkdir(exist_ok=True)
    for k, channel in enumerate(result.maps.channels):
        write_dx(folder / MAPS / f"{channel}.dx", joint_channel(result.maps, k), result.maps.grid, channel)


def write_dx(path: Path, values: np.ndarray, grid: Grid, channel: str) -> None:
    """Write one map.

    Parameters
    ----------
    path : Path
    values : ndarray, shape=(x, y, z)
        Probabilities, 0 to 1; written to :data:`DECIMALS`.
    grid : Grid
    channel : str
        Name of the field.
    """
    parts = {
        "channel": channel,
        "counts": " ".join(map(str, grid.shape)),
        "origin": " ".join(f"{v:.6g}" for v in grid.origin),
        "spacing": f"{grid.spacing:.6g}",
        "items": values.size,
    }
    with path.open("wb") as file:
        file.write(_HEAD.format(**parts).encode("ascii"))
        file.write(_text(values))
        file.write(_TAIL.format(**parts).encode("ascii"))


def _text(values: np.ndarray) -> bytes:
    """Values, z fastest, as numbers between blanks; each is looked up in a table of all that can be written."""
    steps = 10**DECIMALS
    table = np.array([f"{n / steps:.{DECIMALS}f} ".encode("ascii") for n in range(steps + 1)])
    numbers = np.rint(np.clip(values, 0, 1).ravel().astype(np.float64) * steps).astype(np.int64)
    text = table[numbers].view(np.uint8).reshape(len(numbers), table.itemsize)
    text[_PER_LINE - 1 :: _PER_LINE, -1] = ord("\n")
    return text.tobytes()
