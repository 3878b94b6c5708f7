"""Predictions of a fitted method at the rows of any table."""

import warnings

import numpy as np
import pandas as pd

from dirimix.assess.method_tables import summarise_law
from dirimix.assess.weight_tables import site_weights
from dirimix.errors import DroppedRowsWarning
from dirimix.estimators.base import AbstractMixture
from dirimix.estimators.fitted import FittedMethod
from dirimix.table.table import make_table


def forecast(fitted: FittedMethod, frame: pd.DataFrame) -> pd.DataFrame:
    """Mean, standard deviation, quantiles and weights at every row, noise included.

    Single models predict one after the other, told apart by the column `model`; rows where a
    model has no value are left out of its part, with a warning.

    Args:
        fitted: The method.
        frame: Coordinate and model columns, m rows.

    Returns:
        Coordinates, mean, sd, q025 to q975, w_MODEL a model, converged.

    Raises:
        InputError: If a column is missing or has a bad value.
    """
    table = make_table(frame, fitted.coords, fitted.models)
    columns = pd.Index([*fitted.coords, *fitted.models])
    numbers = pd.DataFrame(np.column_stack([table.x, table.f]), columns=columns)
    parts = [_of_member(fitted, model, numbers) for model in fitted.members]
    return pd.concat(parts, ignore_index=True).assign(converged=not fitted.reasons())


def _of_member(fitted: FittedMethod, model: str, frame: pd.DataFrame) -> pd.DataFrame:
    if model:
        frame = _with_values(frame, model)
    member, prepared = fitted.members[model], fitted.prepared(frame)
    coords = frame.loc[:, list(fitted.coords)].reset_index(drop=True)
    table = coords.assign(**summarise_law(member.predictive(prepared)))
    if model:
        table.insert(0, "model", model)
        return table
    return pd.concat([table, _mean_weights(member, prepared, fitted)], axis=1)


def _mean_weights(
    member: AbstractMixture, frame: pd.DataFrame, fitted: FittedMethod
) -> pd.DataFrame:
    long = site_weights(member, frame, fitted.coords)["mean"].to_numpy()
    wide = long.reshape(len(frame), len(fitted.models))
    return pd.DataFrame(wide, columns=pd.Index([f"w_{m}" for m in fitted.models]))


def _with_values(frame: pd.DataFrame, model: str) -> pd.DataFrame:
    known = frame[model].notna().to_numpy()
    if not known.all():
        warnings.warn(
            f"{int((~known).sum())} of {len(frame)} rows are not predicted by {model!r}, which "
            "has no value there",
            DroppedRowsWarning,
            stacklevel=3,
        )
    return frame.loc[known].reset_index(drop=True)
