"""maps.h5: the probability maps of a scan, compressed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

import numpy as np

from pocketvox.channels import LABEL_RADIUS, LIGAND
from pocketvox.errors import InputError
from pocketvox.hdf5 import open_hdf5, plain_dataset
from pocketvox.voxel.grid import Grid, Volume
from pocketvox.voxel.tiles import TiledArray, dilated

SCHEMA_VERSION = 1
DATASET = "probability"
#: Voxels of a chunk along x, y and z, of one channel.
CHUNK = 32
#: Voxels along each axis of the parts of maps on disk that are written together: a multiple of the chunk.
BOX = 3 * CHUNK
#: Deflate level: higher ones take several times as long for a few per cent.
LEVEL = 1
#: Probabilities below this are stored as 0, and so is all that is farther than REACH from where the ligand probability
#: is at least this: typed channels say nothing where no ligand can be, and no hot-spot comes from there.
FLOOR = 1e-3
#: Points of a ligand (centres of rings and charges) and their labels may be this far from its atoms' voxels (angstrom).
REACH = LABEL_RADIUS
#: Folder of a result for maps in the formats of other programs.
MAPS = "maps"


def write_maps(
    path: str | Path,
    volume: Volume,
    *,
    calibrated: bool,
    floor: float = FLOOR,
    dataset: str = DATASET,
    attributes: Mapping[str, object] | None = None,
) -> None:
    """Write maps as float16.

    float16 keeps probabilities to 0.0005 or better.

    Parameters
    ----------
    path : str or Path
    volume : Volume
        Probabilities, shape=(x, y, z, channel).
    calibrated : bool
        Whether they are calibrated.
    floor : float, optional
        See :data:`FLOOR`; 0 stores everything.
    dataset : str, optional
        Name of the dataset: other values than probabilities have another.
    attributes : mapping, optional
        Further attributes.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    from pocketvox.hdf5 import new_hdf5

    with new_hdf5(path) as file:
        stored = file.create_dataset(
            dataset,
            shape=volume.values.shape,
            dtype="<f2",
            chunks=(*(min(CHUNK, n) for n in volume.grid.shape), 1),
            compression="gzip",
            compression_opts=LEVEL,
            shuffle=True,
            track_times=False,
        )
        for target in (file, stored):
            _write_attributes(target.attrs, volume, calibrated)
            target.attrs.update(attributes or {})
        reach = math.ceil(REACH / volume.grid.spacing) if floor > 0 and LIGAND in volume.channels else None
        ligand = volume.channels.index(LIGAND) if reach is not None else 0
        for part, values in _boxes(volume.values, reach or 0):
            compact = _compact(values, ligand, floor, reach)
            inner = tuple(slice(a - low, b - low) for a, b, low in part)
            target = tuple(slice(a, b) for a, b, _ in part)
            for k in range(values.shape[3]):
                stored[(*target, k)] = compact[(k, *inner)]


def joint_channel(volume: Volume, k: int) -> np.ndarray:
    """The map of one channel for viewers, shape=(x, y, z).

    A typed channel is multiplied by ``ligand``, if the volume has it: away from where a ligand can be, a conditional
    probability says nothing, but would be drawn all the same.
    """
    values = volume.values[..., k]
    if volume.channels[k] == LIGAND or LIGAND not in volume.channels:
        return values
    return values * volume.values[..., volume.channels.index(LIGAND)]


def read_maps(path: str | Path, dataset: str = DATASET) -> Volume:
    """Read what :func:`write_maps` wrote.

    Parameters
    ----------
    path : str or Path
    dataset : str, optional
        As it was written.

    Returns
    -------
    Volume
        Values float32, shape=(x, y, z, channel).

    Raises
    ------
    InputError
        If the file cannot be read or holds no maps.
    """
    try:
        with open_hdf5(path) as file:
            stored = plain_dataset(file, dataset)
            attributes = {name: stored.attrs[name] for name in ("origin", "spacing", "channels")}
            values = stored[...].astype(np.float32)
        grid = Grid(tuple(float(v) for v in attributes["origin"]), values.shape[:3], float(attributes["spacing"]))
        channels = tuple(c.decode() if isinstance(c, bytes) else str(c) for c in attributes["channels"])
        if values.shape[3:] != (len(channels),):
            raise ValueError(f"shape {values.shape} for {len(channels)} channels")
        if not (np.isfinite(values).all() and np.isfinite(grid.origin).all() and 0 < grid.spacing < np.inf):
            raise ValueError("numbers that are not finite, or a spacing that is none")
    except (OSError, KeyError, AttributeError, RuntimeError, ValueError, TypeError) as error:
        raise InputError(f"{path}: expected a maps.h5 written by a scan. Received: {error}.") from error
    return Volume(values, grid, channels)


def _write_attributes(attributes, volume: Volume, calibrated: bool) -> None:
    attributes["schema_version"] = SCHEMA_VERSION
    attributes["origin"] = np.array(volume.grid.origin, np.float64)
    attributes["spacing"] = float(volume.grid.spacing)
    attributes["channels"] = list(volume.channels)
    attributes["calibrated"] = bool(calibrated)


def _boxes(values: np.ndarray | TiledArray, reach: int) -> Iterator[tuple[list[tuple[int, int, int]], np.ndarray]]:
    """Yield parts of maps with ``reach`` voxels around them, where there are any: all at once what is in memory.

    A part is given by its first voxel, the one past its last and the first of the values, for each axis.
    """
    if not isinstance(values, TiledArray):
        yield [(0, n, 0) for n in values.shape[:3]], values
        return
    for start in product(*(range(0, n, BOX) for n in values.shape[:3])):
        stop = [min(a + BOX, n) for a, n in zip(start, values.shape[:3], strict=True)]
        low = [max(a - reach, 0) for a in start]
        high = [min(b + reach, n) for b, n in zip(stop, values.shape[:3], strict=True)]
        box = values.box(low, high)
        if box.any():
            yield list(zip(start, stop, low, strict=True)), box


def _compact(values: np.ndarray, ligand: int, floor: float, reach: int | None) -> np.ndarray:
    """Channels first, float16, small values 0; shape=(channel, x, y, z)."""
    out = np.zeros((values.shape[3], *values.shape[:3]), np.float16)
    if reach is None:
        kept = np.arange(out[0].size)
    else:
        kept = np.flatnonzero(dilated(values[..., ligand] >= floor, reach))
    chosen = values.reshape(-1, values.shape[3])[kept]
    chosen = np.where(chosen >= floor, chosen, 0).astype(np.float16)
    for k, channel in enumerate(out.reshape(len(out), -1)):
        channel[kept] = chosen[:, k]
    return out
