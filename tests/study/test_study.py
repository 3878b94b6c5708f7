import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dirimix.assess.schema import TABLES
from dirimix.cli.main import main
from dirimix.errors import InputError
from dirimix.methods import METHODS, parse_method
from dirimix.study.load import load_split_table
from dirimix.study.parse import make_study, read_study
from dirimix.study.spec import DataChoice, LongColumns
from dirimix.table.files import read_frame, write_frame
from stand_ins import STUDY, frame, register, write_study

# of methods that take no time
QUICK = STUDY.replace(', "simplex-ls+gp"]', "]").replace('["simplex-ls+gp", "simplex-ls"], ', "")
CSV_FILES = ("scores", "predictions", "weights", "evidence", "diagnostics", "coverage", "pairs")


def run(study, out, *more) -> int:
    return main(["run", "--no-report", str(study), "--out", str(out), "--quiet", *more])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    assert run(write_study(folder, QUICK), folder / "out") == 0
    return folder


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 3", "sead = 3", r"unknown entry 'sead' in the study \(did you mean 'seed'\?\)"),
        ('target = "y"', 'traget = "y"', r"\[data\] \(did you mean 'target'\?\)"),
        ("n_boot = 50", "n_boots = 50", r"\[scores\] \(did you mean 'n_boot'\?\)"),
        ("n_boot = 50", "n_boot = 1", "n_boot must be a whole number from 2 to 1000000, not 1"),
        ('"equal"', '"equall"', r"unknown method 'equall' \(did you mean 'equal'\?\); choose from"),
        ('"equal"', '"raw"', "names something twice"),
        ("seed = 3", "seed = -1", "seed must be a whole number of at least 0"),
        ("seed = 3", "seed = true", "seed must be a whole number"),
        ('table = "table.csv"', "", "needs a table"),
        ('split = "part"', "test_fraction = 2.0", "test_fraction must lie between 0 and 1"),
        ('split = "part"', 'split = "part"\ntest_fraction = 0.2', "keep one of them"),
        ('split = "part"', 'rows = "most"', "rows is complete or all, not 'most'"),
        ('"raw:c"', '"raw"', "which is many models; name one as 'raw:MODEL'"),
        ('"raw:c"', '"gbmm-d"', r"which \[methods\] run does not"),
        ("[scores]", "[options]\nn_drows = 5\n[scores]", "no method of this study has the option"),
        ("[scores]", '[options."gbmm-d"]\ndraws = 5\n[scores]', "run does not have 'gbmm-d'"),
        (
            "[scores]",
            '[options."bma-closed-form"]\nn_evidnce = 4\n[scores]',
            r"has no option 'n_evidnce' \(did you mean 'n_evidence'",
        ),
        (
            "[scores]",
            '[options."bma-closed-form"]\nn_evidence = "x"\n[scores]',
            "'n_evidence' of bma-closed-form is a whole number, not 'x'",
        ),
    ],
)
def test_a_bad_study_is_refused_in_words(tmp_path, old, new, message):
    assert old in STUDY
    text = STUDY.replace(old, new, 1)
    with pytest.raises(InputError, match=message):
        read_study(write_study(tmp_path, text))


def test_no_toml_is_refused(tmp_path):
    path = tmp_path / "s.toml"
    with pytest.raises(InputError, match="there is no study file"):
        read_study(path)
    path.write_text("a = = b")
    with pytest.raises(InputError, match="not valid TOML"):
        read_study(path)


def test_options_go_to_the_methods_that_have_them():
    raw = {
        "data": {"table": "t.csv"},
        "methods": {"run": ["equal", "bma-laplace", "bma-monte-carlo"]},
        "options": {"y_scale": 2, "n_evidence": 4, "bma-laplace": {"n_evidence": 6}},
    }
    study = make_study(raw)
    equal, laplace, monte_carlo = (study.options_of(c) for c in study.choices())
    assert equal == {"y_scale": 2}
    assert laplace == {"y_scale": 2, "n_evidence": 6}
    assert monte_carlo == {"y_scale": 2, "n_evidence": 4}


