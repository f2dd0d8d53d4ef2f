"""The command behind the model card: labels, pooling, pockets and tables, on hand-made structures."""

import json
from pathlib import Path

import numpy as np
import pytest

import pocketvox
from benchmarks import first_numbers, map_scores, pocket_scores, tables
from benchmarks.map_scores import MODEL, RULE_FIELD, LigandVoxels
from benchmarks.pocket_scores import Pockets
from data_prep.sources import Source
from pocketvox.channels import CHANNELS, CORE, ENVELOPE_RADIUS, LIGAND, TYPED
from pocketvox.config import NetworkConfig
from pocketvox.data.store import Store, StoreItem, create_store, write_item
from pocketvox.errors import ConfigError, InputError
from pocketvox.features import FEATURES, receptor_points
from pocketvox.inference import Predictor, presets
from pocketvox.metrics import ScoreHistogram
from pocketvox.pipeline import prepare
from pocketvox.voxel import Grid, Volume, label_volume

SPACING = 0.75
DEMO = Path(pocketvox.__file__).parent / "demo" / "1hvr.pdb.gz"


def make_item(id="a", split="val", clusters=("C1",), shift=0.0):
    """Two ligands of six atoms in a row, 20 A apart, over a receptor that offers every core type."""
    rng = np.random.default_rng(int.from_bytes(id.encode(), "big"))
    row = np.stack([1.4 * np.arange(6), np.zeros(6), np.zeros(6)], axis=1)
    ligand = np.concatenate([row, row + [0, 20, 0]]) + shift
    receptor = rng.uniform(-4, 12, (60, 3)) - [0, 0, 9] + shift
    features = np.zeros((60, len(FEATURES)), np.uint8)
    features[:, FEATURES.index("occupancy")] = 1
    features[np.arange(60), rng.integers(1, len(FEATURES), 60)] = 1
    channel = np.tile(np.arange(len(CORE)), 2)
    return StoreItem(
        id=id,
        split=split,
        clusters=clusters,
        source="made by hand",
        coord=receptor.astype("f4"),
        features=features,
        radius=np.full(60, 1.7, "f4"),
        ligand_coord=ligand.astype("f4"),
        ligand_group=np.repeat([0, 1], 6).astype("i4"),
        ligand_names=("A:LIG 1", "A:LIG 2"),
        point_coord=ligand[[0, 1, 3, 5, 6, 8, 9, 11]].astype("f4"),
        point_channel=channel.astype("u1"),
        point_group=np.repeat([0, 1], 4).astype("i4"),
        ignored_coord=np.empty((0, 3), "f4"),
        surface_coord=np.empty((0, 3), "f4"),
    )


def oracle(item):
    """The label volume as a map, over receptor and ligands."""
    grid = Grid.around(np.concatenate([item.coord, item.ligand_coord]), 6.0, SPACING)
    labels = label_volume(item.point_coord, item.point_channel, item.ligand_coord, grid)
    return Volume(labels.values.astype(np.float32), grid, labels.channels)


def ligands_of(item, volume=None):
    return map_scores.ligand_voxels(item, FEATURES, SPACING, volume)


def test_oracle_scores_one_and_rule_field_less():
    """A map that equals the labels has average precision and Jaccard 1 on every core channel; the rule field not."""
    item = make_item()
    ligands = ligands_of(item, oracle(item))
    scores = map_scores.score(ligands, map_scores.choose_thresholds(ligands))
    assert scores["voxels_outside_map"] == 0
    for name in CORE:
        values = scores["channels"][name]["methods"]
        assert values[MODEL]["average_precision"] == values[MODEL]["best_jaccard"] == values[MODEL]["jaccard"] == 1.0
        assert 0 < values[RULE_FIELD]["average_precision"] < 1
    assert scores["summary"][MODEL]["headline"] == 1.0
    assert scores["ratios"]["core_best_jaccard"] == pytest.approx(
        1 / scores["summary"][RULE_FIELD]["core_best_jaccard"]
    )


