"""Rows at one site, and sites beyond those of the training rows."""

# pyright: strict, reportMissingTypeStubs=false

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from dirimix._arrays import Floats, Mask
from dirimix.errors import InputError, counted
from dirimix.table.coordinates import NUMBER, place_text
from dirimix.table.space import Axis, Space
from dirimix.table.table import Table

REPEATS = ("keep", "pool")
_GAP = 0.25  # of a turn: without training sites for longer, what lies there is beyond them


def check_repeats(name: object) -> None:
    """Refuse a word that says nothing of several rows at a site.

    Raises:
        InputError: If it is not one of `REPEATS`.
    """
    if name not in REPEATS:
        raise InputError(f"repeats is 'keep' or 'pool', not {name!r}")


def pool_repeats(table: Table, places: Floats) -> Table:
    """The table with the observations of each site averaged, weighted by their errors.

    Several measurements of one quantity, whose models are the same at all of them: y is their mean
    with weights 1 / u^2 and the error that of this mean. Where an error is 0 the weights are
    equal.

    Args:
        table: n rows with observations.
        places: Coordinates that are the same at one site (`Space.canonical`), (n, q).

    Raises:
        InputError: If a model differs between rows of a site, which then are different quantities.
    """
    assert table.y is not None
    y, y_err = table.y.copy(), table.y_err.copy()
    kept: list[int] = []
    for rows in _groups(places):
        _check_same_models(table, rows)
        first, errors = int(rows[0]), table.y_err[rows]
        if len(rows) > 1:
            weights = 1 / errors**2 if np.all(errors > 0) else np.ones(len(rows))
            weights = weights / weights.sum()
            y[first], y_err[first] = weights @ table.y[rows], np.sqrt(weights**2 @ errors**2)
        kept.append(first)
    return replace(table, y=y, y_err=y_err).rows(np.array(kept))


def repeats_note(places: Floats, f: Floats, pooled: bool) -> list[str]:
    """What is done with several rows at a site, in a sentence; nothing where there are none.

    Args:
        places: As in `pool_repeats`.
        f: Values of the models, (n, K).
        pooled: Whether they are averaged.
    """
    groups = _groups(places)
    sites = len(groups)
    if sites == len(places):
        return []
    if pooled:
        return [f"{len(places)} training rows are averaged to {sites}, one a site"]
    alike = all(_same_models(f, rows).all() for rows in groups if len(rows) > 1)
    remedy = "; repeats = 'pool' averages those of one site" if alike else ""
    return [
        f"{len(places)} training rows are at {counted(sites, 'site')}: each counts as an "
        f"observation of its own{remedy}"
    ]


def copies(table: Table) -> list[str]:
    """A sentence on rows that repeat another in all that is used, which is often an accident."""
    if not table.coords or table.y is None:
        return []
    everything = np.column_stack([table.x, table.f, table.y, table.y_err])
    twins = [rows for rows in _groups(everything) if len(rows) > 1]
    if not twins:
        return []
    first, second = map(int, twins[0][:2])
    return [
        f"{sum(len(rows) - 1 for rows in twins)} of {len(table.x)} training rows repeat another in "
        f"coordinates, models and observation (the first at {table.site(first)}, rows "
        f"{table.number(first)} and {table.number(second)}), and each counts as an observation; "
        "leave them out if they are copies"
    ]


def _same_models(f: Floats, rows: np.ndarray) -> Mask:
    """Whether values of models are those of the first of some rows, (r, K)."""
    return np.isclose(f[rows], f[rows[0]], rtol=1e-9, atol=0, equal_nan=True)


def _check_same_models(table: Table, rows: np.ndarray) -> None:
    first = int(rows[0])
    for row, same in zip(map(int, rows), _same_models(table.f, rows), strict=True):
        if not same.all():
            k = int(np.argmin(same))
            raise InputError(
                f"rows {table.number(first)} and {table.number(row)} are at one site, "
                f"{table.site(first)}, and model "
                f"{table.models[k]!r} is {table.f[first, k]:g} and {table.f[row, k]:g} there: "
                "observations of different quantities cannot be averaged; use repeats = 'keep', "
                "or name the coordinate that tells them apart"
            )


def _groups(values: Floats) -> list[np.ndarray]:
    """Indices of equal rows of values, (n, c), in the order in which they first appear."""
    if not values.shape[1]:
        return [np.array([row]) for row in range(len(values))]
    # NaN equals NaN, as where a model has no value
    _, own = np.unique(np.nan_to_num(values, nan=np.inf), axis=0, return_inverse=True)
    order = np.argsort(own, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(own[order])) + 1)
    return sorted(parts, key=lambda rows: int(rows[0]))


@dataclass(frozen=True)
class Reach:
    """Where the training sites lie, coordinate by coordinate.

    Attributes:
        space: The space of the coordinates.
        x: The training sites, (n, q).
        kinds: Kinds of the coordinates, as `Table.kinds` has them.
    """

    space: Space
    x: Floats
    kinds: Mapping[str, str]

    def outside(self, x: Floats) -> Mask:
        """Which sites `x`, (m, q), lie beyond the training sites in some coordinate, (m,)."""
        found = np.zeros(len(x), dtype=bool)
        for _, beyond, _ in self._beyond(x):
            found |= beyond
        return found

    def sentence(self, x: Floats, rows: str) -> str:
        """That some sites lie beyond the training sites, or nothing.

        Args:
            x: Sites, (m, q).
            rows: What they are called, such as 'test rows'.
        """
        beyond = self.outside(x)
        if not beyond.any():
            return ""
        parts = [
            f"{name!r} ({range_}) at {own.sum()}"
            for name, own, range_ in self._beyond(x)
            if own.any()
        ]
        return (
            f"{beyond.sum()} of {len(x)} {rows} lie outside the training sites, in "
            f"{', '.join(parts)}: predictions there extrapolate"
        )

    def _beyond(self, x: Floats) -> Iterator[tuple[str, Mask, str]]:
        """Each coordinate, which of the sites lie beyond the training sites in it, and theirs."""
        x, known = self.space.canonical(x), self.space.canonical(self.x)
        turns = {self.space.coords[a.columns[0]]: _turn(a) for a in self.space.axes if _turn(a)}
        for column, name in enumerate(self.space.coords):
            values, own = x[:, column], known[:, column]
            if name in self.space.categories:
                yield name, ~np.isin(values, own), counted(len(np.unique(own)), "label")
                continue
            start = _start(own, turns[name]) if name in turns else 0.0
            if start is None:  # all round
                continue
            if name in turns:
                values, own = (values - start) % turns[name], (own - start) % turns[name]
            low, high = float(own.min()), float(own.max())
            ends = (self._words(name, v + start) for v in (low, high))
            yield name, (values < low) | (values > high), " to ".join(ends)

    def _words(self, name: str, value: float) -> str:
        kind = self.kinds.get(name, NUMBER)
        return f"{value:.5g}" if kind == NUMBER else place_text(value, kind)


def _turn(axis: Axis) -> float:
    """After how much the first column of an axis comes round, 0 for a line."""
    return 360.0 if axis.dimensions == 2 else axis.period


def _start(values: Floats, turn: float) -> float | None:
    """The value after the largest gap of a circle; None if no gap is large."""
    places = np.unique(values)
    gaps = np.diff(places, append=places[0] + turn)
    widest = int(np.argmax(gaps))
    return float(places[(widest + 1) % len(places)]) if gaps[widest] > _GAP * turn else None
