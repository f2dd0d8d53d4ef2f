"""What a trajectory is of: atoms with chemistry from the topology, positions from the first frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pocketvox.errors import StructureError
from pocketvox.hashing import file_hash
from pocketvox.motion.source import Source
from pocketvox.motion.whole import Molecules, near_bonds
from pocketvox.structure import read_structure
from pocketvox.structure.atoms import WATER, Structure
from pocketvox.structure.names import WATERS
from pocketvox.structure.read import interpret
from pocketvox.structure.table import UNKNOWN, AtomTable, Parsed

#: Topologies that are read as in any other scan; of all others the names of atoms and residues are taken.
STRUCTURE_FILES = (".pdb", ".ent", ".cif", ".mmcif")
#: Fewer bonds per atom than this are no complete list: a molecule of n atoms has at least n - 1.
FEWEST_BONDS = 0.9
#: What MDAnalysis calls the one segment of a topology without segments.
_NO_SEGMENT = "SYSTEM"


@dataclass(frozen=True)
class System:
    """The atoms of a trajectory that are not water, unless they were selected.

    Attributes
    ----------
    structure : Structure
        With the positions of the first frame, molecules in one piece.
    index : ndarray, shape=(n,), dtype=int
        Which atoms of the trajectory they are.
    bonds : ndarray, shape=(k, 2), dtype=int
        Rows of the structure's atoms.
    """

    structure: Structure
    index: np.ndarray
    bonds: np.ndarray

    def rows(self, index: np.ndarray) -> np.ndarray:
        """Rows of those atoms of the trajectory that are there."""
        return np.flatnonzero(np.isin(self.index, index))


def read_system(source: Source, selected: np.ndarray | None = None) -> System:
    """Read the topology and the first frame.

    Parameters
    ----------
    source : Source
    selected : ndarray of int, optional
        Atoms of the trajectory that are kept even if they are water.

    Raises
    ------
    StructureError
        If the topology holds no protein or nucleic acid, or a file is damaged.
    """
    coord, box, _ = source.read(source.frames[0])
    if _is_structure_file(source.topology):
        structure, index = _from_file(source)
        water = structure.atoms.kind == WATER
        known = structure.atoms.coord
    else:
        structure, index, known = None, np.arange(len(coord)), None
        water = np.isin(source.universe.atoms.resnames, tuple(WATERS))
    kept = np.flatnonzero(~water if selected is None else ~water | np.isin(index, selected))
    index = index[kept]
    raw = _part(structure, kept, coord[index]) if structure else _from_names(source, index, coord[index])
    bonds = [_listed_bonds(source, index)]
    if len(bonds[0]) < FEWEST_BONDS * len(index):
        bonds.append(near_bonds(coord[index], raw.atoms.element, box))
        if known is not None:  # molecules that lie in pieces in a frame without a box do not in the topology
            bonds.append(near_bonds(known[kept], raw.atoms.element, None))
    bonds = np.concatenate(bonds)
    molecules = Molecules(bonds, len(index))
    placed = molecules.together(molecules.whole(coord[index], box), box)
    if structure is None and not np.array_equal(placed, raw.atoms.coord):
        raw = _from_names(source, index, placed)  # where residues are joined decides what they are
    return System(replace(raw, atoms=replace(raw.atoms, coord=placed)), index, bonds)


def _is_structure_file(path: str) -> bool:
    return path.lower().removesuffix(".gz").endswith(STRUCTURE_FILES)


def _from_file(source: Source) -> tuple[Structure, np.ndarray]:
    """The structure in a file, and which atoms of the trajectory its atoms are.

    Atoms are found by their positions in the file: the two readers may sort chains differently, and only one of them
    keeps alternate locations.
    """
    structure = read_structure(source.topology)
    place: dict[tuple, list[int]] = {}
    for i, key in reversed(list(enumerate(_keys(source.written)))):
        place.setdefault(key, []).append(i)
    index = [place[key].pop() if place.get(key) else -1 for key in _keys(structure.atoms.coord)]
    if -1 in index:
        label = structure.atoms.label(index.index(-1))
        raise StructureError(
            f"{source.topology}: expected atoms that MDAnalysis reads as well. Received: {label}, which it does not. "
            "Write the topology to a new file with the program that made the trajectory."
        )
    return structure, np.array(index)


def _keys(coord: np.ndarray) -> list[tuple]:
    """What tells an atom from others: where it is, in thousandths of an angstrom."""
    return list(map(tuple, np.rint(coord.astype(np.float64) * 1000).astype(np.int64).tolist()))


def _from_names(source: Source, index: np.ndarray, coord: np.ndarray) -> Structure:
    """A structure from the names in a topology; elements where it has none as MDAnalysis guesses them."""
    atoms = source.universe.atoms[index]
    if not hasattr(atoms, "names") or not hasattr(atoms, "resnames"):
        raise StructureError(
            f"{source.topology}: expected names of atoms and residues. Received: a topology without. Give a PDB, GRO, "
            "PSF, PRMTOP or TPR file."
        )
    n = len(atoms)
    table = AtomTable(
        coord=coord.astype(np.float64),
        element=np.char.capitalize(_text(atoms.elements)),
        name=_text(atoms.names),
        res_name=_text(atoms.resnames),
        chain_id=_chains(atoms),
        ins_code=_text(atoms.icodes) if hasattr(atoms, "icodes") else np.full(n, ""),
        res_id=atoms.resids.astype(np.int32),
        altloc=np.full(n, ""),
        subchain=np.full(n, ""),
        het=np.zeros(n, bool),
        role=np.full(n, UNKNOWN, np.uint8),
        model=np.ones(n, np.int32),
        b_factor=np.zeros(n, np.float32),
        occupancy=np.ones(n, np.float32),
    )
    name = Path(source.topology).name
    name = Path(name.removesuffix(".gz").removesuffix(".bz2")).stem or name
    return interpret(Parsed(table), name=name, source=source.topology, sha256=file_hash(source.topology))


def _chains(atoms) -> np.ndarray:
    """Chain ids; where there are none, names of segments."""
    chains = _text(atoms.chainIDs) if hasattr(atoms, "chainIDs") else np.full(len(atoms), "")
    segments = _text(atoms.segids) if hasattr(atoms, "segids") else np.full(len(atoms), "")
    return np.where(chains != "", chains, np.where(segments == _NO_SEGMENT, "", segments))


def _text(values: np.ndarray) -> np.ndarray:
    return np.char.strip(np.asarray(values).astype(str))


def _listed_bonds(source: Source, index: np.ndarray) -> np.ndarray:
    """Bonds that the topology lists between some atoms, as rows of these, shape=(k, 2)."""
    universe = source.universe
    listed = np.asarray(universe.bonds.indices) if hasattr(universe, "bonds") else np.empty((0, 2), int)
    row = np.full(len(universe.atoms), -1)
    row[index] = np.arange(len(index))
    listed = row[listed.reshape(-1, 2)]
    return listed[(listed >= 0).all(axis=1)]


def _part(structure: Structure, rows: np.ndarray, coord: np.ndarray) -> Structure:
    """Some atoms of a structure, in other places."""
    row = np.full(len(structure.atoms), -1, np.int32)
    row[rows] = np.arange(len(rows))
    links = row[structure.links]
    atoms = replace(structure.atoms[rows], coord=coord.astype(np.float32))
    return replace(structure, atoms=atoms, links=links[(links >= 0).all(axis=1)])
