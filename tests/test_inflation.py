"""Inflation of 2D networks: equal answers on volumes constant along the new axis, refusals, and the command for it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from conftest import ROOT, environment
from hypothesis import given, settings
from hypothesis import strategies as st
from store_fixture import FEATURES, make_item, make_store, tiny_training

keras = pytest.importorskip("keras", reason="needs pip install 'pocketvox[train]'")

from keras import layers, ops  # noqa: E402

from data_prep import ablations, inflation  # noqa: E402
from pocketvox.config import NetworkConfig, SamplingConfig, TrainConfig  # noqa: E402
from pocketvox.data.batches import Sampler, SliceSampler  # noqa: E402
from pocketvox.errors import ConfigError  # noqa: E402
from pocketvox.network import train as training  # noqa: E402
from pocketvox.network.counterparts import profile  # noqa: E402
from pocketvox.network.inflation import inflate  # noqa: E402
from pocketvox.network.slices import build_slice_network, inflated_network, planar_twin  # noqa: E402
from pocketvox.network.unet import build_unet  # noqa: E402

BOTH = ("mean", "centre")


def shaken(model):
    """The model with statistics, offsets and biases that are not those of a new one."""
    rng = np.random.default_rng(0)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            n = layer.moving_mean.shape
            scale = [rng.uniform(0.5, 1.5, n)] if layer.scale else []
            offset = [rng.normal(0, 0.3, n)] if layer.center else []
            layer.set_weights([*scale, *offset, rng.normal(0, 0.3, n), rng.uniform(0.5, 2.0, n)])
        elif getattr(layer, "bias", None) is not None:
            layer.bias.assign(rng.normal(0, 0.1, layer.bias.shape))
    return model


def answers(model, x):
    found = model(x, training=False)
    return [ops.convert_to_numpy(y) for y in (found if isinstance(found, list | tuple) else [found])]


def repeated(y, axis, depth):
    """Images as volumes constant along a spatial axis; vectors as they are."""
    return np.repeat(np.expand_dims(y, axis + 1), depth, axis + 1) if y.ndim == 4 else y


def slices(y, axis):
    """Number of slices of volumes along a spatial axis; any of vectors."""
    return y.shape[axis + 1] if y.ndim == 5 else 0


def assert_equal(model, x, depth, *, axis=0, atol=1e-5, **options):
    """Every slice of every map of the inflated network, and every vector, is the 2D network's; returns the former."""
    volume = inflate(model, depth, axis=axis, **options)
    pairs = list(zip(answers(model, x), answers(volume, repeated(x, axis, depth)), strict=True))
    for flat, solid in pairs:
        assert np.ptp(flat) > 1e-2  # an answer that says something
        np.testing.assert_allclose(solid, repeated(flat, axis, slices(solid, axis)), rtol=1e-5, atol=atol)
    return [solid for _, solid in pairs]


# -------------------------------------------------------------------------------------------------------- architectures
@cache
def architecture(name):
    """A network of keras.applications with random statistics, its classes and the last of its maps of 4 pixels."""
    model = getattr(keras.applications, name)(weights=None, input_shape=(32, 32, 3), classes=7)
    inner = [one.output for one in model.layers if one.output.shape[1:3] == (4, 4)]
    return shaken(keras.Model(model.input, [inner[-1], model.output]))


@pytest.mark.parametrize("method", BOTH)
@pytest.mark.parametrize(
    "name",
    [
        "MobileNetV2",
        pytest.param("ResNet50V2", marks=pytest.mark.slow),
        pytest.param("EfficientNetB0", marks=pytest.mark.slow),
        pytest.param("DenseNet121", marks=pytest.mark.slow),
    ],
)
def test_real_architectures_answer_alike(name, method):
    """To 1e-5, in all slices of an inner map and in the classes; the new axis is first and long, or last."""
    scale = 255 if name == "EfficientNetB0" else 1  # it divides by 255 itself
    x = np.random.default_rng(1).uniform(0, scale, (1, 32, 32, 3)).astype(np.float32)
    axis, depth = (0, 64) if method == "mean" else (2, 32)
    inner, classes = assert_equal(architecture(name), x, depth, axis=axis, method=method)
    assert inner.shape[axis + 1] >= 4 and classes.shape == (1, 7)


