"""Atom types of the standard residues: one row per residue, the only place where they stand.

A row maps atom names to roles, written as words joined by commas:

======  ==============================================================================================
``h``   hydrophobic: an apolar atom (see ``c``) that is no methyl and no methylene of a saturated ring
``c``   apolar only: a carbon or thioether sulfur with no nitrogen, oxygen or fluorine neighbour
``d2``  hydrogen-bond donor, trigonal (sp2): hydrogens lie in the plane of the neighbours
``d3``  hydrogen-bond donor, tetrahedral (sp3)
``a2``  hydrogen-bond acceptor, trigonal: lone pairs in the plane of the group
``a3``  hydrogen-bond acceptor, tetrahedral
``m``   binds metal ions though it is no acceptor; every acceptor does, without saying so
======  ==============================================================================================

Histidine's two nitrogens are both donor and acceptor: X-ray structures do not tell the tautomer. Charged groups and
rings are listed apart because they are groups of atoms. Roles follow the topologies of the Chemical Component
Dictionary at pH 7 (Lys, Arg protonated, Asp, Glu deprotonated, His neutral); donors and acceptors as in
Baker & Hubbard, Prog. Biophys. Mol. Biol. 44, 97 (1984), doi:10.1016/0079-6107(84)90007-5.
"""

from __future__ import annotations

from dataclasses import dataclass

_AMINO_BACKBONE = "N:d2 O:a2 OXT:a2"
#: The hydroxyls at the ends of a chain donate, those inside are esters: :mod:`.sites` takes the donor off a bonded one.
_NUCLEIC_BACKBONE = "OP1:a2 OP2:a2 OP3:a2 O5':d3,a3 O4':a3 O3':d3,a3"
_RNA_BACKBONE, _DNA_BACKBONE = f"{_NUCLEIC_BACKBONE} O2':d3,a3", f"{_NUCLEIC_BACKBONE} C2':c"

_AMINO_ROWS = {
    "ALA": "CB:c",
    "ARG": "CB:h CG:h NE:d2 NH1:d2 NH2:d2",
    "ASN": "CB:h OD1:a2 ND2:d2",
    "ASP": "CB:h OD1:a2 OD2:a2",
    "CYS": "CB:h SG:d3,m",
    "GLN": "CB:h CG:h OE1:a2 NE2:d2",
    "GLU": "CB:h CG:h OE1:a2 OE2:a2",
    "GLY": "",
    "HIS": "CB:h ND1:d2,a2 NE2:d2,a2",
    "ILE": "CB:h CG1:h CG2:c CD1:c",
    "LEU": "CB:h CG:h CD1:c CD2:c",
    "LYS": "CB:h CG:h CD:h NZ:d3",
    "MET": "CB:h CG:h SD:h,m CE:c",
    "PHE": "CB:h CG:h CD1:h CD2:h CE1:h CE2:h CZ:h",
    "PRO": "CB:c CG:c",
    "SER": "OG:d3,a3",
    "THR": "CG2:c OG1:d3,a3",
    "TRP": "CB:h CG:h CD2:h CE3:h CZ2:h CZ3:h CH2:h NE1:d2",
    "TYR": "CB:h CG:h CD1:h CD2:h CE1:h CE2:h OH:d2,a2",
    "VAL": "CB:h CG1:c CG2:c",
    # common modified residues: the rows of their parents do not describe these
    "MSE": "CB:h CG:h SE:h,m CE:c",
    "SEC": "CB:h SE:d3,m",
    "PYL": "CB:h CG:h CD:h NZ:d2 O2:a2 N2:a2 CG2:h CB2:c CD2:c",
    "SEP": "OG:a3 O1P:a2 O2P:a2 O3P:a2",
    "TPO": "CG2:c OG1:a3 O1P:a2 O2P:a2 O3P:a2",
    "PTR": "CB:h CG:h CD1:h CD2:h CE1:h CE2:h OH:a2 O1P:a2 O2P:a2 O3P:a2",
    "TYS": "CB:h CG:h CD1:h CD2:h CE1:h CE2:h OH:a2 O1:a2 O2:a2 O3:a2",
    "HYP": "CB:c OD1:d3,a3",
    "CSO": "CB:h OD:d3,a3",
    "CSD": "CB:h OD1:a2 OD2:a2",
    "OCS": "CB:h OD1:a2 OD2:a2 OD3:a2",
    "CME": "CB:h SG:h SD:h CE:h OH:d3,a3",
    "KCX": "CB:h CG:h CD:h NZ:d2 OQ1:a2 OQ2:a2",
    "MLY": "CB:h CG:h CD:h NZ:d3",
    "M3L": "CB:h CG:h CD:h",
    "ALY": "CB:h CG:h CD:h NZ:d2 OH:a2 CH3:c",
    "PCA": "CB:c CG:c OE:a2",
    "CGU": "CB:h CG:h OE11:a2 OE12:a2 OE21:a2 OE22:a2",
    "NLE": "CB:h CG:h CD:h CE:c",
    "ABA": "CB:h CG:c",
    "AIB": "CB1:c CB2:c",
    # protonation states that force fields name
    "ASH": "CB:h OD1:a2 OD2:d2,a2",
    "GLH": "CB:h CG:h OE1:a2 OE2:d2,a2",
    "LYN": "CB:h CG:h CD:h NZ:d3,a3",
    "CYM": "CB:h SG:m",
}
#: Groups that end a chain; they have no amino acid's backbone.
_CAP_ROWS = {"ACE": "CH3:c O:a2", "NH2": "N:d2", "NME": "N:d2"}


