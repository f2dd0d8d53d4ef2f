"""The network, its loss and its training. One process with TensorFlow, one with another backend."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT, environment
from store_fixture import FEATURES, make_store, tiny_training

keras = pytest.importorskip("keras", reason="needs pip install 'pocketvox[train]'")

from pocketvox.channels import CHANNELS  # noqa: E402
from pocketvox.config import LossConfig, NetworkConfig, TrainConfig  # noqa: E402
from pocketvox.data.batches import UNKNOWN  # noqa: E402
from pocketvox.errors import ConfigError  # noqa: E402
from pocketvox.network import train as training  # noqa: E402
from pocketvox.network.losses import UNKNOWN_WEIGHT, MaskedLoss  # noqa: E402
from pocketvox.network.unet import build_unet  # noqa: E402

TINY = NetworkConfig(features=FEATURES, filters=(4, 8), blocks=(1, 2))
TWO = ("hydrophobic", "ligand")


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"residual": True},
        {"upsampling": "nearest"},
        {"norm": "none", "dropout": 0.2},
        {"channels": TWO},
        {"patch": 2},
    ],
    ids=str,
)
def test_network_takes_any_multiple_of_its_stride(change):
    """Fully convolutional in every variant: output has the input's size and a channel per name, as float32."""
    config = replace(TINY, **change)
    model = build_unet(config, dtype="mixed_bfloat16")
    assert config.stride == 2 * config.patch
    for cells in ((4, 4, 4), (1, 2, 3)):
        size = tuple(config.stride * n for n in cells)
        y = model.predict_on_batch(np.ones((2, *size, len(FEATURES)), np.float32))
        assert y.shape == (2, *size, len(config.channels))
        assert y.dtype == np.float32


def test_all_options_train_every_weight():
    """No layer is disconnected: each trainable weight gets a gradient that is not all zero."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    x = rng.random((2, 8, 8, 8, len(FEATURES)), dtype=np.float32)
    for config in (TINY, replace(TINY, residual=True, upsampling="nearest"), replace(TINY, patch=2)):
        model = build_unet(config)
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(model(x, training=True) * rng.random((2, 8, 8, 8, 11), dtype=np.float32))
        gradients = tape.gradient(value, [v.value for v in model.trainable_variables])
        dead = [v.path for v, g in zip(model.trainable_variables, gradients, strict=True) if not np.any(g)]
        assert not dead


def test_decoder_sees_the_encoder():
    """Full-resolution detail passes by the coarse levels: the last stage reads its own level's features as well."""
    kernel = build_unet(TINY).get_layer("decode0_0_conv").kernel
    assert kernel.shape == (3, 3, 3, 2 * 4, 4)


def test_patches_tell_their_voxels_apart():
    """A network of 2x2x2 cells resolves single voxels, in its input and in its output."""
    model = build_unet(replace(TINY, patch=2))
    x = np.random.default_rng(0).random((1, 8, 8, 8, len(FEATURES)), dtype=np.float32)
    outputs = []
    for moved in ((4, 4, 4), (4, 4, 5), (5, 4, 4)):
        changed = x.copy()
        changed[(0, *moved)] += 1
        outputs.append(model.predict_on_batch(changed))
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-5
    assert np.abs(outputs[0] - outputs[2]).max() > 1e-5
    cell = outputs[0][0, 4:6, 4:6, 4:6, 0]
    assert len(np.unique(cell)) == 8


@pytest.mark.parametrize("patch", [1, 2])
def test_head_starts_at_the_prevalence(patch):
    """Before training the network predicts nearly the share of positive voxels it was told."""
    prevalence = np.linspace(0.01, 0.3, len(CHANNELS))
    model = build_unet(replace(TINY, patch=patch), prevalence=prevalence)
    logits = model.predict_on_batch(np.zeros((1, 8, 8, 8, len(FEATURES)), np.float32))
    np.testing.assert_allclose(1 / (1 + np.exp(-logits[0, 4, 4, 4])), prevalence, rtol=1e-3)
    with pytest.raises(ConfigError, match="one prevalence per channel"):
        build_unet(TINY, prevalence=[0.5])
    with pytest.raises(ConfigError, match="input features"):
        build_unet(replace(TINY, features=()))


