"""Trained networks whose answers are targets of another one."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from scipy.special import expit

from pocketvox.config import NetworkConfig, TrainConfig
from pocketvox.errors import ConfigError
from pocketvox.json_file import read_json
from pocketvox.network.export import load_network

#: Weights of a run folder and of a preset.
_WEIGHTS = ("best.weights.h5", "model.weights.h5")


class Teachers:
    """The mean probabilities of trained networks, uncalibrated.

    Parameters
    ----------
    config : TrainConfig
        Of the network that learns; ``teachers`` names folders, ``network`` has its features.

    Raises
    ------
    ConfigError
        If a folder holds no network, or one of other features, channels, spacing or an unfit stride.
    """

    def __init__(self, config: TrainConfig):
        self.models = [_load(Path(folder), config) for folder in config.teachers]

    def extend(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Targets followed by the teachers' probabilities: what :class:`MaskedLoss` takes to distil.

        Parameters
        ----------
        x : ndarray, shape=(b, x, y, z, F + M), dtype=float32
            Masks, if there are any, are for teachers that have the same constraints; others do not get them.
        y : ndarray, shape=(b, x, y, z, K), dtype=uint8

        Returns
        -------
        ndarray, shape=(b, x, y, z, 2 K), dtype=float32
        """
        views = [
            expit(keras.ops.convert_to_numpy(model.predict_on_batch(x[..., : model.input_shape[-1]])))
            for model in self.models
        ]
        return np.concatenate([y, np.mean(views, axis=0, dtype=np.float32)], axis=-1, dtype=np.float32)


def _load(folder: Path, config: TrainConfig) -> keras.Model:
    try:
        data = read_json(folder / "config.json")
        network = NetworkConfig.from_dict(data["network"])
        spacing = data.get("sampling", data)["spacing"]
        weights = next(folder / name for name in _WEIGHTS if (folder / name).exists())
    except (OSError, ValueError, KeyError, StopIteration) as error:
        raise ConfigError(
            f"Expected run folders or presets in teachers, with config.json and weights. Received: {folder}."
        ) from error
    for name, expected, received in (
        ("features", config.network.features, network.features),
        ("channels", config.network.channels, network.channels),
        ("constraints", config.network.constraints if network.constraints else (), network.constraints),
        ("spacing", config.sampling.spacing, spacing),
        ("crop_size beyond the stride", 0, config.sampling.crop_size % network.stride),
    ):
        if received != expected:
            raise ConfigError(f"Expected {name} {expected} of the teacher {folder}. Received: {received}.")
    return load_network(network, weights, dtype=config.precision)
