import json

import numpy as np
import pandas as pd
import pytest

from dirimix.errors import InputError
from dirimix.study.parse import make_study, read_study
from dirimix.study.preselection import Step, eliminate, preselect
from dirimix.table.split import Part, SplitTable
from stand_ins import STUDY, run_study, write_study

SECTION = """
[validation.random]
scheme = "k-fold"
folds = 4
methods = ["equal"]
[preselection]
scheme = "random"
confirm = ["simplex-ls", "equal"]
"""


def data(seed=0, n=240):
    """a and b share the truth between them, twin is a again, noise and far are useless."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-3, 3, n)
    truth = np.sin(x)
    frame = pd.DataFrame(
        {
            "x": x,
            "a": truth + 0.3,
            "b": truth - 0.3,
            "twin": truth + 0.3,
            "noise": rng.standard_normal(n),
            "far": truth + 4 + np.cos(3 * x),
        }
    )
    models = ("a", "b", "twin", "noise", "far")
    y = truth + rng.normal(0, 0.05, n)
    return SplitTable("t", ("x",), models, "y", None, {"train": Part(frame, y, None)})


def study(**section):
    raw = {
        "data": {"table": "t.csv"},
        "methods": {"run": ["equal", "simplex-ls"]},
        "validation": {"random": {"scheme": "k-fold", "folds": 4}},
        "scores": {"n_boot": 400},
        "preselection": {"scheme": "random", **section},
    }
    return make_study(raw)


def test_what_is_useless_or_said_twice_goes_first_and_costs_nothing():
    found = preselect(study(), data())
    assert found is not None
    path = found.path.set_index("models")
    assert list(path.index) == [5, 4, 3, 2]
    assert set(path["removed"].iloc[1:]) >= {"noise", "far"}
    assert set(found.kept) in ({"a", "b"}, {"b", "twin"})
    assert path.loc[2, "cost_lo"] < 0.01
    assert path["chosen"].tolist() == [False, False, False, True]


def test_a_model_that_is_needed_has_its_price():
    """Without b nothing is below the truth: one more step than is free."""
    needed = data()
    models = ("a", "b", "noise")
    bare = SplitTable("t", ("x",), models, "y", None, needed.parts)
    found = preselect(study(), bare)
    assert found is not None
    assert set(found.kept) == {"a", "b"}
    without = SplitTable("t", ("x",), ("a", "twin", "noise"), "y", None, needed.parts)
    alone = preselect(study(), without)
    assert alone is not None
    lost = found.path["log_score"].iloc[-1] - alone.path["log_score"].iloc[0]
    assert lost > 1


def test_models_whose_errors_average_out_are_all_kept():
    """Three models that err apart: without one of them the errors are larger by a quarter."""
    rng = np.random.default_rng(3)
    truth = np.linspace(0, 1, 300)
    frame = pd.DataFrame({m: truth + 0.3 * rng.standard_normal(300) for m in "abc"})
    rows = Part(frame.assign(x=truth), truth, None)
    found = preselect(study(), SplitTable("t", ("x",), ("a", "b", "c"), "y", None, {"train": rows}))
    assert found is not None
    assert found.kept == ("a", "b", "c")
    last = found.path.iloc[-1]
    assert last["behind_best"] > 2 * last["behind_best_se"] > 0


def test_shuffled_observations_leave_nothing_to_choose():
    """The control: with the observations shuffled, no model is worth more than another."""
    whole = data()
    rows = whole.parts["train"]
    assert rows.y is not None
    y = np.random.default_rng(1).permutation(rows.y)
    shuffled = SplitTable("t", ("x",), ("a", "b", "noise"), "y", None,
                       {"train": Part(rows.frame, y, None)})  # fmt: skip
    found = preselect(study(), shuffled)
    assert found is not None
    assert found.path["cost"].abs().max() < 0.1


def test_the_user_may_say_how_many_are_kept():
    found = preselect(study(keep=4), data())
    assert found is not None
    assert len(found.kept) == 4
    assert found.path.set_index("models")["chosen"].to_dict() == {
        5: False, 4: True, 3: False, 2: False
    }  # fmt: skip


def test_the_cheapest_model_goes_at_every_step():
    pair = {frozenset("ab"): 1.0, frozenset("ac"): 5.0, frozenset("bc"): 2.0}
    steps = eliminate(("a", "b", "c"), lambda kept: np.array([pair.get(frozenset(kept), 9.0)]))
    assert [(s.removed, s.kept) for s in steps] == [("", ("a", "b", "c")), ("b", ("a", "c"))]


def test_a_model_that_some_row_cannot_do_without_is_never_left_out():
    steps = eliminate(("a", "b", "c"), lambda kept: np.array([len(kept)]), lambda kept: "c" in kept)
    assert steps[-1].kept in (("a", "c"), ("b", "c"))
    steps = eliminate(("a", "b", "c"), lambda _: np.array([0.0]), lambda kept: len(kept) == 3)
    assert [step.kept for step in steps] == [("a", "b", "c")]


@pytest.mark.filterwarnings("ignore::dirimix.errors.DroppedRowsWarning")
def test_rows_with_one_model_keep_it(tmp_path, capsys):
    path = write_study(tmp_path, STUDY + SECTION)
    table = pd.read_csv(tmp_path / "table.csv")
    table.loc[5, ["a", "b"]] = np.nan
    table.to_csv(tmp_path / "table.csv", index=False)
    out = tmp_path / "out"
    assert run_study(path, out, "--only", "equal,simplex-ls") == 0
    path_of = pd.read_csv(out / "preselection.csv")
    assert all("c" in kept.split() for kept in path_of["kept"])
    table.loc[6, ["b", "c"]] = np.nan
    table.loc[7, ["a", "c"]] = np.nan
    table.to_csv(tmp_path / "table.csv", index=False)
    text = SECTION.replace("[preselection]", "[preselection]\nkeep = 2")
    write_study(tmp_path, STUDY + text)
    table.to_csv(tmp_path / "table.csv", index=False)
    assert run_study(path, tmp_path / "none", "--only", "equal,simplex-ls") == 2
    assert "without any of a, b, c some training row has no value" in capsys.readouterr().err


def test_no_section_no_selection():
    plain = make_study({"data": {"table": "t"}, "methods": {"run": ["equal"]}})
    assert preselect(plain, data()) is None


def test_a_run_confirms_the_selection(tmp_path):
    out = tmp_path / "out"
    path = write_study(tmp_path, STUDY + SECTION)
    only = ("--only", "equal,simplex-ls")
    assert run_study(path, out, *only) == 0
    table = pd.read_csv(out / "preselection.csv")
    assert list(table["models"]) == [3, 2]
    assert table["chosen"].sum() == 1
    kept = table.loc[table["chosen"], "kept"].iloc[0].split()
    found = pd.read_csv(out / "preselection_confirmed.csv")
    assert set(found["split"]) == {"test"}
    row = found[(found["a"] == "equal") & (found["score"] == "rms")].iloc[0]
    rows = pd.read_csv(tmp_path / "table.csv").query("part == 'test'")

    def rms(models):
        return np.sqrt(np.mean((rows[list(models)].mean(axis=1) - rows["y"]) ** 2))

    assert row["difference"] == pytest.approx(rms("abc") - rms(kept), abs=1e-9)
    numbers = json.loads((out / "scores.json").read_text())
    assert len(numbers["preselection"]) == 2
    assert run_study(path, out, *only, "--resume") == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('scheme = "random"', 'scheme = "blocks"', r"leave rows out \(random\), not 'blocks'"),
        ('confirm = ["simplex-ls", "equal"]', 'confirm = ["gbmm-d"]', r"run does not"),
        ('confirm = ["simplex-ls", "equal"]', 'method = "raw"', "is a global mixture, not 'raw'"),
        ('confirm = ["simplex-ls", "equal"]', "keep = 1", "whole number of at least 2, not 1"),
    ],
)
def test_a_bad_section_is_refused_in_words(tmp_path, old, new, message):
    assert old in SECTION
    text = SECTION.replace(old, new)
    with pytest.raises(InputError, match=message):
        read_study(write_study(tmp_path, STUDY + text))


def test_a_row_that_no_set_explains_costs_no_set_anything(monkeypatch):
    rows = data()
    models = rows.models
    points = np.random.default_rng(0).normal(size=len(rows.parts["train"].frame))
    points[7] = -np.inf
    steps = [Step(gone, models[k:], points - k / 10) for k, gone in enumerate(("", *models[:3]))]
    monkeypatch.setattr("dirimix.study.preselection.eliminate", lambda *_: steps)
    found = preselect(study(), rows)
    assert found is not None
    path = found.path.set_index("models")
    assert (path["log_score"] == -np.inf).all()
    share = 1 - 1 / len(points)  # of the rows that tell the sets apart
    np.testing.assert_allclose(path["cost"], np.arange(4) / 10 * share, atol=1e-12)
    assert path["chosen"].sum() == 1
    assert found.kept == models
