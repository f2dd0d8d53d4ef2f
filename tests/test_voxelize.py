"""Atoms to feature grids: against a float64 reference, under symmetry, at boundaries."""

import os
import threading
import tracemalloc

import numba
import numpy as np
import pytest

from pocketvox.errors import InputError
from pocketvox.voxel import (
    Grid,
    coord_gradient,
    cube_rotations,
    gather,
    kernels,
    rotate_coord,
    rotate_volume,
    spread,
    voxelize,
    voxelize_batch,
    voxelize_into,
)
from pocketvox.voxel.compiled import compiled
from pocketvox.voxel.kernels import kernel

NAMES = tuple("abcdefghijk")
GRID = Grid((-7.0, 3.0, 11.5), (20, 17, 23), 0.75)


def atoms(grid, n=150, seed=0, overhang=4.0):
    """Random atoms in and around a grid: float32 coord, boolean features, radii of C, N, O and S size."""
    rng = np.random.default_rng(seed)
    low, high = grid.to_coord([[0, 0, 0], np.array(grid.shape) - 1])
    coord = rng.uniform(low - overhang, high + overhang, (n, 3)).astype(np.float32)
    return coord, rng.random((n, len(NAMES))) < 0.25, rng.uniform(1.4, 1.9, n).astype(np.float32)


def reference(coord, features, radius, grid):
    """Every voxel against every atom, in angstrom and float64."""
    centres = grid.to_coord(np.indices(grid.shape).reshape(3, -1).T)
    distance = np.linalg.norm(centres[:, None] - np.asarray(coord, np.float64), axis=-1)
    values = kernels.kernel(distance, radius) @ np.asarray(features, np.float64)
    return values.reshape(*grid.shape, -1)


def line(x, radius, spacing=0.75, n=5):
    """Values of one atom at ``x`` along a row of voxels that begins at 0."""
    grid = Grid((0.0, 0.0, 0.0), (n, 1, 1), spacing)
    return voxelize([[x, 0.0, 0.0]], [[True]], radius, grid, ["a"]).values[:, 0, 0, 0]


# --- the kernel ---


def test_kernel_by_hand():
    # radius 2, support 3: (1 - 1/9)^3, (1 - 4/9)^3, (1 - 25/36)^3
    expected = [1.0, 512 / 729, 125 / 729, 1331 / 46656, 0.0, 0.0]
    np.testing.assert_allclose(kernels.kernel([0, 1, 2, 2.5, 3, 4], 2.0), expected, rtol=1e-7)


def test_kernel_has_no_slope_nor_curvature_at_its_support():
    d, h = 1.5 * 1.7, 1e-4
    slope = (kernels.kernel(d, 1.7) - kernels.kernel(d - h, 1.7)) / h
    curvature = (kernels.kernel(d, 1.7) - 2 * kernels.kernel(d - h, 1.7) + kernels.kernel(d - 2 * h, 1.7)) / h**2
    assert abs(slope) < 1e-6
    assert abs(curvature) < 1e-3  # (1 - u^2)^2, one order less smooth, has 8 / s^2 = 1.2


def test_values_by_hand():
    # support 1.5, voxels at 0, 0.75, 1.5 from the atom: 1, (1 - 1/4)^3, 0
    assert line(0.0, 1.0).tolist() == [1.0, 0.421875, 0.0, 0.0, 0.0]
    # half-way between two voxels: (1 - 1/16)^3 and (1 - 9/16)^3
    np.testing.assert_allclose(line(0.375, 1.0)[:3], [0.82397461, 0.82397461, 0.08374023], rtol=1e-6)


def test_atoms_and_features_add_up():
    grid = Grid((0.0, 0.0, 0.0), (2, 1, 1), 0.75)
    values = voxelize([[0, 0, 0], [0.75, 0, 0]], [[2.0, 0.0], [1.0, -0.5]], 1.0, grid, ["a", "b"]).values
    expected = [[2 + 0.421875, -0.5 * 0.421875], [2 * 0.421875 + 1, -0.5]]
    np.testing.assert_allclose(values[:, 0, 0], expected, rtol=1e-6)


