"""Read a structure from a file or by its PDB id."""

from __future__ import annotations

import hashlib
import re
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from pocketvox.columns import distinct

from ..errors import StructureError
from .atoms import FURTHEST, NUCLEIC, OTHER, PROTEIN, Atoms, Structure
from .conformer import choose_conformer
from .download import fetch, is_pdb_id
from .elements import complete_elements
from .kinds import assign_kinds
from .names import ATOM_ALIASES, parent_of
from .parse_text import parse_mmcif, parse_pdb
from .predicted import is_predicted, on_percent_scale
from .table import AtomTable, Parsed, gathered
from .unpack import BOMB, BombError, gunzip, is_gzipped

_PDB_RECORD = re.compile(rb"^(?:ATOM  |HETATM|HEADER |MODEL  |CRYST1|REMARK |TITLE )", re.M)
_CIF_BLOCK = re.compile(rb"^\s*(?:#[^\n]*\n\s*)*data_", re.I)
#: Bytes that the PDB format does not have become question marks, so that columns stay where they are.
_ASCII = bytes(min(byte, 128) for byte in range(256)).replace(b"\x80", b"?")
#: Stands for standard input in messages.
STDIN = Path("stdin")
_SUFFIXES = (".gz", ".pdb", ".ent", ".cif", ".mmcif", ".bcif", ".pdbqt", ".pqr")


def read_structure(source, *, model: int | None = None, cache=None) -> Structure:
    """Read a structure.

    Parameters
    ----------
    source : str or path
        PDB, mmCIF or BinaryCIF file, each also gzipped (content decides, not the extension), or a PDB id
        (``1hvr``, ``pdb_00001hvr``), which is downloaded once and then comes from the cache. ``-`` is standard input.
    model : int, optional
        Model number to read; the first if not given.
    cache : path, optional
        Folder for downloads.

    Returns
    -------
    Structure
        One model, one conformer. Assumptions and repairs are listed in its ``warnings``.

    Raises
    ------
    StructureError
        The file is missing, damaged or holds no protein or nucleic acid.
    DownloadError
        An id could not be fetched.
    """
    path, name = _locate(source, cache)
    data = _read_bytes(path) if path is not STDIN else sys.stdin.buffer.read()
    return _read(data, path, name=name, source=str(source), model=model)


def structure_from_bytes(data: bytes, *, source: str, model: int | None = None) -> Structure:
    """Read a structure from the bytes of a file that lies elsewhere.

    Parameters
    ----------
    data : bytes
        As of :func:`read_structure`'s files.
    source : str
        Where they are from, for messages; its last part gives the name.
    model : int, optional
        As for :func:`read_structure`.

    Raises
    ------
    StructureError
    """
    return _read(data, source, name=_stem(source), source=source, model=model)


def _read(data: bytes, path: Path | str, *, name: str, source: str, model: int | None) -> Structure:
    """A structure from bytes; messages begin with ``path``."""
    _not_empty(data, path)
    sha256 = hashlib.sha256(data).hexdigest()
    parsed = _parse(_decompress(data, path), path)
    table, notes = _one_model(parsed.table, model, path)
    table, note = gathered(table)
    notes += [note] if note else []
    structure = interpret(replace(parsed, table=table), name=name, source=source, sha256=sha256)
    return replace(structure, warnings=(*notes, *structure.warnings))


def interpret(parsed: Parsed, *, name: str, source: str, sha256: str = "") -> Structure:
    """A structure from the atoms of one model: one conformer, elements, kinds of residues, standard names.

    Parameters
    ----------
    parsed : Parsed
    name, source, sha256 : str
        As in :class:`Structure`.

    Raises
    ------
    StructureError
        If coordinates are impossible, or there is no protein or nucleic acid.
    """
    _check_coordinates(parsed.table, source)
    atoms, notes = _interpret(parsed.table, parsed)
    notes += parsed.warnings
    predicted = is_predicted(parsed, atoms)
    if predicted:
        notes.append("predicted model: its B column is read as confidence (pLDDT), not as a B-factor")
        atoms, more = on_percent_scale(atoms)
        notes += more
    _check_content(atoms, source)
    return Structure(
        name=name,
        atoms=atoms,
        source=source,
        sha256=sha256,
        predicted=predicted,
        links=_link_indices(parsed.links, atoms),
        resolution=parsed.resolution,
        method=parsed.method,
        warnings=tuple(notes),
    )


