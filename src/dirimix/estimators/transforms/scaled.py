"""A table and a predictive law in the scale of a transform, and back in the unit of y."""

from collections.abc import Callable
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
    return _mapped(table, transform, transform.to, transform.carry, 1.0)


def from_scale(table: Table, transform: AbstractTransform) -> Table:
    """The table of a fit in the unit of y again."""
    return _mapped(table, transform, transform.back, transform.carry_back, 0.0)


def _mapped(
    table: Table,
    transform: AbstractTransform,
    value: Callable[[np.ndarray], np.ndarray],
    error: Callable[[np.ndarray, np.ndarray], np.ndarray],
    allowed: float,
) -> Table:
    """The table through a function of its values and one of these and their errors.

    `allowed` is a value that both take; it stands in for those of models that are not known.
    """
    if isinstance(transform, Identity):
        return table
    f = np.where(table.known, table.f, allowed)
    changed = {
        "f": np.where(table.known, value(f), np.nan),
        "f_sd": np.where(table.known, error(f, table.f_sd), 0.0),
    }
    if table.y is not None:
        changed |= {"y": value(table.y), "y_err": error(table.y, table.y_err)}
    return replace(table, **changed)


def observed_law(
    predictive: Callable[[Table], NormalMixture], table: Table, transform: AbstractTransform
) -> PredictiveLaw:
    """The law in the unit of y, from what gives it in the scale of the fit.

    Args:
        predictive: The law at the sites of a table in that scale, its y_err added to the noise.
        table: In that scale, but for y_err.
        transform: Its transform.
    """
    if isinstance(transform, Identity):
        return predictive(table)
    latent = predictive(replace(table, y_err=np.zeros_like(table.y_err)))
    return of_new_observations(latent, table.y_err, transform)


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
