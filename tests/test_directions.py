"""Directions of hot-spots: by the rules that ship, by the learned field, and how they are measured."""

import numpy as np
import pytest
from tiny_complex import direction, hexagon, make_atoms, make_complex, make_ligand, rotation

from data_prep import direction_field
from data_prep.direction_truth import Truth, axis_error, direction_error, match, summary, true_directions
from data_prep.directions import Errors, map_normal, nearest_partner, partner_gradient, slot_normal
from pocketvox.channels import TYPED
from pocketvox.features import FeaturePoints, receptor_points
from pocketvox.pockets.partners import CONTACT, CONTACT_WIDTH, PartnerFinder
from pocketvox.voxel import Grid, Volume

X, Y, Z = np.eye(3)
ORIGIN = np.zeros(3)
PHENYL = ("CG", "CD1", "CE1", "CZ", "CE2", "CD2")
NAN = np.full(3, np.nan)


def pointed(receptor, channel, point=ORIGIN) -> np.ndarray:
    """Direction that ships."""
    return np.array(PartnerFinder(receptor, np.array([point]), 0.75)(channel, point)[1])


def amide(nitrogen, hydrogen):
    """Backbone nitrogen whose hydrogen points along ``hydrogen``, in the plane of that and z."""
    hydrogen = np.asarray(hydrogen, float)
    aside = Z - (Z @ hydrogen) * hydrogen
    aside /= np.linalg.norm(aside)
    before, after = (-0.5 * hydrogen + s * np.sqrt(0.75) * aside for s in (1, -1))
    return (
        ("GLY", {"C": nitrogen + 1.33 * before}),
        ("GLY", {"N": nitrogen, "CA": nitrogen + 1.45 * after}),
    )


def two_donors():
    """A nitrogen 2.7 A away along x, pointing across, and one 3.0 A away along y that points at the origin."""
    return make_atoms(*amide(2.7 * X, Y), *amide(3.0 * Y, -Y))


def benzene(center, normal=Z):
    return make_atoms(("PHE", dict(zip(PHENYL, hexagon(center, normal), strict=True))))


def test_a_single_acceptor():
    receptor = make_atoms(("ASP", {"CG": 4.0 * X, "OD1": 2.8 * X}))
    assert np.allclose(pointed(receptor, "hbond_donor"), X, atol=1e-6)


def test_the_donor_with_the_better_angle():
    """The nearer nitrogen's hydrogen points elsewhere; the nearest partner would be it."""
    finder = PartnerFinder(two_donors(), ORIGIN[None], 0.75)
    assert np.allclose(nearest_partner(finder, "hbond_acceptor", ORIGIN), X, atol=1e-6)
    labels, found = finder("hbond_acceptor", ORIGIN)
    assert np.allclose(found, Y, atol=1e-6)
    assert labels[0] == "A:GLY 1:N"  # partners stay nearest first


def test_the_angle_counts_by_degrees():
    """Ten degrees at 3.0 A against forty at 2.9 A."""
    ten, forty = (np.radians(angle) for angle in (10, 40))
    near = amide(2.9 * X, -np.cos(forty) * X + np.sin(forty) * Z)
    far = amide(3.0 * Y, -np.cos(ten) * Y + np.sin(ten) * Z)
    assert np.allclose(pointed(make_atoms(*near, *far), "hbond_acceptor"), Y, atol=1e-6)


def test_equal_angles_leave_it_to_distance():
    receptor = make_atoms(*amide(2.8 * X, -X), *amide(3.3 * Y, -Y))
    assert np.allclose(pointed(receptor, "hbond_acceptor"), X, atol=1e-6)


def test_a_ring_is_pointed_at_its_middle():
    assert np.allclose(pointed(benzene((0, 0, 4.0)), "pi_stacking"), Z, atol=1e-6)


def test_a_charged_group_is_pointed_at_its_middle():
    """OD1 is nearest; the middle of both oxygens lies between them."""
    receptor = make_atoms(("ASP", {"CB": (5.5, 1, 0), "CG": (4, 1, 0), "OD1": (3, 0, 0), "OD2": (3.4, 2, 0)}))
    finder = PartnerFinder(receptor, ORIGIN[None], 0.75)
    assert np.allclose(nearest_partner(finder, "salt_bridge_cation", ORIGIN), X, atol=1e-6)
    middle = np.array([3.2, 1.0, 0])
    found = finder("salt_bridge_cation", ORIGIN)[1]
    assert np.allclose(found, middle / np.linalg.norm(middle), atol=1e-6)


def test_a_hydrophobic_point_faces_the_middle_of_its_partners():
    """Three atoms, 3.8 A away: the nearest-partner rule could only name one of them."""
    turn = np.radians((0, 120, 240))
    cone = 3.8 * (np.cos(0.6) * X + np.sin(0.6) * (np.cos(turn)[:, None] * Y + np.sin(turn)[:, None] * Z))
    receptor = make_atoms(*(("LEU", {"CG": xyz, "CB": 1.4 * xyz}) for xyz in cone))
    assert np.allclose(pointed(receptor, "hydrophobic"), X, atol=1e-6)


