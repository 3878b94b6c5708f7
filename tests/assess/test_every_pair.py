import numpy as np
import pandas as pd

from dirimix.assess.compared.every_pair import every_pair
from dirimix.assess.comparison import pair_rows
from dirimix.laws.bootstrap import Bootstrap

N = 40


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
