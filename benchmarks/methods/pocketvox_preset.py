"""A pocketvox preset; the environment variable POCKETVOX_PRESET names another one than the newest."""

from __future__ import annotations

import os

from benchmarks.entries import Entry
from benchmarks.methods import Method
from pocketvox.features import receptor_points
from pocketvox.inference import load_predictor
from pocketvox.pockets import PocketConfig
from pocketvox.pockets.detect import find_regions
from pocketvox.voxel import Grid, Volume


def method() -> Method:
    """The preset, on as many threads as POCKETVOX_THREADS says."""
    threads = int(os.environ.get("POCKETVOX_THREADS", "0")) or None
    predictor = load_predictor(os.environ.get("POCKETVOX_PRESET") or None, threads=threads)
    preset = predictor.preset
    config = PocketConfig.from_dict(preset.config.pockets)

    def predict(entry: Entry, grid: Grid) -> Volume:
        experiment = "predicted" if entry.state == "model" else ""
        return predictor(receptor_points(entry.atoms, experiment), grid)

    def pockets(entry: Entry, volume: Volume) -> list:
        return find_regions(volume, config)

    return Method(
        name=preset.name,
        title=preset.name,
        description=f"The shipped preset {preset.name}: 3D U-Net on typed atoms, whole proteins, calibrated.",
        predict=predict,
        pockets=pockets,
        channels=preset.channels,
        scope="protein",
        kind="method",
        fingerprint=preset.fingerprint,
    )
