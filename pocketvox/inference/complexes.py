"""Maps of the interactions that given ligands make: what networks that see the ligand (task ``complex``) are for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pocketvox.channels import LABEL_RADIUS, LIGAND
from pocketvox.descriptors import describe
from pocketvox.errors import LigandError
from pocketvox.features import ligand_points, receptor_points, together
from pocketvox.inference.predictor import Predictor
from pocketvox.inference.tiling import predict_volume
from pocketvox.structure.atoms import Complex
from pocketvox.voxel.grid import Grid, Volume
from pocketvox.voxel.labels import within

#: A map reaches this far beyond the atoms of a ligand (angstrom): beyond every label.
LIGAND_MARGIN = 4.0


def predict_complex(
    predictor: Predictor,
    complex_: Complex,
    grid: Grid | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    rotations: int = 1,
) -> Volume:
    """Map of the interactions that the ligands of a complex make.

    Parameters
    ----------
    predictor : Predictor
        Of a preset of the task ``complex``.
    complex_ : Complex
    grid : Grid, optional
        Where; all ligands and ``LIGAND_MARGIN`` around them if not given.
    progress : callable, optional
        Called with the number of ligands done and in all.
    rotations : int
        As for :func:`pocketvox.inference.predict_volume`.

    Returns
    -------
    Volume
        Probabilities, dtype=float32, over the preset's channels, 0 away from the ligands, and a channel ``ligand`` that
        is 1 within ``LABEL_RADIUS`` of a ligand atom, else 0. Ligands are looked at one by one, each without the
        others; where they meet, the higher probability counts.

    Raises
    ------
    LigandError
        If there is no ligand.
    """
    if not complex_.ligands:
        raise LigandError(
            f"{complex_.name}: expected a ligand, which {predictor.preset.name} looks at. Received: none that counts "
            "as one. Name it with around (--around), as a residue or a file, or use a preset of the task pocket."
        )
    spacing = predictor.preset.spacing
    atoms = np.concatenate([ligand.coord for ligand in complex_.ligands])
    grid = grid or Grid.around(atoms, LIGAND_MARGIN, spacing)
    receptor = receptor_points(complex_.receptor)
    values = np.zeros((*grid.shape, len(predictor.preset.channels) + 1), np.float32)
    values[..., -1] = within(atoms, grid, LABEL_RADIUS)
    for done, ligand in enumerate(complex_.ligands, 1):
        start, size = _box(ligand.coord, grid)
        if min(size) > 0:
            points = ligand_points(ligand)
            found = predict_volume(
                predictor.preset,
                together(receptor, points),
                grid.window(start, size),
                engine=predictor.engine,
                rotations=rotations,
                descriptors=describe(ligand, points, receptor, complex_.structure),
            )
            here = (*(slice(a, a + n) for a, n in zip(start, size, strict=True)), slice(0, -1))
            values[here] = np.maximum(values[here], found.values)
        if progress is not None:
            progress(done, len(complex_.ligands))
    return Volume(values, grid, (*predictor.preset.channels, LIGAND))


def _box(coord: np.ndarray, grid: Grid) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """First voxel and size of the part of a grid around positions; a size is not positive if they are outside."""
    index, margin = grid.to_index(coord), LIGAND_MARGIN / grid.spacing
    low = np.maximum(np.floor(index.min(axis=0) - margin), 0).astype(int)
    high = np.minimum(np.ceil(index.max(axis=0) + margin) + 1, grid.shape).astype(int)
    return tuple(low.tolist()), tuple((high - low).tolist())