def test_every_method_of_the_list_is_known_with_and_without_correction():
    assert list(METHODS) == [
        "raw", "equal", "ols", "simplex-ls", "ridge-stacking", "bma-closed-form", "bma-laplace",
        "bma-monte-carlo", "gbmm-l", "gbmm-d", "lbmm-gld", "lbmm-gpd", "lbmm-lgp", "signed-gp",
        "stacked", "auto",
    ]  # fmt: skip
    assert not parse_method("gbmm-d").corrected
    assert parse_method("gbmm-d+gp").corrected


def test_files_and_columns_are_those_of_the_contract(finished):
    out = finished / "out"
    head = {name: list(pd.read_csv(out / f"{name}.csv").columns) for name in CSV_FILES}
    levels = [f"coverage_{c}" for c in (50, 68, 80, 90, 95)]
    assert head["scores"][:8] == "method,model,split,weights,n,rms,rms_lo,rms_hi".split(",")
    assert set(head["scores"]) >= {"crps", "log_score", *levels, "below_median"}
    quantiles = ["q025", "q05", "q25", "q50", "q75", "q95", "q975"]
    assert head["predictions"] == [
        "method", "model", "split", "x", "z", "observed", "mean", "sd", *quantiles
    ]  # fmt: skip
    assert head["weights"] == ["method", "split", "x", "z", "model", "mean", "sd", "q05", "q95"]
    assert head["evidence"][:5] == "method,model,log_evidence,std_error,probability".split(",")
    assert head["diagnostics"] == "method,parameter,mean,sd,ess_bulk,ess_tail,rhat".split(",")
    # nothing is sampled here, and a table without rows has its header nevertheless
    assert list(pd.read_csv(out / "sampling.csv").columns) == TABLES["sampling"].columns()


def test_scores_are_those_of_the_predictions(finished):
    scores = pd.read_csv(finished / "out" / "scores.csv").fillna({"model": ""})
    table = pd.read_csv(finished / "table.csv")
    test = table[table["part"] == "test"]
    expected = {m: np.sqrt(np.mean((test[m] - test["y"]) ** 2)) for m in "abc"}
    raw = scores[(scores["method"] == "raw") & (scores["split"] == "test")]
    np.testing.assert_allclose(raw.set_index("model")["rms"], pd.Series(expected), rtol=1e-8)
    mean = np.sqrt(np.mean((test[["a", "b", "c"]].mean(axis=1) - test["y"]) ** 2))
    equal = scores[(scores["method"] == "equal") & (scores["split"] == "test")]
    np.testing.assert_allclose(equal["rms"], mean, rtol=1e-8)
    assert set(scores.loc[scores["method"] == "ols", "weights"]) == {"field", "projected"}


def test_global_weights_are_told_once_a_split_without_site(finished):
    weights = pd.read_csv(finished / "out" / "weights.csv")
    assert "raw" not in set(weights["method"])
    equal = weights[weights["method"] == "equal"]
    assert list(equal["split"]) == ["train"] * 3 + ["test"] * 3 + ["landscape"] * 3
    assert equal[["x", "z"]].isna().to_numpy().all()
    np.testing.assert_allclose(equal["mean"], 1 / 3, rtol=1e-9)


def test_pairs_are_differences_of_the_scores(finished):
    pairs = pd.read_csv(finished / "out" / "pairs.csv").set_index(["a", "b", "split", "score"])
    scores = pd.read_csv(finished / "out" / "scores.csv").fillna({"model": ""})
    field = scores[scores["weights"] == "field"].set_index(["method", "model", "split"])
    for score in ("rms", "log_score", "crps"):
        row = pairs.loc[("raw:c", "equal", "test", score)]
        difference = (
            field.loc[("raw", "c", "test"), score] - field.loc[("equal", "", "test"), score]
        )
        assert row["difference"] == pytest.approx(difference, abs=1e-8)
        assert row["lo"] <= row["difference"] <= row["hi"]


