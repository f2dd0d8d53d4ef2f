"""Batches: nothing lost, nothing twice, whatever happens to the processes that do the work."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import DEMO, ROOT, environment

from pocketvox.batch import Job, ScanSettings, make_jobs, read_manifest, scan_batch
from pocketvox.errors import InputError, OutputError

parquet = pytest.importorskip("pyarrow.parquet", reason="batches need pyarrow: pip install 'pocketvox[table]'")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at and ended as on Linux")
DATA = ROOT / "tests" / "data"
STRUCTURES = {"1orc": DATA / "1orc.pdb.gz", "4cup": DATA / "4cup.cif.gz"}
COUNT = 8


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Path:
    """Eight structures, copies of two, and one that is none."""
    folder = tmp_path_factory.mktemp("structures")
    kinds = list(STRUCTURES.values())
    lines = []
    for k in range(COUNT):
        source = kinds[k % 2]
        path = folder / f"s{k}{''.join(source.suffixes)}"
        shutil.copy(source, path)
        lines.append(path.name)
    (folder / "bad.pdb").write_text("no structure\n")
    path = folder / "list.txt"
    path.write_text("# structures\n" + "\n".join([*lines, "bad.pdb   # not one"]) + "\n")
    return path


@pytest.fixture(scope="module")
def batch(manifest, preset):
    """A function that starts a batch in a folder as a process of its own."""

    def start(out: Path, *options, source: Path = manifest, **changes) -> subprocess.Popen:
        command = [sys.executable, "-m", "pocketvox", "scan", "--manifest", str(source), "-o", str(out)]
        command += ["--preset", str(preset), "--no-report", *map(str, options)]
        command += [] if "--scheduler" in options else ["--workers", "2"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, env=environment(**changes), start_new_session=True, **pipes)

    return start


def ended(process: subprocess.Popen) -> tuple[int, str]:
    """Exit code and what it said on stderr."""
    _, errors = process.communicate(timeout=240)
    return process.returncode, errors


def content(out: Path) -> dict[str, bytes]:
    """Every file, with its bytes; times in summaries do not count."""
    found = {}
    for path in sorted(out.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            if path.name == "summary.json":
                data = json.dumps(json.loads(data) | {"seconds": {}}).encode()
            found[str(path.relative_to(out))] = data
    return found


@pytest.fixture(scope="module")
def undisturbed(batch, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    code, errors = ended(batch(out))
    assert code == 1 and "1 failed" in errors, errors
    return out


def children(pid: int) -> list[int]:
    """Processes that a process started, one level deep, but for multiprocessing's own helper."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rsplit(")", 1)[1].split()[1]) == pid:
                line = (path.parent / "cmdline").read_bytes()
                if b"spawn_main" in line:
                    found.append(int(path.parent.name))
        except (OSError, IndexError, ValueError):
            continue
    return found


def wait_for(condition, seconds: float = 60.0):
    """What a condition gives once it gives anything."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def finished(out: Path) -> int:
    return sum(1 for _ in out.glob("*/summary.json"))


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
    assert code == 1 and "2 failed" in errors and "expected nothing or an earlier result" in errors
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
def processes():
    """A function that starts Dask's scheduler and two workers as processes of their own, and gives all three."""
    pytest.importorskip("distributed", reason="clusters need dask: pip install 'pocketvox[cluster]'")
    started = []

    def start(address: str) -> list[subprocess.Popen]:
        host, port = address.removeprefix("tcp://").split(":")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment()}
        dask = [
            sys.executable,
            "-m",
            "distributed.cli.dask_scheduler",
            "--host",
            host,
            "--port",
            port,
            "--no-dashboard",
        ]
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard"]
        worker += ["--no-nanny", "--death-timeout", "20"]
        new = [subprocess.Popen(command, start_new_session=True, **quiet) for command in (dask, worker, worker)]
        started.extend(new)
        return new

    yield start
    for process in started:
        process.kill()
        process.wait()


def free_address() -> str:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{listening.getsockname()[1]}"


def test_a_scheduler_killed_and_a_client_killed(batch, undisturbed, processes, tmp_path):
    """The batch says that the scheduler is gone; another one, and the same command after each kill, do the rest."""
    address, out = free_address(), tmp_path / "out"
    scheduler, *workers = processes(address)
    process = batch(out, "--scheduler", address)
    wait_for(lambda: finished(out) >= 1)
    scheduler.kill()
    begin = time.monotonic()
    code, errors = ended(process)
    assert code == 1 and "the scheduler is gone" in errors and "Traceback" not in errors, errors
    assert time.monotonic() - begin < 60
    for worker in workers:
        worker.kill()
    address = free_address()
    processes(address)
    done = finished(out)
    process = batch(out, "--scheduler", address)
    wait_for(lambda: finished(out) > done)
    process.kill()
    ended(process)
    code, errors = ended(batch(out, "--scheduler", address))
    assert code == 1 and "1 failed" in errors, errors
    assert content(out) == content(undisturbed)


def test_a_scheduler_that_is_not_there(batch, tmp_path):
    pytest.importorskip("distributed", reason="clusters need dask: pip install 'pocketvox[cluster]'")
    code, errors = ended(batch(tmp_path / "out", "--scheduler", "tcp://127.0.0.1:9"))
    assert code == 1 and "cannot be reached" in errors
