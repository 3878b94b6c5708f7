"""How far apart sites are: coordinates on a line, round a circle, or two of them on the globe."""

# pyright: strict

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import numpy as np

from dirimix._arguments import check_positive
from dirimix._arrays import Floats, Mask
from dirimix.errors import InputError, did_you_mean
from dirimix.table.values import refuse

_DEGREE = np.pi / 180
_TURN = 360.0  # degrees
_DIGITS = 9  # of a turn, in degrees or in parts of a period, to which places are told apart
_Place = TypeVar("_Place", float, Floats)  # one or many


@dataclass(frozen=True)
class Axis:
    """One coordinate, or the two that make a place on the globe; it has one length scale.

    Attributes:
        name: The coordinate's name, or both joined by '+'.
        columns: Where they are among the coordinates.
        features: Names of the straight coordinates that it is laid out in.
        dimensions: 2 on the globe, else 1.
        period: After which it comes round, 0 for a line and for the globe.
    """

    name: str
    columns: tuple[int, ...]
    features: tuple[str, ...]
    dimensions: int = 1
    period: float = 0.0


@dataclass(frozen=True)
class Round:
    """A coordinate that comes round, cut open for maps and sections.

    Attributes:
        period: After which it comes round.
        start: Where it is cut: sites are drawn from here on, over one period.
        low: The least number that names a place: 0, or half a period below it.
    """

    period: float
    start: float
    low: float = 0.0

    def drawn(self, values: Floats) -> Floats:
        """Where places are drawn, of the shape of `values`, which may lie some turns away.

        >>> Round(360.0, 0.0).drawn(np.array([170.0, -170.0, 540.0]))
        array([170., 190., 180.])
        """
        turns = np.floor((values - self.start) / self.period)
        digits = _DIGITS + 2 - int(np.floor(np.log10(self.period)))
        return np.where(turns == 0, values, np.round(values - turns * self.period, digits))

    def named(self, place: _Place) -> _Place:
        """The numbers by which the table names places, however many turns away they are drawn.

        >>> Round(360.0, 0.0, low=-180.0).named(190.0)
        -170.0
        """
        return self.low + (place - self.low) % self.period


def cut_open(values: Floats, period: float) -> Round | None:
    """Where to cut a coordinate that comes round, for maps that do not tear its sites in two.

    That is the middle of the widest gap between places. None where a map may show the values as
    they are: they lie within one period, and the gap at its ends is no less than half the widest.

    Args:
        values: The coordinate at n sites, (n,).
        period: After which it comes round.

    >>> cut_open(np.array([170.0, 175.0, -170.0]), 360.0)
    Round(period=360.0, start=0.0, low=-180.0)
    >>> cut_open(np.array([-10.0, 0.0, 30.0]), 360.0)
    """
    if not len(values):
        return None
    places = np.unique(np.round(values / period % 1, _DIGITS) % 1) * period
    gaps = np.diff(places, append=places[0] + period)
    own = period - np.ptp(values)
    if own >= 0 and gaps.max() <= 2 * own:
        return None
    middles = places + gaps / 2
    # of gaps that are as wide, the one nearest to the ends of the table's own numbers
    away = np.abs((middles - (values.max() + own / 2) + period / 2) % period - period / 2)
    start = middles[np.argmin(np.where(gaps >= gaps.max() * (1 - 1e-6), away, np.inf))]
    low = 0.0 if values.min() >= 0 else -period / 2
    return Round(period, float((start + period / 2) % period - period / 2), low)


