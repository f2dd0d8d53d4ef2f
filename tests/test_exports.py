"""Exports of a real scan, each opened by a reader of another project and compared with the result's own numbers."""

import csv
import json
import zipfile
from dataclasses import replace

import gemmi
import h5py
import numpy as np
import pytest

from pocketvox.channels import LIGAND
from pocketvox.errors import MissingExtraError, UsageError
from pocketvox.pipeline import scan
from pocketvox.report import write_result
from pocketvox.report.colours import COLOURS, CONFIDENCE
from pocketvox.report.formats import FORMATS, choose_formats
from pocketvox.report.points import ATOMS

CHANNEL = "hbond_acceptor"
#: What molviewspec calls the parameters of each kind of node.
PARAMETERS = {
    "download": "DownloadParams",
    "parse": "ParseParams",
    "model": "StructureParams",
    "component": "ComponentInlineParams",
    "cartoon": "CartoonParams",
    "ball_and_stick": "BallAndStickParams",
    "color": "ColorInlineParams",
    "color_from_source": "ColorFromSourceParams",
    "opacity": "OpacityInlineParams",
    "isosurface": "VolumeIsoSurfaceParams",
    "primitives": "PrimitivesParams",
    "ellipsoid": "EllipsoidParams",
    "arrow": "ArrowParams",
    "focus": "FocusInlineParams",
}


@pytest.fixture(scope="module")
def result(demo_file):
    return scan(demo_file)


@pytest.fixture(scope="module")
def exported(result, tmp_path_factory):
    """The folder with every format."""
    pytest.importorskip("pyarrow")
    return write_result(result, tmp_path_factory.mktemp("exports") / "1hvr", formats=("all",))


@pytest.fixture(scope="module")
def joint(exported):
    """Joint values of one type, from maps.h5, and the position of its first voxel and its spacing (angstrom)."""
    with h5py.File(exported / "maps.h5") as h5:
        maps = h5["probability"]
        channels = [name.decode() if isinstance(name, bytes) else name for name in maps.attrs["channels"]]
        values = maps[..., channels.index(CHANNEL)].astype(np.float32) * maps[..., channels.index(LIGAND)]
        return values, np.array(maps.attrs["origin"], float), float(maps.attrs["spacing"])


@pytest.fixture(scope="module")
def hotspots(exported):
    """Rows of hotspots.csv."""
    with (exported / "hotspots.csv").open() as file:
        return list(csv.DictReader(file))


def xyz(row) -> list[float]:
    return [float(row[axis]) for axis in "xyz"]


# ------------------------------------------------------------------------------------------------------------- registry
def test_every_format_writes_its_files_and_nothing_else(result, tmp_path):
    plain = {"summary.json", "pockets.csv", "hotspots.csv", "maps.h5"}
    beside = {"structure.cif", "structure.pdb", "maps"}
    for form in FORMATS:
        folder = write_result(result, tmp_path / form.name, formats=(form.name,))
        assert all(list(folder.glob(pattern)) for pattern in form.files), form.name
        own = {pattern.split("/")[0] for pattern in form.files}
        assert {path.name for path in folder.iterdir()} - beside - plain == own - beside, form.name


def test_the_same_result_gives_the_same_bytes(result, exported, tmp_path):
    again = write_result(result, tmp_path / "again", formats=("all",))
    files = sorted(path.relative_to(exported) for path in exported.rglob("*") if path.is_file())
    assert len(files) > 35
    assert [
        f for f in files if (exported / f).read_bytes() != (again / f).read_bytes() and f.name != "summary.json"
    ] == []


def test_unknown_formats_and_missing_packages_are_refused_before_anything_is_written(result, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="ccp4, opendx, .*, all. Received: excel"):
        write_result(result, tmp_path / "x", formats=("excel",))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pocketvox\[table\]"):
        write_result(result, tmp_path / "x", formats=("parquet",))
    assert not (tmp_path / "x").exists()
    assert choose_formats(("vina", "ccp4")) == (FORMATS[0], next(f for f in FORMATS if f.name == "vina"))


