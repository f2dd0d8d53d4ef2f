"""Flexibility from the B column: bounded, in order, on one scale; the same in training and in a scan."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import DEMO, ROOT
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from store_fixture import FEATURES as TINY
from store_fixture import make_item, make_store, tiny_training

from pocketvox.channels import CHANNELS
from pocketvox.config import NORMALIZERS, NetworkConfig, SamplingConfig, TrainConfig
from pocketvox.data.batches import Sampler
from pocketvox.data.flexibility import fit_normalizer, flexible, run_normalizer
from pocketvox.data.store import Store, create_store, write_item
from pocketvox.descriptors import EXPERIMENTS
from pocketvox.errors import ConfigError, InputError
from pocketvox.explain.occlusion import without_residue
from pocketvox.features import ATOM_TYPES, FEATURES, FeaturePoints, receptor_points
from pocketvox.inference import Predictor, PresetConfig, load_predictor, load_preset, save_preset
from pocketvox.normalize import FEWEST, FLEXIBILITY, LEVELS, LIMIT, Normalizer, are_atoms, with_flexibility
from pocketvox.pipeline import scan
from pocketvox.structure import read_complex, read_structure
from pocketvox.voxel import Grid

#: With a table of its own for predicted models: pLDDT times -1.
HISTOGRAM = Normalizer(
    "histogram", {"x-ray": tuple((60 * LEVELS**2 + 10).tolist()), "predicted": tuple((50 * LEVELS - 98).tolist())}
)
ALL = (Normalizer("zscore"), Normalizer("minmax"), HISTOGRAM)
COLUMN = np.random.default_rng(0).gamma(4.0, 6.0, 400)

methods = st.sampled_from(ALL)
#: Two decimals, as in files.
columns = arrays(np.int64, st.integers(0, 80), elements=st.integers(0, 20000)).map(lambda n: n / 100)
anything = arrays(np.float64, st.integers(0, 80), elements=st.floats(width=32))


# ----------------------------------------------------------------------------------------------------------- properties
@given(methods, anything, st.sampled_from(("", *EXPERIMENTS, "neutron")))
def test_flexibility_is_finite_and_bounded(normalizer, column, experiment):
    """Whatever the file holds: NaN, infinities, one atom or none."""
    found = normalizer(column, experiment)
    assert found.dtype == np.float32 and found.shape == column.shape
    assert np.isfinite(found).all() and (np.abs(found) <= LIMIT).all()


@given(methods, columns, st.sampled_from(("", *EXPERIMENTS)))
def test_order_is_kept_within_a_structure(normalizer, column, experiment):
    """An atom with a higher B-factor is not less flexible; one with a higher confidence is not more flexible."""
    found = normalizer(column, experiment).astype(float)
    rising = found[np.argsort(column, kind="stable")] * (-1 if experiment == "predicted" else 1)
    assert (np.diff(rising) >= -1e-6).all()


@given(st.sampled_from(ALL[:2]), columns, st.floats(0.1, 3), st.floats(-20, 50))
def test_methods_by_structure_do_not_see_scale_and_offset(normalizer, column, scale, offset):
    np.testing.assert_allclose(normalizer(scale * column + offset), normalizer(column), atol=1e-5)


@pytest.mark.parametrize("normalizer", ALL, ids=lambda n: n.method)
def test_a_usual_column_spreads_around_zero(normalizer):
    """Not all of it is clipped or 0."""
    found = normalizer(COLUMN, "cryo-em")
    assert found.std() > 0.1 and abs(found.mean()) < 0.1 and len(np.unique(found)) > 300


@pytest.mark.parametrize("normalizer", ALL, ids=lambda n: n.method)
@pytest.mark.parametrize(
    "column",
    [np.zeros(50), np.full(50, 20.0), np.full(50, np.nan), np.r_[[np.inf], np.ones(49)], np.r_[np.ones(999), 9.0]],
)
def test_columns_that_tell_nothing_are_unknown(normalizer, column):
    """NMR models and prepared files: zeros or one value, one odd atom aside."""
    for experiment in ("", *EXPERIMENTS):
        assert not normalizer(column, experiment).any()


@pytest.mark.parametrize("normalizer", ALL, ids=lambda n: n.method)
def test_values_that_are_none_are_unknown_and_change_nothing(normalizer):
    column = COLUMN.copy()
    column[3::40] = np.nan
    column[7::40] = 999.99
    known = np.isfinite(column) & (column < 999)
    found = normalizer(column)
    assert not found[~known].any()
    np.testing.assert_array_equal(found[known], normalizer(column[known]))


@pytest.mark.parametrize("normalizer", ALL[:2], ids=lambda n: n.method)
def test_a_wrong_value_does_not_set_the_scale(normalizer):
    """Other atoms keep theirs, the wrong one gets the highest."""
    column = COLUMN.copy()
    column[11] = 900.0
    found, others = normalizer(column), np.arange(len(column)) != 11
    np.testing.assert_allclose(found[others], normalizer(COLUMN)[others], atol=0.2)
    assert found[11] == found.max()


@pytest.mark.parametrize("normalizer", ALL, ids=lambda n: n.method)
def test_confidence_is_turned_round(normalizer):
    """The most confident atom of a model is the most rigid; taken for a B-factor it would be the most flexible."""
    confidence = np.linspace(35.0, 97.0, 120)
    found = normalizer(confidence, "predicted")
    assert found[0] == found.max() > 0 > found.min() == found[-1]
    assert normalizer(confidence, "x-ray")[-1] == normalizer(confidence, "x-ray").max()


# --------------------------------------------------------------------------------------------------- histogram matching
def structures(n: int, experiment: str, scale: float = 1.0, offset: float = 0.0, seed: int = 0):
    rng = np.random.default_rng(seed)
    return [(scale * rng.gamma(4.0, 6.0, 300) + offset, experiment) for _ in range(n)]


def test_the_reference_onto_itself_is_the_identity():
    """Between the first and last hundredth, in standard deviations of the reference."""
    normalizer = Normalizer.fit("histogram", structures(FEWEST, "x-ray"))
    table = np.array(normalizer.tables["x-ray"])
    column = np.linspace(table[0], table[-1], 50)
    for experiment in ("x-ray", ""):
        expected = (column - table.mean()) / table.std()
        np.testing.assert_allclose(normalizer(column, experiment), expected.clip(-LIMIT, LIMIT), atol=1e-6)


def test_a_source_is_matched_onto_the_reference_and_keeps_its_differences():
    """Cryo-EM B-factors, three times as large and 40 higher: an atom gets what it would have in a crystal."""
    crystals = structures(FEWEST, "x-ray")
    normalizer = Normalizer.fit("histogram", [*crystals, *((3 * b + 40, "cryo-em") for b, _ in crystals)])
    rigid, loose = COLUMN, 1.5 * COLUMN
    for column in (rigid, loose):
        np.testing.assert_allclose(normalizer(3 * column + 40, "cryo-em"), normalizer(column, "x-ray"), atol=1e-5)
    assert normalizer(3 * loose + 40, "cryo-em").mean() > normalizer(3 * rigid + 40, "cryo-em").mean() + 0.3


def test_sources_of_few_structures_are_matched_one_by_one():
    """Without a table every structure gets the reference's whole distribution: scale and offset do not matter."""
    few = structures(FEWEST - 1, "cryo-em", seed=1)
    normalizer = Normalizer.fit("histogram", [*structures(3, ""), *few])
    assert set(normalizer.tables) == {"x-ray"}
    found = normalizer(COLUMN, "cryo-em")
    np.testing.assert_allclose(normalizer(5 * COLUMN + 70, "cryo-em"), found, atol=1e-5)
    table = np.array(normalizer.tables["x-ray"])
    assert found.max() == pytest.approx(min((table[-1] - table.mean()) / table.std(), LIMIT), abs=1e-5)
    enough = Normalizer.fit("histogram", [*structures(3, ""), *few, *structures(1, "cryo-em")])
    assert set(enough.tables) == {"x-ray", "cryo-em"}


