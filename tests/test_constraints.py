"""What physics forbids: masks against distances computed otherwise, whatever the receptor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import DEMO
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from store_fixture import make_item

from data_prep.release import constrained, histograms
from pocketvox.channels import CHANNELS, LABEL_RADIUS, LIGAND, TYPED
from pocketvox.config import SamplingConfig
from pocketvox.data.batches import Sampler
from pocketvox.data.store import StoreItem
from pocketvox.errors import ConfigError
from pocketvox.features import ATOM_TYPES, FEATURES, receptor_points
from pocketvox.inference.presets import PresetConfig
from pocketvox.interactions.definitions import DEFINITIONS, PARTNER_TYPES, REACH
from pocketvox.interactions.detect import find_interactions
from pocketvox.structure import read_complex
from pocketvox.voxel import Grid, Volume, cube_rotations, label_volume, network_input, rotate_coord, rotate_volume
from pocketvox.voxel.constraints import CONTACT, FARTHEST, METAL_CONTACT, PARTNERS, SLACK, NetworkConfig

BOTH = NetworkConfig(features=FEATURES, constraints=("steric", "reach"))
GRID = Grid.centred((0.0, 0.0, 0.0), (9, 8, 10), 0.75)
COLUMN = {name: k for k, name in enumerate(FEATURES)}


def masks(coord, features, radius, grid=GRID, network=BOTH) -> np.ndarray:
    return network_input(coord, features, radius, grid, network)[..., len(FEATURES) :]


def receptor(seed: int, count: int, spread: float, on_centres: bool):
    """Random points; half of them atoms."""
    rng = np.random.default_rng(seed)
    coord = rng.uniform(-spread, spread, (count, 3))
    if on_centres:
        coord = GRID.to_coord(np.rint(GRID.to_index(coord)))
    features = rng.random((count, len(FEATURES))) < 0.3
    features[:, COLUMN["occupancy"]] = rng.random(count) < 0.5
    return coord, features, rng.choice((1.0, 1.52, 1.7, 1.8), count)


def expected(coord, features, radius):
    """Forbidden, and certainly allowed, by brute force: None of both at the last digits between them."""
    voxels = GRID.to_coord(np.argwhere(np.ones(GRID.shape)))
    distance = cdist(voxels, coord.reshape(-1, 3))
    atoms = features[:, COLUMN["occupancy"]]
    contact = np.where(features[:, COLUMN["metal"]], METAL_CONTACT, CONTACT * radius) - LABEL_RADIUS
    inside, outside = (
        (distance[:, atoms] < contact[atoms] + tiny).any(axis=1) if atoms.any() else np.zeros(len(voxels), bool)
        for tiny in (-1e-5, 1e-5)
    )
    forbidden, allowed = [], []
    for channel in CHANNELS:
        near = far = np.full(len(voxels), channel == LIGAND)
        for name, longest in PARTNERS.get(channel, ()):
            which = distance[:, features[:, COLUMN[name]]]
            near = near | (which <= longest + LABEL_RADIUS).any(axis=1)
            far = far | (which <= longest + LABEL_RADIUS + 2 * SLACK).any(axis=1)
        forbidden.append(inside | ~far)
        allowed.append(~outside & near)
    shape = (*GRID.shape, len(CHANNELS))
    return np.stack(forbidden, -1).reshape(shape), np.stack(allowed, -1).reshape(shape)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from((0, 1, 2, 7, 40, 3000)),
    st.sampled_from((0.0, 1.0, 3.375, 12.0)),
    st.booleans(),
)
def test_masks_are_distances(seed, count, spread, on_centres):
    """No atom, atoms on voxel centres, on the boundary, thousands in one place: masks say what distances say."""
    made = receptor(seed, count, spread, on_centres)
    found = masks(*made)
    forbidden, allowed = expected(*made)
    assert set(np.unique(found)) <= {0.0, 1.0}
    assert (found[forbidden] == 1).all() and (found[allowed] == 0).all()
    assert (forbidden | allowed).mean() > 0.9


def test_each_constraint_alone():
    """An atom without a role excludes a ball in every channel; without partners every type is out of reach."""
    features = np.zeros((1, len(FEATURES)), bool)
    features[0, COLUMN["occupancy"]] = True
    made = [(0.0, 0.0, 0.0)], features, [1.7]
    steric, reach = (masks(*made, network=replace(BOTH, constraints=(name,))) for name in ("steric", "reach"))
    assert 0 < steric.mean() < 0.2 and (steric == steric[..., :1]).all()
    assert (reach[..., : len(TYPED)] == 1).all() and not reach[..., CHANNELS.index(LIGAND)].any()
    both = masks(*made)
    assert np.array_equal(both, np.maximum(steric, reach))


def test_masks_turn_with_the_receptor():
    """Each of a cube's rotations of the atoms gives the rotated masks, so averaging over rotated inputs keeps them."""
    grid = Grid.centred((0.0, 0.0, 0.0), 10, 0.75)
    coord, features, radius = receptor(3, 30, 6.0, on_centres=False)
    here = masks(coord, features, radius, grid)
    for turn in cube_rotations():
        assert np.array_equal(masks(rotate_coord(coord, turn), features, radius, grid), rotate_volume(here, turn))


