"""The output channels: what every label, prediction and score is indexed by.

Channels are named by the **ligand's** role: ``hbond_donor`` means that a ligand atom here donates a
hydrogen bond to the receptor.
"""

#: The four channels every preset predicts and every benchmark scores.
CORE = ("hbond_donor", "hbond_acceptor", "hydrophobic", "pi_stacking")

#: Further interaction types.
EXTENDED = (
    "pi_cation",
    "salt_bridge_cation",
    "salt_bridge_anion",
    "halogen_bond",
    "metal",
    "water_bridge",
)

#: Interaction types. Their values are conditional: P(interaction | a ligand heavy atom is here).
TYPED = CORE + EXTENDED

#: Ligandability: P(a ligand heavy atom is here).
LIGAND = "ligand"

#: Every channel, in storage order: axis 3 of every label grid and probability map.
CHANNELS = (*TYPED, LIGAND)

#: The classes of the headline score; a voxel belongs to a class if any of its channels is on.
HEADLINE = {
    "hbond": ("hbond_donor", "hbond_acceptor"),
    "hydrophobic": ("hydrophobic",),
    "pi_stacking": ("pi_stacking",),
}

#: A voxel is labelled 1 if its centre is within this distance of an interaction point (angstrom).
LABEL_RADIUS = 1.25

#: Typed channels are known, and scored, within this distance of a ligand heavy atom (angstrom).
ENVELOPE_RADIUS = 1.5
