"""docs/leaderboard.html: one file without any request, with the tables of LEADERBOARD.md, sortable, and plots.

Everything from results is escaped, and the page's own script and style are named by their hashes in its content
security policy: a browser runs nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape
from pathlib import Path

from benchmarks.board.page_plots import Figure, figures
from benchmarks.board.tables_text import KINDS, PUBLISHED_KIND, Row, Section, Table
from benchmarks.entries import BENCHMARK_VERSION

STYLE, SCRIPT = (Path(__file__).with_name(name) for name in ("page.css", "page.js"))
PLURALS = {
    "method": "methods",
    "baseline": "baselines",
    "control": "controls",
    "ceiling": "ceilings",
    PUBLISHED_KIND: "published by others",
}


def render_page(sections: list[Section], results: list[dict]) -> str:
    """The page.

    Parameters
    ----------
    sections : list of Section
    results : list of dict
        As ``results/*.json`` hold them, for the plots.

    Returns
    -------
    str
        HTML.
    """
    style, script = (f"\n{path.read_text(encoding='utf-8')}" for path in (STYLE, SCRIPT))
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    links = "".join(f'<li><a href="#{_text(s.key)}">{_text(s.title)}</a></li>' for s in sections)
    parts = [_section(section, figures(results, section.key)) for section in sections]
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Leaderboard of interaction maps</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<header>
<h1>Leaderboard of interaction maps</h1>
<p>How well maps of a protein's binding sites tell where a ligand would make which interaction. Benchmark version
{_text(BENCHMARK_VERSION)}; the protocols and how to submit stand in benchmarks/README.md. In parentheses: 95 %
intervals. To sort, click a header or press Enter on it.</p>
<nav aria-label="Tracks"><ul>{links}</ul></nav>
</header>
<fieldset id="filter" hidden><legend>Show</legend>{_boxes()}</fieldset>
<main>
{chr(10).join(parts)}
</main>
<script>{script}</script>
</body>
</html>
"""


def _section(section: Section, plots: list[Figure]) -> str:
    tables = [_table(table, f"{section.key}-{number}") for number, table in enumerate(section.tables, 1)]
    # the ranking first, then the plots, then everything else
    body = "\n".join([*tables[:1], *map(_figure, plots), *tables[1:]])
    title = f'<h2 id="{section.key}-title">{_text(section.title)}</h2>'
    head = f'<section id="{section.key}" aria-labelledby="{section.key}-title">\n{title}'
    return f"{head}\n<p>{_text(section.text)}</p>\n{body}\n</section>"


def _table(table: Table, key: str) -> str:
    numeric = [table.numeric(column) for column in range(len(table.header))]
    header = "".join(
        f'<th scope="col" aria-sort="none"{_class(right)}><button type="button">{_text(name)}</button></th>'
        for name, right in zip(table.header, numeric, strict=True)
    )
    rows = "\n".join(_row(row, numeric) for row in table.rows)
    out = f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{key}">\n<table>\n'
    out += f"<thead><tr>{header}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n</div>"
    if table.note:
        out += f'\n<p class="note">{_text(table.note)}</p>'
    if table.page_only:
        return f'<details>\n<summary id="{key}">{_text(table.title)}</summary>\n{out}\n</details>'
    return f'<h3 id="{key}">{_text(table.title)}</h3>\n{out}'


def _row(row: Row, numeric: list[bool]) -> str:
    cells = []
    for cell, right in zip(row.cells, numeric, strict=True):
        sort = f' data-sort="{cell.sort!r}"' if right and cell.sort is not None else ""
        cells.append(f"<td{_class(right)}{sort}>{_text(cell.text)}</td>")
    kind = f' data-kind="{_text(row.kind)}"' if row.kind else ""
    return f"<tr{kind}>{''.join(cells)}</tr>"


def _figure(figure: Figure) -> str:
    caption, plots = figure
    panels = "\n".join(plots)
    return f'<figure>\n<div class="panels">\n{panels}\n</div>\n<figcaption>{_text(caption)}</figcaption>\n</figure>'


def _boxes() -> str:
    return "".join(
        f'<label><input type="checkbox" value="{kind}" checked> {PLURALS[kind]}</label>'
        for kind in (*KINDS, PUBLISHED_KIND)
    )


def _class(numeric: bool) -> str:
    return ' class="num"' if numeric else ""


def _hash(text: str) -> str:
    """How a content security policy names an inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _text(text: str) -> str:
    return escape(str(text), quote=True)
