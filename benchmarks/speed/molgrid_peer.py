"""libmolgrid as a child process of the benchmark: runs in its own environment, where only numpy and molgrid are.

One request per line, ``{"do": "load", "path": ..., "size": 64, "spacing": 0.5, "channels": 14}`` first, then
``forward`` (into a grid that exists), ``allocate`` (with a new grid), ``gradient`` or ``save``.
"""

from __future__ import annotations

import json
import sys
import time

import molgrid
import numpy as np


class Voxels:
    """Atoms and a grid of libmolgrid."""

    def __init__(self, path, size, spacing, channels):
        with np.load(path) as file:
            atoms = {name: np.ascontiguousarray(file[name], np.float32) for name in ("coord", "channel", "radius")}
            center = file["center"]
        self.shape = (channels, size, size, size)
        self.maker = molgrid.GridMaker(resolution=spacing, dimension=spacing * (size - 1))
        self.atoms = molgrid.CoordinateSet(atoms["coord"], atoms["channel"], atoms["radius"], channels)
        self.center = molgrid.float3(*(float(v) for v in center))
        self.grid = molgrid.MGrid4f(*self.shape)
        self.weights = molgrid.MGrid4f(*self.shape)
        self.weights.tonumpy()[:] = np.random.default_rng(0).normal(size=self.shape)
        self.derivative = molgrid.MGrid2f(len(atoms["coord"]), 3)

    def forward(self):
        """Fill the grid that exists."""
        self.maker.forward(self.center, self.atoms, self.grid.cpu())

    def allocate(self):
        """Fill a new grid."""
        self.maker.forward(self.center, self.atoms, molgrid.MGrid4f(*self.shape).cpu())

    def gradient(self):
        """Derivatives by the coordinates."""
        self.maker.backward(self.center, self.atoms, self.weights.cpu(), self.derivative.cpu())


def main():
    """Answer requests until there are no more."""
    voxels = None
    for line in sys.stdin:
        request = json.loads(line)
        do = request.pop("do")
        if do == "load":
            voxels = Voxels(**request)
            answer = {"version": molgrid.__version__, "numpy": np.__version__}
        elif do == "save":
            voxels.forward()
            np.save(request["path"], voxels.grid.tonumpy())
            answer = True
        else:
            wall, used = time.perf_counter(), time.process_time()
            getattr(voxels, do)()
            answer = [time.perf_counter() - wall, time.process_time() - used]
        print(f"answer: {json.dumps(answer)}", flush=True)


if __name__ == "__main__":
    main()
