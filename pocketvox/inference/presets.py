"""Presets: trained networks as versioned folders, checked when loaded, never overwritten.

A folder holds ``config.json`` (:class:`PresetConfig`), ``model.weights.h5`` (Keras), ``openvino/model.xml`` and
``.bin`` (the same network), ``README.md`` (model card) and ``metadata.json`` (sha256 of all these, provenance,
metrics). ``domain.h5`` (what its training pockets look like) and ``openvino/int8.xml`` and ``.bin`` (the network in
8-bit integers) are optional.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from pocketvox import __version__
from pocketvox.channels import CORE, LIGAND
from pocketvox.config import Config, NetworkConfig, fingerprint
from pocketvox.descriptors import DESCRIPTORS
from pocketvox.errors import ConfigError, OutputError
from pocketvox.features import FEATURES, LIGAND_FEATURES
from pocketvox.hashing import file_hash
from pocketvox.inference.calibration import IDENTITY
from pocketvox.inference.discovery import check_discovery
from pocketvox.inference.domain import Domain, read_domain, write_domain
from pocketvox.json_file import read_json
from pocketvox.normalize import FLEXIBILITY, Normalizer

SCHEMA_VERSION = 1

WEIGHTS, OPENVINO, CONFIG, METADATA, CARD = (
    "model.weights.h5",
    "openvino/model.xml",
    "config.json",
    "metadata.json",
    "README.md",
)
#: The logit of what a constraint forbids, -1e9, is exactly 0 as a calibrated float32 probability with these.
LEAST_SLOPE, MOST_OFFSET = 1e-6, 500.0
#: Optional: :class:`pocketvox.inference.domain.Domain`, and the network in 8-bit integers.
DOMAIN, INT8 = "domain.h5", "openvino/int8.xml"


@dataclass(frozen=True)
class PresetConfig(Config):
    """How a network is to be run.

    Attributes
    ----------
    network : NetworkConfig
        With its features and channels by name.
    spacing : float
        Edge of a voxel (angstrom).
    task : str
        ``"pocket"``: a receptor in, its interaction map out. ``"complex"``: receptor and ligand in, map of the
        interactions that the ligand makes out.
    roi_size : int
        Longest edge of a tile (voxels), halo included.
    halo : int
        Voxels at each face of a tile that are computed but not kept.
    thresholds : dict of str to float
        Per channel, the probability with the best Jaccard index on validation data.
    calibration : dict of str to (slope, offset)
        Per channel, the line in log-odds that calibrates it; channels left out stay as they are.
    pockets : dict of str to float
        Settings of :class:`pocketvox.pockets.PocketConfig` chosen on validation data; those left out have defaults.
    discovery : dict of str to dict of str to float
        Per typed channel and false-discovery rate (as text, ``"0.5"``), the probability from which at most that share
        of hot-spots is false; see :func:`pocketvox.inference.discovery.discovery_thresholds`. Rates that no threshold
        reached on validation data are left out.
    normalizer : Normalizer, optional
        What gives the last feature, ``flexibility``, of a network that has it.
    hotspots : dict of str to float
        Settings of :class:`pocketvox.pockets.HotspotConfig` other than thresholds, as ``pockets``.
    """

    network: NetworkConfig
    spacing: float
    task: str = "pocket"
    roi_size: int = 80
    halo: int = 8
    thresholds: dict[str, float] = field(default_factory=dict)
    calibration: dict[str, tuple[float, float]] = field(default_factory=dict)
    pockets: dict[str, float] = field(default_factory=dict)
    discovery: dict[str, dict[str, float]] = field(default_factory=dict)
    normalizer: Normalizer | None = field(default=None, metadata={"added": True})
    hotspots: dict[str, float] = field(default_factory=dict, metadata={"added": True})

    def __post_init__(self):
        stride, channels = self.network.stride, self.network.channels
        if self.spacing <= 0:
            raise ConfigError(f"Expected spacing: a positive number. Received: {self.spacing}.")
        if self.roi_size % stride or self.halo % stride or not 0 <= 2 * self.halo < self.roi_size:
            raise ConfigError(
                f"Expected roi_size and halo: multiples of the network's stride {stride}, the halo less than half the "
                f"roi_size. Received: {self.roi_size} and {self.halo}."
            )
        task = "complex" if self.network.fusion else "pocket"
        if self.task != task:
            raise ConfigError(f"Expected task: {task!r}, that of the network. Received: {self.task!r}.")
        if (FLEXIBILITY in self.network.features) != (self.normalizer is not None):
            raise ConfigError(
                f"Expected a normalizer with the feature {FLEXIBILITY!r}, and none without. Received: "
                f"{'none' if self.normalizer is None else self.normalizer.method} with {self.network.features}."
            )
        unknown = [n for n in (*self.thresholds, *self.calibration, *self.discovery) if n not in channels]
        if unknown:
            raise ConfigError(f"Expected thresholds, calibration and discovery of {channels}. Received: {unknown}.")
        check_discovery(self.discovery)
        weak = {
            n: line for n, line in self.calibration.items() if not (line[0] >= LEAST_SLOPE and line[1] <= MOST_OFFSET)
        }
        if self.network.constraints and weak:
            raise ConfigError(
                f"Expected calibrations that keep what constraints forbid at 0: slopes from {LEAST_SLOPE}, offsets to "
                f"{MOST_OFFSET}. Received: {weak}."
            )


@dataclass(frozen=True)
class Preset:
    """A trained network on disk.

    Attributes
    ----------
    name : str
        Of its folder.
    folder : Path
    config : PresetConfig
    metadata : dict
        As in ``metadata.json``.
    """

    name: str
    folder: Path
    config: PresetConfig
    metadata: dict

    @property
    def channels(self) -> tuple[str, ...]:
        """Output channels, in order."""
        return self.config.network.channels

    @property
    def features(self) -> tuple[str, ...]:
        """Input features, in order."""
        return self.config.network.features

    @property
    def spacing(self) -> float:
        """Edge of a voxel (angstrom)."""
        return self.config.spacing

    @property
    def thresholds(self) -> dict[str, float]:
        """Per channel, the probability above which a voxel counts as predicted."""
        return self.config.thresholds

    @property
    def calibrated(self) -> bool:
        """Every core channel that it predicts, and ``ligand``, has been calibrated."""
        return not set(self.uncalibrated) & {*CORE, LIGAND}

    @property
    def uncalibrated(self) -> tuple[str, ...]:
        """Channels without a calibration, as those are of which validation proteins have no example."""
        return tuple(name for name in self.channels if tuple(self.config.calibration.get(name, IDENTITY)) == IDENTITY)

    @property
    def fingerprint(self) -> str:
        """sha256 (hexadecimal) over configuration and weights: equal for equal predictions."""
        return self.metadata["fingerprint"]

    def calibration(self) -> tuple[np.ndarray, np.ndarray]:
        """Slope and offset per channel, each of shape=(K,), dtype=float32."""
        lines = [self.config.calibration.get(name, IDENTITY) for name in self.channels]
        slope, offset = np.array(lines, np.float32).T
        return slope.copy(), offset.copy()

    @property
    def has_int8(self) -> bool:
        """Whether it has a network in 8-bit integers."""
        return INT8 in self.metadata["files"]

    def calibration_errors(self) -> dict[str, float]:
        """Expected calibration error by channel, as measured on test proteins; empty if it was not."""
        try:
            channels = self.metadata["metrics"]["first_numbers"]["maps"]["all ligands"]["channels"]
        except (KeyError, TypeError):
            return {}
        errors = {name: row["methods"]["pocketvox"].get("calibration_error") for name, row in channels.items()}
        return {name: float(error) for name, error in errors.items() if error is not None}

    def domain(self) -> Domain | None:
        """What its training pockets look like; None if the preset does not say."""
        return read_domain(self.folder / DOMAIN) if DOMAIN in self.metadata["files"] else None


def models_folder() -> Path:
    """Where presets lie: inside the installed package, or beside it in a source tree."""
    package = Path(__file__).resolve().parent.parent
    inside, beside = package / "models", package.parent / "models"
    return beside if not inside.is_dir() and beside.is_dir() else inside


def list_presets() -> list[dict]:
    """The presets at hand, oldest version first.

    Returns
    -------
    list of dict
        ``name``, ``task``, ``spacing``, ``channels``, ``fingerprint`` and ``folder`` of each, ``fdr``, the channels by
        level that ``pocketvox scan --fdr`` takes, and ``domain``, whether it gives ``domain_score``; JSON types.
    """
    presets = (_read(folder) for folder in _preset_folders())
    return [
        {
            "name": preset.name,
            "task": preset.config.task,
            "spacing": preset.spacing,
            "channels": list(preset.channels),
            "fdr": _levels(preset.config.discovery),
            "domain": DOMAIN in preset.metadata["files"],
            "fingerprint": preset.fingerprint,
            "folder": str(preset.folder),
        }
        for preset in presets
    ]


def _levels(discovery: dict[str, dict[str, float]]) -> dict[str, list[str]]:
    """Channels by level, lowest level first."""
    levels = sorted({level for thresholds in discovery.values() for level in thresholds}, key=float)
    return {level: [name for name, thresholds in discovery.items() if level in thresholds] for level in levels}


def load_preset(name_or_path: str | Path | None = None) -> Preset:
    """Open a preset and check it.

    Parameters
    ----------
    name_or_path : str or Path, optional
        Name of a shipped preset or path of a preset folder. The newest shipped one of the task ``pocket`` if not given.

    Raises
    ------
    ConfigError
        If there is no such preset, a file is missing or changed, or its features are not those this version computes.
    """
    preset = _read(_find(name_or_path))
    for name, expected in preset.metadata["files"].items():
        path = preset.folder / name
        received = file_hash(path) if path.is_file() else "no such file"
        if received != expected:
            raise ConfigError(
                f"Expected {path} with sha256 {expected}. Received: {received}. The preset is damaged: install it anew."
            )
    if preset.fingerprint != _fingerprint(preset.folder, preset.metadata["files"]):
        raise ConfigError(f"Expected {preset.folder / METADATA} to fit its configuration. Install the preset anew.")
    complex_ = preset.config.task == "complex"
    for received, computed in (
        (preset.features, _computed(preset.config)),
        (preset.config.network.descriptors, DESCRIPTORS if complex_ else ()),
    ):
        if received != computed:
            raise ConfigError(
                f"Expected a preset for {computed}, which pocketvox {__version__} computes. Received: {preset.folder} "
                f"for {received}. Use the version of pocketvox it was made with."
            )
    return preset


def _computed(config: PresetConfig) -> tuple[str, ...]:
    """The features that this version computes for such a preset."""
    if config.task == "complex":
        return FEATURES + LIGAND_FEATURES
    return FEATURES if config.normalizer is None else (*FEATURES, FLEXIBILITY)


def save_preset(
    folder: str | Path,
    config: PresetConfig,
    weights: str | Path,
    *,
    training: dict,
    metrics: dict,
    card: str,
    domain: Domain | None = None,
    samples: list[np.ndarray] | None = None,
) -> Preset:
    """Make a preset folder from trained weights; needs Keras on TensorFlow.

    Parameters
    ----------
    folder : str or Path
        Must not exist. It appears complete, or not at all.
    config : PresetConfig
    weights : str or Path
        ``.weights.h5`` file of the network in ``config``.
    training, metrics : dict
        Provenance and scores, of JSON types.
    card : str
        Text of the model card (Markdown).
    domain : Domain, optional
        From :func:`pocketvox.inference.domain.fit_domain`; without it pockets get no ``domain_score``.
    samples : list of ndarray, shape=(b, x, y, z, C), dtype=float32, optional
        Inputs of the network from training structures; with them the preset gets a network in 8-bit integers as well.

    Raises
    ------
    OutputError
        If the folder exists or cannot be written.
    ConfigError
        If the weights do not fit the configuration.
    MissingExtraError
        If samples are given and NNCF is not installed.
    """
    folder = check_new(folder)
    from pocketvox.network.export import export_openvino, load_network
    from pocketvox.network.quantize import quantize

    model = load_network(config.network, weights)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        made = Path(temporary) / folder.name
        (made / OPENVINO).parent.mkdir(parents=True)
        model.save_weights(str(made / WEIGHTS))
        export_openvino(model, made / OPENVINO)
        if samples is not None:
            cells = Path(temporary) / "cells.xml"
            export_openvino(model, cells, cells=True)
            quantize(cells, samples, made / INT8)
        _write_json(made / CONFIG, config.to_dict())
        (made / CARD).write_text(card, encoding="utf-8")
        if domain is not None:
            write_domain(made / DOMAIN, domain)
        _write_metadata(made, training, metrics)
        os.rename(made, folder)
    return load_preset(folder)


def check_new(folder: str | Path) -> Path:
    """The path of a preset folder to be made.

    Raises
    ------
    OutputError
        If it exists.
    """
    folder = Path(folder)
    if folder.exists():
        raise OutputError(
            f"Expected a new preset folder. Received: {folder}, which exists; presets are not overwritten."
        )
    return folder


def annotate_preset(folder: str | Path, *, metrics: dict, card: str) -> None:
    """Replace the scores and the model card of a preset: what is known about it, not what it is.

    Parameters
    ----------
    folder : str or Path
    metrics : dict
        Of JSON types.
    card : str
    """
    preset = _read(Path(folder))
    (preset.folder / CARD).write_text(card, encoding="utf-8")
    _write_metadata(preset.folder, preset.metadata["training"], metrics)


def _preset_folders() -> list[Path]:
    return sorted((path.parent for path in models_folder().glob(f"*/{CONFIG}")), key=by_version)


def by_version(folder: Path) -> list:
    """Sort key of preset folders that puts ``v10`` after ``v9``."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", folder.name)]


