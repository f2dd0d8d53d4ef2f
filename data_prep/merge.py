"""Put data stores together: ``python -m data_prep.merge STORE STORE... -o STORE``."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import h5py

from data_prep.command import command
from pocketvox.data.store import Store, create_store
from pocketvox.errors import InputError

log = logging.getLogger("data_prep")


def merge(stores: list[Path], out: Path) -> int:
    """Write a store with every structure of several, as they are; returns their number.

    Raises
    ------
    InputError
        If the stores were made with other features or definitions, two have a structure of one id, or ``out`` exists.
    """
    first = Store(stores[0])
    opened = [first, *(first.alike(Store(path)) for path in stores[1:])]
    seen: dict[str, Path] = {}
    for store in opened:
        for id in store.ids():
            if id in seen:
                raise InputError(f"Expected each structure once. Received: {id!r} in {seen[id]} and in {store.path}.")
            seen[id] = store.path
    columns = [{"ligand_features": store.ligand_features, "descriptors": store.descriptors} for store in opened]
    if any(names != columns[0] for names in columns):
        raise InputError("Expected the same features of ligands in all stores, or none. Received: others.")
    with create_store(out, first.features, first.definitions, **columns[0]) as merged:
        for store in opened:
            with h5py.File(store.path) as source:
                for id in store.ids():
                    source.copy(f"structures/{id}", merged["structures"])
    return len(seen)


@command
def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m data_prep.merge", description=__doc__.split(":")[0])
    parser.add_argument("stores", nargs="+", type=Path, metavar="STORE", help="data store (HDF5)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="data store to make")
    args = parser.parse_args(argv)
    log.info("%d structures -> %s", merge(args.stores, args.output), args.output)


if __name__ == "__main__":
    sys.exit(main())
