"""Elements where a file leaves them out or gets them wrong."""

from __future__ import annotations

import re

import gemmi
import numpy as np

from pocketvox.columns import distinct, is_any

from .atoms import NUCLEIC, OTHER, PROTEIN
from .table import AtomTable

# ions under the names of CHARMM and AMBER
_ION_NAMES = {"SOD": "Na", "POT": "K", "CLA": "Cl", "CAL": "Ca", "CES": "Cs", "LIT": "Li", "RUB": "Rb", "BAR": "Ba",
              "ZN2": "Zn", "MG2": "Mg", "CAD": "Cd", "CIM": "Cl", "CIO": "Cs", "IB": "Na"}  # fmt: skip

_TWO_LETTER = ("CL", "BR", "SI", "SE", "AS", "FE", "ZN", "MG", "MN", "CU", "NI", "CO", "NA", "LI", "AL", "PT", "RU")


def complete_elements(table: AtomTable, kind: np.ndarray) -> tuple[np.ndarray, int]:
    """Elements of all atoms.

    In amino acids and nucleotides the first letter of the atom name is the element (so CA is carbon, whatever a
    shifted column says); in groups of one atom the residue name is (CA of residue CA is calcium); elsewhere only
    missing elements are inferred (``X`` if the name says nothing).

    Parameters
    ----------
    table : AtomTable
    kind : ndarray, shape=(n,), dtype=uint8
        Kind of each atom's residue.

    Returns
    -------
    element : ndarray, shape=(n,), dtype=str
    repaired : int
        How many differ from the file.
    """
    element = table.element.astype("U2")
    polymer = (kind == PROTEIN) | (kind == NUCLEIC)
    odd = polymer & ~is_any(element, ("C", "N", "O", "S", "H", "P", "D", "Se"))
    odd |= (kind == OTHER) & ~_known(element)
    odd |= (kind > OTHER) & ~is_any(element, ("O", "H", "D"))
    odd |= _single(table) & (kind == OTHER)
    repaired = 0
    for i in np.flatnonzero(odd):
        symbol = _infer(str(table.name[i]), str(table.res_name[i]), bool(polymer[i]), str(element[i]))
        repaired += symbol != element[i]
        element[i] = symbol
    return element, int(repaired)


def _infer(name: str, res_name: str, polymer: bool, given: str) -> str:
    letters = re.sub(r"^[^A-Za-z]+", "", name).upper()
    core = re.sub(r"[^A-Za-z].*$", "", letters)
    if polymer and (not _is_element(given) or letters[:1] in "CNOSHP"):
        if core == "SE":
            return "Se"
        if letters[:1] in "CNOSHPD" and letters[:1]:
            return letters[0]
    if res_name.upper() in _ION_NAMES and not polymer:
        return _ION_NAMES[res_name.upper()]
    if core == re.sub(r"[^A-Za-z]", "", res_name).upper() and _is_element(core):
        return core.capitalize()
    if _is_element(given):
        return given
    if core in _TWO_LETTER:
        return core.capitalize()
    return letters[0] if letters[:1] in tuple("CNOSPHFBIK") and core != "UNK" else "X"


def _known(element: np.ndarray) -> np.ndarray:
    values, inverse = distinct(element)
    return np.array([_is_element(str(v)) for v in values] or [False])[inverse]


def _is_element(symbol: str) -> bool:
    return bool(symbol) and symbol.upper() != "X" and gemmi.Element(symbol).name.upper() == symbol.upper()


def _single(table: AtomTable) -> np.ndarray:
    residue = table.residue()
    return (np.bincount(residue) == 1)[residue] if len(residue) else np.zeros(0, bool)
