import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import norm

from dirimix.assess.loo import leave_one_out, loo_tables
from dirimix.estimators.fitted import FittedMethod
from dirimix.table.split import Part, SplitTable
from stand_ins import Reporting

CHAINS, DRAWS = 4, 1000


def normal_mean(y, sd, rng):
    """Draws of the log likelihood of y_i ~ Normal(mu, sd^2), mu ~ flat, and its exact LOO."""
    n = len(y)
    mu = y.mean() + sd / np.sqrt(n) * rng.standard_normal((CHAINS, DRAWS, 1))
    others = (y.sum() - y) / (n - 1)
    exact = norm.logpdf(y, others, sd * np.sqrt(1 + 1 / (n - 1)))
    return norm.logpdf(y, mu, sd), exact


def test_the_estimate_is_the_exact_one_of_a_normal_mean():
    rng = np.random.default_rng(0)
    y = rng.normal(1, 2, 40)
    log_likelihood, exact = normal_mean(y, 2.0, rng)
    elpd, k, p = leave_one_out(log_likelihood)
    np.testing.assert_allclose(elpd, exact, atol=0.02)
    assert k.max() < 0.7
    seen = norm.logpdf(y, y.mean(), 2.0 * np.sqrt(1 + 1 / 40))
    assert p == pytest.approx((seen - exact).sum(), abs=0.05)


def test_a_row_that_decides_the_posterior_has_a_large_k():
    rng = np.random.default_rng(1)
    y = rng.normal(0, 1, 12)
    y[3] = 25.0
    log_likelihood, _ = normal_mean(y, 1.0, rng)
    _, k, _ = leave_one_out(log_likelihood)
    assert k[3] > 0.7
    assert np.delete(k, 3).max() < 0.7


@pytest.mark.parametrize("count", [1, 4, 5, 24])
def test_draws_whose_tail_is_too_short_are_refused_in_words(count):
    draws = np.random.default_rng(4).normal(size=(1, 25, 3))
    with pytest.raises(ValueError, match="ratios takes at least 25 draws"):
        leave_one_out(draws[:, :count])
    assert np.isfinite(leave_one_out(draws)[0]).all()


def test_a_row_that_one_draw_alone_explains_has_an_infinite_k_and_finite_scores():
    rng = np.random.default_rng(3)
    log_likelihood, _ = normal_mean(rng.normal(0, 1, 12), 1.0, rng)
    whole, its_k, _ = leave_one_out(log_likelihood)
    log_likelihood[..., 3] = -500 * np.abs(rng.standard_t(2, (CHAINS, DRAWS)))
    elpd, k, p = leave_one_out(log_likelihood)
    assert k[3] == np.inf
    # but for that draw's own share of the mean, the worst draw is all there is
    assert elpd[3] == pytest.approx(log_likelihood[..., 3].min() + np.log(CHAINS * DRAWS))
    assert p > np.ptp(log_likelihood[..., 3]) - 20
    others = np.arange(12) != 3
    np.testing.assert_allclose(elpd[others], whole[others], atol=1e-3)
    np.testing.assert_allclose(k[others], its_k[others], atol=0.05)


def test_a_row_that_all_draws_explain_alike_costs_the_others_nothing():
    rng = np.random.default_rng(6)
    log_likelihood, _ = normal_mean(rng.normal(0, 1, 12), 1.0, rng)
    whole, its_k, p = leave_one_out(log_likelihood)
    alike, level = log_likelihood.copy(), log_likelihood.copy()
    alike[..., 3] = -1.25  # leaving it out changes no draw
    cut = np.quantile(level[..., 3], 0.4)
    level[..., 3] = np.maximum(level[..., 3], cut)  # its largest ratios are one number
    others = np.arange(12) != 3
    for changed in (alike, level):
        elpd, k, _ = leave_one_out(changed)
        np.testing.assert_allclose(elpd[others], whole[others], atol=1e-3)
        np.testing.assert_allclose(k[others], its_k[others], atol=0.05)
    elpd, k, its_p = leave_one_out(alike)
    assert (elpd[3], k[3]) == (-1.25, 0)
    assert its_p < p
    elpd, k, _ = leave_one_out(level)
    plain = -np.log(np.mean(np.exp(-level[..., 3])))
    assert elpd[3] == pytest.approx(plain)
    assert k[3] == np.inf


