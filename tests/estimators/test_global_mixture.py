"""gBMM+L and gBMM+D: the posterior against quadrature, its limits, and what a fit leaves behind."""

import warnings
from typing import Any

import arviz_stats
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from scipy.special import betaln, expit
from sklearn.exceptions import NotFittedError

from dirimix import DirichletMixture, LinearMixture
from dirimix.errors import ConvergenceWarning, DroppedRowsWarning, FitWarning, InputError
from dirimix.estimators import global_posterior
from dirimix.laws.noise_prior import GammaPrecision
from monte_carlo import LIMIT, Law, apart, far_from, scalars

ERROR = 0.2
LENGTH = {"chains": 4, "draws": 1500, "warmup": 500}
HURRIED: dict[str, Any] = {"chains": 2, "draws": 20, "warmup": 20, "min_ess": 0}
PAPER: dict[str, Any] = {"noise_prior": "paper", "y_scale": 1.0}
CLASSES = {"gbmm-l": LinearMixture, "gbmm-d": DirichletMixture}
every_class = pytest.mark.parametrize("kind", CLASSES.values(), ids=list(CLASSES))


def frame(truth, n: int, noise: float = 0.5, seed: int = 0) -> pd.DataFrame:
    """Independent models a, b, ... and y, their mixture with the true weights, and noise."""
    rng = np.random.default_rng(seed)
    f = rng.normal(0, 1, (n, len(truth)))
    columns = dict(zip("abc", f.T, strict=False))
    return pd.DataFrame(columns | {"y": f @ truth + rng.normal(0, noise, n)})


