"""What a scan of a trajectory found: :class:`TrajectoryResult`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pocketvox.motion.hotspots import TrackedHotspot
from pocketvox.motion.pockets import TrackedPocket
from pocketvox.report import Result
from pocketvox.voxel.grid import Volume


@dataclass(frozen=True)
class TrajectoryResult:
    """What a scan found in the frames of a trajectory, all in the frame of reference of the first.

    Attributes
    ----------
    result : Result
        The mean map as a scan of one structure: its pockets and hot-spots, with partners and linings in the first
        frame.
    deviation : Volume
        Standard deviation of every channel over the frames, shape=(x, y, z, channel), dtype=float32.
    frequency : Volume
        Share of the frames in which the joint value reaches its threshold, 0 to 1, same shape and dtype.
    thresholds : dict of str to float
        These thresholds, by channel.
    frames : ndarray, shape=(n,), dtype=int64
        Numbers of the frames in the trajectory, from 0.
    times : ndarray, shape=(n,), dtype=float64
        Picoseconds.
    rmsd : ndarray, shape=(n,), dtype=float64
        Of the atoms that frames are superposed on, from the first frame (angstrom).
    pocket_counts, hotspot_counts : ndarray, shape=(n,), dtype=int64
        Pockets and hot-spots that a scan of each frame finds.
    hotspots : tuple of TrackedHotspot
        Those of the mean map, best first, as in ``result.hotspots``.
    scores : ndarray, shape=(n, len(hotspots)), dtype=float32
        Score of each in each frame; 0 where it is absent.
    pockets : tuple of TrackedPocket
        Consensus pockets: those of the mean map, then transient ones.
    volumes : ndarray, shape=(n, len(pockets)), dtype=float64
        Volume of each in each frame (angstrom^3).
    """

    result: Result
    deviation: Volume
    frequency: Volume
    thresholds: dict[str, float]
    frames: np.ndarray
    times: np.ndarray
    rmsd: np.ndarray
    pocket_counts: np.ndarray
    hotspot_counts: np.ndarray
    hotspots: tuple[TrackedHotspot, ...]
    scores: np.ndarray
    pockets: tuple[TrackedPocket, ...]
    volumes: np.ndarray

    def __repr__(self) -> str:
        cryptic = sum(pocket.cryptic for pocket in self.pockets)
        return (
            f"<TrajectoryResult {self.result.name}: {len(self.frames)} frames, {len(self.pockets)} pockets ({cryptic} "
            f"cryptic), {len(self.hotspots)} hot-spots>"
        )
