"""The scan: a structure in, pockets, hot-spots and maps out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pocketvox.errors import LigandError, SelectionError, StructureError, UsageError
from pocketvox.hashing import file_hash
from pocketvox.inference.tiling import MARGIN
from pocketvox.report import Result
from pocketvox.structure import partition, read_structure
from pocketvox.structure.atoms import OTHER, Atoms, Structure
from pocketvox.structure.ligands import CONTACT
from pocketvox.structure.selector import select_residues
from pocketvox.voxel.grid import Grid, Volume

if TYPE_CHECKING:
    from pocketvox.features import FeaturePoints
    from pocketvox.inference import Predictor
    from pocketvox.structure.atoms import Complex

#: Arguments of a scan that decide about its result.
OPTIONS = ("rotations", "fdr", "min_plddt", "around", "center", "size", "model", "keep")
#: A map reaches this far beyond the atoms chosen with ``around`` (angstrom): what a grown ligand could reach.
AROUND_MARGIN = 8.0
#: ... beyond the ligands in a label grid: the label radius and a voxel or two.
LABEL_MARGIN = 4.0
#: Edge of the box around ``center`` if no size is given (angstrom): AutoDock Vina's usual box.
BOX_SIZE = 24.0
#: A grid with more voxels than this would not fit in a workstation's memory.
MOST_VOXELS = 120_000_000


@dataclass
class Prepared:
    """A structure sorted into receptor and ligands, with the grid to look at.

    Attributes
    ----------
    structure : Structure
    receptor : Atoms
        What the network sees: polymers, prosthetic groups, metals.
    rows : ndarray, shape=(k,), dtype=int32
        Atoms of the structure that the receptor is.
    ligands : tuple of ndarray, shape=(k,), dtype=int32
        Atoms of each ligand that was taken out.
    ligand_names : tuple of str
    grid : Grid
    seconds : dict
        Wall time of each stage.
    warnings : tuple of str
    """

    structure: Structure
    receptor: Atoms
    rows: np.ndarray
    ligands: tuple[np.ndarray, ...]
    ligand_names: tuple[str, ...]
    grid: Grid
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def scan(
    source,
    *,
    around: str | None = None,
    center=None,
    size=None,
    preset: str | Path | None = None,
    engine="auto",
    threads: int | None = None,
    predictor=None,
    rotations: int = 1,
    fdr: float | None = None,
    min_plddt: float | None = None,
    model: int | None = None,
    keep=(),
    cache: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Find pockets and interaction hot-spots in a structure; no ligand is needed.

    Ligands, waters and additives are taken out of what the network sees; metals and prosthetic groups stay. A preset of
    the task ``complex`` looks at ligands instead: the pockets are where they are, the hot-spots what they make there.

    Parameters
    ----------
    source : str, path or Structure
        PDB, mmCIF or BinaryCIF file, each also gzipped, or a PDB id (downloaded and cached).
    around : str, optional
        Look only around a residue (``A:401``), a component (``MK1``) or the ligand in a file. A selected ligand or
        cofactor is taken out of the receptor; a residue of a polymer stays. For the task ``complex``: the ligand.
    center : sequence of 3 floats, optional
        Look only in a box around this point (angstrom).
    size : float or sequence of 3 floats, optional
        Edge, or edges, of the box around ``center`` (angstrom).
    preset : str or path, optional
        Trained model, by name or folder; the newest shipped one if not given.
    engine : str or callable, optional
        ``"auto"``, ``"openvino"`` or ``"keras"``, or a callable from (b, x, y, z, F) to probabilities.
    threads : int, optional
        Processor threads; all if not given.
    predictor : Predictor, optional
        From :func:`pocketvox.inference.load_predictor`, to scan many structures with one; then ``preset``, ``engine``
        and ``threads`` are not used.
    rotations : int
        Average the maps over 2, 4, 8, 12 or 24 orientations of the receptor: slightly better maps, which depend less on
        its orientation, in so many times the time. See :func:`pocketvox.inference.predict_volume`.
    fdr : float, optional
        Keep only hot-spots of the channels and probabilities at which at most this share is false; a level of the
        preset. See :func:`pocketvox.inference.discovery_thresholds`.
    min_plddt : float, optional
        Of a predicted model leave out the residues below this pLDDT, 0 to 100.
    model : int, optional
        Model number; the first if not given.
    keep : sequence of str, optional
        Component codes that stay in the receptor.
    cache : path, optional
        Folder for downloads.
    progress : callable, optional
        Called with the number of tiles done and in all.

    Returns
    -------
    Result

    Raises
    ------
    StructureError, SelectionError, LigandError, DownloadError, ConfigError, UsageError
    """
    from pocketvox.inference import load_predictor

    seconds: dict[str, float] = {}
    if predictor is None:
        with timed(seconds, "load"):
            predictor = load_predictor(preset, engine=engine, threads=threads)
    work = Scanner(
        predictor,
        around=around,
        center=center,
        size=size,
        rotations=rotations,
        fdr=fdr,
        min_plddt=min_plddt,
        model=model,
        keep=tuple(keep),
        cache=cache,
    )
    read = work.read(source)
    result = work.finish(read, work.predict(read, progress))
    return replace(result, seconds=seconds | result.seconds)


