"""The HTML report without a browser: complete, exact, safe against what names hold, the same for the same result."""

import base64
import json
import re
import zlib
from dataclasses import replace
from html.parser import HTMLParser

import gemmi
import numpy as np
import pytest
from test_pockets import make_atoms
from test_report import hotspot, maps, pocket, result

from pocketvox.channels import CHANNELS
from pocketvox.pipeline import scan
from pocketvox.report import page, page_data, write_result
from pocketvox.report.page import REPORT, page_html
from pocketvox.report.page_data import view_data
from pocketvox.structure.atoms import OTHER, WATER, Structure
from pocketvox.voxel import Grid, Volume
from pocketvox.voxel.tiles import TiledArray

NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


class Reader(HTMLParser):
    """The tables of a page as lists of rows of texts, its scripts, and every attribute that names an address."""

    def __init__(self, text: str):
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.scripts: dict[str, str] = {}
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self._open: list[tuple[str, dict]] = []
        self._rows: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        self.addresses += [v for k, v in attributes.items() if k in ("src", "href", "action")]
        if tag == "table":
            self._rows = self.tables.setdefault(attributes.get("id", f"table {len(self.tables)}"), [])
        if tag == "tr":
            self._rows.append([])
        if tag in ("td", "th"):
            self._rows[-1].append("")
        if tag not in ("meta", "img", "input", "link", "br"):
            self._open.append((tag, attributes))

    def handle_endtag(self, tag):
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if any(tag in ("td", "th") for tag, _ in self._open):
            self._rows[-1][-1] += data
        if self._open and self._open[-1][0] == "script":
            self.scripts[self._open[-1][1].get("id", f"script {len(self.scripts)}")] = data


def unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


@pytest.fixture(scope="module")
def scanned(demo_file, preset):
    return scan(demo_file, preset=preset, around="A:263")


def test_tables_say_what_the_files_say():
    """Rounded as documents are, in the order of the CSV files."""
    tables = Reader(page_html(result())).tables
    assert tables["pockets"][1] == ["pocket1", "0.25", "12.3", "240", "6.2", "1", "", "A_25 LONG_-3A"]
    assert len(tables["pockets"]) == 3
    assert tables["hotspots"][1:] == [
        ["1", "H-bond donor", "pocket1", "0.91", "0.50", "1.0", "-2.5", "3.1", "A:ASP 25:OD1, B:GLY -3A:O"]
    ]


def test_names_from_files_are_text():
    """Residues, chains, warnings, paths and names that look like markup stay what they are."""
    atoms = make_atoms([[0.0, 0, 0], [3.8, 0, 0]])
    bad = result(
        name=NASTY,
        source=NASTY,
        warnings=(NASTY, "{{data}}"),
        structure=Structure(NASTY, replace(atoms, chain_id=np.array([NASTY, NASTY]))),
        pockets=(pocket(name=NASTY, residue_ids=(NASTY,), hotspots=(hotspot(partners=(NASTY,)),)),),
    )
    read, clean = Reader(page_html(bad)), Reader(page_html(result()))
    assert read.tags.count("script") == clean.tags.count("script")
    assert read.tags.count("img") == clean.tags.count("img")
    assert read.tables["hotspots"][1][-1] == NASTY
    assert read.tables["pockets"][1][0] == NASTY
    assert json.loads(read.scripts["data"])["pockets"][0]["name"] == NASTY
    assert "<li>{{data}}</li>" in page_html(bad)


def test_nothing_is_requested():
    """No address in the page but that of the viewer's authors, in a comment; a policy that forbids all others."""
    text = page_html(result())
    assert Reader(text).addresses == []
    assert "default-src 'none'" in text and "connect-src" not in text


def test_the_view_holds_the_maps(scanned):
    """Joint values to half of a 255th of the channel's largest, on the grid of the maps."""
    data = view_data(scanned)
    (box,) = data["boxes"]
    grid, values = scanned.maps.grid, np.moveaxis(scanned.maps.values, 3, 0)
    assert (box["origin"], box["spacing"], tuple(box["shape"])) == (list(grid.origin), grid.spacing, grid.shape)
    voxels = np.cumsum(np.frombuffer(unpacked(box["voxels"]), "<i4"))
    levels = np.zeros((len(CHANNELS), *grid.shape), np.uint8)
    levels.reshape(len(CHANNELS), -1)[:, voxels] = np.frombuffer(unpacked(box["values"]), np.uint8).reshape(
        -1, len(voxels)
    )
    for k, channel in enumerate(data["channels"]):
        joint = values[k] * (values[-1] if channel["name"] != "ligand" else 1)
        joint = np.where((values[-1] >= page_data.FLOOR) & (joint >= page_data.FLOOR), joint, 0)
        assert channel["largest"] == pytest.approx(joint.max(), abs=1e-4)
        assert np.abs(levels[k] * channel["largest"] / 255 - joint).max() <= channel["largest"] / 510 + 1e-4
    assert levels.any()


def test_the_view_holds_the_structure(scanned):
    """The atoms but waters in their order, numbered from 1; what lines a pocket and what is no polymer, by number."""
    data = view_data(scanned)
    document = gemmi.cif.read_string(unpacked(data["structure"]).decode())
    rows = document.sole_block().find("_atom_site.", ["id", "Cartn_x", "auth_asym_id", "auth_seq_id", "label_comp_id"])
    rows = [list(row) for row in rows]
    atoms = scanned.structure.atoms[scanned.structure.atoms.kind != WATER]
    assert [int(row[0]) for row in rows] == list(range(1, len(atoms) + 1))
    assert np.abs(np.array([float(row[1]) for row in rows]) - atoms.coord[:, 0]).max() < 6e-4
    assert {rows[k - 1][4] for k in data["hetero"]} == {"XK2"}
    assert len(data["hetero"]) == (atoms.kind == OTHER).sum()
    for drawn, found in zip(data["pockets"], scanned.pockets, strict=True):
        assert {f"{rows[k - 1][2]}_{rows[k - 1][3]}" for k in drawn["lining"]} == set(found.residue_ids)


