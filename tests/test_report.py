"""Result folders: exact tables, maps that read back, files where viewers expect them, all or nothing."""

import csv
import dataclasses
import io
import json
import os
import stat
import struct

import gemmi
import h5py
import numpy as np
import pytest
from test_pockets import make_atoms

from pocketvox.channels import CHANNELS
from pocketvox.errors import InputError, OutputError, UsageError
from pocketvox.pockets import Hotspot, Pocket
from pocketvox.report import Result, folder, read_maps, summary, write_maps, write_result
from pocketvox.report.ccp4 import write_ccp4, write_map
from pocketvox.report.structures import sanitise, write_structure
from pocketvox.report.tables import hotspots_csv, pockets_csv
from pocketvox.structure import read_structure
from pocketvox.structure.atoms import OTHER, PROTEIN, WATER, Structure
from pocketvox.voxel import Grid, Volume

FILES = {"summary.json", "pockets.csv", "hotspots.csv", "maps.h5"}


def hotspot(**changes) -> Hotspot:
    values = {
        "type": "hbond_donor",
        "coord": (1.0, -2.5, 3.14159),
        "probability": 0.91,
        "score": 0.5,
        "volume": 8.4375,
        "direction": (-0.0001, 0.6, -0.8),
        "partners": ("A:ASP 25:OD1", "B:GLY -3A:O"),
    }
    return Hotspot(**{**values, **changes})


def pocket(rank=1, **changes) -> Pocket:
    values = {
        "name": f"pocket{rank}",
        "rank": rank,
        "score": 12.3456,
        "probability": 0.25,
        "center": (10.0, -0.0001, 2.5),
        "volume": 240.46875,
        "depth": 6.25,
        "residue_ids": ("A_25", "LONG_-3A"),
        "surface_atoms": np.arange(7),
        "voxels": np.zeros((570, 3), int),
        "hotspots": (),
    }
    return Pocket(**{**values, **changes})


def maps(shape=(37, 20, 33), seed=0, spacing=0.75) -> Volume:
    """Random probabilities, certain of ligands in one corner only."""
    values = np.random.default_rng(seed).random((*shape, len(CHANNELS)), np.float32)
    values[20:, :, :, -1] *= 1e-4
    origin = tuple(spacing * k for k in (-12, 5, 40))
    return Volume(values, Grid(origin, shape, spacing), CHANNELS)


def result(**changes) -> Result:
    structure = Structure("1abc", make_atoms([[0.0, 0, 0], [3.8, 0, 0]]))
    values = {
        "name": "1abc",
        "pockets": (pocket(hotspots=(hotspot(),), expected_counts={"hydrophobic": 1.23456}), pocket(2)),
        "maps": maps(),
        "structure": structure,
        "source": "in/1abc.cif",
        "sha256": "0" * 64,
        "preset": "test",
        "fingerprint": "f" * 64,
        "engine": "oracle",
        "warnings": ("B column: pLDDT",),
        "seconds": {"read": 0.0123},
    }
    return Result(**{**values, **changes})


# --------------------------------------------------------------------------------------------------------------- tables
def test_pockets_table_to_the_byte():
    """P2Rank's columns in its order, then ours; no negative zero."""
    assert pockets_csv((pocket(),)) == (
        "name,rank,score,probability,sas_points,surf_atoms,center_x,center_y,center_z,residue_ids,surf_atom_ids,"
        "volume,depth,domain_score,uncertainty,plddt\n"
        "pocket1,1,12.3456,0.2500,570,7,10.000,0.000,2.500,A_25 LONG_-3A,,240.47,6.25,,,\n"
    )


def test_hotspots_table_to_the_byte():
    assert hotspots_csv((pocket(hotspots=(hotspot(),)),)) == (
        "pocket,type,x,y,z,probability,score,volume,direction_x,direction_y,direction_z,partners,plddt\n"
        "pocket1,hbond_donor,1.000,-2.500,3.142,0.9100,0.5000,8.44,0.000,0.600,-0.800,A:ASP 25:OD1;B:GLY -3A:O,\n"
    )


def test_hotspots_of_all_pockets_are_ordered_by_score():
    first = pocket(1, hotspots=(hotspot(score=0.9), hotspot(score=0.2)))
    second = pocket(2, hotspots=(hotspot(score=0.5), hotspot(score=0.2)))
    rows = list(csv.DictReader(io.StringIO(hotspots_csv((first, second)))))
    assert [(r["score"], r["pocket"]) for r in rows] == [
        ("0.9000", "pocket1"),
        ("0.5000", "pocket2"),
        ("0.2000", "pocket1"),
        ("0.2000", "pocket2"),
    ]


