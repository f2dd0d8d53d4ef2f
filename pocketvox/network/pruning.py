"""Structured pruning: the channels of a trained network that matter most, as a narrower network.

Whole channels go, so what is left is an ordinary network of this package, with smaller ``filters``: no sparse kernels
are needed to make it faster, and training goes on from it as from any weights.
"""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
from keras import layers, ops

from pocketvox.config import NetworkConfig, TrainConfig
from pocketvox.errors import ConfigError
from pocketvox.network.losses import MaskedLoss
from pocketvox.network.physics import Channels
from pocketvox.network.unet import build_unet

_CONV, _NORM = "_conv", "_norm"


def channel_importance(model: keras.Model, config: TrainConfig, batches) -> dict[str, np.ndarray]:
    """How much the loss depends on each channel of each normalised convolution.

    To first order, the loss changes by the gradient times the value if the scale and the offset of a channel's batch
    normalisation become 0; the importance is the mean square of that over batches (Molchanov et al., CVPR 2019,
    arXiv:1906.10771, eq. 8 with gates at batch normalisations).

    Parameters
    ----------
    model : keras.Model
        From :func:`~pocketvox.network.unet.build_unet`. Its weights are the same afterwards; it is compiled anew.
    config : TrainConfig
        Whose loss is meant.
    batches : iterable of (x, y)
        Training batches, as from :class:`~pocketvox.data.batches.Sampler`.

    Returns
    -------
    dict of str to ndarray, shape=(channels,), dtype=float64
        By name of the convolution without ``_conv``.

    Raises
    ------
    ConfigError
        If the network is not one that can be pruned.
    """
    _check(config.network)
    weights = model.get_weights()
    optimizer = _Products(learning_rate=1.0, name="products")
    model.compile(optimizer, loss=MaskedLoss(config.loss, config.network.channels))
    norms = [layer for layer in model.layers if layer.name.endswith(_NORM)]
    found = {layer.name.removesuffix(_NORM): np.zeros(layer.gamma.shape[0]) for layer in norms}
    count = 0
    for x, y in batches:
        model.train_on_batch(x, y)
        count += 1
        for layer in norms:
            change = sum(ops.convert_to_numpy(optimizer.product(v)).astype(float) for v in (layer.gamma, layer.beta))
            found[layer.name.removesuffix(_NORM)] += change**2
    model.set_weights(weights)
    return {name: total / max(count, 1) for name, total in found.items()}


class _Products(keras.optimizers.Optimizer):
    """Changes nothing, but keeps the last gradient of every variable times its value."""

    def build(self, variables) -> None:
        super().build(variables)
        self._kept = [self.add_variable_from_reference(v, name="product") for v in variables]

    def update_step(self, gradient, variable, learning_rate) -> None:
        self.assign(self._kept[self._get_variable_index(variable)], ops.cast(gradient, variable.dtype) * variable)

    def product(self, variable):
        """Of one variable."""
        return self._kept[self._get_variable_index(variable)]


def pruned(
    model: keras.Model, network: NetworkConfig, filters: tuple[int, ...], importance: dict[str, np.ndarray]
) -> tuple[keras.Model, NetworkConfig]:
    """The network with fewer channels per level: of every convolution the most important ones.

    Parameters
    ----------
    model : keras.Model
        Of the configuration ``network``.
    network : NetworkConfig
    filters : tuple of int
        Channels to keep, one number per level.
    importance : dict of str to ndarray
        From :func:`channel_importance`.

    Returns
    -------
    keras.Model
    NetworkConfig
        With ``filters``.

    Raises
    ------
    ConfigError
        If the network cannot be pruned, or not to these numbers.
    """
    _check(network)
    fits = len(filters) == len(network.filters)
    if not fits or any(not 0 < n <= most for n, most in zip(filters, network.filters, strict=True)):
        raise ConfigError(f"Expected a number of channels per level, up to {network.filters}. Received: {filters}.")
    narrow = replace(network, filters=tuple(filters))
    small = build_unet(narrow)
    kept: dict[int, np.ndarray] = {}  # by tensor: its channels that are left
    for layer in model.layers:
        inputs = [kept[id(tensor)] for tensor in _tensors(layer)]
        whole = np.arange(layer.output.shape[-1])
        outputs = whole if not inputs or isinstance(layer, Channels) else inputs[0]
        if isinstance(layer, layers.Concatenate):
            sizes = np.cumsum([0, *(tensor.shape[-1] for tensor in layer.input)])[:-1]
            outputs = np.concatenate([one + start for one, start in zip(inputs, sizes, strict=True)])
        elif isinstance(layer, layers.BatchNormalization):
            small.get_layer(layer.name).set_weights([w[outputs] for w in layer.get_weights()])
        elif layer.weights:
            outputs = whole
            if layer.name.endswith(_CONV):
                rank = np.argsort(-importance[layer.name.removesuffix(_CONV)], kind="stable")
                outputs = np.sort(rank[: small.get_layer(layer.name).output.shape[-1]])
            kernel, *bias = layer.get_weights()
            order = (outputs, inputs[0]) if isinstance(layer, layers.Conv3DTranspose) else (inputs[0], outputs)
            kernel = kernel[..., order[0], :][..., order[1]]
            small.get_layer(layer.name).set_weights([kernel, *(b[outputs] for b in bias)])
        kept[id(layer.output)] = outputs
    return small, narrow


def _tensors(layer) -> list:
    if isinstance(layer, layers.InputLayer):
        return []
    return layer.input if isinstance(layer.input, list) else [layer.input]


def _check(network: NetworkConfig) -> None:
    if network.norm != "batch" or network.residual or network.symmetry != "none" or network.fusion:
        raise ConfigError(
            "Expected a network to prune: with batch normalisation, without residual blocks, symmetry or fusion. "
            f"Received: {network.norm!r}, residual {network.residual}, {network.symmetry!r}, {network.fusion!r}."
        )
