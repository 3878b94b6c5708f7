"""The log posterior of the local mixtures against scipy, and its limits."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.linalg import fractional_matrix_power
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

from direct import log_expectation
from dirimix.estimators import local_posterior
from dirimix.estimators.fields.gaussian_process import DenseField
from dirimix.estimators.fields.lattice import make_lattice_field
from dirimix.estimators.fields.length_scale import LengthScalePrior
from dirimix.estimators.fields.linear import LinearField
from dirimix.estimators.latent.noise import NoiseModel
from dirimix.estimators.local_posterior import LocalPosterior
from dirimix.laws.noise_prior import GammaNoise
from dirimix.likelihood.density import Likelihood
from dirimix.table.selection import observed
from dirimix.table.space import Space
from dirimix.table.table import make_table

NOISE = GammaNoise(5, 10, scale=1.3)


def prior(x: np.ndarray) -> LengthScalePrior:
    return LengthScalePrior.of_sites(x, Space(tuple("pq")))


FIELDS = {
    "lbmm-gld": lambda x, k: LinearField(x, k, x.std(axis=0)),
    "lbmm-gpd": lambda x, k: make_lattice_field(x, k, prior(x)),
    "dense": lambda x, k: DenseField(x, k, prior(x), tuple(range(x.shape[1]))),
}


def make(kind: str, models: str = "ab") -> LocalPosterior:
    """Eight sites on a lattice, with measurement errors."""
    rng = np.random.default_rng(1)
    x = np.array([(i, j) for i in range(4) for j in range(2)], dtype=float) * [2, 3]
    f = rng.normal(0, 1, (8, len(models)))
    y = f.mean(axis=1) + rng.normal(0, 0.3, 8)
    table = make_table(np.column_stack([x, f]), ["p", "q"], list(models), y, np.linspace(0, 0.4, 8))
    return LocalPosterior(
        table,
        FIELDS[kind](table.x, len(models)),
        NoiseModel(NOISE, np.ones(len(table.x))),
        0.5,
        np.full(2, 0.5),
    )


def named(model: LocalPosterior, q: Any) -> dict[str, np.ndarray]:
    return {n: np.asarray(v, dtype=float) for n, v in model.unravel(q).items()}


def log_concentrations(model: LocalPosterior, p: dict[str, np.ndarray]) -> np.ndarray:
    """log alpha (n, K), from dense matrices."""
    x = model.table.x
    if isinstance(model.field, LinearField):
        return np.column_stack([np.ones(len(x)), np.asarray(stats.zscore(x))]) @ p["beta"].T
    field, root = model.field, np.ones(len(x))
    rho = np.exp(field.length_prior.location + field.length_prior.spread * p["length"])
    if isinstance(field, DenseField):
        own = np.exp(-0.5 * cdist(x / rho, x / rho, "sqeuclidean")) + 1e-8 * np.eye(len(x))
        return p["gamma"] + p["amplitude"] ** 2 * (np.linalg.cholesky(own) @ p["z"].T)
    for column, axis, length in zip(x.T, field.axes, rho, strict=True):
        kernel = stats.norm(0, length).pdf
        top = kernel(0)
        cross = kernel(column[:, None] - axis) / top
        own = kernel(axis[:, None] - axis) / top + 1e-8 * np.eye(len(axis))
        basis = cross @ fractional_matrix_power(own, -0.5)
        root = np.einsum("n...,nb->n...b", root, basis)
    return p["gamma"] + p["amplitude"] ** 2 * np.einsum("kab,nab->nk", p["z"], root)


def log_prior(model: LocalPosterior, p: dict[str, np.ndarray]) -> float:
    """Of the latents, with the Jacobians of sqrt(eta) and of log sigma."""
    sigma = np.exp(p["log_sigma"])
    total = stats.gamma(5, scale=NOISE.scale / 10).logpdf(sigma) + p["log_sigma"]
    if isinstance(model.field, LinearField):
        return total + stats.norm.logpdf(p["beta"]).sum()
    eta = p["amplitude"] ** 2
    total += np.sum(stats.gamma(2, scale=1 / 2).logpdf(eta) + np.log(2 * p["amplitude"]))
    return total + sum(stats.norm.logpdf(p[n]).sum() for n in ("length", "gamma", "z"))


def oracle(model: LocalPosterior, q: np.ndarray) -> float:
    """The log posterior up to a constant."""
    p, table = named(model, q), model.table
    alpha = np.exp(log_concentrations(model, p))
    noise = np.hypot(np.exp(p["log_sigma"]), table.y_err)
    sites = zip(table.f - observed(table)[:, None], alpha, noise, strict=True)
    return log_prior(model, p) + sum(log_expectation(*site) for site in sites)


def points(model: LocalPosterior, count: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    q = rng.normal(0, 0.5, (count, model.size()))
    if "amplitude" in model.shapes():
        places = model._places()["amplitude"]
        q[:, places] = np.abs(q[:, places]) + 0.3
    return q


@pytest.fixture(params=list(FIELDS))
def model(request):
    return make(request.param)


def posterior(model: LocalPosterior, at: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(jax.jit(jax.vmap(model.log_posterior))(jnp.asarray(at)))


def off(model: LocalPosterior, at: np.ndarray) -> float:
    """How far the difference to the oracle is from one constant."""
    return float(np.ptp(posterior(model, at) - [oracle(model, q) for q in at]))


def test_the_log_posterior_is_the_oracles_up_to_a_constant(model):
    assert off(model, points(model, 5)) < 5e-4


def test_another_prior_is_no_constant_away(model):
    other = replace(model, noise=replace(model.noise, prior=replace(NOISE, rate=11.0)))
    assert off(other, points(model, 5)) > 1e-2


def test_the_gradient_is_the_oracles_finite_difference(model):
    q = points(model, 1)[0]
    with jax.enable_x64(True):
        found = np.asarray(jax.jit(jax.grad(model.log_posterior))(jnp.asarray(q)))
    step, rng = 1e-4, np.random.default_rng(4)
    for direction in rng.normal(0, 1, (6, len(q))):
        direction /= np.linalg.norm(direction)
        change = oracle(model, q + step * direction) - oracle(model, q - step * direction)
        assert found @ direction == pytest.approx(change / (2 * step), abs=1e-3)


def test_the_force_is_close_to_the_gradient(model):
    with jax.enable_x64(True):
        q = jnp.asarray(points(model, 1)[0])
        exact, force = jax.jit(jax.grad(model.log_posterior))(q), jax.jit(model.force)(q)
    np.testing.assert_allclose(force, exact, atol=0.02)


def site_terms(model: LocalPosterior, p: dict) -> np.ndarray:
    """Log density of every observation."""
    noise = np.hypot(np.exp(p["log_sigma"]), model.table.y_err)
    with jax.enable_x64(True):
        alpha = np.exp(np.asarray(model.log_alpha(p)))
    return model.likelihood.evaluate(alpha, noise)[0]


def test_without_amplitude_the_process_is_a_line_without_slopes():
    process, line = make("lbmm-gpd"), make("lbmm-gld")
    p = named(process, points(process, 1)[0])
    flat = p | {"amplitude": np.zeros(2)}
    beta = np.column_stack([p["gamma"], np.zeros((2, 2))])
    same = site_terms(line, {"beta": beta, "log_sigma": p["log_sigma"]})
    np.testing.assert_allclose(site_terms(process, flat), same)
    moved = p | {"amplitude": np.full(2, 1.5)}
    assert np.max(np.abs(site_terms(process, moved) - same)) > 0.01  # the control


def test_one_concentration_is_not_one_weight_vector():
    # independent weights at each site, and the one that gBMM+D has for all
    model = make("lbmm-gld")
    beta = np.column_stack([np.log([0.8, 0.5]), np.zeros((2, 2))])
    apart = site_terms(model, {"beta": beta, "log_sigma": np.log(0.3)}).sum()
    w = stats.beta(0.8, 0.5).ppf((np.arange(20_000) + 0.5) / 20_000)
    table = model.table
    mean = np.column_stack([w, 1 - w]) @ table.f.T
    shared = stats.norm(mean, np.hypot(0.3, table.y_err)).logpdf(table.y).sum(axis=1)
    together = np.logaddexp.reduce(shared) - np.log(len(w))
    assert abs(apart - together) > 0.5


def test_one_model_is_the_raw_model():
    d, s = np.array([[-0.4], [0.0], [1.1]]), np.array([0.3, 0.5, 0.8])
    for alpha in (0.2, 3.0, 200.0):
        found = Likelihood(d).evaluate(np.full((3, 1), alpha), s)[0]
        np.testing.assert_allclose(found, stats.norm(0, s).logpdf(d[:, 0]), atol=1e-5)


def test_endless_concentration_is_a_gaussian_with_fixed_weights():
    d, share = np.array([[-1.0, 0.4, 2.0], [0.3, 0.2, -0.6]]), np.array([0.5, 0.3, 0.2])
    fixed = stats.norm(0, 0.4).logpdf(d @ share)
    gaps = [
        np.max(
            np.abs(Likelihood(d).evaluate(np.tile(a * share, (2, 1)), np.full(2, 0.4))[0] - fixed)
        )
        for a in (30.0, 3e3, 3e6)
    ]
    assert gaps[0] > 0.01
    assert gaps[1] < gaps[0] / 20
    assert gaps[2] < 1e-5


def test_two_equal_models_are_one_with_both_concentrations():
    d = np.array([[-0.7, 0.5, 0.5], [1.0, -0.3, -0.3]])
    alpha, s = np.array([[0.6, 0.4, 1.1], [2.0, 5.0, 7.0]]), np.full(2, 0.3)
    merged = np.column_stack([alpha[:, 0], alpha[:, 1:].sum(axis=1)])
    one = Likelihood(d[:, :2]).evaluate(merged, s)[0]
    np.testing.assert_allclose(Likelihood(d).evaluate(alpha, s)[0], one, atol=1e-6)


def test_a_perfect_model_gains_by_taking_all_weight():
    d, s = np.array([[0.0, 1.5, -2.0]]), np.full(1, 0.1)
    values = [
        Likelihood(d).evaluate(np.array([[a, 0.5, 0.5]]), s)[0][0] for a in (0.5, 5.0, 50.0, 5e3)
    ]
    assert np.all(np.diff(values) > 0)
    assert values[-1] == pytest.approx(stats.norm(0, 0.1).logpdf(0), abs=1e-3)


def test_the_order_of_models_does_not_matter():
    rng = np.random.default_rng(5)
    d, alpha, s = rng.normal(0, 1, (20, 5)), np.exp(rng.normal(0, 2, (20, 5))), np.full(20, 0.3)
    order = rng.permutation(5)
    turned = Likelihood(d[:, order]).evaluate(alpha[:, order], s)[0]
    np.testing.assert_allclose(turned, Likelihood(d).evaluate(alpha, s)[0], atol=1e-9)


def test_many_coefficients_start_where_the_density_is_high(monkeypatch):
    rng, names = np.random.default_rng(7), list("abcdefgh")
    x = rng.uniform(0, 1, (60, 2))
    f = 5 * x[:, :1] + x[:, [0, 1] * 4] * np.arange(8) + rng.normal(0, 0.1, (60, 8))
    y = np.where(x[:, 0] < 0.5, f[:, 6], f[:, 1]) + rng.normal(0, 0.02, 60)
    table = make_table(np.column_stack([x, f]), ["p", "q"], names, y)
    field, noise = FIELDS["lbmm-gld"](x, 8), NoiseModel(GammaNoise(5, 10, scale=0.1), np.ones(60))
    model = LocalPosterior(table, field, noise, 1.0, np.full(8, 1 / 8))

    def lowest() -> float:
        return posterior(model, model.start(4, np.random.default_rng(0))[1]).min()

    with jax.enable_x64(True):
        slope = jax.jit(jax.value_and_grad(lambda q: -model.log_posterior(q)))
        highest = -minimize(slope, np.zeros(model.size()), jac=True, method="BFGS").fun
    allowed = 10 + 3 * model.size()  # starts are scattered more widely than draws
    assert highest - lowest() < allowed
    monkeypatch.setattr(local_posterior, "_SEARCH_ROWS", 30)  # searches look at half of the rows
    assert highest - lowest() < allowed
    peaks = model.start(4, np.random.default_rng(0))[0].peaks
    assert posterior(model, np.array([p.mode for p in peaks])).max() > highest - 1
    monkeypatch.setattr(local_posterior, "_SEARCHED", model.size())
    assert highest - lowest() > allowed  # the control: around the constant mixture
