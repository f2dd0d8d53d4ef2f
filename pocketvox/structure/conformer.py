"""One conformer out of alternate locations: the highest occupancy, ties by letter."""

from __future__ import annotations

import numpy as np

from .table import AtomTable


def choose_conformer(table: AtomTable) -> np.ndarray:
    """Rows of one conformer.

    Each residue position takes the residue type and then the letter with the highest mean occupancy; atoms that the
    chosen letter lacks come from the letter that has them, again by occupancy.

    Parameters
    ----------
    table : AtomTable
        Atoms of one model.

    Returns
    -------
    ndarray, shape=(n,), dtype=bool
        Rows to keep. An atom listed twice under one letter is kept once.
    """
    keep = np.ones(len(table), bool)
    disordered = table.altloc != ""
    if not disordered.any():
        return keep
    site = table.site()
    order = np.argsort(site, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(site[order])) + 1):
        if disordered[rows].any():
            keep[rows] = _choose_in_residue(table, rows)
    return keep


def _choose_in_residue(table: AtomTable, rows: np.ndarray) -> np.ndarray:
    name, altloc, occupancy = table.name[rows], table.altloc[rows], table.occupancy[rows]
    keep = np.ones(len(rows), bool)
    kinds = list(dict.fromkeys(table.res_name[rows]))
    if len(kinds) > 1:  # two residue types modelled at one position
        means = [(-occupancy[table.res_name[rows] == k].mean(), i) for i, k in enumerate(kinds)]
        keep &= table.res_name[rows] == kinds[min(means)[1]]
    letters = sorted(set(altloc[keep]) - {""})
    if not letters:
        return keep
    rank = sorted(letters, key=lambda a: (-round(float(occupancy[keep & (altloc == a)].mean()), 4), a))
    priority = {"": -1} | {letter: i for i, letter in enumerate(rank)}
    best: dict[str, tuple[int, float, int]] = {}
    for i in np.flatnonzero(keep):
        first = 0 if altloc[i] in ("", rank[0]) else 1
        key = (first, -float(occupancy[i]), priority[altloc[i]], int(i))
        if name[i] not in best or key < best[name[i]]:
            best[name[i]] = key
    keep[:] = False
    keep[[key[-1] for key in best.values()]] = True
    return keep
