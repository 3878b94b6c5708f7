"""A method that fails leaves the others whole, and is told with its reason."""

import json

import pandas as pd
import pytest

from dirimix.cli.main import main
from dirimix.errors import NotConverged
from stand_ins import STUDY, SampledStandIn, register, run_study, write_study

TWO = '"equal", "stand-in", "stand-in@b", '
FOLDS = '\n[validation.random]\nscheme = "k-fold"\nfolds = 3\nmethods = ["equal", "stand-in"]\n'
ONLY = ("--only", "raw,equal,stand-in,stand-in@b")


def study(outcome, more=""):
    text = STUDY.replace('"equal", ', TWO, 1)
    text = text.replace("[scores]", f'[options."stand-in"]\noutcome = "{outcome}"\n[scores]')
    return text.replace("[scores]", '[options."stand-in@b"]\noutcome = "good"\n[scores]') + more


def run(folder, text, *more):
    path = write_study(folder, text)
    return run_study(path, folder / "out", *ONLY, *more)


def lost(self, table):
    if self.outcome == "lose":
        raise NotConverged("the log density is not finite")
    if self.outcome == "overflow":
        raise FloatingPointError("overflow in a sum\nof squares")
    return plain(self, table)


plain = SampledStandIn._fit


@pytest.mark.parametrize(
    ("outcome", "code", "reason"),
    [
        ("refuse", 2, "this table is refused"),
        pytest.param("lose", 3, "the log density is not finite", marks=pytest.mark.slow),
        ("overflow", 3, "FloatingPointError: overflow in a sum"),
    ],
)
def test_finished_methods_are_collected_and_the_failing_one_told(
    tmp_path, monkeypatch, capsys, outcome, code, reason
):
    register(monkeypatch)
    monkeypatch.setattr(SampledStandIn, "_fit", lost)
    assert run(tmp_path, study(outcome, FOLDS), "--allow-unconverged") == code
    told = capsys.readouterr().err
    out = tmp_path / "out"
    assert told == (f"dirimix: there is no result of stand-in ({reason}); all else is in {out}\n")
    scores = pd.read_csv(out / "scores.csv")
    assert set(scores["method"]) == {"raw", "equal", "stand-in@b"}
    assert set(scores.loc[scores["split"] == "random", "method"]) == {"equal"}
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["failed"] == {"stand-in": reason}
    assert manifest["converged"] is False
    assert main(["report", str(out), "--quiet"]) == 0
    assert f"<li>stand-in: {reason}</li>" in (out / "report.html").read_text()


def test_the_value_to_blame_is_named_by_its_row_in_the_file(tmp_path, monkeypatch, capsys):
    register(monkeypatch)
    monkeypatch.setattr(SampledStandIn, "_fit", lost)
    path = write_study(tmp_path, study("lose"))
    table = pd.read_csv(tmp_path / "table.csv")
    table = pd.concat([table.iloc[30:35], table.iloc[:30]], ignore_index=True)
    table.loc[11, "b"] = 5e5
    table.to_csv(tmp_path / "table.csv", index=False)
    assert run_study(path, tmp_path / "out", *ONLY) == 3
    told = capsys.readouterr().err
    assert (
        "is not finite; the value farthest from the others is 500000 of model 'b' at row 12)"
        in (told)
    )


def test_a_fold_that_fails_is_told_by_its_name_and_the_method_kept(tmp_path, monkeypatch, capsys):
    register(monkeypatch)
    text = study("good", FOLDS.rstrip() + '\noptions = { outcome = "refuse" }\n')
    assert run(tmp_path, text) == 2
    told = capsys.readouterr().err
    folds = ", ".join(f"stand-in without random {i}" for i in (1, 2, 3))
    assert f"no result of {folds} (this table is refused); all else" in told
    scores = pd.read_csv(tmp_path / "out" / "scores.csv")
    assert "stand-in" in set(scores.loc[scores["split"] == "train", "method"])


def test_a_tolerated_method_may_fail(tmp_path, monkeypatch, capsys):
    register(monkeypatch)
    text = study("refuse").replace("[options", 'tolerated = ["stand-in"]\n[options', 1)
    assert run(tmp_path, text) == 0
    assert capsys.readouterr().err == ""
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["failed"] == {"stand-in": "this table is refused"}


def test_a_run_of_which_nothing_is_left_leaves_nothing(tmp_path, monkeypatch, capsys):
    register(monkeypatch)
    path = write_study(tmp_path, study("refuse"))
    assert run_study(path, tmp_path / "out", "--only", "stand-in") == 2
    assert "(this table is refused); no method is left to collect" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_failed_is_tried_again_with_resume(tmp_path, monkeypatch, capsys):
    register(monkeypatch)
    assert run(tmp_path, study("refuse")) == 2
    capsys.readouterr()
    assert run(tmp_path, study("good"), "--resume") == 0
    scores = pd.read_csv(tmp_path / "out" / "scores.csv")
    assert set(scores["method"]) == {"raw", "equal", "stand-in", "stand-in@b"}


def test_a_fault_of_the_program_is_no_failure_of_a_method(tmp_path, monkeypatch):
    def faulty(*_):
        raise AttributeError("no such attribute")

    register(monkeypatch)
    monkeypatch.setattr(SampledStandIn, "_fit", faulty)
    with pytest.raises(AttributeError):
        run(tmp_path, study("good"))
