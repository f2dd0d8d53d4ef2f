"""Sections of the training report that tell of data and training; each function gives lines of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from data_prep.report_logs import Inputs, Run, chain
from data_prep.report_plots import Panel, Series, figure
from data_prep.report_words import describe, validation_words
from data_prep.split import SPLITS
from pocketvox.channels import CORE, LIGAND, TYPED

NOTHING = "-"
#: Key of the table of runs that no declared table names.
OTHERS = "others"


# ------------------------------------------------------------------------------------------------------------- Markdown
def table(header: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1, last: bool = False) -> list[str]:
    """A Markdown table and an empty line; the first ``words`` columns, and the ``last``, hold words, not numbers."""
    marks = ["---" if k < words or (last and k == len(header) - 1) else "---:" for k in range(len(header))]
    lines = [header, marks, *([cell(value) for value in row] for row in rows)]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


def cell(text: str) -> str:
    """Text that stays within its cell."""
    return " ".join(str(text).split()).replace("|", r"\|") or NOTHING


def number(value: float | None, digits: int = 3) -> str:
    """``0.123``, or a dash for what is not known."""
    return NOTHING if value is None else f"{round(value, digits) + 0.0:,.{digits}f}"


def count(value: int | None) -> str:
    """``12,345``, or a dash."""
    return NOTHING if value is None else f"{value:,}"


def share(part: int, whole: int) -> str:
    """``12.3 %``, or a dash of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else NOTHING


def mean(values: Iterable[float | None]) -> float | None:
    """Mean, or None if one is not known."""
    values = list(values)
    return None if None in values or not values else sum(values) / len(values)


# ----------------------------------------------------------------------------------------------------------------- data
def data_section(inputs: Inputs) -> list[str]:
    """What the stores hold, and how it is spread over types and families."""
    if inputs.data is None:
        return ["Not counted.", ""]
    kinds = [(f"{store['kind']} (`{store['name']}`)", store) for store in inputs.data["stores"]]
    parts = [(kind, split, c) for kind, store in kinds for split, c in store["splits"].items()]
    parts.sort(key=lambda part: (not part[0].startswith("real"), SPLITS.index(part[1])))
    sizes = [
        (f"{kind}, {split}", count(c["structures"]), count(c["ligands"]), count(c["families"]))
        + tuple(share(c[name], c["ligands"]) for name in ("largest_family", "ten_largest"))
        for kind, split, c in parts
    ]
    header = ("data", "structures", "ligands", "families", "ligands of the largest family", "of the ten largest")
    lines = table(header, sizes)
    lines += ["Interaction points by type and, in parentheses, the share of ligands that have one:", ""]
    rows = []
    for name in TYPED:
        found = [(c["channels"][name], c["ligands"]) for _, _, c in parts]
        rows.append([f"`{name}`", *(f"{count(c['points'])} ({share(c['ligands'], n)})" for c, n in found)])
    lines += table(["channel", *(f"{kind}, {split}" for kind, split, _ in parts)], rows)
    stores = "; ".join(f"{kind} `{store['sha256'][:12]}`" for kind, store in kinds)
    return [*lines, f"Counted by `{inputs.data['command']}`; sha256 of the stores begin with {stores}.", ""]


# ------------------------------------------------------------------------------------------------------ released preset
def released_section(inputs: Inputs) -> list[str]:
    """Stages of the released preset in words, the commands that repeat them, and its validation scores."""
    name, stages = inputs.experiments["preset"], inputs.experiments["stages"]
    lines = [f"`{name}`, fingerprint `{inputs.presets[name]['fingerprint'][:12]}`.", ""]
    for stage_number, stage in enumerate(stages, 1):
        run = inputs.runs[stage["run"]]
        spent = f"{steps(run)} steps, {number(run.hours, 1)} hours; weights of step {count(run.kept_steps)} kept"
        lines += [f"Stage {stage_number}, run `{run.name}` ({spent}):", ""]
        lines += [*(f"- {line}" for line in describe(run.config)), ""]
    lines += ["To train it again:", ""]
    for stage in stages:
        lines += [f"    {stage['before']}"] if "before" in stage else []
        lines.append(f"    pocketvox train --config {stage['config']} -o runs/{stage['run']}")
    options = " ".join(filter(None, (f"--card {inputs.experiments['card']}", inputs.experiments.get("release"))))
    lines += [f"    python -m data_prep.release runs/{stages[-1]['run']} -o models/{name} {options}", ""]
    lines += [
        "Thresholds, calibration and pocket settings were fitted on whole proteins of the validation split. Best "
        "Jaccard index / average precision there:",
        "",
    ]
    return lines + _presets(inputs.presets)


