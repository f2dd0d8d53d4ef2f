"""From structures on disk to a verified store: sources, curation, clusters, splits, build, verification."""

from __future__ import annotations

import csv
import gzip
import shutil
from dataclasses import replace

import numpy as np
import pytest
from store_fixture import make_item
from tiny_complex import make_atoms, make_complex, make_ligand

from data_prep import build, cluster, curate, sources, split, verify
from data_prep.sources import Source
from pocketvox.channels import LABEL_RADIUS
from pocketvox.data.store import Store, create_store, write_item
from pocketvox.errors import InputError
from pocketvox.features import FEATURES

# Curation: one fit complex, and for every rule a case on either side of its limit


def chain(n: int) -> np.ndarray:
    """Positions of ``n`` chain atoms along x."""
    return np.stack([1.3 * np.arange(n), 0.4 * (np.arange(n) % 2), np.zeros(n)], axis=1)


def case(smiles="CCCCCCCC", *, contacts=20, gap=4.0, extra=(), resolution=None, chemistry="file"):
    """A ligand chain with a wall of receptor carbons ``gap`` away from its first atom, and further receptor atoms."""
    n = make_ligand_size(smiles)
    ligand = replace(make_ligand(smiles, chain(n)), chemistry=chemistry)
    wall = [("ALA", {"CB": (0.01 * k, -gap, 0)}) for k in range(contacts)]
    complex_ = make_complex(make_atoms(*wall, *extra), ligand)
    return replace(complex_, structure=replace(complex_.structure, resolution=resolution))


def make_ligand_size(smiles: str) -> int:
    from rdkit import Chem

    return Chem.MolFromSmiles(smiles).GetNumAtoms()


def verdict(complex_) -> str | None:
    return curate.rejection(complex_, complex_.ligands[0])


def ion(distance: float):
    return ("ZN", {"ZN:Zn": (0, distance, 0)}, "other")


#: word of the reason, a complex just inside the rule, one just outside
RULES = {
    "fewer than 6 or more": [
        (case("C" * curate.MIN_ATOMS), case("C" * (curate.MIN_ATOMS - 1))),
        (case("C" * curate.MAX_ATOMS), case("C" * (curate.MAX_ATOMS + 1))),
    ],
    "elements": [(case("CCC[SiH2]CCC"), case("CCC[AsH]CCC")), (case("CCCBCCC"), case("CCC[Hg]CCC"))],
    "carbon atoms": [(case("OCCCOOO"), case("OCCOOOO"))],
    "bond orders": [(case(chemistry="dictionary"), case(chemistry="perceived"))],
    "resolution": [(case(resolution=3.5), case(resolution=3.51)), (case(resolution=None), case(resolution=9.9))],
    "nearer than": [
        (case(extra=[("ALA", {"C": (0, 2.01, 0)})]), case(extra=[("ALA", {"C": (0, 1.99, 0)})])),
        (case(extra=[ion(1.9)]), case(extra=[("ALA", {"C": (0, 1.9, 0)})])),  # coordination is no clash
        (case(extra=[("ALA", {"H": (0, 1.5, 0)})]), case(extra=[("ALA", {"N": (0, 1.5, 0)})])),
    ],
    "receptor atoms within": [
        (case(contacts=curate.MIN_CONTACTS), case(contacts=curate.MIN_CONTACTS - 1)),
        (case(gap=curate.CONTACT - 0.05), case(gap=curate.CONTACT + 0.05)),
    ],
}


@pytest.mark.parametrize("word", RULES)
def test_curation_rule(word):
    for fit, unfit in RULES[word]:
        assert verdict(fit) is None
        assert word in verdict(unfit)


def test_every_rule_is_tested():
    reasons = [reason for reason, _ in curate.RULES]
    assert len(reasons) == len(RULES)
    assert all(sum(word in reason for reason in reasons) == 1 for word in RULES)


def test_a_receptor_of_metal_only_is_not_a_clash():
    """No atom to clash with: the rule that fails is the one about contacts."""
    complex_ = make_complex(make_atoms(ion(2.0)), make_ligand("CCCCCC", chain(6)))
    assert "receptor atoms within" in verdict(complex_)