_NUCLEIC_ROWS = {
    "A": "N1:a2 N3:a2 N7:a2 N6:d2",
    "C": "O2:a2 N3:a2 N4:d2 C5:h",
    "G": "O6:a2 N1:d2 N2:d2 N3:a2 N7:a2",
    "U": "O2:a2 N3:d2 O4:a2 C5:h",
    "I": "O6:a2 N1:d2 N3:a2 N7:a2",
    "DT": "O2:a2 N3:d2 O4:a2 C5:h C7:c",
}
_NUCLEIC_ROWS |= {f"D{base}": _NUCLEIC_ROWS[base] for base in "ACGUI"}

#: Aromatic rings by residue, atoms in ring order.
RINGS = {
    "PHE": ("CG CD1 CE1 CZ CE2 CD2",),
    "TYR": ("CG CD1 CE1 CZ CE2 CD2",),
    "PTR": ("CG CD1 CE1 CZ CE2 CD2",),
    "TYS": ("CG CD1 CE1 CZ CE2 CD2",),
    "TRP": ("CG CD1 NE1 CE2 CD2", "CD2 CE2 CZ2 CH2 CZ3 CE3"),
    "HIS": ("CG ND1 CE1 NE2 CD2",),
}
for _code in ("A", "G", "I", "DA", "DG", "DI"):
    RINGS[_code] = ("N1 C2 N3 C4 C5 C6", "C4 C5 N7 C8 N9")
for _code in ("C", "U", "DC", "DU", "DT"):
    RINGS[_code] = ("N1 C2 N3 C4 C5 C6",)

#: Groups with a positive charge at pH 7; the atoms that carry it.
POSITIVE_GROUPS = {"LYS": ("NZ",), "ARG": ("NE NH1 NH2",), "MLY": ("NZ",), "M3L": ("NZ",)}

#: Groups with a negative charge at pH 7; the atoms that carry it.
NEGATIVE_GROUPS = {
    "ASP": ("OD1 OD2",),
    "GLU": ("OE1 OE2",),
    "SEP": ("O1P O2P O3P",),
    "TPO": ("O1P O2P O3P",),
    "PTR": ("O1P O2P O3P",),
    "TYS": ("O1 O2 O3",),
    "CSD": ("OD1 OD2",),
    "OCS": ("OD1 OD2 OD3",),
    "KCX": ("OQ1 OQ2",),
    "CGU": ("OE11 OE12", "OE21 OE22"),
    "CYM": ("SG",),
}
#: C-terminal carboxylates and phosphates, whatever the residue.
TERMINUS_GROUP = "O OXT"
PHOSPHATE_GROUP = "OP1 OP2 OP3"

