"""Tiles: together they are the volume, whatever its size."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from pocketvox.config import NetworkConfig
from pocketvox.errors import ConfigError, UsageError
from pocketvox.features import FEATURES, FeaturePoints
from pocketvox.inference import tiling
from pocketvox.inference.predictor import Predictor
from pocketvox.inference.presets import Preset, PresetConfig
from pocketvox.inference.tiling import (
    MARGIN,
    REACH,
    ROTATIONS,
    array_window,
    averaged,
    points_window,
    predict_volume,
    receptive_field,
    rotation_set,
    sliding_window,
)
from pocketvox.voxel import Grid, cube_rotations, rotate_coord, rotate_volume, voxelize

CONFIG = {"network": {"features": FEATURES, "filters": [4, 8], "blocks": [1, 1]}, "spacing": 1.0}


def preset(**changes) -> Preset:
    return Preset("none", None, PresetConfig.from_dict(CONFIG | {"roi_size": 16, "halo": 4} | changes), {})


def points(*coord) -> FeaturePoints:
    coord = np.array(coord, np.float32)
    features = np.zeros((len(coord), len(FEATURES)), bool)
    features[:, : len(preset().channels)] = np.arange(len(coord))[:, None] % 3 != np.arange(11) % 3
    return FeaturePoints(coord, features, np.full(len(coord), 1.5, np.float32))


def first_channels(x: np.ndarray) -> np.ndarray:
    """An engine that returns its first input channels."""
    return x[..., : len(preset().channels)]


@pytest.mark.parametrize("shape", [(1, 1, 1), (8, 8, 8), (9, 17, 40), (33, 5, 24), (24, 24, 25)])
@pytest.mark.parametrize(("roi_size", "halo", "stride"), [(16, 4, 4), (8, 0, 8), (32, 8, 8), (16, 7, 1)])
def test_identity(shape, roi_size, halo, stride):
    """With a predictor that returns its input the output is the input, bit for bit, for awkward sizes too."""
    values = np.random.default_rng(0).random((*shape, 3), dtype=np.float32)
    seen = []

    def predict(x):
        seen.append(x.shape)
        return x

    out = sliding_window(predict, array_window(values), shape, roi_size=roi_size, halo=halo, stride=stride)
    assert np.array_equal(out, values)
    assert len(set(seen)) == 1
    assert all(n % stride == 0 and n <= roi_size for n in seen[0][1:4])


def test_halo_hides_tile_faces():
    """A filter of reach 3 sees across tiles if the halo is 3, and does not if it is 2."""
    values = np.random.default_rng(1).random((20, 20, 20, 1))

    def smooth(x):
        return uniform_filter(x, (1, 7, 7, 7, 1), mode="constant")

    whole = smooth(values[None])[0]
    wide = sliding_window(smooth, array_window(values), (20, 20, 20), roi_size=12, halo=3)
    narrow = sliding_window(smooth, array_window(values), (20, 20, 20), roi_size=12, halo=2)
    np.testing.assert_allclose(wide, whole, atol=1e-6)
    assert np.abs(narrow - whole).max() > 1e-2


def test_tiles_are_even_and_aligned():
    """41 voxels in tiles of at most 40 kept: two of 24, not 40 and 1; starts at multiples of 8."""
    starts = []

    def window(start, size):
        starts.append((start[0], size[0]))
        return np.zeros((*size, 1), np.float32)

    sliding_window(lambda x: x, window, (41, 4, 4), roi_size=56, halo=8, stride=8)
    assert starts == [(-8, 40), (16, 40)]


@pytest.mark.parametrize(("roi_size", "halo", "stride"), [(16, 8, 8), (20, 4, 8), (16, 4, 8), (16, -8, 8)])
def test_impossible_tiles_are_refused(roi_size, halo, stride):
    """Sizes that are no multiples of the stride, or leave nothing to keep."""
    with pytest.raises(UsageError, match="roi_size and halo"):
        sliding_window(
            lambda x: x, array_window(np.zeros((8, 8, 8, 1))), (8, 8, 8), roi_size=roi_size, halo=halo, stride=stride
        )


def test_map_of_points_is_their_voxelization():
    """Voxelized tile by tile and put together: the same as voxelized at once, over the whole receptor by default."""
    atoms = points((0, 0, 0), (14.3, 3.1, -2), (21, -7, 5), (3, 11, 9))
    volume = predict_volume(preset(), atoms, engine=first_channels)
    assert volume.grid == Grid.around(atoms.coord, MARGIN, 1.0)
    expected = voxelize(atoms.coord, atoms.features, atoms.radius, volume.grid, FEATURES).values[..., :11]
    np.testing.assert_allclose(volume.values, expected, atol=1e-5)
    assert volume.channels == preset().channels and volume.values.dtype == np.float32
    assert Predictor(preset(), first_channels)(atoms).values.tobytes() == volume.values.tobytes()


def test_atoms_outside_a_box_are_seen():
    """An atom just outside the grid still fills voxels inside it."""
    grid = Grid.centred((0, 0, 0), 8, 1.0)
    volume = predict_volume(preset(), points((4.5, 0, 0), (-20, 0, 0)), grid, engine=first_channels)
    assert volume.values[-1].max() > 0.1 and volume.values[0].max() == 0


def test_tiles_far_from_the_receptor_are_skipped():
    """A tile whose core is farther than REACH from every point is not computed and is 0; one just within is."""
    grid = Grid((0.0, 0.0, 0.0), (8, 8, 8), 1.0)
    calls = []

    def ones(x):
        calls.append(x.shape)
        return np.ones((*x.shape[:4], 11), np.float32)

    near = points((-REACH + 0.01, 4, 4))
    assert predict_volume(preset(), near, grid, engine=ones).values.min() == 1
    with pytest.raises(UsageError, match="within reach of the grid"):
        predict_volume(preset(), points((-REACH - 0.01, 4, 4)), grid, engine=ones)
    long = Grid((0.0, 0.0, 0.0), (32, 8, 8), 1.0)
    calls.clear()
    progress = []
    volume = predict_volume(preset(), points((2, 4, 4)), long, engine=ones, progress=lambda *n: progress.append(n))
    assert len(calls) == 2 and progress == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert volume.values[:16].min() == 1 and volume.values[16:].max() == 0


def test_averaging_over_rotations():
    """An equivariant predictor is unchanged; one that favours a direction becomes the mean of its rotated self."""
    x = np.random.default_rng(2).random((1, 6, 4, 8, 2))
    np.testing.assert_allclose(averaged(lambda v: v**2, 24)(x), x**2, rtol=1e-6)

    def first_plane(v):
        out = np.zeros_like(v)
        out[:, 0] = 1
        return out

    cube = np.zeros((1, 5, 5, 5, 1))
    out = averaged(first_plane, 24)(cube)[0, ..., 0]
    assert out[2, 2, 2] == 0 and out[0, 2, 2] == pytest.approx(1 / 6) and out[0, 0, 0] == pytest.approx(1 / 2)
    assert averaged(first_plane, 1) is first_plane


@pytest.mark.parametrize("n", ROTATIONS)
def test_sets_of_rotations_are_spread_and_nested(n):
    """Each begins the next; neighbours are 180, 120 or 90 degrees apart; all but the 8 are groups."""
    turns = rotation_set(n)
    cosines = [(np.trace(a.T @ b) - 1) / 2 for i, a in enumerate(turns) for b in turns[:i]]
    assert len(turns) == n and np.array_equal(turns, rotation_set(24)[:n]) and np.array_equal(turns[0], np.eye(3))
    assert max(cosines, default=-1) == {1: -1, 2: -1, 4: -1, 8: -0.5, 12: -0.5, 24: 0}[n]
    known = {turn.round().astype(int).tobytes() for turn in turns}
    assert len(known) == n
    assert (n == 8) != ({(a @ b).round().astype(int).tobytes() for a in turns for b in turns} == known)


def test_other_numbers_of_rotations_are_refused():
    with pytest.raises(UsageError, match="1, 2, 4, 8, 12, 24. Received: 3"):
        rotation_set(3)


def scene() -> tuple[FeaturePoints, Grid]:
    """Atoms in a grid of no two equal edges, six tiles."""
    atoms = points(*np.random.default_rng(5).uniform(-9, 9, (12, 3)) * (0.8, 0.4, 1.2))
    return atoms, Grid.centred((0, 0, 0), (16, 8, 24), 1.0)


@pytest.mark.parametrize("n", ROTATIONS)
def test_rotations_change_nothing_for_an_engine_without_directions(n):
    """Each view is turned back to where it came from, in tiles that are no cubes as well."""
    atoms, grid = scene()
    once = predict_volume(preset(), atoms, grid, engine=first_channels).values
    mean = predict_volume(preset(), atoms, grid, engine=first_channels, rotations=n).values
    np.testing.assert_allclose(mean, once, rtol=1e-6)
    assert once.max() > 0.5


def test_averaged_maps_turn_with_the_receptor():
    """An engine that sums along one axis of its tile: over all 24 rotations the map of a turned receptor is turned."""

    def sweep(x):
        return first_channels(np.cumsum(x, axis=1) * np.linspace(0, 1, x.shape[3])[:, None] / 8)

    atoms, grid = scene()
    for turn in cube_rotations()[[4, 9, 14]]:
        turned = FeaturePoints(rotate_coord(atoms.coord, turn).astype(np.float32), atoms.features, atoms.radius)
        there = Grid.centred((0, 0, 0), tuple(int(n) for n in np.abs(turn) @ grid.shape), 1.0)
        gap = {}
        for n in (1, 24):
            expected = rotate_volume(predict_volume(preset(), atoms, grid, engine=sweep, rotations=n).values, turn)
            received = predict_volume(preset(), turned, there, engine=sweep, rotations=n).values
            gap[n] = np.abs(received - expected).max()
        assert gap[24] < 1e-5 < 0.05 < gap[1]


def test_another_spacing_is_refused():
    """A grid of another spacing than the network's names both."""
    with pytest.raises(ConfigError, match=r"spacing 1\.0 A.*Received: 0\.5 A"):
        predict_volume(preset(), points((0, 0, 0)), Grid((0.0, 0.0, 0.0), (8, 8, 8), 0.5), engine=first_channels)


