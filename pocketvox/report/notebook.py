"""Results in notebooks: tables, the report in a frame, data frames."""

from __future__ import annotations

import io
from dataclasses import dataclass
from html import escape

from pocketvox.errors import MissingExtraError
from pocketvox.report.colours import NAMES
from pocketvox.report.page_sections import plain_table
from pocketvox.report.result import Result
from pocketvox.report.tables import fixed, hotspots_csv, pockets_csv, ranked_hotspots

#: Hot-spots in the table of a notebook.
MOST_ROWS = 12


@dataclass(frozen=True)
class View:
    """The report of a result in a frame of a notebook.

    Attributes
    ----------
    result : Result
    height : int
        Of the frame (pixels).
    """

    result: Result
    height: int = 900

    def _repr_html_(self) -> str:
        from pocketvox.report.page import page_html

        page = escape(page_html(self.result), quote=True)
        return f'<iframe srcdoc="{page}" width="100%" height="{self.height}" style="border:0"></iframe>'


def result_html(result: Result) -> str:
    """What a notebook shows of a result: its pockets and its best hot-spots."""
    head = ("pocket", "probability", "volume (\u00c5\u00b3)", "depth (\u00c5)", "hot-spots")
    pockets = plain_table(
        (*head, "pLDDT") if result.predicted else head,
        (
            (
                p.name,
                fixed(p.probability, 2),
                fixed(p.volume, 0),
                fixed(p.depth, 1),
                len(p.hotspots),
                *([] if p.plddt is None else [fixed(p.plddt, 0)]),
            )
            for p in result.pockets
        ),
    )
    found = ranked_hotspots(result.pockets)
    hotspots = plain_table(
        ("type", "pocket", "probability", "score", "position (\u00c5)", "with"),
        (
            (
                NAMES.get(h.type, h.type),
                p.name,
                fixed(h.probability, 2),
                fixed(h.score, 2),
                ", ".join(fixed(v, 1) for v in h.coord),
                ", ".join(h.partners),
            )
            for p, h in found[:MOST_ROWS]
        ),
    )
    more = f"<p>The best {MOST_ROWS} of {len(found)} hot-spots.</p>" if len(found) > MOST_ROWS else ""
    return f"<h4>{escape(result.name)}</h4>{pockets}{hotspots}{more}"


def frames(result: Result):
    """The tables of a scan as data frames; see :meth:`Result.to_pandas`."""
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError(
            "Data frames need pandas. Install it with: pip install 'pocketvox[notebook]'"
        ) from error
    tables = (pockets_csv(result.pockets), hotspots_csv(result.pockets))
    return tuple(pandas.read_csv(io.StringIO(table)) for table in tables)
