"""Intervals and tests against hand counts, exact scores, scikit-learn, and their own promises in simulations."""

import inspect
from dataclasses import fields, replace
from itertools import product

import numpy as np
import pytest
from scipy import stats

from benchmarks import statistics as st
from pocketvox import metrics
from pocketvox.errors import InputError

NAN = float("nan")
Y = np.array([1, 0, 1, 1, 0, 0, 0, 0], bool)
P = np.array([0.9, 0.8, 0.7, 0.4, 0.4, 0.3, 0.2, 0.1])


def columns(units, n, seed):
    """Scores of several sites as a network gives them, of different difficulty."""
    rng = np.random.default_rng(seed)
    for _ in range(units):
        y = rng.random(n) < rng.uniform(0.01, 0.1)
        yield y, (1 / (1 + np.exp(-(rng.normal(rng.normal(-4, 1), 2, n) + 3 * y)))).astype(np.float32)


def pooled(units, weights):
    """Truth and scores with each site repeated as often as its weight says."""
    pairs = [unit for unit, weight in zip(units, weights, strict=True) for _ in range(weight)]
    return np.concatenate([y for y, _ in pairs]), np.concatenate([p for _, p in pairs])


def test_tally_by_hand():
    """At 0.7, two of three positives and one negative are on; a millionth higher one positive less."""
    assert st.tally(Y, P, 0.7).counts.tolist() == [2, 1, 1]
    assert st.tally(Y, P, 0.700001).counts.tolist() == [1, 1, 2]
    stacked = st.stack([st.tally(Y, P, 0.7)])
    assert st.pooled_jaccard(stacked) == pytest.approx(2 / 4)
    assert st.pooled_dice(stacked) == pytest.approx(4 / 6)
    assert st.pooled_average_precision(stacked) == pytest.approx((1 + 2 / 3 + 3 / 5) / 3, abs=1e-12)
    assert st.pooled_brier(stacked) == pytest.approx((0.01 + 0.64 + 0.09 + 0.36 + 0.16 + 0.09 + 0.04 + 0.01) / 8)


def test_pooled_scores_are_those_of_repeated_voxels():
    """Every row of weights gives what the exact functions give for sites repeated so often; a single row, a float."""
    units = list(columns(12, 2000, 3))
    stacked = st.stack([st.tally(y, p, 0.3) for y, p in units])
    weights = np.vstack([np.ones(12, int), st.cluster_weights(range(12), samples=3, seed=1)])
    exact = {
        st.pooled_jaccard: (lambda y, p: metrics.jaccard(y, p, 0.3), 1e-12),
        st.pooled_dice: (lambda y, p: metrics.dice(y, p, 0.3), 1e-12),
        st.pooled_average_precision: (metrics.average_precision, 1e-3),
        st.pooled_brier: (metrics.brier, 1e-9),
        st.pooled_calibration_error: (metrics.expected_calibration_error, 1e-9),
    }
    for function, (reference, tolerance) in exact.items():
        expected = [reference(*pooled(units, row)) for row in weights]
        assert 0 < min(expected) < max(expected) < 1
        assert function(stacked, weights) == pytest.approx(expected, abs=tolerance)
        assert isinstance(function(stacked, weights[1]), float)
        assert function(stacked) == pytest.approx(expected[0], abs=tolerance)


def test_calibration_error_is_the_same_number():
    """Not a digit between the two for one site; the same bins, and 1 in the last of them."""
    default = inspect.signature(metrics.expected_calibration_error).parameters["bins"].default
    assert default == st.CALIBRATION_BINS
    for y, p in [*columns(5, 3000, 8), (Y, np.round(P * 15) / 15), (Y, np.ones(8))]:
        assert st.pooled_calibration_error(st.stack([st.tally(y, p, 0.5)])) == metrics.expected_calibration_error(y, p)


@pytest.mark.parametrize("offset, prevalence", [(-9, 0.02), (-4, 0.01), (-4, 0.06), (0, 0.2)])
def test_binned_average_precision_is_near_the_exact_one(offset, prevalence):
    """Less than 1e-3 apart on 20,000 voxels."""
    rng = np.random.default_rng(4)
    y = rng.random(20_000) < prevalence
    p = 1 / (1 + np.exp(-(rng.normal(offset, 2, y.size) + 3 * y)))
    value = st.pooled_average_precision(st.stack([st.tally(y, p, 0.5)]))
    assert value == pytest.approx(metrics.average_precision(y, p), abs=1e-3)


