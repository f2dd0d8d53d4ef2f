"""The benchmark of speeds: rows, pairs, peers in child processes, the table; no assertion on the clock."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.speed import __main__ as speed
from benchmarks.speed import compression, rows, scaling, table, training, voxelizer
from benchmarks.speed.peers import Peer
from pocketvox.config import TrainConfig
from pocketvox.errors import InputError, OutputError
from pocketvox.features import FEATURES
from pocketvox.inference import load_preset
from pocketvox.inference.presets import WEIGHTS
from pocketvox.voxel import Grid, voxelize
from pocketvox.voxel.kernels import kernel


@pytest.mark.parametrize(
    ("ours", "peer", "target", "of", "ratio", "met"),
    [
        (1.0, 2.0, "<= 0.5", "ratio", 0.5, True),
        (1.01, 2.0, "<= 0.5", "ratio", 0.505, False),
        (9.0, 10.0, ">= 0.9", "ratio", 0.9, True),
        (8.9, 10.0, ">= 0.9", "ratio", 0.89, False),
        (0, 35, "== 0", "ours", 0.0, True),
        (1, 35, "== 0", "ours", 1 / 35, False),
        (1.0, None, "<= 0.5", "ratio", None, None),
        (None, 2.0, "<= 0.5", "ratio", None, None),
        (1.0, 2.0, None, "ratio", 0.5, None),
    ],
)
def test_a_target_is_met_or_missed_or_not_decided(ours, peer, target, of, ratio, met):
    found = rows.row("a", ours, peer, unit="s", target=target, of=of)
    assert found["ratio"] == pytest.approx(ratio) and found["met"] is met


def test_pairs_alternate_and_the_first_rounds_do_not_count():
    calls = []
    functions = {name: lambda name=name: (calls.append(name), (len(calls), 0.5))[1] for name in "ab"}
    times = rows.interleave(functions, 3)
    assert "".join(calls) == "ababababab"
    assert times["a"][:, 0].tolist() == [5, 7, 9] and times["b"][:, 1].tolist() == [0.5] * 3


PEER = """
import json, sys
print("a library says hello")
for line in sys.stdin:
    request = json.loads(line)
    if request["do"] == "die":
        sys.exit(3)
    print("noise")
    print("answer: " + json.dumps([request["x"] + 1]), flush=True)
