"""Pseudo-ligands beside pieces of one chain: interfaces, peptides, nucleotides and hetero groups."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_prep import cofactors, curate, cut, nucleotides, pieces, pseudo, verify
from data_prep.sources import Source
from pocketvox.channels import TYPED
from pocketvox.data import Store
from pocketvox.interactions import find_interactions
from pocketvox.interactions.sites import ligand_sites
from pocketvox.structure import read_complex
from pocketvox.structure.atoms import NUCLEIC, PROTEIN, WATER

DNA = Path(__file__).parent / "data" / "1pfe.cif.gz"
NOTHING = np.empty(0, int)


def bare(complex_):
    return cofactors.with_residues(complex_, NOTHING)


def drawn(pool, kind, seed=0):
    return [piece for _, piece in pieces.drawn([pool], kind, np.random.default_rng(seed))]


def sites_of(complex_, piece):
    """Sites of a piece with its caps, names of these atoms, which are its own, and its interactions."""
    near, own = cut.cut_out(complex_, piece)
    found = cut.own_interactions(find_interactions(near), own)
    return ligand_sites(near.ligands[0]), np.array(near.ligands[0].atom_names), own, found


@pytest.fixture(scope="module")
def protease(demo_file):
    return read_complex(demo_file)


@pytest.fixture(scope="module")
def dimer(protease):
    complex_ = bare(protease)
    return pieces.Pool(complex_, cofactors.foreign_atoms(protease), pieces.find_pieces(complex_))


def shortened(demo_file, first):
    """HIV protease with chain B from residue ``first`` to its end at 99: the strand that pairs with chain A's."""
    structure = read_complex(demo_file).structure
    atoms = structure.atoms
    keep = (atoms.chain_id == "A") & (atoms.kind != WATER) | (atoms.chain_id == "B") & (atoms.res_id >= first)
    return read_complex(replace(structure, atoms=atoms[keep], links=np.empty((0, 2), np.int32)))


# Interfaces


def test_interfaces_touch_mostly_the_other_chain(dimer):
    """Counted by plain distances: more than half of the atoms around an interface are the other chain's."""
    atoms = dimer.complex_.receptor
    share = {}
    for kind in ("residues", "interfaces"):
        for piece in drawn(dimer, kind):
            left = np.setdiff1d(np.arange(len(atoms)), piece.removed)
            distance = np.linalg.norm(atoms.coord[left][:, None] - atoms.coord[piece.atoms], axis=2).min(axis=1)
            chains = atoms.chain_id[left[distance <= curate.CONTACT]]
            share.setdefault(kind, []).append((chains != atoms.chain_id[piece.atoms[0]]).mean())
    assert min(share["interfaces"]) > 0.5 >= max(share["residues"])
    assert len(share["interfaces"]) > 3


def test_interfaces_of_the_protease(dimer):
    """The dimer is held together by its termini and by the flaps' tips, not by residue 59 at the far end."""
    numbers = {number for piece in drawn(dimer, "interfaces") for _, number, _ in piece.residues}
    assert {96, 97} <= numbers
    assert 59 not in numbers


def test_half_of_the_contacts_is_not_most(dimer):
    atoms = dimer.complex_.receptor
    piece = next(p for p in dimer.pieces if p.name == "A:THR 96")
    a, b = (np.flatnonzero(atoms.chain_id == chain)[:20] for chain in "AB")
    assert pieces._is_of("residues", atoms, piece, np.r_[a, b])
    assert not pieces._is_of("interfaces", atoms, piece, np.r_[a, b])
    assert pieces._is_of("interfaces", atoms, piece, np.r_[a[1:], b])


# Peptides


@pytest.mark.parametrize(("first", "kind"), [(80, "peptides"), (79, "interfaces")])
def test_peptides_are_short_chains(demo_file, first, kind):
    """Of chain B 20 residues are a peptide, 21 a protein; chain A is a protein beside either."""
    complex_ = shortened(demo_file, first)
    assert not {"B"} - set(complex_.receptor.chain_id.tolist())
    pool = pieces.Pool(bare(complex_), cofactors.foreign_atoms(complex_), pieces.find_pieces(bare(complex_)))
    of_kind = {k: {p.name[0] for p in drawn(pool, k)} for k in ("peptides", "interfaces")}
    assert "B" in of_kind[kind]
    assert "A" not in of_kind["peptides"]
    assert "B" not in of_kind[({"peptides", "interfaces"} - {kind}).pop()]


