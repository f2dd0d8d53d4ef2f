"""Train, validation and test by sequence cluster: no cluster is ever in two splits."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable

SPLITS = ("train", "val", "test")


def assign(clusters: Iterable[str], fractions: dict[str, float] | None = None) -> dict[str, str]:
    """Split of each cluster, from a hash of its name: stable when clusters are added.

    Parameters
    ----------
    clusters : iterable of str
    fractions : dict, optional
        Share of the clusters of ``val`` and ``test``; the rest trains.
    """
    fractions = fractions or {"val": 0.05, "test": 0.1}
    result = {}
    for cluster in clusters:
        position = int.from_bytes(hashlib.sha256(cluster.encode()).digest()[:8], "big") / 2**64
        if position < fractions["test"]:
            result[cluster] = "test"
        elif position < fractions["test"] + fractions["val"]:
            result[cluster] = "val"
        else:
            result[cluster] = "train"
    return result


def leaks(members: Iterable[tuple[str, Iterable[str]]]) -> dict[str, set[str]]:
    """Clusters found in more than one split: {cluster: splits}.

    Parameters
    ----------
    members : iterable of (split, clusters)
        One per structure.
    """
    seen: dict[str, set[str]] = defaultdict(set)
    for split, clusters in members:
        for cluster in clusters:
            seen[cluster].add(split)
    return {cluster: splits for cluster, splits in seen.items() if len(splits) > 1}
