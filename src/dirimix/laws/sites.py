"""Numbers that belong to a site, whatever else is asked for in the same call.

Random numbers come from a stream of their own for each site: Philox (Salmon et al. 2011,
doi 10.1145/2063384.2063405), keyed with a hash of seed, purpose and site, or, for many numbers at a
site, SFC64 (Doty-Humphrey's PractRand), three times as quick, whose state is such a hash. Products
of matrices are taken in blocks of one shape, because a product's rounding changes with its shape.
"""

# pyright: strict, reportMissingTypeStubs=false

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from dirimix._arrays import Floats

_ROWS = 64  # of a block; a multiple of what any processor's kernel takes at once


def streams(sites: Sequence[bytes], seed: int, purpose: str) -> Iterator[np.random.Generator]:
    """One generator a site, which depends on seed, purpose and site alone.

    It is the same object every time, set to the next stream: use it before going on.

    >>> [int(g.integers(100)) for g in streams([b"a", b"b", b"a"], 0, "noise")]
    [46, 25, 46]
    """
    zeros = np.zeros(4, dtype=np.uint64)
    states = ({"counter": zeros, "key": key} for key in _hashes(sites, seed, purpose, 2))
    return _in_states(np.random.Philox(0), states)


def quick_streams(sites: Sequence[bytes], seed: int, purpose: str) -> Iterator[np.random.Generator]:
    """The same for tens of thousands of numbers at a site, from SFC64.

    >>> [int(g.integers(100)) for g in quick_streams([b"a", b"b", b"a"], 0, "weights")]
    [10, 14, 10]
    """
    counted = np.ones(1, dtype=np.uint64)  # the last word counts the numbers
    hashes = _hashes(sites, seed, purpose, 3)
    states = ({"state": np.concatenate([words, counted])} for words in hashes)
    return _in_states(np.random.SFC64(0), states)


def _hashes(sites: Sequence[bytes], seed: int, purpose: str, words: int) -> Iterator[Any]:
    """So many words of 64 bits for each site."""
    secret = hashlib.blake2b(f"{seed} {purpose}".encode()).digest()
    for site in sites:
        digest = hashlib.blake2b(site, digest_size=8 * words, key=secret).digest()
        yield np.frombuffer(digest, dtype="<u8").astype(np.uint64)


def _in_states(source: Any, states: Iterator[dict[str, Any]]) -> Iterator[np.random.Generator]:
    """One generator, set to one state after the other."""
    generator = np.random.Generator(source)
    fresh = dict(source.state)
    for state in states:
        source.state = fresh | {"state": state}
        yield generator


def site_normals(sites: Sequence[bytes], count: int, seed: int, purpose: str) -> Floats:
    """Standard normals, (count, m); those of a smaller count are the first of a larger one."""
    found = np.empty((len(sites), count))
    for row, generator in zip(found, streams(sites, seed, purpose), strict=True):
        generator.standard_normal(out=row)
    return found.T


def by_rows(function: Callable[[Floats], Floats], *arrays: Floats) -> Floats:
    """A function of the rows of arrays, taken block by block, all blocks of one shape.

    Args:
        function: Gets b rows of every array and returns b rows, one for each of them.
        arrays: (m, ...) each.

    Returns:
        (m, ...).
    """
    m = len(arrays[0])
    lacking = -m % _ROWS
    # the last row again fills the last block
    filled = [np.concatenate([a, np.repeat(a[-1:], lacking, axis=0)]) for a in arrays]
    parts = [function(*(a[i : i + _ROWS] for a in filled)) for i in range(0, m, _ROWS)]
    return np.concatenate(parts)[:m]


def row_product(rows: Floats, matrix: Floats) -> Floats:
    """Rows (m, g) times matrix (g, r); what a row gives depends on that row alone.

    >>> row_product(np.ones((2, 3)), np.ones((3, 1)))
    array([[3.],
           [3.]])
    """
    m, g = rows.shape
    blocks = -(-m // _ROWS)
    filled = np.zeros((blocks * _ROWS, g))
    filled[:m] = rows
    product = filled.reshape(blocks, _ROWS, g) @ matrix
    return product.reshape(-1, matrix.shape[1])[:m]
