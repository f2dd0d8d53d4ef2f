"""``pocketvox scan``: structures in, a folder of pockets, hot-spots and maps for each."""

from __future__ import annotations

import argparse
import json
import logging
import os
import threading
from dataclasses import replace
from pathlib import Path

from pocketvox.commands.batch import add_batch_options, check_no_batch, run_batch
from pocketvox.commands.clock import Clock
from pocketvox.commands.common import (
    add_structure_options,
    check_folder,
    finite_float,
    positive_float,
    positive_int,
    progress,
    verb,
)
from pocketvox.commands.overlap import each_overlapped
from pocketvox.commands.trajectory import add_trajectory_options, check_no_trajectory, run_trajectory
from pocketvox.errors import UsageError
from pocketvox.loading import load_numba
from pocketvox.report.formats import FORMATS, choose_formats, listed

log = logging.getLogger("pocketvox")

#: Inputs that are predicted at a time: two networks with a thread each do more than one with two, and need more memory.
MOST_LANES = 4


def add_parser(parsers) -> None:
    """Declare the verb."""
    parser = verb(
        parsers,
        "scan",
        run,
        "Find pockets and interaction hot-spots in whole structures, no ligand needed.",
        "pocketvox scan 1abc.cif model.pdb.gz -o results --formats pymol",
    )
    parser.add_argument(
        "inputs",
        nargs="*",
        metavar="INPUT",
        help="PDB, mmCIF or BinaryCIF file (also .gz), a PDB id to download, or - for standard input",
    )
    parser.add_argument(
        "-o",
        "--out",
        metavar="OUT",
        required=True,
        help="folder for the results: OUT/<file name>/, and OUT/<file name>-2/ for the second input of the same name",
    )
    add_structure_options(parser)
    add_region_options(parser)
    add_trajectory_options(parser)
    add_batch_options(parser)
    add_engine_options(parser)
    parser.add_argument(
        "--rotations",
        type=positive_int,
        default=1,
        metavar="N",
        help="average the maps over N orientations of the receptor: 2, 4, 8, 12 or 24 (%(default)s); N times the time",
    )
    parser.add_argument(
        "--fdr",
        type=positive_float,
        metavar="LEVEL",
        help="only hot-spots of which at most this share (0.5, say) is false where a ligand atom lies; a preset has "
        "certain levels for certain types",
    )
    parser.add_argument(
        "--min-plddt",
        type=positive_float,
        metavar="X",
        help="of predicted models leave out residues with a lower pLDDT (50 to 70, say); other structures stay whole",
    )
    parser.add_argument(
        "--formats",
        metavar="LIST",
        default="",
        help=f"further outputs, joined by commas: {listed()} (see the list below)",
    )
    parser.add_argument(
        "--report",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="write report.html: everything in one file with a 3D view, to be opened in a browser, offline",
    )
    parser.add_argument(
        "--timings", action="store_true", help="print where the time went to stderr: imports, each stage, the engine"
    )
    parser.add_argument("--json", action="store_true", help="print each summary to stdout, one JSON object per line")
    parser.epilog = f"{format_list()}\n\n{parser.epilog}"