def test_peptides_that_are_ligands(demo_file):
    """Ten residues are a ligand to the reader: for this kind they are cut as any chain, their neighbours dropped."""
    complex_ = shortened(demo_file, 90)
    assert "B:LEU 90+9" in [ligand.name for ligand in complex_.ligands]
    pool = cofactors.with_peptides(complex_)
    pool = replace(pool, pieces=pieces.find_pieces(pool.complex_))
    assert set(bare(complex_).receptor.chain_id.tolist()) == {"A"}
    found = drawn(pool, "peptides")
    assert found
    assert {p.name[0] for p in found} == {"B"}
    piece = next(p for p in pool.pieces if p.name == "B:LEU 97")
    near, _ = cut.cut_out(pool.complex_, piece)
    left = near.receptor.res_id[near.receptor.chain_id == "B"]
    assert set(left.tolist()) == {90, 91, 92, 93}
    peptide = next(g.coord for g in complex_.ligands if g.name.startswith("B:"))
    assert not {tuple(x) for x in peptide.tolist()} & {tuple(x) for x in pool.foreign.tolist()}
    assert cofactors.with_peptides(read_complex(demo_file)) is None


# Nucleotides


@pytest.fixture(scope="module")
def dna():
    return bare(read_complex(DNA))


def nucleotide(complex_, name):
    return next(p for p in nucleotides.find_nucleotides(complex_) if p.name == name)


def test_nucleotides_nucleosides_and_bases(dna):
    """Sizes by the structural formulas; the ends of the strand give bases only."""
    sizes = {p.name: len(p.atoms) for p in nucleotides.find_nucleotides(dna)}
    assert [sizes[f"A:DA 5{part}"] for part in ("", " nucleoside", " base")] == [21, 18, 10]
    assert [sizes[f"A:DT 4{part}"] for part in ("", " nucleoside", " base")] == [20, 17, 9]
    assert {name for name in sizes if " 1" in name or " 8" in name} == {"A:DG 1 base", "A:DC 8 base"}


def test_neighbours_of_a_nucleotide_are_dropped(dna):
    near, _ = cut.cut_out(dna, nucleotide(dna, "A:DA 5 base"))
    assert set(near.receptor.res_id[near.receptor.kind == NUCLEIC].tolist()) == {1}


def test_nucleotide_ends_are_phosphodiesters(dna):
    """Its own phosphate is charged, the next one is no part of it, and no cut oxygen is a hydroxyl."""
    sites, names, own, _ = sites_of(dna, nucleotide(dna, "A:DA 5"))
    assert sorted(names[~own]) == ["C3'", "O3'", "O5'", "OP1", "OP2", "P"]
    assert set(names[(sites.donor > 0) & own]) == {"N6"}
    assert set(names[(sites.acceptor > 0) & own]) >= {"OP1", "OP2", "N1", "N3", "N7", "O4'"}
    charged = [set(names[g.atoms]) for g in sites.negative if own[g.atoms].all()]
    assert charged == [{"OP1", "OP2"}]
    assert sorted(len(ring.atoms) for ring in sites.rings) == [5, 6]
    assert not sites.positive


def test_incomplete_and_modified_nucleotides(dna):
    atoms = dna.receptor
    lacking = {"P": {"A:DA 5 base"}, "N6": set(), "C3'": set()}
    for name, expected in lacking.items():
        rest = replace(dna, receptor=atoms[~((atoms.res_id == 5) & (atoms.name == name))])
        assert {p.name for p in nucleotides.find_nucleotides(rest) if " 5" in p.name} == expected


def test_nucleotides_touch_mostly_protein(dna):
    atoms = dna.receptor
    piece = nucleotide(dna, "A:DA 5")
    for n_protein, chosen in ((20, False), (21, True)):
        mixed = replace(atoms, kind=np.where(np.arange(len(atoms)) < n_protein, PROTEIN, NUCLEIC).astype(np.uint8))
        assert pieces._is_of("nucleotides", mixed, piece, np.arange(40)) == chosen


# Hetero groups


def test_ligands_of_the_real_store_are_no_pieces(protease):
    assert [ligand.name for ligand in protease.ligands] == ["A:XK2 263"]
    assert not cofactors.find_cofactors(protease)


def test_a_group_left_aside_makes_what_it_makes_as_a_ligand(protease, demo_file):
    """With another residue named as ligand the inhibitor is left aside: a piece, with the inhibitor's interactions."""
    (pool,) = cofactors.find_cofactors(read_complex(demo_file, around="B:TYR 59"))
    (piece,) = drawn(pool, "cofactors")
    assert piece.name == "A:XK2 263"
    _, _, own, found = sites_of(pool.complex_, piece)
    expected = find_interactions(protease)
    assert own.all()
    assert 20 < len(found) == len(expected)
    assert Counter(found.channel.tolist()) == Counter(expected.channel.tolist())
    np.testing.assert_allclose(found.point, expected.point)


def test_incomplete_groups_are_no_pieces(demo_file):
    structure = read_complex(demo_file).structure
    atoms = structure.atoms
    last = np.flatnonzero(atoms.res_name == "XK2")[-1]
    lacking = replace(structure, atoms=atoms[np.arange(len(atoms)) != last])
    assert not cofactors.find_cofactors(read_complex(lacking, around="B:TYR 59"))


