"""Bands hold the truth as often as they say, by simulation; those that they replaced do not.

Every simulation draws data whose true score is known, makes the band of each, and counts. The old
bands, percentiles of resampled means, go through the same counts as a control that must fail.
"""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from dirimix import scores
from dirimix.laws import bootstrap as module
from dirimix.laws.bands import difference_of, root, share_band, slope_of_root
from dirimix.laws.bootstrap import FEWEST, Bootstrap, Resamples

LEVEL, TRIALS = 0.9, 500
# 0.9 less what the studentised bootstrap lacks with so few rows, and three binomial deviations
ENOUGH = 0.9 - 0.03 - 3 * np.sqrt(0.9 * 0.1 / TRIALS)
Contribution = Callable[[np.ndarray], np.ndarray]


def crps_of_standard_normal(z: np.ndarray) -> np.ndarray:
    both = z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z)
    return both - 1 / np.sqrt(np.pi)


# what a row with the standard normal error z adds to a score, and the mean of it
ADDED: dict[str, tuple[Contribution, float]] = {
    "rms": (np.square, 1.0),
    "mae": (np.abs, np.sqrt(2 / np.pi)),
    "crps": (crps_of_standard_normal, 1 / np.sqrt(np.pi)),
    "log_score": (stats.norm.logpdf, -0.5 * np.log(2 * np.pi) - 0.5),
}


def percentile_band(found: Resamples) -> np.ndarray:
    """The band as it was: the middle of the resampled means."""
    return np.quantile(found.means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)


def held(band, values, truth, clusters=None) -> float:
    """How often the bands of columns, one a data set, (n, trials), hold the truth."""
    found = [Bootstrap(seed, 400).resample(values[:, t : t + 50], clusters)
             for seed, t in enumerate(range(0, values.shape[1], 50))]  # fmt: skip
    low, high = np.concatenate([band(resamples) for resamples in found], axis=1)
    return float(np.mean((low <= truth) & (truth <= high)))


@pytest.mark.parametrize("score", ADDED)
@pytest.mark.parametrize("n", [5, 7, 10, 20, 60])
def test_bands_of_few_rows_hold_the_truth_as_often_as_they_say(score, n):
    added, truth = ADDED[score]
    values = added(np.random.default_rng(n).standard_normal((n, TRIALS)))
    assert held(Resamples.band, values, truth) > ENOUGH


@pytest.mark.parametrize("score", ADDED)
@pytest.mark.parametrize("n", [5, 7])
def test_percentiles_of_resampled_means_do_not(score, n):
    added, truth = ADDED[score]
    values = added(np.random.default_rng(n).standard_normal((n, TRIALS)))
    # mean absolute errors are the least skewed
    assert held(percentile_band, values, truth) < (ENOUGH if score == "mae" else 0.82)


@pytest.mark.parametrize("n", [5, 8, 20])
@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_bands_of_paired_differences_of_rms_do(n, scale):
    rng, hits = np.random.default_rng(n), 0
    for seed in range(TRIALS):
        z = rng.standard_normal((n, 2)) @ [[1.0, 0.8], [0.0, 0.6]]
        found = scores.paired_rms_difference(z[:, 0], scale * z[:, 1], seed, n_boot=300)
        hits += found.lo <= 1 - scale <= found.hi
    assert hits / TRIALS > ENOUGH


@pytest.mark.parametrize("groups", [5, 10, 30])
@pytest.mark.parametrize("shared", [0.0, 0.5, 0.9])
def test_bands_of_few_clusters_do_and_those_that_take_rows_for_independent_do_not(groups, shared):
    rng = np.random.default_rng(groups)
    labels = np.repeat(np.arange(groups), rng.integers(3, 12, groups))
    common = rng.standard_normal((groups, TRIALS))[labels]
    own = rng.standard_normal(common.shape)
    squares = (np.sqrt(shared) * common + np.sqrt(1 - shared) * own) ** 2
    assert held(Resamples.band, squares, 1.0, labels) > ENOUGH
    assert (held(Resamples.band, squares, 1.0) > ENOUGH) == (shared == 0)


