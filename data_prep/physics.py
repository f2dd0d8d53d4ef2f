"""Measure constraints: ``python -m data_prep.physics PRESET --store FILE -o FILE``.

On the training split: the share of label voxels that each constraint forbids, and interaction points beyond the reach
of all partners (there should be none). On the validation split, whole proteins as in a scan: scores, time and what was
forbidden yet predicted, of the preset's network without and with constraints; and expected counts beside true ones.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import spearmanr

from data_prep.domain import pocket_of
from data_prep.release import histograms
from data_prep.trust import points_of, row
from pocketvox.channels import CHANNELS, CORE, LIGAND, TYPED
from pocketvox.config import CONSTRAINTS, NetworkConfig
from pocketvox.data.store import Store, StoreItem
from pocketvox.errors import PocketvoxError
from pocketvox.inference import Predictor, Preset, load_predictor, load_preset, save_preset
from pocketvox.inference.presets import WEIGHTS
from pocketvox.metrics import ScoreHistogram
from pocketvox.pockets import PocketConfig
from pocketvox.voxel import Grid, Volume, constraints, expected_counts, label_volume, network_input

#: Values of ``CONTACT`` compared with the one in use.
CONTACTS = (1.6, 1.65, 1.7, 1.75, 1.8)
#: Labels reach this far beyond ligand atoms (angstrom): the label radius around a ring's or a charge's centre.
MARGIN = 3.0
#: Additives hide where a ligand would bind within this distance (angstrom), as in training.
IGNORED = 2.5
WITHOUT, WITH = "without", "with"

log = logging.getLogger("physics")


# --------------------------------------------------------------------------------------------------------------- labels
def forbidden(item: StoreItem, grid: Grid, network: NetworkConfig) -> np.ndarray:
    """Masks of a structure, shape=(x, y, z, K), dtype=bool."""
    return network_input(item.coord, item.features, item.radius, grid, network)[..., len(network.features) :] > 0


def lost_labels(items: list[StoreItem], network: NetworkConfig, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Label voxels per channel, and how many of them each of ``network.constraints`` forbids, dtype=int."""
    voxels, lost = np.zeros(len(CHANNELS), int), np.zeros((len(network.constraints), len(CHANNELS)), int)
    for item in items:
        grid = Grid.around(item.ligand_coord, MARGIN, spacing)
        labels = label_volume(item.point_coord, item.point_channel, item.ligand_coord, grid).values > 0
        voxels += labels.sum(axis=(0, 1, 2))
        for n, name in enumerate(network.constraints):
            lost[n] += (labels & forbidden(item, grid, replace(network, constraints=(name,)))).sum(axis=(0, 1, 2))
    return voxels, lost


def out_of_reach(items: list[StoreItem], features: tuple[str, ...]) -> np.ndarray:
    """Interaction points per typed channel beyond the reach of every partner, shape=(len(TYPED),), dtype=int."""
    count = np.zeros(len(TYPED), int)
    for item in items:
        for k, channel in enumerate(TYPED):
            points = item.point_coord[item.point_channel == k]
            reached = np.zeros(len(points), bool)
            for name, distance in constraints.PARTNERS[channel]:
                partners = item.coord[item.features[:, features.index(name)] > 0]
                if len(partners) and len(points):
                    reached |= cKDTree(partners).query(points)[0] <= distance + constraints.SLACK
            count[k] += (~reached).sum()
    return count


def labels(items: list[StoreItem], network: NetworkConfig, spacing: float) -> list[dict]:
    """Rows per channel: label voxels, percentages forbidden, points out of reach."""
    voxels, lost = lost_labels(items, network, spacing)
    far = np.append(out_of_reach(items, network.features), 0)
    rows = []
    for k, channel in enumerate(CHANNELS):
        shares = {f"{name}_percent": 100 * lost[n, k] / voxels[k] for n, name in enumerate(network.constraints)}
        rows.append(row(channel, voxels=int(voxels[k]), **shares, points_out_of_reach=int(far[k])))
    return rows


def contacts(items: list[StoreItem], network: NetworkConfig, spacing: float) -> list[dict]:
    """Rows per candidate of ``CONTACT``: the channel that loses the largest share of its label voxels."""
    rows, used = [], constraints.CONTACT
    try:
        for contact in CONTACTS:
            constraints.CONTACT = contact
            voxels, lost = lost_labels(items, replace(network, constraints=("steric",)), spacing)
            share = 100 * lost[0] / np.maximum(voxels, 1)
            worst, where = int(share.argmax()), CHANNELS.index(LIGAND)
            rows.append(row(f"{contact:g}", most_percent=share[worst], ligand_percent=share[where]))
            rows[-1]["value"]["channel"] = CHANNELS[worst]
    finally:
        constraints.CONTACT = used
    return rows


# ----------------------------------------------------------------------------------------------------------------- maps
class Side:
    """Scores and time of one network over structures."""

    def __init__(self, predictor: Predictor):
        self.predictor, self.seconds = predictor, 0.0
        self.curves = {name: ScoreHistogram() for name in CHANNELS}

    def __call__(self, item: StoreItem) -> Volume:
        """Map of a structure; its scores are added."""
        start = time.process_time()
        volume = self.predictor(points_of(item))
        self.seconds += time.process_time() - start
        for name, curve in histograms([item], [volume], IGNORED).items():
            self.curves[name].merge(curve)
        return volume