# Splits


def test_assign_is_stable():
    """The split of a cluster depends on its name alone: these were drawn once and must never move."""
    splits = split.assign(["c0", "c1", "c10"])
    assert splits == {"c0": "test", "c1": "train", "c10": "val"}
    more = split.assign([f"c{i}" for i in range(500)])
    assert splits.items() <= more.items()


def test_assign_follows_the_fractions():
    names = [f"cluster {i}" for i in range(4000)]
    for fractions in ({"val": 0.05, "test": 0.1}, {"val": 0.3, "test": 0.2}, {"val": 0.0, "test": 0.0}):
        values = list(split.assign(names, fractions).values())
        for name in ("val", "test"):
            assert values.count(name) / len(names) == pytest.approx(fractions[name], abs=0.02)
    assert set(split.assign(names)) == set(names)


def test_leaks():
    members = [("train", ["a", "b"]), ("train", ["b"]), ("val", ["c"]), ("test", ["d"])]
    assert split.leaks(members) == {}
    assert split.leaks([*members, ("test", ["x", "b"]), ("val", ["d"])]) == {
        "b": {"train", "test"},
        "d": {"test", "val"},
    }


def test_no_cluster_of_the_shared_manifest_is_in_two_splits(data_root):
    """The splits pocketvox is trained and scored on: no family of the pocket's chains on both sides."""
    entries = sources.from_manifest(data_root / "manifest.csv")
    assert len(entries) > 1000
    assert split.leaks((s.split, s.clusters) for s in entries) == {}


