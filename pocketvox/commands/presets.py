"""``pocketvox presets``: the trained models at hand."""

from __future__ import annotations

import argparse
import json

from pocketvox.commands.common import verb


def add_parser(parsers) -> None:
    """Declare the verb."""
    parser = verb(parsers, "presets", run, "List the trained models at hand.", "pocketvox presets --json")
    parser.add_argument("--json", action="store_true", help="print them as JSON")


def run(args: argparse.Namespace) -> int:
    """List presets: name, task, spacing, folder, channels, levels of ``--fdr``."""
    from pocketvox.inference import list_presets

    presets = list_presets()
    if args.json:
        print(json.dumps(presets, indent=2))
    else:
        for preset in presets:
            print(f"{preset['name']}: {preset['task']}, {preset['spacing']:g} A, {preset['folder']}")
            print(f"  {', '.join(preset['channels'])}")
            for level, channels in preset["fdr"].items():
                print(f"  --fdr {level}: {', '.join(channels)}")
        if not presets:
            print("none")
    return 0
