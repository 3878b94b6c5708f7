"""Fits inside the workers of others: those of joblib, which scikit-learn's searches use."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor

from dirimix import LinearMixture
from short_fits import SHORT


def fitted_mean(frame: pd.DataFrame, y: np.ndarray, seed: int) -> np.ndarray:
    """The predictions of a short fit."""
    options: dict[str, Any] = {**SHORT, "random_state": seed}
    return LinearMixture(["x"], ["a", "b"], **options).fit(frame, y).predict(frame)


@pytest.fixture(autouse=True)
def _no_worker_outlives_the_test():
    yield
    get_reusable_executor().shutdown(wait=True)


@pytest.mark.filterwarnings("ignore::dirimix.errors.ConvergenceWarning")
@pytest.mark.parametrize("backend", [pytest.param("loky", marks=pytest.mark.slow), "threading"])
def test_a_worker_of_joblib_gives_the_numbers_of_a_fit_outside(backend):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(20, 3)), columns=pd.Index(["x", "a", "b"]))
    y = frame["a"].to_numpy() + 0.1 * rng.normal(size=20)
    found = Parallel(2, backend=backend)(delayed(fitted_mean)(frame, y, n) for n in (1, 2))
    for n, mean in zip((1, 2), found, strict=True):
        np.testing.assert_array_equal(mean, fitted_mean(frame, y, n))
    assert (found[0] != found[1]).any()
