"""Measure the directions of hot-spots against true ones.

``python -m data_prep.directions train --manifest FILE -o WEIGHTS`` trains the vector field on the training split;
``python -m data_prep.directions measure --manifest FILE --field WEIGHTS --entries LIST --split val -o JSON`` measures
every way of making directions at true interaction points, and at predicted hot-spots matched to them, and writes the
angular errors; splits measured before with the same preset stay in the file. Definitions are in
:mod:`data_prep.direction_truth`. Ways: ``nearest`` partner, ``rules`` (what pocketvox ships), ``map_gradient`` (down
the ligand probability), ``feature_gradient`` (up a field of partners) and ``field`` (learned). For normals of rings:
``to_partner``, ``slot`` (where the receptor crowds) and ``ligand_map`` (where the map is thinnest).
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from rdkit import RDLogger

from data_prep import curate, direction_field, sources
from data_prep.command import command, write_json
from data_prep.direction_truth import AXIS, Truth, axis_error, direction_error, match, summary, true_directions, unit
from data_prep.sources import Source
from pocketvox.channels import LIGAND, TYPED
from pocketvox.descriptors import experiment
from pocketvox.errors import InputError, PocketvoxError
from pocketvox.features import ATOM_TYPES, FeaturePoints, receptor_points
from pocketvox.interactions.definitions import PARTNER_TYPES
from pocketvox.pockets import find_pockets, preset_settings
from pocketvox.pockets.partners import PartnerFinder
from pocketvox.structure import read_complex
from pocketvox.structure.atoms import Complex
from pocketvox.voxel.grid import Grid, Volume

#: Structures of one combination of clusters in training.
MOST_OF_A_FAMILY = 3
#: Displacement of training points along each axis, standard deviation (angstrom).
DISPLACEMENT = 0.45
#: The map reaches this far beyond the ligands, as with ``scan --around`` (angstrom).
MARGIN = 8.0
#: Width of the Gaussians whose sum is the field of partners, and of the smoothing of the map (angstrom).
PARTNER_WIDTH, MAP_WIDTH = 1.5, 1.0
#: Receptor atoms nearer than this crowd a ring, fading out within the width; the map is looked at within a radius (A).
SLOT, SLOT_WIDTH, RING_RADIUS = 4.5, 0.4, 3.0

log = logging.getLogger("directions")


def complexes(entries: list[Source]) -> Iterator[tuple[Source, Complex]]:
    """Readable structures with the ligands that are fit to learn from."""
    for number, source in enumerate(entries, 1):
        try:
            complex_ = read_complex(source.structure, ligand=source.ligand or None)
        except PocketvoxError as error:
            log.info("left out: %s", error)
            continue
        fit = tuple(ligand for ligand in complex_.ligands if curate.rejection(complex_, ligand) is None)
        if fit:
            yield source, replace(complex_, ligands=fit)
        if number % 50 == 0 or number == len(entries):
            log.info("%d of %d structures", number, len(entries))


def training_points(entries: list[Source]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Descriptors, channels and true directions at true points and, once more, at displaced ones."""
    rng = np.random.default_rng(0)
    described, channels, directions = [], [], []
    for _, complex_ in complexes(entries):
        truths = true_directions(complex_)
        if not truths:
            continue
        coord = np.array([truth.point for truth in truths])
        coord = np.concatenate([coord, coord + rng.normal(0, DISPLACEMENT, coord.shape)])
        described.append(direction_field.describe(receptor_points(complex_.receptor), coord))
        channels += [TYPED.index(truth.channel) for truth in truths] * 2
        directions += [truth.directions for truth in truths] * 2
    return np.concatenate(described), np.array(channels), direction_field.padded(directions)


def ligand_map(predictor, complex_: Complex, points: FeaturePoints, cache: Path | None) -> Volume:
    """Prediction around the ligands, kept in ``cache`` if given."""
    if cache is not None and cache.is_file():
        with np.load(cache) as kept:
            grid = Grid(tuple(kept["origin"].tolist()), kept["values"].shape[:3], float(kept["spacing"]))
            return Volume(kept["values"], grid, tuple(kept["channels"].tolist()))
    coord = np.concatenate([ligand.coord for ligand in complex_.ligands])
    volume = predictor(points, Grid.around(coord, MARGIN, predictor.preset.spacing))
    if cache is not None:
        grid = volume.grid
        np.savez_compressed(
            cache, values=volume.values, origin=grid.origin, spacing=grid.spacing, channels=volume.channels
        )
    return volume