@pytest.fixture(scope="module", params=[(1, False), (2, False), (2, True)], ids=["voxels", "patches", "residual"])
def network(request):
    """A small U-Net with random weights, and its configuration."""
    from pocketvox.network.unet import build_unet

    patch, residual = request.param
    config = NetworkConfig(features=FEATURES[:2], filters=(3, 4), blocks=(1, 2), patch=patch, residual=residual)
    model = build_unet(config)
    rng = np.random.default_rng(11)
    for weight in model.weights:
        weight.assign(rng.normal(0.3 if "variance" in weight.name else 0.0, 0.3, weight.shape) ** 2)
    return lambda x: np.asarray(model(x.astype(np.float32))), config


def test_receptive_field_is_a_bound_and_not_a_wide_one(network):
    """A changed voxel changes nothing beyond it; what it does change ends within twice the stride of it."""
    predict, config = network
    reach = receptive_field(config)
    n = 2 * reach + 4 * config.stride
    x = np.random.default_rng(0).random((1, n, 8, 8, 2))
    farthest = 0
    for at in range(n // 2, n // 2 + config.stride):
        y = x.copy()
        y[0, at, 3, 4] += 5.0
        changed = np.flatnonzero((predict(x) != predict(y)).any(axis=(0, 2, 3, 4)))
        farthest = max(farthest, at - changed[0], changed[-1] - at)
    assert reach % config.stride == 0
    assert reach - 2 * config.stride < farthest <= reach


@pytest.mark.parametrize("shape", [(1, 1, 1), (13, 3, 8), (5, 17, 9)])
@pytest.mark.parametrize("tiles", [1, 3])
def test_tiles_are_the_whole(network, shape, tiles):
    """With a halo of the receptive field every tile size gives what one tile gives, at every face and seam."""
    predict, config = network
    halo, stride = receptive_field(config), config.stride
    x = np.random.default_rng(sum(shape)).random((*shape, 2), dtype=np.float32)

    def run(roi_size):
        return sliding_window(predict, array_window(x), shape, roi_size=roi_size, halo=halo, stride=stride)

    whole = run(2 * halo + stride * (-(-max(shape) // stride)))
    np.testing.assert_allclose(run(2 * halo + tiles * stride), whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(1, 1, 1), (9, 17, 40), (24, 24, 25)])
@pytest.mark.parametrize(("roi_size", "halo", "stride"), [(16, 4, 4), (32, 8, 8), (16, 7, 1)])
def test_identity_on_disk(shape, roi_size, halo, stride):
    """Kept tile by tile in a file: whole, by boxes and by voxels what a numpy array gives."""
    rng = np.random.default_rng(4)
    values = rng.random((*shape, 3), dtype=np.float32)
    options = {"roi_size": roi_size, "halo": halo, "stride": stride, "dense": 0}
    out = sliding_window(lambda x: x, array_window(values), shape, **options)
    assert not isinstance(out, np.ndarray) and out.shape == values.shape
    assert np.array_equal(np.asarray(out), values)
    low = [int(rng.integers(0, n)) for n in shape]
    high = [int(rng.integers(a, n)) + 1 for a, n in zip(low, shape, strict=True)]
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    assert np.array_equal(out[box], values[box])
    voxels = tuple(rng.integers(0, n, 50) for n in shape)
    assert np.array_equal(out[voxels], values[voxels])


def test_a_tile_looks_at_its_own_points(monkeypatch):
    """The input of a tile is made of the points around it; the result is, bit for bit, that of all points."""
    rng = np.random.default_rng(3)
    atoms = points(*rng.uniform(0, 60, (400, 3)))
    grid = Grid.around(atoms.coord, MARGIN, 1.0)
    config, seen = preset().config, []
    original = tiling.network_input

    def counted(coord, *others):
        seen.append(len(coord))
        return original(coord, *others)

    monkeypatch.setattr(tiling, "network_input", counted)
    window = points_window(atoms, grid, config.network, config.halo)
    for start in ((-4, -4, -4), (28, 28, 28), (52, 12, 60)):
        part = grid.window(start, (16, 16, 16))
        everything = original(atoms.coord, atoms.features, atoms.radius, part, config.network)
        assert window(start, (16, 16, 16)).tobytes() == everything.tobytes()
    assert max(seen) < 200 and all(seen)
