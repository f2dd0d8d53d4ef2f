"""molvoxel and moleculekit as a child process of the benchmark: runs in their environment, without ours.

One request per line, ``{"do": "load", "path": ..., "size": 64, "spacing": 0.5, "channels": 14}`` first, then
``molvoxel`` (into a grid that exists) or ``moleculekit`` (a new grid; it knows no other).
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version

import molvoxel
import numpy as np
from moleculekit.tools.voxeldescriptors import getVoxelDescriptors


class Voxels:
    """Atoms and a grid, as each of the two takes them."""

    def __init__(self, path, size, spacing, channels):
        with np.load(path) as file:
            self.coord, self.radius = file["coord"].astype(np.float32), file["radius"].astype(np.float32)
            self.channel, self.center = file["channel"].astype(np.int16), file["center"].astype(np.float32)
        self.maker = molvoxel.create_voxelizer(spacing, size, "atom-wise", "gaussian", "numba")
        self.grid = self.maker.get_empty_grid(channels)
        axis = (np.arange(size) - (size - 1) / 2) * spacing
        axes = np.meshgrid(*(axis + x for x in self.center), indexing="ij")
        self.centers = np.stack(axes, axis=-1).reshape(-1, 3)
        self.radii = np.eye(channels)[self.channel] * self.radius[:, None]

    def molvoxel(self):
        """Fill the grid that exists."""
        self.maker.forward(self.coord, self.center, self.channel, self.radius, out_grid=self.grid)

    def moleculekit(self):
        """Fill a new grid; channels are given, so that no time goes into atom types."""
        getVoxelDescriptors(None, usercoords=self.coord[:, :, None], usercenters=self.centers, userchannels=self.radii)


def main():
    """Answer requests until there are no more."""
    voxels = None
    for line in sys.stdin:
        request = json.loads(line)
        do = request.pop("do")
        if do == "load":
            voxels = Voxels(**request)
            answer = {name: version(name) for name in ("molvoxel", "moleculekit", "numpy")}
        else:
            wall, used = time.perf_counter(), time.process_time()
            getattr(voxels, do)()
            answer = [time.perf_counter() - wall, time.process_time() - used]
        print(f"answer: {json.dumps(answer)}", flush=True)


if __name__ == "__main__":
    main()
