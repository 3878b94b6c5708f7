"""The tables that a fitted method gives: scores, predictions, weights and how it was sampled."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import warnings
from collections import defaultdict

import numpy as np
import pandas as pd

from dirimix._arrays import Floats
from dirimix.assess.loo import loo_tables
from dirimix.assess.options import Reversion, Threshold
from dirimix.assess.reversion import reversion_tables
from dirimix.assess.schema import QUANTILES
from dirimix.assess.sensitivity import sensitivity_tables
from dirimix.assess.size import size_rows, size_warning
from dirimix.assess.threshold import threshold_tables
from dirimix.assess.weight_tables import located, weight_tables
from dirimix.errors import SizeWarning
from dirimix.estimators.fitted import FittedMethod, View, predicted_rows, views
from dirimix.laws.bands import nominal_band
from dirimix.laws.bootstrap import Bootstrap
from dirimix.laws.transformed_mixture import PredictiveLaw
from dirimix.scores import Points, coverage_of, points_of, score_points
from dirimix.table.split import SplitTable

LEVELS = tuple(np.round(np.arange(0.05, 1.0, 0.05), 2))  # of the coverage curve
Tables = dict[str, pd.DataFrame]


def method_tables(
    fitted: FittedMethod,
    data: SplitTable,
    bootstrap: Bootstrap,
    *,
    reversion: Reversion | None = None,
    threshold: Threshold | None = None,
    along: str = "",
) -> Tables:
    """Every table of a method fitted to all training rows; those without rows are left out.

    Their columns, by the tables' names in `schema.TABLES`, are described in docs/files.md. A
    threshold is followed along the coordinate `along`; without one there are no such tables.
    """
    found = _law_tables(fitted, data, bootstrap) | _fit_tables(fitted)
    said = size_warning(fitted, data, found)
    if said:
        warnings.warn(said, SizeWarning, stacklevel=2)
    found |= weight_tables(fitted, data) | _part_tables(fitted, data) | loo_tables(fitted, data)
    found |= reversion_tables(fitted, data, reversion or Reversion()) | sensitivity_tables(fitted)
    if threshold is not None:
        found |= threshold_tables(fitted, data, threshold, along)
    return of_method(fitted, found)


def of_method(fitted: FittedMethod, tables: Tables) -> Tables:
    """The tables that have rows, with the method's name in front."""
    return {k: located(table, method=fitted.name) for k, table in tables.items() if len(table)}


def summarise_law(law: PredictiveLaw) -> dict[str, Floats]:
    """Columns mean, sd and the quantiles of `QUANTILES`, each (m,), of a law at m sites."""
    quantiles = law.quantiles(list(QUANTILES.values()))
    return {"mean": law.mean(), "sd": law.std(), **dict(zip(QUANTILES, quantiles.T, strict=True))}


def point_table(fitted: FittedMethod, data: SplitTable, split: str) -> pd.DataFrame:
    """What each row of a split contributes to the scores of the field weights."""
    y = data.parts[split].y
    assert y is not None
    found = [
        _pointwise(view, split, points_of(view.law, y[view.rows]))
        for view in views(fitted, data, split)
        if view.weights == "field"
    ]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _fit_tables(fitted: FittedMethod) -> Tables:
    """What estimators say of their own fits."""
    parts: defaultdict[str, list[pd.DataFrame]] = defaultdict(list)
    for model, member in fitted.members.items():
        report = member.fit_report()
        if report.evidence is not None:
            parts["evidence"].append(report.evidence)
        if report.candidates is not None:
            parts["candidates"].append(report.candidates)
        if report.diagnostics is not None:
            own = report.diagnostics
            named = f"{model}: " + own["parameter"] if model else own["parameter"]
            parts["diagnostics"].append(own.assign(parameter=named))
        if report.sampling is not None:
            row = {"model": model, **report.sampling, "reasons": "; ".join(report.reasons)}
            parts["sampling"].append(pd.DataFrame([row]))
    return {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}


def _law_tables(fitted: FittedMethod, data: SplitTable, bootstrap: Bootstrap) -> Tables:
    """The tables that come from predictive laws, each law made once."""
    parts: defaultdict[str, list[pd.DataFrame]] = defaultdict(list)
    for split, rows in data.parts.items():
        outside = fitted.outside(rows.frame)
        for view in views(fitted, data, split):
            if rows.y is not None:
                points = points_of(view.law, rows.y[view.rows])
                row = pd.DataFrame([score_points(points, bootstrap)])
                row["outside"] = int(outside[view.rows].sum())
                where = {"model": view.model, "split": split, "weights": view.weights}
                parts["scores"].append(located(row, **where))
                parts["coverage"].append(located(_coverage(points["pit"]), **where))
                parts["pointwise"].append(_pointwise(view, split, points))
            if view.weights == "field":
                parts["predictions"].append(_predictions(view, data, split))
    found = {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}
    if "pointwise" in found:
        points = located(found["pointwise"], method=fitted.name)
        points["cluster"] = points["row"]
        found["coverage_by_size"] = size_rows(points).drop(columns="method")
    return found


def _coverage(pit: Floats) -> pd.DataFrame:
    """The coverage curve of probability integral transforms, (m,)."""
    table = pd.DataFrame({"n": len(pit), "level": LEVELS, "coverage": coverage_of(pit, LEVELS)})
    bands = [nominal_band(level, len(pit)) for level in LEVELS]
    return table.assign(nominal_lo=[b.lo for b in bands], nominal_hi=[b.hi for b in bands])


def _pointwise(view: View, split: str, points: Points) -> pd.DataFrame:
    """Each row's contribution to the scores."""
    table = pd.DataFrame({"row": view.rows, **points})
    return located(table, model=view.model, split=split, weights=view.weights)


def _predictions(view: View, data: SplitTable, split: str) -> pd.DataFrame:
    rows = data.parts[split]
    coords = rows.frame[data.site_columns].iloc[view.rows].reset_index(drop=True)
    observed = np.full(len(view.rows), np.nan) if rows.y is None else rows.y[view.rows]
    table = coords.assign(observed=observed, **summarise_law(view.law))
    return located(table, model=view.model, split=split)


def _part_tables(fitted: FittedMethod, data: SplitTable) -> Tables:
    """What predictions are made of, by the members of a method that can say it."""
    reports = {model: member.fit_report() for model, member in fitted.members.items()}
    offered = {model: report.parts for model, report in reports.items() if report.parts}
    found: list[pd.DataFrame] = []
    for split, rows in data.parts.items() if offered else ():
        frame = fitted.prepared(rows.frame)
        for model, parts in offered.items():
            index = predicted_rows(model, rows.frame)
            if not len(index):
                continue
            sites = frame.iloc[index].reset_index(drop=True)
            table = pd.concat([sites[data.site_columns], parts(sites)], axis=1)
            found.append(located(table, model=model, split=split))
    return {"parts": pd.concat(found, ignore_index=True)} if found else {}