def test_large_structures_are_drawn_as_traces(scanned, monkeypatch):
    """All that lines pockets, all ligands, of the rest one atom per residue."""
    whole = view_data(scanned)
    monkeypatch.setattr(page_data, "MOST_ATOMS", 100)
    data = view_data(scanned)
    assert data["trace"] and not whole["trace"]
    assert len(unpacked(data["structure"])) < len(unpacked(whole["structure"]))
    for drawn, full in zip(data["pockets"], whole["pockets"], strict=True):
        assert len(drawn["lining"]) == len(full["lining"])
    assert len(data["hetero"]) == len(whole["hetero"])


def test_large_maps_are_drawn_near_pockets(monkeypatch):
    """Boxes about the pockets hold the same values, from memory and from disk."""
    volume = maps((40, 30, 30))
    found = pocket(voxels=np.array([[20, 10, 10], [24, 12, 11]]))
    monkeypatch.setattr(page_data, "MOST_VOXELS", 1000)
    (box,) = view_data(result(maps=volume, pockets=(found,)))["boxes"]
    reach = 6  # voxels of 0.75 in 4 angstrom
    assert box["shape"] == [5 + 2 * reach, 3 + 2 * reach, 2 + 2 * reach]
    assert box["origin"] == pytest.approx(volume.grid.to_coord([14, 4, 4]))
    tiled = TiledArray(volume.values.shape, (16, 16, 16))
    for x in range(0, 40, 16):
        for y in range(0, 30, 16):
            for z in range(0, 30, 16):
                tiled.put((x, y, z), volume.values[x : x + 16, y : y + 16, z : z + 16])
    on_disk = Volume(tiled, volume.grid, volume.channels)
    assert view_data(result(maps=on_disk, pockets=(found,)))["boxes"] == [box]


def test_results_without_pockets_or_structure():
    """Something to open all the same."""
    text = page_html(result(pockets=(), structure=None))
    assert "0 pockets and 0 hot-spots" in text
    assert json.loads(Reader(text).scripts["data"])["structure"] is None


def test_every_file_can_be_had(tmp_path, monkeypatch):
    """Byte for byte, as long as there is room; the summary without its times, which differ from run to run."""
    folder = write_result(result(), tmp_path / "r", formats=("ccp4",), report=True)
    files = {f["name"]: f for f in json.loads(Reader((folder / REPORT).read_text()).scripts["data"])["files"]}
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert set(files) == there - {REPORT}
    for name, file in files.items():
        content = unpacked(file["data"]) if file["packed"] else base64.b64decode(file["data"])
        if name == "summary.json":
            assert json.loads(content) == {**json.loads((folder / name).read_text()), "seconds": {}}
        else:
            assert content == (folder / name).read_bytes()
            assert file["size"] == len(content)
    monkeypatch.setattr(page, "MOST_EMBEDDED", 1000)
    folder = write_result(result(), tmp_path / "r", report=True)
    files = {f["name"]: f for f in json.loads(Reader((folder / REPORT).read_text()).scripts["data"])["files"]}
    assert "data" in files["pockets.csv"] and "data" not in files["maps.h5"]


def test_equal_results_are_equal_pages(tmp_path):
    pages = [write_result(result(seconds={"read": s}), tmp_path / f"{s}", report=True) / REPORT for s in (0.1, 0.2)]
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_histograms_count_the_voxels_of_pockets():
    """Ten bars from 0 to 1 over the voxels of all pockets, at known values."""
    values = np.zeros((4, 4, 4, len(CHANNELS)), np.float32)
    values[0, 0, 0, 0], values[1, 0, 0, 0], values[2, 0, 0, 0] = 0.05, 0.55, 0.57
    found = pocket(voxels=np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0]]))
    volume = Volume(values, Grid((0.0, 0.0, 0.0), (4, 4, 4), 0.75), CHANNELS)
    text = page_html(result(maps=volume, pockets=(found,)))
    label = re.search(r'aria-label="H-bond donor: ([\d, ]+) voxels', text)[1]
    assert [int(n) for n in label.split(",")] == [1, 0, 0, 0, 0, 2, 0, 0, 0, 0]


def test_calibration_is_stated_as_it_is():
    assert "not calibrated" in page_html(result(calibrated=False))
    text = page_html(
        result(calibrated=True, uncalibrated=("halogen_bond",), calibration_errors={"hbond_donor": 0.0058})
    )
    assert "Not so halogen bond" in text and "H-bond donor 0.006" in text and "not calibrated" not in text


def test_a_build_without_the_viewer_says_so(monkeypatch):
    """Everything else is there."""
    monkeypatch.setattr(page, "_VIEWER", "absent.js")
    data = json.loads(Reader(page_html(result())).scripts["data"])
    assert "without 3Dmol.js" in data["missing"]


def test_the_command_line_writes_it_unless_told_not_to(cli, demo_file, preset, tmp_path):
    options = ("scan", demo_file, "--preset", preset, "--around", "A:263", "-q", "-o")
    assert cli(*options, "with").returncode == 0
    assert cli(*options, "without", "--no-report").returncode == 0
    assert (tmp_path / "with" / "1hvr" / REPORT).stat().st_size < 8_000_000
    assert not (tmp_path / "without" / "1hvr" / REPORT).exists()
