"""What is measured of constraints: structures with known violations give known numbers."""

from dataclasses import replace

import numpy as np
import pytest
from store_fixture import make_item

from data_prep import physics
from pocketvox.channels import CHANNELS, LIGAND
from pocketvox.config import RECEPTOR_CONSTRAINTS, NetworkConfig
from pocketvox.features import FEATURES
from pocketvox.pockets import PocketConfig
from pocketvox.voxel import Grid, Volume, constraints, label_volume

NETWORK = NetworkConfig(features=FEATURES, constraints=RECEPTOR_CONSTRAINTS)


def item_at(distance: float):
    """A ligand donor at the origin, an acceptor so far away (angstrom)."""
    features = np.zeros((1, len(FEATURES)), np.uint8)
    features[0, [FEATURES.index("occupancy"), FEATURES.index("hbond_acceptor")]] = 1
    point, channel = np.zeros((1, 3), np.float32), np.array([CHANNELS.index("hbond_donor")], np.uint8)
    fields = {"coord": np.array([[distance, 0, 0]], np.float32), "features": features, "radius": np.float32([1.52])}
    fields |= {"point_coord": point, "point_channel": channel, "point_group": np.zeros(1, np.int32)}
    return replace(make_item("one"), ligand_coord=point, ligand_group=np.zeros(1, np.int32), **fields)


@pytest.mark.parametrize(("distance", "steric", "far"), [(2.9, False, 0), (2.3, True, 0), (3.6, False, 1)])
def test_contacts_too_near_and_too_far_are_found(distance, steric, far):
    """An ordinary hydrogen bond loses nothing; one of 2.3 A loses voxels beside the acceptor; one of 3.6 A is none."""
    rows = {r["label"]: r["value"] for r in physics.labels([item_at(distance)], NETWORK, 0.25)}
    found = rows["hbond_donor"]
    assert (found["steric_percent"] > 0) == steric == (rows[LIGAND]["steric_percent"] > 0)
    assert found["points_out_of_reach"] == far and (found["reach_percent"] > 0) == bool(far)
    assert rows[LIGAND]["reach_percent"] == 0


def test_a_longer_contact_loses_more_and_is_only_tried():
    used = constraints.CONTACT
    rows = physics.contacts([item_at(2.6)], NETWORK, 0.25)
    shares = [r["value"]["most_percent"] for r in rows]
    assert shares[0] == 0 and shares == sorted(shares) and shares[-1] > 0
    assert used == constraints.CONTACT


def test_counts_of_a_perfect_map():
    """A map of the labels: expected counts are their integral, and points are counted once."""
    item = item_at(2.9)
    item = replace(
        item, **{name: np.repeat(getattr(item, name), 2, axis=0) for name in ("point_coord", "point_channel")}
    )
    grid = Grid.around(item.ligand_coord, 4.0, 0.25)
    labels = label_volume(item.point_coord, item.point_channel, item.ligand_coord, grid)
    volume = Volume(labels.values.astype(np.float32), grid, CHANNELS)
    config = PocketConfig(threshold=0.5, min_volume=1.0)
    counts = np.array(list(physics.true_and_expected(item, item.ligand_coord, volume, config)))
    assert counts.shape == (1, 3, len(CHANNELS))
    points, true, expected = counts[0, :, CHANNELS.index("hbond_donor")]
    assert points == 1 and true == expected == pytest.approx(1.0, rel=0.05)
    assert not counts[0, :, CHANNELS.index("metal")].any()
