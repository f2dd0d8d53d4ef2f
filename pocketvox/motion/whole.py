"""Molecules in one piece: what a periodic boundary cuts is put together again."""

from __future__ import annotations

import numpy as np

from pocketvox.structure.bonds import SHORTEST_BOND, TOLERANCE, covalent_radius
from pocketvox.structure.ligands import CONTACT
from pocketvox.structure.superpose import fit_motion

#: Atoms of a bond that are farther apart than this belong to a molecule in pieces (angstrom): no bond is half as long.
BROKEN = 5.0


class Molecules:
    """Atoms and their bonds.

    Parameters
    ----------
    bonds : ndarray, shape=(k, 2), dtype=int
    count : int
        Number of atoms.

    Attributes
    ----------
    label : ndarray, shape=(count,), dtype=int32
        Number of the molecule that each atom belongs to.
    largest : ndarray of int
        Atoms of the largest molecule.
    """

    def __init__(self, bonds: np.ndarray, count: int):
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import breadth_first_order, connected_components

        bonds = np.asarray(bonds, int).reshape(-1, 2)
        graph = coo_matrix((np.ones(len(bonds), np.int8), tuple(bonds.T)), (count, count))
        self.number, self.label = connected_components(graph, directed=False)
        self.largest = np.flatnonzero(self.label == np.bincount(self.label).argmax())
        # one more atom, bonded to the first of each molecule, makes a single tree
        first = np.unique(self.label, return_index=True)[1]
        rows, columns = np.concatenate([bonds, np.column_stack([np.full(len(first), count), first])]).T
        graph = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), (count + 1, count + 1)).tocsr()
        order, parent = breadth_first_order(graph, count, directed=False)
        depth = np.zeros(count + 1, int)
        for atom in order[1:]:
            depth[atom] = depth[parent[atom]] + 1
        child = order[depth[order] > 1]
        self._child, self._parent = child, parent[child]
        self._levels = np.split(np.arange(len(child)), np.flatnonzero(np.diff(depth[child])) + 1)

    def whole(self, coord: np.ndarray, box: np.ndarray | None) -> np.ndarray:
        """Positions with every molecule in one piece; its first atom stays where it is.

        Parameters
        ----------
        coord : ndarray, shape=(count, 3), dtype=float32
        box : ndarray, shape=(6,), or None
            None leaves everything as it is.
        """
        if box is None or not len(self._child):
            return coord
        step = _lattice(coord[self._child] - coord[self._parent], box)
        if not step.any():
            return coord
        shift = np.zeros_like(coord)
        for level in self._levels:
            shift[self._child[level]] = shift[self._parent[level]] + step[level]
        return coord + shift

    def longest_bond(self, coord: np.ndarray) -> float:
        """Largest distance of two atoms that are bonded (angstrom)."""
        gap = coord[self._child] - coord[self._parent]
        return float(np.sqrt(np.einsum("ij,ij->i", gap, gap).max(initial=0.0)))

    def together(self, coord: np.ndarray, box: np.ndarray | None) -> np.ndarray:
        """Positions with molecules that touch through the boundary moved beside each other, from the largest on.

        Molecules that touch already stay where they are; what touches nothing goes to the image nearest to the largest.
        """
        if box is None or self.number == 1:
            return coord
        from MDAnalysis.lib.distances import capped_distance

        coord = coord.copy()
        placed = self.label == self.label[self.largest[0]]
        fresh = placed
        while fresh.any() and not placed.all():
            waiting = np.flatnonzero(~placed)
            around = np.flatnonzero(fresh)
            pairs, distance = capped_distance(coord[waiting], coord[around], CONTACT, box=box)
            a, b = waiting[pairs[:, 0]], around[pairs[:, 1]]
            gap = coord[a] - coord[b]
            direct = np.einsum("ij,ij->i", gap, gap) <= CONTACT**2
            order = np.lexsort((distance, ~direct, self.label[a]))
            label, first = np.unique(self.label[a[order]], return_index=True)
            chosen = order[first]
            self._move(coord, label, np.where(direct[chosen, None], 0, _lattice(gap[chosen], box)))
            fresh = np.isin(self.label, label)
            placed = placed | fresh
        rest = np.unique(self.label[~placed])
        if len(rest):
            gap = self._centers(coord)[rest] - coord[self.largest].mean(axis=0)
            self._move(coord, rest, _lattice(gap, box))
        return coord

    def arranged(self, coord: np.ndarray, box: np.ndarray | None, reference: np.ndarray) -> np.ndarray:
        """Positions with every molecule in the image nearest to where it is in a reference, seen from the largest.

        Parameters
        ----------
        coord, reference : ndarray, shape=(count, 3), dtype=float32
            Molecules in one piece.
        box : ndarray, shape=(6,), or None
        """
        if box is None:
            return coord
        expected = self._centers(reference)
        main = self.label[self.largest[0]]
        home = _lattice((self._centers(coord)[main] - expected[main])[None], box)
        coord = coord + home if home.any() else coord
        if self.number == 1:
            return coord
        if len(self.largest) > 2:
            expected = fit_motion(reference[self.largest], coord[self.largest])(expected)
        step = _lattice(self._centers(coord) - expected, box)
        step[main] = 0
        return coord + step[self.label] if step.any() else coord

    def _centers(self, coord: np.ndarray) -> np.ndarray:
        size = np.bincount(self.label)
        return np.stack([np.bincount(self.label, column) / size for column in coord.T], axis=1)

    def _move(self, coord: np.ndarray, label: np.ndarray, step: np.ndarray) -> None:
        of_all = np.zeros((self.number, 3), np.float32)
        of_all[label] = step
        coord += of_all[self.label]


def near_bonds(coord: np.ndarray, element: np.ndarray, box: np.ndarray | None) -> np.ndarray:
    """Bonds by distance, through periodic boundaries as well, shape=(k, 2), dtype=int.

    Atoms are bonded if they are at most ``TOLERANCE`` farther apart than their covalent radii; hydrogens not to each
    other, metals never.
    """
    from MDAnalysis.lib.distances import self_capped_distance

    radius = covalent_radius(element)
    reach = 2 * float(radius.max(initial=0.0)) + TOLERANCE
    pairs, distance = self_capped_distance(coord, reach, min_cutoff=SHORTEST_BOND, box=box)
    a, b = pairs.T
    light = np.isin(element, ("H", "D"))
    bonded = (radius[a] > 0) & (radius[b] > 0) & ~(light[a] & light[b]) & (distance < radius[a] + radius[b] + TOLERANCE)
    return pairs[bonded]


def _lattice(gap: np.ndarray, box: np.ndarray) -> np.ndarray:
    """What has to be added to vectors to make them as short as the box allows; exactly 0 where nothing."""
    from MDAnalysis.lib.distances import minimize_vectors

    gap = np.ascontiguousarray(gap, np.float32)
    step = minimize_vectors(gap, box) - gap
    step[np.abs(step).max(axis=1) < 1.0] = 0  # rounding: no box is so small
    return step
