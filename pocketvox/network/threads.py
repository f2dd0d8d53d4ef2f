"""The number of processor threads of the Keras backend."""

from __future__ import annotations

import logging

import keras

logger = logging.getLogger(__name__)


def set_threads(threads: int) -> None:
    """Limit the backend's threads; 0 leaves its default. Where it is too late to change them, say so and go on.

    TensorFlow fixes its number with the first operation; JAX has no such setting.
    """
    if not threads:
        return
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        if tf.config.threading.get_intra_op_parallelism_threads() == threads:
            return
        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
        except RuntimeError:
            logger.warning("TensorFlow is already running: its number of threads stays as it is")
    elif backend == "torch":
        import torch

        torch.set_num_threads(threads)
    else:
        logger.warning("Keras on %s takes no number of threads: it stays as it is", backend)
