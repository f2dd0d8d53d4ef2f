"""Makes the frozen list from the developer data: for maintainers, once per version of the benchmark.

``python -m benchmarks.freeze --data FOLDER`` writes ``benchmarks/entries.csv`` and ``benchmarks/excluded.csv``.

The ``maps`` set takes every structure of the validation and test splits with a ligand that is fit to learn from
(:mod:`data_prep.curate`); the others are listed with their reason. Identity is the highest fraction of identical
residues over the shorter chain, of the local alignments (BLOSUM62) of a chain at a site with the training chains that
share most 3-residue words with it; all chains of all training structures are searched. An entry is free of homology if
none of these is detectably homologous (:mod:`data_prep.cluster`): the splits ask for homology over half of the longer
chain as well, so that a domain of a longer training chain may be left, which is found here.
"""

from __future__ import annotations

import argparse
import csv
import logging
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from Bio import Align
from Bio.Align import substitution_matrices
from rdkit import RDLogger

from benchmarks.entries import MAPS, PAIRS, SCREENING
from benchmarks.frozen import FROZEN, Row, write_rows
from benchmarks.prepare import fingerprint, heavy_formula, prepare_row, structure_from_mol2
from data_prep import curate, sources
from data_prep.build import touching_sequences
from data_prep.cluster import GAP_EXTEND, GAP_OPEN, WORD, cluster_sequences, homologous, join_clusters
from data_prep.sources import Source
from pocketvox.errors import PocketvoxError
from pocketvox.structure import read_complex
from pocketvox.structure.atoms import PROTEIN, Complex

EXCLUDED = FROZEN.with_name("excluded.csv")
#: Training chains that are aligned with each chain.
CANDIDATES = 60

log = logging.getLogger("benchmarks")


def maps_row(source: Source, data: Path) -> tuple[Row | None, list[tuple[str, str, str]], tuple[str, ...]]:
    """Row of a structure, what was left out of it and why, and the sequences at its sites."""
    try:
        complex_ = read_complex(source.structure, ligand=source.ligand or None)
    except PocketvoxError as error:
        return None, [(source.id, "", str(error).replace(f"{data}/", ""))], ()
    if source.resolution is not None:
        complex_ = replace(complex_, structure=replace(complex_.structure, resolution=source.resolution))
    verdicts = [curate.rejection(complex_, ligand) for ligand in complex_.ligands]
    pairs = list(zip(complex_.ligands, verdicts, strict=True))
    rejected = [(source.id, ligand.name, reason) for ligand, reason in pairs if reason]
    fit = [ligand for ligand, reason in pairs if reason is None]
    if not fit:
        return None, rejected or [(source.id, "", "no suitable ligand")], ()
    row = Row(
        id=source.id,
        set=MAPS,
        split=source.split,
        state="model" if complex_.structure.predicted else "holo",
        pair="",
        pdb_id=source.id.removesuffix("-complex").removesuffix("-entry"),
        receptor=str(Path(source.structure).relative_to(data)),
        ligands=(f"={Path(source.ligand).relative_to(data)}",) if source.ligand else (),
        sites=tuple(f"{ligand.name}|{heavy_formula(ligand.mol)}" for ligand in fit),
        clusters=source.clusters,
        resolution=float("nan") if source.resolution is None else source.resolution,
        identity=float("nan"),
        homology_free=True,
    )
    return row, rejected, touching_sequences(replace(complex_, ligands=tuple(fit)))


def pair_rows(data: Path) -> list[tuple[Row, tuple[str, ...]]]:
    """Fragment, lead and apo structures of every pair, with the sequences at the sites."""
    out = []
    for folder in sorted((data / "hotspots21").iterdir()):
        key = folder.name
        for role in ("fragment", "lead", "apo"):
            ligands = sorted(folder.glob(f"{role}_lig_*.sdf"))
            protein = next(folder.glob(f"{role}_*.pdb.gz"))
            names = {path.name.split("_")[0] for path in folder.glob("apo_*")}
            pdb_id = protein.name.split("_")[1].split(".")[0].lower() if role in names else _title(ligands[0])
            row = Row(
                id=f"{key.split('_')[0]}-{role}",
                set=PAIRS,
                split="test",
                state="apo" if role == "apo" else "holo",
                pair=key,
                pdb_id=pdb_id,
                receptor=str(protein.relative_to(data)),
                ligands=tuple(f"{role}={path.relative_to(data)}" for path in ligands),
                sites=(),
                clusters=(),
                resolution=float("nan"),
                identity=float("nan"),
                homology_free=False,
            )
            found = [read_complex(protein, ligand=path) for path in ligands or sorted(folder.glob("*_lig_*.sdf"))]
            sites = [f"{c.ligands[0].name}|{heavy_formula(c.ligands[0].mol)}" for c in found] if ligands else []
            sequences = {s for complex_ in found for s in touching_sequences(complex_)}
            out.append((replace(row, sites=tuple(sites)), tuple(sorted(sequences))))
    flat = [sequence for _, sequences in out for sequence in sequences]
    number = dict(zip(flat, cluster_sequences(flat), strict=True))
    groups = join_clusters([[number[s] for s in sequences] for _, sequences in out])
    return [(replace(r, clusters=(f"P{g:02d}",)), s) for (r, s), g in zip(out, groups, strict=True)]


def _title(path: Path) -> str:
    return path.read_text().split("\n", 1)[0].split("_")[0].lower()


