"""How much two structures of one protein differ by: ``python -m benchmarks.comparison_noise --manifest FILE -o FILE``.

Pairs of X-ray entries with the same sequence (every corresponding residue equal, the same chains and components) from
the entries of a manifest, one pair per protein and kind, of the first kind up to three:

``same ligand``
    A ligand of one code lies at the same place in both: one protein in one state, the noise of a comparison.
``no ligand``
    Neither has a ligand: nearly the same, though loops may be open or closed.
``other ligand``
    Both have ligands, none in common.
``holo and apo``
    One has a ligand, the other none.

Each is compared twice, superposed on everything and on the best pocket. The first two kinds are the noise: the numbers
of ``pocketvox.comparison.noise`` are their quantiles under the global fit. How often changes exceed them in proteins
that they were not taken from is measured by leaving out one sequence cluster at a time.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np

from benchmarks.environment import environment
from pocketvox.channels import LIGAND
from pocketvox.comparison import Comparison, compare
from pocketvox.comparison.chains import chains_of
from pocketvox.comparison.difference import joint_difference
from pocketvox.comparison.observed import unmatched
from pocketvox.comparison.pairing import Correspondence, correspond
from pocketvox.comparison.reasons import Residues, differences, displacement
from pocketvox.comparison.result import FITS, KEPT, NOT_COMPARABLE
from pocketvox.errors import PocketvoxError
from pocketvox.inference import load_predictor
from pocketvox.structure import partition, read_structure
from pocketvox.structure.atoms import Structure

#: Kinds of pair, from least to most difference expected.
KINDS = ("same ligand", "no ligand", "other ligand", "holo and apo")
#: The kinds that are the noise.
NOISE = KINDS[:2]
#: A type has a threshold of its own if so many hot-spots of so many sequence clusters tell of it; the others share one.
FEWEST_HOTSPOTS, FEWEST_CLUSTERS = 50, 10
#: Quantiles of the changes of hot-spots, and of voxels in pockets, that are thresholds, and the least of the latter.
HOTSPOT_QUANTILE, MAP_QUANTILE, LEAST_MAP = 0.95, 0.99, 0.05
#: Entries with more heavy atoms take too long.
MOST_ATOMS = 7000
#: Pairs of one protein: several where they are the noise, which few proteins tell of.
MOST_PAIRS = {KINDS[0]: 3}
#: Entries of one protein share this part of the five-letter words of the shorter sequence.
WORD, SHARED_WORDS = 5, 0.9
#: Ligands of one code are at the same place if their centres are this near (angstrom).
SAME_PLACE = 2.0
#: Quantiles that are stored.
QUANTILES = (0.5, 0.9, 0.95, 0.99)

log = logging.getLogger("comparison_noise")


def main(argv: list[str] | None = None) -> int:
    """Compare the pairs and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True, help="CSV with id, kind, path, split, pocket_clusters")
    parser.add_argument("-o", "--out", type=Path, required=True, help="JSON file")
    parser.add_argument("--preset", help="trained model (the newest if not given)")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rotations", type=int, default=1, help="average maps over N orientations (%(default)s)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="kinds of pair (all)")
    parser.add_argument("--fits", nargs="+", choices=FITS, default=list(FITS), help="superpositions (both)")
    parser.add_argument("--pairs", type=Path, help="JSON lines: finished pairs, read and added to")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    predictor = load_predictor(args.preset, threads=args.threads)
    done = _read(args.pairs)
    for kind, family, split, a, b in find_pairs(args.manifest):
        if (a.name, b.name) in done or kind not in args.kinds:
            continue
        for fit in args.fits:
            try:
                row = {
                    "kind": kind,
                    "family": family,
                    "split": split,
                    **measured(compare(a, b, fit=fit, predictor=predictor, rotations=args.rotations)),
                }
            except PocketvoxError as error:
                log.info("%s %s: %s", a.name, b.name, error)
                continue
            done.setdefault((a.name, b.name), []).append(row)
            log.info("%s %s %s, %s fit: %d of %d kept", kind, a.name, b.name, fit, row["kept"], len(row["hotspots"]))
            if args.pairs:
                with args.pairs.open("a") as file:
                    file.write(json.dumps(row) + "\n")
    rows = [row for pair in done.values() for row in pair]
    settings = {"preset": predictor.preset.name, "rotations": args.rotations}
    result = {**settings, **summarise(rows), **environment()}
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