def by_hand(z, y, weights, *, dice=0.0, focal=0.0, tversky=0.0, false_positives=0.5, unlabelled=0.0):
    """The loss as its docstring defines it, in float64 loops over channels; the last channel is ``ligand``."""
    total = 0.0
    for k, weight in enumerate(weights):
        known = y[..., k] != UNKNOWN
        t, p = y[..., k][known].astype(float), 1 / (1 + np.exp(-z[..., k][known].astype(float)))
        entropy = -(t * np.log(p) + (1 - t) * np.log(1 - p)) * np.abs(t - p) ** focal
        value = entropy.mean() if known.any() else 0.0
        if unlabelled and k < len(weights) - 1:
            q = 1 / (1 + np.exp(-z[..., k][~known].astype(float)))
            outside = -np.log(1 - q) * q**focal
            value = (entropy.sum() + unlabelled * outside.sum()) / (known.sum() + unlabelled * (~known).sum())
        true, false, missed = (t * p).sum(), ((1 - t) * p).sum(), (t * (1 - p)).sum()
        value += dice * (1 - (2 * true + 1) / (t.sum() + p.sum() + 1))
        value += tversky * (1 - (true + 1) / (true + false_positives * false + (1 - false_positives) * missed + 1))
        total += weight / sum(weights) * value
    return total


@pytest.mark.parametrize(
    "options",
    [
        {"dice": 0.0},
        {"dice": 0.3},
        {"focal": 2.0, "dice": 0.0},
        {"dice": 0.5, "focal": 1.0},
        {"dice": 0.0, "tversky": 0.5, "false_positives": 0.3},
        {"dice": 0.1, "unlabelled": 0.05},
    ],
    ids=str,
)
def test_loss_by_hand(options):
    """Cross-entropy over known voxels per channel, its further parts, channel weights; a channel may be unknown."""
    rng = np.random.default_rng(1)
    z = rng.normal(0, 3, (2, 4, 4, 4, 2)).astype(np.float32)
    y = rng.integers(0, 3, z.shape).astype(np.uint8)
    loss = MaskedLoss(LossConfig({"hydrophobic": 3.0}, **options), TWO)
    assert float(loss(y, z)) == pytest.approx(by_hand(z, y, (3.0, 1.0), **options), rel=1e-5)
    y[..., 0] = UNKNOWN
    assert float(loss(y, z)) == pytest.approx(by_hand(z, y, (3.0, 1.0), **options), rel=1e-5)
    again = MaskedLoss.from_config(json.loads(json.dumps(loss.get_config())))
    assert float(again(y, z)) == float(loss(y, z))


def test_unlabelled_and_tversky_by_paper_and_pencil():
    """Two voxels at logit 0, one positive, one unknown: the unknown one costs a share; Tversky from its formula."""
    y, z = np.array([1, UNKNOWN], np.uint8).reshape(1, 2, 1, 1, 1), np.zeros((1, 2, 1, 1, 1), np.float32)
    z[0, 1] = np.log(3)  # probability 3/4
    typed = MaskedLoss(LossConfig(dice=0.0, unlabelled=0.5), ("hydrophobic",))
    assert float(typed(y, z)) == pytest.approx((np.log(2) + 0.5 * np.log(4)) / 1.5)
    ligand = MaskedLoss(LossConfig(dice=0.0, unlabelled=0.5), ("ligand",))
    assert float(ligand(y, z)) == pytest.approx(np.log(2))
    y[0, 1] = 0  # overlap 0.5, false positives 0.75, missed 0.5
    part = MaskedLoss(LossConfig(dice=0.0, tversky=2.0, false_positives=0.2), ("ligand",))
    expected = (np.log(2) + np.log(4)) / 2 + 2 * (1 - 1.5 / (1.5 + 0.2 * 0.75 + 0.8 * 0.5))
    assert float(part(y, z)) == pytest.approx(expected)


