"""``pocketvox compare``: its folder, report, script and exit codes; the same command gives the same bytes."""

from __future__ import annotations

import csv
import gzip
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import h5py
import numpy as np
import pytest
from conftest import DEMO, ROOT

from pocketvox.cli import main
from pocketvox.commands import compare as command
from pocketvox.comparison import compare
from pocketvox.comparison.difference import joint_value
from pocketvox.comparison.folder import FORMATS, write_comparison
from pocketvox.comparison.noise import NoiseFloor
from pocketvox.comparison.page import page_html
from pocketvox.comparison.result import FITS, STATUSES
from pocketvox.comparison.summary import summary
from pocketvox.comparison.tables import HOTSPOT_COLUMNS, POCKET_COLUMNS
from pocketvox.errors import OutputError, UsageError
from pocketvox.inference import load_predictor
from pocketvox.structure import read_structure

FILES = {
    "a.cif", "b.cif", "comparison.json", "difference.h5", "hotspots.csv", "maps", "pockets.csv", "report.html",
    "view.pml",
}  # fmt: skip
#: Side-chain atoms taken out of B, of residues beside pockets of the tiny preset.
CUT = re.compile(r"^ATOM  .{6} (CG |OD1|OD2|CD |NE |CZ |NH1|NH2|OE1|OE2|CE |NZ ).(ASP|ARG|GLU|LYS) A")


@pytest.fixture(scope="module")
def mutant(tmp_path_factory):
    """The bundled complex without the charged side chains of one chain, under a name that a report has to escape."""
    text = gzip.decompress(DEMO.read_bytes()).decode()
    path = tmp_path_factory.mktemp("mutant") / "<b>cut & 'pasted'.pdb"
    path.write_text("".join(line for line in text.splitlines(keepends=True) if not CUT.match(line)))
    return path


@pytest.fixture(scope="module")
def tiny(preset):
    return load_predictor(preset, threads=1)


@pytest.fixture(scope="module")
def found(mutant, tiny):
    return compare(DEMO, mutant, predictor=tiny)


@pytest.fixture(scope="module")
def folder(found, tmp_path_factory):
    return write_comparison(found, tmp_path_factory.mktemp("out") / "x")


def rows_of(path):
    with open(path, newline="") as handle:
        return list(csv.DictReader(handle))


# --------------------------------------------------------------------------------------------------------------- folder
def test_the_folder(folder, found):
    assert {p.name for p in folder.iterdir()} == FILES
    assert json.loads((folder / "comparison.json").read_text()) == summary(found)
    hotspots, pockets = rows_of(folder / "hotspots.csv"), rows_of(folder / "pockets.csv")
    assert tuple(hotspots[0]) == HOTSPOT_COLUMNS and tuple(pockets[0]) == POCKET_COLUMNS
    assert len(hotspots) == len(found.hotspots) > 3 and len(pockets) == len(found.pockets) > 0
    for row, spot in zip(hotspots, found.hotspots, strict=True):
        assert row["status"] == spot.status in STATUSES and row["above_noise"] == ""
        assert float(row["change"]) == pytest.approx(float(row["score_b"]) - float(row["score_a"]), abs=2e-4)
        assert [float(row[c]) for c in "xyz"] == pytest.approx(spot.coord, abs=1e-3)
        assert bool(row["partners_a"]) <= (spot.a is not None) and bool(row["pocket_b"]) == (spot.b is not None)
    assert any("not in B" in row["reasons"] for row in hotspots)
    assert {row["status"] for row in hotspots} - {"kept"}


def test_numbers_of_the_summary(folder, found):
    text = json.loads((folder / "comparison.json").read_text())
    assert text["a"]["sha256"] != text["b"]["sha256"] and text["b"]["name"] == "<b>cut & 'pasted'"
    assert text["alignment"]["matched_residues"] == 198 and text["alignment"]["sequence_identity"] == 1.0
    assert text["alignment"]["rmsd"] == 0 and text["alignment"]["fit"] == "global"
    assert sum(v["hotspots"] for v in text["counts"].values()) == len(text["hotspots"])
    assert text["noise"] is None and text["changed_volume"] is None
    assert text["thresholds"]["same_hotspot"] == 2.5


def test_the_difference_is_that_of_joint_values(folder, found):
    """With the attributes of maps.h5, and a mask of where it means something."""
    with h5py.File(folder / "difference.h5") as file:
        values, comparable, attributes = file["difference"][...], file["comparable"][...], dict(file.attrs)
    grid = found.a.maps.grid
    assert attributes["origin"].tolist() == list(grid.origin) and attributes["spacing"] == grid.spacing
    assert list(attributes["channels"]) == list(found.a.maps.channels)
    assert {"schema_version", "calibrated"} <= set(attributes)
    assert values.shape == (*grid.shape, len(found.a.maps.channels)) and comparable.dtype == bool and comparable.all()
    for k in (0, len(found.a.maps.channels) - 1):
        expected = joint_value(found.b.maps, k) - joint_value(found.a.maps, k)
        assert np.abs(expected).max() > 0.1
        assert np.abs(values[..., k] - expected).max() < 1.1e-3


