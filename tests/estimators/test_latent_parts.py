"""The log joint of mixtures made of parts, and Laplace's approximation, against oracles."""

import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.optimize import minimize
from scipy.special import softmax

from dirimix.errors import InputError
from dirimix.estimators.fields.choice import make_field
from dirimix.estimators.latent import laplace, spd
from dirimix.estimators.latent.build import Parts, check_parts, make_posterior
from dirimix.estimators.latent.conditional import Conditional
from dirimix.estimators.latent.group import Amplitude
from dirimix.estimators.latent.laplace import Marginal, approximate
from dirimix.estimators.latent.noise import NoiseModel
from dirimix.estimators.latent.weights import Ensemble
from dirimix.laws.noise_prior import GammaNoise
from dirimix.sampling.quick_jit import quick_jit
from dirimix.table.selection import observed
from dirimix.table.space import Space
from dirimix.table.table import Table, make_table
from monte_carlo import LIMIT

PARTS = [
    Parts(weights, noise, tails, discrepancy)
    for weights, noise, tails, discrepancy in itertools.product(
        ("single", "simplex", "simplex-linear", "simplex-gp", "free", "free-gp"),
        ("constant", "local"),
        ("normal", "student"),
        ("none", "delta", "contrast"),
    )
    if not (weights == "single" and discrepancy == "contrast")
] + [
    Parts("free", "constant", "normal", "none", components=1),
    Parts("free-gp", "local", "student", "delta", components=2),
    Parts("free", "constant", "normal", "none", components="free"),
    Parts("free-gp", "local", "student", "contrast", components="free"),
]


@pytest.fixture(autouse=True)
def _double_precision():
    with jax.enable_x64(True):
        yield


def table_of(n: int = 14, count: int = 3, gaps: bool = False, seed: int = 0) -> Table:
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, 10, (n, 1)), axis=0)
    f = np.column_stack([np.sin(x[:, 0] + 0.4 * k) * (1 + 0.2 * k) for k in range(count)])
    y = f.mean(axis=1) + 0.1 * rng.standard_normal(n)
    if gaps:
        f[2, 0] = f[5, 1] = np.nan
    names = tuple(f"m{k}" for k in range(count))
    return Table(x, f, np.zeros_like(f), y, rng.uniform(0, 0.05, n), ("x",), names)


def made(parts: Parts, table: Table | None = None):
    table = table_of() if table is None else table
    table = table.alone(0) if parts.weights == "single" else table
    return make_posterior(parts, table, Space(table.coords), GammaNoise(2, 4, scale=0.3), 0.2)


