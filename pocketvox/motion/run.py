"""The scan of a trajectory: frames in, statistics of maps, pockets and hot-spots out, one frame in memory at a time."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pocketvox.background import ahead
from pocketvox.descriptors import experiment
from pocketvox.errors import UsageError
from pocketvox.features import FeaturePoints, receptor_points
from pocketvox.hashing import file_hash
from pocketvox.inference import Predictor, load_predictor
from pocketvox.inference.tiling import MARGIN
from pocketvox.motion.frames import NO_ALIGNMENT, Frames, Survey, receptor_frames, survey
from pocketvox.motion.hotspots import FrameHotspots
from pocketvox.motion.pockets import LEAST_SHARE, PocketSpool, track_pockets
from pocketvox.motion.result import TrajectoryResult
from pocketvox.motion.source import Source, open_source
from pocketvox.motion.statistics import MapStatistics, joint_thresholds
from pocketvox.motion.system import read_system
from pocketvox.pipeline import Input, Prepared, Scanner, check_voxels, prepare
from pocketvox.pockets import pocket_volume, preset_settings
from pocketvox.pockets.detect import find_regions
from pocketvox.pockets.hotspots import place_hotspots
from pocketvox.voxel.grid import Grid, Volume


def scan_trajectory(
    topology: str | Path,
    trajectory: str | Path | Sequence[str | Path],
    *,
    start: int | None = None,
    stop: int | None = None,
    stride: int = 1,
    select: str | None = None,
    align: str | None = None,
    around: str | None = None,
    center=None,
    size=None,
    preset: str | Path | None = None,
    engine="auto",
    threads: int | None = None,
    predictor: Predictor | None = None,
    rotations: int = 1,
    fdr: float | None = None,
    keep=(),
    progress: Callable[[int, int], None] | None = None,
) -> TrajectoryResult:
    """Find pockets and interaction hot-spots in the frames of a trajectory, and how often each is there.

    Needs MDAnalysis (``pip install 'pocketvox[md]'``). All frames are read twice: once to check them and to find the
    grid that all of them fit in, then one by one for the network. The memory needed does not depend on their number.

    Parameters
    ----------
    topology : str or path
        PDB or mmCIF, also gzipped, read as by :func:`pocketvox.scan`; or any other topology that MDAnalysis reads.
    trajectory : str, path, or sequence of these
        Any that MDAnalysis reads; several follow each other.
    start, stop, stride : int, optional
        Frames to use, as a slice in Python: from ``start``, to before ``stop``, every ``stride``-th.
    select : str, optional
        What the receptor is, in MDAnalysis' language (``"protein"``); what a scan of the first frame would take if not
        given.
    align : str, optional
        Atoms of the receptor that frames are superposed on, in the same language, or ``"none"``; CA and C1' if not
        given.
    around, center, size
        As for :func:`pocketvox.scan`, in the first frame.
    preset, engine, threads, predictor, rotations, fdr, keep
        As for :func:`pocketvox.scan`; presets of the task ``pocket`` only.
    progress : callable, optional
        Called with frames done and frames in all.

    Returns
    -------
    TrajectoryResult

    Raises
    ------
    MissingExtraError
        If MDAnalysis is not installed.
    InputError
        If a file is missing, damaged or of another molecule, a selection matches nothing, or as for
        :func:`pocketvox.scan`.
    UsageError
        If options contradict each other, or no frame is left.
    """
    seconds: dict[str, float] = {}
    if predictor is None:
        with _stage(seconds, "load"):
            predictor = load_predictor(preset, engine=engine, threads=threads)
    if predictor.preset.config.task == "complex":
        raise UsageError(f"{predictor.preset.name} looks at ligands. A trajectory needs a preset of the task pocket.")
    scanner = Scanner(predictor, rotations=rotations, fdr=fdr, keep=tuple(keep))
    with _without_chatter():
        with _stage(seconds, "read"):
            source = open_source(topology, trajectory, start=start, stop=stop, stride=stride)
            selected = None if select is None else source.select(select, "--select")
            system = read_system(source, selected)
        with _stage(seconds, "prepare"):
            rows = None if selected is None else system.rows(selected)
            region = {"around": around, "center": center, "size": size}
            prepared = prepare(
                system.structure, spacing=predictor.preset.spacing, keep=scanner.keep, rows=rows, **region
            )
            frames = receptor_frames(source, system, prepared.rows, align)
        with _stage(seconds, "survey"):
            seen = survey(frames, prepared.receptor.heavy)
        work = _Work(scanner, *_settled(prepared, frames, seen, around is None and center is None), seconds)
        with closing(work.spool):
            work.run(progress)
            return work.result(seen, {"select": select, "align": align, "stride": stride})


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Keep warnings of MDAnalysis to itself: what they concern is checked here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@contextmanager
def _stage(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Add the wall time of the block to that of a stage."""
    begin = time.perf_counter()
    yield
    seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - begin


