"""Structures of a data store with the flexibility of their atoms, for networks that see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pocketvox.config import TrainConfig
from pocketvox.data.store import StoreItem
from pocketvox.normalize import Normalizer, are_atoms, flexibility

#: Where a run folder keeps its :class:`~pocketvox.normalize.Normalizer`.
NORMALIZER = "normalizer.json"


def fit_normalizer(method: str, items: Sequence[StoreItem], features: tuple[str, ...]) -> Normalizer:
    """A normalizer fitted to the atoms of structures; ``features`` names their columns.

    Raises
    ------
    InputError
        As :meth:`pocketvox.normalize.Normalizer.fit`.
    """
    known = (item for item in items if item.b_factor is not None)
    columns = ((item.b_factor[are_atoms(item.features, features)], item.experiment) for item in known)
    return Normalizer.fit(method, columns)


def run_normalizer(run: Path, config: TrainConfig) -> Normalizer | None:
    """That of a run folder; None if its network does not see flexibility.

    Raises
    ------
    ConfigError
        If it should be there and is not.
    """
    return Normalizer.from_file(run / NORMALIZER) if config.normalizer else None


def flexible(
    items: Sequence[StoreItem], normalizer: Normalizer | None, features: tuple[str, ...]
) -> Sequence[StoreItem]:
    """Structures with the flexibility of their points; without a normalizer as they are."""
    if normalizer is None:
        return items
    return [
        replace(item, flexibility=flexibility(normalizer, item.features, features, item.b_factor, item.experiment))
        for item in items
    ]


def seen_features(item: StoreItem, near: np.ndarray) -> np.ndarray:
    """Features of the points ``near``, uint8; with their flexibility as last column, float32, if the item has it."""
    if item.flexibility is None:
        return item.features[near]
    return np.column_stack([item.features[near].astype(np.float32), item.flexibility[near]])