def queries(predictor, complex_: Complex, volume: Volume) -> list[tuple[str, np.ndarray, Truth]]:
    """Where directions are measured: (``true`` or ``hotspot``, position, truth)."""
    truths = true_directions(complex_)
    pockets = find_pockets(volume, complex_.receptor, *preset_settings(predictor.preset.config))
    spots = [hotspot for pocket in pockets for hotspot in pocket.hotspots]
    coord = np.array([spot.coord for spot in spots]).reshape(-1, 3)
    pairs = match([spot.type for spot in spots], coord, truths)
    return [("true", t.point, t) for t in truths] + [("hotspot", coord[i], truths[j]) for i, j in pairs]


class Errors:
    """Angular errors by split, place, channel and way."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str, str], list[float]] = defaultdict(list)

    def add(self, split: str, place: str, truth: Truth, **guesses: np.ndarray) -> None:
        """Errors of guessed directions, one per way; a way called ``normal_*`` guesses the normal of the ring."""
        for way, guess in guesses.items():
            if way.startswith("normal_"):
                error, channel = axis_error(guess, truth.axis), AXIS
            else:
                error, channel = direction_error(guess, truth.directions), truth.channel
            self._found[split, place, channel, way.removeprefix("normal_")].append(error)

    def table(self) -> dict:
        """Nested dictionary: split, place, channel, way, numbers."""
        result: dict = {}
        for (split, place, channel, way), errors in sorted(self._found.items()):
            result.setdefault(split, {}).setdefault(place, {}).setdefault(channel, {})[way] = summary(errors)
        return result


def measure(entries: list[Source], predictor, model, maps: Path | None) -> dict:
    """Angular errors of every way; ``model`` (the learned field) may be None."""
    errors = Errors()
    for source, complex_ in complexes(entries):
        points = receptor_points(complex_.receptor, experiment(complex_.structure))
        volume = ligand_map(predictor, complex_, points, maps and maps / f"{source.id}.npz")
        asked = queries(predictor, complex_, volume)
        if not asked:
            continue
        coord = np.array([point for _, point, _ in asked])
        finder = PartnerFinder(complex_.receptor, coord, volume.grid.spacing)
        slope = _map_gradient(volume, coord)
        learned = None
        if model is not None:
            channels = np.array([TYPED.index(truth.channel) for _, _, truth in asked])
            learned = direction_field.predict(model, direction_field.describe(points, coord), channels)
        for k, (place, point, truth) in enumerate(asked):
            guesses = {
                "nearest": nearest_partner(finder, truth.channel, point),
                "rules": np.array(finder(truth.channel, point)[1]),
                "map_gradient": -slope[k],
                "feature_gradient": partner_gradient(points, truth.channel, point),
            }
            if learned is not None:
                guesses["field"] = learned[k]
            if truth.channel == "pi_stacking":
                guesses["normal_to_partner"] = guesses["rules"]
                guesses["normal_slot"] = slot_normal(points, point)
                guesses["normal_ligand_map"] = map_normal(volume, point)
            errors.add(source.split, place, truth, **guesses)
    return errors.table()


def nearest_partner(finder: PartnerFinder, channel: str, point: np.ndarray) -> np.ndarray:
    """Unit vector to the nearest partner atom or ring centre, zero if there is none; shape=(3,)."""
    found = finder.candidates(channel, point)
    return unit(found[0][2] - point) if found else np.zeros(3)


def partner_gradient(points: FeaturePoints, channel: str, point: np.ndarray) -> np.ndarray:
    """Up the sum of Gaussians at the atoms that can be the partner, shape=(3,)."""
    kinds = [ATOM_TYPES.index(kind) for kind in PARTNER_TYPES[channel]]
    line = points.coord[points.features[:, kinds].any(axis=1)] - point
    return unit(np.exp(-(line**2).sum(axis=1) / (2 * PARTNER_WIDTH**2)) @ line)


def slot_normal(points: FeaturePoints, point: np.ndarray) -> np.ndarray:
    """Axis along which the receptor's atoms crowd a point, as the walls of a slot crowd a ring in it; shape=(3,)."""
    line = points.coord[points.features[:, ATOM_TYPES.index("occupancy")]] - point
    distance = np.linalg.norm(line, axis=1)
    line, distance = line[distance < SLOT + 10 * SLOT_WIDTH], distance[distance < SLOT + 10 * SLOT_WIDTH]
    weight = 1.0 / (1.0 + np.exp((distance - SLOT) / SLOT_WIDTH))
    return np.linalg.eigh((weight[:, None] * unit(line)).T @ unit(line))[1][:, 2]


