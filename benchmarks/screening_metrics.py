"""Scores of a ranking of compounds, some of them active: plain arrays in, floats out.

Everywhere ``active`` is the truth (bool or 0/1) and ``score`` any number of which a higher one means more likely
active, both of shape (n,). A compound that could not be scored ranks last with a score of minus infinity. Compounds of
equal score are in no order: each function gives the expectation over all their orders, so that nothing is gained by the
order of the input. A score of a set without an active or without an inactive compound is undefined: NaN.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import rankdata

from pocketvox.errors import InputError

#: Part of the ranking that the enrichment factor looks at.
FRACTION = 0.01
#: Weight of early ranks in BEDROC: the first 8 % of the ranking make 80 % of the value (Truchon & Bayly 2007).
ALPHA = 20.0


def roc_auc(active: np.ndarray, score: np.ndarray) -> float:
    """Probability that an active compound scores above an inactive one, ties counting half.

    Parameters
    ----------
    active : array_like, shape=(n,), dtype=bool
    score : array_like, shape=(n,), dtype=float

    Returns
    -------
    float
        0.5 is random, 1 perfect.

    References
    ----------
    Hanley & McNeil, Radiology 143, 29-36 (1982), doi:10.1148/radiology.143.1.7063747.

    Examples
    --------
    >>> roc_auc([1, 0, 1, 0], [4, 3, 2, 1])
    0.75
    """
    active, score = _checked(active, score)
    actives, inactives = _sizes(active)
    if not actives or not inactives:
        return float("nan")
    above = rankdata(score)[active].sum() - actives * (actives + 1) / 2
    return float(above / (actives * inactives))


def roc_curve(active: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of the ROC curve, one per distinct score; straight lines between them enclose :func:`roc_auc`.

    Parameters
    ----------
    active : array_like, shape=(n,), dtype=bool
    score : array_like, shape=(n,), dtype=float

    Returns
    -------
    false_positive_rate, true_positive_rate : ndarray, shape=(k + 1,), dtype=float64
        Fraction of the inactive and of the active compounds that score at least ``threshold``, from (0, 0) to (1, 1).
        NaN if there is none of the kind.
    threshold : ndarray, shape=(k + 1,), dtype=float64
        Distinct scores, falling, after a first of infinity.
    """
    active, score = _checked(active, score)
    actives, inactives = _sizes(active)
    first, _, hits = _groups(active, score)
    reached = np.append(first, active.size)
    true = np.append(0, hits).cumsum()
    threshold = np.append(np.inf, np.unique(score)[::-1])
    return _rate(reached - true, inactives), _rate(true, actives), threshold


def enrichment_factor(active: np.ndarray, score: np.ndarray, fraction: float = FRACTION) -> float:
    """Frequency of actives in the top of the ranking, over that in the whole.

    The top holds ``fraction`` of the compounds, rounded up, at least one. Where a group of equal scores straddles its
    end, the places left in the top are filled with the group's average compound: actives of the group times places left
    over size of the group.

    Parameters
    ----------
    active : array_like, shape=(n,), dtype=bool
    score : array_like, shape=(n,), dtype=float
    fraction : float
        Above 0, up to 1.

    Returns
    -------
    float
        1 is random; at most n / max(actives, size of the top).

    Raises
    ------
    InputError
        If the fraction is out of range.

    Examples
    --------
    >>> enrichment_factor([1, 1, 0, 0, 1, 0, 0, 0, 0, 0], range(10, 0, -1), fraction=0.3)
    2.2222222222222223
    """
    if not 0 < fraction <= 1:
        raise InputError(f"Expected a fraction above 0, up to 1. Received: {fraction}. For 1 % give 0.01.")
    active, score = _checked(active, score)
    actives, inactives = _sizes(active)
    if not actives or not inactives:
        return float("nan")
    top = max(1, math.ceil(active.size * fraction - 1e-9))  # 0.07 * 100 is 7.000000000000001
    first, size, hits = _groups(active, score)
    found = (hits * np.clip(top - first, 0, size) / size).sum()
    return float((found / top) / (actives / active.size))


def bedroc(active: np.ndarray, score: np.ndarray, alpha: float = ALPHA) -> float:
    """Boltzmann-enhanced discrimination of ROC: how early in the ranking the actives come.

    Rank r of n weighs exp(-alpha r / n). The sum over actives is scaled from that of the worst ranking, 0, to that of
    the best, 1. Each of a group of equal scores weighs the mean over the group's ranks, which is the expectation over
    its orders; its mean rank would give less, the weight being convex.

    Parameters
    ----------
    active : array_like, shape=(n,), dtype=bool
    score : array_like, shape=(n,), dtype=float
    alpha : float
        Positive; the larger, the earlier. Values of different alpha, or of very different fractions of actives, cannot
        be compared.

    Returns
    -------
    float
        From 0 to 1. Random rankings give not 0.5 but about 1 / alpha, if the fraction of
        actives is much smaller than that.

    Raises
    ------
    InputError
        If alpha is not positive.

    References
    ----------
    Truchon & Bayly, J. Chem. Inf. Model. 47, 488-508 (2007), doi:10.1021/ci600426e.
    """
    if not 0 < alpha < math.inf:
        raise InputError(f"Expected a positive alpha. Received: {alpha}. Truchon & Bayly use {ALPHA}.")
    active, score = _checked(active, score)
    actives, inactives = _sizes(active)
    if not actives or not inactives:
        return float("nan")
    upto = np.exp(-alpha * np.arange(1, active.size + 1) / active.size).cumsum()
    first, size, hits = _groups(active, score)
    mean_weight = np.diff(upto[first + size - 1], prepend=0) / size
    best, worst = upto[actives - 1], upto[-1] - upto[inactives - 1]
    return float(((hits * mean_weight).sum() - worst) / (best - worst))


def _checked(active, score) -> tuple[np.ndarray, np.ndarray]:
    active, score = np.asarray(active), np.asarray(score, float)
    if active.shape != score.shape or active.ndim != 1:
        raise InputError(
            f"Expected truth and scores of one shape (n,). Received: {active.shape} and {score.shape}. Give one per "
            "compound."
        )
    if missing := int(np.isnan(score).sum()):
        raise InputError(
            f"Expected a score for every compound. Received: {missing} NaN. Give minus infinity to what was not scored."
        )
    return active.astype(bool), score


def _sizes(active: np.ndarray) -> tuple[int, int]:
    actives = int(active.sum())
    return actives, active.size - actives


def _groups(active: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Groups of equal score, best first: 0-based rank of the first member, number of members, and of actives."""
    _, group, size = np.unique(-score, return_inverse=True, return_counts=True)
    return size.cumsum() - size, size, np.bincount(group, active, size.size).astype(int)


def _rate(counts: np.ndarray, total: int) -> np.ndarray:
    return counts / total if total else np.full(counts.shape, np.nan)
