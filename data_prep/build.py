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
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from gemmi import find_tabulated_residue
from rdkit import RDLogger
from scipy.spatial import cKDTree

from data_prep import curate, sources, split
from data_prep.cluster import cluster_sequences, join_clusters
from data_prep.command import command
from data_prep.sources import Source
from pocketvox.data.store import StoreItem, create_store, write_item
from pocketvox.descriptors import DESCRIPTORS, describe, experiment
from pocketvox.errors import InputError, PocketvoxError
from pocketvox.features import FEATURES, LIGAND_FEATURES, FeaturePoints, ligand_points, receptor_points
from pocketvox.interactions import Interactions, find_interactions
from pocketvox.interactions.definitions import DEFINITIONS
from pocketvox.structure import read_complex
from pocketvox.structure.atoms import PROTEIN, Atoms, Complex, Ligand

#: Surface points: this many at most, this far from the nearest heavy atom (angstrom).
SURFACE_POINTS, PROBE_DISTANCE, PROBE_CLEARANCE = 200, 3.5, 2.8
#: A protein chain with an atom this near touches the ligand (angstrom).
TOUCH = 5.0

log = logging.getLogger("data_prep")


def build_item(source: Source) -> tuple[StoreItem | None, list[tuple[str, str, str]], tuple[str, ...]]:
    """Read one structure.

    Returns
    -------
    item : StoreItem or None
        None if nothing in it is fit to learn from.
    rejected : list of (structure, ligand, reason)
    sequences : tuple of str
        Sequences of the protein chains that touch a ligand, for clustering; one empty sequence if there are none.
    """
    try:
        complex_ = read_complex(source.structure, ligand=source.ligand or None)
    except PocketvoxError as error:
        return None, [(source.id, "", str(error))], ()
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
        return None, rejected or [(source.id, "", "no suitable ligand")], ()
    unfit = [ligand.coord for ligand, reason in zip(complex_.ligands, verdicts, strict=True) if reason is not None]
    ignored = np.concatenate([complex_.ignored.coord[complex_.ignored.heavy], *unfit])
    complex_ = replace(complex_, ligands=fit)
    return make_item(source, complex_, ignored), rejected, touching_sequences(complex_)


def make_item(source: Source, complex_: Complex, ignored: np.ndarray) -> StoreItem:
    """Features, ligands and interaction points of a curated complex."""
    points = receptor_points(complex_.receptor)
    surface = surface_points(complex_.receptor, source.id)
    item = store_item(source, complex_.ligands, points, find_interactions(complex_), ignored=ignored, surface=surface)
    seen = [ligand_points(ligand) for ligand in complex_.ligands]
    described = zip(complex_.ligands, seen, strict=True)
    return replace(
        item,
        b_factor=points.b_factor,
        ligand_site_coord=np.concatenate([one.coord for one in seen]),
        ligand_site_features=np.concatenate([one.features for one in seen]).astype(np.uint8),
        ligand_site_radius=np.concatenate([one.radius for one in seen]),
        ligand_site_group=np.repeat(np.arange(len(seen)), [len(one) for one in seen]).astype(np.int32),
        descriptors=np.stack([describe(ligand, one, points, complex_.structure) for ligand, one in described]),
        experiment=experiment(complex_.structure),
    )


