"""Pseudo-ligands: which pieces are cut out of a protein, what they are as ligands, and what becomes of the rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from data_prep import curate, cut, pieces, pseudo, verify
from data_prep.sources import Source
from pocketvox.channels import CHANNELS, LIGAND, TYPED
from pocketvox.config import NetworkConfig, SamplingConfig
from pocketvox.data import UNKNOWN, Sampler, Store
from pocketvox.errors import InputError
from pocketvox.features import FEATURES, receptor_points
from pocketvox.interactions import find_interactions
from pocketvox.interactions.sites import covalent_neighbours, ligand_sites
from pocketvox.structure import read_complex
from pocketvox.structure.atoms import OTHER

ORC = Path(__file__).parent / "data" / "1orc.pdb.gz"

#: Kinds of pieces of protein chains.
CHAINS = ("residues", "interfaces", "peptides")
#: Heavy atoms of a residue inside a chain: counted from the structural formulas.
SIZES = {
    "ALA": 5, "ARG": 11, "ASN": 8, "ASP": 8, "CYS": 6, "GLN": 9, "GLU": 9, "GLY": 4, "HIS": 10, "ILE": 8, "LEU": 8,
    "LYS": 9, "MET": 8, "PHE": 11, "PRO": 7, "SER": 6, "THR": 7, "TRP": 14, "TYR": 12, "VAL": 7, "CSO": 7,
}  # fmt: skip


def prepared(path):
    """A complex as pieces are cut out of it: no hydrogens, no ligand."""
    complex_ = read_complex(path)
    return replace(complex_, receptor=complex_.receptor[complex_.receptor.heavy], ligands=())


@pytest.fixture(scope="module")
def repressor():
    return prepared(ORC)


@pytest.fixture(scope="module")
def protease(demo_file):
    return prepared(demo_file)


@pytest.fixture(scope="module")
def entries(demo_file):
    return [
        Source("1orc", str(ORC), split="train", clusters=("H1",)),
        Source("1hvr", str(demo_file), split="train", clusters=("H2", "H3")),
    ]


@pytest.fixture(scope="module")
def items(entries):
    return [item for source in entries for item in pseudo.pseudo_items(source)]


def piece_named(complex_, name):
    return next(piece for piece in pieces.find_pieces(complex_) if piece.name == name)


def typed(complex_, name):
    """Sites of the first tautomer of a piece, its own atoms' ``number + name``, and its interactions."""
    piece = piece_named(complex_, name)
    near, own = cut.cut_out(complex_, piece)
    atoms = complex_.receptor
    index = np.union1d(piece.atoms, piece.caps)
    labels = np.array([f"{atoms.res_id[i]} {atoms.name[i]}" for i in index])
    return ligand_sites(near.ligands[0]), labels, own, cut.own_interactions(find_interactions(near), own)


def chosen(labels, own, mask):
    return set(labels[np.asarray(mask, bool) & own].tolist())


# Which pieces


@pytest.mark.parametrize("name", ["repressor", "protease"])
def test_pieces_are_contiguous_and_complete(name, request):
    complex_ = request.getfixturevalue(name)
    atoms = complex_.receptor
    found = pieces.find_pieces(complex_)
    assert {len(p.residues) for p in found} == {1, 2, 3}
    assert len({p.name for p in found}) == len(found)
    for piece in found:
        near = covalent_neighbours(atoms.coord[piece.atoms], atoms.element[piece.atoms])
        graph = np.zeros((len(near), len(near)), bool)
        row, column = np.nonzero(near >= 0)
        graph[row, near[row, column]] = True
        assert connected_components(graph)[0] == 1, piece.name
        expected = sum(SIZES[residue[0]] for residue in piece.residues)
        assert len(piece.atoms) == expected - 4 * ("side chain" in piece.name)
        assert pieces.MIN_ATOMS <= len(piece.atoms) <= pieces.MAX_ATOMS


def test_chain_ends_are_no_pieces(protease):
    """The terminus is charged and a cut end is not; a piece needs a peptide bond on either side."""
    numbers = {number for p in pieces.find_pieces(protease) for _, number, _ in p.residues}
    assert numbers == set(range(2, 99))


