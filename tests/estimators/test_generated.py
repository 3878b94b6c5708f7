"""One of the tables that `verification/generated.py` makes: it converges by default."""

from generated import CONTROL, measure

SEED = 23


def test_a_table_with_gaps_outliers_and_little_noise_converges_by_default():
    row = measure(SEED, "linear", draws=400)
    assert "gaps, outliers" in str(row["words"])
    assert row["converged"], row["reasons"]
    assert row["ess"] >= 400


def test_trajectories_that_hardly_move_are_told():
    row = measure(SEED, "linear", draws=100, warmup=20, **CONTROL)
    assert not row["converged"]
    assert "rhat" in str(row["reasons"])
