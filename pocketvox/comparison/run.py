"""Compare the pockets of two structures: superpose, scan both on one grid, match what was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pocketvox.comparison.changes import hotspot_changes, pocket_changes
from pocketvox.comparison.difference import changed_volumes, joint_difference
from pocketvox.comparison.noise import noise_floor
from pocketvox.comparison.observed import comparable_voxels, unmatched
from pocketvox.comparison.pairing import COINCIDE, Correspondence, correspond, fit_residues
from pocketvox.comparison.reasons import differences
from pocketvox.comparison.result import FITS, Comparison
from pocketvox.errors import SelectionError, UsageError
from pocketvox.inference.tiling import DENSE, MARGIN
from pocketvox.pipeline import Input, Scanner
from pocketvox.report import Result
from pocketvox.structure import read_structure
from pocketvox.structure.atoms import Atoms, Structure
from pocketvox.structure.superpose import Motion
from pocketvox.voxel.grid import Grid

if TYPE_CHECKING:
    from pocketvox.inference import Predictor

#: A motion that moves no atom by this much (angstrom), half of the last digit of a file, is rounding.
SAME_FRAME = 5e-4
#: Corresponding residues are likely paired wrongly, or the folds differ, if fewer than this share are the same ...
LOW_IDENTITY = 0.3
#: ... and parts have moved against each other if fewer than this share coincide.
LOW_COINCIDENCE = 0.8


def compare(
    a,
    b,
    *,
    fit: str = FITS[0],
    align: bool = True,
    around: str | None = None,
    center=None,
    size=None,
    preset: str | Path | None = None,
    engine="auto",
    threads: int | None = None,
    predictor: Predictor | None = None,
    rotations: int = 1,
    model: int | None = None,
    keep=(),
    cache: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Compare the pockets of two structures: what B gains and loses against A.

    B is superposed onto A and both are scanned on one grid, so that maps are subtracted voxel by voxel and nothing is
    interpolated.

    Parameters
    ----------
    a, b : str, path or Structure
        As for :func:`pocketvox.scan`.
    fit : str
        ``"global"``: superposed on all corresponding residues, outliers left out; ``"pocket"``: on the residues that
        line the best pocket of A.
    align : bool
        False: the structures are in one frame already and are not superposed.
    around : str, optional
        Compare only around a residue or ligand of A, as for :func:`pocketvox.scan`.
    center, size : optional
        Compare only in a box in the frame of A, as for :func:`pocketvox.scan`.
    preset, engine, threads, predictor, rotations, model, keep, cache
        As for :func:`pocketvox.scan`; the same for both.
    progress : callable, optional
        Called with the number of tiles done and in all, for A and then for B.

    Returns
    -------
    Comparison

    Raises
    ------
    StructureError
        If a structure cannot be read, or too few residues coincide.
    SelectionError
        If the region holds too many voxels to compare, or nothing.
    LigandError, DownloadError, ConfigError, UsageError
        As from :func:`pocketvox.scan`.
    """
    from pocketvox.inference import load_predictor

    if fit not in FITS:
        raise UsageError(f"Expected fit (--fit): {' or '.join(FITS)}. Received: {fit}.")
    if fit != FITS[0] and not align:
        raise UsageError("Structures that are not superposed (--no-align) have no fit (--fit). Leave one of them out.")
    predictor = predictor or load_predictor(preset, engine=engine, threads=threads)
    if predictor.preset.config.task != "pocket":
        raise UsageError(f"{predictor.preset.name} looks at ligands. Compare with a preset of the task pocket.")
    first, second = (s if isinstance(s, Structure) else read_structure(s, model=model, cache=cache) for s in (a, b))
    found = correspond(first, second, align=align)
    scan = Scanner(predictor, rotations=rotations, keep=tuple(keep))
    read_a = replace(scan, around=around, center=center, size=size).read(first)
    if around is None and center is None:
        read_a.prepared.grid = _common_grid(read_a.prepared.receptor, second, found, predictor.preset.spacing)
    grid = read_a.prepared.grid
    _check_size(first, grid)
    result_a = scan.finish(read_a, scan.predict(read_a, progress))
    if fit == "pocket":
        found = _fitted_to_pocket(first, result_a, read_a.prepared.receptor, found)
    read_b = scan.read(_superposed(second, found.motion))
    read_b.prepared.grid = grid
    result_b = scan.finish(read_b, scan.predict(read_b, progress))
    return _compared(read_a, read_b, result_a, result_b, found, fit if align else "none")


