"""HDF5 files: written whole, so that a full disk damages none, and read with care, as anyone may have made them."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: How a heap of strings begins: signature and version.
_HEAP = b"GCOL\1\0\0\0"
#: Numbers of the filters that are read: gzip, shuffle, Fletcher's checksum, LZF. Others run code of plugins.
FILTERS = {1, 2, 3, 32000}
#: Values of a dataset: 4 GiB in single precision, a map of fourteen channels and 320 angstrom.
MOST_VALUES = 2**30
#: gzip packs zeros to a thousandth, and blocks that hold nothing need not be stored; but so many bytes are always read.
MOST_TIMES, ALWAYS = 2000, 2**27


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


def open_hdf5(path: str | Path):
    """A file opened for reading, unless libhdf5 would read it forever.

    Returns
    -------
    h5py.File

    Raises
    ------
    OSError
        If it cannot be read, is no HDF5 file, or is damaged in that way.
    """
    import h5py

    path = Path(path)
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _check_heaps(data)
    return h5py.File(path, "r")


def _check_heaps(data: mmap.mmap) -> None:
    """Refuse a global heap whose free space has no size: libhdf5 steps over it by that size, again and again.

    Heaps hold strings of variable length. Layout: HDF5 File Format Specification 3.0, III.E, Disk Format: Level 1E.
    """
    at = data.find(_HEAP)
    while at >= 0:
        (size,) = struct.unpack_from("<Q", data, at + 8) if at + 16 <= len(data) else (0,)
        end, place = min(at + size, len(data)), at + 16
        while place + 16 <= end:
            number, length = struct.unpack_from("<H6xQ", data, place)
            if number == 0 and length < 16:
                raise OSError(f"a damaged heap of strings at byte {place}")
            place += length if number == 0 else 16 + -(-length // 8) * 8
        at = data.find(_HEAP, at + 8)


def plain_dataset(file, name: str):
    """A dataset that holds its numbers itself.

    Parameters
    ----------
    file : h5py.File
    name : str

    Returns
    -------
    h5py.Dataset

    Raises
    ------
    KeyError
        If there is none of this name.
    ValueError
        If it is elsewhere (a link, external storage, a virtual dataset), needs a filter that is not built in, or is
        too large in memory: a file is small whatever size its dataset claims.
    """
    import h5py

    link = file.get(name, getlink=True)
    if link is not None and not isinstance(link, h5py.HardLink):
        raise ValueError(f"{name} is a link to something else")
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"{name} is no dataset")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{name} has its numbers in other files")
    properties = dataset.id.get_create_plist()
    filters = {properties.get_filter(i)[0] for i in range(properties.get_nfilters())}
    if not filters <= FILTERS:
        raise ValueError(f"{name} needs the HDF5 filters {sorted(filters - FILTERS)}")
    if dataset.size is None or dataset.size > MOST_VALUES:
        raise ValueError(f"{name} has {dataset.size} values, the most is {MOST_VALUES}")
    if dataset.size * dataset.dtype.itemsize > max(ALWAYS, MOST_TIMES * file.id.get_filesize()):
        raise ValueError(f"{name} unpacks to more than {MOST_TIMES} times the size of its file")
    return dataset