# ---------------------------------------------------------------------------------------------------------------- pairs
def find_pairs(manifest: Path) -> Iterator[tuple[str, str, str, Structure, Structure]]:
    """Yield kind, sequence cluster, split and the structures of each pair; the first one of each protein and kind."""
    for entries in _proteins(manifest):
        found: dict[str, list[tuple]] = defaultdict(list)
        for (row_a, a), (row_b, b) in combinations(entries, 2):
            if {row_a["split"], row_b["split"]} == {"train", "test"}:
                continue
            kind = kind_of(a, b)
            if kind and len(found[kind]) < MOST_PAIRS.get(kind, 1):
                family = row_a["pocket_clusters"] or row_a["all_clusters"]
                found[kind].append((kind, family, row_a["split"], a, b))
        for pairs in found.values():
            yield from pairs


def kind_of(a: Structure, b: Structure) -> str | None:
    """The kind of a pair; None if it is not one protein, or does not have the same chains and components."""
    try:
        found = correspond(a, b)
    except PocketvoxError:
        return None
    if found.identity < 1 or found.unpaired_a or found.unpaired_b:
        return None
    parts = [partition(s) for s in (a, b)]
    missing = unmatched(found)
    moved = b.atoms.coord.copy()
    moved[:] = found.motion(b.atoms.coord)
    other = type(b.atoms)(**{**vars(b.atoms), "coord": moved})
    receptors = a.atoms[parts[0].receptor], other[parts[1].receptor]
    if any(row.kind == "component" for row in differences(*receptors, found, missing)):
        return None
    return _kind(a, b, parts, found)


def _kind(a: Structure, b: Structure, parts, found: Correspondence) -> str:
    sites = []
    for structure, part, motion in ((a, parts[0], None), (b, parts[1], found.motion)):
        centres = [structure.atoms.coord[index].mean(axis=0)[None] for index in part.ligands]
        codes = ["+".join(sorted(set(structure.atoms.res_name[index].tolist()))) for index in part.ligands]
        sites.append([(code, c[0] if motion is None else motion(c)[0]) for code, c in zip(codes, centres, strict=True)])
    if not sites[0] and not sites[1]:
        return KINDS[1]
    if not sites[0] or not sites[1]:
        return KINDS[3]
    same = any(x == y and np.linalg.norm(p - q) <= SAME_PLACE for x, p in sites[0] for y, q in sites[1])
    return KINDS[0] if same else KINDS[2]


def _proteins(manifest: Path) -> Iterator[list[tuple[dict, Structure]]]:
    """Yield the X-ray entries of each protein that has more than one, in the order of the manifest."""
    groups: dict[str, list] = defaultdict(list)
    with manifest.open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["kind"] == "entry" and "X-RAY" in r["method"]]
    for row in rows:
        if int(row["n_heavy"]) > MOST_ATOMS:
            continue
        structure = read_structure(manifest.parent / row["path"])
        longest = max((chain.letters for chain in chains_of(structure.atoms)), key=len, default="")
        words = {longest[k : k + WORD] for k in range(len(longest) - WORD + 1)}
        if words:
            family = groups[row["pocket_clusters"] or row["all_clusters"]]
            shares = (g for g in family if len(g[0] & words) >= SHARED_WORDS * min(len(g[0]), len(words)))
            group = next(shares, None)
            if group is None:
                family.append((words, group := []))
                group.append((row, structure))
            else:
                group[1].append((row, structure))
    for family in groups.values():
        yield from (group for _, group in family if len(group) > 1)


