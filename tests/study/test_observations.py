"""Observations that stand in a file of their own, at every door."""

import json

import numpy as np
import pandas as pd
import pytest

from dirimix.cli.main import main

STUDY = """
[data]
table = "forecasts.csv"
observations = "truth.parquet"
long = true
target = "admissions"
coords = ["end"]
models = ["a", "b"]
test_fraction = 0.2
[methods]
run = ["equal", "simplex-ls"]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A hub's long table and its truth, of which the last dates are not known yet."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    wide = pd.DataFrame({"end": pd.date_range("2024-01-01", periods=40), "state": "01"})
    wide = wide.assign(a=rng.normal(size=40), b=rng.normal(size=40))
    wide["admissions"] = 0.7 * wide["a"] + 0.3 * wide["b"] + rng.normal(0, 0.1, 40)
    wide.drop(columns="admissions").melt(
        ["end", "state"], var_name="model_id", value_name="value"
    ).to_csv("forecasts.csv", index=False)
    truth = wide[["end", "state", "admissions"]].iloc[:35].sample(frac=1, random_state=0)
    truth.to_parquet("truth.parquet", index=False)
    wide.assign(admissions=wide["admissions"].where(wide.index < 35)).to_csv(
        "wide.csv", index=False
    )
    return tmp_path


def test_a_study_joins_them_and_keeps_their_sum(folder, capsys):
    (folder / "study.toml").write_text(STUDY)
    assert main(["check", "study.toml"]) == 0
    assert main(["run", "--no-report", "study.toml", "--out", "out"]) == 0
    assert (
        "35 of 40 rows have one of the 35 observations in the other file" in capsys.readouterr().err
    )
    sums = json.loads((folder / "out/manifest.json").read_text())["sha256"]
    assert {"forecasts.csv", "truth.parquet"} <= set(sums)
    (folder / "wide.toml").write_text(
        STUDY.replace("forecasts", "wide").replace("long = true\n", "").replace(
            'observations = "truth.parquet"\n', ""
        )
    )  # fmt: skip
    assert main(["run", "--no-report", "wide.toml", "--out", "wide", "--quiet"]) == 0
    joined, wide = (pd.read_csv(folder / d / "predictions.csv") for d in ("out", "wide"))
    pd.testing.assert_frame_equal(joined, wide)
    assert (joined["split"] == "landscape").sum() == 2 * 5


def test_a_fit_takes_them(folder, capsys):
    words = "fit forecasts.csv --long --target admissions --coords end --models a,b --method equal"
    assert main([*words.split(), "--observations", "truth.parquet", "--out", "out", "--quiet"]) == 0
    assert len(pd.read_csv(folder / "out/predictions.csv")) == 40
    assert main([*words.split(), "--observations", "none.csv", "--out", "other"]) == 2
    assert "there is no file 'none.csv'" in capsys.readouterr().err


def test_an_observation_on_some_models_rows_is_that_of_the_site(folder, capsys):
    """A table written by a join that kept the observation with one model's rows."""
    long, truth = pd.read_csv("forecasts.csv", dtype=str), pd.read_parquet("truth.parquet")
    long["value"] = long["value"].astype(float)
    both = long.merge(truth.assign(end=truth["end"].astype(str)), on=["end", "state"], how="left")
    both["part"] = np.where(both["end"] < "2024-02-01", "train", "test")
    one = both.copy()
    one.loc[one["model_id"] == "b", ["admissions", "part"]] = None
    for name, table in (("both", both), ("one", one)):
        table.sample(frac=1, random_state=0).sort_values("end").to_csv(f"{name}.csv", index=False)
        study = STUDY.replace("forecasts", name).replace('observations = "truth.parquet"\n', "")
        study = study.replace("test_fraction = 0.2", 'split = "part"')
        (folder / f"{name}.toml").write_text(study)
        assert main(["run", "--no-report", f"{name}.toml", "--out", name]) == 0
        assert "80 rows, one a model, are 40 rows, one a site" in capsys.readouterr().err
    whole, part = (pd.read_csv(folder / d / "predictions.csv") for d in ("both", "one"))
    pd.testing.assert_frame_equal(whole, part)
    other = both.copy()
    other.loc[3, "admissions"] = 9.0
    other.to_csv("one.csv", index=False)
    assert main(["check", "one.toml"]) == 2
    assert "two values of 'admissions' at the same site" in capsys.readouterr().err


def test_files_of_one_name_keep_a_sum_each(folder):
    for part in ("forecasts", "truth"):
        (folder / part).mkdir()
    pd.read_csv("forecasts.csv").to_csv("forecasts/2024.csv", index=False)
    pd.read_parquet("truth.parquet").to_csv("truth/2024.csv", index=False)
    text = STUDY.replace("forecasts.csv", "forecasts/2024.csv")
    (folder / "study.toml").write_text(text.replace("truth.parquet", "truth/2024.csv"))
    assert main(["run", "--no-report", "study.toml", "--out", "out", "--quiet"]) == 0
    sums = json.loads((folder / "out/manifest.json").read_text())["sha256"]
    found = {name: value for name, value in sums.items() if name.endswith("2024.csv")}
    assert len(set(found.values())) == 2
    assert all(name.endswith(("forecasts/2024.csv", "truth/2024.csv")) for name in found)
