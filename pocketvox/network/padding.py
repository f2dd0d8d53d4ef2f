"""Padding of maps that goes on along one axis and is zero around the others, on any Keras backend."""

from __future__ import annotations

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="pocketvox")
class EdgePadding(layers.Layer):
    """Repeats the first and the last slice along one spatial axis and adds zeros along the two others.

    What is constant along the axis stays constant, which zeros would end.

    Parameters
    ----------
    axis : int
        0, 1 or 2: the slices along x, y or z are repeated.
    padding : tuple of (int, int), length 3
        Voxels added before and after, per axis.
    """

    def __init__(self, axis: int, padding, **options):
        super().__init__(**options)
        self.axis = axis
        self.padding = tuple((before, after) for before, after in padding)

    def amounts(self, sizes) -> list[tuple]:
        """Voxels added before and after per axis, for maps of the given sizes (x, y, z)."""
        return list(self.padding)

    def call(self, x):
        """From (b, x, y, z, channel) to the same with more of x, y and z."""
        amounts = self.amounts(ops.shape(x)[1:4])
        before, after = amounts[self.axis]
        amounts[self.axis] = (0, 0)
        x = ops.pad(x, [(0, 0), *amounts, (0, 0)])
        return ops.concatenate([self._repeated(x, 0, before), x, self._repeated(x, -1, after)], axis=self.axis + 1)

    def _repeated(self, x, index: int, count):
        edge = ops.take(x, [index], axis=self.axis + 1)
        shape = list(ops.shape(edge))
        shape[self.axis + 1] = count
        return ops.broadcast_to(edge, shape)

    def compute_output_shape(self, input_shape) -> tuple:
        """Sizes with the padding; None where they depend on an unknown one."""
        sizes = input_shape[1:4]
        known = self.amounts([size or 0 for size in sizes])
        grown = [size and size + sum(amount) for size, amount in zip(sizes, known, strict=True)]
        return (input_shape[0], *grown, input_shape[4])

    def get_config(self) -> dict:
        """Constructor arguments as JSON types."""
        return {**super().get_config(), "axis": self.axis, "padding": self.padding}


@keras.saving.register_keras_serializable(package="pocketvox")
class SamePadding(EdgePadding):
    """As much padding as ``padding="same"`` gives a convolution.

    Parameters
    ----------
    axis : int
        As of :class:`EdgePadding`.
    window : tuple of int, length 3
        Extent of the kernel, with its dilation.
    strides : tuple of int, length 3
    """

    def __init__(self, axis: int, window, strides, **options):
        super().__init__(axis, (), **options)
        self.window, self.strides = tuple(window), tuple(strides)

    def amounts(self, sizes) -> list[tuple]:
        """Half of what is missing before, the rest after."""
        out = []
        for size, window, stride in zip(sizes, self.window, self.strides, strict=True):
            missing = (-(-size // stride) - 1) * stride + window - size if stride > 1 else window - 1
            missing = max(missing, 0) if isinstance(missing, int) else ops.maximum(missing, 0)
            out.append((missing // 2, missing - missing // 2))
        return out

    def get_config(self) -> dict:
        """Constructor arguments as JSON types."""
        config = {**super().get_config(), "window": self.window, "strides": self.strides}
        del config["padding"]
        return config
