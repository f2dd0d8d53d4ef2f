"""Configurations: strict, complete, with stable fingerprints."""

from __future__ import annotations

import json

import pytest

from pocketvox.channels import CHANNELS
from pocketvox.config import LossConfig, NetworkConfig, SamplingConfig, TrainConfig, fingerprint
from pocketvox.errors import ConfigError


def test_dictionary_round_trip_through_json():
    """A configuration written as JSON and read again is the same one, nested parts and mappings included."""
    config = TrainConfig(
        store="a.h5",
        network=NetworkConfig(features=("a", "b"), filters=(8, 16), blocks=(1, 3), upsampling="nearest"),
        sampling=SamplingConfig(crop_size=16),
        loss=LossConfig(channel_weights={"ligand": 0.5}),
    )
    again = TrainConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config
    assert again.network.filters == (8, 16)


def test_defaults_fill_what_is_left_out():
    """Only the store must be given; channels default to all of them."""
    config = TrainConfig.from_dict({"store": "x", "loss": {"dice": 1}})
    assert config.network.channels == CHANNELS
    assert config.loss.dice == 1.0 and isinstance(config.loss.dice, float)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"store": "x", "learning_rat": 1.0}, "Unknown setting 'learning_rat'.*learning_rate"),
        ({"store": "x", "network": {"filter": [8]}}, "Unknown setting 'filter' in TrainConfig: network"),
        ({}, "Missing setting in TrainConfig: store"),
        ({"store": 3}, "Expected str for TrainConfig: store. Received: 3"),
        ({"store": "x", "epochs": 1.5}, "Expected int for TrainConfig: epochs"),
        ({"store": "x", "epochs": True}, "Expected int for TrainConfig: epochs"),
        ({"store": "x", "seed": "1"}, "Expected int for TrainConfig: seed"),
        ({"store": "x", "jit_compile": 1}, "Expected bool for TrainConfig: jit_compile"),
        ({"store": "x", "network": [1]}, "object of settings in TrainConfig: network"),
        ({"store": "x", "network": {"filters": [8, "16"]}}, r"Expected int for TrainConfig: network: filters\[1\]"),
        ({"store": "x", "loss": {"channel_weights": {"ligand": "1"}}}, r"channel_weights\['ligand'\]"),
        ({"store": "x", "loss": {"channel_weights": {"donor": 1.0}}}, "channel_weights.*donor"),
        ({"store": "x", "network": {"channels": ["donor"]}}, "channels.*donor"),
        ({"store": "x", "network": {"channels": ["ligand", "ligand"]}}, "no repeated name"),
        ({"store": "x", "network": {"filters": [8, 16]}}, "blocks: one positive number per level"),
        ({"store": "x", "network": {"filters": [], "blocks": []}}, "filters"),
        ({"store": "x", "sampling": {"crop_size": 20}}, "multiple of the network's stride 8"),
        ({"store": "x", "precision": "float16"}, "mixed_bfloat16 or float32"),
        ({"store": "x", "ema_decay": 1.0}, "ema_decay"),
        ({"store": "x", "epochs": 0}, "epochs"),
        ({"store": "x", "sampling": {"warp": -0.1}}, "warp: zero or more"),
        ({"store": "x", "sampling": {"drop": 1.0}}, "drop: 0 to below 1"),
        ({"store": "x", "loss": {"tversky": -1.0}}, "tversky: zero or more"),
        ({"store": "x", "loss": {"false_positives": 1.1}}, "false_positives: 0 to 1"),
        ({"store": "x", "loss": {"unlabelled": -0.1}}, "unlabelled: zero or more"),
        ({"store": "x", "data_fraction": 0.0}, "data_fraction: above 0 to 1"),
        ({"store": "x", "teachers": ["a"]}, "teachers: some with loss.distill above 0"),
        ({"store": "x", "loss": {"distill": 0.5}}, "teachers: some with loss.distill above 0"),
        ({"store": "x", "slices": 33}, "slices: 0, or without teachers up to the crop size 32"),
        ({"store": "x", "slices": 1, "teachers": ["a"], "loss": {"distill": 0.5}}, "slices: 0, or without teachers"),
        ({"store": "x", "normalizer": "rank"}, "normalizer: '' or 'zscore' or 'minmax' or 'histogram'"),
        (
            {"store": "x", "normalizer": "zscore", "network": {"fusion": "early"}},
            "normalizer: none with network.fusion",
        ),
        ({"store": "x", "normalizer": "zscore", "teachers": ["a"], "loss": {"distill": 0.5}}, "normalizer: none with"),
        ([], "object of settings"),
    ],
)
def test_refusals_name_the_setting(data, message):
    """Unknown, missing, mistyped and out-of-range settings are each refused by name."""
    with pytest.raises(ConfigError, match=message):
        TrainConfig.from_dict(data)


def test_fingerprint_depends_on_values_not_on_order():
    """Equal configurations have equal fingerprints; any change gives another; the value itself is pinned."""
    a = LossConfig(channel_weights={"ligand": 1.0, "metal": 2.0}, dice=0.5)
    b = LossConfig.from_dict({"dice": 0.5, "channel_weights": {"metal": 2.0, "ligand": 1.0}})
    assert a.fingerprint() == b.fingerprint()
    assert a.fingerprint() != LossConfig(channel_weights={"ligand": 1.0, "metal": 2.5}, dice=0.5).fingerprint()
    # printf '%s' '{"channel_weights":{"ligand":1.0,"metal":2.0},"dice":0.5,"focal":0.0}' | sha256sum
    data = {"focal": 0.0, "dice": 0.5, "channel_weights": {"metal": 2.0, "ligand": 1.0}}
    assert fingerprint(data) == "0ab3396ce2d15131f11111bca967b5b7f894196237acdeb58505dab7ad16ae77"
    assert a.fingerprint() == fingerprint(a.to_dict())


def test_settings_that_came_later_leave_fingerprints_as_they_were():
    """A run without a normalizer is the run it was before there were any; with one it is another."""
    plain = TrainConfig(store="x")
    assert "normalizer" not in plain.to_dict()
    assert TrainConfig.from_dict(plain.to_dict() | {"normalizer": ""}).fingerprint() == plain.fingerprint()
    assert TrainConfig(store="x", normalizer="zscore").fingerprint() != plain.fingerprint()


def test_files(tmp_path):
    """A JSON file is read; an absent or broken one is refused by its path."""
    path = tmp_path / "c.json"
    path.write_text('{"crop_size": 16}')
    assert SamplingConfig.from_file(path).crop_size == 16
    path.write_text("{")
    with pytest.raises(ConfigError, match=r"Expected JSON in .*c\.json"):
        SamplingConfig.from_file(path)
    with pytest.raises(ConfigError, match=r"Cannot read the configuration .*absent\.json"):
        SamplingConfig.from_file(tmp_path / "absent.json")
