"""Hot-spots as atoms, for programs that know nothing of hot-spots: a PDB file and an SDF file."""

from __future__ import annotations

from pathlib import Path

from pocketvox.channels import TYPED
from pocketvox.pockets import Hotspot, Pocket
from pocketvox.report.result import Result
from pocketvox.report.structures import sanitise
from pocketvox.report.tables import HOTSPOT_COLUMNS, hotspot_row, ranked_hotspots

#: Residue name and element that stand for each channel. The names are of no residue, water or ion that programs treat
#: in a way of their own; the element is one that a ligand often has there: viewers choose colour and radius by it.
ATOMS = {
    "hbond_donor": ("DON", "N"),
    "hbond_acceptor": ("ACP", "O"),
    "hydrophobic": ("HPH", "C"),
    "pi_stacking": ("PIS", "C"),
    "pi_cation": ("PIC", "N"),
    "salt_bridge_cation": ("CTN", "N"),
    "salt_bridge_anion": ("ANN", "O"),
    "halogen_bond": ("HLB", "CL"),
    "metal": ("MTL", "O"),
    "water_bridge": ("WBR", "O"),
}
PDB, SDF = "hotspots.pdb", "hotspots.sdf"


def write_points(folder: Path, result: Result) -> None:
    """Write ``hotspots.pdb`` and ``hotspots.sdf``.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    ranked = ranked_hotspots(result.pockets)
    (folder / PDB).write_text(pdb_text(ranked), encoding="utf-8", newline="")
    (folder / SDF).write_text(sdf_text(ranked), encoding="utf-8", newline="")


def pdb_text(ranked: list[tuple[Pocket, Hotspot]]) -> str:
    """Hot-spots as HETATM records.

    Residue name: type; residue number: rank of the pocket; serial number: row of hotspots.csv; occupancy: conditional
    probability; B column: 100 times the score. Records are in the order of pockets and types, so that residues are in
    one piece.

    Parameters
    ----------
    ranked : list of (Pocket, Hotspot)
        In the order of hotspots.csv.
    """
    order = sorted(range(len(ranked)), key=lambda k: (ranked[k][0].rank, TYPED.index(ranked[k][1].type), k))
    lines = [
        "REMARK   1 HOT-SPOTS OF POCKETVOX. RESIDUE NUMBER: RANK OF THE POCKET. SERIAL NUMBER:",
        "REMARK   1 ROW OF HOTSPOTS.CSV. OCCUPANCY: PROBABILITY. B COLUMN: 100 X SCORE.",
        *(f"REMARK   1 {name}: {channel.upper()}" for channel, (name, _) in ATOMS.items()),
    ]
    count: dict[tuple[int, str], int] = {}
    for k in order:
        pocket, hotspot = ranked[k]
        count[key] = count.get(key := (pocket.rank, hotspot.type), 0) + 1
        lines.append(_record(k + 1, pocket.rank, hotspot, count[key]))
    return "\n".join([*lines, "END"]) + "\n"


def sdf_text(ranked: list[tuple[Pocket, Hotspot]]) -> str:
    """One record per hot-spot, best first: an atom without bonds, and the columns of hotspots.csv as properties."""
    return "".join(
        _molecule(f"{sanitise(pocket.name)}_{hotspot.type}_{number}", pocket, hotspot)
        for number, (pocket, hotspot) in enumerate(ranked, 1)
    )


def _record(serial: int, rank: int, hotspot: Hotspot, number: int) -> str:
    name, element = ATOMS[hotspot.type]
    label = f"{element}{number}"
    label = label if len(element) == 2 or len(label) > 3 else f" {label}"
    x, y, z = (_column(v, 8) for v in hotspot.coord)
    return (
        f"HETATM{serial % 100_000:5d} {label:<4.4} {name} X{rank % 10_000:4d}    {x}{y}{z}"
        f"{hotspot.probability:6.2f}{100 * hotspot.score:6.2f}          {element:>2}"
    )


def _molecule(title: str, pocket: Pocket, hotspot: Hotspot) -> str:
    """A V2000 molblock (CTfile formats, BIOVIA) and data items."""
    element = ATOMS[hotspot.type][1].capitalize()
    x, y, z = (_column(v, 10) for v in hotspot.coord)
    lines = [
        title,
        "  pocketvox         3D",
        "",
        "  1  0  0  0  0  0  0  0  0  0999 V2000",
        f"{x}{y}{z} {element:<3} 0  0  0  0  0  0  0  0  0  0  0  0",
        "M  END",
    ]
    for column, value in zip(HOTSPOT_COLUMNS, hotspot_row(pocket, hotspot), strict=True):
        lines += [f">  <{column}>", _data(str(value)), ""]
    return "\n".join([*lines, "$$$$"]) + "\n"


def _data(value: str) -> str:
    """One line that no reader takes for the end of the item or of the record."""
    value = " ".join(value.split())
    return f" {value}" if value.startswith((">", "$$$$")) else value


def _column(value: float, width: int) -> str:
    """A coordinate (angstrom) with as many decimals as a PDB (3) or SDF (4) column has room for."""
    decimals = 3 if width == 8 else 4
    while decimals and len(f"{value:.{decimals}f}") > width:
        decimals -= 1
    return f"{value + 0.0:{width}.{decimals}f}"
