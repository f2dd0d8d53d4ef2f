"""Roles of ligand atoms by SMARTS: a truth table with near misses, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem, RDLogger

from pocketvox.chemistry.smarts import MoleculeRoles, at_physiological_ph, has_hydrogens, molecule_roles


def words(roles: MoleculeRoles, i: int) -> str:
    """Roles of atom ``i`` in the spelling of the residue table, plus ``x`` for sigma-hole halogens."""
    found = ["h"] if roles.hydrophobic[i] else ["c"] * bool(roles.apolar[i])
    found += [f"d{roles.donor[i]}"] * bool(roles.donor[i]) + [f"a{roles.acceptor[i]}"] * bool(roles.acceptor[i])
    found += ["m"] * bool(roles.binds_metal[i]) + ["x"] * bool(roles.halogen[i])
    return ",".join(found) or "-"


def described(mol: Chem.Mol) -> str:
    roles = molecule_roles(mol)
    return " ".join(words(roles, i) for i in range(len(roles.donor)))


def smiles(text: str) -> Chem.Mol:
    return Chem.MolFromSmiles(text)


#: name, SMILES, roles of each heavy atom in order
TABLE = [
    # nitrogen next to a carbonyl gives its lone pair away
    ("amide", "CC(=O)N", "c - a2,m d2"),
    ("amide_tertiary_no_donor_false", "CC(=O)N(C)C", "c - a2,m - - -"),
    ("lactam_in_ring", "O=C1CCCN1", "a2,m - c c - d2"),
    ("urea", "NC(=O)N", "d2 - a2,m d2"),
    ("ester_bridging_oxygen_false", "CC(=O)OC", "c - a2,m - -"),
    ("ether", "COC", "- a3,m -"),
    ("diaryl_ether_oxygen_false", "c1ccccc1Oc1ccccc1", "h h h h h - - - h h h h h"),
    ("anisole_oxygen", "COc1ccccc1", "- a2,m - h h h h h"),
    ("ketone", "CC(=O)C", "c - a2,m c"),
    ("alcohol", "CO", "- d3,a3,m"),
    ("phenol", "Oc1ccccc1", "d2,a2,m - h h h h h"),
    # nitrogen
    ("aniline_acceptor_false", "Nc1ccccc1", "d2 - h h h h h"),
    ("benzylamine", "NCc1ccccc1", "d3 - h h h h h h"),
    ("enamine_acceptor_false", "CN(C)C=CC", "- - - - h c"),
    ("pyridine", "c1ccncc1", "h h - a2,m - h"),
    ("pyrrole_acceptor_false", "c1cc[nH]c1", "h h - d2 -"),
    ("imidazole_each_nitrogen_one_role", "c1c[nH]cn1", "- - d2 - a2,m"),
    ("n_methylimidazole_donor_false", "Cn1ccnc1", "- - - - a2,m -"),
    ("indole", "c1ccc2[nH]ccc2c1", "h h h - d2 - h h h"),
    ("nitrile", "CC#N", "c - a2,m"),
    ("nitro_false", "C[N+](=O)[O-]", "- - - -"),
    ("pyridine_n_oxide", "c1cc[n+]([O-])cc1", "h h - - a2,m - h"),
    ("amine_n_oxide", "C[N+](C)(C)[O-]", "- - - - a2,m"),
    ("sulfonamide", "CS(=O)(=O)N", "c - a2,m a2,m d3"),
    ("sulfonamide_tertiary_nitrogen_false", "CS(=O)(=O)N(C)C", "c - a2,m a2,m - - -"),
    ("imine", "CC(C)=NC", "c - c a2,m -"),
    ("amine", "CN", "- d3"),
    ("tertiary_amine_is_protonated", "CN(C)C", "- d3 - -"),
    ("quaternary_ammonium_donor_false", "C[N+](C)(C)C", "- - - - -"),
    ("morpholine", "C1COCCN1", "- - a3,m - - d3"),
    ("guanidine", "NC(=N)NC", "d2 - d2 d2 -"),
    ("amidine", "CC(=N)N", "c - d2 d2"),
    ("cyanoguanidine_is_no_base", "N#CN=C(N)NC", "a2,m - a2,m - d2 d2 -"),
    ("isothiourea", "CSC(=N)N", "c h,m - d2 d2"),
    # acids
    ("carboxylic_acid", "CC(=O)O", "c - a2,m a2,m"),
    ("phosphate_monoester", "COP(=O)(O)O", "- a3,m - a2,m a2,m a2,m"),
    ("sulfonic_acid", "CS(=O)(=O)O", "c - a2,m a2,m a2,m"),
    ("sulfinic_acid", "CS(=O)O", "c - a2,m a2,m"),
    ("sulfoxide", "CS(=O)C", "c - a2,m c"),
    ("tetrazole", "Cc1nnn[nH]1", "c - a2,m a2,m a2,m a2,m"),
    ("triazole_stays_neutral", "c1nc[nH]n1", "- a2,m - d2 a2,m"),
    ("acyl_sulfonamide", "CC(=O)NS(C)(=O)=O", "c - a2,m a2,m - c a2,m a2,m"),
    ("hydroxamic_acid_stays_neutral", "CC(=O)NO", "c - a2,m d2 d3,a3,m"),
    # sulfur and halogens
    ("thioether_binds_metals", "CSC", "c h,m c"),
    ("thiol", "CS", "c d3,m"),
    ("disulfide", "CSSC", "c h h c"),
    ("selenol", "C[SeH]", "c d3,m"),
    ("thione", "CC(=S)N", "c - m d2"),
    ("thiophene", "c1ccsc1", "h h h h h"),
    ("thiazole", "c1cscn1", "- h h - a2,m"),
    ("chlorobenzene", "Clc1ccccc1", "c,x h h h h h h"),
    ("bromomethane", "CBr", "c h,x"),
    ("fluorine_is_no_sigma_hole_false", "Fc1ccccc1", "- - h h h h h"),
    ("trifluoromethyl_carbon_false", "CC(F)(F)F", "c - - - -"),
    ("chlorine_on_nitrogen_false", "CN(C)Cl", "- a3,m - -"),
    ("chloride_ion_false", "[Cl-]", "-"),
    # carbon
    ("alkane", "CC(C)C", "c h c c"),
    ("carbon_beside_oxygen_false", "CCO", "c - d3,a3,m"),
    ("butane_methyl_is_only_apolar", "CCCC", "c h h c"),
    ("cyclohexane_methylene_is_only_apolar", "C1CCCCC1", "c c c c c c"),
    ("ring_fusion_carbon", "C1CCC2CCCCC2C1", "c c c h c c c c h c"),
    ("toluene", "Cc1ccccc1", "c h h h h h h"),
    ("isobutene", "CC(C)=C", "c h c c"),
    ("selenoether", "C[Se]C", "c h,m c"),
    ("alkyne", "CC#CC", "c h h c"),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_roles(text, expected):
    assert described(smiles(text)) == expected


#: name, SMILES, positive groups, negative groups (atom indices)
CHARGES = [
    ("amine", "CN", [(1,)], []),
    ("amide_false", "CC(=O)N", [], []),
    ("aniline_false", "Nc1ccccc1", [], []),
    ("sulfonamide_false", "CS(=O)(=O)N", [], []),
    ("pyridine_false", "c1ccncc1", [], []),
    ("quaternary_ammonium", "C[N+](C)(C)C", [(1,)], []),
    ("guanidine_shares_one_charge", "NC(=N)NC", [(0, 2, 3)], []),
    ("amidine_shares_one_charge", "CC(=N)N", [(2, 3)], []),
    ("cyanoguanidine_false", "N#CN=C(N)NC", [], []),
    ("imidazolium_shares_one_charge", "c1c[nH]c[nH+]1", [(2, 4)], []),
    ("n_methylpyridinium", "C[n+]1ccccc1", [(1,)], []),
    ("sulfonium", "C[S+](C)C", [(1,)], []),
    ("morpholine", "C1COCCN1", [(5,)], []),
    ("nitro_false", "C[N+](=O)[O-]", [], []),
    ("n_oxide_false", "c1cc[n+]([O-])cc1", [], []),
    ("azide_false", "CN=[N+]=[N-]", [], []),
    ("carboxylate", "CC(=O)O", [], [(2, 3)]),
    ("ester_false", "CC(=O)OC", [], []),
    ("phenol_false", "Oc1ccccc1", [], []),
    ("phosphate_monoester", "COP(=O)(O)O", [], [(3, 4, 5)]),
    ("phosphate_diester", "COP(=O)(O)OC", [], [(3, 4)]),
    ("phosphate_triester_false", "COP(=O)(OC)OC", [], []),
    ("sulfonate", "CS(=O)(=O)O", [], [(2, 3, 4)]),
    ("tetrazole", "Cc1nnn[nH]1", [], [(2, 3, 4, 5)]),
    ("acyl_sulfonamide", "CC(=O)NS(C)(=O)=O", [], [(3,)]),
    ("thiolate", "C[S-]", [], [(1,)]),
    ("zwitterion", "NCC(=O)O", [(0,)], [(3, 4)]),
]


@pytest.mark.parametrize(("text", "positive", "negative"), [r[1:] for r in CHARGES], ids=[r[0] for r in CHARGES])
def test_charged_groups(text, positive, negative):
    roles = molecule_roles(smiles(text))
    assert (list(roles.positive), list(roles.negative)) == (positive, negative)


#: The same molecule as two files may draw it.
SAME = [
    ("carboxylate", "CC(=O)O", "CC(=O)[O-]"),
    ("phosphate", "COP(=O)(O)O", "COP(=O)([O-])[O-]"),
    ("sulfonate", "CS(=O)(=O)O", "CS(=O)(=O)[O-]"),
    ("tetrazole", "Cc1nnn[nH]1", "Cc1nnn[n-]1"),
    ("acyl_sulfonamide", "CC(=O)NS(C)(=O)=O", "CC(=O)[N-]S(C)(=O)=O"),
    ("primary_amine", "CCN", "CC[NH3+]"),
    ("secondary_amine", "CNC", "C[NH2+]C"),
    ("tertiary_amine", "CN(C)C", "C[NH+](C)C"),
    ("guanidine", "NC(=N)NC", "NC(=[NH2+])NC"),
    ("amidine", "CC(=N)N", "CC(=[NH2+])N"),
    ("piperazine", "c1ccccc1N1CCNCC1", "c1ccccc1N1CC[NH2+]CC1"),
    ("morpholine", "C1COCCN1", "C1COCC[NH2+]1"),
]


@pytest.mark.parametrize(("neutral", "charged"), [row[1:] for row in SAME], ids=[row[0] for row in SAME])
def test_protonation_state_of_the_file_does_not_matter(neutral, charged):
    a, b = molecule_roles(smiles(neutral)), molecule_roles(smiles(charged))
    assert described(smiles(neutral)) == described(smiles(charged))
    assert (a.positive, a.negative) == (b.positive, b.negative)


#: Drawn in the state they have at pH 7.4: giving the hydrogens changes nothing.
AT_PH = [
    "CC(=O)N", "CC(=O)[O-]", "C[NH3+]", "C[NH+](C)C", "NC(=[NH2+])NC", "CC(=[NH2+])N", "Nc1ccccc1", "c1c[nH]cn1",
    "c1ccc2[nH]ccc2c1", "CO", "Oc1ccccc1", "CS", "CSC", "CS(=O)(=O)N", "CC#N", "COP(=O)([O-])[O-]", "Cc1nnn[n-]1",
    "CC(C)=NC", "Clc1ccccc1", "CC(=O)NO",
]  # fmt: skip


@pytest.mark.parametrize("text", AT_PH)
def test_explicit_hydrogens_change_nothing(text):
    implied, explicit = molecule_roles(smiles(text)), molecule_roles(Chem.AddHs(smiles(text)))
    assert described(Chem.AddHs(smiles(text))) == described(smiles(text))
    assert explicit.rings == implied.rings
    assert (explicit.positive, explicit.negative) == (implied.positive, implied.negative)


def test_explicit_hydrogens_decide_the_charge():
    """A user who gives a neutral acid or amine with all its hydrogens has decided."""
    assert described(Chem.AddHs(smiles("CC(=O)O"))) == "c - a2,m d2,a2,m"
    assert molecule_roles(Chem.AddHs(smiles("CC(=O)O"))).negative == ()
    assert described(Chem.AddHs(smiles("CN"))) == "- d3,a3,m"
    assert molecule_roles(Chem.AddHs(smiles("CN"))).positive == ()
    assert described(Chem.AddHs(smiles("CC(=N)N"))) == "c - d2,a2,m d2"


def test_deuterium_and_stereo_hydrogens_are_not_atoms():
    """RDKit's RemoveHs keeps both; the roles must still be those of the heavy atoms, in order."""
    params = Chem.SmilesParserParams()
    params.removeHs = False
    for text, heavy in (("[2H]OC", "d3,a3,m -"), (r"C/C(=N/[H])N", "c - d2 d2")):
        mol = Chem.MolFromSmiles(text, params)
        assert mol.GetNumAtoms() == mol.GetNumHeavyAtoms() + 1
        assert described(mol) == heavy


