"""Predictions worth explaining: correct hot-spots of structures whose ligands are known.

A hot-spot is correct if an interaction of its type that a ligand makes is within ``MATCH`` of it; the residues that
make the nearest one are its true partners.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from data_prep.direction_truth import MATCH
from data_prep.directions import MARGIN, complexes
from data_prep.sources import Source
from pocketvox.channels import TYPED
from pocketvox.descriptors import experiment
from pocketvox.explain import Target, hotspot_target
from pocketvox.features import FeaturePoints, receptor_points
from pocketvox.inference import Predictor
from pocketvox.interactions import find_interactions
from pocketvox.pockets import Hotspot, Pocket, find_pockets, preset_settings
from pocketvox.report.tables import ranked_hotspots
from pocketvox.structure.atoms import Atoms, Complex
from pocketvox.voxel import Grid


@dataclass(frozen=True)
class Case:
    """A correct hot-spot.

    Attributes
    ----------
    receptor : Atoms
    points : FeaturePoints
    target : Target
    lining, partners : ndarray, dtype=int
        Residues (as in ``Atoms.residue``) that line the pocket, and those that make the true interaction.
    """

    receptor: Atoms
    points: FeaturePoints
    target: Target
    lining: np.ndarray
    partners: np.ndarray


def cases(entries: list[Source], predictor: Predictor, count: int) -> list[Case]:
    """A correct hot-spot, drawn at random, of each of so many structures, drawn from as many families as there are."""
    rng, found = np.random.default_rng(0), []
    for _, complex_ in complexes(mixed(entries, rng)):
        points = receptor_points(complex_.receptor, experiment(complex_.structure))
        ligands = np.concatenate([ligand.coord for ligand in complex_.ligands])
        grid = Grid.around(ligands, MARGIN, predictor.preset.spacing)
        correct = correct_hotspots(complex_, predictor, points, grid)
        if correct:
            pocket, hotspot, partners = correct[rng.integers(len(correct))]
            target = hotspot_target(predictor.preset, grid, hotspot)
            lining = np.unique(complex_.receptor.residue[pocket.surface_atoms])
            found.append(Case(complex_.receptor, points, target, lining, partners))
        if len(found) == count:
            break
    return found


def mixed(entries: list[Source], rng: np.random.Generator) -> list[Source]:
    """The entries in random order, the first of every family before the second of any."""
    shuffled = [entries[k] for k in rng.permutation(len(entries))]
    seen: Counter = Counter()
    turn = []
    for entry in shuffled:
        turn.append(seen[entry.clusters])
        seen[entry.clusters] += 1
    return [shuffled[k] for k in np.argsort(turn, kind="stable")]


def correct_hotspots(
    complex_: Complex, predictor: Predictor, points: FeaturePoints, grid: Grid
) -> list[tuple[Pocket, Hotspot, np.ndarray]]:
    """Hot-spots near an interaction point of their type, with the residues that make the nearest such interaction."""
    truth = find_interactions(complex_)
    pockets = find_pockets(predictor(points, grid), complex_.receptor, *preset_settings(predictor.preset.config))
    found = []
    for pocket, hotspot in ranked_hotspots(pockets):
        distance = np.linalg.norm(truth.point - np.array(hotspot.coord), axis=1)
        distance[truth.channel != TYPED.index(hotspot.type)] = np.inf
        if distance.min(initial=np.inf) <= MATCH:
            rows = np.flatnonzero(distance <= distance.min() + 1e-3)
            atoms = np.concatenate([truth.receptor_atoms[k] for k in rows])
            found.append((pocket, hotspot, np.unique(complex_.receptor.residue[atoms])))
    return found
