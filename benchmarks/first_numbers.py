"""First numbers of a preset: maps and pockets on a split, beside prevalence, rule field and fpocket.

``python -m benchmarks.first_numbers --preset NAME -o results.json [--store STORE] [--split test] [--limit N]``

Writes ``results.json`` and, beside it, the same as Markdown tables (``results.md``). ``--update-card`` also puts them
into the preset's model card. ``--baselines-only`` needs no preset.

Every structure is scanned as ``pocketvox scan`` does it: whole protein, ligands removed. Typed channels are scored in
the envelopes of the store's ligands, thresholds chosen on the validation split. Structure files are found through the
manifest of the developer data; where they are absent, the map is predicted from the store's feature points, and
pockets are not scored.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks import map_scores, pocket_scores, tables
from benchmarks.environment import hardware, versions
from benchmarks.map_scores import MODEL, LigandVoxels
from benchmarks.pocket_scores import Pockets
from data_prep.sources import Source, from_manifest
from pocketvox.channels import LIGAND
from pocketvox.config import SamplingConfig
from pocketvox.data.store import Store, StoreItem
from pocketvox.errors import OutputError, PocketvoxError
from pocketvox.inference.engines import ENGINES
from pocketvox.metrics import ScoreHistogram

THRESHOLD_SPLIT = "val"

log = logging.getLogger("benchmarks")


@dataclass
class SplitScores:
    """What is gathered over the structures of a split."""

    items: list[StoreItem] = field(default_factory=list)
    ligands: list[LigandVoxels] = field(default_factory=list)
    pockets: dict[str, Pockets] = field(default_factory=dict)
    histogram: ScoreHistogram = field(default_factory=ScoreHistogram)


def evaluate(
    store: Store, split: str, predict, spacing: float, limit: int | None = None, pool: ProcessPoolExecutor | None = None
) -> SplitScores:
    """Scan and label every structure of a split.

    Parameters
    ----------
    store : Store
    split : str
    predict : callable or None
        ``predict(item) -> (Volume or None, Pockets or None)``. None scores the baselines only.
    spacing : float
        Edge of a voxel (angstrom).
    limit : int, optional
        Only so many structures, spread evenly over the ids.
    pool : ProcessPoolExecutor, optional
        From :func:`worker_pool`; its processes scan, and ``predict`` is not called.
    """
    ids = store.ids(split)
    if limit and limit < len(ids):
        ids = [ids[i] for i in np.linspace(0, len(ids) - 1, limit).astype(int)]
    out = SplitScores()
    start = time.perf_counter()
    if pool is None:
        scored = (score_structure(store, id, predict, spacing) for id in ids)
    else:
        scored = pool.map(_score_in_worker, ids, repeat(spacing))
    for number, (item, ligands, pockets, histogram) in enumerate(scored, 1):
        out.items.append(item)
        out.ligands += ligands
        out.histogram.merge(histogram)
        if pockets is not None:
            out.pockets[item.id] = pockets
        if number % 10 == 0 or number == len(ids):
            log.info("%s: %d of %d structures, %.0f s", split, number, len(ids), time.perf_counter() - start)
    return out


def score_structure(
    store: Store, id: str, predict, spacing: float
) -> tuple[StoreItem, list[LigandVoxels], Pockets | None, ScoreHistogram]:
    """Scan and label one structure; arguments as for :func:`evaluate`."""
    item = store.read([id])[0]
    volume, pockets = predict(item) if predict is not None else (None, None)
    histogram = ScoreHistogram()
    if volume is not None and LIGAND in volume.channels:
        map_scores.add_ligand_channel(histogram, item, volume)
    return item, map_scores.ligand_voxels(item, store.features, spacing, volume), pockets, histogram


def worker_pool(workers: int, store: Store, preset: str, engine: str, sources: dict[str, Source]):
    """Processes that each load the preset once and scan on one thread."""
    start = (store.path, preset, engine, sources)
    return ProcessPoolExecutor(workers, get_context("spawn"), initializer=_start_worker, initargs=start)


_WORKER: dict = {}


def _start_worker(store: Path, preset: str, engine: str, sources: dict[str, Source]) -> None:
    from pocketvox.inference import load_predictor

    predictor = load_predictor(preset, engine=engine, threads=1)
    _WORKER.update(store=Store(store), predict=Scanner(predictor, sources))


def _score_in_worker(id: str, spacing: float):
    return score_structure(_WORKER["store"], id, _WORKER["predict"], spacing)


class Scanner:
    """Predicts a structure of a store the way ``pocketvox scan`` does.

    Parameters
    ----------
    predictor : Predictor
        As :func:`pocketvox.inference.load_predictor` returns.
    sources : dict of str to Source
        Structure files by id. For those absent the map is predicted from the store's feature points.
    """

    def __init__(self, predictor, sources: dict[str, Source]):
        self.predictor, self.sources = predictor, sources

    def __call__(self, item: StoreItem):
        """Map and pockets of one structure; pockets are None without its file."""
        from pocketvox.pipeline import scan

        source = self.sources.get(item.id)
        if source is None:
            return self.from_points(item), None
        start = time.perf_counter()
        try:
            result = scan(source.structure, predictor=self.predictor)
        except PocketvoxError as error:
            log.warning("%s: %s", item.id, error)
            return self.from_points(item), Pockets(np.empty((0, 3)), error=str(error))
        centers = np.array([pocket.center for pocket in result.pockets]).reshape(-1, 3)
        return result.maps, Pockets(centers, time.perf_counter() - start)

    def from_points(self, item: StoreItem):
        """The map from the store's feature points, over the whole receptor."""
        return self.predictor(item.feature_points)


