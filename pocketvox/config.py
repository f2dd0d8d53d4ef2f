"""Frozen, strict configurations: what a network is, and how one is trained.

Every class reads a plain dictionary with ``from_dict`` (unknown keys and wrong types are refused by name), writes one
with ``to_dict``, and has a ``fingerprint`` that goes into whatever is made with it. JSON files are read by
``from_file``.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import types
import typing
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path

from pocketvox.channels import CHANNELS
from pocketvox.errors import ConfigError
from pocketvox.json_file import read_json

#: Values of :attr:`NetworkConfig.constraints`: of any network, and of one that sees the ligand.
RECEPTOR_CONSTRAINTS = ("steric", "reach")
CONSTRAINTS = (*RECEPTOR_CONSTRAINTS, "roles")
#: Values of :attr:`NetworkConfig.contacts`, and how many channels each has.
CONTACTS = {
    "donor": 6,
    "acceptor": 6,
    "hydrophobic": 1,
    "apolar": 1,
    "rings": 8,
    "ring_cation": 1,
    "cation_ring": 1,
    "cation": 1,
    "anion": 1,
    "halogen": 1,
    "metal": 1,
}
#: Values of :attr:`NetworkConfig.fusion`.
FUSIONS = ("", "early", "intermediate", "late", "receptor", "ligand")
#: Values of :attr:`TrainConfig.normalizer`; see :mod:`pocketvox.normalize`.
NORMALIZERS = ("zscore", "minmax", "histogram")
#: Metadata of a setting that came after the first presets.
_ADDED = types.MappingProxyType({"added": True})


class Config:
    """Base of the configurations: strict conversion from and to dictionaries."""

    @classmethod
    def from_dict(cls, data: dict) -> typing.Self:
        """Build from a dictionary; keys left out take their defaults.

        Raises
        ------
        ConfigError
            If a key is unknown, missing, of the wrong type or out of range; the message names it.
        """
        return _from_dict(cls, data, cls.__name__)

    @classmethod
    def from_file(cls, path: str | Path) -> typing.Self:
        """Read a JSON file.

        Raises
        ------
        ConfigError
            If the file cannot be read, is no JSON, or holds what ``from_dict`` refuses.
        """
        try:
            data = read_json(path)
        except OSError as error:
            raise ConfigError(f"Cannot read the configuration {path}: {error.strerror}.") from error
        except ValueError as error:
            raise ConfigError(f"Expected JSON in {path}. Received: {error}.") from error
        return _from_dict(cls, data, str(path))

    def to_dict(self) -> dict:
        """As a dictionary of JSON types; ``from_dict`` is its inverse.

        Settings marked as added later are left out at their default, so that older fingerprints stay as they are.
        """
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        unset = [f.name for f in fields(self) if f.metadata.get("added") and values[f.name] == _default(f)]
        return {name: _plain(v) for name, v in values.items() if name not in unset}

    def fingerprint(self) -> str:
        """sha256 (hexadecimal) of the canonical JSON; equal for equal configurations."""
        return fingerprint(self.to_dict())


@dataclass(frozen=True)
class NetworkConfig(Config):
    """Shape of a 3D U-Net.

    Attributes
    ----------
    features : tuple of str
        Input channels, in order. Empty in a training configuration: those of the data store.
    channels : tuple of str
        Output channels, in order.
    filters : tuple of int
        Channel widths from the finest level (of voxels or patches) down; each level halves the resolution.
    blocks : tuple of int
        Convolutions (or residual blocks) per level, from the finest down, in the encoder and again in the decoder.
    residual : bool
        Add to the output of each block of two convolutions its input.
    upsampling : str
        ``"transpose"`` (strided transposed convolution) or ``"nearest"`` (repeat, then convolve).
    norm : str
        ``"batch"`` (folds into the convolutions at inference) or ``"none"``.
    activation : str
        Name of a Keras activation.
    dropout : float
        Spatial dropout before the head, 0 to below 1.
    patch : int
        Voxels along each edge of the patches the network works on: 1, the voxels themselves, or 2, cells of 2x2x2
        voxels, made by a strided convolution and taken apart by the head. A network of cells has an eighth of the
        positions, so it can be several times as wide at the same cost.
    constraints : tuple of str
        What the output obeys exactly, whatever the weights: some of ``"steric"``, ``"reach"`` and, if it sees the
        ligand, ``"roles"``; see :mod:`pocketvox.voxel.constraints`. They have no weights.
    fusion : str
        Empty: the network sees a receptor (task ``pocket``). Else it is given a ligand as well (task ``complex``), and
        this is how it brings both together: ``"early"``, ``"intermediate"`` or ``"late"``; or, for comparison, it
        looks at the ``"receptor"`` or at the ``"ligand"`` alone. See :mod:`pocketvox.network.fusion`.
    joined : int
        Level from which both share one encoder, with intermediate fusion.
    proximity : tuple of str
        Features to whose nearest point the network is told the distance, as channels of their own; see
        :func:`pocketvox.voxel.network_input`.
    contacts : tuple of str
        Contacts of ligand and receptor that are measured for it, some of ``CONTACTS``; see
        :mod:`pocketvox.voxel.contacts`.
    descriptors : tuple of str
        Numbers about the whole complex that it sees beside; see :mod:`pocketvox.descriptors`.
    symmetry : str
        ``"none"``, or how convolutions commute with the 24 rotations of a cube, exactly: ``"kernel"``, each kernel is
        symmetric, or ``"group"``, features are fields of 24 orientations and a level is 24 times as wide as
        ``filters`` says; see :mod:`pocketvox.network.symmetric`.
    """

    features: tuple[str, ...] = ()
    channels: tuple[str, ...] = CHANNELS
    filters: tuple[int, ...] = (24, 48, 96, 160)
    blocks: tuple[int, ...] = (1, 2, 2, 2)
    residual: bool = False
    upsampling: str = "transpose"
    norm: str = "batch"
    activation: str = "relu"
    dropout: float = 0.0
    patch: int = 1
    constraints: tuple[str, ...] = field(default=(), metadata=_ADDED)
    symmetry: str = field(default="none", metadata=_ADDED)
    fusion: str = field(default="", metadata=_ADDED)
    joined: int = field(default=0, metadata=_ADDED)
    proximity: tuple[str, ...] = field(default=(), metadata=_ADDED)
    contacts: tuple[str, ...] = field(default=(), metadata=_ADDED)
    descriptors: tuple[str, ...] = field(default=(), metadata=_ADDED)

    def __post_init__(self):
        _require(
            len(self.filters) > 0 and min(self.filters) > 0, "filters", "one positive width per level", self.filters
        )
        expected = f"one positive number per level ({len(self.filters)})"
        _require(len(self.blocks) == len(self.filters) and min(self.blocks) > 0, "blocks", expected, self.blocks)
        _require(self.upsampling in ("transpose", "nearest"), "upsampling", "'transpose' or 'nearest'", self.upsampling)
        _require(self.norm in ("batch", "none"), "norm", "'batch' or 'none'", self.norm)
        _require(0 <= self.dropout < 1, "dropout", "0 to below 1", self.dropout)
        _require(self.patch in (1, 2), "patch", "1 or 2", self.patch)
        choices = ("none", "kernel", "group")
        _require(self.symmetry in choices, "symmetry", " or ".join(map(repr, choices)), self.symmetry)
        _require(self.fusion in FUSIONS, "fusion", "nothing or " + ", ".join(FUSIONS[1:]), self.fusion)
        _require(0 <= self.joined < len(self.filters), "joined", "a level of the network", self.joined)
        alone = self.symmetry == "none" or not self.fusion
        _require(alone, "symmetry", "'none' with fusion", self.symmetry)
        ordered = sorted(self.proximity, key=lambda name: name.startswith("ligand"))
        _require(tuple(ordered) == tuple(self.proximity), "proximity", "the receptor's before the ligand's", ordered)
        unknown = [name for name in self.contacts if name not in CONTACTS]
        _require(not unknown, "contacts", f"some of {', '.join(CONTACTS)}", unknown)
        for name in ("contacts", "descriptors"):
            _require(self.fusion or not getattr(self, name), name, "none without fusion", getattr(self, name))
        _require(self.fusion or "roles" not in self.constraints, "constraints", "no roles without fusion", "roles")
        valid = set(self.constraints) <= set(CONSTRAINTS) and len(set(self.constraints)) == len(self.constraints)
        _require(valid, "constraints", f"some of {', '.join(CONSTRAINTS)}, each once", self.constraints)
        unknown = [c for c in self.channels if c not in CHANNELS]
        _require(len(self.channels) > 0 and not unknown, "channels", f"some of {', '.join(CHANNELS)}", self.channels)
        _require(len(set(self.channels)) == len(self.channels), "channels", "no repeated name", self.channels)

    @property
    def stride(self) -> int:
        """Every spatial size must be a multiple of this."""
        return self.patch * 2 ** (len(self.filters) - 1)

    @property
    def parts(self) -> dict[str, slice]:
        """Channels of the input by what they are, in order; see :func:`pocketvox.voxel.network_input`."""
        widths = {name: len(getattr(self, name)) for name in ("features", "proximity", "contacts", "descriptors")}
        widths["contacts"], widths["masks"] = sum(CONTACTS[name] for name in self.contacts), self.masks
        stops = list(itertools.accumulate(widths.values()))
        return {name: slice(stop - n, stop) for (name, n), stop in zip(widths.items(), stops, strict=True)}

    @property
    def masks(self) -> int:
        """Mask channels that end the input: one per output channel if there are constraints."""
        return len(self.channels) if self.constraints else 0


@dataclass(frozen=True)
class SamplingConfig(Config):
    """How training crops are drawn from structures.

    Attributes
    ----------
    crop_size : int
        Voxels along each edge of a crop.
    spacing : float
        Edge of a voxel (angstrom).
    cluster_power : float
        A sequence cluster with n ligands is drawn with weight ``n ** cluster_power``: 0 draws families equally,
        1 draws ligands equally.
    surface_fraction : float
        Share of crops centred on a random point of the receptor's surface instead of on a ligand.
    jitter : float
        Crop centres are displaced uniformly within a ball of this radius (angstrom).
    noise : float
        Standard deviation of Gaussian noise added to receptor coordinates (angstrom).
    warp : float
        Root mean square of a smooth random displacement of the receptor (angstrom): neighbouring atoms move together,
        as between structures with and without a ligand.
    drop : float
        Share of the receptor's points beyond the reach of any ligand that is left out, in clusters of the size of side
        chains, 0 to below 1.
    rotate : bool
        Rotate each crop randomly about its centre.
    ignored_radius : float
        The ligand channel is unknown this near to an additive (angstrom).
    """

    crop_size: int = 32
    spacing: float = 0.75
    cluster_power: float = 0.5
    surface_fraction: float = 0.2
    jitter: float = 4.0
    noise: float = 0.1
    warp: float = 0.0
    drop: float = 0.0
    rotate: bool = True
    ignored_radius: float = 2.5

    def __post_init__(self):
        _require(self.crop_size > 0, "crop_size", "a positive number", self.crop_size)
        _require(self.spacing > 0, "spacing", "a positive number", self.spacing)
        _require(0 <= self.surface_fraction <= 1, "surface_fraction", "0 to 1", self.surface_fraction)
        _require(0 <= self.drop < 1, "drop", "0 to below 1", self.drop)
        for name in ("jitter", "noise", "warp", "ignored_radius", "cluster_power"):
            _require(getattr(self, name) >= 0, name, "zero or more", getattr(self, name))


@dataclass(frozen=True)
class LossConfig(Config):
    """Loss over known voxels.

    Attributes
    ----------
    channel_weights : dict of str to float
        Weight of a channel's loss relative to the others; channels left out weigh 1. It weighs a whole channel, not its
        positive voxels, so probabilities stay calibrated.
    dice : float
        Weight of the soft Dice part relative to the cross-entropy.
    focal : float
        Exponent of the focal factor on the cross-entropy; 0 is plain cross-entropy, the only calibrated choice.
    tversky : float
        Weight of a Tversky part relative to the cross-entropy.
    false_positives : float
        What a false positive costs in the Tversky part, 0 to 1; a false negative costs the rest. With 0.5 it is Dice.
    unlabelled : float
        Weight of voxels outside the ligand envelope as negatives of the typed channels. They are unknown, not negative:
        above 0, probabilities are no longer conditional on a ligand atom.
    distill : float
        Share of the loss that is cross-entropy to the teachers' probabilities, 0 to 1, at known voxels and, with a
        small weight, at all others; the rest is the loss to the labels.
    """

    channel_weights: dict[str, float] = field(
        default_factory=lambda: {
            "hbond_donor": 2.0,
            "hbond_acceptor": 2.0,
            "hydrophobic": 1.0,
            "pi_stacking": 4.0,
            "ligand": 4.0,
        }
    )
    dice: float = 0.1
    focal: float = 0.0
    tversky: float = 0.0
    false_positives: float = 0.5
    unlabelled: float = 0.0
    distill: float = 0.0

    def __post_init__(self):
        unknown = [c for c in self.channel_weights if c not in CHANNELS]
        _require(not unknown, "channel_weights", f"names among {', '.join(CHANNELS)}", ", ".join(unknown))
        _require(min(self.channel_weights.values(), default=0) >= 0, "channel_weights", ">= 0", self.channel_weights)
        for name in ("dice", "focal", "tversky", "unlabelled"):
            _require(getattr(self, name) >= 0, name, "zero or more", getattr(self, name))
        for name in ("false_positives", "distill"):
            _require(0 <= getattr(self, name) <= 1, name, "0 to 1", getattr(self, name))


@dataclass(frozen=True)
class TrainConfig(Config):
    """One training run.

    Attributes
    ----------
    store : str
        HDF5 data store. A relative path is relative to the working directory.
    network, sampling, loss : NetworkConfig, SamplingConfig, LossConfig
    batch_size, steps_per_epoch, epochs, seed : int
    stop_after : int
        Steps of all epochs together after which the run ends, whatever ``epochs`` says of the learning rate; its
        averaged weights are then in ``last.weights.h5``. 0 never ends it early.
    learning_rate : float
        Peak of AdamW's learning rate, reached linearly and left along a half cosine.
    warmup_steps : int
    final_fraction : float
        Learning rate at the end, as a fraction of the peak.
    weight_decay : float
    clip_norm : float
        Largest global norm of a gradient; 0 does not clip.
    ema_decay : float
        Decay per step of the moving average of weights that is validated and kept; 0 keeps the last weights.
    precision : str
        Keras dtype policy of the network: ``"mixed_bfloat16"`` or ``"float32"``. The head is float32 in both.
    jit_compile : bool
        Compile the step with XLA. JAX always does.
    threads : int
        Threads of TensorFlow or torch; 0 leaves their default.
    val_crops : int
        Number of fixed validation crops.
    initial_weights : str
        Weights file (``.weights.h5``) to start from; empty starts at random.
    teachers : tuple of str
        Run folders or presets whose mean probabilities are targets as well, ``loss.distill`` of the loss; empty if
        there are none. Their features, channels and spacing must be those of this run.
    data_fraction : float
        Share of the store's training families that is used, above 0 to 1; a smaller share is part of a larger one.
    extra_store : str
        Second data store, such as of pseudo-ligands; empty if there is none.
    extra_fraction : float
        Share of training samples drawn from it.
    slices : int
        Train the network's 2D twin on so many random slices of each crop instead; 0 trains the network.
    normalizer : str
        How the B column becomes the feature ``flexibility``, one of ``NORMALIZERS``; see :mod:`pocketvox.normalize`.
        Empty: the network does not see it. The normalizer is fitted to the training structures.
    """

    store: str
    network: NetworkConfig = field(default_factory=NetworkConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    batch_size: int = 8
    steps_per_epoch: int = 500
    epochs: int = 60
    seed: int = 0
    learning_rate: float = 1.5e-3
    warmup_steps: int = 300
    final_fraction: float = 0.01
    weight_decay: float = 1e-3
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    precision: str = "mixed_bfloat16"
    jit_compile: bool = False
    threads: int = 0
    val_crops: int = 150
    initial_weights: str = ""
    teachers: tuple[str, ...] = ()
    data_fraction: float = 1.0
    extra_store: str = ""
    extra_fraction: float = 0.0
    stop_after: int = 0
    slices: int = 0
    normalizer: str = field(default="", metadata=_ADDED)

    def __post_init__(self):
        _require(0 < self.data_fraction <= 1, "data_fraction", "above 0 to 1", self.data_fraction)
        _require(0 <= self.extra_fraction <= 1, "extra_fraction", "0 to 1", self.extra_fraction)
        _require(
            bool(self.extra_store) == (self.extra_fraction > 0),
            "extra_store",
            "one with a fraction above 0",
            self.extra_store,
        )
        expected = "some with loss.distill above 0, none with 0"
        _require(bool(self.teachers) == (self.loss.distill > 0), "teachers", expected, self.teachers)
        for name in ("batch_size", "steps_per_epoch", "epochs", "learning_rate", "val_crops"):
            _require(getattr(self, name) > 0, name, "a positive number", getattr(self, name))
        for name in ("seed", "stop_after", "warmup_steps", "weight_decay", "clip_norm", "threads"):
            _require(getattr(self, name) >= 0, name, "zero or more", getattr(self, name))
        _require(0 <= self.ema_decay < 1, "ema_decay", "0 to below 1", self.ema_decay)
        _require(0 <= self.final_fraction <= 1, "final_fraction", "0 to 1", self.final_fraction)
        choices = ("mixed_bfloat16", "float32")
        _require(self.precision in choices, "precision", " or ".join(choices), self.precision)
        size, stride = self.sampling.crop_size, self.network.stride
        fits = 0 <= self.slices <= (0 if self.teachers else size)
        _require(fits, "slices", f"0, or without teachers up to the crop size {size}", self.slices)
        _require(not (self.slices and self.network.fusion), "slices", "0 with fusion", self.slices)
        choices = ("", *NORMALIZERS)
        _require(self.normalizer in choices, "normalizer", " or ".join(map(repr, choices)), self.normalizer)
        alone = not (self.normalizer and (self.network.fusion or self.teachers))
        _require(alone, "normalizer", "none with network.fusion or teachers", self.normalizer)
        _require(size % stride == 0, "sampling.crop_size", f"a multiple of the network's stride {stride}", size)


def fingerprint(data: dict) -> str:
    """sha256 (hexadecimal) of the canonical JSON of a dictionary of JSON types."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _require(condition: bool, name: str, expected: str, received) -> None:
    if not condition:
        raise ConfigError(f"Expected {name}: {expected}. Received: {received!r}.")


