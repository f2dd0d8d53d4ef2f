"""Hot-spots over time: in which frames the mean map's hot-spots are there.

A hot-spot is *present* in a frame if a scan of that frame finds one of its type within ``SAME`` of it. Each hot-spot of
a frame stands for one of the mean map only; of all ways to pair them the one with most pairs, and then the smallest sum
of distances, counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pocketvox.channels import CHANNELS, LABEL_RADIUS
from pocketvox.pockets import Hotspot

#: Hot-spots of one type are the same if they are this near (angstrom): their labels, balls of this radius, touch.
SAME = 2 * LABEL_RADIUS


@dataclass(frozen=True)
class TrackedHotspot:
    """A hot-spot of the mean map over time.

    Attributes
    ----------
    hotspot : Hotspot
        With probability and score in the mean map.
    pocket : str
        Name of its pocket.
    occupancy : float
        Share of the frames in which it is present, 0 to 1.
    score_present : float
        Mean score over these frames; 0 if there are none.
    distance : float
        Mean distance of what was found in these frames (angstrom); 0 if there are none.
    """

    hotspot: Hotspot
    pocket: str
    occupancy: float
    score_present: float
    distance: float


#: What is present has a score above 0.
_LEAST = np.finfo(np.float32).tiny


class FrameHotspots:
    """The hot-spots of every frame: type, position and score, a few bytes each."""

    def __init__(self):
        self._frames: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, rows: list[tuple]) -> None:
        """Add those of one frame: rows of :func:`pocketvox.pockets.hotspots.place_hotspots`."""
        kind = np.array([CHANNELS.index(row[2]) for row in rows], np.uint8)
        coord = np.array([row[1] for row in rows], np.float32).reshape(-1, 3)
        self._frames.append((kind, coord, np.array([row[4] for row in rows], np.float32)))

    def counts(self) -> np.ndarray:
        """Number of hot-spots in each frame, shape=(frames,), dtype=int."""
        return np.array([len(kind) for kind, _, _ in self._frames], int)

    def track(self, hotspots: list[tuple[str, Hotspot]]) -> tuple[tuple[TrackedHotspot, ...], np.ndarray]:
        """When hot-spots are present.

        Parameters
        ----------
        hotspots : list of (str, Hotspot)
            Names of pockets, and hot-spots of the mean map.

        Returns
        -------
        tuple of TrackedHotspot
        ndarray, shape=(frames, hot-spots), dtype=float32
            Score of what was found in the place of each; 0 where it is absent.
        """
        kind = np.array([CHANNELS.index(h.type) for _, h in hotspots], np.uint8)
        coord = np.array([h.coord for _, h in hotspots], np.float32).reshape(-1, 3)
        scores = np.zeros((len(self._frames), len(hotspots)), np.float32)
        apart = np.zeros_like(scores)
        for k, (kinds, coords, values) in enumerate(self._frames):
            for i, j, distance in _pairs(kind, coord, kinds, coords):
                scores[k, i], apart[k, i] = max(values[j], _LEAST), distance
        present = scores > 0
        number = np.maximum(present.sum(axis=0), 1)
        columns = zip(
            hotspots, present.mean(axis=0), scores.sum(axis=0) / number, apart.sum(axis=0) / number, strict=True
        )
        tracked = (TrackedHotspot(h, pocket, *map(float, values)) for (pocket, h), *values in columns)
        return tuple(tracked), scores


def _pairs(kind, coord, kinds, coords) -> list[tuple[int, int, float]]:
    """Pairs of one type, one to one, with their distances (angstrom)."""
    from scipy.optimize import linear_sum_assignment

    pairs = []
    for which in np.unique(kind):
        rows, columns = np.flatnonzero(kind == which), np.flatnonzero(kinds == which)
        if not len(columns):
            continue
        distance = np.linalg.norm(coord[rows, None] - coords[columns], axis=-1)
        near = distance <= SAME
        # no sum of distances that count outweighs one more pair
        cost = np.where(near, distance, SAME * (min(distance.shape) + 1))
        for i, j in zip(*linear_sum_assignment(cost), strict=True):
            if near[i, j]:
                pairs.append((int(rows[i]), int(columns[j]), float(distance[i, j])))
    return pairs
