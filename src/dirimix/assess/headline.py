"""Which method a page is about, and the comparison that a reader asks for first.

The rule is the same wherever one method is picked: the log score on the rows by which methods are
judged puts them in order.
"""

# pyright: strict

from collections.abc import Iterable, Mapping
from typing import Any

from dirimix.methods import GLOBAL, LOCAL, SIMPLE, SINGLE, parse_method

Row = Mapping[str, Any]
LEAVE_ONE_OUT = "psis-loo"  # what scores call it; it has the sampled methods alone


def judged_split(ranking: Iterable[Row]) -> str | None:
    """The rows by which methods are judged: the test rows, else the first validation scheme.

    >>> judged_split([{"split": "psis-loo"}, {"split": "blocks"}])
    'blocks'
    """
    splits = [str(row["split"]) for row in ranking]
    left_out = [split for split in splits if split != LEAVE_ONE_OUT]
    return "test" if "test" in splits else next(iter(left_out), None)


def in_order(ranking: Iterable[Row], score: str = "log_score") -> list[Row]:
    """The methods in order of a score on the rows by which they are judged, the best first."""
    rows = list(ranking)
    split = judged_split(rows)
    kept = [row for row in rows if row["split"] == split and row["score"] == score]
    return sorted(kept, key=lambda row: row["rank"])


def unjudged(methods: Iterable[str]) -> str | None:
    """The method to show where no rows tell which is best: the last local one, else the last.

    >>> unjudged(["equal", "lbmm-gld", "gbmm-d"]), unjudged(["equal", "gbmm-d", "ols"])
    ('lbmm-gld', 'gbmm-d')
    """
    names = list(methods)
    for group in (LOCAL, GLOBAL):
        members = [name for name in names if parse_method(name).method.group == group]
        if members:
            return members[-1]
    return names[-1] if names else None


def rivals(ranking: Iterable[Row]) -> tuple[list[str], list[str]]:
    """Mixtures that are inferred, and simple weights, each in order of the log score."""
    names = [str(row["method"]) for row in in_order(ranking)]
    groups = {name: parse_method(name).method.group for name in names}
    mixtures = [name for name in names if groups[name] not in (SINGLE, SIMPLE)]
    return mixtures, [name for name in names if groups[name] == SIMPLE]


def headline_pair(ranking: Iterable[Row]) -> tuple[str, str] | None:
    """The best of the inferred mixtures and the best of the simple weights, by the log score.

    Args:
        ranking: The rows of the table of that name.

    Returns:
        The two; None where one of them is not there.
    """
    mixtures, simple = rivals(ranking)
    return (mixtures[0], simple[0]) if mixtures and simple else None