def test_voxels_are_those_of_the_envelope():
    """Every scored voxel is within the envelope of its own ligand, and as many as a count by distance gives."""
    item = make_item()
    for group, ligand in enumerate(ligands_of(item)):
        atoms = item.ligand_coord[item.ligand_group == group].astype(float)
        steps = [np.arange(np.floor(low / SPACING) - 4, np.ceil(high / SPACING) + 5) * SPACING
                 for low, high in zip(atoms.min(0), atoms.max(0), strict=True)]  # fmt: skip
        lattice = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
        near = np.linalg.norm(lattice[:, None] - atoms, axis=2).min(axis=1) <= ENVELOPE_RADIUS + 1e-6
        assert len(ligand.labels) == near.sum() > 100


def test_map_shifted_by_one_voxel_loses():
    """The map is read at the right voxels: one voxel off, the oracle no longer scores 1."""
    item = make_item()
    volume = oracle(item)
    shifted = Volume(np.roll(volume.values, 1, axis=0), volume.grid, volume.channels)
    ligands = ligands_of(item, shifted)
    best = map_scores.score(ligands, map_scores.choose_thresholds(ligands))["summary"][MODEL]["core_best_jaccard"]
    assert 0.1 < best < 0.9


def test_voxels_outside_the_map_score_zero_and_are_counted():
    """A map that ends before the ligand gives nothing there; the voxels are still scored."""
    item = make_item()
    volume = oracle(item)
    cut = int(volume.grid.to_index(item.ligand_coord[:1])[0, 0]) + 2
    part = Volume(volume.values[:cut], volume.grid.window((0, 0, 0), (cut, *volume.grid.shape[1:])), volume.channels)
    whole, ligand = ligands_of(item, volume)[0], ligands_of(item, part)[0]
    assert len(ligand.labels) == len(whole.labels)
    assert 0 < ligand.outside < len(ligand.labels)
    assert ligand.scores[MODEL].sum() < whole.scores[MODEL].sum()


def test_map_on_another_lattice_is_refused():
    """A map whose voxels lie between those that are labelled would be scored half a voxel off."""
    item = make_item()
    volume = oracle(item)
    grid = Grid(tuple(v + 0.3 for v in volume.grid.origin), volume.grid.shape, SPACING)
    with pytest.raises(ValueError, match="lattice"):
        ligands_of(item, Volume(volume.values, grid, volume.channels))


def made(labels, scores, clusters):
    """Voxels with the same labels and scores in every core channel."""
    y = np.zeros((len(labels), len(TYPED)), bool)
    y[:, : len(CORE)] = np.array(labels, bool)[:, None]
    p = np.repeat(np.array(scores, np.float32)[:, None], len(CORE), axis=1)
    return LigandVoxels("x", "L", clusters, y, {MODEL: p, RULE_FIELD: p}, {MODEL: CORE, RULE_FIELD: CORE})


def test_pooled_and_macro_by_hand():
    """Pooled: 2 hits of 4 in the union. By family: 1/1 and 1/3, mean 2/3; one without positives has none."""
    first = made([1, 0], [0.9, 0.1], ("A",))
    second = made([1, 1, 0], [0.8, 0.2, 0.7], ("B",))
    thresholds = {m: dict.fromkeys((*CORE, "hbond"), 0.5) for m in (MODEL, RULE_FIELD)}
    scores = map_scores.score([first, second, made([0], [0.3], ("C",))], thresholds)
    values = scores["channels"]["hydrophobic"]["methods"][MODEL]
    assert values["jaccard"] == pytest.approx(2 / 4)
    assert values["average_precision"] == pytest.approx((1 + 1 + 3 / 5) / 3)
    assert values["macro"] == {
        "clusters": 2,
        "average_precision": pytest.approx((1 + (1 + 2 / 3) / 2) / 2),
        "jaccard": pytest.approx((1 + 1 / 3) / 2),
    }


