"""How far a pocket is from the training pockets: what the number depends on, and its way into a preset and a result."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest
from store_fixture import make_item
from tiny_complex import rotation

from data_prep.domain import choose, families, pocket_of, training_domain
from pocketvox.channels import CHANNELS, LIGAND
from pocketvox.errors import ConfigError, InputError
from pocketvox.features import FEATURES, FeaturePoints
from pocketvox.inference import load_preset
from pocketvox.inference.domain import (
    RADII,
    UNFAMILIAR,
    fit_domain,
    map_uncertainty,
    pocket_descriptor,
    read_domain,
    write_domain,
)
from pocketvox.inference.presets import DOMAIN, _write_metadata
from pocketvox.pipeline import scan
from pocketvox.pockets import PocketConfig, unfamiliar
from pocketvox.report import write_result
from pocketvox.voxel import Grid, Volume
from pocketvox.voxel.augment import cube_rotations, rotate_volume
from pocketvox.voxel.counts import LABEL_VOLUME

SPACING = 0.75
SIZE = 16


def receptor(seed: int, *, apart: float = 3.4, shuffled: bool = False) -> FeaturePoints:
    """Atoms on a lattice around a hole at the origin. Polar on one side, hydrophobic on the other, unless shuffled."""
    rng = np.random.default_rng(seed)
    axis = np.arange(-12.0, 12.1, apart)
    coord = np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 3) + rng.normal(0, 0.3, (len(axis) ** 3, 3))
    coord = coord[np.linalg.norm(coord, axis=1) > 4.5]
    features = np.zeros((len(coord), len(FEATURES)), bool)
    features[:, 0] = True
    polar = coord[:, 0] + rng.normal(0, 1, len(coord)) > 0
    features[polar, FEATURES.index("hbond_acceptor")] = True
    features[~polar, FEATURES.index("hydrophobic")] = True
    if shuffled:
        features = rng.random(features.shape) < 0.5
    return FeaturePoints(coord.astype(np.float32), features, np.full(len(coord), 1.7, np.float32))


def pocket_map(seed: int) -> Volume:
    values = np.random.default_rng(seed).random((SIZE, SIZE, SIZE, len(CHANNELS)), np.float32)
    return Volume(values, Grid.centred((0, 0, 0), SIZE, SPACING), CHANNELS)


def hole(volume: Volume) -> np.ndarray:
    """Voxels within 3 angstrom of the origin."""
    index = np.argwhere(np.ones(volume.grid.shape, bool))
    return index[np.linalg.norm(volume.grid.to_coord(index), axis=1) < 3.0]


def describe(seed: int, **options) -> np.ndarray:
    volume = pocket_map(seed)
    return pocket_descriptor(receptor(seed, **options), volume, hole(volume))


@pytest.fixture(scope="module")
def descriptors() -> np.ndarray:
    return np.array([describe(seed) for seed in range(60)])


@pytest.fixture(scope="module")
def domain(descriptors):
    """Of 20 families of three pockets."""
    return fit_domain(descriptors, np.repeat(np.arange(20), 3))


# ----------------------------------------------------------------------------------------------------------- descriptor
@pytest.mark.parametrize("turn", range(0, 24, 5))
def test_descriptor_does_not_depend_on_the_frame(turn):
    """Receptor, map and pocket turned by a rotation of the cube and moved by any vector: the same numbers."""
    points, volume = receptor(1), pocket_map(1)
    shift = np.array([13.37, -4.2, 101.0])
    matrix = cube_rotations()[turn]
    turned = Volume(rotate_volume(volume.values, matrix), Grid.centred(shift, SIZE, SPACING), CHANNELS)
    moved = replace(points, coord=(points.coord @ matrix.T + shift).astype(np.float32))
    a, b = (pocket_descriptor(p, v, hole(Volume(v.values, volume.grid, CHANNELS))) for p, v in
            ((points, volume), (moved, turned)))  # fmt: skip
    np.testing.assert_allclose(a, b, atol=2e-3)
    unmoved = pocket_descriptor(points, turned, hole(volume))
    assert np.abs(unmoved - a).max() > 0.1


def test_descriptor_hardly_depends_on_the_orientation_of_the_voxels():
    """Any rotation of the receptor about a round pocket with an even map: the voxels change, the numbers hardly."""
    volume = Volume(np.full((24, 24, 24, 1), 0.5, np.float32), Grid.centred((0, 0, 0), 24, 0.5), (LIGAND,))
    points = receptor(2)
    a, b = (
        pocket_descriptor(replace(points, coord=points.coord @ m.astype(np.float32)), volume, hole(volume))
        for m in (np.eye(3), rotation(3))
    )
    assert np.abs(a - b).max() < 0.05 and a.max() > 10


def test_descriptor_counts_points_within_each_radius():
    """Two voxels, weights 3 and 1, one acceptor 4 angstrom from the first and 5.1 from the second: by hand."""
    grid = Grid((0.0, 0.0, 0.0), (1, 1, 5), 1.0)
    values = np.zeros((1, 1, 5, 1), np.float32)
    values[0, 0, [0, 2], 0] = 0.75, 0.25
    features = np.zeros((1, len(FEATURES)), bool)
    features[0, FEATURES.index("hbond_acceptor")] = True
    points = FeaturePoints(np.float32([[4.0 - 1e-4, 0, 0]]), features, np.float32([1.7]))
    found = pocket_descriptor(points, Volume(values, grid, (LIGAND,)), np.array([[0, 0, 0], [0, 0, 2]]))
    found = found.reshape(len(RADII), len(FEATURES))[:, FEATURES.index("hbond_acceptor")]
    # distances 4.0 and sqrt(20) = 4.47: none within 3.5, both within 5
    assert found[RADII.index(3.5)] == 0 and found[RADII.index(5.0)] == pytest.approx(1.0)
    points = replace(points, coord=np.float32([[4.9, 0, 0]]))  # 4.9 and 5.29: the first within 5
    found = pocket_descriptor(points, Volume(values, grid, (LIGAND,)), np.array([[0, 0, 0], [0, 0, 2]]))
    found = found.reshape(len(RADII), len(FEATURES))[:, FEATURES.index("hbond_acceptor")]
    assert found[RADII.index(5.0)] == pytest.approx(np.sqrt(0.75), abs=1e-4)


def test_uncertainty_is_the_entropy_of_the_core_channels():
    """One voxel of two counts (the other has no ligand): H(0.5) = 1 bit and H(0.11) = 0.4999 bit, two channels at 0."""
    values = np.zeros((2, 1, 1, len(CHANNELS)), np.float32)
    values[0, 0, 0, [0, 1, CHANNELS.index("metal"), -1]] = 0.5, 0.11, 0.5, 0.9
    values[1, 0, 0, 3] = 0.5
    volume = Volume(values, Grid((0, 0, 0), (2, 1, 1), 1.0), CHANNELS)
    assert map_uncertainty(volume, np.array([[0, 0, 0], [1, 0, 0]])) == pytest.approx((1 + 0.4999) / 4, abs=1e-4)


def test_a_pocket_needs_voxels_and_a_ligand_channel():
    volume = pocket_map(0)
    for bad, voxels in ((volume["metal"], hole(volume)), (volume, np.empty((0, 3), int))):
        with pytest.raises(InputError, match="Expected a pocket's voxels and a map with a 'ligand' channel"):
            pocket_descriptor(receptor(0), bad, voxels)


# ---------------------------------------------------------------------------------------------------------------- score
def test_training_pockets_score_lower_than_new_ones_and_those_than_nonsense(domain, descriptors):
    """Training pockets near 0, new ones of the same make in between, random features on random atoms at the top."""
    known = domain.score(descriptors)
    new = domain.score(np.array([describe(seed) for seed in range(100, 120)]))
    nonsense = domain.score(np.array([describe(seed, shuffled=True, apart=2.6) for seed in range(5)]))
    assert known.max() == 0 and 0.2 < new.mean() < 0.9
    assert nonsense.min() > UNFAMILIAR
    assert domain.distance(descriptors).max() < domain.distance(descriptors + 1.0).min()


def test_a_family_does_not_vouch_for_itself(descriptors):
    """The usual distances leave out the own family: twins in the family change nothing, in another family much."""
    names = np.arange(60)
    alone = fit_domain(descriptors, names).usual
    twice = np.concatenate([descriptors, descriptors])
    same = fit_domain(twice, np.concatenate([names, names])).usual
    np.testing.assert_allclose(same, np.repeat(alone, 2), rtol=1e-4)
    other = fit_domain(twice, np.arange(120)).usual
    assert other.mean() < 0.9 * alone.mean()


def test_fitting_needs_families_and_scoring_the_same_numbers(domain, descriptors):
    with pytest.raises(InputError, match="at least 10 families. Received: 9"):
        fit_domain(descriptors[:9], np.arange(9))
    with pytest.raises(InputError, match="Expected descriptors of shape"):
        domain.score(descriptors[:, :5])


# --------------------------------------------------------------------------------------------------------------- preset
@pytest.fixture
def with_domain(preset, domain, tmp_path):
    """A copy of the small preset that has a domain."""
    folder = shutil.copytree(preset, tmp_path / "tiny-v2")
    write_domain(folder / DOMAIN, domain)
    _write_metadata(folder, {}, {})
    return folder


def test_round_trip_through_a_preset(with_domain, preset, domain, descriptors, tmp_path):
    """What is read scores as what was written; equal bytes; a preset without it still loads and says None."""
    loaded = load_preset(with_domain)
    assert DOMAIN in loaded.metadata["files"]
    assert np.array_equal(loaded.domain().score(descriptors), domain.score(descriptors))
    write_domain(tmp_path / "again.h5", domain)
    assert (tmp_path / "again.h5").read_bytes() == (with_domain / DOMAIN).read_bytes()
    assert load_preset(preset).domain() is None


def test_a_changed_file_is_refused(with_domain):
    """By its checksum when the preset is loaded; an absent one too."""
    data = bytearray((with_domain / DOMAIN).read_bytes())
    data[-1] ^= 1
    (with_domain / DOMAIN).write_bytes(data)
    with pytest.raises(ConfigError, match=rf"{DOMAIN} with sha256"):
        load_preset(with_domain)
    (with_domain / DOMAIN).unlink()
    with pytest.raises(ConfigError, match="no such file"):
        load_preset(with_domain)


def _cut(path):
    path.write_bytes(path.read_bytes()[:400])


def _edit(change):
    def edit(path):
        with h5py.File(path, "a") as file:
            change(file)

    return edit


def _replace(name, value):
    def change(file):
        new = value(file[name][()])
        del file[name]
        file[name] = new

    return _edit(change)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_cut, "Expected training pockets"),
        (_edit(lambda file: file.__delitem__("usual")), "Expected training pockets"),
        (_edit(lambda file: file.attrs.__setitem__("schema_version", 9)), "schema version 1.*Received: 9"),
        (_replace("pockets", lambda x: x[:-1]), "Expected finite arrays of shapes"),
        (_replace("mean", lambda x: x * np.nan), "Expected finite arrays of shapes"),
        (_replace("usual", lambda x: x[::-1]), "Expected finite arrays of shapes"),
        (_replace("mean", lambda x: np.float32(1)), "Expected finite arrays of shapes"),
        (_replace("usual", lambda x: x.astype("S3")), "Expected finite arrays of shapes"),
    ],
)
def test_damaged_content_is_refused(tmp_path, domain, damage, message):
    """Also where a checksum was made of the damaged file."""
    path = tmp_path / DOMAIN
    write_domain(path, domain)
    damage(path)
    with pytest.raises(ConfigError, match=message):
        read_domain(path)


# --------------------------------------------------------------------------------------------------------------- result
def test_results_carry_the_number(with_domain, preset, demo_file, tmp_path):
    """summary.json and pockets.csv have it; far pockets are warned of; nothing but null without a domain."""
    for folder in (with_domain, preset):
        found = scan(demo_file, preset=folder)
        path = write_result(found, tmp_path / "results" / folder.name)
        document = json.loads((path / "summary.json").read_text())
        rows = list(csv.DictReader((path / "pockets.csv").read_text().splitlines()))
        assert document["schema_version"] == 1 and document["pockets"] and len(rows) == len(document["pockets"])
        for pocket, row in zip(document["pockets"], rows, strict=True):
            assert 0 < pocket["expected_counts"]["ligand"] * LABEL_VOLUME < pocket["volume"]
            assert 0 < pocket["uncertainty"] < 1 and float(row["uncertainty"]) == pocket["uncertainty"]
            if folder is preset:
                assert pocket["domain_score"] is None and row["domain_score"] == ""
            else:
                assert 0 <= pocket["domain_score"] <= 1 and float(row["domain_score"]) == pocket["domain_score"]
        far = [p["name"] for p in document["pockets"] if (p["domain_score"] or 0) > UNFAMILIAR]
        assert bool(far) == (folder is with_domain)  # a lattice of random atoms tells nothing of proteins
        assert any(warning.startswith(", ".join(far) + ": farther") for warning in document["warnings"]) == bool(far)
        assert unfamiliar(found.pockets) == tuple(w for w in document["warnings"] if "farther" in w)


# ------------------------------------------------------------------------------------------------------------------ fit
def test_families_are_linked_through_shared_clusters():
    items = [make_item(str(k), clusters=names) for k, names in enumerate([("a",), ("a", "b"), ("b",), ("c",), ()])]
    found = families(items)
    assert found[0] == found[1] == found[2] and len({found[0], found[3], found[4]}) == 3


def test_no_family_gives_more_ligands_than_asked_for():
    items = [make_item(str(k), clusters=("a",), ligands=2) for k in range(4)] + [make_item("x", clusters=("b",))]
    chosen = choose(items, families(items), 3, seed=0)
    assert len(chosen) == len(set(chosen)) == 4 and (4, 0) in chosen
    assert choose(items, families(items), 3, seed=0) == chosen


def test_the_pocket_of_a_ligand_is_the_one_that_covers_it():
    grid = Grid.centred((0, 0, 0), 40, SPACING)
    values = np.zeros((*grid.shape, 1), np.float32)
    values[4:14, 4:14, 4:14] = 0.9
    values[18:26, 18:26, 18:26] = 0.5
    volume = Volume(values, grid, (LIGAND,))
    voxels = pocket_of(np.float32([[0.0, 0, 0]]), volume, PocketConfig())
    assert voxels.min() == 18 and voxels.max() == 25
    assert pocket_of(np.float32([[14.0, -14, 0]]), volume, PocketConfig()) is None


def test_training_pockets_are_learnt_from_a_store():
    """An oracle that marks each ligand: every structure gives a pocket, and each is familiar."""
    items = [make_item(f"s{k}", clusters=(f"c{k}",), seed=k) for k in range(12)]
    where = {item.coord.tobytes(): item.ligand_coord for item in items}

    def oracle(points, grid):
        from pocketvox.voxel import within

        inside = within(where[points.coord.tobytes()], grid, 1.5)
        return Volume(inside[..., None].astype(np.float32), grid, (LIGAND,))

    found = training_domain(items, oracle, PocketConfig(), SPACING)
    assert len(found.pockets) == len(found.usual) == 12
    assert np.isfinite(found.usual).all() and found.usual[0] > 0
