"""A figure of a fitted mixture, for notebooks: the section that the report's page shows too."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from dirimix.errors import InputError, did_you_mean
from dirimix.estimators.base import AbstractMixture
from dirimix.methods import METHODS
from dirimix.report import law_plots
from dirimix.report.look import ColumnLabels, panels
from dirimix.table.coordinates import as_numbers

_LEVELS = {"q05": 0.05, "q25": 0.25, "q75": 0.75, "q95": 0.95}


def plot(
    mixture: AbstractMixture,
    X: pd.DataFrame,
    y: ArrayLike | None = None,
    y_err: ArrayLike | None = None,
    *,
    along: str | None = None,
    axes: Axes | None = None,
) -> Axes:
    """A fitted mixture's prediction with 50 % and 90 % bands, the models, and observations.

    Args:
        mixture: The fitted mixture.
        X: Frame with the coordinate and model columns, m rows on one line.
        y: Observations, (m,), NaN where there is none.
        y_err: Standard deviations of their measurement errors, (m,) or a scalar.
        along: The coordinate along the line, by default the first; without coordinates rows stand
            in the order of their prediction.
        axes: Where to draw, by default on a new figure.

    Raises:
        InputError: If `along` is no coordinate of the mixture, or the rows are not usable.

    >>> from dirimix import EqualWeights
    >>> rows = pd.DataFrame({"x": [0.0, 1.0, 2.0], "a": [0.0, 1.0, 2.0], "b": [0.2, 1.1, 1.9]})
    >>> mixture = EqualWeights(("x",), ("a", "b")).fit(rows, [0.1, 1.0, 2.0])
    >>> plot(mixture, rows, [0.1, 1.0, 2.0]).get_xlabel()
    'x'
    """
    coords = list(mixture.coords)
    if along is not None and along not in coords:
        raise InputError(
            f"along names {along!r}, which is no coordinate{did_you_mean(along, coords)}; the "
            f"coordinates are {', '.join(coords) or 'none'}"
        )
    place = along or (coords[0] if coords else None)
    law = mixture.predictive(X)
    quantiles = law.quantiles(list(_LEVELS.values())).T
    rows = pd.DataFrame(X).loc[:, coords].reset_index(drop=True).assign(
        method=_name_of(mixture),
        split="train",
        observed=np.nan if y is None else np.asarray(y, dtype=float),
        observed_error=0.0 if y_err is None else np.broadcast_to(np.asarray(y_err), len(X)),
        mean=law.mean(),
        **dict(zip(_LEVELS, quantiles, strict=True)),
    )  # fmt: skip
    values = pd.DataFrame(X).loc[:, list(mixture.models)].to_numpy(dtype=float)
    target = str(getattr(y, "name", None) or "prediction")
    drawn = panels(1, 1, 7.4, 3.4)[0, 0] if axes is None else axes
    space = mixture.space_
    rounds = {} if space.is_flat else space.rounds(as_numbers(rows, coords))
    names = ColumnLabels({}, {}, globe=space.geo, rounds=rounds)
    law_plots.section(rows, values, place, target, names, drawn, seen="observed")
    return drawn


def _name_of(mixture: AbstractMixture) -> str:
    """The method that an estimator is, by its class and what the method's name sets."""
    for name, method in METHODS.items():
        values: dict[str, Any] = {k: getattr(mixture, k, None) for k in method.fixed}
        if method.kind is type(mixture) and values == dict(method.fixed):
            return name
    kinds = (name for name, method in METHODS.items() if method.kind is type(mixture))
    return next(kinds, type(mixture).__name__)
