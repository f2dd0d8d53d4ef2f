"""Attributions: networks made by hand have known ones, and sums are kept from voxels to residues."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import DEMO, environment
from explain_fixture import MIDDLE, make_deep, make_linear

from pocketvox.channels import CHANNELS
from pocketvox.errors import ConfigError, InputError, UsageError
from pocketvox.explain import Explainer, atoms, maps, pocket_target, point_target, targets
from pocketvox.explain.occlusion import residues_around, without_residue
from pocketvox.features import FEATURES, receptor_points
from pocketvox.inference import load_predictor
from pocketvox.pipeline import prepare, scan
from pocketvox.voxel import Grid, voxelize

pytest.importorskip("keras", reason="needs pip install 'pocketvox[train]'")


SITE = FEATURES.index("acceptor_site")


@pytest.fixture(scope="module")
def demo():
    """The bundled protease without its inhibitor, and its feature points."""
    prepared = prepare(DEMO, spacing=1.0)
    return prepared, receptor_points(prepared.receptor)


@pytest.fixture(scope="module")
def linear(preset):
    return make_linear(preset)


@pytest.fixture(scope="module")
def deep(tmp_path_factory):
    return make_deep(tmp_path_factory.mktemp("deep"))


# ------------------------------------------------------------------------------------------------------------- targets
def test_a_target_is_a_ball_in_a_box_of_the_scan(linear, demo):
    """Its voxels are the label ball's, its box begins where a scan's pooling does and reaches the margin."""
    grid = demo[0].grid
    network = replace(linear.preset.config.network, filters=(1, 1, 1), blocks=(1, 1, 1))  # a stride of 4
    preset = replace(linear.preset, config=replace(linear.preset.config, network=network))
    target = point_target(preset, grid, MIDDLE, "hbond_donor")
    voxels = target.grid.to_coord(np.argwhere(target.mask))
    assert len(voxels) > 4 and np.linalg.norm(voxels - MIDDLE, axis=1).max() <= 1.25 + 1e-6
    start = grid.to_index(target.grid.origin)
    assert not (np.rint(start) % 4).any() and not (np.array(target.grid.shape) % 4).any()
    edge = np.minimum(
        voxels.min(axis=0) - target.grid.origin, target.grid.to_coord(target.grid.shape) - voxels.max(axis=0)
    )
    assert edge.min() >= targets.MARGIN


def test_impossible_targets_are_refused(linear, demo):
    grid = demo[0].grid
    with pytest.raises(UsageError, match="Received: sweetness"):
        point_target(linear.preset, grid, MIDDLE, "sweetness")
    with pytest.raises(InputError, match="Expected a point in the map.*900"):
        point_target(linear.preset, grid, (900, 0, 0), "metal")
    whole = scan(DEMO, predictor=load_predictor(linear.preset.folder, threads=1)).pockets[0]
    with pytest.raises(InputError, match="Explain a point or a hot-spot in it"):
        pocket_target(linear.preset, grid, replace(whole, voxels=np.array([[0, 0, 0], [200, 200, 200]])))


# ------------------------------------------------------------------------------------------------------ known networks
def test_a_pointwise_network_has_a_known_explanation(linear, demo):
    """The mean over the ball of 6 x acceptor_site - 1.5, in parts: 6 x what each acceptor adds there, nothing else."""
    prepared, points = demo
    target = point_target(linear.preset, prepared.grid, MIDDLE, "hbond_donor")
    sites = voxelize(points.coord, points.features, points.radius, target.grid, FEATURES).values[..., SITE]
    share = target.mask / target.mask.sum()
    expected = np.zeros(len(prepared.receptor))
    for row in np.flatnonzero(points.features[:, SITE]):
        one = voxelize(points.coord[[row]], [[True]], points.radius[[row]], target.grid, "a").values[..., 0]
        expected[points.parents[row, 0]] += 6 * (one * share).sum()
    assert np.count_nonzero(expected) > 1
    for method in ("integrated", "gradient"):
        found = linear(prepared.receptor, points, target, method)
        assert found.value == pytest.approx(6 * (sites * share).sum() - 1.5, abs=1e-5)
        np.testing.assert_allclose(found.map.values[..., 0], 6 * sites * share, atol=1e-6)
        np.testing.assert_allclose(found.atoms, expected, atol=1e-6)
        assert found.features["acceptor_site"] == pytest.approx(expected.sum(), abs=1e-5)
        assert not any(value for name, value in found.features.items() if name != "acceptor_site")
    assert linear(prepared.receptor, points, target, "integrated").empty == pytest.approx(-1.5)
    best = prepared.receptor.label(int(expected.argmax()))
    assert "ASP 25:OD" in best


def test_occlusion_of_a_pointwise_network_is_gradient_times_input(linear, demo):
    """Where nothing interacts, what a residue adds is what is lost without it; the engine here is OpenVINO."""
    prepared, points = demo
    target = point_target(linear.preset, prepared.grid, MIDDLE, "hbond_donor")
    by_loss, by_gradient = (
        atoms.atoms_to_residues(linear(prepared.receptor, points, target, method).atoms, prepared.receptor)[1]
        for method in ("occlusion", "gradient")
    )
    assert by_gradient.max() > 0.5
    np.testing.assert_allclose(by_loss, by_gradient, atol=1e-3)


def test_integrated_gradients_of_a_threshold():
    """relu(x - 0.5) at 1: half of it is due to x. Its gradient times x says all of it."""

    def gradient(x, weight):
        return np.maximum(x - 0.5, 0.0), weight * (x > 0.5)

    one = np.ones((1, 1, 1, 1), np.float32)
    found = maps.integrated_gradients(gradient, one, one, 2000)
    assert found.item() == pytest.approx(0.5, abs=1e-3)
    assert gradient(one, one)[1].item() == 1.0


def test_grad_cam_by_hand():
    """Weights are mean gradients, 2 and -1; the sum is cut at 0 and each cell becomes 2x2x2 voxels, interpolated."""
    features = np.zeros((2, 1, 1, 2))
    features[0, 0, 0] = 3.0, 1.0  # 2 * 3 - 1 = 5
    features[1, 0, 0] = 0.0, 4.0  # -4: cut
    gradient = np.array([[1.0, -3.0], [3.0, 1.0]]).reshape(2, 1, 1, 2)
    found = maps.grad_cam(features, gradient, (4, 2, 2))
    np.testing.assert_allclose(found[:, 0, 0], [5.0, 3.75, 1.25, 0.0])
    assert found.shape == (4, 2, 2) and np.ptp(found, axis=(1, 2)).max() == 0


# ----------------------------------------------------------------------------------------------------- trained networks
def test_integrated_gradients_are_complete(deep, demo):
    """They sum to the difference to an empty grid, better with more steps; atoms and features have the same sum."""
    prepared, points = demo
    explainer = Explainer(deep, threads=1)
    target = point_target(deep, prepared.grid, MIDDLE, "hydrophobic")
    few, many = (explainer(prepared.receptor, points, target, "integrated", steps=n) for n in (2, 64))
    assert abs(many.residual) < 0.05 < abs(few.residual)
    total = many.map.values.sum(dtype=float)
    assert abs(total) > 0.05
    assert many.atoms.sum() == pytest.approx(total, rel=1e-5)
    assert sum(many.features.values()) == pytest.approx(total, rel=1e-5)


def test_the_value_is_what_the_engine_predicts(deep, demo):
    """Keras with the calibration in its weights, and OpenVINO's calibrated probabilities: the same log-odds."""
    prepared, points = demo
    explainer = Explainer(deep, threads=1)
    for channel in ("hydrophobic", "metal"):
        target = point_target(deep, prepared.grid, MIDDLE, channel)
        found = explainer(prepared.receptor, points, target, "gradient")
        assert found.value == pytest.approx(explainer.value(points, target), abs=1e-4)
        assert found.probability == pytest.approx(1 / (1 + np.exp(-found.value)))


