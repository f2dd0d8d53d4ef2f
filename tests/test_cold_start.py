"""What a process loads and computes before its first result: counted, not timed."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import environment

from pocketvox.features import FEATURES, FeaturePoints
from pocketvox.inference import tiling
from pocketvox.inference.presets import Preset, PresetConfig
from pocketvox.inference.tiling import points_window, predict_volume
from pocketvox.voxel import Grid

#: Never on the way to pockets in a protein of the residue table.
UNWANTED = {
    *("tensorflow", "keras", "torch", "jax", "nncf", "sklearn", "pandas", "matplotlib", "MDAnalysis", "dask"),
    *("biotite", "Bio", "rdkit", "scipy.optimize", "scipy.stats", "scipy.signal", "scipy.interpolate"),
}


def loaded(arguments, folder) -> list[str]:
    """Modules that the real command line loads, in order."""
    command = [sys.executable, "-X", "importtime", "-m", "pocketvox", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=300, check=True
    )
    return re.findall(r"^import time: +\d+ \| +\d+ \| +(\S+)$", done.stderr, re.M)


@pytest.fixture(scope="module")
def protein(tmp_path_factory, demo_text):
    """The bundled protein without its ligand: nothing in it needs SMARTS."""
    path = tmp_path_factory.mktemp("protein") / "protein.pdb"
    path.write_text("".join(line for line in demo_text if line.startswith("ATOM")))
    return path


@pytest.fixture(scope="module")
def demo_text():
    import gzip

    from conftest import DEMO

    return gzip.decompress(DEMO.read_bytes()).decode().splitlines(keepends=True)


@pytest.fixture(scope="module")
def scanned(protein, preset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    return loaded(["scan", protein, "-o", "out", "--preset", preset], folder), folder / "out" / "protein"


def test_help_loads_the_standard_library_alone(tmp_path):
    """Some 130 modules, none of them of a package that pocketvox depends on."""
    names = loaded(["--help"], tmp_path)
    needed = {"numpy", "scipy", "numba", "llvmlite", "h5py", "gemmi", "openvino"}
    assert not {name.split(".")[0] for name in names} & (UNWANTED | needed)
    assert "pocketvox.cli" in names and len(names) < 200


def test_a_scan_loads_neither_a_framework_nor_chemistry_it_does_not_need(scanned):
    names, folder = scanned
    assert (folder / "summary.json").is_file()
    parents = {".".join(name.split(".")[:k]) for name in names for k in (1, 2)}
    assert not parents & UNWANTED
    assert len(names) < 1500


def test_what_follows_the_network_is_loaded_while_it_works(scanned):
    """Until the first tile is there no part of scipy is loaded, not even the one that numba would like to have."""
    names, _ = scanned
    parts = {"scipy.linalg", "scipy.ndimage", "scipy.spatial", "scipy.special"}
    first = min(names.index(part) for part in parts if part in names)
    assert {"gemmi", "openvino._pyopenvino", "pocketvox.features", "pocketvox.voxel.kernels"} <= set(names[:first])


def test_numba_is_alone_and_scipy_as_before(tmp_path):
    """Without BLAS for numba's loops, which need none; scipy.linalg can be loaded after, and before changes nothing."""
    program = """
import sys
from pocketvox.loading import load_numba
if "before" in sys.argv:
    import scipy.linalg
load_numba()
print("scipy.linalg" in sys.modules, sys.modules["numba.np.arraymath"]._HAVE_BLAS if "before" not in sys.argv else "")
import scipy.linalg
print(scipy.linalg.det([[2.0]]))
"""
    for arguments, expected in (([], "False False\n2.0\n"), (["before"], "True \n2.0\n")):
        command = [sys.executable, "-c", program, *arguments]
        done = subprocess.run(command, env=environment(), cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout == expected


def test_timings_name_every_stage(protein, preset, tmp_path, cli):
    """Of the start, once, and of each input; quiet does not silence what was asked for."""
    done = cli("scan", protein, protein, "-o", "out", "--preset", preset, "--timings", "-q")
    assert done.returncode == 0
    start, *inputs, work = done.stderr.splitlines()
    assert re.fullmatch(r"pocketvox: timings: start \S+ s, imports \S+ s, load \S+ s", start)
    stages = ("read", "prepare", "features", "predict", "pockets", "write", "total", "engine")
    assert len(inputs) == 2
    for line in inputs:
        assert re.findall(r"(\w+) \d+\.\d\d s", line) == list(stages)
    assert re.fullmatch(r"pocketvox: timings: engine at work \d+\.\d\d s", work)
    seconds = json.loads((tmp_path / "out" / "protein" / "summary.json").read_text())["seconds"]
    assert tuple(seconds) == stages[:6]


def preset_of(roi_size: int) -> Preset:
    config = {"network": {"features": FEATURES, "filters": [4, 8], "blocks": [1, 1]}, "spacing": 1.0}
    return Preset("none", None, PresetConfig.from_dict(config | {"roi_size": roi_size, "halo": 4}), {})


def cloud(n: int, seed: int = 0) -> FeaturePoints:
    random = np.random.default_rng(seed)
    coord = random.uniform(0, 120, (n, 3)).astype(np.float32)
    return FeaturePoints(coord, random.random((n, len(FEATURES))) > 0.7, np.full(n, 1.7, np.float32))


def test_a_tile_looks_at_the_points_near_it(monkeypatch):
    """Of points spread over 64 tiles each tile is given a few, and its input is that of all points, bit for bit."""
    points, preset = cloud(4000), preset_of(40)
    grid = Grid.around(points.coord, 6.0, 1.0)
    seen = []
    network_input = tiling.network_input

    def counting(coord, *arguments):
        seen.append(len(coord))
        return network_input(coord, *arguments)

    monkeypatch.setattr(tiling, "network_input", counting)
    window = points_window(points, grid, preset.config.network, 4)
    for start in ((0, 0, 0), (40, 40, 60), (100, 90, 101)):
        expected = network_input(
            points.coord, points.features, points.radius, grid.window(start, (40, 40, 40)), preset.config.network
        )
        assert window(start, (40, 40, 40)).tobytes() == expected.tobytes()
    assert max(seen) < len(points) / 3


def test_tiles_computed_are_those_near_the_receptor():
    """Two small groups of atoms far apart: the tiles between them are never computed."""
    points = FeaturePoints(
        np.array([[0, 0, 0], [200, 0, 0]], np.float32),
        np.ones((2, len(FEATURES)), bool),
        np.full(2, 1.7, np.float32),
    )
    calls = []

    def engine(x):
        calls.append(x.shape)
        return np.ones((*x.shape[:4], 11), np.float32)

    volume = predict_volume(preset_of(24), points, engine=engine)
    assert len(calls) == 3 and volume.values.shape[0] > 200  # of 14 along x
