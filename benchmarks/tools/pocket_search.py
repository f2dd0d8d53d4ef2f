"""Search for the training pocket most like a pocket, in any of 24 orientations.

A pocket is described by the receptor's feature points around the centroid of its ligand, counted on a coarse grid and
blurred, one channel per feature. The centroid is the grid's centre, so a cube rotation of the grid is exact. Instead of
turning every training pocket, the query is turned the other way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from pocketvox.data.store import Store, StoreItem
from pocketvox.errors import InputError
from pocketvox.features import FEATURES
from pocketvox.voxel import cube_rotations, rotate_coord, unrotate_volume

#: Voxels along an edge of the descriptor's box, their edge and the width of the blur (angstrom).
SIZE, SPACING, BLUR = 12, 2.0, 1.5


@dataclass(frozen=True)
class Pocket:
    """A pocket of the store.

    Attributes
    ----------
    id, ligand : str
        Structure and ligand.
    center : ndarray, shape=(3,), dtype=float64
        Centroid of the ligand's heavy atoms (angstrom).
    point_coord : ndarray, shape=(k, 3), dtype=float32
        Interaction points of this ligand (angstrom).
    point_channel : ndarray, shape=(k,), dtype=uint8
        Index into ``CHANNELS``.
    """

    id: str
    ligand: str
    center: np.ndarray
    point_coord: np.ndarray
    point_channel: np.ndarray


@dataclass(frozen=True)
class Hit:
    """A pocket that was found, with the rotation that lays it onto the query and their cosine similarity."""

    pocket: Pocket
    rotation: np.ndarray
    similarity: float

    def points_at(self, center: np.ndarray) -> np.ndarray:
        """Its interaction points, turned and moved to ``center``; shape=(k, 3), dtype=float64, angstrom."""
        return rotate_coord(self.pocket.point_coord - self.pocket.center, self.rotation) + center


class PocketIndex:
    """The pockets of one split of a data store.

    Parameters
    ----------
    store : Store
    split : str

    Attributes
    ----------
    pockets : list of Pocket

    Raises
    ------
    InputError
        If the store has other features than this version of pocketvox, or no ligands in the split.
    """

    def __init__(self, store: Store, split: str = "train"):
        if store.features != FEATURES:
            raise InputError(f"Expected the features {FEATURES} in {store.path}. Received: {store.features}.")
        self.pockets: list[Pocket] = []
        rows = []
        for id in store.ids(split):
            (item,) = store.read([id])
            for pocket in _pockets(item):
                self.pockets.append(pocket)
                rows.append(descriptor(item.coord, item.features, pocket.center).ravel())
        if not rows:
            raise InputError(f"Expected ligands in the {split} split of {store.path}. Received: none.")
        self._matrix = np.array(rows)

    def search(self, coord: np.ndarray, features: np.ndarray, center: np.ndarray, k: int) -> list[Hit]:
        """The pockets most like the one around ``center``, best first, each in its best orientation.

        Parameters
        ----------
        coord : ndarray, shape=(n, 3), dtype=float
            Feature points of the receptor (angstrom).
        features : ndarray, shape=(n, len(FEATURES)), dtype=bool or uint8
        center : ndarray, shape=(3,), dtype=float
            Angstrom.
        k : int
            How many; all if there are fewer.
        """
        rotations = cube_rotations()
        query = descriptor(coord, features, center)
        turned = np.stack([unrotate_volume(query, rotation).ravel() for rotation in rotations], axis=1)
        similarity = self._matrix @ turned
        best = similarity.max(axis=1)
        order = np.argsort(-best, kind="stable")[:k]
        return [Hit(self.pockets[i], rotations[similarity[i].argmax()], float(best[i])) for i in order]


def descriptor(coord: np.ndarray, features: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Blurred counts of feature points around a position, scaled to the length 1.

    Returns
    -------
    ndarray, shape=(SIZE, SIZE, SIZE, len(FEATURES)), dtype=float32
    """
    index = np.floor((np.asarray(coord, np.float64) - center) / SPACING).astype(int) + SIZE // 2
    inside = ((index >= 0) & (index < SIZE)).all(axis=1)
    values = np.zeros((SIZE, SIZE, SIZE, np.shape(features)[1]), np.float32)
    np.add.at(values, tuple(index[inside].T), np.asarray(features, np.float32)[inside])
    values = gaussian_filter(values, (*(BLUR / SPACING,) * 3, 0), mode="constant", truncate=2.0)
    return values / max(float(np.linalg.norm(values)), 1e-9)


def _pockets(item: StoreItem) -> list[Pocket]:
    found = []
    for number, name in enumerate(item.ligand_names):
        center = item.ligand_coord[item.ligand_group == number].mean(axis=0, dtype=np.float64)
        own = item.point_group == number
        found.append(Pocket(item.id, name, center, item.point_coord[own], item.point_channel[own]))
    return found
