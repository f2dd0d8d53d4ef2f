"""Probability maps in, ranked pockets with their typed hot-spots out."""

from pocketvox.pockets.confidence import add_confidence, uncertain
from pocketvox.pockets.detect import Pocket, PocketConfig, detect_pockets
from pocketvox.pockets.familiarity import rate_pockets, unfamiliar
from pocketvox.pockets.hotspots import Hotspot, HotspotConfig, find_hotspots, find_pockets, pocket_volume, reaching
from pocketvox.pockets.settings import preset_settings

__all__ = [
    "Hotspot",
    "HotspotConfig",
    "Pocket",
    "PocketConfig",
    "add_confidence",
    "detect_pockets",
    "find_hotspots",
    "find_pockets",
    "pocket_volume",
    "preset_settings",
    "rate_pockets",
    "reaching",
    "uncertain",
    "unfamiliar",
]
