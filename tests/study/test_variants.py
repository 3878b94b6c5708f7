import numpy as np
import pandas as pd
import pytest

from dirimix.cli.main import main
from dirimix.study.parse import make_study
from dirimix.study.variants import variant_pairs, weight_changes
from stand_ins import STUDY, write_study


def study(*run):
    return make_study({"data": {"table": "t"}, "methods": {"run": list(run)}})


def test_a_variant_is_compared_with_the_method_that_it_varies():
    pairs = variant_pairs(study("equal", "equal@one", "ols@two", "raw", "raw@three", "ols+gp"))
    assert pairs == (("equal@one", "equal"),)


def table(method, shift):
    sites = pd.DataFrame({"x": [0.0, 1.0, 2.0]}).loc[[0, 0, 1, 1, 2, 2]].reset_index(drop=True)
    first = 0.5 + np.array(shift)
    return sites.assign(
        method=method, split=["train"] * 4 + ["test"] * 2, model=["a", "b"] * 3,
        mean=np.column_stack([first, 1 - first]).ravel(),
    )  # fmt: skip


def test_changes_are_those_of_the_mean_weights():
    whole = pd.concat([table("m", [0, 0, 0]), table("m@v", [0.1, -0.3, 0.2])])
    found = weight_changes([("m@v", "m")], whole, ["x"]).set_index(["split", "model"])
    row = found.loc[("train", "a")]
    assert (row["method"], row["base"], row["sites"]) == ("m@v", "m", 2)
    assert row["mean_change"] == pytest.approx(-0.1)
    assert row["mean_size"] == pytest.approx(0.2)
    assert row["largest"] == pytest.approx(0.3)
    assert found.loc[("test", "b"), "mean_change"] == pytest.approx(-0.2)
    assert len(weight_changes([], whole, ["x"])) == 0


def test_the_evidence_set_is_varied_in_a_study(tmp_path):
    text = STUDY.replace('"bma-closed-form",', '"bma-closed-form", "bma-closed-form@few",')
    text = text.replace("[scores]", '[options."bma-closed-form@few"]\nn_evidence = 4\n[scores]')
    text = text.replace("pairs = [", 'pairs = [["bma-closed-form@few", "bma-closed-form"], ')
    path, out = write_study(tmp_path, text), tmp_path / "out"
    only = "bma-closed-form,bma-closed-form@few,equal"
    assert (
        main(["run", "--no-report", str(path), "--out", str(out), "--quiet", "--only", only]) == 0
    )
    found = pd.read_csv(out / "variants.csv")
    assert set(found["method"]) == {"bma-closed-form@few"}
    evidence = pd.read_csv(out / "evidence.csv").pivot_table(
        index="model", columns="method", values="probability"
    )
    change = evidence["bma-closed-form@few"] - evidence["bma-closed-form"]
    row = found[(found["split"] == "train")].set_index("model")["mean_change"]
    np.testing.assert_allclose(row, change.loc[row.index], atol=1e-9)
    assert change.abs().max() > 1e-3
    pairs = pd.read_csv(out / "pairs.csv")
    assert ("bma-closed-form@few", "bma-closed-form") in set(
        zip(pairs["a"], pairs["b"], strict=True)
    )
    assert not pairs.duplicated(["a", "b", "split", "score"]).any()