def _presets(presets: dict[str, dict]) -> list[str]:
    scores = {name: preset["metrics"]["validation"] for name, preset in presets.items()}
    rows = []
    for channel in (*TYPED, LIGAND):
        both = ((s["jaccard"].get(channel), s["average_precision"].get(channel)) for s in scores.values())
        rows.append([f"`{channel}`", *(f"{number(j)} / {number(ap)}" for j, ap in both)])
    core = ([mean(s[key].get(c) for c in CORE) for key in ("jaccard", "average_precision")] for s in scores.values())
    rows.append(["mean of the core channels", *(f"{number(j)} / {number(ap)}" for j, ap in core)])
    for key, title in (("top_n", "ligands found, top-n pockets"), ("top_n_plus_2", "ligands found, top-(n+2) pockets")):
        rows.append([title, *(number(s.get("pockets", {}).get(key)) for s in scores.values())])
    return table(["channel", *(f"`{name}`" for name in presets)], rows)


# ------------------------------------------------------------------------------------------------------------ ablations
def experiments(inputs: Inputs) -> list[dict]:
    """The declared tables without runs that have no log, and one more with the runs that are in none of them."""
    named = {row["run"] for declared in inputs.experiments["tables"] for row in declared["runs"]}
    out = []
    for declared in inputs.experiments["tables"]:
        rows = [row for row in declared["runs"] if row["run"] in inputs.runs]
        if rows or declared.get("measurements"):
            out.append({**declared, "runs": rows})
    if rest := [{"run": run, "label": run, "note": ""} for run in inputs.runs if run not in named]:
        out.append(
            {"key": OTHERS, "title": "Other runs", "question": "Runs in none of the tables above.", "runs": rest}
        )
    return out


def ablation_section(inputs: Inputs) -> list[str]:
    """Every table of experiments, then single measurements, then what was declared and has no log."""
    lines = []
    for declared in experiments(inputs):
        lines += [f"### {declared['title']}", "", declared["question"], ""]
        for rows in groups(declared, inputs.runs):
            first = inputs.runs[rows[0]["run"]]
            lines += [f"Validated on {validation_words(first.validated)}:", ""]
            lines += run_table(rows, inputs.runs, declared.get("axis"))
            if axis_points(rows, inputs.runs, declared.get("axis")):
                lines += [f"![{declared['title']}](figures/{axis_name(declared, rows)}.svg)", ""]
        lines += measurement_table(declared.get("measurements", ()))
    if inputs.experiments["measurements"]:
        lines += ["### Single measurements", "", *measurement_table(inputs.experiments["measurements"])]
    named = [row["run"] for declared in inputs.experiments["tables"] for row in declared["runs"]]
    if absent := [f"`{run}`" for run in dict.fromkeys(named) if run not in inputs.runs]:
        lines += [f"Declared, without a log so far: {', '.join(absent)}.", ""]
    return lines


def groups(declared: dict, runs: dict[str, Run]) -> list[list[dict]]:
    """Rows of a table by what they were validated on, in the order of the first row of each."""
    order = list(dict.fromkeys(runs[row["run"]].validation for row in declared["runs"]))
    rows = sorted(declared["runs"], key=lambda row: order.index(runs[row["run"]].validation))
    return [list(rows) for _, rows in groupby(rows, key=lambda row: runs[row["run"]].validation)]


def run_table(rows: list[dict], runs: dict[str, Run], axis: str | None = None) -> list[str]:
    """Runs validated on the same crops: the best score in bold, differences from the first row.

    The validation loss is left out where the loss function is not that of the first row.
    """
    first = runs[rows[0]["run"]]
    top = max(runs[row["run"]].best["val_score"] for row in rows)
    body = []
    for row in rows:
        run = runs[row["run"]]
        best = run.best
        score = number(best["val_score"])
        body.append(
            [
                row["label"],
                *([f"{setting(run, axis):g}"] if axis else []),
                origin(run, runs),
                f"**{score}**" if best["val_score"] == top and len(rows) > 1 else score,
                NOTHING if run is first else f"{best['val_score'] - first.best['val_score']:+.3f}",
                *(number(best[f"ap_{channel}"]) for channel in CORE),
                number(best["val_loss"], 4) if run.config.loss == first.config.loss else NOTHING,
                number(run.seconds_per_step, 2),
                steps(run),
                count(run.best_steps),
                row["note"],
            ]
        )
    header = ["run", *([f"`{axis}`"] if axis else []), "start", "score", "against the first"]
    header += [*(f"AP `{channel}`" for channel in CORE), "loss", "s / step", "steps", "best at", "note"]
    return table(header, body, words=2, last=True)


