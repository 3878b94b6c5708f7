"""What predictions are made of beside the weighted models: a discrepancy, and noise."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from dirimix.assess.schema import row_label
from dirimix.report import plots
from dirimix.report.exhibits.content import ExhibitContent, Maker, Options, chosen_methods
from dirimix.report.exhibits.findings import listed, span
from dirimix.report.look import method_look, panels
from dirimix.report.output import Output

_NINETY = 1.645  # standard deviations to either end of a 90 % interval
_PANEL = 4.4, 2.9  # inches
_PARTS = {"discrepancy": "discrepancy", "noise": "scale of the noise"}


def part_maps(output: Output, options: Options) -> ExhibitContent | None:
    """Discrepancy and noise over the sites, each with its standard deviation."""
    table = output.parts
    table = table.loc[table["method"].isin(chosen_methods(output, options, table))]
    drawn = [
        (where, rows, part)
        for where, rows in _of_each(table)
        for part in _PARTS
        if rows[part].to_numpy().any()
    ]
    if not drawn or len(output.coords) not in (1, 2):
        return None
    on_line = len(output.coords) == 1
    grid = panels(len(drawn), 1 if on_line else 2, *_PANEL)
    for axes, (where, rows, part) in zip(grid, drawn, strict=True):
        title = f"{row_label(where, output.names.labels)}: {_PARTS[part]}"
        axes[0].set_title(title)
        if on_line:
            reach, tint = _NINETY * rows[f"{part}_sd"], method_look(where["method"]).colour
            band = rows.assign(mean=rows[part], q05=rows[part] - reach, q95=rows[part] + reach)
            plots.field_line(band, output.axes[0], output.names, tint, _PARTS[part], axes[0])
            continue
        axes[1].set_title(f"{title}, sd")
        for one, column in zip(axes, (part, f"{part}_sd"), strict=True):
            plots.field_map(rows, output.axes, output.names, column, one)
    how = "with a 90 % band" if on_line else "and beside it the posterior standard deviation"
    caption = (
        f"Posterior mean of the discrepancy and of the scale of the noise, {how}, in the scale of "
        "the fit."
    )
    says = listed(
        f"{row_label(where, output.names.labels)}: {_PARTS[part]} from "
        f"{span(rows[part].to_numpy())}"
        for where, rows, part in drawn
    )
    return ExhibitContent(caption, table, grid[0, 0].figure, finding=says)


def part_rows(output: Output) -> dict[str, list[dict[str, Any]]]:
    """By split, a line a method: how large discrepancy and noise are, and how well known.

    Each line has the rms of the discrepancy and of its standard deviation, the share of sites
    where its 90 % interval leaves out 0, its median correlation with the mixture, and the median,
    5 and 95 % quantile of the noise over the sites.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for split, table in output.parts.groupby("split", sort=False):
        found[str(split)] = [{**where, **_summary(rows)} for where, rows in _of_each(table)]
    return found


def _of_each(table: pd.DataFrame) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    pairs = table[["method", "model"]].drop_duplicates().itertuples(index=False)
    for method, model in ((str(m), str(k)) for m, k in pairs):
        rows = table.loc[(table["method"] == method) & (table["model"] == model)]
        yield {"method": method, "model": model}, rows


def _summary(rows: pd.DataFrame) -> dict[str, Any]:
    mean, sd, noise, correlation = (
        rows[c].to_numpy() for c in ("discrepancy", "discrepancy_sd", "noise", "correlation")
    )
    least, middle, most = np.quantile(noise, [0.05, 0.5, 0.95])
    found = {"n": len(rows), "noise": middle, "least": least, "most": most}
    if not sd.any():
        return found | {"size": None, "correlation": None}
    known = correlation[np.isfinite(correlation)]
    return found | {
        "size": np.sqrt(np.mean(mean**2)),
        "sd": np.sqrt(np.mean(sd**2)),
        "beside_0": np.mean(np.abs(mean) > _NINETY * sd),
        "correlation": np.median(known) if len(known) else None,
    }


MAKERS: dict[str, Maker] = {"part-maps": part_maps}
