"""Figures of predictive laws over the sites: maps, sections along a coordinate, ranked rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from dirimix.report.look import (
    FOREGROUND,
    MUTED,
    ColumnLabels,
    colour_bar,
    method_look,
    name_places,
    panels,
    places,
    reference_lines,
    style_axes,
)
from dirimix.report.site_map import draw_map, label_map

_FAR = 2.5  # standard deviations beyond which an observation is crossed
_SAME = 1e-8  # of the predictions, below which widths do not differ
_MAP = 4.6, 3.5  # inches
_BEYOND = 3.0  # heights of a section without its farthest bands, from which on these are cut off


def prediction_maps(
    law: pd.DataFrame, axes: Sequence[str], target: str, names: ColumnLabels
) -> np.ndarray:
    """Maps of the predicted mean and of the half-width of the 90 % interval.

    Args:
        law: A line a site of one method. Columns: split, the coordinates, observed, mean, sd, q05,
            q95.
        axes: The coordinates across and up the map.
        target: Column that is predicted.
        names: What to call columns.

    Returns:
        Axes, (1, 2).
    """
    grid = panels(1, 2, *_MAP)
    sites, split = places(law, axes, names), law["split"].to_numpy()
    half = (law["q95"] - law["q05"]) / 2
    labels = (f"predicted {names.axis(target)}", "half-width of the 90 % interval")
    far = far_off(law)
    for one, values, label in zip(grid[0], (law["mean"], half), labels, strict=True):
        # where all are as wide, colours would show what rounding leaves
        same = values is half and np.ptp(half.dropna()) <= _SAME * law["q95"].abs().max()
        scale = {"clim": (0.0, 2 * half.max())} if same else {}
        drawn = draw_map(one, sites, values.to_numpy(), sites[split == "train"], **scale)
        for edge, width in (("white", 1.6), ("black", 0.7)):
            _marks(one, sites[split == "test"], "s", mec=edge, ms=3.6, mew=width)
        for edge, width in (("white", 2.6), ("#b3261e", 1.4)):
            _marks(one, sites[far], "x", mec=edge, ms=5, mew=width)
        colour_bar(drawn, label, one)
        label_map(one, axes, names)
    return grid


def far_off(law: pd.DataFrame) -> np.ndarray:
    """Whether each observation is crossed: it is far from its prediction."""
    return (law["observed"] - law["mean"]).abs().gt(_FAR * law["sd"]).to_numpy()


def _marks(axes: Axes, sites: np.ndarray, mark: str, **look: Any) -> None:
    axes.plot(*sites.T, mark, mfc="none", rasterized=True, **look)


def view_of(law: pd.DataFrame) -> tuple[float, float]:
    """The ends of a section: of what was seen and of its bands, but for a few far beyond.

    Models are not asked, as they may run far off; where they do, so may a few bands.

    Args:
        law: As that of `section`.
    """
    bands = law[["q05", "q95", "observed"]].to_numpy(dtype=float)
    low, high = float(np.nanmin(bands)), float(np.nanmax(bands))
    most = [np.nanquantile(bands[:, 0], 0.05), np.nanquantile(bands[:, 1], 0.95)]
    near = np.append(bands[np.isfinite(bands[:, 2]), 2], most)
    cut = high - low > _BEYOND * np.ptp(near)
    return (float(near.min()), float(near.max())) if cut else (low, high)


def section(
    law: pd.DataFrame,
    values: np.ndarray,
    along: str | None,
    target: str,
    names: ColumnLabels,
    axes: Axes,
    *,
    joined: bool = True,
    seen: str = "",
) -> Axes:
    """Prediction with bands of 50 and 90 %, models and observations, along one coordinate.

    Without coordinates the rows stand in the order of their prediction, each by itself.

    Args:
        law: A line a site of one method. Columns: method, split, the coordinate, observed,
            observed_error, mean, q05, q25, q75, q95.
        values: What K models say at these sites, (m, K), NaN where they say nothing.
        along: The coordinate, or None.
        target: Column that is predicted.
        names: What to call columns.
        axes: Where to draw.
        joined: Whether the sites lie on one line, so that they may be joined.
        seen: What the legend calls observations, by default their split.
    """
    place = law["mean"].to_numpy() if along is None else places(law, [along], names)[:, 0]
    order = np.argsort(place, kind="stable")
    law, values, place = law.iloc[order], values[order], place[order]
    place = np.arange(1, len(law) + 1) if along is None else place
    tint = method_look(str(law["method"].iloc[0])).colour
    if along is None or not joined:
        axes.vlines(place, law["q05"], law["q95"], color=tint, alpha=0.35, lw=1)
        axes.vlines(place, law["q25"], law["q75"], color=tint, alpha=0.6, lw=2.5)
    else:
        axes.plot(place, values, color=MUTED, lw=0.7)
        axes.fill_between(place, law["q05"], law["q95"], color=tint, alpha=0.18, lw=0)
        axes.fill_between(place, law["q25"], law["q75"], color=tint, alpha=0.3, lw=0)
        axes.plot(place, law["mean"], color=tint, lw=1.8)
    for split, mark in (("train", "o"), ("test", "s")):
        kept = ((law["split"] == split) & law["observed"].notna()).to_numpy()
        if not kept.any():
            continue
        error = law["observed_error"].fillna(0).to_numpy()[kept]
        axes.errorbar(
            place[kept], law["observed"][kept], yerr=error, fmt=mark, color=FOREGROUND, ms=3.5,
            mfc=FOREGROUND if split == "train" else "none", lw=0.8, label=seen or split,
        )  # fmt: skip
    low, high = view_of(law)
    axes.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
    axes.set_ylabel(names.axis(target))
    axes.set_xlabel("rows in the order of their prediction" if along is None else names.axis(along))
    if along is not None:
        name_places(axes.xaxis, along, names)
        reference_lines(axes, along, names)
    if np.isfinite(law["observed"].to_numpy(dtype=float)).any():
        axes.legend(frameon=False, fontsize=8, labelcolor=FOREGROUND)
    return style_axes(axes)
