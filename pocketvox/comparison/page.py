"""The report of a comparison: one HTML file with tables and drawings, without scripts or requests."""

from __future__ import annotations

from html import escape
from importlib.resources import files as resources

from pocketvox.channels import LIGAND
from pocketvox.comparison.alignment_view import alignment
from pocketvox.comparison.result import GAINED, KEPT, LOST, NOT_COMPARABLE, STATUSES, Comparison, HotspotChange
from pocketvox.comparison.tables import optional
from pocketvox.report.colours import COLOURS, NAMES
from pocketvox.report.page_sections import Markup, plain_table
from pocketvox.report.result import Result
from pocketvox.report.tables import fixed

#: Colours of statuses: blue and orange are told apart with any colour vision, and the words stand beside them.
STATUS_COLOURS = {KEPT: "#6b7280", GAINED: "#0072b2", LOST: "#d55e00", NOT_COMPARABLE: "#b5b9c0"}
WORDS = {KEPT: "kept", GAINED: "gained", LOST: "lost", NOT_COMPARABLE: "not comparable"}
#: Hot-spots in the drawing, those that change most.
MOST_DRAWN = 30
#: Partners listed per hot-spot and structure, the nearest; hotspots.csv has all.
MOST_PARTNERS = 3
#: Rows and columns of the drawing (pixels).
_ROW, _LEFT, _WIDTH, _RIGHT = 20, 300, 420, 90

_STYLE = """
main { display: block; }
section { max-width: 1800px; }
.scroll { max-height: none; }
.status { font-weight: 600; }
section > table { width: auto; }
td, th { overflow-wrap: normal; }
#hotspots td:nth-child(-n+8), #changed td:nth-child(-n+13) { white-space: nowrap; }
#hotspots td:nth-child(9), #hotspots td:nth-child(10) { min-width: 10rem; }
#hotspots td:last-child, #changed td:last-child { min-width: 18rem; }
pre.alignment { font: 13px/1.25 ui-monospace, monospace; overflow-x: auto; }
pre.alignment b { color: #d55e00; }
pre.alignment u { text-decoration-thickness: 2px; }
svg.changes { max-width: 810px; width: 100%; font-size: 12px; }
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<header><h1>{title}</h1><p>{subtitle}</p></header>
<main>
{body}
</main>
</body>
</html>
"""


def page_html(found: Comparison) -> str:
    """The report as HTML; the same comparison gives the same text."""
    from pocketvox import __version__

    sections = (
        ("What changed", what_changed(found) + drawing(found)),
        ("Hot-spots", _HOTSPOTS + hotspots_table(found)),
        ("Pockets", pockets_table(found)),
        ("Volumes gained and lost", volumes(found)),
        ("Superposition and alignment", superposition(found) + alignment(found)),
        ("Warnings", _warnings(found)),
        ("Provenance", _provenance(found, __version__)),
    )
    body = "\n".join(f"<section><h2>{title}</h2>\n{text}</section>" for title, text in sections)
    css = (resources("pocketvox.report") / "page_assets" / "report.css").read_text(encoding="utf-8")
    return _PAGE.format(
        title=escape(f"{found.a.name} (A) and {found.b.name} (B)"),
        subtitle=escape(f"compared by pocketvox, {found.a.preset} ({found.a.engine})"),
        style=css + _STYLE,
        body=body,
    )


_HOTSPOTS = (
    "<p>Largest change first. <em>Probability</em>: that a ligand atom there makes the interaction, if one is there. "
    "<em>Score</em>: times the probability that one is. Where a structure has no such hot-spot, the highest values of "
    "its map nearby. <em>Why</em>: residues near it that differ.</p>"
)


def what_changed(found: Comparison) -> str:
    """Counts of hot-spots by what became of them, and what the noise says of them."""
    noise = found.noise
    known = noise is not None
    rows = [
        (
            Markup(_status(status)),
            found.count(status),
            found.count(status, above_noise=True) if known else "",
            sum(p.status == status for p in found.pockets),
        )
        for status in STATUSES
    ]
    table = plain_table(("", "hot-spots", "of them above the noise", "pockets"), rows)
    if not known:
        return f"{table}<p>How much this preset's maps of one protein differ between crystals is not known.</p>"
    return (
        f"{table}<p>Noise: between crystal structures of one protein with the same ligand {100 * noise.kept:.0f} % of "
        "the hot-spots are kept, and 95 % of them change by less than what counts as above it here.</p>"
    )


