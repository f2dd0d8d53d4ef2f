"""What the network sees: atom types, and ideal partner positions whose geometry is worked out by hand here."""

from __future__ import annotations

from dataclasses import fields, replace

import gemmi
import numpy as np
import pytest
from scipy.spatial import cKDTree
from tiny_complex import direction, hexagon, make_atoms, rotation

from pocketvox.chemistry.elements import VDW_RADIUS
from pocketvox.features import (
    ATOM_TYPES,
    CLASH_DISTANCE,
    FEATURES,
    HBOND_LENGTH,
    SITE_RADIUS,
    SITE_TYPES,
    STACKING_DISTANCE,
    receptor_points,
    receptor_types,
)
from pocketvox.structure import read_complex
from pocketvox.structure.atoms import Atoms

TETRAHEDRAL = 109.47


def points(atoms: Atoms, feature: str) -> np.ndarray:
    found = receptor_points(atoms)
    return found.coord[found.features[:, FEATURES.index(feature)]].astype(float)


def typed(atoms: Atoms, feature: str) -> set[str]:
    return set(atoms.name[receptor_types(atoms)[:, ATOM_TYPES.index(feature)]].tolist())


def angle(a, vertex, b) -> float:
    u, v = np.subtract(a, vertex), np.subtract(b, vertex)
    return float(np.degrees(np.arccos(u @ v / np.linalg.norm(u) / np.linalg.norm(v))))


def at(atoms: Atoms, name: str) -> np.ndarray:
    return atoms.coord[atoms.name == name][0].astype(float)


def carboxamide() -> Atoms:
    """Asparagine's side chain, planar, in the xy plane."""
    carbon = np.zeros(3)
    return make_atoms(
        (
            "ASN",
            {"CG": carbon, "OD1": 1.24 * direction(0), "ND2": 1.33 * direction(122), "CB": 1.52 * direction(-120)},
        )
    )


def alcohol() -> Atoms:
    """Serine's side chain: OG, CB and CA."""
    oxygen, beta = np.zeros(3), 1.42 * direction(180)
    return make_atoms(("SER", {"OG": oxygen, "CB": beta, "CA": beta + 1.53 * direction(180 - 70.5, 90)}))


def ammonium() -> Atoms:
    """Lysine's side chain end: NZ, CE and CD."""
    nitrogen, epsilon = np.zeros(3), 1.49 * direction(180)
    return make_atoms(("LYS", {"NZ": nitrogen, "CE": epsilon, "CD": epsilon + 1.52 * direction(180 - 70.5, 30)}))


def imidazole() -> Atoms:
    """Histidine's side chain on a regular pentagon."""
    names = ("CG", "CD2", "NE2", "CE1", "ND1")
    corners = [1.17 * direction(72.0 * k + 10) for k in range(5)]
    return make_atoms(("HIS", dict(zip(names, corners, strict=True)) | {"CB": 2.67 * direction(10)}))


# Ideal hydrogen bonds


def test_van_der_waals_radii_are_those_of_bondi_and_alvarez():
    """As gemmi has them, from the same papers."""
    for element, radius in VDW_RADIUS.items():
        assert gemmi.Element(element).vdw_r == pytest.approx(radius, abs=1e-6), element


def test_carbonyl():
    """Two lone pairs in the plane of the group, 120 degrees from the bond."""
    atoms = carboxamide()
    sites = points(atoms, "acceptor_site")
    assert len(sites) == 2
    oxygen, carbon = at(atoms, "OD1"), at(atoms, "CG")
    for site in sites:
        assert np.linalg.norm(site - oxygen) == pytest.approx(HBOND_LENGTH, abs=1e-5)
        assert angle(carbon, oxygen, site) == pytest.approx(120.0, abs=1e-3)
        assert site[2] == pytest.approx(0.0, abs=1e-5)
    assert angle(sites[0], oxygen, sites[1]) == pytest.approx(120.0, abs=1e-3)


