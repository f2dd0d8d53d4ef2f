"""pocketvox: typed interaction maps of binding pockets from protein structures.

The names below are imported when first used, so that ``import pocketvox`` costs nothing and never imports TensorFlow.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_PUBLIC = {
    "CHANNELS": "pocketvox.channels",
    "PocketvoxError": "pocketvox.errors",
    "Structure": "pocketvox.structure.atoms",
    "Complex": "pocketvox.structure.atoms",
    "read_structure": "pocketvox.structure",
    "read_complex": "pocketvox.structure",
    "find_interactions": "pocketvox.interactions",
    "receptor_points": "pocketvox.features",
    "Grid": "pocketvox.voxel",
    "Volume": "pocketvox.voxel",
    "voxelize": "pocketvox.voxel",
    "label_volume": "pocketvox.voxel",
    "load_preset": "pocketvox.inference",
    "load_predictor": "pocketvox.inference",
    "scan": "pocketvox.pipeline",
    "score_poses": "pocketvox.poses",
    "compare": "pocketvox.comparison",
    "Result": "pocketvox.report",
    "Pocket": "pocketvox.pockets",
    "Hotspot": "pocketvox.pockets",
    "write_result": "pocketvox.report",
    "scan_trajectory": "pocketvox.motion",
}

__all__ = ["__version__", *_PUBLIC]

if TYPE_CHECKING:
    from pocketvox.channels import CHANNELS as CHANNELS
    from pocketvox.comparison import compare as compare
    from pocketvox.errors import PocketvoxError as PocketvoxError
    from pocketvox.features import receptor_points as receptor_points
    from pocketvox.inference import load_predictor as load_predictor
    from pocketvox.inference import load_preset as load_preset
    from pocketvox.interactions import find_interactions as find_interactions
    from pocketvox.motion import scan_trajectory as scan_trajectory
    from pocketvox.pipeline import scan as scan
    from pocketvox.pockets import Hotspot as Hotspot
    from pocketvox.pockets import Pocket as Pocket
    from pocketvox.poses import score_poses as score_poses
    from pocketvox.report import Result as Result
    from pocketvox.report import write_result as write_result
    from pocketvox.structure import read_complex as read_complex
    from pocketvox.structure import read_structure as read_structure
    from pocketvox.structure.atoms import Complex as Complex
    from pocketvox.structure.atoms import Structure as Structure
    from pocketvox.voxel import Grid as Grid
    from pocketvox.voxel import Volume as Volume
    from pocketvox.voxel import label_volume as label_volume
    from pocketvox.voxel import voxelize as voxelize


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'pocketvox' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
