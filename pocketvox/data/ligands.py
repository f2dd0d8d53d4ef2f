"""Structures as a network sees them that sees the ligand as well: one ligand each, its points beside the receptor's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from pocketvox.config import NetworkConfig
from pocketvox.data.store import Store, StoreItem
from pocketvox.errors import InputError
from pocketvox.features import FeaturePoints, together

#: Receptor points farther than this from the ligand are left out (angstrom): crops of 24 A, displaced by 4 A, end
#: before.
NEIGHBOURHOOD = 30.0


def seen_items(store: Store, split: str, network: NetworkConfig) -> list[StoreItem]:
    """Structures of a split as a network sees them."""
    items = store.load(split)
    return with_ligands(items) if network.fusion else items


def with_ligands(items: Iterable[StoreItem]) -> list[StoreItem]:
    """An item for every ligand of every structure.

    Parameters
    ----------
    items : iterable of StoreItem
        With feature points of ligands and descriptors.

    Returns
    -------
    list of StoreItem
        Each with one ligand and its interaction points. Columns of ``features`` are the receptor's, then the ligand's;
        points of the one have 0 in columns of the other.

    Raises
    ------
    InputError
        If a structure lacks feature points of its ligands.
    """
    return [one for item in items for one in _each(item)]


def _each(item: StoreItem) -> Iterator[StoreItem]:
    if item.ligand_site_coord is None or item.descriptors is None:
        raise InputError(
            f"Expected feature points and descriptors of the ligands of {item.id}. Received: none. Build "
            "the store with this version of data_prep/build.py."
        )
    for group, name in enumerate(item.ligand_names):
        own, typed = item.ligand_group == group, item.point_group == group
        sites = item.ligand_site_group == group
        ligand = FeaturePoints(
            item.ligand_site_coord[sites], item.ligand_site_features[sites], item.ligand_site_radius[sites]
        )
        near = cKDTree(item.ligand_coord[own]).query(item.coord)[0] <= NEIGHBOURHOOD
        both = together(FeaturePoints(item.coord[near], item.features[near], item.radius[near]), ligand)
        yield replace(
            item,
            id=f"{item.id}_{group}",
            coord=both.coord,
            features=both.features,
            radius=both.radius,
            ligand_coord=item.ligand_coord[own],
            ligand_group=np.zeros(own.sum(), np.int32),
            ligand_names=(name,),
            point_coord=item.point_coord[typed],
            point_channel=item.point_channel[typed],
            point_group=np.zeros(typed.sum(), np.int32),
            b_factor=None,
            ligand_site_coord=None,
            ligand_site_features=None,
            ligand_site_radius=None,
            ligand_site_group=None,
            descriptors=item.descriptors[group : group + 1],
        )
