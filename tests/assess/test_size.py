import numpy as np
import pandas as pd
import pytest

from dirimix.assess.method_tables import method_tables
from dirimix.assess.size import size_rows
from dirimix.errors import SizeWarning
from dirimix.estimators.fitted import fit_method
from dirimix.laws.bands import binomial_band
from dirimix.laws.bootstrap import Bootstrap
from dirimix.methods import parse_method
from dirimix.table.split import Part, SplitTable

MODELS = ("a", "b")


def points(n: int, **more) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"mean": rng.permutation(n) + 0.0, "pit": rng.random(n)})
    where = {"method": "equal", "model": "", "split": "test", "weights": "field"}
    return table.assign(row=np.arange(n), cluster=np.arange(n), **where | more)


def test_quarters_are_of_the_predicted_mean_with_the_share_of_their_own_rows():
    table = points(43)
    # the largest predictions are never inside
    table.loc[table["mean"] >= 33, "pit"] = 0.999
    found = size_rows(table)
    assert found["quarter"].tolist() == [1, 2, 3, 4]
    assert found["n"].sum() == 43
    assert found["mean_lo"].tolist() == [0, 11, 22, 33]
    assert found["mean_hi"].tolist() == [10, 21, 32, 42]
    lowest = table.loc[table["mean"] <= 10, "pit"]
    inside = (lowest - 0.5).abs() <= 0.45
    assert found["coverage_90"].tolist()[0] == pytest.approx(inside.mean())
    band = binomial_band(int(inside.sum()), 11)
    assert found.loc[0, ["coverage_90_lo", "coverage_90_hi"]].tolist() == [band.lo, band.hi]
    assert found["coverage_90"].tolist()[3] == found["coverage_50"].tolist()[3] == 0


def test_rows_that_err_together_are_resampled_together():
    table = points(400)
    # within a quarter all rows of a cluster are inside, or none are
    table["cluster"] = table["mean"] % 10
    table["pit"] = np.where(table["cluster"] < 5, 0.5, 0.999)
    found = size_rows(table)
    width = found["coverage_90_hi"] - found["coverage_90_lo"]
    alone = size_rows(table.assign(cluster=table["row"]))
    assert (width > 2 * (alone["coverage_90_hi"] - alone["coverage_90_lo"])).all()


def test_too_few_rows_other_weights_and_leave_one_out_have_no_quarters():
    assert size_rows(points(19)).empty
    assert size_rows(points(40, weights="site")).empty
    assert size_rows(points(40, mean=np.nan)).empty


def positive(n: int = 400, *, zeros: bool = False, relative: bool = True) -> SplitTable:
    """A quantity over three decades, with errors in per cent or of one size."""
    rng = np.random.default_rng(1)
    truth = np.exp(rng.uniform(0, 7, 2 * n)) if relative else rng.uniform(900, 1100, 2 * n)

    def seen(spread: float) -> np.ndarray:
        noise = rng.normal(0, spread, 2 * n)
        return truth * np.exp(noise) if relative else truth + 50 * noise

    table = pd.DataFrame({"x": np.arange(2 * n) + 0.0, "a": seen(0.3), "b": seen(0.4)})
    y = seen(0.3)
    if zeros:
        table.loc[3, "a"] = 0.0
    half = np.arange(2 * n) < n
    parts = {
        name: Part(table.loc[rows].reset_index(drop=True), y[rows], None)
        for name, rows in (("train", half), ("test", ~half))
    }
    return SplitTable("t", ("x",), MODELS, "y", None, parts, everywhere=table)


def tables_of(data: SplitTable, transform: str = "none") -> dict[str, pd.DataFrame]:
    fitted = fit_method(parse_method("simplex-ls"), data, {"y_transform": transform}, 0)
    return method_tables(fitted, data, Bootstrap(seed=0, n_boot=40))


@pytest.mark.parametrize(("zeros", "better"), [(False, "log"), (True, "log1p")])
def test_intervals_that_do_not_suit_the_size_are_said_with_the_transform_to_try(zeros, better):
    data = positive(zeros=zeros)
    with pytest.warns(SizeWarning) as said:
        tables = tables_of(data)
    message = str(said[0].message)
    assert "of the test rows have a 5 % quantile below 0, as no observation is and " in message
    assert "the 90 % intervals hold 100% of the test rows with the smallest" in message
    assert message.endswith(f'try [data] transform = "{better}"')
    shares = tables["coverage_by_size"].query("split == 'test'")["coverage_90"].to_numpy()
    assert shares[0] - shares[3] > 0.15


def test_the_transform_levels_it_and_nothing_is_said():
    tables = tables_of(positive(1200), "log")  # a warning would be an error
    shares = tables["coverage_by_size"].query("split == 'test'")["coverage_90"].to_numpy()
    assert np.ptp(shares) < 0.1


def test_a_quantity_far_from_zero_with_noise_of_one_size_is_left_in_peace():
    tables_of(positive(relative=False))


def test_models_that_are_far_off_do_not_make_errors_grow():
    """Observations of one size, and noise that is larger, as no weights come near them."""
    data = positive(relative=False)
    for part in data.parts.values():
        off = 6000 * np.abs(np.sin(np.arange(len(part.frame))))
        part.frame[["a", "b"]] += np.stack([off, off], axis=1)
    with pytest.warns(SizeWarning, match="below 0.*; noise of one size does not suit all of them"):
        tables_of(data)


def test_a_transform_that_is_not_enough_is_named():
    with pytest.warns(SizeWarning, match="transform 'sqrt' does not level that, and another may"):
        tables_of(positive(), "sqrt")


def test_negative_models_and_errors_that_shrink_get_no_transform():
    data = positive()
    for part in data.parts.values():
        part.frame.loc[0, "a"] = -1.0
    with pytest.warns(SizeWarning, match="noise of one size does not suit all of them"):
        tables_of(data)