# ----------------------------------------------------------------------------------------------------------------- maps
def test_ccp4_maps_read_by_mrcfile(exported, joint):
    mrcfile = pytest.importorskip("mrcfile")
    values, origin, spacing = joint
    with mrcfile.open(exported / "maps" / f"{CHANNEL}.ccp4") as file:
        np.testing.assert_allclose(file.data.transpose(2, 1, 0), values, atol=2e-3)
        np.testing.assert_allclose([float(file.voxel_size[axis]) for axis in "xyz"], spacing, rtol=1e-6)
        start = [int(file.header[f"n{axis}start"]) for axis in "xyz"]
        np.testing.assert_allclose(np.array(start) * spacing, origin, atol=1e-3)


def test_opendx_maps_read_by_griddataformats(exported, joint):
    grid_data = pytest.importorskip("gridData")
    values, origin, spacing = joint
    found = grid_data.Grid(str(exported / "maps" / f"{CHANNEL}.dx"))
    np.testing.assert_allclose(found.grid, values, atol=2e-3)
    np.testing.assert_allclose(found.origin, origin, atol=1e-4)
    np.testing.assert_allclose(found.delta, spacing, rtol=1e-6)


def test_maps_by_gemmi_have_their_peaks_where_the_hotspots_are(exported, hotspots):
    """Interpolated at a hot-spot, a map of its type is near the hot-spot's score: frame, order and scale are right."""
    checked = 0
    for name in {row["type"] for row in hotspots}:
        density = gemmi.read_ccp4_map(str(exported / "maps" / f"{name}.ccp4"), setup=True).grid
        for row in (row for row in hotspots if row["type"] == name):
            near = density.interpolate_value(gemmi.Position(*xyz(row)))
            assert near > 0.5 * float(row["score"])
            checked += 1
    assert checked == len(hotspots) > 15


# -------------------------------------------------------------------------------------------------------------- viewers
def test_pymol_runs_the_script(exported, joint, hotspots):
    pymol2 = pytest.importorskip("pymol2", exc_type=ImportError)
    with pymol2.PyMOL() as session:
        session.cmd.cd(str(exported))
        session.cmd.load("view.pml")
        names = session.cmd.get_names("all")
        surfaces = {name.removesuffix("_map") for name in names if name.endswith("_map")}
        assert surfaces == {row["type"] for row in hotspots} | {LIGAND}
        assert surfaces <= set(session.cmd.get_names_of_type("object:mesh"))
        structure = gemmi.read_structure(str(exported / "structure.cif"))
        assert session.cmd.count_atoms("1hvr") == structure[0].count_atom_sites()
        for number, row in enumerate(hotspots, 1):
            (atom,) = session.cmd.get_model(f"{row['pocket']}_{row['type']}_{number} and name SPOT").atom
            np.testing.assert_allclose(atom.coord, xyz(row), atol=1e-3)
            assert atom.b == pytest.approx(float(row["score"]), abs=1e-4)
            assert (COLOURS[row["type"]].lower(), atom.b) in colours(session, f"{row['pocket']}_{row['type']}_{number}")
        values, origin, spacing = joint
        extent = session.cmd.get_extent(f"{CHANNEL}_map")
        np.testing.assert_allclose(extent, [origin, origin + spacing * (np.array(values.shape) - 1)], atol=1e-3)


def colours(session, selection) -> list[tuple[str, float]]:
    """``#rrggbb`` and B column of atoms in PyMOL."""
    found: list[tuple[int, float]] = []
    session.cmd.iterate(selection, "found.append((color, b))", space={"found": found})
    return [
        ("#{:02x}{:02x}{:02x}".format(*(round(255 * v) for v in session.cmd.get_color_tuple(color))), b)
        for color, b in found
    ]


