"""Attribution maps: which voxels of a network's input a weighted sum of its logits comes from.

``gradient(x, weight)`` gives logits, shape=(b, x, y, z, K), and the gradient of ``(weight * logits).sum()`` with
respect to x, shape=(b, x, y, z, F); see :class:`pocketvox.network.gradients.Gradients`. Nothing here knows Keras.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Gradient = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def integrated_gradients(gradient: Gradient, x: np.ndarray, weight: np.ndarray, steps: int) -> np.ndarray:
    """Mean gradient on the straight way from an empty grid to ``x``.

    Times ``x`` these are integrated gradients [1]_: they sum to the difference of the outputs at ``x`` and at the empty
    grid, up to the error of the quadrature. Networks change most where a grid is nearly empty, so the way is
    ``t**2 * x`` with t from 0 to 1, by the midpoint rule: the integral is the same, its error smaller.

    Parameters
    ----------
    gradient : callable
    x : ndarray, shape=(x, y, z, F), dtype=float32
    weight : ndarray, shape=(x, y, z, K), dtype=float32
    steps : int

    Returns
    -------
    ndarray, shape=(x, y, z, F), dtype=float64

    References
    ----------
    .. [1] Sundararajan, Taly & Yan, ICML 2017, arXiv:1703.01365
    """
    total = np.zeros(x.shape)
    for t in (np.arange(steps) + 0.5) / steps:
        total += 2 * t * gradient(np.float32(t * t) * x[None], weight[None])[1][0]
    return total / steps


def grad_cam(features: np.ndarray, gradient: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Grad-CAM of a layer [1]_, for a target that is a sum over voxels [2]_.

    Parameters
    ----------
    features, gradient : ndarray, shape=(i, j, k, C)
        What the layer gives, and the gradient of the target with respect to it.
    shape : tuple of 3 ints
        Of the input (voxels): multiples of i, j and k.

    Returns
    -------
    ndarray, shape=shape, dtype=float64
        Feature maps weighted by their mean gradients, summed, negative values 0, interpolated linearly.

    References
    ----------
    .. [1] Selvaraju et al., ICCV 2017, doi:10.1109/ICCV.2017.74
    .. [2] Vinogradova, Dibrov & Myers, AAAI 2020, doi:10.1609/aaai.v34i10.7244
    """
    from scipy.ndimage import zoom

    weights = gradient.astype(np.float64).mean(axis=(0, 1, 2))
    cam = np.maximum(features @ weights, 0.0)
    factors = [n / m for n, m in zip(shape, cam.shape, strict=True)]
    return zoom(cam, factors, order=1, mode="nearest", grid_mode=True)
