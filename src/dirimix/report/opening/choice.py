"""The site and the section with which a page opens."""

from dataclasses import dataclass

import numpy as np

from dirimix.report.law_plots import view_of
from dirimix.report.look import places
from dirimix.report.opening.line import Line, line_through, opening_line
from dirimix.report.output import Law, Output
from dirimix.table.coordinates import CATEGORY

_TOLD_APART = 0.05  # of a figure's height, over which lines of models are seen apart
_DECADES = 100.0  # from which on axes are logarithmic
_VIEW = ["q025", "q975", "observed"]


@dataclass(frozen=True)
class Opening:
    """What a page shows first.

    Attributes:
        law: Whose predictions.
        site: The chosen site.
        along: The coordinate of the section, its place among them; 0 without coordinates.
        line: The sites of the section.
        less: Whether the section shows differences to the mean of the models.
    """

    law: Law
    site: int
    along: int
    line: Line
    less: bool


def opening(output: Output) -> Opening:
    """The choice for the predictions of the main method."""
    main = output.main
    assert main is not None, "nothing predicts a site"
    sites = output.table("sites")
    x, seen = places(sites, output.coords, output.names), sites["observed"].notna().to_numpy()
    if not output.coords:
        everything = Line(np.arange(len(sites)), False)
        return Opening(main, int(np.argmax(seen)), 0, everything, less=False)
    kinds = output.names.kinds
    labels = [k for k, c in enumerate(output.coords) if kinds.get(c) == CATEGORY]
    order = [output.coords.index(c) for c in output.axes]
    along, lines = opening_line(x, order, labels)
    site = first_site(x, lines, seen)
    line = line_through(x, site, along, labels)
    law = output.predictions(main).iloc[line.sites]
    view = law[_VIEW].astype(float).clip(*view_of(law))
    coincide = models_coincide(view.to_numpy(), output.values[line.sites])
    return Opening(main, site, along, line, less=coincide)


def first_site(x: np.ndarray, lines: np.ndarray, seen: np.ndarray) -> int:
    """The site in the middle of the lines with most observations, rather one with an observation.

    Args:
        x: Coordinates, (m, q).
        lines: The line of each site, (m,).
        seen: Whether it has an observation, (m,).
    """
    counts = np.bincount(lines, weights=seen)
    there = np.flatnonzero(counts[lines] == counts.max())
    kept = there[seen[there]] if seen[there].any() else there
    reach = np.ptp(x, axis=0)
    gaps = (x[kept] - np.median(x[kept], axis=0)) / np.where(reach > 0, reach, 1.0)
    return int(kept[np.argmin((gaps**2).sum(axis=1))])


def models_coincide(view: np.ndarray, values: np.ndarray) -> bool:
    """Whether lines of models lie on each other, and differences to their mean tell them apart.

    Args:
        view: What a figure has room for at each of m sites, (m, v).
        values: What the models say there, (m, K), NaN where they say nothing.
    """
    known = np.isfinite(values).sum(axis=1) > 1
    whole = view[np.isfinite(view)]
    if not known.any() or not len(whole):
        return False
    if whole.min() > 0 and np.quantile(whole, 0.9) > _DECADES * np.quantile(whole, 0.1):
        return False
    values, view = values[known], view[known]
    spread = np.median(np.nanmax(values, axis=1) - np.nanmin(values, axis=1))
    apart = view - np.nanmean(values, axis=1, keepdims=True)
    return bool(
        spread < _TOLD_APART * np.ptp(whole)
        and np.nanmax(apart) - np.nanmin(apart) < np.ptp(whole) / 2
    )
