"""Running methods and programs over the entries: the same submission either way, and nothing half-written."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from benchmark_fixture import ROOT, labels_submission, tiny_benchmark
from conftest import environment

from benchmarks.methods import Method
from benchmarks.submissions import runner, validate
from benchmarks.submissions.one_entry import run_command, run_entry
from benchmarks.submissions.submission import Submission
from pocketvox.channels import CORE
from pocketvox.errors import InputError, UsageError
from pocketvox.voxel import Grid, Volume

FIELD = """
import numpy as np
from scipy.spatial import cKDTree
from pocketvox.channels import CORE

def field(atoms, grid):
    "1 / (1 + distance) to the nearest atom, weaker from channel to channel."
    voxels = grid.to_coord(np.indices(grid.shape).reshape(3, -1).T)
    near = 1 / (1 + cKDTree(atoms.coord[atoms.heavy]).query(voxels)[0])
    return (near[:, None] / np.arange(1, len(CORE) + 1)).reshape(*grid.shape, -1).astype(np.float32)
"""
METHOD = """
from pathlib import Path
from benchmarks.methods import Method
from pocketvox.channels import CORE
from pocketvox.voxel import Volume
from tiny_field import field

BROKEN = Path(__file__).with_name("broken")

def predict(entry, grid):
    values = field(entry.atoms, grid)
    if BROKEN.exists():
        if entry.id == "1pfe":
            raise ZeroDivisionError("of mine")
        if entry.id == "1hvr-piece":
            values *= 1.5
    return Volume(values, grid, CORE)

def method():
    return Method("tiny", "tiny", "For tests.", predict, scope="protein", kind="method")
"""
PROGRAM = """
import sys
from pathlib import Path
from pocketvox.channels import CORE
from pocketvox.inference.tiling import MARGIN
from pocketvox.report.maps import write_maps
from pocketvox.structure import read_structure
from pocketvox.voxel import Grid, Volume
from tiny_field import field

