"""Tables and options at the edges of what makes sense: the right answer, or one sentence."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

import dirimix
from dirimix import scores
from dirimix.errors import ConvergenceWarning, FitWarning, InputError
from dirimix.estimators.latent.weights import Ensemble, PrincipalWeights
from dirimix.estimators.single_model import SingleModel
from dirimix.laws.normal_mixture import NormalMixture
from dirimix.likelihood.density import Likelihood
from dirimix.likelihood.routes import COARSE, FINE
from dirimix.methods import METHODS
from dirimix.sampling import sampler
from short_fits import SHORT

MODELS = ["a", "b", "c"]
HUGE = 10**9
# every mixture of a kind of its own, by the name of its method
FITS: dict[str, tuple[str, dict[str, Any]]] = {
    "equal": ("EqualWeights", {}),
    "ols": ("OrdinaryLeastSquares", {}),
    "simplex-ls": ("SimplexLeastSquares", {}),
    "ridge-stacking": ("RidgeStacking", {}),
    "bma-closed-form": ("BayesianModelAveraging", {}),
    "bma-laplace": ("BayesianModelAveraging", {"evidence": "laplace"}),
    "bma-monte-carlo": (
        "BayesianModelAveraging",
        {"evidence": "monte-carlo", "n_monte_carlo": 2000},
    ),
    "gbmm-l": ("LinearMixture", SHORT),
    "gbmm-d": ("DirichletMixture", SHORT),
    "lbmm-gld": ("LocalDirichletMixture", {"field": "linear", **SHORT}),
    "lbmm-gpd": ("LocalDirichletMixture", {"field": "gp", **SHORT}),
    "lbmm-lgp": ("LatentMixture", {"weights": "simplex-gp", "inference": "mode"}),
    "signed-gp": ("LatentMixture", {"weights": "free-gp", "inference": "mode"}),
}
SUM_ONE = [fit for fit in FITS if fit not in ("ols", "ridge-stacking")]
QUICK = ("equal", "simplex-ls", "ridge-stacking", "bma-closed-form", "bma-laplace")
SAMPLED = ("gbmm-l", "gbmm-d", "lbmm-gld", "lbmm-gpd", "lbmm-lgp", "signed-gp")
# long to compile, like gbmm-d in kind
LONG = ("gbmm-l", "lbmm-gld", "lbmm-gpd", "lbmm-lgp", "signed-gp")
pytestmark = pytest.mark.filterwarnings(
    f"ignore::{ConvergenceWarning.__module__}.{ConvergenceWarning.__name__}",
    "ignore:all models lie",
)


def table(n: int = 24, models: int = 3) -> tuple[pd.DataFrame, np.ndarray]:
    """Models that err in their own ways, and observations with noise of 0.1."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0, 10, n))
    truth = np.sin(x)
    names = MODELS if models == 3 else [f"m{k}" for k in range(models)]
    off = {m: 0.3 * np.sin(k + x * (0.2 + 0.1 * k)) + 0.1 * k for k, m in enumerate(names)}
    frame = pd.DataFrame({m: truth + d for m, d in off.items()}).assign(x=x)
    return frame, truth + rng.normal(0, 0.1, n)


def fitted(fit: str, frame: pd.DataFrame, y: np.ndarray, **options: Any) -> Any:
    name, own = FITS[fit]
    models = [column for column in frame if column != "x"]
    return getattr(dirimix, name)(["x"], models, **{**own, **options}).fit(frame, y)


@pytest.mark.parametrize(
    "fit", [pytest.param(fit, marks=[pytest.mark.slow] * (fit in LONG)) for fit in SUM_ONE]
)
def test_models_that_are_the_same_are_mixed_to_what_they_say(fit):
    frame, y = table()
    same = frame.assign(b=frame["a"], c=frame["a"])
    member = fitted(fit, same, y)
    np.testing.assert_allclose(member.predict_weights(same).sum(axis=1), 1, rtol=1e-9)
    np.testing.assert_allclose(member.predict(same), same["a"], rtol=1e-9)


@pytest.mark.parametrize("fit", ["ols", "ridge-stacking"])
def test_free_weights_of_the_same_models_are_one_slope(fit):
    frame, y = table()
    member = fitted(fit, frame.assign(b=frame["a"], c=frame["a"]), y)
    a = frame["a"].to_numpy()
    # w ~ Normal(1/3, tau^2) thrice: their sum, of variance 3 tau^2, is that of one slope
    prior = 0.0 if fit == "ols" else member.sigma_**2 / (3 * member.tau_**2)
    slope = (a @ y + prior) / (a @ a + prior)
    np.testing.assert_allclose(member.weights_, slope / 3, rtol=1e-6)


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
def test_rounding_is_no_way_to_differ_and_a_millionth_is(size):
    frame, _ = table()
    f = size * (3 + frame[["a", "a", "a"]].to_numpy())
    for values, count in ((f * (1 + 1e-16 * np.arange(3)), 1), (f + [0, 1e-6 * size, 0], 1)):
        axes = PrincipalWeights.of(Ensemble.of(values), 2).axes
        assert axes.shape == (3, count)
        # differences of a millionth have ten digits
        np.testing.assert_allclose(axes.sum(axis=0), 0, atol=1e-9)
    assert axes[1, 0] ** 2 == pytest.approx(2 / 3)  # the one model that differs


