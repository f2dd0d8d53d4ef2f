"""pockets.csv and hotspots.csv of a comparison: fixed columns, order and number formats."""

from __future__ import annotations

from pocketvox.comparison.result import Comparison, HotspotChange, PocketChange
from pocketvox.report.tables import csv_table, fixed

#: Lengths in angstrom, volumes in angstrom^3; ``_a`` and ``_b`` are the structures, empty where one has no such pocket.
POCKET_COLUMNS = (
    "status",
    "name_a",
    "name_b",
    "overlap",
    "distance",
    "comparable",
    *(f"{name}_{side}" for name in ("score", "probability", "volume", "depth") for side in "ab"),
    "center_x",
    "center_y",
    "center_z",
    "residue_ids_a",
    "residue_ids_b",
)

#: ``x, y, z`` in the frame of A, ``b_x, b_y, b_z`` in that of the file of B; ``change`` is that of the score, B less A.
HOTSPOT_COLUMNS = (
    "status",
    "type",
    "pocket_a",
    "pocket_b",
    "x",
    "y",
    "z",
    "b_x",
    "b_y",
    "b_z",
    "distance",
    "probability_a",
    "probability_b",
    "score_a",
    "score_b",
    "change",
    "above_noise",
    "partners_a",
    "partners_b",
    "reasons",
)


def pockets_csv(found: Comparison) -> str:
    """The table of pockets: those of A, best first, then those that only B has."""
    return csv_table(POCKET_COLUMNS, (_pocket(row) for row in found.pockets))


def hotspots_csv(found: Comparison) -> str:
    """The table of hot-spots, largest change first."""
    return csv_table(HOTSPOT_COLUMNS, (_hotspot(row) for row in found.hotspots))


def optional(value: float | None, digits: int) -> str:
    """Fixed-point; empty for None."""
    return "" if value is None else fixed(value, digits)


def _pocket(row: PocketChange) -> tuple:
    digits = {"score": 4, "probability": 4, "volume": 2, "depth": 2}
    both = (row.a, row.b)
    return (
        row.status,
        *(p.name if p else "" for p in both),
        fixed(row.overlap, 4),
        optional(row.distance, 3),
        fixed(row.comparable, 4),
        *(fixed(getattr(p, name), n) if p else "" for name, n in digits.items() for p in both),
        *(fixed(v, 3) for v in (row.a or row.b).center),
        *(" ".join(p.residue_ids) if p else "" for p in both),
    )


def _hotspot(row: HotspotChange) -> tuple:
    return (
        row.status,
        row.type,
        row.pocket_a,
        row.pocket_b,
        *(fixed(v, 3) for v in (*row.coord, *row.coord_b)),
        optional(row.distance, 3),
        *(fixed(v, 4) for v in (row.probability_a, row.probability_b, row.score_a, row.score_b, row.change)),
        "" if row.above_noise is None else str(row.above_noise).lower(),
        *(";".join(h.partners) if h else "" for h in (row.a, row.b)),
        "; ".join(row.reasons),
    )
