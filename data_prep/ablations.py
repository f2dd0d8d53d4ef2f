"""Train variants of one configuration: ``python -m data_prep.ablations FILE [NAME...] -o FOLDER [--logs FOLDER]``.

FILE is JSON: ``base``, a training configuration, and ``runs``, by name what each changes in it, nested likewise. The
run folder of a variant is ``FOLDER/NAME``; one that is complete is left alone, one that was interrupted goes on, and
an interruption (SIGINT, SIGTERM) ends the command. What the training report needs of each, ``config.json`` and
``log.jsonl``, is copied to ``--logs``.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
from pathlib import Path

from data_prep.command import command
from pocketvox.config import TrainConfig
from pocketvox.errors import ConfigError

log = logging.getLogger("ablations")


def read_runs(path: Path) -> dict[str, TrainConfig]:
    """Configuration of every variant, by name.

    Raises
    ------
    ConfigError
        If the file does not hold ``base`` and ``runs``, or a variant is no training configuration.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"Cannot read the variants {path}: {error}.") from error
    keys = ("base", "runs")
    if not isinstance(data, dict) or set(data) != set(keys) or not all(isinstance(data[key], dict) for key in keys):
        raise ConfigError(f"Expected the objects `base` and `runs` in {path}. Received: {json.dumps(data):.80}.")
    configs = {}
    for name, changes in data["runs"].items():
        if not isinstance(changes, dict):
            raise ConfigError(f"Expected an object of changed settings in {path}, {name}. Received: {changes!r:.60}.")
        try:
            configs[name] = TrainConfig.from_dict(merged(data["base"], changes))
        except ConfigError as error:
            raise ConfigError(f"{path}, {name}: {error}") from error
    return configs


def merged(base: dict, changes: dict) -> dict:
    """``base`` with ``changes``, dictionaries within both merged likewise."""
    both = {
        name: merged(base[name], changes[name]) for name in base.keys() & changes.keys() if _nested(base, changes, name)
    }
    return {**base, **changes, **both}


def _nested(base: dict, changes: dict, name: str) -> bool:
    return isinstance(base[name], dict) and isinstance(changes[name], dict)


@command
def main(argv: list[str] | None = None) -> int | None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m data_prep.ablations", description=__doc__.split("\n\n")[0])
    parser.add_argument("file", type=Path, metavar="FILE", help="JSON file with the variants")
    parser.add_argument("names", nargs="*", metavar="NAME", help="the only variants to train")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the run folders")
    parser.add_argument("--logs", type=Path, default=Path("data_prep/logs"), help="where logs are copied to")
    args = parser.parse_args(argv)
    configs = read_runs(args.file)
    unknown = sorted(set(args.names) - set(configs))
    if unknown:
        raise ConfigError(f"Expected some of {', '.join(configs)}. Received: {', '.join(unknown)}.")
    from pocketvox.network.train import train

    for name in args.names or configs:
        log.info("%s", name)
        train(configs[name], args.output / name)
        keep_logs(args.output / name, args.logs / name)
        if not complete(args.output / name, configs[name].epochs):
            log.info("stopped in %s; run the command again to go on", name)
            return 1
    return 0


def complete(run: Path, epochs: int) -> bool:
    """Whether the log of a run tells of all its epochs."""
    path = run / "log.jsonl"
    return path.is_file() and len(path.read_text(encoding="utf-8").splitlines()) >= epochs


def keep_logs(run: Path, out: Path) -> None:
    """Copy what tells how a run went."""
    out.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "log.jsonl"):
        if (run / name).exists():
            shutil.copyfile(run / name, out / name)


if __name__ == "__main__":
    sys.exit(main())