def test_every_structure_counts_the_same():
    """One with a hundred times the atoms moves the table no more than another; blank columns do not at all."""
    rng = np.random.default_rng(0)
    small, large = rng.normal(20, 2, 200), rng.normal(60, 2, 20000)
    normalizer = Normalizer.fit("histogram", [(small, "x-ray"), (large, ""), (np.zeros(900), "x-ray")])
    assert np.median(normalizer.tables["x-ray"]) == pytest.approx(40, abs=8)
    assert np.mean(np.array(normalizer.tables["x-ray"]) < 40) == pytest.approx(0.5, abs=0.02)


def test_repeated_values_get_the_mean_of_their_quantiles():
    """Half of a source has one value: it gets the middle of that half of the reference."""
    reference = tuple(np.linspace(0.0, 1.0, 99).tolist())
    normalizer = Normalizer("histogram", {"x-ray": reference, "nmr": (5.0,) * 49 + tuple(range(6, 56))})
    found = normalizer(np.r_[np.full(50, 5.0), np.arange(6, 56)], "nmr")
    assert found[0] == pytest.approx((np.mean(reference[:49]) - 0.5) / np.std(reference), abs=1e-6)


# --------------------------------------------------------------------------------------------------------- stored forms
@pytest.mark.parametrize("normalizer", ALL, ids=lambda n: n.method)
def test_json_keeps_it_exactly(normalizer):
    again = Normalizer.from_dict(json.loads(json.dumps(normalizer.to_dict())))
    assert again == normalizer
    np.testing.assert_array_equal(again(COLUMN, "predicted"), normalizer(COLUMN, "predicted"))


