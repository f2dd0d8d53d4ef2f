"""The result folder of a trajectory: that of a scan, and what only a trajectory has."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path

from pocketvox.motion.result import TrajectoryResult
from pocketvox.motion.tables import frames_csv, occupancy_csv, pocket_occupancy_csv, timeseries_csv
from pocketvox.report import write_maps, write_result
from pocketvox.report.page import PLOT

log = logging.getLogger("pocketvox")

#: Files with one dataset each, and its name.
DEVIATION, FREQUENCY = ("maps_sd.h5", "standard_deviation"), ("maps_frequency.h5", "frequency")
#: Tables and what makes them.
TABLES = {
    "frames.csv": frames_csv,
    "occupancy.csv": occupancy_csv,
    "pocket_occupancy.csv": pocket_occupancy_csv,
    "timeseries.csv": timeseries_csv,
}


def write_trajectory(
    found: TrajectoryResult, folder: str | Path, *, formats: tuple[str, ...] = (), report: bool = False
) -> Path:
    """Write what a scan of one structure writes, of the mean map, and what the frames add; complete or not at all.

    The plot needs matplotlib; without it there is none.

    Parameters
    ----------
    found : TrajectoryResult
    folder, formats, report
        As for :func:`pocketvox.report.write_result`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError, UsageError
        As for :func:`pocketvox.report.write_result`.
    """

    def further(temporary: Path) -> None:
        for name, table in TABLES.items():
            (temporary / name).write_text(table(found), encoding="utf-8", newline="")
        calibrated = found.result.calibrated
        name, dataset = DEVIATION
        write_maps(temporary / name, found.deviation, calibrated=calibrated, dataset=dataset)
        name, dataset = FREQUENCY
        least = {"thresholds": [found.thresholds[channel] for channel in found.frequency.channels]}
        write_maps(temporary / name, found.frequency, calibrated=calibrated, floor=0, dataset=dataset, attributes=least)
        if importlib.util.find_spec("matplotlib") is None:
            log.info("no %s: it needs matplotlib. Install it with: pip install 'pocketvox[md]'", PLOT)
            return
        from pocketvox.motion.plot import write_plot

        write_plot(temporary / PLOT, found)

    return write_result(found.result, folder, formats=formats, report=report, further=further)
