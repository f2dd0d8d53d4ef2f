"""A MolViewSpec scene for Mol*: structure, interaction maps, hot-spots with their directions.

The format: https://molstar.org/mol-view-spec-docs. ``view.mvsj`` names the files beside it, for a server or a notebook;
``view.mvsx`` is an archive of the scene and these files, to be dropped onto https://molstar.org/viewer.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from pocketvox.report.colours import CONFIDENCE, NAMES, NEUTRAL
from pocketvox.report.result import Result
from pocketvox.report.scene import AROUND, RADIUS, Scene, Spot, scene
from pocketvox.report.structures import CIF

SCENE, ARCHIVE = "view.mvsj", "view.mvsx"
#: Version of MolViewSpec, and a time that the format asks for: always the same, so that equal results are equal bytes.
_METADATA = {"version": "1", "timestamp": "1980-01-01T00:00:00+00:00"}
_ARCHIVE_DATE = (1980, 1, 1, 0, 0, 0)
#: How much of a surface is seen through, 0 to 1.
_OPACITY = 0.45


def write_molviewspec(folder: Path, result: Result) -> None:
    """Write ``view.mvsj`` and ``view.mvsx``; structure.cif and the CCP4 maps must be there.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    drawn = scene(result)
    text = json.dumps(state(drawn), indent=1, allow_nan=False) + "\n"
    (folder / SCENE).write_text(text, encoding="utf-8", newline="")
    with zipfile.ZipFile(folder / ARCHIVE, "w", zipfile.ZIP_DEFLATED) as archive:
        _store(archive, "index.mvsj", text.encode("utf-8"))
        for name in _files(drawn):
            _store(archive, name, (folder / name).read_bytes())


def state(drawn: Scene) -> dict:
    """The scene as a MolViewSpec state of plain JSON types."""
    children = [_structure(drawn.predicted)] if drawn.structure else []
    children += [_surface(surface.channel, surface.level, surface.colour) for surface in drawn.surfaces]
    if drawn.spots:
        children.append(_node("primitives", {"opacity": 1.0}, [p for spot in drawn.spots for p in _primitives(spot)]))
    if drawn.center:
        marker = _sphere(drawn.center, 0.01, NEUTRAL, "best pocket")
        children.append(_node("primitives", {"opacity": 0.0}, [marker, _node("focus", {"radius": AROUND})]))
    return {
        "kind": "single",
        "root": _node("root", {}, children),
        "metadata": {**_METADATA, "title": drawn.name},
    }


def _structure(predicted: bool) -> dict:
    colour = _node("color", {"color": NEUTRAL})
    if predicted:
        bands = [[band, plddt] for plddt, band in CONFIDENCE.items()]
        source = {"schema": "atom", "category_name": "atom_site", "field_name": "B_iso_or_equiv"}
        palette = {"kind": "discrete", "mode": "absolute", "colors": bands}
        colour = _node("color_from_source", {**source, "palette": palette})
    polymer = _component("polymer", "cartoon", [colour])
    others = [_component(part, "ball_and_stick", []) for part in ("ligand", "ion", "branched")]
    model = _node("structure", {"type": "model"}, [polymer, *others])
    return _loaded(CIF, "mmcif", model)


def _component(selector: str, style: str, colours: list[dict]) -> dict:
    return _node("component", {"selector": selector}, [_node("representation", {"type": style}, colours)])


def _surface(channel: str, level: float, colour: str) -> dict:
    look = [_node("color", {"color": colour}), _node("opacity", {"opacity": _OPACITY})]
    params = {"type": "isosurface", "absolute_isovalue": level, "show_wireframe": True, "show_faces": True}
    volume = _node("volume", {}, [_node("volume_representation", params, look)])
    return _loaded(_map(channel), "map", volume)


def _primitives(spot: Spot) -> list[dict]:
    tooltip = f"{NAMES.get(spot.type, spot.type)} ({spot.name}), score {spot.score:.2f}"
    found = [_sphere(spot.coord, RADIUS, spot.colour, tooltip)]
    if spot.tip:
        params = {
            "kind": "arrow",
            "start": list(spot.coord),
            "end": list(spot.tip),
            "show_end_cap": True,
            "tube_radius": 0.12,
            "color": spot.colour,
            "tooltip": tooltip,
        }
        found.append(_node("primitive", params))
    return found


def _sphere(center: tuple[float, float, float], radius: float, colour: str, tooltip: str) -> dict:
    params = {"kind": "ellipsoid", "center": list(center), "radius": radius, "color": colour, "tooltip": tooltip}
    return _node("primitive", params)


def _loaded(url: str, form: str, child: dict) -> dict:
    return _node("download", {"url": url}, [_node("parse", {"format": form}, [child])])


def _node(kind: str, params: dict, children: list[dict] | None = None) -> dict:
    node: dict = {"kind": kind}
    if params:
        node["params"] = params
    if children:
        node["children"] = children
    return node


def _files(drawn: Scene) -> list[str]:
    structure = [CIF] if drawn.structure else []
    return structure + [_map(surface.channel) for surface in drawn.surfaces]


def _map(channel: str) -> str:
    return f"maps/{channel}.ccp4"


def _store(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, _ARCHIVE_DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data)
