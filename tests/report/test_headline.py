import json
from pathlib import Path

import pytest

from dirimix.report.headline import again, against_simple, best, convergence, coverage, widths
from dirimix.report.output import Law, Output
from dirimix.report.page import causes
from stand_ins import run_study, write_study


def rank(method, place, value, lo, hi, model=None, split="test"):
    return {
        "split": split, "score": "log_score", "method": method, "model": model, "n": 40,
        "rank": place, "value": value, "difference_lo": lo, "difference_hi": hi,
    }  # fmt: skip


ORDER = [
    rank("lbmm-gpd", 1, -0.5, 0.0, 0.0),
    rank("raw", 2, -0.6, -0.3, 0.1, "a"),
    rank("ols", 3, -0.9, -0.6, -0.2),
    rank("simplex-ls", 4, -1.0, -0.7, -0.3),
]


def pair(a, b, score, difference, lo, hi):
    return {"a": a, "b": b, "score": score, "split": "test", "n": 40,
            "difference": difference, "lo": lo, "hi": hi}  # fmt: skip


def study(**more):
    methods = [{"method": m, "converged": True} for m in ("raw", "ols", "simplex-ls", "lbmm-gpd")]
    numbers = {"methods": methods, "ranking": ORDER, "unconverged": {}, "loo": []}
    return numbers | {"sampling": [], "convergence": [], "scores": []} | more


def test_the_best_is_named_with_those_that_are_not_told_apart_from_it():
    tile = best(study(), {"a": "Model A"})
    assert (tile.value, tile.state, tile.verdict) == ("lbmm-gpd", "mind", "not alone")
    assert "not told apart from it: raw Model A" in tile.lines
    assert "3 comparisons with the best, with 90 % bands of their own" in tile.lines


def test_a_best_that_stands_apart_is_alone():
    clear = [row | {"difference_hi": -0.1} if row["rank"] > 1 else row for row in ORDER]
    assert best(study(ranking=clear), {}).verdict == "alone"


def test_a_best_that_has_not_converged_is_no_success():
    methods = [{"method": "lbmm-gpd", "converged": False}]
    assert best(study(methods=methods), {}).state == "bad"


def test_too_few_rows_tell_nothing():
    few = [row | {"difference_lo": None, "difference_hi": None} for row in ORDER]
    tile = best(study(ranking=few), {})
    assert (tile.state, tile.verdict) == ("plain", "too few rows to tell")


def test_without_rows_left_out_or_a_rival_nothing_is_best():
    row = {"method": "raw", "model": "a", "weights": "field", "log_score": -0.5, "n": 9}
    tile = best(study(ranking=[], scores=[row | {"split": "train"}]), {"a": "Model A"})
    assert (tile.state, tile.verdict, tile.value) == ("plain", "no rows to judge by", "not known")
    tile = best(study(ranking=[], scores=[row | {"split": "test"}]), {"a": "Model A"})
    assert (tile.verdict, tile.value) == ("nothing to compare with", "raw Model A")
    assert tile.lines == ("log score −0.500 on 9 test rows",)
    assert best(study(ranking=[]), {}) is None


@pytest.mark.parametrize(
    ("pairs", "verdict", "line"),
    [
        (
            [pair("lbmm-gpd", "ols", "log_score", 0.4, 0.2, 0.6)],
            "better",
            "+0.400 (+0.200 to +0.600)",
        ),
        # asked for the other way round
        ([pair("ols", "lbmm-gpd", "log_score", -0.4, -0.6, -0.2)], "better", "+0.400 (+0.200"),
        ([pair("lbmm-gpd", "ols", "rms", 0.4, 0.2, 0.6)], "worse", "rms +0.400"),
        ([pair("lbmm-gpd", "ols", "crps", -0.1, -0.3, 0.2)], "not told apart", "CRPS −0.100"),
    ],
)
def test_the_best_mixture_is_held_against_the_best_simple_weights(pairs, verdict, line):
    tile = against_simple(study(differences=pairs), {})
    assert (tile.value, tile.verdict) == ("lbmm-gpd against ols", verdict)
    assert line in tile.lines[0]
    assert tile.state == {"better": "good", "worse": "bad"}.get(verdict, "mind")


