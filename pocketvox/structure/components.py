"""The Chemical Component Dictionary that biotite bundles: parents, bonds and charges of any PDB component.

Decoding the dictionary takes seconds, so what is used of it is kept as plain arrays in the cache folder after the
first look-up; later processes load them in a few milliseconds and import no biotite.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from .download import cache_folder

_LAYOUT = 1  # of the cached arrays
_ORDERS = {"SING": 1, "DOUB": 2, "TRIP": 3, "QUAD": 4, "AROM": 5, "DELO": 5}


def component_parent(code: str) -> str:
    """Standard residue that a component derives from (its ``mon_nstd_parent_comp_id``), ``""`` if none."""
    table, row = _dictionary(), _row(code)
    return "" if row is None else str(table["parent"][row])


@lru_cache(maxsize=1024)
def component_atoms(code: str) -> tuple[dict[str, tuple[str, int]], dict[tuple[str, str], int]] | None:
    """Atoms and bonds of a component.

    Returns
    -------
    atoms : dict
        Atom name -> (element, formal charge), hydrogens included.
    bonds : dict
        (name, name) -> order (1, 2, 3 or 4; 5 is aromatic).
        ``None`` in place of both if the dictionary lacks the component.
    """
    table, row = _dictionary(), _row(code)
    if row is None:
        return None
    a = slice(*table["atom_start"][row : row + 2])
    b = slice(*table["bond_start"][row : row + 2])
    names = table["atom_name"][a].astype(str).tolist()
    elements = np.char.capitalize(table["element"][a].astype(str)).tolist()
    atoms = dict(zip(names, zip(elements, table["charge"][a].tolist(), strict=True), strict=True))
    ends = zip(table["bond_a"][b].astype(str).tolist(), table["bond_b"][b].astype(str).tolist(), strict=True)
    return atoms, dict(zip(ends, table["order"][b].tolist(), strict=True))


def component_mol(code: str):
    """Molecule of a component with bond orders, charges, hydrogens and atom names.

    Parameters
    ----------
    code : str
        Component code, such as ``MK1``.

    Returns
    -------
    rdkit.Chem.Mol or None
        Sanitised, without conformer; each atom's name is its property ``name``. ``None`` if the dictionary lacks the
        component or RDKit rejects its valences.
    """
    from rdkit import Chem

    entry = component_atoms(code)
    if entry is None:
        return None
    atoms, bonds = entry
    mol, where = Chem.RWMol(), {}
    for name, (element, charge) in atoms.items():
        atom = Chem.Atom("H" if element == "D" else element if element != "X" else "*")
        atom.SetFormalCharge(charge)
        atom.SetProp("name", name)
        where[name] = mol.AddAtom(atom)
    for (a, b), order in bonds.items():
        if a in where and b in where:
            mol.AddBond(where[a], where[b], bond_type(order))
    try:
        Chem.SanitizeMol(mol)
    except (Chem.AtomValenceException, Chem.KekulizeException):
        return None
    return mol.GetMol()


def bond_type(order: int):
    """RDKit bond type of a dictionary bond order."""
    from rdkit.Chem import BondType

    return (None, BondType.SINGLE, BondType.DOUBLE, BondType.TRIPLE, BondType.QUADRUPLE, BondType.AROMATIC)[order]


def _row(code: str) -> int | None:
    codes = _dictionary()["code"]
    row = int(np.searchsorted(codes, code.encode()))
    return row if row < len(codes) and codes[row] == code.encode() else None


@lru_cache(maxsize=1)
def _dictionary() -> dict[str, np.ndarray]:
    """Arrays of the whole dictionary, codes ascending."""
    source = Path(importlib.util.find_spec("biotite").origin).parent / "structure" / "info" / "components.bcif"
    stamp = source.stat().st_size if source.exists() else 0
    path = cache_folder() / f"components-{_LAYOUT}-{stamp}.npz"
    try:
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, ValueError, KeyError, EOFError):
        table = _decode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
            np.savez(part, **table)
        os.replace(part.name, path)
    except OSError:
        pass  # a cache that cannot be written costs time, nothing else
    return table


def _decode() -> dict[str, np.ndarray]:
    from biotite.structure.info.ccd import get_ccd

    ccd = get_ccd()
    comp, atom, bond = ccd["chem_comp"], ccd["chem_comp_atom"], ccd["chem_comp_bond"]
    code = _bytes(comp["id"])
    order = np.argsort(code, kind="stable")
    code = code[order]
    parent = np.char.partition(_bytes(comp["mon_nstd_parent_comp_id"])[order], b",")[:, 0]
    parent = np.where(np.isin(parent, (b"?", b".")), b"", np.char.strip(parent)).astype("S5")
    atom_rows, atom_start = _sorted_rows(_bytes(atom["comp_id"]), code)
    bond_rows, bond_start = _sorted_rows(_bytes(bond["comp_id"]), code)
    value_order = np.char.upper(_bytes(bond["value_order"]))
    orders = np.ones(len(value_order), np.uint8)
    for word, value in _ORDERS.items():
        orders[value_order == word.encode()] = value
    return {
        "code": code,
        "parent": parent.astype("U5"),
        "atom_start": atom_start,
        "bond_start": bond_start,
        "atom_name": _bytes(atom["atom_id"])[atom_rows],
        "element": _bytes(atom["type_symbol"])[atom_rows],
        "charge": _charges(atom["charge"])[atom_rows],
        "bond_a": _bytes(bond["atom_id_1"])[bond_rows],
        "bond_b": _bytes(bond["atom_id_2"])[bond_rows],
        "order": orders[bond_rows],
    }


def _sorted_rows(owner: np.ndarray, code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows grouped by component, and where each component's rows begin (one more at the end)."""
    component = np.searchsorted(code, owner)
    rows = np.argsort(component, kind="stable")
    return rows, np.searchsorted(component[rows], np.arange(len(code) + 1))


def _bytes(column) -> np.ndarray:
    return column.as_array(str).astype("S")


def _charges(column) -> np.ndarray:
    values = column.as_array()
    if values.dtype.kind in "US":
        values = np.where(np.isin(values, ("?", ".", "")), "0", values)
    elif column.mask is not None:
        values = np.where(column.mask.array != 0, 0, values)
    return values.astype(np.int8)
