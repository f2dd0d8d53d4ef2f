"""Put data stores together: ``python -m data_prep.merge STORE STORE... -o STORE``."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import h5py

from pocketvox.data.store import Store, create_store
from pocketvox.errors import InputError, PocketvoxError

log = logging.getLogger("data_prep")


def merge(stores: list[Path], out: Path) -> int:
    """Write a store with every structure of several, as they are; returns their number.

    Raises
    ------
    InputError
        If the stores were made with other features or definitions, two have a structure of one id, or ``out`` exists.
    """
    opened = [Store(path) for path in stores]
    first, seen = opened[0], {}
    for store in opened:
        if (store.features, store.definitions) != (first.features, first.definitions):
            raise InputError(
                f"Expected the features and definitions of {first.path} in {store.path}. Received: others."
            )
        for id in store.ids():
            if id in seen:
                raise InputError(f"Expected each structure once. Received: {id!r} in {seen[id]} and in {store.path}.")
            seen[id] = store.path
    with create_store(out, first.features, first.definitions) as merged:
        for store in opened:
            with h5py.File(store.path) as source:
                for id in store.ids():
                    source.copy(f"structures/{id}", merged["structures"])
    return len(seen)


def main(argv: list[str] | None = None) -> int:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m data_prep.merge", description=__doc__.split(":")[0])
    parser.add_argument("stores", nargs="+", type=Path, metavar="STORE", help="data store (HDF5)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="data store to make")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        log.info("%d structures -> %s", merge(args.stores, args.output), args.output)
    except PocketvoxError as error:
        log.error("error: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