def test_incomplete_residues_are_no_pieces(protease):
    atoms = protease.receptor
    gone = (atoms.chain_id == "A") & (atoms.res_id == 45) & (atoms.name == "CE")
    found = pieces.find_pieces(replace(protease, receptor=atoms[~gone]))
    assert not [p for p in found if p.name.startswith("A:") and ("LYS", 45, "") in p.residues]
    assert [p for p in found if p.name.startswith("B:") and ("LYS", 45, "") in p.residues]


def test_residues_bonded_across_are_no_pieces(protease):
    atoms = protease.structure.atoms
    sulfur = np.flatnonzero(atoms.name == "SG")
    assert (atoms.label(sulfur[0]), atoms.label(sulfur[1])) == ("A:CSO 67:SG", "B:CSO 67:SG")
    linked = replace(protease, structure=replace(protease.structure, links=sulfur[None].astype(np.int32)))
    with_cysteine = [[p for p in pieces.find_pieces(c) if ("CSO", 67, "") in p.residues] for c in (protease, linked)]
    assert [len(found) for found in with_cysteine] == [12, 0]


def test_rare_residues_are_wanted_more(repressor, protease):
    weight = {p.name: p.weight for p in pieces.find_pieces(protease)}
    assert weight["A:LYS 45"] == pieces.WEIGHTS["LYS"]
    assert weight["A:VAL 82"] == 1.0
    # beside the other chain; a salt bridge with Asp 29' too
    assert weight["A:ARG 8"] == pieces.WEIGHTS["ARG"] * pieces.INTERFACE_WEIGHT * pieces.PAIR_WEIGHT


def beside(complex_, name, distance, element):
    """The complex with one more receptor atom, beyond the NZ of a lysine piece by ``distance`` angstrom."""
    atoms = complex_.receptor
    piece = piece_named(complex_, name)
    nitrogen = atoms.coord[piece.atoms[atoms.name[piece.atoms] == "NZ"]]
    away = nitrogen - atoms.coord[piece.atoms].mean(axis=0)
    place = nitrogen + distance * away / np.linalg.norm(away)
    new = {"coord": place, "element": element, "name": element.upper(), "res_name": "UNL", "kind": OTHER}
    new["residue"] = atoms.residue.max() + 1
    columns = {f.name: getattr(atoms, f.name) for f in fields(atoms)}
    row = {n: np.array(new.get(n, c[0])).reshape(c[:1].shape).astype(c.dtype) for n, c in columns.items()}
    both = type(atoms)(**{n: np.concatenate([c, row[n]]) for n, c in columns.items()})
    return replace(complex_, receptor=both)


def test_residues_at_metals_are_wanted_more(repressor):
    weight = piece_named(repressor, "A:LYS 8").weight
    for distance, factor in ((pieces.NEAR_METAL - 0.05, pieces.METAL_WEIGHT), (pieces.NEAR_METAL + 0.05, 1.0)):
        metal = beside(repressor, "A:LYS 8", distance, "Zn")
        assert piece_named(metal, "A:LYS 8").weight == pytest.approx(weight * factor)


def test_clashing_pieces_are_unfit(repressor):
    """A receptor atom nearer than the limit of curation, and one just beyond it."""
    source, nothing = Source("x", "x", split="train", clusters=("H1",)), np.empty((0, 3), np.float32)
    for distance, fit in ((curate.CLASH - 0.05, False), (curate.CLASH + 0.05, True)):
        complex_ = beside(repressor, "A:LYS 18", distance, "C")
        item = pseudo._item(source, pieces.Pool(complex_, nothing, ()), piece_named(complex_, "A:LYS 18"), 12.0)
        assert (item is not None) == fit


def test_drawn_pieces_are_buried_like_ligands(protease):
    """Of all pieces few are buried as ligands are; of the drawn ones most are, and none lies on the surface."""
    atoms = protease.receptor
    found = pieces.find_pieces(protease)
    pool = pieces.Pool(protease, np.empty((0, 3)), found)
    drawn = [piece for kind in CHAINS for _, piece in pieces.drawn([pool], kind, np.random.default_rng(0))]

    def burial(piece):
        rest = np.delete(atoms.coord, piece.removed, axis=0)
        near = np.linalg.norm(rest[:, None] - atoms.coord[piece.atoms], axis=2).min(axis=1) <= curate.CONTACT
        return near.sum() / (pieces.TYPICAL_CONTACTS[0] + pieces.TYPICAL_CONTACTS[1] * len(piece.atoms))

    every, taken = ([burial(p) for p in group] for group in (found, drawn))
    assert min(taken) > pieces.ACCEPTED[0][0]
    assert np.median(every) < 0.6
    assert 0.75 < np.median(taken) < 1.25


