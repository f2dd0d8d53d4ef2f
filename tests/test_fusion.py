"""Networks that see the ligand: its feature points, descriptors, role masks, and the family of fusions."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import DEMO
from rdkit import Chem
from rdkit.Chem import AllChem
from scipy.spatial.distance import cdist
from store_fixture import FEATURES as FEW
from store_fixture import make_item, tiny_training

from data_prep.build import make_item as built_item
from data_prep.sources import Source
from pocketvox.channels import CHANNELS, LABEL_RADIUS, TYPED
from pocketvox.config import CONTACTS, FUSIONS, NetworkConfig, SamplingConfig, TrainConfig
from pocketvox.data import Sampler
from pocketvox.data.ligands import with_ligands
from pocketvox.data.store import Store, create_store, write_item
from pocketvox.descriptors import DESCRIPTORS, describe, experiment
from pocketvox.errors import ConfigError, InputError
from pocketvox.features import (
    FEATURES,
    HBOND_LENGTH,
    LIGAND_FEATURES,
    b_factors,
    ligand_points,
    receptor_points,
    together,
)
from pocketvox.interactions.sites import ligand_sites
from pocketvox.structure import read_complex
from pocketvox.structure.atoms import Ligand, Structure
from pocketvox.voxel import Grid, label_volume, network_input
from pocketvox.voxel.constraints import PROXIMITY, ROLES, SLACK
from pocketvox.voxel.contacts import KINDS, PARTNERS

NETWORK = NetworkConfig(
    features=FEATURES + LIGAND_FEATURES, channels=TYPED, descriptors=DESCRIPTORS, fusion="early", constraints=("roles",)
)


@pytest.fixture(scope="module")
def demo():
    return read_complex(DEMO)


def molecule(smiles: str, hydrogens: bool = False) -> Ligand:
    """A ligand of one conformer, its heavy atoms first."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(mol, randomSeed=7)
    if not hydrogens:
        mol = Chem.RemoveHs(mol)
    heavy = [a.GetIdx() for a in mol.GetAtoms() if a.GetAtomicNum() > 1]
    coord = mol.GetConformer().GetPositions()[heavy].astype(np.float32)
    return Ligand("x", mol, coord, tuple("x" * len(heavy)), "file")


def of(ligand: Ligand, name: str) -> np.ndarray:
    points = ligand_points(ligand)
    return points.coord[points.features[:, LIGAND_FEATURES.index(name)]]


# --------------------------------------------------------------------------------------------------------------- points
def test_a_ligand_shows_its_atoms_and_what_they_offer():
    """p-Chlorobenzoate with an ammonium tail: roles counted by hand; ring faces on both sides."""
    ligand = molecule("[O-]C(=O)c1ccc(Cl)c(CC[NH3+])c1")
    points = ligand_points(ligand)
    count = dict(zip(LIGAND_FEATURES, points.features.sum(axis=0).tolist(), strict=True))
    assert count["ligand"] == 13 and count["ligand_aromatic"] == 6
    assert (count["ligand_negative"], count["ligand_negative_center"]) == (2, 1)
    assert (count["ligand_positive"], count["ligand_positive_center"]) == (1, 1)
    assert (count["ligand_halogen"], count["ligand_hbond_donor"], count["ligand_hbond_acceptor"]) == (1, 1, 2)
    assert (count["ligand_ring_center"], count["ligand_ring_site"], count["ligand_acceptor_site"]) == (1, 2, 4)
    ring = ligand.coord[points.features[:13, LIGAND_FEATURES.index("ligand_aromatic")]]
    np.testing.assert_allclose(of(ligand, "ligand_ring_center")[0], ring.mean(axis=0), atol=1e-4)
    assert (points.features.sum(axis=1)[13:] == 1).all() and len(points.parents) == len(points)


