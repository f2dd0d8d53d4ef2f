"""From a training run to a preset: what is fitted on validation data."""

from dataclasses import replace

import numpy as np
import pytest
from store_fixture import make_item

from data_prep.release import POCKET_GRID, calibrated, choose_hotspots, choose_pockets, histograms
from pocketvox.channels import CHANNELS, LIGAND
from pocketvox.config import NetworkConfig
from pocketvox.errors import ConfigError
from pocketvox.inference import PresetConfig
from pocketvox.pockets import HotspotConfig, PocketConfig, preset_settings
from pocketvox.voxel import Grid, Volume, label_volume

EVEN = dict.fromkeys(CHANNELS, (1.0, 0.0))


@pytest.fixture
def item():
    return make_item("one", split="val", clusters=("c1",))


@pytest.fixture
def labels(item) -> Volume:
    grid = Grid.around(item.coord, 4.0, 0.75)
    found = label_volume(item.point_coord, item.point_channel, item.ligand_coord, grid)
    return Volume(found.values.astype(np.float32), grid, CHANNELS)


def test_calibration_moves_log_odds_and_leaves_absent_tiles_at_zero(labels):
    """Slope 2 and offset 1 turn p = 0.5 into sigmoid(1); a voxel that was not computed stays 0."""
    values = np.zeros_like(labels.values)
    values[1:] = 0.5
    lines = {**EVEN, LIGAND: (2.0, 1.0)}
    moved = calibrated(Volume(values, labels.grid, CHANNELS), lines)
    assert moved[LIGAND].values[1:] == pytest.approx(1 / (1 + np.exp(-1.0)), abs=1e-6)
    assert moved["metal"].values[1:] == pytest.approx(0.5, abs=1e-6)
    assert not moved.values[0].any()


def test_typed_channels_are_counted_in_the_envelope_and_ligand_outside_too(item, labels):
    """The number of voxels scored tells where; a perfect map scores 1 in both."""
    curves = histograms([item], [labels], ignored_radius=2.5)
    assert curves["hbond_donor"].count < curves[LIGAND].count
    assert curves[LIGAND].best_jaccard()[0] == 1.0
    assert curves[LIGAND].count > labels[LIGAND].values.sum()


def test_pockets_are_cut_where_the_ligand_is(item, labels):
    """A plateau joins the ligand's blob to one far away: of the thresholds above it, all as good, it is the highest."""
    grid = labels.grid
    values = np.zeros((*grid.shape, 1), np.float32)
    values[:, :, :8] = 0.06
    values[labels[LIGAND].values[..., 0] > 0] = 0.12
    chosen, rates = choose_pockets([item], [Volume(values, grid, (LIGAND,))])
    assert rates == {"top_n": 1.0, "top_n_plus_2": 1.0}
    assert chosen["threshold"] == max(t for t in POCKET_GRID["threshold"] if 0.06 < t <= 0.12)
    assert chosen["slope"] > 0 and chosen["midpoint"] > 0


def test_evidence_is_certain_where_most_points_are_found_once(item):
    """Three points 1.3 A apart at half the probability: two maxima; little evidence would do for eleven hot-spots."""
    points = np.array([[0, 0, 0], [1.3, 0, 0], [2.6, 0, 0]], np.float32)
    channel = np.full(3, CHANNELS.index("hbond_donor"), np.uint8)
    labels = label_volume(points, channel, points, Grid.centred((0, 0, 0), 31, 0.75))
    half = np.where(np.arange(len(CHANNELS)) == CHANNELS.index(LIGAND), 1.0, 0.5)
    volume = Volume((labels.values * half).astype(np.float32), labels.grid, CHANNELS)
    item = replace(item, ligand_coord=points, point_coord=points, point_channel=channel)
    pockets, hotspots = PocketConfig(min_volume=0.0), HotspotConfig(threshold=0.1)
    chosen, rates = choose_hotspots([item], [volume], pockets, hotspots)
    assert chosen == replace(hotspots, certain=0.35)
    assert rates["hbond_donor"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert rates["pi_stacking"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_settings_of_a_preset_are_those_chosen():
    """What a preset leaves out is default; ``ligand`` is no type of hot-spot; unknown settings are refused."""
    network = NetworkConfig(features=("carbon",))
    config = PresetConfig(
        network, 0.75, pockets={"threshold": 0.02}, hotspots={"certain": 0.3}, thresholds={"metal": 0.4, LIGAND: 0.2}
    )
    pockets, hotspots = preset_settings(config)
    assert pockets == PocketConfig(threshold=0.02)
    assert hotspots == HotspotConfig(thresholds={"metal": 0.4}, certain=0.3)
    assert "hotspots" not in PresetConfig(network, 0.75).to_dict()
    with pytest.raises(ConfigError, match="uncertain"):
        preset_settings(replace(config, hotspots={"uncertain": 0.3}))