def test_every_typed_channel_has_partners_within_its_reach():
    """The table covers all types and is no longer than what is promised elsewhere, but for centres of charge."""
    assert set(PARTNERS) == set(TYPED)
    for channel, rows in PARTNERS.items():
        assert {name for name, _ in rows} <= set(FEATURES)
        assert max(distance for _, distance in rows) <= REACH[channel] + 1.5
        kinds = {"aromatic" if name == "ring_center" else name for name, _ in rows}
        assert kinds - {"hydrophobic"} == set(PARTNER_TYPES[channel])
    assert FARTHEST == max(d for rows in PARTNERS.values() for _, d in rows) + LABEL_RADIUS + SLACK


def test_a_water_bridge_reaches_as_far_as_its_angle_lets_it():
    """Law of cosines for two bonds of 3.5 A at 140 degrees; at 7 A, straight, there is no bridge."""
    rule = DEFINITIONS.water_bridge
    longest = np.sqrt(2 * rule.distance**2 * (1 - np.cos(np.radians(rule.angle[1]))))
    assert PARTNERS["water_bridge"][0][1] == pytest.approx(longest)
    assert longest < 2 * rule.distance


def test_no_label_of_a_real_complex_is_forbidden():
    """All interaction types that the bundled complex has, and its ligand."""
    complex_ = read_complex(DEMO)
    found = find_interactions(complex_)
    ligand = np.concatenate([ligand.coord for ligand in complex_.ligands])
    grid = Grid.around(ligand, 4.0, 0.75)
    labels = label_volume(found.point, found.channel, ligand, grid).values > 0
    points = receptor_points(complex_.receptor)
    forbidden = masks(points.coord, points.features, points.radius, grid) > 0
    assert labels.any(axis=(0, 1, 2)).sum() >= 4
    assert not (labels & forbidden).any()
    assert forbidden.mean() > 0.2


# -------------------------------------------------------------------------------------------------------- configuration
def test_configurations_without_constraints_stay_as_they_were():
    """Older fingerprints, of presets and of training runs, do not change."""
    plain = NetworkConfig(features=FEATURES)
    assert "constraints" not in plain.to_dict() and plain.masks == 0
    assert NetworkConfig().fingerprint() == "7ca8725634532d9ec4e8783a5b0116ad16553cde14f2cc32aab29ec94ebac854"
    assert NetworkConfig.from_dict(BOTH.to_dict()) == BOTH and BOTH.masks == len(CHANNELS)
    assert BOTH.fingerprint() != plain.fingerprint()


@pytest.mark.parametrize("wrong", [("gravity",), ("steric", "steric")])
def test_unknown_constraints_are_refused(wrong):
    with pytest.raises(ConfigError, match="constraints"):
        NetworkConfig(constraints=wrong)


def test_features_that_a_constraint_needs_are_asked_for():
    network = replace(BOTH, features=FEATURES[:3])
    with pytest.raises(ConfigError, match="ring_center"):
        network_input(np.zeros((1, 3)), np.ones((1, 3), bool), [1.0], GRID, network)


