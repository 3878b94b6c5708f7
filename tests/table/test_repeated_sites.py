"""Rows at one site, and sites outside the training sites."""

import numpy as np
import pandas as pd
import pytest

from dirimix import LocalDirichletMixture, SimplexLeastSquares
from dirimix.errors import ExtrapolationWarning, InputError, TableWarning
from dirimix.table.sites import Reach, copies, pool_repeats, repeats_note
from dirimix.table.space import Space, make_space
from dirimix.table.table import Table, make_table


def repeated(error: list[float] | None = None) -> Table:
    """Three rows at t=1, one at t=2, the models equal at a site."""
    frame = pd.DataFrame({"t": [1, 2, 1, 1], "a": [5, 6, 5, 5], "b": [4, np.nan, 4, 4]})
    return make_table(frame, ["t"], ["a", "b"], [1.0, 9.0, 3.0, 4.0], error)


def test_repeats_are_averaged_by_their_errors():
    table = repeated([1.0, 0.5, 2.0, 0.5])
    pooled = pool_repeats(table, table.x)
    # the textbook's inverse-variance mean
    weight = np.array([1, 1 / 4, 4])
    assert pooled.y is not None
    np.testing.assert_allclose(pooled.y, [weight @ [1, 3, 4] / weight.sum(), 9])
    np.testing.assert_allclose(pooled.y_err, [weight.sum() ** -0.5, 0.5])
    np.testing.assert_array_equal(pooled.x[:, 0], [1, 2])
    np.testing.assert_array_equal(pooled.f, table.f[:2])
    assert table.y is not None
    assert table.y[0] == 1  # the table itself is left as it is


def test_without_errors_repeats_weigh_the_same():
    for errors, expected in ((None, 0.0), ([1.0, 0.5, 0.0, 2.0], 5**0.5 / 3)):
        table = repeated(errors)
        pooled = pool_repeats(table, table.x)
        assert pooled.y is not None
        assert pooled.y[0] == pytest.approx(8 / 3)
        assert pooled.y_err[0] == pytest.approx(expected)


def test_different_quantities_are_not_averaged():
    frame = pd.DataFrame({"t": [1, 2, 1], "a": [5, 6, 5.5]})
    table = make_table(frame, ["t"], ["a"], [1.0, 2.0, 3.0])
    message = r"rows 1 and 3 are at one site, t=1, and model 'a' is 5 and 5\.5 there"
    with pytest.raises(InputError, match=message):
        pool_repeats(table, table.x)


def test_notes_say_what_is_done():
    x, f = repeated().x, repeated().f
    assert repeats_note(x, f, pooled=True) == ["4 training rows are averaged to 2, one a site"]
    (kept,) = repeats_note(x, f, pooled=False)
    assert "4 training rows are at 2 sites" in kept
    assert kept.endswith("; repeats = 'pool' averages those of one site")
    other = f + np.arange(4)[:, None]
    (kept,) = repeats_note(x, other, pooled=False)  # where that would be refused
    assert kept.endswith("each counts as an observation of its own")
    assert repeats_note(x[:2], f[:2], pooled=False) == []
    assert copies(repeated()) == []
    frame = pd.DataFrame({"t": [1, 2, 1], "a": [5, 6, 5.0]})
    (sentence,) = copies(make_table(frame, ["t"], ["a"], [1.0, 2.0, 1.0]))
    assert sentence.startswith("1 of 3 training rows repeat another")
    assert "at t=1, rows 1 and 3" in sentence