def _from_dict(cls, data, where: str):
    if not isinstance(data, dict):
        raise ConfigError(f"Expected an object of settings in {where}. Received: {data!r}.")
    hints = typing.get_type_hints(cls)
    known = {f.name: f for f in fields(cls)}
    for key in data:
        if key not in known:
            raise ConfigError(f"Unknown setting {key!r} in {where}. Expected some of: {', '.join(known)}.")
    try:
        return cls(**{key: _convert(hints[key], value, f"{where}: {key}") for key, value in data.items()})
    except TypeError as error:
        missing = [n for n, f in known.items() if n not in data and not _has_default(f)]
        raise ConfigError(f"Missing setting in {where}: {', '.join(missing)}.") from error


def _has_default(f) -> bool:
    return f.default is not MISSING or f.default_factory is not MISSING


def _default(f):
    return f.default if f.default_factory is MISSING else f.default_factory()


def _convert(hint, value, where: str):
    """``value`` as ``hint``, or a ConfigError that names ``where``."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if is_dataclass(hint):
        return value if isinstance(value, hint) else _from_dict(hint, value, where)
    if origin is types.UnionType:
        return None if value is None else _convert(arguments[0], value, where)
    if origin is tuple and isinstance(value, list | tuple):
        if arguments[-1] is not Ellipsis and len(value) != len(arguments):
            raise ConfigError(f"Expected {len(arguments)} values for {where}. Received: {value!r}.")
        return tuple(_convert(arguments[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {_convert(str, k, where): _convert(arguments[1], v, f"{where}[{k!r}]") for k, v in value.items()}
    if hint is float and type(value) is int:
        return float(value)
    if hint in (int, float, bool, str) and type(value) is hint:
        return value
    name = hint.__name__ if isinstance(hint, type) and origin is None else str(hint)
    raise ConfigError(f"Expected {name} for {where}. Received: {value!r} ({type(value).__name__}).")


def _plain(value):
    if isinstance(value, Config):
        return value.to_dict()
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value
