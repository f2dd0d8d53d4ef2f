"""Another ligand of the same pocket, scored as if it were a prediction: how far one ligand tells what another does.

The partner of a site is a ligand of another entry of the ``maps`` set, of any split, whose chains there are the same
protein, whose pocket superposes, which lies at the same place and is another molecule. Its interaction points, moved
into the frame of the entry, are the prediction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from rdkit import Chem
from scipy.spatial import cKDTree

from benchmarks.entries import MAPS, Benchmark, Entry, Site
from benchmarks.methods import Method
from benchmarks.tools.superpose import Superposition, Trace, matched, superpose
from pocketvox.channels import CHANNELS, ENVELOPE_RADIUS, TYPED
from pocketvox.errors import InputError
from pocketvox.interactions.detect import residues_near
from pocketvox.structure import read_structure
from pocketvox.structure.ligand_file import ligand_from_file
from pocketvox.voxel import Grid, Volume, envelope, label_volume

#: Lowest identity of aligned chains (0 to 1): the same protein, but for mutations.
IDENTITY = 0.95
#: Residues with an atom this near to a ligand are its pocket (angstrom).
POCKET = 8.0
#: Highest RMSD of the pocket's CA atoms, outliers left out (angstrom).
RMSD = 1.5
#: A ligand is at the place of another if their centroids are this near (angstrom), or if ``SHARED`` of its atoms are
#: within ``NEAR`` (angstrom) of an atom of the other.
CENTROIDS, SHARED, NEAR = 4.0, 0.3, 2.0
#: Edge of a voxel in which overlaps are measured (angstrom).
_SPACING = 0.75


@dataclass(frozen=True)
class Pocket:
    """Where a ligand lies and what it is.

    Attributes
    ----------
    site : Site
    trace : Trace
        CA atoms of its receptor.
    members : ndarray, shape=(k,), dtype=int
        Those of the pocket.
    molecule : str
        Heavy atoms and which are bonded: bond orders, charges and hydrogens differ from file to file.
    """

    site: Site
    trace: Trace
    members: np.ndarray
    molecule: str


@dataclass(frozen=True)
class Partner:
    """A second ligand in the frame of the first.

    Attributes
    ----------
    entry : str
        Where it is from.
    site : Site
        It.
    motion : Superposition
        From its frame into the other.
    overlap : float
        Fraction of the envelope of the first that is in its envelope.
    """

    entry: str
    site: Site
    motion: Superposition
    overlap: float


def predict(entry: Entry, grid: Grid) -> Volume:
    """Spheres around the points of the partners of an entry's ligands; nothing around ligands that have none.

    Raises
    ------
    InputError
        If no ligand of the entry has a partner.
    """
    found = [partner for site in entry.sites if (partner := find_partner(entry, site)) is not None]
    if not found:
        raise InputError(f"{entry.id}: no second ligand of this pocket.")
    coord = np.concatenate([partner.motion(partner.site.point_coord) for partner in found])
    channel = np.concatenate([partner.site.point_channel for partner in found])
    values = label_volume(coord, channel, np.empty((0, 3)), grid).values
    wanted = [CHANNELS.index(name) for name in TYPED]
    return Volume(values[..., wanted].astype(np.float32), grid, TYPED)


def find_partner(entry: Entry, site: Site) -> Partner | None:
    """The second ligand that overlaps most with a ligand of the ``maps`` set, or None.

    Parameters
    ----------
    entry : Entry
    site : Site
        One of its ligands.
    """
    if entry.set != MAPS:
        return None
    others = [e for e in _entries(entry.folder) if e.id != entry.id and set(e.clusters) & set(entry.clusters)]
    ours = next(p for p in pockets(entry.receptor, entry.sites) if p.site.file == site.file) if others else None
    found = []
    for other in others:
        for theirs in pockets(other.receptor, other.sites):
            partner = _compare(ours, theirs, other.id)
            if partner is not None:
                found.append(partner)
    return max(found, key=lambda p: (p.overlap, p.entry, p.site.name), default=None)


def _compare(ours: Pocket, theirs: Pocket, id: str) -> Partner | None:
    """The best way to put one ligand into the pocket of another, if it is a second ligand of it."""
    if ours.molecule == theirs.molecule:
        return None
    found = []
    for pairs in matched(ours.trace, ours.members, theirs.trace, theirs.members, IDENTITY):
        motion = superpose(theirs.trace.coord[pairs[:, 1]], ours.trace.coord[pairs[:, 0]])
        if motion is None or motion.rmsd > RMSD:
            continue
        moved = motion(theirs.site.coord)
        if same_place(ours.site.coord, moved):
            found.append(Partner(id, theirs.site, motion, overlap(ours.site.coord, moved)))
    return max(found, key=lambda p: p.overlap, default=None)


def same_place(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether a second ligand, in the same frame, lies where the first does."""
    if np.linalg.norm(first.mean(axis=0) - second.mean(axis=0)) <= CENTROIDS:
        return True
    return bool((cKDTree(first).query(second)[0] <= NEAR).mean() >= SHARED)


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Fraction of the envelope of the first ligand that is in the envelope of the second."""
    grid = Grid.around(first, ENVELOPE_RADIUS, _SPACING)
    inside = envelope(first, grid)
    return float(envelope(second, grid)[inside].mean())


# ---------------------------------------------------------------------------------- read once per process
@lru_cache(maxsize=1)
def _entries(folder: Path) -> tuple[Entry, ...]:
    return tuple(Benchmark(folder).entries(MAPS))


_POCKETS: dict[Path, tuple[Pocket, ...]] = {}


def pockets(receptor: Path, sites: tuple[Site, ...]) -> tuple[Pocket, ...]:
    """Pockets of the ligands of an entry.

    Parameters
    ----------
    receptor : Path
    sites : tuple of Site
    """
    if receptor not in _POCKETS:
        atoms = read_structure(receptor).atoms
        trace = Trace.of(atoms)
        near = [np.unique(atoms.residue[residues_near(atoms, site.coord, POCKET)]) for site in sites]
        members = [np.flatnonzero(np.isin(trace.residue, residues)) for residues in near]
        files = [receptor.parent.parent / site.file for site in sites]
        parts = zip(sites, members, map(molecule, files), strict=True)
        _POCKETS[receptor] = tuple(Pocket(s, trace, m, text) for s, m, text in parts)
    return _POCKETS[receptor]


def molecule(path: Path) -> str:
    """Canonical SMILES of a ligand without bond orders, charges, hydrogens and stereochemistry."""
    mol = ligand_from_file(path)[0].mol
    bare = Chem.RWMol()
    index = {a.GetIdx(): bare.AddAtom(Chem.Atom(a.GetAtomicNum())) for a in mol.GetAtoms() if a.GetAtomicNum() > 1}
    for bond in mol.GetBonds():
        ends = (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
        if all(i in index for i in ends):
            bare.AddBond(*(index[i] for i in ends), Chem.BondType.SINGLE)
    for atom in bare.GetAtoms():
        atom.SetNoImplicit(True)
    return Chem.MolToSmiles(bare.GetMol())


def method() -> Method:
    """See the module docstring."""
    return Method(
        name="second-ligand",
        title="second ligand",
        description="Interactions of another ligand of the same pocket, superposed; sites without one count as empty.",
        predict=predict,
        sets=(MAPS,),
        channels=TYPED,
        kind="ceiling",
    )
