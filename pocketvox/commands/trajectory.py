"""``pocketvox scan --trajectory``: the frames of a trajectory instead of one structure."""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import replace
from pathlib import Path

from pocketvox.commands.common import each_input, positive_int, progress, require_extra
from pocketvox.errors import UsageError

log = logging.getLogger("pocketvox")

#: Options that only say which frames, or what of them.
_NEED_TRAJECTORY = ("start", "stop", "stride", "select", "align")


def add_trajectory_options(parser: argparse.ArgumentParser) -> None:
    """Options that make a scan one of a trajectory."""
    group = parser.add_argument_group("trajectory (needs pip install 'pocketvox[md]'; INPUT is its topology)")
    group.add_argument(
        "--trajectory",
        nargs="+",
        metavar="FILE",
        help="XTC, TRR, DCD, NetCDF or what else MDAnalysis reads; in this order",
    )
    group.add_argument("--start", type=whole_number, metavar="N", help="first frame to use, counted from 0")
    group.add_argument("--stop", type=whole_number, metavar="N", help="frame to end before")
    group.add_argument("--stride", type=positive_int, metavar="N", help="use every N-th frame")
    group.add_argument(
        "--select",
        metavar="SELECTION",
        help="the receptor, in MDAnalysis' language, such as 'protein' (as in a scan if not given)",
    )
    group.add_argument(
        "--align",
        metavar="SELECTION",
        help="atoms to superpose frames on, or none (one atom per residue of the receptor if not given)",
    )


def check_no_trajectory(args: argparse.Namespace) -> None:
    """Refuse options that need a trajectory."""
    given = [name for name in _NEED_TRAJECTORY if getattr(args, name) is not None]
    if given:
        raise UsageError(f"--{given[0]} is about the frames of a trajectory. Give --trajectory as well.")


def run_trajectory(args: argparse.Namespace) -> int:
    """Scan one trajectory."""
    from pocketvox.commands.scan import check_region, parse_formats, replacement

    size, formats = check_region(args), parse_formats(args.formats)
    if len(args.inputs) != 1:
        raise UsageError(
            f"--trajectory belongs to one topology. Received: {len(args.inputs)} inputs. Scan them one by one."
        )
    if args.model:
        raise UsageError(
            "--model: the frames of a trajectory are its models. Choose some with --start, --stop and --stride."
        )
    require_extra("MDAnalysis", "md", "scan --trajectory")

    from pocketvox.commands.common import check_folder
    from pocketvox.inference import load_predictor, rotation_set
    from pocketvox.loading import load_numba
    from pocketvox.motion import scan_trajectory, write_trajectory

    out = Path(check_folder(args.out))
    rotation_set(args.rotations)
    predictor = load_predictor(args.preset, engine=args.engine, threads=args.threads)
    load_numba()

    def work(source: str, name: str) -> None:
        found = scan_trajectory(
            source,
            args.trajectory,
            start=args.start,
            stop=args.stop,
            stride=args.stride or 1,
            select=args.select,
            align=args.align,
            around=args.around,
            center=args.center,
            size=size,
            predictor=predictor,
            rotations=args.rotations,
            fdr=args.fdr,
            keep=tuple(args.keep),
            progress=progress(source, args),
        )
        result = replace(found.result, name=name)
        replaced = replacement(out / name, result)
        folder = write_trajectory(replace(found, result=result), out / name, formats=formats, report=args.report)
        for warning in (*([replaced] if replaced else []), *result.warnings):
            log.warning("warning: %s: %s", source, warning)
        tell(source, found, folder)
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        if args.timings:
            spent = ", ".join(f"{stage} {value:.2f} s" for stage, value in summary["seconds"].items())
            log.info("timings: %s: %s", source, spent)
        if args.json:
            print(json.dumps(summary), flush=True)

    return each_input(args.inputs, work, verbose=args.verbose)


def tell(source: str, found, folder: Path) -> None:
    """The outcome in a few words."""
    cryptic = [pocket.name for pocket in found.pockets if pocket.cryptic]
    log.info(
        "%s: %d frames, %d pockets, %d of them cryptic%s, %.1f s -> %s",
        source, len(found.frames), len(found.pockets), len(cryptic), f" ({', '.join(cryptic)})" if cryptic else "",
        sum(found.result.seconds.values()), folder,
    )  # fmt: skip


def whole_number(text: str) -> int:
    """A whole number of at least 0, for argparse."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, received {text!r}")
    return int(text)