TABLE = HISTOGRAM.to_dict()["tables"]["x-ray"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"method": "rank"}, "method: zscore, minmax, histogram. Received: 'rank'"),
        ({"method": "zscore", "tables": {"x-ray": TABLE}}, "tables of zscore: none"),
        ({"method": "histogram"}, "tables of histogram: 'x-ray' and others"),
        ({"method": "histogram", "tables": {"nmr": TABLE}}, "'x-ray' and others"),
        ({"method": "histogram", "tables": {"x-ray": TABLE, "neutron": TABLE}}, "'x-ray' and others"),
        ({"method": "histogram", "tables": {"x-ray": TABLE[1:]}}, "99 finite, ascending quantiles"),
        ({"method": "histogram", "tables": {"x-ray": TABLE[::-1]}}, "99 finite, ascending quantiles"),
        ({"method": "histogram", "tables": {"x-ray": [*TABLE[1:], float("nan")]}}, "99 finite, ascending quantiles"),
        ({"method": "histogram", "tables": {"x-ray": [3.0] * 99}}, "quantiles that differ.*3.0 only"),
        ({"method": "histogram", "tables": {"x-ray": "a"}}, "tables"),
        ({"method": "zscore", "table": {}}, "Unknown setting 'table'"),
        ({}, "Missing setting.*method"),
    ],
)
def test_malformed_ones_are_refused(data, message):
    with pytest.raises(ConfigError, match=message):
        Normalizer.from_dict(data)


@pytest.mark.parametrize(
    ("method", "samples", "received"),
    [
        ("zscore", [], "none"),
        ("minmax", [(np.zeros(9), "nmr")], "none"),
        ("histogram", structures(30, "cryo-em"), "cryo-em"),
    ],
)
def test_there_must_be_something_to_fit(method, samples, received):
    with pytest.raises(InputError, match=f"to fit {method}. Received those of: {received}"):
        Normalizer.fit(method, samples)
    with pytest.raises(ConfigError, match="method"):
        Normalizer.fit("rank", samples)


# ------------------------------------------------------------------------------------------------------- feature points
def test_only_atoms_have_flexibility():
    """Points in space that the bundled protease offers have none; atoms have that of their B-factor."""
    structure = read_structure(DEMO)
    atoms = structure.atoms[structure.atoms.kind == 0]
    points = receptor_points(atoms, "x-ray")
    seen = with_flexibility(points, ALL[0])
    assert seen.features.shape == (len(points), len(FEATURES) + 1) and seen.features.dtype == np.float32
    np.testing.assert_array_equal(seen.features[:, :-1], points.features)
    own = are_atoms(points.features, FEATURES)
    np.testing.assert_array_equal(own, points.features[:, ATOM_TYPES.index("occupancy")])
    np.testing.assert_array_equal(seen.features[own, -1], ALL[0](atoms.b_factor[atoms.heavy]))
    assert seen.features[own, -1].std() > 0.5 and not seen.features[~own, -1].any()
    assert with_flexibility(seen, ALL[0]) is seen and with_flexibility(points, None) is points
    assert not with_flexibility(replace(points, b_factor=None), ALL[0]).features[:, -1].any()


