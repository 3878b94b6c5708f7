"""Stacking of whole methods, or the choice of one, by regions that were held out."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np

from dirimix._arguments import check_choice
from dirimix.errors import ChoiceNote, InputError
from dirimix.estimators.base import AbstractMixture
from dirimix.estimators.fit_report import FitReport
from dirimix.estimators.latent.noise_kind import (
    NOISE,
    TAILS,
    SampledWhereRouted,
    check_device,
    check_inference,
    check_tails,
    is_plain,
)
from dirimix.estimators.stacking.choice import STACK, Scored
from dirimix.estimators.stacking.own_table import most_rows, own_table
from dirimix.estimators.stacking.regions import regions, scored_rows
from dirimix.laws.normal_mixture import NormalMixture
from dirimix.methods import Choice, parse_method
from dirimix.sampling.progress import COMPARING, ChainProgress
from dirimix.table.selection import observed
from dirimix.table.table import Table


@runtime_checkable
class _HoldsOut(Protocol):
    """A method with a quicker way to leave regions out than to fit anew."""

    def borrow(self, other: AbstractMixture) -> Self: ...

    def held_out(self, table: Table, region: np.ndarray) -> np.ndarray: ...


LOCAL = ("ridge-stacking", "bma-closed-form", "lbmm-lgp", "lbmm-lgp+delta", "signed-gp")
GLOBAL = ("equal", "simplex-ls", "ridge-stacking")
_CLUSTERS = 8  # parts of a region that are resampled together
_KEPT = 200  # draws of weights from a member
_TO_SCORE = 400  # draws of a fit that only scores
_MOST = 32  # regions


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
            surely better.
        candidates: Names of methods, without +gp; by default a list that suits the coordinates.
        regions: How many, a power of 2.
        inference: Of the final fits of latent fields: 'hmc', exact, 'laplace' or 'mode'.
        noise: That of the candidates which can have it, 'constant' or 'local'; by default each
            has its own.
        tails: The same, 'normal' or 'student'.
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
        for name in self.candidates or ():
            _candidate(name)

    def _check_table(self, table: Table) -> None:
        self._scored_parts(table)
        self._check_noise()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the fits will say it
            for member in self._build("mode").values():
                member.borrow(self)._check_table(own_table(member, table))

    def _fit(self, table: Table) -> None:
        rows, region, cluster = self._scored_parts(table)
        self._check_noise()
        members = self._build("mode")
        for member in members.values():
            if getattr(member, "inference", None) == "mode":
                member.set_params(draws=_TO_SCORE)
        columns: list[np.ndarray] = []
        for member in members.values():
            columns.append(self._held_out(member, rows, region))
            if self.progress is not None:
                done = len(columns), len(members)
                self.progress(ChainProgress(0, COMPARING, *done, 0, np.nan, np.nan))
        names, held = tuple(members), (np.column_stack(columns), region, cluster)
        scored = Scored(names, *held, self.random_state, str(self.transform_))
        chosen = STACK if self.choose == "stack" else scored.chosen
        wanted = dict(zip(names, scored.weights, strict=True)) if chosen == STACK else {chosen: 1.0}
        # a weight of nothing needs no fit
        self.weights_ = {n: float(w) for n, w in wanted.items() if w > 1e-3}
        total = sum(self.weights_.values())
        self.weights_ = {n: w / total for n, w in self.weights_.items()}
        final = self._build(self.inference)
        self.members_ = {name: final[name] for name in self.weights_}
        for member in self.members_.values():
            member.borrow(self)
            member.progress = self.progress
            member._fit(own_table(member, table))
            member.progress = None
        self.candidates_ = scored.table()
        self.summary_ = scored.sentences(chosen, len(table.x), most_rows(self.members_, table))
        reports = {name: member.fit_report() for name, member in self.members_.items()}
        self.priors_ = {
            "weights": "none; largest log score on held-out regions",
            "others": "those of the methods",
        }
        self.reasons_ = tuple(f"{n}: {r}" for n, own in reports.items() for r in own.reasons)
        self.converged_ = not self.reasons_
        if len(reports) > 1:
            for member in self.members_.values():
                if "posterior_" in vars(member):
                    vars(member)["posterior_"] = None  # one posterior is reported, not several
        if self.choose == "best":
            warnings.warn("; ".join(self.summary_), ChoiceNote, stacklevel=3)

    def _names(self) -> tuple[str, ...]:
        if self.candidates is not None:
            return tuple(self.candidates)
        return LOCAL if self.space_.coords and not self.space_.categories else GLOBAL

    def _build(self, inference: str) -> dict[str, AbstractMixture]:
        """Unfitted candidates by name, one a model where a method fits each by itself."""
        found: dict[str, AbstractMixture] = {}
        kept = self._keep_their_noise()
        for name in self._names():
            found |= self._built(name, inference, {} if name in kept else self._noise())
        return found

    def _built(
        self, name: str, inference: str, noise: Mapping[str, Any]
    ) -> dict[str, AbstractMixture]:
        method = _candidate(name).method
        options: dict[str, Any] = {
            "y_scale": self.y_scale,
            "y_transform": self.y_transform,
            **noise,
        }
        if "inference" in method.options():
            exact = issubclass(method.kind, SampledWhereRouted) and is_plain(method.kind(**noise))
            if inference != "hmc" and not exact:
                options["inference"] = inference
        if name in self._on_device():
            options["device"] = self.device
        places = {"geo": self.geo, "periodic": self.periodic, "repeats": self.repeats}
        built = method.build(
            tuple(self.coords), tuple(self.models), options, self.random_state, places
        )
        return {f"{name}:{m}" if m else name: member for m, member in built.items()}

    def _on_device(self) -> list[str]:
        """The candidates that are fitted on the device."""
        return [n for n in self._names() if "weights" in _candidate(n).method.fixed]

    def _noise(self) -> dict[str, Any]:
        """The options of noise that were given."""
        given = {"noise": self.noise, "tails": self.tails}
        return {n: value for n, value in given.items() if value is not None}

    def _check_noise(self) -> None:
        """Say which candidates cannot have the noise that was given; refuse it if none can."""
        check_device(self.device, latent=bool(self._on_device()))
        kept, words = self._keep_their_noise(), (f"{n}={v!r}" for n, v in self._noise().items())
        if not kept:
            return
        given, names = " and ".join(words), ", ".join(kept)
        if len(kept) == len(self._names()):
            raise InputError(
                f"none of the candidates {names} can have {given}; name others, such as lbmm-lgp, "
                "or leave it out"
            )
        warnings.warn(
            f"{given} is for the other candidates: {names} cannot have it, and what noise they "
            "have stays",
            ChoiceNote,
            stacklevel=4,
        )

    def _keep_their_noise(self) -> list[str]:
        """The candidates that cannot have the noise that was given."""
        wanted = self._noise()
        return [n for n in self._names() if wanted and not self._takes(n, wanted)]

    def _takes(self, name: str, noise: Mapping[str, Any]) -> bool:
        if not noise.keys() <= _candidate(name).method.options().keys():
            return False
        try:
            for member in self._built(name, self.inference, noise).values():
                member.check_parameters()
        except InputError:  # such as an evidence of normal noise alone
            return False
        return True

    def _scored_parts(self, table: Table) -> tuple[Table, np.ndarray, np.ndarray]:
        """The n rows that are scored, the region of each, and what is resampled together, (n,)."""
        least = 2 * self.regions * max(2, len(table.models))
        if len(table.x) < least:
            raise InputError(
                f"{self.regions} held-out regions of {len(table.models)} models need {least} "
                f"rows, and there are {len(table.x)}; give more rows, or take one method"
            )
        rows = table.rows(scored_rows(len(table.x), least, self.random_state))
        places = self.space_.embed(rows.x) if self.space_.axes else np.empty((len(rows.x), 0))
        fine = regions(places, self.regions * _CLUSTERS, self.random_state)
        if not places.shape[1]:
            fine = np.arange(len(rows.x))  # rows are independent
        return rows, regions(places, self.regions, self.random_state), fine

    def _held_out(self, member: AbstractMixture, table: Table, region: np.ndarray) -> np.ndarray:
        """Log density of each row under fits without its region, in the scale of the fit, (n,)."""
        if isinstance(member, _HoldsOut):
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


def _candidate(name: str) -> Choice:
    """The method of a candidate's name.

    Raises:
        InputError: If there is none that can be a candidate.
    """
    choice = parse_method(name)
    if choice.corrected or choice.method.kind is StackedMixture:
        raise InputError(f"{name} cannot be a candidate: neither corrected models (+gp) nor stacks")
    return choice
