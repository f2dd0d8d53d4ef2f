"""The score of a pose: the joint values of the maps at the points of the molecule that have the role of each type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pocketvox.channels import CHANNELS, CORE, LIGAND, TYPED
from pocketvox.chemistry.elements import DEFAULT_VDW_RADIUS, METALS, VDW_RADIUS, lookup
from pocketvox.errors import InputError
from pocketvox.pockets import Hotspot
from pocketvox.pockets.hotspots import HIT
from pocketvox.poses.read import Pose
from pocketvox.poses.roles import role_points
from pocketvox.structure.atoms import Atoms, Complex, Structure, residue_label
from pocketvox.structure.neighbours import Buckets, unsorted_pairs
from pocketvox.voxel.grid import Volume

#: A hot-spot this near to a heavy atom of the pose (angstrom), but not met, is missed; those farther away are another
#: matter. As far as most polar interactions reach.
NEAR = 4.0
#: Heavy atoms nearer than this share of the sum of their van der Waals radii clash: Buttenschoen et al. 2024
#: (PoseBusters), doi:10.1039/D3SC04185A. Metals are left out: what coordinates them is near.
CLASH = 0.75
#: Of positions in voxels.
ROUNDING = 1e-6
_CORE = np.array([CHANNELS.index(name) for name in CORE])


@dataclass(frozen=True)
class PoseScore:
    """How well a pose meets the maps.

    Attributes
    ----------
    name, file, record, error
        As of :class:`~pocketvox.poses.Pose`; with an error there is nothing else.
    score : float
        Sum of the joint values at its core points: donors, acceptors, hydrophobic atoms, centroids of aromatic rings.
        The ``sum`` of the benchmark's screening track.
    mean : float
        The same by the number of these points; 0 without any.
    points : int
        Core points.
    outside : float
        Share of its points, of all types, that the maps do not reach; they count 0.
    clashes : int or None
        Heavy atoms that are too near to an atom of the receptor, see :data:`CLASH`; None without a receptor.
    types : dict of str to float
        Sum of the joint values by type; those beyond the core are not in the score.
    satisfied, missed : tuple of int
        Rows of hotspots.csv, from 1: hot-spots with a point of their type within
        :data:`~pocketvox.pockets.hotspots.HIT`, and those without that are within :data:`NEAR` of the pose.
    atoms : ndarray, shape=(n,), dtype=float64
        Share of each heavy atom in the score; the shares add up to it.
    roles : tuple of tuple of str
        Core types that each heavy atom can make.
    interactions : tuple of str
        What it makes with the receptor by geometric rules (``hbond_donor A:ASP 25``), if it was asked for.
    """

    name: str
    file: str
    record: int
    error: str = ""
    score: float = 0.0
    mean: float = 0.0
    points: int = 0
    outside: float = 0.0
    clashes: int | None = None
    types: dict[str, float] = field(default_factory=dict)
    satisfied: tuple[int, ...] = ()
    missed: tuple[int, ...] = ()
    atoms: np.ndarray = field(default_factory=lambda: np.empty(0))
    roles: tuple[tuple[str, ...], ...] = ()
    interactions: tuple[str, ...] = ()


class PoseScorer:
    """Scores poses against the maps of one protein.

    Parameters
    ----------
    maps : Volume
        Probabilities, shape=(x, y, z, channel): typed channels conditional, and ``ligand``.
    hotspots : sequence of Hotspot, optional
        In the order of hotspots.csv.
    receptor : Atoms, optional
        For clashes and interactions.

    Raises
    ------
    InputError
        If the maps lack ``ligand`` or every core channel.
    """

    def __init__(self, maps: Volume, hotspots: Sequence[Hotspot] = (), receptor: Atoms | None = None):
        if LIGAND not in maps.channels or not set(CORE) & set(maps.channels):
            raise InputError(
                f"Expected maps of {LIGAND!r} and of core types. Received: {', '.join(maps.channels)}. Scan with a "
                "preset of the task pocket."
            )
        self._maps = maps
        self._column = np.array([maps.channels.index(c) if c in maps.channels else -1 for c in CHANNELS])
        self._spots = np.array([h.coord for h in hotspots], float).reshape(-1, 3)
        self._spot_channel = np.array([CHANNELS.index(h.type) for h in hotspots], int)
        self._receptor = receptor
        if receptor is not None:
            solid = receptor.heavy & ~np.isin(receptor.element, list(METALS))
            self._solid = receptor.coord[solid].astype(float)
            self._radius = lookup(VDW_RADIUS, receptor.element[solid], DEFAULT_VDW_RADIUS).astype(float)
            self._buckets = Buckets(self._solid, 8.0)

    def __call__(self, poses: Sequence[Pose]) -> list[PoseScore]:
        """Scores of poses, in their order; many at a time cost least."""
        good = [pose for pose in poses if pose.molecule is not None]
        scores = iter(self._scored(good))
        return [
            next(scores) if pose.molecule is not None else PoseScore(pose.name, pose.file, pose.record, pose.error)
            for pose in poses
        ]

    def _scored(self, poses: list[Pose]) -> list[PoseScore]:
        if not poses:
            return []
        roles = [pose.molecule.roles for pose in poses]
        point = np.concatenate([role_points(r, pose.coord) for r, pose in zip(roles, poses, strict=True)])
        channel = np.concatenate([r.channel for r in roles]).astype(int)
        count = np.array([len(r.channel) for r in roles])
        owner = np.repeat(np.arange(len(poses)), count)
        joint, inside = joint_values(self._maps, point, self._column[channel])
        core = np.isin(channel, _CORE)
        points = np.bincount(owner[core], minlength=len(poses))
        score = np.bincount(owner[core], joint[core], len(poses))
        outside = np.bincount(owner, ~inside, len(poses)) / np.maximum(count, 1)
        types = np.bincount(owner * len(CHANNELS) + channel, joint, len(poses) * len(CHANNELS))
        types = types.reshape(len(poses), len(CHANNELS))
        atoms = self._atom_values(poses, np.where(core, joint, 0.0))
        met, missed = self._hotspots(poses, point, channel, owner)
        clashes = self._clashes(poses)
        made = self._interactions(poses)
        given = [name for name in TYPED if name in self._maps.channels]
        return [
            PoseScore(
                name=pose.name,
                file=pose.file,
                record=pose.record,
                score=float(score[k]),
                mean=float(score[k] / max(points[k], 1)),
                points=int(points[k]),
                outside=float(outside[k]),
                clashes=None if clashes is None else int(clashes[k]),
                types={name: float(types[k, CHANNELS.index(name)]) for name in given},
                satisfied=met[k],
                missed=missed[k],
                atoms=atoms[k],
                roles=pose.molecule.roles.by_atom(len(pose.coord)),
                interactions=made[k],
            )
            for k, pose in enumerate(poses)
        ]

    def _atom_values(self, poses: list[Pose], value: np.ndarray) -> list[np.ndarray]:
        """Values of the points shared out among their atoms, by pose."""
        found, first = [], 0
        for pose in poses:
            roles = pose.molecule.roles
            share = value[first : first + len(roles.channel)] / roles.size
            found.append(np.bincount(roles.atom, np.repeat(share, roles.size), len(pose.coord)))
            first += len(roles.channel)
        return found

    def _hotspots(self, poses, point, channel, owner) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
        """Rows, from 1, of the hot-spots that each pose satisfies and misses."""
        i, j, _ = unsorted_pairs(point, self._spots, HIT)
        same = channel[i] == self._spot_channel[j]
        met = np.zeros((len(poses), len(self._spots)), bool)
        met[owner[i[same]], j[same]] = True
        atom = np.concatenate([pose.coord for pose in poses])
        of_atom = np.repeat(np.arange(len(poses)), [len(pose.coord) for pose in poses])
        i, j, _ = unsorted_pairs(atom, self._spots, NEAR)
        near = np.zeros_like(met)
        near[of_atom[i], j] = True
        return _rows(met), _rows(near & ~met)

    def _clashes(self, poses: list[Pose]) -> np.ndarray | None:
        """Heavy atoms of each pose that clash."""
        if self._receptor is None:
            return None
        atom = np.concatenate([pose.coord for pose in poses])
        of_atom = np.repeat(np.arange(len(poses)), [len(pose.coord) for pose in poses])
        radius = lookup(VDW_RADIUS, np.concatenate([pose.molecule.elements for pose in poses]), DEFAULT_VDW_RADIUS)
        reach = CLASH * (float(radius.max()) + float(self._radius.max()))
        rows = self._buckets.in_box(atom.min(axis=0) - reach, atom.max(axis=0) + reach)
        i, j, distance = unsorted_pairs(atom, self._solid[rows], reach)
        near = distance < CLASH * (radius[i] + self._radius[rows[j]])
        return np.bincount(of_atom[np.unique(i[near])], minlength=len(poses))

    def _interactions(self, poses: list[Pose]) -> list[tuple[str, ...]]:
        """What each pose makes with the receptor by geometric rules; nothing for poses without chemistry."""
        if self._receptor is None or any(pose.ligand is None for pose in poses):
            return [()] * len(poses)
        from pocketvox.interactions import find_interactions

        ligands = tuple(pose.ligand for pose in poses)
        none = self._receptor[np.empty(0, int)]
        found = find_interactions(Complex("", self._receptor, none, ligands, none, Structure("", none)), together=True)
        made: list[dict[str, None]] = [{} for _ in poses]
        for k in range(len(found)):
            residue = residue_label(self._receptor, int(found.receptor_atoms[k][0]))
            made[found.ligand[k]][f"{CHANNELS[found.channel[k]]} {residue}"] = None
        return [tuple(names) for names in made]


def joint_values(maps: Volume, coord: np.ndarray, column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joint values at any positions: the typed and the ``ligand`` channel are interpolated linearly, then multiplied.

    Parameters
    ----------
    maps : Volume
    coord : ndarray, shape=(n, 3)
        Angstrom.
    column : ndarray, shape=(n,), dtype=int
        Channel of the maps that is asked for at each; -1 for one that they lack.

    Returns
    -------
    values : ndarray, shape=(n,), dtype=float64
        0 outside of the maps and without a channel.
    inside : ndarray, shape=(n,), dtype=bool
        Whether the position lies between the outermost voxel centres of the maps.
    """
    values = np.zeros(len(coord))
    last = np.array(maps.grid.shape) - 1
    index = maps.grid.to_index(coord)
    inside = ((index >= -ROUNDING) & (index <= last + ROUNDING)).all(axis=1)
    used = np.flatnonzero(inside & (column >= 0))
    if not len(used):
        return values, inside
    index = np.clip(index[used], 0, last)
    low = np.minimum(np.floor(index).astype(int), np.maximum(last - 1, 0))
    part = index - low
    first, end = low.min(axis=0), np.minimum(low.max(axis=0) + 2, last + 1)
    block = np.asarray(maps.values[tuple(slice(a, b) for a, b in zip(first, end, strict=True))], np.float32)
    ligand, column = maps.channels.index(LIGAND), column[used]
    typed, present = np.zeros(len(used)), np.zeros(len(used))
    for corner in np.ndindex(2, 2, 2):
        weight = np.where(corner, part, 1 - part).prod(axis=1)
        x, y, z = np.minimum(low - first + corner, np.array(block.shape[:3]) - 1).T
        typed += weight * block[x, y, z, column]
        present += weight * block[x, y, z, ligand]
    values[used] = typed * present
    return values, inside


def _rows(mask: np.ndarray) -> list[tuple[int, ...]]:
    return [tuple((np.flatnonzero(row) + 1).tolist()) for row in mask]
