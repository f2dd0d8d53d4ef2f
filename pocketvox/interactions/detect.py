"""Rule-based detection of interactions between a receptor and its ligands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pocketvox.channels import TYPED
from pocketvox.interactions.definitions import DEFINITIONS, Definitions, HydrogenBond
from pocketvox.interactions.sites import Group, Sites, ligand_sites, receptor_sites
from pocketvox.structure.atoms import Atoms, Complex
from pocketvox.structure.neighbours import is_near, nearest

#: Receptor residues farther than this from every ligand atom cannot take part, waters included (angstrom).
HORIZON = 10.0
_IDEAL_ANGLE = np.array([0.0, 0.0, 120.0, 109.5])
_CHANNEL = {name: k for k, name in enumerate(TYPED)}


@dataclass(frozen=True)
class Interactions:
    """Detected interactions, one per row, ordered by ligand, channel, ligand atom and distance.

    Attributes
    ----------
    channel : ndarray, shape=(k,), dtype=uint8
        Index into :data:`pocketvox.channels.CHANNELS`.
    point : ndarray, shape=(k, 3), dtype=float32
        Ligand-side position: heavy atom, ring centroid or charge centre (angstrom).
    ligand : ndarray, shape=(k,), dtype=int32
        Index into ``Complex.ligands``.
    distance, angle : ndarray, shape=(k,), dtype=float32
        The distance (angstrom) and angle (degrees, NaN if the definition has none) that were judged.
    ligand_atoms, receptor_atoms : tuple of ndarray
        Heavy atoms of the ligand, and atoms of ``Complex.receptor``, that take part.
    water : ndarray, shape=(k,), dtype=int32
        Index into ``Complex.waters`` of the bridging water, -1 if none.
    """

    channel: np.ndarray
    point: np.ndarray
    ligand: np.ndarray
    distance: np.ndarray
    angle: np.ndarray
    ligand_atoms: tuple[np.ndarray, ...]
    receptor_atoms: tuple[np.ndarray, ...]
    water: np.ndarray

    def __len__(self) -> int:
        return len(self.channel)


def find_interactions(
    complex_: Complex, definitions: Definitions = DEFINITIONS, *, together: bool = False
) -> Interactions:
    """Every interaction of every ligand of a complex with its receptor.

    Hydrogens are used where a residue or ligand has them and implied by heavy-atom geometry elsewhere.

    Parameters
    ----------
    complex_ : Complex
        As made by :func:`pocketvox.structure.read_complex`.
    definitions : Definitions, optional
        Cut-offs.
    together : bool, optional
        Type the receptor once for all ligands instead of around each: faster for many poses in one place.

    Returns
    -------
    Interactions
    """
    rows: list[tuple] = []
    near, receptor = np.empty(0, int), None
    if together and complex_.ligands:
        near = residues_near(complex_.receptor, np.concatenate([ligand.coord for ligand in complex_.ligands]), HORIZON)
        receptor = receptor_sites(complex_.receptor[near]) if len(near) else None
    for number, ligand in enumerate(complex_.ligands):
        if not together:
            near = residues_near(complex_.receptor, ligand.coord, HORIZON)
            receptor = receptor_sites(complex_.receptor[near]) if len(near) else None
        if receptor is None:
            continue
        oxygens = np.flatnonzero(complex_.waters.heavy)
        if len(oxygens):
            reach = definitions.water_bridge.distance
            distance, _ = nearest(complex_.waters.coord[oxygens], ligand.coord, reach)
            oxygens = oxygens[distance <= reach]
        found = _detect(ligand_sites(ligand), receptor, complex_.waters.coord[oxygens].astype(float), definitions)
        for channel, point, distance, angle, ligand_atoms, receptor_atoms, water in found:
            atoms = near[receptor.index[np.atleast_1d(receptor_atoms)]]
            water = oxygens[water] if water >= 0 else -1
            rows.append((number, channel, np.atleast_1d(ligand_atoms), distance, angle, point, atoms, water))
    rows.sort(key=lambda row: (row[0], row[1], tuple(row[2]), row[3], tuple(row[6])))
    columns = list(zip(*rows, strict=True)) or [()] * 8
    number, channel, ligand_atoms, distance, angle, point, receptor_atoms, water = columns
    return Interactions(
        channel=np.array(channel, np.uint8),
        point=np.array(point, np.float32).reshape(-1, 3),
        ligand=np.array(number, np.int32),
        distance=np.array(distance, np.float32),
        angle=np.array(angle, np.float32),
        ligand_atoms=tuple(ligand_atoms),
        receptor_atoms=tuple(receptor_atoms),
        water=np.array(water, np.int32),
    )


def residues_near(atoms: Atoms, coord: np.ndarray, distance: float) -> np.ndarray:
    """Indices of all atoms of the residues that have an atom within ``distance`` of ``coord``, dtype=int."""
    if not len(atoms) or not len(coord):
        return np.empty(0, int)
    chosen = np.zeros(int(atoms.residue.max()) + 1, bool)
    chosen[atoms.residue[is_near(atoms.coord, coord, distance)]] = True
    return np.flatnonzero(chosen[atoms.residue])


def _detect(ligand: Sites, receptor: Sites, water: np.ndarray, rules: Definitions):
    """Yield (channel index, point, distance, angle, ligand atoms, receptor atoms, water) tuples."""
    for d, a, distance, angle in hydrogen_bonds(ligand, receptor, rules.hbond):
        yield _CHANNEL["hbond_donor"], ligand.coord[d], distance, angle, d, a, -1
    for d, a, distance, angle in hydrogen_bonds(receptor, ligand, rules.hbond):
        yield _CHANNEL["hbond_acceptor"], ligand.coord[a], distance, angle, a, d, -1
    anchors = ligand.hydrophobic[:, None] & receptor.hydrophobic[None]
    touching = ligand.apolar[:, None] & receptor.apolar[None]
    reach = np.where(anchors, rules.hydrophobic.distance, np.where(touching, rules.hydrophobic.contact, 0.0))
    distance = np.linalg.norm(ligand.coord[:, None] - receptor.coord[None], axis=2)
    yield from _contacts("hydrophobic", ligand, distance, reach)
    coordinating = ligand.binds_metal[:, None] & receptor.metal[None]
    if coordinating.any():
        yield from _contacts("metal", ligand, distance, np.where(coordinating, rules.metal.distance, 0.0))
    yield from _pi_stacking(ligand, receptor, rules)
    yield from _pi_cation(ligand, receptor, rules)
    yield from _salt_bridges("salt_bridge_cation", ligand.positive, receptor.negative, distance, rules)
    yield from _salt_bridges("salt_bridge_anion", ligand.negative, receptor.positive, distance, rules)
    yield from _halogen_bonds(ligand, receptor, rules)
    yield from _water_bridges(ligand, receptor, water, rules)


def hydrogen_bonds(donors: Sites, acceptors: Sites, rule: HydrogenBond) -> list[tuple[int, int, float, float]]:
    """Hydrogen bonds from one side to the other: (donor atom, acceptor atom, distance, angle)."""
    i, j = _pairs(donors, np.flatnonzero(donors.donor), acceptors, np.flatnonzero(acceptors.acceptor), rule.distance)
    if not len(i):
        return []
    target = acceptors.coord[j]
    valid, angle = _donor_geometry(donors, i, target, rule)
    distance = np.linalg.norm(donors.coord[i] - target, axis=1)
    return [(int(i[k]), int(j[k]), distance[k], angle[k]) for k in np.flatnonzero(valid)]


def _donor_geometry(sites: Sites, i: np.ndarray, target: np.ndarray, rule: HydrogenBond):
    """Whether donor ``i[k]`` points at ``target[k]``, and the angle judged: D-H...A, or X-D...A if implied."""
    with np.errstate(invalid="ignore"):
        hydrogen = sites.hydrogens[i]
        dha = _angle(sites.coord[i][:, None] - hydrogen, target[:, None] - hydrogen)
    dha = np.where(np.isnan(dha), -1.0, dha).max(axis=1)
    explicit_ok = (dha >= rule.angle[0]) & (dha <= rule.angle[1])

    neighbour = sites.neighbours[i]
    toward = (target - sites.coord[i])[:, None]
    xda = _angle(sites.coord[neighbour] - sites.coord[i][:, None], toward)
    deviation = np.abs(xda - _IDEAL_ANGLE[sites.donor[i]][:, None])
    deviation[neighbour < 0] = np.inf
    best = deviation.argmin(axis=1)
    xda = np.take_along_axis(xda, best[:, None], axis=1)[:, 0]
    alone = (neighbour < 0).all(axis=1)
    implied_ok = (deviation.min(axis=1) <= rule.deviation) | alone
    trigonal = (sites.donor[i] == 2) & ~alone
    if trigonal.any():
        elevation = np.abs(90.0 - _angle(_plane_normals(sites, i[trigonal]), toward[trigonal, 0]))
        implied_ok[trigonal] &= ~(elevation > rule.plane)  # an undefined plane (NaN) excludes nothing

    explicit = sites.explicit[i]
    return np.where(explicit, explicit_ok, implied_ok), np.where(explicit, dha, np.where(alone, np.nan, xda))


def _plane_normals(sites: Sites, i: np.ndarray) -> np.ndarray:
    """Normals of the planes of trigonal atoms: their neighbours, or their one neighbour's; NaN if undefined."""
    first, second = sites.neighbours[i, 0], sites.neighbours[i, 1].copy()
    lonely = np.flatnonzero((second < 0) & (first >= 0))
    beyond = sites.neighbours[first[lonely]]
    beyond = np.where(beyond == i[lonely, None], -1, beyond)
    found = (beyond >= 0).argmax(axis=1)
    second[lonely] = beyond[np.arange(len(lonely)), found]
    here = sites.coord[i]
    (ax, ay, az), (bx, by, bz) = (sites.coord[first] - here).T, (sites.coord[second] - here).T
    normal = np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=1)
    normal[second < 0] = np.nan
    return normal


