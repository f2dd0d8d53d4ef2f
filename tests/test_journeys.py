"""The journeys of the documentation, typed as they stand: every command runs, and prints what the page says.

In a ``console`` block lines that begin with ``$ `` are commands; what follows is how their output begins, line by line.
``# exit code N`` after a command says that it fails.
"""

from __future__ import annotations

import gzip
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest
from benchmark_fixture import tiny_benchmark
from conftest import DEMO, ROOT, environment

JOURNEYS = ROOT / "docs" / "journeys"
DATA = ROOT / "tests" / "data"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix" or shutil.which("bash") is None, reason="the pages are written for bash"),
]


class Entries(http.server.BaseHTTPRequestHandler):
    """Sends the entries of tests/data, as the PDB does."""

    def do_GET(self):
        path = DATA / self.path.strip("/")
        self.send_response(200 if path.is_file() else 404)
        data = path.read_bytes() if path.is_file() else b""
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Entries) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{made.server_port}/{{id}}.cif.gz"
        made.shutdown()


@pytest.fixture
def shell(tmp_path, server):
    """A function that runs a line in an empty folder with the demonstration's complex in it."""
    work, programs = tmp_path / "work", tmp_path / "bin"
    work.mkdir()
    programs.mkdir()
    shutil.copy(DEMO, work / "1hvr.pdb.gz")
    for name, command in {"pocketvox": "-m pocketvox", "python": ""}.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {command} "$@"\n')
        program.chmod(0o755)
    env = environment(
        PATH=f"{programs}{os.pathsep}{os.environ['PATH']}",
        POCKETVOX_CACHE=str(tmp_path / "cache"),
        POCKETVOX_PDB_URL=server,
        LC_ALL="C",
    )
    run = partial(subprocess.run, cwd=work, env=env, capture_output=True, text=True, check=False, timeout=600)
    return lambda line: run(["bash", "-o", "pipefail", "-c", line])


def commands(page: Path) -> list[tuple[str, int, list[str]]]:
    """Each command of a page, its exit code and the beginnings of the lines it prints."""
    found: list[tuple[str, int, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
        for line in block.splitlines():
            if line.startswith("$ "):
                code = re.search(r"# exit code (\d+)", line)
                found.append((line[2:], int(code[1]) if code else 0, []))
            else:
                found[-1][2].append(line.rstrip())
    return found


def write_files(page: Path, folder: Path) -> None:
    """Write what the page shows with ``cat``: the user's own files."""
    for name, text in re.findall(r"^\$ cat (\S+)\n(.*?)^\$ ", page.read_text(encoding="utf-8"), re.M | re.S):
        (folder / name).write_text(text)


def follow(page: Path, shell) -> None:
    """Run a page's commands in turn, and compare what they print with what the page says."""
    typed = commands(page)
    assert typed, f"{page} has no commands"
    for line, code, expected in typed:
        done = shell(line)
        assert done.returncode == code, f"{line}\n{done.stdout}{done.stderr}"
        if expected:
            printed = done.stdout.splitlines()
            assert len(printed) >= len(expected), f"{line}\n{done.stdout}"
            for text, begins in zip(printed, expected, strict=False):
                assert text.startswith(begins), f"{line}\n{done.stdout}"


def test_a_first_scan(shell):
    follow(JOURNEYS / "first-scan.md", shell)


def test_by_pdb_id(shell):
    follow(JOURNEYS / "pdb-id.md", shell)


def test_score_poses(shell, tmp_path):
    write_files(JOURNEYS / "poses.md", tmp_path / "work")
    follow(JOURNEYS / "poses.md", shell)


def test_a_trajectory(shell):
    pytest.importorskip("MDAnalysisTests", reason="the example comes with MDAnalysisTests")
    follow(JOURNEYS / "trajectory.md", shell)


def test_own_data(shell, tmp_path):
    """From structures to scores; the benchmark is a small one, made here."""
    pytest.importorskip("keras", reason="training needs keras: pip install 'pocketvox[train]'")
    work = tmp_path / "work"
    (work / "structures").mkdir()
    shutil.copy(DEMO, work / "structures")
    shutil.copy(DATA / "4cup.cif.gz", work / "structures")
    page = JOURNEYS / "own-data.md"
    write_files(page, work)
    tiny_benchmark(work / "runs" / "benchmark")
    follow(page, shell)
    scores = json.loads((work / "scores" / "mine.json").read_text())
    assert scores["method"]["name"] == "mine" and "pocket-map" in scores["tracks"]


def test_what_is_printed_is_compared(tmp_path, shell):
    """A page that promises something else fails."""
    page = tmp_path / "page.md"
    page.write_text("```console\n$ echo pocket\nhotspot\n```\n")
    with pytest.raises(AssertionError, match="echo pocket"):
        follow(page, shell)
    page.write_text("```console\n$ false\n```\n")
    with pytest.raises(AssertionError, match="false"):
        follow(page, shell)


def test_entries_are_what_the_server_sends():
    """The entries of the page are whole files of the PDB."""
    for name in ("1pfe", "5i55"):
        assert gzip.decompress((DATA / f"{name}.cif.gz").read_bytes()).startswith(b"data_")
