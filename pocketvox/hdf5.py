"""HDF5 files: written whole, so that a full disk damages none, and read with care, as anyone may have made them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Numbers of the filters that are read: gzip, shuffle, Fletcher's checksum, LZF. Others run code of plugins.
FILTERS = {1, 2, 3, 32000}
#: Values of a dataset: 4 GiB in single precision, a map of fourteen channels and 320 angstrom.
MOST_VALUES = 2**30


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
        If it is elsewhere (a link, external storage, a virtual dataset), needs a filter that is not built in, or would
        be too large in memory: files are small whatever size a dataset claims.
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
    return dataset