def _contacts(channel: str, ligand: Sites, distance: np.ndarray, reach: np.ndarray):
    """Atom pairs whose distance is at most ``reach``, both of shape=(ligand atoms, receptor atoms)."""
    for i, j in zip(*np.nonzero(distance <= reach), strict=True):
        yield _CHANNEL[channel], ligand.coord[i], distance[i, j], np.nan, i, j, -1


def _pi_stacking(ligand: Sites, receptor: Sites, rules: Definitions):
    for ours in ligand.rings:
        for theirs in _around(ours.center, receptor.rings, rules.pi_stacking.edge_distance):
            distance = _distance(ours.center, theirs.center)
            if distance <= rules.pi_stacking.edge_distance and is_stacked(ours, theirs, distance, rules):
                angle = _fold(_angle(ours.normal, theirs.normal))
                yield _CHANNEL["pi_stacking"], ours.center, distance, angle, ours.atoms, theirs.atoms, -1


def is_stacked(a: Group, b: Group, distance: float, rules: Definitions) -> bool:
    """Whether two rings are stacked face to face or edge to face; ``distance`` is that of their centroids."""
    rule = rules.pi_stacking
    line = b.center - a.center
    plane = _fold(_angle(a.normal, b.normal))
    offsets = (_fold(_angle(a.normal, line)), _fold(_angle(b.normal, line)))
    facing = _in(plane, rule.face_plane) and any(_in(o, rule.face_normal) for o in offsets)
    if facing and distance <= rule.face_distance:
        return True
    if not (_in(plane, rule.edge_plane) and any(_in(o, rule.edge_normal) for o in offsets)):
        return False
    direction = np.cross(a.normal, b.normal)
    system = np.array([a.normal, b.normal, direction])
    point = np.linalg.solve(system, [a.normal @ a.center, b.normal @ b.center, direction @ a.center])
    return min(_distance(point, a.center), _distance(point, b.center)) <= rule.intersection


