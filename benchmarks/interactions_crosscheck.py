"""Cross-check rule-based interaction detection against ProLIF and PLIP.

Usage::

    pip install -e .[bench]
    python -m benchmarks.interactions_crosscheck -o results.json

runs pocketvox, ProLIF (implicit-hydrogen mode) and PLIP on the complexes listed in :data:`COMPLEXES`, found in the
folder ``complexes`` of ``POCKETVOX_DATA`` (default ``../shared/data``), and prints a Markdown table: pooled Jaccard
of (residue, type) sets for every pair of tools, seconds per complex, failures. The table is made from the JSON that
is written; ``--table results.json`` prints it again.

``--confirm`` runs a second list, of other homology clusters, that no definition was ever tuned on.

For tuning definitions: ``--cache FOLDER`` keeps the results of ProLIF and PLIP between runs (then nothing is said
about speed), ``--detector module:function`` tries another detector (see ``benchmarks.tools.interaction_tools``), and
``--disagreements prolif`` lists what one tool alone finds, by residue and atom name.

A complex on which a tool fails counts as a failure of that tool and is left out of its pairs' Jaccards. To compare
one pair with another, read the rows over the complexes where all tools ran.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from collections import defaultdict
from itertools import combinations
from pathlib import Path

from benchmarks.tools.interaction_tools import (
    TOOLS,
    TYPES,
    Contact,
    ToolRun,
    load_detector,
    prepare,
    run_tool,
    tool_versions,
)

#: One complex from each of 60 homology clusters, drawn once: clusters shuffled (seed 20240613), then in each the first
#: of up to four shuffled members whose SDF RDKit sanitises, with 8 to 60 heavy ligand atoms, no tripeptide in the
#: ligand, and at most 9,000 protein atoms. Nothing was chosen by what any tool makes of it.
COMPLEXES = (
    "10gs 11as 1aku 1ay8 1g9v 1het 1hnn 1igj 1k3u 1kel 1l7f 1lrh 1mzc 1n2v 1r1j 1r55 1s3v 1u33 1vso 1y2b "
    "2j78 2ndo 2nnq 2w83 2wer 2zcq 2zoz 3b3s 3ccc 3ciz 3dxg 3fh7 3g2z 3hl5 3ivg 3l3n 3l4u 3n7a 3o5r 3o9p "
    "3oe5 3qqs 3tah 3u5s 3u9q 3uew 4agq 4cum 4dkl 4i39 4lbr 4lzs 4qnb 4rao 5dpx 5iev 5l87 5mat 7cpa 7gsa"
).split()
#: The other clusters, drawn by the same rules: definitions are tuned on :data:`COMPLEXES`, never on these.
CONFIRMATION = (
    "1a25 1acj 1aid 1bcu 1fbl 1gkc 1h2t 1imx 1jje 1jla 1lor 1m2z 1p2y 1p62 1qi0 1uou 1upf 1vsn 1xdn 1yqy 1yv3 2bm2 "
    "2efj 2h7l 2jdy 2qft 2w0s 2w71 2wca 2xii 3ao4 3ems 3f3c 3gv9 3mfv 3pww 4dew 4dst 4f3c 4k98 4w9i 5h73 5ugo 8ajx"
).split()
NAMES = {"pocketvox": "pocketvox", "prolif": "ProLIF", "plip": "PLIP"}
PAIRS = tuple(combinations(TOOLS, 2))

#: Tool -> complex -> result.
Runs = dict[str, dict[str, ToolRun]]


def pooled_jaccard(left: dict[str, ToolRun], right: dict[str, ToolRun], type_: str) -> tuple[float, int, int]:
    """Jaccard of (complex, residue) sets of one type over the complexes where both tools ran.

    Returns
    -------
    jaccard : float
        Shared over all; NaN if neither tool found any.
    shared, total : int
        Size of the intersection and of the union.
    """
    shared = total = 0
    for id_ in where_ran(left, right):
        a, b = left[id_].keys(type_), right[id_].keys(type_)
        shared, total = shared + len(a & b), total + len(a | b)
    return (shared / total if total else float("nan")), shared, total


def where_ran(*tools: dict[str, ToolRun]) -> list[str]:
    """Complexes on which every one of these tools ran."""
    return sorted(i for i in set.intersection(*map(set, tools)) if not any(tool[i].error for tool in tools))


def disagreements(left: dict[str, ToolRun], right: dict[str, ToolRun], type_: str) -> list[tuple[str, Contact]]:
    """Residues that only ``left`` contacts: (complex, its nearest contact), over complexes where both tools ran."""
    rows = []
    for id_ in where_ran(left, right):
        for residue in sorted(left[id_].keys(type_) - right[id_].keys(type_)):
            mine = [c for c in left[id_].contacts if c.type == type_ and c.residue == residue]
            rows.append((id_, min(mine, key=lambda c: c.distance)))
    return rows


def summarise(runs: Runs) -> dict:
    """Jaccards, seconds and failures as stored in the result file and shown in the table."""
    ran = {tool: [r for r in runs[tool].values() if not r.error] for tool in runs}
    common = where_ran(*runs.values())
    return {
        "jaccard": _jaccards(runs),
        "jaccard_common": _jaccards({tool: {i: rows[i] for i in common} for tool, rows in runs.items()}),
        "found": {tool: {t: sum(len(r.keys(t)) for r in ran[tool]) for t in TYPES} for tool in runs},
        "seconds": {tool: statistics.median([r.seconds for r in ran[tool]]) for tool in runs if ran[tool]},
        "failures": {tool: {i: r.error for i, r in sorted(runs[tool].items()) if r.error} for tool in runs},
        "complexes": len(next(iter(runs.values()))),
    }


def _jaccards(runs: Runs) -> dict:
    found = {}
    for left, right in PAIRS:
        if left in runs and right in runs:
            rows = {t: pooled_jaccard(runs[left], runs[right], t) for t in TYPES}
            types = {t: {"jaccard": j, "shared": shared, "total": total} for t, (j, shared, total) in rows.items()}
            found[f"{left}-{right}"] = {"complexes": len(where_ran(runs[left], runs[right])), **types}
    return found


def table(results: dict) -> str:
    """Markdown of a result file."""
    summary = results["summary"]
    lines = [
        f"{summary['complexes']} complexes; pooled Jaccard of (residue, type) sets, shared / all in brackets.",
        "",
        "| pair | complexes | " + " | ".join(TYPES) + " |",
        "|---|---|" + "---|" * len(TYPES),
    ]
    for where, jaccards in (("both ran", summary["jaccard"]), ("all ran", summary["jaccard_common"])):
        for pair, rows in jaccards.items():
            cells = [f"{rows[t]['jaccard']:.3f} ({rows[t]['shared']} / {rows[t]['total']})" for t in TYPES]
            names = " - ".join(NAMES[tool] for tool in pair.split("-"))
            lines.append(f"| {names} | {rows['complexes']}, {where} | " + " | ".join(cells) + " |")
    lines += ["", "| tool | version | " + " | ".join(f"{t} residues" for t in TYPES) + " | failed | s per complex |"]
    lines += ["|---|---|" + "---|" * (len(TYPES) + 2)]
    for tool, found in summary["found"].items():
        seconds = "cached" if tool in results["cached"] else f"{summary['seconds'].get(tool, float('nan')):.3f}"
        lines.append(
            f"| {NAMES[tool]} | {results['versions'][tool]} | "
            + " | ".join(str(found[t]) for t in TYPES)
            + f" | {len(summary['failures'][tool])} | {seconds} |"
        )
    lines += [""] + _speed(results) + _failures(summary["failures"])
    lines.append(f"Seconds: median, reading and detection, one process on {results['hardware']}.")
    return "\n".join(lines)


def _speed(results: dict) -> list[str]:
    seconds = results["summary"]["seconds"]
    if results["cached"] or "pocketvox" not in seconds:
        return []
    others = [tool for tool in seconds if tool != "pocketvox"]
    ratios = [f"{seconds[tool] / seconds['pocketvox']:.1f} times as fast as {NAMES[tool]}" for tool in others]
    return [f"pocketvox is {' and '.join(ratios)} (ratio of the medians)."]


def _failures(failures: dict) -> list[str]:
    return [f"{NAMES[tool]} failed on {i}: {error}." for tool, rows in failures.items() for i, error in rows.items()]


def disagreement_report(runs: Runs, other: str, ours: str = "pocketvox") -> str:
    """What one of two tools alone finds: counts by residue and atom name, with distances (angstrom)."""
    lines = []
    for type_ in TYPES:
        for left, right in ((ours, other), (other, ours)):
            rows = disagreements(runs[left], runs[right], type_)
            lines.append(f"\n{type_}: only in {NAMES[left]}, {len(rows)} residues")
            groups = defaultdict(list)
            for id_, contact in rows:
                groups[contact.res_name, contact.atom].append((id_, contact))
            for (name, atom), members in sorted(groups.items(), key=lambda g: (-len(g[1]), g[0])):
                distances = [c.distance for _, c in members]
                shown = ", ".join(f"{i} {c.residue} {c.ligand} {c.distance:.2f}" for i, c in members[:4])
                lines.append(
                    f"  {len(members):3d}  {name} {atom:12s} {min(distances):.2f} / "
                    f"{statistics.median(distances):.2f} / {max(distances):.2f}   {shown}"
                )
    return "\n".join(lines)


def run_all(ids, data: Path, *, cache: Path | None = None, detector=None, tools=tuple(TOOLS), log=None) -> Runs:
    """Run the tools on complexes of a PDBbind-style folder; ``cache`` keeps the runs of ProLIF and PLIP."""
    runs: Runs = {tool: {} for tool in tools}
    for number, id_ in enumerate(ids):
        with tempfile.TemporaryDirectory() as scratch:
            folder = data / "complexes" / id_
            files = prepare(folder / f"{id_}_protein.pdb.gz", folder / f"{id_}_ligand.sdf", Path(scratch))
            if number == 0 and cache is None:  # imports and compilation are not what is timed
                for tool in tools:
                    run_tool(tool, files, detector if tool == "pocketvox" else None)
            stored = _load(cache, id_) if cache else {}
            for tool in tools:
                if tool not in stored or tool == "pocketvox":
                    stored[tool] = run_tool(tool, files, detector if tool == "pocketvox" else None)
                runs[tool][id_] = stored[tool]
            if cache:
                _store(cache, id_, stored)
        if log:
            parts = (f"{t} {runs[t][id_].seconds:.3f} s{' FAILED' if runs[t][id_].error else ''}" for t in tools)
            print(f"{number + 1}/{len(ids)} {id_}: {', '.join(parts)}", file=log, flush=True)
    return runs


def _load(cache: Path, id_: str) -> dict[str, ToolRun]:
    path = cache / f"{id_}.json"
    if not path.exists():
        return {}
    stored, now = json.loads(path.read_text()), tool_versions()
    same = [tool for tool in stored["runs"] if stored["versions"][tool] == now[tool]]
    return {tool: ToolRun.from_dict(stored["runs"][tool]) for tool in same}


def _store(cache: Path, id_: str, runs: dict[str, ToolRun]) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    reference = {tool: run.to_dict() for tool, run in runs.items() if tool != "pocketvox"}
    text = json.dumps({"versions": tool_versions(), "runs": reference}, indent=1)
    (cache / f"{id_}.json").write_text(text)


def _hardware() -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("-o", "--output", type=Path, help="result file (JSON)")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("POCKETVOX_DATA", "../shared/data")))
    parser.add_argument("--ids", nargs="+", default=COMPLEXES, help="other complexes than the fixed list")
    parser.add_argument("--confirm", dest="ids", action="store_const", const=CONFIRMATION, help="the untouched list")
    parser.add_argument("--tools", nargs="+", choices=list(TOOLS), default=list(TOOLS))
    parser.add_argument("--cache", type=Path, help="folder that keeps what ProLIF and PLIP found")
    parser.add_argument("--detector", help="module:function to run in place of pocketvox's detector")
    parser.add_argument("--disagreements", choices=("prolif", "plip"), help="list the differences from this tool")
    parser.add_argument("--table", type=Path, help="print the table of a result file and stop")
    args = parser.parse_args(arguments)
    if args.table:
        print(table(json.loads(args.table.read_text())))
        return 0
    if not (args.data / "complexes").is_dir():
        print(f"No complexes under {args.data}. Set POCKETVOX_DATA to the data folder.", file=sys.stderr)
        return 1
    detector = load_detector(args.detector) if args.detector else None
    runs = run_all(args.ids, args.data, cache=args.cache, detector=detector, tools=args.tools, log=sys.stderr)
    results = {
        "versions": tool_versions(),
        "hardware": _hardware(),
        "cached": [tool for tool in args.tools if args.cache and tool != "pocketvox"],
        "summary": summarise(runs),
        "runs": {tool: {i: run.to_dict() for i, run in rows.items()} for tool, rows in runs.items()},
    }
    if args.output:
        args.output.write_text(json.dumps(results, indent=1))
    print(table(results))
    if args.disagreements:
        print(disagreement_report(runs, args.disagreements))
    return 0


if __name__ == "__main__":
    sys.exit(main())
