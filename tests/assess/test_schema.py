import pandas as pd
import pytest

from dirimix.assess.schema import COORDINATES, TABLES, read_table, read_tables, row_label
from dirimix.errors import InputError


def test_names_stay_text_and_numbers_become_numbers(tmp_path):
    names = ("null", "NA", "None", "nan", "007", "")
    table = pd.DataFrame({"method": "raw", "model": names, "split": "1", "weights": "field"})
    table.assign(n=[1, 2, 3, 4, 5, 6], rms=[0.5, None, 1, 2, 3, 4]).to_csv(
        tmp_path / "scores.csv", index=False
    )
    found = read_table(tmp_path, "scores")
    assert tuple(found["model"]) == names
    assert set(found["split"]) == {"1"}
    assert found["n"].tolist() == [1, 2, 3, 4, 5, 6]
    assert found["rms"].isna().tolist() == [False, True, False, False, False, False]
    # what pandas makes of the same file
    assert pd.read_csv(tmp_path / "scores.csv")["model"].isna().sum() == 5


def test_a_coordinate_may_have_the_name_of_a_text_column_of_another_table(tmp_path):
    (tmp_path / "weights.csv").write_text("method,split,a,model,mean\nequal,test,1.5,m,0.2\n")
    assert read_table(tmp_path, "weights")["a"].tolist() == [1.5]


def test_columns_of_the_coordinates_stand_where_they_are_written():
    columns = TABLES["weights"].columns(["Z", "N"])
    assert columns == ["method", "split", "Z", "N", "model", "mean", "sd", "q05", "q95"]
    assert TABLES["weights"].columns()[2] == COORDINATES


@pytest.mark.parametrize("name", TABLES)
def test_every_table_says_what_it_is_and_has_no_column_twice(name):
    table = TABLES[name]
    assert table.says
    assert len(set(table.columns())) == len(table.columns())


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"there is no file '.*loo.csv'; run the command again"):
        read_table(tmp_path, "loo")
    assert not list(read_tables([tmp_path], "loo"))


def test_a_row_is_called_by_method_model_and_weights():
    assert row_label({"method": "raw", "model": "m", "weights": "field"}) == "raw m"
    assert row_label({"method": "raw", "model": "m"}, {"m": "HFB-24"}) == "raw HFB-24"
    assert row_label({"method": "ols", "model": None, "weights": "projected"}) == "ols, projected"
