"""Screening metrics against hand-computed answers, RDKit and scikit-learn; ties against the mean over their orders."""

import math
from itertools import permutations

import numpy as np
import pytest
from rdkit.ML.Scoring import Scoring
from scipy.stats import mannwhitneyu

from benchmarks import screening_metrics as sm
from pocketvox.errors import InputError

ACTIVE = np.array([1, 0, 1, 0, 0, 1, 0, 0, 0, 0], bool)
SCORE = np.arange(10, 0, -1.0)
METRICS = {
    "roc_auc": sm.roc_auc,
    "enrichment_factor": lambda active, score: sm.enrichment_factor(active, score, 0.3),
    "bedroc": sm.bedroc,
}


def screen(seed, n=500, actives=25):
    """Distinct scores, shuffled, of actives somewhat above the rest."""
    rng = np.random.default_rng(seed)
    active = rng.permutation(np.arange(n) < actives)
    return active, rng.normal(size=n) + active


def ranked(active, score):
    """As RDKit takes it: best first."""
    return active[np.argsort(-score)][:, None]


def test_roc_auc_by_hand():
    """The actives are below 0, 1 and 3 of 7 inactives: (7 + 6 + 4) / 21."""
    assert sm.roc_auc(ACTIVE, SCORE) == pytest.approx(17 / 21)


def test_enrichment_by_hand():
    """Top 3 of 10: 2 of 3 against 3 of 10. Top 10 %: 1 of 1. Top 11 % is 2 compounds: 1 of 2."""
    assert sm.enrichment_factor(ACTIVE, SCORE, 0.3) == pytest.approx((2 / 3) / 0.3)
    assert sm.enrichment_factor(ACTIVE, SCORE, 0.1) == pytest.approx(1 / 0.3)
    assert sm.enrichment_factor(ACTIVE, SCORE, 0.11) == pytest.approx((1 / 2) / 0.3)
    assert sm.enrichment_factor(ACTIVE, SCORE) == pytest.approx(1 / 0.3)
    assert sm.enrichment_factor(ACTIVE, SCORE, 1e-12) == pytest.approx(1 / 0.3)  # at least one compound
    assert sm.enrichment_factor(ACTIVE, SCORE, 1.0) == pytest.approx(1.0)


def test_enrichment_is_not_fooled_by_rounding():
    """0.07 * 100 is slightly above 7 for the computer; the top still holds 7 compounds."""
    active = np.arange(100) < 7
    assert 0.07 * 100 > 7
    assert sm.enrichment_factor(active, -np.arange(100), 0.07) == pytest.approx(100 / 7)


def test_bedroc_by_hand():
    """One active, second of four, alpha 2: weights x, x^2, x^3, x^4 with x = exp(-1/2), scaled from x^4 to x."""
    x = math.exp(-0.5)
    expected = (x**2 - x**4) / (x - x**4)
    assert sm.bedroc([0, 1, 0, 0], [4, 3, 2, 1], alpha=2.0) == pytest.approx(expected)
    assert 0 < expected < 1
    assert sm.bedroc([1, 0, 0, 0], [4, 3, 2, 1]) == pytest.approx(1)
    assert sm.bedroc([0, 0, 0, 1], [4, 3, 2, 1]) == pytest.approx(0, abs=1e-12)


def test_bedroc_is_the_published_formula():
    """Equation 36 of Truchon & Bayly: RIE times a factor plus a constant, both of alpha and the fraction of actives."""
    active, score = screen(3, 200, 20)
    alpha, n, ratio = 20.0, active.size, active.mean()
    ranks = np.flatnonzero(ranked(active, score)[:, 0]) + 1
    rie = np.exp(-alpha * ranks / n).mean() / ((1 - math.exp(-alpha)) / (math.exp(alpha / n) - 1) / n)
    factor = ratio * math.sinh(alpha / 2) / (math.cosh(alpha / 2) - math.cosh(alpha / 2 - alpha * ratio))
    expected = rie * factor + 1 / (1 - math.exp(alpha * (1 - ratio)))
    assert 0.1 < expected < 0.9
    assert sm.bedroc(active, score) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_rdkit(seed):
    """Without ties, on shuffled compounds: area, enrichment, BEDROC and every point of the curve."""
    active, score = screen(seed)
    ordered = ranked(active, score)
    assert 0.5 < sm.roc_auc(active, score) == pytest.approx(Scoring.CalcAUC(ordered, 0), abs=1e-12)
    for alpha in (5.0, 20.0, 160.9):
        assert 0 < sm.bedroc(active, score, alpha) == pytest.approx(Scoring.CalcBEDROC(ordered, 0, alpha), abs=1e-9)
    fractions = [0.01, 0.05, 0.1, 0.333]
    ours = [sm.enrichment_factor(active, score, fraction) for fraction in fractions]
    assert ours == pytest.approx(Scoring.CalcEnrichment(ordered, 0, fractions))
    theirs = Scoring.CalcROC(ordered, 0)
    false, true, _ = sm.roc_curve(active, score)
    assert false[1:] == pytest.approx(theirs.FPR)
    assert true[1:] == pytest.approx(theirs.TPR)


