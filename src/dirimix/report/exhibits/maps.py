"""Exhibits that are charts of the sites; they need two coordinates."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.colors import ListedColormap

from dirimix.methods import parse_method
from dirimix.report.exhibits.registry import ExhibitContent, Maker, Output
from dirimix.report.look import INK, SERIES, dress, panels
from dirimix.report.site_map import draw_outline, draw_values, half_steps

Options = Mapping[str, Any]
_PARTS = {"landscape": "#d5d9e0", "train": "#3568c9", "test": "#e0752c"}
_SIZE = 3.1, 2.4  # inches of a small chart
_LARGE = 7.0, 4.4


def domains(output: Output, options: Options) -> ExhibitContent | None:
    """Which sites train, which test and where predictions are made."""
    del options
    table = _sites(output)
    if table is None:
        return None
    axes = panels(1, 1, *_LARGE)[0, 0]
    part = np.array([list(_PARTS).index(split) for split in table["split"]])
    tints = ListedColormap(list(_PARTS.values()))
    draw_values(axes, _place(table, output), part, cmap=tints, clim=(-0.5, len(_PARTS) - 0.5))
    for split, tint in _PARTS.items():
        axes.plot([], [], "s", color=tint, label=f"{split}, {(table['split'] == split).sum()}")
    axes.legend(frameon=False, fontsize=8, labelcolor=INK)
    _name_axes(axes, output)
    words = "The sites that methods are trained on, those that they are tested on, and the others."
    return ExhibitContent(words, table, axes.figure)


def weight_maps(output: Output, options: Options) -> ExhibitContent | None:
    """Mean weights of every model by every local method, all on one colour scale."""
    methods = _local(output, options)
    table = output.table("weights")
    table = table.loc[table["method"].isin(methods)]
    if not methods or not _is_chart(output):
        return None
    grid = _blocks(len(methods), len(output.models))
    top = float(table["mean"].max())
    for block, method in zip(grid, methods, strict=True):
        for axes, model in zip(block, output.models, strict=True):
            rows = table.loc[(table["method"] == method) & (table["model"] == model)]
            drawn = _outlined(axes, rows, rows["mean"], output, clim=(0, top))
            axes.set_title(f"{method}: {output.names.short(model)}")
    _colour_bar(grid, drawn, "posterior mean weight")
    words = (
        "Posterior mean field weight of every model over all sites, on one colour scale; the "
        "training sites are outlined."
    )
    return ExhibitContent(words, table, grid[0, 0].figure)


def effective_map(output: Output, options: Options) -> ExhibitContent | None:
    """How many models the mean weights amount to at every site."""
    methods = _local(output, options)
    table = output.table("effective").dropna(subset=output.coords)
    table = table.loc[table["method"].isin(methods)]
    if table.empty or not _is_chart(output):
        return None
    grid = panels(1, len(methods), 4.4, 3.2)
    for axes, method in zip(grid[0], methods, strict=True):
        rows = table.loc[table["method"] == method]
        drawn = _outlined(axes, rows, rows["effective"], output, clim=(1, len(output.models)))
        axes.set_title(method)
    _colour_bar(grid, drawn, "effective number of models")
    words = (
        "exp of the entropy of the mean weights: 1 where one model is chosen, "
        f"{len(output.models)} where all count alike."
    )
    return ExhibitContent(words, table, grid[0, 0].figure)


def reversion_map(output: Output, options: Options) -> ExhibitContent | None:
    """How far each weight still is from its far-field value, and where it has gone back to it."""
    table, reaches = output.table("reversion_sites"), output.table("reversion")
    methods = [m for m in options.get("methods", output.methods) if m in set(table["method"])]
    if not methods or not _is_chart(output):
        return None
    grid = _blocks(len(methods), len(output.models))
    table = table.loc[table["method"].isin(methods)]
    top = float((table["weight"] - table["far_field"]).abs().max())
    for block, method in zip(grid, methods, strict=True):
        found = reaches.loc[reaches["method"] == method].set_index("model")["distance"]
        for axes, model in zip(block, output.models, strict=True):
            rows = table.loc[(table["method"] == method) & (table["model"] == model)]
            drawn = _reversion(axes, rows, float(found[model]), output, top)
            far = "beyond the chart" if np.isnan(found[model]) else f"{found[model]:.1f} lengths"
            axes.set_title(f"{output.names.short(model)}: {far}")
    _colour_bar(grid, drawn, "weight less its far-field value")
    words = (
        "Mean weight less its far-field value. White: the training sites. Orange: the distance "
        "from them, in length scales, beyond which the map has gone back to the far field and "
        "says nothing of its own."
    )
    return ExhibitContent(words, table, grid[0, 0].figure)


def _reversion(
    axes: Axes, rows: pd.DataFrame, distance: float, output: Output, top: float
) -> Collection:
    sites = _place(rows, output)
    away = rows["distance"].to_numpy()
    gap = (rows["weight"] - rows["far_field"]).to_numpy()
    drawn = draw_values(axes, sites, gap, cmap="RdBu", clim=(-top, top))
    half = half_steps(sites)
    draw_outline(axes, sites[away == 0], half, colors="white", lw=0.9)
    within = away <= (np.inf if np.isnan(distance) else distance)
    draw_outline(axes, sites[within], half, colors=_PARTS["test"], lw=0.9)
    _name_axes(axes, output)
    return drawn


def leave_one_out_map(output: Output, options: Options) -> ExhibitContent | None:
    """The Pareto k of every training site: which of them decide too much of the posterior."""
    table = output.table("loo_pointwise")
    methods = [m for m in options.get("methods", output.methods) if m in set(table["method"])]
    if not methods or not _is_chart(output):
        return None
    grid = panels(1, len(methods), 4.4, 3.2)
    for axes, method in zip(grid[0], methods, strict=True):
        rows = table.loc[table["method"] == method]
        k = rows["pareto_k"].to_numpy()
        drawn = draw_values(axes, _place(rows, output), k, cmap="viridis", clim=(0, 1))
        axes.set_title(f"{method}: {np.sum(k > 0.7)} of {len(k)} above 0.7")
        _name_axes(axes, output)
    _colour_bar(grid, drawn, "Pareto k")
    words = "Pareto k of leave-one-out at every training site; above 0.7 it cannot be trusted."
    return ExhibitContent(words, table.loc[table["method"].isin(methods)], grid[0, 0].figure)


def threshold_map(output: Output, options: Options) -> ExhibitContent | None:
    """Probability of being above the threshold, of all targets at once where there are several."""
    joint = output.table("joint")
    table = joint if len(joint) else output.table("threshold")
    methods = [m for m in options.get("methods", output.methods) if m in set(table["method"])]
    if not methods or not _is_chart(output):
        return None
    grid = panels(len(methods), 1, *_LARGE)
    trained = _sites(output)
    for axes, method in zip(grid[:, 0], methods, strict=True):
        rows = table.loc[table["method"] == method]
        sites = _place(rows, output)
        p = rows["probability"].to_numpy()
        drawn = draw_values(axes, sites, p, cmap="viridis", clim=(0, 1))
        if trained is not None:
            seen = _place(trained.loc[trained["split"] == "train"], output)
            draw_outline(axes, seen, half_steps(sites), colors="white", lw=0.9)
        _name_axes(axes, output)
        axes.set_title(f"{method}: {p.sum():.0f} sites expected above")
    _colour_bar(grid, drawn, "probability of being above")
    targets = " and ".join(output.table("threshold")["target"].unique())
    words = f"Posterior probability that {targets} lie above the threshold, noise included."
    kept = table.loc[table["method"].isin(methods)]
    return ExhibitContent(words, kept, grid[0, 0].figure)


def limits(output: Output, options: Options) -> ExhibitContent | None:
    """The last site above the threshold on every line, with its spread."""
    table = output.table("limits")
    methods = [m for m in options.get("methods", output.methods) if m in set(table["method"])]
    if not methods or not _is_chart(output):
        return None
    grid = panels(len(methods), 1, *_LARGE)
    trained = _sites(output)
    for axes, method in zip(grid[:, 0], methods, strict=True):
        if trained is not None:
            seen = trained.loc[trained["split"] == "train"]
            part = np.zeros(len(seen))
            draw_values(
                axes, _place(seen, output), part, cmap=ListedColormap([_PARTS["landscape"]])
            )
        rows = table.loc[table["method"] == method]
        for tint, (target, found) in zip(SERIES, rows.groupby("target", sort=False), strict=False):
            _limit_line(axes, found, output, tint, f"last {target} above")
        axes.legend(frameon=False, fontsize=8, labelcolor=INK)
        axes.set_title(method)
        _name_axes(axes, output)
    words = (
        "Median and 90 % interval of the last site above the threshold on every line, from draws "
        "that are coherent over the chart. Hollow: in over 5 % of the draws the last site of the "
        "line is still above, so that the limit may lie beyond it. Grey: the training sites."
    )
    return ExhibitContent(words, table.loc[table["method"].isin(methods)], grid[0, 0].figure)


def _limit_line(axes: Axes, rows: pd.DataFrame, output: Output, tint: str, label: str) -> None:
    rows = rows.loc[rows["q50"].notna()]
    along = str(rows["along"].iloc[0])
    across = next(c for c in output.coords if c != along)
    reach = np.abs(rows[["q05", "q95"]].to_numpy() - rows[["q50"]].to_numpy()).T
    is_x = along == output.coords[1]
    places = (rows["q50"], rows[across]) if is_x else (rows[across], rows["q50"])
    axes.errorbar(
        *places, xerr=reach if is_x else None, yerr=None if is_x else reach, fmt="none",
        ecolor=tint, lw=0.8,
    )  # fmt: skip
    open_ended = (rows["beyond"] > 0.05).to_numpy()
    for kept, face in ((~open_ended, tint), (open_ended, "none")):
        x, y = (v[kept] for v in places)
        name = label if face != "none" else None
        axes.plot(x, y, "o", ms=3, color=tint, markerfacecolor=face, label=name)


def _blocks(methods: int, models: int) -> np.ndarray:
    """Axes of small charts, (methods, models): a block of columns a method, all on one figure."""
    width = min(3, models)
    grid = panels(-(-models // width), methods * width, *_SIZE)
    blocks = [part.ravel() for part in np.split(grid, methods, axis=1)]
    for block in blocks:
        for axes in block[models:]:
            axes.set_axis_off()
    return np.stack([block[:models] for block in blocks])


def _is_chart(output: Output) -> bool:
    return len(output.coords) == 2


def _local(output: Output, options: Options) -> list[str]:
    """The local methods that are asked for, by default those without correction or label."""
    choices = {m: parse_method(m) for m in output.methods}
    plain = [m for m, c in choices.items() if not c.corrected and not c.label]
    wanted = options.get("methods", plain)
    return [m for m in wanted if m in choices and choices[m].method.local]


def _sites(output: Output) -> pd.DataFrame | None:
    """Coordinates and split of every site that one method predicts."""
    table = output.table("predictions")
    if table.empty or not _is_chart(output):
        return None
    first = table.loc[
        (table["method"] == table["method"].iloc[0]) & (table["model"] == table["model"].iloc[0])
    ]
    return first.loc[:, [*output.coords, "split"]].reset_index(drop=True)


def _place(rows: pd.DataFrame, output: Output) -> np.ndarray:
    return rows[output.coords].to_numpy(dtype=float)


def _outlined(
    axes: Axes, rows: pd.DataFrame, values: pd.Series, output: Output, clim: Sequence[float]
) -> Collection:
    """Values at the rows' sites with the training sites outlined."""
    sites = _place(rows, output)
    drawn = draw_values(axes, sites, values.to_numpy(), cmap="viridis", clim=tuple(clim))
    seen = sites[(rows["split"] == "train").to_numpy()]
    draw_outline(axes, seen, half_steps(sites), colors="white", lw=0.9)
    _name_axes(axes, output)
    return drawn


def _name_axes(axes: Axes, output: Output) -> None:
    up, along = output.coords
    axes.set(xlabel=output.names.axis(along), ylabel=output.names.axis(up))
    dress(axes)


def _colour_bar(grid: np.ndarray, drawn: Collection, label: str) -> None:
    bar = grid.flat[0].figure.colorbar(drawn, ax=grid, shrink=0.6, aspect=30)
    bar.set_label(label, color=INK, fontsize=9)
    bar.ax.tick_params(colors=INK, labelsize=8)
    bar.outline.set_visible(False)


MAKERS: dict[str, Maker] = {
    "domains": domains,
    "weight-maps": weight_maps,
    "effective-map": effective_map,
    "reversion-map": reversion_map,
    "leave-one-out-map": leave_one_out_map,
    "threshold-map": threshold_map,
    "limits": limits,
}
