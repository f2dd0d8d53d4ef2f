"""CCP4/MRC maps, one per channel, that viewers place on the structure."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pocketvox.channels import LIGAND
from pocketvox.voxel.grid import Grid, Volume

#: Header words of the format (1-based): first grid point of the map, position of the first voxel (MRC 2014).
_NSTART, _ORIGIN = 5, 50


def write_ccp4(folder: str | Path, volume: Volume) -> tuple[Path, ...]:
    """Write one map per channel, ``<channel>.ccp4``.

    Typed channels are written as joint values (conditional x ligand): away from where a ligand can be, a conditional
    probability says nothing, but would be drawn all the same.

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
    paths = []
    for k, channel in enumerate(volume.channels):
        values = volume.values[..., k]
        if channel != LIGAND and LIGAND in volume.channels:
            values = values * volume.values[..., volume.channels.index(LIGAND)]
        paths.append(folder / f"{channel}.ccp4")
        write_map(paths[-1], values, volume.grid)
    return tuple(paths)


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
