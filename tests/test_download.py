"""Entries fetched by id from a local server: no test touches the network."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import gemmi
import pytest
from pdb_lines import chain, text

from pocketvox.errors import DownloadError
from pocketvox.structure import download
from pocketvox.structure.read import read_structure


def _entry() -> bytes:
    """A gzipped mmCIF file of a chain of alanine."""
    structure = gemmi.read_pdb_string(text(chain()))
    structure.setup_entities()
    structure.name = "1PFE"
    return gzip.compress(structure.make_mmcif_document().as_string().encode(), mtime=0)


ENTRY = _entry()


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server whose ``answers`` map a path to (status, body, announced length or None); it logs what is asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802 - the name is the library's
            self.server.asked.append(self.path)
            queue = self.server.answers.get(self.path, [(404, b"", None)])
            status, body, length, *target = queue.pop(0) if len(queue) > 1 else queue[0]
            self.send_response(status)
            for place in target:
                self.send_header("Location", place)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.asked, httpd.answers = [], {}
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("POCKETVOX_PDB_URL", f"http://127.0.0.1:{httpd.server_port}/{{id}}.cif.gz")
    monkeypatch.setenv("POCKETVOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    yield httpd
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_an_id_is_fetched_once_and_then_read_from_the_cache(server, tmp_path):
    server.answers["/1pfe.cif.gz"] = [(200, ENTRY, None)]
    first = read_structure("1PFE")
    second = read_structure("1pfe")
    assert server.asked == ["/1pfe.cif.gz"]
    assert first.name == second.name == "1pfe" and first.sha256 == second.sha256
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["1pfe.cif.gz"]


def test_the_extended_id_of_an_old_entry_is_the_same_entry(server):
    server.answers["/1pfe.cif.gz"] = [(200, ENTRY, None)]
    assert len(read_structure("pdb_00001pfe").atoms) == len(read_structure("1pfe").atoms)
    assert server.asked == ["/1pfe.cif.gz"]


def test_a_plain_answer_is_stored_gzipped(server, tmp_path):
    server.answers["/1pfe.cif.gz"] = [(200, gzip.decompress(ENTRY), None)]
    path = download.fetch("1pfe", cache=tmp_path / "other")
    assert path == tmp_path / "other" / "1pfe.cif.gz"
    assert gzip.decompress(path.read_bytes()) == gzip.decompress(ENTRY)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-20], lambda data: b"", lambda data: gzip.compress(b"data_2XYZ\n")]
)
def test_a_damaged_file_in_the_cache_is_fetched_anew(server, tmp_path, damage):
    server.answers["/1pfe.cif.gz"] = [(200, ENTRY, None)]
    path = download.fetch("1pfe")
    path.write_bytes(damage(ENTRY))
    assert len(read_structure("1pfe").atoms) == 60 and path.read_bytes() == ENTRY
    assert len(server.asked) == 2 and len(list(path.parent.iterdir())) == 1


def test_a_busy_server_is_asked_again(server):
    server.answers["/1pfe.cif.gz"] = [(503, b"", None), (200, ENTRY, None)]
    download.fetch("1pfe")
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("answer", "message", "requests"),
    [
        ((404, b"", None), "1pfe: no such entry", 1),
        ((403, b"", None), "the server answers 403", 1),
        ((500, b"", None), "the server answers 500", 3),
        ((200, ENTRY[: len(ENTRY) // 2], None), "did not send a complete mmCIF file", 1),
        ((200, ENTRY[:100], len(ENTRY)), "cannot be downloaded", 3),
        ((200, b"<html>proxy</html>", None), "did not send a complete mmCIF file", 1),
        ((200, b"  ", None), "did not send a complete mmCIF file", 1),
        ((200, gzip.compress(bytes(1 << 27)), None), "did not send a complete mmCIF file", 1),
        ((200, gzip.compress(b"data_2XYZ\n#\n"), None), "sent the entry '2xyz', which is not stored", 1),
    ],
)
def test_failures_are_named_and_leave_nothing_in_the_cache(server, tmp_path, answer, message, requests):
    server.answers["/1pfe.cif.gz"] = [answer]
    with pytest.raises(DownloadError, match=message) as caught:
        read_structure("1pfe")
    assert len(server.asked) == requests and "\n" not in str(caught.value)
    assert not list(tmp_path.glob("cache/*"))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.org/{id}.cif.gz", "http where https is expected"),
        ("file:///etc/passwd?{id}", "file where https is expected"),
        ("ftp://127.0.0.1/{id}", "ftp where https is expected"),
        ("/etc/passwd?{id}", "no scheme where https is expected"),
    ],
)
def test_addresses_without_encryption_are_refused(monkeypatch, tmp_path, url, message):
    monkeypatch.setenv("POCKETVOX_PDB_URL", url)
    with pytest.raises(DownloadError, match=message):
        download.fetch("1pfe", cache=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("target", ["http://example.org/x", "file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_redirections_are_checked(server, tmp_path, target):
    server.answers["/1pfe.cif.gz"] = [(302, b"", None, target)]
    with pytest.raises(DownloadError, match="1pfe: cannot be downloaded"):
        download.fetch("1pfe")
    assert server.asked == ["/1pfe.cif.gz"] and not list(tmp_path.glob("cache/*"))


def test_too_much_and_too_slow_are_given_up(server, monkeypatch, tmp_path):
    server.answers["/1pfe.cif.gz"] = [(200, ENTRY, None)]
    monkeypatch.setattr(download, "_LARGEST", 100)
    with pytest.raises(DownloadError, match="more than 100 bytes"):
        download.fetch("1pfe")
    assert len(server.asked) == 1
    monkeypatch.undo()
    monkeypatch.setenv("POCKETVOX_PDB_URL", f"http://127.0.0.1:{server.server_port}/{{id}}.cif.gz")
    monkeypatch.setattr(download, "_PATIENCE", -1.0)
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    with pytest.raises(DownloadError, match="not complete after"):
        download.fetch("1pfe", cache=tmp_path / "cache")
    assert len(server.asked) == 4 and not list(tmp_path.glob("cache/*"))


def test_without_a_server_the_error_says_what_else_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("POCKETVOX_PDB_URL", "http://127.0.0.1:9/{id}")
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    with pytest.raises(DownloadError, match="give the path of a downloaded file"):
        download.fetch("1pfe", cache=tmp_path)


def test_an_unwritable_cache_is_named(server, tmp_path):
    server.answers["/1pfe.cif.gz"] = [(200, ENTRY, None)]
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadError, match="cannot be stored.*POCKETVOX_CACHE"):
        download.fetch("1pfe", cache=tmp_path / "file")


@pytest.mark.parametrize(
    ("word", "expected"),
    [("1hvr", True), ("9XYZ", True), ("pdb_00001hvr", True), ("hvr1", False), ("1hvr.pdb", False), ("12345", False)],
)
def test_what_counts_as_an_id(word, expected):
    assert download.is_pdb_id(word) is expected


def test_a_file_named_like_an_id_is_the_file(tmp_path, monkeypatch):
    (tmp_path / "1abc").write_text(text(chain()))
    monkeypatch.chdir(tmp_path)
    assert len(read_structure("1abc").atoms) == 60
