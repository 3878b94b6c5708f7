"""The order of the methods by each score, on the rows that all of them predict.

A model may lack values at some rows, and a mean over fewer rows is no fair rival of one over more.
So methods are ranked on their common rows; one that would leave fewer than half of the rows is not
ranked, and `unlike_rows` says what of this happened.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dirimix._arrays import Floats
from dirimix.assess.comparison import COMPARED, Row, by_name, columns_of
from dirimix.assess.schema import SCORE_WORDS, TABLES
from dirimix.laws.bands import less
from dirimix.laws.bootstrap import FEWEST, Bootstrap
from dirimix.scores import SCORES

_FEW = 0.5  # share of the rows that a method must leave to be ranked
_SAME = 1e-9  # relative difference below which two scores are one: rounding
_ROUNDING = 1e-12  # a share of the rows that is none


@dataclass(frozen=True)
class Ranked:
    """Which methods of a split are ranked, and where.

    Attributes:
        points: What each method, or each of its models, adds to the scores, its rows by their
            numbers.
        common: Numbers of the rows that all ranked methods predict.
        rows: How many rows some method predicts.
        left_out: Names of those that predict too few rows to be ranked.
    """

    points: dict[str, pd.DataFrame]
    common: pd.Index
    rows: int
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Contributions:
    """What the common rows of a split add to one score of every ranked method.

    Attributes:
        split: The split.
        score: The score.
        names: The methods, or models of a method that mixes none, that have the score, (k,).
        values: (n, k).
        clusters: Which cluster each row belongs to, (n,).
        rows: How many rows some method predicts.
    """

    split: str
    score: str
    names: list[str]
    values: Floats
    clusters: np.ndarray
    rows: int

    @property
    def groups(self) -> int:
        """The number of clusters."""
        return len(np.unique(self.clusters))


def contributions(points: pd.DataFrame) -> Iterator[Contributions]:
    """By split and score, what is compared, where there are two methods or more."""
    for split, found in _splits(points):
        tables = {name: table.loc[found.common] for name, table in found.points.items()}
        for score in COMPARED:
            columns = {k: SCORES[score].contribution(columns_of(v)) for k, v in tables.items()}
            names = [k for k, v in columns.items() if not np.isnan(v).any()]
            if len(names) > 1:
                values = np.stack([columns[k] for k in names], axis=1, dtype=float)
                clusters = tables[names[0]]["cluster"].to_numpy()
                yield Contributions(str(split), score, names, values, clusters, found.rows)


def ranking(points: pd.DataFrame, bootstrap: Bootstrap) -> pd.DataFrame:
    """The methods of every split in order of each score, with what resampling makes of the order.

    `rank_lo` and `rank_hi` hold 90 % of a method's ranks over the resamples, `share_best` is how
    often it comes first, a tie shared, and `difference` is to the one that is best, not a number
    where both log scores are minus infinity.
    """
    rows: list[Row] = []
    for found in contributions(points):
        where = {"split": found.split, "score": found.score, "n": len(found.values)}
        where |= {"rows": found.rows, "clusters": found.groups}
        rows += (where | row for row in _order(found, bootstrap))
    return pd.DataFrame(rows, columns=pd.Index(TABLES["ranking"].columns()))


def unlike_rows(points: pd.DataFrame) -> tuple[str, ...]:
    """A sentence a split whose methods do not all predict the same rows."""
    return tuple(
        sentence for split, found in _splits(points) for sentence in _said(str(split), found)
    )


def _said(split: str, found: Ranked) -> Iterator[str]:
    sizes = {name: found.rows - len(table) for name, table in found.points.items()}
    lacking = ", ".join(f"{_spaced(name)} lacks {n}" for name, n in sizes.items() if n)
    if len(found.common) < found.rows:
        yield (
            f"the ranking under {split} is on {len(found.common)} of {found.rows} rows, those that "
            f"all ranked methods predict ({lacking})"
        )
    for name in found.left_out:
        yield (
            f"{_spaced(name)} is not ranked under {split}: it leaves fewer than half of the "
            f"{found.rows} rows in common with the others"
        )


def _spaced(name: str) -> str:
    return name.replace(":", " ", 1)


def _splits(points: pd.DataFrame) -> Iterator[tuple[object, Ranked]]:
    for split, part in points.groupby("split", sort=False):
        if tables := by_name(part):
            yield split, _common(tables)


def _common(tables: dict[str, pd.DataFrame]) -> Ranked:
    """Leave out methods, the one with the fewest rows first, until half of the rows are common."""
    known = {name: table.set_index("row") for name, table in tables.items()}
    rows = len(_together(known, union=True))
    left_out: list[str] = []
    while len(common := _together(known)) < _FEW * rows and len(known) > 1:
        fewest = min(known, key=lambda name: len(known[name]))
        left_out.append(fewest)
        known = {name: table for name, table in known.items() if name != fewest}
    return Ranked(known, common, rows, tuple(left_out))


def _together(known: dict[str, pd.DataFrame], *, union: bool = False) -> pd.Index:
    """Numbers of the rows that all methods predict, in order, or with `union` that any does."""
    first, *others = (table.index for table in known.values())
    for other in others:
        first = first.union(other) if union else first.intersection(other)
    return first.sort_values()


def _order(compared: Contributions, bootstrap: Bootstrap) -> Iterable[Row]:
    names, values, clusters = compared.names, compared.values, compared.clusters
    sign, known = -1.0 if SCORE_WORDS[compared.score].gain else 1.0, SCORES[compared.score]
    mean = values.mean(axis=0)
    found = known.of_mean(mean)
    order = np.argsort(sign * found, kind="stable")
    best = order[0]
    adds = values * known.slope(mean)
    against = bootstrap.resample(less(adds, adds[:, [best]]), clusters)
    difference = less(found, found[best])
    difference[best] = 0.0  # also where it is minus infinity
    lows, highs = difference + against.band() - against.mean
    (places,) = _ranks(sign * found[None])
    few = against.groups < FEWEST
    ranks = _ranks(sign * known.of_mean(_resampled_means(values, clusters, bootstrap)))
    first = ranks == 1
    shares = np.mean(first / first.sum(axis=1, keepdims=True), axis=0)
    rank_lo, rank_hi = np.quantile(ranks, [0.05, 0.95], axis=0)
    for k in order:
        method, _, model = names[k].partition(":")
        yield {
            "rank": int(places[k]),
            "method": method,
            "model": model,
            "value": float(found[k]),
            "rank_lo": np.nan if few else int(rank_lo[k]),
            "rank_hi": np.nan if few else int(np.ceil(rank_hi[k])),
            "share_best": np.nan if few else float(shares[k]),
            "best": names[best],
            "difference": float(difference[k]),
            "difference_lo": float(lows[k]),
            "difference_hi": float(highs[k]),
        }


def _resampled_means(values: Floats, clusters: np.ndarray, bootstrap: Bootstrap) -> Floats:
    """Column means of resamples, (n_boot, k), infinite where an infinite value is among them."""
    infinite = np.isinf(values)
    means = bootstrap.resample(np.where(infinite, 0.0, values), clusters).means
    if not infinite.any():
        return means
    # the same resamples: the share of each that is infinite, with its sign
    share = bootstrap.resample(np.where(infinite, np.sign(values), 0.0), clusters).means
    return np.where(np.abs(share) > _ROUNDING, np.copysign(np.inf, share), means)


def _ranks(scores: Floats) -> Floats:
    """Ranks from 1 of scores (b, k), of which less is better; equal scores have the better rank.

    >>> _ranks(np.array([[3.0, 1.0, 1.0, 2.0], [1.0, np.inf, 2.0, np.inf]]))
    array([[4, 1, 1, 3],
           [1, 3, 2, 3]])
    """
    ordered = np.sort(scores, axis=1)
    with np.errstate(invalid="ignore"):
        gap = np.diff(ordered, axis=1) > _SAME * np.abs(ordered[:, 1:])
    gap |= np.isinf(ordered[:, 1:]) & np.isfinite(ordered[:, :-1])
    place = np.concatenate([np.zeros((len(scores), 1), bool), gap], axis=1)
    count = np.maximum.accumulate(place * np.arange(scores.shape[1]), axis=1) + 1
    ranks = np.empty(scores.shape, dtype=int)
    np.put_along_axis(ranks, np.argsort(scores, axis=1, kind="stable"), count, axis=1)
    return ranks
