"""What became of each pocket and hot-spot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pocketvox.channels import LIGAND
from pocketvox.comparison.matching import SAME_HOTSPOT, match_hotspots, match_pockets
from pocketvox.comparison.noise import NoiseFloor
from pocketvox.comparison.reasons import Difference, reasons
from pocketvox.comparison.result import GAINED, KEPT, LOST, NOT_COMPARABLE, HotspotChange, PocketChange
from pocketvox.pockets import Hotspot
from pocketvox.pockets.peaks import ball_offsets
from pocketvox.report import Result
from pocketvox.structure.superpose import Motion
from pocketvox.voxel.grid import Volume

#: A pocket that only one structure has is gained or lost if this share of it can be compared.
MOSTLY = 0.5
#: A hot-spot of both is as good as gone in the one where its score is less than this share of that in the other.
FAINT = 0.25


def pocket_changes(a: Result, b: Result, comparable: np.ndarray) -> tuple[PocketChange, ...]:
    """Those of A, best first, then those that only B has.

    Parameters
    ----------
    a, b : Result
        On one grid.
    comparable : ndarray, shape=(x, y, z), dtype=bool
    """
    partner = {i: (j, overlap) for i, j, overlap in match_pockets(a.pockets, b.pockets, a.maps.grid)}
    rows = []
    for i, pocket in enumerate(a.pockets):
        j, overlap = partner.get(i, (None, 0.0))
        rows.append((pocket, None if j is None else b.pockets[j], overlap))
    taken = {j for j, _ in partner.values()}
    rows += [(None, pocket, 0.0) for j, pocket in enumerate(b.pockets) if j not in taken]
    return tuple(_pocket_change(*row, comparable) for row in rows)


def hotspot_changes(
    a: Result,
    b: Result,
    comparable: np.ndarray,
    motion: Motion,
    noise: NoiseFloor | None,
    differing: Sequence[Difference],
) -> tuple[HotspotChange, ...]:
    """Every hot-spot of both, largest change first, what cannot be compared last.

    Parameters
    ----------
    a, b : Result
        On one grid.
    comparable : ndarray, shape=(x, y, z), dtype=bool
    motion : Motion
        From the frame of B's file into that of A.
    noise : NoiseFloor or None
    differing : sequence of Difference
        Residues that can be reasons.
    """
    of_a, of_b = ([(p.name, h) for p in result.pockets for h in p.hotspots] for result in (a, b))
    matched = match_hotspots([h for _, h in of_a], [h for _, h in of_b])
    pairs = [(of_a[i], of_b[j]) for i, j, _ in matched]
    pairs += [(of_a[i], None) for i in sorted({*range(len(of_a))} - {i for i, *_ in matched})]
    pairs += [(None, of_b[j]) for j in sorted({*range(len(of_b))} - {j for _, j, _ in matched})]
    back = motion.inverse()
    found = []
    for mine, theirs in pairs:
        (pocket_a, first), (pocket_b, second) = mine or ("", None), theirs or ("", None)
        spot = first or second
        probability_a, score_a = (first.probability, first.score) if first else best_near(a.maps, spot)
        probability_b, score_b = (second.probability, second.score) if second else best_near(b.maps, spot)
        change = abs(score_b - score_a)
        here = _is_comparable(spot, comparable, a.maps)
        above = bool(change > noise.hotspot.get(spot.type, np.inf)) if noise is not None and here else None
        partners = tuple(h.partners if h else () for h in (first, second))
        status = _status(first, second, here, score_a, score_b, bool(above))
        found.append(
            HotspotChange(
                status=status,
                type=spot.type,
                a=first,
                b=second,
                pocket_a=pocket_a,
                pocket_b=pocket_b,
                coord_b=tuple(float(v) for v in back(np.array([(second or first).coord]))[0]),
                distance=_distance(first.coord, second.coord) if first and second else None,
                probability_a=probability_a,
                probability_b=probability_b,
                score_a=score_a,
                score_b=score_b,
                above_noise=above,
                reasons=() if status == KEPT and above is False else reasons(differing, spot.coord, partners),
            )
        )
    return tuple(sorted(found, key=lambda h: _order(h, a.maps.channels)))


def best_near(maps: Volume, hotspot: Hotspot, radius: float = SAME_HOTSPOT) -> tuple[float, float]:
    """Conditional probability and joint value where the latter is highest within a radius of a hot-spot (angstrom)."""
    grid = maps.grid
    voxels = np.rint(grid.to_index(np.array(hotspot.coord))).astype(int) + ball_offsets(radius / grid.spacing)
    voxels = voxels[((voxels >= 0) & (voxels < grid.shape)).all(axis=1)]
    values = maps.values[tuple(voxels.T)]
    conditional = values[:, maps.channels.index(hotspot.type)]
    joint = conditional * values[:, maps.channels.index(LIGAND)]
    best = int(joint.argmax())
    return float(conditional[best]), float(joint[best])


def _status(
    first: Hotspot | None, second: Hotspot | None, comparable: bool, score_a: float, score_b: float, above_noise: bool
) -> str:
    """See :data:`~pocketvox.comparison.result.STATUSES`."""
    if first and second:
        faint = above_noise and min(score_a, score_b) < FAINT * max(score_a, score_b)
        return (GAINED if score_b > score_a else LOST) if faint else KEPT
    if not comparable:
        return NOT_COMPARABLE
    if first:
        return LOST if score_b < score_a else KEPT
    return GAINED if score_b > score_a else KEPT


def _is_comparable(hotspot: Hotspot, comparable: np.ndarray, maps: Volume) -> bool:
    voxel = np.rint(maps.grid.to_index(np.array(hotspot.coord))).astype(int)
    return bool(comparable[tuple(voxel.clip(0, np.array(maps.grid.shape) - 1))])


def _order(change: HotspotChange, channels: tuple[str, ...]) -> tuple:
    """Largest change first, what cannot be compared last."""
    size = -round(abs(change.change), 4)
    return change.status == NOT_COMPARABLE, size, channels.index(change.type), change.coord


def _pocket_change(a, b, overlap: float, comparable: np.ndarray) -> PocketChange:
    voxels = np.unique(np.concatenate([p.voxels for p in (a, b) if p]), axis=0)
    share = float(comparable[tuple(voxels.T)].mean())
    if a and b:
        return PocketChange(KEPT, a, b, overlap, _distance(a.center, b.center), share)
    status = NOT_COMPARABLE if share < MOSTLY else LOST if a else GAINED
    return PocketChange(status, a, b, 0.0, None, share)


def _distance(x: Sequence[float], y: Sequence[float]) -> float:
    return float(np.linalg.norm(np.subtract(x, y)))