def test_superposed_structures_read_back(folder, found):
    for name, result in (("a.cif", found.a), ("b.cif", found.b)):
        back = read_structure(folder / name).atoms
        kept = result.structure.atoms[result.structure.atoms.kind < 3]
        assert np.allclose(back.coord, kept.coord, atol=1e-3)


def test_the_script_loads_what_lies_beside_it(folder, found):
    lines = (folder / "view.pml").read_text().splitlines()
    loaded = [line.split()[1].rstrip(",") for line in lines if line.startswith("load ")]
    assert loaded[:2] == ["a.cif", "b.cif"] and any(name.startswith("maps/") for name in loaded)
    assert all((folder / name).is_file() for name in loaded)
    assert sorted(f"maps/{p.name}" for p in (folder / "maps").iterdir()) == sorted(loaded[2:])
    assert "load b.cif, B__b_cut____pasted_" in lines
    levels = [line for line in lines if line.startswith("isomesh hbond_donor_")]
    assert [line.rsplit(", ", 1)[1] for line in levels] == ["0.100", "-0.100"]
    spots = [line for line in lines if line.startswith("pseudoatom ") and "first_pocket" not in line]
    assert len(spots) == len(found.hotspots)
    colour = {"kept": "grey70", "gained": "marine", "lost": "orange", "not_comparable": "grey30"}
    for line, spot in zip(spots, found.hotspots, strict=True):
        assert line.startswith(f"pseudoatom {spot.status}_{spot.type}_") and f"color={colour[spot.status]}," in line


def test_whole_maps_on_request(found, tmp_path):
    """Every channel on the whole grid; otherwise only the box in which something changes."""
    import gemmi

    whole = write_comparison(found, tmp_path / "whole", formats=("ccp4",)) / "maps"
    part = write_comparison(found, tmp_path / "part") / "maps"
    assert {p.stem for p in whole.iterdir()} == set(found.difference.channels)
    large = gemmi.read_ccp4_map(str(whole / "hbond_donor.ccp4"), setup=True).grid
    small = gemmi.read_ccp4_map(str(part / "hbond_donor.ccp4")).grid
    assert (large.nu, large.nv, large.nw) == found.difference.grid.shape
    assert small.point_count < large.point_count
    place = np.argwhere(np.abs(found.difference["hbond_donor"].values[..., 0]) > 0.3)[0]
    values = []
    for path in (whole, part):
        grid = gemmi.read_ccp4_map(str(path / "hbond_donor.ccp4"), setup=True).grid
        values.append(grid.interpolate_value(gemmi.Position(*found.difference.grid.to_coord(place))))
    assert values[0] == pytest.approx(values[1], abs=1e-4)
    assert values[0] == pytest.approx(float(found.difference["hbond_donor"].values[(*place, 0)]), abs=1e-3)


def test_twice_the_same_is_the_same_bytes(mutant, tiny, folder, tmp_path):
    again = write_comparison(compare(DEMO, mutant, predictor=tiny), tmp_path / "again")
    names = [p.relative_to(folder) for p in folder.rglob("*") if p.is_file()]
    assert len(names) > len(FILES)
    for name in names:
        assert (folder / name).read_bytes() == (again / name).read_bytes(), name


def test_an_earlier_comparison_is_replaced_and_nothing_else(found, tmp_path):
    for _ in range(2):
        write_comparison(found, tmp_path / "x")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    with pytest.raises(OutputError, match="expected nothing or an earlier result"):
        write_comparison(found, tmp_path / "mine")
    with pytest.raises(UsageError, match="Received: povray"):
        write_comparison(found, tmp_path / "y", formats=("povray",))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine", "x"]


# --------------------------------------------------------------------------------------------------------------- report
class Page(HTMLParser):
    """Tags, attributes and text of a page; unclosed elements are an error."""

    VOID = ("meta", "br", "line", "circle", "rect")

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_report_is_whole_escaped_and_asks_for_nothing(folder, found):
    html = (folder / "report.html").read_text()
    page = Page(html)
    assert not page.open
    assert html.startswith("<!doctype html>") and "default-src 'none'" in html
    assert not {name for name, _ in page.attributes} & {"src", "href", "onclick", "onload"}
    assert not re.search(r"https?://|<script|url\(|@import", html)
    assert "<b>cut" not in html and "<b>cut & 'pasted' (B)" in page.text
    for word in ("What changed", "Superposition and alignment", "198, 100.0 % identical", "not in B"):
        assert word in page.text
    assert page.text.count("gained") >= sum(h.status == "gained" for h in found.hotspots)


def test_the_alignment_shows_gaps_and_differences(found):
    """The first residue of A deleted, the third another one."""
    chains = found.correspondence.chains
    b = replace(chains[0].b, letters="W" + chains[0].b.letters[2:], numbers=chains[0].b.numbers[1:])
    pair = replace(chains[0], b=b, pairs=np.array([[k + 1, k] for k in range(98)]))
    corresponding = replace(found.correspondence, chains=(pair,), fitted=np.ones(98, bool))
    changed = replace(found, correspondence=corresponding)
    text = Page(page_html(changed)).text
    assert "A     1 PQVTLWQRPLV" in text
    assert "B     2 -WVTLWQRPLV" in text
    assert "         .|||||||" in text