def test_a_stereo_hydrogen_decides_nothing():
    """One hydrogen written to mark a stereocentre: the amine and the acid are still brought to pH 7.4."""
    params = Chem.SmilesParserParams()
    params.removeHs = False
    marked = Chem.MolFromSmiles("N[C@]([H])(C)C(=O)O", params)
    plain = smiles("N[C@@H](C)C(=O)O")
    assert marked.GetNumAtoms() == marked.GetNumHeavyAtoms() + 1
    assert described(marked) == described(plain)
    assert molecule_roles(marked).positive == molecule_roles(plain).positive == ((0,),)
    assert not has_hydrogens(marked)
    assert has_hydrogens(Chem.AddHs(plain))


def test_kekulized_input_is_aromatic():
    """Bond orders written as alternating single and double give the same answer as aromatic ones."""
    for text in ("c1c[nH]cn1", "c1ccncc1", "Nc1ncnc2[nH]cnc12", "Oc1ccccc1"):
        mol = smiles(text)
        Chem.Kekulize(mol, clearAromaticFlags=True)
        assert described(mol) == described(smiles(text))
        kekulized, aromatic = ({frozenset(r) for r in molecule_roles(m).rings} for m in (mol, smiles(text)))
        assert kekulized == aromatic


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("c1ccccc1", [6]),
        ("c1cc[nH]c1", [5]),
        ("c1ccc2[nH]ccc2c1", [5, 6]),
        ("c1ccc2ccccc2c1", [6, 6]),
        ("C1CCCCC1", []),
        ("C1=CCC=C1", []),
        ("c1ccc2c(c1)CCCC2", [6]),
        ("O=c1cc[nH]cc1", [6]),
        ("C1=CC=CC=CC=C1", []),
    ],
)
def test_rings(text, sizes):
    mol = smiles(text)
    rings = molecule_roles(mol).rings
    assert sorted(map(len, rings)) == sizes
    assert all(mol.GetAtomWithIdx(i).GetIsAromatic() for ring in rings for i in ring)