def test_a_residue_taken_away_leaves_the_flexibility_of_others():
    """What stays keeps its features, its B column and its source, in order."""
    structure = read_structure(DEMO)
    atoms = structure.atoms[structure.atoms.kind == 0]
    points = with_flexibility(receptor_points(atoms, "x-ray"), ALL[0])
    points = replace(points, radius=np.arange(len(points)))  # tells which is which
    left = without_residue(points, atoms, int(atoms.residue[40]))
    kept = left.radius
    assert len(kept) < len(points) and left.experiment == "x-ray"
    np.testing.assert_array_equal(left.features, points.features[kept])
    np.testing.assert_array_equal(left.b_factor, points.b_factor[kept])


# ------------------------------------------------------------------------------------- store, samples, training
def test_samples_have_the_column():
    """A crop's last feature is the voxelized flexibility; the others, and the labels, are as without."""
    item = make_item("a", b_factor=True)
    assert flexible([item], None, TINY)[0] is item
    (seen,) = flexible([item], ALL[0], TINY)
    atoms = item.features[:, 0] > 0
    np.testing.assert_array_equal(seen.flexibility[atoms], ALL[0](item.b_factor[atoms]))
    assert not seen.flexibility[~atoms].any()
    config = SamplingConfig(crop_size=16, spacing=1.0, noise=0.3, drop=0.3)
    x, y = Sampler([item], config, NetworkConfig(features=TINY), seed=3).sample(0, 1)
    more, same = Sampler([seen], config, NetworkConfig(features=(*TINY, FLEXIBILITY)), seed=3).sample(0, 1)
    np.testing.assert_array_equal(more[..., :-1], x)
    np.testing.assert_array_equal(same, y)
    assert more[..., -1].min() < -0.2 and more[..., -1].max() > 0.2
    assert not more[..., -1][x[..., 0] == 0].any()


