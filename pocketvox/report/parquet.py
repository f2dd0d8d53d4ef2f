"""The tables as Parquet files, with the columns of the CSV files."""

from __future__ import annotations

import io
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
    import pyarrow
    from pyarrow import csv, parquet

    types = {name: _type(name, pyarrow) for name in columns}
    options = csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True)
    table = csv.read_csv(io.BytesIO(text.encode("utf-8")), convert_options=options)
    parquet.write_table(table, path)


def _type(column: str, pyarrow):
    if column in TEXT_COLUMNS:
        return pyarrow.string()
    return pyarrow.int64() if column in WHOLE_COLUMNS else pyarrow.float64()