def rough_latents(posterior, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    q = rng.standard_normal(posterior.size())
    q[: len(posterior.start_hyper())] = posterior.start_hyper() + 0.3 * rng.standard_normal(
        len(posterior.start_hyper())
    )
    return q


def oracle(parts: Parts, posterior, q: np.ndarray) -> float:
    """The log joint, written as the model reads, from the latents."""
    p = {n: np.asarray(v) for n, v in posterior.unravel(jnp.asarray(q)).items()}
    table = posterior.table
    f, known = np.nan_to_num(table.f), table.known
    average = f.sum(1) / known.sum(1)
    logp = 0.0
    fields = {}
    for group in posterior.groups:
        g = np.zeros((len(f), group.count))
        if group.trend != "none":
            s = (table.x - table.x.mean(0)) / table.x.std(0)
            t = np.column_stack([np.ones(len(f)), s]) if group.trend == "linear" else 1.0
            beta = group.trend_sd * p[f"{group.name}_trend"]
            g = g + (t @ beta.T if group.trend == "linear" else beta[:, 0])
            logp += stats.norm.logpdf(p[f"{group.name}_trend"]).sum()
        if group.process is not None:
            latent = p[f"{group.name}_amplitude"]
            eta = group.amplitude.mean * np.log1p(np.exp(latent))
            unit = group.process.unit_field(
                {"z": p[f"{group.name}_z"], "length": p[f"{group.name}_length"]}
            )
            g = g + eta * np.asarray(unit)
            shape, mean = group.amplitude.shape, group.amplitude.mean
            density = stats.gamma.logpdf(eta, shape, scale=mean / shape)
            logp += (density - np.log1p(np.exp(-latent))).sum()
            logp += stats.norm.logpdf(p[f"{group.name}_z"]).sum()
            logp += stats.norm.logpdf(p[f"{group.name}_length"]).sum()
        fields[group.name] = g
    if parts.weights.startswith("simplex"):
        w = softmax(np.where(known, fields["weights"], -np.inf), axis=1)
        mean = (w * f).sum(1)
    elif parts.weights.startswith("free"):
        u = fields["weights"]
        if parts.components != "free":
            contrast = np.where(known, f - average[:, None], 0)
            values, vectors = np.linalg.eigh(contrast.T @ contrast)
            first = vectors[:, np.argsort(-values)[: parts.components or f.shape[1] - 1]]
            # a vector and its opposite are the same direction
            u = u @ (first * np.sign(np.sum(first * posterior.rule.axes, axis=0))).T
        w = 1 / f.shape[1] + u
        mean = (w * np.where(known, f, average[:, None])).sum(1)
    else:
        mean = f[:, 0]
    if parts.discrepancy == "delta":
        mean = mean + fields["delta"][:, 0]
    if parts.discrepancy == "contrast":
        mean = mean + (fields["contrast"] * np.where(known, f - average[:, None], 0)).sum(1)
    log_variance = np.full(len(f), 2 * p["log_sigma"])
    if parts.noise == "local":
        field = posterior.noise.field
        unit = field.process.unit_field({"z": p["noise_z"], "length": np.zeros(1)})
        spread = np.nanstd(table.f, axis=1)
        spread = 0.5 * np.log((spread / spread.mean()) ** 2 + 0.03**2) if spread.any() else spread
        log_variance = log_variance + 0.5 * p["noise_slope"] * (spread - spread.mean())
        log_variance = log_variance + 0.6 * np.asarray(unit)[:, 0]
        logp += stats.norm.logpdf(p["noise_z"]).sum() + stats.norm.logpdf(p["noise_slope"])
    s = np.sqrt(np.exp(log_variance) + table.y_err**2)
    law = stats.t(4, mean, s) if parts.tails == "student" else stats.norm(mean, s)
    sigma = np.exp(p["log_sigma"])
    logp += stats.gamma.logpdf(sigma, 2, scale=0.3 / 4) + p["log_sigma"]
    return logp + law.logpdf(table.y).sum()


@pytest.mark.parametrize("parts", PARTS, ids=str)
def test_the_log_joint_is_that_of_the_model(parts):
    # a single model is fitted where it has values
    posterior = made(parts, table_of(gaps=parts.weights != "single"))
    first, second = (rough_latents(posterior, s) for s in (1, 2))
    value = [float(posterior.log_posterior(jnp.asarray(q))) for q in (first, second)]
    right = [oracle(parts, posterior, q) for q in (first, second)]
    # log densities are up to a constant
    assert value[0] - value[1] == pytest.approx(right[0] - right[1], rel=1e-9, abs=1e-8)
    assert value[0] - value[1] != pytest.approx(right[0] - right[1] + 0.01, rel=1e-9, abs=1e-8)


@pytest.mark.parametrize(
    ("weights", "discrepancy", "noise"),
    [
        pytest.param("single", "delta", "constant", marks=pytest.mark.slow),
        ("free", "none", "local"),
        pytest.param("free-gp", "delta", "local", marks=pytest.mark.slow),
    ],
)
def test_laplace_is_exact_where_the_mean_is_linear_and_the_noise_normal(
    weights, discrepancy, noise
):
    parts = Parts(weights, noise, "normal", discrepancy)
    posterior = made(parts)
    q = rough_latents(posterior)[: len(posterior.start_hyper())]
    p = posterior.unravel(jnp.asarray(q), posterior.hyper_shapes())
    conditional = Conditional(posterior)
    pull = conditional.settle(p, jnp.asarray(conditional.zero()))
    found = float(conditional.log_marginal(p, pull) - posterior.log_prior_hyper(p))
    # the mean's fields, one standard normal latent at a time
    size = posterior.size() - len(q)
    shapes = posterior.normal_shapes()

    def mean(z: np.ndarray) -> np.ndarray:
        named = p | posterior.unravel(jnp.asarray(z), shapes)
        return np.asarray(posterior.mean(posterior.fields(named)))

    origin = mean(np.zeros(size))
    loads = [mean(z) - origin for z in np.eye(size)]
    basis = np.column_stack(loads) if loads else np.zeros((len(origin), 0))
    variance = np.asarray(posterior.noise.variance(p, posterior.table.y_err))
    cov = basis @ basis.T + np.diag(variance)
    exact = stats.multivariate_normal.logpdf(posterior.table.y, origin, cov)  # pyright: ignore[reportArgumentType]
    assert found == pytest.approx(exact, rel=1e-7, abs=1e-6)
    if size:
        draw = quick_jit(conditional.draw, static_argnums=3)
        latents, ratio = draw(jax.random.key(0), p, pull, 4000)
        assert np.ptp(np.asarray(ratio)) < 1e-6
        # the posterior of a linear Gaussian model, by its normal equations
        precision = np.eye(size) + basis.T @ (basis / variance[:, None])
        right = np.linalg.solve(precision, basis.T @ ((posterior.table.y - origin) / variance))
        sd = np.sqrt(np.diag(np.linalg.inv(precision)))
        z = (np.asarray(latents).mean(0) - right) / (sd / np.sqrt(4000))
        assert np.abs(z).max() < 4.5
        assert np.asarray(latents).std(0) == pytest.approx(sd, rel=0.07)


@pytest.mark.parametrize(
    "parts",
    [
        Parts("simplex-gp", "local", "student", "delta"),
        Parts("simplex", "constant", "student", "contrast"),
        Parts("free-gp", "local", "student", "none"),
    ],
    ids=str,
)
def test_the_settled_fields_are_a_mode_and_the_gradient_is_that_of_the_marginal(parts):
    posterior = made(parts, table_of(gaps=True))
    flat = rough_latents(posterior)[: len(posterior.start_hyper())]
    shapes = posterior.hyper_shapes()
    conditional = Conditional(posterior)
    p = posterior.unravel(jnp.asarray(flat), shapes)
    pull = conditional.settle(p, jnp.asarray(conditional.zero()))
    units = conditional.covariances(p)
    y = jnp.asarray(posterior.table.y)

    def height(pull):
        u = conditional.fields(p, units, pull)
        variance = posterior.noise.variance(p, posterior.table.y_err)
        fit = posterior.noise.log_likelihood(y - posterior.mean(u), variance)
        return jnp.sum(fit) - 0.5 * jnp.sum(pull * u)

    top = float(height(pull))
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-2, 0.1):
        for _ in range(5):
            off = size * rng.standard_normal(pull.shape)
            assert float(height(pull + off)) < top + 1e-7