# ------------------------------------------------------------------------------------------------------------- measured
def measured(found: Comparison) -> dict:
    """What is kept of one comparison."""
    spots = [h for h in found.hotspots if h.status != NOT_COMPARABLE]
    voxels = _pocket_voxels(found)
    raw = joint_difference(found.a.maps, found.b.maps, found.comparable).values[tuple(voxels.T)]
    return {
        "a": found.a.name,
        "b": found.b.name,
        "fit": found.fit,
        "rmsd": round(found.rmsd, 3),
        "kept": sum(h.status == KEPT for h in spots),
        "hotspots": [[h.type, h.status, round(h.score_a, 4), round(h.score_b, 4)] for h in spots],
        "distances": [round(h.distance, 3) for h in spots if h.distance is not None],
        "pockets": [[p.status, round(p.overlap, 3)] for p in found.pockets],
        "map": {
            name: [round(float(v), 4) for v in np.quantile(np.abs(raw[:, k]), QUANTILES)] if len(raw) else None
            for k, name in enumerate(found.difference.channels)
        },
        "moved": _displacements(found),
    }


def _pocket_voxels(found: Comparison) -> np.ndarray:
    """Comparable voxels of the pockets of either structure."""
    voxels = [p.voxels for result in (found.a, found.b) for p in result.pockets]
    unique = np.unique(np.concatenate(voxels), axis=0) if voxels else np.empty((0, 3), int)
    return unique[found.comparable[tuple(unique.T)]]


def _displacements(found: Comparison) -> list[list[float]]:
    """How far side chain and backbone of each residue that lines a pocket of A are apart (angstrom)."""
    a, b = found.a.structure.atoms, found.b.structure.atoms
    lining = {name for p in found.a.pockets for name in p.residue_ids}
    of_a, of_b = Residues(a), Residues(b)
    rows = []
    for i, j in found.correspondence.residues.tolist():
        k = int(np.searchsorted(a.residue, i))
        if f"{a.chain_id[k]}_{a.res_id[k]}{a.ins_code[k]}" in lining and i in of_a and j in of_b:
            rows.append([round(d, 2) for d in displacement(of_a[i].atoms, of_b[j].atoms, of_a[i].parent)])
    return rows


# ------------------------------------------------------------------------------------------------------------ summaries
def summarise(rows: list[dict]) -> dict:
    """Noise, and quantiles by kind of pair and fit; every sequence cluster counts the same."""
    found: dict = {}
    for kind in KINDS:
        for fit in FITS:
            own = [r for r in rows if (r["kind"], r["fit"]) == (kind, fit) and r["hotspots"]]
            if own:
                found.setdefault(kind, {})[fit] = _summary(own)
    own = [r for r in rows if r["kind"] in NOISE and r["fit"] == FITS[0] and r["hotspots"]]
    noise = thresholds(own)
    others = {}
    for cluster in sorted({r["family"] for r in own}):
        left = thresholds([r for r in own if r["family"] != cluster])
        others[cluster] = _exceeding([r for r in own if r["family"] == cluster], left)
    noise["exceeded_in_others"] = _mean(list(others.values()))
    for kind in KINDS:
        noise[f"exceeded, {kind}"] = _exceeding([r for r in rows if (r["kind"], r["fit"]) == (kind, FITS[0])], noise)
    return {"noise": noise, "pairs": found}


def thresholds(rows: list[dict]) -> dict:
    """What a change has to exceed, by channel: see :class:`pocketvox.comparison.noise.NoiseFloor`."""
    shares = _shares(rows)
    channels = list(rows[0]["map"])
    typed = [name for name in channels if name != LIGAND]
    pooled = _quantile(*_changes(rows, typed, shares), HOTSPOT_QUANTILE)
    hotspot, maps = {}, {}
    for name in channels:
        per_pair = [row["map"][name][QUANTILES.index(MAP_QUANTILE)] for row in rows if row["map"][name]]
        maps[name] = max(round(float(np.median(per_pair)), 3), LEAST_MAP)
        if name == LIGAND:
            continue
        changes, weights = _changes(rows, [name], shares)
        clusters = {row["family"] for row in rows if any(kind == name for kind, *_ in row["hotspots"])}
        enough = len(changes) >= FEWEST_HOTSPOTS and len(clusters) >= FEWEST_CLUSTERS
        hotspot[name] = round(_quantile(changes, weights, HOTSPOT_QUANTILE) if enough else pooled, 3)
    kept = _mean([row["kept"] / len(row["hotspots"]) for row in rows])
    return {"comparisons": len(rows), "clusters": len(shares), "hotspot": hotspot, "map": maps, "kept": kept}


