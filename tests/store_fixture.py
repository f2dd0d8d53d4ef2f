"""A tiny synthetic data store: random feature points, a ligand in a cavity, interaction points on the ligand."""

from __future__ import annotations

import numpy as np

from pocketvox.data.store import StoreItem, create_store, write_item

FEATURES = ("hydrophobic", "donor", "acceptor")


def make_item(
    id: str, *, split: str = "train", clusters=("c0",), ligands: int = 1, seed: int = 0, b_factor: bool = False
) -> StoreItem:
    """A structure whose interaction points depend on the nearest feature points, so that they can be learnt.

    Of its points the hydrophobic ones are atoms. ``b_factor`` gives it a B column, on a scale of its own.
    """
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-3, 3, (ligands, 3)) + np.arange(ligands)[:, None] * [12.0, 0, 0]
    ligand = np.concatenate([c + rng.normal(0, 1.5, (8, 3)) for c in centres])
    coord = rng.uniform(-14, 14 + 12 * ligands, (300 + 200 * ligands, 3))
    coord = coord[np.linalg.norm(coord[:, None] - ligand, axis=-1).min(axis=1) > 3.0]
    kind = rng.integers(0, 3, len(coord))
    nearest = np.linalg.norm(coord[:, None] - ligand, axis=-1).argmin(axis=0)
    group = np.repeat(np.arange(ligands), 8)
    return StoreItem(
        id=id,
        split=split,
        clusters=tuple(clusters),
        source="synthetic",
        coord=coord.astype(np.float32),
        features=np.eye(3, dtype=np.uint8)[kind],
        radius=np.full(len(coord), 1.7, np.float32),
        ligand_coord=ligand.astype(np.float32),
        ligand_group=group.astype(np.int32),
        ligand_names=tuple(f"A:LIG {g}" for g in range(ligands)),
        point_coord=ligand.astype(np.float32),
        point_channel=np.array([2, 1, 0], np.uint8)[kind[nearest]],
        point_group=group.astype(np.int32),
        ignored_coord=np.array([[8.0, 0.0, 0.0]], np.float32),
        surface_coord=np.array([[9.0, 9.0, 9.0], [-9.0, 9.0, 9.0]], np.float32),
        b_factor=rng.gamma(4.0, 5.0 + seed, len(coord)).astype(np.float32) if b_factor else None,
    )


def make_store(path, train: int = 4, val: int = 2, **options):
    """A store of single-ligand structures, one cluster each."""
    with create_store(path, FEATURES, {"label_radius": 1.25}) as h5:
        for i in range(train + val):
            split = "train" if i < train else "val"
            write_item(h5, make_item(f"s{i}", split=split, clusters=(f"c{i}",), seed=i, **options))
    return path


def tiny_training(path, **changes) -> dict:
    """Settings of a training run on such a store that takes seconds."""
    settings = {
        "store": str(path),
        "network": {"filters": [4, 8], "blocks": [1, 1]},
        "sampling": {"crop_size": 8, "spacing": 1.5},
        "batch_size": 2,
        "steps_per_epoch": 12,
        "epochs": 2,
        "val_crops": 4,
        "warmup_steps": 3,
        "learning_rate": 0.01,
        "ema_decay": 0.9,
        "precision": "float32",
    }
    return settings | changes
