"""Arguments that make no sense get one sentence, wherever they are given."""

import numpy as np
import pytest

from dirimix import scores
from dirimix.errors import InputError
from dirimix.laws.bands import binomial_band, nominal_band
from dirimix.laws.normal_mixture import NormalMixture

LAW = NormalMixture.of_draws(np.zeros((1, 4)), 1.0)
Y = np.array([0.1, -0.3, 0.5, 0.2])
HOLE = np.where(np.arange(4) == 2, np.nan, Y)
LEVEL = "^level must be a single number strictly between 0 and 1, not 90$"
ROW = "^the values at row 3 are nan and 0; leave such rows out$"

CASES = {
    "coverage in per cent": (lambda: scores.coverage(LAW, Y, (90,)), LEVEL),
    "nominal band in per cent": (lambda: nominal_band(90, 50), LEVEL),
    "confidence in per cent": (lambda: nominal_band(0.9, 50, 95), "^confidence must be .* not 95$"),
    "several levels as one": (lambda: nominal_band([0.5], 50), r"^level must be .*, not \[0.5\]$"),  # pyright: ignore[reportArgumentType]
    "band of a share in per cent": (lambda: binomial_band(5, 9, 90), LEVEL),
    "band of a mean in per cent": (
        lambda: scores.paired_difference(np.arange(9.0), Y[0] * np.ones(9), seed=0, level=90),
        LEVEL,
    ),
    "no seed of a band": (
        lambda: scores.paired_difference(Y, LAW.mean(), seed=None),  # pyright: ignore[reportArgumentType]
        "^seed must be a whole number of 0 or more, not None: a result that cannot be repeated",
    ),
    "no resamples": (
        lambda: scores.score_row(LAW, Y, seed=0, n_boot=0),
        "^n_boot must be a whole number of at least 1, not 0$",
    ),
    "rms of a hole": (lambda: scores.rms(HOLE, LAW.mean()), ROW),
    "absolute error of a hole": (lambda: scores.mean_absolute_error(HOLE, LAW.mean()), ROW),
    "difference of a hole": (lambda: scores.paired_difference(HOLE, LAW.mean(), seed=0), ROW),
    "rms difference of a hole": (
        lambda: scores.paired_rms_difference(HOLE, LAW.mean(), seed=0),
        ROW,
    ),
    "crps of a hole": (lambda: scores.crps(LAW, HOLE), "observation at row 3 is nan; score only"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_argument_is_refused_in_a_sentence(name):
    call, message = CASES[name]
    with pytest.raises(InputError, match=message):
        call()


def test_the_same_calls_with_good_arguments_go_through():
    assert scores.coverage(LAW, Y, (0.9,)).shape == (1,)
    assert nominal_band(0.9, 50).lo < 0.9
    assert scores.rms(Y, LAW.mean()) > 0
