"""Interaction detection: one case just inside and one just outside for every criterion of every definition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiny_complex import direction, hexagon, make_atoms, make_complex, make_ligand, rotation

from pocketvox.channels import TYPED
from pocketvox.interactions import find_interactions
from pocketvox.interactions.definitions import DEFINITIONS, PARTNER_TYPES, REACH
from pocketvox.interactions.detect import Interactions
from pocketvox.interactions.sites import covalent_neighbours, ligand_sites, receptor_sites
from pocketvox.structure import read_complex
from pocketvox.structure.atoms import Complex

RULES = DEFINITIONS
TINY = 0.02  # angstrom; coordinates are float32
DEGREE = 0.5

X = np.array([1.0, 0.0, 0.0])
FAR = np.array([40.0, 0.0, 0.0])


def found(complex_: Complex, channel: str) -> list[int]:
    """Rows of a channel."""
    return np.flatnonzero(find_interactions(complex_).channel == TYPED.index(channel)).tolist()


def phe(corners) -> tuple:
    return "PHE", dict(zip(("CG", "CD1", "CE1", "CZ", "CE2", "CD2"), corners, strict=True))


def carbonyl(oxygen, behind) -> object:
    """Formaldehyde, its carbon in the direction ``behind`` from the oxygen: accepts, donates nothing."""
    return make_ligand("O=C", [oxygen, np.add(oxygen, 1.22 * np.asarray(behind))])


def beyond_hydrogen(distance: float, angle: float) -> np.ndarray:
    """Position of the acceptor for a donor at the origin with its hydrogen at 1 A on +x."""
    cosine = np.cos(np.radians(angle))
    reach = cosine + np.sqrt(cosine**2 - 1 + distance**2)
    return X - reach * np.array([cosine, -np.sin(np.radians(angle)), 0.0])


# Builders: each takes the judged number and returns a complex in which everything else is comfortably inside.


def acceptor_at(distance=2.9, angle=109.5):
    """Lysine NZ, hydrogens implied, and a ligand acceptor at ``angle`` from its CE."""
    receptor = make_atoms(("LYS", {"CE": 1.47 * direction(angle), "NZ": (0, 0, 0)}))
    return make_complex(receptor, carbonyl(distance * X, X))


def acceptor_at_hydrogen(distance=2.9, angle=170.0):
    """Serine with its hydrogen."""
    receptor = make_atoms(("SER", {"CB": 1.42 * direction(109.5), "OG": (0, 0, 0), "HG": X}))
    position = beyond_hydrogen(distance, angle) if angle != 180 else distance * X
    return make_complex(receptor, carbonyl(position, X))


def acceptor_over_plane(elevation=0.0):
    """Backbone N-H, hydrogen implied; the acceptor rises over the plane of the amide."""
    residues = (("GLY", {"C": 1.33 * direction(120)}), ("GLY", {"N": (0, 0, 0), "CA": 1.45 * direction(-120)}))
    position = 2.9 * np.array([np.cos(np.radians(elevation)), 0, np.sin(np.radians(elevation))])
    return make_complex(make_atoms(*residues), carbonyl(position, X))


def acceptor_over_amide_plane(elevation=0.0):
    """Asparagine ND2: one neighbour, whose other neighbours make the plane."""
    side = {"ND2": np.zeros(3), "CG": 1.33 * direction(120)}
    side["OD1"], side["CB"] = side["CG"] + 1.24 * X, side["CG"] + 1.5 * direction(120 + 60)
    tilt = np.radians(elevation)
    position = 2.9 * np.array([np.cos(tilt), 0, np.sin(tilt)])
    return make_complex(make_atoms(("ASN", side)), carbonyl(position, X))


def donor_at(distance=2.9, angle=109.5):
    """Ligand methylamine, hydrogens implied, before an aspartate oxygen."""
    ligand = make_ligand("NC", [(0, 0, 0), 1.47 * direction(angle)])
    return make_complex(make_atoms(("ASP", {"OD1": distance * X})), ligand)


def donor_with_hydrogen(distance=2.9, angle=170.0):
    """Ligand methanol with its hydroxyl hydrogen."""
    ligand = make_ligand("O(C)[H]", [(0, 0, 0), 1.42 * direction(109.5), X])
    return make_complex(make_atoms(("ASP", {"OD1": beyond_hydrogen(distance, angle)})), ligand)


def donor_over_plane(elevation=0.0):
    """Ligand pyrrole N, hydrogen implied: a regular pentagon in the xy plane."""
    turns = np.radians(72.0 * np.arange(5))
    ring = 1.15 * np.stack([np.cos(turns) - 1, np.sin(turns), 0 * turns], axis=1)
    tilt = np.radians(elevation)
    position = 2.9 * np.array([np.cos(tilt), 0, np.sin(tilt)])
    return make_complex(make_atoms(("ASP", {"OD1": position})), make_ligand("[nH]1cccc1", ring))


def hydrophobic_at(distance=4.0):
    """Leucine CG and the sulfur of a thioether: both hydrophobic, the sulfur's methyls farther away."""
    ligand = make_ligand("S(C)C", [(0, 0, 0), 1.8 * direction(130), 1.8 * direction(-130)])
    return make_complex(make_atoms(("LEU", {"CG": distance * X})), ligand)


