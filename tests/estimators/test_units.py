"""The unit of y and its origin: what a change of either may change in a fit, and what not."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import dirimix
from dirimix.errors import ConvergenceWarning, ScaleWarning
from dirimix.sampling import sampler

SHORT = {"chains": 1, "draws": 8, "warmup": 20, "min_ess": 0}
# every estimator, with what may be chosen in it
FITS: dict[str, tuple[str, dict[str, Any]]] = {
    "single model": ("SingleModel", {"model": "b"}),
    "equal": ("EqualWeights", {}),
    "ols": ("OrdinaryLeastSquares", {}),
    "simplex": ("SimplexLeastSquares", {}),
    "ridge": ("RidgeStacking", {}),
    "bma": ("BayesianModelAveraging", {}),
    "bma with errors, a shift": ("BayesianModelAveraging", {"discrepancy": 1.0}),
    "bma laplace": ("BayesianModelAveraging", {"evidence": "laplace"}),
    "bma monte carlo": (
        "BayesianModelAveraging",
        {"evidence": "monte-carlo", "n_monte_carlo": 2000},
    ),
    "correction": ("GPCorrection", {}),
    "gbmm-l": ("LinearMixture", SHORT),
    "gbmm-d": ("DirichletMixture", SHORT),
    "lbmm-gld": ("LocalDirichletMixture", {"field": "linear", **SHORT}),
    "lbmm-gpd": ("LocalDirichletMixture", SHORT),
    "lbmm-lgp": ("LatentMixture", SHORT),
    "lbmm-lgp+delta": ("LatentMixture", {"discrepancy": "delta", **SHORT}),
    "signed-gp": ("LatentMixture", {"weights": "free-gp", **SHORT}),
    "signed-gp, free sum": (
        "LatentMixture",
        {"weights": "free-gp", "components": "free", **SHORT},
    ),
    "stacked": ("StackedMixture", {"candidates": ["equal", "simplex-ls"], "regions": 2}),
}
FREE = ("ols", "ridge", "gbmm-l", "signed-gp, free sum")  # weights that need not sum to one
SAMPLED = tuple(fit for fit, (_, options) in FITS.items() if "warmup" in options)
UNITS = (1e-28, 1e-3, 1e6, 1e12)
EXACT = 2.0**-93  # 1e-28 without rounding: chains are chaotic, and go other ways after any
SPEED = [pytest.param(fit, marks=[pytest.mark.slow] * (fit in SAMPLED)) for fit in FITS]
pytestmark = pytest.mark.filterwarnings(
    f"ignore::{ConvergenceWarning.__module__}.{ConvergenceWarning.__name__}"
)


def table(unit: float = 1.0, origin: float = 0.0, n: int = 24) -> tuple[pd.DataFrame, np.ndarray]:
    """Three models and observations, in a unit and from an origin."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0, 10, n))
    truth = np.sin(x)
    models = {
        "a": truth + 0.3 + 0.05 * x,
        "b": truth - 0.4,
        "c": 0.8 * truth + 0.1 * np.cos(3 * x),
    }
    frame = pd.DataFrame({m: f * unit + origin for m, f in models.items()}).assign(x=x)
    return frame, (truth + rng.normal(0, 0.1, n)) * unit + origin


def answers(fit: str, unit: float = 1.0, origin: float = 0.0, **options: Any) -> dict[str, Any]:
    """What a fit says, in the unit and from the origin of the table without change."""
    name, own = FITS[fit]
    frame, y = table(unit, origin)
    error = None if fit == "bma" else 0.05 * unit
    member = getattr(dirimix, name)(["x"], ["a", "b", "c"], **own, **options).fit(frame, y, error)
    found = {"y_scale": member.y_scale_ / unit}
    if name == "GPCorrection":
        corrected = member.transform(frame)
        found["mean"] = (corrected[["a", "b", "c"]].to_numpy() - origin) / unit
        found["sd"] = corrected[["a__sd", "b__sd", "c__sd"]].to_numpy() / unit
        return found
    law, report = member.predictive(frame), member.fit_report()
    found["mean"], found["sd"] = (law.mean() - origin) / unit, law.std() / unit
    found["weights"] = member.predict_weights(frame).to_numpy()
    # a density of y is one per unit of y
    found["log score"] = law.logpdf(y) + np.log(unit)
    if report.sigma is not None:
        found["sigma"] = report.sigma / unit
    if report.evidence is not None:
        rows = len(member.evidence_rows_)
        found["evidence"] = report.evidence["log_evidence"] + rows * np.log(unit)
        found["probability"] = report.evidence["probability"]
    if report.posterior is not None:
        kept = report.posterior
        found["log likelihood"] = kept["log_likelihood"]["y"].to_numpy() + np.log(unit)
        found["log prior"] = kept["log_prior"]["sigma"].to_numpy() + np.log(unit)
        found["draws"] = kept["posterior"]["sigma"].to_numpy() / unit
    return found


