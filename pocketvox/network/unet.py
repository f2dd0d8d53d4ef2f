"""The network: a fully convolutional 3D U-Net, on any Keras backend."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from pocketvox.config import NetworkConfig
from pocketvox.errors import ConfigError
from pocketvox.network.physics import Channels, Forbid
from pocketvox.network.symmetric import COMPONENTS, FieldNorm, TiedConv3D

# --------------------------------------------------------------------------------------------------------------- Layers


def _conv3d(filters: int, size: int, config: NetworkConfig, *, transpose=False, first=False, last=False, **options):
    """Convolution of the configured symmetry; the first one's input and the last one's output are scalar fields."""
    if config.symmetry == "none":
        return (layers.Conv3DTranspose if transpose else layers.Conv3D)(filters, size, **options)
    options.pop("kernel_initializer", None)
    rep = COMPONENTS[config.symmetry]
    return TiedConv3D(
        filters, size, rep_in=1 if first else rep, rep_out=1 if last else rep, transpose=transpose, **options
    )


def _convolution(x, filters: int, config: NetworkConfig, dtype, *, name: str, activate: bool = True, first=False):
    """3x3x3 convolution, normalisation, activation."""
    normed = config.norm == "batch"
    x = _conv3d(
        filters,
        3,
        config,
        first=first,
        padding="same",
        use_bias=not normed,
        kernel_initializer="he_normal",
        dtype=dtype,
        name=f"{name}_conv",
    )(x)
    x = _normalise(x, config, dtype, f"{name}_norm")
    return layers.Activation(config.activation, dtype=dtype, name=f"{name}_act")(x) if activate else x


def _normalise(x, config: NetworkConfig, dtype, name: str):
    if config.norm != "batch":
        return x
    rep = COMPONENTS[config.symmetry]
    norm = layers.BatchNormalization if rep == 1 else FieldNorm
    return norm(momentum=0.98, dtype=dtype, name=name, **({} if rep == 1 else {"rep": rep}))(x)


def _residual(x, filters: int, config: NetworkConfig, dtype, *, name: str, first: bool = False):
    """Two convolutions whose result is added to their input."""
    shortcut = x
    lifts = first and config.symmetry == "group"
    if lifts or x.shape[-1] != filters * COMPONENTS[config.symmetry]:
        shortcut = _conv3d(filters, 1, config, first=first, dtype=dtype, name=f"{name}_shortcut")(x)
    x = _convolution(x, filters, config, dtype, name=f"{name}_a", first=first)
    x = _convolution(x, filters, config, dtype, name=f"{name}_b", activate=False)
    x = layers.Add(dtype=dtype, name=f"{name}_add")([x, shortcut])
    return layers.Activation(config.activation, dtype=dtype, name=f"{name}_act")(x)


def _stage(x, filters: int, blocks: int, config: NetworkConfig, dtype, *, name: str, first: bool = False):
    block = _residual if config.residual else _convolution
    for b in range(blocks):
        x = block(x, filters, config, dtype, name=f"{name}_{b}", first=first and b == 0)
    return x


def _patches(x, filters: int, config: NetworkConfig, dtype, *, name: str):
    """Cells of 2x2x2 voxels, each seen with a rim of one voxel."""
    x = _conv3d(
        filters,
        4,
        config,
        first=True,
        strides=2,
        padding="same",
        use_bias=config.norm != "batch",
        kernel_initializer="he_normal",
        dtype=dtype,
        name=f"{name}_conv",
    )(x)
    x = _normalise(x, config, dtype, f"{name}_norm")
    return layers.Activation(config.activation, dtype=dtype, name=f"{name}_act")(x)


def _down(x, filters: int, config: NetworkConfig, dtype, *, name: str):
    """Halve the resolution by a strided 2x2x2 convolution."""
    x = _conv3d(filters, 2, config, strides=2, use_bias=config.norm != "batch", dtype=dtype, name=f"{name}_conv")(x)
    return _normalise(x, config, dtype, f"{name}_norm")


def _up(x, filters: int, config: NetworkConfig, dtype, *, name: str):
    """Double the resolution."""
    bias = config.norm != "batch"
    if config.upsampling == "transpose":
        options = {"strides": 2, "use_bias": bias, "dtype": dtype, "name": f"{name}_conv"}
        x = _conv3d(filters, 2, config, transpose=True, **options)(x)
    else:
        x = _conv3d(filters, 1, config, use_bias=bias, dtype=dtype, name=f"{name}_conv")(x)
        x = layers.UpSampling3D(2, dtype=dtype, name=f"{name}_repeat")(x)
    return _normalise(x, config, dtype, f"{name}_norm")


# ----------------------------------------------------------------------------------------------------- Functional Model


def build_unet(config: NetworkConfig, *, dtype: str = "float32", prevalence=None) -> keras.Model:
    """U-Net from voxelized receptors, or complexes, to logits.

    Parameters
    ----------
    config : NetworkConfig
    dtype : str
        Keras dtype policy of all layers but the head, which is float32.
    prevalence : array_like, shape=(K,), optional
        Share of positive voxels per channel; the head starts at its log-odds. Even odds without it.

    Returns
    -------
    keras.Model
        From (b, x, y, z, C) float32 to logits (b, x, y, z, K) float32; see
        :func:`pocketvox.voxel.network_input`. x, y and z may be any multiples of ``config.stride``.

    Raises
    ------
    ConfigError
        If the configuration names no input features.
    """
    if not config.features:
        raise ConfigError("Expected the names of the input features in the network configuration. Received: none.")
    masked = config.parts["masks"]
    inputs = keras.Input((None, None, None, masked.stop), dtype="float32", name="features")
    if config.fusion:
        from pocketvox.network.fusion import fused

        logits = fused(inputs, config, dtype, prevalence)
    else:
        x = Channels(0, masked.start, dtype=dtype, name="receptor")(inputs) if config.masks else inputs
        logits = head(trunk(x, config, dtype), config, prevalence)
    if config.masks:
        masks = Channels(masked.start, masked.stop, dtype="float32", name="masks")(inputs)
        logits = Forbid(dtype="float32", name="constraints")([logits, masks])
    return keras.Model(inputs, logits, name="unet")


def trunk(x, config: NetworkConfig, dtype, *, prefix: str = ""):
    """All but the head: from a volume to features of voxels or patches."""
    return decoder(encoder(x, config, dtype, prefix=prefix), config, dtype, prefix=prefix)


def encoder(x, config: NetworkConfig, dtype, *, prefix: str = "", start: int = 0, stop: int | None = None) -> list:
    """Features of levels ``start`` to ``stop``, finest first; ``x`` is the input, or the level before ``start``."""
    if config.patch > 1 and not start:
        x = _patches(x, config.filters[0], config, dtype, name=f"{prefix}patches")
    levels = []
    for level in range(start, len(config.filters) if stop is None else stop):
        filters, blocks = config.filters[level], config.blocks[level]
        if level:
            x = _down(x, filters, config, dtype, name=f"{prefix}down{level}")
        first = not level and config.patch == 1
        x = _stage(x, filters, blocks, config, dtype, name=f"{prefix}encode{level}", first=first)
        levels.append(x)
    return levels


def decoder(levels: list, config: NetworkConfig, dtype, *, prefix: str = ""):
    """Features of the finest level, from those of all levels."""
    x = levels[-1]
    for level in reversed(range(len(levels) - 1)):
        x = _up(x, config.filters[level], config, dtype, name=f"{prefix}up{level}")
        x = layers.Concatenate(dtype=dtype, name=f"{prefix}skip{level}")([x, levels[level]])
        x = _stage(x, config.filters[level], config.blocks[level], config, dtype, name=f"{prefix}decode{level}")
    return x


def head(x, config: NetworkConfig, prevalence=None):
    """Logits of voxels, from features of voxels or patches."""
    return to_voxels(
        x,
        len(config.channels),
        config,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer=log_odds(config, prevalence),
        dtype="float32",
        name="logits",
    )


def to_voxels(x, channels: int, config: NetworkConfig, *, prefix: str = "", **options):
    """A last convolution, after dropout, that gives each voxel its own values, from features of voxels or patches."""
    if config.dropout:
        x = layers.SpatialDropout3D(config.dropout, dtype=x.dtype, name=f"{prefix}dropout")(x)
    return {1: _voxel_head, 2: _patch_head}[config.patch](channels, config, **options)(x)


def _voxel_head(channels: int, config: NetworkConfig, **options):
    return _conv3d(channels, 1, config, last=True, **options)


def _patch_head(channels: int, config: NetworkConfig, **options):
    """Each cell's own 2x2x2 voxels and a rim of one, overlapping those of the next cells."""
    return _conv3d(channels, 4, config, transpose=True, last=True, strides=2, padding="same", **options)


# --------------------------------------------------------------------------------------------------------------- Config


def log_odds(config: NetworkConfig, prevalence):
    """Initialiser of the head's bias."""
    if prevalence is None:
        return "zeros"
    p = np.clip(np.asarray(prevalence, float), 1e-5, 1 - 1e-5)
    if p.shape != (len(config.channels),):
        raise ConfigError(f"Expected one prevalence per channel ({len(config.channels)}). Received: shape {p.shape}.")
    values = np.log(p / (1 - p)).astype(np.float32)
    return lambda shape, dtype=None: keras.ops.convert_to_tensor(values, dtype=dtype)
