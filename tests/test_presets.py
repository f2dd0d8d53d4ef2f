"""Presets and engines: a saved network is checked, never overwritten, and runs alike on both engines."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import environment

from pocketvox.channels import CHANNELS
from pocketvox.errors import ConfigError, MissingExtraError, OutputError, UsageError
from pocketvox.features import FEATURES
from pocketvox.hashing import file_hash
from pocketvox.inference import calibration, engines, presets
from pocketvox.metrics import ScoreHistogram

keras = pytest.importorskip("keras", reason="needs pip install 'pocketvox[train]'")


CONFIG = presets.PresetConfig.from_dict(
    {
        "network": {"features": FEATURES, "filters": [4, 8], "blocks": [1, 1]},
        "spacing": 0.75,
        "roi_size": 32,
        "halo": 4,
        "thresholds": {"ligand": 0.3},
        "calibration": {"ligand": [0.5, 1.0], "metal": [2.0, -0.25]},
    }
)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A preset with random weights, normalisation statistics included."""
    from pocketvox.network.unet import build_unet

    folder = tmp_path_factory.mktemp("models")
    rng = np.random.default_rng(0)
    model = build_unet(CONFIG.network)
    # Kernels (5 axes) of either sign, scales and variances positive.
    weights = [
        rng.normal(0, 0.1, w.shape) if w.ndim > 1 else rng.uniform(0.5, 1.5, w.shape) for w in model.get_weights()
    ]
    model.set_weights([w.astype(np.float32) for w in weights])
    model.save_weights(folder / "trained.weights.h5")
    return presets.save_preset(
        folder / "tiny-v1", CONFIG, folder / "trained.weights.h5", training={"epochs": 3}, metrics={}, card="# Tiny\n"
    )


@pytest.fixture
def preset(original, tmp_path):
    """A copy that a test may damage."""
    return replace(original, folder=shutil.copytree(original.folder, tmp_path / "tiny-v1"))


@pytest.fixture
def boxes():
    return np.random.default_rng(1).random((2, 8, 12, 16, len(FEATURES)), dtype=np.float32)


def test_a_saved_preset_is_complete(original):
    """It holds what was given, loads from its path, and lists the checksum of every other file."""
    preset = presets.load_preset(original.folder)
    assert preset.config == CONFIG and preset.channels == CHANNELS and preset.features == FEATURES
    assert preset.metadata["training"] == {"epochs": 3}
    assert set(preset.metadata["files"]) == {
        "config.json", "model.weights.h5", "openvino/model.xml", "openvino/model.bin", "README.md",
    }  # fmt: skip
    assert preset.thresholds == {"ligand": 0.3} and not preset.calibrated
    assert [p.name for p in original.folder.parent.iterdir() if p.name.startswith(".")] == []


def test_engines_agree(original, boxes):
    """OpenVINO and Keras give the same probabilities to 1e-3 (in fact to 1e-5), also in shapes not seen before."""
    a = engines.make_engine(original, "openvino")
    b = engines.make_engine(original, "keras")
    for x in (boxes, boxes[:1, :4, :4, :4]):
        p, q = a(x), b(x)
        assert p.shape == q.shape == (*x.shape[:4], len(CHANNELS)) and p.dtype == q.dtype == np.float32
        assert p.std() > 0.05
        np.testing.assert_allclose(p, q, atol=1e-5)


