"""Stacking of methods and the choice of one, by regions that were held out."""

import re
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import softmax
from scipy.stats import norm

from dirimix.errors import (
    ChoiceNote,
    ConvergenceWarning,
    DroppedRowsWarning,
    InputError,
    NotConverged,
)
from dirimix.estimators.baselines import EqualWeights, SimplexLeastSquares
from dirimix.estimators.latent.laplace import Approximation
from dirimix.estimators.single_model import SingleModel
from dirimix.estimators.stacking.choice import STACK, Scored, guarded
from dirimix.estimators.stacking.regions import regions
from dirimix.estimators.stacking.stacked import StackedMixture
from dirimix.estimators.stacking.weights import (
    resampled_weights,
    stacked_log_score,
    stacking_weights,
)

PLAIN = ["equal", "simplex-ls", "ols"]


def table(n: int = 64, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, 10, n))
    truth = np.sin(x)
    models = {"a": truth + 0.5 * np.cos(x), "b": truth - 0.1, "c": truth + 0.4}
    return pd.DataFrame({"x": x, **models, "y": truth - 0.1 + 0.1 * rng.standard_normal(n)})


def fitted(frame: pd.DataFrame | None = None, **options) -> StackedMixture:
    frame = table() if frame is None else frame
    given: dict[str, Any] = {"candidates": PLAIN} | options
    return StackedMixture(["x"], ["a", "b", "c"], **given).fit(frame, frame["y"])


def scored(gaps: tuple[float, ...], n: int = 240, noise: float = 0.3, seed: int = 1) -> Scored:
    """Candidates whose log densities differ by these means, with noise."""
    rng = np.random.default_rng(seed)
    density = np.array(gaps) + noise * rng.standard_normal((n, len(gaps)))
    names = tuple("abcdef"[: len(gaps)])
    return Scored(names, density, np.arange(n) % 4, np.arange(n) % 32, 0)


@pytest.mark.parametrize("seed", range(4))
def test_weights_maximise_the_log_score_of_the_mixture(seed):
    rng = np.random.default_rng(seed)
    log_density = rng.normal(0, 10 ** rng.uniform(-1, 1), (40, 4)) - 500
    counts = rng.dirichlet(np.ones(40))

    def loss(u: np.ndarray) -> float:
        w = softmax(u)
        return -counts @ np.log(np.exp(log_density - log_density.max(1)[:, None]) @ w)

    best = minimize(loss, np.zeros(4), tol=1e-12)
    found = stacking_weights(log_density, counts)
    assert found.sum() == pytest.approx(1)
    assert loss(np.log(np.maximum(found, 1e-300))) <= best.fun + 1e-6
    # a control: other weights are worse
    assert loss(np.log(softmax(rng.standard_normal(4)))) > best.fun + 1e-6


@pytest.mark.parametrize("seed", range(60))
def test_no_candidate_could_take_more_weight_at_the_maximum(seed):
    """The conditions of Karush, Kuhn and Tucker, which bound what any other weights could gain."""
    rng = np.random.default_rng(seed)
    rows, candidates = np.exp(rng.uniform(np.log([2, 3]), np.log([400, 31]))).astype(int)
    spread = 10 ** rng.uniform(-6, 4)
    log_density = rng.normal(0, spread, (rows, candidates)) + rng.normal(0, 30, (rows, 1))
    log_density[:, -1] = log_density[:, 0]  # nothing tells these apart
    counts = rng.dirichlet(np.ones(rows), size=3)
    found = stacking_weights(log_density, counts)
    assert found.sum(axis=1) == pytest.approx(1)
    assert np.all(found >= 0)

    def most_gained(weights: np.ndarray) -> float:
        density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
        share = counts / counts.sum(axis=1, keepdims=True)
        seen = share > 0
        ratio = np.divide(share, weights @ density.T, where=seen, out=np.zeros_like(share))
        return float((ratio @ density).max()) - 1

    assert most_gained(found) < 1e-8
    # a control: equal weights are not the best
    assert most_gained(np.full_like(found, 1 / candidates)) > 1e-8