def test_the_manifest_says_what_was_done(finished):
    manifest = json.loads((finished / "out" / "manifest.json").read_text())
    assert manifest["seed"] == 3
    assert manifest["converged"] is True
    assert set(manifest["sha256"]) == {"study.toml", "table.csv"}
    assert manifest["data"]["rows"] == {"train": 30, "test": 12, "landscape": 8}
    assert set(manifest["methods"]) == set(manifest["study"]["run"])


def test_same_seed_same_files_and_another_seed_others(finished, tmp_path):
    study = finished / "study.toml"
    assert run(study, tmp_path / "again", "--jobs", "2") == 0
    assert run(study, tmp_path / "other", "--seed", "4", "--only", "equal,raw") == 0
    for name in CSV_FILES:
        first = (finished / "out" / f"{name}.csv").read_bytes()
        assert (tmp_path / "again" / f"{name}.csv").read_bytes() == first
    one, other = (
        pd.read_csv(f / "scores.csv").query("method == 'equal'")
        for f in (finished / "out", tmp_path / "other")
    )
    assert one["rms"].tolist() == other["rms"].tolist()
    assert one["rms_hi"].tolist() != other["rms_hi"].tolist()
    scores = (finished / "out" / "scores.json").read_bytes()
    assert (tmp_path / "again" / "scores.json").read_bytes() == scores


def test_resume_keeps_what_is_done_and_redoes_what_changed(tmp_path, capsys):
    study, out = write_study(tmp_path), tmp_path / "out"
    assert run(study, out, "--only", "equal,ols") == 0
    made = {m: (out / "methods" / m / "facts.json").stat().st_mtime_ns for m in ("equal", "ols")}
    assert (
        main(
            [
                "run",
                "--no-report",
                str(study),
                "--out",
                str(out),
                "--only",
                "equal,ols,raw",
                "--resume",
            ]
        )
        == 0
    )
    assert "equal: already there" in capsys.readouterr().err
    assert (out / "methods" / "equal" / "facts.json").stat().st_mtime_ns == made["equal"]
    assert set(pd.read_csv(out / "scores.csv")["method"]) == {"raw", "equal", "ols"}
    assert run(study, out, "--only", "equal", "--resume", "--seed", "9") == 0
    assert (out / "methods" / "equal" / "facts.json").stat().st_mtime_ns != made["equal"]


def test_only_leaves_alone_what_is_not_asked_for(tmp_path, monkeypatch):
    """Posteriors and draws of the other methods are those of the next run."""
    register(monkeypatch)
    text = STUDY.partition("[compare]")[0].replace('"ols", "simplex-ls"', '"stand-in"')
    study, out = write_study(tmp_path, text), tmp_path / "out"
    assert run(study, out, "--only", "equal,stand-in") == 0
    posterior = out / "posterior-stand-in.nc"
    before = posterior.read_bytes()
    draws = out / "methods" / ".stand-in.draws" / "0"
    draws.mkdir(parents=True)
    assert run(study, out, "--only", "equal", "--resume") == 0
    assert posterior.read_bytes() == before
    assert draws.exists()
    assert run(study, out, "--only", "equal,stand-in", "--resume") == 0
    assert posterior.read_bytes() == before
    assert not draws.exists()


def test_an_interrupted_run_can_be_resumed(tmp_path, monkeypatch, capsys):
    register(monkeypatch)
    text = STUDY.replace('"raw", "equal"', '"raw", "equal", "stand-in"')
    broken = text.replace("[scores]", '[options."stand-in"]\noutcome = "interrupt"\n[scores]')
    out = tmp_path / "out"
    assert run(write_study(tmp_path, broken), out) == 130
    assert "interrupted" in capsys.readouterr().err
    assert sorted(p.name for p in (out / "methods").iterdir()) == ["equal", "raw"]
    assert not (out / "manifest.json").exists()
    assert main(["report", str(out)]) == 2
    assert "is not finished; finish it with run --resume" in capsys.readouterr().err
    assert (
        main(
            ["run", "--no-report", str(write_study(tmp_path, text)), "--out", str(out), "--resume"]
        )
        == 0
    )
    assert "equal: already there" in capsys.readouterr().err
    assert (out / "posterior-stand-in.nc").is_file()


