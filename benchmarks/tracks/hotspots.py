"""Where atoms of fragments and leads rank in the whole map of their protein: the protocol of Fragment Hotspot Maps.

Set ``pairs``: 21 fragments and the leads grown from them. Each ligand is scored in its own structure (holo), and both
in the apo structure of the target, which lies in the same frame.

**Whole map.** Voxels of the grid of 0.75 A around the receptor whose centre is more than 2.5 A from every heavy atom of
the receptor (nearer than that, hardly a ligand's heavy atom fits) and at most 6 A from one. The set depends on the
receptor only and is the same for every method.

**Value.** The joint value: typed channel times ``ligand`` channel. A method without ``ligand`` is ranked by the typed
channel itself, a method of nothing but ``ligand`` by that.

**Matching channel.** Donors: ``hbond_donor``; acceptors: ``hbond_acceptor``; hydrophobic atoms, aromatic or not:
``hydrophobic``; an atom of several roles: the highest of its percentiles. ``pi_stacking`` is left out: its points are
centroids, not atoms, and Fragment Hotspot Maps have the same three types. Atoms without a role (carbons bonded to
hetero atoms, halogens) are left out and counted; ``all_atoms_*`` takes them as hydrophobic, as the published code does.

**Percentile.** Of the value interpolated at the atom, among the values of the same channel on the whole map; ties count
half (a constant map gives 50). Medians are over the atoms of all ligands, intervals over sequence clusters.

**Controls.** ``shuffled_*``: every atom by the channel of another type (:data:`SHUFFLED`). ``specificity``: fraction of
atoms of a single role that rank higher in the matching channel than in both others, a tie shared between those that
tie (as where all values are 0): 1/3 is chance. Both see what a map knows of types beyond where a ligand binds.

Entries that a method failed on or lacks: 0 for percentiles and specificity of every atom. Ceilings are scored on the
entries they have.

References
----------
Radoux et al., J. Med. Chem. 59, 4314-4325 (2016), doi:10.1021/acs.jmedchem.5b01980. Apolar as the type of what is
neither donor nor acceptor: https://github.com/prcurran/hotspots.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks import statistics
from benchmarks.entries import PAIRS, Benchmark, Entry, Site
from benchmarks.submissions.submission import Submission
from benchmarks.tracks.envelopes import SPACING
from benchmarks.tracks.pocket_map import is_partial
from pocketvox.channels import CHANNELS, LIGAND
from pocketvox.voxel import Grid
from pocketvox.voxel.labels import within

VERSION = 1
TYPES = ("hbond_donor", "hbond_acceptor", "hydrophobic")
#: The channel that stands in for each type in the shuffled control.
SHUFFLED = {"hbond_donor": "hydrophobic", "hydrophobic": "hbond_acceptor", "hbond_acceptor": "hbond_donor"}
#: The whole map lies between these distances from the nearest heavy atom of the receptor (angstrom).
INNER, OUTER = 2.5, 6.0
#: Role points this near to an atom are the atom's (angstrom).
SAME = 1e-3
PUBLISHED = {
    "method": "Fragment Hotspot Maps",
    "fragments": 97.0,
    "leads": 72.0,
    "source": "Radoux et al., J. Med. Chem. 59, 4314-4325 (2016), doi:10.1021/acs.jmedchem.5b01980",
    "note": "The same 21 pairs; grid, atom types and what counts as the whole map are their own. Compare with care.",
}


@dataclass(frozen=True)
class AtomRanks:
    """How the heavy atoms of one ligand rank in the map of one receptor.

    Attributes
    ----------
    entry : Entry
    site : Site
    voxels, reached : int
        Size of the whole map, and how much of it the method's maps reach; elsewhere they count as 0.
    failed : bool
        The method has no map here.
    roles : ndarray, shape=(n, len(TYPES)), dtype=bool
        What each atom could do.
    percentile : ndarray, shape=(n, len(TYPES)), dtype=float64
        In each channel, from 0 to 100.
    silent : ndarray, shape=(n,), dtype=bool
        The value is 0 in every channel: whose percentile is highest says how many zeros the channel has, not more.
    """

    entry: Entry
    site: Site
    voxels: int
    reached: int
    failed: bool
    roles: np.ndarray
    percentile: np.ndarray
    silent: np.ndarray

    def matching(self, all_atoms: bool = False) -> np.ndarray:
        """Percentile in the matching channel of each atom with a role, or of all atoms, shape=(k,)."""
        roles = self.roles.copy()
        if all_atoms:
            roles[~roles.any(axis=1), TYPES.index("hydrophobic")] = True
        return _highest(roles, self.percentile)

    def shuffled(self) -> np.ndarray:
        """Percentile of each atom with a role in the channel of another type, shape=(k,)."""
        wrong = np.zeros_like(self.roles)
        for k, name in enumerate(TYPES):
            wrong[:, TYPES.index(SHUFFLED[name])] |= self.roles[:, k]
        return _highest(wrong & ~self.roles, self.percentile)

    def specific(self) -> np.ndarray:
        """Whether the matching channel ranks highest, of atoms of a single role, shape=(k,); 1/2 or 1/3 for ties."""
        single = self.roles.sum(axis=1) == 1
        percentile, roles = self.percentile[single], self.roles[single]
        top = (percentile == percentile.max(axis=1, keepdims=True)) | self.silent[single, None]
        return np.where((top & roles).any(axis=1), 1 / top.sum(axis=1), 0.0) * (not self.failed)


def score(benchmark: Benchmark, submission: Submission, entries: Iterable[str] | None = None) -> dict | None:
    """Score a submission.

    Parameters
    ----------
    benchmark : Benchmark
    submission : Submission
    entries : iterable of str, optional
        Ids of the only entries to score; the whole set by default.

    Returns
    -------
    dict or None
        JSON types, as benchmarks/README.md describes them. None if the benchmark has no pairs, the submission lacks a
        type and ``ligand`` too, or it is a ceiling that leaves all pairs out.
    """
    given = submission.info.get("channels", ())
    chosen = benchmark.entries(PAIRS)
    if entries is not None:
        wanted = set(entries)
        chosen = [entry for entry in chosen if entry.id in wanted]
    if is_partial(submission):
        chosen = [entry for entry in chosen if not _failed(submission, entry)]
    if not chosen or not (LIGAND in given or set(TYPES) <= set(given)):
        return None
    ranks = [ligand for entry in chosen for ligand in rank_entry(entry, submission)]
    return {
        "version": VERSION,
        "partial": is_partial(submission),
        "pairs": len({r.entry.pair for r in ranks}),
        "pairs_free": len({r.entry.pair for r in ranks if r.entry.homology_free}),
        "clusters": len({r.entry.clusters for r in ranks}),
        "published": PUBLISHED,
        "summary": _summary(ranks, "") | _summary([r for r in ranks if r.entry.homology_free], "_free"),
        "failed": sorted({r.entry.id for r in ranks if r.failed}),
        "entries": [_row(r) for r in ranks],
    }


def whole_map(entry: Entry) -> np.ndarray:
    """Centres of the voxels that values are ranked among (angstrom), shape=(n, 3), dtype=float64."""
    coord = entry.atoms.coord[entry.atoms.heavy]
    grid = Grid.around(coord, OUTER, SPACING)
    return grid.to_coord(np.argwhere(within(coord, grid, OUTER) & ~within(coord, grid, INNER)))


def map_values(
    submission: Submission, id: str, coord: np.ndarray, channels: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Joint and conditional values of an entry's maps at any positions.

    Parameters
    ----------
    submission : Submission
    id : str
    coord : ndarray, shape=(n, 3), dtype=float
        Angstrom.
    channels : tuple of str
        Typed channels.

    Returns
    -------
    joint, conditional : ndarray, shape=(n, len(channels)), dtype=float32
        Equal for a method without ``ligand``. A method with ``ligand`` and none of the channels has a conditional value
        of 1 where its maps reach.
    reached : ndarray, shape=(n,), dtype=bool
    """
    given = submission.info.get("channels", ())
    values, reached = submission.sample(id, coord, (*channels, LIGAND))
    conditional = values[:, :-1]
    if LIGAND not in given:
        return conditional, conditional, reached
    if not set(channels) & set(given):
        conditional = np.repeat(reached[:, None].astype(np.float32), len(channels), axis=1)
    return conditional * values[:, -1:], conditional, reached


