"""The tables that a fitted method gives: scores, predictions, weights and how it was sampled."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dirimix import scores
from dirimix.assess.loo import loo_tables
from dirimix.assess.weight_tables import weight_tables
from dirimix.estimators.fitted import FittedMethod, View, views
from dirimix.laws.crps import crps_values
from dirimix.laws.normal_mixture import NormalMixture
from dirimix.table.split import SplitTable

QUANTILES = {
    "q025": 0.025,
    "q05": 0.05,
    "q25": 0.25,
    "q50": 0.5,
    "q75": 0.75,
    "q95": 0.95,
    "q975": 0.975,
}
LEVELS = tuple(np.round(np.arange(0.05, 1.0, 0.05), 2))  # of the coverage curve


@dataclass(frozen=True)
class Scoring:
    """How scores are made: resamples of their bands, and the seed of these."""

    n_boot: int
    seed: int


def method_tables(
    fitted: FittedMethod, data: SplitTable, scoring: Scoring
) -> dict[str, pd.DataFrame]:
    """Every table of a fitted method, by name; those that it has no rows for are left out.

    Names: scores, coverage, pointwise, predictions, evidence, diagnostics, sampling, and those
    of `weight_tables` and `loo_tables`.
    """
    found = _law_tables(fitted, data, scoring)
    found |= weight_tables(fitted, data) | loo_tables(fitted, data)
    report = None if fitted.mixture is None else fitted.mixture.fit_report()
    if report is not None:
        if report.evidence is not None:
            found["evidence"] = report.evidence
        if report.diagnostics is not None:
            found["diagnostics"] = report.diagnostics
        if report.sampling is not None:
            row = {**report.sampling, "reasons": "; ".join(report.reasons)}
            found["sampling"] = pd.DataFrame([row])
    where = {"method": fitted.name}
    return {name: _located(table, where) for name, table in found.items() if len(table)}


def summarise_law(law: NormalMixture) -> dict[str, np.ndarray]:
    """Columns mean, sd and the quantiles of `QUANTILES`, each (m,)."""
    quantiles = law.quantiles(list(QUANTILES.values()))
    return {
        "mean": law.mean(),
        "sd": law.std(),
        **dict(zip(QUANTILES, quantiles.T, strict=True)),
    }


def _located(table: pd.DataFrame, where: Mapping[str, str]) -> pd.DataFrame:
    """The table with constant columns in front."""
    front = pd.DataFrame(dict(where), index=table.index)
    return pd.concat([front, table], axis=1)


def _concatenated(tables: Iterator[pd.DataFrame]) -> pd.DataFrame:
    found = list(tables)
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _law_tables(
    fitted: FittedMethod, data: SplitTable, scoring: Scoring
) -> dict[str, pd.DataFrame]:
    """The tables that come from predictive laws, each law made once."""
    rows: dict[str, list] = {"scores": [], "coverage": [], "pointwise": [], "predictions": []}
    for split in data.parts:
        for view in views(fitted, data, split):
            y = data.parts[split].y
            if y is not None:
                observed = y[view.rows]
                where = {"model": view.model, "split": split, "weights": view.weights}
                row = scores.score_row(view.law, observed, seed=scoring.seed, n_boot=scoring.n_boot)
                rows["scores"].append(_located(pd.DataFrame([row]), where))
                rows["coverage"].append(_located(_coverage(view.law, observed), where))
                rows["pointwise"].append(_located(_pointwise(view, observed), where))
            if view.weights == "field":
                rows["predictions"].append(_predictions(view, data, split))
    return {name: _concatenated(iter(tables)) for name, tables in rows.items()}


def _coverage(law: NormalMixture, y: np.ndarray) -> pd.DataFrame:
    found = scores.coverage(law, y, LEVELS)
    bands = [scores.nominal_band(level, len(y)) for level in LEVELS]
    return pd.DataFrame(
        {
            "n": len(y),
            "level": LEVELS,
            "coverage": found,
            "nominal_lo": [band.lo for band in bands],
            "nominal_hi": [band.hi for band in bands],
        }
    )


def _pointwise(view: View, y: np.ndarray) -> pd.DataFrame:
    """Each row's contribution to the scores."""
    return pd.DataFrame(
        {
            "row": view.rows,
            "error": view.law.mean() - y,
            "log_score": view.law.logpdf(y),
            "crps": crps_values(view.law, y),
            "pit": view.law.cdf(y),
        }
    )


def point_table(fitted: FittedMethod, data: SplitTable, split: str) -> pd.DataFrame:
    """What each row of a split contributes to the scores of the field weights."""
    y = data.parts[split].y
    assert y is not None
    return _concatenated(
        _located(_pointwise(view, y[view.rows]), {"model": view.model, "weights": view.weights})
        for view in views(fitted, data, split)
        if view.weights == "field"
    )


def _predictions(view: View, data: SplitTable, split: str) -> pd.DataFrame:
    rows = data.parts[split]
    coords = rows.frame[list(data.coords)].iloc[view.rows].reset_index(drop=True)
    observed = np.full(len(view.rows), np.nan) if rows.y is None else rows.y[view.rows]
    table = coords.assign(observed=observed, **summarise_law(view.law))
    return _located(table, {"model": view.model, "split": split})
