"""Trajectories: statistics exact on made-up frames, real trajectories read, superposed, made whole and followed."""

import csv
import io
import json
import sys
from dataclasses import replace
from subprocess import run

import gemmi
import h5py
import numpy as np
import pytest
from conftest import DEMO, environment
from test_pockets import make_atoms

from pocketvox.channels import CHANNELS, LIGAND
from pocketvox.errors import InputError, MissingExtraError, SelectionError, StructureError, UsageError
from pocketvox.inference import load_predictor
from pocketvox.motion import scan_trajectory, write_trajectory
from pocketvox.motion.hotspots import SAME, FrameHotspots
from pocketvox.motion.pockets import PocketSpool, track_pockets
from pocketvox.motion.statistics import MapStatistics
from pocketvox.pipeline import scan
from pocketvox.pockets import Hotspot, Pocket, PocketConfig
from pocketvox.pockets.detect import Region
from pocketvox.report.maps import read_maps
from pocketvox.voxel import Grid

MDAnalysis = pytest.importorskip("MDAnalysis", reason="trajectories need MDAnalysis: pip install 'pocketvox[md]'")
pytestmark = pytest.mark.filterwarnings("ignore")  # of MDAnalysis, which the tests use themselves
GRID = Grid((0.0, 0.0, 0.0), (20, 20, 20), 1.0)


@pytest.fixture(scope="module")
def tiny(preset):
    return load_predictor(preset)


@pytest.fixture(scope="module")
def protease(tmp_path_factory):
    """The protein of the bundled complex: a PDB file, and its atoms."""
    path = tmp_path_factory.mktemp("protease") / "protease.pdb"
    structure = gemmi.read_structure(str(DEMO))
    structure.remove_ligands_and_waters()
    structure.write_pdb(str(path))
    return path


