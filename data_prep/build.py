"""Build a data store.

``python -m data_prep.build (--manifest FILE | --pdbbind DIR | --entries DIR | --ids FILE) -o STORE [--workers N]``

Every structure is read, its ligands curated, its interactions detected and its feature points computed. What is
rejected, and why, goes to ``STORE.rejected.csv``. Without a manifest, chains are clustered by sequence and the
clusters split by hash.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import logging
import sys
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import numpy as np
from rdkit import RDLogger
from scipy.spatial import cKDTree

from data_prep import curate, sources, split
from data_prep.cluster import cluster_sequences
from data_prep.sources import Source
from pocketvox.data.store import StoreItem, create_store, write_item
from pocketvox.errors import PocketvoxError
from pocketvox.features import FEATURES, receptor_points
from pocketvox.interactions import find_interactions
from pocketvox.interactions.definitions import DEFINITIONS
from pocketvox.structure import read_complex
from pocketvox.structure.atoms import PROTEIN, Atoms, Complex

#: Surface points: this many at most, this far from the nearest heavy atom (angstrom).
SURFACE_POINTS, PROBE_DISTANCE, PROBE_CLEARANCE = 200, 3.5, 2.8

log = logging.getLogger("data_prep")


def build_item(source: Source) -> tuple[StoreItem | None, list[tuple[str, str, str]], str]:
    """Read one structure.

    Returns
    -------
    item : StoreItem or None
        None if nothing in it is fit to learn from.
    rejected : list of (structure, ligand, reason)
    sequence : str
        Sequence of the longest chain that touches a ligand, for clustering.
    """
    try:
        complex_ = read_complex(source.structure, ligand=source.ligand or None)
    except PocketvoxError as error:
        return None, [(source.id, "", str(error))], ""
    if source.resolution is not None:
        complex_ = replace(complex_, structure=replace(complex_.structure, resolution=source.resolution))
    verdicts = [curate.rejection(complex_, ligand) for ligand in complex_.ligands]
    rejected = [
        (source.id, ligand.name, reason)
        for ligand, reason in zip(complex_.ligands, verdicts, strict=True)
        if reason is not None
    ]
    fit = tuple(ligand for ligand, reason in zip(complex_.ligands, verdicts, strict=True) if reason is None)
    if not fit:
        return None, rejected or [(source.id, "", "no suitable ligand")], ""
    unfit = [ligand.coord for ligand, reason in zip(complex_.ligands, verdicts, strict=True) if reason is not None]
    ignored = np.concatenate([complex_.ignored.coord[complex_.ignored.heavy], *unfit])
    complex_ = replace(complex_, ligands=fit)
    return make_item(source, complex_, ignored), rejected, _touching_sequence(complex_)


def make_item(source: Source, complex_: Complex, ignored: np.ndarray) -> StoreItem:
    """Features, ligands and interaction points of a curated complex."""
    points = receptor_points(complex_.receptor)
    found = find_interactions(complex_)
    keep = _first_of_each(found.ligand, found.channel, found.point)
    return StoreItem(
        id=source.id,
        split=source.split,
        clusters=source.clusters,
        source=source.origin,
        coord=points.coord,
        features=points.features.astype(np.uint8),
        radius=points.radius,
        ligand_coord=np.concatenate([ligand.coord for ligand in complex_.ligands]),
        ligand_group=np.repeat(np.arange(len(complex_.ligands)), [len(g.coord) for g in complex_.ligands]).astype("i4"),
        ligand_names=tuple(ligand.name for ligand in complex_.ligands),
        point_coord=found.point[keep],
        point_channel=found.channel[keep],
        point_group=found.ligand[keep],
        ignored_coord=ignored.astype(np.float32),
        surface_coord=surface_points(complex_.receptor, source.id),
    )


def surface_points(receptor: Atoms, key: str) -> np.ndarray:
    """Random points a probe's distance from the receptor's surface, seeded by ``key``; shape=(s, 3), float32."""
    coord = receptor.coord[receptor.heavy].astype(float)
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big")
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=(20 * SURFACE_POINTS, 3))
    direction *= PROBE_DISTANCE / np.linalg.norm(direction, axis=1, keepdims=True)
    probes = coord[rng.integers(len(coord), size=len(direction))] + direction
    distance, _ = cKDTree(coord).query(probes)
    return probes[distance >= PROBE_CLEARANCE][:SURFACE_POINTS].astype(np.float32)


def _first_of_each(*columns: np.ndarray) -> np.ndarray:
    """Indices of the first row of each distinct combination, ascending."""
    rows = np.column_stack([np.asarray(c, float).reshape(len(columns[0]), -1) for c in columns])
    return np.sort(np.unique(rows, axis=0, return_index=True)[1])


def _touching_sequence(complex_: Complex) -> str:
    from gemmi import find_tabulated_residue

    receptor = complex_.receptor
    protein = np.flatnonzero((receptor.kind == PROTEIN) & (receptor.name == "CA"))
    ligand = np.concatenate([g.coord for g in complex_.ligands])
    touching = np.flatnonzero(cKDTree(ligand).query(receptor.coord, distance_upper_bound=5.0)[0] < 5.0)
    chains = Counter(str(c) for c in receptor.chain_id[touching])
    if not chains or not len(protein):
        return ""
    chain = max(chains, key=lambda c: (np.sum(receptor.chain_id[protein] == c), c))
    codes = receptor.parent[protein[receptor.chain_id[protein] == chain]]
    return "".join(find_tabulated_residue(str(code)).one_letter_code.upper().strip() or "X" for code in codes)


def _quietly(source: Source):
    RDLogger.DisableLog("rdApp.*")
    warnings.simplefilter("ignore")
    try:
        return build_item(source)
    except Exception as error:  # one defective structure must not end a build of thousands; it is named in the report
        return None, [(source.id, "", f"internal error: {type(error).__name__}: {error}")], ""


def build(entries: list[Source], out: Path, workers: int = 2) -> Counter:
    """Build a store from ``entries``; returns the count of each reason of rejection."""
    rejected: list[tuple[str, str, str]] = []
    items: list[StoreItem] = []
    sequences: list[str] = []
    with ProcessPoolExecutor(workers) as pool:
        for number, (item, reasons, sequence) in enumerate(pool.map(_quietly, entries, chunksize=8), 1):
            rejected += reasons
            if item is not None:
                items.append(item)
                sequences.append(sequence)
            if number % 100 == 0 or number == len(entries):
                log.info("%d of %d structures read, %d kept", number, len(entries), len(items))
    items = _with_splits(items, sequences)
    with create_store(out, FEATURES, DEFINITIONS.to_dict()) as h5:
        for item in items:
            write_item(h5, item)
    with out.with_name(out.name + ".rejected.csv").open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(("structure", "ligand", "reason"))
        writer.writerows(rejected)
    return Counter(reason.split(": ")[0] if reason.startswith("internal") else reason for _, _, reason in rejected)


def _with_splits(items: list[StoreItem], sequences: list[str]) -> list[StoreItem]:
    """Items with clusters and splits; computed by sequence if any item lacks them."""
    if all(item.clusters and item.split in split.SPLITS for item in items):
        return items
    names = [f"S{number:05d}" for number in cluster_sequences(sequences)]
    # the first sequence of a cluster names it for the split, so that it does not depend on the order of files
    first = {name: min(s for s, n in zip(sequences, names, strict=True) if n == name) for name in set(names)}
    splits = split.assign(first.values())
    return [
        replace(item, clusters=(name,), split=splits[first[name]]) for item, name in zip(items, names, strict=True)
    ]


def main(argv: list[str] | None = None) -> int:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m data_prep.build", description=__doc__.split("\n\n")[0])
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--manifest", help="CSV with ids, kinds, paths, splits and clusters")
    group.add_argument("--pdbbind", help="folder in PDBbind's layout")
    group.add_argument("--entries", help="folder of PDB, mmCIF or BinaryCIF files")
    group.add_argument("--ids", help="text file with PDB ids to download")
    parser.add_argument("-o", "--output", required=True, type=Path, help="HDF5 store to write")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=int, help="only the first N structures")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        if args.manifest:
            # structures without a ligand cluster have none of their own to learn from
            entries = [s for s in sources.from_manifest(args.manifest) if s.clusters]
        elif args.pdbbind:
            entries = sources.from_pdbbind(args.pdbbind)
        elif args.entries:
            entries = sources.from_entries(args.entries)
        else:
            entries = sources.from_ids(args.ids)
        reasons = build(entries[: args.limit], args.output, args.workers)
    except PocketvoxError as error:
        log.error("error: %s", error)
        return 1
    for reason, count in reasons.most_common(20):
        log.info("%6d  %s", count, reason)
    return 0


if __name__ == "__main__":
    sys.exit(main())