def test_structures_without_a_column_are_unknown():
    (seen,) = flexible([make_item("a")], ALL[0], TINY)
    assert seen.flexibility.shape == (len(seen.coord),) and not seen.flexibility.any()
    with pytest.raises(InputError, match="B columns that vary"):
        fit_normalizer("zscore", [seen], TINY)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A store and a run of two epochs on it that sees flexibility."""
    training = pytest.importorskip("pocketvox.network.train", reason="needs pip install 'pocketvox[train]'")
    root = tmp_path_factory.mktemp("flexible")
    make_store(root / "store.h5", b_factor=True)
    config = TrainConfig.from_dict(tiny_training(root / "store.h5", normalizer="histogram", threads=1))
    training.train(config, root / "run")
    return root / "run", config


def test_training_fits_stores_and_validates_with_it(run):
    """The run folder tells features and normalizer, fitted to training structures; validation needs it too."""
    from pocketvox.network.validation import validation_sampler

    folder, config = run
    stored = TrainConfig.from_file(folder / "config.json")
    assert stored.normalizer == "histogram" and stored.network.features == (*TINY, FLEXIBILITY)
    store = Store(config.store)
    normalizer = run_normalizer(folder, stored)
    assert normalizer == fit_normalizer("histogram", store.load("train"), TINY)
    assert normalizer != fit_normalizer("histogram", store.load("val"), TINY)
    items = validation_sampler(store, stored, normalizer).items
    assert len(items) == 2 and all(item.flexibility.any() for item in items)
    assert len((folder / "log.jsonl").read_text().splitlines()) == 2


def test_a_run_goes_on_with_its_normalizer_and_no_other(run):
    from pocketvox.network.train import train

    folder, config = run
    path = folder / "normalizer.json"
    before = path.read_text()
    path.write_text(json.dumps(HISTOGRAM.to_dict()))
    assert train(config, folder) == {} and Normalizer.from_file(path) == HISTOGRAM
    path.write_text(before)
    for other in ("", "zscore"):
        with pytest.raises(ConfigError, match="other values of.*normalizer"):
            train(replace(config, normalizer=other), folder)
    with pytest.raises(ConfigError, match=r"Cannot read the configuration .*normalizer\.json"):
        run_normalizer(folder.parent, config)


def test_other_columns_are_measured(run, tmp_path):
    """A row per column: the score is that of the column, and a removed column is an unknown one."""
    from data_prep import normalization

    folder, config = run
    assert normalization.main([str(folder), "-o", str(tmp_path / "n.json"), "--crops", "4"]) == 0
    (table,) = json.loads((tmp_path / "n.json").read_text())["tables"]
    rows = {row["label"]: row["value"] for row in table["rows"]}
    assert tuple(rows) == tuple(normalization.COLUMNS) and "`histogram`" in table["text"]
    best = json.loads((folder / "best.json").read_text())
    assert rows["as it is"]["val_loss"] == pytest.approx(best["val_loss"], rel=1e-3)
    assert len({value["val_score"] for value in rows.values()}) == len(rows)


def test_exchanged_columns_are_what_they_are_called():
    from data_prep.normalization import COLUMNS, exchanged

    item = make_item("a", b_factor=True)
    item.b_factor[np.flatnonzero(item.features[:, 0])[0]] = 999.99
    atoms = (item.features[:, 0] > 0) & (item.b_factor < 999)
    made = {name: exchanged(item, TINY, name, np.random.default_rng(0)) for name in COLUMNS}
    for other in made.values():
        np.testing.assert_array_equal(other.b_factor[~atoms], item.b_factor[~atoms])
    b, found = item.b_factor[atoms], {name: other.b_factor[atoms] for name, other in made.items()}
    np.testing.assert_array_equal(found["as it is"], b)
    assert not found["removed"].any()
    np.testing.assert_allclose(found["as from cryo-EM"], 3 * b + 40, rtol=1e-6)
    assert made["as from cryo-EM"].experiment == "cryo-em" and made["as confidence"].experiment == "predicted"
    confidence = found["as confidence"]
    assert (np.diff(confidence[np.argsort(b)]) < 0).all() and 30 < confidence.min() < 40 < 95 < confidence.max() <= 98
    np.testing.assert_array_equal(np.sort(found["shuffled among atoms"]), np.sort(b))
    assert (found["shuffled among atoms"] != b).mean() > 0.9
    assert exchanged(make_item("a"), TINY, "removed", np.random.default_rng(0)).b_factor is None


# -------------------------------------------------------------------------------------------------------------- presets
@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """A small network with random weights that sees flexibility."""
    pytest.importorskip("keras", reason="needs pip install 'pocketvox[train]'")
    from pocketvox.network.unet import build_unet

    folder = tmp_path_factory.mktemp("models")
    network = {"features": [*FEATURES, FLEXIBILITY], "filters": [4, 8], "blocks": [1, 1]}
    config = PresetConfig.from_dict(
        {"network": network, "spacing": 1.0, "roi_size": 32, "halo": 4, "normalizer": HISTOGRAM.to_dict()}
    )
    rng = np.random.default_rng(0)
    model = build_unet(config.network)
    shapes = [w.shape for w in model.get_weights()]
    model.set_weights([rng.normal(0, 0.3, s) if len(s) > 1 else rng.uniform(0.5, 1.5, s) for s in shapes])
    model.save_weights(folder / "w.weights.h5")
    return save_preset(folder / "loose-1", config, folder / "w.weights.h5", training={}, metrics={}, card="# Loose\n")


@pytest.fixture(scope="module")
def points():
    """A hundred atoms and the points that they offer, in a line of boxes."""
    rng = np.random.default_rng(2)
    features = np.zeros((160, len(FEATURES)), bool)
    features[:100, 0] = True
    features[:, 1:] = rng.random((160, len(FEATURES) - 1)) < 0.2
    features[100:, : len(ATOM_TYPES)] = False
    coord, column = rng.uniform(-6, 6, (160, 3)).astype(np.float32), rng.gamma(4, 6, 160).astype(np.float32)
    return FeaturePoints(coord, features, np.full(160, 1.7, np.float32), b_factor=column, experiment="x-ray")


def test_a_preset_keeps_its_normalizer(preset):
    assert load_preset(preset.folder).config.normalizer == HISTOGRAM
    assert preset.features == (*FEATURES, FLEXIBILITY)


def test_a_release_carries_it_over(tmp_path, monkeypatch):
    """The preset of a run on the bundled complex has the run's normalizer; what pockets it knows is left out."""
    training = pytest.importorskip("pocketvox.network.train", reason="needs pip install 'pocketvox[train]'")
    from data_prep import build, release
    from data_prep.sources import Source

    made = read_complex(DEMO)
    with create_store(tmp_path / "store.h5", FEATURES, {}) as h5:
        for split in ("train", "val"):
            item = build.make_item(
                Source(split, "", clusters=(split,), split=split), made, np.empty((0, 3), np.float32)
            )
            unseen = dict.fromkeys(("ligand_site_coord", "ligand_site_features", "descriptors", "ligand_site_group"))
            write_item(h5, replace(item, **unseen, ligand_site_radius=None))
    training.train(
        TrainConfig.from_dict(tiny_training(tmp_path / "store.h5", normalizer="histogram")), tmp_path / "run"
    )
    monkeypatch.setattr(release, "training_domain", lambda *arguments: None)
    out = tmp_path / "loose-2"
    assert release.main([str(tmp_path / "run"), "-o", str(out), "--roi-size", "32", "--halo", "4"]) == 0
    released = load_preset(out)
    assert released.config.normalizer == Normalizer.from_file(tmp_path / "run" / "normalizer.json")
    assert released.features == (*FEATURES, FLEXIBILITY)


