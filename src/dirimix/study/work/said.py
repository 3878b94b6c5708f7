"""What is warned of along the way, collected and said."""

# pyright: strict

import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager

from dirimix.errors import (
    ChoiceNote,
    ConvergenceWarning,
    CorrectionOverlapWarning,
    DroppedRowsWarning,
    ExtrapolationWarning,
    FitWarning,
    ScaleWarning,
    SizeWarning,
    TableWarning,
)

# warnings about a result, which are kept with it
_OF_ROWS = (CorrectionOverlapWarning, DroppedRowsWarning, ExtrapolationWarning, TableWarning)
_KEPT = (*_OF_ROWS, ChoiceNote, FitWarning, ScaleWarning, SizeWarning)


@contextmanager
def collected_warnings(say: Callable[[str], None], name: str) -> Generator[list[str]]:
    """Collect the warnings about a result, each once, and say them; pass the others on.

    What comes before an error may be its reason, and is said before it.
    """
    lines: list[str] = []
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield lines
    finally:
        for w in caught:
            if issubclass(w.category, ConvergenceWarning):
                continue  # the estimator's own verdict says it, and why
            if not issubclass(w.category, _KEPT):
                warnings.warn_explicit(w.message, w.category, w.filename, w.lineno)
            elif str(w.message) not in lines:
                lines.append(str(w.message))
                word = "" if issubclass(w.category, ChoiceNote) else "warning: "
                say(f"{name}: {word}{w.message}")
