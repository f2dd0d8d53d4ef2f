"""Element properties. Radii in angstrom."""

import numpy as np

from pocketvox.columns import distinct

#: Van der Waals radii: Bondi, J. Phys. Chem. 68, 441 (1964), doi:10.1021/j100785a001; Alvarez, Dalton Trans. 42, 8617
#: (2013), doi:10.1039/c3dt50599e, for what Bondi lacks. Metals get the size of a bound ion instead of a bare atom.
VDW_RADIUS = {
    "H": 1.20, "D": 1.20, "C": 1.70, "N": 1.55, "O": 1.52, "F": 1.47, "P": 1.80, "S": 1.80, "Cl": 1.75, "Se": 1.90,
    "Br": 1.85, "I": 1.98, "B": 1.92, "Si": 2.10, "As": 1.85,
}  # fmt: skip
DEFAULT_VDW_RADIUS = 1.70

#: Covalent radii: Cordero et al., Dalton Trans. 2832 (2008), doi:10.1039/b801115j.
COVALENT_RADIUS = {
    "H": 0.31, "D": 0.31, "B": 0.84, "C": 0.76, "N": 0.71, "O": 0.66, "F": 0.57, "Si": 1.11, "P": 1.07, "S": 1.05,
    "Cl": 1.02, "As": 1.19, "Se": 1.20, "Br": 1.20, "I": 1.39,
}  # fmt: skip
#: Two atoms are bonded if closer than the sum of their covalent radii plus this slack.
BOND_TOLERANCE = 0.40
#: Atoms closer than this are alternatives of one another, not bonded (angstrom).
SHORTEST_BOND = 0.80

METALS = frozenset(
    "Li Na K Rb Cs Be Mg Ca Sr Ba Al Ga In Tl Pb Bi Sc Ti V Cr Mn Fe Co Ni Cu Zn Y Zr Nb Mo Ru Rh Pd Ag Cd La Ce Pr Nd "
    "Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg U".split()
)


def lookup(table: dict[str, float], elements: np.ndarray, default: float) -> np.ndarray:
    """Value of each element in ``table``, ``default`` where absent; shape=(n,), dtype=float32."""
    symbols, inverse = distinct(elements)
    return np.array([table.get(str(s), default) for s in symbols], np.float32)[inverse]