def turned(coord: np.ndarray, angle: float, shift=(0.0, 0.0, 0.0)) -> np.ndarray:
    """Positions turned about z by an angle (degrees) about their middle, and shifted."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    middle = coord.mean(axis=0)
    return (coord - middle) @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T + middle + shift


def write_frames(path, topology, frames, box=None):
    """A trajectory of these positions."""
    universe = MDAnalysis.Universe(str(topology))
    with MDAnalysis.Writer(str(path), len(universe.atoms)) as writer:
        for coord in frames:
            universe.atoms.positions = coord
            universe.dimensions = box
            writer.write(universe.atoms)
    return path


def positions(topology) -> np.ndarray:
    return MDAnalysis.Universe(str(topology)).atoms.positions.copy()


# ----------------------------------------------------------------------------------------------------------- statistics
def test_statistics_are_those_of_numpy():
    maps = np.random.default_rng(0).random((7, *GRID.shape, 2)).astype(np.float32)
    channels = ("hbond_donor", LIGAND)
    statistics = MapStatistics(GRID, channels, {"hbond_donor": 0.2, LIGAND: 0.5})
    for values in maps:
        statistics.add(values)
    np.testing.assert_allclose(statistics.mean().values, maps.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(statistics.deviation().values, maps.std(axis=0), atol=1e-6)
    joint = np.stack([maps[..., 0] * maps[..., 1], maps[..., 1]], axis=-1)
    np.testing.assert_allclose(statistics.frequency().values, (joint >= (0.2, 0.5)).mean(axis=0), atol=1e-6)


def test_statistics_of_large_maps_are_the_same(monkeypatch):
    """Those that are kept on disk."""
    maps = np.random.default_rng(1).random((3, *GRID.shape, 2)).astype(np.float32)
    found = []
    for dense in (1e9, 10):
        monkeypatch.setattr("pocketvox.inference.tiling.DENSE", dense)
        statistics = MapStatistics(GRID, ("metal", LIGAND), {"metal": 0.2, LIGAND: 0.5})
        for values in maps:
            statistics.add(values)
        made = (statistics.mean(), statistics.deviation(), statistics.frequency())
        found.append([np.asarray(volume.values[:, :, :]) for volume in made])
    for small, large in zip(*found, strict=True):
        np.testing.assert_array_equal(small, large)


def spot(kind: str, coord) -> Hotspot:
    return Hotspot(kind, tuple(map(float, coord)), 0.5, 0.5, 1.0, (0.0, 0.0, 0.0), ())


def row(kind: str, coord, score: float) -> tuple:
    return 0, np.array(coord, float), kind, 0.5, score, 3


def test_hotspots_are_followed_one_to_one():
    """Of two near one another each takes one; the other type and what is too far do not count."""
    frames = FrameHotspots()
    frames.add([row("hbond_donor", (0, 0, 0), 0.4), row("hbond_donor", (1, 0, 0), 0.8)])
    frames.add([row("hbond_donor", (0.5, 0, 0), 0.6)])
    frames.add([row("hbond_acceptor", (0, 0, 0), 0.9), row("hbond_donor", (0, SAME + 0.1, 0), 0.9)])
    tracked, scores = frames.track([("pocket1", spot("hbond_donor", p)) for p in ((0, 0, 0), (1.2, 0, 0))])
    np.testing.assert_allclose(scores, [[0.4, 0.8], [0.6, 0.0], [0.0, 0.0]])
    assert [t.occupancy for t in tracked] == pytest.approx([2 / 3, 1 / 3])
    assert tracked[0].score_present == pytest.approx(0.5) and tracked[0].distance == pytest.approx(0.25)
    assert frames.counts().tolist() == [2, 1, 2]


def cube(low, edge: int) -> np.ndarray:
    return np.argwhere(np.ones((edge, edge, edge), bool)) + low


def test_pockets_are_followed_and_cryptic_ones_found():
    """Ten frames: a pocket of the mean that shrinks, and one elsewhere that opens in the last three."""
    spool = PocketSpool(GRID)
    for frame in range(10):
        regions = [Region(cube((2, 2, 2), 4 if frame < 6 else 2), (0, 0, 0), 1.0)]
        if frame >= 7:
            regions.append(Region(cube((12, 12, 12), 4), (0, 0, 0), 1.0))
        spool.add(regions)
    atoms = make_atoms([[3.0, 3, 8], [13.0, 13, 18]])
    own = Pocket("pocket1", 1, 1.0, 0.5, (3.5, 3.5, 3.5), 64.0, 1.0, ("A_1",), np.array([0]), cube((2, 2, 2), 4))
    pockets, volumes = track_pockets(spool, (own,), atoms, GRID, PocketConfig())
    assert [p.name for p in pockets] == ["pocket1", "transient1"]
    assert volumes[:, 0].tolist() == [64.0] * 6 + [8.0] * 4
    assert volumes[:, 1].tolist() == [0.0] * 7 + [64.0] * 3
    assert [(p.open_share, p.open_first, p.cryptic) for p in pockets] == [(0.6, True, False), (0.3, False, True)]
    assert pockets[1].residue_ids == ("A_2",)
    spool.close()


# --------------------------------------------------------------------------------------------------------- trajectories
def test_one_frame_is_a_scan(protease, tiny, tmp_path):
    path = write_frames(tmp_path / "t.dcd", protease, [positions(protease)])
    found, plain = scan_trajectory(protease, path, predictor=tiny), scan(protease, predictor=tiny)
    assert found.result.maps.grid == plain.maps.grid
    np.testing.assert_allclose(found.result.maps.values, plain.maps.values, atol=1e-6)
    assert [h.coord for h in found.result.hotspots] == [h.coord for h in plain.hotspots]
    assert (found.deviation.values == 0).all() and all(t.occupancy == 1 for t in found.hotspots)
    assert {name: p.open_share for name, p in zip("1", found.pockets, strict=False)} == {"1": 1.0}


@pytest.mark.parametrize("ending", ["xtc", "dcd", "trr"])
def test_rigid_motion_is_taken_out(protease, tiny, tmp_path, ending):
    """Turned and shifted frames are the first frame again, as precisely as their format is."""
    first = positions(protease)
    frames = [first, turned(first, 40, (5, -3, 8)), turned(first, 175, (-60, 0, 0))]
    found = scan_trajectory(protease, write_frames(tmp_path / f"t.{ending}", protease, frames), predictor=tiny)
    assert found.rmsd.max() < 0.02
    assert np.quantile(found.deviation.values, 0.999) < 0.05
    assert np.mean([t.occupancy for t in found.hotspots]) > 0.9
    loose = scan_trajectory(protease, tmp_path / f"t.{ending}", predictor=tiny, align="none")
    assert loose.rmsd.max() > 50 and np.prod(loose.result.maps.grid.shape) > np.prod(found.result.maps.grid.shape)


def test_molecules_cut_by_the_box_are_made_whole(protease, tiny, tmp_path):
    """Every atom is put into a box that the protein lies across."""
    first = positions(protease)
    box = [90.0, 90, 90, 90, 90, 90]
    middle = first.mean(axis=0)
    frames = [first, *((first - middle + shift) % 90 for shift in ((0, 45, 45), (88, 2, 0)))]
    assert max(np.ptp(frame, axis=0).max() for frame in frames) > 85
    found = scan_trajectory(protease, write_frames(tmp_path / "t.xtc", protease, frames, box), predictor=tiny)
    assert found.rmsd.max() < 0.02 and not any("periodic" in text for text in found.result.warnings)
    pieces = scan_trajectory(protease, write_frames(tmp_path / "u.dcd", protease, frames), predictor=tiny)
    assert any("2 of 3 frames" in text and "periodic boundary" in text for text in pieces.result.warnings)


def test_frames_are_chosen_as_a_slice(protease, tiny, tmp_path):
    first = positions(protease)
    path = write_frames(tmp_path / "t.dcd", protease, [first + 0.01 * k for k in range(8)])
    found = scan_trajectory(protease, [path, path], predictor=tiny, start=1, stop=12, stride=4, around="A:25")
    assert found.frames.tolist() == [1, 5, 9]
    assert found.result.trajectory["frames"] == {"used": 3, "first": 1, "last": 9, "stride": 4, "available": 16}


def test_a_real_trajectory_from_names_alone(tiny):
    """A topology without coordinates (PSF, CHARMM names) and a trajectory of a domain that opens."""
    data = pytest.importorskip("MDAnalysisTests.datafiles", reason="needs MDAnalysisTests")
    found = scan_trajectory(data.PSF, data.DCD, predictor=tiny, stride=33)
    assert found.frames.tolist() == [0, 33, 66]
    assert found.rmsd[0] == 0 and 1 < found.rmsd[1] < found.rmsd[2] < 10
    atoms = found.result.structure.atoms
    assert len(np.unique(atoms.residue)) == 214 and "HIS" in set(atoms.parent)
    assert found.result.pockets and found.volumes.shape == (3, len(found.pockets))


def test_solvent_and_its_ions_are_left_out(tiny):
    data = pytest.importorskip("MDAnalysisTests.datafiles", reason="needs MDAnalysisTests")
    found = scan_trajectory(data.GRO, data.XTC, predictor=tiny, stop=2, center=(40, 40, 40), size=20)
    assert set(found.result.structure.atoms.res_name).isdisjoint({"SOL", "HOH"})
    assert any("are left out of the receptor" in text and "NA" in text for text in found.result.warnings)


def test_memory_does_not_grow_with_frames(protease, preset, tmp_path):
    """Peak memory of 4 and of 40 frames."""
    first = positions(protease)
    path = write_frames(tmp_path / "t.dcd", protease, [first] * 40)
    code = (
        "import resource, sys; from pocketvox.motion import scan_trajectory\n"
        f"scan_trajectory({str(protease)!r}, {str(path)!r}, preset={str(preset)!r}, threads=1, stop=int(sys.argv[1]),"
        "around='A:25')\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks = []
    for frames in (4, 40):
        done = run(
            [sys.executable, "-c", code, str(frames)], capture_output=True, text=True, env=environment(), check=True
        )
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.1 * peaks[0]


# --------------------------------------------------------------------------------------------------------------- folder
@pytest.fixture(scope="module")
def opening(protease, tiny, tmp_path_factory):
    """Four frames in which one chain moves away from the other."""
    first = positions(protease)
    chain = MDAnalysis.Universe(str(protease)).atoms.chainIDs == "B"
    frames = [first + np.where(chain, 2.0 * k, 0.0)[:, None] * (0, 0, 1) for k in range(4)]
    path = write_frames(tmp_path_factory.mktemp("opening") / "t.xtc", protease, frames)
    return scan_trajectory(protease, path, predictor=tiny, align="chainID A and name CA")


def test_the_folder(opening, tmp_path):
    pytest.importorskip("matplotlib", reason="the plot needs matplotlib")
    folder = write_trajectory(opening, tmp_path / "a", report=True)
    again = write_trajectory(opening, tmp_path / "b")
    names = {path.name for path in folder.iterdir()}
    tables = {"frames.csv", "occupancy.csv", "pocket_occupancy.csv", "timeseries.csv"}
    assert names >= tables | {
        "maps.h5",
        "maps_sd.h5",
        "maps_frequency.h5",
        "occupancy.svg",
        "report.html",
        "summary.json",
    }
    for name in names - {"summary.json", "report.html"}:
        assert (folder / name).read_bytes() == (again / name).read_bytes(), name
    frames = list(csv.DictReader(io.StringIO((folder / "frames.csv").read_text())))
    assert [int(row["frame"]) for row in frames] == [0, 1, 2, 3]
    occupancy = list(csv.DictReader(io.StringIO((folder / "occupancy.csv").read_text())))
    series = list(csv.DictReader(io.StringIO((folder / "timeseries.csv").read_text())))
    for row in occupancy:
        present = sum(float(frame[row["hotspot"]]) > 0 for frame in series)
        assert present == int(row["frames_present"]) and float(row["occupancy"]) == pytest.approx(present / 4)
    with h5py.File(folder / "maps_frequency.h5") as h5:
        values = h5["frequency"][...]
        assert set(np.unique(values)) <= {0, 0.25, 0.5, 0.75, 1}
        assert len(h5["frequency"].attrs["thresholds"]) == len(CHANNELS)
    np.testing.assert_allclose(
        read_maps(folder / "maps_sd.h5", "standard_deviation").values.max(), opening.deviation.values.max(), atol=1e-3
    )
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["trajectory"]["align"] == {"selection": "chainID A and name CA", "atoms": 99}
    assert "data:image/svg+xml" in (folder / "report.html").read_text()


def test_the_command(cli, tmp_path, protease, preset):
    first = positions(protease)
    write_frames(tmp_path / "t.dcd", protease, [first, first + 0.1])
    done = cli("scan", protease, "--trajectory", "t.dcd", "-o", "out", "--preset", preset, "--around", "A:25", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["trajectory"]["frames"]["used"] == 2
    assert "2 frames" in done.stderr and "Warning" not in done.stderr
    assert (tmp_path / "out" / "protease" / "occupancy.csv").is_file()


# --------------------------------------------------------------------------------------------------------------- errors
def test_what_does_not_belong_together_is_refused(protease, tiny, tmp_path):
    first = positions(protease)
    path = write_frames(tmp_path / "t.dcd", protease, [first, first])
    with pytest.raises(StructureError, match="expected frames of .* atoms"):
        scan_trajectory(DEMO, path, predictor=tiny)
    with pytest.raises(InputError, match="nothing of this name"):
        scan_trajectory(protease, tmp_path / "absent.xtc", predictor=tiny)
    (tmp_path / "cut.dcd").write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(StructureError, match="ends within frame 1"):
        scan_trajectory(protease, tmp_path / "cut.dcd", predictor=tiny)
    (tmp_path / "text.xtc").write_text("no trajectory")
    with pytest.raises(StructureError, match="Check that the file is complete"):
        scan_trajectory(protease, tmp_path / "text.xtc", predictor=tiny)
    with pytest.raises(UsageError, match="no frame is left of 2"):
        scan_trajectory(protease, path, predictor=tiny, start=5)


def test_selections_are_checked(protease, tiny, tmp_path):
    path = write_frames(tmp_path / "t.dcd", protease, [positions(protease)])
    for options, message in (
        ({"select": "protean"}, "MDAnalysis' language"),
        ({"select": "resname XYZ"}, "no atom matches"),
        ({"align": "index 0 1"}, "at least 3 atoms"),
        ({"select": "chainID A", "align": "name CA"}, "atoms are outside it"),
    ):
        with pytest.raises(SelectionError, match=message):
            scan_trajectory(protease, path, predictor=tiny, **options)


def test_without_mdanalysis_the_extra_is_named(protease, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pocketvox\[md\]"):
        scan_trajectory(protease, tmp_path / "t.xtc", predictor=tiny)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--stride", "2"], "Give --trajectory as well"),
        (["y.pdb", "--trajectory", "t.xtc"], "2 inputs"),
        (["--trajectory", "t.xtc", "--model", "2"], "--start, --stop and --stride"),
        (["--trajectory", "t.xtc", "--start", "-1"], "at least 0"),
    ],
)
def test_wrong_usage(cli, arguments, complaint):
    done = cli("scan", "x.pdb", *arguments, "-o", "out")
    assert done.returncode == 2 and complaint in done.stderr


def test_results_are_not_changed_by_their_name(opening):
    assert replace(opening.result, name="x").trajectory == opening.result.trajectory
    assert "4 frames" in repr(opening)
