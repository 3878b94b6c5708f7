"""Stacking of whole methods, or the choice of one, by regions that were held out."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np

from dirimix._arguments import check_choice, check_positive
from dirimix.errors import ChoiceNote, InputError, NotConverged
from dirimix.estimators.base import AbstractMixture
from dirimix.estimators.fit_report import FitReport
from dirimix.estimators.latent.noise_kind import (
    NOISE,
    TAILS,
    check_device,
    check_inference,
    check_tails,
)
from dirimix.estimators.stacking.candidates import Candidates, HoldsOut, check_candidate
from dirimix.estimators.stacking.choice import STACK, Scored, guarded
from dirimix.estimators.stacking.own_table import most_rows, own_table
from dirimix.estimators.stacking.regions import FEW, FEW_ROWS, regions, rows_needed, scored_rows
from dirimix.laws.normal_mixture import NormalMixture
from dirimix.sampling.progress import COMPARING, ChainProgress, Listener
from dirimix.table.selection import observed
from dirimix.table.table import Table

LOCAL = ("ridge-stacking", "bma-closed-form", "lbmm-lgp", "lbmm-lgp+delta", "signed-gp")
GLOBAL = ("equal", "simplex-ls", "ridge-stacking")
_CLUSTERS = 8  # parts of a region that are resampled together
_KEPT = 200  # draws of weights from a member
_TO_SCORE = 400  # draws of a fit that only scores
_MOST = 32  # regions


@dataclass(frozen=True)
class _Fitted:
    """A candidate that was fitted, and what its fit warned of."""

    member: AbstractMixture
    said: list[warnings.WarningMessage]
    failure: NotConverged | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is no answer; nothing if it is one."""
        return (str(self.failure),) if self.failure else self.member.fit_report().reasons


def _told_of(name: str, listener: Listener, event: ChainProgress) -> None:
    listener(replace(event, candidate=name))