# --- against the reference ---


@pytest.mark.parametrize("spacing", [0.5, 0.75, 1.3])
def test_agrees_with_float64_reference(spacing):
    grid = Grid((-7.0, 3.0, 11.5), (20, 17, 23), spacing)
    coord, features, radius = atoms(grid, n=300)
    volume = voxelize(coord, features, radius, grid, NAMES)
    expected = reference(coord, features, radius, grid)
    assert expected.max() > 1
    assert volume.values.dtype == np.float32
    assert (volume.grid, volume.channels) == (grid, NAMES)
    np.testing.assert_allclose(volume.values, expected, rtol=0, atol=1e-5)


def test_real_features_agree_with_float64_reference():
    coord, _, radius = atoms(GRID)
    features = np.random.default_rng(3).normal(size=(len(coord), len(NAMES)))
    expected = reference(coord, features, radius, GRID)
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(voxelize(coord, features, radius, GRID, NAMES).values, expected, rtol=0, atol=1e-5)


def test_any_layout_and_dtype_of_the_input_gives_the_same_bytes():
    coord, features, radius = atoms(GRID)
    expected = voxelize(coord, features, radius, GRID, NAMES).values.tobytes()
    for other in (np.asfortranarray(features), features.astype("u1"), features.astype("i8"), features.astype("f8")):
        assert voxelize(np.asfortranarray(coord), other, radius, GRID, NAMES).values.tobytes() == expected
    assert voxelize(coord.tolist(), features.tolist(), radius.tolist(), GRID, list(NAMES)).values.tobytes() == expected


def test_one_radius_for_all():
    coord, features, _ = atoms(GRID)
    one = voxelize(coord, features, 1.7, GRID, NAMES).values
    each = voxelize(coord, features, np.full(len(coord), 1.7), GRID, NAMES).values
    assert np.array_equal(one, each)


def test_into_adds_to_one_sample_of_a_batch():
    coord, features, radius = atoms(GRID)
    expected = voxelize(coord, features, radius, GRID, NAMES).values
    batch = np.zeros((2, *expected.shape), np.float32)
    voxelize_into(batch[1], coord, features, radius, GRID)
    assert np.array_equal(batch[1], expected)
    assert not batch[0].any()
    voxelize_into(batch[1], coord, features, radius, GRID)
    np.testing.assert_allclose(batch[1], 2 * expected, atol=1e-5)


# --- invariance ---


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_commutes_with_a_translation_by_one_voxel(axis):
    coord, features, radius = atoms(GRID)
    moved = coord.astype(np.float64)
    moved[:, axis] += GRID.spacing
    before = np.moveaxis(voxelize(coord, features, radius, GRID, NAMES).values, axis, 0)
    after = np.moveaxis(voxelize(moved, features, radius, GRID, NAMES).values, axis, 0)
    assert before.max() > 1
    np.testing.assert_allclose(after[1:], before[:-1], rtol=0, atol=1e-6)


def test_depends_on_the_distance_to_the_grid_only():
    coord, features, radius = atoms(GRID)
    shift = np.array([123.456, -78.9, 1000.1])
    moved = Grid(tuple(np.add(GRID.origin, shift)), GRID.shape, GRID.spacing)
    before = voxelize(coord, features, radius, GRID, NAMES).values
    after = voxelize(coord + shift, features, radius, moved, NAMES).values
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(16, 16, 16), (15, 10, 12)])
def test_commutes_with_the_24_cube_rotations(shape):
    centre = (5.0, -3.0, 20.0)
    grid = Grid.centred(centre, shape, 0.75)
    coord, features, radius = atoms(grid)
    values = voxelize(coord, features, radius, grid, NAMES).values
    for rotation in cube_rotations():
        expected = rotate_volume(values, rotation)
        turned = Grid.centred(centre, expected.shape[:3], 0.75)
        actual = voxelize(rotate_coord(coord, rotation, centre), features, radius, turned, NAMES).values
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)