@dataclass(frozen=True)
class Input:
    """A structure with what the network sees of it.

    Attributes
    ----------
    prepared : Prepared or Complex
        A complex for presets of the task ``complex``.
    points : FeaturePoints
        Of the receptor.
    seconds : dict
        Wall time of each stage; later stages add theirs.
    """

    prepared: Prepared | Complex
    points: FeaturePoints
    seconds: dict[str, float]


@dataclass(frozen=True)
class Scanner:
    """The stages of a scan, for callers that let them overlap: of several structures each is in another stage.

    ``finish(read, predict(read))`` is the result of ``scan`` for what ``read`` read. The stages share nothing that
    changes: each may run in a thread of its own, ``predict`` in as many as the predictor has streams.

    Attributes
    ----------
    predictor : Predictor
    around, center, size, rotations, fdr, min_plddt, model, keep, cache
        As for :func:`scan`.

    Raises
    ------
    ConfigError
        If the preset has no thresholds for ``fdr``.
    UsageError
        If options contradict each other or the preset's task.
    """

    predictor: Predictor
    around: str | None = None
    center: Sequence[float] | None = None
    size: float | Sequence[float] | None = None
    rotations: int = 1
    fdr: float | None = None
    min_plddt: float | None = None
    model: int | None = None
    keep: tuple[str, ...] = ()
    cache: str | Path | None = None

    def __post_init__(self):
        self.trusted()
        preset = self.predictor.preset
        if preset.config.task == "complex" and (self.center is not None or self.size is not None):
            raise UsageError(f"{preset.name} looks at ligands. Give around instead of center and size.")

    def read(self, source) -> Input:
        """Read a structure and find what it offers; errors as of :func:`scan`."""
        from pocketvox.descriptors import experiment
        from pocketvox.features import receptor_points
        from pocketvox.structure.predicted import without_low_confidence

        seconds: dict[str, float] = {}
        if self.min_plddt is not None:
            with timed(seconds, "read"):
                if not isinstance(source, Structure):
                    source = read_structure(source, model=self.model, cache=self.cache)
                source = without_low_confidence(source, self.min_plddt)
        options = {"around": self.around, "model": self.model, "keep": self.keep, "cache": self.cache}
        if self.predictor.preset.config.task == "complex":
            from pocketvox.structure import read_complex

            with timed(seconds, "read"):
                prepared = read_complex(source, **options)
            kind = ""
        else:
            region = {"center": self.center, "size": self.size, "spacing": self.predictor.preset.spacing}
            prepared = prepare(source, **region, **options)
            seconds = prepared.seconds | seconds
            kind = experiment(prepared.structure)
        with timed(seconds, "features"):
            points = receptor_points(prepared.receptor, kind)
        return Input(prepared, points, seconds)

    def predict(self, read: Input, progress: Callable[[int, int], None] | None = None) -> Volume:
        """Maps of a structure."""
        with timed(read.seconds, "predict"):
            if isinstance(read.prepared, Prepared):
                return self.predictor(read.points, read.prepared.grid, progress, rotations=self.rotations)
            from pocketvox.inference import predict_complex

            return predict_complex(self.predictor, read.prepared, progress=progress, rotations=self.rotations)

    def finish(self, read: Input, maps: Volume) -> Result:
        """Pockets and hot-spots in the maps."""
        from pocketvox.pockets import (
            add_confidence,
            find_pockets,
            pocket_volume,
            preset_settings,
            rate_pockets,
            reaching,
            uncertain,
            unfamiliar,
        )

        preset, prepared = self.predictor.preset, read.prepared
        trusted = self.trusted()
        with timed(read.seconds, "pockets"):
            settings = preset_settings(preset.config)
            near = pocket_volume(maps, *settings)
            pockets = find_pockets(near, prepared.receptor, *settings)
            if self.fdr is not None:
                pockets = reaching(pockets, trusted)
            pockets = rate_pockets(pockets, read.points, near, preset.domain())
            pockets = add_confidence(pockets, prepared.structure, prepared.receptor)
        return Result(
            name=prepared.structure.name,
            pockets=pockets,
            maps=maps,
            structure=prepared.structure,
            source=prepared.structure.source,
            sha256=prepared.structure.sha256,
            preset=preset.name,
            fingerprint=preset.fingerprint,
            engine=self.predictor.engine_name,
            calibrated=preset.calibrated,
            uncalibrated=preset.uncalibrated,
            calibration_errors=preset.calibration_errors(),
            rotations=self.rotations,
            fdr=self.fdr,
            fdr_thresholds=trusted,
            warnings=(*prepared.warnings, *unfamiliar(pockets), *uncertain(pockets)),
            seconds=dict(read.seconds),
            options=recorded(self),
        )

    def trusted(self) -> dict[str, float]:
        """Thresholds by channel for the rate of false hot-spots that was asked for."""
        from pocketvox.inference import discovery_thresholds

        return {} if self.fdr is None else discovery_thresholds(self.predictor.preset, self.fdr)


