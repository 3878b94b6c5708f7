"""The kernel and the sparse form of the processes of residuals, against dense matrices."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

from dirimix import GPCorrection, SimplexLeastSquares
from dirimix.errors import InputError
from dirimix.estimators.residual_process import ResidualProcess, condition
from dirimix.estimators.residuals.kernel import AxisRBF
from dirimix.estimators.residuals.sparse import condition_sparse

AXIS_OF = (0, 1, 1, 1)
LENGTHS = np.array([0.8, 1.4])
RNG = np.random.default_rng(0)
X = RNG.normal(0, 1, (400, 4))
NEW = np.vstack([RNG.normal(0, 1, (20, 4)), np.full((1, 4), 9.0)])
ERROR = RNG.uniform(0.1, 0.3, 400)
RESIDUAL = np.sin(X[:, 0]) + 0.3 * X[:, 2] + RNG.normal(0, 0.2, 400)


def kernel(lengths: np.ndarray = LENGTHS) -> Any:
    return AxisRBF(lengths, AXIS_OF, np.tile([0.1, 10.0], (2, 1)))


def test_shared_length_scales_are_those_of_scikit_learn_and_so_is_the_slope():
    straight: Any = RBF(LENGTHS[list(AXIS_OF)])  # pyright: ignore[reportArgumentType]
    np.testing.assert_allclose(kernel()(X, NEW), straight(X, NEW))
    value, slopes = kernel()(X[:30], eval_gradient=True)
    np.testing.assert_allclose(value, straight(X[:30]))
    for k in range(2):
        up, down = (kernel(LENGTHS * np.exp(h * np.eye(2)[k]))(X[:30]) for h in (1e-5, -1e-5))
        np.testing.assert_allclose(slopes[..., k], (up - down) / 2e-5, atol=1e-8)
    with pytest.raises(AssertionError):  # the control: the other way round
        np.testing.assert_allclose(kernel()(X, NEW), kernel(LENGTHS[::-1])(X, NEW))


def dense(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and standard deviation at sites, and left-out residuals, from the textbook's inverse."""
    smooth = ConstantKernel(0.7) * kernel()
    inverse = np.linalg.inv(smooth(X) + np.diag(0.2**2 + ERROR**2))
    between = smooth(x, X)
    variance = smooth.diag(x) - np.einsum("ij,jk,ik->i", between, inverse, between)
    return between @ inverse @ RESIDUAL, np.sqrt(variance), inverse @ RESIDUAL / np.diag(inverse)


def test_the_sparse_process_is_the_dense_one_where_its_points_resolve_it():
    smooth = ConstantKernel(0.7) * kernel()
    scales = LENGTHS[list(AXIS_OF)]
    sparse = condition_sparse(X, RESIDUAL, 0.2**2 + ERROR**2, smooth, 0.2, scales)
    mean, sd, left_out = dense(NEW)
    found = sparse.at(NEW)
    np.testing.assert_allclose(found[0], mean, atol=0.01)
    np.testing.assert_allclose(found[1], sd, atol=0.01)
    np.testing.assert_allclose(sparse.left_out, left_out, atol=0.01)
    np.testing.assert_allclose(sparse.in_sample, RESIDUAL - sparse.at(X)[0])
    assert sparse.unresolved < 1e-4
    assert found[1][-1] == pytest.approx(np.sqrt(0.7))  # far away nothing is known
    other = condition_sparse(X, RESIDUAL, 0.4**2 + ERROR**2, smooth, 0.4, scales)
    assert np.abs(other.at(NEW)[0] - mean).max() > 0.01  # the control: another noise


def test_what_the_points_leave_out_is_said_and_left_to_the_noise():
    x = np.random.default_rng(1).uniform(0, 1, (1500, 2))
    smooth = ConstantKernel(1.0) * AxisRBF(np.array([0.02, 0.02]), (0, 1), np.ones((2, 2)))
    sparse = condition_sparse(x, np.ones(1500), np.full(1500, 0.01), smooth, 0.1, np.full(2, 0.02))
    assert len(sparse.points) == 600
    gram, cross = smooth(sparse.points), smooth(sparse.points, x)
    kept = np.einsum("ij,ij->j", cross, np.linalg.solve(gram, cross))
    assert sparse.unresolved == pytest.approx(np.mean(1 - kept), rel=1e-3)
    assert 0.05 < sparse.unresolved < 0.9