def test_empty_tables_have_their_header():
    assert pockets_csv(()).count("\n") == hotspots_csv(()).count("\n") == 1


# ----------------------------------------------------------------------------------------------------------------- maps
@pytest.mark.parametrize("shape", [(37, 20, 33), (32, 32, 64), (5, 4, 3)])
def test_maps_read_back(tmp_path, shape):
    """Without a floor, every value to half precision, whatever the grid's size relative to the chunks."""
    volume = maps(shape)
    write_maps(tmp_path / "maps.h5", volume, calibrated=True, floor=0)
    back = read_maps(tmp_path / "maps.h5")
    assert (back.grid, back.channels) == (volume.grid, volume.channels)
    assert back.values.dtype == np.float32
    assert np.array_equal(back.values, volume.values.astype(np.float16).astype(np.float32))
    assert np.abs(back.values - volume.values).max() < 5e-4


def test_what_the_floor_loses(tmp_path):
    """Values below it, and channels away from where a ligand can be; nothing else."""
    volume = maps((60, 20, 33))
    write_maps(tmp_path / "maps.h5", volume, calibrated=False)
    back = read_maps(tmp_path / "maps.h5").values
    near = np.arange(60) < 20 + 2  # voxels 20 and 21 are within 1.25 angstrom of voxel 19
    expected = np.where(volume.values >= 1e-3, volume.values, 0).astype(np.float16).astype(np.float32)
    assert np.array_equal(back[near], expected[near])
    assert not back[~near].any()
    assert volume.values[~near][..., 0].any()


def test_maps_follow_the_contract(tmp_path):
    """Names, axes, types and attributes that scripts read with h5py alone."""
    write_maps(tmp_path / "maps.h5", maps(), calibrated=False)
    with h5py.File(tmp_path / "maps.h5") as file:
        dataset = file["probability"]
        assert (dataset.shape, dataset.dtype) == ((37, 20, 33, len(CHANNELS)), np.float16)
        assert dataset.chunks == (32, 20, 32, 1)
        assert (dataset.compression, dataset.shuffle) == ("gzip", True)
        for attributes in (file.attrs, dataset.attrs):
            assert attributes["origin"].tolist() == [-9.0, 3.75, 30.0]
            assert attributes["spacing"] == 0.75
            assert list(attributes["channels"]) == list(CHANNELS)
            assert not attributes["calibrated"]
            assert attributes["schema_version"] == 1


def test_maps_are_the_same_bytes_every_time(tmp_path):
    for name in ("a.h5", "b.h5"):
        write_maps(tmp_path / name, maps(), calibrated=False)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    write_maps(tmp_path / "b.h5", maps(seed=1), calibrated=False)
    assert (tmp_path / "a.h5").read_bytes() != (tmp_path / "b.h5").read_bytes()


def test_maps_without_a_ligand_channel(tmp_path):
    """Nothing says where ligands can be, so nothing is left out."""
    volume = maps()
    volume = Volume(volume.values[..., :2], volume.grid, CHANNELS[:2])
    write_maps(tmp_path / "maps.h5", volume, calibrated=False)
    assert (read_maps(tmp_path / "maps.h5").values[25:] > 0.5).any()


def test_reading_something_else_is_an_input_error(tmp_path):
    (tmp_path / "text.h5").write_text("no maps")
    h5py.File(tmp_path / "other.h5", "w").close()
    for name in ("text.h5", "other.h5", "absent.h5"):
        with pytest.raises(InputError, match=name):
            read_maps(tmp_path / name)


# --------------------------------------------------------------------------------------------------------------- folder
def test_exactly_the_files_of_the_contract(tmp_path):
    path = write_result(result(), tmp_path / "out" / "1abc")
    assert path == tmp_path / "out" / "1abc"
    assert {p.name for p in path.iterdir()} == FILES
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["1abc"]


def test_summary_is_complete_and_strict_json(tmp_path):
    path = write_result(result(), tmp_path / "1abc")

    def refuse(constant):
        raise AssertionError(constant)

    document = json.loads((path / "summary.json").read_text(), parse_constant=refuse)
    assert document["schema_version"] == 1
    assert document["input"] == {"source": "in/1abc.cif", "sha256": "0" * 64}
    assert document["preset"] == {"name": "test", "fingerprint": "f" * 64, "calibrated": False, "uncalibrated": []}
    assert document["engine"] == "oracle"
    assert document["warnings"] == ["B column: pLDDT"]
    assert document["seconds"]["read"] == 0.012
    assert document["seconds"]["write"] >= 0
    assert [p["rank"] for p in document["pockets"]] == [1, 2]
    assert document["pockets"][0]["expected_counts"] == {"hydrophobic": 1.2346}
    assert document["pockets"][1]["expected_counts"] is None
    assert document["pockets"][0]["hotspots"][0]["partners"] == ["A:ASP 25:OD1", "B:GLY -3A:O"]
    assert document["pockets"][0]["hotspots"][0]["coord"] == [1.0, -2.5, 3.1416]