def test_ties_in_the_area_count_half():
    """As Mann and Whitney count them; a single tie between an active and an inactive is 1/2."""
    assert sm.roc_auc([1, 0], [1, 1]) == 0.5
    active, score = screen(5)
    score = np.round(score)
    u = mannwhitneyu(score[active], score[~active]).statistic
    assert sm.roc_auc(active, score) == pytest.approx(u / (active.sum() * (~active).sum()))


def test_equal_to_scikit_learn_with_ties():
    """Area and curve."""
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed (extra: bench)")
    active, score = screen(6)
    score = np.round(score, 1)
    assert sm.roc_auc(active, score) == pytest.approx(sklearn.roc_auc_score(active, score))
    for ours, theirs in zip(
        sm.roc_curve(active, score), sklearn.roc_curve(active, score, drop_intermediate=False), strict=True
    ):
        assert ours == pytest.approx(theirs)


@pytest.mark.parametrize("name", METRICS)
def test_ties_give_the_mean_over_their_orders(name):
    """A group of four with two actives straddles the cut: all 24 orders of it, untied, average to the tied value."""
    active = np.array([0, 1, 1, 0, 0, 1, 0, 0], bool)
    score = np.array([9.0, 5, 5, 5, 5, 3, 2, 1])
    untied = [METRICS[name](active, np.array([9.0, *order, 3, 2, 1])) for order in permutations((5.4, 5.3, 5.2, 5.1))]
    assert min(untied) < max(untied)
    assert METRICS[name](active, score) == pytest.approx(np.mean(untied))


def test_ties_at_the_cut_by_hand():
    """Top 2 of 4, three tied for places 2 to 4 with one active: 1 + 1/3 of 2 against 2 of 4."""
    assert sm.enrichment_factor([1, 0, 1, 0], [2, 1, 1, 1], 0.5) == pytest.approx((4 / 3 / 2) / (2 / 4))


@pytest.mark.parametrize("name", METRICS)
def test_order_of_the_input_does_not_matter(name):
    """Constant scores, actives first or last, are as good as random; a shuffled list is the same list."""
    active = np.arange(40) < 8
    weights = np.exp(-sm.ALPHA * np.arange(1, 41) / 40)
    random = {
        "roc_auc": 0.5,
        "enrichment_factor": 1.0,
        "bedroc": (8 * weights.mean() - weights[-8:].sum()) / (weights[:8].sum() - weights[-8:].sum()),
    }
    assert METRICS[name](active, np.zeros(40)) == pytest.approx(random[name])
    assert METRICS[name](active[::-1], np.zeros(40)) == pytest.approx(random[name])
    shuffled = np.random.default_rng(0).permutation(10)
    assert METRICS[name](ACTIVE[shuffled], SCORE[shuffled]) == pytest.approx(METRICS[name](ACTIVE, SCORE))


def test_a_higher_score_is_more_active():
    """Turning the scores around mirrors the area."""
    assert sm.roc_auc(ACTIVE, -SCORE) == pytest.approx(1 - sm.roc_auc(ACTIVE, SCORE))
    assert sm.bedroc(ACTIVE, -SCORE) < sm.bedroc(ACTIVE, SCORE)
    assert sm.enrichment_factor(ACTIVE, -SCORE, 0.3) == 0


def test_roc_curve_by_hand():
    """One point per distinct score, a tie being one step aside and up; trapezoids make the area."""
    false, true, threshold = sm.roc_curve([1, 0, 1, 0], [3, 2, 2, 1])
    assert false.tolist() == [0, 0, 0.5, 1]
    assert true.tolist() == [0, 0.5, 1, 1]
    assert threshold.tolist() == [math.inf, 3, 2, 1]
    active, score = screen(7)
    score = np.round(score)
    false, true, _ = sm.roc_curve(active, score)
    assert np.trapezoid(true, false) == pytest.approx(sm.roc_auc(active, score))


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("active", [[], [0, 0], [1, 1]])
def test_undefined_without_both_kinds(name, active):
    """No compound, no active, or nothing but actives."""
    assert np.isnan(METRICS[name](active, np.arange(len(active))))


def test_curve_of_one_kind_has_no_rate_of_the_other():
    """Without actives there is no true positive rate, but a false positive one."""
    false, true, _ = sm.roc_curve([0, 0], [2, 1])
    assert false.tolist() == [0, 0.5, 1]
    assert np.isnan(true).all()


@pytest.mark.parametrize("name", METRICS)
def test_what_was_not_scored_ranks_last(name):
    """Minus infinity is a score, below all others; NaN is none and is refused with that advice."""
    low, missing, unknown = SCORE.copy(), SCORE.copy(), SCORE.copy()
    low[0], missing[0], unknown[0] = -1, -math.inf, math.nan
    assert METRICS[name](ACTIVE, missing) == METRICS[name](ACTIVE, low)
    with pytest.raises(InputError, match="1 NaN. Give minus infinity"):
        METRICS[name](ACTIVE, unknown)


def test_wrong_input_is_refused():
    """Lengths that differ, and options out of range."""
    with pytest.raises(InputError, match="one shape"):
        sm.roc_auc([1, 0], [1.0])
    for fraction in (0, 1.01, math.nan):
        with pytest.raises(InputError, match="fraction"):
            sm.enrichment_factor(ACTIVE, SCORE, fraction)
    for alpha in (0, -1, math.inf, math.nan):
        with pytest.raises(InputError, match="alpha"):
            sm.bedroc(ACTIVE, SCORE, alpha)
