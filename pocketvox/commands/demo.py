"""``pocketvox demo``: scans the bundled complex and compares the result with what its ligand really does."""

from __future__ import annotations

import argparse
from pathlib import Path

import pocketvox
from pocketvox.commands.common import check_folder, verb
from pocketvox.commands.scan import add_engine_options

#: The bundled complex; see README.md beside it.
STRUCTURE = Path(pocketvox.__file__).resolve().parent / "demo" / "1hvr.pdb.gz"
_WHAT = """\
HIV-1 protease with the inhibitor XK-263 (wwPDB 1HVR, X-ray, 1.8 A). Inhibitor and waters were taken out before the
network looked. Other HIV proteases were in its training data: this shows what results look like. How well it does on
families it has never seen stands in the preset's model card."""

_SHOWN_POCKETS, _SHOWN_HOTSPOTS = 5, 8


def add_parser(parsers) -> None:
    """Declare the verb."""
    parser = verb(
        parsers,
        "demo",
        run,
        "Scan a bundled complex offline and compare the result with the ligand that really is there.",
        "pocketvox demo -o demo-results",
    )
    parser.add_argument(
        "-o", "--out", metavar="OUT", default="pocketvox-demo", help="folder for the results (%(default)s)"
    )
    add_engine_options(parser)


def run(args: argparse.Namespace) -> int:
    """Scan, compare, tell."""
    out = check_folder(args.out)

    from pocketvox.inference import load_predictor
    from pocketvox.interactions import find_interactions
    from pocketvox.pipeline import scan
    from pocketvox.report import write_result
    from pocketvox.structure import read_complex

    predictor = load_predictor(args.preset, engine=args.engine, threads=args.threads)
    result = scan(STRUCTURE, predictor=predictor)
    folder = write_result(result, out / result.name, formats=("pymol",), report=True)
    complex_ = read_complex(result.structure)
    parts = (
        f"pocketvox demo\n==============\n{_WHAT}",
        pocket_table(result),
        ligand_place(result, complex_.ligands[0]),
        hotspot_table(result),
        comparison(result, complex_, find_interactions(complex_)),
        files(folder),
    )
    print("\n\n".join(parts))
    return 0


def pocket_table(result) -> str:
    """The pockets found, best first."""
    n = len(result.pockets)
    head = (
        f"Found {n} pocket{'s' * (n != 1)} in {sum(result.seconds.values()):.1f} s "
        f"({result.engine}, preset {result.preset})"
    )
    if not n:
        return head
    rows = [
        (
            str(pocket.rank),
            f"{pocket.score:.1f}",
            f"{pocket.volume:.0f} A3",
            f"{pocket.depth:.1f} A",
            _position(pocket.center),
            str(len(pocket.hotspots)),
            _shortened(pocket.residue_ids, 6),
        )
        for pocket in result.pockets[:_SHOWN_POCKETS]
    ]
    return "\n".join([head, *_table(("pocket", "score", "volume", "depth", "centre", "hot-spots", "lined by"), rows)])


def ligand_place(result, ligand) -> str:
    """How far the ligand really is from the pockets."""
    import numpy as np

    place = f"The inhibitor ({ligand.name}) really is at {_position(ligand.coord.mean(axis=0)).strip()}"
    if not result.pockets:
        return f"{place}; no pocket was found."
    distances = [float(np.linalg.norm(ligand.coord - pocket.center, axis=1).min()) for pocket in result.pockets]
    best = int(np.argmin(distances))
    text = f"{place}:\nthe centre of pocket 1 is {distances[0]:.1f} A from its nearest atom"
    if best:
        text += f", that of pocket {best + 1} {distances[best]:.1f} A"
    return text + "."


def hotspot_table(result) -> str:
    """The best hot-spots of the first pocket."""
    if not result.pockets:
        return "No hot-spots."
    rows = [
        (
            hotspot.type,
            f"{hotspot.probability:.2f}",
            f"{hotspot.score:.2f}",
            _position(hotspot.coord),
            _shortened(hotspot.partners, 2),
        )
        for hotspot in result.pockets[0].hotspots[:_SHOWN_HOTSPOTS]
    ]
    head = (
        "Best hot-spots of pocket 1: what a ligand could do there\n"
        "(probability: if a ligand atom is there; score: times the probability that one is)"
    )
    return "\n".join([head, *_table(("type", "probability", "score", "position", "with"), rows)])


