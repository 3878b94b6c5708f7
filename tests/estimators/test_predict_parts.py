import numpy as np
import pandas as pd
import pytest

from dirimix import DirichletMixture, LatentMixture, LocalDirichletMixture, SingleModel
from dirimix.errors import InputError
from dirimix.estimators.pooling import PartDraws
from short_fits import SHORT

pytestmark = pytest.mark.filterwarnings("ignore::dirimix.errors.ConvergenceWarning")
MODE = {"inference": "mode", "draws": 60}


def table(n: int = 24) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(4)
    x = np.sort(rng.uniform(0, 10, n))
    a, b = rng.normal(0, 1, (2, n))
    frame = pd.DataFrame({"x": x, "a": a, "b": b}, index=np.arange(n) + 70)
    y = 0.7 * a + 0.3 * b + 0.5 * np.sin(x) + 0.1 * np.exp(0.5 * np.cos(x)) * rng.normal(0, 1, n)
    return frame, pd.Series(y, frame.index)


MIXTURES = {
    "delta": LatentMixture(["x"], ["a", "b"], discrepancy="delta", **MODE),
    "contrast": LatentMixture(["x"], ["a", "b"], discrepancy="contrast", noise="constant", **MODE),
    "routed": DirichletMixture(["x"], ["a", "b"], noise="local", **MODE),
    "global": DirichletMixture(["x"], ["a", "b"], **SHORT),
    "local": LocalDirichletMixture(["x"], ["a", "b"], field="linear", noise="local", **SHORT),
}

LONG = ("delta", "routed", "global")


@pytest.fixture(
    scope="module",
    params=[pytest.param(m, marks=[pytest.mark.slow] * (m in LONG)) for m in MIXTURES],
)
def fitted(request):
    return MIXTURES[request.param].fit(*table())


def test_mixture_and_discrepancy_add_to_the_prediction(fitted):
    frame, _ = table()
    parts = fitted.predict_parts(frame)
    assert list(parts.index) == list(frame.index)
    # weights of a local Dirichlet mixture scatter round their field in each draw of its prediction
    scatter = 0.2 if isinstance(fitted, LocalDirichletMixture) else 1e-12
    np.testing.assert_allclose(
        parts["mixture"] + parts["discrepancy"], fitted.predict(frame), atol=scatter
    )
    weights = fitted.draw_weights(frame)
    mixture = np.sum(weights * frame[["a", "b"]].to_numpy(), axis=-1)
    np.testing.assert_allclose(parts["mixture"], mixture.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(parts["mixture_sd"], mixture.std(axis=0), atol=1e-12)


def test_noise_and_discrepancy_at_the_training_sites_are_those_that_were_sampled(fitted):
    frame, _ = table()
    parts, posterior = fitted.predict_parts(frame), fitted.posterior_["posterior"]
    one_level = posterior["sigma"].mean().item()
    for name, fixed in (("noise", one_level), ("discrepancy", 0.0)):
        known = posterior.get(name)
        if known is None:
            np.testing.assert_allclose(parts[name], fixed, rtol=1e-9, atol=1e-12)
            continue
        mean, spread = (of(["chain", "draw"]).to_numpy() for of in (known.mean, known.std))
        # the little that the nodes of a field leave is drawn anew
        little = 0.02 * np.abs(mean).max()
        np.testing.assert_allclose(parts[name], mean, rtol=0, atol=little)
        np.testing.assert_allclose(parts[f"{name}_sd"], spread, rtol=0, atol=little)


def test_what_is_said_of_a_site_does_not_depend_on_the_others(fitted):
    frame, _ = table()
    away = frame.assign(x=frame["x"] + 0.37)
    one = fitted.predict_parts(away.iloc[[5]])
    pd.testing.assert_frame_equal(one, fitted.predict_parts(away).iloc[[5]], rtol=1e-12)


def test_only_what_follows_the_map_is_offered(fitted):
    follows = fitted.noise == "local" or getattr(fitted, "discrepancy", "none") != "none"
    assert (fitted.fit_report().parts is not None) == follows


def test_a_single_model_offers_its_noise():
    frame, y = table()
    single = SingleModel(["x"], ["a", "b"], "b", noise="local", **MODE).fit(frame, y)
    parts = single.fit_report().parts
    assert parts is not None
    found = parts(frame)
    np.testing.assert_array_equal(found["mixture"], frame["b"])
    assert (found["mixture_sd"] == 0).all()
    assert found["correlation"].isna().all()
    assert np.ptp(found["noise"]) > 0


def test_correlations_are_those_of_the_draws():
    rng = np.random.default_rng(0)
    mixture = rng.normal(5, 1, (400, 3))
    added = np.column_stack([-mixture[:, 0], rng.normal(0, 1, 400), np.full(400, 0.1)])
    summary = PartDraws(mixture, np.ones((400, 3)), added).summary()
    right = [np.corrcoef(mixture[:, i], added[:, i])[0, 1] for i in range(2)]
    np.testing.assert_allclose(summary["correlation"][:2], right)
    assert summary["correlation"][0] == pytest.approx(-1)
    # what never varies is correlated with nothing
    assert np.isnan(summary["correlation"][2])
    assert summary["discrepancy_sd"][2] == 0
    assert summary["discrepancy"][2] == 0.1


def test_parts_of_rows_without_an_index_are_numbered(fitted):
    frame, _ = table()
    columns = frame.loc[:, ["x", "a", "b"]]
    for rows in (columns.to_numpy(), columns.to_numpy().tolist()):
        parts = fitted.predict_parts(rows)
        assert parts.index.equals(pd.RangeIndex(len(frame)))
        np.testing.assert_array_equal(parts["mixture"], fitted.predict_parts(frame)["mixture"])


def test_a_table_without_a_models_column_is_refused():
    frame, y = table()
    mixture = LatentMixture(["x"], ["a", "b"], weights="simplex", noise="constant", **MODE)
    with pytest.raises(InputError, match="'b'"):
        mixture.fit(frame, y).predict_parts(frame.drop(columns="b"))