atoms = read_structure(sys.argv[1]).atoms
grid = Grid.around(atoms.coord[atoms.heavy], MARGIN, 0.75)
folder = Path(sys.argv[2], "some", "where")
folder.mkdir(parents=True)
write_maps(folder / "maps.h5", Volume(field(atoms, grid), grid, CORE), calibrated=False, floor=0.0)
"""


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    return tiny_benchmark(tmp_path_factory.mktemp("benchmark") / "prepared")


@pytest.fixture(scope="module")
def a_map(benchmark, tmp_path_factory):
    """A map that can be scored."""
    folder = tmp_path_factory.mktemp("map")
    return labels_submission(benchmark, folder / "labels") / "1hvr" / "map0.h5"


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """A folder on the search path with a method and a program that do the same."""
    folder = tmp_path / "modules"
    folder.mkdir()
    for name, text in (("tiny_field", FIELD), ("tiny_method", METHOD), ("program", PROGRAM)):
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    yield folder
    for name in ("tiny_field", "tiny_method"):
        sys.modules.pop(name, None)


def _quoted(*words) -> str:
    return shlex.join(map(str, words))


# ---------------------------------------------------------------------------------------------------- whole submissions
def test_a_run_that_failed_and_was_killed_is_taken_up(benchmark, modules, tmp_path):
    """Failures are declared with their reason; another run does them again and keeps what is there."""
    out = tmp_path / "out"
    (modules / "broken").touch()
    failures = runner.run(benchmark, out, "tiny_method:method", sets=("maps",))
    assert set(failures) == {"1pfe", "1hvr-piece"}
    assert failures["1pfe"] == "1pfe: ZeroDivisionError: of mine"
    assert "expected values from 0 to 1. Received: 0.0" in failures["1hvr-piece"]
    assert {p.name for p in out.iterdir()} == {"1hvr", "run.json", "submission.json"}
    info = Submission(out).info
    assert (info["name"], info["sets"], info["channels"]) == ("tiny", ["maps"], list(CORE))
    assert info["failures"] == failures and set(info["seconds"]) == {"1hvr", "1hvr-piece", "1pfe"}
    assert not validate.problems(out, benchmark)
    # killed while it wrote
    (modules / "broken").unlink()
    (out / "submission.json").unlink()
    (out / ".1pfe.part").mkdir()
    (out / ".1pfe.part" / "map0.h5").write_bytes(b"half")
    (out / "run.json").write_text((out / "run.json").read_text()[:40])
    kept = (out / "1hvr" / "map0.h5").stat().st_mtime_ns
    assert runner.run(benchmark, out, "tiny_method:method", sets=("maps",)) == {}
    assert {p.name for p in out.iterdir()} == {"1hvr", "1hvr-piece", "1pfe", "run.json", "submission.json"}
    assert (out / "1hvr" / "map0.h5").stat().st_mtime_ns == kept
    assert not validate.problems(out, benchmark)
    # a program that computes the same
    command = _quoted(sys.executable, modules / "program.py", "{receptor}", "{output}").replace("'", "")
    info = {"title": "p", "task": "pocket", "scope": "protein", "kind": "method"}
    assert runner.run(benchmark, tmp_path / "p", "program", command=command, info=info, sets=("maps",)) == {}
    assert not validate.problems(tmp_path / "p", benchmark)
    method, program = Submission(out), Submission(tmp_path / "p")
    assert program.info["channels"] == method.info["channels"] and program.info["sets"] == ["maps"]
    for entry in benchmark.entries("maps"):
        (a,), (b,) = method.volumes(entry.id), program.volumes(entry.id)
        assert a.grid == b.grid and a.channels == b.channels and a.values.any()
        assert np.array_equal(a.values, b.values)
    # another method does not mix with it
    with pytest.raises(UsageError, match="a submission of tiny with another name"):
        runner.run(benchmark, out, "other", command=command, info=info)


def test_a_program_that_is_not_there_stops_the_run(benchmark, tmp_path):
    with pytest.raises(UsageError, match="a program that can be run. Received: 'no-such-program'"):
        runner.run(benchmark, tmp_path / "out", "none", command="no-such-program {receptor}", info={"title": "none"})
    assert not (tmp_path / "out" / "submission.json").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "a method or a --command"),
        ({"method": "prevalence", "command": "x"}, "a method or a --command"),
        ({"command": "x {receptor}"}, "the --name"),
        ({"command": "dock {ligand}", "name": "dock"}, "--task complex"),
        ({"command": "x", "name": "../x"}, "a name of letters"),
        ({"method": "no_such_method"}, "a method among"),
    ],
)
def test_wrong_usage_is_told_at_once(benchmark, tmp_path, changes, message):
    args = {"method": "", "command": "", "name": "", "task": "pocket", "sets": (), "workers": 1, "limit": None}
    args |= {"benchmark": benchmark.folder, "output": tmp_path / "out", "timeout": 1.0}
    with pytest.raises(UsageError, match=message):
        runner.main(SimpleNamespace(**{**args, **changes}))
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------------------------------------------ one entry
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo first >&2; printf 'no license\\377\\n' >&2; exit 3", "sh ended with exit code 3: no license\ufffd"),
        ("exit 4", "exit code 4: no message"),
        ("kill -9 $$", "exit code -9"),
        ("touch {output}/maps.txt", "expected maps .* Received: none"),
        ("echo text > {output}/maps.h5", "an HDF5 file"),
        ("sleep 30", "sh took more than 0.3 seconds"),
    ],
)
def test_a_program_that_fails_leaves_a_reason_and_nothing_else(benchmark, tmp_path, script, reason):
    timeout = 0.3 if "sleep" in script else 60
    with pytest.raises(InputError, match=f"^1pfe: .*{reason}"):
        run_command(f'sh -c "{script}"', benchmark.entry("1pfe"), tmp_path / "1pfe", "", timeout)
    assert list(tmp_path.iterdir()) == []


def test_what_a_stopped_program_has_started_stops_too(benchmark, tmp_path):
    script = f'sh -c "(sleep 1; touch {tmp_path}/late) & sleep 30"'
    with pytest.raises(InputError, match="took more than"):
        run_command(script, benchmark.entry("1pfe"), tmp_path / "1pfe", "", 0.3)
    time.sleep(1.2)
    assert list(tmp_path.iterdir()) == []


def test_the_box_and_the_ligand_are_words_of_the_command(benchmark, a_map, tmp_path):
    script = tmp_path / "args.sh"
    script.write_text(f'for w in "$@"; do echo "$w" >> {tmp_path}/args; done; cp {a_map} "$1/map.h5"\n')
    entry = benchmark.entry("P1-apo")
    words = "{output} {center} at {size} {ligand} {receptor} --box={center} '1 2 3' {{}}"
    run_command(f"sh {script} {words}", entry, tmp_path / "out", "")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["map0_0.h5", "map1_0.h5"]
    lines = (tmp_path / "args").read_text().splitlines()
    assert len(lines) == 2 * 13
    for site, part in zip(entry.sites, (lines[:13], lines[13:]), strict=True):
        center, size = np.array(part[1:4], float), np.array(part[5:8], float)
        assert part[4] == "at" and part[8].endswith(site.file) and part[9].endswith("receptors/P1-apo.cif.gz")
        assert part[10] == f"--box={' '.join(part[1:4])}" and part[11:] == ["1 2 3", "{}"]
        reach = size / 2 - np.abs(site.coord - center).max(axis=0)
        assert (reach >= 6 - 1e-3).all() and (reach < 6 + 2 * 0.75).all()


@pytest.mark.parametrize("word", ["{receptors}", "{}", "{receptor.x}", "{ligand", "'"])
def test_unknown_braces_are_told(benchmark, tmp_path, word):
    with pytest.raises(UsageError, match="Expected {receptor}, {output}, {ligand}, {center}, {size} in the command"):
        run_command(f"true {word}", benchmark.entry("1pfe"), tmp_path / "1pfe", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda grid: Volume(np.full((*grid.shape, 4), np.nan, np.float32), grid, CORE), "from 0 to 1. Received: nan"),
        (lambda grid: Volume(np.full((*grid.shape, 4), -1e-6, np.float32), grid, CORE), "from 0 to 1. Received: -9.99"),
        (lambda grid: Volume(np.zeros((*grid.shape, 3), np.float32), grid, CORE), "expected values on"),
        (lambda grid: Volume(np.zeros((2, 2, 2, 4)), Grid(grid.origin, (2, 2, 2), 0.75), CORE), "expected values on"),
        (lambda grid: Volume(np.zeros((*grid.shape, 1)), grid, ("water",)), "channels among.*'water'"),
    ],
)
def test_what_does_not_fit_fails_the_entry(benchmark, tmp_path, answer, message):
    method = Method("m", "m", "", lambda entry, grid: answer(grid), scope="site")
    with pytest.raises(InputError, match=f"m, 1pfe: .*{message}"):
        run_entry(method, benchmark.entry("1pfe"), tmp_path / "1pfe")
    assert list(tmp_path.iterdir()) == []


def test_pockets_of_a_program_without_maps_are_kept(benchmark, tmp_path):
    table = "rank,center_x,center_y,center_z\\n1,1,2,3\\n"
    run_command(f"sh -c \"printf '{table}' > {{output}}/pockets.csv\"", benchmark.entry("1pfe"), tmp_path / "1pfe", "")
    assert [p.name for p in (tmp_path / "1pfe").iterdir()] == ["pockets.csv"]
    (tmp_path / "submission.json").write_text(json.dumps({"name": "a"}))
    assert Submission(tmp_path).pockets("1pfe").tolist() == [[1, 2, 3]]


def test_workers_end_with_a_run_that_is_killed(tmp_path):
    """SIGKILL of the process that shares out the work leaves none of its workers."""
    (tmp_path / "pool.py").write_text(
        "import os, time\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from multiprocessing import get_context\n"
        "from benchmarks.submissions.runner import leave_with_parent\n"
        "if __name__ == '__main__':\n"
        "    with ProcessPoolExecutor(1, get_context('spawn'), leave_with_parent) as pool:\n"
        "        print(pool.submit(os.getpid).result(), flush=True)\n"
        "        time.sleep(60)\n"
    )
    command = [sys.executable, str(tmp_path / "pool.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(), cwd=tmp_path) as process:
        worker = int(process.stdout.readline())
        os.kill(worker, 0)  # it is there
        process.kill()
    deadline = time.monotonic() + 20
    while running(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(worker)


def running(pid: int) -> bool:
    """Whether a process is there; one that has ended and waits for its parent is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
