"""Presets that see the ligand: released from a run, run by both engines, and what a scan with one gives."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import DEMO, ROOT, run_cli
from rdkit import Chem
from scipy.spatial.distance import cdist
from store_fixture import tiny_training

from data_prep import release
from data_prep.build import make_item as built_item
from data_prep.sources import Source
from pocketvox.channels import LABEL_RADIUS, LIGAND, TYPED
from pocketvox.config import CONTACTS, TrainConfig
from pocketvox.data.store import create_store, write_item
from pocketvox.descriptors import DESCRIPTORS
from pocketvox.errors import ConfigError, LigandError, UsageError
from pocketvox.features import FEATURES, LIGAND_FEATURES, ligand_points
from pocketvox.inference import load_predictor, load_preset, predict_complex, presets
from pocketvox.interactions.definitions import DEFINITIONS
from pocketvox.pipeline import scan
from pocketvox.structure import read_complex
from pocketvox.voxel.constraints import ROLES, SLACK

training = pytest.importorskip("pocketvox.network.train", reason="needs keras: pip install '.[train]'")


@pytest.fixture(scope="module")
def demo():
    return read_complex(DEMO)


@pytest.fixture(scope="module")
def preset(tmp_path_factory, demo):
    """Trained for seconds on the bundled complex, released by the command."""
    root = tmp_path_factory.mktemp("complex")
    with create_store(
        root / "store.h5", FEATURES, DEFINITIONS.to_dict(), ligand_features=LIGAND_FEATURES, descriptors=DESCRIPTORS
    ) as h5:
        for split in ("train", "val"):
            source = Source(split, "", clusters=(split,), split=split)
            write_item(h5, built_item(source, demo, np.empty((0, 3), np.float32)))
    network = {
        "filters": [8, 8], "blocks": [1, 1], "channels": list(TYPED), "fusion": "intermediate",
        "contacts": list(CONTACTS), "constraints": ["roles"],
    }  # fmt: skip
    sampling = {"crop_size": 24, "spacing": 0.75, "surface_fraction": 0.0, "noise": 0.0}
    settings = tiny_training(root / "store.h5", network=network, sampling=sampling, epochs=1, steps_per_epoch=8)
    training.train(TrainConfig.from_dict(settings), root / "run")
    out = root / "models" / "small-complex-1"
    assert release.main([str(root / "run"), "-o", str(out), "--roi-size", "32", "--halo", "4"]) == 0
    return load_preset(out)


def test_a_release_fits_what_there_is_to_fit(preset):
    config = preset.config
    assert config.task == "complex" and preset.features == FEATURES + LIGAND_FEATURES
    assert set(config.calibration) == set(TYPED) and "hbond_acceptor" in config.thresholds
    assert preset.domain() is None and not config.discovery
    assert "hydrophobic" in preset.metadata["metrics"]["validation"]["jaccard"]


def test_the_newest_preset_is_one_of_the_task_pocket(preset, monkeypatch):
    monkeypatch.setattr(presets, "models_folder", lambda: preset.folder.parent)
    with pytest.raises(ConfigError, match="Received: none"):
        load_preset()
    assert load_preset("small-complex-1").config.task == "complex"


def test_the_task_is_that_of_the_network(preset):
    with pytest.raises(ConfigError, match="task: 'complex'"):
        replace(preset.config, task="pocket")


@pytest.mark.parametrize("engine", ["openvino", "keras"])
def test_maps_are_the_same_with_both_engines_and_keep_to_the_roles(preset, demo, engine):
    """Probabilities in the spheres of the ligand's roles alone; ``ligand`` is where its atoms are."""
    volume = predict_complex(load_predictor(preset.folder, engine=engine, threads=1), demo)
    reference = predict_complex(load_predictor(preset.folder, engine="openvino", threads=1), demo)
    np.testing.assert_allclose(volume.values, reference.values, atol=1e-3)
    assert volume.channels == (*TYPED, LIGAND)
    voxels = volume.grid.to_coord(np.argwhere(np.ones(volume.grid.shape)))
    points = ligand_points(demo.ligands[0])
    for channel in ("hbond_acceptor", "hydrophobic", "metal"):
        columns = [LIGAND_FEATURES.index(name) for name in ROLES[channel]]
        nearest = cdist(voxels, points.coord[points.features[:, columns].any(axis=1)]).min(axis=1)
        p = volume[channel].values.ravel()
        assert (p[nearest > LABEL_RADIUS + 2 * SLACK] == 0).all() and (p[nearest <= LABEL_RADIUS] > 0).any()
    ligand = volume[LIGAND].values.ravel() > 0
    assert np.array_equal(ligand, cdist(voxels, demo.ligands[0].coord).min(axis=1) <= LABEL_RADIUS + 1e-6)


def test_ligands_are_looked_at_one_by_one(preset, demo):
    """Twice the same ligand, once moved aside: where they are apart each has the map that it has alone."""
    predictor = load_predictor(preset.folder, threads=1)
    one = demo.ligands[0]
    mol = Chem.Mol(one.mol)
    conformer = mol.GetConformer()
    for k, position in enumerate(conformer.GetPositions() + [40.0, 0.0, 0.0]):
        conformer.SetAtomPosition(k, position)
    far = replace(one, mol=mol, coord=(one.coord + np.float32([40.0, 0.0, 0.0])).astype(np.float32))
    both = predict_complex(predictor, replace(demo, ligands=(one, far)))
    alone = predict_complex(predictor, demo, both.grid)
    near = slice(0, both.grid.shape[0] // 2)
    np.testing.assert_array_equal(both.values[near], alone.values[near])
    assert both[LIGAND].values[both.grid.shape[0] // 2 :].any()


def test_scanning_with_it_shows_what_the_ligand_does(preset, tmp_path):
    """The command line: a pocket where the ligand is, hot-spots on the ligand, all files; a ligand by file as well."""
    run = run_cli("scan", DEMO, "-o", "out", "--preset", preset.folder, "--json", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    summary = json.loads(run.stdout)
    assert summary["channels"][-1] == LIGAND and len(summary["pockets"]) == 1
    ligand = read_complex(DEMO).ligands[0]
    hotspots = summary["pockets"][0]["hotspots"]
    assert hotspots
    roles = np.concatenate([ligand.coord, ligand_points(ligand).coord])
    assert cdist([h["coord"] for h in hotspots], roles).min(axis=1).max() < LABEL_RADIUS + 0.75
    files = {path.name for path in (tmp_path / "out" / "1hvr").iterdir()}
    assert {"summary.json", "pockets.csv", "hotspots.csv", "maps.h5"} <= files
    Chem.MolToMolFile(ligand.mol, str(tmp_path / "ligand.sdf"))
    given = scan(DEMO, around=str(tmp_path / "ligand.sdf"), preset=preset.folder)
    assert len(given.pockets) == 1 and given.maps[LIGAND].values.any()


def test_what_it_cannot_look_at_is_said(preset):
    with pytest.raises(LigandError, match="expected a ligand"):
        scan(ROOT / "tests" / "data" / "1orc.pdb.gz", preset=preset.folder)
    with pytest.raises(UsageError, match="around instead of center"):
        scan(DEMO, center=(0, 0, 0), preset=preset.folder)
