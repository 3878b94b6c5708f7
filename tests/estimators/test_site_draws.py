"""What a fit says at a site is that of the site, in any call; what it says of many is joint."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

import dirimix
from dirimix import DirichletMixture, GPCorrection, LocalDirichletMixture
from dirimix.estimators import pooling
from dirimix.estimators.fields.choice import make_field
from dirimix.estimators.latent.noise import NoiseModel
from dirimix.laws.noise_prior import GammaNoise
from dirimix.laws.transforms import Identity
from dirimix.table.sites import Reach
from dirimix.table.space import make_space
from monte_carlo import LIMIT

MODELS = ["a", "b", "c"]


def fitted(name: str, coords: list[str], **options: Any):
    """A fit to the table."""
    estimator = getattr(dirimix, name)(coords, MODELS, y_scale=0.2, random_state=3, **options)
    return estimator.fit(table(24), table(24)["y"])


def posed(estimator, sites: pd.DataFrame, draws: int = 24, **options: Any):
    """An estimator with draws of the prior for a posterior, noise 0.1; nothing is sampled."""
    rng, k = np.random.default_rng(0), len(MODELS)
    estimator.sigma_draws_ = np.full(draws, 0.1)
    estimator.weight_draws_, estimator.parts_ = rng.dirichlet(np.ones(k), draws), None
    estimator.noise_ = NoiseModel(GammaNoise(), np.ones(len(sites)))
    estimator.transform_, estimator.kinds_, estimator.levels_ = Identity(), {}, {}
    estimator.space_ = space = make_space(estimator.coords, estimator.geo, estimator.periodic)
    places = sites[list(estimator.coords)].to_numpy()
    estimator.reach_ = Reach(space, space.canonical(places), {})
    if isinstance(estimator, LocalDirichletMixture):
        form = {"field": estimator.field, "form": estimator.form, "length_scale": None} | options
        x = space.embed(places)
        estimator.field_ = make_field(x, k, space, **form)
        shapes = estimator.field_.shapes()
        estimator.latents_ = {n: rng.normal(size=(draws, *s)) for n, s in shapes.items()}
        if "amplitude" in shapes:
            estimator.latents_["amplitude"][:] = 1.0
    return estimator


def local(*coords: str, **options: Any) -> LocalDirichletMixture:
    return posed(LocalDirichletMixture(list(coords), MODELS, random_state=3, **options), table(24))


METHODS = {
    "equal": lambda: fitted("EqualWeights", ["x"]),
    "ols": lambda: fitted("OrdinaryLeastSquares", ["x"]),
    "simplex": lambda: fitted("SimplexLeastSquares", []),  # without coordinates
    "ridge": lambda: fitted("RidgeStacking", ["x"], n_draws=50),
    "single": lambda: fitted("SingleModel", ["x"], model="a"),
    "bma": lambda: fitted("BayesianModelAveraging", ["x"]),
    "bma with shifts": lambda: fitted("BayesianModelAveraging", ["x"], discrepancy=0.5),
    "gbmm": lambda: posed(DirichletMixture(["x"], MODELS), table(24)),
    "gld": lambda: local("x", "z", field="linear"),
    "gpd": lambda: local("x"),
    "gpd, two coordinates": lambda: local("x", "z"),
    "gpd, dense": lambda: local("x", "z", form="dense"),
    "gpd, inducing": lambda: local("x", "z", form="inducing"),
    "gpd, on a circle": lambda: local("x", "z", periodic={"x": 10.0}),
    "gpd, sines": lambda: local("x", "z", form="hilbert"),
    "bma with shifts, corrected": lambda: METHODS["bma with shifts"](),
    "corrected": lambda: fitted("SimplexLeastSquares", ["x"]),
}
BATCHES = ([0], [39], np.arange(40)[::-1], [7, 7, 3], np.arange(11, 30), np.arange(40) // 2)


def table(n: int, low: float = 0.0, high: float = 8.0) -> pd.DataFrame:
    """Three models that err in their own ways, and y."""
    rng = np.random.default_rng(n)
    x, z = np.sort(rng.uniform(low, high, n)), rng.uniform(0, 3, n)
    y = np.sin(x) + 0.1 * rng.standard_normal(n)
    models = {"a": y + 0.3, "b": np.sin(x) * x / 4, "c": np.cos(z) + rng.normal(0, 0.2, n)}
    return pd.DataFrame({"x": x, "z": z, **models, "y": y})


def answers(estimator, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """All that may be asked of a fit, rows first."""
    mean, sd = estimator.predict(frame, return_std=True)
    law = estimator.predictive(frame, 0.2)
    return {
        "mean": mean,
        "sd": sd,
        "interval": estimator.predict_interval(frame),
        "quantiles": estimator.predict_quantiles(frame, (0.01, 0.3)),
        "weights": estimator.predict_weights(frame).to_numpy(),
        "draws of weights": np.moveaxis(estimator.draw_weights(frame), 1, 0),
        "draws": estimator.sample_y(frame, 9),
        "draws of another seed": estimator.sample_y(frame, 2, random_state=8),
        "density": law.logpdf(np.zeros(len(frame))),
        "distribution": law.cdf(np.ones(len(frame))),
    }


@pytest.mark.filterwarnings("ignore:.*rows to predict lack")
@pytest.mark.parametrize("name", METHODS)
def test_the_answers_at_a_site_are_the_same_in_any_call(name):
    estimator, new = METHODS[name](), table(40, -3, 12)
    new.loc[[3, 20], "c"] = np.nan
    prepare = (lambda f: f) if "corrected" not in name else correction().transform
    whole = answers(estimator, prepare(new))
    for some in BATCHES:
        for what, values in answers(estimator, prepare(new.iloc[list(some)])).items():
            np.testing.assert_array_equal(values, whole[what][some], err_msg=what)
    np.testing.assert_array_equal(estimator.sample_y(prepare(new), 4), whole["draws"][:, :4])
    assert len(np.unique(whole["draws"])) == whole["draws"].size


@pytest.mark.filterwarnings("ignore:.*rows to predict lack")
@pytest.mark.parametrize("name", [n for n in METHODS if "corrected" not in n])
def test_many_sites_are_predicted_in_blocks_with_the_same_numbers(name, monkeypatch):
    estimator, new = METHODS[name](), table(40, -3, 12)
    new.loc[[3, 20], "c"] = np.nan
    asked = {
        "mean": lambda: np.column_stack(estimator.predict(new, return_std=True)),
        "quantiles": lambda: estimator.predict_quantiles(new, (0.01, 0.3)),
        "weights": lambda: estimator.predict_weights(new).to_numpy(),
    }
    law = estimator.predictive(new)
    whole = {
        "mean": np.column_stack([law.mean(), law.std()]),
        "quantiles": law.quantiles((0.01, 0.3)),
        "weights": estimator.draw_weights(new).mean(axis=0),
    }
    for numbers in (1, 300, 1 << 21):
        monkeypatch.setattr(pooling, "_NUMBERS", numbers)
        assert numbers > 1 or len(list(estimator.laws(new))) == len(new)
        for what, ask in asked.items():
            np.testing.assert_array_equal(ask(), whole[what], err_msg=what)


def memory_of_a_site(ask: Callable[[pd.DataFrame], object]) -> float:
    """Bytes of arrays that a question takes at once for each further site."""
    peaks = []
    for sites in (100, 400):
        frame = table(sites)
        tracemalloc.start()
        ask(frame)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    return (peaks[1] - peaks[0]) / 300


@pytest.mark.parametrize("name", ["gbmm", "gld", "gpd, inducing"])
def test_memory_does_not_grow_with_the_sites(name, monkeypatch):
    monkeypatch.setattr(pooling, "_NUMBERS", 1 << 12)
    gbmm = posed(DirichletMixture(["x"], MODELS), table(24), 200)
    estimator = gbmm if name == "gbmm" else METHODS[name]()
    assert memory_of_a_site(estimator.predict) < 1000  # of tables
    assert memory_of_a_site(estimator.predict_weights) < 1000
    assert memory_of_a_site(estimator.predictive) > 2000  # the control: one law of all sites


def correction() -> GPCorrection:
    return GPCorrection(["x"], MODELS, y_scale=0.2).fit(table(24), table(24)["y"])


def test_sites_far_apart_in_a_table_have_streams_of_their_own():
    """Sites whose places differ by the length of a block once had equal draws."""
    train, new = table(24), table(1100)
    estimator = dirimix.EqualWeights(["x"], MODELS).fit(train, train["y"])
    standard = estimator.sample_y(new)[:, 0] - estimator.predict(new)
    assert len(np.unique(standard.round(12))) == len(new)


def test_a_place_that_has_two_names_is_one_site():
    estimator = local("x", "z", geo=["x", "z"])
    west = pd.DataFrame({"x": [-115.0, 20.0], "z": [40.0, 5.0], "a": 0.0, "b": 1.0, "c": 3.0})
    east = west.assign(x=[245.0, 20.0])
    np.testing.assert_array_equal(estimator.sample_y(west, 3), estimator.sample_y(east, 3))


def test_a_new_category_has_the_draws_of_its_name():
    train, new = table(24), table(9)
    train["side"] = np.where(train["z"] > 1, "north", "south")
    new["side"] = [*"dacb", "north", "south", "a", "e", "west"]
    estimator = dirimix.EqualWeights(["x", "side"], MODELS).fit(train, train["y"])
    whole = estimator.sample_y(new, 3)
    for some in ([0], [8, 1], [6, 7]):
        np.testing.assert_array_equal(estimator.sample_y(new.iloc[some], 3), whole[some])
    there = new.iloc[[0, 0]].assign(side=["d", "e"])
    assert np.all(np.diff(estimator.sample_y(there, 3), axis=0) != 0)


def known_field(draws: int) -> LocalDirichletMixture:
    """A mixture with prior draws for a posterior, length scale 1, amplitude 1, far field 0."""
    sites = pd.DataFrame({"x": np.arange(0.0, 6.0, 0.5)})
    mixture = LocalDirichletMixture(["x"], MODELS, random_state=2)
    posed(mixture, sites, draws, length_scale=[(0.5, 2.0)])
    for name in ("length", "gamma"):
        mixture.latents_[name][:] = 0.0
    return mixture


def sums_of_draws(mixture: LocalDirichletMixture, x: np.ndarray, n: int) -> np.ndarray:
    """Sums over pairs of neighbouring sites of draws of y, (n, pairs)."""
    frame = pd.DataFrame({"x": x, "a": 0.0, "b": 1.0, "c": 3.0})
    draws = mixture.sample_y(frame, n).T
    return draws[:, ::2] + draws[:, 1::2]


def sums_by_hand(x: np.ndarray, n: int) -> np.ndarray:
    """The same by the definition of the model: Cholesky factor, Dirichlet weights, noise."""
    rng = np.random.default_rng(9)
    root = np.linalg.cholesky(np.exp(-0.5 * (x[:, None] - x) ** 2) + 1e-10 * np.eye(len(x)))
    alpha = np.exp(np.einsum("ij,njk->nik", root, rng.standard_normal((n, len(x), 3))))
    gammas = rng.standard_gamma(alpha)
    weights = gammas / gammas.sum(axis=-1, keepdims=True)
    y = weights @ np.array([0.0, 1.0, 3.0]) + 0.1 * rng.standard_normal((n, len(x)))
    return y[:, ::2] + y[:, 1::2]


def largest_z(found: np.ndarray, expected: np.ndarray) -> float:
    """Of means, variances and shares above thresholds of independent draws, (n, p) each."""
    parts = [found, (found - expected.mean(axis=0)) ** 2, *(found > t for t in (1.0, 2.0, 4.0))]
    other = [
        expected, (expected - expected.mean(axis=0)) ** 2, *(expected > t for t in (1.0, 2.0, 4.0))
    ]  # fmt: skip
    z = [
        (a.mean(axis=0) - b.mean(axis=0)) / np.sqrt(a.var(axis=0) / len(a) + b.var(axis=0) / len(b))
        for a, b in zip(parts, other, strict=True)
    ]
    return float(np.abs(z).max())


def test_sums_over_neighbours_are_those_of_the_model():
    """Among the sites, between them, and as far away as a limit is extrapolated."""
    x = np.array([1.0, 1.2, 2.3, 2.9, 9.0, 9.3, 30.0, 30.5, 30.0, 35.0])
    mixture, n = known_field(2500), 2500
    exact = sums_by_hand(x, 40_000)
    assert largest_z(sums_of_draws(mixture, x, n), exact) < LIMIT
    # the control: every site on its own, as sites of different calls were
    one = mixture.sample_y(pd.DataFrame({"x": x, "a": 0.0, "b": 1.0, "c": 3.0}), n)
    order = np.random.default_rng(1).permuted(np.tile(np.arange(n), (len(x), 1)), axis=1)
    apart = np.take_along_axis(one, order, axis=1).T
    assert largest_z(apart[:, ::2] + apart[:, 1::2], exact) > 2 * LIMIT


def gapped() -> pd.DataFrame:
    """Observations with a gap, a model without the slow part of the truth, measurement errors."""
    x = np.concatenate([np.linspace(0, 3, 12), np.linspace(7, 10, 12)])
    noise = 0.05 * np.random.default_rng(3).standard_normal(len(x))
    return pd.DataFrame({"x": x, "a": 0.0, "y": np.sin(x) + noise})


def covariance_by_hand(correction: GPCorrection, train: pd.DataFrame, x: np.ndarray) -> np.ndarray:
    """Posterior covariance of the discrepancy at x, by the textbook, (m, m)."""
    row = correction.hyperparameters_.iloc[0]

    def kernel(a, b):
        gap = (a[:, None] - b) / row["length_scale_x"]
        return row["amplitude"] ** 2 * np.exp(-0.5 * gap**2)

    t = train["x"].to_numpy()
    seen = np.linalg.solve(
        kernel(t, t) + (row["noise"] ** 2 + 0.02**2) * np.eye(len(t)), kernel(t, x)
    )
    return kernel(x, x) - kernel(x, t) @ seen


# most sites of a dense process; a sparse one is an approximation by itself
@pytest.mark.parametrize(("most", "tolerance"), [(2000, 1e-6), (10, 0.01)])
def test_corrections_err_alike_at_sites_that_are_close(most, tolerance, monkeypatch):
    monkeypatch.setattr("dirimix.estimators.residual_process._DENSE_SITES", most)
    train, x = gapped(), np.array([4.5, 4.7, 5.0, 5.5, 11.5, 11.7, 1.0])
    correction = GPCorrection(["x"], ["a"], y_scale=0.1).fit(train, train["y"], 0.02)
    mixture = dirimix.SingleModel(["x"], ["a"]).fit(train, train["y"])
    mixture.sigma_nodes_, mixture.sigma_weights_ = np.array([0.1]), np.ones(1)
    new = correction.transform(pd.DataFrame({"x": x, "a": 0.0}))
    exact = covariance_by_hand(correction, train, x) + 0.1**2 * np.eye(len(x))
    single = mixture.predict(new, return_std=True)[1] ** 2
    np.testing.assert_allclose(np.diag(exact), single, rtol=tolerance)
    draws = mixture.sample_y(new, 3000).T - mixture.predict(new)
    assert of_covariance(draws, exact) < LIMIT
    np.testing.assert_array_equal(
        mixture.sample_y(new.iloc[[3, 0]], 40), mixture.sample_y(new, 40)[[3, 0]]
    )
    # the control: a table that has lost what its corrections have in common
    plain = new.copy()
    plain.attrs = {}
    apart = mixture.sample_y(plain, 3000).T - mixture.predict(new)
    assert of_covariance(apart, exact) > 2 * LIMIT


def of_covariance(draws: np.ndarray, exact: np.ndarray) -> float:
    """Largest deviation of second moments of (s, m) draws, in their standard errors."""
    products = draws[:, :, None] * draws[:, None, :]
    gaps = products.mean(axis=0) - exact
    return float(np.abs(gaps / products.std(axis=0)).max() * np.sqrt(len(draws)))


def test_a_shift_of_a_model_is_one_number_in_a_draw():
    """Model averaging with a constant discrepancy: draws at two sites share its uncertainty."""
    train, new = table(24).head(8), table(4)
    averaged = dirimix.BayesianModelAveraging(["x"], MODELS, discrepancy=0.01, random_state=3)
    averaged.fit(train, train["y"])
    law = averaged.predictive(new)
    weight, shift = law.weight[:, 0], averaged.node_shift_variance_
    assert np.sqrt(weight @ shift) > 0.1 * law.std().min()
    centred = law.loc - law.mean()
    exact = np.einsum("c,cm,cn->mn", weight, centred, centred) + weight @ shift
    exact[np.diag_indices(4)] = law.std() ** 2
    draws = averaged.sample_y(new, 20_000).T - law.mean()
    assert of_covariance(draws, exact) < LIMIT
    rng = np.random.default_rng(0)  # the control: a shift of every site's own
    apart = law.coherent(rng.random(20_000), rng.standard_normal((20_000, 4))) - law.mean()
    assert of_covariance(apart, exact) > 2 * LIMIT


def test_far_from_the_data_the_line_goes_on_in_the_ratios():
    """Weights by the line itself; clipped log concentrations would share equally."""
    mixture = local("x", field="linear")
    x, beta = table(24)["x"], mixture.latents_["beta"]
    beta[:] = np.array([[0.0, 1.0], [0.5, 1.01], [0.0, -2.0]]) + 0.01 * beta
    s = (100.0 - x.mean()) / x.std(ddof=0)
    log_alpha = beta[..., 0] + beta[..., 1] * s
    line = softmax(log_alpha, axis=1)
    frame = pd.DataFrame({"x": [100.0], "a": 0.0, "b": 1.0, "c": 3.0})
    np.testing.assert_allclose(mixture.draw_weights(frame)[:, 0], line, atol=1e-9)
    # the control: clipped one by one, rising models share equally
    assert np.abs(softmax(np.clip(log_alpha, -15, 15), axis=1) - line).max() > 0.1
    mean, sd = mixture.predict(frame, return_std=True)
    # concentrations of exp(15): hardly any scatter about the line is left
    sigma = mixture.sigma_draws_
    assert mean[0] == pytest.approx((line @ [0.0, 1.0, 3.0]).mean(), abs=1e-3)
    exact = np.sqrt(np.mean(sigma**2) + np.var(line @ [0.0, 1.0, 3.0]))
    assert sd[0] == pytest.approx(exact, abs=1e-3)
