"""The look of figures: colours of methods, labels of columns, grids of panels, colour bars."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import Collection
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FuncFormatter, MaxNLocator, NullFormatter

from dirimix.methods import AVERAGING, GLOBAL, LOCAL, METHODS, SIMPLE, SINGLE
from dirimix.table.coordinates import as_numbers
from dirimix.table.space import Round

FOREGROUND = "#555b66"  # text and frames
MUTED = "#8a8f98"  # what is there for comparison
# Okabe and Ito's colours, which colour-blind readers tell apart; yellow is too pale on white
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
# of models, of which there may be more than of anything else; the lines of the last four are dashed
MODEL_COLOURS = (*PALETTE, "#a578f0", "#e11e4b", "#2d7878", "#1e5aff")
GROUP_COLOURS = {
    SINGLE: MUTED, SIMPLE: "#e69f00", AVERAGING: "#56b4e9", GLOBAL: "#0072b2", LOCAL: "#d55e00",
}  # fmt: skip
# of the members of a group: what tells them apart
_DEGREE_STEPS = (1, 1.5, 2, 3, 4.5, 6, 9, 10)
_DASHES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 2.5)))
_MARKERS = ("o", "s", "D", "^", "v", "P", "X")


@dataclass(frozen=True)
class MethodLook:
    """How a method is drawn: its group by colour, itself by dash and marker.

    Attributes:
        colour: Of its group.
        dash: A line style of matplotlib.
        marker: A marker of matplotlib.
        hollow: Whether marks are hollow: a variant of the method, on corrected models or labelled.
    """

    colour: str
    dash: str | tuple[float, tuple[float, ...]]
    marker: str
    hollow: bool

    @property
    def face(self) -> str:
        """The colour inside a mark."""
        return "none" if self.hollow else self.colour


@dataclass(frozen=True)
class ColumnLabels:
    """How columns are called on axes.

    Attributes:
        labels: Display names of columns; a column without one goes by its own name.
        units: Units of columns.
        kinds: Of each coordinate, 'number', 'date' or 'category'; a number where it is not there.
        levels: Labels of each coordinate that is a category.
        globe: The longitude and the latitude among the coordinates, or nothing.
        rounds: Coordinates that come round and are cut open elsewhere than their numbers are.
        lines: Values of coordinates at which figures have a line for reference.
    """

    labels: Mapping[str, str]
    units: Mapping[str, str]
    kinds: Mapping[str, str] = field(default_factory=dict[str, str])
    levels: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    globe: Sequence[str] = ()
    rounds: Mapping[str, Round] = field(default_factory=dict[str, Round])
    lines: Mapping[str, Sequence[float]] = field(default_factory=dict[str, Sequence[float]])

    def short(self, column: str) -> str:
        """The display name."""
        return self.labels.get(column, column)

    def axis(self, column: str) -> str:
        """The display name with its unit, if there is one."""
        return with_unit(self.short(column), self.units.get(column))


def name_places(axis: Axis, column: str, names: ColumnLabels) -> None:
    """Ticks of an axis along a coordinate: dates, labels of a category, degrees east or west."""
    kind = names.kinds.get(column)
    if kind == "date":
        axis.axis_date()
        locator = AutoDateLocator(minticks=3, maxticks=7)  # what is between fits no interval
        axis.set_major_locator(locator)
        axis.set_major_formatter(ConciseDateFormatter(locator))
    elif kind == "category":
        axis.set_ticks(range(len(names.levels[column])), list(names.levels[column]))
    elif column in names.globe:
        ends = ("EW", "NS")[list(names.globe).index(column)]
        axis.set_major_locator(MaxNLocator(nbins=5, steps=_DEGREE_STEPS))
        axis.set_major_formatter(FuncFormatter(lambda value, _: degrees_text(value, ends)))
    elif column in names.rounds:
        axis.set_major_formatter(FuncFormatter(lambda v, _: f"{names.rounds[column].named(v):.6g}"))


def places(frame: pd.DataFrame, coords: Sequence[str], names: ColumnLabels) -> np.ndarray:
    """Where sites are drawn along coordinates, (m, q): beyond where one is cut, a turn on."""
    found = as_numbers(frame, coords)
    for k, coord in enumerate(coords):
        if coord in names.rounds:
            found[:, k] = names.rounds[coord].drawn(found[:, k])
    return found


def reference_lines(axes: Axes, along: str, names: ColumnLabels, *, up: bool = False) -> None:
    """Lines at the places along a coordinate that the study names, where there are sites."""
    given = np.array(names.lines.get(along, ()), dtype=float)
    at = names.rounds[along].drawn(given) if along in names.rounds else given
    low, high = np.sort(axes.get_ylim() if up else axes.get_xlim())
    for place in at[(at >= low) & (at <= high)]:
        (axes.axhline if up else axes.axvline)(place, color=FOREGROUND, lw=0.8, ls=(0, (1, 2)))


def degrees_text(value: float, ends: str) -> str:
    """A longitude, with ends 'EW', or a latitude, with ends 'NS', as maps print it.

    >>> [degrees_text(v, "EW") for v in (170, 190, 180, 0)], degrees_text(-12.5, "NS")
    (['170°E', '170°W', '180°', '0°'], '12.5°S')
    """
    turned = (value + 180) % 360 - 180
    size = f"{abs(turned):.6g}"
    return f"{size}°{'' if size in ('0', '180') else ends[int(turned < 0)]}"


def with_unit(label: str, unit: str | None) -> str:
    """A label with its unit in brackets, if there is one."""
    return f"{label} ({unit})" if unit else label


def shortened(text: str, most: int) -> str:
    """A text in so many letters: its beginning and its end, which tell names apart.

    >>> shortened("far field (linear)", 18), shortened("far field (linear)", 12)
    ('far field (linear)', 'far f…inear)')
    """
    if len(text) <= most:
        return text
    return f"{text[: (most - 1) // 2]}…{text[-(most // 2) :]}"


def method_look(name: str) -> MethodLook:
    """The look of a method, the same in every figure; plain for a name that is no method."""
    base = re.split(r"[+@]", name)[0]  # without what is put in front of the method, or a label
    if base not in METHODS:
        return MethodLook(MUTED, _DASHES[0], _MARKERS[0], False)
    own = METHODS[base].group
    place = [key for key, method in METHODS.items() if method.group == own].index(base)
    dash, marker = _DASHES[place % len(_DASHES)], _MARKERS[place % len(_MARKERS)]
    return MethodLook(GROUP_COLOURS[own], dash, marker, name != base)


def style_axes(axes: Axes) -> Axes:
    """Two spines, light ticks, and names as they are; to be called when all texts are there."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FOREGROUND)
    axes.tick_params(colors=FOREGROUND, labelsize=8, length=3)
    for text in (axes.xaxis.label, axes.yaxis.label, axes.title):
        text.set_color(FOREGROUND)
        text.set_fontsize(9)
    set_plain(names_in(axes))
    axes.patch.set_alpha(0)
    return axes


