"""What the leaderboard is made of: sections of tables whose cells are plain text, and how numbers are written in them.

Nothing here knows Markdown or HTML: :mod:`benchmarks.board.leaderboard` and :mod:`benchmarks.board.page` write the same
tables, each with its own escaping.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

#: Kinds whose results are ranked, and those that stand beside them.
RANKED, BESIDE = ("method", "baseline"), ("control", "ceiling")
KINDS = (*RANKED, *BESIDE)
#: Kind of numbers that others published.
PUBLISHED_KIND = "published"
#: What is written for a number that is not defined or was not measured.
NOTHING = "-"


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text and, of a number, what it is sorted by."""

    text: str
    sort: float | None = None


@dataclass(frozen=True)
class Row:
    """A row of a table; ``kind`` is that of its method, empty if it belongs to none."""

    cells: tuple[Cell, ...]
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """A table: every row has a cell per column of the header. Long ones may be for the page alone."""

    title: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""
    page_only: bool = False

    def numeric(self, column: int) -> bool:
        """Whether a column holds numbers."""
        cells = [row.cells[column] for row in self.rows]
        return all(cell.sort is not None or cell.text == NOTHING for cell in cells)


@dataclass(frozen=True)
class Section:
    """A track: ``key`` names it, ``text`` says what is measured."""

    key: str
    title: str
    text: str
    tables: tuple[Table, ...]


def find(value, *path: str):
    """What stands at a path of nested dicts; None if it is not there."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def finite(value) -> float | None:
    """The number, or None for what is none."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if known else None


def mean(values: Iterable) -> float | None:
    """Mean of numbers; None if one of them is undefined or there is none."""
    values = [finite(value) for value in values]
    return sum(values) / len(values) if values and None not in values else None


def text(value) -> Cell:
    """A cell of words."""
    return Cell(str(value) if value not in (None, "") else NOTHING)


def number(value, digits: int = 3) -> Cell:
    """``0.123``, or a dash for what is no number."""
    value = finite(value)
    if value is None:
        return Cell(NOTHING)
    return Cell(f"{round(value, digits) + 0.0:.{digits}f}", value)


def count(value) -> Cell:
    """``12,345``, or a dash."""
    value = finite(value)
    return Cell(NOTHING) if value is None else Cell(f"{int(value):,}", value)


def interval(value) -> Cell:
    """``0.123 (0.100 to 0.150)`` for an interval, of which anything may be undefined, or a single number."""
    if not isinstance(value, dict):
        return number(value)
    middle, low, high = (number(find(value, key)) for key in ("value", "low", "high"))
    if NOTHING in (middle.text, low.text, high.text):
        return middle
    return Cell(f"{middle.text} ({low.text} to {high.text})", middle.sort)


def probability(value) -> Cell:
    """A p-value; small ones are said to be below 0.001."""
    cell = number(value)
    return Cell("< 0.001", cell.sort) if cell.sort is not None and cell.sort < 0.0005 else cell


def title(result: dict) -> Cell:
    """Cell with a method's title."""
    return text(result["method"]["title"])


def kind(result: dict) -> str:
    """Kind of a result's method."""
    return result["method"]["kind"]


def ranked(results: list[dict], track: str, *path: str) -> list[dict]:
    """Results that have a track, best first by the number at a path in it; ties and undefined ones by name."""

    def order(result: dict) -> tuple:
        value = finite(find(result, "tracks", track, *path))
        return value is None, -(value or 0.0), result["method"]["name"]

    return sorted((r for r in results if find(r, "tracks", track)), key=order)


def coverage(result: dict) -> Cell:
    """``349 of 351, 2 failed``."""
    entries, predicted = (count(find(result, "coverage", key)) for key in ("entries", "predicted"))
    failed = find(result, "coverage", "failed") or {}
    tail = f", {len(failed)} failed" if failed else ""
    return Cell(f"{predicted.text} of {entries.text}{tail}", predicted.sort)


def rank_cells(results: list[dict]) -> list[Cell]:
    """1, 2, ... for ranked kinds that see the receptor only, a dash for the others."""
    out, place = [], 0
    for result in results:
        takes_part = kind(result) in RANKED and result["method"]["task"] == "pocket"
        place += takes_part
        out.append(count(place) if takes_part else Cell(NOTHING))
    return out
