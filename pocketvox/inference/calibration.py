"""Calibration: a straight line in log-odds per channel, so that probabilities mean what they say.

A network that is selected by another score than its likelihood, or averaged, or trained with a Dice part, is over- or
under-confident. ``slope * logit + offset`` corrects that and changes no ranking (Platt scaling).

References
----------
Platt, Advances in Large Margin Classifiers (1999) 61-74; Niculescu-Mizil & Caruana, ICML 2005,
doi:10.1145/1102351.1102430.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pocketvox.metrics import ScoreHistogram

#: No correction.
IDENTITY = (1.0, 0.0)
#: Values that are calibrated at a time: few enough to stay in the cache through all operations.
IN_CACHE = 11 * 1024


def fit_calibration(histogram: ScoreHistogram, *, iterations: int = 50) -> tuple[float, float]:
    """Slope and offset that maximise the likelihood of the labels.

    Parameters
    ----------
    histogram : ScoreHistogram
        Labels by uncalibrated probability, of one channel on validation data.
    iterations : int
        Most Newton steps.

    Returns
    -------
    slope, offset : float
        The slope is positive. ``IDENTITY`` if all voxels are positive, or all negative, or have one and the same score.
    """
    used = np.flatnonzero(histogram.positives + histogram.negatives)
    positives, negatives = histogram.positives[used].astype(float), histogram.negatives[used].astype(float)
    if not positives.sum() or not negatives.sum() or len(used) < 2:
        return IDENTITY
    total = positives + negatives
    logit = (used + 0.5) * (2 * histogram.RANGE / histogram.BINS) - histogram.RANGE
    from scipy.special import expit

    design = np.stack([logit, np.ones_like(logit)])
    beta = np.array(IDENTITY)
    value = _cost(beta, design, positives, total)
    for _ in range(iterations):
        p = expit(beta @ design)
        gradient = design @ (positives - total * p)
        hessian = (design * (total * p * (1 - p))) @ design.T + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        # far from the optimum, as for channels predicted at 1e-5, a full Newton step overshoots and never returns
        while (trial := _cost(beta + step, design, positives, total)) > value and np.abs(step).max() > 1e-9:
            step = step / 2
        if np.abs(step).max() < 1e-9:
            break
        beta, value = beta + step, trial
    if beta[0] <= 0:  # the channel ranks no better than chance: keep its ranking and correct its mean alone
        from scipy.optimize import brentq

        return 1.0, float(brentq(lambda offset: (total * expit(logit + offset)).sum() - positives.sum(), -50, 50))
    return float(beta[0]), float(beta[1])


def _cost(beta: np.ndarray, design: np.ndarray, positives: np.ndarray, total: np.ndarray) -> float:
    """Negative log-likelihood of the labels."""
    z = beta @ design
    return float((total * np.logaddexp(0, z) - positives * z).sum())


def calibrate(logits: np.ndarray, slope: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Calibrated probabilities.

    Parameters
    ----------
    logits : ndarray, shape=(..., K), dtype=float32
    slope, offset : ndarray, shape=(K,), dtype=float32

    Returns
    -------
    ndarray, shape=(..., K), dtype=float32
    """
    width = logits.shape[-1]
    rows = max(1, IN_CACHE // max(width, 1))
    slope, offset = (np.tile(np.broadcast_to(of_channel, (width,)), rows) for of_channel in (slope, offset))
    flat = logits.reshape(-1)
    out = np.empty(flat.shape, np.result_type(logits, slope, offset))
    with np.errstate(over="ignore"):  # 1 / (1 + infinity) is the 0 that it should be
        for start in range(0, len(flat), len(slope)):
            values = out[start : start + len(slope)]
            np.multiply(flat[start : start + len(slope)], -slope[: len(values)], out=values)
            values -= offset[: len(values)]
            np.exp(values, out=values)
            values += 1
            np.reciprocal(values, out=values)
    return out.reshape(logits.shape)
