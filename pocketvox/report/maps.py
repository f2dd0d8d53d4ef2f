"""maps.h5: the probability maps of a scan, compressed.

Chunks are shuffled and deflated here and handed to HDF5 ready: the same file as its own filters make, in a third of the
time, on all processors.
"""

from __future__ import annotations

import itertools
import math
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from pocketvox.channels import LABEL_RADIUS, LIGAND
from pocketvox.errors import InputError
from pocketvox.voxel.grid import Grid, Volume

SCHEMA_VERSION = 1
DATASET = "probability"
#: Voxels of a chunk along x, y and z, of one channel.
CHUNK = 32
#: Deflate level: higher ones take several times as long for a few per cent.
LEVEL = 1
#: Probabilities below this are stored as 0, and so is all that is farther than REACH from where the ligand probability
#: is at least this: typed channels say nothing where no ligand can be, and no hot-spot comes from there.
FLOOR = 1e-3
#: Points of a ligand (centres of rings and charges) and their labels may be this far from its atoms' voxels (angstrom).
REACH = LABEL_RADIUS


def write_maps(path: str | Path, volume: Volume, *, calibrated: bool, floor: float = FLOOR) -> None:
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

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    import h5py

    values = _compact(volume, floor)
    chunk = tuple(min(CHUNK, n) for n in volume.grid.shape)
    starts = list(itertools.product(*(range(0, n, c) for n, c in zip(volume.grid.shape, chunk, strict=True))))
    with h5py.File(path, "w", track_order=False) as file:
        dataset = file.create_dataset(
            DATASET,
            shape=volume.values.shape,
            dtype="<f2",
            chunks=(*chunk, 1),
            compression="gzip",
            compression_opts=LEVEL,
            shuffle=True,
            track_times=False,
        )
        for target in (file, dataset):
            _write_attributes(target.attrs, volume, calibrated)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            packed = pool.map(lambda start: _pack(values, start, chunk), starts)
            for start, columns in zip(starts, packed, strict=True):
                for k, data in enumerate(columns):
                    if data is not None:
                        dataset.id.write_direct_chunk((*start, k), data)


def read_maps(path: str | Path) -> Volume:
    """Read what :func:`write_maps` wrote.

    Returns
    -------
    Volume
        Values float32, shape=(x, y, z, channel).

    Raises
    ------
    InputError
        If the file cannot be read or holds no maps.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            dataset = file[DATASET]
            attributes = dict(dataset.attrs)
            values = dataset[...].astype(np.float32)
        grid = Grid(tuple(float(v) for v in attributes["origin"]), values.shape[:3], float(attributes["spacing"]))
        channels = tuple(c.decode() if isinstance(c, bytes) else str(c) for c in attributes["channels"])
    except (OSError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: expected a maps.h5 written by a scan. Received: {error}.") from error
    return Volume(values, grid, channels)


def _write_attributes(attributes, volume: Volume, calibrated: bool) -> None:
    attributes["schema_version"] = SCHEMA_VERSION
    attributes["origin"] = np.array(volume.grid.origin, np.float64)
    attributes["spacing"] = float(volume.grid.spacing)
    attributes["channels"] = list(volume.channels)
    attributes["calibrated"] = bool(calibrated)


def _compact(volume: Volume, floor: float) -> np.ndarray:
    """Channels first, float16, small values 0; shape=(channel, x, y, z)."""
    values = volume.values
    out = np.zeros((values.shape[3], *values.shape[:3]), np.float16)
    if floor > 0 and LIGAND in volume.channels:
        from scipy.ndimage import maximum_filter

        possible = values[..., volume.channels.index(LIGAND)] >= floor
        kept = np.flatnonzero(maximum_filter(possible, 2 * math.ceil(REACH / volume.grid.spacing) + 1))
    else:
        kept = np.arange(out[0].size)
    chosen = values.reshape(-1, values.shape[3])[kept]
    chosen = np.where(chosen >= floor, chosen, 0).astype(np.float16)
    for k, channel in enumerate(out.reshape(len(out), -1)):
        channel[kept] = chosen[:, k]
    return out


def _pack(values: np.ndarray, start: tuple[int, ...], chunk: tuple[int, ...]) -> list[bytes | None]:
    """Filtered bytes of the chunk of every channel at ``start``; None where all is 0, the fill value."""
    block = values[(slice(None), *(slice(s, s + c) for s, c in zip(start, chunk, strict=True)))]
    packed = []
    for part in block:
        if not part.any():
            packed.append(None)
            continue
        if part.shape != chunk:
            part = np.pad(part, [(0, c - n) for c, n in zip(chunk, part.shape, strict=True)])
        shuffled = np.ascontiguousarray(part).view(np.uint8).reshape(-1, 2).T.tobytes()
        packed.append(zlib.compress(shuffled, LEVEL))
    return packed
