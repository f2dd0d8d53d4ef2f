"""The data store: what is written is read, and contradictions are refused before they are written."""

from __future__ import annotations

from dataclasses import fields, replace

import h5py
import numpy as np
import pytest
from store_fixture import FEATURES, make_item, make_store

from pocketvox.data.store import Store, StoreItem, create_store, read_item, write_item
from pocketvox.errors import InputError


def same(a: StoreItem, b: StoreItem) -> bool:
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(StoreItem))


def test_round_trip(tmp_path):
    """Every field of every item survives, with its type, empty arrays and several clusters included."""
    item = make_item("a", clusters=("c1", "c7"), ligands=2)
    bare = replace(
        item,
        id="b",
        clusters=(),
        ligand_coord=np.zeros((0, 3), np.float32),
        ligand_group=np.zeros(0, np.int32),
        ligand_names=(),
        point_coord=np.zeros((0, 3), np.float32),
        point_channel=np.zeros(0, np.uint8),
        point_group=np.zeros(0, np.int32),
    )
    with create_store(tmp_path / "s.h5", FEATURES, {"cutoff": 4.0}) as h5:
        write_item(h5, item)
        write_item(h5, bare)
    store = Store(tmp_path / "s.h5")
    assert store.features == FEATURES
    assert store.definitions == '{"cutoff": 4.0}'
    read = store.load()
    assert same(read[0], item) and same(read[1], bare)
    for f in fields(StoreItem):
        if isinstance(getattr(item, f.name), np.ndarray):
            assert getattr(read[0], f.name).dtype == getattr(item, f.name).dtype, f.name
            assert getattr(read[1], f.name).shape[1:] == getattr(bare, f.name).shape[1:], f.name


def test_splits(tmp_path):
    """Ids are listed by split, sorted."""
    store = Store(make_store(tmp_path / "s.h5", train=3, val=2))
    assert store.ids("train") == ["s0", "s1", "s2"]
    assert store.ids("val") == ["s3", "s4"]
    assert store.ids("test") == []
    assert len(store.ids()) == 5
    assert [item.id for item in store.load("val")] == ["s3", "s4"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"radius": np.ones(3, np.float32)}, "equal length"),
        ({"features": np.zeros((4, 2), np.uint8)}, r"features of shape \('n', 3\)"),
        ({"coord": np.zeros((4, 2), np.float32)}, r"coord of shape \('n', 3\)"),
        ({"surface_coord": np.array([[np.nan, 0, 0]], np.float32)}, "finite surface_coord"),
        ({"ligand_names": ()}, "ligand indices"),
        ({"point_channel": np.full(8, 10, np.uint8)}, "channel indices below 10"),
    ],
)
def test_contradictions_are_refused(tmp_path, change, message):
    """An item whose arrays do not fit each other or the store is refused, and a failed build leaves no file."""
    path = tmp_path / "s.h5"
    with pytest.raises(InputError, match=message), create_store(path, FEATURES, "{}") as h5:
        write_item(h5, replace(make_item("a"), **change))
    assert list(tmp_path.iterdir()) == []


def test_a_store_is_never_overwritten(tmp_path):
    """Building onto an existing file is refused and leaves it as it was."""
    path = make_store(tmp_path / "s.h5")
    before = path.read_bytes()
    with pytest.raises(InputError, match="exists"), create_store(path, FEATURES, "{}"):
        pass
    assert path.read_bytes() == before


def test_files_that_are_no_store_are_refused(tmp_path):
    """Absent, not HDF5, another version, other channels, an incomplete structure: each is named."""
    with pytest.raises(InputError, match="not a file"):
        Store(tmp_path / "absent.h5")
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(InputError, match="data store in"):
        Store(tmp_path / "text.h5")
    path = make_store(tmp_path / "s.h5")
    with h5py.File(path, "a") as h5:
        del h5["structures/s0/radius"]
    with pytest.raises(InputError, match=r"structure 's0'.*radius"):
        Store(path).read(["s0"])
    with h5py.File(path) as h5, pytest.raises(InputError, match="structure 'nobody'"):
        read_item(h5, "nobody")
    with h5py.File(path, "a") as h5:
        h5.attrs["schema_version"] = 2
    with pytest.raises(InputError, match="schema version 1.*Received: 2"):
        Store(path)
    with h5py.File(path, "a") as h5:
        h5.attrs.update({"schema_version": 1, "channels": ["ligand"]})
    with pytest.raises(InputError, match="Expected channels"):
        Store(path)