def drawing(found: Comparison) -> str:
    """The hot-spots that change most: score in A (open circle) and in B (filled), joined by a line."""
    spots = [h for h in found.hotspots if h.status != NOT_COMPARABLE][:MOST_DRAWN]
    if not spots:
        return "<p>No hot-spots to compare.</p>"
    most = max(0.1, *(v for h in spots for v in (h.score_a, h.score_b)))
    rows = "".join(_row(k, spot, most) for k, spot in enumerate(spots))
    height, base = _ROW * (len(spots) + 1) + 24, _ROW * len(spots) + 8
    axis = "".join(
        f'<text x="{x}" y="{base + 18}" text-anchor="middle">{share * most:.2f}</text>'
        f'<line x1="{x}" x2="{x}" y1="2" y2="{base}" stroke="#e6e9ee"/>'
        for share, x in ((0, _LEFT), (0.5, _LEFT + _WIDTH // 2), (1, _LEFT + _WIDTH))
    )
    return (
        "<p>Score of the hot-spots that change most, in A (open circle) and in B (filled); * above the noise.</p>"
        f'<svg class="changes" viewBox="0 0 {_LEFT + _WIDTH + _RIGHT} {height}" role="img" '
        f'aria-label="Scores of {len(spots)} hot-spots in A and in B; numbers are in the table">{axis}{rows}</svg>'
    )


def hotspots_table(found: Comparison) -> str:
    """Every hot-spot."""
    head = ("", "type", "score A \u2192 B", "change", "probability A \u2192 B", "above noise", "pockets A, B")
    rows = []
    for spot in found.hotspots:
        with_ = [", ".join((h.partners if h else ())[:MOST_PARTNERS]) for h in (spot.a, spot.b)]
        rows.append(
            (
                Markup(_status(spot.status)),
                Markup(_type(spot.type)),
                f"{fixed(spot.score_a, 2)} \u2192 {fixed(spot.score_b, 2)}",
                f"{spot.change:+.2f}",
                f"{fixed(spot.probability_a, 2)} \u2192 {fixed(spot.probability_b, 2)}",
                {True: "yes", False: "no", None: ""}[spot.above_noise],
                f"{spot.pocket_a or '-'}, {spot.pocket_b or '-'}",
                " ".join(fixed(v, 1) for v in spot.coord),
                *with_,
                "; ".join(spot.reasons),
            )
        )
    return _scroll(plain_table((*head, "x, y, z", "with in A", "with in B", "why"), rows, "hotspots"))


def pockets_table(found: Comparison) -> str:
    """Every pocket."""
    names = ("probability", "score", "volume", "depth")
    head = ("", "A", "B", "overlap", *(f"{name} {side}" for name in names for side in "AB"), "comparable", "lined by")
    rows = []
    for row in found.pockets:
        both = (row.a, row.b)
        digits = dict(zip(names, (2, 1, 0, 1), strict=True))
        rows.append(
            (
                Markup(_status(row.status)),
                *(p.name if p else "" for p in both),
                fixed(row.overlap, 2),
                *(fixed(getattr(p, name), n) if p else "" for name, n in digits.items() for p in both),
                f"{100 * row.comparable:.0f} %",
                " ".join((row.a or row.b).residue_ids),
            )
        )
    return _scroll(plain_table(head, rows, "changed"))


def volumes(found: Comparison) -> str:
    """Volumes of difference maps above the noise."""
    if found.changed is None:
        return "<p>The noise of this preset's maps is not known.</p>"
    rows = [
        (Markup(_type(name)), fixed(found.noise.map[name], 3), *(fixed(v, 0) for v in values))
        for name, values in found.changed.items()
    ]
    note = (
        "<p>Voxels that change by more than 99 % of those in pockets do between crystal structures of one protein.</p>"
    )
    return note + plain_table(("map", "more than", "gained (\u00c5\u00b3)", "lost (\u00c5\u00b3)"), rows)


def superposition(found: Comparison) -> str:
    """How the structures were superposed."""
    corresponding = found.correspondence
    rows = [
        (
            "fitted to",
            {"global": "all corresponding residues", "pocket": "the best pocket of A"}.get(found.fit, "nothing"),
        ),
        ("corresponding residues", f"{found.matched}, {100 * corresponding.identity:.1f} % identical"),
        ("in the fit", int(corresponding.fitted.sum())),
        ("RMSD of those (\u00c5)", optional(found.rmsd, 2)),
        ("RMSD of all (\u00c5)", optional(found.rmsd_all, 2)),
    ]
    return plain_table(("", ""), rows)


def _row(number: int, spot: HotspotChange, most: float) -> str:
    y, colour = _ROW * number + 14, STATUS_COLOURS[spot.status]
    x = [_LEFT + _WIDTH * v / most for v in (spot.score_a, spot.score_b)]
    partner = next(iter((spot.a or spot.b).partners), "")
    label = f"{NAMES.get(spot.type, spot.type)}, {partner}" if partner else NAMES.get(spot.type, spot.type)
    word = WORDS[spot.status] + (" *" if spot.above_noise else "")
    return (
        f'<text x="{_LEFT - 12}" y="{y + 4}" text-anchor="end">{escape(label)}</text>'
        f'<line x1="{x[0]:.1f}" x2="{x[1]:.1f}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2"/>'
        f'<circle cx="{x[0]:.1f}" cy="{y}" r="4.5" fill="#fff" stroke="{colour}" stroke-width="1.5"/>'
        f'<circle cx="{x[1]:.1f}" cy="{y}" r="4.5" fill="{colour}"/>'
        f'<text x="{_LEFT + _WIDTH + 10}" y="{y + 4}" fill="{colour}">{word}</text>'
    )


def _status(status: str) -> str:
    return f'<span class="status" style="color:{STATUS_COLOURS[status]}">{WORDS[status]}</span>'


def _type(channel: str) -> str:
    colour = COLOURS.get(channel, COLOURS[LIGAND])
    return f'<span class="swatch" style="background:{colour}"></span>{escape(NAMES.get(channel, channel))}'


def _scroll(table: str) -> str:
    return f'<div class="scroll">{table}</div>'


def _warnings(found: Comparison) -> str:
    if not found.warnings:
        return "<p>None.</p>"
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in found.warnings)}</ul>"


def _provenance(found: Comparison, version: str) -> str:
    def source(result: Result) -> str:
        return f"{result.source or result.name}, sha256 {result.sha256}"

    grid = found.difference.grid
    rows = (
        ("A", source(found.a)),
        ("B", source(found.b)),
        ("preset", f"{found.a.preset} ({found.a.fingerprint[:12]})"),
        ("engine", found.a.engine),
        ("orientations averaged", found.a.rotations),
        ("grid", f"{' x '.join(map(str, grid.shape))} voxels of {grid.spacing:g} \u00c5"),
        ("comparable", f"{100 * found.comparable.mean():.1f} % of it"),
        ("program", f"pocketvox {version}"),
    )
    return plain_table(("", ""), rows)
