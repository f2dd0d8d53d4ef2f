"""Counts of data stores for the training report: structures, ligands, families, interaction points by type."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np

from data_prep.split import SPLITS
from pocketvox.channels import TYPED
from pocketvox.data.store import PSEUDO, Store, StoreItem

#: Structures read at a time.
AT_ONCE = 200
#: Families whose common share of the ligands is given.
LARGEST = 10


class Count:
    """Counts of the structures of one split.

    A structure belongs to the largest of its families, as it does when training samples are drawn.
    """

    def __init__(self) -> None:
        self.structures: list[tuple[tuple[str, ...], int]] = []
        self.points: Counter[int] = Counter()
        self.ligands: Counter[int] = Counter()

    def add(self, item: StoreItem) -> None:
        """Count a structure."""
        self.structures.append((item.clusters, len(item.ligand_names)))
        self.points.update(item.point_channel.tolist())
        pairs = np.unique(np.stack([item.point_group, item.point_channel.astype(int)]), axis=1)
        self.ligands.update(pairs[1].tolist())

    def result(self) -> dict:
        """Counts as JSON types.

        Returns
        -------
        dict
            ``structures``, ``ligands``, ``families``; ligands of the ``largest_family`` and of the ``ten_largest``; and
            per channel ``points`` and ``ligands`` that have one.
        """
        sizes: Counter[str] = Counter()
        for clusters, ligands in self.structures:
            sizes.update(dict.fromkeys(clusters, ligands))
        own: Counter[str] = Counter()
        for number, (clusters, ligands) in enumerate(self.structures):
            own[max(clusters, key=lambda c: (sizes[c], c), default=f"structure {number}")] += ligands
        largest = [n for _, n in own.most_common(LARGEST)]
        return {
            "structures": len(self.structures),
            "ligands": sum(ligands for _, ligands in self.structures),
            "families": len({c for clusters, _ in self.structures for c in clusters}),
            "largest_family": largest[0] if largest else 0,
            "ten_largest": sum(largest),
            "channels": {name: {"points": self.points[k], "ligands": self.ligands[k]} for k, name in enumerate(TYPED)},
        }


def count_store(path: Path) -> dict:
    """Counts of a store.

    Returns
    -------
    dict
        ``name`` of the file, ``kind`` (``"real"``, or ``"pseudo"`` if all its ligands are pieces of proteins),
        ``sha256`` and, for each split that it has, what :meth:`Count.result` gives.

    Raises
    ------
    InputError
        As :class:`~pocketvox.data.store.Store`.
    """
    store = Store(path)
    ids, counts, sources = store.ids(), {name: Count() for name in SPLITS}, set()
    for start in range(0, len(ids), AT_ONCE):
        for item in store.read(ids[start : start + AT_ONCE]):
            counts[item.split].add(item)
            sources.add(item.source)
    with open(path, "rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    return {
        "name": path.stem,
        "kind": "pseudo" if sources == {PSEUDO} else "real",
        "sha256": digest,
        "splits": {name: count.result() for name, count in counts.items() if count.structures},
    }