def test_a_sampled_local_method_fills_its_files(tmp_path, monkeypatch):
    register(monkeypatch)
    study = write_study(tmp_path, STUDY.replace('"equal", ', '"equal", "stand-in", '))
    out = tmp_path / "out"
    assert run(study, out, "--only", "stand-in") == 0
    weights = pd.read_csv(out / "weights.csv")
    assert len(weights) == 3 * 50
    assert weights[["x", "z"]].notna().to_numpy().all()
    scores = pd.read_csv(out / "scores.csv")
    assert list(zip(scores["split"], scores["weights"], strict=True)) == [
        ("train", "field"), ("train", "site"), ("test", "field")
    ]  # fmt: skip
    sampling = pd.read_csv(out / "sampling.csv")
    assert list(sampling.columns)[:8] == [
        "method", "chains", "draws", "warmup", "divergences", "gradients", "seconds", "converged"
    ]  # fmt: skip
    assert len(pd.read_csv(out / "diagnostics.csv")) == 1


def with_a_bad_method() -> str:
    """A study with a stand-in that does not converge."""
    text = STUDY.replace('"equal", ', '"equal", "stand-in", ')
    return text.replace("[scores]", '[options."stand-in"]\noutcome = "bad"\n[scores]')


def test_what_has_not_converged_is_written_marked_and_told(tmp_path, monkeypatch, capsys):
    register(monkeypatch)
    study, out = write_study(tmp_path, with_a_bad_method()), tmp_path / "out"
    only = ("--only", "equal,stand-in")
    assert run(study, out, *only) == 3
    error = capsys.readouterr().err
    assert "not converged: stand-in (rhat above 1.01)" in error
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["converged"] is False
    assert manifest["methods"]["equal"]["converged"] is True
    assert pd.read_csv(out / "sampling.csv")["converged"].tolist() == [False]
    assert run(study, out, *only, "--resume", "--allow-unconverged") == 0


def test_a_tolerated_method_is_marked_but_decides_no_exit_code(tmp_path, monkeypatch):
    register(monkeypatch)
    text = with_a_bad_method().replace("[options", 'tolerated = ["stand-in"]\n[options', 1)
    study, out = write_study(tmp_path, text), tmp_path / "out"
    assert run(study, out, "--only", "equal,stand-in") == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["methods"]["stand-in"]["converged"] is False
    assert run(study, out, "--only", "equal") == 0


def test_rows_that_lack_a_model_are_left_out_with_a_line(tmp_path, capsys):
    study = write_study(
        tmp_path, STUDY.replace('split = "part"', 'split = "part"\nrows = "complete"')
    )
    table = pd.read_csv(tmp_path / "table.csv")
    table.loc[[1, 35], "b"] = np.nan
    table.to_csv(tmp_path / "table.csv", index=False)
    arguments = [
        "run",
        "--no-report",
        str(study),
        "--out",
        str(tmp_path / "out"),
        "--only",
        "raw,equal",
    ]
    assert main(arguments) == 0
    told = capsys.readouterr().err
    assert "1 of 30 train rows are left out, those where some model has no value (b at 1)" in told
    assert "1 of 12 test rows are left out" in told
    notes = json.loads((tmp_path / "out" / "manifest.json").read_text())["data"]["notes"]
    assert sum("left out" in note for note in notes) == 2
    scores = pd.read_csv(tmp_path / "out" / "scores.csv")
    assert set(scores["n"]) == {29, 11}


