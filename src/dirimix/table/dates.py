"""Dates and times as days since 1970-01-01, whatever they come as, and back to text."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import datetime
import re
import warnings
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from dirimix._arrays import Floats, Mask
from dirimix.errors import InputError, TableWarning
from dirimix.table.values import is_empty

_DAY = np.timedelta64(1, "D")
_ISO = re.compile(
    r"\d{4}[-/]\d{1,2}"
    r"([-/]\d{1,2}([T ]\d{1,2}(:\d{2}(:\d{2}([.,]\d+)?)?)?\s*(Z|[+-]\d{2}(:?\d{2})?)?)?)?"
)
_DATE = re.compile(r"\d{4}([-/])\d{1,2}\1\d{1,2}(?!\d)")  # with a day, as seasons have none
_OTHER = re.compile(r"\d{1,2}([-./])\d{1,2}\1\d{4}")
_NAMED = re.compile(r"(\d{1,2}[ -][A-Za-z]{3,9}|[A-Za-z]{3,9}\.? \d{1,2},?)[ -]\d{4}(?!\d)")
_IN_NUMBERS = (("%d %m %Y",), ("%m %d %Y",))
_IN_NAMES = (("%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y"),)
_CLOCK = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_OTHER_DAYS = ("360_day", "all_leap", "366_day")  # calendars with dates that this one lacks
_NO_LEAP, _OURS = ("noleap", "365_day"), "proleptic_gregorian"
_WITHOUT_MARKS = (18_000_101, 21_001_231)  # dates that are written as one number


def days(column: pd.Series, what: str) -> Floats | None:
    """A column as days since 1970-01-01 in UTC, (n,), NaN where empty; None if it holds no dates.

    Raises:
        InputError: If day and month cannot be told apart, or a value among dates is none.

    >>> days(pd.Series(["2013-01-01", "2013-01-02 12:00"]), "time")
    array([15706. , 15707.5])
    """
    if isinstance(column.dtype, pd.PeriodDtype):
        column = cast(pd.Series, column.dt.to_timestamp())
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return _since_1970(pd.to_datetime(column, utc=True))
    if pd.api.types.is_numeric_dtype(column.dtype):
        return None
    values: list[Any] = column.astype(object).to_list()
    given = [v for v in values if not is_empty(v)]
    if not given:
        return None
    if all(isinstance(v, datetime.date | np.datetime64) for v in given):
        return _since_1970(pd.to_datetime(column.astype(object), utc=True))
    if all(isinstance(v, str) for v in given):
        return _of_text([v.strip() if isinstance(v, str) else "" for v in values], what)
    return None


def is_dated(column: pd.Series) -> bool:
    """Whether a column holds dates, of which some may have a fault."""
    try:
        return days(column, "") is not None
    except InputError:
        return True


def day_text(day: float) -> str:
    """Days since 1970-01-01 as a date, with the time of day where it is not midnight.

    >>> day_text(15706.0), day_text(15706.25)
    ('2013-01-01', '2013-01-01T06:00:00')
    """
    moment = as_dates(np.array([day]))[0]
    text = np.datetime_as_string(moment).removesuffix(".000000")
    return text.removesuffix("T00:00:00")


def date_words(column: pd.Series) -> pd.Series:
    """A column with its dates, if it holds any, as `day_text` writes them."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype) or (
        column.dtype == object and any(isinstance(v, pd.Timestamp) for v in column)
    ):
        found = _since_1970(pd.to_datetime(column, utc=True))
        words = [None if np.isnan(v) else day_text(v) for v in found]
        return pd.Series(words, column.index, dtype=object)
    return column


def as_dates(day: Floats) -> "np.ndarray[Any, np.dtype[np.datetime64]]":
    """Days since 1970-01-01 as dates to the microsecond, (n,)."""
    whole = np.floor(day)
    rest = np.round((day - whole) * 86_400e6).astype("timedelta64[us]")
    return whole.astype("datetime64[D]").astype("datetime64[us]") + rest


def standard_dates(column: pd.Series) -> pd.Series:
    """A column with dates of other calendars as text or, where this one lacks some, as numbers.

    The calendar tells, whatever dates of it are there. The numbers are days since 1970-01-01 of
    their own calendar; a `TableWarning` says so.
    """
    values: list[Any] = column.to_list() if column.dtype == object else []
    given = [v for v in values if not is_empty(v)]
    if not given or any(type(v).__module__.partition(".")[0] != "cftime" for v in given):
        return column
    own = given[0].calendar
    if own not in _OTHER_DAYS:
        # the same day, where a calendar has leap days or years of its own before 1582 or always
        real = [v if is_empty(v) or own in _NO_LEAP else v.change_calendar(_OURS) for v in values]
        texts = [None if is_empty(v) else v.isoformat() for v in real]
        there = pd.Series([text for text in texts if text is not None])
        if not pd.to_datetime(there, format="ISO8601", errors="coerce").isna().any():
            return pd.Series(texts, column.index)
    import cftime

    warnings.warn(
        f"the dates {str(column.name)!r} are of the calendar {own!r}, which has days that others "
        "have not: they count in its days since 1970-01-01",
        TableWarning,
        stacklevel=2,
    )
    count = [
        np.nan if is_empty(v) else cftime.date2num(v, "days since 1970-01-01", calendar=own)
        for v in values
    ]
    return pd.Series(count, column.index, dtype=float)


