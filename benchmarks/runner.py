"""Runs a method over the entries and writes a submission.

``pocketvox benchmark run METHOD -o FOLDER`` runs a method of ``benchmarks/methods`` or ``module:function``;
``--command "tool {receptor} -o {output}"`` runs a program once per entry, which leaves maps (``*.h5``) and perhaps a
``pockets.csv`` anywhere below ``{output}``. What an interrupted run has done is kept and not done again.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import os
import shlex
import shutil
import subprocess
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

import h5py
import numpy as np

from benchmarks.entries import BENCHMARK_VERSION, MAPS, PAIRS, Benchmark, Entry
from benchmarks.environment import environment
from benchmarks.methods import Method, load
from benchmarks.submission import INFO, POCKET
from benchmarks.tracks.envelopes import SPACING
from pocketvox.channels import LIGAND
from pocketvox.errors import InputError, PocketvoxError, UsageError
from pocketvox.inference.tiling import MARGIN
from pocketvox.report.maps import FLOOR, write_maps
from pocketvox.voxel import Grid, Volume

#: Boxes of methods of the ``site`` scope reach this far beyond the ligand (angstrom); in the screening set, whose poses
#: reach further than the crystal ligand, this far.
SITE_MARGIN, SCREENING_MARGIN = 6.0, 12.0
#: Seconds after which a program is stopped.
TIMEOUT = 1800.0

log = logging.getLogger("benchmarks")


def grids(entry: Entry, scope: str) -> list[Grid]:
    """The grids that a method is asked to fill for an entry.

    Whole receptors for methods of the ``protein`` scope and for the ``pairs`` set, where values are ranked within the
    whole map; else a box around each ligand.
    """
    if scope == "protein" or entry.set == PAIRS:
        atoms = entry.atoms
        return [Grid.around(atoms.coord[atoms.heavy], MARGIN, SPACING)]
    margin = SITE_MARGIN if entry.set == MAPS else SCREENING_MARGIN
    return [Grid.around(site.coord, margin, SPACING) for site in entry.sites]


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
    """Run a program on one entry and keep the maps that it leaves.

    ``{receptor}`` and ``{output}`` are replaced by the receptor's file and a scratch folder, ``{ligand}`` by the
    ligand's file, ``{center}`` and ``{size}`` by the box around the ligand (angstrom, three numbers each). A command
    with one of the latter runs once per ligand.

    Raises
    ------
    InputError
        If the program fails, takes too long or leaves no maps.
    """
    per_site = any(word in command for word in ("{ligand}", "{center}", "{size}"))
    with _Appearing(folder) as partial, tempfile.TemporaryDirectory() as scratch:
        for number, site in enumerate(entry.sites if per_site else (None,)):
            output = Path(scratch) / str(number)
            output.mkdir()
            values = {"receptor": entry.receptor.resolve(), "output": output}
            if site is not None:
                box = Grid.around(site.coord, SITE_MARGIN, SPACING)
                low, high = box.to_coord((0, 0, 0)), box.to_coord(np.array(box.shape) - 1)
                values["ligand"] = (entry.folder / site.file).resolve()
                values["center"] = " ".join(f"{v:.3f}" for v in (low + high) / 2)
                values["size"] = " ".join(f"{v:.3f}" for v in high - low)
            _call([word.format(**values) for word in shlex.split(command)], entry, timeout)
            found = sorted(output.rglob("*.h5"))
            if not found:
                raise InputError(f"{entry.id}: expected maps (*.h5) below {{output}}. Received: none.")
            for index, path in enumerate(found):
                shutil.copy(path, partial / f"map{number}_{index}.h5")
            for path in sorted(output.rglob("pockets.csv"))[:1]:
                shutil.copy(path, partial / "pockets.csv")


def _call(words: list[str], entry: Entry, timeout: float) -> None:
    # "{center}" becomes three words
    words = [part for word in words for part in (word.split(" ") if _numbers(word) else [word])]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise InputError(f"{entry.id}: {words[0]} took more than {timeout:g} seconds.") from None
    except OSError as error:
        raise UsageError(f"Expected a program that can be run. Received: {words[0]}: {error.strerror}.") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(f"{entry.id}: {words[0]} ended with exit code {done.returncode}: {last[:200]}")


def _numbers(word: str) -> bool:
    parts = word.split(" ")
    return len(parts) == 3 and all(part.replace(".", "").replace("-", "").isdigit() for part in parts)


class _Appearing:
    """A folder that gets its name once it is complete."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __enter__(self) -> Path:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.partial = Path(tempfile.mkdtemp(prefix=f".{self.folder.name}.", suffix=".part", dir=self.folder.parent))
        return self.partial

    def __exit__(self, kind, *_) -> None:
        if kind is None:
            os.rename(self.partial, self.folder)
        else:
            shutil.rmtree(self.partial, ignore_errors=True)


