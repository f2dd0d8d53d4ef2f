"""What physics forbids, voxel by voxel: masks that a network gets beside its features, and obeys whatever its weights.

``steric``
    No ligand atom is nearer to a receptor heavy atom than the shortest contact (:data:`CONTACT`,
    :data:`METAL_CONTACT`), so no label, a ball of ``LABEL_RADIUS`` around one, reaches nearer than that contact less
    ``LABEL_RADIUS``.
``reach``
    An interaction has a receptor partner (:data:`PARTNERS`), so no label of a typed channel is farther from all of its
    partners than the longest distance of the interaction and ``LABEL_RADIUS``.
``roles``
    Where the ligand is given: an interaction point is one of its atoms or centres of the right role (:data:`ROLES`), so
    no label of a typed channel is farther from all of them than ``LABEL_RADIUS``.

Partners are known without hydrogens, as all features are: a histidine counts as neutral, a carboxylate as charged.
"""

from __future__ import annotations

import math

import numpy as np

from pocketvox.channels import LABEL_RADIUS, TYPED
from pocketvox.config import NetworkConfig
from pocketvox.errors import ConfigError
from pocketvox.interactions.definitions import DEFINITIONS
from pocketvox.voxel.checks import checked_radius
from pocketvox.voxel.grid import Grid

#: Shortest distance of a ligand heavy atom from a receptor atom that is no metal, in van der Waals radii of the latter.
#: Of the label voxels of the training split at most 0.079 % per channel (``metal``) are nearer than labels of this
#: contact, or that of metals, can be; with 1.75 it would be 0.145 %. ``python -m data_prep.physics`` measures it.
CONTACT = 1.7
#: ... from a metal (angstrom).
METAL_CONTACT = 1.9
#: Distances of atoms that share a charge from their centre, which is the interaction point (angstrom): at most 1.5, the
#: oxygens of sulphonates and phosphates (S=O and P-O bonds of 1.45 to 1.54: Allen et al., doi:10.1039/p298700000s1).
CHARGE_SPREAD = 1.5
#: Added to every reach (angstrom): coordinates in single precision are this exact up to 4,000 angstrom.
SLACK = 1e-3
#: How far away a feature is told to be near (angstrom), in :mod:`pocketvox.voxel.inputs`: edge-to-edge stacking is the
#: longest interaction.
PROXIMITY = 6.5
#: Kept off every steric radius (angstrom): a voxel centre exactly at the contact distance is allowed.
_TIE = 1e-6

_HBOND, _CATION = DEFINITIONS.hbond.distance, DEFINITIONS.pi_cation.distance
_STACKING = max(DEFINITIONS.pi_stacking.face_distance, DEFINITIONS.pi_stacking.edge_distance)
_CHARGES = DEFINITIONS.salt_bridge.distance + CHARGE_SPREAD
#: Two hydrogen bonds of a water at the widest angle between them.
_WATER = 2 * DEFINITIONS.water_bridge.distance * math.sin(math.radians(DEFINITIONS.water_bridge.angle[1] / 2))

#: Per typed channel the receptor features (:data:`pocketvox.features.FEATURES`) that can be its partner, and the
#: longest distance of an interaction point from each (angstrom), from :mod:`pocketvox.interactions.definitions`. A salt
#: bridge is judged by the nearest pair of atoms, a cation over a receptor's ring by its nearest atom; their points are
#: centres of charge. A ring over a receptor's cation is judged, and marked, by its own centre.
PARTNERS: dict[str, tuple[tuple[str, float], ...]] = {
    "hbond_donor": (("hbond_acceptor", _HBOND),),
    "hbond_acceptor": (("hbond_donor", _HBOND),),
    "hydrophobic": (("hydrophobic", DEFINITIONS.hydrophobic.distance), ("apolar", DEFINITIONS.hydrophobic.contact)),
    "pi_stacking": (("ring_center", _STACKING),),
    "pi_cation": (("positive", _CATION), ("ring_center", _CATION + CHARGE_SPREAD)),
    "salt_bridge_cation": (("negative", _CHARGES),),
    "salt_bridge_anion": (("positive", _CHARGES),),
    "halogen_bond": (("hbond_acceptor", DEFINITIONS.halogen_bond.distance),),
    "metal": (("metal", DEFINITIONS.metal.distance),),
    "water_bridge": (("hbond_donor", _WATER), ("hbond_acceptor", _WATER)),
}
#: Per typed channel the features of a ligand (:data:`pocketvox.features.LIGAND_FEATURES`) whose positions can be its
#: interaction points.
ROLES: dict[str, tuple[str, ...]] = {
    "hbond_donor": ("ligand_hbond_donor",),
    "hbond_acceptor": ("ligand_hbond_acceptor",),
    "hydrophobic": ("ligand_hydrophobic", "ligand_apolar"),
    "pi_stacking": ("ligand_ring_center",),
    "pi_cation": ("ligand_ring_center", "ligand_positive_center"),
    "salt_bridge_cation": ("ligand_positive_center",),
    "salt_bridge_anion": ("ligand_negative_center",),
    "halogen_bond": ("ligand_halogen",),
    "metal": ("ligand_binds_metal",),
    "water_bridge": ("ligand_hbond_donor", "ligand_hbond_acceptor"),
}
#: No constraint at a voxel, and no proximity, depends on receptor points farther away than this (angstrom).
FARTHEST = max(PROXIMITY, *(distance for rows in PARTNERS.values() for _, distance in rows)) + LABEL_RADIUS + SLACK

