"""Bad inputs through the real process: one line that names the file and a remedy, exit code 1, nothing left behind."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
import sys

import pytest
from conftest import DEMO, environment, run_cli

from pocketvox.interactions import find_interactions
from pocketvox.structure import read_complex

#: What each kind of damage is made of, and what the message must say.
DAMAGES = ("empty", "truncated.gz", "truncated.cif", "text", "nan", "no-protein", "directory", "missing")


@pytest.fixture(scope="module")
def text() -> str:
    """The bundled complex as PDB text."""
    return gzip.decompress(DEMO.read_bytes()).decode()


def damaged(kind: str, folder, text: str):
    """A damaged input of this kind, and words its error must contain."""
    if kind == "empty":
        path, words = folder / "empty.pdb", ["is empty", "again"]
        path.write_text("")
    elif kind == "truncated.gz":
        path, words = folder / "cut.pdb.gz", ["cut off", "again"]
        path.write_bytes(DEMO.read_bytes()[:20_000])
    elif kind == "truncated.cif":
        path, words = folder / "cut.cif", ["cut.cif"]
        whole = mmcif(text)
        path.write_text(whole[: whole.index("HETATM") - 30])
    elif kind == "text":
        path, words = folder / "notes.pdb", ["expected a PDB", "Dear diary"]
        path.write_text("Dear diary,\ntoday I docked.\n")
    elif kind == "nan":
        path, words = folder / "nan.pdb", ["coordinates", "nan", "PRO"]
        lines = text.splitlines(keepends=True)
        k = next(i for i, line in enumerate(lines) if line.startswith("ATOM") and line[12:16].strip() == "CA")
        lines[k] = lines[k][:30] + "     nan" * 3 + lines[k][54:]
        path.write_text("".join(lines))
    elif kind == "no-protein":
        path, words = folder / "ligand.pdb", ["protein or nucleic acid", "XK2"]
        path.write_text("".join(line for line in text.splitlines(keepends=True) if line[17:20] == "XK2"))
    elif kind == "directory":
        path, words = folder / "folder.pdb", ["a directory"]
        path.mkdir()
    else:
        path, words = folder / "absent.pdb", ["no such file"]
    return path, words


def mmcif(text: str) -> str:
    import gemmi

    structure = gemmi.read_pdb_string(text)
    structure.setup_entities()
    return structure.make_mmcif_document().as_string()


def moved_ligand(text: str, by: float) -> str:
    """The complex's ligand as an SDF, displaced along x."""
    from rdkit import Chem

    block = "".join(line for line in text.splitlines(keepends=True) if line.startswith("HETATM") and "XK2" in line)
    mol = Chem.MolFromPDBBlock(block, sanitize=False, removeHs=False)
    conformer = mol.GetConformer()
    for i, position in enumerate(conformer.GetPositions()):
        conformer.SetAtomPosition(i, position + [by, 0, 0])
    return Chem.MolToMolBlock(mol, kekulize=False) + "$$$$\n"


def errors(done) -> list[str]:
    return [line for line in done.stderr.splitlines() if line.startswith("pocketvox: error:")]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, preset, text):
    """One run over every kind of bad input with two good ones among them: (inputs, process, folder)."""
    folder = tmp_path_factory.mktemp("mixed")
    inputs = {kind: damaged(kind, folder, text) for kind in DAMAGES}
    paths = [path for path, _ in inputs.values()]
    return inputs, run_cli("scan", DEMO, *paths, DEMO, "-o", "out", "--preset", preset, "--json", cwd=folder), folder


@pytest.mark.parametrize("kind", DAMAGES)
def test_bad_structure(mixed, kind):
    """Each kind of bad input is refused in one line that names the file and helps."""
    inputs, done, _ = mixed
    path, words = inputs[kind]
    (line,) = (line for line in errors(done) if str(path) in line)
    assert line.startswith(f"pocketvox: error: {path}: ")
    assert not [word for word in words if word not in line]
    assert "internal error" not in line


def test_bad_inputs_do_not_stop_the_others(mixed):
    """The good ones are done under names of their own, nothing else is written, the exit code says what happened."""
    inputs, done, folder = mixed
    assert done.returncode == 1
    assert len(errors(done)) == len(DAMAGES)
    assert "Traceback" not in done.stderr
    assert f"{len(DAMAGES)} of {len(DAMAGES) + 2} inputs failed" in done.stderr
    summaries = [json.loads(line) for line in done.stdout.splitlines()]
    assert [summary["name"] for summary in summaries] == ["1hvr", "1hvr-2"]
    assert sorted(p.name for p in (folder / "out").iterdir()) == ["1hvr", "1hvr-2"]
    for summary in summaries:
        assert summary == json.loads((folder / "out" / summary["name"] / "summary.json").read_text())


