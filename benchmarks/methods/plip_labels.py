"""What PLIP detects between receptor and ligand, scored as if it were a prediction."""

from __future__ import annotations

from benchmarks.entries import MAPS, Entry
from benchmarks.methods import Method
from benchmarks.tools.tool_labels import TOOL_CHANNELS, require, tool_labels
from pocketvox.voxel import Grid, Volume


def predict(entry: Entry, grid: Grid) -> Volume:
    """Spheres around the points that PLIP finds on the ligands of an entry."""
    return tool_labels("plip", entry, grid)


def method() -> Method:
    """See the module docstring; says how to install PLIP if it is absent."""
    require("plip")
    return Method(
        name="plip-labels",
        title="PLIP",
        description="Interactions that PLIP finds, with its own hydrogens, as labels: how far definitions agree.",
        predict=predict,
        sets=(MAPS,),
        channels=TOOL_CHANNELS,
        task="complex",
        kind="ceiling",
    )
