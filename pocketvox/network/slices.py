"""The 2D twin of the network, trained on slices of the same grids, and what the network begins with from it."""

from __future__ import annotations

from pathlib import Path

import keras
from keras import layers, ops

from pocketvox.config import NetworkConfig
from pocketvox.errors import ConfigError
from pocketvox.network.inflation import inflate
from pocketvox.network.unet import build_unet

#: Settings of layers with a value per spatial axis.
_SPATIAL = ("kernel_size", "strides", "dilation_rate", "size", "output_padding")


class SliceNetwork(keras.Model):
    """A 2D network on each slice of volumes.

    Parameters
    ----------
    planar : keras.Model
        From images (b, y, z, F) to (b, y, z, K).

    Notes
    -----
    Called with volumes (b, x, y, z, F), gives (b, x, y, z, K); slices are those of equal x.
    """

    def __init__(self, planar: keras.Model):
        super().__init__(name="slices")
        self.planar = planar
        self.built = True

    def call(self, x, training=None):
        """Slice by slice."""
        shape = ops.shape(x)
        y = self.planar(ops.reshape(x, (-1, *shape[2:])), training=training)
        return ops.reshape(y, (*shape[:4], y.shape[-1]))


def planar_twin(config: NetworkConfig, *, dtype: str = "float32", prevalence=None) -> keras.Model:
    """The 2D network with the layers of :func:`~pocketvox.network.unet.build_unet`, and their names.

    Parameters
    ----------
    config : NetworkConfig
    dtype, prevalence
        As there.

    Returns
    -------
    keras.Model
        From (b, y, z, F) float32 to logits (b, y, z, K) float32.
    """
    volume = build_unet(config, dtype=dtype)
    features = volume.input
    image = keras.Input(features.shape[2:], dtype=features.dtype, name=features.name)
    twin = keras.models.clone_model(volume, input_tensors=image, clone_function=_flattened)
    if prevalence is not None:
        bias = build_unet(config, prevalence=prevalence).get_layer("logits").bias
        twin.get_layer("logits").bias.assign(bias)
    return twin


def build_slice_network(config: NetworkConfig, *, dtype: str = "float32", prevalence=None) -> SliceNetwork:
    """The twin on slices of volumes; parameters as of :func:`planar_twin`."""
    return SliceNetwork(planar_twin(config, dtype=dtype, prevalence=prevalence))


def inflated_network(config: NetworkConfig, weights: str | Path, method: str) -> keras.Model:
    """The 3D network with the inflated kernels of its trained twin.

    Parameters
    ----------
    config : NetworkConfig
    weights : str or Path
        ``best.weights.h5`` of a run with ``slices``.
    method : str
        As of :func:`~pocketvox.network.inflation.inflate`.

    Returns
    -------
    keras.Model
        That of :func:`~pocketvox.network.unet.build_unet`, which pads with zeros.

    Raises
    ------
    ConfigError
        If the weights are absent or those of another network.
    """
    slices = build_slice_network(config)
    try:
        slices.load_weights(str(weights))
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"Expected weights of the network's 2D twin in {weights}, from a run with `slices`. Received: "
            f"{str(error).strip().splitlines()[0]}"
        ) from error
    solid, network = inflate(slices.planar, method=method, padding="zero"), build_unet(config)
    for layer in network.layers:
        layer.set_weights(solid.get_layer(layer.name).get_weights())
    return network


def _flattened(layer):
    """A 3D layer for images."""
    config = layer.get_config()
    config |= {name: config[name][:2] for name in _SPATIAL if isinstance(config.get(name), list | tuple)}
    return getattr(layers, type(layer).__name__.replace("3D", "2D")).from_config(config)