def percentiles(pool: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Percentage of a pool below each value, ties counting half.

    Parameters
    ----------
    pool : ndarray, shape=(n,), dtype=float
    values : ndarray, shape=(k,), dtype=float

    Returns
    -------
    ndarray, shape=(k,), dtype=float64

    Examples
    --------
    >>> percentiles(np.array([0.0, 0.5, 0.0, 1.0]), np.array([0.0, 0.5, 0.75])).tolist()
    [25.0, 62.5, 75.0]
    """
    pool = np.sort(pool)
    return 50.0 * (np.searchsorted(pool, values, "left") + np.searchsorted(pool, values, "right")) / len(pool)


def rank_entry(entry: Entry, submission: Submission) -> list[AtomRanks]:
    """Rank the atoms of every ligand of an entry."""
    voxels = whole_map(entry)
    failed = _failed(submission, entry)
    atoms = np.concatenate([site.coord for site in entry.sites])
    found, silent, reached = np.zeros((len(atoms), len(TYPES))), np.ones(len(atoms), bool), 0
    if not failed:
        pool, _, inside = map_values(submission, entry.id, voxels, TYPES)
        at_atoms, reached = map_values(submission, entry.id, atoms, TYPES)[0], int(inside.sum())
        found = np.stack([percentiles(pool[:, k], at_atoms[:, k]) for k in range(len(TYPES))], axis=1)
        silent = (at_atoms == 0).all(axis=1)
    out, end = [], 0
    for site in entry.sites:
        part = slice(end, end := end + len(site.coord))
        known = (atom_roles(site), found[part], silent[part])
        out.append(AtomRanks(entry, site, len(voxels), reached, failed, *known))
    return out


def atom_roles(site: Site) -> np.ndarray:
    """Roles of each heavy atom of a ligand, shape=(n, len(TYPES)), dtype=bool."""
    out = np.zeros((len(site.coord), len(TYPES)), bool)
    for k, name in enumerate(TYPES):
        points = site.role_coord[site.role_channel == CHANNELS.index(name)]
        near = np.linalg.norm(site.coord[:, None].astype(float) - points[None], axis=2) <= SAME
        out[:, k] = near.any(axis=1)
    return out


def _failed(submission: Submission, entry: Entry) -> bool:
    return entry.id in submission.failures or not submission.has(entry.id)


def _highest(which: np.ndarray, percentile: np.ndarray) -> np.ndarray:
    """Highest percentile of each atom among its marked channels; atoms without one are left out."""
    some = which.any(axis=1)
    return np.where(which, percentile, -np.inf)[some].max(axis=1)


def _summary(ranks: list[AtomRanks], suffix: str) -> dict:
    out = {
        "specificity" + suffix: _interval([r for r in ranks if r.entry.state == "holo"], AtomRanks.specific, mean=True)
    }
    for role in ("fragment", "lead"):
        for state in ("holo", "apo"):
            group = [r for r in ranks if (r.site.role, r.entry.state) == (role, state)]
            key = f"{role}s_{state}{suffix}"
            out[key] = _interval(group, AtomRanks.matching)
            out[f"shuffled_{key}"] = _interval(group, AtomRanks.shuffled)
            out[f"all_atoms_{key}"] = _interval(group, lambda r: r.matching(all_atoms=True))
            out[f"specificity_{key}"] = _interval(group, AtomRanks.specific, mean=True)
    return out


def _interval(ranks: list[AtomRanks], values, mean: bool = False) -> dict:
    """Median, or mean, over the atoms of the ligands, with its interval."""
    found = [values(r) for r in ranks]
    clusters = [r.entry.clusters for r, atoms in zip(ranks, found, strict=True) for _ in atoms]
    function = statistics.bootstrap_mean if mean else statistics.bootstrap_median
    return function(np.concatenate([np.empty(0), *found]), clusters)


def _row(ranks: AtomRanks) -> dict:
    def middle(values: np.ndarray, function=np.median) -> float | None:
        return float(function(values)) if values.size else None

    entry, scored = ranks.entry, int(ranks.roles.any(axis=1).sum())
    return {
        "id": entry.id,
        "pair": entry.pair,
        "state": entry.state,
        "role": ranks.site.role,
        "site": ranks.site.name,
        "clusters": list(entry.clusters),
        "homology_free": entry.homology_free,
        "voxels": ranks.voxels,
        "reached": ranks.reached,
        "n_atoms": scored,
        "n_unmatched": len(ranks.roles) - scored,
        "percentile": middle(ranks.matching()),
        "shuffled": middle(ranks.shuffled()),
        "specificity": middle(ranks.specific(), np.mean),
    }
