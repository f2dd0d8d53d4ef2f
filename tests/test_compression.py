"""Smaller and faster networks: what pruning keeps, and what 8-bit integers change."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import DEMO, environment
from scipy.special import expit
from store_fixture import tiny_training

from data_prep import pareto
from data_prep.build import make_item
from data_prep.sources import Source
from pocketvox.cli import main
from pocketvox.config import TrainConfig
from pocketvox.data.store import create_store, write_item
from pocketvox.errors import ConfigError, UsageError
from pocketvox.features import FEATURES
from pocketvox.inference import PresetConfig, load_preset, make_engine, save_preset
from pocketvox.inference.presets import INT8
from pocketvox.metrics import ScoreHistogram, expected_calibration_error
from pocketvox.structure import read_complex

keras = pytest.importorskip("keras", reason="needs pip install 'pocketvox[train]'")

from pocketvox.network.export import export_openvino, without_transposed  # noqa: E402
from pocketvox.network.pruning import channel_importance, pruned  # noqa: E402
from pocketvox.network.unet import build_unet  # noqa: E402

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


def test_a_quarter_of_the_space(preset, network, tmp_path):
    """Kernels of one byte instead of four, beside the same network without transposed convolutions."""
    export_openvino(network, tmp_path / "cells.xml", cells=True)
    whole, small = (
        path.stat().st_size for path in (tmp_path / "cells.bin", (preset.folder / INT8).with_suffix(".bin"))
    )
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


# --------------------------------------------------------------------------------------------------------- the command
@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store with the bundled complex in both splits, and a preset trained on it for seconds."""
    from pocketvox.network.train import train

    pytest.importorskip("nncf", reason="needs pip install 'pocketvox[train]'")
    root = tmp_path_factory.mktemp("compress")
    complex_ = read_complex(DEMO)
    with create_store(root / "store.h5", FEATURES, {}) as h5:
        for split in ("train", "val"):
            source = Source(split, "", clusters=(split,), split=split)
            item = make_item(source, complex_, np.empty((0, 3), np.float32))
            unseen = dict.fromkeys(("ligand_site_coord", "ligand_site_features", "descriptors", "ligand_site_group"))
            write_item(h5, replace(item, **unseen, ligand_site_radius=None))
    network = {"filters": [8, 16], "blocks": [1, 1], "patch": 2}
    settings = tiny_training(root / "store.h5", network=network, sampling={"crop_size": 16, "spacing": 0.75})
    config = TrainConfig.from_dict(settings)
    train(config, root / "run")
    full = TrainConfig.from_file(root / "run" / "config.json")
    shape = PresetConfig(full.network, 0.75, roi_size=32, halo=4, thresholds={"hydrophobic": 0.3})
    training = {"config": full.to_dict()}
    save_preset(root / "whole", shape, root / "run" / "best.weights.h5", training=training, metrics={}, card="")
    return root


