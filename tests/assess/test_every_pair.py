import numpy as np
import pandas as pd
import pytest

from dirimix.assess.compared.every_pair import every_pair
from dirimix.assess.comparison import pair_rows
from dirimix.assess.ranking import ranking
from dirimix.laws.bootstrap import Bootstrap

N = 40
BOOT = Bootstrap(3, 200)


def points(seed=1, **shifts):
    """Points of some methods on the same rows; a method's errors are larger by its shift."""
    rng = np.random.default_rng(seed)
    base = rng.normal(size=N)
    parts = []
    for name, shift in shifts.items():
        error = base * (1 + shift) + rng.normal(0, 0.1, N)
        parts.append(
            pd.DataFrame(
                {
                    "method": name, "model": "", "split": "test", "weights": "field",
                    "row": np.arange(N), "cluster": np.arange(N) // 2, "mean": base,
                    "error": error, "log_score": -(error**2), "crps": np.abs(error), "pit": 0.5,
                }
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_the_differences_are_those_of_the_pairs():
    table = points(one=0.0, two=0.5, three=0.51)
    found = every_pair(table, Bootstrap(3, 500))
    names = [("one", "two"), ("one", "three"), ("two", "three")]
    wanted = pair_rows(names, table, Bootstrap(3, 500))
    assert len(found) == len(wanted) == 9
    both = found.merge(wanted, on=["a", "b", "split", "score"], suffixes=("", "_pair"))
    assert len(both) == 9
    for column in ("n", "clusters", "difference", "lo", "hi"):
        np.testing.assert_allclose(both[column], both[f"{column}_pair"], rtol=1e-9)


def test_what_differs_is_told_apart_and_what_does_not_is_not():
    found = every_pair(points(one=0.0, two=0.5, three=0.5), Bootstrap(3, 500))
    rows = found.loc[found["score"] == "crps"].set_index(["a", "b"])
    assert rows["hi"]["one", "two"] < 0
    assert rows["lo"]["two", "three"] < 0 < rows["hi"]["two", "three"]


def test_many_methods_are_compared_in_parts(monkeypatch):
    table = points(a=0.0, b=0.1, c=0.2, d=0.3)
    whole = every_pair(table, Bootstrap(3, 50))
    monkeypatch.setattr("dirimix.assess.compared.every_pair._AT_ONCE", 2)
    pd.testing.assert_frame_equal(every_pair(table, Bootstrap(3, 50)), whole)


def test_one_method_has_no_pair():
    assert every_pair(points(one=0.0), Bootstrap(3, 50)).empty


@pytest.mark.parametrize("lost", [("two", "three"), ("one", "two", "three")])
def test_two_log_scores_of_minus_infinity_have_no_difference(lost):
    table = points(one=0.0, two=0.5, three=0.6)
    table.loc[table["method"].isin(lost) & (table["row"] == 3), "log_score"] = -np.inf
    names = [("one", "two"), ("one", "three"), ("two", "three")]
    for found in (every_pair(table, BOOT), pair_rows(names, table, BOOT)):
        rows = found.loc[found["score"] == "log_score"].set_index(["a", "b"])
        assert np.isnan(rows["difference"]["two", "three"])
        assert rows[["lo", "hi"]].isna().all(axis=None)
        first = rows["difference"]["one", "two"]
        assert np.isnan(first) if "one" in lost else first == np.inf
        assert found.loc[found["score"] == "crps"].notna().all(axis=None)


@pytest.mark.parametrize("lost", [("two", "three"), ("one", "two", "three")])
def test_the_first_is_no_distance_from_itself_and_none_is_known_between_infinite_ones(lost):
    table = points(one=0.0, two=0.5, three=0.6)
    table.loc[table["method"].isin(lost) & (table["row"] == 3), "log_score"] = -np.inf
    found = ranking(table, BOOT)
    rows = found.loc[found["score"] == "log_score"].set_index("method")
    assert list(rows["difference"])[0] == 0
    if "one" in lost:
        assert rows["difference"][["two", "three"]].isna().all()
        assert list(rows["rank"]) == [1, 1, 1]
    else:
        assert list(rows["difference"])[1:] == [-np.inf, -np.inf]
        assert list(rows["rank"]) == [1, 2, 2]
