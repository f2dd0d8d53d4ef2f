"""What must not change what is found: how a structure is written, and where the lattice of voxels happens to lie."""

import numpy as np
import pytest
from conftest import ROOT

from benchmarks.invariance import (
    MOTIONS,
    REWRITTEN,
    ImpossibleError,
    map_change,
    matched,
    mmcif,
    moved_back,
    pdb,
    read,
    scan_variants,
)
from pocketvox.descriptors import experiment
from pocketvox.features import receptor_points
from pocketvox.inference import load_predictor
from pocketvox.pipeline import prepare

DATA = ROOT / "tests" / "data"


def seen(data, path):
    """What the network is given: each point of each atom with its features, in no order, and the grid."""
    path.write_bytes(data)
    prepared = prepare(path, spacing=0.75)
    points = receptor_points(prepared.receptor, experiment(prepared.structure))
    rows = np.c_[points.coord, points.features, points.radius].astype(float).round(3)
    return rows[np.lexsort(rows.T)], prepared.grid


@pytest.mark.parametrize("name", ["1orc.pdb.gz", "1pfe.cif.gz", "4cup.cif.gz", "5i55.cif.gz"])
@pytest.mark.parametrize("kind", REWRITTEN)
def test_the_network_is_given_the_same(name, kind, tmp_path):
    """Proteins and DNA with ligands, from PDB and mmCIF files."""
    structure = read(DATA / name)
    rows, grid = seen(mmcif(structure.clone()), tmp_path / "x.cif")
    try:
        data = REWRITTEN[kind](structure.clone(), np.random.default_rng(1))
    except ImpossibleError as error:
        pytest.skip(str(error))
    assert data != mmcif(structure.clone()) or (kind == "order of chains" and len(structure[0]) == 1)
    again, there = seen(data, tmp_path / ("y.pdb" if REWRITTEN[kind] is pdb else "y.cif"))
    assert there == grid and np.array_equal(again, rows)


@pytest.mark.slow
def test_maps_move_with_the_structure(tmp_path):
    """Exactly if it is moved by whole voxels, as well as the network was taught to otherwise."""
    scans = scan_variants(DATA / "1orc.pdb.gz", tmp_path, load_predictor(), kinds=("order of rows", *MOTIONS))
    _, base, *_ = next(scans)
    for kind, result, turn, shift in scans:
        rms = float(np.sqrt(np.mean(map_change(base, result, turn, shift, 0.2) ** 2)))
        assert rms < 0.1, kind
        if kind in ("order of rows", MOTIONS[0]):
            count, _ = matched(base.hotspots, moved_back(result.hotspots, turn, shift), 0.02, 0.01)
            assert count == len(base.hotspots) == len(result.hotspots) > 0 and rms < 2e-3