def _exceeding(rows: list[dict], noise: dict) -> float | None:
    """Share of the hot-spots that change by more than the noise; every comparison counts the same."""
    parts = [
        np.mean([abs(b - a) > noise["hotspot"][kind] for kind, _, a, b in row["hotspots"]])
        for row in rows
        if row["hotspots"]
    ]
    return _mean(parts)


def _shares(rows: list[dict]) -> dict[str, float]:
    """Weight of a comparison of each sequence cluster."""
    return {family: 1 / n for family, n in Counter(row["family"] for row in rows).items()}


def _changes(rows: list[dict], names: list[str], shares: dict[str, float]) -> tuple[list[float], list[float]]:
    """Changes of hot-spots of some types, and their weights: every cluster the same, and in it every comparison."""
    changes: list[float] = []
    weights: list[float] = []
    for row in rows:
        own = [abs(b - a) for kind, _, a, b in row["hotspots"] if kind in names]
        changes += own
        weights += [shares[row["family"]] / max(len(own), 1)] * len(own)
    return changes, weights


def _summary(rows: list[dict]) -> dict:
    channels = list(rows[0]["map"])
    shares = _shares(rows)
    by_channel = {}
    for name in channels:
        changes, weights = _changes(rows, [name], shares)
        maps = [row["map"][name] for row in rows if row["map"][name]]
        by_channel[name] = {
            "hotspots": len(changes),
            "change": [_quantile(changes, weights, q) for q in QUANTILES] if changes else None,
            "map": [round(float(np.median(column)), 4) for column in zip(*maps, strict=True)],
        }
    moved = np.array([d for row in rows for d in row["moved"]])
    return {
        "comparisons": len(rows),
        "proteins_not_in_training": sum(row["split"] != "train" for row in rows),
        "hotspots": sum(len(row["hotspots"]) for row in rows),
        "clusters": len(shares),
        "kept": _mean([row["kept"] / len(row["hotspots"]) for row in rows]),
        "kept_not_in_training": _mean([row["kept"] / len(row["hotspots"]) for row in rows if row["split"] != "train"]),
        "pockets_kept": round(float(np.mean([np.mean([s == KEPT for s, _ in row["pockets"]]) for row in rows])), 3),
        "distance": [round(float(v), 2) for v in np.quantile([d for r in rows for d in r["distances"]], QUANTILES)],
        "rmsd": round(float(np.median([row["rmsd"] for row in rows])), 3),
        "side_chain_moved": [round(float(v), 2) for v in np.quantile(moved[:, 0], QUANTILES)],
        "backbone_moved": [round(float(v), 2) for v in np.quantile(moved[:, 1], QUANTILES)],
        "quantiles": list(QUANTILES),
        "channels": by_channel,
    }


def _mean(values: list[float]) -> float | None:
    return round(float(np.mean(values)), 3) if values else None


def _quantile(values: list[float], weights: list[float], q: float) -> float:
    """The value that so large a share of the weight stays at or below."""
    order = np.argsort(values)
    total = np.cumsum(np.array(weights)[order])
    return round(float(np.array(values)[order][min(np.searchsorted(total, q * total[-1]), len(values) - 1)]), 4)


def _read(path: Path | None) -> dict:
    done: dict = {}
    if path and path.is_file():
        for line in path.read_text().splitlines():
            row = json.loads(line)
            done.setdefault((row["a"], row["b"]), []).append(row)
    return done


if __name__ == "__main__":
    raise SystemExit(main())
