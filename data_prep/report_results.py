"""Sections of the training report that tell of the test split; each function gives lines of Markdown."""

from __future__ import annotations

from data_prep.direction_truth import GOOD, MATCH
from data_prep.report_logs import Inputs
from data_prep.report_plots import Panel, Series, figure
from data_prep.report_tables import NOTHING, cell, count, mean, measurement_table, number, table
from pocketvox.channels import CORE, HEADLINE, TYPED

POCKET, COMPLEX = "pocket-map", "complex-map"
RULE_FIELD = "rule-field"
RANKED = ("method", "baseline")
TOO_FEW = "too few to say"
RELIABILITY = "training-reliability"


def interval(value: dict | None) -> str:
    """``0.123 (0.100 to 0.150)``, or as much of it as is known."""
    if not value or value["value"] is None:
        return NOTHING
    middle = number(value["value"])
    known = value["low"] is not None and value["high"] is not None
    return f"{middle} ({number(value['low'])} to {number(value['high'])})" if known else middle


def core_best(scores: dict) -> float | None:
    """Mean best Jaccard index of the core channels; None if one is not known."""
    return mean(scores["channels"].get(name, {}).get("best_jaccard") for name in CORE)


def ratio(scores: dict, rule: dict | None) -> float | None:
    """Mean best Jaccard index of the core channels over the rule field's; None unless both are of the same sites."""
    if rule is None or any(scores[key] != rule[key] for key in ("sites", "voxels")):
        return None
    own, other = core_best(scores), core_best(rule)
    return own / other if own is not None and other else None


def released(inputs: Inputs) -> dict | None:
    """Test scores of the released preset on receptor-only maps."""
    return inputs.results.get(inputs.experiments["preset"], {}).get("tracks", {}).get(POCKET)


# ---------------------------------------------------------------------------------------------------------- calibration
def calibration_section(inputs: Inputs) -> list[str]:
    """Expected calibration errors of the released preset by channel, and reliability diagrams."""
    scores = released(inputs)
    if scores is None:
        return ["Not scored on the test split.", ""]
    rows = []
    for name in TYPED:
        if (found := scores["channels"].get(name)) is None:
            continue
        body = [TOO_FEW, NOTHING, NOTHING]
        if enough(found, inputs):
            error = found["calibration_error"]
            share = error["value"] / found["prevalence"] if error["value"] is not None else None
            body = [interval(error), number(share, 2), interval(found["brier"])]
        rows.append([f"`{name}`", number(found["prevalence"], 4), *body])
    header = ("channel", "prevalence", "calibration error", "over prevalence", "Brier score")
    return [
        "Expected calibration error of the released preset on the test split, inside ligand envelopes. A map that "
        "gives nothing but 0 has a calibration error equal to the prevalence: an error of about once the prevalence "
        "is no calibration.",
        "",
        *table(header, rows),
        f"![Reliability of the released preset](figures/{RELIABILITY}.svg)",
        "",
        f"Bins of fewer than {inputs.experiments['few_voxels']} voxels are not drawn.",
        "",
    ]


def enough(channel: dict, inputs: Inputs) -> bool:
    """Whether a channel has positive voxels enough to say something of it."""
    return channel["positives"] >= inputs.experiments["few_voxels"]


def reliability_figure(inputs: Inputs) -> dict[str, str]:
    """SVG text of a panel for each channel of the released preset that has more than one bin."""
    scores, few = released(inputs), inputs.experiments["few_voxels"]
    panels = []
    for name in TYPED if scores else ():
        found = scores["channels"].get(name)
        bins = [(p, seen) for p, seen, voxels in found["reliability"] if voxels >= few] if found else []
        if len(bins) > 1 and enough(found, inputs):
            series = (Series(name, tuple(bins), marks=True),)
            panels.append(Panel(name, "probability", "observed", series, ((0.0, 0.0), (1.0, 1.0)), fixed=True))
    if not panels:
        return {}
    text = "How often a voxel is positive, against its probability; on the diagonal they are equal."
    return {RELIABILITY: figure("Reliability", text, panels, 3, legend=False)}


# ----------------------------------------------------------------------------------------------------------- directions
def further_section(inputs: Inputs) -> list[str]:
    """What scans say of their certainty, explanations, normalisation, pruning and directions, as far as measured."""
    lines = []
    for found in (inputs.trust, inputs.explanations, inputs.normalization, inputs.pareto):
        for measured in found["tables"] if found is not None else ():
            words = f"Preset `{found['preset']}`. {measured['text']}" if "preset" in found else measured["text"]
            lines += [f"### {measured['title']}", "", words, "", *measurement_table(measured["rows"])]
    if inputs.directions is not None:
        lines += ["### Directions of hot-spots", "", *_directions(inputs.directions)]
    return lines or ["Not measured.", ""]


def _directions(measured: dict) -> list[str]:
    """Angular errors by split, place, channel and way."""
    rows = []
    for split, places in measured["errors"].items():
        for place, channels in places.items():
            for channel, ways in channels.items():
                for way, found in ways.items():
                    numbers = (number(found.get(key), 1) for key in ("median", "p90"))
                    body = [count(found["count"]), *numbers, number(found.get("good"))]
                    rows.append([split, place, f"`{channel}`", way, *body])
    header = ("split", "place", "channel", "way", "count", "median (degrees)", "90th percentile", "share that is good")
    words = (
        f"Preset `{measured['preset']}`. Angle to the nearest true direction, at true interaction points and at "
        f"hot-spots within {MATCH:g} A of one; good: below {GOOD:g} degrees. Scans give the way `rules`; the others "
        "are those of `data_prep/directions.py`."
    )
    return [words, "", *table(header, rows, words=4)]