def map_results(scores: SplitScores, thresholds: dict, complexes: set[str]) -> dict:
    """Scores of all ligands, and of those of prepared complexes if there are any."""
    out = {"all ligands": map_scores.score(scores.ligands, thresholds)}
    some = [ligand for ligand in scores.ligands if ligand.id in complexes]
    if some and len(some) < len(scores.ligands):
        out["prepared complexes"] = map_scores.score(some, thresholds)
    return out


def ligand_channel(chosen_on: ScoreHistogram, scored: ScoreHistogram) -> dict | None:
    """Scores of the ``ligand`` channel over whole maps; None if there are none."""
    if not scored.count:
        return None
    threshold = chosen_on.best_jaccard()[1]
    return {
        "voxels": scored.count,
        "prevalence": scored.prevalence(),
        "average_precision": scored.average_precision(),
        "best_jaccard": scored.best_jaccard()[0],
        "jaccard": scored.jaccard(threshold),
        "threshold": threshold,
        "brier": scored.brier(),
        "calibration_gap": scored.calibration_gap(),
    }


def pocket_results(scores: SplitScores, data: Path, sources: dict[str, Source]) -> dict | None:
    """Pocket success of the model and of fpocket on the same structures; None without structure files."""
    items = [item for item in scores.items if item.id in sources]
    stored = data / "baselines" / "fpocket.csv"
    if not items or not (scores.pockets or stored.is_file()):
        return None
    out = {}
    if scores.pockets:
        out[MODEL] = pocket_scores.score(items, scores.pockets)
        out[MODEL]["seconds_per_structure"] = {
            item.id: scores.pockets[item.id].seconds for item in items if item.id in scores.pockets
        }
    if stored.is_file():
        found = pocket_scores.read_fpocket(stored)
        keys = {item.id: _manifest_key(sources[item.id]) for item in items}
        pockets = {id: Pockets(found[key]) for id, key in keys.items() if key in found}
        out["fpocket"] = pocket_scores.score(items, pockets)
    return out


def _manifest_key(source: Source) -> tuple[str, str]:
    """Id and kind in the manifest; an id listed as both kinds carries the kind in the store."""
    kind = "complex" if source.ligand else "entry"
    return source.id.removesuffix(f"-{kind}"), kind


