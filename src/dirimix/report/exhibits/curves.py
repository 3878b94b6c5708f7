"""Exhibits that are curves, bars and grids of numbers."""

from collections.abc import Mapping, Sequence

import matplotlib.tri as mtri
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from scipy.stats import dirichlet

from dirimix.assess.schema import MATTERS, parameter_label
from dirimix.report import plots
from dirimix.report.exhibits import findings
from dirimix.report.exhibits.content import ExhibitContent, Maker, Options, chosen_methods
from dirimix.report.look import (
    FOREGROUND,
    MUTED,
    PALETTE,
    colour_bar,
    outer_labels,
    panels,
    rows_of,
    shortened,
    style_axes,
)
from dirimix.report.output import Output
from dirimix.sampling.posterior import scalars

_STEPS = 80  # of the simplex along a side
_PAGE = 13.0  # inches, beyond which a page makes a figure smaller
_LETTERS = 30  # of the name of a parameter
_MOST = 6  # parameters of a trace plot
_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])


def dirichlet_densities(output: Output, options: Options) -> ExhibitContent:
    """The density of a Dirichlet law over the simplex of three weights, one panel a law."""
    del output
    laws = options["concentrations"]
    tables = [_density(tuple(law)) for law in laws]
    grid = panels(1, len(laws), 3.4, 3.0)
    for axes, law, table in zip(grid[0], laws, tables, strict=True):
        points = table[["w1", "w2", "w3"]].to_numpy() @ _CORNERS
        density = table["density"].to_numpy()
        drawn = axes.tripcolor(
            mtri.Triangulation(points[:, 0], points[:, 1]), density, cmap="viridis",
            norm=LogNorm(max(density.min(), 1e-3), density.max()), rasterized=True,
            shading="gouraud",
        )  # fmt: skip
        colour_bar(drawn, "density", axes)
        axes.set_title(f"({', '.join(f'{a:g}' for a in law)})")
        axes.set_aspect("equal")
        style_axes(axes).set_axis_off()
    caption = (
        "Density of Dirichlet laws over the weights of three models, one corner a model: below 1 "
        "a law is close to the choice of one model, above 1 it mixes."
    )
    whole = pd.concat(tables, ignore_index=True)
    says = findings.densest(whole)
    return ExhibitContent(caption, whole, grid[0, 0].figure, finding=says)


def _density(law: Sequence[float]) -> pd.DataFrame:
    """The density on a triangular grid inside the simplex, whose edges may be infinite."""
    i, j = (a.ravel() for a in np.meshgrid(np.arange(_STEPS), np.arange(_STEPS)))
    inside = i + j < _STEPS
    first, second = (i[inside] + 1 / 3) / _STEPS, (j[inside] + 1 / 3) / _STEPS
    weights = np.stack([first, second, 1 - first - second], axis=1)
    density = dirichlet.pdf(weights.T, law)
    columns = dict(zip(("w1", "w2", "w3"), weights.T, strict=True))
    return pd.DataFrame({"concentrations": " ".join(f"{a:g}" for a in law), **columns}).assign(
        density=density
    )


def coverage(output: Output, options: Options) -> ExhibitContent | None:
    """Empirical coverage against nominal of all methods, with the binomial band."""
    table = output.table("coverage")
    split = "test" if "test" in set(table["split"]) else "train"
    table = table.loc[(table["split"] == split) & (table["weights"] == "field")]
    table = table.loc[table["method"].isin(options.get("methods", output.methods))]
    mixed = table.loc[table["model"] == ""]
    if mixed.empty:
        return None
    single = table.loc[table["model"] != ""]
    grid = plots.coverage_gaps(mixed, single)
    last = " In the last panel are the single models." if len(single) else ""
    caption = (
        f"Share of the {split} sites inside central predictive intervals minus their nominal "
        "level, a panel a method. Below 0 intervals are too narrow, above it too wide; in the grey "
        f"region 95 % of calibrated predictions lie.{last}"
    )
    says = findings.outside_region(table)
    return ExhibitContent(caption, table, grid[0, 0].figure, finding=says)


def traces(output: Output, options: Options) -> ExhibitContent | None:
    """Draws of each chain in order, one column a method and one line a parameter."""
    draws = {}
    for method in options.get("methods", output.methods):
        posterior = output.posterior(method)
        if posterior is not None:
            wanted = options.get("parameters", posterior)
            draws[method] = scalars(posterior[[n for n in posterior if n in wanted]])
    known = list(dict.fromkeys(name for found in draws.values() for name in found))
    # those that most methods have come first: they are what can be seen side by side
    names = sorted(known, key=lambda name: -sum(name in found for found in draws.values()))[:_MOST]
    if not names:
        return None
    grid = panels(len(names), len(draws), 3.2, 1.3)
    for column, (method, found) in zip(grid.T, draws.items(), strict=True):
        for axes, name in zip(column, names, strict=True):
            if name in found:
                words = shortened(parameter_label(name, output.names.labels), _LETTERS)
                plots.trace(found[name], f"{method}: {words}", axes)
            else:
                axes.set_axis_off()
    tables = [_long_draws(m, found, names) for m, found in draws.items()]
    caption = "Draws of each chain in order. A chain that mixes looks like noise about one level."
    says = findings.largest_rhat(output.table("diagnostics"), draws, output.names.labels)
    whole = pd.concat(tables, ignore_index=True)
    return ExhibitContent(caption, whole, grid[0, 0].figure, finding=says)


