"""What is a ligand, how it is selected, and where its chemistry comes from."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from conftest import DEMO
from pdb_lines import BENZAMIDINE, STEP, atom, chain, group, text
from rdkit import Chem
from rdkit.Chem import AllChem

from pocketvox.errors import LigandError, SelectionError
from pocketvox.structure.complexes import read_complex
from pocketvox.structure.components import component_atoms, component_mol
from pocketvox.structure.ligand_file import ligand_from_file
from pocketvox.structure.ligand_mol import ligand_mol
from pocketvox.structure.ligands import partition
from pocketvox.structure.read import read_structure

DATA = Path(__file__).parent / "data"
HERE = np.array([12.0, -1.0, 3.5])  # beside the chain, in contact with it
THERE = HERE + 6 * STEP  # likewise, far from HERE
ALONG = 1.5 * STEP / np.linalg.norm(STEP)
LINE = {f"C{i + 1}": i * ALONG for i in range(12)}  # atoms in a row beside the chain, cut to any length


def row(n):
    return dict(list(LINE.items())[:n])


@pytest.fixture
def structure(tmp_path):
    """Structure of a 14-residue chain and whatever else is given."""

    def run(*parts, names="ALA " * 14):
        path = tmp_path / "x.pdb"
        path.write_text(text(chain(names), *parts))
        return read_structure(path)

    return run


def why(part, name):
    return dict(part.rejected)[name]


def check_complete(structure, part):
    """Every atom is in exactly one place."""
    every = np.concatenate([part.receptor, part.waters, part.ignored, *part.ligands])
    assert sorted(every.tolist()) == list(range(len(structure.atoms)))


# ------------------------------------------------------------------------------------------------ the rules


def test_a_small_molecule_is_a_ligand(structure):
    s = structure(group(BENZAMIDINE, "BEN", 201, HERE), group({"O": (0, 0, 0)}, "HOH", 301, (0, -8, 0)))
    part = partition(s)
    assert part.names == ("A:BEN 201",) and len(part.ligands[0]) == 9 and len(part.waters) == 1
    check_complete(s, part)


@pytest.mark.parametrize(("size", "is_ligand"), [(6, False), (7, True)])
def test_the_fewest_heavy_atoms(structure, size, is_ligand):
    assert bool(partition(structure(group(row(size), "LIG", 201, HERE))).ligands) is is_ligand


@pytest.mark.parametrize(("size", "is_ligand"), [(100, True), (101, False)])
def test_the_most_heavy_atoms(structure, size, is_ligand):
    zigzag = {f"C{i}": (1.5 * (i % 10), 1.5 * (i // 10), 0) for i in range(size)}
    part = partition(structure(group(zigzag, "BIG", 201, HERE - (0, 13.5, 0))))
    assert bool(part.ligands) is is_ligand


@pytest.mark.parametrize(("distance", "is_ligand"), [(5.9, True), (6.1, False)])
def test_a_ligand_touches_the_receptor(structure, distance, is_ligand):
    far = group({f"C{i}": (-1.5 * i, 0, 0) for i in range(8)}, "LIG", 201, (-distance, 0, 0))  # before the first N
    assert bool(partition(structure(far)).ligands) is is_ligand


@pytest.mark.parametrize(
    ("atoms", "code", "place", "reason"),
    [
        (BENZAMIDINE, "EPE", "ignored", "additive"),
        (row(9), "LMT", "ignored", "additive"),
        ({"S": (0, 0, 0), "O1": (1.4, 0, 0)}, "SO4", "ignored", "additive"),
        ({"ZN": (0, 0, 0)}, "ZN", "receptor", "metal ion"),
        ({"CL": (0, 0, 0)}, "CL", "ignored", "additive"),
        ({**row(9), "FE": (0, 2.0, 0)}, "HEM", "receptor", "prosthetic"),
        ({**row(9), "CU": (0, 2.0, 0)}, "QQQ", "receptor", "metal cofactor"),
        ({**row(9), "PT": (0, 2.0, 0)}, "QQQ", "ignored", "metal complex"),
        ({f"N{i}": (1.5 * i, 0, 0) for i in range(9)}, "QQQ", "ignored", "inorganic"),
        ({**{f"S{i}": (1.5 * i, 0, 0) for i in range(9)}, "FE": (0, 2.0, 0)}, "QQQ", "receptor", "metal cofactor"),
        ({**{f"O{i}": (1.5 * i, 0, 0) for i in range(9)}, "CU": (0, 2.0, 0)}, "QQQ", "ignored", "inorganic"),
    ],
)
def test_what_is_no_ligand_and_where_it_goes(structure, atoms, code, place, reason):
    elements = {"ZN": "Zn", "CL": "Cl", "FE": "Fe", "CU": "Cu", "PT": "Pt"}
    lines = [atom(n, code, "A", 201, HERE + xyz, het=True, element=elements.get(n, n[0])) for n, xyz in atoms.items()]
    s = structure(lines)
    part = partition(s)
    assert not part.ligands and reason in why(part, f"A:{code} 201")
    assert set(s.atoms.res_name[getattr(part, place)]) >= {code}
    check_complete(s, part)


def test_an_alias_of_chloride_is_not_chlorophyll(structure):
    s = structure(atom("CLA", "CLA", "A", 201, HERE, het=True, element="CL"))  # CHARMM's name of chloride
    assert set(s.atoms.element[s.atoms.res_name == "CLA"]) == {"Cl"}
    assert "CLA" not in s.atoms.res_name[partition(s).receptor]


def test_residues_joined_by_bonds_are_one_ligand(structure):
    parts = [group(row(5), "AAA", 201, HERE), group(row(5), "BBB", 202, HERE + 5 * ALONG)]
    part = partition(structure(*parts))
    assert part.names == ("A:AAA 201+1",) and len(part.ligands[0]) == 10
    apart = [group(row(8), "AAA", 201, HERE), group(row(8), "BBB", 202, HERE + 8.4 * ALONG)]  # gap of 2.1 A
    assert partition(structure(*apart)).names == ("A:AAA 201", "A:BBB 202")


def test_alternatives_on_top_of_one_another_are_not_bonded_and_one_is_left(structure):
    twice = [
        group(row(8), "LIG", 201, HERE, occupancy=0.4),
        group(row(8), "LIG", 202, HERE + (0.3, 0.3, 0), occupancy=0.6),
    ]
    part = partition(structure(*twice))
    assert part.names == ("A:LIG 202",) and "lies on top" in why(part, "A:LIG 201")


@pytest.mark.parametrize(("length", "is_ligand"), [(10, True), (11, False)])
def test_a_short_chain_beside_a_longer_one_is_a_ligand(structure, length, is_ligand):
    s = structure(chain("GLY " * length, chain_id="P", origin=(0, -6, 0)))
    assert bool(partition(s).ligands) is is_ligand


def test_short_chains_alone_are_the_receptor(tmp_path):
    path = tmp_path / "amyloid.pdb"
    path.write_text(text(chain("GLY " * 6), chain("GLY " * 6, chain_id="B", origin=(0, -5, 0))))
    part = partition(read_structure(path))
    assert not part.ligands and len(part.receptor) == 60


def test_the_peptide_antibiotic_of_a_dna_complex_is_one_ligand_with_its_chromophores():
    part = partition(read_structure(DATA / "1pfe.cif.gz"))
    assert part.names == ("B:DSN 1+9",) and len(part.ligands[0]) == 76


def test_glycans_are_ignored_and_covalent_inhibitors_are_ligands_with_a_warning(structure):
    asn = atom("ND2", "ASN", "A", 5, np.array((2.0, -1.6, 2.4)) + 4 * STEP)
    reach = np.array((2.0, -1.6, 3.85)) + 4 * STEP
    sugar = group({f"C{i + 1}": (0, -1.5 * i, 0) for i in range(9)}, "NAG", 201, reach)
    part = partition(structure(asn, sugar, names="ALA " * 4 + "ASN " + "ALA " * 9))
    assert not part.ligands and why(part, "A:NAG 201") == "glycosylation"
    inhibitor = group({f"C{i + 1}": (0, -1.5 * i, 0) for i in range(9)}, "INH", 201, reach)
    part = partition(structure(asn, inhibitor, names="ALA " * 4 + "ASN " + "ALA " * 9))
    assert part.names == ("A:INH 201",) and "bonded to A:ASN 5:ND2" in part.warnings[0]
    bound = group({f"C{i + 1}": (0, -1.5 * i, 0) for i in range(9)}, "PLP", 201, reach)
    part = partition(structure(asn, bound, names="ALA " * 4 + "ASN " + "ALA " * 9))
    assert "cofactor bonded" in why(part, "A:PLP 201")
    small = group(row(3), "QQQ", 201, reach)
    part = partition(structure(asn, small, names="ALA " * 4 + "ASN " + "ALA " * 9))
    assert "modification" in why(part, "A:QQQ 201")


def test_largest_ligand_comes_first(structure):
    part = partition(structure(group(row(7), "AAA", 201, HERE), group(row(9), "BBB", 202, THERE)))
    assert part.names == ("A:BBB 202", "A:AAA 201")


def test_keep_puts_codes_into_the_receptor(structure):
    s = structure(group(row(9), "NAD", 201, HERE))
    assert "kept on request" in why(partition(s, keep=("nad",)), "A:NAD 201")
    assert not partition(s, keep="NAD").ligands


# ------------------------------------------------------------------------------------------------ selectors


@pytest.fixture
def crowded(structure):
    return structure(
        group(row(8), "MK1", 401, HERE),
        group(row(8), "MK1", 402, HERE + (0, -8, 0), chain_id="B"),
        group(row(3), "GOL", 403, HERE + (0, -4, 0), ins="B"),
        group(row(8), "017", 404, HERE + (0, -12, 0)),
        group(row(8), "NAD", 405, THERE),
    )


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("A:401", ["A:MK1 401"]),
        ("A:MK1", ["A:MK1 401"]),
        ("A:MK1 401", ["A:MK1 401"]),
        ("mk1", ["A:MK1 401", "B:MK1 402"]),
        ("MK1 402", ["B:MK1 402"]),
        ("A:403B", ["A:GOL 403B"]),
        ("A:403b", ["A:GOL 403B"]),
        ("017", ["A:017 404"]),
        ("A:3", ["A:ALA 3"]),
        ("GOL", ["A:GOL 403B"]),
    ],
)
def test_selectors_override_the_rules(crowded, selector, names):
    part = partition(crowded, around=selector)
    assert list(part.names) == names
    check_complete(crowded, part)


@pytest.mark.parametrize("selector", ["A:999", "B:401", "A:403", "XXX", "A:GOL 401", "C:MK1"])
def test_a_selector_without_match_lists_the_candidates(crowded, selector):
    with pytest.raises(SelectionError, match=r"nothing matches.*Candidates: .*A:MK1 401.*B:MK1 402"):
        partition(crowded, around=selector)


@pytest.mark.parametrize("selector", ["", "A:", "A:MK1 x", "A:MK1 401 3"])
def test_what_is_no_selector(crowded, selector):
    with pytest.raises(SelectionError, match="not a selector.*chain:number"):
        partition(crowded, around=selector)


def test_beside_a_selected_ligand_cofactors_are_receptor_and_copies_are_ignored(crowded):
    part = partition(crowded, around="A:401")
    assert "NAD" in crowded.atoms.res_name[part.receptor]
    assert {"017", "MK1"} <= set(crowded.atoms.res_name[part.ignored])


def test_further_copies_of_a_selected_cofactor_are_not_receptor(structure):
    s = structure(group(row(8), "NAD", 401, HERE), group(row(8), "NAD", 402, THERE))
    part = partition(s, around="A:401")
    assert set(s.atoms.res_id[part.ignored]) == {402}


def test_water_cannot_be_the_ligand(structure):
    with pytest.raises(SelectionError, match="is water"):
        partition(structure(group({"O": (0, 0, 0)}, "HOH", 301, (0, -8, 0))), around="A:301")


# ------------------------------------------------------------------------------------------------ chemistry


def ligand_of(structure, around=None):
    part = partition(structure, around=around)
    return ligand_mol(structure, part.ligands[0])


def heavy_smiles(mol):
    return Chem.MolToSmiles(Chem.RemoveHs(mol), isomericSmiles=False)


def test_bond_orders_come_from_the_dictionary(structure):
    ligand, notes = ligand_of(structure(group(BENZAMIDINE, "BEN", 201, HERE)))
    assert (ligand.chemistry, notes, ligand.name) == ("dictionary", (), "A:BEN 201")
    assert heavy_smiles(ligand.mol) == "N=C(N)c1ccccc1"
    assert ligand.atom_names == tuple(BENZAMIDINE)
    np.testing.assert_allclose(ligand.coord, HERE + list(BENZAMIDINE.values()), atol=1e-3)
    np.testing.assert_allclose(ligand.mol.GetConformer().GetPositions(), ligand.coord, atol=1e-5)


def test_missing_atoms_are_tolerated(structure):
    atoms = {k: v for k, v in BENZAMIDINE.items() if k != "N2"}
    ligand, _ = ligand_of(structure(group(atoms, "BEN", 201, HERE)))
    assert ligand.chemistry == "dictionary" and len(ligand.coord) == 8


def test_foreign_atom_names_are_matched_by_bonds(structure):
    renamed = {f"X{i}": xyz for i, xyz in enumerate(BENZAMIDINE.values())}
    lines = [
        atom(n, "BEN", "A", 201, HERE + xyz, het=True, element="N" if i > 6 else "C")
        for i, (n, xyz) in enumerate(renamed.items())
    ]
    ligand, _ = ligand_of(structure(lines))
    assert ligand.chemistry == "dictionary" and heavy_smiles(ligand.mol) == "N=C(N)c1ccccc1"


def test_a_code_that_means_another_molecule_is_perceived_with_a_warning(structure):
    ligand, notes = ligand_of(structure(group(BENZAMIDINE, "LIG", 201, HERE)))  # LIG is an indazole in the dictionary
    assert ligand.chemistry == "perceived" and "bond orders perceived" in notes[0]
    assert sum(a.GetIsAromatic() for a in ligand.mol.GetAtoms()) == 6


def test_a_selected_group_of_unknown_elements_is_an_error(structure):
    s = structure(group({f"Q{i}": i * ALONG for i in range(8)}, "UNL", 201, HERE, column="X"))
    assert not read_complex(s).ligands
    with pytest.raises(LigandError, match="unknown element"):
        read_complex(s, around="UNL")


def test_names_of_another_molecule_are_noticed_by_a_bond_that_the_dictionary_lacks(structure):
    atoms = {"C1": (0, 0, 0), "C2": (1.4, 0, 0), "N1": (2.1, 1.2, 0)}  # in BEN, N1 is not bonded to C2
    s = structure(group(atoms, "BEN", 201, HERE))
    ligand, _ = ligand_mol(s, np.flatnonzero(s.atoms.res_name == "BEN"))
    assert ligand.chemistry == "perceived" and ligand.mol.GetNumBonds() == 2


def test_hydrogens_of_the_input_stay_in_the_molecule(structure):
    lines = group({**BENZAMIDINE, "H2": (2.14, 1.235, 0)}, "BEN", 201, HERE)
    ligand, _ = ligand_of(structure(lines))
    assert ligand.mol.GetNumAtoms() == 10 and len(ligand.coord) == 9 and len(ligand.atom_names) == 9


def test_residues_of_one_ligand_are_joined():
    structure = read_structure(DATA / "1pfe.cif.gz")
    ligand, _ = ligand_of(structure)
    assert ligand.chemistry == "dictionary" and len(Chem.GetMolFrags(ligand.mol)) == 1
    assert ligand.mol.HasSubstructMatch(Chem.MolFromSmarts("C(=O)N")) and ligand.mol.GetRingInfo().NumRings() > 5


def test_the_bundled_complex():
    c = read_complex(DEMO)
    assert [(x.name, x.chemistry, len(x.coord)) for x in c.ligands] == [("A:XK2 263", "dictionary", 46)]
    assert heavy_smiles(c.ligands[0].mol) == heavy_smiles(component_mol("XK2"))
    assert len(c.receptor) + 46 == len(c.structure.atoms)


def test_component_dictionary():
    atoms, bonds = component_atoms("BEN")
    assert atoms["C1"] == ("C", 0) and bonds["C", "N1"] == 2
    assert component_mol("SO4").GetNumHeavyAtoms() == 5 and component_atoms("ZZZZZ") is None
    charged = Chem.GetFormalCharge(component_mol("NAD"))
    assert charged == 0 and any(a.GetFormalCharge() == 1 for a in component_mol("NAD").GetAtoms())


def test_every_listed_code_is_in_the_component_dictionary():
    from pocketvox.structure import additives

    lists = (additives.BUFFERS, additives.PRECIPITANTS, additives.LIPIDS, additives.IONS, additives.PROSTHETIC)
    lists += (additives.PROSTHETIC_IF_BOUND, additives.SUGARS, additives.COFACTORS)
    assert [code for codes in lists for code in sorted(codes) if component_atoms(code) is None] == []
    assert not additives.ADDITIVES & (additives.PROSTHETIC | additives.COFACTORS | additives.SUGARS)


# ------------------------------------------------------------------------------------------------ perception

MOLECULES = [
    "c1ccccc1C(=O)O", "CC(=O)Nc1ccc(O)cc1", "CC(C)Cc1ccc(cc1)C(C)C(=O)O", "c1ccc2[nH]ccc2c1", "C#N", "CC#CC",
    "CS(=O)(=O)c1ccccc1", "OP(=O)(O)OC", "O=[N+]([O-])c1ccccc1", "c1ccncc1", "CC(=O)OC", "C1CCCCC1N", "NC(=O)C=C",
    "CSc1ccccc1Cl", "O=c1cc[nH]c(=O)[nH]1", "N#Cc1ccccc1", "C1COCCN1",
]  # fmt: skip


@pytest.mark.parametrize("smiles", MOLECULES)
@pytest.mark.parametrize("hydrogens", [True, False])
def test_bond_orders_perceived_from_force_field_geometries(smiles, hydrogens):
    from pocketvox.structure.perceive import perceive_bonds

    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(mol, randomSeed=7) == 0
    AllChem.MMFFOptimizeMolecule(mol)
    if not hydrogens:
        mol = Chem.RemoveHs(mol)
    Chem.Kekulize(mol, clearAromaticFlags=True)
    bonds, charges = perceive_bonds(
        mol.GetConformer().GetPositions(), np.array([a.GetSymbol() for a in mol.GetAtoms()])
    )
    again = Chem.RWMol()
    for a, charge in zip(mol.GetAtoms(), charges, strict=True):
        again.AddAtom(Chem.Atom(a.GetSymbol()))
        again.GetAtomWithIdx(a.GetIdx()).SetFormalCharge(int(charge))
    for (i, j), order in bonds.items():
        again.AddBond(i, j, {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}[order])
    Chem.SanitizeMol(again)
    assert heavy_smiles(again.GetMol()) == Chem.CanonSmiles(smiles)


def test_a_phosphate_of_equal_bonds_has_one_double_bond():
    from pocketvox.structure.perceive import perceive_bonds

    corners = np.array([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]) * 1.55 / np.sqrt(3)
    bonds, _ = perceive_bonds(np.vstack([(0, 0, 0), corners]), np.array(["P", "O", "O", "O", "O"]))
    assert sorted(bonds.values()) == [1, 1, 1, 2]


# ------------------------------------------------------------------------------------------------ ligand files


@pytest.fixture
def sdf(tmp_path):
    """SDF of benzamidine posed beside the chain, and a way to change its text."""

    def run(change=lambda block: block, name="lig.sdf", shift=(0, 0, 0)):
        mol = Chem.RWMol()
        for atom_name in BENZAMIDINE:
            mol.AddAtom(Chem.Atom(atom_name[0]))
        for a, b, order in [
            (0, 1, 2),
            (1, 2, 1),
            (2, 3, 2),
            (3, 4, 1),
            (4, 5, 2),
            (5, 0, 1),
            (0, 6, 1),
            (6, 7, 2),
            (6, 8, 1),
        ]:
            mol.AddBond(a, b, Chem.BondType.values[order])
        conformer = Chem.Conformer(9)
        conformer.SetPositions(np.array(list(BENZAMIDINE.values())) + HERE + shift)
        mol.AddConformer(conformer)
        content = change(Chem.MolToMolBlock(mol.GetMol()) + "$$$$\n")
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return run


@pytest.fixture
def protein(tmp_path):
    def run(*parts):
        path = tmp_path / "protein.pdb"
        path.write_text(text(chain("ALA " * 14), *parts))
        return path

    return run


def test_ligand_from_sdf(sdf, protein):
    c = read_complex(protein(), ligand=sdf())
    (ligand,) = c.ligands
    assert (ligand.chemistry, ligand.name, len(ligand.index)) == ("file", "lig", 0)
    assert heavy_smiles(ligand.mol) == "N=C(N)c1ccccc1" and len(c.receptor) == 70
    packed = sdf(lambda block: gzip.compress(block.encode()), "lig.sdf.gz")
    np.testing.assert_array_equal(ligand_from_file(packed)[0].coord, ligand.coord)
    assert read_complex(protein(), around=str(packed)).ligands[0].chemistry == "file"


def test_a_group_that_the_given_ligand_lies_on_leaves_the_receptor(sdf, protein):
    path = protein(group(BENZAMIDINE, "HEM", 201, HERE + (0.2, 0, 0)), group(row(9), "NAD", 202, THERE))
    c = read_complex(path, ligand=sdf())
    assert set(c.ignored.res_name) == {"HEM"} and "NAD" in c.receptor.res_name
    apart = protein(group({"C1": (0, 0, 0), "C2": (1.5, 0, 0)}, "HEM", 201, HERE + (0, 0, 1.1)))
    assert "HEM" in read_complex(apart, ligand=sdf()).receptor.res_name  # 1.1 A away: not the same place


def test_a_ligand_in_another_frame_is_refused(sdf, protein):
    with pytest.raises(LigandError, match="not in the protein's frame"):
        read_complex(protein(), ligand=sdf(shift=(0, 0, 40)))


def test_ligand_from_mol2_and_pdb(tmp_path):
    mol2 = "@<TRIPOS>MOLECULE\nben\n 9 9 1\nSMALL\nNO_CHARGES\n\n@<TRIPOS>ATOM\n"
    types = ["C.ar"] * 6 + ["C.2", "N.2", "N.pl3"]
    for i, ((name, xyz), kind) in enumerate(zip(BENZAMIDINE.items(), types, strict=True), 1):
        mol2 += f"{i} {name} {xyz[0]:.4f} {xyz[1]:.4f} {xyz[2] + 1:.4f} {kind} 1 BEN 0.0\n"
    mol2 += "@<TRIPOS>BOND\n1 1 2 ar\n2 2 3 ar\n3 3 4 ar\n4 4 5 ar\n5 5 6 ar\n6 6 1 ar\n7 1 7 1\n8 7 8 2\n9 7 9 1\n"
    path = tmp_path / "ben.mol2"
    path.write_text(mol2)
    ligand, _ = ligand_from_file(path)
    assert heavy_smiles(ligand.mol) == "N=C(N)c1ccccc1" and ligand.atom_names[6] == "C"
    path = tmp_path / "ben.pdb"
    path.write_text(text(group(BENZAMIDINE, "BEN", 1, (0, 0, 1))))
    ligand, notes = ligand_from_file(path)
    assert ligand.chemistry == "perceived" and "perceived" in notes[0] and ligand.atom_names == tuple(BENZAMIDINE)


def test_several_molecules_the_first_is_used_with_a_warning(sdf):
    ligand, notes = ligand_from_file(sdf(lambda block: block + block.replace("N", "O")))
    assert "2 molecules in the file, the first is used" in notes[0]
    assert heavy_smiles(ligand.mol) == "N=C(N)c1ccccc1"


def test_impossible_valences_are_mended_or_perceived(sdf):
    methyls = [(0, 0, 0), (1.5, 0, 0), (-0.5, 1.41, 0), (-0.5, -0.7, 1.22), (-0.5, -0.7, -1.22)]
    block = "tma\n\n\n  5  4  0  0  0  0  0  0  0  0999 V2000\n"
    block += "".join(f"{x:10.4f}{y:10.4f}{z:10.4f} {'C' if i else 'N'}\n" for i, (x, y, z) in enumerate(methyls))
    block += "".join(f"  1{i:3d}  1\n" for i in range(2, 6)) + "M  END\n"
    ligand, notes = ligand_from_file(sdf(lambda unused: block))
    assert heavy_smiles(ligand.mol) == "C[N+](C)(C)C" and ligand.chemistry == "file" and "mended" in notes[0]
    overfull = sdf(lambda block: block.replace("  7  9  1  0", "  7  9  2  0"))  # carbon with five bonds
    ligand, notes = ligand_from_file(overfull)
    assert ligand.chemistry == "perceived" and "impossible" in notes[0]
    assert sum(a.GetIsAromatic() for a in ligand.mol.GetAtoms()) == 6


def _flat(block):
    lines = block.splitlines()
    for i in range(4, 13):
        lines[i] = lines[i][:20] + "    0.0000" + lines[i][30:]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda block: "", "file is empty"),
        (lambda block: "hello\n", "expected an SDF or MOL2 file. Received: text"),
        (lambda block: b"\0\1\2" * 99, "binary data"),
        (lambda block: block[: len(block) // 2], "cut off"),
        (lambda block: block.replace("  9  9  0", " 30 31  0"), "atom and bond counts"),
        (lambda block: block.replace("  9  9  0", "  0  0  0"), "without atoms"),
        (lambda block: block.replace(block.splitlines()[5][:10], "       nan"), "no possible position|counts"),
        (_flat, "flat drawing"),
        (lambda block: gzip.compress(block.encode())[:60], "gzip data are damaged"),
    ],
)
def test_unusable_ligand_files_get_one_line_with_name_and_remedy(sdf, change, message):
    path = sdf(change)
    with pytest.raises(LigandError, match=message) as caught:
        ligand_from_file(path)
    assert path.name in str(caught.value) and "\n" not in str(caught.value)


def test_missing_ligand_file_directory_and_receptor_as_ligand(tmp_path, protein):
    with pytest.raises(LigandError, match="no such file"):
        ligand_from_file(tmp_path / "none.sdf")
    with pytest.raises(LigandError, match="a directory"):
        ligand_from_file(tmp_path)
    big = tmp_path / "big.pdb"
    big.write_text(text(chain("ALA " * 80)))
    with pytest.raises(LigandError, match="Received: 400 heavy atoms"):
        ligand_from_file(big)
