"""The numbers that define each interaction, with their sources. The geometry itself is in :mod:`.detect`.

Distances in angstrom, angles in degrees, ranges inclusive. Roles are the **ligand's**.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class HydrogenBond:
    """Donor D, acceptor A; hydrogens explicit (D-H...A) or implied by the donor's heavy neighbours X.

    ``distance`` (D...A), ``angle`` (D-H...A) and ``deviation``, the tolerance of the implied angle X-D...A about 120
    (sp2) or 109.5 (sp3), are those of ProLIF 2.2 (HBDonor, ImplicitHBDonor), after Baker & Hubbard,
    doi:10.1016/0079-6107(84)90007-5. ``plane`` is how far A may rise over the plane of an sp2 donor; ProLIF takes 30
    but excuses ring nitrogens from it, 35 for all agrees best with both ProLIF and PLIP.
    """

    distance: float = 3.5
    angle: tuple[float, float] = (130.0, 180.0)
    deviation: float = 25.0
    plane: float = 35.0


@dataclass(frozen=True)
class Hydrophobic:
    """Two hydrophobic atoms within ``distance``, or two apolar atoms (methyls included) within ``contact``.

    ``distance`` and the choice of hydrophobic atoms are ProLIF 2.2's (Hydrophobic); ``contact`` is two carbon radii
    (Bondi, doi:10.1021/j100785a001) plus 0.1, so that a methyl counts when it touches.
    """

    distance: float = 4.5
    contact: float = 3.5


@dataclass(frozen=True)
class PiStacking:
    """Two aromatic rings, face to face or edge to face; all numbers ProLIF 2.2 (FaceToFace, EdgeToFace).

    ``normal`` is the angle between one ring's normal and the line of centroids; ``intersection`` how near the line
    in which the ring planes cross must pass to a centroid.
    """

    face_distance: float = 5.5
    face_plane: tuple[float, float] = (0.0, 35.0)
    face_normal: tuple[float, float] = (0.0, 33.0)
    edge_distance: float = 6.5
    edge_plane: tuple[float, float] = (50.0, 90.0)
    edge_normal: tuple[float, float] = (0.0, 30.0)
    intersection: float = 1.5


@dataclass(frozen=True)
class PiCation:
    """A ring of one side over a positive charge of the other; ProLIF 2.2 (CationPi)."""

    distance: float = 4.5
    normal: tuple[float, float] = (0.0, 30.0)


@dataclass(frozen=True)
class SaltBridge:
    """Opposite charges, nearest pair of charged atoms; ProLIF 2.2 (Cationic), cf. Barlow & Thornton 1983: 4 A."""

    distance: float = 4.5


@dataclass(frozen=True)
class HalogenBond:
    """C-X...A and X...A-R; ProLIF 2.2 (XBDonor), after Auffinger et al., doi:10.1073/pnas.0407607101."""

    distance: float = 3.5
    donor_angle: tuple[float, float] = (130.0, 180.0)
    acceptor_angle: tuple[float, float] = (80.0, 140.0)


@dataclass(frozen=True)
class Metal:
    """A ligand atom that coordinates a metal ion; ProLIF 2.2 (MetalAcceptor)."""

    distance: float = 2.8


@dataclass(frozen=True)
class WaterBridge:
    """Ligand - water - receptor, both hydrogen bonds; ``angle`` at the water as in PLIP 3.0 (omega)."""

    distance: float = 3.5
    angle: tuple[float, float] = (71.0, 140.0)


@dataclass(frozen=True)
class Definitions:
    """All cut-offs; stored with every dataset and result made with them."""

    hbond: HydrogenBond = HydrogenBond()
    hydrophobic: Hydrophobic = Hydrophobic()
    pi_stacking: PiStacking = PiStacking()
    pi_cation: PiCation = PiCation()
    salt_bridge: SaltBridge = SaltBridge()
    halogen_bond: HalogenBond = HalogenBond()
    metal: Metal = Metal()
    water_bridge: WaterBridge = WaterBridge()

    def to_dict(self) -> dict:
        """Nested dictionary of plain numbers, for JSON."""
        return asdict(self)


DEFINITIONS = Definitions()

#: Longest distance from an interaction point to the receptor partner (angstrom), by channel.
REACH = {
    "hbond_donor": DEFINITIONS.hbond.distance,
    "hbond_acceptor": DEFINITIONS.hbond.distance,
    "hydrophobic": DEFINITIONS.hydrophobic.distance,
    "pi_stacking": DEFINITIONS.pi_stacking.edge_distance,
    "pi_cation": DEFINITIONS.pi_cation.distance,
    "salt_bridge_cation": DEFINITIONS.salt_bridge.distance,
    "salt_bridge_anion": DEFINITIONS.salt_bridge.distance,
    "halogen_bond": DEFINITIONS.halogen_bond.distance,
    "metal": DEFINITIONS.metal.distance,
    "water_bridge": 2 * DEFINITIONS.water_bridge.distance,
}

#: Receptor atom types (:data:`pocketvox.features.ATOM_TYPES`) that can be the partner, by channel.
PARTNER_TYPES = {
    "hbond_donor": ("hbond_acceptor",),
    "hbond_acceptor": ("hbond_donor",),
    "hydrophobic": ("apolar",),
    "pi_stacking": ("aromatic",),
    "pi_cation": ("aromatic", "positive"),
    "salt_bridge_cation": ("negative",),
    "salt_bridge_anion": ("positive",),
    "halogen_bond": ("hbond_acceptor",),
    "metal": ("metal",),
    "water_bridge": ("hbond_donor", "hbond_acceptor"),
}