@dataclass(frozen=True)
class Space:
    """The coordinates of a table, and which of them are not plain numbers on a line.

    A place on the globe, or on a circle, is laid out in the straight coordinates of the space
    around it, where straight distances (chords) serve every kernel: small ones are those on the
    globe in degrees of arc, or on the circle in the coordinate's unit.

    Attributes:
        coords: Names of the q coordinates.
        geo: Names of the longitude and of the latitude, in degrees, or nothing.
        periodic: Coordinates that come round, and their periods.
        categories: Labels of the coordinates that hold labels, which are not laid out.

    >>> space = Space(("lon", "lat"), ("lon", "lat"))
    >>> space.canonical(np.array([[245.0, 40.0], [-115.0, 40.0]]))
    array([[-115.,   40.],
           [-115.,   40.]])
    """

    coords: tuple[str, ...]
    geo: tuple[str, ...] = ()
    periodic: Mapping[str, float] = field(default_factory=dict[str, float])
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The axes in the order of their first coordinate."""
        found: list[Axis] = []
        for j, name in enumerate(self.coords):
            if name in self.geo:
                pair = tuple(self.coords.index(c) for c in self.geo)
                if j == min(pair):
                    joined = "+".join(self.geo)
                    found.append(Axis(joined, pair, tuple(f"{joined} {c}" for c in "xyz"), 2))
            elif name in self.periodic:
                turns = (f"cos {name}", f"sin {name}")
                found.append(Axis(name, (j,), turns, period=float(self.periodic[name])))
            elif name not in self.categories:
                found.append(Axis(name, (j,), (name,)))
        return tuple(found)

    def rounds(self, x: Floats) -> dict[str, Round]:
        """The coordinates of sites `x`, (n, q), that maps cut open elsewhere than numbers do."""
        periods = dict(self.periodic) | dict.fromkeys(self.geo[:1], _TURN)
        found: dict[str, Round] = {}
        for name, period in periods.items():
            values = x[:, self.coords.index(name)]
            # what runs on over several periods, as the days of years do, is drawn as it is
            if name in self.geo or np.ptp(values) <= period:
                cut = cut_open(values, period)
                found |= {} if cut is None else {name: cut}
        return found

    @property
    def is_flat(self) -> bool:
        """Whether every coordinate is a number on a line."""
        return not self.geo and not self.periodic

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the axes."""
        return tuple(axis.name for axis in self.axes)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the p straight coordinates."""
        return tuple(name for axis in self.axes for name in axis.features)

    @property
    def axis_of(self) -> tuple[int, ...]:
        """The axis of each straight coordinate, (p,)."""
        return tuple(k for k, axis in enumerate(self.axes) for _ in axis.features)

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The number of dimensions of each axis."""
        return tuple(axis.dimensions for axis in self.axes)

    def canonical(self, x: Floats) -> Floats:
        """Sites `x`, (n, q), each place and time of the year with one pair of numbers for it."""
        found = np.array(x, dtype=float)
        for axis in self.axes:
            if axis.dimensions == 2:
                lon, lat = axis.columns
                turned = np.round((found[:, lon] + 180) % 360 - 180, _DIGITS)
                turned = np.where(turned >= 180, turned - 360, turned)
                found[:, lat] = np.round(found[:, lat], _DIGITS)
                found[:, lon] = np.where(np.abs(found[:, lat]) == 90, 0.0, turned) + 0.0
            elif axis.period:
                (j,) = axis.columns
                share = np.round(found[:, j] / axis.period % 1, _DIGITS) % 1
                found[:, j] = share * axis.period
        return found

    def embed(self, x: Floats) -> Floats:
        """The straight coordinates of sites `x`, (n, q), as (n, p)."""
        x = self.canonical(x)
        return np.column_stack([np.empty((len(x), 0)), *(_laid_out(a, x) for a in self.axes)])

    def extent(self, x: Floats) -> Floats:
        """How far sites in straight coordinates `x`, (n, p), reach along each axis."""
        return np.array([_longest(part) for part in self.parts(x)])

    def spread(self, x: Floats) -> Floats:
        """Standard deviation of such sites along each straight coordinate's axis, (p,)."""
        parts = zip(self.axes, self.parts(x), strict=True)
        each = [np.sqrt(part.var(axis=0).sum() / axis.dimensions) for axis, part in parts]
        return np.array(each)[list(self.axis_of)]

    def parts(self, x: Floats) -> list[Floats]:
        """The columns of straight coordinates `x`, (n, p), by axis."""
        of = np.array(self.axis_of)
        return [x[:, of == k] for k in range(len(self.axes))]

    def check(self, x: Floats) -> None:
        """Refuse sites `x`, (n, q), that lie on no globe.

        Raises:
            InputError: If a latitude or a longitude is not one.
        """
        if not self.geo:
            return
        for name, most, what in zip(self.geo, (360, 90), ("longitude", "latitude"), strict=True):
            values = x[:, self.coords.index(name)]
            bad: Mask = np.abs(values) > most
            remedy = f"geo is [longitude, latitude] in degrees, and here is {list(self.geo)}"
            refuse(bad, values, f"{what} {name!r}", f"between -{most} and {most}", remedy)


