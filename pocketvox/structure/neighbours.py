"""Points near other points, by cells as wide as the reach.

In place of a tree: time and memory grow linearly with the points, and a scan starts without loading scipy, which takes
longer to import than a whole protein takes to search.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

#: Pairs that are looked at together: bounds the memory.
MOST_PAIRS = 1_000_000
#: Up to so many pairs are looked at without cells.
FEW_PAIRS = 100_000
#: Up to so many cells are kept in a table; of more only those that are not empty.
MOST_CELLS = 100_000


def close_pairs(points: np.ndarray, others: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of a point and another point at most ``reach`` apart.

    Parameters
    ----------
    points : ndarray, shape=(n, 3)
        Positions (angstrom).
    others : ndarray, shape=(m, 3)
        Positions (angstrom); may be ``points`` itself, every point is then paired with itself as well.
    reach : float
        Longest distance (angstrom), above 0.

    Returns
    -------
    i, j : ndarray, shape=(k,), dtype=int64
        Rows of ``points`` and of ``others``, in this order.
    distance : ndarray, shape=(k,), dtype=float64
        Angstrom.
    """
    i, j, distance = unsorted_pairs(points, others, reach)
    order = np.lexsort((j, i))
    return i[order], j[order], distance[order]


def unsorted_pairs(points: np.ndarray, others: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As :func:`close_pairs`, in no particular order, for callers that sort anyway."""
    parts = list(_candidates(points, others, reach))
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def own_pairs(points: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As :func:`unsorted_pairs` of points with themselves, but every pair once, and no point with itself."""
    points = np.asarray(points, np.float64)
    found = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    if len(points) < 2:
        return found[0]
    low, edge = points.min(axis=0), _edge(reach)
    cell = np.floor((points - low) / edge).astype(np.int64)
    count = cell.max(axis=0) + 3  # an empty cell at each end
    steps = np.array([count[1] * count[2], count[2], 1])
    key = (cell + 1) @ steps
    order = np.argsort(key, kind="stable")
    key, sorted_points = key[order], points[order]
    rest = key[:, None] + np.array([steps[1], steps[0] - steps[1], steps[0], steps[0] + steps[1]])
    first = np.column_stack([np.arange(1, len(key) + 1), np.searchsorted(key, rest - 1, "left")])
    last = np.column_stack([np.searchsorted(key, key + 1, "right"), np.searchsorted(key, rest + 1, "right")])
    size = (last - first).ravel()
    rows, first = np.repeat(np.arange(len(key)), 5), first.ravel()
    for part in _parts(size):
        i, k = _runs(rows[part], first[part], size[part])
        gap = sorted_points[i] - sorted_points[k]
        square = gap[:, 0] * gap[:, 0] + gap[:, 1] * gap[:, 1] + gap[:, 2] * gap[:, 2]
        close = square <= reach * reach
        found.append((order[i[close]], order[k[close]], np.sqrt(square[close])))
    return tuple(np.concatenate(column) for column in zip(*found, strict=True))


def nearest(points: np.ndarray, others: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """The nearest other point of each point.

    Parameters
    ----------
    points, others, reach
        As for :func:`close_pairs`.

    Returns
    -------
    distance : ndarray, shape=(n,), dtype=float64
        Angstrom; infinite where no other point is at most ``reach`` away.
    index : ndarray, shape=(n,), dtype=int64
        Row of ``others``, the first of several equally near; their number where there is none.
    """
    distance, index = np.full(len(points), np.inf), np.full(len(points), len(others))
    for i, j, d in _candidates(points, others, reach):
        order = np.lexsort((j, d, i))
        i, j, d = i[order], j[order], d[order]
        first = np.flatnonzero(np.diff(i, prepend=-1))
        i, j, d = i[first], j[first], d[first]
        better = (d < distance[i]) | ((d == distance[i]) & (j < index[i]))
        distance[i[better]], index[i[better]] = d[better], j[better]
    return distance, index


def is_near(points: np.ndarray, others: np.ndarray, reach: float) -> np.ndarray:
    """Which points have another point less than ``reach`` away, shape=(n,), dtype=bool."""
    near = np.zeros(len(points), bool)
    for i, _, d in _candidates(points, others, reach):
        near[i[d < reach]] = True
    return near


def joined(count: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Components of a graph: the smallest node that each node is linked to, directly or not.

    Parameters
    ----------
    count : int
        Nodes.
    a, b : ndarray, shape=(k,), dtype=int
        Ends of the links.

    Returns
    -------
    ndarray, shape=(count,), dtype=int64

    Examples
    --------
    >>> joined(5, np.array([4, 1]), np.array([2, 4])).tolist()
    [0, 1, 1, 3, 1]
    """
    root = np.arange(count)
    while (root[a] != root[b]).any():  # the smaller root goes along every link, then every path is shortened
        low, high = np.minimum(root[a], root[b]), np.maximum(root[a], root[b])
        np.minimum.at(root, high, low)
        while not np.array_equal(root, root[root]):
            root = root[root]
    return root


class Buckets:
    """Points sorted into cells once, for many questions about boxes.

    Parameters
    ----------
    coord : ndarray, shape=(n, 3)
        Positions (angstrom).
    edge : float
        Of a cell (angstrom): about the size of the boxes.
    """

    def __init__(self, coord: np.ndarray, edge: float):
        self._coord, self._edge = np.asarray(coord), edge
        self._low = self._coord.min(axis=0).astype(np.float64) if len(coord) else np.zeros(3)
        cell = np.floor((self._coord - self._low) / edge).astype(np.int64)
        self._count = cell.max(axis=0) + 1 if len(coord) else np.ones(3, np.int64)
        key = np.ravel_multi_index(tuple(cell.T), self._count) if len(coord) else np.empty(0, np.int64)
        self._order = np.argsort(key, kind="stable")
        self._key = key[self._order]

    def in_box(self, low, high) -> np.ndarray:
        """Points with all coordinates from ``low`` to ``high`` (angstrom, 3 each), ascending, dtype=int64."""
        first = np.floor((np.asarray(low, float) - self._low) / self._edge).astype(np.int64).clip(0)
        last = np.floor((np.asarray(high, float) - self._low) / self._edge).astype(np.int64).clip(None, self._count - 1)
        if (last < first).any():
            return np.empty(0, np.int64)
        x, y = (np.arange(a, b + 1) for a, b in zip(first[:2], last[:2], strict=True))
        row = ((x[:, None] * self._count[1] + y) * self._count[2]).ravel()
        begin = np.searchsorted(self._key, row + first[2], "left")
        end = np.searchsorted(self._key, row + last[2], "right")
        found = np.concatenate([self._order[a:b] for a, b in zip(begin, end, strict=True)])
        coord = self._coord[found]
        return np.sort(found[((coord >= low) & (coord <= high)).all(axis=1)])


def _candidates(points, others, reach: float) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield pairs within reach, a part at a time, with their distances."""
    points, others = np.asarray(points, np.float64), np.asarray(others, np.float64)
    if not len(points) or not len(others):
        return
    rows = np.flatnonzero(_in_box(points, others, reach))
    columns = np.flatnonzero(_in_box(others, points, reach))
    if not len(rows) or not len(columns):
        return
    if len(rows) * len(columns) <= FEW_PAIRS:
        gap = points[rows, None] - others[None, columns]
        square = gap[..., 0] * gap[..., 0] + gap[..., 1] * gap[..., 1] + gap[..., 2] * gap[..., 2]
        i, j = np.nonzero(square <= reach * reach)
        yield rows[i], columns[j], np.sqrt(square[i, j])
        return
    others = others[columns]
    edge = _edge(reach)
    low = others.min(axis=0)
    cell = np.floor((others - low) / edge).astype(np.int64)
    count = cell.max(axis=0) + 5  # two empty cells at each end: a run of three never reaches into the next row
    steps = np.array([count[1] * count[2], count[2], 1])
    key = (cell + 2) @ steps
    order = np.argsort(key, kind="stable")
    key, sorted_others = key[order], others[order]
    own = np.clip(np.floor((points[rows] - low) / edge), -2, count - 3).astype(np.int64) + 2
    inside = ((own > 0) & (own < count - 1)).all(axis=1)
    rows, own = rows[inside], own[inside] @ steps
    offset = np.array([a * steps[0] + b * steps[1] for a in (-1, 0, 1) for b in (-1, 0, 1)])
    run = (own[:, None] + offset).ravel()  # nine runs of three cells each around every point
    cells = int(count.prod())
    if cells <= MOST_CELLS:
        before = np.zeros(cells + 1, np.int64)  # points in all cells before each
        np.cumsum(np.bincount(key, minlength=cells), out=before[1:])
        first, size = before[run - 1], before[run + 2] - before[run - 1]
    else:
        first = np.searchsorted(key, run - 1, "left")
        size = np.searchsorted(key, run + 1, "right") - first
    rows = np.repeat(rows, len(offset))
    for part in _parts(size):
        i, k = _runs(rows[part], first[part], size[part])
        gap = points[i] - sorted_others[k]
        square = gap[:, 0] * gap[:, 0] + gap[:, 1] * gap[:, 1] + gap[:, 2] * gap[:, 2]
        close = square <= reach * reach
        yield i[close], columns[order[k[close]]], np.sqrt(square[close])


def _edge(reach: float) -> float:
    """Of a cell: rounding must not put two points within reach two cells apart."""
    return reach * (1 + 1e-9) + 1e-9


def _runs(rows: np.ndarray, first: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each row as often as its run is long, and the members of the runs, one after the other."""
    within = np.arange(int(size.sum())) - np.repeat(np.cumsum(size) - size - first, size)
    return np.repeat(rows, size), within


def _in_box(points: np.ndarray, others: np.ndarray, reach: float) -> np.ndarray:
    """Which points are in the box around the other points, and reach."""
    inside = np.ones(len(points), bool)
    for axis in range(3):
        column, beyond = others[:, axis], reach * (1 + 1e-9)
        inside &= (points[:, axis] >= column.min() - beyond) & (points[:, axis] <= column.max() + beyond)
    return inside


def _parts(size: np.ndarray) -> Iterator[slice]:
    """Stretches with at most ``MOST_PAIRS`` pairs together, or of one entry with more."""
    total = np.cumsum(size)
    start = 0
    while start < len(size):
        before = total[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(total, before + MOST_PAIRS, "right")))
        if total[stop - 1] > before:
            yield slice(start, stop)
        start = stop
