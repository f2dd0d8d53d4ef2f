"""Two structures of one protein or family: which pockets, hot-spots and interactions one has and the other has not."""

from pocketvox.comparison.result import Comparison, HotspotChange, PocketChange
from pocketvox.comparison.run import compare

__all__ = ["Comparison", "HotspotChange", "PocketChange", "compare"]
