"""Run one interaction detector on one complex: pocketvox, ProLIF (implicit hydrogens) and PLIP on the same atoms.

Every tool gets the heavy atoms of the standard residues of the protein file and the heavy atoms of the ligand's
SDF; pocketvox and PLIP also get the waters. A run returns :class:`Contact` rows named by author chain and residue,
with the channel that the ligand's side of each belongs to.
"""

from __future__ import annotations

import functools
import gzip
import importlib
import string
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rdkit import Chem

#: Types compared, whatever the ligand's role.
TYPES = ("hbond", "hydrophobic", "pi_stacking")
#: What ProLIF and PLIP report besides: channels, by the ligand's role.
MORE_TYPES = ("pi_cation", "salt_bridge_cation", "salt_bridge_anion", "halogen_bond")
#: Residues that ProLIF has templates for.
STANDARD_RESIDUES = frozenset("ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL".split())
_MAX_SERIAL = 99_999


@dataclass(frozen=True)
class Contact:
    """One interaction between a residue and the ligand.

    Attributes
    ----------
    type : str
        One of :data:`TYPES` or :data:`MORE_TYPES`.
    residue : str
        ``chain:number`` with the insertion code, e.g. ``A:52B``.
    res_name, atom : str
        Residue name and protein atom name(s), joined by blanks for a ring.
    ligand : str
        Ligand atom(s) as element and heavy-atom index in the SDF, e.g. ``N12``.
    distance : float
        The distance the tool judged (angstrom).
    channel : str
        Its channel, by the ligand's role: as ``type``, but ``hbond_donor`` where the ligand donates.
    """

    type: str
    residue: str
    res_name: str
    atom: str
    ligand: str
    distance: float
    channel: str = ""

    @property
    def ligand_atoms(self) -> list[int]:
        """Heavy-atom indices in the SDF."""
        return [int(name.lstrip(string.ascii_letters)) for name in self.ligand.split()]


@dataclass(frozen=True)
class ToolRun:
    """``contacts`` that one tool found, or ``error`` (a message) if it failed; ``seconds`` to read and detect."""

    contacts: tuple[Contact, ...]
    seconds: float
    error: str = ""

    def keys(self, type_: str) -> set[str]:
        """Residues with an interaction of one type."""
        return {c.residue for c in self.contacts if c.type == type_}

    def to_dict(self) -> dict:
        """Plain types, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> ToolRun:
        """Inverse of :meth:`to_dict`."""
        return cls(tuple(Contact(**c) for c in values["contacts"]), values["seconds"], values["error"])


@dataclass(frozen=True)
class Prepared:
    """Input files of one complex in a scratch folder, and what their atoms are called.

    ``records`` holds the PDB lines of protein and waters in file order: the serial of a record is its index plus 1.
    """

    protein: Path
    protein_with_waters: Path
    combined: Path
    ligand: Path
    records: tuple[str, ...]
    symbols: tuple[str, ...]

    def residue(self, serial: int) -> str:
        """``chain:number`` of the protein atom with this serial."""
        line = self.records[serial - 1]
        return f"{line[21]}:{line[22:27].strip()}"

    def contact(self, channel: str, serials, ligand, distance: float) -> Contact:
        """Row from a channel, protein serials and ligand heavy-atom indices."""
        lines = [self.records[s - 1] for s in serials]
        return Contact(
            type=_type(channel),
            residue=self.residue(serials[0]),
            res_name=lines[0][17:20].strip(),
            atom=" ".join(line[12:16].strip() for line in lines),
            ligand=" ".join(f"{self.symbols[i]}{i}" for i in ligand),
            distance=round(float(distance), 3),
            channel=channel,
        )


def _type(channel: str) -> str:
    return "hbond" if channel in ("hbond_donor", "hbond_acceptor") else channel


def prepare(protein: Path, ligand: Path, folder: Path) -> Prepared:
    """Write the files that all tools read; raises ValueError if the ligand's SDF cannot be sanitised."""
    mol = Chem.MolFromMolFile(str(ligand))
    if mol is None:
        raise ValueError(f"RDKit cannot sanitise the ligand. Received: {ligand}. Choose another complex.")
    mol = Chem.RemoveAllHs(mol)  # reading keeps those that define stereochemistry
    text = gzip.open(protein, "rt").read() if protein.suffix == ".gz" else protein.read_text()
    amino, waters = [], []
    for line in text.splitlines():
        if not line.startswith(("ATOM  ", "HETATM")) or line[76:78].strip() in ("H", "D"):
            continue
        if line.startswith("ATOM") and line[17:20] in STANDARD_RESIDUES:
            amino.append(line)
        elif line[17:20] == "HOH":
            waters.append(f"HETATM{line[6:]}")
    chains = {line[21] for line in amino + waters}
    unused = iter(c for c in reversed(string.ascii_uppercase) if c not in chains)
    blank, own = next(unused), next(unused)
    records = tuple(_record(serial, line, blank) for serial, line in enumerate(amino + waters, 1))
    if len(records) + mol.GetNumAtoms() > _MAX_SERIAL:
        raise ValueError(f"More than {_MAX_SERIAL} atoms do not fit a PDB file. Received: {protein}.")

    files = {name: folder / name for name in ("protein.pdb", "protein_waters.pdb", "combined.pdb", "ligand.sdf")}
    _write(files["protein.pdb"], records[: len(amino)])
    _write(files["protein_waters.pdb"], records)
    _write(files["combined.pdb"], (*records, *_ligand_records(mol, own, len(records))))
    Chem.MolToMolFile(mol, str(files["ligand.sdf"]))
    symbols = tuple(a.GetSymbol() for a in mol.GetAtoms())
    return Prepared(*files.values(), records=records, symbols=symbols)