def test_more_sites_than_a_dense_matrix_serves_are_corrected(monkeypatch):
    monkeypatch.setattr("dirimix.estimators.correction._MOST_ROWS", 200)
    rng = np.random.default_rng(2)
    x = rng.uniform(0, 10, (2500, 3))
    truth = np.sin(x[:, 0]) * np.cos(x[:, 1] / 2)
    frame = pd.DataFrame(x, columns=pd.Index(list("abc"))).assign(f=0.0)
    correction = GPCorrection(list("abc"), ["f"]).fit(frame, truth + rng.normal(0, 0.1, 2500))
    corrected = correction.transform(frame.iloc[:500])
    error = corrected["f"] - truth[:500]
    assert np.sqrt(np.mean(error**2)) < 0.04
    assert 0.8 < np.sqrt(np.mean((error / corrected["f__sd"]) ** 2)) < 1.3
    assert correction.hyperparameters_["noise"][0] == pytest.approx(0.1, rel=0.1)


def test_a_correction_on_the_globe_does_not_know_where_the_date_line_is():
    rng = np.random.default_rng(3)
    lon, lat = rng.uniform(165, 195, 80), rng.uniform(-10, 10, 80)
    y = np.sin(np.radians(10 * lon)) + rng.normal(0, 0.05, 80)
    found = []
    for shown in (lon, (lon + 180) % 360 - 180):
        frame = pd.DataFrame({"lon": shown, "lat": lat, "f": 0.0})
        options = {"geo": ["lon", "lat"], "y_scale": 0.5}
        found.append(GPCorrection(["lon", "lat"], ["f"], **options).fit(frame, y))
        found.append(found[-1].transform(frame)["f"].to_numpy())
    np.testing.assert_array_equal(found[1], found[3])
    assert "length_scale_lon+lat" in found[0].hyperparameters_
    flat = GPCorrection(["lon", "lat"], ["f"], y_scale=0.5).fit(frame, y).transform(frame)["f"]
    assert np.abs(flat - found[1]).max() > 0.01  # the control: longitudes as plain numbers


def test_errors_of_corrections_are_apart_where_places_are_not_known():
    x = np.linspace(0, 10, 30)
    table = pd.DataFrame({"x": x, "a": np.sin(x), "b": np.cos(x)})
    y = np.sin(x) + x / 4 + 0.1 * np.random.default_rng(0).standard_normal(30)
    far = GPCorrection(["x"], ["a", "b"]).fit(table[:20], y[:20]).transform(table[20:])
    mixture = SimplexLeastSquares([], ["a", "b"]).fit(far, y[20:])

    def likeness(frame: pd.DataFrame) -> float:
        return float(np.corrcoef(mixture.sample_y(frame, 400))[-1, -2])

    assert abs(likeness(far.drop(columns="x"))) < 4.5 / np.sqrt(400)
    assert likeness(far) > 4.5 / np.sqrt(400)


def test_labels_are_refused():
    frame = pd.DataFrame({"state": list("abab"), "t": range(4), "f": 0.0})
    with pytest.raises(
        InputError, match="a correction needs distances, and the coordinate 'state'"
    ):
        GPCorrection(["t", "state"], ["f"]).fit(frame, np.arange(4.0))


def test_few_sites_are_conditioned_on_densely():
    process = condition(X, RESIDUAL, ERROR, ConstantKernel(0.7) * kernel() + _white())
    np.testing.assert_allclose(process.at(NEW)[0], dense(NEW)[0], atol=1e-9)
    assert isinstance(process, ResidualProcess)


def _white():
    from sklearn.gaussian_process.kernels import WhiteKernel

    return WhiteKernel(0.04)
