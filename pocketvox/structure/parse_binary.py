"""BinaryCIF through biotite, imported only when such a file is read (0.8 s)."""

from __future__ import annotations

import io

import numpy as np

from ..errors import StructureError
from .table import NON_POLYMER, POLYMER, SOLVENT, UNKNOWN, AtomTable, Parsed

_ROLES = {"polymer": POLYMER, "non-polymer": NON_POLYMER, "branched": 3, "water": SOLVENT}
_COVALENT = ("covale", "disulf", "covale_base", "covale_phosphate", "covale_sugar", "modres")


def parse_bcif(data: bytes, source: str) -> Parsed:
    """Read a BinaryCIF file's bytes (the first block that has atoms)."""
    from biotite.structure.io.pdbx import BinaryCIFFile

    try:
        file = BinaryCIFFile.read(io.BytesIO(data))
        block = next((file[name] for name in file if "atom_site" in file[name]), None)
        columns = {} if block is None else {k: block["atom_site"][k] for k in block["atom_site"]}
        if "Cartn_x" not in columns:
            raise StructureError(
                f"{source}: expected atoms with coordinates (_atom_site). Received: a BinaryCIF file without them. "
                "Give the coordinate file of the entry."
            )
        return _parsed(columns, block)
    except StructureError:
        raise
    except Exception as error:  # noqa: BLE001 - a damaged file raises anything from msgpack and the decoders
        raise StructureError(
            f"{source}: not a complete BinaryCIF file ({type(error).__name__}). Download it again."
        ) from None


def _parsed(columns: dict, block) -> Parsed:
    n = len(columns["Cartn_x"].as_array())

    def text(*names, default=""):
        for name in names:
            if name in columns:
                values = columns[name].as_array(str)
                return np.where(np.isin(values, (".", "?")), "", values)
        return np.full(n, default)

    def number(name, dtype, default):
        if name not in columns:
            return np.full(n, default, dtype)
        column = columns[name]
        values = column.as_array()
        if values.dtype.kind in "US":
            values = np.where(np.isin(values, (".", "?", "")), str(default), values)
        elif column.mask is not None:
            values = np.where(column.mask.array != 0, default, values)
        return values.astype(dtype)

    element = np.char.capitalize(text("type_symbol"))
    table = AtomTable(
        coord=np.stack([number(f"Cartn_{axis}", float, np.nan) for axis in "xyz"], axis=1),
        element=element,
        name=text("auth_atom_id", "label_atom_id"),
        res_name=text("auth_comp_id", "label_comp_id"),
        chain_id=text("auth_asym_id", "label_asym_id"),
        ins_code=text("pdbx_PDB_ins_code"),
        res_id=number("auth_seq_id" if "auth_seq_id" in columns else "label_seq_id", np.int32, 0),
        altloc=text("label_alt_id"),
        subchain=text("label_asym_id"),
        het=text("group_PDB") == "HETATM",
        role=_roles(block, text("label_entity_id"), text("label_seq_id")),
        model=number("pdbx_PDB_model_num", np.int32, 1),
        b_factor=number("B_iso_or_equiv", np.float32, 0.0),
        occupancy=number("occupancy", np.float32, 1.0),
    )
    title = " ".join(_column(block, "struct", "title") + _column(block, "software", "name"))
    method = " ".join(_column(block, "exptl", "method"))
    resolution = _column(block, "refine", "ls_d_res_high") + _column(block, "em_3d_reconstruction", "resolution")
    return Parsed(
        table=table,
        links=_links(block),
        parents=dict(
            zip(
                _column(block, "pdbx_struct_mod_residue", "label_comp_id"),
                _column(block, "pdbx_struct_mod_residue", "parent_comp_id"),
                strict=False,
            )
        ),
        text=title,
        confidence=any(name.startswith("ma_qa_metric") for name in block),
        experimental=bool(method) and "THEORETICAL" not in method.upper(),
        resolution=next((float(v) for v in resolution if _is_number(v)), None),
        method=method,
        name=(_column(block, "entry", "id") or [""])[0],
    )


def _roles(block, entity: np.ndarray, label_seq: np.ndarray) -> np.ndarray:
    """Entity types; without that category, residues that have a place in a sequence are polymer."""
    ids, types = _column(block, "entity", "id"), _column(block, "entity", "type")
    if ids and len(ids) == len(types):
        table = {i: _ROLES.get(t, UNKNOWN) for i, t in zip(ids, types, strict=True)}
        values, inverse = np.unique(entity, return_inverse=True)
        return np.array([table.get(v, UNKNOWN) for v in values], np.uint8)[inverse]
    placed = label_seq != ""
    if placed.all() or not placed.any():
        return np.full(len(entity), UNKNOWN, np.uint8)
    return np.where(placed, POLYMER, NON_POLYMER).astype(np.uint8)


def _links(block) -> list:
    if "struct_conn" not in block:
        return []
    n = len(_column(block, "struct_conn", "conn_type_id"))
    parts = []
    for partner in ("ptnr1", "ptnr2"):
        names = (
            f"{partner}_auth_asym_id",
            f"{partner}_auth_seq_id",
            f"pdbx_{partner}_PDB_ins_code",
            f"{partner}_label_atom_id",
        )
        parts.append([_column(block, "struct_conn", name) or [""] * n for name in names])
    symmetry = [_column(block, "struct_conn", f"{p}_symmetry") or ["1_555"] * n for p in ("ptnr1", "ptnr2")]
    links = []
    for i, kind in enumerate(_column(block, "struct_conn", "conn_type_id")):
        if kind in _COVALENT and symmetry[0][i] == symmetry[1][i]:
            ends = [(p[0][i], int(p[1][i] or 0), p[2][i], p[3][i]) for p in parts]
            links.append((ends[0], ends[1]))
    return links


def _column(block, category: str, name: str) -> list[str]:
    if category not in block or name not in block[category]:
        return []
    return ["" if v in (".", "?") else str(v) for v in block[category][name].as_array(str)]


def _is_number(value: str) -> bool:
    try:
        return float(value) > 0
    except ValueError:
        return False
