"""The voxelizer: beside other programs, against a float64 reference, on two threads, its gradients, its limits.

The atoms are those of the bundled complex (1,890, hydrogens and waters included), each with its van der Waals radius
and in one of 14 channels, on 64^3 voxels of 0.5 A. The kernels differ: ours is (1 - (d / 1.5 R)^2)^3 up to 1.5 R,
libmolgrid's the Gaussian exp(-2 (d / R)^2) up to R and then a parabola that ends at 1.5 R. Both reach the same voxels.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gemmi
import numpy as np

from benchmarks.speed import ceilings
from benchmarks.speed.peers import Peer
from benchmarks.speed.rows import interleave, row, summary, timed
from benchmarks.speed.scaling import multiply_adds, scaling_row
from pocketvox.commands.demo import STRUCTURE
from pocketvox.voxel import Grid, coord_gradient, voxelize, voxelize_batch, voxelize_into
from pocketvox.voxel.kernels import kernel

SIZE, SPACING, WIDTH = 64, 0.5, 14
CHANNELS = tuple(f"channel {k}" for k in range(WIDTH))
#: How to get the peers; named where one is absent.
INSTALL = "python3 -m venv molgrid && molgrid/bin/pip install molgrid 'numpy<2'"
INSTALL_OTHERS = "python3 -m venv voxels && voxels/bin/pip install 'molvoxel[numba]' moleculekit"
#: Shown in the command beside the figures.
OPTIONS = "--molgrid-python molgrid/bin/python --voxels-python voxels/bin/python"
#: Float32 operations per lane: a difference, a maximum, three products, a sum.
OPERATIONS = 6
#: Grids of a batch.
BATCH = 4
#: Runs with two threads for each repeat: those on a busy machine are left out.
ROUNDS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this part."""
    parser.add_argument(
        "--molgrid-python",
        default=os.environ.get("MOLGRID_PYTHON"),
        metavar="PYTHON",
        help=f"interpreter of an environment with libmolgrid (default: $MOLGRID_PYTHON); get one by: {INSTALL}",
    )
    parser.add_argument(
        "--voxels-python",
        default=os.environ.get("VOXELS_PYTHON"),
        metavar="PYTHON",
        help=f"the same with molvoxel and moleculekit (default: $VOXELS_PYTHON); get one by: {INSTALL_OTHERS}",
    )


def measure(args: argparse.Namespace) -> list[dict]:
    """Rows of the table."""
    coord, channel, radius = atoms()
    features = np.eye(WIDTH, dtype=bool)[channel]
    grid = Grid.centred(coord.mean(axis=0), SIZE, SPACING)
    sample = (coord, features, radius, grid)
    out = voxelize(*sample, CHANNELS).values
    weights = np.random.default_rng(0).normal(size=out.shape).astype(np.float32)

    functions = {
        "forward": lambda: timed(lambda: voxelize_into(out, *sample, mode="overwrite")),
        "allocate": lambda: timed(lambda: voxelize(*sample, CHANNELS)),
        "gradient": lambda: timed(lambda: coord_gradient(weights, *sample)),
    }
    peer_error, version = None, None
    if args.molgrid_python:
        with tempfile.TemporaryDirectory() as folder, Peer(args.molgrid_python, _PEER) as peer:
            version = _load(peer, Path(folder) / "atoms.npz", coord, channel, radius)
            for name in ("forward", "allocate", "gradient"):
                functions[f"molgrid {name}"] = lambda name=name: tuple(peer.ask(do=name))
            times = interleave(functions, args.repeats)
            peer.ask(do="save", path=f"{folder}/grid.npy")
            theirs = np.load(f"{folder}/grid.npy").transpose(1, 2, 3, 0)
            peer_error = float(np.abs(theirs - reference(*sample, _molgrid_kernel)).max())
    else:
        times = interleave(functions, args.repeats)
    our_error = float(np.abs(voxelize(*sample, CHANNELS).values - reference(*sample, kernel)).max())
    return [
        *_beside_molgrid(times, version, our_error, peer_error),
        *_beside_others(args.voxels_python, sample, channel, args.repeats),
        *_own(times, sample, args.repeats),
        *_limits(times, sample, args.repeats),
        *_first_call(),
    ]


_PEER = Path(__file__).with_name("molgrid_peer.py")
_OTHERS = Path(__file__).with_name("voxel_peers.py")


