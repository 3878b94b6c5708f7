import numpy as np
import pandas as pd
import pytest

from dirimix.assess.weight_tables import effective_number, summarise, weight_tables
from dirimix.estimators.fitted import FittedMethod
from dirimix.table.split import Part, SplitTable
from stand_ins import Reporting

MODELS = ("a", "b", "c")


class Drawn(Reporting):
    """A mixture whose weight draws are given by a function of the frame."""

    models = MODELS

    def __init__(self, draw):
        self.draw = draw

    def draw_weights(self, frame):
        return self.draw(frame)


def data(n=30):
    frame = pd.DataFrame({"x": np.arange(n, dtype=float), **dict.fromkeys(MODELS, 1.0)})
    train = Part(frame, np.zeros(n), None)
    more = Part(frame.iloc[:4].assign(a=np.nan), None, None)
    return SplitTable("t", ("x",), MODELS, "y", None, {"train": train, "landscape": more})


def tables(name, draw):
    return weight_tables(FittedMethod(name, ("x",), MODELS, "y", None, Drawn(draw)), data())


def exchange(frame, s=4000):
    """a and b stand for each other, c is apart."""
    rng = np.random.default_rng(0)
    share = rng.uniform(0.2, 0.8, (s, 1))
    c = rng.uniform(0.1, 0.11, (s, 1))
    one = np.concatenate([(1 - c) * share, (1 - c) * (1 - share), c], axis=1)
    return np.repeat(one[:, None], len(frame), axis=1)


def test_the_effective_number_lies_between_one_and_all():
    weights = np.array([[1, 0, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3], [0.9, 0.05, 0.05]])
    np.testing.assert_allclose(effective_number(weights)[:3], [1, 2, 3])
    assert 1 < effective_number(weights)[3] < 2
    assert np.isnan(effective_number(np.array([1.2, -0.2, 0.0])))


def test_models_that_stand_for_each_other_are_anticorrelated():
    found = tables("gbmm-d", exchange)["correlations"].set_index(["model_a", "model_b"])
    assert found.loc[("a", "b"), "of_mean"] < -0.99
    assert found.loc[("a", "b"), "at_site"] < -0.99
    assert abs(found.loc[("a", "c"), "of_mean"]) < 0.1


def test_correlations_at_sites_may_cancel_in_the_mean():
    """At every other site the exchange runs the other way: the mean weight does not move."""

    def draw(frame):
        draws = exchange(frame)
        draws[:, 1::2] = draws[:, 1::2][..., [1, 0, 2]]
        return draws

    found = tables("lbmm-gpd", draw)["correlations"].set_index(["model_a", "model_b"])
    assert found.loc[("a", "b"), "at_site"] < -0.99
    assert found.loc[("a", "b"), "of_mean"] > 0.5


def test_a_global_mixture_has_one_row_a_split_without_site():
    found = tables("gbmm-d", exchange)
    assert list(found["weights"]["split"]) == ["train"] * 3 + ["landscape"] * 3
    assert found["weights"]["x"].isna().all()
    effective = found["effective"]
    assert list(effective["split"]) == ["train", "landscape"]
    assert effective["effective"].iloc[0] == effective["effective"].iloc[1]
    assert effective["q05"].iloc[0] < effective["effective"].iloc[0]


def test_a_local_mixture_has_a_row_a_site_and_one_over_all():
    def draw(frame):
        first = (frame["x"].to_numpy() < 15)[None, :, None]
        one = np.where(first, [1.0, 0, 0], [0, 1.0, 0])
        return np.repeat(one, 200, axis=0)

    found = tables("lbmm-gld", draw)["effective"]
    train = found[found["split"] == "train"]
    assert len(train) == 31
    np.testing.assert_allclose(train["effective"].iloc[:30], 1)
    # one model here and another there: two models over all
    overall = train[train["x"].isna()]
    assert overall["effective"].iloc[0] == pytest.approx(2)


def test_blocks_of_sites_add_up(monkeypatch):
    frame = data().parts["train"].frame
    rng = np.random.default_rng(1)
    draws = rng.dirichlet(np.ones(3), (300, 30))
    member = Drawn(lambda f: draws[:, f["x"].astype(int)])
    whole = summarise(member, frame)
    monkeypatch.setattr("dirimix.assess.weight_tables._SITES", 7)
    parts = summarise(member, frame)
    for name in ("mean", "sd", "band", "effective_band", "total", "at_site"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), atol=1e-12)


def test_single_models_have_no_weights():
    singles = FittedMethod("raw", ("x",), MODELS, "y", None, singles={"a": Drawn(exchange)})
    assert weight_tables(singles, data()) == {}
    assert "correlations" not in tables("equal", lambda f: exchange(f, 1))
