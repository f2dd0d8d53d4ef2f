"""What the ligand could do times what the receptor offers: the simplest method of the complex task.

Every donor, acceptor, hydrophobic atom and ring centroid of the ligand is a sphere with the value of the rule field
there.
"""

from __future__ import annotations

import numpy as np

from benchmarks.baselines import RULES, rule_field
from benchmarks.entries import MAPS, Entry
from benchmarks.methods import Method
from pocketvox.channels import CHANNELS, LABEL_RADIUS
from pocketvox.features import FEATURES, receptor_points
from pocketvox.voxel import Grid, Volume
from pocketvox.voxel.labels import within

_RULE = {CHANNELS.index(name): k for k, name in enumerate(RULES)}


def predict(entry: Entry, grid: Grid) -> Volume:
    """Spheres around the roles of an entry's ligands; where spheres of a channel meet, the higher value."""
    points = receptor_points(entry.atoms)
    values = np.zeros((*grid.shape, len(RULES)), np.float32)
    for site in entry.sites:
        field = rule_field(site.role_coord, points.coord, points.features, FEATURES)
        for coord, channel, row in zip(site.role_coord, site.role_channel.tolist(), field, strict=True):
            k = _RULE[channel]
            sphere = within(coord[None], grid, LABEL_RADIUS)
            values[sphere, k] = np.maximum(values[sphere, k], row[k])
    return Volume(values, grid, tuple(RULES))


def method() -> Method:
    """See the module docstring."""
    return Method(
        name="ligand-roles",
        title="ligand roles x rule field",
        description="What each ligand atom or ring could do, valued by the rule field there; no training.",
        predict=predict,
        sets=(MAPS,),
        channels=tuple(RULES),
        task="complex",
    )
