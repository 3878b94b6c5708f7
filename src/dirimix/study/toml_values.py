"""Checks of single values of a study file; every error is one sentence that names the entry.

A reader takes a value as TOML gives it, with the name of its entry for the message, and returns it
as a record holds it.
"""

# pyright: strict

import math
import re
from collections.abc import Callable, Collection, Iterable
from typing import Any, cast

from dirimix.errors import InputError, did_you_mean

Reader = Callable[[object, str], Any]


def reader(
    says: str,
    fits: Callable[[Any], bool],
    to: Callable[[Any], Any] = lambda value: value,
    known: Iterable[str] = (),
) -> Reader:
    """A reader of values that fit; `says` stands between entry and value in its message."""

    def read(value: object, where: str) -> Any:
        if not fits(value):
            raise InputError(f"{where} {says} {value!r}{did_you_mean(str(value), known)}")
        return to(value)

    return read


def list_of(
    item: Reader, says: str, *, least: int = 1, most: float = math.inf, distinct: bool = False
) -> Reader:
    """A reader of a list of so many items, as a tuple; `says` as in `reader`."""
    read_list = reader(says, lambda v: isinstance(v, list) and least <= len(cast(Any, v)) <= most)

    def read(value: object, where: str) -> tuple[Any, ...]:
        found = tuple(item(v, where) for v in read_list(value, where))
        if distinct and len(set(found)) < len(found):
            raise InputError(f"{where} names something twice: {', '.join(found)}")
        return found

    return read


def whole(least: int, most: int | None = None) -> Reader:
    """A reader of whole numbers of at least so much, and of at most so much."""
    where = f"of at least {least}" if most is None else f"from {least} to {most}"
    end = math.inf if most is None else most
    says = f"must be a whole number {where}, not"
    return reader(says, lambda v: type(v) is int and least <= v <= end)


def one_of(*known: str) -> Reader:
    """A reader of known words."""
    words = " or ".join(known) if len(known) == 2 else f"one of {', '.join(known)}"
    return reader(f"is {words}, not", lambda v: v in known, known=known)


def is_number(value: object) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


table = reader("is a section with entries of its own, not", lambda v: isinstance(v, dict))
texts = reader(
    "must be a section of texts, not",
    lambda v: isinstance(v, dict) and all(isinstance(t, str) for t in cast(Any, v).values()),
)
periods = reader(
    "must be a section of numbers above 0, COORDINATE = PERIOD, not",
    lambda v: isinstance(v, dict) and all(is_number(p) and p > 0 for p in cast(Any, v).values()),
)
text = reader("must be text in quotes, and it is", lambda v: isinstance(v, str))
names = list_of(text, "must be a list of names, and it is", distinct=True)
number = reader("must be a number, and it is", is_number, float)
positive = reader("must be above 0, and it is", lambda v: is_number(v) and v > 0, float)
share = reader("must lie between 0 and 1, not", lambda v: is_number(v) and 0 < v < 1, float)
sizes = list_of(positive, "must be a list of numbers, and it is")


def check_known(found: Iterable[str], known: Collection[str], where: str) -> None:
    """Raise an InputError if a section has an unknown entry."""
    for name in found:
        if name not in known:
            raise InputError(
                f"unknown entry {name!r} in {where}{did_you_mean(name, known)}; known are "
                f"{', '.join(known)}"
            )


def check_run(methods: Iterable[str], run: tuple[str, ...], where: str) -> None:
    """Raise an InputError if an entry names a method that the study does not run."""
    for name in methods:
        if name not in run:
            raise InputError(
                f"{where} has {name!r}, which [methods] run does not{did_you_mean(name, run)}; "
                "add it there or leave it out"
            )


def check_plain(name: str, what: str) -> None:
    """Raise an InputError if a name is not safe as that of a folder."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", name):
        raise InputError(
            f"{what} names a folder, so it must be made of letters, digits, hyphens, underscores "
            f"and dots, with no dot in front, not {name!r}"
        )
