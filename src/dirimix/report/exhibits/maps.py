"""Exhibits that are maps of the sites; they need two coordinates."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from dirimix.methods import parse_method
from dirimix.report import plots
from dirimix.report.exhibits import findings
from dirimix.report.exhibits.content import ExhibitContent, Maker, Options, chosen_methods
from dirimix.report.look import FOREGROUND, MUTED, PALETTE, blocks, colour_bar, panels, places
from dirimix.report.output import Output
from dirimix.report.site_map import (
    Drawn,
    draw_map,
    draw_outline,
    draw_values,
    half_steps,
    label_map,
)
from dirimix.sampling.importance import LARGEST_K

_SPLITS = {"landscape": "#d5d9e0", "train": "#3568c9", "test": "#e0752c"}
_ENDS = {"first": "--", "last": "-"}  # lines where tables of models end
_SMALL = 4.4, 3.2  # inches of a map
_LARGE = 7.0, 4.4


def domains(output: Output, options: Options) -> ExhibitContent | None:
    """Which sites train, which test and where predictions are made."""
    del options
    table = output.table("sites").loc[:, [*output.coords, "split"]]
    axes = panels(1, 1, *_LARGE)[0, 0]
    split = np.array([list(_SPLITS).index(s) for s in table["split"]])
    tints = ListedColormap(list(_SPLITS.values()))
    draw_values(axes, _sites(table, output), split, cmap=tints, clim=(-0.5, len(_SPLITS) - 0.5))
    for name, tint in _SPLITS.items():
        axes.plot([], [], "s", color=tint, label=f"{name}, {(table['split'] == name).sum()}")
    axes.legend(frameon=False, fontsize=8, labelcolor=FOREGROUND)
    label_map(axes, output.axes, output.names)
    caption = "The sites that methods are trained on, those they are tested on, and the others."
    return ExhibitContent(caption, table, axes.figure, finding=findings.sizes_of(table["split"]))


def weight_maps(output: Output, options: Options) -> ExhibitContent | None:
    """Weights of every model by every local method and their sd, on scales of their own."""
    table = output.table("weights")
    table = table.loc[table["method"].isin(_local_methods(output, options))]
    if table.empty:
        return None
    grid = plots.weight_maps(
        table, output.axes, output.models, output.names, columns=("mean", "sd")
    )
    methods = " and ".join(table["method"].unique())
    caption = (
        f"Field weight of every model over all sites by {methods}: posterior mean, and beside it "
        "the posterior standard deviation, every map on a scale of its own; the training sites are "
        f"outlined.{_dotted(output)}"
    )
    means = table.groupby(["method", "model"], sort=False)[["mean", "q05", "q95"]].mean()
    says = findings.most_weight(means.reset_index(), output.names.short)
    return ExhibitContent(caption, table, grid[0, 0].figure, finding=says)


def effective_map(output: Output, options: Options) -> ExhibitContent | None:
    """How many models the mean weights amount to at every site."""
    table = output.table("effective").dropna(subset=output.coords)
    table = table.loc[table["method"].isin(_local_methods(output, options))]
    if table.empty:
        return None
    figure = _map_of_each_method(
        output, table, "effective", "effective number of models", (1, len(output.models)),
        trained=_training_sites(table, output),
    )  # fmt: skip
    caption = (
        "exp of the entropy of the mean weights: 1 where one model is chosen, "
        f"{len(output.models)} where all count alike; the training sites are outlined."
        f"{_dotted(output)}"
    )
    return ExhibitContent(caption, table, figure, finding=findings.spans(table, "effective"))


def reversion_map(output: Output, options: Options) -> ExhibitContent | None:
    """How far each weight still is from its far-field value, and where it has gone back to it."""
    table, distances = output.table("reversion_sites"), output.table("reversion")
    methods = chosen_methods(output, options, table)
    if not methods:
        return None
    grid = blocks(len(methods), len(output.models), *plots.PANEL)
    table = table.loc[table["method"].isin(methods)]
    top = float((table["weight"] - table["far_field"]).abs().max())
    known = {(r["method"], r["model"]): r["distance"] for r in distances.to_dict("records")}
    for axes, (method, model) in zip(
        grid.flat, ((m, k) for m in methods for k in output.models), strict=True
    ):
        rows = table.loc[(table["method"] == method) & (table["model"] == model)]
        distance = known[method, model]
        drawn = _reversion(axes, rows, distance, output, top)
        far = "beyond the map" if np.isnan(distance) else f"{distance:.1f} lengths"
        named = f"{method}: " if len(methods) > 1 else ""
        axes.set_title(f"{named}{output.names.short(model)}: {far}")
    colour_bar(drawn, "weight minus its far-field value")
    caption = (
        "Mean weight minus its far-field value. White: the training sites. Orange, and in the "
        "titles: the distance from them, in length scales, beyond which weights are back at their "
        "far-field values."
        f"{_dotted(output)}"
    )
    says = findings.come_back(distances.loc[distances["method"].isin(methods)])
    return ExhibitContent(caption, table, grid[0, 0].figure, finding=says)


def _reversion(
    axes: Axes, rows: pd.DataFrame, distance: float, output: Output, top: float
) -> Drawn:
    sites = _sites(rows, output)
    away = rows["distance"].to_numpy()
    gap = (rows["weight"] - rows["far_field"]).to_numpy()
    drawn = draw_map(axes, sites, gap, sites[away == 0], cmap="RdBu", clim=(-top, top))
    within = away <= (np.inf if np.isnan(distance) else distance)
    draw_outline(axes, sites[within], half_steps(sites), color=_SPLITS["test"], lw=0.9)
    label_map(axes, output.axes, output.names)
    return drawn


def leave_one_out_map(output: Output, options: Options) -> ExhibitContent | None:
    """The Pareto k of every training site: which of them decide too much of the posterior."""
    table = output.table("loo_pointwise")
    table = table.loc[table["method"].isin(chosen_methods(output, options, table))]
    if table.empty:
        return None
    figure = _map_of_each_method(
        output, table, "pareto_k", "Pareto k", (0, 1),
        title=lambda k: f": {np.sum(~(k <= LARGEST_K))} of {len(k)} above {LARGEST_K}",
    )  # fmt: skip
    caption = (
        f"Pareto k of leave-one-out at every training site; above {LARGEST_K} it cannot be trusted."
    )
    return ExhibitContent(caption, table, figure, finding=findings.unreliable(table))


def threshold_map(output: Output, options: Options) -> ExhibitContent | None:
    """Probability of being above the threshold, of all targets at once where there are several."""
    joint = output.table("joint")
    table = joint if len(joint) else output.table("threshold")
    table = table.loc[table["method"].isin(chosen_methods(output, options, table))]
    if table.empty:
        return None
    figure = _map_of_each_method(
        output, table, "probability", "probability of being above", (0, 1), large=True,
        trained=_training_sites(output.table("predictions"), output),
        title=lambda p: f": {p.sum():.0f} sites expected above",
    )  # fmt: skip
    targets = " and ".join(output.table("threshold")["target"].unique())
    caption = (
        f"Posterior probability that {targets} lie above the threshold, noise included; the "
        f"training sites are outlined.{_dotted(output)}"
    )
    return ExhibitContent(caption, table, figure, finding=findings.expected_above(table))


def _dotted(output: Output) -> str:
    """What a caption says of the lines for reference, where the study names some."""
    named = any(output.names.lines.get(c) for c in output.axes)
    return " Dotted: the study's lines for reference." if named else ""


def _map_of_each_method(
    output: Output,
    table: pd.DataFrame,
    column: str,
    label: str,
    clim: tuple[float, float],
    *,
    title: Callable[[np.ndarray], str] = lambda _: "",
    trained: np.ndarray | None = None,
    large: bool = False,
) -> Figure:
    """One column of a table, a map a method: small ones side by side or large ones in a pile."""
    count = len(set(table["method"]))
    grid = panels(count, 1, *_LARGE) if large else panels(1, count, *_SMALL)
    for axes, (method, rows) in zip(grid.flat, table.groupby("method", sort=False), strict=True):
        values = rows[column].to_numpy()
        seen = np.empty((0, 2)) if trained is None else trained
        drawn = draw_map(axes, _sites(rows, output), values, seen, clim=clim)
        axes.set_title(f"{method}{title(values)}")
        label_map(axes, output.axes, output.names)
    colour_bar(drawn, label)
    return grid[0, 0].figure


def limits(output: Output, options: Options) -> ExhibitContent | None:
    """The last site above the threshold on every line, with its spread."""
    table = output.table("limits")
    methods = chosen_methods(output, options, table)
    if not methods:
        return None
    along_of = table.groupby("target", sort=False)["along"].first()
    ends = [
        (str(along), table_ends(output, str(target), str(along)))
        for target, along in along_of.items()
    ]
    grid = panels(len(methods), 1, *_LARGE)
    trained = _training_sites(output.table("predictions"), output)
    for axes, method in zip(grid[:, 0], methods, strict=True):
        grey = ListedColormap([_SPLITS["landscape"]])
        draw_values(axes, trained, np.zeros(len(trained)), cmap=grey)
        rows = table.loc[table["method"] == method]
        for tint, (target, found) in zip(PALETTE, rows.groupby("target", sort=False), strict=False):
            _limit_line(axes, found, output, tint, f"last {target} above")
        for along, found in ends:
            _table_ends(axes, found, is_x=along == output.axes[0])
        for name, style in _ENDS.items():
            axes.plot([], [], color=MUTED, ls=style, lw=0.9, label=f"{name} table ends")
        axes.legend(frameon=False, fontsize=8, labelcolor=FOREGROUND)
        axes.set_title(method)
        label_map(axes, output.axes, output.names)
    caption = (
        "Median and 90 % interval of the last site above the threshold on every line, from draws "
        "that are coherent over the map. Hollow: in over 5 % of the draws the last site of the "
        "line is still above, so that the limit may lie beyond it. Grey: the training sites. The "
        "dashed line is where the first model's table ends and the thin line where the last one's "
        "does: a limit there is the end of a table and not of what the table is about."
    )
    kept = table.loc[table["method"].isin(methods)]
    return ExhibitContent(caption, kept, grid[0, 0].figure, finding=findings.open_ends(kept))


def _limit_line(axes: Axes, rows: pd.DataFrame, output: Output, tint: str, label: str) -> None:
    rows = rows.loc[rows["q50"].notna()]
    along = str(rows["along"].iloc[0])
    across = next(c for c in output.coords if c != along)
    beside = places(rows, [across], output.names)[:, 0]
    low, middle, high = (
        places(pd.DataFrame({along: rows[end]}), [along], output.names)[:, 0]
        for end in ("q05", "q50", "q95")
    )
    reach = np.stack([middle - low, high - middle])
    is_x = along == output.axes[0]
    middles = (middle, beside) if is_x else (beside, middle)
    axes.errorbar(
        *middles, xerr=reach if is_x else None, yerr=None if is_x else reach, fmt="none",
        ecolor=tint, lw=0.8,
    )  # fmt: skip
    open_ended = findings.open_ended(rows)
    for kept, face in ((~open_ended, tint), (open_ended, "none")):
        x, y = (v[kept] for v in middles)
        name = label if face != "none" else None
        axes.plot(x, y, "o", ms=3, color=tint, markerfacecolor=face, label=name)


def _table_ends(axes: Axes, ends: pd.DataFrame, *, is_x: bool) -> None:
    """Where, on every line, the first of the models has no more values, and where the last."""
    for name, style in _ENDS.items():
        line = (ends[name], ends["beside"])
        axes.plot(*(line if is_x else line[::-1]), color=MUTED, ls=style, lw=0.9)


def table_ends(output: Output, target: str, along: str) -> pd.DataFrame:
    """By line of sites along one of two coordinates, the last place with a value of a target.

    Returns:
        Frame with beside, the other coordinate; first, the last place where all models have a
        value; last, the last place where any has.
    """
    table = output.table("threshold")
    # every method has the same sites
    rows = table.loc[table["target"] == target].drop_duplicates(output.coords)
    beside = next(c for c in output.coords if c != along)
    sites = pd.DataFrame(
        {
            "beside": places(rows, [beside], output.names)[:, 0],
            "place": places(rows, [along], output.names)[:, 0],
        }
    )
    models = rows["models"].to_numpy()
    ends = {
        name: sites.loc[known].groupby("beside")["place"].max()
        for name, known in (("first", models == len(output.models)), ("last", models > 0))
    }
    return pd.DataFrame(ends).rename_axis("beside").reset_index()


def _local_methods(output: Output, options: Options) -> list[str]:
    """The local methods that are asked for, by default those without correction or label."""
    choices = {m: parse_method(m) for m in output.methods}
    plain = [m for m, c in choices.items() if not c.corrected and not c.label]
    wanted = options.get("methods", plain)
    return [m for m in wanted if m in choices and choices[m].method.local]


def _sites(rows: pd.DataFrame, output: Output) -> np.ndarray:
    return places(rows, output.axes, output.names)


def _training_sites(table: pd.DataFrame, output: Output) -> np.ndarray:
    return np.unique(_sites(table.loc[table["split"] == "train"], output), axis=0)


def _of_two_coordinates(make: Maker) -> Maker:
    """Has nothing to show where sites have other than two coordinates."""
    return lambda output, options: make(output, options) if len(output.coords) == 2 else None


MAKERS: dict[str, Maker] = {
    kind: _of_two_coordinates(make)
    for kind, make in {
        "domains": domains,
        "weight-maps": weight_maps,
        "effective-map": effective_map,
        "reversion-map": reversion_map,
        "leave-one-out-map": leave_one_out_map,
        "threshold-map": threshold_map,
        "limits": limits,
    }.items()
}
