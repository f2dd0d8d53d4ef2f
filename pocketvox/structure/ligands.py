"""What is a ligand: the rules.

The atoms of a structure are receptor, water, ligand or ignored.

1. Non-polymer residues joined by covalent bonds (from distances, or declared in the file) are one **group**, so an
   oligosaccharide or a peptidomimetic is one ligand. A **short chain** of at most ten residues of protein, or four of
   nucleic acid, beside a longer polymer chain and not bonded to it, is a group too.
2. A group goes to the **receptor** if it is a metal ion, a prosthetic group (haem, chlorophyll, iron-sulfur cluster,
   ...) or holds a metal of one, a cofactor bound covalently to the polymer (pyridoxal phosphate on lysine, ...), a
   modification of it (between two peptide bonds, or fewer than seven heavy atoms), or named in ``keep``.
3. A group is **ignored** if all its residues are additives (buffers, cryo-protectants, precipitants, lipids and
   detergents, ions), if it is a glycan bound to the polymer, if it has fewer than seven or more than 100 heavy atoms,
   if it has no carbon or holds a metal without biological role, if it lies on top of a group of higher occupancy, or
   if no receptor atom is within 6 angstrom.
4. Every other group is a **ligand**; one bonded to the polymer (a covalent inhibitor) is too, with a warning.

Seven heavy atoms keep the smallest drug-like fragments (benzene-sized rings with one substituent) and drop most
unlisted additives; 100 take in macrocycles and ten-residue peptides. ``around`` overrides all rules: the groups it
selects (or, given as a file, lies on) are the ligands. Of what the rules would have taken then, cofactors, nucleotides
and short chains are receptor, since they shape the site; the rest, such as further copies of the ligand, is ignored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pocketvox.columns import is_any

from ..errors import SelectionError
from .additives import (
    ADDITIVES,
    BIOLOGICAL_METALS,
    COFACTORS,
    LIPID_TAILS,
    METALS,
    PROSTHETIC,
    PROSTHETIC_IF_BOUND,
    SUGARS,
)
from .atoms import OTHER, PROTEIN, WATER, Structure, residue_label
from .bonds import OVERLAP
from .groups import Group, find_groups
from .neighbours import is_near
from .selector import select_residues

#: Heavy atoms of a ligand: fewest and most.
FEWEST_ATOMS, MOST_ATOMS = 7, 100

#: A ligand has a receptor atom within this distance (angstrom).
CONTACT = 6.0


@dataclass(frozen=True)
class Partition:
    """Atom indices of a structure by what they are.

    Attributes
    ----------
    receptor, waters, ignored : ndarray, shape=(k,), dtype=int32
        Ascending; every atom is in exactly one of these or in one ligand.
    ligands : tuple of ndarray, shape=(k,), dtype=int32
        Atoms of each ligand, largest first.
    names : tuple of str
        ``chain:resname resnum`` of each ligand; ``+n`` follows if ``n`` further residues belong to it.
    rejected : tuple of (str, str)
        Every other group and why it is no ligand.
    warnings : tuple of str
        Covalently bound ligands and the like.
    """

    receptor: np.ndarray
    waters: np.ndarray
    ignored: np.ndarray
    ligands: tuple[np.ndarray, ...]
    names: tuple[str, ...]
    rejected: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


def partition(structure: Structure, *, around: str | None = None, keep=(), occupied=None) -> Partition:
    """Sort the atoms of a structure into receptor, waters, ligands and what is ignored.

    Parameters
    ----------
    structure : Structure
    around : str, optional
        Selector of the ligand (``A:401``, ``A:MK1``, ``A:MK1 401``, ``A:401B``, ``MK1``): the groups that hold
        the selected residues are the ligands, whatever the rules say.
    keep : sequence of str
        Component codes that stay in the receptor.
    occupied : ndarray, shape=(k, 3), optional
        Heavy-atom positions of a ligand known from elsewhere (angstrom): groups within 1 angstrom of it are
        ignored, and no group of the structure is a ligand.

    Raises
    ------
    SelectionError
        ``around`` matches nothing; the message lists what could be meant.
    """
    atoms = structure.atoms
    keep = frozenset(str(code).upper() for code in ((keep,) if isinstance(keep, str) else keep))
    groups = find_groups(structure, keep)
    owner = np.full(len(atoms), -1)
    for i, group in enumerate(groups):
        owner[group.index] = i
    chosen = _chosen(structure, groups, owner, around) if around is not None else None
    place, reasons, notes = _apply_rules(structure, groups, keep)
    if occupied is not None:
        _clear(atoms, groups, place, reasons, np.asarray(occupied, float))
    elif chosen is not None:
        groups, place, reasons, notes = _override(atoms, groups, place, reasons, chosen)
    return _assemble(atoms, groups, place, reasons, notes)


def _apply_rules(structure, groups, keep) -> tuple[list[str], list[str], list[str]]:
    """Place (``receptor``, ``ignored`` or ``ligand``) and reason of each group."""
    atoms = structure.atoms
    verdicts = [_verdict(atoms, group, keep) for group in groups]
    place = [verdict[0] for verdict in verdicts]
    reasons = [verdict[1] for verdict in verdicts]
    body = atoms.heavy & (atoms.kind < OTHER)
    for i, group in enumerate(groups):
        body[group.index] = place[i] == "receptor"
    candidates = [i for i, where in enumerate(place) if where == "ligand"]
    if not candidates:
        return place, reasons, []
    heavy = {i: _heavy(atoms, groups[i].index) for i in candidates}
    touching = np.zeros(len(atoms), bool)
    of_all = np.concatenate(list(heavy.values()))
    touching[of_all] = is_near(atoms.coord[of_all], atoms.coord[body], CONTACT)
    candidates.sort(key=lambda i: (-float(atoms.occupancy[groups[i].index].mean().round(3)), i))
    taken = np.empty((0, 3), np.float32)
    notes = []
    for i in candidates:
        coord = atoms.coord[heavy[i]]
        if is_near(coord, taken, OVERLAP).any():
            place[i], reasons[i] = "ignored", "lies on top of another ligand of the same or higher occupancy"
        elif not touching[heavy[i]].any():
            place[i], reasons[i] = "ignored", f"no receptor atom within {CONTACT:g} angstrom"
        else:
            taken = np.concatenate([taken, coord])
            if groups[i].bound_to >= 0:
                where = atoms.label(groups[i].bound_to)
                notes.append(f"{name_of(atoms, groups[i].index)} is bonded to {where}: taken as a covalent ligand")
    return place, reasons, notes


def _verdict(atoms, group: Group, keep: frozenset[str]) -> tuple[str, str]:
    codes = set(atoms.res_name[group.index].tolist())
    heavy = _heavy(atoms, group.index)
    bound = group.bound_to >= 0
    if codes & keep:
        return "receptor", "kept on request"
    if len(heavy) <= 1 and len(group.index) and atoms.element[group.index[0]] in METALS:
        return "receptor", "metal ion"
    if codes & PROSTHETIC and len(heavy) > 1:
        return "receptor", "prosthetic group"
    if bound and codes & PROSTHETIC_IF_BOUND:
        return "receptor", "cofactor bonded to the polymer"
    if bound and atoms.res_name[group.bound_via] in SUGARS and atoms.kind[group.bound_to] == PROTEIN:
        return "ignored", "glycosylation"
    if bound and (group.in_chain or len(heavy) < FEWEST_ATOMS):
        return "receptor", "modification of the polymer"
    if codes <= ADDITIVES or codes & LIPID_TAILS:
        return "ignored", "additive, lipid or ion"
    elements = set(atoms.element[heavy].tolist())
    if not elements & {"C", "S"}:
        return "ignored", "inorganic"
    if elements & METALS:
        return ("receptor", "metal cofactor") if elements & BIOLOGICAL_METALS else ("ignored", "metal complex")
    if "C" not in elements:
        return "ignored", "inorganic"
    if len(heavy) < FEWEST_ATOMS:
        return "ignored", f"fewer than {FEWEST_ATOMS} heavy atoms"
    if len(heavy) > MOST_ATOMS:
        return ("receptor" if group.polymer else "ignored"), f"more than {MOST_ATOMS} heavy atoms"
    return "ligand", ""


def _chosen(structure: Structure, groups, owner, around: str) -> list[np.ndarray]:
    """Atoms of each selected ligand: whole groups, or single residues of a polymer."""
    atoms = structure.atoms
    hit = np.flatnonzero(select_residues(atoms, around))
    if not len(hit):
        raise SelectionError(
            f"{structure.source or structure.name}: nothing matches {around!r}. {_offer(atoms, groups)}"
        )
    selected = [groups[i].index for i in dict.fromkeys(owner[hit].tolist()) if i >= 0]
    rest = hit[(owner[hit] < 0) & (atoms.kind[hit] != WATER)]
    selected += [np.flatnonzero(atoms.residue == r) for r in np.unique(atoms.residue[rest])]
    if not selected:
        raise SelectionError(
            f"{structure.source or structure.name}: {around!r} is water, which cannot be the ligand. "
            f"{_offer(atoms, groups)}"
        )
    return selected


def _offer(atoms, groups) -> str:
    sizes = sorted(((len(_heavy(atoms, g.index)), i) for i, g in enumerate(groups)), key=lambda s: (-s[0], s[1]))
    names = [name_of(atoms, groups[i].index) for size, i in sizes if size > 1][:12]
    if not names:
        return "The structure has no non-polymer group; give --center instead."
    return f"Candidates: {', '.join(names)}."


def _override(atoms, groups, place, reasons, chosen):
    """Make the chosen atoms the ligands, and ignore what the rules would have taken."""
    taken = np.zeros(len(atoms), bool)
    taken[np.concatenate(chosen)] = True
    kept = [i for i, group in enumerate(groups) if not taken[group.index].any()]
    copies = set(atoms.res_name[taken].tolist())
    for i in kept:
        if place[i] == "ligand":
            place[i], reasons[i] = _beside_another(atoms, groups[i], copies)
    place = [place[i] for i in kept] + ["ligand"] * len(chosen)
    reasons = [reasons[i] for i in kept] + [""] * len(chosen)
    groups = [groups[i] for i in kept] + [Group(index) for index in chosen]
    return groups, place, reasons, []


def _clear(atoms, groups, place, reasons, occupied: np.ndarray) -> None:
    """Ignore every group that a ligand from elsewhere lies on, and every other ligand."""
    for i, group in enumerate(groups):
        heavy = _heavy(atoms, group.index)
        if is_near(atoms.coord[heavy], occupied, OVERLAP).any():
            place[i], reasons[i] = "ignored", "the given ligand lies here"
        elif place[i] == "ligand":
            place[i], reasons[i] = _beside_another(atoms, group, set())


def _beside_another(atoms, group: Group, copies: set[str]) -> tuple[str, str]:
    """Where a ligand by the rules goes when the user names another: cofactors and short chains are surroundings."""
    codes = set(atoms.res_name[group.index].tolist())
    if (codes <= COFACTORS or group.polymer) and not codes & copies:
        return "receptor", "belongs to the surroundings of the chosen ligand"
    return "ignored", "another ligand was chosen"


def _assemble(atoms, groups, place, reasons, notes) -> Partition:
    what = np.where(atoms.kind == WATER, 1, 0)
    for group, where in zip(groups, place, strict=True):
        what[group.index] = {"receptor": 0, "ignored": 2, "ligand": 3}[where]
    ligands = [g.index for g, where in zip(groups, place, strict=True) if where == "ligand"]
    ligands.sort(key=lambda index: (-len(_heavy(atoms, index)), int(index[0])))
    rejected = [
        (name_of(atoms, g.index), reason) for g, where, reason in zip(groups, place, reasons, strict=True) if reason
    ]
    parts = [np.flatnonzero(what == k).astype(np.int32) for k in range(3)]
    return Partition(
        receptor=parts[0],
        waters=parts[1],
        ignored=parts[2],
        ligands=tuple(index.astype(np.int32) for index in ligands),
        names=tuple(name_of(atoms, index) for index in ligands),
        rejected=tuple(rejected),
        warnings=tuple(notes),
    )


def name_of(atoms, index: np.ndarray) -> str:
    """``chain:resname resnum`` of the first residue, ``+n`` for ``n`` further ones."""
    more = len(np.unique(atoms.residue[index])) - 1
    return residue_label(atoms, int(index[0])) + (f"+{more}" if more else "")


def _heavy(atoms, index: np.ndarray) -> np.ndarray:
    return index[~is_any(atoms.element[index], ("H", "D"))]
