"""Thresholds of hot-spots with a stated share of false ones, as a preset brings them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pocketvox.channels import TYPED
from pocketvox.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from pocketvox.inference.presets import Preset


def discovery_thresholds(preset: Preset, fdr: float) -> dict[str, float]:
    """Probabilities that a hot-spot must reach so that at most the share ``fdr`` of such hot-spots is false.

    What counts as false, and how sure the share is: ``data_prep/discovery.py``, which fits them on validation proteins.
    They are conditional on a ligand atom being at the hot-spot. They were fitted on maps of one orientation.

    Parameters
    ----------
    preset : Preset
    fdr : float
        False-discovery rate: one of the levels of the preset.

    Returns
    -------
    dict of str to float
        By channel. Channels for which the level could not be reached are left out.

    Raises
    ------
    ConfigError
        If the preset has no such thresholds.
    UsageError
        If they are for other levels.
    """
    stored = preset.config.discovery
    levels = sorted({level for by_level in stored.values() for level in by_level}, key=float)
    if not levels:
        raise ConfigError(
            f"Expected a preset with thresholds for false-discovery rates. Received: {preset.name}, which has none. "
            "Scan without fdr (--fdr), or with a preset whose config.json has them as `discovery`."
        )
    wanted = next((level for level in levels if abs(float(level) - fdr) < 1e-9), None)
    if wanted is None:
        raise UsageError(
            f"Expected fdr (--fdr): one of {', '.join(levels)}, the levels of {preset.name}. Received: {fdr:g}."
        )
    return {name: by_level[wanted] for name, by_level in stored.items() if wanted in by_level}


def check_discovery(discovery: dict[str, dict[str, float]]) -> None:
    """Refuse thresholds that cannot be used.

    Raises
    ------
    ConfigError
        If a channel has no hot-spots, a level is no number between 0 and 1 in its shortest spelling, or a threshold is
        no probability.
    """
    unknown = [name for name in discovery if name not in TYPED]
    if unknown:
        raise ConfigError(f"Expected discovery for some of {', '.join(TYPED)}. Received: {', '.join(unknown)}.")
    for name, by_level in discovery.items():
        for level, threshold in by_level.items():
            if not _is_level(level) or not 0 <= threshold <= 1:
                raise ConfigError(
                    f"Expected discovery of {name}: levels between 0 and 1, as short as '0.5', and probabilities. "
                    f"Received: {level!r}: {threshold!r}."
                )


def _is_level(text: str) -> bool:
    try:
        value = float(text)
    except ValueError:
        return False
    return 0 < value < 1 and text == f"{value:g}"