def test_the_stack_is_scored_with_weights_of_the_other_regions():
    given = scored((0.0, 0.0, 0.1))
    own = stacked_log_score(given.log_density, given.regions)
    region = given.regions == 2
    weights = stacking_weights(given.log_density[~region])
    right = np.log(np.exp(given.log_density[region]) @ weights)
    assert own[region] == pytest.approx(right, abs=1e-6)
    fitted_to_all = np.log(np.exp(given.log_density) @ stacking_weights(given.log_density))
    assert own.mean() < fitted_to_all.mean()


def test_a_row_is_scored_by_what_has_weight_however_far_that_is_behind():
    """Each of two candidates is out of the question in one of two regions."""
    far = np.array([[-900.0, -1.0]] * 6 + [[-1.0, -900.0]] * 6)
    np.testing.assert_array_equal(stacked_log_score(far, np.repeat([0, 1], 6)), -900.0)


def test_a_candidate_that_only_takes_from_others_has_no_weight_and_no_say():
    behind = np.array([[-0.5, -1.1, -0.501]] * 60 + [[-0.5, 0.0, -0.501]] * 20)
    score = stacked_log_score(behind, np.repeat([0, 1], [60, 20]))
    weights = stacking_weights(behind[:60])
    assert weights[1] == 0
    assert weights[[0, 2]].sum() == pytest.approx(1)
    assert score[-1] == pytest.approx(-0.5, abs=1e-3)


def test_a_row_that_no_candidate_thought_possible_tells_nothing_of_their_weights():
    log_density = np.log(np.random.default_rng(3).uniform(0.1, 1, (40, 3)))
    wanted = stacking_weights(log_density)
    found = stacking_weights(np.vstack([log_density, np.full((2, 3), -np.inf)]))
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    np.testing.assert_allclose(stacking_weights(np.full((2, 3), -np.inf)), 1 / 3)


def test_bands_of_weights_hold_the_truth_as_often_as_they_say():
    """Data drawn from a known mixture of two laws: its weight lies in the band of the stack's."""
    rng, inside = np.random.default_rng(5), []
    for seed in range(60):
        first = rng.random(200) < 0.7
        y = np.where(first, rng.normal(-1, 1, 200), rng.normal(1, 1, 200))
        density = np.column_stack([norm.logpdf(y, -1), norm.logpdf(y, 1)])
        draws = resampled_weights(density, np.arange(200), 200, seed)[:, 0]
        low, high = np.quantile(draws, (0.05, 0.95))
        inside.append((low < 0.7 < high, low < 0.5 < high))
    covers, wrong = np.mean(inside, axis=0)
    assert abs(covers - 0.9) < 3.5 * np.sqrt(0.9 * 0.1 / 60)
    assert wrong < 0.5


def test_regions_are_blocks_of_about_equally_many_sites():
    x = np.random.default_rng(0).uniform(0, 1, (100, 2)) * [10, 1]
    label = regions(x, 4)
    assert sorted(np.bincount(label)) == [25, 25, 25, 25]
    # boxes: none holds a site of another
    for one in range(4):
        low, high = x[label == one].min(0), x[label == one].max(0)
        between = ((x >= low) & (x <= high)).all(1)
        assert (label[between] == one).all()
    # each small part lies within one region
    fine = regions(x, 32)
    assert all(len(set(label[fine == part])) == 1 for part in range(32))
    assert np.bincount(regions(np.empty((20, 0)), 4)).tolist() == [5, 5, 5, 5]


def test_the_choice_says_what_is_better_and_what_cannot_be_told_apart():
    found = scored((0.0, 0.02, -0.5))
    assert found.best == "b"
    assert found.alike("b") == ("a",)
    first, second, third = found.sentences("b", 240, 240)
    assert first.startswith("b was fitted to all 240 training rows")
    assert re.search(r"the best candidate is b \(-?\d\.\d{3}\), ", second)
    logs = replace(found, transform="log").sentences("b", 240, 240)[1]
    assert re.search(r"is b \(-?\d\.\d{3} in the scale of the fit, log\), ", logs)
    assert "ahead of a (90 % band" in second
    assert third == "the held-out rows do not tell it from a"
    few = replace(found, clusters=np.arange(240) % 3).sentences("b", 240, 240)[1]
    assert "ahead of a (no band: too few rows decide it), and the stack" in few
    assert "all other candidates are surely worse" in scored((0.5, 0.0)).sentences("a", 240, 240)[2]
    assert "no other candidate" in scored((0.5,)).sentences("a", 240, 240)[2]
    assert scored((0.5,)).sentences("a", 240, 200)[0].startswith("a was fitted to 200 of 240 train")


