"""Notes on tables of nuclei: what is missing or unusual, one line each; all energies in MeV."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from dirimix.datasets.ame import Nuclide
from dirimix.datasets.record import LANDSCAPE, TEST, TRAIN

MAGIC_NUMBERS = (8.0, 20.0, 28.0, 50.0, 82.0, 126.0)  # where shells of nucleons close
_LARGE_ERROR = 0.3  # MeV; above it a row gets a note


def site_list(sites: Iterable[Nuclide]) -> str:
    """Sites in words.

    >>> site_list([(8, 10), (20, 20)])
    '(8, 10), (20, 20)'
    """
    return ", ".join(f"({z}, {n})" for z, n in sites)


def gaps(frame: pd.DataFrame, models: Sequence[str]) -> Iterator[str]:
    """At how many rows of every split models have no value, and where first."""
    for split in (TRAIN, TEST, LANDSCAPE):
        rows = frame.loc[frame["split"] == split]
        lacking = rows.loc[:, list(models)].isna().to_numpy()
        whole = np.count_nonzero(~lacking.any(axis=1))
        if whole < len(rows):
            yield f"{whole} of {len(rows)} {split} rows know every model"
        for model, absent in zip(models, lacking.T, strict=True):
            if absent.any():
                z, n = rows.loc[absent, ["Z", "N"]].iloc[0]
                yield (
                    f"{model} has no value at {np.count_nonzero(absent)} of {len(rows)} {split} "
                    f"rows (first: Z={z}, N={n})"
                )


def large_errors(frame: pd.DataFrame, error: str) -> Iterator[str]:
    """The observed rows whose measurement error is large."""
    for split in (TRAIN, TEST):
        rows = frame.loc[(frame["split"] == split) & (frame[error] > _LARGE_ERROR)]
        if len(rows):
            where = site_list(rows.loc[:, ["Z", "N"]].to_numpy())
            yield f"{len(rows)} {split} rows have an error above {_LARGE_ERROR} MeV: {where}"


def farthest(frame: pd.DataFrame, models: Sequence[str], target: str) -> str:
    """The test row that even its nearest model misses by most."""
    test = frame.loc[frame["split"] == TEST]
    miss = test.loc[:, list(models)].sub(test[target], axis=0).abs().min(axis=1)
    z, n = test.loc[miss.idxmax(), ["Z", "N"]]
    return f"the nearest model to test row ({z}, {n}) is off by {miss.max():.2f} MeV, the most"