def test_importance_ratios_are_exact_whatever_the_parts():
    """The log ratio of a draw is the log joint less the approximation's log density."""
    posterior = made(Parts("simplex-gp", "local", "student", "delta"))
    flat = rough_latents(posterior)[: len(posterior.start_hyper())]
    p = posterior.unravel(jnp.asarray(flat), posterior.hyper_shapes())
    conditional = Conditional(posterior)
    pull = conditional.settle(p, jnp.asarray(conditional.zero()))
    draw = quick_jit(conditional.draw, static_argnums=3)
    latents, ratio = draw(jax.random.key(0), p, pull, 3)
    law = conditional.around(p, pull)
    size = latents.shape[1]
    shapes = posterior.normal_shapes()

    def linear(z):
        return jnp.sum(law.slope * posterior.fields(p | posterior.unravel(z, shapes)), axis=1)

    basis = np.asarray(quick_jit(jax.jacobian(linear))(jnp.zeros(size)))
    precision = np.eye(size) + basis.T @ (basis * np.asarray(law.root)[:, None] ** 2)
    norm = np.sum(np.asarray(law.slope) ** 2, axis=1)
    weight = np.sum(np.asarray(law.pull) * np.asarray(law.slope), axis=1) / norm
    mean, cov = basis.T @ weight, np.linalg.inv(precision)
    given = stats.multivariate_normal.logpdf(np.asarray(latents), mean, cov)  # pyright: ignore[reportArgumentType]
    whole = np.hstack([np.tile(flat, (3, 1)), np.asarray(latents)])
    joint = np.array([float(posterior.log_posterior(jnp.asarray(q))) for q in whole])
    normal = 0.5 * size * np.log(2 * np.pi)  # `log_posterior` leaves it out
    hyper = float(posterior.log_prior_hyper(p))
    right = joint - hyper - normal - given
    assert np.asarray(ratio) == pytest.approx(right, abs=1e-5)


