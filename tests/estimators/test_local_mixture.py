"""LBMM+GLD and LBMM+GPD: known local weights are recovered, and not where there are none."""

import warnings
from itertools import product
from typing import Any

import arviz_stats
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import expit, softmax

from dirimix import LocalDirichletMixture, SimplexLeastSquares
from dirimix.errors import ConvergenceWarning, InputError
from dirimix.scores import paired_difference
from monte_carlo import LIMIT, apart, ess

LENGTH = {"chains": 2, "draws": 120, "warmup": 100, "trajectory": 3.0, "min_ess": 0}
SHORT = {"draws": 60, "warmup": 60}
HURRIED: dict[str, Any] = {"chains": 2, "draws": 20, "warmup": 20}
MAP = ["p", "q"]
MODELS = ["outside", "inside", "twin", "useless"]
TRIO = ["left", "right", "useless"]


def observed(truth: np.ndarray, good: list[str], seed: int) -> pd.DataFrame:
    """Two good models, a useless one, and y: the second good one has the true weight."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(0, 1, (2, len(truth)))
    y = (1 - truth) * first + truth * second + rng.normal(0, 0.1, len(truth))
    columns = {good[0]: first, good[1]: second, "useless": rng.normal(0, 3, len(truth))}
    return pd.DataFrame(columns | {"y": y, "truth": truth})


def island() -> tuple[pd.DataFrame, pd.DataFrame]:
    """A map where one model is right in a disk and another around it; 104 and 50 sites."""
    sites = np.array(list(product(range(14), range(11))), dtype=float)
    truth = expit((4 - np.hypot(sites[:, 0] - 7, sites[:, 1] - 5)) / 0.5)
    table = observed(truth, MODELS[:2], seed=0)
    table = table.assign(twin=table["inside"], p=sites[:, 0], q=sites[:, 1])
    order = np.random.default_rng(1).permutation(len(table))
    return table.iloc[order[:104]], table.iloc[order[104:]]


def line(n: int = 40) -> pd.DataFrame:
    """A switch from one model to another along a line."""
    p = np.arange(n, dtype=float)
    return observed(expit((p - n / 2) / 5), TRIO[:2], seed=2).assign(p=p)


def fitted(table: pd.DataFrame, coords, models, **options) -> LocalDirichletMixture:
    """A fit whose convergence is not the question."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture = LocalDirichletMixture(coords, models, **(LENGTH | options))
        return mixture.fit(table, table["y"])


@pytest.fixture(scope="module")
def tables():
    return island()


@pytest.fixture(scope="module")
def on_map(tables):
    return fitted(tables[0], MAP, MODELS, field="gp", random_state=1)


@pytest.fixture(scope="module")
def on_line():
    return fitted(line(), ["p"], TRIO, field="linear", random_state=1)


def recovered(mixture, table: pd.DataFrame, second: list[str]) -> bool:
    """Whether the summed field weight of the second good model is close to the truth."""
    found = mixture.predict_weights(table)[second].sum(axis=1)
    error = np.abs(found - table["truth"]).mean()
    return bool(error < 0.1 and np.corrcoef(found, table["truth"])[0, 1] > 0.95)


def test_the_weights_of_the_map_are_recovered_where_nobody_has_observed(tables, on_map):
    weights = on_map.predict_weights(tables[1])
    assert recovered(on_map, tables[1], ["inside", "twin"])
    assert weights["useless"].mean() < 0.03
    np.testing.assert_allclose(weights.sum(axis=1), 1)


@pytest.mark.slow
def test_a_map_without_connection_is_not_recovered(tables):
    train, test = tables
    sites = train[MAP].sample(frac=1, random_state=3).to_numpy()
    shuffled = train.assign(p=sites[:, 0], q=sites[:, 1])
    mixture = fitted(shuffled, MAP, MODELS, field="gp", **SHORT)
    assert not recovered(mixture, test, ["inside", "twin"])


def test_a_duplicated_model_shares_its_weight(on_map):
    weight = on_map.posterior_["posterior"]["field_weight"].mean("point")
    first, second = (weight.sel(model=m).to_numpy() for m in ("inside", "twin"))
    assert apart({"": first}, {"": second}) < LIMIT
    # which of the twins leads changes slowly: few draws fix the share to a quarter only
    assert first.mean() / (first + second).mean() == pytest.approx(0.5, abs=0.25)