@dataclass(eq=False, repr=False, kw_only=True)
class StackedMixture(AbstractMixture):
    """A mixture of methods' predictive densities, or the best of them, by held-out regions.

    The training sites are cut into regions of about equally many. Every candidate is fitted
    without each of them in turn and scored there; those of latent fields with hyperparameters at
    their mode. Of more than 1,000 training rows so many are drawn for that. The candidates that
    are wanted are then fitted to all training rows.

    Args:
        coords: Names of the coordinate columns.
        models: Names of the K model columns.
        choose: 'stack' mixes all candidates with the weights that maximise the log score of the
            mixture; 'best' takes the candidate with the best one, or the stack where that is
            surely better. Where sampling that candidate has not converged the next best is taken,
            unless that is surely behind by half a nat a row.
        candidates: Names of methods, without +gp; by default a list that suits the coordinates,
            or of three global ones on two regions where rows are few for the models.
        regions: How many, a power of 2.
        inference: Of the final fits of latent fields: 'hmc', exact, 'laplace' or 'mode'.
        noise: That of the candidates which can have it, 'constant' or 'local'; by default each
            has its own.
        tails: The same, 'normal' or 'student'.
        max_seconds: Wall time that the sampling of each final fit may take, as that of
            `LocalDirichletMixture`.
        device: Where candidates of latent fields are fitted, 'cpu' or 'gpu'.
        y_scale: Scale of the noise, in the unit of y; by default found from the training rows.
        y_transform: Scale of the fit: 'log', 'log1p', 'sqrt', 'box-cox', or none; predictions are
            in the unit of y (docs/methods.md).
        random_state: Seed of every fit.

    Attributes:
        candidates_: Frame with each candidate's log score on the held-out regions, how far it is
            behind the best with a 90 % band, and its weight in the stack with a 90 % band.
        summary_: Three sentences: what was chosen, by how much, what cannot be told apart.
        members_: The fitted candidates that the prediction uses, by name.
        weights_: Their weights, by name.
        priors_: Text of the prior of each parameter.

    >>> import numpy as np, pandas as pd
    >>> x = np.arange(24.0)
    >>> table = pd.DataFrame({"x": x, "a": np.sin(x), "b": np.cos(x)})
    >>> y = 0.6 * table["a"] + 0.4 * table["b"] + 0.4 * np.cos(3 * x)
    >>> stack = StackedMixture(["x"], ["a", "b"], candidates=["equal", "simplex-ls"])
    >>> sorted(stack.fit(table, y).weights_)
    ['equal', 'simplex-ls']
    """

    choose: str = "stack"
    candidates: Sequence[str] | None = None
    regions: int = 4
    inference: str = "hmc"
    noise: str | None = None
    tails: str | None = None
    max_seconds: float | None = None
    device: str = "cpu"
    complete_only: ClassVar[bool] = False
    uses_places: ClassVar[bool] = True

    def check_parameters(self) -> None:
        super().check_parameters()
        if self.noise is not None:
            check_choice(self.noise, "noise", NOISE)
        if self.tails is not None:
            check_choice(self.tails, "tails", TAILS)
        check_tails(self.tails, self.y_transform)
        check_choice(self.choose, "choose", ("stack", "best"))
        check_inference(self.inference)
        check_device(self.device, latent=True)
        if self.regions not in (2, 4, 8, 16, _MOST):
            raise InputError(f"regions is 2, 4, 8, 16 or {_MOST}, not {self.regions!r}")
        if self.max_seconds is not None:
            check_positive(self.max_seconds, "max_seconds")
        if isinstance(self.candidates, str):
            raise InputError(
                f"candidates is a list of methods' names, such as ['equal', 'simplex-ls'], not "
                f"{self.candidates!r}"
            )
        for name in self.candidates or ():
            check_candidate(name)

    def _check_table(self, table: Table) -> None:
        self._scored_parts(table)
        candidates = self._candidates(table)
        candidates.check_noise()
        candidates.check(table, self)

    def _fit(self, table: Table) -> None:
        candidates = self._candidates(table)
        scored = self._scored(table, candidates)
        best, final = scored.chosen, candidates.build(self.inference)
        order = [STACK] if self.choose == "stack" else [best, *scored.others(best)]
        made: dict[str, _Fitted] = {}
        failed: dict[str, bool] = {}  # what has not converged: whether it is an answer all the same
        for name in order:
            if any(failed.values()) and scored.is_far(name):
                continue
            for member in scored.shares(name):
                made[member] = made.get(member) or self._fitted(member, final[member], table)
            reasons = [f"{m}: {r}" for m in scored.shares(name) for r in made[m].reasons]
            if self.inference != "hmc" or not reasons:
                break
            failed[name] = not any(made[m].failure for m in scored.shares(name))
        else:  # none has converged: the best that is an answer says why
            name = next((n for n, answers in failed.items() if answers), order[0])
        self.weights_ = scored.shares(name)
        fits = {n: made[n] for n in self.weights_}
        for failure in (own.failure for own in fits.values() if own.failure):
            raise failure
        self.members_ = {n: own.member for n, own in fits.items()}
        self.reasons_ = tuple(f"{n}: {r}" for n, own in fits.items() for r in own.reasons)
        self.converged_ = not self.reasons_
        self.candidates_ = scored.table(best if self.choose == "stack" else name)
        used, before = most_rows(self.members_, table), tuple(failed)[: order.index(name)]
        self.summary_ = scored.sentences(name, len(table.x), used, before)
        self.priors_ = {
            "weights": "none; largest log score on held-out regions",
            "others": "those of the methods",
        }
        for said in (w for own in fits.values() for w in own.said):
            warnings.warn_explicit(said.message, said.category, said.filename, said.lineno)
        if len(self.members_) > 1:
            for member in self.members_.values():
                if "posterior_" in vars(member):
                    vars(member)["posterior_"] = None  # one posterior is reported, not several
        if self.choose == "best":
            warnings.warn("; ".join(self.summary_), ChoiceNote, stacklevel=3)

    def _scored(self, table: Table, candidates: Candidates) -> Scored:
        """What the held-out regions say of all candidates that can be fitted without them."""
        rows, region, cluster = self._scored_parts(table)
        if self._has_few(table):
            words = f"{len(rows.x)} rows are few for {len(table.models)} models: "
            words += f"{', '.join(GLOBAL)} are compared, on {FEW} held-out regions"
            warnings.warn(words, ChoiceNote, stacklevel=4)
        candidates.check_noise()
        members = candidates.build("mode")
        columns: dict[str, np.ndarray] = {}
        for done, (name, member) in enumerate(members.items(), start=1):
            if getattr(member, "inference", None) == "mode":
                member.set_params(draws=_TO_SCORE)
            own_table(member, rows)  # a model that it lacks is refused
            try:
                columns[name] = self._held_out(member, rows, region)
            except (InputError, NotConverged) as error:
                if not columns and done == len(members):
                    raise
                words = f"{name} is no candidate here: without a region of the rows, {error}"
                warnings.warn(words, ChoiceNote, stacklevel=4)
            if self.progress is not None:
                self.progress(ChainProgress(0, COMPARING, done, len(members), 0, np.nan, np.nan))
        density = guarded(np.column_stack(list(columns.values())), observed(rows))
        seed, transform = self.random_state, str(self.transform_)
        return Scored(tuple(columns), density, region, cluster, seed, transform)

    def _fitted(self, name: str, member: AbstractMixture, table: Table) -> "_Fitted":
        """A candidate fitted to all training rows."""
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            member.borrow(self)
            if self.progress is not None:
                member.progress = partial(_told_of, name, self.progress)
            failure = None
            try:
                member._fit(own_table(member, table))
            except NotConverged as error:  # as where a density is not finite
                failure = error
            member.progress = None
        return _Fitted(member, said, failure)

    def _candidates(self, table: Table) -> Candidates:
        names = self.candidates
        if names is None:
            local = self.space_.coords and not self.space_.categories
            names = LOCAL if local and not self._has_few(table) else GLOBAL
        noise = {"noise": self.noise, "tails": self.tails}
        return Candidates(
            tuple(names),
            tuple(self.coords),
            tuple(self.models),
            {"y_scale": self.y_scale, "y_transform": self.y_transform},
            {"geo": self.geo, "periodic": self.periodic, "repeats": self.repeats},
            self.inference,
            {n: value for n, value in noise.items() if value is not None},
            self.device,
            self.max_seconds,
            self.random_state,
        )

    def _scored_parts(self, table: Table) -> tuple[Table, np.ndarray, np.ndarray]:
        """The n rows that are scored, the region of each, and what is resampled together, (n,)."""
        count, least = self.regions, rows_needed(self.regions, len(table.models))
        if self._has_few(table):  # the methods that are compared then take no others
            table = table.rows(np.flatnonzero(table.known.all(axis=1)))
            count, least = FEW, FEW_ROWS
        n, k = table.f.shape
        if n < least:
            what = "rows with a value of each" if count == FEW else "rows"
            raise InputError(
                f"{count} held-out regions of {k} models need {least} {what}, and there are {n}; "
                "give more rows, or take one method, such as lbmm-gld"
            )
        rows = table.rows(scored_rows(n, self.random_state))
        places = self.space_.embed(rows.x) if self.space_.axes else np.empty((len(rows.x), 0))
        fine = regions(places, count * _CLUSTERS, self.random_state)
        if not places.shape[1]:
            fine = np.arange(len(rows.x))  # rows are independent
        return rows, regions(places, count, self.random_state), fine

    def _has_few(self, table: Table) -> bool:
        """Whether the rows are too few for the candidates that are taken by default."""
        n, k = table.f.shape
        return self.candidates is None and n < rows_needed(self.regions, k)

    def _held_out(self, member: AbstractMixture, table: Table, region: np.ndarray) -> np.ndarray:
        """Log density of each row under fits without its region, in the scale of the fit, (n,)."""
        if isinstance(member, HoldsOut):
            return member.borrow(self).held_out(own_table(member, table), region)
        found = np.empty(len(table.x))
        for number in np.unique(region):
            here = np.flatnonzero(region == number)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of fits that only score
                member.borrow(self)._fit(
                    own_table(member, table.rows(np.flatnonzero(region != number)))
                )
                law = member._predictive(own_table(member, table.rows(here)))
            found[here] = law.logpdf(observed(table)[here])
        return found

    def _predictive(self, table: Table) -> NormalMixture:
        laws = [m._predictive(own_table(m, table)) for m in self.members_.values()]
        return NormalMixture.pooled(laws, list(self.weights_.values()))

    def _numbers_of_site(self, table: Table) -> int:
        return sum(m._numbers_of_site(own_table(m, table)) for m in self.members_.values())

    def _weight_draws(self, table: Table) -> np.ndarray:
        parts = []
        for name, member in self.members_.items():
            draws = member._weight_draws(own_table(member, table))
            full = np.zeros((*draws.shape[:2], len(table.models)))
            full[..., [table.models.index(m) for m in member.models]] = draws
            # as many of its draws as its weight in the stack says
            count = max(1, round(_KEPT * self.weights_[name]))
            parts.append(full[np.linspace(0, len(full) - 1, count).astype(int)])
        return np.concatenate(parts)

    def fit_report(self) -> FitReport:
        lone = next(iter(self.members_.values())) if len(self.members_) == 1 else None
        own = FitReport(y_scale=self.scale_) if lone is None else lone.fit_report()
        return replace(
            own,
            priors=self.priors_,
            reasons=self.reasons_,
            siblings={},
            site_law=None,
            candidates=self.candidates_,
        )
