"""Lines of sites: those along one coordinate that have all other coordinates in common."""

from dataclasses import dataclass

import numpy as np

_NEAR = 25  # sites that are shown where too few lie on a line
_ENOUGH = 3  # places on a line that a page may open with


@dataclass(frozen=True)
class Line:
    """The sites of a section.

    Attributes:
        sites: Their places in the table.
        exact: Whether they have all other coordinates in common.
    """

    sites: np.ndarray
    exact: bool


def line_through(x: np.ndarray, site: int, along: int, labels: list[int]) -> Line:
    """The line through a site along a coordinate, else the sites that are nearest to it.

    Labels are never mixed: they have no distance.

    Args:
        x: Coordinates, (m, q).
        site: The site.
        along: The coordinate along the line.
        labels: The coordinates that are labels.
    """
    others = [c for c in range(x.shape[1]) if c != along]
    numbers = [c for c in others if c not in labels]
    same = x == x[site]
    on_line = np.flatnonzero(same[:, others].all(axis=1))
    enough = len(np.unique(x[on_line, along])) >= least_places(x, along)
    if enough or not numbers:
        return Line(on_line, True)
    alike = np.flatnonzero(same[:, [c for c in others if c in labels]].all(axis=1))
    reach = np.ptp(x[:, numbers], axis=0)
    gaps = (x[alike][:, numbers] - x[site, numbers]) / np.where(reach > 0, reach, 1.0)
    nearest = alike[np.argsort((gaps**2).sum(axis=1), kind="stable")[:_NEAR]]
    return Line(nearest, bool(same[nearest][:, others].all()))


def least_places(x: np.ndarray, along: int) -> int:
    """Places that make a line: of many sites more than three, never more than there are."""
    many = np.clip(np.ceil(np.sqrt(len(x)) / 2), 3, 5)
    return min(int(many), len(np.unique(x[:, along])))


def opening_line(x: np.ndarray, order: list[int], labels: list[int]) -> tuple[int, np.ndarray]:
    """The coordinate along which a page opens, and by site, (m,), which line it lies on.

    It is one along which sites lie on lines, if there is one; of several rather a number than a
    label, rather one with more places, and then the first in order. Without lines all sites are
    taken for one.
    """
    lines = {c: _lines(x, c) for c in order}
    long = {c: _longest(x, c, lines[c]) >= max(_ENOUGH, least_places(x, c)) for c in order}
    along = max(order, key=lambda c: (long[c], c not in labels, least_places(x, c)))
    return along, lines[along] if long[along] else np.zeros(len(x), dtype=int)


def _lines(x: np.ndarray, along: int) -> np.ndarray:
    """The number of the line on which each site lies, (m,)."""
    _, found = np.unique(np.delete(x, along, axis=1), axis=0, return_inverse=True)
    return found.ravel()


def _longest(x: np.ndarray, along: int, lines: np.ndarray) -> int:
    """How many places the longest line has."""
    places = np.unique(np.stack([lines, x[:, along]], axis=1), axis=0)
    return int(np.unique(places[:, 0], return_counts=True)[1].max())
