"""Makes LEADERBOARD.md and docs/leaderboard.html from the stored results.

``pocketvox benchmark leaderboard`` writes both; with ``--check`` it only says whether they are what the results give.
The same results give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import sys
import unicodedata
from html import escape
from pathlib import Path

from benchmarks.board import tables_maps, tables_tracks
from benchmarks.board.page import render_page
from benchmarks.board.tables_text import KINDS, Section, Table, find
from benchmarks.entries import BENCHMARK_VERSION
from benchmarks.score import RESULTS, SCHEMA_VERSION
from pocketvox.channels import HEADLINE
from pocketvox.errors import InputError, OutputError

ROOT = Path(__file__).resolve().parents[2]
MARKDOWN, PAGE = Path("LEADERBOARD.md"), Path("docs/leaderboard.html")
COMMAND = "pocketvox benchmark leaderboard"
TASKS = ("pocket", "complex")
MAP_TRACKS = (tables_maps.POCKET, tables_maps.COMPLEX)
#: Characters that would change how the text around them is shown: they order text or hide it.
HIDDEN = {*range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF}

log = logging.getLogger("benchmarks")


# ------------------------------------------------------------------------------------------------------------- results
def load_results(folder: Path) -> list[dict]:
    """Every result of a folder, by name of the method.

    Parameters
    ----------
    folder : Path
        Its ``*.json`` files are read.

    Returns
    -------
    list of dict
        Control characters are replaced in all texts, and methods of one title are told apart by their names.

    Raises
    ------
    InputError
        If there are none, or one is malformed, of another version, or of a method that another file has as well.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise InputError(f"Expected results (*.json) in {folder}. Received: none. Run `pocketvox benchmark score`.")
    results, found = [], {}
    for path in paths:
        result = _read(path)
        name = result["method"]["name"]
        if name in found:
            raise InputError(f"Expected one file per method. Received: {name!r} in {found[name]} and {path}. Keep one.")
        found[name] = path
        results.append(result)
    results.sort(key=lambda r: r["method"]["name"])
    titles = [r["method"]["title"] for r in results]
    for result, title in zip(results, titles, strict=True):
        if titles.count(title) > 1:
            result["method"]["title"] = f"{title} ({result['method']['name']})"
    return results


def _read(path: Path) -> dict:
    again = "Score the submission again with `pocketvox benchmark score`."
    try:
        result = _clean(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: expected results as JSON. Received: {error}. {again}") from error
    versions = [("schema_version", SCHEMA_VERSION), ("benchmark_version", BENCHMARK_VERSION)]
    for key, wanted in versions:
        if find(result, key) != wanted:
            raise InputError(f"{path}: expected {key} {wanted}. Received: {find(result, key)!r}. {again}")
    entries, identical = (find(result, "prepared", key) for key in ("entries", "identical"))
    if not entries or entries != identical:
        received = f"{identical} of {entries} entries"
        raise InputError(f"{path}: expected scores on the frozen entries, all of them. Received: {received}. {again}")
    if wrong := _malformed(result):
        raise InputError(f"{path}: expected results as benchmarks/README.md describes them. Received: {wrong}. {again}")
    return result


def _malformed(result: dict) -> str:
    """The first thing that is not as it should be; empty if all is well."""
    method = find(result, "method")
    if not all(isinstance(find(method, key), str) and method[key] for key in ("name", "title")):
        return "a method without a name or title"
    if find(method, "kind") not in KINDS or find(method, "task") not in TASKS:
        return f"kind {find(method, 'kind')!r}, task {find(method, 'task')!r}"
    for path in (("tracks",), ("coverage",), ("environment",)):
        if not isinstance(find(result, *path), dict):
            return f"no {'.'.join(path)}"
    for name, track in result["tracks"].items():
        if not isinstance(track, dict):
            return f"track {name} is no object"
        for number, row in enumerate(track.get("entries") or () if name in MAP_TRACKS else ()):
            if not _is_site(row):
                return f"track {name}, row {number} of entries"
    return ""


def _is_site(row) -> bool:
    counts = find(row, "counts")
    return (
        isinstance(counts, dict)
        and isinstance(find(row, "id"), str)
        and isinstance(find(row, "site"), str)
        and isinstance(find(row, "clusters"), list)
        and "homology_free" in row
        and all(counts.get(name) is None or len(counts[name]) == 3 for name in HEADLINE)
    )


def _clean(value):
    """The same with control characters, half characters and such as change the direction of text replaced."""
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, str) and not value.isprintable():
        line = " ".join(value.split())
        bad = (unicodedata.category(c) in ("Cc", "Cs", "Cn") or ord(c) in HIDDEN for c in line)
        return "".join("\ufffd" if wrong else c for c, wrong in zip(line, bad, strict=True))
    return value


