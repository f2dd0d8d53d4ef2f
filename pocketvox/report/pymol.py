"""A PyMOL script that draws a result: structure, interaction maps, hot-spots with their directions."""

from __future__ import annotations

from pathlib import Path

from pocketvox.report.colours import CONFIDENCE, NEUTRAL
from pocketvox.report.result import Result
from pocketvox.report.scene import AROUND, RADIUS, Scene, Spot, scene
from pocketvox.report.structures import CIF

_HEADER = """\
# Draws what pocketvox found. Open it in PyMOL: pymol {script}
python
import os
if os.path.isfile(str(globals().get("__script__", ""))):
    os.chdir(os.path.dirname(os.path.abspath(__script__)))
python end
set normalize_ccp4_maps, off
"""
SCRIPT = "view.pml"


def write_pymol(folder: Path, result: Result) -> None:
    """Write ``view.pml``; it loads structure.cif and the CCP4 maps, which lie beside it.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    drawn = scene(result)
    lines = [script_header(SCRIPT)]
    if drawn.structure:
        lines += _structure_lines(drawn)
    lines += _map_lines(drawn) + _hotspot_lines(drawn)
    (folder / SCRIPT).write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")


def script_header(script: str) -> str:
    """The first lines of a script: how to open it, and from where its files are loaded."""
    return _HEADER.format(script=script)


def _structure_lines(drawn: Scene) -> list[str]:
    name = drawn.name
    polymer = [f"color {_colour(NEUTRAL)}, {name} and polymer"]
    if drawn.predicted:  # later lines paint over earlier ones
        polymer = [
            f"color {_colour(colour)}, {name} and polymer and not b < {plddt:g}" for plddt, colour in CONFIDENCE.items()
        ]
    return [
        f"load {CIF}, {name}",
        f"hide everything, {name}",
        f"show cartoon, {name}",
        f"show sticks, {name} and not polymer",
        *polymer,
        f"util.cnc {name}",
    ]


def _map_lines(drawn: Scene) -> list[str]:
    lines, shown = [], []
    for surface in drawn.surfaces:
        name = surface.channel
        lines += [
            f"load maps/{name}.ccp4, {name}_map",
            f"isomesh {name}, {name}_map, {surface.level:.4f}",
            f"color {_colour(surface.colour)}, {name}",
        ]
        shown += [name, f"{name}_map"]
    return [*lines, f"group interaction_maps, {' '.join(shown)}"]


def _hotspot_lines(drawn: Scene) -> list[str]:
    lines = [line for spot in drawn.spots for line in _spot_lines(spot)]
    if drawn.spots:
        lines += [
            f"group hotspots, {' '.join(spot.name for spot in drawn.spots)}",
            "hide everything, hotspots",
            "show spheres, hotspots and name SPOT",
            "show sticks, hotspots",
            "set stick_radius, 0.12, hotspots",
        ]
    if drawn.center:
        lines += [
            f"pseudoatom best_pocket, pos={_position(drawn.center)}",
            "hide everything, best_pocket",
            f"zoom best_pocket, {AROUND:g}",
        ]
    return lines


def _spot_lines(spot: Spot) -> list[str]:
    """Pseudoatoms at the hot-spot and, if it has a direction, at its end, bonded so that a stick joins them."""
    options = f"b={spot.score:.4f}, color={_colour(spot.colour)}, vdw={RADIUS}"
    lines = [f"pseudoatom {spot.name}, name=SPOT, pos={_position(spot.coord)}, {options}"]
    if spot.tip:
        lines += [
            f"pseudoatom {spot.name}, name=TIP, pos={_position(spot.tip)}, {options}",
            f"bond {spot.name} and name SPOT, {spot.name} and name TIP",
        ]
    return lines


def _position(coord: tuple[float, float, float]) -> str:
    return f"[{', '.join(f'{v:.3f}' for v in coord)}]"


def _colour(colour: str) -> str:
    return colour.replace("#", "0x")
