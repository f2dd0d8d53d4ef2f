"""What the training report is made from: logs of runs, declared tables, counts, presets and results. Only read.

``data_prep/logs`` holds a folder per training run with its ``config.json`` and ``log.jsonl``, and

* ``experiments.json``: ``preset`` (the released one), ``card`` (what its model card began with), ``release`` (further
  options of the command that made it), ``stages`` (its runs in order, each ``{run, config}``; optionally ``before``,
  the command that makes what it starts from), ``few_voxels`` (below so many positive voxels nothing is said of a
  channel), ``tables`` (each ``{key, title, question, runs}`` with ``runs`` of ``{run, label, note}``; optionally
  ``axis``, a setting such as ``data_fraction`` that becomes a column and a plot, and ``measurements``) and
  ``measurements`` (each ``{label, value, command}``; ``value`` is a number, a text, or an object of them, whose names
  become columns);
* ``data.json``: counts, from ``python -m data_prep.report --count``;
* ``limits.md``; and, if they were measured, ``directions.json`` (:mod:`data_prep.directions`), ``trust.json``
  (:mod:`data_prep.trust`), ``explanations.json`` (:mod:`data_prep.explanations`), ``normalization.json``
  (:mod:`data_prep.normalization`) and ``pareto.json`` (:mod:`data_prep.pareto`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from pocketvox.channels import CORE
from pocketvox.config import TrainConfig
from pocketvox.data.batches import VALIDATION_SEED, validation_sampling
from pocketvox.errors import InputError

LOGS, MODELS, RESULTS = Path("data_prep/logs"), Path("models"), Path("benchmarks/results")
#: Settings on which the fixed validation crops depend: only runs that share them all have comparable scores.
CROPS = ("store", "val_crops", "seed")
CROPS_SAMPLING = ("crop_size", "spacing", "surface_fraction", "cluster_power", "ignored_radius")
#: Configurations older than this setting are of runs whose own seed and sampling decided on their validation crops.
COMMON_CROPS_SINCE = "data_fraction"


@dataclass(frozen=True)
class Run:
    """A training run: its configuration and one record per finished epoch, as in ``log.jsonl``.

    ``own_crops``: it was validated on crops of its own, not on those of all runs; see :data:`COMMON_CROPS_SINCE`.
    """

    name: str
    config: TrainConfig
    epochs: tuple[dict, ...]
    own_crops: bool = False

    @property
    def best(self) -> dict:
        """The epoch whose weights are kept: the first of those with the best validation score."""
        return max(self.epochs, key=lambda record: record["val_score"])

    @property
    def steps(self) -> int:
        """Optimizer steps in finished epochs."""
        return len(self.epochs) * self.config.steps_per_epoch

    @property
    def best_steps(self) -> int:
        """Optimizer steps until the epoch with the best score."""
        return self.best["epoch"] * self.config.steps_per_epoch

    @property
    def kept_steps(self) -> int:
        """Optimizer steps until the weights that are kept: the best, or the last of a run that ends early."""
        return self.config.stop_after or self.best_steps

    @property
    def seconds_per_step(self) -> float:
        """Median over epochs: the first one also compiles."""
        return median(record["seconds_per_step"] for record in self.epochs)

    @property
    def hours(self) -> float:
        """Of training, without validation."""
        return sum(record["seconds_per_step"] for record in self.epochs) * self.config.steps_per_epoch / 3600

    @property
    def parent(self) -> str:
        """Name of the run whose weights it began with; empty if it began at random."""
        return Path(self.config.initial_weights).parent.name

    @property
    def validated(self) -> TrainConfig:
        """The configuration with the seed and the sampling that its validation crops were drawn with."""
        if self.own_crops:
            return self.config
        return replace(self.config, seed=VALIDATION_SEED, sampling=validation_sampling(self.config))

    @property
    def validation(self) -> tuple:
        """What its validation crops depend on; equal for runs that were validated on the same ones."""
        config = self.validated
        return (
            *(getattr(config, name) for name in CROPS),
            *(getattr(config.sampling, name) for name in CROPS_SAMPLING),
        )


@dataclass(frozen=True)
class Inputs:
    """Everything the report is made from; ``None`` or empty for what is not there.

    Attributes
    ----------
    runs : dict of str to Run
    experiments : dict
    data : dict or None
    presets, results : dict of str to dict
        Metadata of presets and results of the benchmark, by name.
    directions, trust, explanations, normalization, pareto : dict or None
    limits : str
    """

    runs: dict[str, Run]
    experiments: dict
    data: dict | None
    presets: dict[str, dict]
    results: dict[str, dict]
    directions: dict | None
    trust: dict | None
    explanations: dict | None
    normalization: dict | None
    pareto: dict | None
    limits: str


def read_inputs(root: Path) -> Inputs:
    """Everything below a source tree.

    Raises
    ------
    InputError
        If a file is malformed, or files contradict each other.
    """
    logs = root / LOGS
    experiments = read_json(logs / "experiments.json")
    _check_experiments(experiments, logs / "experiments.json")
    names = ("data", "directions", "trust", "explanations", "normalization", "pareto")
    optional = {name: logs / f"{name}.json" for name in names}
    results = (read_json(path) for path in sorted((root / RESULTS).glob("*.json")))
    inputs = Inputs(
        runs={path.parent.name: read_run(path.parent) for path in sorted(logs.glob("*/log.jsonl"))},
        experiments=experiments,
        presets={path.parent.name: read_json(path) for path in sorted((root / MODELS).glob("*/metadata.json"))},
        results={result["method"]["name"]: result for result in results},
        limits=(logs / "limits.md").read_text(encoding="utf-8").strip() if (logs / "limits.md").is_file() else "",
        **{name: read_json(path) if path.is_file() else None for name, path in optional.items()},
    )
    _check_stages(inputs, root)
    return inputs


def read_run(folder: Path) -> Run:
    """The run of a folder with ``config.json`` and ``log.jsonl``.

    Raises
    ------
    InputError
        If its epochs are not numbered from 1 without a gap, or one lacks a number.
    """
    config = TrainConfig.from_file(folder / "config.json")
    path = folder / "log.jsonl"
    try:
        epochs = tuple(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
        numbers = [record["epoch"] for record in epochs]
        for record in epochs:
            for name in ("loss", "val_loss", "val_score", "seconds_per_step", *(f"ap_{channel}" for channel in CORE)):
                if not math.isfinite(record[name]):
                    raise InputError(f"Expected finite {name} in {path}. Received: {record[name]}. Train it again.")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"Expected one complete record per epoch in {path}. Received: {error!r}.") from error
    if not epochs or numbers != list(range(1, len(epochs) + 1)):
        raise InputError(f"Expected epochs 1, 2, ... in {path}. Received: {numbers}. Copy the log of one run.")
    return Run(folder.name, config, epochs, COMMON_CROPS_SINCE not in read_json(folder / "config.json"))


def read_json(path: Path) -> dict:
    """An object from a JSON file.

    Raises
    ------
    InputError
        If it cannot be read or is none.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"Expected JSON in {path}. Received: {error}.") from error
    if not isinstance(value, dict):
        raise InputError(f"Expected an object in {path}. Received: {value!r:.60}.")
    return value


