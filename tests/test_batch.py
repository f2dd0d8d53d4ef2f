"""Batches: nothing lost, nothing twice, whatever happens to the processes that do the work."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from batches import STRUCTURES, children, content, ended, finished, make_manifest, start_batch, wait_for
from conftest import DEMO, ROOT, environment

from pocketvox.batch import Job, ScanSettings, make_jobs, read_manifest, scan_batch
from pocketvox.errors import InputError, OutputError

parquet = pytest.importorskip("pyarrow.parquet", reason="batches need pyarrow: pip install 'pocketvox[table]'")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at and ended as on Linux")
COUNT = 8
#: Code that every Python process begins with.
JUMPING = """
import itertools, time

real, real_ns, count = time.time, time.time_ns, itertools.count()
time.time = lambda: real() + 1e6 * (next(count) % 5 - 2)
time.time_ns = lambda: real_ns() + 10**15 * (next(count) % 5 - 2)
"""


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Path:
    """Eight structures and one that is none."""
    return make_manifest(tmp_path_factory.mktemp("structures"), COUNT)


@pytest.fixture(scope="module")
def batch(manifest, preset):
    """A function that starts a batch in a folder as a process of its own."""

    def start(out: Path, *options, source: Path = manifest, **changes) -> subprocess.Popen:
        return start_batch(source, out, preset, *options, **changes)

    return start


@pytest.fixture(scope="module")
def undisturbed(batch, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    code, errors = ended(batch(out))
    assert code == 1 and "1 failed" in errors, errors
    return out


# ------------------------------------------------------------------------------------------------------------ manifests
def test_manifests_of_every_kind_name_the_same(manifest, tmp_path):
    named = read_manifest(manifest)
    assert len(named) == COUNT + 1 and all(Path(source).is_file() for source in named)
    rows = "".join(f"{k},{Path(source).name}\n" for k, source in enumerate(named))
    table = manifest.parent / "list.csv"
    table.write_text(f"number,path\n{rows}")
    assert read_manifest(table) == named
    table.unlink()
    assert sorted(read_manifest(manifest.parent)) == sorted(named)
    (tmp_path / "ids.txt").write_text("1hvr\npdb_00001abc\nsub/x.pdb\n/abs/y.cif\n")
    assert read_manifest(tmp_path / "ids.txt") == ["1hvr", "pdb_00001abc", str(tmp_path / "sub/x.pdb"), "/abs/y.cif"]


def test_manifests_that_name_nothing_are_refused(tmp_path):
    for name, text, message in (
        ("a.txt", "# nothing\n\n", "expected structures"),
        ("b.csv", "x,y\n1,2\n", "expected a column source or path"),
        ("c.txt", "a\0b\n", "line 1"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match=message):
            read_manifest(tmp_path / name)
    (tmp_path / "d.txt").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "d.txt", tmp_path / "absent"):
        with pytest.raises(InputError, match="cannot be read"):
            read_manifest(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="expected structure files"):
        read_manifest(tmp_path / "empty")


def test_folders_are_named_once_and_never_hidden():
    jobs = make_jobs(["a/1abc.pdb", "b/1ABC.cif.gz", ".x.part.pdb", "dataset.pdb"])
    assert [job.name for job in jobs] == ["1abc", "1ABC-2", "_.x.part", "dataset-2"]


# ---------------------------------------------------------------------------------------------------------- undisturbed
def test_the_dataset_holds_what_the_folders_hold(undisturbed, manifest):
    structures = parquet.read_table(undisturbed / "dataset" / "structures.parquet").to_pylist()
    assert [row["structure"] for row in structures] == [f"s{k}" for k in range(COUNT)] + ["bad"]
    assert [row["status"] for row in structures] == ["done"] * COUNT + ["failed"]
    assert structures[-1]["kind"] == "StructureError" and "text that begins" in structures[-1]["reason"]
    pockets = parquet.read_table(undisturbed / "dataset" / "pockets.parquet").to_pylist()
    hotspots = parquet.read_table(undisturbed / "dataset" / "hotspots.parquet").to_pylist()
    for row in structures[:-1]:
        summary = json.loads((undisturbed / row["structure"] / "summary.json").read_text())
        own = [pocket for pocket in pockets if pocket["structure"] == row["structure"]]
        assert len(own) == len(summary["pockets"]) == row["pockets"]
        assert [p["score"] for p in own] == pytest.approx([p["score"] for p in summary["pockets"]], abs=1e-4)
        assert sum(h["structure"] == row["structure"] for h in hotspots) == row["hotspots"]
    page = (undisturbed / "dataset" / "index.html").read_text()
    assert "9 structures, 1 failed" in page and "text that begins" in page


def test_copies_give_the_same_bytes(undisturbed):
    """Results do not depend on the worker, nor on what it did before."""
    for k in range(2, COUNT):
        for name in ("maps.h5", "pockets.csv", "hotspots.csv"):
            assert (undisturbed / f"s{k}" / name).read_bytes() == (undisturbed / f"s{k % 2}" / name).read_bytes()


def test_nothing_is_done_twice_but_what_changed(batch, undisturbed, manifest, tmp_path):
    out, folder = tmp_path / "out", tmp_path / "structures"
    shutil.copytree(manifest.parent, folder)
    shutil.copytree(undisturbed, out)
    before = {path: path.stat().st_mtime_ns for path in out.glob("s*/*")}
    shutil.copy(STRUCTURES["1orc"], folder / "s4.pdb.gz")  # the same bytes again
    (folder / "s0.pdb.gz").write_bytes(DEMO.read_bytes())  # others
    (out / "s2" / "summary.json").write_text("{")  # a damaged result
    (out / "s5" / "hotspots.csv").unlink()
    maps = (out / "s3" / "maps.h5").read_bytes()
    (out / "s3" / "maps.h5").write_bytes(maps[:-1] + bytes([maps[-1] ^ 1]))  # a bit that fell over
    shutil.rmtree(out / "s6")
    code, errors = ended(batch(out, source=folder / "list.txt"))
    assert code == 1 and "3 of 9 structures are there already" in errors
    again = {path.parent.name for path, time_ in before.items() if path.exists() and path.stat().st_mtime_ns != time_}
    assert again == {"s0", "s2", "s3", "s5", "s6"}
    code, errors = ended(batch(out, "--around", "A:20", source=folder / "list.txt"))
    assert "0 of 9" not in errors and "there already" not in errors  # other options, other results


# --------------------------------------------------------------------------------------------------------------- faults
def test_a_killed_worker_costs_nothing(batch, undisturbed, tmp_path):
    out = tmp_path / "out"
    process = batch(out)
    for _ in range(2):
        count = finished(out)
        workers = wait_for(lambda: children(process.pid))
        os.kill(workers[0], signal.SIGKILL)
        wait_for(lambda count=count: finished(out) > count)
    code, errors = ended(process)
    assert code == 1 and "1 failed" in errors, errors
    assert content(out) == content(undisturbed)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_batch_that_is_ended_goes_on_where_it_was(batch, undisturbed, tmp_path, how):
    out = tmp_path / "out"
    process = batch(out)
    wait_for(lambda: finished(out) >= 2)
    workers = children(process.pid)
    os.kill(process.pid, how)
    code, _ = ended(process)
    assert code == (130 if how != signal.SIGKILL else -signal.SIGKILL)
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    count = finished(out)
    assert 2 <= count < COUNT
    (out / ".s7.left.part").mkdir(exist_ok=True)  # as of a process that ended while it wrote
    code, errors = ended(batch(out))
    assert code == 1 and f"{count} of 9 structures are there already" in errors
    assert content(out) == content(undisturbed)
    assert not list(out.glob(".*"))


def test_two_batches_do_not_share_a_folder(batch, undisturbed, tmp_path):
    out = tmp_path / "out"
    first = batch(out)
    wait_for(lambda: children(first.pid))
    code, errors = ended(batch(out))
    assert code == 1 and "another batch is writing to this folder" in errors
    assert ended(first)[0] == 1
    assert content(out) == content(undisturbed)


def test_what_takes_forever_or_all_memory_is_given_up(batch, manifest, tmp_path):
    """A pipe that nobody writes to, and a limit that no worker keeps."""
    folder = tmp_path / "structures"
    folder.mkdir()
    shutil.copy(STRUCTURES["1orc"], folder / "good.pdb.gz")
    os.mkfifo(folder / "pipe.pdb")
    (folder / "list.txt").write_text("pipe.pdb\ngood.pdb.gz\n")
    code, errors = ended(batch(tmp_path / "a", "--timeout", "8", source=folder / "list.txt"))
    assert (
        code == 1
        and "pipe.pdb: not done after 8 s" in errors
        and "2 structures, 0 of them from before, 1 failed" in errors
    )
    assert (tmp_path / "a" / "good" / "summary.json").is_file()
    (folder / "list.txt").write_text("good.pdb.gz\n")
    code, errors = ended(batch(tmp_path / "b", "--memory", "0.05", source=folder / "list.txt"))
    assert code == 1 and "more than 0.05 GiB of memory" in errors


def test_a_full_disk_stops_the_batch_and_leaves_nothing_half_written(batch, undisturbed, tmp_path):
    """A file system of 200 kilobytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        code, errors = ended(batch(disk / "out"))
        assert code == 1 and "nothing can be written" in errors and "No space left" in errors
        assert not list((disk / "out").glob(".*"))
        kept = {path.name for path in (disk / "out").iterdir()}
        whole = content(undisturbed)
        for name, data in content(disk / "out").items():
            assert whole[name] == data
        assert kept < {f"s{k}" for k in range(COUNT)}
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_a_folder_that_is_no_result_is_a_failure_of_its_own(batch, tmp_path):
    out = tmp_path / "out"
    (out / "s1").mkdir(parents=True)
    (out / "s1" / "thesis.txt").write_text("mine")
    code, errors = ended(batch(out))
    assert code == 1 and "2 failed" in errors and "expected nothing or an earlier result" in errors, errors
    assert (out / "s1" / "thesis.txt").read_text() == "mine" and finished(out) == COUNT - 1