def map_normal(volume: Volume, point: np.ndarray) -> np.ndarray:
    """Axis along which the ligand probability around a point is thinnest, shape=(3,)."""
    center = np.round(volume.grid.to_index(point)).astype(int)
    reach = int(np.ceil(RING_RADIUS / volume.grid.spacing)) + 1
    low, high = np.maximum(center - reach, 0), np.minimum(center + reach + 1, volume.grid.shape)
    window = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    line = volume.grid.to_coord(np.stack(np.mgrid[window], axis=-1).reshape(-1, 3)) - point
    inside = np.linalg.norm(line, axis=1) <= RING_RADIUS
    weight = volume[LIGAND].values[window].reshape(-1)[inside].astype(float)
    line = line[inside] - weight @ line[inside] / max(weight.sum(), 1e-9)
    return np.linalg.eigh((weight[:, None] * line).T @ line)[1][:, 0]


def _map_gradient(volume: Volume, coord: np.ndarray) -> np.ndarray:
    """Gradient of the smoothed ligand probability at positions, shape=(n, 3)."""
    from scipy.ndimage import gaussian_filter, map_coordinates

    values = volume[LIGAND].values[..., 0].astype(float)
    index, width = volume.grid.to_index(coord).T, MAP_WIDTH / volume.grid.spacing
    slopes = [gaussian_filter(values, width, order=order) for order in np.eye(3, dtype=int)]
    return np.stack([map_coordinates(slope, index, order=1) for slope in slopes], axis=1)


def listed_entries(manifest: str, splits: list[str], listed: str | None) -> list[Source]:
    """Structures with known ligands of some splits; of val and test those in the frozen list, if it is given."""
    kept = [s for s in sources.from_manifest(manifest) if s.clusters and s.split in splits]
    if listed is None:
        return kept
    if not Path(listed).is_file():
        raise InputError(f"Expected a list of benchmark entries. Received: {listed}, which is not a file.")
    with open(listed, newline="") as handle:
        ids = {row["id"] for row in csv.DictReader(handle) if row["set"] == "maps"}
    return [s for s in kept if s.id in ids]


def _families(entries: list[Source]) -> list[Source]:
    """At most ``MOST_OF_A_FAMILY`` structures of each combination of clusters."""
    seen: Counter = Counter()
    return [s for s in entries if (seen.update([s.clusters]) or seen[s.clusters]) <= MOST_OF_A_FAMILY]


def _train(args) -> None:
    described, channels, directions = training_points(_families(listed_entries(args.manifest, ["train"], None)))
    log.info("%d points", len(channels))
    model = direction_field.train_network(described, channels, directions, epochs=args.epochs)
    model.save_weights(args.output)


def _measure(args) -> None:
    from pocketvox.inference import load_predictor

    model = None
    if args.field:
        model = direction_field.build_network()
        model.load_weights(args.field)
    if args.maps:
        args.maps.mkdir(parents=True, exist_ok=True)
    predictor = load_predictor(args.preset, threads=1)
    table = measure(listed_entries(args.manifest, args.split, args.entries), predictor, model, args.maps)
    result = {"preset": predictor.preset.name, "fingerprint": predictor.preset.fingerprint, "errors": table}
    if args.output.is_file():
        before = json.loads(args.output.read_text(encoding="utf-8"))
        if before["fingerprint"] == result["fingerprint"]:
            result["errors"] = before["errors"] | table
    write_json(result, args.output)


@command
def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m data_prep.directions", description=__doc__.split("\n\n")[0])
    verbs = parser.add_subparsers(required=True)
    train = verbs.add_parser("train", help="train the vector field")
    train.add_argument("--epochs", type=int, default=100)
    train.set_defaults(run=_train)
    ask = verbs.add_parser("measure", help="measure angular errors")
    ask.add_argument("--preset", help="trained model; the newest shipped one if not given")
    ask.add_argument("--field", type=Path, help="weights of the vector field")
    ask.add_argument("--entries", help="frozen list of benchmark entries to keep to (CSV)")
    ask.add_argument("--maps", type=Path, help="folder to keep predicted maps in")
    ask.add_argument("--split", nargs="+", default=["val"], choices=("val", "test"))
    ask.set_defaults(run=_measure)
    for verb in (train, ask):
        verb.add_argument("--manifest", required=True, help="CSV with ids, kinds, paths, splits and clusters")
        verb.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args(argv)
    RDLogger.DisableLog("rdApp.*")
    warnings.simplefilter("ignore")
    args.run(args)


if __name__ == "__main__":
    sys.exit(main())
