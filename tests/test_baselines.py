"""The rule field: its numbers, by hand, on receptors of one to three points."""

import numpy as np
import pytest

from benchmarks.baselines import CLASH_DISTANCE, RULES, RULES_UNCLIPPED, prevalence_field, rule_field
from pocketvox.channels import CORE
from pocketvox.features import FEATURES
from pocketvox.metrics import average_precision, best_jaccard


def receptor(*points):
    """Feature points from (x, names...)."""
    coord = np.array([[x, 0.0, 0.0] for x, *_ in points])
    features = np.zeros((len(points), len(FEATURES)), np.uint8)
    for row, (_, *names) in zip(features, points, strict=True):
        row[[FEATURES.index(name) for name in names]] = 1
    return coord, features, FEATURES


def field_at(x, channel, *points):
    """Value of a channel at (x, 0, 0)."""
    return rule_field(np.array([[x, 0.0, 0.0]]), *receptor(*points))[0, CORE.index(channel)]


@pytest.mark.parametrize(
    "channel, feature, distance",
    [
        ("hbond_donor", "hbond_acceptor", 2.9),
        ("hbond_acceptor", "hbond_donor", 2.9),
        ("hydrophobic", "hydrophobic", 3.8),
    ],
)
def test_value_is_one_at_the_shell_and_falls_to_both_sides(channel, feature, distance):
    """Each channel follows its own receptor type and distance; 0.4 A off gives 1 / 1.4, and 2 A further 1 / 3."""
    atom = (0.0, "occupancy", feature)
    assert field_at(distance, channel, atom) == pytest.approx(1.0)
    assert field_at(distance - 0.4, channel, atom) == pytest.approx(1 / 1.4)
    assert field_at(distance + 0.4, channel, atom) == pytest.approx(1 / 1.4)
    assert field_at(distance + 2.0, channel, atom) == pytest.approx(1 / 3)


@pytest.mark.parametrize("channel", CORE)
def test_other_types_do_not_count(channel):
    """A receptor point of every type but the right one gives 0."""
    others = [name for name in FEATURES if name != RULES[channel].feature]
    assert field_at(3.0, channel, (0.0, *others)) == 0


def test_nearest_point_decides():
    """Between two acceptors the nearer one counts, even if the farther one is nearer to the ideal distance."""
    points = [(0.0, "occupancy", "hbond_acceptor"), (7.5, "occupancy", "hbond_acceptor")]
    assert field_at(3.5, "hbond_donor", *points) == pytest.approx(1 / 1.6)


@pytest.mark.parametrize("channel", CORE)
def test_zero_inside_the_clash_distance(channel):
    """2.39 A from any heavy atom is 0, 2.41 A is not; the atom need not have the type."""
    typed = (10.0, "occupancy", RULES[channel].feature)
    assert field_at(CLASH_DISTANCE - 0.01, channel, (0.0, "occupancy"), typed) == 0
    assert field_at(CLASH_DISTANCE + 0.01, channel, (0.0, "occupancy"), typed) > 0.1


def test_ring_shell_uses_centroids():
    """pi_stacking: 4.0 A from a ring centroid, not from its atoms, to both sides."""
    ring = [(0.0, "ring_center"), (-1.4, "occupancy", "aromatic")]
    assert field_at(4.0, "pi_stacking", *ring) == pytest.approx(1.0)
    assert field_at(3.0, "pi_stacking", *ring) == pytest.approx(0.5)
    assert field_at(6.0, "pi_stacking", *ring) == pytest.approx(1 / 3)


def test_unclipped_ring_shell_ignores_clashes():
    """The other reading of the definition: not 0 near an atom, and otherwise the same."""
    ring = receptor((0.0, "ring_center"), (1.4, "occupancy", "aromatic"))
    voxels = np.array([[3.0, 0.0, 0.0], [5.0, 0.0, 0.0]])
    assert rule_field(voxels, *ring, RULES_UNCLIPPED)[:, 0] == pytest.approx([0.5, 0.5])
    assert rule_field(voxels, *ring)[:, CORE.index("pi_stacking")] == pytest.approx([0.0, 0.5])


def test_rules_are_the_core_channels_in_order():
    """Columns of the rule field are named by position."""
    assert tuple(RULES) == CORE


def test_points_without_occupancy_never_clash():
    """Virtual points, such as ideal hydrogen-bond sites, do not empty the field around them."""
    assert field_at(2.9, "hbond_donor", (0.0, "occupancy", "hbond_acceptor"), (2.9, "donor_site")) == pytest.approx(1.0)


def test_constant_map_scores_the_prevalence():
    """The prevalence baseline: average precision and best Jaccard both equal the fraction of positives."""
    y = np.array([True, False, False, False, True, False, False, False])
    p = prevalence_field(8, [0.25])[:, 0]
    assert average_precision(y, p) == pytest.approx(0.25)
    assert best_jaccard(y, p)[0] == pytest.approx(0.25)
