"""Local and heavy-tailed noise of every Bayesian method: densities, limits, units, refusals."""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats
from scipy.special import logsumexp

from direct import log_expectation
from dirimix.errors import InputError
from dirimix.estimators.averaging import BayesianModelAveraging
from dirimix.estimators.fields.linear import LinearField
from dirimix.estimators.global_posterior import DirichletPosterior, LinearPosterior
from dirimix.estimators.latent.build import Parts, make_noise, make_posterior
from dirimix.estimators.latent.each import other_evidences
from dirimix.estimators.latent.noise_kind import NoiseOptions
from dirimix.estimators.latent.tails import GammaTails
from dirimix.estimators.latent.weights import DirichletWeights, Ensemble, UniformWeights
from dirimix.estimators.local_posterior import LocalPosterior
from dirimix.laws.noise_prior import GammaNoise, GammaPrecision
from dirimix.methods import METHODS, parse_method
from dirimix.sampling.quick_jit import quick_jit
from dirimix.table.space import Space
from dirimix.table.table import Table

pytestmark = pytest.mark.filterwarnings("ignore::dirimix.errors.ConvergenceWarning")
KINDS = {
    "constant-normal": NoiseOptions(),
    "constant-student": NoiseOptions(tails="student"),
    "local-normal": NoiseOptions(noise="local"),
    "local-student": NoiseOptions(noise="local", tails="student", degrees=3.0, noise_sd=0.4),
}
PRIOR = GammaNoise(2, 4, scale=0.3)


@pytest.fixture(autouse=True)
def _double_precision():
    with jax.enable_x64(True):
        yield


def table_of(n: int = 8, count: int = 2) -> Table:
    rng = np.random.default_rng(3)
    x = np.sort(rng.uniform(0, 10, (n, 1)), axis=0)
    f = np.column_stack([np.sin(x[:, 0] + 0.7 * k) * (1 + 0.2 * k) for k in range(count)])
    y = f.mean(axis=1) + 0.1 * rng.standard_normal(n)
    names = tuple("abc"[:count])
    return Table(x, f, np.zeros_like(f), y, rng.uniform(0, 0.05, n), ("x",), names)


def local_posterior(kind: NoiseOptions, table: Table | None = None) -> LocalPosterior:
    table = table_of() if table is None else table
    k = len(table.models)
    field = LinearField(table.x, k, table.x.std(axis=0))
    noise = make_noise(kind, table, Space(table.coords), PRIOR)
    return LocalPosterior(table, field, noise, 0.2, np.full(k, 1 / k))


def rough(model: LocalPosterior, seed: int) -> np.ndarray:
    q = 0.5 * np.random.default_rng(seed).standard_normal(model.size())
    q[model._places()["log_sigma"]] -= 1.5
    return q


def log_sd(kind: NoiseOptions, model: LocalPosterior, p: dict[str, np.ndarray]) -> np.ndarray:
    """Half the log variance at the sites, as docs/methods.md writes it; u apart."""
    h = np.zeros(len(model.table.x))
    if kind.noise == "local":
        spread = np.std(model.table.f, axis=1)
        line = 0.5 * np.log((spread / spread.mean()) ** 2 + 0.03**2)
        field = model.noise.field
        assert field is not None
        assert field.process is not None
        unit = field.process.unit_field({"z": p["noise_z"], "length": np.zeros(1)})
        h = 0.5 * p["noise_slope"] * (line - line.mean()) + kind.noise_sd * np.asarray(unit)[:, 0]
    return p["log_sigma"] + h / 2


def oracle(kind: NoiseOptions, model: LocalPosterior, q: np.ndarray) -> Any:
    p = {n: np.asarray(v) for n, v in model.unravel(jnp.asarray(q)).items()}
    table, sigma = model.table, np.exp(p["log_sigma"])
    logp = stats.gamma.logpdf(sigma, 2, scale=0.3 / 4) + p["log_sigma"]
    logp += sum(stats.norm.logpdf(p[n]).sum() for n in p if n not in ("log_sigma", "tail"))
    s = np.sqrt(np.exp(2 * log_sd(kind, model, p)) + table.y_err**2)
    if kind.tails == "student":
        law = stats.gamma(kind.degrees / 2, scale=2 / kind.degrees)
        samples = np.log(law.rvs(400_000, random_state=0))
        log_lambda = samples.mean() + samples.std() * p["tail"]
        logp += np.sum(law.logpdf(np.exp(log_lambda)) + log_lambda)
        s = s * np.exp(-log_lambda / 2)
    line = np.column_stack([np.ones(len(s)), np.asarray(stats.zscore(table.x))])
    alpha = np.exp(line @ p["beta"].T)
    assert table.y is not None
    return logp + sum(map(log_expectation, table.f - table.y[:, None], alpha, s))


