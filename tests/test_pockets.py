"""Pockets from a ligand map: which voxels, which regions, in which order, how deep, next to which residues."""

import dataclasses

import numpy as np
import pytest

from pocketvox.errors import ConfigError, InputError
from pocketvox.pockets import PocketConfig, detect_pockets
from pocketvox.structure.atoms import PROTEIN, Atoms
from pocketvox.voxel import Grid, Volume

#: Spacing 1 angstrom: volumes are counts of voxels.
GRID = Grid((-10.0, 5.0, 0.0), (40, 30, 20), 1.0)
CONFIG = PocketConfig(threshold=0.3, min_volume=8.0, max_volume=1000.0, merge_distance=2.5)


def make_atoms(coord, **columns) -> Atoms:
    """Protein carbons, one residue each, chain A numbered from 1."""
    n = len(coord)
    values = {
        "coord": np.asarray(coord, np.float32).reshape(-1, 3),
        "element": ["C"] * n,
        "name": ["CA"] * n,
        "res_name": ["ALA"] * n,
        "chain_id": ["A"] * n,
        "ins_code": [""] * n,
        "res_id": np.arange(1, n + 1, dtype=np.int32),
        "parent": ["ALA"] * n,
        "kind": np.full(n, PROTEIN, np.uint8),
        "residue": np.arange(n, dtype=np.int32),
        "b_factor": np.zeros(n, np.float32),
        "occupancy": np.ones(n, np.float32),
    }
    return Atoms(**{k: np.asarray(v) for k, v in {**values, **columns}.items()})


FAR = make_atoms([[500.0, 500.0, 500.0]])


def box_volume(*boxes, grid=GRID, value=0.8) -> Volume:
    """A ligand map that has ``value`` in boxes of (first voxel, shape), 0 elsewhere."""
    values = np.zeros((*grid.shape, 1), np.float32)
    for start, shape in boxes:
        values[tuple(slice(a, a + n) for a, n in zip(start, shape, strict=True))] = value
    return Volume(values, grid, ("ligand",))


def test_measures_by_hand():
    """Volume, score, probability and weighted centre of a pocket of two kinds of voxels."""
    volume = box_volume(((10, 10, 10), (4, 3, 2)))
    volume.values[10:12, 10:13, 10:12] = 0.4  # 12 voxels of 0.4 and 12 of 0.8
    (pocket,) = detect_pockets(volume, FAR, CONFIG)
    assert (pocket.name, pocket.rank, pocket.volume) == ("pocket1", 1, 24.0)
    score = 12 * 0.4**2 + 12 * 0.8**2
    assert pocket.score == pytest.approx(score, rel=1e-5)
    assert pocket.probability == pytest.approx(score / (score + 100), rel=1e-5)
    # x: columns 10, 11 weigh 1, columns 12, 13 weigh 2: mean index 10.5 / 3 + 12.5 * 2 / 3; y: 11; z: 10.5
    expected = np.array(GRID.origin) + (10.5 / 3 + 25.0 / 3, 11.0, 10.5)
    assert np.allclose(pocket.center, expected, atol=1e-5)
    assert len(pocket.voxels) == 24
    assert pocket.residue_ids == ()


def test_volume_and_score_do_not_depend_on_spacing():
    fine = Grid(GRID.origin, (80, 60, 40), 0.5)
    (coarse_pocket,) = detect_pockets(box_volume(((5, 5, 5), (4, 4, 4))), FAR, CONFIG)
    (fine_pocket,) = detect_pockets(box_volume(((10, 10, 10), (8, 8, 8)), grid=fine), FAR, CONFIG)
    assert fine_pocket.volume == coarse_pocket.volume == 64.0
    assert fine_pocket.score == pytest.approx(coarse_pocket.score, rel=1e-6)


@pytest.mark.parametrize(("value", "count"), [(0.3, 1), (0.2999, 0)])
def test_threshold_is_inclusive(value, count):
    assert len(detect_pockets(box_volume(((5, 5, 5), (4, 4, 4)), value=value), FAR, CONFIG)) == count


@pytest.mark.parametrize(("shape", "count"), [((2, 2, 2), 1), ((7, 1, 1), 0)])
def test_smallest_volume(shape, count):
    """8 voxels are enough, 7 are not."""
    assert len(detect_pockets(box_volume(((5, 5, 5), shape)), FAR, CONFIG)) == count


def test_voxels_that_touch_at_a_corner_are_one_region():
    config = dataclasses.replace(CONFIG, merge_distance=0.0)
    assert len(detect_pockets(box_volume(((5, 5, 5), (3, 3, 3)), ((8, 8, 8), (3, 3, 3))), FAR, config)) == 1
    assert len(detect_pockets(box_volume(((5, 5, 5), (3, 3, 3)), ((9, 8, 8), (3, 3, 3))), FAR, config)) == 2


