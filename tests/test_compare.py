"""Runs and their mean on the same validation crops."""

import json

import pytest
from store_fixture import make_store, tiny_training

from data_prep import compare
from pocketvox.config import TrainConfig

training = pytest.importorskip("pocketvox.network.train", reason="needs keras: pip install '.[train]'")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two short runs of one store; their configurations differ in the seed."""
    root = tmp_path_factory.mktemp("runs")
    make_store(root / "store.h5")
    for seed in (1, 2):
        settings = tiny_training(root / "store.h5", seed=seed, batch_size=4, steps_per_epoch=8, epochs=1)
        training.train(TrainConfig.from_dict(settings), root / f"seed-{seed}")
    return root


def test_runs_and_their_mean_are_scored_on_the_same_crops(runs, capsys):
    """A run scores what its own log says of the same crops; the mean of a run with itself is the run."""
    one, other = runs / "seed-1", runs / "seed-2"
    options = ["--crops", "4", "--crop-size", "8"]
    assert compare.main([str(one), str(other), *options]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["label"] for row in rows] == ["seed-1", "seed-2", "mean"]
    for run, row in zip((one, other), rows, strict=False):
        logged = json.loads((run / "log.jsonl").read_text())
        assert row["value"]["val_loss"] == pytest.approx(logged["val_loss"], rel=1e-3)
    first, second, both = (row["value"]["val_loss"] for row in rows)
    assert first != second and both <= (first + second) / 2 + 1e-4  # cross-entropy is convex in logits
    assert rows[0]["command"] == f"python -m data_prep.compare {one} {other}"
    twice = compare.compare([one, one], 4, 8)
    assert twice["mean"] == twice["seed-1"]


def test_runs_that_cannot_be_compared_are_refused(runs, caplog, tmp_path):
    config = json.loads((runs / "seed-1" / "config.json").read_text())
    config["network"]["channels"] = config["network"]["channels"][:-1]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert compare.main([str(runs / "seed-1"), str(tmp_path)]) == 1
    assert "Expected channels" in caplog.text and str(tmp_path) in caplog.text