# ------------------------------------------------------------------------------------------------------------ documents
def sections(results: list[dict]) -> list[Section]:
    """Every track that a method took part in, then the methods themselves."""
    found = [tables_maps.section(results, name) for name in MAP_TRACKS]
    found += [make(results) for make in (tables_tracks.hotspots, tables_tracks.peaks, tables_tracks.sites)]
    found += [tables_tracks.screening(results), tables_tracks.methods(results)]
    return [section for section in found if section is not None]


def render_markdown(parts: list[Section]) -> str:
    """LEADERBOARD.md."""
    head = f"""# Leaderboard

How well maps of a protein's binding sites tell where a ligand would make which interaction. Benchmark version
{BENCHMARK_VERSION}; the protocols stand in [benchmarks/README.md](benchmarks/README.md).
[docs/leaderboard.html](docs/leaderboard.html) has the same tables, sortable, with curves and more numbers.

To submit: predict the entries, run `pocketvox benchmark validate` and `pocketvox benchmark score`, and add the file
that appears in `benchmarks/results`; [benchmarks/README.md](benchmarks/README.md) says how. This file is generated
from these results by `{COMMAND}`: do not edit it."""
    out = [head]
    for section in parts:
        out.append(f"## {_markdown(section.title)}\n\n{_markdown(section.text)}")
        for table in section.tables:
            if not table.page_only:
                out.append(f"### {_markdown(table.title)}\n\n{_table(table)}")
                out += [_markdown(table.note)] if table.note else []
    return "\n\n".join(out) + "\n"


def _table(table: Table) -> str:
    columns = range(len(table.header))
    lines = [[_markdown(name) for name in table.header], ["---:" if table.numeric(c) else "---" for c in columns]]
    lines += [[_markdown(cell.text) for cell in row.cells] for row in table.rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _markdown(text: str) -> str:
    """Text that is shown as it is: no markup, no HTML, no column, and no link made of what looks like an address."""
    text = re.sub(r"[\\|`*~\[\]]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])", r"\\\g<0>", " ".join(text.split()))
    text = escape(text, quote=False).replace("$", "<span>$</span>")
    return re.sub(r"(?i):(?=//)|www(?=\.)|@", r"\g<0><!-- -->", text)


def render(results: list[dict]) -> dict[Path, str]:
    """Texts of both files, by their place below the repository."""
    parts = sections(results)
    return {MARKDOWN: render_markdown(parts), PAGE: render_page(parts, results)}


# --------------------------------------------------------------------------------------------------------------- files
def write(folder: Path, root: Path = ROOT) -> list[Path]:
    """Write both files; each appears complete or not at all.

    Parameters
    ----------
    folder : Path
        Of results.
    root : Path
        Folder that the files are put below.

    Raises
    ------
    InputError
        As :func:`load_results`.
    OutputError
        If a file cannot be written; both are then as they were.
    """
    partial = []
    try:
        for place, text in render(load_results(folder)).items():
            path = root / place
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.append((path.with_name(f".{path.name}.part"), path))
            partial[-1][0].write_text(text, encoding="utf-8", newline="\n")
        for temporary, path in partial:
            os.replace(temporary, path)
    except OSError as error:
        for temporary, _ in partial:
            temporary.unlink(missing_ok=True)
        raise OutputError(f"Expected a writable {root}. Received: {error}. Choose another --output.") from error
    return [path for _, path in partial]


def stale(folder: Path, root: Path = ROOT) -> list[Path]:
    """Files that are missing or not what the results of a folder give."""
    out = []
    for place, text in render(load_results(folder)).items():
        path = root / place
        if not path.is_file() or path.read_bytes() != text.encode():
            out.append(path)
    return out


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of results (default: %(default)s)")
    parser.add_argument("-o", "--output", type=Path, default=ROOT, help="folder of both files (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a file is not up to date")


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    if not args.check:
        for path in write(args.results, args.output):
            log.info("written: %s", path)
        return 0
    found = stale(args.results, args.output)
    options = [f"--results {args.results}"] * (args.results != RESULTS) + [f"-o {args.output}"] * (args.output != ROOT)
    for path in found:
        print(f"{path} is not what {args.results} gives. Renew it: {' '.join([COMMAND, *options])}", file=sys.stderr)
    if not found:
        log.info("the leaderboard is up to date")
    return 1 if found else 0
