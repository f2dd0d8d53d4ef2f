"""The cross-check against other tools: its arithmetic, what it feeds them, and whose atoms their answers name."""

from __future__ import annotations

import csv
import json
import re

import gemmi
import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from benchmarks import interactions_crosscheck as crosscheck
from benchmarks.tools.interaction_tools import TOOLS, Contact, ToolRun, load_detector, prepare, run_tool
from pocketvox.structure.components import component_mol

PROTEIN = """\
ATOM      7  N   SER A  52B      1.000   2.000   3.000  1.00 10.00           N
ATOM      8  HA  SER A  52B      1.500   2.000   3.000  1.00 10.00           H
HETATM    9  O   HOH A 301      -4.000   0.000   0.000  1.00 10.00           O
ATOM     10  CB  ALA    -3       5.000   0.000   0.000  1.00 10.00           C
HETATM   11 ZN    ZN A 201       9.000   0.000   0.000  1.00 10.00          ZN
ATOM     12  CG  UNK A  60       9.000   5.000   0.000  1.00 10.00           C
"""


def contact(type_, residue, distance=3.0, atom="N"):
    return Contact(type_, residue, "GLY", atom, "O1", distance)


def run(*contacts, error=""):
    return ToolRun(tuple(contacts), 0.5, error)


@pytest.fixture
def two_tools():
    left = {
        "a": run(contact("hbond", "A:1"), contact("hbond", "A:2", 2.9), contact("hydrophobic", "A:1", 2.0)),
        "b": run(contact("hbond", "A:1"), contact("hbond", "A:1", 2.7, "O"), contact("hbond", "A:1", 3.1, "N")),
        "c": run(contact("hbond", "A:7")),
    }
    right = {
        "a": run(contact("hbond", "A:2"), contact("hbond", "A:3")),
        "b": run(contact("hbond", "B:1")),
        "c": run(error="ValueError: cannot read"),
    }
    return left, right


def write_complex(folder):
    """A protein of six records and ethanimine, whose N-H reading keeps because it defines the stereochemistry."""
    mol = Chem.AddHs(Chem.MolFromSmiles("C/C=N/[H]"))
    AllChem.EmbedMolecule(mol, randomSeed=1)
    Chem.MolToMolFile(mol, str(folder / "x.sdf"))
    (folder / "x.pdb").write_text(PROTEIN)
    return prepare(folder / "x.pdb", folder / "x.sdf", folder)


# ------------------------------------------------------------------------------------------------------- arithmetic
def test_pooled_jaccard_pools_residues_over_complexes_where_both_tools_ran(two_tools):
    # a: shared A:2 of A:1 A:2 A:3; b: nothing shared of A:1 B:1; c: one tool failed
    jaccard, shared, total = crosscheck.pooled_jaccard(*two_tools, "hbond")
    assert (shared, total) == (1, 5)
    assert jaccard == pytest.approx(0.2)


def test_pooled_jaccard_keeps_types_apart_and_is_undefined_for_nothing(two_tools):
    assert crosscheck.pooled_jaccard(*two_tools, "hydrophobic") == (0.0, 0, 1)
    assert np.isnan(crosscheck.pooled_jaccard(*two_tools, "pi_stacking")[0])


def test_disagreements_name_the_nearest_contact_of_each_residue_only_one_tool_finds(two_tools):
    rows = [(i, c.residue, c.distance, c.atom) for i, c in crosscheck.disagreements(*two_tools, "hbond")]
    assert rows == [("a", "A:1", 3.0, "N"), ("b", "A:1", 2.7, "O")]


def test_disagreement_report_groups_by_residue_and_atom_name(two_tools):
    text = crosscheck.disagreement_report({"pocketvox": two_tools[0], "prolif": two_tools[1]}, "prolif")
    only_ours, only_theirs = text.split("hbond: only in ProLIF, 2 residues")
    assert "hbond: only in pocketvox, 2 residues" in only_ours
    assert re.search(r"  1  GLY O +2\.70 / 2\.70 / 2\.70   b A:1 O1 2\.70", only_ours)
    assert re.search(r"  2  GLY N +3\.00 / 3\.00 / 3\.00   a A:3 O1 3\.00, b B:1", only_theirs)