def test_solutions_and_determinants_have_the_gradients_of_their_factor():
    rng = np.random.default_rng(0)
    root = rng.standard_normal((6, 6))
    a, b, c = jnp.asarray(root @ root.T + np.eye(6)), rng.standard_normal(6), rng.standard_normal(6)

    def ours(a, b):
        return c @ spd.solve(a, b) + spd.log_determinant(a)

    def plain(a, b):
        return c @ jnp.linalg.solve(a, b) + jnp.linalg.slogdet(a)[1]

    assert float(ours(a, jnp.asarray(b))) == pytest.approx(float(plain(a, b)), rel=1e-12)
    # of symmetric changes, which are all that there are
    for mine, right in zip(
        jax.grad(ours, (0, 1))(a, b), jax.grad(plain, (0, 1))(a, b), strict=True
    ):
        assert np.asarray(mine + mine.T) == pytest.approx(np.asarray(right + right.T), rel=1e-9)


def test_limits_of_the_noise_and_the_discrepancy():
    """Many degrees are normal tails, no field is one level, no amplitude is no discrepancy."""
    parts = Parts("simplex-gp", "local", "student", "delta")
    posterior = made(parts)
    p = posterior.unravel(jnp.asarray(rough_latents(posterior)))
    residual, variance = jnp.linspace(-2, 2, 14), jnp.linspace(0.5, 1, 14)
    normal = NoiseModel(posterior.noise.prior, posterior.noise.spread)
    many, few = (replace(normal, degrees=d) for d in (1e8, 4.0))
    right = stats.norm.logpdf(np.asarray(residual), 0, np.sqrt(variance))
    assert np.asarray(many.log_likelihood(residual, variance)) == pytest.approx(right, abs=1e-6)
    assert np.asarray(few.log_likelihood(residual, variance)) != pytest.approx(right, abs=1e-2)
    level = {n: jnp.zeros_like(v) for n, v in p.items() if n.startswith("noise_")}
    flat = posterior.noise.variance(p | level, posterior.table.y_err)
    constant = jnp.exp(2 * p["log_sigma"]) + posterior.table.y_err**2
    assert np.asarray(flat) == pytest.approx(np.asarray(constant))
    without = p | {"delta_amplitude": jnp.full(1, -40.0)}
    mixture = posterior.rule.mixture(posterior.groups[0].values(p), posterior.ensemble)
    mean = posterior.mean(posterior.fields(without))
    assert np.asarray(mean) == pytest.approx(np.asarray(mixture))
    assert np.abs(posterior.mean(posterior.fields(p)) - mixture).max() > 1e-3


def drawn_from_the_prior(posterior, key: jax.Array) -> dict[str, jax.Array]:
    """Latents by name, but for the noise level, which is the first guess of it."""
    keys = {n: jax.random.fold_in(key, i) for i, n in enumerate(posterior.shapes())}
    p = {n: jax.random.normal(keys[n], shape) for n, shape in posterior.shapes().items()}
    for group in posterior.groups:
        if isinstance(group.amplitude, Amplitude) and group.process is not None:
            name, shape = f"{group.name}_amplitude", group.amplitude.shape
            relative = jax.random.gamma(keys[name], shape, p[name].shape) / shape
            p[name] = jnp.log(jnp.expm1(relative))
    return p | {"log_sigma": jnp.log(posterior.sigma)}