def test_without_simple_weights_nothing_is_compared():
    assert against_simple(study(ranking=ORDER[:2], differences=[]), {}) is None


def test_the_mixture_that_is_compared_is_the_one_that_is_called_best():
    order = [rank("lbmm-lgp", 1, -0.3, 0.0, 0.0), *(r | {"rank": r["rank"] + 1} for r in ORDER)]
    pairs = [pair(m, "ols", "log_score", 0.1, -0.1, 0.2) for m in ("lbmm-gpd", "lbmm-lgp")]
    numbers = study(ranking=order, differences=pairs)
    assert best(numbers, {}).value == "lbmm-lgp"
    tile = against_simple(numbers, {})
    assert (tile.value, tile.verdict) == ("lbmm-lgp against ols", "not told apart")
    assert "of 2 mixtures and 2 simple weights" in tile.lines[-1]
    methods = [{"method": "lbmm-lgp", "converged": False}]
    assert against_simple(numbers | {"methods": methods}, {}).state == "bad"


def test_a_single_model_that_comes_before_both_is_named():
    order = [rank("raw", 1, -0.3, 0.0, 0.0, "a"), rank("lbmm-gpd", 2, -0.4, -0.2, 0.0)]
    order += [rank("equal", 3, -0.5, -0.3, -0.1)]
    pairs = [pair("lbmm-gpd", "equal", "log_score", 0.1, 0.05, 0.2)]
    tile = against_simple(study(ranking=order, differences=pairs), {"a": "Model A"})
    assert tile.lines[-1] == "raw Model A comes before both"


MAIN = Law("lbmm-gpd", "", "lbmm-gpd")


def scored(split, share, lo, hi):
    return {"method": "lbmm-gpd", "model": None, "weights": "field", "split": split, "n": 40,
            "coverage_90": share, "coverage_90_lo": lo, "coverage_90_hi": hi,
            "below_median": 0.5, "below_median_lo": 0.4, "below_median_hi": 0.6}  # fmt: skip


def test_predictions_on_one_side_of_the_observations_are_pointed_out():
    row = scored("test", 0.9, 0.8, 0.95)
    high = row | {"below_median": 0.97, "below_median_lo": 0.9, "below_median_hi": 1.0}
    tile = coverage(study(scores=[high]), MAIN)
    assert tile.lines[-1] == "The predictions are too high: 0.97 of the rows lie below the median."
    assert "median" not in " ".join(coverage(study(scores=[row]), MAIN).lines)


@pytest.mark.parametrize(
    ("row", "state", "verdict"),
    [
        (scored("test", 0.9, 0.8, 0.95), "good", "not told apart from 90 %"),
        (scored("test", 0.7, 0.6, 0.85), "bad", "too narrow"),
        (scored("test", 1.0, 0.93, 1.0), "mind", "too wide"),
        (scored("train", 0.9, 0.8, 0.95), "mind", "not told apart from 90 %"),
        (scored("test", 0.9, None, None), "plain", "too few rows to tell"),
    ],
)
def test_intervals_are_judged_by_the_band_of_their_coverage(row, state, verdict):
    tile = coverage(study(scores=[row]), MAIN)
    assert (tile.state, tile.verdict) == (state, verdict)


def test_convergence_is_said_first_with_the_worst_of_each_check():
    sampled = [{"method": "lbmm-gpd", "converged": True, "divergences": 0}]
    worst = [{"rhat": 1.004, "ess_bulk": 900.0, "ess_tail": 700.0}]
    good = convergence(study(sampling=sampled, convergence=worst))
    assert (good.state, good.value) == ("good", "1 of 1 samplings")
    assert "R-hat 1.004, least effective sample size 700" in good.lines[0]
    methods = [{"method": "lbmm-gpd", "converged": False}]
    failed = [sampled[0] | {"converged": False}]
    alone = study(sampling=sampled, convergence=[dict.fromkeys(worst[0], None)])
    assert not any("R-hat" in line for line in convergence(alone).lines)  # of one chain
    bad = convergence(study(methods=methods, sampling=failed, convergence=worst))
    assert (bad.state, bad.verdict, bad.value) == ("bad", "not converged", "0 of 1 samplings")
    assert "lbmm-gpd" in bad.lines
    assert convergence(study()).verdict == "nothing to converge"


