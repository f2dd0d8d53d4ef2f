"""``pocketvox compare``: two structures in, what the pockets of one have and those of the other have not."""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

from pocketvox.commands.common import Failures, add_structure_options, check_folder, positive_int, progress, verb
from pocketvox.commands.scan import add_engine_options, add_region_options, check_region
from pocketvox.errors import UsageError

log = logging.getLogger("pocketvox")

FITS = ("global", "pocket")
FORMATS = ("ccp4",)
#: Hot-spots in the table on stdout, those that change most.
SHOWN = 12


def add_parser(parsers) -> None:
    """Declare the verb."""
    parser = verb(
        parsers,
        "compare",
        run,
        "Compare the pockets of two structures: which hot-spots B has gained and lost against A, and why.",
        "pocketvox compare apo.pdb holo.cif -o difference",
    )
    parser.add_argument("a", metavar="A", help="structure file or PDB id; results are in its frame")
    parser.add_argument("b", metavar="B", help="structure file or PDB id; it is superposed onto A")
    parser.add_argument("-o", "--out", metavar="OUT", required=True, help="folder of the comparison")
    how = parser.add_argument_group("superposition")
    how.add_argument(
        "--fit", choices=FITS, default=FITS[0], help="on all residues or on those of the best pocket (%(default)s)"
    )
    how.add_argument(
        "--no-align", action="store_true", help="the structures are in one frame already: do not superpose"
    )
    add_structure_options(parser)
    add_region_options(parser)
    add_engine_options(parser)
    parser.add_argument(
        "--rotations", type=positive_int, default=1, metavar="N", help="as for scan: average over N orientations"
    )
    parser.add_argument(
        "--formats",
        metavar="LIST",
        default="",
        help=f"further outputs: {', '.join(FORMATS)} (difference maps of every channel on the whole grid)",
    )
    parser.add_argument("--json", action="store_true", help="print comparison.json to stdout, on one line")


def run(args: argparse.Namespace) -> int:
    """Compare two structures."""
    size = check_region(args)
    formats = parse_formats(args.formats)
    out = Path(check_folder(args.out))
    for path in (args.a, args.b):
        _no_result(path)

    from pocketvox.comparison import compare
    from pocketvox.comparison.folder import write_comparison
    from pocketvox.comparison.summary import summary

    failures = Failures(args.verbose)
    with failures.of(f"{args.a}, {args.b}"):
        found = compare(
            args.a,
            args.b,
            fit=args.fit,
            align=not args.no_align,
            around=args.around,
            center=args.center,
            size=size,
            preset=args.preset,
            engine=args.engine,
            threads=args.threads,
            rotations=args.rotations,
            model=args.model,
            keep=tuple(args.keep),
            cache=args.cache,
            progress=progress("compare", args),
        )
        folder = write_comparison(found, out, formats=formats)
        for warning in found.warnings:
            log.warning("warning: %s", warning)
        print(json.dumps(summary(found)) if args.json else table(found), flush=True)
        log.info("-> %s", folder)
    return failures.exit_code(1)


def parse_formats(text: str) -> tuple[str, ...]:
    """The formats named in a list joined by commas; refuses unknown ones."""
    formats = tuple(dict.fromkeys(word.strip().lower() for word in text.split(",") if word.strip()))
    unknown = [word for word in formats if word not in FORMATS]
    if unknown:
        raise UsageError(f"--formats: expected some of {', '.join(FORMATS)}. Received: {', '.join(unknown)}.")
    return formats


def table(found) -> str:
    """What a person wants to see: the superposition, counts, pockets and the hot-spots that change most."""
    rmsd = "" if found.rmsd is None else f", RMSD {found.rmsd:.2f} A"
    lines = [
        f"A {found.a.name}   B {found.b.name}   {found.matched} corresponding residues, "
        f"{100 * found.correspondence.identity:.0f} % identical{rmsd}",
        "",
        "  pocket A  pocket B  overlap   score A      B   volume A      B",
    ]
    for row in found.pockets:
        names = [p.name if p else "-" for p in (row.a, row.b)]
        values = [(f"{p.score:.1f}", f"{p.volume:.0f}") if p else ("-", "-") for p in (row.a, row.b)]
        lines.append(
            f"  {names[0]:<8}  {names[1]:<8}  {row.overlap:7.2f}   {values[0][0]:>7} {values[1][0]:>6}   "
            f"{values[0][1]:>8} {values[1][1]:>6}   {row.status.replace('_', ' ')}"
        )
    lines += ["", f"  hot-spots: {_counts(found)}", ""]
    lines.append("    change             type                score A     B   with               why")
    for spot in found.hotspots[:SHOWN]:
        mark = "*" if spot.above_noise else " "
        partner = next(iter((spot.a or spot.b).partners), "")
        why = "; ".join(spot.reasons[:2])
        lines.append(
            f"  {mark} {spot.change:+.2f} {spot.status.replace('_', ' '):<14} {spot.type:<18}  {spot.score_a:5.2f} "
            f"{spot.score_b:7.2f}   {partner:<18} {why}".rstrip()
        )
    if found.noise is not None:
        lines.append("  * above the noise of repeated crystal structures")
    return "\n".join(lines)


def _counts(found) -> str:
    from pocketvox.comparison.result import STATUSES

    parts = []
    for status in STATUSES:
        above = f" ({found.count(status, above_noise=True)}*)" if found.noise is not None else ""
        parts.append(f"{found.count(status)} {status.replace('_', ' ')}{above}")
    return ", ".join(parts)


def _no_result(path: str) -> None:
    """Refuse the folder of a scan: maps of two scans lie on two grids."""
    if (Path(path) / "summary.json").is_file():
        raise UsageError(
            f"{path}: expected a structure. Received: the result of a scan, whose maps lie on their own grid. Give the "
            "structures; both are scanned again, on one grid."
        )
