"""Many rows are predicted batch by batch: the same numbers, and every row looked at first."""

import threading
import time

import numpy as np
import pandas as pd
import pytest

from dirimix.assess.forecast import forecast
from dirimix.cli.console import ConsoleReporter, RowProgress
from dirimix.cli.main import main
from dirimix.errors import DroppedRowsWarning, InputError
from dirimix.study import batches
from dirimix.study.run import load_fitted
from dirimix.table.files import read_frame, read_parquet_batches, write_frame
from stand_ins import frame, train_frame

MODELS = ["a", "b", "c"]


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    """Fits to coordinates that are a date and a label, by method."""
    folder = tmp_path_factory.mktemp("fits")
    train = train_frame().rename(columns={"x": "day", "z": "side"})
    train = placed(train)
    write_frame(train, folder / "t.parquet")
    for method in ("equal", "ols", "raw"):
        argv = ["fit", str(folder / "t.parquet"), "--target", "y", "--coords", "day,side"]
        more = ["--models", "a,b,c", "--method", method, "--out", str(folder / method), "--quiet"]
        assert main([*argv, *more]) == 0
    return folder


def test_a_single_model_without_any_value_is_left_out_with_a_warning(fits):
    rows = placed(frame(12).rename(columns={"x": "day", "z": "side"}).assign(b=np.nan))
    raw = load_fitted(fits / "raw")
    with pytest.warns(DroppedRowsWarning, match="12 of 12 rows are not predicted by 'b'"):
        found = forecast(raw, rows)
    assert found["model"].value_counts().to_dict() == {"a": 12, "c": 12}
    nothing = rows.assign(a=np.nan, c=np.nan)
    with pytest.raises(InputError, match="no model has a value"):
        forecast(raw, nothing)


def placed(table: pd.DataFrame) -> pd.DataFrame:
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(len(table)), unit="D")
    return table.assign(day=day, side=np.where(table["side"] > 2, "wet", "dry"))


def new_rows(n: int = 40) -> pd.DataFrame:
    rows = placed(frame(n).rename(columns={"x": "day", "z": "side"}))
    rows.loc[n - 2 :, "side"] = "new"
    return pd.DataFrame(rows, columns=["day", "side", *MODELS])


def predict(fits, method, table, out) -> int:
    return main(["predict", str(fits / method), str(table), "--out", str(out), "--quiet"])


@pytest.mark.parametrize(
    ("method", "ending"),
    [("equal", "parquet"), ("equal", "csv"), ("ols", "nc"), ("raw", "parquet")],
)
def test_batches_give_the_numbers_of_one_piece(fits, tmp_path, monkeypatch, method, ending):
    write_frame(new_rows(), tmp_path / "new.parquet")
    for size in (7, 100):
        monkeypatch.setattr(batches, "_ROWS", size)
        assert predict(fits, method, tmp_path / "new.parquet", tmp_path / f"{size}.{ending}") == 0
    one, many = (read_frame(tmp_path / f"{size}.{ending}") for size in (100, 7))
    pd.testing.assert_frame_equal(one, many, check_exact=True)
    whole = forecast(load_fitted(fits / method), new_rows())
    for name in ("mean", "sd", "q025", "q975"):
        np.testing.assert_array_equal(many[name], whole[name])
    assert many["side"].astype(str).tolist() == whole["side"].astype(str).tolist()
    assert pd.to_datetime(many["day"]).tolist() == whole["day"].tolist()


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_bad_value_is_found_before_the_first_row_is_predicted(
    fits, tmp_path, monkeypatch, capsys, ending
):
    monkeypatch.setattr(batches, "_ROWS", 7)
    monkeypatch.setattr(batches, "forecast", lambda *_: pytest.fail("a row was predicted"))
    rows = new_rows()
    rows.loc[30, "b"] = np.inf
    write_frame(rows, tmp_path / f"new.{ending}")
    assert predict(fits, "equal", tmp_path / f"new.{ending}", tmp_path / "p.parquet") == 2
    assert "row 31" in capsys.readouterr().err
    assert not (tmp_path / "p.parquet").exists()


def test_a_batch_that_fails_leaves_no_file(fits, tmp_path, monkeypatch):
    write_frame(new_rows(), tmp_path / "new.parquet")
    monkeypatch.setattr(batches, "_ROWS", 7)
    before = batches.forecast

    def fail(fitted, rows):
        if rows.index[0] > 10:
            raise OSError(28, "No space left on device")
        return before(fitted, rows)

    monkeypatch.setattr(batches, "forecast", fail)
    assert predict(fits, "equal", tmp_path / "new.parquet", tmp_path / "p.parquet") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new.parquet"]


