"""How sure a predicted model is of what lines a pocket and of what a hot-spot interacts with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pocketvox.pockets.detect import Pocket
from pocketvox.structure.atoms import Atoms, Structure
from pocketvox.structure.predicted import CONFIDENT, residue_confidence


def add_confidence(pockets: tuple[Pocket, ...], structure: Structure, receptor: Atoms) -> tuple[Pocket, ...]:
    """Pockets and hot-spots of a predicted model with their ``plddt``; those of other structures as they are.

    Parameters
    ----------
    pockets : tuple of Pocket
    structure : Structure
        Tells whether the model is predicted.
    receptor : Atoms
        That the pockets were found in.
    """
    if not structure.predicted or not pockets:
        return pockets
    from scipy.spatial import cKDTree

    heavy = np.flatnonzero(receptor.heavy)
    confidence = residue_confidence(receptor)
    by_label = {receptor.label(i): confidence[i] for i in heavy}
    tree = cKDTree(receptor.coord[heavy])

    def of_hotspot(hotspot) -> float:
        if hotspot.partners:
            return float(min(by_label[label] for label in hotspot.partners))
        return float(confidence[heavy[tree.query(hotspot.coord)[1]]])

    return tuple(
        replace(
            pocket,
            plddt=_mean_of_residues(receptor, confidence, pocket.surface_atoms),
            hotspots=tuple(replace(hotspot, plddt=of_hotspot(hotspot)) for hotspot in pocket.hotspots),
        )
        for pocket in pockets
    )


def uncertain(pockets: tuple[Pocket, ...]) -> tuple[str, ...]:
    """A warning if pockets are lined by residues of low confidence on average; none otherwise."""
    low = [f"{p.name} ({p.plddt:.0f})" for p in pockets if p.plddt is not None and p.plddt < CONFIDENT]
    if not low:
        return ()
    return (
        f"{', '.join(low)}: the residues that line it have a mean pLDDT below {CONFIDENT:.0f}: their side chains, and "
        f"perhaps their backbone, are elsewhere. --min-plddt {CONFIDENT:.0f} leaves such residues out.",
    )


def _mean_of_residues(receptor: Atoms, confidence: np.ndarray, atoms: np.ndarray) -> float:
    _, first = np.unique(receptor.residue[atoms], return_index=True)
    return float(confidence[atoms[first]].mean())
