"""Smaller and faster networks: what pruning keeps, and what 8-bit integers change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pocketvox.config import TrainConfig
from pocketvox.errors import ConfigError, UsageError
from pocketvox.features import FEATURES
from pocketvox.inference import PresetConfig, make_engine, save_preset

keras = pytest.importorskip("keras", reason="needs pip install 'pocketvox[train]'")

from pocketvox.network.pruning import channel_importance, pruned  # noqa: E402
from pocketvox.network.unet import build_unet  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SETTINGS = {
    "store": "none.h5",
    "network": {"features": FEATURES, "filters": [8, 16], "blocks": [2, 1], "patch": 2, "constraints": ["steric"]},
}
CONFIG = TrainConfig.from_dict(SETTINGS)


@pytest.fixture(scope="module")
def network():
    """Random weights; of every normalised convolution the odd channels are dead: scale and offset are 0."""
    rng = np.random.default_rng(0)
    model = build_unet(CONFIG.network)
    model.set_weights(
        [
            (rng.normal(0, 0.15, w.shape) if w.ndim > 1 else rng.uniform(0.5, 1.5, w.shape)).astype("f4")
            for w in model.get_weights()
        ]
    )
    for layer in model.layers:
        if layer.name.endswith("_norm"):
            gamma, beta, *moments = layer.get_weights()
            gamma[1::2] = beta[1::2] = 0
            layer.set_weights([gamma, beta - 0.75 * (beta > 0), *moments])
    return model


def boxes(seed: int = 0, batch: int = 2, size: int = 16) -> np.ndarray:
    """Features, then masks that forbid a tenth."""
    rng = np.random.default_rng(seed)
    network = CONFIG.network
    x = rng.random((batch, size, size, size, network.parts["masks"].stop), dtype=np.float32)
    x[..., len(FEATURES) :] = x[..., len(FEATURES) :] < 0.1
    return x


def batches(count: int = 3):
    """Inputs with random labels."""
    rng = np.random.default_rng(1)
    for seed in range(count):
        x = boxes(seed)
        yield x, (rng.random((*x.shape[:4], len(CONFIG.network.channels))) < 0.1).astype(np.uint8)


# ------------------------------------------------------------------------------------------------------------- pruning
def test_dead_channels_do_not_matter_and_measuring_changes_nothing(network):
    before = network.get_weights()
    found = channel_importance(network, CONFIG, batches())
    assert set(found) == {
        "patches", "encode0_0", "encode0_1", "down1", "encode1_0", "up0", "decode0_0", "decode0_1"
    }  # fmt: skip
    for name, values in found.items():
        assert not values[1::2].any() and (values[::2] > 0).all(), name
    for a, b in zip(before, network.get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_without_dead_channels_the_network_answers_the_same(network):
    """Kernels, normalisations and both sides of a skip connection keep what belongs together."""
    importance = channel_importance(network, CONFIG, batches())
    small, config = pruned(network, CONFIG.network, (4, 8), importance)
    assert config == replace(CONFIG.network, filters=(4, 8))
    assert small.count_params() < 0.5 * network.count_params()
    x = boxes(5)
    expected = network.predict_on_batch(x)
    assert np.std(expected[expected > -1e8]) > 0.1
    np.testing.assert_allclose(small.predict_on_batch(x), expected, rtol=1e-4, atol=1e-4)


def test_the_most_important_channels_stay(network):
    """With one channel per level, that of the first convolution is the one that is asked for."""
    importance = {name: np.zeros(16) for name in channel_importance(network, CONFIG, batches(1))}
    importance["patches"][6] = 1.0
    small, _ = pruned(network, CONFIG.network, (1, 1), importance)
    kernel, pruned_kernel = (model.get_layer("patches_conv").get_weights()[0] for model in (network, small))
    assert np.array_equal(pruned_kernel[..., 0], kernel[..., 6])


@pytest.mark.parametrize("filters", [(4,), (9, 16), (0, 4)])
def test_a_network_cannot_be_pruned_to_more_than_it_has(network, filters):
    with pytest.raises(ConfigError, match="channels per level"):
        pruned(network, CONFIG.network, filters, {})


def test_networks_whose_channels_are_tied_are_refused():
    tied = replace(CONFIG.network, residual=True)
    with pytest.raises(ConfigError, match="residual True"):
        pruned(build_unet(tied), tied, (4, 8), {})


# ---------------------------------------------------------------------------------------------------------- quantizing
@pytest.fixture(scope="module")
def preset(network, tmp_path_factory):
    pytest.importorskip("nncf", reason="needs pip install 'pocketvox[train]'")
    folder = tmp_path_factory.mktemp("models")
    network.save_weights(folder / "trained.weights.h5")
    config = PresetConfig(CONFIG.network, 0.75, roi_size=32, halo=4)
    samples = [boxes(seed) for seed in range(8)]
    return save_preset(
        folder / "small", config, folder / "trained.weights.h5", training={}, metrics={}, card="", samples=samples
    )


def test_a_quarter_of_the_space(preset):
    """Kernels of one byte instead of four; biases and scales stay as they are."""
    whole, small = ((preset.folder / f"openvino/{name}.bin").stat().st_size for name in ("model", "int8"))
    assert small < 0.35 * whole


def test_8_bit_networks_are_the_default_and_answer_nearly_the_same(preset):
    """Another shape than that of the samples; what is forbidden is still exactly 0."""
    x = boxes(20, 1, 24)
    engine, reference = make_engine(preset, "auto", 1), make_engine(preset, "openvino", 1)
    assert (engine.name, reference.name) == ("int8", "openvino")
    p, expected = engine(x), reference(x)
    assert expected.std() > 0.02
    assert 0 < np.abs(p - expected).mean() < 0.05 * expected.std()
    assert np.array_equal(p == 0, expected == 0) and (p == 0).any()
    assert make_engine(preset, "int8", 2)(x).tobytes() == p.tobytes()


def test_a_preset_without_8_bit_network_says_so(preset):
    files = {name: value for name, value in preset.metadata["files"].items() if "int8" not in name}
    plain = replace(preset, metadata={**preset.metadata, "files": files})
    assert make_engine(plain, "auto", 1).name == "openvino"
    with pytest.raises(UsageError, match="small has none"):
        make_engine(plain, "int8", 1)