def test_a_window_of_the_grid_sees_the_same_values():
    coord, features, radius = atoms(GRID)
    whole = voxelize(coord, features, radius, GRID, NAMES).values
    part = voxelize(coord, features, radius, GRID.window((4, 5, 6), (8, 9, 10)), NAMES).values
    np.testing.assert_allclose(part, whole[4:12, 5:14, 6:16], rtol=0, atol=1e-6)


# --- boundaries ---


def test_a_voxel_exactly_on_the_support_gets_nothing_one_just_inside_something():
    assert line(0.0, 1.0)[2] == 0.0  # support 1.5 = 2 voxels
    assert 0.0 < line(0.0, 1.0 + 1e-4)[2] < 1e-10


def test_an_atom_outside_reaches_in_until_its_support():
    assert line(-1.4, 1.0).tolist()[0] == pytest.approx((1 - (1.4 / 1.5) ** 2) ** 3, rel=1e-5)
    assert line(-1.4, 1.0)[1] == 0.0
    assert not line(-1.5, 1.0).any()
    assert line(3.0 + 1.4, 1.0)[4] > 0.0
    assert not line(3.0 + 1.5, 1.0).any()


def test_distant_atoms_change_nothing_however_far():
    coord, features, radius = atoms(GRID)
    expected = voxelize(coord, features, radius, GRID, NAMES).values
    far = np.array([[1e3, 0, 0], [0, -1e3, 0], [1e30, 1e30, -1e30], [-7.0, 3.0, 1e300]])
    both = voxelize(np.vstack([coord, far]), np.vstack([features, np.ones((4, 11), bool)]), 1.7, GRID, NAMES).values
    assert np.array_equal(both, voxelize(coord, features, 1.7, GRID, NAMES).values)
    assert expected.any() and not voxelize(far, np.ones((4, 11)), 1.7, GRID, NAMES).values.any()


def test_a_radius_larger_than_the_grid_stays_inside_it():
    volume = voxelize([[0.0, 10.0, 20.0]], [[True]], 1000.0, GRID, ["a"])
    assert volume.values.min() > 0.99


@pytest.mark.parametrize(
    ("coord", "features", "radius"), [([], [], []), (np.empty((0, 3)), np.empty((0, 11), bool), 1.7)]
)
def test_no_atoms_give_zeros(coord, features, radius):
    volume = voxelize(coord, features, radius, GRID, NAMES)
    assert volume.values.shape == (20, 17, 23, 11)
    assert not volume.values.any()


def test_atoms_without_features_and_no_channels():
    coord, features, radius = atoms(GRID)
    assert not voxelize(coord, np.zeros_like(features), radius, GRID, NAMES).values.any()
    assert voxelize(coord, features[:, :0], radius, GRID, []).values.shape == (20, 17, 23, 0)


# --- errors ---

_COORD, _FEATURES = [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]], [[True, False], [False, True]]


@pytest.mark.parametrize(
    ("coord", "features", "radius", "message"),
    [
        ([[0, 0, 0], [1, np.nan, 1]], _FEATURES, 1.7, "finite coordinates.*nan.*row 1"),
        ([[0, 0, np.inf], [1, 1, 1]], _FEATURES, 1.7, "finite coordinates.*inf.*row 0"),
        ([0.0, 0.0, 0.0], _FEATURES, 1.7, r"shape \(n, 3\).*shape \(3,\)"),
        (np.zeros((2, 4)), _FEATURES, 1.7, r"shape \(n, 3\).*\(2, 4\)"),
        (_COORD, [[True, False]], 1.7, r"features of shape \(2, 2\).*\(1, 2\)"),
        (_COORD, np.ones((2, 3)), 1.7, r"features of shape \(2, 2\).*\(2, 3\)"),
        (_COORD, [[1.0, 0.0], [0.0, np.nan]], 1.7, "finite features.*nan.*row 1"),
        (_COORD, _FEATURES, [1.7], r"shape \(2,\).*\(1,\)"),
        (_COORD, _FEATURES, [1.7, 0.0], "positive radii.*Received: 0.0"),
        (_COORD, _FEATURES, -1.0, "positive radii.*Received: -1.0"),
        (_COORD, _FEATURES, [np.nan, 1.7], "positive radii.*nan"),
        ([], [], -1.0, "positive radii"),
    ],
)
def test_bad_input_says_what_and_where(coord, features, radius, message):
    with pytest.raises(InputError, match=message):
        voxelize(coord, features, radius, GRID, ["a", "b"])


