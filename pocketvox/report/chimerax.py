"""A ChimeraX script that draws a result: structure, interaction maps, hot-spots with their directions.

Commands as in https://www.rbvi.ucsf.edu/chimerax/docs/user/index.html (open, volume, shape, color, view).
"""

from __future__ import annotations

from pathlib import Path

from pocketvox.report.colours import CONFIDENCE, NEUTRAL
from pocketvox.report.result import Result
from pocketvox.report.scene import RADIUS, Scene, Spot, scene
from pocketvox.report.structures import CIF

SCRIPT = "view.cxc"
#: Numbers of the models in ChimeraX: hot-spots are ``#2.<rank of the pocket>.<number>``, maps follow from the last on.
_STRUCTURE, _HOTSPOTS, _FIRST_MAP = 1, 2, 3


def write_chimerax(folder: Path, result: Result) -> None:
    """Write ``view.cxc``; it opens structure.cif and the CCP4 maps, which lie beside it.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    drawn = scene(result)
    lines = [f"# Draws what pocketvox found. Open it in ChimeraX: chimerax {SCRIPT}"]
    if drawn.structure:
        lines += _structure_lines(drawn)
    for model, surface in enumerate(drawn.surfaces, _FIRST_MAP):
        lines += [
            f"open maps/{surface.channel}.ccp4 id {model} name {surface.channel}",
            f"volume #{model} style mesh level {surface.level:.4f} color {surface.colour} step 1",
        ]
    lines += [line for number, spot in enumerate(drawn.spots, 1) for line in _spot_lines(number, spot)]
    if drawn.spots:
        best = min(spot.pocket for spot in drawn.spots)
        lines += [f"rename #{_HOTSPOTS} hotspots", f"view #{_HOTSPOTS}.{best}"]
    (folder / SCRIPT).write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")


def _structure_lines(drawn: Scene) -> list[str]:
    polymer = f"color #{_STRUCTURE} & polymer {NEUTRAL}"
    if drawn.predicted:
        palette = ":".join(f"{plddt:g},{colour}" for plddt, colour in _steps())
        polymer = f"color bfactor #{_STRUCTURE} & polymer palette {palette}"
    return [
        f"open {CIF} id {_STRUCTURE} name {drawn.name}",
        f"hide #{_STRUCTURE} atoms",
        f"show #{_STRUCTURE} cartoons",
        f"show #{_STRUCTURE} & ~polymer atoms",
        polymer,
        f"color #{_STRUCTURE} byhetero",
    ]


def _steps() -> list[tuple[float, str]]:
    """The bands of confidence for a palette that blends neighbouring colours: each colour at both ends of its band."""
    starts, colours = list(CONFIDENCE), list(CONFIDENCE.values())
    ends = [start - 0.01 for start in starts[1:]] + [100.0]
    return [(value, c) for a, b, c in zip(starts, ends, colours, strict=True) for value in (a, b)]


def _spot_lines(number: int, spot: Spot) -> list[str]:
    """A sphere and a cylinder, in the group of the pocket."""
    model = f"#{_HOTSPOTS}.{spot.pocket}.{number}"
    lines = [
        f"shape sphere center {_position(spot.coord)} radius {RADIUS} color {spot.colour} name {spot.name} "
        f"modelId {model}.1"
    ]
    if spot.tip:
        lines.append(
            f"shape cylinder fromPoint {_position(spot.coord)} toPoint {_position(spot.tip)} radius 0.12 "
            f"color {spot.colour} name {spot.name}_direction modelId {model}.2"
        )
    return lines


def _position(coord: tuple[float, float, float]) -> str:
    return ",".join(f"{v:.3f}" for v in coord)