def test_primary_amide():
    """Two hydrogens in the plane; one of them is cis to the oxygen."""
    atoms = carboxamide()
    sites = points(atoms, "donor_site")
    assert len(sites) == 2
    for site in sites:
        assert angle(at(atoms, "CG"), at(atoms, "ND2"), site) == pytest.approx(120.0, abs=1e-3)
        assert site[2] == pytest.approx(0.0, abs=1e-5)


def test_backbone_amide():
    """One hydrogen opposite to the two neighbours."""
    atoms = make_atoms(("GLY", {"C": 1.33 * direction(119)}), ("GLY", {"N": (0, 0, 0), "CA": 1.45 * direction(-121)}))
    sites = points(atoms, "donor_site")
    np.testing.assert_allclose(sites, [HBOND_LENGTH * direction(-1)], atol=1e-4)
    assert angle(at(atoms, "C"), at(atoms, "N"), sites[0]) == pytest.approx(120.0, abs=1e-3)


def test_imidazole():
    """Each nitrogen points straight away from the ring, as donor and as acceptor."""
    atoms = imidazole()
    for feature in ("donor_site", "acceptor_site"):
        sites = points(atoms, feature)
        assert len(sites) == 2
        for name in ("ND1", "NE2"):
            nitrogen = at(atoms, name)
            expected = nitrogen + HBOND_LENGTH * nitrogen / np.linalg.norm(nitrogen)
            assert np.linalg.norm(sites - expected, axis=1).min() < 1e-4


@pytest.mark.parametrize(
    ("build", "centre", "behind", "next_name", "kinds"),
    [
        (alcohol, "OG", "CB", "CA", ("donor_site", "acceptor_site")),
        (ammonium, "NZ", "CE", "CD", ("donor_site",)),
    ],
)
def test_staggered(build, centre, behind, next_name, kinds):
    """Three tetrahedral positions, staggered: gauche, anti and gauche to the atom after next."""
    atoms = build()
    for kind in kinds:
        sites = points(atoms, kind)
        assert len(sites) == 3
        axis = at(atoms, centre) - at(atoms, behind)
        axis /= np.linalg.norm(axis)
        reference = at(atoms, next_name) - at(atoms, behind)
        reference -= reference @ axis * axis
        torsions = []
        for site in sites:
            assert np.linalg.norm(site - at(atoms, centre)) == pytest.approx(HBOND_LENGTH, abs=1e-5)
            assert angle(at(atoms, behind), at(atoms, centre), site) == pytest.approx(TETRAHEDRAL, abs=1e-2)
            across = site - at(atoms, centre)
            across -= across @ axis * axis
            torsions.append(angle(across, np.zeros(3), reference))
        np.testing.assert_allclose(sorted(torsions), [60, 60, 180], atol=1e-2)
    if "acceptor_site" not in kinds:
        assert len(points(atoms, "acceptor_site")) == 0


def test_ether():
    """Two lone pairs above and below the plane of the ring oxygen of a ribose."""
    atoms = make_atoms(("A", {"O4'": (0, 0, 0), "C1'": 1.42 * direction(55), "C4'": 1.42 * direction(-55)}, "nucleic"))
    sites = points(atoms, "acceptor_site")
    assert len(sites) == 2
    assert angle(sites[0], (0, 0, 0), sites[1]) == pytest.approx(TETRAHEDRAL, abs=1e-2)
    np.testing.assert_allclose(sites[0] * (1, 1, -1), sites[1], atol=1e-5)
    assert (sites[:, 0] < 0).all()
    np.testing.assert_allclose(np.linalg.norm(sites, axis=1), HBOND_LENGTH, atol=1e-5)
    assert len(points(atoms, "donor_site")) == 0


def test_chain_oxygen_offers_no_donor_site():
    """O3' bonded to the next phosphate has no hydrogen; at the end of the chain it has."""
    sugar = {"C3'": 1.42 * direction(180), "O3'": (0, 0, 0), "C4'": 1.42 * direction(180) + 1.52 * direction(110)}
    end = make_atoms(("DA", sugar), kind="nucleic")
    inner = make_atoms(("DA", sugar), ("DT", {"P": 1.6 * direction(60)}), kind="nucleic")
    assert len(points(end, "donor_site")) == 3
    assert len(points(inner, "donor_site")) == 0
    assert len(points(inner, "acceptor_site")) == 2


