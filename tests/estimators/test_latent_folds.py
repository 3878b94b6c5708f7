"""Fits without folds that share what is compiled, against fits to the other rows alone."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dirimix.estimators.latent.conditional import Conditional
from dirimix.estimators.latent.folds import FoldFits
from dirimix.estimators.latent.laplace import approximate
from dirimix.methods import parse_method
from dirimix.table.split import Part, SplitTable

SIZE, DRAWS = 6, 400
OPTIONS = {"inference": "mode", "draws": DRAWS}
PLAIN = {**OPTIONS, "noise": "constant", "tails": "normal"}


def data(shift: np.ndarray | float = 0.0) -> SplitTable:
    """A lattice of sites, whose spacing and extent stay where a corner of it is left out."""
    x, z = (v.ravel().astype(float) for v in np.meshgrid(np.arange(SIZE), np.arange(SIZE)))
    rng = np.random.default_rng(8)
    truth = np.sin(x) + 0.3 * z
    y = truth + 0.1 * rng.standard_normal(len(x))
    models = {"a": truth + 0.2 * x - 0.3, "b": truth - 0.3 * np.cos(z)}
    frame = pd.DataFrame({"x": x, "z": z, **models})
    parts = {"train": Part(frame, y + shift, None)}
    return SplitTable("memory", ("x", "z"), ("a", "b"), "y", None, parts)


def corner(table: SplitTable, number: int = 0) -> np.ndarray:
    x, z = (table.parts["train"].frame[c].to_numpy() for c in "xz")
    return np.flatnonzero(2 * (x > 2) + (z > 2) == number)


def without(table: SplitTable, held: np.ndarray) -> SplitTable:
    rows, gone = table.parts["train"], np.zeros(SIZE**2, dtype=bool)
    gone[held] = True
    return replace(table, parts={"train": rows.keep(~gone), "fold": rows.keep(gone)})


def latents(mixture) -> np.ndarray:
    """Hyperparameters, which are those of the mode in every draw."""
    names = ("log_sigma", "weights_length", "weights_amplitude")
    return np.concatenate([np.ravel(mixture.latents_[name][0]) for name in names])


@pytest.fixture(scope="module")
def apart():
    """A mixture with the mode of the rows of three corners, and nothing else."""
    table = data()
    rows, method = without(table, corner(table)).parts["train"], parse_method("signed-gp").method
    mixture: Any = method.build(table.coords, table.models, PLAIN, 3)[""]
    mixture.model_ = mixture.make_model(mixture._training_table(rows.frame, rows.y, None))
    found = approximate(mixture.model_, DRAWS, 3, at_mode=True)
    mixture.keep_latents(mixture.model_.unravel(found.draws))
    return mixture


@pytest.fixture(scope="module")
def together():
    return FoldFits(parse_method("signed-gp"), data(), PLAIN, 3)


@pytest.mark.slow
def test_a_fold_is_fitted_as_if_the_other_rows_were_all(apart, together):
    """The priors are the same here, and a row that is not seen weighs 1e-16 of one that is."""
    table, held = data(), corner(data())
    found = together.fit(held, without(table, held)).the_mixture()
    assert latents(found) == pytest.approx(latents(apart), abs=1e-5)
    assert found.y_scale_ == apart.y_scale_
    rows = without(table, held).parts["fold"].frame
    laws = [mixture.predictive(rows) for mixture in (found, apart)]
    error = np.hypot(*(law.std() for law in laws)) / np.sqrt(DRAWS)  # draws differ
    assert (np.abs(laws[0].mean() - laws[1].mean()) < 4 * error).all()
    assert laws[0].std() == pytest.approx(laws[1].std(), rel=0.15)
    # a control: another corner left out is another fit
    held = corner(table, 3)
    other = together.fit(held, without(table, held)).the_mixture()
    assert np.abs(latents(other) - latents(apart)).max() > 0.05


def test_nothing_of_the_observations_that_are_held_out_is_left(together):
    table, held = data(), corner(data())
    shift = np.zeros(SIZE**2)
    shift[held] = 1e3
    spoilt = data(shift)
    fits = FoldFits(parse_method("signed-gp"), spoilt, PLAIN, 3)
    vars(fits)["_fits"] = together._fits  # compiled once, its data are arguments
    first = together.fit(held, without(table, held)).the_mixture()
    second = fits.fit(held, without(spoilt, held)).the_mixture()
    assert latents(second) == pytest.approx(latents(first), abs=1e-7)
    rows = without(table, held).parts["fold"].frame
    assert second.predict(rows) == pytest.approx(first.predict(rows), abs=1e-7)


@pytest.mark.slow
def test_folds_and_single_models_share_one_program(monkeypatch):
    traced, plain = [], Conditional.log_marginal

    def counted(self, *arguments):
        traced.append(len(self.posterior.table.x))
        return plain(self, *arguments)

    monkeypatch.setattr(Conditional, "log_marginal", counted)
    table = data()
    fits = FoldFits(parse_method("raw+delta"), table, {**PLAIN, "draws": 25}, 3)
    for number in (0, 3):
        held = corner(table, number)
        found = fits.fit(held, without(table, held))
        for model, member in found.members.items():
            law = member.predictive(without(table, held).parts["fold"].frame)
            assert np.isfinite(law.mean()).all(), model
            assert "at their mode" in member.fit_report().reasons[0]
    assert len(found.members) == 2
    assert traced == [SIZE**2]
