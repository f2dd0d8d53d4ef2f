"""Submissions: what is sampled from their maps, and that every problem is named before anything is scored."""

from __future__ import annotations

import json
import os
import shutil
import time
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from benchmark_fixture import labels_submission, tiny_benchmark, write_info

from benchmarks.submissions import validate, validate_apart
from benchmarks.submissions.submission import Submission
from benchmarks.tracks.envelopes import envelope_labels
from pocketvox.channels import CHANNELS, CORE, TYPED
from pocketvox.errors import InputError
from pocketvox.report.maps import write_maps
from pocketvox.voxel import Volume


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    return tiny_benchmark(tmp_path_factory.mktemp("benchmark") / "prepared")


@pytest.fixture(scope="module")
def pristine(benchmark, tmp_path_factory):
    return labels_submission(benchmark, tmp_path_factory.mktemp("submissions") / "labels")


@pytest.fixture
def folder(pristine, tmp_path):
    """A submission without a problem, to be spoilt."""
    return shutil.copytree(pristine, tmp_path / "labels")


def _store(path, values, channels=("hydrophobic",), origin=(0.0, 0.0, 0.0), spacing=0.75, **options):
    """A map as another program would write it: attributes on the dataset, any type."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as h5:
        dataset = h5.create_dataset("probability", data=values, **options)
        dataset.attrs.update({"origin": origin, "spacing": spacing, "channels": list(channels)})


def _one_entry(tmp_path, **changes) -> Submission:
    write_info(tmp_path, **changes)
    return Submission(tmp_path)


def _single_file(folder, path):
    """The same submission as one HDF5 file."""
    with h5py.File(path, "w") as h5:
        h5.attrs["submission"] = (folder / "submission.json").read_text()
        for entry in (p for p in folder.iterdir() if p.is_dir()):
            for part in entry.glob("*.h5"):
                with h5py.File(part) as source:
                    source.copy("probability", h5.create_group(f"{entry.name}/{part.stem}"))
            h5[f"{entry.name}/pockets"] = Submission(folder).pockets(entry.name)
    return path


# ------------------------------------------------------------------------------------------------------------ sampling
def test_voxel_centres_take_the_stored_value(tmp_path):
    rng = np.random.default_rng(1)
    values = rng.random((4, 5, 6, 2), dtype=np.float32).astype(np.float16)
    origin = (-7.5, 3.0, 101.25)
    _store(tmp_path / "a" / "map.h5", values, ("ligand", "metal"), origin)
    index = rng.integers(0, (4, 5, 6), (40, 3))
    nearly = index * 0.75 + origin + rng.uniform(-7e-4, 7e-4, index.shape)  # below a thousandth of a voxel
    found, reached = _one_entry(tmp_path).sample("a", nearly, ("metal", "ligand", "hydrophobic"))
    assert reached.all() and found.dtype == np.float32
    assert np.array_equal(found[:, 0], values[tuple(index.T)][:, 1]) and np.array_equal(
        found[:, 1], values[tuple(index.T)][:, 0]
    )
    assert not found[:, 2].any()


@pytest.mark.parametrize("spacing", [0.4, 0.5, 1.0])
def test_other_positions_are_interpolated_linearly(tmp_path, spacing):
    shape, origin = (9, 8, 7), np.array([1.0, -2.0, 3.0])
    slope, offset = np.array([0.021, -0.017, 0.033]), 0.3
    centres = np.indices(shape).reshape(3, -1).T * spacing
    _store(tmp_path / "a" / "map.h5", (centres @ slope + offset).reshape(*shape, 1), origin=origin, spacing=spacing)
    inside = np.random.default_rng(2).random((200, 3)) * (np.array(shape) - 1) * spacing
    found, reached = _one_entry(tmp_path).sample("a", inside + origin, ("hydrophobic",))
    assert reached.all()
    assert np.abs(found[:, 0] - (inside @ slope + offset)).max() < 1e-6


def test_a_position_outside_is_0_and_not_reached(tmp_path):
    _store(tmp_path / "a" / "map.h5", np.ones((3, 3, 3, 1)))
    beside = [[1.5, 1.5, 1.5], [1.5, 1.5, 1.52], [-0.02, 0, 0], [0, 0, 0]]
    found, reached = _one_entry(tmp_path).sample("a", beside, ("hydrophobic",))
    assert reached.tolist() == [True, False, False, True]
    assert found[:, 0].tolist() == [1, 0, 0, 1]


def test_of_several_maps_the_first_that_reaches_counts(tmp_path):
    _store(tmp_path / "a" / "map0.h5", np.full((3, 1, 1, 1), 0.25))
    _store(tmp_path / "a" / "map1.h5", np.full((5, 1, 1, 1), 0.5))
    submission = _one_entry(tmp_path)
    found, reached = submission.sample("a", [[0.75 * i, 0, 0] for i in range(6)], ("hydrophobic",))
    assert found[:, 0].tolist() == [0.25, 0.25, 0.25, 0.5, 0.5, 0] and reached.tolist() == [True] * 5 + [False]
    assert [v.values.shape for v in submission.volumes("a")] == [(3, 1, 1, 1), (5, 1, 1, 1)]


def test_failed_and_absent_entries_are_zeros(tmp_path):
    _store(tmp_path / "a" / "map.h5", np.ones((3, 3, 3, 1)))
    submission = _one_entry(tmp_path, failures={"a": "no time"})
    for id in ("a", "absent"):
        found, reached = submission.sample(id, np.zeros((2, 3)), ("hydrophobic",))
        assert found.tolist() == [[0], [0]] and not reached.any()
    assert submission.pockets("a").shape == (0, 3) and submission.pockets("absent") is None


def test_the_labels_come_back_on_the_scored_voxels(benchmark, pristine):
    submission = Submission(pristine)
    for entry in benchmark.entries("maps"):
        for site in entry.sites:
            scored = envelope_labels(entry, site)
            found, reached = submission.sample(entry.id, scored.voxels, TYPED)
            assert reached.all() and scored.labels.any() and np.array_equal(found, scored.labels)


def test_one_file_is_the_same_as_a_folder(benchmark, pristine, tmp_path):
    folder, single = Submission(pristine), Submission(_single_file(pristine, tmp_path / "one.h5"))
    assert single.info == folder.info and not validate.problems(single.path, benchmark)
    coord = np.random.default_rng(3).normal(0, 20, (500, 3))
    for entry in benchmark.entries():
        at = coord + entry.sites[0].coord.mean(axis=0)
        pairs = zip(single.sample(entry.id, at, CHANNELS), folder.sample(entry.id, at, CHANNELS), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs) and single.has(entry.id)
        assert np.array_equal(single.pockets(entry.id), folder.pockets(entry.id))
        assert single.channels(entry.id) == folder.channels(entry.id) == CHANNELS
    assert not single.has("absent") and single.pockets("absent") is None and single.volumes("absent") == []


def test_pockets_keep_the_order_of_the_table(tmp_path):
    (tmp_path / "a").mkdir()
    head = "name     ,  rank,   score,   center_x,   center_y,   center_z\n"
    (tmp_path / "a" / "pockets.csv").write_text(head + "p1 , 1, 9.1, 1.5, -2, 3\np2 , 2, 3.0, 4, 5, 6e1\n")
    assert _one_entry(tmp_path).pockets("a").tolist() == [[1.5, -2, 3], [4, 5, 60]]


# ---------------------------------------------------------------------------------------------------------- validation
def _edit(change):
    """Change the map of 1hvr-piece while it is open."""

    def spoil(folder):
        with h5py.File(folder / "1hvr-piece" / "map0.h5", "a") as h5:
            change(h5)

    return spoil


def _info(**changes):
    return lambda folder: write_info(folder, **changes)


def _attribute(name, value):
    def change(h5):
        h5.attrs[name] = h5["probability"].attrs[name] = value

    return _edit(change)


def _names(*names):
    def spoil(folder):
        write_info(folder, channels=list(CORE))
        _attribute("channels", names)(folder)

    return spoil


def _replace(make):
    """Another dataset with the attributes of the first."""

    def change(h5):
        attributes, shape = dict(h5["probability"].attrs), h5["probability"].shape
        del h5["probability"]
        make(h5, shape)
        h5["probability"].attrs.update(attributes)

    return _edit(change)


def _dataset(dtype="<f2", **options):
    return _replace(lambda h5, shape: h5.create_dataset("probability", options.pop("shape", shape), dtype, **options))


def _virtual(h5, shape):
    layout = h5py.VirtualLayout(shape, "<f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape)
    h5.create_virtual_dataset("probability", layout)


def _value(value):
    def change(h5):
        h5["probability"][5, 6, 7, 2] = value

    return _edit(change)


def _link(h5, link):
    del h5["probability"]
    h5["probability"] = link


def _bytes(name, content=b"x"):
    def spoil(folder):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)

    return spoil


def _truncate(folder):
    path = folder / "1hvr-piece" / "map0.h5"
    os.truncate(path, path.stat().st_size * 2 // 3)


def _symlink(folder):
    (folder / "1hvr-piece" / "map1.h5").symlink_to(folder / "1hvr-piece" / "map0.h5")


def _smaller(folder):
    path = folder / "1hvr-piece" / "map0.h5"
    volume = Submission(folder).volumes("1hvr-piece")[0]
    half = volume.grid.shape[0] // 2
    grid = volume.grid.window((0, 0, 0), (half, *volume.grid.shape[1:]))
    write_maps(path, Volume(volume.values[:half], grid, volume.channels), calibrated=False, floor=0)


def _boxes(folder):
    whole = Submission(folder).volumes("P1-apo")[0]
    grid = whole.grid.window((9, 9, 9), np.array(whole.grid.shape) - 18)
    values = whole.values[9:-9, 9:-9, 9:-9]
    write_maps(folder / "P1-apo" / "map0.h5", Volume(values, grid, CHANNELS), calibrated=False, floor=0)


def _pocket(values):
    def change(h5):
        h5["pocket"] = values(h5["probability"].shape[:3])

    return _edit(change)


def _pockets_text(text):
    return lambda folder: (folder / "1pfe" / "pockets.csv").write_text(text)


_HEAD = "rank,center_x,center_y,center_z\n"
_MAP = "1hvr-piece/map0.h5"
_LINK = f"{_MAP}, 'probability'"
#: What is done to a submission, where the one problem is, and what is said about it.
PROBLEMS = {
    "name with a slash": (_info(name="../labels"), "submission.json, name", "64 letters"),
    "long name": (_info(name="n" * 65), "submission.json, name", "64 letters"),
    "unknown task": (_info(task="docking"), "submission.json, task", "pocket or complex. Received: 'docking'"),
    "unknown scope": (_info(scope=None), "submission.json, scope", "protein or site. Received: None"),
    "unknown kind": (_info(kind=["method"]), "submission.json, kind", "ceiling. Received: \\['method'\\]"),
    "other version": (_info(benchmark_version="0.9"), "benchmark_version", "1.0. Received: '0.9'"),
    "title of two lines": (_info(title="a\nb"), "submission.json, title", "a line of 1 to 100"),
    "long description": (_info(description="x" * 3000), "submission.json, description", "2000 characters"),
    "lone surrogate": (_info(title="\ud800"), "submission.json, title", "a line of"),
    "unknown channel in the list": (_info(channels=[*CORE, "hbond"]), "submission.json, channels", "'hbond'"),
    "channel twice in the list": (_info(channels=[*CORE, CORE[0]]), "submission.json, channels", "each once"),
    "no list of channels": (_info(channels=None), "submission.json, channels", "Received: None"),
    "sets without maps": (_info(sets=["pairs"]), "submission.json, sets", "maps among them"),
    "unknown failure": (_info(failures={"9zzz": "no time"}), "submission.json, failures", "entries of the benchmark"),
    "deep brackets": (_info(environment=json.loads("[" * 30 + "]" * 30)), "submission.json", "20 levels"),
    "failed and there": (_info(failures={"1pfe": "no time"}), "submission.json", "both for 1pfe"),
    "missing entry": (lambda f: shutil.rmtree(f / "1pfe"), "coverage", "none for 1pfe. Predict them"),
    "no map": (lambda f: (f / "1pfe" / "map0.h5").unlink(), "coverage", "none for 1pfe"),
    "unknown folder": (lambda f: (f / "9zzz").mkdir(), "folders", "ids of entries. Received: 9zzz"),
    "pickle": (_bytes("1pfe/maps.pkl"), "1pfe/maps.pkl", "could run code"),
    "array at the top": (_bytes("maps.npy"), "maps.npy", "could run code"),
    "foreign file": (_bytes("1pfe/notes.xlsx"), "1pfe/notes.xlsx", "no part of one"),
    "hidden file": (_bytes(".hidden"), ".hidden", "no part of one"),
    "half an entry": (lambda f: (f / ".1abc.part").mkdir(), ".1abc.part", "half of one"),
    "folder in a folder": (_bytes("1pfe/deep/map.h5"), "1pfe/deep", "no such folder"),
    "link to a file": (_symlink, "1hvr-piece/map1.h5", "a link"),
    "link to a folder": (lambda f: (f / "4abc").symlink_to("/etc"), "4abc", "a link"),
    "pipe": (lambda f: os.mkfifo(f / "1pfe" / "map1.h5"), "1pfe/map1.h5", "plain files"),
    "truncated": (_truncate, _MAP, "an HDF5 file.*truncated"),
    "no HDF5": (_bytes(_MAP, b"GIF89a"), _MAP, "an HDF5 file"),
    "no dataset": (_edit(lambda h5: h5.pop("probability")), _MAP, "a dataset 'probability'"),
    "group for a dataset": (_edit(lambda h5: (h5.pop("probability"), h5.create_group("probability"))), _MAP, "a group"),
    "external link": (_edit(lambda h5: _link(h5, h5py.ExternalLink("/etc/passwd", "/x"))), _LINK, "ExternalLink"),
    "soft link": (_edit(lambda h5: _link(h5, h5py.SoftLink("/elsewhere"))), _LINK, "SoftLink"),
    "data of other files": (_dataset(external=[("/etc/passwd", 0, 10**6)]), _MAP, "data of other files"),
    "virtual": (_replace(_virtual), _MAP, "data of other files"),
    "filter": (_dataset(chunks=(8, 8, 8, 1), dtype="<f4", scaleoffset=3), _MAP, "filters gzip"),
    "integers": (_dataset("<i2"), _MAP, "float16, float32 or float64"),
    "objects": (_dataset(h5py.vlen_dtype("<f4")), _MAP, "the type dtype\\('O'\\)"),
    "compound": (_dataset([("a", "<f4")]), _MAP, "float16, float32 or float64"),
    "three axes": (_dataset(shape=(9, 9, 9)), _MAP, "shape \\(x, y, z, 11\\)"),
    "axis against channels": (_dataset(shape=(9, 9, 9, 3)), _MAP, "shape \\(x, y, z, 11\\)"),
    "empty": (
        _dataset(shape=(0, 9, 9, 11), chunks=(1, 9, 9, 1), maxshape=(None, 9, 9, 11)),
        _MAP,
        "at least one voxel",
    ),
    "bomb": (_dataset(shape=(5000, 5000, 5000, 11), chunks=(32, 32, 32, 1), compression="gzip"), _MAP, "120,000,000"),
    "large chunk": (
        _dataset(shape=(400, 400, 400, 11), chunks=(400, 400, 400, 3), compression=1),
        _MAP,
        "chunks of at",
    ),
    "unknown channel": (_names(*TYPED, "water"), _MAP, "channels among.*'water'"),
    "channel twice": (_names(*TYPED, "metal"), _MAP, "each channel once"),
    "channels that are numbers": (_attribute("channels", np.arange(11)), _MAP, "channels that are no names"),
    "small spacing": (_attribute("spacing", 0.19), _MAP, "0.2 to 2.0 angstrom. Received: 0.19"),
    "large spacing": (_attribute("spacing", 2.01), _MAP, "0.2 to 2.0 angstrom. Received: 2.01"),
    "negative spacing": (_attribute("spacing", -0.75), _MAP, "spacing -0.75"),
    "no origin": (_attribute("origin", [0.0, np.nan, 0.0]), _MAP, "an origin in angstrom"),
    "short origin": (_attribute("origin", [0.0, 0.0]), _MAP, "origin of float64, shape \\(2,\\)"),
    "above 1": (_value(1.001), _MAP, "values from 0 to 1. Received: 1.00.* in hydrophobic at voxel \\(5, 6, 7\\)"),
    "below 0": (_value(-1e-6), _MAP, "values from 0 to 1. Received: -.* in hydrophobic at voxel \\(5, 6, 7\\)"),
    "no number": (_value(np.nan), _MAP, "values from 0 to 1. Received: nan in hydrophobic at voxel \\(5, 6, 7\\)"),
    "infinite": (_value(np.inf), _MAP, "values from 0 to 1. Received: inf"),
    "not the whole ligand": (
        _smaller,
        "1hvr-piece",
        "of the envelope of the ligand piece. Received: \\d+.\\d % of its",
    ),
    "not the whole receptor": (_boxes, "P1-apo", "one map of the whole receptor"),
    "ranks of another shape": (_pocket(lambda shape: np.zeros((3, 3, 3), "u1")), f"{_MAP}, pocket", "the shape"),
    "ranks that are no integers": (_pocket(lambda shape: np.zeros(shape)), f"{_MAP}, pocket", "integers"),
    "negative ranks": (_pocket(lambda shape: np.full(shape, -1)), f"{_MAP}, pocket", "Received: -1 to -1"),
    "pocket without a place": (_pockets_text(_HEAD + "1,0,0,nan\n"), "1pfe/pockets.csv", "nan\\] for pocket 1"),
    "pockets that are text": (_pockets_text(_HEAD + "1,a,b,c\n"), "1pfe/pockets.csv", "columns center_x"),
    "too many pockets": (_pockets_text(_HEAD + "1,0,0,0\n" * 10_001), "1pfe/pockets.csv", "10,000 pockets"),
}


def test_a_sound_submission_has_no_problem(benchmark, folder):
    for name in ("1pfe/summary.json", "1pfe/hotspots.csv", "1pfe/maps/metal.ccp4", "1pfe/scene.pml", "README.md"):
        _bytes(name)(folder)
    _pocket(lambda shape: np.ones(shape, np.uint16))(folder)
    _value(-0.0)(folder)
    assert validate.problems(folder, benchmark) == []


@pytest.mark.parametrize("case", PROBLEMS)
def test_each_problem_is_named(benchmark, folder, case):
    spoil, where, message = PROBLEMS[case]
    spoil(folder)
    found = validate.problems(folder, benchmark)
    assert [one.where for one in found] == [where] if "version" not in case else len(found) == 1
    with pytest.raises(InputError, match=message):
        raise InputError(str(found[0]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ("[1]", "a JSON object with a name"),
        ('{"name": 3}', "a JSON object with a name"),
        ('{"name": "a", "failures": ["1pfe"]}', "failures as an object"),
        ('{"name": ' * 10**5, "recursion"),
        (" " * 5_000_001, "more than 5,000,000 bytes"),
        ("\udcff", "codec can't decode"),
    ],
)
def test_a_submission_json_that_is_none(benchmark, tmp_path, text, message):
    (tmp_path / "submission.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    (found,) = validate.problems(tmp_path, benchmark)
    with pytest.raises(InputError, match=message):
        raise InputError(str(found))


def test_failures_need_a_reason(benchmark, folder):
    shutil.rmtree(folder / "1pfe")
    write_info(folder, failures={"1pfe": "ran out of memory\non line 3"})
    assert not validate.problems(folder, benchmark)
    for reason in ("", " ", 3, None, "x" * 2001):
        write_info(folder, failures={"1pfe": reason})
        (found,) = validate.problems(folder, benchmark)
        assert found.where == "submission.json, failures" and "none for 1pfe" in found.text


def test_only_the_claimed_sets_are_asked_for(benchmark, folder):
    for id in ("P1-apo", "P1-fragment", "P1-lead", "tiny"):
        shutil.rmtree(folder / id)
    (found,) = validate.problems(folder, benchmark)
    assert "none for P1-apo, P1-fragment, P1-lead, tiny." in found.text
    write_info(folder, sets=["maps", "screening"])
    (found,) = validate.problems(folder, benchmark)
    assert "none for tiny." in found.text
    write_info(folder, sets=["maps"])
    assert not validate.problems(folder, benchmark)
    assert validate.problems(folder, benchmark, ("maps", "pairs"))


def test_a_method_of_pockets_needs_no_maps(benchmark, folder):
    for path in folder.glob("*/*.h5"):
        path.unlink()
    write_info(folder, channels=[], sets=["maps"])
    assert not validate.problems(folder, benchmark)
    (folder / "1pfe" / "pockets.csv").unlink()
    (found,) = validate.problems(folder, benchmark)
    assert found.where == "coverage" and "1pfe" in found.text


def test_a_map_lacks_a_channel_that_was_announced(benchmark, folder):
    _store(folder / "1pfe" / "map0.h5", np.zeros((3, 3, 3, 4)), CORE)
    write_info(folder, channels=[*CORE, "ligand"])
    (found,) = validate.problems(folder, benchmark)
    assert found.where == "1pfe/map0.h5" and "none for ligand" in found.text


@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8"])
def test_the_bad_value_of_a_large_map_is_found_in_any_type(tmp_path, dtype, monkeypatch):
    monkeypatch.setattr("benchmarks.submissions.map_checks.BLOCK", 200)
    values = np.random.default_rng(0).random((9, 8, 7, 2)).astype(dtype)
    for where in ((8, 7, 6, 1), (0, 0, 0, 0), (4, 3, 6, 1)):
        for options in ({}, {"chunks": (2, 3, 4, 1), "compression": "lzf"}):
            bad = values.copy()
            bad[where] = 1.5
            _store(tmp_path / "a" / "map0.h5", bad, ("metal", "ligand"), **options)
            (found,) = validate.entry_folder_problems(tmp_path / "a")
            assert f"in {('metal', 'ligand')[where[3]]} at voxel {where[:3]}" in found.text
            _store(tmp_path / "a" / "map0.h5", values, ("metal", "ligand"), **options)
            assert not validate.entry_folder_problems(tmp_path / "a")


def test_one_file_is_checked_like_a_folder(benchmark, pristine, tmp_path):
    path = _single_file(pristine, tmp_path / "one.h5")
    with h5py.File(path, "a") as h5:
        del h5["1pfe"]
        h5["tiny/pockets"][0] = np.nan
        h5["tiny/map1"] = np.zeros(3)
        h5["P1-apo/elsewhere"] = h5py.ExternalLink("/etc/passwd", "/x")
        h5["1hvr-piece/map0/probability"][1, 2, 3, 4] = 2.0
        h5.create_group("9zzz")
    found = {one.where: one.text for one in validate.problems(path, benchmark)}
    assert set(found) == {"coverage", "one.h5", "tiny/pockets", "tiny/map1", "P1-apo, 'elsewhere'", "1hvr-piece/map0"}
    assert "none for 1pfe" in found["coverage"] and "9zzz" in found["one.h5"]
    assert "pi_cation at voxel (1, 2, 3)" in found["1hvr-piece/map0"]


def test_a_bomb_is_refused_unread(benchmark, tmp_path):
    """A few kilobytes that would unpack to 5.5 terabytes."""
    path = tmp_path / "a" / "map0.h5"
    path.parent.mkdir()
    with h5py.File(path, "w") as h5:
        h5.create_dataset("probability", (50_000, 50_000, 100, 11), "<f2", chunks=(64, 64, 64, 1), compression="gzip")
        h5["probability"].attrs.update({"origin": [0.0] * 3, "spacing": 0.75, "channels": list(CHANNELS)})
    start = time.perf_counter()
    (found,) = validate.entry_folder_problems(path.parent)
    assert path.stat().st_size < 20_000 and "120,000,000 voxels" in found.text
    assert time.perf_counter() - start < 2


def test_no_length_of_a_truncated_file_raises_anything(tmp_path):
    path = tmp_path / "a" / "map0.h5"
    _store(path, np.zeros((6, 6, 6, 11), "<f2"), CHANNELS, chunks=(3, 3, 3, 11), compression="gzip")
    whole = path.read_bytes()
    assert not validate.entry_folder_problems(path.parent)
    for length in range(0, len(whole), len(whole) // 50):
        path.write_bytes(whole[:length])
        assert len(validate.entry_folder_problems(path.parent)) == 1


# ------------------------------------------------------------------------------------------------- a process of its own
def test_a_submission_without_one_entry_is_refused(benchmark, folder):
    shutil.rmtree(folder / "1pfe")
    with pytest.raises(InputError, match=r"cannot be scored:\n  coverage: .*Received: none for 1pfe\. Predict them"):
        validate.check(folder, benchmark)


def test_many_problems_are_counted(benchmark, tmp_path, monkeypatch):
    write_info(tmp_path)
    for number in range(30):
        _bytes(f"{number}.pkl")(tmp_path)
    monkeypatch.setattr(validate_apart, "problems_apart", lambda *_: validate.problems(tmp_path, benchmark))
    with pytest.raises(InputError) as caught:
        validate.check(tmp_path, benchmark)
    lines = str(caught.value).splitlines()
    assert len(lines) == 22 and lines[-1] == "  and 11 more"
    assert validate.main(SimpleNamespace(submission=tmp_path, benchmark=benchmark.folder)) == 1


def test_a_file_that_hangs_or_crashes_the_reader_is_named(benchmark, pristine, tmp_path):
    (found,) = validate_apart.problems_apart(pristine, benchmark.folder, limit=0.01)
    assert "nothing after 0.01 seconds" in found.text
    (found,) = validate_apart.problems_apart(pristine, tmp_path / "no-benchmark")
    assert "end of its process (exit code 1)" in found.text
