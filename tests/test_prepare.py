"""Preparing the benchmark: the frozen list, what an entry's hash notices, files that read back the same, downloads."""

from __future__ import annotations

import csv
import gzip
import shutil
import threading
from dataclasses import fields, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import gemmi
import numpy as np
import pytest
from benchmark_fixture import DEMO, DNA, tiny_data

from benchmarks.entries import MAPS, PAIRS, Benchmark
from benchmarks.frozen import FROZEN, Row, read_rows, write_rows
from benchmarks.prepare import fingerprint, prepare, prepare_row
from benchmarks.prepared_files import write_receptor
from pocketvox.errors import InputError
from pocketvox.features import receptor_points
from pocketvox.structure import download, read_complex, read_structure

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Folder of structures, and the list of its entries."""
    folder = tmp_path_factory.mktemp("tiny") / "data"
    return folder, tiny_data(folder)


def _report(folder: Path) -> dict[str, tuple[str, str]]:
    with (folder / "report.csv").open(newline="") as handle:
        return {row["id"]: (row["status"], row["note"]) for row in csv.DictReader(handle)}


# ---------------------------------------------------------------------------------------------------------------- list
def test_rows_come_back_the_same(tiny, tmp_path):
    rows = [*tiny[1], replace(tiny[1][0], id="x", resolution=float("nan"), homology_free=False, sites=("a|C", "b|N"))]
    write_rows(tmp_path / "list.csv", rows)
    again = read_rows(tmp_path / "list.csv")
    assert again[:-1] == rows[:-1]
    assert np.isnan(again[-1].resolution) and replace(again[-1], resolution=1.0) == replace(rows[-1], resolution=1.0)


def test_the_frozen_list_is_written_back_as_it_is(tmp_path):
    write_rows(tmp_path / "list.csv", read_rows())
    assert (tmp_path / "list.csv").read_bytes() == FROZEN.read_bytes()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text.replace("1hvr,", "../1hvr,", 1), "Received: '../1hvr'"),
        (lambda text: text.replace("1hvr,", ".1hvr,", 1), "Received: '.1hvr'"),
        (lambda text: text.replace("1pfe,", "1hvr,", 1), "each once. Received: '1hvr'"),
        (lambda text: text.replace("clusters", "groups", 1), "expected the columns id, set"),
        (lambda text: text.replace("1.8,", "good,", 1), "expected the columns.*good"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused(tiny, tmp_path, spoil, message):
    path = tmp_path / "list.csv"
    write_rows(path, tiny[1])
    path.write_text(spoil(path.read_text()))
    with pytest.raises(InputError, match=message):
        read_rows(path)


# -------------------------------------------------------------------------------------------------------------- folder
def test_the_same_structures_give_the_same_bytes(tiny, tmp_path):
    data, rows = tiny
    for name in ("a", "b"):
        assert prepare(rows, tmp_path / name, data, workers=1) == {"identical": 7, "differs": 0, "absent": 0}
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) == 3 + 7 + 6
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    apo = Benchmark(tmp_path / "a").entry("P1-apo")
    assert [site.role for site in apo.sites] == ["fragment", "lead"]
    assert all((apo.folder / site.file).is_file() for site in apo.sites)
    assert Benchmark(tmp_path / "a").poses("tiny").active.tolist() == [True] * 2 + [False] * 5


def _change(data: Path, start: int, end: int, text: str) -> None:
    """Overwrite columns of the first atom of 1HVR's alpha carbons."""
    lines = (data / "1hvr.pdb").read_text().splitlines()
    i = next(i for i, line in enumerate(lines) if line[12:16] == " CA ")
    lines[i] = lines[i][:start] + text.rjust(end - start) + lines[i][end:]
    (data / "1hvr.pdb").write_text("\n".join(lines) + "\n")


def test_an_atom_that_moves_by_a_tenth_of_an_angstrom_is_noticed(tiny, tmp_path):
    data = shutil.copytree(tiny[0], tmp_path / "data")
    _change(data, 60, 66, "99.99")  # B-factor: nothing is predicted from it
    assert prepare(tiny[1][:1], tmp_path / "out", data, workers=1)["identical"] == 1
    line = next(line for line in (data / "1hvr.pdb").read_text().splitlines() if line[12:16] == " CA ")
    _change(data, 30, 38, f"{float(line[30:38]) + 0.1:.3f}")
    assert prepare(tiny[1][:1], tmp_path / "out", data, workers=1) == {"identical": 0, "differs": 1, "absent": 0}
    status, note = _report(tmp_path / "out")["1hvr"]
    assert status == "differs" and f"frozen {tiny[1][0].sha256}" in note
    assert np.abs(Benchmark(tmp_path / "out").entry("1hvr").atoms.coord - float(line[30:38]) - 0.1).min() < 1e-3


