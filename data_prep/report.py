"""The training report: ``python -m data_prep.report`` makes docs/training-report.md and its figures from stored files.

``--check`` writes nothing and only says whether they are what the files give. ``--count STORE...`` counts data stores
into data_prep/logs/data.json first. Which files are read: :mod:`data_prep.report_logs`. The same files give the same
bytes.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from data_prep import report_results, report_tables
from data_prep.command import command, write_json
from data_prep.report_logs import LOGS, Inputs, read_inputs
from pocketvox.errors import OutputError

ROOT = Path(__file__).resolve().parents[1]
REPORT, FIGURES = Path("docs/training-report.md"), Path("docs/figures")
COMMAND = "python -m data_prep.report"
SECTIONS = (
    ("Data", report_tables.data_section),
    ("How the released preset was trained", report_tables.released_section),
    ("Ablations", report_tables.ablation_section),
    ("Curves", report_tables.curve_section),
    ("Calibration", report_results.calibration_section),
    ("Certainty, explanations, normalisation and directions", report_results.further_section),
    ("Test split, against baselines and ceilings", report_results.test_section),
    ("Limits", lambda inputs: [inputs.limits or "None noted.", ""]),
)
NOTES = {
    "Ablations": (
        "Score: mean best Jaccard index of the core channels on fixed validation crops, at the epoch where it is "
        "best; AP, average precision, and loss are of the same epoch. Crops differ with their size and spacing, those "
        "of the oldest runs also with seed and sampling, so only rows of one table are comparable; losses, only where "
        "the loss function is that of the first row. s / step: median over epochs. Start: random weights, or the run "
        "whose best weights were taken, with the steps spent on those. Runs that lost stay listed."
    ),
    "Curves": "By optimizer step, one point per epoch. Validation uses averaged weights.",
}

log = logging.getLogger("report")


def render(inputs: Inputs) -> dict[Path, str]:
    """Texts of the report and its figures, by place."""
    lines = ["# Training report", "", f"Made by `{COMMAND}`; every number comes from a stored file.", ""]
    for place, (title, section) in enumerate(SECTIONS, 1):
        lines += [f"## {place}. {title}", ""]
        lines += [NOTES[title], ""] if title in NOTES else []
        lines += section(inputs)
    plots = {**report_tables.figures(inputs), **report_results.reliability_figure(inputs)}
    return {
        REPORT: "\n".join(lines).rstrip() + "\n",
        **{FIGURES / f"{name}.svg": plots[name] for name in sorted(plots)},
    }


def stale(root: Path) -> list[Path]:
    """Files that are missing, not what the stored files give, or no longer part of the report."""
    texts = render(read_inputs(root))
    wrong = [p for p, text in texts.items() if not (root / p).is_file() or (root / p).read_bytes() != text.encode()]
    return [root / place for place in wrong] + _superfluous(root, texts)


def write(root: Path) -> list[Path]:
    """Write the report and its figures; figures that are no longer part of it are removed.

    Raises
    ------
    InputError
        As :func:`~data_prep.report_logs.read_inputs`.
    OutputError
        If a file cannot be written.
    """
    texts = render(read_inputs(root))
    try:
        for place, text in texts.items():
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            (root / place).write_text(text, encoding="utf-8", newline="\n")
        for path in _superfluous(root, texts):
            path.unlink()
    except OSError as error:
        raise OutputError(f"Expected a writable {root}. Received: {error}. Choose another --root.") from error
    return [root / place for place in texts]


def _superfluous(root: Path, texts: dict[Path, str]) -> list[Path]:
    return [path for path in sorted((root / FIGURES).glob("training-*.svg")) if FIGURES / path.name not in texts]


def count(stores: list[Path], root: Path) -> None:
    """Count data stores into data.json.

    Raises
    ------
    InputError
        If one is no store.
    """
    from data_prep.report_count import count_store

    command = f"{COMMAND} --count {' '.join(path.as_posix() for path in stores)}"
    data = {"command": command, "stores": [count_store(path) for path in stores]}
    write_json(data, root / LOGS / "data.json")


@command
def main(argv: list[str] | None = None) -> int | None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a file is not up to date")
    parser.add_argument("--count", nargs="+", type=Path, metavar="STORE", default=[], help="count these stores first")
    parser.add_argument("--root", type=Path, default=ROOT, help="source tree (default: this one)")
    args = parser.parse_args(argv)
    if args.check:
        found = stale(args.root)
        for path in found:
            log.error("%s is not what the stored files give. Renew it: %s", path, COMMAND)
        return 1 if found else 0
    if args.count:
        count(args.count, args.root)
    for path in write(args.root):
        log.info("written: %s", path)


if __name__ == "__main__":
    sys.exit(main())