def _find(name_or_path: str | Path | None) -> Path:
    folders = _preset_folders()
    if name_or_path is None:
        pocket = (folder for folder in reversed(folders) if _read(folder).config.task == "pocket")
        newest = next(pocket, None)
        if newest is None:
            raise ConfigError(f"Expected a preset in {models_folder()}. Received: none. Install pocketvox anew.")
        return newest
    by_name = {folder.name: folder for folder in folders}
    if str(name_or_path) in by_name:
        return by_name[str(name_or_path)]
    if Path(name_or_path).is_dir():
        return Path(name_or_path)
    names = ", ".join(by_name) or "none"
    raise ConfigError(f"Expected a preset's name ({names}) or folder. Received: {name_or_path}.")


def _read(folder: Path) -> Preset:
    config = PresetConfig.from_file(folder / CONFIG)
    try:
        metadata = read_json(folder / METADATA)
        complete = metadata["schema_version"] == SCHEMA_VERSION and isinstance(metadata["fingerprint"], str)
        complete &= set(map(type, metadata["files"].values())) <= {str} and all(map(_is_inside, metadata["files"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"Expected {folder / METADATA}. Received: {error}. Install the preset anew.") from error
    if not complete:
        raise ConfigError(f"Expected files and fingerprint of schema {SCHEMA_VERSION} in {folder / METADATA}.")
    return Preset(folder.name, folder, config, metadata)


def _is_inside(name: str) -> bool:
    """Whether the name of a preset's file leads nowhere else."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _write_metadata(folder: Path, training: dict, metrics: dict) -> None:
    files = {str(path.relative_to(folder).as_posix()): file_hash(path) for path in _files(folder)}
    metadata = {
        "schema_version": SCHEMA_VERSION,
        "pocketvox": __version__,
        "fingerprint": _fingerprint(folder, files),
        "files": files,
        "training": training,
        "metrics": metrics,
    }
    _write_json(folder / METADATA, metadata)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != METADATA)


def _fingerprint(folder: Path, files: dict[str, str]) -> str:
    """Of the configuration as it stands in its file, so that settings added to later versions leave it as it is."""
    config = read_json(folder / CONFIG)
    return hashlib.sha256(f"{fingerprint(config)} {files.get(WEIGHTS)}".encode()).hexdigest()


def _write_json(path: Path, data: dict) -> None:
    path.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", encoding="utf-8")