@pytest.mark.parametrize(
    ("code", "weight"),
    [
        ("GOL", 1.0),
        ("CIT", cofactors.CHARGE_WEIGHT),  # three carboxylates
        ("IPH", cofactors.RING_WEIGHT),  # phenol
        ("BEN", cofactors.RING_WEIGHT * cofactors.CHARGE_WEIGHT),  # benzamidine
        ("4CH", cofactors.RING_WEIGHT * cofactors.HALOGEN_WEIGHT),  # 4-chlorophenol
    ],
)
def test_rare_groups_are_wanted_more(code, weight):
    assert cofactors.component_weight(code) == weight


@pytest.fixture(scope="module")
def source_of(data_root):
    by_id = {s.id: s for s in pseudo.train_sources(data_root / "manifest.csv")[0]}
    return by_id.__getitem__


def test_haem_leaves_its_iron(source_of):
    """Cytochrome c: four nitrogens bind the iron and none donates; both cysteines it is bonded to are dropped."""
    complex_ = read_complex(source_of("1ycc").structure)
    pool = next(p for p in cofactors.find_cofactors(complex_) if p.pieces[0].name == "A:HEM 118")
    piece = pool.pieces[0]
    sites, names, own, found = sites_of(pool.complex_, piece)
    assert len(piece.atoms) == 42  # 43 heavy atoms of protoporphyrin IX with iron
    assert Counter(names[~own].tolist()) == {"CB": 2, "SG": 2}
    assert not (sites.donor[own] > 0).any()
    binding = [names[a].tolist() for a, c in zip(found.ligand_atoms, found.channel, strict=True) if TYPED[c] == "metal"]
    assert sorted(sum(binding, [])) == ["NA", "NB", "NC", "ND"]
    rest = cut.cut_out(pool.complex_, piece)[0].receptor
    assert rest.element[rest.res_name == "HEM"].tolist() == ["Fe"]
    assert (pool.complex_.receptor.res_name == "CYS").sum() - (rest.res_name == "CYS").sum() == 2 * 6


def test_groups_that_are_one_only_by_their_metal_are_no_pieces(source_of):
    """Adenosine phosphotungstate without its tungsten would be AMP and loose oxygens."""
    complex_ = read_complex(source_of("6fit").structure)
    assert "AMW" in complex_.receptor.res_name
    assert "A:AMW 148" not in [p.pieces[0].name for p in cofactors.find_cofactors(complex_)]


def test_items_of_a_complex_with_dna(source_of):
    items = pseudo.pseudo_items(source_of("1g9z"), kinds=("nucleotides",), per_structure=3)
    assert {pseudo.kind_of(item.id) for item in items} == {"nucleotides"}
    assert {item.source for item in items} == {"pseudo"}
    assert len(items) == 3
    assert verify.problems(items) == []
    channels = {TYPED[c] for item in items for c in item.point_channel}
    assert {"hbond_acceptor", "salt_bridge_anion"} <= channels
    for item in items:
        heavy = item.coord[item.features[:, 0] > 0]
        assert np.linalg.norm(heavy[:, None] - item.ligand_coord, axis=2).min() >= curate.CLASH


# Kinds together


def test_kinds_take_turns(demo_file):
    source = Source("1hvr", str(demo_file), split="train", clusters=("H1",))
    both = pseudo.pseudo_items(source, kinds=("residues", "interfaces"), per_structure=4, reach=9.0)
    assert [item.id for item in both] == [f"1hvr_{k}{n}" for n, k in enumerate(["interfaces", "residues"] * 2)]
    assert [pseudo.kind_of(item.id) for item in both] == ["interfaces", "residues"] * 2
    alone = pseudo.pseudo_items(source, kinds=("interfaces",), per_structure=1, reach=9.0)
    assert alone[0].ligand_names == both[0].ligand_names
    assert not pseudo.pseudo_items(source, kinds=("nucleotides", "peptides", "cofactors"))


def test_counts_of_a_build(demo_file, tmp_path, caplog):
    """The log ends with what the store holds, kind by kind."""
    caplog.set_level("INFO", logger="data_prep")
    source = Source("1hvr", str(demo_file), split="train", clusters=("H1",))
    pseudo.build([source], tmp_path / "s.h5", workers=1, kinds=("interfaces",), per_structure=2, reach=9.0)
    points = Counter(TYPED[c] for item in Store(tmp_path / "s.h5").load() for c in item.point_channel)
    assert sum(points.values()) > 0
    row = ", ".join(f"{name} {points[name]}" for name in TYPED)
    assert caplog.messages[-1] == f"interfaces: pieces 2, {row}"


def test_unknown_kind(capsys):
    with pytest.raises(SystemExit) as stop:
        pseudo.main(["--manifest", "m.csv", "-o", "s.h5", "--kinds", "residues,waters"])
    assert stop.value.code == 2
    assert "Received: residues,waters" in capsys.readouterr().err