def test_a_stack_is_chosen_only_where_it_is_surely_better():
    rng = np.random.default_rng(0)
    y = np.where(rng.random(400) < 0.5, rng.normal(-3, 1, 400), rng.normal(3, 1, 400))
    density = np.column_stack([norm.logpdf(y, -3, 1.5), norm.logpdf(y, 3, 1.5)])
    both = Scored(("a", "b"), density, np.arange(400) % 4, np.arange(400), 0)
    assert both.chosen == STACK
    assert scored((0.3, 0.0), noise=0.01).chosen == "a"


def test_a_row_that_all_but_one_hold_impossible_does_not_decide():
    """As at the end of a series, where one of two expansions is wrong by 1e19."""
    y = np.linspace(0, 3, 40)
    density = np.column_stack([np.full(40, -2.0), np.full(40, 1.0), np.full(40, 0.5)])
    density[0, 1:] = [-1e13, -np.inf]
    labels = np.arange(40) % 4, np.arange(40) % 32, 0
    assert Scored(("a", "b", "c"), density, *labels).chosen == "a"  # the control
    found = Scored(("a", "b", "c"), guarded(density, y), *labels)
    assert found.best == "b"
    assert np.isfinite(found.table("b")["difference_lo"]).all()
    # where no row is held so, each candidate loses next to the same
    plain = density[1:]
    assert guarded(plain, y[1:]) - plain == pytest.approx(np.full((39, 3), 0.0), abs=3 / 39)
    # in another unit all differ by its logarithm
    other = guarded(density - np.log(1e9), 1e9 * y)
    assert other + np.log(1e9) == pytest.approx(guarded(density, y))


def test_a_candidate_that_fails_is_left_out_and_named(monkeypatch):
    held_out = StackedMixture._held_out

    def failing(self, member, rows, region):
        if isinstance(member, EqualWeights):
            raise InputError("a normal mixture needs finite means")
        return held_out(self, member, rows, region)

    monkeypatch.setattr(StackedMixture, "_held_out", failing)
    with pytest.warns(ChoiceNote, match=r"equal is no candidate here: .* needs finite means"):
        found = fitted()
    assert list(found.candidates_["candidate"]) == ["simplex-ls", "ols", STACK]
    with pytest.raises(InputError, match="needs finite means"):
        fitted(candidates=["equal"])


def test_where_the_best_does_not_converge_the_next_is_taken(monkeypatch):
    monkeypatch.setattr(StackedMixture, "_held_out", lambda *_: np.zeros(24))
    rng = np.random.default_rng(0)
    frame = table(24)
    frame["y"] = frame["a"] + rng.standard_normal(24)
    given: dict[str, Any] = {"choose": "best", "max_seconds": 1e-9}
    alone = {"candidates": ["lbmm-lgp"], **given}
    with pytest.warns((ChoiceNote, ConvergenceWarning)):
        lone = fitted(frame, **alone)
    assert not lone.converged_
    scores = scored((0.0, 0.5, 0.2))
    assert scores.others("b") == ("c", "a")
    assert scores.others(STACK) == ("b", "c", "a")
    # one that is surely half a nat a row behind is no answer in place of the best
    assert [scored((0.0, 2.0, 1.8)).is_far(n) for n in ("a", "b", "c")] == [True, False, False]
    both = StackedMixture(["x"], ["a", "b", "c"], candidates=["lbmm-lgp", "equal"], **given)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)  # of what was not taken nothing is said
        warnings.simplefilter("ignore", ChoiceNote)
        patch.setattr(Scored, "chosen", "lbmm-lgp")
        patch.setattr(Scored, "others", lambda *_: ("equal",))
        both.fit(frame, frame["y"])
    assert both.converged_
    assert list(both.members_) == ["equal"]
    assert "(lbmm-lgp did not converge when fitted to all)" in both.summary_[0]
    assert both.candidates_["chosen"].tolist() == [False, True, False]
    assert "did not converge" not in lone.summary_[0]  # its reasons say it


