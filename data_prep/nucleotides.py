"""Pieces of nucleic acids: a nucleotide, its nucleoside (sugar and base), or its base alone."""

from __future__ import annotations

import numpy as np

from data_prep.pieces import MAX_ATOMS, MIN_ATOMS, Piece, bonded_across, joints, residue_weights, residues_of, stretch
from pocketvox.structure.atoms import NUCLEIC, Complex, residue_label
from pocketvox.structure.components import component_atoms

#: Longest bond from a nucleotide to the next (angstrom); a longer distance is a gap in the model.
PHOSPHODIESTER_BOND = 2.1

_PHOSPHATE = frozenset({"P", "OP1", "OP2"})
#: What completes a nucleotide's phosphodiesters, in the one before and the one after it; where its base ends.
_CAPS_BEFORE, _CAPS_AFTER, _CAP_OF_BASE = ("C3'", "O3'"), ("P", "OP1", "OP2", "O5'"), ("C1'",)


def find_nucleotides(complex_: Complex) -> list[Piece]:
    """Every piece of a complete nucleotide that could be cut out of a receptor without hydrogens, in order.

    A nucleotide or nucleoside has neighbours on both sides, since the model may go on where the chain ends in it.
    """
    atoms = complex_.receptor
    rows, places = residues_of(atoms, NUCLEIC)
    joined = joints(atoms, places, ("O3'", "P"), PHOSPHODIESTER_BOND)
    crossed = bonded_across(complex_, NUCLEIC, ("O3'", "P"))
    weights, across = residue_weights(atoms, rows)
    pieces = []
    for k, (row, place) in enumerate(zip(rows, places, strict=True)):
        missing = _missing(str(atoms.res_name[row[0]]), row, place)
        if missing is None or atoms.residue[row[0]] in crossed:
            continue
        gone = np.concatenate([rows[i] for i in stretch(joined, k, k)])
        key = frozenset({(str(atoms.res_name[row[0]]), int(atoms.res_id[row[0]]), str(atoms.ins_code[row[0]]))})
        base = [name for name in place if "'" not in name and name not in _PHOSPHATE | {"OP3"}]
        parts = [(" base", base, [place.get(n) for n in _CAP_OF_BASE])] if missing <= _PHOSPHATE else []
        if not missing and "OP3" not in place and k > 0 and joined[k - 1] and joined[k]:
            ends = [places[k - 1].get(n) for n in _CAPS_BEFORE] + [places[k + 1].get(n) for n in _CAPS_AFTER]
            phosphate = [place[n] for n in sorted(_PHOSPHATE)]
            parts.append(("", list(place), ends))
            parts.append((" nucleoside", [n for n in place if n not in _PHOSPHATE], ends + phosphate))
        for note, names, caps in parts:
            own = np.array([place[n] for n in names], int)
            if MIN_ATOMS <= len(own) <= MAX_ATOMS and None not in caps:
                name = residue_label(atoms, row[0]) + note
                pieces.append(Piece(name, own, np.array(sorted(caps)), gone, key, weights[k], across[k]))
    return pieces


def _missing(code: str, row: np.ndarray, place: dict[str, int]) -> frozenset[str] | None:
    """Heavy atoms of a nucleotide that the model lacks; None if it has others than its component."""
    entry = component_atoms(code)
    if entry is None or len(place) < len(row):
        return None
    expected = {name for name, (element, _) in entry[0].items() if element not in ("H", "D")}
    return None if place.keys() - expected else frozenset(expected - place.keys() - {"OP3"})