# ---------------------------------------------------------------------------------------------------------- submission
def run(
    benchmark: Benchmark,
    out: Path,
    name: str = "",
    *,
    command: str = "",
    info: dict | None = None,
    sets: tuple[str, ...] = (),
    workers: int = 1,
    limit: int | None = None,
) -> dict[str, str]:
    """Run a method or a command over the entries and write a submission.

    Parameters
    ----------
    benchmark : Benchmark
    out : Path
        Folder of the submission; entries that are there are kept.
    name : str
        As for :func:`benchmarks.methods.load`; with ``command`` the method's name.
    command : str
        As for :func:`run_command`.
    info : dict, optional
        Fields of ``submission.json`` of a command.
    sets : tuple of str
        Sets of entries; all if empty.
    workers : int
        Processes.
    limit : int, optional
        Only the first so many entries of each set.

    Returns
    -------
    dict of str to str
        Entries that failed, with the reason.
    """
    about = dict(info or {}, name=name) if command else _about(load(name))
    entries = [e for e in benchmark.entries() if not sets or e.set in sets]
    entries = [e for s in dict.fromkeys(e.set for e in entries) for e in [e for e in entries if e.set == s][:limit]]
    out.mkdir(parents=True, exist_ok=True)
    log_path = out / "run.json"
    done = json.loads(log_path.read_text()) if log_path.is_file() else {}
    done = {id: row for id, row in done.items() if row["error"] or (out / id).is_dir()}
    missing = [e.id for e in entries if e.id not in done]
    start = time.perf_counter()
    initial = (str(benchmark.folder), str(out), name, command, about.get("scope", "protein"), workers)
    with ProcessPoolExecutor(workers, get_context("spawn"), _start, initial) as pool:
        for number, (id, seconds, error) in enumerate(pool.map(_work, missing), 1):
            done[id] = {"seconds": round(seconds, 3), "error": error}
            if error:
                log.warning("warning: %s", error)
            if number % 20 == 0 or number == len(missing):
                log.info("%s: %d of %d, %.0f s", about["name"], number, len(missing), time.perf_counter() - start)
                log_path.write_text(json.dumps(done, indent=0, sort_keys=True))
    failures = {id: row["error"] for id, row in sorted(done.items()) if row["error"]}
    text = {
        **about,
        "benchmark_version": BENCHMARK_VERSION,
        "failures": failures,
        "seconds": {id: row["seconds"] for id, row in sorted(done.items())},
        "environment": environment(),
    }
    (out / INFO).write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")
    return failures


def _about(method: Method) -> dict:
    return {key: value for key, value in asdict(method).items() if not callable(value) and value is not None}


_STATE: dict = {}


def _start(folder: str, out: str, name: str, command: str, scope: str, workers: int) -> None:
    from rdkit import RDLogger

    RDLogger.DisableLog("rdApp.*")
    warnings.simplefilter("ignore")
    if workers > 1:
        os.environ["POCKETVOX_THREADS"] = str(max(1, (os.cpu_count() or 1) // workers))
    method = None if command else load(name)
    _STATE.update(benchmark=Benchmark(folder), out=Path(out), method=method, command=command, scope=scope)


def _work(id: str) -> tuple[str, float, str]:
    entry = _STATE["benchmark"].entry(id)
    folder = _STATE["out"] / id
    start = time.perf_counter()
    error = ""
    try:
        if folder.is_dir():
            pass
        elif _STATE["command"]:
            run_command(_STATE["command"], entry, folder, _STATE["scope"])
        else:
            run_entry(_STATE["method"], entry, folder)
    except PocketvoxError as caught:
        error = str(caught)
    except UsageError:
        raise
    except Exception as caught:  # a method is foreign code: what it raises counts against it and stops nothing
        error = f"{id}: {type(caught).__name__}: {caught}"
    return id, time.perf_counter() - start, error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("method", nargs="?", default="", help="a method of benchmarks/methods, or module:function")
    parser.add_argument("--command", default="", help="program to run per entry, with {receptor} and {output}")
    parser.add_argument("--name", default="", help="name of the method that the command is")
    parser.add_argument("--task", choices=("pocket", "complex"), default="pocket", help="what the command sees")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the submission")
    parser.add_argument("--benchmark", type=Path, default=Path("runs/benchmark"), help="(default: %(default)s)")
    parser.add_argument("--sets", nargs="*", default=(), help="only these sets of entries")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: %(default)s)")
    parser.add_argument("--limit", type=int, help="only the first N entries of each set")


def main(args: argparse.Namespace) -> int:
    """Run the command; 1 if an entry failed."""
    if bool(args.method) == bool(args.command):
        raise UsageError("Expected a method or a --command. Give one of them.")
    if args.command and not args.name:
        raise UsageError("Expected the --name of the method that the command is.")
    info = {"title": args.name, "task": args.task, "scope": "protein", "kind": "method", "command": args.command}
    failures = run(
        Benchmark(args.benchmark),
        args.output,
        args.method or args.name,
        command=args.command,
        info=info,
        sets=tuple(args.sets),
        workers=args.workers,
        limit=args.limit,
    )
    return 1 if failures else 0
