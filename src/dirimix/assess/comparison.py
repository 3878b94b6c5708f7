"""Scores, paired differences and rankings of methods, from what each predicted row contributes.

Everything reads one long table of points: method, model, split, weights, row, cluster, error,
log_score, crps, pit, one line a method and predicted row. Bands resample clusters (`clusters`);
methods that are compared are resampled together.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dirimix._arrays import Floats, Indices
from dirimix.assess.schema import SCORE_WORDS, TABLES
from dirimix.laws.bands import Bootstrap, band_of, difference_of
from dirimix.scores import SCORES, Points, score_points

Row = dict[str, Any]
COMPARED = ("rms", "log_score", "crps")


def columns_of(points: pd.DataFrame) -> Points:
    """What each of n rows contributes to the scores, (n,) arrays by name."""
    return {name: points[name].to_numpy() for name in ("error", "log_score", "crps", "pit")}


def score_rows(points: pd.DataFrame, bootstrap: Bootstrap) -> pd.DataFrame:
    """All scores of every method, model, split and weights, each with its band."""
    keys = ["method", "model", "split", "weights"]
    rows = [
        {key: each[key].iloc[0] for key in keys}
        | score_points(columns_of(each), bootstrap, clusters=each["cluster"])
        for _, each in points.groupby(keys, sort=False)
    ]
    return pd.DataFrame(rows, columns=pd.Index(TABLES["scores"].columns()))


def pair_rows(
    pairs: Iterable[Sequence[str]], points: pd.DataFrame, bootstrap: Bootstrap
) -> pd.DataFrame:
    """Differences a - b on the rows that both predict, under every split that both have.

    A pair names two methods; 'METHOD:MODEL' is one model of a method that mixes none. Only field
    weights are compared.
    """
    by_name = _by_name(points)
    rows = [
        {"a": a, "b": b, "split": split} | row
        for a, b in pairs
        if a in by_name and b in by_name
        for split in by_name[a]["split"].unique()
        for row in _differences(by_name[a], by_name[b], split, bootstrap)
    ]
    return pd.DataFrame(rows, columns=pd.Index(TABLES["pairs"].columns()))


def _by_name(points: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The points of field weights of each method, or of each of its models."""
    field = points.loc[points["weights"] == "field"]
    return {
        f"{method}:{model}" if model else str(method): rows
        for (method, model), rows in field.groupby(["method", "model"], sort=False)
    }


def _differences(
    a: pd.DataFrame, b: pd.DataFrame, split: str, bootstrap: Bootstrap
) -> Iterable[Row]:
    first, second = (rows.loc[rows["split"] == split].set_index("row") for rows in (a, b))
    both = first.index.intersection(second.index)
    clusters = first["cluster"].loc[both]
    for name in COMPARED if len(both) else ():
        columns = (columns_of(rows.loc[both]) for rows in (first, second))
        values = np.stack(
            [SCORES[name].contribution(points) for points in columns], axis=1, dtype=float
        )
        if np.isnan(values).any():
            continue  # leave-one-out gives the log score only
        found = difference_of(values, SCORES[name].of_mean, bootstrap, clusters=clusters)
        size = {"score": name, "n": len(both), "clusters": clusters.nunique()}
        yield size | {"difference": found.mean, "lo": found.lo, "hi": found.hi}


def ranking(points: pd.DataFrame, bootstrap: Bootstrap) -> pd.DataFrame:
    """The methods of every split in order of each score, with what resampling makes of the order.

    Only methods that predict every row of the split are ranked. `rank_lo` and `rank_hi` hold
    90 % of a method's ranks over the resamples, `share_best` is how often it comes first, and
    `difference` is to the one that is best.
    """
    rows: list[Row] = []
    for split, part in points.groupby("split", sort=False):
        by_name = {k: v.sort_values("row") for k, v in _by_name(part).items()}
        n = max(map(len, by_name.values()), default=0)
        tables = {name: table for name, table in by_name.items() if len(table) == n}
        for score in COMPARED:
            columns = {k: SCORES[score].contribution(columns_of(v)) for k, v in tables.items()}
            names = [k for k, v in columns.items() if not np.isnan(v).any()]
            if len(names) > 1:
                values = np.stack([columns[k] for k in names], axis=1, dtype=float)
                clusters = tables[names[0]]["cluster"].to_numpy()
                order = _order(score, names, values, clusters, bootstrap)
                rows += ({"split": split, "score": score} | row for row in order)
    return pd.DataFrame(rows, columns=pd.Index(TABLES["ranking"].columns()))


def _order(
    score: str, names: list[str], values: Floats, clusters: Indices, bootstrap: Bootstrap
) -> Iterable[Row]:
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
        known = not np.isnan(low)
        yield {
            "rank": rank,
            "method": method,
            "model": model,
            "n": len(values),
            "clusters": len(np.unique(clusters)),
            "value": float(found[k]),
            "rank_lo": int(low) if known else low,
            "rank_hi": int(np.ceil(high)) if known else high,
            "share_best": float(np.mean(ranks[:, k] == 1)) if known else np.nan,
            "best": names[best],
            "difference": float(found[k] - found[best]),
            "difference_lo": band.lo,
            "difference_hi": band.hi,
        }
