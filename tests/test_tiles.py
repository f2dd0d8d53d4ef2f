"""Maps kept on disk: the same values, the same pockets, the same files."""

from __future__ import annotations

import gc
import tempfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from pocketvox.inference import tiling
from pocketvox.inference.tiling import array_window, sliding_window
from pocketvox.pipeline import scan
from pocketvox.pockets.detect import _connected
from pocketvox.report import read_maps, write_result
from pocketvox.voxel.tiles import SparseArray, TiledArray, dilated, voxels_above

SHAPE, CORE = (13, 9, 17), (5, 9, 4)


def both(seed: int = 0, empty: float = 0.3) -> tuple[np.ndarray, TiledArray]:
    """An array in memory and the same on disk; some tiles are 0 and never written."""
    random = np.random.default_rng(seed)
    values = random.random((*SHAPE, 3), dtype=np.float32)
    tiled = TiledArray(values.shape, CORE)
    starts = [(x, y, z) for x in range(0, 13, 5) for y in range(0, 9, 9) for z in range(0, 17, 4)]
    for start in random.permutation(starts):
        here = tuple(slice(s, s + n) for s, n in zip(start, CORE, strict=True))
        if random.random() < empty:
            values[here] = 0
        else:
            tiled.put(tuple(start.tolist()), values[here])
    return values, tiled


@pytest.mark.parametrize(
    "key",
    [
        np.s_[...],
        np.s_[..., 1],
        np.s_[..., 1:2],
        np.s_[3:9, :, 2:11],
        np.s_[3:9, :, 2:11, 2],
        np.s_[4],
        np.s_[4, 5:8],
        np.s_[:, 2, 3, 1],
        np.s_[::2, 1:8:3],
        np.s_[0:0],
    ],
    ids=str,
)
def test_indexed_like_an_array(key):
    values, tiled = both()
    np.testing.assert_array_equal(tiled[key], values[key])


def test_single_voxels_and_the_whole():
    """Index arrays of any shape, negative ones too; a channel of them; all at once."""
    values, tiled = both(1)
    index = tuple(np.random.default_rng(2).integers(-n, n, (6, 7)) for n in SHAPE)
    np.testing.assert_array_equal(tiled[index], values[index])
    np.testing.assert_array_equal(tiled[(*index, 1)], values[(*index, 1)])
    np.testing.assert_array_equal(np.asarray(tiled), values)
    assert tiled[tuple(np.empty((3, 0), int))].shape == (0, 3)
    assert tiled.shape == values.shape and tiled.ndim == 4 and tiled.dtype == values.dtype


@pytest.mark.parametrize("reach", [0, 2, 7])
def test_rows_around_what_is_high(reach):
    """Every voxel within reach of a high one has its values, across tiles; the others are 0."""
    values, tiled = both(3)
    near = dilated(values[..., 1] >= 0.995, reach)
    sparse = tiled.around(1, 0.995, reach)
    every = tuple(np.indices(SHAPE).reshape(3, -1))
    np.testing.assert_array_equal(sparse[every], np.where(near[..., None], values, 0)[every])
    np.testing.assert_array_equal(sparse[..., 2][every], np.where(near, values[..., 2], 0)[every])
    np.testing.assert_array_equal(voxels_above(sparse[..., 1], 0.995), np.argwhere(values[..., 1] >= 0.995))
    assert 0 < near.mean() < 1 or reach == 7


def test_nothing_high_gives_nothing():
    _, tiled = both(4)
    sparse = tiled.around(0, 2.0, 3)
    assert isinstance(sparse, SparseArray) and len(voxels_above(sparse[..., 0], 0.1)) == 0
    assert sparse[np.array([1]), np.array([2]), np.array([3])].tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("reach", [0, 1, 3, 20])
def test_dilation_is_a_maximum_filter(reach):
    mask = np.random.default_rng(5).random((9, 4, 12)) > 0.97
    np.testing.assert_array_equal(dilated(mask, reach), ndimage.maximum_filter(mask, 2 * reach + 1))


def test_connected_voxels_are_those_of_scipy():
    """Pieces of 26-neighbours, at the faces of the grid too, where indices in a row must not wrap."""
    for seed in range(20):
        mask = np.random.default_rng(seed).random((6, 5, 7)) > 0.85
        voxels = np.argwhere(mask)
        expected = ndimage.label(mask, np.ones((3, 3, 3)))[0][tuple(voxels.T)]
        label = _connected(voxels, mask.shape)
        pairs = set(zip(label.tolist(), expected.tolist(), strict=True))
        assert len(pairs) == len(set(label.tolist())) == expected.max()


