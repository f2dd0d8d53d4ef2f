"""Trajectories: maps, pockets and hot-spots over time."""

from pocketvox.motion.folder import write_trajectory
from pocketvox.motion.hotspots import TrackedHotspot
from pocketvox.motion.pockets import TrackedPocket
from pocketvox.motion.result import TrajectoryResult
from pocketvox.motion.run import scan_trajectory

__all__ = ["TrackedHotspot", "TrackedPocket", "TrajectoryResult", "scan_trajectory", "write_trajectory"]
