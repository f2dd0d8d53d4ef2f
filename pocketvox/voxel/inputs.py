"""What a network sees, voxel by voxel: features, distances, descriptors of the whole complex, and what is forbidden."""

from __future__ import annotations

import numpy as np

from pocketvox.config import NetworkConfig
from pocketvox.errors import ConfigError
from pocketvox.voxel.checks import checked_coord
from pocketvox.voxel.constraints import PROXIMITY, mark_forbidden
from pocketvox.voxel.contacts import mark_contacts
from pocketvox.voxel.grid import Grid
from pocketvox.voxel.voxelize import voxelize_into


def network_input(coord, features, radius, grid: Grid, network: NetworkConfig, descriptors=()) -> np.ndarray:
    """What a network sees of a receptor, or of a receptor and a ligand.

    The only way from feature points to an input of a network, so that training and inference agree.

    Parameters
    ----------
    coord : array_like, shape=(n, 3)
        Feature points (angstrom), all within ``FARTHEST`` of the grid.
    features : array_like, shape=(n, F), boolean, uint8 or float32
        In the order of ``network.features``.
    radius : array_like, shape=(n,)
        Angstrom.
    grid : Grid
    network : NetworkConfig
    descriptors : array_like, shape=(D,), optional
        In the order of ``network.descriptors``.

    Returns
    -------
    ndarray, shape=(x, y, z, F + P + C + D + M), dtype=float32
        F channels of voxelized features. P of proximity, for ``network.proximity``: 1 - d / ``PROXIMITY``, and 0
        beyond, d being the distance of the voxel's centre from the nearest point with the feature. C of contacts, for
        ``network.contacts``; see :mod:`pocketvox.voxel.contacts`. D descriptors, each with its value in every voxel.
        M = ``network.masks``; a mask is 1 where its channel is forbidden, else 0.

    Raises
    ------
    InputError
        As :func:`pocketvox.voxel.voxelize`.
    ConfigError
        If the features lack one that something else rests on, or there are other features or descriptors than the
        network's.
    """
    parts = network.parts
    features = np.asarray(features)
    if features.ndim == 2 and features.shape[1] != len(network.features):
        raise ConfigError(f"Expected {len(network.features)} features. Received: {features.shape[1]}.")
    if np.shape(descriptors) != (len(network.descriptors),):
        expected = f"{len(network.descriptors)} descriptors"
        raise ConfigError(f"Expected {expected}. Received: shape {np.shape(descriptors)}.")
    out = np.zeros((*grid.shape, parts["masks"].stop), np.float32)
    padded = np.pad(features, ((0, 0), (0, out.shape[-1] - features.shape[1]))) if features.ndim == 2 else features
    voxelize_into(out, coord, padded, radius, grid, mode="zeroed")
    coord = checked_coord(coord)
    if network.proximity:
        _mark_proximity(out[..., parts["proximity"]], coord, features, grid, network)
    if network.contacts:
        of = {name: np.flatnonzero(features[:, k]) for k, name in enumerate(network.features)}
        mark_contacts(out[..., parts["contacts"]], coord, of, grid, network.contacts)
    out[..., parts["descriptors"]] = descriptors
    if network.constraints:
        mark_forbidden(out, coord, features, radius, grid, network)
    return out


def _mark_proximity(out: np.ndarray, coord, features, grid: Grid, network: NetworkConfig) -> None:
    """Fill the proximity channels."""
    from pocketvox.voxel import kernels

    nearest = np.full(out.shape, np.inf, np.float32)
    chosen = np.ascontiguousarray(np.stack([_points(features, name, network) for name in network.proximity], axis=1))
    kernels.nearest_squares(nearest, grid.to_index(coord), chosen, PROXIMITY / grid.spacing)
    out[:] = np.maximum(1 - np.sqrt(nearest) * np.float32(grid.spacing / PROXIMITY), 0)


def _points(features: np.ndarray, name: str, network: NetworkConfig) -> np.ndarray:
    """Which points have a feature, shape=(n,), dtype=bool."""
    if name not in network.features:
        raise ConfigError(f"Expected a feature of the network, {network.features}. Received: {name!r}.")
    return features[:, network.features.index(name)] != 0