def atoms() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates (n, 3), channels (n,) and van der Waals radii (n,) of the bundled complex (angstrom)."""
    structure = gemmi.read_structure(str(STRUCTURE))  # a name keeps it, and its atoms, alive
    found = [cra.atom for cra in structure[0].all()]
    coord = np.array([atom.pos.tolist() for atom in found])
    radius = np.array([atom.element.vdw_r for atom in found])
    return coord, np.random.default_rng(0).integers(0, WIDTH, len(found)), radius


def reference(coord, features, radius, grid: Grid, kernel) -> np.ndarray:
    """The grid of values in float64, shape=(x, y, z, channel): each atom on the voxels of a box around it.

    Parameters
    ----------
    coord, features, radius, grid
        As those of :func:`pocketvox.voxel.voxelize`.
    kernel : callable
        ``kernel(distance, radius)``, zero from 1.5 radii on.
    """
    out = np.zeros((*grid.shape, features.shape[1]))
    index, reach = grid.to_index(coord), 1.5 * radius / grid.spacing
    for a in range(len(coord)):
        low = np.clip(np.floor(index[a] - reach[a]), 0, grid.shape).astype(int)
        high = np.clip(np.ceil(index[a] + reach[a]) + 1, 0, grid.shape).astype(int)
        axes = (np.arange(low[k], high[k]) - index[a, k] for k in range(3))
        x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
        values = kernel(np.sqrt(x * x + y * y + z * z) * grid.spacing, radius[a])
        out[low[0] : high[0], low[1] : high[1], low[2] : high[2]] += values[..., None] * features[a]
    return out


def _molgrid_kernel(distance, radius):
    """Kernel of libmolgrid, doi:10.1021/acs.jcim.9b01145, with its default of a Gaussian to one radius."""
    u = distance / radius
    parabola = np.exp(-2.0) * (2 * u - 3) ** 2
    return np.where(u <= 1.0, np.exp(-2 * u * u), np.where(u < 1.5, parabola, 0.0))


def _beside_molgrid(times, version, our_error, peer_error) -> list[dict]:
    used = {name: float(np.median(found[:, 1])) for name, found in times.items()}
    absent = f"libmolgrid was not there; to measure it: `{INSTALL}`, then `--molgrid-python molgrid/bin/python`"
    who = absent if version is None else f"libmolgrid {version['version']} (numpy {version['numpy']})"
    rows = []
    for name, title, target in (
        ("forward", "1,890 atoms into an existing grid, processor time, one thread", "<= 0.5"),
        ("allocate", "the same with a new grid", "<= 0.5"),
        ("gradient", "derivatives by the coordinates", None),
    ):
        peer = used.get(f"molgrid {name}")
        details = f"{who}; what was in the grid is replaced. Ours: {summary(times[name])}"
        if peer is not None:
            details += f"; peer: {summary(times[f'molgrid {name}'])}"
        rows.append(row(title, used[name], peer, unit="s", target=target, details=details))
    details = f"{who}; each against its own kernel in float64, kernel's maximum 1"
    rows.append(row("largest error", our_error, peer_error, unit="", target="<= 1", details=details))
    return rows


def _beside_others(python: str | None, sample, channel: np.ndarray, repeats: int) -> list[dict]:
    """Rows for molvoxel and moleculekit, each beside runs of ours into a grid that exists."""
    coord, _, radius, _ = sample
    out = np.zeros((SIZE, SIZE, SIZE, WIDTH), np.float32)
    ours = {"ours": lambda: timed(lambda: voxelize_into(out, *sample, mode="overwrite"))}
    kernels = {
        "molvoxel": "a Gaussian that is cut off at R, 0.3 times as many voxels; into a grid that exists",
        "moleculekit": "1 - exp(-(R / d)^12) to 5 A, the largest of all atoms, float64; a new grid",
    }
    times, versions = {}, {}
    if python:
        with tempfile.TemporaryDirectory() as folder, Peer(python, _OTHERS) as peer:
            versions = _load(peer, Path(folder) / "atoms.npz", coord, channel, radius)
            for name, rounds in (("molvoxel", repeats), ("moleculekit", max(repeats // 6, 3))):
                pair = {**ours, "peer": lambda name=name: tuple(peer.ask(do=name))}
                times[name] = interleave(pair, rounds)
    else:
        times = dict.fromkeys(kernels, interleave(ours, repeats))
    rows = []
    for name, kernel_of in kernels.items():
        used = {who: float(np.median(found[:, 1])) for who, found in times[name].items()}
        if python:
            details = f"{name} {versions[name]} (numpy {versions['numpy']}): {kernel_of}"
        else:
            details = (
                f"{name} was not there; to measure it: `{INSTALL_OTHERS}`, then `--voxels-python voxels/bin/python`"
            )
        rows.append(row(f"the same beside {name}", used["ours"], used.get("peer"), unit="s", details=details))
    return rows


def _load(peer: Peer, path: Path, coord, channel, radius) -> dict:
    """Give a peer the atoms; its versions."""
    np.savez(path, coord=coord, channel=channel, radius=radius, center=coord.mean(axis=0))
    return peer.ask(do="load", path=str(path), size=SIZE, spacing=SPACING, channels=WIDTH)


def _own(times, sample, repeats: int) -> list[dict]:
    used = {name: float(np.median(found[:, 1])) for name, found in times.items()}
    batch = [[part] * BATCH for part in sample]
    out = np.zeros((SIZE, SIZE, SIZE, WIDTH), np.float32)
    weights = np.random.default_rng(0).normal(size=out.shape).astype(np.float32)
    alone, shared = _processor_times(sample, out, repeats)
    works = {
        "gain by a second thread, one grid": lambda n: voxelize_into(out, *sample, mode="overwrite", threads=n),
        f"the same, batch of {BATCH} new grids": lambda n: voxelize_batch(*batch, CHANNELS, threads=n),
        "the same, derivatives by the coordinates": lambda n: coord_gradient(weights, *sample, threads=n),
    }
    return [
        row(
            "derivatives by the coordinates / forward",
            used["gradient"],
            used["forward"],
            unit="s",
            target="<= 3",
            details="peer: our forward pass, one thread, processor time",
        ),
        *(scaling_row(name, work, ROUNDS * repeats, ">= 0.9") for name, work in works.items()),
        scaling_row("the same, multiply-adds without memory", multiply_adds, ROUNDS * repeats),
        row(
            f"processor time of the busier of two threads, {BATCH} grids",
            shared,
            alone,
            unit="s",
            target="<= 0.55",
            details="peer: one thread with all of them; 0.5 is linear. Cores, caches and memory are shared with what "
            "else runs",
        ),
    ]


def _processor_times(sample, out: np.ndarray, repeats: int) -> tuple[float, float]:
    """Medians of the processor time that ``BATCH`` grids take: of one thread, and of the busier of two."""

    def work(own: np.ndarray, grids: int) -> float:
        start = time.thread_time()
        for _ in range(grids):
            voxelize_into(own, *sample, mode="overwrite")
        return time.thread_time() - start

    alone, shared = [], []
    other = out.copy()  # memory of its own for the second thread, touched before it is timed
    with ThreadPoolExecutor(2) as pool:
        for _ in range(max(repeats // 3, 3)):
            alone.append(work(out, BATCH))
            shared.append(max(pool.map(work, (out, other), (BATCH // 2, BATCH // 2))))
    return float(np.median(alone)), float(np.median(shared))


def _limits(times, sample, repeats: int) -> list[dict]:
    """Bytes and operations per second beside what the machine does at best."""
    best = ceilings.measure(4 * SIZE**3 * WIDTH, repeats)
    seconds = float(times["forward"][:, 1].min())
    blocks, lanes, inside = count(*sample)
    nbytes = 4 * SIZE**3 * WIDTH
    useful, done = OPERATIONS * inside, OPERATIONS * blocks * lanes
    rates = ", ".join(f"{name} {best[name] / 1e9:.3g} GB/s" for name in ("copy", "triad"))
    return [
        row(
            "bytes of the grid written",
            nbytes / seconds / 1e9,
            best["memset"] / 1e9,
            unit="GB/s",
            details=f"peer: clearing the same memory; {rates}.",
        ),
        row(
            "operations on voxels within reach",
            useful / seconds / 1e9,
            best["multiply_add"] / 1e9,
            unit="GFLOP/s",
            details=f"peer: a float32 matrix product; {inside:,} pairs of atom and voxel, {done / useful:.2f} times as "
            f"many lanes computed; {OPERATIONS} operations each, no root, no exponential",
        ),
        row(
            "pairs of atom and voxel",
            inside / seconds / 1e9,
            best["exp"] / 1e9,
            unit="G/s",
            details="peer: float32 exponentials in the cache, which a Gaussian kernel needs at least",
        ),
    ]


def count(coord, features, radius, grid: Grid) -> tuple[int, int, int]:
    """Blocks of lanes that the voxelizer computes, lanes per block, and pairs of an atom and a voxel within reach."""
    from pocketvox.voxel import spread
    from pocketvox.voxel.voxelize import near_atoms

    found = near_atoms(coord, features, radius, grid)
    out = np.zeros((*grid.shape, features.shape[1]), np.float32)
    buffer = np.zeros(spread.tile_shape(grid.shape, features.shape[1]), np.float32)
    sparse = (found.index, found.support, found.starts, found.channel, found.value)
    _, blocks, _ = spread.add_atoms(out, buffer, *sparse, 0, features.shape[1], True, False, 0, 1)
    inside = reference(coord, np.ones((len(coord), 1)), radius, grid, lambda d, r: d < 1.5 * r).sum()
    return int(blocks), spread.LANES, int(inside)


_SECOND_PROCESS = """
import json, time
from numba.core import event
import numpy as np
from pocketvox.voxel import Grid, voxelize
with event.install_recorder("numba:compile") as recorder:
    start = time.perf_counter()
    voxelize([[0.0, 0.0, 0.0]], [[True]], 1.7, Grid((0.0, 0.0, 0.0), (8, 8, 8), 0.5), ["a"])
    seconds = time.perf_counter() - start
print(json.dumps([sum(e.is_start for _, e in recorder.buffer), seconds]))
"""


def _first_call() -> list[dict]:
    """Functions compiled, and seconds of the first call, in the first and in the second process of an installation."""
    with tempfile.TemporaryDirectory() as cache:
        found = []
        for _ in range(2):
            command = [sys.executable, "-c", _SECOND_PROCESS]
            env = {**os.environ, "NUMBA_CACHE_DIR": cache}
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
            found.append(json.loads(done.stdout))
    (compiled, first), (again, second) = found
    return [
        row(
            "functions compiled in the second process",
            again,
            compiled,
            unit="",
            target="== 0",
            of="ours",
            details="peer: the first process of an installation",
        ),
        row("first call in the second process", second, first, unit="s", details="peer: in the first process"),
    ]