def _locate(source, cache) -> tuple[Path, str]:
    path = Path(source)
    if str(source) == "-":
        return STDIN, STDIN.name
    if path.is_dir():
        raise StructureError(f"{path}: expected a structure file. Received: a directory. Name the files in it.")
    if path.exists():
        return path, _stem(path)
    if is_pdb_id(str(source)):
        return fetch(str(source), cache=cache), str(source).lower()
    raise StructureError(
        f"{path}: no such file, and not a PDB id (4 characters such as 1hvr, or pdb_00001hvr). Check the path."
    )


def _stem(path: Path | str) -> str:
    name = Path(path).name
    while name.lower().endswith(_SUFFIXES) and Path(name).stem:
        name = Path(name).stem
    return name


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StructureError(f"{path}: cannot be read ({error.strerror}). Check its permissions.") from None


def _not_empty(data: bytes, path: Path | str) -> None:
    if not data.strip():
        raise StructureError(f"{path}: the file is empty. Get the complete file again.")


def _decompress(data: bytes, path: Path | str) -> bytes:
    if is_gzipped(data):
        try:
            data = gunzip(data)
        except BombError:
            raise StructureError(f"{path}: {BOMB}") from None
        except (EOFError, zlib.error):
            raise StructureError(
                f"{path}: the gzip data are damaged or cut off. Get the complete file again."
            ) from None
        _not_empty(data, path)
    return data


def _parse(data: bytes, path: Path | str) -> Parsed:
    """Choose the parser by content."""
    source = str(path)
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    if _CIF_BLOCK.match(data[:100_000]):
        return parse_mmcif(data, source)
    if b"dataBlocks" in data[:4096] and data[0] >= 0x80:
        from .parse_binary import parse_bcif

        return parse_bcif(data, source)
    if _PDB_RECORD.search(data):
        return parse_pdb(data if data.isascii() else data.translate(_ASCII), source)
    kind = "binary data" if b"\0" in data[:4096] else f"text that begins {_opening(data)!r}"
    raise StructureError(f"{path}: expected a PDB, mmCIF or BinaryCIF structure. Received: {kind}. Check the file.")


def _opening(data: bytes) -> str:
    return data[:200].decode("latin-1").strip()[:40].partition("\n")[0]


def _one_model(table: AtomTable, model: int | None, path: Path | str) -> tuple[AtomTable, list[str]]:
    if not len(table):
        raise StructureError(f"{path}: expected atoms. Received: a file without any. Get the complete file again.")
    first = int(table.model[0])
    if model in (None, first) and (table.model == first).all():
        return table, []
    models = list(dict.fromkeys(table.model.tolist()))
    if model is None:
        notes = [f"{len(models)} models in the file: model {models[0]} is used"] if len(models) > 1 else []
        return table[table.model == models[0]], notes
    if model not in models:
        shown = ", ".join(map(str, models[:20])) + (", ..." if len(models) > 20 else "")
        raise StructureError(f"{path}: no model {model}. Models in the file: {shown}. Choose one of these.")
    return table[table.model == model], []


def _check_coordinates(table: AtomTable, path: str) -> None:
    bad = ~(np.abs(table.coord) <= FURTHEST).all(axis=1)
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        atom = f"{table.chain_id[i]}:{table.res_name[i]} {table.res_id[i]}{table.ins_code[i]}:{table.name[i]}"
        raise StructureError(
            f"{path}: expected finite coordinates. Received: {table.coord[i].tolist()} for atom {atom} "
            f"({int(bad.sum())} such atoms). Correct or remove them."
        )
    origin = (table.coord == 0).all(axis=1).sum()
    if len(table) > 1 and (2 * origin > len(table) or (table.coord == table.coord[0]).all()):
        raise StructureError(f"{path}: most atoms lie at one point, so there is no structure. Check the export.")


