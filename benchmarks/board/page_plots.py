"""Which plots the page of the leaderboard has, by track."""

from __future__ import annotations

import numpy as np

from benchmarks.board.svg import Axis, Points, Series, curves, dots, legend
from benchmarks.board.tables_maps import COMPLEX, POCKET, Entrant, entrants
from benchmarks.board.tables_text import BESIDE, KINDS, find, finite, kind, mean, ranked
from pocketvox.channels import CORE, HEADLINE

#: Bins of a reliability curve with fewer voxels are not drawn.
FEW = 30
#: Quantiles of the distribution over sites that are drawn.
QUANTILES = np.linspace(0, 1, 51)
DIAGONAL = ((0.0, 0.0), (1.0, 1.0))
#: Curves of each core channel: heading, caption, axes.
CURVES = {
    "precision_recall": (
        "Precision and recall",
        "Precision against recall of each core channel. The thin line is the prevalence, which is what a map that "
        "knows nothing reaches.",
        (Axis("recall"), Axis("precision")),
    ),
    "reliability": (
        "Reliability",
        "How often a voxel is positive, against the probability that the map gives it; on the diagonal they are equal. "
        f"Bins of fewer than {FEW} voxels are left out.",
        (Axis("probability in the map"), Axis("observed frequency")),
    ),
}
Figure = tuple[str, list[str]]  # caption, SVG texts


def figures(results: list[dict], track: str) -> list[Figure]:
    """Plots of a track; none where there is nothing to plot."""
    styles = {r["method"]["name"]: number for number, r in enumerate(sorted(results, key=_order))}
    if track in (POCKET, COMPLEX):
        rows, beside = entrants(results, track)
        return _maps(rows + beside, styles, track)
    if track == "sites":
        found = [(r, r["tracks"][track]) for r in ranked(results, track, "summary", "dca_top_n", "value")]
        axes = Axis("DCA cut-off (A)", 0, 10), Axis("ligands found")
        caption = "Ligands found among the first n + 2 pockets, by the distance that counts as found."
        return _single(found, styles, track, "Success curves", caption, ("curve",), axes, ())
    if track == "screening":
        found = [(r, r["tracks"][track]) for r in ranked(results, track, "summary", "roc_auc", "value")]
        axes = Axis("inactive compounds"), Axis("active compounds")
        caption = "Share of active against share of inactive compounds above each score; the diagonal is chance."
        return _single(found, styles, track, "ROC curves", caption, ("roc",), axes, DIAGONAL)
    return []


def _order(result: dict) -> tuple:
    return KINDS.index(kind(result)), result["method"]["name"]


def _maps(rows: list[Entrant], styles: dict[str, int], track: str) -> list[Figure]:
    high = max(
        (finite(find(s, "summary", "headline", key)) or 0 for _, s in rows for key in ("value", "high")), default=0
    )
    axis = Axis("headline (mean Jaccard index)", 0, max(0.1, np.ceil(high * 10) / 10))
    names = [_series(r, styles, ()) for r, _ in rows]
    out = [
        (
            "Headline with its 95 % interval. Hollow: ceilings and controls.",
            [dots(f"{track}-headline", "Headline", _heard(rows), [_value(r, s, styles) for r, s in rows], axis)],
        )
    ]
    for curve, (heading, caption, axes) in CURVES.items():
        panels = [_panel(rows, styles, f"{track}-{curve}", curve, heading, name, axes) for name in CORE]
        if panels := [panel for panel in panels if panel]:
            out.append((caption, [*panels, legend(f"{track}-{curve}-legend", names)]))
    series = [_series(r, styles, _distribution(s)) for r, s in rows]
    if any(one.points for one in series):
        axes = Axis("headline of a site"), Axis("share of sites at or below")
        text = "Cumulative distribution over sites of the mean Jaccard index of the classes that occur in a site."
        plot = curves(f"{track}-sites", "Distribution over sites", text, series, axes)
        out.append((text + " Further to the right is better.", [plot, legend(f"{track}-sites-legend", names)]))
    return out


def _panel(rows: list[Entrant], styles: dict, key: str, curve: str, heading: str, name: str, axes: tuple) -> str:
    series = []
    for r, scores in rows:
        points = find(scores, "channels", name, curve) or ()
        kept = [point for point in points if len(point) < 3 or (finite(point[2]) or 0) >= FEW]
        series.append(_series(r, styles, _points(kept)))
    if not any(one.points for one in series):
        return ""
    guide: Points = DIAGONAL
    if curve == "precision_recall":
        known = [finite(find(scores, "channels", name, "prevalence")) for _, scores in rows]
        level = next((value for value in known if value is not None), None)
        guide = () if level is None else ((0.0, level), (1.0, level))
    text = f"{heading} of the channel {name}, a curve per method; the numbers are in the tables."
    return curves(f"{key}-{name}", name, text, series, axes, guide)


def _single(rows: list[Entrant], styles, track, heading, caption, path, axes, guide) -> list[Figure]:
    series = [_series(r, styles, _points(find(scores, *path) or ())) for r, scores in rows]
    if not any(one.points for one in series):
        return []
    plot = curves(f"{track}-curve", heading, caption, series, axes, guide)
    return [(caption, [plot, legend(f"{track}-curve-legend", [one for one in series if one.points])])]


def _series(result: dict, styles: dict[str, int], points: Points) -> Series:
    about = result["method"]
    return Series(about["title"], points, styles[about["name"]], about["kind"], hollow=about["kind"] in BESIDE)


def _value(result: dict, scores: dict, styles: dict[str, int]) -> Series:
    about = result["method"]
    value, low, high = (finite(find(scores, "summary", "headline", key)) for key in ("value", "low", "high"))
    style, hollow = styles[about["name"]], about["kind"] in BESIDE
    return Series(about["title"], (), style, about["kind"], value, low, high, hollow)


def _heard(rows: list[Entrant]) -> str:
    """The values in words."""
    known = [(r["method"]["title"], finite(find(s, "summary", "headline", "value"))) for r, s in rows]
    return "; ".join(f"{name} {value:.3f}" for name, value in known if value is not None)


def _points(pairs) -> Points:
    """The first two numbers of each, where both are."""
    found = [(finite(pair[0]), finite(pair[1])) for pair in pairs if len(pair) >= 2]
    return tuple((x, y) for x, y in found if x is not None and y is not None)


def _distribution(scores: dict) -> Points:
    """Quantiles of the mean Jaccard index over the sites that the headline is made of, and their level."""
    values = []
    for row in scores.get("entries") or ():
        known = [v for v in (find(row, "jaccard", name) for name in HEADLINE) if finite(v) is not None]
        if row["homology_free"] and known:
            values.append(mean(known))
    return tuple(zip(np.quantile(values, QUANTILES).tolist(), QUANTILES.tolist(), strict=True)) if values else ()
