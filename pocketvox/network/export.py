"""From a Keras network to the file that OpenVINO runs."""

from __future__ import annotations

import warnings
from pathlib import Path

import keras

from pocketvox.config import NetworkConfig
from pocketvox.errors import ConfigError
from pocketvox.network.unet import build_unet


def load_network(config: NetworkConfig, weights: str | Path, *, dtype: str = "float32") -> keras.Model:
    """The network with stored weights, for inference; ``dtype`` is the Keras policy of all layers but the head.

    Raises
    ------
    ConfigError
        If the weights are absent or belong to another configuration.
    """
    model = build_unet(config, dtype=dtype)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras only warns where it leaves weights at random
            model.load_weights(str(weights))
    except (OSError, ValueError, KeyError, UserWarning) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"Expected weights of the network configured with filters {config.filters}, blocks {config.blocks} in "
            f"{weights}. Received: {reason}"
        ) from error
    return model


def export_openvino(model: keras.Model, path: str | Path) -> None:
    """Write a network as OpenVINO files, batch and spatial sizes left open.

    Parameters
    ----------
    model : keras.Model
        Its output becomes the output of the file: logits.
    path : str or Path
        The ``.xml`` file; weights go beside it into ``.bin``, in float32.

    Raises
    ------
    ConfigError
        If Keras runs on another backend than TensorFlow, the only one that OpenVINO converts with open sizes.
    """
    if keras.backend.backend() != "tensorflow":
        raise ConfigError(
            "Expected Keras on TensorFlow to write OpenVINO files. "
            f"Received: {keras.backend.backend()}; set KERAS_BACKEND=tensorflow (weights fit every backend)."
        )
    import openvino
    import tensorflow as tf

    signature = tf.TensorSpec([None, None, None, None, model.input_shape[-1]], tf.float32, name="features")
    function = tf.function(lambda x: model(x, training=False), input_signature=[signature])
    converted = openvino.convert_model(function.get_concrete_function())
    openvino.save_model(converted, str(path), compress_to_fp16=False)
