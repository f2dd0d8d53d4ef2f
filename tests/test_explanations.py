"""What is measured of explanations: a network whose reasons are known is found to have them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import DEMO
from explain_fixture import make_linear

from data_prep import explanation_cases, explanations
from data_prep.sources import Source
from pocketvox.features import FEATURES
from pocketvox.inference import load_predictor
from pocketvox.voxel import voxelize

keras = pytest.importorskip("keras", reason="needs pip install 'pocketvox[train]'")


@pytest.fixture(scope="module")
def cases(preset):
    """A correct hot-spot of the bundled complex, by the tiny preset with an easier definition of pockets."""
    predictor = load_predictor(preset, threads=1)
    config = replace(predictor.preset.config, pockets={"threshold": 0.1, "min_volume": 5.0})
    predictor = replace(predictor, preset=replace(predictor.preset, config=config))
    return explanation_cases.cases([Source("1hvr", str(DEMO), clusters=("a",))], predictor, 3)


def test_a_case_is_near_an_interaction_of_its_type(cases):
    """One structure gives one case; its partners are residues near it."""
    (case,) = cases
    near = np.linalg.norm(case.receptor.coord - np.array(case.target.center), axis=1) < 7.0
    assert len(case.partners) and np.isin(case.partners, case.receptor.residue[near]).all()
    assert len(case.lining) > 3


def test_families_take_turns():
    entries = [Source(str(k), "", clusters=(c,)) for k, c in enumerate("aaaabbc")]
    order = [e.clusters[0] for e in explanation_cases.mixed(entries, np.random.default_rng(0))]
    assert sorted(order[:3]) == ["a", "b", "c"] and sorted(order[3:5]) == ["a", "b"] and order[5:] == ["a", "a"]


def test_methods_and_networks_drawn_anew(preset, cases, monkeypatch):
    """All that is asked of a method, on a U-Net of one level whose layers are drawn anew from the head on."""
    from pocketvox.network.gradients import Gradients
    from pocketvox.network.unet import build_unet

    explainer = make_linear(preset)
    keras.utils.set_random_seed(1)
    model = build_unet(explainer.preset.config.network)
    explainer.gradients = Gradients(model)
    monkeypatch.setattr(explanations, "last_layer", lambda explainer: "encode0_0_act")  # one level has no decoder
    rows, (complete,) = explanations.judge(explainer, cases)
    by_name = {r["label"]: r["value"] for r in rows}
    assert list(by_name) == [
        "integrated", "gradient", "gradcam", "gradcam, last layer", "occlusion", "nearest residue", "random residue",
    ]  # fmt: skip
    assert by_name["occlusion"]["lost"] == max(v["lost"] for v in by_name.values()) > 0
    assert "p" not in by_name["random residue"] and complete["value"]["hotspots"] == 1
    before = model.get_weights()
    anew = explanations.redrawn(explainer, cases)
    assert [r["label"] for r in anew] == ["to logits", "to encode0"]
    assert all(-1 <= v <= 1 for r in anew for k, v in r["value"].items() if k != "hotspots")
    assert anew[-1]["value"]["gradient"] < 0.9
    for one, two in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_linear_network_survives_no_comparison_with_itself(preset, cases):
    """The same map correlates with itself; one that is the same everywhere with nothing."""
    explainer, (case,) = make_linear(preset), cases
    kept = explanations.case_voxels(explainer, case)
    found = explanations.attribution_map(explainer, case, "gradient")
    assert explanations.correlation(found[kept], found[kept]) == pytest.approx(1)
    assert explanations.correlation(found[kept], np.zeros(kept.sum())) == 0
    grid, points = case.target.grid, case.points
    density = voxelize(points.coord, points.features, points.radius, grid, FEATURES).values
    np.testing.assert_array_equal(kept, density.max(axis=-1) > 0)


def test_nearest_residues_come_first(cases):
    (case,) = cases
    order = explanations.by_distance(case)
    distance = np.linalg.norm(case.receptor.coord - np.array(case.target.center), axis=1)
    assert case.receptor.residue[distance.argmin()] == order[0]
    assert case.receptor.residue[distance.argmax()] in order[-20:]


def test_comparison_is_paired():
    low = np.arange(10) / 10
    assert explanations.compared(low + 0.1, low) == {"more_than_random": 1.0, "p": pytest.approx(2**-10)}
    assert explanations.compared(low, low) == {"more_than_random": 0.0, "p": 1.0}
