"""Tables of the other tracks, of the methods themselves, and of the machines that they ran on."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.board.tables_text import (
    NOTHING,
    PUBLISHED_KIND,
    Cell,
    Row,
    Section,
    Table,
    count,
    find,
    interval,
    kind,
    number,
    rank_cells,
    ranked,
    text,
    title,
)
from benchmarks.tracks.hotspots import PUBLISHED
from pocketvox.channels import CORE


@dataclass(frozen=True)
class Column:
    """A column of numbers: its header, and where they stand in the scores of a track.

    A path of one step leads to a number of units, a longer one to an interval.
    """

    header: str
    path: tuple[str, ...]

    def cell(self, result: dict, track: str) -> Cell:
        """The number of a result."""
        value = find(result, "tracks", track, *self.path)
        return count(value) if len(self.path) == 1 else interval(value)


def summary(key: str, header: str) -> Column:
    """A column of the summary."""
    return Column(header, ("summary", key))


Columns = tuple[Column, ...]
SCREENING = (summary("roc_auc", "ROC AUC"), summary("ef1", "enrichment, first 1 %"), summary("bedroc", "BEDROC"))


def metrics(results: list[dict], track: str, heading: str, columns: Columns, note: str = "") -> Table:
    """A table of numbers, one row per result, in the given order."""
    rows = []
    for place, r in zip(rank_cells(results), results, strict=True):
        seen = f"{kind(r)}, sees the ligand" if r["method"]["task"] == "complex" else kind(r)
        rows.append(Row((place, title(r), text(seen), *(c.cell(r, track) for c in columns)), kind(r)))
    return Table(heading, ("rank", "method", "kind", *(column.header for column in columns)), tuple(rows), note)


def _with_rest(results: list[dict], track: str, tables: list[Table], shown: Columns) -> tuple[Table, ...]:
    """The tables, and for the page all numbers of the summaries that none of them shows."""
    keys = dict.fromkeys(key for r in results for key in find(r, "tracks", track, "summary") or {})
    rest = [summary(key, key.replace("_", " ")) for key in keys if ("summary", key) not in {c.path for c in shown}]
    rows = [
        Row((text(column.header), title(r), text(kind(r)), column.cell(r, track)), kind(r))
        for column in rest
        for r in results
    ]
    further = Table("Further numbers", ("quantity", "method", "kind", "value"), tuple(rows), page_only=True)
    return (*tables, further) if rows else tuple(tables)


def hotspots(results: list[dict]) -> Section | None:
    """Median percentiles of ligand atoms within the whole map."""
    results = ranked(results, "hotspots", "summary", "fragments_holo_free", "value")
    if not results:
        return None
    groups = {f"{role}_{state}": f"{role}, {state}" for state in ("holo", "apo") for role in ("fragments", "leads")}
    main = (Column("pairs", ("pairs",)), *(summary(key, header) for key, header in groups.items()))
    free = (Column("pairs", ("pairs_free",)), *(summary(f"{key}_free", header) for key, header in groups.items()))
    checks = (
        summary("specificity", "specificity"),
        *(summary(f"shuffled_{key}", f"{header}, exchanged") for key, header in groups.items()),
    )
    table = metrics(results, "hotspots", "All pairs, with homologues in the training split", main)
    values = {"fragments_holo": PUBLISHED["fragments"], "leads_holo": PUBLISHED["leads"]}
    who = (Cell(NOTHING), text(f"{PUBLISHED['method']}, as published"), text(PUBLISHED_KIND), count(21))
    last = Row((*who, *(number(values.get(key), 0) for key in groups)), PUBLISHED_KIND)
    note = f"Last row: published by others on their own structures, {PUBLISHED['source']}. {PUBLISHED['note']}"
    tables = [
        metrics(results, "hotspots", "Median percentile of ligand atoms, pairs without homologues in training", free),
        Table(table.title, table.header, (*table.rows, last), note),
        metrics(results, "hotspots", "Specificity (1/3 is chance), and percentiles with types exchanged", checks),
    ]
    lead = "Fragment and lead pairs: in which percentile of the whole map do the ligand's atoms lie? Higher is better."
    return Section("hotspots", "hotspots", lead, _with_rest(results, "hotspots", tables, main + free + checks))


def peaks(results: list[dict]) -> Section | None:
    """Distances from observed interactions to the nearest peak."""
    results = ranked(results, "peaks", "summary", "mean_within_1.5", "value")
    if not results:
        return None
    main = (
        Column("sites", ("sites",)),
        summary("mean_within_1.5", "mean of the channels"),
        Column("by chance", ("chance", "mean_within_1.5")),
        summary("peaks_offered", "peaks offered"),
        *(summary(f"within_1.5_{name}", name) for name in CORE),
    )
    distances = tuple(summary(f"median_distance_{name}", name) for name in CORE)
    note = "By chance: as many peaks as the method offers, at random places of the same region."
    tables = [
        metrics(results, "peaks", "Interactions with a peak of their type within 1.5 A", main, note),
        metrics(results, "peaks", "Median distance to the nearest peak (A)", distances, "A dash: too few peaks."),
    ]
    lead = "How near to each observed interaction of a ligand does the map have a peak of the same type?"
    return Section("peaks", "peaks", lead, _with_rest(results, "peaks", tables, main + distances))


def sites(results: list[dict]) -> Section | None:
    """Pockets found."""
    results = ranked(results, "sites", "summary", "dca_top_n", "value")
    if not results:
        return None
    columns = (
        Column("sites", ("sites",)),
        summary("dca_top_n", "DCA, top n"),
        summary("dca_top_n_plus_2", "DCA, top n + 2"),
        summary("dcc_top_n", "DCC, top n"),
        summary("dcc_top_n_plus_2", "DCC, top n + 2"),
        summary("volume_overlap", "volume overlap"),
        summary("ligand_average_precision", "AP of ligandability"),
    )
    note = (
        "Share of ligands found among the first n (n + 2) pockets, n being the number of ligands: distance from the "
        "pocket's centre to any ligand atom (DCA) or to the ligand's centre (DCC) at most 4 A."
    )
    tables = [metrics(results, "sites", "Binding sites", columns, note)]
    return Section("sites", "sites", "Which pockets bind?", _with_rest(results, "sites", tables, columns))


def screening(results: list[dict]) -> Section | None:
    """Ranking of compounds; simple properties of the compounds stand beside the methods."""
    results = ranked(results, "screening", "summary", "roc_auc", "value")
    if not results:
        return None
    table = metrics(results, "screening", "Ranking of compounds", SCREENING)
    rows = list(table.rows)
    for name, values in _controls(results).items():
        rows.append(Row((Cell(NOTHING), text(name), text("control"), *map(interval, values)), "control"))
    note = "Controls rank by a property of the compound alone; a method that does not beat them has found nothing."
    tables = [Table(table.title, table.header, tuple(rows), note), _pose_scores(results)]
    lead = "Do poses of active compounds fit the map better than those of inactive ones? One target; read with care."
    return Section("screening", "screening", lead, _with_rest(results, "screening", tables, SCREENING))


def _controls(results: list[dict]) -> dict[str, list]:
    """Numbers of each control, which are the same whatever the method: from the first result that has them."""
    out: dict[str, list] = {}
    for result in results:
        for name, values in (find(result, "tracks", "screening", "controls") or {}).items():
            out.setdefault(name, [find(values, c.path[-1]) for c in SCREENING])
    return out


def _pose_scores(results: list[dict]) -> Table:
    rows = []
    for r in results:
        for name, values in (find(r, "tracks", "screening", "scores") or {}).items():
            cells = (interval(find(values, c.path[-1])) for c in SCREENING)
            rows.append(Row((title(r), text(kind(r)), text(name.replace("_", " ")), *cells), kind(r)))
    header = ("method", "kind", "score", *(c.header for c in SCREENING))
    note = "How the values at a pose's points make its score. The first table holds the score fixed beforehand, mean."
    return Table("Other scores of a pose", header, tuple(rows), note, page_only=True)


def methods(results: list[dict]) -> Section:
    """What took part, and where it ran."""
    order = sorted(results, key=lambda r: r["method"]["name"])
    described, ran = [], []
    for r in order:
        about = r["method"]
        cells = (about.get(key) for key in ("name", "kind", "task", "scope", "description"))
        described.append(Row((title(r), *map(text, cells), text((about.get("fingerprint") or "")[:12])), kind(r)))
        hardware, versions = (find(r, "environment", key) or {} for key in ("hardware", "versions"))
        ran.append(Row((title(r), text(_line(hardware)), text(_line(versions))), kind(r)))
    header = ("method", "name", "kind", "task", "scope", "description", "weights")
    tables = (
        Table("Methods", header, tuple(described)),
        Table("Hardware and versions", ("method", "hardware", "versions"), tuple(ran)),
        failures(results),
    )
    return Section("methods", "methods", "What took part, and what it ran on.", tuple(t for t in tables if t.rows))


def failures(results: list[dict]) -> Table:
    """Entries that methods failed on, with the reasons that they gave."""
    rows = [
        Row((title(r), text(entry), text(reason)), kind(r))
        for r in sorted(results, key=lambda r: r["method"]["name"])
        for entry, reason in sorted((find(r, "coverage", "failed") or {}).items())
    ]
    return Table("Failures", ("method", "entry", "reason"), tuple(rows), page_only=True)


def _line(values: dict) -> str:
    """``cpu Xeon, cores 2``."""
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in values.items() if value is not None)
