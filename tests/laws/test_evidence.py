"""The four routes to the evidence agree with one another and with scipy; the controls do not."""

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from dirimix.errors import InputError
from dirimix.laws.evidence import (
    closed_form,
    laplace,
    log_target_derivatives,
    monte_carlo,
    quadrature,
)
from dirimix.laws.noise import log_likelihood, log_target
from dirimix.laws.noise_prior import GammaNoise, GammaPrecision
from dirimix.table.selection import edge_rows

NONE = np.zeros(8)
CASES = {
    "paper": (GammaPrecision(), NONE, None),
    "shift": (GammaPrecision(), NONE, 0.5),
    "unit": (GammaPrecision().scaled(7.0), NONE, None),
    "errors": (GammaPrecision(), np.linspace(0.02, 0.5, 8), None),
    "errors and shift": (GammaPrecision(), np.linspace(0.02, 0.5, 8), 2.0),
    "gamma noise": (GammaNoise(), NONE, None),
    "gamma noise, errors": (GammaNoise(), np.linspace(0.02, 0.5, 8), 0.5),
}
every_case = pytest.mark.parametrize(("prior", "error", "shift"), CASES.values(), ids=CASES)


@pytest.fixture(params=[0.05, 0.5, 5.0])
def residual(request):
    return request.param * np.random.default_rng(0).normal(0.3, 1, 8)


def test_closed_form_is_scipys_multivariate_t(residual):
    # integrating the precision out of a normal leaves Student's t
    for shift, covariance in ((None, np.eye(8)), (0.5, np.eye(8) + 2.0)):
        # the types inferred from SciPy's default shape and df are int
        shape, df = 0.030 / 0.252 * covariance, 2 * 0.252
        law = stats.multivariate_t(np.zeros(8), shape, df)  # pyright: ignore[reportArgumentType]
        found = closed_form(residual, GammaPrecision(), shift).log
        assert found == pytest.approx(law.logpdf(residual), abs=1e-10)


@pytest.mark.parametrize("shift", [None, 0.5])
@pytest.mark.parametrize("n", [1, 2, 8, 500])
def test_closed_form_agrees_with_quadrature(n, shift):
    residual = np.random.default_rng(n).normal(0, 0.7, n)
    exact = closed_form(residual, GammaPrecision(), shift).log
    found = quadrature(residual, np.zeros(n), GammaPrecision(), shift).log
    assert found == pytest.approx(exact, abs=1e-8)
    other = quadrature(residual, np.zeros(n), GammaPrecision(0.252, 0.031), shift).log
    assert abs(other - exact) > 1e-4  # a prior three per cent off is noticed


def test_quadrature_is_scipys_with_errors(residual):
    error, prior = np.linspace(0.02, 0.5, 8), GammaNoise()
    found = quadrature(residual, error, prior).log

    def integrand(s):
        log = log_likelihood(np.array([s]), residual, error)[0] + prior.log_density(s)
        return np.exp(log - found)

    low = integrate.quad(integrand, 1e-12, 0.5, epsabs=1e-11, limit=200)[0]
    high = integrate.quad(integrand, 0.5, 8, epsabs=1e-11, limit=200)[0]
    assert low + high == pytest.approx(1, abs=1e-8)


def test_a_change_of_unit_shifts_the_log_by_n_log_unit(residual):
    prior, error = GammaNoise(), np.full(8, 0.1)
    small = quadrature(residual, error, prior).log
    large = quadrature(1e3 * residual, 1e3 * error, prior.scaled(1e3)).log
    assert large == pytest.approx(small - 8 * np.log(1e3), abs=1e-8)


@pytest.mark.parametrize("size", [0.1, 1.0])
@every_case
def test_monte_carlo_agrees_within_its_standard_error(size, prior, error, shift):
    residual = size * np.random.default_rng(0).normal(0.3, 1, 8)
    sigma = prior.sample(np.random.default_rng(1), 50_000)
    found = monte_carlo(residual, error, sigma, shift)
    exact = quadrature(residual, error, prior, shift).log
    assert 0 < found.std_error < 0.1
    assert abs(found.log - exact) < 4 * found.std_error


def test_monte_carlo_standard_error_is_calibrated():
    residual, prior = np.random.default_rng(3).normal(0, 0.5, 8), GammaNoise()
    exact = quadrature(residual, NONE, prior).log
    found = [
        monte_carlo(residual, NONE, prior.sample(np.random.default_rng(s), 4000))
        for s in range(100)
    ]
    z = np.array([(e.log - exact) / e.std_error for e in found])
    assert abs(z.mean()) < 4 / np.sqrt(100)
    assert 0.75 < z.std() < 1.25


