"""The content of comparison.json."""

from __future__ import annotations

from collections.abc import Iterable

from pocketvox.comparison.matching import CENTRES, SAME_HOTSPOT, SHARED
from pocketvox.comparison.observed import REACH
from pocketvox.comparison.pairing import COINCIDE, ChainPair
from pocketvox.comparison.reasons import MOVED_BACKBONE, MOVED_SIDE_CHAIN, NEAR
from pocketvox.comparison.result import STATUSES, Comparison, HotspotChange, PocketChange
from pocketvox.report import Result

#: Version of comparison.json.
SCHEMA_VERSION = 1


def summary(found: Comparison) -> dict:
    """Plain JSON types without NaN; lengths in angstrom, volumes in angstrom^3."""
    grid, a = found.difference.grid, found.a
    return {
        "schema_version": SCHEMA_VERSION,
        "a": _input(found.a),
        "b": _input(found.b),
        "preset": {"name": a.preset, "fingerprint": a.fingerprint, "calibrated": bool(a.calibrated)},
        "engine": a.engine,
        "rotations": int(a.rotations),
        "alignment": _alignment(found),
        "thresholds": {
            "same_hotspot": SAME_HOTSPOT,
            "same_pocket_shared": SHARED,
            "same_pocket_centres": CENTRES,
            "absent_reach": REACH,
            "reason_near": NEAR,
            "reason_moved_side_chain": MOVED_SIDE_CHAIN,
            "reason_moved_backbone": MOVED_BACKBONE,
        },
        "noise": None
        if found.noise is None
        else {"hotspot": dict(found.noise.hotspot), "map": dict(found.noise.map), "kept": found.noise.kept},
        "counts": {
            status: {"hotspots": found.count(status), "above_noise": found.count(status, above_noise=True)}
            for status in STATUSES
        },
        "changed_volume": None
        if found.changed is None
        else {name: {"gained": _round(v[0]), "lost": _round(v[1])} for name, v in found.changed.items()},
        "grid": {
            "origin": [float(v) for v in grid.origin],
            "shape": [int(n) for n in grid.shape],
            "spacing": float(grid.spacing),
        },
        "comparable": _round(found.comparable.mean()),
        "channels": list(found.difference.channels),
        "pockets": [_pocket(row) for row in found.pockets],
        "hotspots": [_hotspot(row) for row in found.hotspots],
        "warnings": list(found.warnings),
    }


def _input(result: Result) -> dict:
    return {"name": result.name, "source": result.source, "sha256": result.sha256}


def _alignment(found: Comparison) -> dict:
    motion = found.correspondence.motion
    return {
        "fit": found.fit,
        "matched_residues": found.matched,
        "fitted_residues": int(found.correspondence.fitted.sum()),
        "coinciding_residues": int((found.correspondence.distances <= COINCIDE).sum()),
        "sequence_identity": _round(found.correspondence.identity),
        "rmsd": None if found.rmsd is None else _round(found.rmsd),
        "rmsd_all": None if found.rmsd_all is None else _round(found.rmsd_all),
        "rotation": [[_round(v, 8) for v in row] for row in motion.rotation.tolist()],
        "shift": [_round(v) for v in motion.shift.tolist()],
        "chains": [_chains(pair) for pair in found.correspondence.chains],
        "unpaired_a": [chain.name for chain in found.correspondence.unpaired_a],
        "unpaired_b": [chain.name for chain in found.correspondence.unpaired_b],
    }


def _chains(pair: ChainPair) -> dict:
    return {"a": pair.a.name, "b": pair.b.name, "residues": len(pair.pairs), "identity": _round(pair.identity)}


def _pocket(row: PocketChange) -> dict:
    values = {"status": row.status, "overlap": _round(row.overlap), "distance": _optional(row.distance)}
    values["comparable"] = _round(row.comparable)
    for side, pocket in (("a", row.a), ("b", row.b)):
        values[side] = pocket and {
            "name": pocket.name,
            "score": _round(pocket.score),
            "probability": _round(pocket.probability),
            "center": _rounded(pocket.center),
            "volume": _round(pocket.volume),
            "depth": _round(pocket.depth),
            "residue_ids": list(pocket.residue_ids),
        }
    return values


def _hotspot(row: HotspotChange) -> dict:
    return {
        "status": row.status,
        "type": row.type,
        "pocket_a": row.pocket_a or None,
        "pocket_b": row.pocket_b or None,
        "coord": _rounded(row.coord),
        "coord_b": _rounded(row.coord_b),
        "distance": _optional(row.distance),
        "probability": [_round(row.probability_a), _round(row.probability_b)],
        "score": [_round(row.score_a), _round(row.score_b)],
        "change": _round(row.change),
        "above_noise": row.above_noise,
        "partners_a": list(row.a.partners) if row.a else [],
        "partners_b": list(row.b.partners) if row.b else [],
        "reasons": list(row.reasons),
    }


def _rounded(values: Iterable[float]) -> list[float]:
    return [_round(v) for v in values]


def _optional(value: float | None) -> float | None:
    return None if value is None else _round(value)


def _round(value: float, digits: int = 4) -> float:
    return round(float(value), digits) + 0.0  # + 0.0 turns -0.0 into 0.0
