import numpy as np
import pandas as pd
import pytest

from dirimix import scores
from dirimix.assess.comparison import pair_rows, score_rows
from dirimix.assess.ranking import ranking, unlike_rows
from dirimix.assess.schema import LEVELS, SCORE_WORDS, TABLES
from dirimix.laws.bootstrap import Bootstrap
from dirimix.laws.normal_mixture import NormalMixture
from dirimix.scores import SCORES, points_of, score_points, score_row

BOOTSTRAP = Bootstrap(seed=1, n_boot=400)


def points(method, error, cluster=None, split="test", model="", weights="field"):
    error = np.asarray(error, dtype=float)
    row = np.arange(len(error))
    return pd.DataFrame(
        {
            "method": method, "model": model, "split": split, "weights": weights, "row": row,
            "cluster": row if cluster is None else cluster, "error": error,
            "log_score": -(error**2), "crps": np.abs(error), "pit": 1 / (1 + np.exp(error)),
        }
    )  # fmt: skip


def test_scores_from_points_are_those_of_the_law():
    rng = np.random.default_rng(3)
    law = NormalMixture.of_draws(rng.normal(size=(20, 40)), 0.7)
    y = rng.normal(size=40)
    points = points_of(law, y)
    found = score_points(points, BOOTSTRAP, clusters=np.arange(40))
    expected = score_row(law, y, seed=1, n_boot=400)
    for name in ("n", "rms", "mae", "crps", "log_score", "coverage_68", "below_median"):
        assert found[name] == pytest.approx(expected[name], rel=1e-12)
    # a row that is its own cluster is independent
    assert found == expected


