"""The training report: what is computed from logs and results, what is refused, and that the stored report is current.

Expected numbers were worked out by hand from the records written below.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from conftest import ROOT
from store_fixture import FEATURES, make_item, make_store

from data_prep import report, report_plots, report_results, report_tables
from data_prep.report_count import Count
from data_prep.report_logs import chain, read_inputs, read_run
from data_prep.report_words import describe
from pocketvox.channels import CORE, HEADLINE
from pocketvox.config import TrainConfig
from pocketvox.data.batches import validation_sampling
from pocketvox.data.store import PSEUDO, create_store, write_item
from pocketvox.errors import InputError


def config(**changes) -> dict:
    """A configuration of 4 epochs of 10 steps."""
    small = {"store": "runs/s.h5", "epochs": 4, "steps_per_epoch": 10, "network": {"features": ["occupancy"]}}
    return TrainConfig.from_dict({**small, **changes}).to_dict()


def epochs(*scores: float, seconds: float = 1.0) -> list[dict]:
    """Records of a log; the first epoch is four times as slow."""
    precision = {f"ap_{name}": 0.5 for name in CORE}
    return [
        {"epoch": k, "loss": 1 / k, "val_loss": 0.9 / k, "val_score": score, **precision}
        | {"seconds_per_step": seconds * (4 if k == 1 else 1)}
        for k, score in enumerate(scores, 1)
    ]


def store_run(root: Path, name: str, records: list[dict], settings: dict) -> None:
    """Write a run's two files."""
    folder = root / "data_prep" / "logs" / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def within(value: float) -> dict:
    """An interval."""
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


def result(name: str, best: tuple[float, ...], kind: str = "method", sites: int = 6) -> dict:
    """Test scores with these best Jaccard indices of the core channels; the last channel has few positive voxels."""
    channels = {}
    for channel, jaccard in zip(CORE, best, strict=True):
        channels[channel] = {
            **{"positives": 1000, "prevalence": 0.02, "best_jaccard": jaccard, "jaccard": within(jaccard)},
            **{key: within(0.005) for key in ("average_precision", "calibration_error", "brier")},
            "reliability": [[0.1, 0.2, 500], [0.5, 0.6, 100], [0.9, 0.8, 99]],
        }
    channels["pi_stacking"]["positives"] = 99
    track = {"sites": sites, "clusters": 3, "voxels": 100 * sites, "channels": channels}
    track["summary"] = {"headline": within(np.mean(best)), "core_average_precision": within(0.5)}
    track["classes"] = {channel: {"jaccard": within(0.2)} for channel in HEADLINE}
    method = {"name": name, "title": name, "kind": kind, "task": "pocket", "fingerprint": "f" * 64}
    return {"method": method, "tracks": {"pocket-map": track}, "coverage": {"entries": 9, "predicted": 8}}


def row(run: str, label: str = "") -> dict:
    return {"run": run, "label": label or run, "note": "noted"}


@pytest.fixture
def tree(tmp_path) -> Path:
    """A source tree with three runs, a preset and three results."""
    store_run(tmp_path, "one", epochs(0.1, 0.3, 0.3), config())
    store_run(
        tmp_path,
        "two",
        epochs(0.25, 0.2, seconds=2),
        config(initial_weights="runs/one/best.weights.h5", data_fraction=0.5, loss={"dice": 0.5}),
    )
    store_run(tmp_path, "wide", epochs(0.4), config(sampling={"crop_size": 40}))
    logs = tmp_path / "data_prep" / "logs"
    tables = [
        {
            "key": "t",
            "title": "Table",
            "question": "Which?",
            "axis": "data_fraction",
            "runs": [row("one"), row("two", "half|"), row("never")],
            "measurements": [{"label": "rotations", "value": {"score": 0.5, "calls": 24}, "command": "do it"}],
        }
    ]
    declared = {"preset": "p", "card": "card.md", "stages": [{"run": "one", "config": "one.json"}], "few_voxels": 100}
    write(logs / "experiments.json", {**declared, "tables": tables, "measurements": []})
    write(tmp_path / "one.json", config())
    scores = {name: {channel: 0.25 for channel in CORE} for name in ("jaccard", "average_precision")}
    metrics = {"validation": {**scores, "pockets": {"top_n": 0.5}}}
    (tmp_path / "models" / "p").mkdir(parents=True)
    preset = {"fingerprint": "f" * 64, "training": {"config": config()}, "metrics": metrics}
    write(tmp_path / "models" / "p" / "metadata.json", preset)
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    for one in (
        result("p", (0.4, 0.3, 0.2, 0.1)),
        result("rule-field", (0.1,) * 4, "baseline"),
        result("ceiling", (0.5,) * 4, "ceiling", sites=5),
    ):
        write(tmp_path / "benchmarks" / "results" / f"{one['method']['name']}.json", one)
    return tmp_path


