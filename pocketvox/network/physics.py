"""Layers without weights that hold a network to what physics allows, and that count what its map promises."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from pocketvox.voxel.counts import LABEL_VOLUME

#: Logit where a mask forbids. With a calibration of any slope above 1e-6 the probability is exactly 0 in float32.
FORBIDDEN = -1e9


@keras.saving.register_keras_serializable(package="pocketvox")
class Channels(keras.layers.Layer):
    """The channels ``start`` to ``stop`` of a volume.

    Parameters
    ----------
    start, stop : int
    """

    def __init__(self, start: int, stop: int, **options):
        super().__init__(**options)
        self.start, self.stop = start, stop

    def call(self, x):
        """From (b, x, y, z, C) to (b, x, y, z, stop - start)."""
        return x[..., self.start : self.stop]

    def compute_output_shape(self, input_shape):
        """Shape of the output."""
        return (*input_shape[:-1], self.stop - self.start)

    def get_config(self) -> dict:
        """Constructor arguments as JSON types."""
        return {**super().get_config(), "start": self.start, "stop": self.stop}


@keras.saving.register_keras_serializable(package="pocketvox")
class Forbid(keras.layers.Layer):
    """Logits, replaced by ``FORBIDDEN`` where a mask of the same shape is set.

    They are chosen, not multiplied or added: infinite logits and NaN are replaced as well. No gradient flows into what
    is replaced.
    """

    def call(self, inputs):
        """From logits and masks (0 or 1), both (b, x, y, z, K), to logits."""
        logits, masks = inputs
        return ops.where(masks > 0.5, ops.cast(FORBIDDEN, logits.dtype), logits)

    def compute_output_shape(self, input_shape):
        """Shape of the output."""
        return input_shape[0]


@keras.saving.register_keras_serializable(package="pocketvox")
class Integral(keras.layers.Layer):
    """Expected counts per pocket and channel: the integral of a map over each pocket, in label volumes.

    What a count means, and the same in numpy: :func:`pocketvox.voxel.counts.expected_counts`. Sums run axis by axis in
    float32, so rounding adds at most one unit in the last place per voxel along the edges: the relative error is below
    6e-8 (nx + ny + nz), and in practice a few 1e-7.

    Parameters
    ----------
    spacing : float
        Edge of a voxel (angstrom).
    """

    def __init__(self, spacing: float, **options):
        super().__init__(dtype="float32", **options)
        self.spacing = float(spacing)

    def call(self, inputs):
        """From probabilities (b, x, y, z, K) and pocket masks (b, x, y, z, P) of 0 and 1 to counts (b, P, K)."""
        probability, pockets = inputs
        total = ops.einsum("bxyzp,bxyzk->bxypk", pockets, probability)
        return ops.sum(ops.sum(total, axis=2), axis=1) * np.float32(self.spacing**3 / LABEL_VOLUME)

    def compute_output_shape(self, input_shape):
        """Shape of the output."""
        probability, pockets = input_shape
        return (probability[0], pockets[-1], probability[-1])

    def get_config(self) -> dict:
        """Constructor arguments as JSON types."""
        config = super().get_config()
        config.pop("dtype")
        return {**config, "spacing": self.spacing}
