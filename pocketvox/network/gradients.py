"""Gradients of a weighted sum of logits, with respect to a network's input or to the output of a layer.

The same on every Keras backend: automatic differentiation of TensorFlow, torch or JAX, whichever runs Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import numpy as np

from pocketvox.errors import ConfigError


class Gradients:
    """A network with its gradients, in inference mode.

    Parameters
    ----------
    model : keras.Model
        From (b, x, y, z, F) to logits (b, x, y, z, K).
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self._pull = _pullback(lambda x: model(x, training=False))
        self._layers: dict[str, tuple[keras.Model, Callable]] = {}

    def __call__(self, x: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits, and the gradient of ``(weight * logits).sum()`` with respect to the input.

        Parameters
        ----------
        x : ndarray, shape=(b, x, y, z, F), dtype=float32
        weight : ndarray, shape=(b, x, y, z, K), dtype=float32

        Returns
        -------
        logits : ndarray, shape=(b, x, y, z, K), dtype=float32
        gradient : ndarray, shape=(b, x, y, z, F), dtype=float32
        """
        return self._pull(x, weight)

    def layer(self, name: str, x: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What a layer gives, and the gradient of ``(weight * logits).sum()`` with respect to it.

        Parameters
        ----------
        name : str
            Of a layer of the model.
        x, weight
            As in calls.

        Returns
        -------
        features, gradient : ndarray, shape=(b, i, j, k, C), dtype=float32

        Raises
        ------
        ConfigError
            If no layer that computes something has this name.
        """
        if name not in self._layers:
            self._layers[name] = self._tap(name)
        until, pull = self._layers[name]
        features = keras.ops.convert_to_numpy(until(keras.ops.convert_to_tensor(x), training=False))
        return features, pull(np.zeros_like(features), weight, x)[1]

    def _tap(self, name: str) -> tuple[keras.Model, Callable]:
        """The network up to a layer, and the gradient with respect to something added to what the layer gives."""
        layers = {layer.name: layer for layer in self.model.layers if not isinstance(layer, keras.layers.InputLayer)}
        if name not in layers:
            raise ConfigError(f"Expected a layer of the network: {', '.join(layers)}. Received: {name}.")

        def with_added(delta, x):
            with _added(layers[name], delta):
                return self.model(x, training=False)

        return keras.Model(self.model.input, layers[name].output), _pullback(with_added)


@contextmanager
def _added(layer: keras.Layer, delta) -> Iterator[None]:
    """Add ``delta`` to what a layer gives.

    At 0 the gradient with respect to it is the gradient with respect to what the layer gives; JAX knows none with
    respect to intermediate values themselves.
    """
    call = layer.call
    layer.call = lambda *args, **kwargs: call(*args, **kwargs) + delta
    try:
        yield
    finally:
        del layer.call


def _pullback(function: Callable) -> Callable:
    """From (v, weight, ...) to ``function(v, ...)`` and the gradient of its sum with ``weight`` at v, as arrays.

    Raises
    ------
    ConfigError
        If the backend of Keras has no automatic differentiation.
    """
    pull = {"tensorflow": _tensorflow, "torch": _torch, "jax": _jax}.get(keras.backend.backend())
    if pull is None:
        raise ConfigError(
            f"Expected Keras on tensorflow, torch or jax to take gradients. Received: {keras.backend.backend()}; set "
            "KERAS_BACKEND=tensorflow."
        )
    pull = pull(function)

    def run(*arrays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, gradient = pull(*(keras.ops.convert_to_tensor(np.ascontiguousarray(v, np.float32)) for v in arrays))
        return keras.ops.convert_to_numpy(value), keras.ops.convert_to_numpy(gradient)

    return run


def _tensorflow(function: Callable) -> Callable:
    import tensorflow as tf

    @tf.function(reduce_retracing=True)  # a graph leaves out the gradients of weights, which nobody asks for
    def pull(v, weight, *rest):
        with tf.GradientTape() as tape:
            tape.watch(v)
            value = function(v, *rest)
        return value, tape.gradient(value, v, weight, tf.UnconnectedGradients.ZERO)

    return pull


def _torch(function: Callable) -> Callable:
    import torch

    def pull(v, weight, *rest):
        v = v.detach().requires_grad_(True)
        value = function(v, *rest)
        return value.detach(), torch.autograd.grad(value, v, weight)[0]

    return pull


def _jax(function: Callable) -> Callable:
    import jax

    def pull(v, weight, *rest):
        value, back = jax.vjp(lambda v: function(v, *rest), v)
        return value, back(weight)[0]

    return pull
