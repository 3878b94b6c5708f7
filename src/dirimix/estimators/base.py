"""What every estimator has in common: its parameters and table, and a mixture's predictions."""

import warnings
import zlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar, NoReturn, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from dirimix._arguments import AcceptsSeed, check_room, check_seed, check_share, check_whole
from dirimix.errors import ExtrapolationWarning, TableWarning, no_attribute
from dirimix.estimators.correction_overlap import alike_errors, warn_if_overlapping
from dirimix.estimators.fit_report import FitReport, InNotebooks
from dirimix.estimators.pooling import in_blocks, mean_by_pattern, remarks_on_new
from dirimix.estimators.transforms.choice import checked_name, choose_transform
from dirimix.estimators.transforms.domain import refuse_outside
from dirimix.estimators.transforms.scaled import observed_law, to_scale
from dirimix.laws.noise_scale import NoiseScale, check_scale, noise_scale
from dirimix.laws.normal_mixture import NormalMixture
from dirimix.laws.sites import site_normals
from dirimix.laws.transformed_mixture import PredictiveLaw
from dirimix.laws.transforms import AbstractTransform
from dirimix.sampling.progress import Listener
from dirimix.table.selection import complete_rows, observed, suspicions
from dirimix.table.sites import Reach, check_repeats, copies, pool_repeats
from dirimix.table.space import make_space
from dirimix.table.table import Table, make_table

# what an estimator notes of its training table before it is fitted
_NOTED = ("kinds_", "levels_", "space_", "reach_", "transform_", "scale_", "y_scale_")
_RENAMED = {"sample_weights": "draw_weights", "seed": "random_state"}


@dataclass(eq=False, repr=False)
class AbstractEstimator(BaseEstimator, metaclass=AcceptsSeed):
    """A scikit-learn estimator whose input is a frame of coordinates and model values.

    The fields of the data classes are the parameters; scikit-learn reads them off `__init__`.
    """

    uses_places: ClassVar[bool] = False  # its predictions depend on the coordinates
    coords: Sequence[str] = ()
    models: Sequence[str] = ()
    _: KW_ONLY
    geo: Sequence[str] | None = None
    periodic: Mapping[str, float] | None = None
    repeats: str = "keep"
    y_scale: float | NoiseScale | None = None
    y_transform: str | AbstractTransform | None = None
    random_state: int = 0

    def check_parameters(self) -> None:
        """Refuse parameters that no table could serve, as `fit` does before all else.

        Raises:
            InputError: If one is not usable.
        """
        check_seed(self.random_state)
        check_scale(self.y_scale)
        checked_name(self.y_transform)
        check_repeats(self.repeats)

    def _training_table(
        self, X: pd.DataFrame, y: ArrayLike, y_err: ArrayLike | None, min_models: int = 1
    ) -> Table:
        """The table of a fit in the scale of `transform_`, which is chosen here.

        Checks the parameters and notes the columns, as scikit-learn does.
        Sets `scale_` and `y_scale_`, the scale of the noise and its value, too.
        """
        self.check_parameters()
        names = self.coords, self.models
        table = make_table(X, *names, y, y_err, fitting=True, min_models=min_models)
        self.kinds_, self.levels_ = dict(table.kinds), dict(table.levels)
        repeated = copies(table) if len(table.models) > 1 else []  # with one, many are by chance
        for sentence in (*suspicions(table), *repeated):
            warnings.warn(sentence, TableWarning, stacklevel=3)
        self.space_ = make_space(table.coords, self.geo, self.periodic, table.levels)
        self.space_.check(table.x)
        table = replace(table, x=self.space_.canonical(table.x))
        if self.repeats == "pool":
            table = pool_repeats(table, table.x)
        self.reach_ = Reach(self.space_, table.x, self.kinds_)
        self.n_features_in_ = len(table.columns)
        if not isinstance(X, np.ndarray | Sequence) or getattr(X, "dtype", np.dtype(float)).names:
            self.feature_names_in_ = np.asarray(table.columns, dtype=object)
        self.transform_ = choose_transform(self.y_transform, table, getattr(y, "name", None))
        table = to_scale(table, self.transform_)
        self.scale_ = noise_scale(self.y_scale, table.f, observed(table))
        self.y_scale_ = self.scale_.value
        return table

    def _table_to_predict(self, X: pd.DataFrame, y_err: ArrayLike | None = None) -> Table:
        """The table of new sites in the scale of the fit, with measurement errors as given."""
        check_is_fitted(self)
        table = self._new_table(X, y_err)
        if self.uses_places and (beyond := self.reach_.sentence(table.x, "rows")):
            warnings.warn(beyond, ExtrapolationWarning, stacklevel=3)
        for sentence in remarks_on_new(self, table.models, table.f):
            warnings.warn(sentence, TableWarning, stacklevel=3)
        refuse_outside(table, str(self.transform_))
        return to_scale(table, self.transform_)

    def _new_table(self, X: pd.DataFrame, y_err: ArrayLike | None = None) -> Table:
        """The table of sites to predict, its coordinates read as those of the fit were."""
        names = self.coords, self.models
        table = make_table(X, *names, None, y_err, kinds=self.kinds_, levels=self.levels_)
        self.space_.check(table.x)
        return replace(table, x=self.space_.canonical(table.x))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True  # a model may lack values
        return tags