@pytest.mark.parametrize(
    "out",
    [
        np.zeros((20, 17, 23, 2)),
        np.zeros((20, 17, 22, 2), np.float32),
        np.zeros((20, 17, 23, 2), np.float32, order="F"),
    ],
)
def test_a_buffer_that_does_not_fit_is_refused(out):
    with pytest.raises(InputError, match="C-ordered float32 array of shape"):
        voxelize_into(out, _COORD, _FEATURES, 1.7, GRID)


# --- compilation ---


def test_machine_code_is_kept_on_disk():
    voxelize(*atoms(GRID), GRID, NAMES)
    stats = spread.add_atoms.stats
    assert sum(stats.cache_hits.values()) + sum(stats.cache_misses.values()) > 0
    assert any(name.startswith("spread.add_atoms") for name in os.listdir(stats.cache_path))


def test_compiles_without_a_writable_place_for_the_cache():
    scope = {}
    exec(compile("def double(x):\n    return 2 * x\n", f"{os.devnull}/nowhere.py", "exec"), scope)
    with pytest.raises(RuntimeError, match="cannot cache"):
        numba.njit(cache=True)(scope["double"])
    assert compiled(scope["double"])(21) == 42


# --- the way back ---


@pytest.mark.parametrize("kind", [bool, np.float32], ids=str)
def test_gathering_is_the_transpose_of_spreading(kind):
    """Share of each atom and channel in a weighted sum of voxels, against every voxel and every atom."""
    rng = np.random.default_rng(3)
    coord, features, radius = atoms(GRID, n=40)
    features = features.astype(kind) if kind is bool else rng.normal(size=features.shape).astype(kind)
    field = rng.normal(size=(*GRID.shape, len(NAMES)))
    found = gather(field, coord, features, radius, GRID)
    centres = GRID.to_coord(np.indices(GRID.shape).reshape(3, -1).T)
    distance = np.linalg.norm(centres[:, None] - np.asarray(coord, np.float64), axis=-1)
    expected = features * (kernels.kernel(distance, radius).T @ field.reshape(-1, len(NAMES)))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    whole = (field * voxelize(coord, features, radius, GRID, NAMES).values).sum()
    assert found.sum() == pytest.approx(whole, abs=1e-2) and abs(whole) > 0.1


def test_gathering_from_another_grid_is_refused():
    with pytest.raises(InputError, match="field of shape"):
        gather(np.zeros((2, 2, 2, 1)), [[0.0, 0.0, 0.0]], [[True]], 1.0, GRID)


@pytest.mark.parametrize("kind", [bool, np.float32], ids=str)
def test_coordinate_gradients_agree_with_finite_differences(kind):
    """Every component of every atom, those at the edge of the grid too, by central differences in float64."""
    rng = np.random.default_rng(4)
    coord, features, radius = atoms(GRID, n=40)
    features = features if kind is bool else rng.normal(size=features.shape).astype(kind)
    field = rng.normal(size=(*GRID.shape, len(NAMES))).astype(np.float32)
    found = coord_gradient(field, coord, features, radius, GRID)
    h = 1e-5
    expected = np.zeros((len(coord), 3))
    for a, k in np.ndindex(*expected.shape):
        step = np.zeros(3)
        step[k] = h
        one = (features[a : a + 1], radius[a : a + 1], GRID)
        high, low = (reference((coord[a] + sign * step)[None], *one) for sign in (1, -1))
        expected[a, k] = (field * (high - low)).sum() / (2 * h)
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-5)