def test_no_residue_is_used_twice(entries, protease):
    """Neither by two pieces of a chain nor by the same pieces of two copies of it."""
    names = [item.ligand_names[0] for item in pseudo.pseudo_items(entries[1], per_structure=60, reach=5.0)]
    assert 8 < len(names) < 60
    used = [residue for name in names for residue in piece_named(protease, name).residues]
    assert len(used) == len(set(used))


# What a piece is as a ligand


@pytest.mark.parametrize("name", ["A:LYS 45", "A:ASP 60", "A:GLY 51+2", "A:PRO 79+2"])
def test_cut_ends_are_peptide_groups(protease, name):
    """No ammonium, no aldehyde, no carboxylate: N-H donates (not proline's), C=O accepts, neither is charged."""
    sites, labels, own, _ = typed(protease, name)
    nitrogens = {label for label in labels[own] if label.endswith(" N")}
    prolines = {f"{number} N" for code, number, _ in piece_named(protease, name).residues if code == "PRO"}
    oxygens = {label for label in labels[own] if label.endswith(" O")}
    donors, acceptors = chosen(labels, own, sites.donor), chosen(labels, own, sites.acceptor)
    assert {label for label in donors if label.endswith(" N")} == nitrogens - prolines
    assert oxygens <= acceptors
    assert not nitrogens & acceptors
    assert not oxygens & donors
    charged = {labels[i] for group in (*sites.positive, *sites.negative) for i in group.atoms}
    assert not charged & (nitrogens | oxygens)
    assert set(np.unique(sites.donor[np.isin(labels, list(nitrogens - prolines))])) <= {2}  # in the peptide's plane


def test_lysine_and_aspartate_are_charged(protease):
    sites, labels, _, _ = typed(protease, "A:LYS 45")
    assert [labels[g.atoms].tolist() for g in sites.positive] == [["45 NZ"]]
    assert not sites.negative
    sites, labels, own, _ = typed(protease, "A:ASP 60")
    assert [sorted(labels[g.atoms].tolist()) for g in sites.negative] == [["60 OD1", "60 OD2"]]
    assert not sites.positive
    assert chosen(labels, own, sites.donor) == {"60 N"}


def test_tryptophan_side_chain(protease):
    sites, labels, own, _ = typed(protease, "A:TRP 6 side chain")
    assert chosen(labels, own, sites.donor) == {"6 NE1"}
    assert not sites.acceptor.any()
    assert sorted(len(ring.atoms) for ring in sites.rings) == [5, 6]
    # every carbon without nitrogen beside it; CB is the methylene it is in the chain, not a methyl
    carbons = {f"6 {name}" for name in ("CB", "CG", "CD2", "CE3", "CZ2", "CZ3", "CH2")}
    assert chosen(labels, own, sites.hydrophobic) == carbons


def test_histidine_is_neutral_and_both_tautomers(protease):
    near, own = cut.cut_out(protease, piece_named(protease, "A:HIS 69"))
    names = np.array(near.ligands[0].atom_names)
    donors = [set(names[(ligand_sites(g).donor > 0) & own]) for g in near.ligands]
    assert donors == [{"N", "ND1"}, {"N", "NE2"}]
    assert not any(ligand_sites(g).positive for g in near.ligands)


def test_hydrogen_bonds_of_a_sheet(protease):
    """The flap of HIV protease is a hairpin: residue 45 pairs with 56, N to O and O to N."""
    _, _, _, found = typed(protease, "A:LYS 45")
    rest = cut.cut_out(protease, piece_named(protease, "A:LYS 45"))[0].receptor
    bonds = {
        (TYPED[c], rest.label(int(r[0])))
        for c, r in zip(found.channel, found.receptor_atoms, strict=True)
        if TYPED[c].startswith("hbond")
    }
    assert bonds == {("hbond_donor", "A:VAL 56:O"), ("hbond_acceptor", "A:VAL 56:N")}


