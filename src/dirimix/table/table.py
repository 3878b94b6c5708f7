"""The one way in: a data frame becomes a checked record of arrays."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from dirimix._arrays import Floats, Indices, Mask
from dirimix.errors import InputError
from dirimix.table.coordinates import NUMBER, as_written, place_text, read_coordinate
from dirimix.table.frames import FILE_ROW, as_column, as_frame
from dirimix.table.grids import SD_SUFFIX
from dirimix.table.values import lined_up, numbers, refuse, shape_of


@dataclass(frozen=True)
class Table:
    """Sites, model values and, where known, observations.

    Attributes:
        x: Coordinates, (n, q): numbers, dates as days since 1970-01-01, categories as positions
            in their `levels`.
        f: Model values, (n, K); NaN where a model has no value.
        f_sd: Standard deviation of the model values, (n, K); 0 where none is given.
        y: Observations, (n,), or None for prediction sites.
        y_err: Standard deviation of the measurement errors, (n,); 0 where none is given.
        coords: Names of the q coordinates.
        models: Names of the K models.
        kinds: Of each coordinate, 'number', 'date' or 'category'.
        levels: Labels of each coordinate that is a category; those of the fit come first, and
            then those that it has not seen.
        numbers: Of the rows for messages, (n,): those of a file where the rows are some of it.
        columns: All that the frame has that it was made from.
    """

    x: Floats
    f: Floats
    f_sd: Floats
    y: Floats | None
    y_err: Floats
    coords: tuple[str, ...]
    models: tuple[str, ...]
    kinds: Mapping[str, str] = field(default_factory=dict[str, str])
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    numbers: Indices = field(default_factory=lambda: np.empty(0, dtype=int))
    columns: tuple[object, ...] = ()

    def number(self, row: int) -> int:
        """What a message calls a row, counted from 1."""
        return int(self.numbers[row]) if len(self.numbers) else row + 1

    @property
    def known(self) -> Mask:
        """Which model has a value where, (n, K) booleans."""
        return np.isfinite(self.f)

    def place(self, row: int, name: str) -> str:
        """The value of a coordinate in a row, for labels and messages."""
        value = float(self.x[row, self.coords.index(name)])
        return place_text(value, self.kinds.get(name, NUMBER), self.levels.get(name, ()))

    def site(self, row: int) -> str:
        """Where a row is, such as 'Z=8, N=10'; its number where there are no coordinates."""
        places = [f"{c}={self.place(row, c)}" for c in self.coords]
        return ", ".join(places) or str(self.number(row))

    @property
    def site_keys(self) -> list[bytes]:
        """What tells sites apart, one a row: the coordinates, or the model values without any.

        Random numbers at a site are those of its key (`laws.sites`), in any call and order.
        """
        place = (self.x if self.coords else np.where(self.known, self.f, np.nan)) + 0.0  # no -0
        labels = [""] * len(place)
        for name, levels in self.levels.items():
            column = self.coords.index(name)
            own = place[:, column].astype(int)
            labels = [f"{text}\0{levels[i]}" for text, i in zip(labels, own, strict=True)]
            place[:, column] = 0.0  # the position of a new label depends on the other rows
        numbers = place.astype("<f8")
        return [row.tobytes() + text.encode() for row, text in zip(numbers, labels, strict=True)]

    def frame(self) -> pd.DataFrame:
        """The coordinates, as numbers, dates and labels, and the models' values as columns."""
        places = {
            c: as_written(self.x[:, k], self.kinds.get(c, NUMBER), self.levels.get(c, ()))
            for k, c in enumerate(self.coords)
        }
        return pd.DataFrame(places | {m: self.f[:, k] for k, m in enumerate(self.models)})

    def rows(self, keep: Mask | Indices) -> "Table":
        """The table restricted to some rows, given as a mask or as indices, (n,)."""
        y = None if self.y is None else self.y[keep]
        x, f, f_sd, y_err = (a[keep] for a in (self.x, self.f, self.f_sd, self.y_err))
        numbers = (self.numbers if len(self.numbers) else np.arange(1, len(self.x) + 1))[keep]
        return replace(self, x=x, f=f, f_sd=f_sd, y=y, y_err=y_err, numbers=numbers)

    def in_units_of(self, scale: float) -> "Table":
        """The table with values, observations and errors divided by `scale`."""
        y = None if self.y is None else self.y / scale
        f, f_sd, y_err = (a / scale for a in (self.f, self.f_sd, self.y_err))
        return replace(self, f=f, f_sd=f_sd, y=y, y_err=y_err)

    def deviations(self) -> "Table":
        """The models' deviations from the observations, which are 0: what weights of sum one see.

        A constant added to models and observations leaves no rounding errors in it.
        """
        y = np.zeros(len(self.f)) if self.y is None else self.y
        return replace(self, f=self.f - y[:, None], y=np.zeros(len(y)))

    def alone(self, k: int) -> "Table":
        """The table of the model at one position only."""
        f, f_sd = self.f[:, [k]], self.f_sd[:, [k]]
        return replace(self, f=f, f_sd=f_sd, models=self.models[k : k + 1])


