import numpy as np
import pandas as pd
import pytest

from dirimix import scores
from dirimix.assess.comparison import pair_rows, ranking, score_rows
from dirimix.assess.schema import LEVELS, SCORE_WORDS, TABLES
from dirimix.errors import InputError
from dirimix.laws.bands import Bootstrap, band_of
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


def cover(n_clusters, size, whole, seed=0, trials=250):
    """How often a 90 % band holds the true mean, 0, of rows that share their cluster's error."""
    rng = np.random.default_rng(seed)
    hits = 0
    for trial in range(trials):
        values = np.repeat(rng.standard_normal(n_clusters), size)
        values = values + 0.3 * rng.standard_normal(len(values))
        labels = np.repeat(np.arange(n_clusters), size) if whole else np.arange(len(values))
        band = band_of(Bootstrap(trial, 300).means(values[:, None], labels)[:, 0])
        hits += band.lo <= 0 <= band.hi
    return hits / trials


def test_bands_of_whole_clusters_hold_the_truth_as_often_as_they_say():
    # binomial standard deviation 0.019; 30 clusters make the percentile band a little narrow
    assert 0.83 < cover(30, 10, whole=True) < 0.95


def test_bands_that_ignore_dependence_do_not():
    assert cover(30, 10, whole=False) < 0.6


def test_one_cluster_has_no_band():
    resamples = Bootstrap(0, 10).means(np.ones((5, 1)), np.zeros(5))
    assert np.isnan(band_of(resamples[:, 0]).lo)


def test_clusters_of_one_are_the_ordinary_bootstrap():
    values = np.random.default_rng(0).standard_normal(50)
    means = Bootstrap(0, 20000).means(values[:, None], np.arange(50))[:, 0]
    assert means.mean() == pytest.approx(values.mean(), abs=4 * values.std() / np.sqrt(50 * 20000))
    assert means.std() == pytest.approx(values.std() / np.sqrt(50), rel=0.03)


def test_large_clusters_weigh_by_their_rows():
    values = np.array([[0.0], [0.0], [0.0], [1.0]])
    means = Bootstrap(0).means(values, np.array([0, 0, 0, 1]))[:, 0]
    assert set(np.unique(means)) == {0.0, 0.25, 1.0}


def test_a_cluster_a_row_is_asked_for():
    with pytest.raises(InputError, match="one cluster a row is needed"):
        Bootstrap(0).means(np.ones((5, 1)), np.zeros(4))


def test_scores_from_points_are_those_of_the_law():
    rng = np.random.default_rng(3)
    law = NormalMixture.of_draws(rng.normal(size=(20, 40)), 0.7)
    y = rng.normal(size=40)
    points = points_of(law, y)
    found = score_points(points, BOOTSTRAP, clusters=np.arange(40))
    expected = score_row(law, y, seed=1, n_boot=400)
    for name in ("n", "rms", "mae", "crps", "log_score", "coverage_68", "below_median"):
        assert found[name] == pytest.approx(expected[name], rel=1e-12)
    assert list(found) == list(expected)
    width = expected["rms_hi"] - expected["rms_lo"]
    assert found["rms_hi"] - found["rms_lo"] == pytest.approx(width, rel=0.25)


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


def test_methods_that_miss_rows_are_not_ranked():
    table = pd.concat([points("a", [1, 2, 3]), points("b", [2, 2, 2]), points("c", [0.1, 0.1])])
    assert set(ranking(table, BOOTSTRAP)["method"]) == {"a", "b"}


def test_one_cluster_ranks_without_a_band():
    table = pd.concat([points(m, [e, e], cluster=0) for m, e in (("a", 1), ("b", 2))])
    found = ranking(table, BOOTSTRAP)
    assert found["share_best"].isna().all()
    assert found["difference_lo"].isna().all()
    assert list(found.loc[found["score"] == "rms", "method"]) == ["a", "b"]
