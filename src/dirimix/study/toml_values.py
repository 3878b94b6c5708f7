"""Entries of a study file, each checked where it is read: one sentence says what is wrong."""

from collections.abc import Iterable, Mapping
from typing import Any

from dirimix.errors import InputError, did_you_mean


def section(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A table of the file, empty where it is absent."""
    found = raw.get(name, {})
    if not isinstance(found, dict):
        raise InputError(f"{name!r} is a section of a study, [{name}], not {found!r}")
    return found


def check_known(raw: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Raise if a table has an entry that nobody reads."""
    known = list(known)
    for name in raw:
        if name not in known:
            raise InputError(
                f"unknown entry {name!r} in {where}{did_you_mean(name, known)}; known are "
                f"{', '.join(known)}"
            )


def strings(value: object, where: str) -> tuple[str, ...]:
    """A list of different names, at least one."""
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise InputError(f"{where} must be a list of names, and it is {value!r}")
    if len(set(value)) < len(value):
        raise InputError(f"{where} names something twice: {', '.join(value)}")
    return tuple(value)


def text(value: object, where: str) -> str:
    """A text."""
    if not isinstance(value, str):
        raise InputError(f"{where} must be text in quotes, and it is {value!r}")
    return value


def whole(value: object, where: str, least: int) -> int:
    """A whole number that is large enough."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InputError(f"{where} must be a whole number of at least {least}, not {value!r}")
    return value


def real(value: object, where: str) -> float:
    """A number."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InputError(f"{where} must be a number, and it is {value!r}")
    return float(value)


def positive(value: object, where: str) -> float:
    """A number above 0."""
    if real(value, where) <= 0:
        raise InputError(f"{where} must be above 0, and it is {value!r}")
    return real(value, where)


def numbers(value: object, where: str) -> tuple[float, ...]:
    """A list of numbers above 0, at least one."""
    if not isinstance(value, list) or not value:
        raise InputError(f"{where} must be a list of numbers, and it is {value!r}")
    return tuple(positive(v, where) for v in value)


def among(names: Iterable[str], known: Iterable[str], where: str) -> None:
    """Raise if a method is named that the study does not run."""
    known = tuple(known)
    for name in names:
        if name not in known:
            raise InputError(
                f"{where} has {name!r}, which [methods] run does not{did_you_mean(name, known)}; "
                "add it there or leave it out"
            )
