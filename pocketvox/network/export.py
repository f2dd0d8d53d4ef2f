"""From a Keras network to the file that OpenVINO runs."""

from __future__ import annotations

import warnings
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from pocketvox.config import NetworkConfig
from pocketvox.errors import ConfigError
from pocketvox.loading import load_openvino
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


def without_transposed(model: keras.Model) -> keras.Model:
    """The same network, its transposed convolutions computed as convolutions.

    OpenVINO has no 8-bit transposed convolutions and slow ones in float32; an ordinary convolution with a channel per
    position in the cell, whose channels then become positions, gives the same numbers.

    Parameters
    ----------
    model : keras.Model
        Transposed convolutions of stride 2, with kernels of 2 or, padded ``"same"``, of 4, and without activation.
    """

    def counterpart(layer):
        if not isinstance(layer, layers.Conv3DTranspose):
            return layer.__class__.from_config(layer.get_config())
        return CellConv3D(layer.filters, 3 if layer.kernel_size[0] > 2 else 1, dtype=layer.dtype, name=layer.name)

    plain = keras.Model(model.inputs, model.outputs)  # how it was compiled does not matter
    made = keras.models.clone_model(plain, clone_function=counterpart)
    for old, new in zip(plain.layers, made.layers, strict=True):
        weights = old.get_weights()
        if isinstance(new, CellConv3D):
            kernel, *bias = weights
            weights = [cell_kernel(kernel), np.tile(bias[0] if bias else np.zeros(old.filters, np.float32), 8)]
        new.set_weights(weights)
    return made


class CellConv3D(layers.Layer):
    """A convolution that gives each position its own 2x2x2 cell of the output.

    Parameters
    ----------
    filters : int
        Channels of the output.
    size : int
        Edge of the kernel.
    """

    def __init__(self, filters: int, size: int, **options):
        super().__init__(**options)
        self.filters, self.size = filters, size

    def build(self, input_shape) -> None:
        """Weights: kernel, shape=(size, size, size, C, 8 filters), and bias, shape=(8 filters,).

        A bias after the cells were taken apart would be an operation of its own to OpenVINO, and to NNCF one with an
        8-bit input: the logits would come out on 256 levels.
        """
        self.kernel = self.add_weight(shape=(*(self.size,) * 3, input_shape[-1], 8 * self.filters), name="kernel")
        self.bias = self.add_weight(shape=(8 * self.filters,), name="bias")

    def call(self, x):
        """From (b, x, y, z, C) to (b, 2x, 2y, 2z, filters)."""
        y = ops.conv(x, self.kernel, padding="same") + self.bias
        b, nx, ny, nz, _ = ops.shape(y)
        n = self.filters
        # channels are ordered (z in the cell, y, x, filter): one axis at a time, so that no tensor has more than 5
        y = ops.reshape(y, (-1, ny, 2 * nz, 2, 2 * n))
        y = ops.reshape(ops.transpose(y, (0, 1, 3, 2, 4)), (-1, nx, 4 * ny * nz, 2, n))
        return ops.reshape(ops.transpose(y, (0, 1, 3, 2, 4)), (b, 2 * nx, 2 * ny, 2 * nz, n))

    def compute_output_shape(self, input_shape):
        """Shape of the output."""
        return (input_shape[0], *(None if n is None else 2 * n for n in input_shape[1:4]), self.filters)


def cell_kernel(kernel: np.ndarray) -> np.ndarray:
    """Kernel of a :class:`CellConv3D` from that of a transposed convolution of stride 2.

    Along an axis, output 2 c + f of a kernel of 4 sees input c + d through element f + 1 - 2 d, of a kernel of 2 input
    c through element f.

    Parameters
    ----------
    kernel : ndarray, shape=(k, k, k, filters, C), k is 2 or 4

    Returns
    -------
    ndarray, shape=(n, n, n, C, 8 filters), n is 1 or 3
    """
    k = kernel.shape[0]
    reach, pad = (0, 0) if k == 2 else (1, 1)
    taps = np.zeros((2 * reach + 1, 2, k), kernel.dtype)  # position in the kernel, in the cell, element of the old one
    for d in range(-reach, reach + 1):
        for f in (0, 1):
            if 0 <= f + pad - 2 * d < k:
                taps[d + reach, f, f + pad - 2 * d] = 1
    found = np.einsum("xfi,ygj,zhk,ijkoc->xyzchgfo", taps, taps, taps, kernel)
    return found.reshape(*found.shape[:4], -1)


def export_openvino(model: keras.Model, path: str | Path, *, cells: bool = False) -> None:
    """Write a network as OpenVINO files, batch and spatial sizes left open.

    Parameters
    ----------
    model : keras.Model
        Its output becomes the output of the file: logits.
    path : str or Path
        The ``.xml`` file; weights go beside it into ``.bin``, in float32.
    cells : bool
        Without transposed convolutions: faster in 8-bit integers, slower in float32.

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
    import tensorflow as tf

    openvino = load_openvino()

    model = without_transposed(model) if cells else model
    signature = tf.TensorSpec([None, None, None, None, model.input_shape[-1]], tf.float32, name="features")
    function = tf.function(lambda x: model(x, training=False), input_signature=[signature])
    converted = openvino.convert_model(function.get_concrete_function())
    openvino.save_model(converted, str(path), compress_to_fp16=False)
