"""Pocket success: is there a predicted pocket at each ligand? Every method is scored by the same function."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pocketvox.data.store import StoreItem
from pocketvox.errors import InputError
from pocketvox.metrics import dca_success

#: Pockets allowed beyond the number of ligands.
EXTRA = {"top_n": 0, "top_n_plus_2": 2}


@dataclass(frozen=True)
class Pockets:
    """Pocket centres of one structure by one method.

    Attributes
    ----------
    centers : ndarray, shape=(k, 3), dtype=float
        Best first (angstrom).
    seconds : float
        Wall-clock time, NaN if unknown.
    error : str
        Why the method gave nothing; such a structure counts as a failure.
    """

    centers: np.ndarray
    seconds: float = float("nan")
    error: str = ""


def read_fpocket(path: str | Path) -> dict[tuple[str, str], np.ndarray]:
    """Stored pockets of fpocket.

    Parameters
    ----------
    path : str or Path
        CSV with columns ``id, kind, rank, x, y, z`` (angstrom), as in the developer data.

    Returns
    -------
    dict of (id, kind) to ndarray, shape=(k, 3), dtype=float64
        Centres, best rank first.

    Raises
    ------
    InputError
        If the file is absent or a column is missing.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"Expected fpocket's pockets in {path}. Received: no such file.")
    rows = defaultdict(list)
    with path.open(newline="") as handle:
        reader = csv.DictReader(handle)
        missing = {"id", "kind", "rank", "x", "y", "z"} - set(reader.fieldnames or ())
        if missing:
            raise InputError(f"Expected the columns id, kind, rank, x, y, z in {path}. Missing: {sorted(missing)}.")
        for row in reader:
            rows[row["id"], row["kind"]].append((int(row["rank"]), *(float(row[axis]) for axis in "xyz")))
    return {key: np.array([centre for _, *centre in sorted(found)]) for key, found in rows.items()}


def score(items: list[StoreItem], pockets: dict[str, Pockets]) -> dict:
    """Success of one method, as JSON types.

    Parameters
    ----------
    items : list of StoreItem
        The structures with their ligands.
    pockets : dict of str to Pockets
        By structure id; a missing one counts as a failure.

    Returns
    -------
    dict
        ``top_n`` and ``top_n_plus_2``: the fraction found of all ``ligands``, its mean over ``structures``, and the
        mean over sequence ``clusters`` of the latter. ``failed``: structures without a prediction, with the reason.
    """
    found = {key: {} for key in EXTRA}
    failed = {}
    for item in items:
        prediction = pockets.get(item.id, Pockets(np.empty((0, 3)), error="no prediction"))
        if not len(prediction.centers):
            failed[item.id] = prediction.error or "no pocket"
        ligands = [item.ligand_coord[item.ligand_group == g] for g in range(len(item.ligand_names))]
        for key, extra in EXTRA.items():
            found[key][item.id] = dca_success(prediction.centers, ligands, extra=extra)
    return {
        "structures": len(items),
        "ligands": sum(len(item.ligand_names) for item in items),
        "clusters": len({item.clusters for item in items}),
        **{key: _rates(items, by_id) for key, by_id in found.items()},
        "failed": failed,
        "entries": {item.id: {key: found[key][item.id].tolist() for key in EXTRA} for item in items},
    }


def _rates(items: list[StoreItem], found: dict[str, np.ndarray]) -> dict[str, float]:
    families = defaultdict(list)
    for item in items:
        families[item.clusters].append(found[item.id].mean())
    return {
        "ligands": float(np.concatenate(list(found.values())).mean()) if found else float("nan"),
        "structures": float(np.mean([f.mean() for f in found.values()])) if found else float("nan"),
        "clusters": float(np.mean([np.mean(rates) for rates in families.values()])) if families else float("nan"),
    }