def test_all_rows_are_used_where_they_are_asked_for(tmp_path, capsys):
    study = write_study(tmp_path)
    table = pd.read_csv(tmp_path / "table.csv")
    table.loc[[1, 35], "b"] = np.nan
    table.to_csv(tmp_path / "table.csv", index=False)
    assert (
        main(
            ["run", "--no-report", str(study), "--out", str(tmp_path / "o"), "--only", "raw,equal"]
        )
        == 0
    )
    told = capsys.readouterr().err
    assert "equal: warning: fitting on 29 of 30 rows" in told
    notes = json.loads((tmp_path / "o" / "manifest.json").read_text())["notes"]
    assert (
        "training rows, as models lack values at some: 30 (raw a, raw c), 29 (raw b, equal)"
        in (notes[0])
    )
    assert (
        "test is on 11 of 12 rows, those that all ranked methods predict (raw b lacks 1)"
        in (notes[1])
    )
    assert all(f"note: {note}\n" in told for note in notes)
    ranking = pd.read_csv(tmp_path / "o" / "ranking.csv")
    assert ranking[["n", "rows"]].drop_duplicates().to_numpy().tolist() == [[11, 12]]
    assert main(["report", str(tmp_path / "o"), "--quiet"]) == 0
    page = (tmp_path / "o" / "report.html").read_text()
    assert "raw b lacks 1" in page
    scores = pd.read_csv(tmp_path / "o" / "scores.csv").fillna({"model": ""})
    counts = scores[scores["split"] == "test"].set_index(["method", "model"])["n"]
    assert counts.to_dict() == {
        ("raw", "a"): 12, ("raw", "b"): 11, ("raw", "c"): 12, ("equal", ""): 12
    }  # fmt: skip


def test_a_fraction_of_the_rows_is_drawn_with_the_seed(tmp_path):
    write_study(tmp_path)
    table = pd.read_csv(tmp_path / "table.csv").query("part != 'landscape'")
    table.to_csv(tmp_path / "all.csv", index=False)
    choice = DataChoice(
        str(tmp_path / "all.csv"), "y", ("x", "z"), ("a", "b", "c"), test_fraction=0.25
    )
    one, same, other = (load_split_table(choice, seed) for seed in (1, 1, 2))
    assert {s: len(r.frame) for s, r in one.parts.items()} == {"train": 32, "test": 10}
    assert one.parts["test"].frame.equals(same.parts["test"].frame)
    assert not one.parts["test"].frame.equals(other.parts["test"].frame)


def test_rows_without_any_model_are_left_out(tmp_path):
    study = read_study(write_study(tmp_path))
    table = pd.read_csv(tmp_path / "table.csv")
    whole = load_split_table(study.data, 1)
    table.loc[[6, 35], list(whole.models)] = np.nan
    table.to_csv(tmp_path / "table.csv", index=False)
    fewer = load_split_table(study.data, 1)
    assert f"2 of {len(table)} rows are left out, those where no model has a value" in fewer.notes
    count = {name: len(part.frame) for name, part in fewer.parts.items()}
    assert count == {
        name: len(part.frame) - (name in {"train", "test"}) for name, part in whole.parts.items()
    }
    # a share of the rows for testing is one of those that can be used
    table[table["part"] != "landscape"].to_csv(tmp_path / "table.csv", index=False)
    drawn = replace(study.data, split=None, test_fraction=0.5)
    parts = load_split_table(drawn, 1).parts
    assert {name: len(part.frame) for name, part in parts.items()} == {"train": 20, "test": 20}
    for name in ("test", "train"):
        table.loc[table["part"] == name, list(whole.models)] = np.nan
        table.to_csv(tmp_path / "table.csv", index=False)
        if name == "test":
            notes = load_split_table(study.data, 1).notes
            assert "all 12 test rows lack a value of every model: none is left" in notes
        else:
            with pytest.raises(InputError, match="all 30 train rows lack a value of every model"):
                load_split_table(study.data, 1)