@pytest.mark.parametrize("fit", QUICK)
def test_models_equal_to_the_observations_predict_them(fit):
    frame, y = table()
    exact = frame.assign(a=y, b=y, c=y)
    member = fitted(fit, exact, y)
    np.testing.assert_allclose(member.predict(exact), y, atol=1e-9)
    assert np.all(member.predict(exact, return_std=True)[1] < 0.05)


def test_a_model_equal_to_the_observations_has_no_noise_of_its_own():
    frame, y = table()
    alone = SingleModel(["x"], ["a", "b", "c"], "a")
    for used in (alone.check, alone.fit):
        with pytest.raises(InputError, match="^of model 'a' the noise level has no posterior"):
            used(frame.assign(a=y), y)
    SingleModel(["x"], ["a", "b", "c"], "b").check(frame.assign(a=y), y)


@pytest.mark.parametrize("fit", SAMPLED)
def test_models_equal_to_the_observations_leave_nothing_to_sample(fit):
    frame, y = table()
    with pytest.raises(InputError, match="^model 'a' equals the observation at 24 of 24 rows"):
        fitted(fit, frame.assign(a=y), y)


def shifted() -> dict[str, tuple[pd.DataFrame, np.ndarray]]:
    """Tables with all models far off, and with observations 50 standard deviations off."""
    frame, y = table()
    out = y + np.where(np.isin(np.arange(len(y)), [5, 17]), 5.0, 0.0)
    return {"far": (frame.assign(**{m: frame[m] + 1e3 for m in MODELS}), y), "out": (frame, out)}


@pytest.mark.parametrize("case", ["far", "out"])
def test_least_squares_are_those_of_another_algorithm(case):
    frame, y = shifted()[case]
    f = frame[MODELS].to_numpy()
    free = fitted("ols", frame, y)
    np.testing.assert_allclose(free.weights_, np.linalg.lstsq(f, y, rcond=None)[0], rtol=1e-5)
    simplex = fitted("simplex-ls", frame, y)
    unit = np.sqrt(np.mean((f[:, 0] - y) ** 2))
    found = minimize(
        lambda w: float(np.sum(((f @ w - y) / unit) ** 2)),
        np.full(3, 1 / 3),
        bounds=[(0, 1)] * 3,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-15},
    )
    best = float(np.sum(((f @ simplex.weights_ - y) / unit) ** 2))
    assert best <= found.fun * (1 + 1e-9)
    assert best == pytest.approx(found.fun, rel=1e-6)
    rest = y - f.mean(axis=1)
    assert fitted("equal", frame, y).sigma_ == pytest.approx(np.sqrt(np.mean(rest**2)), rel=1e-3)


@pytest.mark.parametrize("fit", ["ols", "ridge-stacking"])
@pytest.mark.parametrize("shift", [1e2, 1e6, 1e8])
def test_free_weights_of_far_models_have_the_noise_of_their_residuals(fit, shift):
    frame, y = table()
    far = frame.assign(**{m: frame[m] + shift for m in MODELS})
    mean, sd = fitted(fit, far, y).predict(far, return_std=True)
    # models and a constant have hardly more to say the farther they are
    assert np.sqrt(np.mean((y - mean) ** 2)) == pytest.approx(0.46, rel=0.15)
    assert np.median(sd) == pytest.approx(0.46, rel=0.25)


@pytest.mark.parametrize("case", ["far", "out"])
def test_probabilities_of_models_are_the_same_by_every_evidence(case):
    frame, y = shifted()[case]
    found = [
        fitted(fit, frame, y).fit_report().evidence["probability"].to_numpy()
        for fit in ("bma-closed-form", "bma-laplace")
    ]
    np.testing.assert_allclose(found[1], found[0], atol=0.02)
    often = fitted("bma-monte-carlo", frame, y, n_monte_carlo=100_000)
    np.testing.assert_allclose(often.fit_report().evidence["probability"], found[0], atol=0.03)


def test_a_projection_that_moves_predictions_far_is_warned_of():
    with pytest.warns(FitWarning, match="^weights that are made to sum to one move the pred"):
        fitted("gbmm-l", *shifted()["far"])
    fitted("gbmm-l", *table())  # the control: a warning is an error


class _Stop(Exception):
    """Raised in the place of sampling."""


def log_joint(fit: str, size: float, monkeypatch: pytest.MonkeyPatch, power: float = 1.0) -> Any:
    """Log densities that the sampler is to follow, at the same latents for all coordinates."""
    models: list[Any] = []

    def stop(model: Any, *_: Any, **__: Any) -> None:
        models.append(model)
        raise _Stop

    monkeypatch.setattr(sampler, "sample", stop)
    frame, y = table()
    options = {"inference": "hmc", **SHORT} if FITS[fit][0] == "LatentMixture" else {}
    with pytest.raises(_Stop):
        fitted(fit, frame.assign(x=size * frame["x"] ** power), y, **options)
    latents = np.random.default_rng(2).normal(0, 1, (3, models[0].size()))
    with jax.enable_x64(True):
        density = models[0].target().log_density
        return np.array([float(density(jnp.asarray(q))) for q in latents])