def test_fits_that_are_not_among_the_samplings_are_counted_apart():
    methods = [{"method": "lbmm-gpd", "converged": False}]
    sampled = [{"method": "lbmm-gpd", "converged": False, "divergences": 0}]
    sampled += [{"method": "lbmm-lgp", "converged": True, "divergences": 0}]
    more = {"lbmm-gpd of S2p": ["R-hat is 1.3"]}
    both = study(methods=methods, sampling=sampled, unconverged=more)
    tile = convergence(both)
    assert (tile.state, tile.value, tile.lines[0]) == ("bad", "1 of 2 samplings", "lbmm-gpd")
    line = "not counted here, 1 fit of other rows or targets: lbmm-gpd of S2p"
    assert tile.lines[1] == line
    alone = convergence(both | {"methods": [methods[0] | {"converged": True}]})
    assert (alone.state, alone.lines[0]) == ("bad", line)


def folder_of(numbers, sha256):
    """An output of a run of a study, as far as its banner reads it."""
    manifest = {"command": "run", "sha256": dict.fromkeys(sha256, "0")}
    return Output(Path("runs/my run"), numbers, manifest)


def test_the_command_that_goes_on_is_that_of_the_study():
    numbers = study(unconverged={"lbmm-gpd of S2p": ["R-hat"]})
    found = again(folder_of(numbers, ["my studies/s2n.toml", "table.csv"]))
    assert found.command == "dirimix run 'my studies/s2n.toml' --out 'runs/my run' --resume"
    assert found.words.startswith('Put what is to change under [options."lbmm-gpd"] in s2n.toml')
    methods = [{"method": m, "converged": False} for m in ("lbmm-gpd", "lbmm-gpd@long")]
    words = again(folder_of(study(methods=methods), ["s.toml"])).words
    assert '[options."lbmm-gpd"] and [options."lbmm-gpd@long"]' in words


def test_fits_of_the_same_reasons_are_told_together_and_of_many_the_first():
    methods = [{"method": "lbmm-gpd", "converged": False, "reasons": ["R-hat is 1.3"]}]
    methods += [{"method": "equal", "converged": True, "reasons": []}]
    folds = {f"lbmm-lgp without block {n}, 8 rows": ["at their mode"] for n in range(9)}
    data = {"labels": {}, "units": {}, "target": "y", "label": "y", "unit": "", "lines": {}}
    numbers = study(methods=methods, unconverged=folds, data=data)
    found = causes(Output(Path("run"), numbers, {}))
    assert found[0] == ("lbmm-gpd", ("R-hat is 1.3",))
    first = "; ".join(list(folds)[:4])
    assert found[1:] == [(f"{first}; 5 more", ("at their mode",))]


def test_the_manifest_has_the_path_of_the_study_as_it_was_given(tmp_path, monkeypatch):
    write_study(tmp_path)
    monkeypatch.chdir(tmp_path.parent)
    path = Path(tmp_path.name, "study.toml")
    for given, known in ((path, str(path)), (path.absolute(), "study.toml")):
        assert run_study(given, tmp_path / "out", "--only", "equal", "--resume") == 0
        manifest = json.loads((tmp_path / "out/manifest.json").read_text())
        assert next(iter(manifest["sha256"])) == known


def test_half_widths_are_of_the_test_rows_first():
    rows = [
        {"method": "lbmm-gpd", "model": None, "split": split, "half_width": width}
        for split, width in (("train", 0.5), ("test", 0.7), ("landscape", 1.5))
    ]
    tile = widths(study(widths=rows, data={"unit": "m"}), MAIN)
    assert tile.value == "± 0.700 m"
    assert "1.500 on rows without observation" in tile.lines