# Rings


def phe(corners) -> Atoms:
    return make_atoms(("PHE", dict(zip(("CG", "CD1", "CE1", "CZ", "CE2", "CD2"), corners, strict=True))))


def test_ring_points():
    normal = np.array([1.0, 2.0, 2.0]) / 3
    atoms = phe(hexagon((1, 2, 3), normal))
    np.testing.assert_allclose(points(atoms, "ring_center"), [(1, 2, 3)], atol=1e-5)
    sites = points(atoms, "ring_site")
    expected = np.array([(1, 2, 3) + s * STACKING_DISTANCE * normal for s in (1, -1)])
    assert sorted(map(tuple, sites.round(4))) == sorted(map(tuple, expected.round(4)))
    assert typed(atoms, "aromatic") == set(atoms.name.tolist())


def test_incomplete_ring_has_no_points():
    atoms = phe(hexagon())
    partial = atoms[atoms.name != "CZ"]
    assert len(points(partial, "ring_center")) == len(points(partial, "ring_site")) == 0
    assert typed(partial, "aromatic") == set()


# Clashes


@pytest.mark.parametrize(("gap", "left"), [(CLASH_DISTANCE + 0.02, 2), (CLASH_DISTANCE - 0.02, 1)])
def test_occupied_points_are_removed(gap, left):
    """A receptor atom on an ideal position takes it, whatever residue it is of; the other lone pair stays."""
    free = carboxamide()
    site = points(free, "acceptor_site")[0]
    outward = (site - at(free, "OD1")) / HBOND_LENGTH
    blocker = make_atoms(("ALA", {"CB": site + gap * outward}))
    both = Atoms(**{f.name: np.concatenate([getattr(free, f.name), getattr(blocker, f.name)]) for f in fields(Atoms)})
    both = replace(both, residue=np.array([0, 0, 0, 0, 1], np.int32))
    assert len(points(both, "acceptor_site")) == left


def test_ring_centres_are_kept_and_faces_can_be_taken():
    atoms = make_atoms(
        ("PHE", dict(zip(("CG", "CD1", "CE1", "CZ", "CE2", "CD2"), hexagon(), strict=True))),
        ("ALA", {"CB": (0, 0, 3.8)}),
    )
    assert len(points(atoms, "ring_center")) == 1
    np.testing.assert_allclose(points(atoms, "ring_site"), [(0, 0, -STACKING_DISTANCE)], atol=1e-5)


# Atoms


def test_layout():
    """Atoms first, in file order, each with its radius; then points in space, each of one kind."""
    atoms = carboxamide()
    found = receptor_points(atoms)
    assert FEATURES == ATOM_TYPES + SITE_TYPES
    assert found.features.shape == (len(found), len(FEATURES))
    assert (found.coord.dtype, found.features.dtype, found.radius.dtype) == (np.float32, bool, np.float32)
    np.testing.assert_array_equal(found.coord[:4], atoms.coord)
    np.testing.assert_allclose(found.radius[:4], [VDW_RADIUS[e] for e in atoms.element])
    assert (found.radius[4:] == SITE_RADIUS).all()
    assert found.features[:4, FEATURES.index("occupancy")].all()
    assert (found.features[4:].sum(axis=1) == 1).all()
    assert not found.features[4:, : len(ATOM_TYPES)].any()
    assert not found.features[:4, len(ATOM_TYPES) :].any()