def test_openvino_is_deterministic(original, boxes):
    """Two engines give the same bytes."""
    first, second = (engines.make_engine(original, "auto", threads=2)(boxes) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_engine_applies_the_calibration(original, boxes):
    """Log-odds of a calibrated channel are slope * logit + offset of the uncalibrated one; others do not change."""
    plain = replace(original, config=replace(CONFIG, calibration={}))
    p, q = (engines.make_engine(each)(boxes).astype(float) for each in (original, plain))
    mid = ((p > 0.001) & (p < 0.999) & (q > 0.001) & (q < 0.999)).all(axis=-1)
    assert mid.mean() > 0.2
    p, q = p[mid], q[mid]
    for name, (slope, offset) in {"ligand": (0.5, 1.0), "metal": (2.0, -0.25), "hydrophobic": (1.0, 0.0)}.items():
        k = CHANNELS.index(name)
        expected = slope * np.log(q[..., k] / (1 - q[..., k])) + offset
        np.testing.assert_allclose(np.log(p[..., k] / (1 - p[..., k])), expected, atol=1e-3)


def test_auto_never_imports_a_framework(original):
    """Predicting with the default engine leaves TensorFlow, Keras and torch unloaded."""
    code = (
        "import sys, numpy as np\n"
        "from pocketvox.inference import load_preset, make_engine\n"
        f"make_engine(load_preset({str(original.folder)!r}))(np.zeros((1, 4, 4, 4, {len(FEATURES)}), 'f4'))\n"
        "loaded = {'tensorflow', 'keras', 'torch', 'jax'} & set(sys.modules)\n"
        "assert 'openvino' in sys.modules and not loaded, loaded"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_threads_of_an_engine_are_not_pinned(original):
    """Pinned, those of several processes with one thread each would share one processor."""
    assert engines.make_engine(original, threads=1)._model.get_property("ENABLE_CPU_PINNING") is False


def test_engine_by_name_or_callable(original, monkeypatch):
    """A callable is its own engine; unknown names and a missing Keras are refused with the remedy."""
    assert engines.make_engine(original, len) is len
    with pytest.raises(UsageError, match="auto, int8, openvino, keras.*'tensorrt'"):
        engines.make_engine(original, "tensorrt")
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pocketvox\[train\]'"):
        engines.make_engine(original, "keras")


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5", "openvino/model.xml", "openvino/model.bin"])
def test_changed_and_missing_files_are_refused(preset, name):
    """One changed byte, or an absent file, is found when the preset is loaded."""
    path = preset.folder / name
    data = bytearray(path.read_bytes())
    data[-1] ^= 0x20
    if name == "config.json":
        data = path.read_bytes().replace(b"0.75", b"0.85")
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=f"{name} with sha256"):
        presets.load_preset(preset.folder)
    path.unlink()
    with pytest.raises(ConfigError, match=r"config\.json|no such file"):
        presets.load_preset(preset.folder)


def test_metadata_must_fit(preset):
    """A configuration exchanged together with its checksum is found by the fingerprint; broken metadata is named."""
    config, metadata = preset.folder / "config.json", preset.folder / "metadata.json"
    config.write_text(config.read_text().replace("0.75", "0.85"))
    data = json.loads(metadata.read_text())
    data["files"]["config.json"] = file_hash(config)
    metadata.write_text(json.dumps(data))
    with pytest.raises(ConfigError, match="to fit its configuration"):
        presets.load_preset(preset.folder)
    whole = '{"schema_version": 1, "fingerprint": "", "files": %s}'
    bad = [whole % files for files in ("7", '["a"]', '{"a": 1}', '{"../a": ""}', '{"/etc/passwd": ""}')]
    bad += ["{", "[]", '{"schema_version": 1}', '{"schema_version": 2, "files": {}, "fingerprint": ""}', "[" * 10**6]
    for text in bad:
        metadata.write_text(text)
        with pytest.raises(ConfigError, match=r"metadata\.json"):
            presets.load_preset(preset.folder)
    metadata.unlink()
    with pytest.raises(ConfigError, match=r"metadata\.json"):
        presets.load_preset(preset.folder)


def test_other_features_are_refused(original, monkeypatch):
    """A preset made for other features than the code computes names both."""
    monkeypatch.setattr(presets, "FEATURES", (*FEATURES[:-1], "sulphur"))
    with pytest.raises(ConfigError, match=rf"sulphur.*Received: .*tiny-v1.*{FEATURES[-1]}"):
        presets.load_preset(original.folder)


def test_presets_are_never_overwritten(preset, tmp_path):
    """Saving onto an existing folder is refused; a failed save leaves nothing."""
    trained = preset.folder / "model.weights.h5"
    with pytest.raises(OutputError, match="not overwritten"):
        presets.save_preset(preset.folder, CONFIG, trained, training={}, metrics={}, card="")
    wider = replace(CONFIG, network=replace(CONFIG.network, filters=(4, 16)))
    with pytest.raises(ConfigError, match=r"filters \(4, 16\)"):
        presets.save_preset(tmp_path / "new", wider, trained, training={}, metrics={}, card="")
    with pytest.raises(ConfigError, match="absent"):
        presets.save_preset(tmp_path / "new", CONFIG, tmp_path / "absent.weights.h5", training={}, metrics={}, card="")
    with pytest.raises(ValueError, match="Out of range float"):
        presets.save_preset(tmp_path / "new", CONFIG, trained, training={}, metrics={"ap": float("nan")}, card="")
    assert [p.name for p in tmp_path.iterdir()] == ["tiny-v1"]


def test_annotating_changes_what_is_known_not_what_it_is(preset):
    """Scores and card are replaced; the fingerprint stays, and the preset still loads."""
    presets.annotate_preset(preset.folder, metrics={"mean": 0.5}, card="# Better card\n")
    again = presets.load_preset(preset.folder)
    assert again.metadata["metrics"] == {"mean": 0.5} and again.metadata["training"] == {"epochs": 3}
    assert (preset.folder / "README.md").read_text() == "# Better card\n"
    assert again.fingerprint == preset.fingerprint


def test_shipped_presets_stay_loadable():
    """Settings that later versions add to a configuration change no preset made before them."""
    shipped = presets.list_presets()
    assert shipped
    for entry in shipped:
        assert presets.load_preset(entry["name"]).fingerprint == entry["fingerprint"]


def test_finding_presets(preset, monkeypatch):
    """Listed oldest first with 10 after 9; found by name; the newest without a name; errors list what there is."""
    models = preset.folder.parent
    monkeypatch.setattr(presets, "models_folder", lambda: models)
    for version in ("tiny-v9", "tiny-v10"):
        shutil.copytree(preset.folder, models / version)
    assert [entry["name"] for entry in presets.list_presets()] == ["tiny-v1", "tiny-v9", "tiny-v10"]
    assert json.loads(json.dumps(presets.list_presets()))[0]["folder"] == str(preset.folder)
    assert presets.load_preset().name == "tiny-v10"
    assert presets.load_preset("tiny-v9").name == "tiny-v9"
    with pytest.raises(ConfigError, match="tiny-v1, tiny-v9, tiny-v10.*Received: nothing"):
        presets.load_preset("nothing")
    monkeypatch.setattr(presets, "models_folder", lambda: models / "empty")
    with pytest.raises(ConfigError, match="Received: none"):
        presets.load_preset()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spacing": 0.0}, "spacing"),
        ({"roi_size": 33}, "roi_size and halo"),
        ({"halo": 16}, "roi_size and halo"),
        ({"thresholds": {"donor": 0.1}}, "thresholds"),
        ({"calibration": {"ligand": [1.0]}}, "Expected 2 values"),
    ],
)
def test_impossible_preset_configurations(change, message):
    """Settings that cannot be run are refused when the configuration is read."""
    with pytest.raises(ConfigError, match=message):
        presets.PresetConfig.from_dict(CONFIG.to_dict() | change)