def apolar_at(distance=3.4):
    """Alanine CB and ethane: methyls, apolar only."""
    return make_complex(make_atoms(("ALA", {"CB": distance * X})), make_ligand("CC", [(0, 0, 0), -1.54 * X]))


def metal_at(distance=2.2):
    receptor = make_atoms(("ZN", {"ZN:Zn": distance * X}, "other"))
    return make_complex(receptor, carbonyl((0, 0, 0), -X))


def stacked(distance=4.0, line=0.0, plane=0.0):
    """Benzene in the xy plane; phenylalanine ``distance`` away, ``line`` degrees off its normal, tilted by ``plane``.

    Normal, line and the other normal lie in one plane, on opposite sides of the z axis.
    """
    a, b = np.radians((line, plane))
    center = distance * np.array([-np.sin(a), 0, np.cos(a)])
    receptor = make_atoms(phe(hexagon(center, (np.sin(b), 0, np.cos(b)))))
    return make_complex(receptor, make_ligand("c1ccccc1", hexagon()))


def edge_to_face(distance=5.0):
    return stacked(distance, plane=90.0)


def oblique(plane=60.0):
    """Edge to face as flat as the line of centroids and the intersection allow."""
    return stacked(4.5, S.edge_normal[1] - 1, plane)


def steep(line=0.0):
    return stacked(4.5, line, 70.0)


def edge_with_offset(offset=0.0):
    """Edge to face, the line in which the planes cross ``offset`` from the ligand's centroid."""
    return stacked(distance=5.0, plane=float(np.degrees(np.arctan2(5.0, offset))))


def cation_over(distance=3.5, normal=0.0):
    """Ligand tetramethylammonium over phenylalanine."""
    center = distance * np.array([np.sin(np.radians(normal)), 0, np.cos(np.radians(normal))])
    up = np.array([[1, 1, 1], [-1, -1, 1], [1, -1, 2], [-1, 1, 2]]) * 0.9
    ligand = make_ligand("[N+](C)(C)(C)C", [center, *(center + up)])
    return make_complex(make_atoms(phe(hexagon())), ligand)


def ring_under(distance=3.5, normal=0.0):
    """Ligand benzene under a lysine."""
    position = distance * np.array([np.sin(np.radians(normal)), 0, np.cos(np.radians(normal))])
    return make_complex(make_atoms(("LYS", {"NZ": position})), make_ligand("c1ccccc1", hexagon()))


def acetate(oxygen, away) -> object:
    """Acetate whose nearer oxygen is at ``oxygen`` and the rest in the direction ``away``."""
    oxygen, away = np.asarray(oxygen, float), np.asarray(away, float)
    carbon = oxygen + 1.25 * away
    return make_ligand("[O-]C(=O)C", [oxygen, carbon, carbon + 1.25 * away + (0, 0.5, 0), carbon + (0, -1.5, 0)])


def anion_at(distance=3.0):
    return make_complex(make_atoms(("LYS", {"NZ": distance * X})), acetate((0, 0, 0), -X))


def cation_at(distance=3.0):
    ligand = make_ligand("[N+](C)(C)(C)C", [(0, 0, 0), *(1.5 * direction(110, t) for t in (0, 120, 240)), (-1.5, 0, 0)])
    receptor = make_atoms(("ASP", {"OD1": distance * X, "OD2": (distance + 2.2) * X}))
    return make_complex(receptor, ligand)


def halogen_at(distance=3.2, donor=175.0, acceptor=115.0):
    """Bromomethane before asparagine's carbonyl."""
    oxygen = distance * X
    carbon = oxygen + 1.24 * -direction(acceptor) * (1, 1, 0)
    carbon = oxygen + 1.24 * np.array([-np.cos(np.radians(acceptor)), np.sin(np.radians(acceptor)), 0])
    ligand = make_ligand("BrC", [(0, 0, 0), 1.94 * direction(donor)])
    return make_complex(make_atoms(("ASN", {"OD1": oxygen, "CG": carbon})), ligand)


def bridged(ligand_distance=2.8, receptor_distance=2.8, angle=105.0):
    """A water between a ligand carbonyl and an aspartate oxygen."""
    receptor = make_atoms(("ASP", {"OD1": receptor_distance * direction(angle)}))
    water = make_atoms(("HOH", {"O": (0, 0, 0)}), kind="water")
    return make_complex(receptor, carbonyl(ligand_distance * X, X), waters=water)


H, HB, S, XB, W = RULES.hbond, RULES.hydrophobic, RULES.pi_stacking, RULES.halogen_bond, RULES.water_bridge