def test_no_scored_pocket_family_is_in_any_training_chain(data_root):
    with (data_root / "manifest.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    trained = {c for r in rows if r["split"] == "train" for c in r["all_clusters"].replace(";", ",").split(",") if c}
    scored = {c for r in rows if r["split"] != "train" for c in r["pocket_clusters"].replace(";", ",").split(",") if c}
    assert len(scored) > 20
    assert not trained & scored


# Clusters

#: UniProt P69905, P68871, P00698, P00709 (mature chains), P0CG48 (one repeat) and the HIV-1 protease of PDB 1HVR.
ALPHA = (
    "VLSPADKTNVKAAWGKVGAHAGEYGAEALERMFLSFPTTKTYFPHFDLSHGSAQVKGHGKKVADALTNAVAHVDDMPNALSALSDLHAHKLRVDPVNFKLLSHCLLVTLAAHL"
    "PAEFTPAVHASLDKFLASVSTVLTSKYR"
)
BETA = (
    "VHLTPEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRFFESFGDLSTPDAVMGNPKVKAHGKKVLGAFSDGLAHLDNLKGTFATLSELHCDKLHVDPENFRLLGNVLVCV"
    "LAHHFGKEFTPPVQAAYQKVVAGVANALAHKYH"
)
LYSOZYME = (
    "KVFGRCELAAAMKRHGLDNYRGYSLGNWVCAAKFESNFNTQATNRNTDGSTDYGILQINSRWWCNDGRTPGSRNLCNIPCSALLSSDITASVNCAKKIVSDGNGMNAWVAWRN"
    "RCKGTDVQAWIRGCRL"
)
LACTALBUMIN = (
    "KQFTKCELSQLLKDIDGYGGIALPELICTMFHTSGYDTQAIVENNESTEYGLFQISNKLWCKSSQVPQSRNICDISCDKFLDDDITDDIMCAKKILDIKGIDYWLAHKALCTE"
    "KLEQWLCEKL"
)
UBIQUITIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
PROTEASE = "PQITLWQRPLVTIKIGGQLKEALLDTGADDTVLEEMSLPGRWKPKMIGGIGGFIKVRQYDQILIEICGHKAIGTVLVGPTPVNIIGRNLLTQIGCTLNF"


def test_homologues_together_unrelated_apart():
    """Hemoglobin alpha and beta (43 % identical), lysozyme and lactalbumin (39 %): pairs; the others alone."""
    sequences = [BETA, LYSOZYME, UBIQUITIN, ALPHA, PROTEASE, LACTALBUMIN, BETA]
    assert cluster.cluster_sequences(sequences) == [0, 1, 2, 0, 3, 1, 0]


def test_clusters_do_not_depend_on_order():
    sequences = [BETA, LYSOZYME, UBIQUITIN, ALPHA, PROTEASE, LACTALBUMIN]
    groups = set()
    for order in (range(6), reversed(range(6))):
        chosen = [sequences[i] for i in order]
        numbers = cluster.cluster_sequences(chosen)
        groups.add(
            frozenset(frozenset(s for s, n in zip(chosen, numbers, strict=True) if n == k) for k in set(numbers))
        )
    assert len(groups) == 1


def test_coverage_counts_half_of_the_shorter_chain():
    """A shared piece of 80 of 141 residues links two chains, one of 60 does not, significant though it is."""
    rest = (LYSOZYME + UBIQUITIN)[:200]
    assert cluster.homologous(ALPHA, ALPHA[:80] + rest, 1000)
    assert not cluster.homologous(ALPHA, ALPHA[:60] + rest, 1000)


def test_significance_depends_on_what_was_searched():
    """Twelve equal residues are significant among twenty, not among a million."""
    word = "MKWVTFISLLFL"
    assert cluster.homologous(word, word, 20)
    assert not cluster.homologous(word, word, 1_000_000)


def test_unusual_letters_are_aligned_as_unknown():
    """Selenocysteine and pyrrolysine are in no substitution matrix; they must not end a build."""
    selenium = ALPHA.replace("C", "U").replace("W", "O")
    assert cluster.cluster_sequences([ALPHA, selenium, UBIQUITIN]) == [0, 0, 1]


@pytest.mark.parametrize("sequences", [[], [""], ["", "", "AC"], ["X" * 50, "G"]])
def test_short_and_empty_sequences(sequences):
    assert len(cluster.cluster_sequences(sequences)) == len(sequences)


def test_joined_clusters():
    """A site between chains of two clusters ties both to one side of the split."""
    assert cluster.join_clusters([]) == []
    a, b, c, d = cluster.join_clusters([(0,), (0, 1), (1,), (2,)])
    assert a == b == c != d


def items_named(*names) -> list:
    return [replace(make_item(name), split="", clusters=()) for name in names]


def test_a_site_between_two_chains_does_not_leak():
    chains = [(ALPHA,), (BETA, UBIQUITIN), (UBIQUITIN,), (PROTEASE,), ("",)]
    items = build.with_splits(items_named("a", "b", "c", "d", "e"), chains)
    assert split.leaks((i.split, i.clusters) for i in items) == {}
    assert len({i.split for i in items[:3]}) == 1
    assert [len(i.clusters) for i in items] == [1, 2, 1, 1, 1]
    assert verify.problems(items) == []


def test_splits_do_not_depend_on_the_order_of_files():
    chains = {"a": (ALPHA,), "b": (LYSOZYME,), "c": (UBIQUITIN,), "d": (PROTEASE,), "e": (BETA, LACTALBUMIN)}
    found = []
    for names in ("abcde", "edcba", "cabed"):
        items = build.with_splits(items_named(*names), [chains[n] for n in names])
        found.append({i.id: i.split for i in items})
    assert found[0] == found[1] == found[2]


def test_splits_of_a_manifest_are_kept():
    items = [make_item("a", split="test", clusters=("H1",)), make_item("b", split="val", clusters=("H2",))]
    assert build.with_splits(items, [(ALPHA,), (ALPHA,)]) == items


def test_touching_sequences():
    """Chains within reach of the ligand, each once; copies of one sequence count once; far chains do not count."""
    near = make_atoms(("ALA", {"CA": (0, 3.0, 0)}), ("SER", {"CA": (0, 6.0, 0)}), ("q!?", {"CA": (0, 9.0, 0)}))
    copy = make_atoms(("ALA", {"CA": (0, -3.0, 0)}), ("SER", {"CA": (0, -6.0, 0)}), ("q!?", {"CA": (0, -9.0, 0)}))
    far = make_atoms(("TRP", {"CA": (0, 0, 30.0)}))
    calcium = make_atoms(("CA", {"CA:Ca": (0, 0, 3.0)}, "other"))
    parts = []
    for number, (atoms, name) in enumerate(((near, "A"), (copy, "B"), (far, "C"), (calcium, "D"))):
        parts.append(replace(atoms, chain_id=np.full(len(atoms), name), residue=atoms.residue + 10 * number))
    receptor = replace(near, **{f: np.concatenate([getattr(p, f) for p in parts]) for f in near.__dict__})
    ligand = make_ligand("CC", [(0, 0, 0), (1.5, 0, 0)])
    assert build.touching_sequences(make_complex(receptor, ligand)) == ("ASX",)
    assert build.touching_sequences(make_complex(parts[2], ligand)) == ("",)
    assert build.touching_sequences(make_complex(parts[3], ligand)) == ("",)


# Sources


def test_pdbbind_folder(tmp_path):
    for name, files in {
        "1abc": ["1abc_protein.pdb", "1abc_ligand.sdf", "1abc_ligand.mol2"],
        "2abc": ["2abc_protein.pdb.gz", "2abc_ligand.mol2"],
        "3abc": ["3abc_protein.pdb"],
    }.items():
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).touch()
    found = sources.from_pdbbind(tmp_path)
    assert [(s.id, s.structure.split("/")[-1], s.ligand.split("/")[-1]) for s in found] == [
        ("1abc", "1abc_protein.pdb", "1abc_ligand.sdf"),
        ("2abc", "2abc_protein.pdb.gz", "2abc_ligand.mol2"),
    ]


