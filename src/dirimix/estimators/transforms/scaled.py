"""A table and a predictive law in the scale of a transform, and back in the unit of y."""

from dataclasses import replace

import numpy as np

from dirimix.laws.normal_mixture import NormalMixture
from dirimix.laws.transformed_mixture import PredictiveLaw, predictive_law
from dirimix.laws.transforms import AbstractTransform, Identity
from dirimix.table.table import Table


def to_scale(table: Table, transform: AbstractTransform) -> Table:
    """The table with model values, observations and their errors in the scale of a transform.

    Errors go by the delta method: times the slope of the transform at their value.
    """
    if isinstance(transform, Identity):
        return table
    f = np.where(table.known, table.f, 1.0)
    changed = {
        "f": np.where(table.known, transform.to(f), np.nan),
        "f_sd": np.where(table.known, transform.carry(f, table.f_sd), 0.0),
    }
    if table.y is not None:
        changed |= {"y": transform.to(table.y), "y_err": transform.carry(table.y, table.y_err)}
    return replace(table, **changed)


def from_scale(table: Table, transform: AbstractTransform) -> Table:
    """The table of a fit in the unit of y again."""
    if isinstance(transform, Identity):
        return table
    f = np.where(table.known, table.f, 0.0)
    changed = {
        "f": np.where(table.known, transform.back(f), np.nan),
        "f_sd": np.where(table.known, transform.carry_back(f, table.f_sd), 0.0),
    }
    if table.y is not None:
        y_err = transform.carry_back(table.y, table.y_err)
        changed |= {"y": transform.back(table.y), "y_err": y_err}
    return replace(table, **changed)


def of_new_observations(
    latent: NormalMixture, y_err: np.ndarray, transform: AbstractTransform
) -> PredictiveLaw:
    """The law in the unit of y, widened by the measurement errors (m,) of what is yet to be seen.

    Nothing is known of the new value but its law, so the delta method takes the slope at the mean
    of each component.
    """
    if np.any(y_err):
        with np.errstate(over="ignore"):
            carried = transform.carry(transform.allowed(transform.back(latent.loc)), y_err)
        latent = replace(latent, scale=np.hypot(latent.scale, carried))
    return predictive_law(latent, transform)