def run(args: argparse.Namespace) -> dict:
    """Compute everything; see the module docstring."""
    store = Store(args.store)
    manifest = args.data / "manifest.csv"
    sources = {source.id: source for source in from_manifest(manifest)} if manifest.is_file() else {}
    if not sources:
        log.warning("warning: no manifest in %s: pockets and the complexes subset are not scored", args.data)
    predict, spacing, preset, pool = None, SamplingConfig().spacing, None, None
    if not args.baselines_only:
        from pocketvox.inference import load_predictor

        predictor = load_predictor(args.preset, engine=args.engine, threads=args.threads)
        predict, spacing = Scanner(predictor, sources), predictor.preset.spacing
        shown = {"name": predictor.preset.name, "fingerprint": predictor.preset.fingerprint}
        preset = {**shown, "engine": predictor.engine_name}
        if args.workers > 1:
            pool = worker_pool(args.workers, store, str(predictor.preset.folder), args.engine, sources)
    chosen_on = evaluate(store, THRESHOLD_SPLIT, predict, spacing, args.limit, pool)
    thresholds = map_scores.choose_thresholds(chosen_on.ligands)
    scored = chosen_on
    if args.split != THRESHOLD_SPLIT:
        scored = evaluate(store, args.split, predict, spacing, args.limit, pool)
    if pool is not None:
        pool.shutdown()
    return {
        "command": "python -m benchmarks.first_numbers " + " ".join(sys.argv[1:]),
        "hardware": hardware(),
        "versions": versions(),
        "preset": preset,
        "store": {"sha256": _sha256(args.store), "definitions": json.loads(store.definitions)},
        "split": args.split,
        "threshold_split": THRESHOLD_SPLIT,
        "limit": args.limit,
        "spacing": spacing,
        "maps": map_results(scored, thresholds, {id for id, source in sources.items() if source.ligand}),
        "ligand_channel": ligand_channel(chosen_on.histogram, scored.histogram),
        "pockets": pocket_results(scored, args.data, sources),
        "per_ligand": map_scores.per_ligand(scored.ligands, thresholds),
    }


def _sha256(path: Path) -> str:
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def as_json(value):
    """The same with None for NaN, which JSON does not know."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def parser() -> argparse.ArgumentParser:
    """Options of the command."""
    out = argparse.ArgumentParser(prog="python -m benchmarks.first_numbers", description=__doc__.split("\n\n")[0])
    what = out.add_mutually_exclusive_group(required=True)
    what.add_argument("--preset", help="trained model: name or folder")
    what.add_argument("--baselines-only", action="store_true", help="only the rule field, prevalence and fpocket")
    out.add_argument("-o", "--output", required=True, type=Path, help="JSON file; tables go beside it as .md")
    out.add_argument("--store", type=Path, default=Path("runs/store.h5"), help="data store (default: %(default)s)")
    data = os.environ.get("POCKETVOX_DATA", "../shared/data")
    out.add_argument("--data", type=Path, default=Path(data), help="folder of the manifest (default: %(default)s)")
    out.add_argument("--split", default="test", choices=("train", "val", "test"), help="scored (default: %(default)s)")
    out.add_argument("--limit", type=int, help="only so many structures per split")
    out.add_argument("--engine", default="auto", choices=ENGINES)
    out.add_argument("--threads", type=int, help="of one process; with several workers each has one")
    out.add_argument("--workers", type=int, default=1, help="processes that scan (default: %(default)s)")
    out.add_argument(
        "--update-card", type=Path, metavar="FOLDER", help="preset folder whose model card gets the tables"
    )
    return out


def main(argv: list[str] | None = None) -> int:
    """Command line; see the module docstring."""
    args = parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        results = as_json(run(args))
        write(args.output, results)
        if args.update_card:
            tables.update_card(args.update_card, results)
    except PocketvoxError as error:
        log.error("error: %s", error)
        return 1
    log.info("%s", tables.render(results))
    return 0


def write(path: Path, results: dict) -> None:
    """Write the JSON and, beside it, the tables."""
    try:
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        path.with_suffix(".md").write_text(tables.render(results), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"Expected a file that can be written. Received: {path}: {error.strerror}.") from error


if __name__ == "__main__":
    sys.exit(main())
