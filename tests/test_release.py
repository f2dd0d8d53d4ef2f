"""From a training run to a preset: what is fitted on validation data."""

import numpy as np
import pytest
from store_fixture import make_item

from data_prep.release import POCKET_GRID, calibrated, choose_pockets, histograms
from pocketvox.channels import CHANNELS, LIGAND
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
    """A plateau joins the ligand's blob to one far away: only a threshold above the plateau puts a centre on it."""
    grid = labels.grid
    values = np.zeros((*grid.shape, 1), np.float32)
    values[:, :, :8] = 0.06
    values[labels[LIGAND].values[..., 0] > 0] = 0.12
    chosen, rates = choose_pockets([item], [Volume(values, grid, (LIGAND,))])
    assert rates == {"top_n": 1.0, "top_n_plus_2": 1.0}
    assert chosen["threshold"] == min(t for t in POCKET_GRID["threshold"] if 0.06 < t <= 0.12)
    assert chosen["slope"] > 0 and chosen["midpoint"] > 0