def shares(level: float, groups: int, shared: float, rng: np.random.Generator):
    """Hits of a calibrated law in clusters of rows that err alike, and the clusters."""
    sizes = rng.integers(1, 12, groups) if shared else np.ones(groups, dtype=int)
    labels = np.repeat(np.arange(groups), sizes)
    z = np.sqrt(shared) * rng.standard_normal(groups)[labels]
    z = z + np.sqrt(1 - shared) * rng.standard_normal(len(labels))
    return np.abs(z) <= stats.norm.ppf(0.5 + level / 2), labels


def share_held(band, level, groups, shared) -> float:
    rng, hits = np.random.default_rng(groups), 0
    for _ in range(TRIALS):
        found = band(*shares(level, groups, shared, rng))
        hits += found[0] <= level <= found[1]
    return hits / TRIALS


def ends(hits, labels) -> tuple[float, float]:
    band = share_band(hits, labels)
    return band.lo, band.hi


def percentile_ends(hits, labels) -> tuple[float, float]:
    low, high = percentile_band(Bootstrap(0, 200).resample(hits[:, None].astype(float), labels))
    return low[0], high[0]


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
@pytest.mark.parametrize(
    ("groups", "shared"), [(5, 0.0), (10, 0.0), (40, 0.0), (5, 0.5), (12, 0.5)]
)
def test_bands_of_coverage_hold_it(level, groups, shared):
    assert share_held(ends, level, groups, shared) > ENOUGH


@pytest.mark.parametrize(("groups", "shared"), [(5, 0.0), (10, 0.0), (5, 0.5)])
def test_percentile_bands_of_coverage_do_not(groups, shared):
    assert share_held(percentile_ends, 0.95, groups, shared) < 0.7


def test_a_coverage_of_all_rows_is_not_certain():
    for n in (1, 5, 20):
        inside = np.ones(n, dtype=bool)
        band = share_band(inside)
        assert band == share_band(inside, np.arange(n)) == scores.binomial_band(n, n)
        assert (band.lo, band.hi) == (pytest.approx(0.05 ** (1 / n)), 1.0)
        assert share_band(~inside).hi == pytest.approx(1 - band.lo)
    assert share_band(np.ones(20, dtype=bool), np.zeros(20)).lo == pytest.approx(0.05)


def test_rows_that_are_hit_together_count_as_fewer():
    hits = np.repeat(np.arange(12) % 3 > 0, 5)
    labels = np.repeat(np.arange(12), 5)
    as_one = scores.binomial_band(8, 12)
    assert share_band(hits, labels) == pytest.approx(as_one, abs=1e-9)
    apart, alone = share_band(hits, np.tile(np.arange(12), 5)), scores.binomial_band(40, 60)
    assert as_one.lo < apart.lo <= alone.lo < alone.hi <= apart.hi < as_one.hi


def test_the_exact_binomial_band_is_that_of_scipy_and_of_tables():
    for hits, n in ((0, 3), (8, 10), (10, 10), (50, 100)):
        band = scores.binomial_band(hits, n)
        interval = stats.binomtest(hits, n).proportion_ci(0.9, method="exact")
        assert (band.lo, band.hi) == pytest.approx((interval.low, interval.high), abs=1e-12)
    band = scores.binomial_band(8, 10, level=0.95)
    assert (band.lo, band.hi) == pytest.approx((0.4439, 0.9748), abs=1e-4)


def test_the_nominal_band_holds_the_coverage_of_a_calibrated_law():
    nominal = scores.nominal_band(0.9, 63)
    lo, hi = round(nominal.lo * 63), round(nominal.hi * 63)
    law = stats.binom(63, 0.9)
    assert law.cdf(lo - 1) <= 0.025 < law.cdf(lo)
    assert law.sf(hi) <= 0.025 < law.sf(hi - 1)


