"""The folder of an explanation: numbers, tables, an attribution map and a structure to colour."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pocketvox.explain import Explanation
from pocketvox.explain.atoms import atoms_to_residues
from pocketvox.inference import Preset
from pocketvox.report.ccp4 import write_map
from pocketvox.report.folder import new_folder
from pocketvox.report.structures import write_structure
from pocketvox.report.tables import csv_table, fixed
from pocketvox.report.volumes import write_volume
from pocketvox.structure.atoms import Atoms, Structure, residue_label

#: Version of explanation.json.
SCHEMA_VERSION = 1
#: The file by which a folder is known to be an explanation.
SUMMARY = "explanation.json"
#: What the attribution map can be written as.
MAP_FORMATS = ("ccp4", "h5")
#: B-factor of the atom with the largest attribution, of either sign.
LARGEST_B = 100.0

ATOM_COLUMNS = ("atom", "x", "y", "z", "attribution", "distance")
RESIDUE_COLUMNS = ("residue", "attribution", "share", "distance")


@dataclass(frozen=True)
class Explained:
    """An explanation with what it is of.

    Attributes
    ----------
    explanation : Explanation
    structure : Structure
        The input.
    receptor : Atoms
        What the network saw of it.
    preset : Preset
    warnings : tuple of str
    """

    explanation: Explanation
    structure: Structure
    receptor: Atoms
    preset: Preset
    warnings: tuple[str, ...] = ()


def write_explanation(explained: Explained, folder: str | Path, *, map_format: str = MAP_FORMATS[0]) -> Path:
    """Write explanation.json, residues.csv, atoms.csv, structure.cif and map.ccp4 or map.h5.

    Parameters
    ----------
    explained : Explained
    folder : str or Path
        Appears complete or not at all; an earlier explanation in it is replaced.
    map_format : str
        One of :data:`MAP_FORMATS`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError
        If it cannot be written, or holds something that is no explanation.
    """
    found, receptor = explained.explanation, explained.receptor
    with new_folder(folder, SUMMARY) as temporary:
        for name, text in (("residues.csv", residues_csv(found, receptor)), ("atoms.csv", atoms_csv(found, receptor))):
            (temporary / name).write_text(text, encoding="utf-8", newline="")
        if map_format == "ccp4":
            write_map(temporary / "map.ccp4", found.map.values[..., 0], found.map.grid)
        else:
            volume = replace(found.map, values=found.map.values.astype(np.float32))
            write_volume(temporary / "map.h5", "attribution", volume)
        write_structure(temporary / "structure.cif", coloured(explained))
        text = json.dumps(summary(explained), indent=1, allow_nan=False, ensure_ascii=False)
        (temporary / SUMMARY).write_text(text + "\n", encoding="utf-8", newline="")
    return Path(folder)


def summary(explained: Explained) -> dict:
    """The content of explanation.json: plain JSON types; lengths in angstrom, values and attributions in log-odds."""
    found, preset, structure = explained.explanation, explained.preset, explained.structure
    target, grid = found.target, found.map.grid
    rows = _residue_rows(found, explained.receptor)
    return {
        "schema_version": SCHEMA_VERSION,
        "name": structure.name,
        "input": {"source": structure.source, "sha256": structure.sha256},
        "preset": {"name": preset.name, "fingerprint": preset.fingerprint, "calibrated": bool(preset.calibrated)},
        "target": {
            "name": target.name,
            "channel": target.channel,
            "center": [round(v, 3) + 0.0 for v in target.center],
            "voxels": int(target.mask.sum()),
        },
        "method": found.method,
        "settings": found.settings,
        "value": _rounded(found.value),
        "probability": _rounded(found.probability),
        "empty_grid": None if found.empty is None else _rounded(found.empty),
        "attributed": _rounded(found.map.values.sum(dtype=np.float64)),
        "completeness_residual": None if found.residual is None else round(found.residual, 4) + 0.0,
        "features": {name: _rounded(value) for name, value in found.features.items()},
        "residues": [{"residue": label, "attribution": _rounded(value)} for label, value, *_ in rows[:10]],
        "b_factor_of_1": _rounded(_scale(found.atoms)),
        "grid": {
            "origin": [float(v) for v in grid.origin],
            "shape": [int(n) for n in grid.shape],
            "spacing": float(grid.spacing),
        },
        "warnings": list(explained.warnings),
    }


def residues_csv(found: Explanation, receptor: Atoms) -> str:
    """Residues with an attribution, largest first; ``share`` is that of the sum of their sizes, with its sign."""
    rows = ((label, _short(v), fixed(share, 4), fixed(d, 2)) for label, v, share, d in _residue_rows(found, receptor))
    return csv_table(RESIDUE_COLUMNS, rows)


def atoms_csv(found: Explanation, receptor: Atoms) -> str:
    """Atoms with an attribution, largest first, and their distances to the target's centre (angstrom)."""
    distance = np.linalg.norm(receptor.coord - np.array(found.target.center), axis=1)
    rows = (
        (
            receptor.label(i),
            *(fixed(v, 3) for v in receptor.coord[i]),
            _short(found.atoms[i]),
            fixed(distance[i], 2),
        )
        for i in _largest_first(found.atoms)
    )
    return csv_table(ATOM_COLUMNS, rows)


def coloured(explained: Explained) -> Structure:
    """The receptor with attributions as B-factors, scaled so that the largest, of either sign, has 100."""
    scaled = (explained.explanation.atoms * _scale(explained.explanation.atoms)).round(2) + 0.0
    return replace(explained.structure, atoms=replace(explained.receptor, b_factor=scaled.astype(np.float32)))


def _scale(atoms: np.ndarray) -> float:
    largest = float(np.abs(atoms).max(initial=0.0))
    return LARGEST_B / largest if largest else 0.0


def _residue_rows(found: Explanation, receptor: Atoms) -> list[tuple[str, float, float, float]]:
    """Label, attribution, share, distance of the nearest atom to the target's centre; largest attribution first."""
    first, value = atoms_to_residues(found.atoms, receptor)
    distance = np.linalg.norm(receptor.coord - np.array(found.target.center), axis=1)
    nearest = np.minimum.reduceat(distance, first)
    total = np.abs(value).sum() or 1.0
    return [
        (residue_label(receptor, first[k]), float(value[k]), float(value[k] / total), float(nearest[k]))
        for k in _largest_first(value)
    ]


def _largest_first(values: np.ndarray) -> np.ndarray:
    """Rows of a ten-thousandth of the largest size or more, largest first; equal ones stay in the order of the file."""
    rounded = (values / (np.abs(values).max(initial=0.0) or 1.0)).round(4)
    order = np.argsort(-rounded, kind="stable")
    return order[rounded[order] != 0]


def _short(value: float) -> str:
    """Of four significant digits: the last ones depend on the order of sums."""
    return f"{float(value):.4g}"


def _rounded(value: float) -> float:
    return float(_short(value)) + 0.0
