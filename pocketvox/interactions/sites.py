"""What the atoms of one side can do, and the geometry needed to judge it: :class:`Sites`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from pocketvox.chemistry import elements, residues
from pocketvox.columns import is_any
from pocketvox.structure.atoms import OTHER, Atoms, Ligand
from pocketvox.structure.components import component_mol
from pocketvox.structure.neighbours import nearest, own_pairs

if TYPE_CHECKING:
    from pocketvox.chemistry.smarts import MoleculeRoles

MAX_NEIGHBOURS = 4
_ROLES = ("apolar", "hydrophobic", "binds_metal", "halogen", "donor", "acceptor")
#: No two atoms are bonded at more than this distance (angstrom).
LONGEST_BOND = 2.6
#: A hydrogen is nearer than this to its heavy atom (angstrom).
ATTACHED = 1.4


@dataclass(frozen=True)
class Group:
    """Atoms that act as one: a charged group or an aromatic ring.

    Attributes
    ----------
    atoms : ndarray, shape=(m,), dtype=int
    center : ndarray, shape=(3,), dtype=float64
        Centroid (angstrom).
    normal : ndarray, shape=(3,), dtype=float64
        Unit normal of the best plane (rings only, else zero).
    """

    atoms: np.ndarray
    center: np.ndarray
    normal: np.ndarray


@dataclass(frozen=True)
class Sites:
    """Heavy atoms with their roles.

    Attributes
    ----------
    coord : ndarray, shape=(n, 3), dtype=float64
        Heavy-atom positions (angstrom).
    index : ndarray, shape=(n,), dtype=int
        Index of each heavy atom in the atoms it was made from.
    apolar, hydrophobic, binds_metal, metal, halogen : ndarray, shape=(n,), dtype=bool
    donor, acceptor : ndarray, shape=(n,), dtype=uint8
        0, or the hybridisation: 2 (trigonal), 3 (tetrahedral).
    neighbours : ndarray, shape=(n, 4), dtype=int
        Covalent heavy neighbours, padded with -1.
    hydrogens : ndarray, shape=(n, 4, 3), dtype=float64
        Positions of explicit hydrogens, padded with NaN.
    explicit : ndarray, shape=(n,), dtype=bool
        The hydrogens of this atom (or its whole residue) are given; otherwise they are implied.
    rings, positive, negative : tuple of Group
    """

    coord: np.ndarray
    index: np.ndarray
    apolar: np.ndarray
    hydrophobic: np.ndarray
    donor: np.ndarray
    acceptor: np.ndarray
    binds_metal: np.ndarray
    metal: np.ndarray
    halogen: np.ndarray
    neighbours: np.ndarray
    hydrogens: np.ndarray
    explicit: np.ndarray
    rings: tuple[Group, ...]
    positive: tuple[Group, ...]
    negative: tuple[Group, ...]


def ligand_sites(ligand: Ligand) -> Sites:
    """Sites of a ligand, typed by SMARTS; ``index`` counts its heavy atoms."""
    from pocketvox.chemistry.smarts import atoms_of, has_hydrogens, molecule_roles

    mol = ligand.mol
    atoms = atoms_of(mol)
    numbers = np.array([atom.GetAtomicNum() for atom in atoms])
    heavy = np.flatnonzero(numbers > 1)
    position = np.full(len(numbers), -1)
    position[heavy] = np.arange(len(heavy))
    roles = molecule_roles(mol)
    bonded: list[list[int]] = [[] for _ in atoms]
    for bond in (mol.GetBondWithIdx(k) for k in range(mol.GetNumBonds())):
        a, b = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        bonded[a].append(b)
        bonded[b].append(a)
    neighbours = np.full((len(heavy), MAX_NEIGHBOURS), -1)
    hydrogens = np.full((len(heavy), MAX_NEIGHBOURS, 3), np.nan)
    conformer = mol.GetConformer().GetPositions()
    for row, i in enumerate(heavy.tolist()):
        others = [position[j] for j in bonded[i] if numbers[j] > 1][:MAX_NEIGHBOURS]
        neighbours[row, : len(others)] = others
        attached = [conformer[j] for j in bonded[i] if numbers[j] == 1][:MAX_NEIGHBOURS]
        if attached:
            hydrogens[row, : len(attached)] = attached
    coord = ligand.coord.astype(float)
    explicit = ~np.isnan(hydrogens[:, 0, 0]) | has_hydrogens(mol)
    return _with_hydrogens(
        Sites(
            coord=coord,
            index=np.arange(len(heavy)),
            apolar=roles.apolar,
            hydrophobic=roles.hydrophobic,
            donor=roles.donor,
            acceptor=roles.acceptor,
            binds_metal=roles.binds_metal,
            metal=np.array([atoms[i].GetSymbol() in elements.METALS for i in heavy], bool),
            halogen=roles.halogen,
            neighbours=neighbours,
            hydrogens=hydrogens,
            explicit=explicit,
            rings=_groups(coord, roles.rings, ring=True),
            positive=_groups(coord, roles.positive),
            negative=_groups(coord, roles.negative),
        )
    )


def receptor_sites(atoms: Atoms) -> Sites:
    """Sites of a receptor, typed by the residue table and, for residues outside it, by SMARTS.

    A residue that neither the table nor the component dictionary knows is typed by its elements and bonds alone.
    """
    heavy = np.flatnonzero(atoms.heavy)
    neighbours = covalent_neighbours(atoms.coord[heavy], atoms.element[heavy])
    hydrogens, explicit = _attached_hydrogens(atoms, heavy)
    typing = _ReceptorTyping(atoms, heavy, neighbours)
    protonated = ~np.isnan(hydrogens[:, 0, 0])
    positive = typing.positive + [pair for pair in typing.imidazoles if protonated[pair].all()]
    negative = [group for group in typing.negative if len(group) > 2 or not protonated[group].any()]
    coord = atoms.coord[heavy].astype(float)
    return _with_hydrogens(
        Sites(
            coord=coord,
            index=heavy,
            apolar=typing.apolar,
            hydrophobic=typing.hydrophobic,
            donor=typing.donor,
            acceptor=typing.acceptor,
            binds_metal=typing.binds_metal,
            metal=is_any(atoms.element[heavy], elements.METALS) & (atoms.kind[heavy] == OTHER),
            halogen=typing.halogen,
            neighbours=neighbours,
            hydrogens=hydrogens,
            explicit=explicit,
            rings=_groups(coord, typing.rings, ring=True),
            positive=_groups(coord, positive),
            negative=_groups(coord, negative),
        )
    )


def covalent_neighbours(coord: np.ndarray, element: np.ndarray) -> np.ndarray:
    """Covalently bonded atoms by distance, shape=(n, 4), padded with -1; metals have none.

    Atoms are bonded if nearer than the sum of their covalent radii plus ``BOND_TOLERANCE``, unless so near that they
    are alternatives of each other; nearest first.
    """
    radius = elements.lookup(elements.COVALENT_RADIUS, element, 0.0)
    neighbours = np.full((len(coord), MAX_NEIGHBOURS), -1)
    if len(coord) < 2:
        return neighbours
    i, j, distance = own_pairs(coord, LONGEST_BOND)
    bonded = (distance <= radius[i] + radius[j] + elements.BOND_TOLERANCE) & (distance >= elements.SHORTEST_BOND)
    bonded &= (radius[i] > 0) & (radius[j] > 0)
    i, j = np.concatenate([i[bonded], j[bonded]]), np.concatenate([j[bonded], i[bonded]])
    distance = np.tile(distance[bonded], 2)
    order = np.lexsort((j, distance, i))
    i, j = i[order], j[order]
    rank = np.arange(len(i)) - np.searchsorted(i, i)
    keep = rank < MAX_NEIGHBOURS
    neighbours[i[keep], rank[keep]] = j[keep]
    return neighbours


def _groups(coord: np.ndarray, members: list, ring: bool = False) -> tuple[Group, ...]:
    """Groups of atoms with their centres; those of one size are computed together."""
    members = [np.asarray(atoms, int) for atoms in members]
    groups: list[Group | None] = [None] * len(members)
    for size in {len(atoms) for atoms in members}:
        chosen = [k for k, atoms in enumerate(members) if len(atoms) == size]
        around = coord[np.stack([members[k] for k in chosen])]
        center = around.mean(axis=1)
        normal = np.linalg.svd(around - center[:, None])[2][:, 2] if ring else np.zeros_like(center)
        for row, k in enumerate(chosen):
            groups[k] = Group(members[k], center[row], normal[row])
    return tuple(groups)


def _with_hydrogens(sites: Sites) -> Sites:
    """Where hydrogens are given they decide: no hydrogen, no donor; a trigonal nitrogen with one accepts nothing.

    A hydrogen on a mere acceptor (protonated aspartate) makes it a donor too.
    """
    has_hydrogen = ~np.isnan(sites.hydrogens[:, 0, 0])
    sites.donor[sites.explicit & ~has_hydrogen] = 0
    added = has_hydrogen & (sites.donor == 0) & (sites.acceptor > 0)
    sites.donor[added] = sites.acceptor[added]
    tautomeric = (sites.donor == 2) & (sites.acceptor == 2) & (sites.neighbours[:, 1] >= 0)
    sites.acceptor[sites.explicit & has_hydrogen & tautomeric] = 0
    return sites


def _attached_hydrogens(atoms: Atoms, heavy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hydrogens within 1.4 A of their nearest heavy atom, and which heavy atoms' residues have any."""
    hydrogens = np.full((len(heavy), MAX_NEIGHBOURS, 3), np.nan)
    light = np.flatnonzero(~atoms.heavy)
    if not len(light) or not len(heavy):
        return hydrogens, np.zeros(len(heavy), bool)
    distance, parent = nearest(atoms.coord[light], atoms.coord[heavy], ATTACHED)
    filled = np.zeros(len(heavy), int)
    for h, p in zip(light[distance < ATTACHED], parent[distance < ATTACHED], strict=True):
        if filled[p] < MAX_NEIGHBOURS:
            hydrogens[p, filled[p]] = atoms.coord[h]
            filled[p] += 1
    return hydrogens, np.isin(atoms.residue[heavy], atoms.residue[light])


