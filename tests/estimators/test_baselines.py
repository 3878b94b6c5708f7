"""Fixed and least-squares weights: optimality conditions, exact answers, published figures."""

import os

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import clone

from dirimix.errors import DroppedRowsWarning, FitWarning, InputError
from dirimix.estimators.baselines import (
    EqualWeights,
    OrdinaryLeastSquares,
    RidgeStacking,
    SimplexLeastSquares,
)
from dirimix.estimators.pooling import renormalise
from dirimix.laws.simplex import ridge_posterior, simplex_least_squares

MODELS = ["a", "b", "c"]
ESTIMATORS = [EqualWeights, OrdinaryLeastSquares, SimplexLeastSquares, RidgeStacking]


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    truth = 5 * np.sin(np.arange(60) / 4)
    table = pd.DataFrame(
        {m: truth + rng.normal(0, s, 60) for m, s in zip(MODELS, (1, 2, 3), strict=True)}
    )
    return table.assign(x=np.arange(60.0), y=0.6 * table.a + 0.4 * table.b + rng.normal(0, 0.2, 60))


def _rms(values):
    return float(np.sqrt(np.mean(np.asarray(values) ** 2)))


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_shapes_and_clone(frame, kind):
    fitted = clone(kind(["x"], MODELS, y_scale=2.0)).fit(frame, frame.y, 0.1)
    assert fitted.y_scale == 2.0
    assert fitted.weights_.shape == (3,)
    assert set(fitted.priors_) == {"w", "sigma"}
    weights = fitted.draw_weights(frame)
    assert weights.shape[1:] == (60, 3)
    assert fitted.predict(frame).shape == (60,)
    np.testing.assert_allclose(weights.mean(axis=0)[0], fitted.weights_, atol=1e-12)


@pytest.mark.filterwarnings("ignore:.*rows to predict lack")
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_missing_values_are_told_and_renormalised(frame, kind):
    holes = frame.copy()
    holes.loc[5, "c"] = np.nan
    with pytest.warns(
        DroppedRowsWarning, match=r"59 of 60 rows.*'c' has none at 1, first at row 6"
    ):
        fitted = kind(["x"], MODELS).fit(holes, holes.y)
    weights = fitted.draw_weights(holes)
    assert np.all(weights[:, 5, 2] == 0)
    np.testing.assert_allclose(weights.sum(axis=2)[:, 5], weights.sum(axis=2)[:, 4])
    assert np.all(np.isfinite(fitted.predict_interval(holes)))


@pytest.mark.filterwarnings("ignore:.*rows to predict lack")
@pytest.mark.parametrize("kind", [OrdinaryLeastSquares, RidgeStacking])
def test_signed_weights_of_a_missing_model_go_to_the_others_in_equal_parts(kind):
    rng = np.random.default_rng(3)
    base = 1000 + 30 * np.sin(np.linspace(0, 6, 60))
    table = pd.DataFrame({m: base + rng.normal(0, 5, 60) for m in MODELS})
    y = table.c + 0.9 * (table.a - table.b) + 0.3 * rng.normal(size=60)
    fitted = kind([], MODELS).fit(table, y)
    holes = table.assign(c=np.where(np.arange(60) == 5, np.nan, table.c))
    weights = fitted.predict_weights(holes).to_numpy()
    left = fitted.weights_[2] / 2
    expected = [fitted.weights_[0] + left, fitted.weights_[1] + left, 0]
    np.testing.assert_allclose(weights[5], expected, atol=1e-9)
    np.testing.assert_allclose(weights[4], fitted.weights_, atol=1e-9)
    assert abs(fitted.predict(holes)[5] - base[5]) < 30
    # a control: those of the known models nearly cancel, and no factor gives them their sum
    assert np.abs(weights[5, :2]).max() < 2 < fitted.weights_.sum() / abs(fitted.weights_[:2].sum())


def test_weights_that_are_not_negative_keep_their_ratios():
    weights, known = np.array([[0.6, 0.3, 0.1]]), np.array([[True, True, False]])
    np.testing.assert_allclose(renormalise(weights, known)[0, 0], [2 / 3, 1 / 3, 0])
    signed = renormalise(np.array([[0.7, 0.5, -0.2]]), known)[0, 0]
    np.testing.assert_allclose(signed, [0.6, 0.4, 0])


def test_no_complete_row_is_an_error(frame):
    holes = frame.assign(a=frame.a.where(frame.x < 30), b=frame.b.where(frame.x >= 30))
    with pytest.raises(InputError, match=r"no row has a value of every model \('a' has none at 30"):
        EqualWeights(["x"], MODELS).fit(holes, holes.y)


