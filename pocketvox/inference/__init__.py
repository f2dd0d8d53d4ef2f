"""Trained networks at work: presets, the engines that run them, tiles over whole receptors."""

from pocketvox.inference.calibration import fit_calibration
from pocketvox.inference.complexes import predict_complex
from pocketvox.inference.discovery import discovery_thresholds
from pocketvox.inference.engines import Engine, KerasEngine, OpenVINOEngine, make_engine
from pocketvox.inference.predictor import Predictor, load_predictor
from pocketvox.inference.presets import (
    Preset,
    PresetConfig,
    annotate_preset,
    list_presets,
    load_preset,
    save_preset,
)
from pocketvox.inference.tiling import array_window, points_window, predict_volume, rotation_set, sliding_window

__all__ = [
    "Engine",
    "KerasEngine",
    "OpenVINOEngine",
    "Predictor",
    "Preset",
    "PresetConfig",
    "annotate_preset",
    "array_window",
    "discovery_thresholds",
    "fit_calibration",
    "list_presets",
    "load_predictor",
    "load_preset",
    "make_engine",
    "points_window",
    "predict_complex",
    "predict_volume",
    "rotation_set",
    "save_preset",
    "sliding_window",
]