@pytest.mark.parametrize(
    ("weights", "discrepancy"),
    [
        ("simplex-gp", "none"),
        ("free-gp", "delta"),
        pytest.param("simplex-gp", "contrast", marks=pytest.mark.slow),
        pytest.param("simplex-linear", "delta", marks=pytest.mark.slow),
    ],
)
def test_draws_whose_models_were_exchanged_are_draws(weights, discrepancy):
    """Latents and observations from their joint law: what steps make of them has it, too."""
    fields = "free" if weights == "free-gp" else None  # one a model
    parts = Parts(weights, "constant", "normal", discrepancy, components=fields)
    posterior = made(parts, table_of(gaps=True))
    data = posterior.data

    def one(key):
        key_prior, key_noise, key_steps = jax.random.split(key, 3)
        q = posterior.ravel(drawn_from_the_prior(posterior, key_prior))
        p = posterior.unravel(q)
        mean = posterior.mean(posterior.fields(p))
        noise = jnp.sqrt(posterior.noise.variance(p, data.y_err))
        y = mean + noise * jax.random.normal(key_noise, mean.shape)

        def moved(believed):
            return posterior.given(data._replace(y=believed)).exchange(key_steps, q)

        def seen(q):
            p = posterior.unravel(q)
            fit = posterior.given(data._replace(y=y)).site_log_likelihood(p)
            own = posterior.groups[0].values(p)
            return jnp.concatenate([fit, jnp.ravel(own), jnp.ravel(own * y[:, None])])

        end, careless = moved(y), moved(y[::-1])
        return seen(end) - seen(q), seen(careless) - seen(q), jnp.any(end != q)

    found = jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(2), 4000))
    change, careless, changed = (np.asarray(a) for a in found)
    assert changed.mean() > 0.1

    def largest_z(a: np.ndarray) -> float:
        return np.abs(a.mean(axis=0) / (a.std(axis=0) / np.sqrt(len(a)))).max()

    assert largest_z(change) < LIMIT
    assert largest_z(careless) > 2 * LIMIT  # the control: steps that see other observations


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["simplex", "simplex-linear", "simplex-gp"])
def test_two_smooth_weights_may_be_borne_by_either_field(weights):
    posterior = made(Parts(weights, "local", "student", "contrast"), table_of(count=2, gaps=True))
    q = jnp.asarray(rough_latents(posterior))
    ends = [posterior.mirror(jax.random.key(k), q)[0] for k in range(8)]
    moved = [end for end in ends if bool(jnp.any(end != q))]
    assert 0 < len(moved) < 8  # or it stays
    density = jax.jit(posterior.log_posterior)
    first, second = (
        posterior.rule.weights(posterior.fields(posterior.unravel(v))[:, :2], posterior.ensemble)
        for v in (q, moved[0])
    )
    assert float(density(moved[0])) == pytest.approx(float(density(q)), rel=1e-12)
    assert np.asarray(second) == pytest.approx(np.asarray(first))
    p, fields = posterior.unravel(q), posterior.groups[0].of_models()
    exchanged = posterior.ravel({n: v[::-1] if n in fields else v for n, v in p.items()})
    assert float(density(exchanged)) != pytest.approx(float(density(q)), abs=1e-3)  # the control
    three = made(Parts(weights, "local", "student", "contrast"), table_of())
    assert len(posterior.target().jumps) == len(three.target().jumps) + 1


@pytest.mark.parametrize("discrepancy", ["none", "delta"])
def test_copies_of_a_model_count_as_that_model(discrepancy):
    """Weights of equal models add up; a mixture of copies of one model is that single model."""
    one = table_of(count=2)
    parts = Parts("simplex-gp", "local", "student", discrepancy)
    posterior = made(parts, one)
    u = jnp.asarray(np.random.default_rng(4).standard_normal((14, 2 + (discrepancy == "delta"))))
    share = 0.3
    halves = jnp.concatenate(
        [u[:, :1] + np.log(share), u[:, :1] + np.log(1 - share), u[:, 1:]], axis=1
    )
    doubled = made(parts, replace(one, f=one.f[:, [0, 0, 1]], models=("a", "b", "c")))
    right = np.asarray(posterior.mean(u))
    assert np.asarray(doubled.mean(halves)) == pytest.approx(right, rel=1e-12)
    assert np.asarray(doubled.mean(halves.at[:, 1].add(0.1))) != pytest.approx(right, abs=1e-3)

    copies = made(parts, replace(one, f=one.f[:, [0, 0]]))
    single = made(replace(parts, weights="single"), one)
    p = single.unravel(jnp.asarray(rough_latents(single)))
    fields = jnp.concatenate([u[:, :2], single.fields(p)], axis=1)
    assert np.asarray(copies.mean(fields)) == pytest.approx(np.asarray(single.mean(fields[:, 2:])))
    # and the noise of copies, which never disagree, is that of the single model
    assert np.asarray(copies.noise.variance(p, one.y_err)) == pytest.approx(
        np.asarray(single.noise.variance(p, one.y_err))
    )


