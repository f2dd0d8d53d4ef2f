"""Compilation is paid once per installation: real processes, counted compilations, no clock."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, environment

#: Runs every compiled loop of the package and prints what was compiled, what came from disk, and where it lies.
PROGRAM = """
import json, sys
import numpy as np
from numba.core import event
with event.install_recorder("numba:compile") as recorder:
    from pocketvox import voxel
    from pocketvox.voxel import collect, compiled, constraints, contacts, kernels, spread
    grid = voxel.Grid((0.0, 0.0, 0.0), (8, 8, 8), 0.5)
    for features in ([[True]], [[0.5]]):
        values = voxel.voxelize([[1.0, 1.0, 1.0]], features, 1.7, grid, ["a"], threads=2).values
        voxel.coord_gradient(values, [[1.0, 1.0, 1.0]], features, 1.7, grid)
        voxel.gather(values, [[1.0, 1.0, 1.0]], features, 1.7, grid)
    voxel.label_volume([[1.0, 1.0, 1.0]], [0], [[1.0, 1.0, 1.0]], grid)
found = {
    f"{module.__name__}.{name}": value.stats
    for module in (collect, compiled, kernels, spread)
    for name, value in vars(module).items()
    if hasattr(value, "stats") and value.signatures and value.py_func.__module__ == module.__name__
}
json.dump(
    {
        "compiled": sum(e.is_start for _, e in recorder.buffer),
        "hits": {name: sum(stats.cache_hits.values()) for name, stats in found.items()},
        "misses": {name: sum(stats.cache_misses.values()) for name, stats in found.items()},
        "paths": sorted({stats.cache_path for stats in found.values()}),
        "source": voxel.__file__,
        "values": float(values.sum()),
    },
    sys.stdout,
)
"""


def install(folder, *, writable: bool):
    """A copy of the package's modules; its caches cannot be written if a file is where their folder would be."""
    target = folder / "site-packages" / "pocketvox"
    shutil.copytree(ROOT / "pocketvox", target, ignore=shutil.ignore_patterns("__pycache__", "demo"))
    if not writable:
        (target / "voxel" / "__pycache__").write_text("")  # the superuser may write to a folder without permission
    return target.parent


def run(folder, site):
    """The program in a new process with a home of its own."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    env = environment(PYTHONPATH=str(site), HOME=str(home), USERPROFILE=str(home), PYTHONDONTWRITEBYTECODE="1")
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        env.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["source"].startswith(str(site))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("writable", [True, False], ids=["site-packages", "read-only site-packages"])
def test_a_second_process_compiles_nothing(tmp_path, writable):
    """Machine code lies beside the package, or in the user's cache folder, and every loop is loaded from there."""
    site = install(tmp_path, writable=writable)
    first = run(tmp_path, site)
    assert first["compiled"] > 10
    assert first["misses"]["pocketvox.voxel.spread.add_atoms"] == 1  # one signature for every kind of features
    second = run(tmp_path, site)
    assert second["compiled"] == 0
    assert not any(second["misses"].values())
    assert {"pocketvox.voxel.spread.add_atoms", "pocketvox.voxel.collect.coord_gradients"} <= second["hits"].keys()
    assert second["hits"]["pocketvox.voxel.spread.add_atoms"] == 1
    assert second["values"] == first["values"] > 0
    place = site if writable else tmp_path / "home"
    assert all(path.startswith(str(place)) for path in second["paths"])