def recorded(settings) -> dict:
    """What was asked for and decides about a result, besides input and preset, as plain JSON types.

    Parameters
    ----------
    settings : object
        With the attributes :data:`OPTIONS`, as of :class:`Scanner`.
    """
    found = {name: getattr(settings, name) for name in OPTIONS}
    if settings.around is not None and Path(settings.around).is_file():
        found["around_sha256"] = file_hash(settings.around)
    return {
        name: np.asarray(value).tolist() if name in ("center", "size", "keep") and value is not None else value
        for name, value in found.items()
    }


def prepare(
    source,
    *,
    spacing: float,
    around: str | None = None,
    center=None,
    size=None,
    model: int | None = None,
    keep=(),
    cache: str | Path | None = None,
    rows: np.ndarray | None = None,
) -> Prepared:
    """Read a structure, take its ligands out, lay a grid over it.

    Parameters
    ----------
    spacing : float
        Edge of a voxel (angstrom).
    source, around, center, size, model, keep, cache
        As for :func:`scan`.
    rows : ndarray of int, optional
        Atoms that are the receptor, whatever the rules say.
    """
    if around is not None and center is not None:
        raise UsageError("Expected around or center. Received: both. Give one of them.")
    if size is not None and center is None:
        raise UsageError("Expected a center for the box of this size. Received: none. Give center as well.")
    seconds: dict[str, float] = {}
    with timed(seconds, "read"):
        structure = source if isinstance(source, Structure) else read_structure(source, model=model, cache=cache)
    with timed(seconds, "prepare"):
        parts, focus, notes = _sort(structure, around, keep)
        rows = parts.receptor if rows is None else rows
        receptor = structure.atoms[rows]
        if not receptor.heavy.any():
            raise StructureError(
                f"{structure.source}: expected a receptor. Received: ligands only, by the rules. Name components that "
                "belong to the receptor with keep (--keep)."
            )
        grid = _grid(structure, receptor, focus, center, size, spacing)
    return Prepared(
        structure=structure,
        receptor=receptor,
        rows=rows,
        ligands=parts.ligands,
        ligand_names=parts.names,
        grid=grid,
        seconds=seconds,
        warnings=tuple(dict.fromkeys((*structure.warnings, *parts.warnings, *notes))),
    )


