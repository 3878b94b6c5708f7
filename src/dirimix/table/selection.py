"""Which rows of a table are used: those where every model has a value, and those at the edges."""

# pyright: strict, reportMissingTypeStubs=false

import warnings
from collections.abc import Sequence

import numpy as np

from dirimix._arrays import Floats, Indices, Mask
from dirimix.errors import DroppedRowsWarning, InputError
from dirimix.table.coordinates import NUMBER
from dirimix.table.dates import date_like
from dirimix.table.sentinels import remarks
from dirimix.table.split import Part
from dirimix.table.table import Table
from dirimix.table.values import looks_meant, number_text

_FEWEST = 2  # models that a mixture needs
_TELLING = 8  # observations whose span says how much they vary
_FAR = 3.0  # times what observations span, from which all models are no neighbours of theirs


def fitted_rows(known: Mask, *, complete: bool) -> Mask:
    """Where every model, or at least one, has a value, (n,), of where each has, (n, K)."""
    return np.asarray(known.all(axis=1) if complete else known.any(axis=1))


def complete_rows(table: Table) -> Indices:
    """Indices of the rows where every model has a value, with a warning if some have not.

    Args:
        table: n rows.

    Returns:
        (c,) indices, c <= n.

    Raises:
        InputError: If no row is complete, or fewer are than there are models.
    """
    n, k = table.f.shape
    kept = np.flatnonzero(table.known.all(axis=1))
    if len(kept) == n:
        return kept
    gaps, more = describe_missing(table), less_gaps(table.known, table.models)
    if len(kept) < k:
        few = f"only {len(kept)} of {n} rows have" if len(kept) else "no row has"
        raise InputError(
            f"{few} a value of every model ({gaps}); "
            f"{more or 'give more rows'}, or take a method that needs no complete rows, such as "
            "lbmm-gld"
        )
    who = "every model" if k > 1 else "it"
    warnings.warn(
        f"fitting on {len(kept)} of {n} rows, those where {who} has a value ({gaps})"
        f"{'; ' if more else ''}{more}",
        DroppedRowsWarning,
        stacklevel=2,
    )
    return kept


def less_gaps(known: Mask, models: Sequence[str]) -> str:
    """Which models to leave out for many more complete rows, and how many; '' if none need be.

    It is said where less than half of the rows are complete. The model whose loss completes most
    rows goes first, until as many are, or two models are left.

    Args:
        known: Which model has a value where, (n, K).
        models: Their K names.

    >>> known = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1]], dtype=bool)
    >>> less_gaps(known, ["a", "b", "c"])
    "leaving out 'c' would give 3 complete rows"
    """
    kept, gone = list(range(len(models))), list[str]()
    now = best = int(known.all(axis=1).sum())
    while 2 * best < len(known) and len(kept) > _FEWEST:
        others = [[k for k in kept if k != one] for one in kept]
        counts = [int(known[:, left].all(axis=1).sum()) for left in others]
        first = int(np.argmax(counts))
        gone.append(models[kept[first]])
        kept, best = others[first], counts[first]
    if best == now:
        return ""
    return f"leaving out {' and '.join(map(repr, gone))} would give {best} complete rows"


def observed(rows: Table | Part) -> Floats:
    """The observations, (n,), of rows that must have them.

    Raises:
        InputError: If there are none.
    """
    if rows.y is None:
        raise InputError("a fit needs one observation a row, and none were given; pass y")
    return rows.y


def refuse_answers(table: Table) -> None:
    """Refuse a model that is the observations themselves: sigma then has no posterior.

    Raises:
        InputError: If a model equals the observation at more than half the rows, without error.
    """
    y = observed(table)
    same = (table.f == y[:, None]) & (table.y_err == 0)[:, None]
    values, times = np.unique(y, return_counts=True)
    # a value that comes again and again, as on days without rain, is right by more than a copy
    telling = np.ones(len(y), dtype=bool) if times.max() == 1 else y != values[np.argmax(times)]
    for model, column in zip(table.models, same.T, strict=True):
        if column.sum() > len(y) / 2 and column[telling].sum() >= telling.sum() / 2:
            raise InputError(
                f"model {model!r} equals the observation at {column.sum()} of {len(column)} rows, "
                f"first at row {table.number(int(np.argmax(column)))}, and no measurement error is "
                "given there: nothing is left for the noise; remove that model, or give y_err"
            )


def describe_missing(table: Table) -> str:
    """One clause a model that lacks values: how many, and the first row."""
    missing = ~table.known
    counts = zip(table.models, missing.T, strict=True)
    return "; ".join(
        f"{model!r} has none at {column.sum()}, first at row {table.number(int(np.argmax(column)))}"
        for model, column in counts
        if column.any()
    )


def suspicions(table: Table) -> list[str]:
    """Sentences on columns of a table that may be meant otherwise: marks, dates, labels."""
    places = {c: table.x[:, k] for k, c in enumerate(table.coords) if table.kinds[c] == NUMBER}
    columns = {f"coordinate {c!r}": values for c, values in places.items()}
    columns |= _by_model(table.models, table.f)
    missing = remarks((columns | ({} if table.y is None else {"the target": table.y})).items())
    dates = [
        f"coordinate {c!r} has numbers such as {number_text(values[0])}, which look like dates and "
        "are taken for numbers, in which months are far apart; write them as 2013-01-31"
        for c, values in places.items()
        if date_like(values)
    ]
    labels = [
        f"coordinate {c!r} has a label of its own at each of the {len(table.x)} rows, such as "
        f"{levels[0]!r}: no two rows are of one place; if labels are meant as numbers or dates, "
        "write them as such, else leave the coordinate out"
        for c, levels in table.levels.items()
        if len(set(table.x[:, table.coords.index(c)])) == len(table.x) > _FEWEST
    ]
    meant = [
        f"coordinate {c!r} has labels such as {odd!r}, which look like numbers or dates and are "
        "taken for labels, without near and far; write numbers as 1234.5 and dates as 2013-01-31"
        for c, levels in table.levels.items()
        for odd in [looks_meant(levels)]
        if odd is not None
    ]
    return [*missing, *dates, *labels, *meant, *far_away(table)]