def test_local_weights_predict_better_than_global_ones(tables, on_map):
    train, test = tables
    rigid = SimplexLeastSquares(MAP, MODELS).fit(train, train["y"])
    y = test["y"].to_numpy()
    local, constant = (m.predictive(test).logpdf(y) for m in (on_map, rigid))
    assert paired_difference(local, constant, seed=0).lo > 0


def test_site_weights_have_seen_the_answer(tables, on_map):
    train = tables[0]
    laws = on_map.site_predictive(), on_map.predictive(train)
    of_site, of_field = (law.logpdf(train["y"].to_numpy()) for law in laws)
    assert paired_difference(of_site, of_field, seed=0).lo > 0


def test_prediction_at_the_training_sites_is_that_of_the_sample(tables, on_map):
    sampled = on_map.posterior_["posterior"]["field_weight"].mean(("chain", "draw"))
    np.testing.assert_allclose(on_map.predict_weights(tables[0]), sampled, atol=0.02)


def test_far_away_the_weights_are_those_of_the_far_field(on_map):
    hyper = on_map.posterior_["posterior"]
    gamma, eta = (hyper[name].to_numpy()[..., None, :] for name in ("gamma", "eta"))
    noise = np.random.default_rng(0).standard_normal((*gamma.shape[:2], 500, len(MODELS)))
    expected = softmax(gamma + eta * noise, axis=-1).mean(axis=2)
    sites = pd.DataFrame({"p": [1e3, 7], "q": [-1e3, 5]} | dict.fromkeys(MODELS, 0.0))
    draws = on_map.draw_weights(sites)
    far, near = (np.max(np.abs(_z(draws[:, i], expected))) for i in (0, 1))
    assert far < LIMIT
    assert near > 2 * LIMIT
    mean, sd = on_map.predict(sites.assign(outside=1.0, useless=9.0), return_std=True)
    assert np.isfinite(mean).all()
    assert sd[0] > sd[1]


