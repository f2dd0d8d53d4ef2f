"""3D networks from 2D ones: each layer becomes its counterpart, kernels are spread along a new axis.

Kernels of k x k pixels become k x k x k voxels. Every other setting of the new axis (stride, dilation, padding) is that
of rows, so maps shrink along it as they do along rows. Where a volume is constant along the new axis, the 3D network
answers as the 2D network does to one of its slices: in every slice with ``padding="edge"``; with ``"zero"``, in slices
so far from both ends that no zeros reach them.

References
----------
Carreira & Zisserman 2017, "Quo Vadis, Action Recognition?", on bootstrapping 3D filters, arXiv:1705.07750.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import layers

from pocketvox.errors import ConfigError
from pocketvox.network.counterparts import Inflater, refusal

METHODS, PADDINGS = ("mean", "centre"), ("edge", "zero")

#: Operations of ``keras.ops`` and operators that act on each element alone.
_ELEMENTWISE = (
    "Absolute Add Cast Clip Divide Elu Exp Gelu HardSigmoid HardSilu Identity LeakyRelu Log Maximum Minimum Multiply "
    "Negative Power Relu Relu6 Selu Sigmoid Sign Silu Softplus Softsign Sqrt Square Subtract Tanh TrueDivide"
).split()


def inflate(
    model: keras.Model,
    depth: int | None = None,
    *,
    axis: int = 0,
    method: str = "mean",
    padding: str = "edge",
    pointwise: tuple[type, ...] = (),
) -> keras.Model:
    """The 3D network that answers to a stack of equal images as the 2D network answers to one of them.

    Parameters
    ----------
    model : keras.Model
        Functional or Sequential, of known input shapes, channels last. Its inputs of shape (b, rows, columns, channel)
        become volumes, others stay as they are; it may hold further models. It is not changed.
    depth : int, optional
        Size of the new axis of the inputs; any size without it. That of rows always fits, of others those that the 2D
        network would take as rows.
    axis : int
        Place of the new axis among the spatial ones: 0, 1 or 2.
    method : str
        ``"mean"`` repeats a kernel along the new axis, divided by the number of its slices that meet: for a plain
        convolution its depth. ``"centre"`` puts it into the central slice, among zeros.
    padding : str
        What lies beyond both ends of the new axis: ``"edge"``, the last slice again, or ``"zero"``, which needs no
        layers of its own. Around rows and columns there are zeros in any case, as in the 2D network.
    pointwise : tuple of type
        Classes of further layers that act on each pixel alone; they are taken over as they are.

    Returns
    -------
    keras.Model
        Functional, not compiled. Layers keep their names; those for padding and cropping are named after theirs.

    Raises
    ------
    ConfigError
        If an argument is none of the above, or a layer has no counterpart; the message names it.

    Notes
    -----
    Depthwise convolutions become ``Conv3D`` with a group per channel. ``Flatten`` averages over the new axis first, so
    that what follows keeps its weights and any depth fits.
    """
    for name, value, choices in (
        ("axis", axis, (0, 1, 2)),
        ("method", method, METHODS),
        ("padding", padding, PADDINGS),
    ):
        if value not in choices:
            raise ConfigError(f"Expected {name}: one of {', '.join(map(str, choices))}. Received: {value!r}.")
    return _Walk(Inflater(axis, method, padding == "edge", tuple(pointwise))).model(model, depth)


class _Walk:
    """Goes through the graph of a network, and keeps what its layers have become, as they may be shared."""

    def __init__(self, inflater: Inflater):
        self.inflater = inflater
        self.made: dict[int, Callable] = {}

    def model(self, model: keras.Model, depth: int | None) -> keras.Model:
        """A network on volumes for one on images."""
        try:
            one = isinstance(model, keras.Sequential)
            ends = (model.inputs[0], model.outputs[0]) if one else (model.input, model.output)
            plain = keras.Model(*ends, name=model.name)  # neither compiled nor Sequential
        except (AttributeError, TypeError, ValueError) as error:
            raise ConfigError(
                f"Expected a functional or sequential Keras model of known input shapes. Received: {model!r:.80}. "
                "Build it from keras.Input."
            ) from error
        inputs = keras.tree.map_structure(lambda x: self.input(x, depth), plain.input)
        return keras.models.clone_model(
            plain, input_tensors=inputs, clone_function=lambda layer: layer, call_function=self.call
        )

    def input(self, x, depth: int | None):
        """An input, as a volume if it is of images."""
        if len(x.shape) > 4:
            raise ConfigError(
                f"Expected images (b, rows, columns, channel) as inputs. Received: {x.name!r}, {x.shape}."
            )
        shape = list(x.shape[1:])
        if len(shape) == 3:
            shape.insert(self.inflater.axis, depth)
        return keras.Input(shape, batch_size=x.shape[0], dtype=x.dtype, name=x.name)

    def call(self, layer, *args, **kwargs):
        """What the counterpart of a layer gives for its inputs, volumes where the layer's were images."""
        tensors = [t for t in keras.tree.flatten((args, kwargs)) if hasattr(t, "shape")]
        ranks = {len(t.shape) for t in tensors}
        if 5 in ranks and ranks & {3, 4}:
            raise refusal(layer, "It joins maps with a constant that has rows and columns")
        try:
            if id(layer) not in self.made:
                self.made[id(layer)] = self.counterpart(layer, tensors[0], 5 in ranks)
            out = self.made[id(layer)](*args, **kwargs)
        except ValueError as error:
            reason = f"Keras refuses it, as of a depth too small: {str(error).strip().splitlines()[0]}"
            raise refusal(layer, reason) from error
        if 5 not in ranks and any(len(t.shape) == 4 for t in keras.tree.flatten(out)):
            raise refusal(layer, "It makes maps of vectors, whose depth is unknown")
        return out

    def counterpart(self, layer, x, volume: bool) -> Callable:
        """What to call instead of a layer whose input is now ``x``."""
        if isinstance(layer, keras.Model):
            return self.model(layer, None)
        if isinstance(layer, layers.Layer):
            return self.inflater.layer(layer, x) if volume else self.inflater.kept(layer)
        if volume and type(layer).__name__ not in _ELEMENTWISE:
            raise refusal(layer, "Only operations on single elements can be taken over")
        return layer