#: channel, builder, argument, value just inside, value just outside
CRITERIA = {
    "hbond_acceptor implied distance": ("hbond_acceptor", acceptor_at, "distance", H.distance, TINY),
    "hbond_acceptor implied angle, wide": ("hbond_acceptor", acceptor_at, "angle", 109.5 + H.deviation, DEGREE),
    "hbond_acceptor implied angle, narrow": ("hbond_acceptor", acceptor_at, "angle", 109.5 - H.deviation, -DEGREE),
    "hbond_acceptor explicit distance": ("hbond_acceptor", acceptor_at_hydrogen, "distance", H.distance, TINY),
    "hbond_acceptor explicit angle": ("hbond_acceptor", acceptor_at_hydrogen, "angle", H.angle[0], -DEGREE),
    "hbond_acceptor plane, two neighbours": ("hbond_acceptor", acceptor_over_plane, "elevation", H.plane, DEGREE),
    "hbond_acceptor plane, below": ("hbond_acceptor", acceptor_over_plane, "elevation", -H.plane, -DEGREE),
    "hbond_acceptor plane, one neighbour": ("hbond_acceptor", acceptor_over_amide_plane, "elevation", H.plane, DEGREE),
    "hbond_donor implied distance": ("hbond_donor", donor_at, "distance", H.distance, TINY),
    "hbond_donor implied angle, wide": ("hbond_donor", donor_at, "angle", 109.5 + H.deviation, DEGREE),
    "hbond_donor implied angle, narrow": ("hbond_donor", donor_at, "angle", 109.5 - H.deviation, -DEGREE),
    "hbond_donor explicit distance": ("hbond_donor", donor_with_hydrogen, "distance", H.distance, TINY),
    "hbond_donor explicit angle": ("hbond_donor", donor_with_hydrogen, "angle", H.angle[0], -DEGREE),
    "hbond_donor plane": ("hbond_donor", donor_over_plane, "elevation", H.plane, DEGREE),
    "hydrophobic distance": ("hydrophobic", hydrophobic_at, "distance", HB.distance, TINY),
    "hydrophobic contact": ("hydrophobic", apolar_at, "distance", HB.contact, TINY),
    "metal distance": ("metal", metal_at, "distance", RULES.metal.distance, TINY),
    "pi_stacking face distance": ("pi_stacking", stacked, "distance", S.face_distance, TINY),
    "pi_stacking face plane": ("pi_stacking", stacked, "plane", S.face_plane[1], DEGREE),
    "pi_stacking face normal": ("pi_stacking", stacked, "line", S.face_normal[1], DEGREE),
    "pi_stacking edge distance": ("pi_stacking", edge_to_face, "distance", S.edge_distance, TINY),
    "pi_stacking edge plane": ("pi_stacking", oblique, "plane", S.edge_plane[0], -DEGREE),
    "pi_stacking edge normal": ("pi_stacking", steep, "line", S.edge_normal[1], DEGREE),
    "pi_stacking edge intersection": ("pi_stacking", edge_with_offset, "offset", S.intersection, TINY),
    "pi_cation (ligand cation) distance": ("pi_cation", cation_over, "distance", RULES.pi_cation.distance, TINY),
    "pi_cation (ligand cation) normal": ("pi_cation", cation_over, "normal", RULES.pi_cation.normal[1], DEGREE),
    "pi_cation (ligand ring) distance": ("pi_cation", ring_under, "distance", RULES.pi_cation.distance, TINY),
    "pi_cation (ligand ring) normal": ("pi_cation", ring_under, "normal", RULES.pi_cation.normal[1], DEGREE),
    "salt_bridge_anion distance": ("salt_bridge_anion", anion_at, "distance", RULES.salt_bridge.distance, TINY),
    "salt_bridge_cation distance": ("salt_bridge_cation", cation_at, "distance", RULES.salt_bridge.distance, TINY),
    "halogen_bond distance": ("halogen_bond", halogen_at, "distance", XB.distance, TINY),
    "halogen_bond donor angle": ("halogen_bond", halogen_at, "donor", XB.donor_angle[0], -DEGREE),
    "halogen_bond acceptor angle, narrow": ("halogen_bond", halogen_at, "acceptor", XB.acceptor_angle[0], -DEGREE),
    "halogen_bond acceptor angle, wide": ("halogen_bond", halogen_at, "acceptor", XB.acceptor_angle[1], DEGREE),
    "water_bridge ligand distance": ("water_bridge", bridged, "ligand_distance", W.distance, TINY),
    "water_bridge receptor distance": ("water_bridge", bridged, "receptor_distance", W.distance, TINY),
    "water_bridge angle, narrow": ("water_bridge", bridged, "angle", W.angle[0], -DEGREE),
    "water_bridge angle, wide": ("water_bridge", bridged, "angle", W.angle[1], DEGREE),
}  # fmt: skip


@pytest.mark.parametrize("name", CRITERIA)
def test_just_inside(name):
    channel, build, argument, limit, step = CRITERIA[name]
    assert len(found(build(**{argument: limit - step}), channel)) == 1


@pytest.mark.parametrize("name", CRITERIA)
def test_just_outside_false(name):
    channel, build, argument, limit, step = CRITERIA[name]
    assert found(build(**{argument: limit + step}), channel) == []


