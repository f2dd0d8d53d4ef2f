"""Bond orders from positions alone, for ligands that no dictionary knows.

Atoms are bonded by distance. Which bonds are double or triple is the solution of a small integer program: every atom
has a free valence (from its bonds, hydrogens if the file has them, and planarity if not), every multiple bond earns the
more the shorter it is, and every planar carbon that gets its double bond earns a fixed amount, so that benzene is
solved by counting and an amide by its lengths.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array
from scipy.spatial.distance import cdist

from .bonds import covalent_radius

_TOLERANCE = 0.40  # angstrom over the sum of radii; looser than between residues, nothing else is near
_MOST_BONDS = {"C": 4, "N": 4, "O": 2, "F": 1, "Cl": 1, "Br": 1, "I": 1, "S": 6, "P": 5, "B": 4, "Se": 4, "Si": 4}

# lengths (angstrom) half-way between single and double, and between double and triple bonds:
# Allen et al., J. Chem. Soc. Perkin Trans. 2, S1 (1987), doi:10.1039/p298700000s1
_DOUBLE = {"CC": 1.405, "CN": 1.355, "CO": 1.29, "CS": 1.70, "NN": 1.33, "NO": 1.31, "OS": 1.52, "OP": 1.54, "NS": 1.58,
           "NP": 1.62, "PS": 1.98, "SS": 1.95, "CP": 1.75, "CSe": 1.84, "OSe": 1.68}  # fmt: skip
_TRIPLE = {"CC": 1.26, "CN": 1.20, "NN": 1.16}

_FLAT = {5: 9.0, 6: 14.0}  # largest ring torsion of a planar ring (degrees)
_PLANAR_SUM = 353.0  # sum of three angles at a trigonal atom (degrees; tetrahedral: 328)
_TRIGONAL, _LINEAR = 116.5, 155.0  # angle at an atom with two neighbours (degrees)

_PLANAR_REWARD = 0.6  # a planar carbon with its double bond, in angstrom of bond length
_CATION_COST = 0.25
_OXO_REWARD = 0.3  # S=O, P=O and nitro: their lengths do not tell, and they are never left single
_CARBONYL_REWARD = 0.06  # C=O against the enol, where no flat ring holds the carbon
_IMINE_COST = 0.05  # C=NH against the amine


def perceive_bonds(coord: np.ndarray, element: np.ndarray) -> tuple[dict[tuple[int, int], int], np.ndarray]:
    """Bonds, their orders and formal charges.

    Parameters
    ----------
    coord : ndarray, shape=(n, 3)
        Positions (angstrom).
    element : ndarray, shape=(n,), dtype=str

    Returns
    -------
    bonds : dict
        ``(i, j)``, ``i < j`` -> order 1, 2 or 3.
    charges : ndarray, shape=(n,), dtype=int
    """
    coord, element = np.asarray(coord, float), np.asarray(element)
    pairs = connect(coord, element)
    neighbours: list[list[int]] = [[] for _ in element]
    for i, j in pairs:
        neighbours[i].append(j)
        neighbours[j].append(i)
    heavy = ~np.isin(element, ("H", "D"))
    explicit = int((~heavy).sum()) * 4 > int(heavy.sum())
    flat = _planar_ring_atoms(coord, element, neighbours)
    free, reward = _free_valences(coord, element, neighbours, explicit, flat)
    degree = np.array([len(near) for near in neighbours])
    values = {}
    for i, j in pairs:
        if heavy[i] and heavy[j] and free[i] and free[j]:
            value = _double_bond_value(coord, element, degree, flat, i, j)
            if value is not None:
                values[i, j] = value
    extra = _solve(coord, element, values, free, reward)
    bonds = {pair: 1 + extra.get(pair, 0) for pair in pairs}
    return bonds, _charges(element, bonds, neighbours, explicit)


def connect(coord: np.ndarray, element: np.ndarray, tolerance: float = _TOLERANCE) -> list[tuple[int, int]]:
    """Bonded pairs ``(i, j)``, ``i < j``, by distance; hydrogens get one bond, other atoms no more than their most."""
    radius = covalent_radius(element)
    distance = cdist(coord, coord)
    hydrogen = np.isin(element, ("H", "D"))
    bonded = (distance < radius[:, None] + radius + tolerance) & (distance > 0.6)
    bonded &= ~(hydrogen[:, None] & hydrogen) & (radius[:, None] > 0) & (radius > 0)
    for i in np.flatnonzero(hydrogen):
        near = np.flatnonzero(bonded[i])
        if len(near) > 1:
            drop = near[np.argsort(distance[i, near])[1:]]
            bonded[i, drop] = bonded[drop, i] = False
    for i in range(len(element)):
        near = np.flatnonzero(bonded[i])
        excess = near[np.argsort(distance[i, near])[_MOST_BONDS.get(str(element[i]), 6) :]]
        bonded[i, excess] = bonded[excess, i] = False
    return [(int(i), int(j)) for i, j in np.argwhere(np.triu(bonded))]


def _free_valences(coord, element, neighbours, explicit, flat) -> tuple[np.ndarray, np.ndarray]:
    """Extra bond orders an atom can take, and what satisfying it earns."""
    free, reward = np.zeros(len(element), int), np.zeros(len(element))
    for i, symbol in enumerate(element):
        degree = len(neighbours[i])
        if symbol == "C":
            free[i] = 4 - degree if explicit else _free_of_carbon(coord, element, i, neighbours[i], i in flat)
            reward[i] = _PLANAR_REWARD
        elif symbol == "N":
            free[i] = max(0, 3 - degree) if degree < 3 else int(degree == 3)
            if degree == 3:
                oxo = sum(element[j] == "O" and len(neighbours[j]) == 1 for j in neighbours[i])
                reward[i] = _OXO_REWARD if oxo == 2 else 0.0 if oxo and i in flat else -_CATION_COST
            if degree == 2 and not explicit:
                reward[i] = 0.05 if i in flat else 0.0
        elif symbol in ("O", "S", "Se") and degree == 1:
            free[i] = 1
        elif symbol in ("S", "Se") and degree > 2:
            free[i] = {3: 1, 4: 2}.get(degree, 0)
        elif symbol == "P" and degree == 4:
            free[i] = 1
    return np.maximum(free, 0), reward


def _free_of_carbon(coord, element, i: int, near: list[int], flat: bool) -> int:
    if len(near) >= 4 or not near:
        return 0
    if len(near) == 1:
        pair = "".join(sorted((str(element[i]), str(element[near[0]]))))
        length = float(np.linalg.norm(coord[i] - coord[near[0]]))
        return 2 if length < _TRIPLE.get(pair, 0) else int(length < _DOUBLE.get(pair, 0))
    angles = [_angle(coord[a], coord[i], coord[b]) for k, a in enumerate(near) for b in near[k + 1 :]]
    if len(near) == 3:
        return int(flat or sum(angles) > _PLANAR_SUM)
    return 2 if angles[0] > _LINEAR else int(flat or angles[0] > _TRIGONAL)


def _planar_ring_atoms(coord, element, neighbours) -> set[int]:
    from rdkit import Chem

    mol = Chem.RWMol()
    for symbol in element:
        mol.AddAtom(Chem.Atom("H" if symbol == "D" else str(symbol)))
    for i, near in enumerate(neighbours):
        for j in near:
            if i < j:
                mol.AddBond(i, j, Chem.BondType.SINGLE)
    Chem.FastFindRings(mol)
    flat: set[int] = set()
    for ring in Chem.GetSymmSSSR(mol):
        ring = list(ring)
        limit = _FLAT.get(len(ring))
        if limit and all(len(neighbours[i]) < 4 for i in ring):
            corners = coord[[ring[k % len(ring)] for k in range(len(ring) + 3)]]
            torsions = [abs(_torsion(*corners[k : k + 4])) for k in range(len(ring))]
            if max(torsions) < limit:
                flat.update(ring)
    return flat


def _double_bond_value(coord, element, degree, flat, i: int, j: int) -> float | None:
    """Benefit of a double bond (angstrom of bond length), None if there can be none."""
    if (element[j], element[i]) in (("S", "N"), ("S", "O"), ("P", "O"), ("P", "N"), ("P", "S"), ("C", "O"), ("C", "N")):
        i, j = j, i  # centre first
    pair = "".join(sorted((str(element[i]), str(element[j]))))
    if pair not in _DOUBLE:
        return None
    value = _DOUBLE[pair] - float(np.linalg.norm(coord[i] - coord[j]))
    for a, b in ((i, j), (j, i)):
        if element[a] in ("S", "P", "Se") and degree[a] > 2:
            if element[b] not in ("O", "S", "N") or degree[b] > (2 if element[b] == "N" else 1):
                return None
            return value + _OXO_REWARD if element[b] == "O" else value
    if value < -0.12:
        return None
    if element[i] == "C" and element[j] == "O" and i not in flat:
        value += _CARBONYL_REWARD
    if element[i] == "C" and element[j] == "N" and degree[j] == 1:
        value -= _IMINE_COST
    return value


def _solve(coord, element, doubles, free, reward) -> dict[tuple[int, int], int]:
    """Orders beyond one, of most benefit in all."""
    choices = []  # (pair, value of the step, level)
    for (i, j), value in doubles.items():
        choices.append(((i, j), value, 1))
        pair = "".join(sorted((str(element[i]), str(element[j]))))
        length = float(np.linalg.norm(coord[i] - coord[j]))
        if min(free[i], free[j]) > 1 and pair in _TRIPLE and _TRIPLE[pair] - length > -0.04:
            choices.append(((i, j), _TRIPLE[pair] - length + 0.02, 2))
    if not choices:
        return {}
    atoms = sorted({i for (pair, _, _) in choices for i in pair})
    column = {i: len(choices) + k for k, i in enumerate(atoms)}
    n = len(choices) + len(atoms)
    gain = np.array([value for _, value, _ in choices] + [reward[i] for i in atoms])
    rows, cols, values, upper = [], [], [], []
    lower = []

    def constrain(terms, low, high):
        for col, coefficient in terms:
            rows.append(len(upper))
            cols.append(col)
            values.append(coefficient)
        lower.append(low)
        upper.append(high)

    for i in atoms:
        mine = [(k, 1.0) for k, (pair, _, _) in enumerate(choices) if i in pair]
        constrain(mine, -np.inf, float(free[i]))
        constrain([*mine, (column[i], -1.0)], 0.0, np.inf)  # satisfied only with a multiple bond
        constrain([*mine, (column[i], -float(free[i]))], -np.inf, 0.0)  # and then necessarily
    level = {(pair, step): k for k, (pair, _, step) in enumerate(choices)}
    for (pair, step), k in level.items():
        if step == 2:
            constrain([(level[pair, 1], 1.0), (k, -1.0)], 0.0, np.inf)
    # scipy before 1.15 solves with indices of 32 bits only
    matrix = coo_array((values, np.array((rows, cols), np.int32)), shape=(len(upper), n)).tocsc()
    result = milp(
        -gain, constraints=LinearConstraint(matrix, lower, upper), integrality=np.ones(n), bounds=Bounds(0, 1)
    )
    extra: dict[tuple[int, int], int] = {}
    if result.x is not None:
        for (pair, _, _), on in zip(choices, result.x > 0.5, strict=False):
            extra[pair] = extra.get(pair, 0) + int(on)
    return extra


def _charges(element, bonds, neighbours, explicit) -> np.ndarray:
    order = np.zeros(len(element), int)
    for (i, j), value in bonds.items():
        order[i] += value
        order[j] += value
    charges = np.zeros(len(element), int)
    for i, symbol in enumerate(element):
        if symbol == "N" and order[i] == 4:
            charges[i] = 1
        elif symbol == "B" and order[i] == 4:
            charges[i] = -1
        elif symbol in ("O", "S") and order[i] == 1:
            centre = neighbours[i][0]
            zwitterion = element[centre] == "N" and order[centre] == 4  # nitro, N-oxide
            charges[i] = -1 if explicit or zwitterion else 0
    return charges


def _angle(a, b, c) -> float:
    u, v = a - b, c - b
    return float(np.degrees(np.arccos(np.clip(u @ v / (np.linalg.norm(u) * np.linalg.norm(v)), -1, 1))))


def _torsion(a, b, c, d) -> float:
    u, v, w = b - a, c - b, d - c
    return float(np.degrees(np.arctan2(np.linalg.norm(v) * (u @ np.cross(v, w)), np.cross(u, v) @ np.cross(v, w))))
