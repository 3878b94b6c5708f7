import numpy as np
import pytest
from scipy import stats

from dirimix.sampling.importance import smoothed


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.9, 2.0])
def test_the_shape_of_a_pareto_tail_is_found(shape):
    ratios = np.random.default_rng(0).exponential(shape, 20_000)
    weights, k = smoothed(ratios)
    assert k == pytest.approx(shape, abs=0.12)
    assert weights.sum() == pytest.approx(1)


def test_weights_make_draws_of_one_law_those_of_another():
    x = np.random.default_rng(1).standard_normal(4000) * 1.5
    weights, k = smoothed(stats.norm.logpdf(x, 0.5, 1) - stats.norm.logpdf(x, 0, 1.5))
    mean = weights @ x
    assert (mean, weights @ (x - mean) ** 2) == pytest.approx((0.5, 1.0), abs=0.06)
    assert abs(x.mean() - 0.5) > 0.4
    assert k < 0.5


@pytest.mark.parametrize("scale", [300.0, 1e4, 1e9])
def test_ratios_too_far_apart_for_any_law_are_never_trusted(scale):
    ratios = scale * np.abs(np.random.default_rng(2).standard_t(2, 1000))
    weights, k = smoothed(ratios)
    assert k > 10
    assert weights[ratios.argmax()] == pytest.approx(1)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_ratio_that_is_no_number_is_never_trusted(bad):
    ratios = np.random.default_rng(3).normal(size=1000)
    assert smoothed(ratios)[1] < 0.7
    ratios[7] = bad
    weights, k = smoothed(ratios)
    assert k == np.inf
    assert (weights[7], weights.sum()) == pytest.approx((0, 1))


def test_equal_ratios_are_equal_weights():
    weights, k = smoothed(np.full(50, -3.0))
    assert k == 0
    assert (weights == 1 / 50).all()


@pytest.mark.parametrize("count", [2, 4, 5, 24])
def test_too_few_ratios_have_no_tail(count):
    with pytest.raises(ValueError, match="takes at least 25 draws"):
        smoothed(np.arange(count, dtype=float))
    smoothed(np.random.default_rng(5).normal(size=25))