def test_every_channel_has_a_criterion():
    assert {row[0] for row in CRITERIA.values()} == set(TYPED)


#: Channel -> its definition, where the names differ.
FAMILY = {name: name.rsplit("_", 1)[0] for name in TYPED if name.startswith(("hbond", "salt_bridge"))}


def test_every_number_of_the_definitions_is_used():
    """Changing any cut-off to nothing makes an interaction of the truth table vanish."""
    cases = [build(**{argument: limit - step}) for _, build, argument, limit, step in CRITERIA.values()]
    counts = [len(find_interactions(case)) for case in cases]
    families = [name for name in DEFINITIONS.to_dict() for _ in getattr(DEFINITIONS, name).__dict__]
    fields = [field for name in DEFINITIONS.to_dict() for field in getattr(DEFINITIONS, name).__dict__]
    dead = []
    for family, field in zip(families, fields, strict=True):
        numbers = getattr(DEFINITIONS, family)
        nothing = -1.0 if np.isscalar(getattr(numbers, field)) else (-2.0, -1.0)
        rules = replace(DEFINITIONS, **{family: replace(numbers, **{field: nothing})})
        about = [k for k, row in enumerate(CRITERIA.values()) if family == FAMILY.get(row[0], row[0])]
        if not any(len(find_interactions(cases[k], rules)) < counts[k] for k in about):
            dead.append(f"{family}.{field}")
    assert dead == []


# What the rows say


def test_row_of_a_hydrogen_bond():
    complex_ = acceptor_at(distance=2.9, angle=115.0)
    row = find_interactions(complex_)
    k = found(complex_, "hbond_acceptor")[0]
    np.testing.assert_allclose(row.point[k], 2.9 * X, atol=1e-6)
    assert row.distance[k] == pytest.approx(2.9, abs=1e-5)
    assert row.angle[k] == pytest.approx(115.0, abs=1e-3)  # X-D...A where the hydrogen is implied
    assert row.ligand_atoms[k].tolist() == [0]
    assert [complex_.receptor.name[i] for i in row.receptor_atoms[k]] == ["NZ"]
    assert (row.ligand[k], row.water[k]) == (0, -1)


def test_angle_of_an_explicit_hydrogen_bond_is_dha():
    complex_ = acceptor_at_hydrogen(angle=150.0)
    k = found(complex_, "hbond_acceptor")[0]
    assert find_interactions(complex_).angle[k] == pytest.approx(150.0, abs=1e-3)


def test_rows_of_rings_and_charges():
    complex_ = stacked(4.0)
    row, k = find_interactions(complex_), found(complex_, "pi_stacking")[0]
    np.testing.assert_allclose(row.point[k], 0.0, atol=1e-6)
    assert len(row.ligand_atoms[k]) == len(row.receptor_atoms[k]) == 6
    assert row.angle[k] == pytest.approx(0.0, abs=0.1)
    complex_ = anion_at(3.0)
    row, k = find_interactions(complex_), found(complex_, "salt_bridge_anion")[0]
    oxygens = complex_.ligands[0].coord[[0, 2]]
    np.testing.assert_allclose(row.point[k], oxygens.mean(axis=0), atol=1e-6)
    assert row.distance[k] == pytest.approx(3.0, abs=1e-5)  # nearest charged atoms
    assert np.isnan(row.angle[k])


def test_rows_of_pi_cation_are_the_ligands_side():
    """The point is the ligand's charge in one direction, the ligand's ring in the other."""
    cation, ring = cation_over(3.5), ring_under(3.5)
    for complex_, point, own, theirs in ((cation, (0, 0, 3.5), 1, 6), (ring, (0, 0, 0), 6, 1)):
        row, k = find_interactions(complex_), found(complex_, "pi_cation")[0]
        np.testing.assert_allclose(row.point[k], point, atol=1e-6)
        assert (len(row.ligand_atoms[k]), len(row.receptor_atoms[k])) == (own, theirs)
        assert row.distance[k] == pytest.approx(3.5, abs=1e-5)


def test_row_of_a_water_bridge():
    complex_ = bridged()
    row, k = find_interactions(complex_), found(complex_, "water_bridge")[0]
    assert row.water[k] == 0
    assert row.distance[k] == pytest.approx(2.8, abs=1e-5)
    assert row.angle[k] == pytest.approx(105.0, abs=1e-3)
    np.testing.assert_allclose(row.point[k], 2.8 * X, atol=1e-6)


# Chemistry that geometry alone would accept