def test_the_same_input_gives_the_same_bytes(mixed):
    """Equal input, equal tables and maps."""
    _, _, folder = mixed
    for name in ("pockets.csv", "hotspots.csv", "maps.h5"):
        assert (folder / "out" / "1hvr" / name).read_bytes() == (folder / "out" / "1hvr-2" / name).read_bytes()


def test_a_bad_input_alone_leaves_nothing(cli, tmp_path, preset):
    """Not even the output folder."""
    (tmp_path / "empty.pdb").write_text("")
    done = cli("scan", "empty.pdb", "-o", "out", "--preset", preset)
    assert (done.returncode, done.stdout, len(errors(done))) == (1, "", 1)
    assert [p.name for p in tmp_path.iterdir()] == ["empty.pdb"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--around", "Z:999"], ["Z:999", "A:XK2 263"]),
        (["--around", "absent.sdf"], ["absent.sdf", "no such file"]),
        (["--center", "500", "0", "0"], ["no receptor atom", "Check the centre"]),
        (["--model", "7"], ["no model 7"]),
        (["--preset", "no-such-preset"], ["no-such-preset"]),
    ],
    ids=lambda value: value[0] if value[0].startswith("--") else None,
)
def test_bad_choice(cli, tmp_path, preset, options, words):
    """What matches nothing is an error that offers what would match."""
    done = cli("scan", DEMO, "-o", "out", "--preset", preset, *options)
    assert done.returncode == 1
    (line,) = errors(done)
    assert not [word for word in words if word not in line]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("verb", ["scan", "interactions", "voxelize", "label"])
def test_unwritable_output(cli, tmp_path, preset, verb):
    """An output below a file is refused before the work, and the file is left as it is."""
    (tmp_path / "file").write_text("precious")
    options = ["--preset", preset] if verb == "scan" else []
    done = cli(verb, DEMO, "-o", tmp_path / "file" / "out", *options)
    assert done.returncode == 1
    (line,) = errors(done)
    assert "is a file, not a folder" in line
    assert (tmp_path / "file").read_text() == "precious"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_foreign_folder_is_not_replaced(cli, tmp_path, preset):
    """A folder of the same name that is no result of ours is left alone."""
    (tmp_path / "out" / "1hvr").mkdir(parents=True)
    (tmp_path / "out" / "1hvr" / "thesis.txt").write_text("years of work")
    done = cli("scan", DEMO, "-o", "out", "--preset", preset)
    assert done.returncode == 1
    assert len(errors(done)) == 1
    assert [p.name for p in (tmp_path / "out").rglob("*")] == ["1hvr", "thesis.txt"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("wrong-frame", ["angstrom away", "frame"]),
        ("wrong-size", ["again"]),
        ("cut", ["cut off"]),
        ("empty", ["is empty"]),
    ],
)
def test_bad_ligand_file(cli, tmp_path, text, content, words):
    """A ligand that cannot belong to the structure is refused, by name."""
    whole = moved_ligand(text, by=200.0 if content == "wrong-frame" else 0.0)
    lines = whole.splitlines(keepends=True)
    if content == "wrong-size":
        lines[3] = "  9" + lines[3][3:]  # claims nine atoms
    text_by_content = {"cut": "".join(lines[:20]), "empty": ""}
    path = tmp_path / "ligand.sdf"
    path.write_text(text_by_content.get(content, "".join(lines)))
    done = cli("interactions", DEMO, path, "-o", "table.json")
    assert done.returncode == 1
    (line,) = errors(done)
    assert str(path) in line
    assert not [word for word in words if word not in line]
    assert [p.name for p in tmp_path.iterdir()] == ["ligand.sdf"]


def test_a_bug_in_one_input_is_reported_as_such(monkeypatch, capsys):
    """An unexpected exception stops no other input, is not blamed on the user, and shows its traceback on request."""
    from pocketvox.commands.common import each_input

    done = []

    def work(source, name):
        if source == "b.pdb":
            raise ZeroDivisionError("oops")
        done.append(source)

    assert each_input(["a.pdb", "b.pdb", "c.pdb"], work) == 1
    assert done == ["a.pdb", "c.pdb"]
    text = capsys.readouterr().err
    assert "pocketvox: error: b.pdb: internal error (ZeroDivisionError: oops). This is a bug in pocketvox" in text
    assert "Traceback" not in text
    assert each_input(["b.pdb"], work, verbose=True) == 1
    assert "Traceback" in capsys.readouterr().err


