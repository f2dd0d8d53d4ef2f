"""Interaction points to label grids: which voxels are inside, exactly."""

import numpy as np
import pytest

from pocketvox.channels import CHANNELS, ENVELOPE_RADIUS, LABEL_RADIUS, TYPED
from pocketvox.errors import InputError
from pocketvox.voxel import Grid, cube_rotations, envelope, label_volume, rotate_coord, rotate_volume, within

GRID = Grid((-7.0, 3.0, 11.5), (20, 17, 23), 0.75)


def points(grid, n=30, seed=0):
    """Random positions in and around a grid, shape=(n, 3), dtype=float32."""
    low, high = grid.to_coord([[0, 0, 0], np.array(grid.shape) - 1])
    return np.random.default_rng(seed).uniform(low - 2, high + 2, (n, 3)).astype(np.float32)


def reference(coord, grid, radius):
    """Every voxel against every position, in angstrom and float64."""
    centres = grid.to_coord(np.indices(grid.shape).reshape(3, -1).T)
    distance = np.linalg.norm(centres[:, None] - np.asarray(coord, np.float64), axis=-1)
    return (distance <= radius).any(axis=1).reshape(grid.shape)


@pytest.mark.parametrize("radius", [0.3, 1.25, 2.5, 40.0])
def test_within_agrees_with_float64_reference(radius):
    coord = points(GRID)
    mask = within(coord, GRID, radius)
    expected = reference(coord, GRID, radius)
    assert expected.any()
    assert mask.dtype == bool
    assert np.array_equal(mask, expected)


def test_number_of_voxels_by_hand():
    # spacing 1, on a voxel: 1 centre at distance 0, 6 at 1; 12 more at sqrt 2 = 1.41, 8 more at sqrt 3 = 1.73
    grid = Grid((0.0, 0.0, 0.0), (9, 9, 9), 1.0)
    counts = [int(within([[4.0, 4.0, 4.0]], grid, radius).sum()) for radius in (0.5, 1.25, 1.5, 1.8)]
    assert counts == [1, 7, 19, 27]
    assert int(within([[0.0, 0.0, 4.0]], grid, 1.25).sum()) == 5  # at an edge: two of the seven are outside


@pytest.mark.parametrize("origin", [0.0, 12.3, -0.1, 101.7])
@pytest.mark.parametrize("spacing", [0.5, 0.7, 0.75])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_voxel_at_exactly_the_radius_is_inside(origin, spacing, axis):
    """Exact ties are inside whatever the rounding of origin and spacing; a hundredth of a picometre beyond is not."""
    grid = Grid((origin,) * 3, (9, 9, 9), spacing)
    for sign in (-1, 1):
        for offset, inside in ((LABEL_RADIUS, True), (LABEL_RADIUS + 1e-4, False)):
            coord = grid.to_coord([[4, 4, 4]])
            coord[0, axis] += sign * offset
            assert within(coord, grid, LABEL_RADIUS)[4, 4, 4] == inside


def test_a_tie_off_the_axes_is_inside():
    # 0.35^2 + 1.2^2 = 1.25^2, and 0.45^2 + 0.8^2 + 0.85^2 = 1.565 is just outside of it
    grid = Grid((12.3, 12.3, 12.3), (9, 9, 9), 0.7)
    centre = grid.to_coord([[4, 4, 4]])
    assert within(centre + [0.35, -1.2, 0.0], grid, LABEL_RADIUS)[4, 4, 4]
    assert within(centre + [0.0, 1.2, 0.35], grid, LABEL_RADIUS)[4, 4, 4]
    assert not within(centre + [0.45, 0.8, 0.85], grid, LABEL_RADIUS)[4, 4, 4]


def test_envelope_is_what_is_near_a_ligand_atom():
    coord = points(GRID)
    assert np.array_equal(envelope(coord, GRID), reference(coord, GRID, ENVELOPE_RADIUS))
    assert np.array_equal(envelope(coord, GRID, 3.0), reference(coord, GRID, 3.0))