def _record(serial: int, line: str, blank: str) -> str:
    chain = blank if line[21] == " " else line[21]
    element = line[76:78] if line[76:78].strip() else f"{line[12:14].strip(string.digits + ' ')[:1]:>2}"
    return f"{line[:6]}{serial:5d} {line[12:16]} {line[17:21]}{chain}{line[22:66]:<44}          {element}"


def _ligand_records(mol: Chem.Mol, chain: str, offset: int) -> list[str]:
    positions = mol.GetConformer().GetPositions()
    lines = []
    for i, (atom, (x, y, z)) in enumerate(zip(mol.GetAtoms(), positions, strict=True)):
        symbol = atom.GetSymbol().upper()
        name = f"{symbol}{i + 1}"[:4]
        name = f"{name:<4}" if len(symbol) > 1 or len(name) > 3 else f" {name:<3}"
        lines.append(
            f"HETATM{offset + i + 1:5d} {name} LIG {chain}   1    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          "
            f"{symbol:>2}"
        )
    for atom in mol.GetAtoms():
        bonded = []
        for bond in atom.GetBonds():
            # a bond order is told by repeating the partner; aromatic bonds are left to the reader
            bonded += [bond.GetOtherAtomIdx(atom.GetIdx())] * {"DOUBLE": 2, "TRIPLE": 3}.get(str(bond.GetBondType()), 1)
        for k in range(0, len(bonded), 4):
            partners = "".join(f"{offset + j + 1:5d}" for j in bonded[k : k + 4])
            lines.append(f"CONECT{offset + atom.GetIdx() + 1:5d}{partners}")
    return lines


def _write(path: Path, lines) -> None:
    path.write_text("\n".join((*lines, "END", "")))


def _protein_serials(files: Prepared, indices) -> list[int]:
    """ProLIF's atom indices follow the file of the protein, whose serials are 1, 2, ..."""
    return [int(i) + 1 for i in indices]


# ------------------------------------------------------------------------------------------------------- pocketvox
def run_pocketvox(files: Prepared) -> tuple[list[Contact], float]:
    """Contacts of ``pocketvox.interactions.find_interactions`` and the seconds to read and detect."""
    from pocketvox.channels import CHANNELS
    from pocketvox.interactions import find_interactions
    from pocketvox.structure import read_complex

    start = time.perf_counter()
    complex_ = read_complex(files.protein_with_waters, ligand=files.ligand)
    found = find_interactions(complex_)
    seconds = time.perf_counter() - start

    receptor, contacts = complex_.receptor, []
    for k in range(len(found)):
        channel = CHANNELS[found.channel[k]]
        atoms, ligand = found.receptor_atoms[k], found.ligand_atoms[k]
        first = int(atoms[0])
        contacts.append(
            Contact(
                type=_type(channel),
                residue=f"{receptor.chain_id[first]}:{receptor.res_id[first]}{receptor.ins_code[first]}",
                res_name=str(receptor.res_name[first]),
                atom=" ".join(str(receptor.name[i]) for i in atoms),
                ligand=" ".join(f"{files.symbols[i]}{i}" for i in ligand),
                distance=round(float(found.distance[k]), 3),
                channel=channel,
            )
        )
    return contacts, seconds


# ---------------------------------------------------------------------------------------------------------- ProLIF
#: Channels of its interactions, whose names tell the ligand's role.
_PROLIF_CHANNELS = {
    "ImplicitHBDonor": "hbond_donor",
    "ImplicitHBAcceptor": "hbond_acceptor",
    "Hydrophobic": "hydrophobic",
    "PiStacking": "pi_stacking",
    "PiCation": "pi_cation",
    "CationPi": "pi_cation",
    "Cationic": "salt_bridge_cation",
    "Anionic": "salt_bridge_anion",
    "XBDonor": "halogen_bond",
}


@functools.cache
def _prolif():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import prolif
        from prolif.io import MoleculeStandardizer

        default = prolif.Fingerprint(implicit_hydrogens=True)
        pairs = prolif.Fingerprint(list(_PROLIF_CHANNELS), count=True)
    return prolif, MoleculeStandardizer(), default, pairs


