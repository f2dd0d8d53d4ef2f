"""Pharmit queries: a pharmacophore per pocket, to be opened at https://pharmit.csb.pitt.edu with "Load Session".

Features and their keys are those that Pharmit itself reads and saves (https://github.com/dkoes/pharmit,
``readPharmaPointsJSON`` in src/pharmarec.cpp, web/src/feature.js); Sunseri and Koes, doi:10.1093/nar/gkw287. A feature
is what the **ligand** has there, as our channels are, and the vector of a hydrogen bond goes from the ligand's atom to
the receptor's, as our directions do.
"""

from __future__ import annotations

import json
from pathlib import Path

from pocketvox.channels import LABEL_RADIUS
from pocketvox.pockets import Hotspot, Pocket
from pocketvox.report.result import Result
from pocketvox.report.structures import sanitise
from pocketvox.structure.predicted import CONFIDENT

FOLDER = "pharmit"
#: Pharmit's feature for each channel. It has none for halogen bonds, metals and bridging waters; a ``pi_cation`` can
#: be a ring or a cation of the ligand: hot-spots of these types are not in the query.
FEATURES = {
    "hbond_donor": "HydrogenDonor",
    "hbond_acceptor": "HydrogenAcceptor",
    "hydrophobic": "Hydrophobic",
    "pi_stacking": "Aromatic",
    "salt_bridge_cation": "PositiveIon",
    "salt_bridge_anion": "NegativeIon",
}
#: Features whose vector says where the partner is. That of an aromatic ring would be its normal, which is not known.
WITH_VECTOR = ("HydrogenDonor", "HydrogenAcceptor")
#: Tolerance (angstrom). Hot-spots are 0.45 from true points along each axis (see :mod:`pocketvox.pockets.partners`), so
#: that 95 % of them, if normally distributed, are within the label radius; Pharmit's own default, 0.5 to 1.1, is for
#: features of a ligand in its crystal structure.
RADIUS = LABEL_RADIUS
#: Features that are switched on, best first: a molecule must have all of them. The others are one click
#: away, as are those of a predicted model whose partners are of low confidence.
ENABLED = 5


def write_pharmit(folder: Path, result: Result) -> None:
    """Write ``pharmit/<pocket>.json`` for every pocket.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    (folder / FOLDER).mkdir()
    for pocket in result.pockets:
        text = json.dumps(query(pocket), indent=1, allow_nan=False) + "\n"
        path = folder / FOLDER / f"{sanitise(pocket.name)}.json"
        path.write_text(text, encoding="utf-8", newline="")


def query(pocket: Pocket) -> dict:
    """The hot-spots of a pocket as a Pharmit query, best first."""
    known = [hotspot for hotspot in pocket.hotspots if hotspot.type in FEATURES]
    sure = [hotspot for hotspot in known if hotspot.plddt is None or hotspot.plddt >= CONFIDENT]
    enabled = {id(hotspot) for hotspot in sure[:ENABLED]}
    return {"points": [_point(hotspot, id(hotspot) in enabled) for hotspot in known]}


def _point(hotspot: Hotspot, enabled: bool) -> dict:
    """One feature; its vector, if it has one, is given but switched off, as in queries that Pharmit makes."""
    name = FEATURES[hotspot.type]
    vector = name in WITH_VECTOR and any(hotspot.direction)
    return {
        "name": name,
        "hasvec": name in WITH_VECTOR,
        **_xyz(hotspot.coord),
        "radius": RADIUS,
        "enabled": enabled,
        "vector_on": 0,
        "svector": _xyz(hotspot.direction) if vector else None,
        "minsize": "",
        "maxsize": "",
        "selected": False,
    }


def _xyz(values) -> dict[str, float]:
    return {axis: round(float(v), 3) + 0.0 for axis, v in zip("xyz", values, strict=True)}
