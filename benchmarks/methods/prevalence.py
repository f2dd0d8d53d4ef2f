"""The map that knows only how frequent each channel is inside envelopes of the validation split."""

from __future__ import annotations

import numpy as np

from benchmarks.entries import MAPS, Entry
from benchmarks.methods import Method
from benchmarks.tracks.envelopes import envelope_labels
from pocketvox.channels import TYPED
from pocketvox.voxel import Grid, Volume


def predict(entry: Entry, grid: Grid) -> Volume:
    """The same value everywhere."""
    values = np.broadcast_to(_prevalence(entry.folder), (*grid.shape, len(TYPED)))
    return Volume(np.ascontiguousarray(values, np.float32), grid, TYPED)


_KNOWN: dict = {}


def _prevalence(folder) -> np.ndarray:
    if folder not in _KNOWN:
        from benchmarks.entries import Benchmark

        labels = [envelope_labels(e, s).labels for e in Benchmark(folder).entries(MAPS, "val") for s in e.sites]
        _KNOWN[folder] = np.concatenate(labels).mean(axis=0)
    return _KNOWN[folder]


def method() -> Method:
    """See the module docstring."""
    return Method(
        name="prevalence",
        title="prevalence",
        description="Every voxel has the frequency of each type among the validation ligands' voxels.",
        predict=predict,
        channels=TYPED,
    )