def run_prolif(files: Prepared) -> tuple[list[Contact], float]:
    """Contacts of ProLIF's implicit-hydrogen mode; timed with its default list of interactions."""
    prolif, standardise, default, pairs = _prolif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        protein = standardise(str(files.protein))
        ligand = prolif.Molecule.from_rdkit(Chem.MolFromMolFile(str(files.ligand)))
        default.generate(ligand, protein, metadata=True)
        seconds = time.perf_counter() - start
        found = pairs.generate(ligand, protein, metadata=True)  # every atom pair, not only the best of each residue

    contacts = []
    for interactions in found.values():
        for name, rows in interactions.items():
            for row in rows:
                serials = _protein_serials(files, row["parent_indices"]["protein"])
                ligand_atoms = [int(i) for i in row["parent_indices"]["ligand"]]
                if name == "XBDonor":  # halogen and acceptor: what each is bonded to is named too
                    serials, ligand_atoms = serials[:1], ligand_atoms[-1:]
                contacts.append(files.contact(_PROLIF_CHANNELS[name], serials, ligand_atoms, row["distance"]))
    return contacts, seconds


# ------------------------------------------------------------------------------------------------------------ PLIP
def run_plip(files: Prepared) -> tuple[list[Contact], float]:
    """Contacts that PLIP reports for the ligand in one combined file (its own hydrogens, types and refinement)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from plip.basic import config
        from plip.structure.preparation import PDBComplex

    config.NOFIXFILE = True
    with tempfile.TemporaryDirectory() as scratch:
        start = time.perf_counter()
        complex_ = PDBComplex()
        complex_.output_path = scratch
        complex_.load_pdb(str(files.combined))
        ligands = [ligand for ligand in complex_.ligands if ligand.hetid == "LIG"]
        for ligand in ligands:
            complex_.characterize_complex(ligand)
        seconds = time.perf_counter() - start
    if not ligands:
        raise RuntimeError("PLIP found no ligand")

    offset = len(files.records) + 1
    contacts = []

    def add(channel: str, protein, ligand, distance: float) -> None:
        contacts.append(files.contact(channel, protein, [i - offset for i in ligand], distance))

    for site in complex_.interaction_sets.values():
        for bond in (*site.hbonds_ldon, *site.hbonds_pdon):
            if bond.protisdon:
                add("hbond_acceptor", [bond.d_orig_idx], [bond.a_orig_idx], bond.distance_ad)
            else:
                add("hbond_donor", [bond.a_orig_idx], [bond.d_orig_idx], bond.distance_ad)
        for pair in site.hydrophobic_contacts:
            add("hydrophobic", [pair.bsatom_orig_idx], [pair.ligatom_orig_idx], pair.distance)
        for rings in site.pistacking:
            add("pi_stacking", rings.proteinring.atoms_orig_idx, rings.ligandring.atoms_orig_idx, rings.distance)
        for pair in (*site.pication_laro, *site.pication_paro):
            ends = (pair.charge.atoms_orig_idx, pair.ring.atoms_orig_idx)
            add("pi_cation", *(ends if pair.protcharged else ends[::-1]), pair.distance)
        for pair in site.saltbridge_lneg:
            add("salt_bridge_anion", pair.positive.atoms_orig_idx, pair.negative.atoms_orig_idx, pair.distance)
        for pair in site.saltbridge_pneg:
            add("salt_bridge_cation", pair.negative.atoms_orig_idx, pair.positive.atoms_orig_idx, pair.distance)
        for pair in site.halogen_bonds:
            add("halogen_bond", [pair.acc_orig_idx], [pair.don_orig_idx], pair.distance)
    return contacts, seconds


TOOLS: dict[str, Callable[[Prepared], tuple[list[Contact], float]]] = {
    "pocketvox": run_pocketvox,
    "prolif": run_prolif,
    "plip": run_plip,
}


def run_tool(name: str, files: Prepared, detector: Callable | None = None, types: tuple[str, ...] = TYPES) -> ToolRun:
    """Run a tool (or another ``detector`` of the same signature); a failure is a result, told by its message."""
    try:
        contacts, seconds = (detector or TOOLS[name])(files)
    except (Exception, SystemExit) as error:  # whatever another program raises on this input is counted, not hidden
        return ToolRun((), float("nan"), f"{type(error).__name__}: {error}".splitlines()[0][:200])
    contacts = [c for c in contacts if c.type in types]
    contacts.sort(key=lambda c: (c.type, c.residue, c.atom, c.ligand, c.distance))
    return ToolRun(tuple(contacts), seconds)


def load_detector(name: str) -> Callable[[Prepared], tuple[list[Contact], float]]:
    """A detector named ``module:function``, to try other definitions."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def tool_versions() -> dict[str, str]:
    """Versions of what was compared and of the toolkits beneath."""
    from pocketvox import __version__

    found = {"pocketvox": __version__}
    for name in ("prolif", "plip", "rdkit", "openbabel", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
