"""AutoDock Vina configuration files: one search box for each pocket."""

from __future__ import annotations

from pathlib import Path

from pocketvox.pockets import Pocket
from pocketvox.report.result import Result
from pocketvox.report.structures import sanitise
from pocketvox.voxel.grid import Grid

#: Space between a pocket's voxels and the faces of its box (angstrom): what smina and gnina add around a ligand
#: (``--autobox_add``, https://github.com/gnina/gnina).
MARGIN = 4.0
FOLDER = "vina"


def write_vina(folder: Path, result: Result) -> None:
    """Write ``vina/<pocket>.txt``, for ``vina --config``.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    (folder / FOLDER).mkdir()
    for pocket in result.pockets:
        path = folder / FOLDER / f"{sanitise(pocket.name)}.txt"
        path.write_text(box_text(pocket, result.maps.grid, result.name), encoding="utf-8", newline="")


def box_text(pocket: Pocket, grid: Grid, name: str) -> str:
    """The box of a pocket: its voxels, and :data:`MARGIN` on every side (angstrom)."""
    low = grid.to_coord(pocket.voxels.min(axis=0) - 0.5) - MARGIN
    high = grid.to_coord(pocket.voxels.max(axis=0) + 0.5) + MARGIN
    center, size = (low + high) / 2, high - low
    lines = [f"# {sanitise(pocket.name)} of {sanitise(name)}: its voxels and {MARGIN:g} angstrom on every side"]
    if pocket.plddt is not None:
        lines.append(f"# mean pLDDT of the residues that line it: {pocket.plddt:.0f}")
    lines += [f"center_{axis} = {value:.3f}" for axis, value in zip("xyz", center, strict=True)]
    lines += [f"size_{axis} = {value:.3f}" for axis, value in zip("xyz", size, strict=True)]
    return "\n".join(lines) + "\n"