def test_atoms_out_of_reach_have_no_gradient():
    coord, features, radius = atoms(GRID, n=5)
    far = np.concatenate([coord, coord + 1e4])
    field = np.ones((*GRID.shape, len(NAMES)), np.float32)
    found = coord_gradient(field, far, np.tile(features, (2, 1)), np.tile(radius, 2), GRID)
    np.testing.assert_array_equal(found[:5], coord_gradient(field, coord, features, radius, GRID))
    assert np.abs(found[:5]).max() > 1e-3 and not found[5:].any()


def test_a_gradient_on_another_grid_is_refused():
    with pytest.raises(InputError, match="field of shape"):
        coord_gradient(np.zeros((2, 2, 2, 1)), [[0.0, 0.0, 0.0]], [[True]], 1.0, GRID)


# --- tiles, threads, batches ---


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 7), (4, 16, 64), (5, 33, 8), (9, 40, 17), (2, 70, 70)])
@pytest.mark.parametrize("width", [1, 2, 7, 14])
def test_tiles_of_awkward_grids_agree_with_the_reference(shape, width, monkeypatch):
    """Grids that tiles, rows of lanes and blocks of channels do not divide; many small tiles."""
    monkeypatch.setattr(spread, "TILE_BYTES", 2**12)
    grid = Grid((-7.0, 3.0, 11.5), shape, 0.6)
    coord, features, radius = atoms(grid, n=60)
    features = np.random.default_rng(1).normal(size=(len(coord), width)) * features[:, :1]
    names = [str(k) for k in range(width)]
    expected = reference(coord, features, radius, grid)
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(voxelize(coord, features, radius, grid, names).values, expected, rtol=1e-6, atol=3e-6)


@pytest.mark.parametrize("mode", ["add", "zeroed"])
def test_only_channels_between_the_first_and_the_last_feature_are_touched(mode):
    coord, features, radius = atoms(GRID, n=30)
    features[:, :3] = features[:, 9:] = False
    out = np.zeros((*GRID.shape, len(NAMES)), np.float32)
    out[..., :3] = out[..., 9:] = 7.0
    voxelize_into(out, coord, features, radius, GRID, mode=mode)
    assert (out[..., :3] == 7.0).all() and (out[..., 9:] == 7.0).all()
    np.testing.assert_allclose(out[..., 3:9], reference(coord, features, radius, GRID)[..., 3:9], rtol=1e-6, atol=3e-6)


@pytest.mark.parametrize("count", [0, 1, 100])
def test_overwriting_leaves_nothing_of_what_was_there(count):
    coord, features, radius = atoms(GRID, n=count)
    out = np.full((*GRID.shape, len(NAMES)), np.nan, np.float32)
    voxelize_into(out, coord, features, radius, GRID, mode="overwrite")
    assert out.tobytes() == voxelize(coord, features, radius, GRID, NAMES).values.tobytes()


def test_an_unknown_mode_is_refused():
    with pytest.raises(InputError, match="mode of add, zeroed, overwrite. Received: 'put'"):
        voxelize_into(np.zeros((*GRID.shape, 2), np.float32), _COORD, _FEATURES, 1.7, GRID, mode="put")


@pytest.mark.parametrize("threads", [2, 3, 100])
def test_threads_change_no_byte(threads):
    coord, features, radius = atoms(GRID)
    one = voxelize(coord, features, radius, GRID, NAMES).values
    assert voxelize(coord, features, radius, GRID, NAMES, threads=threads).values.tobytes() == one.tobytes()
    gradient = coord_gradient(one, coord, features, radius, GRID)
    assert coord_gradient(one, coord, features, radius, GRID, threads=threads).tobytes() == gradient.tobytes()