def _compared(read_a: Input, read_b: Input, a: Result, b: Result, found: Correspondence, fit: str) -> Comparison:
    receptor_a, receptor_b = read_a.prepared.receptor, read_b.prepared.receptor
    missing = unmatched(found)
    comparable = comparable_voxels(a.maps.grid, receptor_a, receptor_b, missing)
    difference = joint_difference(a.maps, b.maps, comparable)
    noise = noise_floor(a.preset)
    differing = differences(receptor_a, receptor_b, found, missing)
    return Comparison(
        a=a,
        b=b,
        correspondence=found,
        fit=fit,
        pockets=pocket_changes(a, b, comparable),
        hotspots=hotspot_changes(a, b, comparable, found.motion, noise, differing),
        difference=difference,
        comparable=comparable,
        changed=None if noise is None else changed_volumes(difference, noise),
        noise=noise,
        warnings=_warnings(a, b, found),
    )


def _common_grid(receptor: Atoms, other: Structure, found: Correspondence, spacing: float) -> Grid:
    """The grid over the chains that correspond, in both structures; over all of A if none do."""
    if not found.chains:
        return Grid.around(receptor.coord[receptor.heavy], MARGIN, spacing)
    names_a, names_b = ([getattr(pair, side).name for pair in found.chains] for side in "ab")
    polymer = other.atoms.kind <= max(pair.b.kind for pair in found.chains)
    own = receptor.coord[receptor.heavy & np.isin(receptor.chain_id, names_a)]
    theirs = other.atoms.coord[other.atoms.heavy & polymer & np.isin(other.atoms.chain_id, names_b)]
    return Grid.around(np.concatenate([own, found.motion(theirs)]), MARGIN, spacing)


def _check_size(a: Structure, grid: Grid) -> None:
    voxels = np.prod(grid.shape, dtype=float)
    if voxels > DENSE:
        raise SelectionError(
            f"{a.source or a.name}: expected at most {DENSE / 1e6:.0f} million voxels to compare. Received: "
            f"{voxels / 1e6:.1f} million. Choose a part with --around, or --center and --size."
        )


def _fitted_to_pocket(a: Structure, result: Result, receptor: Atoms, found: Correspondence) -> Correspondence:
    """Superposed on the residues that line the best pocket of A."""
    if not result.pockets:
        raise SelectionError(
            f"{a.source or a.name}: expected a pocket to superpose on. Received: none found. Use --fit global."
        )
    lining = np.unique(receptor.residue[result.pockets[0].surface_atoms])
    fitted = fit_residues(found, lining)
    if fitted is None:
        raise SelectionError(
            f"{a.source or a.name}: expected at least six residues of pocket1 with a counterpart. Received: fewer. Use "
            "--fit global."
        )
    return fitted


def _superposed(structure: Structure, motion: Motion) -> Structure:
    """The structure in the frame of A; as it is if it is there already."""
    coord = motion(structure.atoms.coord).astype(np.float32)
    if np.abs(coord - structure.atoms.coord).max() < SAME_FRAME:
        return structure
    return replace(structure, atoms=replace(structure.atoms, coord=coord))


def _warnings(a: Result, b: Result, found: Correspondence) -> tuple[str, ...]:
    notes = [f"{side}: {text}" for side, result in (("A", a), ("B", b)) for text in result.warnings]
    for side, chains in (("A", found.unpaired_a), ("B", found.unpaired_b)):
        if chains and found.chains:
            names = ", ".join(chain.name for chain in chains)
            notes.append(f"{side}: no counterpart for chain {names}: left out of the comparison, as is what lies near")
    if not found.chains:
        notes.append("no chain of A corresponds to one of B: no reasons are given, and nothing tells what is absent")
        return tuple(notes)
    coincide = float((found.distances <= COINCIDE).mean())
    if found.identity < LOW_IDENTITY:
        notes.append(f"sequence identity {100 * found.identity:.0f} %: residues may be paired wrongly")
    if coincide < LOW_COINCIDENCE:
        notes.append(
            f"only {100 * coincide:.0f} % of the corresponding residues coincide within {COINCIDE:g} angstrom: parts "
            "have moved against each other, and what lies on those that moved counts as lost and gained. --fit pocket "
            "superposes one site"
        )
    return tuple(notes)
