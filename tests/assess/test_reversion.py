import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import softmax

from dirimix.assess.options import Reversion
from dirimix.assess.reversion import known_within, reversion_tables
from dirimix.assess.site_tables import nearest
from dirimix.errors import InputError
from dirimix.estimators.fitted import FittedMethod
from dirimix.study.entries import read_entries
from dirimix.table.split import Part, SplitTable
from stand_ins import Reporting

MODELS = ("a", "b", "c")
RHO = np.array([2.0, 4.0])
GAMMA = np.array([1.0, 0.0, -1.0])


class Forgetting(Reporting):
    """log alpha = gamma + bump exp(-d^2 / 2) + prior deviation, d in length scales."""

    models = MODELS

    def __init__(self, bump=4.0, spread=0.5, s=400, train=None):
        self.bump, self.spread, self.train = bump, spread, train
        self.rng = np.random.default_rng(0)
        draws = {
            "rho": (("chain", "draw", "coordinate"), np.tile(RHO, (2, s // 2, 1))),
            "gamma": (("chain", "draw", "model"), np.tile(GAMMA, (2, s // 2, 1))),
            "eta": (("chain", "draw", "model"), np.full((2, s // 2, 3), spread)),
        }
        self.posterior_ = xr.DataTree.from_dict({"posterior": xr.Dataset(draws)})
        self.s = s

    def predict_weights(self, frame):
        x = frame[["z", "x"]].to_numpy()
        seen = np.exp(-0.5 * nearest(x, np.asarray(self.train), RHO) ** 2)[:, None]
        free = self.spread * np.sqrt(1 - seen**2)
        noise = self.rng.standard_normal((self.s, len(x), 3))
        weights = softmax(GAMMA + self.bump * seen * [0, 0, 1] + free * noise, axis=-1)
        return pd.DataFrame(weights.mean(axis=0), frame.index, list(MODELS))


def data():
    z, x = (v.ravel() for v in np.meshgrid(np.arange(0.0, 40, 2), np.arange(0.0, 60, 2)))
    frame = pd.DataFrame({"z": z, "x": x, "a": 1.0, "b": 2.0, "c": 3.0})
    seen = (z < 8) & (x < 12)
    frame.loc[~seen & (x > 50), "b"] = np.nan
    train = Part(frame.loc[seen].reset_index(drop=True), np.zeros(seen.sum()), None)
    return SplitTable("t", ("z", "x"), MODELS, "y", None, {"train": train}, everywhere=frame)


def tables(tolerance=0.05, **kinds):
    whole = data()
    train = whole.parts["train"].frame[["z", "x"]].to_numpy()
    member = Forgetting(train=train, **kinds)
    fitted = FittedMethod("lbmm-gpd", ("z", "x"), MODELS, "y", None, member)
    return reversion_tables(fitted, whole, Reversion(tolerance, 0.95))


def test_the_far_field_is_the_mean_of_the_prior_deviations():
    found = tables()["reversion"].set_index("model")
    rng = np.random.default_rng(9)
    expected = softmax(GAMMA + 0.5 * rng.standard_normal((200_000, 3)), axis=1).mean(axis=0)
    np.testing.assert_allclose(found["far_field"], expected, atol=0.005)
    np.testing.assert_allclose(found["at_gamma"], softmax(GAMMA), rtol=1e-9)
    assert found["far_field"].sum() == pytest.approx(1)


def test_the_distance_is_where_the_bump_has_faded():
    """The weight of c is within 0.05 of its far field once 4 exp(-d^2 / 2) is about 0.5."""
    found = tables()["reversion"].set_index("model")
    sites = tables()["reversion_sites"].query("model == 'c'")
    clean = softmax(
        GAMMA + np.outer(4 * np.exp(-0.5 * sites["distance"].to_numpy() ** 2), [0, 0, 1]), axis=1
    )[:, 2]
    near = sites.loc[np.abs(clean - softmax(GAMMA)[2]) > 0.05, "distance"].max()
    # one straggler of twenty may lie farther, and the weights are means of 400 draws
    assert found.loc["c", "distance"] == pytest.approx(near, abs=0.3)
    assert 1.5 < found.loc["c", "distance"] < 3
    assert found["farthest"].iloc[0] == sites["distance"].max()


def test_a_sharper_tolerance_is_reached_later():
    loose, sharp = (tables(t, spread=0.01)["reversion"].set_index("model") for t in (0.2, 0.01))
    assert loose.loc["c", "distance"] < sharp.loc["c", "distance"]


def test_a_map_that_never_saw_anything_has_reverted_everywhere():
    found = tables(bump=0.0, spread=0.1)
    assert (found["reversion"]["distance"] == 0).all()
    assert found["reversion_sites"]["reverted"].mean() > 0.999


def test_a_map_that_never_forgets_has_no_distance():
    """The control: a weight that differs from the far field at the farthest sites."""
    distance = np.linspace(0, 5, 50)
    assert np.isnan(known_within(distance, distance < 1, 0.95))
    assert np.isnan(known_within(distance, np.zeros(50, dtype=bool), 0.95))


def test_a_few_stragglers_do_not_count():
    distance = np.arange(200.0)
    gone = distance > 100
    gone[[150, 190]] = False
    assert known_within(distance, gone, 0.95) == 100
    gone[[148, 149]] = False
    assert known_within(distance, gone, 0.95) == 150


def test_sites_without_some_model_count_and_every_site_has_a_line():
    sites = tables()["reversion_sites"]
    assert len(sites) == 600 * 3
    train = sites.query("z < 8 and x < 12")
    assert (train["distance"] == 0).all()
    assert (train["standardised"] == 0).all()


def on_the_globe():
    """Sites round the equator, seen on both sides of the date line."""
    lon = np.arange(-180.0, 180.0, 4)
    frame = pd.DataFrame({"lon": lon, "lat": 0.0, "a": 1.0, "b": 2.0, "c": 3.0})
    seen = np.abs(lon) > 170
    train = Part(frame.loc[seen].reset_index(drop=True), np.zeros(seen.sum()), None)
    coords = ("lon", "lat")
    return SplitTable(
        *("t", coords, MODELS, "y", None, {"train": train}), everywhere=frame, geo=coords
    )


def test_distances_are_those_on_the_globe_and_far_fields_ask_for_no_place_beyond_it():
    whole = on_the_globe()
    places = whole.space.embed(whole.everywhere[["lon", "lat"]].to_numpy())
    near = whole.space.embed(whole.parts["train"].frame[["lon", "lat"]].to_numpy())

    class Round(Forgetting):
        def predict_weights(self, frame):
            assert frame["lon"].between(-360, 360).all()
            return pd.DataFrame(np.full((len(frame), 3), 1 / 3), frame.index, list(MODELS))

    member = Round()
    dataset = member.posterior_["posterior"].to_dataset().isel(coordinate=[0])
    member.posterior_ = xr.DataTree.from_dict({"posterior": dataset})
    fitted = FittedMethod("lbmm-gpd", ("lon", "lat"), MODELS, "y", None, member)
    sites = reversion_tables(fitted, whole, Reversion())["reversion_sites"].query("model == 'a'")
    gap = np.linalg.norm(places[:, None] - near[None], axis=-1).min(axis=1)
    np.testing.assert_allclose(sites["distance"], gap / RHO[0])
    # 176 degrees east is next to the sites across the date line
    assert sites.set_index("lon").loc[168.0, "distance"] < 4.1 / RHO[0]


def test_other_methods_have_no_reversion():
    whole = data()
    plain = FittedMethod("equal", ("z", "x"), MODELS, "y", None, Reporting())
    assert reversion_tables(plain, whole, Reversion()) == {}
    member = Forgetting()
    member.posterior_ = xr.DataTree.from_dict({"posterior": xr.Dataset({"beta": 1.0})})
    linear = FittedMethod("lbmm-gld", ("z", "x"), MODELS, "y", None, member)
    assert reversion_tables(linear, whole, Reversion()) == {}


@pytest.mark.parametrize(
    ("raw", "message"),
    [({"tolerance": 2}, "lie between 0 and 1"), ({"tolerant": 0.1}, "did you mean 'tolerance'")],
)
def test_a_bad_section_is_refused_in_words(raw, message):
    with pytest.raises(InputError, match=message):
        read_entries(raw, "reversion")
