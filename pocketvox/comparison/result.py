"""What a comparison found: :class:`Comparison`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pocketvox.comparison.noise import NoiseFloor
from pocketvox.comparison.pairing import Correspondence
from pocketvox.pockets import Hotspot, Pocket
from pocketvox.report import Result
from pocketvox.voxel.grid import Volume

#: What became of a hot-spot or pocket on the way from A to B. A hot-spot of one structure is kept as well if the map of
#: the other is at least as high nearby: hot-spots that crowd are not always placed alike. One of both is gained or lost
#: if its score is less than :data:`~pocketvox.comparison.changes.FAINT` of that in the other and the change above the
#: noise. ``not_comparable``: it is in one structure only, but near residues that the other does not show.
KEPT, GAINED, LOST, NOT_COMPARABLE = STATUSES = ("kept", "gained", "lost", "not_comparable")
#: What the superposition is fitted to.
FITS = ("global", "pocket")


@dataclass(frozen=True)
class PocketChange:
    """A pocket of A, of B, or of both.

    Attributes
    ----------
    status : str
        One of :data:`STATUSES`.
    a, b : Pocket or None
        It in each structure, both in the frame of A.
    overlap : float
        Jaccard index of their voxels; 0 if there is only one.
    distance : float or None
        Of their centres (angstrom).
    comparable : float
        Share of its voxels, of both together, where the maps can be compared.
    """

    status: str
    a: Pocket | None
    b: Pocket | None
    overlap: float
    distance: float | None
    comparable: float


@dataclass(frozen=True)
class HotspotChange:
    """A hot-spot of A, of B, or of both.

    Attributes
    ----------
    status : str
        One of :data:`STATUSES`.
    type : str
        Channel.
    a, b : Hotspot or None
        It in each structure, both in the frame of A.
    pocket_a, pocket_b : str
        Names of the pockets they belong to, ``""`` where there is none.
    coord_b : tuple of 3 floats
        Its position in the frame of the file of B (angstrom); of the hot-spot of A where B has none.
    distance : float or None
        Between the two (angstrom).
    probability_a, probability_b : float
        Conditional probabilities; where a structure has no such hot-spot, that at the highest joint value of its map
        within the matching radius.
    score_a, score_b : float
        Joint values, likewise.
    above_noise : bool or None
        Whether the change of the score is larger than between repeated structures; None if the noise of the preset was
        not measured, or the position is near residues that one structure does not show.
    reasons : tuple of str
        Residues near it that differ, the most telling first.
    """

    status: str
    type: str
    a: Hotspot | None
    b: Hotspot | None
    pocket_a: str
    pocket_b: str
    coord_b: tuple[float, float, float]
    distance: float | None
    probability_a: float
    probability_b: float
    score_a: float
    score_b: float
    above_noise: bool | None
    reasons: tuple[str, ...] = ()

    @property
    def coord(self) -> tuple[float, float, float]:
        """Position in the frame of A (angstrom): that in A if it is there."""
        return (self.a or self.b).coord

    @property
    def change(self) -> float:
        """Change of the score from A to B."""
        return self.score_b - self.score_a


@dataclass(frozen=True)
class Comparison:
    """How the pockets of structure B differ from those of structure A.

    Attributes
    ----------
    a, b : Result
        Scans on one grid in the frame of A; the structure of ``b`` is superposed.
    correspondence : Correspondence
        Which chains and residues correspond, and the motion of B.
    fit : str
        What the motion was fitted to, one of :data:`FITS`, or ``"none"``.
    pockets : tuple of PocketChange
        Those of A, best first, then those that only B has.
    hotspots : tuple of HotspotChange
        Largest change first, what cannot be compared last.
    difference : Volume
        Joint values of B less those of A, shape=(x, y, z, channel), dtype=float32; 0 where not comparable.
    comparable : ndarray, shape=(x, y, z), dtype=bool
        Voxels where a difference means a gain or loss.
    changed : dict of str to tuple of 2 floats, or None
        Per channel the volume above the noise that is gained and lost (angstrom^3); None if the noise is not known.
    noise : NoiseFloor or None
        What changes were held against.
    warnings : tuple of str
    """

    a: Result
    b: Result
    correspondence: Correspondence
    fit: str
    pockets: tuple[PocketChange, ...]
    hotspots: tuple[HotspotChange, ...]
    difference: Volume
    comparable: np.ndarray
    changed: dict[str, tuple[float, float]] | None
    noise: NoiseFloor | None = None
    warnings: tuple[str, ...] = ()

    @property
    def matched(self) -> int:
        """Residues of A with a counterpart in B."""
        return len(self.correspondence.fitted)

    @property
    def rmsd(self) -> float | None:
        """Of the anchors (CA, C1') the motion was fitted to, of all if to none (angstrom); None without any."""
        fitted = self.correspondence.fitted
        return _rms(self.correspondence.distances[fitted] if fitted.any() else self.correspondence.distances)

    @property
    def rmsd_all(self) -> float | None:
        """Of the anchors of all corresponding residues (angstrom)."""
        return _rms(self.correspondence.distances)

    def count(self, status: str, *, above_noise: bool = False) -> int:
        """Hot-spots of a status, or only those whose change is above the noise."""
        return sum(h.status == status and (not above_noise or bool(h.above_noise)) for h in self.hotspots)


def _rms(distances: np.ndarray) -> float | None:
    return float(np.sqrt((distances**2).mean())) if len(distances) else None