def test_independent_rows_have_the_bands_of_the_law_and_clusters_others():
    rng = np.random.default_rng(3)
    law = NormalMixture.of_draws(rng.normal(size=(20, 40)), 0.7)
    y = rng.normal(size=40)
    points = points_of(law, y)
    expected = score_row(law, y, seed=1, n_boot=400)
    assert score_points(points, BOOTSTRAP) == expected
    clustered = score_points(points, BOOTSTRAP, clusters=np.arange(40) // 4)
    assert clustered["rms"] == expected["rms"]
    assert all(clustered[n] != expected[n] for n in ("rms_lo", "crps_hi", "coverage_90_lo"))


def test_every_score_has_words_and_columns():
    assert list(SCORES) == list(SCORE_WORDS)
    assert scores.LEVELS == LEVELS
    columns = TABLES["scores"].columns()
    assert [c for c in columns if c in SCORES] == list(SCORES)
    assert [name for name, words in SCORE_WORDS.items() if words.gain] == ["log_score"]


def test_every_method_model_split_and_weights_has_a_row():
    table = pd.concat(
        [points("a", [1, 2]), points("a", [1, 3], weights="site"), points("b", [1], model="m")]
    )
    rows = score_rows(table, BOOTSTRAP)
    assert list(zip(rows["method"], rows["model"], rows["weights"], strict=True)) == [
        ("a", "", "field"), ("a", "", "site"), ("b", "m", "field")
    ]  # fmt: skip


def test_differences_are_on_common_rows_of_every_common_split():
    a = pd.concat([points("a", [1, 2, 5]), points("a", [0, 0], split="blocks")])
    b = pd.concat([points("b", [1, 1]), points("b", [3, 3], split="blocks")])
    found = pair_rows([("a", "b"), ("a", "absent")], pd.concat([a, b]), BOOTSTRAP)
    rms = found[found["score"] == "rms"].set_index("split")
    assert rms.loc["test", "n"] == 2
    assert rms.loc["test", "difference"] == pytest.approx(np.sqrt(2.5) - 1)
    assert rms.loc["blocks", "difference"] == -3
    assert set(found["split"]) == {"test", "blocks"}


def test_leave_one_out_compares_the_log_score_only():
    table = pd.concat([points(m, [e, 2 * e, 1]) for m, e in (("a", 1), ("b", 2))])
    table[["error", "crps", "pit"]] = np.nan
    found = pair_rows([("a", "b")], table, BOOTSTRAP)
    assert list(found["score"]) == ["log_score"]
    assert set(ranking(table, BOOTSTRAP)["score"]) == {"log_score"}


def test_a_real_difference_is_told_and_none_is_not():
    rng = np.random.default_rng(2)
    base = rng.standard_normal(300)
    table = pd.concat(
        [points("a", base), points("b", rng.permutation(base)), points("c", 2 * base)]
    )
    found = pair_rows([("c", "a"), ("b", "a")], table, BOOTSTRAP).set_index(["a", "score"])
    assert found.loc[("c", "rms"), "lo"] > 0.5
    assert found.loc[("b", "rms"), "lo"] < 0 < found.loc[("b", "rms"), "hi"]


def test_the_ranking_follows_the_scores_and_knows_when_it_does_not_know():
    rng = np.random.default_rng(4)
    base = rng.standard_normal(300)
    table = pd.concat(
        [points("c", 2 * base), points("a", base), points("b", rng.permutation(base) * 1.001)]
    )
    found = ranking(table, BOOTSTRAP)
    for score in ("rms", "crps", "log_score"):
        rows = found[found["score"] == score].set_index("method")
        assert list(rows.index) == ["a", "b", "c"]
        assert list(rows["rank"]) == [1, 2, 3]
        assert rows.loc["c", "rank_lo"] == 3
        assert (rows.loc["a", "rank_lo"], rows.loc["a", "rank_hi"]) == (1, 2)
        assert rows.loc["c", "share_best"] == 0
        assert rows["share_best"].sum() == pytest.approx(1)
        assert set(rows["best"]) == {"a"}


def missing(table, rows):
    """The points without some rows."""
    return pd.DataFrame(table.loc[~table["row"].isin(rows)])


def test_methods_are_ranked_on_their_common_rows_and_what_they_lack_is_said():
    rng = np.random.default_rng(0)
    base = rng.standard_normal(60)
    base[:4] = 30.0
    best = missing(points("raw", 0.5 * base, model="c"), [0, 1, 2, 3])
    table = pd.concat([points("a", 0.9 * base), points("b", base), best])
    found = ranking(table, BOOTSTRAP)
    rms = found[found["score"] == "rms"].set_index("model")
    assert list(rms["method"]) == ["raw", "a", "b"]
    assert set(found["n"]) == {56}
    assert set(found["rows"]) == {60}
    assert rms.loc["c", "value"] == pytest.approx(0.5 * np.sqrt(np.mean(base[4:] ** 2)))
    assert unlike_rows(table) == (
        "the ranking under test is on 56 of 60 rows, those that all ranked methods predict "
        "(raw c lacks 4)",
    )
    assert unlike_rows(missing(table, [0, 1, 2, 3])) == ()


def test_a_method_that_would_leave_too_few_rows_is_not_ranked_and_named():
    few = missing(points("raw", np.zeros(10), model="few"), range(6))
    other = missing(points("raw", np.zeros(10), model="other"), [6])
    table = pd.concat([few, other, points("a", np.arange(10)), points("b", np.ones(10))])
    found = ranking(table, BOOTSTRAP)
    assert set(found["model"]) == {"", "other"}
    assert set(found["n"]) == {9}
    lacks, left_out = unlike_rows(table)
    assert "on 9 of 10 rows" in lacks
    assert lacks.endswith("(raw other lacks 1)")
    assert left_out.startswith("raw few is not ranked under test: it leaves fewer than half")
    assert ranking(few, BOOTSTRAP).empty


def test_methods_that_are_the_same_share_the_first_place():
    rng = np.random.default_rng(1)
    base = rng.standard_normal(40)
    rounded = points("b", base * (1 + 1e-13))
    found = ranking(pd.concat([points("a", base), rounded, points("c", 3 * base)]), BOOTSTRAP)
    for _, rows in found.groupby("score"):
        rows = rows.set_index("method")
        assert list(rows["rank"]) == [1, 1, 3]
        assert list(rows["share_best"]) == [0.5, 0.5, 0.0]
        assert list(rows["rank_lo"]) == list(rows["rank_hi"]) == [1, 1, 3]
        assert rows.loc["b", ["difference_lo", "difference_hi"]].abs().max() < 1e-9


def test_a_method_with_an_infinite_score_is_last_wherever_its_row_is_drawn():
    base = points("a", np.random.default_rng(4).normal(0, 1, 40))
    better = base.assign(method="b", log_score=base["log_score"] + 1)
    better.loc[3, "log_score"] = -np.inf
    found = ranking(pd.concat([base, better]), BOOTSTRAP)
    rows = found.loc[found["score"] == "log_score"].set_index("method")
    assert list(rows["rank"]) == [1, 2]
    # b is first in the resamples without that row, the share 1 / e of them
    drawn = (1 - 1 / 40) ** 40
    error = np.sqrt(drawn * (1 - drawn) / BOOTSTRAP.n_boot)
    assert rows.loc["b", "share_best"] == pytest.approx(drawn, abs=4 * error)
    assert rows.loc["b", "rank_hi"] == rows.loc["a", "rank_hi"] == 2
    assert rows["share_best"].sum() == pytest.approx(1)


def test_ranks_over_the_resamples_hold_the_true_one():
    """Three methods of known order on 12 rows, often in another order by chance."""
    hits, ours, trials = 0, 0, 200
    for seed in range(trials):
        z = np.random.default_rng(seed).standard_normal((12, 3)) * [1.0, 1.2, 1.4]
        table = pd.concat([points(m, e) for m, e in zip("abc", z.T, strict=True)])
        found = ranking(table, Bootstrap(seed, 200))
        rows = found[found["score"] == "rms"].set_index("method")
        true = pd.Series([1, 2, 3], index=list("abc"))[rows.index]
        hits += np.mean((rows["rank_lo"] <= true) & (true <= rows["rank_hi"])) / trials
        ours += np.mean(rows["rank"] == true) / trials
    assert hits > 0.9
    assert ours < 0.8


def test_one_cluster_ranks_without_a_band():
    table = pd.concat([points(m, [e, e], cluster=0) for m, e in (("a", 1), ("b", 2))])
    found = ranking(table, BOOTSTRAP)
    assert found["share_best"].isna().all()
    assert found["difference_lo"].isna().all()
    assert list(found.loc[found["score"] == "rms", "method"]) == ["a", "b"]