def date_like(values: Floats) -> bool:
    """Whether numbers, (n,), are dates that are written as one, such as 20130131.

    >>> date_like(np.array([20130131.0, 20130201.0])), date_like(np.array([20131301.0, 1.0]))
    (True, False)
    """
    least, greatest = _WITHOUT_MARKS
    known = values[np.isfinite(values)]
    if not len(known) or known.min() < least or known.max() > greatest or np.any(known % 1):
        return False
    texts = pd.Series(known.astype(int).astype(str))
    return not pd.to_datetime(texts, format="%Y%m%d", errors="coerce").isna().any()


def _of_text(values: list[str], what: str) -> Floats | None:
    given = [v for v in values if v]
    if all(_ISO.fullmatch(v) for v in given):
        dates = pd.to_datetime(
            pd.Series([v.replace("/", "-").replace(",", ".") or None for v in values]),
            format="ISO8601",
            utc=True,
            errors="coerce",
        )
        bad = [v != "" and bool(none) for v, none in zip(values, dates.isna(), strict=True)]
        if any(_DATE.match(v) for v, none in zip(values, bad, strict=True) if none):
            raise _no_date(values, bad, what)
        return None if any(bad) else _since_1970(dates)
    for known, orders in ((_OTHER, _IN_NUMBERS), (_NAMED, _IN_NAMES)):
        if all(known.match(v) for v in given):
            return _since_1970(_in_some_order(values, orders, what))
    dated = [any(k.match(v) for k in (_DATE, _OTHER, _NAMED)) for v in values]
    if 2 * sum(dated) > len(given):
        bad = [v != "" and not like for v, like in zip(values, dated, strict=True)]
        raise _no_date(values, bad if any(bad) else [v != "" for v in values], what)
    return None


def _in_some_order(values: list[str], orders: tuple[tuple[str, ...], ...], what: str) -> pd.Series:
    """Dates in the order of day, month and year that all of them have.

    Raises:
        InputError: If there is none, or day and month cannot be told apart.
    """
    read = {order: _in_order(values, order) for order in orders}
    found = {order: dates for order, dates in read.items() if not _lacks(dates, values).any()}
    if not found:
        best = min(read.values(), key=lambda dates: _lacks(dates, values).sum())
        raise _no_date(values, _lacks(best, values).tolist(), what)
    first = next(v for v in values if v)
    # dots are written where the day comes first
    dotted = all("." in v for v in values if v)
    if set(found) == set(_IN_NUMBERS) and not dotted and not _one(list(found.values())):
        raise InputError(
            f"{what} has dates such as {first!r}, in which day and month cannot be told apart; "
            "write them as 2013-01-31"
        )
    return next(iter(found.values()))


def _one(readings: list[pd.Series]) -> bool:
    return all(dates.equals(readings[0]) for dates in readings)


def _lacks(dates: pd.Series, values: list[str]) -> Mask:
    return dates.isna().to_numpy() & np.array([v != "" for v in values])


def _no_date(values: list[str], bad: Sequence[bool], what: str) -> InputError:
    row = bad.index(True)
    more = f" and {sum(bad) - 1} more" if sum(bad) > 1 else ""
    return InputError(
        f"{what} has dates, and {values[row]!r} at row {row + 1}{more} is none of the calendar or "
        "of another form; write all as 2013-01-31, or as 2013-01-31T18:00, and leave out rows "
        "without one"
    )


def _in_order(values: list[str], order: tuple[str, ...]) -> pd.Series:
    """Dates in an order of any of these forms, with or without a time; NaT where there is none."""
    plain = pd.Series([re.sub(r"[-./,\s]+", " ", v) if v else None for v in values])
    found = pd.to_datetime(plain, format=order[0], utc=True, errors="coerce")
    for form in (form + clock for form in order for clock in _CLOCK):
        if found.isna().any():
            found = found.fillna(pd.to_datetime(plain, format=form, utc=True, errors="coerce"))
    return found


def _since_1970(dates: pd.Series) -> Floats:
    moments = dates.dt.tz_convert(None).to_numpy().astype("datetime64[us]")
    # whole days apart from the time of day, so that no digit of it is lost
    whole = moments.astype("datetime64[D]")
    found = whole.astype(float) + (moments - whole) / _DAY
    return np.where(np.isnat(moments), np.nan, found)
