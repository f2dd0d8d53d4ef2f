"""Scores against hand-computed answers strictly between 0 and 1, and streaming against exact scores."""

import numpy as np
import pytest

from pocketvox import metrics
from pocketvox.metrics import ScoreHistogram

Y = np.array([1, 0, 1, 1, 0, 0, 0, 0], bool)
P = np.array([0.9, 0.8, 0.7, 0.4, 0.4, 0.3, 0.2, 0.1])


def test_average_precision_by_hand():
    """Steps: 1 of 1, 2 of 3, then a tie of two at 3 of 5: (1 + 2/3 + 3/5) / 3."""
    assert metrics.average_precision(Y, P) == pytest.approx((1 + 2 / 3 + 3 / 5) / 3, abs=1e-12)


def test_average_precision_does_not_depend_on_order_within_ties():
    """A positive listed before or after a negative of equal score gives the same value: 1/2 here."""
    assert metrics.average_precision([1, 0], [0.5, 0.5]) == 0.5
    assert metrics.average_precision([0, 1], [0.5, 0.5]) == 0.5


def test_average_precision_equals_scikit_learn():
    """The definition is scikit-learn's, ties included."""
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed (extra: bench)")
    rng = np.random.default_rng(5)
    y, p = rng.random(2000) < 0.1, rng.integers(0, 40, 2000) / 40
    assert metrics.average_precision(y, p) == pytest.approx(sklearn.average_precision_score(y, p), abs=1e-12)


@pytest.mark.parametrize(
    "threshold, expected",
    [(0.9, 1 / 3), (0.8, 1 / 4), (0.7, 2 / 4), (0.700001, 1 / 4), (0.4, 3 / 5), (0.0, 3 / 8)],
)
def test_jaccard_by_hand(threshold, expected):
    """Intersection over union; a score equal to the threshold is predicted on, one just below is not."""
    assert metrics.jaccard(Y, P, threshold) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("threshold, expected", [(0.9, 2 / 4), (0.8, 2 / 5), (0.7, 4 / 6), (0.4, 6 / 8)])
def test_dice_by_hand(threshold, expected):
    """Twice the intersection over the sum of sizes."""
    assert metrics.dice(Y, P, threshold) == pytest.approx(expected, abs=1e-12)


def test_best_jaccard_by_hand():
    """3/5 at 0.4 beats 2/4 at 0.7 and 1/3 at 0.9."""
    assert metrics.best_jaccard(Y, P) == (pytest.approx(3 / 5, abs=1e-12), 0.4)


def test_best_jaccard_equals_brute_force():
    """Sorting finds what trying every distinct score finds, ties included."""
    rng = np.random.default_rng(7)
    for n in (5, 50, 500):
        y, p = rng.random(n) < 0.3, rng.integers(0, 20, n) / 20
        y[0] = True
        value, threshold = metrics.best_jaccard(y, p)
        assert value == pytest.approx(max(metrics.jaccard(y, p, t) for t in np.unique(p)), abs=1e-12)
        assert metrics.jaccard(y, p, threshold) == pytest.approx(value, abs=1e-12)


def test_chosen_threshold_lies_between_scores():
    """Half way between 0.4, predicted on, and 0.3, predicted off; it gives the best Jaccard."""
    assert metrics.choose_threshold(Y, P) == pytest.approx(0.35)
    assert metrics.jaccard(Y, P, metrics.choose_threshold(Y, P)) == metrics.best_jaccard(Y, P)[0]


def test_chosen_threshold_when_everything_is_predicted():
    """With all voxels on there is no score below: the lowest score itself."""
    assert metrics.choose_threshold([1, 1, 1], [0.5, 0.25, 0.75]) == 0.25


@pytest.mark.parametrize("y", [[0, 0, 0], []])
def test_undefined_scores_are_nan(y):
    """Without positives nothing is perfect or wrong: NaN, so that a mean cannot hide it."""
    p = [0.5] * len(y)
    values = [metrics.average_precision(y, p), *metrics.best_jaccard(y, p), metrics.choose_threshold(y, p)]
    values += [metrics.jaccard(y, p, 0.6), metrics.dice(y, p, 0.6)]
    assert np.isnan(values).all()