def test_types_by_hand():
    atoms = make_atoms(
        ("ASP", {"CB": (0, 0, 0), "CG": (1.5, 0, 0), "OD1": (2.1, 1.05, 0), "OD2": (2.1, -1.05, 0)}),
        ("LYS", {"CE": (20, 0, 0), "NZ": (21.5, 0, 0)}),
        ("ZN", {"ZN:Zn": (40, 0, 0)}, "other"),
        ("SER", {"H": (60, 0, 0), "OG": (61, 0, 0)}),
    )
    assert typed(atoms, "negative") == {"OD1", "OD2"}
    assert typed(atoms, "positive") == {"NZ"}
    assert typed(atoms, "metal") == {"ZN"}
    assert typed(atoms, "hbond_acceptor") == {"OD1", "OD2", "OG"}
    assert typed(atoms, "hbond_donor") == {"NZ", "OG"}
    assert typed(atoms, "apolar") == {"CB"}
    assert typed(atoms, "occupancy") == set(atoms.name.tolist()) - {"H"}


def test_hydrogens_have_no_types():
    atoms = make_atoms(("SER", {"H": (0.9, 0, 0), "N": (0, 0, 0), "D:D": (0, 0.9, 0)}))
    assert receptor_types(atoms).any(axis=1).tolist() == [False, True, False]


@pytest.mark.parametrize(
    "atoms",
    [
        make_atoms(),
        make_atoms(("LYS", {"NZ": (0, 0, 0)})),
        make_atoms(("SER", {"OG": (0, 0, 0), "CB": (1.4, 0, 0)})),  # the next neighbour is missing
        make_atoms(("SER", {"OG": (0, 0, 0), "CB": (1.4, 0, 0)}), ("GLY", {"CA": (20, 5, 3)})),  # and another is last
        make_atoms(("SER", {"OG": (0, 0, 0), "CB": (1.4, 0, 0), "CA": (2.9, 0, 0)})),  # collinear
        make_atoms(("ASN", {"OD1": (0, 0, 0), "CG": (1.2, 0, 0)})),
        make_atoms(("GLY", {"CA": (0, 0, 0)}), ("GLY", {"CA": (3.8, 0, 0)})),  # a trace
        make_atoms(("ZN", {"ZN:Zn": (0, 0, 0)}, "other")),
        make_atoms(("HIS", {"ND1": (0, 0, 0)})),
        make_atoms(("q!?", {"X1:X": (0, 0, 0), "O1": (1.4, 0, 0)}, "other")),
        make_atoms(("SER", {"HG": (0, 0, 0)})),  # hydrogens only
        make_atoms(("LYS", {"NZ": (0, 0, 0), "CE": (0, 0, 0), "CD": (0, 0, 0)})),  # all on one spot
    ],
)
def test_fragments_do_not_crash(atoms):
    """Missing side chains, single atoms, degenerate geometry: every number stays finite, no point from nowhere."""
    found = receptor_points(atoms)
    heavy = int(atoms.heavy.sum())
    assert np.isfinite(found.coord).all()
    assert np.isfinite(found.radius).all()
    assert len(found) == heavy
    assert receptor_types(atoms).shape == (len(atoms), len(ATOM_TYPES))


# A real receptor


@pytest.fixture(scope="module")
def receptor(demo_file) -> Atoms:
    return read_complex(demo_file).receptor


def with_hydrogens(atoms: Atoms) -> Atoms:
    """A hydrogen 1 A from every second heavy atom, right after it in its residue."""
    order = np.repeat(np.arange(len(atoms)), 1 + (np.arange(len(atoms)) % 2))
    added = np.r_[False, order[1:] == order[:-1]]
    more = atoms[order]
    rng = np.random.default_rng(5)
    shift = rng.normal(size=(len(order), 3))
    shift /= np.linalg.norm(shift, axis=1, keepdims=True)
    return replace(
        more,
        coord=np.where(added[:, None], more.coord + shift, more.coord).astype(np.float32),
        element=np.where(added, "H", more.element),
        name=np.where(added, "HX", more.name),
    )


def test_hydrogens_have_no_influence(receptor):
    bare = receptor[receptor.heavy]
    one, two = receptor_points(bare), receptor_points(with_hydrogens(bare))
    np.testing.assert_array_equal(one.coord, two.coord)
    np.testing.assert_array_equal(one.features, two.features)
    np.testing.assert_array_equal(one.radius, two.radius)


