"""How well a network does on a fixed set of validation crops."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
from scipy.special import expit

from pocketvox.channels import CORE
from pocketvox.config import TrainConfig
from pocketvox.data.batches import UNKNOWN, VALIDATION_SEED, Sampler, fixed_crops, validation_sampling
from pocketvox.data.flexibility import flexible
from pocketvox.data.ligands import seen_items
from pocketvox.data.store import Store
from pocketvox.metrics import ScoreHistogram
from pocketvox.normalize import Normalizer


def validation_sampler(store: Store, config: TrainConfig, normalizer: Normalizer | None = None) -> Sampler:
    """Of validation structures, drawing the same crops in every run of one task, crop size and spacing."""
    items = flexible(seen_items(store, "val", config.network), normalizer, store.features)
    return Sampler(items, validation_sampling(config), config.network, seed=VALIDATION_SEED)


class Validation:
    """A fixed set of crops with the metrics computed on it.

    Parameters
    ----------
    sampler : Sampler
        Over validation structures.
    crops : int
        How many.
    batch_size : int
    """

    def __init__(self, sampler: Sampler, crops: int, batch_size: int):
        self.sampler, self.batch_size = sampler, batch_size
        self.crops = fixed_crops(sampler, crops)

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Inputs and targets of the crops, in order, as from :meth:`Sampler.batch`."""
        for start in range(0, len(self.crops), self.batch_size):
            chosen = self.crops[start : start + self.batch_size]
            pairs = [self.sampler.crop(self.sampler.items[i], centre, rotation) for i, centre, rotation in chosen]
            yield np.stack([p[0] for p in pairs]), np.stack([p[1] for p in pairs])

    def evaluate(self, model: keras.Model) -> dict[str, float]:
        """Metrics over all crops together.

        Returns
        -------
        dict
            ``val_loss``, ``val_score`` (mean best Jaccard of the core channels), and per channel ``ap_<channel>`` and
            ``jaccard_<channel>``, over known voxels (typed channels: inside the ligand envelope); None if undefined.
        """
        channels = self.sampler.channels
        curves = {name: ScoreHistogram() for name in channels}
        losses = []
        for x, y in self.batches():
            logits = keras.ops.convert_to_numpy(model.predict_on_batch(x))
            losses.append(float(model.loss(y.astype("float32"), logits)) * len(x))
            for k, name in enumerate(channels):
                known = y[..., k] != UNKNOWN
                curves[name].add(y[..., k][known], expit(logits[..., k][known].astype(float)))
        metrics = {"val_loss": sum(losses) / len(self.crops)}
        best = {name: curve.best_jaccard()[0] for name, curve in curves.items()}
        metrics["val_score"] = float(np.nan_to_num([best[name] for name in CORE if name in best] or [0.0]).mean())
        for name, curve in curves.items():
            metrics[f"ap_{name}"] = _known(curve.average_precision())
            metrics[f"jaccard_{name}"] = _known(best[name])
        return metrics


def _known(value: float) -> float | None:
    """None (JSON null) for a score that is undefined: no positive voxel of that channel."""
    return None if np.isnan(value) else value