def test_each_point_is_in_its_channel_and_atoms_in_ligand():
    point, ligand = points(GRID, n=40, seed=1), points(GRID, n=15, seed=2)
    channel = np.arange(40) % (len(TYPED) - 1)  # none of the last type
    volume = label_volume(point, channel, ligand, GRID)
    assert volume.channels == CHANNELS
    assert volume.grid == GRID
    assert volume.values.dtype == np.uint8
    assert set(np.unique(volume.values)) == {0, 1}
    for k in range(len(TYPED)):
        assert np.array_equal(volume.values[..., k], reference(point[channel == k], GRID, LABEL_RADIUS))
    assert np.array_equal(volume["ligand"].values[..., 0], reference(ligand, GRID, LABEL_RADIUS))


def test_labels_overlap():
    """An atom may donate and accept, or donate twice: channels are not exclusive, and two points still give 1."""
    volume = label_volume([[0.0, 10.0, 20.0]] * 3, [0, 1, 0], [], GRID)
    assert volume.values.max() == 1
    assert np.array_equal(volume["hbond_donor"].values, volume["hbond_acceptor"].values)
    assert volume["hbond_donor"].values.any()
    assert not volume.values[..., 2:].any()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_commutes_with_a_translation_by_one_voxel(axis):
    point = np.vstack([points(GRID), GRID.to_coord([[5, 6, 7]]) + [1.25, 0, 0]])
    channel = np.arange(len(point)) % len(TYPED)
    moved = point.copy()
    moved[:, axis] += GRID.spacing
    before = np.moveaxis(label_volume(point, channel, point, GRID).values, axis, 0)
    after = np.moveaxis(label_volume(moved, channel, moved, GRID).values, axis, 0)
    assert before.any()
    assert np.array_equal(after[1:], before[:-1])


@pytest.mark.parametrize("shape", [(16, 16, 16), (15, 10, 12)])
def test_commutes_exactly_with_the_24_cube_rotations(shape):
    centre = (5.0, -3.1, 20.7)
    grid = Grid.centred(centre, shape, 0.75)
    ties = grid.to_coord([[5, 4, 6]]) + [[1.25, 0, 0], [0, -1.25, 0], [0.35, 0, 1.2], [0.75, 1.0, 0]]
    point = np.vstack([points(grid), ties])
    channel = np.arange(len(point)) % len(TYPED)
    values = label_volume(point, channel, point, grid).values
    for rotation in cube_rotations():
        expected = rotate_volume(values, rotation)
        turned = Grid.centred(centre, expected.shape[:3], 0.75)
        coord = rotate_coord(point, rotation, centre)
        assert np.array_equal(label_volume(coord, channel, coord, turned).values, expected)


def test_nothing_gives_zeros():
    volume = label_volume([], [], [], GRID)
    assert volume.values.shape == (20, 17, 23, len(CHANNELS))
    assert not volume.values.any()
    assert not envelope(np.empty((0, 3), np.float32), GRID).any()
    assert not within([[1e30, 0, 0], [500.0, 10, 20]], GRID, 2.0).any()


@pytest.mark.parametrize(
    ("point", "channel", "ligand", "message"),
    [
        ([[0, 0, 0]], [0, 1], [], r"shape \(1,\).*\(2,\)"),
        ([[0, 0, 0]], [0.0], [], "integer channel.*float64"),
        ([[0, 0, 0]], [len(TYPED)], [], "from 0 to 9 .*Received: 10.*ligand_coord"),
        ([[0, 0, 0]], [-1], [], "from 0 to 9 .*Received: -1"),
        ([[0, np.nan, 0]], [0], [], "finite coordinates in point"),
        ([[0, 0, 0]], [0], [[0, 0]], "ligand_coord of shape"),
    ],
)
def test_bad_input_says_what_and_where(point, channel, ligand, message):
    with pytest.raises(InputError, match=message):
        label_volume(point, channel, ligand, GRID)


@pytest.mark.parametrize("radius", [0.0, -1.0, np.nan])
def test_a_radius_must_be_positive(radius):
    with pytest.raises(InputError, match="positive radii"):
        within([[0, 0, 0]], GRID, radius)