def far_away(table: Table) -> list[str]:
    """Sentences where all models, or some, are on one side of the observations and far away."""
    if table.y is None or len(table.models) < _FEWEST:
        return []
    known = table.y[np.isfinite(table.y)]
    span = np.ptp(known) if len(known) else 0.0
    if not span > 0:
        return []
    sides = [_side(column - table.y, span) for column in table.f.T]
    far = [found for found in sides if found]
    if len(far) == len(sides) and len({side for side, _ in far}) == 1:
        side, least = far[0][0], min(times for _, times in far)
        return [
            f"all models lie {side} the observations at every row, by {least:.2g} times what "
            "these span and more: if they have another unit or zero, convert one"
        ]
    return [
        f"model {model!r} lies {found[0]} the observations at every row, by {found[1]:.2g} times "
        "what these span and more: if it has another unit or zero, convert it"
        for model, found in zip(table.models, sides, strict=True)
        if found and len(known) >= _TELLING
    ]


def _side(off: Floats, span: float) -> tuple[str, float] | None:
    """On which side of the observations a model always lies, and how many spans away; else None."""
    off = off[np.isfinite(off)]
    least = np.abs(off).min(initial=np.inf) / span
    if not len(off) or least < _FAR or off.min() < 0 < off.max():
        return None
    return ("above" if off.min() > 0 else "below"), float(least)


def marks(models: Sequence[str], f: Floats) -> list[str]:
    """Sentences on values of models, (m, K), that may mark missing ones."""
    return remarks(_by_model(models, f).items())


def gaps(models: Sequence[str], f: Floats) -> list[str]:
    """A sentence on rows to predict without a value of some model, (m, K), if there are any."""
    missing = np.isnan(f)
    count = int(missing.any(axis=1).sum())
    if not count or len(models) < _FEWEST:
        return []
    which = ", ".join(
        f"{model!r} at {n}" for model, n in zip(models, missing.sum(axis=0), strict=True) if n
    )
    return [
        f"{count} of {len(f)} rows to predict lack a value of a model ({which}), as no row of the "
        "fit did: the others take over its weight, and the noise stays that of all models "
        "together, so intervals there can be too narrow (docs/missing-values.md)"
    ]


def _by_model(models: Sequence[str], f: Floats) -> dict[str, Floats]:
    return {f"model {m!r}": column for m, column in zip(models, f.T, strict=True)}


def edge_rows(x: Floats, n: int) -> Indices:
    """The default evidence set: n rows spread along the two edges of the sites.

    Standardise the coordinates and find their principal axes. With one coordinate, take the
    n/2 lowest and n/2 highest sites. With more, split the sites into n/2 equally filled bins
    along the first axis and take from each the lowest and the highest along the second axis,
    relative to the bin's own linear trend: the two edges of a long, curved valley.

    Args:
        x: Coordinates, (r, q), q >= 1.
        n: Number of rows wanted, even.

    Returns:
        Sorted indices, (n,).

    Raises:
        InputError: If n is odd, there are no coordinates, or fewer rows than n.

    >>> edge_rows(np.array([[3.0], [1.0], [2.0], [5.0], [4.0]]), 2)
    array([1, 3])
    """
    if n < 2 or n % 2:
        raise InputError(f"the number of evidence rows must be even and at least 2, not {n}")
    if x.shape[1] == 0:
        raise InputError(
            "the default evidence rows are chosen by coordinates and there are none; give coords, "
            "or evidence_rows"
        )
    if len(x) < n:
        raise InputError(
            f"{n} evidence rows were asked for, but only {len(x)} rows have a value of every "
            "model; lower n_evidence"
        )
    axes = _principal_axes(x)
    order = np.argsort(axes[:, 0], kind="stable")
    if x.shape[1] == 1:
        return np.sort(np.concatenate([order[: n // 2], order[-(n // 2) :]]))
    bins = np.array_split(order, n // 2)
    return np.sort(np.concatenate([_extremes(axes, rows) for rows in bins]))


def _principal_axes(x: Floats) -> Floats:
    spread = x.std(axis=0)
    z = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    axes = np.linalg.svd(z, full_matrices=False)[2]
    # the sign of a singular vector is arbitrary: the first of its large entries is positive
    large = np.argmax(np.abs(axes) > 0.5 * np.abs(axes).max(axis=1, keepdims=True), axis=1)
    return z @ (axes * np.sign(axes[np.arange(len(axes)), large])[:, None]).T


def _extremes(axes: Floats, rows: Indices) -> Indices:
    along, across = axes[rows, 0], axes[rows, 1]
    if len(rows) > 2:
        along = along - along.mean()
        square = along @ along
        across = across - (along @ across / square if square > 0 else 0.0) * along
    # rounding decides between equals on no machine
    order = np.argsort(across.round(9), kind="stable")
    return rows[order[[0, -1]]]
