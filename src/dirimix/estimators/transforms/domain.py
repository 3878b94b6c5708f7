"""Which values a transform takes: those of a table that have no place in it are refused."""

import numpy as np

from dirimix.laws.transform_names import NO_TRANSFORM, TAKE_ZERO
from dirimix.table.table import Table
from dirimix.table.values import refuse


def refuse_outside(table: Table, transform: str, target: str | None = None) -> None:
    """Refuse a table with an observation or a model value that a transform does not take.

    Args:
        table: n rows.
        transform: Its name.
        target: Name of the observations, if they have one.

    Raises:
        InputError: With the first bad column, row and value.
    """
    if transform == NO_TRANSFORM:
        return
    columns = {f"model {m!r}": f for m, f in zip(table.models, table.f.T, strict=True)}
    if table.y is not None:
        columns = {"target" if target is None else f"target {target!r}": table.y} | columns
    zero = transform in TAKE_ZERO
    for what, values in columns.items():
        bad = no_place(transform, values)
        wanted = (
            f"0 or more for the transform {transform!r}"
            if zero
            else (f"above 0 for the transform {transform!r}")
        )
        refuse(bad, values, what, wanted, _remedy(values, zero))


def no_place(transform: str, values: np.ndarray) -> np.ndarray:
    """Which values a transform does not take, (n,) booleans; the gaps of a model are none."""
    if transform == NO_TRANSFORM:
        return np.zeros(len(values), dtype=bool)
    return values < 0 if transform in TAKE_ZERO else values <= 0


def _remedy(values: np.ndarray, zero: bool) -> str:
    if not zero and np.nanmin(values, initial=np.inf) == 0:
        return "take 'log1p' or 'sqrt', which have a place for 0"
    return "correct it, leave it out, or take no transform"