def test_constraints_change_no_explanation_where_they_allow(deep, demo, tmp_path):
    """With the same weights: value, engine and attributions between the aspartates, where a ligand can be."""
    prepared, points = demo
    bound = make_deep(tmp_path, constraints=["steric", "reach"])
    target = point_target(deep, prepared.grid, MIDDLE, "hbond_donor")
    free, held = (Explainer(preset, threads=1) for preset in (deep, bound))
    assert held.value(points, target) == pytest.approx(free.value(points, target), abs=1e-5)
    one, other = (explainer(prepared.receptor, points, target, "integrated", steps=4) for explainer in (free, held))
    np.testing.assert_allclose(other.map.values, one.map.values, atol=1e-6)


def test_gradients_are_slopes(deep):
    """Against finite differences; with respect to the head's own output they are the weights."""
    gradients = Explainer(deep, threads=1).gradients
    rng = np.random.default_rng(0)
    x, weight = rng.random((1, 4, 4, 4, len(FEATURES))), rng.random((1, 4, 4, 4, len(CHANNELS)))
    logits, slope = gradients(x, weight)
    step = 1e-2 * rng.normal(size=x.shape)
    up, down = ((weight * gradients(x + sign * step, weight)[0]).sum() for sign in (1, -1))
    assert (slope * step).sum() == pytest.approx((up - down) / 2, rel=0.02)
    features, at_head = gradients.layer("logits", x, weight)
    np.testing.assert_allclose(features, logits, rtol=1e-4)
    np.testing.assert_allclose(at_head, weight, atol=1e-6)
    assert gradients.layer("encode1_1_act", x, weight)[1].shape == (1, 2, 2, 2, 8)
    np.testing.assert_array_equal(gradients(x, weight)[0], logits)  # a tapped layer is left as it was
    with pytest.raises(ConfigError, match="logits. Received: absent"):
        gradients.layer("absent", x, weight)