@pytest.mark.parametrize("field", ["coord", "point_coord", "point_channel", "role_coord", "role_channel"])
def test_all_that_is_scored_against_is_in_the_hash(tiny, field):
    prepared = prepare_row(tiny[1][0], tiny[0])
    (site,) = prepared.entry.sites
    changed = getattr(site, field).copy()
    changed[-1] += 1 if "channel" in field else 0.1
    other = replace(prepared, entry=replace(prepared.entry, sites=(replace(site, **{field: changed}),)))
    assert fingerprint(other) != fingerprint(prepared) == tiny[1][0].sha256
    turned = replace(prepared, receptor=prepared.receptor[::-1])
    assert fingerprint(turned) == fingerprint(prepared)


def test_a_damaged_file_leaves_its_entry_out_with_the_reason(tiny, tmp_path):
    data = shutil.copytree(tiny[0], tmp_path / "data")
    for name in ("1pfe.cif.gz", "protein.mol2.gz"):
        content = (data / name).read_bytes()
        (data / name).write_bytes(content[: len(content) // 2])
    (data / "lead.sdf").unlink()
    assert prepare(tiny[1], tmp_path / "out", data, workers=1) == {"identical": 4, "differs": 0, "absent": 3}
    report = _report(tmp_path / "out")
    assert {id for id, (status, _) in report.items() if status == "absent"} == {"1pfe", "P1-lead", "tiny"}
    assert "1pfe.cif.gz" in report["1pfe"][1] and "lead.sdf" in report["P1-lead"][1]
    assert "a protein in gzipped MOL2" in report["tiny"][1]
    assert {e.id for e in Benchmark(tmp_path / "out").entries()} == {"1hvr", "1hvr-piece", "P1-apo", "P1-fragment"}


def test_what_stands_in_the_way_is_kept(tiny, tmp_path):
    (tmp_path / "mine").mkdir()
    for path in (tmp_path / "mine" / "thesis.txt", tmp_path / "file"):
        path.write_text("mine")
    for name in ("mine", "file"):
        with pytest.raises(InputError, match="which holds something else"):
            prepare(tiny[1][:1], tmp_path / name, tiny[0], workers=1)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == (tmp_path / "file").read_text() == "mine"


def test_copies_of_a_ligand_are_not_taken_twice(tiny, tmp_path):
    """Two copies of a complex; the list names the second one, and one that is called otherwise in it."""
    lines = [line for line in (tiny[0] / "1hvr.pdb").read_text().splitlines() if line != "END"]
    other = [f"{s[:21]}{chr(ord(s[21]) + 2)}{s[22:30]}{float(s[30:38]) + 80:8.3f}{s[38:]}" for s in lines]
    (tmp_path / "two.pdb").write_text("\n".join([*lines, *other, "END"]) + "\n")
    names = [ligand.name for ligand in read_complex(tmp_path / "two.pdb").ligands]
    assert sorted(names) == ["A:XK2 263", "C:XK2 263"]
    formula = tiny[1][0].sites[0].split("|")[1]
    row = replace(tiny[1][0], receptor="two.pdb", sites=(f"1hvr_ligand|{formula}", f"A:XK2 263|{formula}"))
    assert [site.name for site in prepare_row(row, tmp_path).entry.sites] == ["C:XK2 263", "A:XK2 263"]


# -------------------------------------------------------------------------------------------------- what a method reads
def _modified(folder: Path) -> Path:
    """1ORC with a phosphotyrosine and an insertion code."""
    text = gzip.decompress((DATA / "1orc.pdb.gz").read_bytes()).decode()
    lines = [line for line in text.splitlines() if line[:6] in ("ATOM  ", "HETATM")]
    for i, line in enumerate(lines):
        if line[17:26] == "LYS A   8":
            lines[i] = f"{line[:22]}   7A{line[27:]}"
        if line[17:26] == "TYR A  10":
            lines[i] = f"HETATM{line[6:17]}PTR{line[20:]}"
    (folder / "changed.pdb").write_text("\n".join(lines) + "\nEND\n")
    return folder / "changed.pdb"


@pytest.mark.parametrize("source", [DEMO, DATA / "1orc.pdb.gz", DATA / "5i55.cif.gz", DNA, _modified])
def test_a_receptor_reads_back_the_same(source, tmp_path):
    """From 1HVR with its oxidised cysteines to DNA: atoms, kinds and parents, and all that a network is shown."""
    complex_ = read_complex(source(tmp_path) if callable(source) else source)
    receptor = complex_.receptor[complex_.receptor.heavy]
    if callable(source):
        assert set(receptor.parent[receptor.res_name == "PTR"]) == {"TYR"} and "A" in receptor.ins_code
    path = tmp_path / "receptor.cif.gz"
    write_receptor(path, "entry", receptor, np.empty((0, 2), int), "X-RAY DIFFRACTION")
    again = read_structure(path)
    assert again.method == "X-RAY DIFFRACTION" and not again.warnings
    assert np.abs(again.atoms.coord - receptor.coord).max() < 6e-4
    for part in fields(receptor):
        if part.name not in ("coord", "residue"):
            found, wanted = (getattr(atoms, part.name) for atoms in (again.atoms, receptor))
            assert np.array_equal(found, wanted), part.name
    assert np.array_equal(np.diff(again.atoms.residue) > 0, np.diff(receptor.residue) > 0)
    found, wanted = receptor_points(again.atoms), receptor_points(receptor)
    assert np.array_equal(found.features, wanted.features) and np.array_equal(found.radius, wanted.radius)
    assert np.abs(found.coord - wanted.coord).max() < 2e-2


# ------------------------------------------------------------------------------------------------------------ download
@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server of the files in ``tmp_path / "www"``; what it was asked is in ``asked``."""
    folder = tmp_path / "www"
    folder.mkdir()

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            if "code" not in str(arguments[0]):
                self.server.asked.append(self.path)

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    httpd.asked = []
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("POCKETVOX_PDB_URL", f"http://127.0.0.1:{httpd.server_port}/{{id}}.cif.gz")
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    yield httpd
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_entries_are_fetched_by_id_and_once(server, tiny, tmp_path):
    www, cache = tmp_path / "www", tmp_path / "cache"
    shutil.copy(DNA, www / "1pfe.cif.gz")
    hiv = gemmi.read_pdb(str(DEMO))
    hiv.setup_entities()
    (www / "1hvr.cif.gz").write_bytes(gzip.compress(hiv.make_mmcif_document().as_string().encode()))
    (www / "2trc.cif.gz").write_bytes((www / "1pfe.cif.gz").read_bytes()[:9000])
    base = tiny[1][0]
    formula = base.sites[0].split("|")[1]
    dna = next(row for row in tiny[1] if row.id == "1pfe")
    rows: list[Row] = [
        dna,
        # listed with a file of its own, as PDBbind has it: found by its formula in the entry
        replace(base, receptor="complexes/x.pdb", ligands=("=complexes/x.sdf",), sites=(f"1hvr_ligand|{formula}",)),
        replace(base, id="2trc", pdb_id="2trc"),
        replace(base, id="9zzz", pdb_id="9zzz"),
        replace(dna, id="other", sites=("A:ATP 1|C10N5O13P3",)),
        replace(base, id="pair", set=PAIRS, pair="P1"),
    ]
    assert prepare(rows, tmp_path / "out", None, workers=1, cache=cache) == {"identical": 1, "differs": 1, "absent": 4}
    report = _report(tmp_path / "out")
    assert report["1pfe"] == ("identical", "") and report["1hvr"][0] == "differs"
    for id, reason in {
        "2trc": "did not send a complete mmCIF file",
        "9zzz": "no such entry in the PDB",
        "other": f"expected the ligand A:ATP 1 (C10N5O13P3). Received: B:DSN 1+9 ({dna.sites[0].split('|')[1]})",
        "pair": "cannot be downloaded. Prepare them with --data",
    }.items():
        assert report[id][0] == "absent" and reason in report[id][1]
    entries = {e.id: e for e in Benchmark(tmp_path / "out").entries()}
    assert set(entries) == {"1pfe", "1hvr"} and entries["1hvr"].sites[0].name == "A:XK2 263"
    assert sorted(p.name for p in cache.iterdir()) == ["1hvr.cif.gz", "1pfe.cif.gz"]
    # again: from the cache, though the server is gone
    asked = len(server.asked)
    server.shutdown()
    rows = [row for row in rows if row.set == MAPS and row.id in ("1pfe", "1hvr")]
    assert prepare(rows, tmp_path / "again", None, workers=1, cache=cache)["absent"] == 0
    assert len(server.asked) == asked and _report(tmp_path / "again")["1hvr"] == report["1hvr"]


def test_the_whole_structure_and_its_neighbourhood_interact_alike(tiny):
    """The fixture's cut keeps all that the ligand touches."""
    row = tiny[1][0]
    whole = prepare_row(replace(row, receptor=DEMO.name), DEMO.parent)
    cut = prepare_row(row, tiny[0])
    assert np.array_equal(whole.entry.sites[0].point_coord, cut.entry.sites[0].point_coord)
    assert fingerprint(whole) != fingerprint(cut) == row.sha256