def _interpret(table: AtomTable, parsed: Parsed) -> tuple[Atoms, list[str]]:
    """Choose a conformer, complete elements, assign kinds and parents."""
    notes = []
    keep = choose_conformer(table)
    if not keep.all():
        notes.append(
            f"{int((~keep).sum())} atoms of alternate locations left out: the highest occupancy of each residue is used"
        )
        table = table[keep]
    residue = table.residue()
    kind = assign_kinds(table, residue)
    element, repaired = complete_elements(table, kind[residue])
    if repaired:
        notes.append(f"the element of {repaired} atoms is missing or wrong and was taken from the atom name")
    empty = int((table.occupancy <= 0).sum())
    if empty:
        notes.append(f"{empty} atoms with zero occupancy kept: their positions are not supported by data")
    parent = _parents(table, residue, kind, parsed.parents)
    atoms = Atoms(
        coord=table.coord.astype(np.float32),
        element=element,
        name=_atom_names(table.name, parent, kind[residue]),
        res_name=table.res_name,
        chain_id=table.chain_id,
        ins_code=table.ins_code,
        res_id=table.res_id,
        parent=parent,
        kind=kind[residue],
        residue=residue,
        b_factor=table.b_factor,
        occupancy=table.occupancy,
    )
    return atoms, notes


def _parents(table: AtomTable, residue: np.ndarray, kind: np.ndarray, declared: dict[str, str]) -> np.ndarray:
    values, inverse = distinct(table.res_name)
    is_polymer = np.zeros(len(values), bool)
    is_polymer[inverse[kind[residue] < OTHER]] = True
    parents = [declared.get(v) or parent_of(v) if p else v for v, p in zip(values.tolist(), is_polymer, strict=True)]
    return np.array(parents)[inverse]


def _atom_names(name: np.ndarray, parent: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Names as the component dictionary has them, in amino acids and nucleotides."""
    nucleic = kind == NUCLEIC
    name = np.where(nucleic, np.char.replace(name, "*", "'"), name) if nucleic.any() else name.copy()
    scopes = {"AMINO": kind == PROTEIN, "NUCLEIC": nucleic}
    for scope, aliases in ATOM_ALIASES.items():
        here = scopes[scope] if scope in scopes else (parent == scope) & (kind < OTHER)
        for old, new in aliases.items():
            name[here & (name == old)] = new
    return name


def _check_content(atoms: Atoms, path: str) -> None:
    if not (atoms.kind < OTHER).any():
        names = ", ".join(dict.fromkeys(atoms.res_name[:50].tolist()))
        raise StructureError(
            f"{path}: expected protein or nucleic acid residues. Received: only {names}. "
            "Give the receptor's structure; a ligand's own file goes with --ligand."
        )


def _link_indices(links: list, atoms: Atoms) -> np.ndarray:
    """Declared links as pairs of atom indices; those whose atoms are absent are left out."""
    links = [link for link in links if all(end[1] is not None for end in link)]  # partners without a residue number
    if not links:
        return np.empty((0, 2), np.int32)
    wanted = {end: -1 for link in links for end in link}
    numbers = np.array(sorted({end[1] for end in wanted}))
    for i in np.flatnonzero(np.isin(atoms.res_id, numbers)):
        key = (str(atoms.chain_id[i]), int(atoms.res_id[i]), str(atoms.ins_code[i]), str(atoms.name[i]))
        if wanted.get(key, 0) == -1:
            wanted[key] = int(i)
    pairs = [(wanted[a], wanted[b]) for a, b in links if wanted[a] >= 0 and wanted[b] >= 0]
    return np.array(pairs, np.int32).reshape(-1, 2)
