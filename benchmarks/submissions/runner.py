"""Runs a method over the entries and writes a submission.

``pocketvox benchmark run METHOD -o FOLDER`` runs a method of ``benchmarks/methods`` or ``module:function``;
``--command "tool {receptor} -o {output}"`` runs a program once per entry, which leaves maps (``*.h5``) and perhaps a
``pockets.csv`` anywhere below ``{output}``. What an earlier run has done is kept and not done again; entries that
failed are tried again.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import threading
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import fields
from multiprocessing import get_context, parent_process
from pathlib import Path

import h5py

from benchmarks.entries import BENCHMARK_VERSION, MAPS, SCREENING, Benchmark
from benchmarks.environment import environment
from benchmarks.methods import Method, load
from benchmarks.submissions.command import per_site
from benchmarks.submissions.one_entry import TIMEOUT, run_command, run_entry
from benchmarks.submissions.stored_maps import stored_map
from benchmarks.submissions.submission import INFO, Submission
from benchmarks.submissions.validate import NAME, SETS
from pocketvox.channels import CHANNELS
from pocketvox.errors import InputError, MissingExtraError, PocketvoxError, UsageError

#: What has been done so far.
LOG = "run.json"
#: Characters of the reason of a failure that are kept.
MAX_REASON = 500

log = logging.getLogger("benchmarks")


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
    timeout: float = TIMEOUT,
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
        Sets of entries; those of the method, or all, if empty.
    workers : int
        Processes.
    limit : int, optional
        Only the first so many entries of each set.
    timeout : float
        Seconds after which a program is stopped.

    Returns
    -------
    dict of str to str
        Entries that failed, with the reason.

    Raises
    ------
    UsageError
        If there is no such method or program, or the folder holds the submission of another method.
    InputError
        If a process dies.
    """
    about = {"channels": None, **(info or {}), "name": name} if command else _about(load(name))
    _refuse_other(about, out)
    sets = sets or tuple(about.get("sets", ()))
    entries = [e for e in benchmark.entries() if not sets or e.set in sets]
    entries = [e for s in dict.fromkeys(e.set for e in entries) for e in [e for e in entries if e.set == s][:limit]]
    out.mkdir(parents=True, exist_ok=True)
    done = _earlier(out, {e.id for e in entries})
    missing = [e.id for e in entries if e.id not in done]
    start = time.perf_counter()
    initial = (str(benchmark.folder), str(out), name, command, about.get("scope", "protein"), workers, timeout)
    try:
        with ProcessPoolExecutor(workers, get_context("spawn"), _start, initial) as pool:
            for number, (id, seconds, error) in enumerate(pool.map(_work, missing), 1):
                done[id] = {"seconds": round(seconds, 3), "error": error}
                _write(out / LOG, done)
                if error:
                    log.warning("warning: %s", error)
                if number % 20 == 0 or number == len(missing):
                    log.info("%s: %d of %d, %.0f s", about["name"], number, len(missing), time.perf_counter() - start)
    except BrokenProcessPool as error:
        raise InputError(
            f"{name}: a process died, of a crash in the method or for want of memory. Run again, perhaps with fewer "
            "--workers: what is done is kept."
        ) from error
    done = dict(sorted(done.items()))
    failures = {id: row["error"] for id, row in done.items() if row["error"]}
    if about["channels"] is None:
        about["channels"] = _channels(out, [id for id in done if id not in failures])
    present = {e.set for e in benchmark.entries() if e.id in done}
    text = {
        **about,
        "benchmark_version": BENCHMARK_VERSION,
        "sets": [name for name in SETS if name in present],
        "failures": failures,
        "seconds": {id: row["seconds"] for id, row in done.items()},
        "environment": environment(),
    }
    _write(out / INFO, text)
    return failures


def _about(method: Method) -> dict:
    values = {part.name: getattr(method, part.name) for part in fields(method)}
    return {key: value for key, value in values.items() if not callable(value) and value is not None}


def _refuse_other(about: dict, out: Path) -> None:
    """What an earlier run left is only taken up by the same method."""
    if not NAME.fullmatch(about["name"]):
        raise UsageError(f"Expected a name of letters, digits, '.', '_' and '-'. Received: {about['name']!r}.")
    if (out / INFO).is_file():
        earlier, now = Submission(out).info, {**about, "benchmark_version": BENCHMARK_VERSION}
        for key in ("name", "benchmark_version", "command", "fingerprint", "task", "scope"):
            if earlier.get(key, "") != now.get(key, ""):
                raise UsageError(
                    f"Expected a new folder. Received: {out}, a submission of {earlier['name']} with another {key}. "
                    "Choose another, or remove it."
                )


