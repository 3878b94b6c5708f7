"""One coordinate as numbers: dates become days since 1970, the labels of a category its codes."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dirimix._arrays import Floats
from dirimix.errors import InputError
from dirimix.table.csv_text import CODE
from dirimix.table.dates import as_dates, day_text, days, standard_dates
from dirimix.table.values import (
    holds_lists,
    is_empty,
    is_text,
    mostly_numbers,
    number_text,
    numbers,
    parsed,
    plain,
    precision,
    refuse,
    strays,
)

NUMBER, DATE, CATEGORY = "number", "date", "category"
_TRUTHS = ("true", "false")
_WORDS = {NUMBER: "numbers", DATE: "dates", CATEGORY: "labels of a category"}


@dataclass(frozen=True)
class Coordinate:
    """A coordinate at n sites.

    Attributes:
        values: Numbers, days since 1970-01-01 or, of a category, positions in `levels`, (n,).
        kind: 'number', 'date' or 'category'.
        levels: The labels of a category, those known before first.
    """

    values: Floats
    kind: str = NUMBER
    levels: tuple[str, ...] = ()


def read_coordinate(
    column: pd.Series, name: str, kind: str | None = None, levels: Sequence[str] = ()
) -> Coordinate:
    """A column as a coordinate.

    Text that reads as numbers is numbers, text that reads as dates is dates, other text is a
    category; so are booleans and what pandas calls categorical.

    Args:
        column: n values.
        name: Name of the coordinate, for messages.
        kind: What it was in the fit, if there was one.
        levels: Labels of the fit; new ones follow them in alphabetical order.

    Raises:
        InputError: If a value is missing or no number, or the column is of another kind than
            in the fit.

    >>> read_coordinate(pd.Series(["north", "south", "north"]), "side").levels
    ('north', 'south')
    """
    what = f"coordinate {name!r}"
    if holds_lists(column):
        raise InputError(f"{what} holds lists and no single values; give one value a row")
    column = plain(column)
    if kind == CATEGORY:
        return _category(column, what, levels)
    column = standard_dates(column)
    found = _uncategorised(column, what)
    if found is None and kind is None:
        return _category(column, what, levels)
    if found is None or (kind is not None and found.kind != kind):
        is_now = _WORDS[CATEGORY if found is None else found.kind]
        raise InputError(
            f"{what} holds {is_now} here and held {_WORDS[kind or NUMBER]} in the fit; give the "
            "same kind"
        )
    return found


def is_category(column: pd.Series, name: str) -> bool:
    """Whether a column is a category, as a coordinate of this name."""
    try:
        return _uncategorised(standard_dates(plain(column)), name) is None
    except InputError:
        return False


def names_rows(column: pd.Series, name: str) -> bool:
    """Whether a column is text that tells all rows apart."""
    return bool(is_category(column, name) and column.notna().all() and column.is_unique)


def place_text(value: float, kind: str = NUMBER, levels: Sequence[str] = ()) -> str:
    """A coordinate's value for labels and messages, no digit lost.

    >>> place_text(2460000.50023148), place_text(15706.0, "date")
    ('2460000.50023148', '2013-01-01')
    """
    if kind == DATE:
        return day_text(value)
    return levels[int(value)] if kind == CATEGORY else number_text(value)


def as_written(values: Floats, kind: str = NUMBER, levels: Sequence[str] = ()) -> pd.Series:
    """A coordinate, (n,), as a column that `read_coordinate` reads as the same."""
    if kind == DATE:
        return pd.Series(as_dates(values))
    if kind == CATEGORY:
        return pd.Series(pd.Categorical.from_codes(values.astype(int), list(levels)))
    return pd.Series(values)


def as_numbers(frame: pd.DataFrame, names: Sequence[str]) -> Floats:
    """Columns that `as_written` made as numbers, dates in days and labels as positions, (n, q)."""
    columns = [_number_column(pd.Series(frame[c]), c) for c in names]
    return np.column_stack([np.empty((len(frame), 0)), *columns])


def comparable(frame: pd.DataFrame, other: pd.DataFrame, name: str) -> tuple[pd.Series, pd.Series]:
    """A column of two tables as dates, numbers or text, whichever can be compared."""
    pair = pd.Series(frame[name]), pd.Series(other[name])
    dates = [days(column, f"column {name!r}") for column in pair]
    if dates[0] is not None and dates[1] is not None:
        return pd.Series(dates[0]), pd.Series(dates[1])
    numbers = [mostly_numbers(column) for column in pair]
    if all(n is not None and not strays(c, name) for n, c in zip(numbers, pair, strict=True)):
        # 50.1 in single precision is another number than in double
        kind = min(map(precision, pair), key=lambda kind: kind.itemsize)
        return pd.Series(numbers[0]).astype(kind), pd.Series(numbers[1]).astype(kind)
    return pair[0].astype(str), pair[1].astype(str)


def _number_column(column: pd.Series, name: str) -> Floats:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return np.asarray(column.cat.codes, dtype=float)
    return read_coordinate(column, name).values


def _uncategorised(column: pd.Series, what: str) -> Coordinate | None:
    """The column as numbers or dates, None if it is neither."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(dtype):
        return None
    dates = days(column, what)
    if dates is not None:
        refuse(np.isnan(dates), dates, what, "a date everywhere", "give it or leave out the row")
        return Coordinate(dates, DATE)
    if is_text(column):
        given = [v for v in column.astype(object).to_list() if not is_empty(v)]
        unread = sum(parsed(v) is None for v in given)
        codes = any(isinstance(v, str) and CODE.fullmatch(v) for v in given)
        # a few texts among numbers are faults, which `numbers` names; among codes they are codes
        if 2 * unread > len(given) or (unread and codes):
            return None
    values = numbers(column, what)
    refuse(~np.isfinite(values), values, what, "finite everywhere", "give it or leave out the row")
    return Coordinate(values)


def _category(column: pd.Series, what: str, known: Sequence[str]) -> Coordinate:
    fit, values = set(known), column.astype(object).to_list()
    found = [None if is_empty(v) else _label(v, fit) for v in values]
    empty = [row for row, label in enumerate(found, start=1) if label is None]
    if empty:
        raise InputError(f"{what} has no label at row {empty[0]}; give it or leave out the row")
    own: list[str] = []
    if isinstance(column.dtype, pd.CategoricalDtype):
        own = [_label(v) for v in column.dtype.categories.to_list()]
    order = {label: place for place, label in enumerate(own)}
    new = sorted(set(map(str, found)) - set(known), key=lambda v: (order.get(v, 0), v))
    levels = (*known, *new)
    code = {label: float(place) for place, label in enumerate(levels)}
    return Coordinate(np.array([code[str(v)] for v in found]), CATEGORY, levels)


def _label(value: Any, known: Collection[str] = ()) -> str:
    """A label as text, as one of those known has it where it is a number or a truth value."""
    text = number_text(value) if isinstance(value, float) else str(value)
    if text.lower() in _TRUTHS and text not in known:  # TRUE of one program is True of another
        return next((k for k in known if k.lower() == text.lower()), text)
    number = parsed(value) if isinstance(value, str) and not CODE.fullmatch(value) else None
    if text in known or number is None:
        return text
    return number_text(number) if number_text(number) in known else text