@pytest.mark.parametrize("fit", ["lbmm-gld", "lbmm-gpd", "lbmm-lgp", "signed-gp"])
def test_the_scale_of_the_coordinates_is_nothing_to_the_density(fit, monkeypatch):
    here = log_joint(fit, 1.0, monkeypatch)
    for size in (1e-9, 1e9):
        np.testing.assert_allclose(log_joint(fit, size, monkeypatch), here, rtol=1e-5)
    other = log_joint(fit, 1.0, monkeypatch, power=2)  # the control
    assert np.all(np.abs(other - here) > 1e-3)


@pytest.mark.parametrize(
    ("fit", "n", "models"),
    [
        *((fit, k, k) for fit in QUICK for k in (2, 3, 40)),
        ("gbmm-d", 2, 2),
        *(pytest.param("gbmm-d", k, k, marks=pytest.mark.slow) for k in (3, 40)),
    ],
)
def test_as_many_rows_as_models_are_enough(fit, n, models):
    frame, y = table(n, models)
    member = fitted(fit, frame, y)
    weights = member.predict_weights(frame).to_numpy()
    mean, sd = member.predict(frame, return_std=True)
    np.testing.assert_allclose(mean, (weights * frame.drop(columns="x")).sum(axis=1), atol=1e-6)
    assert np.all(sd > 0)
    assert np.mean(np.abs(y - mean) < 3 * sd) > 0.9


def test_free_weights_of_as_many_rows_as_models_are_refused():
    with pytest.raises(InputError, match="^free weights of 40 models fit 40 rows exactly"):
        fitted("ols", *table(40, 40))


@pytest.mark.parametrize("accuracy", [FINE, COARSE])
@pytest.mark.parametrize("models", [2, 3, 40])
def test_concentrations_at_both_ends_of_their_range(models, accuracy):
    """Near 0 one model is chosen, by its share; far above 1 all sites have the mean weights."""
    rng = np.random.default_rng(models)
    d, share = rng.normal(0, 2, (20, models)), rng.dirichlet(np.ones(models), 20)
    chosen = np.log(np.sum(share * norm.pdf(d), axis=1))
    mixed = norm.logpdf(np.sum(share * d, axis=1))
    found = {
        total: Likelihood(d, accuracy).evaluate(total * share, np.ones(20))[0]
        for total in (1e-8, 1.0, 1e8)
    }
    np.testing.assert_allclose(found[1e-8], chosen, atol=1e-3)
    np.testing.assert_allclose(found[1e8], mixed, atol=1e-3)
    assert np.max(np.abs(found[1.0] - chosen)) > 0.05  # the controls
    assert np.max(np.abs(found[1.0] - mixed)) > 0.05


@pytest.mark.parametrize("option", ["chains", "draws", "warmup", "min_ess"])
@pytest.mark.parametrize("fit", SAMPLED)
def test_sizes_of_samples_that_no_machine_makes_are_refused(fit, option):
    frame, y = table()
    if option != "min_ess":  # whose 0 means draws alone
        with pytest.raises(InputError, match=f"^{option} must be a whole number of at least .* 0$"):
            fitted(fit, frame, y, **{option: 0})
    large = r"^warmup must be at most" if option == "warmup" else r"GiB are needed .* ask for fewer"
    with pytest.raises(InputError, match=large):
        fitted(fit, frame, y, **{option: 10**12})


LAW = NormalMixture.of_draws(np.zeros((1, 4)), 1.0)
OTHERS = {
    "n_draws": lambda n: fitted("ridge-stacking", *table(), n_draws=n),
    "n_monte_carlo": lambda n: fitted("bma-monte-carlo", *table(), n_monte_carlo=n),
    "n_boot": lambda n: scores.score_row(LAW, np.arange(4.0), seed=0, n_boot=n),
    "n_samples": lambda n: fitted("equal", *table()).sample_y(table()[0], n),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_numbers_of_draws_are_refused_too(name):
    with pytest.raises(InputError, match=f"^{name} must be a whole number of at least .*, not 0$"):
        OTHERS[name](0)
    with pytest.raises(InputError, match="GiB are needed and the machine has .*: 1000000000000 "):
        OTHERS[name](10**12)


@pytest.mark.parametrize("door", ["check", "fit"])
@pytest.mark.parametrize("method", ["lbmm-lgp", "gbmm-d"])
def test_an_approximation_of_more_rows_than_memory_holds_is_refused_before_it_begins(method, door):
    n = 50_000
    x = np.arange(n) / n
    many = pd.DataFrame({"x": x, "a": x, "b": 1 - x})
    mixture = METHODS[method].build(("x",), ("a", "b"), {"inference": "mode"}, 0)[""]
    said = f"GiB are needed .*: inference = 'mode' holds 20 numbers for every pair of {n} rows;"
    with pytest.raises(InputError, match=said):
        getattr(mixture, door)(many, np.sin(x))