@pytest.mark.parametrize("name", KINDS)
def test_the_log_joint_of_local_weights_is_that_of_the_model(name):
    kind, model = KINDS[name], local_posterior(KINDS[name])
    first, second = rough(model, 1), rough(model, 2)
    log_posterior = quick_jit(model.log_posterior)
    found = [float(log_posterior(jnp.asarray(q))) for q in (first, second)]
    right = [oracle(kind, model, q) for q in (first, second)]
    # the moments of log lambda in the oracle are those of draws
    close = 0.05 if kind.tails == "student" else 5e-3
    assert found[0] - found[1] == pytest.approx(right[0] - right[1], abs=close)
    other = NoiseOptions(noise=kind.noise, tails=kind.tails, degrees=30.0, noise_sd=3.0)
    if name != "constant-normal":  # the control: another law of the noise
        right = [oracle(other, model, q) for q in (first, second)]
        assert found[0] - found[1] != pytest.approx(right[0] - right[1], abs=close)
    gradient = np.asarray(quick_jit(jax.grad(model.log_posterior))(jnp.asarray(first)))
    step = 1e-4 * np.random.default_rng(0).standard_normal(len(first))
    ends = [float(log_posterior(jnp.asarray(first + side * step))) for side in (1, -1)]
    assert gradient @ (2 * step) == pytest.approx(ends[0] - ends[1], abs=2e-6)


def test_the_site_likelihood_has_its_precision_integrated_out():
    kind = KINDS["local-student"]
    model = local_posterior(kind)
    p = model.unravel(jnp.asarray(rough(model, 1)))
    found = np.asarray(model.site_log_likelihood(p, model.log_alpha(p)))
    s = np.sqrt(np.asarray(model.noise.variance(p, model.table.y_err)))
    alpha, law = np.exp(np.asarray(model.log_alpha(p))), stats.gamma(1.5, scale=1 / 1.5)
    assert model.table.y is not None
    for i in range(2):
        d = model.table.f[i] - model.table.y[i]

        def density(t: float, i: int = i, d: np.ndarray = d) -> float:
            inner = log_expectation(d, alpha[i], s[i] * np.exp(-t / 2))
            return float(np.exp(inner + t) * law.pdf(np.exp(t)))

        right = integrate.quad(density, -9, 4, epsabs=1e-4, limit=40)[0]
        assert found[i] == pytest.approx(np.log(right), abs=5e-3)
    given = np.asarray(model.likelihood(jnp.asarray(alpha), jnp.asarray(s)))
    assert np.abs(found - given).max() > 0.02  # the control: normal noise of that scale


@pytest.mark.parametrize("degrees", [2.1, 4.0, 30.0])
def test_the_nodes_of_the_tails_make_a_t_density(degrees):
    scales, weights = GammaTails(degrees).nodes()
    r = np.array([0.0, 0.5, 1, 2, 4, 6])
    made = logsumexp(stats.norm.logpdf(r[:, None], 0, scales) + np.log(weights), axis=1)
    assert made == pytest.approx(stats.t.logpdf(r, degrees), abs=0.01)
    assert np.abs(made - stats.norm.logpdf(r)).max() > 0.01


def test_noise_without_departures_is_constant_and_normal():
    """Amplitude 0 is one level, many degrees are normal tails."""
    plain = local_posterior(KINDS["constant-normal"])
    many = local_posterior(NoiseOptions(noise="local", tails="student", degrees=1e9))
    p = many.unravel(jnp.asarray(rough(many, 1)))
    level = p | {n: jnp.zeros_like(v) for n, v in p.items() if n.startswith("noise_")}
    right = np.sqrt(np.exp(2 * float(p["log_sigma"])) + plain.table.y_err**2)
    assert np.asarray(many.site_noise(level)) == pytest.approx(right, rel=1e-4)
    assert np.abs(np.asarray(many.site_noise(p)) / right - 1).max() > 0.05
    alpha = many.log_alpha(p)
    ours = np.asarray(many.site_log_likelihood(level, alpha))
    own = {n: p[n] for n in plain.shapes()}
    assert ours == pytest.approx(np.asarray(plain.site_log_likelihood(own, alpha)), abs=1e-3)