def _long_draws(method: str, found: Mapping[str, np.ndarray], names: Sequence[str]) -> pd.DataFrame:
    tables = []
    for name in names:
        if name in found:
            chain, draw = (i.ravel() for i in np.indices(found[name].shape))
            table = pd.DataFrame({"chain": chain, "draw": draw, "value": found[name].ravel()})
            tables.append(table.assign(parameter=name))
    whole = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    return whole.assign(method=method)


def sensitivity(output: Output, options: Options) -> ExhibitContent | None:
    """How fast each marginal posterior changes with each prior's power, one panel a method."""
    table = output.table("sensitivity")
    methods = chosen_methods(output, options, table)
    if not methods:
        return None
    table = table.loc[table["method"].isin(methods)]
    longest = max(table.loc[table["method"] == m, "parameter"].nunique() for m in methods)
    row = rows_of(len(methods), 2, 5.2, 0.17 * longest + 1.0)
    for axes, method in zip(row, methods, strict=True):
        _sensitivity_dots(axes, table.loc[table["method"] == method], output.names.labels)
        axes.set_title(method)
    caption = (
        "Sensitivity of each marginal posterior to the power of each prior. Beyond the line at "
        f"{MATTERS} the prior matters."
    )
    says = findings.beyond_line(table, output.names.labels)
    return ExhibitContent(caption, table, row[0].figure, finding=says)


def _sensitivity_dots(axes: Axes, table: pd.DataFrame, labels: Mapping[str, str]) -> None:
    names = list(table["parameter"].unique())
    place = {name: i for i, name in enumerate(reversed(names))}
    for tint, (prior, rows) in zip(np.resize(PALETTE, 99), table.groupby("prior", sort=False),
                                   strict=False):  # fmt: skip
        axes.plot(
            rows["prior_sensitivity"], [place[n] for n in rows["parameter"]], "o", ms=3.5,
            color=str(tint), label=f"prior of {parameter_label(str(prior), labels)}",
        )  # fmt: skip
    axes.axvline(MATTERS, color=MUTED, lw=0.8)
    words = [shortened(parameter_label(name, labels), _LETTERS) for name in place]
    axes.set_yticks(list(place.values()), words)
    axes.set_xlabel("sensitivity")
    axes.legend(frameon=False, fontsize=8, labelcolor=FOREGROUND)
    style_axes(axes)


def correlations(output: Output, options: Options) -> ExhibitContent | None:
    """Posterior correlation of the weights at a site, a square of models a method."""
    table = output.table("correlations")
    methods = chosen_methods(output, options, table)
    if not methods:
        return None
    names = [shortened(output.names.short(m), _LETTERS) for m in output.models]
    side, room = 0.32 * len(names), 0.07 * max(map(len, names))  # inches of cells and of labels
    most = max(1, int(_PAGE / (side + 1)))
    row = rows_of(len(methods), most, side + 1 + room / min(most, len(methods)), side + 0.6 + room)
    for axes, method in zip(row, methods, strict=True):
        square = _square(table.loc[table["method"] == method], output.models)
        drawn = axes.imshow(square, cmap="RdBu", clim=(-1, 1))
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
        axes.set_title(method)
        style_axes(axes)
    outer_labels(row[0].figure)
    colour_bar(drawn, "posterior correlation")
    caption = (
        "Posterior correlation of the weights of two models at a site, the mean over the training "
        "sites. Red: the more of one, the less of the other."
    )
    kept = table.loc[table["method"].isin(methods)]
    says = findings.strongest_pairs(kept, output.names.short)
    return ExhibitContent(caption, kept, row[0].figure, finding=says)


def _square(table: pd.DataFrame, models: Sequence[str]) -> np.ndarray:
    place = {m: i for i, m in enumerate(models)}
    square = np.eye(len(models))
    for row in table.to_dict("records"):
        i, j = place[row["model_a"]], place[row["model_b"]]
        square[i, j] = square[j, i] = row["at_site"]
    return square


def preselection(output: Output, options: Options) -> ExhibitContent | None:
    """What it costs to leave models out one by one."""
    del options
    table = output.table("preselection")
    if table.empty:
        return None
    grid = panels(1, 1, 5.6, 3.2)
    axes = grid[0, 0]
    place = np.arange(len(table))
    reach = [table["cost"] - table["cost_lo"], table["cost_hi"] - table["cost"]]
    axes.errorbar(place, table["cost"], yerr=np.maximum(np.nan_to_num(reach), 0), fmt="o", ms=4,
                  lw=1, color=FOREGROUND)  # fmt: skip
    axes.axhline(0, color=MUTED, lw=0.8)
    chosen = int(np.argmax(table["chosen"]))
    axes.axvline(chosen, color=MUTED, lw=0.8, ls="--")
    removed = [f"- {output.names.short(r)}" if r else "all" for r in table["removed"]]
    axes.set_xticks(place, removed, rotation=60, ha="right")
    axes.set_ylabel("lost mean log score")
    caption = (
        f"Mean log score lost by leaving models out one after the other (from left to right), by "
        f"{table['method'].iloc[0]} under {table['split'].iloc[0]}, with 90 % bands that resample "
        "clusters. The dashed line is where the preselection stops."
    )
    style_axes(axes)
    return ExhibitContent(caption, table, grid[0, 0].figure, finding=findings.stopped(table))


MAKERS: dict[str, Maker] = {
    "dirichlet": dirichlet_densities,
    "coverage": coverage,
    "traces": traces,
    "sensitivity": sensitivity,
    "correlations": correlations,
    "preselection": preselection,
}
