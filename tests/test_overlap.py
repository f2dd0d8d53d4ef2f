"""Work that overlaps: results, order and failures are those of one thing after the other."""

from __future__ import annotations

import json
import logging
import threading
import time

import numpy as np
import pytest

from pocketvox.background import Background
from pocketvox.commands.overlap import each_overlapped
from pocketvox.errors import PocketvoxError, StructureError, UsageError
from pocketvox.inference import compiled, load_predictor, load_preset, make_engine
from pocketvox.inference.engines import OpenVINOEngine
from pocketvox.inference.tiling import sliding_window
from pocketvox.pipeline import Scanner


# ---------------------------------------------------------------------------------------------------------- background
def test_the_outcome_of_a_call_is_its_value_or_its_error():
    assert Background(lambda a, b: a + b, 1, 2).result() == 3
    failing = Background(lambda: [][0])
    for _ in range(2):
        with pytest.raises(IndexError):
            failing.result()


def test_the_next_tile_is_made_while_the_engine_is_busy():
    """The second input is asked for before the first prediction ends; never is a third one made ahead."""
    made, log = threading.Event(), []

    def window(start, size):
        log.append(start[0])
        if len(log) == 2:
            made.set()
        return np.zeros((*size, 1), np.float32)

    def predict(x):
        assert made.wait(20)
        time.sleep(0.02)
        log.append("done")
        return x

    sliding_window(predict, window, (12, 4, 4), roi_size=4, halo=0)
    assert log == [0, 4, "done", 8, "done", "done"]


# -------------------------------------------------------------------------------------------------------------- inputs
@pytest.fixture(params=[1, 2, 3])
def lanes(request):
    return request.param


def run(caplog, inputs, fail=(), error=StructureError, lanes=1):
    """Outcome of toy stages, what they did in order, and what was reported."""
    log = []

    def stage(name, source, value):
        log.append(f"{name} {source}")
        if (name, source) in fail:
            raise error(f"{name} broke")
        return value + name[0]

    def write(source, name, value):
        done = stage("write", source, value)
        return lambda: logging.getLogger("pocketvox").info("%s: %s", name, done)

    caplog.set_level(logging.INFO, "pocketvox")
    code = each_overlapped(
        inputs,
        lambda source: stage("read", source, ""),
        lambda source, value: stage("predict", source, value),
        write,
        lanes=lanes,
    )
    return code, log, [record.getMessage() for record in caplog.records]


def test_inputs_go_through_all_stages_and_are_reported_in_order(caplog, lanes):
    code, log, said = run(caplog, ["a.pdb", "b.pdb", "c.pdb", "a.cif"], lanes=lanes)
    assert code == 0
    assert said == ["a: rpw", "b: rpw", "c: rpw", "a-2: rpw"]
    sources = ("a.pdb", "b.pdb", "c.pdb", "a.cif")
    steps = [f"{stage} {source}" for stage in ("read", "predict", "write") for source in sources]
    assert sorted(log) == sorted(steps)
    assert log.index("read b.pdb") < log.index("write a.pdb")
    assert log.index("predict b.pdb") < log.index("predict c.pdb")


@pytest.mark.parametrize("stage", ["read", "predict", "write"])
def test_a_failure_in_any_stage_fails_alone(caplog, capsys, stage, lanes):
    code, _, said = run(caplog, ["a.pdb", "b.pdb", "c.pdb"], fail={(stage, "b.pdb")}, lanes=lanes)
    assert code == 1
    assert said == ["a: rpw", "c: rpw", "1 of 3 inputs failed"]
    assert capsys.readouterr().err == f"pocketvox: error: b.pdb: {stage} broke\n"


def test_a_bug_is_named_and_the_others_go_on(caplog, capsys):
    code, _, said = run(caplog, ["a.pdb", "b.pdb"], fail={("predict", "a.pdb")}, error=ZeroDivisionError)
    assert code == 1 and said == ["b: rpw", "1 of 2 inputs failed"]
    assert "internal error (ZeroDivisionError: predict broke)" in capsys.readouterr().err


@pytest.mark.parametrize("error", [UsageError, BrokenPipeError])
def test_what_concerns_the_whole_run_ends_it(caplog, error, lanes):
    with pytest.raises(error):
        run(caplog, ["a.pdb", "b.pdb", "c.pdb"], fail={("write", "b.pdb")}, error=error, lanes=lanes)


def test_so_many_are_predicted_at_a_time(lanes):
    """Each prediction of the first round waits for the others of it: with fewer at a time none would ever end."""
    together = threading.Barrier(lanes)
    now, most = set(), []

    def predict(source, value):
        now.add(source)
        most.append(len(now))
        together.wait(20)
        now.remove(source)

    inputs = [f"{k}.pdb" for k in range(2 * lanes)]
    assert each_overlapped(inputs, str, predict, lambda *_: lambda: None, lanes=lanes) == 0
    assert max(most) == lanes


def test_never_more_than_one_input_in_a_stage(caplog):
    """However slow a stage is: one read ahead, one predicted, one written."""
    held, most = set(), []

    def read(source):
        held.add(source)
        most.append(len(held))
        return source

    def write(source, name, value):
        time.sleep(0.03)
        held.remove(source)
        return lambda: None

    assert each_overlapped([f"{k}.pdb" for k in range(8)], read, lambda source, value: value, write) == 0
    assert max(most) <= 3 and not held


