"""Receptor atoms that could make the interaction of a hot-spot."""

from __future__ import annotations

import numpy as np

from pocketvox.structure.atoms import Atoms

#: Partners reported per hot-spot.
MOST = 6


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
        self._rings = receptor_sites(self._atoms).rings if len(self._atoms) else ()
        types = receptor_types(self._atoms) if len(self._atoms) else np.zeros((0, len(ATOM_TYPES)), bool)
        self._by_type = {name: np.flatnonzero(types[:, k]) for k, name in enumerate(ATOM_TYPES)}

    def __call__(self, channel: str, point: np.ndarray) -> tuple[tuple[str, ...], tuple[float, float, float]]:
        """Labels of at most ``MOST`` partners, nearest first, and the unit vector to the nearest (zero if none)."""
        reach = self._reach[channel]
        found: list[tuple[float, int, np.ndarray]] = []
        for kind in self._partner_types[channel]:
            found += self._near_rings(point, reach) if kind == "aromatic" else self._near_atoms(kind, point, reach)
        found.sort(key=lambda item: item[:2])
        labels = tuple(dict.fromkeys(self._atoms.label(atom) for _, atom, _ in found))[:MOST]
        if not found or found[0][0] < 1e-6:
            return labels, (0.0, 0.0, 0.0)
        distance, _, target = found[0]
        return labels, tuple(float(v) for v in (target - point) / distance)

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