def test_entries_folder(tmp_path):
    for name in ("1abc.cif.gz", "2abc.PDB", "3abc.bcif", "frame.1.pdb", "frame.2.pdb", "notes.txt", "ligand.sdf"):
        (tmp_path / name).touch()
    assert [s.id for s in sources.from_entries(tmp_path)] == ["1abc", "2abc", "3abc", "frame.1", "frame.2"]


def test_ids(tmp_path):
    path = tmp_path / "ids.txt"
    path.write_text("# mine\n1HVR  # protease\n\n4cup\n1hvr\n")
    assert [(s.id, s.structure) for s in sources.from_ids(path)] == [("1hvr", "1hvr"), ("4cup", "4cup")]


def manifest(path, *rows, columns="id,kind,path,split,pocket_clusters,resolution"):
    path.write_text("\n".join([columns, *rows]) + "\n")
    return path


def test_manifest(tmp_path):
    path = manifest(
        tmp_path / "m.csv",
        "1abc,complex,complexes/1abc,train,H1;H2,2.5",
        "1abc,entry,entries/1abc.cif,train,H1,",
        "2abc,entry,entries/2abc.cif,test,,1.0",
    )
    found = {s.id: s for s in sources.from_manifest(path)}
    assert set(found) == {"1abc-complex", "1abc-entry", "2abc"}
    one = found["1abc-complex"]
    assert one.clusters == ("H1", "H2")
    assert (one.split, one.resolution) == ("train", 2.5)
    assert one.ligand == str(tmp_path / "complexes/1abc/1abc_ligand.sdf")
    assert found["1abc-entry"] == Source(
        id="1abc-entry", structure=str(tmp_path / "entries/1abc.cif"), split="train", clusters=("H1",)
    )


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        (["1abc,ligand,x,train,H1,"], "'ligand'"),
        (["1abc,entry,x,training,H1,"], "'training'"),
        (["1abc,entry,x,train,H1,high"], "'high'"),
        (["1abc,entry,x,train,H1,", "1abc,entry,y,train,H1,"], "1abc"),
        ([], "columns"),
    ],
)
def test_manifest_errors(tmp_path, rows, word):
    with pytest.raises(InputError, match=word):
        sources.from_manifest(manifest(tmp_path / "m.csv", *rows))


