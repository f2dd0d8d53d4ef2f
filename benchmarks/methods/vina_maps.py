"""Affinity maps of AutoDock Vina; :mod:`benchmarks.tools.pdbqt` says how it is called and cites it."""

from scipy.special import expit

from benchmarks.entries import Entry
from benchmarks.methods import Method
from benchmarks.tools.pdbqt import affinity_maps, require_vina
from pocketvox.voxel import Grid, Volume

#: Vina's atom type for each channel; it knows no rings.
TYPES = {"hbond_donor": "N_D", "hbond_acceptor": "O_A", "hydrophobic": "C_H", "pi_stacking": "C_H"}


def predict(entry: Entry, grid: Grid) -> Volume:
    """1 / (1 + exp(E)) with the energy E in kcal/mol: it never saturates where an atom is welcome."""
    energy = affinity_maps(entry.atoms, grid, tuple(TYPES.values()))
    return Volume(expit(-energy), grid, tuple(TYPES))


def method() -> Method:
    """See the module docstring."""
    require_vina()
    return Method(
        name="vina-maps",
        title="AutoDock Vina maps",
        description="Vina 1.2 energy of a donor N, an acceptor O or an apolar C; rings, which it lacks, as apolar C.",
        predict=predict,
    )