def test_tcl_runs_the_vmd_script(exported, hotspots):
    """VMD cannot be had here: Tcl runs its script, with procedures that note what VMD's commands are told."""
    tkinter = pytest.importorskip("tkinter", exc_type=ImportError)
    tcl = tkinter.Tcl()
    told: list[tuple[str, ...]] = []
    for command in ("mol", "molinfo", "graphics", "color", "display", "transoffset", "transscale", "vecinvert"):
        tcl.createcommand(command, lambda *words, command=command: (told.append((command, *words)), "0")[1])
    tcl.eval(f"source {{{exported / 'view.vmd'}}}")
    loaded = [words[2] for words in told if words[:2] == ("mol", "new") and len(words) > 2]
    assert len(loaded) == 1 + len({row["type"] for row in hotspots} | {LIGAND})
    assert all((exported / path).is_file() for path in loaded)
    spheres = [[float(v) for v in words[3].split()] for words in told if words[2:3] == ("sphere",)]
    np.testing.assert_allclose(spheres, [xyz(row) for row in hotspots], atol=1e-3)
    numbers = {words[3] for words in told if words[::2][:2] == ("graphics", "color")}
    changed = {words[3] for words in told if words[:3] == ("color", "change", "rgb")}
    assert numbers <= changed


def test_chimerax_script_names_files_that_are_there_and_places_every_hotspot(exported, hotspots):
    """ChimeraX cannot be had here: the lines are compared with the numbers."""
    lines = [line.split() for line in (exported / "view.cxc").read_text().splitlines() if not line.startswith("#")]
    assert all((exported / words[1]).is_file() for words in lines if words[0] == "open")
    spheres = [words for words in lines if words[:2] == ["shape", "sphere"]]
    np.testing.assert_allclose(
        [[float(v) for v in words[3].split(",")] for words in spheres], [xyz(row) for row in hotspots], atol=1e-3
    )
    models = [words[words.index("modelId") + 1] for words in lines if "modelId" in words]
    assert len(set(models)) == len(models)


def test_molviewspec_validates_the_scene(exported, hotspots):
    nodes = pytest.importorskip("molviewspec.nodes")
    text = (exported / "view.mvsj").read_text()
    nodes.validate_state_tree(text)
    found = list(walk(json.loads(text)["root"]))
    for node in found:  # the validator of the tree takes any parameters
        check_parameters(nodes, node)
    spheres = [n["params"] for n in found if n["kind"] == "primitive" and n["params"]["kind"] == "ellipsoid"]
    np.testing.assert_allclose([s["center"] for s in spheres[:-1]], [xyz(row) for row in hotspots], atol=1e-3)
    with zipfile.ZipFile(exported / "view.mvsx") as archive:
        assert archive.testzip() is None
        assert archive.read("index.mvsj").decode() == text
        for node in found:
            if node["kind"] == "download":
                assert archive.read(node["params"]["url"]) == (exported / node["params"]["url"]).read_bytes()


def check_parameters(nodes, node):
    """Every parameter is one that the format has for this kind of node, with a value that it takes."""
    parameters = node.get("params", {})
    kind = parameters["kind"] if node["kind"] == "primitive" else parameters.get("type", node["kind"])
    model = getattr(nodes, PARAMETERS[kind]) if kind in PARAMETERS else None
    assert model or not parameters, kind
    if model is None:
        return
    assert set(parameters) <= set(model.model_fields), node["kind"]
    model.model_validate(parameters)


def walk(node):
    yield node
    for child in node.get("children", ()):
        yield from walk(child)


