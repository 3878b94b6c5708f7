"""The errors and warnings of the package, hints on misspelt names, and numbers of things."""

import difflib
from collections.abc import Iterable, Mapping


class InputError(ValueError):
    """The input is not what was expected; the message says what was, and the remedy."""


class NotConverged(RuntimeError):
    """A sampler's result failed its convergence checks and must not be read as an answer."""


class WorkerLost(NotConverged):
    """A worker process ended before its task: killed, or for want of memory."""


class ConvergenceWarning(UserWarning):
    """A posterior was returned although its convergence checks failed."""


class CorrectionOverlapWarning(UserWarning):
    """Corrected models are mixed on rows that trained the correction."""


class SizeWarning(UserWarning):
    """Intervals do not suit the size of what they predict; the message says how and the remedy."""


class DroppedRowsWarning(UserWarning):
    """Some rows could not be used; the message says how many and why."""


class ExtrapolationWarning(UserWarning):
    """Sites to predict lie outside the training sites; the message says how many, and where."""


class TableWarning(UserWarning):
    """Something in a table is probably not meant as it stands; the message says what to do."""


class FitWarning(UserWarning):
    """A fit is done, and its answers are not what they seem; the message says why."""


class ChoiceNote(UserWarning):
    """A method was chosen by its scores; the message says by how much, and against what."""


class ScaleWarning(UserWarning):
    """The noise scale that was given is far from that of the data; the message says how far."""


def counted(n: int, noun: str, plural: str = "") -> str:
    """A number of things.

    >>> counted(1, "method"), counted(2, "method"), counted(3, "quantity", "quantities")
    ('1 method', '2 methods', '3 quantities')
    """
    return f"{n} {noun if n == 1 else plural or noun + 's'}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A clause that names the nearest known names, or nothing.

    >>> did_you_mean("gbmm-e", ["gbmm-l", "gbmm-d", "ols"])
    " (did you mean 'gbmm-l' or 'gbmm-d'?)"
    """
    near = difflib.get_close_matches(name, list(known), n=2, cutoff=0.6)
    return f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""


def first_line(error: BaseException) -> str:
    """What an error says first, or its kind where it says nothing.

    >>> first_line(OSError("no such file.")), first_line(KeyError())
    ('no such file', 'KeyError')
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def no_attribute(owner: object, name: str, renamed: Mapping[str, str]) -> AttributeError:
    """The error for an attribute that is not there, with the new name of a renamed one.

    >>> no_attribute([], "size", {"size": "__len__"})
    AttributeError("list.size is now called '__len__'; use that name")
    """
    kind = type(owner).__name__
    if name in renamed:
        return AttributeError(f"{kind}.{name} is now called {renamed[name]!r}; use that name")
    return AttributeError(f"{kind!r} object has no attribute {name!r}")
