"""Checks a submission before it is scored; every problem is named.

``pocketvox benchmark validate SUBMISSION`` reads all of it: what ``submission.json`` says, that no entry is missing,
and that every map can be read, holds probabilities and reaches the ligands.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import h5py
import numpy as np

from benchmarks.entries import BENCHMARK_VERSION, MAPS, PAIRS, SCREENING, Benchmark, Entry
from benchmarks.frozen import read_rows
from benchmarks.submissions.map_checks import (
    MAX_VOXELS,
    Problem,
    finite_pockets,
    from_error,
    link_problems,
    map_problems,
    open_file,
    pockets_problems,
    problem,
    short,
)
from benchmarks.submissions.stored_maps import H5_ERRORS, POCKETS, StoredMap
from benchmarks.submissions.submission import INFO, Submission, pockets_csv
from benchmarks.tracks.envelopes import SPACING
from benchmarks.tracks.hotspots import OUTER
from pocketvox.channels import CHANNELS, ENVELOPE_RADIUS
from pocketvox.errors import InputError
from pocketvox.voxel import Grid, envelope

NAME = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,64}")
SETS = (MAPS, PAIRS, SCREENING)
TASKS, SCOPES, KINDS = ("pocket", "complex"), ("protein", "site"), ("method", "baseline", "control", "ceiling")
#: Bytes of one file, of a table and of all.
MAX_FILE, MAX_TABLE, MAX_TOTAL = 500_000_000, 10_000_000, 50_000_000_000
#: Characters of a title, and of a description or the reason of a failure.
MAX_TITLE, MAX_TEXT = 100, 2000
#: Part of the voxels of a site that has to be reached; the others count as 0.
REACHED = 0.9
#: Levels of brackets in ``submission.json``.
MAX_DEPTH = 20
#: Lines of an error, and names in a line.
MAX_LINES, MAX_NAMES = 20, 10
#: Files beside the folders of entries, and in them; below ``maps`` in them, those that viewers read.
AT_THE_TOP = {INFO, "run.json", "README.md", "README.txt", "LICENSE", "LICENSE.txt"}
OF_AN_ENTRY = {"pockets.csv", "hotspots.csv", "summary.json"}
FOR_VIEWERS = {".ccp4", ".mrc", ".map", ".dx", ".gz", ".pml", ".cxc", ".pdb", ".cif", ".sdf", ".json", ".html"}
RUNNABLE = {".pkl", ".pickle", ".npy", ".npz", ".pt", ".pth", ".joblib", ".py", ".so", ".keras"}

log = logging.getLogger("benchmarks")


def check(path: str | Path, benchmark: Benchmark, sets: tuple[str, ...] = ()) -> None:
    """Refuse a submission with problems; it is read in another process, which nothing in it can harm.

    Raises
    ------
    InputError
        With all of them, or the first :data:`MAX_LINES` and their number.
    """
    from benchmarks.submissions.validate_apart import problems_apart  # which imports this module

    found = problems_apart(Path(path), benchmark.folder, sets)
    if found:
        more = [f"and {len(found) - MAX_LINES} more"] if len(found) > MAX_LINES else []
        lines = [*map(str, found[:MAX_LINES]), *more]
        raise InputError(f"{path} cannot be scored:\n" + "\n".join(f"  {line}" for line in lines))


def problems(
    path: str | Path, benchmark: Benchmark, sets: tuple[str, ...] = (), starting: Callable = str
) -> list[Problem]:
    """Everything wrong with a submission; nothing if it can be scored.

    Parameters
    ----------
    path : str or Path
        Folder or HDF5 file.
    benchmark : Benchmark
    sets : tuple of str
        Sets of entries that it must cover; those that its ``submission.json`` names, or all, if empty.
    starting : callable
        Called with the name of each entry before it is read.
    """
    path = Path(path)
    size = path.stat().st_size if path.is_file() else 0
    if size > MAX_TOTAL:
        return [problem(str(path), f"at most {MAX_TOTAL:,} bytes", f"{size:,}", "Use float16 and gzip.")]
    try:
        submission = Submission(path)
    except InputError as error:
        return [from_error(str(path), error)]
    info = submission.info
    known = {entry.id for entry in benchmark.entries()} | _frozen()
    found = list(_info_problems(info, known))
    channels = tuple(c for c in _listed(info.get("channels")) if c in CHANNELS)
    check_one = _file_problems if path.is_file() else _folder_problems
    by_id = {entry.id: entry for entry in benchmark.entries()}
    present, more = check_one(path, by_id, known, channels, starting)
    both = sorted(present & set(submission.failures))
    if both:
        found.append(problem(INFO, "entries that failed or that are there", f"both for {_names(both)}", "Decide."))
    claimed = sets or tuple(_listed(info.get("sets"))) or SETS
    missing = [e.id for e in benchmark.entries() if e.set in claimed and e.id not in {*present, *submission.failures}]
    if missing:
        remedy = "Predict them, or give the reason in failures of submission.json."
        received = f"none for {_names(missing)}"
        found.append(problem("coverage", f"every entry of the sets {', '.join(claimed)}", received, remedy))
    return [*found, *more]


# ------------------------------------------------------------------------------------------------------ submission.json
def _info_problems(info: dict, known: set[str]) -> Iterator[Problem]:
    if _depth(info) > MAX_DEPTH:
        yield problem(INFO, f"at most {MAX_DEPTH} levels of brackets", "more", "Leave out what is not needed.")
        return
    if not NAME.fullmatch(info["name"]):
        expected = "1 to 64 letters, digits, '.', '_' or '-'"
        yield problem(f"{INFO}, name", expected, short(info["name"]), "It names the file of the results.")
    choices = {"task": TASKS, "scope": SCOPES, "kind": KINDS, "benchmark_version": (BENCHMARK_VERSION,)}
    for field, values in choices.items():
        if info.get(field) not in values:
            remedy = "Results of different versions are not compared: run it again." if "_" in field else "Choose one."
            yield problem(f"{INFO}, {field}", " or ".join(values), short(info.get(field)), remedy)
    for field, least, most in (("title", 1, MAX_TITLE), ("description", 0, MAX_TEXT), ("fingerprint", 0, MAX_TITLE)):
        value = info.get(field, "" if not least else None)
        if not isinstance(value, str) or not least <= len(value) <= most or not value.isprintable():
            yield problem(f"{INFO}, {field}", f"a line of {least} to {most} characters", short(value), "Write one.")
    for field, values in (("channels", CHANNELS), ("sets", SETS)):
        given = info.get(field, list(SETS) if field == "sets" else None)
        listed = _listed(given)
        if listed != given or not set(listed) <= set(values) or len(set(listed)) < len(listed):
            yield problem(f"{INFO}, {field}", f"a list of {', '.join(values)}, each once", short(given), "Correct it.")
        elif field == "sets" and MAPS not in listed:
            yield problem(f"{INFO}, sets", f"{MAPS} among them", given, "Thresholds are chosen on its val split.")
    failures = info.get("failures", {})
    unknown = sorted(set(failures) - known)
    if unknown:
        yield problem(f"{INFO}, failures", "entries of the benchmark", _names(unknown), "Take them out.")
    silent = sorted(id for id, reason in failures.items() if not _reason(reason))
    if silent:
        expected = f"a reason of 1 to {MAX_TEXT} characters"
        yield problem(f"{INFO}, failures", expected, f"none for {_names(silent)}", "Say why they failed.")


def _listed(value) -> list[str]:
    """A list of texts, or nothing."""
    return value if isinstance(value, list) and all(isinstance(item, str) for item in value) else []


def _reason(value) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= MAX_TEXT and " ".join(value.split()).isprintable()


def _depth(value) -> int:
    """Levels of brackets, counted up to one too many."""
    level, depth = [value], 0
    while level and depth <= MAX_DEPTH:
        level = [v for v in level if isinstance(v, dict | list)]
        depth += bool(level)
        level = [item for v in level for item in (v.values() if isinstance(v, dict) else v)]
    return depth


def _names(ids: Iterable[str]) -> str:
    ids = list(ids)
    more = f" and {len(ids) - MAX_NAMES} more ({len(ids)} in all)" if len(ids) > MAX_NAMES else ""
    return ", ".join(id if NAME.fullmatch(id) else short(id) for id in ids[:MAX_NAMES]) + more


def _frozen() -> set[str]:
    """Ids of the frozen list: a folder prepared by download has not all of them."""
    return {row.id for row in read_rows()}


# -------------------------------------------------------------------------------------------------------------- folder
def _folder_problems(folder: Path, entries: dict[str, Entry], known: set[str], channels: tuple[str, ...], starting):
    """Entries that are there, and what is wrong."""
    found, names = _tree(folder, known)
    present = {id for id, files in names.items() if any(_counts(file, channels) for file in files)}
    for id in sorted(names):
        starting(id)
        found += entry_folder_problems(folder / id, entries.get(id), channels)
    return present, found


def _counts(file: str, channels: tuple[str, ...]) -> bool:
    return file.endswith(".h5") or (not channels and file == "pockets.csv")


def entry_folder_problems(folder: Path, entry: Entry | None = None, channels: tuple[str, ...] = ()) -> list[Problem]:
    """Check the maps and pockets of one entry.

    Parameters
    ----------
    folder : Path
    entry : Entry, optional
        Its ligands must be reached.
    channels : tuple of str
        Those that every map must have.
    """
    out: list[Problem] = []
    stored: list[StoredMap | None] = []
    with ExitStack() as opened:
        for path in sorted(folder.glob("*.h5")):
            where = f"{folder.name}/{path.name}"
            if path.is_symlink() or not path.is_file():
                continue  # named with the tree
            h5 = open_file(path, where)
            if isinstance(h5, Problem):
                out.append(h5)
                stored.append(None)
                continue
            one, more = map_problems(opened.enter_context(h5), where, channels)
            out += more
            stored.append(one)
        out += _entry_problems(entry, stored, folder.name)
    table = folder / "pockets.csv"
    where = f"{folder.name}/{table.name}"
    if table.is_file() and not table.is_symlink():
        if table.stat().st_size > MAX_TABLE:
            return [*out, problem(where, f"at most {MAX_TABLE:,} bytes", f"{table.stat().st_size:,}", "Keep the best.")]
        try:
            out += finite_pockets(pockets_csv(table), where)
        except InputError as error:
            out.append(from_error(where, error))
    return out


def _entry_problems(entry: Entry | None, maps: list[StoredMap | None], where: str) -> Iterator[Problem]:
    """Size and reach of the maps of one entry together."""
    if not maps or None in maps:
        return
    voxels = sum(int(np.prod(one.grid.shape)) for one in maps)
    if voxels > MAX_VOXELS:
        yield problem(where, f"at most {MAX_VOXELS:,} voxels in all", f"{voxels:,}", "Give smaller boxes.")
    for site in entry.sites if entry is not None else ():
        grid = Grid.around(site.coord, ENVELOPE_RADIUS, SPACING)
        coord = grid.to_coord(np.argwhere(envelope(site.coord, grid)))
        reached = np.any([one.reaches(coord) for one in maps], axis=0)
        if reached.mean() < REACHED:
            expected = f"maps that reach {REACHED:.0%} of the envelope of the ligand {site.name}"
            received = f"{np.floor(1000 * reached.mean()) / 10} % of its {len(coord)} voxels"
            yield problem(where, expected, received, "Give a larger box, or another one around this ligand.")
    if entry is not None and entry.set == PAIRS:
        coord = entry.atoms.coord[entry.atoms.heavy]
        corners = np.array(list(product(*zip(coord.min(axis=0) - OUTER, coord.max(axis=0) + OUTER, strict=True))))
        if not any(one.reaches(corners).all() for one in maps):
            expected = f"one map of the whole receptor and {OUTER:g} angstrom around it"
            yield problem(where, expected, "a part", "Values are ranked within the whole map.")


def _tree(folder: Path, known: set[str]) -> tuple[list[Problem], dict[str, list[str]]]:
    """Files that do not belong in a submission, and the names of those of each entry."""
    out: list[Problem] = []
    names: dict[str, list[str]] = {}
    unknown: list[str] = []
    total = 0
    for root, folders, files in os.walk(folder):
        inside = Path(root).relative_to(folder)
        parts = inside.parts
        for name in sorted([*folders, *files]):
            where, path = short(str(inside / name)).strip("'"), Path(root, name)
            if path.is_symlink():
                out.append(problem(where, "plain files and folders", "a link", "Put a copy in its place."))
            elif name.endswith((".part", ".old")):
                out.append(problem(where, "complete entries", "half of one", "Remove it and run again."))
            elif name in folders:
                if not parts and name not in known:
                    unknown.append(name)
                elif parts and (len(parts) > 1 or name != "maps"):
                    out.append(problem(where, "no such folder", "a folder", "Remove it."))
                else:
                    names.update({name: []} if not parts else {})
                    continue
            elif not path.is_file():
                out.append(problem(where, "plain files", "something else", "Remove it."))
            elif not _belongs(parts, name):
                received = "a file that could run code" if path.suffix in RUNNABLE else "a file that is no part of one"
                out.append(problem(where, "the files of a submission", received, "Remove it."))
            else:
                size = path.stat().st_size
                total += size
                if size > MAX_FILE:
                    out.append(problem(where, f"at most {MAX_FILE:,} bytes", f"{size:,}", "Use float16 and gzip."))
                if len(parts) == 1:
                    names[parts[0]].append(name)
            if name in folders:
                folders.remove(name)  # not looked into
    if total > MAX_TOTAL:
        out.append(problem(str(folder), f"at most {MAX_TOTAL:,} bytes", f"{total:,}", "Use float16 and gzip."))
    if unknown:
        out.append(problem("folders", "ids of entries", _names(unknown), "Rename or remove them."))
    return out, names


def _belongs(parts: tuple[str, ...], name: str) -> bool:
    if name.startswith("."):
        return False
    suffix = Path(name).suffix
    if not parts:
        return name in AT_THE_TOP
    return suffix in FOR_VIEWERS or (len(parts) == 1 and (suffix == ".h5" or name in OF_AN_ENTRY))


# ----------------------------------------------------------------------------------------------------------- HDF5 file
def _file_problems(path: Path, entries: dict[str, Entry], known: set[str], channels: tuple[str, ...], starting):
    """Entries that are there, and what is wrong."""
    present: set[str] = set()
    h5 = open_file(path, path.name)
    if isinstance(h5, Problem):
        return present, [h5]
    with h5:
        try:
            found = link_problems(h5, path.name)
            if found:
                return present, found
            unknown = sorted(set(h5) - known)
            if unknown:
                found.append(problem(path.name, "ids of entries", _names(unknown), "Rename or remove them."))
            for id in sorted(set(h5) & known):
                starting(id)
                there, more = _group_problems(h5[id], id, entries.get(id), channels)
                found += more
                present |= {id} if there else set()
        except H5_ERRORS as error:
            found = [problem(path.name, "an HDF5 file that can be read", str(error), "Write it again.")]
    return present, found


def _group_problems(group: h5py.Group, id: str, entry: Entry | None, channels: tuple[str, ...]):
    if not isinstance(group, h5py.Group):
        return True, [problem(id, "a group of maps", "an array", "See benchmarks/README.md.")]
    out = link_problems(group, id)
    if out:
        return True, out
    stored: list[StoredMap | None] = []
    for name in sorted(set(group) - {POCKETS}):
        where = f"{id}/{name}"
        if not isinstance(group[name], h5py.Group):
            out.append(problem(where, "a group per map", "an array", "See benchmarks/README.md."))
            continue
        one, more = map_problems(group[name], where, channels)
        out += more
        stored.append(one)
    out += [*_entry_problems(entry, stored, id), *pockets_problems(group, f"{id}/{POCKETS}")]
    return bool(stored) or (not channels and POCKETS in group), out


# ------------------------------------------------------------------------------------------------------------- command
def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("submission", type=Path, metavar="SUBMISSION", help="folder or HDF5 file")
    parser.add_argument("--benchmark", type=Path, default=Path("runs/benchmark"), help="(default: %(default)s)")


def main(args: argparse.Namespace) -> int:
    """Print every problem; 1 if there is one."""
    from benchmarks.submissions.validate_apart import problems_apart

    found = problems_apart(args.submission, Benchmark(args.benchmark).folder)
    for one in found:
        print(one)
    log.info("%s: %s", args.submission, f"{len(found)} problems" if found else "complete and readable")
    return 1 if found else 0
