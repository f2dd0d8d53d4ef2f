"""Tables of the map tracks, ``pocket-map`` and ``complex-map``."""

from __future__ import annotations

from benchmarks.board.comparisons import compare, on_same_sites, pool, shipped, site_rows
from benchmarks.board.tables_text import (
    BESIDE,
    RANKED,
    Cell,
    Row,
    Section,
    Table,
    count,
    coverage,
    find,
    finite,
    interval,
    kind,
    mean,
    number,
    probability,
    ranked,
    text,
    title,
)
from pocketvox.channels import CORE, HEADLINE, TYPED

POCKET, COMPLEX = "pocket-map", "complex-map"
#: Channels with fewer positive voxels are marked: one interaction point makes about 19 at 0.75 A.
FEW = 200
#: Methods whose channels are listed.
FIRST = 3
RULE_FIELD = "rule-field"
KNOWS = {
    ("ceiling", "pocket"): "sees the answer, or part of it",
    ("ceiling", "complex"): "sees the answer: receptor and ligand",
    ("control", "pocket"): "knows more, or nothing: see its description",
    ("control", "complex"): "knows more: receptor and ligand",
}
TEXTS = {
    POCKET: (
        "Receptor in, typed map out, scored on the voxels inside the ligands' envelopes, all pooled, at thresholds "
        "chosen on validation data. The headline is the mean Jaccard index of hydrogen bonds, hydrophobic contacts and "
        "pi-stacking over sites without a detectable homologue in the training split."
    ),
    COMPLEX: "Receptor and ligand in, map of the interactions that the ligand makes out; scored like pocket-map.",
}
Entrant = tuple[dict, dict]  # a result and its scores on the track that stands in the table


def entrants(results: list[dict], name: str) -> tuple[list[Entrant], list[Entrant]]:
    """Ranked methods of a map track, best first, and what stands beside them: ceilings of the complex task as well."""

    def on(track: str) -> list[Entrant]:
        return [(r, r["tracks"][track]) for r in ranked(results, track, "summary", "headline", "value")]

    found = on(name)
    also = on(COMPLEX) if name == POCKET and found else []
    beside = [e for e in found + also if kind(e[0]) in BESIDE]
    beside.sort(key=lambda e: -(finite(find(e[1], "summary", "headline", "value")) or 0))
    return [e for e in found if kind(e[0]) in RANKED], beside


def section(results: list[dict], name: str) -> Section | None:
    """Every table of a map track; None if nobody took part."""
    rows, beside = entrants(results, name)
    everything = rows + beside
    if not everything:
        return None
    track = name if shipped(results, name) else POCKET
    best = shipped(results, track)
    reference = (best, best["tracks"][track]) if best else None
    some = reference[1] if reference else everything[0][1]
    size = (
        f" {count(some.get('sites')).text} sites of {count(some.get('entries_scored')).text} entries in "
        f"{count(some.get('clusters')).text} clusters, {count(some.get('voxels')).text} voxels."
    )
    tables = (
        _methods(rows),
        _beside(beside, reference, some),
        _comparisons(everything, reference),
        _classes(everything),
        _channels(rows),
        _strata(rows, everything),
        _counts(everything),
    )
    return Section(name, name, TEXTS[name] + size, tuple(t for t in tables if t and t.rows))


NUMBERS = ("headline", *HEADLINE, "set Jaccard", "core AP", "core calibration error")


def _numbers(scores: dict) -> tuple[Cell, ...]:
    """Cells of the columns :data:`NUMBERS`."""
    errors = (find(scores, "channels", channel, "calibration_error", "value") for channel in CORE)
    return (
        interval(find(scores, "summary", "headline")),
        *(number(find(scores, "classes", name, "jaccard", "value")) for name in HEADLINE),
        interval(find(scores, "summary", "set_jaccard")),
        interval(find(scores, "summary", "core_average_precision")),
        number(mean(errors)),
    )


def _methods(rows: list[Entrant]) -> Table:
    note = (
        "In parentheses 95 % intervals, bootstrapped over sequence clusters. hbond, hydrophobic, pi_stacking: Jaccard "
        "index. Set Jaccard: of the true and the predicted set of core channels, voxel by voxel. Core AP: mean average "
        "precision of the four core channels. Calibration error: expected, mean of the core channels. Coverage: "
        "predicted of the entries of its sets; failures count as empty maps."
    )
    body = [
        Row((count(place), title(r), text(kind(r)), *_numbers(scores), coverage(r)), kind(r))
        for place, (r, scores) in enumerate(rows, 1)
    ]
    return Table("Methods", ("rank", "method", "kind", *NUMBERS, "coverage"), tuple(body), note)


