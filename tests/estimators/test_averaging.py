"""Model averaging: probabilities, evidence sets, and a predictive law that mixes densities."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import logsumexp
from sklearn.base import clone

from dirimix.errors import ConvergenceWarning, DroppedRowsWarning, InputError
from dirimix.estimators.averaging import BayesianModelAveraging
from dirimix.estimators.single_model import SingleModel
from dirimix.laws.noise_prior import GammaNoise, GammaPrecision

MODELS = ["a", "b", "c"]


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    x, z = rng.uniform(0, 10, 80), rng.uniform(0, 3, 80)
    y = np.sin(x) + z
    columns = {m: y + rng.normal(0, s, 80) for m, s in zip(MODELS, (0.3, 0.4, 1.5), strict=True)}
    return pd.DataFrame({"x": x, "z": z, **columns, "y": y})


def _averaging(**options):
    return BayesianModelAveraging(["x", "z"], MODELS, **options)


def test_clone_keeps_every_parameter():
    options = {"evidence": "laplace", "noise_prior": GammaNoise(), "n_evidence": 6, "seed": 3}
    assert clone(_averaging(**options)).get_params() == _averaging(**options).get_params()


@pytest.mark.parametrize("error", [None, 0.1])
@pytest.mark.parametrize("shift", [None, 1.0])
def test_three_evidences_agree(frame, error, shift):
    found = {
        kind: _averaging(evidence=kind, discrepancy=shift).fit(frame, frame.y, error).evidence_
        for kind in ("closed-form", "laplace", "monte-carlo")
    }
    exact = found["closed-form"]
    assert set(exact.route) == {"closed form" if error is None else "quadrature"}
    assert exact.probability.sum() == pytest.approx(1)
    for table in found.values():
        np.testing.assert_allclose(
            table.log_evidence_quadrature, exact.log_evidence_quadrature, atol=1e-9
        )
    np.testing.assert_allclose(exact.log_evidence, exact.log_evidence_quadrature, atol=1e-8)
    np.testing.assert_allclose(found["laplace"].log_evidence, exact.log_evidence, atol=0.1)
    sampled = found["monte-carlo"]
    assert np.all(np.abs(sampled.log_evidence - exact.log_evidence) < 4 * sampled.std_error)
    assert np.all(exact.std_error == 0)
    assert np.all(found["laplace"].std_error == 0)


@pytest.mark.filterwarnings("ignore:model .* lies (above|below) the observations")
def test_an_evidence_that_a_few_draws_decide_is_no_answer(frame):
    """It was hundreds of nats from the integral, with a standard error of 1 and nothing said."""
    far = frame.assign(a=frame.a + 30, b=frame.b - 30)
    wide = BayesianModelAveraging(["x", "z"], ["a", "b"], evidence="monte-carlo")
    averaging = clone(wide).set_params(noise_prior=GammaNoise(), n_monte_carlo=2000)
    with pytest.warns(ConvergenceWarning, match="Monte Carlo evidence of a, b rests on a few"):
        averaging.fit(far, far.y)
    table = averaging.evidence_
    assert np.all(np.abs(table.log_evidence - table.log_evidence_quadrature) > 50)
    (reason,) = averaging.fit_report().reasons
    assert reason.endswith("(try a larger n_monte_carlo or evidence = 'laplace')")
    # the same rows under the prior that reaches them
    assert wide.fit(far, far.y).fit_report().reasons == ()


def test_evidences_under_different_priors_disagree(frame):
    paper = _averaging(evidence="laplace").fit(frame, frame.y).evidence_
    other = _averaging(evidence="laplace", noise_prior=GammaNoise()).fit(frame, frame.y).evidence_
    assert np.abs(paper.log_evidence - other.log_evidence).min() > 0.1


def test_a_large_evidence_set_degenerates_to_the_best_model(frame):
    few = _averaging(n_evidence=4).fit(frame, frame.y)
    all_rows = _averaging(evidence_rows=range(80)).fit(frame, frame.y)
    assert all_rows.weights_[0] > 0.95
    assert 1 <= all_rows.effective_models_ < few.effective_models_ < 3


def test_a_small_table_is_its_own_evidence_set(frame):
    few = frame.head(5)
    fitted, named = _averaging().fit(few, few.y), _averaging(evidence_rows=range(5))
    pd.testing.assert_frame_equal(fitted.evidence_, named.fit(few, few.y).evidence_)
    with pytest.raises(InputError, match="8 evidence rows were asked for, but only 5 rows have"):
        _averaging(n_evidence=8).fit(few, few.y)


def test_equal_models_share_the_probability(frame):
    fitted = _averaging().fit(frame.assign(b=frame.a, c=frame.a), frame.y)
    np.testing.assert_allclose(fitted.weights_, 1 / 3)
    assert fitted.effective_models_ == pytest.approx(3)


def test_densities_mix_not_means(frame):
    fitted = _averaging(n_evidence=4).fit(frame, frame.y, 0.1)
    y = frame.y.to_numpy()
    singles = [
        SingleModel(["x", "z"], MODELS, m, noise_prior=GammaPrecision()).fit(frame, y, 0.1)
        for m in MODELS
    ]
    densities = np.array([s.predictive(frame).logpdf(y) for s in singles])
    expected = np.asarray(logsumexp(densities, axis=0, b=fitted.weights_[:, None]))
    np.testing.assert_allclose(fitted.predictive(frame).logpdf(y), expected, atol=1e-9)
    mixed_means = stats.norm.logpdf(y, fitted.predict(frame), 0.3)
    assert np.abs(mixed_means - expected).max() > 0.1


def test_field_weights_are_the_probabilities(frame):
    fitted = _averaging().fit(frame, frame.y)
    assert fitted.draw_weights(frame).shape == (1, 80, 3)
    np.testing.assert_allclose(fitted.predict_weights(frame), np.tile(fitted.weights_, (80, 1)))


def test_missing_model_gives_its_probability_to_the_others(frame):
    fitted = _averaging(n_evidence=4).fit(frame, frame.y)
    holes = frame.copy()
    holes.loc[7, "a"] = np.nan
    weights = fitted.predict_weights(holes).loc[7].to_numpy()
    np.testing.assert_allclose(weights, [0, *fitted.weights_[1:] / fitted.weights_[1:].sum()])
    expected = weights[1] * frame.b[7] + weights[2] * frame.c[7]
    assert fitted.predict(holes)[7] == pytest.approx(expected)
    assert np.all(np.isfinite(fitted.predict_interval(holes)))


def test_rows_with_holes_never_reach_the_evidence(frame):
    chosen = _averaging().fit(frame, frame.y).evidence_rows_
    holes = frame.copy()
    holes.loc[chosen[0], "b"] = np.nan
    with pytest.warns(DroppedRowsWarning, match="fitting on 79 of 80 rows"):
        fitted = _averaging().fit(holes, holes.y)
    assert chosen[0] not in fitted.evidence_rows_
    assert len(fitted.evidence_rows_) == 8
    pattern = rf"index {chosen[0]}, and there \(row {chosen[0] + 1}\) model 'b' has no value"
    with (
        pytest.warns(DroppedRowsWarning, match="fitting on 79"),
        pytest.raises(InputError, match=pattern),
    ):
        _averaging(evidence_rows=chosen).fit(holes, holes.y)


def test_mask_and_indices_name_the_same_rows(frame):
    mask = np.zeros(80, dtype=bool)
    mask[[2, 5, 9]] = True
    by_mask = _averaging(evidence_rows=mask).fit(frame, frame.y)
    by_index = _averaging(evidence_rows=[2, 5, 9]).fit(frame, frame.y)
    assert by_mask.evidence_rows_.tolist() == [2, 5, 9]
    np.testing.assert_array_equal(by_mask.weights_, by_index.weights_)


def test_shift_is_learnt_and_moves_the_law(frame):
    biased = frame.assign(a=frame.a - 2)
    plain = _averaging(evidence_rows=range(0, 80, 5)).fit(biased, biased.y)
    shifted = clone(plain).set_params(discrepancy=0.01).fit(biased, biased.y)
    assert plain.weights_[0] < 0.01
    of_a = shifted.node_model_ == 0
    mean = np.average(shifted.node_shift_[of_a], weights=shifted.node_weight_[of_a])
    assert mean == pytest.approx((biased.y - biased.a).mean(), abs=0.01)
    assert "Normal(0, sigma^2 / 0.01)" in shifted.priors_["shift"]


def test_seed_decides_the_monte_carlo(frame):
    one, same, other = (
        _averaging(evidence="monte-carlo", n_monte_carlo=1000, random_state=s)
        .fit(frame, frame.y)
        .weights_
        for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert np.all(one != other)


def test_unit_of_y_does_not_matter(frame):
    columns = [*MODELS, "y"]
    kilo = frame.assign(**{c: 1e3 * frame[c] for c in columns})
    fitted = _averaging().fit(frame, frame.y)
    scaled = _averaging(y_scale=1e3 * fitted.y_scale_).fit(kilo, kilo.y)
    np.testing.assert_allclose(scaled.weights_, fitted.weights_, atol=1e-9)
    np.testing.assert_allclose(scaled.predict(kilo), np.multiply(1e3, fitted.predict(frame)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"evidence": "exact"},
            "evidence is one of 'closed-form', 'laplace', 'monte-carlo', not 'exact'",
        ),
        ({"noise_prior": GammaNoise()}, "needs the conjugate prior GammaPrecision, not GammaNoise"),
        ({"discrepancy": -1.0}, "discrepancy must be a positive number, not -1.0"),
        ({"n_monte_carlo": 1}, "n_monte_carlo must be a whole number of at least 2, not 1"),
        ({"evidence_rows": [0, 80]}, r"different indices from 0 to 79, not \[0, 80\]"),
        ({"evidence_rows": [3, 3]}, r"different indices from 0 to 79, not \[3, 3\]"),
        ({"evidence_rows": []}, "and not empty"),
        ({"evidence_rows": [True, False]}, r"mask of shape \(2,\), but there are 80"),
    ],
)
def test_bad_parameters_are_named(frame, options, message):
    with pytest.raises(InputError, match=message):
        _averaging(**options).fit(frame, frame.y)