def test_hydrophobic_partners_count_by_how_surely_they_touch():
    """Two atoms at a right angle: the direction is that of their logistic weights."""
    distance = np.array([3.6, 4.2])
    receptor = make_atoms(("LEU", {"CG": 3.6 * X, "CB": 5.4 * X}), ("LEU", {"CG": 4.2 * Y, "CB": 6.0 * Y}))
    weight = 1 / (1 + np.exp((distance - CONTACT) / CONTACT_WIDTH))
    wanted = np.array([*weight, 0.0])
    assert np.allclose(pointed(receptor, "hydrophobic"), wanted / np.linalg.norm(wanted), atol=1e-6)


def test_a_ring_is_named_by_its_nearest_atom():
    point = np.array([5.0, -3.0, 2.0])
    center = point + (1.1, 0.4, 3.6)
    nearest = PHENYL[int(np.linalg.norm(hexagon(center, Z) - point, axis=1).argmin())]
    labels, _ = PartnerFinder(benzene(center), point[None], 0.75)("pi_stacking", point)
    assert labels == (f"A:PHE 0:{nearest}",)


def test_of_two_waters_the_one_at_the_right_distance_counts():
    """One at 1.6 A along y, the other at 2.8 A along x."""
    receptor = make_atoms(*amide(1.6 * Y - 2.9 * X, X), *amide(2.8 * X + 2.9 * Y, -Y))
    assert np.allclose(pointed(receptor, "water_bridge"), X, atol=0.1)


def test_a_water_bridge_points_at_the_water():
    """The water lies on the hydrogen's line, 2.9 A from the nitrogen, not on the way to the nitrogen."""
    nitrogen = np.array([2.8, 2.9, 0])
    assert np.allclose(pointed(make_atoms(*amide(nitrogen, -Y)), "water_bridge"), X, atol=1e-6)


def test_no_partner_no_direction():
    assert not pointed(make_atoms(("LEU", {"CG": 3 * X})), "hbond_donor").any()


@pytest.mark.parametrize(
    ("channel", "receptor"),
    [
        ("hbond_acceptor", two_donors()),
        ("pi_stacking", benzene((1, 1, 4.0))),
        ("hydrophobic", benzene((1, 1, 4.0))),
        ("water_bridge", make_atoms(*amide((2.8, 2.9, 0), -Y))),
    ],
)
def test_directions_turn_with_the_receptor(channel, receptor):
    turn = rotation(3)
    turned = make_turned(receptor, turn)
    assert np.allclose(pointed(turned, channel), turn @ pointed(receptor, channel), atol=1e-4)
    points, moved = receptor_points(receptor), receptor_points(turned)
    for make in (lambda p: partner_gradient(p, channel, ORIGIN), lambda p: slot_normal(p, ORIGIN)):
        assert abs(make(moved) @ (turn @ make(points))) == pytest.approx(1.0, abs=1e-4)


def make_turned(atoms, turn):
    from dataclasses import replace

    return replace(atoms, coord=(atoms.coord @ turn.T).astype(np.float32))


def test_truth_of_a_hydrogen_bond_and_of_several():
    """A ligand's amine between two carboxylates: one point, two true directions, either is right."""
    receptor = make_atoms(
        ("ASP", {"CG": 4.0 * direction(70), "OD1": 2.8 * direction(70)}),
        ("ASP", {"CG": 4.0 * direction(-70), "OD1": 2.8 * direction(-70)}),
    )
    ligand = make_ligand("[NH3+]C", [(0, 0, 0), 1.47 * direction(180)])
    (truth,) = (t for t in true_directions(make_complex(receptor, ligand)) if t.channel == "hbond_donor")
    assert np.allclose(truth.point, 0)
    assert len(truth.directions) == 2
    assert direction_error(direction(-60), truth.directions) == pytest.approx(10.0, abs=0.1)


def test_truth_of_a_ring():
    """Face to face, 4 A above and 1 A aside: the normal is z, the direction leans."""
    ligand = make_ligand("c1ccccc1", hexagon())
    truths = true_directions(make_complex(benzene((1, 0, 4.0)), ligand))
    (truth,) = (t for t in truths if t.channel == "pi_stacking")
    assert axis_error(-Z, truth.axis) == pytest.approx(0, abs=1e-3)
    assert direction_error(Z, truth.directions) == pytest.approx(np.degrees(np.arctan(1 / 4)), abs=0.01)


def test_truth_of_a_water_bridge_is_the_water():
    water = make_atoms(("HOH", {"O": 2.8 * X}), kind="water")
    oxygen = 2.8 * X + 2.8 * direction(180 - 100)
    receptor = make_atoms(("ASP", {"OD1": oxygen, "CG": oxygen + 1.24 * Y}))
    complex_ = make_complex(receptor, make_ligand("O=C", [(0, 0, 0), -1.2 * X]), waters=water)
    (truth,) = (t for t in true_directions(complex_) if t.channel == "water_bridge")
    assert np.allclose(truth.directions, X[None], atol=1e-6)


