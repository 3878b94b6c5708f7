"""Tables that `verification/generated.py` makes: they converge by default."""

import pytest
from generated import CONTROL, measure

SEED = 23


def test_a_table_with_gaps_outliers_and_little_noise_converges_by_default():
    row = measure(SEED, "lbmm-gld", draws=400)
    assert "gaps, outliers" in str(row["words"])
    assert row["converged"], row["reasons"]
    assert row["ess"] >= 400


def test_trajectories_that_hardly_move_are_told():
    row = measure(SEED, "lbmm-gld", draws=100, warmup=20, **CONTROL)
    assert not row["converged"]
    assert "rhat" in str(row["reasons"])


@pytest.mark.slow
def test_free_weights_of_more_models_than_rows_converge_whatever_their_sum():
    """Weights of a larger sum fit poorly, but there are more of them: sigma is of two sizes."""
    row = measure(6, "gbmm-l", draws=1000)
    assert row["models"] > row["rows"]
    assert row["converged"], row["reasons"]
