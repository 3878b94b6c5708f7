"""The long columns of the explorer as whole numbers that hardly change from site to site.

Neighbouring sites are alike, so that the changes of a column, in units of its last digit, take half
the letters of its numbers. `static/data.js` reads them back.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dirimix._arrays import Floats

Column = Sequence[float | None]
_DIGITS = 5  # of a number of common size
_OF_SD = 3  # digits that the least standard deviation keeps
_LARGEST = 10**7  # units of the last digit, beyond which numbers are of many sizes
_MEANS, _SPREADS = 4, 3  # decimals of weights, whose spread is read to fewer


def coded(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of the explorer with its laws and weights as changes; what is shown stays."""
    laws = {name: law(columns) for name, columns in content["laws"].items()}
    weights = {
        name: {
            kind: [changes(c, _MEANS if kind == "mean" else _SPREADS) for c in columns]
            for kind, columns in found.items()
        }
        for name, found in content["weights"].items()
    }
    return {**content, "laws": laws, "weights": weights}


def law(columns: Mapping[str, Column]) -> dict[str, Any]:
    """A predictive law: its quantiles less its mean, all of them as changes.

    As it is where its numbers are of too many sizes for one last digit.
    """
    known = {name: _floats(column) for name, column in columns.items()}
    sizes = np.abs(np.concatenate(list(known.values())))
    sizes, spread = sizes[np.isfinite(sizes) & (sizes > 0)], known["sd"][known["sd"] > 0]
    if not len(sizes):
        return dict(columns)
    decimals = _DIGITS - 1 - _order(np.median(sizes))
    if len(spread):
        decimals = max(decimals, _OF_SD - 1 - _order(spread.min()))
    if sizes.max() * 10.0**decimals > _LARGEST:
        return dict(columns)
    mean = np.round(known["mean"], decimals)
    less = {n: v if n in ("mean", "sd") else np.round(v, decimals) - mean for n, v in known.items()}
    made = {name: changes(values, decimals)["changes"] for name, values in less.items()}
    return {"decimals": decimals, "changes": made}


def _order(value: float) -> int:
    return int(np.floor(np.log10(value)))


def _floats(column: Column | Floats) -> Floats:
    return np.array([np.nan if v is None else v for v in column], dtype=float)


def changes(column: Column | Floats, decimals: int) -> dict[str, Any]:
    """A column in units of its last decimal, each number less the one known before it.

    >>> changes([0.5, 0.503, None, 0.501], 3)
    {'decimals': 3, 'changes': [500, 3, None, -2]}
    """
    values = _floats(column)
    known = np.isfinite(values)
    units = np.rint(values[known] * 10.0**decimals).astype(int)
    steps = iter(np.diff(units, prepend=0).tolist())
    return {"decimals": decimals, "changes": [next(steps) if k else None for k in known]}