def pooled(x: np.ndarray) -> np.ndarray:
    """A little network of stride 2 that sees 4 voxels to each side and is not linear."""
    fine = np.maximum(ndimage.uniform_filter(x, (1, 3, 3, 3, 1), mode="constant") - 0.4, 0)
    n = [k // 2 for k in x.shape[1:4]]
    coarse = fine.reshape(1, n[0], 2, n[1], 2, n[2], 2, -1).max(axis=(2, 4, 6))
    coarse = np.maximum(ndimage.uniform_filter(coarse, (1, 3, 3, 3, 1), mode="constant") - 0.05, 0)
    return fine + coarse.repeat(2, axis=1).repeat(2, axis=2).repeat(2, axis=3)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    shape=st.tuples(*[st.integers(1, 23)] * 3),
    halo=st.sampled_from([4, 6, 8]),
    core=st.integers(1, 8),
    dense=st.sampled_from([0, 10**9]),
)
def test_tiles_are_the_whole_if_the_halo_covers_what_the_network_sees(seed, shape, halo, core, dense):
    """Any size, any tile, in memory and on disk: to 1e-5 what the network gives for the volume in one piece."""
    values = np.random.default_rng(seed).random((*shape, 2), dtype=np.float32)
    even = [n + n % 2 + 2 * halo for n in shape]
    whole = pooled(array_window(values)((-halo,) * 3, even)[None])[0]
    whole = whole[tuple(slice(halo, halo + n) for n in shape)]
    options = {"roi_size": 2 * halo + 2 * core, "halo": halo, "stride": 2, "dense": dense}
    tiled = sliding_window(pooled, array_window(values), shape, **options)
    assert isinstance(tiled, TiledArray) == (dense == 0)
    np.testing.assert_allclose(np.asarray(tiled), whole, atol=1e-5)


def test_a_halo_that_is_too_small_is_seen(seed=6):
    """The comparison above would notice: with a halo of 2 the maps differ."""
    values = np.random.default_rng(seed).random((20, 20, 20, 2), dtype=np.float32)
    whole = pooled(array_window(values)((-4,) * 3, (28,) * 3)[None])[0][4:-4, 4:-4, 4:-4]
    tiled = sliding_window(pooled, array_window(values), (20,) * 3, roi_size=8, halo=2, stride=2)
    assert np.abs(tiled - whole).max() > 1e-3


@pytest.mark.parametrize("box", [32, 96])
def test_a_scan_on_disk_is_the_scan_in_memory(demo_file, preset, tmp_path, monkeypatch, box):
    """Pockets, hot-spots and stored maps are the same, byte by byte and voxel by voxel."""
    from pocketvox.report import maps

    usual = scan(demo_file, preset=preset)
    monkeypatch.setattr(tiling, "DENSE", 0)
    monkeypatch.setattr(maps, "BOX", box)
    large = scan(demo_file, preset=preset)
    assert isinstance(large.maps.values, TiledArray) and isinstance(usual.maps.values, np.ndarray)
    assert len(usual.pockets) > 3 and sum(len(p.hotspots) for p in usual.pockets) > 20
    write_result(usual, tmp_path / "usual")
    write_result(large, tmp_path / "large")
    for name in ("pockets.csv", "hotspots.csv"):
        assert (tmp_path / "large" / name).read_bytes() == (tmp_path / "usual" / name).read_bytes()
    stored = [read_maps(tmp_path / name / "maps.h5") for name in ("usual", "large")]
    np.testing.assert_array_equal(stored[0].values, stored[1].values)
    np.testing.assert_array_equal(large.maps["hbond_donor"].values, usual.maps["hbond_donor"].values)
    first = (tmp_path / "large" / "maps.h5").read_bytes()
    write_result(scan(demo_file, preset=preset), tmp_path / "large")
    assert (tmp_path / "large" / "maps.h5").read_bytes() == first


def test_hot_spots_of_regions_are_those_of_the_whole(demo_file, preset, monkeypatch):
    """Partners looked for region by region, as in very large receptors, are the same."""
    from pocketvox.pockets import hotspots

    usual = scan(demo_file, preset=preset).pockets
    monkeypatch.setattr(hotspots, "MOST_ATOMS", 0)
    monkeypatch.setattr(hotspots, "REGION", 16.0)
    assert [p.hotspots for p in scan(demo_file, preset=preset).pockets] == [p.hotspots for p in usual]


def test_the_file_goes_with_the_array(tmp_path, monkeypatch):
    """Nothing is left in the temporary folder, not even while the array is in use."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    _, tiled = both()
    assert tiled[0].shape == SHAPE[1:] + (3,)
    del tiled
    gc.collect()
    assert list(tmp_path.iterdir()) == []
