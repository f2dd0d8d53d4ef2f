"""pockets.csv and hotspots.csv: fixed columns, order and number formats, so that equal results are equal bytes."""

from __future__ import annotations

import csv
import io
import re

from pocketvox.pockets import Hotspot, Pocket

#: The columns of P2Rank's predictions.csv, in its order, then ours. ``sas_points`` counts a pocket's voxels, in the
#: place of P2Rank's surface points; ``surf_atoms`` counts its lining heavy atoms; ``surf_atom_ids`` would be the serial
#: numbers of a PDB file, which other formats lack, and stays empty. ``domain_score`` is empty if the preset has none,
#: ``plddt``, in both tables, if the structure is no predicted model.
POCKET_COLUMNS = (
    "name",
    "rank",
    "score",
    "probability",
    "sas_points",
    "surf_atoms",
    "center_x",
    "center_y",
    "center_z",
    "residue_ids",
    "surf_atom_ids",
    "volume",
    "depth",
    "domain_score",
    "uncertainty",
    "plddt",
)

#: Positions in angstrom, volumes in angstrom^3, ``probability`` conditional, ``score`` joint.
HOTSPOT_COLUMNS = (
    "pocket",
    "type",
    "x",
    "y",
    "z",
    "probability",
    "score",
    "volume",
    "direction_x",
    "direction_y",
    "direction_z",
    "partners",
    "plddt",
)

#: Columns of any table that hold text (the second line is of batches), and whole numbers; all others are decimal.
TEXT_COLUMNS = (
    "name", "pocket", "type", "residue_ids", "surf_atom_ids", "partners",
    "structure", "source", "status", "sha256", "warnings", "kind", "reason",
)  # fmt: skip
WHOLE_COLUMNS = ("rank", "sas_points", "surf_atoms")

_FORMULA, _NUMBER = tuple("=+-@\t\r"), re.compile(r"[+-]?[0-9.]+")


def pockets_csv(pockets: tuple[Pocket, ...]) -> str:
    """The table of pockets, best first."""
    rows = (
        (
            pocket.name,
            pocket.rank,
            fixed(pocket.score, 4),
            fixed(pocket.probability, 4),
            len(pocket.voxels),
            len(pocket.surface_atoms),
            *(fixed(v, 3) for v in pocket.center),
            " ".join(pocket.residue_ids),
            "",
            fixed(pocket.volume, 2),
            fixed(pocket.depth, 2),
            *("" if v is None else fixed(v, 4) for v in (pocket.domain_score, pocket.uncertainty)),
            _plddt(pocket.plddt),
        )
        for pocket in pockets
    )
    return csv_table(POCKET_COLUMNS, rows)


def hotspots_csv(pockets: tuple[Pocket, ...]) -> str:
    """The table of the hot-spots of all pockets, best first."""
    rows = (hotspot_row(pocket, hotspot) for pocket, hotspot in ranked_hotspots(pockets))
    return csv_table(HOTSPOT_COLUMNS, rows)


def hotspot_row(pocket: Pocket, hotspot: Hotspot) -> tuple:
    """The cells of one hot-spot, in the order of :data:`HOTSPOT_COLUMNS`."""
    return (
        pocket.name,
        hotspot.type,
        *(fixed(v, 3) for v in hotspot.coord),
        fixed(hotspot.probability, 4),
        fixed(hotspot.score, 4),
        fixed(hotspot.volume, 2),
        *(fixed(v, 3) for v in hotspot.direction),
        ";".join(hotspot.partners),
        _plddt(hotspot.plddt),
    )


def ranked_hotspots(pockets: tuple[Pocket, ...]) -> list[tuple[Pocket, Hotspot]]:
    """The hot-spots of all pockets, best first, each with its pocket: the order of the table."""
    found = [(pocket, hotspot) for pocket in pockets for hotspot in pocket.hotspots]
    return sorted(found, key=lambda pair: -pair[1].score)  # stable: equal scores stay in the order of pockets


def csv_table(columns: tuple[str, ...], rows) -> str:
    """A table as CSV text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return out.getvalue()


def harmless(cell):
    """A cell that no spreadsheet takes for a formula: text that begins like one gets an apostrophe before it.

    Examples
    --------
    >>> [harmless(cell) for cell in ("=1+1", "-0.50", "A_25", 3)]
    ["'=1+1", '-0.50', 'A_25', 3]
    """
    if isinstance(cell, str) and cell[:1] in _FORMULA and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def _plddt(value: float | None) -> str:
    return "" if value is None else fixed(value, 1)


def fixed(value: float, digits: int) -> str:
    """Fixed-point, without a negative zero."""
    return f"{round(float(value), digits) + 0.0:.{digits}f}"
