"""Pseudo-ligands: pieces cut out of structures, as further training data.

``python -m data_prep.pseudo --manifest FILE -o STORE [--kinds A,B] [--per-structure N] [--workers N] [--limit N]
[--seed N]``

What holds a protein together also holds a ligand in its pocket. One to three residues of a chain, or one long side
chain, are taken as the ligand and what remains as the receptor (the idea of ProFSA: Gao et al., ICLR 2024,
arXiv:2310.07229). So are nucleotides at a protein, and hetero groups that are no real ligand of the store. The
neighbours along the chain are dropped, since their bonds would give the piece away. Features, interactions and
curation are those of real ligands. No piece touches a ligand or additive of the entry, whose interactions would be
missing. Only training structures are used, and none with a chain of a held-out family. Kinds of piece:
:mod:`data_prep.pieces`; an item's id ends in its kind and a number.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import logging
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from rdkit import RDLogger
from scipy.spatial import cKDTree

from data_prep import curate, sources
from data_prep.build import check_output, store_item, write_rejected
from data_prep.cofactors import find_cofactors, foreign_atoms, with_peptides, with_residues
from data_prep.command import command
from data_prep.cut import cut_out, own_interactions
from data_prep.nucleotides import find_nucleotides
from data_prep.pieces import KINDS, Piece, Pool, drawn, find_pieces
from data_prep.sources import Source
from pocketvox.channels import TYPED
from pocketvox.chemistry.elements import VDW_RADIUS
from pocketvox.data.store import PSEUDO, StoreItem, create_store, write_item
from pocketvox.errors import InputError, LigandError, PocketvoxError
from pocketvox.features import FEATURES, FeaturePoints, receptor_points
from pocketvox.interactions import find_interactions
from pocketvox.interactions.definitions import DEFINITIONS
from pocketvox.structure import read_complex
from pocketvox.structure.atoms import Complex
from pocketvox.voxel.kernels import SUPPORT

#: Edge of the widest crop and largest jitter that the store is meant for (angstrom).
CROP, JITTER = 24.0, 6.0
#: Features of an atom depend on nothing farther away than this (angstrom).
_FEATURE_REACH = 8.0

log = logging.getLogger("data_prep")


def crop_reach(crop: float = CROP, jitter: float = JITTER) -> float:
    """How far from a ligand atom a crop centred on it can see receptor atoms (angstrom).

    Half the diagonal of a cube of edge ``crop``, the jitter and the kernel of the largest atom.
    """
    return float(np.sqrt(3) / 2 * crop + jitter + SUPPORT * max(VDW_RADIUS.values()))


def pseudo_items(
    source: Source,
    *,
    kinds: Sequence[str] = KINDS,
    per_structure: int = 6,
    seed: int = 0,
    reach: float | None = None,
) -> list[StoreItem]:
    """Items of one structure, the same for the same seed, id and kinds.

    Parameters
    ----------
    source : Source
    kinds : sequence of str
        Of :data:`data_prep.pieces.KINDS`; they take turns, in that order, as long as there are pieces.
    per_structure : int
        As many pseudo-ligands at most; no two share a residue or its copy in another chain.
    seed : int
    reach : float, optional
        Feature points farther from the piece are left out (angstrom); :func:`crop_reach` if not given.

    Returns
    -------
    list of StoreItem
        What else would bind to such a receptor is unknown, so there are no surface points, and ``ignored_coord`` holds
        the dropped neighbours and the entry's ligands and additives.
    """
    reach = crop_reach() if reach is None else reach
    complex_ = read_complex(source.structure, ligand=source.ligand or None)
    if source.resolution is not None:
        complex_ = replace(complex_, structure=replace(complex_.structure, resolution=source.resolution))
    queues = [(kind, _queue(source, pools, kind, seed)) for kind, pools in _pools(complex_, kinds).items()]
    items: list[StoreItem] = []
    taken: set[tuple[str, int, str]] = set()
    while queues and len(items) < per_structure:
        kind, queue = queues.pop(0)
        named = replace(source, id=f"{source.id}_{kind}{len(items)}", origin=PSEUDO)
        for pool, piece in queue:
            item = _item(named, pool, piece, reach) if taken.isdisjoint(piece.residues) else None
            if item is not None:
                items.append(item)
                taken |= piece.residues
                queues.append((kind, queue))
                break
    return items


def kind_of(id: str) -> str:
    """Kind of the piece that an item was made of, from its id."""
    return id.rsplit("_", 1)[-1].rstrip("0123456789")


def _pools(complex_: Complex, kinds: Sequence[str]) -> dict[str, list[Pool]]:
    """Where the pieces of each kind come from, in the order in which kinds take turns."""
    bare, foreign = with_residues(complex_, np.empty(0, int)), foreign_atoms(complex_)
    chains, peptides = {"residues", "interfaces", "peptides"} & set(kinds), None
    if "peptides" in kinds and (peptides := with_peptides(complex_)) is not None:
        peptides = replace(peptides, pieces=find_pieces(peptides.complex_))
        chains -= {"peptides"}
    protein = Pool(bare, foreign, find_pieces(bare) if chains else ())
    makers = {
        "cofactors": lambda: find_cofactors(complex_),
        "nucleotides": lambda: [Pool(bare, foreign, find_nucleotides(bare))],
        "peptides": lambda: [peptides or protein],
        "interfaces": lambda: [protein],
        "residues": lambda: [protein],
    }
    return {kind: makers[kind]() for kind in KINDS if kind in kinds}


def _queue(source: Source, pools: list[Pool], kind: str, seed: int) -> Iterator[tuple[Pool, Piece]]:
    key = f"{seed} {source.id}" + (f" {kind}" if kind != "residues" else "")
    return drawn(pools, kind, np.random.default_rng(list(hashlib.sha256(key.encode()).digest())))


def _item(source: Source, pool: Pool, piece: Piece, reach: float) -> StoreItem | None:
    """Item of one pseudo-ligand; None if it would be unfit as a ligand."""
    atoms = pool.complex_.receptor
    try:
        near, own = cut_out(pool.complex_, piece, reach + _FEATURE_REACH)
    except LigandError:
        return None
    ligand = replace(near.ligands[0], coord=atoms.coord[piece.atoms])
    if curate.rejection(near, ligand) is not None:
        return None
    points, tree = receptor_points(near.receptor), cKDTree(ligand.coord)
    seen = tree.query(points.coord)[0] <= reach
    points = FeaturePoints(points.coord[seen], points.features[seen], points.radius[seen])
    unknown = np.concatenate([pool.foreign, atoms.coord[np.setdiff1d(piece.removed, piece.atoms)]])
    unknown = unknown[tree.query(unknown)[0] <= reach]
    found = own_interactions(find_interactions(near), own)
    return store_item(source, (ligand,), points, found, ignored=unknown, surface=np.empty((0, 3)))


def train_sources(manifest: str | Path) -> tuple[list[Source], frozenset[str], int]:
    """Training structures of a manifest, with or without ligands; see :func:`data_prep.sources.from_manifest`.

    Returns
    -------
    entries : list of Source
        ``clusters`` are those of the column ``all_clusters``.
    held_out : frozenset of str
        Clusters of validation and test pockets.
    skipped : int
        Training rows left out because a chain of theirs is of a held-out cluster, or of none that is known.
    """
    found = sources.from_manifest(manifest)
    with Path(manifest).open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    if "all_clusters" not in rows[0]:
        raise InputError(f"{manifest}: expected the column all_clusters. Received: {sorted(rows[0])}.")
    held_out = frozenset(c for s in found if s.split != "train" for c in s.clusters)
    train = [
        replace(s, clusters=tuple(row["all_clusters"].replace(";", " ").replace(",", " ").split()))
        for s, row in zip(found, rows, strict=True)
        if s.split == "train"
    ]
    entries = [s for s in train if s.clusters and held_out.isdisjoint(s.clusters)]
    return entries, held_out, len(train) - len(entries)


def build(
    entries: list[Source],
    out: Path,
    *,
    held_out: frozenset[str] = frozenset(),
    workers: int = 2,
    **options,
) -> Counter:
    """Build a store of pseudo-ligands; returns the count of each reason for which a structure gave none.

    ``options`` are those of :func:`pseudo_items`. The log ends with the counts of pieces and points of each kind.

    Raises
    ------
    InputError
        Before anything is read, if an entry is not of the training split or of a cluster in ``held_out``, or ``out``
        exists or its folder does not.
    """
    check_output(out)
    for s in entries:
        if s.split != "train" or not held_out.isdisjoint(s.clusters):
            raise InputError(f"Expected training structures without held-out clusters. Received: {s.id} ({s.split}).")
    rejected: list[tuple[str, str, str]] = []
    counts: Counter[tuple[str, str]] = Counter()
    items_of = partial(_quietly, **options)
    with ProcessPoolExecutor(workers) as pool, create_store(out, FEATURES, DEFINITIONS.to_dict()) as h5:
        for number, (source, (items, reason)) in enumerate(
            zip(entries, pool.map(items_of, entries, chunksize=4), strict=True), 1
        ):
            for item in items:
                write_item(h5, item)
                counts.update((kind_of(item.id), TYPED[c]) for c in item.point_channel)
                counts[kind_of(item.id), "pieces"] += 1
            rejected += [(source.id, "", reason)] if reason else []
            if number % 100 == 0 or number == len(entries):
                log.info("%d of %d structures read, %d pseudo-ligands", number, len(entries), len(h5["structures"]))
    log.info("%s", summary(counts))
    return write_rejected(out, rejected)


def summary(counts: Counter[tuple[str, str]]) -> str:
    """A line for each kind: pieces, and interaction points of each channel."""
    kinds = [kind for kind in KINDS if counts[kind, "pieces"]]
    rows = [", ".join(f"{name} {counts[kind, name]}" for name in ("pieces", *TYPED)) for kind in kinds]
    return "\n".join(f"{kind}: {row}" for kind, row in zip(kinds, rows, strict=True))


def _quietly(source: Source, **options) -> tuple[list[StoreItem], str]:
    RDLogger.DisableLog("rdApp.*")
    warnings.simplefilter("ignore")
    try:
        items = pseudo_items(source, **options)
    except PocketvoxError as error:
        return [], str(error)
    except Exception as error:  # one defective structure must not end a build of thousands; it is named in the report
        return [], f"internal error: {type(error).__name__}: {error}"
    return items, "" if items else "no suitable piece"


def _kinds(text: str) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    if not set(chosen) <= set(KINDS):
        raise argparse.ArgumentTypeError(f"expected some of {','.join(KINDS)}. Received: {text}")
    return chosen


@command
def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m data_prep.pseudo", description=__doc__.split("\n\n")[0])
    parser.add_argument("--manifest", required=True, help="CSV with ids, kinds, paths, splits and clusters")
    parser.add_argument("-o", "--output", required=True, type=Path, help="HDF5 store to write")
    parser.add_argument("--kinds", type=_kinds, default=KINDS, help=f"some of {','.join(KINDS)} (default: all)")
    parser.add_argument("--per-structure", type=int, default=6, help="pseudo-ligands per structure, at most")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=int, help="only the first N structures")
    parser.add_argument("--seed", type=int, default=0)
    reach = f"angstrom; by default right for crops {CROP:g} A wide and a jitter of {JITTER:g} A"
    parser.add_argument("--reach", type=float, help=f"leave out feature points farther from the piece ({reach})")
    args = parser.parse_args(argv)
    entries, held_out, skipped = train_sources(args.manifest)
    log.info("%d training structures, %d skipped: held-out or unknown clusters", len(entries), skipped)
    options = {name: getattr(args, name) for name in ("kinds", "per_structure", "workers", "seed", "reach")}
    reasons = build(entries[: args.limit], args.output, held_out=held_out, **options)
    for reason, count in reasons.most_common(20):
        log.info("%6d  %s", count, reason)


if __name__ == "__main__":
    sys.exit(main())
