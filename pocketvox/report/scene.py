"""What every viewer is told to draw: maps with their levels, hot-spots with their directions, where to look."""

from __future__ import annotations

from dataclasses import dataclass

from pocketvox.channels import LIGAND
from pocketvox.report.colours import channel_colour
from pocketvox.report.result import Result
from pocketvox.report.structures import sanitise
from pocketvox.report.tables import ranked_hotspots

#: A channel is drawn at this fraction of its best hot-spot's joint value; ``ligand`` at LIGAND_LEVEL.
LEVEL = 0.5
LIGAND_LEVEL = 0.3
#: Hot-spots drawn as spheres, best first, of this radius; their directions are lines of this length (angstrom).
MOST = 100
RADIUS = 0.6
LENGTH = 1.8
#: Space about the best pocket that is in view (angstrom).
AROUND = 14.0


@dataclass(frozen=True)
class Surface:
    """A map to draw.

    Attributes
    ----------
    channel : str
    level : float
        Joint value of the surface.
    colour : str
        ``#rrggbb``.
    """

    channel: str
    level: float
    colour: str


@dataclass(frozen=True)
class Spot:
    """A hot-spot to draw.

    Attributes
    ----------
    name : str
        ``pocket1_hbond_donor_3``, the number being its row in hotspots.csv: letters, digits, ``_``, ``.`` and ``-``.
    pocket : int
        Rank of its pocket.
    type : str
        Channel.
    colour : str
        ``#rrggbb``.
    coord : tuple of 3 floats
        Position (angstrom).
    tip : tuple of 3 floats, or None
        Where its direction ends (angstrom).
    score : float
        Joint value.
    """

    name: str
    pocket: int
    type: str
    colour: str
    coord: tuple[float, float, float]
    tip: tuple[float, float, float] | None
    score: float


@dataclass(frozen=True)
class Scene:
    """A result as viewers draw it.

    Attributes
    ----------
    name : str
        Of the structure: letters, digits, ``_``, ``.`` and ``-``.
    structure : bool
        Whether there is a structure to draw.
    predicted : bool
        Whether it is coloured by confidence (pLDDT).
    surfaces : tuple of Surface
        Of the channels that have a hot-spot, and ``ligand``, in storage order.
    spots : tuple of Spot
        Best first.
    center : tuple of 3 floats, or None
        Of the best pocket (angstrom).
    """

    name: str
    structure: bool
    predicted: bool
    surfaces: tuple[Surface, ...]
    spots: tuple[Spot, ...]
    center: tuple[float, float, float] | None


def scene(result: Result) -> Scene:
    """What viewers draw of a result; names hold nothing that a script could take for a command."""
    return Scene(
        name=sanitise(result.name),
        structure=result.structure is not None,
        predicted=result.predicted,
        surfaces=_surfaces(result),
        spots=tuple(
            _spot(number, pocket, hotspot)
            for number, (pocket, hotspot) in enumerate(ranked_hotspots(result.pockets)[:MOST], 1)
        ),
        center=_rounded(result.pockets[0].center) if result.pockets else None,
    )


def _surfaces(result: Result) -> tuple[Surface, ...]:
    level = {LIGAND: LIGAND_LEVEL}
    for pocket in result.pockets:
        for hotspot in pocket.hotspots:
            level[hotspot.type] = max(level.get(hotspot.type, 0.0), LEVEL * float(hotspot.score))
    return tuple(
        Surface(channel, round(level[channel], 4), channel_colour(channel))
        for channel in result.maps.channels
        if channel in level
    )


def _spot(number: int, pocket, hotspot) -> Spot:
    pointed = any(hotspot.direction)
    tip = [c + LENGTH * d for c, d in zip(hotspot.coord, hotspot.direction, strict=True)]
    return Spot(
        name=sanitise(f"{pocket.name}_{hotspot.type}_{number}"),
        pocket=int(pocket.rank),
        type=hotspot.type,
        colour=channel_colour(hotspot.type),
        coord=_rounded(hotspot.coord),
        tip=_rounded(tip) if pointed else None,
        score=round(float(hotspot.score), 4),
    )


def _rounded(values) -> tuple[float, float, float]:
    x, y, z = (round(float(v), 3) + 0.0 for v in values)
    return x, y, z