def test_given_hydrogens_say_which_way_a_ligand_donates():
    """Along O-H if the hydrogen is there; else, of an alcohol, the three staggered ways."""
    given, implied = molecule("CCO", hydrogens=True), molecule("CCO")
    sites = ligand_sites(given)
    (oxygen,) = np.flatnonzero(sites.donor > 0)
    (point,) = of(given, "ligand_donor_site")
    along = sites.hydrogens[oxygen, 0] - sites.coord[oxygen]
    expected = sites.coord[oxygen] + HBOND_LENGTH * along / np.linalg.norm(along)
    np.testing.assert_allclose(point, expected, atol=1e-4)
    assert len(of(implied, "ligand_donor_site")) == 3


def test_points_of_both_sides_keep_to_their_columns(demo):
    receptor, ligand = receptor_points(demo.receptor), ligand_points(demo.ligands[0])
    both = together(receptor, ligand)
    assert both.features.shape == (len(receptor) + len(ligand), len(FEATURES) + len(LIGAND_FEATURES))
    assert not both.features[: len(receptor), len(FEATURES) :].any()
    assert not both.features[len(receptor) :, : len(FEATURES)].any()
    assert both.features.sum() == receptor.features.sum() + ligand.features.sum()


def test_points_have_the_b_factors_of_their_atoms(demo):
    points = receptor_points(demo.receptor)
    found = b_factors(points, demo.receptor.b_factor)
    atoms = demo.receptor.heavy.sum()
    np.testing.assert_array_equal(found[:atoms], demo.receptor.b_factor[demo.receptor.heavy])
    ring = int(np.flatnonzero(points.features[:, FEATURES.index("ring_center")])[0])
    parents = points.parents[ring][points.parents[ring] >= 0]
    assert len(parents) in (5, 6) and found[ring] == pytest.approx(demo.receptor.b_factor[parents].mean())


# ---------------------------------------------------------------------------------------------------------- descriptors
def test_descriptors_of_a_known_complex(demo):
    ligand = demo.ligands[0]
    values = describe(ligand, ligand_points(ligand), receptor_points(demo.receptor), demo.structure)
    named = dict(zip(DESCRIPTORS, values.tolist(), strict=True))
    heavy = demo.receptor.coord[demo.receptor.heavy]
    lining = (cdist(heavy, ligand.coord) <= 6.0).any(axis=1).sum()
    assert named["heavy_atoms"] == len(ligand.coord) == 46
    assert named["pocket_occupancy"] == lining
    assert named["burial"] == pytest.approx((cdist(heavy, ligand.coord) <= 8.0).sum(axis=0).mean(), rel=1e-6)
    assert named["aromatic_rings"] == len(ligand_sites(ligand).rings)
    assert np.isfinite(values).all()


@pytest.mark.parametrize(
    ("method", "predicted", "expected"),
    [
        ("X-RAY DIFFRACTION", False, "x-ray"),
        ("ELECTRON MICROSCOPY", False, "cryo-em"),
        ("SOLUTION NMR", False, "nmr"),
        ("NMR, 20 STRUCTURES", False, "nmr"),
        ("ELECTRON CRYSTALLOGRAPHY", False, ""),
        ("", False, ""),
        ("", True, "predicted"),
    ],
)
def test_experiments_are_told_apart(demo, method, predicted, expected):
    assert experiment(Structure("x", demo.structure.atoms, method=method, predicted=predicted)) == expected


# ---------------------------------------------------------------------------------------------------------------- masks
def test_role_masks_are_the_spheres_of_roles_and_hide_no_label(demo):
    """By distances: allowed within 1.25 A of a role, nowhere else; every label of the real complex is allowed."""
    item = built_item(Source("demo", "", clusters=("c",), split="val"), demo, np.empty((0, 3), np.float32))
    one = with_ligands([item])[0]
    grid = Grid.around(one.ligand_coord, 3.0, 0.75)
    x = network_input(one.coord, one.features, one.radius, grid, NETWORK, one.descriptors[0])
    forbidden = x[..., -len(TYPED) :] > 0
    voxels = grid.to_coord(np.argwhere(np.ones(grid.shape)))
    for k, channel in enumerate(TYPED):
        columns = [NETWORK.features.index(name) for name in ROLES[channel]]
        roles = one.coord[one.features[:, columns].any(axis=1)]
        nearest = cdist(voxels, roles).min(axis=1) if len(roles) else np.full(len(voxels), np.inf)
        allowed = ~forbidden[..., k].ravel()
        assert allowed[nearest <= LABEL_RADIUS].all()
        assert not allowed[nearest > LABEL_RADIUS + 2 * SLACK].any()
    labels = label_volume(one.point_coord, one.point_channel, one.ligand_coord, grid).values[..., : len(TYPED)] > 0
    assert labels.any() and not (labels & forbidden).any()
    described = x[..., NETWORK.parts["descriptors"]]
    assert (described == one.descriptors[0]).all()