def test_the_command_prunes_trains_on_and_quantizes(trained, capsys):
    """The preset scans by itself in 8-bit integers; interrupted training is taken up; nothing is overwritten."""
    out = trained / "compressed"
    command = ["compress", str(trained / "whole"), "--store", str(trained / "store.h5"), "-o", str(out)]
    assert main([*command, "--filters", "4,8", "--steps", "12", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    made, whole = load_preset(out), load_preset(trained / "whole")
    assert made.config.network.filters == (4, 8) and made.has_int8 and not whole.has_int8
    assert made.metadata["training"]["compressed"] == {"from": whole.fingerprint, "filters": [4, 8]}
    assert made.config.thresholds == whole.config.thresholds and "hydrophobic" in made.config.calibration
    before, after = found["before"], found["after"]
    assert after["bytes"] < before["bytes"] / 4 and set(after["jaccard"]) == {"hydrophobic"}
    assert after["bytes"] == (out / INT8).with_suffix(".bin").stat().st_size
    assert after["calibration_error"]["hydrophobic"] < 0.05
    assert (trained / "compressed.run" / "best.weights.h5").exists()
    assert main([*command, "--filters", "4,8"]) == 1
    assert "exists; presets are not overwritten" in capsys.readouterr().err


def test_without_pruning_the_weights_are_the_same(trained):
    out = trained / "integers"
    assert main(["compress", str(trained / "whole"), "--store", str(trained / "store.h5"), "-o", str(out), "-q"]) == 0
    x = np.random.default_rng(0).random((1, 16, 16, 16, len(FEATURES)), dtype=np.float32)
    plain = [
        make_engine(replace(preset, config=replace(preset.config, calibration={})), "openvino", 1)(x)
        for preset in (load_preset(out), load_preset(trained / "whole"))
    ]
    assert np.array_equal(*plain) and not (trained / "integers.run").exists()


@pytest.mark.parametrize("filters", ["a,b", "0,4", "4,,8"])
def test_filters_are_numbers(trained, filters, capsys):
    command = ["compress", "none", "--store", "none.h5", "-o", str(trained / "x"), "--filters", filters]
    assert main(command) == 2
    assert f"Received: {filters}" in capsys.readouterr().err


def test_a_preset_that_tells_no_training_cannot_be_compressed(preset, trained, capsys):
    assert main(["compress", str(preset.folder), "--store", str(trained / "store.h5"), "-o", str(trained / "y")]) == 1
    assert "says how it was trained" in capsys.readouterr().err and not (trained / "y").exists()


def test_every_network_is_measured_in_every_precision(trained):
    """Keras and OpenVINO score alike; pruning and integers make it smaller; the first with Keras is the measure."""
    out = trained / "pareto.json"
    assert pareto.main([str(trained / "run"), "--filters", "4,8", "-o", str(out)]) == 0
    (table,) = json.loads(out.read_text())["tables"]
    names = ["run (8, 16)", "run pruned to (4, 8)"]
    found = {row["label"]: row["value"] for row in table["rows"]}
    assert list(found) == [f"{name}, {engine}" for name in names for engine in ("keras", "openvino", "int8")]
    first, same, small = (found[f"{names[0]}, {engine}"] for engine in ("keras", "openvino", "int8"))
    assert (first["size"], first["time"]) == (1.0, 1.0) and small["size"] > 2
    assert same["jaccard"] == pytest.approx(first["jaccard"], abs=1e-3)
    assert found[f"{names[1]}, int8"]["size"] > small["size"]


def test_scaling_takes_calibration_errors_away():
    """Labels drawn with half the log-odds that the map states."""
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 3, 100_000)
    curve = ScoreHistogram()
    curve.add(rng.random(len(logit)) < expit(logit / 2), expit(logit))
    assert curve.expected_calibration_error() > 0.1 and pareto.calibration_error(curve) < 0.005
    y, p = rng.random(5000) < 0.3, rng.random(5000)
    curve = ScoreHistogram()
    curve.add(y, p)
    assert curve.expected_calibration_error() == pytest.approx(expected_calibration_error(y, p), abs=1e-3)


@pytest.mark.parametrize("settings", [{}, {"patch": 1}, {"blocks": [1, 1], "norm": "none"}])
def test_transposed_convolutions_are_convolutions_of_cells(settings):
    """Exactly, at the rim too, for kernels of 2 on the way up and of 4 in the head."""
    config = replace(CONFIG.network, **{key: tuple(v) if isinstance(v, list) else v for key, v in settings.items()})
    model = build_unet(config)
    rng = np.random.default_rng(2)
    drawn = (rng.normal(0, 0.3, w.shape).astype("f4") for w in model.get_weights())
    model.set_weights([w if w.ndim > 1 else w**2 for w in drawn])  # variances are positive
    made = without_transposed(model)
    x = boxes(3)
    assert not any(isinstance(layer, keras.layers.Conv3DTranspose) for layer in made.layers)
    expected = model.predict_on_batch(x)
    scale = np.abs(expected[expected > -1e8]).max()
    np.testing.assert_allclose(made.predict_on_batch(x), expected, rtol=1e-4, atol=1e-5 * scale)


def test_nobody_is_told_that_a_network_was_converted(network, tmp_path):
    """OpenVINO would start processes that call its makers: in a thread of its own, as soon as it is imported."""
    network.save_weights(tmp_path / "w.weights.h5")
    program = """
import json, multiprocessing, sys, time
started = []
multiprocessing.Process = lambda *args, **options: started.append(args)
from pocketvox.loading import load_openvino
from pocketvox.network.export import export_openvino, load_network
from pocketvox.config import NetworkConfig
load_openvino()
network = NetworkConfig(**json.loads(sys.argv[1]))
export_openvino(load_network(network, "w.weights.h5"), "quiet.xml")
time.sleep(0.5)
sys.exit(len(started))
"""
    command = [sys.executable, "-c", program, json.dumps(CONFIG.network.to_dict())]
    assert subprocess.run(command, cwd=tmp_path, env=environment(), check=False).returncode == 0
    assert (tmp_path / "quiet.xml").is_file()