def test_hydrogen_bond_class_is_the_union():
    """The class is on where donor or acceptor is; its probability is 1 - (1 - d)(1 - a)."""
    y = np.zeros((3, len(TYPED)), bool)
    y[0, TYPED.index("hbond_donor")] = y[1, TYPED.index("hbond_acceptor")] = True
    p = np.array([[0.5, 0.5, 0, 0], [0, 0.5, 0, 0], [0, 0, 1, 1]], np.float32)
    ligand = LigandVoxels("x", "L", (), y, {MODEL: p}, {MODEL: CORE})
    assert ligand.truth("hbond").tolist() == [True, True, False]
    assert ligand.column(MODEL, "hbond") == pytest.approx([0.75, 0.5, 0.0])


def test_threshold_comes_from_the_other_split():
    """A threshold chosen on one set is used as it is on the other, where it need not be the best."""
    chosen = map_scores.choose_thresholds([made([1, 1, 0], [0.8, 0.6, 0.2], ("A",))])
    assert chosen[MODEL]["hydrophobic"] == pytest.approx(0.4)
    scores = map_scores.score([made([1, 1, 0], [0.8, 0.3, 0.2], ("B",))], chosen)
    values = scores["channels"]["hydrophobic"]["methods"][MODEL]
    assert values["jaccard"] == pytest.approx(1 / 2)
    assert values["best_jaccard"] == 1.0


def test_ligand_channel_leaves_out_additives():
    """Voxels near an additive are unknown, unless a ligand atom is there."""
    item = make_item()
    volume = oracle(item)
    everything, known = ScoreHistogram(), ScoreHistogram()
    map_scores.add_ligand_channel(everything, item, volume)
    additive = StoreItem(**{**vars(item), "ignored_coord": item.ligand_coord[:1] + np.float32([0, 0, 2.6])})
    map_scores.add_ligand_channel(known, additive, volume)
    assert everything.count == volume.values[..., 0].size
    assert everything.average_precision() == known.average_precision() == 1.0
    assert 0 < everything.count - known.count < 4 / 3 * np.pi * 2.6**3 / SPACING**3
    assert everything.positives.sum() == known.positives.sum() == volume[LIGAND].values.sum()


def test_pocket_rates_by_hand():
    """Structure a (family A): 1 of 2 ligands; b (family B): none predicted, counted as 0 of 2."""
    items = [make_item("a", clusters=("A",)), make_item("b", clusters=("B",))]
    scores = pocket_scores.score(
        items, {"a": Pockets(np.array([[3.5, 3.9, 0], [50, 0, 0], [50, 0, 0], [3.5, 20, 0], [3.5, 0, 0]]))}
    )
    assert scores["top_n"] == {"ligands": 0.25, "structures": 0.25, "clusters": 0.25}
    assert scores["top_n_plus_2"]["ligands"] == 0.5
    assert scores["failed"] == {"b": "no prediction"}
    assert scores["entries"]["a"] == {"top_n": [True, False], "top_n_plus_2": [True, True]}


def test_fpocket_is_read_in_order_of_rank(tmp_path):
    """Rows may come in any order; rank decides."""
    file = tmp_path / "fpocket.csv"
    file.write_text("id,kind,rank,score,x,y,z\na,entry,10,0,1,1,1\na,entry,2,0,2,2,2\na,complex,1,0,3,3,3\n")
    found = pocket_scores.read_fpocket(file)
    assert found["a", "entry"].tolist() == [[2, 2, 2], [1, 1, 1]]
    assert found["a", "complex"].tolist() == [[3, 3, 3]]


def test_fpocket_with_a_missing_column_is_refused(tmp_path):
    """The message names the column."""
    file = tmp_path / "fpocket.csv"
    file.write_text("id,kind,rank,x,y\n")
    with pytest.raises(InputError, match="'z'"):
        pocket_scores.read_fpocket(file)