def _z(draws: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Of the means of (s, K) draws against those of (chains, draws, K)."""
    error = [expected[..., k].var() / ess(expected[..., k]) for k in range(draws.shape[1])]
    gap = draws.mean(axis=0) - expected.mean(axis=(0, 1))
    return gap / np.sqrt(draws.var(axis=0) / len(draws) + error)


def test_the_weights_of_the_line_are_recovered(on_line):
    assert recovered(on_line, line(), ["right"])
    assert on_line.predict_weights(line())["useless"].mean() < 0.05
    mixed = line().assign(p=np.random.default_rng(0).permutation(40))
    assert not recovered(fitted(mixed, ["p"], TRIO, field="linear", **SHORT), line(), ["right"])


def halves(mixture) -> dict[str, np.ndarray]:
    """Mean field weight of every model on either half of the line, (chains, draws) each."""
    weight = mixture.posterior_["posterior"]["field_weight"].to_dataset(dim="model")
    parts = {"low": slice(0, 20), "high": slice(20, 40)}
    return {
        f"{model} {name}": weight[model].isel(point=part).mean("point").to_numpy()
        for model in TRIO
        for name, part in parts.items()
    }


@pytest.mark.slow
def test_names_of_models_do_not_matter(on_line):
    other = halves(fitted(line(), ["p"], TRIO[::-1], field="linear", random_state=2))
    assert apart(other, halves(on_line)) < LIMIT
    swapped = {"left low": other["right low"]}
    assert apart(swapped, halves(on_line)) > 2 * LIMIT


def test_a_constant_in_all_models_and_y_changes_no_answer(on_line):
    shifted = line()
    shifted[[*TRIO, "y"]] += 50
    mixture = fitted(shifted, ["p"], TRIO, field="linear", random_state=2)
    assert apart(halves(mixture), halves(on_line)) < LIMIT


@pytest.mark.slow
def test_one_perfect_model_takes_all_weight():
    table = line()
    noise = np.random.default_rng(3).normal(0, 0.02, len(table))
    mixture = fitted(table.assign(y=table["left"] + noise), ["p"], TRIO, field="linear")
    assert mixture.predict_weights(table)["left"].min() > 0.9


def test_a_model_without_value_takes_no_part():
    table = line()
    table.loc[[3, 20], "useless"] = np.nan
    table.loc[[35], "left"] = np.nan
    mixture = fitted(table, ["p"], TRIO, field="linear", **HURRIED)
    missing = table[TRIO].isna().to_numpy()
    weights = mixture.predict_weights(table)
    assert np.all(weights.to_numpy()[missing] == 0)
    assert np.all(weights.to_numpy()[~missing] > 0)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert np.all(mixture.site_weight_draws_[:, missing] == 0)
    assert np.isfinite(mixture.predict(table)).all()
    alone = table.assign(right=np.nan, useless=np.nan).iloc[:3]
    np.testing.assert_allclose(mixture.predict(alone), alone["left"])


@pytest.mark.parametrize("field", ["linear", pytest.param("gp", marks=pytest.mark.slow)])
def test_the_same_seed_gives_the_same_answer(field):
    table = line(20)
    first, again = (
        fitted(table, ["p"], TRIO, field=field, random_state=5, **HURRIED) for _ in range(2)
    )
    xr.testing.assert_identical(first.posterior_, again.posterior_)
    np.testing.assert_array_equal(first.predict(table), again.predict(table))
    np.testing.assert_array_equal(first.sample_y(table, 3), first.sample_y(table, 3))


def test_what_a_fit_leaves_behind(tables, on_map, tmp_path):
    columns = ["parameter", "mean", "sd", "ess_bulk", "ess_tail", "rhat"]
    assert list(on_map.diagnostics_.columns) == columns
    names = set(on_map.diagnostics_["parameter"])
    assert {"rho[p]", "eta[twin]", "gamma[useless]", "sigma"} < names
    x = tables[0].iloc[0]
    assert f"field_weight[p={x.p:g}, q={x.q:g}, inside]" in names
    on_map.posterior_.to_netcdf(tmp_path / "p.nc", engine="h5netcdf")
    with xr.open_datatree(tmp_path / "p.nc", engine="h5netcdf") as tree:
        groups = {"posterior", "sample_stats", "log_likelihood", "observed_data", "constant_data"}
        assert groups <= set(tree.children)
        summary = arviz_stats.summary(tree, var_names=["eta"], round_to="none")  # pyright: ignore[reportArgumentType]
        assert len(summary) == len(MODELS)
        np.testing.assert_array_equal(tree["observed_data"]["y"], tables[0]["y"])


def test_a_run_that_is_too_short_says_so():
    mixture = LocalDirichletMixture(["p"], TRIO, field="linear", **HURRIED)
    with pytest.warns(ConvergenceWarning, match=r"\(field='linear'\) has not .*ess_bulk below 400"):
        mixture.fit(line(), line()["y"])
    assert not mixture.converged_
    assert not mixture.sampling_["converged"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coords": []}, "a local mixture needs coordinates; name at least one in coords"),
        ({"field": "lin"}, "field is 'linear' or 'gp', not 'lin'"),
        (
            {"coords": ["p", "r", "s"], "form": "lattice"},
            "'lattice' does not serve .* sites of p, r, s",
        ),
        ({"form": "cubic"}, "form is one of 'auto', 'lattice', .*, not 'cubic'"),
        ({"length_scale": [(1, 2), (1, 2)]}, r"needs \(low, high\) for each of p, not"),
        ({"length_scale": [(2, 1)]}, r"with 0 < low < high, not \[\(2, 1\)\]"),
        ({"field": "linear", "length_scale": [(1, 2)]}, "field='linear' has no length scale"),
        ({"draws": 1}, "draws must be a whole number of at least 4, not 1"),
        ({"min_ess": -1}, "min_ess must be a positive number, not -1"),
        ({"max_seconds": 0}, "max_seconds must be a positive number, not 0"),
        ({"chains": 2.5}, "chains must be a whole number of at least 1, not 2.5"),
        ({"trajectory": 0.0}, "trajectory must be a positive number, not 0.0"),
        ({"kernel": "gibbs"}, "kernel is one of 'hmc', 'nuts', 'metropolis', not 'gibbs'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, message):
    table = line().assign(r=lambda t: t["p"] ** 2, s=lambda t: np.cos(t["p"]))
    mixture = LocalDirichletMixture(**({"coords": ["p"], "models": TRIO} | options))
    for door in (mixture.fit, mixture.check):
        with pytest.raises(InputError, match=message):
            door(table, table["y"])


def test_a_model_that_is_the_answer_itself_is_refused():
    table = line()
    table[TRIO[1]] = table["y"]
    mixture = LocalDirichletMixture(["p"], TRIO, field="linear", **HURRIED)
    with pytest.raises(InputError, match=rf"model '{TRIO[1]}' equals the observation at \d+ of"):
        mixture.fit(table, table["y"])
    with pytest.warns(ConvergenceWarning, match="has not converged"):
        mixture.fit(table, table["y"], np.full(len(table), 0.1))
