"""Networks with known explanations, for tests: a pointwise one and a small U-Net."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tiny_preset import BIAS, RULES

from pocketvox.channels import CHANNELS
from pocketvox.explain import Explainer
from pocketvox.features import FEATURES
from pocketvox.inference import Preset, PresetConfig, load_preset, save_preset

#: Between the two catalytic aspartates of the bundled protease.
MIDDLE = (-10.4, 18.1, 28.0)


def make_linear(preset: Path) -> Explainer:
    """An explainer of the tiny preset, its network rebuilt in Keras: one 1x1x1 convolution."""
    import keras

    from pocketvox.network.gradients import Gradients

    model = keras.Sequential([keras.Input((None, None, None, len(FEATURES))), keras.layers.Conv3D(len(CHANNELS), 1)])
    kernel = np.zeros((1, 1, 1, len(FEATURES), len(CHANNELS)), np.float32)
    for channel, rule in RULES.items():
        for feature, weight in rule.items():
            kernel[..., FEATURES.index(feature), CHANNELS.index(channel)] = weight
    model.set_weights([kernel, np.full(len(CHANNELS), BIAS, np.float32)])
    explainer = Explainer(load_preset(preset), threads=1)
    explainer.gradients = Gradients(model)
    return explainer


def make_deep(folder: Path, **network) -> Preset:
    """A small U-Net with random weights and a calibration, saved as a preset; ``network`` are further settings."""
    from pocketvox.network.unet import build_unet

    config = PresetConfig.from_dict(
        {
            "network": {"features": FEATURES, "filters": [4, 8], "blocks": [1, 2], "activation": "silu", **network},
            "spacing": 1.0,
            "roi_size": 32,
            "halo": 4,
            "calibration": {"hydrophobic": [0.5, 1.0]},
        }
    )
    rng = np.random.default_rng(0)
    model = build_unet(config.network)
    shapes = [w.shape for w in model.get_weights()]
    model.set_weights([rng.normal(0, 0.3, s) if len(s) > 1 else rng.uniform(0.5, 1.5, s) for s in shapes])
    model.save_weights(folder / "w.weights.h5")
    return save_preset(folder / "deep-v1", config, folder / "w.weights.h5", training={}, metrics={}, card="# Deep\n")
