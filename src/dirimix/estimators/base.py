"""What every estimator has in common: the scikit-learn face of a predictive law."""

import zlib
from abc import ABCMeta, abstractmethod
from collections.abc import Sequence
from typing import Any, NoReturn, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from dirimix.errors import no_attribute
from dirimix.estimators.correction_overlap import warn_if_overlapping
from dirimix.estimators.fit_report import FitReport
from dirimix.laws.normal_mixture import NormalMixture
from dirimix.sampling.progress import Listener
from dirimix.table.table import Table, make_table

_RENAMED = {"sample_weights": "draw_weights", "seed": "random_state"}


class Named(ABCMeta):
    """The class of estimators: `seed`, as the command line says, is taken for `random_state`."""

    def __call__(cls, *args: Any, **given: Any) -> Any:
        if "seed" in given:
            given["random_state"] = given.pop("seed")
        return super().__call__(*args, **given)


class AbstractMixture(RegressorMixin, BaseEstimator, metaclass=Named):
    """A fitted rule that turns K models' values at a site into a predictive law.

    Subclasses are leaves. They store their parameters untouched in `__init__` (among them
    `coords`, `models` and `random_state`), and write `_fit`, `_predictive`,
    `_weight_draws` and `fit_report`.
    """

    coords: Sequence[str]
    models: Sequence[str]
    random_state: int
    progress: Listener | None = None  # told of the chains by those that sample
    _min_models = 2  # that a fit needs

    @abstractmethod
    def _fit(self, table: Table) -> None:
        """Set the fitted state, attributes with a trailing underscore."""

    @abstractmethod
    def _predictive(self, table: Table) -> NormalMixture:
        """The predictive law at the table's sites; its y_err adds to the noise."""

    @abstractmethod
    def _weight_draws(self, table: Table) -> np.ndarray:
        """Posterior draws of the field weights (their mean given the parameters), (s, n, K)."""

    @abstractmethod
    def fit_report(self) -> FitReport:
        """What the fit says of itself beyond its predictions."""

    def fit(self, X: pd.DataFrame, y: object, y_err: object = None) -> Self:
        """Fit to observations.

        Args:
            X: Frame with the coordinate and model columns, n rows.
            y: Observations, (n,).
            y_err: Standard deviations of their measurement errors, (n,), in the unit of y.

        Returns:
            The estimator itself.

        Raises:
            InputError: If the table is not usable; the message names column, row and value.
        """
        table = make_table(
            X, self.coords, self.models, y, y_err, fitting=True, min_models=self._min_models
        )
        if self._min_models > 1 and isinstance(X, pd.DataFrame):
            warn_if_overlapping(X, table)
        self.n_features_in_ = np.shape(X)[1]
        if isinstance(X, pd.DataFrame):
            self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self._fit(table)
        return self

    def predictive(self, X: pd.DataFrame, y_err: object = None) -> NormalMixture:
        """The predictive law of an observation at each row of X.

        Noise is always included; the measurement error is where `y_err` (m,) gives one.
        """
        check_is_fitted(self)
        return self._predictive(make_table(X, self.coords, self.models, None, y_err))

    def predict(
        self, X: pd.DataFrame, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predictive means, (m,), with `return_std` also the standard deviations."""
        law = self.predictive(X)
        return (law.mean(), law.std()) if return_std else law.mean()

    def predict_quantiles(self, X: pd.DataFrame, quantiles: Sequence[float]) -> np.ndarray:
        """Predictive quantiles, (m, len(quantiles))."""
        return self.predictive(X).quantiles(quantiles)

    def predict_interval(self, X: pd.DataFrame, coverage: float = 0.9) -> np.ndarray:
        """Central predictive interval, (m, 2), noise included."""
        return self.predict_quantiles(X, ((1 - coverage) / 2, (1 + coverage) / 2))

    def sample_y(
        self, X: pd.DataFrame, n_samples: int = 1, random_state: int | None = None
    ) -> np.ndarray:
        """Draws of new observations, (m, n_samples); each draw is one whole over the sites.

        Args:
            X: Frame with the coordinate and model columns, m rows.
            n_samples: Number of draws.
            random_state: Seed of the draws, by default that of the estimator: the same at every
                call.
        """
        rng = self._generator("sample_y", random_state)
        return self.predictive(X).sample(n_samples, rng).T

    def predict_weights(self, X: pd.DataFrame) -> pd.DataFrame:
        """Posterior mean of the field weights, one column a model, the index of X."""
        index = getattr(X, "index", None)
        return pd.DataFrame(self.draw_weights(X).mean(axis=0), index, list(self.models))

    def draw_weights(self, X: pd.DataFrame) -> np.ndarray:
        """Posterior draws of the field weights, (s, m, K)."""
        check_is_fitted(self)
        return self._weight_draws(make_table(X, self.coords, self.models))

    def __getattr__(self, name: str) -> NoReturn:
        raise no_attribute(self, name, _RENAMED)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True  # a model may lack values
        return tags

    def _generator(self, purpose: str, seed: int | None = None) -> np.random.Generator:
        """A NumPy generator for one purpose, the same at every call."""
        seed = self.random_state if seed is None else seed
        return np.random.default_rng([seed, zlib.crc32(purpose.encode())])