def _sort(structure: Structure, around: str | None, keep):
    """Partition, positions to look around (None: everywhere) and warnings."""
    if around is None:
        return partition(structure, keep=keep), None, ()
    from pocketvox.structure.ligand_file import is_ligand_path, ligand_from_file  # loads RDKit

    if isinstance(around, os.PathLike) or Path(around).is_file() or is_ligand_path(around):
        ligand, notes = ligand_from_file(around)
        parts = partition(structure, keep=keep, occupied=ligand.coord)
        _check_frame(structure, structure.atoms[parts.receptor], ligand.coord, around)
        return parts, ligand.coord, notes
    atoms = structure.atoms
    chosen = select_residues(atoms, around)
    if chosen.any() and (atoms.kind[chosen] < OTHER).all():
        parts = partition(structure, keep=keep)
    else:
        parts = partition(structure, around=around, keep=keep)
    return parts, atoms.coord[chosen], ()


def _check_frame(structure: Structure, receptor: Atoms, coord: np.ndarray, path) -> None:
    """Refuse a ligand that lies nowhere near the receptor."""
    from scipy.spatial import cKDTree

    nearest = float(cKDTree(receptor.coord[receptor.heavy]).query(coord)[0].min())
    if nearest > CONTACT:
        raise LigandError(
            f"{path}: the ligand is {nearest:.1f} angstrom away from every receptor atom of {structure.name}, so it is "
            "not in the protein's frame. Give the ligand as posed in this structure."
        )


def _grid(structure: Structure, receptor: Atoms, focus, center, size, spacing: float) -> Grid:
    if center is not None:
        edges = np.broadcast_to(np.asarray(BOX_SIZE if size is None else size, float), 3)
        center = np.asarray(center, float)
        if center.shape != (3,) or not np.isfinite(center).all() or not (edges > 0).all():
            raise UsageError(f"Expected a center of 3 numbers and positive edges. Received: {center}, {edges}.")
        grid = Grid.centred(center, tuple(np.ceil(edges / spacing).astype(int) + 1), spacing)
    elif focus is not None:
        grid = Grid.around(focus, AROUND_MARGIN, spacing)
    else:
        grid = Grid.around(receptor.coord[receptor.heavy], MARGIN, spacing)
    index = grid.to_index(receptor.coord[receptor.heavy])
    reach = CONTACT / spacing
    if not ((index > -reach) & (index < np.array(grid.shape) - 1 + reach)).all(axis=1).any():
        low, high = receptor.coord.min(axis=0), receptor.coord.max(axis=0)
        span = ", ".join(f"{a:.0f} to {b:.0f}" for a, b in zip(low, high, strict=True))
        raise SelectionError(
            f"{structure.source}: no receptor atom is in or near the chosen region. The receptor spans {span} angstrom "
            "along x, y, z. Check the centre."
        )
    check_voxels(grid, structure.source)
    return grid


def check_voxels(grid: Grid, source: str) -> None:
    """Refuse a grid of more than ``MOST_VOXELS``.

    Raises
    ------
    SelectionError
    """
    if np.prod(grid.shape, dtype=float) > MOST_VOXELS:
        raise SelectionError(
            f"{source}: expected at most {MOST_VOXELS / 1e6:.0f} million voxels. Received: a region of "
            f"{' x '.join(map(str, grid.shape))}. Choose a part with --around, or --center and --size."
        )


@contextmanager
def timed(seconds: dict[str, float], stage: str):
    """Note the wall time of the block, if it ends well, as that of a stage."""
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start