def test_salt_bridge(repressor):
    """Lys 18 lies 3.0 A from Asp 22; no acid is near Lys 8."""
    channels = {name: {TYPED[c] for c in typed(repressor, f"A:{name}")[3].channel} for name in ("LYS 18", "LYS 8")}
    assert "salt_bridge_cation" in channels["LYS 18"]
    assert "salt_bridge_cation" not in channels["LYS 8"]


# What remains


def test_neighbours_are_dropped(protease):
    near, _ = cut.cut_out(protease, piece_named(protease, "A:LYS 45"))
    left = {(c, n) for c, n in zip(near.receptor.chain_id.tolist(), near.receptor.res_id.tolist(), strict=True)}
    assert not left & {("A", n) for n in range(42, 49)}
    assert {("A", 41), ("A", 49), ("B", 42), ("B", 45), ("B", 48)} <= left


def test_items_are_fit(items, protease):
    assert len(items) > 8
    assert verify.problems(items) == []
    heavy = FEATURES.index("occupancy")
    for item in items:
        atoms = item.coord[item.features[:, heavy] > 0]
        distance = np.linalg.norm(atoms[:, None] - item.ligand_coord, axis=2).min(axis=1)
        assert distance.min() >= curate.CLASH
        assert (distance <= curate.CONTACT).sum() >= curate.MIN_CONTACTS
        assert item.source == "pseudo"
        assert item.split == "train"
        assert item.surface_coord.shape == (0, 3)
        assert len(item.ligand_names) == 1
    assert {item.clusters for item in items} == {("H1",), ("H2", "H3")}
    names = [name for item in items for name in item.ligand_names]
    assert len(set(names)) == len(names)


def test_dropped_atoms_have_no_features(items, repressor, protease):
    heavy = FEATURES.index("occupancy")
    for item in items:
        complex_ = repressor if item.id.startswith("1orc") else protease
        piece = piece_named(complex_, item.ligand_names[0])
        atoms = item.coord[item.features[:, heavy] > 0]
        for gone in complex_.receptor.coord[piece.removed]:
            assert np.abs(atoms - gone).max(axis=1).min() > 0.01
        ignored = {tuple(x) for x in item.ignored_coord.tolist()}
        left_out = np.setdiff1d(piece.removed, piece.atoms)
        assert {tuple(x) for x in complex_.receptor.coord[left_out].tolist()} <= ignored


def test_cut_features_are_those_of_the_whole_receptor(entries, protease):
    """Leaving out what no crop sees changes nothing of what is left."""
    item = pseudo.pseudo_items(entries[1], per_structure=1, reach=9.0)[0]
    near, _ = cut.cut_out(protease, piece_named(protease, item.ligand_names[0]))
    points = receptor_points(near.receptor)
    seen = np.linalg.norm(points.coord[:, None] - item.ligand_coord, axis=2).min(axis=1) <= 9.0
    rows = [np.column_stack([p.coord[s], p.features[s]]) for p, s in ((points, seen), (item, slice(None)))]
    assert 100 < len(rows[1]) < len(points) / 2
    expected, found = (r[np.lexsort(r.T)] for r in rows)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_pieces_do_not_touch_the_ligand(items, demo_file):
    ligand = read_complex(demo_file).ligands[0].coord
    for item in items:
        if item.id.startswith("1hvr"):
            assert np.linalg.norm(item.ligand_coord[:, None] - ligand, axis=2).min() > curate.CONTACT
            assert {tuple(x) for x in ligand.tolist()} & {tuple(x) for x in item.ignored_coord.tolist()}


def test_points_are_the_pieces_own(items):
    """No interaction of a cap counts: atom-based points lie on atoms of the piece."""
    atomic = [TYPED.index(name) for name in ("hbond_donor", "hbond_acceptor", "hydrophobic", "water_bridge")]
    assert sum(len(item.point_coord) for item in items) > 30
    for item in items:
        points = item.point_coord[np.isin(item.point_channel, atomic)]
        distance = np.linalg.norm(points[:, None] - item.ligand_coord, axis=2)
        assert distance.min(axis=1, initial=9.0).max(initial=0.0) < 1e-4


