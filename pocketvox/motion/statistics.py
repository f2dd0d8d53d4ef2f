"""Mean, standard deviation and frequency of maps, without keeping any of them."""

from __future__ import annotations

import tempfile
from itertools import product

import numpy as np

from pocketvox.channels import LIGAND
from pocketvox.inference import tiling
from pocketvox.pockets import HotspotConfig, PocketConfig
from pocketvox.voxel.grid import Grid, Volume
from pocketvox.voxel.tiles import TiledArray

#: Values that are worked on at a time: they stay in a processor's cache.
SLAB = 1 << 17
#: Voxels along each axis of the tiles in which large results are kept.
TILE = 96


def joint_thresholds(channels: tuple[str, ...], pockets: PocketConfig, hotspots: HotspotConfig) -> dict[str, float]:
    """From which joint value on a voxel counts as present, by channel.

    That of ``ligand`` is the least probability of a pocket voxel; that of a typed channel is the product of it and of
    the least conditional probability of a hot-spot's voxels: what a scan asks for, as one number.
    """
    least = {name: hotspots.thresholds.get(name, hotspots.threshold) for name in channels if name != LIGAND}
    return {name: pockets.threshold * least.get(name, 1.0) for name in channels}


class MapStatistics:
    """Statistics of maps on one grid, updated map by map (Welford, doi:10.1080/00401706.1962.10490022).

    Its size does not depend on the number of maps. What is too large for the memory is kept on disk, as maps are.

    Parameters
    ----------
    grid : Grid
    channels : tuple of str
        With ``ligand``.
    thresholds : dict of str to float
        From :func:`joint_thresholds`.
    """

    def __init__(self, grid: Grid, channels: tuple[str, ...], thresholds: dict[str, float]):
        self.grid, self.channels, self.count = grid, channels, 0
        self._ligand = channels.index(LIGAND)
        self._least = np.array([thresholds[name] for name in channels], np.float32)
        shape = (*grid.shape, len(channels))
        self._large = np.prod(grid.shape, dtype=float) > tiling.DENSE
        self._mean, self._variance = self._zeros(shape, np.float32), self._zeros(shape, np.float32)
        self._present = self._zeros(shape, np.uint32)
        self._step = max(1, SLAB // int(np.prod(shape[1:])))

    def add(self, values: np.ndarray | TiledArray) -> None:
        """Take one more map into account, shape=(x, y, z, channel)."""
        self.count += 1
        for start in range(0, values.shape[0], self._step):
            part = slice(start, start + self._step)
            now, mean, variance = values[part], self._mean[part], self._variance[part]
            change = now - mean
            mean += change / np.float32(self.count)
            change *= now - mean
            change -= variance
            variance += change / np.float32(self.count)
            joint = now * now[..., self._ligand, None]
            joint[..., self._ligand] = now[..., self._ligand]
            self._present[part] += joint >= self._least

    def mean(self) -> Volume:
        """Mean of every channel, dtype=float32."""
        return self._volume(self._mean, lambda part: part)

    def deviation(self) -> Volume:
        """Standard deviation over the maps (divided by their number), dtype=float32."""
        return self._volume(self._variance, lambda part: np.sqrt(np.maximum(part, 0)))

    def frequency(self) -> Volume:
        """Share of the maps whose joint value reaches the threshold, dtype=float32."""
        return self._volume(self._present, lambda part: (part / self.count).astype(np.float32))

    def _zeros(self, shape: tuple[int, ...], dtype) -> np.ndarray:
        if not self._large:
            return np.zeros(shape, dtype)
        with tempfile.TemporaryFile() as file:  # the map keeps what the name and the handle of the file give up
            return np.memmap(file, dtype, "w+", shape=shape)

    def _volume(self, values: np.ndarray, call) -> Volume:
        if not self._large:
            return Volume(call(values), self.grid, self.channels)
        tiles = TiledArray(values.shape, (TILE,) * 3)
        for start in product(*(range(0, n, TILE) for n in values.shape[:3])):
            part = call(np.asarray(values[tuple(slice(s, s + TILE) for s in start)]))
            if part.any():
                tiles.put(start, part)
        return Volume(tiles, self.grid, self.channels)