def fitted(kind, table: pd.DataFrame, models, **options):
    """A fit whose convergence is not the question."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture = kind(models=list(models), **(LENGTH | options))
        return mixture.fit(table, table["y"], ERROR)


@pytest.fixture(scope="module")
def pair():
    return frame([0.65, 0.35], 12, seed=2)


@pytest.fixture(scope="module")
def trio():
    return frame([0.6, 0.3, 0.1], 30)


@pytest.fixture(scope="module")
def of_trio(trio):
    return fitted(DirichletMixture, trio, "abc", random_state=1)


def _likelihood(table: pd.DataFrame, sums: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """exp of the log likelihood, scaled, for sums of squares (..., 1) and sigma (s,)."""
    variance = sigma**2 + ERROR**2
    log = -0.5 * (len(table) * np.log(variance) + sums / variance)
    return np.exp(log - log.max())


SIGMA = np.geomspace(0.02, 4, 160)


def dirichlet_by_quadrature(table: pd.DataFrame, alpha_scale=1.0, rate=10.0) -> dict[str, Law]:
    """Two models: sums over logit w, log alpha of both and log sigma."""
    u, alpha = np.linspace(-10, 10, 401), np.geomspace(1e-5, 6 * alpha_scale, 120)
    t = np.sinh(u)  # a small alpha spreads logit w over thousands
    log_w, log_rest, w = -np.logaddexp(0, -t), -np.logaddexp(0, t), expit(t)
    mean = np.outer(w, table["a"]) + np.outer(1 - w, table["b"])
    sums = np.sum((table["y"].to_numpy() - mean) ** 2, axis=1)[:, None]
    noise = stats.gamma(5, scale=1 / rate).pdf(SIGMA) * SIGMA
    of_w_sigma = _likelihood(table, sums, SIGMA) * noise
    prior = stats.halfnorm(0, alpha_scale).pdf(alpha) * alpha
    log_beta = betaln(alpha[:, None], alpha)
    first, second = np.exp(np.outer(log_w, alpha)), np.exp(np.outer(log_rest, alpha))
    of_alpha = prior[:, None] * prior * np.exp(-log_beta)
    of_w = np.cosh(u) * np.einsum("ta,tb,ab->t", first, second, of_alpha, optimize=True)
    likelihood = np.cosh(u) * of_w_sigma.sum(axis=1)
    mass = np.einsum("ta,tb,t->ab", first, second, likelihood, optimize=True) * of_alpha
    return {
        "weights[a]": Law.of_grid(of_w * of_w_sigma.sum(axis=1), w),
        "alpha[a]": Law.of_grid(mass.sum(axis=1), alpha),
        "alpha[b]": Law.of_grid(mass.sum(axis=0), alpha),
        "sigma": Law.of_grid(of_w @ of_w_sigma, SIGMA),
    }


def linear_by_quadrature(table: pd.DataFrame, rate=10.0) -> dict[str, Law]:
    """Two models: sums over both weights and log sigma."""
    w = (np.arange(200) + 0.5) / 200
    y, a, b = (table[c].to_numpy() for c in "yab")
    residual = y - w[:, None, None] * a - w[None, :, None] * b
    sums = np.sum(residual**2, axis=-1)[..., None]
    noise = stats.gamma(5, scale=1 / rate).pdf(SIGMA) * SIGMA
    mass = _likelihood(table, sums, SIGMA) * noise
    return {
        "weights[a]": Law.of_grid(mass.sum(axis=(1, 2)), w),
        "weights[b]": Law.of_grid(mass.sum(axis=(0, 2)), w),
        "sigma": Law.of_grid(mass.sum(axis=(0, 1)), SIGMA),
    }


def test_the_dirichlet_posterior_is_that_of_quadrature(pair):
    found = scalars(fitted(DirichletMixture, pair, "ab", **PAPER, draws=3000).posterior_)
    assert far_from(found, dirichlet_by_quadrature(pair)) < LIMIT
    assert far_from(found, dirichlet_by_quadrature(pair, alpha_scale=1.2)) > 2 * LIMIT
    assert far_from(found, dirichlet_by_quadrature(pair, rate=12)) > 2 * LIMIT


@pytest.mark.slow
def test_relative_weights_have_the_same_posterior(pair, monkeypatch):
    monkeypatch.setattr(global_posterior, "_KNOWN", 10.0)  # as if the data knew them
    found = scalars(fitted(DirichletMixture, pair, "ab", **PAPER, draws=3000).posterior_)
    assert far_from(found, dirichlet_by_quadrature(pair)) < LIMIT
    assert far_from(found, dirichlet_by_quadrature(pair, alpha_scale=1.2)) > 2 * LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("noise", [1e-2, 1e-5])
def test_weights_that_are_known_well_are_sampled_without_divergences(noise, monkeypatch):
    table = frame([0.6, 0.4], 40, noise)
    mixture = fitted_of_little_noise(table)
    assert mixture.converged_
    assert not mixture.posterior_["sample_stats"]["diverging"].any()
    assert mixture.weights_[0] == pytest.approx(0.6, abs=noise)
    monkeypatch.setattr(global_posterior, "_KNOWN", 0.0)
    plain = fitted_of_little_noise(table)
    assert not plain.converged_ or plain.posterior_["sample_stats"]["diverging"].any()


def fitted_of_little_noise(table: pd.DataFrame) -> DirichletMixture:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return DirichletMixture(models=["a", "b"], draws=600, min_ess=0).fit(table, table["y"])


def test_the_linear_posterior_is_that_of_quadrature(pair):
    mixture = fitted(LinearMixture, pair, "ab", **PAPER, draws=3000)
    assert far_from(scalars(mixture.posterior_), linear_by_quadrature(pair)) < LIMIT
    assert far_from(scalars(mixture.posterior_), linear_by_quadrature(pair, rate=12)) > 2 * LIMIT


QUADRATURES = {"gbmm-l": linear_by_quadrature, "gbmm-d": dirichlet_by_quadrature}


@pytest.mark.parametrize("name", [pytest.param("gbmm-l", marks=pytest.mark.slow), "gbmm-d"])
def test_one_row_is_enough_for_two_models(name):
    one, other = frame([0.65, 0.35], 1, seed=1), frame([0.65, 0.35], 1, seed=3)
    found = scalars(fitted(CLASSES[name], one, "ab", **PAPER, min_ess=0).posterior_)
    assert far_from(found, QUADRATURES[name](one)) < LIMIT
    assert far_from(found, QUADRATURES[name](other)) > 2 * LIMIT


@pytest.mark.parametrize(
    "kind",
    [LinearMixture, pytest.param(DirichletMixture, marks=pytest.mark.slow)],
    ids=list(CLASSES),
)
def test_a_perfect_model_takes_nearly_all_weight(kind):
    table = frame([0.0, 1.0, 0.0], 400, noise=0.05)
    mixture = fitted(kind, table, "abc", draws=200, min_ess=0)
    # an error of 0.2 leaves sd(weight) = 0.01
    assert mixture.weights_[1] > 0.95


def test_names_of_models_do_not_matter(trio, of_trio):
    other = scalars(fitted(DirichletMixture, trio, "cab", random_state=2).posterior_)
    expected = scalars(of_trio.posterior_)
    assert apart(other, expected) < LIMIT
    swapped = {name.translate(str.maketrans("ab", "ba")): d for name, d in expected.items()}
    assert apart({"weights[a]": other["weights[a]"]}, swapped) > 2 * LIMIT


def test_a_constant_in_all_models_and_y_changes_no_answer(trio, of_trio):
    mixture = fitted(DirichletMixture, trio + 50, "abc", random_state=2)
    assert apart(scalars(mixture.posterior_), scalars(of_trio.posterior_)) < LIMIT


def test_the_posterior_holds_what_arviz_needs(of_trio, tmp_path):
    of_trio.posterior_.to_netcdf(tmp_path / "p.nc", engine="h5netcdf")
    with xr.open_datatree(tmp_path / "p.nc", engine="h5netcdf") as tree:
        groups = {"posterior", "sample_stats", "log_likelihood", "observed_data", "constant_data"}
        assert groups <= set(tree.children)
        summary = arviz_stats.summary(tree, round_to="none")  # pyright: ignore[reportArgumentType]
        own = of_trio.diagnostics_.set_index("parameter")
        predictions = {f"prediction[{i}]" for i in range(1, 31)}
        assert set(own.index) == set(summary.index) | predictions
        own = own.drop(list(predictions))
        for theirs, ours in (("mean", "mean"), ("ess_bulk", "ess_bulk"), ("r_hat", "rhat")):
            np.testing.assert_allclose(summary.loc[own.index, theirs].astype(float), own[ours])
        assert np.isfinite(arviz_stats.loo(tree).elpd)


def test_the_log_likelihood_is_that_of_the_draws(trio, of_trio):
    groups = of_trio.posterior_
    w, sigma = (groups["posterior"][n].to_numpy() for n in ("weights", "sigma"))
    mean = w @ trio[list("abc")].to_numpy().T
    expected = stats.norm(mean, np.hypot(sigma, ERROR)[..., None]).logpdf(trio["y"])
    np.testing.assert_allclose(groups["log_likelihood"]["y"], expected, atol=1e-9)


def test_diagnostics_and_sampling_have_the_columns_that_are_written(of_trio):
    columns = ["parameter", "mean", "sd", "ess_bulk", "ess_tail", "rhat"]
    assert list(of_trio.diagnostics_.columns) == columns
    assert {f"alpha[{m}]" for m in "abc"} < set(of_trio.diagnostics_["parameter"])
    assert {"chains", "draws", "warmup", "divergences", "gradients", "seconds"} < set(
        of_trio.sampling_
    )
    assert (of_trio.posterior_["posterior"]["alpha"] > 0).all()
    np.testing.assert_allclose(of_trio.weight_draws_.sum(axis=1), 1)
    assert (of_trio.weight_draws_ >= 0).all()


def test_the_verdict_is_that_of_the_gate(of_trio):
    own = of_trio.diagnostics_
    diverging = float(of_trio.posterior_["sample_stats"]["diverging"].mean())
    passed = own["rhat"].max() <= 1.01 and own[["ess_bulk", "ess_tail"]].min().min() >= 400
    assert of_trio.converged_ == (passed and diverging <= 0.001)
    assert of_trio.sampling_["converged"] == of_trio.converged_


def test_draws_are_taken_until_the_effective_size_is_reached(trio):
    mixture = fitted(DirichletMixture, trio, "abc", draws=200, warmup=200, min_ess=1000.0)
    assert mixture.sampling_["ended"] == "ess"
    draws: Any = mixture.sampling_["draws"]
    assert draws > 200
    assert draws % 20 == 0  # a tenth of the 200 at a time
    assert mixture.diagnostics_[["ess_bulk", "ess_tail"]].min().min() >= 1000


@pytest.mark.parametrize("min_ess", [0, None, 1e6])
def test_time_that_is_up_ends_the_draws_before_their_number(trio, min_ess):
    options: dict[str, Any] = {"chains": 2, "draws": 100, "warmup": 20, "min_ess": min_ess}
    late = fitted(DirichletMixture, trio, "abc", **options, max_seconds=1e-6)
    assert (late.sampling_["draws"], late.sampling_["ended"]) == (20, "time")


def test_draws_go_on_by_themselves_up_to_four_times(trio):
    few = {"chains": 4, "draws": 100, "warmup": 100}
    alone = fitted(DirichletMixture, trio, "abc", **few, min_ess=0)
    assert (alone.sampling_["draws"], alone.sampling_["ended"]) == (100, "draws")
    mixture = fitted(DirichletMixture, trio, "abc", **few)
    draws: Any = mixture.sampling_["draws"]
    assert 100 < draws <= 400
    if mixture.sampling_["ended"] == "ess":
        assert mixture.diagnostics_[["ess_bulk", "ess_tail"]].min().min() >= 400
    hurried = fitted(DirichletMixture, trio, "abc", **(HURRIED | {"min_ess": None}))
    assert hurried.sampling_["ended"] == "draws"
    assert 20 <= hurried.sampling_["draws"] < 80  # so few that four times would be far from enough


def test_the_seed_decides_the_draws(trio):
    first, again, other = (
        fitted(DirichletMixture, trio, "abc", **HURRIED, random_state=seed) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first.weight_draws_, again.weight_draws_)
    xr.testing.assert_identical(first.posterior_, again.posterior_)
    assert not np.any(first.weight_draws_ == other.weight_draws_)


def test_a_run_that_is_too_short_says_so(trio):
    with pytest.warns(ConvergenceWarning, match="DirichletMixture has not .*ess_bulk below 400"):
        mixture = DirichletMixture(models=list("abc"), **HURRIED).fit(trio, trio["y"], ERROR)
    assert not mixture.converged_
    assert not mixture.sampling_["converged"]
    assert any("ess_tail below 400" in reason for reason in mixture.sampling_["reasons"])


@pytest.mark.filterwarnings("ignore:.*rows to predict lack")
def test_rows_without_some_model_are_left_out_of_the_fit_and_predicted_by_the_others(trio):
    holed = trio.copy()
    holed.loc[[3, 7], "b"] = np.nan
    with pytest.warns(DroppedRowsWarning, match="fitting on 28 of 30 rows"):
        mixture = fitted(LinearMixture, holed, "abc", **HURRIED)
    weights = mixture.predict_weights(holed).to_numpy()
    assert np.all(weights[[3, 7], 1] == 0)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert np.isfinite(mixture.predict(holed)).all()
    free = mixture.unprojected()
    np.testing.assert_allclose(
        free.weight_draws_ / free.weight_draws_.sum(axis=1, keepdims=True), mixture.weight_draws_
    )
    with pytest.raises(NotFittedError, match="This LinearMixture instance is not fitted yet"):
        LinearMixture(models=list("abc")).unprojected()


@pytest.mark.slow
@every_class
def test_any_prior_of_the_noise_serves(kind, trio):
    mixture = fitted(kind, trio, "abc", **HURRIED, noise_prior=GammaPrecision(), y_scale=0.5)
    prior = GammaPrecision(scale=0.5)
    assert mixture.priors_["sigma"] == str(prior)
    sigma = mixture.posterior_["posterior"]["sigma"].to_numpy()
    expected = prior.log_density(sigma)
    np.testing.assert_allclose(mixture.posterior_["log_prior"]["sigma"].to_numpy(), expected)


@every_class
def test_a_model_that_is_the_answer_itself_is_refused(kind, trio):
    table = trio.assign(b=trio["y"])
    with pytest.raises(
        InputError, match="model 'b' equals the observation at 30 of 30 rows, first"
    ):
        kind(models=["a", "b"], **HURRIED).fit(table, table["y"])


def test_a_model_is_no_answer_for_being_right_on_days_without_rain(trio):
    """Both say 0 where nothing was observed; elsewhere they differ."""
    dry = np.arange(len(trio)) % 3 > 0
    rain = trio.assign(**{n: np.where(dry, 0.0, 1 + trio[n] ** 2) for n in ("a", "b", "y")})
    mixture = LinearMixture(models=["a", "b"], **HURRIED)
    mixture.check(rain, rain["y"])
    with pytest.raises(InputError, match="model 'b' equals the observation at 30 of 30 rows"):
        mixture.check(rain.assign(b=rain["y"]), rain["y"])  # the control


@every_class
def test_observations_that_are_a_mixture_themselves_are_pointed_out(kind, trio):
    y = 0.3 * trio["a"] + 0.7 * trio["b"]
    with pytest.warns((FitWarning, ConvergenceWarning)) as said:
        kind(models=["a", "b"], **HURRIED).fit(trio, y)
    assert any("no noise is seen" in str(w.message) for w in said)
    with warnings.catch_warnings():
        warnings.simplefilter("error", FitWarning)  # errors are noise enough
        warnings.simplefilter("ignore", ConvergenceWarning)
        kind(models=["a", "b"], **HURRIED).fit(trio, y, np.full(len(y), 0.1))
