"""The exhibit of coverage by size of the prediction."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from dirimix.report.exhibits import findings
from dirimix.report.exhibits.content import ExhibitContent, Maker, Options, chosen_methods
from dirimix.report.look import FOREGROUND, MUTED, method_look, panels, style_axes
from dirimix.report.output import Output

_LEVELS = (50, 90)
_ROOM = 0.6  # of a quarter, over which its methods are spread


def coverage_by_size(output: Output, options: Options) -> ExhibitContent | None:
    """Share of the sites inside intervals, by quarter of the predicted mean and by mixture."""
    table = output.table("coverage_by_size")
    table = table.loc[table["model"] == ""]
    split = "test" if "test" in set(table["split"]) else "train"
    table = table.loc[table["split"] == split]
    methods = chosen_methods(output, options, table)
    if not methods:
        return None
    table = table.loc[table["method"].isin(methods)]
    grid = panels(1, len(_LEVELS), 4.2, 3.0)
    for axes, level in zip(grid[0], _LEVELS, strict=True):
        _quarters(axes, table, methods, level)
    grid[0, -1].legend(
        loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=8,
        labelcolor=FOREGROUND,
    )  # fmt: skip
    caption = (
        f"Share of the {split} sites inside the central 50 % and 90 % intervals, by quarter of the "
        "predicted mean, with 90 % bands. On the grey lines intervals hold what they say."
    )
    says = findings.bands_without(table, _LEVELS)
    return ExhibitContent(caption, table, grid[0, 0].figure, finding=says)


def _quarters(axes: Axes, table: pd.DataFrame, methods: list[str], level: int) -> None:
    shifts = np.linspace(-_ROOM / 2, _ROOM / 2, len(methods)) if len(methods) > 1 else [0.0]
    name = f"coverage_{level}"
    for method, shift in zip(methods, shifts, strict=True):
        look = method_look(method)
        rows = table.loc[table["method"] == method]
        reach = [rows[name] - rows[f"{name}_lo"], rows[f"{name}_hi"] - rows[name]]
        axes.errorbar(
            rows["quarter"] + shift, rows[name], yerr=np.maximum(reach, 0.0), fmt=look.marker,
            ms=4, lw=1, color=look.colour, mfc=look.face, label=method,
        )  # fmt: skip
    axes.axhline(level / 100, color=MUTED, lw=1)
    axes.set(xlabel="quarter of the predicted mean", ylim=(0, 1.02), title=f"{level} % intervals")
    axes.set_xticks([1, 2, 3, 4], ["lowest", "second", "third", "highest"])
    axes.set_ylabel("share of observations inside")
    style_axes(axes)


MAKERS: dict[str, Maker] = {"coverage-by-size": coverage_by_size}
