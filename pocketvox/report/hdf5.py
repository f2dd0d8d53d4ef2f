"""HDF5 files that are written whole: a full disk is an ordinary error, not a damaged file and a failing library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_hdf5(path: str | Path) -> Iterator:
    """An HDF5 file in memory, written in one piece when the block ends.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    import h5py

    with h5py.File(Path(path).name, "w", driver="core", backing_store=False) as file:
        yield file
        file.flush()
        image = file.id.get_file_image()
    Path(path).write_bytes(image)