def write(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value))


def cells(lines: list[str], number: int = 0) -> list[list[str]]:
    """Rows of a Markdown table among lines, without its header."""
    tables = "\n".join(lines).split("\n\n")
    found = [part for part in tables if part.startswith("|")][number]
    return [[c.strip() for c in line.replace(r"\|", "!").split("|")[1:-1]] for line in found.splitlines()[2:]]


def test_best_epoch_steps_and_seconds_of_a_run(tree):
    """The first of equally good epochs is the best, as its weights were kept; the compiling epoch does not count."""
    runs = read_inputs(tree).runs
    one, two = runs["one"], runs["two"]
    assert (one.best["epoch"], one.best_steps, one.steps, one.seconds_per_step) == (2, 20, 30, 1.0)
    assert one.hours == pytest.approx((4 + 1 + 1) * 10 / 3600)
    assert (two.best["epoch"], two.steps, two.parent) == (1, 20, "one")
    assert two.seconds_per_step == 5.0  # of 8 and 2
    assert [run.name for run in chain(two, runs)] == ["one", "two"]


def test_rows_of_an_ablation(tree):
    """Differences are from the first row, the best is bold, the loss of another loss function is left out."""
    lines = report_tables.ablation_section(read_inputs(tree))
    one, two = cells(lines)
    ap = ["0.500"] * 4
    assert one == ["one", "1", "random", "**0.300**", "-", *ap, "0.4500", "1.00", "30 of 40", "20", "noted"]
    assert two == ["half!", "0.5", "`one`, 20 steps", "0.250", "-0.050", *ap, "-", "5.00", "20 of 40", "10", "noted"]
    assert cells(lines, 1) == [["rotations", "0.500", "24", "`do it`"]]


def test_no_run_is_hidden(tree):
    """A run in no table is listed all the same, and one without a log is named."""
    lines = report_tables.ablation_section(read_inputs(tree))
    assert "### Other runs" in lines
    assert cells(lines, 2)[0][:3] == ["wide", "random", "0.400"]
    assert "Declared, without a log so far: `never`." in lines


def test_runs_on_other_validation_crops_are_not_compared(tree):
    """Crop size changes the fixed crops, and in old runs the seed; balance of families, rate and loss do not."""
    changes = {
        "size": {"sampling": {"crop_size": 24}},
        "seed": {"seed": 9},
        "power": {"sampling": {"cluster_power": 0.0}},
        "rate": {"learning_rate": 0.1, "loss": {"dice": 1.0}, "sampling": {"jitter": 1.0}},
    }
    for name, change in changes.items():
        store_run(tree, name, epochs(0.2), config(**change))
    for name, change in (("old", {"seed": 9}), ("old-alike", {"seed": 1, "sampling": {"surface_fraction": 0.25}})):
        store_run(tree, name, epochs(0.2), {k: v for k, v in config(**change).items() if k != "data_fraction"})
    runs = read_inputs(tree).runs
    groups = report_tables.groups({"runs": [row(name) for name in ("one", *changes, "old", "old-alike")]}, runs)
    alike = ["one", "seed", "power", "rate", "old-alike"]
    assert [[r["run"] for r in rows] for rows in groups] == [alike, ["size"], ["old"]]
    assert "power 0.5, seed 1:" in " ".join(report_tables.ablation_section(read_inputs(tree)))


