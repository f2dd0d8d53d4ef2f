"""Input that was damaged, or made to do harm: a documented error, or an answer, and nothing else."""

import ast
import csv
import gzip
import io
import json
import random
import resource
import shutil
import subprocess
import sys
import warnings
import zlib

import gemmi
import h5py
import numpy as np
import pytest
from conftest import ROOT, environment
from mutations import ENDINGS, attempt, binary, damaged, readers, seeds

from pocketvox.config import TrainConfig
from pocketvox.errors import ConfigError, InputError, LigandError, StructureError
from pocketvox.json_file import read_json
from pocketvox.pipeline import scan
from pocketvox.poses import read_poses
from pocketvox.report import Result, read_maps, write_result
from pocketvox.report.tables import csv_table
from pocketvox.structure import read_structure
from pocketvox.structure.unpack import BombError, gunzip
from pocketvox.voxel import Grid, Volume

MAPS = Volume(np.full((5, 4, 3, 2), 0.5, np.float32), Grid((0.0, 0.0, 0.0), (5, 4, 3), 1.0), ("hbond_donor", "ligand"))
CASES = 100


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    return folder, seeds(folder), readers(folder)


@pytest.mark.parametrize("kind", ENDINGS)
def test_damaged_files_are_read_or_refused(workshop, kind):
    folder, valid, reading = workshop
    assert attempt(kind, valid[kind], folder, reading[kind]) == ("read", "")
    choose = random.Random(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcomes = {attempt(kind, damaged(valid[kind], choose), folder, reading[kind])[0] for _ in range(CASES)}
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


def test_heaps_that_libhdf5_reads_forever_are_refused(tmp_path):
    """Free space without a size in a heap of strings; the right ones are read."""
    path = write_result(Result("x", (), MAPS), tmp_path / "x") / "maps.h5"
    assert read_maps(path).channels == MAPS.channels
    data = bytearray(path.read_bytes())
    at = data.index(b"GCOL") + 16
    data[at : at + 2], data[at + 8 : at + 16] = b"\0\0", bytes(8)
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged heap of strings"):
        read_maps(path)


@pytest.mark.parametrize(
    "way", ["soft link", "external link", "external storage", "virtual", "filter", "size", "claim", "group"]
)
def test_maps_that_are_elsewhere_or_too_large_are_refused(tmp_path, way):
    other = write_result(Result("x", (), MAPS), tmp_path / "x") / "maps.h5"
    (tmp_path / "raw").write_bytes(bytes(4000))
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        if way == "soft link":
            file["probability"] = h5py.SoftLink("/other")
            dataset = file.create_dataset("other", data=MAPS.values)
        elif way == "external link":
            file["probability"] = h5py.ExternalLink(str(other), "/probability")
            dataset = None
        elif way == "external storage":
            dataset = file.create_dataset("probability", (5, 5, 5, 2), "f4", external=[(tmp_path / "raw", 0, 4000)])
        elif way == "virtual":
            layout = h5py.VirtualLayout((5, 4, 3, 2), "f4")
            layout[...] = h5py.VirtualSource(str(other), "probability", (5, 4, 3, 2))
            dataset = file.create_virtual_dataset("probability", layout)
        elif way == "filter":
            dataset = file.create_dataset("probability", data=MAPS.values, chunks=True, scaleoffset=4)
        elif way == "size":
            dataset = file.create_dataset("probability", (1 << 20, 1 << 10, 4, 2), "f4", chunks=(64, 64, 4, 2))
        elif way == "claim":
            dataset = file.create_dataset("probability", (400, 400, 400, 2), "f4", chunks=(64, 64, 4, 2))
        else:
            dataset = file.create_group("probability")
        if dataset is not None:
            dataset.attrs.update({"origin": [0.0] * 3, "spacing": 1.0, "channels": ["hbond_donor", "ligand"]})
    with pytest.raises(InputError, match="expected a maps.h5"):
        read_maps(tmp_path / "maps.h5")


def test_maps_of_impossible_numbers_are_refused(tmp_path):
    for change in ({"spacing": 0.0}, {"spacing": np.nan}, {"origin": [0.0, np.inf, 0.0]}, {"channels": ["ligand"]}):
        path = write_result(Result("x", (), MAPS), tmp_path / "x") / "maps.h5"
        with h5py.File(path, "a") as file:
            file["probability"].attrs.update(change)
        with pytest.raises(InputError, match="expected a maps.h5"):
            read_maps(path)
    path = write_result(Result("x", (), MAPS), tmp_path / "x") / "maps.h5"
    with h5py.File(path, "a") as file:
        file["probability"][0, 0, 0, 0] = np.nan
    with pytest.raises(InputError, match="not finite"):
        read_maps(path)


@pytest.mark.parametrize("counts", ["-3 2", "3 -2", "4000000000 2", "x y", ""])
def test_mol2_counts_are_looked_at_first(tmp_path, counts):
    """RDKit counts down from negative numbers, for minutes."""
    text = "@<TRIPOS>MOLECULE\none\n {}\nSMALL\nNO_CHARGES\n\n@<TRIPOS>ATOM\n1 C1 0 0 1 C.3\n2 O1 1.4 0 1 O.3\n"
    text += "3 C2 2.1 1.2 1.1 C.3\n@<TRIPOS>BOND\n1 1 2 1\n2 2 3 1\n"
    path = tmp_path / "x.mol2"
    path.write_text(text.format("3 2"))
    assert len(next(iter(read_poses(path))).coord) == 3
    path.write_text(text.format(counts))
    assert "numbers of atoms and bonds" in next(iter(read_poses(path))).error


@pytest.mark.parametrize("data", [b"\x1e", b"\x1c\n\x1e", b"\xa0\x85", b"\xef\xbb\xbf", b"\xef\xbb\xbf \x1f"])
def test_files_of_odd_spaces_are_refused(tmp_path, data):
    """Text functions take more characters for spaces than those of bytes."""
    for name in ("x.sdf", "x.pdb"):
        (tmp_path / name).write_bytes(data)
    with pytest.raises(LigandError, match="expected|empty"):
        list(read_poses(tmp_path / "x.sdf"))
    with pytest.raises(StructureError, match="expected|empty"):
        read_structure(tmp_path / "x.pdb")


def test_deep_brackets_are_an_error(tmp_path):
    path = tmp_path / "x.json"
    for text in ("[" * 10**6, '{"a":' * 10**6):
        path.write_text(text)
        with pytest.raises(ValueError, match="nested too deeply|Expecting"):
            read_json(path)
        with pytest.raises(ConfigError, match="Expected JSON"):
            TrainConfig.from_file(path)


def test_nothing_is_unpickled_or_run():
    """No module of the package or of the benchmark can run what a file holds; this reads their code."""
    calls = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "pickle.load", "pickle.loads"}
    calls |= {
        "yaml.load",
        "torch.load",
        "joblib.load",
        "marshal.loads",
        "shelve.open",
        "load_model",
        "keras.models.load_model",
    }
    for path in [p for name in ("pocketvox", "benchmarks") for p in (ROOT / name).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in calls, f"{path}:{node.lineno}"
                options = {k.arg: ast.unparse(k.value) for k in node.keywords}
                assert options.get("shell") != "True" and options.get("allow_pickle") != "True", f"{path}:{node.lineno}"
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [a.name for a in node.names] + [getattr(node, "module", "") or ""]
                assert not {"pickle", "marshal", "shelve", "dill", "joblib"} & set(names), f"{path}:{node.lineno}"


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


# ------------------------------------------------------------------------------------------------- names as commands
HOSTILE = "A';\"]; rm -rf ~ $(reboot) `id` [exec reboot]\n=cmd|x</script><script>alert(1)</script>"


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """A result whose file, title, chain, residue and atom names would like to be commands."""
    structure = gemmi.read_structure(str(ROOT / "tests" / "data" / "1orc.pdb.gz"))
    structure.setup_entities()
    document = structure.make_mmcif_document()
    block = document.sole_block()
    block.set_pair("_struct.title", gemmi.cif.quote(HOSTILE))
    table = block.find_mmcif_category("_atom_site.")
    column = {tag.removeprefix("_atom_site."): k for k, tag in enumerate(table.tags)}
    for row in table:
        row[column["auth_asym_id"]] = gemmi.cif.quote(HOSTILE)
        if row[column["group_PDB"]] == "HETATM":
            row[column["label_comp_id"]] = row[column["label_atom_id"]] = gemmi.cif.quote(HOSTILE)
    folder = tmp_path_factory.mktemp("named")
    path = folder / "a';$(reboot) `id` <script>alert(1)<script>;rm.bcif"
    path.write_bytes(binary(document.as_string()))  # gemmi's mmCIF reader refuses names of more than seven letters
    result = scan(path)
    assert HOSTILE.split("\n")[0] in str(result.structure.atoms.chain_id[0]) and result.hotspots
    return write_result(result, folder / "out", formats=("all",), report=True)


def test_names_never_get_into_scripts(named):
    scripts = [path for path in named.iterdir() if path.suffix in (".pml", ".cxc", ".vmd", ".tcl", ".py")]
    assert len(scripts) >= 3
    for path in scripts:
        text = path.read_text()
        for part in ("rm -rf", "$(", "[exec", "`", "<script", "cmd|"):
            assert part not in text, f"{path.name}: {part}"


def test_names_are_text_in_pages_and_tables(named):
    """JSON and CSV hold them as they are; what a browser or a spreadsheet opens cannot take them for its own."""
    page = (named / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page and "</script><script>" not in page
    for path in named.glob("*.csv"):
        for row in csv.reader(path.read_text(encoding="utf-8").splitlines()):
            for cell in row:
                assert cell[:1] not in "=@\t\r" or not cell
    for path in named.glob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))


def test_a_link_in_place_of_a_result_is_replaced_not_followed(named, tmp_path):
    """What it leads to keeps all its files."""
    target = tmp_path / "target"
    shutil.copytree(named, target)
    (target / "mine.txt").write_text("mine")
    (tmp_path / "out").symlink_to(target)
    write_result(Result("x", (), MAPS), tmp_path / "out")
    assert not (tmp_path / "out").is_symlink() and (target / "mine.txt").read_text() == "mine"
    assert (target / "summary.json").read_bytes() == (named / "summary.json").read_bytes()