"""


#: The loop alone, the work alone, the loop, the work and the loop with two threads; the second round is disturbed, and
#: so is the first loop of the fourth.
ROUNDS = np.array(
    [
        [4.0, 6.0, 2.0, 3.0, 2.0],
        [9.0, 9.0, 4.0, 12.0, 4.0],
        [5.0, 7.0, 2.0, 4.0, 2.2],
        [4.0, 6.0, 4.0, 1.0, 2.0],
        [4.0, 8.0, 2.1, 5.0, 2.0],
    ]
)


def test_gains_count_only_between_loops_that_found_both_cores_free():
    # rounds 1, 3 and 5: 4 / 2, 4 / 2.2, 4 / 2.1 are above 1.7; work 6 / median(3, 4, 5), loop 4 / median(2, 2.2, 2.1)
    assert scaling.gains(ROUNDS) == (1.5, pytest.approx(4 / 2.1), 3)
    assert scaling.gains(ROUNDS[1:2]) == (pytest.approx(9 / 12), pytest.approx(9 / 4), 1)
    work, loop, count = scaling.gains(ROUNDS[3:4])  # 4 / 4: the first loop had one core
    assert np.isnan(work) and np.isnan(loop) and count == 0


def test_scaling_is_judged_only_where_cores_were_free_often_enough(monkeypatch):
    monkeypatch.setattr(scaling, "_rounds", lambda work, rounds: np.tile(ROUNDS, (rounds // 5, 1)))
    found = scaling.scaling_row("a", None, 10, ">= 0.9")
    assert found["ours"] == 1.5 and found["met"] is False and "6 of 10 runs" in found["details"]
    few = scaling.scaling_row("a", None, 5, ">= 0.9")
    assert few["target"] == ">= 0.9" and few["met"] is None and "free in 3, too few to judge" in few["details"]
    assert (few["ours"], few["peer"]) == (6 / 1, 4 / 2)
    assert scaling.scaling_row("a", None, 5)["target"] is None


def test_the_loops_of_scaling_run_with_one_thread_and_with_two():
    calls = []
    times = scaling._rounds(calls.append, 2)
    assert times.shape == (2, 5) and (times > 0).all() and calls == [1, 2] * 3
    scaling.multiply_adds(2)


def test_a_peer_answers_until_it_dies(tmp_path):
    script = tmp_path / "peer.py"
    script.write_text(PEER)
    with Peer(sys.executable, script) as peer:
        assert [peer.ask(do="add", x=x) for x in (1, 5)] == [[2], [6]]
        with pytest.raises(InputError, match="Received: none. Is the peer installed"):
            peer.ask(do="die")
    with pytest.raises(InputError, match="Expected a Python interpreter"):
        Peer(str(tmp_path / "nothing"), script)


def part(*found):
    hardware = {"cpu": "a CPU", "cores": 2, "system": "Linux", "memory_gib": 8}
    for row in found:
        row.setdefault("command", "a command")
    return {"hardware": hardware, "versions": {"pocketvox": "0.1"}, "load": 1.5, "repeats": 3, "rows": list(found)}


def test_the_table_shows_what_is_missing_and_what_missed():
    text = table.markdown(
        {
            "x": part(
                rows.row("slow", 0.002, 0.001, unit="s", target="<= 0.5", details="why"),
                rows.row("alone", 3.0, unit="GB/s"),
            )
        }
    )
    assert "| slow | 2 ms | 1 ms | 2 | <= 0.5 | **no** | why |" in text
    assert "| alone | 3 GB/s | - |  |  |  |  |" in text
    assert text.count("Made by `a command`.") == 1
    assert "a CPU, 2 cores, 8 GiB, Linux; pocketvox 0.1. Load of the machine at the end: 1.5." in text


def test_only_what_is_between_the_markers_is_replaced(tmp_path):
    document = tmp_path / "speed.md"
    document.write_text(f"by hand\n{table.BEGIN}old\n{table.END}more by hand\n")
    table.update(document, "new")
    assert document.read_text() == f"by hand\n{table.BEGIN}\nnew\n{table.END}more by hand\n"
    document.write_text("by hand\n")
    with pytest.raises(OutputError, match="markers"):
        table.update(document, "new")


def test_a_part_is_measured_and_the_others_are_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(speed, "PARTS", {"voxelizer": "fast_part", "other": "other_part"})
    measured = SimpleNamespace(measure=lambda args: [rows.row("a", 1.0, 4.0, unit="s", target="<= 0.5")])
    monkeypatch.setitem(sys.modules, "fast_part", measured)
    monkeypatch.setitem(sys.modules, "other_part", SimpleNamespace(measure=None))
    output = tmp_path / "speed.json"
    output.write_text(json.dumps({"other": part(rows.row("b", 1.0, unit="s"))}))
    assert speed.main(["voxelizer", "-o", str(output), "--repeats", "3"]) == 0
    stored = json.loads(output.read_text())
    assert list(stored) == ["voxelizer", "other"] and stored["voxelizer"]["rows"][0]["met"] is True
    assert stored["voxelizer"]["rows"][0]["command"].startswith("python -m benchmarks.speed voxelizer")
    assert "### other" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        speed.main(["nonsense", "-o", str(output)])
    assert stopped.value.code == 2


def test_the_reference_is_that_of_the_kernel_and_the_voxelizer_agrees():
    rng = np.random.default_rng(2)
    grid = Grid((1.0, 2.0, 3.0), (12, 9, 14), 0.5)
    coord, radius = rng.uniform(0, 9, (30, 3)), rng.uniform(1.2, 1.9, 30)
    features = np.eye(3, dtype=bool)[rng.integers(0, 3, 30)]
    centres = grid.to_coord(np.indices(grid.shape).reshape(3, -1).T)
    distance = np.linalg.norm(centres[:, None] - coord, axis=-1)
    found = voxelizer.reference(coord, features, radius, grid, kernel)
    np.testing.assert_allclose(found.reshape(-1, 3), kernel(distance, radius) @ features, atol=1e-12)
    np.testing.assert_allclose(voxelize(coord, features, radius, grid, "abc").values, found, rtol=0, atol=1e-6)
    lanes, width, inside = voxelizer.count(coord, features, radius, grid)
    assert inside == (distance < 1.5 * radius).sum() and inside < lanes * width < 4 * inside


def test_the_kernel_of_the_peer_by_hand():
    # radius 2: exp(0), exp(-1/2), exp(-2), exp(-2) (2.5 - 3)^2, 0
    expected = [1.0, 0.60653066, 0.13533528, 0.03383382, 0.0, 0.0]
    np.testing.assert_allclose(voxelizer._molgrid_kernel(np.array([0, 1, 2, 2.5, 3, 4]), 2.0), expected, atol=1e-8)


def test_the_atoms_of_the_benchmark_are_what_the_table_says():
    coord, channel, radius = voxelizer.atoms()
    assert coord.shape == (1890, 3) and set(channel) == set(range(14))
    assert radius.min() == pytest.approx(1.2) and radius.max() == pytest.approx(1.8)


def test_an_absent_peer_is_named_with_the_command_that_installs_it():
    times = {name: np.full((3, 2), 0.001) for name in ("forward", "allocate", "gradient")}
    found = voxelizer._beside_molgrid(times, None, 1e-7, None)
    assert all(row["peer"] is None and row["met"] is None and "pip install molgrid" in row["details"] for row in found)


class Idle:
    """An engine that gives back what it gets."""

    name = "idle"

    def __call__(self, x):
        return x


def test_compression_is_measured_on_the_presets_as_they_are(monkeypatch):
    """Sizes of the files, scores of the stored results; engines here do nothing."""
    pytest.importorskip("keras", reason="needs pip install 'pocketvox[train]'")
    monkeypatch.setattr(compression, "make_engine", lambda preset, name, threads: Idle())
    found = compression.measure(SimpleNamespace(repeats=1))
    whole, small = load_preset(compression.WHOLE), load_preset()
    size = next(r for r in found if r["unit"] == "bytes")
    assert size["peer"] == (whole.folder / WEIGHTS).stat().st_size
    assert size["ours"] == compression.engine_bytes(small) < size["peer"]
    lost = next(r for r in found if "headline" in r["name"])
    assert lost["ours"] == pytest.approx(
        compression.accuracy(whole.name)["headline"] - compression.accuracy(small.name)["headline"]
    )


def test_training_is_measured_with_the_real_loop(monkeypatch):
    """A tiny network on the bundled complex: every number comes from steps that were done."""
    pytest.importorskip("keras", reason="needs pip install 'pocketvox[train]'")
    monkeypatch.setattr(training, "STEPS", 4)
    monkeypatch.setattr(training, "WARM", 2)
    sampling = {"crop_size": 8, "spacing": 1.5}
    network = {"features": FEATURES, "filters": [4, 8], "blocks": [1, 1]}
    settings = {"network": network, "sampling": sampling, "batch_size": 2, "val_crops": 1}
    monkeypatch.setattr(
        training, "configuration", lambda store: TrainConfig.from_dict({**settings, "store": str(store), "epochs": 2})
    )
    samples, wait, voxels = training.measure(SimpleNamespace(repeats=1))
    assert samples["ours"] > 0 and samples["peer"] > 0
    assert 0 <= wait["ours"] <= 1 and voxels["ours"] > 0


def test_absent_peers_of_other_kernels_are_named_with_the_command_that_installs_them(monkeypatch):
    monkeypatch.setattr(voxelizer, "voxelize_into", lambda *args, **options: None)
    coord, channel, radius = voxelizer.atoms()
    found = voxelizer._beside_others(None, (coord, None, radius, None), channel, 3)
    assert [row["name"] for row in found] == ["the same beside molvoxel", "the same beside moleculekit"]
    assert all(row["peer"] is None and "pip install 'molvoxel[numba]' moleculekit" in row["details"] for row in found)
