"""Networks that see a receptor and a ligand: three ways of bringing them together, and what each sees alone.

``early``
    One network on all channels: receptor, ligand, contacts and descriptors stacked.
``intermediate``
    An encoder each, with half of the filters, down to level ``joined``, where their features are joined; below it and
    on the way up they share one network. The ligand's encoder sees the contacts. Descriptors scale and shift the
    features of the deepest level (FiLM: Perez et al., AAAI 2018, arXiv:1709.07871).
``late``
    A whole network each; what they say of a voxel is combined, descriptors with it.
``receptor``, ``ligand``
    A network that looks at the one alone: what the other adds is the difference.

In each two hidden layers have the last word on every voxel. They see what the networks say of it, and the contacts, in
:class:`Shells`: measures between points of both sides, which no stack of convolutions has as exactly.

Descriptors are standardised by mean and standard deviation over the training data, stored with the weights. After
Baltrusaitis et al., IEEE TPAMI 41 (2019) 423, doi:10.1109/TPAMI.2018.2798607.
"""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
from keras import layers, ops

from pocketvox.config import NetworkConfig
from pocketvox.features import LIGAND_FEATURES
from pocketvox.network.physics import Channels
from pocketvox.network.unet import decoder, encoder, log_odds, to_voxels, trunk

#: Width of the layers that descriptors, or the logits of two networks, go through.
HIDDEN = 32
#: Channels that stand for the descriptors where all is stacked.
STACKED = 8


