"""The 3D counterpart of a 2D layer, with its weights; see :mod:`pocketvox.network.inflation`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from keras import layers, ops

from pocketvox.errors import ConfigError
from pocketvox.network.padding import EdgePadding, SamePadding

#: Act on each element alone, or on its channels.
_SAME = (
    *(layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.Identity, layers.ActivityRegularization),
    *(layers.AlphaDropout, layers.GaussianDropout, layers.GaussianNoise, layers.Dense, layers.Rescaling),
    *(layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum),
)
#: Differ in name and in the number of their settings.
_RENAMED = (
    *(layers.MaxPooling2D, layers.AveragePooling2D, layers.GlobalMaxPooling2D, layers.GlobalAveragePooling2D),
    *(layers.SpatialDropout2D, layers.Cropping2D),
)
#: Have an axis, which is another one in volumes; of the second, only that of channels has a counterpart.
_ALONG = (layers.Concatenate, layers.Softmax, layers.BatchNormalization, layers.GroupNormalization)
_ALONG_CHANNELS = (layers.LayerNormalization, layers.UnitNormalization, layers.Normalization)
#: Settings with a value each for rows and columns.
_SPATIAL = ("kernel_size", "pool_size", "strides", "dilation_rate", "size", "padding", "cropping", "output_padding")
#: Settings that a depthwise convolution shares with ``Conv3D``.
_CONVOLUTION = (
    *("name", "trainable", "dtype", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "activation"),
    *("use_bias", "bias_initializer", "bias_regularizer", "bias_constraint", "activity_regularizer"),
)


def profile(size: int, method: str, stride: int = 1) -> np.ndarray:
    """Weight of each slice of an inflated kernel.

    Parameters
    ----------
    size : int
        Slices.
    method : str
        ``"mean"`` or ``"centre"``.
    stride : int
        Of a transposed convolution, where every ``stride``-th slice meets in one slice of the output; 1 of others.

    Returns
    -------
    ndarray, shape=(size,), dtype=float32
        Slices that meet sum to 1.

    Examples
    --------
    >>> profile(3, "centre").tolist()
    [0.0, 1.0, 0.0]
    >>> profile(4, "mean", 2).tolist()
    [0.5, 0.5, 0.5, 0.5]
    """
    place = np.arange(size)
    if method == "mean":
        return (1 / np.bincount(place % stride)[place % stride]).astype(np.float32)
    first = (size - stride) // 2
    return ((first <= place) & (place < first + stride)).astype(np.float32)


def refusal(layer, reason: str = "It has no counterpart in three dimensions") -> ConfigError:
    """The error of a layer that cannot be inflated."""
    return ConfigError(
        f"Expected layers that can be inflated. Received: {type(layer).__name__} {layer.name!r}. {reason}. Replace it "
        "in the 2D network, end the network before it (`include_top=False`), or, if it acts on each pixel alone, name "
        "its class in `pointwise`."
    )


class Chain:
    """Layers called one after the other; their weights are set once the first call has built them."""

    def __init__(self, *steps, weights=()):
        self.steps, self.weights = steps, list(weights)

    def __call__(self, *args, **kwargs):
        """The last layer's output."""
        out = self.steps[0](*args, **kwargs)
        for step in self.steps[1:]:
            out = step(out)
        for layer, weights in self.weights:
            layer.set_weights(weights)
            if isinstance(layer, layers.Normalization):
                layer.finalize_state()
        self.weights = []
        return out


