"""What mixtures and the correction share: parameters and their checks, and the table of a fit."""

from abc import ABCMeta
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from dirimix.errors import InputError
from dirimix.table.table import Table, make_table

_T = TypeVar("_T")


class AcceptsSeed(ABCMeta):
    """Metaclass of the estimators: `seed=`, the command line's word, is `random_state=`."""

    def __call__(cls: type[_T], *args: Any, **given: Any) -> _T:
        if "seed" in given:
            if "random_state" in given:
                raise InputError("seed is another name of random_state; give one of them")
            given["random_state"] = given.pop("seed")
        return type.__call__(cls, *args, **given)


class AbstractEstimator(BaseEstimator, metaclass=AcceptsSeed):
    """A scikit-learn estimator whose input is a frame of coordinates and model values."""

    coords: Sequence[str]
    models: Sequence[str]
    y_scale: float
    random_state: int

    def _training_table(
        self, X: pd.DataFrame, y: ArrayLike, y_err: ArrayLike | None, min_models: int = 1
    ) -> Table:
        """The table of a fit; checks the parameters and notes the columns, as scikit-learn does."""
        check_random_state(self.random_state)
        if not (isinstance(self.y_scale, Real) and 0 < self.y_scale < np.inf):
            raise InputError(f"y_scale must be a positive finite number, not {self.y_scale!r}")
        table = make_table(
            X, self.coords, self.models, y, y_err, fitting=True, min_models=min_models
        )
        self.n_features_in_ = np.shape(X)[1]
        if isinstance(X, pd.DataFrame):
            self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        return table

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True  # a model may lack values
        return tags


def check_random_state(seed: object) -> None:
    """Refuse what is no seed, None among it: every result can be repeated.

    Raises:
        InputError: If it is not a whole number of 0 or more.
    """
    if not isinstance(seed, Integral) or seed < 0:
        why = ": a result that cannot be repeated is not made" if seed is None else ""
        raise InputError(
            f"random_state must be a whole number of 0 or more, not {seed!r}{why}; "
            "give one, such as 0"
        )
