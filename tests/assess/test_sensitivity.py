import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import halfnorm, norm

from dirimix import DirichletMixture, LinearMixture
from dirimix.assess.sensitivity import sensitivity_tables, short_parameters
from dirimix.estimators.fit_report import FitReport
from dirimix.estimators.fitted import FittedMethod
from dirimix.laws.noise_prior import GammaNoise
from stand_ins import Reporting

CHAINS, DRAWS = 4, 1000


class Member(Reporting):
    kernel = "hmc"

    def __init__(self, **groups):
        self.posterior_ = xr.DataTree.from_dict({k: xr.Dataset(v) for k, v in groups.items()})

    def fit_report(self):
        return FitReport(posterior=self.posterior_, sampling={"kernel": self.kernel})


def conjugate(prior_sd, y_mean, n=20, shuffle=False):
    """Draws of mu given n observations of unit noise about y_mean, mu ~ Normal(0, prior_sd^2)."""
    rng = np.random.default_rng(0)
    y = y_mean + rng.standard_normal(n)
    precision = n + prior_sd**-2
    mu = y.sum() / precision + rng.standard_normal((CHAINS, DRAWS)) / np.sqrt(precision)
    log_prior = norm.logpdf(mu, 0, prior_sd)
    if shuffle:
        log_prior = rng.permutation(log_prior.ravel()).reshape(mu.shape)
    sample = ("chain", "draw")
    member = Member(
        posterior={"mu": (sample, mu)},
        log_prior={"mu": (sample, log_prior)},
        log_likelihood={"y": ((*sample, "point"), norm.logpdf(y, mu[..., None], 1))},
    )
    return FittedMethod("gbmm-d", ("x",), ("a", "b"), "y", None, member), y, precision


def test_scaled_means_are_those_of_the_scaled_prior():
    fitted, y, precision = conjugate(prior_sd=0.5, y_mean=2.0)
    table = sensitivity_tables(fitted)["power_scaling"].set_index("power")
    error = 4 / np.sqrt(precision * CHAINS * DRAWS)
    for power in (0.5, 2.0):
        exact = y.sum() / (len(y) + power * 0.5**-2)
        # weighting costs draws: a few Monte Carlo errors of the unweighted mean
        assert table.loc[power, "scaled_mean"] == pytest.approx(exact, abs=3 * error)
    assert table["pareto_k"].max() < 0.7
    assert table.loc[2.0, "shift"] < -0.5 < 0.2 < table.loc[0.5, "shift"]


def test_a_wide_prior_does_not_matter_and_a_narrow_one_pulls():
    wide = sensitivity_tables(conjugate(50.0, 2.0)[0])["sensitivity"].iloc[0]
    narrow = sensitivity_tables(conjugate(0.5, 2.0)[0])["sensitivity"].iloc[0]
    assert wide["prior_sensitivity"] < 0.01 < 0.1 < narrow["prior_sensitivity"]
    assert wide["reading"] == "the prior does not matter"
    assert narrow["reading"] == "prior and data disagree"


def test_a_log_prior_of_other_draws_moves_nothing():
    """The control: densities that do not belong to the draws shift no mean."""
    table = sensitivity_tables(conjugate(0.5, 2.0, shuffle=True)[0])["power_scaling"]
    assert table["shift"].abs().max() < 0.1


def test_a_fit_at_the_mode_has_none_and_says_nothing():
    fitted, _, _ = conjugate(0.5, 2.0)
    assert len(sensitivity_tables(fitted)) == 2
    fitted.mixture.kernel = "mode"
    fitted.mixture.posterior_["log_prior"]["mu"][:] = 0.0
    assert sensitivity_tables(fitted) == {}


