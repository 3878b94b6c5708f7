"""The report's pictures, each drawn by `plots` and put into the page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dirimix.methods import parse_method
from dirimix.report import plots
from dirimix.report.html import folded, picture
from dirimix.report.look import ColumnLabels, panels

Numbers = Mapping[str, Any]
_MOST_TRACES = 12
_SHORTEST = 0.26  # inches a line of a dot plot takes


def names_of(numbers: Numbers) -> ColumnLabels:
    """What the report calls columns; the target goes by the study's label."""
    data = numbers["data"]
    labels = {**data["labels"], data["target"]: data["label"]}
    units = {**data["units"], data["target"]: data["unit"]}
    return ColumnLabels(labels, units)


def score_dots(numbers: Numbers, split: str) -> str:
    """The three main scores side by side."""
    rows = [row for row in numbers["scores"] if row["split"] == split]
    table = pd.DataFrame(rows).fillna({"model": ""})
    table["model"] = table["model"].map(names_of(numbers).short)
    unit = f" ({numbers['data']['unit']})" if numbers["data"]["unit"] else ""
    shown = {"rms": f"rms{unit}", "crps": f"CRPS{unit}", "log_score": "log score"}
    grid = panels(1, len(shown), 3.4, _SHORTEST * len(table) + 0.8)
    for i, (axes, (score, label)) in enumerate(zip(grid[0], shown.items(), strict=True)):
        plots.score_dots(table, score, label, axes)
        if i:
            axes.set_yticklabels([])
    words = (
        f"Scores on the {split} rows with 90 % bands. Hollow marks are weights other than the "
        "field weights."
    )
    return picture(grid[0, 0].figure, words)


def calibration(numbers: Numbers) -> str:
    """Coverage curves, of the mixtures on the test rows."""
    mixed = [
        row for row in numbers["coverage"] if row["weights"] == "field" and row["model"] is None
    ]
    split = "test" if any(row["split"] == "test" for row in mixed) else "train"
    rows = [row for row in mixed if row["split"] == split]
    if not rows:
        return ""
    grid = panels(1, 1, 6.6, 4.4)
    plots.coverage_curves(pd.DataFrame(rows), grid[0, 0])
    words = (
        f"Share of the {split} rows inside central predictive intervals. In the grey region a "
        "calibrated method stays at each level with 95 % probability; below it intervals are too "
        "narrow, above it too wide."
    )
    return picture(grid[0, 0].figure, words)


def weights(numbers: Numbers, table: pd.DataFrame) -> str:
    """Bars of the mean weights, and maps of those that depend on the site."""
    summary = pd.DataFrame(numbers["weights"])
    if summary.empty:
        return ""
    data, names = numbers["data"], names_of(numbers)
    bars = plots.weight_bars(summary.loc[summary["split"] == "train"], data["models"], names)
    words = "Mean field weight over the training rows, with the mean of its 90 % band."
    parts = [picture(bars[0, 0].figure, words)]
    for method in summary["method"].unique():
        if parse_method(method).method.local:
            rows = table.loc[table["method"] == method]
            grid = plots.weight_maps(rows, data["coords"], data["models"], names)
            words = f"{method}: mean field weight of every model over the sites, the training "
            parts.append(picture(grid.flat[0].figure, words + "sites outlined."))
    return "".join(parts)


def residuals(numbers: Numbers, predictions: pd.DataFrame) -> str:
    """Residuals of every mixture."""
    mixed = predictions.loc[predictions["model"].isna() & predictions["observed"].notna()]
    methods = list(dict.fromkeys(mixed["method"]))
    if not methods:
        return ""
    columns = min(3, len(methods))
    grid = panels(-(-len(methods) // columns), columns, 3.4, 2.3)
    data, names = numbers["data"], names_of(numbers)
    for i, (axes, method) in enumerate(zip(grid.flat, methods, strict=False)):
        rows = mixed.loc[mixed["method"] == method]
        plots.residuals(rows, data["target"], names, axes)
        axes.sharey(grid.flat[0])
        if i + columns < len(methods):
            axes.set_xlabel("")
        if i % columns:
            axes.set_ylabel("")
    for axes in grid.flat[len(methods) :]:
        axes.set_axis_off()
    words = (
        "Observed minus predicted. Grey: training rows. Colour: test rows with 90 % intervals, "
        "which include the noise."
    )
    return picture(grid.flat[0].figure, words)


def chains(folder: Path) -> str:
    """Traces of the parameters that have few entries, one fold a method."""
    parts = []
    for path in sorted(folder.glob("posterior-*.nc")):
        draws = _small_parameters(path)
        if draws:
            method = path.stem.removeprefix("posterior-")
            grid = plots.traces(draws)
            words = f"{method}: draws of each chain, in order."
            parts.append(folded(f"Traces of {method}", picture(grid.flat[0].figure, words)))
    return "".join(parts)


def _small_parameters(path: Path) -> dict[str, np.ndarray]:
    """Scalars and entries of short vectors, (chains, draws) each."""
    import xarray as xr

    found: dict[str, np.ndarray] = {}
    with xr.open_dataset(path, group="posterior", engine="h5netcdf") as posterior:
        for name, array in posterior.data_vars.items():
            values = array.transpose("chain", "draw", ...)
            entries = int(np.prod(values.shape[2:]))
            if entries <= _MOST_TRACES - len(found):
                flat = values.to_numpy().reshape(*values.shape[:2], entries)
                for i in range(entries):
                    label = str(name) if entries == 1 else f"{name}[{i}]"
                    found[label] = flat[..., i]
    return found
