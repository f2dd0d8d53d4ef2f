"""The labels of the most similar training pockets, copied: what remembering without understanding achieves.

The training pockets come from a data store (``data_prep/build.py``), named by the environment variable POCKETVOX_STORE.
"""

from __future__ import annotations

import os
from functools import lru_cache

import numpy as np

from benchmarks.entries import MAPS, Entry
from benchmarks.methods import Method
from benchmarks.tools.pocket_search import PocketIndex
from pocketvox.channels import TYPED
from pocketvox.data.store import Store
from pocketvox.errors import InputError
from pocketvox.features import receptor_points
from pocketvox.voxel import Grid, Volume, label_volume

#: Pockets whose labels are averaged: better than one on sites of the validation split.
NEIGHBOURS = 5
DEFAULT_STORE = "runs/store.h5"


def predict(entry: Entry, grid: Grid) -> Volume:
    """The share of the nearest pockets that have a label at each voxel.

    Raises
    ------
    InputError
        If the entry is not of the ``maps`` set: the method needs a box around a ligand.
    """
    if entry.set != MAPS:
        raise InputError(
            f"nearest-pocket needs a site: expected an entry of the set {MAPS!r}. Received: {entry.set!r}."
        )
    points, center = receptor_points(entry.atoms), _centroid(entry, grid)
    hits = _index(os.environ.get("POCKETVOX_STORE") or DEFAULT_STORE).search(
        points.coord, points.features, center, NEIGHBOURS
    )
    values = np.zeros((*grid.shape, len(TYPED)), np.float32)
    for hit in hits:
        labels = label_volume(hit.points_at(center), hit.pocket.point_channel, np.empty((0, 3)), grid)
        values += labels.values[..., : len(TYPED)]
    return Volume(values / len(hits), grid, TYPED)


@lru_cache(maxsize=1)
def _index(path: str) -> PocketIndex:
    return PocketIndex(Store(path))


def _centroid(entry: Entry, grid: Grid) -> np.ndarray:
    """Centroid of the ligand that the box is around, shape=(3,), angstrom."""
    middle = grid.to_coord((np.array(grid.shape) - 1) / 2)
    boxes = [(site.coord.min(axis=0) + site.coord.max(axis=0)) / 2 for site in entry.sites]
    nearest = int(np.linalg.norm(np.array(boxes) - middle, axis=1).argmin())
    return entry.sites[nearest].coord.mean(axis=0, dtype=np.float64)


def method() -> Method:
    """See the module docstring."""
    Store(os.environ.get("POCKETVOX_STORE") or DEFAULT_STORE)  # a store that is absent is told before hours of work
    return Method(
        name="nearest-pocket",
        title="nearest training pocket",
        description=(
            f"Labels of the {NEIGHBOURS} training pockets most like this one, turned onto it. "
            "It is told the ligand's centroid, which can only help it."
        ),
        predict=predict,
        sets=(MAPS,),
        channels=TYPED,
        kind="control",
    )