def test_the_loop_lets_other_threads_run():
    """The interpreter is free while atoms are added: this thread goes on during a call of a second or so."""
    grid = Grid.centred((0.0, 0.0, 0.0), 48, 0.5)
    coord, features = np.zeros((2000, 3)), np.ones((2000, 14), bool)
    voxelize(coord[:1], features[:1], 1.7, grid, [str(k) for k in range(14)])  # compiled or loaded before
    finished = threading.Event()

    def work():
        voxelize(coord, features, 50.0, grid, [str(k) for k in range(14)])
        finished.set()

    thread = threading.Thread(target=work)
    thread.start()
    turns = 0
    while not finished.wait(0.01):
        turns += 1
    thread.join()
    assert turns > 10  # two or three if the loop held the interpreter


@pytest.mark.parametrize("threads", [0, -2])
def test_no_threads_are_refused(threads):
    """A grid that nobody filled would look like one that no atom reaches."""
    sample = atoms(GRID, n=3)
    with pytest.raises(InputError, match=f"at least one thread. Received: {threads}"):
        voxelize(*sample, GRID, NAMES, threads=threads)
    with pytest.raises(InputError, match="at least one thread"):
        voxelize_batch(*([part] for part in sample), [GRID], NAMES, threads=threads)
    with pytest.raises(InputError, match="at least one thread"):
        coord_gradient(np.zeros((*GRID.shape, len(NAMES)), np.float32), *sample, GRID, threads=threads)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_batch_is_its_structures_one_by_one(threads):
    grids = [GRID, Grid((0.0, 0.0, 0.0), GRID.shape, 0.5), Grid((5.0, 5.0, 5.0), GRID.shape, 1.0)]
    samples = [atoms(grid, n=20 * k, seed=k) for k, grid in enumerate(grids)]  # the first without atoms
    batch = voxelize_batch(*zip(*samples, strict=True), grids, NAMES, threads=threads)
    assert batch.shape == (3, *GRID.shape, len(NAMES)) and batch[2].any() and not batch[0].any()
    for values, sample, grid in zip(batch, samples, grids, strict=True):
        assert values.tobytes() == voxelize(*sample, grid, NAMES).values.tobytes()


def test_a_batch_of_grids_of_two_shapes_is_refused():
    sample = atoms(GRID, n=3)
    other = Grid(GRID.origin, (4, 4, 4), GRID.spacing)
    with pytest.raises(InputError, match="grids of one shape"):
        voxelize_batch(*([part, part] for part in sample), [GRID, other], NAMES)
    with pytest.raises(InputError, match=r"lengths \[1, 1, 1, 2\]"):
        voxelize_batch(*([part] for part in sample), [GRID, GRID], NAMES)


# --- counted work ---


def work(coord, features, radius, grid, shape, part=0, parts=1):
    """Rows, blocks and voxels that the loop counts itself, and the voxels inside the supports."""
    out = np.zeros((*grid.shape, features.shape[1]), np.float32)
    support = radius * kernels.SUPPORT / grid.spacing
    index = grid.to_index(coord)
    order = np.argsort(index[:, 0] - support)
    atom, channel = np.nonzero(features[order])
    starts = np.searchsorted(atom, np.arange(len(order) + 1))
    args = (index[order], support[order], starts, channel, np.ones(len(channel), np.float32))
    counted = spread.add_atoms(out, np.zeros(shape, np.float32), *args, 0, features.shape[1], True, False, part, parts)
    return (*counted, np.count_nonzero(out))


