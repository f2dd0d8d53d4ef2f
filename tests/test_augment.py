"""Rotations are proper, uniform, and mean the same for coordinates and grids."""

import numpy as np
import pytest
from scipy.stats import kstest

from pocketvox.errors import InputError
from pocketvox.voxel import Grid, cube_rotations, random_rotation, rotate_coord, rotate_volume, unrotate_volume


def test_random_rotations_are_proper():
    rng = np.random.default_rng(0)
    for _ in range(50):
        rotation = random_rotation(rng)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1.0)


def test_random_rotations_are_uniform():
    """The angle of a uniform rotation has the distribution (t - sin t) / pi; an axis goes anywhere on the sphere."""
    rng = np.random.default_rng(1)
    rotations = np.array([random_rotation(rng) for _ in range(4000)])
    angle = np.arccos(np.clip((np.trace(rotations, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert kstest(angle, lambda t: (t - np.sin(t)) / np.pi).pvalue > 0.01
    for entry in rotations.reshape(-1, 9).T:  # each component of a uniform unit vector is uniform in -1..1
        assert kstest(entry, lambda v: (v + 1) / 2).pvalue > 0.001


def test_random_rotation_depends_on_the_seed_only():
    first, again, other = (random_rotation(np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_cube_rotations_are_the_24_proper_ones_in_their_order():
    rotations = cube_rotations()
    assert rotations.shape == (24, 3, 3)
    assert set(np.unique(rotations)) == {-1, 0, 1}
    assert not np.signbit(rotations[rotations == 0]).any()
    np.testing.assert_allclose(np.linalg.det(rotations), 1.0)
    known = {r.tobytes() for r in rotations}
    assert len(known) == 24
    assert {(a @ b + 0.0).tobytes() for a in rotations for b in rotations} == known  # a group
    assert rotations[0].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert rotations[1].tolist() == [[1, 0, 0], [0, -1, 0], [0, 0, -1]]
    assert rotations[4].tolist() == [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
    assert rotations[23].tolist() == [[0, 0, -1], [0, -1, 0], [-1, 0, 0]]


def test_quarter_turn_by_hand():
    """A quarter turn about z takes +x to +y."""
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    assert rotate_coord([[3.0, 1.0, 5.0]], turn, center=(1.0, 1.0, 1.0)).tolist() == [[1.0, 3.0, 5.0]]
    values = np.zeros((3, 3, 3))
    values[2, 1, 0] = 1
    assert np.argwhere(rotate_volume(values, turn)).tolist() == [[1, 2, 0]]


@pytest.mark.parametrize("k", range(24))
def test_every_voxel_goes_where_its_coordinate_goes(k):
    rotation = cube_rotations()[k]
    grid = Grid.centred((1.0, 2.0, 3.0), (2, 3, 4), 0.5)
    values = np.arange(2 * 3 * 4 * 2).reshape(2, 3, 4, 2)
    rotated = rotate_volume(values, rotation)
    turned = Grid.centred((1.0, 2.0, 3.0), rotated.shape[:3], 0.5)
    index = np.indices(grid.shape).reshape(3, -1).T
    target = turned.to_index(rotate_coord(grid.to_coord(index), rotation, (1.0, 2.0, 3.0)))
    assert np.array_equal(rotated[tuple(np.rint(target).astype(int).T)], values[tuple(index.T)])


@pytest.mark.parametrize("k", range(24))
def test_unrotate_undoes_rotate(k):
    values = np.random.default_rng(k).random((3, 4, 5, 2)).astype(np.float32)
    rotation = cube_rotations()[k]
    back = unrotate_volume(rotate_volume(values, rotation), rotation)
    assert back.dtype == np.float32
    assert back.flags.c_contiguous
    assert np.array_equal(back, values)


def test_rotate_volume_does_not_share_memory():
    values = np.zeros((2, 2, 2, 1))
    rotate_volume(values, np.eye(3))[:] = 1
    assert not values.any()


@pytest.mark.parametrize(
    "rotation",
    [
        np.diag([1, 1, -1]),
        random_rotation(np.random.default_rng(0)),
        np.array([[1, 0, 0], [1, 0, 0], [0, 0, 1]]),
        np.zeros((3, 3)),
        np.eye(2),
    ],
    ids=["reflection", "general", "singular", "zero", "two-dimensional"],
)
def test_only_the_24_rotations_apply_to_grids(rotation):
    with pytest.raises(InputError, match="24 cube_rotations"):
        rotate_volume(np.zeros((2, 2, 2, 1)), rotation)
