"""Dates and times as days since 1970-01-01, whatever they come as, and back to text."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import datetime
import re
from typing import Any, cast

import numpy as np
import pandas as pd

from dirimix._arrays import Floats
from dirimix.errors import InputError

_DAY = np.timedelta64(1, "D")
_ISO = re.compile(
    r"\d{4}[-/]\d{1,2}([-/]\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?)?)?"
)
_OTHER = re.compile(r"\d{1,2}([-./])\d{1,2}\1\d{4}")
_CLOCK = ("", " %H:%M", " %H:%M:%S")


def days(column: pd.Series, what: str) -> Floats | None:
    """A column as days since 1970-01-01 in UTC, (n,), NaN where empty; None if it holds no dates.

    Raises:
        InputError: If day and month cannot be told apart.

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
    given = [v for v in values if not (v is None or v is pd.NaT or v == "" or v != v)]
    if not given:
        return None
    if all(isinstance(v, datetime.date | np.datetime64) for v in given):
        return _since_1970(pd.to_datetime(column.astype(object), utc=True))
    if all(isinstance(v, str) for v in given):
        return _of_text([v.strip() if isinstance(v, str) else "" for v in values], what)
    return None


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


def _of_text(values: list[str], what: str) -> Floats | None:
    given = [v for v in values if v]
    if all(_ISO.fullmatch(v) for v in given):
        dates = pd.to_datetime(
            pd.Series([v.replace("/", "-").replace(",", ".") or None for v in values]),
            format="ISO8601",
            utc=True,
            errors="coerce",
        )
        return None if dates.isna().sum() > len(values) - len(given) else _since_1970(dates)
    if not all(_OTHER.match(v) for v in given):
        return None
    read = {order: _in_order(values, order) for order in ("%d %m %Y", "%m %d %Y")}
    found = {order: dates for order, dates in read.items() if dates is not None}
    # dots are written where the day comes first
    if len(found) == 2 and not all("." in v for v in given):
        raise InputError(
            f"{what} has dates such as {given[0]!r}, in which day and month cannot be told apart; "
            "write them as 2013-01-31"
        )
    return _since_1970(next(iter(found.values()))) if found else None


def _in_order(values: list[str], order: str) -> pd.Series | None:
    plain = pd.Series([re.sub(r"[-./]", " ", v) if v else None for v in values])
    for clock in _CLOCK:
        dates = pd.to_datetime(plain, format=order + clock, utc=True, errors="coerce")
        if dates.isna().sum() == plain.isna().sum():
            return dates
    return None


def _since_1970(dates: pd.Series) -> Floats:
    moments = dates.dt.tz_convert(None).to_numpy().astype("datetime64[us]")
    # whole days apart from the time of day, so that no digit of it is lost
    whole = moments.astype("datetime64[D]")
    found = whole.astype(float) + (moments - whole) / _DAY
    return np.where(np.isnat(moments), np.nan, found)
