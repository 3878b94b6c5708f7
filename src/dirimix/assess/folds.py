"""Which rows are left out together, and which are resampled together.

Neighbouring sites err alike. Rows left out at random are predicted from their neighbours, which
says how well a method fills gaps; whole blocks and edges of the sites say how well it reaches
beyond them. For the same reason a band must come from resampling blocks of sites, not sites.

Reference: Roberts et al. (2017), doi 10.1111/ecog.02881.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dirimix._arrays import Floats, Indices
from dirimix.assess.options import Scheme
from dirimix.errors import InputError
from dirimix.table.coordinates import as_numbers
from dirimix.table.split import SplitTable
from dirimix.table.values import number_text


@dataclass(frozen=True)
class Fold:
    """Training rows that one fit does without.

    Attributes:
        scheme: Name of the scheme.
        label: Name of the fold within it, fit for a folder.
        held: Indices of the rows left out among the training rows, (h,).
    """

    scheme: str
    label: str
    held: Indices

    def data(self, data: SplitTable) -> SplitTable:
        """The data without these rows in training, and with them as the scheme's rows."""
        rows = data.parts["train"]
        mask = np.zeros(len(rows.frame), dtype=bool)
        mask[self.held] = True
        return replace(data, parts={"train": rows.keep(~mask), self.scheme: rows.keep(mask)})


def make_folds(scheme: Scheme, data: SplitTable, seed: int) -> tuple[Fold, ...]:
    """The folds of a scheme; none where the table's own split is the scheme.

    Raises:
        InputError: If the scheme does not suit the table.
    """
    _check(scheme, data)
    x = as_numbers(data.parts["train"].frame, data.coords)
    match scheme.kind:
        case "blocks":
            held = list(_blocks(scheme, x))
        case "edges":
            j = data.coords.index(scheme.along)
            cut = data.rounds.get(scheme.along)
            held = list(_edges(scheme, x, j, x[:, j] if cut is None else cut.drawn(x[:, j])))
        case "k-fold":
            held = list(_random(scheme, x, seed))
        case _:  # the fit on all training rows predicts the test rows
            held = []
    for label, rows in held:
        if len(rows) == len(x):
            raise InputError(
                f"[validation.{scheme.name}] leaves no training row in its fold {label!r}; make "
                "smaller folds"
            )
    return tuple(Fold(scheme.name, label, np.sort(rows)) for label, rows in held)


def clusters(scheme: Scheme, data: SplitTable) -> Indices:
    """Which cluster each of the n rows that a scheme predicts is resampled with, (n,) integers.

    Blocks of `cluster`, else the blocks left out, else the lines at an edge, else single rows.
    """
    x = as_numbers(data.parts[predicted_part(scheme)].frame, data.coords)
    size = scheme.cluster or scheme.size
    if size:
        return block_of(x, size)
    if scheme.kind == "edges" and len(data.coords) > 1:
        return _line_of(x, data.coords.index(scheme.along), scheme.lines)
    return np.arange(len(x))


def predicted_part(scheme: Scheme) -> str:
    """Which rows of the data a scheme predicts: those of training, or the test rows."""
    return "test" if scheme.kind == "split" else "train"


def block_of(x: Floats, size: Sequence[float]) -> Indices:
    """The block floor(x / size) of every site x, (n, q), numbered from 0, (n,).

    >>> block_of(np.array([[1.0, 1.0], [1.9, 1.5], [2.1, 1.0]]), (2.0, 2.0))
    array([0, 0, 1])
    """
    corner = np.floor(x / np.asarray(size)).astype(int)
    return np.unique(corner, axis=0, return_inverse=True)[1].ravel()


def _check(scheme: Scheme, data: SplitTable) -> None:
    where, q = f"[validation.{scheme.name}]", len(data.coords)
    for name in ("size", "cluster", "lines"):
        given = getattr(scheme, name)
        if given and len(given) != q:
            raise InputError(f"{where} {name} needs one number a coordinate, {q}, not {len(given)}")
    if scheme.along and scheme.along not in data.coords:
        raise InputError(f"{where} along is one of {', '.join(data.coords)}, not {scheme.along!r}")
    if predicted_part(scheme) not in data.parts:
        raise InputError(f"{where} scores the test rows and the table has none; leave it out")


def _blocks(scheme: Scheme, x: Floats) -> Iterator[tuple[str, Indices]]:
    """Every block by itself, named by its lower corner."""
    corner = np.floor(x / np.asarray(scheme.size)).astype(int)
    for place in np.unique(corner, axis=0):
        rows = np.flatnonzero((corner == place).all(axis=1))
        yield "_".join(number_text(v) for v in place * np.asarray(scheme.size)), rows


def _edges(scheme: Scheme, x: Floats, j: int, place: Floats) -> Iterator[tuple[str, Indices]]:
    """The first and the last `depth` sites of every line along the j-th coordinate, a fold each.

    Their `place` along it, (n,), goes on over the date line. All rows of a site go with it. A line
    too short to keep a site is left whole.
    """
    lines = _line_of(x, j, scheme.lines)
    site = np.unique(x, axis=0, return_inverse=True)[1].ravel()
    orders = [np.flatnonzero(lines == line) for line in np.unique(lines)]
    orders = [rows[np.argsort(place[rows], kind="stable")] for rows in orders]
    long = [rows for rows in orders if len(np.unique(site[rows])) > 2 * scheme.depth]
    if not long:
        raise InputError(
            f"[validation.{scheme.name}] finds no line along {scheme.along!r} of more than "
            f"{2 * scheme.depth} sites; lower depth or give lines, the width of a line"
        )
    yield "low", np.concatenate([_first_sites(rows, site, scheme.depth) for rows in long])
    ends = [_first_sites(rows[::-1], site, scheme.depth)[::-1] for rows in long]
    yield "high", np.concatenate(ends)


def _first_sites(rows: Indices, site: Indices, count: int) -> Indices:
    """Those of the rows that lie at the first so many of their sites."""
    found, first = np.unique(site[rows], return_index=True)
    return rows[np.isin(site[rows], found[np.argsort(first)][:count])]


def _line_of(x: Floats, j: int, width: Sequence[float]) -> Indices:
    """Which sites share all coordinates but the j-th, to within a width if one is given, (n,)."""
    others = np.delete(x, j, axis=1)
    if not others.shape[1]:
        return np.zeros(len(x), dtype=int)
    if len(width):
        return block_of(others, [w for i, w in enumerate(width) if i != j])
    return np.unique(others, axis=0, return_inverse=True)[1].ravel()


def _random(scheme: Scheme, x: Floats, seed: int) -> Iterator[tuple[str, Indices]]:
    """Rows dealt out at random, as evenly as can be."""
    if scheme.folds > len(x):
        raise InputError(
            f"[validation.{scheme.name}] folds must not exceed the {len(x)} training rows"
        )
    order = np.random.default_rng(seed).permutation(len(x))
    for i, rows in enumerate(np.array_split(order, scheme.folds)):
        yield f"{i + 1}", rows