def test_pairs_are_also_compared_where_every_tool_ran(two_tools):
    third = {"a": two_tools[0]["a"], "b": run(error="X: y"), "c": two_tools[0]["c"]}
    summary = crosscheck.summarise({"pocketvox": two_tools[0], "prolif": two_tools[1], "plip": third})
    pair = summary["jaccard_common"]["pocketvox-prolif"]
    assert pair["complexes"] == 1  # b failed in the third, c in the second
    assert pair["hbond"] == {"jaccard": pytest.approx(1 / 3), "shared": 1, "total": 3}
    assert summary["jaccard"]["pocketvox-plip"]["complexes"] == 2


def test_table_is_made_from_the_result_file_and_reports_failures(two_tools):
    runs = {"pocketvox": two_tools[0], "prolif": two_tools[1]}
    results = {
        "versions": {"pocketvox": "1", "prolif": "2"},
        "hardware": "here",
        "cached": [],
        "summary": crosscheck.summarise(runs),
    }
    text = crosscheck.table(json.loads(json.dumps(results)))
    assert "| pocketvox - ProLIF | 2, both ran | 0.200 (1 / 5) | 0.000 (0 / 1) | nan (0 / 0) |" in text
    assert "| ProLIF | 2 | 3 | 0 | 0 | 1 | 0.500 |" in text
    assert "pocketvox is 1.0 times as fast as ProLIF" in text
    assert "ProLIF failed on c: ValueError: cannot read." in text
    cached = crosscheck.table({**results, "cached": ["prolif"]})
    assert "times as fast" not in cached
    assert "| 1 | cached |" in cached


# ------------------------------------------------------------------------------------------------ what the tools get
def test_prepared_files_hold_the_same_heavy_atoms_under_consecutive_serials(tmp_path):
    files = write_complex(tmp_path)
    records = [line for line in files.protein_with_waters.read_text().splitlines() if line != "END"]
    assert [line[6:26] for line in records] == [
        "    1  N   SER A  52",
        "    2  CB  ALA Z  -3",  # an unused letter where the file has no chain
        "    3  O   HOH A 301",
    ]
    assert files.protein.read_text().count("\n") == 3  # two atoms and END: no water, metal, hydrogen, unknown residue
    assert [files.residue(serial) for serial in (1, 2, 3)] == ["A:52B", "Z:-3", "A:301"]


def test_combined_file_is_pdb_that_another_program_reads_with_the_ligand_bonded(tmp_path):
    files = write_complex(tmp_path)
    structure = gemmi.read_structure(str(files.combined))
    names = [(c.name, r.name, str(r.seqid), a.name, a.element.name) for c in structure[0] for r in c for a in r]
    assert names[0] == ("A", "SER", "52B", "N", "N")
    assert names[3:] == [("Y", "LIG", "1", "C1", "C"), ("Y", "LIG", "1", "C2", "C"), ("Y", "LIG", "1", "N3", "N")]
    conect = [line for line in files.combined.read_text().splitlines() if line.startswith("CONECT")]
    # the double bond is told by repetition
    assert conect == ["CONECT    4    5", "CONECT    5    4    6    6", "CONECT    6    5    5"]
    assert Chem.MolToSmiles(Chem.MolFromMolFile(str(files.ligand))) == "CC=N"
    assert files.symbols == ("C", "C", "N")


def test_ligand_that_cannot_be_sanitised_is_named(tmp_path):
    (tmp_path / "x.pdb").write_text(PROTEIN)
    (tmp_path / "bad.sdf").write_text("not a molecule\n")
    with pytest.raises(ValueError, match=r"cannot sanitise the ligand. Received: .*bad.sdf"):
        prepare(tmp_path / "x.pdb", tmp_path / "bad.sdf", tmp_path)


# ------------------------------------------------------------------------------------------------ running the tools
def failing(files):
    raise KeyError("no such atom")


def test_a_tool_that_fails_is_a_result_with_its_message(tmp_path):
    found = run_tool("prolif", write_complex(tmp_path), load_detector(f"{__name__}:failing"))
    assert found.contacts == ()
    assert found.error == "KeyError: 'no such atom'"


def test_cache_gives_back_what_was_stored_until_a_version_changes(tmp_path, monkeypatch):
    versions = {"pocketvox": "1", "prolif": "2", "plip": "3"}
    monkeypatch.setattr(crosscheck, "tool_versions", lambda: versions)
    runs = {"prolif": run(contact("hbond", "A:1")), "plip": run(error="X: y"), "pocketvox": run()}
    crosscheck._store(tmp_path / "new", "1abc", runs)
    assert crosscheck._load(tmp_path / "new", "1abc") == {"prolif": runs["prolif"], "plip": runs["plip"]}
    versions["plip"] = "4"
    assert crosscheck._load(tmp_path / "new", "1abc").keys() == {"prolif"}
    assert crosscheck._load(tmp_path / "new", "2xyz") == {}


