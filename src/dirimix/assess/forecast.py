"""Predictions of a fitted method at the rows of any table."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import warnings

import numpy as np
import pandas as pd

from dirimix.assess.method_tables import summarise_law
from dirimix.assess.weight_tables import located
from dirimix.errors import DroppedRowsWarning
from dirimix.estimators.fitted import FittedMethod
from dirimix.estimators.transforms.domain import refuse_outside


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
    table = fitted.table(frame)
    refuse_outside(table, fitted.transform)
    rows = table.frame()
    parts = [_of_member(fitted, model, rows) for model in fitted.members]
    return pd.concat(parts, ignore_index=True).assign(converged=not fitted.reasons())


def _of_member(fitted: FittedMethod, model: str, frame: pd.DataFrame) -> pd.DataFrame:
    known = frame[model].notna() if model else pd.Series(True, index=frame.index)
    if not np.all(known):
        warnings.warn(
            f"{(~known).sum()} of {len(frame)} rows are not predicted by {model!r}, which has no "
            "value there",
            DroppedRowsWarning,
            stacklevel=3,
        )
    frame = frame.loc[known].reset_index(drop=True)
    member, prepared = fitted.members[model], fitted.prepared(frame)
    names = [f"w_{name}" for name in member.models]
    parts = list[pd.DataFrame]()
    for law, weights in member.laws_and_weights(prepared):
        shares = {} if model else dict(zip(names, weights.T, strict=True))
        parts.append(pd.DataFrame({**summarise_law(law), **shares}))
    columns = pd.concat(parts, ignore_index=True)
    table = pd.concat([frame.loc[:, list(fitted.coords)], columns], axis=1)
    return located(table, model=model) if model else table
