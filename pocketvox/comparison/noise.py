"""How much maps differ where nothing does: between crystal structures of one protein in one state."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NoiseFloor:
    """What a change has to exceed, by channel.

    Attributes
    ----------
    hotspot : dict of str to float
        Change of a hot-spot's score that 95 % of the hot-spots stay below between repeated structures.
    map : dict of str to float
        Change of the joint value that 99 % of the voxels in pockets stay below.
    kept : float
        Share of the hot-spots that are kept between repeated structures.
    """

    hotspot: dict[str, float]
    map: dict[str, float]
    kept: float


#: By preset; benchmarks/comparison.json has the distributions, docs/comparison.md the protocol.
NOISE: dict[str, NoiseFloor] = {}


def noise_floor(preset: str) -> NoiseFloor | None:
    """That of a preset; None if it was not measured."""
    return NOISE.get(preset)
