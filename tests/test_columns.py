"""Text columns without sorting: the same answers as numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from pocketvox.columns import distinct, is_any


@pytest.mark.parametrize("width", [1, 2, 3, 5])
@pytest.mark.parametrize("n", [0, 1, 500])
def test_values_and_membership(width, n):
    """Columns of any width, runs of equal values and single ones, few and many values asked for."""
    random = np.random.default_rng(width + n)
    words = np.array(["", "C", "N", "O", "CA", "Se", "HIS", "A1B2C", "αβ"])
    column = np.repeat(random.choice(words, n), random.integers(1, 4, n)).astype(f"U{width}")
    values, inverse = distinct(column)
    assert values[inverse].tolist() == column.tolist() and len(set(values.tolist())) == len(values)
    for wanted in (("C",), ("", "CA", "HIS"), ("C", "N", "O", "Se", "A1B2C", "longer than any")):
        expected = [value in wanted for value in column.tolist()]
        assert is_any(column, wanted).tolist() == expected
        assert is_any(column, frozenset(wanted)).dtype == bool


def test_a_column_that_is_a_slice():
    """Columns need not lie in one piece."""
    column = np.array(["C", "N", "C", "O"] * 3)[::2]
    assert is_any(column, ("C", "X", "Y", "Z", "W")).all()
    assert distinct(column)[0].tolist() == ["C"]
