from dataclasses import replace

import numpy as np
import pytest

from dirimix.assess.site_tables import nearest_training, site_tables
from dirimix.errors import InputError
from dirimix.study.load import load_split_table
from dirimix.study.spec import DataChoice
from stand_ins import frame


@pytest.fixture
def data(tmp_path):
    frame().to_csv(tmp_path / "table.csv", index=False)
    return load_split_table(
        DataChoice(
            str(tmp_path / "table.csv"), "y", ("x", "z"), ("a", "b", "c"), error="u", split="part"
        ),
        0,
    )


def test_sites_and_models_are_those_of_the_table(data):
    found, given = site_tables(data), frame()
    assert list(found["sites"]["row"]) == list(range(1, len(given) + 1))
    np.testing.assert_allclose(found["sites"]["observed"], given["y"])
    np.testing.assert_allclose(found["sites"]["observed_error"].dropna(), 0.05)
    values = found["model_values"].pivot(index="row", columns="model", values="model_value")
    np.testing.assert_allclose(values[["a", "b", "c"]], given[["a", "b", "c"]])


def test_distances_are_to_the_nearest_training_site_in_deviations(data):
    given = frame()
    train = given.loc[given["part"] == "train", ["x", "z"]]
    apart = given[["x", "z"]].to_numpy()[:, None] - train.to_numpy()[None]
    expected = np.sqrt(((apart / train.std(ddof=0).to_numpy()) ** 2).sum(axis=2)).min(axis=1)
    np.testing.assert_allclose(site_tables(data)["sites"]["distance"], expected, atol=1e-12)


def test_rows_keep_their_numbers_where_fewer_train(tmp_path):
    frame().to_csv(tmp_path / "table.csv", index=False)
    choice = DataChoice(
        str(tmp_path / "table.csv"), "y", ("x", "z"), ("a", "b", "c"), split="part", n_train=20
    )
    sites = site_tables(load_split_table(choice, 0))["sites"]
    given = frame()
    np.testing.assert_allclose(sites["x"], given["x"].to_numpy()[sites["row"] - 1])


def test_without_coordinates_there_is_no_distance(data):
    assert np.isnan(nearest_training(replace(data, coords=()))["test"]).all()


@pytest.mark.parametrize("entry", [{"map_axes": ("x", "y")}, {"lines": {"q": (1.0,)}}])
def test_maps_are_of_coordinates(tmp_path, entry):
    frame().to_csv(tmp_path / "table.csv", index=False)
    choice = DataChoice(
        str(tmp_path / "table.csv"), "y", ("x", "z"), ("a", "b", "c"), split="part", **entry
    )
    with pytest.raises(InputError, match="which is no coordinate"):
        load_split_table(choice, 0)


def test_the_data_set_says_how_its_map_lies():
    data = load_split_table(DataChoice("data:liquid-drop"), 0)
    assert data.map_axes == ("N", "Z")
    assert 82.0 in data.lines["N"]
    other = load_split_table(DataChoice("data:liquid-drop", coords=("N",)), 0)
    assert (other.map_axes, set(other.lines)) == ((), {"N"})
