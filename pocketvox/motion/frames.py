"""Frames of a trajectory as receptors in one frame of reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pocketvox.errors import SelectionError
from pocketvox.motion.source import Source
from pocketvox.motion.system import System
from pocketvox.motion.whole import BROKEN, Molecules
from pocketvox.structure.atoms import NUCLEIC, PROTEIN, Atoms
from pocketvox.structure.ligands import CONTACT
from pocketvox.structure.superpose import fit_motion

#: Atoms that frames are superposed on unless others are named: one per residue.
ANCHORS = {PROTEIN: "CA", NUCLEIC: "C1'"}
#: What switches superposition off.
NO_ALIGNMENT = "none"
#: Fewer atoms define no orientation.
FEWEST_ANCHORS = 3


@dataclass(frozen=True)
class Frames:
    """The receptor of every frame, superposed on the first.

    Attributes
    ----------
    source : Source
    index : ndarray, shape=(n,), dtype=int
        Atoms of the trajectory that are the receptor.
    reference : ndarray, shape=(n, 3), dtype=float32
        The receptor in the first frame (angstrom).
    molecules : Molecules
        Of the receptor.
    anchors : ndarray of int
        Rows that the root-mean-square deviation is of.
    aligned : bool
        Whether frames are superposed on the anchors.
    """

    source: Source
    index: np.ndarray
    reference: np.ndarray
    molecules: Molecules
    anchors: np.ndarray
    aligned: bool

    def __call__(self, frame: int) -> tuple[np.ndarray, float, float, bool]:
        """One frame.

        Returns
        -------
        coord : ndarray, shape=(n, 3), dtype=float32
            The receptor in the frame of reference (angstrom).
        rmsd : float
            Of the anchors from the first frame (angstrom).
        time : float
            Picoseconds.
        broken : bool
            Whether a molecule lies in pieces.
        """
        everything, box, time = self.source.read(frame)
        if frame == self.source.frames[0]:
            return self.reference.copy(), 0.0, time, self._broken(self.reference)
        coord = self.molecules.whole(everything[self.index], box)
        coord = self.molecules.arranged(coord, box, self.reference)
        broken = self._broken(coord)
        mobile, fixed = coord[self.anchors], self.reference[self.anchors]
        if self.aligned:
            motion = fit_motion(mobile, fixed)
            coord, mobile = motion(coord).astype(np.float32), motion(mobile)
        return coord, float(np.sqrt(((mobile - fixed) ** 2).sum(axis=1).mean())), time, broken

    def _broken(self, coord: np.ndarray) -> bool:
        return self.molecules.longest_bond(coord) > BROKEN


@dataclass(frozen=True)
class Survey:
    """What a first look at all frames shows.

    Attributes
    ----------
    times, rmsd : ndarray, shape=(frames,), dtype=float64
        Picoseconds, angstrom.
    low, high : ndarray, shape=(n, 3), dtype=float32
        Between which positions each atom stays (angstrom).
    strayed : ndarray, shape=(n,), dtype=bool
        Single atoms that are far from all molecules of the receptor in some frame.
    broken : tuple of int
        Frames in which a molecule lies in pieces.
    """

    times: np.ndarray
    rmsd: np.ndarray
    low: np.ndarray
    high: np.ndarray
    strayed: np.ndarray
    broken: tuple[int, ...]


def receptor_frames(source: Source, system: System, rows: np.ndarray, align: str | None) -> Frames:
    """Frames of the receptor that some rows of a system are.

    Parameters
    ----------
    source : Source
    system : System
    rows : ndarray of int
        Of ``system.structure.atoms``.
    align : str or None
        Selection, in MDAnalysis' language, of atoms to superpose frames on; ``ANCHORS`` if None; or ``NO_ALIGNMENT``.

    Raises
    ------
    SelectionError
        If the selection is not understood, too small, or not in the receptor.
    """
    row = np.full(len(system.index), -1)
    row[rows] = np.arange(len(rows))
    bonds = row[system.bonds]
    aligned = align != NO_ALIGNMENT
    receptor = system.structure.atoms[rows]
    anchors = _chosen(source, system.index[rows], align) if align and aligned else _usual(receptor)
    if aligned and len(anchors) < FEWEST_ANCHORS:
        raise SelectionError(
            f"{source.topology}: expected at least {FEWEST_ANCHORS} atoms to superpose frames on. Received: "
            f"{len(anchors)}. Choose others with --align, or none with --align none."
        )
    return Frames(
        source=source,
        index=system.index[rows],
        reference=receptor.coord,
        molecules=Molecules(bonds[(bonds >= 0).all(axis=1)], len(rows)),
        anchors=anchors if len(anchors) else np.flatnonzero(receptor.heavy),
        aligned=aligned,
    )


def survey(frames: Frames, heavy: np.ndarray, progress: Callable[[int, int], None] | None = None) -> Survey:
    """Read every frame once, before anything expensive.

    Parameters
    ----------
    frames : Frames
    heavy : ndarray, shape=(n,), dtype=bool
        Atoms of the receptor that are not hydrogen.
    progress : callable, optional
        Called with frames read and frames in all.

    Raises
    ------
    StructureError
        If a frame cannot be read.
    """
    numbers = frames.source.frames
    size = np.bincount(frames.molecules.label)[frames.molecules.label]
    single = np.flatnonzero((size == 1) & heavy)
    body = np.flatnonzero((size > 1) & heavy)
    strayed = np.zeros(len(heavy), bool)
    low, high = np.full((len(heavy), 3), np.inf, np.float32), np.full((len(heavy), 3), -np.inf, np.float32)
    times, rmsd, broken = [], [], []
    for done, number in enumerate(numbers, 1):
        coord, deviation, time, pieces = frames(number)
        np.minimum(low, coord, out=low)
        np.maximum(high, coord, out=high)
        times.append(time)
        rmsd.append(deviation)
        broken += [number] * pieces
        if len(single) and len(body):
            strayed[single] |= _far(coord[single], coord[body])
        if progress is not None:
            progress(done, len(numbers))
    return Survey(np.array(times), np.array(rmsd), low, high, strayed, tuple(broken))


def _far(coord: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which positions are farther than ``CONTACT`` from all others."""
    from scipy.spatial import cKDTree

    return np.isinf(cKDTree(others).query(coord, distance_upper_bound=CONTACT)[0])


def _usual(receptor: Atoms) -> np.ndarray:
    chosen = np.zeros(len(receptor), bool)
    for kind, name in ANCHORS.items():
        chosen |= (receptor.kind == kind) & (receptor.name == name)
    return np.flatnonzero(chosen)


def _chosen(source: Source, index: np.ndarray, align: str) -> np.ndarray:
    selected = source.select(align, "--align")
    inside = np.isin(selected, index)
    if not inside.all():
        raise SelectionError(
            f"{source.topology}: expected atoms of the receptor to superpose frames on (--align). Received: {align!r}, "
            f"of which {int((~inside).sum())} of {len(selected)} atoms are outside it. Add 'and protein', or change "
            "--select."
        )
    return np.flatnonzero(np.isin(index, selected))
