"""Hot-spots from typed maps: where, how certain, how large, with which partners."""

import dataclasses

import numpy as np
import pytest
from test_pockets import FAR, make_atoms

from pocketvox.channels import CHANNELS, LABEL_RADIUS, TYPED
from pocketvox.errors import ConfigError
from pocketvox.pockets import HotspotConfig, PocketConfig, find_pockets
from pocketvox.pockets.peaks import Patch, ball_offsets
from pocketvox.voxel import Grid, Volume, label_volume

GRID = Grid.centred((0.3, -0.2, 0.1), 40, 0.75)
ANYWHERE = PocketConfig(min_volume=0.0, max_volume=1e9)
CENTER = np.array(GRID.to_coord(np.array(GRID.shape) // 2))


def labels(points, channels, ligand) -> Volume:
    """Oracle map: probability 1 within the label radius."""
    index = np.array([CHANNELS.index(c) for c in channels])
    volume = label_volume(np.array(points), index, np.array(ligand), GRID)
    return Volume(volume.values.astype(np.float32), GRID, CHANNELS)


def bumps(*parts, ligand=0.9) -> Volume:
    """Gaussian bumps (channel, position, height) in a spherical pocket of 8 angstrom around ``CENTER``."""
    centres = GRID.to_coord(np.indices(GRID.shape).reshape(3, -1).T)
    values = np.zeros((len(centres), len(CHANNELS)))
    for channel, position, height in parts:
        squared = ((centres - position) ** 2).sum(axis=1)
        k = CHANNELS.index(channel)
        values[:, k] = np.maximum(values[:, k], height * np.exp(-squared / 2))
    values[:, -1] = ligand * (np.linalg.norm(centres - CENTER, axis=1) <= 8.0)
    return Volume(values.reshape(*GRID.shape, -1).astype(np.float32), GRID, CHANNELS)


def hotspots(volume, receptor=FAR, **config):
    """Hot-spots of all pockets, best first."""
    pockets = find_pockets(volume, receptor, ANYWHERE, HotspotConfig(**config))
    return sorted((h for p in pockets for h in p.hotspots), key=lambda h: -h.score)


def distance(hotspot, point) -> float:
    return float(np.linalg.norm(np.array(hotspot.coord) - point))


@pytest.mark.parametrize("seed", range(6))
def test_a_label_gives_back_its_point(seed):
    """One hot-spot, nearer to the point than half a voxel, as large as its label, with full certainty."""
    point = CENTER + np.random.default_rng(seed).uniform(-0.4, 0.4, 3)
    volume = labels([point], ["hbond_donor"], [point])
    (found,) = hotspots(volume)
    assert found.type == "hbond_donor"
    assert distance(found, point) < 0.375
    assert (found.probability, found.score) == (1.0, 1.0)
    assert found.volume == pytest.approx(volume["hbond_donor"].values.sum() * 0.75**3)
    assert found.direction == (0.0, 0.0, 0.0)
    assert found.partners == ()


def test_a_ring_centre_between_its_atoms_is_found():
    """The centroid of a ring is farther than the label radius from the atoms that the ligand channel marks."""
    turn = np.arange(6) * np.pi / 3
    ring = CENTER + 1.39 * np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=1)
    (found,) = hotspots(labels([CENTER], ["pi_stacking"], ring))
    assert distance(found, CENTER) < 0.375


@pytest.mark.parametrize(("apart", "count"), [(1.0, 1), (3.5, 2)])
def test_suppression(apart, count):
    """Maxima nearer than the suppression radius are one hot-spot."""
    step = np.array([apart / 2, 0, 0])
    found = hotspots(bumps(("hbond_donor", CENTER - step, 0.9), ("hbond_donor", CENTER + step, 0.85)))
    assert len(found) == count


def test_types_do_not_suppress_each_other():
    found = hotspots(bumps(("hbond_donor", CENTER, 0.9), ("hbond_acceptor", CENTER, 0.8)))
    assert [h.type for h in found] == ["hbond_donor", "hbond_acceptor"]


def test_hotspots_of_one_type_are_farther_apart_than_the_radius():
    """Also where labels have fused, and across the border of two pockets."""
    line = CENTER + np.arange(-8, 9)[:, None] * np.array([1.2, 0.3, 0.1])
    volume = labels(line, ["hydrophobic"] * len(line), line)
    for config in (ANYWHERE, dataclasses.replace(ANYWHERE, max_volume=10.0, split_distance=4.0)):
        pockets = find_pockets(volume, FAR, config)
        coord = np.array([h.coord for p in pockets for h in p.hotspots])
        gaps = np.linalg.norm(coord[:, None] - coord[None], axis=2) + 99 * np.eye(len(coord))
        assert gaps.min() > LABEL_RADIUS - 0.375  # positions are refined by up to half a voxel along each axis
        assert np.linalg.norm(line[:, None] - coord[None], axis=2).min(axis=1).max() <= LABEL_RADIUS
    assert len(pockets) > 1


def test_a_slope_has_one_summit():
    """Voxels beside a maximum are above the threshold too, and no hot-spots."""
    volume = bumps(("hydrophobic", CENTER, 0.5), ligand=0.9)
    centres = GRID.to_coord(np.indices(GRID.shape).reshape(3, -1).T)
    ramp = (0.55 - 0.03 * np.linalg.norm(centres - CENTER, axis=1)).reshape(GRID.shape)
    volume.values[..., CHANNELS.index("hydrophobic")] = ramp
    (found,) = hotspots(volume, threshold=0.3)
    assert distance(found, CENTER) < 0.75
    assert found.volume > 1000


def test_values_are_those_of_the_maps():
    """probability: conditional at the best voxel; score: times the ligand probability there."""
    (found,) = hotspots(bumps(("metal", CENTER, 0.8), ligand=0.5))
    assert found.probability == pytest.approx(0.8, abs=1e-6)
    assert found.score == pytest.approx(0.4, abs=1e-6)


@pytest.mark.parametrize(("height", "count"), [(0.41, 1), (0.39, 0)])
def test_threshold_of_a_channel(height, count):
    volume = bumps(("hbond_donor", CENTER, height), ("metal", CENTER + (3, 0, 0), height))
    found = hotspots(volume, threshold=0.9, thresholds={"hbond_donor": 0.4})
    assert [h.type for h in found] == ["hbond_donor"] * count


@pytest.mark.parametrize(("offset", "count"), [(8.5, 1), (11.0, 0)])
def test_only_in_and_around_pockets(offset, count):
    """8.5 angstrom from the centre of a pocket of radius 8 is within the margin, 11 is not."""
    assert len(hotspots(bumps(("hbond_donor", CENTER + (offset, 0, 0), 1.0)), threshold=0.95)) == count


def test_volume_is_shared_between_neighbours():
    """Voxels above the threshold, each counted for the nearest hot-spot."""
    volume = bumps(("hbond_donor", CENTER - (2, 0, 0), 0.9), ("hbond_donor", CENTER + (2, 0, 0), 0.9))
    found = hotspots(volume, threshold=0.2)
    above = (volume["hbond_donor"].values >= 0.2).sum() * 0.75**3
    assert sum(h.volume for h in found) == pytest.approx(above)
    assert found[0].volume == pytest.approx(found[1].volume, rel=0.2)


def test_at_the_edge_of_the_grid():
    """Nothing wraps around to the other side."""
    point = GRID.to_coord([0, 20, 39])
    (found,) = hotspots(labels([point], ["hbond_donor"], [point]))
    assert distance(found, point) < 0.75


def test_what_lies_outside_the_grid_counts_as_nothing():
    """The mean over the 7 voxels of a ball at a corner of a grid of ones: 4 of them exist."""
    corner, inside = Patch(np.array([[0, 0, 0], [1, 1, 1]]), (3, 3, 3)).average(
        lambda x, y, z: np.ones((len(x), 1)), ball_offsets(1.0)
    )
    assert corner == pytest.approx(4 / 7)
    assert inside == pytest.approx(1.0)


def asp(offset: float):
    """An aspartate whose OD1 is ``offset`` angstrom from ``CENTER`` along x, the rest behind it."""
    names = ["CB", "CG", "OD1", "OD2"]
    local = np.array([[2.55, 0.9, 0], [1.22, 0.2, 0], [0, 0, 0], [1.9, -1.3, 0]])
    return make_atoms(
        CENTER + local + (offset, 0, 0),
        name=names,
        element=["C", "C", "O", "O"],
        res_name=["ASP"] * 4,
        parent=["ASP"] * 4,
        res_id=np.full(4, 25, np.int32),
        residue=np.zeros(4, np.int32),
    )


def test_partner_and_direction_of_a_donor():
    (found,) = hotspots(bumps(("hbond_donor", CENTER, 0.9)), asp(2.8))
    assert found.partners[0] == "A:ASP 25:OD1"
    assert np.allclose(found.direction, (1, 0, 0), atol=0.02)


def test_no_partner_beyond_reach():
    """3.5 angstrom of the definition and a voxel of tolerance: 4.2 is within, 4.3 is not."""
    volume = bumps(("hbond_donor", CENTER, 0.9))
    (found,) = hotspots(volume, asp(4.2))
    assert found.partners == ("A:ASP 25:OD1",)
    (found,) = hotspots(volume, asp(4.3))
    assert (found.partners, found.direction) == ((), (0.0, 0.0, 0.0))


def test_an_acceptor_is_no_partner_of_an_acceptor():
    (found,) = hotspots(bumps(("hbond_acceptor", CENTER, 0.9)), asp(2.8))
    assert found.partners == ()


def test_direction_of_a_ring_channel_is_to_the_centroid():
    """A phenyl ring 4.5 angstrom above: one label, and the centroid, not an atom, is what the vector points to."""
    turn = np.arange(6) * np.pi / 3
    ring = 1.39 * np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=1) + (0, 0, 4.5)
    names = ["CG", "CD1", "CE1", "CZ", "CE2", "CD2"]
    receptor = make_atoms(
        CENTER + np.concatenate([ring, [[2.9, 0, 4.5]]]),
        name=[*names, "CB"],
        res_name=["PHE"] * 7,
        parent=["PHE"] * 7,
        res_id=np.full(7, 82, np.int32),
        residue=np.zeros(7, np.int32),
    )
    (found,) = hotspots(bumps(("pi_stacking", CENTER, 0.9)), receptor)
    assert np.allclose(found.direction, (0, 0, 1), atol=0.02)
    assert len(found.partners) == 1
    assert found.partners[0].startswith("A:PHE 82:C")


def test_best_first_and_repeatable():
    rng = np.random.default_rng(3)
    parts = [(TYPED[k], CENTER + rng.uniform(-6, 6, 3), rng.uniform(0.6, 1)) for k in rng.integers(0, len(TYPED), 25)]
    (pocket,) = find_pockets(bumps(*parts), FAR, ANYWHERE)
    (again,) = find_pockets(bumps(*reversed(parts)), FAR, ANYWHERE)
    scores = [h.score for h in pocket.hotspots]
    assert len(scores) > 10
    assert scores == sorted(scores, reverse=True)
    assert pocket.hotspots == again.hotspots


def test_presets_that_predict_fewer_channels():
    """Only the ligand channel: pockets without hot-spots."""
    full = bumps(("hbond_donor", CENTER, 0.9))
    (pocket,) = find_pockets(Volume(full["ligand"].values, GRID, ("ligand",)), FAR, ANYWHERE)
    assert pocket.hotspots == ()


@pytest.mark.parametrize("bad", [{"radius": 1.0}, {"thresholds": {"ligand": 0.5}}, {"certain": 0.0}, {"margin": -1.0}])
def test_bad_configurations_are_refused(bad):
    with pytest.raises(ConfigError):
        HotspotConfig.from_dict(bad)