def test_scores_over_the_rule_field(tree):
    """Means of best Jaccard indices 0.25 and 0.1; methods on other sites have no ratio."""
    inputs = read_inputs(tree)
    rows = {r[0]: r for r in cells(report_results.test_section(inputs))}
    assert list(rows) == ["p", "rule-field", "ceiling"]
    assert [rows[name][-3] for name in rows] == ["2.50x", "1.00x", "-"]
    assert [rows[name][-4] for name in rows] == ["0.250", "0.100", "0.500"]
    assert rows["p"][3] == "0.250 (0.200 to 0.300)" and rows["p"][-1] == "8 of 9"


def test_nothing_is_said_of_few_voxels(tree):
    """99 positive voxels where 100 are asked for."""
    inputs = read_inputs(tree)
    assert [r[0] for r in cells(report_results.test_section(inputs), 1)] == [f"`{name}`" for name in CORE[:3]]
    assert cells(report_results.test_section(inputs), 2)[3][3:] == ["too few to say", "-", "-"]
    calibration = cells(report_results.calibration_section(inputs))
    assert calibration[3][2:] == ["too few to say", "-", "-"]
    assert calibration[0][3] == "0.25"  # 0.005 of 0.02
    drawn = ElementTree.fromstring(report_results.reliability_figure(inputs)["training-reliability"])
    assert len(drawn.findall(".//{*}circle")) == 3 * 2  # three channels, two bins of at least 100 voxels


def test_a_curve_goes_through_its_points():
    """Axes from 0 to 30 and from 0 to 1 in a plot of 230 by 170 at (56, 28)."""
    series = (report_plots.Series("a", ((0.0, 0.0), (15.0, 1.0), (30.0, 0.5))),)
    root = ElementTree.fromstring(report_plots.figure("t", "d", [report_plots.Panel("p", "x", "y", series)], 3))
    assert root.find("{*}g/{*}g/{*}path").get("d") == "M56 198L171 28L286 113"
    assert report_plots.ticks(0.13, 0.2) == [0.12, 0.14, 0.16, 0.18, 0.2]
    assert report_plots.ticks(3, 3)[0] < 3 < report_plots.ticks(3, 3)[-1]


def test_points_ligands_and_families_are_counted():
    """Two ligands with 1 + 2 points of two types; of two families the larger one counts."""
    count = Count()
    none = {"point_channel": np.zeros(0, np.uint8), "point_group": np.zeros(0, np.int32)}
    some = {"point_channel": np.array([0, 0, 2], np.uint8), "point_group": np.array([0, 0, 1], np.int32)}
    count.add(replace(make_item("1abc", clusters=("x", "y"), ligands=2), **some))
    count.add(replace(make_item("2abc", clusters=("y",)), **none))
    count.add(replace(make_item("3abc", clusters=("z",)), **none))
    found = count.result()
    assert [found[key] for key in ("structures", "ligands", "families")] == [3, 4, 3]
    assert (found["largest_family"], found["ten_largest"]) == (3, 4)  # y: 2 + 1 ligands
    assert found["channels"]["hbond_donor"] == {"points": 2, "ligands": 1}
    assert found["channels"]["hydrophobic"] == {"points": 1, "ligands": 1}


def test_stores_are_counted_into_the_report(tree, monkeypatch):
    """Four training and two validation structures of a family each, and a store of a pseudo-ligand."""
    monkeypatch.chdir(tree)
    make_store("s.h5")
    with create_store("p.h5", FEATURES, {}) as h5:
        write_item(h5, replace(make_item("pseudo"), source=PSEUDO))
    assert report.main(["--root", ".", "--count", "s.h5", "p.h5"]) == 0
    rows = cells((tree / report.REPORT).read_text().split("\n"))
    assert [r[:4] for r in rows] == [
        ["real (`s`), train", "4", "4", "4"],
        ["real (`s`), val", "2", "2", "2"],
        ["pseudo (`p`), train", "1", "1", "1"],
    ]
    assert "`python -m data_prep.report --count s.h5 p.h5`" in (tree / report.REPORT).read_text()