def test_sites_outside_are_counted_over_all_batches(fits, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(batches, "_ROWS", 7)
    monkeypatch.setattr("dirimix.estimators.baselines.EqualWeights.uses_places", True)
    write_frame(new_rows(), tmp_path / "new.parquet")
    argv = [str(fits / "equal"), str(tmp_path / "new.parquet"), "--out", str(tmp_path / "p.csv")]
    assert main(["predict", *argv]) == 0
    said = capsys.readouterr().err
    assert said.count("lie outside the training sites") == 1
    assert "10 of 40 rows" in said


def test_parquet_is_read_in_parts(tmp_path):
    rows = new_rows()
    write_frame(rows, tmp_path / "t.parquet")
    count, read = read_parquet_batches(tmp_path / "t.parquet", 11)
    parts = list(read())
    assert count == len(rows)
    assert [len(part) for part in parts] == [11, 11, 11, 7]
    pd.testing.assert_frame_equal(
        pd.concat(parts, ignore_index=True), rows.reset_index(drop=True), check_dtype=False
    )


def test_progress_is_said_now_and_then(capsys):
    progress = RowProgress(ConsoleReporter(), begun=-1e9, written=-1e9)
    progress(50, 200)
    progress(100, 200)
    said = capsys.readouterr().err
    assert said.startswith("50 of 200 rows  ")
    assert said.count("\n") == 1


def test_batches_are_predicted_side_by_side_and_come_in_order(monkeypatch):
    monkeypatch.setattr(batches, "cores", lambda: [0, 1, 2])
    together, begun = threading.Barrier(2, timeout=20), list[int]()

    def predict(batch: pd.DataFrame) -> pd.DataFrame:
        number = int(batch.iloc[0, 0])
        begun.append(number)
        if number in (1, 2):
            together.wait()  # nobody comes past here alone
            time.sleep(0.2 * (number == 1))
        return 10 * batch

    parts = (pd.DataFrame({"x": [i]}) for i in range(9))
    found = batches._side_by_side(predict, parts)
    assert [int(next(found).iloc[0, 0]) for _ in range(3)] == [0, 10, 20]
    assert len(begun) < 9  # few ahead of what is written
    assert [int(part.iloc[0, 0]) for part in found] == [30, 40, 50, 60, 70, 80]
    assert list(batches._side_by_side(predict, iter(()))) == []


def test_no_batch_is_begun_after_one_that_fails(monkeypatch):
    monkeypatch.setattr(batches, "cores", lambda: [0])
    begun = list[int]()

    def predict(batch: pd.DataFrame) -> pd.DataFrame:
        begun.append(int(batch.iloc[0, 0]))
        if begun[-1] == 3:
            raise InputError("no")
        return batch

    with pytest.raises(InputError, match="no"):
        list(batches._side_by_side(predict, (pd.DataFrame({"x": [i]}) for i in range(99))))
    assert len(begun) < 10


@pytest.mark.parametrize("form", ["{m}/{d}/{y}", "{m}.{d}.{y}", "{d}.{m}.{y} 06:00"])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_all_rows_tell_day_and_month_apart_and_not_those_of_a_batch(
    fits, tmp_path, monkeypatch, ending, form
):
    monkeypatch.setattr(batches, "_ROWS", 7)
    rows = new_rows()
    meant = rows["day"] + pd.Timedelta(6 if ":" in form else 0, "h")
    texts = [form.format(d=v.day, m=v.month, y=v.year) for v in rows["day"]]
    write_frame(rows.assign(day=texts), tmp_path / f"new.{ending}")
    assert predict(fits, "equal", tmp_path / f"new.{ending}", tmp_path / "p.parquet") == 0
    found = read_frame(tmp_path / "p.parquet")
    assert pd.to_datetime(found["day"]).tolist() == meant.tolist()
    whole = forecast(load_fitted(fits / "equal"), rows.assign(day=meant))
    np.testing.assert_array_equal(found["mean"], whole["mean"])


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([f"{k % 12 + 1}/{k % 11 + 1}/2020" for k in range(40)], "day and month cannot be told"),
        (
            [*[f"2020-01-{k + 1}" for k in range(30)], *10 * ["2020-02-30"]],
            "'2020-02-30' at row 31",
        ),
        (
            [*["2020-01-01"] * 33, "", *["2020-01-02"] * 6],
            "a date everywhere, and is nan at row 34",
        ),
        (["soon"] * 40, "holds labels of a category here and held dates in the fit"),
    ],
)
def test_texts_that_are_no_dates_are_refused_with_their_row(
    fits, tmp_path, monkeypatch, capsys, ending, texts, message
):
    monkeypatch.setattr(batches, "_ROWS", 7)
    write_frame(new_rows().assign(day=texts), tmp_path / f"new.{ending}")
    assert predict(fits, "equal", tmp_path / f"new.{ending}", tmp_path / "p.csv") == 2
    assert message in capsys.readouterr().err


