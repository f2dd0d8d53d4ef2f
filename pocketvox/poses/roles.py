"""What a molecule can do, and which of its atoms do it: the ligand's side of every interaction type."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pocketvox.channels import CHANNELS, CORE
from pocketvox.interactions.sites import ligand_sites
from pocketvox.structure.atoms import Ligand


@dataclass(frozen=True)
class Roles:
    """Points of a molecule that can take part in interactions, independent of its conformation.

    A point is the centroid of its atoms: one atom, a ring or a charged group, as in the labels that the network learns.

    Attributes
    ----------
    channel : ndarray, shape=(r,), dtype=uint8
        Index into ``CHANNELS``; core channels first.
    atom, start : ndarray, shape=(m,) and (r,), dtype=int
        Heavy atoms of all points one after the other, and where those of each point begin.
    """

    channel: np.ndarray
    atom: np.ndarray
    start: np.ndarray

    @property
    def size(self) -> np.ndarray:
        """Atoms of each point, shape=(r,), dtype=int."""
        return np.diff(self.start, append=len(self.atom))

    def by_atom(self, atoms: int) -> tuple[tuple[str, ...], ...]:
        """Core types of each of so many heavy atoms."""
        found: list[list[str]] = [[] for _ in range(atoms)]
        for channel, atom in zip(np.repeat(self.channel, self.size).tolist(), self.atom.tolist(), strict=True):
            if CHANNELS[channel] in CORE:
                found[atom].append(CHANNELS[channel])
        return tuple(tuple(dict.fromkeys(names)) for names in found)


def ligand_roles(ligand: Ligand) -> Roles:
    """Donors, acceptors, hydrophobic atoms and aromatic rings, then the roles of the further types.

    Returns
    -------
    Roles
        Hydrogen-bonding atoms are listed as ``water_bridge`` as well, rings and cations as ``pi_cation``.
    """
    sites = ligand_sites(ligand)
    donors, acceptors = np.flatnonzero(sites.donor), np.flatnonzero(sites.acceptor)
    rings, positive, negative = ([group.atoms for group in g] for g in (sites.rings, sites.positive, sites.negative))
    members = {
        "hbond_donor": donors,
        "hbond_acceptor": acceptors,
        "hydrophobic": np.flatnonzero(sites.hydrophobic),
        "pi_stacking": rings,
        "pi_cation": [*rings, *positive],
        "salt_bridge_cation": positive,
        "salt_bridge_anion": negative,
        "halogen_bond": np.flatnonzero(sites.halogen),
        "metal": np.flatnonzero(sites.binds_metal),
        "water_bridge": np.union1d(donors, acceptors),
    }
    atoms = [np.atleast_1d(group) for groups in members.values() for group in groups]
    sizes = np.array([len(group) for group in atoms], int)
    channel = np.repeat([CHANNELS.index(name) for name in members], [len(groups) for groups in members.values()])
    return Roles(
        channel=channel.astype(np.uint8),
        atom=np.concatenate([*atoms, np.empty(0, int)]).astype(int),
        start=np.cumsum(sizes) - sizes,
    )


def role_points(roles: Roles, coord: np.ndarray) -> np.ndarray:
    """Positions of the points of a molecule, shape=(r, 3), dtype=float64.

    Parameters
    ----------
    roles : Roles
    coord : ndarray, shape=(n, 3)
        Heavy atoms (angstrom).
    """
    if not len(roles.start):
        return np.empty((0, 3))
    return np.add.reduceat(np.asarray(coord, float)[roles.atom], roles.start) / roles.size[:, None]