def test_counts_are_shown_as_shares(tree):
    channels = {"points": 6, "ligands": 1}
    counts = {"structures": 3, "ligands": 4, "families": 3, "largest_family": 3, "ten_largest": 4}
    counts["channels"] = dict.fromkeys(report_tables.TYPED, channels)
    store = {"name": "s", "kind": "real", "sha256": "0" * 64, "splits": {"train": counts}}
    write(tree / "data_prep" / "logs" / "data.json", {"command": "count", "stores": [store]})
    lines = report_tables.data_section(read_inputs(tree))
    assert cells(lines) == [["real (`s`), train", "3", "4", "3", "75.0 %", "100.0 %"]]
    assert cells(lines, 1)[0] == ["`hbond_donor`", "6 (25.0 %)"]


def test_words_follow_the_configuration():
    plain = " ".join(describe(TrainConfig.from_dict(config())))
    assert "32 voxels (24 A)" in plain and "random weights" in plain and "focal" not in plain and "warp" not in plain
    other = config(
        network={"patch": 2, "filters": [8], "blocks": [1], "residual": True},
        sampling={"rotate": False, "warp": 0.5},
        loss={"focal": 1.5, "distill": 0.7},
        extra_store="runs/pseudo.h5",
        extra_fraction=0.3,
        teachers=["runs/x", "runs/y"],
        stop_after=1234,
    )
    words = " ".join(describe(TrainConfig.from_dict(other)))
    for part in (
        "patches of 2x2x2",
        "residual blocks",
        "not rotated",
        "exponent 1.5",
        "30 % of the samples",
        "of 0.5 A",
        "70 % of it to the mean probabilities of `runs/x`, `runs/y`",
        "ended after 1,234 steps",
    ):
        assert part in words


def test_words_tell_of_what_sees_the_ligand():
    """Fusion, what it is told, constraints; away from the ligand there are no validation crops."""
    seen = {"fusion": "early", "contacts": ["donor", "metal"], "descriptors": ["logp"], "constraints": ["roles"]}
    fused = TrainConfig.from_dict(config(network={**seen, "proximity": ["hbond_donor"]}))
    words = " ".join(describe(fused))
    for part in (
        "early fusion with the ligand",
        "told the distance to `hbond_donor`",
        "told contacts `donor`, `metal`",
        "told 1 descriptors",
        "constraints `roles`",
    ):
        assert part in words
    assert "B column by `minmax`" in " ".join(describe(TrainConfig.from_dict(config(normalizer="minmax"))))
    alone = TrainConfig.from_dict(config(network={"fusion": "ligand", "descriptors": ["logp"]}))
    words = " ".join(describe(alone))
    assert "looks at the ligand alone" in words and "descriptors" not in words
    plain = TrainConfig.from_dict(config())
    assert [validation_sampling(c).surface_fraction for c in (fused, plain)] == [0.0, 0.25]


def change(path: Path, **changes) -> None:
    write(path, {**json.loads(path.read_text()), **changes})


def test_files_that_contradict_each_other_are_refused(tree):
    """The configuration to reproduce, the log, the preset and its results must be of the same training."""
    change(tree / "one.json", learning_rate=0.5)
    with pytest.raises(InputError, match="other learning_rate"):
        read_inputs(tree)
    write(tree / "one.json", config())
    metadata = tree / "models" / "p" / "metadata.json"
    change(metadata, training={"config": config(seed=7)})
    with pytest.raises(InputError, match="other seed"):
        read_inputs(tree)
    change(metadata, training={"config": config()}, fingerprint="e" * 64)
    with pytest.raises(InputError, match="Score it again"):
        read_inputs(tree)


