"""Plain references: fixed and least-squares weights, which every mixture must be shown against."""

import warnings
from abc import abstractmethod
from copy import copy
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from scipy.optimize import minimize
from sklearn.utils.validation import check_is_fitted

from dirimix._arguments import check_room, check_whole
from dirimix.errors import FitWarning, InputError
from dirimix.estimators.base import AbstractMixture
from dirimix.estimators.fit_report import FitReport
from dirimix.estimators.pooling import pool, renormalise
from dirimix.laws.noise import maximum_likelihood_sigma
from dirimix.laws.normal_mixture import NormalMixture
from dirimix.laws.simplex import ridge_posterior, simplex_least_squares
from dirimix.table.selection import complete_rows, observed
from dirimix.table.table import Table

# smallest sigma in units of the noise scale, or of the observations' spread where all models are
# far from them: an exact fit leaves a law with some width
_FLOOR = 1e-6


def _floor(y: np.ndarray) -> float:
    """The smallest sigma of observations, (n,), all in units of the noise scale."""
    return _FLOOR * (min(float(np.std(y)), 1.0) or 1.0)


class _FixedWeights(AbstractMixture):
    """Interface: one weight vector, and the noise level that its residuals show."""

    _prior_of_weights: ClassVar[str]

    @abstractmethod
    def _solve(self, f: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The weights, (K,), from model values (n, K) and observations (n,)."""

    def _fit(self, table: Table) -> None:
        table = table.rows(complete_rows(table))
        unit = table.in_units_of(self.y_scale_)
        self.weights_ = self._solve(unit.f, observed(unit))
        self.sigma_ = self._noise(table, self.weights_)
        n, k = unit.f.shape
        if n <= k and np.all(np.abs(observed(unit) - unit.f @ self.weights_) <= _FLOOR):
            warnings.warn(
                f"the weights of {k} models fit all {n} rows exactly: "
                "the noise is not known, and intervals have next to no width; give more rows or "
                "fewer models, or take a method with a prior, such as ridge-stacking or gbmm-d",
                FitWarning,
                stacklevel=3,
            )
        self.priors_ = {"w": self._prior_of_weights, "sigma": "none; maximum likelihood"}

    def _noise(self, table: Table, weights: np.ndarray) -> float:
        unit = table.in_units_of(self.y_scale_)
        y = observed(unit)
        found = maximum_likelihood_sigma(y - unit.f @ weights, unit.y_err, _floor(y))
        return found * self.y_scale_

    def _predictive(self, table: Table) -> NormalMixture:
        return pool(table, self.weights_[None], np.array([self.sigma_]))

    def _weight_draws(self, table: Table) -> np.ndarray:
        return renormalise(self.weights_[None], table.known)

    def fit_report(self) -> FitReport:
        return FitReport(priors=self.priors_, sigma=self.sigma_, y_scale=self.scale_)


@dataclass(eq=False, repr=False, kw_only=True)
class EqualWeights(_FixedWeights):
    """y = mean_k f_k + sigma eps, with sigma by maximum likelihood.

    Args:
        coords: Names of the coordinate columns (not used by the law).
        models: Names of the K model columns.
        y_scale: Scale of the noise, in the unit of y, by default found from the training rows; the
            noise level is at least a millionth of it.
        y_transform: Scale of the fit: 'log', 'log1p', 'sqrt', 'box-cox', or none; predictions are
            in the unit of y (docs/methods.md).
        random_state: Seed of `sample_y`.

    Attributes:
        weights_: 1/K each, (K,).
        sigma_: Noise level.
        priors_: Text of the prior of each parameter.

    >>> import numpy as np, pandas as pd
    >>> x = np.arange(12.0)
    >>> table = pd.DataFrame({"x": x, "a": np.sin(x), "b": np.cos(x)})
    >>> y = 0.6 * table["a"] + 0.4 * table["b"] + 0.4 * np.cos(3 * x)
    >>> mixture = EqualWeights(["x"], ["a", "b"]).fit(table, y)
    >>> mixture.predict(table.head(2)).round(3)
    array([0.5  , 0.691])
    """

    _prior_of_weights: ClassVar[str] = "fixed at 1/K"

    def _solve(self, f: np.ndarray, y: np.ndarray) -> np.ndarray:
        del y
        return np.full(f.shape[1], 1 / f.shape[1])


@dataclass(eq=False, repr=False, kw_only=True)
class OrdinaryLeastSquares(_FixedWeights):
    """y = sum_k w_k f_k + sigma eps with free weights and no intercept, unweighted rows.

    Args:
        coords: Names of the coordinate columns (not used by the law).
        models: Names of the K model columns.
        y_scale: Scale of the noise, in the unit of y, by default found from the training rows; the
            noise level is at least a millionth of it.
        y_transform: Scale of the fit: 'log', 'log1p', 'sqrt', 'box-cox', or none; predictions are
            in the unit of y (docs/methods.md).
        random_state: Seed of `sample_y`.

    Attributes:
        weights_: Least-squares weights, (K,), of any sign and sum.
        sigma_: Noise level by maximum likelihood.
        projected_weights_: max(w, 0) / sum max(w, 0), (K,).
        projected_sigma_: The noise level that the projected weights need.
        priors_: Text of the prior of each parameter.

    >>> import numpy as np, pandas as pd
    >>> x = np.arange(12.0)
    >>> table = pd.DataFrame({"x": x, "a": np.sin(x), "b": np.cos(x)})
    >>> y = 0.6 * table["a"] + 0.4 * table["b"] + 0.4 * np.cos(3 * x)
    >>> mixture = OrdinaryLeastSquares(["x"], ["a", "b"]).fit(table, y)
    >>> mixture.predict_weights(table).iloc[0].round(2).to_dict()
    {'a': 0.58, 'b': 0.43}
    """

    _prior_of_weights: ClassVar[str] = "none; least squares"

    def _solve(self, f: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.linalg.lstsq(f, y, rcond=None)[0]

    def _fit(self, table: Table) -> None:
        self._check_table(table)
        super()._fit(table)
        positive = np.maximum(self.weights_, 0)
        self.projected_weights_ = positive / positive.sum() if positive.any() else positive
        known = table.rows(np.flatnonzero(table.known.all(axis=1)))
        self.projected_sigma_ = self._noise(known, self.projected_weights_)

    def _check_table(self, table: Table) -> None:
        n, k = int(table.known.all(axis=1).sum()), len(table.models)
        if 0 < n <= k:
            raise InputError(
                f"free weights of {k} models fit {n} rows exactly, and leave nothing to measure "
                f"the noise by; give more than {k} rows or fewer models, or take a method whose "
                "weights sum to one, such as simplex-ls, or have a prior, such as ridge-stacking"
            )
        super()._check_table(table)

    def fit_report(self) -> FitReport:
        return replace(super().fit_report(), siblings={"projected": self.projected})

    def projected(self) -> Self:
        """The fitted sibling with the weights projected to the simplex as in the paper.

        Raises:
            InputError: If no weight is positive, so that there is nothing to project.
        """
        check_is_fitted(self)
        if not self.projected_weights_.any():
            raise InputError(
                "no least-squares weight is positive, so they cannot be projected to the simplex; "
                "use SimplexLeastSquares"
            )
        sibling = copy(self)
        sibling.weights_, sibling.sigma_ = self.projected_weights_, self.projected_sigma_
        sibling.priors_ = {**self.priors_, "w": "none; least squares, then max(w, 0) / sum"}
        return sibling


@dataclass(eq=False, repr=False, kw_only=True)
class SimplexLeastSquares(_FixedWeights):
    """y = sum_k w_k f_k + sigma eps with w_k >= 0 and sum_k w_k = 1, unweighted least squares.

    Args:
        coords: Names of the coordinate columns (not used by the law).
        models: Names of the K model columns.
        y_scale: Scale of the noise, in the unit of y, by default found from the training rows; the
            noise level is at least a millionth of it.
        y_transform: Scale of the fit: 'log', 'log1p', 'sqrt', 'box-cox', or none; predictions are
            in the unit of y (docs/methods.md).
        random_state: Seed of `sample_y`.

    Attributes:
        weights_: The weights on the simplex, (K,).
        sigma_: Noise level by maximum likelihood.
        priors_: Text of the prior of each parameter.

    >>> import numpy as np, pandas as pd
    >>> x = np.arange(12.0)
    >>> table = pd.DataFrame({"x": x, "a": np.sin(x), "b": np.cos(x)})
    >>> y = 0.6 * table["a"] + 0.4 * table["b"] + 0.4 * np.cos(3 * x)
    >>> mixture = SimplexLeastSquares(["x"], ["a", "b"]).fit(table, y)
    >>> mixture.predict_weights(table).iloc[0].round(2).to_dict()
    {'a': 0.57, 'b': 0.43}
    """

    _prior_of_weights: ClassVar[str] = "uniform on the simplex; least squares"

    def _solve(self, f: np.ndarray, y: np.ndarray) -> np.ndarray:
        return simplex_least_squares(f, y)


@dataclass(eq=False, repr=False, kw_only=True)
class RidgeStacking(AbstractMixture):
    """y = sum_k w_k f_k + sigma eps with w_k ~ Normal(1/K, tau^2), Bayesian in w.

    tau and sigma maximise the marginal likelihood, with the measurement errors known. The
    posterior of w is normal; it is carried by draws that have exactly its mean and covariance.

    Args:
        coords: Names of the coordinate columns (not used by the law).
        models: Names of the K model columns.
        n_draws: Number of draws of w.
        y_scale: Scale of the noise, in the unit of y, by default found from the training rows; the
            noise level is at least a millionth of it.
        y_transform: Scale of the fit: 'log', 'log1p', 'sqrt', 'box-cox', or none; predictions are
            in the unit of y (docs/methods.md).
        random_state: Seed of the draws and of `sample_y`.

    Attributes:
        weights_: Posterior mean of the weights, (K,).
        weights_covariance_: Their posterior covariance, (K, K).
        draws_: Draws of the weights, (n_draws, K).
        sigma_: Noise level.
        tau_: Prior standard deviation of a weight.
        log_marginal_likelihood_: At `sigma_` and `tau_`, of y whatever the transform.
        priors_: Text of the prior of each parameter.

    >>> import numpy as np, pandas as pd
    >>> x = np.arange(12.0)
    >>> table = pd.DataFrame({"x": x, "a": np.sin(x), "b": np.cos(x)})
    >>> y = 0.6 * table["a"] + 0.4 * table["b"] + 0.4 * np.cos(3 * x)
    >>> mixture = RidgeStacking(["x"], ["a", "b"]).fit(table, y)
    >>> mixture.predict_interval(table.head(2), coverage=0.9).round(1)
    array([[0. , 1. ],
           [0.2, 1.2]])
    """

    n_draws: int = 1000

    def check_parameters(self) -> None:
        super().check_parameters()
        # so many draws have any mean and covariance
        check_whole(self.n_draws, "n_draws", 2 * len(self.models) + 1)
        many = f"{self.n_draws} draws of {len(self.models)} weights; ask for a smaller n_draws"
        check_room(3 * self.n_draws * len(self.models), many)

    def _fit(self, table: Table) -> None:
        rows = table.rows(complete_rows(table))
        unit = rows.in_units_of(self.y_scale_)
        k = len(unit.models)
        y = observed(unit)
        residual = y - unit.f.mean(axis=1)
        sigma, self.tau_ = _likeliest_ridge(unit.f, residual, unit.y_err, _floor(y))
        evidence, shift, root = ridge_posterior(unit.f, residual, unit.y_err, sigma, self.tau_)
        self.sigma_ = sigma * self.y_scale_
        # a density of y, whatever the scale and the unit it is taken in
        slope = self.transform_.log_jacobian(self.transform_.back(observed(rows)))
        self.log_marginal_likelihood_ = evidence + float(np.sum(slope - np.log(self.y_scale_)))
        self.weights_, self.weights_covariance_ = 1 / k + shift, root @ root.T
        self.draws_ = self.weights_ + _exact_draws(root, self.n_draws, self._generator("weights"))
        self.priors_ = {
            "w": f"Normal(1/{k}, tau^2), tau = {self.tau_:.3g} by maximum marginal likelihood",
            "sigma": "none; maximum marginal likelihood",
        }

    def _predictive(self, table: Table) -> NormalMixture:
        return pool(table, self.draws_, np.full(self.n_draws, self.sigma_))

    def _weight_draws(self, table: Table) -> np.ndarray:
        return renormalise(self.draws_, table.known)

    def fit_report(self) -> FitReport:
        return FitReport(priors=self.priors_, sigma=self.sigma_, y_scale=self.scale_)


def _likeliest_ridge(
    f: np.ndarray, residual: np.ndarray, error: np.ndarray, floor: float
) -> tuple[float, float]:
    """Noise, at least `floor`, and weight scale of the largest marginal likelihood.

    From a grid of starts; all in units of the noise scale.
    """

    def loss(log_parameters: np.ndarray) -> float:
        sigma, tau = np.exp(log_parameters)
        return -ridge_posterior(f, residual, error, sigma, tau)[0]

    start = max(float(np.sqrt(np.mean(residual**2))), floor)
    lowest = np.log(floor)
    bounds = [(lowest, max(np.log(start) + 2, lowest + 1)), (np.log(1e-5), np.log(1e3))]
    sizes = [max(start * r, floor) for r in (1.0, 0.3)]
    starts = [np.log([size, t]) for size in sizes for t in (0.03, 0.3)]
    found = [
        minimize(loss, s, method="Nelder-Mead", bounds=bounds, options={"xatol": 1e-8})
        for s in starts
    ]
    sigma, tau = np.exp(min(found, key=lambda r: r.fun).x)
    return float(sigma), float(tau)


def _exact_draws(root: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Normal draws (n, K) of sample mean 0 and sample covariance `root` times its transpose."""
    half = rng.standard_normal(((n + 1) // 2, len(root)))
    z = np.concatenate([half, -half])[:n]
    z = z - z.mean(axis=0)
    white = np.linalg.solve(np.linalg.cholesky(z.T @ z / n), z.T).T
    return white @ root.T
