"""PDB text built in code: chains of known geometry, and groups at chosen places."""

from __future__ import annotations

import numpy as np

# a residue whose copies, shifted by STEP, are joined by peptide bonds of 1.33 A
RESIDUE = {
    "N": (0.0, 0.0, 0.0),
    "CA": (1.458, 0.0, 0.0),
    "C": (2.0, 1.42, 0.0),
    "O": (1.3, 2.4, 0.0),
    "CB": (2.0, -0.8, 1.2),
}
STEP = np.array([3.33, 1.42, 0.0])

BENZAMIDINE = {  # planar, ideal lengths; BEN of the component dictionary
    "C1": (0.0, 1.39, 0.0), "C2": (1.2038, 0.695, 0.0), "C3": (1.2038, -0.695, 0.0), "C4": (0.0, -1.39, 0.0),
    "C5": (-1.2038, -0.695, 0.0), "C6": (-1.2038, 0.695, 0.0), "C": (0.0, 2.87, 0.0),
    "N1": (1.12, 3.52, 0.0), "N2": (-1.13, 3.54, 0.0),
}  # fmt: skip


def atom(name, res_name, chain, number, xyz, **options) -> str:
    """One ATOM or HETATM record of 80 columns."""
    element = options.get("element", name[0])
    padded = name if len(name) > 3 or len(element) > 1 else " " + name
    record = "HETATM" if options.get("het") else "ATOM  "
    serial = options.get("serial", 1)
    serial = f"{serial:5d}" if isinstance(serial, int) else serial
    number = f"{number:4d}" if isinstance(number, int) else number
    column = options.get("column", element)
    return (
        f"{record}{serial} {padded:<4}{options.get('altloc', ' ')}{res_name:>3} {chain:>1}{number}"
        f"{options.get('ins', ' ')}   {xyz[0]:8.3f}{xyz[1]:8.3f}{xyz[2]:8.3f}"
        f"{options.get('occupancy', 1.0):6.2f}{options.get('b', 20.0):6.2f}          {column:>2}"
    )


def chain(names="ALA " * 12, *, chain_id="A", start=1, origin=(0.0, 0.0, 0.0), **options) -> list[str]:
    """Records of a chain of linked residues with the backbone and CB of each."""
    lines = []
    for i, name in enumerate(names.split()):
        for atom_name, xyz in RESIDUE.items():
            place = np.array(xyz) + i * STEP + origin
            lines.append(atom(atom_name, name, chain_id, start + i, place, **options))
    return lines


def group(atoms, res_name, number, origin, *, chain_id="A", het=True, **options) -> list[str]:
    """Records of a non-polymer group."""
    return [
        atom(name, res_name, chain_id, number, np.array(xyz) + origin, het=het, **options)
        for name, xyz in atoms.items()
    ]


def text(*parts) -> str:
    """File text of records and lists of records."""
    lines = [line for part in parts for line in ([part] if isinstance(part, str) else part)]
    return "\n".join([*lines, "END"]) + "\n"
