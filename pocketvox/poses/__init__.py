"""Posed molecules against the map of a protein: how well each atom meets what the pocket offers."""

from pocketvox.poses.read import Pose, pose_of, read_poses
from pocketvox.poses.roles import Roles, ligand_roles
from pocketvox.poses.score import PoseScore, PoseScorer
from pocketvox.poses.source import read_result, score_poses

__all__ = [
    "Pose",
    "PoseScore",
    "PoseScorer",
    "Roles",
    "ligand_roles",
    "pose_of",
    "read_poses",
    "read_result",
    "score_poses",
]