class _ReceptorTyping:
    """Roles of the heavy atoms of a receptor, filled residue by residue."""

    def __init__(self, atoms: Atoms, heavy: np.ndarray, neighbours: np.ndarray):
        n = len(heavy)
        self._roles = np.zeros((n, len(_ROLES)), np.uint8)
        self.apolar, self.hydrophobic, self.binds_metal, self.halogen = self._roles[:, :4].T.view(bool)
        self.donor, self.acceptor = self._roles[:, 4:].T
        self.rings, self.positive, self.negative, self.imidazoles = [], [], [], []
        self._atoms, self._neighbours = atoms[heavy], neighbours
        residue = self._atoms.residue
        starts = np.flatnonzero(np.r_[True, residue[1:] != residue[:-1]]) if n else np.empty(0, int)
        code, parent, name = self._atoms.res_name, self._atoms.parent, self._atoms.name.tolist()
        stops = [*starts[1:].tolist(), n]
        codes, parents = code[starts].tolist(), parent[starts].tolist()
        for start, stop, code, parent in zip(starts.tolist(), stops if n else [], codes, parents, strict=True):
            self._residue(start, stop, code, parent, tuple(name[start:stop]))
        self._saturate()

    def _saturate(self) -> None:
        """Take the donor off atoms whose valences are all bonded: disulfides, glycosides, phosphodiesters, proline."""
        bonds = (self._neighbours >= 0).sum(axis=1)
        divalent = is_any(self._atoms.element, ("O", "S", "Se"))
        self.donor[bonds >= np.where(divalent, 2, self.donor + 1)] = 0

    def _residue(self, start: int, stop: int, code: str, parent: str, names: tuple[str, ...]) -> None:
        if code not in residues.RESIDUES:
            rows = {name: i for i, name in enumerate(names, start)}
            if stop - start > 1 and self._by_dictionary(code, rows):
                return
            if parent not in residues.RESIDUES:
                self._by_element(start, stop)
                return
            code = parent
        known = _table_roles(code, names)
        self._roles[start:stop] = known.roles
        for target, groups in (
            (self.rings, known.rings),
            (self.positive, known.positive),
            (self.negative, known.negative),
            (self.imidazoles, known.imidazoles),
        ):
            target += [[start + i for i in group] for group in groups]

    def _by_dictionary(self, code: str, rows: dict[str, int]) -> bool:
        """Type a residue by SMARTS on its component; False if the dictionary lacks it or the names differ."""
        names, roles = _component_roles(code)
        if not set(rows) <= set(names) | {"OXT"}:
            return False
        known = [rows.get(name) for name in names]
        for k, i in enumerate(known):
            if i is None:
                continue
            self.apolar[i], self.hydrophobic[i] = roles.apolar[k], roles.hydrophobic[k]
            self.binds_metal[i], self.halogen[i] = roles.binds_metal[k], roles.halogen[k]
            self.donor[i], self.acceptor[i] = roles.donor[k], roles.acceptor[k]
        peptide = {"N", "CA", "C", "O"} <= set(rows)
        if peptide:  # the free amino acid of the dictionary is a residue here
            self.donor[rows["N"]], self.acceptor[rows["N"]] = 2 * (self._neighbours[rows["N"], 2] < 0), 0
            self.acceptor[rows["O"]], self.donor[rows["O"]] = 2, 0
        pairs = ((roles.rings, self.rings), (roles.positive, self.positive), (roles.negative, self.negative))
        for groups, target in pairs:
            for group in groups:
                present = [known[k] for k in group if known[k] is not None]
                backbone = peptide and (rows["N"] in present or (rows["O"] in present and "OXT" not in rows))
                if present and not backbone and (target is not self.rings or len(present) == len(group)):
                    target.append(present)
        return True

    def _by_element(self, start: int, stop: int) -> None:
        for i in range(start, stop):
            element = self._atoms.element[i]
            bonded = self._neighbours[i][self._neighbours[i] >= 0]
            if element in ("C", "S", "Se"):
                self.apolar[i] = not np.isin(self._atoms.element[bonded], ("N", "O", "F")).any()
                self.hydrophobic[i] = self.apolar[i] and len(bonded) > 1
            elif element == "O":
                self.acceptor[i] = 3
                self.donor[i] = 3 * (len(bonded) == 1)
                self.binds_metal[i] = True
            elif element == "N":
                self.donor[i] = 3 * (len(bonded) < 3)
                self.acceptor[i] = 3 * (len(bonded) < 3)
                self.binds_metal[i] = True