def test_copies_of_models_add_no_principal_component():
    """Signed weights of sum 1; where models are copies, what their originals would predict."""
    table = table_of(count=3)
    doubled = replace(table, f=table.f[:, [0, 0, 1, 2, 2]], models=tuple("abcde"))
    ensemble = Ensemble.of(doubled.f)
    rule = Parts("free-gp", components=4).rule(ensemble)
    # two ways in which three models can differ
    assert rule.axes.shape == (5, 2)
    assert rule.axes.sum(axis=0) == pytest.approx(0)
    slope = np.asarray(rule.slope(jnp.zeros((14, 2)), ensemble))
    assert np.abs(slope).max(axis=0).min() > 0.01
    every = Parts("free-gp").rule(ensemble)
    assert np.asarray(every.axes) == pytest.approx(rule.axes)
    one = Parts("free-gp", components=1).rule(ensemble)
    assert one.axes[:, 0] == pytest.approx(rule.axes[:, 0])
    u = jnp.asarray(np.random.default_rng(5).standard_normal((14, 2)))
    weights = rule.weights(u, ensemble)
    assert np.asarray(weights.sum(axis=1)) == pytest.approx(1)
    assert float(weights.min()) < 0
    assert np.asarray(weights[:, 0]) == pytest.approx(np.asarray(weights[:, 1]))
    mixture = (np.asarray(weights) * doubled.f).sum(axis=1)
    assert np.asarray(rule.mixture(u, ensemble)) == pytest.approx(mixture)


@pytest.mark.parametrize("count", [14, pytest.param(260, marks=pytest.mark.slow)])
def test_the_force_is_about_the_gradient(count):
    """On a lattice, by inducing points and where there is no cheaper way."""
    table = table_of(count)
    places = np.column_stack([table.x, table.x[::-1] ** 2, table.x**0.5])[
        :, : 1 if count == 14 else 3
    ]
    names = ("x", "y", "z")[: places.shape[1]]
    posterior = made(
        Parts("simplex-gp", "local", "student", "delta"), replace(table, x=places, coords=names)
    )
    q = jnp.asarray(rough_latents(posterior))
    right, found = jax.jit(jax.grad(posterior.log_posterior))(q), jax.jit(posterior.force)(q)
    scale = float(jnp.abs(right).max())
    assert 0 < float(jnp.abs(found - right).max()) < 1e-3 * scale


def test_default_length_scales_of_all_parts_grow_to_what_few_points_resolve():
    """A thousand points, as length scales that a user asks for get, are a minute a draw."""
    table, names = table_of(900), ("u", "v", "w", "x", "y")
    places = np.random.default_rng(0).uniform(size=(900, 5))
    posterior = made(
        Parts("simplex-gp", "local", "student", "delta"), replace(table, x=places, coords=names)
    )
    processes = [g.process for g in (*posterior.groups, posterior.noise.field)]
    assert [p.latent_shape()[0] <= 400 for p in processes] == [True] * 3
    space, weights = Space(names), processes[0]
    bounds = np.column_stack(
        [weights.length_prior.quantile(p) / weights.widened for p in (0.01, 0.99)]
    )
    asked = make_field(places, 3, space, field="gp", form="auto", length_scale=bounds.tolist())
    assert asked.latent_shape()[0] > 400


def test_amplitudes_have_their_prior():
    """The law of eta that its latents say, against the gamma law."""
    for amplitude in (Amplitude(1, 0.3), Amplitude(2, 1.0)):
        t = jnp.linspace(-30, 30, 20001)
        density = np.exp(np.asarray(amplitude.log_density(t)))
        mass = np.cumsum(density) / density.sum()
        right = stats.gamma(amplitude.shape, scale=amplitude.mean / amplitude.shape)
        assert mass == pytest.approx(right.cdf(np.asarray(amplitude.eta(t))), abs=2e-3)
        other = stats.gamma(amplitude.shape + 0.1, scale=amplitude.mean / amplitude.shape)
        assert np.abs(mass - other.cdf(np.asarray(amplitude.eta(t)))).max() > 2e-2
        assert amplitude.eta(amplitude.start) == pytest.approx(amplitude.mean)


