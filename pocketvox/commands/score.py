"""``pocketvox score``: posed molecules against the map of a protein."""

from __future__ import annotations

import argparse
import logging
import sys
from contextlib import contextmanager
from pathlib import Path

from pocketvox.commands.common import Failures, add_structure_options, check_file, new_file, progress, verb
from pocketvox.commands.scan import add_engine_options, add_region_options, check_region
from pocketvox.errors import LigandError

log = logging.getLogger("pocketvox")

FORMATS = ("csv", "json", "sdf")


def add_parser(parsers) -> None:
    """Declare the verb."""
    parser = verb(
        parsers,
        "score",
        run,
        "Score posed molecules: how well each atom meets what the protein offers, hot-spots met and missed, clashes.",
        "pocketvox score receptor.cif poses.sdf -o scores.csv",
    )
    parser.add_argument(
        "protein", metavar="PROTEIN", help="structure file or PDB id, or the folder of an earlier scan, which is faster"
    )
    parser.add_argument(
        "poses", nargs="+", metavar="POSES", help="SDF, MOL2 or PDB file (also .gz) in the frame of the protein"
    )
    parser.add_argument("-o", "--out", metavar="FILE", help="file to write (stdout if not given)")
    parser.add_argument(
        "--format", choices=FORMATS, help="output format (by the ending of the file; csv if it tells none)"
    )
    parser.add_argument(
        "--interactions",
        action="store_true",
        help="also list the interactions that each pose makes by geometric rules; about a hundred poses per second",
    )
    add_structure_options(parser)
    add_region_options(parser)
    add_engine_options(parser)


def run(args: argparse.Namespace) -> int:
    """Score every pose."""
    check_file(args.out)
    size = check_region(args)
    form = args.format or _form(args.out)

    from pocketvox.poses.read import read_poses
    from pocketvox.poses.source import batches, open_target
    from pocketvox.poses.write import WRITERS

    target = open_target(
        args.protein,
        around=args.around,
        center=args.center,
        size=size,
        preset=args.preset,
        engine=args.engine,
        threads=args.threads,
        model=args.model,
        keep=tuple(args.keep),
        cache=args.cache,
    )
    for warning in target.warnings:
        log.warning("warning: %s: %s", args.protein, warning)
    scorer, writer = target.scorer(), WRITERS[form](target)
    failures, total, outside = Failures(args.verbose), 0, 0
    with _output(args.out) as write:
        write(writer.head())
        for path in args.poses:
            with failures.of(path):
                for batch in batches(read_poses(path, ligands=args.interactions, progress=progress(path, args))):
                    for pose in batch:
                        _report(pose, failures)
                    scores = scorer(batch)
                    total += len(scores)
                    outside += sum(score.outside == 1 and not score.error for score in scores)
                    for text in writer.poses(batch, scores):
                        write(text)
        write(writer.tail())
    if outside:
        log.warning("warning: %d of %d poses lie wholly outside of the maps: are they in its frame?", outside, total)
    log.info("%d poses scored against %s%s", total, args.protein, f" -> {args.out}" if args.out else "")
    return failures.exit_code(total)


def _report(pose, failures: Failures) -> None:
    """Tell of a record that cannot be scored, or was repaired."""
    for note in pose.notes:
        log.warning("warning: %s", note)
    if pose.error:
        with failures.of(pose.file):
            raise LigandError(pose.error)


def _form(path: str | None) -> str:
    ending = Path(path).suffix.lower().removeprefix(".") if path not in (None, "-") else ""
    return ending if ending in FORMATS else FORMATS[0]


@contextmanager
def _output(path: str | None):
    """A function that writes text: to a file, which appears when all is written, or to stdout."""
    if path in (None, "-"):
        yield sys.stdout.write
        return
    with new_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        yield file.write
