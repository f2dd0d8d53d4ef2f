"""How far a map is from turning with its receptor: predictors of known symmetry give known numbers."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from store_fixture import make_item

from data_prep import symmetry
from pocketvox.channels import CHANNELS
from pocketvox.features import FeaturePoints
from pocketvox.inference import rotation_set
from pocketvox.inference.tiling import averaged
from pocketvox.voxel import Grid, Volume, cube_rotations, rotate_coord, rotate_volume


class Field:
    """A smooth map: a Gaussian around each point; ``uneven`` adds what depends on the frame: the height z."""

    def __init__(self, uneven: float = 0.0):
        self.uneven = uneven
        config = SimpleNamespace(pockets={"threshold": 0.05})
        self.preset = SimpleNamespace(name="field", fingerprint="", spacing=0.75, channels=CHANNELS, config=config)

    def __call__(self, points, grid, *, rotations=1):
        at = grid.to_coord(np.argwhere(np.ones(grid.shape)))
        square = ((at[:, None] - points.coord[None]) ** 2).sum(axis=-1)
        value = 0.2 * np.exp(-square / 8).sum(axis=1) + self.uneven * (at - at.mean(axis=0))[:, 2]
        return Volume(np.repeat(value.reshape(*grid.shape, 1), len(CHANNELS), -1).astype(np.float32), grid, CHANNELS)


@pytest.fixture
def items():
    few = make_item("a", seed=1)
    return [replace(few, coord=few.ligand_coord, features=np.ones((8, 3), np.uint8), radius=few.radius[:8])]


def rows(result) -> dict:
    return {r["label"]: r["value"] for r in result["tables"][0]["rows"]}


def test_a_symmetric_field_has_no_error_but_that_of_interpolation(items):
    found = rows(symmetry.measure(Field(), items))
    assert set(found) == {
        f"{k}, {n}" for k in ("cube rotation", "random rotation", "translation") for n in (1, 4, 24)
    } | {"interpolation alone, 1"}
    assert found["cube rotation, 1"]["rms"] < 1e-6
    for kind in ("random rotation", "translation"):
        assert 0 < found[f"{kind}, 1"]["rms"] < 1e-3
    assert found["interpolation alone, 1"]["rms"] < 1e-3
    assert found["cube rotation, 1"]["voxels"] > 23 * 100


def test_an_uneven_field_has_a_known_error(items):
    """The height turned over is off by up to twice itself; the mean over four orientations, or 24, has none."""
    found = rows(symmetry.measure(Field(0.01), items))
    assert found["cube rotation, 1"]["max"] > 0.1
    assert found["cube rotation, 4"]["max"] < 1e-6 and found["cube rotation, 24"]["max"] < 1e-6
    assert found["random rotation, 1"]["rms"] > 0.01 > 10 * found["random rotation, 24"]["rms"]


def test_means_of_views_are_what_a_scan_averages():
    """Maps of turned receptors, turned back, and averaged: what ``averaged`` makes of turned inputs."""
    rng = np.random.default_rng(0)
    points = FeaturePoints(rng.normal(size=(5, 3)).astype(np.float32), np.ones((5, 1), bool), np.ones(5, np.float32))
    field, turn = Field(0.01), cube_rotations()[7]
    maps = symmetry.Views(field, points, np.zeros(3), 0.75).maps(turn)
    grid = Grid.centred((0.0, 0.0, 0.0), symmetry.SIZE, 0.75)

    def network(x):  # its input is the even part of the field, turned already
        height = grid.to_coord(np.argwhere(np.ones(grid.shape)))[:, 2].reshape(*grid.shape, 1)
        return (x[0] + 0.01 * height)[None]

    turned = rotate_coord(points.coord, turn).astype(np.float32)
    even = Field()(FeaturePoints(turned, points.features, points.radius), grid).values
    for n in (1, 4, 24):
        assert np.allclose(maps[:n].mean(axis=0), averaged(network, n)(even[None])[0], atol=1e-5)
    assert np.allclose(rotate_volume(maps[0], np.eye(3)), maps[0]) and len(maps) == len(rotation_set(24))
