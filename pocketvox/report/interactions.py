"""Tables of detected interactions, as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import math

from pocketvox.channels import CHANNELS
from pocketvox.interactions import Interactions
from pocketvox.report.tables import harmless
from pocketvox.structure.atoms import Atoms, Complex, residue_label

SCHEMA_VERSION = 1

#: Columns of the CSV table.
COLUMNS = ("ligand", "type", "residue", "distance", "angle", "ligand_atoms", "receptor_atoms", "water", "x", "y", "z")


def as_json(complex_: Complex, found: Interactions) -> str:
    """The interactions of a complex as a JSON document.

    Parameters
    ----------
    complex_ : Complex
    found : Interactions
        Of this complex.

    Returns
    -------
    str
        An object with ``schema_version``, ``input``, ``sha256``, ``ligands``, ``interactions`` and ``warnings``.
        Distances in angstrom, angles in degrees (null where the definition has none).
    """
    document = {
        "schema_version": SCHEMA_VERSION,
        "input": complex_.structure.source,
        "sha256": complex_.structure.sha256,
        "ligands": [
            {"name": ligand.name, "heavy_atoms": len(ligand.coord), "chemistry": ligand.chemistry}
            for ligand in complex_.ligands
        ],
        "interactions": rows(complex_, found),
        "warnings": list(complex_.warnings),
    }
    return json.dumps(document, indent=2) + "\n"


def as_csv(complex_: Complex, found: Interactions) -> str:
    """The interactions of a complex as a table with the columns :data:`COLUMNS`; atoms joined by ``;``."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows(complex_, found):
        x, y, z = row.pop("point")
        row |= {"x": x, "y": y, "z": z}
        for key in ("ligand_atoms", "receptor_atoms"):
            row[key] = ";".join(row[key])
        writer.writerow("" if row[column] is None else harmless(row[column]) for column in COLUMNS)
    return out.getvalue()


def rows(complex_: Complex, found: Interactions) -> list[dict]:
    """One dictionary of plain values per interaction, in the order of ``found``."""
    return [_row(complex_, found, k) for k in range(len(found))]


def _row(complex_: Complex, found: Interactions, k: int) -> dict:
    ligand = complex_.ligands[found.ligand[k]]
    receptor = complex_.receptor
    atoms = found.receptor_atoms[k]
    angle = float(found.angle[k])
    return {
        "ligand": ligand.name,
        "type": CHANNELS[found.channel[k]],
        "residue": residue_label(receptor, int(atoms[0])),
        "distance": round(float(found.distance[k]), 3),
        "angle": None if math.isnan(angle) else round(angle, 1),
        "ligand_atoms": [ligand.atom_names[i] for i in found.ligand_atoms[k]],
        "receptor_atoms": [receptor.label(int(i)) for i in atoms],
        "water": _water(complex_.waters, int(found.water[k])),
        "point": [round(float(v), 3) for v in found.point[k]],
    }


def _water(waters: Atoms, i: int) -> str | None:
    return None if i < 0 else residue_label(waters, i)
