"""Measure rotation equivariance: ``python -m data_prep.symmetry PRESET --store FILE -o FILE``.

A map should turn and move with its receptor. Around validation ligands, each of another family, the receptor is turned
by the 24 rotations of a cube, by random rotations, and moved by less than a voxel; each map is turned back and compared
with that of the receptor as it is, at the voxels of the ligand's pocket, for one orientation and averaged over several
(``pocketvox scan --rotations``). Only a cube's rotations put voxels onto voxels. After the others a map is
interpolated, and what that alone does is measured too.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.ndimage import map_coordinates

from data_prep.command import command, preset_parser, write_json
from data_prep.domain import choose, families
from data_prep.trust import row
from pocketvox.channels import LIGAND
from pocketvox.data.store import Store, StoreItem
from pocketvox.features import FeaturePoints
from pocketvox.inference import Predictor, load_predictor, rotation_set
from pocketvox.pockets import PocketConfig
from pocketvox.voxel import Grid, cube_rotations, random_rotation, rotate_coord, unrotate_volume

#: Orientations averaged over.
AVERAGED = (1, 4, 24)
#: Ligands, each of another family; random rotations and translations of each.
LIGANDS, DRAWS = 12, 2
#: Voxels along the box around a ligand's centre; only voxels inside the ball that fits in it, less a rim, are compared.
SIZE, RIM = 24, 2

log = logging.getLogger("symmetry")


class Views:
    """Maps of one receptor, moved and turned about a point, in the box around that point.

    Parameters
    ----------
    predict : callable
        From feature points and grid to a volume: a :class:`pocketvox.inference.Predictor`.
    points : FeaturePoints
    center : ndarray, shape=(3,)
        Angstrom.
    spacing : float
    """

    def __init__(self, predict: Callable, points: FeaturePoints, center: np.ndarray, spacing: float):
        self._predict, self._points, self._center = predict, points, center
        self.grid = Grid.centred((0.0, 0.0, 0.0), SIZE, spacing)

    def maps(self, turn: np.ndarray, shift=(0.0, 0.0, 0.0)) -> np.ndarray:
        """One map for each of ``rotation_set(24)`` in front of ``turn``, that rotation undone, shape=(24, n, n, n, K).

        Their mean over the first n is what a scan with ``--rotations n`` gives of the receptor turned by ``turn``, then
        moved by ``shift``.
        """
        coord = rotate_coord(self._points.coord - self._center, turn) + np.asarray(shift)
        found = []
        for extra in rotation_set(24):
            moved = rotate_coord(coord, extra).astype(np.float32)
            volume = self._predict(replace(self._points, coord=moved), self.grid)
            found.append(unrotate_volume(volume.values, extra))
        return np.array(found)


def moved_back(values: np.ndarray, index: np.ndarray, turn: np.ndarray, shift=(0.0, 0.0, 0.0)) -> np.ndarray:
    """Values at the places to which voxels went, shape=(len(index), K), by cubic splines; ``shift`` in voxels."""
    middle = (np.array(values.shape[:3]) - 1) / 2
    places = rotate_coord(index, turn, middle) + np.asarray(shift)
    return np.stack([map_coordinates(values[..., k], places.T, order=3) for k in range(values.shape[-1])], axis=-1)


def differences(views: Views, index: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[str, int, np.ndarray]]:
    """Kind of movement, number of orientations averaged over, and differences from the map at rest, shape=(n, K)."""
    every = rotation_set(24)
    still = views.maps(np.eye(3))
    at = tuple(index.T)
    rest = {n: still[:n].mean(axis=0)[at] for n in AVERAGED}
    number = {tuple(turn.ravel().astype(int)): k for k, turn in enumerate(every)}
    for turn in cube_rotations()[1:]:
        # turned by ``turn``, then by one of the averaged rotations: one of the 24 maps that are there already
        order = [number[tuple((extra @ turn).ravel().astype(int))] for extra in every]
        for n in AVERAGED:
            yield "cube rotation", n, still[order[:n]].mean(axis=0)[at] - rest[n]
    for _ in range(DRAWS):
        turn = random_rotation(rng)
        maps = views.maps(turn)
        for n in AVERAGED:
            yield "random rotation", n, moved_back(maps[:n].mean(axis=0), index, turn) - rest[n]
        shift = rng.uniform(-0.5, 0.5, 3)
        maps = views.maps(np.eye(3), shift * views.grid.spacing)
        for n in AVERAGED:
            yield "translation", n, moved_back(maps[:n].mean(axis=0), index, np.eye(3), shift) - rest[n]
        yield "interpolation alone", 1, there_and_back(still[0], index, shift) - rest[1]


def there_and_back(values: np.ndarray, index: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """A map interpolated to moved voxels and back: twice the interpolation that a comparison needs."""
    voxels = np.argwhere(np.ones(values.shape[:3]))
    moved = moved_back(values, voxels, np.eye(3), -shift).reshape(values.shape)
    return moved_back(moved, index, np.eye(3), shift)


def pocket(values: np.ndarray, ligand: int, threshold: float) -> np.ndarray:
    """Voxels of the box's inner ball with a ligand probability of a pocket, shape=(n, 3), dtype=int."""
    index = np.argwhere(values[..., ligand] >= threshold)
    away = np.linalg.norm(index - (SIZE - 1) / 2, axis=1)
    return index[away <= (SIZE - 1) / 2 - RIM]