class AbstractMixture(InNotebooks, RegressorMixin, AbstractEstimator):
    """A fitted rule that turns K models' values at a site into a predictive law.

    Subclasses are leaves: data classes whose fields are their parameters, beside `coords`,
    `models`, `y_scale` and `random_state`. They write `_fit`, `_predictive`, `_weight_draws` and
    `fit_report`. Every tolerance in the unit of y is a multiple of `y_scale_`, so that a change
    of that unit changes nothing but the unit of the answers.
    """

    progress: Listener | None = None  # callback of those that sample
    _min_models: ClassVar[int] = 2  # that a fit needs
    complete_only: ClassVar[bool] = True  # it is fitted to rows where every model has a value

    @abstractmethod
    def _fit(self, table: Table) -> None:
        """Set the fitted state, attributes with a trailing underscore."""

    @abstractmethod
    def _predictive(self, table: Table) -> NormalMixture:
        """The predictive law at the table's sites; its y_err adds to the noise.

        Like `_fit` it sees the table in the scale of `transform_`.
        """

    @abstractmethod
    def _weight_draws(self, table: Table) -> np.ndarray:
        """Posterior draws of the field weights (their mean given the parameters), (s, n, K)."""

    @abstractmethod
    def fit_report(self) -> FitReport:
        """What the fit says of itself beyond its predictions."""

    def fit(self, X: pd.DataFrame, y: ArrayLike, y_err: ArrayLike | None = None) -> Self:
        """Fit to observations; the estimator itself is returned.

        Args:
            X: Frame with the coordinate and model columns, n rows.
            y: Observations, (n,).
            y_err: Their measurement errors' standard deviations, (n,) or a scalar, in y's unit.

        Raises:
            InputError: If the table, with the column, row and value, or a parameter is not usable.
        """
        table = self._training_table(X, y, y_err, self._min_models)
        if self._min_models > 1 and isinstance(X, pd.DataFrame):
            warn_if_overlapping(X, table)
        self._fit(table)
        return self

    def check(self, X: pd.DataFrame, y: ArrayLike, y_err: ArrayLike | None = None) -> None:
        """Refuse, and warn of, what `fit` with the same arguments would, before it begins to work.

        Raises:
            InputError: If the table or a parameter is not usable.
        """
        self._check_table(self._training_table(X, y, y_err, self._min_models))

    def borrow(self, other: "AbstractMixture") -> Self:
        """Take what another noted of its training table; `_fit` may be called with it then.

        Raises:
            InputError: If a parameter of this one is not usable.
        """
        self.check_parameters()
        vars(self).update({name: getattr(other, name) for name in _NOTED})
        return self

    def _check_table(self, table: Table) -> None:
        """What a fit refuses of a table that is in order as such."""
        if self.complete_only:
            complete_rows(table)

    def predictive(self, X: pd.DataFrame, y_err: ArrayLike | None = None) -> PredictiveLaw:
        """The law of an observation at each of the m rows of X, noise and its error included.

        Args:
            X: Frame with the coordinate and model columns, m rows.
            y_err: Its measurement errors' standard deviations, (m,) or a scalar, in y's unit.

        Raises:
            InputError: If the table is not usable.
        """
        return self._law(self._table_to_predict(X, y_err))

    def _law(self, table: Table) -> PredictiveLaw:
        """The predictive law at the sites of a table in the scale of the fit."""
        return observed_law(self._predictive, table, self.transform_)

    def _law_and_weights(self, table: Table) -> tuple[PredictiveLaw, np.ndarray]:
        """The predictive law at a table's sites and their mean field weights, (m, K)."""
        return self._law(table), self._mean_weights(table)

    def laws(self, X: pd.DataFrame) -> Iterator[PredictiveLaw]:
        """The laws of `predictive`, block by block of the rows: memory does not grow with these."""
        return (self._law(block) for block in self._blocks(self._table_to_predict(X)))

    def laws_and_weights(self, X: pd.DataFrame) -> Iterator[tuple[PredictiveLaw, np.ndarray]]:
        """Block by block of the rows: the laws of `laws`, and mean field weights, (m, K)."""
        return (self._law_and_weights(block) for block in self._blocks(self._table_to_predict(X)))

    def _blocks(self, table: Table) -> Iterator[Table]:
        """A table in blocks of sites, as large as memory has room for."""
        return in_blocks(table, self._numbers_of_site(table.rows(np.arange(1))))

    def _numbers_of_site(self, table: Table) -> int:
        """How many numbers its predictions take at a site, given one."""
        components = self._predictive(table).loc.size
        return max(components, self._weight_draws(table).size) if self.uses_places else components

    def predict(
        self, X: pd.DataFrame, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predictive means, (m,), with `return_std` also the standard deviations, (m,)."""
        if not return_std:
            return np.concatenate([law.mean() for law in self.laws(X)])
        parts = [(law.mean(), law.std()) for law in self.laws(X)]
        mean, std = (np.concatenate(column) for column in zip(*parts, strict=True))
        return mean, std

    def predict_quantiles(self, X: pd.DataFrame, quantiles: Sequence[float]) -> np.ndarray:
        """Predictive quantiles, (m, len(quantiles)).

        Raises:
            InputError: If a quantile does not lie strictly between 0 and 1.
        """
        return np.concatenate([law.quantiles(quantiles) for law in self.laws(X)])

    def predict_interval(self, X: pd.DataFrame, coverage: float = 0.9) -> np.ndarray:
        """Central predictive interval, lower and upper end, (m, 2), noise included.

        Raises:
            InputError: If `coverage` is not one number strictly between 0 and 1.
        """
        check_share(coverage, "coverage")
        return self.predict_quantiles(X, ((1 - coverage) / 2, (1 + coverage) / 2))

    def sample_y(
        self, X: pd.DataFrame, n_samples: int = 1, random_state: int | None = None
    ) -> np.ndarray:
        """Draws of new observations, (m, n_samples); each is one joint draw over the sites.

        What is drawn at a site is a function of the seed and the site, its coordinates (else its
        model values), whatever else is asked for. Rows at one site are one observation.

        Args:
            X: Frame with the coordinate and model columns, m rows.
            n_samples: Number of draws, 1 or more.
            random_state: Seed of the draws, 0 or more; by default that of the estimator.

        Raises:
            InputError: If `random_state` or `n_samples` are no such whole numbers, or too many.
        """
        check_whole(n_samples, "n_samples", 1)
        if random_state is not None:
            check_seed(random_state)
        return self.sample_law(self.predictive(X), X, n_samples, random_state).T

    def sample_law(
        self, law: PredictiveLaw, X: pd.DataFrame, n_samples: int, random_state: int | None = None
    ) -> np.ndarray:
        """The draws of `sample_y`, (n_samples, m), from `predictive(X)` where it is at hand."""
        seed = self.random_state if random_state is None else random_state
        sites = self._new_table(X).site_keys
        many = f"{n_samples} draws of {len(sites)} rows; ask for fewer draws, or for fewer rows"
        check_room(2 * n_samples * len(sites), many)
        u = self._generator("component", seed).random(n_samples)
        noise = site_normals(sites, n_samples, seed, "noise")
        return law.coherent(u, noise, self._alike(X, n_samples, seed))

    def _alike(self, X: pd.DataFrame, count: int, seed: int) -> np.ndarray | None:
        """Standard normals for that by which sites are off together, (count, m)."""
        return alike_errors(X, self.models, count, seed)

    def predict_weights(self, X: pd.DataFrame) -> pd.DataFrame:
        """Posterior mean of the field weights, one column a model, the index of X."""
        check_is_fitted(self)
        index = X.index if isinstance(X, pd.DataFrame) else None
        means = [self._mean_weights(block) for block in self._blocks(self._new_table(X))]
        return pd.DataFrame(np.concatenate(means), index, list(self.models))

    def _mean_weights(self, table: Table) -> np.ndarray:
        """Posterior mean of the field weights at a table's sites, (m, K)."""
        if self.uses_places:
            return self._weight_draws(table).mean(axis=0)
        return mean_by_pattern(self._weight_draws, table)

    def draw_weights(self, X: pd.DataFrame) -> np.ndarray:
        """Posterior draws of the field weights, (s, m, K)."""
        check_is_fitted(self)
        return self._weight_draws(self._new_table(X))

    def __getattr__(self, name: str) -> NoReturn:
        raise no_attribute(self, name, _RENAMED)

    def _generator(self, purpose: str, seed: int | None = None) -> np.random.Generator:
        """A NumPy generator for one purpose, the same at every call."""
        seed = self.random_state if seed is None else seed
        return np.random.default_rng([seed, zlib.crc32(purpose.encode())])
