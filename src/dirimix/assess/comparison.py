"""Scores and paired differences of methods, from what each predicted row contributes.

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

from dirimix.assess.schema import TABLES
from dirimix.laws.bands import difference_of
from dirimix.laws.bootstrap import Bootstrap
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
    found = by_name(points)
    rows = [
        {"a": a, "b": b, "split": split} | row
        for a, b in pairs
        if a in found and b in found
        for split in found[a]["split"].unique()
        for row in _differences(found[a], found[b], split, bootstrap)
    ]
    return pd.DataFrame(rows, columns=pd.Index(TABLES["pairs"].columns()))


def by_name(points: pd.DataFrame) -> dict[str, pd.DataFrame]:
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
        score = SCORES[name]
        found = difference_of(values, score.of_mean, score.slope, bootstrap, clusters=clusters)
        size = {"score": name, "n": len(both), "clusters": clusters.nunique()}
        yield size | {"difference": found.mean, "lo": found.lo, "hi": found.hi}