def _settled(prepared: Prepared, frames: Frames, seen: Survey, whole: bool) -> tuple[Prepared, Frames, np.ndarray]:
    """The receptor without strayed atoms, on a grid for all frames, and which of the frames' atoms it is."""
    kept = np.flatnonzero(~seen.strayed)
    receptor = prepared.receptor[kept]
    grid = prepared.grid
    if whole:
        heavy = kept[receptor.heavy]
        corners = np.stack([seen.low[heavy].min(axis=0), seen.high[heavy].max(axis=0)])
        grid = Grid.around(corners, MARGIN, grid.spacing)
        check_voxels(grid, frames.source.topology)
    notes = _notes(prepared, frames, seen)
    warned = tuple(dict.fromkeys((*prepared.warnings, *notes)))
    return replace(prepared, receptor=receptor, rows=prepared.rows[kept], grid=grid, warnings=warned), frames, kept


def _notes(prepared: Prepared, frames: Frames, seen: Survey) -> list[str]:
    notes = []
    if seen.strayed.any():
        names = ", ".join(dict.fromkeys(prepared.receptor.res_name[seen.strayed].tolist()))
        notes.append(
            f"{int(seen.strayed.sum())} single atoms ({names}) are left out of the receptor: in some frames they are "
            "far from it, as ions of the solvent are"
        )
    if seen.broken:
        notes.append(
            f"in {len(seen.broken)} of {len(frames.source.frames)} frames, the first of them {seen.broken[0]}, bonded "
            "atoms are far apart: a molecule is cut by the periodic boundary, and without the box it cannot be made "
            "whole. Pockets, maps and the alignment of these frames are wrong; make molecules whole with the program "
            "that wrote the trajectory"
        )
    return notes