def test_undefined_pooled_scores_are_nan():
    """No positive, no voxel, or a threshold that could not be chosen."""
    none = st.stack([st.tally([0, 0], [0.1, 0.2], 0.5)])
    assert np.isnan([st.pooled_jaccard(none), st.pooled_dice(none), st.pooled_average_precision(none)]).all()
    empty = st.stack([st.tally([], [], 0.5)])
    assert np.isnan([st.pooled_brier(empty), st.pooled_calibration_error(empty)]).all()
    unknown = st.stack([st.tally(Y, P, NAN)])
    assert np.isnan([st.pooled_jaccard(unknown), st.pooled_dice(unknown)]).all()
    some = st.stack([st.tally(Y, P, 0.5), st.tally([0], [0.1], 0.5)])
    assert st.pooled_jaccard(some, [[1, 0], [0, 1]]) == pytest.approx([2 / 4, NAN], nan_ok=True)


def test_add_is_the_tally_of_all_voxels():
    """Two halves make the whole; sums do not overflow."""
    whole, both = st.tally(Y, P, 0.5), st.add(st.tally(Y[:3], P[:3], 0.5), st.tally(Y[3:], P[3:], 0.5))
    for field in fields(st.Tally):
        assert getattr(both, field.name) == pytest.approx(getattr(whole, field.name), abs=1e-12)
    large = replace(whole, histogram=np.full_like(whole.histogram, 2**31 - 1))
    assert st.add(large, large).histogram.max() == 2**32 - 2


def test_stacks_of_stacks_score_every_column():
    """Units first, then channels: one row of weights gives a score per channel."""
    a, b = st.tally(Y, P, 0.7), st.tally(Y, P, 0.4)
    stacked = st.stack([st.stack([a, b]), st.stack([b, a])])
    assert st.pooled_jaccard(stacked, [1, 0]) == pytest.approx([2 / 4, 3 / 5])
    assert st.pooled_jaccard(stacked, [[1, 0], [1, 1]]) == pytest.approx(np.array([[2 / 4, 3 / 5], [5 / 9, 5 / 9]]))
    assert st.pooled_average_precision(stacked, np.ones((7, 2))).shape == (7, 2)


def test_wrong_stacks_are_refused():
    """A single tally, a weight too few, nothing to stack."""
    single = st.tally(Y, P, 0.5)
    with pytest.raises(InputError, match="Use stack"):
        st.pooled_jaccard(single, [1, 1, 1])
    with pytest.raises(InputError, match="Use stack"):
        st.pooled_jaccard(single)
    with pytest.raises(InputError, match="weight per unit"):
        st.pooled_brier(st.stack([single, single]), [1])
    with pytest.raises(InputError, match="Received: none"):
        st.stack([])


def test_cluster_weights_draw_whole_clusters():
    """Units of a cluster go together; three clusters are drawn each time, each one once on average."""
    weights = st.cluster_weights(["a", ("b", 1), "a", "c"], samples=4000)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(4), abs=0.05)
    assert (weights[:, 0] == 0).mean() == pytest.approx((2 / 3) ** 3, abs=0.03)


