"""Scores against closed forms, numerical integration, another library and simulation."""

import numpy as np
import pytest
import scoringrules
from scipy import stats
from scipy.integrate import quad

from dirimix import scores
from dirimix.errors import InputError
from dirimix.laws.normal_mixture import NormalMixture


def normal(mean: float, sd: float, m: int = 1) -> NormalMixture:
    return NormalMixture.of_draws(np.full((1, m), mean), sd)


def mixture(c: int, m: int, seed: int = 0) -> NormalMixture:
    rng = np.random.default_rng(seed)
    mean, sd = rng.normal(0, 1, (c, m)), rng.uniform(0.2, 0.6, (c, m))
    return NormalMixture(mean, sd, rng.dirichlet(np.ones(c), m).T)


def integrated_crps(law: NormalMixture, y: float) -> float:
    """The definition: the integral of (F - 1{y <= t})^2 on both sides of y."""
    below = quad(lambda t: law.cdf(np.array([t]))[0] ** 2, -15, y, epsabs=1e-11, limit=400)[0]
    above = quad(lambda t: (1 - law.cdf(np.array([t]))[0]) ** 2, y, 15, epsabs=1e-11, limit=400)[0]
    return below + above


@pytest.mark.parametrize("c", [1, 3, 200])
def test_crps_is_its_own_integral(c):
    law = mixture(c, 2)
    for site, y in enumerate((0.3, -1.2)):
        one = law.at(slice(site, site + 1))
        expected = integrated_crps(one, y)
        assert scores.crps(one, np.array([y])) == pytest.approx(expected, abs=1e-8)


def test_crps_of_a_normal_law_is_the_known_one():
    y, mean, sd = 1.3, 0.5, 0.7
    z = (y - mean) / sd
    phi, cdf = stats.norm.pdf(z), stats.norm.cdf(z)
    expected = sd * (z * (2 * cdf - 1) + 2 * phi - 1 / np.sqrt(np.pi))
    assert scores.crps(normal(mean, sd), np.array([y])) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("c", [2, 40, 500])
def test_both_ways_to_the_crps_agree_with_another_library(c):
    law, y = mixture(c, 3, seed=c), np.array([0.0, 2.0, -0.4])
    columns = [a.T for a in (law.loc, law.scale, law.weight)]
    expected = scoringrules.crps_mixnorm(y, *columns)
    np.testing.assert_allclose(scores.crps_values(law, y), expected, atol=1e-8)
    wrong = NormalMixture(law.loc, 1.02 * law.scale, law.weight)
    assert np.abs(scores.crps_values(wrong, y) - expected).max() > 1e-4


def test_a_site_with_far_components_changes_no_other():
    # from c = 500 on the narrow sites are summed over a grid, the wide one over pairs
    law, y = mixture(500, 3), np.array([0.0, 2.0, -0.4])
    loc = law.loc * np.array([1.0, 1e6, 2.0])
    wide = NormalMixture(loc, law.scale, law.weight)
    found = scores.crps_values(wide, y)
    alone = [scores.crps_values(wide.at(slice(i, i + 1)), y[i : i + 1])[0] for i in range(3)]
    np.testing.assert_allclose(found, alone, rtol=1e-12)
    expected = scoringrules.crps_mixnorm(y, *(a.T for a in (loc, law.scale, law.weight)))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-8)


def test_crps_with_an_idle_component_and_one_far_away():
    mean, sd = np.array([[0.0], [1e9], [1e4]]), np.array([[0.1], [1e-9], [5.0]])
    law = NormalMixture(mean, sd, np.array([0.9, 0.0, 0.1]))
    expected = scoringrules.crps_mixnorm(0.2, mean[::2, 0], sd[::2, 0], law.weight[::2])
    assert scores.crps(law, np.array([0.2])) == pytest.approx(expected, rel=1e-9)


def test_a_perfect_forecast_scores_almost_nothing():
    y = np.array([1.0, -3.0, 7.0])
    law = NormalMixture.of_draws(y[None], 1e-6)
    assert scores.crps(law, y) < 1e-6
    assert scores.rms(y, law.mean()) == 0 == scores.mean_absolute_error(y, law.mean())
    assert scores.log_score(law, y) > 10
    assert scores.crps(law, y + 1) > 0.99


def test_log_score_is_the_mean_log_density_of_scipy():
    y = np.array([0.2, 1.0, -2.0])
    expected = stats.norm.logpdf(y, 0.5, 2.0).mean()
    assert scores.log_score(normal(0.5, 2.0, 3), y) == pytest.approx(expected, abs=1e-12)


def test_rms_and_mean_absolute_error():
    y, mean = np.array([0.0, 0.0, 0.0, 0.0]), np.array([1.0, -1.0, 3.0, -3.0])
    assert scores.rms(y, mean) == pytest.approx(np.sqrt(5))
    assert scores.mean_absolute_error(y, mean) == 2


