"""Layers that physics put into the network: what a mask forbids is exactly 0, and counts are sums."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_fixture import make_item

keras = pytest.importorskip("keras", reason="needs pip install 'pocketvox[train]'")

from pocketvox.channels import CHANNELS, LABEL_RADIUS, LIGAND  # noqa: E402
from pocketvox.config import LossConfig, NetworkConfig, TrainConfig  # noqa: E402
from pocketvox.data.store import create_store, write_item  # noqa: E402
from pocketvox.errors import ConfigError  # noqa: E402
from pocketvox.features import FEATURES, FeaturePoints  # noqa: E402
from pocketvox.inference import PresetConfig, make_engine, predict_volume, save_preset  # noqa: E402
from pocketvox.inference.calibration import calibrate  # noqa: E402
from pocketvox.inference.presets import LEAST_SLOPE, MOST_OFFSET  # noqa: E402
from pocketvox.network.export import load_network  # noqa: E402
from pocketvox.network.losses import MaskedLoss  # noqa: E402
from pocketvox.network.physics import FORBIDDEN, Integral  # noqa: E402
from pocketvox.network.train import train  # noqa: E402
from pocketvox.network.unet import build_unet  # noqa: E402
from pocketvox.voxel import Grid, Volume, expected_counts, label_volume, network_input  # noqa: E402

NETWORK = NetworkConfig(features=FEATURES, filters=(2,), blocks=(1,), constraints=("steric", "reach"))
HOSTILE = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
#: Weights of ordinary size, and so large that logits overflow.
SCALES = (1.0, 1e37)
F, K = len(FEATURES), len(CHANNELS)


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    """One preset per scale of weights, each with the harshest calibration of every other channel."""
    made = {}
    for scale in SCALES:
        folder = tmp_path_factory.mktemp("weights")
        model = build_unet(replace(NETWORK, constraints=()))
        rng = np.random.default_rng(1)
        drawn = [np.float32(scale) * rng.uniform(0, 1, w.shape).astype(np.float32) for w in model.get_weights()]
        model.set_weights([w - np.float32(scale) / 2 if w.ndim > 1 else w for w in drawn])
        model.save_weights(folder / "w.weights.h5")
        lines = dict.fromkeys(CHANNELS[::2], (LEAST_SLOPE, MOST_OFFSET))
        config = PresetConfig(network=NETWORK, spacing=0.75, roi_size=48, halo=2, calibration=lines)
        options = {"training": {}, "metrics": {}, "card": ""}
        made[scale] = save_preset(folder / "preset", config, folder / "w.weights.h5", **options)
    return made


@pytest.fixture(scope="module")
def engines(presets):
    return {(scale, name): make_engine(presets[scale], name, 1) for scale in SCALES for name in ("openvino", "keras")}


@pytest.mark.parametrize("name", ["openvino", "keras"])
@HOSTILE
@given(
    scale=st.sampled_from(SCALES),
    size=st.sampled_from((0.0, 1.0, 1e6, 3e38)),
    share=st.sampled_from((0.0, 0.5, 1.0)),
    seed=st.integers(0, 99),
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_what_is_forbidden_is_exactly_zero(engines, name, scale, size, share, seed):
    """Whatever the features and the weights: huge, overflowing, none, with masks of all 0, all 1 or both."""
    rng = np.random.default_rng(seed)
    x = np.zeros((1, 4, 4, 4, F + K), np.float32)
    x[..., :F] = np.float32(size) * rng.uniform(-1, 1, (1, 4, 4, 4, F)).astype(np.float32)
    x[..., F:] = rng.random((1, 4, 4, 4, K)) < share
    forbidden = x[..., F:] > 0
    p = engines[scale, name](x)
    assert (p[forbidden] == 0).all()
    if scale == 1.0 and size <= 1.0:
        assert (p[~forbidden] > 0).all()


@pytest.mark.parametrize("name", ["openvino", "keras"])
def test_constraints_change_nothing_else(presets, engines, name):
    """The same weights without constraints give the same logits wherever nothing is forbidden."""
    x = np.random.default_rng(0).random((1, 8, 6, 4, F + K), dtype=np.float32)
    x[..., F:] = x[..., F:] > 0.5
    plain = load_network(replace(NETWORK, constraints=()), presets[1.0].folder / "model.weights.h5")
    logits = keras.ops.convert_to_numpy(plain.predict_on_batch(x[..., :F]))
    p = calibrate(logits, *presets[1.0].calibration())
    allowed = x[..., F:] == 0
    assert np.allclose(engines[1.0, name](x)[allowed], p[allowed], rtol=0, atol=1e-6)


@pytest.mark.parametrize("rotations", [1, 24])
def test_maps_of_receptors_obey(presets, rotations):
    """Whole maps, tile by tile, of receptors at random places: forbidden voxels of the whole grid are 0, others not."""
    rng = np.random.default_rng(5)
    for count in (1, 400):
        features = rng.random((count, F)) < 0.3
        points = FeaturePoints(rng.uniform(-6, 6, (count, 3)).astype(np.float32), features, np.full(count, 1.7, "f"))
        grid = Grid.around(points.coord, 9.0, 0.75)
        volume = predict_volume(presets[1.0], points, grid, threads=1, rotations=rotations)
        forbidden = network_input(points.coord, features, points.radius, grid, NETWORK)[..., F:] > 0
        assert (volume.values[forbidden] == 0).all()
        assert (volume.values[~forbidden] > 0).mean() > 0.9  # tiles beyond all atoms are not computed
        assert 0 < forbidden.mean() < 1


def test_constraints_have_no_weights_and_are_stored(tmp_path):
    """As many variables as without; the Keras file brings the layers back."""
    model, plain = build_unet(NETWORK), build_unet(replace(NETWORK, constraints=()))
    assert [w.shape for w in model.get_weights()] == [w.shape for w in plain.get_weights()]
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).random((1, 4, 4, 4, F + K), dtype=np.float32)
    assert np.array_equal(again.predict_on_batch(x), model.predict_on_batch(x))


def test_a_label_that_is_forbidden_costs_nothing():
    """The loss stays finite and learns nothing there, from labels, overlaps and teachers."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(1, 4, 4, 4, K)).astype(np.float32)
    y = rng.integers(0, 2, logits.shape).astype(np.float32)
    teacher = rng.random(logits.shape, dtype=np.float32)
    masked = logits.copy()
    masked[0, 0] = FORBIDDEN
    without = y.copy()
    without[0, 0] = 0
    for config, extra in ((LossConfig(), ()), (LossConfig(dice=0, distill=0.5), (teacher,))):
        loss = MaskedLoss(config, CHANNELS)
        value = float(loss(np.concatenate([y, *extra], -1), masked))
        assert np.isfinite(value) and value < 10
        same = [np.where(masked == FORBIDDEN, 0, t).astype(np.float32) for t in extra]
        assert value == pytest.approx(float(loss(np.concatenate([without, *same], -1), masked)), rel=1e-6)