@pytest.mark.parametrize(("gap", "count"), [(2, 1), (3, 2)])
def test_fragments_merge_within_the_merge_distance(gap, count):
    """Nearest voxel centres 2 angstrom apart are within 2.5, 3 are not."""
    volume = box_volume(((5, 5, 5), (3, 3, 3)), ((7 + gap, 5, 5), (3, 3, 3)))
    assert len(detect_pockets(volume, FAR, CONFIG)) == count


def test_merging_is_single_linkage():
    """A chain of fragments becomes one pocket, and too small ones count in it."""
    volume = box_volume(*(((5 + 4 * k, 5, 5), (2, 2, 1)) for k in range(5)))
    config = dataclasses.replace(CONFIG, merge_distance=3.0)
    (pocket,) = detect_pockets(volume, FAR, config)
    assert pocket.volume == 20.0


def test_merging_joins_whole_groups():
    """Two pairs that are joined by their second members become one, in whatever order the joints are met."""
    boxes = ((5, 5, 5), (2, 2, 2)), ((5, 19, 5), (1, 2, 2)), ((8, 19, 5), (2, 2, 2)), ((9, 5, 5), (2, 12, 2))
    config = dataclasses.replace(CONFIG, merge_distance=3.0)
    (pocket,) = detect_pockets(box_volume(*boxes), FAR, config)
    assert pocket.volume == 8 + 4 + 8 + 48


def two_peaks(distance: float) -> Volume:
    """Two Gaussian bumps on one plateau, ``distance`` apart along x."""
    x, y, z = np.indices(GRID.shape)
    squared = [(x - 15 + s * distance / 2) ** 2 + (y - 14) ** 2 + (z - 10) ** 2 for s in (1, -1)]
    bumps = np.exp(-np.array(squared) / 18).max(axis=0)
    inside = (np.abs(x - 15) < 13) & (np.abs(y - 14) < 5) & (np.abs(z - 10) < 5)
    return Volume(np.where(inside, 0.35 + 0.6 * bumps, 0.0)[..., None].astype(np.float32), GRID, ("ligand",))


def test_large_regions_are_split_between_their_peaks():
    """A region above the largest volume with peaks 12 angstrom apart becomes two, with nothing lost."""
    volume = two_peaks(12.0)
    total = float((volume.values >= 0.3).sum())
    config = dataclasses.replace(CONFIG, max_volume=total - 1, split_distance=8.0)
    pockets = detect_pockets(volume, FAR, config)
    assert len(pockets) == 2
    assert sum(p.volume for p in pockets) == total
    centers = sorted(p.center[0] - GRID.origin[0] for p in pockets)
    assert centers == pytest.approx([9.0, 21.0], abs=1.5)
    voxels = np.concatenate([p.voxels for p in pockets])
    assert len(np.unique(voxels, axis=0)) == len(voxels)


def test_parts_meet_in_the_valley():
    """Not half-way: a ridge that falls from voxel 5 to 26 and rises to 34 is cut at 26."""
    volume = box_volume(((3, 12, 8), (34, 5, 5)))
    profile = np.interp(np.arange(40), [0, 5, 26, 34, 40], [0.9, 0.95, 0.5, 0.8, 0.7])
    volume.values[..., 0] *= profile[:, None, None].astype(np.float32) / 0.8
    config = dataclasses.replace(CONFIG, max_volume=100.0, split_distance=6.0)
    first, second = detect_pockets(volume, FAR, config)
    assert first.voxels[:, 0].max() == pytest.approx(26, abs=2)
    assert second.voxels[:, 0].min() == first.voxels[:, 0].max() + 1


def test_regions_are_not_split_needlessly():
    """Not at the largest volume, nor if the peaks are nearer than the split distance."""
    volume = two_peaks(12.0)
    total = float((volume.values >= 0.3).sum())
    assert len(detect_pockets(volume, FAR, dataclasses.replace(CONFIG, max_volume=total))) == 1
    config = dataclasses.replace(CONFIG, max_volume=100.0, split_distance=13.0)
    assert len(detect_pockets(volume, FAR, config)) == 1


def test_order_is_by_score_and_ties_by_position():
    small, left, right = ((30, 20, 12), (3, 3, 3)), ((3, 3, 3), (4, 4, 4)), ((20, 3, 3), (4, 4, 4))
    pockets = detect_pockets(box_volume(small, right, left), FAR, CONFIG)
    assert [p.rank for p in pockets] == [1, 2, 3]
    assert [p.name for p in pockets] == ["pocket1", "pocket2", "pocket3"]
    assert [p.volume for p in pockets] == [64.0, 64.0, 27.0]
    assert pockets[0].score == pockets[1].score
    assert pockets[0].center < pockets[1].center