def names_in(axes: Axes) -> list[Text]:
    """All texts that may hold a name; what ticks count is left out, as making it is slow."""
    legend = axes.get_legend()
    named = [
        a for a in (axes.xaxis, axes.yaxis) if isinstance(a.get_major_formatter(), FixedFormatter)
    ]
    return [
        axes.title,
        axes.xaxis.label,
        axes.yaxis.label,
        *axes.texts,
        *(legend.get_texts() if legend else ()),
        *(tick.label1 for axis in named for tick in axis.get_major_ticks()),
    ]


def set_plain(texts: Iterable[Text]) -> None:
    """Show texts as they are: a name that holds `$` is no formula."""
    for text in texts:
        text.set_parse_math(False)


def panels(rows: int, columns: int, width: float, height: float) -> np.ndarray:
    """A grid of Axes on a new figure, (rows, columns), each width x height inches."""
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    figure.patch.set_alpha(0)
    return figure.subplots(rows, columns, squeeze=False)


def rows_of(count: int, most: int, width: float, height: float) -> np.ndarray:
    """A number of Axes on a new figure, (count,), in equal rows of at most so many."""
    rows = -(-count // most)
    grid = panels(rows, -(-count // rows), width, height).ravel()
    for axes in grid[count:]:
        axes.set_axis_off()
    return grid[:count]


def blocks(count: int, size: int, width: float, height: float) -> np.ndarray:
    """Axes in blocks of three columns on a new figure, two blocks side by side, (count, size)."""
    columns, beside = min(3, size), min(2, count)
    rows, below = -(-size // columns), -(-count // beside)
    grid = panels(below * rows, beside * columns, width, height)
    halves = grid.reshape(below, rows, beside, columns).swapaxes(1, 2)
    parts = halves.reshape(below * beside, rows * columns)
    for axes in [*parts[:count, size:].flat, *parts[count:].flat]:
        axes.set_axis_off()
    return parts[:count, :size]


def outer_labels(figure: Figure) -> None:
    """Leave names and ticks to the first panel of a line and the last one of a column.

    For panels that have the same limits, when all is drawn.
    """
    places = {
        (s.rowspan.start, s.colspan.start): a for a in figure.axes if (s := a.get_subplotspec())
    }
    shown = {place: axes for place, axes in places.items() if axes.axison}
    for (line, column), axes in shown.items():
        if (line + 1, column) in shown:
            _unlabelled(axes.xaxis)
        if (line, column - 1) in shown:
            _unlabelled(axes.yaxis)
            # nothing is left that a title would have to give way to
            axes.set_title(axes.get_title(), y=1.0, fontsize=axes.title.get_fontsize())


def _unlabelled(axis: Axis) -> None:
    axis.set_label_text("")
    axis.set_ticks([])
    axis.set_major_formatter(NullFormatter())  # that of dates fails where there are no ticks


def settle(figure: Figure) -> None:
    """Find the places of all parts of a figure once, which else every drawing of it does again."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine(None)


def colour_bar(drawn: Collection | AxesImage, label: str, axes: Axes | None = None) -> None:
    """The scale of coloured values, beside some Axes or beside all of the figure."""
    place = axes or drawn.axes
    assert place is not None, "drawn before its scale"
    if axes is None:
        bar = place.figure.colorbar(drawn, ax=place.figure.axes, shrink=0.6, aspect=30)
    else:
        # what is part of its Axes is found its place with them, at a third of the time
        bar = place.figure.colorbar(drawn, cax=axes.inset_axes((1.03, 0.2, 0.025, 0.6)))
    bar.set_label(label, color=FOREGROUND, fontsize=9)
    set_plain([bar.ax.yaxis.label])
    bar.ax.tick_params(which="both", colors=FOREGROUND, labelsize=8)
    bar.outline.set_visible(False)