def test_the_work_per_atom_is_bounded():
    """Lanes computed per voxel changed, each voxel written once, whatever the tiles: no wall clock."""
    grid = Grid.centred((0.0, 0.0, 0.0), 64, 0.5)
    coord = np.array([[-8.0, -8.0, -8.0], [8.0, 8.0, 8.0], [-8.0, 8.0, 0.3]])  # far apart: no voxel counts twice
    features = np.eye(3, 14, dtype=bool)
    rows, blocks, written, changed = work(coord, features, np.full(3, 1.7), grid, spread.tile_shape(grid.shape, 14))
    assert changed > 1500  # 3 balls of 5.1 voxels: 3 * 556
    assert blocks * spread.LANES < 3 * changed
    assert rows * 16 >= blocks * spread.LANES
    assert written <= 64**3
    one = work(coord[:1], features[:1], np.full(1, 1.7), grid, spread.tile_shape(grid.shape, 14))
    assert one[0] < 1.1 * rows / 3
    small = work(coord, features, np.full(3, 1.7), grid, (2, 4, 14, 72))
    assert small[:2] == (rows, blocks) and small[3] == changed


def test_work_grows_with_atoms_and_not_with_those_out_of_reach():
    coord, features, radius = atoms(GRID, n=400, overhang=30.0)
    shape = spread.tile_shape(GRID.shape, len(NAMES))
    rows, blocks, *_ = work(coord, features, radius, GRID, shape)
    near = (np.abs(GRID.to_index(coord) - np.array(GRID.shape) / 2) < np.array(GRID.shape) / 2 + 4).all(axis=1)
    assert 0 < near.sum() < 200
    assert work(coord[near], features[near], radius[near], GRID, shape)[:2] == (rows, blocks)
    twice = work(np.tile(coord, (2, 1)), np.tile(features, (2, 1)), np.tile(radius, 2), GRID, shape)
    assert twice[:2] == (2 * rows, 2 * blocks)


def test_parts_share_the_work_and_add_none():
    """What threads do sums up to what one does, in equal halves."""
    grid = Grid.centred((0.0, 0.0, 0.0), 64, 0.5)
    coord, features, radius = atoms(grid, n=2000)
    whole = work(coord, features, radius, grid, spread.tile_shape(grid.shape, len(NAMES)))
    halves = [work(coord, features, radius, grid, spread.tile_shape(grid.shape, len(NAMES)), k, 2) for k in (0, 1)]
    assert [sum(counted) for counted in zip(*halves, strict=True)] == list(whole)
    assert max(half[1] for half in halves) < 0.55 * whole[1]


def test_a_call_allocates_its_result_and_one_buffer():
    """Besides the result, at most a tile's buffer and a few arrays over the atoms."""
    grid = Grid.centred((0.0, 0.0, 0.0), 64, 0.5)
    coord = np.random.default_rng(0).uniform(-16, 16, (2000, 3))
    features = np.eye(14, dtype=bool)[np.arange(2000) % 14]
    voxelize(coord, features, 1.7, grid, [str(k) for k in range(14)])
    tracemalloc.start()
    volume = voxelize(coord, features, 1.7, grid, [str(k) for k in range(14)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - volume.values.nbytes < 1.2 * spread.TILE_BYTES + 400 * len(coord)


def test_grids_of_any_shape_are_those_of_the_reference():
    """Grids smaller than atoms, and atoms anywhere: rounding of positions never moves or adds a row of voxels."""
    rng = np.random.default_rng(0)
    for _ in range(80):
        shape, spacing = tuple(map(int, rng.integers(1, (12, 8, 24)))), float(rng.choice([0.5, 0.75, 1.0]))
        grid = Grid(tuple(map(float, rng.normal(0, 30, 3))), shape, spacing)
        count, width = 100, rng.integers(1, 12)
        coord = np.array(grid.origin) + rng.uniform(-0.1, 1.1, (count, 3)) * np.array(shape) * spacing
        features, radius = rng.random((count, width)) < 0.4, rng.uniform(0.5, 3, count).astype(np.float32)
        voxels = grid.to_coord(np.argwhere(np.ones(shape, bool))).reshape(*shape, 3)
        expected = np.zeros((*shape, width))
        for atom, own, r in zip(coord, features, radius, strict=True):
            expected += kernel(np.linalg.norm(voxels - atom, axis=-1), float(r))[..., None] * own
        found = voxelize(coord, features, radius, grid, tuple(map(str, range(width)))).values
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=3e-6)