def origin(run: Run, runs: dict[str, Run]) -> str:
    """``random``, or the run whose weights a run began with and the steps spent on those."""
    if not run.config.initial_weights:
        return "random"
    before = chain(run, runs)[:-1]
    if not before or before[0].config.initial_weights:
        return f"`{run.parent}`"
    return f"`{run.parent}`, {count(sum(one.kept_steps for one in before))} steps"


def steps(run: Run) -> str:
    """Steps done, and those planned if the run is not finished."""
    planned = run.config.epochs * run.config.steps_per_epoch
    return count(run.steps) if run.steps == planned else f"{count(run.steps)} of {count(planned)}"


def setting(run: Run, axis: str) -> float:
    """Value of a numeric setting, named with dots."""
    value = run.config
    for name in axis.split("."):
        value = getattr(value, name)
    return value


def axis_points(rows: list[dict], runs: dict[str, Run], axis: str | None) -> tuple[tuple[float, float], ...]:
    """Score against the setting, of at least two values; empty otherwise."""
    if axis is None:
        return ()
    points = sorted((float(setting(run, axis)), run.best["val_score"]) for run in (runs[row["run"]] for row in rows))
    return tuple(points) if len({x for x, _ in points}) > 1 else ()


#: Measured numbers below this, such as the chance of a difference, are shown by their order of magnitude.
SMALL = 5e-4


def measurement_table(measurements: Iterable[dict]) -> list[str]:
    """Measurements and, where rows have them, their commands; objects of values have a column per name."""
    rows = [(m["label"], m["value"] if isinstance(m["value"], dict) else {"value": m["value"]}, m.get("command"))
            for m in measurements]  # fmt: skip
    if not rows:
        return []
    names = list(dict.fromkeys(name for _, values, _ in rows for name in values))
    body = [[label, *(_value(values.get(name)) for name in names)] for label, values, _ in rows]
    if not any(command for *_, command in rows):
        return table(["measurement", *names], body)
    body = [[*cells, f"`{command}`"] for cells, (*_, command) in zip(body, rows, strict=True)]
    return table(["measurement", *names, "command"], body, last=True)


def _value(value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return count(value)
    return f"{value:.0e}" if value and abs(value) < SMALL else number(value)


# --------------------------------------------------------------------------------------------------------------- curves
def curve_section(inputs: Inputs) -> list[str]:
    """Links to the figures of :func:`figures`."""
    lines = []
    for declared in experiments(inputs):
        for rows in groups(declared, inputs.runs):
            words = validation_words(inputs.runs[rows[0]["run"]].validated)
            lines += [f"{declared['title']}; validated on {words}:", ""]
            lines += [f"![{declared['title']}](figures/{curve_name(declared, rows)}.svg)", ""]
    return lines


def figures(inputs: Inputs) -> dict[str, str]:
    """SVG texts of all runs, by name."""
    out = {}
    for declared in experiments(inputs):
        for rows in groups(declared, inputs.runs):
            out[curve_name(declared, rows)] = _curves(declared["title"], rows, inputs.runs)
            if points := axis_points(rows, inputs.runs, axis := declared.get("axis")):
                series = (Series("", points, marks=True),)
                panel = Panel("Best validation score", axis, "score", series)
                text = "Best validation score against the setting; the numbers are in the table."
                out[axis_name(declared, rows)] = figure(declared["title"], text, [panel], 1, legend=False)
    return out


def curve_name(declared: dict, rows: list[dict]) -> str:
    """Name of the figure with the curves of some rows of a table."""
    return f"training-{declared['key']}-{rows[0]['run']}"


def axis_name(declared: dict, rows: list[dict]) -> str:
    """Name of the figure with the scores of some rows of a table."""
    return f"{curve_name(declared, rows)}-score"


def _curves(title: str, rows: list[dict], runs: dict[str, Run]) -> str:
    panels = []
    for key, name in (("loss", "Training loss"), ("val_loss", "Validation loss"), ("val_score", "Validation score")):
        series = []
        for row in rows:
            run = runs[row["run"]]
            points = ((float(r["epoch"] * run.config.steps_per_epoch), r[key]) for r in run.epochs)
            series.append(Series(row["label"], tuple(points)))
        panels.append(Panel(name, "step", "score" if key == "val_score" else "loss", tuple(series)))
    return figure(title, "Loss in training and validation, and validation score, by step.", panels, 3)