def test_fewer_rows_than_models_leave_no_noise_to_free_weights(frame):
    few = frame.head(2)
    message = "free weights of 3 models fit 2 rows exactly, .* more than 3 rows or fewer models"
    for door in (OrdinaryLeastSquares.fit, OrdinaryLeastSquares.check):
        with pytest.raises(InputError, match=message):
            door(OrdinaryLeastSquares(["x"], MODELS), few, few.y)
    inside = few.assign(y=few[MODELS] @ [0.5, 0.2, 0.3])
    with pytest.warns(FitWarning, match="weights of 3 models fit all 2 rows exactly: the noise"):
        SimplexLeastSquares(["x"], MODELS).fit(inside, inside.y)
    for kind in (EqualWeights, RidgeStacking):
        low, high = kind(["x"], MODELS).fit(inside, inside.y).predict_interval(inside).T
        assert np.all((low < inside.y) & (inside.y < high))


def test_least_squares_residual_is_orthogonal_to_the_models(frame):
    fitted = OrdinaryLeastSquares(["x"], MODELS).fit(frame, frame.y)
    residual = frame.y - fitted.predict(frame)
    np.testing.assert_allclose(residual @ frame[MODELS], 0, atol=1e-9)


def test_projection_is_the_papers_and_costs(frame):
    y = 1.2 * frame.a - 0.4 * frame.c
    fitted = OrdinaryLeastSquares(["x"], MODELS).fit(frame, y)
    sibling = fitted.projected()
    positive = np.maximum(fitted.weights_, 0)
    np.testing.assert_allclose(sibling.weights_, positive / positive.sum())
    assert type(sibling) is type(fitted)
    assert fitted.weights_.min() < 0  # the original is left as it was
    assert _rms(sibling.predict(frame) - y) > _rms(fitted.predict(frame) - y) + 0.1
    assert sibling.sigma_ > fitted.sigma_


def test_projection_of_negative_weights_is_an_error(frame):
    fitted = OrdinaryLeastSquares(["x"], MODELS)
    fitted.fit(frame, -(frame.a + frame.b + frame.c))
    with pytest.raises(InputError, match="no least-squares weight is positive"):
        fitted.projected()


def _kkt_violation(f, y, w):
    """Largest violation of the optimality conditions of least squares on the simplex."""
    gradient = f.T @ (f @ w - y) / len(y)
    multiplier = w @ gradient
    slack = np.maximum(multiplier - gradient, 0).max()
    complementary = np.abs(w * (gradient - multiplier)).max()
    return max(slack, complementary, -w.min(), abs(w.sum() - 1))


@pytest.mark.parametrize("seed", range(8))
def test_simplex_weights_meet_the_optimality_conditions(seed):
    rng = np.random.default_rng(seed)
    f = rng.normal(10, 1, (40, 1)) + rng.normal(0, 0.5, (40, 9))
    y = f @ rng.dirichlet(np.full(9, 0.3)) + rng.normal(0, 0.3, 40)
    w = simplex_least_squares(f, y)
    assert _kkt_violation(f, y, w) < 1e-8
    moved = w + 1e-3 * (np.full(9, 1 / 9) - w)
    assert _kkt_violation(f, y, moved) > 1e-6  # the conditions notice a small move


def test_simplex_weights_do_not_depend_on_the_unit():
    rng = np.random.default_rng(1)
    f, y = rng.normal(0, 1, (30, 4)), rng.normal(0, 1, 30)
    np.testing.assert_allclose(
        simplex_least_squares(1e6 * f, 1e6 * y), simplex_least_squares(f, y), atol=1e-9
    )


def test_simplex_finds_an_exact_model(frame):
    np.testing.assert_allclose(
        simplex_least_squares(frame[MODELS].to_numpy(), frame.b.to_numpy()), [0, 1, 0], atol=1e-12
    )


@pytest.mark.parametrize("n", [15, 2])
def test_ridge_marginal_likelihood_is_scipys(n):
    rng = np.random.default_rng(2)
    f, d, u = rng.normal(0, 2, (n, 3)), rng.normal(0, 1, n), rng.uniform(0, 0.5, n)
    covariance = np.diag(0.3**2 + u**2) + 0.7**2 * f @ f.T
    evidence, mean, root = ridge_posterior(f, d, u, 0.3, 0.7)
    # the type inferred from SciPy's default covariance, 1, is int
    expected = stats.multivariate_normal.logpdf(d, cov=covariance)  # pyright: ignore[reportArgumentType]
    assert evidence == pytest.approx(expected, abs=1e-9)
    gain = 0.7**2 * f.T @ np.linalg.inv(covariance)
    np.testing.assert_allclose(mean, gain @ d, atol=1e-10)
    np.testing.assert_allclose(root @ root.T, 0.49 * (np.eye(3) - gain @ f), atol=1e-10)


