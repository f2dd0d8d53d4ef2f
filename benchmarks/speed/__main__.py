"""``python -m benchmarks.speed [PART ...] -o speed.json [--update-docs]``: measure; make the table of docs/speed.md.

Without a part all are measured. Rows of parts that are not measured stay in the file as they are.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from importlib import import_module
from pathlib import Path

from benchmarks.environment import environment
from benchmarks.speed import table
from pocketvox.errors import PocketvoxError

#: Name on the command line and module of every part, in the order of the table.
PARTS = {
    "voxelizer": "benchmarks.speed.voxelizer",
    "interactions": "benchmarks.speed.interactions",
    "scan": "benchmarks.speed.scan",
    "poses": "benchmarks.speed.poses",
    "scale": "benchmarks.speed.scale",
    "compression": "benchmarks.speed.compression",
    "training": "benchmarks.speed.training",
}
#: Packages whose versions are recorded, if installed.
PACKAGES = ("numba", "keras", "tensorflow")

log = logging.getLogger("benchmarks")


def build_parser() -> argparse.ArgumentParser:
    """Common options and those of the parts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__.split("\n\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="JSON file to write or to add to")
    parser.add_argument("--repeats", type=int, default=31, help="runs of each of a pair (default: %(default)s)")
    parser.add_argument("--update-docs", action="store_true", help="put the table into docs/speed.md")
    for module in PARTS.values():
        loaded = import_module(module)
        if hasattr(loaded, "add_arguments"):
            loaded.add_arguments(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command line; exit codes 0 (done), 1 (something needed is missing or broken), 2 (usage)."""
    logging.basicConfig(level=logging.INFO, format="benchmarks: %(message)s", stream=sys.stderr)
    argv = sys.argv[1:] if argv is None else argv
    parser = build_parser()
    args = parser.parse_args(argv)
    unknown = [part for part in args.parts if part not in PARTS]
    if unknown:
        parser.error(f"expected parts of {', '.join(PARTS)}; received: {', '.join(unknown)}")
    stored = json.loads(args.output.read_text(encoding="utf-8")) if args.output.is_file() else {}
    try:
        for part in args.parts or PARTS:
            log.info("measuring: %s", part)
            module = import_module(PARTS[part])
            rows = module.measure(args)
            options = f"--repeats {args.repeats} {getattr(module, 'OPTIONS', '')}".rstrip()
            command = f"python -m benchmarks.speed {part} -o speed.json {options}"
            for row in rows:
                row.setdefault("command", command)
            load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
            stored[part] = {**environment(*PACKAGES), "load": load, "repeats": args.repeats, "rows": rows}
    except PocketvoxError as error:
        print(f"benchmarks: error: {error}", file=sys.stderr)
        return 1
    stored = {part: stored[part] for part in PARTS if part in stored}
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    text = table.markdown(stored)
    print(text)
    if args.update_docs:
        table.update(table.DOCUMENT, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
