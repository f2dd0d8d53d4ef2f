"""Small plots as SVG text: curves, and values with intervals. The same input gives the same bytes.

Text and axes have the colour of the surrounding text, series those of Okabe & Ito, and each series also its own dash
pattern and marker, so that nothing hangs on colour alone. Everything from outside is escaped.

References
----------
Okabe & Ito, Color Universal Design (2008), https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

#: Colours of series in turn; no common multiple below 35 with the dashes, so that pairs do not repeat before.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "currentColor")
DASHES = ("", "7 3", "2 2.5", "9 3 2 3", "5 2 1 2")
#: Outlines of markers around (0, 0).
MARKERS = (
    "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z",  # circle
    "M-3 -3h6v6h-6z",  # square
    "M0 -4L3.8 3H-3.8z",  # triangle
    "M0 -4.3L4.3 0L0 4.3L-4.3 0z",  # diamond
    "M0 4L3.8 -3H-3.8z",  # triangle, point down
    "M-3.2 -3.2L3.2 3.2M-3.2 3.2L3.2 -3.2",  # cross
)
#: Markers along a curve.
MARKS = 5
#: Height of a value under its name, and of a line of a legend.
ROW, LINE = 34, 18
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Series:
    """A curve, or a value with an interval.

    Attributes
    ----------
    name : str
    points : tuple of (x, y)
        Of a curve, in the order in which they are joined.
    style : int
        Number of the colour, dash pattern and marker.
    group : str
        What a page may hide together: becomes the attribute ``data-kind``.
    value, low, high : float or None
        Of a value with an interval.
    hollow : bool
        Whether the marker is not filled.
    """

    name: str
    points: Points = ()
    style: int = 0
    group: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    hollow: bool = False


@dataclass(frozen=True)
class Axis:
    """An axis: its label and range."""

    label: str
    low: float = 0.0
    high: float = 1.0


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from ``low`` to ``high``, at most so many: multiples of 1, 2 or 5 times a power of ten.

    Examples
    --------
    >>> ticks(0, 0.3)
    [0.0, 0.1, 0.2, 0.3]
    """
    exponent = math.floor(math.log10((high - low) / most))
    for step, digits in ((m * 10.0**e, max(0, -e)) for e in (exponent, exponent + 1) for m in (1, 2, 5)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            return [round(i * step, digits) for i in range(first, last + 1)]
    return [low, high]


def curves(key: str, title: str, text: str, series: list[Series], axes: tuple[Axis, Axis], guide: Points = ()) -> str:
    """Curves in a square panel.

    Parameters
    ----------
    key : str
        Identifier within the page: letters, digits and hyphens.
    title, text : str
        Shown above; read to those who do not see the plot.
    series : list of Series
    axes : tuple of Axis
        Horizontal and vertical.
    guide : tuple of (x, y)
        Of a thin line without a marker, drawn below the curves.
    """
    width, height, left, top, size = 340, 330, 48, 30, 250
    frame = _Frame(left, top, size, size, *axes)
    parts = [_grid(frame), _labels(frame, width), _head(left, title)]
    if guide:
        parts.append(f'<path d="{_path(frame, guide)}" stroke="currentColor" stroke-width="0.8" fill="none"/>')
    parts += [_curve(frame, one) for one in series if one.points]
    return _svg(key, title, text, width, height, parts)


def dots(key: str, title: str, text: str, series: list[Series], axis: Axis) -> str:
    """Values with their intervals, one below the other, each under its name; those without a value have no dot.

    Parameters as for :func:`curves`.
    """
    width, left = 460, 14
    height = 40 + ROW * len(series) + 40
    frame = _Frame(left, 30, width - 2 * left - 40, ROW * len(series) + 6, axis, None)
    parts = [_grid(frame), _labels(frame, width), _head(left, title)]
    for number, one in enumerate(series):
        parts.append(_dot(frame, one, 30 + ROW * number))
    return _svg(key, title, text, width, height, parts)


def legend(key: str, series: list[Series], title: str = "Legend") -> str:
    """What the lines of several panels mean."""
    height = 8 + LINE * len(series)
    parts = []
    for number, one in enumerate(series):
        y = 4 + LINE * number + LINE / 2
        line = f'<path d="M4 {_number(y)}H44" {_stroke(one)}/>{_marker(one, 24, y)}'
        name = f'<text x="52" y="{_number(y + 4)}">{_text(shorten(one.name, 60))}</text>'
        parts.append(f"<g{_group(one)}>{line}{name}</g>")
    return _svg(key, title, "Line, marker and name of each method.", 460, height, parts)


def shorten(text: str, most: int) -> str:
    """At most so many letters."""
    return text if len(text) <= most else text[: most - 3].rstrip() + "..."


@dataclass(frozen=True)
class _Frame:
    left: float
    top: float
    width: float
    height: float
    across: Axis
    up: Axis | None

    def x(self, value: float) -> float:
        return self.left + self.width * self._part(value, self.across)

    def y(self, value: float) -> float:
        return self.top + self.height * (1 - self._part(value, self.up))

    @staticmethod
    def _part(value: float, axis: Axis) -> float:
        return min(max((value - axis.low) / (axis.high - axis.low), 0.0), 1.0)


def _svg(key: str, title: str, text: str, width: float, height: float, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {_number(width)} {_number(height)}" '
        f'width="{_number(width)}" height="{_number(height)}" font-family="sans-serif" font-size="11" '
        f'fill="currentColor" aria-labelledby="{key}-title {key}-text">\n'
        f'<title id="{key}-title">{_text(title)}</title>\n<desc id="{key}-text">{_text(text)}</desc>\n'
        + "\n".join(parts)
        + "\n</svg>"
    )


def _head(left: float, title: str) -> str:
    return f'<text x="{_number(left)}" y="18" font-size="12" font-weight="bold">{_text(title)}</text>'


def _grid(frame: _Frame) -> str:
    """Frame, grid lines and tick labels."""
    bottom, right = frame.top + frame.height, frame.left + frame.width
    lines, labels = [], []
    for value in ticks(frame.across.low, frame.across.high):
        x = _number(frame.x(value))
        lines.append(f"M{x} {_number(frame.top)}V{_number(bottom)}")
        labels.append(f'<text x="{x}" y="{_number(bottom + 15)}" text-anchor="middle">{value:g}</text>')
    for value in ticks(frame.up.low, frame.up.high) if frame.up else ():
        y = frame.y(value)
        lines.append(f"M{_number(frame.left)} {_number(y)}H{_number(right)}")
        labels.append(f'<text x="{_number(frame.left - 6)}" y="{_number(y + 4)}" text-anchor="end">{value:g}</text>')
    stroke = 'fill="none" stroke="currentColor"'
    box = f"M{_number(frame.left)} {_number(frame.top)}V{_number(bottom)}H{_number(right)}"
    return f'<path d="{"".join(lines)}" {stroke} opacity="0.15"/>\n<path d="{box}" {stroke}/>\n' + "".join(labels)


def _labels(frame: _Frame, width: float) -> str:
    middle, below = frame.left + frame.width / 2, frame.top + frame.height + 32
    out = f'<text x="{_number(middle)}" y="{_number(below)}" text-anchor="middle">{_text(frame.across.label)}</text>'
    if frame.up:
        y = _number(frame.top + frame.height / 2)
        turned = f'x="12" y="{y}" text-anchor="middle" transform="rotate(-90 12 {y})"'
        out += f"<text {turned}>{_text(frame.up.label)}</text>"
    return out


def _curve(frame: _Frame, one: Series) -> str:
    step = max(1, -(-len(one.points) // MARKS))
    marks = "".join(_marker(one, frame.x(x), frame.y(y)) for x, y in one.points[(one.style % step) :: step])
    path = f'<path d="{_path(frame, one.points)}" {_stroke(one)}/>'
    return f"<g{_group(one)}><title>{_text(one.name)}</title>{path}{marks}</g>"


def _path(frame: _Frame, points: Points) -> str:
    return "M" + "L".join(f"{_number(frame.x(x))} {_number(frame.y(y))}" for x, y in points)


def _dot(frame: _Frame, one: Series, top: float) -> str:
    y = top + 25
    parts = [f"<title>{_text(one.name)}</title>"]
    parts.append(f'<text x="{_number(frame.left + 4)}" y="{_number(top + 14)}">{_text(shorten(one.name, 62))}</text>')
    if one.low is not None and one.high is not None:
        low, high = _number(frame.x(one.low)), _number(frame.x(one.high))
        ends = f"M{low} {_number(y)}H{high}M{low} {_number(y - 4)}v8M{high} {_number(y - 4)}v8"
        parts.append(f'<path d="{ends}" fill="none" stroke="{_colour(one)}" stroke-width="1.6"/>')
    if one.value is not None:
        parts.append(_marker(one, frame.x(one.value), y))
        right = frame.left + frame.width
        parts.append(f'<text x="{_number(right + 6)}" y="{_number(y + 4)}">{one.value:.3f}</text>')
    return f"<g{_group(one)}>{''.join(parts)}</g>"


def _stroke(one: Series) -> str:
    dash = DASHES[one.style % len(DASHES)]
    pattern = f' stroke-dasharray="{dash}"' if dash else ""
    return f'fill="none" stroke="{_colour(one)}" stroke-width="1.6"{pattern}'


def _marker(one: Series, x: float, y: float) -> str:
    fill = "none" if one.hollow else _colour(one)
    shape = MARKERS[one.style % len(MARKERS)]
    place = f"translate({_number(x)} {_number(y)})"
    return f'<path d="{shape}" transform="{place}" fill="{fill}" stroke="{_colour(one)}" stroke-width="1.3"/>'


def _colour(one: Series) -> str:
    return COLOURS[one.style % len(COLOURS)]


def _group(one: Series) -> str:
    return f' data-kind="{_text(one.group)}"' if one.group else ""


def _text(text: str) -> str:
    return escape(str(text), quote=True)


def _number(value: float) -> str:
    """Two digits after the point at most, and no minus before 0."""
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")