# ----------------------------------------------------------------------------------------------------------- properties
def one_layer(layer, rows, columns, channels=2):
    image = keras.Input((rows, columns, channels))
    return shaken(keras.Model(image, layer(image)))


def images(rows, columns, channels=2):
    return np.random.default_rng(2).normal(size=(2, rows, columns, channels)).astype(np.float32)


def assert_equal_as_rows(model, rows, *, axis, **options):
    """Equal in all slices, of which there are as many as rows."""
    (solid,) = assert_equal(model, images(rows, 8), rows, axis=axis, **options)
    sizes = list(solid.shape[1:4])
    assert sizes.pop(axis) == sizes[0]


common = {
    "axis": st.integers(0, 2),
    "method": st.sampled_from(BOTH),
    "padding": st.sampled_from(["same", "valid"]),
    "kernel": st.tuples(st.integers(1, 4), st.integers(1, 4)),
    "stride": st.integers(1, 3),
    "rows": st.integers(7, 10),
}


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    **common, kind=st.sampled_from(["plain", "plain", "grouped", "depthwise", "separable"]), dilation=st.integers(1, 2)
)
def test_convolutions(axis, method, padding, kernel, stride, rows, kind, dilation):
    """Any kernel, stride, dilation and padding."""
    shared = {"strides": stride, "padding": padding, "dilation_rate": dilation if stride == 1 else 1}
    layer = {
        "plain": lambda: layers.Conv2D(3, kernel, **shared),
        "grouped": lambda: layers.Conv2D(4, kernel, groups=2, **shared),
        "depthwise": lambda: layers.DepthwiseConv2D(kernel, depth_multiplier=2, **shared),
        "separable": lambda: layers.SeparableConv2D(3, kernel, depth_multiplier=2, **shared),
    }[kind]()
    assert_equal_as_rows(one_layer(layer, rows, 8), rows, axis=axis, method=method)
    central = kernel[0] % 2 or shared["dilation_rate"] == 1  # a slice of the kernel lies upon the voxel itself
    if padding == "same" and method == "centre" and central:  # so it never meets the zeros
        assert_equal_as_rows(one_layer(layer, rows, 8), rows, axis=axis, method=method, padding="zero")


@settings(max_examples=25, deadline=None, derandomize=True)
@given(**common, further=st.booleans())
def test_transposed_convolutions(axis, method, padding, kernel, stride, rows, further):
    """Kernels shorter and longer than the stride, overlapping or not."""
    options = {"kernel_size": kernel, "strides": stride}
    if further:  # TensorFlow itself refuses most other kernels with output padding
        options = {"kernel_size": 3, "strides": max(stride, 2), "output_padding": 1}
    layer = layers.Conv2DTranspose(3, padding=padding, **options)
    assert_equal_as_rows(one_layer(layer, rows, 8), rows, axis=axis, method=method)
    if padding == "same" and method == "centre" and not further:
        assert_equal_as_rows(one_layer(layer, rows, 8), rows, axis=axis, method=method, padding="zero")


@settings(max_examples=15, deadline=None, derandomize=True)
@given(**common, largest=st.booleans())
def test_pooling(axis, method, padding, kernel, stride, rows, largest):
    layer = (layers.MaxPooling2D if largest else layers.AveragePooling2D)(kernel, strides=stride, padding=padding)
    assert_equal(one_layer(layer, rows, 8), images(rows, 8), rows, axis=axis, method=method)


@given(size=st.integers(1, 9), stride=st.integers(1, 4), method=st.sampled_from(BOTH))
def test_slices_that_meet_sum_to_one(size, stride, method):
    """Of a transposed convolution every ``stride``-th slice meets; of a plain one all do."""
    weights = profile(max(size, stride), method, stride)
    np.testing.assert_allclose([weights[phase::stride].sum() for phase in range(stride)], 1, rtol=1e-6)
    assert set(weights) <= {0, 1} or method == "mean"


