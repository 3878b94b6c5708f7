import json

import numpy as np
import pandas as pd
import pytest

from dirimix.cli.main import main
from dirimix.errors import InputError
from dirimix.study.parse import make_study, read_study
from stand_ins import STUDY, frame, register, run_study, write_study

VALIDATION = """
[validation.blocks]
scheme = "blocks"
size = [2.0, 2.5]
[validation.later]
scheme = "split"
cluster = [1.0, 5.0]
methods = ["equal", "ols"]
[validation.random]
scheme = "k-fold"
folds = 3
methods = ["equal", "raw"]
"""


def run(folder, text, *more) -> int:
    study = write_study(folder, text)
    return run_study(study, folder / "out", *more)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("validation")
    only = "raw,equal,ols,simplex-ls,simplex-ls+gp"
    assert run(folder, STUDY + VALIDATION, "--only", only) == 0
    return folder / "out"


def read(out, name):
    """A table of the output folder, '' where there is no model."""
    return pd.read_csv(out / f"{name}.csv", dtype={"model": str}).fillna({"model": ""})


def scores(out):
    return read(out, "scores")


def test_every_scheme_scores_its_methods_under_its_name(finished):
    table = scores(finished)
    methods = {s: set(table.loc[table["split"] == s, "method"]) for s in table["split"].unique()}
    every = {"raw", "equal", "ols", "simplex-ls", "simplex-ls+gp"}
    assert methods["blocks"] == methods["train"] == every
    assert methods["later"] == {"equal", "ols"}
    assert methods["random"] == {"equal", "raw"}
    counts = table.drop_duplicates("split").set_index("split")["n"]
    assert counts.to_dict() == {"train": 30, "test": 12, "blocks": 30, "later": 12, "random": 30}
    bands = table.set_index("split")[["rms_lo", "rms", "rms_hi"]]
    assert (np.diff(bands.loc["random"], axis=1) > 0).all()
    # four blocks are too few
    assert bands.loc["blocks", ["rms_lo", "rms_hi"]].isna().to_numpy().all()
    shares = table.set_index("split")[["coverage_90_lo", "coverage_90", "coverage_90_hi"]]
    assert (np.diff(shares.loc["blocks"], axis=1) >= 0).all()


def test_the_scores_of_an_unfitted_method_are_those_of_the_whole_table(finished):
    """Raw models learn a noise level only: their errors do not depend on the fold."""
    table = scores(finished).query("method == 'raw'").set_index(["model", "split"])["rms"]
    for model in "abc":
        assert table[model, "blocks"] == pytest.approx(table[model, "train"], rel=1e-9)
        assert table[model, "random"] == pytest.approx(table[model, "train"], rel=1e-9)


def test_the_own_split_is_scored_as_the_test_rows_with_other_bands(finished):
    table = scores(finished).query("method == 'ols' and weights == 'field'").set_index("split")
    assert table.loc["later", "rms"] == pytest.approx(table.loc["test", "rms"], rel=1e-9)
    assert table.loc["later", "rms_lo"] != table.loc["test", "rms_lo"]


def test_pairs_and_rankings_stand_under_every_scheme(finished):
    pairs = pd.read_csv(finished / "pairs.csv")
    assert set(pairs.loc[pairs["a"] == "simplex-ls+gp", "split"]) == {"train", "test", "blocks"}
    assert set(pairs.loc[pairs["a"] == "raw:c", "split"]) == {"train", "test", "blocks", "random"}
    clusters = pairs.drop_duplicates("split").set_index("split")["clusters"].to_dict()
    assert clusters["blocks"] == 4
    assert clusters["random"] == 30
    ranking = pd.read_csv(finished / "ranking.csv")
    assert set(ranking["split"]) == {"test", "blocks", "later", "random"}
    assert "train" not in set(ranking["split"])