def comparison(result, complex_, found) -> str:
    """Each interaction that the ligand makes, and the nearest hot-spot of its type."""
    import numpy as np

    from pocketvox.pockets.hotspots import HIT

    hotspots = [hotspot for pocket in result.pockets for hotspot in pocket.hotspots]
    rows, hits = [], 0
    made = real_interactions(complex_, found)
    for channel, point, atom, partner, distance in made:
        same = [h for h in hotspots if h.type == channel]
        gaps = [float(np.linalg.norm(np.asarray(h.coord) - point)) for h in same]
        gap = min(gaps, default=np.inf)
        hits += gap <= HIT
        if channel not in result.maps.channels:
            verdict = "not predicted by this preset"
        elif gap <= HIT:
            verdict = f"found, {gap:.1f} A away"
        else:
            verdict = f"missed (nearest {gap:.1f} A away)" if same else "missed"
        rows.append((channel, atom, partner, f"{distance:.1f} A", verdict))
    head = "What the inhibitor really does there, by geometric rules, and the nearest hot-spot of the same type"
    lines = [head, *_table(("type", "inhibitor", "protein", "distance", "hot-spot"), rows)]
    lines.append(f"{hits} of {len(made)} interactions have a hot-spot of their type within {HIT:g} A.")
    return "\n".join(lines)


def real_interactions(complex_, found) -> list[tuple]:
    """Interactions, one per type and ligand position, with the nearest partner: (type, point, atoms, partner, A)."""
    from pocketvox.channels import CHANNELS

    nearest: dict[tuple, int] = {}
    for k in range(len(found)):
        key = (int(found.channel[k]), tuple(found.point[k].tolist()))
        if key not in nearest or found.distance[k] < found.distance[nearest[key]]:
            nearest[key] = k
    rows = []
    for k in sorted(nearest.values()):
        names = complex_.ligands[found.ligand[k]].atom_names
        atoms = [names[i] for i in found.ligand_atoms[k]]
        partners = [complex_.receptor.label(int(i)) for i in found.receptor_atoms[k]]
        if found.water[k] >= 0:
            partners[0] += " (through water)"
        row = (CHANNELS[found.channel[k]], found.point[k], _shortened(atoms, 1), _shortened(partners, 1))
        rows.append((*row, float(found.distance[k])))
    return rows


def files(folder: Path) -> str:
    """What was written, and how to look at it."""
    about = {
        "summary.json": "everything, for programs",
        "pockets.csv": "one row per pocket, P2Rank's columns",
        "hotspots.csv": "one row per hot-spot, best first",
        "maps.h5": "the probability of every interaction type at every point",
        "maps": "the same as CCP4 maps, one file per type",
        "structure.cif": "what was scanned, with its ligands",
        "report.html": "open it in a browser: all of this, with a 3D view",
    }
    lines = [f"Files in {folder.resolve()}"]
    for path in sorted(folder.iterdir()):
        note = about.get(path.name, "open it: pymol " + path.name if path.suffix == ".pml" else "")
        lines.append(f"  {path.name + '/' * path.is_dir():<16} {note}".rstrip())
    lines.append("\nYour own structure: pocketvox scan FILE -o results")
    return "\n".join(lines)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """Lines of a table, columns as wide as they must be."""
    widths = [max(len(row[k]) for row in (head, *rows)) for k in range(len(head))]
    return [
        "  " + "  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)
    ]


def _position(coord) -> str:
    return "({:5.1f}, {:5.1f}, {:5.1f})".format(*(float(v) + 0.0 for v in coord))


def _shortened(names, most: int) -> str:
    more = len(names) - most
    return " ".join(names[:most]) + (f" +{more}" if more > 0 else "")
