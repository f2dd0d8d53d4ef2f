"""Assemblies of any size: copies of the bundled protein, shifted apart, as an mmCIF file."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import gemmi
import numpy as np

#: Space between the boxes around the copies (angstrom).
GAP = 4.0


def write_assembly(path: Path, source: Path, copies: int) -> int:
    """Write an mmCIF file with copies of a structure in a block as cubic as possible.

    Parameters
    ----------
    path : Path
        Of the file.
    source : Path
        Structure file; its waters are left out.
    copies : int

    Returns
    -------
    int
        Number of atoms.
    """
    structure = gemmi.read_structure(str(source))
    structure.remove_waters()
    structure.remove_empty_chains()
    model = structure[0]
    coord = np.array([atom.pos.tolist() for chain in model for residue in chain for atom in residue])
    step = coord.max(axis=0) - coord.min(axis=0) + GAP
    edge = int(np.ceil(copies ** (1 / 3) - 1e-9))
    made = gemmi.Model(1)
    for k, place in enumerate(list(product(range(edge), repeat=3))[:copies]):
        shift = gemmi.Position(*(step * place))
        for chain in model:
            copy = chain.clone()
            copy.name = f"{chain.name}{k}"
            for residue in copy:
                for atom in residue:
                    atom.pos += shift
            made.add_chain(copy)
    whole = gemmi.Structure()
    whole.name = f"{path.stem}"
    whole.add_model(made)
    whole.setup_entities()
    whole.make_mmcif_document().write_file(str(path))
    return made.count_atom_sites()