def test_folds_have_a_line_each(finished):
    folds = read(finished, "folds")
    equal = folds[(folds["method"] == "equal") & (folds["split"] == "blocks")]
    assert equal["n"].sum() == 30
    assert len(equal) == 4
    pooled = np.sqrt(np.average(equal["rms"] ** 2, weights=equal["n"]))
    named = "method == 'equal' and split == 'blocks' and weights == 'field'"
    assert scores(finished).query(named)["rms"].item() == pytest.approx(pooled, rel=1e-8)


def test_every_number_of_the_schemes_is_in_scores_json(finished):
    numbers = json.loads((finished / "scores.json").read_text())
    assert {row["split"] for row in numbers["ranking"]} == {"test", "blocks", "later", "random"}
    assert len(numbers["folds"]) == len(pd.read_csv(finished / "folds.csv"))


def test_a_fold_never_sees_its_own_observations(tmp_path):
    """Spoiled observations change the fits of all folds but their own."""
    only = ("--only", "ols")
    assert run(tmp_path, STUDY + VALIDATION.partition("[validation.later]")[0], *only) == 0
    home = tmp_path / "out" / "validation" / "blocks"
    before = {p.name: pd.read_csv(p / "ols" / "pointwise.csv") for p in home.iterdir()}
    table = pd.read_csv(tmp_path / "table.csv")
    own = next(iter(before))
    spoiled = before[own]["row"].to_numpy()
    assert (table["part"].iloc[:30] == "train").all()
    table.loc[spoiled, "y"] += 5.0
    table.to_csv(tmp_path / "table.csv", index=False)
    study = tmp_path / "study.toml"
    out = tmp_path / "spoiled"
    assert run_study(study, out, *only) == 0
    after = {name: pd.read_csv(out / "validation/blocks" / name / "ols/pointwise.csv")
             for name in before}  # fmt: skip
    for name in before:
        shift = after[name]["error"] - before[name]["error"]
        if name == own:
            np.testing.assert_allclose(shift, -5.0, rtol=1e-9)
        else:
            assert np.abs(shift).max() > 0.01


def smooth_table(folder) -> None:
    """Models whose errors are smooth over a fine lattice, where neighbours tell all."""
    x, z = (a.ravel() for a in np.meshgrid(np.arange(12.0), np.arange(12.0)))
    rng = np.random.default_rng(1)
    truth = 0.1 * x + 0.05 * z
    table = pd.DataFrame({"x": x, "z": z, "y": truth + rng.normal(0, 0.02, 144), "u": 0.02})
    for i, name in enumerate("abc"):
        table[name] = truth + np.sin(0.5 * x + 2 * i) + np.cos(0.5 * z + i)
    table.assign(part="train").to_csv(folder / "table.csv", index=False)


@pytest.mark.slow
def test_neighbours_help_in_random_folds_and_not_in_blocks(tmp_path):
    text = STUDY.replace('"simplex-ls+gp"]', '"raw+gp"]').partition("[compare]")[0]
    text += """
[validation.blocks]
scheme = "blocks"
size = [6.0, 6.0]
methods = ["raw+gp"]
[validation.random]
scheme = "k-fold"
folds = 4
methods = ["raw+gp"]
"""
    study = write_study(tmp_path, text)
    smooth_table(tmp_path)
    out = tmp_path / "out"
    assert (
        main(["run", "--no-report", str(study), "--out", str(out), "--quiet", "--only", "raw+gp"])
        == 0
    )
    rms = scores(out).query("method == 'raw+gp'").set_index(["split", "model"])["rms"]
    for model in "abc":
        assert rms["random", model] < 0.05
        assert rms["blocks", model] > 3 * rms["random", model]


