"""Convolutions that commute with the 24 rotations of a cube: weights are shared over the orbits of that group.

Channels are fields of ``rep`` components each, components fastest. ``rep`` 1 is a scalar field; with 24, the regular
representation, a rotation moves the volume and permutes the 24 components: Cohen & Welling, ICML 2016,
arXiv:1602.07576; for volumes Winkels & Cohen, arXiv:1804.04656. A kernel entry is a place, an input and an output
component; entries that a rotation takes into each other share one weight.
"""

from __future__ import annotations

from functools import cache

import keras
import numpy as np
from keras import layers, ops

from pocketvox.voxel.augment import cube_rotations, rotate_volume

#: Components of a hidden field by :attr:`pocketvox.config.NetworkConfig.symmetry`.
COMPONENTS = {"none": 1, "kernel": 1, "group": 24}


@cache
def orbits(size: int, rep_in: int, rep_out: int) -> np.ndarray:
    """Number of the orbit of each kernel entry, shape=(size, size, size, rep_in, rep_out), dtype=int32, from 0 up.

    Parameters
    ----------
    size : int
        Edge of the kernel.
    rep_in, rep_out : int
        Components of the input and output fields: 1 or 24.
    """
    turns = cube_rotations()
    entry = np.arange(size**3 * rep_in * rep_out).reshape(size, size, size, rep_in, rep_out)
    first = entry
    for turn in turns:
        moved = _components(turn, turns)
        turned = rotate_volume(entry, turn)
        turned = turned[..., moved, :] if rep_in > 1 else turned
        turned = turned[..., moved] if rep_out > 1 else turned
        first = np.minimum(first, turned)
    return np.unique(first, return_inverse=True)[1].reshape(entry.shape).astype(np.int32)


def _components(turn: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """For each component of a regular field, the one that the rotation brings there, shape=(24,), dtype=int."""
    from_there = np.einsum("ji,njk->nik", turn, turns)  # the inverse of a rotation is its transpose
    return np.array([int(np.abs(turns - wanted).sum(axis=(1, 2)).argmin()) for wanted in from_there])


@keras.saving.register_keras_serializable(package="pocketvox")
class TiedConv3D(layers.Layer):
    """3D convolution, or transposed convolution, whose kernel is constant on the :func:`orbits` of a cube's rotations.

    Parameters
    ----------
    filters : int
        Output fields.
    kernel_size, strides : int
    padding : str
        ``"same"`` or ``"valid"``.
    rep_in, rep_out : int
        Components of input and output fields.
    transpose : bool
    use_bias : bool
    bias_initializer
        As for Keras layers.

    Notes
    -----
    Exact where the spatial sizes are multiples of the strides: then a rotation takes blocks of voxels into blocks.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        *,
        strides: int = 1,
        padding: str = "valid",
        rep_in: int = 1,
        rep_out: int = 1,
        transpose: bool = False,
        use_bias: bool = True,
        bias_initializer="zeros",
        **options,
    ):
        super().__init__(**options)
        self.filters, self.kernel_size, self.strides, self.padding = filters, kernel_size, strides, padding
        self.rep_in, self.rep_out, self.transpose, self.use_bias = rep_in, rep_out, transpose, use_bias
        self.bias_initializer = bias_initializer

    def build(self, input_shape):
        """Make the weights: one per orbit and pair of fields."""
        fields = input_shape[-1] // self.rep_in
        self._orbits = orbits(self.kernel_size, self.rep_in, self.rep_out)
        spread = np.sqrt(2 / (self.kernel_size**3 * input_shape[-1]))  # He et al. 2015, arXiv:1502.01852
        self.base = self.add_weight(
            shape=(int(self._orbits.max()) + 1, fields, self.filters),
            initializer=keras.initializers.RandomNormal(stddev=float(spread)),
            name="kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.filters,), initializer=self.bias_initializer, name="bias")

    def call(self, x):
        """From (b, x, y, z, fields * rep_in) to (b, x', y', z', filters * rep_out)."""
        base = ops.cast(self.base, self.compute_dtype)
        kernel = ops.take(base, self._orbits.ravel(), axis=0)
        edge, fields = (self.kernel_size,) * 3, base.shape[1]
        kernel = ops.reshape(kernel, (*edge, self.rep_in, self.rep_out, fields, self.filters))
        order = (0, 1, 2, 6, 4, 5, 3) if self.transpose else (0, 1, 2, 5, 3, 6, 4)
        shape = (self.filters * self.rep_out, fields * self.rep_in)
        kernel = ops.reshape(ops.transpose(kernel, order), (*edge, *(shape if self.transpose else shape[::-1])))
        convolve = ops.conv_transpose if self.transpose else ops.conv
        x = convolve(x, kernel, strides=self.strides, padding=self.padding)
        if self.use_bias:
            x = x + ops.repeat(ops.cast(self.bias, self.compute_dtype), self.rep_out)
        return x

    def compute_output_shape(self, input_shape):
        """Shape of the output."""
        sizes = []
        for n in input_shape[1:-1]:
            if n is not None:
                n = n * self.strides if self.transpose else -(-n // self.strides)
            sizes.append(n)
        return (input_shape[0], *sizes, self.filters * self.rep_out)

    def get_config(self) -> dict:
        """Constructor arguments as JSON types."""
        names = ("filters", "kernel_size", "strides", "padding", "rep_in", "rep_out", "transpose", "use_bias")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="pocketvox")
class FieldNorm(layers.Layer):
    """Batch normalisation with one mean and variance per field, shared by its components.

    Parameters
    ----------
    rep : int
        Components of a field.
    momentum : float
    """

    def __init__(self, rep: int, momentum: float = 0.98, **options):
        super().__init__(**options)
        self.rep, self.momentum = rep, momentum
        self.norm = layers.BatchNormalization(axis=1, momentum=momentum, dtype=self.dtype_policy, name="norm")

    def build(self, input_shape):
        """Make the weights of the inner layer."""
        self.norm.build((None, input_shape[-1] // self.rep, self.rep))

    def call(self, x, training=None):
        """Normalised, same shape."""
        flat = ops.reshape(x, (-1, x.shape[-1] // self.rep, self.rep))
        return ops.reshape(self.norm(flat, training=training), ops.shape(x))

    def compute_output_shape(self, input_shape):
        """Shape of the output."""
        return input_shape

    def get_config(self) -> dict:
        """Constructor arguments as JSON types."""
        return {**super().get_config(), "rep": self.rep, "momentum": self.momentum}