def test_training_rows_that_are_too_many_are_predicted_unseen(tmp_path):
    study = read_study(write_study(tmp_path))
    full = load_split_table(study.data, 1)
    fewer = load_split_table(replace(study.data, n_train=20), 1)
    train, landscape = fewer.parts["train"], fewer.parts["landscape"]
    assert (len(train.frame), len(landscape.frame)) == (20, len(full.parts["landscape"].frame) + 10)
    assert landscape.y is None
    whole = pd.concat([full.parts[s].frame for s in ("train", "landscape")])
    parts = pd.concat([train.frame, landscape.frame])
    assert sorted(map(tuple, whole.to_numpy())) == sorted(map(tuple, parts.to_numpy()))
    assert any("20 of 30 train rows are used" in note for note in fewer.notes)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("part", "tset", "must hold train, test, landscape, and has 'tset' at row 3"),
        ("y", np.inf, "at row 3"),
        ("u", -1.0, "at row 3"),
    ],
)
def test_a_bad_value_is_named_by_its_row_in_the_file(tmp_path, capsys, column, value, message):
    study = write_study(tmp_path)
    table = pd.read_csv(tmp_path / "table.csv")
    table.loc[2, column] = value
    table.to_csv(tmp_path / "table.csv", index=False)
    assert run(study, tmp_path / "out") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_shipped_studies_are_valid():
    for path in sorted((Path(__file__).parents[2] / "studies").glob("*.toml")):
        study = read_study(path)
        local = {name for name, method in METHODS.items() if method.local}
        few = {"nuclear-long": local}
        few |= dict.fromkeys(("nuclear-edges", "nuclear-mixtures", "nuclear-sampled"), set())
        asked = few.get(path.stem, set(METHODS))
        # the paper knows nothing of these
        assert asked - {"lbmm-lgp", "signed-gp", "stacked", "auto"} <= set(study.run)


def test_two_other_tables_of_one_target_are_refused(tmp_path, capsys):
    along = "\n".join(f'"{name}.csv" = "x"' for name in ("table", "one", "two"))
    section = f'[threshold]\nmethods = ["equal"]\n[threshold.along]\n{along}\n'
    path = write_study(tmp_path, STUDY + section)
    for name in ("one", "two"):
        (tmp_path / f"{name}.csv").write_text((tmp_path / "table.csv").read_text())
    assert run(path, tmp_path / "out") == 2
    assert "differ in their targets, which are y, y; keep one" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_dates_are_printed_as_dates_and_come_back_as_dates(tmp_path):
    """Through run, report, fit and predict, under names that a reader may take for no names."""
    names = {"a": "null", "b": "NA", "c": "None", "y": "target <y>", "x": "time of $day^$"}
    table = frame().rename(columns=names)
    days = pd.date_range("2013-12-20", periods=len(table), freq="18h")
    table[names["x"]] = days.strftime("%d.%m.%Y %H:%M")
    table.to_csv(tmp_path / "table.csv", index=False, sep=";", decimal=",")
    text = STUDY.replace('"raw:c"', '"raw:None"').replace('target = "y"', 'target = "target <y>"')
    text = text.replace('["a", "b", "c"]', '["null", "NA", "None"]')
    text = text.replace('["x", "z"]', '["time of $day^$", "z"]')
    (tmp_path / "study.toml").write_text(text + '[exhibits]\nplaces = "domains"\n')
    out = tmp_path / "out"
    assert run(tmp_path / "study.toml", out, "--only", "raw,equal,simplex-ls") == 0
    assert main(["report", str(out), "--quiet"]) == 0
    predictions = pd.read_csv(out / "predictions.csv", keep_default_na=False)
    one = predictions[predictions["method"] == "equal"]
    assert list(pd.to_datetime(one[names["x"]], format="ISO8601")) == list(days)
    assert one[names["x"]].iloc[0] == "2013-12-20"
    assert one[names["x"]].iloc[1] == "2013-12-20T18:00:00"
    pairs = pd.read_csv(out / "pairs.csv", keep_default_na=False)
    assert "raw:None" in set(pairs["a"])
    assert json.loads((out / "scores.json").read_text())["data"]["kinds"] == {
        names["x"]: "date",
        "z": "number",
    }
    columns = ["--coords", f"{names['x']},z", "--models", "null,NA,None", "--target", names["y"]]
    fitted, kept = str(tmp_path / "fitted"), table.drop(columns="part")
    kept.iloc[:30].to_csv(tmp_path / "old.csv", index=False)
    argv = ["fit", str(tmp_path / "old.csv"), *columns, "--method", "simplex-ls", "--out", fitted]
    assert main([*argv, "--quiet"]) == 0
    for ending in ("csv", "parquet", "nc"):
        again = kept.assign(**{names["x"]: days})
        write_frame(again, tmp_path / f"new.{ending}")
        argv = ["predict", fitted, str(tmp_path / f"new.{ending}"), "--quiet"]
        assert main([*argv, "--out", str(tmp_path / f"p.{ending}")]) == 0
        back = read_frame(tmp_path / f"p.{ending}")
        assert list(pd.to_datetime(back[names["x"]], format="ISO8601")) == list(days)