def test_output_that_is_a_file_is_refused(tmp_path, preset):
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        scan_batch([Job(str(DEMO), "x")], tmp_path / "out", ScanSettings(preset=str(preset)))


def test_names_do_not_get_into_the_page(batch, tmp_path):
    folder = tmp_path / "structures"
    folder.mkdir()
    shutil.copy(STRUCTURES["1orc"], folder / "<script>alert(1)<&script>.pdb.gz")
    (folder / "<img src=x onerror=alert(2)>.pdb").write_text("=cmd|' /C calc'!A0")
    code, _ = ended(batch(tmp_path / "out", source=folder))
    page = (tmp_path / "out" / "dataset" / "index.html").read_text()
    assert code == 1 and "<script" not in page and "<img" not in page and "&lt;script&gt;" in page


def test_a_clock_that_jumps_changes_nothing(batch, undisturbed, manifest, tmp_path):
    """Every look at the wall clock is days away from the one before, in all processes; limits are of seconds."""
    (tmp_path / "sitecustomize.py").write_text(JUMPING)
    short = manifest.parent / "short.txt"
    short.write_text("s0.pdb.gz\ns1.cif.gz\n")
    out, changes = tmp_path / "out", {"PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))}
    for message in ("2 structures, 0 of them from before, 0 failed", "2 of 2 structures are there already"):
        code, errors = ended(batch(out, "--timeout", "100", source=short, **changes))
        assert code == 0 and message in errors, errors
    found = {name: data for name, data in content(out).items() if not name.startswith("dataset")}
    assert found == {name: data for name, data in content(undisturbed).items() if name[:3] in ("s0/", "s1/")}


# -------------------------------------------------------------------------------------------------------------- cluster
def test_a_cluster_gives_the_same(batch, undisturbed, tmp_path):
    """A scheduler and two worker processes on this machine; one of them is killed."""
    distributed = pytest.importorskip("distributed", reason="clusters need dask: pip install 'pocketvox[cluster]'")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
    with distributed.LocalCluster(**options) as cluster:
        out = tmp_path / "out"
        process = batch(out, "--scheduler", cluster.scheduler_address)
        wait_for(lambda: finished(out) >= 1)
        os.kill(next(iter(cluster.workers.values())).process.process.pid, signal.SIGKILL)
        code, errors = ended(process)
    assert code == 1 and "1 failed" in errors, errors
    assert content(out) == content(undisturbed)


@pytest.fixture
def dask_processes(tmp_path):
    """A function that starts a scheduler and two workers with Dask's own commands, and gives it and its address."""
    pytest.importorskip("distributed", reason="clusters need dask: pip install 'pocketvox[cluster]'")
    started = []

    def dask(*arguments) -> subprocess.Popen:
        command = [sys.executable, "-m", "dask", *arguments, "--no-dashboard"]
        log = (tmp_path / f"dask-{len(started)}.log").open("w")
        with log:
            started.append(subprocess.Popen(command, env=environment(), stdout=log, stderr=log, start_new_session=True))
        return started[-1]

    def start() -> tuple[subprocess.Popen, str]:
        known = tmp_path / f"scheduler-{len(started)}.json"
        scheduler = dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(known))
        address = wait_for(lambda: known.is_file() and known.read_text())
        address = json.loads(address)["address"]
        for _ in range(2):
            dask("worker", address, "--nthreads", "1", "--local-directory", str(tmp_path))
        return scheduler, address

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with what a nanny started
        process.wait()