# ---------------------------------------------------------------------------------------------------------- good inputs
def test_scan_writes_what_is_documented(cli, tmp_path, preset):
    """Exactly the documented files, nothing hidden, nothing on stdout."""
    done = cli("scan", DEMO, "-o", "out", "--preset", preset)
    assert (done.returncode, done.stdout) == (0, "")
    files = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert files == {
        f"1hvr/{name}" for name in ("summary.json", "pockets.csv", "hotspots.csv", "maps.h5", "report.html")
    }


def test_a_region_restricts_the_map(cli, tmp_path, preset):
    """A region's map covers the region and no more."""
    import h5py

    shapes = {}
    for name, options in {
        "ligand": ["--around", "A:263"],
        "box": ["--center", "-9", "16", "28", "--size", "9"],
    }.items():
        assert cli("scan", DEMO, "-o", name, "--preset", preset, *options).returncode == 0
        with h5py.File(tmp_path / name / "1hvr" / "maps.h5") as file:
            shapes[name] = file["probability"].shape[:3]
    assert shapes["box"] == (10, 10, 10)
    assert all(25 < n < 38 for n in shapes["ligand"])  # 11 to 21 angstrom of ligand, 8 on either side


def test_quiet_is_quiet(cli, preset):
    """With -q stderr is empty; the JSON names the preset and the engine."""
    box = ("--center", "-9", "16", "28", "--size", "9")
    done = cli("scan", DEMO, "-o", "out", "--preset", preset, "-q", "--json", *box)
    assert done.stderr == ""
    summary = json.loads(done.stdout)
    assert summary["preset"]["name"] == "tiny-v1" and summary["engine"] == "openvino"


def test_structures_come_from_standard_input(tmp_path):
    """``-`` reads what a pipe brings, compressed or not; nothing at all is an error."""
    command = [sys.executable, "-m", "pocketvox", "interactions", "-", "--format", "csv"]
    options = {"cwd": tmp_path, "env": environment(), "capture_output": True, "check": False}
    compressed = DEMO.read_bytes()
    by_pipe = [subprocess.run(command, input=d, **options) for d in (compressed, gzip.decompress(compressed), b"")]
    direct = subprocess.run([*command[:-3], str(DEMO), *command[-2:]], **options)
    assert direct.returncode == 0 and direct.stdout
    assert by_pipe[0].stdout == by_pipe[1].stdout == direct.stdout
    assert by_pipe[2].returncode == 1 and b"stdin: the file is empty" in by_pipe[2].stderr


def test_interactions_as_json_and_csv(cli, tmp_path):
    """Both formats hold every interaction; the inhibitor's diol meets both catalytic aspartates."""
    table = json.loads(cli("interactions", DEMO).stdout)
    assert cli("interactions", DEMO, "--format", "csv", "-o", "table.csv").returncode == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "table.csv").read_text())))
    assert len(rows) == len(table["interactions"]) == len(find_interactions(read_complex(DEMO)))
    assert [row["type"] for row in rows] == [row["type"] for row in table["interactions"]]
    donated = {row["residue"] for row in table["interactions"] if row["type"] == "hbond_donor"}
    assert donated == {"A:ASP 25", "B:ASP 25"}
    assert table["ligands"][0]["name"] == "A:XK2 263"


def test_label_and_voxelize_write_grids(cli, tmp_path):
    """Both grids say where they are and what their channels are."""
    import h5py

    from pocketvox.channels import CHANNELS
    from pocketvox.features import FEATURES

    assert cli("label", DEMO, "-o", "label.h5").returncode == 0
    options = ("--center", "-9", "16", "28", "--size", "12")
    assert cli("voxelize", DEMO, "-o", "features.h5", *options).returncode == 0
    for name, channels in (("label", CHANNELS), ("features", FEATURES)):
        with h5py.File(tmp_path / f"{name}.h5") as file:
            assert tuple(file.attrs["channels"]) == channels
            assert file[name].shape[3] == len(channels)
            assert file[name][...].any()
            assert file.attrs["spacing"] == 0.75


def test_demo_tells_what_it_found(cli, tmp_path, preset):
    """The demonstration runs from any folder and names its files."""
    done = cli("demo", "--preset", preset)
    assert done.returncode == 0
    assert "Best hot-spots of pocket 1" in done.stdout
    assert "interactions have a hot-spot of their type within 2 A" in done.stdout
    assert str(tmp_path / "pocketvox-demo" / "1hvr") in done.stdout
    assert (tmp_path / "pocketvox-demo" / "1hvr" / "view.pml").is_file()