@pytest.mark.parametrize(
    "records, said",
    [
        (epochs(0.1, 0.2)[1:], "epochs 1, 2"),
        ([], "epochs 1, 2"),
        ([{**epochs(0.1)[0], "val_score": float("nan")}], "finite val_score"),
        ([{"epoch": 1}], "complete record"),
    ],
)
def test_broken_logs_are_refused(tmp_path, records, said):
    store_run(tmp_path, "bad", records, config())
    with pytest.raises(InputError, match=said):
        read_run(tmp_path / "data_prep" / "logs" / "bad")


def test_unknown_keys_of_tables_are_refused(tree):
    path = tree / "data_prep" / "logs" / "experiments.json"
    declared = json.loads(path.read_text())
    declared["tables"][0]["runs"][0]["nota"] = "a slip"
    write(path, declared)
    with pytest.raises(InputError, match="run, label, note in"):
        read_inputs(tree)


def test_check_finds_a_changed_digit_and_a_figure_left_over(tree, capsys):
    assert report.main(["--root", str(tree)]) == 0
    assert report.main(["--root", str(tree), "--check"]) == 0
    page, left = tree / report.REPORT, tree / report.FIGURES / "training-gone.svg"
    text = page.read_text()
    for name in (tree / report.FIGURES).iterdir():
        assert name.name in text  # every figure is shown
    page.write_text(text.replace("0.300", "0.301", 1))
    left.write_text("")
    assert report.stale(tree) == [page, left]
    assert report.main(["--root", str(tree), "--check"]) == 1
    assert left.exists() and report.main(["--root", str(tree)]) == 0
    assert not left.exists() and page.read_text() == text


def test_certainty_and_directions_are_shown_if_measured(tree):
    assert report_results.further_section(read_inputs(tree)) == ["Not measured.", ""]
    logs = tree / "data_prep" / "logs"
    found = {"count": 12, "median": 20.5, "p90": 80.0, "good": 0.75}
    errors = {"val": {"true": {"metal": {"rules": found, "field": {"count": 0}}}}}
    write(logs / "directions.json", {"preset": "p", "fingerprint": "f", "errors": errors})
    rows = [{"label": "AUC", "value": {"count": 7, "value": 0.75}}]
    tables = [{"title": "Domain", "text": "How far.", "rows": rows}]
    write(logs / "trust.json", {"preset": "p", "fingerprint": "f", "tables": tables})
    columns = [{"title": "B column", "text": "Others.", "rows": [{"label": "removed", "value": {"val_score": 0.25}}]}]
    write(logs / "normalization.json", {"runs": ["runs/r"], "tables": columns})
    lines = report_results.further_section(read_inputs(tree))
    assert "### Domain" in lines and "Preset `p`. How far." in lines and cells(lines) == [["AUC", "7", "0.750"]]
    assert "Others." in lines and cells(lines, 1) == [["removed", "0.250"]]
    first, second = cells(lines, 2)
    assert first == ["val", "true", "`metal`", "rules", "12", "20.5", "80.0", "0.750"]
    assert second[4:] == ["0", "-", "-", "-"]


def test_training_report_is_current():
    """docs/training-report.md and its figures are what the stored files give."""
    assert report.stale(ROOT) == []


def test_commands_that_repeat_a_preset_are_complete(tree):
    """What a stage starts from is made before it; the release has its options."""
    path = tree / "data_prep" / "logs" / "experiments.json"
    declared = json.loads(path.read_text())
    declared["release"] = "--int8"
    declared["stages"][0]["before"] = "python -m data_prep.prune runs/x"
    write(path, declared)
    commands = [line.strip() for line in report_tables.released_section(read_inputs(tree)) if line.startswith("    ")]
    assert commands == [
        "python -m data_prep.prune runs/x",
        "pocketvox train --config one.json -o runs/one",
        "python -m data_prep.release runs/one -o models/p --card card.md --int8",
    ]
