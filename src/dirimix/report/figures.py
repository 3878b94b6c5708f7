"""The figures of the report's sections: which rows of the folder's tables `plots` draws."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dirimix.assess.schema import parameter_label
from dirimix.report import plots
from dirimix.report.exhibits import curves, findings, parts
from dirimix.report.exhibits.content import ExhibitContent
from dirimix.report.look import outer_labels, rows_of, shortened
from dirimix.report.output import Output
from dirimix.report.picture import Picture, make_picture
from dirimix.sampling.posterior import scalars

MAIN_SCORES = {"rms": True, "crps": True, "log_score": False}  # whether in the target's unit
_MOST_RANKED = 12
_MINOR = 0.1  # weight that a model must have somewhere to be among the first


def calibration(output: Output) -> Picture | None:
    """Coverage against its level, of what is drawn on the test rows."""
    table = output.table("coverage")
    mixed = output.of_laws(table.loc[table["weights"] == "field"])
    split = "test" if "test" in set(mixed["split"]) else "train"
    rows = mixed.loc[mixed["split"] == split]
    if rows.empty:
        return None
    grid = plots.coverage_gaps(rows)
    caption = (
        f"Share of the {split} rows inside central predictive intervals, minus the level of the "
        "interval, by method."
    )
    says = findings.outside_region(rows.assign(model=""))
    return make_picture(grid[0, 0].figure, caption, says)


@dataclass(frozen=True)
class WeightPictures:
    """The figures of the weights.

    Attributes:
        bars: Mean weights of every method.
        maps: Of local methods, the weights over the sites, model by model.
        minor: The same of models whose weight is small everywhere.
    """

    bars: Picture
    maps: tuple[Picture, ...]
    minor: tuple[Picture, ...]


def weights(output: Output) -> WeightPictures | None:
    """Bars of the mean weights, and maps of those that depend on the site."""
    summary = pd.DataFrame(output.numbers["weights"])
    if summary.empty:
        return None
    train = summary.loc[summary["split"] == "train"]
    bars = plots.weight_bars(train, output.models, output.names)
    caption = (
        "Mean field weight over the training rows, from 0 to 1, with the mean of its 90 % band. "
        "Free weights, outside of 0 to 1, are written."
    )
    says = findings.most_weight(train, output.names.short)
    drawn = make_picture(bars[0, 0].figure, caption, says)
    table = output.table("weights")
    maps, minor = list[Picture](), list[Picture]()
    for method in summary["method"].unique() if output.coords else ():
        rows = table.loc[table["method"] == method]
        if rows[output.coords].notna().to_numpy().all():
            most = rows.groupby("model")["mean"].max()
            large = [m for m in output.models if most[m] >= _MINOR] or output.models
            small = [m for m in output.models if m not in large]
            found = train.loc[train["method"] == method]
            maps.append(_weight_picture(output, rows, found, large))
            minor += [_weight_picture(output, rows, found, small)] if small else []
    return WeightPictures(drawn, tuple(maps), tuple(minor))


def _weight_picture(
    output: Output, rows: pd.DataFrame, summary: pd.DataFrame, models: list[str]
) -> Picture:
    """Weights of some models over the sites, by one method."""
    method = str(rows["method"].iloc[0])
    grid = plots.weight_maps(rows, output.axes, models, output.names)
    how = "outlined" if len(output.coords) > 1 else "marked"
    scale = "each on a scale of its own, " if len(output.coords) > 1 else ""
    few = len(models) < len(output.models)
    which = f"{len(models)} of {len(output.models)} models" if few else "every model"
    caption = (
        f"{method}: mean field weight of {which} over the sites, {scale}the training sites {how}."
    )
    ranges = (
        f"{output.names.short(r['model'])} {r['least']:.2f} to {r['most']:.2f}"
        for r in summary.to_dict("records")
        if r["model"] in models
    )
    says = f"Over the training sites: {', '.join(ranges)}."
    return make_picture(grid[0, 0].figure, caption, says)


def correlations(output: Output) -> Picture | None:
    """How the weights of two models trade against each other."""
    return _of_exhibit(curves.correlations(output, {}))


def part_maps(output: Output) -> list[Picture]:
    """Discrepancy and noise over the sites, of what the page draws."""
    methods = dict.fromkeys(law.method for law in output.laws)
    found = (_of_exhibit(parts.part_maps(output, {"methods": [m]})) for m in methods)
    return [picture for picture in found if picture]


def sensitivity(output: Output) -> Picture | None:
    """How much each prior decides, a dot a parameter."""
    return _of_exhibit(curves.sensitivity(output, {}))


def _of_exhibit(content: ExhibitContent | None) -> Picture | None:
    if content is None or content.figure is None:
        return None
    return make_picture(content.figure, content.caption, content.finding)


def residuals(output: Output) -> Picture | None:
    """Residuals of every mixture, or of every single model."""
    table = output.table("predictions")
    mixed = output.of_laws(table.loc[table["observed"].notna()])
    methods = list(dict.fromkeys(mixed["method"]))
    if not methods:
        return None
    row = rows_of(len(methods), 3, 3.4, 2.3)
    target = output.numbers["data"]["target"]
    for axes, method in zip(row, methods, strict=True):
        plots.residuals(mixed.loc[mixed["method"] == method], target, output.names, axes)
    limits = np.array([[axes.get_xlim(), axes.get_ylim()] for axes in row])
    low, high = limits.min(axis=(0, 2)), limits.max(axis=(0, 2))
    for axes in row:
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    outer_labels(row[0].figure)
    caption = (
        "Observed minus predicted. Grey: training rows. Colour: test rows with 90 % intervals, "
        "which include the noise."
    )
    split = "test" if "test" in set(mixed["split"]) else "train"
    says = findings.inside_intervals(mixed.loc[mixed["split"] == split])
    return make_picture(row[0].figure, caption, says)


def ranks(output: Output) -> dict[str, Picture]:
    """By method of several chains, rank plots of the parameters that vary and have few entries."""
    pictures = {}
    for method in output.methods:
        posterior = output.posterior(method)
        if posterior is None or posterior.sizes["chain"] == 1:
            continue
        small, count = [], 0
        for name, array in posterior.data_vars.items():
            entries = array.size // (array.sizes["chain"] * array.sizes["draw"])
            if count + entries <= _MOST_RANKED:
                small, count = [*small, name], count + entries
        draws = {
            shortened(parameter_label(name, output.names.labels), 38): values
            for name, values in scalars(posterior[small]).items()
            if np.ptp(values) > 0
        }
        if draws:
            figure = plots.ranks(draws)[0].figure
            caption = f"{method}: how the draws of each chain rank among all; flat is good."
            labels = output.names.labels
            says = findings.largest_rhat(output.table("diagnostics"), [method], labels)
            pictures[method] = make_picture(figure, caption, says)
    return pictures
