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


#: By preset; benchmarks/comparison_noise.json has the distributions, docs/comparison.md the protocol.
NOISE: dict[str, NoiseFloor] = {
    "pocketvox-3": NoiseFloor(
        hotspot={
            "hbond_donor": 0.209,
            "hbond_acceptor": 0.398,
            "hydrophobic": 0.239,
            "pi_stacking": 0.218,
            "pi_cation": 0.284,
            "salt_bridge_cation": 0.284,
            "salt_bridge_anion": 0.559,
            "halogen_bond": 0.284,
            "metal": 0.284,
            "water_bridge": 0.073,
        },
        map={
            "hbond_donor": 0.05,
            "hbond_acceptor": 0.192,
            "hydrophobic": 0.099,
            "pi_stacking": 0.058,
            "pi_cation": 0.05,
            "salt_bridge_cation": 0.05,
            "salt_bridge_anion": 0.06,
            "halogen_bond": 0.05,
            "metal": 0.05,
            "water_bridge": 0.05,
            "ligand": 0.48,
        },
        kept=0.736,
    ),
}


def noise_floor(preset: str) -> NoiseFloor | None:
    """That of a preset; None if it was not measured."""
    return NOISE.get(preset)