def test_labels_of_a_fit_stay_labels_in_a_file_that_has_only_numbers(tmp_path):
    labels = ["12E4", "1.10", "N7", "007"]
    table = train_frame().drop(columns=["x", "z"])
    table.insert(0, "side", [labels[k % 4] for k in range(len(table))])
    table.to_csv(tmp_path / "t.csv", index=False)
    argv = ["fit", str(tmp_path / "t.csv"), "--target", "y", "--coords", "side"]
    more = ["--models", "a,b,c", "--method", "equal", "--out", str(tmp_path / "fit")]
    assert main([*argv, *more, "--quiet"]) == 0
    new = table.loc[table["side"].isin(["12E4", "1.10"]), ["side", *MODELS]]
    new.to_csv(tmp_path / "new.csv", index=False)
    assert predict(tmp_path, "fit", tmp_path / "new.csv", tmp_path / "p.parquet") == 0
    assert read_frame(tmp_path / "p.parquet")["side"].tolist() == new["side"].tolist()


def test_rows_that_lack_a_model_are_told_as_no_row_of_the_fit_did(
    fits, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(batches, "_ROWS", 7)
    rows = new_rows()
    rows.loc[[3, 20], "a"] = np.nan
    write_frame(rows, tmp_path / "new.parquet")
    argv = ["predict", str(fits / "equal"), str(tmp_path / "new.parquet")]
    assert main([*argv, "--out", str(tmp_path / "p.csv")]) == 0
    said = capsys.readouterr().err
    assert said.count("rows to predict lack") == 1
    assert "2 of 40 rows to predict lack a value of a model ('a' at 2)" in said


def test_marks_of_missing_values_are_noticed_over_all_batches(fits, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(batches, "_ROWS", 7)
    rows = new_rows()
    rows.loc[[3, 20], "a"] = -9999.0
    write_frame(rows, tmp_path / "new.parquet")
    argv = ["predict", str(fits / "equal"), str(tmp_path / "new.parquet")]
    assert main([*argv, "--out", str(tmp_path / "p.csv")]) == 0
    said = capsys.readouterr().err
    assert said.count("warning: ") == 1
    assert "model 'a' is -9999 at 2 of 40 rows, far outside its other values" in said
    assert main([*argv, "--out", str(tmp_path / "q.csv"), "--missing", "-9999"]) == 0
    assert "-9999" not in capsys.readouterr().err


def test_a_model_without_rows_in_a_long_table_is_missing_everywhere(fits, tmp_path, capsys):
    rows = new_rows(6).assign(side="dry")
    long = rows.melt(["day", "side"], var_name="model")
    write_frame(long.query("model != 'b'"), tmp_path / "long.csv")
    write_frame(rows.assign(b=np.nan), tmp_path / "wide.csv")
    argv = ["predict", str(fits / "equal"), str(tmp_path / "long.csv"), "--long", "--out"]
    assert main([*argv, str(tmp_path / "of_long.csv")]) == 0
    assert "model 'b' has no row in the long table" in capsys.readouterr().err
    assert predict(fits, "equal", tmp_path / "wide.csv", tmp_path / "of_wide.csv") == 0
    found, wanted = ((tmp_path / f"of_{kind}.csv").read_text() for kind in ("long", "wide"))
    assert found == wanted
    write_frame(long.replace({"model": dict.fromkeys(MODELS, "d")}).iloc[:6], tmp_path / "long.csv")
    assert main([*argv, str(tmp_path / "none.csv")]) == 2
    assert "the table has no column 'a'" in capsys.readouterr().err


def test_whole_numbers_of_coordinates_stay_whole(tmp_path):
    train = train_frame().assign(x=np.arange(len(train_frame())))
    write_frame(train, tmp_path / "t.csv")
    argv = ["fit", str(tmp_path / "t.csv"), "--target", "y", "--coords", "x,z", "--method", "equal"]
    assert main([*argv, "--models", "a,b,c", "--out", str(tmp_path / "equal"), "--quiet"]) == 0
    assert predict(tmp_path, "equal", tmp_path / "t.csv", tmp_path / "out.parquet") == 0
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert [found[c].dtype.kind for c in ("x", "z")] == ["i", "f"]
    assert found["x"].to_list() == train["x"].to_list()
