"""``pocketvox voxelize`` and ``pocketvox label``: the network's input and its targets, as HDF5 grids."""

from __future__ import annotations

import argparse

from pocketvox.commands.common import add_structure_options, check_file, new_file, open_complex, positive_float, verb
from pocketvox.commands.interactions import add_complex_arguments
from pocketvox.commands.scan import add_region_options, check_region

#: Edge of a voxel if none is given (angstrom).
SPACING = 0.75


def add_parser(parsers) -> None:
    """Declare both verbs."""
    parser = verb(
        parsers,
        "voxelize",
        voxelize,
        "Write what the network sees of a receptor: a grid of typed atoms and sites.",
        "pocketvox voxelize 1abc.cif -o features.h5 --center 10 4 -2 --size 24",
    )
    parser.add_argument("input", metavar="INPUT", help="structure file or PDB id")
    add_structure_options(parser)
    add_region_options(parser)
    _add_output(parser)

    parser = verb(
        parsers,
        "label",
        label,
        "Write where a ligand makes which interaction: the grid a network is trained and scored on.",
        "pocketvox label receptor.pdb ligand.sdf -o label.h5",
    )
    add_complex_arguments(parser)
    _add_output(parser)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--out", metavar="FILE", required=True, help="HDF5 file to write")
    parser.add_argument(
        "--spacing", type=positive_float, default=SPACING, metavar="A", help="edge of a voxel (%(default)s angstrom)"
    )


def voxelize(args: argparse.Namespace) -> int:
    """Write the feature grid of a receptor."""
    size = check_region(args)
    check_file(args.out)

    from pocketvox.features import FEATURES, receptor_points
    from pocketvox.pipeline import prepare
    from pocketvox.report.volumes import write_volume
    from pocketvox.voxel import voxelize as fill

    with new_file(args.out) as temporary:
        prepared = prepare(
            args.input,
            around=args.around,
            center=args.center,
            size=size,
            spacing=args.spacing,
            model=args.model,
            keep=tuple(args.keep),
            cache=args.cache,
        )
        points = receptor_points(prepared.receptor)
        volume = fill(points.coord, points.features, points.radius, prepared.grid, FEATURES)
        write_volume(temporary, "features", volume, input=prepared.structure.source, sha256=prepared.structure.sha256)
    return 0


def label(args: argparse.Namespace) -> int:
    """Write the label grid of a complex."""
    check_file(args.out)

    import numpy as np

    from pocketvox.interactions import find_interactions
    from pocketvox.pipeline import LABEL_MARGIN
    from pocketvox.report.volumes import write_volume
    from pocketvox.voxel import Grid, envelope, label_volume

    with new_file(args.out) as temporary:
        complex_ = open_complex(args)
        found = find_interactions(complex_)
        coord = np.concatenate([ligand.coord for ligand in complex_.ligands])
        grid = Grid.around(coord, LABEL_MARGIN, args.spacing)
        volume = label_volume(found.point, found.channel, coord, grid)
        known = envelope(coord, grid).astype(np.uint8)
        source = complex_.structure
        write_volume(temporary, "label", volume, input=source.source, sha256=source.sha256, envelope=known)
    return 0