def store_item(
    source: Source,
    ligands: Sequence[Ligand],
    points: FeaturePoints,
    found: Interactions,
    *,
    ignored: np.ndarray,
    surface: np.ndarray,
) -> StoreItem:
    """Arrays of a store from what was computed; an interaction point is stored once, however many partners it has."""
    keep = _first_of_each(found.ligand, found.channel, found.point)
    return StoreItem(
        id=source.id,
        split=source.split,
        clusters=source.clusters,
        source=source.origin,
        coord=points.coord,
        features=points.features.astype(np.uint8),
        radius=points.radius,
        ligand_coord=np.concatenate([ligand.coord for ligand in ligands]),
        ligand_group=np.repeat(np.arange(len(ligands)), [len(g.coord) for g in ligands]).astype("i4"),
        ligand_names=tuple(ligand.name for ligand in ligands),
        point_coord=found.point[keep],
        point_channel=found.channel[keep],
        point_group=found.ligand[keep],
        ignored_coord=ignored.astype(np.float32),
        surface_coord=surface.astype(np.float32),
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
    rows = np.column_stack([np.asarray(c, float) for c in columns])
    return np.sort(np.unique(rows, axis=0, return_index=True)[1])


def touching_sequences(complex_: Complex) -> tuple[str, ...]:
    """Sequences (observed residues) of the protein chains within ``TOUCH`` of a ligand, or one empty sequence."""
    receptor = complex_.receptor[complex_.receptor.kind == PROTEIN]
    if not len(receptor):
        return ("",)
    ligand = np.concatenate([g.coord for g in complex_.ligands])
    near = np.isfinite(cKDTree(ligand).query(receptor.coord, distance_upper_bound=TOUCH)[0])
    trace = receptor[receptor.name == "CA"]
    chains = sorted(set(receptor.chain_id[near].tolist()))
    sequences = {"".join(map(_letter, trace.parent[trace.chain_id == chain].tolist())) for chain in chains}
    return tuple(sorted(sequences - {""})) or ("",)


def _letter(code: str) -> str:
    return find_tabulated_residue(code).one_letter_code.upper().strip() or "X"


def _quietly(source: Source):
    RDLogger.DisableLog("rdApp.*")
    warnings.simplefilter("ignore")
    try:
        return build_item(source)
    except Exception as error:  # one defective structure must not end a build of thousands; it is named in the report
        return None, [(source.id, "", f"internal error: {type(error).__name__}: {error}")], ()


def build(entries: list[Source], out: Path, workers: int = 2) -> Counter:
    """Build a store from ``entries``; returns the count of each reason of rejection.

    Raises
    ------
    InputError
        Before anything is read, if ``out`` exists or its folder does not.
    """
    check_output(out)
    rejected: list[tuple[str, str, str]] = []
    items: list[StoreItem] = []
    sequences: list[tuple[str, ...]] = []
    with ProcessPoolExecutor(workers) as pool:
        for number, (item, reasons, chains) in enumerate(pool.map(_quietly, entries, chunksize=8), 1):
            rejected += reasons
            if item is not None:
                items.append(item)
                sequences.append(chains)
            if number % 100 == 0 or number == len(entries):
                log.info("%d of %d structures read, %d kept", number, len(entries), len(items))
    items = with_splits(items, sequences)
    columns = {"ligand_features": LIGAND_FEATURES, "descriptors": DESCRIPTORS}
    with create_store(out, FEATURES, DEFINITIONS.to_dict(), **columns) as h5:
        for item in items:
            write_item(h5, item)
    return write_rejected(out, rejected)


def check_output(out: Path) -> None:
    """Raise InputError unless ``out`` is a new file in a folder that exists."""
    if out.exists() or not out.absolute().parent.is_dir():
        what = "which exists" if out.exists() else "whose folder does not exist"
        raise InputError(f"Expected a new file in a folder that exists. Received: {out}, {what}.")


def write_rejected(out: Path, rejected: list[tuple[str, str, str]]) -> Counter:
    """Write ``<out>.rejected.csv``; returns the count of each reason."""
    with out.with_name(out.name + ".rejected.csv").open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(("structure", "ligand", "reason"))
        writer.writerows(rejected)
    return Counter(reason.split(": ")[0] if reason.startswith("internal") else reason for _, _, reason in rejected)


def with_splits(items: list[StoreItem], chains: list[tuple[str, ...]]) -> list[StoreItem]:
    """Items with clusters and splits; computed from the sequences of their chains if any item lacks them."""
    if all(item.clusters and item.split in split.SPLITS for item in items):
        return items
    flat = [sequence for sequences in chains for sequence in sequences]
    number = dict(zip(flat, cluster_sequences(flat), strict=True))
    members = [tuple(sorted({number[s] for s in sequences})) for sequences in chains]
    groups = join_clusters(members)
    # the first sequence of a group names it for the split, so that it does not depend on the order of files
    first: dict[int, str] = {}
    for group, sequences in zip(groups, chains, strict=True):
        first[group] = min(first.get(group, sequences[0]), *sequences)
    splits = split.assign(first.values())
    return [
        replace(item, clusters=tuple(f"S{n:05d}" for n in clusters), split=splits[first[group]])
        for item, clusters, group in zip(items, members, groups, strict=True)
    ]


@command
def main(argv: list[str] | None = None) -> None:
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
    for reason, count in reasons.most_common(20):
        log.info("%6d  %s", count, reason)


if __name__ == "__main__":
    sys.exit(main())