def test_monte_carlo_with_another_prior_disagrees(residual):
    sigma = GammaPrecision(0.5, 0.030).sample(np.random.default_rng(1), 50_000)
    found = monte_carlo(residual, NONE, sigma)
    assert abs(found.log - closed_form(residual, GammaPrecision()).log) > 4 * found.std_error


@every_case
def test_laplace_is_within_a_tenth_of_a_nat(residual, prior, error, shift):
    found = laplace(residual, error, prior, shift).log
    assert found == pytest.approx(quadrature(residual, error, prior, shift).log, abs=0.1)


def sigma_curvature(sigma, residual, prior):
    """d2 log p(sigma | d) / d sigma2: the density of sigma lacks a factor sigma of log sigma's."""
    slope, curvature = log_target_derivatives(np.log(sigma), residual, NONE, prior)
    return (curvature - slope + 1) / sigma**2


def _laplace_in_sigma(residual, prior):
    def density(sigma):
        return log_target(residual, NONE, prior)(np.log([sigma]))[0] - np.log(sigma)

    bounds = (1e-3, 50)
    mode = optimize.minimize_scalar(
        lambda s: -density(s), bounds=bounds, method="bounded", options={"xatol": 1e-10}
    ).x
    curvature = sigma_curvature(mode, residual, prior)
    return density(mode) + 0.5 * np.log(2 * np.pi / -curvature)


def test_laplace_is_better_in_log_sigma_than_in_sigma():
    residual, prior = np.random.default_rng(0).normal(0, 0.5, 8), GammaPrecision()
    exact = closed_form(residual, prior).log
    in_log = abs(laplace(residual, NONE, prior).log - exact)
    in_sigma = abs(_laplace_in_sigma(residual, prior) - exact)
    assert in_log == pytest.approx(0.02, abs=0.005)
    assert in_sigma == pytest.approx(0.10, abs=0.01)


@pytest.mark.parametrize("sigma", [0.1, 0.5, 2.0])
def test_curvature_is_the_papers(residual, sigma):
    a, n = 5, len(residual)
    expected = (n - a + 1) / sigma**2 - 3 * np.sum(residual**2) / sigma**4
    assert sigma_curvature(sigma, residual, GammaNoise(a, 10)) == pytest.approx(expected)


@every_case
def test_derivatives_are_finite_differences(prior, error, shift):
    residual, step = np.random.default_rng(5).normal(0.2, 0.5, 8), 1e-4
    target = log_target(residual, error, prior, shift)
    for t in (-1.5, -0.5, 0.7):
        below, here, above = target(np.array([t - step, t, t + step]))
        first, second = log_target_derivatives(t, residual, error, prior, shift)
        assert first == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=1e-6)
        assert second == pytest.approx((above - 2 * here + below) / step**2, rel=1e-4, abs=1e-4)


def test_edges_of_a_curved_valley_are_its_two_banks():
    t = np.repeat(np.linspace(0, 1, 60), 5)
    across = np.tile([-0.1, -0.05, 0.0, 0.05, 0.1], 60)
    x = np.column_stack([100 * t, 80 * t**1.3 + 20 * across])
    rows = edge_rows(x, 8)
    assert len(np.unique(rows)) == 8
    assert sorted(across[rows]) == [-0.1] * 4 + [0.1] * 4
    inner = np.random.default_rng(0).choice(300, 8, replace=False)
    assert np.abs(across[inner]).min() < 0.1  # random rows are not on the banks


def test_edges_ignore_unit_order_and_direction_of_the_coordinates():
    rng = np.random.default_rng(2)
    x = rng.normal(0, 1, (50, 1)) * [[1.0, 0.8]] + rng.normal(0, 0.2, (50, 2))
    rows = edge_rows(x, 10)
    np.testing.assert_array_equal(edge_rows(x * [1e3, 1.0] + [5.0, 0.0], 10), rows)
    np.testing.assert_array_equal(edge_rows(x[:, ::-1], 10), rows)
    np.testing.assert_array_equal(edge_rows(-x, 10), rows)


def test_edges_of_a_line_are_its_ends():
    x = np.random.default_rng(1).permutation(20.0 * np.arange(20))[:, None]
    assert sorted(x[edge_rows(x, 6), 0]) == [0, 20, 40, 340, 360, 380]


def test_smallest_bins_still_give_two_rows():
    assert len(np.unique(edge_rows(np.arange(8.0).reshape(4, 2) ** 1.5, 4))) == 4


@pytest.mark.parametrize(
    ("x", "n", "message"),
    [
        (np.zeros((9, 2)), 7, "must be even and at least 2, not 7"),
        (np.zeros((9, 0)), 8, "there are none; give coords, or evidence_rows"),
        (np.zeros((5, 2)), 8, "8 evidence rows were asked for, but only 5 rows"),
    ],
)
def test_edges_that_cannot_be_found(x, n, message):
    with pytest.raises(InputError, match=message):
        edge_rows(x, n)