def test_resume_keeps_folds_and_redoes_those_of_a_changed_scheme(tmp_path, capsys):
    only = ("--only", "equal,raw")
    assert run(tmp_path, STUDY + VALIDATION, *only) == 0
    study = tmp_path / "study.toml"
    study.write_text((STUDY + VALIDATION).replace("folds = 3", "folds = 4"))
    out = tmp_path / "out"
    assert main(["run", "--no-report", str(study), "--out", str(out), "--resume", *only]) == 0
    told = capsys.readouterr().err
    assert "equal without blocks -2_0: already there" in told
    assert not [n for n in range(1, 5) if f"raw without random {n}: already there" in told]
    folds = pd.read_csv(out / "folds.csv")
    assert set(folds.loc[folds["split"] == "random", "fold"].astype(str)) == {"1", "2", "3", "4"}


def test_folds_that_have_not_converged_are_told(tmp_path, monkeypatch, capsys):
    register(monkeypatch)
    text = STUDY.replace('"equal", ', '"equal", "stand-in", ')
    text += VALIDATION.partition("[validation.later]")[0]
    text = text.replace("size = [2.0, 2.5]", 'size = [2.0, 2.5]\noptions = { outcome = "bad" }')
    assert run(tmp_path, text, "--only", "stand-in") == 3
    said = capsys.readouterr().err
    assert "not converged: stand-in without blocks -2_0, stand-in without blocks" in said
    assert said.count("(rhat above 1.01)") == 1  # that of all folds
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["methods"]["stand-in"]["converged"] is True
    assert manifest["converged"] is False
    folds = pd.read_csv(tmp_path / "out" / "folds.csv")
    assert not folds["converged"].any()
    assert main(["report", str(tmp_path / "out"), "--quiet"]) == 0
    page = (tmp_path / "out" / "report.html").read_text()
    banner = page[: page.index("<main>")]
    assert "<li>stand-in without blocks -2_0, stand-in without blocks" in banner
    assert banner.count("rhat above 1.01") == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('scheme = "blocks"', 'scheme = "block"', r"is one of blocks, .* \(did you mean 'blocks'"),
        ("size = [2.0, 2.5]", "", "needs size; a scheme of blocks is made by it"),
        ("size = [2.0, 2.5]", "size = [2.0, -1]", "size must be above 0, and it is -1"),
        ("folds = 3", "folds = 1", "folds must be a whole number of at least 2, not 1"),
        ("folds = 3", "folds = 3\nsize = [1, 1]", "unknown entry 'size'"),
        ("[validation.later]", "[validation.test]", "bears a name that other rows have"),
        ('["equal", "ols"]', '["equal", "old"]', r"'old', which \[methods\] run does not"),
        ("folds = 3", "folds = 3\noptions = { drows = 3 }", "has the option 'drows'"),
    ],
)
def test_a_bad_scheme_is_refused_in_words(tmp_path, old, new, message):
    assert old in VALIDATION
    with pytest.raises(InputError, match=message):
        read_study(write_study(tmp_path, STUDY + VALIDATION.replace(old, new, 1)))


def test_a_label_runs_a_method_twice(tmp_path):
    raw = {
        "data": {"table": "t.csv"},
        "methods": {"run": ["bma-laplace", "bma-laplace@few"]},
        "options": {
            "y_scale": 2,
            "bma-laplace": {"discrepancy": 1.0},
            "bma-laplace@few": {"n_evidence": 4},
        },
    }
    study = make_study(raw)
    first, second = (study.options_of(c) for c in study.choices())
    assert first == {"y_scale": 2, "discrepancy": 1.0}
    assert second == {"y_scale": 2, "discrepancy": 1.0, "n_evidence": 4}
    text = STUDY.replace('"equal",', '"equal", "equal@again",')
    assert run(tmp_path, text, "--only", "equal,equal@again") == 0
    table = scores(tmp_path / "out").set_index(["method", "split"])["rms"]
    assert table["equal", "test"] == table["equal@again", "test"]
    assert len(frame()) == 50


@pytest.mark.parametrize("name", ["equal@", "equal@Big", "equal@a b", "equal@a/b"])
def test_a_label_is_a_plain_word(name):
    with pytest.raises(InputError, match="is made of small letters, digits and hyphens"):
        make_study({"data": {"table": "t"}, "methods": {"run": [name]}})