_FOUND: dict[str, dict[str, Any]] = {}


def first(fit: str) -> dict[str, Any]:
    """The answers of the table without change, once."""
    if fit not in _FOUND:
        _FOUND[fit] = answers(fit)
    return _FOUND[fit]


def furthest(one: dict[str, Any], other: dict[str, Any]) -> float:
    """The largest difference of any number, of the size of one where it is larger."""
    assert one.keys() == other.keys()
    return max(
        float(np.max(np.abs(np.asarray(other[k]) - v) / np.maximum(1, np.abs(v))))
        for k, v in ((k, np.asarray(v)) for k, v in one.items())
    )


def test_every_estimator_is_held_against_its_units():
    assert {name for name, _ in FITS.values()} == set(dirimix._HOME)


@pytest.mark.parametrize("fit", SPEED)
def test_the_unit_changes_nothing_but_the_unit(fit):
    for unit in (EXACT,) if fit in SAMPLED else UNITS:
        assert furthest(first(fit), answers(fit, unit)) < 1e-6, unit


@pytest.mark.parametrize("fit", [fit for fit in FITS if fit not in SAMPLED])
def test_a_scale_given_in_another_unit_is_another(fit):
    """The control: what stays in the old unit is found out."""
    with pytest.warns(ScaleWarning):
        other = answers(fit, 1e3, y_scale=1e-3 * first(fit)["y_scale"])
    assert furthest(first(fit), other) > 1e-6


class _Stop(Exception):
    """Raised in the place of sampling."""


def log_joint(fit: str, monkeypatch: pytest.MonkeyPatch, *change: float, **more) -> np.ndarray:
    """Log densities that the sampler is to follow, at the same latents for all tables."""
    models: list[Any] = []

    def stop(model: Any, *_: Any, **__: Any) -> None:
        models.append(model)
        raise _Stop

    monkeypatch.setattr(sampler, "sample", stop)
    with pytest.raises(_Stop):
        answers(fit, *change, **more)
    latents = np.random.default_rng(2).normal(0, 1, (3, models[0].size()))
    with jax.enable_x64(True):
        density = models[0].target().log_density
        return np.array([float(density(jnp.asarray(q))) for q in latents])


@pytest.mark.parametrize("fit", SAMPLED)
def test_the_sampler_sees_the_same_in_any_unit(fit, monkeypatch):
    here = log_joint(fit, monkeypatch)
    for unit in (UNITS[0], UNITS[-1]):
        np.testing.assert_allclose(log_joint(fit, monkeypatch, unit), here, rtol=1e-9)
    with pytest.warns(ScaleWarning):  # the control
        other = log_joint(fit, monkeypatch, 1e3, y_scale=0.07)
    assert np.all(np.abs(other - here) > 1)
    far = log_joint(fit, monkeypatch, origin=1e9)
    if fit in FREE:
        assert np.all(np.abs(far - here) > 1)
    else:
        np.testing.assert_allclose(far, here, rtol=1e-5)


@pytest.mark.parametrize("fit", [fit for fit in FITS if fit not in (*FREE, *SAMPLED)])
def test_a_constant_added_to_models_and_observations_changes_nothing(fit):
    # numbers of 1e9 have steps of 1e-7, a millionth of the noise
    assert furthest(first(fit), answers(fit, origin=1e9)) < 1e-4


@pytest.mark.parametrize("fit", ["ols", "ridge"])
def test_free_weights_become_weights_of_sum_one_and_an_intercept_far_from_the_origin(fit):
    frame, _ = table()
    models = frame[["a", "b", "c"]]
    y = models.to_numpy() @ [0.9, 0.2, 0.3] + np.random.default_rng(1).normal(0, 0.02, len(frame))
    kind = getattr(dirimix, FITS[fit][0])
    near, far, farther = (kind(models=list("abc")).fit(models + o, y + o) for o in (0.0, 1e6, 1e9))
    assert near.weights_.sum() == pytest.approx(1.4, abs=0.05)
    # weights 1/3 + v, v of sum 0 with the prior's variance, and a free intercept
    basis = np.linalg.svd(np.ones((1, 3)))[2][1:].T
    for member in (far, farther):
        prior = 0.0 if fit == "ols" else (member.sigma_ / member.tau_) ** 2
        design = np.column_stack([models @ basis, np.ones(len(y))])
        penalty = np.diag([prior, prior, 0.0])
        v = np.linalg.solve(design.T @ design + penalty, design.T @ (y - models.mean(axis=1)))
        np.testing.assert_allclose(member.weights_, 1 / 3 + basis @ v[:2], atol=1e-4)
    sd = [m.predictive(models + o).std() for m, o in ((far, 1e6), (farther, 1e9))]
    np.testing.assert_allclose(*sd, rtol=1e-3)
