"""Variants of a training configuration: how settings are merged, what is refused, which logs are kept; none trains."""

from __future__ import annotations

import json

import pytest
from conftest import ROOT

from data_prep.ablations import complete, main, merged, read_runs
from pocketvox.errors import ConfigError

BASE = {"store": "s.h5", "epochs": 2, "network": {"filters": [8, 16], "blocks": [1, 1]}, "loss": {"dice": 0.5}}


def write(tmp_path, value):
    """A file of variants."""
    path = tmp_path / "variants.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_changes_replace_values_and_reach_into_objects():
    """Lists and numbers are replaced whole; neither dictionary is changed."""
    base = {"a": 1, "list": [1, 2, 3], "in": {"x": 1, "deep": {"y": 2, "z": 3}}}
    before = json.dumps(base)
    found = merged(base, {"list": [4], "in": {"deep": {"y": 5}}, "new": {"n": 6}})
    assert found == {"a": 1, "list": [4], "in": {"x": 1, "deep": {"y": 5, "z": 3}}, "new": {"n": 6}}
    assert json.dumps(base) == before and merged(base, {}) == base


def test_a_variant_is_the_base_but_for_its_changes(tmp_path):
    changes = {"same": {}, "wide": {"network": {"filters": [16, 32]}, "seed": 7}}
    runs = read_runs(write(tmp_path, {"base": BASE, "runs": changes}))
    assert list(runs) == ["same", "wide"]
    assert runs["wide"].network.filters == (16, 32) and runs["wide"].network.blocks == (1, 1)
    assert runs["wide"].seed == 7 and runs["wide"].loss == runs["same"].loss and runs["same"].loss.dice == 0.5


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{", "Cannot read the variants"),
        ([1], r"`base` and `runs` .*Received: \[1\]"),
        ({"base": BASE}, "`base` and `runs`"),
        ({"base": BASE, "runs": ["a"]}, "`base` and `runs`"),
        ({"base": BASE, "runs": {"a": 3}}, "changed settings in .*, a. Received: 3"),
        ({"base": BASE, "runs": {"fine": {}, "a": {"loss": {"dise": 1.0}}}}, "variants.json, a: .*dise"),
        ({"base": BASE, "runs": {"a": {"loss": {"dice": -1.0}}}}, "variants.json, a: .*dice"),
    ],
)
def test_files_that_are_none_are_refused(tmp_path, value, said):
    with pytest.raises(ConfigError, match=said):
        read_runs(write(tmp_path, value))


def test_the_stored_variants_differ_from_the_base():
    """Each is a configuration, and none repeats another: a misplaced setting would change nothing."""
    runs = read_runs(ROOT / "data_prep" / "configs" / "ablations.json")
    prints = [config.fingerprint() for config in runs.values()]
    assert len(runs) > 20 and len(set(prints)) == len(prints)


@pytest.mark.parametrize(("lines", "expected"), [(None, False), (1, False), (2, True)])
def test_a_run_is_complete_with_its_last_epoch(tmp_path, lines, expected):
    if lines is not None:
        (tmp_path / "log.jsonl").write_text("{}\n" * lines)
    assert complete(tmp_path, 2) is expected


@pytest.fixture
def trained(monkeypatch):
    """Names of the runs that were asked for; training only writes files, and that of ``cut`` stops after an epoch."""
    training = pytest.importorskip("pocketvox.network.train", reason="needs Keras")
    asked = []

    def train(config, out):
        asked.append(out.name)
        out.mkdir(parents=True)
        (out / "config.json").write_text(json.dumps(config.to_dict()))
        (out / "log.jsonl").write_text("{}\n" * (1 if out.name == "cut" else config.epochs))
        (out / "best.weights.h5").write_bytes(b"large")

    monkeypatch.setattr(training, "train", train)
    return asked


def call(tmp_path, runs, *names):
    file = write(tmp_path, {"base": BASE, "runs": dict.fromkeys(runs, {})})
    return main([str(file), *names, "-o", str(tmp_path / "runs"), "--logs", str(tmp_path / "logs")])


def test_logs_are_copied_and_weights_are_not(tmp_path, trained):
    assert call(tmp_path, ("one", "two", "three"), "three", "one") == 0
    assert trained == ["three", "one"]
    for name in trained:
        kept = sorted(path.name for path in (tmp_path / "logs" / name).iterdir())
        assert kept == ["config.json", "log.jsonl"]
        for file in kept:
            assert (tmp_path / "logs" / name / file).read_bytes() == (tmp_path / "runs" / name / file).read_bytes()


def test_an_interruption_ends_the_command(tmp_path, trained):
    """What comes after an interrupted variant is not begun; the log so far is kept."""
    assert call(tmp_path, ("one", "cut", "two")) == 1
    assert trained == ["one", "cut"]
    assert (tmp_path / "logs" / "cut" / "log.jsonl").read_text() == "{}\n"


def test_unknown_names_are_refused_before_training(tmp_path, trained, caplog):
    assert call(tmp_path, ("one",), "one", "tow") == 1
    assert trained == [] and "Received: tow" in caplog.text