# ----------------------------------------------------------------------------------------------------------- test split
def test_section(inputs: Inputs) -> list[str]:
    """Methods, baselines and ceilings on the test split, then the released preset channel by channel."""
    scores = released(inputs)
    if scores is None:
        return ["Not scored on the test split.", ""]
    size = ((count(scores[key]), key) for key in ("sites", "clusters", "voxels"))
    lines = [f"Scored on {', '.join(f'{n} {what}' for n, what in size)}; thresholds chosen on the validation split. In "
             "parentheses 95 % intervals, bootstrapped over families. Core: mean of the four core channels. Over the "
             "rule field: core best Jaccard index over that of the rule field, where both have the same sites. More, "
             "with paired tests: [leaderboard](leaderboard.html).", ""]  # fmt: skip
    lines += _methods(inputs)
    lines += ["Average precision:", "", *_precision(inputs)]
    few = inputs.experiments["few_voxels"]
    note = f"Channels of fewer than {few} positive voxels: {TOO_FEW}."
    lines += [f"`{inputs.experiments['preset']}` by channel, with its Jaccard index at the chosen threshold and at the "
              f"best one. {note} Ligands with one are those of the test split of the data store.", ""]  # fmt: skip
    return lines + _channels(inputs, scores)


def entrants(inputs: Inputs) -> list[tuple[dict, dict]]:
    """Methods and baselines, best headline first; then ceilings and controls, also of the task with a ligand."""
    found = [(r, r["tracks"].get(POCKET) or r["tracks"].get(COMPLEX)) for r in inputs.results.values()]
    found = [(r, scores) for r, scores in found if scores]

    def order(entrant: tuple[dict, dict]) -> tuple:
        result, scores = entrant
        return not _ranked(result), -(scores["summary"]["headline"]["value"] or 0), result["method"]["name"]

    return sorted(found, key=order)


def _ranked(result: dict) -> bool:
    return result["method"]["kind"] in RANKED and POCKET in result["tracks"]


def _rule(inputs: Inputs) -> dict | None:
    return inputs.results.get(RULE_FIELD, {}).get("tracks", {}).get(POCKET)


def _methods(inputs: Inputs) -> list[str]:
    rows = []
    for result, scores in entrants(inputs):
        summary, times = scores["summary"], ratio(scores, _rule(inputs))
        rows.append(
            [
                cell(result["method"]["title"]),
                result["method"]["kind"] + (", sees the ligand" if POCKET not in result["tracks"] else ""),
                count(scores["sites"]),
                interval(summary["headline"]),
                *(number(scores["classes"].get(name, {}).get("jaccard", {}).get("value")) for name in HEADLINE),
                number(core_best(scores)),
                f"{times:.2f}x" if times else NOTHING,
                interval(summary["core_average_precision"]),
                f"{count(result['coverage']['predicted'])} of {count(result['coverage']['entries'])}",
            ]
        )
    header = ["method", "kind", "sites", "headline", *(f"Jaccard {name}" for name in HEADLINE)]
    header += ["core best Jaccard", "over the rule field", "core AP", "entries"]
    return table(header, rows, words=2)


def _precision(inputs: Inputs) -> list[str]:
    """Average precision of ranked methods: a row per channel of which enough is there."""
    ranked = [(r, scores) for r, scores in entrants(inputs) if _ranked(r)]
    own = released(inputs)["channels"]
    names = [name for name in TYPED if name in own and enough(own[name], inputs)]
    rows = []
    for name in names:
        found = (scores["channels"].get(name, {}).get("average_precision") for _, scores in ranked)
        rows.append([f"`{name}`", number(own[name]["prevalence"], 4), *(interval(value) for value in found)])
    return table(["channel", "prevalence", *(cell(r["method"]["title"]) for r, _ in ranked)], rows)


def _channels(inputs: Inputs, scores: dict) -> list[str]:
    rows = []
    ligands = _test_ligands(inputs)
    for name in TYPED:
        if (found := scores["channels"].get(name)) is None:
            continue
        body = [TOO_FEW, NOTHING, NOTHING]
        if enough(found, inputs):
            body = [interval(found[key]) for key in ("average_precision", "jaccard")] + [number(found["best_jaccard"])]
        rows.append([f"`{name}`", count(found["positives"]), count(ligands.get(name)), *body])
    header = ("channel", "positive voxels", "ligands with one", "average precision", "Jaccard", "best Jaccard")
    return table(header, rows)


def _test_ligands(inputs: Inputs) -> dict[str, int]:
    """Ligands of the test split that have an interaction point of a channel."""
    stores = inputs.data["stores"] if inputs.data else ()
    counts = [store["splits"]["test"] for store in stores if store["kind"] == "real" and "test" in store["splits"]]
    return {name: found["ligands"] for one in counts for name, found in one["channels"].items()}
