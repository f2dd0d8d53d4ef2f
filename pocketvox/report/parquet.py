"""The tables as Parquet files, with the columns of the CSV files."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

from pocketvox.report.result import Result
from pocketvox.report.tables import (
    HOTSPOT_COLUMNS,
    POCKET_COLUMNS,
    TEXT_COLUMNS,
    WHOLE_COLUMNS,
    hotspots_csv,
    pockets_csv,
)


def write_parquet(folder: Path, result: Result) -> None:
    """Write ``pockets.parquet`` and ``hotspots.parquet``: what the CSV files say, with types; empty cells are null.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    _write(folder / "pockets.parquet", POCKET_COLUMNS, pockets_csv(result.pockets))
    _write(folder / "hotspots.parquet", HOTSPOT_COLUMNS, hotspots_csv(result.pockets))


def _write(path: Path, columns: tuple[str, ...], text: str) -> None:
    from pyarrow import csv, parquet

    types = column_types(columns)
    options = csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True)
    table = csv.read_csv(io.BytesIO(text.encode("utf-8")), convert_options=options)
    parquet.write_table(table, path)


def column_types(columns: Iterable[str], *, whole: tuple[str, ...] = ()) -> dict:
    """Arrow types by column.

    Parameters
    ----------
    columns : iterable of str
    whole : tuple of str, optional
        Further columns of whole numbers.
    """
    import pyarrow

    def of(name: str):
        if name in TEXT_COLUMNS:
            return pyarrow.string()
        return pyarrow.int64() if name in (*WHOLE_COLUMNS, *whole) else pyarrow.float64()

    return {name: of(name) for name in columns}
