"""Tell predicted models, whose B column is a confidence (pLDDT), from experimental ones."""

from __future__ import annotations

import re

import numpy as np

from .atoms import Atoms
from .table import Parsed

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
