"""What a batch is of: structures from a list, a table or a folder, and how all of them are scanned."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import filter as matching
from pathlib import Path

from pocketvox.batch.store import Folder, ObjectStore, in_store, read_object
from pocketvox.errors import DownloadError, InputError, UsageError
from pocketvox.hashing import file_hash
from pocketvox.naming import result_names
from pocketvox.pipeline import recorded
from pocketvox.report.folder import FILES
from pocketvox.report.formats import choose_formats
from pocketvox.report.page import REPORT
from pocketvox.report.result import SUMMARY
from pocketvox.structure.download import cached, is_pdb_id

#: Endings of the files that are taken from a folder.
STRUCTURES = (".pdb", ".ent", ".cif", ".mmcif", ".bcif")
#: Folder of what is gathered from all results.
DATASET = "dataset"
#: Columns of a table that may hold the structure, the first that is there.
COLUMNS = ("source", "path", "structure", "file", "id")


@dataclass(frozen=True)
class Job:
    """One structure of a batch.

    Attributes
    ----------
    source : str
        File, PDB id or URL of an object.
    name : str
        Of its result folder.
    """

    source: str
    name: str


@dataclass(frozen=True)
class ScanSettings:
    """How every structure of a batch is scanned; plain values, which other processes are sent.

    Attributes
    ----------
    preset, engine, rotations, fdr, min_plddt, around, center, size, model, keep, cache
        As for :func:`pocketvox.scan`.
    threads : int
        Of each worker.
    formats : tuple of str
        As for :func:`pocketvox.report.write_result`.
    report : bool
        Write report.html for each.
    """

    preset: str | None = None
    engine: str = "auto"
    rotations: int = 1
    fdr: float | None = None
    min_plddt: float | None = None
    around: str | None = None
    center: Sequence[float] | None = None
    size: Sequence[float] | None = None
    model: int | None = None
    keep: tuple[str, ...] = ()
    cache: str | None = None
    threads: int = 1
    formats: tuple[str, ...] = ()
    report: bool = True


def read_manifest(path: str | Path) -> list[str]:
    """The structures that a manifest names.

    Parameters
    ----------
    path : str or Path
        A folder: all structure files in it and in its folders, sorted. A file that ends in ``.csv``: the first of the
        columns :data:`COLUMNS` that it has. Any other: one file, PDB id or URL of an object store per line; empty
        lines and what follows ``#`` are passed over. Relative paths start at the manifest.

    Returns
    -------
    list of str

    Raises
    ------
    InputError
        If it cannot be read or names nothing.
    """
    path = Path(path)
    if path.is_dir():
        found = sorted(str(p) for p in path.rglob("*") if p.is_file() and _is_structure(p))
        if not found:
            raise InputError(f"{path}: expected structure files ({', '.join(STRUCTURES)}, also .gz). Received: none.")
        return found
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InputError(
            f"{path}: the manifest cannot be read ({reason}). Give a list, a CSV file or a folder."
        ) from error
    named = _of_table(path, text) if path.suffix.lower() == ".csv" else _of_list(text)
    if not named:
        raise InputError(f"{path}: expected structures, one per line. Received: none.")
    for number, source in named:
        if "\0" in source or len(source) > 4096:
            raise InputError(f"{path}: line {number}: expected a file or a PDB id. Received: {source[:60]!r}.")
    return [_located(path, source) for _, source in named]


def make_jobs(sources: Sequence[str]) -> tuple[Job, ...]:
    """Jobs with a folder name for each source, none of which is that of the dataset or hidden.

    Examples
    --------
    >>> [job.name for job in make_jobs(["a/1abc.pdb", "b/1abc.cif", ".x.pdb", "dataset.pdb"])]
    ['1abc', '1abc-2', '_.x', 'dataset-2']
    """
    shown = [str(Path(s).with_name(f"_{Path(s).name}")) if Path(s).name.startswith(".") else s for s in sources]
    names = result_names([DATASET, *shown])[1:]
    return tuple(Job(source, name) for source, name in zip(sources, names, strict=True))


def is_done(job: Job, store: Folder | ObjectStore, settings: ScanSettings, fingerprint: str) -> bool:
    """Whether the folder of a job holds the result that a scan would write: same input, preset and options.

    Raises
    ------
    OutputError
        If an object store does not answer, or refuses to.
    """
    try:
        summary = json.loads(store.read(f"{job.name}/{SUMMARY}"))
        same = (
            summary["preset"]["fingerprint"] == fingerprint
            and summary["options"] == recorded(settings)
            and summary["files"] == {name: store.digest(f"{job.name}/{name}") for name in FILES}
            and summary["input"]["sha256"] == _input_hash(job.source, settings, summary)
        )
        further = _further_files(settings, len(summary["pockets"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, DownloadError):
        return False
    if not same or not further:
        return same
    names = store.names(job.name)
    return all(len(matching(names, pattern)) >= least for pattern, least in further.items())


def _further_files(settings: ScanSettings, pockets: int) -> dict[str, int]:
    """Patterns of files that a result has beside those that every result has, and of how many at least."""
    formats = choose_formats(settings.formats)
    found = {pattern: pockets if form.per_pocket else 1 for form in formats for pattern in form.files}
    return found | ({REPORT: 1} if settings.report else {})


def _input_hash(source: str, settings: ScanSettings, summary: dict) -> str:
    """The hash of an input now; of an entry that is not in the cache that of the result, which is of this entry."""
    if in_store(source):
        return hashlib.sha256(read_object(source)).hexdigest()
    path = Path(source)
    if path.is_file():
        return file_hash(path)
    if not is_pdb_id(source):
        return ""
    kept = cached(source, cache=settings.cache)
    if kept is not None:
        return file_hash(kept)
    return summary["input"]["sha256"] if summary["input"]["source"].lower() == source.lower() else ""


def _is_structure(path: Path) -> bool:
    return not path.name.startswith(".") and path.name.lower().removesuffix(".gz").endswith(STRUCTURES)


def _of_list(text: str) -> list[tuple[int, str]]:
    lines = ((number, line.split("#")[0].strip()) for number, line in enumerate(text.splitlines(), 1))
    return [(number, line) for number, line in lines if line]


def _of_table(path: Path, text: str) -> list[tuple[int, str]]:
    rows = csv.DictReader(io.StringIO(text))
    column = next((name for name in COLUMNS if name in (rows.fieldnames or ())), None)
    if column is None:
        raise InputError(
            f"{path}: expected a column {' or '.join(COLUMNS)}. Received: {', '.join(rows.fieldnames or ()) or 'none'}."
        )
    try:
        return [(rows.line_num, row[column].strip()) for row in rows if (row[column] or "").strip()]
    except csv.Error as error:
        raise InputError(f"{path}: line {rows.line_num}: the table cannot be read ({error}).") from error


def _located(manifest: Path, source: str) -> str:
    if is_pdb_id(source) or in_store(source) or Path(source).is_absolute():
        return source
    return str(manifest.parent / source)


def check_settings(settings: ScanSettings) -> None:
    """Refuse what no structure could be scanned with, before thousands fail.

    Raises
    ------
    UsageError, ConfigError, MissingExtraError
    """
    from pocketvox.inference import rotation_set

    choose_formats(settings.formats)
    rotation_set(settings.rotations)
    if settings.center is not None and settings.around is not None:
        raise UsageError("Expected around or center. Received: both. Give one of them.")