def test_distillation_by_paper_and_pencil():
    """A quarter of the loss is cross-entropy to the teacher, a little of it at unknown voxels."""
    loss = MaskedLoss(LossConfig(dice=0.0, distill=0.25), ("hydrophobic",))
    y = np.array([[1, 0.9], [UNKNOWN, 0.2]], np.float32).reshape(1, 2, 1, 1, 2)
    z = np.array([0, np.log(3)], np.float32).reshape(1, 2, 1, 1, 1)
    taught = (np.log(2) - UNKNOWN_WEIGHT * (0.2 * np.log(0.75) + 0.8 * np.log(0.25))) / (1 + UNKNOWN_WEIGHT)
    assert float(loss(y, z)) == pytest.approx(0.75 * np.log(2) + 0.25 * taught)
    assert float(loss(y[..., :1], z)) == pytest.approx(np.log(2))


def test_loss_ignores_unknown_voxels_and_large_logits():
    """What the network says where nothing is known does not matter; sure answers neither overflow nor vanish."""
    loss = MaskedLoss(LossConfig(dice=0.1), TWO)
    y = np.array([0, UNKNOWN, 1, UNKNOWN], np.uint8).reshape(1, 2, 1, 1, 2)
    z = np.array([0.5, 1, 2, 3], np.float32).reshape(y.shape)
    changed = z.copy()
    changed[y == UNKNOWN] = -80
    assert float(loss(y, z)) == pytest.approx(float(loss(y, changed)))
    wrong = MaskedLoss(LossConfig({"hydrophobic": 1.0, "ligand": 0.0}, dice=0.0), TWO)
    sure = np.array([90, 0, -90, 0], np.float32).reshape(y.shape)
    assert float(wrong(y, sure)) == pytest.approx(90.0)


def config_for(path, **changes) -> TrainConfig:
    return TrainConfig.from_dict(tiny_training(path, **changes))


def state(folder):
    """Everything in a checkpoint but the clocks."""
    import h5py

    with h5py.File(folder / "checkpoint.h5") as h5:
        arrays = {}
        h5.visititems(lambda name, o: arrays.update({name: o[()]}) if isinstance(o, h5py.Dataset) else None)
        return arrays, {k: v for k, v in h5.attrs.items() if k not in ("seconds", "waiting")}


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """A store and a run of two epochs on it."""
    root = tmp_path_factory.mktemp("run")
    make_store(root / "store.h5")
    record = training.train(config_for(root / "store.h5"), root / "whole")
    return root, record


def test_training_writes_what_it_says(whole_run):
    """Log, configuration with the store's features, best weights that load; metrics are there and defined or None."""
    root, record = whole_run
    log = [json.loads(line) for line in (root / "whole" / "log.jsonl").read_text().splitlines()]
    assert [entry["epoch"] for entry in log] == [1, 2] and log[-1] == record
    assert log[1]["loss"] < log[0]["loss"]
    assert record["jaccard_pi_stacking"] is None
    core = [record[f"jaccard_{name}"] or 0.0 for name in CHANNELS[:4]]
    assert record["val_score"] == pytest.approx(np.mean(core))
    assert 0 < record["ap_ligand"] < 1 and 0 <= record["data_wait"] <= 1
    stored = TrainConfig.from_file(root / "whole" / "config.json")
    assert stored.network.features == FEATURES
    build_unet(stored.network).load_weights(root / "whole" / "best.weights.h5")
    assert not list((root / "whole").glob("partial*"))


def test_interrupted_training_resumes_exactly(whole_run, monkeypatch):
    """Stopped by a signal within each epoch and started again, a run ends in the state of one never stopped."""
    root, record = whole_run
    show = training._progress

    def interrupt_at_step_5(title, total):
        inner = show(title, total)

        def wrapped(done, note):
            inner(done, note)
            if done == 5:
                os.kill(os.getpid(), signal.SIGTERM)

        return wrapped

    monkeypatch.setattr(training, "_progress", interrupt_at_step_5)
    for _ in range(3):
        last = training.train(config_for(root / "store.h5"), root / "parts")
    expected, attributes = state(root / "whole")
    arrays, got = state(root / "parts")
    assert got == pytest.approx(attributes)
    assert arrays.keys() == expected.keys() and len(arrays) > 50
    assert got["best"] == json.loads((root / "parts" / "best.json").read_text())["val_score"]
    assert not np.allclose(arrays["model/0"], arrays["average/0"])  # validated with averages, trained on without
    for name, value in expected.items():
        np.testing.assert_allclose(arrays[name], value, rtol=2e-4, atol=2e-6, err_msg=name)
    assert last["val_loss"] == pytest.approx(record["val_loss"], rel=1e-4)


