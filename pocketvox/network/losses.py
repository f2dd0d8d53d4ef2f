"""Loss over the voxels about which something is known."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from pocketvox.channels import LIGAND
from pocketvox.config import LossConfig
from pocketvox.network.physics import FORBIDDEN

#: What a voxel about which labels tell nothing counts where teachers do: as many of these as of known ones, roughly,
#: are near a receptor's surface.
UNKNOWN_WEIGHT = 0.05


class MaskedLoss(keras.losses.Loss):
    """Cross-entropy, averaged over known voxels per channel and over channels, with optional soft overlap parts.

    Each channel's cross-entropy is the mean over its known voxels of the batch, so the few voxels inside ligand
    envelopes count as much as the many outside. Positive and negative voxels weigh the same: the optimum is the
    calibrated probability. Where a constraint forbids a channel nothing can be learnt: the loss there is 0 whatever the
    target.

    Parameters
    ----------
    config : LossConfig
    channels : tuple of str
        Channels of the network, in order.

    Notes
    -----
    Called with targets (b, x, y, z, K) of 0, 1 or ``pocketvox.data.batches.UNKNOWN`` and logits of the same shape. With
    K further channels of targets, the probabilities that teachers gave, ``distill`` of the loss is the cross-entropy to
    them (Hinton et al. 2015, arXiv:1503.02531): over known voxels, and with a small weight over all others, of which
    there are many more.
    The Dice part follows Milletari et al., doi:10.1109/3DV.2016.79; the focal factor Lin et al.,
    doi:10.1109/ICCV.2017.324; the Tversky part Salehi et al., doi:10.1007/978-3-319-67389-9_44.
    """

    def __init__(self, config: LossConfig, channels: tuple[str, ...], name: str = "masked_loss"):
        super().__init__(name=name, reduction=None, dtype="float32")
        self.config = config
        self.channels = tuple(channels)
        weights = np.array([config.channel_weights.get(name, 1.0) for name in channels], np.float32)
        self._weights = weights / max(float(weights.sum()), 1e-6)
        self._unlabelled = np.array([config.unlabelled * (name != LIGAND) for name in channels], np.float32)

    def call(self, y_true, y_pred):
        """Loss of a batch, a float32 scalar."""
        n = len(self.channels)
        if y_true.shape[-1] == n:
            return self._to_labels(y_true, y_pred)
        value, taught = self._to_labels(y_true[..., :n], y_pred), y_true[..., n:]
        logits = ops.cast(y_pred, "float32")
        entropy = _cross_entropy(ops.cast(taught, "float32") * _allowed(logits), logits)
        counted = ops.where(y_true[..., :n] < 1.5, 1.0, UNKNOWN_WEIGHT)
        per_channel = ops.sum(entropy * counted, (0, 1, 2, 3)) / ops.sum(counted, (0, 1, 2, 3))
        distance = ops.sum(per_channel * ops.convert_to_tensor(self._weights))
        return (1 - self.config.distill) * value + self.config.distill * distance

    def _to_labels(self, y_true, y_pred):
        known = ops.cast(y_true < 1.5, "float32")
        logits = ops.cast(y_pred, "float32")
        target = ops.cast(ops.equal(y_true, 1.0), "float32") * _allowed(logits)
        axes = (0, 1, 2, 3)
        entropy = _cross_entropy(target, logits)
        if self.config.focal or self.config.dice or self.config.tversky:
            probability = ops.sigmoid(logits)
        if self.config.focal:
            entropy = entropy * ops.power(ops.abs(target - probability), self.config.focal)
        counted = known + (1 - known) * self._unlabelled if self.config.unlabelled else known
        per_channel = ops.sum(entropy * counted, axes) / ops.maximum(ops.sum(counted, axes), 1.0)
        if self.config.dice or self.config.tversky:
            overlap = ops.sum(probability * target, axes)  # target is 0 where unknown
        if self.config.dice:
            total = ops.sum((probability + target) * known, axes)
            per_channel = per_channel + self.config.dice * (1 - (2 * overlap + 1) / (total + 1))
        if self.config.tversky:
            cost = self.config.false_positives
            predicted, positive = ops.sum(probability * known, axes), ops.sum(target, axes)
            missed = cost * (predicted - overlap) + (1 - cost) * (positive - overlap)
            per_channel = per_channel + self.config.tversky * (1 - (overlap + 1) / (overlap + missed + 1))
        return ops.sum(per_channel * ops.convert_to_tensor(self._weights))

    def get_config(self) -> dict:
        """Constructor arguments as JSON types."""
        return {"config": self.config.to_dict(), "channels": list(self.channels), "name": self.name}

    @classmethod
    def from_config(cls, config: dict) -> MaskedLoss:
        """Inverse of ``get_config``."""
        return cls(LossConfig.from_dict(config["config"]), tuple(config["channels"]), config["name"])


def _allowed(logits):
    """1 where no constraint forbids, else 0."""
    return ops.cast(logits > FORBIDDEN / 2, "float32")


def _cross_entropy(target, logits):
    """Per voxel, without overflow; ``target`` may be any probability."""
    return ops.relu(logits) - logits * target + ops.softplus(-ops.abs(logits))
