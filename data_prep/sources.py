"""Where structures come from: a manifest, a PDBbind-style folder, a folder of entries, or a list of ids."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from data_prep.split import SPLITS
from pocketvox.errors import InputError

ENTRY_SUFFIXES = (".cif", ".cif.gz", ".mmcif", ".bcif", ".bcif.gz", ".pdb", ".pdb.gz", ".ent", ".ent.gz")


@dataclass(frozen=True)
class Source:
    """One structure to ingest.

    Attributes
    ----------
    id : str
        Unique key in the store.
    structure : str
        Path of the receptor or entry, or a PDB id to download.
    ligand : str
        Path of the ligand's SDF or MOL2, empty if the entry holds its ligands.
    split : str
        ``train``, ``val``, ``test``, or empty if not assigned yet.
    clusters : tuple of str
        Sequence clusters of the chains that touch the ligand, empty if not computed yet.
    origin : str
        Free text kept in the store.
    resolution : float or None
        Angstrom.
    """

    id: str
    structure: str
    ligand: str = ""
    split: str = ""
    clusters: tuple[str, ...] = ()
    origin: str = ""
    resolution: float | None = None


def from_manifest(path: str | Path) -> list[Source]:
    """Structures of a CSV manifest with columns ``id, kind, path, split, pocket_clusters, source, resolution``.

    ``kind`` is ``complex`` (``path`` is a PDBbind-style folder) or ``entry`` (``path`` is a file); paths are relative
    to the manifest. An id that is listed as both gets the kind appended.

    Raises
    ------
    InputError
        If a column is missing, or a row's kind, split or resolution is none, or a structure is listed twice.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: expected a manifest (CSV). Received: no such file.")
    with path.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    needed = {"id", "kind", "path", "split", "pocket_clusters"}
    if not rows or not needed <= set(rows[0]):
        raise InputError(f"{path}: expected the columns {sorted(needed)}. Received: {sorted(rows[0]) if rows else []}.")
    kinds: dict[str, set[str]] = {}
    for row in rows:
        kinds.setdefault(row["id"], set()).add(row["kind"])
    sources = []
    for row in rows:
        key = row["id"] if len(kinds[row["id"]]) == 1 else f"{row['id']}-{row['kind']}"
        common = {
            "id": key,
            "split": row["split"],
            "clusters": tuple(c for c in row["pocket_clusters"].replace(";", ",").replace(" ", ",").split(",") if c),
            "origin": row.get("source", ""),
            "resolution": _resolution(path, row),
        }
        if row["split"] not in ("", *SPLITS):
            raise InputError(f"{path}: expected a split of {SPLITS}. Received: {row['split']!r} for {row['id']}.")
        location = path.parent / row["path"]
        if row["kind"] == "complex":
            sources.append(Source(structure=str(_protein(location)), ligand=str(_ligand(location)), **common))
        elif row["kind"] == "entry":
            sources.append(Source(structure=str(location), **common))
        else:
            raise InputError(f"{path}: expected kind 'complex' or 'entry'. Received: {row['kind']!r} for {row['id']}.")
    return _distinct(path, sources)


def from_pdbbind(folder: str | Path) -> list[Source]:
    """Every ``<id>/<id>_protein.pdb[.gz]`` with its ``<id>_ligand.sdf`` or ``.mol2`` below ``folder``."""
    folder = Path(folder)
    entries = [d for d in sorted(folder.iterdir()) if d.is_dir()] if folder.is_dir() else []
    sources = [
        Source(id=d.name, structure=str(_protein(d)), ligand=str(_ligand(d)), origin=folder.name)
        for d in entries
        if _protein(d).exists() and _ligand(d).exists()
    ]
    if not sources:
        raise InputError(f"{folder}: expected folders <id>/ with <id>_protein.pdb and <id>_ligand.sdf. Received: none.")
    return sources


def from_entries(folder: str | Path) -> list[Source]:
    """Every structure file in ``folder``; each suitable ligand in it becomes a site."""
    folder = Path(folder)
    files = sorted(f for f in folder.iterdir() if f.name.lower().endswith(ENTRY_SUFFIXES)) if folder.is_dir() else []
    if not files:
        raise InputError(f"{folder}: expected structure files ({', '.join(ENTRY_SUFFIXES)}). Received: none.")
    return _distinct(folder, [Source(id=_stem(f), structure=str(f), origin=folder.name) for f in files])


def from_ids(path: str | Path) -> list[Source]:
    """PDB ids, one per line (``#`` starts a comment), to be downloaded."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: expected a text file with one PDB id per line. Received: no such file.")
    lines = [line.split("#")[0].strip().lower() for line in path.read_text().splitlines()]
    ids = list(dict.fromkeys(line for line in lines if line))
    if not ids:
        raise InputError(f"{path}: expected one PDB id per line. Received: none.")
    return [Source(id=i, structure=i, origin="wwPDB") for i in ids]


def _stem(file: Path) -> str:
    """File name without the suffix of its format; other dots stay (``model.1.pdb`` and ``model.2.pdb`` are two)."""
    suffix = max((s for s in ENTRY_SUFFIXES if file.name.lower().endswith(s)), key=len)
    return file.name[: -len(suffix)]


def _distinct(where: Path, sources: list[Source]) -> list[Source]:
    """The sources, if no id occurs twice: a store holds one structure under each."""
    twice = sorted(i for i, count in Counter(s.id for s in sources).items() if count > 1)
    if twice:
        raise InputError(f"{where}: expected each structure once. Received: {', '.join(twice[:5])} more than once.")
    return sources


def _resolution(path: Path, row: dict[str, str]) -> float | None:
    try:
        return float(row["resolution"]) if row.get("resolution") else None
    except ValueError as error:
        raise InputError(
            f"{path}: expected a resolution in angstrom, or nothing. Received: {row['resolution']!r} for {row['id']}."
        ) from error


def _protein(folder: Path) -> Path:
    plain = folder / f"{folder.name}_protein.pdb"
    return plain if plain.exists() else plain.with_name(plain.name + ".gz")


def _ligand(folder: Path) -> Path:
    for suffix in ("sdf", "mol2", "sdf.gz", "mol2.gz"):
        path = folder / f"{folder.name}_ligand.{suffix}"
        if path.exists():
            return path
    return folder / f"{folder.name}_ligand.sdf"
