import pytest

from dirimix.assess.headline import headline_pair, in_order, judged_split, rivals, unjudged


def rows(names, split="test", score="log_score"):
    return [
        {"method": m, "rank": k + 1, "split": split, "score": score} for k, m in enumerate(names)
    ]


ORDER = ["bma-laplace", "raw", "lbmm-gpd", "simplex-ls", "equal"]
TABLE = [*rows(ORDER[::-1], score="rms"), *rows(ORDER), *rows(ORDER[::-1], "folds")]


def test_methods_are_judged_on_the_test_rows_else_by_the_first_scheme():
    assert judged_split(TABLE) == "test"
    assert judged_split(rows(ORDER, "folds")) == "folds"
    assert judged_split([]) is None
    # leave-one-out has the sampled methods alone, and is no choice of rows left out
    assert judged_split([*rows(ORDER, "psis-loo"), *rows(ORDER, "folds")]) == "folds"
    assert judged_split(rows(ORDER, "psis-loo")) is None
    assert [r["method"] for r in in_order(TABLE[::-1])] == ORDER
    assert [r["method"] for r in in_order(TABLE, "rms")] == ORDER[::-1]


def test_the_best_mixture_has_the_best_simple_weights_for_a_rival():
    assert rivals(TABLE) == (["bma-laplace", "lbmm-gpd"], ["simplex-ls", "equal"])
    assert headline_pair(TABLE) == ("bma-laplace", "simplex-ls")
    assert headline_pair(rows(["equal", "simplex-ls"])) is None
    assert headline_pair(rows(["raw", "lbmm-gpd"])) is None
    assert headline_pair([]) is None


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["equal", "lbmm-gpd", "lbmm-lgp+delta", "gbmm-d"], "lbmm-lgp+delta"),
        (["equal", "gbmm-l", "gbmm-d@wide", "bma-laplace"], "gbmm-d@wide"),
        (["equal", "bma-laplace", "raw"], "raw"),
        ([], None),
    ],
)
def test_where_no_rows_judge_the_last_local_method_is_shown(names, shown):
    assert unjudged(names) == shown
