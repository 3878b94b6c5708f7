"""Scores, paired differences and rankings of methods, from what each predicted row contributes.

Everything reads one long table of points: method, model, split, weights, row, cluster, error,
log_score, crps, pit, one line a method and predicted row. Bands resample clusters (`clusters`);
methods that are compared are resampled together.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from dirimix import scores
from dirimix.assess.schema import SCORE_WORDS, TABLES
from dirimix.laws.bands import Bootstrap, band_of
from dirimix.scores import SCORES, Points

Row = dict[str, object]
COMPARED = ("rms", "log_score", "crps")


def columns_of(points: pd.DataFrame) -> Points:
    """What each of n rows contributes to the scores, (n,) arrays by name."""
    return {name: points[name].to_numpy() for name in ("error", "log_score", "crps", "pit")}


def score_rows(points: pd.DataFrame, bootstrap: Bootstrap) -> pd.DataFrame:
    """All scores of every method, model, split and weights, each with its band."""
    keys = ["method", "model", "split", "weights"]
    rows = [
        {key: each[key].iloc[0] for key in keys}
        | scores.score_points(columns_of(each), bootstrap, clusters=each["cluster"].to_numpy())
        for _, each in points.groupby(keys, sort=False)
    ]
    return pd.DataFrame(rows, columns=pd.Index(TABLES["scores"].columns()))


def pair_rows(
    pairs: Iterable[Sequence[str]], points: pd.DataFrame, bootstrap: Bootstrap
) -> pd.DataFrame:
    """Differences a - b on the rows that both predict, under every split that both have.

    Args:
        pairs: Names of two methods; 'METHOD:MODEL' is one model of a method that mixes none.
        points: The table of points; only field weights are compared.
        bootstrap: Of the bands.
    """
    by_name = _by_name(points)
    rows = [
        row
        for a, b in pairs
        if a in by_name and b in by_name
        for row in _pair(a, b, by_name, bootstrap)
    ]
    return pd.DataFrame(rows, columns=pd.Index(TABLES["pairs"].columns()))


def _by_name(points: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The points of field weights of each method, or of each of its models."""
    field = points.loc[points["weights"] == "field"]
    return {
        f"{method}:{model}" if model else str(method): rows
        for (method, model), rows in field.groupby(["method", "model"], sort=False)
    }


def _pair(
    a: str, b: str, by_name: Mapping[str, pd.DataFrame], bootstrap: Bootstrap
) -> Iterable[Row]:
    one, other = by_name[a], by_name[b]
    for split in one["split"].unique():
        first = one.loc[one["split"] == split].set_index("row")
        second = other.loc[other["split"] == split].set_index("row")
        both = first.index.intersection(second.index)
        if len(both):
            where = {"a": a, "b": b, "split": split}
            yield from (
                where | row for row in _differences(first.loc[both], second.loc[both], bootstrap)
            )


def _differences(a: pd.DataFrame, b: pd.DataFrame, bootstrap: Bootstrap) -> Iterable[Row]:
    for name in COMPARED:
        score = SCORES[name]
        values = np.stack([score.contribution(columns_of(rows)) for rows in (a, b)], axis=1)
        if np.isnan(values).any():
            continue  # leave-one-out knows the log score only
        resamples = score.of_mean(bootstrap.means(values, a["cluster"].to_numpy()))
        band = band_of(resamples[:, 0] - resamples[:, 1])
        first, second = score.of_mean(values.mean(axis=0))
        yield {
            "score": name,
            "n": len(a),
            "clusters": a["cluster"].nunique(),
            "difference": float(first - second),
            "lo": band.lo,
            "hi": band.hi,
        }


def ranking(points: pd.DataFrame, bootstrap: Bootstrap) -> pd.DataFrame:
    """The methods of every split in order of each score, with what resampling makes of the order.

    Only methods that predict every row of the split are ranked. `rank_lo` and `rank_hi` hold
    90 % of a method's ranks over the resamples, `share_best` is how often it comes first, and
    `difference` is to the one that is best.
    """
    rows = [
        row
        for split in points["split"].unique()
        for row in _ranked(str(split), points.loc[points["split"] == split], bootstrap)
    ]
    return pd.DataFrame(rows, columns=pd.Index(TABLES["ranking"].columns()))


def _ranked(split: str, points: pd.DataFrame, bootstrap: Bootstrap) -> Iterable[Row]:
    by_name = {k: v.sort_values("row") for k, v in _by_name(points).items()}
    n = max(map(len, by_name.values()), default=0)
    tables = {name: rows for name, rows in by_name.items() if len(rows) == n}
    for score in COMPARED if len(tables) > 1 else ():
        columns = {k: SCORES[score].contribution(columns_of(v)) for k, v in tables.items()}
        known = {k: v for k, v in columns.items() if not np.isnan(v).any()}
        if len(known) > 1:
            yield from _order(split, score, known, tables, bootstrap)


def _order(
    split: str,
    score: str,
    columns: Mapping[str, np.ndarray],
    tables: Mapping[str, pd.DataFrame],
    bootstrap: Bootstrap,
) -> Iterable[Row]:
    names = list(columns)
    clusters = tables[names[0]]["cluster"].to_numpy()
    values = np.stack(list(columns.values()), axis=1)
    sign = -1.0 if SCORE_WORDS[score].gain else 1.0
    found = SCORES[score].of_mean(values.mean(axis=0))
    resamples = SCORES[score].of_mean(bootstrap.means(values, clusters))
    ranks = np.argsort(np.argsort(sign * resamples, axis=1), axis=1) + 1.0
    ranks[np.isnan(resamples).any(axis=1)] = np.nan  # one cluster: nothing to resample
    order = np.argsort(sign * found, kind="stable")
    best = order[0]
    for rank, k in enumerate(order, start=1):
        method, _, model = names[k].partition(":")
        band = band_of(resamples[:, k] - resamples[:, best])
        low, high = np.quantile(ranks[:, k], [0.05, 0.95])
        yield {
            "split": split,
            "score": score,
            "rank": rank,
            "method": method,
            "model": model,
            "n": len(values),
            "clusters": len(np.unique(clusters)),
            "value": float(found[k]),
            "rank_lo": _whole(np.floor(low)),
            "rank_hi": _whole(np.ceil(high)),
            "share_best": float(np.mean(np.where(np.isnan(ranks[:, k]), np.nan, ranks[:, k] == 1))),
            "best": names[best],
            "difference": float(found[k] - found[best]),
            "difference_lo": band.lo,
            "difference_hi": band.hi,
        }


def _whole(rank: float) -> float:
    """A rank as a whole number, if there is one."""
    return rank if np.isnan(rank) else int(rank)
