"""Grids: atoms and interaction points in, :class:`Volume` out."""

from pocketvox.voxel.augment import cube_rotations, random_rotation, rotate_coord, rotate_volume, unrotate_volume
from pocketvox.voxel.counts import expected_counts
from pocketvox.voxel.grid import Grid, Volume
from pocketvox.voxel.inputs import network_input
from pocketvox.voxel.labels import envelope, label_volume, within
from pocketvox.voxel.voxelize import coord_gradient, gather, voxelize, voxelize_batch, voxelize_into

__all__ = [
    "Grid",
    "Volume",
    "coord_gradient",
    "cube_rotations",
    "envelope",
    "expected_counts",
    "gather",
    "label_volume",
    "network_input",
    "random_rotation",
    "rotate_coord",
    "rotate_volume",
    "unrotate_volume",
    "voxelize",
    "voxelize_batch",
    "voxelize_into",
    "within",
]