def make_table(
    frame: object,
    coords: Sequence[str],
    models: Sequence[str],
    y: ArrayLike | None = None,
    y_err: ArrayLike | None = None,
    *,
    fitting: bool = False,
    min_models: int = 1,
    kinds: Mapping[str, str] | None = None,
    levels: Mapping[str, Sequence[str]] | None = None,
) -> Table:
    """Check a frame and turn it into a `Table`; the frame itself is left as it is.

    Args:
        frame: One row a site, with every coordinate and model column; MODEL__sd columns are
            optional. Anything that `frames.as_frame` reads; an array without names has the
            columns coords, then models.
        coords: Names of the coordinate columns (may be empty for methods without coordinates).
        models: Names of the model columns.
        y: Observations, (n,), or None.
        y_err: Measurement errors as standard deviations, (n,) or a scalar, or None.
        fitting: Also check what only a fit needs: observations, coordinates that vary, models with
            at least one value.
        min_models: Least number of models; 2 where they are mixed.
        kinds: What the coordinates were in the fit, as `Table.kinds` has it.
        levels: Labels of the categories in the fit, as `Table.levels` has them.

    Raises:
        InputError: With the column, the row (counted from 1) and the value at fault.

    >>> frame = pd.DataFrame({"x": [1, 2], "a": [0.5, 0.6], "b": [0.4, None]})
    >>> make_table(frame, ["x"], ["a", "b"]).known
    array([[ True,  True],
           [ True, False]])
    """
    coords, models = _names(coords, "coords"), _names(models, "models")
    _check_names(coords, models, min_models)
    rows, frame = frame, as_frame(frame, (*coords, *models))
    n = len(frame)
    if n == 0:
        raise InputError("the table has no rows; give at least one")
    kinds, levels = kinds or {}, levels or {}
    places = {
        c: read_coordinate(pd.Series(frame[c]), c, kinds.get(c), levels.get(c, ())) for c in coords
    }
    x = np.column_stack([p.values for p in places.values()] or [np.empty((n, 0))])
    f = np.column_stack([_model(frame, m) for m in models])
    f_sd = np.column_stack([_model_sd(frame, m, f[:, k]) for k, m in enumerate(models)])
    y, y_err = (
        None if v is None else as_column(v, name, rows, (*coords, *models))
        for v, name in ((y, "target"), (y_err, "error"))
    )
    target = None if y is None else _vector(y, n, "target")
    table = Table(
        *(x, f, f_sd, target, _errors(y_err, n), coords, models),
        kinds={c: p.kind for c, p in places.items()},
        levels={c: p.levels for c, p in places.items() if p.levels},
        numbers=_numbers(frame),
        columns=tuple(frame.columns),
    )
    if fitting:
        _check_fit(table)
    _check_known(table, fitting)
    return table


def _numbers(frame: pd.DataFrame) -> Indices:
    """What messages call the rows, (n,)."""
    index = frame.index
    return index.to_numpy(dtype=int) if index.name == FILE_ROW else np.arange(1, len(index) + 1)


