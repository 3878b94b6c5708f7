"""Fits in a transformed scale: the same fit as by hand, in the unit of y, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import dirimix
from dirimix.errors import ConvergenceWarning, InputError
from dirimix.estimators.transforms.choice import in_words
from dirimix.laws.transformed_mixture import TransformedMixture
from dirimix.laws.transforms import BoxCox
from dirimix.methods import parse_method
from short_fits import OPTIONS

MODELS = ["a", "b"]
SAMPLED = ("DirichletMixture", "LocalDirichletMixture")
every_mixture = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name in SAMPLED))
        for name in OPTIONS
        if name not in ("LatentMixture", "StackedMixture")
    ],
)
pytestmark = pytest.mark.filterwarnings(
    f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning"
)


def table(n: int = 24, *, noise: float = 0.2) -> pd.DataFrame:
    """Models with relative errors of a quantity over a few decades."""
    rng = np.random.default_rng(0)
    x = np.linspace(0, 4, n)
    truth = 3 * np.sin(x) + x
    columns = {"y": noise, "a": 0.3, "b": 0.5}
    found = {k: np.exp(truth + rng.normal(0, s, n)) for k, s in columns.items()}
    return pd.DataFrame({"x": x, **found, "err": 0.1 * found["y"]})


def logarithms(frame: pd.DataFrame) -> pd.DataFrame:
    by_hand = frame.assign(err=frame.err / frame.y)
    by_hand[["y", *MODELS]] = np.log(frame[["y", *MODELS]])
    return by_hand


def made(name: str, **more):
    return getattr(dirimix, name)(["x"], MODELS, **OPTIONS[name], random_state=3, **more)


_PAIRS = {}


def pair(name: str):
    """A mixture of the table in the scale of logarithms, and one of the logarithms."""
    if name not in _PAIRS:
        frame, by_hand = table(), logarithms(table())
        _PAIRS[name] = (
            made(name, y_transform="log").fit(frame, frame.y, frame.err),
            made(name).fit(by_hand, by_hand.y, by_hand.err),
        )
    return _PAIRS[name]


@every_mixture
def test_a_fit_in_logarithms_is_the_fit_to_logarithms_in_the_unit_of_y(name):
    frame, new = table(), table().assign(a=table().b, b=table().a)
    by_hand = logarithms(frame)
    there, here = pair(name)
    law, latent = there.predictive(new), here.predictive(logarithms(new))
    assert isinstance(law, TransformedMixture)
    np.testing.assert_allclose(law.latent.loc, latent.loc, rtol=1e-9)
    np.testing.assert_allclose(law.latent.scale, latent.scale, rtol=1e-9)
    np.testing.assert_allclose(
        there.predict_interval(new), np.exp(here.predict_interval(logarithms(new))), rtol=1e-9
    )
    np.testing.assert_allclose(
        law.logpdf(frame.y.to_numpy()), latent.logpdf(by_hand.y.to_numpy()) - by_hand.y, rtol=1e-9
    )
    # the mean is not that of the logarithm, mapped back
    assert np.all(there.predict(new) > np.exp(here.predict(logarithms(new))))
    np.testing.assert_allclose(there.predict_weights(new), here.predict_weights(new), rtol=1e-9)
    np.testing.assert_allclose(
        there.sample_y(new, 3), np.exp(here.sample_y(logarithms(new), 3)), rtol=1e-9
    )


@every_mixture
def test_evidence_and_posterior_are_of_y(name):
    frame = table()
    by_hand = logarithms(frame)
    there, here = (member.fit_report() for member in pair(name))
    if there.evidence is not None:
        rows = pair(name)[1].evidence_rows_
        shift = -by_hand.y.iloc[rows].sum()
        for column in ("log_evidence", "log_evidence_quadrature"):
            np.testing.assert_allclose(
                there.evidence[column], here.evidence[column] + shift, rtol=1e-9
            )
    if there.posterior is not None:
        np.testing.assert_allclose(there.posterior["observed_data"]["y"], frame.y, rtol=1e-12)
        np.testing.assert_allclose(there.posterior["constant_data"]["f"], frame[MODELS], rtol=1e-12)
        np.testing.assert_allclose(
            there.posterior["log_likelihood"]["y"],
            here.posterior["log_likelihood"]["y"] - by_hand.y.to_numpy(),
            rtol=1e-7,
        )
    if there.site_law is not None:
        np.testing.assert_allclose(
            there.site_law().ppf(0.5), np.exp(here.site_law().ppf(0.5)), rtol=1e-7
        )


@pytest.mark.parametrize("transform", ["log1p", "sqrt"])
def test_zeros_have_a_place(transform):
    frame = table()
    frame.loc[3, ["y", "a"]] = 0.0
    fitted = made("SimplexLeastSquares", y_transform=transform).fit(frame, frame.y, frame.err)
    law = fitted.predictive(frame)
    assert np.all(np.isfinite([law.mean(), law.std(), law.logpdf(frame.y.to_numpy())]))
    assert np.all(fitted.predict_interval(frame) >= 0)


def spoilt(row: int, column: str, value: float) -> pd.DataFrame:
    frame = table()
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("transform", "frame", "message"),
    [
        ("log", spoilt(4, "y", 0.0), "target 'y' must be above 0 for the transform 'log', and is "
         "0 at row 5; take 'log1p' or 'sqrt', which have a place for 0"),
        ("box-cox", spoilt(4, "b", 0.0), "model 'b' must be above 0 for the transform 'box-cox', "
         "and is 0 at row 5; take 'log1p' or 'sqrt', which have a place for 0"),
        ("log", spoilt(0, "a", -2.0), "model 'a' must be above 0 for the transform 'log', and is "
         "-2 at row 1; correct it, leave it out, or take no transform"),
        ("sqrt", spoilt(7, "y", -0.5), "target 'y' must be 0 or more for the transform 'sqrt', "
         "and is -0.5 at row 8; correct it, leave it out, or take no transform"),
        ("log1p", spoilt(7, "a", -0.5), "model 'a' must be 0 or more for the transform 'log1p', "
         "and is -0.5 at row 8; correct it, leave it out, or take no transform"),
    ],
)  # fmt: skip
def test_what_has_no_place_is_refused(transform, frame, message):
    for kind in (dirimix.EqualWeights, dirimix.GPCorrection):
        with pytest.raises(InputError) as caught:
            kind(["x"], MODELS, y_transform=transform).fit(frame, frame.y)
        assert str(caught.value) == message
        if "model" in message:
            fitted = kind(["x"], MODELS, y_transform=transform).fit(table(), table().y)
            predict = fitted.predict if kind is dirimix.EqualWeights else fitted.transform
            with pytest.raises(InputError) as caught:
                predict(frame)
            assert str(caught.value) == message


def test_an_unknown_transform_is_refused_and_transform_is_another_name():
    with pytest.raises(InputError, match=r"'sqrt', 'box-cox', not 'logs' \(did you mean"):
        made("EqualWeights", y_transform="logs").fit(table(), table().y)
    mixture = made("EqualWeights", transform="log")
    assert clone(mixture).get_params()["y_transform"] == "log"
    with pytest.raises(InputError, match="transform is another name of y_transform"):
        made("EqualWeights", transform="log", y_transform="log")
    plain = made("EqualWeights", y_transform="none").fit(table(), table().y)
    same = made("EqualWeights").fit(table(), table().y)
    np.testing.assert_array_equal(plain.predict(table()), same.predict(table()))


def with_power(power: float, seed: int, n: int = 400) -> pd.DataFrame:
    """Models whose errors are normal in the scale of a power of y."""
    rng = np.random.default_rng(seed)
    scale = BoxCox(power, 1.0)
    z = scale.to(rng.lognormal(3, 0.7, n))
    spread = 0.1 * np.std(z)
    columns = {k: scale.back(z + rng.normal(0, spread, n)) for k in ("y", *MODELS)}
    return pd.DataFrame({"x": np.arange(n), **columns})


@pytest.mark.parametrize("power", [0.0, 0.35, 0.7, 1.0])
def test_lambda_is_found_from_the_rows_whatever_their_unit(power):
    frame = with_power(power, seed=int(100 * power))
    fitted = made("SimplexLeastSquares", y_transform="box-cox").fit(frame, frame.y)
    assert fitted.transform_.power == pytest.approx(power, abs=0.1)
    assert f"lambda {fitted.transform_.power:.3g} from the training" in in_words(fitted.transform_)
    other = frame.assign(**{k: 1e-28 * frame[k] for k in ("y", *MODELS)})
    again = made("SimplexLeastSquares", y_transform="box-cox").fit(other, other.y)
    assert again.transform_.power == pytest.approx(fitted.transform_.power, abs=1e-3)
    np.testing.assert_allclose(again.predict(other), 1e-28 * fitted.predict(frame), rtol=1e-3)


def test_lambda_is_the_likeliest_of_the_observations():
    frame = with_power(0.4, seed=7)
    found = made("SimplexLeastSquares", y_transform="box-cox").fit(frame, frame.y)

    def likelihood(power: float) -> float:
        scale = BoxCox(power, found.transform_.unit)
        columns = {k: scale.to(frame[k].to_numpy()) for k in ("y", *MODELS)}
        plain = made("SimplexLeastSquares").fit(frame.assign(**columns), columns["y"])
        density = plain.predictive(frame.assign(**columns)).logpdf(columns["y"])
        return float(np.sum(density + scale.log_jacobian(frame.y.to_numpy())))

    best = likelihood(found.transform_.power)
    assert all(likelihood(p) < best for p in (0.0, 0.2, 0.6, 1.0))


def test_the_error_of_a_new_observation_widens_each_component_where_it_is():
    frame = table()
    fitted = made("EqualWeights", y_transform="log").fit(frame, frame.y)
    without, law = fitted.predictive(frame), fitted.predictive(frame, 0.3 * frame.a)
    centre = np.exp(without.latent.loc)
    expected = np.hypot(without.latent.scale, 0.3 * frame.a.to_numpy() / centre)
    np.testing.assert_allclose(law.latent.scale, expected, rtol=1e-12)


@pytest.mark.parametrize("transform", ["log", "log1p", "sqrt", "box-cox"])
def test_corrected_models_come_in_the_unit_of_y_with_errors_that_go_back(transform):
    frame = table()
    correction = dirimix.GPCorrection(["x"], MODELS, y_transform=transform).fit(frame, frame.y)
    corrected = correction.transform(frame)
    scale = correction.transform_
    by_hand = frame.assign(**{m: scale.to(frame[m].to_numpy()) for m in MODELS})
    plain = dirimix.GPCorrection(["x"], MODELS).fit(by_hand, scale.to(frame.y.to_numpy()))
    expected = plain.transform(by_hand)
    for m in MODELS:
        z, sd = expected[m].to_numpy(), expected[f"{m}__sd"].to_numpy()
        np.testing.assert_allclose(corrected[m], scale.back(z), rtol=1e-9)
        carried = scale.carry(corrected[m].to_numpy(), corrected[f"{m}__sd"].to_numpy())
        inside = z > max(scale.floor, -1e9) + 1e-3
        assert inside.mean() > 0.8
        np.testing.assert_allclose(carried[inside], sd[inside], rtol=1e-6)


@pytest.mark.parametrize("method", ["lbmm-lgp", "signed-gp", "gbmm-d+contrast", "raw+delta"])
@pytest.mark.parametrize("transform", ["log", "log1p", "sqrt", "box-cox", "none", None])
def test_noise_is_normal_by_default_where_heavy_tails_would_leave_no_mean(method, transform):
    def tails(**options) -> set[str]:
        given = {"y_transform": transform, **options}
        built = parse_method(method).method.build(("x",), ("a", "b"), given, 0)
        for member in built.values():
            member.check_parameters()
        return {member.tails for member in built.values()}

    plain = transform in (None, "none")
    assert tails() == {"student" if plain else "normal"}
    if plain:
        assert tails(tails="student") == {"student"}
        with pytest.raises(InputError, match="degrees must be above 2, for Student's t has no st"):
            tails(tails="student", degrees=2)
    else:
        with pytest.raises(InputError, match=f"in the scale of y_transform='{transform}' leaves"):
            tails(tails="student")


@pytest.mark.parametrize("name", ["raw", "gbmm-d", "lbmm-gld", "stacked"])
def test_students_t_in_a_transformed_scale_is_refused(name):
    given = {"y_transform": "log", "tails": "student"}
    built = parse_method(name).method.build(("x",), ("a", "b"), given, 0)
    with pytest.raises(InputError, match="without a mean and a standard deviation; take tails="):
        next(iter(built.values())).check_parameters()


@pytest.mark.filterwarnings("ignore:.*rows to predict lack")
def test_a_model_without_any_value_is_no_matter_of_the_transform():
    frame = table()
    mixture = made("SimplexLeastSquares", y_transform="log").fit(frame, frame.y, frame.err)
    alone = mixture.predict(frame.assign(b=np.nan))
    np.testing.assert_allclose(alone, mixture.predict(frame.assign(b=frame.a)), rtol=1e-12)
