"""Points near other points: the same answers as scipy's tree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from pocketvox.structure import neighbours
from pocketvox.structure.neighbours import close_pairs, is_near, nearest, own_pairs


def clouds(seed: int, n: int, m: int, extent: float) -> tuple[np.ndarray, np.ndarray]:
    """Two clouds on a fine lattice, so that equal distances and distances equal to the reach occur."""
    random = np.random.default_rng(seed)
    return tuple(np.round(random.uniform(-extent, extent, (k, 3)) * 2) / 2 for k in (n, m))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(0, 60),
    m=st.integers(0, 60),
    extent=st.sampled_from([0.5, 3.0, 20.0, 3000.0]),
    reach=st.sampled_from([0.4, 1.5, 4.0, 11.0]),
    few=st.sampled_from([0, neighbours.FEW_PAIRS]),
    cells=st.sampled_from([0, neighbours.MOST_CELLS]),
)
def test_pairs_are_those_of_a_tree(seed, n, m, extent, reach, few, cells):
    """Every pair within reach once, in order, whatever the clouds; so are the nearest points."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "FEW_PAIRS", few)
        patch.setattr(neighbours, "MOST_CELLS", cells)
        compare(*clouds(seed, n, m, extent), reach)


def compare(points: np.ndarray, others: np.ndarray, reach: float) -> None:
    """All three searches against all distances."""
    n, m = len(points), len(others)
    i, j, distance = close_pairs(points, others, reach)
    gap = np.sqrt(((points[:, None] - others[None]) ** 2).sum(axis=2))
    assert list(zip(i, j, strict=True)) == list(zip(*np.nonzero(gap <= reach), strict=True))
    np.testing.assert_array_equal(distance, gap[i, j])
    near, index = nearest(points, others, reach)
    if n and m:
        expected = cKDTree(others).query(points, distance_upper_bound=reach + 1e-9)[0]
        np.testing.assert_allclose(near, expected, rtol=1e-12)
        found = np.isfinite(near)
        assert (index[found] == np.where(gap[found] <= reach, gap[found], np.inf).argmin(axis=1)).all()
    assert (index[~np.isfinite(near)] == m).all()
    np.testing.assert_array_equal(is_near(points, others, reach), (gap < reach).any(axis=1))


def test_the_reach_is_inclusive_but_near_is_nearer():
    """A point exactly at the reach is a pair and is not near; one just inside is both."""
    origin = np.zeros((1, 3))
    for x, paired, near in ((2.0, 1, False), (1.999999, 1, True), (2.000001, 0, False)):
        other = np.array([[x, 0.0, 0.0]])
        assert len(close_pairs(origin, other, 2.0)[0]) == paired
        assert is_near(origin, other, 2.0).tolist() == [near]


@pytest.mark.parametrize("most", [1, 7, 1000])
def test_parts_change_nothing(monkeypatch, most):
    """However few pairs are looked at together, the pairs are the same."""
    points, others = clouds(3, 80, 90, 5.0)
    expected = close_pairs(points, others, 3.0)
    monkeypatch.setattr(neighbours, "MOST_PAIRS", most)
    monkeypatch.setattr(neighbours, "FEW_PAIRS", 0)
    for received, of_all in zip(close_pairs(points, others, 3.0), expected, strict=True):
        np.testing.assert_array_equal(received, of_all)


def test_memory_follows_the_pairs_not_the_box():
    """Two points at opposite ends of a huge box take no array of cells."""
    points = np.linspace(0, 9e4, 400)[:, None] * np.ones(3)
    i, j, _ = close_pairs(points, points, 1.0)
    assert i.tolist() == j.tolist() == list(range(400))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(0, 60),
    extent=st.sampled_from([0.5, 3.0, 20.0, 3000.0]),
    reach=st.sampled_from([0.4, 1.5, 4.0, 11.0]),
    most=st.sampled_from([1, 50, neighbours.MOST_PAIRS]),
)
def test_pairs_of_points_with_themselves_come_once(seed, n, extent, reach, most):
    """As of all pairs those with i < j."""
    points, _ = clouds(seed, n, 0, extent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "MOST_PAIRS", most)
        i, j, distance = own_pairs(points, reach)
    expected = close_pairs(points, points, reach)
    once = expected[0] < expected[1]
    order = np.lexsort((np.maximum(i, j), np.minimum(i, j)))
    np.testing.assert_array_equal(np.minimum(i, j)[order], expected[0][once])
    np.testing.assert_array_equal(np.maximum(i, j)[order], expected[1][once])
    np.testing.assert_allclose(distance[order], expected[2][once])