def test_a_calibration_that_would_lift_what_is_forbidden_is_refused():
    """A slope of almost nothing, or a huge offset, would make a forbidden logit a probability again."""
    data = {"network": BOTH.to_dict(), "spacing": 0.75}
    for line in ([1e-9, 0.0], [1.0, 1e4]):
        with pytest.raises(ConfigError, match="calibrations"):
            PresetConfig.from_dict({**data, "calibration": {"metal": line}})
        free = {**data, "network": {**data["network"], "constraints": []}}
        PresetConfig.from_dict({**free, "calibration": {"metal": line}})


def test_a_preset_gains_constraints_by_configuration():
    plain = replace(BOTH, constraints=())
    assert constrained(plain, ("steric",)).constraints == ("steric",)
    assert constrained(BOTH, None) == BOTH and constrained(BOTH, ()) == plain


# ------------------------------------------------------------------------------------------------------------- training
def real_item() -> StoreItem:
    """The synthetic structure with all features: its points are atoms with every role but that of a metal."""
    item = make_item("one", seed=1)
    features = np.zeros((len(item.coord), len(FEATURES)), np.uint8)
    features[:, : ATOM_TYPES.index("metal")] = 1
    return replace(item, features=features)


@pytest.mark.parametrize("disturbance", [{}, {"noise": 0.3, "warp": 1.0, "drop": 0.5}], ids=("still", "disturbed"))
def test_crops_bring_their_masks(disturbance):
    """A crop has the masks that its own rotated, noisy atoms give, in a crop of any place."""
    config = SamplingConfig(crop_size=16, **{"noise": 0.0, **disturbance})
    made = {"features": FEATURES, "constraints": BOTH.constraints}
    x, y = Sampler([real_item()], config, NetworkConfig(**made)).sample(0, 0)
    assert x.shape == (16, 16, 16, len(FEATURES) + len(CHANNELS)) and y.shape[-1] == len(CHANNELS)
    occupied = x[..., COLUMN["occupancy"]] > 0.9  # this near to an atom of 1.7 A
    assert occupied.any() and (x[occupied][:, len(FEATURES) :] == 1).all()
    plain = Sampler([real_item()], config, NetworkConfig(features=FEATURES)).sample(0, 0)
    if not disturbance:
        assert np.array_equal(plain[0], x[..., : len(FEATURES)]) and np.array_equal(plain[1], y)


def test_points_outside_a_crop_keep_its_border_in_reach():
    """A partner farther outside than features reach still counts: a water would bridge the gap."""
    item, config = real_item(), SamplingConfig(crop_size=8, noise=0.0, rotate=False)
    near = np.abs(item.coord).max(axis=1) < 0.75 * 8 / 2 + 5.5
    coord = np.concatenate([item.coord[near] + [100, 0, 0], [(0.75 * 8 / 2 + 5.5, 0, 0)]]).astype(np.float32)
    item = replace(item, coord=coord, features=item.features[: len(coord)], radius=item.radius[: len(coord)])
    sampler = Sampler([item], config, NetworkConfig(features=FEATURES, constraints=("reach",)))
    x, _ = sampler.crop(item, np.zeros(3), np.eye(3))
    grid = Grid.centred((0.0, 0.0, 0.0), 8, 0.75)
    whole = network_input(item.coord, item.features, item.radius, grid, sampler.network)
    assert np.array_equal(x, whole) and not whole[..., -2].all()


def test_what_is_exactly_zero_takes_no_part_in_a_calibration():
    item = make_item("one", split="val")
    grid = Grid.around(item.coord, 4.0, 0.75)
    labels = label_volume(item.point_coord, item.point_channel, item.ligand_coord, grid)
    volume = Volume(np.where(labels.values, np.float32(0.5), np.float32(0)), grid, CHANNELS)
    every, possible = (histograms([item], [volume], 2.5, possible=p)["ligand"] for p in (False, True))
    assert possible.count == labels["ligand"].values.sum() < every.count