def test_resamples_depend_on_the_seed_alone():
    """Same seed, same numbers; another seed, others."""
    values, clusters = np.random.default_rng(0).random(30), np.arange(30) // 2
    assert st.bootstrap_mean(values, clusters) == st.bootstrap_mean(values, clusters)
    assert st.bootstrap_mean(values, clusters) != st.bootstrap_mean(values, clusters, seed=st.SEED + 1)
    first, again, other = (
        st.paired_means_test(values, values[::-1] ** 2, clusters, permutations=99, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_interval_by_hand():
    """Linear between ranks: 2.5 % of 0..100 is 2.5. NaN is left out."""
    assert st.interval([*range(101), NAN]) == pytest.approx((2.5, 97.5))
    assert st.interval(range(101), level=0.5) == pytest.approx((25, 75))
    assert np.isnan(st.interval([NAN])).all()


def test_bootstrap_row_by_row_and_at_once():
    """A statistic of one row and the same of many give the same; the value is that of every unit once."""
    values, clusters = np.random.default_rng(5).random(12), "aabbccddeeff"
    rows = st.bootstrap(clusters, lambda w: float(w @ values / w.sum()), samples=600)
    assert rows["value"] == pytest.approx(values.mean())
    assert rows == pytest.approx(st.bootstrap_mean(values, clusters, samples=600))
    assert rows["low"] < rows["value"] < rows["high"]


def test_bootstrap_over_pooled_scores_brackets_them():
    """The pooled scores fit in as they are."""
    stacked = st.stack([st.tally(y, p, 0.3) for y, p in columns(20, 500, 6)])
    for score in (st.pooled_jaccard, st.pooled_average_precision):
        out = st.bootstrap(range(20), lambda w, score=score: score(stacked, w), vectorized=True, samples=300)
        assert 0 < out["low"] < out["value"] == score(stacked) < out["high"] < 1


def test_bootstrap_means_and_medians_equal_numpy():
    """On repeated units; missing values leave with their units, and with a cluster that has nothing else."""
    values, clusters = np.array([0.5, NAN, 0.1, 0.9, 0.4, NAN]), ["a", "a", "b", "b", "c", "d"]
    known, weights = values[~np.isnan(values)], st.cluster_weights(["a", "b", "b", "c"], samples=200, seed=7)
    for function, exact in ((st.bootstrap_mean, np.mean), (st.bootstrap_median, np.median)):
        out = function(values, clusters, samples=200, seed=7)
        expected = [exact(np.repeat(known, row)) for row in weights]
        assert out["value"] == pytest.approx(exact(known))
        assert (out["low"], out["high"]) == pytest.approx(st.interval(expected))


@pytest.mark.parametrize("values, clusters", [([], []), ([NAN], ["a"]), ([0.5, 0.7], ["a", "a"])])
def test_interval_of_fewer_than_two_clusters_is_unknown(values, clusters):
    """All resamples of one cluster are the same: a width of 0 would be a false promise."""
    for function in (st.bootstrap_mean, st.bootstrap_median):
        out = function(values, clusters)
        assert out["value"] == pytest.approx(0.6 if len(values) == 2 else NAN, nan_ok=True)
        assert np.isnan([out["low"], out["high"]]).all()


def test_interval_covers_the_mean():
    """About 95 of 100 intervals hold the true mean; with clusters of four like units, only if clusters are drawn."""
    rng = np.random.default_rng(11)
    inside = {"singletons": 0, "clusters": 0, "clusters ignored": 0}
    single, four = np.arange(60), np.arange(240) // 4
    for seed in range(300):
        values = rng.exponential(1.0, 60)
        for name, (v, c) in {
            "singletons": (values, single),
            "clusters": (np.repeat(values, 4), four),
            "clusters ignored": (np.repeat(values, 4), np.arange(240)),
        }.items():
            out = st.bootstrap_mean(v, c, samples=200, seed=seed)
            inside[name] += out["low"] <= 1.0 <= out["high"]
    assert 0.90 <= inside["singletons"] / 300 <= 0.98
    assert inside["clusters"] == inside["singletons"]
    assert inside["clusters ignored"] / 300 < 0.75


def test_like_units_in_clusters_widen_the_interval():
    """Four copies of each value are no new information: twice the width of 240 independent ones."""
    values = np.repeat(np.random.default_rng(2).random(60), 4)
    wide, narrow = st.bootstrap_mean(values, np.arange(240) // 4), st.bootstrap_mean(values, np.arange(240))
    assert (wide["high"] - wide["low"]) / (narrow["high"] - narrow["low"]) == pytest.approx(2, abs=0.25)


def test_permutations_by_hand():
    """Differences 3, 2, -1 in three clusters: of 8 sign patterns 4 reach a sum of 4, itself, +6 and their negatives."""
    out = st.paired_means_test([3.0, 2.0, 0.0], [0.0, 0.0, 1.0], "abc")
    assert out == {"difference": pytest.approx(4 / 3), "p_value": 4 / 8, "permutations": 8, "exact": True}


def test_permutations_keep_clusters_together():
    """The same three differences, the first two of one cluster: of 4 patterns (4, 6, -6, -4) all reach 4."""
    out = st.paired_means_test([3.0, 2.0, 0.0], [0.0, 0.0, 1.0], "aab")
    assert out["p_value"] == 4 / 4
    assert st.paired_means_test([3.0, 2.0, 1.0], [0.0, 0.0, 0.0], "aab")["p_value"] == 2 / 4


def test_rounding_does_not_break_ties():
    """0.1 + 0.2 - 0.3 is not quite 0 for the computer; with 0.05 more or less it is as far from 0 as without."""
    assert 0.1 + 0.2 - 0.3 + 0.05 > 0.05
    assert st.paired_means_test([0.1, 0.2, 0.0, 0.05], [0.0, 0.0, 0.3, 0.0], "abcd")["p_value"] == 1.0


def test_permutations_equal_scipy():
    """Exact p-value of paired means."""
    rng = np.random.default_rng(3)
    a, b = rng.random(9), rng.random(9) + 0.15
    theirs = stats.permutation_test(
        (a, b), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples", vectorized=True
    )
    ours = st.paired_means_test(a, b, range(9))
    assert 0.01 < ours["p_value"] == pytest.approx(theirs.pvalue)
    assert ours["difference"] == pytest.approx(theirs.statistic)


def test_exact_up_to_as_many_combinations_as_permutations():
    """8 combinations of 3 clusters: enumerated if 8 are allowed; drawn if 7 are, p being a whole number of eighths."""
    values = ([3.0, 2.0, 0.0], [0.0, 0.0, 1.0], "abc")
    assert st.paired_means_test(*values, permutations=8)["exact"]
    drawn = st.paired_means_test(*values, permutations=7)
    assert not drawn["exact"] and drawn["permutations"] == 7
    assert drawn["p_value"] * 8 == pytest.approx(round(drawn["p_value"] * 8))
    assert drawn["p_value"] >= 1 / 8


def test_paired_counts_by_brute_force():
    """Swapping whole clusters of counts, pooled and averaged over classes, for every combination."""
    rng = np.random.default_rng(9)
    a, b = rng.integers(0, 20, (2, 7, 3, 3))
    clusters = "aabccde"

    def difference(swapped):
        keep = np.array([name not in swapped for name in clusters])[:, None, None]
        x, y = np.where(keep, a, b).sum(axis=0), np.where(keep, b, a).sum(axis=0)
        return np.mean([r[0] / r.sum() for r in x]) - np.mean([r[0] / r.sum() for r in y])

    subsets = [{n for n, on in zip("abcde", bits, strict=True) if on} for bits in product((0, 1), repeat=5)]
    null = np.abs([difference(swapped) for swapped in subsets])
    out = st.paired_counts_test(a, b, clusters)
    assert out["difference"] == pytest.approx(difference(set()))
    assert out["p_value"] == np.mean(null >= null[0] - 1e-12)
    assert 0 < out["p_value"] < 1


def test_p_values_are_uniform_without_a_difference():
    """Of 300 comparisons of like methods some 5 % fall below 0.05 and half below 0.5."""
    rng = np.random.default_rng(1)
    clusters = np.arange(40) // 2
    p = np.array(
        [st.paired_means_test(*rng.random((2, 40)), clusters, permutations=199, seed=s)["p_value"] for s in range(300)]
    )
    assert 0.02 <= np.mean(p <= 0.05) <= 0.08
    assert 0.42 <= np.mean(p <= 0.5) <= 0.58


def test_a_clear_difference_is_found():
    """One method gets a fifth more right everywhere: the smallest p-value possible, in either direction."""
    rng = np.random.default_rng(1)
    b = rng.integers(20, 60, (40, 3, 3))
    a = b + [20, 0, -20]
    for first, second, sign in ((a, b, 1), (b, a, -1)):
        out = st.paired_counts_test(first, second, range(40), permutations=499)
        assert out["p_value"] == 1 / 500
        assert np.sign(out["difference"]) == sign


def test_undefined_differences():
    """Without a unit, or with a class that neither can be scored on, there is no p-value. Missing pairs leave."""
    assert np.isnan(st.paired_means_test([], [], [])["p_value"])
    assert np.isnan(st.paired_means_test([NAN, 1.0], [1.0, NAN], "ab")["p_value"])
    assert st.paired_means_test([3.0, NAN, 2.0], [0, 5.0, 0], "abc")["p_value"] == 2 / 4
    a = np.array([[[1, 1, 1], [0, 0, 0]], [[2, 1, 0], [0, 0, 0]]])
    assert np.isnan(st.paired_counts_test(a, a, "ab")["p_value"])
    assert st.paired_counts_test(a[:, :1], a[:, :1], "ab")["p_value"] == 1.0


def test_pairs_that_do_not_match_are_refused():
    """Other units, or a cluster missing."""
    counts = np.ones((2, 3, 3), int)
    for a, b, clusters in ((counts, counts[:1], "ab"), (counts, counts, "a"), (counts[..., :2], counts[..., :2], "ab")):
        with pytest.raises(InputError, match="same units"):
            st.paired_counts_test(a, b, clusters)
    with pytest.raises(InputError, match="Pair them"):
        st.paired_means_test([1.0, 2.0], [1.0], "ab")
    with pytest.raises(InputError, match="value per unit"):
        st.bootstrap_mean([1.0, 2.0], "a")


def test_holm_by_hand():
    """Sorted 0.01, 0.02, 0.03, 0.5 times 4, 3, 2, 1; a smaller product than the one before is raised to it."""
    assert st.holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert st.holm([0.02, 0.011, 0.012]) == pytest.approx([0.033, 0.033, 0.033])
    assert st.holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])


def test_holm_does_not_count_missing_tests():
    """Two tests and a NaN are two tests."""
    assert st.holm([0.02, NAN, 0.04]) == pytest.approx([0.04, NAN, 0.04], nan_ok=True)
    assert st.holm([]).shape == (0,)
    with pytest.raises(InputError, match="from 0 to 1"):
        st.holm([0.5, 1.5])


def test_bland_altman_by_hand():
    """Differences 1, 2, 3, 6: mean 3, squares about it 4 + 1 + 0 + 9 over n - 1 = 3; a NaN pair leaves."""
    out = st.bland_altman([1, 2, 3, 6, NAN], [0, 0, 0, 0, 1])
    sd = np.sqrt(14 / 3)
    assert out == pytest.approx({"n": 4, "bias": 3, "sd": sd, "lower": 3 - 1.96 * sd, "upper": 3 + 1.96 * sd})
    one = st.bland_altman([2], [1])
    assert one == pytest.approx({"n": 1, "bias": 1, "sd": NAN, "lower": NAN, "upper": NAN}, nan_ok=True)
    assert np.isnan(st.bland_altman([], [])["bias"])


def test_cohen_kappa_by_hand():
    """Observed 35 of 50 alike; by chance 25 * 30 + 25 * 20 of 2500, a half: (0.7 - 0.5) / 0.5."""
    a = "y" * 25 + "n" * 25
    b = "y" * 20 + "n" * 5 + "y" * 10 + "n" * 15
    assert st.cohen_kappa(a, b, "yn") == pytest.approx(0.4)


def test_linear_kappa_counts_steps():
    """One unit of 4 is off by 2 steps, by chance 16 of 16 pairs by 1 on average; unweighted 1/4 against 11/16."""
    a, b = [0, 1, 2, 0], [0, 1, 2, 2]
    assert st.cohen_kappa(a, b, range(3), weights="linear") == pytest.approx(1 - (2 / 4) / (16 / 16))
    assert st.cohen_kappa(a, b, range(3)) == pytest.approx(1 - (1 / 4) / (11 / 16))


def test_cohen_kappa_equals_scikit_learn():
    """Both weightings, a category that never occurs among them."""
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed (extra: bench)")
    rng = np.random.default_rng(2)
    a = rng.integers(0, 4, 80)
    b = np.where(rng.random(80) < 0.5, a, rng.integers(0, 4, 80))
    for weights in (None, "linear"):
        ours = st.cohen_kappa(a.tolist(), b.tolist(), range(5), weights)
        assert 0.1 < ours == pytest.approx(sklearn.cohen_kappa_score(a, b, labels=range(5), weights=weights))


def test_kappa_without_a_choice_is_nan():
    """One category only, or no unit; a category that is not listed is refused."""
    assert np.isnan([st.cohen_kappa("aa", "aa", "ab"), st.cohen_kappa([], [], "ab")]).all()
    assert st.cohen_kappa("ab", "ab", "ab") == 1.0
    for arguments in (("ac", "ab", "ab"), ("ab", "ab", "ab", "quadratic")):
        with pytest.raises(InputError, match="Expected the categories"):
            st.cohen_kappa(*arguments)
