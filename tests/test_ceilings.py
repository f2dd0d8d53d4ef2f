"""Methods that see the answer another way: other detectors, a second ligand, and the ligand's roles."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Geometry import Point3D
from tiny_complex import make_atoms, rotation

from benchmarks.entries import Benchmark, Entry, Site, write_truth
from benchmarks.methods import ligand_roles, load, second_ligand
from benchmarks.methods.second_ligand import find_partner, same_place
from benchmarks.prepared_files import write_ligand, write_receptor
from benchmarks.roles import ligand_roles as roles_of
from benchmarks.tools import interaction_tools
from benchmarks.tools.superpose import align, superpose
from benchmarks.tools.tool_labels import cut_out, tool_labels, tool_points
from pocketvox.channels import CHANNELS, CORE, TYPED
from pocketvox.errors import InputError, MissingExtraError
from pocketvox.interactions import find_interactions
from pocketvox.structure import read_complex
from pocketvox.voxel import Grid, label_volume

DONOR, ACCEPTOR = CHANNELS.index("hbond_donor"), CHANNELS.index("hbond_acceptor")


@pytest.fixture(scope="module")
def complex_(demo_file):
    """HIV protease with its cyclic urea, without waters, whose hydrogen bonds no other frame would hold."""
    found = read_complex(demo_file)
    heavy = found.receptor[found.receptor.heavy]
    return replace(found, receptor=heavy, waters=found.waters[:0])


def moved(complex_, turn=None, shift=(0.0, 0.0, 0.0), ligand_shift=(0.0, 0.0, 0.0)):
    """A complex after a rigid motion, its ligand displaced in it."""
    turn, shift = np.eye(3) if turn is None else turn, np.asarray(shift, float)
    ligand = complex_.ligands[0]
    mol = Chem.Mol(ligand.mol)
    positions = (mol.GetConformer().GetPositions() + ligand_shift) @ turn.T + shift
    for i, xyz in enumerate(positions):
        mol.GetConformer().SetAtomPosition(i, Point3D(*map(float, xyz)))
    heavy = [a.GetIdx() for a in mol.GetAtoms() if a.GetAtomicNum() > 1]
    receptor = replace(complex_.receptor, coord=(complex_.receptor.coord @ turn.T + shift).astype(np.float32))
    ligand = replace(ligand, mol=mol, coord=positions[heavy].astype(np.float32))
    return replace(complex_, receptor=receptor, ligands=(ligand,))


def truncated(complex_):
    """A complex whose ligand has lost one of its two naphthalenes."""
    ligand = complex_.ligands[0]
    mol = Chem.RWMol(Chem.RemoveAllHs(ligand.mol))
    match = mol.GetSubstructMatches(Chem.MolFromSmarts("c1ccc2ccccc2c1"))[0]
    for i in sorted(match, reverse=True):
        mol.RemoveAtom(i)
    mol = mol.GetMol()
    Chem.SanitizeMol(mol)
    coord = mol.GetConformer().GetPositions().astype(np.float32)
    return replace(complex_, ligands=(replace(ligand, mol=mol, coord=coord, atom_names=()),))


def make_entry(folder: Path, id: str, *complexes) -> Entry:
    """An entry with a site for the ligand of each complex, its files written; the receptor is that of the first."""
    for name in ("receptors", "ligands"):
        (folder / name).mkdir(exist_ok=True)
    sites = []
    for number, part in enumerate(complexes):
        ligand, found = part.ligands[0], find_interactions(part)
        file = f"ligands/{id}_{number}.sdf"
        write_ligand(folder / file, ligand)
        sites.append(Site(ligand.name, "", file, ligand.coord, found.point, found.channel, *roles_of(ligand)))
    receptor = folder / "receptors" / f"{id}.cif.gz"
    write_receptor(receptor, id, complexes[0].receptor, np.empty((0, 2), int))
    nothing = np.empty((0, 3), np.float32)
    return Entry(id, "maps", "test", "holo", "", ("H1",), 2.0, 0.0, True, receptor, nothing, tuple(sites))


def benchmark(folder: Path, *entries: Entry) -> Benchmark:
    write_truth(folder, list(entries))
    return Benchmark(folder)


def box(entry: Entry) -> Grid:
    return Grid.around(entry.sites[0].coord, 6.0, 0.75)


# -------------------------------------------------------------------------------------------------------- second ligand
@pytest.mark.parametrize("swapped", [False, True])
def test_second_ligand_is_found_in_another_frame_whatever_its_chains_are_called(tmp_path, complex_, swapped):
    other = moved(complex_, rotation(3), (40.0, -7.0, 11.0))
    if swapped:
        chain = np.where(other.receptor.chain_id == "A", "B", "A")
        other = replace(other, receptor=replace(other.receptor, chain_id=chain))
    first = make_entry(tmp_path, "1aaa", truncated(complex_))
    entry = benchmark(tmp_path, first, make_entry(tmp_path, "2bbb", other)).entry("1aaa")
    partner = find_partner(entry, entry.sites[0])
    assert partner.entry == "2bbb"
    assert partner.overlap == pytest.approx(1.0, abs=0.01)  # nothing of the smaller ligand is outside the larger
    known = find_interactions(complex_)
    points = partner.motion(partner.site.point_coord)
    np.testing.assert_allclose(points, known.point, atol=0.01)

    volume = second_ligand.predict(entry, box(entry))
    truth = label_volume(known.point, known.channel, np.empty((0, 3)), box(entry)).values[..., : len(TYPED)] > 0
    assert volume.channels == TYPED and volume.values.dtype == np.float32
    assert (truth & (volume.values > 0)).sum() / (truth | (volume.values > 0)).sum() > 0.98


def check_rejected(folder, *entries):
    entry = benchmark(folder, *entries).entry("1aaa")
    with pytest.raises(InputError, match="1aaa: no second ligand of this pocket"):
        second_ligand.predict(entry, box(entry))


def test_ligand_elsewhere_in_the_same_protein_is_no_second_ligand(tmp_path, complex_):
    other = moved(truncated(complex_), rotation(3), (5.0, 0.0, 0.0), ligand_shift=(12.0, 0.0, 0.0))
    check_rejected(tmp_path, make_entry(tmp_path, "1aaa", complex_), make_entry(tmp_path, "2bbb", other))


def test_same_molecule_is_no_second_ligand(tmp_path, complex_):
    other = moved(complex_, rotation(3), ligand_shift=(0.5, 0.0, 0.0))
    check_rejected(tmp_path, make_entry(tmp_path, "1aaa", complex_), make_entry(tmp_path, "2bbb", other))


def test_second_ligand_of_another_protein_is_none(tmp_path, complex_):
    other = truncated(complex_)
    parent = other.receptor.parent.copy()
    parent[other.receptor.res_id % 10 == 0] = "TRP"  # one residue in ten differs
    other = replace(other, receptor=replace(other.receptor, parent=parent, res_name=parent))
    check_rejected(tmp_path, make_entry(tmp_path, "1aaa", complex_), make_entry(tmp_path, "2bbb", other))


def test_sites_without_a_partner_stay_empty_where_another_site_has_one(tmp_path, complex_):
    away = moved(complex_, ligand_shift=(30.0, 0.0, 0.0))
    built = benchmark(
        tmp_path,
        make_entry(tmp_path, "1aaa", complex_, away),
        make_entry(tmp_path, "2bbb", truncated(moved(complex_, rotation(3)))),
    )
    entry = built.entry("1aaa")
    assert second_ligand.predict(entry, Grid.around(entry.sites[0].coord, 2.0, 0.75)).values.any()
    assert not second_ligand.predict(entry, Grid.around(entry.sites[1].coord, 2.0, 0.75)).values.any()


def test_largest_overlap_is_taken(tmp_path, complex_):
    small = truncated(complex_)
    near = moved(small, ligand_shift=(2.0, 0.0, 0.0))
    entries = [make_entry(tmp_path, id, c) for id, c in (("1aaa", complex_), ("2bbb", small), ("3ccc", near))]
    entry = benchmark(tmp_path, *entries).entry("1aaa")
    assert find_partner(entry, entry.sites[0]).entry == "2bbb"


def test_same_place_by_centroids_or_by_shared_atoms():
    first = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    assert same_place(first, first + (3.9, 0.0, 0.0))
    assert not same_place(first, first + (4.1, 0.0, 0.0))
    line = np.arange(0.0, 30.0, 3.0)[:, None] * (1.0, 0.0, 0.0)  # ten atoms, their centroid far from the others'
    assert same_place(line[:3], line)  # three of ten on an atom of the first
    assert same_place(line[:3] + (0.0, 1.9, 0.0), line)
    assert not same_place(line[:3] + (0.0, 2.1, 0.0), line)
    assert not same_place(line[:2], line)


def test_alignment_counts_identity_over_aligned_residues():
    a = "MKVLAAGIVGTPQWHERDSN"
    assert align(a, a.replace("W", "F"))[0] == pytest.approx(0.95)
    assert align(a, a.replace("W", "F").replace("H", "Y"))[0] == pytest.approx(0.90)
    same, pairs = align(a, "GSHM" + a[3:])  # another construct: other ends cost nothing
    assert same == pytest.approx(1.0)
    assert {tuple(p) for p in pairs.tolist()} >= {(i, i + 1) for i in range(4, 20)}
    assert align(a, "WWWWCCCCYYYYFFFFKKKK")[0] < 0.95


def test_superposition_leaves_out_what_moved_and_gives_up_when_too_much_did():
    rng = np.random.default_rng(5)
    mobile = rng.normal(scale=8.0, size=(20, 3))
    turn = rotation(8)
    fixed = mobile @ turn.T + (3.0, 4.0, 5.0)
    loop = fixed.copy()
    loop[:4] += (0.0, 0.0, 5.0)
    found = superpose(mobile, loop)
    np.testing.assert_allclose(found.rotation, turn, atol=1e-6)
    np.testing.assert_allclose(found(mobile), fixed, atol=1e-6)
    assert found.kept == pytest.approx(0.8)
    assert found.rmsd == pytest.approx(0.0, abs=1e-6)
    assert superpose(mobile, rng.normal(scale=8.0, size=(20, 3))) is None
    assert superpose(mobile[:5], fixed[:5]) is None


# --------------------------------------------------------------------------------------------------------- ligand roles
def test_roles_take_the_value_of_the_rule_field_and_the_higher_where_they_meet(tmp_path):
    """One glycine, its O at the origin: an acceptor, and the only one; its N is the only donor."""
    glycine = {"N": (-3.6, 0.3, 0.0), "CA": (-2.2, -0.2, 0.0), "C": (-1.23, 0.0, 0.0), "O": (0.0, 0.0, 0.0)}
    (tmp_path / "receptors").mkdir()
    path = tmp_path / "receptors" / "tiny.cif.gz"
    write_receptor(path, "tiny", make_atoms(("GLY", glycine)), np.empty((0, 2), int))
    roles = {
        (2.9, 0.0, 0.0): DONOR,  # 2.9 A from the acceptor: 1
        (3.9, 0.0, 0.0): DONOR,  # one more: 1 / 2
        (0.0, 2.3, 0.0): DONOR,  # clashes: 0
        (-3.6, 4.2, 0.0): ACCEPTOR,  # 3.9 A from the donor: 1 / 2
        (3.0, 3.0, 0.0): CHANNELS.index("hydrophobic"),  # nothing hydrophobic here: 0
    }
    coord = np.array(list(roles), np.float32)
    site = Site("L", "", "", coord, coord[:0], np.empty(0, "u1"), coord, np.array(list(roles.values()), "u1"))
    entry = Entry("tiny", "maps", "test", "holo", "", (), 2.0, 0.0, True, path, coord[:0], (site,))
    grid = Grid((-5.0, -5.0, 0.0), (48, 48, 1), 0.25)
    volume = ligand_roles.predict(entry, grid)
    assert volume.channels == CORE and volume.values.dtype == np.float32

    def at(x, y, channel):
        i, j, k = grid.to_index((x, y, 0.0)).astype(int)
        return volume[channel].values[i, j, k, 0]

    assert at(3.0, 0.0, "hbond_donor") == pytest.approx(1.0)  # inside both spheres
    assert at(4.0, 0.0, "hbond_donor") == pytest.approx(1.0)  # 1.1 A from the first
    assert at(4.25, 0.0, "hbond_donor") == pytest.approx(0.5)  # 1.35 A from it
    assert at(5.0, 0.0, "hbond_donor") == pytest.approx(0.5)  # 1.1 A from the second
    assert at(5.25, 0.0, "hbond_donor") == 0.0
    assert at(0.0, 2.25, "hbond_donor") == 0.0
    assert at(-3.5, 4.25, "hbond_acceptor") == pytest.approx(0.5)
    assert not volume["hydrophobic"].values.any() and not volume["pi_stacking"].values.any()


# ---------------------------------------------------------------------------------------------------------- other tools
def need(tool):
    pytest.importorskip(tool, reason=f"{tool} is not installed: pip install pocketvox[bench]")


def ligand_files(entry):
    return tuple(entry.folder / site.file for site in entry.sites)


@pytest.mark.parametrize("tool", ["prolif", "plip"])
def test_tools_tell_donors_from_acceptors(tool, tmp_path, complex_):
    """Of HIV protease (Lam et al., Science 263, 380, 1994).

    The ligand's diol donates to the catalytic aspartates. Of what it accepts, ProLIF sees the hydrogen bond from Ala 28
    to the diol, PLIP those from the flaps to the urea.
    """
    need(tool)
    entry = make_entry(tmp_path, "1hvr", complex_)
    coord, channel = tool_points(tool, entry.receptor, ligand_files(entry))
    atoms = complex_.receptor
    aspartate = (atoms.res_id == 25) & np.isin(atoms.name, ["OD1", "OD2"])
    backbone = (atoms.res_id == {"plip": 50, "prolif": 28}[tool]) & (atoms.name == "N")
    for role, partners in ((DONOR, aspartate), (ACCEPTOR, backbone)):
        separation = np.linalg.norm(coord[channel == role][:, None] - atoms.coord[partners][None], axis=2)
        assert separation.shape[1] > 1 and separation.min() < 3.5
    ligand = entry.sites[0].coord
    donors = coord[channel == DONOR]
    symbols = np.array([a.GetSymbol() for a in complex_.ligands[0].mol.GetAtoms() if a.GetAtomicNum() > 1])
    nearest = np.linalg.norm(donors[:, None] - ligand[None], axis=2)
    assert nearest.min(axis=1).max() < 1e-3
    assert set(symbols[nearest.argmin(axis=1)]) <= {"N", "O"}

    volume = load(f"{tool}-labels").predict(entry, box(entry))
    i, j, k = np.round(box(entry).to_index(donors[0])).astype(int)
    assert volume["hbond_donor"].values[i, j, k, 0] == 1.0
    assert set(np.unique(volume.values)) == {0.0, 1.0} and volume.values.dtype == np.float32


@pytest.mark.parametrize("tool", ["prolif", "plip"])
def test_names_that_do_not_fit_the_pdb_format_change_nothing(tool, tmp_path, complex_):
    need(tool)
    plain = make_entry(tmp_path, "1aaa", complex_)
    atoms = complex_.receptor
    long = replace(atoms, chain_id=np.char.add(atoms.chain_id, "x1"), res_id=atoms.res_id + 100_000)
    strange = make_entry(tmp_path, "2bbb", replace(complex_, receptor=long))
    expected = tool_points(tool, plain.receptor, ligand_files(plain))
    found = tool_points(tool, strange.receptor, ligand_files(strange))
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_cut_out_has_whole_standard_residues_and_tells_chains_apart():
    atoms = make_atoms(
        ("ALA", {"N": (11.9, 0.0, 0.0), "CA": (20.0, 0.0, 0.0)}),
        ("GLY", {"N": (-12.1, 0.0, 0.0)}),
        ("MSE", {"N": (1.0, 0.0, 0.0)}),
        ("SER", {"N": (0.0, 3.0, 0.0)}),
        ("ZN", {"ZN:Zn": (0.0, 0.0, 3.0)}, "other"),
    )
    chain = np.where(atoms.res_name == "SER", "AB", "A").astype("U4")
    lines = cut_out(replace(atoms, chain_id=chain), np.zeros((1, 3), np.float32)).splitlines()
    assert [line[:26] for line in lines] == [
        "ATOM      1  N   ALA A   1",
        "ATOM      2  CA  ALA A   1",
        "ATOM      3  N   SER B   2",
        "END",
    ]
    assert lines[0][30:54] == "  11.900   0.000   0.000" and lines[0][76:] == " N"
    with pytest.raises(InputError, match="expected standard residues of 1 to 60 chains .* Received: 0 chains"):
        cut_out(atoms, np.full((1, 3), 500.0))


def test_tool_that_fails_is_an_error_with_its_message(tmp_path, complex_, monkeypatch):
    def crash(files):
        raise KeyError("no such atom")

    monkeypatch.setitem(interaction_tools.TOOLS, "prolif", crash)
    entry = make_entry(tmp_path, "1aaa", complex_)
    with pytest.raises(InputError, match="1aaa_0: prolif failed: KeyError: 'no such atom'"):
        tool_labels("prolif", entry, box(entry))


@pytest.mark.parametrize("tool", ["prolif", "plip"])
def test_absent_tool_is_named_with_the_command_that_installs_it(tool, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=rf"{tool} is not installed.*pip install 'pocketvox\[bench\]'"):
        load(f"{tool}-labels")
