"""CCP4 maps, one per channel, that viewers place on the structure.

A CCP4 map of 32-bit floats is an MRC file, and an MRC file of the 2014 standard is a CCP4 map: there is one writer, and
a program that wants ``.mrc`` reads these files under that name.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pocketvox.report.maps import MAPS, joint_channel
from pocketvox.voxel.grid import Grid, Volume

if TYPE_CHECKING:
    from pocketvox.report.result import Result

#: Header words of the format (1-based): first grid point of the map, position of the first voxel (MRC 2014).
_NSTART, _ORIGIN = 5, 50


def write_maps_ccp4(folder: Path, result: Result) -> None:
    """Write the maps of a result to ``maps/``; see :func:`write_ccp4`."""
    write_ccp4(folder / MAPS, result.maps)


def write_ccp4(folder: str | Path, volume: Volume) -> tuple[Path, ...]:
    """Write one map per channel, ``<channel>.ccp4``, as :func:`~pocketvox.report.maps.joint_channel` gives it.

    Parameters
    ----------
    folder : str or Path
        Made if absent.
    volume : Volume
        Probabilities, shape=(x, y, z, channel).

    Returns
    -------
    tuple of Path
        In the order of the channels.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    paths = tuple(folder / f"{channel}.ccp4" for channel in volume.channels)
    for k, path in enumerate(paths):
        write_map(path, joint_channel(volume, k), volume.grid)
    return paths


def write_map(path: str | Path, values: np.ndarray, grid: Grid) -> None:
    """Write one map, shape=(x, y, z), in a P1 cell as large as the grid.

    A grid whose origin is a multiple of its spacing is placed by NSTART alone, as crystallographic programs expect; any
    other by ORIGIN alone: programs disagree on maps that have both.
    """
    import gemmi

    density = gemmi.FloatGrid(np.asfortranarray(values, np.float32))
    density.spacegroup = gemmi.SpaceGroup("P 1")
    density.set_unit_cell(gemmi.UnitCell(*(n * grid.spacing for n in grid.shape), 90, 90, 90))
    ccp4 = gemmi.Ccp4Map()
    ccp4.grid = density
    ccp4.update_ccp4_header()
    steps = np.array(grid.origin) / grid.spacing
    if np.abs(steps - np.rint(steps)).max() < 1e-3:
        for axis, step in enumerate(np.rint(steps)):
            ccp4.set_header_i32(_NSTART + axis, int(step))
    else:
        for axis, position in enumerate(grid.origin):
            ccp4.set_header_float(_ORIGIN + axis, float(position))
    ccp4.write_ccp4_map(str(path))