# ------------------------------------------------------------------------------------------------- kernels and the ends
def test_kernels_by_hand():
    """A third in each slice, or all of it in the middle one, along the axis asked for."""
    model = one_layer(layers.Conv2D(3, (3, 1)), 5, 5)
    kernel = ops.convert_to_numpy(model.layers[1].kernel)
    mean = inflate(model, 5, axis=1).layers[-1].get_weights()[0]
    assert mean.shape == (3, 3, 1, 2, 3)
    np.testing.assert_allclose(mean, np.stack([kernel / 3] * 3, axis=1), rtol=1e-6)
    centre = inflate(model, 5, axis=2, method="centre").layers[-1].get_weights()[0]
    assert centre.shape == (3, 1, 3, 2, 3)
    np.testing.assert_array_equal(centre[:, :, 1], kernel)
    assert not centre[:, :, [0, 2]].any()


def test_zeros_beyond_the_ends_are_seen_near_them():
    """With zeros the mean of three slices loses a third at both ends, and only there; the centre loses nothing."""
    model, x = one_layer(layers.Conv2D(3, 3, padding="same"), 6, 6), images(6, 6)
    volume = inflate(model, 5, method="mean", padding="zero")
    assert [type(layer) for layer in volume.layers] == [layers.InputLayer, layers.Conv3D]
    ((flat,), (solid,)) = answers(model, x), answers(volume, repeated(x, 0, 5))
    bias = ops.convert_to_numpy(model.layers[1].bias)
    share = np.array([2 / 3, 1, 1, 1, 2 / 3])[None, :, None, None, None]
    np.testing.assert_allclose(solid - bias, share * (repeated(flat, 0, 5) - bias), atol=1e-5)
    assert_equal(model, x, 5, method="centre", padding="zero")


def test_sizes_left_open():
    """Strided convolutions whose padding depends on the size, which is known only when they are called."""
    image = keras.Input((None, None, 2))
    y = layers.Conv2D(3, 3, strides=2, padding="same")(image)
    model = shaken(keras.Model(image, layers.Conv2DTranspose(2, 4, strides=2, padding="same")(y)))
    volume = inflate(model, axis=1)
    assert volume.output_shape == (None, None, None, None, 2)
    for rows, depth in ((8, 9), (9, 8), (7, 7)):
        ((flat,), solid) = answers(model, images(rows, 6)), volume.predict_on_batch(repeated(images(rows, 6), 1, depth))
        assert solid.shape[2] == depth + depth % 2
        np.testing.assert_allclose(solid, repeated(flat, 1, solid.shape[2]), atol=1e-5)


# --------------------------------------------------------------------------------------------------------------- layers
def every_layer():
    """A network of what the architectures above have not: shared layers, models within, operations, two inputs."""
    image, vector = keras.Input((12, 12, 3), name="image"), keras.Input((5,), name="vector")
    normal = layers.Normalization()
    normal.adapt(np.random.default_rng(3).normal(1, 2, (4, 12, 12, 3)).astype(np.float32))
    stem = keras.Sequential([keras.Input((12, 12, 3)), layers.Conv2D(6, 1), layers.LayerNormalization()], name="stem")
    shared = layers.Conv2D(6, 3, padding="same", activation="tanh", name="shared")
    x = layers.GaussianNoise(0.1)(layers.Rescaling([0.5, 1, 2], 0.1)(normal(image)))
    x = shared(layers.PReLU(shared_axes=[2], alpha_initializer="random_normal")(shared(stem(x))))
    x = layers.UpSampling2D((2, 1))(layers.Cropping2D(((1, 0), (2, 1)))(layers.ZeroPadding2D(((2, 1), (0, 3)))(x)))
    gate = layers.Dense(6, activation="sigmoid")(layers.Concatenate()([layers.GlobalMaxPooling2D()(x), vector]))
    x = layers.Multiply()([x, layers.Reshape((1, 1, 6))(gate)])
    x = layers.Concatenate(axis=3)([x, ops.maximum(2 * x + 1, 0.5)])
    x = layers.Concatenate(axis=1)([x, layers.Softmax()(x)])
    x = layers.AveragePooling2D(5, padding="same")(layers.BatchNormalization(axis=3)(x))
    x = layers.SpatialDropout2D(0.5)(layers.Dropout(0.5, noise_shape=(None, 1, 1, 1))(x))
    x = layers.GroupNormalization(3)(x)
    flat = layers.Dense(4)(layers.Flatten()(x))
    return shaken(keras.Model({"image": image, "vector": vector}, [x, flat, layers.Reshape((-1,))(x)]))


