"""Rigid motions, and the one that brings paired atoms closest together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Paired atoms that stay farther apart than this moved with something else: they are left out of the fit (angstrom).
#: ChimeraX's matchmaker and PyMOL's align prune at 2 angstrom as well.
OUTLIER = 2.0
#: ... but at least this share of the pairs, the nearest ones, stays in it.
CORE = 0.5
_ROUNDS = 30


@dataclass(frozen=True)
class Motion:
    """A rigid motion: ``coord @ rotation.T + shift``.

    Attributes
    ----------
    rotation : ndarray, shape=(3, 3), dtype=float64
    shift : ndarray, shape=(3,), dtype=float64
        Angstrom.
    """

    rotation: np.ndarray
    shift: np.ndarray

    def __call__(self, coord: np.ndarray) -> np.ndarray:
        """Move positions, shape=(n, 3); float64."""
        return np.asarray(coord, float) @ self.rotation.T + self.shift

    def inverse(self) -> Motion:
        """The motion back."""
        return Motion(self.rotation.T, -self.shift @ self.rotation)

    @classmethod
    def identity(cls) -> Motion:
        """The motion that leaves everything where it is."""
        return cls(np.eye(3), np.zeros(3))


def fit_motion(mobile: np.ndarray, fixed: np.ndarray) -> Motion:
    """The motion of least squares (Kabsch) of at least three paired positions, shape=(n, 3) each (angstrom)."""
    from scipy.spatial.transform import Rotation

    mobile, fixed = np.asarray(mobile, float), np.asarray(fixed, float)
    center, target = mobile.mean(axis=0), fixed.mean(axis=0)
    rotation = Rotation.align_vectors(fixed - target, mobile - center)[0].as_matrix()
    return Motion(rotation, target - rotation @ center)


def fit_core(
    mobile: np.ndarray, fixed: np.ndarray, *, outlier: float = OUTLIER, core: float = CORE
) -> tuple[Motion, np.ndarray]:
    """Fit in rounds that leave out pairs that stay apart, until the same pairs are left.

    Parameters
    ----------
    mobile, fixed : ndarray, shape=(n, 3), dtype=float64
        Paired positions (angstrom), at least three.
    outlier : float, optional
        Pairs that stay this near are in the fit (angstrom).
    core : float, optional
        Share of the pairs that is in the fit whatever their distances, the nearest ones.

    Returns
    -------
    Motion
    ndarray, shape=(n,), dtype=bool
        The pairs it was fitted to.
    """
    keep = np.ones(len(mobile), bool)
    for _ in range(_ROUNDS):
        motion = fit_motion(mobile[keep], fixed[keep])
        distance = np.linalg.norm(motion(mobile) - fixed, axis=1)
        nearest = np.sort(distance)[max(3, int(np.ceil(core * len(distance)))) - 1]
        before, keep = keep, distance <= max(outlier, nearest)
        if (keep == before).all():
            break
    return motion, before
