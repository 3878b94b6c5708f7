"""The figures of the report's sections: which rows of the folder's tables `plots` draws."""

import pandas as pd

from dirimix.assess.schema import SCORE_WORDS
from dirimix.methods import parse_method
from dirimix.report import plots
from dirimix.report.look import panels, with_unit
from dirimix.report.output import Output
from dirimix.report.picture import Picture, make_picture
from dirimix.sampling.posterior import scalars

MAIN_SCORES = {"rms": True, "crps": True, "log_score": False}  # whether in the target's unit
_MOST_TRACES = 12
_LINE = 0.26  # inches a line of a dot plot takes


def scores(output: Output, split: str) -> Picture:
    """The main scores side by side."""
    table = output.table("scores")
    table = table.loc[table["split"] == split]
    grid = panels(1, len(MAIN_SCORES), 3.4, _LINE * len(table) + 0.8)
    for axes, (score, has_unit) in zip(grid[0], MAIN_SCORES.items(), strict=True):
        label = SCORE_WORDS[score].label
        label = with_unit(label, output.numbers["data"]["unit"]) if has_unit else label
        plots.score_dots(table, score, label, output.names, axes)
        if axes is not grid[0, 0]:
            axes.set_yticklabels([])
    caption = (
        f"Scores on the {split} rows with 90 % bands. Hollow marks are weights other than the "
        "field weights."
    )
    return make_picture(grid[0, 0].figure, caption)


def calibration(output: Output) -> Picture | None:
    """Coverage curves, of the mixtures on the test rows."""
    table = output.table("coverage")
    mixed = table.loc[(table["weights"] == "field") & (table["model"] == "")]
    split = "test" if (mixed["split"] == "test").any() else "train"
    rows = mixed.loc[mixed["split"] == split]
    if rows.empty:
        return None
    axes = panels(1, 1, 6.6, 4.4)[0, 0]
    plots.coverage_curves(rows, axes)
    caption = (
        f"Share of the {split} rows inside central predictive intervals. In the grey region a "
        "calibrated method stays at each level with 95 % probability; below it intervals are too "
        "narrow, above it too wide."
    )
    return make_picture(axes.figure, caption)


def weights(output: Output) -> list[Picture]:
    """Bars of the mean weights, and maps of those that depend on the site."""
    summary = pd.DataFrame(output.numbers["weights"])
    if summary.empty:
        return []
    bars = plots.weight_bars(summary.loc[summary["split"] == "train"], output.models, output.names)
    caption = "Mean field weight over the training rows, with the mean of its 90 % band."
    pictures = [make_picture(bars[0, 0].figure, caption)]
    table = output.table("weights")
    for method in summary["method"].unique():
        if parse_method(method).method.local:
            rows = table.loc[table["method"] == method]
            grid = plots.weight_maps(rows, output.coords, output.models, output.names)
            how = "outlined" if len(output.coords) > 1 else "marked"
            caption = (
                f"{method}: mean field weight of every model over the sites, the training sites "
                f"{how}."
            )
            pictures.append(make_picture(grid[0, 0].figure, caption))
    return pictures


def residuals(output: Output) -> Picture | None:
    """Residuals of every mixture."""
    table = output.table("predictions")
    mixed = table.loc[(table["model"] == "") & table["observed"].notna()]
    methods = list(dict.fromkeys(mixed["method"]))
    if not methods:
        return None
    columns = min(3, len(methods))
    grid = panels(-(-len(methods) // columns), columns, 3.4, 2.3)
    target = output.numbers["data"]["target"]
    for i, (axes, method) in enumerate(zip(grid.flat, methods, strict=False)):
        plots.residuals(mixed.loc[mixed["method"] == method], target, output.names, axes)
        axes.sharey(grid.flat[0])
        if i + columns < len(methods):
            axes.set_xlabel("")
        if i % columns:
            axes.set_ylabel("")
    for axes in grid.flat[len(methods) :]:
        axes.set_axis_off()
    caption = (
        "Observed minus predicted. Grey: training rows. Colour: test rows with 90 % intervals, "
        "which include the noise."
    )
    return make_picture(grid.flat[0].figure, caption)


def traces(output: Output) -> dict[str, Picture]:
    """By method, the traces of the parameters that have few entries."""
    pictures = {}
    for method in output.methods:
        posterior = output.posterior(method)
        if posterior is None:
            continue
        small, count = [], 0
        for name, array in posterior.data_vars.items():
            entries = array.size // (array.sizes["chain"] * array.sizes["draw"])
            if count + entries <= _MOST_TRACES:
                small, count = [*small, name], count + entries
        if small:
            figure = plots.traces(scalars(posterior[small]))[0].figure
            pictures[method] = make_picture(figure, f"{method}: draws of each chain, in order.")
    return pictures
