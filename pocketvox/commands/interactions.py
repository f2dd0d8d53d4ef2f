"""``pocketvox interactions``: rule-based detection in a complex."""

from __future__ import annotations

import argparse
import logging

from pocketvox.commands.common import add_structure_options, check_file, open_complex, verb, write_text

log = logging.getLogger("pocketvox")


def add_parser(parsers) -> None:
    """Declare the verb."""
    parser = verb(
        parsers,
        "interactions",
        run,
        "List the interactions that the ligands of a complex make, by geometric rules.",
        "pocketvox interactions receptor.pdb ligand.sdf --format csv -o interactions.csv",
    )
    add_complex_arguments(parser)
    parser.add_argument("--format", choices=("json", "csv"), default="json", help="output format (%(default)s)")
    parser.add_argument("-o", "--out", metavar="FILE", help="file to write (stdout if not given)")


def add_complex_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments that name a complex: a structure, and its ligand if that has a file of its own."""
    parser.add_argument("complex", metavar="COMPLEX", help="structure file or PDB id, with its ligand or without")
    parser.add_argument("ligand_file", nargs="?", metavar="LIGAND", help="SDF or MOL2 file in the same frame")
    parser.add_argument("--ligand", metavar="FILE", help="the same, as an option")
    parser.add_argument("--around", metavar="WHERE", help="which residue (A:401) or component (STI) is the ligand")
    add_structure_options(parser)


def run(args: argparse.Namespace) -> int:
    """Detect and write the interactions of one complex."""
    check_file(args.out)

    from pocketvox.interactions import find_interactions
    from pocketvox.report.interactions import as_csv, as_json

    complex_ = open_complex(args)
    found = find_interactions(complex_)
    write_text(args.out, as_csv(complex_, found) if args.format == "csv" else as_json(complex_, found))
    return 0
