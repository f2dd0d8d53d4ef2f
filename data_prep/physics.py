"""Measure constraints: ``python -m data_prep.physics PRESET --store FILE -o FILE``.

On the training split: the share of label voxels that each constraint forbids, and interaction points beyond the reach
of all partners (there should be none). On the validation split, around each ligand: scores of the preset's network
without and with constraints, and what was forbidden yet predicted; expected counts beside true ones; and the time that
whole proteins take.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import spearmanr

from data_prep.command import command, preset_parser, write_json
from data_prep.domain import pocket_of
from data_prep.trust import boxes, in_envelope, ligands, row
from pocketvox.channels import CHANNELS, CORE, LIGAND, TYPED
from pocketvox.config import RECEPTOR_CONSTRAINTS, NetworkConfig
from pocketvox.data.store import Store, StoreItem
from pocketvox.inference import Predictor, Preset, load_predictor, load_preset, save_preset, tiling
from pocketvox.inference.presets import WEIGHTS
from pocketvox.metrics import ScoreHistogram
from pocketvox.pockets import PocketConfig
from pocketvox.voxel import Grid, Volume, constraints, expected_counts, label_volume, network_input

#: Values of ``CONTACT`` compared with the one in use.
CONTACTS = (1.65, 1.7, 1.75)
#: Labels reach this far beyond ligand atoms (angstrom): the label radius around a ring's or a charge's centre.
MARGIN = 3.0
#: Whole proteins that are timed: those of median size.
TIMED = 5
WITHOUT, WITH = "without", "with"

log = logging.getLogger("physics")


# --------------------------------------------------------------------------------------------------------------- labels
def forbidden(item: StoreItem, grid: Grid, network: NetworkConfig) -> np.ndarray:
    """Masks of a structure, shape=(x, y, z, K), dtype=bool."""
    return network_input(item.coord, item.features, item.radius, grid, network)[..., len(network.features) :] > 0


def lost_labels(items: list[StoreItem], network: NetworkConfig, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Label voxels per channel, and how many of them each of ``network.constraints`` forbids, dtype=int."""
    voxels, lost = np.zeros(len(CHANNELS), int), np.zeros((len(network.constraints), len(CHANNELS)), int)
    for number, group in ligands(items):
        item = items[number]
        ligand, own = item.ligand_coord[item.ligand_group == group], item.point_group == group
        grid = Grid.around(ligand, MARGIN, spacing)
        labels = label_volume(item.point_coord[own], item.point_channel[own], ligand, grid).values > 0
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
        shares = {f"{name}_percent": 100 * lost[n, k] / max(voxels[k], 1) for n, name in enumerate(network.constraints)}
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
def compare(items: list[StoreItem], sides: dict[str, Predictor], network: NetworkConfig) -> list[list[dict]]:
    """Rows of scores with what was forbidden yet predicted, and of counts, around every ligand."""
    config = sides[WITHOUT].preset.config
    pockets = PocketConfig.from_dict(config.pockets)
    curves = {(name, label): ScoreHistogram() for name in CORE for label in sides}
    shown, broken, counts = np.zeros(len(CHANNELS), int), np.zeros(len(CHANNELS), int), []
    least = np.array([config.thresholds.get(name, 1.0) for name in CHANNELS], np.float32)
    least[CHANNELS.index(LIGAND)] = pockets.threshold
    for without, held in zip(*(boxes(sides[label], items) for label in (WITHOUT, WITH)), strict=True):
        for label, box in ((WITHOUT, without), (WITH, held)):
            for name, y, p in zip(CORE, *(values.T for values in in_envelope(*box)), strict=True):
                curves[name, label].add(y, p)
        volume, ligand, item = without
        on = (volume.values >= least) & (volume[LIGAND].values >= pockets.threshold)
        shown += on.sum(axis=(0, 1, 2))
        broken += (on & forbidden(item, volume.grid, network)).sum(axis=(0, 1, 2))
        counts += list(true_and_expected(item, ligand, held[0], pockets))
    scores = []
    for name in CORE:
        values = {f"ap_{label}": curves[name, label].average_precision() for label in sides}
        values |= {f"jaccard_{label}": curves[name, label].best_jaccard()[0] for label in sides}
        scores.append(row(name, voxels=curves[name, WITH].count, **values))
    violated = [
        row(name, voxels=int(shown[k]), forbidden_percent=100 * broken[k] / max(shown[k], 1))
        for k, name in enumerate(CHANNELS)
        if shown[k]
    ]
    return [scores, violated, count_rows(np.array(counts))]


