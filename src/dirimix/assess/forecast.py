"""Predictions of a fitted method at the rows of any table."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import warnings

import numpy as np
import pandas as pd

from dirimix.assess.method_tables import summarise_law
from dirimix.assess.weight_tables import located
from dirimix.errors import DroppedRowsWarning, InputError
from dirimix.estimators.fitted import FittedMethod, predicted_rows
from dirimix.estimators.transforms.domain import refuse_outside


def forecast(fitted: FittedMethod, frame: pd.DataFrame) -> pd.DataFrame:
    """Mean, standard deviation, quantiles and weights at every row, noise included.

    Single models predict one after the other, told apart by the column `model`; rows where a
    model has no value are left out of its part, with a warning.

    Args:
        fitted: The method.
        frame: Coordinate and model columns, m rows.

    Returns:
        Coordinates, or where there are none the number of the `row`, from 1; mean, sd, q025 to
        q975, w_MODEL a model, converged.

    Raises:
        InputError: If a column is missing or has a bad value, or no row can be predicted.
    """
    table = fitted.table(frame)
    refuse_outside(table, fitted.transform)
    rows = table.frame()
    places = (
        rows.loc[:, list(fitted.coords)] if fitted.coords else pd.DataFrame({"row": table.numbers})
    )
    whole = [c for c in fitted.coords if pd.api.types.is_integer_dtype(frame[c])]
    places = places.astype(dict.fromkeys(whole, np.int64))
    parts = list[pd.DataFrame]()
    for model in fitted.members:
        known = predicted_rows(model, rows)
        if len(known) < len(rows):
            warnings.warn(
                f"{len(rows) - len(known)} of {len(rows)} rows are not predicted by {model!r}, "
                "which has no value there",
                DroppedRowsWarning,
                stacklevel=2,
            )
        if len(known):
            parts.append(_of_member(fitted, model, rows.iloc[known], places.iloc[known]))
    if not parts:
        raise InputError(f"no model has a value at any of the {len(rows)} rows to predict")
    return pd.concat(parts, ignore_index=True).assign(converged=not fitted.reasons())


def _of_member(
    fitted: FittedMethod, model: str, frame: pd.DataFrame, places: pd.DataFrame
) -> pd.DataFrame:
    frame = frame.reset_index(drop=True)
    member, prepared = fitted.members[model], fitted.prepared(frame)
    names = [f"w_{name}" for name in member.models]
    parts = list[pd.DataFrame]()
    for law, weights in member.laws_and_weights(prepared):
        shares = {} if model else dict(zip(names, weights.T, strict=True))
        parts.append(pd.DataFrame({**summarise_law(law), **shares}))
    columns = pd.concat(parts, ignore_index=True)
    table = pd.concat([places.reset_index(drop=True), columns], axis=1)
    return located(table, model=model) if model else table