def _pi_cation(ligand: Sites, receptor: Sites, rules: Definitions):
    near = [rules.pi_cation.distance + _spread(side.coord, side.positive) for side in (receptor, ligand)]
    pairs = [
        (ring, cation, True) for ring in ligand.rings for cation in _around(ring.center, receptor.positive, near[0])
    ]
    pairs += [
        (ring, cation, False) for ring in receptor.rings for cation in _around(ring.center, ligand.positive, near[1])
    ]
    for ring, cation, own_ring in pairs:
        charges = (receptor if own_ring else ligand).coord[cation.atoms]
        distances = np.linalg.norm(charges - ring.center, axis=1)
        nearest = int(distances.argmin())
        if distances[nearest] > rules.pi_cation.distance:
            continue
        angle = _fold(_angle(ring.normal, charges[nearest] - ring.center))
        if _in(angle, rules.pi_cation.normal):
            ours, theirs = (ring, cation) if own_ring else (cation, ring)
            yield _CHANNEL["pi_cation"], ours.center, distances[nearest], angle, ours.atoms, theirs.atoms, -1


def _salt_bridges(channel: str, ours: tuple[Group, ...], theirs: tuple[Group, ...], distance, rules: Definitions):
    for left in ours:
        nearest = distance[left.atoms].min(axis=0)
        for right in theirs:
            gap = nearest[right.atoms].min()
            if gap <= rules.salt_bridge.distance:
                yield _CHANNEL[channel], left.center, gap, np.nan, left.atoms, right.atoms, -1


