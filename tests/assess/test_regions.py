from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dirimix.assess.compared.regions import parts_of, region_rows
from dirimix.assess.options import Scheme
from dirimix.table.split import Part, SplitTable

N = 30


def data(**coords):
    frame = pd.DataFrame(coords).assign(a=1.0)
    y = np.zeros(len(frame))
    return SplitTable(
        "table", tuple(coords), ("a",), "y", None,
        {"train": Part(frame.iloc[:6], y[:6], None), "test": Part(frame, y, None)},
        kinds={c: "date" if frame[c].dtype.kind == "M" else "number" for c in coords},
    )  # fmt: skip


def points(split="test", n=N):
    error = np.arange(n, dtype=float)
    pit = np.where(error < 20, 0.5, 0.999)
    return pd.DataFrame(
        {"method": "one", "model": "", "split": split, "weights": "field", "row": np.arange(n),
         "error": error, "log_score": -error, "crps": error, "pit": pit}
    )  # fmt: skip


def test_the_scores_of_a_part_are_those_of_its_rows():
    x = np.arange(N, dtype=float)[::-1]
    found = region_rows(points(), data(x=x))
    rows = found.loc[found["coordinate"] == "x"].reset_index(drop=True)
    assert list(rows["part"]) == ["0 to 9", "10 to 19", "20 to 29"]
    assert list(rows["n"]) == [10, 10, 10]
    for row, own in zip(rows.to_dict("records"), np.arange(N)[::-1].reshape(3, 10), strict=True):
        assert row["rms"] == pytest.approx(np.sqrt(np.mean(own**2.0)))
        assert row["crps"] == pytest.approx(own.mean())
        assert row["log_score"] == pytest.approx(-own.mean())
        assert row["coverage_90"] == pytest.approx(np.mean(own < 20))


def test_rows_near_the_data_and_far_from_it_are_parts():
    found = region_rows(points(), data(x=np.arange(N, dtype=float)))
    far = found.loc[found["coordinate"] == ""]
    assert list(far["part"]) == ["nearest third", "middle third", "farthest third"]
    assert far["n"].sum() == N
    assert list(far["rms"]) == sorted(far["rms"])


def test_equal_values_stay_together_and_no_row_is_counted_twice():
    rng = np.random.default_rng(2)
    for values in (np.zeros(N), rng.integers(0, 2, N), rng.integers(0, 5, N), rng.normal(size=N)):
        parts = [p for p in parts_of(data(x=values.astype(float)), "test") if p.coordinate]
        rows = np.concatenate([p.rows for p in parts])
        assert sorted(rows) == list(range(N))
        assert len({p.words for p in parts}) == len(parts)
        seen = [set(values[p.rows]) for p in parts]
        assert sum(map(len, seen)) == len(set(values))


def test_dates_and_labels_are_said_as_such():
    days = pd.date_range("2020-01-01", periods=N, freq="D")
    labels = pd.Categorical(["up", "down"] * (N // 2), categories=["down", "up"])
    table = data(day=days)
    assert [p.words for p in parts_of(table, "test")][0] == "2020-01-01 to 2020-01-10"
    frame = pd.DataFrame({"side": labels, "a": 1.0})
    part = Part(frame, np.zeros(N), None)
    table = SplitTable("t", ("side",), ("a",), "y", None, {"train": part, "test": part},
                       kinds={"side": "category"}, levels={"side": ("down", "up")})  # fmt: skip
    parts = parts_of(table, "test")
    assert [(p.words, len(p.rows)) for p in parts] == [("down", 15), ("up", 15)]
    assert list(parts[1].rows) == list(range(0, N, 2))


def test_thirds_of_longitude_run_across_the_date_line():
    lon = (np.arange(150.0, 210, 2) + 180) % 360 - 180
    table = replace(data(lon=lon, lat=np.zeros(N)), geo=("lon", "lat"))
    words = [p.words for p in parts_of(table, "test") if p.coordinate == "lon"]
    assert words == ["150 to 168", "170 to -172", "-170 to -152"]


def test_rows_of_a_scheme_are_training_rows_and_training_rows_serve_where_there_is_no_other():
    table = data(x=np.arange(N, dtype=float))
    blocks = Scheme(name="left-out", kind="blocks", size=(2.0,))
    found = region_rows(points("left-out", 6), table, [blocks])
    assert set(found["split"]) == {"left-out"}
    assert found["n"].sum() == 6
    found = region_rows(points("train", 6), table)
    assert set(found["split"]) == {"train"}
