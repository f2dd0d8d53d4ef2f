"""Volumes as HDF5 files: one dataset on a grid, its geometry and channel names as attributes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pocketvox.hdf5 import new_hdf5
from pocketvox.voxel import Volume

SCHEMA_VERSION = 1


def write_volume(path: str | Path, name: str, volume: Volume, *, envelope: np.ndarray | None = None, **attributes):
    """Write a volume to a new HDF5 file.

    Parameters
    ----------
    path : str or Path
        Overwritten if it exists.
    name : str
        Name of the dataset.
    volume : Volume
    envelope : ndarray, shape=(x, y, z), optional
        Voxels where the values are known; a dataset of its own.
    attributes : str, int or float
        Further attributes of the file.

    Notes
    -----
    Attributes ``origin`` (centre of voxel (0, 0, 0), angstrom), ``spacing`` (angstrom), ``channels`` and
    ``schema_version`` as in the maps that a scan writes.
    """
    with new_hdf5(path) as h5:
        h5.attrs["schema_version"] = SCHEMA_VERSION
        h5.attrs["origin"] = np.asarray(volume.grid.origin, float)
        h5.attrs["spacing"] = float(volume.grid.spacing)
        h5.attrs["channels"] = list(volume.channels)
        for key, value in attributes.items():
            h5.attrs[key] = value
        options = {"compression": "gzip", "compression_opts": 4, "shuffle": True, "track_times": False}
        h5.create_dataset(name, data=volume.values, **options)
        if envelope is not None:
            h5.create_dataset("envelope", data=envelope, **options)