@pytest.fixture
def data(tmp_path):
    """A store of three structures, a manifest that knows them, and fpocket's pockets for one of two test structures."""
    items = [make_item("v", "val"), make_item("t", "test", ("T",)), make_item("u", "test", ("U",), shift=1.0)]
    with create_store(tmp_path / "store.h5", FEATURES, {"made": "by hand"}) as h5:
        for item in items:
            write_item(h5, item)
    rows = ["id,kind,path,split,pocket_clusters", "v,entry,v.cif,val,C1", "t,entry,t.cif,test,T"]
    (tmp_path / "manifest.csv").write_text("\n".join([*rows, "u,complex,complexes/u,test,U"]) + "\n")
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / "fpocket.csv").write_text("id,kind,rank,x,y,z\nu,complex,1,4.5,1,1\n")
    return tmp_path


def test_baselines_only_command(data):
    """The whole command without a preset: JSON without NaN, tables, both subsets, fpocket's failure counted."""
    out = data / "results.json"
    options = ["--baselines-only", "--store", str(data / "store.h5"), "--data", str(data), "-o", str(out)]
    assert first_numbers.main(options) == 0
    results = json.loads(out.read_text(), parse_constant=pytest.fail)
    assert results["maps"]["all ligands"]["ligands"] == 4
    assert results["maps"]["prepared complexes"]["ligands"] == 2
    assert results["pockets"]["fpocket"]["top_n"]["ligands"] == 0.25
    assert results["pockets"]["fpocket"]["failed"] == {"t": "no prediction"}
    assert len(results["per_ligand"]) == 4
    assert "| pi_stacking | " in out.with_suffix(".md").read_text()


def test_json_has_no_nan():
    """An undefined score is null, at any depth."""
    received = first_numbers.as_json({"a": [float("nan"), (1.5, float("inf"))], "b": True})
    assert received == {"a": [None, [1.5, None]], "b": True}


def test_command_with_a_missing_store_is_an_error(data, capsys):
    """Exit code 1, and no file."""
    out = data / "results.json"
    assert first_numbers.main(["--baselines-only", "--store", str(data / "none.h5"), "-o", str(out)]) == 1
    assert not out.exists()


def test_split_is_scored_with_a_predictor(data):
    """Maps, pockets and the ligand channel of the oracle: everything is 1."""

    def predict(item):
        return oracle(item), Pockets(item.ligand_coord[[2, 8]])

    store = Store(data / "store.h5")
    validation = first_numbers.evaluate(store, "val", predict, SPACING)
    test = first_numbers.evaluate(store, "test", predict, SPACING)
    thresholds = map_scores.choose_thresholds(validation.ligands)
    results = first_numbers.map_results(test, thresholds, {"u"})
    assert results["all ligands"]["summary"][MODEL]["headline"] == 1.0
    assert first_numbers.ligand_channel(validation.histogram, test.histogram)["jaccard"] == 1.0
    assert pocket_scores.score(test.items, test.pockets)["top_n"]["ligands"] == 1.0


def test_limit_spreads_over_the_split(data):
    """``--limit 1`` takes one structure."""
    assert len(first_numbers.evaluate(Store(data / "store.h5"), "test", None, SPACING, limit=1).items) == 1


@pytest.fixture
def results(data):
    out = data / "results.json"
    options = ["--baselines-only", "--store", str(data / "store.h5"), "--data", str(data), "-o", str(out)]
    first_numbers.main(options)
    return json.loads(out.read_text())


@pytest.fixture
def preset(tmp_path):
    """A preset folder as save_preset lays it out, with weights that are never loaded."""
    folder = tmp_path / "made-v1"
    folder.mkdir()
    config = presets.PresetConfig(NetworkConfig(features=FEATURES), SPACING)
    (folder / presets.CONFIG).write_text(json.dumps(config.to_dict()))
    (folder / presets.WEIGHTS).write_bytes(b"weights")
    (folder / presets.CARD).write_text("# Card\n")
    presets._write_metadata(folder, {"epochs": 3}, {"loss": 0.5})
    return presets.load_preset(folder)