def chain(run: Run, runs: dict[str, Run]) -> list[Run]:
    """The runs whose weights a run goes back to, the first one first, and the run itself; only those with a log."""
    out = [run]
    while (parent := runs.get(out[0].parent)) is not None and parent not in out:
        out.insert(0, parent)
    return out


def _check_experiments(value: dict, path: Path) -> None:
    _only(value, ("preset", "card", "stages", "few_voxels", "tables", "measurements"), ("release",), str(path))
    for stage in value["stages"]:
        _only(stage, ("run", "config"), ("before",), f"{path}, stages")
    keys = [table.get("key") for table in value["tables"]]
    if len(set(keys)) < len(keys):
        raise InputError(f"Expected tables of different keys in {path}. Received: {keys}.")
    for table in value["tables"]:
        where = f"{path}, table {table.get('key')!r}"
        _only(table, ("key", "title", "question", "runs"), ("axis", "measurements"), where)
        for row in table["runs"]:
            _only(row, ("run", "label", "note"), (), where)
        for row in table.get("measurements", ()):
            _only(row, ("label", "value", "command"), (), where)
    for row in value["measurements"]:
        _only(row, ("label", "value", "command"), (), f"{path}, measurements")


def _only(value: dict, required: Iterable[str], optional: Iterable[str], where: str) -> None:
    missing, unknown = set(required) - set(value), set(value) - {*required, *optional}
    if missing or unknown:
        wanted, found = ", ".join((*required, *optional)), ", ".join(sorted(value))
        raise InputError(f"Expected {wanted} in {where}. Received: {found}.")


def _check_stages(inputs: Inputs, root: Path) -> None:
    """The logs of the stages, the configurations to reproduce them and the preset tell of the same training."""
    name, stages = inputs.experiments["preset"], inputs.experiments["stages"]
    if name not in inputs.presets:
        raise InputError(f"Expected the preset {name!r} in {root / MODELS}. Received: {', '.join(inputs.presets)}.")
    for stage in stages:
        if stage["run"] not in inputs.runs:
            raise InputError(f"Expected the log of run {stage['run']!r}, a stage of {name}, in {root / LOGS}.")
        run = inputs.runs[stage["run"]].config.to_dict()
        config = TrainConfig.from_file(root / stage["config"]).to_dict()
        config["network"]["features"] = config["network"]["features"] or run["network"]["features"]
        _same(config, run, stage["config"], f"{LOGS}/{stage['run']}/config.json")
    trained = inputs.presets[name]["training"]["config"]
    last = stages[-1]["run"]
    _same(
        TrainConfig.from_dict(trained).to_dict(),
        inputs.runs[last].config.to_dict(),
        f"{MODELS}/{name}/metadata.json",
        f"{LOGS}/{last}/config.json",
    )
    scored, made = inputs.results.get(name), inputs.presets[name]["fingerprint"]
    if scored and scored["method"]["fingerprint"] != made:
        received = scored["method"]["fingerprint"]
        raise InputError(f"Expected results of {name} with fingerprint {made}. Received: {received}. Score it again.")


def _same(one: dict, other: dict, here: str, there: str) -> None:
    differing = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    if differing:
        raise InputError(f"Expected the same training in {here} and {there}. Received: other {', '.join(differing)}.")