def test_ridge_draws_carry_the_posterior_exactly(frame):
    fitted = RidgeStacking(["x"], MODELS, n_draws=101).fit(frame, frame.y, 0.1)
    np.testing.assert_allclose(fitted.draws_.mean(axis=0), fitted.weights_, atol=1e-12)
    np.testing.assert_allclose(
        np.cov(fitted.draws_.T, bias=True), fitted.weights_covariance_, rtol=1e-8, atol=1e-14
    )
    again = clone(fitted).fit(frame, frame.y, 0.1)
    np.testing.assert_array_equal(again.draws_, fitted.draws_)
    f = frame[MODELS].to_numpy()
    variance = fitted.sigma_**2 + np.einsum("nk,kl,nl->n", f, fitted.weights_covariance_, f)
    np.testing.assert_allclose(fitted.predict(frame, return_std=True)[1] ** 2, variance)


def test_ridge_is_at_the_maximum(frame):
    fitted = RidgeStacking(["x"], MODELS).fit(frame, frame.y, 0.1)
    f, d = frame[MODELS].to_numpy(), (frame.y - frame[MODELS].mean(axis=1)).to_numpy()
    for s, t in [(1.01, 1), (0.99, 1), (1, 1.05), (1, 0.95)]:
        other = ridge_posterior(f, d, np.full(60, 0.1), fitted.sigma_ * s, fitted.tau_ * t)[0]
        assert other < fitted.log_marginal_likelihood_


def test_ridge_survives_duplicated_models(frame):
    frame = frame.assign(c=frame.a)
    fitted = RidgeStacking(["x"], MODELS).fit(frame, frame.y)
    assert fitted.weights_[0] == pytest.approx(fitted.weights_[2], abs=1e-6)


def test_too_few_draws_are_refused(frame):
    with pytest.raises(InputError, match="n_draws must be a whole number of at least 7, not 4"):
        RidgeStacking(["x"], MODELS, n_draws=4).fit(frame, frame.y)


@pytest.fixture(scope="module")
def published():
    if "DIRIMIX_DATA_DIR" not in os.environ:
        pytest.skip("DIRIMIX_DATA_DIR does not name a folder with the published tables")
    datasets = pytest.importorskip("dirimix.datasets")
    data = datasets.load("nuclear-s2n")
    whole = data.frame[list(data.models)].notna().all(axis=1).to_numpy()
    split = np.asarray(data.frame[data.split] if isinstance(data.split, str) else data.split)
    return data, *(data.frame[whole & (split == part)] for part in ("train", "test"))


PUBLISHED = {
    "equal": (EqualWeights, (0.617, 0.632)),
    "ols": (OrdinaryLeastSquares, (0.313, 0.314)),
    "simplex": (SimplexLeastSquares, (0.327, 0.343)),
}


@pytest.mark.parametrize(("kind", "expected"), PUBLISHED.values(), ids=PUBLISHED)
def test_published_deviations(published, kind, expected):
    data, train, test = published
    fitted = kind(data.coords, data.models).fit(train, train[data.target], train[data.error])
    found = [_rms(fitted.predict(part) - part[data.target]) for part in (train, test)]
    assert (len(train), len(test)) == (513, 63)
    np.testing.assert_allclose(found, expected, atol=5.1e-4)


def test_published_cost_of_the_projection(published):
    data, train, test = published
    fitted = OrdinaryLeastSquares(data.coords, data.models).fit(train, train[data.target])
    found = [_rms(fitted.projected().predict(p) - p[data.target]) for p in (train, test)]
    np.testing.assert_allclose(found, (0.401, 0.423), atol=5.1e-4)


def test_published_simplex_weights_and_log_scores(published):
    data, train, test = published
    fitted = SimplexLeastSquares(data.coords, data.models).fit(train, train[data.target])
    weights = pd.Series(fitted.weights_, list(data.models))
    expected = {"HFB24": 0.577, "FRDM12": 0.286, "UNEDF2": 0.082, "SKP": 0.040, "SKMS": 0.015}
    for model, weight in expected.items():
        assert weights[model] == pytest.approx(weight, abs=5.1e-4)
    assert weights.drop(list(expected)).max() == 0
    target = test[data.target].to_numpy()
    assert fitted.predictive(test).logpdf(target).mean() == pytest.approx(-0.351, abs=2e-3)
    ridge = RidgeStacking(data.coords, data.models).fit(train, train[data.target])
    assert ridge.predictive(test).logpdf(target).mean() == pytest.approx(-0.263, abs=5e-3)


def test_more_draws_than_memory_holds_are_refused_before_they_are_made():
    table = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [2.0, 1.0, 3.5]})
    mixture = EqualWeights(models=["a", "b"]).fit(table, [1.2, 1.9, 3.1])
    with pytest.raises(
        InputError, match="GiB are needed .* 1000000000000 draws of 3 rows; ask for"
    ):
        mixture.sample_y(table, 10**12)
