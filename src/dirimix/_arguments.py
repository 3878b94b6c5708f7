"""Names and checks of single arguments, the same words behind every door."""

import inspect
import math
import os
from abc import ABCMeta
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, TypeVar

from dirimix.errors import InputError, did_you_mean

_OTHER_NAMES = {"seed": "random_state", "transform": "y_transform"}
_T = TypeVar("_T")


class AcceptsSeed(ABCMeta):
    """Metaclass of the estimators: the words of the command line are names of parameters too."""

    def __call__(cls: type[_T], *args: Any, **given: Any) -> _T:
        for word, name in _OTHER_NAMES.items():
            if word in given:
                if name in given:
                    raise InputError(f"{word} is another name of {name}; give one of them")
                given[name] = given.pop(word)
        return type.__call__(cls, *args, **given)

    @property
    def __signature__(cls) -> inspect.Signature:
        """The parameters that `help` and `inspect` show: those of the class, not of this call."""
        own = inspect.signature(cls.__init__)
        return own.replace(parameters=list(own.parameters.values())[1:])


def check_seed(seed: object, name: str = "random_state") -> None:
    """Refuse what is no seed, None among it: every result can be repeated.

    Raises:
        InputError: If it is not a whole number of 0 or more.
    """
    if not isinstance(seed, Integral) or isinstance(seed, bool) or seed < 0:
        why = ": a result that cannot be repeated is not made" if seed is None else ""
        raise InputError(
            f"{name} must be a whole number of 0 or more, not {seed!r}{why}; give one, such as 0"
        )


def check_whole(value: object, name: str, least: int) -> None:
    """Refuse what is no whole number of at least so much.

    Raises:
        InputError: If it is none.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}, not {value!r}")


def check_room(numbers: int, what: str) -> None:
    """Refuse what needs more memory than the machine has, before it is asked for.

    Args:
        numbers: How many numbers of double precision it has.
        what: What they are, with the remedy, for the message.

    Raises:
        InputError: If they do not fit.
    """
    if not hasattr(os, "sysconf"):
        return
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if 8 * numbers > there:
        raise InputError(
            f"{8 * numbers / 2**30:.3g} GiB are needed and the machine has {there / 2**30:.3g}: "
            f"{what}"
        )


def check_choice(value: object, name: str, choices: Sequence[str]) -> None:
    """Refuse what is none of the known words.

    Raises:
        InputError: If it is none of them.
    """
    if value not in choices:
        raise InputError(
            f"{name} is one of {', '.join(map(repr, choices))}, not {value!r}"
            f"{did_you_mean(str(value), choices)}"
        )


def check_positive(value: object, name: str) -> None:
    """Refuse what is no positive finite number.

    Raises:
        InputError: If it is none.
    """
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 < float(value) < math.inf:
        raise InputError(f"{name} must be a positive number, not {value!r}")


def check_share(value: object, name: str) -> None:
    """Refuse what is no share of a whole: 90 where 0.9 is meant, a list, nothing, everything.

    Raises:
        InputError: If it is not one number strictly between 0 and 1.
    """
    if not (isinstance(value, Real) and 0 < float(value) < 1):
        raise InputError(f"{name} must be a single number strictly between 0 and 1, not {value!r}")