def local_engine(x):
    """A network that looks at one voxel: 0.6 at most, where atoms are thinly spread, and 0 where there is none."""
    density = np.minimum(x.sum(axis=-1, keepdims=True), 1.0)
    return np.repeat(2.4 * density * (1 - density), len(CHANNELS), axis=-1).astype(np.float32)


@pytest.fixture
def demo_item():
    """The bundled complex as a store would hold it."""
    parts = prepare(DEMO, spacing=SPACING)
    points = receptor_points(parts.receptor)
    ligand = parts.structure.atoms.coord[parts.ligands[0]]
    fields = vars(make_item("4cup", "test"))
    fields |= {"coord": points.coord, "features": points.features.astype("u1"), "radius": points.radius}
    fields |= {"ligand_coord": ligand, "ligand_group": np.zeros(len(ligand), "i4"), "ligand_names": ("A:ZYB 1",)}
    return StoreItem(**fields | {"point_coord": ligand[:1], "point_channel": [0], "point_group": [0]})


def test_scan_and_store_give_one_map(preset, demo_item):
    """From the structure's file, as a user scans it, and from the store's points: the same values around the ligand."""
    predictor = Predictor(preset, local_engine)
    scanned, pockets = first_numbers.Scanner(predictor, {"4cup": Source("4cup", str(DEMO))})(demo_item)
    stored, none = first_numbers.Scanner(predictor, {})(demo_item)
    assert none is None and pockets.error == "" and pockets.seconds > 0
    values = [ligands_of(demo_item, volume)[0].scores[MODEL] for volume in (scanned, stored)]
    assert np.ptp(values[0]) > 0.1
    np.testing.assert_allclose(values[0], values[1], atol=1e-5)


def test_structure_that_cannot_be_scanned_is_a_failure(preset, demo_item, tmp_path):
    """Its pockets are missing, with the reason; its map comes from the store."""
    scanner = first_numbers.Scanner(
        Predictor(preset, local_engine), {"4cup": Source("4cup", str(tmp_path / "none.cif"))}
    )
    volume, pockets = scanner(demo_item)
    assert "none.cif" in pockets.error
    assert volume.values.max() > 0
    assert pocket_scores.score([demo_item], {"4cup": pockets})["failed"] == {"4cup": pockets.error}


def test_card_is_updated_in_place(results, preset):
    """The tables replace those of an earlier run; what stands around them, and other metadata, stays."""
    results["preset"] = {"name": preset.name, "fingerprint": preset.fingerprint, "engine": "openvino"}
    card = preset.folder / presets.CARD
    tables.update_card(preset.folder, results)
    once = card.read_text()
    presets.annotate_preset(preset.folder, metrics=presets.load_preset(preset.folder).metadata["metrics"],
                            card=once + "After.\n")  # fmt: skip
    tables.update_card(preset.folder, results)
    assert card.read_text() == once + "After.\n"
    assert once.startswith("# Card\n") and once.count(tables.BEGIN) == 1
    metadata = presets.load_preset(preset.folder).metadata
    assert metadata["training"] == {"epochs": 3} and metadata["metrics"]["loss"] == 0.5
    assert metadata["metrics"]["first_numbers"]["split"] == "test"
    assert "per_ligand" not in metadata["metrics"]["first_numbers"]


def test_card_of_another_preset_is_refused(results, preset):
    """Numbers go only to the preset they were computed with."""
    with pytest.raises(ConfigError, match="fingerprint"):
        tables.update_card(preset.folder, results)
    assert (preset.folder / presets.CARD).read_text() == "# Card\n"


def test_channels_cover_the_vocabulary(results):
    """Every typed channel has a row, also those no method gives."""
    assert set(results["maps"]["all ligands"]["channels"]) == set(TYPED) == set(CHANNELS) - {LIGAND}
    assert "| metal | 0 |" in tables.render(results)
