"""Chemistry of a ligand that is part of a structure: dictionary bond orders, or perceived ones."""

from __future__ import annotations

import numpy as np
from rdkit import Chem, rdBase

from ..errors import LigandError
from .atoms import Atoms, Ligand, Structure
from .bonds import SHORTEST_BOND, TOLERANCE, bonds_between_residues
from .components import bond_type, component_atoms
from .ligands import name_of
from .perceive import connect, perceive_bonds

#: A bond of the dictionary may be this long between a structure's atoms (angstrom); more means that names were reused.
_LONGEST = 2.6

#: Part of a component's heavy atoms that must be there to recognise it by its bonds alone.
_LEAST_COVERED = 0.75


def ligand_mol(structure: Structure, index: np.ndarray) -> tuple[Ligand, tuple[str, ...]]:
    """Ligand made of atoms of a structure.

    Parameters
    ----------
    structure : Structure
    index : ndarray, shape=(m,), dtype=int
        Its atoms, as in :attr:`Partition.ligands`.

    Returns
    -------
    ligand : Ligand
        ``chemistry`` is ``"dictionary"`` if every residue's bond orders come from the Chemical Component Dictionary,
        ``"perceived"`` if those of any residue had to be derived from distances.
    warnings : tuple of str
        What was assumed, with the consequence.

    Raises
    ------
    LigandError
        No valid molecule can be made of the atoms.
    """
    atoms = structure.atoms[np.asarray(index)]
    name = name_of(structure.atoms, np.asarray(index))
    if (atoms.element == "X").any():
        raise LigandError(f"{name}: it has atoms of unknown element. Give the ligand as SDF.")
    notes: list[str] = []
    bonds, charges, unknown = _dictionary_bonds(atoms)
    for residue in unknown:
        rows = np.flatnonzero(atoms.residue == residue)
        found, residue_charges = perceive_bonds(atoms.coord[rows], atoms.element[rows])
        bonds |= {(int(rows[a]), int(rows[b])): order for (a, b), order in found.items()}
        charges[rows] = residue_charges
    bonds |= _joints(structure, atoms, np.asarray(index))
    if unknown:
        notes.append(
            f"{name}: bond orders perceived from distances, since the component dictionary has no matching "
            f"{', '.join(sorted(set(atoms.res_name[np.isin(atoms.residue, unknown)].tolist())))}; "
            "donors and acceptors may be wrong. Give the ligand as SDF to be sure"
        )
    mol = _build(atoms, bonds, charges)
    if mol is None:
        found, charges = perceive_bonds(atoms.coord, atoms.element)
        mol = _build(atoms, found, charges)
        unknown = [0]
        notes.append(
            f"{name}: bond orders perceived from distances, since those of the dictionary do not fit its atoms"
        )
    if mol is None:
        raise LigandError(f"{name}: no valid molecule can be made of its atoms. Give the ligand as SDF.")
    heavy = atoms.heavy
    return Ligand(
        name=name,
        mol=mol,
        coord=atoms.coord[heavy],
        atom_names=tuple(atoms.name[heavy].tolist()),
        chemistry="perceived" if unknown else "dictionary",
        index=np.asarray(index, np.int32),
    ), tuple(notes)


def _dictionary_bonds(atoms: Atoms) -> tuple[dict, np.ndarray, list[int]]:
    """Bonds and charges by atom name, and the residues to which the dictionary does not apply."""
    bonds: dict[tuple[int, int], int] = {}
    charges = np.zeros(len(atoms), int)
    unknown = []
    for residue in np.unique(atoms.residue).tolist():
        rows = np.flatnonzero(atoms.residue == residue)
        found = _match_by_name(atoms, rows) or _match_by_graph(atoms, rows)
        if found is None:
            unknown.append(residue)
        else:
            bonds |= found[0]
            charges[rows] = found[1]
    return bonds, charges, unknown


def _match_by_name(atoms: Atoms, rows: np.ndarray) -> tuple[dict, list[int]] | None:
    entry = component_atoms(str(atoms.res_name[rows[0]]))
    if entry is None:
        return None
    template, template_bonds = entry
    where: dict[str, int] = {}
    charges = []
    for i in rows.tolist():
        name, element = str(atoms.name[i]).replace("*", "'"), str(atoms.element[i])
        hydrogen = element in ("H", "D")
        known = template.get(name)
        if name in where or (not hydrogen and (known is None or known[0] != element)):
            return None
        where[name] = i
        charges.append(known[1] if known and not hydrogen else 0)
    bonds = {}
    for (a, b), order in template_bonds.items():
        if a in where and b in where:
            i, j = where[a], where[b]
            if not SHORTEST_BOND - 0.2 < float(np.linalg.norm(atoms.coord[i] - atoms.coord[j])) < _LONGEST:
                return None
            bonds[i, j] = order
    if not _covers(bonds, connect(atoms.coord[rows], atoms.element[rows], TOLERANCE), rows, atoms.heavy):
        return None
    _attach_hydrogens(atoms, rows, bonds)
    return bonds, charges