def test_score_at_an_unknown_threshold_is_nan():
    """A threshold chosen where nothing was positive is NaN; scoring at it is undefined, not 0."""
    threshold = metrics.choose_threshold([0, 0], [0.2, 0.4])
    assert np.isnan([metrics.jaccard(Y, P, threshold), metrics.dice(Y, P, threshold)]).all()


def test_brier_by_hand():
    """(0.1^2 + 0.4^2) / 2."""
    assert metrics.brier([1, 0], [0.9, 0.4]) == pytest.approx(0.085)


def test_expected_calibration_error_by_hand():
    """Two bins of four: |0.25 - 0.1| in the lower, |0.5 - 0.8| in the upper, equal weights."""
    y = [0, 0, 0, 1, 1, 1, 0, 0]
    p = [0.1] * 4 + [0.8] * 4
    assert metrics.expected_calibration_error(y, p, bins=2) == pytest.approx((0.15 + 0.3) / 2)


@pytest.mark.parametrize("bins", [5, 15])
def test_expected_calibration_error_of_a_histogram_is_that_of_the_scores(bins):
    """Scores from near 0 to near 1; of one bin too many come true, of the next too few."""
    rng = np.random.default_rng(4)
    p = 1 / (1 + np.exp(-rng.normal(0, 3, 50_000)))
    y = rng.random(p.size) < p + 0.1 * (-1.0) ** np.floor(p * bins)
    histogram = ScoreHistogram()
    histogram.add(y, p)
    exact = metrics.expected_calibration_error(y, p, bins)
    assert exact > 0.05 and histogram.expected_calibration_error(bins) == pytest.approx(exact, abs=1e-3)


def test_expected_calibration_error_is_zero_when_frequencies_match():
    """A quarter of the voxels predicted at 0.25 are positive."""
    assert metrics.expected_calibration_error([1, 0, 0, 0], [0.25] * 4) == pytest.approx(0, abs=1e-12)


def test_probability_one_falls_into_the_last_bin():
    """The upper edge belongs to the last bin: |0.5 - 1| there and |0.5 - 0| in the first."""
    assert metrics.expected_calibration_error([1, 0, 1, 0], [1.0, 1.0, 0.0, 0.0], bins=10) == pytest.approx(0.5)


def test_union_probability():
    """1 - 0.5 * 0.8."""
    assert metrics.union_probability([[0.5, 0.2]]) == pytest.approx(0.6)


@pytest.mark.parametrize("y, p", [([1, 0], [0.5]), ([[1]], [[0.5]]), ([1], [1.5]), ([1, 0], [0.5, np.nan])])
def test_wrong_input_is_refused(y, p):
    """Shapes that differ, grids not flattened, and values that are no scores."""
    with pytest.raises(ValueError, match="Expected"):
        metrics.average_precision(y, p)


def synthetic(n, seed, offset):
    """Scores as a network gives them: logits of a rare class over a wide range."""
    rng = np.random.default_rng(seed)
    y = rng.random(n) < 0.02
    return y, 1 / (1 + np.exp(-(rng.normal(offset, 2.0, n) + 3.0 * y)))


@pytest.mark.parametrize("offset", [-9.0, -4.0, 0.0])
def test_histogram_agrees_with_exact_scores(offset):
    """Average precision and best Jaccard to 1e-4, Brier to rounding, whether scores are near 0 or 1/2."""
    y, p = synthetic(200_000, 11, offset)
    histogram = ScoreHistogram()
    for part in np.array_split(np.arange(y.size), 7):
        histogram.add(y[part], p[part])
    assert histogram.average_precision() == pytest.approx(metrics.average_precision(y, p), abs=1e-4)
    value, threshold = metrics.best_jaccard(y, p)
    assert 0.05 < value < 0.95
    assert histogram.best_jaccard()[0] == pytest.approx(value, abs=1e-4)
    assert metrics.jaccard(y, p, histogram.best_jaccard()[1]) == pytest.approx(value, abs=1e-4)
    assert histogram.jaccard(threshold) == pytest.approx(value, abs=1e-4)
    assert histogram.brier() == pytest.approx(metrics.brier(y, p), rel=1e-9)
    assert histogram.prevalence() == pytest.approx(y.mean(), rel=1e-12)
    assert histogram.calibration_gap() == pytest.approx((p - y).mean(), rel=1e-9)


