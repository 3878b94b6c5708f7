"""A study in a transformed scale, from the file to its tables, the report and predictions."""

import json

import numpy as np
import pandas as pd
import pytest

from dirimix.cli.main import main
from dirimix.methods import METHODS
from stand_ins import COLUMNS, STUDY, frame, run_study

MODELS = ["a", "b", "c"]
METHODS_RUN = (
    "raw", "equal", "ols", "simplex-ls", "ridge-stacking", "bma-closed-form", "bma-laplace",
    "gbmm-d", "simplex-ls+gp", "equal@plain",
)  # fmt: skip
OPTIONS = """
[options]
chains = 2
draws = 25
warmup = 20
min_ess = 0
[options."equal@plain"]
y_transform = "none"
"""
EXTRA = """
[validation.random]
scheme = "k-fold"
folds = 3
methods = ["equal"]
[threshold]
level = 1.0
methods = ["equal"]
draws = 200
ended = "below"
[threshold.along]
"table.csv" = "x"
"""


def positive() -> pd.DataFrame:
    table = frame(60)
    table[["y", *MODELS]] = np.exp(table[["y", *MODELS]])
    return table.assign(u=0.05 * table["y"].fillna(1.0))


def study_text(transform: str, run=METHODS_RUN) -> str:
    text = STUDY.replace("unit =", f'transform = "{transform}"\nunit =')
    methods = ", ".join(f'"{m}"' for m in run)
    i = text.index("run = [")
    text = text[:i] + f"run = [{methods}]\n" + text[text.index("[scores]") :]
    return text[: text.index("[compare]")] + EXTRA + (OPTIONS if run == METHODS_RUN else "")


def finished(folder, table: pd.DataFrame, text: str):
    table.to_csv(folder / "table.csv", index=False)
    (folder / "study.toml").write_text(text)
    assert run_study(folder / "study.toml", folder / "out", "--allow-unconverged") == 0
    return folder / "out"


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("log"), positive(), study_text("log"))


def read(out, name: str) -> pd.DataFrame:
    return pd.read_csv(out / f"{name}.csv", dtype={"model": str}).fillna({"model": ""})


def test_every_table_is_in_the_unit_of_the_target(out):
    table = read(out, "predictions")
    assert set(table["method"]) == set(METHODS_RUN)
    transformed = table.loc[table["method"] != "equal@plain"]
    assert (transformed[["q025", "mean", "sd"]] > 0).all(axis=None)
    # skewed to the right: the mean lies above the median
    assert (transformed["mean"] > transformed["q50"]).all()
    scores = read(out, "scores")
    assert {"train", "test", "random"} == set(scores["split"])
    assert np.isfinite(scores[["log_score", "crps", "rms"]]).all(axis=None)
    known = positive().loc[:29, "y"].sort_values().to_numpy()
    observed = table.query("split == 'train' and method == 'equal'")["observed"].to_numpy()
    np.testing.assert_allclose(np.sort(observed), known, rtol=1e-9)


def test_the_density_of_a_row_is_that_of_its_logarithm_with_the_jacobian(tmp_path):
    by_hand, methods = positive(), ("equal", "simplex-ls+gp")
    by_hand[["y", *MODELS]] = np.log(by_hand[["y", *MODELS]])
    outs = []
    for transform, table in (("log", positive()), ("none", by_hand)):
        folder = tmp_path / transform
        folder.mkdir()
        # errors of new observations are carried from elsewhere in the two
        text = study_text(transform, methods).replace('error = "u"\n', "")
        outs.append(finished(folder, table, text))
    jacobian = by_hand["y"].to_numpy()[:30]
    for method in methods:
        there, here = (
            pd.read_csv(folder / "methods" / method / "pointwise.csv").query("split == 'train'")
            for folder in outs
        )
        density = here["log_score"].to_numpy() - jacobian
        np.testing.assert_allclose(there["log_score"], density, atol=1e-6)
        np.testing.assert_allclose(there["pit"], here["pit"], atol=1e-6)


def test_leave_one_out_is_of_the_target_and_agrees_with_its_own_density(out):
    loo = read(out, "loo").set_index("method").loc["gbmm-d"]
    inside = read(out, "scores").query("method == 'gbmm-d' and split == 'train'").iloc[0]
    assert loo["elpd_mean"] == pytest.approx(inside["log_score"], abs=0.3)


def test_the_report_and_the_manifest_state_the_transform(out):
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["methods"]["equal"]["priors"]["transform"] == "log"
    assert "transform" not in manifest["methods"]["equal@plain"]["priors"]
    assert main(["report", str(out), "--quiet"]) == 0
    assert "<code>transform</code> log" in (out / "report.html").read_text()


def test_a_line_goes_on_below_the_level_without_leaving_the_scale(out):
    assert read(out, "limits")["mean"].notna().any()


def test_a_level_without_a_place_is_refused_before_a_fit(tmp_path, capsys):
    positive().to_csv(tmp_path / "table.csv", index=False)
    text = study_text("log", ("equal",)).replace("level = 1.0", "level = 0.0")
    (tmp_path / "study.toml").write_text(text)
    assert main(["check", str(tmp_path / "study.toml")]) == 2
    assert "the level 0 of [threshold] has no place under the transform log" in (
        capsys.readouterr().err
    )


def test_rows_are_counted_as_in_the_file_and_nothing_is_written(tmp_path, capsys):
    table = positive()
    table.loc[41, "y"] = 0.0  # a test row
    table.to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "study.toml").write_text(study_text("log", ("equal",)))
    assert (
        main(["run", "--no-report", str(tmp_path / "study.toml"), "--out", str(tmp_path / "out")])
        == 2
    )
    assert capsys.readouterr().err == (
        "dirimix: target 'y' must be above 0 for the transform 'log', and is 0 at row 42; take "
        "'log1p' or 'sqrt', which have a place for 0\n"
    )
    assert not (tmp_path / "out").exists()


def test_fit_and_predict_in_a_scale_that_is_found(tmp_path, capsys):
    table, new = positive().iloc[:30], positive().iloc[30:].drop(columns=["y", "u"])
    for name, rows in {"t": table.drop(columns="part"), "new": new}.items():
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
    fit = ["fit", str(tmp_path / "t.csv"), *COLUMNS, "--out", str(tmp_path / "o"), "--quiet"]
    assert main([*fit, "--method", "simplex-ls", "--transform", "box-cox"]) == 0
    facts = json.loads((tmp_path / "o" / "manifest.json").read_text())["methods"]["simplex-ls"]
    assert facts["priors"]["transform"].startswith("box-cox, lambda 0")
    predict = ["predict", str(tmp_path / "o")]
    assert main([*predict, str(tmp_path / "new.csv"), "--out", str(tmp_path / "p.csv")]) == 0
    found = pd.read_csv(tmp_path / "p.csv")
    assert (found[["q025", "q50", "q975"]].to_numpy() > 0).all()
    new.iloc[4, new.columns.get_loc("b")] = -1.0
    new.to_csv(tmp_path / "bad.csv", index=False)
    assert main([*predict, str(tmp_path / "bad.csv"), "--out", str(tmp_path / "q.csv")]) == 2
    assert "model 'b' must be above 0 for the transform 'box-cox', and is -1 at row 5" in (
        capsys.readouterr().err
    )


def test_every_method_takes_a_transform():
    assert all("y_transform" in method.options() for method in METHODS.values())