def test_roles_decide_not_geometry():
    """An ester's bridging oxygen, an amide nitrogen, a fluorine and a receptor carbon at ideal places make nothing."""
    lysine = make_atoms(("LYS", {"CE": 1.47 * direction(109.5), "NZ": (0, 0, 0)}))
    ester = make_ligand("O(C)C(=O)C", [2.9 * X, (3.4, 1.3, 0), (4.1, -0.8, 0), (5.2, -0.4, 0), (4.0, -2.3, 0)])
    assert found(make_complex(lysine, ester), "hbond_acceptor") == []
    amide = make_ligand("N(C)(C)C=O", [2.9 * X, (3.4, 1.3, 0), (3.4, -1.3, 0.5), (4.1, 0, -0.8), (5.2, 0, -1)])
    assert found(make_complex(lysine, amide), "hbond_acceptor") == []
    fluoride = make_ligand("FC", [(0, 0, 0), -1.4 * X])
    carbonyl_side = make_atoms(("ASN", {"OD1": 3.0 * X, "CG": (3.5, 1.1, 0)}))
    assert len(find_interactions(make_complex(carbonyl_side, fluoride))) == 0
    assert len(find_interactions(make_complex(make_atoms(("ALA", {"CA": 2.9 * X})), carbonyl((0, 0, 0), -X)))) == 0


def test_apolar_and_hydrophobic_atoms_only_touch():
    """A methyl beside a hydrophobic atom counts in contact, not at the longer distance."""

    def mixed(distance):
        return make_complex(make_atoms(("LEU", {"CG": distance * X})), make_ligand("CC", [(0, 0, 0), -1.54 * X]))

    assert len(found(mixed(HB.contact - TINY), "hydrophobic")) == 1
    assert found(mixed(HB.contact + TINY), "hydrophobic") == []


def test_metal_needs_an_ion():
    """An alpha carbon named CA is no calcium; a zinc of a cofactor's residue is a metal."""
    for name in ("CA", "CA:Ca"):  # the element column may be missing and guessed from the name
        complex_ = make_complex(make_atoms(("ALA", {name: 2.2 * X})), carbonyl((0, 0, 0), -X))
        assert found(complex_, "metal") == []
    calcium = make_atoms(("CA", {"CA:Ca": 2.4 * X}, "other"))
    assert len(found(make_complex(calcium, carbonyl((0, 0, 0), -X)), "metal")) == 1


def test_explicit_hydrogens_overrule_implied_ones():
    """A hydroxyl hydrogen that points away: no bond, though heavy atoms alone would allow one."""
    atoms = {"CB": 1.42 * direction(109.5), "OG": (0, 0, 0)}
    assert len(found(make_complex(make_atoms(("SER", atoms)), carbonyl(2.8 * X, X)), "hbond_acceptor")) == 1
    away = make_atoms(("SER", atoms | {"HG": 0.97 * direction(120, 180)}))
    assert found(make_complex(away, carbonyl(2.8 * X, X)), "hbond_acceptor") == []


def test_hydrogens_are_judged_residue_by_residue():
    """One residue with hydrogens does not silence the donors of another that has none."""
    bare = ("SER", {"CB": 1.42 * direction(109.5), "OG": (0, 0, 0)})
    other = ("GLY", {"CA": FAR / 8, "HA2": FAR / 8 + (0, 1.09, 0)})
    assert len(found(make_complex(make_atoms(bare, other), carbonyl(2.8 * X, X)), "hbond_acceptor")) == 1


IMIDAZOLE = {
    "CB": (-2.6, 0.6, 0), "CG": (-1.15, 0.75, 0), "CD2": (-0.3, 1.82, 0), "NE2": (1.0, 1.33, 0), "CE1": (0.9, 0.0, 0),
    "ND1": (-0.4, -0.38, 0),
}  # fmt: skip
HD1, HE2 = (-0.75, -1.32, 0), (1.83, 1.9, 0)


@pytest.mark.parametrize(
    ("hydrogens", "roles", "charged"),
    [
        ({}, {"ND1": (2, 2), "NE2": (2, 2)}, False),
        ({"HD1": HD1}, {"ND1": (2, 0), "NE2": (0, 2)}, False),
        ({"HE2": HE2}, {"ND1": (0, 2), "NE2": (2, 0)}, False),
        ({"HD1": HD1, "HE2": HE2}, {"ND1": (2, 0), "NE2": (2, 0)}, True),
    ],
)
def test_histidine_by_its_hydrogens(hydrogens, roles, charged):
    for code in ("HIS", "HID", "HSD"):
        atoms = make_atoms((code, IMIDAZOLE | hydrogens))
        sites = receptor_sites(atoms)
        names = atoms.name[sites.index].tolist()
        assert {n: (int(sites.donor[names.index(n)]), int(sites.acceptor[names.index(n)])) for n in roles} == roles
        assert bool(sites.positive) == charged
        assert len(sites.rings) == 1


def test_protonated_aspartate():
    """A hydrogen on a carboxylate oxygen makes a donor and takes the charge."""
    side = {"CG": (0, 0, 0), "OD1": (0.6, 1.05, 0), "OD2": (0.6, -1.1, 0)}
    bare = receptor_sites(make_atoms(("ASP", side)))
    acid = receptor_sites(make_atoms(("ASP", side | {"HD2": (1.57, -1.1, 0)})))
    assert (len(bare.negative), len(acid.negative)) == (1, 0)
    assert (bare.donor.tolist(), acid.donor.tolist()) == ([0, 0, 0], [0, 0, 2])


