"""Receptor atoms that could make the interaction of a hot-spot, and where a ligand group there should point."""

from __future__ import annotations

import numpy as np

from pocketvox.structure.atoms import Atoms

#: Partners reported per hot-spot.
MOST = 6
# The numbers below were chosen on points of the training split displaced by 0.45 A along each axis, as far as hot-spots
# are from true points; data_prep/directions.py measures what they give.
#: A donor costs as much as one whose hydrogen points this far past the hot-spot (degrees) ...
HYDROGEN_ANGLE = 30.0
#: ... if it is this much farther away (angstrom) than the shortest usual hydrogen bond (angstrom).
HYDROGEN_EXCESS, HYDROGEN_SHORTEST = 0.7, 2.6
#: Angle of a donor whose hydrogens are not known (degrees).
UNKNOWN_ANGLE = 60.0
#: A hydrophobic atom counts half at this distance, which is that of the definition, and falls off within the width (A).
CONTACT, CONTACT_WIDTH = 4.5, 0.3
#: Hydrogen bond of a bridging water to the ligand (angstrom).
WATER_LENGTH = 2.8


class PartnerFinder:
    """Complementary receptor atoms near points.

    Parameters
    ----------
    receptor : Atoms
    coord : ndarray, shape=(n, 3)
        All points that will be asked for (angstrom); only residues near them are typed.
    tolerance : float
        Added to the reach of every interaction, because points are as precise as a voxel (angstrom).
    """

    def __init__(self, receptor: Atoms, coord: np.ndarray, tolerance: float):
        from pocketvox.features import ATOM_TYPES, receptor_types
        from pocketvox.interactions.definitions import PARTNER_TYPES, REACH
        from pocketvox.interactions.detect import residues_near
        from pocketvox.interactions.sites import receptor_sites

        self._reach = {name: reach + tolerance for name, reach in REACH.items()}
        self._partner_types = PARTNER_TYPES
        near = residues_near(receptor, coord, max(self._reach.values()))
        self._atoms = receptor[near[receptor.heavy[near]]]
        self._coord = self._atoms.coord.astype(np.float64)
        self._sites = receptor_sites(self._atoms) if len(self._atoms) else None
        self._rings = self._sites.rings if self._sites else ()
        types = receptor_types(self._atoms) if len(self._atoms) else np.zeros((0, len(ATOM_TYPES)), bool)
        self._by_type = {name: np.flatnonzero(types[:, k]) for k, name in enumerate(ATOM_TYPES)}
        self._hydrogens, self._water_sites = self._valences()

    def __call__(self, channel: str, point: np.ndarray) -> tuple[tuple[str, ...], tuple[float, float, float]]:
        """Labels of at most ``MOST`` partners, nearest first, and where to point (zero if there are no partners).

        The unit vector goes to the donor whose hydrogen points best at an acceptor, to the middle of the hydrophobic
        atoms around, to the centre of the nearest charged group or ring, to the likeliest water of a water bridge, and
        else to the nearest partner.
        """
        found = self.candidates(channel, point)
        labels = tuple(dict.fromkeys(self._atoms.label(atom) for _, atom, _ in found))[:MOST]
        if not found:
            return labels, (0.0, 0.0, 0.0)
        line = self._toward(channel, point, found)
        length = np.linalg.norm(line)
        return labels, tuple(float(v) for v in line / length) if length > 1e-6 else (0.0, 0.0, 0.0)

    def candidates(self, channel: str, point: np.ndarray) -> list[tuple[float, int, np.ndarray]]:
        """Partners within reach, nearest first: distance (angstrom), atom, and position of the atom or its ring."""
        reach = self._reach[channel]
        found: list[tuple[float, int, np.ndarray]] = []
        for kind in self._partner_types[channel]:
            found += self._near_rings(point, reach) if kind == "aromatic" else self._near_atoms(kind, point, reach)
        return sorted(found, key=lambda item: item[:2])

    def _toward(self, channel: str, point: np.ndarray, found: list[tuple[float, int, np.ndarray]]) -> np.ndarray:
        """Vector, of any length, from a point to what a ligand group there should point to."""
        if channel == "hbond_acceptor":
            return min(found, key=lambda item: self._cost(point, *item[:2]))[2] - point
        if channel == "hydrophobic":
            line = self._middle(point)
            return found[0][2] - point if line is None else line
        if channel == "water_bridge" and len(self._water_sites):
            distance = np.linalg.norm(self._water_sites - point, axis=1)
            return self._water_sites[np.abs(distance - WATER_LENGTH).argmin()] - point
        return self._group_center(channel, *found[0][1:]) - point

    def _cost(self, point: np.ndarray, distance: float, donor: int) -> float:
        """How ill a donor suits a point, by distance and by the angle to the hydrogen that points there best."""
        excess = max(0.0, distance - HYDROGEN_SHORTEST) / HYDROGEN_EXCESS
        atoms, valences = self._hydrogens
        own = valences[atoms == donor]
        angle = UNKNOWN_ANGLE
        if len(own) and distance > 1e-6:
            cosine = (own @ (point - self._coord[donor])).max() / distance
            angle = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
        return excess**2 + (angle / HYDROGEN_ANGLE) ** 2

    def _middle(self, point: np.ndarray) -> np.ndarray | None:
        """Sum of unit vectors to hydrophobic atoms, weighed by how surely each touches; None if none does."""
        line = self._coord[self._by_type["hydrophobic"]] - point
        distance = np.linalg.norm(line, axis=1)
        near = distance <= self._reach["hydrophobic"]
        if not near.any():
            return None
        weight = 1.0 / (1.0 + np.exp((distance[near] - CONTACT) / CONTACT_WIDTH))
        return (weight / np.maximum(distance[near], 1e-6)) @ line[near]

    def _group_center(self, channel: str, atom: int, target: np.ndarray) -> np.ndarray:
        """Centre of the partner's charged group, if the partner is an atom of one."""
        kinds = self._partner_types[channel]
        if np.any(target != self._coord[atom]) or not {"positive", "negative"} & set(kinds):
            return target
        groups = self._sites.positive if "positive" in kinds else self._sites.negative
        return next((group.center for group in groups if atom in group.atoms), target)

    def _valences(self) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        """Donors with the directions of their hydrogens, and where a water would meet a donor or acceptor."""
        from pocketvox.features import free_points, free_valences, hydrogen_bond_points

        if self._sites is None:
            return (np.empty(0, int), np.empty((0, 3))), np.empty((0, 3))
        points = [hydrogen_bond_points(self._sites, roles) for roles in (self._sites.donor, self._sites.acceptor)]
        waters = free_points(np.concatenate(points), self._coord)
        return free_valences(self._sites, self._sites.donor), waters

    def _near_atoms(self, kind: str, point: np.ndarray, reach: float):
        index = self._by_type[kind]
        distance = np.linalg.norm(self._coord[index] - point, axis=1)
        return [(distance[k], int(index[k]), self._coord[index[k]]) for k in np.flatnonzero(distance <= reach)]

    def _near_rings(self, point: np.ndarray, reach: float):
        """Rings by the distance of their centroid, each with the atom nearest to the point."""
        rows = []
        for ring in self._rings:
            distance = float(np.linalg.norm(ring.center - point))
            if distance <= reach:
                nearest = np.linalg.norm(self._coord[ring.atoms] - point, axis=1).argmin()
                rows.append((distance, int(ring.atoms[nearest]), ring.center))
        return rows