@pytest.mark.parametrize(("method", "axis", "depth"), [("mean", 0, 12), ("centre", 1, 7), ("mean", 2, 9)])
def test_every_layer(method, axis, depth):
    model = every_layer()
    before = [*map(np.copy, model.get_weights())], model.get_config()
    volume = inflate(model, depth, axis=axis, method=method)
    rng = np.random.default_rng(4)
    x = {"image": rng.normal(size=(2, 12, 12, 3)), "vector": rng.normal(size=(2, 5))}
    solid = answers(volume, {**x, "image": repeated(x["image"], axis, depth)})
    for flat, found in zip(answers(model, x), solid, strict=True):
        np.testing.assert_allclose(found, repeated(flat, axis, slices(found, axis)), atol=1e-5)
    assert volume.get_layer("shared") and len(volume.get_layer("stem").layers) == 3
    assert model.get_config() == before[1]
    assert all(np.array_equal(*pair) for pair in zip(model.get_weights(), before[0], strict=True))


def test_saved_and_loaded_again(tmp_path):
    """Padding layers are stored with their settings."""
    image = keras.Input((9, 9, 2))
    y = layers.ZeroPadding2D(1)(layers.Conv2D(3, 3, strides=2, padding="same")(image))
    volume = inflate(keras.Model(image, layers.Conv2DTranspose(2, 3, strides=2)(y)), 9)
    volume.save(tmp_path / "volume.keras")
    again = keras.saving.load_model(tmp_path / "volume.keras")
    x = np.random.default_rng(5).normal(size=(1, 9, 9, 9, 2)).astype(np.float32)
    np.testing.assert_array_equal(answers(again, x)[0], answers(volume, x)[0])


@keras.saving.register_keras_serializable("test")
class Doubled(layers.Layer):
    """A layer of someone else's."""

    def call(self, x):
        return 2 * x


def test_other_layers_can_be_declared_pointwise():
    assert_equal(one_layer(Doubled(), 4, 4), images(4, 4), 3, pointwise=(Doubled,))


# ------------------------------------------------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (lambda x: Doubled(name="mine")(x), "Doubled 'mine'. It has no counterpart.*pointwise"),
        (lambda x: layers.RandomFlip(name="flip")(x), "RandomFlip 'flip'.*include_top"),
        (lambda x: layers.UpSampling2D(interpolation="bilinear", name="up")(x), "'up'.*nearest"),
        (lambda x: layers.Conv2D(2, 2, data_format="channels_first", name="c")(x), "'c'.*channels first"),
        (lambda x: layers.Reshape((36, 2), name="r")(x), "Reshape 'r'. It mixes rows"),
        (lambda x: layers.Reshape((6, 6, 2), name="r")(layers.Flatten()(x)), "'r'.*maps of vectors"),
        (lambda x: layers.LayerNormalization(axis=[1, 2, 3], name="n")(x), "'n'.*axis other than"),
        (lambda x: ops.transpose(x, (0, 2, 1, 3)), "Transpose.*single elements"),
        (lambda x: x + np.ones((6, 6, 2), np.float32), "Add.*rows and columns"),
        (lambda x: keras.Sequential([keras.Input((6, 6, 2)), layers.Permute((2, 1, 3), name="p")])(x), "Permute 'p'"),
    ],
)  # fmt: skip
def test_layers_without_counterpart_are_named(layer, said):
    image = keras.Input((6, 6, 2))
    with pytest.raises(ConfigError, match=said):
        inflate(keras.Model(image, layer(image)), 6)


def test_impossible_arguments_are_refused():
    model = one_layer(layers.Conv2D(2, 5, name="wide"), 6, 6)
    for options, said in (({"axis": 3}, "axis: one of 0, 1, 2"), ({"method": "max"}, "mean, centre"),
                          ({"padding": "same"}, "edge, zero")):  # fmt: skip
        with pytest.raises(ConfigError, match=said):
            inflate(model, 6, **options)
    with pytest.raises(ConfigError, match="Conv2D 'wide'. Keras refuses it"):
        inflate(model, 4)  # a valid kernel of five slices
    with pytest.raises(ConfigError, match="keras.Input"):
        inflate(keras.Sequential([layers.Dense(2)]))
    volume = keras.Input((4, 4, 4, 1))
    with pytest.raises(ConfigError, match="Expected images"):
        inflate(keras.Model(volume, layers.ReLU()(volume)))


