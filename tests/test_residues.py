"""The residue table, row by row, against SMARTS typing of the Chemical Component Dictionary's molecules."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from rdkit import Chem

from pocketvox.chemistry import residues
from pocketvox.chemistry.residues import AtomRoles
from pocketvox.chemistry.smarts import molecule_roles
from pocketvox.structure.components import component_mol

STANDARD = "ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL".split()
MODIFIED = "MSE SEC PYL SEP TPO PTR TYS HYP CSO CSD OCS CME KCX MLY M3L ALY PCA CGU NLE ABA AIB".split()
CAPS = "ACE NH2 NME".split()
NUCLEIC = "A C G U I DA DC DG DU DI DT".split()
#: Names that force fields give to protonation states; the dictionary gives them to unrelated molecules.
FORCE_FIELD = "ASH GLH LYN CYM".split()

#: (residue, atom) -> (table, SMARTS, reason). Every difference between the table and the free molecule is here.
EXCEPTIONS = {
    ("HIS", "ND1"): ("d2,a2,m", "d2", "the dictionary draws imidazolium; X-ray structures do not tell the tautomer"),
    ("HIS", "NE2"): ("d2,a2,m", "d2", "as ND1"),
}
AMMONIUM = "the free amino acid's ammonium is an amide in a chain"
EXCEPTIONS |= {(code, "N"): ("d2", "d3", AMMONIUM) for code in STANDARD + MODIFIED if code not in ("PRO", "HYP", "PCA")}
EXCEPTIONS |= {(code, "N"): ("-", "d3", AMMONIUM + " without hydrogen") for code in ("PRO", "HYP")}
EXCEPTIONS |= {(code, "N"): ("d2", "d3", "the free molecule is an amine, the cap an amide") for code in ("NH2", "NME")}
EXCEPTIONS |= {
    (code, "O5'"): ("d3,a3,m", "a3,m", "a hydroxyl where the chain begins; sites take the donor off a bonded one")
    for code in NUCLEIC
}


@cache
def component(code: str):
    """Heavy-atom names of a component, its bonds as name pairs and its SMARTS roles."""
    mol = component_mol(code)
    assert mol is not None, f"{code} is not in the dictionary"
    mol = Chem.RemoveAllHs(mol)
    names = [a.GetProp("name") for a in mol.GetAtoms()]
    bonds = {frozenset((names[b.GetBeginAtomIdx()], names[b.GetEndAtomIdx()])) for b in mol.GetBonds()}
    return names, bonds, molecule_roles(mol)


def words(hydrophobic, apolar, donor, acceptor, metal) -> str:
    found = ["h"] if hydrophobic else ["c"] * bool(apolar)
    found += [f"d{donor}"] * bool(donor) + [f"a{acceptor}"] * bool(acceptor) + ["m"] * bool(metal)
    return ",".join(found) or "-"


def in_table(code: str, name: str) -> str:
    r = residues.RESIDUES[code].get(name, AtomRoles())
    return words(r.hydrophobic, r.apolar, r.donor, r.acceptor, r.binds_metal)


def by_smarts(code: str, name: str) -> str:
    names, _, r = component(code)
    i = names.index(name)
    return words(r.hydrophobic[i], r.apolar[i], r.donor[i], r.acceptor[i], r.binds_metal[i])


@pytest.mark.parametrize("code", STANDARD + MODIFIED + CAPS + NUCLEIC)
def test_every_atom_of_a_row_agrees_with_smarts(code):
    found = {}
    for name in component(code)[0]:
        table, smarts = in_table(code, name), by_smarts(code, name)
        if table != smarts:
            found[code, name] = (table, smarts)
    assert found == {key: value[:2] for key, value in EXCEPTIONS.items() if key[0] == code}


def test_no_row_escapes_the_comparison():
    compared = set(STANDARD + MODIFIED + CAPS + NUCLEIC + FORCE_FIELD)
    assert set(residues.RESIDUES) == compared | set(residues.ALIASES)


@pytest.mark.parametrize("code", STANDARD + MODIFIED + CAPS + NUCLEIC)
def test_names_of_the_table_exist_in_the_component(code):
    """A misspelt name would be an atom without roles, for ever and silently."""
    names = set(component(code)[0])
    tolerated = {"OXT"} if code in ("PCA", *STANDARD, *MODIFIED) else set()
    assert set(residues.RESIDUES[code]) <= names | tolerated
    for groups in (residues.RINGS, residues.POSITIVE_GROUPS, residues.NEGATIVE_GROUPS):
        for group in groups.get(code, ()):
            assert set(group.split()) <= names


@pytest.mark.parametrize("code", STANDARD + MODIFIED + NUCLEIC)
def test_groups_and_rings_agree_with_smarts(code):
    names, _, roles = component(code)

    def named(groups):
        return {frozenset(names[i] for i in group) for group in groups}

    def listed(groups):
        return {frozenset(group.split()) for group in groups}

    backbone = {frozenset(("N",)), frozenset(("O", "OXT")), frozenset(("OP1", "OP2", "OP3"))}
    positive = named(roles.positive) - backbone
    if code == "HIS":  # drawn as imidazolium in the dictionary, taken as neutral
        assert positive == {frozenset(("ND1", "NE2"))}
        positive = set()
    assert listed(residues.POSITIVE_GROUPS.get(code, ())) == positive
    assert listed(residues.NEGATIVE_GROUPS.get(code, ())) == named(roles.negative) - backbone
    assert listed(residues.RINGS.get(code, ())) == named(roles.rings)


@pytest.mark.parametrize("code", sorted(residues.RINGS))
def test_ring_atoms_are_in_ring_order(code):
    """Consecutive atoms are bonded, the last one to the first."""
    canonical = residues.ALIASES.get(code, code)
    bonds = component(canonical)[1]
    for ring in residues.RINGS[code]:
        atoms = ring.split()
        assert all(frozenset(pair) in bonds for pair in zip(atoms, np.roll(atoms, -1).tolist(), strict=True))


#: Traps that shipped tools fell into, by hand.
TRAPS = {
    ("GLN", "OE1"): "a2,m", ("GLN", "NE2"): "d2", ("ASN", "OD1"): "a2,m", ("ASN", "ND2"): "d2",
    ("ASP", "OD1"): "a2,m", ("ASP", "OD2"): "a2,m", ("GLU", "OE1"): "a2,m", ("GLU", "OE2"): "a2,m",
    ("TRP", "NE1"): "d2", ("TRP", "CD1"): "-", ("TRP", "CE2"): "-", ("MET", "SD"): "h,m", ("CYS", "SG"): "d3,m",
    ("SER", "OG"): "d3,a3,m", ("THR", "OG1"): "d3,a3,m", ("TYR", "OH"): "d2,a2,m", ("TYR", "CZ"): "-",
    ("LYS", "NZ"): "d3", ("LYS", "CE"): "-", ("ARG", "NE"): "d2", ("ARG", "NH1"): "d2", ("ARG", "NH2"): "d2",
    ("ARG", "CZ"): "-", ("ARG", "CD"): "-", ("HIS", "ND1"): "d2,a2,m", ("HIS", "NE2"): "d2,a2,m",
    ("HIS", "CE1"): "-", ("HIS", "CD2"): "-", ("PRO", "N"): "-", ("PRO", "CD"): "-", ("GLY", "CA"): "-",
    ("ALA", "N"): "d2", ("ALA", "O"): "a2,m", ("ALA", "C"): "-", ("ALA", "OXT"): "a2,m", ("THR", "CB"): "-",
    # Watson-Crick edges
    ("A", "N1"): "a2,m", ("A", "N6"): "d2", ("U", "N3"): "d2", ("U", "O4"): "a2,m", ("U", "O2"): "a2,m",
    ("DT", "N3"): "d2", ("DT", "O4"): "a2,m", ("DT", "O2"): "a2,m", ("G", "N1"): "d2", ("G", "N2"): "d2",
    ("G", "O6"): "a2,m", ("C", "N3"): "a2,m", ("C", "N4"): "d2", ("C", "O2"): "a2,m", ("DA", "N1"): "a2,m",
    ("DG", "N1"): "d2", ("DC", "N4"): "d2",
    # the other edges and the backbone
    ("A", "N3"): "a2,m", ("A", "N7"): "a2,m", ("A", "N9"): "-", ("G", "N3"): "a2,m", ("G", "N7"): "a2,m",
    ("A", "O2'"): "d3,a3,m", ("DA", "O2'"): "-", ("DA", "O4'"): "a3,m", ("A", "OP1"): "a2,m", ("A", "P"): "-",
    # modified residues differ from their parents
    ("MSE", "SE"): "h,m", ("SEP", "OG"): "a3,m", ("TYS", "OH"): "a2,m", ("TPO", "O1P"): "a2,m", ("KCX", "NZ"): "d2",
    ("M3L", "NZ"): "-", ("MLY", "NZ"): "d3", ("HYP", "OD1"): "d3,a3,m", ("HYP", "N"): "-", ("PCA", "OE"): "a2,m",
    # protonation states that force fields name
    ("HID", "NE2"): "d2,a2,m", ("ASH", "OD2"): "d2,a2,m", ("GLH", "OE2"): "d2,a2,m", ("LYN", "NZ"): "d3,a3,m",
    ("CYM", "SG"): "m", ("CYX", "SG"): "d3,m",
}  # fmt: skip


@pytest.mark.parametrize(("code", "name"), sorted(TRAPS))
def test_traps(code, name):
    assert in_table(code, name) == TRAPS[code, name]


def test_charges_of_protonation_states():
    positive, negative = residues.POSITIVE_GROUPS, residues.NEGATIVE_GROUPS
    assert positive["HIP"] == positive["HSP"] == ("ND1 NE2",)
    assert not {"HIS", "HID", "HIE", "HSD", "HSE", "LYN"} & set(positive)
    assert not {"ASH", "GLH", "CYS", "CYX"} & set(negative)
    assert negative["ASP"] == ("OD1 OD2",)
    assert negative["CYM"] == ("SG",)


def test_aliases_have_the_row_of_their_residue():
    for alias, code in residues.ALIASES.items():
        assert residues.RESIDUES[alias] == residues.RESIDUES[code]
        assert residues.RINGS.get(alias) == residues.RINGS.get(code)


def test_aliases_of_atom_names_lead_to_named_atoms():
    """An alias never hides a real atom, and its target has a row."""
    for code, names in residues.ATOM_ALIASES.items():
        for alias, name in names.items():
            assert alias not in residues.RESIDUES[code]
            assert name in residues.RESIDUES[code], (code, alias)
    assert residues.ATOM_ALIASES["ILE"]["CD"] == "CD1"
    assert residues.ATOM_ALIASES["DT"]["C5M"] == "C7"
    assert residues.ATOM_ALIASES["DA"]["O5*"] == "O5'"


def test_a_misspelt_role_is_refused():
    """A missing comma must not silently make an atom mute."""
    with pytest.raises(ValueError, match="a2d2"):
        residues._roles("h,a2d2")