def test_hydrophobic_atoms_are_apolar():
    for _, text, _ in TABLE:
        roles = molecule_roles(smiles(text))
        assert not (roles.hydrophobic & ~roles.apolar).any(), text


def test_one_amine_of_a_piperazine_is_protonated():
    """Two charges three bonds apart repel: one nitrogen keeps its lone pair, the other gets the charge."""
    roles = molecule_roles(smiles("CN1CCN(CC)CC1"))
    nitrogens = [1, 4]
    assert sorted(int(roles.acceptor[i]) for i in nitrogens) == [0, 3]
    assert len(roles.positive) == 1
    far = molecule_roles(smiles("NCCCCN"))
    assert len(far.positive) == 2


@pytest.mark.parametrize(
    "text", ["CN1CCN(CC)CC1", "NCCNCCO", "CC(N)C(=O)NCC(=O)O", "Cc1nnn[nH]1", "NC(=N)NCC", "NC1=NCCS1"]
)
def test_atom_order_does_not_matter(text):
    mol = smiles(text)
    reference = molecule_roles(mol)
    rng = np.random.default_rng(0)
    for _ in range(5):
        order = rng.permutation(mol.GetNumAtoms())
        roles = molecule_roles(Chem.RenumberAtoms(mol, [int(i) for i in order]))
        assert [words(roles, i) for i in range(len(order))] == [words(reference, i) for i in order]
        back = {tuple(sorted(int(order[i]) for i in g)) for g in roles.positive}
        assert back == set(reference.positive)


