"""The score table of the page: a line a method in order, with bands drawn in the cells."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dirimix.assess.headline import in_order, judged_split
from dirimix.assess.schema import LEVELS, SCORE_WORDS, row_label
from dirimix.methods import SIMPLE, parse_method
from dirimix.report.headline import told_apart
from dirimix.report.look import method_look
from dirimix.report.output import Output

Row = Mapping[str, Any]
DRAWN = ("log_score", "crps", "rms", "coverage_90")
_FAR = 3.0  # ranges of the middle half beyond which a value is at the edge of its cell


@dataclass(frozen=True)
class Cell:
    """A number with its band, and where they stand in the cell.

    Attributes:
        score: Which score.
        value: The number.
        lo: The lower end of its band, None without one.
        hi: The upper end.
        at: Where number, lower and upper end stand, from 0 to 100.
    """

    score: str
    value: float | None
    lo: float | None
    hi: float | None
    at: tuple[float, float, float] | None


@dataclass(frozen=True)
class Line:
    """A line of the table.

    Attributes:
        row: The row of the scores.
        label: What it is called.
        colour: The colour of its group.
        rank: Its row of the ranking by the log score, if it is ranked.
        near: Whether it is not told apart from the first one; None where that is not known.
        cells: The scores that are drawn.
        more: Names of the scores that are written only.
        goal: Where 90 % stands in the cell of the coverage, from 0 to 100.
        skill: 1 - CRPS / CRPS of the reference; None where either is unknown.
    """

    row: Row
    label: str
    colour: str
    rank: Row | None
    near: bool | None
    cells: tuple[Cell, ...]
    more: tuple[str, ...]
    goal: float | None
    skill: float | None


def score_lines(output: Output, split: str, other: Row) -> list[Line]:
    """The lines of one split in order of the log score, the best first.

    Args:
        output: The folder.
        split: Whose rows.
        other: What the skill is measured against, a row of the scores of any split.
    """
    numbers = output.numbers
    rows = [r for r in numbers["scores"] if r["split"] == split]
    rows.sort(key=_by_log_score)
    places = {}
    if split == judged_split(numbers["ranking"]):
        places = {(r["method"], r["model"]): r for r in in_order(numbers["ranking"])}
    scales = {score: _scale(rows, score) for score in DRAWN}
    crps = next((r["crps"] for r in rows if _whose(r) == _whose(other)), None)
    return [_line(row, places, scales, output.names.labels, crps) for row in rows]


def _whose(row: Row) -> tuple[Any, ...]:
    return row["method"], row["model"], row["weights"]


def reference(numbers: Row) -> Row:
    """What the others are measured against: equal weights, else the simple method that is worst.

    Returns:
        Its row of the scores of the split that is shown first.
    """
    first = splits_of(numbers)[0]
    rows = sorted((r for r in numbers["scores"] if r["split"] == first), key=_by_log_score)
    mixed = [r for r in rows if not r["model"] and r["weights"] == "field"]
    simple = [r for r in mixed if parse_method(r["method"]).method.group == SIMPLE]
    equal = [r for r in simple if r["method"] == "equal"]
    return (equal or simple or mixed or rows)[-1]


def _by_log_score(row: Row) -> float:
    return np.inf if row["log_score"] is None else -row["log_score"]


def _line(
    row: Row,
    places: Mapping[tuple[str, str | None], Row],
    scales: Mapping[str, tuple[float, float] | None],
    labels: Mapping[str, str],
    crps: float | None,
) -> Line:
    rank = places.get((row["method"], row["model"])) if row["weights"] == "field" else None
    apart = None if rank is None else told_apart(rank)
    scale = scales["coverage_90"]
    levels = [f"coverage_{round(100 * level)}" for level in LEVELS]
    return Line(
        row,
        row_label(row, labels),
        method_look(row["method"]).colour,
        rank,
        None if apart is None else not apart,
        tuple(_cell(row, score, scales[score]) for score in DRAWN),
        (*(level for level in levels if level not in DRAWN), "below_median"),
        None if scale is None else round(100 * (0.9 - scale[0]) / (scale[1] - scale[0]), 1),
        1 - row["crps"] / crps if crps and row["crps"] is not None else None,
    )


def _cell(row: Row, score: str, scale: tuple[float, float] | None) -> Cell:
    value, lo, hi = (row[f"{score}{end}"] for end in ("", "_lo", "_hi"))
    at = None
    if scale is not None and value is not None:
        ends = (value, value if lo is None else lo, value if hi is None else hi)
        low, high = scale
        at = tuple(round(float(np.clip((v - low) / (high - low), 0, 1)) * 100, 1) for v in ends)
    return Cell(score, value, lo, hi, at)  # pyright: ignore[reportArgumentType]


def _scale(rows: Iterable[Row], score: str) -> tuple[float, float] | None:
    """Where the cells of a column begin and end: all bands, but for those far off."""
    ends = [r[f"{score}{e}"] for r in rows for e in ("", "_lo", "_hi")]
    known = np.array([v for v in ends if v is not None])
    if not len(known):
        return None
    if SCORE_WORDS[score].label.startswith("inside"):
        return min(0.5, float(known.min())), 1.0
    first, third = np.quantile(known, [0.25, 0.75])
    reach = _FAR * (third - first)
    low, high = max(known.min(), first - reach), min(known.max(), third + reach)
    return (float(low), float(high)) if high > low else None


def splits_of(numbers: Row) -> Sequence[str]:
    """The splits that have scores, test first."""
    found = {row["split"] for row in numbers["scores"]}
    return [split for split in ("test", "train") if split in found]
