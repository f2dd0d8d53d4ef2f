"""The folder of a comparison: complete or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from pocketvox.comparison.page import page_html
from pocketvox.comparison.result import Comparison
from pocketvox.comparison.summary import summary
from pocketvox.comparison.tables import hotspots_csv, pockets_csv
from pocketvox.comparison.view import write_maps, write_view
from pocketvox.errors import UsageError
from pocketvox.report.folder import new_folder
from pocketvox.report.maps import FLOOR
from pocketvox.report.structures import write_structure
from pocketvox.report.volumes import write_volume
from pocketvox.voxel.grid import Volume

#: The file by which a folder is known to be a comparison.
SUMMARY = "comparison.json"
#: What can be written beside the files every comparison has.
FORMATS = ("ccp4",)


def write_comparison(found: Comparison, folder: str | Path, *, formats: tuple[str, ...] = ()) -> Path:
    """Write comparison.json, tables, difference.h5, both structures, a PyMOL script with its maps and report.html.

    Parameters
    ----------
    found : Comparison
    folder : str or Path
        Appears complete or not at all; an earlier comparison in it is replaced.
    formats : tuple of str, optional
        ``"ccp4"``: difference maps of every channel on the whole grid, not only of those that change where they do.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError
        If it cannot be written, or holds something that is no comparison. Nothing is left behind.
    UsageError
        If a format is unknown.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise UsageError(f"Expected formats among {', '.join(FORMATS)}. Received: {', '.join(unknown)}.")
    with new_folder(folder, SUMMARY) as temporary:
        _write_files(found, temporary, formats)
    return Path(folder)


def _write_files(found: Comparison, folder: Path, formats: tuple[str, ...]) -> None:
    write_difference(folder / "difference.h5", found)
    for name, result in (("a.cif", found.a), ("b.cif", found.b)):
        if result.structure is not None:
            write_structure(folder / name, result.structure)
    write_maps(folder / "maps", found, whole="ccp4" in formats)
    write_view(folder, found)
    texts = {
        "pockets.csv": pockets_csv(found),
        "hotspots.csv": hotspots_csv(found),
        "report.html": page_html(found),
        SUMMARY: json.dumps(summary(found), indent=1, allow_nan=False, ensure_ascii=False) + "\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")


def write_difference(path: Path, found: Comparison) -> None:
    """Write ``difference``, float16, and ``comparable``, with the geometry and channels as attributes of the file.

    Differences smaller than what maps are stored to are 0.
    """
    import h5py

    values = found.difference.values
    small = np.where(np.abs(values) >= FLOOR, values, 0).astype("<f2")
    volume = Volume(small, found.difference.grid, found.difference.channels)
    write_volume(path, "difference", volume, calibrated=bool(found.a.calibrated))
    with h5py.File(path, "a") as file:
        options = {"compression": "gzip", "shuffle": True, "track_times": False}
        file.create_dataset("comparable", data=found.comparable, **options)
