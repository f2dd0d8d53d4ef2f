"""Batches whose results lie in an object store: as in a folder, with a real server of the S3 protocol."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from batches import STRUCTURES, children, content, ended, make_manifest, start_batch, wait_for, without_times
from conftest import DEMO, environment

from pocketvox.batch import Job, ScanSettings, read_manifest, scan_batch
from pocketvox.batch.jobs import is_done
from pocketvox.batch.store import PROTOCOLS, ObjectStore, in_order, open_store, read_object
from pocketvox.batch.worker import OURS, Worker
from pocketvox.errors import DownloadError, MissingExtraError, OutputError, UsageError

pytest.importorskip("pyarrow", reason="batches need pyarrow: pip install 'pocketvox[table]'")
COUNT = 5
FILES = {"summary.json", "pockets.csv", "hotspots.csv", "maps.h5"}


# ----------------------------------------------------------------------------------------------------- in this process
@pytest.fixture
def memory():
    """An empty store in this process's memory."""
    fsspec = pytest.importorskip("fsspec", reason="object stores need fsspec: pip install 'pocketvox[s3]'")
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield ObjectStore("memory://bucket/out")
    files.store.clear()


def put(store: ObjectStore, folder: str, **texts: str) -> None:
    """Put a folder of texts, known by its file ``last``."""
    with store.place(folder, "last", ("a*", "b*")) as path:
        path.mkdir()
        for name, text in texts.items():
            (path / name).write_text(text)


def test_what_a_folder_is_known_by_is_put_last_and_removed_first(memory, monkeypatch):
    done = []
    for name in ("put_file", "rm_file"):
        real = getattr(type(memory._files), name)

        def noted(self, *paths, real=real, name=name, **options):
            done.append((name[:3].strip("_"), paths[-1].rsplit("/", 1)[1]))
            return real(self, *paths, **options)

        monkeypatch.setattr(type(memory._files), name, noted)
    put(memory, "x", last="1", a1="1", z="1")
    assert done == [("put", "a1"), ("put", "z"), ("put", "last")]
    done.clear()
    put(memory, "x", last="2", b1="2")
    assert done == [("rm", "last"), ("rm", "a1"), ("put", "b1"), ("put", "last")]
    assert memory.names("x") == {"last", "b1", "z"}  # z is no file that such a folder may have
    assert memory.read("x/last") == b"2" and memory.digest("x/b1") == hashlib.sha256(b"2").hexdigest()
    assert memory.names("absent") == set()


def test_what_is_not_put_completely_does_not_count(memory, monkeypatch):
    put(memory, "x", last="1", a="1")
    real = type(memory._files).put_file

    def lost(self, local, remote, **options):
        if remote.endswith("/last"):
            raise ConnectionError("the line is dead")
        return real(self, local, remote, **options)

    monkeypatch.setattr(type(memory._files), "put_file", lost)
    with pytest.raises(OutputError, match=r"memory://bucket/out/x: cannot be written \(the line is dead\)"):
        put(memory, "x", last="2", a="2")
    assert memory.names("x") == {"a"}


def test_a_block_that_fails_puts_nothing(memory):
    with pytest.raises(KeyError), memory.place("x", "last") as path:
        path.mkdir()
        (path / "last").write_text("")
        raise KeyError
    assert memory.names("x") == set() and not path.parent.exists()


def test_the_store_is_believed_by_content(memory, preset):
    """Every file of every format is known as ours; a bit that changes, or a file that is absent, is noticed."""
    from pocketvox.inference import load_preset

    settings = ScanSettings(preset=str(preset), formats=("all",), around="A:25")
    job, fingerprint = Job(str(DEMO), "x"), load_preset(str(preset)).fingerprint
    worker = Worker(settings, "unused")
    worker._store = memory
    assert worker(job).status == "done"
    assert memory.read("x/pockets.csv").count(b"\n") == 1 and is_done(job, memory, settings, fingerprint)  # no pocket
    settings, job = replace(settings, around=None), Job(str(STRUCTURES["1orc"]), "x")
    worker = Worker(settings, "unused")
    worker._store = memory
    assert worker(job).status == "done" and is_done(job, memory, settings, fingerprint)
    names = memory.names("x")
    assert FILES < names and not [name for name in names if not any(fnmatchcase(name, ours) for ours in OURS)]
    for name in ("maps.h5", "summary.json", "report.html", "view.pml", "vina/pocket1.txt"):
        path = f"{memory._root}/x/{name}"
        data = memory.read(f"x/{name}")
        memory._files.rm_file(path)
        assert not is_done(job, memory, settings, fingerprint)
        if name in FILES:
            memory._files.pipe_file(path, data[:-9] + bytes(8) + data[-1:])
            assert not is_done(job, memory, settings, fingerprint)
        memory._files.pipe_file(path, data)
    assert is_done(job, memory, settings, fingerprint)
    assert not is_done(job, memory, replace(settings, rotations=2), fingerprint)


