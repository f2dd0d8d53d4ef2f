"""Runs a method or a program on one entry; see :mod:`benchmarks.submissions.runner`."""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
from pathlib import Path

import h5py
import numpy as np

from benchmarks.entries import PAIRS, SCREENING, Entry, Site
from benchmarks.methods import Method
from benchmarks.submissions import validate
from benchmarks.submissions.command import call, per_site, words
from benchmarks.submissions.stored_maps import POCKET
from benchmarks.tracks.envelopes import SPACING
from pocketvox.channels import CHANNELS, LIGAND
from pocketvox.errors import InputError
from pocketvox.inference.tiling import MARGIN
from pocketvox.report.maps import FLOOR, write_maps
from pocketvox.voxel import Grid, Volume

#: Boxes of methods of the ``site`` scope reach this far beyond the ligand (angstrom); in the screening set, whose poses
#: reach further than the crystal ligand, this far.
SITE_MARGIN, SCREENING_MARGIN = 6.0, 12.0
#: Seconds after which a program is stopped.
TIMEOUT = 1800.0


def grids(entry: Entry, scope: str) -> list[Grid]:
    """The grids that a method is asked to fill for an entry.

    Whole receptors for methods of the ``protein`` scope and for the ``pairs`` set, where values are ranked within the
    whole map; else a box around each ligand.
    """
    if scope == "protein" or entry.set == PAIRS:
        atoms = entry.atoms
        return [Grid.around(atoms.coord[atoms.heavy], MARGIN, SPACING)]
    return [Grid.around(site.coord, _margin(entry), SPACING) for site in _asked(entry)]


def _margin(entry: Entry) -> float:
    return SCREENING_MARGIN if entry.set == SCREENING else SITE_MARGIN


def _asked(entry: Entry) -> tuple[Site, ...]:
    if not entry.sites:
        raise InputError(f"{entry.id}: expected ligands, to make boxes around. Received: none.")
    return entry.sites


def run_entry(method: Method, entry: Entry, folder: Path) -> None:
    """Write the maps of one entry into a new folder, which appears complete or not at all.

    Raises
    ------
    InputError
        If what the method returns does not fit its grid.
    """
    with _Appearing(folder) as partial:
        for number, grid in enumerate(grids(entry, method.scope)):
            volume = method.predict(entry, grid)
            _check(method, entry, volume, grid)
            path = partial / f"map{number}.h5"
            # without a ligand channel nothing says where values do not matter
            write_maps(path, volume, calibrated=False, floor=FLOOR if LIGAND in volume.channels else 0.0)
            if method.pockets is not None and LIGAND in volume.channels:
                _write_pockets(partial, path, method.pockets(entry, volume), volume)


def _check(method: Method, entry: Entry, volume: Volume, grid: Grid) -> None:
    unknown = [name for name in volume.channels if name not in CHANNELS]
    if unknown:
        raise InputError(f"{method.name}, {entry.id}: expected channels among {CHANNELS}. Received: {unknown}.")
    if volume.grid != grid or volume.values.shape != (*grid.shape, len(volume.channels)):
        raise InputError(f"{method.name}, {entry.id}: expected values on {grid}. Received: {volume.values.shape}.")
    low, high = (float(f(volume.values)) for f in (np.min, np.max))
    if not (low >= 0 and high <= 1):
        raise InputError(f"{method.name}, {entry.id}: expected values from 0 to 1. Received: {low} to {high}.")


def _write_pockets(folder: Path, path: Path, regions, volume: Volume) -> None:
    label = np.zeros(volume.grid.shape, np.uint16)
    with (folder / "pockets.csv").open("w", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(("rank", "score", "center_x", "center_y", "center_z"))
        for rank, region in enumerate(regions, 1):
            writer.writerow((rank, f"{region.score:.4f}", *(f"{v:.3f}" for v in region.center)))
            label[tuple(region.voxels.T)] = rank
    with h5py.File(path, "a") as h5:
        h5.create_dataset(POCKET, data=label, compression="gzip", compression_opts=1, shuffle=True, track_times=False)


def run_command(command: str, entry: Entry, folder: Path, scope: str, timeout: float = TIMEOUT) -> None:
    """Run a program on one entry and keep the maps and pockets that it leaves.

    ``{receptor}`` and ``{output}`` are replaced by the receptor's file and a scratch folder, ``{ligand}`` by the
    ligand's file, ``{center}`` and ``{size}`` by the box around the ligand (angstrom, three numbers each). A command
    with one of the latter runs once per ligand.

    Raises
    ------
    InputError
        If the program fails, takes too long or leaves nothing, or no maps that can be scored.
    UsageError
        If there is no such program, or the command has other braces.
    """
    with _Appearing(folder) as partial, tempfile.TemporaryDirectory() as scratch:
        for number, site in enumerate(_asked(entry) if per_site(command) else (None,)):
            output = Path(scratch) / str(number)
            output.mkdir()
            values = {"receptor": str(entry.receptor.resolve()), "output": str(output)}
            if site is not None:
                box = Grid.around(site.coord, _margin(entry), SPACING)
                low, high = box.to_coord((0, 0, 0)), box.to_coord(np.array(box.shape) - 1)
                values["ligand"] = str((entry.folder / site.file).resolve())
                values["center"] = " ".join(f"{v:.3f}" for v in (low + high) / 2)
                values["size"] = " ".join(f"{v:.3f}" for v in high - low)
            call(words(command, values), entry.id, timeout)
            found = sorted(output.rglob("*.h5"))
            pockets = sorted(output.rglob("pockets.csv"))[:1]
            if not found and not pockets:
                raise InputError(f"{entry.id}: expected maps (*.h5) or pockets.csv below {{output}}. Received: none.")
            for index, path in enumerate(found):
                shutil.copyfile(path, partial / f"map{number}_{index}.h5")
            for path in pockets if site is None else ():  # told where the ligand is, it cannot rank pockets
                shutil.copyfile(path, partial / "pockets.csv")
        for problem in validate.entry_folder_problems(partial):
            raise InputError(f"{entry.id}: {problem.text}")


class _Appearing:
    """A folder that gets its name once it is complete."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __enter__(self) -> Path:
        self.partial = self.folder.with_name(f".{self.folder.name}.part")
        shutil.rmtree(self.partial, ignore_errors=True)  # of a run that was killed
        self.partial.mkdir(parents=True)
        return self.partial

    def __exit__(self, kind, *_) -> None:
        if kind is None:
            os.rename(self.partial, self.folder)
        else:
            shutil.rmtree(self.partial, ignore_errors=True)
