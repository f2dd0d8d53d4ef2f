"""Figures of the training report: panels of curves side by side as SVG text. The same input gives the same bytes.

Series are told apart by colour, those of Okabe & Ito (https://jfly.uni-koeln.de/color/), and by dash pattern.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from itertools import product

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("", "7 3", "2 2.5", "9 3 2 3", "5 2 1 2")
#: Size of a panel with its labels, of the plot inside, and of the rim around a figure (pixels).
PANEL, PLOT, LEFT, TOP, RIM = (300, 250), (230, 170), 56, 28, 6
#: Height of a line of the legend (pixels).
LINE = 18
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Series:
    """A named curve; ``marks`` draws its points as well."""

    name: str
    points: Points
    marks: bool = False


@dataclass(frozen=True)
class Panel:
    """One plot; its axes begin and end at round numbers about the points, or are ``fixed`` from 0 to 1.

    ``series`` has a place for each name of the legend, so that styles agree between panels; it may be empty.
    """

    title: str
    across: str
    up: str
    series: tuple[Series, ...]
    guide: Points = ()
    fixed: bool = False


def figure(title: str, text: str, panels: list[Panel], columns: int, legend: bool = True) -> str:
    """Panels in rows of ``columns``, below them what the lines mean.

    Parameters
    ----------
    title, text : str
        Read to those who do not see the figure.
    panels : list of Panel
    columns : int
    legend : bool
        Whether the names of the first panel's series are listed.

    Returns
    -------
    str
        A complete SVG document.
    """
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    names = [one.name for one in panels[0].series] if legend else []
    width = columns * PANEL[0] + 2 * RIM
    height = rows * PANEL[1] + LINE * len(names) + 2 * RIM
    parts = []
    for number, panel in enumerate(panels):
        x, y = RIM + PANEL[0] * (number % columns), RIM + PANEL[1] * (number // columns)
        parts.append(f'<g transform="translate({x} {y})">\n{_panel(panel)}\n</g>')
    for number, name in enumerate(names):
        y = RIM + rows * PANEL[1] + LINE * number + LINE / 2
        line = f'<path d="M{LEFT} {_n(y)}h40" {_stroke(number)}/>'
        parts.append(f'{line}<text x="{LEFT + 48}" y="{_n(y + 4)}">{escape(name)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {_n(height)}" width="{width}" '
        f'height="{_n(height)}" font-family="sans-serif" font-size="11">\n<title>{escape(title)}</title>\n'
        f'<desc>{escape(text)}</desc>\n<rect width="100%" height="100%" fill="#fff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers, at most so many, of which the first and the last enclose ``low`` and ``high``.

    Examples
    --------
    >>> ticks(0.13, 0.2)
    [0.12, 0.14, 0.16, 0.18, 0.2]
    """
    if not high > low:
        low, high = low - (abs(low) or 1) / 10, high + (abs(high) or 1) / 10
    exponent = math.floor(math.log10((high - low) / most))
    for power, factor in product(range(exponent, exponent + 3), (1, 2, 5)):
        step = factor * 10.0**power
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first < most:
            return [round(i * step, max(0, -power)) + 0.0 for i in range(first, last + 1)]
    return [low, high]


@dataclass(frozen=True)
class _Frame:
    across: list[float]
    up: list[float]

    def x(self, value: float) -> float:
        return LEFT + PLOT[0] * (value - self.across[0]) / (self.across[-1] - self.across[0])

    def y(self, value: float) -> float:
        return TOP + PLOT[1] * (1 - (value - self.up[0]) / (self.up[-1] - self.up[0]))


def _panel(panel: Panel) -> str:
    points = [point for one in panel.series for point in one.points]
    if panel.fixed or not points:
        frame = _Frame(ticks(0, 1), ticks(0, 1))
    else:
        frame = _Frame(*(ticks(min(values), max(values)) for values in zip(*points, strict=True)))
    parts = [_axes(frame, panel)]
    if panel.guide:
        parts.append(f'<path d="{_path(frame, panel.guide)}" fill="none" stroke="#000" stroke-width="0.7"/>')
    for number, one in enumerate(panel.series):
        if one.points:
            dots = (
                "".join(_dot(frame, point, number) for point in one.points) if one.marks or len(one.points) == 1 else ""
            )
            title = f"<title>{escape(one.name)}</title>"
            parts.append(f'<g>{title}<path d="{_path(frame, one.points)}" {_stroke(number)}/>{dots}</g>')
    return "\n".join(parts)


def _axes(frame: _Frame, panel: Panel) -> str:
    bottom, right = TOP + PLOT[1], LEFT + PLOT[0]
    lines = "".join(f"M{_n(frame.x(value))} {TOP}V{bottom}" for value in frame.across)
    lines += "".join(f"M{LEFT} {_n(frame.y(value))}H{right}" for value in frame.up)
    out = [
        f'<text x="{LEFT}" y="16" font-size="12" font-weight="bold">{escape(panel.title)}</text>',
        f'<path d="{lines}" fill="none" stroke="#000" opacity="0.15"/>',
        f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="#000"/>',
    ]
    for value in frame.across:
        out.append(f'<text x="{_n(frame.x(value))}" y="{bottom + 15}" text-anchor="middle">{value:g}</text>')
    for value in frame.up:
        out.append(f'<text x="{LEFT - 5}" y="{_n(frame.y(value) + 4)}" text-anchor="end">{value:g}</text>')
    middle, side = LEFT + PLOT[0] / 2, TOP + PLOT[1] / 2
    out.append(f'<text x="{_n(middle)}" y="{bottom + 32}" text-anchor="middle">{escape(panel.across)}</text>')
    turned = f'x="12" y="{_n(side)}" text-anchor="middle" transform="rotate(-90 12 {_n(side)})"'
    return "\n".join([*out, f"<text {turned}>{escape(panel.up)}</text>"])


def _path(frame: _Frame, points: Points) -> str:
    return "M" + "L".join(f"{_n(frame.x(x))} {_n(frame.y(y))}" for x, y in points)


def _dot(frame: _Frame, point: tuple[float, float], number: int) -> str:
    x, y = frame.x(point[0]), frame.y(point[1])
    return f'<circle cx="{_n(x)}" cy="{_n(y)}" r="3" fill="{COLOURS[number % len(COLOURS)]}"/>'


def _stroke(number: int) -> str:
    dash = DASHES[number % len(DASHES)]
    pattern = f' stroke-dasharray="{dash}"' if dash else ""
    return f'fill="none" stroke="{COLOURS[number % len(COLOURS)]}" stroke-width="1.6"{pattern}'


def _n(value: float) -> str:
    """Two digits after the point at most, and no minus before 0."""
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")
