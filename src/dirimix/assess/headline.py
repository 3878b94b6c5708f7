"""The comparison that a reader asks for first: the main method against the best simple weights."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Iterable, Sequence

import pandas as pd

from dirimix.methods import GLOBAL, LOCAL, METHODS, SIMPLE, parse_method

_FIRST = "lbmm-gpd"  # what this package is made for; elsewhere the last local method of the study


def main_method(methods: Iterable[str]) -> str | None:
    """The method that a study is about, chosen before any score is seen; None without a mixture.

    >>> main_method(["raw", "equal", "gbmm-d", "lbmm-gld", "gbmm-d+gp"])
    'lbmm-gld'
    """
    choices = [parse_method(name) for name in methods]
    plain = [c for c in choices if c.name in METHODS]
    for found in (plain, choices):
        names = [c.name for c in found]
        if _FIRST in names:
            return _FIRST
        for group in (LOCAL, GLOBAL):
            members = [c.name for c in found if c.method.group == group]
            if members:
                return members[-1]
    return None


def headline_pair(methods: Sequence[str], ranking: pd.DataFrame) -> tuple[str, str] | None:
    """The main method and, of the simple weights, those with the best log score on the test rows.

    Args:
        methods: Names of the methods.
        ranking: The table of that name; its first split serves where there are no test rows.

    Returns:
        The two; None where one of them is not there.
    """
    main = main_method(methods)
    if main is None or ranking.empty:
        return None
    split = "test" if "test" in set(ranking["split"]) else ranking["split"].iloc[0]
    rows = ranking.loc[(ranking["split"] == split) & (ranking["score"] == "log_score")]
    order = [str(name) for name in rows.sort_values("rank", kind="stable")["method"]]
    simple = [name for name in order if parse_method(name).method.group == SIMPLE]
    return (main, simple[0]) if simple and main in order else None
