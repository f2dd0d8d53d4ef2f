"""Atom types of any molecule, by SMARTS: ligands, cofactors and residues outside the residue table.

The molecule is first brought to its likely charge state at pH 7.4 (unless its nitrogens and oxygens carry all their
hydrogens explicitly: then the user has decided), so that the answer does not depend on how its file was protonated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from rdkit import Chem

#: Carbon without nitrogen, oxygen or fluorine next to it; thioether and thiophene sulfur; heavy halogens on carbon.
APOLAR = "[$([#6;+0;!$([#6]~[#7,#8,#9])]),$([S,Se;X2;H0;+0;!$(*~[#7,#8])]),$([s;+0]),$([Cl,Br,I;$(*-[#6])])]"
#: Apolar atoms that stand for the hydrophobic groups around them: no methyl (its neighbour stands for it), no methylene
#: of a saturated ring, no chlorine. Feature set of RDKit's BaseFeatures.fdef (ChainTwoWayAttach, ThreeWayAttach and
#: lumped hydrophobes), as used by ProLIF 2.2.
HYDROPHOBIC = (
    "[$([c;+0]),$([s;+0]),$([S,Se;X2;H0;+0]),$([Br,I;$(*-[#6])]),"
    "$([C;+0;X4;H2;R0]),$([C;+0;X4;H1]),$([C;+0;X4;H0]),$([C;+0;X3;H1;R0]),$([C;+0;X3;H0]),$([C;+0;X2;H0;R0])"
    ";!$([#6]~[#7,#8,#9]);!$([S,Se]~[#7,#8])]"
)
#: Nitrogen, oxygen, sulfur or selenium that carries hydrogen.
DONOR = "[#7,O,S,Se;!H0]"
#: Lone pairs that are free to accept: no ester or diaryl-ether oxygen, no nitro group, no amide, aniline or
#: protonated nitrogen.
ACCEPTOR = (
    "[$([O;+0,-1;!$([OX2]([#6])[CX3]=O);!$([OX2](a)a);!$([OX1]~[NX3+]~[OX1])]),$([o;+0]),"
    "$([n;+0,-1;X2]),$([NX2;+0,-1]),$([NX1;+0]),"
    "$([NX3;+0;!$(N-[#6,#16,#15]=[O,N,S]);!$(N-a);!$(N-[CX3]=[CX3])])]"
)
#: What coordinates a metal besides acceptors: thiols, thiolates, thiones and thioethers (methionine in cytochromes).
METAL_BINDING = "[$([S,Se;H1,-1,X1]),$([S,Se;X2;+0](-[#6])-[#6])]"
#: Sigma-hole donors.
HALOGEN = "[Cl,Br,I;$(*-[#6])]"

#: Charged groups; the charge sits on the mapped atoms. First match wins for each atom.
POSITIVE_GROUPS = (
    "[NX3,NX2:1]-[CX3;!$(C-[CX3]=O)](=[NX3+:2])-[NX3:3]",
    "[NX3:1]-[CX3]=[NX3+:2]",
    "[nX3H1:1]:[cX3]:[nX3H1+:2]",
    "[#7;+;!$([#7+]~[#8]);!$(*~[-]):1]",
    "[#15,#16;+;!$(*~[-]):1]",
)
NEGATIVE_GROUPS = (
    "[OX1:1]=[#6]-[OX1-:2]",
    "[OX1:1]~[P,S]([OX1-:2])~[OX1:3]",
    "[OX1:1]~[P,S]-[OX1-:2]",
    "[nX2:1]1[nX2:2][nX2:3][nX2-:4]c1",
    "[nX2:1]1[nX2:2][nX2-:3][nX2:4]c1",
    "[#7,#8,#16;-;!$(*~[+]):1]",
)

#: (pattern, charge given to the atom matched first) applied in this order: carboxylic, phosphoric, sulfonic and
#: sulfinic acids, acyl sulfonamides and tetrazoles (pKa below 5.5); amidines, guanidines and isothioureas (above 8).
_PROTONATION = (
    ("[OX2H1]-[CX3]=O", -1),
    ("[OX2H1]-P=O", -1),
    ("[OX2H1]-[SX3,SX4]=O", -1),
    ("[NX3H1;$(N(-C=O)-S(=O)=O)]", -1),
    ("[nH1;$(n1nnnc1),$(n1nncn1)]", -1),
    (
        "[NX2;+0;!$(N-[!#6;!#1]);!$(N-C#N)]=[CX3;!$(C-[!#6;!#7;!#8;!#16])]"
        "(-[NX3;!$(N-C=[O,S]);!$(N-[S,P,N,O]);!$(N-C#N)])",
        +1,
    ),
)
#: Aliphatic amines: every neighbour a saturated carbon.
_AMINE = "[NX3;+0;!$(N~[!#6;!#1]);!$(N-[#6;!X4])]"
#: Only one of two amines this close is protonated (piperazine, ethylenediamine).
_NEAR_CATION = "[$([NX3]-C-C-[#7+]),$([NX3]-C-[#7+])]"


@dataclass(frozen=True)
class MoleculeRoles:
    """Roles of the heavy atoms of a molecule, in its atom order.

    Attributes
    ----------
    apolar, hydrophobic, binds_metal, halogen : ndarray, shape=(n,), dtype=bool
    donor, acceptor : ndarray, shape=(n,), dtype=uint8
        0 (no), else the hybridisation: 2 (sp2 and sp), 3 (sp3).
    rings : tuple of tuple of int
        Aromatic rings of 5 or 6 atoms.
    positive, negative : tuple of tuple of int
        Atoms that share one charge.
    """

    apolar: np.ndarray
    hydrophobic: np.ndarray
    donor: np.ndarray
    acceptor: np.ndarray
    binds_metal: np.ndarray
    halogen: np.ndarray
    rings: tuple[tuple[int, ...], ...]
    positive: tuple[tuple[int, ...], ...]
    negative: tuple[tuple[int, ...], ...]


@cache
def _query(smarts: str) -> Chem.Mol:
    return Chem.MolFromSmarts(smarts)


def at_physiological_ph(mol: Chem.Mol) -> Chem.Mol:
    """Copy of ``mol`` without explicit hydrogen atoms, acids deprotonated and amines, amidines protonated.

    Charges are left as they are if :func:`has_hydrogens` says so.
    """
    decided = has_hydrogens(mol)
    # all of them (deuterium and stereo hydrogens too), or the atoms would not be the heavy atoms of ``mol``; RDKit
    # keeps hydrogens that belong to substance groups, as in files that give every atom a data field
    mol = Chem.Mol(mol)
    Chem.ClearMolSubstanceGroups(mol)
    mol = _perceived(Chem.RemoveAllHs(mol, sanitize=False))
    if decided:
        return mol
    for smarts, charge in _PROTONATION:
        for match in mol.GetSubstructMatches(_query(smarts)):
            _set_charge(mol.GetAtomWithIdx(match[0]), charge)
    amines = [i for (i,) in mol.GetSubstructMatches(_query(_AMINE))]
    if len(amines) > 1:  # which of two is protonated must not depend on the order of atoms
        rank = list(Chem.CanonicalRankAtoms(mol, breakTies=False))
        amines.sort(key=lambda i: rank[i])
    for i in amines:
        if not any(i == near for (near,) in mol.GetSubstructMatches(_query(_NEAR_CATION))):
            _set_charge(mol.GetAtomWithIdx(i), +1)
    return _perceived(mol)


def has_hydrogens(mol: Chem.Mol) -> bool:
    """Whether ``mol`` has hydrogen atoms and none is missing on a polar atom; a lone stereo hydrogen does not count."""
    atoms = atoms_of(mol)
    if not any(a.GetAtomicNum() == 1 for a in atoms):
        return False
    return not any(a.GetTotalNumHs() for a in atoms if a.GetAtomicNum() in (7, 8, 16))


def atoms_of(mol: Chem.Mol) -> list[Chem.Atom]:
    """Its atoms; RDKit's own sequence asks the molecule for its size at every step, which takes three times as long."""
    return [mol.GetAtomWithIdx(i) for i in range(mol.GetNumAtoms())]


