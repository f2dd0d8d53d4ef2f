"""What AutoDock Vina reads and writes: receptors as PDBQT, boxes, affinity maps.

Vina (Trott & Olson, J. Comput. Chem. 31, 455 (2010), doi:10.1002/jcc.21334; version 1.2: Eberhardt et al., J. Chem.
Inf. Model. 61, 3891 (2021), doi:10.1021/acs.jcim.1c00203) needs little of a receptor: positions, elements, and who
donates and accepts hydrogen bonds. Acceptors are atoms of the types NA and OA. Donors are metals, and nitrogens and
oxygens bonded to a hydrogen of the type HD. Vina perceives that bond by distance and looks neither at its direction nor
at charges, so one HD stands for all hydrogens of a donor, away from its neighbours, and charges are 0. Carbons are
hydrophobic unless bonded to a heteroatom, which Vina sees for itself; type A (aromatic) means the same to it as C.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pocketvox.commands.common import require_extra
from pocketvox.errors import InputError
from pocketvox.interactions.sites import Sites, receptor_sites
from pocketvox.structure.atoms import Atoms
from pocketvox.voxel import Grid

#: Distance of the HD from its donor (angstrom): an O-H or N-H bond. Vina takes up to 1.23 as bonded.
HD_DISTANCE = 1.0
#: Metals that have a type of their own in Vina; others are written as zinc. They are all alike to it: small donors.
METALS = ("Mg", "Mn", "Zn", "Ca", "Fe", "Cu", "Na", "K", "Hg", "Co", "U", "Cd", "Ni")
#: Elements written as themselves. What is not listed anywhere is written as carbon.
PLAIN = ("P", "F", "Cl", "Br", "I", "Si")
#: Elements written as another one, of about their size.
SIMILAR = {"Se": "S", "As": "P"}
_ATOM = "ATOM  {:5d} {:<4.4} {:>3.3} {:.1}{:4d}    {:8.3f}{:8.3f}{:8.3f}  1.00  0.00     0.000 {}"
#: Without a ligand Vina fills the maps of all its types, which takes several times as long. The atoms of this one, too
#: far apart to be bonded, are of the types C_H, N_D and O_A.
PROBES = "\n".join(
    [
        "ROOT",
        _ATOM.format(1, " C", "LIG", "L", 1, 0.0, 0.0, 0.0, "C"),
        _ATOM.format(2, " N", "LIG", "L", 1, 9.0, 0.0, 0.0, "N"),
        _ATOM.format(3, " H", "LIG", "L", 1, 9.0, HD_DISTANCE, 0.0, "HD"),
        _ATOM.format(4, " O", "LIG", "L", 1, 18.0, 0.0, 0.0, "OA"),
        "ENDROOT",
        "TORSDOF 0",
        "",
    ]
)


def affinity_maps(atoms: Atoms, grid: Grid, types: tuple[str, ...]) -> np.ndarray:
    """Vina's energy of single atoms at the voxel centres of a grid.

    Parameters
    ----------
    atoms : Atoms
        Receptor.
    grid : Grid
    types : tuple of str
        Of Vina's types of ligand atoms, those of :data:`PROBES`.

    Returns
    -------
    ndarray, shape=(x, y, z, len(types)), dtype=float32
        Energy with the receptor atoms within 8 A (kcal/mol), negative where favourable, four digits.

    Raises
    ------
    MissingExtraError
        If vina is not installed.
    """
    vina = require_vina()(sf_name="vina", cpu=1, seed=1, verbosity=0)
    with TemporaryDirectory() as folder:
        write_pdbqt(f"{folder}/receptor.pdbqt", atoms)
        vina.set_receptor(f"{folder}/receptor.pdbqt")
        vina.set_ligand_from_string(PROBES)
        vina.compute_vina_maps(**vina_box(grid))
        vina.write_maps(f"{folder}/map")
        found = {kind: read_map(f"{folder}/map.{kind}.map", grid) for kind in dict.fromkeys(types)}
    return np.stack([found[kind] for kind in types], axis=-1)


def require_vina():
    """The class ``vina.Vina``.

    Raises
    ------
    MissingExtraError
        If vina is not installed.
    """
    require_extra("vina", "bench", "Affinity maps of AutoDock Vina")
    with warnings.catch_warnings(), suppress(ImportError):
        warnings.simplefilter("ignore")
        import openbabel.pybel  # noqa: F401 - loaded after Vina it aborts the process: their C++ libraries clash
    from vina import Vina

    return Vina


def autodock_types(atoms: Atoms, sites: Sites) -> np.ndarray:
    """AutoDock types of the heavy atoms of a receptor.

    Parameters
    ----------
    atoms : Atoms
    sites : Sites
        As :func:`pocketvox.interactions.sites.receptor_sites` makes from them.

    Returns
    -------
    ndarray, shape=(n,), dtype=str
        One per atom of ``sites``.
    """
    aromatic = np.zeros(len(sites.coord), bool)
    for ring in sites.rings:
        aromatic[ring.atoms] = True
    accepting = {"N": "NA", "O": "OA", "S": "SA"}
    types = []
    for i, element in enumerate(atoms.element[sites.index].tolist()):
        element = SIMILAR.get(element, element)
        if sites.metal[i]:
            types.append(element if element in METALS else "Zn")
        elif element in accepting:
            types.append(accepting[element] if sites.acceptor[i] else element)
        elif element in PLAIN:
            types.append(element)
        else:
            types.append("A" if aromatic[i] else "C")
    return np.array(types, "U2")


def write_pdbqt(path: str | Path, atoms: Atoms) -> None:
    """Write the heavy atoms of a receptor as rigid PDBQT, each donor followed by one HD; given hydrogens are left out.

    Parameters
    ----------
    path : str or Path
        Ends in ``.pdbqt``.
    atoms : Atoms
    """
    sites = receptor_sites(atoms)
    types = autodock_types(atoms, sites)
    lines: list[str] = []
    for row, i in enumerate(sites.index.tolist()):
        lines.append(_line(len(lines), atoms, i, str(atoms.name[i]), sites.coord[row], types[row]))
        if sites.donor[row]:
            lines.append(_line(len(lines), atoms, i, "H", _hydrogen(sites, row), "HD"))
    Path(path).write_text("\n".join([*lines, "TER", ""]), encoding="ascii", errors="replace")


def vina_box(grid: Grid) -> dict:
    """Arguments of ``Vina.compute_vina_maps`` for points on the voxel centres of a grid.

    Vina writes maps of an odd number of points only, so along axes where the grid has an even number the box has one
    more; nothing is interpolated.
    """
    steps = np.maximum(np.array(grid.shape) // 2 * 2, 2)
    center = grid.to_coord(steps / 2)
    # rounded up to whole steps by Vina: a little less does not become one more
    return {"center": center.tolist(), "box_size": ((steps - 0.1) * grid.spacing).tolist(), "spacing": grid.spacing}


def read_map(path: str | Path, grid: Grid) -> np.ndarray:
    """Read an AutoDock affinity map that begins at the origin of a grid and reaches at least as far.

    Parameters
    ----------
    path : str or Path
    grid : Grid
        Same spacing; voxels beyond it are left out.

    Returns
    -------
    ndarray, shape=(x, y, z), dtype=float32
        Energy (kcal/mol).

    Raises
    ------
    InputError
        If the map is on another lattice.
    """
    lines = Path(path).read_text(encoding="ascii").splitlines()
    header = {key: np.array(rest.split(), float) for key, _, rest in (line.partition(" ") for line in lines[3:6])}
    spacing, shape = float(header["SPACING"][0]), header["NELEMENTS"].astype(int) + 1
    origin = header["CENTER"] - spacing * (shape - 1) / 2
    # six digits of a centre are printed
    if abs(spacing - grid.spacing) > 1e-4 or np.abs(origin - grid.origin).max() > 0.01 or (shape < grid.shape).any():
        raise InputError(f"Expected a map on {grid} in {path}. Received: {shape} points of {spacing:g} at {origin}.")
    values = np.array(lines[6:], np.float32).reshape(shape[::-1]).transpose(2, 1, 0)
    return np.ascontiguousarray(values[tuple(slice(n) for n in grid.shape)])


def _line(number: int, atoms: Atoms, i: int, name: str, xyz: np.ndarray, kind: str) -> str:
    name = name if len(name) > 3 else f" {name}"
    chain, residue = str(atoms.chain_id[i]) or " ", int(atoms.res_id[i]) % 10000
    return _ATOM.format(number % 99999 + 1, name, str(atoms.res_name[i]), chain, residue, *xyz, kind)


def _hydrogen(sites: Sites, row: int) -> np.ndarray:
    """Where the HD of a donor is written, shape=(3,): away from its neighbours."""
    bonded = sites.neighbours[row][sites.neighbours[row] >= 0]
    away = (sites.coord[row] - sites.coord[bonded]).sum(axis=0) if len(bonded) else np.array([1.0, 0.0, 0.0])
    length = np.linalg.norm(away)
    return sites.coord[row] + HD_DISTANCE * (away / length if length > 1e-6 else np.array([1.0, 0.0, 0.0]))