def test_proximity_is_the_distance_to_the_nearest_point(demo):
    """By brute force, points of a crop's surroundings included; 0 beyond 6.5 A."""
    names = ("hbond_donor", "hydrophobic", "donor_site")
    network = NetworkConfig(features=FEATURES, proximity=names)
    points = receptor_points(demo.receptor)
    grid = Grid.centred(demo.ligands[0].coord.mean(axis=0), 12, 0.75)
    x = network_input(points.coord, points.features, points.radius, grid, network)
    plain = network_input(points.coord, points.features, points.radius, grid, NetworkConfig(features=FEATURES))
    np.testing.assert_array_equal(x[..., : len(FEATURES)], plain)
    voxels = grid.to_coord(np.argwhere(np.ones(grid.shape)))
    for k, name in enumerate(names, len(FEATURES)):
        distance = cdist(voxels, points.coord[points.features[:, FEATURES.index(name)]]).min(axis=1)
        np.testing.assert_allclose(x[..., k].ravel(), np.maximum(1 - distance / PROXIMITY, 0), atol=1e-5)
        assert 0 < (distance < PROXIMITY).mean()


def test_proximity_to_what_is_no_feature_is_refused():
    network = NetworkConfig(features=FEATURES[:3], proximity=("metal",))
    with pytest.raises(ConfigError, match="metal"):
        network_input(np.zeros((1, 3)), np.ones((1, 3), bool), [1.0], Grid.centred((0, 0, 0), 4, 1.0), network)


def contact_channels(coord, roles, name: str, grid: Grid | None = None) -> np.ndarray:
    """Contact channels of points with one feature each."""
    network = NetworkConfig(features=FEATURES + LIGAND_FEATURES, fusion="early", contacts=(name,))
    features = np.zeros((len(coord), len(network.features)), np.uint8)
    for row, role in enumerate(roles):
        features[row, [network.features.index(r) for r in role.split()]] = 1
    grid = grid or Grid.centred((0, 0, 0), 1, 0.75)  # one voxel, at the origin
    x = network_input(np.array(coord, float), features, np.ones(len(coord)), grid, network)
    return x[..., network.parts["contacts"]]


def test_hydrogen_bonds_are_measured_at_the_donor():
    """N-H along x, its bond opposite; acceptors ahead at 3 A and aside at 4 A; the same seen from the other side."""
    donor = [(0, 0, 0), (-1.4, 0, 0), (2.9, 0, 0)]
    acceptors = [(3, 0, 0), (0, 4, 0)]
    ligand = ("ligand ligand_hbond_donor", "ligand", "ligand_donor_site")
    found = contact_channels(donor + acceptors, (*ligand, "hbond_acceptor", "hbond_acceptor"), "donor").ravel()
    np.testing.assert_allclose(found, [1 - 3 / PROXIMITY, 1, 1, 1 - 4 / PROXIMITY, 0.5, 0.5], atol=1e-5)
    receptor = ("occupancy hbond_donor", "occupancy", "donor_site")
    moved = np.array([*donor, (3, 0, 0)]) - (3, 0, 0)  # the ligand's acceptor at the origin
    found = contact_channels(moved, (*receptor, "ligand ligand_hbond_acceptor"), "acceptor").ravel()
    np.testing.assert_allclose(found, [1 - 3 / PROXIMITY, 1, 1, 0, 0, 0], atol=1e-5)


