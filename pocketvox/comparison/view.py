"""A PyMOL script of a comparison: both structures, what maps gain and lose, hot-spots by what became of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pocketvox.comparison.result import GAINED, KEPT, LOST, NOT_COMPARABLE, STATUSES, Comparison
from pocketvox.report.ccp4 import write_map
from pocketvox.report.pymol import script_header
from pocketvox.report.scene import MOST
from pocketvox.report.structures import sanitise

#: As PyMOL names them: blue and orange are told apart with any colour vision.
COLOURS = {KEPT: "grey70", GAINED: "marine", LOST: "orange", NOT_COMPARABLE: "grey30"}
#: Difference maps are drawn at the noise of their channel; at this joint value where it is not known.
LEVEL = 0.1
#: Space around what is drawn in cropped maps (voxels).
_RIM = 3


def write_view(folder: Path, found: Comparison) -> None:
    """Write ``view.pml``; ``a.cif``, ``b.cif`` and the maps of :func:`write_maps` must lie beside it.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    lines = [script_header("view.pml")]
    names = [f"{side.upper()}_{sanitise(result.name)}" for side, result in (("a", found.a), ("b", found.b))]
    for side, name, colour in zip("ab", names, ("grey80", "wheat"), strict=True):
        lines += [
            f"load {side}.cif, {name}",
            f"hide everything, {name}",
            f"show cartoon, {name}",
            f"show sticks, {name} and not polymer",
            f"color {colour}, {name} and elem C",
            f"util.cnc {name}",
        ]
    lines += [*_map_lines(folder, found), *_hotspot_lines(found)]
    (folder / "view.pml").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")


def write_maps(folder: Path, found: Comparison, *, whole: bool) -> None:
    """Write difference maps as ``<channel>.ccp4``.

    Parameters
    ----------
    folder : Path
        Made if absent.
    found : Comparison
    whole : bool
        Every channel, on the whole grid. False: those that change by more than the level at which they are drawn, and
        of them the box in which any does.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    folder.mkdir(exist_ok=True)
    values, grid = found.difference.values, found.difference.grid
    levels = np.array([level(found, name) for name in found.difference.channels], np.float32)
    box = (slice(None),) * 3
    if not whole:
        changed = np.argwhere((np.abs(values) >= levels).any(axis=3))
        if not len(changed):
            return
        low = (changed.min(axis=0) - _RIM).clip(0)
        high = np.minimum(changed.max(axis=0) + _RIM + 1, grid.shape)
        box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        grid = grid.window(low, high - low)
    for k, name in enumerate(found.difference.channels):
        part = values[(*box, k)]
        if whole or (np.abs(part) >= levels[k]).any():
            write_map(folder / f"{name}.ccp4", part, grid)


def level(found: Comparison, channel: str) -> float:
    """The joint value at which the difference map of a channel is drawn."""
    return found.noise.map.get(channel, LEVEL) if found.noise else LEVEL


def _map_lines(folder: Path, found: Comparison) -> list[str]:
    lines, shown = [], []
    for channel in found.difference.channels:
        if (folder / "maps" / f"{channel}.ccp4").is_file():
            at = level(found, channel)
            lines += [
                f"load maps/{channel}.ccp4, {channel}_difference",
                f"isomesh {channel}_gained, {channel}_difference, {at:.3f}",
                f"isomesh {channel}_lost, {channel}_difference, {-at:.3f}",
                f"color {COLOURS[GAINED]}, {channel}_gained",
                f"color {COLOURS[LOST]}, {channel}_lost",
            ]
            shown += [f"{channel}_gained", f"{channel}_lost", f"{channel}_difference"]
    return [*lines, f"group difference_maps, {' '.join(shown)}"] if shown else []


def _hotspot_lines(found: Comparison) -> list[str]:
    lines: list[str] = []
    names: dict[str, list[str]] = {status: [] for status in STATUSES}
    for number, spot in enumerate(found.hotspots[:MOST], 1):
        name = f"{spot.status}_{spot.type}_{number}"
        x, y, z = spot.coord
        lines.append(
            f"pseudoatom {name}, pos=[{x:.3f}, {y:.3f}, {z:.3f}], b={spot.change:.3f}, color={COLOURS[spot.status]}, "
            f"vdw={0.8 if spot.above_noise else 0.4}"
        )
        names[spot.status].append(name)
    for status, own in names.items():
        if own:
            group = f"hotspots_{status}"
            lines += [f"group {group}, {' '.join(own)}", f"hide everything, {group}", f"show spheres, {group}"]
    if found.pockets:
        x, y, z = (found.pockets[0].a or found.pockets[0].b).center
        lines += [f"pseudoatom first_pocket, pos=[{x:.3f}, {y:.3f}, {z:.3f}]", "hide everything, first_pocket"]
        lines += ["zoom first_pocket, 14"]
    return lines