def test_known_noise_is_shown_and_used(mutant, tiny, monkeypatch):
    """Changes just above it count, and volumes are given."""
    plain = compare(DEMO, mutant, predictor=tiny)
    sizes = sorted({abs(h.change) for h in plain.hotspots})
    middle = sizes[len(sizes) // 2]
    channels = plain.difference.channels
    noise = NoiseFloor(dict.fromkeys(channels, middle), dict.fromkeys(channels, 0.2), 0.6)
    monkeypatch.setattr("pocketvox.comparison.run.noise_floor", {plain.a.preset: noise}.get)
    found = compare(DEMO, mutant, predictor=tiny)
    above = sum(abs(h.change) > middle for h in plain.hotspots)
    assert 0 < above == sum(bool(h.above_noise) for h in found.hotspots) < len(found.hotspots)
    assert all(not h.reasons for h in found.hotspots if h.status == "kept" and not h.above_noise)
    text = Page(page_html(found)).text
    assert "60 % of the hot-spots are kept" in text and "more than" in text
    gained, lost = found.changed["hbond_donor"]
    values = found.difference["hbond_donor"].values
    assert (gained, lost) == ((values > 0.2).sum(), (values < -0.2).sum()) and lost > gained


# --------------------------------------------------------------------------------------------------------- command line
def test_the_command(cli, tmp_path, preset, mutant):
    done = cli("compare", DEMO, mutant, "-o", "difference", "--preset", preset, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((tmp_path / "difference" / "comparison.json").read_text())
    assert {p.name for p in (tmp_path / "difference").iterdir()} == FILES
    done = cli("compare", DEMO, mutant, "-o", "difference", "--preset", preset, "-q")
    assert done.returncode == 0 and done.stderr == ""
    assert "198 corresponding residues, 100 % identical, RMSD 0.00 A" in done.stdout
    assert re.search(r"hot-spots: \d+ kept, \d+ gained, \d+ lost, 0 not comparable", done.stdout)


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        ([str(DEMO), "-o", "x"], 2, "required: B"),
        ([str(DEMO), str(DEMO)], 2, "required: -o/--out"),
        ([str(DEMO), str(DEMO), "-o", "x", "--fit", "local"], 2, "invalid choice: 'local'"),
        ([str(DEMO), str(DEMO), "-o", "x", "--fit", "pocket", "--no-align"], 2, "have no fit"),
        ([str(DEMO), str(DEMO), "-o", "x", "--formats", "pymol"], 2, "expected some of ccp4. Received: pymol"),
        ([str(DEMO), str(DEMO), "-o", "x", "--size", "9"], 2, "Give --center"),
        ([str(DEMO), "nowhere.pdb", "-o", "x"], 1, "nowhere.pdb: no such file"),
        ([str(DEMO), str(ROOT / "tests/data/1orc.pdb.gz"), "-o", "x"], 1, "expected a structure that superposes on"),
        ([str(DEMO), str(DEMO), "-o", "x", "--around", "A:999"], 1, "A:999"),
    ],
)
def test_exit_codes_and_nothing_left_behind(tmp_path, preset, capsys, monkeypatch, arguments, code, complaint):
    monkeypatch.chdir(tmp_path)
    try:
        status = main(["compare", *arguments, "--preset", str(preset)])
    except SystemExit as stop:
        status = stop.code
    assert status == code
    assert complaint in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"HEADER only\n", b"\x1f\x8b\x08damaged"])
def test_bad_files(tmp_path, preset, capsys, damage):
    """Empty, without atoms, cut off: named, exit code 1."""
    (tmp_path / "bad.pdb").write_bytes(damage)
    for pair in ((DEMO, tmp_path / "bad.pdb"), (tmp_path / "bad.pdb", DEMO)):
        assert main(["compare", *map(str, pair), "-o", str(tmp_path / "x"), "--preset", str(preset)]) == 1
        assert "bad.pdb" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["bad.pdb"]


def test_results_of_scans_are_refused_with_the_reason(tmp_path, capsys):
    (tmp_path / "1hvr").mkdir()
    (tmp_path / "1hvr" / "summary.json").write_text("{}")
    assert main(["compare", str(DEMO), str(tmp_path / "1hvr"), "-o", str(tmp_path / "x")]) == 2
    assert "whose maps lie on their own grid" in capsys.readouterr().err


def test_a_preset_of_complexes_is_refused(tmp_path, capsys):
    arguments = ["compare", str(DEMO), str(DEMO), "-o", str(tmp_path / "x"), "--preset", "pocketvox-complex-1"]
    assert main(arguments) == 2
    assert "task pocket" in capsys.readouterr().err


def test_lists_of_the_command_are_those_of_the_library():
    """The parser must not import the library; so they stand twice."""
    assert command.FITS == FITS and command.FORMATS == FORMATS
