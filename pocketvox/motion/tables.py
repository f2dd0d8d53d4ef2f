"""The tables of a trajectory: fixed columns, order and number formats, so that equal results are equal bytes."""

from __future__ import annotations

import numpy as np

from pocketvox.motion.result import TrajectoryResult
from pocketvox.report.tables import csv_table, fixed

#: Times in picoseconds, ``rmsd`` in angstrom; then one column ``volume_<pocket>`` per consensus pocket (angstrom^3).
FRAME_COLUMNS = ("frame", "time", "rmsd", "pockets", "hotspots", "open_pockets")
#: ``hotspot`` numbers the rows of hotspots.csv; ``probability`` and ``score`` are those of the mean map,
#: ``score_present`` is the mean over the frames in which the hot-spot is present, ``distance`` that of what was found
#: there (angstrom).
HOTSPOT_COLUMNS = (
    "hotspot", "pocket", "type", "x", "y", "z", "probability", "score", "occupancy", "frames_present", "score_present",
    "distance",
)  # fmt: skip
#: Volumes in angstrom^3, over all frames.
POCKET_COLUMNS = (
    "pocket", "kind", "center_x", "center_y", "center_z", "open_share", "frames_open", "open_first", "cryptic",
    "volume_mean", "volume_sd", "volume_lowest", "volume_highest", "volume_first", "residue_ids",
)  # fmt: skip


def frames_csv(found: TrajectoryResult) -> str:
    """One row per frame."""
    is_open = open_pockets(found)
    rows = (
        (
            int(frame),
            fixed(found.times[k], 3),
            fixed(found.rmsd[k], 3),
            int(found.pocket_counts[k]),
            int(found.hotspot_counts[k]),
            " ".join(pocket.name for pocket, flag in zip(found.pockets, is_open[k], strict=True) if flag),
            *(fixed(volume, 2) for volume in found.volumes[k]),
        )
        for k, frame in enumerate(found.frames)
    )
    return csv_table((*FRAME_COLUMNS, *(f"volume_{pocket.name}" for pocket in found.pockets)), rows)


def occupancy_csv(found: TrajectoryResult) -> str:
    """One row per hot-spot of the mean map, in the order of hotspots.csv."""
    rows = (
        (
            hotspot_name(k),
            tracked.pocket,
            tracked.hotspot.type,
            *(fixed(v, 3) for v in tracked.hotspot.coord),
            fixed(tracked.hotspot.probability, 4),
            fixed(tracked.hotspot.score, 4),
            fixed(tracked.occupancy, 4),
            int((found.scores[:, k] > 0).sum()),
            fixed(tracked.score_present, 4),
            fixed(tracked.distance, 2),
        )
        for k, tracked in enumerate(found.hotspots)
    )
    return csv_table(HOTSPOT_COLUMNS, rows)


def pocket_occupancy_csv(found: TrajectoryResult) -> str:
    """One row per consensus pocket."""
    is_open = open_pockets(found)
    rows = (
        (
            pocket.name,
            pocket.kind,
            *(fixed(v, 3) for v in pocket.center),
            fixed(pocket.open_share, 4),
            int(is_open[:, k].sum()),
            int(pocket.open_first),
            int(pocket.cryptic),
            *(fixed(value, 2) for value in _range(found.volumes[:, k])),
            " ".join(pocket.residue_ids),
        )
        for k, pocket in enumerate(found.pockets)
    )
    return csv_table(POCKET_COLUMNS, rows)


def timeseries_csv(found: TrajectoryResult) -> str:
    """One row per frame, one column per hot-spot: its score there, 0 where it is absent."""
    rows = (
        (int(frame), fixed(found.times[k], 3), *(fixed(score, 4) if score else "0" for score in found.scores[k]))
        for k, frame in enumerate(found.frames)
    )
    return csv_table(("frame", "time", *(hotspot_name(k) for k in range(len(found.hotspots)))), rows)


def hotspot_name(k: int) -> str:
    """Name of the hot-spot in row ``k``, from 0, of hotspots.csv."""
    return f"hotspot{k + 1}"


def open_pockets(found: TrajectoryResult) -> np.ndarray:
    """Which consensus pockets are open in which frames, shape=(frames, pockets), dtype=bool."""
    return found.volumes >= found.result.trajectory["open_volume"]


def _range(volume: np.ndarray) -> tuple[float, ...]:
    return volume.mean(), volume.std(), volume.min(), volume.max(), volume[0]