def _names(names: object, what: str) -> tuple[str, ...]:
    if isinstance(names, str) or not isinstance(names, Iterable):
        found = f"the text {names!r}" if isinstance(names, str) else repr(names)
        raise InputError(f"{what} must be a list of column names, not {found}")
    given = list(cast("Iterable[object]", names))
    texts = [name for name in given if isinstance(name, str)]
    for name in given:
        if name not in texts:
            joined = '["_".join(map(str, c)) for c in frame.columns]'
            way = joined if isinstance(name, tuple) else "frame.columns.astype(str)"
            raise InputError(
                f"{what} must name columns by text, and {name!r} is none; rename the columns, such "
                f"as by frame.columns = {way}"
            )
    return tuple(texts)


def _check_names(coords: tuple[str, ...], models: tuple[str, ...], min_models: int) -> None:
    least = max(min_models, 1)
    if len(models) < least:
        found = ", ".join(map(repr, models)) or "none"
        raise InputError(
            f"at least {least} model column{'s are' if least > 1 else ' is'} needed, and models "
            f"names {len(models)} ({found}); name more"
        )
    for name, count in Counter((*coords, *models)).items():
        if count > 1:
            both = name in coords and name in models
            where = "both in coords and in models" if both else f"{count} times"
            raise InputError(f"the column {name!r} is named {where}; name it once")


def _model(frame: pd.DataFrame, name: str) -> Floats:
    what = f"model {name!r}"
    values = numbers(pd.Series(frame[name]), what, "leave it empty if it is unknown")
    remedy = "leave the value empty where the model has none"
    refuse(np.isinf(values), values, what, "finite or empty", remedy)
    return values


def _model_sd(frame: pd.DataFrame, model: str, f: Floats) -> Floats:
    """Standard deviations of a model's values, 0 where the column or the value is missing."""
    name = f"{model}{SD_SUFFIX}"
    if name not in frame:
        return np.zeros(len(frame))
    what = f"standard deviation {name!r}"
    values = np.where(np.isfinite(f), numbers(pd.Series(frame[name]), what), 0.0)
    bad = ~(np.isfinite(values) & (values >= 0))
    refuse(bad, values, what, "finite and not negative", f"correct it or drop the column {name!r}")
    return values


def _vector(values: ArrayLike, n: int, role: str) -> Floats:
    name = getattr(values, "name", None)
    what = f"{role} {name!r}" if name else role
    array = lined_up(values, n, what)
    refuse(~np.isfinite(array), array, what, "finite everywhere", "give it or leave out the row")
    return array


def _errors(values: ArrayLike | None, n: int) -> Floats:
    if values is None:
        return np.zeros(n)
    name = getattr(values, "name", None)
    what = f"error {name!r}" if name else "error"
    array = lined_up(values if shape_of(values, what) else np.full(n, values), n, what)
    bad = ~(np.isfinite(array) & (array >= 0))
    remedy = "give a standard deviation, 0 where it is negligible, or leave out the row"
    refuse(bad, array, what, "finite and not negative", remedy)
    return array


def _check_known(table: Table, fitting: bool) -> None:
    """Every row needs a model; a lone model's gaps in a fit are its estimator's to report."""
    rows = np.flatnonzero(~table.known.any(axis=1))
    lone = len(table.models) == 1
    if len(rows) and not (lone and fitting):
        who = f"model {table.models[0]!r} has no value" if lone else "no model has a value"
        raise InputError(
            f"{who} at {len(rows)} of {len(table.f)} rows, first at row {table.number(rows[0])}; "
            "leave those rows out"
        )


def _check_fit(table: Table) -> None:
    if table.y is None:
        raise InputError("a fit needs observations, and y is None; give one value a row")
    for name, known in zip(table.models, table.known.T, strict=True):
        if not known.any():
            raise InputError(f"model {name!r} has no value at any row; leave the model out")
    _check_sites(table)


def _check_sites(table: Table) -> None:
    """Coordinates vary."""
    x = table.x
    if len(x) == 1 and table.coords:
        raise InputError(
            f"one row shows nothing of what depends on {table.coords[0]!r}; give at least two "
            "rows, or no coords"
        )
    for k, name in enumerate(table.coords):
        if np.all(x[:, k] == x[0, k]):
            raise InputError(
                f"coordinate {name!r} is {table.place(0, name)} at every row; leave it out of "
                "coords"
            )