def made(n: int, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"t": np.repeat(np.arange(n // 2), 2) + shift})
    frame["a"], frame["b"] = (rng.normal(0, 1, n // 2)[frame.index // 2] for _ in "ab")
    return frame.assign(y=0.7 * frame["a"] + 0.3 * frame["b"] + rng.normal(0, 0.1, n), u=0.2)


def test_estimators_keep_or_pool():
    frame = made(40)
    kept = SimplexLeastSquares(["t"], ["a", "b"]).fit(frame, frame["y"], frame["u"])
    pooled = SimplexLeastSquares(["t"], ["a", "b"], repeats="pool")
    pooled.fit(frame, frame["y"], frame["u"])
    mean = pd.DataFrame(frame.groupby("t", as_index=False).mean())
    by_hand = SimplexLeastSquares(["t"], ["a", "b"]).fit(mean, mean["y"], 0.2 / np.sqrt(2))
    np.testing.assert_allclose(pooled.predict(mean), by_hand.predict(mean), atol=1e-9)
    assert pooled.sigma_ == pytest.approx(by_hand.sigma_, abs=1e-9)
    assert kept.sigma_ != pytest.approx(pooled.sigma_, rel=1e-6)
    with pytest.raises(InputError, match="repeats is 'keep' or 'pool', not 'drop'"):
        SimplexLeastSquares(["t"], ["a", "b"], repeats="drop").fit(frame, frame["y"])
    twice = pd.concat([frame, frame.iloc[[0]]])
    with pytest.warns(TableWarning, match="1 of 41 training rows repeat another"):
        SimplexLeastSquares(["t"], ["a", "b"]).fit(twice, twice["y"])


def test_what_lies_outside_is_counted_coordinate_by_coordinate():
    coords = ("t", "lon", "lat", "doy", "state")
    levels = {"state": ("Ohio", "Utah", "Guam")}
    space = make_space(coords, ["lon", "lat"], {"doy": 365.0}, levels)
    rng = np.random.default_rng(1)
    n = 300
    lon = rng.uniform(170, 200, n)
    lon[:2] = 170, 200
    known = [rng.uniform(0, 9, n), lon, rng.uniform(-5, 5, n), rng.uniform(1, 364, n)]
    known[0][:2] = 0, 9
    reach = Reach(space, np.column_stack([*known, np.floor(known[0] % 2)]), {"state": "category"})
    inside = [5.0, -175.0, 0.0, 0.5, 1.0]
    assert not reach.outside(np.array([inside])).any()
    assert reach.sentence(np.array([inside]), "rows") == ""
    beyond = np.array([inside] * 6)
    beyond[1, 0], beyond[2, 1], beyond[3, 2], beyond[4, 4] = 9.5, -150.0, 20.0, 2.0
    beyond[5, 0], beyond[5, 1] = -1, 160.0
    np.testing.assert_array_equal(reach.outside(beyond), [False] + [True] * 5)
    sentence = reach.sentence(beyond, "test rows")
    assert sentence.startswith("5 of 6 test rows lie outside the training sites, in ")
    for part in ("'t' (0 to 9) at 2", "'lon' (170 to 200) at 2", "'state' (2 labels) at 1"):
        assert part in sentence
    assert "'doy'" not in sentence  # the year is full: nothing lies outside
    summer = Reach(Space(("doy",), periodic={"doy": 365.0}), np.arange(150.0, 240.0)[:, None], {})
    np.testing.assert_array_equal(summer.outside(np.array([[200.0], [10.0], [565.0]])), [0, 1, 0])


def test_an_estimator_that_uses_places_says_so_at_prediction():
    frame = made(30).iloc[::2]
    options = {"field": "linear", "chains": 1, "draws": 8, "warmup": 20, "min_ess": 0}
    local = LocalDirichletMixture(["t"], ["a", "b"], **options)
    with pytest.warns(match="not converged"):
        local.fit(frame, frame["y"])
    with pytest.warns(ExtrapolationWarning, match=r"15 of 15 rows .* in 't' \(0 to 14\) at 15"):
        local.predict(frame.assign(t=frame["t"] + 100))
    everywhere = SimplexLeastSquares(["t"], ["a", "b"]).fit(frame, frame["y"])
    everywhere.predict(frame.assign(t=frame["t"] + 100))  # says nothing: no coordinate is used
