"""Scores of parts of the rows: thirds along each coordinate, labels, near and far from the data.

A method that is best on the whole may be worst where it matters. The parts are the same for all
methods, and no row is in two parts of one coordinate.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dirimix._arrays import Floats, Indices
from dirimix.assess.comparison import Row, columns_of
from dirimix.assess.folds import predicted_part
from dirimix.assess.options import Scheme
from dirimix.assess.schema import TABLES
from dirimix.assess.site_tables import nearest_training
from dirimix.scores import SCORES
from dirimix.table.coordinates import CATEGORY, DATE, NUMBER, as_numbers
from dirimix.table.space import Round
from dirimix.table.split import SplitTable

_THIRDS = 3
_MOST_LABELS = 8  # of a category, the commonest
_SCORES = ("rms", "crps", "log_score", "coverage_90")
_DISTANCES = ("nearest third", "middle third", "farthest third")


@dataclass(frozen=True)
class Part:
    """Some rows of a split.

    Attributes:
        coordinate: The coordinate by which they are chosen; '' for the distance from the data.
        words: What they have in common.
        rows: Their numbers.
    """

    coordinate: str
    words: str
    rows: Indices


def region_rows(
    points: pd.DataFrame, data: SplitTable, schemes: Sequence[Scheme] = ()
) -> pd.DataFrame:
    """Scores of every method on parts of the rows, of the test rows and of validation schemes.

    Where there is neither, of the training rows. Only field weights count.

    Args:
        points: What each row contributes to the scores, as in `comparison`.
        data: The rows.
        schemes: The validation schemes of the study.
    """
    of_split = {"test": "test"} | {s.name: predicted_part(s) for s in schemes}
    of_split = {s: part for s, part in of_split.items() if part in data.parts}
    known = points.loc[(points["weights"] == "field") & points["error"].notna()]
    if not set(of_split) & set(known["split"]):
        of_split = {"train": "train"}
    rows = [
        {"split": split, **row}
        for split, place in of_split.items()
        for row in _scored(known.loc[known["split"] == split], parts_of(data, place))
    ]
    return pd.DataFrame(rows, columns=pd.Index(TABLES["regions"].columns()))


def parts_of(data: SplitTable, split: str) -> list[Part]:
    """The parts into which the rows of a split are cut."""
    frame = data.parts[split].frame
    x = as_numbers(frame, data.coords)
    found = list[Part]()
    for k, name in enumerate(data.coords):
        values = x[:, k]
        if data.kinds.get(name, NUMBER) == CATEGORY:
            found += _labels(name, values, data.levels[name])
        else:
            is_date = data.kinds.get(name) == DATE
            found += _thirds(name, values, data.rounds.get(name), dates=is_date)
    distance = nearest_training(data)[split]
    if split != "train" and np.isfinite(distance).all():
        pieces = _cut(distance)
        if len(pieces) == _THIRDS:
            found += [Part("", w, p) for w, p in zip(_DISTANCES, pieces, strict=True)]
    return found


def _labels(name: str, values: Floats, levels: tuple[str, ...]) -> Iterator[Part]:
    codes, counts = np.unique(values.astype(int), return_counts=True)
    for code in np.sort(codes[np.argsort(-counts, kind="stable")[:_MOST_LABELS]]):
        yield Part(name, str(levels[int(code)]), np.flatnonzero(values == code))


def _thirds(name: str, values: Floats, cut: Round | None, *, dates: bool) -> Iterator[Part]:
    """Thirds in the order of the values, of a coordinate that comes round from where it is cut."""
    order = values if cut is None else cut.drawn(values)
    for rows in _cut(order):
        low, high = (float(values[rows[end(order[rows])]]) for end in (np.argmin, np.argmax))
        words = [_day(v) if dates else _five_digits(v) for v in (low, high)]
        yield Part(name, " to ".join(dict.fromkeys(words)), rows)


def _cut(values: Floats) -> list[Indices]:
    """Numbers of the rows of each third in order of the values; equal values stay together.

    >>> [rows.tolist() for rows in _cut(np.array([3.0, 1.0, 2.0, 1.0, 9.0, 8.0]))]
    [[1, 3], [0, 2], [4, 5]]
    """
    ends = np.quantile(values, np.arange(1, _THIRDS) / _THIRDS, method="inverted_cdf")
    place = np.searchsorted(ends, values, side="left")
    return [np.flatnonzero(place == k) for k in range(_THIRDS) if np.any(place == k)]


def _five_digits(value: float) -> str:
    """A number without an exponent where that takes no more than nine digits.

    >>> _five_digits(103641.7), _five_digits(0.303463), _five_digits(2.5e12)
    ('103642', '0.30346', '2.5e+12')
    """
    return f"{value:.0f}" if 1e5 <= abs(value) < 1e9 else f"{value:.5g}"


def _day(value: float) -> str:
    """A date of so many days after 1970 began."""
    return str(np.datetime64("1970-01-01", "D") + np.timedelta64(int(np.floor(value)), "D"))


def _scored(points: pd.DataFrame, parts: Sequence[Part]) -> Iterator[Row]:
    for _, own in points.groupby(["method", "model"], sort=False):
        numbers = own["row"].to_numpy(dtype=int)
        for part in parts:
            kept = own.loc[np.isin(numbers, part.rows)]
            if len(kept):
                columns = columns_of(kept)
                row: Row = {"coordinate": part.coordinate, "part": part.words, "n": len(kept)}
                row |= {key: own[key].iloc[0] for key in ("method", "model")}
                yield row | {name: SCORES[name].value(columns) for name in _SCORES}
