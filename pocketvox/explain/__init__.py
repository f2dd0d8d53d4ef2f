"""Why the network predicts what it predicts: attributions to voxels, atoms and residues."""

from pocketvox.explain.explanation import METHODS, Explainer, Explanation
from pocketvox.explain.targets import Target, hotspot_target, pocket_target, point_target

__all__ = ["METHODS", "Explainer", "Explanation", "Target", "hotspot_target", "pocket_target", "point_target"]
