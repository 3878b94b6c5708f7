"""Regions of the training sites that are held out in turn."""

# pyright: strict, reportMissingTypeStubs=false

from math import ceil

import numpy as np

from dirimix._arrays import Floats, Indices

FEW = 2  # regions where rows are too few for more
_EACH = 4  # rows of a region, at least
FEW_ROWS = FEW * _EACH
MOST = 1000  # rows that are scored: the time of a fit of latent fields grows as their cube


def regions(x: Floats, count: int, seed: int = 0) -> Indices:
    """Which of so many regions each site belongs to, (n,), about equally many sites in each.

    The sites are cut in halves across the coordinate along which they spread most, standardised,
    and each half again: regions are blocks, inside the data and at their ends. All rows of a site
    are in one. Without coordinates rows are dealt out at random.

    Args:
        x: Sites in straight coordinates, (n, p).
        count: A power of 2.
        seed: Of the random deal.

    >>> regions(np.array([[0.0], [1.0], [5.0], [6.0], [7.0], [9.0]]), 2)
    array([0, 0, 0, 1, 1, 1])
    >>> regions(np.array([[0.0], [1.0], [1.0], [2.0]]), 2)
    array([0, 0, 0, 1])

    Where sites are fewer than regions some regions have none.

    >>> len(set(regions(np.array([[0.0], [0.0], [0.0], [2.0]]), 8)))
    2
    """
    label = np.zeros(len(x), dtype=int)
    if not x.shape[1]:
        label[np.random.default_rng(seed).permutation(len(x))] = np.arange(len(x)) % count
        return label
    sd = x.std(axis=0)
    scaled = (x - x.mean(axis=0)) / np.where(sd > 0, sd, 1.0)
    parts = [np.arange(len(x))]
    while len(parts) < count:
        parts = [half for part in parts for half in _halves(scaled, part)]
    for number, part in enumerate(parts):
        label[part] = number
    return label


def rows_needed(regions: int, models: int) -> int:
    """Rows that as many regions need: some in each, and two a model without any one of them.

    >>> rows_needed(4, 3), rows_needed(4, 12)
    (16, 32)
    """
    return max(_EACH * regions, ceil(2 * models * regions / (regions - 1)))


def scored_rows(n: int, seed: int) -> Indices:
    """Which of n rows candidates are scored on: all, or a thousand of them drawn with the seed.

    >>> len(scored_rows(40, 0)), len(scored_rows(4000, 0))
    (40, 1000)
    """
    return np.sort(np.random.default_rng(seed).permutation(n)[:MOST])


def _halves(x: Floats, part: Indices) -> tuple[Indices, Indices]:
    if len(part) < 2:
        return part, part[:0]
    widest = int(np.argmax(np.ptp(x[part], axis=0)))
    order = part[np.argsort(x[part, widest], kind="stable")]
    site = np.unique(x[order], axis=0, return_inverse=True)[1].ravel()
    middle = (len(order) + 1) // 2
    first = np.isin(site, site[:middle])
    if first.all():  # the last site of the first half has all the rest
        first = np.isin(site, np.setdiff1d(site, site[middle:]))
    return order[first], order[~first]