def test_rows_without_an_observation_are_predicted_in_fit_as_in_run(tmp_path, capsys):
    table = frame().iloc[:30].drop(columns="part")
    table.loc[[4, 7], "y"] = np.nan
    table.loc[9, "y"] = -9999
    table.to_csv(tmp_path / "table.csv", index=False)
    argv = ["fit", str(tmp_path / "table.csv"), "--target", "y", "--coords", "x,z"]
    argv += ["--models", "a,b,c", "--method", "equal", "--out", str(tmp_path / "out")]
    assert main(argv) == 0
    said = capsys.readouterr().err
    assert "2 of 30 train rows have no y: they are predicted, as part of the landscape" in said
    assert "target 'y' is -9999 at 1 of 28 rows" in said
    assert main([*argv, "--missing", "-9999"]) == 0
    said = capsys.readouterr().err
    assert "y holds a mark of missing values at 1 row" in said
    assert "27 train, 3 landscape rows" in said
    found = pd.read_csv(tmp_path / "out/predictions.csv", converters={"x": float})  # every digit
    unseen = found[found["split"] == "landscape"]
    assert list(unseen["x"]) == list(table["x"].iloc[[4, 7, 9]])
    assert unseen["observed"].isna().all()
    assert unseen["mean"].notna().all()


def test_a_long_table_is_that_table(tmp_path):
    """The same files from one row a model and site as from one column a model."""
    wide = frame()
    long = wide.melt([c for c in wide if c not in "abc"], ["a", "b", "c"], "team", "forecast")
    long.sample(frac=1, random_state=0).to_csv(tmp_path / "long.csv", index=False)
    study = write_study(tmp_path, STUDY.replace('"simplex-ls+gp", ', "").partition("[compare]")[0])
    data = read_study(study).data
    named = LongColumns(model="team", value="forecast")
    loaded = load_split_table(replace(data, table=str(tmp_path / "long.csv"), long=named), 0)
    plain = load_split_table(data, 0)
    for split, part in plain.parts.items():
        one, other = (p.frame.assign(y=p.y) for p in (part, loaded.parts[split]))
        order = list(one.columns)
        pd.testing.assert_frame_equal(
            one.sort_values("x", ignore_index=True).reindex(columns=order),
            other.sort_values("x", ignore_index=True).reindex(columns=order),
        )
    assert "150 rows, one a model, are 50 rows, one a site" in loaded.notes


@pytest.mark.parametrize("name", ["mean", "model", "split", "sd", "row", "method", "observed"])
def test_a_coordinate_with_the_name_of_an_output_is_refused_at_once(name):
    data = DataChoice("data:liquid-drop", coords=(name, "N"))
    with pytest.raises(InputError, match=f"the coordinate '{name}' has the name of a column of"):
        load_split_table(data, 0)


def test_sites_that_agree_in_ten_digits_stay_apart(tmp_path):
    table = frame().iloc[:30].drop(columns="part")
    table["x"] = 2460000.5 + np.arange(30) / 86400 / 7
    shift = 429228004229874.0
    table[["a", "b", "c", "y"]] += shift
    table.to_csv(tmp_path / "table.csv", index=False)
    argv = ["fit", str(tmp_path / "table.csv"), "--target", "y", "--coords", "x,z", "--quiet"]
    argv += ["--models", "a,b,c", "--method", "equal", "--out", str(tmp_path / "out")]
    assert main(argv) == 0
    digits = {"x": float, "observed": float}
    found = pd.read_csv(tmp_path / "out/predictions.csv", converters=digits)
    assert list(found["x"]) == list(table["x"])
    assert list(found["observed"]) == list(table["y"])
    mean = table[["a", "b", "c"]].sub(shift).mean(axis=1)
    np.testing.assert_allclose(found["mean"] - shift, mean, atol=0.13)
