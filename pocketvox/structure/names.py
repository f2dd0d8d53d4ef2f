"""Residue names: which are amino acids, nucleotides or water, and what a modified one derives from.

The tables hold what is met every day, so that reading a file needs no dictionary; rarer components are looked up in
gemmi's residue table and then in the Chemical Component Dictionary. Force-field names are those of AMBER (ff14SB,
OL15), CHARMM36 and GROMACS residue databases.
"""

from __future__ import annotations

from functools import lru_cache

import gemmi

from .components import component_parent

#: The twenty amino acids, selenocysteine, pyrrolysine and the three ambiguous codes.
AMINO_ACIDS = frozenset(
    "ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL SEC PYL ASX GLX UNK".split()
)

#: Ribo- and deoxyribonucleotides under their dictionary codes.
NUCLEOTIDES = frozenset("A C G U I N DA DC DG DT DU DI DN".split())

#: Residue names of water in entries and in simulation files.
WATERS = frozenset("HOH WAT H2O DOD SOL TIP TP3 TIP3 TIP4 TIP5 T3P T4P TP4 SPC SPCE SPE OPC OPC3 HHO OHH OH2".split())

#: Groups that cap a chain; polymer when bound to one.
CAPS = frozenset("ACE NH2 NME NMA FOR NHE ACY".split())

_MODIFIED = {
    "ALA": "ABA AIB DAL ORN DAB DPP AYA MAA NAL",
    "ARG": "AGM MMO DAR 2MR DA2 HMR",
    "ASN": "MEN DSG AHB",
    "ASP": "BFD IAS DAS PHD BHD ASB",
    "CYS": "CSO CME CSD OCS CSX CSS CMT SMC CAS CCS CY0 CSU YCM SCY SNC DCY CYG CSR CYD P1L CAF QCS CGV CSA SCS",
    "GLN": "PCA MGN DGN MEQ",
    "GLU": "CGU GMA DGL",
    "GLY": "SAR GL3 MGY",
    "HIS": "HIC MHS NEP DHI MH1 HS8",
    "ILE": "IIL DIL",
    "LEU": "NLE MLE DLE",
    "LYS": "KCX MLY MLZ M3L ALY LLP LYR DLY KPI LYZ SLZ MCL LCK BTK LA2 KGC",
    "MET": "MSE FME SME OMT MHO CXM MED MME",
    "PHE": "DPN PHI MEA PHL HPQ PF5 FCL 4PH",
    "PRO": "HYP DPR HY3 HZP",
    "SER": "SEP SAC DSN SVA MIS SGB OSE SBL",
    "THR": "TPO DTH BMT ALO",
    "TRP": "TRQ TRO HTR TRN DTR 4HT TOX LTQ TTQ KYN",
    "TYR": "PTR TYS DTY TPQ TYQ PAQ TYI IYR OMY TY2 YOF NIY 3CT TYY",
    "VAL": "MVA DVA NVA BMV",
    "A": "1MA MIA 2MA 6MZ A2M MA6",
    "C": "5MC OMC 4OC CBV",
    "G": "2MG 7MG M2G OMG YYG YG G7M QUO",
    "U": "PSU 5MU H2U OMU 4SU 5BU UR3 70U MNU",
    "DC": "5CM CBR",
    "DG": "8OG 6OG 8OX",
    "DT": "5PY",
    "DU": "BRU 5IU",
}

_FORCE_FIELD = {
    "HIS": "HID HIE HIP HSD HSE HSP HISA HISB HISD HISE HISH HISP HIS1 HIS2 HISN",
    "CYS": "CYX CYM CYS2 CYSH CYN CYSP CYS1",
    "ASP": "ASH ASPH ASPP ASPN AS4",
    "GLU": "GLH GLUH GLUP GLUN GL4",
    "LYS": "LYN LYSH LYSN LSN LYP",
    "ARG": "ARN ARGN",
    "TYR": "TYM",
    "MET": "METS",
    "A": "RA RA3 RA5 RAN A3 A5 AN ADE",
    "C": "RC RC3 RC5 RCN C3 C5 CN CYT",
    "G": "RG RG3 RG5 RGN G3 G5 GN GUA",
    "U": "RU RU3 RU5 RUN U3 U5 UN URA",
    "DA": "DA3 DA5 DAN",
    "DC": "DC3 DC5 DCN",
    "DG": "DG3 DG5 DGN",
    "DT": "DT3 DT5 DTN THY",
}

#: Modified residue or force-field name -> dictionary code of the standard residue it derives from.
PARENTS = {code: parent for parent, codes in _MODIFIED.items() for code in codes.split()}
PARENTS |= {code: parent for parent, codes in _FORCE_FIELD.items() for code in codes.split()}
# AMBER marks chain ends by a leading N or C
PARENTS |= {end + code: code for end in "NC" for code in AMINO_ACIDS if len(code) == 3}

_GEMMI_NUCLEIC = {"RNA": {c: c for c in "ACGU"}, "DNA": {c: "D" + c for c in "ACGTU"}}


#: Atom names of old PDB files and force fields -> those of the dictionary, for amino acids and nucleotides.
ATOM_ALIASES = {
    "AMINO": {"OT1": "O", "OT2": "OXT", "OC1": "O", "OC2": "OXT", "OT": "OXT"},
    "ILE": {"CD": "CD1"},
    "NUCLEIC": {"O1P": "OP1", "O2P": "OP2", "O3P": "OP3"},
    "DT": {"C5M": "C7"},
}


@lru_cache(maxsize=4096)
def parent_of(code: str) -> str:
    """Standard residue that ``code`` derives from, or ``code`` itself.

    The built-in table answers first, then gemmi's, then the Chemical Component Dictionary (which takes a second to
    load, once per process).
    """
    if code in AMINO_ACIDS or code in NUCLEOTIDES:
        return code
    if code in PARENTS:
        return PARENTS[code]
    return _parent_in_gemmi(code) or component_parent(code) or code


def _parent_in_gemmi(code: str) -> str:
    info = gemmi.find_tabulated_residue(code)
    letter = info.one_letter_code.strip().upper()
    if not info.found() or letter in ("", "X"):
        return ""
    if info.is_amino_acid():
        return gemmi.expand_one_letter(letter, gemmi.ResidueKind.AA) or ""
    if info.is_nucleic_acid():
        return _GEMMI_NUCLEIC.get(info.kind.name, {}).get(letter, "")
    return ""


@lru_cache(maxsize=4096)
def is_amino_acid(code: str) -> bool:
    """True for amino acids, standard or modified, known without the component dictionary."""
    parent = PARENTS.get(code, code)
    return parent in AMINO_ACIDS or gemmi.find_tabulated_residue(code).is_amino_acid()


@lru_cache(maxsize=4096)
def is_nucleotide(code: str) -> bool:
    """True for nucleotides, standard or modified, known without the component dictionary."""
    parent = PARENTS.get(code, code)
    return parent in NUCLEOTIDES or gemmi.find_tabulated_residue(code).is_nucleic_acid()
