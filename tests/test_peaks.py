"""Local maxima: suppression does what its definition says."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pocketvox.pockets.peaks import suppress


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.floats(0.5, 4.0))
def test_suppression_is_that_of_its_definition(seed, n, radius):
    """Best first, and what is near to a better one goes."""
    rng = np.random.default_rng(seed)
    index, value = rng.integers(0, 8, (n, 3)), rng.integers(0, 5, n).astype(float)
    index = np.unique(index, axis=0)
    value = value[: len(index)]
    kept: list[int] = []
    for i in sorted(range(len(index)), key=lambda i: (-value[i], *index[i])):
        if all(((index[i] - index[j]) ** 2).sum() > radius**2 + 1e-6 for j in kept):
            kept.append(i)
    assert suppress(index, value, radius).tolist() == kept