def test_draws_that_are_all_alike_are_refused_in_words():
    with pytest.raises(ValueError, match="^they are all alike"):
        leave_one_out(np.tile([-1.0, -2.0], (4, 100, 1)))


def test_a_row_that_no_draw_explains_has_no_density():
    log_likelihood = np.random.default_rng(7).normal(size=(4, 100, 3))
    log_likelihood[..., 1] = -np.inf
    elpd, k, _ = leave_one_out(log_likelihood)
    assert (elpd[1], k[1]) == (-np.inf, np.inf)
    assert np.isfinite(elpd[[0, 2]]).all()


def test_a_latent_that_has_seen_its_row_must_be_integrated_out():
    """theta_i ~ Normal(0, 1), y_i ~ Normal(theta_i, 0.2^2): only the integral knows the truth."""
    rng = np.random.default_rng(2)
    y = rng.normal(0, np.hypot(1, 0.2), 30)
    truth = norm.logpdf(y, 0, np.hypot(1, 0.2)).sum()
    shrunk, sd = y / 1.04, 0.2 / np.sqrt(1.04)
    theta = shrunk + sd * rng.standard_normal((CHAINS, DRAWS, 30))
    conditional, _, _ = leave_one_out(norm.logpdf(y, theta, 0.2))
    assert conditional.sum() > truth + 5
    same = np.tile(norm.logpdf(y, 0, np.hypot(1, 0.2)), (CHAINS, DRAWS, 1))
    integrated, _, _ = leave_one_out(same + 1e-6 * rng.standard_normal(same.shape))
    assert integrated.sum() == pytest.approx(truth, abs=1e-3)


class Member(Reporting):
    """A fitted estimator with nothing but a posterior."""

    def __init__(self, log_likelihood):
        array = xr.DataArray(log_likelihood, dims=("chain", "draw", "point"))
        self.posterior_ = xr.DataTree.from_dict({"log_likelihood": xr.Dataset({"y": array})})


def fitted(name, log_likelihood):
    return FittedMethod(name, ("x",), ("a", "b"), "y", None, Member(log_likelihood))


def data(b):
    n = len(b)
    frame = pd.DataFrame({"x": np.arange(n) + 10.0, "a": np.zeros(n), "b": b})
    return SplitTable("t", ("x",), ("a", "b"), "y", None, {"train": Part(frame, np.zeros(n), None)})


def test_tables_sum_and_count():
    rng = np.random.default_rng(3)
    log_likelihood, _ = normal_mean(rng.normal(0, 1, 20), 1.0, rng)
    tables = loo_tables(fitted("gbmm-d", log_likelihood), data(np.zeros(20)))
    row, points = tables["loo"].iloc[0], tables["loo_pointwise"]
    assert list(points) == ["row", "x", "elpd", "pareto_k"]
    np.testing.assert_array_equal(points["x"], np.arange(20) + 10)
    assert row["elpd"] == pytest.approx(points["elpd"].sum())
    assert row["se"] == pytest.approx(np.sqrt(20) * points["elpd"].std(ddof=0))
    assert (row["high_k"], row["max_k"]) == (
        (points["pareto_k"] > 0.7).sum(),
        points["pareto_k"].max(),
    )
    assert row["note"] == ""


def test_rows_that_were_left_out_of_the_fit_keep_their_number():
    rng = np.random.default_rng(4)
    log_likelihood, _ = normal_mean(rng.normal(0, 1, 5), 1.0, rng)
    holes = np.array([0.0, np.nan, 0, 0, np.nan, 0, 0])
    points = loo_tables(fitted("gbmm-d", log_likelihood), data(holes))["loo_pointwise"]
    assert list(points["row"]) == [0, 2, 3, 5, 6]


def test_a_correction_that_has_seen_the_rows_is_told():
    rng = np.random.default_rng(5)
    log_likelihood, _ = normal_mean(rng.normal(0, 1, 8), 1.0, rng)
    tables = loo_tables(fitted("gbmm-d+gp", log_likelihood), data(np.zeros(8)))
    assert "has seen every row" in tables["loo"]["note"].iloc[0]


def test_a_method_without_a_posterior_has_no_estimate():
    plain = FittedMethod("equal", ("x",), ("a", "b"), "y", None, Reporting())
    assert loo_tables(plain, data(np.zeros(4))) == {}
