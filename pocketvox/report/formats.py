"""What a result can be exported to: one table of names, files and writers.

Only the standard library is imported here: the command line lists the formats without loading what writes them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pocketvox.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from pocketvox.report.result import Result

#: Stands for every format.
ALL = "all"


@dataclass(frozen=True)
class Format:
    """One way to export a result.

    Attributes
    ----------
    name : str
        As given to ``--formats``.
    files : tuple of str
        What it writes, relative to the result folder; ``*`` stands for a channel or a pocket.
    about : str
        One line for the help and the README.
    writer : str
        ``module:function`` in :mod:`pocketvox.report`; called with the folder and the result.
    needs : tuple of str
        Writers of what its files refer to, called before, once for all formats that need them.
    requires : tuple of str
        A package that is not installed with pocketvox and the extra that brings it, or nothing.
    per_pocket : bool
        A file for each pocket, so none where no pocket is found.
    """

    name: str
    files: tuple[str, ...]
    about: str
    writer: str
    needs: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    per_pocket: bool = False


_MAPS = "ccp4:write_maps_ccp4"
_CIF, _PDB = "structures:write_result_cif", "structures:write_result_pdb"

#: In the order of the help.
FORMATS = (
    Format("ccp4", ("maps/*.ccp4",), "maps as CCP4, which is MRC, one file per type", _MAPS),
    Format("opendx", ("maps/*.dx",), "maps as OpenDX, one file per type", "opendx:write_maps_opendx"),
    Format("pymol", ("view.pml",), "PyMOL script, with structure.cif and maps", "pymol:write_pymol", (_CIF, _MAPS)),
    Format(
        "chimerax",
        ("view.cxc",),
        "ChimeraX script, with structure.cif and maps",
        "chimerax:write_chimerax",
        (_CIF, _MAPS),
    ),
    Format("vmd", ("view.vmd",), "VMD script, with structure.pdb and maps", "vmd:write_vmd", (_PDB, _MAPS)),
    Format(
        "molviewspec",
        ("view.mvsj", "view.mvsx"),
        "MolViewSpec scene for Mol*: beside its files, and with them in one archive",
        "molviewspec:write_molviewspec",
        (_CIF, _MAPS),
    ),
    Format(
        "pharmit",
        ("pharmit/*.json",),
        "Pharmit pharmacophore query, one per pocket",
        "pharmit:write_pharmit",
        per_pocket=True,
    ),
    Format(
        "points",
        ("hotspots.pdb", "hotspots.sdf"),
        "hot-spots as PDB atoms and as SDF records",
        "points:write_points",
    ),
    Format(
        "vina",
        ("vina/*.txt",),
        "AutoDock Vina box, one configuration file per pocket",
        "vina:write_vina",
        per_pocket=True,
    ),
    Format(
        "parquet",
        ("pockets.parquet", "hotspots.parquet"),
        "the tables as Parquet, needs the extra [table]",
        "parquet:write_parquet",
        requires=("pyarrow", "table"),
    ),
)


def choose_formats(names: Iterable[str]) -> tuple[Format, ...]:
    """The formats of these names, in the order of :data:`FORMATS`; :data:`ALL` stands for every one.

    Raises
    ------
    UsageError
        If a name is unknown.
    MissingExtraError
        If a format needs a package that is not installed.
    """
    known = {form.name: form for form in FORMATS}
    wanted = list(names)
    unknown = [name for name in wanted if name not in known and name != ALL]
    if unknown:
        raise UsageError(f"Expected formats among {', '.join((*known, ALL))}. Received: {', '.join(unknown)}.")
    chosen = tuple(form for form in FORMATS if form.name in wanted or ALL in wanted)
    for form in chosen:
        if form.requires and importlib.util.find_spec(form.requires[0]) is None:
            package, extra = form.requires
            raise MissingExtraError(
                f"The format {form.name} needs {package}. Install it with: pip install 'pocketvox[{extra}]'"
            )
    return chosen


def write_formats(folder: str | Path, result: Result, chosen: Iterable[Format]) -> None:
    """Write the files of formats into a folder, each file once.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    writers = dict.fromkeys(writer for form in chosen for writer in (*form.needs, form.writer))
    for writer in writers:
        _function(writer)(Path(folder), result)


def listed(separator: str = ", ") -> str:
    """The names of all formats, and :data:`ALL`, on one line."""
    return separator.join((*(form.name for form in FORMATS), ALL))


def _function(writer: str) -> Callable[[Path, Result], None]:
    module, name = writer.split(":")
    return getattr(import_module(f"pocketvox.report.{module}"), name)
