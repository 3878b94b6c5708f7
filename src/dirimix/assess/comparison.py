"""Scores, paired differences and rankings of methods, from what each predicted row contributes.

Everything reads one long table of points: method, model, split, weights, row, cluster, error,
log_score, crps, pit, one line a method and predicted row. Bands resample clusters (`clusters`);
methods that are compared are resampled together.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dirimix.laws.bands import band_of, resampled_means
from dirimix.scores import LEVELS

Row = dict[str, object]
PAIR_COLUMNS = ("a", "b", "split", "score", "n", "clusters", "difference", "lo", "hi")
RANKING_COLUMNS = (
    "split", "score", "rank", "method", "model", "n", "clusters", "value", "rank_lo", "rank_hi",
    "share_best", "best", "difference", "difference_lo", "difference_hi",
)  # fmt: skip


@dataclass(frozen=True)
class Score:
    """A score that is a function of a mean over rows.

    Attributes:
        contribution: What each row adds to the mean, from the table of points.
        of_mean: The score, given the mean.
        gain: More of it is better.
    """

    contribution: Callable[[pd.DataFrame], np.ndarray]
    of_mean: Callable[[np.ndarray], np.ndarray] = np.asarray
    gain: bool = False


def _inside(level: float) -> Callable[[pd.DataFrame], np.ndarray]:
    return lambda points: np.abs(points["pit"].to_numpy() - 0.5) <= level / 2


SCORES: dict[str, Score] = {
    "rms": Score(lambda points: points["error"].to_numpy() ** 2, np.sqrt),
    "mae": Score(lambda points: np.abs(points["error"].to_numpy())),
    "crps": Score(lambda points: points["crps"].to_numpy()),
    "log_score": Score(lambda points: points["log_score"].to_numpy(), gain=True),
    **{f"coverage_{round(100 * level)}": Score(_inside(level)) for level in LEVELS},
    "below_median": Score(lambda points: points["pit"].to_numpy() < 0.5),
}
COMPARED = ("rms", "log_score", "crps")


@dataclass(frozen=True)
class Resampling:
    """Seed and number of the resamples of a band."""

    seed: int
    n_boot: int

    def means(self, values: np.ndarray, points: pd.DataFrame) -> np.ndarray:
        """Resampled column means of values (n, c) at the rows of the points, (n_boot, c)."""
        return resampled_means(values, points["cluster"].to_numpy(), self.seed, self.n_boot)


def score_rows(points: pd.DataFrame, resampling: Resampling) -> pd.DataFrame:
    """All scores of every method, model, split and weights, each with its band."""
    keys = ["method", "model", "split", "weights"]
    groups = [rows for _, rows in points.groupby(keys, sort=False)]
    return pd.DataFrame(
        [{k: rows[k].iloc[0] for k in keys} | score_row(rows, resampling) for rows in groups]
    )


def score_row(points: pd.DataFrame, resampling: Resampling) -> Row:
    """n; then NAME, NAME_lo, NAME_hi of every score."""
    values = np.stack([score.contribution(points) for score in SCORES.values()], axis=1)
    resamples = resampling.means(values, points)
    row: Row = {"n": len(points)}
    for (name, score), mean, column in zip(
        SCORES.items(), values.mean(axis=0), resamples.T, strict=True
    ):
        band = band_of(score.of_mean(column))
        row |= {name: float(score.of_mean(mean)), f"{name}_lo": band.lo, f"{name}_hi": band.hi}
    return row


def pair_rows(
    pairs: Iterable[Sequence[str]], points: pd.DataFrame, resampling: Resampling
) -> pd.DataFrame:
    """Differences a - b on the rows that both predict, under every split that both have.

    Args:
        pairs: Names of two methods; 'METHOD:MODEL' is one model of a method that mixes none.
        points: The table of points; only field weights are compared.
        resampling: Of the bands.
    """
    by_name = _by_name(points)
    rows = [
        row
        for a, b in pairs
        if a in by_name and b in by_name
        for row in _pair(a, b, by_name, resampling)
    ]
    return pd.DataFrame(rows, columns=pd.Index(PAIR_COLUMNS))


def _by_name(points: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The points of field weights of each method, or of each of its models."""
    field = points.loc[points["weights"] == "field"]
    return {
        f"{method}:{model}" if model else str(method): rows
        for (method, model), rows in field.groupby(["method", "model"], sort=False)
    }


def _pair(
    a: str, b: str, by_name: Mapping[str, pd.DataFrame], resampling: Resampling
) -> Iterable[Row]:
    one, other = by_name[a], by_name[b]
    for split in one["split"].unique():
        first = one.loc[one["split"] == split].set_index("row")
        second = other.loc[other["split"] == split].set_index("row")
        both = first.index.intersection(second.index)
        if len(both):
            where = {"a": a, "b": b, "split": split}
            yield from (
                where | row for row in _differences(first.loc[both], second.loc[both], resampling)
            )


def _differences(a: pd.DataFrame, b: pd.DataFrame, resampling: Resampling) -> Iterable[Row]:
    for name in COMPARED:
        score = SCORES[name]
        values = np.stack([score.contribution(a), score.contribution(b)], axis=1)
        if np.isnan(values).any():
            continue  # leave-one-out knows the log score only
        resamples = score.of_mean(resampling.means(values, a))
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


def ranking(points: pd.DataFrame, resampling: Resampling) -> pd.DataFrame:
    """The methods of every split in order of each score, with what resampling makes of the order.

    Only methods that predict every row of the split are ranked. `rank_lo` and `rank_hi` hold
    90 % of a method's ranks over the resamples, `share_best` is how often it comes first, and
    `difference` is to the one that is best.
    """
    rows = [
        row
        for split in points["split"].unique()
        for row in _ranked(str(split), points.loc[points["split"] == split], resampling)
    ]
    return pd.DataFrame(rows, columns=pd.Index(RANKING_COLUMNS))


def _ranked(split: str, points: pd.DataFrame, resampling: Resampling) -> Iterable[Row]:
    by_name = {k: v.sort_values("row") for k, v in _by_name(points).items()}
    n = max(map(len, by_name.values()), default=0)
    tables = {name: rows for name, rows in by_name.items() if len(rows) == n}
    for score in COMPARED if len(tables) > 1 else ():
        columns = {k: SCORES[score].contribution(v) for k, v in tables.items()}
        known = {k: v for k, v in columns.items() if not np.isnan(v).any()}
        if len(known) > 1:
            yield from _order(split, score, known, tables, resampling)


def _order(
    split: str,
    score: str,
    columns: Mapping[str, np.ndarray],
    tables: Mapping[str, pd.DataFrame],
    resampling: Resampling,
) -> Iterable[Row]:
    names = list(columns)
    any_table = tables[names[0]]
    values = np.stack(list(columns.values()), axis=1)
    sign = -1.0 if SCORES[score].gain else 1.0
    found = SCORES[score].of_mean(values.mean(axis=0))
    resamples = SCORES[score].of_mean(resampling.means(values, any_table))
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
            "clusters": any_table["cluster"].nunique(),
            "value": float(found[k]),
            "rank_lo": float(np.floor(low)),
            "rank_hi": float(np.ceil(high)),
            "share_best": float(np.mean(np.where(np.isnan(ranks[:, k]), np.nan, ranks[:, k] == 1))),
            "best": names[best],
            "difference": float(found[k] - found[best]),
            "difference_lo": band.lo,
            "difference_hi": band.hi,
        }