@dataclass(frozen=True)
class _TableRoles:
    """What the residue table says of a residue with certain atoms: roles, shape=(n, 6), and groups of its rows."""

    roles: np.ndarray
    rings: list[list[int]]
    positive: list[list[int]]
    negative: list[list[int]]
    imidazoles: list[list[int]]


@lru_cache(maxsize=4096)
def _table_roles(code: str, names: tuple[str, ...]) -> _TableRoles:
    """Roles of the atoms of a residue that is in the table; a structure repeats few of them."""
    rows = {name: i for i, name in enumerate(names)}
    aliases = residues.ATOM_ALIASES.get(code, {})
    if not aliases.keys().isdisjoint(rows):
        rows = {aliases.get(name, name): i for name, i in rows.items()}
    known = _TableRoles(np.zeros((len(names), len(_ROLES)), np.uint8), [], [], [], [])
    for name, roles in residues.RESIDUES[code].items():
        if (i := rows.get(name)) is not None:
            known.roles[i] = [getattr(roles, role, 0) for role in _ROLES]
    _collect(known.rings, residues.RINGS.get(code, ()), rows, complete=True)
    _collect(known.positive, residues.POSITIVE_GROUPS.get(code, ()), rows)
    _collect(known.negative, residues.NEGATIVE_GROUPS.get(code, ()), rows)
    if residues.ALIASES.get(code, code) == "HIS" and code not in residues.POSITIVE_GROUPS:
        _collect(known.imidazoles, ("ND1 NE2",), rows, complete=True)
    _collect(known.negative, (residues.TERMINUS_GROUP,), rows, complete=True)
    if "P" in rows:
        _collect(known.negative, (residues.PHOSPHATE_GROUP,), rows)
    return known


@lru_cache(maxsize=256)
def _component_roles(code: str) -> tuple[tuple[str, ...], MoleculeRoles | None]:
    """Names and roles of a component's heavy atoms; none if the dictionary lacks it."""
    from rdkit import Chem

    from pocketvox.chemistry.smarts import molecule_roles

    mol = component_mol(code)
    if mol is None:
        return (), None
    mol = Chem.RemoveAllHs(mol, sanitize=False)
    return tuple(a.GetProp("name") for a in mol.GetAtoms()), molecule_roles(mol)


def _collect(target: list, groups: tuple[str, ...], rows: dict[str, int], complete: bool = False) -> None:
    """Append the rows of each group's atoms that are there (all of them, if ``complete``)."""
    for group in groups:
        names = group.split()
        present = [rows[name] for name in names if name in rows]
        if present and (not complete or len(present) == len(names)):
            target.append(present)
