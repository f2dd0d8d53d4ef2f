"""Track ``complex-map``: receptor and ligand in, map of the interactions that the ligand makes out.

Entries, voxels and scores are those of ``pocket-map``.
"""

from benchmarks.tracks.pocket_map import score

VERSION = 1

__all__ = ["VERSION", "score"]