# Receptor typing by bonds and by the dictionary


def named(sites, atoms, values) -> set[str]:
    return {str(atoms.name[i]) for i in sites.index[np.asarray(values) > 0]}


def test_bonded_atoms_do_not_donate():
    """A disulfide, O3' inside a chain and a glycosylated serine have no hydrogen left; their free forms have."""
    free = make_atoms(("CYS", {"CB": (0, 1.8, 0), "SG": (0, 0, 0)}))
    bridge = make_atoms(
        ("CYS", {"CB": (0, 1.8, 0), "SG": (0, 0, 0)}), ("CYS", {"SG": (2.05, 0, 0), "CB": (2.05, -1.8, 0)})
    )
    assert named(receptor_sites(free), free, receptor_sites(free).donor) == {"SG"}
    assert not receptor_sites(bridge).donor.any()
    sugar = {"C3'": (0, 1.42, 0), "O3'": (0, 0, 0)}
    end = make_atoms(("DA", sugar), kind="nucleic")
    inner = make_atoms(("DA", sugar), ("DT", {"P": (1.5, -0.6, 0), "OP1": (1.6, -2.1, 0)}), kind="nucleic")
    assert receptor_sites(end).donor.tolist() == [0, 3]
    assert not receptor_sites(inner).donor.any()
    assert receptor_sites(inner).acceptor.tolist() == [0, 3, 0, 2]


def test_old_and_force_field_atom_names():
    """O1P, O5* and the chain ends of CHARMM and GROMACS are known."""
    old = make_atoms(("DA", {"P": (0, 0, 0), "O1P": (1.5, 0, 0), "O2P": (-0.5, 1.4, 0), "O5*": (-0.5, -1.5, 0)}))
    sites = receptor_sites(old)
    assert sites.acceptor.tolist() == [0, 2, 2, 3]
    assert [sorted(g.atoms.tolist()) for g in sites.negative] == [[1, 2]]
    end = make_atoms(("ALA", {"C": (0, 0, 0), "OT1": (1.25, 0, 0), "OT2": (-0.6, 1.1, 0)}))
    assert [sorted(g.atoms.tolist()) for g in receptor_sites(end).negative] == [[1, 2]]
    chain_inside = make_atoms(("ALA", {"C": (0, 0, 0), "O": (1.25, 0, 0)}))
    assert receptor_sites(chain_inside).negative == ()


def from_dictionary(code: str, drop=(), kind="protein"):
    """A component with RDKit coordinates, its hydrogens removed."""
    from rdkit import Chem
    from rdkit.Chem import rdDistGeom

    from pocketvox.structure.components import component_mol

    mol = component_mol(code)
    rdDistGeom.EmbedMolecule(mol, randomSeed=7)
    mol = Chem.RemoveAllHs(mol, sanitize=False)
    positions = mol.GetConformer().GetPositions()
    atoms = {f"{a.GetProp('name')}:{a.GetSymbol()}": p for a, p in zip(mol.GetAtoms(), positions, strict=True)}
    return make_atoms((code, {k: v for k, v in atoms.items() if k.split(":")[0] not in drop}), kind=kind)


def test_residue_outside_the_table_is_typed_by_the_dictionary():
    """3-nitrotyrosine in a chain: ring, hydroxyl, no nitro acceptor, backbone as in any residue."""
    atoms = from_dictionary("NIY", drop=("OXT",))
    sites = receptor_sites(atoms)
    assert named(sites, atoms, sites.donor) == {"N", "OH"}
    assert named(sites, atoms, sites.acceptor) == {"O", "OH"}
    assert len(sites.rings) == 1
    assert sites.positive == sites.negative == ()


def test_chain_end_of_a_dictionary_residue_is_negative():
    atoms = from_dictionary("NIY")
    sites = receptor_sites(atoms)
    assert [named(sites, atoms, np.isin(np.arange(len(atoms)), g.atoms)) for g in sites.negative] == [{"O", "OXT"}]


def test_unknown_residue_takes_its_parents_row():
    """A code the dictionary has with other atom names is typed as the residue it derives from."""
    atoms = make_atoms(("LYP", {"CB": (0, 0, 0), "CG": (1.5, 0, 0), "NZ": (6, 0, 0)}))
    atoms = replace(atoms, parent=np.full(3, "LYS"))
    sites = receptor_sites(atoms)
    assert sites.donor.tolist() == [0, 0, 3]
    assert len(sites.positive) == 1


def test_unknown_molecule_is_typed_by_elements():
    atoms = make_atoms(("q!?", {"C1": (0, 0, 0), "C2": (1.5, 0, 0), "O1": (2.2, 1.2, 0)}), kind="other")
    sites = receptor_sites(atoms)
    assert sites.acceptor.tolist() == [0, 0, 3]
    assert sites.apolar.tolist() == [True, False, False]


