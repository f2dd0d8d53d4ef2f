"""Colours and names of the channels, the same in every picture."""

from __future__ import annotations

from pocketvox.channels import LIGAND
from pocketvox.structure.predicted import CERTAIN, CONFIDENT, LOW

#: Polymers that are coloured by nothing else, and channels without a colour of their own.
NEUTRAL, UNKNOWN = "#cccccc", "#666666"

#: Colours of residues of predicted models, from this pLDDT on, as the AlphaFold database draws them.
CONFIDENCE = {0.0: "#ff7d45", LOW: "#ffdb13", CONFIDENT: "#65cbf3", CERTAIN: "#0053d6"}

#: The core types and the charges have colours like those of Okabe and Ito (https://jfly.uni-koeln.de/color/), which
#: people with any colour vision tell apart; there are not eleven such colours, so types are always named as well.
COLOURS = {
    "hbond_donor": "#0072b2",
    "hbond_acceptor": "#d55e00",
    "hydrophobic": "#e6b800",
    "pi_stacking": "#009e73",
    "pi_cation": "#00695c",
    "salt_bridge_cation": "#56b4e9",
    "salt_bridge_anion": "#cc79a7",
    "halogen_bond": "#8e44ad",
    "metal": "#5d6d7e",
    "water_bridge": "#17becf",
    LIGAND: "#9aa0a6",
}

#: What a ligand atom at a point of this channel does there.
NAMES = {
    "hbond_donor": "H-bond donor",
    "hbond_acceptor": "H-bond acceptor",
    "hydrophobic": "hydrophobic contact",
    "pi_stacking": "\u03c0-stacking",
    "pi_cation": "\u03c0-cation",
    "salt_bridge_cation": "salt bridge, cation",
    "salt_bridge_anion": "salt bridge, anion",
    "halogen_bond": "halogen bond",
    "metal": "metal binding",
    "water_bridge": "water bridge",
    LIGAND: "any ligand atom",
}


def channel_colour(channel: str) -> str:
    """``#rrggbb`` of a channel."""
    return COLOURS.get(channel, UNKNOWN)