def test_odd_valences_do_not_crash():
    """Files hold five-bonded carbons and metals; roles are still given, one per heavy atom."""
    RDLogger.DisableLog("rdApp.*")
    for text in ("C[C](C)(C)(C)C", "[Fe](N)(N)(N)N", "C[B-](F)(F)F", "O=[Se](=O)(C)C"):
        mol = Chem.MolFromSmiles(text, sanitize=False)
        mol.UpdatePropertyCache(strict=False)
        assert len(molecule_roles(mol).hydrophobic) == mol.GetNumAtoms()


def test_input_is_not_changed():
    mol = smiles("CC(=O)O")
    at_physiological_ph(mol)
    assert Chem.MolToSmiles(mol) == "CC(=O)O"
    assert Chem.MolToSmiles(at_physiological_ph(mol)) == "CC(=O)[O-]"


def test_hydrogens_of_substance_groups_do_not_count():
    """RDKit removes no atom that a group of the file holds, such as a data field per atom."""
    mol = Chem.AddHs(smiles("CC(=O)NC"))
    for atom in mol.GetAtoms():
        group = Chem.CreateMolSubstanceGroup(mol, "DAT")
        group.AddAtomWithIdx(atom.GetIdx())
    roles = molecule_roles(mol)
    assert described(mol) == described(Chem.AddHs(smiles("CC(=O)NC"))) and len(roles.donor) == 5
    assert len(Chem.GetMolSubstanceGroups(mol)) == mol.GetNumAtoms()