def test_models_may_be_named_in_any_order():
    table, order = table_of(10, 3), [2, 0, 1]
    other = Table(
        table.x, table.f[:, order], table.f_sd, table.y, table.y_err, ("x",), ("c", "a", "b")
    )
    for kind in KINDS.values():
        one, two = local_posterior(kind, table), local_posterior(kind, other)
        p = one.unravel(jnp.asarray(rough(one, 1)))
        q = two.ravel(p | {"beta": p["beta"][jnp.asarray(order)]})
        first = float(one.log_posterior(jnp.asarray(one.ravel(p))))
        assert float(two.log_posterior(jnp.asarray(q))) == pytest.approx(first, abs=1e-6)


@pytest.mark.parametrize("form", ["uniform", "dirichlet"])
def test_global_weights_are_those_of_the_global_mixtures(form):
    """With constant normal noise the log joint is the one that gBMM samples."""
    table = table_of(12, 3)
    if form == "dirichlet":
        table = table.deviations()
    latent = make_posterior(Parts(form, alpha_scale=0.7), table, Space(("x",)), PRIOR, 0.2)
    given = LinearPosterior(table, PRIOR)
    if form == "dirichlet":
        given = DirichletPosterior(table, PRIOR, 0.7)
    log_posterior, log_joint = quick_jit(latent.log_posterior), quick_jit(given.log_joint)
    gaps = []
    for seed in range(3):
        z = np.random.default_rng(seed).standard_normal(3)
        own = latent.unravel(jnp.zeros(latent.size()))
        own |= {"weights_trend": jnp.asarray(z)[:, None], "log_sigma": jnp.asarray(-1.0 - seed)}
        q = np.concatenate([np.ravel(own[n]) for n in latent.shapes()])
        left = float(log_posterior(jnp.asarray(q)))
        inside = stats.norm.cdf(z) if form == "uniform" else z
        right = float(log_joint(jnp.asarray([*inside, -1.0 - seed])))
        if form == "uniform":  # a density of z, not of the weights
            right += stats.norm.logpdf(z).sum()
        gaps.append(left - right)
    assert np.ptp(gaps) < 1e-8


@pytest.mark.parametrize(
    "rule",
    [UniformWeights(), pytest.param(DirichletWeights(0.7), marks=pytest.mark.slow)],
    ids=["uniform", "d"],
)
def test_slopes_of_global_weights_are_derivatives(rule):
    table = table_of(5, 3)
    ensemble = Ensemble.of(table.f)
    u = np.random.default_rng(0).standard_normal((5, 3))
    slope = np.asarray(rule.slope(jnp.asarray(u), ensemble))
    for k in range(3):
        step = np.zeros((5, 3))
        step[:, k] = 1e-6
        ends = [np.asarray(rule.mixture(jnp.asarray(u + s * step), ensemble)) for s in (1, -1)]
        assert slope[:, k] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-6)
    weights = rule.weights(u, ensemble, np)
    assert weights == pytest.approx(np.asarray(rule.weights(jnp.asarray(u), ensemble)))
    # a model that is not known leaves its weight to the others
    gaps = Ensemble.of(np.where(np.arange(15).reshape(5, 3) == 4, np.nan, table.f))
    assert rule.weights(u, gaps, np).sum(axis=1) == pytest.approx(weights.sum(axis=1))
    assert rule.weights(u, gaps, np)[1, 1] == 0


# estimators


def frame(n: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0, 10, n))
    y = 0.6 * np.sin(x) + 0.4 * np.cos(x) + 0.1 * rng.standard_t(3, n) * np.where(x > 5, 3, 1)
    return pd.DataFrame({"x": x, "a": np.sin(x), "b": np.cos(x), "y": y})


def made(name: str, coords=("x",), **options: Any):
    choice = parse_method(name)
    known = choice.method.options()
    given = {k: v for k, v in options.items() if k in known}
    models = ("a",) if choice.method.each_model else ("a", "b")
    return next(iter(choice.method.build(tuple(coords), models, given, 3).values()))


SHORT: dict[str, Any] = {"chains": 1, "draws": 12, "warmup": 20, "min_ess": 0}
MODE = SHORT | {"inference": "mode", "draws": 40}
QUICK = MODE | {"noise": "local", "tails": "student"}
# a stack hands them on to its candidates, and has none by itself
BAYESIAN = [n for n, m in METHODS.items() if m.options().get("tails")]


