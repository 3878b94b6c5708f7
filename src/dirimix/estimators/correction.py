"""Correct every model by a Gaussian process of its own residuals, before it is mixed.

delta_k ~ GP(0, eta^2 exp(-sum_j (dx_j)^2 / (2 rho_j^2))), y - f_k = delta_k(x) + Normal(0, s^2 +
u^2). On the rows that trained delta_k the corrected residuals are far smaller than elsewhere, so
that a mixture fitted there trusts the corrected models too much. `warn_if_overlapping` says so,
and `GPCorrection.cross_fitted` avoids it.
"""

import warnings
from dataclasses import dataclass
from typing import ClassVar, Self, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import TransformerMixin, clone
from sklearn.model_selection import KFold
from sklearn.utils.validation import check_is_fitted

from dirimix.errors import DroppedRowsWarning, FitWarning, InputError
from dirimix.estimators.base import AbstractEstimator
from dirimix.estimators.correction_overlap import RECORD
from dirimix.estimators.residual_process import ResidualProcess, condition, likeliest_kernel
from dirimix.estimators.residuals.sparse import SparseProcess
from dirimix.laws.sites import by_rows
from dirimix.table.frames import as_frame
from dirimix.table.grids import SD_SUFFIX
from dirimix.table.selection import describe_missing, observed
from dirimix.table.space import refuse_categories
from dirimix.table.table import Table, make_table

_MOST_UNRESOLVED = 0.05  # of a correction's variance, at more sites than a dense matrix serves
_MOST_ROWS = 600  # for the hyperparameters; the fit itself uses every row