def test_a_store_that_refuses_is_an_error_and_no_absent_result(memory, monkeypatch, preset):
    def refuse(self, path, *rest, **options):
        raise PermissionError("Access Denied")

    monkeypatch.setattr(type(memory._files), "cat_file", refuse)
    with pytest.raises(OutputError, match="memory://bucket/out/x/summary.json: cannot be read .Access Denied"):
        is_done(Job(str(DEMO), "x"), memory, ScanSettings(preset=str(preset)), "")


def test_urls_of_other_kinds_are_refused(monkeypatch, tmp_path, cli):
    """Nothing is fetched from a web server because a list says so."""
    for url in ("http://host/out", "https://host/out", "file:///out", "memory://out", "simplecache::s3://bucket/out"):
        with pytest.raises(UsageError, match="expected a folder, or the URL of an object store"):
            open_store(url)
    monkeypatch.setitem(PROTOCOLS, "gs", ("no_such_package", "gcsfs"))
    for work in (open_store, read_object):
        with pytest.raises(MissingExtraError, match="gs://b/x needs no_such_package.*pip install gcsfs"):
            work("gs://b/x")
    listed = tmp_path / "list.txt"
    listed.write_text("s3://bucket/a.pdb\nhttp://host/b.pdb\nmemory://c.pdb\n")
    assert read_manifest(listed) == ["s3://bucket/a.pdb", f"{tmp_path}/http:/host/b.pdb", f"{tmp_path}/memory:/c.pdb"]
    found = cli("scan", DEMO, "-o", "s3://bucket/out")
    assert found.returncode == 1 and "Only scan --manifest writes to object stores" in found.stderr


def test_folders_need_no_fsspec():
    code = "import sys, pocketvox.batch as b; b.store.open_store('out'); sys.exit('fsspec' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=environment(), check=False).returncode == 0


def test_threads_keep_the_order_and_do_not_run_ahead():
    begun = []
    found = in_order(lambda k: begun.append(k) or time.sleep(0.001 * (k % 3)) or k, range(1000))
    assert [next(found) for _ in range(10)] == list(range(10)) and len(begun) < 100
    found.close()
    assert list(in_order(str, range(200))) == [str(k) for k in range(200)]


