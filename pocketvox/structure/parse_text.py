"""PDB and mmCIF text through gemmi."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import gemmi
import numpy as np

from ..errors import StructureError
from .table import AtomTable, Parsed

# an ATOM record whose coordinate fields (columns 31-38, 39-46, 47-54) are not one number each: gemmi reads zeros
_NUMBER = rb" *[-+]?(?:\d+\.?\d*|\.\d+) *"
_FIELDS = b"".join(_NUMBER + rb"(?<=^.{%d})" % end for end in (38, 46, 54))
_BAD_RECORD = re.compile(rb"^(?:ATOM  |HETATM)(?!.{24}" + _FIELDS + rb")[^\r\n]*", re.M)

# entries of before 1996 repeat the id and number the lines in columns 73-80, where elements stand today
_NUMBERED_LINES = re.compile(rb"^(?:ATOM  |HETATM).{66}[0-9][A-Z0-9]{3} *\d+ *\r?$", re.M)

_CUT = "the file does not end as it should and may be cut off: atoms may be missing"
_COVALENT = (gemmi.ConnectionType.Covale, gemmi.ConnectionType.Disulf, gemmi.ConnectionType.Unknown)


def parse_pdb(data: bytes, source: str) -> Parsed:
    """Read a PDB file's bytes; a record without coordinates is an error, not an atom at the origin."""
    usual, numbered = _layout(data)
    _check_records(data, source, usual)
    with _refused(source, "PDB"):
        width = 72 if numbered and _NUMBERED_LINES.search(data) else 0
        return _of_records(gemmi.read_pdb_string(data, max_line_length=width), data)


def _of_records(structure: gemmi.Structure, data: bytes) -> Parsed:
    header = re.match(rb"(?:(?!ATOM  |HETATM|MODEL )[^\n]*\n?)*", data).group()[:200_000]
    text = " ".join(
        line[10:] for line in header.decode("latin-1").splitlines() if line.startswith(("TITLE", "HEADER", "REMARK"))
    )
    method = re.search(rb"^EXPDTA.*", header, re.M)
    experimental = b"THEORETICAL" not in method.group() if method else b"\nREMARK   3" in b"\n" + header
    complete = not header.startswith(b"HEADER") or re.search(rb"^(?:END|MASTER)", data[-2000:], re.M)
    return _parsed(structure, text=text, experimental=experimental, warnings=() if complete else (_CUT,))


def parse_mmcif(data: bytes, source: str) -> Parsed:
    """Read an mmCIF file's bytes (the first block that has atoms)."""
    try:
        document = gemmi.cif.read_string(data)
    except (RuntimeError, ValueError, UnicodeDecodeError) as error:
        raise StructureError(
            f"{source}: not a complete mmCIF file ({_first_line(error)}). Download it again."
        ) from None
    for block in document:
        if block.find_values("_atom_site.Cartn_x"):
            break
    else:
        raise StructureError(
            f"{source}: expected atoms with coordinates (_atom_site). "
            f"Received: a CIF file with {_describe(document)}. Give the coordinate file of the entry."
        )
    with _refused(source, "mmCIF"):
        return _of_block(gemmi.make_structure_from_block(block), block, data)


def _of_block(structure: gemmi.Structure, block: gemmi.cif.Block, data: bytes) -> Parsed:
    words = [structure.info[key] for key in ("_struct.title", "_struct_keywords.text") if key in structure.info]
    for tag in ("_software.name", "_audit_author.name", "_struct.title", "_ma_model_list.model_name", "_entry.id"):
        words += [gemmi.cif.as_string(value) for value in block.find_values(tag)]
    confidence = any(name.startswith("_ma_qa_metric") for name in block.get_mmcif_category_names())
    method = " ".join(gemmi.cif.as_string(v) for v in block.find_values("_exptl.method"))
    experimental = bool(method) and "THEORETICAL" not in method.upper()
    complete = not re.search(rb"\n# *\r?\nloop_", data) or re.search(rb"\n# *\s*\Z", data[-200:])
    return _parsed(
        structure,
        text=" ".join(words),
        experimental=experimental,
        confidence=confidence,
        warnings=() if complete else (_CUT,),
    )


@contextmanager
def _refused(source: str, form: str) -> Iterator[None]:
    """Turn what gemmi raises at impossible content, while reading or afterwards, into an error that names the file."""
    try:
        yield
    except (RuntimeError, ValueError, IndexError, UnicodeDecodeError) as error:
        raise StructureError(f"{source}: not a valid {form} file ({_first_line(error)}). Download it again.") from None