def screening_row() -> Row:
    """The one screening set."""
    folder = "screening/ache"
    files = {"crystal": "crystal_ligand.mol2.gz", "actives": "actives_docked.sdf.gz", "decoys": "decoys_docked.sdf.gz"}
    return Row(
        id="ache",
        set=SCREENING,
        split="test",
        state="holo",
        pair="",
        pdb_id="1eve",
        receptor=f"{folder}/protein.mol2.gz",
        ligands=tuple(f"{role}={folder}/{name}" for role, name in files.items()),
        sites=(),
        clusters=("ache",),
        resolution=float("nan"),
        identity=float("nan"),
        homology_free=True,
    )


def _screening_sequences(data: Path) -> tuple[str, ...]:
    row = screening_row()
    ligand = dict(text.split("=", 1) for text in row.ligands)["crystal"]
    return touching_sequences(read_complex(structure_from_mol2(data / row.receptor), ligand=data / ligand))


# ----------------------------------------------------------------------------------------------------------- identity
class TrainingChains:
    """Sequences of the training split, searched by shared words."""

    def __init__(self, sequences: Iterable[str]):
        self.sequences = sorted({s for s in sequences if s})
        self.total = sum(map(len, self.sequences))
        self.owners = defaultdict(set)
        for i, sequence in enumerate(self.sequences):
            for word in _words(sequence):
                self.owners[word].add(i)
        self.aligner = Align.PairwiseAligner(mode="local", open_gap_score=-GAP_OPEN, extend_gap_score=-GAP_EXTEND)
        self.aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")

    def search(self, sequence: str) -> tuple[float, bool]:
        """Highest identity to a training chain, and whether any is detectably homologous."""
        shared = Counter(i for word in _words(sequence) for i in self.owners.get(word, ()))
        best, homologue = 0.0, False
        for i, _ in sorted(shared.items(), key=lambda pair: (-pair[1], pair[0]))[:CANDIDATES]:
            other = self.sequences[i]
            best = max(best, self._identity(sequence, other))
            homologue = homologue or homologous(sequence, other, self.total)
        return best, homologue

    def _identity(self, a: str, b: str) -> float:
        known = set(self.aligner.substitution_matrix.alphabet)
        a, b = ("".join(c if c in known else "X" for c in s) for s in (a, b))
        spans = self.aligner.align(a, b)[0].aligned
        same = sum(
            x == y != "X"
            for (s, e), (t, _) in zip(*spans, strict=True)
            for x, y in zip(a[s:e], b[t : t + e - s], strict=True)
        )
        return same / min(len(a), len(b))


def _words(sequence: str) -> set[str]:
    return {sequence[i : i + WORD] for i in range(len(sequence) - WORD + 1)}


def training_sequences(source: Source) -> tuple[str, ...]:
    """Sequences of every protein chain of a training structure."""
    RDLogger.DisableLog("rdApp.*")
    warnings.simplefilter("ignore")
    try:
        complex_: Complex = read_complex(source.structure, ligand=source.ligand or None)
    except PocketvoxError:
        return ()
    return _all_sequences(complex_)


def _all_sequences(complex_: Complex) -> tuple[str, ...]:
    from data_prep.build import _letter

    trace = complex_.receptor[(complex_.receptor.kind == PROTEIN) & (complex_.receptor.name == "CA")]
    return tuple("".join(map(_letter, trace.parent[trace.chain_id == c].tolist())) for c in np.unique(trace.chain_id))


def _with_identity(pair: tuple[Row, tuple[str, ...]], chains: TrainingChains) -> Row:
    row, sequences = pair
    found = [chains.search(s) for s in sequences if s]
    if not found:
        return row
    return replace(row, identity=max(i for i, _ in found), homology_free=not any(homologue for _, homologue in found))


def _fingerprinted(row: Row, data: Path) -> Row:
    RDLogger.DisableLog("rdApp.*")
    warnings.simplefilter("ignore")
    return replace(row, sha256=fingerprint(prepare_row(row, data)))


def main(argv: list[str] | None = None) -> int:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.freeze", description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the developer data")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    RDLogger.DisableLog("rdApp.*")
    warnings.simplefilter("ignore")
    known = sources.from_manifest(args.data / "manifest.csv")
    pairs: list[tuple[Row, tuple[str, ...]]] = []
    excluded: list[tuple[str, str, str]] = []
    with ProcessPoolExecutor(2) as pool:
        scored = [s for s in known if s.split != "train" and s.clusters]
        for row, rejected, sequences in pool.map(partial(maps_row, data=args.data), scored, chunksize=4):
            excluded += rejected
            if row is not None:
                pairs.append((row, sequences))
        log.info("%d structures with a fit ligand, %d left out", len(pairs), len(scored) - len(pairs))
        pairs += pair_rows(args.data)
        pairs.append((screening_row(), _screening_sequences(args.data)))
        train = [s for s in known if s.split == "train"]
        chains = TrainingChains({s for found in pool.map(training_sequences, train, chunksize=16) for s in found})
        log.info("%d training chains", len(chains.sequences))
        rows = list(pool.map(partial(_with_identity, chains=chains), pairs, chunksize=16))
        rows = list(pool.map(partial(_fingerprinted, data=args.data), rows, chunksize=4))
    write_rows(FROZEN, rows)
    with EXCLUDED.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(("id", "ligand", "reason"))
        writer.writerows(excluded)
    log.info("%d entries frozen", len(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