@pytest.mark.parametrize(("guess", "error"), [(X, 0.0), (Y, 90.0), (-X, 180.0), (2 * X + 2 * Y, 45.0), (ORIGIN, 180.0)])
def test_direction_error(guess, error):
    assert direction_error(np.asarray(guess), X[None]) == pytest.approx(error)


@pytest.mark.parametrize(("guess", "error"), [(-X, 0.0), (Y, 90.0), (Y - X, 45.0), (ORIGIN, 90.0)])
def test_axis_error(guess, error):
    assert axis_error(np.asarray(guess), X) == pytest.approx(error)


def test_hotspots_are_matched_by_type_within_reach():
    truths = [Truth("metal", X, X[None], NAN), Truth("hbond_donor", ORIGIN, X[None], NAN)]
    coord = np.array([(0, 1.4, 0), (0, 1.6, 0), (0.9, 0, 0)])
    assert match(["hbond_donor"] * 3, coord, truths) == [(0, 1), (2, 1)]


def test_summary_by_hand():
    found = summary([0.0, 10.0, 29.9, 30.0, 100.0])
    assert (found["count"], found["median"], found["good"]) == (5, 29.9, 0.6)
    assert found["p90"] == pytest.approx(30 + 0.6 * 70)


def test_table_keeps_ways_and_the_normal_apart():
    errors = Errors()
    errors.add("val", "true", Truth("pi_stacking", ORIGIN, X[None], Z), rules=X, normal_slot=X)
    table = errors.table()["val"]["true"]
    assert table["pi_stacking"]["rules"]["median"] == 0.0
    assert table["pi_stacking_normal"]["slot"]["median"] == 90.0


def test_normal_of_a_slot_and_of_a_flat_map():
    """Between two plates of atoms, and in a disc of ligand probability."""
    plate = np.array([(x, y, z) for x in (-2, 0, 2) for y in (-2, 0, 2) for z in (-3.5, 3.5)], float)
    receptor = make_atoms(*(("ALA", {"CB": xyz}) for xyz in plate))
    assert abs(slot_normal(receptor_points(receptor), ORIGIN) @ Z) == pytest.approx(1.0, abs=1e-6)
    grid = Grid.centred((0, 0, 0), 13, 0.75)
    height = grid.to_coord(np.indices(grid.shape).reshape(3, -1).T)[:, 1].reshape(*grid.shape, 1)
    assert abs(map_normal(Volume(np.exp(-(height**2)), grid, ("ligand",)), ORIGIN) @ Y) == pytest.approx(1.0, abs=1e-6)


@pytest.fixture(scope="module")
def field_points():
    """Random feature points."""
    rng = np.random.default_rng(1)
    coord = rng.uniform(-6, 6, (60, 3)).astype(np.float32)
    features = rng.random((60, direction_field.VECTORS // len(direction_field.CENTRES))) < 0.2
    return FeaturePoints(coord, features, np.ones(60, np.float32))


def test_descriptors_turn_with_the_receptor(field_points):
    """Vectors turn, numbers stay."""
    turn = rotation(5)
    turned = FeaturePoints(field_points.coord @ turn.T.astype(np.float32), field_points.features, field_points.radius)
    before, after = (direction_field.describe(p, ORIGIN[None]) for p in (field_points, turned))
    assert np.allclose(after[..., :3], before[..., :3] @ turn.T, atol=1e-4)
    assert np.allclose(after[..., 3], before[..., 3], atol=1e-4)
    assert np.abs(before).max() > 0.5


def test_the_field_learns_where_the_acceptor_is():
    """One kind of atom among others decides: after training, new points are within 15 degrees on the average."""
    pytest.importorskip("keras")
    rng = np.random.default_rng(2)
    described, truth = [], []
    for _ in range(300):
        coord = rng.normal(size=(4, 3))
        coord *= 3.0 / np.linalg.norm(coord, axis=1, keepdims=True)
        features = np.zeros((4, direction_field.VECTORS // len(direction_field.CENTRES)), bool)
        features[:, 0] = True
        features[0, 5] = True
        points = FeaturePoints(coord.astype(np.float32), features, np.ones(4, np.float32))
        described.append(direction_field.describe(points, ORIGIN[None])[0])
        truth.append(coord[:1] / 3.0)
    described, channels = np.array(described), np.full(300, TYPED.index("hbond_donor"))
    goal = direction_field.padded(truth)
    model = direction_field.train_network(described[:250], channels[:250], goal[:250], epochs=15)
    guess = direction_field.predict(model, described[250:], channels[250:])
    errors = [direction_error(g, t) for g, t in zip(guess, truth[250:], strict=True)]
    assert np.mean(errors) < 15