def test_the_mode_is_no_answer_and_says_so():
    posterior = made(Parts("simplex", "constant", "normal"), table_of(30))
    found = approximate(posterior, 40, 0, at_mode=True)
    count = len(found.mode)
    assert (found.draws[:, :count] == found.mode).all()
    assert np.ptp(found.draws[:, count:], axis=0).min() > 0
    (reason,) = found.verdict().reasons
    assert "hyperparameters and noise are at their mode" in reason
    assert "inference = 'hmc'" in reason


@pytest.mark.parametrize("times", [1e4, 1e8, 1e19])
def test_models_that_are_out_of_the_question_somewhere_leave_the_others_a_mode(times):
    """Signed weights know of nothing to bound them: their matrices are all but singular there."""
    table = table_of(40)
    there = table.x[:, 0] > 7
    f = table.f.copy()
    f[there, 1] *= times
    posterior = made(Parts("free-gp", "local", "student"), replace(table, f=f))
    found = approximate(posterior, 40, 0, at_mode=True)
    latents = posterior.unravel(jnp.asarray(found.draws[0]))
    mean = np.asarray(posterior.mean(posterior.fields(latents)))
    assert np.isfinite(found.log_marginal)
    assert np.std((mean - observed(posterior.table))[~there]) < np.std(observed(table)) / 2


@pytest.mark.parametrize(("slope", "power"), [(1.0, 0.5), (2.0, 1.0), (6.0, 1.0), (-1.0, -0.5)])
def test_noise_grows_at_most_in_proportion_to_a_spread_beyond_all_seen(slope, power):
    posterior = made(Parts("simplex", "local"), table_of(30))
    noise, x = posterior.noise, posterior.table.x[:1]
    shapes = noise.shapes()
    latents = {n: np.zeros((1, *s)) for n, s in shapes.items()} | {
        "noise_slope": np.array([slope / 0.5])
    }
    most, mean = noise.spread.max(), noise.spread.mean()
    # as the floor of the covariate has it
    beyond = mean * np.sqrt((most / mean) ** 2 * np.exp(2) + 0.03**2 * np.expm1(2))
    scales = [noise.sigma_at(latents, x, np.array([s]), 0)[0, 0] for s in (most, beyond)]
    assert np.log(scales[1] / scales[0]) == pytest.approx(power, abs=1e-9)
    # a control: within what was seen the law is followed, however steep
    inside = mean * np.sqrt((most / mean) ** 2 * np.exp(-1) + 0.03**2 * np.expm1(-1))
    within = noise.sigma_at(latents, x, np.array([inside]), 0)[0, 0]
    assert np.log(scales[0] / within) == pytest.approx(slope / 4, abs=1e-9)


def test_a_row_that_is_not_seen_is_as_if_it_were_not_there():
    table, parts = table_of(24), Parts("simplex", "constant", "student")
    seen = np.arange(24) % 3 > 0
    few = made(parts, table.rows(np.flatnonzero(seen)))
    every = replace(made(parts, table), sigma=few.sigma)
    alone, masked = Marginal(few), Marginal(every)
    rng = np.random.default_rng(5)
    points = [few.start_hyper() + 0.5 * rng.standard_normal(len(few.start_hyper())) for _ in "abc"]
    gaps = {}
    for name, rows in (("seen", seen), ("all", np.ones(24, dtype=bool))):
        masked.see(rows)
        values, slopes = zip(*(masked.loss(q) for q in points), strict=True)
        own, own_slopes = zip(*(alone.loss(q) for q in points), strict=True)
        left = np.array(values) - np.array(own)
        gaps[name] = np.abs(left).max(), np.abs(np.array(slopes) - np.array(own_slopes)).max()
    assert max(gaps["seen"]) < 1e-6
    assert min(gaps["all"]) > 0.1  # a control