# ---------------------------------------------------------------------------------------------------------- programs
def test_points_read_by_rdkit_and_gemmi(exported, hotspots):
    from rdkit import Chem

    records = list(Chem.SDMolSupplier(str(exported / "hotspots.sdf")))
    assert len(records) == len(hotspots)
    for record, row in zip(records, hotspots, strict=True):
        np.testing.assert_allclose(record.GetConformer().GetPositions()[0], xyz(row), atol=1e-3)
        assert {k: record.GetProp(k) for k in row if row[k]} == {k: v for k, v in row.items() if v}
    points = gemmi.read_structure(str(exported / "hotspots.pdb"))
    atoms = [(c.residue, c.atom) for c in points[0].all()]
    assert len(atoms) == len(hotspots)
    for residue, atom in atoms:
        row = hotspots[atom.serial - 1]
        assert residue.name == ATOMS[row["type"]][0]
        assert f"pocket{residue.seqid.num}" == row["pocket"]
        np.testing.assert_allclose(atom.pos.tolist(), xyz(row), atol=1e-3)
        assert atom.b_iso == pytest.approx(100 * float(row["score"]), abs=0.01)


def test_vina_boxes_hold_their_pockets(exported, result):
    for pocket in result.pockets:
        text = (exported / "vina" / f"{pocket.name}.txt").read_text()
        values = dict(line.split(" = ") for line in text.splitlines() if not line.startswith("#"))
        center = np.array([float(values[f"center_{axis}"]) for axis in "xyz"])
        size = np.array([float(values[f"size_{axis}"]) for axis in "xyz"])
        voxels = result.maps.grid.to_coord(pocket.voxels)
        assert (np.abs(voxels - center) < size / 2).all()
        assert (size - np.ptp(voxels, axis=0) < 9.6).all()


def test_pharmit_query_has_the_hotspots_with_what_pharmit_reads(exported, result):
    names = {"Aromatic", "HydrogenDonor", "HydrogenAcceptor", "Hydrophobic", "NegativeIon", "PositiveIon"}
    for pocket in result.pockets:
        points = json.loads((exported / "pharmit" / f"{pocket.name}.json").read_text())["points"]
        assert {point["name"] for point in points} <= names
        places = {tuple(round(float(v), 3) for v in hotspot.coord) for hotspot in pocket.hotspots}
        assert {(point["x"], point["y"], point["z"]) for point in points} <= places
        assert sum(point["enabled"] for point in points) == min(5, len(points))


def test_parquet_holds_what_the_tables_hold(exported):
    pandas = pytest.importorskip("pandas")
    for name in ("pockets", "hotspots"):
        table, text = pandas.read_parquet(exported / f"{name}.parquet"), pandas.read_csv(exported / f"{name}.csv")
        assert list(table.columns) == list(text.columns)
        numbers = text.select_dtypes("number").columns
        np.testing.assert_array_equal(table[numbers].astype(float), text[numbers].astype(float))
        assert table.iloc[0, 0] == text.iloc[0, 0]


# ----------------------------------------------------------------------------------------------------- predicted models
def test_viewers_colour_predicted_models_by_confidence(result, tmp_path):
    atoms = result.structure.atoms
    confidence = np.linspace(20, 99, int(atoms.residue.max()) + 1)[atoms.residue]
    model = replace(result.structure, predicted=True, atoms=replace(atoms, b_factor=confidence.astype(np.float32)))
    folder = write_result(
        replace(result, structure=model), tmp_path / "x", formats=("pymol", "molviewspec", "chimerax", "vmd")
    )
    for name in ("view.pml", "view.mvsj", "view.cxc"):
        text = (folder / name).read_text().replace("0x", "#")
        assert all(colour in text for colour in CONFIDENCE.values()), name
    assert "beta >= 70 and beta < 90" in (folder / "view.vmd").read_text()
    pytest.importorskip("molviewspec.nodes").validate_state_tree((folder / "view.mvsj").read_text())
    pymol2 = pytest.importorskip("pymol2", exc_type=ImportError)
    with pymol2.PyMOL() as session:
        session.cmd.cd(str(folder))
        session.cmd.load("view.pml")
        found = colours(session, "1hvr and polymer and name CA")
        assert len(found) == 198
        for colour, plddt in found:
            assert colour == [c for least, c in CONFIDENCE.items() if plddt >= least][-1]
