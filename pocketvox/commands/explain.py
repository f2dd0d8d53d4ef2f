"""``pocketvox explain``: the residues and atoms that a predicted hot-spot, point or pocket comes from."""

from __future__ import annotations

import argparse
import json
import logging

from pocketvox.commands.common import (
    add_structure_options,
    check_folder,
    each_input,
    finite_float,
    positive_int,
    progress,
    require_extra,
    verb,
)
from pocketvox.commands.scan import add_engine_options, add_region_options, check_region
from pocketvox.errors import SelectionError, UsageError

log = logging.getLogger("pocketvox")

METHODS = ("integrated", "gradient", "gradcam", "occlusion")
MAP_FORMATS = ("ccp4", "h5")
#: The only method that needs no gradients, and so no Keras.
WITHOUT_KERAS = "occlusion"
#: A larger share missing from the sum of integrated gradients is worth a warning.
LARGE_RESIDUAL = 0.05


def add_parser(parsers) -> None:
    """Declare the verb."""
    parser = verb(
        parsers,
        "explain",
        run,
        "Say why the network predicts a hot-spot: which residues and atoms the value comes from.",
        "pocketvox explain 1abc.cif -o why --hotspot 1",
    )
    parser.add_argument("input", metavar="INPUT", help="structure file or PDB id")
    parser.add_argument("-o", "--out", metavar="OUT", required=True, help="folder of the explanation")
    target = parser.add_argument_group("what to explain (one of these)").add_mutually_exclusive_group(required=True)
    target.add_argument(
        "--hotspot", type=positive_int, metavar="N", help="the N-th hot-spot of a scan: a row of its table"
    )
    target.add_argument("--pocket", metavar="NAME", help="a pocket of a scan (pocket1): that a ligand binds there")
    target.add_argument(
        "--at", nargs=3, type=finite_float, metavar=("X", "Y", "Z"), help="a point (angstrom), with --channel"
    )
    parser.add_argument("--channel", metavar="TYPE", help="interaction type, as in the maps (with --at or --pocket)")
    parser.add_argument("--method", choices=METHODS, default=METHODS[0], help="how (%(default)s)")
    parser.add_argument("--steps", type=positive_int, metavar="N", help="points of the integral (--method integrated)")
    parser.add_argument("--layer", metavar="NAME", help="layer of the network (--method gradcam)")
    parser.add_argument("--map", choices=MAP_FORMATS, default=MAP_FORMATS[0], help="format of the map (%(default)s)")
    add_structure_options(parser)
    add_region_options(parser)
    add_engine_options(parser)
    parser.add_argument("--json", action="store_true", help="print explanation.json to stdout as well, on one line")


def run(args: argparse.Namespace) -> int:
    """Explain one prediction."""
    size = check_region(args)
    check_target(args)
    out = check_folder(args.out)
    if args.method != WITHOUT_KERAS:
        require_extra("keras", "train", f"explain --method {args.method}")

    from pocketvox.descriptors import experiment
    from pocketvox.explain import Explainer
    from pocketvox.features import receptor_points
    from pocketvox.inference import load_predictor
    from pocketvox.pipeline import prepare
    from pocketvox.report.explanation import Explained, write_explanation
    from pocketvox.structure import read_structure

    predictor = load_predictor(args.preset, engine=args.engine, threads=args.threads)
    explainer = Explainer(predictor.preset, predictor.engine, args.threads)
    options = {key: value for key in ("steps", "layer") if (value := getattr(args, key)) is not None}

    def work(source: str, _: str) -> None:
        structure = read_structure(source, model=args.model, cache=args.cache)
        region = {"around": args.around, "center": args.center, "size": size, "keep": tuple(args.keep)}
        prepared = prepare(structure, spacing=predictor.preset.spacing, **region)
        target = find_target(args, predictor, structure, prepared.grid, region)
        points = receptor_points(prepared.receptor, experiment(structure))
        found = explainer(prepared.receptor, points, target, args.method, progress=progress(source, args), **options)
        warnings = [*prepared.warnings, *residual_warning(found)]
        explained = Explained(found, structure, prepared.receptor, predictor.preset, tuple(warnings))
        folder = write_explanation(explained, out, map_format=args.map)
        for warning in warnings:
            log.warning("warning: %s: %s", source, warning)
        tell(source, json.loads((folder / "explanation.json").read_text(encoding="utf-8")), folder, args.json)

    return each_input([args.input], work, verbose=args.verbose)


def check_target(args: argparse.Namespace) -> None:
    """Refuse contradictions."""
    from pocketvox.channels import CHANNELS

    if args.at and not args.channel:
        raise UsageError("--at says where. Give --channel as well: which interaction type.")
    if args.hotspot and args.channel:
        raise UsageError("--channel: a hot-spot has a type of its own. Leave it out, or give --at.")
    if args.channel and args.channel not in CHANNELS:
        raise UsageError(f"--channel: expected one of {', '.join(CHANNELS)}. Received: {args.channel}.")
    for option, method in (("steps", "integrated"), ("layer", "gradcam")):
        if getattr(args, option) is not None and args.method != method:
            raise UsageError(f"--{option} is for --method {method}. Received: {args.method}.")


def find_target(args: argparse.Namespace, predictor, structure, grid, region: dict):
    """The target that the arguments name; a hot-spot or pocket is found by a scan.

    Raises
    ------
    SelectionError
        If the scan finds no such hot-spot or pocket.
    """
    from pocketvox.channels import LIGAND
    from pocketvox.explain import hotspot_target, pocket_target, point_target
    from pocketvox.pipeline import scan
    from pocketvox.report.tables import ranked_hotspots

    preset = predictor.preset
    if args.at:
        return point_target(preset, grid, args.at, args.channel)
    pockets = scan(structure, predictor=predictor, **region).pockets
    if args.pocket:
        by_name = {pocket.name: pocket for pocket in pockets}
        if args.pocket not in by_name:
            raise SelectionError(f"Expected a pocket: {', '.join(by_name) or 'none'} found. Received: {args.pocket}.")
        return pocket_target(preset, grid, by_name[args.pocket], args.channel or LIGAND)
    hotspots = ranked_hotspots(pockets)
    if args.hotspot > len(hotspots):
        raise SelectionError(
            f"Expected a hot-spot from 1 to {len(hotspots)}, as many as found. Received: {args.hotspot}."
        )
    pocket, hotspot = hotspots[args.hotspot - 1]
    return hotspot_target(preset, grid, hotspot, name=f"hot-spot {args.hotspot}, {pocket.name}")


def residual_warning(found) -> tuple[str, ...]:
    """One if integrated gradients do not add up."""
    if found.residual is None or abs(found.residual) <= LARGE_RESIDUAL:
        return ()
    return (
        f"integrated gradients sum to {100 * (1 + found.residual):.0f} % of the difference to an empty grid: take more "
        "--steps",
    )


def tell(source: str, summary: dict, folder, as_json: bool) -> None:
    """The main residues on stderr, everything on stdout if asked for."""
    best = ", ".join(f"{row['residue']} {row['attribution']:+.2g}" for row in summary["residues"][:3])
    target = summary["target"]
    log.info(
        "%s: %s, %s, probability %.2f, from %s -> %s",
        source, target["name"], target["channel"], summary["probability"], best or "nothing", folder,
    )  # fmt: skip
    if as_json:
        print(json.dumps(summary), flush=True)
