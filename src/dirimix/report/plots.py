"""Pictures of scores, weights and predictions: data in, Axes out.

Nothing here computes a statistic or shows a window. Colours belong to methods, so that a method
looks the same in every picture; dashed lines and hollow marks are its variants.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from dirimix.report.look import INK, QUIET, SERIES, ColumnLabels, colour, dress, line_style, panels
from dirimix.report.site_map import draw_outline, draw_values, half_steps

_LOCAL = colour("lbmm-gpd")


def coverage_curves(coverage: pd.DataFrame, axes: Axes) -> Axes:
    """Share of the observations inside central intervals, against the intervals' level.

    Args:
        coverage: Columns method, level, coverage, nominal_lo, nominal_hi, for one split.
        axes: Where to draw.
    """
    band = coverage.drop_duplicates("level")
    axes.fill_between(
        band["level"], band["nominal_lo"], band["nominal_hi"], color=QUIET, alpha=0.25, lw=0
    )
    axes.plot([0, 1], [0, 1], color=QUIET, lw=1)
    for method, rows in coverage.groupby("method", sort=False):
        style = line_style(str(method))
        axes.plot(rows["level"], rows["coverage"], style, color=colour(str(method)), label=method)
    axes.set(xlabel="nominal level", ylabel="share of observations inside", xlim=(0, 1))
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    axes.legend(
        loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=8, labelcolor=INK
    )
    return dress(axes)


def score_dots(scores: pd.DataFrame, score: str, label: str, axes: Axes) -> Axes:
    """One score of every row as a dot with its band, hollow where weights are not field weights.

    Args:
        scores: Columns method, model, weights, SCORE, SCORE_lo, SCORE_hi; one row a line.
        score: Name of the score.
        label: The score in words, with its unit.
        axes: Where to draw.
    """
    places = np.arange(len(scores))[::-1]
    for place, row in zip(places, scores.to_dict("records"), strict=True):
        tint = colour(str(row["method"]))
        axes.plot([row[f"{score}_lo"], row[f"{score}_hi"]], [place, place], color=tint, lw=1.5)
        face = tint if row["weights"] == "field" else "none"
        axes.plot(row[score], place, "o", color=tint, markerfacecolor=face, ms=5)
    axes.set_yticks(places, [row_name(row) for row in scores.to_dict("records")])
    axes.set_ylim(-0.7, len(scores) - 0.3)
    axes.set_xlabel(label)
    axes.grid(axis="x", color=QUIET, alpha=0.25, lw=0.7)
    return dress(axes)


def row_name(row: Mapping[str, object]) -> str:
    """A line of the score table in a few words."""
    model = f" {row['model']}" if row.get("model") else ""
    weights = "" if row["weights"] == "field" else f", {row['weights']}"
    return f"{row['method']}{model}{weights}"


def weight_bars(summary: pd.DataFrame, models: Sequence[str], names: ColumnLabels) -> np.ndarray:
    """Mean field weights, one panel a model, one bar a method with its 90 % band.

    Args:
        summary: Columns method, model, mean, q05, q95, for one split.
        models: Columns of the models, in order.
        names: What to call them.

    Returns:
        Axes, (1, K).
    """
    methods = list(dict.fromkeys(summary["method"]))
    grid = panels(1, len(models), 1.25, 0.26 * len(methods) + 0.7)
    places = np.arange(len(methods))[::-1]
    low, high = min(0.0, summary["q05"].min()), summary["q95"].max()
    for axes, model in zip(grid[0], models, strict=True):
        rows = summary[summary["model"] == model].set_index("method").loc[methods]
        tints = [colour(m) for m in methods]
        axes.barh(places, rows["mean"], color=tints, height=0.62)
        axes.hlines(places, rows["q05"], rows["q95"], color=INK, lw=1)
        axes.axvline(0, color=INK, lw=0.7)
        axes.set(xlim=(low - 0.02, high * 1.05), title=names.short(model))
        axes.set_yticks(places, methods if axes is grid[0, 0] else [""] * len(methods))
        dress(axes)
    return grid


def weight_maps(
    weights: pd.DataFrame, coords: Sequence[str], models: Sequence[str], names: ColumnLabels
) -> np.ndarray:
    """Field weights over the sites, one panel a model.

    With two coordinates a map on one colour scale, the training sites outlined; with one
    coordinate a line with its 90 % band. More coordinates: the first two.

    Args:
        weights: Columns split, the coordinates, model, mean, q05, q95, of one method.
        coords: Columns of the coordinates.
        models: Columns of the models, in order.
        names: What to call them.

    Returns:
        Axes, (rows, columns); the unused ones are switched off.
    """
    columns = min(3, len(models))
    grid = panels(-(-len(models) // columns), columns, 2.9, 2.35)
    for axes, model in zip(grid.flat, models, strict=False):
        rows = weights.loc[weights["model"] == model]
        draw = _weight_line if len(coords) == 1 else _weight_map
        draw(rows, coords, axes)
        axes.set_title(names.short(model))
        axes.set_xlabel(names.axis(coords[-1] if len(coords) > 1 else coords[0]))
        axes.set_ylabel(names.axis(coords[0]) if len(coords) > 1 else "weight")
        dress(axes)
    for axes in grid.flat[len(models) :]:
        axes.set_axis_off()
    if len(coords) > 1:
        _weight_scale(grid)
    return grid


def _weight_line(rows: pd.DataFrame, coords: Sequence[str], axes: Axes) -> None:
    rows = rows.iloc[np.argsort(rows[coords[0]].to_numpy())]
    x = rows[coords[0]]
    axes.fill_between(x, rows["q05"], rows["q95"], color=_LOCAL, alpha=0.25, lw=0)
    axes.plot(x, rows["mean"], color=_LOCAL)
    seen = rows[rows["split"] == "train"][coords[0]]
    axes.plot(seen, np.zeros(len(seen)), "|", color=INK, ms=4, clip_on=False)
    axes.set_ylim(0, 1)


def _weight_map(rows: pd.DataFrame, coords: Sequence[str], axes: Axes) -> None:
    sites = rows[list(coords[:2])].to_numpy(dtype=float)
    seen = sites[(rows["split"] == "train").to_numpy()]
    draw_values(axes, sites, rows["mean"].to_numpy(), cmap="viridis", clim=(0, 1))
    draw_outline(axes, seen, half_steps(sites), colors="white", lw=0.9)


def _weight_scale(grid: np.ndarray) -> None:
    figure = grid.flat[0].figure
    bar = figure.colorbar(grid.flat[0].collections[0], ax=grid, shrink=0.6, aspect=30)
    bar.set_label("mean field weight", color=INK, fontsize=9)
    bar.ax.tick_params(colors=INK, labelsize=8)
    bar.outline.set_visible(False)


def residuals(predictions: pd.DataFrame, target: str, names: ColumnLabels, axes: Axes) -> Axes:
    """Observed minus predicted against predicted; test rows with their 90 % intervals.

    Args:
        predictions: Columns split, observed, mean, q05, q95, of one method.
        target: Column that is predicted.
        names: What to call it.
        axes: Where to draw.
    """
    train = predictions[predictions["split"] == "train"]
    test = predictions[predictions["split"] == "test"]
    method = str(predictions["method"].iloc[0])
    axes.plot(
        train["mean"], train["observed"] - train["mean"], ".", color=QUIET, ms=3, alpha=0.6,
        label="train", rasterized=True,
    )  # fmt: skip
    middle = test["observed"] - test["mean"]
    reach = [test["q95"] - test["mean"], test["mean"] - test["q05"]]
    axes.errorbar(
        test["mean"], middle, yerr=np.maximum(reach, 0), fmt="o", color=colour(method), ms=3,
        lw=0.8, label="test, 90 % interval",
    )  # fmt: skip
    axes.axhline(0, color=INK, lw=0.7)
    axes.set(xlabel=f"predicted {names.axis(target)}", ylabel="observed - predicted", title=method)
    return dress(axes)


def predicted_observed(
    predictions: pd.DataFrame, target: str, names: ColumnLabels, axes: Axes
) -> Axes:
    """Predicted against observed values with 90 % intervals, and the line of equality.

    Args:
        predictions: Columns method, observed, mean, q05, q95, of one method and split.
        target: Column that is predicted.
        names: What to call it.
        axes: Where to draw.
    """
    method = str(predictions["method"].iloc[0])
    reach = [predictions["mean"] - predictions["q05"], predictions["q95"] - predictions["mean"]]
    axes.errorbar(
        predictions["observed"], predictions["mean"], yerr=np.maximum(reach, 0), fmt="o",
        color=colour(method), ms=3, lw=0.8,
    )  # fmt: skip
    ends = [predictions["observed"].min(), predictions["observed"].max()]
    axes.plot(ends, ends, color=INK, lw=0.7)
    words = names.axis(target)
    axes.set(xlabel=f"observed {words}", ylabel=f"predicted {words}", title=method)
    return dress(axes)


def traces(draws: Mapping[str, np.ndarray]) -> np.ndarray:
    """Draws of each chain in order, one panel a parameter.

    Args:
        draws: Parameter -> (chains, draws).

    Returns:
        Axes, (rows, columns); the unused ones are switched off.
    """
    columns = min(3, len(draws))
    grid = panels(-(-len(draws) // columns), columns, 2.9, 1.35)
    for axes, (name, chains) in zip(grid.flat, draws.items(), strict=False):
        for tint, chain in zip(np.resize(SERIES, len(chains)), chains, strict=True):
            axes.plot(chain, color=str(tint), lw=0.4, alpha=0.7, rasterized=True)
        axes.set_title(name)
        dress(axes)
    for axes in grid.flat[len(draws) :]:
        axes.set_axis_off()
    return grid