def test_translation_moves_pockets_along():
    boxes = (((5, 5, 5), (4, 3, 5)), ((20, 10, 8), (6, 3, 3)))
    moved = tuple(((a + 1, b + 2, c - 1), shape) for (a, b, c), shape in boxes)
    before, after = (detect_pockets(box_volume(*b), FAR, CONFIG) for b in (boxes, moved))
    for p, q in zip(before, after, strict=True):
        assert np.array_equal(p.voxels + (1, 2, -1), q.voxels)
        assert np.allclose(np.array(p.center) + (1, 2, -1), q.center)


def test_lining_residues():
    """Heavy atoms within the contact distance, in file order, with insertion codes and negative numbers."""
    volume = box_volume(((10, 10, 10), (2, 2, 2)))
    near = GRID.to_coord([11, 11, 11])  # the voxel that the atoms are placed beside
    coord = near + np.array([(4.0, 0, 0), (0, 4.01, 0), (0, 0, 3.0), (0, 3.0, 0), (3.0, 0, 0)])
    atoms = make_atoms(
        coord,
        res_id=np.array([30, 31, -2, 52, 99], np.int32),
        ins_code=["", "", "", "B", ""],
        chain_id=["A", "A", "LONG", "A", "A"],
        element=["C", "C", "N", "O", "H"],
    )
    (pocket,) = detect_pockets(volume, atoms, CONFIG)
    assert pocket.residue_ids == ("A_30", "LONG_-2", "A_52B")
    assert pocket.surface_atoms.tolist() == [0, 2, 3]


def sphere(radius: float, n: int = 1500) -> np.ndarray:
    """Points spread evenly over a sphere (Fibonacci), so dense that no probe passes."""
    k = np.arange(n) + 0.5
    polar, turn = np.arccos(1 - 2 * k / n), np.pi * (1 + 5**0.5) * k
    return radius * np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1)


def centred_box(offset=0, size=3) -> Volume:
    """A pocket of ``size`` voxels around the origin, moved along x by ``offset`` angstrom."""
    grid = Grid.centred((0, 0, 0), 61, 1.0)
    start = 30 - size // 2
    return box_volume(((start + offset, start, start), (size,) * 3), grid=grid)


@pytest.mark.parametrize("radius", [9.0, 14.0])
def test_depth_in_a_closed_shell(radius):
    """The hull of a shell of atoms of 1.7 angstrom is 1.7 outside of it: that deep is its centre."""
    (pocket,) = detect_pockets(centred_box(), make_atoms(sphere(radius)), CONFIG)
    assert pocket.depth == pytest.approx(radius + 1.7, abs=1.0)


def test_depth_is_zero_outside_and_small_in_a_wide_mouth():
    """A 12 angstrom sphere stands in front of a flat wall, and enters a mouth wider than itself."""
    y, z = np.meshgrid(np.arange(-20, 21, 2.0), np.arange(-20, 21, 2.0))
    wall = np.stack([np.zeros(y.size), y.ravel(), z.ravel()], axis=1)
    (pocket,) = detect_pockets(centred_box(offset=9), make_atoms(wall), CONFIG)
    assert pocket.depth == 0.0
    bowl = sphere(20.0)
    narrow, wide = bowl[bowl[:, 0] < 19.0], bowl[bowl[:, 0] < 0.0]
    depths = [detect_pockets(centred_box(offset=12), make_atoms(b), CONFIG)[0].depth for b in (narrow, wide)]
    assert depths[0] > 7.0
    assert depths[1] < 1.0


def test_nothing_certain_gives_no_pocket():
    assert detect_pockets(box_volume(), FAR, CONFIG) == ()


def test_a_map_without_ligand_channel_is_refused():
    volume = Volume(np.zeros((4, 4, 4, 1), np.float32), Grid((0, 0, 0), (4, 4, 4), 1.0), ("metal",))
    with pytest.raises(InputError, match=r"'ligand' channel.*Received: metal"):
        detect_pockets(volume, FAR)


def test_calibration_changes_the_probability_only():
    volume = box_volume(((5, 5, 5), (4, 4, 4)))
    (plain,) = detect_pockets(volume, FAR, CONFIG)
    (other,) = detect_pockets(volume, FAR, dataclasses.replace(CONFIG, midpoint=plain.score, slope=3.0))
    assert other.probability == pytest.approx(0.5)
    assert (other.score, other.center) == (plain.score, plain.center)


@pytest.mark.parametrize("bad", [{"threshold": 0.0}, {"slope": -1.0}, {"min_volume": -1.0}, {"treshold": 0.5}])
def test_bad_configurations_are_refused_by_name(bad):
    with pytest.raises(ConfigError, match=next(iter(bad))):
        PocketConfig.from_dict(bad)