@pytest.mark.parametrize("draw", ["exponential", "standard_normal"])
def test_the_band_of_many_rows_is_that_of_scipy(draw):
    values = getattr(np.random.default_rng(1), draw)(size=300)
    ours = scores.bootstrap_band(values, np.mean, seed=0, n_boot=20_000)
    theirs = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=5000,
        method="BCa",
        confidence_level=0.9,
        random_state=np.random.default_rng(0),  # pyright: ignore[reportCallIssue] by a decorator
    )
    # the 5 % quantile of 5000 resamples has a Monte Carlo error of 0.03 of their deviation
    near = 5 * 0.03 * theirs.standard_error
    assert abs(ours.lo - theirs.confidence_interval.low) < near
    assert abs(ours.hi - theirs.confidence_interval.high) < near


def test_a_band_of_any_smooth_statistic_holds_it():
    def root_mean(squares, axis):
        return np.sqrt(np.mean(squares, axis=axis))

    rng, hits = np.random.default_rng(3), 0
    for seed in range(TRIALS):
        band = scores.bootstrap_band(rng.standard_normal(12) ** 2, root_mean, seed, n_boot=300)
        hits += band.lo <= 1 <= band.hi
    assert hits / TRIALS > ENOUGH


def test_standard_errors_are_those_of_the_mean_and_of_whole_clusters():
    rng = np.random.default_rng(5)
    values = rng.standard_normal((40, 2))
    plain = Bootstrap(0, 5).resample(values)
    np.testing.assert_allclose(plain.error, values.std(axis=0, ddof=1) / np.sqrt(40))
    halves = Bootstrap(0, 5).resample(np.repeat(values, 2, axis=0), np.repeat(np.arange(40), 2))
    for name in ("mean", "error", "means", "errors"):
        np.testing.assert_allclose(getattr(halves, name), getattr(plain, name), rtol=1e-9)
    wide = Bootstrap(0, 20_000).resample(values)
    np.testing.assert_allclose(wide.means.std(axis=0), plain.error, rtol=0.03)


def test_large_clusters_weigh_by_their_rows():
    values = np.array([[0.0], [0.0], [0.0], [1.0]])
    means = Bootstrap(0).resample(values, np.array([0, 0, 0, 1])).means
    assert set(np.unique(means.round(12))) == {0.0, 0.25, 1.0}


def test_an_end_that_the_resamples_leave_open_is_not_given():
    one_bad = np.array([[1.0, 1, 1, 1, 9]]).T
    assert np.isnan(Bootstrap(0).resample(one_bad).band()).all()
    assert np.isnan(Bootstrap(0).resample(np.ones((FEWEST - 1, 1))).band()).all()
    assert (Bootstrap(0).resample(np.ones((FEWEST, 1))).band() == 1).all()


def test_scores_that_are_infinite_have_no_band_and_warn_of_nothing():
    values = np.array([[-np.inf, 1.0], [0.0, 2.0], [1.0, 3.0], [2.0, 4.0], [3.0, 4.0], [1.0, 0.0]])
    found = Bootstrap(0).resample(values).band()
    assert np.isnan(found[:, 0]).all()
    assert np.isfinite(found[:, 1]).all()


def test_a_band_depends_on_its_seed_and_on_nothing_else(monkeypatch):
    values = np.random.default_rng(1).normal(size=50)
    first = scores.bootstrap_band(values, np.mean, seed=3)
    assert scores.bootstrap_band(values, np.mean, seed=3) == first
    assert scores.bootstrap_band(values, np.mean, seed=4) != first
    monkeypatch.setattr(module, "_BLOCK", 1000)
    assert scores.bootstrap_band(values, np.mean, seed=3) == first


def test_a_difference_of_a_score_that_is_0_everywhere_has_a_band():
    squares = np.stack([np.zeros(8), np.arange(8.0)], axis=1)
    found = difference_of(squares, root, slope_of_root, Bootstrap(0))
    assert found.lo < found.mean < found.hi < 0


def test_clusters_that_agree_count_as_their_rows():
    hits = np.tile([True, False], 20)
    in_pairs, of_rows = share_band(hits, np.repeat(np.arange(20), 2)), share_band(hits)
    assert (in_pairs.lo, in_pairs.hi) == (of_rows.lo, of_rows.hi)
