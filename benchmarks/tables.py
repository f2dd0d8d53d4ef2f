"""Markdown tables from stored results: numbers in documents are generated, never typed."""

from __future__ import annotations

from pathlib import Path

from benchmarks.map_scores import MODEL, PREVALENCE, RULE_FIELD, RULE_FIELD_UNCLIPPED
from benchmarks.pocket_scores import EXTRA
from pocketvox.channels import CORE, HEADLINE, LIGAND, TYPED
from pocketvox.errors import ConfigError
from pocketvox.inference.presets import CARD, annotate_preset, load_preset
from pocketvox.metrics import DCA_CUTOFF

BEGIN, END = "<!-- first numbers: begin (generated) -->", "<!-- first numbers: end -->"

_LABELS = {
    MODEL: "pocketvox",
    RULE_FIELD: "rule field",
    PREVALENCE: "prevalence",
    RULE_FIELD_UNCLIPPED: "rule field, rings not set to 0 near atoms",
    "fpocket": "fpocket 4",
}


def number(value: float | None, digits: int = 3) -> str:
    """``0.123``, or a dash if undefined."""
    return "-" if value is None or value != value else f"{value:.{digits}f}"


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; all columns but the first are right-aligned."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def render(results: dict) -> str:
    """Every table of a result, as Markdown.

    Parameters
    ----------
    results : dict
        As ``python -m benchmarks.first_numbers`` writes it.
    """
    parts = [_introduction(results)]
    for name, scores in results["maps"].items():
        where = f"{scores['ligands']} ligands of {scores['structures']} structures, {scores['clusters']} families"
        parts.append(f"### Interaction maps, {name} ({where})\n\n{_channels(scores)}\n\n{_headline(scores)}")
        if "ratios" in scores:
            parts.append(_ratios(scores["ratios"]))
    if results.get("ligand_channel"):
        parts.append(_ligand_channel(results["ligand_channel"]))
    if results.get("pockets"):
        parts.append(_pockets(results["pockets"]))
    return "\n\n".join(parts) + "\n"


def insert(text: str, block: str) -> str:
    """``text`` with ``block`` between the generated markers, which are appended if they are not there yet."""
    marked = f"{BEGIN}\n\n{block.strip()}\n\n{END}"
    if BEGIN in text and END in text:
        return text[: text.index(BEGIN)] + marked + text[text.index(END) + len(END) :]
    return f"{text.rstrip()}\n\n{marked}\n".lstrip("\n")


def update_card(folder: str | Path, results: dict) -> None:
    """Write the tables into a preset's model card and the numbers, less single entries, into its metadata.

    Raises
    ------
    ConfigError
        If the folder holds no sound preset, or another one than was scored.
    """
    preset = load_preset(Path(folder))
    scored = (results.get("preset") or {}).get("fingerprint")
    if preset.fingerprint != scored:
        raise ConfigError(
            f"Expected numbers of the preset in {folder} (fingerprint {preset.fingerprint}). Received: those of "
            f"{scored}. Score this preset."
        )
    card = insert((preset.folder / CARD).read_text(encoding="utf-8"), render(results))
    metrics = {**preset.metadata["metrics"], "first_numbers": summary(results)}
    annotate_preset(preset.folder, metrics=metrics, card=card)


def summary(results: dict) -> dict:
    """The results without their rows per structure and ligand."""
    out = {key: value for key, value in results.items() if key != "per_ligand"}
    if out.get("pockets"):
        out["pockets"] = {
            method: {key: value for key, value in scores.items() if key not in ("entries", "seconds_per_structure")}
            for method, scores in out["pockets"].items()
        }
    return out


def _introduction(results: dict) -> str:
    preset = results.get("preset") or {}
    who = f"Preset `{preset['name']}` (fingerprint `{preset['fingerprint'][:12]}`)" if preset else "Baselines only"
    hardware, versions = results["hardware"], results["versions"]
    return (
        f"{who}, `{results['split']}` split, thresholds chosen on `{results['threshold_split']}`; "
        f"voxels of {results['spacing']} A; {hardware['cpu']}, {hardware['cores']} cores; "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + "."
    )


def _channels(scores: dict) -> str:
    header = [
        "channel",
        "positives",
        "prevalence",
        "method",
        "average precision",
        "best Jaccard",
        "Jaccard",
        "calibration error",
    ]
    keys = ("average_precision", "best_jaccard", "jaccard", "calibration_error")
    rows = []
    for name in TYPED:
        channel = scores["channels"][name]
        shared = [name, f"{channel['positives']:,}", number(channel["prevalence"], 4)]
        for method in [m for m in (MODEL, RULE_FIELD, RULE_FIELD_UNCLIPPED) if m in channel["methods"]] or [None]:
            values = channel["methods"].get(method, {})
            rows.append([*shared, _LABELS.get(method, "-"), *(number(values.get(key)) for key in keys)])
            shared = ["", "", ""]
    note = (
        "Inside the ligand envelope, all voxels pooled. *Best Jaccard*: best threshold on these voxels; *Jaccard*: at "
        "the threshold chosen beforehand. A map that knows only the prevalence has average precision and best Jaccard "
        "equal to it."
    )
    return f"{table(header, rows)}\n\n{note}"


def _headline(scores: dict) -> str:
    header = [
        "Jaccard at chosen thresholds",
        *HEADLINE,
        "**headline** (mean)",
        "at best thresholds",
        "mean over families",
    ]
    rows = []
    for method, values in scores["summary"].items():
        by_class = [number(scores["classes"][name]["methods"][method]["jaccard"]) for name in HEADLINE]
        means = [
            f"**{number(values['headline'])}**",
            number(values["headline_best"]),
            number(values.get("macro_headline")),
        ]
        rows.append([_LABELS[method], *by_class, *means])
    return table(header, rows)


def _ratios(ratios: dict) -> str:
    per_channel = ", ".join(f"{name} {number(ratios['average_precision'][name], 2)}x" for name in CORE)
    return (
        f"Mean best Jaccard of the core channels over the rule field's: **{number(ratios['core_best_jaccard'], 2)}x**; "
        f"headline: {number(ratios['headline'], 2)}x. Average precision over the rule field's: {per_channel}."
    )


def _ligand_channel(scores: dict) -> str:
    rows = [
        [LIGAND, f"{scores['voxels']:,}", number(scores["prevalence"], 5)]
        + [number(scores[key]) for key in ("average_precision", "best_jaccard", "jaccard")]
    ]
    header = ["channel", "voxels", "prevalence", "average precision", "best Jaccard", "Jaccard"]
    return f"### Ligandability, every voxel of the whole-protein maps\n\n{table(header, rows)}"


def _pockets(pockets: dict) -> str:
    header = ["method", "ligands found, top-n", "top-(n+2)", "mean over structures, top-n", "top-(n+2)"]
    header += ["mean over families, top-n", "top-(n+2)", "structures without a pocket"]
    rows = [
        [_LABELS.get(method, method)]
        + [number(scores[key][unit]) for unit in ("ligands", "structures", "clusters") for key in EXTRA]
        + [str(len(scores["failed"]))]
        for method, scores in pockets.items()
    ]
    some = next(iter(pockets.values()))
    what = f"{some['ligands']} ligands of {some['structures']} structures, {some['clusters']} families"
    note = (
        f"A ligand is found if the centre of one of the first n (n + 2) pockets is within {DCA_CUTOFF:g} A of one of "
        "its heavy atoms, n being the number of ligands of the structure."
    )
    return f"### Pockets ({what})\n\n{table(header, rows)}\n\n{note}"
