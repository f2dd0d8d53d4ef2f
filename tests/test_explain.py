"""``pocketvox explain``: its files, its errors, the same bytes for the same command."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import DEMO, environment
from explain_fixture import MIDDLE, make_deep

from pocketvox.cli import main
from pocketvox.commands import explain as command
from pocketvox.errors import MissingExtraError, UsageError
from pocketvox.explain import METHODS, Explainer, point_target
from pocketvox.features import receptor_points
from pocketvox.inference import load_preset
from pocketvox.pipeline import prepare
from pocketvox.report import explanation as report
from pocketvox.structure import read_structure

pytest.importorskip("keras", reason="needs pip install 'pocketvox[train]'")


FILES = {"explanation.json", "atoms.csv", "residues.csv", "structure.cif"}
AT = ("--at", *map(str, MIDDLE), "--channel", "hydrophobic")


@pytest.fixture(scope="module")
def deep(tmp_path_factory):
    return make_deep(tmp_path_factory.mktemp("deep"))


def rows_of(path):
    with open(path, newline="") as handle:
        return list(csv.DictReader(handle))


def test_a_hotspot_without_keras(cli, tmp_path, preset):
    """The N-th row of a scan's table, explained by occlusion where Keras cannot be imported."""
    assert cli("scan", DEMO, "-o", "scan", "--preset", preset).returncode == 0
    arguments = ["explain", str(DEMO), "-o", "why", "--hotspot", "2", "--method", "occlusion"]
    code = (
        "import sys; sys.modules['keras'] = sys.modules['tensorflow'] = None\n"
        f"from pocketvox.cli import main; sys.exit(main({[*arguments, '--preset', str(preset), '--json']}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    row = rows_of(tmp_path / "scan" / "1hvr" / "hotspots.csv")[1]
    summary = json.loads((tmp_path / "why" / "explanation.json").read_text())
    assert json.loads(done.stdout) == summary
    assert summary["target"]["channel"] == row["type"] and summary["target"]["name"].startswith("hot-spot 2")
    distance = np.linalg.norm(np.array(summary["target"]["center"]) - [float(row[c]) for c in "xyz"])
    assert distance < 1.0
    assert {p.name for p in (tmp_path / "why").iterdir()} == {*FILES, "map.ccp4"}
    residues = rows_of(tmp_path / "why" / "residues.csv")
    values = [float(r["attribution"]) for r in residues]
    assert values == sorted(values, reverse=True) and values[0] > 0
    assert residues[0]["residue"] == row["partners"].split(";")[0].rsplit(":", 1)[0]
    assert sum(abs(float(r["share"])) for r in residues) == pytest.approx(1, abs=0.01)


def test_the_folder_of_integrated_gradients(tmp_path, deep):
    """B-factors are the atoms' attributions with the largest at 100; twice the same command, twice the same bytes."""
    arguments = ["explain", str(DEMO), *AT, "--preset", str(deep.folder), "--steps", "4", "--threads", "1", "-q"]
    for name in ("a", "b"):
        assert main([*arguments, "-o", str(tmp_path / name), "--map", "h5"]) == 0
    names = {p.name for p in (tmp_path / "a").iterdir()}
    assert names == {*FILES, "map.h5"}
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    summary = json.loads((tmp_path / "a" / "explanation.json").read_text())
    assert summary["preset"]["fingerprint"] == deep.fingerprint and summary["settings"] == {"steps": 4}
    assert summary["value"] - summary["empty_grid"] == pytest.approx(
        summary["attributed"] / (1 + summary["completeness_residual"]), abs=2e-3
    )
    table = rows_of(tmp_path / "a" / "atoms.csv")
    read = read_structure(tmp_path / "a" / "structure.cif").atoms
    b = {read.label(i): read.b_factor[i] for i in range(len(read))}
    assert max(abs(v) for v in b.values()) == pytest.approx(100)
    for row in table[:5] + table[-5:]:
        expected = float(row["attribution"]) * summary["b_factor_of_1"]
        assert b[row["atom"]] == pytest.approx(expected, abs=0.1)


def test_an_earlier_explanation_is_replaced_and_nothing_else(tmp_path, preset, capsys):
    arguments = ["explain", str(DEMO), *AT, "--method", "occlusion", "--preset", str(preset), "-q", "-o"]
    for _ in range(2):
        assert main([*arguments, str(tmp_path / "why")]) == 0
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    assert main([*arguments, str(tmp_path / "mine")]) == 1
    assert "expected nothing or an earlier result" in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def test_a_pocket_is_explained_by_its_ligand_channel(tmp_path, preset):
    arguments = ["explain", str(DEMO), "--pocket", "pocket1", "--method", "occlusion", "--preset", str(preset), "-q"]
    assert main([*arguments, "-o", str(tmp_path / "why")]) == 0
    target = json.loads((tmp_path / "why" / "explanation.json").read_text())["target"]
    assert target["name"] == "pocket1" and target["channel"] == "ligand" and target["voxels"] > 30


@pytest.mark.parametrize(
    ("options", "code", "complaint"),
    [
        ([], 2, "required"),
        (["--hotspot", "0"], 2, "whole number of at least 1"),
        (["--hotspot", "1", "--pocket", "pocket1"], 2, "not allowed with"),
        (["--hotspot", "1", "--channel", "metal"], 2, "a type of its own"),
        (["--at", "1", "2", "3"], 2, "Give --channel as well"),
        (["--at", "1", "2", "3", "--channel", "taste"], 2, "Received: taste"),
        ([*AT, "--method", "gradcam", "--steps", "9"], 2, "--steps is for --method integrated"),
        ([*AT, "--layer", "x"], 2, "--layer is for --method gradcam"),
        (["--at", "0", "0", "900", "--channel", "metal"], 1, "Expected a point in the map"),
        (["--hotspot", "99999"], 1, "Received: 99999"),
        (["--pocket", "mine"], 1, "Expected a pocket: pocket1"),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, list) else None,
)
def test_what_cannot_be_explained(tmp_path, preset, capsys, options, code, complaint):
    method = [] if "--method" in options or "--layer" in options else ["--method", "occlusion"]
    try:
        found = main(["explain", str(DEMO), "-o", str(tmp_path / "o"), "--preset", str(preset), *method, *options])
    except SystemExit as stop:
        found = stop.code
    assert found == code
    assert complaint in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_a_missing_keras_is_told_with_its_remedy(tmp_path, preset, capsys, monkeypatch):
    """One line, before any work; the library says the same."""
    find = command.require_extra.__globals__["importlib"].util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *a: None if name == "keras" else find(name, *a))
    assert main(["explain", str(DEMO), "-o", str(tmp_path / "o"), "--preset", str(preset), *AT]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install 'pocketvox[train]'" in line and not list(tmp_path.iterdir())
    monkeypatch.setitem(sys.modules, "pocketvox.network.export", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pocketvox\[train\]'"):
        _ = Explainer(load_preset(preset)).gradients


def test_a_bad_sum_is_warned_of(deep):
    prepared = prepare(DEMO, spacing=1.0)
    points = receptor_points(prepared.receptor)
    found = Explainer(deep, threads=1)(
        prepared.receptor, points, point_target(deep, prepared.grid, MIDDLE, "hydrophobic"), "integrated", steps=2
    )
    assert found.residual is not None
    told = command.residual_warning(replace(found, empty=found.value + 1.0))
    assert "--steps" in told[0]
    assert command.residual_warning(replace(found, empty=None)) == ()


def test_names_stand_in_one_place():
    """The parser repeats what the library knows, to stay light: they agree."""
    assert command.METHODS == METHODS and command.MAP_FORMATS == report.MAP_FORMATS
    with pytest.raises(UsageError, match="Expected a method"):
        Explainer(None)(None, None, None, "guessing")