# ------------------------------------------------------------------------------------------------ the network's 2D twin
NETWORKS = (
    NetworkConfig(features=FEATURES, filters=(4, 8), blocks=(1, 2)),
    NetworkConfig(features=FEATURES, filters=(4, 6), blocks=(1, 1), residual=True, upsampling="nearest", dropout=0.1),
    NetworkConfig(features=FEATURES, filters=(4, 8), blocks=(1, 1), patch=2, norm="none"),
)


@pytest.mark.parametrize("config", NETWORKS, ids=["plain", "residual", "patches"])
@pytest.mark.parametrize("method", BOTH)
def test_network_begins_with_its_twins_answers(config, method, tmp_path):
    """Far from the ends of a constant volume the 3D network, with zeros around it, says what its twin does."""
    slices = build_slice_network(config, prevalence=np.linspace(0.1, 0.4, len(config.channels)))
    shaken(slices.planar)
    slices.save_weights(tmp_path / "twin.weights.h5")
    network = inflated_network(config, tmp_path / "twin.weights.h5", method)
    x = images(8, 8, len(FEATURES))
    ((flat,), (solid,)) = answers(slices.planar, x), answers(network, repeated(x, 0, 64))
    assert np.ptp(flat) > 1e-2
    np.testing.assert_allclose(solid[:, 30:34], repeated(flat, 0, 4), atol=1e-5)
    assert [layer.name for layer in slices.planar.layers] == [layer.name for layer in network.layers]


def test_slices_are_seen_one_by_one():
    """Each slice of equal x has the twin's answer; the head begins at the prevalence."""
    config = NETWORKS[0]
    slices = build_slice_network(config, prevalence=np.full(len(config.channels), 0.25))
    x = np.random.default_rng(6).normal(size=(2, 3, 8, 8, len(FEATURES))).astype(np.float32)
    found = slices.predict_on_batch(x)
    for i in range(3):
        np.testing.assert_allclose(found[:, i], answers(slices.planar, x[:, i])[0], atol=1e-5)
    assert 1 / (1 + np.exp(-slices.predict_on_batch(0 * x).mean())) == pytest.approx(0.25, abs=0.01)
    assert planar_twin(config).count_params() < build_unet(config).count_params()


def test_slices_are_those_of_crops():
    """Different slices along one axis of the crop of the same number; over samples all axes are drawn."""
    config = SamplingConfig(crop_size=8, spacing=1.5)
    crops = Sampler([make_item("a"), make_item("b", seed=1)], config, NetworkConfig(features=FEATURES))
    axes = set()
    for index in range(12):
        (x, y), (whole, labels) = SliceSampler(crops, 3, seed=1).sample(0, index), crops.sample(0, index)
        places = {
            axis: [k for one in x for k in range(8) if np.array_equal(one, np.take(whole, k, axis))]
            for axis in range(3)
        }
        (axis,) = [axis for axis, found in places.items() if len(set(found)) == 3]
        np.testing.assert_array_equal(y, np.moveaxis(np.take(labels, places[axis], axis), axis, 0))
        axes.add(axis)
    assert axes == {0, 1, 2}
    x, y = SliceSampler(crops, 3, seed=1).batch(0, 1, 2)
    assert x.shape == (2, 3, 8, 8, len(FEATURES)) and y.shape == (2, 3, 8, 8, len(crops.channels))


# ---------------------------------------------------------------------------------------------------------- the command
@pytest.fixture(scope="module")
def variants(tmp_path_factory):
    """A folder with a store, and variants of a tiny run: the twin, and networks that begin with its kernels."""
    root = tmp_path_factory.mktemp("inflation")
    make_store(root / "store.h5")
    base = tiny_training(root / "store.h5", steps_per_epoch=10, learning_rate=0.02, ema_decay=0.0)
    runs = {
        "twin": {"slices": 3},
        "mean": {"initial_weights": str(root / "runs" / "twin" / "mean.weights.h5"), "epochs": 1},
        "absent": {"initial_weights": str(root / "absent.weights.h5")},
        "wrong": {"initial_weights": str(root / "runs" / "twin" / "best.weights.h5")},
    }
    (root / "variants.json").write_text(json.dumps({"base": base, "runs": runs}))
    return root