def add_region_options(parser: argparse.ArgumentParser) -> None:
    """Options that restrict the grid to a part of the structure."""
    region = parser.add_argument_group("region (the whole structure if not given)")
    region.add_argument(
        "--around", metavar="WHERE", help="only around a residue (A:401), a component (STI) or the ligand in a file"
    )
    region.add_argument(
        "--center", nargs=3, type=finite_float, metavar=("X", "Y", "Z"), help="only a box around this point (angstrom)"
    )
    region.add_argument(
        "--size",
        nargs="+",
        type=positive_float,
        metavar="EDGE",
        help="edge of the box of --center, or its three edges (angstrom)",
    )


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Options that choose the network and what runs it."""
    network = parser.add_argument_group("network")
    network.add_argument("--preset", metavar="NAME", help="trained model (see `pocketvox presets`)")
    network.add_argument(
        "--engine",
        choices=("auto", "int8", "openvino", "keras"),
        default="auto",
        help="what runs the network (%(default)s)",
    )
    network.add_argument("--threads", type=positive_int, metavar="N", help="processor threads (all if not given)")


def check_region(args: argparse.Namespace) -> tuple[float, ...] | None:
    """The edges of the box as three numbers, or None; refuses contradictions."""
    if args.around and args.center:
        raise UsageError("--around and --center exclude each other. Give one of them.")
    if args.size and not args.center:
        raise UsageError("--size says how large the box around --center is. Give --center X Y Z as well.")
    if not args.size:
        return None
    if len(args.size) not in (1, 3):
        raise UsageError(f"--size takes one edge or three. Received: {len(args.size)} numbers.")
    return tuple(args.size * 3 if len(args.size) == 1 else args.size)


def parse_formats(text: str) -> tuple[str, ...]:
    """The formats named in a list joined by commas; refuses unknown ones and those that need what is not installed."""
    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    return tuple(form.name for form in choose_formats(words))


def format_list() -> str:
    """The formats with what each is, for the help."""
    rows = (f"  {form.name:<{max(len(f.name) for f in FORMATS)}}  {form.about}" for form in FORMATS)
    return "\n".join(("formats:", *rows))


def replacement(folder: Path, result) -> str | None:
    """A warning if the result that stands there is of another input."""
    try:
        old = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["input"]
        if old["sha256"] != result.sha256:
            return f"replaces the result of {old['source']} in {folder}"
    except (OSError, ValueError, KeyError, TypeError):
        pass  # nothing there, or nothing of ours: write_result decides
    return None


def run(args: argparse.Namespace) -> int:
    """Scan every input."""
    if args.manifest:
        return run_batch(args)
    check_no_batch(args)
    if not args.inputs:
        raise UsageError("Expected INPUT: a structure, or --manifest for a list of them. Received: neither.")
    if args.trajectory:
        return run_trajectory(args)
    check_no_trajectory(args)
    size = check_region(args)
    formats = parse_formats(args.formats)
    out = Path(check_folder(args.out))

    clock = Clock()
    with clock.stage("imports"):
        from pocketvox.inference import load_predictor, rotation_set
        from pocketvox.pipeline import Scanner
        from pocketvox.report import write_result

    rotation_set(args.rotations)  # what cannot be had is refused once, not for every input
    lanes = 1 if args.engine == "keras" else min(len(args.inputs), args.threads or os.cpu_count() or 1, MOST_LANES)
    with clock.stage("load"):
        predictor = load_predictor(args.preset, engine=args.engine, threads=args.threads, streams=lanes)
        load_numba()  # while the network is compiled
    predictor = replace(predictor, engine=clock.engine(predictor))
    scanner = Scanner(
        predictor,
        around=args.around,
        center=args.center,
        size=size,
        rotations=args.rotations,
        fdr=args.fdr,
        min_plddt=args.min_plddt,
        model=args.model,
        keep=tuple(args.keep),
        cache=args.cache,
    )

    ending = threading.Event()

    def predict(source: str, read):
        show = progress(source, args)

        def after_tile(done: int, total: int) -> None:
            if ending.is_set():  # nobody waits for this any more but the end of the process
                raise KeyboardInterrupt
            if show is not None:
                show(done, total)

        maps = scanner.predict(read, after_tile)
        return read, maps, clock.engine_seconds()

    def write(source: str, name: str, value):
        read, maps, engine = value
        result = replace(scanner.finish(read, maps), name=name)
        replaced = replacement(out / name, result)
        folder = write_result(result, out / name, formats=formats, report=args.report)
        summary = (folder / "summary.json").read_text(encoding="utf-8") if args.json or args.timings else "{}"

        def report() -> None:
            for warning in (*([replaced] if replaced else []), *result.warnings):
                log.warning("warning: %s: %s", source, warning)
            log.info("%s: %d pockets, %.1f s -> %s", source, len(result.pockets), sum(result.seconds.values()), folder)
            if args.timings:
                clock.report(source, json.loads(summary)["seconds"], engine)
            if args.json:
                print(json.dumps(json.loads(summary)), flush=True)

        return report

    try:
        code = each_overlapped(args.inputs, scanner.read, predict, write, lanes=lanes, verbose=args.verbose)
    finally:
        ending.set()
    if args.timings:
        clock.report_all()
    return code
