"""Check a data store: ``python -m data_prep.verify STORE``. Exit code 1 if anything is wrong."""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
from scipy.spatial import cKDTree

from data_prep.split import SPLITS, leaks
from pocketvox.channels import LABEL_RADIUS, TYPED
from pocketvox.data.store import Store, StoreItem
from pocketvox.errors import PocketvoxError


def problems(items: list[StoreItem]) -> list[str]:
    """Everything that breaks the contract of a store, one line each."""
    found = [f"cluster {c} is in {sorted(s)}" for c, s in leaks((i.split, i.clusters) for i in items).items()]
    if not items:
        found.append("the store is empty")
    for item in items:
        if item.split not in SPLITS:
            found.append(f"{item.id}: split {item.split!r} is none of {SPLITS}")
        if not item.clusters:
            found.append(f"{item.id}: no sequence cluster, so a leak would not show")
        if not len(item.ligand_coord):
            found.append(f"{item.id}: no ligand")
            continue
        distance = [0.0]
        for group in np.unique(item.point_group):
            ligand = item.ligand_coord[item.ligand_group == group]
            if not len(ligand):
                found.append(f"{item.id}: an interaction point belongs to no ligand")
                continue
            distance.append(cKDTree(ligand).query(item.point_coord[item.point_group == group])[0].max())
        if max(distance) > 2 * LABEL_RADIUS:
            found.append(f"{item.id}: an interaction point lies {max(distance):.1f} A from its ligand")
    return found


def summary(items: list[StoreItem]) -> str:
    """Counts per split: structures, ligands, clusters, interaction points per channel."""
    lines = []
    for split in SPLITS:
        chosen = [i for i in items if i.split == split]
        points = Counter(TYPED[c] for i in chosen for c in i.point_channel)
        lines.append(
            f"{split}: {len(chosen)} structures, {sum(len(i.ligand_names) for i in chosen)} ligands, "
            f"{len({c for i in chosen for c in i.clusters})} clusters; "
            + ", ".join(f"{name} {points[name]}" for name in TYPED)
        )
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Command line; see the module docstring."""
    argv = sys.argv[1:] if argv is None else argv
    if len(argv) != 1:
        sys.stderr.write("usage: python -m data_prep.verify STORE\n")
        return 2
    try:
        store = Store(argv[0])
        items = store.load()
    except PocketvoxError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    found = problems(items)
    sys.stdout.write(summary(items) + "\n" + "".join(f"PROBLEM {line}\n" for line in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
