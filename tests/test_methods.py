"""Methods that are no network: buriedness, Vina's affinity maps, the nearest training pocket."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from conftest import DEMO
from scipy.special import logit
from tiny_complex import make_atoms

from benchmarks.entries import Entry, Site
from benchmarks.methods import buriedness, load, nearest_pocket, vina_maps
from benchmarks.prepared_files import write_receptor
from benchmarks.tools.pdbqt import affinity_maps, autodock_types, read_map, write_pdbqt
from benchmarks.tools.pocket_search import PocketIndex
from pocketvox import find_interactions, read_complex
from pocketvox.channels import CORE, LIGAND, TYPED
from pocketvox.data.store import Store, StoreItem, create_store, write_item
from pocketvox.errors import InputError, MissingExtraError
from pocketvox.features import FEATURES, receptor_points
from pocketvox.interactions.sites import receptor_sites
from pocketvox.voxel import Grid, cube_rotations, label_volume, rotate_coord

NONE = np.empty((0, 3), np.float32)


@pytest.fixture(scope="module")
def hiv():
    return read_complex(DEMO)


@pytest.fixture(scope="module")
def entry(hiv, tmp_path_factory) -> Entry:
    """The bundled complex as an entry of the maps set; only what the methods may use is filled in."""
    path = tmp_path_factory.mktemp("prepared") / "1hvr.cif.gz"
    atoms = hiv.receptor[hiv.receptor.heavy]
    write_receptor(path, "1hvr", atoms, np.empty((0, 2), int), "X-RAY DIFFRACTION")
    empty = np.empty(0, np.uint8)
    site = Site("A:XK2 263", "", "", hiv.ligands[0].coord, NONE, empty, NONE, empty)
    return Entry("1hvr", "maps", "val", "holo", "", ("c",), 1.8, 0.0, True, path, NONE, (site,))


@pytest.fixture(scope="module")
def box(entry) -> Grid:
    return Grid.around(entry.sites[0].coord, 6.0, 0.75)


def check(method, volume, grid):
    assert volume.grid == grid and volume.channels == method.channels
    assert volume.values.shape == (*grid.shape, len(method.channels)) and volume.values.dtype == np.float32
    assert volume.values.min() >= 0 and volume.values.max() <= 1
    assert (np.ptp(volume.values, axis=(0, 1, 2)) > 0).all(), "a channel is constant"


# ---------------------------------------------------------------------------------------------------------- buriedness
@pytest.mark.parametrize("x, atoms", [(2.39, 0), (2.41, 2), (3.9, 2), (4.1, 3), (7.9, 2), (8.1, 1), (27.1, 0)])
def test_buriedness_counts_the_atoms_within_8_angstrom(x, atoms):
    """On the axis through atoms at 0, 12 and 19 A, with one more beside it: 0 where one clashes, else the count."""
    coord = np.array([[0, 0, 0], [3, 7, 0], [12, 0, 0], [19, 0, 0]], float)
    value = buriedness.buriedness(coord, Grid((x, 0.0, 0.0), (1, 1, 1), 0.75))[0, 0, 0]
    assert value * buriedness.FULL == pytest.approx(atoms)


def test_buriedness_is_cut_off_at_one():
    """More atoms than a protein could hold there."""
    crowd = np.zeros((buriedness.FULL + 5, 3)) + [5.0, 0.0, 0.0]
    assert buriedness.buriedness(crowd, Grid((0.0, 0.0, 0.0), (1, 1, 1), 0.75)).max() == 1


def test_buriedness_finds_the_pocket_of_the_bundled_complex(entry):
    """Every channel is the same, and the best pocket is the one that the ligand is in."""
    method = load("buriedness")
    grid = Grid.around(entry.atoms.coord, 8.0, 0.75)
    volume = method.predict(entry, grid)
    check(method, volume, grid)
    assert volume.channels == (*CORE, LIGAND) and (volume.values == volume.values[..., :1]).all()
    best = method.pockets(entry, volume)[0]
    assert np.linalg.norm(entry.sites[0].coord - best.center, axis=1).min() < 4.0
    assert volume[LIGAND].values[tuple(best.voxels.T)].min() * buriedness.FULL == pytest.approx(48)


# --------------------------------------------------------------------------------------------------------------- PDBQT
def test_autodock_types_of_the_bundled_receptor(entry):
    """Acceptors are NA and OA, aromatic carbons A; a donor that accepts nothing is N; histidine may do both."""
    types = autodock_types(entry.atoms, receptor_sites(entry.atoms))
    names = zip(entry.atoms.res_name, entry.atoms.name, types, strict=True)
    found = {(str(a), str(b)): str(c) for a, b, c in names}
    wanted = "SER OG OA,ASN OD1 OA,ASN ND2 N,PHE CZ A,PHE CB C,GLY N N,GLY O OA,HIS ND1 NA,HIS CD2 A,MET SD S,LYS NZ N"
    for residue, atom, kind in (text.split() for text in wanted.split(",")):
        assert found[residue, atom] == kind, f"{residue} {atom}"


@pytest.mark.parametrize(
    "atom, kind",
    [("ZN:Zn", "Zn"), ("MG:Mg", "Mg"), ("CU:Cu", "Cu"), ("SR:Sr", "Zn"), ("CL:Cl", "Cl"), ("XE:Xe", "C")],
)
def test_autodock_types_of_ions(atom, kind):
    """A metal that Vina does not know is another metal, not an error."""
    ion = make_atoms((atom[:2], {atom: (0, 0, 0)}), kind="other")
    assert autodock_types(ion, receptor_sites(ion)).tolist() == [kind]


def test_each_donor_is_followed_by_one_bonded_hydrogen(hiv, tmp_path):
    """Columns as Vina reads them: position 31 to 54, type from 78; HD 1 A from its donor and from nothing else."""
    write_pdbqt(tmp_path / "r.pdbqt", hiv.receptor)
    lines = [s for s in (tmp_path / "r.pdbqt").read_text().splitlines() if s.startswith("ATOM")]
    types = np.array([s[77:] for s in lines])
    coord = np.array([[float(s[a : a + 8]) for a in (30, 38, 46)] for s in lines])
    sites = receptor_sites(hiv.receptor)
    assert (types != "HD").sum() == len(sites.coord)
    np.testing.assert_allclose(coord[types != "HD"], sites.coord, atol=6e-4)
    hydrogens = np.flatnonzero(types == "HD")
    parents = np.searchsorted(np.flatnonzero(types != "HD"), hydrogens) - 1
    assert parents.tolist() == np.flatnonzero(sites.donor).tolist()
    near = np.linalg.norm(coord[hydrogens][:, None] - sites.coord, axis=-1)
    np.testing.assert_allclose(near[np.arange(len(near)), parents], 1.0, atol=2e-3)
    assert ((near < 1.23).sum(axis=1) == 1).all()
    tail = [s.split()[2:4] + [s[77:]] for s in lines if s[17:20] == "SER" and s[21:22] == "A"][-2:]
    assert tail == [["OG", "SER", "OA"], ["H", "SER", "HD"]]


# ---------------------------------------------------------------------------------------------------------------- Vina
REASON = "vina is not installed: pip install 'pocketvox[bench]'"


def vina_energy(distance, radii, hydrogen_bond):
    """Trott & Olson, doi:10.1002/jcc.21334, table 1, of one pair of atoms; 0 beyond 8 A."""
    d = distance - radii
    e = -0.035579 * np.exp(-((d / 0.5) ** 2)) - 0.005156 * np.exp(-(((d - 3) / 2) ** 2))
    e += 0.840245 * np.minimum(d, 0) ** 2 - 0.587439 * hydrogen_bond * np.clip(-d / 0.7, 0, 1)
    return np.where(distance < 8, e, 0)


@pytest.mark.parametrize("shape", [(5, 6, 9), (1, 7, 4)])
def test_vina_maps_follow_the_paper_voxel_by_voxel(shape):
    """A carbonyl oxygen alone: a donor N gets its hydrogen bond, O and C do not; even, odd and single voxels align."""
    if find_spec("vina") is None:  # not imported here: Open Babel comes first, see benchmarks/tools/pdbqt.py
        pytest.skip(REASON)
    oxygen = np.array([1.0, -2.0, 0.5])
    atoms = make_atoms(("GLY", {"O": tuple(oxygen)}))
    grid = Grid((1.4, 0.3, -2.2), shape, 0.75)
    energy = affinity_maps(atoms, grid, ("N_D", "O_A", "C_H"))
    distance = np.linalg.norm(grid.to_coord(np.indices(shape).reshape(3, -1).T) - oxygen, axis=1).reshape(shape)
    for k, (radii, bond) in enumerate([(1.7 + 1.8, 1), (1.7 + 1.7, 0), (1.7 + 1.9, 0)]):
        np.testing.assert_allclose(energy[..., k], vina_energy(distance, radii, bond), rtol=0.01, atol=0.01)
    assert energy[..., 0].min() < -0.1, "no voxel at hydrogen-bond distance"


def test_vina_maps_prefer_the_right_type(entry, hiv, box):
    """Where the ligand has interactions, its type scores better than the opposite one."""
    if find_spec("vina") is None:  # not imported here: Open Babel comes first, see benchmarks/tools/pdbqt.py
        pytest.skip(REASON)
    method = load("vina_maps")
    volume = method.predict(entry, box)
    check(method, volume, box)
    found = find_interactions(hiv)
    for ours, other in (("hbond_donor", "hbond_acceptor"), ("hbond_acceptor", "hbond_donor")):
        points = found.point[found.channel == TYPED.index(ours)]
        voxels = tuple(np.rint(box.to_index(points)).astype(int).T)
        assert len(points) and (volume[ours].values[voxels] > volume[other].values[voxels]).mean() > 0.5, ours
    welcome = volume.values[volume.values > 0.5]
    assert len(welcome) > 1000
    energy, kept = (-logit(p.astype(float)) for p in (welcome, welcome.astype(np.float16)))
    assert np.abs(energy - kept).max() < 0.005, "stored as float16, energies are lost (kcal/mol)"


def test_vina_maps_name_the_extra_that_is_missing(monkeypatch):
    """Whoever lacks vina is told what to install, before the first entry."""
    monkeypatch.setitem(sys.modules, "vina", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pocketvox\[bench\]'"):
        vina_maps.method()


def test_a_map_of_another_lattice_is_refused(tmp_path):
    """Values half a voxel off would be wrong without a word."""
    header = "GRID_PARAMETER_FILE x\nGRID_DATA_FILE x\nMACROMOLECULE x\nSPACING 0.75\nNELEMENTS 2 2 2\nCENTER 1 0 0\n"
    path = tmp_path / "x.map"
    path.write_text(header + "\n".join(str(i) for i in range(27)))
    values = read_map(path, Grid((0.25, -0.75, -0.75), (3, 2, 3), 0.75))
    assert values.shape == (3, 2, 3) and values[1, 0, 2] == 19 and values[2, 1, 0] == 5
    with pytest.raises(InputError, match="Expected a map on"):
        read_map(path, Grid((0.625, -0.75, -0.75), (3, 2, 3), 0.75))
    with pytest.raises(InputError, match="Expected a map on"):
        read_map(path, Grid((0.25, -0.75, -0.75), (3, 2, 4), 0.75))


def test_the_example_of_a_method_stays_short():
    """The leaderboard shows this file as the example of how a tool is added."""
    with open(vina_maps.__file__, encoding="utf-8") as handle:
        assert len(handle.readlines()) < 30


# ------------------------------------------------------------------------------------------------------ nearest pocket
@pytest.fixture(scope="module")
def pocket(hiv):
    """The bundled complex as a stored structure, and the way to another place of its receptor."""
    points, found, ligand = receptor_points(hiv.receptor), find_interactions(hiv), hiv.ligands[0].coord
    away = points.coord[:900].mean(axis=0) - ligand.mean(axis=0)

    def item(id: str, turn: np.ndarray, shift: np.ndarray = 0.0, split: str = "train") -> StoreItem:
        coord, ours, label = (
            rotate_coord(c, turn, (5.0, -3.0, 8.0)) + 20 for c in (points.coord, ligand + shift, found.point + shift)
        )
        group = np.zeros(len(ours), np.int32)
        return StoreItem(
            id, split, ("c",), "test", coord.astype(np.float32), points.features.astype(np.uint8), points.radius,
            ours.astype(np.float32), group, ("L",), label.astype(np.float32), found.channel, found.ligand, NONE, NONE,
        )  # fmt: skip

    return item, away


def write_store(path, *items):
    with create_store(path, FEATURES, {}) as h5:
        for item in items:
            write_item(h5, item)
    return path


@pytest.mark.parametrize("turn", [0, 7, 22])
def test_nearest_pocket_recovers_its_own_labels(turn, entry, hiv, box, pocket, tmp_path, monkeypatch):
    """From a turned and moved copy of the pocket among others; from the others alone it does not."""
    item, away = pocket
    rotations = cube_rotations()
    others = [item(f"other{n}", rotations[n], (1 - 2 * (n % 2)) * away) for n in (3, 16)]
    unseen = item("validation", rotations[0], split="val")
    with_own = write_store(tmp_path / "with.h5", *others, item("own", rotations[turn]))
    without = write_store(tmp_path / "without.h5", *others, unseen)
    monkeypatch.setattr(nearest_pocket, "NEIGHBOURS", 1)
    found = find_interactions(hiv)
    truth = label_volume(found.point, found.channel, NONE, box).values[..., : len(TYPED)].astype(bool)
    jaccard = []
    for path in (with_own, without):
        monkeypatch.setenv("POCKETVOX_STORE", str(path))
        labels = load("nearest-pocket").predict(entry, box).values > 0.5
        jaccard.append((labels & truth).sum() / (labels | truth).sum())
    assert jaccard[0] > 0.9 and jaccard[1] < 0.3


def test_nearest_pocket_averages_its_neighbours(entry, box, pocket, tmp_path, monkeypatch):
    """Three pockets, two of them the same: two thirds where these have a label."""
    item, away = pocket
    turns = cube_rotations()
    path = write_store(tmp_path / "s.h5", item("a", turns[0]), item("b", turns[9]), item("c", turns[3], away))
    monkeypatch.setenv("POCKETVOX_STORE", str(path))
    method = load("nearest_pocket")
    values = method.predict(entry, box).values
    assert values.shape == (*box.shape, len(TYPED)) and values.dtype == np.float32 and method.kind == "control"
    assert set(np.unique((values * 3).round(4)).tolist()) >= {0.0, 2.0} and values.max() <= 1


def test_search_ranks_by_similarity(hiv, pocket, tmp_path):
    """A copy has the similarity 1, a part of the protein elsewhere less; no more hits than pockets."""
    item, away = pocket
    store = Store(write_store(tmp_path / "s.h5", item("a", cube_rotations()[5], away), item("b", cube_rotations()[13])))
    points = receptor_points(hiv.receptor)
    center = hiv.ligands[0].coord.mean(axis=0)
    hits = PocketIndex(store).search(points.coord, points.features, center, 5)
    assert [hit.pocket.id for hit in hits] == ["b", "a"]
    assert hits[0].similarity > 0.99 > 0.9 > hits[1].similarity


def test_nearest_pocket_needs_a_site(entry, box):
    """Whole-protein grids have no ligand to centre on."""
    with pytest.raises(InputError, match="needs a site"):
        nearest_pocket.predict(replace(entry, set="pairs"), box)


def test_a_store_of_other_features_is_refused(tmp_path):
    """Columns would be compared with other columns."""
    with create_store(tmp_path / "s.h5", ("a", "b"), {}):
        pass
    with pytest.raises(InputError, match="Expected the features"):
        PocketIndex(Store(tmp_path / "s.h5"))
