"""What the 3D view of the report draws, as plain JSON types: maps near the pockets, structure, hot-spots, files."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator

import numpy as np

from pocketvox.channels import CORE, LIGAND
from pocketvox.pockets import Pocket
from pocketvox.report.colours import CONFIDENCE, NAMES, channel_colour
from pocketvox.report.result import Result
from pocketvox.report.scene import LIGAND_LEVEL
from pocketvox.report.structures import structure_text
from pocketvox.report.tables import ranked_hotspots
from pocketvox.structure.atoms import NUCLEIC, PROTEIN, WATER, Structure
from pocketvox.voxel.grid import Grid

#: Maps with at most this many voxels are drawn whole, of larger ones boxes about the best pockets.
MOST_VOXELS = 2_000_000
MOST_BOXES = 20
#: Space around a pocket that is drawn with it (angstrom).
MARGIN = 4.0
#: A map's first threshold is this fraction of its best hot-spot's score.
LEVEL = 0.2
#: Higher ones take several times as long for a few per cent.
LEVEL_OF_COMPRESSION = 2
#: Joint values below this are not drawn at all; with 0, most of the page would be noise.
FLOOR = 0.01
#: Of structures with more atoms, only traces, the residues that line pockets and what is no polymer are drawn.
MOST_ATOMS = 30_000
TRACE = ("CA", "P")


def view_data(result: Result) -> dict:
    """What the page's script needs of a result.

    Returns
    -------
    dict
        ``channels`` (name, label, colour, first level, largest value), ``boxes`` of map values (origin and spacing in
        angstrom, shape, and :func:`packed`: ``voxels``, int32, steps between the numbers of voxels in C order, and
        ``values``, uint8, channel by channel; 255 is the channel's largest value),
        ``structure`` (mmCIF, packed, with serial numbers of what is no polymer), ``trace`` (whether chains are drawn as
        traces), ``confidence`` (colours of a predicted model, each from a pLDDT on), ``pockets`` (name, centre, serial
        numbers of lining atoms) and ``hotspots`` in the order of the table.
    """
    boxes = [(grid, *joint_values(result, low, high)) for grid, low, high in _boxes(result)]
    largest = np.max([np.zeros(len(result.maps.channels)), *(v.max(axis=0) for _, _, v in boxes if len(v))], axis=0)
    confidence = [{"from": plddt, "colour": colour} for plddt, colour in CONFIDENCE.items()]
    structure, lining = _drawn(result.structure, result.pockets)
    return {
        "channels": _channels(result, largest),
        "boxes": [_box(grid, kept, values, largest) for grid, kept, values in boxes],
        **structure,
        "confidence": confidence if result.predicted else [],
        "pockets": [{"name": p.name, "center": _rounded(p.center), "lining": lining[p.name]} for p in result.pockets],
        "hotspots": [
            {
                "pocket": pocket.name,
                "type": hotspot.type,
                "coord": _rounded(hotspot.coord),
                "direction": _rounded(hotspot.direction),
                "score": round(float(hotspot.score), 4),
            }
            for pocket, hotspot in ranked_hotspots(result.pockets)
        ],
    }


def packed(data: bytes) -> str:
    """Bytes compressed (zlib) and in base64."""
    return base64.b64encode(zlib.compress(data, LEVEL_OF_COMPRESSION)).decode("ascii")


def joint_values(result: Result, low, high) -> tuple[np.ndarray, np.ndarray]:
    """Typed channels times ``ligand``, and ``ligand``, where any is worth drawing.

    Parameters
    ----------
    result : Result
    low, high : tuple of 3 ints
        First voxel, and the one past the last.

    Returns
    -------
    tuple of two ndarray, shape=(n,), dtype=int and shape=(n, channel), dtype=float32
        Numbers of the voxels in C order, and their values.
    """
    maps = result.maps
    part = np.asarray(maps.values[tuple(slice(a, b) for a, b in zip(low, high, strict=True))])
    rows = part.reshape(-1, len(maps.channels))
    if LIGAND not in maps.channels:
        kept = np.flatnonzero(rows.max(axis=1) >= FLOOR)
        return kept, rows[kept]
    k = maps.channels.index(LIGAND)
    kept = np.flatnonzero(rows[:, k] >= FLOOR)
    values = rows[kept]
    values[:, np.arange(values.shape[1]) != k] *= values[:, k : k + 1]
    return kept, values


def _boxes(result: Result) -> Iterator[tuple[Grid, tuple[int, ...], tuple[int, ...]]]:
    """Yield the parts of the grid that are drawn, with their first voxel and the one past their last."""
    grid = result.maps.grid
    if np.prod(grid.shape) <= MOST_VOXELS:
        yield grid, (0, 0, 0), grid.shape
        return
    reach = int(np.ceil(MARGIN / grid.spacing))
    for pocket in result.pockets[:MOST_BOXES]:
        low = np.maximum(pocket.voxels.min(axis=0) - reach, 0)
        high = np.minimum(pocket.voxels.max(axis=0) + 1 + reach, grid.shape)
        yield grid.window(low, high - low), tuple(low), tuple(high)


def _box(grid: Grid, kept: np.ndarray, values: np.ndarray, largest: np.ndarray) -> dict:
    scale = np.divide(255, largest, out=np.zeros(len(largest)), where=largest > 0)
    levels = np.rint(np.where(values >= FLOOR, values, 0) * scale).astype(np.uint8)
    return {
        "origin": [float(v) for v in grid.origin],
        "spacing": float(grid.spacing),
        "shape": [int(n) for n in grid.shape],
        "voxels": packed(np.diff(kept, prepend=0).astype("<i4").tobytes()),
        "values": packed(levels.T.tobytes()),
    }


def _channels(result: Result, largest: np.ndarray) -> list[dict]:
    """Names, colours and first levels; core types with a hot-spot begin shown."""
    best: dict[str, float] = {}
    for pocket in result.pockets:
        for hotspot in pocket.hotspots:
            best[hotspot.type] = max(best.get(hotspot.type, 0.0), float(hotspot.score))
    found = []
    for name, most in zip(result.maps.channels, largest, strict=True):
        level = LIGAND_LEVEL if name == LIGAND else LEVEL * best.get(name, float(most))
        found.append(
            {
                "name": name,
                "label": NAMES.get(name, name),
                "colour": channel_colour(name),
                "level": round(level, 4),
                "largest": round(float(most), 4),
                "shown": name in best and name in CORE,
            }
        )
    return found


def _drawn(structure: Structure | None, pockets: tuple[Pocket, ...]) -> tuple[dict, dict[str, list[int]]]:
    """The structure as packed mmCIF, and serial numbers of the atoms that line each pocket."""
    if structure is None:
        return {"structure": None, "hetero": [], "trace": False}, {pocket.name: [] for pocket in pockets}
    atoms = structure.atoms[structure.atoms.kind != WATER]
    named: dict[str, list[int]] = {}
    for i in np.flatnonzero(np.diff(atoms.residue, prepend=-1)):
        name = f"{atoms.chain_id[i]}_{atoms.res_id[i]}{atoms.ins_code[i]}"
        named.setdefault(name, []).append(int(atoms.residue[i]))
    lining = {p.name: np.isin(atoms.residue, [k for r in p.residue_ids for k in named.get(r, ())]) for p in pockets}
    hetero = ~np.isin(atoms.kind, (PROTEIN, NUCLEIC))
    kept = np.ones(len(atoms), bool)
    if len(atoms) > MOST_ATOMS:
        kept = np.logical_or.reduce([np.isin(atoms.name, TRACE), hetero, *lining.values()])
    serial = np.cumsum(kept)
    drawn = {
        "structure": packed(structure_text(structure.name, atoms[kept]).encode()),
        "hetero": serial[hetero].tolist(),
        "trace": not kept.all(),
    }
    return drawn, {name: serial[mask].tolist() for name, mask in lining.items()}


def _rounded(values) -> list[float]:
    return [round(float(v), 3) + 0.0 for v in values]
