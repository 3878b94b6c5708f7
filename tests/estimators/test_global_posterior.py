"""The log joints of gBMM+L and gBMM+D against scipy's densities, value and gradient."""

import pickle
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln, softmax

from dirimix.estimators.global_posterior import DirichletPosterior, LinearPosterior
from dirimix.laws.noise_prior import AbstractNoisePrior, GammaNoise
from dirimix.table.selection import observed
from dirimix.table.table import Table, make_table

NOISE = GammaNoise(5, 10, scale=1.7)


def make() -> Table:
    rng = np.random.default_rng(0)
    f = rng.normal(0, 1, (25, 3))
    y = f @ [0.5, 0.3, 0.2] + rng.normal(0, 0.5, 25)
    return make_table(f, [], list("abc"), y, np.linspace(0, 0.6, 25))


def log_prior_of_sigma(log_sigma: float, noise: AbstractNoisePrior) -> float:
    """Gamma density of sigma and the Jacobian of its logarithm."""
    sigma = np.exp(log_sigma)
    return stats.gamma(noise.shape, scale=noise.scale / noise.rate).logpdf(sigma) + log_sigma


def log_likelihood(w: np.ndarray, log_sigma: float, table) -> float:
    sd = np.hypot(np.exp(log_sigma), table.y_err)
    return stats.norm(table.f @ w, sd).logpdf(table.y).sum()


def linear_log_joint(q: np.ndarray, model: LinearPosterior) -> float:
    return log_prior_of_sigma(q[-1], model.noise) + log_likelihood(q[:-1], q[-1], model.table)


def dirichlet_log_joint(q: np.ndarray, model: DirichletPosterior) -> float:
    with jax.enable_x64(True):
        log_g = np.asarray(model.law.log_g(jnp.asarray(q[:-1])))
    return (
        stats.norm.logpdf(q[:-1]).sum()
        + log_prior_of_sigma(q[-1], model.noise)
        + log_likelihood(softmax(log_g), q[-1], model.table)
    )


ORACLES = {
    "gbmm-l": (LinearPosterior, linear_log_joint, {}),
    "gbmm-d": (DirichletPosterior, dirichlet_log_joint, {"alpha_scale": 0.7}),
}


def relative_log_joint(q: np.ndarray, model: DirichletPosterior) -> float:
    """With the density of log g by an integral over alpha, and its latent's Jacobian."""
    known = model.known
    with jax.enable_x64(True):
        log_g = np.array(model.law.log_g(jnp.asarray(q[:-1])))
    log_g[known] = log_g[model.reference] + np.sinh(q[known])
    others = np.delete(np.arange(len(log_g)), known)
    return (
        sum(log_density_of_log_g(t, model.alpha_scale) for t in log_g[known])
        + np.log(np.cosh(q[known])).sum()
        + stats.norm.logpdf(q[others]).sum()
        + log_prior_of_sigma(q[-1], model.noise)
        + log_likelihood(softmax(log_g), q[-1], model.table)
    )


def log_density_of_log_g(t: float, scale: float) -> float:
    # where alpha |t| is about 1, and up to the end of the prior
    marks = np.linspace(-12, 3, 31) - np.log(max(-t, 1.0))
    nodes, weights = np.polynomial.legendre.leggauss(40)
    half = np.diff(marks)[:, None] / 2
    log_alpha = marks[:-1, None] + half * (1 + nodes)
    alpha = np.exp(log_alpha)
    prior = stats.halfnorm(0, scale).logpdf(alpha) + log_alpha
    return np.log(np.sum(half * weights * np.exp(prior + alpha * t - np.exp(t) - gammaln(alpha))))


def test_weights_known_relative_to_the_largest_have_the_oracles_log_joint():
    table = make()
    y = table.f @ [0.55, 0.45, 0.0] + 1e-3 * np.random.default_rng(1).normal(0, 1, len(table.f))
    model = DirichletPosterior(replace(table, y=y, y_err=0 * y), NOISE, alpha_scale=0.7)
    assert (model.reference, list(model.known)) == (0, [1])
    points = np.random.default_rng(8).normal(0, 0.8, (20, 4))
    gap = values(model, points) - [relative_log_joint(q, model) for q in points]
    assert np.ptp(gap) < 1e-4
    other = replace(model, alpha_scale=0.75)
    assert np.ptp(values(other, points) - [relative_log_joint(q, model) for q in points]) > 0.01


