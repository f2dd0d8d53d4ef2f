"""Angstroms to indices and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pocketvox.voxel import Grid, Volume

_angstrom = st.floats(-9999, 9999, width=32)
_grids = st.builds(
    Grid,
    origin=st.tuples(_angstrom, _angstrom, _angstrom),
    shape=st.tuples(*[st.integers(1, 200)] * 3),
    spacing=st.sampled_from([0.25, 0.5, 0.7, 0.75, 1.0, 1.3]),
)


@given(_grids, arrays(np.int64, (4, 3), elements=st.integers(-500, 500)))
def test_index_to_coord_to_index_is_identity(grid, index):
    np.testing.assert_allclose(grid.to_index(grid.to_coord(index)), index, rtol=0, atol=1e-6)


@given(_grids, arrays(np.float32, (4, 3), elements=_angstrom))
def test_coord_to_index_to_coord_is_identity(grid, coord):
    np.testing.assert_allclose(grid.to_coord(grid.to_index(coord)), coord, rtol=0, atol=1e-6)


def test_origin_is_the_centre_of_the_first_voxel():
    grid = Grid((10.0, -2.0, 0.5), (4, 5, 6), 0.5)
    assert grid.to_coord([[0, 0, 0], [1, 2, 3]]).tolist() == [[10.0, -2.0, 0.5], [10.5, -1.0, 2.0]]
    assert grid.to_index([[10.25, -2.25, 0.5]]).tolist() == [[0.5, -0.5, 0.0]]


@pytest.mark.parametrize(
    ("size", "shape", "first"),
    [
        (4, (4, 4, 4), (-1.125, 0.875, 1.875)),
        (3, (3, 3, 3), (-0.75, 1.25, 2.25)),
        ((2, 1, 3), (2, 1, 3), (-0.375, 2.0, 2.25)),
    ],
)
def test_centred_puts_the_middle_of_the_voxels_on_the_centre(size, shape, first):
    grid = Grid.centred((0.0, 2.0, 3.0), size, 0.75)
    assert grid.shape == shape
    assert grid.origin == first
    middle = grid.to_coord([(np.array(grid.shape) - 1) / 2])[0]
    assert middle.tolist() == [0.0, 2.0, 3.0]


def test_around_is_snapped_and_reaches_the_margin():
    # by hand: (1.1 - 2) / 0.75 = -1.2 -> -2, (4.0 + 2) / 0.75 = 8 exactly -> 11 voxels from -1.5 to 6.0
    grid = Grid.around(np.array([[1.1, 0.0, 0.0], [4.0, 0.0, 0.0]], np.float32), 2.0, 0.75)
    assert grid.origin == (-1.5, -2.25, -2.25)
    assert grid.shape == (11, 7, 7)


@given(arrays(np.float32, (5, 3), elements=st.floats(-50, 50, width=32)), st.sampled_from([0.5, 0.75, 1.0]))
def test_around_encloses_every_atom_and_is_the_smallest_such_grid(coord, spacing):
    grid = Grid.around(coord, 3.0, spacing)
    first, last = np.array(grid.origin), grid.to_coord([np.array(grid.shape) - 1])[0]
    low, high = coord.min(axis=0).astype(float) - 3.0, coord.max(axis=0).astype(float) + 3.0
    assert (first <= low).all() and (low < first + spacing).all()
    assert (last >= high).all() and (high > last - spacing).all()
    assert np.array_equal(np.round(first / spacing) * spacing, first)


def test_around_moves_with_the_atoms_by_whole_voxels():
    coord = np.random.default_rng(1).uniform(-10, 10, (20, 3))
    grid, moved = Grid.around(coord, 4.0, 0.75), Grid.around(coord + [0.75, -1.5, 7.5], 4.0, 0.75)
    assert moved.shape == grid.shape
    assert np.subtract(moved.origin, grid.origin).tolist() == [0.75, -1.5, 7.5]


def test_window_shares_the_voxels_of_its_grid():
    grid = Grid((1.0, 2.0, 3.0), (10, 10, 10), 0.5)
    window = grid.window((2, 0, 4), (3, 10, 2))
    assert window == Grid((2.0, 2.0, 5.0), (3, 10, 2), 0.5)
    assert np.array_equal(window.to_coord([[1, 1, 1]]), grid.to_coord([[3, 1, 5]]))


def test_volume_gives_a_channel_by_name_without_copying():
    volume = Volume(np.arange(16.0).reshape(2, 2, 2, 2), Grid((0, 0, 0), (2, 2, 2), 1.0), ("a", "b"))
    one = volume["b"]
    assert one.channels == ("b",)
    assert one.values.shape == (2, 2, 2, 1)
    assert one.values[..., 0].ravel().tolist() == [1, 3, 5, 7, 9, 11, 13, 15]
    assert np.shares_memory(one.values, volume.values)
    with pytest.raises(KeyError, match="'c'.*a, b"):
        volume["c"]
