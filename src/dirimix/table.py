"""The one way in: a data frame becomes a checked record of arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dirimix.errors import InputError

SD_SUFFIX = "__sd"  # a column MODEL__sd holds the standard deviation of a corrected model


@dataclass(frozen=True)
class Table:
    """Sites, model values and, where known, observations.

    Attributes:
        x: Coordinates, (n, q).
        f: Model values, (n, K); NaN where a model has no value.
        f_sd: Standard deviation of the model values, (n, K); 0 where none is given.
        y: Observations, (n,), or None for prediction sites.
        y_err: Standard deviation of the measurement errors, (n,); 0 where none is given.
        coords: Names of the q coordinates.
        models: Names of the K models.
    """

    x: np.ndarray
    f: np.ndarray
    f_sd: np.ndarray
    y: np.ndarray | None
    y_err: np.ndarray
    coords: tuple[str, ...]
    models: tuple[str, ...]

    @property
    def known(self) -> np.ndarray:
        """Which model has a value where, (n, K) booleans."""
        return np.isfinite(self.f)

    def rows(self, keep: np.ndarray) -> "Table":
        """The table restricted to some rows, given as a mask or as indices, (n,)."""
        y = None if self.y is None else self.y[keep]
        return Table(
            self.x[keep],
            self.f[keep],
            self.f_sd[keep],
            y,
            self.y_err[keep],
            self.coords,
            self.models,
        )


def make_table(
    frame: pd.DataFrame,
    coords: Sequence[str],
    models: Sequence[str],
    y: object = None,
    y_err: object = None,
    *,
    fitting: bool = False,
) -> Table:
    """Check a frame and turn it into a `Table`.

    Args:
        frame: One row a site, with every coordinate and model column; MODEL__sd columns are
            optional.
        coords: Names of the coordinate columns (may be empty for methods without coordinates).
        models: Names of the model columns.
        y: Observations, (n,), or None.
        y_err: Measurement errors as standard deviations, (n,) or a scalar, or None.
        fitting: Also check what only a fit needs: enough rows, coordinates that vary, models
            with at least one value, no duplicate sites.

    Raises:
        InputError: With the column, the row and the value at fault.
    """
    coords, models = tuple(coords), tuple(models)
    x = np.column_stack([_numbers(frame, c) for c in coords] or [np.empty((len(frame), 0))])
    f = np.column_stack([_numbers(frame, m, allow_missing=True) for m in models])
    sds = [m + SD_SUFFIX for m in models]
    f_sd = [_numbers(frame, c) if c in frame else np.zeros(len(frame)) for c in sds]
    target = None if y is None else _vector(y, len(frame), "target")
    error = np.zeros(len(frame)) if y_err is None else _vector(y_err, len(frame), "error")
    del fitting
    return Table(x, f, np.column_stack(f_sd), target, error, coords, models)


def _numbers(frame: pd.DataFrame, column: str, *, allow_missing: bool = False) -> np.ndarray:
    del allow_missing
    if column not in frame:
        raise InputError(f"column {column!r} is missing")
    return frame[column].to_numpy(dtype=float)


def _vector(values: object, n: int, what: str) -> np.ndarray:
    del what
    return np.broadcast_to(np.asarray(values, dtype=float), (n,)).copy()
