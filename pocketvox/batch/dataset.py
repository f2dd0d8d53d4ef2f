"""Everything that a batch found, in a few files: for programs as Parquet, for people as a page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from pocketvox.batch.jobs import DATASET
from pocketvox.batch.store import in_order
from pocketvox.errors import OutputError
from pocketvox.report.folder import new_folder
from pocketvox.report.page import REPORT
from pocketvox.report.page_sections import Markup, plain_table
from pocketvox.report.parquet import column_types
from pocketvox.report.result import SUMMARY
from pocketvox.report.tables import HOTSPOT_COLUMNS, POCKET_COLUMNS, fixed

if TYPE_CHECKING:
    from pocketvox.batch.run import BatchResult

#: The file by which a dataset is known.
KNOWN_BY = "structures.parquet"
#: One row per structure, whether it was scanned or not.
STRUCTURE_COLUMNS = ("structure", "source", "status", "sha256", "pockets", "hotspots", "warnings", "kind", "reason")
_WHOLE = ("pockets", "hotspots")
#: Rows of a Parquet file that are written at a time.
_ROWS = 50_000


def write_dataset(found: BatchResult) -> None:
    """Write ``dataset/``: structures, pockets and hot-spots as Parquet files, and ``index.html``.

    ``structures.parquet`` has failures with their reasons; the other two the columns of pockets.csv and hotspots.csv
    after one with the structure's name. Rows are in the order of the manifest.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with found.store.place(DATASET, KNOWN_BY) as place, new_folder(place, KNOWN_BY) as folder:
        structures = list(in_order(lambda job: _structure(found, job), found.jobs))
        _write(folder / KNOWN_BY, STRUCTURE_COLUMNS, iter(structures))
        good = [row["structure"] for row in structures if row["status"] == "done"]
        for name, columns in (("pockets", POCKET_COLUMNS), ("hotspots", HOTSPOT_COLUMNS)):
            tables = in_order(lambda job, name=name: _read(found, f"{job}/{name}.csv"), good)
            rows = (row for job, table in zip(good, tables, strict=True) for row in _rows(table, job))
            _write(folder / f"{name}.parquet", ("structure", *columns), rows)
        (folder / "index.html").write_text(_page(structures), encoding="utf-8", newline="")


def _structure(found: BatchResult, job) -> dict[str, str]:
    """A row of structures.parquet, with what only the page shows."""
    row = dict.fromkeys(STRUCTURE_COLUMNS, "") | {"structure": job.name, "source": job.source, "status": "failed"}
    failure = found.failures.get(job.name)
    if failure is not None:
        return row | {"kind": failure.kind, "reason": failure.reason}
    summary = json.loads(_read(found, f"{job.name}/{SUMMARY}"))
    pockets = summary["pockets"]
    return row | {
        "status": "done",
        "sha256": summary["input"]["sha256"],
        "pockets": str(len(pockets)),
        "hotspots": str(sum(len(pocket["hotspots"]) for pocket in pockets)),
        "warnings": "; ".join(summary["warnings"]),
        "best": fixed(pockets[0]["probability"], 2) if pockets else "",
        "report": REPORT if REPORT in found.store.names(job.name) else "",
    }


def _read(found: BatchResult, name: str) -> bytes:
    """A file of a result that was there a moment ago."""
    try:
        return found.store.read(name)
    except OSError as error:
        raise OutputError(
            f"{found.store}/{name}: cannot be read any more ({error.strerror or error}). Did something else remove it? "
            "Run the same command again."
        ) from error


def _rows(table: bytes, structure: str) -> Iterator[dict[str, str]]:
    for row in csv.DictReader(io.StringIO(table.decode("utf-8"), newline="")):
        yield {"structure": structure, **row}


def _write(path: Path, columns: tuple[str, ...], rows: Iterator[dict[str, str]]) -> None:
    """Rows of text as a Parquet file with types; empty cells are null."""
    import pyarrow
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    types = column_types(columns, whole=_WHOLE)
    options = arrow_csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True)
    schema = pyarrow.schema([(name, types[name]) for name in columns])
    with parquet.ParquetWriter(path, schema) as writer:
        while True:
            text = io.StringIO()
            table = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore")
            table.writeheader()
            count = 0
            for row in rows:
                table.writerow(row)
                count += 1
                if count == _ROWS:
                    break
            if not count:
                return
            data = io.BytesIO(text.getvalue().encode("utf-8"))
            parse = arrow_csv.ParseOptions(newlines_in_values=True)
            writer.write_table(arrow_csv.read_csv(data, convert_options=options, parse_options=parse))


def _page(structures: list[dict[str, str]]) -> str:
    """A page with failures first, then all structures with links to their reports."""
    failed = [row for row in structures if row["status"] != "done"]
    counts = f"{len(structures)} structures, {len(failed)} failed"
    rows = (
        (_link(row["structure"], row["report"]), row["pockets"], row["hotspots"], row["best"], row["warnings"])
        for row in structures
        if row["status"] == "done"
    )
    parts = [f"<h1>A batch of scans</h1><p>{counts}</p>"]
    if failed:
        reasons = ((row["structure"], row["source"], row["kind"], row["reason"]) for row in failed)
        parts += ["<h2>Failures</h2>", plain_table(("structure", "source", "kind", "reason"), reasons)]
    head = ("structure", "pockets", "hot-spots", "best probability", "warnings")
    parts += ["<h2>Structures</h2>", plain_table(head, rows)]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        "<title>A batch of scans</title><style>body{font:14px/1.4 system-ui,sans-serif;margin:2em;color:#1d2530}"
        "table{border-collapse:collapse}th,td{text-align:left;padding:.2em .8em;border-bottom:1px solid #dde1e6;"
        f"vertical-align:top}}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _link(name: str, report: str):
    return Markup(f'<a href="../{escape(name, quote=True)}/{report}">{escape(name)}</a>') if report else name
