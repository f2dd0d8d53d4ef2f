"""Interactions per pocket: as many as the map says, against as many as were detected in the complex.

A map is turned into a count by volume: its voxels at or above the threshold, inside the envelope, divided by the voxels
that one interaction point marks on average, which is taken from the validation split's labels.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from benchmarks import statistics
from pocketvox.channels import CHANNELS, ENVELOPE_RADIUS

#: Counts from here up are one category of the kappa statistic.
MANY = 4


def voxels_per_point(sites, name: str) -> float:
    """Labelled voxels of a channel over its interaction points; NaN without points."""
    points = sum(_detected(site, name) for site in sites)
    return sum(int(site.truth(name).sum()) for site in sites) / points if points else float("nan")


def count_agreement(chosen_on, sites, name: str, threshold: float) -> dict:
    """Bland-Altman limits and Cohen's kappa of the counts of a channel, map minus detection.

    Parameters
    ----------
    chosen_on, sites : sequence of SiteScores
        Of the validation split, and those that are scored.
    name : str
        Channel.
    threshold : float

    Returns
    -------
    dict
        ``n``, ``bias``, ``sd``, ``lower``, ``upper`` (interactions per pocket), ``kappa`` (linear weights, categories
        0 to 3 and more) and ``detected``, the mean number detected.
    """
    volume = voxels_per_point(chosen_on or sites, name)
    detected = np.array([_detected(site, name) for site in sites], float)
    predicted = np.array([(site.score(name) >= threshold).sum() for site in sites]) / volume
    out = statistics.bland_altman(predicted, detected)
    if np.isfinite(predicted).all():
        category = [np.minimum(np.rint(values).astype(int), MANY).tolist() for values in (predicted, detected)]
        out["kappa"] = statistics.cohen_kappa(*category, categories=range(MANY + 1), weights="linear")
    else:
        out["kappa"] = float("nan")
    return {**out, "detected": float(detected.mean()) if len(detected) else float("nan")}


def _detected(site, name: str) -> int:
    """Interaction points inside the envelope, of this or another ligand of the entry, as the labels have them."""
    sites = [other for other in site.entry.sites if other.role == site.site.role]
    points = np.concatenate([other.point_coord[other.point_channel == CHANNELS.index(name)] for other in sites])
    return int((cKDTree(site.site.coord).query(points)[0] <= ENVELOPE_RADIUS).sum()) if len(points) else 0
