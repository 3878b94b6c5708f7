"""A study in which an observation lies so far from all models that its density is 0."""

import numpy as np
import pytest

from dirimix.report.exhibits.registry import MAKERS
from dirimix.report.output import read_output
from dirimix.report.page import write_report
from stand_ins import frame, run_study

STUDY = """
[data]
table = "table.csv"
target = "y"
coords = ["x"]
models = ["a", "b", "c"]
split = "part"
[methods]
run = ["raw", "bma-laplace", "simplex-ls"]
[compare]
pairs = [["bma-laplace", "simplex-ls"]]
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """The finished folder of the study."""
    folder = tmp_path_factory.mktemp("zero")
    (folder / "study.toml").write_text(STUDY)
    small = frame().assign(**{name: frame()[name] * 1e-60 for name in "yabc"})
    test = np.flatnonzero(small["part"] == "test")
    small.loc[test[2], "y"] = 1e99
    small.to_csv(folder / "table.csv", index=False)
    assert run_study(folder / "study.toml", folder / "out") == 0
    return folder / "out"


def test_its_log_scores_are_compared_by_nothing_and_the_page_is_written(said):
    page = write_report(said).read_text(encoding="utf-8")
    assert "no difference, as an observation has the density 0" in page
    output = read_output(said)
    scores = output.table("scores")
    assert (scores.loc[scores["split"] == "test", "log_score"] == -np.inf).all()
    differences = output.table("differences").set_index("score")["difference"]
    assert differences["log_score"].isna().all()
    assert differences["crps"].notna().all()
    ranks = MAKERS["ranking"](output, {})
    assert ranks is not None
    assert ranks.shown["test"].str.contains("1.*, (?:no difference|[+]0.000)", regex=True).all()
