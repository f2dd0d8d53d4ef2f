"""What bundled structures gave when goldens.json was written: ``python tests/goldens.py`` writes it anew.

Anything that changes these numbers changes what users get: chemistry, voxels, network, pockets. Write them anew only
for a change that was meant, and say in the commit what changed and why.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pocketvox.channels import CHANNELS  # noqa: E402
from pocketvox.features import FEATURES, receptor_points  # noqa: E402
from pocketvox.interactions import find_interactions  # noqa: E402
from pocketvox.pipeline import prepare, scan  # noqa: E402
from pocketvox.structure import read_complex  # noqa: E402
from pocketvox.voxel import voxelize  # noqa: E402

GOLDENS = Path(__file__).with_suffix(".json")
STRUCTURES = {
    "1hvr": ROOT / "pocketvox" / "demo" / "1hvr.pdb.gz",
    "1orc": ROOT / "tests" / "data" / "1orc.pdb.gz",
    "4cup": ROOT / "tests" / "data" / "4cup.cif.gz",
    "1pfe": ROOT / "tests" / "data" / "1pfe.cif.gz",
}


def golden(path: Path) -> dict:
    """Interactions of each type, sums of the network's inputs, pockets and hot-spots of a structure."""
    prepared = prepare(path, spacing=0.75)
    points = receptor_points(prepared.receptor)
    inputs = voxelize(points.coord, points.features, points.radius, prepared.grid, FEATURES)
    sums = np.asarray(inputs.values, float).sum(axis=(0, 1, 2))
    found = find_interactions(read_complex(path))
    result = scan(path)
    return {
        "atoms": len(prepared.receptor),
        "interactions": dict(sorted(Counter(CHANNELS[k] for k in found.channel).items())),
        "inputs": {name: round(float(value), 4) for name, value in zip(FEATURES, sums, strict=True)},
        "pockets": [[round(float(v), 3) for v in (*p.center, p.probability)] for p in result.pockets],
        "hotspots": [[h.type, *(round(float(v), 3) for v in (*h.coord, h.probability))] for h in result.hotspots],
    }


if __name__ == "__main__":
    goldens = {name: golden(path) for name, path in STRUCTURES.items()}
    GOLDENS.write_text(json.dumps(goldens, indent=1) + "\n", encoding="utf-8")
