"""Labels made by another interaction detector: what ProLIF or PLIP finds in an entry, as spheres on a grid.

A tool gets the standard residues around a ligand and the ligand's heavy atoms, cut out into files that it can read,
and nothing else: no metals, cofactors, nucleic acids, modified residues or waters.
"""

from __future__ import annotations

import importlib.util
import string
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks.entries import Entry
from benchmarks.tools.interaction_tools import MORE_TYPES, STANDARD_RESIDUES, TYPES, prepare, run_tool
from pocketvox.channels import CHANNELS, CORE
from pocketvox.errors import InputError, LigandError, MissingExtraError
from pocketvox.interactions.detect import residues_near
from pocketvox.structure import read_structure
from pocketvox.structure.atoms import Atoms
from pocketvox.structure.ligand_file import ligand_from_file
from pocketvox.voxel import Grid, Volume, label_volume

#: Residues with an atom this near to the ligand are cut out (angstrom): beyond the reach of every interaction, and of
#: the 7.5 A by which PLIP extends the sphere around a ligand.
CUT_OUT = 12.0
#: What both tools report.
TOOL_CHANNELS = (*CORE, *MORE_TYPES)
#: One letter per chain; the last two capitals stay free for what else the tools' files hold.
_CHAINS = string.ascii_uppercase[:24] + string.ascii_lowercase + string.digits


def require(tool: str) -> None:
    """Say how to install a tool that is absent.

    Raises
    ------
    MissingExtraError
    """
    if importlib.util.find_spec(tool) is None:
        raise MissingExtraError(f"{tool} is not installed. Install it: pip install 'pocketvox[bench]'")


def tool_labels(tool: str, entry: Entry, grid: Grid) -> Volume:
    """Spheres around the interaction points that a tool finds for the ligands of an entry.

    Parameters
    ----------
    tool : str
        ``prolif`` or ``plip``.
    entry : Entry
    grid : Grid

    Returns
    -------
    Volume
        0 or 1, float32, of ``TOOL_CHANNELS``.

    Raises
    ------
    InputError
        If the tool fails.
    """
    coord, channel = tool_points(tool, entry.receptor, tuple(entry.folder / site.file for site in entry.sites))
    values = label_volume(coord, channel, np.empty((0, 3)), grid).values
    wanted = [CHANNELS.index(name) for name in TOOL_CHANNELS]
    return Volume(values[..., wanted].astype(np.float32), grid, TOOL_CHANNELS)


@lru_cache(maxsize=2)
def tool_points(tool: str, receptor: Path, ligands: tuple[Path, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Ligand-side points of what a tool detects between a receptor and each of its ligands.

    Parameters
    ----------
    tool : str
    receptor : Path
    ligands : tuple of Path
        SDF files.

    Returns
    -------
    coord : ndarray, shape=(k, 3), dtype=float64
        Donor, acceptor, hydrophobic or halogen atom; centroid of ring or charged group (angstrom).
    channel : ndarray, shape=(k,), dtype=int64
        Index into ``CHANNELS``.

    Raises
    ------
    InputError
        If the tool fails.
    """
    atoms = read_structure(receptor).atoms
    found = set()
    for path in ligands:
        ligand = ligand_from_file(path)[0].coord.astype(float)
        with tempfile.TemporaryDirectory() as scratch:
            cut = Path(scratch) / "cut_out.pdb"
            cut.write_text(cut_out(atoms, ligand, receptor))
            try:
                files = prepare(cut, path, Path(scratch))
            except ValueError as error:
                raise LigandError(str(error)) from error
            run = run_tool(tool, files, types=(*TYPES, *MORE_TYPES))
        if run.error:
            raise InputError(f"{path.stem}: {tool} failed: {run.error}")
        found |= {(CHANNELS.index(c.channel), *ligand[c.ligand_atoms].mean(axis=0)) for c in run.contacts}
    rows = np.array(sorted(found)).reshape(-1, 4)
    return rows[:, 1:], rows[:, 0].astype(np.int64)


def cut_out(atoms: Atoms, coord: np.ndarray, name: Path | str = "the receptor") -> str:
    """PDB text of the whole standard residues within ``CUT_OUT`` of a ligand.

    Chains get one letter each, residues are numbered from 1 and lose their insertion codes: names of large assemblies
    do not fit the format, and no tool needs them.

    Raises
    ------
    InputError
        If there is no such residue, or more chains than letters.
    """
    near = atoms[residues_near(atoms, coord, CUT_OUT)]
    near = near[near.heavy & np.isin(near.res_name, list(STANDARD_RESIDUES))]
    chains = list(dict.fromkeys(near.chain_id.tolist()))
    if not 0 < len(chains) <= len(_CHAINS):
        raise InputError(
            f"{name}: expected standard residues of 1 to {len(_CHAINS)} chains within {CUT_OUT:g} angstrom of the "
            f"ligand. Received: {len(chains)} chains. It cannot be given to this tool."
        )
    letter = dict(zip(chains, _CHAINS, strict=False))
    number = np.unique(near.residue, return_inverse=True)[1] + 1
    lines = []
    for i, (x, y, z) in enumerate(near.coord.tolist()):
        element, label = near.element[i].upper(), near.name[i]
        label = f"{label:<4}" if len(label) > 3 or len(element) > 1 else f" {label:<3}"
        lines.append(
            f"ATOM  {i + 1:5d} {label} {near.res_name[i]:>3} {letter[near.chain_id[i]]}{number[i]:4d}    "
            f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {element:>2}"
        )
    return "\n".join((*lines, "END", ""))
