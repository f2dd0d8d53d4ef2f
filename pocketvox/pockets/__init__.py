"""Probability maps in, ranked pockets with their typed hot-spots out."""

from pocketvox.pockets.detect import Pocket, PocketConfig, detect_pockets
from pocketvox.pockets.familiarity import rate_pockets, unfamiliar
from pocketvox.pockets.hotspots import Hotspot, HotspotConfig, find_hotspots, find_pockets, reaching

__all__ = [
    "Hotspot",
    "HotspotConfig",
    "Pocket",
    "PocketConfig",
    "detect_pockets",
    "find_hotspots",
    "find_pockets",
    "rate_pockets",
    "reaching",
    "unfamiliar",
]