def test_a_final_fit_that_fails_ends_the_fit_only_where_nothing_else_converges(monkeypatch):
    def failing(*_):
        raise NotConverged("the log density is not finite")

    frame = table(24)
    monkeypatch.setattr(SimplexLeastSquares, "_fit", failing)
    monkeypatch.setattr(StackedMixture, "_held_out", lambda *_: np.zeros(24))
    given: dict[str, Any] = {"candidates": ["simplex-ls", "equal"]}
    with pytest.warns(ChoiceNote, match=r"simplex-ls did not converge when fitted to all"):
        found = fitted(frame, choose="best", **given)
    assert list(found.members_) == ["equal"]
    with pytest.raises(NotConverged, match="not finite"):
        fitted(frame, **given)


def test_a_stack_predicts_the_mixture_of_its_members_densities():
    frame = table()
    stack = fitted(frame)
    laws = {n: m._predictive(stack._new_table(frame)) for n, m in stack.members_.items()}
    y = frame["y"].to_numpy()
    right = np.log(sum(w * np.exp(laws[n].logpdf(y)) for n, w in stack.weights_.items()))
    assert stack.predictive(frame).logpdf(y) == pytest.approx(right, abs=1e-9)
    assert sum(stack.weights_.values()) == pytest.approx(1)
    weights = stack.predict_weights(frame)
    means = sum(
        w * stack.members_[n]._weight_draws(stack._new_table(frame)).mean(0)
        for n, w in stack.weights_.items()
    )
    assert weights.to_numpy() == pytest.approx(np.broadcast_to(means, weights.shape), abs=0.01)


def test_one_candidate_alone_is_that_method():
    frame = table()
    alone = fitted(frame, candidates=["equal"])
    plain = EqualWeights(["x"], ["a", "b", "c"]).fit(frame, frame["y"])
    assert alone.predict(frame) == pytest.approx(plain.predict(frame))
    assert alone.candidates_["log_score"].iloc[0] == alone.candidates_["log_score"].iloc[1]


def test_the_best_is_chosen_with_three_sentences_and_without_the_rows_that_it_predicts():
    frame = table()
    with pytest.warns(ChoiceNote, match="was fitted to all 64 training rows"):
        chosen = fitted(frame, choose="best")
    assert list(chosen.weights_) == ["simplex-ls"] or list(chosen.weights_) == ["ols"]
    assert len(chosen.summary_) == 3
    # held-out densities are those of fits that lack the region
    label = regions(frame[["x"]].to_numpy(), 4)
    here = label == 1
    rest = EqualWeights(["x"], ["a", "b", "c"], y_scale=chosen.y_scale_)
    rest.fit(frame.loc[~here], frame["y"][~here])
    law = rest.predictive(frame.loc[here])
    own = fitted(frame, candidates=["equal"])
    training = own._training_table(frame, frame["y"], None)
    region = own._held_out(own._candidates(training).build("mode")["equal"], training, label)
    assert region[here] == pytest.approx(law.logpdf(frame["y"][here].to_numpy()))


def test_candidates_are_scored_on_a_thousand_rows_at_most():
    many = fitted(table(1500), candidates=["equal"])
    assert many.candidates_["n"].tolist() == [1000] * 2
    assert "to all 1500 training rows" in many.summary_[0]
    assert "on 4 regions of 1000 of them, drawn with the seed, that were held" in many.summary_[0]
    score = many.candidates_["log_score"]
    again = fitted(table(1500), candidates=["equal"])
    assert again.candidates_["log_score"].equals(score)
    other = fitted(table(1500), candidates=["equal"], random_state=1)
    assert not other.candidates_["log_score"].equals(score)  # the control
    fewer = fitted(table(1000), candidates=["equal"])
    assert "on 4 regions of them that were held out" in fewer.summary_[0]


def test_every_candidate_that_is_scored_is_told():
    events = []
    frame = table()
    stack = StackedMixture(["x"], ["a", "b", "c"], candidates=PLAIN)
    stack.progress = events.append
    stack.fit(frame, frame["y"])
    assert [(e.phase, e.done, e.total) for e in events] == [("comparing", n, 3) for n in (1, 2, 3)]


