"""Occlusion: take a residue away, predict again, and see what is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from pocketvox.explain.atoms import parents_of
from pocketvox.features import FeaturePoints
from pocketvox.inference.tiling import REACH
from pocketvox.structure.atoms import Atoms
from pocketvox.voxel import Grid


def without_residue(points: FeaturePoints, atoms: Atoms, residue: int) -> FeaturePoints:
    """The points that come from no atom of a residue; all others stay where they are.

    Parameters
    ----------
    points : FeaturePoints
        Of ``atoms``.
    atoms : Atoms
    residue : int
        As in ``atoms.residue``.
    """
    parents = parents_of(points)
    kept = ~((parents >= 0) & (atoms.residue[parents] == residue)).any(axis=1)
    b_factor = None if points.b_factor is None else points.b_factor[kept]
    arrays = {name: getattr(points, name)[kept] for name in ("coord", "features", "radius")}
    return replace(points, **arrays, parents=parents[kept], b_factor=b_factor)


def residues_around(points: FeaturePoints, atoms: Atoms, mask: np.ndarray, grid: Grid, reach: float = REACH):
    """Residues with a point within ``reach`` (angstrom) of the voxels of ``mask``, ascending, dtype=int32."""
    distance, _ = cKDTree(grid.to_coord(np.argwhere(mask))).query(points.coord, distance_upper_bound=reach)
    parents = parents_of(points)[np.isfinite(distance)]
    return np.unique(atoms.residue[parents[parents >= 0]])


def occlusion(
    value: Callable[[FeaturePoints], float],
    points: FeaturePoints,
    atoms: Atoms,
    residues: np.ndarray,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """By how much a value falls without each residue.

    Parameters
    ----------
    value : callable
        The target's value for a receptor.
    points : FeaturePoints
    atoms : Atoms
    residues : ndarray, shape=(r,), dtype=int
    progress : callable, optional
        Called with residues done and in all.

    Returns
    -------
    ndarray, shape=(r,), dtype=float64
    """
    whole, drops = value(points), []
    for done, residue in enumerate(residues, 1):
        drops.append(whole - value(without_residue(points, atoms, residue)))
        if progress is not None:
            progress(done, len(residues))
    return np.array(drops, float)