def test_calibration_recovers_a_known_line():
    """Labels drawn with log-odds 0.6 z - 0.4 from a network that says z: the line is found, and the gap closes."""
    rng = np.random.default_rng(3)
    z = rng.normal(-1, 2, 200_000)
    y = rng.random(len(z)) < 1 / (1 + np.exp(0.4 - 0.6 * z))
    histogram = ScoreHistogram()
    histogram.add(y, 1 / (1 + np.exp(-z)))
    slope, offset = calibration.fit_calibration(histogram)
    assert (slope, offset) == pytest.approx((0.6, -0.4), abs=0.02)
    after = calibration.calibrate(z[:, None].astype(np.float32), np.float32([slope]), np.float32([offset]))
    assert after.dtype == np.float32 and abs(after.mean() - y.mean()) < 1e-4


def test_calibration_of_a_channel_predicted_at_one_in_a_hundred_thousand():
    """A rare channel, predicted a thousand times too low: the fit must arrive, not swing around its start."""
    rng = np.random.default_rng(4)
    z = rng.normal(-11, 1.5, 50_000)
    y = rng.random(len(z)) < 1 / (1 + np.exp(-(z + 7.0)))
    histogram = ScoreHistogram()
    histogram.add(y, 1 / (1 + np.exp(-z)))
    assert calibration.fit_calibration(histogram) == pytest.approx((1.0, 7.0), abs=0.3)


def test_calibration_never_turns_a_ranking_around():
    """Labels that fall with the score: only the mean is corrected."""
    z = np.linspace(-3, 3, 1000)
    y = np.arange(1000) < 100
    histogram = ScoreHistogram()
    histogram.add(y, 1 / (1 + np.exp(-z)))
    slope, offset = calibration.fit_calibration(histogram)
    assert slope == 1.0
    assert (1 / (1 + np.exp(-(z + offset)))).mean() == pytest.approx(0.1, abs=1e-3)


def test_calibration_needs_both_labels():
    """Without positives, or without negatives, nothing is fitted."""
    for label in (0, 1):
        histogram = ScoreHistogram()
        histogram.add(np.full(5, label), np.linspace(0.1, 0.9, 5))
        assert calibration.fit_calibration(histogram) == (1.0, 0.0)