def test_engines_agree_and_see_the_column(preset, points):
    """Another B column, another source, or none gives another map; that of both engines is the same."""
    grid = Grid.centred((0, 0, 0), 16, 1.0)
    maps = {
        engine: load_predictor(preset.folder, engine=engine, threads=1)(points, grid)
        for engine in ("openvino", "keras")
    }
    np.testing.assert_allclose(maps["openvino"].values, maps["keras"].values, atol=1e-4)
    predictor = load_predictor(preset.folder, threads=1)
    others = [
        replace(points, b_factor=points.b_factor[::-1].copy()),
        replace(points, experiment="predicted"),
        replace(points, b_factor=None),
    ]
    for other in others:
        assert np.abs(predictor(other, grid).values - maps["openvino"].values).max() > 1e-3
    zeros = replace(points, b_factor=np.zeros(len(points), np.float32), experiment="nmr")
    np.testing.assert_array_equal(predictor(zeros, grid).values, predictor(others[2], grid).values)


def test_a_scan_tells_the_network_what_experiment_it_was(preset):
    """The bundled crystal structure, and the same taken for a prediction: its column is turned round."""
    structure = read_structure(DEMO)
    seen = []

    class Noting(Predictor):
        def __call__(self, points, *args, **kwargs):
            seen.append(points)
            return super().__call__(points, *args, **kwargs)

    loaded = load_predictor(preset.folder, threads=1)
    region = {"center": (-10.4, 18.1, 28.0), "size": 10.0, "predictor": Noting(loaded.preset, loaded.engine)}
    maps = [scan(made, **region).maps.values for made in (structure, replace(structure, predicted=True))]
    assert [points.experiment for points in seen] == ["x-ray", "predicted"]
    assert np.abs(maps[0] - maps[1]).max() > 1e-3


def test_explanations_see_it(preset):
    """Gradients sum to the value's difference to an empty grid, flexibility's part among them; occlusion runs."""
    from pocketvox.explain import Explainer, point_target

    structure = read_structure(DEMO)
    atoms = structure.atoms[structure.atoms.kind == 0]
    points = receptor_points(atoms, "x-ray")
    explainer = Explainer(preset, threads=1)
    target = point_target(preset, Grid.centred((-10.4, 18.1, 28.0), 24, 1.0), (-10.4, 18.1, 28.0), CHANNELS[0])
    found = explainer(atoms, points, target, "integrated")
    assert abs(found.residual) < 0.05 and found.features[FLEXIBILITY] != 0
    assert explainer(atoms, points, target, "occlusion").value == pytest.approx(found.value, abs=1e-3)
    assert explainer.value(points, target) == pytest.approx(found.value, abs=1e-3)
    assert explainer.features(points, target)[..., -1].any()


def test_normalizer_and_feature_come_together(preset):
    with pytest.raises(ConfigError, match="normalizer with the feature 'flexibility'.*Received: none"):
        replace(preset.config, normalizer=None)
    with pytest.raises(ConfigError, match="Received: zscore"):
        PresetConfig(network=NetworkConfig(features=FEATURES), spacing=1.0, normalizer=Normalizer("zscore"))


def test_configurations_without_one_stay_as_they_were():
    """Those of all shipped presets, as their files have them."""
    files = sorted((ROOT / "models").glob("*/config.json"))
    assert files
    for path in files:
        data = json.loads(path.read_text())
        config = PresetConfig.from_dict(data)
        assert config.normalizer is None and "normalizer" not in config.to_dict()
        assert (
            load_preset(path.parent).fingerprint
            == json.loads((path.parent / "metadata.json").read_text())["fingerprint"]
        )


def test_the_methods_are_those_of_the_configuration():
    assert tuple(n.method for n in ALL) == NORMALIZERS