def test_every_bayesian_method_has_the_options():
    assert set(BAYESIAN) >= {
        "raw", "bma-closed-form", "bma-laplace", "bma-monte-carlo", "gbmm-l", "gbmm-d",
        "lbmm-gld", "lbmm-gpd", "lbmm-lgp", "signed-gp",
    }  # fmt: skip
    for name in BAYESIAN:
        defaults = METHODS[name].options()
        latent = "latent" in METHODS[name].estimator
        assert defaults["noise"] == ("local" if latent else "constant")
        assert defaults["tails"] == ("student" if latent else "normal")


@pytest.mark.parametrize("name", BAYESIAN)
def test_options_that_make_no_sense_get_one_sentence(name):
    rows = frame().assign(label=["wet", "dry"] * 15)
    with pytest.raises(InputError, match="noise is one of 'constant', 'local', not 'locale' .did"):
        made(name, noise="locale").check(rows, rows["y"])
    with pytest.raises(InputError, match="tails is one of 'normal', 'student', not 'cauchy'"):
        made(name, tails="cauchy").check(rows, rows["y"])
    with pytest.raises(InputError, match="degrees must be a positive number, not -1"):
        made(name, degrees=-1, tails="student").check(rows, rows["y"])
    if name in ("bma-closed-form", "bma-laplace"):
        for other in ({"noise": "local"}, {"tails": "student"}):
            with pytest.raises(InputError, match="is of constant normal noise; take evidence='mo"):
                made(name, **other).check(rows, rows["y"])
        return
    if not METHODS[name].local:
        with pytest.raises(InputError, match="noise='local' follows the map and needs coordinates"):
            made(name, (), noise="local").check(rows, rows["y"])
    if name != "lbmm-gpd" and "latent" not in METHODS[name].estimator:
        with pytest.raises(InputError, match="'label' holds labels; leave it out of coords, or"):
            made(name, ("x", "label"), noise="local").check(rows, rows["y"])


@pytest.mark.parametrize(
    "name",
    ["raw", *(pytest.param(n, marks=pytest.mark.slow) for n in ("lbmm-gld", "gbmm-l", "gbmm-d"))],
)
def test_a_change_of_unit_changes_the_unit_of_the_answer(name):
    rows, factor = frame(), 1024.0  # a power of two: no rounding
    large = rows.assign(**{c: factor * rows[c] for c in "aby"})
    one, two = made(name, **QUICK), made(name, **QUICK)
    law, other = (m.fit(t, t["y"]).predictive(t) for m, t in ((one, rows), (two, large)))
    assert other.mean() == pytest.approx(factor * law.mean(), rel=1e-9)
    assert other.std() == pytest.approx(factor * law.std(), rel=1e-9)
    # heavy tails and local noise are there
    assert np.ptp(law.std()) > 0.02
    site = law.scale[:, 0] / law.scale[:, 0].mean()
    assert site.max() > 1.5


def test_sampled_tails_of_a_single_model_agree_with_quadrature():
    rows = frame(60)
    single = made("raw", tails="student", chains=2, draws=600, warmup=150, min_ess=0)
    single.fit(rows, rows["y"])
    residual = np.asarray(rows["y"] - rows["a"])
    log_sigma = np.linspace(-5, 3, 4001)
    sigma = np.exp(log_sigma)
    density = stats.t.logpdf(residual[:, None], 4, scale=sigma).sum(axis=0)
    density += stats.halfcauchy.logpdf(sigma, scale=single.y_scale_) + log_sigma
    weight = np.exp(density - density.max())
    weight /= weight.sum()
    mean = float(sigma @ weight)
    sd = np.sqrt((sigma - mean) ** 2 @ weight)
    draws = single.posterior_["posterior"]["sigma"].to_numpy().ravel()
    ess = float(single.diagnostics_["ess_bulk"].min())
    assert abs(draws.mean() - mean) < 4.5 * sd / np.sqrt(ess)
    # the predictive density, integrated over sigma and not
    y = np.array([0.0, 1.0, 3.0])
    at = pd.DataFrame({"x": [5.0] * 3, "a": 0.0, "b": 0.0})
    right = np.log(stats.t.pdf(y[:, None], 4, scale=sigma) @ weight)
    assert single.predictive(at).logpdf(y) == pytest.approx(right, abs=0.12)
    normal = made("raw").fit(rows, rows["y"]).predictive(at).logpdf(y)
    assert np.abs(normal - right).max() > 0.4


