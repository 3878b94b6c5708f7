"""Every method against every other, and every method on parts of the rows, as tables of cells."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from dirimix.assess.headline import in_order, judged_split
from dirimix.assess.schema import SCORE_WORDS, row_label
from dirimix.report.output import Output

Row = Mapping[str, Any]
COMPARED = ("log_score", "crps", "rms")
BETTER, WORSE, OPEN, ALIKE = "better", "worse", "open", "alike"
MARKS = {BETTER: "▲", WORSE: "▼", OPEN: "○", ALIKE: "≈"}
_MOST = 16  # methods of a matrix
# a difference of the summed log score below which methods are alike in practice: Sivula,
# Magnusson, Vehtari (2020), arXiv:2008.10296
_SMALL = 4.0
FEW = 10  # rows, below which a mean says little


@dataclass(frozen=True)
class Pair:
    """One method against another.

    Attributes:
        row: Difference and band, the row's method less the column's.
        state: 'better', 'worse', 'open' (not told apart) or 'alike'.
    """

    row: Row
    state: str


@dataclass(frozen=True)
class Matrix:
    """Every two methods by one score, in order of it.

    Attributes:
        score: The score.
        size: The difference below which methods count as alike.
        names: The methods in order, as readers know them.
        lines: A line a method, None where it would meet itself.
        count: How many methods are ranked, shown or not.
    """

    score: str
    size: float
    names: tuple[str, ...]
    lines: tuple[tuple[Pair | None, ...], ...]
    count: int

    @property
    def comparisons(self) -> int:
        """How many are shown."""
        return len(self.names) * (len(self.names) - 1) // 2


def matrices(output: Output) -> list[Matrix]:
    """A matrix a score, on the rows by which methods are judged."""
    numbers, split = output.numbers, judged_split(output.numbers["ranking"])
    found = (_matrix(output, split, score) for score in COMPARED)
    return [matrix for matrix in found if matrix] if numbers["differences"] else []


def _matrix(output: Output, split: str | None, score: str) -> Matrix | None:
    rows = [r for r in output.numbers["differences"] if (r["split"], r["score"]) == (split, score)]
    order = in_order(output.numbers["ranking"], score)
    if not rows or len(order) < 2:
        return None
    labels = {_name(r): row_label(r, output.names.labels) for r in order}
    names = list(labels)[:_MOST]
    known = {(r["a"], r["b"]): r for r in rows}
    known |= {(b, a): _turned(r) for (a, b), r in known.items()}
    size = _SMALL / rows[0]["n"] if score == "log_score" else 0.0
    lines = tuple(
        tuple(
            None if a == b else Pair(known[a, b], compared(known[a, b], size)) for b in names
        )
        for a in names
    )  # fmt: skip
    return Matrix(score, size, tuple(labels[name] for name in names), lines, len(order))


def _name(row: Row) -> str:
    return f"{row['method']}:{row['model']}" if row["model"] else row["method"]


def _turned(row: Row) -> Row:
    """The difference the other way round."""
    turned = {"difference": "difference", "lo": "hi", "hi": "lo"}
    return {**row, **{k: None if row[of] is None else -row[of] for k, of in turned.items()}}


def compared(row: Row, size: float = 0.0) -> str:
    """What the band of a difference a - b says of a, with the size that does not matter.

    >>> compared({"score": "log_score", "lo": 0.1, "hi": 0.3})
    'better'
    >>> compared({"score": "rms", "lo": 0.1, "hi": 0.3}, size=0.5)
    'alike'
    """
    lo, hi = row["lo"], row["hi"]
    if lo is None:
        return OPEN
    if -size < lo and hi < size:
        return ALIKE
    if lo <= 0 <= hi:
        return OPEN
    return BETTER if (lo > 0) == SCORE_WORDS[row["score"]].gain else WORSE


@dataclass(frozen=True)
class Cell:
    """A score of some rows.

    Attributes:
        value: The score; None where the method has none there.
        n: How many rows.
        tint: From 0, far from the best of the column, to 1.
        best: Whether it is the best of the column.
    """

    value: float | None
    n: int
    tint: float
    best: bool


@dataclass(frozen=True)
class Scorecard:
    """Every method on every part of the rows, by one score.

    Attributes:
        score: The score.
        split: Whose rows.
        heads: Coordinates as readers know them, '' for the distance, each with its parts.
        lines: A line a method: its name and a cell a part, the first of all rows.
    """

    score: str
    split: str
    heads: tuple[tuple[str, tuple[str, ...]], ...]
    lines: tuple[tuple[str, tuple[Cell, ...]], ...]


def scorecards(output: Output) -> list[Scorecard]:
    """A scorecard a score, on the rows by which methods are judged."""
    rows = output.numbers["regions"]
    splits = list(dict.fromkeys(str(r["split"]) for r in rows))
    if not splits:
        return []
    judged = judged_split(output.numbers["ranking"])
    split = judged if judged is not None and judged in splits else splits[0]
    kept = [r for r in rows if r["split"] == split]
    whole = [
        {**r, "coordinate": None, "part": "all"}
        for r in output.numbers["scores"]
        if r["split"] == split and r["weights"] == "field"
    ]
    places = list(dict.fromkeys((r["coordinate"], r["part"]) for r in kept))
    order = {(r["method"], r["model"]): r["rank"] for r in in_order(output.numbers["ranking"])}
    methods = sorted(
        dict.fromkeys((r["method"], r["model"]) for r in whole), key=lambda m: order.get(m, np.inf)
    )
    heads = tuple(
        (output.names.axis(c) if c else "", tuple(part for _, part in found))
        for c, found in groupby(places, key=lambda place: place[0])
    )
    found = {(r["method"], r["model"], r["coordinate"], r["part"]): r for r in (*whole, *kept)}
    columns = [(None, "all"), *places]
    scores = (*COMPARED, "coverage_90")
    cards = []
    for score in scores:
        grid = [_column([found.get((*m, *place)) for m in methods], score) for place in columns]
        lines = tuple(
            (row_label({"method": m[0], "model": m[1]}, output.names.labels), cells)
            for m, cells in zip(methods, zip(*grid, strict=True), strict=True)
        )
        cards.append(Scorecard(score, split, heads, lines))
    return cards


def _column(rows: Sequence[Row | None], score: str) -> list[Cell]:
    """The cells of one part of the rows, with how near each is to the best of them."""
    values = [None if r is None else r[score] for r in rows]
    losses = _losses(values, score)
    known = losses[np.isfinite(losses)]
    best = known.min(initial=np.inf)
    tints = np.zeros(len(losses))
    if len(known):  # one method that is far off leaves the others their differences
        reach = max(np.quantile(known, 0.75) - best, 1e-300)
        tints = np.clip(1 - (losses - best) / reach, 0, 1)
    return [
        Cell(
            value, 0 if row is None else row["n"],
            0.0 if value is None else round(float(tint), 2), value is not None and loss == best,
        )
        for row, value, loss, tint in zip(rows, values, losses, tints, strict=True)
    ]  # fmt: skip


def _losses(values: Iterable[float | None], score: str) -> np.ndarray:
    """What is to be small."""
    numbers = np.array([np.inf if v is None else v for v in values], dtype=float)
    if score == "coverage_90":
        return np.abs(numbers - 0.9)
    return np.where(np.isfinite(numbers), -numbers, np.inf) if SCORE_WORDS[score].gain else numbers