def call(command, root, *names):
    folders = ("-o", str(root / "runs"), "--logs", str(root / "logs"))
    return command.main([str(root / "variants.json"), *names, *folders])


def test_command_makes_initial_weights(variants, caplog):
    """The twin learns on slices, is validated and logged as any run; a 3D run begins with its kernels."""
    assert call(inflation, variants, "twin") == 0
    log = [json.loads(line) for line in (variants / "logs" / "twin" / "log.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in log] == [1, 2] and log[1]["loss"] < log[0]["loss"]
    config = TrainConfig.from_file(variants / "logs" / "twin" / "config.json")
    assert config.slices == 3 and config.network.features == FEATURES
    found = json.loads((variants / "runs" / "twin" / "inflated.json").read_text())
    assert set(found) == set(BOTH) and found["mean"].keys() < log[0].keys()
    for method in BOTH:
        stored = build_unet(config.network)
        stored.load_weights(variants / "runs" / "twin" / f"{method}.weights.h5")
        expected = inflated_network(config.network, variants / "runs" / "twin" / "best.weights.h5", method)
        assert all(np.array_equal(*pair) for pair in zip(stored.get_weights(), expected.get_weights(), strict=True))
    assert call(ablations, variants, "mean") == 0
    begun = build_unet(config.network)
    begun.load_weights(variants / "runs" / "twin" / "mean.weights.h5")
    trained = build_unet(config.network)
    trained.load_weights(variants / "runs" / "mean" / "best.weights.h5")
    kernel, after = (model.get_layer("encode0_0_conv").get_weights()[0] for model in (begun, trained))
    assert np.corrcoef(kernel.ravel(), after.ravel())[0, 1] > 0.5
    assert call(ablations, variants, "wrong") == 1 and "initial_weights. Received" in caplog.text


def test_twins_are_trained_on_slices(variants, monkeypatch):
    """Of each crop as many as configured, also where crops come from two stores; without the setting, whole crops."""
    shapes = []
    monkeypatch.setattr(training, "_Run", lambda config, out, sampler: shapes.append(sampler.batch(0, 0, 2)[0].shape))
    config = ablations.read_runs(variants / "variants.json")["twin"]
    mixed = {"extra_store": config.store, "extra_fraction": 0.5}
    for number, changes in enumerate(({}, mixed, {"slices": 0})):
        with pytest.raises(AttributeError):  # nothing to go on with
            training.train(replace(config, **changes), variants / f"shapes-{number}")
    assert [shape[:4] for shape in shapes] == [(2, 3, 8, 8), (2, 3, 8, 8), (2, 8, 8, 8)]


def test_command_says_what_is_missing(variants, caplog):
    assert call(inflation, variants, "mean") == 1 and "`slices` above 0" in caplog.text
    assert call(ablations, variants, "absent") == 1 and "absent.weights.h5" in caplog.text
    with pytest.raises(ConfigError, match="2D twin in .*none.weights.h5"):
        inflated_network(NETWORKS[0], variants / "none.weights.h5", "mean")


def test_the_stored_variants_fit_together():
    """The inflated variants begin with what the command makes of the variant on slices, on the same data."""
    runs = ablations.read_runs(ROOT / "data_prep" / "configs" / "ablations.json")
    twin = inflation.read_variant(ROOT / "data_prep" / "configs" / "ablations.json", "slices")
    for method in BOTH:
        one = runs[f"inflated-{method}"]
        assert one.initial_weights == f"runs/ablations/slices/{method}.weights.h5"
        for name in ("network", "sampling", "loss", "store", "seed", "val_crops"):
            assert getattr(one, name) == getattr(twin, name) == getattr(runs["real"], name)
        assert one.epochs == runs["real"].epochs


TORCH = """
import numpy as np, keras, test_inflation as t
assert keras.backend.backend() == "torch"
t.test_convolutions(); t.test_transposed_convolutions(); t.test_every_layer("mean", 0, 12)
t.test_sizes_left_open()
"""


@pytest.mark.slow
def test_torch_agrees():
    """The properties hold on another backend."""
    pytest.importorskip("torch", reason="checks inflation on the torch backend")
    env = environment(KERAS_BACKEND="torch")
    env["PYTHONPATH"] += f":{ROOT / 'tests'}"
    done = subprocess.run(
        [sys.executable, "-c", TORCH], env=env, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
