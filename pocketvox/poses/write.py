"""Scores of poses as CSV, JSON and SDF, written as they come."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

from pocketvox.channels import TYPED
from pocketvox.poses.read import Pose
from pocketvox.poses.score import PoseScore
from pocketvox.poses.source import Target
from pocketvox.report.tables import fixed, harmless

SCHEMA_VERSION = 1
#: Columns of the CSV table: one per type, joint values summed; the core types make up the score. ``satisfied`` and
#: ``missed`` name hot-spots by their row in hotspots.csv and their type.
COLUMNS = (
    "file",
    "record",
    "name",
    "score",
    "mean",
    "points",
    "outside",
    "clashes",
    *TYPED,
    "satisfied",
    "missed",
    "interactions",
    "error",
)
#: Properties of SDF records begin with it; a list of atom properties is as RDKit reads it.
PREFIX = "pocketvox_"
_ATOM_LIST, _NONE = "atom.dprop.pocketvox", "n/a"


class CsvWriter:
    """One row per pose."""

    def __init__(self, target: Target):
        self._target = target

    def head(self) -> str:
        """The names of the columns."""
        return _line(COLUMNS)

    def poses(self, poses: list[Pose], scores: list[PoseScore]) -> Iterator[str]:
        """Yield the rows of a batch."""
        for score in scores:
            yield _line(row(self._target, score).values())

    def tail(self) -> str:
        """Nothing."""
        return ""


class JsonWriter:
    """An object with ``protein``, ``preset``, ``hotspots`` and ``poses``, these with the value of each atom."""

    def __init__(self, target: Target):
        self._target = target
        self._first = True

    def head(self) -> str:
        """Everything before the poses."""
        hotspots = [
            {
                "row": number,
                "pocket": pocket,
                "type": hotspot.type,
                "coord": [round(v, 3) for v in hotspot.coord],
                "score": round(hotspot.score, 4),
            }
            for number, (pocket, hotspot) in enumerate(self._target.hotspots, 1)
        ]
        document = {
            "schema_version": SCHEMA_VERSION,
            "protein": self._target.name,
            "source": self._target.source,
            "preset": self._target.preset,
            "warnings": list(self._target.warnings),
            "hotspots": hotspots,
        }
        return json.dumps(document)[:-1] + ', "poses": ['

    def poses(self, poses: list[Pose], scores: list[PoseScore]) -> Iterator[str]:
        """Yield the objects of a batch, each on a line."""
        for pose, score in zip(poses, scores, strict=True):
            yield ("\n" if self._first else ",\n") + json.dumps(_as_json(pose, score))
            self._first = False

    def tail(self) -> str:
        """What closes the document."""
        return "\n]}\n"


class SdfWriter:
    """The records as they were, with further properties; ``atom.dprop.pocketvox`` is the value of each atom."""

    def __init__(self, target: Target):
        self._target = target

    def head(self) -> str:
        """Nothing."""
        return ""

    def poses(self, poses: list[Pose], scores: list[PoseScore]) -> Iterator[str]:
        """Yield the records of a batch; those that could not be scored are left out."""
        for pose, score in zip(poses, scores, strict=True):
            if score.error:
                continue
            cells = row(self._target, score)
            names = [name for name in COLUMNS[3:] if cells[name] != ""]
            items = [(f"{PREFIX}{name}", cells[name]) for name in names]
            values = [_NONE] * pose.molecule.atoms
            for atom, value in zip(pose.molecule.heavy.tolist(), score.atoms, strict=True):
                values[atom] = fixed(value, 4)
            items.append((_ATOM_LIST, f"[{_NONE}] {' '.join(values)}"))
            yield _own_properties_removed(pose.text) + "".join(f">  <{k}>\n{v}\n\n" for k, v in items) + "$$$$\n"

    def tail(self) -> str:
        """Nothing."""
        return ""


WRITERS = {"csv": CsvWriter, "json": JsonWriter, "sdf": SdfWriter}


def row(target: Target, score: PoseScore) -> dict[str, str]:
    """The cells of one pose, by :data:`COLUMNS`; empty where there is nothing to say."""
    cells = dict.fromkeys(COLUMNS, "")
    cells |= {"file": score.file, "record": str(score.record), "name": score.name, "error": score.error}
    if score.error:
        return cells
    return cells | {
        "score": fixed(score.score, 4),
        "mean": fixed(score.mean, 4),
        "points": str(score.points),
        "outside": fixed(score.outside, 3),
        "clashes": "" if score.clashes is None else str(score.clashes),
        **{name: fixed(value, 4) for name, value in score.types.items()},
        "satisfied": _named(target, score.satisfied),
        "missed": _named(target, score.missed),
        "interactions": ";".join(score.interactions),
    }


def _as_json(pose: Pose, score: PoseScore) -> dict:
    found: dict = {"file": score.file, "record": score.record, "name": score.name}
    if score.error:
        return found | {"error": score.error}
    atoms = zip(pose.molecule.atom_names, pose.molecule.elements, score.atoms, score.roles, strict=True)
    return found | {
        "score": round(score.score, 4),
        "mean": round(score.mean, 4),
        "points": score.points,
        "outside": round(score.outside, 3),
        "clashes": score.clashes,
        "types": {name: round(value, 4) for name, value in score.types.items()},
        "satisfied": list(score.satisfied),
        "missed": list(score.missed),
        "interactions": list(score.interactions),
        "atoms": [
            {"name": name, "element": element, "value": round(float(value), 4), "roles": list(roles)}
            for name, element, value, roles in atoms
        ],
    }


def _named(target: Target, rows: tuple[int, ...]) -> str:
    return ";".join(f"{number}:{target.hotspots[number - 1][1].type}" for number in rows)


def _own_properties_removed(text: str) -> str:
    """A record up to where properties are added: without those of an earlier scoring."""
    end = text.find("M  END")
    end = text.find("\n", end) + 1 if "\n" in text[end:] else len(text)
    block, data = text[:end], text[end:]
    items = [item for item in data.split("\n>") if item.strip()] if data.strip() else []
    kept = [i.lstrip(">").rstrip("\n") for i in items if f"<{PREFIX}" not in i and f"<{_ATOM_LIST}>" not in i]
    return (block if block.endswith("\n") else f"{block}\n") + "".join(f">{item}\n\n" for item in kept)


def _line(cells) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([harmless(cell) for cell in cells])
    return out.getvalue()