def test_crops_never_see_the_cut(items):
    """The reach covers the corner of the widest crop at full jitter, and the kernel of a carbon beyond it."""
    corner = np.sqrt(3) * 32 * 0.75 / 2 + 6.0
    assert pseudo.crop_reach() > corner + 1.5 * 1.7
    assert pseudo.crop_reach(18.0, 4.0) < pseudo.crop_reach() - 7.0


# From a manifest to a store


def same(a, b) -> bool:
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))


def test_store_does_not_depend_on_workers(entries, items, tmp_path):
    """One worker or two, one order or another: the same items; another seed: others."""
    reasons = pseudo.build(entries, tmp_path / "one.h5", workers=1)
    pseudo.build(entries[::-1], tmp_path / "two.h5", workers=2)
    assert reasons == Counter()
    one, two = (Store(tmp_path / f"{name}.h5").load("train") for name in ("one", "two"))
    assert [i.id for i in one] == sorted(i.id for i in items)
    assert all(same(a, b) for a, b in zip(one, two, strict=True))
    by_id = {i.id: i for i in items}
    assert all(same(a, by_id[a.id]) for a in one)
    others = pseudo.pseudo_items(entries[0], seed=1)
    assert [i.ligand_names for i in others] != [i.ligand_names for i in items if i.id.startswith("1orc")]


def test_batch_of_pseudo_ligands(items):
    config = SamplingConfig(crop_size=16, surface_fraction=1.0)  # no surface points: ligands all the same
    x, y = Sampler(items, config, NetworkConfig(features=FEATURES)).batch(0, 0, 3)
    assert x.shape == (3, 16, 16, 16, len(FEATURES))
    assert (y[..., CHANNELS.index(LIGAND)] == UNKNOWN).all()
    donor = y[..., CHANNELS.index("hbond_donor")]
    assert (donor == 0).any(axis=(1, 2, 3)).all()
    assert (donor == UNKNOWN).mean() > 0.5


MANIFEST = "id,kind,path,split,pocket_clusters,all_clusters,source,resolution\n"


def test_only_training_families(tmp_path):
    """Validation and test rows are never used, nor training rows with a chain of theirs, nor of unknown family."""
    rows = ["a,entry,a.pdb,train,,H1;H2", "b,entry,b.pdb,train,H3,H3", "c,entry,c.pdb,train,H4,H4;H9"]
    rows += ["d,entry,d.pdb,test,H9,H9;H8", "e,entry,e.pdb,val,H7,H7", "f,entry,f.pdb,train,,"]
    path = tmp_path / "m.csv"
    path.write_text(MANIFEST + "\n".join(f"{row},x,2.0" for row in rows) + "\n")
    found, held_out, skipped = pseudo.train_sources(path)
    assert [(s.id, s.clusters) for s in found] == [("a", ("H1", "H2")), ("b", ("H3",))]
    assert held_out == {"H7", "H9"}
    assert skipped == 2


@pytest.mark.parametrize("change", [{"split": "val"}, {"split": "test"}, {"split": ""}, {"clusters": ("H5", "H9")}])
def test_held_out_structures_are_refused(entries, tmp_path, change):
    with pytest.raises(InputError, match="held-out"):
        pseudo.build([replace(entries[0], **change)], tmp_path / "s.h5", held_out=frozenset({"H9"}))
    assert not list(tmp_path.iterdir())


def test_manifest_without_families(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("id,kind,path,split,pocket_clusters\na,entry,a.pdb,train,H1\n")
    with pytest.raises(InputError, match="all_clusters"):
        pseudo.train_sources(path)


def test_command(tmp_path, capsys):
    """A defective structure is named beside the store; the others are done."""
    (tmp_path / "b.pdb").write_text("")
    path = tmp_path / "m.csv"
    rows = [f"a,entry,{ORC},train,,H1,x,", "b,entry,b.pdb,train,,H2,x,", f"c,entry,{ORC},test,H9,H9,x,"]
    path.write_text(MANIFEST + "\n".join(rows) + "\n")
    out = tmp_path / "s.h5"
    options = ["--per-structure", "2", "--workers", "1", "--reach", "12"]
    assert pseudo.main(["--manifest", str(path), "-o", str(out), *options]) == 0
    assert Store(out).ids() == ["a_residues0", "a_residues1"]
    assert "\nb,," in (tmp_path / "s.h5.rejected.csv").read_text()
    assert pseudo.main(["--manifest", str(path), "-o", str(out), *options]) == 1
