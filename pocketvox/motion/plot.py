"""occupancy.svg: volumes of pockets and presence of hot-spots over time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pocketvox.motion.pockets import TRANSIENT
from pocketvox.motion.result import TrajectoryResult
from pocketvox.report.colours import COLOURS, NAMES

#: Rows that are drawn, best first: more cannot be read.
MOST_POCKETS, MOST_HOTSPOTS = 8, 25
#: Colours of pockets: Okabe and Ito, https://jfly.uni-koeln.de/color/, without black and yellow.
POCKET_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
#: Everything that would make two files differ, or depend on the fonts of a machine.
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "pocketvox",
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def write_plot(path: str | Path, found: TrajectoryResult) -> None:
    """Write the plot; the same result gives the same bytes.

    Above, the volume of each pocket in every frame, with the share of the frames in which it is open; below, one row
    per hot-spot, marked where it is present, the darker the higher its score, with its occupancy.

    Parameters
    ----------
    path : str or Path
    found : TrajectoryResult
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    shown = min(len(found.hotspots), MOST_HOTSPOTS)
    with rc_context(STYLE):
        figure = Figure(figsize=(8, 3.2 + 0.17 * max(shown, 1)), layout="constrained")
        FigureCanvasSVG(figure)
        heights = (2.2, 0.5 + 0.17 * max(shown, 1))
        (above, legend), (below, bars) = figure.subplots(2, 2, width_ratios=(4, 1), height_ratios=heights)
        _draw_volumes(above, legend, found)
        _draw_hotspots(below, bars, found, shown)
        above.sharex(below)
        above.tick_params(labelbottom=False)
        figure.suptitle(f"{found.result.name}: {len(found.frames)} frames, {found.result.preset}", fontsize=9)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def _draw_volumes(axes, legend, found: TrajectoryResult) -> None:
    legend.set_axis_off()
    axes.set_ylabel("pocket volume (\u00c5\u00b3)")
    if not found.pockets:
        axes.text(0.5, 0.5, "no pockets", ha="center", transform=axes.transAxes)
        return
    x = _positions(found)
    for k, pocket in enumerate(found.pockets[:MOST_POCKETS]):
        style = {"color": POCKET_COLOURS[k % len(POCKET_COLOURS)], "marker": ".", "markersize": 4, "linewidth": 1}
        label = f"{pocket.name}, open {100 * pocket.open_share:.0f} %{', cryptic' if pocket.cryptic else ''}"
        axes.plot(x, found.volumes[:, k], "--" if pocket.kind == TRANSIENT else "-", label=label, **style)
    least = found.result.trajectory["open_volume"]
    axes.axhline(least, color="#888888", linewidth=0.6, linestyle=":")
    axes.set_ylim(bottom=0)
    handles, labels = axes.get_legend_handles_labels()
    legend.legend(handles, labels, loc="upper left", frameon=False, fontsize=7, borderaxespad=0)
    rest = len(found.pockets) - MOST_POCKETS
    if rest > 0:
        legend.text(0, 0, f"{rest} more in pocket_occupancy.csv", fontsize=7)


def _draw_hotspots(axes, bars, found: TrajectoryResult, shown: int) -> None:
    x = _positions(found)
    axes.set_xlabel("frame")
    bars.set_xlim(0, 1)
    bars.set_xlabel("occupancy")
    if not shown:
        axes.text(0.5, 0.5, "no hot-spots", ha="center", transform=axes.transAxes)
        axes.set_yticks([])
        bars.set_yticks([])
        axes.set_xlim(x[0] - 0.5, x[-1] + 0.5)
        return
    highest = max(float(found.scores[:, :shown].max()), np.finfo(float).tiny)
    step = np.diff(x).min() if len(x) > 1 else 1
    for k, tracked in enumerate(found.hotspots[:shown]):
        colour = COLOURS[tracked.hotspot.type]
        present = np.flatnonzero(found.scores[:, k])
        shade = 0.3 + 0.7 * np.sqrt(found.scores[present, k] / highest)
        axes.bar(x[present], 0.8, step, bottom=k - 0.4, color=[(colour, float(a)) for a in shade], linewidth=0)
        bars.barh(k, tracked.occupancy, 0.8, color=colour)
    names = [f"{k + 1} {NAMES[t.hotspot.type]} ({t.pocket})" for k, t in enumerate(found.hotspots[:shown])]
    axes.set_yticks(range(shown), names)
    axes.set_ylim(shown - 0.4, -0.6)
    axes.set_xlim(x[0] - step / 2, x[-1] + step / 2)
    bars.sharey(axes)
    bars.tick_params(labelleft=False)


def _positions(found: TrajectoryResult) -> np.ndarray:
    return found.frames.astype(float)
