"""The figures that stand where Explore has no scripts: maps, and the section it opens with."""

import numpy as np
import pandas as pd

from dirimix.report import law_plots
from dirimix.report.exhibits.findings import inside
from dirimix.report.look import panels
from dirimix.report.opening.choice import Opening
from dirimix.report.output import Output
from dirimix.report.picture import Picture, make_picture
from dirimix.table.coordinates import CATEGORY

_LAW = ["observed", "mean", "q05", "q25", "q75", "q95"]


def predictions(output: Output, first: Opening) -> list[Picture]:
    """Maps of the main method's predictions, and the section with which the page opens."""
    law = output.predictions(first.law)
    law = law.assign(observed_error=output.table("sites")["observed_error"])
    maps = [_maps(output, law, first.law.label)] if len(output.coords) > 1 else []
    return [*maps, _section(output, law, first)]


def _maps(output: Output, law: pd.DataFrame, method: str) -> Picture:
    grid = law_plots.prediction_maps(
        law, output.axes[:2], output.numbers["data"]["target"], output.names
    )
    caption = (
        f"{method}: prediction and half-width of its 90 % interval. Outlined: training sites; "
        "squares: test sites; crosses: observations more than 2.5 standard deviations off."
    )
    known = law.dropna(subset=["observed", "mean"])
    says = f"{law_plots.far_off(known).sum()} of {len(known)} observations are crossed."
    return make_picture(grid[0, 0].figure, caption, says)


def _section(output: Output, law: pd.DataFrame, first: Opening) -> Picture:
    names, target, sites = output.names, output.numbers["data"]["target"], first.line.sites
    along = output.coords[first.along] if output.coords else None
    # labels have no order in which values could change
    joined = first.line.exact and len(sites) > 1 and names.kinds.get(along or "") != CATEGORY
    rows, values = law.iloc[sites], output.values[sites]
    if first.less:
        means = np.nanmean(values, axis=1, keepdims=True)
        rows, values = rows.assign(**(rows[_LAW] - means)), values - means
    axes = panels(1, 1, 7.4, 3.4)[0, 0]
    law_plots.section(rows, values, along, target, names, axes, joined=joined)
    if first.less:
        axes.set_ylabel(f"{axes.get_ylabel()}, less the models' mean")
    where = f" along {names.short(along)}{_beside(output, law, first)}" if along else ""
    lines = "; thin lines are the models" if along and joined else ""
    less = ", less the mean of the models" if first.less else ""
    low, high = law_plots.view_of(rows)
    far = rows["q05"].min() < low or rows["q95"].max() > high
    cut = "; a few bands lie far beyond and are cut off" if far else ""
    caption = (
        f"{first.law.label}{where}: mean, 50 % and 90 % intervals, and observations{less}{lines}"
        f"{cut}."
    )
    says = f"{inside(rows)} observations lie inside the 90 % interval."
    return make_picture(axes.figure, caption, says)


def _beside(output: Output, law: pd.DataFrame, first: Opening) -> str:
    """What the sites of a section have in common, or how far they are from it."""
    others = [c for k, c in enumerate(output.coords) if k != first.along]
    if not others:
        return ""
    names, sites = output.names, law.iloc[first.line.sites]
    at = ", ".join(f"{names.short(c)} = {_shown(law[c][first.site])}" for c in others)
    if first.line.exact:
        return f" at {at}"
    numbers = [c for c in others if names.kinds.get(c) != CATEGORY]
    spans = (
        f"{names.short(c)} {_shown(sites[c].min())} to {_shown(sites[c].max())}" for c in numbers
    )
    return f", too few sites at {at}: the {len(sites)} nearest, of {', '.join(spans)}"


def _shown(place: object) -> str:
    """A place along a coordinate, of a number no more digits than a caption needs."""
    if isinstance(place, float):
        return f"{place:.5g}"
    return str(place.date()) if isinstance(place, pd.Timestamp) else str(place)