def test_training_obeys_constraints(tmp_path):
    """Losses are finite, with a teacher that has no constraints too; one with other constraints is refused."""
    item = make_item("one", clusters=("c",))
    features = np.zeros((len(item.coord), F), np.uint8)
    features[:, : FEATURES.index("metal")] = 1
    with create_store(tmp_path / "store.h5", FEATURES, {}) as h5:
        for split in ("train", "val"):
            write_item(h5, replace(item, id=split, split=split, features=features))
    teacher = tmp_path / "teacher"
    plain = replace(NETWORK, constraints=())
    settings = {"store": str(tmp_path / "store.h5"), "batch_size": 2, "steps_per_epoch": 3, "epochs": 1, "val_crops": 2}
    settings |= {"precision": "float32", "warmup_steps": 1, "sampling": {"crop_size": 8, "spacing": 1.5}}
    config = TrainConfig.from_dict({**settings, "network": plain.to_dict()})
    first = train(config, teacher)
    config = replace(config, network=NETWORK, teachers=(str(teacher),), loss=LossConfig(distill=0.5))
    record = train(config, tmp_path / "run")
    assert 0 < record["loss"] < 10 and 0 < record["val_loss"] < 10 and 0 < first["loss"] < 10
    assert load_network(NETWORK, tmp_path / "run" / "best.weights.h5").input_shape[-1] == F + K
    other = replace(config, network=replace(NETWORK, constraints=("reach",)), teachers=(str(tmp_path / "run"),))
    with pytest.raises(ConfigError, match="Expected constraints .* of the teacher"):
        train(other, tmp_path / "other")


# ------------------------------------------------------------------------------------------------------------- integral
@HOSTILE
@given(
    st.integers(0, 99),
    st.tuples(*[st.integers(1, 24)] * 3),
    st.integers(1, 4),
    st.sampled_from((0.0, 1e-30, 1e-3, 1.0)),
    st.sampled_from((0.0, 0.3, 1.0)),
)
def test_integral_is_the_sum(seed, shape, pockets, size, share):
    """Float32 sums, axis by axis, agree with float64 to 1e-6, for tiny, zero, empty and overlapping pockets alike."""
    rng = np.random.default_rng(seed)
    p = (size * rng.random((2, *shape, 3))).astype(np.float32)
    where = (rng.random((2, *shape, pockets)) < share).astype(np.float32)
    found = keras.ops.convert_to_numpy(Integral(0.75)([p, where]))
    exact = np.einsum("bxyzk,bxyzp->bpk", p.astype(float), where.astype(float))
    exact *= 0.75**3 / (4 / 3 * np.pi * LABEL_RADIUS**3)
    assert found.shape == (2, pockets, 3) and found.dtype == np.float32
    assert np.allclose(found, exact, rtol=1e-6, atol=1e-37)


def test_integral_and_numpy_count_alike():
    """A pocket's ``expected_counts``, without Keras, are the layer's answer to the joint map."""
    rng = np.random.default_rng(2)
    values = rng.random((9, 11, 7, K), dtype=np.float32)
    voxels = np.argwhere(rng.random(values.shape[:3]) < 0.2)
    counts = expected_counts(Volume(values, Grid((0.0,) * 3, values.shape[:3], 0.75), CHANNELS), voxels)
    ligand = values[..., CHANNELS.index(LIGAND), None]
    joint = np.where(np.arange(K) == CHANNELS.index(LIGAND), values, values * ligand)
    pocket = np.zeros((1, *values.shape[:3], 1), np.float32)
    pocket[(0, *voxels.T, 0)] = 1
    layer = keras.ops.convert_to_numpy(Integral(0.75)([joint[None], pocket]))[0, 0]
    assert list(counts) == list(CHANNELS)
    assert np.allclose(list(counts.values()), layer, rtol=2e-6)


def test_one_isolated_label_counts_one():
    """Labels of two points 4 A apart count 2, in fine voxels almost exactly; one point twice counts once."""
    grid = Grid.centred((0.0, 0.0, 0.0), 80, 0.125)
    point = np.array([[-2.0, 0, 0], [2.0, 0, 0], [2.0, 0, 0]])
    values = label_volume(point, [0, 0, 0], point, grid).values.astype(np.float32)
    counts = expected_counts(Volume(values, grid, CHANNELS), np.argwhere(np.ones(grid.shape)))
    assert counts["hbond_donor"] == pytest.approx(2.0, rel=0.01) and counts[LIGAND] == pytest.approx(2.0, rel=0.01)
    assert counts["metal"] == 0
