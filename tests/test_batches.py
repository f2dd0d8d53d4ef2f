"""Training samples: reproducible, balanced, rotated with their labels, unknown where nothing is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from store_fixture import FEATURES, make_item

from pocketvox.channels import CHANNELS, LIGAND, TYPED
from pocketvox.config import NetworkConfig, SamplingConfig
from pocketvox.data.batches import (
    UNKNOWN,
    MixedSampler,
    Sampler,
    fixed_crops,
    ligand_weights,
    share,
)
from pocketvox.data.disturb import DROP_DISTANCE, missing_clusters, smooth_displacement
from pocketvox.data.store import PSEUDO
from pocketvox.errors import InputError
from pocketvox.interactions.definitions import REACH
from pocketvox.voxel import cube_rotations, rotate_volume

LIG = CHANNELS.index(LIGAND)
CONFIG = SamplingConfig(crop_size=16, spacing=1.0, noise=0.0, jitter=1.0)


def sampler(items=None, config=CONFIG, seed=0, **options) -> Sampler:
    items = [make_item("a"), make_item("b", seed=1)] if items is None else items
    return Sampler(items, config, NetworkConfig(features=FEATURES, **options), seed=seed)


def test_sample_is_a_function_of_seed_epoch_and_index():
    """The same numbers give the same sample from a fresh sampler; any other number gives another."""
    x, y = sampler(seed=5).sample(2, 3)
    again = sampler(seed=5).sample(2, 3)
    assert np.array_equal(x, again[0]) and np.array_equal(y, again[1])
    for seed, epoch, index in ((6, 2, 3), (5, 3, 3), (5, 2, 4)):
        assert not np.array_equal(x, sampler(seed=seed).sample(epoch, index)[0])


def test_shapes_types_and_batches():
    """A batch stacks the samples of its indices."""
    s = sampler()
    x, y = s.batch(0, 2, 3)
    assert x.shape == (3, 16, 16, 16, 3) and x.dtype == np.float32
    assert y.shape == (3, 16, 16, 16, len(CHANNELS)) and y.dtype == np.uint8
    assert np.array_equal(x[1], s.sample(0, 7)[0])
    assert set(np.unique(y)) == {0, 1, UNKNOWN}


def test_what_is_unknown():
    """Typed channels are known near the ligand only, the ligand channel everywhere but near additives."""
    item = replace(
        make_item("a"),
        ligand_coord=np.zeros((1, 3), np.float32),
        ligand_group=np.zeros(1, np.int32),
        point_coord=np.zeros((1, 3), np.float32),
        point_channel=np.array([2], np.uint8),
        point_group=np.zeros(1, np.int32),
        ignored_coord=np.array([[4.0, 0, 0], [0, 0, 1.2]], np.float32),
    )
    config = replace(CONFIG, crop_size=17)
    _, y = sampler([item], config).crop(item, np.zeros(3), np.eye(3))
    distance = np.linalg.norm(np.indices((17, 17, 17)) - 8, axis=0)
    assert np.array_equal(y[..., 2] == UNKNOWN, distance > 1.5)
    assert np.array_equal(y[..., 2] == 1, distance <= 1.25)
    assert not (y[..., 0] == 1).any() and (y[..., 0] == 0).sum() == (distance <= 1.5).sum()
    assert np.array_equal(y[..., LIG] == 1, distance <= 1.25)
    additive = np.linalg.norm(np.indices((17, 17, 17)) - np.array([12, 8, 8]).reshape(3, 1, 1, 1), axis=0) <= 2.5
    touching = np.linalg.norm(np.indices((17, 17, 17)) - np.array([8, 8, 9.2]).reshape(3, 1, 1, 1), axis=0) <= 2.5
    assert np.array_equal(y[..., LIG] == UNKNOWN, (additive | touching) & (distance > 1.5))


def test_rotation_turns_features_and_labels_together():
    """A crop in a rotated frame is the rotated crop: features, labels and unknown voxels alike."""
    item = make_item("a")
    s = sampler([item])
    centre = item.ligand_coord[0].astype(float)
    x, y = s.crop(item, centre, np.eye(3))
    for rotation in cube_rotations()[[3, 7, 17]]:
        rx, ry = s.crop(item, centre, rotation)
        np.testing.assert_allclose(rx, rotate_volume(x, rotation), atol=1e-4)
        assert np.array_equal(ry, rotate_volume(y, rotation))


@pytest.mark.parametrize("offset", [0.0, 8.9])
def test_cutting_to_the_box_changes_nothing(offset):
    """Points outside the box that reach into it are kept: the crop equals the middle of a larger one.

    With the offset the first ligand atom lies 0.9 A outside the box's faces.
    """
    item = make_item("a")
    centre = item.ligand_coord[0].astype(float) + [offset, 0.3, 0]
    x, y = sampler([item]).crop(item, centre, np.eye(3))
    big_x, big_y = sampler([item], replace(CONFIG, crop_size=28)).crop(item, centre, np.eye(3))
    middle = (slice(6, 22),) * 3
    np.testing.assert_allclose(x, big_x[middle], atol=1e-6)
    assert np.array_equal(y, big_y[middle])


def test_channels_can_be_chosen():
    """Targets follow the order of the channels asked for."""
    names = ("ligand", "hydrophobic")
    item = make_item("a")
    _, full = sampler([item]).crop(item, np.zeros(3), np.eye(3))
    _, some = sampler([item], channels=names).crop(item, np.zeros(3), np.eye(3))
    assert np.array_equal(some, full[..., [LIG, TYPED.index("hydrophobic")]])


def test_noise_moves_the_receptor_only():
    """Coordinate noise changes features, never labels."""
    noisy = sampler(config=replace(CONFIG, noise=0.3)).sample(0, 0)
    plain = sampler().sample(0, 0)
    assert not np.allclose(noisy[0], plain[0])
    assert np.array_equal(noisy[1], plain[1])


def test_warp_is_smooth_and_as_large_as_asked():
    """Root mean square as configured; atoms a bond apart move together, atoms far apart do not."""
    rng = np.random.default_rng(0)
    first = rng.uniform(-50, 50, (200, 3)).astype(np.float32)
    bonded = first + np.array([1.5, 0, 0], np.float32)
    moves = [smooth_displacement(np.concatenate([first, bonded]), 0.5, rng) for _ in range(200)]
    assert np.sqrt(np.mean([(m**2).sum(axis=1).mean() for m in moves])) == pytest.approx(0.5, rel=0.05)
    near = np.mean([(m[:200] * m[200:]).sum(axis=1).mean() for m in moves]) / 0.25
    far = np.mean([(m[:100] * m[100:200]).sum(axis=1).mean() for m in moves]) / 0.25
    assert near == pytest.approx(np.exp(-(1.5**2) / (2 * 4.0**2)), abs=0.05)  # of a Gaussian field of length 4 A
    assert abs(far) < 0.05


def test_warp_moves_the_receptor_only():
    """A warped sample has other features and the same targets, and is the same each time it is drawn."""
    plain = sampler(config=replace(CONFIG, noise=0.0))
    warped = sampler(config=replace(CONFIG, noise=0.0, warp=1.0))
    (x, y), (moved, same) = plain.sample(0, 3), warped.sample(0, 3)
    assert np.abs(moved - x).max() > 0.05
    assert np.array_equal(same, y)
    assert np.array_equal(warped.sample(0, 3)[0], moved)


def test_missing_points_are_clusters_beyond_the_ligand():
    """The expected share of far points, none nearer than any interaction reaches, neighbours together."""
    assert max(REACH.values()) == DROP_DISTANCE
    rng = np.random.default_rng(0)
    coord = rng.uniform(-12, 12, (1500, 3))
    ligand = np.array([[0.0, 0, 0], [2.0, 0, 0]])
    far = np.linalg.norm(coord[:, None] - ligand, axis=-1).min(axis=1) > 7.0
    draws = np.array([missing_clusters(coord, ligand, 0.2, rng) for _ in range(200)])
    assert not draws[:, ~far].any()
    assert draws[:, far].mean() == pytest.approx(0.2, abs=0.01)
    distance = np.linalg.norm(coord[far][:, None] - coord[far], axis=-1) + 99 * np.eye(far.sum())
    joint = draws[:, far] & draws[:, far][:, distance.argmin(axis=1)]
    assert joint.mean() > 2.5 * 0.2**2  # alone, two points would be missing together in 0.04 of the draws
    assert missing_clusters(coord, ligand[:0], 1.0, rng).all()
    assert not missing_clusters(ligand, ligand, 1.0, rng).any()


def test_missing_points_are_hand_countable():
    """A receptor of one far and one near point: dropped surely, only the near one is left."""
    item = make_item("a")
    near, far = item.ligand_coord[0] + [3, 0, 0], item.ligand_coord.min(axis=0) - [4.5, 4.5, 4.5]
    item = replace(item, coord=np.array([near, far], np.float32), features=item.features[:2], radius=item.radius[:2])
    config = replace(CONFIG, noise=0.0, drop=1 - 1e-12)
    middle = (near + far) / 2
    x, _ = sampler([item], config).crop(item, middle, np.eye(3), np.random.default_rng(0))
    alone = replace(item, coord=item.coord[:1], features=item.features[:1], radius=item.radius[:1])
    both, _ = sampler([item]).crop(item, middle, np.eye(3))
    assert np.array_equal(x, sampler([alone]).crop(alone, middle, np.eye(3))[0])
    assert not np.array_equal(x, both)


def test_missing_points_leave_the_rest_as_it_was():
    """Dropping changes no other draw: the same crop, the same noise, the same targets, again each time."""
    plain, dropping = sampler(config=replace(CONFIG, noise=0.2)), sampler(config=replace(CONFIG, noise=0.2, drop=0.5))
    (x, y), (holes, same) = plain.sample(0, 3), dropping.sample(0, 3)
    assert np.array_equal(y, same)
    assert (holes <= x + 1e-5).all() and (x - holes).max() > 0.5
    assert np.array_equal(dropping.sample(0, 3)[0], holes)


def test_options_that_are_off_change_no_sample():
    """Sums over a part of four samples as they were before there were warp and drop: runs begun then go on alike."""
    items = [make_item("a"), make_item("b", seed=1)]
    s = sampler(items, replace(CONFIG, noise=0.1, warp=0.0, drop=0.0))
    sums = [s.sample(0, index)[0][4:8, 4:8, 4:8].sum() for index in range(4)]
    np.testing.assert_allclose(sums, [0.0, 8.934, 0.033, 0.204], atol=2e-3)  # one more draw makes the second 8.540


def test_shares_of_the_families_are_nested():
    """Half of the families, whole; the quarter lies within the half; everything is everything."""
    items = [make_item(id=f"s{k}", clusters=(f"c{k // 2}",)) for k in range(16)]
    half, quarter = share(items, 0.5, seed=3), share(items, 0.25, seed=3)
    assert len({item.clusters for item in half}) == 4
    assert len(half) == 8
    assert {item.id for item in quarter} < {item.id for item in half}
    assert share(items, 1.0, seed=3) == items
    assert len(share(items, 1e-6, seed=3)) == 2


def test_surface_crops():
    """With surface_fraction 1 every crop is centred on a surface point, none on the ligand 15 A away."""
    item = replace(make_item("a"), surface_coord=np.array([[15.0, 0, 0]], np.float32))
    near = sampler([item], replace(CONFIG, surface_fraction=0.0, jitter=0.0))
    far = sampler([item], replace(CONFIG, surface_fraction=1.0, jitter=0.0))
    assert all((near.sample(0, i)[1][7:9, 7:9, 7:9, LIG] == 1).any() for i in range(5))
    assert all(not (far.sample(0, i)[1][7:9, 7:9, 7:9, LIG] == 1).any() for i in range(5))


def test_weights_by_hand():
    """Clusters of 4, 1 and 1 ligands: with power 0.5 their shares are 2 : 1 : 1, even within a cluster."""
    items = [
        make_item("a", clusters=("big",), ligands=3),
        make_item("b", clusters=("big",)),
        make_item("c", clusters=("small",)),
        make_item("d", clusters=()),
    ]
    np.testing.assert_allclose(ligand_weights(items, 0.5), [0.125, 0.125, 0.125, 0.125, 0.25, 0.25])
    np.testing.assert_allclose(ligand_weights(items, 1.0), np.full(6, 1 / 6))
    np.testing.assert_allclose(ligand_weights(items, 0.0), [1 / 12] * 4 + [1 / 3] * 2)
    items[2] = make_item("c", clusters=("small", "big"))
    np.testing.assert_allclose(ligand_weights(items, 0.0), [0.1] * 5 + [0.5])


def test_draws_follow_the_weights():
    """Families drawn evenly, one of 9 ligands and one of 1: in 1,000 draws both near a half (4 sigma = 0.063)."""
    items = [make_item("a", clusters=("x",), ligands=9), make_item("b", clusters=("y",))]
    s = sampler(items, replace(CONFIG, cluster_power=0.0))
    rng = np.random.default_rng(0)
    drawn = np.array([s.draw(rng) for _ in range(1000)])
    assert abs((drawn == 9).mean() - 0.5) < 0.063


def test_structures_without_ligands():
    """They are not drawn from; if there is nothing else, the error says so."""
    bare = replace(make_item("a"), ligand_names=())
    assert [item.id for item in sampler([bare, make_item("b")]).items] == ["b"]
    with pytest.raises(InputError, match="at least one structure with a ligand"):
        sampler([bare])


def test_fixed_crops_are_fixed_and_even():
    """The same crops on every call; each ligand of equal weight is visited equally often."""
    items = [make_item(f"s{i}", clusters=(f"c{i}",), seed=i) for i in range(4)]
    s = sampler(items)
    crops = fixed_crops(s, 12)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(crops, fixed_crops(s, 12), strict=True))
    assert np.bincount([i for i, _, _ in crops]).tolist() == [3, 3, 3, 3]


def test_around_a_pseudo_ligand_ligandability_is_unknown():
    """A hole cut into a protein always holds a ligand: the ligand channel learns nothing from it, the others do."""
    item = replace(make_item("a"), source=PSEUDO)
    _, y = sampler([item]).sample(0, 0)
    assert (y[..., CHANNELS.index(LIGAND)] == UNKNOWN).all()
    _, real = sampler([make_item("a")]).sample(0, 0)
    assert np.array_equal(y[..., : len(TYPED)], real[..., : len(TYPED)])
    assert (real[..., CHANNELS.index(LIGAND)] != UNKNOWN).any()


def test_samples_are_mixed_by_the_fraction():
    """Each sample is one of the two samplers', the second's as often as asked, and the same one every time."""
    first, second = sampler([make_item("a", seed=1)]), sampler([make_item("b", seed=2)])
    mixed = MixedSampler(first, second, 0.25)
    from_second = 0
    for index in range(60):
        x, y = mixed.sample(2, index)
        chosen = [np.array_equal(x, s.sample(2, index)[0]) for s in (first, second)]
        assert sum(chosen) == 1
        from_second += chosen[1]
        assert np.array_equal(y, mixed.sample(2, index)[1])
    assert 6 <= from_second <= 26  # 15 expected
    assert mixed.batch(0, 1, 3)[0].shape == sampler().batch(0, 1, 3)[0].shape
