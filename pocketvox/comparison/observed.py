"""What only one structure shows: residues without a counterpart, and where maps cannot be compared for that.

A residue without a counterpart is *absent* from the other structure if that one shows nothing where it should be: its
chain is broken there, ends before, or is not in the file. It is an *insertion* if the other chain runs on without it.
Near absent residues a structure would look different if it were complete, so that a difference of maps there is no gain
or loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pocketvox.comparison.chains import Chain
from pocketvox.comparison.pairing import Correspondence
from pocketvox.structure.atoms import Atoms
from pocketvox.structure.ligands import CONTACT
from pocketvox.voxel.grid import Grid
from pocketvox.voxel.labels import within

#: Maps are not compared this near to heavy atoms of absent residues (angstrom): the reach of a ligand's contacts.
REACH = CONTACT


@dataclass(frozen=True)
class Unmatched:
    """Residues without a counterpart, as ``Atoms.residue``, shape=(k,), dtype=int each.

    Attributes
    ----------
    absent_a, absent_b : ndarray
        Residues of A that B does not show, and of B that A does not show.
    inserted_a, inserted_b : ndarray
        Residues of A in a place where B's chain runs on without them, and the other way round.
    """

    absent_a: np.ndarray
    absent_b: np.ndarray
    inserted_a: np.ndarray
    inserted_b: np.ndarray


def unmatched(found: Correspondence) -> Unmatched:
    """Residues of chains that have no counterpart."""
    absent: tuple[list, list] = ([], [])
    inserted: tuple[list, list] = ([], [])
    for pair in found.chains:
        for k, (own, other) in enumerate(((pair.a, pair.b), (pair.b, pair.a))):
            missing, extra = _gaps(own, other, pair.pairs[:, k], pair.pairs[:, 1 - k])
            absent[k].append(own.residue[missing])
            inserted[k].append(own.residue[extra])
    for k, chains in enumerate((found.unpaired_a, found.unpaired_b)):
        absent[k].extend(chain.residue for chain in chains)
    return Unmatched(*(np.concatenate([np.empty(0, int), *rows]).astype(int) for rows in (*absent, *inserted)))


def comparable_voxels(grid: Grid, a: Atoms, b: Atoms, missing: Unmatched) -> np.ndarray:
    """Voxels that are not near residues which only one structure shows.

    Parameters
    ----------
    grid : Grid
    a, b : Atoms
        Receptors in the frame of the grid.
    missing : Unmatched

    Returns
    -------
    ndarray, shape=(x, y, z), dtype=bool
    """
    coord = [
        atoms.coord[atoms.heavy & np.isin(atoms.residue, residues)]
        for atoms, residues in ((a, missing.absent_a), (b, missing.absent_b))
    ]
    return ~within(np.concatenate(coord), grid, REACH)


def _gaps(own: Chain, other: Chain, paired: np.ndarray, partner: np.ndarray) -> tuple[list[int], list[int]]:
    """Unpaired residues of a chain: those the other does not show, and those it runs on without."""
    absent, inserted = list(range(paired[0])), []
    for k in range(len(paired) - 1):
        between = range(paired[k] + 1, paired[k + 1])
        if between:
            (inserted if other.unbroken(partner[k], partner[k + 1]) else absent).extend(between)
    return [*absent, *range(paired[-1] + 1, len(own))], inserted