def test_source_errors(tmp_path):
    """Each says what was expected; none is a traceback."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.txt").write_text("# nothing\n")
    (tmp_path / "twice").mkdir()
    for name in ("1abc.pdb", "1abc.cif.gz"):
        (tmp_path / "twice" / name).touch()
    for read, name in (
        (sources.from_manifest, "missing.csv"),
        (sources.from_pdbbind, "missing"),
        (sources.from_pdbbind, "empty"),
        (sources.from_entries, "missing"),
        (sources.from_entries, "empty"),
        (sources.from_entries, "twice"),
        (sources.from_ids, "missing.txt"),
        (sources.from_ids, "empty.txt"),
    ):
        with pytest.raises(InputError, match="expected"):
            read(tmp_path / name)
    with pytest.raises(InputError, match="columns"):
        sources.from_manifest(manifest(tmp_path / "m.csv", "1abc,entry", columns="id,kind"))


# Build and verify


@pytest.fixture(scope="module")
def built(tmp_path_factory, demo_file):
    """A store of the bundled entry, beside three files that nothing can be learnt from."""
    folder = tmp_path_factory.mktemp("entries")
    shutil.copy(demo_file, folder)
    with gzip.open(demo_file, "rt") as handle:
        polymer = [line for line in handle if not line.startswith(("HETATM", "CONECT"))]
    (folder / "empty.pdb").write_text("")
    (folder / "apo.pdb").write_text("".join(polymer))
    (folder / "prose.cif").write_text("This is no structure.\n")
    store = folder.parent / f"{folder.name}.h5"
    build.build(sources.from_entries(folder), store, workers=1)
    return store


def test_build_keeps_what_is_fit(built, demo_file):
    item = Store(built).load()
    assert [i.id for i in item] == [demo_file.name.split(".")[0]]
    item = item[0]
    assert len(item.ligand_names) == 1
    assert item.split in split.SPLITS
    assert len(item.clusters) == 1
    assert item.features.shape == (len(item.coord), len(FEATURES))
    assert len(item.point_coord) > 10
    assert set(item.point_group.tolist()) == {0}
    rows = np.column_stack([item.point_channel, item.point_coord])
    assert len(np.unique(rows, axis=0)) == len(rows)  # one point however many partners


def test_a_complex_without_interactions_is_stored():
    """A ligand that touches nothing has no points; that is data too."""
    complex_ = make_complex(make_atoms(("GLY", {"CA": (0, 4.0, 0)})), make_ligand("CCC", chain(3)))
    item = build.make_item(Source("x", "x", split="train", clusters=("c",)), complex_, np.empty((0, 3)))
    assert item.point_coord.shape == (0, 3)
    assert len(item.point_channel) == len(item.point_group) == 0
    assert verify.problems([item]) == []


def test_surface_points_are_near_and_free(built):
    item = Store(built).load()[0]
    atoms = item.coord[item.features[:, FEATURES.index("occupancy")] > 0]
    distance = np.linalg.norm(item.surface_coord[:, None] - atoms[None], axis=2).min(axis=1)
    assert len(distance) == build.SURFACE_POINTS
    assert distance.min() >= build.PROBE_CLEARANCE - 1e-3
    assert distance.max() <= build.PROBE_DISTANCE + 1e-3


def test_build_names_what_it_rejects(built):
    with open(f"{built}.rejected.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert {r["structure"] for r in rows} == {"apo", "empty", "prose"}
    assert not [r for r in rows if r["reason"].startswith("internal error")]
    assert all(r["reason"] for r in rows)


def test_verify_finds_nothing_in_it(built, capsys):
    assert verify.main([str(built)]) == 0
    assert "1 structures, 1 ligands, 1 clusters" in capsys.readouterr().out


def test_building_twice_gives_the_same(built, demo_file):
    one, _, chains = build.build_item(Source("1hvr", str(demo_file), origin="x"))
    two, _, _ = build.build_item(Source("1hvr", str(demo_file), origin="x"))
    assert len(chains) == 1  # a homodimer: one sequence
    assert cluster.cluster_sequences([PROTEASE, *chains]) == [0, 0]
    for name in ("coord", "features", "point_coord", "point_channel", "surface_coord"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_resolution_of_the_manifest_counts(demo_file):
    item, rejected, _ = build.build_item(Source("1hvr", str(demo_file), resolution=9.0))
    assert item is None
    assert "resolution" in rejected[0][2]


def test_output_is_checked_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "ProcessPoolExecutor", None)  # would be called if reading began
    (tmp_path / "there.h5").touch()
    for path, word in ((tmp_path / "there.h5", "exists"), (tmp_path / "no" / "s.h5", "folder")):
        with pytest.raises(InputError, match=word):
            build.build([Source("1hvr", "1hvr")], path)


def test_main_says_what_is_wrong(tmp_path, caplog):
    assert build.main(["--entries", str(tmp_path), "-o", str(tmp_path / "s.h5")]) == 1
    assert "expected structure files" in caplog.text
    assert list(tmp_path.iterdir()) == []


def store_of(path, items):
    with create_store(path, ("hydrophobic", "donor", "acceptor"), {}) as h5:
        for item in items:
            write_item(h5, item)
    return path


GOOD = [make_item("a", split="train", clusters=("c0",)), make_item("b", split="val", clusters=("c1",), seed=1)]
FAR_POINT = np.array([[0, 0, 60.0]], np.float32)

#: a word of the complaint -> items with that one problem
PLANTED = {
    "cluster c0 is in ['train', 'val']": [GOOD[0], replace(GOOD[1], clusters=("c1", "c0"))],
    "split 'all'": [replace(GOOD[0], split="all"), GOOD[1]],
    "no sequence cluster": [replace(GOOD[0], clusters=()), GOOD[1]],
    "no ligand": [
        replace(
            GOOD[0], ligand_coord=np.empty((0, 3), "f4"), ligand_group=np.empty(0, "i4"), ligand_names=(),
            point_coord=np.empty((0, 3), "f4"), point_channel=np.empty(0, "u1"), point_group=np.empty(0, "i4"),
        ),
        GOOD[1],
    ],
    "from its ligand": [
        replace(
            GOOD[0], point_coord=np.concatenate([GOOD[0].point_coord[:-1], FAR_POINT]),
        ),
        GOOD[1],
    ],
    "empty": [],
}  # fmt: skip


@pytest.mark.parametrize("complaint", PLANTED)
def test_verify_finds_each_problem(complaint, tmp_path, capsys):
    path = store_of(tmp_path / "s.h5", PLANTED[complaint])
    assert verify.main([str(path)]) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("PROBLEM")]
    assert len(lines) == 1
    assert complaint in lines[0]


def test_verify_passes_good_items(tmp_path):
    assert verify.main([str(store_of(tmp_path / "s.h5", GOOD))]) == 0


def test_point_of_another_ligand_is_found():
    """The distance is that to the point's own ligand; a point on a neighbouring ligand is as wrong as one far away."""
    item = make_item("a", ligands=2)
    swapped = replace(item, point_group=1 - item.point_group)
    assert verify.problems([item]) == []
    assert "from its ligand" in verify.problems([swapped])[0]
    unknown = replace(item, point_group=item.point_group + 7)
    assert "belongs to no ligand" in verify.problems([unknown])[0]


def test_point_distance_limit():
    """A ring's centroid lies 1.4 A from its atoms; twice the label radius is too far."""
    for factor, count in ((1.99, 0), (2.01, 1)):
        ligand = GOOD[0].ligand_coord
        top = int(ligand[:, 2].argmax())
        point = ligand[top : top + 1] + np.array([[0, 0, factor * LABEL_RADIUS]], np.float32)
        item = replace(GOOD[0], point_coord=point, point_channel=np.zeros(1, "u1"), point_group=np.zeros(1, "i4"))
        assert len(verify.problems([item])) == count


def test_verify_main_errors(tmp_path, capsys):
    assert verify.main([]) == 2
    assert verify.main([str(tmp_path / "none.h5")]) == 1
    assert "error:" in capsys.readouterr().err
