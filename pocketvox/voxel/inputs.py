"""What a network sees, voxel by voxel: features, distances, descriptors of the whole complex, and what is forbidden."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from pocketvox.channels import LABEL_RADIUS
from pocketvox.config import NetworkConfig
from pocketvox.errors import ConfigError
from pocketvox.features import STACKING_DISTANCE
from pocketvox.voxel.checks import checked_coord
from pocketvox.voxel.constraints import PROXIMITY, SLACK, mark_forbidden
from pocketvox.voxel.grid import Grid
from pocketvox.voxel.voxelize import voxelize_into

#: Contacts of a ligand with a receptor: which points of the ligand, which of the receptor, and which of the ligand's
#: points the distance is shown at: an atom, though it is judged where the atom's hydrogen or lone pair points to.
CONTACTS: dict[str, tuple[str, str, str]] = {
    "donor": ("ligand_hbond_donor", "hbond_acceptor", "ligand_hbond_donor"),
    "donated": ("ligand_donor_site", "hbond_acceptor", "ligand_hbond_donor"),
    "offered_acceptor": ("ligand_hbond_donor", "acceptor_site", "ligand_hbond_donor"),
    "acceptor": ("ligand_hbond_acceptor", "hbond_donor", "ligand_hbond_acceptor"),
    "accepted": ("ligand_acceptor_site", "hbond_donor", "ligand_hbond_acceptor"),
    "offered_donor": ("ligand_hbond_acceptor", "donor_site", "ligand_hbond_acceptor"),
    "hydrophobic": ("ligand_hydrophobic", "hydrophobic", "ligand_hydrophobic"),
    "apolar": ("ligand_apolar", "apolar", "ligand_apolar"),
    "rings": ("ligand_ring_center", "ring_center", "ligand_ring_center"),
    "faced": ("ligand_ring_site", "ring_center", "ligand_ring_center"),
    "faces": ("ligand_ring_site", "ring_site", "ligand_ring_center"),
    "offered_ring": ("ligand_ring_center", "ring_site", "ligand_ring_center"),
    "ring_cation": ("ligand_ring_center", "positive", "ligand_ring_center"),
    "cation_ring": ("ligand_positive_center", "ring_center", "ligand_positive_center"),
    "cation": ("ligand_positive_center", "negative", "ligand_positive_center"),
    "anion": ("ligand_negative_center", "positive", "ligand_negative_center"),
    "halogen": ("ligand_halogen", "hbond_acceptor", "ligand_halogen"),
    "metal": ("ligand_binds_metal", "metal", "ligand_binds_metal"),
}

#: The points that an atom or ring offers are nearer to it than this (angstrom), and to others hardly ever.
_OWNED = STACKING_DISTANCE + 0.1


def network_input(coord, features, radius, grid: Grid, network: NetworkConfig, descriptors=()) -> np.ndarray:
    """What a network sees of a receptor, or of a receptor and a ligand.

    The only way from feature points to an input of a network, so that training and inference agree.

    Parameters
    ----------
    coord : array_like, shape=(n, 3)
        Feature points (angstrom), all within ``FARTHEST`` of the grid.
    features : array_like, shape=(n, F), boolean or uint8
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
        ``network.contacts``: the same of d between points of the ligand and of the receptor (:data:`CONTACTS`), within
        ``LABEL_RADIUS`` of the ligand's; where such spheres overlap the highest. D descriptors, each with its value in
        every voxel. M = ``network.masks``; a mask is 1 where its channel is forbidden, else 0.

    Raises
    ------
    InputError
        As :func:`pocketvox.voxel.voxelize`.
    ConfigError
        If the features lack one that something else rests on, or there are other descriptors than the network's.
    """
    parts = network.parts
    if np.shape(descriptors) != (len(network.descriptors),):
        expected = f"{len(network.descriptors)} descriptors"
        raise ConfigError(f"Expected {expected}. Received: shape {np.shape(descriptors)}.")
    out = np.zeros((*grid.shape, parts["masks"].stop), np.float32)
    features = np.asarray(features)
    padded = np.pad(features, ((0, 0), (0, out.shape[-1] - features.shape[1]))) if features.ndim == 2 else features
    voxelize_into(out, coord, padded, radius, grid)
    coord = checked_coord(coord)
    if network.proximity:
        _mark_proximity(out[..., parts["proximity"]], coord, features, grid, network)
    if network.contacts:
        _mark_contacts(out[..., parts["contacts"]], coord, features, grid, network)
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


def _mark_contacts(out: np.ndarray, coord, features, grid: Grid, network: NetworkConfig) -> None:
    """Fill the contact channels."""
    from pocketvox.voxel import kernels

    values = np.zeros(out.shape, np.float32)
    reach = (LABEL_RADIUS + SLACK) / grid.spacing
    for k, name in enumerate(network.contacts):
        ours, theirs, shown = (coord[_points(features, feature, network)] for feature in CONTACTS[name])
        if len(ours) and len(theirs) and len(shown):
            near = np.maximum(1 - cKDTree(theirs).query(ours)[0] / PROXIMITY, 0).astype(np.float32)
            distance, owner = cKDTree(shown).query(ours, distance_upper_bound=_OWNED)
            owned = np.isfinite(distance)  # not so where a crop was cut between a point and its atom
            kernels.raise_spheres(values, grid.to_index(shown[owner[owned]]), k, reach, near[owned])
    out[:] = values


def _points(features: np.ndarray, name: str, network: NetworkConfig) -> np.ndarray:
    """Which points have a feature, shape=(n,), dtype=bool."""
    if name not in network.features:
        raise ConfigError(f"Expected a feature of the network, {network.features}. Received: {name!r}.")
    return features[:, network.features.index(name)] != 0
