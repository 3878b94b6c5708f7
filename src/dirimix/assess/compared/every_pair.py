"""Every method against every other, on the rows that all ranked methods predict."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from dirimix.assess.comparison import Row
from dirimix.assess.ranking import Contributions, contributions
from dirimix.assess.schema import TABLES
from dirimix.laws.bands import less
from dirimix.laws.bootstrap import Bootstrap
from dirimix.scores import SCORES

_AT_ONCE = 300  # differences that are resampled together


def every_pair(points: pd.DataFrame, bootstrap: Bootstrap) -> pd.DataFrame:
    """Differences a - b of every two ranked methods, by split and score, each with its 90 % band.

    Where both log scores are minus infinity there is no difference: it is not a number.

    Args:
        points: What each row contributes to the scores, as in `comparison`.
        bootstrap: Resamples whole clusters of rows, both methods together.
    """
    rows = [row for found in contributions(points) for row in _differences(found, bootstrap)]
    return pd.DataFrame(rows, columns=pd.Index(TABLES["differences"].columns()))


def _differences(found: Contributions, bootstrap: Bootstrap) -> Iterator[Row]:
    score, mean = SCORES[found.score], found.values.mean(axis=0)
    value, adds = score.of_mean(mean), found.values * score.slope(mean)
    pairs = np.array(list(combinations(range(len(found.names)), 2)))
    for part in np.array_split(pairs, -(-len(pairs) // _AT_ONCE)):
        first, second = part.T
        shift = less(value[first], value[second])
        resamples = bootstrap.resample(less(adds[:, first], adds[:, second]), found.clusters)
        lows, highs = shift + resamples.band() - resamples.mean
        for a, b, difference, lo, hi in zip(first, second, shift, lows, highs, strict=True):
            where = {"a": found.names[a], "b": found.names[b], "split": found.split}
            size = {"score": found.score, "n": len(found.values), "clusters": found.groups}
            yield {**where, **size, "difference": difference, "lo": lo, "hi": hi}
