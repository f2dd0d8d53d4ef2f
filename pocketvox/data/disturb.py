"""How a receptor differs from the one at hand, yet binds alike: displaced smoothly, and with parts missing."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

#: Receptor points nearer to a ligand atom are never missing (angstrom): the longest reach of an interaction, that of a
#: water bridge in :data:`pocketvox.interactions.definitions.REACH`, so that no label loses its partner.
DROP_DISTANCE = 7.0
#: Points that go missing together: about those of a side chain.
_CLUSTER_SIZE = 5
#: Points nearer than this move together under a warp (angstrom): about the size of a side chain; waves it is made of.
_WARP_LENGTH, _WARP_WAVES = 4.0, 32


def smooth_displacement(coord: np.ndarray, amplitude: float, rng: np.random.Generator) -> np.ndarray:
    """A random vector field, Gaussian and correlated over ``_WARP_LENGTH``, at the given points.

    Parameters
    ----------
    coord : ndarray, shape=(n, 3), dtype=float32
        Angstrom.
    amplitude : float
        Root mean square length of the vectors (angstrom).
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape=(n, 3), dtype=float32

    References
    ----------
    Random Fourier features: Rahimi & Recht, NIPS 2007.
    """
    frequency = rng.normal(0.0, 1 / _WARP_LENGTH, (3, _WARP_WAVES))
    phase = rng.uniform(0, 2 * np.pi, _WARP_WAVES)
    direction = rng.normal(0.0, amplitude * np.sqrt(2 / (3 * _WARP_WAVES)), (_WARP_WAVES, 3))
    return (np.cos(coord @ frequency + phase) @ direction).astype(np.float32)


def missing_clusters(coord: np.ndarray, ligand: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Random small clusters among the points far from a ligand.

    The points farther than ``DROP_DISTANCE`` from every ligand atom are parted into cells, each point with the nearest
    of some of them drawn at random; each cell is chosen with probability ``share``.

    Parameters
    ----------
    coord : ndarray, shape=(n, 3)
        Receptor points (angstrom).
    ligand : ndarray, shape=(m, 3)
        Ligand atoms (angstrom).
    share : float
        Expected share of the far points, 0 to 1.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape=(n,), dtype=bool
        True for the points chosen.
    """
    chosen = np.zeros(len(coord), bool)
    far = np.arange(len(coord))
    if len(ligand):
        far = np.flatnonzero(cKDTree(ligand).query(coord, distance_upper_bound=DROP_DISTANCE)[0] > DROP_DISTANCE)
    if len(far):
        centres = rng.choice(far, -(-len(far) // _CLUSTER_SIZE), replace=False)
        cell = cKDTree(coord[centres]).query(coord[far])[1]
        chosen[far] = (rng.random(len(centres)) < share)[cell]
    return chosen
