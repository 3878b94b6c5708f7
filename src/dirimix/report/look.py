"""How pictures look: colours that belong to methods, names of axes, frames, grids of panels."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dirimix.methods import CORRECTED, LABEL

INK = "#555b66"  # text and frames
QUIET = "#8a8f98"  # what is there for comparison
_COLOURS = {
    "raw": QUIET,
    "equal": "#a0865b",
    "ols": "#7d9a3f",
    "simplex-ls": "#3f9a63",
    "ridge-stacking": "#2a9d9d",
    "bma-closed-form": "#e09a2c",
    "bma-laplace": "#e0752c",
    "bma-monte-carlo": "#c9b12a",
    "gbmm-l": "#5aa9e6",
    "gbmm-d": "#3568c9",
    "lbmm-gld": "#a663cc",
    "lbmm-gpd": "#d6336c",
}
SERIES = ("#3568c9", "#e0752c", "#3f9a63", "#a663cc", "#d6336c", "#2a9d9d")


@dataclass(frozen=True)
class ColumnLabels:
    """How columns are called on axes.

    Attributes:
        labels: Display names of columns; a column without one goes by its own name.
        units: Units of columns.
    """

    labels: Mapping[str, str]
    units: Mapping[str, str]

    def short(self, column: str) -> str:
        """The display name."""
        return self.labels.get(column, column)

    def axis(self, column: str) -> str:
        """The display name with its unit, if there is one."""
        unit = self.units.get(column)
        return f"{self.short(column)} ({unit})" if unit else self.short(column)


def colour(method: str) -> str:
    """The colour of a method, the same in every picture."""
    base = method.partition(LABEL)[0].removesuffix(CORRECTED)
    return _COLOURS.get(base) or SERIES[sum(map(ord, base)) % len(SERIES)]


def line_style(method: str) -> str:
    """Solid for a method, dashed on corrected models, dotted under a label."""
    plain, label, _ = method.partition(LABEL)
    return ":" if label else "--" if plain.endswith(CORRECTED) else "-"


def dress(axes: Axes) -> Axes:
    """Take away what does not speak: two spines, heavy ticks."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.tick_params(colors=INK, labelsize=8, length=3)
    for text in (axes.xaxis.label, axes.yaxis.label, axes.title):
        text.set_color(INK)
        text.set_fontsize(9)
    axes.patch.set_alpha(0)
    return axes


def panels(rows: int, columns: int, width: float, height: float) -> np.ndarray:
    """A grid of Axes on a new figure, (rows, columns), each width x height inches."""
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    figure.patch.set_alpha(0)
    return figure.subplots(rows, columns, squeeze=False)