def haem_like() -> object:
    """Haem from the bundled dictionary, its atoms laid out on a grid of 1.45 A where bonds do not matter."""
    from pocketvox.structure.components import component_mol

    names = [(a.GetProp("name"), a.GetSymbol()) for a in component_mol("HEM").GetAtoms() if a.GetAtomicNum() > 1]
    rows = {f"{name}:{symbol}": (3.0 * (k % 7), 3.0 * (k // 7), 0) for k, (name, symbol) in enumerate(names)}
    return make_atoms(("HEM", rows, "other"))


def test_haem():
    """Iron is a metal, both propionates are negative, the pyrroles aromatic; its nitrogens are taken by the iron."""
    atoms = haem_like()
    sites = receptor_sites(atoms)
    assert named(sites, atoms, sites.metal) == {"FE"}
    negative = {frozenset(named(sites, atoms, np.isin(np.arange(len(atoms)), g.atoms))) for g in sites.negative}
    assert negative == {frozenset({"O1A", "O2A"}), frozenset({"O1D", "O2D"})}
    assert sites.positive == ()
    assert named(sites, atoms, sites.acceptor) == {"O1A", "O2A", "O1D", "O2D"}
    assert named(sites, atoms, sites.donor) == set()


# Covalent neighbours


def test_neighbours_nearest_first_and_symmetric():
    coord = np.array([[0, 0, 0], [1.5, 0, 0], [0, 1.3, 0], [0, 0, 5.0]])
    neighbours = covalent_neighbours(coord, np.array(["C", "C", "N", "C"]))
    assert neighbours.tolist() == [[2, 1, -1, -1], [0, -1, -1, -1], [0, -1, -1, -1], [-1, -1, -1, -1]]


@pytest.mark.parametrize(
    ("elements", "distance", "bonded"),
    [
        (("C", "C"), 1.91, True), (("C", "C"), 1.93, False), (("S", "S"), 2.05, True), (("C", "O"), 2.4, False),
        (("N", "Zn"), 2.0, False), (("C", "C"), 0.7, False), (("C", "C"), 0.0, False), (("C", "H"), 1.09, True),
        (("C", "Br"), 1.94, True), (("C", "I"), 2.15, True),
    ],
)  # fmt: skip
def test_bond_by_distance(elements, distance, bonded):
    """Metals are never bonded; alternatives on top of one another are not bonded either."""
    coord = np.array([[0.0, 0, 0], [distance, 0, 0]])
    assert (covalent_neighbours(coord, np.array(elements))[0, 0] == 1) == bonded


def test_duplicated_atoms_do_not_break_geometry():
    """Two copies of a residue on the same spot (an unresolved alternative) still give a finite answer."""
    once = ("LYS", {"CE": 1.47 * direction(109.5), "NZ": (0, 0, 0)})
    complex_ = make_complex(make_atoms(once, once), carbonyl(2.9 * X, X))
    rows = found(complex_, "hbond_acceptor")
    assert len(rows) == 2
    assert np.isfinite(find_interactions(complex_).angle[rows]).all()


# Empty cases


@pytest.mark.parametrize("waters", [False, True])
def test_nothing_to_find(waters):
    water = make_atoms(("HOH", {"O": (2.8, 0, 0)}), kind="water") if waters else None
    receptor = make_atoms(("ALA", {"CB": FAR}))
    ligand = carbonyl((0, 0, 0), -X)
    for complex_ in (
        make_complex(receptor, waters=water),  # no ligand
        make_complex(receptor, ligand, waters=water),  # nothing near
        make_complex(make_atoms(), ligand, waters=water),  # no receptor
        make_complex(make_atoms(("HOH", {"H1": (1, 0, 0)})), ligand, waters=water),  # a receptor without heavy atoms
    ):
        result = find_interactions(complex_)
        assert len(result) == 0
        assert result.point.shape == (0, 3)
        assert (result.channel.dtype, result.point.dtype, result.ligand.dtype) == (np.uint8, np.float32, np.int32)
        assert result.ligand_atoms == result.receptor_atoms == ()


def test_waters_of_another_site_are_not_used():
    complex_ = bridged()
    assert found(replace(complex_, waters=make_atoms(("HOH", {"O": (0, 20.0, 0)}), kind="water")), "water_bridge") == []


def test_water_numbers_are_those_of_the_input():
    """Hydrogens and far waters before the bridging one do not shift its index."""
    complex_ = bridged()
    waters = make_atoms(
        ("HOH", {"O": (0, 20.0, 0), "H1": (0, 20.9, 0)}), ("HOH", {"O": (0, 0, 0), "H1": (0.6, 0.7, 0)}), kind="water"
    )
    result = find_interactions(replace(complex_, waters=waters))
    assert result.water[result.channel == TYPED.index("water_bridge")].tolist() == [2]


def test_second_ligand_has_its_number():
    complex_ = acceptor_at()
    far = carbonyl(FAR, X)
    result = find_interactions(replace(complex_, ligands=(far, *complex_.ligands)))
    assert set(result.ligand.tolist()) == {1}


# A real complex


@pytest.fixture(scope="module")
def demo(demo_file) -> Complex:
    return read_complex(demo_file)


def as_rows(result: Interactions, order=None) -> list[tuple]:
    atoms = [tuple(sorted(int(a if order is None else order[a]) for a in row)) for row in result.receptor_atoms]
    ligand = [tuple(row.tolist()) for row in result.ligand_atoms]
    return [
        (int(g), int(c), own, theirs, round(float(d), 4))
        for g, c, own, theirs, d in zip(result.ligand, result.channel, ligand, atoms, result.distance, strict=True)
    ]


def test_two_runs_are_identical(demo):
    one, two = find_interactions(demo), find_interactions(demo)
    assert len(one) > 0
    for name in ("channel", "point", "ligand", "distance", "angle", "water"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_rows_are_ordered_and_within_reach(demo):
    result = find_interactions(demo)
    keys = [
        (g, c, tuple(a), d)
        for g, c, a, d in zip(result.ligand, result.channel, result.ligand_atoms, result.distance, strict=True)
    ]
    assert keys == sorted(keys)
    for k, channel in enumerate(result.channel):
        partner = demo.receptor.coord[result.receptor_atoms[k]]
        distance = np.linalg.norm(partner - result.point[k], axis=1).min()
        assert distance <= REACH[TYPED[channel]] + 1.5  # the point of a charge or ring is a centre


def test_receptor_atom_order_does_not_matter(demo):
    """Residues in another order, and atoms shuffled inside each: the same rows in the same order."""
    rng = np.random.default_rng(3)
    residue = demo.receptor.residue
    place = rng.permutation(residue.max() + 1)
    order = np.lexsort((rng.random(len(residue)), place[residue]))
    shuffled = demo.receptor[order]
    shuffled = replace(shuffled, residue=np.unique(place[shuffled.residue], return_inverse=True)[1].astype(np.int32))
    moved = as_rows(find_interactions(replace(demo, receptor=shuffled)), order)
    assert moved == as_rows(find_interactions(demo))


def test_rigid_motion_does_not_matter(demo):
    turn, shift = rotation(1), np.array([3.0, -2.0, 5.0])

    def moved(coord):
        return (coord @ turn.T + shift).astype(np.float32)

    def moved_ligand(ligand):
        from rdkit import Chem
        from rdkit.Geometry import Point3D

        mol = Chem.Mol(ligand.mol)
        conformer = mol.GetConformer()
        for i, xyz in enumerate(conformer.GetPositions() @ turn.T + shift):
            conformer.SetAtomPosition(i, Point3D(*xyz))
        return replace(ligand, mol=mol, coord=moved(ligand.coord))

    there = replace(
        demo,
        receptor=replace(demo.receptor, coord=moved(demo.receptor.coord)),
        waters=replace(demo.waters, coord=moved(demo.waters.coord)),
        ligands=tuple(map(moved_ligand, demo.ligands)),
    )
    one, two = find_interactions(demo), find_interactions(there)
    np.testing.assert_array_equal(one.channel, two.channel)
    np.testing.assert_allclose(two.point, moved(one.point), atol=1e-3)
    np.testing.assert_allclose(two.distance, one.distance, atol=1e-3)


def test_partner_types_are_features_and_channels_known():
    from pocketvox.features import ATOM_TYPES

    assert set(PARTNER_TYPES) == set(REACH) == set(TYPED)
    assert {t for types in PARTNER_TYPES.values() for t in types} <= set(ATOM_TYPES)


def test_partners_have_a_partner_type(demo):
    """What :mod:`definitions` says of partners holds for every detected interaction."""
    from pocketvox.features import ATOM_TYPES, receptor_types

    types = receptor_types(demo.receptor)
    result = find_interactions(demo)
    for channel, partners in zip(result.channel, result.receptor_atoms, strict=True):
        wanted = [ATOM_TYPES.index(t) for t in PARTNER_TYPES[TYPED[channel]]]
        assert types[partners][:, wanted].any(axis=1).all()


def test_a_stereo_hydrogen_does_not_silence_donors():
    """Hydrogens given on carbon only: the hydroxyl's is implied."""
    ligand = make_ligand("OC([H])(F)C", [(0, 0, 0), 1.42 * direction(109.5), (-1.5, 2, 0), (-1, 2, 1), (0, 2.5, -1)])
    assert len(found(make_complex(make_atoms(("ASP", {"OD1": 2.8 * X})), ligand), "hbond_donor")) == 1


def test_ligand_hydrogens_are_no_atoms():
    """With hydrogens between heavy atoms, indices still count heavy atoms."""
    bare = make_ligand("OC", [(0, 0, 0), 1.42 * direction(109.5)])
    full = make_ligand("[H]OC", [X, (0, 0, 0), 1.42 * direction(109.5)])
    for ligand in (bare, full):
        sites = ligand_sites(ligand)
        assert sites.donor.tolist() == [3, 0]
        assert sites.neighbours[:, 0].tolist() == [1, 0]
    np.testing.assert_allclose(ligand_sites(full).hydrogens[0, 0], X)