def times(items: list[StoreItem], sides: dict[str, Predictor], network: NetworkConfig) -> list[dict]:
    """Rows: processor seconds of whole maps, and of the input of all their voxels."""
    middle = sorted(items, key=lambda item: len(item.coord))[len(items) // 2 :][:TIMED]
    rows = []
    for label, predictor in sides.items():
        start = time.process_time()
        sizes = [predictor(item.feature_points).values[..., 0].size for item in middle]
        whole = time.process_time() - start
        start = time.process_time()
        for item in middle:
            used = replace(network, constraints=RECEPTOR_CONSTRAINTS if label == WITH else ())
            grid = Grid.around(item.coord, tiling.MARGIN, predictor.preset.spacing)
            network_input(item.coord, item.features, item.radius, grid, used)
        made = time.process_time() - start
        rows.append(row(label, structures=len(middle), voxels=int(sum(sizes)), seconds=whole, input_seconds=made))
    return rows


def true_and_expected(item: StoreItem, ligand: np.ndarray, volume: Volume, pockets: PocketConfig):
    """For the pocket that covers a ligand: points in it, label volumes in it and expected counts, of every channel."""
    voxels = pocket_of(ligand, volume, pockets)
    if voxels is None:
        return
    truth = label_volume(item.point_coord, item.point_channel, item.ligand_coord, volume.grid)
    labels = Volume(truth.values.astype(np.float32), volume.grid, volume.channels)
    known = np.concatenate([item.point_coord, item.ligand_coord])
    channel = np.append(item.point_channel, np.full(len(item.ligand_coord), CHANNELS.index(LIGAND)))
    near = cKDTree(volume.grid.to_coord(voxels)).query(known)[0] <= volume.grid.spacing
    points = [len(np.unique(known[near & (channel == k)], axis=0)) for k in range(len(CHANNELS))]
    yield points, *(list(expected_counts(v, voxels).values()) for v in (labels, volume))


def count_rows(counts: np.ndarray) -> list[dict]:
    """Rows per channel: means over pockets of shape=(pockets, 3, K), and how expected and true go together."""
    rows = []
    for name in (*CORE, LIGAND):
        points, true, expected = counts[:, :, CHANNELS.index(name)].T
        means = {"points": points.mean(), "label_volumes": true.mean(), "expected": expected.mean()}
        rows.append(row(name, pockets=len(counts), **means, spearman=spearmanr(points, expected)[0]))
    return rows


# --------------------------------------------------------------------------------------------------------- command line
def pair(preset: Preset, folder: Path) -> dict[str, Predictor]:
    """The preset's network without and with all constraints, each on one thread."""
    made = {}
    for label, names in ((WITHOUT, ()), (WITH, RECEPTOR_CONSTRAINTS)):
        config = replace(preset.config, network=replace(preset.config.network, constraints=names))
        save_preset(folder / label, config, preset.folder / WEIGHTS, training={}, metrics={}, card="")
        made[label] = load_predictor(folder / label, threads=1)
    return made


def measure(preset: Preset, store: Store) -> dict:
    """Everything, ready for JSON."""
    network, spacing = replace(preset.config.network, constraints=RECEPTOR_CONSTRAINTS), preset.spacing
    train, val = store.load("train"), store.load("val")
    log.info("labels of %d training structures", len(train))
    tables = [
        ("Label voxels that constraints forbid", "Training split.", labels(train, network, spacing)),
        ("Shortest contact", "Training split, in van der Waals radii.", contacts(train, network, spacing)),
    ]
    log.info("maps of %d validation structures", len(val))
    with tempfile.TemporaryDirectory() as folder:
        sides = pair(preset, Path(folder))
        scores, violated, counts = compare(val, sides, network)
        log.info("time")
        spent = times(val, sides, network)
    tables += [
        ("Scores", "Validation split, in ligand envelopes, the same weights.", scores),
        (
            "Predicted though forbidden",
            "Validation split, around ligands, without constraints: voxels at or above the preset's thresholds in "
            "pockets, and how many of them constraints forbid.",
            violated,
        ),
        (
            "Expected counts",
            "Means over validation pockets that hold a ligand, maps with constraints: distinct points, the integral of "
            "their labels, the integral of the map; rank correlation of points and expected counts.",
            counts,
        ),
        ("Time", "Processor seconds of whole proteins, one thread; input: features and masks alone.", spent),
    ]
    listed = [{"title": title, "text": text, "rows": rows} for title, text, rows in tables]
    return {"preset": preset.name, "fingerprint": preset.fingerprint, "tables": listed}


@command
def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = preset_parser("physics", __doc__)
    parser.add_argument("--store", type=Path, required=True, help="data store (HDF5)")
    args = parser.parse_args(argv)
    write_json(measure(load_preset(args.preset), Store(args.store)), args.output)


if __name__ == "__main__":
    sys.exit(main())