def compare(items: list[StoreItem], sides: dict[str, Side], network: NetworkConfig, preset: Preset) -> list[list[dict]]:
    """Rows of scores, of what was forbidden yet predicted, and of counts."""
    shown, broken, counts = np.zeros(len(CHANNELS), int), np.zeros(len(CHANNELS), int), []
    pockets = PocketConfig.from_dict(preset.config.pockets)
    least = np.array([preset.thresholds.get(name, 1.0) for name in CHANNELS], np.float32)
    for number, item in enumerate(items, 1):
        maps = {name: side(item) for name, side in sides.items()}
        before, grid = maps[WITHOUT], maps[WITHOUT].grid
        on = (before.values >= least) & (before[LIGAND].values >= pockets.threshold)
        shown += on.sum(axis=(0, 1, 2))
        broken += (on & forbidden(item, grid, network)).sum(axis=(0, 1, 2))
        counts += list(true_and_expected(item, maps[WITH], pockets))
        if number % 10 == 0 or number == len(items):
            log.info("%d of %d validation structures", number, len(items))
    scores = []
    for name in (*CORE, LIGAND):
        values = {}
        for label, side in sides.items():
            values[f"ap_{label}"] = side.curves[name].average_precision()
            values[f"jaccard_{label}"] = side.curves[name].best_jaccard()[0]
        k = CHANNELS.index(name)
        scores.append(row(name, **values, forbidden_percent=100 * broken[k] / max(shown[k], 1)))
    times = [row(label, structures=len(items), seconds=side.seconds) for label, side in sides.items()]
    return [scores, times, count_rows(np.array(counts))]


def true_and_expected(item: StoreItem, volume: Volume, pockets: PocketConfig):
    """Per ligand that a pocket covers and channel: points in the pocket, label volumes in it, and expected counts."""
    truth = label_volume(item.point_coord, item.point_channel, item.ligand_coord, volume.grid)
    labels = Volume(truth.values.astype(np.float32), volume.grid, volume.channels)
    known = np.concatenate([item.point_coord, item.ligand_coord])
    channel = np.concatenate([item.point_channel, np.full(len(item.ligand_coord), CHANNELS.index(LIGAND))])
    for group in range(len(item.ligand_names)):
        voxels = pocket_of(item.ligand_coord[item.ligand_group == group], volume, pockets)
        if voxels is None:
            continue
        near = cKDTree(volume.grid.to_coord(voxels)).query(known)[0] <= volume.grid.spacing
        points = [len(np.unique(known[near & (channel == k)], axis=0)) for k in range(len(CHANNELS))]
        values = [list(expected_counts(v, voxels).values()) for v in (labels, volume)]
        yield points, *values


def count_rows(counts: np.ndarray) -> list[dict]:
    """Rows per channel: means over pockets of shape=(pockets, 3, K), and how expected and true go together."""
    rows = []
    for name in (*CORE, LIGAND):
        points, true, expected = counts[:, :, CHANNELS.index(name)].T
        means = {"points": points.mean(), "label_volumes": true.mean(), "expected": expected.mean()}
        rows.append(row(name, pockets=len(counts), **means, spearman=spearmanr(points, expected)[0]))
    return rows


# --------------------------------------------------------------------------------------------------------- command line
def pair(preset: Preset, folder: Path) -> dict[str, Side]:
    """The preset's network without and with all constraints, each on one thread."""
    made = {}
    for label, names in ((WITHOUT, ()), (WITH, CONSTRAINTS)):
        config = replace(preset.config, network=replace(preset.config.network, constraints=names))
        save_preset(folder / label, config, preset.folder / WEIGHTS, training={}, metrics={}, card="")
        made[label] = Side(load_predictor(folder / label, threads=1))
    return made


def measure(preset: Preset, store: Store) -> dict:
    """Everything, ready for JSON."""
    network, spacing = replace(preset.config.network, constraints=CONSTRAINTS), preset.spacing
    train = store.load("train")
    tables = [
        ("Label voxels that constraints forbid", "Training split.", labels(train, network, spacing)),
        ("Shortest contact", "Training split, in van der Waals radii.", contacts(train, network, spacing)),
    ]
    del train
    with tempfile.TemporaryDirectory() as folder:
        sides = pair(preset, Path(folder))
        scores, times, counts = compare(store.load("val"), sides, network, preset)
    tables += [
        (
            "Scores",
            "Validation split, whole proteins; typed channels in ligand envelopes. `forbidden_percent`: of the voxels "
            "at or above the preset's thresholds in pockets, those that constraints forbid.",
            scores,
        ),
        ("Time", "Processor seconds of all these maps, one thread.", times),
        (
            "Expected counts",
            "Means over validation pockets that hold a ligand, maps with constraints: distinct points, the integral of "
            "their labels, the integral of the map; rank correlation of points and expected counts.",
            counts,
        ),
    ]
    listed = [{"title": title, "text": text, "rows": rows} for title, text, rows in tables]
    return {"preset": preset.name, "fingerprint": preset.fingerprint, "tables": listed}


def main(argv: list[str] | None = None) -> int:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m data_prep.physics", description=__doc__.split("\n\n")[0])
    parser.add_argument("preset", help="trained model: a name or a folder")
    parser.add_argument("--store", type=Path, required=True, help="data store (HDF5)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="JSON file to write")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        result = measure(load_preset(args.preset), Store(args.store))
    except PocketvoxError as error:
        log.error("error: %s", error)
        return 1
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