def test_types_and_points_agree(receptor):
    types = receptor_types(receptor)[receptor.heavy]
    np.testing.assert_array_equal(receptor_points(receptor).features[: len(types), : len(ATOM_TYPES)], types)
    np.testing.assert_array_equal(types[:, ATOM_TYPES.index("hydrophobic")] & ~types[:, ATOM_TYPES.index("apolar")], 0)


def test_points_move_with_the_receptor(receptor):
    turn, shift = rotation(2), np.array([10.0, -5.0, 3.0])
    moved = replace(receptor, coord=(receptor.coord @ turn.T + shift).astype(np.float32))
    one, two = receptor_points(receptor), receptor_points(moved)
    np.testing.assert_array_equal(one.features.sum(axis=0), two.features.sum(axis=0))
    for k in range(len(FEATURES)):
        here = one.coord[one.features[:, k]] @ turn.T + shift
        there = two.coord[two.features[:, k]]
        if len(here):
            assert cKDTree(there).query(here)[0].max() < 5e-3, FEATURES[k]


def test_every_site_has_its_atom_and_room(receptor):
    """No point in space is far from the atom it belongs to, nor on top of another atom."""
    found = receptor_points(receptor)
    atoms = found.coord[found.features[:, FEATURES.index("occupancy")]]
    tree = cKDTree(atoms)
    for site, type_ in (("donor_site", "hbond_donor"), ("acceptor_site", "hbond_acceptor")):
        sites = points(receptor, site)
        assert len(sites) > 50
        owners = points(receptor, type_)
        distance = np.abs(np.linalg.norm(sites[:, None] - owners[None], axis=2) - HBOND_LENGTH).min(axis=1)
        assert distance.max() < 1e-3
        assert tree.query(sites)[0].min() >= CLASH_DISTANCE - 1e-3


def test_order_of_residues_does_not_matter(receptor):
    rng = np.random.default_rng(0)
    place = rng.permutation(receptor.residue.max() + 1)
    order = np.lexsort((np.arange(len(receptor)), place[receptor.residue]))
    shuffled = receptor[order]
    shuffled = replace(shuffled, residue=np.unique(place[shuffled.residue], return_inverse=True)[1].astype(np.int32))
    one, two = receptor_points(receptor), receptor_points(shuffled)

    def rows(found):
        values = np.column_stack([found.features.astype(float), found.coord.round(2)])
        return values[np.lexsort(values.T)]

    np.testing.assert_allclose(rows(one), rows(two), atol=0.02)


def test_every_point_knows_its_atoms(receptor):
    """Parents count all atoms: an atom is its own, a site hangs on one, a ring's centre is in their middle."""
    atoms = with_hydrogens(receptor[receptor.heavy])
    found = receptor_points(atoms)
    there = found.parents >= 0
    assert there[:, 0].all() and atoms.heavy[found.parents[there]].all()
    own = found.features[:, FEATURES.index("occupancy")]
    np.testing.assert_array_equal(found.parents[own, 0], np.flatnonzero(atoms.heavy))
    np.testing.assert_array_equal(there[own].sum(axis=1), 1)
    for name in ("donor_site", "acceptor_site"):
        rows = found.features[:, FEATURES.index(name)]
        distance = np.linalg.norm(found.coord[rows] - atoms.coord[found.parents[rows, 0]], axis=1)
        np.testing.assert_allclose(distance, HBOND_LENGTH, atol=1e-3)
        np.testing.assert_array_equal(there[rows].sum(axis=1), 1)
    for name, gap in (("ring_center", 0.0), ("ring_site", STACKING_DISTANCE)):
        rows = np.flatnonzero(found.features[:, FEATURES.index(name)])
        assert len(rows)
        for row in rows:
            middle = atoms.coord[found.parents[row][there[row]]].mean(axis=0)
            assert abs(np.linalg.norm(found.coord[row] - middle) - gap) < 1e-3