@pytest.mark.parametrize("stop_after", [12, 15])
def test_a_run_ends_early_if_told(whole_run, stop_after):
    """With the first epoch's weights of the whole run, or a part of an epoch later; started again, it stays there."""
    root, _ = whole_run
    config, out = config_for(root / "store.h5", stop_after=stop_after), root / f"early-{stop_after}"
    record = training.train(config, out)
    assert len((out / "log.jsonl").read_text().splitlines()) == record["epoch"] == 1
    arrays, got = state(out)
    assert (got["epoch"], got["step"]) == divmod(stop_after, 12)
    model = build_unet(TrainConfig.from_file(out / "config.json").network)
    model.load_weights(out / "last.weights.h5")
    for number, value in enumerate(model.get_weights()):
        np.testing.assert_array_equal(value, arrays[f"average/{number}"])
    first = json.loads((root / "whole" / "log.jsonl").read_text().splitlines()[0])
    assert record["val_loss"] == pytest.approx(first["val_loss"], rel=1e-4)
    training.train(config, out)
    assert all(np.array_equal(value, arrays[name]) for name, value in state(out)[0].items())


def test_a_run_folder_keeps_its_configuration(whole_run):
    """Another configuration, or a fresh start, in a used run folder is refused by naming the difference."""
    root, _ = whole_run
    with pytest.raises(ConfigError, match="other values of batch_size"):
        training.train(config_for(root / "store.h5", batch_size=3), root / "whole")
    with pytest.raises(ConfigError, match="holds a run"):
        training.train(config_for(root / "store.h5"), root / "whole", resume=False)
    with pytest.raises(ConfigError, match="store's features"):
        training.train(config_for(root / "store.h5", network={"features": ["x"], **SMALL}), root / "other")


SMALL = {"filters": [4, 8], "blocks": [1, 1]}


def test_a_fraction_of_the_families_is_trained_on(whole_run, monkeypatch):
    """Of four training families a half gives the sampler two, always the same; validation keeps all of its own."""
    root, _ = whole_run
    used = []

    class StopError(Exception):
        pass

    def note(config, out, sampler):
        used.append([item.id for item in sampler.items])
        raise StopError

    monkeypatch.setattr(training, "_Run", note)
    for name, fraction in (("all", 1.0), ("half", 0.5), ("again", 0.5)):
        with pytest.raises(StopError):
            training.train(config_for(root / "store.h5", data_fraction=fraction), root / f"fraction-{name}")
    assert len(used[0]) == 4 and len(used[1]) == 2
    assert set(used[1]) < set(used[0]) and used[2] == used[1]


def test_a_student_learns_from_its_teacher_alone(whole_run):
    """A teacher that is wrong nearly everywhere is believed, with nothing but distillation; unfit ones are refused."""
    root, _ = whole_run
    network = TrainConfig.from_file(root / "whole" / "config.json").network
    (root / "wrong").mkdir()
    options = {"teachers": [str(root / "wrong")], "loss": {"distill": 1.0}, "epochs": 1, "ema_decay": 0.0}
    config = replace(config_for(root / "store.h5", steps_per_epoch=40, learning_rate=0.1, **options), network=network)
    (root / "wrong" / "config.json").write_text(json.dumps(config.to_dict()))
    build_unet(network, prevalence=np.full(len(CHANNELS), 0.9)).save_weights(root / "wrong" / "best.weights.h5")
    training.train(config, root / "student")
    student = build_unet(network)
    student.load_weights(root / "student" / "best.weights.h5")
    sampler = training.Sampler(
        training.Store(root / "store.h5").load("val"), config.sampling, NetworkConfig(features=FEATURES)
    )
    x, y = sampler.batch(0, 0, 8)
    both = training.Teachers(config).extend(x, y)
    assert both.dtype == np.float32 and np.array_equal(both[..., : len(CHANNELS)], y)
    assert 0.8 < both[..., len(CHANNELS) :].mean() < 1
    assert (1 / (1 + np.exp(-student.predict_on_batch(x)))).mean() > 0.5  # trained on labels: below 0.2
    with pytest.raises(ConfigError, match="run folders or presets in teachers.*absent"):
        training.Teachers(replace(config, teachers=(str(root / "absent"),)))
    with pytest.raises(ConfigError, match="Expected spacing 1.0 of the teacher"):
        training.Teachers(replace(config, sampling=replace(config.sampling, spacing=1.0)))