# One bit of a voxel per channel within reach, one for steric exclusion, one per channel with a role there.
_STERIC_BIT = 1 << len(TYPED)
_ROLE_BIT = _STERIC_BIT << 1


def needed_features(network: NetworkConfig) -> set[str]:
    """Features that the constraints of a network rest on."""
    needed = {"occupancy", "metal"} if "steric" in network.constraints else set()
    if "reach" in network.constraints:
        needed |= {name for channel in network.channels for name, _ in PARTNERS.get(channel, ())}
    if "roles" in network.constraints:
        needed |= {name for channel in network.channels for name in ROLES.get(channel, ())}
    return needed


def mark_forbidden(out: np.ndarray, coord, features, radius, grid: Grid, network: NetworkConfig) -> None:
    """Fill the mask channels, the last ones of ``out``."""
    from pocketvox.voxel import kernels

    lacking = needed_features(network) - set(network.features)
    if lacking:
        raise ConfigError(
            f"Expected features that constraints {network.constraints} rest on. Received none of: "
            f"{', '.join(sorted(lacking))}. Build the data store with this version of pocketvox."
        )
    has = {name: features[:, k].astype(bool) for k, name in enumerate(network.features)}
    spheres = []
    if "steric" in network.constraints:
        spheres += [(*_excluded(has, checked_radius(radius, len(coord))), _STERIC_BIT)]
    required = np.zeros(len(network.channels), np.uint32)
    if "reach" in network.constraints:
        spheres += list(_around(has, {c: PARTNERS[c] for c in network.channels if c in PARTNERS}, 1))
        required += _required(network.channels, PARTNERS, 1)
    if "roles" in network.constraints:
        rows = {c: tuple((name, 0.0) for name in ROLES[c]) for c in network.channels if c in ROLES}
        spheres += list(_around(has, rows, _ROLE_BIT))
        required += _required(network.channels, ROLES, _ROLE_BIT)
    bits = np.zeros((*grid.shape, 1), np.uint32)
    index, channel = grid.to_index(coord), np.zeros(len(coord), np.int64)
    for which, reach, code in spheres:
        radii = np.broadcast_to(reach / grid.spacing, which.shape)
        kernels.mark_spheres(bits, index[which], channel[which], radii, np.uint32(code))
    kernels.fill_forbidden(out, bits[..., 0], np.uint32(_STERIC_BIT), required)


def _excluded(has: dict[str, np.ndarray], radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Receptor heavy atoms, and how near to each no label comes (angstrom)."""
    atoms = np.flatnonzero(has["occupancy"])
    contact = np.where(has["metal"][atoms], METAL_CONTACT, CONTACT * radius[atoms])
    return atoms, np.maximum(contact - LABEL_RADIUS - _TIE, 0.0)


def _around(has: dict[str, np.ndarray], rows: dict[str, tuple[tuple[str, float], ...]], first: int):
    """Yield points, how far a label is from one at most (angstrom), and the bits of the channels; equal ones once.

    ``rows`` has features and distances of interaction points from them by channel; ``first`` is the first channel's
    bit.
    """
    bits: dict[tuple[str, float], int] = {}
    for channel, of_channel in rows.items():
        for row in of_channel:
            bits[row] = bits.get(row, 0) | first << TYPED.index(channel)
    for (name, distance), code in bits.items():
        yield np.flatnonzero(has[name]), np.float64(distance + LABEL_RADIUS + SLACK), code


def _required(channels: tuple[str, ...], rows: dict, first: int) -> np.ndarray:
    """The bit that a voxel needs for each channel, 0 for channels without rows; shape=(K,), dtype=uint32."""
    return np.array([first << TYPED.index(name) if name in rows else 0 for name in channels], np.uint32)