@dataclass(eq=False, repr=False, kw_only=True)
class GPCorrection(TransformerMixin, AbstractEstimator):
    """Replace each model column by f_k + E[delta_k] and add MODEL__sd, its standard deviation.

    Hyperparameters maximise the marginal likelihood, each model's by itself; those of more than
    600 rows come from a seeded subset of 600. At more than 2,000 sites the process is given by
    its values at up to 600 of them, and a warning says if it varies faster than these can follow.
    Length-scales stay between the spacing of the sites and three times their extent. Missing model
    values stay missing.

    Args:
        coords: Names of the coordinate columns.
        models: Names of the model columns.
        geo: The longitude and the latitude among the coordinates: distances are on the globe.
        periodic: Coordinates that come round, and their periods.
        repeats: 'keep' takes each of several rows at a site for an observation of its own, 'pool'
            averages them by their errors.
        y_scale: Scale of the noise, in the unit of y, by default found from the training rows;
            amplitude and noise are sought within a factor of 1000 of it, or farther where the
            residuals are larger.
        y_transform: Scale in which a model is corrected, as of a mixture; in 'log' by a factor.
            Corrected values and their standard deviations are in the unit of y again.
        random_state: Seed of the subset and of the folds.

    Attributes:
        processes_: A `ResidualProcess` a model, in units of `y_scale_`.
        hyperparameters_: Frame with model, rows, amplitude, length_scale_COORD (in the unit of
            the coordinate), noise, in_sample_rms and left_out_rms.

    Reference: doi 10.7551/mitpress/3206.001.0001, chapters 2 and 5.

    >>> import numpy as np, pandas as pd
    >>> x = np.arange(12.0)
    >>> table = pd.DataFrame({"x": x, "a": np.sin(x), "b": np.cos(x)})
    >>> y = np.sin(x) + x / 4
    >>> corrected = GPCorrection(["x"], ["a", "b"]).fit(table, y).transform(table)
    >>> corrected.loc[1:2, ["a", "a__sd"]].round(1).to_numpy()
    array([[1.1, 0. ],
           [1.4, 0. ]])
    """

    uses_places: ClassVar[bool] = True

    def fit(self, X: pd.DataFrame, y: ArrayLike, y_err: ArrayLike | None = None) -> Self:
        """Learn the discrepancy of every model from its residuals.

        Args:
            X: Frame with the coordinate and model columns, n rows.
            y: Observations, (n,).
            y_err: Standard deviations of their measurement errors, (n,), in the unit of y.

        Raises:
            InputError: If there are no coordinates or the table is not usable.
        """
        table = self._training_table(X, y, y_err)
        refuse_categories(self.space_, "a correction")
        _warn_of_missing(table)
        x = self.space_.embed(table.x)
        self.centre_, self.spread_ = x.mean(axis=0), self.space_.spread(x)
        self.sites_, self.known_ = table.x, table.known
        self.errors_ = table.in_units_of(self.y_scale_).y_err
        self.processes_ = {model: self._process(table, k) for k, model in enumerate(table.models)}
        self.hyperparameters_ = pd.DataFrame([self._summary(m) for m in table.models])
        return self

    def check_parameters(self) -> None:
        super().check_parameters()
        if not len(self.coords):
            raise InputError(
                "a correction is a function of coordinates and there are none; give coords"
            )

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """A copy of X with corrected model columns and their standard deviations."""
        check_is_fitted(self)
        table = self._table_to_predict(X)
        x = self._standardised(table)
        frame = as_frame(X, (*self.coords, *self.models)).copy()
        for k, model in enumerate(table.models):
            mean, sd = self._correction_at(model, x)
            known = table.known[:, k]
            z = np.where(known, table.f[:, k] + mean, 0.0)
            f = self.transform_.allowed(self.transform_.back(z))
            spread = self.transform_.carry_back(z, np.hypot(sd, table.f_sd[:, k]))
            frame[model] = np.where(known, f, np.nan)
            frame[model + SD_SUFFIX] = np.where(known, spread, 0.0)
        frame.attrs[RECORD] = self._record()
        return frame

    def cross_fitted(
        self, X: pd.DataFrame, y: ArrayLike, y_err: ArrayLike | None = None, folds: int = 5
    ) -> pd.DataFrame:
        """X corrected out of fold: no row's correction has seen its observation.

        A mixture fitted on this sees residuals of the size that it will meet elsewhere. New rows
        go through `transform` of a correction that was fitted on all rows.

        Args:
            X: Frame with the coordinate and model columns, n rows.
            y: Observations, (n,).
            y_err: Standard deviations of their measurement errors, (n,).
            folds: Number of random folds of the rows, with repeats='pool' of the sites, drawn with
                the seed.

        Raises:
            InputError: If there are fewer than 2 folds or more than rows or sites.
        """
        self._training_table(X, y, y_err)  # refuses what a fit does, and notes the space
        table = make_table(X, self.coords, self.models, y, y_err, fitting=True)
        target, error, rows = observed(table), table.y_err, as_frame(X, table.coords + table.models)
        unit, units = np.arange(len(rows)), "rows"
        if self.repeats == "pool":  # the observations of a site are one
            _, unit = np.unique(self.space_.canonical(table.x), axis=0, return_inverse=True)
            unit, units = unit.ravel(), "sites"
        count = int(unit.max()) + 1
        if not 2 <= folds <= count:
            raise InputError(f"folds must be between 2 and the {count} {units}, not {folds}")
        folded = KFold(folds, shuffle=True, random_state=self.random_state).split(np.arange(count))
        lefts = [np.isin(unit, own) for _, own in folded]
        parts = [
            cast(Self, clone(self))
            .fit(rows.iloc[~left], target[~left], error[~left])
            .transform(rows.iloc[left])
            for left in lefts
        ]
        order = np.argsort(np.concatenate([np.flatnonzero(left) for left in lefts]))
        frame = pd.concat(parts).iloc[order]
        frame.attrs = dict(rows.attrs)
        return frame

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Columns of the transformed frame: those of X, then MODEL__sd."""
        check_is_fitted(self)
        names = self.feature_names_in_ if input_features is None else input_features
        names = list(np.asarray(names, dtype=object))
        added = [m + SD_SUFFIX for m in self.models]
        return np.array(names + [a for a in added if a not in names], dtype=object)

    def _process(self, table: Table, k: int) -> ResidualProcess | SparseProcess:
        rows = np.flatnonzero(table.known[:, k])
        x = self._standardised(table)[rows]
        unit = table.in_units_of(self.y_scale_).rows(rows)
        residual, error = observed(unit) - unit.f[:, k], unit.y_err
        subset = _subset(len(rows), np.random.default_rng(self.random_state))
        seen = x[subset], residual[subset], error[subset]
        kernel = likeliest_kernel(*seen, self.space_)
        process = condition(x, residual, error, kernel)
        if isinstance(process, SparseProcess) and process.unresolved > _MOST_UNRESOLVED:
            warnings.warn(
                f"the correction of {table.models[k]!r} is given by {len(process.points)} of "
                f"{len(x)} sites, which leave {process.unresolved:.0%} of its variance to noise; a "
                "correction of a part of the map follows it",
                FitWarning,
                stacklevel=4,
            )
        return process

    def _correction_at(self, model: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of a model's discrepancy at standardised sites, each (m,)."""
        process = self.processes_[model]
        mean, sd = by_rows(lambda some: np.column_stack(process.at(some)), x).T
        return self.y_scale_ * mean, self.y_scale_ * sd

    def _standardised(self, table: Table) -> np.ndarray:
        """Straight coordinates, (n, p), about 0 and of size 1."""
        return (self.space_.embed(table.x) - self.centre_) / self.spread_

    def _summary(self, model: str) -> dict[str, object]:
        process = self.processes_[model]
        axes = [self.space_.axis_of.index(k) for k in range(len(self.space_.axes))]
        size, scales = self.y_scale_, (process.kernel.k2.straight() * self.spread_)[axes]
        return {
            "model": model,
            "rows": len(process.x),
            "amplitude": size * float(np.sqrt(process.kernel.k1.constant_value)),
            **{f"length_scale_{c}": s for c, s in zip(self.space_.names, scales, strict=True)},
            "noise": size * process.noise,
            "in_sample_rms": size * _rms(process.in_sample),
            "left_out_rms": size * _rms(process.left_out),
        }

    def _record(self) -> dict[str, object]:
        """What trained it and how it may err, in plain lists, which pandas copies and compares."""
        summary = self.hyperparameters_.set_index("model")
        return {
            "coords": list(self.coords),
            "geo": None if self.geo is None else list(self.geo),
            "periodic": None if self.periodic is None else dict(self.periodic),
            "sites": self.sites_.tolist(),
            "in_sample_rms": summary["in_sample_rms"].to_dict(),
            "left_out_rms": summary["left_out_rms"].to_dict(),
            "centre": self.centre_.tolist(),
            "spread": self.spread_.tolist(),
            "y_err": self.errors_.tolist(),
            "processes": {model: self._kernel_record(model) for model in self.processes_},
        }

    def _kernel_record(self, model: str) -> dict[str, object]:
        """The kernel of a model's process, and the rows that trained it."""
        process, k = self.processes_[model], list(self.processes_).index(model)
        return {
            "rows": np.flatnonzero(self.known_[:, k]).tolist(),
            "variance": float(process.kernel.k1.constant_value),
            "length_scale": np.atleast_1d(process.kernel.k2.length_scale).tolist(),
            "noise": process.noise,
        }


def _subset(n: int, rng: np.random.Generator) -> np.ndarray:
    return np.arange(n) if n <= _MOST_ROWS else np.sort(rng.permutation(n)[:_MOST_ROWS])


def _warn_of_missing(table: Table) -> None:
    if not table.known.all():
        warnings.warn(
            "a model's correction learns from the rows where the model has a value, of "
            f"{len(table.f)} ({describe_missing(table)})",
            DroppedRowsWarning,
            stacklevel=3,
        )


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))