@pytest.mark.parametrize(("scale", "calibrated"), [(1.0, True), (0.7, False), (1.5, False)])
def test_coverage_tells_a_calibrated_law_from_one_that_is_not(scale, calibrated):
    rng, m = np.random.default_rng(5), 1000
    mean = rng.normal(size=(50, m))
    claimed = NormalMixture.of_draws(scale * (mean - mean.mean(0)) + mean.mean(0), 0.5 * scale)
    y = mean[rng.integers(50, size=m), np.arange(m)] + 0.5 * rng.normal(size=m)
    found = scores.coverage(claimed, y)
    bands = [scores.nominal_band(level, m, confidence=0.999) for level in scores.LEVELS]
    inside = [b.lo <= c <= b.hi for b, c in zip(bands, found, strict=True)]
    assert all(inside) if calibrated else not any(inside)
    assert abs(scores.below_median(claimed, y) - 0.5) < 4 * np.sqrt(0.25 / m)
    assert (stats.kstest(scores.pit(claimed, y), "uniform").pvalue > 1e-3) == calibrated


def test_a_law_that_is_too_high_has_too_many_below_its_median():
    y = np.random.default_rng(0).normal(size=400)
    assert scores.below_median(normal(0.5, 1.0, 400), y) > 0.6


def test_observations_that_are_the_median_count_half():
    """As on days without rain, where all models and the observation are 0."""
    y = np.array([0.0, 0.0, 0.0, 0.0, -1.0, 1.0])
    law = normal(0.0, 1.0, 6)
    assert scores.below_median(law, y) == 0.5
    row = scores.score_row(law, y, seed=0)
    assert row["below_median_lo"] < 0.25 < 0.75 < row["below_median_hi"]


def test_paired_differences_have_the_sign_of_a_minus_b():
    rng = np.random.default_rng(2)
    shared = rng.normal(size=200)
    a, b = shared + 0.1 + 0.05 * rng.normal(size=200), shared
    found = scores.paired_difference(a, b, seed=0)
    assert found.lo < found.mean < found.hi
    assert found.lo > 0
    assert found.mean == pytest.approx(np.mean(a - b))
    back = scores.paired_difference(b, a, seed=0)
    assert (back.mean, back.lo, back.hi) == pytest.approx((-found.mean, -found.hi, -found.lo))


def test_pairing_sees_what_two_separate_bands_do_not():
    rng = np.random.default_rng(3)
    b = rng.normal(size=100)
    a = 1.1 * b
    paired = scores.paired_rms_difference(a, b, seed=0)
    assert paired.mean == pytest.approx(0.1 * np.sqrt(np.mean(b**2)))
    assert 0 < paired.lo < paired.mean < paired.hi
    shuffled = scores.paired_rms_difference(a, rng.permutation(b), seed=0)
    assert shuffled.lo < 0 < shuffled.hi


def test_equal_methods_do_not_differ():
    err = np.random.default_rng(0).normal(size=30)
    assert scores.paired_rms_difference(err, err, seed=0) == scores.Difference(0.0, 0.0, 0.0)


def test_a_score_row_has_every_column_and_the_single_scores():
    law, y = mixture(20, 40), np.random.default_rng(0).normal(size=40)
    row = scores.score_row(law, y, seed=0, n_boot=200)
    shares = [f"coverage_{c}" for c in (50, 68, 80, 90, 95)]
    names = ["rms", "mae", "crps", "log_score", *shares, "below_median"]
    assert list(row) == ["n", *(n + end for n in names for end in ("", "_lo", "_hi"))]
    assert row["n"] == 40
    assert row["rms"] == scores.rms(y, law.mean())
    assert row["mae"] == scores.mean_absolute_error(y, law.mean())
    assert row["crps"] == scores.crps(law, y)
    assert row["log_score"] == scores.log_score(law, y)
    assert [row[s] for s in shares] == scores.coverage(law, y).tolist()
    assert row["below_median"] == scores.below_median(law, y)
    assert all(row[n + "_lo"] <= row[n] <= row[n + "_hi"] for n in names)
    assert row == scores.score_row(law, y, seed=0, n_boot=200)
    assert all(type(value) in (int, float) for value in row.values())


@pytest.mark.parametrize("n", [1, 2, 4, 5])
def test_a_tiny_sample_has_scores_and_warns_of_nothing(n):
    row = scores.score_row(normal(0.0, 1.0, n), np.arange(n) / 2, seed=0)
    assert np.isfinite([row["rms"], row["crps"], row["coverage_90_lo"]]).all()
    assert np.isnan(row["rms_lo"]) == (n < 5)
    assert np.isnan(scores.paired_rms_difference(np.ones(n), np.ones(n), seed=0).lo) == (n < 5)


NO_SCORES = [
    (lambda: scores.rms(np.ones(3), np.ones(2)), r"shapes are \(3,\) and \(2,\)"),
    (lambda: scores.rms(np.ones(0), np.ones(0)), "at least one observation, and there is none"),
    (lambda: scores.crps(normal(0, 1, 2), np.ones(3)), r"the law has 2 sites and .* shape \(3,\)"),
    (
        lambda: scores.score_row(normal(0, 1, 2), np.array([0, np.nan]), seed=0),
        "the observation at row 2 is nan; score only the rows that have one",
    ),
    (lambda: scores.binomial_band(0, 0), "at least one observation"),
    (lambda: scores.nominal_band(0.5, 0), "at least one observation"),
    (lambda: scores.bootstrap_band(np.ones(0), np.mean, seed=0), "at least one observation"),
    (lambda: scores.paired_difference(np.ones(2), np.ones(3), seed=0), r"shapes are \(2,\)"),
]


@pytest.mark.parametrize(("call", "message"), NO_SCORES)
def test_what_cannot_be_scored_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