def test_chains_say_which_candidate_they_are_of(monkeypatch):
    monkeypatch.setattr(StackedMixture, "_held_out", lambda *_: np.zeros(64))
    events, frame = [], table()
    stack = StackedMixture(["x"], ["a", "b", "c"], candidates=["gbmm-d"], max_seconds=1e-9)
    stack.progress = events.append
    with pytest.warns(ConvergenceWarning):
        stack.fit(frame, frame["y"])
    assert {e.candidate for e in events if e.phase != "comparing"} == {"gbmm-d"}
    assert next(iter(stack.members_.values())).progress is None


def test_units_change_nothing_but_the_unit():
    frame, times = table(), 1e5
    columns = ["a", "b", "c", "y"]
    other = frame.assign(**{c: frame[c] * times for c in columns})
    one, two = fitted(frame), fitted(other)
    assert two.weights_ == pytest.approx(one.weights_, abs=1e-6)
    assert two.predict(other) == pytest.approx(times * np.asarray(one.predict(frame)))


def test_single_models_may_be_candidates():
    stack = fitted(candidates=["raw", "equal"])
    assert set(stack.candidates_["candidate"]) == {"raw:a", "raw:b", "raw:c", "equal", "stacked"}
    assert stack.weights_["raw:b"] > 0.9


@pytest.mark.filterwarnings("ignore:.*rows to predict lack")
def test_a_single_model_that_ends_somewhere_is_no_candidate():
    frame = table()
    frame.loc[25, "a"] = np.nan
    stack = StackedMixture(["x"], ["a", "b", "c"], candidates=["raw", "equal"])
    for used in (stack.check, stack.fit):
        with pytest.raises(InputError, match="uses model 'a' alone, and it has no value at row 26"):
            used(frame, frame["y"])
    whole = fitted(candidates=["raw", "equal"], choose="stack")
    whole.weights_ = {"raw:a": 0.5, "equal": 0.5}
    whole.members_ = {n: whole.members_.get(n, whole.members_["raw:b"]) for n in whole.weights_}
    whole.members_["raw:a"] = SingleModel(["x"], ["a"]).fit(table(), table()["y"])
    with pytest.raises(InputError, match="uses model 'a' alone, and it has no value at row 26"):
        whole.predict(frame)


def test_rows_without_a_model_are_told_where_a_member_was_fitted_to_none(monkeypatch):
    monkeypatch.setattr(StackedMixture, "_held_out", lambda *_: np.zeros(64))
    frame = table()
    new = frame.assign(a=np.where(frame["x"] > 5, np.nan, frame["a"]))
    for candidates, told in ((["equal", "simplex-ls"], True), (["signed-gp"], False)):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            stack = fitted(frame, candidates=candidates, inference="mode")
            stack.predictive(new)
        assert any("rows to predict lack a value" in str(w.message) for w in said) == told