def _covers(bonds: dict, pairs: list[tuple[int, int]], rows: np.ndarray, heavy: np.ndarray) -> bool:
    """True if no two heavy atoms are at bonding distance without a bond: else the names mean another molecule."""
    close = {(int(rows[a]), int(rows[b])) for a, b in pairs}
    return all((a, b) in bonds or (b, a) in bonds for a, b in close if heavy[a] and heavy[b])


def _match_by_graph(atoms: Atoms, rows: np.ndarray) -> tuple[dict, list[int]] | None:
    """Bonds of the dictionary for atoms under other names, matched by elements and connectivity."""
    entry = component_atoms(str(atoms.res_name[rows[0]]))
    heavy = rows[atoms.heavy[rows]]
    if entry is None or len(heavy) < 2:
        return None
    template = {name: known for name, known in entry[0].items() if known[0] not in ("H", "D")}
    names = list(template)
    place = {name: i for i, name in enumerate(names)}
    orders = {(place[a], place[b]): order for (a, b), order in entry[1].items() if a in place and b in place}
    pairs = connect(atoms.coord[heavy], atoms.element[heavy], TOLERANCE)
    if not _LEAST_COVERED * len(names) <= len(heavy) <= len(names):
        return None
    target = _skeleton([template[name][0] for name in names], orders)
    match = target.GetSubstructMatch(_skeleton(atoms.element[heavy].tolist(), pairs))
    if not match:
        return None
    back = {t: int(heavy[i]) for i, t in enumerate(match)}
    bonds = {(back[a], back[b]): order for (a, b), order in orders.items() if a in back and b in back}
    if len(bonds) > len(pairs):  # a ring of the dictionary that is open here: a stretched bond, or another molecule
        return None
    _attach_hydrogens(atoms, rows, bonds)
    charge = {back[t]: template[names[t]][1] for t in match}
    return bonds, [charge.get(int(i), 0) for i in rows]


def _skeleton(elements: list[str], pairs) -> Chem.Mol:
    """Elements and single bonds only, for matching."""
    mol = Chem.RWMol()
    for element in elements:
        mol.AddAtom(Chem.Atom(element if element != "X" else "*"))
    for a, b in pairs:
        mol.AddBond(a, b, Chem.BondType.SINGLE)
    return mol.GetMol()


def _attach_hydrogens(atoms: Atoms, rows: np.ndarray, bonds: dict) -> None:
    """Bond hydrogens with names unknown to the dictionary to the nearest heavy atom."""
    bonded = {i for pair in bonds for i in pair}
    heavy = rows[atoms.heavy[rows]]
    for i in rows[~atoms.heavy[rows]].tolist():
        if i not in bonded and len(heavy):
            bonds[i, int(heavy[np.argmin(np.linalg.norm(atoms.coord[heavy] - atoms.coord[i], axis=1))])] = 1


def _joints(structure: Structure, atoms: Atoms, index: np.ndarray) -> dict[tuple[int, int], int]:
    """Single bonds between the residues of the ligand."""
    everything = np.arange(len(atoms))
    pairs = bonds_between_residues(atoms.coord, atoms.element, atoms.residue, everything, everything)
    local = {int(g): i for i, g in enumerate(index)}
    declared = [(local[a], local[b]) for a, b in structure.links.tolist() if a in local and b in local]
    return {(int(a), int(b)): 1 for a, b in [*pairs.tolist(), *declared]}


def _build(atoms: Atoms, bonds: dict[tuple[int, int], int], charges: np.ndarray) -> Chem.Mol | None:
    """Sanitised molecule with a conformer, or None if the valences do not work out."""
    mol = Chem.RWMol()
    for i in range(len(atoms)):
        element = str(atoms.element[i])
        atom = Chem.Atom("H" if element == "D" else element)
        atom.SetFormalCharge(int(charges[i]))
        atom.SetProp("name", str(atoms.name[i]))
        mol.AddAtom(atom)
    for (a, b), order in bonds.items():
        if mol.GetBondBetweenAtoms(a, b) is None:
            mol.AddBond(a, b, bond_type(order))
    _charge_overfull(mol)
    conformer = Chem.Conformer(len(atoms))
    conformer.SetPositions(atoms.coord.astype(float))
    mol.AddConformer(conformer, assignId=True)
    with rdBase.BlockLogs():
        try:
            Chem.SanitizeMol(mol)
        except (Chem.AtomValenceException, Chem.KekulizeException, Chem.MolSanitizeException):
            return None
    return mol.GetMol()


def _charge_overfull(mol: Chem.RWMol) -> None:
    """Give nitrogen with four bonds and oxygen with three their positive charge (ammonium, oxonium)."""
    for atom in mol.GetAtoms():
        limit = {"N": 3, "O": 2}.get(atom.GetSymbol())
        orders = [bond.GetBondTypeAsDouble() for bond in atom.GetBonds()]
        if limit and atom.GetFormalCharge() == 0 and 1.5 not in orders and sum(orders) == limit + 1:
            atom.SetFormalCharge(1)
        elif limit and atom.GetFormalCharge() == -1 and 1.5 not in orders and sum(orders) == limit:
            atom.SetFormalCharge(0)
