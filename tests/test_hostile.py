"""Input that was damaged, or made to do harm: a documented error, or an answer, and nothing else."""

import csv
import gzip
import io
import random
import resource
import subprocess
import sys
import warnings
import zlib

import pytest
from conftest import environment
from mutations import attempt, damaged, readers, seeds

from pocketvox.errors import LigandError, StructureError
from pocketvox.poses import read_poses
from pocketvox.report.tables import csv_table
from pocketvox.structure import read_structure
from pocketvox.structure.unpack import BombError, gunzip

CASES = 120


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    return folder, seeds(folder), readers(folder)


@pytest.mark.parametrize("kind", ["pdb", "cif", "gz", "sdf", "mol2", "maps", "summary", "manifest", "table"])
def test_damaged_files_are_read_or_refused(workshop, kind):
    folder, valid, reading = workshop
    assert attempt(kind, valid[kind], folder, reading[kind]) == "read"
    choose = random.Random(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcomes = {attempt(kind, damaged(valid[kind], choose), folder, reading[kind]) for _ in range(CASES)}
    assert outcomes <= {"read", "refused"}


def test_bombs_are_not_unpacked(tmp_path):
    """Two gigabytes of zeros in two megabytes; the process may not have more than one."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    block = packer.compress(bytes(1 << 20))
    data = block + b"".join(packer.compress(bytes(1 << 20)) for _ in range(2047)) + packer.flush()
    for name in ("bomb.pdb.gz", "bomb.sdf.gz"):
        (tmp_path / name).write_bytes(data)
    with pytest.raises(StructureError, match="more than 100 times their size"):
        read_structure(tmp_path / "bomb.pdb.gz")
    with pytest.raises(LigandError, match="more than 100 times their size"):
        list(read_poses(tmp_path / "bomb.sdf.gz"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4_000_000


def test_gzip_members_and_damage():
    """Several members are one file; what is cut off or damaged is an error."""
    data = gzip.compress(b"ab") + gzip.compress(b"cd") + b"\0\0"
    assert gunzip(data) == b"abcd"
    for bad in (data[:-8], gzip.compress(b"x" * 100)[:-3]):
        with pytest.raises((EOFError, zlib.error)):
            gunzip(bad)
    with pytest.raises(BombError):
        gunzip(gzip.compress(bytes(70_000_000)))


def test_cells_are_no_formulas():
    """Names come from files of strangers; numbers stay numbers."""
    text = csv_table(("name", "x", "n"), [("=HYPERLINK(1)", "-1.500", 3), ("@SUM(A1)", "+2", 4), ("-2+3", "A_-5", 5)])
    assert list(csv.reader(io.StringIO(text)))[1:] == [
        ["'=HYPERLINK(1)", "-1.500", "3"],
        ["'@SUM(A1)", "+2", "4"],
        ["'-2+3", "A_-5", "5"],
    ]


def test_ids_are_no_addresses(tmp_path):
    """Nothing but a PDB id is looked up; nothing leads out of the cache."""
    for text in ("http://example.org/1abc", "file:///etc/passwd", "../../etc/passwd", "1abc/../x", "1ab", "1abc%00"):
        code = f"from pocketvox.structure import read_structure\nread_structure({text!r}, cache={str(tmp_path)!r})"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment(POCKETVOX_PDB_URL="http://127.0.0.1:9/{id}"),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "StructureError" in done.stderr and "127.0.0.1" not in done.stderr
    assert not list(tmp_path.iterdir())