OTHER_BACKEND = """
import sys, numpy as np, keras
from pocketvox.explain import Explainer
from pocketvox.inference import load_preset
assert keras.backend.backend() == "torch"
with np.load(sys.argv[2]) as given:
    gradients = Explainer(load_preset(sys.argv[1]), threads=1).gradients
    _, slope = gradients(given["x"], given["weight"])
    np.testing.assert_allclose(slope, given["slope"], atol=1e-3)
    _, slope = gradients.layer("encode1_1_act", given["x"], given["weight"])
    np.testing.assert_allclose(slope, given["layer"], atol=1e-3)
"""


@pytest.mark.slow
def test_torch_gives_the_same_gradients(deep, tmp_path):
    pytest.importorskip("torch", reason="checks gradients on the torch backend")
    gradients = Explainer(deep, threads=1).gradients
    rng = np.random.default_rng(0)
    x, weight = rng.random((1, 4, 4, 4, len(FEATURES))), rng.random((1, 4, 4, 4, len(CHANNELS)))
    slope, layer = gradients(x, weight)[1], gradients.layer("encode1_1_act", x, weight)[1]
    assert np.ptp(slope) > 1e-2 and np.ptp(layer) > 1e-2
    np.savez(tmp_path / "given.npz", x=x, weight=weight, slope=slope, layer=layer)
    done = subprocess.run(
        [sys.executable, "-c", OTHER_BACKEND, str(deep.folder), str(tmp_path / "given.npz")],
        env=environment(KERAS_BACKEND="torch"), capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


# --------------------------------------------------------------------------------------------------- atoms and residues
def test_sums_are_kept_from_voxels_to_residues(demo):
    """Random weights on a box that cuts through the receptor."""
    prepared, points = demo
    grid = Grid.centred(MIDDLE, 16, 1.0)
    weight = np.random.default_rng(0).normal(size=(*grid.shape, len(FEATURES)))
    whole = (weight * voxelize(points.coord, points.features, points.radius, grid, FEATURES).values).sum()
    shares = atoms.share_of_points(points, weight, grid)
    each = atoms.points_to_atoms(shares.sum(axis=1), points, len(prepared.receptor))
    first, residues = atoms.atoms_to_residues(each, prepared.receptor)
    assert abs(whole) > 1
    for total in (shares.sum(), each.sum(), residues.sum()):
        assert total == pytest.approx(whole, rel=1e-5)
    assert len(first) == len(np.unique(prepared.receptor.residue))


def test_voxels_are_divided_by_density_and_filled_again(demo):
    """What atoms get is what the voxels with atoms had; spread again it is all there."""
    prepared, points = demo
    grid = Grid.around(prepared.receptor.coord, 4.0, 1.0)
    occupied = voxelize(points.coord, points.features, points.radius, grid, FEATURES).values[..., 0] > 0
    values = np.random.default_rng(0).random(grid.shape)
    each = atoms.points_to_atoms(atoms.split_by_density(points, values, grid), points, len(prepared.receptor))
    assert each.sum() == pytest.approx(values[occupied].sum(), rel=1e-5)
    assert atoms.spread_on_voxels(each, points, grid).sum() == pytest.approx(each.sum(), rel=1e-4)


def test_a_ring_is_divided_among_its_atoms(demo):
    prepared, points = demo
    (row, *_) = np.flatnonzero(points.features[:, FEATURES.index("ring_center")])
    value = np.zeros(len(points))
    value[row] = 1.0
    each = atoms.points_to_atoms(value, points, len(prepared.receptor))
    ring = points.parents[row][points.parents[row] >= 0]
    assert len(ring) > 4 and each[ring] == pytest.approx(1 / len(ring)) and each.sum() == pytest.approx(1)


def test_a_residue_is_taken_away_with_its_sites(demo):
    prepared, points = demo
    target = np.zeros((3, 3, 3), bool)
    target[1, 1, 1] = True
    (one, *_) = residues_around(points, prepared.receptor, target, Grid.centred(MIDDLE, 3, 1.0), 4.0)
    left = without_residue(points, prepared.receptor, one)
    gone = (prepared.receptor.residue[points.parents[:, 0]] == one).sum()
    assert gone > 4 and len(left) == len(points) - gone
    assert one not in prepared.receptor.residue[left.parents[left.parents >= 0]]


def test_points_without_atoms_are_refused(demo):
    with pytest.raises(InputError, match="receptor_points"):
        atoms.parents_of(replace(demo[1], parents=None))
