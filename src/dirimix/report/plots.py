"""Figures of scores, weights and predictions: tables in, Axes out.

Nothing here computes a score or shows a window. Colours belong to groups of methods, dashes and
marks to their members, so that a method looks the same in every figure.
"""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy.stats import rankdata

from dirimix.report.look import (
    FOREGROUND,
    MUTED,
    PALETTE,
    ColumnLabels,
    blocks,
    colour_bar,
    method_look,
    name_places,
    outer_labels,
    panels,
    places,
    style_axes,
)
from dirimix.report.site_map import draw_map, label_map

PANEL = 2.9, 2.35  # inches of a small map
_MOST_BARS = 8  # panels side by side
_ROUNDING = 1e-6  # of weights that lie between 0 and 1


def coverage_gaps(coverage: pd.DataFrame, single: pd.DataFrame | None = None) -> np.ndarray:
    """Coverage minus the intervals' level, a panel a method: 0 where they hold what they say.

    Args:
        coverage: A line a method and level, of one split. Columns: method; level, from 0 to 1;
            coverage, the share inside; nominal_lo and nominal_hi, between which that share of a
            calibrated method lies with 95 % probability.
        single: The same of single models, with a column model; they share a last panel.

    Returns:
        Axes, (rows, columns), the last ones empty where methods do not fill them.
    """
    parts = [(str(m), [rows]) for m, rows in coverage.groupby("method", sort=False)]
    if single is not None and len(single):
        models = [rows for _, rows in single.groupby(["method", "model"], sort=False)]
        parts.append(("single models", models))
    columns = min(4, len(parts))
    grid = panels(-(-len(parts) // columns), columns, 2.3, 1.7)
    shown = pd.concat([rows for _, lines in parts for rows in lines])
    gap = (shown["coverage"] - shown["level"]).abs().max()
    reach = 1.08 * max(gap, (coverage["nominal_hi"] - coverage["level"]).max())
    for axes in grid.flat[len(parts) :]:
        axes.set_axis_off()
    for k, (axes, (name, lines)) in enumerate(zip(grid.flat, parts, strict=False)):
        _gap_panel(axes, name, lines)
        axes.set(xlim=(0, 1), ylim=(-reach, reach))
        if k + columns >= len(parts):
            axes.set_xlabel("level of the interval")
        if k % columns == 0:
            axes.set_ylabel("inside - level")
        else:
            axes.set_yticklabels([])
        style_axes(axes)
    return grid


def _gap_panel(axes: Axes, name: str, lines: Sequence[pd.DataFrame]) -> None:
    band, look = lines[0], method_look(name)
    level = band["level"]
    low, high = band["nominal_lo"] - level, band["nominal_hi"] - level
    axes.fill_between(level, low, high, color=MUTED, alpha=0.25, lw=0)
    axes.axhline(0, color=MUTED, lw=1)
    width = 1.6 if len(lines) == 1 else 0.9
    for rows in lines:
        axes.plot(rows["level"], rows["coverage"] - rows["level"], color=look.colour, ls=look.dash,
                  lw=width)  # fmt: skip
    axes.set_title(name)


def weight_bars(summary: pd.DataFrame, models: Sequence[str], names: ColumnLabels) -> np.ndarray:
    """Mean field weights from 0 to 1, one panel a model, one bar a method with its 90 % band.

    Free weights, which may be of any size, would flatten all others: where a method has one
    outside of 0 to 1, its weights are written instead.

    Args:
        summary: A line a method and model, of one split. Columns: method, model, mean, q05, q95.
        models: Columns of the models, in order.
        names: What to call them.

    Returns:
        Axes, (rows, columns), of one row where there are few models.
    """
    methods = list(dict.fromkeys(summary["method"]))
    lines = -(-len(models) // _MOST_BARS)
    columns = -(-len(models) // lines)
    grid = panels(lines, columns, 1.45, 0.26 * len(methods) + 0.9)
    heights = np.arange(len(methods))[::-1]
    outside = (summary["mean"] < -_ROUNDING) | (summary["mean"] > 1 + _ROUNDING)
    free = {m: bool(outside[summary["method"] == m].any()) for m in methods}
    for axes in grid.flat[len(models) :]:
        axes.set_axis_off()
    for k, (axes, model) in enumerate(zip(grid.flat, models, strict=False)):
        rows = summary[summary["model"] == model].set_index("method").loc[methods]
        for height, (method, row) in zip(heights, rows.iterrows(), strict=True):
            if free[str(method)]:
                axes.text(0.03, height, f"{row['mean']:.2g}", va="center", fontsize=8,
                          color=FOREGROUND)  # fmt: skip
                continue
            axes.barh(height, row["mean"], color=method_look(str(method)).colour, height=0.62)
            axes.plot([row["q05"], row["q95"]], [height, height], color=FOREGROUND, lw=1)
        axes.set(xlim=(0, 1), ylim=(-0.7, len(methods) - 0.3))
        axes.set_title("\n".join(textwrap.wrap(names.short(model), 17)))
        axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.set_yticks(heights, [""] * len(methods) if k % columns else methods)
        style_axes(axes)
    return grid


def weight_maps(
    weights: pd.DataFrame,
    coords: Sequence[str],
    models: Sequence[str],
    names: ColumnLabels,
    *,
    columns: Sequence[str] = ("mean",),
) -> np.ndarray:
    """Field weights over the sites, one panel a method, column and model.

    With two coordinates a map with a scale of its own, the training sites outlined; with one
    coordinate a line with its 90 % band. More coordinates: the first two.

    Args:
        weights: A line a method, site and model. Columns: method; split, 'train' at the training
            sites; the coordinates; model, mean, sd, q05, q95.
        coords: Columns of the coordinates, those across and up a map first.
        models: Columns of the models, in order.
        names: What to call them.
        columns: What maps show: 'mean', 'sd' or both.

    Returns:
        Axes, (methods times columns, models).
    """
    methods = list(dict.fromkeys(weights["method"]))
    grid = blocks(len(methods) * len(columns), len(models), *PANEL)
    parts = dict(iter(weights.groupby(["method", "model"], sort=False)))
    places = ((m, c, k) for m in methods for c in columns for k in models)
    for axes, (method, column, model) in zip(grid.flat, places, strict=True):
        rows = parts[method, model]
        named = f"{method}: " if len(methods) > 1 else ""
        spread = ", sd" if column == "sd" else ""
        axes.set_title("\n".join(textwrap.wrap(f"{named}{names.short(model)}{spread}", 32)))
        if len(coords) == 1:
            field_line(rows, coords[0], names, method_look(method).colour, "weight", axes)
            axes.set_ylim(0, 1)
        else:
            field_map(rows, coords, names, column, axes)
    outer_labels(grid[0, 0].figure)
    return grid


def field_line(
    rows: pd.DataFrame, coord: str, names: ColumnLabels, tint: str, label: str, axes: Axes
) -> Axes:
    """A quantity along one coordinate with its 90 % band, the training sites marked.

    Args:
        rows: A line a site. Columns: split, the coordinate, mean, q05, q95.
        coord: Column of the coordinate.
        names: What to call it.
        tint: Colour.
        label: What the quantity is called.
        axes: Where to draw.
    """
    place = places(rows, [coord], names)[:, 0]
    order = np.argsort(place)
    rows, place = rows.iloc[order], place[order]
    axes.fill_between(place, rows["q05"], rows["q95"], color=tint, alpha=0.25, lw=0)
    axes.plot(place, rows["mean"], color=tint)
    axes.margins(y=0.02)
    seen = place[(rows["split"] == "train").to_numpy()]
    at_foot = axes.get_xaxis_transform()
    axes.plot(
        seen, np.zeros(len(seen)), "|", color=FOREGROUND, ms=4, clip_on=False, transform=at_foot
    )
    axes.set(xlabel=names.axis(coord), ylabel=label)
    name_places(axes.xaxis, coord, names)
    return style_axes(axes)


def field_map(
    rows: pd.DataFrame, coords: Sequence[str], names: ColumnLabels, column: str, axes: Axes
) -> Axes:
    """A map of a quantity on a scale of its own, the training sites outlined.

    Args:
        rows: A line a site. Columns: split, the coordinates, `column`.
        coords: Columns of the coordinates, those across and up the map first.
        names: What to call them.
        column: What is shown; a standard deviation (sd, or ending in _sd) in other colours, a
            discrepancy in those of two signs.
        axes: Where to draw.
    """
    sites = places(rows, coords[:2], names)
    trained = sites[(rows["split"] == "train").to_numpy()]
    values = rows[column].to_numpy()
    least, most = values.min(), values.max()
    # what is the same everywhere is in the middle of its scale
    clim = (least, most) if most > least else (least - 0.01, most + 0.01)
    cmap = "cividis" if column.endswith("sd") else "viridis"
    if column == "discrepancy":
        reach = max(abs(least), abs(most), 1e-300)
        clim, cmap = (-reach, reach), "PuOr_r"
    colour_bar(draw_map(axes, sites, values, trained, clim=clim, cmap=cmap), "", axes)
    label_map(axes, coords, names)
    return axes


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
        test["mean"], middle, yerr=np.maximum(reach, 0), fmt="o", color=method_look(method).colour,
        ms=3, lw=0.8, label="test, 90 % interval", rasterized=True,
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


def ranks(draws: Mapping[str, np.ndarray], bins: int = 12) -> np.ndarray:
    """How the draws of each chain rank among those of all, one panel a parameter.

    Chains that say the same fill every part of the order alike; flat lines are good (Vehtari and
    others, doi 10.1214/20-BA1221).

    Args:
        draws: Parameter -> (chains, draws).
        bins: Parts of the order.

    Returns:
        Axes, (parameters,).
    """
    grid = blocks(1, len(draws), 2.9, 1.35)[0]
    for axes, (name, chains) in zip(grid, draws.items(), strict=True):
        order = rankdata(chains).reshape(chains.shape) / chains.size
        for tint, chain in zip(np.resize(PALETTE, len(chains)), order, strict=True):
            share = np.histogram(chain, bins, range=(0, 1))[0] * bins / len(chain)
            axes.stairs(share, np.linspace(0, 1, bins + 1), color=str(tint), lw=1)
        axes.axhline(1, color=MUTED, lw=0.7, ls=":")
        axes.set(ylim=(0, 2), xlim=(0, 1), title=name)
        style_axes(axes)
    outer_labels(grid[0].figure)
    return grid