@dataclass
class _Work:
    """Frames through the network, into statistics."""

    scanner: Scanner
    prepared: Prepared
    frames: Frames
    kept: np.ndarray
    seconds: dict[str, float]

    def __post_init__(self):
        preset = self.scanner.predictor.preset
        self.settings = preset_settings(preset.config)
        self.thresholds = joint_thresholds(preset.channels, *self.settings)
        self.statistics = MapStatistics(self.prepared.grid, preset.channels, self.thresholds)
        self.spool, self.hotspots, self.counts = PocketSpool(self.prepared.grid), FrameHotspots(), []
        self._kind = experiment(self.prepared.structure)
        self._ending = threading.Event()

    def run(self, progress: Callable[[int, int], None] | None) -> None:
        """All frames: while one is counted, the next is in the network and the one after that is read."""
        numbers = list(self.frames.source.frames)
        points = ahead(self._points, numbers)
        try:
            for done, maps in enumerate(ahead(lambda _: self._predict(next(points)), numbers), 1):
                with _stage(self.seconds, "statistics"):
                    self.statistics.add(maps.values)
                with _stage(self.seconds, "pockets"):
                    self._count(maps)
                if progress is not None:
                    progress(done, len(numbers))
        finally:
            self._ending.set()

    def result(self, seen: Survey, options: dict) -> TrajectoryResult:
        """What all frames together say."""
        mean = self.statistics.mean()
        spent = self.seconds.pop("pockets")
        read = Input(self.prepared, receptor_points(self.prepared.receptor, self._kind), self.seconds)
        found = self.scanner.finish(read, mean)
        with _stage(self.seconds, "pockets"):
            receptor, grid = self.prepared.receptor, self.prepared.grid
            pockets, volumes = track_pockets(self.spool, found.pockets, receptor, grid, self.settings[0])
            owner = {id(hotspot): pocket.name for pocket in found.pockets for hotspot in pocket.hotspots}
            hotspots, scores = self.hotspots.track([(owner[id(hotspot)], hotspot) for hotspot in found.hotspots])
        self.seconds["pockets"] += spent
        block = _block(self.frames, seen, options, self.thresholds, self.settings[0].min_volume)
        return TrajectoryResult(
            result=replace(found, seconds=dict(self.seconds), trajectory=block),
            deviation=self.statistics.deviation(),
            frequency=self.statistics.frequency(),
            thresholds=self.thresholds,
            frames=np.array(self.frames.source.frames),
            times=seen.times,
            rmsd=seen.rmsd,
            pocket_counts=np.array(self.counts, int),
            hotspot_counts=self.hotspots.counts(),
            hotspots=hotspots,
            scores=scores,
            pockets=pockets,
            volumes=volumes,
        )

    def _points(self, number: int) -> FeaturePoints:
        with _stage(self.seconds, "features"):
            coord = self.frames(number)[0][self.kept]
            return receptor_points(replace(self.prepared.receptor, coord=coord), self._kind)

    def _predict(self, points: FeaturePoints) -> Volume:
        with _stage(self.seconds, "predict"):
            predictor, rotations = self.scanner.predictor, self.scanner.rotations
            return predictor(points, self.prepared.grid, self._after_tile, rotations=rotations)

    def _after_tile(self, done: int, total: int) -> None:
        if self._ending.is_set():  # interrupted: nobody waits for this frame
            raise KeyboardInterrupt

    def _count(self, maps: Volume) -> None:
        """Pockets and hot-spots of one frame, as its own scan would find them."""
        near = pocket_volume(maps, *self.settings)
        regions = find_regions(near, self.settings[0])
        _, rows = place_hotspots(near, regions, self.settings[1])
        if self.scanner.fdr is not None:
            trusted = self.scanner.trusted()
            rows = [row for row in rows if row[3] >= trusted.get(row[2], np.inf)]
        self.spool.add(regions)
        self.hotspots.add(rows)
        self.counts.append(len(regions))


def _block(frames: Frames, seen: Survey, options: dict, thresholds: dict[str, float], open_volume: float) -> dict:
    """The block ``trajectory`` of summary.json."""
    source: Source = frames.source
    align = options["align"] or "name CA or name C1'"
    return {
        "files": [{"source": path, "sha256": file_hash(path)} for path in source.files],
        "frames": {
            "used": len(source.frames),
            "first": source.frames[0],
            "last": source.frames[-1],
            "stride": options["stride"],
            "available": source.universe.trajectory.n_frames,
        },
        "time": {"first": float(seen.times[0]), "last": float(seen.times[-1]), "unit": "ps"},
        "select": options["select"],
        "align": {"selection": align if frames.aligned else NO_ALIGNMENT, "atoms": len(frames.anchors)},
        "rmsd": {"lowest": round(float(seen.rmsd.min()), 4), "highest": round(float(seen.rmsd.max()), 4)},
        "thresholds": {name: round(value, 6) for name, value in thresholds.items()},
        "open_volume": open_volume,
        "least_share": LEAST_SHARE,
    }
