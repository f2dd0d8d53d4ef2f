"""The frozen list of entries: ``entries.csv``, one row per entry."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from pocketvox.errors import InputError

FROZEN = Path(__file__).parent / "entries.csv"
#: Ids name files.
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Row:
    """One line of ``entries.csv``.

    Attributes
    ----------
    id, set, split, state, pair : str
        As in :class:`benchmarks.entries.Entry`.
    pdb_id : str
        Where it comes from.
    receptor : str
        Path of the structure, relative to the data folder.
    ligands : tuple of str
        ``role=path`` of each ligand's file; empty if the structure holds its ligands.
    sites : tuple of str
        ``name|formula`` of each ligand that is scored, with heavy atoms only.
    clusters : tuple of str
    resolution, identity : float
        NaN if unknown.
    homology_free : bool
    sha256 : str
        Of the prepared entry, see :func:`benchmarks.prepare.fingerprint`; empty before freezing.
    """

    id: str
    set: str
    split: str
    state: str
    pair: str
    pdb_id: str
    receptor: str
    ligands: tuple[str, ...]
    sites: tuple[str, ...]
    clusters: tuple[str, ...]
    resolution: float
    identity: float
    homology_free: bool
    sha256: str = ""


def read_rows(path: Path = FROZEN) -> list[Row]:
    """The frozen list, or another one like it.

    Raises
    ------
    InputError
        If it is none, names an entry twice, or an id could not name a file.
    """
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            rows = [_row(values) for values in csv.DictReader(handle)]
    except (OSError, LookupError, ValueError, TypeError, AttributeError, csv.Error) as error:
        columns = ", ".join(part.name for part in fields(Row))
        raise InputError(f"{path}: expected the columns {columns}. Received: {error!r}.") from error
    ids = [row.id for row in rows]
    bad = [id for id in ids if not ID.fullmatch(id) or ids.count(id) > 1]
    if bad:
        raise InputError(f"{path}: expected ids of letters, digits, '.', '_' and '-', each once. Received: {bad[0]!r}.")
    return rows


def write_rows(path: Path, rows: list[Row]) -> None:
    """Write a frozen list."""
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        names = [part.name for part in fields(Row)]
        writer.writerow(names)
        writer.writerows([_cell(getattr(row, name)) for name in names] for row in rows)


def _row(values: dict[str, str]) -> Row:
    lists = {name: tuple(filter(None, values[name].split(";"))) for name in ("ligands", "sites", "clusters")}
    numbers = {name: float(values[name] or "nan") for name in ("resolution", "identity")}
    return Row(**{**values, **lists, **numbers, "homology_free": values["homology_free"] == "yes"})


def _cell(value) -> str:
    if isinstance(value, tuple):
        return ";".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.4g}"
    return value
