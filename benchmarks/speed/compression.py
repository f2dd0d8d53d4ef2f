"""What compression gave: the newest preset with its default engine beside the network that it was cut out of.

Both see the same box around the bundled complex's ligand, on one thread, in turn. Accuracy is that of the benchmark's
stored results: test split, proteins without homology to the training data.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from benchmarks.score import RESULTS
from benchmarks.speed.rows import interleave, row, summary, timed
from pocketvox.channels import CORE
from pocketvox.commands.demo import STRUCTURE
from pocketvox.features import receptor_points
from pocketvox.inference import Preset, load_preset, make_engine
from pocketvox.inference.presets import INT8, OPENVINO, WEIGHTS
from pocketvox.structure import read_complex
from pocketvox.voxel import Grid, network_input

#: The preset whose network was compressed.
WHOLE = "pocketvox-2"
SIZE = 48


def measure(args: argparse.Namespace) -> list[dict]:
    """Rows of the table."""
    from pocketvox.network.threads import set_threads

    set_threads(1)
    whole, small = load_preset(WHOLE), load_preset()
    inputs = {preset.name: box(preset) for preset in (whole, small)}
    engines = {
        "keras": (make_engine(whole, "keras", 1), inputs[whole.name]),
        "float32": (make_engine(whole, "openvino", 1), inputs[whole.name]),
        "default": (make_engine(small, "auto", 1), inputs[small.name]),
    }
    times = interleave(
        {name: (lambda e=engine, x=x: timed(lambda: e(x))) for name, (engine, x) in engines.items()}, args.repeats
    )
    seconds = {name: float(np.median(found[:, 0])) for name, found in times.items()}
    bytes_ = {"whole": (whole.folder / WEIGHTS).stat().st_size, "default": engine_bytes(small)}
    title = f"{small.name} ({engines['default'][0].name})"
    before, after = (accuracy(preset.name) for preset in (whole, small))
    return [
        row(
            f"{title} beside {WHOLE} with Keras, float32", seconds["default"], seconds["keras"], unit="s",
            target="<= 0.2", details=f"{SIZE}^3 voxels, one thread; {summary(times['default'])}",
        ),
        row(
            f"{title} beside {WHOLE} with OpenVINO, float32", seconds["default"], seconds["float32"], unit="s",
            details=f"{SIZE}^3 voxels, one thread; {summary(times['float32'])}",
        ),
        row(
            f"engine file of {small.name} beside weights of {WHOLE}", bytes_["default"], bytes_["whole"], unit="bytes",
            target="<= 0.1667",
        ),
        row(
            f"headline Jaccard index that {small.name} loses", before["headline"] - after["headline"], unit="absolute",
            target="<= 0.01", of="ours", details=f"{before['headline']:.4f} to {after['headline']:.4f}, test split",
        ),
        row(
            "largest calibration error of a core channel", after["error"], before["error"], unit="absolute",
            target="<= 0.03", of="ours", details="pocket-map, test",
        ),
    ]  # fmt: skip


def box(preset: Preset) -> np.ndarray:
    """What the network sees around the bundled complex's ligand, shape=(1, n, n, n, C), dtype=float32."""
    complex_ = read_complex(STRUCTURE)
    points = receptor_points(complex_.receptor)
    grid = Grid.centred(complex_.ligands[0].coord.mean(axis=0), SIZE, preset.spacing)
    x = network_input(points.coord, points.features, points.radius, grid, preset.config.network)
    return np.asarray(x, np.float32)[None]


def engine_bytes(preset: Preset) -> int:
    """Of the files that the default engine loads."""
    path = preset.folder / (INT8 if preset.has_int8 else OPENVINO)
    return sum(p.stat().st_size for p in (path, path.with_suffix(".bin")))


def accuracy(name: str) -> dict[str, float]:
    """Headline Jaccard index and largest calibration error of the core channels."""
    scores = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["tracks"]["pocket-map"]
    errors = (scores["channels"][channel]["calibration_error"] for channel in CORE)
    return {
        "headline": scores["summary"]["headline"]["value"],
        "error": max(e["value"] if isinstance(e, dict) else e for e in errors),
    }
