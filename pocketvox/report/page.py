"""The report of a scan: one HTML file that opens offline, with a 3D view, tables and everything a scan writes.

The view is drawn by 3Dmol.js (Rego and Koes, Bioinformatics 31 (2015) 1322-1324, doi:10.1093/bioinformatics/btu829),
which comes with the package. All that the page shows stands in it; its content security policy forbids every request.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from html import escape
from importlib.resources import files as resources
from pathlib import Path

from pocketvox.report import page_sections as sections
from pocketvox.report.page_data import packed, view_data
from pocketvox.report.result import SUMMARY, Result, summary_text

#: Name of the report in a result folder.
REPORT = "report.html"
#: Volumes and occupancies over time, in the folders of trajectories.
PLOT = "occupancy.svg"
#: Files of the folder up to this size in all are inside the page; others it names (bytes).
MOST_EMBEDDED = 4_000_000
#: Endings of files that are compressed already.
_COMPRESSED = (".h5", ".gz", ".parquet", ".png", ".mvsx")

_VIEWER, _LICENCE = "3Dmol-min.js", "3Dmol-LICENSE.txt"
_NO_VIEWER = (
    "There is no 3D view: this installation of pocketvox was built without 3Dmol.js. Install it again with a network "
    "connection. Everything else is here, and view.pml (--formats pymol) shows the maps in PyMOL."
)


def write_page(folder: str | Path, result: Result) -> Path:
    """Write ``report.html`` into a result folder, with the files that are there and the summary, but for its times.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    folder = Path(folder)
    found = {p.relative_to(folder).as_posix(): p.stat().st_size for p in sorted(folder.rglob("*")) if p.is_file()}
    for name in (REPORT, SUMMARY):
        found.pop(name, None)
    inside, files = _embedded(found), []
    for name, size in found.items():
        files.append(_file(name, size, (folder / name).read_bytes() if name in inside else None))
    text = summary_text(replace(result, seconds={}))
    files.append(_file(SUMMARY, len(text.encode()), text.encode()))
    path, plot = folder / REPORT, folder / PLOT
    drawing = plot.read_text(encoding="utf-8") if plot.is_file() else ""
    path.write_text(page_html(result, files, drawing), encoding="utf-8", newline="")
    return path


def page_html(result: Result, files: Iterable[dict] = (), plot: str = "") -> str:
    """The report as HTML.

    Parameters
    ----------
    result : Result
    files : iterable of dict, optional
        Files that the page offers.
    plot : str, optional
        Of a trajectory, as SVG.

    Returns
    -------
    str
        Begins with ``<!doctype html>``; the same result gives the same text.
    """
    from pocketvox import __version__

    assets = resources("pocketvox.report") / "page_assets"
    viewer = assets / _VIEWER
    script = viewer.read_text(encoding="utf-8") if viewer.is_file() else ""
    licence = (assets / _LICENCE).read_text(encoding="utf-8") if script else ""
    data = view_data(result) | {"files": list(files), "missing": "" if script else _NO_VIEWER}
    parts = {
        "title": escape(result.name),
        "subtitle": escape(f"{_count(result)} found by {result.preset} ({result.engine})"),
        "style": (assets / "report.css").read_text(encoding="utf-8"),
        "licence": licence.replace("--", "- -"),
        "viewer": script.replace("</script", "<\\/script"),
        "script": (assets / "report.js").read_text(encoding="utf-8"),
        "data": _json(data),
        "plot": sections.plot(result, plot),
        "confidence": sections.confidence(result),
        "pockets": sections.pockets_table(result),
        "hotspots": sections.hotspots_table(result),
        "ligandability": sections.ligandability(result),
        "histograms": sections.histograms(result),
        "calibration": sections.calibration(result),
        "warnings": sections.warnings_list(result),
        "provenance": sections.provenance(result, __version__),
    }
    template = (assets / "report.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)


def _embedded(sizes: dict[str, int]) -> set[str]:
    """The files that the page has room for, small ones first."""
    room, inside = MOST_EMBEDDED, set()
    for name in sorted(sizes, key=lambda name: (sizes[name], name)):
        room -= sizes[name]
        if room >= 0:
            inside.add(name)
    return inside


def _file(name: str, size: int, data: bytes | None) -> dict:
    if data is None:
        return {"name": name, "size": size}
    compressed = name.endswith(_COMPRESSED)
    content = base64.b64encode(data).decode("ascii") if compressed else packed(data)
    return {"name": name, "size": size, "packed": not compressed, "data": content}


def _json(data: dict) -> str:
    """JSON that can stand in a script element whatever names it holds."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _count(result: Result) -> str:
    hotspots = sum(len(pocket.hotspots) for pocket in result.pockets)
    pockets = len(result.pockets)
    return f"{pockets} pocket{'' if pockets == 1 else 's'} and {hotspots} hot-spot{'' if hotspots == 1 else 's'}"
