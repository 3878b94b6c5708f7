"""Figures of scores, weights and predictions: tables in, Axes out.

Nothing here computes a statistic or shows a window. Colours belong to methods, so that a method
looks the same in every figure; dashed lines and hollow marks are its variants.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import Collection

from dirimix.assess.schema import row_label
from dirimix.report.look import (
    FOREGROUND,
    MUTED,
    PALETTE,
    ColumnLabels,
    blocks,
    colour_bar,
    method_colour,
    method_line_style,
    name_places,
    panels,
    style_axes,
)
from dirimix.report.site_map import draw_map, label_map
from dirimix.table.coordinates import as_numbers

PANEL = 2.9, 2.35  # inches of a small map


def coverage_curves(coverage: pd.DataFrame, axes: Axes) -> Axes:
    """Share of the observations inside central intervals, against the intervals' level.

    Args:
        coverage: A line a method and level, of one split. Columns: method; level, from 0 to 1;
            coverage, the share inside; nominal_lo and nominal_hi, between which that share of a
            calibrated method lies with 95 % probability.
        axes: Where to draw.
    """
    band = coverage.drop_duplicates("level")
    axes.fill_between(
        band["level"], band["nominal_lo"], band["nominal_hi"], color=MUTED, alpha=0.25, lw=0
    )
    axes.plot([0, 1], [0, 1], color=MUTED, lw=1)
    for name, rows in coverage.groupby("method", sort=False):
        method = str(name)
        style = method_line_style(method)
        axes.plot(rows["level"], rows["coverage"], style, color=method_colour(method), label=method)
    axes.set(xlabel="nominal level", ylabel="share of observations inside", xlim=(0, 1))
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    axes.legend(
        loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=8,
        labelcolor=FOREGROUND,
    )  # fmt: skip
    return style_axes(axes)


def score_dots(
    scores: pd.DataFrame, score: str, label: str, names: ColumnLabels, axes: Axes
) -> Axes:
    """One score of every row as a dot with its band, hollow where weights are not field weights.

    Args:
        scores: A dot a line, in order from above. Columns: method; model, '' for a mixture;
            weights; SCORE, SCORE_lo and SCORE_hi, in the unit of the score.
        score: Name of the score.
        label: The score in words, with its unit.
        names: What to call the models.
        axes: Where to draw.
    """
    places = np.arange(len(scores))[::-1]
    rows = scores.to_dict("records")
    for place, row in zip(places, rows, strict=True):
        tint = method_colour(str(row["method"]))
        axes.plot([row[f"{score}_lo"], row[f"{score}_hi"]], [place, place], color=tint, lw=1.5)
        face = tint if row["weights"] == "field" else "none"
        axes.plot(row[score], place, "o", color=tint, markerfacecolor=face, ms=5)
    axes.set_yticks(places, [row_label(row, names.labels) for row in rows])
    axes.set_ylim(-0.7, len(scores) - 0.3)
    axes.set_xlabel(label)
    axes.grid(axis="x", color=MUTED, alpha=0.25, lw=0.7)
    return style_axes(axes)


def weight_bars(summary: pd.DataFrame, models: Sequence[str], names: ColumnLabels) -> np.ndarray:
    """Mean field weights, one panel a model, one bar a method with its 90 % band.

    Args:
        summary: A line a method and model, of one split. Columns: method, model, mean, q05, q95.
        models: Columns of the models, in order.
        names: What to call them.

    Returns:
        Axes, (1, models).
    """
    methods = list(dict.fromkeys(summary["method"]))
    grid = panels(1, len(models), 1.25, 0.26 * len(methods) + 0.7)
    places = np.arange(len(methods))[::-1]
    low, high = min(0.0, summary["q05"].min()), summary["q95"].max()
    for axes, model in zip(grid[0], models, strict=True):
        rows = summary[summary["model"] == model].set_index("method").loc[methods]
        axes.barh(places, rows["mean"], color=[method_colour(m) for m in methods], height=0.62)
        axes.hlines(places, rows["q05"], rows["q95"], color=FOREGROUND, lw=1)
        axes.axvline(0, color=FOREGROUND, lw=0.7)
        axes.set(xlim=(low - 0.02, high * 1.05), title=names.short(model))
        axes.set_yticks(places, methods if axes is grid[0, 0] else [""] * len(methods))
        style_axes(axes)
    return grid


def weight_maps(
    weights: pd.DataFrame,
    coords: Sequence[str],
    models: Sequence[str],
    names: ColumnLabels,
    *,
    top: float = 1.0,
) -> np.ndarray:
    """Mean field weights over the sites, one panel a method and model.

    With two coordinates a map on one colour scale, the training sites outlined; with one
    coordinate a line with its 90 % band. More coordinates: the first two.

    Args:
        weights: A line a method, site and model. Columns: method; split, 'train' at the training
            sites; the coordinates; model, mean, q05, q95.
        coords: Columns of the coordinates.
        models: Columns of the models, in order.
        names: What to call them.
        top: The weight at which the scale ends.

    Returns:
        Axes, (methods, models).
    """
    methods = list(dict.fromkeys(weights["method"]))
    grid, drawn = blocks(len(methods), len(models), *PANEL), None
    for axes, (method, model) in zip(
        grid.flat, ((m, k) for m in methods for k in models), strict=True
    ):
        rows = weights.loc[(weights["method"] == method) & (weights["model"] == model)]
        named = f"{method}: " if len(methods) > 1 else ""
        axes.set_title(f"{named}{names.short(model)}")
        if len(coords) == 1:
            _weight_line(rows, coords[0], names, method_colour(method), axes)
        else:
            drawn = _weight_map(rows, coords, names, top, axes)
    if drawn is not None:
        colour_bar(drawn, "mean field weight")
    return grid


def _weight_line(
    rows: pd.DataFrame, coord: str, names: ColumnLabels, tint: str, axes: Axes
) -> None:
    place = as_numbers(rows, [coord])[:, 0]
    order = np.argsort(place)
    rows, place = rows.iloc[order], place[order]
    axes.fill_between(place, rows["q05"], rows["q95"], color=tint, alpha=0.25, lw=0)
    axes.plot(place, rows["mean"], color=tint)
    seen = place[(rows["split"] == "train").to_numpy()]
    axes.plot(seen, np.zeros(len(seen)), "|", color=FOREGROUND, ms=4, clip_on=False)
    axes.set(xlabel=names.axis(coord), ylabel="weight", ylim=(0, 1))
    name_places(axes.xaxis, coord, names)
    style_axes(axes)


def _weight_map(
    rows: pd.DataFrame, coords: Sequence[str], names: ColumnLabels, top: float, axes: Axes
) -> Collection:
    sites = as_numbers(rows, coords[:2])
    trained = sites[(rows["split"] == "train").to_numpy()]
    drawn = draw_map(axes, sites, rows["mean"].to_numpy(), trained, clim=(0, top))
    label_map(axes, coords, names)
    return drawn


def residuals(predictions: pd.DataFrame, target: str, names: ColumnLabels, axes: Axes) -> Axes:
    """Observed minus predicted against predicted; test rows with their 90 % intervals.

    Args:
        predictions: A line a row of one method. Columns: method; split; observed, mean, q05 and
            q95, in the unit of the target.
        target: Column that is predicted.
        names: What to call it.
        axes: Where to draw.
    """
    train = predictions[predictions["split"] == "train"]
    test = predictions[predictions["split"] == "test"]
    method = str(predictions["method"].iloc[0])
    axes.plot(
        train["mean"], train["observed"] - train["mean"], ".", color=MUTED, ms=3, alpha=0.6,
        label="train", rasterized=True,
    )  # fmt: skip
    middle = test["observed"] - test["mean"]
    reach = [test["q95"] - test["mean"], test["mean"] - test["q05"]]
    axes.errorbar(
        test["mean"], middle, yerr=np.maximum(reach, 0), fmt="o", color=method_colour(method),
        ms=3, lw=0.8, label="test, 90 % interval",
    )  # fmt: skip
    axes.axhline(0, color=FOREGROUND, lw=0.7)
    axes.set(xlabel=f"predicted {names.axis(target)}", ylabel="observed - predicted", title=method)
    return style_axes(axes)


def trace(chains: np.ndarray, title: str, axes: Axes) -> Axes:
    """Draws of each chain in order.

    Args:
        chains: (chains, draws).
        title: Of the panel.
        axes: Where to draw.
    """
    for tint, chain in zip(np.resize(PALETTE, len(chains)), chains, strict=True):
        axes.plot(chain, color=str(tint), lw=0.4, alpha=0.7, rasterized=True)
    axes.set_title(title)
    return style_axes(axes)


def traces(draws: Mapping[str, np.ndarray]) -> np.ndarray:
    """Draws of each chain in order, one panel a parameter.

    Args:
        draws: Parameter -> (chains, draws).

    Returns:
        Axes, (parameters,).
    """
    grid = blocks(1, len(draws), 2.9, 1.35)[0]
    for axes, (name, chains) in zip(grid, draws.items(), strict=True):
        trace(chains, name, axes)
    return grid
