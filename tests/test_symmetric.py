"""Networks whose answer turns with their input, exactly, whatever the weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs pip install 'pocketvox[train]'")

from pocketvox.channels import CHANNELS  # noqa: E402
from pocketvox.config import NetworkConfig  # noqa: E402
from pocketvox.errors import ConfigError  # noqa: E402
from pocketvox.inference.tiling import averaged  # noqa: E402
from pocketvox.network.export import export_openvino  # noqa: E402
from pocketvox.network.symmetric import orbits  # noqa: E402
from pocketvox.network.unet import build_unet  # noqa: E402
from pocketvox.voxel import cube_rotations, rotate_volume  # noqa: E402

CONFIG = NetworkConfig(features=("a", "b", "c"), filters=(2, 3), blocks=(1, 1), symmetry="group")
VARIANTS = [
    {},
    {"symmetry": "kernel", "filters": (4, 8)},
    {"residual": True, "upsampling": "nearest", "blocks": (1, 2)},
    {"patch": 2, "norm": "none"},
    {"symmetry": "kernel", "patch": 2, "residual": True},
]
SHAPE = (4, 8, 12)


def randomised(config: NetworkConfig) -> keras.Model:
    """Weights as large as training makes them, statistics of normalisation included."""
    model, rng = build_unet(config), np.random.default_rng(0)
    drawn = [
        rng.uniform(0.5, 1.5, w.shape) if w.ndim == 1 else rng.normal(0, 0.3, w.shape) for w in model.get_weights()
    ]
    model.set_weights([w.astype(np.float32) for w in drawn])
    return model


def error(predict, shape=SHAPE) -> tuple[float, float]:
    """Largest difference over the 24 rotations between the answer to a turned input and the turned answer; range."""
    x = np.random.default_rng(1).random((*shape, 3), dtype=np.float32)
    here = predict(x[None])[0]
    turned = [np.abs(predict(rotate_volume(x, t)[None])[0] - rotate_volume(here, t)).max() for t in cube_rotations()]
    return max(turned), np.ptp(here)


@pytest.mark.parametrize("change", VARIANTS, ids=str)
def test_answers_turn_with_the_input(change):
    """Every rotation, every kind of layer, a volume that is no cube: to 1e-4 of the answer's range."""
    model = randomised(replace(CONFIG, **change))
    difference, size = error(model.predict_on_batch)
    assert difference < 1e-4 * size
    assert model.predict_on_batch(np.ones((1, *SHAPE, 3), np.float32)).shape == (1, *SHAPE, len(CHANNELS))


def test_an_ordinary_network_does_not_turn():
    """What the test above would say of a network without symmetry; averaged over all rotations it has it."""
    model = randomised(replace(CONFIG, symmetry="none", filters=(4, 8)))
    difference, size = error(model.predict_on_batch, (4, 4, 4))
    assert difference > 0.01 * size
    difference, size = error(averaged(model.predict_on_batch, 24), (4, 4, 4))
    assert difference < 1e-4 * size


def test_group_networks_see_more_than_symmetric_kernels():
    """A symmetric kernel cannot tell the two mirror images apart, a group of rotations can."""
    x = np.random.default_rng(2).random((4, 4, 4, 3), dtype=np.float32)

    def mirrored(config):
        model = randomised(config)
        return np.abs(model.predict_on_batch(x[None, ::-1])[0, ::-1] - model.predict_on_batch(x[None])[0]).max()

    assert mirrored(replace(CONFIG, symmetry="kernel")) < 1e-4 < 1e-2 < mirrored(CONFIG)


@pytest.mark.parametrize(
    ("size", "rep_in", "rep_out", "count"),
    [(3, 1, 1, 4), (2, 1, 1, 1), (4, 1, 1, 4), (3, 1, 24, 27), (3, 24, 1, 27), (3, 24, 24, 648), (1, 24, 24, 24)],
)
def test_number_of_weights(size, rep_in, rep_out, count):
    """Centre, faces, edges, corners of a 3x3x3 kernel; entries over 24 where the rotations leave none in place."""
    found = orbits(size, rep_in, rep_out)
    assert found.shape == (size,) * 3 + (rep_in, rep_out)
    assert np.array_equal(np.unique(found), np.arange(count))


@pytest.mark.parametrize("symmetry", ["kernel", "group"])
def test_openvino_runs_it_and_keras_stores_it(symmetry, tmp_path):
    """The exported network, sizes left open, and the stored one answer as the network does."""
    import openvino

    config = replace(CONFIG, symmetry=symmetry)
    model = randomised(config)
    export_openvino(model, tmp_path / "model.xml")
    compiled = openvino.Core().compile_model(str(tmp_path / "model.xml"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    x = np.random.default_rng(3).random((1, *SHAPE, 3), dtype=np.float32)
    expected = model.predict_on_batch(x)
    assert np.abs(compiled(x)[0] - expected).max() < 1e-4 * np.ptp(expected)
    model.save(tmp_path / "model.keras")
    assert np.array_equal(keras.models.load_model(tmp_path / "model.keras").predict_on_batch(x), expected)


def test_symmetry_is_named():
    with pytest.raises(ConfigError, match="symmetry"):
        replace(CONFIG, symmetry="mirror")
    assert "symmetry" not in NetworkConfig().to_dict()
