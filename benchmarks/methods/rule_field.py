"""The rule field: a fixed function of the distance to the nearest receptor atom of the matching kind."""

from __future__ import annotations

import numpy as np

from benchmarks.baselines import RULES, rule_field
from benchmarks.entries import Entry
from benchmarks.methods import Method
from pocketvox.features import FEATURES, receptor_points
from pocketvox.voxel import Grid, Volume


def predict(entry: Entry, grid: Grid) -> Volume:
    """Rule field on a grid."""
    points = receptor_points(entry.atoms)
    voxels = grid.to_coord(np.indices(grid.shape).reshape(3, -1).T)
    values = rule_field(voxels, points.coord, points.features, FEATURES)
    return Volume(values.reshape(*grid.shape, -1), grid, tuple(RULES))


def method() -> Method:
    """See the module docstring."""
    return Method(
        name="rule-field",
        title="rule field",
        description="1 / (1 + |d - d0|), d to the nearest receptor atom of the matching kind; no training.",
        predict=predict,
        channels=tuple(RULES),
    )