@pytest.mark.slow
def test_final_fits_by_laplace_have_draws_enough_and_members_say_what_they_are():
    rng = np.random.default_rng(2)
    x = np.linspace(0, 10, 40)
    y = np.where(rng.random(40) < 0.5, 0.0, 3.0) + 0.1 * rng.standard_normal(40)
    frame = pd.DataFrame({"x": x, "a": 0.0, "b": 3.0, "y": y})
    given: dict[str, Any] = {"noise": "constant", "tails": "student", "inference": "laplace"}
    stack = StackedMixture(["x"], ["a", "b"], candidates=["raw+delta"], regions=2, **given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        stack.fit(frame, frame["y"])
    assert list(stack.members_) == ["raw+delta:a", "raw+delta:b"]
    for member in stack.members_.values():
        report = member.fit_report()
        assert report.posterior is None
        assert report.diagnostics is not None
        assert report.sampling is not None
        assert report.sampling["draws"] == 1000


@pytest.mark.parametrize(("count", "enough"), [(400, True), (399, False)])
def test_as_many_draws_of_equal_weights_as_an_answer_needs_are_enough(count, enough):
    assert approximation(count).verdict().converged == enough


def approximation(count: int) -> Approximation:
    """One of so many draws whose weights are equal but for 1e-5, as exact ratios may be."""
    nothing = np.zeros(1)
    weights = 1 + 1e-5 * (np.arange(count) % 2)
    return Approximation(
        np.zeros((count, 1)),
        0.0,
        weights / weights.sum(),
        0.0,
        nothing,
        nothing,
        0.0,
        0,
        False,
        0.0,
    )


CAN, CANNOT = ["raw", "gbmm-d", "signed-gp"], ["equal", "bma-closed-form"]


@pytest.mark.parametrize("inference", ["mode", "hmc"])
def test_noise_is_handed_on_to_the_candidates_that_can_have_it(inference):
    given: dict[str, Any] = {"noise": "constant", "tails": "student"}
    stack = StackedMixture(["x"], ["a", "b", "c"], candidates=CAN + CANNOT, **given)
    frame = table()
    training = stack._training_table(frame.drop(columns="y"), frame["y"], None)
    found = stack._candidates(training).build(inference)
    has = {n for n, m in found.items() if given.items() <= m.get_params().items()}
    assert has == {"raw:a", "raw:b", "raw:c", "gbmm-d", "signed-gp"}
    assert {m.inference for n, m in found.items() if n in has} == {inference}
    own = StackedMixture(["x"], ["a", "b", "c"], candidates=CAN)
    own = own._candidates(training).build(inference)
    assert (own["signed-gp"].noise, own["gbmm-d"].tails) == ("local", "normal")


def test_who_keeps_the_own_noise_is_said():
    frame = table()
    stack = StackedMixture(["x"], ["a", "b", "c"], candidates=CAN + CANNOT, tails="student")
    with pytest.warns(ChoiceNote, match="tails='student' is for .*: equal, bma-closed-form cannot"):
        stack.check(frame, frame["y"])


def test_few_rows_have_candidates_that_they_can_tell_apart():
    frame = table(10)
    with pytest.warns(ChoiceNote, match="^10 rows are few for 3 models: equal, .* on 2 held-out"):
        stack = StackedMixture(["x"], ["a", "b", "c"]).fit(frame, frame["y"])
    assert list(stack.candidates_["candidate"])[:2] == ["equal", "simplex-ls"]
    assert "on 2 regions of them" in stack.summary_[0]
    with pytest.raises(InputError, match="4 held-out regions of 3 models need 16 rows"):
        fitted(frame)  # asked for by name
    with pytest.raises(InputError, match="of 3 models need 8 rows with a value of each, and"):
        StackedMixture(["x"], ["a", "b", "c"]).fit(frame.head(7), frame["y"].head(7))
    # rows with gaps say nothing to these methods, wherever they lie
    gaps = table(14).assign(a=lambda t: t["a"].where(t.index >= 6))
    with pytest.warns((ChoiceNote, DroppedRowsWarning)) as said:
        few = StackedMixture(["x"], ["a", "b", "c"]).fit(gaps, gaps["y"])
    assert few.candidates_["n"].tolist() == [8] * len(few.candidates_)
    assert "on 2 regions of 8 of them, where all models have a value, that" in few.summary_[0]
    assert not any("is no candidate here" in str(w.message) for w in said)


@pytest.mark.parametrize("coords", [[], ["group"]])
def test_a_table_of_labels_or_without_coordinates_has_candidates_of_its_own(coords):
    frame = table().assign(group=["p", "q"] * 32)
    stack = StackedMixture(coords, ["a", "b", "c"]).fit(frame, frame["y"])
    assert list(stack.candidates_["candidate"])[:2] == ["equal", "simplex-ls"]
    assert stack.predict(frame).shape == (64,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"candidates": ["gbmm-d+gp"]}, r"gbmm-d\+gp cannot be a candidate: neither corrected"),
        ({"candidates": ["auto"]}, "auto cannot be a candidate"),
        ({"candidates": ["olss"]}, "unknown method 'olss'"),
        ({"choose": "all"}, "choose is one of 'stack', 'best', not 'all'"),
        ({"noise": "own"}, "noise is one of 'constant', 'local', not 'own'"),
        ({"tails": "t"}, "tails is one of 'normal', 'student', not 't'"),
        (
            {"noise": "local"},
            "none of the candidates equal, simplex-ls, ols can have noise='local'",
        ),
        ({"regions": 3}, "regions is 2, 4, 8, 16 or 32, not 3"),
        ({"inference": "vi"}, "inference is one of 'hmc', 'laplace', 'mode', not 'vi'"),
        ({"regions": 32}, "32 held-out regions of 3 models need 128 rows, and there are 64"),
    ],
)
def test_what_cannot_be_stacked_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        fitted(**options)