def _earlier(out: Path, wanted: set[str]) -> dict[str, dict]:
    """What earlier runs have done, less what failed and is wanted."""
    try:
        done = json.loads((out / LOG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {id: row for id, row in done.items() if (id not in wanted if row["error"] else (out / id).is_dir())}


def _channels(out: Path, ids: list[str]) -> list[str]:
    """Channels that every map of a command has."""
    found = None
    for path in (path for id in ids for path in (out / id).glob("*.h5")):
        with h5py.File(path) as h5:
            names = set(stored_map(h5).channels)
        found = names if found is None else found & names
    return [name for name in CHANNELS if name in (found or ())]


def _write(path: Path, value: dict) -> None:
    partial = path.with_name(f".{path.name}.part")
    partial.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    os.replace(partial, path)


_STATE: dict = {}


def leave_with_parent() -> None:
    """End this process when the one that started it ends, killed or not."""
    parent = parent_process()

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _start(folder: str, out: str, name: str, command: str, scope: str, workers: int, timeout: float) -> None:
    from rdkit import RDLogger

    leave_with_parent()
    RDLogger.DisableLog("rdApp.*")
    warnings.simplefilter("ignore")
    if workers > 1:
        os.environ["POCKETVOX_THREADS"] = str(max(1, (os.cpu_count() or 1) // workers))
    method = None if command else load(name)
    fixed = {"method": method, "command": command, "scope": scope, "timeout": timeout}
    _STATE.update(benchmark=Benchmark(folder), out=Path(out), **fixed)


def _work(id: str) -> tuple[str, float, str]:
    entry = _STATE["benchmark"].entry(id)
    folder = _STATE["out"] / id
    start = time.perf_counter()
    error = ""
    try:
        if folder.is_dir():
            pass
        elif _STATE["command"]:
            run_command(_STATE["command"], entry, folder, _STATE["scope"], _STATE["timeout"])
        else:
            run_entry(_STATE["method"], entry, folder)
    except (UsageError, MissingExtraError):  # no entry can be done
        raise
    except PocketvoxError as caught:
        error = str(caught)
    except Exception as caught:  # a method is foreign code: what it raises counts against it and stops nothing
        error = f"{id}: {type(caught).__name__}: {caught}"
    return id, time.perf_counter() - start, error[:MAX_REASON]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("method", nargs="?", default="", help="a method of benchmarks/methods, or module:function")
    parser.add_argument("--command", default="", help="program to run per entry, with {receptor} and {output}")
    parser.add_argument("--name", default="", help="name of the method that the command is")
    parser.add_argument("--task", choices=("pocket", "complex"), default="pocket", help="what the command sees")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the submission")
    parser.add_argument("--benchmark", type=Path, default=Path("runs/benchmark"), help="(default: %(default)s)")
    parser.add_argument("--sets", nargs="*", choices=SETS, default=(), help="only these sets of entries")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: %(default)s)")
    parser.add_argument("--limit", type=int, help="only the first N entries of each set")
    help = "seconds after which a program is stopped (default: %(default)s)"
    parser.add_argument("--timeout", type=float, default=TIMEOUT, help=help)


def main(args: argparse.Namespace) -> int:
    """Run the command; 1 if an entry failed."""
    if bool(args.method) == bool(args.command):
        raise UsageError("Expected a method or a --command. Give one of them.")
    if args.command and not args.name:
        raise UsageError("Expected the --name of the method that the command is.")
    if "{ligand}" in args.command and args.task == "pocket":
        raise UsageError("Expected --task complex for a command with {ligand}. {center} and {size} give a box alone.")
    scope = "site" if per_site(args.command) else "protein"
    info = {"title": args.name, "task": args.task, "scope": scope, "kind": "method", "command": args.command}
    if scope == "site":
        info["sets"] = (MAPS, SCREENING)  # pairs ask for maps of whole receptors
    failures = run(
        Benchmark(args.benchmark),
        args.output,
        args.method or args.name,
        command=args.command,
        info=info,
        sets=tuple(args.sets),
        workers=args.workers,
        limit=args.limit,
        timeout=args.timeout,
    )
    return 1 if failures else 0
