"""Stores put together: nothing changed, nothing twice."""

import numpy as np
import pytest
from store_fixture import FEATURES, make_item

from data_prep.merge import main, merge
from pocketvox.data.store import Store, create_store, write_item
from pocketvox.errors import InputError


def store(path, *ids, definitions=None):
    with create_store(path, FEATURES, definitions or {"x": 1}) as h5:
        for seed, id in enumerate(ids):
            write_item(h5, make_item(id, seed=seed))
    return path


def test_a_merged_store_holds_every_structure_as_it_was(tmp_path):
    one, two = store(tmp_path / "1.h5", "a", "b"), store(tmp_path / "2.h5", "c")
    assert main([str(one), str(two), "-o", str(tmp_path / "all.h5")]) == 0
    merged = Store(tmp_path / "all.h5")
    assert merged.ids() == ["a", "b", "c"] and merged.features == FEATURES and merged.definitions == '{"x": 1}'
    for expected, found in zip(Store(one).load() + Store(two).load(), merged.load(), strict=True):
        assert (found.id, found.split, found.clusters) == (expected.id, expected.split, expected.clusters)
        np.testing.assert_array_equal(found.point_coord, expected.point_coord)


def test_stores_that_do_not_fit_are_refused_and_nothing_is_written(tmp_path):
    one, again = store(tmp_path / "1.h5", "a"), store(tmp_path / "2.h5", "a")
    other = store(tmp_path / "3.h5", "d", definitions={"x": 2})
    with pytest.raises(InputError, match=r"'a' in .*1\.h5 and in .*2\.h5"):
        merge([one, again], tmp_path / "all.h5")
    with pytest.raises(InputError, match=r"definitions of .*1\.h5 in .*3\.h5"):
        merge([one, other], tmp_path / "all.h5")
    assert not (tmp_path / "all.h5").exists()
    assert main([str(one), "-o", str(one)]) == 1