@keras.saving.register_keras_serializable(package="pocketvox")
class Standardize(layers.Layer):
    """Values less their mean, over their standard deviation, along the last axis, kept within -``LIMIT`` to ``LIMIT``.

    Mean and deviation are weights that are not trained: 0 and 1 until :meth:`fit`.
    """

    #: A complex unlike all training data must not overrun the network.
    LIMIT = 5.0

    def build(self, input_shape):
        """Make the weights."""
        width = (input_shape[-1],)
        options = {"shape": width, "trainable": False, "dtype": "float32"}
        self.mean = self.add_weight(name="mean", initializer="zeros", **options)
        self.deviation = self.add_weight(name="deviation", initializer="ones", **options)

    def fit(self, values: np.ndarray) -> None:
        """Set mean and deviation to those of ``values``, shape=(n, D); what is constant stays as it is but shifted."""
        spread = values.std(axis=0)
        self.mean.assign(values.mean(axis=0))
        self.deviation.assign(np.where(spread > 1e-6, spread, 1.0))

    def call(self, x):
        """Of any shape (..., D)."""
        y = (ops.cast(x, "float32") - self.mean) / self.deviation
        return ops.cast(ops.clip(y, -self.LIMIT, self.LIMIT), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        """Shape of the output."""
        return input_shape


@keras.saving.register_keras_serializable(package="pocketvox")
class FirstVoxel(layers.Layer):
    """What stands in the first voxel, of channels that are the same in all."""

    def call(self, x):
        """From (b, x, y, z, C) to (b, 1, 1, 1, C)."""
        return x[:, :1, :1, :1]

    def compute_output_shape(self, input_shape):
        """Shape of the output."""
        return (input_shape[0], 1, 1, 1, input_shape[-1])


@keras.saving.register_keras_serializable(package="pocketvox")
class Shells(layers.Layer):
    """Measures from 0 to 1, each as its shares in shells: piecewise linear functions of it are sums of these.

    Interactions end within a tenth of an angstrom, for which a network would have to grow weights of a hundred; cf. the
    radial basis of Schuett et al., doi:10.1063/1.5019779. Shares are multiplied by ``GAIN``, so that a sharp edge takes
    fewer steps to learn. Of 11, 16 and 21 shells, gains of 1 to 30 and several hidden layers, 11 and 20 with layers of
    64 and 32 gave the best Jaccard indices on validation voxels after 1,500 steps on contacts alone.
    """

    #: Shells from 0 to 1, both included.
    COUNT = 11
    GAIN = 20.0

    def call(self, x):
        """From (b, x, y, z, C) to (b, x, y, z, C S), S = ``COUNT`` shells each."""
        steps = np.arange(self.COUNT, dtype=np.float32)
        shares = ops.relu(1 - ops.abs(x[..., None] * (self.COUNT - 1) - ops.cast(steps, x.dtype))) * self.GAIN
        return ops.reshape(shares, (*ops.shape(x)[:-1], x.shape[-1] * self.COUNT))

    def compute_output_shape(self, input_shape):
        """Shape of the output."""
        return (*input_shape[:-1], input_shape[-1] * self.COUNT)


def fused(inputs, config: NetworkConfig, dtype, prevalence):
    """Logits of the configured fusion, without constraints.

    Parameters
    ----------
    inputs : tensor, shape=(b, x, y, z, C)
        See :func:`pocketvox.voxel.network_input`.
    config : NetworkConfig
        Its features are a receptor's, then a ligand's.
    dtype : str
    prevalence : array_like, shape=(K,), or None
    """
    receptor = _side(inputs, config, dtype, "receptor", lambda name: name not in LIGAND_FEATURES)
    ligand = _side(inputs, config, dtype, "ligand", lambda name: name in LIGAND_FEATURES)
    contacts = _part(inputs, config, dtype, "contacts") if config.contacts else None
    described = _part(inputs, config, "float32", "descriptors") if config.descriptors else None
    parts = _FUSIONS[config.fusion](receptor, ligand, contacts, described, config, dtype)
    if contacts is not None and config.fusion not in ("receptor", "ligand"):
        parts.append(Shells(dtype=dtype, name="shells")(contacts))
    return _combined(parts, config, dtype, prevalence)


def _part(inputs, config: NetworkConfig, dtype, name: str):
    part = config.parts[name]
    return Channels(part.start, part.stop, dtype=dtype, name=name)(inputs)


def _joined(*parts, dtype, name: str):
    """Parts that are there, along the last axis."""
    parts = [part for part in parts if part is not None]
    return layers.Concatenate(dtype=dtype, name=name)(parts) if len(parts) > 1 else parts[0]


def _side(inputs, config: NetworkConfig, dtype, title: str, belongs):
    """Channels of one side: its features, then the proximity to them."""
    parts = []
    for kind in ("features", "proximity"):
        rows = [config.parts[kind].start + k for k, name in enumerate(getattr(config, kind)) if belongs(name)]
        if rows:
            parts.append(Channels(rows[0], rows[-1] + 1, dtype=dtype, name=f"{title}_{kind}")(inputs))
    return _joined(*parts, dtype=dtype, name=title)


def _early(receptor, ligand, contacts, described, config: NetworkConfig, dtype):
    numbers = None
    if described is not None:  # the same everywhere, they would drown the rest in a first convolution's variance
        numbers = Standardize(dtype=dtype, name="standardize")(described)
        numbers = layers.Dense(STACKED, kernel_initializer="zeros", dtype=dtype, name="describe")(numbers)
    x = _joined(receptor, ligand, contacts, numbers, dtype=dtype, name="stack")
    return [_said(trunk(x, config, dtype), config, dtype)]


def _intermediate(receptor, ligand, contacts, described, config: NetworkConfig, dtype):
    level = config.joined
    ligand = _joined(ligand, contacts, dtype=dtype, name="ligand_in_contact")
    half = replace(config, filters=tuple(max(1, n // 2) for n in config.filters))
    pairs = zip(
        encoder(receptor, half, dtype, prefix="receptor_", stop=level + 1),
        encoder(ligand, half, dtype, prefix="ligand_", stop=level + 1),
        strict=True,
    )
    levels = [layers.Concatenate(dtype=dtype, name=f"join{k}")(pair) for k, pair in enumerate(pairs)]
    levels += encoder(levels[-1], config, dtype, start=level + 1)
    if described is not None:
        levels[-1] = _modulated(levels[-1], described, dtype)
    return [_said(decoder(levels, config, dtype), config, dtype)]


def _modulated(x, described, dtype):
    """Features scaled and shifted by what the descriptors say; not at all before training."""
    hidden = layers.Dense(HIDDEN, activation="relu", dtype=dtype, name="describe")(_vector(described, dtype))
    scale = layers.Dense(x.shape[-1], kernel_initializer="zeros", dtype=dtype, name="scale")(hidden)
    shift = layers.Dense(x.shape[-1], kernel_initializer="zeros", dtype=dtype, name="shift")(hidden)
    scaled = layers.Multiply(dtype=dtype, name="scaled")([x, scale])
    return layers.Add(dtype=dtype, name="modulated")([x, scaled, shift])


def _late(receptor, ligand, contacts, described, config: NetworkConfig, dtype):
    sides = ((receptor, "receptor_"), (ligand, "ligand_"))
    parts = [_said(trunk(x, config, dtype, prefix=prefix), config, dtype, prefix) for x, prefix in sides]
    if described is None:
        return parts
    shift = layers.Dense(HIDDEN, kernel_initializer="zeros", dtype=dtype, name="describe")(_vector(described, dtype))
    return [layers.Add(dtype=dtype, name="described")([parts[0], shift]), parts[1]]


def _alone(side: int):
    def build(receptor, ligand, contacts, described, config: NetworkConfig, dtype):
        return [_said(trunk((receptor, ligand)[side], config, dtype), config, dtype)]

    return build


def _said(x, config: NetworkConfig, dtype, prefix: str = ""):
    """What a network says of each voxel, before it is combined."""
    return to_voxels(x, HIDDEN, config, prefix=prefix, dtype=dtype, name=f"{prefix}voxels")


def _combined(parts: list, config: NetworkConfig, dtype, prevalence):
    """Logits of each voxel, from all that is said of it, by two hidden layers."""
    x = _joined(*parts, dtype=dtype, name="said")
    for k, width in enumerate((2 * HIDDEN, HIDDEN)):
        x = layers.Conv3D(width, 1, activation="relu", dtype=dtype, name=f"combine{k}")(x)
    bias = log_odds(config, prevalence)
    return layers.Conv3D(len(config.channels), 1, bias_initializer=bias, dtype="float32", name="logits")(x)


def _vector(described, dtype):
    return Standardize(dtype=dtype, name="standardize")(FirstVoxel(dtype="float32", name="first_voxel")(described))


_FUSIONS = {
    "early": _early,
    "intermediate": _intermediate,
    "late": _late,
    "receptor": _alone(0),
    "ligand": _alone(1),
}
