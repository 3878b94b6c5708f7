"""Categories as coordinates of the linear field: partial pooling, and labels that are new."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy.stats import halfnorm, norm

from dirimix import LocalDirichletMixture
from dirimix.errors import ConvergenceWarning, InputError
from dirimix.estimators.fields.labelled import LabelledField, label_codes
from dirimix.estimators.fields.linear import LinearField
from dirimix.table.table import make_table

LABELS = {"state": ("Ohio", "Utah", "Iowa"), "side": ("n", "s")}
CODES = np.array([[0, 1], [1, 0], [2, 1], [0, 0]], dtype=float)
T = np.array([[0.0], [1.0], [2.0], [5.0]])
LINE = LinearField(T, 2, T.std(axis=0))
FIELD = LabelledField(np.column_stack([T, CODES]), 2, LINE, LABELS)


def draws(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {n: rng.normal(0, 1, (count, *s)) for n, s in FIELD.shapes().items()}


def test_the_field_is_the_line_and_an_effect_of_each_label():
    p = draws(1)
    one = {n: a[0] for n, a in p.items()}
    with jax.enable_x64(True):
        found = np.asarray(FIELD.log_alpha(one))
        prior = float(FIELD.log_prior(one))
    tau, effect = np.exp(p["log_tau"][0]), p["effect"][0]
    expected = LINE.extend(p, T, 0)[0]
    for row, (state, side) in enumerate(CODES.astype(int)):
        expected[row] += tau[:, 0] * effect[:, state] + tau[:, 1] * effect[:, 3 + side]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(FIELD.extend(p, FIELD.x, 0)[0], expected)
    # tau is half-normal, so that its logarithm has that density times tau
    other = {**one, "log_tau": one["log_tau"] + 0.3, "effect": one["effect"] * 1.1}
    with jax.enable_x64(True):
        change = float(FIELD.log_prior(other)) - prior
    densities = [
        halfnorm.logpdf(np.exp(q["log_tau"])).sum()
        + np.sum(q["log_tau"])
        + norm.logpdf(q["effect"]).sum()
        for q in (one, other)
    ]
    assert change == pytest.approx(densities[1] - densities[0], rel=1e-6)


def test_effects_are_shrunk_as_partial_pooling_has_it():
    rng = np.random.default_rng(1)
    codes, tau, noise = np.repeat([0, 1, 2], [1, 4, 40]), 0.6, 0.8
    z = rng.normal([1.0, -1.0, 0.5], noise, (45, 3))[np.arange(45), codes]
    flat = np.zeros((45, 1))
    sites = np.column_stack([flat, codes])
    states = {"state": ("few", "some", "many")}
    field = LabelledField(sites, 1, LinearField(flat, 1, np.ones(1)), states)
    count = np.bincount(codes)
    mean = np.bincount(codes, z) / count
    pooled = count * tau**2 / (count * tau**2 + noise**2) * mean  # the textbook's

    def log_joint(effect):
        p = {"beta": jnp.zeros((1, 2)), "log_tau": jnp.full((1, 1), jnp.log(tau))}
        p["effect"] = effect[None]
        misfit = (z - field.log_alpha(p)[:, 0]) / noise
        return field.log_prior(p) - 0.5 * jnp.sum(misfit**2)

    with jax.enable_x64(True):
        slope = np.asarray(jax.grad(log_joint)(jnp.asarray(pooled / tau)))
        unpooled = np.asarray(jax.grad(log_joint)(jnp.asarray(mean / tau)))
    np.testing.assert_allclose(slope, 0, atol=1e-9)
    assert np.abs(unpooled).max() > 0.5  # the control: no pooling


def test_a_new_label_is_a_draw_from_the_population_and_the_same_in_every_call():
    frame = pd.DataFrame({"t": [0.0, 1.0, 1.0, 9.0], "state": ["Ohio", "Guam", "Guam", "Fiji"]})
    frame["a"] = 0.0
    known = {"state": ("Ohio", "Utah")}
    table = make_table(frame, ["t", "state"], ["a"], levels=known)
    codes = label_codes(table, known)
    assert codes[0] == 0
    assert codes[1] == codes[2] < 0
    assert codes[3] not in (codes[1], codes[0])
    alone = make_table(frame.iloc[3:], ["t", "state"], ["a"], levels=known)
    assert label_codes(alone, known)[0] == codes[3]

    field = LabelledField(np.zeros((2, 2)), 2, LinearField(np.zeros((2, 1)), 2, np.ones(1)), known)
    p = {n: np.zeros((4000, *s)) for n, s in field.shapes().items()}
    p["log_tau"] += np.log(0.7)
    x = np.column_stack([np.zeros(4), codes])
    found = field.extend(p, x, seed=5)
    np.testing.assert_array_equal(found[:, 3:], field.extend(p, x[3:], seed=5))
    np.testing.assert_array_equal(found[:, 1], found[:, 2])
    np.testing.assert_array_equal(found[:, 0], 0.0)
    for row in (1, 3):
        assert found[:, row].std() == pytest.approx(0.7, rel=0.05)
    assert abs(np.corrcoef(found[:, 1, 0], found[:, 3, 0])[0, 1]) < 0.08
    assert abs(np.corrcoef(found[:, 1, 0], found[:, 1, 1])[0, 1]) < 0.08
    assert np.abs(field.extend(p, x, seed=6)[:, 1] - found[:, 1]).max() > 0.1


def two_kinds(n: int, seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """States where model a is right, others where b is, and one with few rows."""
    rng = np.random.default_rng(seed)
    states = np.array(["A1", "A2", "B1", "B2"])[np.arange(n) % 4]
    states[:2] = "few"
    f = rng.normal(0, 1, (n, 2))
    y = np.where(np.char.startswith(states, "B"), f[:, 1], f[:, 0]) + rng.normal(0, 0.1, n)
    frame = pd.DataFrame({"t": rng.uniform(0, 1, n), "state": states, "a": f[:, 0], "b": f[:, 1]})
    return frame, pd.Series(y)


@pytest.mark.slow
@pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")
def test_each_label_finds_its_model_and_a_new_one_says_neither():
    frame, y = two_kinds(80, 0)
    options = {"chains": 2, "draws": 150, "warmup": 150, "field": "linear", "min_ess": 0}
    mixture = LocalDirichletMixture(["t", "state"], ["a", "b"], **options).fit(frame, y)
    ask = pd.DataFrame({"t": 0.5, "state": ["A1", "B1", "few", "new"], "a": 0.0, "b": 1.0})
    weight = mixture.draw_weights(ask)[:, :, 0]
    mean = weight.mean(axis=0)
    assert mean[0] > 0.8
    assert mean[1] < 0.2
    assert 0.2 < mean[3] < 0.8
    assert weight[:, 3].std() > 2 * weight[:, 0].std()  # a new label is uncertain
    assert mean[1] < mean[2] < mean[0] + 0.05  # two rows count for less than twenty
    assert mixture.priors_["u"] == "Normal(0, tau^2), one a label"
    names = set(mixture.diagnostics_["parameter"])
    assert {"tau[a, state]", "u[b, state=B1]"} <= names
    blind = LocalDirichletMixture(["t"], ["a", "b"], **options).fit(frame, y)
    assert np.ptp(blind.predict_weights(ask)["a"]) == 0  # the control


def test_a_gaussian_process_takes_no_labels():
    frame, y = two_kinds(20, 0)
    with pytest.raises(
        InputError, match=r"needs distances, and the coordinate 'state' holds labels"
    ):
        LocalDirichletMixture(["t", "state"], ["a", "b"]).fit(frame, y)