def test_teachers_are_averaged(whole_run):
    """Two copies of a network teach what it says itself: its own probabilities."""
    root, _ = whole_run
    config = TrainConfig.from_file(root / "whole" / "config.json")
    config = replace(config, teachers=(str(root / "whole"),) * 2, loss=LossConfig(distill=0.5))
    x = np.random.default_rng(0).random((1, 8, 8, 8, len(FEATURES)), dtype=np.float32)
    model = build_unet(config.network)
    model.load_weights(root / "whole" / "best.weights.h5")
    got = training.Teachers(config).extend(x, np.zeros((1, 8, 8, 8, len(CHANNELS)), np.uint8))
    expected = 1 / (1 + np.exp(-model.predict_on_batch(x)))
    np.testing.assert_allclose(got[..., len(CHANNELS) :], expected, rtol=1e-5)


def test_runs_are_validated_on_the_same_crops(whole_run):
    """Neither the seed nor what the training samples are drawn by changes the validation crops."""
    root, _ = whole_run
    config, store = config_for(root / "store.h5"), training.Store(root / "store.h5")
    other = replace(config, seed=config.seed + 1, sampling=replace(config.sampling, cluster_power=1.0, jitter=0.0))
    crops = [training.Validation(training.validation_sampler(store, c), 6, 2).crops for c in (config, other)]
    for (i, centre, rotation), (j, moved, turned) in zip(*crops, strict=True):
        assert i == j
        assert np.array_equal(centre, moved)
        assert np.array_equal(rotation, turned)


def test_dataset_feeds_fit(whole_run):
    """The Keras dataset gives the sampler's batches, moves on with the epochs, and ``model.fit`` accepts it."""
    from pocketvox.data import Sampler, Store

    root, _ = whole_run
    config = config_for(root / "store.h5", network={"features": list(FEATURES), **SMALL})
    sampler = Sampler(Store(root / "store.h5").load("train"), config.sampling, NetworkConfig(features=FEATURES))
    dataset = training.CropDataset(sampler, 2, 3)
    assert len(dataset) == 3
    assert np.array_equal(dataset[1][0], sampler.batch(0, 1, 2)[0])
    history = training.compiled_model(config).fit(dataset, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"][0])
    assert dataset.epoch > 0


OTHER_BACKEND = """
import sys, numpy as np, keras
from pathlib import Path
from pocketvox.config import TrainConfig
from pocketvox.network.train import train
assert keras.backend.backend() == "torch"
root = Path(sys.argv[1])
config = TrainConfig.from_dict({
    "store": str(root / "store.h5"), "network": {"filters": [4, 8], "blocks": [1, 1]}, "batch_size": 2,
    "sampling": {"crop_size": 8, "spacing": 1.5}, "steps_per_epoch": 2, "epochs": 1, "val_crops": 2, "threads": 1,
})
record = train(config, root / "torch")
record = train(config, root / "torch")
assert record == {}
from pocketvox.network.export import load_network
network = TrainConfig.from_file(root / "whole/config.json").network
model = load_network(network, root / "whole/best.weights.h5")
np.save(root / "torch.npy", model.predict_on_batch(np.load(root / "x.npy")))
"""


@pytest.mark.slow
def test_torch_trains_and_agrees(whole_run):
    """Trains and resumes on torch; weights trained on TensorFlow give there the same logits (to 1e-4)."""
    pytest.importorskip("torch", reason="checks the network on the torch backend")
    root, _ = whole_run
    x = np.random.default_rng(0).random((1, 8, 8, 8, len(FEATURES)), dtype=np.float32)
    np.save(root / "x.npy", x)
    done = subprocess.run(
        [sys.executable, "-c", OTHER_BACKEND, str(root)],
        env=environment(KERAS_BACKEND="torch"), cwd=ROOT, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    from pocketvox.network.export import load_network

    network = TrainConfig.from_file(root / "whole" / "config.json").network
    expected = load_network(network, root / "whole" / "best.weights.h5").predict_on_batch(x)
    np.testing.assert_allclose(np.load(root / "torch.npy"), expected, atol=1e-4)