def _perceived(mol: Chem.Mol) -> Chem.Mol:
    """``mol`` itself, with hydrogen counts, rings, aromaticity and hybridisation; odd valences are let pass."""
    mol.UpdatePropertyCache(strict=False)
    Chem.SanitizeMol(mol, Chem.SANITIZE_ALL ^ Chem.SANITIZE_PROPERTIES, catchErrors=True)
    return mol


def _set_charge(atom: Chem.Atom, charge: int) -> None:
    if atom.GetFormalCharge() != 0:
        return
    hydrogens = atom.GetTotalNumHs() + charge
    atom.SetFormalCharge(charge)
    atom.SetNoImplicit(True)
    atom.SetNumExplicitHs(max(hydrogens, 0))


def molecule_roles(mol: Chem.Mol) -> MoleculeRoles:
    """Types of every heavy atom of a sanitised molecule."""
    mol = at_physiological_ph(mol)
    hybridisation = np.array([_hybridisation(a) for a in atoms_of(mol)], np.uint8)
    acceptor = _mask(mol, ACCEPTOR)
    return MoleculeRoles(
        apolar=_mask(mol, APOLAR),
        hydrophobic=_mask(mol, HYDROPHOBIC),
        donor=np.where(_mask(mol, DONOR), hybridisation, 0).astype(np.uint8),
        acceptor=np.where(acceptor, hybridisation, 0).astype(np.uint8),
        binds_metal=acceptor | _mask(mol, METAL_BINDING),
        halogen=_mask(mol, HALOGEN),
        rings=tuple(
            tuple(ring)
            for ring in mol.GetRingInfo().AtomRings()
            if len(ring) in (5, 6) and all(mol.GetAtomWithIdx(i).GetIsAromatic() for i in ring)
        ),
        positive=_groups(mol, POSITIVE_GROUPS),
        negative=_groups(mol, NEGATIVE_GROUPS),
    )


def _hybridisation(atom: Chem.Atom) -> int:
    """3 if tetrahedral, else 2; terminal oxygens and sulfurs count as trigonal whatever resonance form is drawn."""
    terminal = atom.GetAtomicNum() in (8, 16) and atom.GetDegree() == 1 and atom.GetTotalNumHs() == 0
    return 3 if atom.GetHybridization() == Chem.HybridizationType.SP3 and not terminal else 2


def _mask(mol: Chem.Mol, smarts: str) -> np.ndarray:
    mask = np.zeros(mol.GetNumAtoms(), bool)
    matches = mol.GetSubstructMatches(_query(smarts), maxMatches=max(1000, mol.GetNumAtoms()))
    mask[[i for (i,) in matches]] = True
    return mask


def _groups(mol: Chem.Mol, patterns: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
    taken: set[int] = set()
    groups = []
    for smarts in patterns:
        query = _query(smarts)
        mapped = [a.GetIdx() for a in query.GetAtoms() if a.GetAtomMapNum()]
        for match in mol.GetSubstructMatches(query):
            group = tuple(sorted(match[i] for i in mapped))
            if taken.isdisjoint(group):
                taken.update(group)
                groups.append(group)
    return tuple(groups)