class Inflater:
    """How layers are inflated; parameters as of :func:`pocketvox.network.inflation.inflate`."""

    def __init__(self, axis: int, method: str, edge: bool, pointwise: tuple[type, ...]):
        self.axis, self.method, self.edge, self.pointwise = axis, method, edge, pointwise
        self.special = {
            layers.Conv2D: self._convolution,
            layers.DepthwiseConv2D: self._depthwise,
            layers.SeparableConv2D: self._separable,
            layers.Conv2DTranspose: self._transposed,
            layers.ZeroPadding2D: self._zero_padding,
            layers.UpSampling2D: self._upsampling,
            layers.Dropout: self._dropout,
            layers.PReLU: self._prelu,
            layers.Flatten: self._flatten,
        }

    def kept(self, layer) -> Callable:
        """A layer on vectors, as it is; one that makes them maps of a single pixel makes them a single voxel."""
        if type(layer) is layers.Reshape and layer.target_shape[:2] == (1, 1) and len(layer.target_shape) == 3:
            return _changed(layer, target_shape=(1, *layer.target_shape))
        return _changed(layer)

    def layer(self, layer, x) -> Callable:
        """The counterpart of a layer on maps, whose input is now the volumes ``x``.

        Raises
        ------
        ConfigError
            If there is none.
        """
        kind = type(layer)
        if getattr(layer, "data_format", None) == "channels_first":
            raise refusal(layer, "It has channels first, where only channels last are known")
        if kind in (*_SAME, *self.pointwise):
            return _changed(layer)
        if kind in (*_ALONG, *_ALONG_CHANNELS):
            return self._along(layer)
        if kind in _RENAMED:
            return Chain(self._renamed(layer))
        if kind is layers.Reshape:
            return self._reshape(layer, x)
        if kind in self.special:
            return self.special[kind](layer)
        raise refusal(layer)

    # ------------------------------------------------------------------------------------------------------- settings
    def _spatial(self, values, new=None) -> tuple:
        """Three values from those of rows and columns; that of the new axis is the rows' if not given."""
        out = list(values)
        out.insert(self.axis, out[0] if new is None else new)
        return tuple(out)

    def _settings(self, layer) -> dict:
        config = layer.get_config()
        lists = {name for name in _SPATIAL if isinstance(config.get(name), list | tuple)}
        return {name: self._spatial(value) if name in lists else value for name, value in config.items()}

    def _moved(self, axis: int) -> int:
        """An axis of maps (b, rows, columns, channel) in volumes."""
        axis %= 4
        return -1 if axis == 3 else axis + (axis > self.axis)

    def _only(self, before, after) -> tuple:
        """Amounts along the new axis, none along the others."""
        return tuple((before, after) if i == self.axis else (0, 0) for i in range(3))

    def _renamed(self, layer):
        return getattr(layers, type(layer).__name__.replace("2D", "3D")).from_config(self._settings(layer))

    def _spread(self, kernel: np.ndarray, size: int, stride: int = 1) -> np.ndarray:
        """A kernel (rows, columns, ., .) in ``size`` slices along the new axis."""
        shape = [1] * 5
        shape[self.axis] = size
        return np.expand_dims(kernel, self.axis) * profile(size, self.method, stride).reshape(shape)

    # --------------------------------------------------------------------------------------------------------- layers
    def _along(self, layer) -> Callable:
        axis = layer.get_config()["axis"]
        moved = [self._moved(a) for a in axis] if isinstance(axis, list | tuple) else axis and self._moved(axis)
        if type(layer) in _ALONG_CHANNELS and moved not in (None, -1, [-1]):
            raise refusal(layer, "It has an axis other than that of channels")
        return _changed(layer, axis=moved)

    def _convolution(self, layer) -> Callable:
        kernel, *bias = layer.get_weights()
        return self._padded(self._settings(layer), kernel, bias)

    def _padded(self, config: dict, kernel: np.ndarray, bias: list, *after, weights=()) -> Chain:
        """``Conv3D`` of the given settings with a 2D kernel and, where it pads, padding of its own before it."""
        kernel = self._spread(kernel, config["kernel_size"][self.axis])
        window = [(k - 1) * d + 1 for k, d in zip(config["kernel_size"], config["dilation_rate"], strict=True)]
        steps = []
        if self.edge and config["padding"] == "same" and max(window) > 1:
            steps = [SamePadding(self.axis, window, config["strides"], name=f"{config['name']}_edges")]
            config = {**config, "padding": "valid"}
        convolution = layers.Conv3D.from_config(config)
        return Chain(*steps, convolution, *after, weights=[(convolution, [kernel, *bias]), *weights])

    def _depthwise(self, layer) -> Callable:
        kernel, *bias = layer.get_weights()
        return self._padded(*self._groups(layer, kernel), bias)

    def _groups(self, layer, kernel: np.ndarray, **changes) -> tuple[dict, np.ndarray]:
        """Settings and 2D kernel of a convolution with a group per channel."""
        config = self._settings(layer)
        rows, columns, channels, multiplier = kernel.shape
        shared = {name: config[name] for name in _CONVOLUTION if name in config}
        for setting in ("initializer", "regularizer", "constraint"):
            shared[f"kernel_{setting}"] = config[f"depthwise_{setting}"]
        shared |= {"filters": channels * multiplier, "groups": channels, **changes}
        return shared, kernel.reshape(rows, columns, 1, channels * multiplier)

    def _separable(self, layer) -> Callable:
        kernel, mixing, *bias = layer.get_weights()
        grouped = self._groups(layer, kernel, name=f"{layer.name}_depthwise", use_bias=False, activation=None)
        config = layer.get_config()
        single = {name: config[name] for name in (*_CONVOLUTION, "filters") if name in config}
        for setting in ("initializer", "regularizer", "constraint"):
            single[f"kernel_{setting}"] = config[f"pointwise_{setting}"]
        single |= {name: (1, 1, 1) for name in ("kernel_size", "strides", "dilation_rate")} | {"padding": "valid"}
        mix = layers.Conv3D.from_config(single)
        return self._padded(*grouped, [], mix, weights=[(mix, [mixing[None], *bias])])

    def _transposed(self, layer) -> Callable:
        """With slices repeated before it, and what they give cut off after it, if slices of the output need them."""
        config = self._settings(layer)
        stride, dilation = config["strides"][self.axis], config["dilation_rate"][self.axis]
        size = max(config["kernel_size"][self.axis], stride)
        config["kernel_size"] = self._spatial(layer.kernel_size, size)
        kernel, *bias = layer.get_weights()
        convolution = layers.Conv3DTranspose.from_config(config)
        weights = [(convolution, [self._spread(kernel, size, stride), *bias])]
        further = config["output_padding"][self.axis] if config["output_padding"] else 0
        reach = (max((size - 1) * dilation + 1, stride) - 1 + further) // stride
        if not self.edge or not reach:
            return Chain(convolution, weights=weights)
        edges = EdgePadding(self.axis, self._only(reach, reach), name=f"{layer.name}_edges")
        crop = layers.Cropping3D(self._only(reach * stride, reach * stride), name=f"{layer.name}_crop")
        return Chain(edges, convolution, crop, weights=weights)

    def _zero_padding(self, layer) -> Callable:
        if not self.edge:
            return Chain(layers.ZeroPadding3D.from_config(self._settings(layer)))
        return Chain(EdgePadding(self.axis, self._spatial(layer.padding), name=layer.name, dtype=layer.dtype_policy))

    def _upsampling(self, layer) -> Callable:
        config = self._settings(layer)
        if config.pop("interpolation") != "nearest":
            raise refusal(layer, "In three dimensions Keras interpolates to the nearest voxel only")
        return Chain(layers.UpSampling3D.from_config(config))

    def _dropout(self, layer) -> Callable:
        shape = layer.noise_shape
        return _changed(layer, noise_shape=shape and (shape[0], *self._spatial(shape[1:])))

    def _prelu(self, layer) -> Callable:
        shared = sorted({self.axis + 1, *(a + (a > self.axis) for a in layer.shared_axes or ())})
        new = layers.PReLU.from_config({**layer.get_config(), "shared_axes": shared})
        return Chain(new, weights=[(new, [np.expand_dims(w, self.axis) for w in layer.get_weights()])])

    def _flatten(self, layer) -> Callable:
        return Chain(lambda x: ops.mean(x, axis=self.axis + 1), _changed(layer))

    def _reshape(self, layer, x) -> Callable:
        """Of maps only into vectors, or of single pixels."""
        target = tuple(layer.target_shape)
        if len(target) == 1:
            return self._flatten(layer)
        if x.shape[1:4] == (1, 1, 1) and target[:2] == (1, 1) and len(target) == 3:
            return _changed(layer, target_shape=(1, *target))
        raise refusal(layer, "It mixes rows, columns and channels")


def _changed(layer, **changes) -> Chain:
    """A copy of a layer, with its weights, but for some settings."""
    new = type(layer).from_config({**layer.get_config(), **changes})
    return Chain(new, weights=[(new, layer.get_weights())])