@pytest.mark.parametrize("name", ["raw", pytest.param("gbmm-d", marks=pytest.mark.slow)])
def test_answers_of_routed_methods_belong_to_sites(name):
    rows = frame()
    fit = made(name, **QUICK).fit(rows, rows["y"])
    whole, part = fit.predictive(rows), fit.predictive(rows.iloc[[7]])
    np.testing.assert_array_equal(whole.scale[:, 7], part.scale[:, 0])
    np.testing.assert_array_equal(whole.loc[:, 7], part.loc[:, 0])
    assert fit.uses_places
    assert not made(name).uses_places
    assert fit.fit_report().posterior is not None


def test_the_projection_of_linear_mixing_keeps_the_noise():
    rows = frame()
    fit = made("gbmm-l", **QUICK).fit(rows, rows["y"])
    free = fit.unprojected()
    assert fit.weight_draws_.sum(axis=1) == pytest.approx(1)
    assert np.ptp(free.weight_draws_.sum(axis=1)) > 1e-3
    np.testing.assert_array_equal(fit.predictive(rows).scale, free.predictive(rows).scale)
    assert np.abs(fit.predict(rows) - free.predict(rows)).max() > 1e-3


@pytest.mark.parametrize("tails", ["normal", "student"])
def test_the_monte_carlo_evidence_of_other_noise_is_an_integral(tails):
    """Two rows far apart: their noise levels are sigma exp(h / 2) with independent h."""
    rows = frame()
    noise = "local" if tails == "normal" else "constant"
    own = {"noise": noise, "tails": tails, "evidence_rows": [0, 29], **MODE}
    fit = made("bma-monte-carlo", **own, n_monte_carlo=40_000).fit(rows, rows["y"])
    d = np.asarray(rows["y"] - rows["a"])[[0, 29]] / fit.y_scale_
    log_sigma = np.linspace(-14, 14, 1201)
    sigma, prior = np.exp(log_sigma), GammaPrecision()
    if tails == "student":
        density = stats.t.logpdf(d[:, None], 4, scale=sigma)
    else:
        h, w = np.polynomial.hermite_e.hermegauss(40)
        scale = sigma[:, None] * np.exp(0.6 * h / 2)
        each = stats.norm.logpdf(d[:, None, None], 0, scale)
        density = logsumexp(each + np.log(w / w.sum()), axis=-1)
    total = density.sum(axis=0) + prior.log_density(sigma) + log_sigma
    right = logsumexp(total) + np.log(log_sigma[1] - log_sigma[0]) - 2 * np.log(fit.y_scale_)
    found = fit.evidence_.set_index("model").loc["a"]
    assert abs(found["log_evidence"] - right) < 4.5 * found["std_error"] + 0.02
    plain = made("bma-monte-carlo", evidence_rows=[0, 29]).fit(rows, rows["y"])
    control = plain.evidence_.set_index("model").loc["a", "log_evidence"]
    assert abs(control - right) > 4.5 * found["std_error"] + 0.02
    law = fit.predictive(rows)
    assert np.isfinite(law.logpdf(np.asarray(rows["y"]))).all()
    assert fit.reasons_
    # the noise of each model has the prior that its evidence has, and that is told
    assert fit.members_["a"].model_.noise.prior == prior
    assert "^2 ~ Gamma(shape 0.252" in fit.priors_["sigma"]


def test_corrections_of_averaged_models_are_off_together():
    rows = frame()
    given = {"noise": "local", **MODE}
    fit = made("bma-monte-carlo", **given).fit(rows.assign(a__sd=0.3, b__sd=0.2), rows["y"])
    law = fit.predictive(rows.assign(a__sd=0.3, b__sd=0.2))
    assert law.together is not None
    assert set(np.unique(law.together).round(9)) == {0.2, 0.3}
    assert fit.predictive(rows).together is None


def test_a_gap_of_a_model_says_nothing_of_the_noise_of_the_others():
    rows = frame()
    holes = rows.assign(a=np.where(np.arange(len(rows)) == 7, np.nan, rows["a"]))
    given = {"noise": "local", "evidence_rows": [0, 29], **MODE}
    whole = made("bma-monte-carlo", **given, y_scale=0.1, n_monte_carlo=500)
    assert isinstance(whole, BayesianModelAveraging)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        found = [
            other_evidences(whole, whole._training_table(f, f["y"], None), np.array([0, 29]), PRIOR)
            for f in (rows, holes)
        ]
    assert found[0] == found[1]
    assert np.isfinite(found[0][0].log)
