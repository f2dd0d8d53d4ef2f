"""A VMD script (Tcl) that draws a result: structure, interaction maps, hot-spots with their directions.

Commands as in https://www.ks.uiuc.edu/Research/vmd/current/ug/ (mol, graphics, color).
"""

from __future__ import annotations

from pathlib import Path

from pocketvox.report.colours import CONFIDENCE, NEUTRAL
from pocketvox.report.result import Result
from pocketvox.report.scene import AROUND, RADIUS, Scene, scene
from pocketvox.report.structures import PDB

SCRIPT = "view.vmd"
#: VMD has 33 colours with names, 0 to 32, which a script may change: the script takes those from this one on.
_FIRST_COLOUR, _LAST_COLOUR = 17, 32

_HEADER = """\
# Draws what pocketvox found. Open it in VMD: vmd -e {script}
set here [file dirname [file normalize [info script]]]
"""


def write_vmd(folder: Path, result: Result) -> None:
    """Write ``view.vmd``; it loads structure.pdb and the CCP4 maps, which lie beside it.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    drawn = scene(result)
    palette = _Palette()
    body = _structure_lines(drawn, palette) if drawn.structure else []
    for surface in drawn.surfaces:
        body += [
            f"mol new [file join $here maps {surface.channel}.ccp4] type ccp4 waitfor all",
            f"mol rename top {surface.channel}",
            f"mol modstyle 0 top Isosurface {surface.level:.4f} 0 0 1 1 1",
            f"mol modcolor 0 top ColorID {palette.number(surface.colour)}",
        ]
    body += _hotspot_lines(drawn, palette)
    lines = [_HEADER.format(script=SCRIPT), *palette.lines(), *body]
    (folder / SCRIPT).write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")


class _Palette:
    """Numbers of VMD's colours for colours as ``#rrggbb``, in the order in which they are asked for."""

    def __init__(self):
        self._numbers: dict[str, int] = {}

    def number(self, colour: str) -> int:
        """The number of a colour; the last one serves for all that find no room."""
        return self._numbers.setdefault(colour, min(_FIRST_COLOUR + len(self._numbers), _LAST_COLOUR))

    def lines(self) -> list[str]:
        """Commands that set the colours."""
        rows = []
        for colour, number in self._numbers.items():
            values = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
            rows.append(f"color change rgb {number} {' '.join(f'{v:.4f}' for v in values)}")
        return rows


def _structure_lines(drawn: Scene, palette: _Palette) -> list[str]:
    lines = [
        f"mol new [file join $here {PDB}] type pdb waitfor all",
        f"mol rename top {drawn.name}",
        "mol delrep 0 top",
    ]
    bands = {"protein or nucleic": NEUTRAL}
    if drawn.predicted:
        ends = [*list(CONFIDENCE)[1:], 101.0]
        bands = {
            f"(protein or nucleic) and beta >= {start:g} and beta < {end:g}": colour
            for (start, colour), end in zip(CONFIDENCE.items(), ends, strict=True)
        }
    for selection, colour in bands.items():
        lines += _representation("NewCartoon", f"ColorID {palette.number(colour)}", selection)
    return lines + _representation("Licorice 0.2", "Name", "not protein and not nucleic and not water")


def _representation(style: str, colour: str, selection: str) -> list[str]:
    return [
        f"mol representation {style}",
        f"mol color {colour}",
        f"mol selection {{{selection}}}",
        "mol addrep top",
    ]


def _hotspot_lines(drawn: Scene, palette: _Palette) -> list[str]:
    lines = ["mol new", "mol rename top hotspots"]
    for spot in drawn.spots:
        lines += [
            f"graphics top color {palette.number(spot.colour)}",
            f"graphics top sphere {_position(spot.coord)} radius {RADIUS} resolution 20 ;# {spot.name}",
        ]
        if spot.tip:
            lines.append(f"graphics top cylinder {_position(spot.coord)} {_position(spot.tip)} radius 0.12")
    if drawn.center:
        lines += _look_at(drawn.center)
    return lines


def _look_at(center: tuple[float, float, float]) -> list[str]:
    """Put a point in the middle of the display; 1.5 is about half of VMD's display at scale 1."""
    return [
        f"set center {{{_position(center)[1:-1]}}}",
        "foreach molecule [molinfo list] {",
        "  molinfo $molecule set center_matrix [list [transoffset [vecinvert $center]]]",
        f"  molinfo $molecule set scale_matrix [list [transscale {1.5 / AROUND:.4f}]]",
        "}",
    ]


def _position(coord: tuple[float, float, float]) -> str:
    return f"{{{' '.join(f'{v:.3f}' for v in coord)}}}"