def make_space(
    coords: Sequence[str],
    geo: Sequence[str] | None = None,
    periodic: Mapping[str, float] | None = None,
    levels: Mapping[str, tuple[str, ...]] | None = None,
) -> Space:
    """The space of coordinates, as options name it.

    Args:
        coords: Names of the coordinates.
        geo: The longitude's name and the latitude's, or None.
        periodic: Period of each coordinate that comes round, or None.
        levels: Labels of each coordinate that holds labels, as `Table.levels` has them.

    Raises:
        InputError: If an option does not name coordinates, or a period is not positive.
    """
    categories = {} if levels is None else dict(levels)
    pair: Sequence[str] = () if geo is None else geo
    periods: Mapping[str, float] = {} if periodic is None else periodic
    named = isinstance(pair, Sequence) and all(isinstance(c, str) for c in pair)  # pyright: ignore[reportUnnecessaryIsInstance]
    if isinstance(pair, str) or not named or len(pair) not in (0, 2) or len(set(pair)) != len(pair):
        raise InputError(f"geo names a longitude and a latitude, as ['lon', 'lat'], not {geo!r}")
    if not isinstance(periods, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InputError(
            f"periodic gives a period by coordinate, as {{'doy': 365.25}}: {periodic!r}"
        )
    for option, names in (("geo", list(pair)), ("periodic", list(periods))):
        for name in names:
            if name not in coords:
                raise InputError(
                    f"{option} names {name!r}, which is no coordinate"
                    f"{did_you_mean(str(name), coords)}; the coordinates are "
                    f"{', '.join(coords) or 'none'}"
                )
            if name in categories:
                raise InputError(f"{option} names {name!r}, which holds labels; numbers are needed")
    for name, period in periods.items():
        check_positive(period, f"the period of {name!r}")
        if name in pair:
            raise InputError(f"{name!r} is in geo and in periodic; keep one of them")
    return Space(tuple(coords), tuple(pair), dict(periods), categories)


def refuse_categories(space: Space, what: str) -> None:
    """Refuse labels where distances are needed.

    Raises:
        InputError: If a coordinate is a category.
    """
    for name in space.categories:
        raise InputError(
            f"{what} needs distances, and the coordinate {name!r} holds labels; "
            "leave it out of coords, or use lbmm-gld (field='linear'), which pools by label"
        )


def _laid_out(axis: Axis, x: Floats) -> Floats:
    """One axis of canonical sites `x`, (n, q), in its 1, 2 or 3 straight coordinates."""
    if axis.dimensions == 2:
        lon, lat = (x[:, j] * _DEGREE for j in axis.columns)
        level = np.cos(lat)
        place = [level * np.cos(lon), level * np.sin(lon), np.sin(lat)]
        return np.column_stack(place) / _DEGREE
    values = x[:, axis.columns[0]]
    if not axis.period:
        return values[:, None]
    turn = 2 * np.pi / axis.period
    return np.column_stack([np.cos(turn * values), np.sin(turn * values)]) / turn


def _longest(x: Floats) -> float:
    """Extent of points (n, d) along their first principal axis."""
    if x.shape[1] == 1:
        return float(np.ptp(x))
    centred = x - x.mean(axis=0)
    return float(np.ptp(centred @ np.linalg.svd(centred, full_matrices=False)[2][0]))