# ------------------------------------------------------------------------------------------------------------------- S3
class Server:
    """A server of the S3 protocol in a process of its own, with a bucket."""

    def __init__(self, folder: Path):
        boto3 = pytest.importorskip("boto3", reason="needs moto[s3], flask and flask-cors")
        for module in ("moto", "flask_cors", "s3fs"):
            pytest.importorskip(module, reason="needs s3fs, moto[s3], flask and flask-cors")
        code = (
            "from moto.server import ThreadedMotoServer as Server; import threading\n"
            "server = Server('127.0.0.1', 0, verbose=False); server.start()\n"
            "print(server.get_host_and_port()[1], flush=True); threading.Event().wait()"
        )
        log = (folder / "server.log").open("w")
        with log:
            command = [sys.executable, "-c", code]
            self.process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=log, text=True)
        self.url = f"http://127.0.0.1:{self.process.stdout.readline().strip()}"
        self.changes = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        keys = {"aws_access_key_id": "id", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
        self.client = boto3.client("s3", endpoint_url=self.url, **keys)
        self.client.create_bucket(Bucket="bucket")

    def names(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", ())]

    def content(self, prefix: str) -> dict[str, bytes]:
        """Every object, as :func:`batches.content` has files."""
        found = {name: self.client.get_object(Bucket="bucket", Key=name)["Body"].read() for name in self.names(prefix)}
        return {name.removeprefix(prefix): without_times(name, data) for name, data in found.items()}

    def finished(self, prefix: str) -> int:
        return sum(name.endswith("/summary.json") for name in self.names(prefix))

    def put(self, name: str, data: bytes) -> None:
        self.client.put_object(Bucket="bucket", Key=name, Body=data)

    def remove(self, name: str) -> None:
        self.client.delete_object(Bucket="bucket", Key=name)

    def ask_for_credentials(self, number: float) -> None:
        """Of everyone after so many requests."""
        where, kind = f"{self.url}/moto-api/reset-auth", {"Content-Type": "text/plain"}
        urllib.request.urlopen(urllib.request.Request(where, str(number).encode(), kind), timeout=10).close()

    def stop(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def server(tmp_path):
    found = Server(tmp_path)
    yield found
    found.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at and ended as on Linux")
def test_a_batch_in_a_store_is_killed_and_completed(server, preset, tmp_path):
    """What comes out is a local batch's, byte for byte; one input comes from the store, one is absent there."""
    manifest = make_manifest(tmp_path, COUNT, "s3://bucket/in/far.pdb.gz", "s3://bucket/in/absent.pdb")
    server.put("in/far.pdb.gz", STRUCTURES["1orc"].read_bytes())
    local = tmp_path / "local"
    code, errors = ended(start_batch(manifest, local, preset, **server.changes))
    assert code == 1 and "s3://bucket/in/absent.pdb: cannot be read" in errors and "2 failed" in errors, errors
    assert json.loads((local / "far" / "summary.json").read_text())["input"]["source"] == "s3://bucket/in/far.pdb.gz"

    process = start_batch(manifest, "s3://bucket/out/", preset, **server.changes)
    wait_for(lambda: server.finished("out/") >= 1)
    os.kill(wait_for(lambda: children(process.pid))[0], signal.SIGKILL)
    count = server.finished("out/")
    wait_for(lambda: server.finished("out/") > count)
    workers = children(process.pid)
    process.kill()
    assert ended(process)[0] == -signal.SIGKILL
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    done = sorted({name.split("/")[1] for name in server.names("out/") if name.endswith("/summary.json")})
    assert done
    server.remove(f"out/{done[0]}/summary.json")  # as if it had been killed while it put them
    server.remove(f"out/{done[0]}/maps.h5")
    server.put(f"out/{done[0]}/view.pml", b"of a format that is not asked for")
    server.put("out/s1/thesis.txt", b"mine")
    if len(done) > 1:
        server.put(f"out/{done[1]}/maps.h5", b"damaged")

    code, errors = ended(start_batch(manifest, "s3://bucket/out", preset, **server.changes))
    assert code == 1 and "2 failed -> s3://bucket/out/dataset/index.html" in errors, errors
    found = server.content("out/")
    assert found.pop("s1/thesis.txt") == b"mine"
    assert found == content(local)
    before = server.client.head_object(Bucket="bucket", Key="out/s0/summary.json")["LastModified"]
    code, errors = ended(start_batch(manifest, "s3://bucket/out", preset, **server.changes))
    assert f"{COUNT + 1} of {COUNT + 3} structures are there already" in errors
    assert server.client.head_object(Bucket="bucket", Key="out/s0/summary.json")["LastModified"] == before


def test_a_store_that_refuses_or_goes_away_ends_the_batch(server, preset, tmp_path, monkeypatch):
    """With its address, and with exit code 1 as all errors of this kind."""
    for name, value in server.changes.items():
        monkeypatch.setenv(name, value)
    jobs, settings = [Job(str(DEMO), "x")], ScanSettings(preset=str(preset), around="A:25", report=False)
    manifest = make_manifest(tmp_path, COUNT)
    with pytest.raises(OutputError, match="s3://absent/out: cannot be written to .*bucket does not exist"):
        scan_batch(jobs, "s3://absent/out", settings)
    with pytest.raises(DownloadError, match="s3://bucket/absent.pdb: cannot be read"):
        read_object("s3://bucket/absent.pdb")
    server.ask_for_credentials(0)
    code, errors = ended(start_batch(manifest, "s3://bucket/out", preset, **server.changes))
    assert code == 1 and "pocketvox: error: s3://bucket/out: cannot be written to (" in errors and "Trace" not in errors
    server.ask_for_credentials(float("inf"))

    process = start_batch(manifest, "s3://bucket/out", preset, **server.changes)
    ending = threading.Thread(target=server.stop)
    wait_for(lambda: server.finished("out/") >= 1)
    ending.start()
    begin = time.monotonic()
    code, errors = ended(process)
    ending.join()
    assert code == 1 and "pocketvox: error: s3://bucket/out" in errors and "Could not connect" in errors, errors
    assert "Traceback" not in errors and time.monotonic() - begin < 60
