"""Tell predicted models, whose B column is a confidence (pLDDT), from experimental ones."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from ..errors import StructureError
from .atoms import Atoms, Structure
from .table import Parsed

#: pLDDT from which a residue's backbone, and most often its side chain, is placed well; below LOW it may be disordered.
#: Tunyasuvunakool et al. 2021, doi:10.1038/s41586-021-03828-1; the bands of the AlphaFold database.
CERTAIN, CONFIDENT, LOW = 90.0, 70.0, 50.0

_PROGRAMS = re.compile(
    r"alphafold|colabfold|esmfold|esm-?fold|rosettafold|openfold|omegafold|boltz|chai-?1|protenix|helixfold|swiss-?model|"
    r"\bAF-[A-Z0-9]+-F\d+|plddt",
    re.I,
)
_RELAXED = re.compile(r"1? *CREATED WITH OPENMM.*", re.I)  # all that AlphaFold's relaxation leaves of a header
_FEWEST_RESIDUES = 20


def is_predicted(parsed: Parsed, atoms: Atoms) -> bool:
    """True if the file says that it is a prediction, or its B column can be nothing but a confidence.

    A per-residue quality metric (ModelCIF) or the name of a prediction program in a file without an experiment
    decides. Without any header, the B column is taken for a confidence only if it is one value per residue, between
    0 and 100, different between residues, in a model of polymer only with full occupancies.
    """
    if parsed.experimental:
        return False
    if parsed.confidence or _PROGRAMS.search(parsed.text):
        return True
    bare = _RELAXED.sub("", parsed.text).strip() == ""
    return bare and _one_value_per_residue(atoms)


def _one_value_per_residue(atoms: Atoms) -> bool:
    polymer = atoms.kind <= 1
    if not polymer.all() or atoms.residue[-1] + 1 < _FEWEST_RESIDUES or (atoms.occupancy != 1).any():
        return False
    b = atoms.b_factor
    first = np.flatnonzero(np.diff(atoms.residue, prepend=-1))
    if len(atoms) < 3 * len(first):  # too few atoms per residue to tell
        return False
    low, high = np.minimum.reduceat(b, first), np.maximum.reduceat(b, first)
    constant = bool((high - low < 1e-3).all())
    varied = len(np.unique(low)) > len(first) // 4
    return constant and varied and float(low.min()) > 0 and float(high.max()) <= 100


def on_percent_scale(atoms: Atoms) -> tuple[Atoms, tuple[str, ...]]:
    """Atoms of a predicted model with pLDDT from 0 to 100, and a note if the file had it from 0 to 1, as some do."""
    if not 0 < float(atoms.b_factor.max(initial=0.0)) <= 1:
        return atoms, ()
    return replace(atoms, b_factor=atoms.b_factor * 100), ("its pLDDT, 0 to 1 in the file, is taken times 100",)


def residue_confidence(atoms: Atoms) -> np.ndarray:
    """Confidence (pLDDT) of the residue of each atom: the mean of its heavy atoms, shape=(n,), dtype=float64."""
    heavy = atoms.heavy
    count = np.bincount(atoms.residue, heavy)
    total = np.bincount(atoms.residue, np.where(heavy, atoms.b_factor, 0.0))
    return (total / np.maximum(count, 1))[atoms.residue]


def without_low_confidence(structure: Structure, least: float) -> Structure:
    """A predicted model without the residues whose pLDDT is below the least; other structures as they are.

    Raises
    ------
    StructureError
        If nothing would be left.
    """
    if not structure.predicted:
        return structure
    atoms = structure.atoms
    kept = residue_confidence(atoms) >= least
    left, total = len(np.unique(atoms.residue[kept])), len(np.unique(atoms.residue))
    if left == total:
        return structure
    if not left:
        raise StructureError(
            f"{structure.source}: expected a residue with a pLDDT of at least {least:g}. Received: none. Choose a "
            "lower one."
        )
    number = np.cumsum(kept) - 1
    links = structure.links[kept[structure.links].all(axis=1)]
    note = f"{total - left} of {total} residues are left out: their pLDDT is below {least:g}"
    return replace(
        structure,
        atoms=atoms[np.flatnonzero(kept)],
        links=number[links].astype(np.int32).reshape(-1, 2),
        warnings=(*structure.warnings, note),
    )
