"""What poses are scored against: a structure that is scanned for it, or the result of an earlier scan."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pocketvox.errors import InputError, PocketvoxError
from pocketvox.hashing import file_hash
from pocketvox.json_file import read_json
from pocketvox.pipeline import scan
from pocketvox.pockets import Hotspot
from pocketvox.poses.read import Pose, pose_of, read_poses
from pocketvox.poses.score import PoseScore, PoseScorer
from pocketvox.report import Result, read_maps
from pocketvox.report.result import SUMMARY
from pocketvox.report.tables import ranked_hotspots
from pocketvox.structure import partition, read_structure
from pocketvox.structure.atoms import Atoms
from pocketvox.voxel.grid import Volume

#: Poses that are scored at a time.
BATCH = 512


@dataclass(frozen=True)
class Target:
    """A protein as poses see it.

    Attributes
    ----------
    name, source, preset : str
        Of the protein, its file or result folder, and the trained model.
    maps : Volume
    hotspots : tuple of (str, Hotspot)
        In the order of hotspots.csv, each with its pocket's name.
    receptor : Atoms or None
        None if its structure is not at hand.
    warnings : tuple of str
    """

    name: str
    source: str
    preset: str
    maps: Volume
    hotspots: tuple[tuple[str, Hotspot], ...]
    receptor: Atoms | None
    warnings: tuple[str, ...] = ()

    def scorer(self) -> PoseScorer:
        """What scores poses against it."""
        return PoseScorer(self.maps, [hotspot for _, hotspot in self.hotspots], self.receptor)


def target_of(result: Result) -> Target:
    """The target that a scan found."""
    receptor = None if result.structure is None else result.structure.atoms[partition(result.structure).receptor]
    return Target(
        name=result.name,
        source=result.source,
        preset=result.preset,
        maps=result.maps,
        hotspots=tuple((pocket.name, hotspot) for pocket, hotspot in ranked_hotspots(result.pockets)),
        receptor=receptor,
        warnings=result.warnings,
    )


def read_result(folder: str | Path) -> Target:
    """The target in the folder of an earlier scan.

    The receptor comes from the file that was scanned, if it still is where it was and what it was.

    Raises
    ------
    InputError
        If the folder holds no complete result.
    """
    folder = Path(folder)
    try:
        summary = read_json(folder / SUMMARY)
        with (folder / "hotspots.csv").open(encoding="utf-8", newline="") as file:
            hotspots = tuple((row["pocket"], _hotspot(row)) for row in csv.DictReader(file))
        source, sha256 = summary["input"]["source"], summary["input"]["sha256"]
        name, preset = summary["name"], summary["preset"]["name"]
        damaged = [file for file, known in summary["files"].items() if file_hash(folder / Path(file).name) != known]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{folder}: expected the folder of a scan ({SUMMARY}, hotspots.csv, maps.h5). Received: {error!r}. Give a "
            "structure, or the folder that pocketvox scan wrote."
        ) from error
    if damaged:
        raise InputError(f"{folder}: {', '.join(damaged)} changed since the scan wrote it. Scan again.")
    receptor = _receptor(source, sha256)
    notes = ()
    if receptor is None:
        notes = (f"{source} is not there any more, or has changed: no clashes and no interactions are given",)
    return Target(name, str(folder), preset, read_maps(folder / "maps.h5"), hotspots, receptor, notes)


def open_target(protein, **options) -> Target:
    """The target that a structure, a result or the folder of a result is.

    Parameters
    ----------
    protein : str, path, Structure, Result or Target
    **options
        As for :func:`pocketvox.scan`; only for structures.
    """
    if isinstance(protein, Target):
        return protein
    if isinstance(protein, Result):
        return target_of(protein)
    if isinstance(protein, (str, Path)) and Path(protein).is_dir():
        return read_result(protein)
    return target_of(scan(protein, **options))


def score_poses(protein, poses, *, interactions: bool = False, **options) -> list[PoseScore]:
    """Score posed molecules against what a protein offers.

    Parameters
    ----------
    protein : str, path, Structure, Result or Target
        A structure, as for :func:`pocketvox.scan`; or the result of a scan, or its folder.
    poses : path, rdkit.Chem.Mol, or sequence of these
        SDF, MOL2 or PDB files, or molecules with a conformer, in the frame of the protein.
    interactions : bool, optional
        List what each pose makes with the receptor by geometric rules; slower.
    **options
        As for :func:`pocketvox.scan`, where a structure has to be scanned.

    Returns
    -------
    list of PoseScore
        In the order of the poses. Records that cannot be read have an ``error``.

    Raises
    ------
    LigandError
        If a file cannot be read at all, or a molecule cannot be used.
    InputError
        If the maps lack what scores need.
    PocketvoxError
        As from :func:`pocketvox.scan`.

    Examples
    --------
    >>> scores = score_poses("1abc.cif", "poses.sdf")  # doctest: +SKIP
    >>> best = max(scores, key=lambda pose: pose.score)  # doctest: +SKIP
    """
    scorer = open_target(protein, **options).scorer()
    given = poses if isinstance(poses, (list, tuple)) else [poses]
    return [score for batch in batches(_poses(given, interactions)) for score in scorer(batch)]


def batches(poses: Iterable[Pose]) -> Iterable[list[Pose]]:
    """Yield poses, so many at a time as are scored together."""
    batch: list[Pose] = []
    for pose in poses:
        batch.append(pose)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _poses(given: Iterable, interactions: bool) -> Iterable[Pose]:
    for item in given:
        if isinstance(item, (str, Path)):
            yield from read_poses(item, ligands=interactions)
        else:
            yield pose_of(item, ligands=interactions)


def _hotspot(row: dict[str, str]) -> Hotspot:
    numbers = {key: float(row[key]) for key in ("probability", "score", "volume")}
    coord, direction = (tuple(float(row[f"{head}{axis}"]) for axis in "xyz") for head in ("", "direction_"))
    partners = tuple(row["partners"].split(";")) if row["partners"] else ()
    return Hotspot(row["type"], coord, direction=direction, partners=partners, **numbers)


def _receptor(source: str, sha256: str) -> Atoms | None:
    """The receptor in the file of a scan, or None."""
    path = Path(source)
    try:
        if not path.is_file() or file_hash(path) != sha256:
            return None
        structure = read_structure(path)
    except (OSError, PocketvoxError):
        return None
    return structure.atoms[partition(structure).receptor]