#: Residues without a backbone N-H.
_NO_AMIDE_HYDROGEN = ("PRO", "HYP")

#: Other spellings of standard residues, by protonation state or force field.
ALIASES = {
    "HID": "HIS", "HIE": "HIS", "HIP": "HIS", "HSD": "HIS", "HSE": "HIS", "HSP": "HIS",
    "CYX": "CYS",
    "ADE": "A", "CYT": "C", "GUA": "G", "URA": "U", "THY": "DT", "T": "DT",
}  # fmt: skip


@dataclass(frozen=True)
class AtomRoles:
    """What one atom of a residue can do; ``donor`` and ``acceptor`` hold 2 (sp2), 3 (sp3) or 0 (cannot)."""

    hydrophobic: bool = False
    apolar: bool = False
    donor: int = 0
    acceptor: int = 0
    binds_metal: bool = False


def _roles(words: str) -> AtomRoles:
    words = words.split(",")
    unknown = set(words) - {"h", "c", "d2", "d3", "a2", "a3", "m"}
    if unknown:
        raise ValueError(f"Unknown role {sorted(unknown)} in the residue table. Expected h, c, d2, d3, a2, a3 or m.")
    return AtomRoles(
        hydrophobic="h" in words,
        apolar="h" in words or "c" in words,
        donor=2 * ("d2" in words) + 3 * ("d3" in words),
        acceptor=2 * ("a2" in words) + 3 * ("a3" in words),
        binds_metal=bool({"m", "a2", "a3"} & set(words)),
    )


def _parse(backbone: str, row: str) -> dict[str, AtomRoles]:
    return {name: _roles(words) for name, words in (item.split(":") for item in f"{backbone} {row}".split())}


def _table() -> dict[str, dict[str, AtomRoles]]:
    table = {code: _parse(_AMINO_BACKBONE, row) for code, row in _AMINO_ROWS.items()}
    for code in _NO_AMIDE_HYDROGEN:
        table.get(code, {}).pop("N", None)
    table |= {code: _parse("", row) for code, row in _CAP_ROWS.items()}
    for code, row in _NUCLEIC_ROWS.items():
        table[code] = _parse(_DNA_BACKBONE if code.startswith("D") else _RNA_BACKBONE, row)
    table |= {alias: table[code] for alias, code in ALIASES.items()}
    return table


#: Residue -> atom name -> roles. Atoms that are not listed have none.
RESIDUES: dict[str, dict[str, AtomRoles]] = _table()

for _alias, _code in ALIASES.items():
    for _groups in (RINGS, POSITIVE_GROUPS, NEGATIVE_GROUPS):
        if _code in _groups:
            _groups[_alias] = _groups[_code]
POSITIVE_GROUPS |= {"HIP": ("ND1 NE2",), "HSP": ("ND1 NE2",)}

#: Other spellings of atom names, by residue: CHARMM and GROMACS chain ends, and nucleotides before PDB format 3.
ATOM_ALIASES: dict[str, dict[str, str]] = {
    code: {"OT1": "O", "OT2": "OXT", "OC1": "O", "OC2": "OXT"} for code in RESIDUES if "OXT" in RESIDUES[code]
}
ATOM_ALIASES["ILE"]["CD"] = "CD1"
for _code in RESIDUES:
    if "O4'" in RESIDUES[_code]:
        ATOM_ALIASES[_code] = {"O1P": "OP1", "O2P": "OP2", "O3P": "OP3"}
        ATOM_ALIASES[_code] |= {name.replace("'", "*"): name for name in RESIDUES[_code] if "'" in name}
        if "C7" in RESIDUES[_code]:
            ATOM_ALIASES[_code]["C5M"] = "C7"