def test_many_at_once_are_one_by_one(demo_file, preset, tmp_path, cli):
    """Every file of every result is the same, but for the times; a bad input between them changes nothing."""
    other = tmp_path / "other.pdb"
    other.write_text(
        "".join(line for line in _text(demo_file).splitlines(keepends=True) if line[:4] != "ATOM" or line[21] == "A")
    )
    (tmp_path / "bad.pdb").write_text("nonsense")
    inputs = [demo_file, tmp_path / "bad.pdb", other, demo_file]
    done = cli("scan", *inputs, "-o", "all", "--preset", preset, "--json")
    assert done.returncode == 1
    assert [json.loads(line)["name"] for line in done.stdout.splitlines()] == ["1hvr", "other", "1hvr-2"]
    assert [line.split(":")[1].strip() for line in done.stderr.splitlines() if "error" in line] == ["error"]
    assert done.stderr.index("1hvr.pdb.gz: ") < done.stderr.index("bad.pdb") < done.stderr.index("other.pdb")
    for source, name in ((demo_file, "1hvr"), (other, "other")):
        assert cli("scan", source, "-o", "alone", "--preset", preset).returncode == 0
        for file in ("pockets.csv", "hotspots.csv", "maps.h5"):
            assert (tmp_path / "all" / name / file).read_bytes() == (tmp_path / "alone" / name / file).read_bytes()
        summaries = [json.loads((tmp_path / f / name / "summary.json").read_text()) for f in ("all", "alone")]
        assert summaries[0] | {"seconds": 0} == summaries[1] | {"seconds": 0}


def _text(path) -> str:
    import gzip

    return gzip.decompress(path.read_bytes()).decode()


def test_options_that_cannot_be_met_are_refused_before_anything_is_read(preset):
    predictor = load_predictor(preset, engine=lambda x: x)
    with pytest.raises(PocketvoxError, match="which has none"):
        Scanner(predictor, fdr=0.5)


# ---------------------------------------------------------------------------------------------------- compiled networks
@pytest.fixture
def engines(tmp_path, monkeypatch):
    """Folder of compiled networks of an empty cache."""
    monkeypatch.setenv("POCKETVOX_CACHE", str(tmp_path))
    return tmp_path / "engines"


def probabilities(preset) -> bytes:
    x = np.random.default_rng(0).random((1, 8, 8, 8, 13), dtype=np.float32)
    return make_engine(load_preset(preset), threads=1)(x).tobytes()


def test_a_compiled_network_is_kept_and_gives_the_same(preset, engines, monkeypatch):
    """One file, nothing beside it; the second engine compiles nothing and predicts the same bytes."""
    import openvino

    expected = probabilities(preset)
    (file,) = engines.iterdir()
    assert file.suffix == ".blob"
    monkeypatch.setattr(openvino.Core, "compile_model", None)
    assert probabilities(preset) == expected


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: data[:40] + b"x" + data[41:]]
)
def test_a_damaged_file_is_made_anew(preset, engines, damage):
    expected = probabilities(preset)
    (file,) = engines.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert probabilities(preset) == expected
    assert compiled._read(file) is not None and file.read_bytes() != damage(whole)


def test_writers_at_once_leave_one_whole_file(preset, engines):
    results = [Background(probabilities, preset) for _ in range(6)]
    assert len({result.result() for result in results}) == 1
    assert [path.suffix for path in engines.iterdir()] == [".blob"]


def test_without_a_place_to_write_it_works(preset, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("POCKETVOX_CACHE", str(tmp_path / "file" / "below"))
    assert probabilities(preset)


def test_old_files_go(preset, engines, monkeypatch):
    monkeypatch.setattr(compiled, "KEPT", 2)
    for threads in (1, 2, 3, 4):
        make_engine(load_preset(preset), threads=threads)(np.zeros((1, 8, 8, 8, 13), np.float32))
    assert len(list(engines.iterdir())) == 2


def test_calls_side_by_side_give_what_they_give_alone(preset):
    """Of an engine with two streams: every thread gets its own answer, byte by byte that of one thread."""
    inputs = [np.random.default_rng(k).random((1, 16, 16, 16, 13), dtype=np.float32) for k in range(8)]
    alone, both = (make_engine(load_preset(preset), threads=n, streams=n) for n in (1, 2))
    expected = [alone(x).tobytes() for x in inputs]

    def ask(start):
        return [both(x).tobytes() for x in inputs[start::2]]

    results = [Background(ask, start) for start in (0, 1)]
    assert [result.result() for result in results] == [expected[0::2], expected[1::2]]


def test_the_first_call_of_a_process_is_alone(preset, monkeypatch):
    """OpenVINO's bindings hang if two threads use them for the first time at once; later calls go side by side."""
    monkeypatch.setattr(OpenVINOEngine, "_called", False)
    engine = make_engine(load_preset(preset), threads=2, streams=2)
    log, infer = [], engine._infer

    def watched(x):
        log.append("begins")
        time.sleep(0.05)
        y = infer(x)
        log.append("ends")
        return y

    monkeypatch.setattr(engine, "_infer", watched)
    calls = [Background(engine, np.zeros((1, 8, 8, 8, 13), np.float32)) for _ in range(3)]
    assert len({call.result().tobytes() for call in calls}) == 1
    assert log[:2] == ["begins", "ends"] and OpenVINOEngine._called