def test_a_killed_scheduler_and_a_killed_client(batch, undisturbed, dask_processes, tmp_path):
    """Either ends the batch at once; the same command completes it, with another scheduler or while tasks still run."""
    first, second = tmp_path / "first", tmp_path / "second"
    scheduler, address = dask_processes()
    process = batch(first, "--scheduler", address)
    wait_for(lambda: finished(first) >= 1)
    scheduler.kill()
    code, errors = ended(process, timeout=30)
    assert code == 1 and f"{address}: the scheduler went away" in errors and "same command again" in errors
    assert "Traceback" not in errors

    _, address = dask_processes()
    process = batch(second, "--scheduler", address)
    wait_for(lambda: finished(second) >= 1)
    process.kill()
    assert ended(process)[0] == -signal.SIGKILL
    for out in (second, first):
        code, errors = ended(batch(out, "--scheduler", address))
        assert code == 1 and "of 9 structures are there already" in errors and "1 failed" in errors, errors
        assert content(out) == content(undisturbed)
        assert not list(out.glob(".*"))


def test_a_scheduler_that_is_not_there(batch, tmp_path):
    pytest.importorskip("distributed", reason="clusters need dask: pip install 'pocketvox[cluster]'")
    code, errors = ended(batch(tmp_path / "out", "--scheduler", "tcp://127.0.0.1:9"))
    assert code == 1 and "cannot be reached" in errors