def test_parts_that_make_no_sense_are_refused():
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0], "a": [0.0, 1.0, 2.0], "b": [1.0, 1.0, 0.0]})
    rows, at_two = (make_table(f, ["x"], ["a", "b"]) for f in (frame, frame.assign(x=2.0)))
    with pytest.raises(InputError, match="weights is one of"):
        Parts("softmax")
    with pytest.raises(InputError, match="a single model has no contrasts"):
        Parts("single", discrepancy="contrast")
    with pytest.raises(InputError, match="components serves signed weights"):
        Parts("simplex-gp", components=2)
    with pytest.raises(InputError, match="components is one of 'free', not 'all'"):
        Parts("free-gp", components="all")
    with pytest.raises(InputError, match="components must be a whole number of at least 1, not 0"):
        Parts("free-gp", components=0)
    with pytest.raises(InputError, match="2 models differ in at most 1 ways"):
        check_parts(Parts("free", components=2), rows, Space(("x",)))
    with pytest.raises(InputError, match="degrees must be a positive number, not 0"):
        Parts("simplex", degrees=0)
    with pytest.raises(InputError, match="need coordinates"):
        check_parts(Parts("simplex-gp"), rows, Space(()))
    with pytest.raises(InputError, match="uses one model, and models names 2"):
        check_parts(Parts("single"), rows, Space(("x",)))
    with pytest.raises(InputError, match="a mixture needs at least 2 models"):
        check_parts(Parts("free"), rows.alone(0), Space(("x",)))
    with pytest.raises(InputError, match="'x' is 2 at all 3 rows of a fit, where model 'a' has"):
        check_parts(Parts("single", noise="local"), at_two.alone(0), Space(("x",)))
    with pytest.raises(InputError, match="'x' is 2 at all 3 rows of a fit and what follows"):
        check_parts(Parts("simplex-gp"), at_two, Space(("x",)))
    check_parts(Parts("simplex"), at_two, Space(("x",)))
    check_parts(Parts("simplex-gp"), rows, Space(("x",)))


def test_laplace_recovers_constant_weights_and_says_its_k():
    posterior = made(Parts("simplex", "constant", "normal"), table_of(60))
    found = approximate(posterior, 400, 0)
    u = np.stack([posterior.unravel(q)["weights_trend"][:, 0] for q in found.draws])
    w = softmax(1.5 * u, axis=1).mean(0)
    assert w == pytest.approx(np.full(3, 1 / 3), abs=0.2)
    assert found.k < 0.7
    even = replace(found, weights=np.full(1000, 1e-3), k=0.6)
    assert even.verdict().converged
    (reason,) = replace(even, k=0.8).verdict().reasons
    assert reason.startswith("Pareto k of Laplace's approximation is 0.80 (limit 0.7): it is not")
    # most of the weight on ten draws, whatever k says
    few = np.where(np.arange(1000) < 10, 0.09, 0.1 / 990)
    (reason,) = replace(even, weights=few).verdict().reasons
    assert reason.startswith("its draws are worth 12 of the posterior (limit 400): it is not close")


@pytest.mark.parametrize(("away", "trusted"), [(0.0, True), (3.0, False)])
def test_a_search_that_ended_before_the_mode_is_told_whatever_k_says(monkeypatch, away, trusted):
    posterior = made(Parts("simplex", "constant", "normal"), table_of(60))

    def ended_early(*args, **kwargs):
        found = minimize(*args, **kwargs)
        found.x[0] += away
        return found

    monkeypatch.setattr(laplace, "minimize", ended_early)
    found = replace(approximate(posterior, 400, 0), weights=np.full(400, 1 / 400), k=0.1)
    assert found.verdict().converged == trusted
    if not trusted:
        (reason,) = found.verdict().reasons
        assert reason.startswith("the search for its mode ended about ")


@pytest.mark.parametrize("missing", ["k", "weights", "rise"])
def test_a_check_of_an_approximation_that_could_not_be_made_has_not_passed(missing):
    posterior = made(Parts("simplex", "constant", "normal"), table_of(30))
    found = replace(approximate(posterior, 40, 0), weights=np.full(400, 1 / 400), k=0.1)
    assert found.verdict().converged
    unknown = np.full(400, np.nan) if missing == "weights" else np.nan
    assert not replace(found, **{missing: unknown}).verdict().converged
