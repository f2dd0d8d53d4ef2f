"""What a scan found: :class:`Result`, and its summary as plain JSON types."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from pocketvox.pockets import Hotspot, Pocket
from pocketvox.structure.atoms import Structure
from pocketvox.voxel.grid import Volume

#: Version of summary.json.
SCHEMA_VERSION = 1
#: The file by which a folder is known to be a result.
SUMMARY = "summary.json"


@dataclass(frozen=True, repr=False)
class Result:
    """What a scan found in one structure. In a notebook it shows its tables, and :meth:`view` the report.

    Attributes
    ----------
    name : str
        Of the structure.
    pockets : tuple of Pocket
        Best first, each with its ``hotspots``.
    maps : Volume
        Probabilities, shape=(x, y, z, channel): typed channels conditional, ``ligand`` marginal. One channel:
        ``result.maps["hbond_donor"]``.
    structure : Structure or None
        What was scanned, its ligands included; drawn by the PyMOL script.
    source, sha256 : str
        Path or id of the input, and the hash of its bytes.
    preset, fingerprint, engine : str
        Name and fingerprint of the trained model, and what ran it.
    calibrated : bool
        Whether the maps' probabilities are calibrated: those of the core channels and of ``ligand``, at least.
    uncalibrated : tuple of str
        Channels whose values only rank points.
    calibration_errors : dict of str to float
        Expected calibration error of each channel that was measured on test proteins, if the preset tells.
    rotations : int
        Orientations of the receptor that the maps are averaged over.
    fdr : float or None
        Share of false hot-spots that was asked for; None: all hot-spots are there.
    fdr_thresholds : dict of str to float
        The probability that hot-spots of a channel had to reach for it; those of other channels are left out.
    warnings : tuple of str
        What was assumed or repaired, each with its consequence.
    seconds : dict of str to float
        Wall time of each stage.
    options : dict
        What else was asked for and decides about the result: region, model, kept components, averaging.
    files : dict of str to str
        SHA-256 of the tables and maps in the result folder, once it is written.
    trajectory : dict or None
        What the maps are the mean of, if not of one structure; a block of summary.json.
    """

    name: str
    pockets: tuple[Pocket, ...]
    maps: Volume
    structure: Structure | None = None
    source: str = ""
    sha256: str = ""
    preset: str = ""
    fingerprint: str = ""
    engine: str = ""
    calibrated: bool = False
    uncalibrated: tuple[str, ...] = ()
    calibration_errors: dict[str, float] = field(default_factory=dict)
    rotations: int = 1
    fdr: float | None = None
    fdr_thresholds: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    options: dict = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    trajectory: dict | None = None

    @property
    def predicted(self) -> bool:
        """Whether the structure is a predicted model, so that pockets and hot-spots have a ``plddt``."""
        return self.structure is not None and self.structure.predicted

    @property
    def hotspots(self) -> tuple[Hotspot, ...]:
        """The hot-spots of all pockets, best first."""
        from pocketvox.report.tables import ranked_hotspots

        return tuple(hotspot for _, hotspot in ranked_hotspots(self.pockets))

    def view(self, height: int = 900):
        """The report, for the end of a notebook's cell: a 3D view with tables, which works without a kernel as well.

        Parameters
        ----------
        height : int, optional
            Of the frame (pixels).

        Returns
        -------
        pocketvox.report.notebook.View
        """
        from pocketvox.report.notebook import View

        return View(self, height)

    def to_pandas(self):
        """The tables of a scan as data frames: pockets and hot-spots, with the columns of the CSV files.

        Returns
        -------
        tuple of two pandas.DataFrame

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        from pocketvox.report.notebook import frames

        return frames(self)

    def __repr__(self) -> str:
        hotspots = sum(len(pocket.hotspots) for pocket in self.pockets)
        return f"<Result {self.name}: {len(self.pockets)} pockets, {hotspots} hot-spots, {self.preset}>"

    def _repr_html_(self) -> str:
        from pocketvox.report.notebook import result_html

        return result_html(self)


def summary(result: Result) -> dict:
    """The content of summary.json: plain JSON types without NaN; lengths in angstrom, volumes in angstrom^3."""
    grid = result.maps.grid
    return {
        "schema_version": SCHEMA_VERSION,
        "name": result.name,
        "input": {"source": result.source, "sha256": result.sha256},
        "preset": {
            "name": result.preset,
            "fingerprint": result.fingerprint,
            "calibrated": bool(result.calibrated),
            "uncalibrated": list(result.uncalibrated),
        },
        "engine": result.engine,
        "rotations": int(result.rotations),
        "fdr": None if result.fdr is None else {"level": float(result.fdr), "thresholds": _thresholds(result)},
        "grid": {
            "origin": [float(v) for v in grid.origin],
            "shape": [int(n) for n in grid.shape],
            "spacing": float(grid.spacing),
        },
        "channels": list(result.maps.channels),
        "predicted": result.predicted,
        "pockets": [_pocket(pocket) for pocket in result.pockets],
        "options": result.options,
        "files": result.files,
        **({} if result.trajectory is None else {"trajectory": result.trajectory}),
        "warnings": list(result.warnings),
        "seconds": {stage: round(float(value), 3) for stage, value in result.seconds.items()},
    }


def summary_text(result: Result) -> str:
    """The text of summary.json."""
    return json.dumps(summary(result), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _pocket(pocket: Pocket) -> dict:
    return {
        "name": pocket.name,
        "rank": pocket.rank,
        "score": _round(pocket.score),
        "probability": _round(pocket.probability),
        "center": [_round(v) for v in pocket.center],
        "volume": _round(pocket.volume),
        "depth": _round(pocket.depth),
        "residue_ids": list(pocket.residue_ids),
        "domain_score": None if pocket.domain_score is None else _round(pocket.domain_score),
        "uncertainty": None if pocket.uncertainty is None else _round(pocket.uncertainty),
        "expected_counts": pocket.expected_counts and {k: _round(v) for k, v in pocket.expected_counts.items()},
        "plddt": None if pocket.plddt is None else _round(pocket.plddt),
        "hotspots": [_hotspot(hotspot) for hotspot in pocket.hotspots],
    }


def _hotspot(hotspot: Hotspot) -> dict:
    return {
        "type": hotspot.type,
        "coord": [_round(v) for v in hotspot.coord],
        "probability": _round(hotspot.probability),
        "score": _round(hotspot.score),
        "volume": _round(hotspot.volume),
        "direction": [_round(v) for v in hotspot.direction],
        "partners": list(hotspot.partners),
        "plddt": None if hotspot.plddt is None else _round(hotspot.plddt),
    }


def _thresholds(result: Result) -> dict[str, float]:
    return {name: float(value) for name, value in result.fdr_thresholds.items()}


def _round(value: float) -> float:
    return round(float(value), 4) + 0.0  # + 0.0 turns -0.0 into 0.0