def _parsed(structure: gemmi.Structure, **kwargs) -> Parsed:
    flat = gemmi.FlatStructure(structure)
    resolution = structure.resolution or None
    table = AtomTable(
        coord=np.array(flat.pos, float).reshape(-1, 3),
        element=_elements(flat.element_names),
        name=_text(flat.atom_names),
        res_name=_text(flat.residue_names),
        chain_id=_text(flat.chain_ids),
        ins_code=_letters(flat.icodes),
        res_id=np.array(flat.resnums, np.int32),
        altloc=_letters(flat.altlocs),
        subchain=_text(flat.subchains),
        het=np.asarray(flat.het_flags) == ord("H"),
        role=np.array(flat.entity_type, np.uint8),
        model=np.array(flat.model_num, np.int32),
        b_factor=np.array(flat.b_iso, np.float32),
        occupancy=np.array(flat.occ, np.float32),
    )
    links = [
        (_address(link.partner1), _address(link.partner2))
        for link in structure.connections
        if link.type in _COVALENT and link.asu != gemmi.Asu.Different
    ]
    parents = {m.res_id.name: m.parent_comp_id for m in structure.mod_residues if m.parent_comp_id}
    method = structure.info["_exptl.method"] if "_exptl.method" in structure.info else ""
    return Parsed(
        table=table,
        links=links,
        parents=parents,
        resolution=resolution,
        method=method,
        name=structure.name,
        **kwargs,
    )


def _address(partner: gemmi.AtomAddress) -> tuple[str, int, str, str]:
    seqid = partner.res_id.seqid
    return partner.chain_name, seqid.num, seqid.icode.strip(), partner.atom_name


def _text(column: np.ndarray) -> np.ndarray:
    """Columns of gemmi.FlatStructure, fixed-width characters, as an array of str."""
    column = np.ascontiguousarray(column)
    if column.dtype.kind != "S":
        column = column.view(f"S{column.shape[-1]}").reshape(-1) if column.size else np.empty(0, "S8")
    if not len(column):
        return np.empty(0, "U8")
    try:
        return column.astype("U")  # ASCII alone: five times as fast as decoding
    except UnicodeDecodeError:
        return np.char.decode(column, "utf-8", "replace")


def _letters(codes: np.ndarray) -> np.ndarray:
    """Single characters stored as numbers; blank and NUL mean none."""
    codes = np.asarray(codes).astype(np.uint8)
    values, inverse = np.unique(codes, return_inverse=True)
    return np.array(["" if v in (0, 32) else chr(v) for v in values] or [""], "U1")[inverse]


def _elements(names: np.ndarray) -> np.ndarray:
    return np.asarray(names).astype("U2")


def _layout(data: bytes) -> tuple[bool, bool]:
    """Two quick looks at all atom records, which spare most files the slow regular expressions.

    Returns
    -------
    usual : bool
        Every record has three coordinates of the form ``-123.456`` in their columns.
    numbered : bool
        Some record has a digit in column 73, as lines with numbers have.
    """
    text = np.frombuffer(data + b"\n" * 73, np.uint8)
    start = np.concatenate([[0], np.flatnonzero(text[:-73] == ord("\n")) + 1])
    start = start[(text[start] == ord("A")) | (text[start] == ord("H"))]
    record = np.ascontiguousarray(text[start[:, None] + np.arange(6)]).view("S6")[:, 0]
    start = start[(record == b"ATOM  ") | (record == b"HETATM")]
    numbered = bool(_is_digit(text[start + 72]).any())
    field = text[start[:, None] + np.arange(30, 54)].reshape(-1, 8)
    digit, blank, minus = _is_digit(field), field == ord(" "), field == ord("-")
    usual = digit[:, (3, 5, 6, 7)].all(axis=1) & (field[:, 4] == ord("."))
    for k in range(3):  # blanks, perhaps a minus, digits
        usual &= digit[:, k] | (blank | minus)[:, k] & blank[:, :k].all(axis=1)
    return bool(usual.all()), numbered


def _is_digit(characters: np.ndarray) -> np.ndarray:
    return (characters >= ord("0")) & (characters <= ord("9"))


def _check_records(data: bytes, source: str, usual: bool) -> None:
    bad = None if usual else _BAD_RECORD.search(data)
    if bad:
        line = data.count(b"\n", 0, bad.start()) + 1
        record = bad.group().decode("latin-1").rstrip()
        atom = record[12:26].strip() or "atom"
        found = record[30:54].strip() or "nothing"
        raise StructureError(
            f"{source}: expected three coordinates in columns 31-54. Received: {found!r} for {atom} in line {line}. "
            "Correct or remove the atom, or get the complete file again."
        )
    lines = data[-400:].splitlines()
    if not data.endswith(b"\n") and len(lines) > 1 and lines[-1].startswith((b"ATOM", b"HETATM")):
        if len(lines[-1].rstrip()) < len(lines[-2].rstrip()) - 2 and lines[-2].startswith((b"ATOM", b"HETATM")):
            raise StructureError(
                f"{source}: the last atom record is cut off, so the file is incomplete. Get the complete file again."
            )


def _describe(document: gemmi.cif.Document) -> str:
    names = [name.rstrip(".") for block in document for name in block.get_mmcif_category_names()]
    return f"categories {', '.join(names[:3])}" if names else "no data"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["unreadable"])[0].rstrip(":")