def test_summary_is_plain_json_types():
    assert json.loads(json.dumps(summary(result()))) == summary(result())


def test_one_channel_of_a_result():
    found = result()
    assert np.array_equal(found.maps["hydrophobic"].values[..., 0], found.maps.values[..., 2])


def test_an_earlier_result_is_replaced(tmp_path):
    write_result(result(), tmp_path / "x", formats=("ccp4",))
    write_result(result(pockets=()), tmp_path / "x")
    assert {p.name for p in (tmp_path / "x").iterdir()} == FILES
    assert (tmp_path / "x" / "pockets.csv").read_text().count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError("bug")])
def test_a_failure_leaves_nothing(tmp_path, monkeypatch, error):
    """Neither the folder nor the parents that were made for it."""

    def fail(*_, **__):
        raise error

    monkeypatch.setattr("pocketvox.report.maps.write_maps", fail)
    expected = OutputError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        write_result(result(), tmp_path / "a" / "b" / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_keeps_the_earlier_result(tmp_path, monkeypatch):
    write_result(result(), tmp_path / "x")
    before = {p.name: p.read_bytes() for p in (tmp_path / "x").iterdir()}
    rename = os.rename

    def fail_on_new(source, target):
        if str(source).endswith(".part"):
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(folder.os, "rename", fail_on_new)
    with pytest.raises(OutputError, match="Input/output error"):
        write_result(result(pockets=()), tmp_path / "x")
    assert {p.name: p.read_bytes() for p in (tmp_path / "x").iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_what_is_no_result_is_not_replaced(tmp_path):
    """A scan never deletes a user's folder or file of the same name."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("x")
    (tmp_path / "note").write_text("x")
    for name in ("thesis", "note", "note/below"):
        with pytest.raises(OutputError, match=name):
            write_result(result(), tmp_path / name)
    assert (tmp_path / "thesis" / "chapter1.tex").read_text() == (tmp_path / "note").read_text() == "x"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["note", "thesis"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        write_result(result(), tmp_path / "x")
    tmp_path.chmod(0o700)
    assert list(tmp_path.iterdir()) == []


def test_the_folder_has_usual_permissions(tmp_path):
    """Not those of a private temporary folder."""
    mask = os.umask(0o022)
    try:
        path = write_result(result(), tmp_path / "x")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


def test_unknown_formats_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UsageError, match="Received: povray"):
        write_result(result(), tmp_path / "x", formats=("povray",))
    assert list(tmp_path.iterdir()) == []


# ----------------------------------------------------------------------------------------------------------------- ccp4
def header(path) -> dict:
    """Words of a CCP4 header, read without gemmi: doi:10.1016/j.jsb.2015.04.002, table 1."""
    data = path.read_bytes()
    integers, floats = struct.unpack("<56i", data[:224]), struct.unpack("<56f", data[:224])
    return {
        "size": integers[0:3],
        "start": integers[4:7],
        "intervals": integers[7:10],
        "cell": floats[10:16],
        "order": integers[16:19],
        "origin": floats[49:52],
        "data": np.frombuffer(data[1024 + integers[23] :], "<f4"),
    }


def position(words: dict) -> np.ndarray:
    """Where PyMOL and ChimeraX put the highest value: ORIGIN if there is one, else NSTART (angstrom)."""
    assert words["order"] == (1, 2, 3)
    x, y, z = words["size"]
    k, j, i = np.unravel_index(words["data"].argmax(), (z, y, x))
    step = np.array(words["cell"][:3]) / words["intervals"]
    if any(words["origin"]):
        return np.array(words["origin"]) + np.array([i, j, k]) * step
    return (np.array([i, j, k]) + words["start"]) * step


@pytest.mark.parametrize("shift", [0.0, 0.2])
def test_a_map_is_where_the_grid_is(tmp_path, shift):
    """Whether the origin is a multiple of the spacing (NSTART) or not (ORIGIN), never both."""
    grid = Grid((-9.0 + shift, 3.75, 30.0), (20, 31, 17), 0.75)
    values = np.zeros(grid.shape, np.float32)
    values[3, 7, 11] = 1.0
    write_map(tmp_path / "m.ccp4", values, grid)
    words = header(tmp_path / "m.ccp4")
    assert np.allclose(position(words), grid.to_coord([3, 7, 11]), atol=1e-4)
    assert any(words["origin"]) != any(words["start"])
    assert words["size"] == words["intervals"] == grid.shape
    assert np.allclose(words["cell"], (15.0, 23.25, 12.75, 90, 90, 90))


def test_gemmi_and_mrcfile_read_the_map_back(tmp_path):
    grid = Grid((-9.0, 3.75, 30.0), (20, 31, 17), 0.75)
    values = np.random.default_rng(0).random(grid.shape, np.float32)
    write_map(tmp_path / "m.ccp4", values, grid)
    density = gemmi.read_ccp4_map(str(tmp_path / "m.ccp4"), setup=True).grid
    for index in ([0, 0, 0], [19, 30, 16], [5, 6, 7]):
        at = gemmi.Position(*grid.to_coord(index))
        assert density.interpolate_value(at) == pytest.approx(values[tuple(index)], abs=1e-4)
    mrcfile = pytest.importorskip("mrcfile", reason="mrcfile is an optional second reader of the map")
    with mrcfile.open(tmp_path / "m.ccp4") as file:
        assert np.array_equal(file.data.T, values)
        start = [int(file.nstart[axis]) for axis in "xyz"]
        assert np.allclose(np.array(start) * [float(file.voxel_size[axis]) for axis in "xyz"], grid.origin)


def test_typed_maps_for_viewers_are_joint(tmp_path):
    """Conditional times ligand, and the ligand channel itself."""
    volume = maps((6, 5, 4))
    paths = write_ccp4(tmp_path / "maps", volume)
    assert [p.name for p in paths] == [f"{c}.ccp4" for c in CHANNELS]
    written = header(paths[2])["data"].reshape(4, 5, 6).T
    assert np.allclose(written, volume.values[..., 2] * volume.values[..., -1], atol=1e-6)
    assert np.allclose(header(paths[-1])["data"].reshape(4, 5, 6).T, volume.values[..., -1], atol=1e-6)


# ---------------------------------------------------------------------------------------------------------------- PyMOL
def test_the_pymol_script_loads_what_lies_beside_it(tmp_path):
    path = write_result(result(name="my (1)"), tmp_path / "x", formats=("pymol",))
    lines = (path / "view.pml").read_text().splitlines()
    loaded = [line.split()[1].rstrip(",") for line in lines if line.startswith("load ")]
    assert "structure.cif" in loaded
    assert "maps/hbond_donor.ccp4" in loaded
    assert "maps/ligand.ccp4" in loaded
    assert all((path / name).is_file() for name in loaded)
    assert "load structure.cif, my__1_" in lines
    assert "set normalize_ccp4_maps, off" in lines
    assert "isomesh hbond_donor, hbond_donor_map, 0.2500" in lines  # half of the best hot-spot's joint value
    spots = [line for line in lines if line.startswith("pseudoatom pocket")]
    assert spots == [
        f"pseudoatom pocket1_hbond_donor_1, name={name}, pos={position}, b=0.5000, color=0x0072b2, vdw=0.6"
        for name, position in (("SPOT", "[1.000, -2.500, 3.142]"), ("TIP", "[1.000, -1.420, 1.702]"))
    ]


@pytest.mark.parametrize(("name", "expected"), [("1abc", "1abc"), ("a b;c", "a_b_c"), ("-x", "_-x"), ("", "_")])
def test_names_for_pymol(name, expected):
    assert sanitise(name) == expected


def test_the_structure_reads_back(tmp_path):
    """Numbering, insertion codes, long chain names and ligands survive; waters are left out."""
    n = 6
    atoms = make_atoms(
        np.random.default_rng(0).uniform(-20, 20, (n, 3)).round(3),
        name=["N", "CA", "CA", "C1", "ZN", "O"],
        element=["N", "C", "C", "C", "Zn", "O"],
        res_name=["ALA", "ALA", "GLY", "LIG01", "ZN", "HOH"],
        parent=["ALA", "ALA", "GLY", "LIG01", "ZN", "HOH"],
        chain_id=["AAA", "AAA", "AAA", "B", "B", "B"],
        res_id=np.array([-1, -1, 5, 401, 402, 501], np.int32),
        ins_code=["", "", "A", "", "", ""],
        residue=np.array([0, 0, 1, 2, 3, 4], np.int32),
        kind=np.array([PROTEIN] * 3 + [OTHER, OTHER, WATER], np.uint8),
    )
    write_structure(tmp_path / "s.cif", Structure("x", atoms))
    back = read_structure(tmp_path / "s.cif").atoms
    assert len(back) == n - 1
    for name in ("name", "element", "res_name", "chain_id", "res_id", "ins_code"):
        assert getattr(back, name).tolist() == getattr(atoms, name)[:-1].tolist(), name
    assert np.allclose(back.coord, atoms.coord[:-1], atol=1e-3)


def test_results_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        result().name = "other"