def test_histogram_threshold_gives_its_own_best_value():
    """The returned threshold is a bin edge: scoring at it repeats the best value."""
    histogram = ScoreHistogram()
    histogram.add(*synthetic(50_000, 3, -4.0))
    value, threshold = histogram.best_jaccard()
    assert histogram.jaccard(threshold) == value


def test_histogram_merge_is_sum():
    """Two workers' histograms give what one would."""
    y, p = synthetic(10_000, 2, -2.0)
    whole, left, right = ScoreHistogram(), ScoreHistogram(), ScoreHistogram()
    whole.add(y, p)
    left.add(y[:3000], p[:3000])
    right.add(y[3000:], p[3000:])
    left.merge(right)
    assert left.count == whole.count == 10_000
    assert left.average_precision() == whole.average_precision()
    assert left.brier() == pytest.approx(whole.brier())


def test_histogram_takes_zero_and_one():
    """Scores of exactly 0 and 1 are the lowest and the highest bin."""
    histogram = ScoreHistogram()
    histogram.add([1, 0, 0, 1], [1.0, 1.0, 0.0, 0.0])
    assert histogram.average_precision() == pytest.approx(0.5)
    assert histogram.best_jaccard()[0] == pytest.approx(0.5)


def test_histogram_scores_ten_million_voxels_in_seconds():
    """A split's ligand channel, streamed; generous limit for a busy core."""
    import time

    y, p = synthetic(1_000_000, 1, -4.0)
    histogram = ScoreHistogram()
    start = time.process_time()
    for _ in range(10):
        histogram.add(y, p)
    histogram.average_precision()
    assert time.process_time() - start < 10


LIGANDS = [[[0.0, 0, 0], [1.5, 0, 0]], [[20.0, 0, 0]]]


@pytest.mark.parametrize("x, found", [(5.499, True), (5.5, True), (5.501, False)])
def test_dca_near_the_cutoff(x, found):
    """4 A is counted from the closest heavy atom, inclusive; a millangstrom more is a miss."""
    assert metrics.dca_success([[x, 0, 0]], LIGANDS).tolist() == [found, False]


def test_dca_counts_as_many_pockets_as_ligands():
    """Two ligands: the third pocket counts only for top-(n+2)."""
    centers = [[50.0, 0, 0], [1.0, 0, 0], [21.0, 0, 0]]
    assert metrics.dca_success(centers, LIGANDS).tolist() == [True, False]
    assert metrics.dca_success(centers, LIGANDS, extra=2).tolist() == [True, True]


def test_dca_fifth_pocket_of_two_ligands_never_counts():
    """top-(n+2) of two ligands is four pockets."""
    centers = [[50.0, 0, 0]] * 4 + [[20.0, 0, 0]]
    assert metrics.dca_success(centers, LIGANDS, extra=2).tolist() == [False, False]


def test_dca_one_pocket_may_find_two_ligands():
    """A pocket between two ligands finds both."""
    assert metrics.dca_success([[3.0, 0, 0]], [[[0.0, 0, 0]], [[6.0, 0, 0]]]).tolist() == [True, True]


def test_dca_without_pockets_is_a_failure():
    """No prediction is a miss for every ligand, not an error."""
    assert metrics.dca_success(np.empty((0, 3)), LIGANDS).tolist() == [False, False]


def test_pocket_distances_by_hand():
    """DCA to the closest atom, DCC to the mean of the atoms, of every pocket to every ligand."""
    dca, dcc = metrics.pocket_distances([[0.0, 4, 0], [20.0, 0, 3]], [[[0.0, 0, 0], [6.0, 0, 0]], [[20.0, 0, 0]]])
    np.testing.assert_allclose(dca, [[4, np.hypot(20, 4)], [np.hypot(14, 3), 3]])
    np.testing.assert_allclose(dcc, [[5, np.hypot(20, 4)], [np.hypot(17, 3), 3]])


def test_pocket_distances_without_pockets():
    """No pocket: no rows, and as many columns as ligands."""
    assert [d.shape for d in metrics.pocket_distances([], LIGANDS)] == [(0, 2), (0, 2)]
