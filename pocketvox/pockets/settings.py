"""How the pockets and hot-spots of a preset's maps are found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pocketvox.channels import TYPED
from pocketvox.pockets.detect import PocketConfig
from pocketvox.pockets.hotspots import HotspotConfig

if TYPE_CHECKING:
    from pocketvox.inference import PresetConfig


def preset_settings(config: PresetConfig) -> tuple[PocketConfig, HotspotConfig]:
    """Settings of pockets and of hot-spots that were chosen for a preset; what it leaves out has defaults.

    Raises
    ------
    ConfigError
        If the preset names a setting that there is not, or a value that is not allowed.
    """
    thresholds = {name: p for name, p in config.thresholds.items() if name in TYPED}
    hotspots = HotspotConfig.from_dict({**config.hotspots, "thresholds": thresholds})
    return PocketConfig.from_dict(config.pockets), hotspots
