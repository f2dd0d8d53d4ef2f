"""A learned vector field of directions: a small network whose output turns with the receptor.

Around a point, the feature points of each kind at each distance are summed up as a vector (the sum of unit vectors to
them) and as a number (how many there are). A dense network on the numbers and the lengths of the vectors gives a
weight to each vector; the direction is their weighted sum. So the field is the same however the receptor is turned.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from pocketvox.channels import TYPED
from pocketvox.features import FEATURES, FeaturePoints

#: Distances that are told apart, and the width of each (angstrom).
CENTRES = np.arange(1.5, 7.6, 0.75)
WIDTH = 0.5
REACH = 8.0
#: Vectors per point.
VECTORS = len(FEATURES) * len(CENTRES)
#: True directions kept per point; 99 % of points have fewer.
MOST_DIRECTIONS = 4


def describe(points: FeaturePoints, coord: np.ndarray) -> np.ndarray:
    """Sums around positions, shape=(n, VECTORS, 4), dtype=float32: a vector and a number each.

    Parameters
    ----------
    points : FeaturePoints
        Of the receptor.
    coord : ndarray, shape=(n, 3)
        Positions (angstrom).
    """
    result = np.zeros((len(coord), VECTORS, 4), np.float32)
    near = cKDTree(points.coord).query_ball_point(coord, REACH)
    for k, index in enumerate(near):
        line = points.coord[index].astype(float) - coord[k]
        distance = np.linalg.norm(line, axis=1)
        radial = np.exp(-(((distance[:, None] - CENTRES) / WIDTH) ** 2))
        parts = np.concatenate([line / np.maximum(distance, 1e-6)[:, None], np.ones((len(index), 1))], axis=1)
        kinds = points.features[index].astype(float)
        result[k] = np.einsum("nf,nr,nd->frd", kinds, radial, parts, optimize=True).reshape(VECTORS, 4)
    return result


def build_network(hidden: int = 96):
    """Keras model from (descriptors, one-hot channel) to unit vectors, shape=(n, 3)."""
    import keras
    from keras import layers, ops

    described = keras.Input((VECTORS, 4), name="described")
    channel = keras.Input((len(TYPED),), name="channel")
    vectors = described[..., :3]
    lengths = ops.sqrt(ops.sum(vectors**2, axis=-1) + 1e-6)
    numbers = layers.Concatenate()([ops.log(1.0 + described[..., 3]), lengths, channel])
    hidden_1 = layers.Dense(hidden, activation="relu")(layers.BatchNormalization()(numbers))
    hidden_2 = layers.Dense(hidden, activation="relu")(layers.Concatenate()([hidden_1, channel]))
    weights = layers.Dense(VECTORS)(layers.Concatenate()([hidden_2, channel]))
    total = ops.einsum("nv,nvd->nd", weights, vectors)
    length = ops.sqrt(ops.sum(total**2, axis=-1, keepdims=True) + 1e-6)
    return keras.Model([described, channel], total / length)


def padded(directions: list[np.ndarray]) -> np.ndarray:
    """True directions of points that have several, shape=(n, MOST_DIRECTIONS, 3): the last is repeated."""
    result = np.zeros((len(directions), MOST_DIRECTIONS, 3), np.float32)
    for k, own in enumerate(directions):
        result[k] = own[np.minimum(np.arange(MOST_DIRECTIONS), len(own) - 1)]
    return result


def train_network(described: np.ndarray, channels: np.ndarray, directions: np.ndarray, *, epochs: int, seed: int = 0):
    """Train on one minus the cosine to the nearest true direction; rare channels weigh more.

    Parameters
    ----------
    described : ndarray, shape=(n, VECTORS, 4)
    channels : ndarray, shape=(n,), dtype=int
        Index into ``TYPED``.
    directions : ndarray, shape=(n, MOST_DIRECTIONS, 3)
    epochs, seed : int

    Returns
    -------
    keras.Model
    """
    import keras
    from keras import ops

    keras.utils.set_random_seed(seed)
    model = build_network()
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, epochs * (-(-len(channels) // 256)))

    def loss(true, guess):
        return 1.0 - ops.max(ops.sum(true * guess[:, None], axis=-1), axis=-1)

    model.compile(optimizer=keras.optimizers.AdamW(schedule, weight_decay=1e-3), loss=loss)
    count = np.bincount(channels, minlength=len(TYPED))
    weight = 1.0 / np.sqrt(np.maximum(count[channels], 1))
    inputs = [described, np.eye(len(TYPED), dtype=np.float32)[channels]]
    model.fit(inputs, directions, sample_weight=weight / weight.mean(), batch_size=256, epochs=epochs, verbose=0)
    return model


def predict(model, described: np.ndarray, channels: np.ndarray) -> np.ndarray:
    """Unit vectors, shape=(n, 3)."""
    inputs = [described, np.eye(len(TYPED), dtype=np.float32)[channels]]
    return np.asarray(model.predict(inputs, batch_size=1024, verbose=0))