def _beside(rows: list[Entrant], reference: Entrant | None, some: dict) -> Table:
    body = []
    for r, scores in rows:
        own = pool(list(site_rows(scores).values()))
        theirs = pool(on_same_sites(scores, reference[1])[1]) if reference else None
        same = number(theirs.headline if theirs else None)
        sites = Cell(f"{own.sites:,} of {count(some.get('sites')).text}", own.sites)
        knows = text(KNOWS[kind(r), r["method"]["task"]])
        body.append(Row((title(r), text(kind(r)), knows, *_numbers(scores), sites, same, coverage(r)), kind(r)))
    who = reference[0]["method"]["title"] if reference else "the shipped preset"
    note = (
        "Not ranked: these see the answer or know more than a method may, or show what is reached without learning. "
        "Ceilings are scored on the entries that they have. Last but one column: the headline of "
        f"{who} on exactly the sites that the row covers."
    )
    header = ("method", "kind", "what it knows", *NUMBERS, "sites", "shipped preset on these sites", "coverage")
    return Table("Ceilings and controls", header, tuple(body), note)


def _comparisons(rows: list[Entrant], reference: Entrant | None) -> Table | None:
    if reference is None:
        return None
    name = reference[0]["method"]["name"]
    others = {r["method"]["name"]: (r, scores) for r, scores in rows if r["method"]["name"] != name}
    found = compare({key: scores for key, (_, scores) in others.items()}, reference[1])
    body = []
    for key, test in found.items():
        r = others[key][0]
        headlines = number(test.method.headline), number(test.reference.headline), number(test.difference)
        tests = probability(test.p_value), probability(test.adjusted)
        size = count(test.method.sites), count(test.method.clusters)
        body.append(Row((title(r), text(kind(r)), *size, *headlines, *tests), kind(r)))
    note = (
        f"Shipped preset: {reference[0]['method']['title']}. On the sites that both cover; difference of the headline, "
        "method minus shipped preset; p by exchanging the two methods' results cluster by cluster, and adjusted by "
        "Holm over all comparisons of this track."
    )
    header = ("method", "kind", "sites", "clusters", "headline", "shipped preset", "difference", "p", "p (Holm)")
    return Table("Paired comparisons with the shipped preset", header, tuple(body), note)


def _classes(rows: list[Entrant]) -> Table:
    body = []
    for name in HEADLINE:
        for r, scores in rows:
            found = find(scores, "classes", name)
            if found:
                body.append(Row((text(name), title(r), text(kind(r)), *_scores(found)), kind(r)))
    header = ("class", "method", "kind", *_SCORES)
    return Table("Headline classes", header, tuple(body), "Best Jaccard: at the best threshold on these voxels.")


_SCORES = ("positives", "prevalence", "threshold", "Jaccard", "Dice", "average precision", "best Jaccard")


def _scores(found: dict) -> tuple[Cell, ...]:
    """Cells of the columns :data:`_SCORES`."""
    return (
        count(found.get("positives")),
        number(found.get("prevalence"), 4),
        number(found.get("threshold")),
        *(interval(found.get(key)) for key in ("jaccard", "dice", "average_precision")),
        number(found.get("best_jaccard")),
    )


def _channels(rows: list[Entrant]) -> Table:
    body = []
    for name in TYPED:
        for r, scores in rows[:FIRST]:
            found = find(scores, "channels", name)
            if found:
                few = (finite(found.get("positives")) or 0) < FEW
                errors = (interval(found.get(key)) for key in ("brier", "calibration_error"))
                label = Cell(f"{name} (few)" if few else name)
                body.append(Row((label, title(r), *_scores(found), *errors), kind(r)))
    note = (
        f"The first {FIRST} methods. (few): fewer than {FEW} positive voxels, about ten interactions; read nothing "
        "from such a row."
    )
    return Table("Channels", ("channel", "method", *_SCORES, "Brier score", "calibration error"), tuple(body), note)


def _strata(rows: list[Entrant], everything: list[Entrant]) -> Table | None:
    if not rows:
        return None
    chosen = rows[:1] + [e for e in everything if e[0]["method"]["name"] == RULE_FIELD and e[0] is not rows[0][0]]
    body = []
    for stratum, classes in (rows[0][1].get("strata") or {}).items():
        for one in classes:
            cells = []
            for _, scores in chosen:
                same = {c.get("name"): c for c in find(scores, "strata", stratum) or ()}.get(one.get("name"))
                cells.append(interval(find(same, "headline")))
            body.append(Row((text(stratum), text(one.get("name")), count(one.get("sites")), *cells)))
    header = ("property", "class", "sites", *(f"headline, {r['method']['title']}" for r, _ in chosen))
    note = "The headline by what may make a site easy or hard, of the first method and the rule field."
    return Table("Strata", header, tuple(body), note)


def _counts(rows: list[Entrant]) -> Table:
    body = []
    for name in CORE:
        for r, scores in rows:
            found = find(scores, "counts", name)
            if found:
                values = (number(found.get(key)) for key in ("bias", "lower", "upper", "kappa"))
                body.append(Row((text(name), title(r), text(kind(r)), count(found.get("n")), *values), kind(r)))
    header = ("channel", "method", "kind", "pockets", "bias", "lower limit", "upper limit", "kappa")
    note = (
        "Interactions per pocket, map minus detection in the complex: bias and 95 % limits of agreement (Bland and "
        "Altman), and kappa (linear weights)."
    )
    return Table("Agreement of counts", header, tuple(body), note)