def test_a_crop_may_cut_a_point_from_its_atom():
    """A hydrogen's point that belongs to another donor does not aim for this one."""
    coord = [(0, 0, 0), (4.9, 0, 0), (3, 0, 0)]
    found = contact_channels(coord, ("ligand ligand_hbond_donor", "ligand_donor_site", "hbond_acceptor"), "donor")
    np.testing.assert_allclose(found.ravel()[:3], [1 - 3 / PROXIMITY, 0.5, 0.0], atol=1e-5)


def test_rings_are_measured_by_distance_and_angles():
    """Parallel at 3.6 A, and a second one edge-on beside it at 5 A: plane, both offsets."""
    turn = np.radians(60.0 * np.arange(6))
    flat = 1.4 * np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=1)
    upright = flat[:, [2, 0, 1]]  # its normal along x
    coord = np.concatenate([[(0, 0, 0)], flat, [(0, 0, 3.6)], flat + [0, 0, 3.6], [(5, 0, 0)], upright + [5, 0, 0]])
    ours, theirs = ["ligand_ring_center"] + ["ligand ligand_aromatic"] * 6, ["ring_center"] + ["occupancy aromatic"] * 6
    found = contact_channels(coord, ours + theirs + theirs, "rings").ravel()
    expected = [1 - 3.6 / PROXIMITY, 1, 1, 1, 1 - 5 / PROXIMITY, 0, 1, 0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_where_contacts_overlap_the_nearer_is_shown(demo):
    """A voxel in the balls of several hydrophobic atoms has the nearness of the one with the nearest partner."""
    ligand, receptor = ligand_points(demo.ligands[0]), receptor_points(demo.receptor)
    both = together(receptor, ligand)
    network = replace(NETWORK, contacts=("hydrophobic", "metal"), constraints=(), descriptors=())
    grid = Grid.around(demo.ligands[0].coord, 2.0, 0.75)
    x = network_input(both.coord, both.features, both.radius, grid, network)[..., network.parts["contacts"]]
    ours = ligand.coord[ligand.features[:, LIGAND_FEATURES.index("ligand_hydrophobic")]]
    theirs = receptor.coord[receptor.features[:, FEATURES.index("hydrophobic")]]
    nearness = np.maximum(1 - cdist(ours, theirs).min(axis=1) / PROXIMITY, 0)
    voxels = grid.to_coord(np.argwhere(np.ones(grid.shape)))
    distance = cdist(voxels, ours)
    sure = ~((distance > LABEL_RADIUS) & (distance < LABEL_RADIUS + 2 * SLACK)).any(axis=1)
    expected = ((distance <= LABEL_RADIUS) * nearness).max(axis=1)
    np.testing.assert_allclose(x[..., 0].ravel()[sure], expected[sure], atol=1e-5)
    assert nearness.max() > 0.3 and not x[..., 1].any()


def test_every_contact_is_between_known_features_and_as_wide_as_declared():
    assert KINDS.keys() == CONTACTS.keys()
    widths = {"distance": 1, "donates": 3 * PARTNERS, "accepts": 3 * PARTNERS, "stacks": 4 * PARTNERS}
    for name, (ours, theirs, kind) in KINDS.items():
        assert ours in LIGAND_FEATURES and theirs in FEATURES and CONTACTS[name] == widths[kind]


def test_shells_share_a_value_between_two():
    """Shares add up to 1; what they stand for is the value."""
    pytest.importorskip("keras", reason="needs keras: pip install '.[train]'")
    from pocketvox.network.fusion import Shells

    values = np.array([0.0, 0.37, 0.5, 1.0], np.float32).reshape(1, 1, 1, 2, 2)
    shares = np.asarray(Shells(dtype="float32")(values)).reshape(4, Shells.COUNT) / Shells.GAIN
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(shares @ np.linspace(0, 1, Shells.COUNT), values.ravel(), atol=1e-6)
    assert ((shares > 1e-6).sum(axis=1) <= 2).all()


def test_descriptors_are_asked_for():
    with pytest.raises(ConfigError, match="descriptors"):
        network_input(np.zeros((1, 3)), np.ones((1, 29), bool), [1.0], Grid.centred((0, 0, 0), 4, 1.0), NETWORK)


@pytest.mark.parametrize(
    "wrong",
    [
        {"fusion": "both"},
        {"constraints": ("roles",)},
        {"descriptors": ("logp",)},
        {"contacts": ("donor",)},
        {"fusion": "early", "contacts": ("nearness",)},
        {"fusion": "early", "symmetry": "kernel"},
        {"fusion": "intermediate", "joined": 4},
        {"fusion": "early", "proximity": ("ligand_halogen", "metal")},
    ],
)
def test_impossible_configurations_are_refused(wrong):
    with pytest.raises(ConfigError):
        NetworkConfig(features=FEATURES, **wrong)


# ---------------------------------------------------------------------------------------------------------------- store
def item_with_ligands(id: str, seed: int, split: str = "train"):
    """The synthetic structure with two ligands whose atoms are feature points, of one role each."""
    item = make_item(id, seed=seed, split=split, clusters=(id,), ligands=2)
    rng = np.random.default_rng(seed)
    role = rng.integers(0, 3, len(item.ligand_coord))
    return replace(
        item,
        ligand_site_coord=item.ligand_coord,
        ligand_site_features=np.eye(3, dtype=np.uint8)[role],
        ligand_site_radius=np.full(len(role), 1.7, np.float32),
        ligand_site_group=item.ligand_group,
        descriptors=rng.normal(3.0, 2.0, (2, 4)).astype(np.float32),
        experiment="x-ray",
    )


COLUMNS = {
    "ligand_features": ("ligand_hydrophobic", "ligand_hbond_donor", "ligand_hbond_acceptor"),
    "descriptors": ("a", "b", "c", "d"),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("fusion") / "store.h5"
    with create_store(path, FEW, {"x": 1}, **COLUMNS) as h5:
        for k in range(5):
            write_item(h5, item_with_ligands(f"s{k}", k, "train" if k < 3 else "val"))
    return path


def test_ligands_are_stored_and_told_apart(store):
    """What is written is read; of two ligands each sees its own points, labels and descriptors alone."""
    opened = Store(store)
    assert (opened.ligand_features, opened.descriptors) == tuple(COLUMNS.values())
    item, original = opened.load("train")[0], item_with_ligands("s0", 0)
    for name in ("ligand_site_coord", "ligand_site_features", "ligand_site_group", "descriptors"):
        np.testing.assert_array_equal(getattr(item, name), getattr(original, name))
    assert item.experiment == "x-ray" and item.b_factor is None
    for group, one in enumerate(with_ligands([item])):
        own = item.ligand_group == group
        seen = one.features[:, len(FEW) :].any(axis=1)
        np.testing.assert_array_equal(one.coord[seen], item.ligand_coord[own])
        np.testing.assert_array_equal(one.ligand_coord, item.ligand_coord[own])
        np.testing.assert_array_equal(one.point_coord, item.point_coord[item.point_group == group])
        np.testing.assert_array_equal(one.descriptors[0], item.descriptors[group])
        assert len(one.ligand_names) == 1 and one.clusters == item.clusters


def test_structures_without_ligand_points_are_refused():
    with pytest.raises(InputError, match="plain"):
        with_ligands([make_item("plain")])


def test_noise_moves_the_receptor_and_not_the_ligand(store):
    """Labels lie on the ligand."""
    items = with_ligands(Store(store).load("train"))
    network = NetworkConfig(features=FEW + COLUMNS["ligand_features"], fusion="early")
    config = SamplingConfig(crop_size=16, spacing=1.0, rotate=False, surface_fraction=0.0)
    still, noisy = (
        Sampler(items, replace(config, noise=noise, warp=noise), network).sample(0, 0)[0] for noise in (0.0, 0.5)
    )
    np.testing.assert_array_equal(still[..., 3:], noisy[..., 3:])
    assert still[..., 3:].any() and not np.array_equal(still[..., :3], noisy[..., :3])


# -------------------------------------------------------------------------------------------------------------- network
training = pytest.importorskip("pocketvox.network.train", reason="needs keras: pip install '.[train]'")


def run(store, out, fusion: str, **changes) -> tuple[dict, object]:
    network = {"filters": [4, 8], "blocks": [1, 1], "fusion": fusion, "joined": 0, **changes.pop("network", {})}
    config = TrainConfig.from_dict(tiny_training(store, network=network, epochs=1, **changes))
    return training.train(config, out), config


@pytest.mark.parametrize("fusion", FUSIONS[1:])
def test_every_fusion_learns_and_sees_what_it_should(store, tmp_path, fusion):
    """Trained, reloaded, and asked: the output changes with the receptor, the ligand and the descriptors, or not."""
    from pocketvox.network.export import load_network

    record, _ = run(store, tmp_path / "run", fusion)
    assert np.isfinite(record["val_loss"])
    written = TrainConfig.from_file(tmp_path / "run" / "config.json")
    network = written.network
    assert network.features == FEW + COLUMNS["ligand_features"] and network.descriptors == COLUMNS["descriptors"]
    model = load_network(network, tmp_path / "run" / "best.weights.h5")
    rng = np.random.default_rng(0)
    x = np.zeros((1, 8, 8, 8, 10), np.float32)
    x[..., :6] = rng.random((1, 8, 8, 8, 6)) < 0.2
    x[..., 6:] = rng.normal(size=4)
    before = np.asarray(model.predict_on_batch(x))
    changed = {}
    for part, columns in (("receptor", slice(0, 3)), ("ligand", slice(3, 6)), ("descriptors", slice(6, 10))):
        other = x.copy()
        other[..., columns] = x[..., columns] * 2 + 0.5
        changed[part] = not np.allclose(before, model.predict_on_batch(other), atol=1e-6)
    alone = fusion in ("receptor", "ligand")
    assert changed == {
        "receptor": fusion != "ligand",
        "ligand": fusion != "receptor",
        "descriptors": not alone,
    }
    if not alone:
        described = np.concatenate([item.descriptors for item in Store(store).load("train")])
        layer = model.get_layer("standardize")
        np.testing.assert_allclose(layer.mean, described.mean(axis=0), rtol=1e-4)
        np.testing.assert_allclose(layer.deviation, described.std(axis=0), rtol=1e-4)


def test_roles_hold_whatever_the_weights(store, tmp_path):
    """A trained network says nothing away from the ligand's roles, even after its weights are spoilt."""
    from pocketvox.network.unet import build_unet

    run(store, tmp_path / "run", "intermediate", network={"constraints": ["roles"], "channels": ["hbond_donor"]})
    network = TrainConfig.from_file(tmp_path / "run" / "config.json").network
    model = build_unet(network)
    model.set_weights([np.full(w.shape, 7.0, np.float32) for w in model.get_weights()])
    one = with_ligands(Store(store).load("val"))[0]
    grid = Grid.centred(one.ligand_coord.mean(axis=0), 16, 1.0)
    x = network_input(one.coord, one.features, one.radius, grid, network, one.descriptors[0])
    logits = np.asarray(model.predict_on_batch(x[None]))[0]
    roles = one.coord[one.features[:, network.features.index("ligand_hbond_donor")] > 0]
    voxels = grid.to_coord(np.argwhere(np.ones(grid.shape)))
    far = cdist(voxels, roles).min(axis=1).reshape(grid.shape) > LABEL_RADIUS + 2 * SLACK
    assert far.any() and not far.all()
    assert (logits[far] == -1e9).all() and (logits[~far] > -1e9).all()


def test_stores_without_ligands_are_refused(tmp_path):
    path = tmp_path / "plain.h5"
    with create_store(path, FEW, {"x": 1}) as h5:
        write_item(h5, make_item("a"))
    with pytest.raises(ConfigError, match="features of ligands"):
        run(path, tmp_path / "run", "early")


def test_settings_of_fusion_leave_older_fingerprints(tmp_path):
    assert not {"fusion", "joined", "descriptors"} & set(NetworkConfig(features=FEATURES, channels=CHANNELS).to_dict())
    data = NETWORK.to_dict()
    assert NetworkConfig.from_dict(json.loads(json.dumps(data))) == NETWORK
