"""A PyMOL script that draws a result: structure, interaction maps, hot-spots."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pocketvox.channels import LIGAND
from pocketvox.report.result import Result
from pocketvox.report.tables import ranked_hotspots
from pocketvox.structure.atoms import WATER, Atoms, Structure

#: Colour of each channel, as PyMOL names it.
COLOURS = {
    "hbond_donor": "marine",
    "hbond_acceptor": "red",
    "hydrophobic": "yelloworange",
    "pi_stacking": "forest",
    "pi_cation": "teal",
    "salt_bridge_cation": "blue",
    "salt_bridge_anion": "firebrick",
    "halogen_bond": "violetpurple",
    "metal": "slate",
    "water_bridge": "cyan",
    LIGAND: "white",
}
#: A channel is drawn at this fraction of its best hot-spot's joint value; ``ligand`` at LIGAND_LEVEL.
LEVEL = 0.5
LIGAND_LEVEL = 0.3
#: Hot-spots drawn as spheres, best first.
MOST = 100

_HEADER = """\
# Draws what pocketvox found. Open it in PyMOL: pymol {script}
python
import os
if os.path.isfile(str(globals().get("__script__", ""))):
    os.chdir(os.path.dirname(os.path.abspath(__script__)))
python end
set normalize_ccp4_maps, off
"""


def write_pymol(folder: str | Path, result: Result) -> Path:
    """Write ``view.pml`` and, if the result has one, the structure; the maps of :mod:`.ccp4` must be in ``maps/``.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    folder = Path(folder)
    lines = [_HEADER.format(script="view.pml")]
    if result.structure is not None:
        write_structure(folder / "structure.cif", result.structure)
        lines += _structure_lines(sanitise(result.name))
    lines += _map_lines(result) + _hotspot_lines(result)
    path = folder / "view.pml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def sanitise(name: str) -> str:
    """A name PyMOL takes for an object: letters, digits, ``_``, ``.`` and ``-``, not beginning with a sign.

    Examples
    --------
    >>> sanitise("my protein (1)")
    'my_protein__1_'
    """
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    return name if name[:1].isalnum() or name[:1] == "_" else f"_{name}"


def write_structure(path: str | Path, structure: Structure) -> None:
    """Write the atoms of a structure as mmCIF: waters left out, one model, one conformer."""
    text = structure_text(structure.name, structure.atoms[structure.atoms.kind != WATER])
    Path(path).write_text(text, encoding="utf-8", newline="")


def structure_text(name: str, atoms: Atoms) -> str:
    """Atoms as mmCIF, numbered from 1 in their order."""
    import gemmi

    model = gemmi.Model(1)
    residue, chain, last = None, None, -1
    coord = np.round(atoms.coord.astype(float), 3).tolist()  # as precise as input files
    for i in range(len(atoms)):
        if atoms.residue[i] != last:
            last = atoms.residue[i]
            if chain is None or chain.name != str(atoms.chain_id[i]):
                chain = model.add_chain(gemmi.Chain(str(atoms.chain_id[i])))
            residue = gemmi.Residue()
            residue.name = str(atoms.res_name[i])
            residue.seqid = gemmi.SeqId(int(atoms.res_id[i]), str(atoms.ins_code[i]) or " ")
            residue = chain.add_residue(residue)
        atom = gemmi.Atom()
        atom.name = str(atoms.name[i])
        atom.element = gemmi.Element(str(atoms.element[i]))
        atom.pos = gemmi.Position(*coord[i])
        atom.b_iso, atom.occ = float(atoms.b_factor[i]), float(atoms.occupancy[i])
        residue.add_atom(atom)
    document = gemmi.Structure()
    document.name = sanitise(name)
    document.add_model(model)
    document.setup_entities()
    document.assign_label_seq_id()
    document.assign_serial_numbers()
    return document.make_mmcif_document().as_string()


def _structure_lines(name: str) -> list[str]:
    return [
        f"load structure.cif, {name}",
        f"hide everything, {name}",
        f"show cartoon, {name}",
        f"show sticks, {name} and not polymer",
        f"color grey80, {name} and polymer",
        f"util.cnc {name}",
    ]


def _map_lines(result: Result) -> list[str]:
    best: dict[str, float] = {LIGAND: LIGAND_LEVEL / LEVEL}
    for pocket in result.pockets:
        for hotspot in pocket.hotspots:
            best[hotspot.type] = max(best.get(hotspot.type, 0.0), hotspot.score)
    lines, shown = [], []
    for channel in result.maps.channels:
        if channel not in best:
            continue
        lines += [
            f"load maps/{channel}.ccp4, {channel}_map",
            f"isomesh {channel}, {channel}_map, {LEVEL * best[channel]:.3f}",
            f"color {COLOURS.get(channel, 'grey')}, {channel}",
        ]
        shown += [f"{channel}", f"{channel}_map"]
    return [*lines, f"group interaction_maps, {' '.join(shown)}"]


def _hotspot_lines(result: Result) -> list[str]:
    lines, names = [], []
    for number, (pocket, hotspot) in enumerate(ranked_hotspots(result.pockets)[:MOST], 1):
        name = f"{pocket.name}_{hotspot.type}_{number}"
        x, y, z = hotspot.coord
        lines.append(
            f"pseudoatom {name}, pos=[{x:.3f}, {y:.3f}, {z:.3f}], b={hotspot.score:.3f}, "
            f"color={COLOURS.get(hotspot.type, 'grey')}, vdw=0.6"
        )
        names.append(name)
    if names:
        lines += [f"group hotspots, {' '.join(names)}", "hide everything, hotspots", "show spheres, hotspots"]
    if result.pockets:
        x, y, z = result.pockets[0].center
        lines += [f"pseudoatom best_pocket, pos=[{x:.3f}, {y:.3f}, {z:.3f}]", "hide everything, best_pocket"]
        lines += ["zoom best_pocket, 14"]
    return lines