@pytest.fixture(scope="module")
def demo(tmp_path_factory, demo_file):
    """The bundled complex as a PDB file and an SDF, written by gemmi and RDKit, and all its positions."""
    folder = tmp_path_factory.mktemp("demo")
    structure = gemmi.read_structure(str(demo_file))
    structure.remove_alternative_conformations()
    structure.remove_hydrogens()
    residues = [(chain.name, residue) for chain in structure[0] for residue in chain]
    positions = {(f"{c}:{r.seqid}", atom.name): np.array(atom.pos.tolist()) for c, r in residues for atom in r}
    known = [(c, r) for c, r in residues if not gemmi.find_tabulated_residue(r.name).is_standard()]
    chain, ligand = max(known, key=lambda item: len(item[1]))
    mol = Chem.RemoveAllHs(component_mol(ligand.name))
    mol.RemoveAllConformers()
    conformer = Chem.Conformer(mol.GetNumAtoms())
    for atom in mol.GetAtoms():
        conformer.SetAtomPosition(atom.GetIdx(), positions[f"{chain}:{ligand.seqid}", atom.GetProp("name")])
    mol.AddConformer(conformer)
    Chem.MolToMolFile(mol, str(folder / "demo.sdf"))
    structure.write_pdb(str(folder / "demo.pdb"))
    return prepare(folder / "demo.pdb", folder / "demo.sdf", folder), positions, mol.GetConformer().GetPositions()


def check_distances(found, positions, ligand):
    """Each contact's distance, worked out again from the atoms it names."""
    for row in found.contacts:
        indices = [int(re.sub(r"^[A-Za-z]+", "", name)) for name in row.ligand.split()]
        protein = np.mean([positions[row.residue, name] for name in row.atom.split()], axis=0)
        separation = np.linalg.norm(protein - ligand[indices].mean(axis=0))
        assert separation == pytest.approx(row.distance, abs=0.01), row


def need(tool):
    if tool != "pocketvox":
        pytest.importorskip(tool, reason=f"{tool} is not installed: pip install pocketvox[bench]")


@pytest.mark.parametrize("tool", TOOLS)
def test_every_contact_in_the_bundled_complex_names_the_atoms_whose_distance_it_reports(tool, demo):
    need(tool)
    files, positions, ligand = demo
    found = run_tool(tool, files)
    assert found.error == ""
    assert found.seconds > 0
    assert {"A:25", "B:25"} & found.keys("hbond")  # the catalytic aspartates of HIV protease
    assert found.keys("hydrophobic")
    check_distances(found, positions, ligand)


@pytest.mark.parametrize("tool", TOOLS)
def test_every_contact_in_a_dimer_names_the_atoms_whose_distance_it_reports(tool, data_root, tmp_path):
    """10GS: a glutathione analogue between two chains; Ser 65 and, from the other chain, Asp 98 hold its peptide."""
    need(tool)
    folder = data_root / "complexes" / "10gs"
    files = prepare(folder / "10gs_protein.pdb.gz", folder / "10gs_ligand.sdf", tmp_path)
    found = run_tool(tool, files)
    assert found.error == ""
    assert {"A:65", "B:98"} <= found.keys("hbond")
    chains = gemmi.read_structure(str(files.protein_with_waters))[0]
    positions = {(f"{c.name}:{r.seqid}", a.name): np.array(a.pos.tolist()) for c in chains for r in c for a in r}
    check_distances(found, positions, Chem.MolFromMolFile(str(files.ligand)).GetConformer().GetPositions())


def test_both_lists_name_at_least_forty_distinct_complexes_of_different_clusters(data_root):
    rows = list(csv.DictReader((data_root / "manifest.csv").read_text().splitlines()))
    cluster = {row["id"]: row["pocket_clusters"] for row in rows if row["kind"] == "complex"}
    assert min(len(crosscheck.COMPLEXES), len(crosscheck.CONFIRMATION)) >= 40
    listed = [cluster[i] for i in (*crosscheck.COMPLEXES, *crosscheck.CONFIRMATION)]
    assert len(set(listed)) == len(listed)
