"""What is measured of a scan's certainty: maps of known quality give known numbers."""

from types import SimpleNamespace

import numpy as np
import pytest
from store_fixture import make_item

from data_prep import trust
from pocketvox.channels import CHANNELS, CORE, LIGAND
from pocketvox.voxel import Grid, Volume, label_volume

TRUE, FALSE = 0.9, 0.1


class Knowing:
    """Predicts 0.9 where a label is and 0.1 elsewhere, for the items it was made with."""

    def __init__(self, items, discovery):
        config = {"spacing": 0.75, "calibration": dict.fromkeys(CHANNELS, (1.0, 0.0)), "discovery": discovery}
        config |= {"pockets": {"threshold": 0.5}, "thresholds": dict.fromkeys(CHANNELS, 0.5)}
        near = SimpleNamespace(score=lambda descriptors: descriptors.mean(axis=1))
        self.preset = SimpleNamespace(config=SimpleNamespace(hotspots={}, **config), domain=lambda: near)
        self.items = {item.coord.tobytes(): item for item in items}

    def __call__(self, points, grid=None, *, rotations=1):
        item = self.items[points.coord.tobytes()]
        grid = grid or Grid.around(item.ligand_coord, 6.0, 0.75)
        labels = label_volume(item.point_coord, item.point_channel, item.ligand_coord, grid)
        values = np.where(labels.values > 0, np.float32(TRUE), np.float32(FALSE))
        return Volume(values, grid, CHANNELS)


@pytest.fixture
def items():
    return [make_item(f"s{k}", clusters=(f"c{k}",), seed=k) for k in range(6)]


def test_calibration_methods_are_judged_on_families_they_were_not_fitted_to(items):
    """A map that is right at 0.9 everywhere: its error is 0.1, and every method but none finds out."""
    rows = {r["label"]: r["value"] for r in trust.calibration(Knowing(items, {}), items)}
    assert rows["none"]["log_loss"] == pytest.approx(-np.log(TRUE), abs=1e-3)
    assert rows["none"]["calibration_error"] == pytest.approx(1 - TRUE, abs=1e-3)
    for name in ("temperature", "Platt", "isotonic"):
        assert rows[name]["log_loss"] < rows["none"]["log_loss"] / 2


def test_rotations_are_all_asked_for(items):
    """One ligand of each family, up to 8 rotations; a perfect ranking scores 1."""
    asked = []

    class Noting(Knowing):
        def __call__(self, points, grid=None, *, rotations=1):
            asked.append(rotations)
            return super().__call__(points, grid)

    rows = trust.rotations(Noting(items, {}), items)
    assert asked == [n for n in (1, 2, 4, 8) for _ in items]
    assert [r["value"] for r in rows] == [{"ligands": 6, "jaccard": 1.0}] * 4


def test_false_hot_spots_are_counted_at_promised_thresholds(items):
    """A map of the labels has none where it has hot-spots; a threshold that nothing reaches has no hot-spot at all."""
    name = CORE[int(np.bincount(np.concatenate([item.point_channel for item in items])).argmax())]
    right, none = trust.promises(Knowing(items, {name: {"0.2": 0.5, "0.1": 0.99}}), items)[0]
    assert right["value"]["hotspots"] > 0 and right["value"]["false"] == 0 and right["value"]["from"] == 0
    assert right["value"]["promised"] == 0.2 and 0 < right["value"]["to"] < 1
    assert none["value"] == {"promised": 0.1, "hotspots": 0, "families": 0, "false": None, "from": 0.0, "to": 1.0}


def test_error_is_beyond_that_of_the_share_of_positives():
    y = np.arange(100) < 30
    assert trust.excess_loss(y, np.full(100, 0.3)) == pytest.approx(0, abs=1e-9)
    assert trust.excess_loss(y, np.where(y, 0.99, 0.01)) < -0.5
    assert trust.excess_loss(y, np.where(y, 0.01, 0.99)) > 3
    assert trust.excess_loss(np.zeros(5, bool), np.full(5, 0.01)) == pytest.approx(-np.log(0.99))


def test_correlations_by_pocket_and_by_family():
    """Columns: domain score, uncertainty, error, family. Within families the order is turned round."""
    rated = np.array([(0.2, 9, 1, 0), (0.1, 8, 2, 0), (0.6, 5, 5, 1), (0.5, 6, 6, 1), (0.9, 1, 8, 2), (0.8, 2, 9, 2)])
    rows = {r["label"]: r["value"] for r in trust.correlations(rated)}
    assert rows["domain_score, by family"]["spearman"] == pytest.approx(1) and len(rows) == 4
    assert 0 < rows["domain_score, by pocket"]["spearman"] < 1
    assert rows["uncertainty, by family"] == {"count": 3, "spearman": -1.0, "p": pytest.approx(0)}
    assert LIGAND not in rows
