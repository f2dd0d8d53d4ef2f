"""The voxels that typed channels are scored on: those of the scoring grid inside a ligand's envelope."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.entries import Entry, Site
from pocketvox.channels import ENVELOPE_RADIUS, TYPED
from pocketvox.voxel import Grid, envelope, label_volume

#: Edge of a voxel of the scoring grid (angstrom).
SPACING = 0.75


@dataclass(frozen=True)
class Envelope:
    """Scored voxels of one ligand.

    Attributes
    ----------
    voxels : ndarray, shape=(n, 3), dtype=float64
        Centres (angstrom).
    labels : ndarray, shape=(n, len(TYPED)), dtype=bool
    """

    voxels: np.ndarray
    labels: np.ndarray


def envelope_labels(entry: Entry, site: Site) -> Envelope:
    """Voxels in the envelope of a ligand, with their labels; a voxel counts for the points of any ligand of the entry.

    Parameters
    ----------
    entry : Entry
    site : Site
        One of its ligands.
    """
    grid = Grid.around(site.coord, ENVELOPE_RADIUS, SPACING)
    inside = envelope(site.coord, grid)
    same = [other for other in entry.sites if other.role == site.role]
    points = np.concatenate([other.point_coord for other in same])
    channels = np.concatenate([other.point_channel for other in same])
    labels = label_volume(points, channels, site.coord, grid).values[inside][:, : len(TYPED)]
    return Envelope(grid.to_coord(np.argwhere(inside)), labels.astype(bool))