@pytest.fixture(scope="module", params=ORACLES.values(), ids=list(ORACLES))
def joint(request):
    """A model, its oracle, and points."""
    kind, oracle, options = request.param
    model = kind(make(), NOISE, **options)
    rng = np.random.default_rng(8)
    points = rng.normal(0, 0.8, (30, model.size()))
    if model.target().walls is not None:
        points[:, :-1] = rng.uniform(0, 1, points[:, :-1].shape)
    return model, oracle, points


def values(model, points: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(jax.jit(jax.vmap(model.log_joint))(jnp.asarray(points)))


def test_the_log_joint_is_the_oracles_up_to_a_constant(joint):
    model, oracle, points = joint
    gap = values(model, points) - [oracle(q, model) for q in points]
    assert np.ptp(gap) < 1e-9


def test_another_prior_is_no_constant_away(joint):
    model, oracle, points = joint
    other = replace(model, noise=replace(NOISE, rate=11))
    assert np.ptp(values(model, points) - [oracle(q, other) for q in points]) > 0.1


def test_no_place_far_out_looks_better_than_the_middle(joint):
    model, _, points = joint
    far = np.random.default_rng(9).normal(0, 150, (20_000, model.size()))
    if model.target().walls is not None:
        far = np.column_stack([far[:, :-1] % 1, far[:, -1] + 20 * np.sign(far[:, -1])])
    assert np.nanmax(values(model, far)) < values(model, points).max()


def test_the_gradient_is_the_oracles_finite_difference(joint):
    model, oracle, points = joint
    with jax.enable_x64(True):
        gradients = np.asarray(jax.jit(jax.vmap(jax.grad(model.log_joint)))(jnp.asarray(points)))
    for q, found in zip(points, gradients, strict=True):
        ahead, behind = (
            np.array([oracle(q + step * e, model) for e in np.eye(len(q))])
            for step in (1e-5, -1e-5)
        )
        slope = (ahead - behind) / 2e-5
        np.testing.assert_allclose(found, slope, rtol=1e-6, atol=1e-6 * np.abs(slope).max())


def test_a_constant_in_all_models_and_y_changes_nothing_where_weights_sum_to_one(joint):
    model, _, points = joint
    table = model.table
    shifted = replace(model, table=replace(table, f=table.f + 50, y=table.y + 50))
    change = np.abs(values(shifted, points) - values(model, points)).max()
    assert (change < 1e-9) == isinstance(model, DirichletPosterior)


def test_a_stretch_of_the_weights_says_how_it_stretches_volumes():
    model = LinearPosterior(make(), NOISE)
    q, inside = jnp.array([0.2, 0.3, 0.1, -0.5]), 0
    with jax.enable_x64(True):
        for key in jax.random.split(jax.random.key(0), 20):
            moved, stretch = model.stretched(key, q)
            change = np.log(np.asarray(moved[:-1]) / np.asarray(q[:-1]))
            np.testing.assert_allclose(change, change[0], rtol=1e-6)  # one factor for all
            if max(moved[:-1]) > 1:
                assert stretch == -np.inf
                continue
            matrix = jax.jacfwd(lambda at, key=key: model.stretched(key, at)[0])(q)
            assert float(stretch) == pytest.approx(np.linalg.slogdet(matrix)[1], abs=1e-9)
            # residuals are as many times sigma as before
            off = [np.abs(model.table.f @ w - observed(model.table)) for w in (moved[:-1], q[:-1])]
            rms = [np.sqrt(np.mean(r**2)) for r in off]
            assert float(moved[-1] - q[-1]) == pytest.approx(np.log(rms[0] / rms[1]), abs=1e-9)
            inside += 1
    assert 0 < inside < 20


@pytest.mark.parametrize("kind", [LinearPosterior, DirichletPosterior])
def test_chains_start_where_the_density_is_high_and_differ(kind):
    table = make()
    far = replace(table, f=table.f + np.array([0, 0, 1e7]))  # a model without any use
    model = kind(far, NOISE)
    _, start = model.start(4, np.random.default_rng(0))
    assert len({tuple(q) for q in start}) == 4
    best = float(values(model, model.peak.mode[None])[0])
    assert np.all(values(model, start) > best - 30)
    # what was compiled for it stays in its process
    sent = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(sent.peak.mode, model.peak.mode)
    if model.target().walls is not None:
        assert np.all((start[:, :-1] >= 0) & (start[:, :-1] <= 1))
