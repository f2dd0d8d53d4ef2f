"""Text columns: distinct values and membership, without sorting text, which is slow."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np


def distinct(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct values of a column, and which of them each row has.

    Parameters
    ----------
    column : ndarray, shape=(n,), dtype=str

    Returns
    -------
    values : ndarray, shape=(m,), dtype=str
        In no particular order, but always the same for the same column.
    inverse : ndarray, shape=(n,), dtype=int64
        ``values[inverse]`` is the column.

    Examples
    --------
    >>> values, inverse = distinct(np.array(["N", "CA", "N"]))
    >>> values[inverse].tolist()
    ['N', 'CA', 'N']
    """
    numbers = _numbers(column)
    if numbers is not None:
        _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
        return column[first], inverse
    start = _run_starts(column)  # such columns repeat a value for many rows
    values, of_run = np.unique(column[start], return_inverse=True)
    return values, np.repeat(of_run, np.diff(start, append=len(column)))


def is_any(column: np.ndarray, values: Collection[str]) -> np.ndarray:
    """Which rows have one of the values: ``np.isin`` for text, shape=(n,), dtype=bool."""
    if len(values) <= 4:
        found = np.zeros(len(column), bool)
        for value in values:
            found |= column == value
        return found
    names, inverse = distinct(column)
    return np.array([name in values for name in names.tolist()], bool)[inverse] if len(column) else np.zeros(0, bool)


def _numbers(column: np.ndarray) -> np.ndarray | None:
    """One or two characters of every row as one number; None if rows may be longer."""
    kind = {4: np.uint32, 8: np.uint64}.get(column.dtype.itemsize)
    return None if kind is None or column.dtype.kind != "U" else np.ascontiguousarray(column).view(kind)


def _run_starts(column: np.ndarray) -> np.ndarray:
    """Rows whose value is not that of the row before."""
    change = np.ones(len(column), bool)
    change[1:] = column[1:] != column[:-1]
    return np.flatnonzero(change)