def measure(predictor: Predictor, items: list[StoreItem]) -> dict:
    """Everything, ready for JSON."""
    preset = predictor.preset
    threshold = PocketConfig.from_dict(preset.config.pockets).threshold
    chosen = choose(items, families(items), 1, seed=0)[:LIGANDS]
    found: dict[tuple[str, int], list[np.ndarray]] = {}
    seconds, rng = 0.0, np.random.default_rng(0)
    for done, (k, group) in enumerate(chosen, 1):
        item = items[k]
        center = item.ligand_coord[item.ligand_group == group].mean(axis=0)
        views = Views(predictor, item.feature_points, center, preset.spacing)
        start = time.process_time()
        values = predictor(item.feature_points, Grid.centred(center, SIZE, preset.spacing)).values
        seconds += time.process_time() - start
        index = pocket(values, preset.channels.index(LIGAND), threshold)
        for kind, n, difference in differences(views, index, rng) if len(index) else ():
            found.setdefault((kind, n), []).append(difference)
        log.info("%d of %d ligands", done, len(chosen))
    rows, per_channel = [], []
    for (kind, n), parts in sorted(found.items()):
        error = np.concatenate(parts)
        cost = {"maps": n, "seconds": n * seconds / len(chosen)}
        rows.append(row(f"{kind}, {n}", rms=rms(error), max=np.abs(error).max(), voxels=len(error), **cost))
        shares = {name: rms(error[:, c]) for c, name in enumerate(preset.channels)}
        per_channel.append(row(f"{kind}, {n}", **shares))
    text = (
        f"{len(chosen)} validation ligands, pocket voxels within a box of {SIZE} voxels, all channels: difference of "
        "probability. Movement and orientations averaged over; processor seconds of one map, times their number."
    )
    tables = [
        {"title": "Equivariance", "text": text, "rows": rows},
        {"title": "Equivariance by channel", "text": "Root mean square difference.", "rows": per_channel},
    ]
    return {"preset": preset.name, "fingerprint": preset.fingerprint, "tables": tables}


def rms(values: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


@command
def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = preset_parser("symmetry", __doc__)
    parser.add_argument("--store", type=Path, required=True, help="data store (HDF5)")
    args = parser.parse_args(argv)
    write_json(measure(load_predictor(args.preset, threads=1), Store(args.store).load("val")), args.output)


if __name__ == "__main__":
    sys.exit(main())