def _spread(coord: np.ndarray, groups: tuple[Group, ...]) -> float:
    """How far an atom of a group is from the group's centre at most (angstrom)."""
    if not groups:
        return 0.0
    center = np.repeat([group.center for group in groups], [len(group.atoms) for group in groups], axis=0)
    return float(np.linalg.norm(coord[np.concatenate([group.atoms for group in groups])] - center, axis=1).max())


def _around(point: np.ndarray, groups: tuple[Group, ...], reach: float) -> list[Group]:
    """The groups whose centres are within reach, and perhaps some just beyond it."""
    if not groups:
        return []
    gap = np.array([group.center for group in groups]) - point
    return [groups[k] for k in np.flatnonzero((gap * gap).sum(axis=1) <= (reach + 1e-6) ** 2)]


def _halogen_bonds(ligand: Sites, receptor: Sites, rules: Definitions):
    rule = rules.halogen_bond
    halogens, acceptors = np.flatnonzero(ligand.halogen), np.flatnonzero(receptor.acceptor)
    for i, j in zip(*_pairs(ligand, halogens, receptor, acceptors, rule.distance), strict=True):
        carbon = ligand.neighbours[i, 0]
        behind = receptor.neighbours[j][receptor.neighbours[j] >= 0]
        if carbon < 0 or not len(behind):
            continue
        line = receptor.coord[j] - ligand.coord[i]
        donor_angle = float(_angle(ligand.coord[carbon] - ligand.coord[i], line))
        acceptor_angles = _angle(receptor.coord[behind] - receptor.coord[j], -line)
        if _in(donor_angle, rule.donor_angle) and any(_in(a, rule.acceptor_angle) for a in acceptor_angles):
            yield _CHANNEL["halogen_bond"], ligand.coord[i], _distance(line, 0), donor_angle, i, j, -1


def _water_bridges(ligand: Sites, receptor: Sites, water: np.ndarray, rules: Definitions):
    rule = rules.water_bridge
    if not len(water):
        return
    ours, theirs = (_water_partners(side, water, rule.distance, rules.hbond) for side in (ligand, receptor))
    for w, oxygen in enumerate(water):
        i, j = (grid.ravel() for grid in np.meshgrid(ours[w], theirs[w], indexing="ij"))
        angles = _angle(ligand.coord[i] - oxygen, receptor.coord[j] - oxygen)
        for k in np.flatnonzero((angles >= rule.angle[0]) & (angles <= rule.angle[1])):
            distance = _distance(ligand.coord[i[k]], oxygen)
            yield _CHANNEL["water_bridge"], ligand.coord[i[k]], distance, float(angles[k]), i[k], j[k], w


def _water_partners(sites: Sites, water: np.ndarray, reach: float, rule: HydrogenBond) -> list[np.ndarray]:
    """Atoms that accept from, or donate to, each water; the water itself has no direction."""
    polar = np.flatnonzero((sites.donor > 0) | (sites.acceptor > 0))
    distance = np.linalg.norm(sites.coord[polar] - water[:, None], axis=2)
    w, k = np.nonzero(distance <= reach)
    atom = polar[k]
    if len(atom):
        donates, _ = _donor_geometry(sites, atom, water[w], rule)
        kept = (sites.acceptor[atom] > 0) | ((sites.donor[atom] > 0) & donates)
        w, atom = w[kept], atom[kept]
    return np.split(atom, np.searchsorted(w, np.arange(1, len(water))))


def _pairs(left: Sites, i: np.ndarray, right: Sites, j: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Index pairs of atoms of both sides within ``reach`` (angstrom)."""
    distance = np.linalg.norm(left.coord[i][:, None] - right.coord[j][None], axis=2)
    a, b = np.nonzero(distance <= reach)
    return i[a], j[b]


def _angle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Angle between vectors along the last axis (degrees); NaN if one is zero or NaN."""
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = _dot(u, v) / np.sqrt(_dot(u, u) * _dot(v, v))
    return np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))


def _dot(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Scalar products along the last axis, of length 3."""
    return u[..., 0] * v[..., 0] + u[..., 1] * v[..., 1] + u[..., 2] * v[..., 2]


def _fold(angle: float) -> float:
    """Angle to an undirected line: 0 to 90 degrees."""
    return float(min(angle, 180.0 - angle))


def _in(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]


def _distance(a: np.ndarray, b) -> float:
    return float(np.linalg.norm(a - b))
