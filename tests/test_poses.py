"""Scores of poses: exact on maps made for it, sensible on a real complex, honest about records that cannot be read."""

import csv
import gzip
import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem
from scipy.ndimage import map_coordinates
from test_pockets import make_atoms

from pocketvox.channels import CHANNELS, CORE, LIGAND
from pocketvox.errors import InputError, LigandError
from pocketvox.interactions import find_interactions
from pocketvox.interactions.sites import ligand_sites
from pocketvox.pipeline import scan
from pocketvox.pockets import Hotspot
from pocketvox.poses import PoseScorer, ligand_roles, pose_of, read_poses, score_poses
from pocketvox.poses.roles import role_points
from pocketvox.poses.score import joint_values
from pocketvox.poses.write import COLUMNS
from pocketvox.report import write_result
from pocketvox.structure import read_complex
from pocketvox.structure.atoms import residue_label
from pocketvox.voxel import Grid, Volume

SPACING = 0.5


def molecule(smiles: str, seed: int = 1) -> Chem.Mol:
    """A molecule with hydrogens and a conformer, its centroid at the origin."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(mol, randomSeed=seed)
    moved(mol, -mol.GetConformer().GetPositions().mean(axis=0))
    mol.SetProp("_Name", smiles)
    return mol


def moved(mol: Chem.Mol, shift) -> Chem.Mol:
    conformer = mol.GetConformer()
    conformer.SetPositions(conformer.GetPositions() + np.asarray(shift, float))
    return mol


def volume(seed: int = 0) -> Volume:
    """Random probabilities in 16 angstrom about the origin."""
    shape = (33, 33, 33)
    values = np.random.default_rng(seed).random((*shape, len(CHANNELS)), np.float32)
    return Volume(values, Grid((-8.0, -8.0, -8.0), shape, SPACING), CHANNELS)


def spot(kind: str, coord) -> Hotspot:
    return Hotspot(kind, tuple(map(float, coord)), 0.5, 0.5, 1.0, (0.0, 0.0, 0.0), ())


def sdf(mols) -> str:
    out = io.StringIO()
    with Chem.SDWriter(out) as writer:
        for mol in mols:
            writer.write(mol)
    return out.getvalue()


@pytest.fixture(scope="module")
def ligand(demo_file):
    return read_complex(demo_file).ligands[0]


@pytest.fixture(scope="module")
def found(demo_file):
    """The scan of the bundled complex, by the preset that comes with the package."""
    return scan(demo_file)


# ---------------------------------------------------------------------------------------------------------------- roles
@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        ("CCO", {"hbond_donor": 1, "hbond_acceptor": 1, "metal": 1, "water_bridge": 1}),
        ("c1ccccc1Cl", {"pi_stacking": 1, "pi_cation": 1, "hydrophobic": 6, "halogen_bond": 1}),
        ("CC(=O)[O-]", {"hbond_acceptor": 2, "salt_bridge_anion": 1, "metal": 2, "water_bridge": 2}),
        ("C[NH3+]", {"hbond_donor": 1, "salt_bridge_cation": 1, "pi_cation": 1, "water_bridge": 1}),
    ],
)
def test_roles_of_small_molecules(smiles, expected):
    roles = pose_of(molecule(smiles)).molecule.roles
    counts = {name: int((roles.channel == k).sum()) for k, name in enumerate(CHANNELS)}
    assert {name: n for name, n in counts.items() if n and name in expected} == expected
    assert {name for name in CORE if counts[name]} <= set(expected) | {"hydrophobic"}


def test_points_are_where_interactions_are_labelled(ligand):
    """Core points are the atoms and ring centres that detection itself uses."""
    sites, roles = ligand_sites(ligand), ligand_roles(ligand)
    points = role_points(roles, ligand.coord)
    rings = [ring.center for ring in sites.rings]
    np.testing.assert_allclose(points[roles.channel == CHANNELS.index("pi_stacking")], rings)
    np.testing.assert_allclose(points[roles.channel == CHANNELS.index("hbond_donor")], sites.coord[sites.donor > 0])
    assert len(points) == len(roles.start) == len(roles.channel)


# --------------------------------------------------------------------------------------------------------------- values
def test_values_are_interpolated_linearly_and_multiplied():
    maps = volume()
    coord = np.random.default_rng(1).uniform(-7.9, 7.9, (200, 3))
    column = np.random.default_rng(2).integers(0, 10, 200)
    values, inside = joint_values(maps, coord, column)
    index = maps.grid.to_index(coord).T
    channels = [map_coordinates(maps.values[..., k], index, order=1) for k in range(len(CHANNELS))]
    expected = np.array(channels)[column, np.arange(200)] * channels[CHANNELS.index(LIGAND)]
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    assert inside.all()


def test_outside_of_the_maps_and_without_a_channel_the_value_is_0():
    coord = np.array([[8.0, 8.0, 8.0], [-8.0, 0, 0], [8.1, 0, 0], [0, 0, 0]])
    values, inside = joint_values(volume(), coord, np.array([0, 0, 0, -1]))
    assert inside.tolist() == [True, True, False, True]
    assert values[0] == pytest.approx(float(np.prod(volume().values[-1, -1, -1, [0, -1]])))
    assert values[2] == values[3] == 0


def test_a_score_is_the_sum_over_core_points_and_of_its_atoms():
    maps, pose = volume(), pose_of(molecule("OCc1ccccc1C(=O)N"))
    (score,) = PoseScorer(maps)([pose])
    roles = pose.molecule.roles
    values, _ = joint_values(maps, role_points(roles, pose.coord), roles.channel.astype(int))
    core = np.isin(roles.channel, [CHANNELS.index(name) for name in CORE])
    assert score.score == pytest.approx(values[core].sum())
    assert score.points == core.sum() and score.mean == pytest.approx(score.score / core.sum())
    assert score.score == pytest.approx(sum(score.types[name] for name in CORE)) == pytest.approx(score.atoms.sum())
    assert len(score.atoms) == len(score.roles) == 11
    assert score.roles[0] == ("hbond_donor", "hbond_acceptor")
    assert score.clashes is None and score.outside == 0


def test_a_batch_gives_what_each_pose_gives_alone():
    scorer = PoseScorer(volume(), [spot("hbond_donor", (1, 0, 0))], make_atoms([[0.0, 0, 0]]))
    poses = [pose_of(moved(molecule(s), (k, 0, 0))) for k, s in enumerate(("CCO", "c1ccccc1", "C", "[Na+]", "CC(=O)O"))]
    for together, pose in zip(scorer(poses), poses, strict=True):
        (alone,) = scorer([pose])
        assert together.score == pytest.approx(alone.score, abs=1e-12)
        assert (together.satisfied, together.missed, together.clashes) == (alone.satisfied, alone.missed, alone.clashes)


def test_hotspots_are_satisfied_missed_or_far():
    pose = pose_of(molecule("CO"))
    oxygen = pose.coord[1]
    spots = [
        spot("hbond_donor", oxygen + (1.99, 0, 0)),
        spot("hbond_donor", oxygen + (2.01, 0, 0)),
        spot("pi_stacking", oxygen),
        spot("hbond_acceptor", oxygen + (30, 0, 0)),
    ]
    (score,) = PoseScorer(volume(), spots)([pose])
    assert (score.satisfied, score.missed) == ((1,), (2, 3))


def test_clashes_are_heavy_atoms_nearer_than_three_quarters_of_the_radii():
    """C and C: 0.75 * 3.4 = 2.55 angstrom; a metal is no clash, however near."""
    methane = pose_of(molecule("C"))
    carbon = methane.coord[0]
    for gap, expected in ((2.5, 1), (2.6, 0)):
        receptor = make_atoms([carbon + (gap, 0, 0), carbon + (50, 0, 0)])
        receptor = replace(receptor, element=np.array(["C", "C"]))
        assert PoseScorer(volume(), (), receptor)([methane])[0].clashes == expected
        zinc = replace(receptor, element=np.array(["Zn", "C"]))
        assert PoseScorer(volume(), (), zinc)([methane])[0].clashes == 0


def test_maps_without_what_scores_need_are_refused():
    maps = volume()
    with pytest.raises(InputError, match="task pocket"):
        PoseScorer(Volume(maps.values[..., :4], maps.grid, CHANNELS[:4]))


# ---------------------------------------------------------------------------------------------------------------- files
def test_poses_of_known_molecules_are_read_as_unknown_ones_are(tmp_path):
    """Same atom and bond counts, other molecules; the same molecule moved; hydrogens in other places of the record."""
    mols = [molecule("CCO"), molecule("COC"), moved(molecule("CCO"), (1, 2, 3)), molecule("CCO", seed=5)]
    mols.append(Chem.RenumberAtoms(mols[0], [3, 0, 4, 1, 5, 2, 6, 7, 8]))
    (tmp_path / "p.sdf").write_text(sdf(mols))
    quick = list(read_poses(tmp_path / "p.sdf"))
    slow = list(read_poses(tmp_path / "p.sdf", ligands=True))
    assert quick[0].molecule is quick[2].molecule is quick[3].molecule
    for a, b in zip(quick, slow, strict=True):
        np.testing.assert_allclose(a.coord, b.coord)
        np.testing.assert_array_equal(a.molecule.roles.channel, b.molecule.roles.channel)
        np.testing.assert_array_equal(a.molecule.roles.atom, b.molecule.roles.atom)
        assert a.name == b.name and a.ligand is None and b.ligand is not None
    donors = [int((p.molecule.roles.channel == CHANNELS.index("hbond_donor")).sum()) for p in quick]
    assert donors == [1, 0, 1, 1, 1]


def test_damaged_records_are_named_and_the_others_scored(cli, tmp_path, found):
    folder = write_result(found, tmp_path / "result")
    good = sdf([molecule("CCO")])
    cut, flat = good.split("M  END")[0] + "\n$$$$\n", sdf([Chem.MolFromSmiles("CCCCCCCO")])
    bad = good.replace("  0  0  0  0  0  0  0  0  0  0\n", "  0\n", 1).replace("    0.", "    x.", 1)
    (tmp_path / "p.sdf").write_text(good + cut + flat + bad + good)
    done = cli("score", folder, "p.sdf")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert done.returncode == 1 and len(rows) == 5
    assert [bool(row["error"]) for row in rows] == [False, True, True, True, False]
    for number, word in ((2, "cut off"), (3, "flat"), (4, "record")):
        assert f"p.sdf: record {number}:" in rows[number - 1]["error"] and word in rows[number - 1]["error"]
        assert rows[number - 1]["error"].split(": ", 2)[2][:30] in done.stderr
    assert rows[0]["score"] == rows[4]["score"] and "3 of 5" in done.stderr


def test_mol2_and_gzipped_files(tmp_path, ligand):
    with gzip.open(tmp_path / "p.sdf.gz", "wt") as file:
        file.write(sdf([ligand.mol]))
    (pose,) = read_poses(tmp_path / "p.sdf.gz")
    np.testing.assert_allclose(pose.coord, ligand.coord, atol=1e-3)
    text = "@<TRIPOS>MOLECULE\n{}\n 2 1\nSMALL\nNO_CHARGES\n\n@<TRIPOS>ATOM\n1 C1 0.0 0.0 {} C.3\n2 O1 1.4 0.0 {} O.3\n"
    text += "@<TRIPOS>BOND\n1 1 2 1\n"
    (tmp_path / "p.mol2").write_text(text.format("one", 1, 1) + text.format("two", 2, 2))
    poses = list(read_poses(tmp_path / "p.mol2"))
    assert [(pose.name, pose.coord[1].tolist()) for pose in poses] == [("one", [1.4, 0, 1]), ("two", [1.4, 0, 2])]


def test_what_cannot_be_poses_is_refused(tmp_path):
    (tmp_path / "out.pdbqt").write_text("MODEL 1\n")
    with pytest.raises(LigandError, match="mk_export"):
        list(read_poses(tmp_path / "out.pdbqt"))
    with pytest.raises(LigandError, match="no conformer"):
        pose_of(Chem.MolFromSmiles("CCO"))


# --------------------------------------------------------------------------------------------------------- real complex
def test_the_crystal_pose_beats_displaced_ones(found, ligand):
    """Of the inhibitor moved by 3 angstrom in 20 directions none meets the map as well."""
    directions = np.random.default_rng(0).normal(size=(20, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    poses = [ligand.mol, *(moved(Chem.Mol(ligand.mol), 3 * d) for d in directions)]
    crystal, *others = score_poses(found, poses)
    assert crystal.score > max(pose.score for pose in others)
    assert crystal.clashes == 0 < np.median([pose.clashes for pose in others])
    assert len(crystal.satisfied) > max(len(pose.satisfied) for pose in others) / 2


def test_a_result_folder_stands_for_its_structure(found, ligand, tmp_path, demo_file):
    """But for 16-bit values; the receptor comes from the scanned file while it is the same."""
    copy = tmp_path / "copy.pdb.gz"
    shutil.copy(demo_file, copy)
    folder = write_result(replace(found, source=str(copy)), tmp_path / "result")
    (a,), (b,) = score_poses(found, ligand.mol), score_poses(folder, [ligand.mol])
    assert b.score == pytest.approx(a.score, abs=0.02) and b.clashes == a.clashes == 0
    assert (b.satisfied, b.missed) == (a.satisfied, a.missed)
    copy.write_bytes(copy.read_bytes() + b"\0")
    assert score_poses(folder, [ligand.mol])[0].clashes is None
    table = (folder / "hotspots.csv").read_text()
    (folder / "hotspots.csv").write_text(table.replace("0.5", "0.6", 1))
    with pytest.raises(InputError, match="hotspots.csv changed since the scan wrote it"):
        score_poses(folder, [ligand.mol])
    (folder / "hotspots.csv").unlink()
    with pytest.raises(InputError, match="folder of a scan"):
        score_poses(folder, [ligand.mol])


def test_interactions_are_those_of_the_verb(found, ligand, demo_file):
    (pose,) = score_poses(found, [ligand.mol], interactions=True)
    complex_ = read_complex(demo_file)
    rules = find_interactions(complex_)
    expected = {
        f"{CHANNELS[rules.channel[k]]} {residue_label(complex_.receptor, int(rules.receptor_atoms[k][0]))}"
        for k in range(len(rules))
        if rules.water[k] < 0
    }
    assert set(pose.interactions) == expected and len(expected) > 10
    assert score_poses(found, [ligand.mol])[0].interactions == ()


# -------------------------------------------------------------------------------------------------------------- outputs
def test_outputs_agree_and_sdf_is_read_by_rdkit(cli, tmp_path, found, ligand):
    folder = write_result(found, tmp_path / "result")
    mol = Chem.Mol(ligand.mol)
    mol.SetProp("affinity", "0.31 nM")
    (tmp_path / "p.sdf").write_text(sdf([mol, moved(Chem.Mol(mol), (2, 0, 0))]))
    for name in ("s.csv", "s.json", "s.sdf"):
        done = cli("score", folder, "p.sdf", "-o", name)
        assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO((tmp_path / "s.csv").read_text())))
    assert tuple(rows[0]) == COLUMNS
    document = json.loads((tmp_path / "s.json").read_text())
    records = list(Chem.SDMolSupplier(str(tmp_path / "s.sdf"), removeHs=False))
    assert len(rows) == len(document["poses"]) == len(records) == 2
    for row, entry, record in zip(rows, document["poses"], records, strict=True):
        assert record.GetProp("affinity") == "0.31 nM"
        assert float(row["score"]) == entry["score"] == record.GetDoubleProp("pocketvox_score")
        assert row["satisfied"] == record.GetProp("pocketvox_satisfied")
        named = [f"{k}:{document['hotspots'][k - 1]['type']}" for k in entry["satisfied"]]
        assert row["satisfied"] == ";".join(named)
        values = [atom.GetDoubleProp("pocketvox") for atom in record.GetAtoms() if atom.HasProp("pocketvox")]
        assert values == [atom["value"] for atom in entry["atoms"]]
        assert sum(values) == pytest.approx(entry["score"], abs=0.002)
    again = cli("score", folder, "s.sdf", "--format", "sdf")
    assert again.stdout.replace("s.sdf", "p.sdf") == (tmp_path / "s.sdf").read_text()


def test_poses_in_another_frame_are_warned_of(cli, tmp_path, found):
    folder = write_result(found, tmp_path / "result")
    (tmp_path / "p.sdf").write_text(sdf([moved(molecule("CCO"), (500, 0, 0))]))
    done = cli("score", folder, "p.sdf", "--format", "json")
    assert done.returncode == 0 and "1 of 1 poses lie wholly outside" in done.stderr
    assert json.loads(done.stdout)["poses"][0]["outside"] == 1