def test_what_cannot_be_computed_is_not_read_as_a_prior_that_does_not_matter():
    fitted, _, _ = conjugate(0.5, 2.0)
    tree = fitted.mixture.posterior_
    sharp = tree["log_prior"]["mu"] * 1e5
    tree["log_prior"] = xr.Dataset({"mu": sharp})
    tree["posterior"] = tree["posterior"].to_dataset().assign(fixed=0 * sharp)
    found = sensitivity_tables(fitted)["sensitivity"].set_index("parameter")
    assert np.isnan(found["prior_sensitivity"]).all()
    assert found["reading"].to_dict() == {
        "mu": "cannot be computed",
        "fixed": "the prior does not matter",
    }


def test_a_parameter_that_is_a_constant_is_shifted_by_nothing():
    """Its mean is rounded, and so is what would be its standard deviation."""
    fitted, _, _ = conjugate(0.5, 2.0)
    tree = fitted.mixture.posterior_
    tree["posterior"] = (
        tree["posterior"].to_dataset().assign(fixed=0 * tree["log_prior"]["mu"] + 0.1)
    )
    shift = sensitivity_tables(fitted)["power_scaling"].set_index("parameter")["shift"]
    assert shift["mu"].notna().all()
    assert shift["fixed"].isna().all()


def test_without_data_the_prior_decides():
    fitted, _, _ = conjugate(0.3, 0.0, n=1)
    tree = fitted.mixture.posterior_
    tree["log_likelihood"]["y"] = tree["log_likelihood"]["y"] * 1e-3
    row = sensitivity_tables(fitted)["sensitivity"].iloc[0]
    assert row["reading"] == "the prior decides"


def test_entries_a_site_are_summed_up_in_mean_weights():
    values = np.random.default_rng(1).random((2, 5, 3, 2))
    posterior = xr.Dataset(
        {
            "field_weight": (("chain", "draw", "point", "model"), values),
            "sigma": (("chain", "draw"), values[..., 0, 0]),
        },
        coords={"model": ["a", "b"]},
    )
    found = short_parameters(posterior)
    assert set(found) == {"sigma", "mean_weight"}
    np.testing.assert_allclose(found["mean_weight"], values.mean(axis=2))


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(2)
    x = rng.uniform(-2, 2, 40)
    y = np.sin(x)
    return pd.DataFrame({"x": x, "a": y + 0.3, "b": y - 0.3, "y": y + rng.normal(0, 0.2, 40)})


@pytest.mark.filterwarnings("ignore::dirimix.errors.ConvergenceWarning")
@pytest.mark.parametrize(
    "kind", [pytest.param(DirichletMixture, marks=pytest.mark.slow), LinearMixture]
)
def test_global_mixtures_keep_the_density_of_every_prior(kind, table):
    names = {"chains": 2, "draws": 60, "warmup": 60, "min_ess": 0}
    member = kind(["x"], ["a", "b"], y_scale=2.0, noise_prior="paper", **names).fit(
        table, table["y"]
    )
    tree = member.posterior_
    sigma = tree["posterior"]["sigma"]
    expected = GammaNoise(scale=2.0).log_density(sigma.to_numpy())
    np.testing.assert_allclose(tree["log_prior"]["sigma"], expected)
    priors = {"sigma"}
    if kind is DirichletMixture:
        alpha = halfnorm.logpdf(tree["posterior"]["alpha"]).sum(axis=-1)
        np.testing.assert_allclose(tree["log_prior"]["alpha"], alpha)
        priors = {"alpha", "sigma"}
    fitted = FittedMethod("gbmm-d", ("x",), ("a", "b"), "y", None, member)
    found = sensitivity_tables(fitted)
    assert set(found["sensitivity"]["prior"]) == priors
    assert {"weights[a]", "weights[b]", "sigma"} <= set(found["sensitivity"]["parameter"])
    assert len(found["power_scaling"]) == 2 * len(found["sensitivity"])


def test_other_methods_have_no_table():
    plain = FittedMethod("equal", ("x",), ("a", "b"), "y", None, Reporting())
    assert sensitivity_tables(plain) == {}
    assert (
        sensitivity_tables(
            FittedMethod("x", ("x",), ("a",), "y", None, Member(posterior={"mu": 1.0}))
        )
        == {}
    )
