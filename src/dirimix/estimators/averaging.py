"""Bayesian model averaging: one model is right, and the evidence says how likely each is."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import entr, softmax

from dirimix._arguments import check_choice, check_positive, check_room, check_whole
from dirimix.errors import ConvergenceWarning, InputError
from dirimix.estimators.base import AbstractMixture
from dirimix.estimators.fit_report import FitReport, noise_words
from dirimix.estimators.latent.each import fit_each, other_evidences, pooled
from dirimix.estimators.latent.noise_kind import (
    SampledWhereRouted,
    check_device,
    check_inference,
    check_noise,
    check_places,
    is_plain,
)
from dirimix.estimators.pooling import renormalise
from dirimix.laws.evidence import Evidence, closed_form, laplace, monte_carlo, quadrature
from dirimix.laws.noise import sigma_posterior
from dirimix.laws.noise_prior import (
    PRECISION_PRIORS,
    AbstractNoisePrior,
    GammaPrecision,
    PriorName,
    chosen_prior,
)
from dirimix.laws.normal_mixture import NormalMixture
from dirimix.table.selection import complete_rows, edge_rows, observed
from dirimix.table.table import Table

EVIDENCES = ("closed-form", "laplace", "monte-carlo")
_N_EVIDENCE = 8  # rows of the evidence set, where there are so many
_MOST_ERROR = 0.5  # of a log evidence: some four draws from the prior have all of it


@dataclass(eq=False, repr=False, kw_only=True)
class BayesianModelAveraging(SampledWhereRouted, AbstractMixture):
    """p(y) = sum_k p(M_k | data) p(y | M_k, data): densities mix, not means.

    The evidence is taken on a small evidence set, because on many rows it always names a single
    model; sigma's posterior of each model uses all training rows. The prior over models is
    uniform. Where a model has no value its probability goes to the others.

    Args:
        coords: Names of the coordinate columns; they choose the default evidence set.
        models: Names of the K model columns.
        evidence: "closed-form", "laplace" or "monte-carlo". With measurement errors there is no
            closed form, and quadrature takes its place (`evidence_["route"]` says so).
        noise_prior: Prior of sigma in units of y_scale, the same for all models: 'paper' or
            'weak', which are both `GammaPrecision(0.252, 0.030)`, so that the three evidences
            estimate one number, or one of `dirimix.laws.noise_prior`.
        evidence_rows: Indices or mask of the training rows that make the evidence set; by
            default `edge_rows` of those where every model has a value.
        n_evidence: Number of rows of the default evidence set; by default 8, and all rows where
            there are fewer.
        discrepancy: Precision, in units of the noise precision, of the normal prior of a
            constant shift of each model; None is no shift.
        n_monte_carlo: Number of prior draws of the Monte Carlo evidence.
        y_scale: Scale of the noise, in the unit of y; by default found from the training rows.
        y_transform: Scale of the fit: 'log', 'log1p', 'sqrt', 'box-cox', or none; predictions are
            in the unit of y (docs/methods.md).
        random_state: Seed of the Monte Carlo evidence, of draws and of `sample_y`.
        noise, tails, degrees, noise_sd: As those of `SingleModel`; noise that is not constant and
            normal needs evidence='monte-carlo'.
        inference, chains, draws, warmup, min_ess, max_seconds, device: Of the fit of each model
            with such noise, as those of `LatentMixture`.

    Attributes:
        evidence_: Frame with model, log_evidence, std_error, probability, route and
            log_evidence_quadrature, the cross-check.
        evidence_rows_: Indices of the evidence set among the training rows.
        weights_: Posterior model probabilities, (K,).
        effective_models_: exp of their entropy, between 1 and K.
        priors_: Text of the prior of each parameter.

    Reference: doi 10.1214/ss/1009212519.

    >>> import numpy as np, pandas as pd
    >>> x = np.arange(12.0)
    >>> table = pd.DataFrame({"x": x, "a": np.sin(x), "b": np.cos(x)})
    >>> y = 0.6 * table["a"] + 0.4 * table["b"] + 0.4 * np.cos(3 * x)
    >>> mixture = BayesianModelAveraging(["x"], ["a", "b"]).fit(table, y)
    >>> mixture.predict_weights(table).iloc[0].round(2).to_dict()
    {'a': 0.81, 'b': 0.19}
    """

    evidence: str = "closed-form"
    noise_prior: AbstractNoisePrior | PriorName = "weak"
    evidence_rows: Sequence[int] | np.ndarray | None = None
    n_evidence: int | None = None
    discrepancy: float | None = None
    n_monte_carlo: int = 100_000

    def _fit(self, table: Table) -> None:
        prior = chosen_prior(self.noise_prior, PRECISION_PRIORS)
        kept = complete_rows(table)
        self.evidence_rows_ = self._evidence_rows(table, kept)
        self.evidence_ = self._compare(table, self.evidence_rows_, prior)
        self.weights_ = self.evidence_["probability"].to_numpy()
        self.effective_models_ = float(np.exp(np.sum(entr(self.weights_))))
        self.members_, self.reasons_ = {}, self._doubts()
        for reason in self.reasons_:
            warnings.warn(reason, ConvergenceWarning, stacklevel=3)
        if is_plain(self):
            self._posteriors(table.rows(kept), prior)
        else:
            self._fit_members(table.rows(kept), prior)
        models = {"model": f"uniform, 1/{len(table.models)}"}
        self.priors_ = models | noise_words(prior, self.scale_)
        for member in list(self.members_.values())[:1]:
            self.priors_ |= {n: t for n, t in member.priors_.items() if n.startswith("noise")}
        if self.discrepancy is not None:
            self.priors_["shift"] = f"Normal(0, sigma^2 / {self.discrepancy:g})"

    def check_parameters(self) -> None:
        super().check_parameters()
        prior = chosen_prior(self.noise_prior, PRECISION_PRIORS)
        check_choice(self.evidence, "evidence", EVIDENCES)
        if self.evidence == "closed-form" and not isinstance(prior, GammaPrecision):
            raise InputError(
                "the closed-form evidence needs the conjugate prior GammaPrecision, not "
                f"{type(prior).__name__}; choose evidence='laplace' or 'monte-carlo'"
            )
        if self.discrepancy is not None:
            check_positive(self.discrepancy, "discrepancy")
        check_noise(self)
        check_inference(self.inference)
        check_device(self.device, latent=not is_plain(self))
        if not is_plain(self):
            self._check_other_noise()
        check_whole(self.n_monte_carlo, "n_monte_carlo", 2)
        check_room(
            4 * self.n_monte_carlo, f"{self.n_monte_carlo} draws; ask for a smaller n_monte_carlo"
        )
        if self.n_evidence is None:
            return
        check_whole(self.n_evidence, "n_evidence", 2)
        if self.n_evidence % 2:
            raise InputError(f"n_evidence must be an even number, not {self.n_evidence}")

    def _check_other_noise(self) -> None:
        if self.evidence != "monte-carlo":
            raise InputError(
                f"evidence={self.evidence!r} is of constant normal noise; take "
                "evidence='monte-carlo' (bma-monte-carlo) for noise='local' or tails='student'"
            )
        if self.discrepancy is not None:
            raise InputError(
                "discrepancy, a constant shift, goes with constant normal noise only; leave it out"
            )

    def _check_table(self, table: Table) -> None:
        check_places(self, self.space_)
        self._evidence_rows(table, complete_rows(table))

    def _evidence_rows(self, table: Table, kept: np.ndarray) -> np.ndarray:
        if self.evidence_rows is not None:
            return _checked_rows(np.asarray(self.evidence_rows), table)
        if self.n_evidence is None and len(kept) <= _N_EVIDENCE:
            return kept
        count = self.n_evidence or _N_EVIDENCE
        return kept[edge_rows(self.space_.embed(table.x[kept]), count)]

    def _compare(self, table: Table, rows: np.ndarray, prior: AbstractNoisePrior) -> pd.DataFrame:
        every, table = table, table.rows(rows)
        unit = table.in_units_of(self.y_scale_)
        residuals = (observed(unit)[:, None] - unit.f).T
        if is_plain(self):
            exact = [quadrature(d, unit.y_err, prior, self.discrepancy) for d in residuals]
            found = self._evidences(residuals, unit.y_err, prior, exact)
        else:
            found = other_evidences(self, every, rows, prior)
            exact = [Evidence(np.nan, np.nan, "none")] * len(found)
        # densities of y, whatever the scale and the unit they are taken in
        slope = self.transform_.log_jacobian(self.transform_.back(observed(table)))
        jacobian = float(np.sum(slope - np.log(self.y_scale_)))
        log = np.array([e.log for e in found]) + jacobian
        return pd.DataFrame(
            {
                "model": list(table.models),
                "log_evidence": log,
                "std_error": [e.std_error for e in found],
                "probability": softmax(log),
                "route": [e.route for e in found],
                "log_evidence_quadrature": [e.log + jacobian for e in exact],
            }
        )

    def _evidences(
        self,
        residuals: np.ndarray,
        error: np.ndarray,
        prior: AbstractNoisePrior,
        exact: list[Evidence],
    ) -> list[Evidence]:
        if self.evidence == "laplace":
            return [laplace(d, error, prior, self.discrepancy) for d in residuals]
        if self.evidence == "monte-carlo":
            # common draws: the error of a ratio of evidences is smaller than that of either
            sigma = prior.sample(self._generator("evidence"), self.n_monte_carlo)
            return [monte_carlo(d, error, sigma, self.discrepancy) for d in residuals]
        if isinstance(prior, GammaPrecision) and not np.any(error):
            return [closed_form(d, prior, self.discrepancy) for d in residuals]
        return exact

    def _doubts(self) -> tuple[str, ...]:
        """A sentence where so few draws decide an evidence that it cannot be read as an answer."""
        found = self.evidence_
        lost = found.loc[~(found["std_error"] <= _MOST_ERROR), "model"]
        if lost.empty:
            return ()
        advice = "a larger n_monte_carlo" + " or evidence = 'laplace'" * is_plain(self)
        return (
            f"the Monte Carlo evidence of {', '.join(map(str, lost))} rests on a few draws from "
            f"the prior of the noise, which is too far from the residuals (try {advice})",
        )

    def _fit_members(self, table: Table, prior: AbstractNoisePrior) -> None:
        self.members_ = fit_each(self, table, prior)
        reasons = {m: member.reasons_ for m, member in self.members_.items()}
        self.reasons_ += tuple(f"{m}: {r}" for m, own in reasons.items() for r in own)
        self.converged_ = not self.reasons_

    def _posteriors(self, table: Table, prior: AbstractNoisePrior) -> None:
        """Set the nodes of each model's posterior of sigma and of its shift, each (c,)."""
        unit = table.in_units_of(self.y_scale_)
        residuals = (observed(unit)[:, None] - unit.f).T
        nodes = [sigma_posterior(d, unit.y_err, prior, self.discrepancy) for d in residuals]
        shifts = [
            _shift(sigma, d, unit.y_err, self.discrepancy)
            for (sigma, _), d in zip(nodes, residuals, strict=True)
        ]
        self.node_model_ = np.repeat(np.arange(len(nodes)), [len(s) for s, _ in nodes])
        self.node_sigma_ = np.concatenate([sigma for sigma, _ in nodes]) * self.y_scale_
        self.node_weight_ = np.concatenate([weight for _, weight in nodes])
        self.node_shift_ = np.concatenate([mean for mean, _ in shifts]) * self.y_scale_
        variance = np.concatenate([variance for _, variance in shifts])
        self.node_shift_variance_ = variance * self.y_scale_**2

    def _predictive(self, table: Table) -> NormalMixture:
        probability = self._weight_draws(table)[0].T
        # a component without weight may stand anywhere: on the mean of the known ones
        somewhere = np.sum(probability * np.where(table.known, table.f, 0.0).T, axis=0)
        if self.members_:
            filled = replace(table, f=np.where(table.known, table.f, somewhere[:, None]))
            return pooled(self.members_, filled, probability)
        k = self.node_model_
        mean = np.where(table.known, table.f, somewhere[:, None]).T[k] + self.node_shift_[:, None]
        # the shift of a model is one number, and its correction errs alike at sites that are close
        together = np.where(table.known, table.f_sd, 0.0).T[k] ** 2
        together = together + self.node_shift_variance_[:, None]
        variance = self.node_sigma_[:, None] ** 2 + together + table.y_err**2
        weight = probability[k] * self.node_weight_[:, None]
        together = np.sqrt(together) if together.any() else None
        return NormalMixture(mean, np.sqrt(variance), weight, together)

    def _alike(self, X: pd.DataFrame, count: int, seed: int) -> np.ndarray | None:
        corrected = super()._alike(X, count, seed)
        if corrected is not None or self.discrepancy is None:
            return corrected
        shift = self._generator("shift", seed).standard_normal(count)
        return np.broadcast_to(shift[:, None], (count, len(X)))

    def _weight_draws(self, table: Table) -> np.ndarray:
        return renormalise(self.weights_[None], table.known)

    def fit_report(self) -> FitReport:
        return FitReport(
            priors=self.priors_, y_scale=self.scale_, evidence=self.evidence_, reasons=self.reasons_
        )


def _shift(
    sigma: np.ndarray, residual: np.ndarray, error: np.ndarray, discrepancy: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Posterior mean and variance of the constant shift at each sigma, (c,) each."""
    if discrepancy is None:
        return np.zeros_like(sigma), np.zeros_like(sigma)
    precision = 1 / (sigma[:, None] ** 2 + error**2)
    total = precision.sum(axis=1) + discrepancy / sigma**2
    return precision @ residual / total, 1 / total


def _checked_rows(rows: np.ndarray, table: Table) -> np.ndarray:
    """Indices of an evidence set given as indices or mask, all usable and different."""
    n = len(table.f)
    if rows.dtype == bool and rows.shape != (n,):
        raise InputError(
            f"evidence_rows is a mask of shape {rows.shape}, but there are {n} training rows"
        )
    index = np.flatnonzero(rows) if rows.dtype == bool else rows
    if index.ndim != 1 or not len(index) or not np.issubdtype(index.dtype, np.integer):
        raise InputError("evidence_rows must be a mask or a list of row indices, and not empty")
    if index.min() < 0 or index.max() >= n or len(np.unique(index)) < len(index):
        raise InputError(
            f"evidence_rows must be different indices from 0 to {n - 1}, not {index.tolist()}"
        )
    lacking = ~table.known[index]
    if lacking.any():
        row, k = np.argwhere(lacking)[0]
        place = table.number(int(index[row]))
        raise InputError(
            f"evidence_rows names index {index[row]}, and there (row {place}) model "
            f"{table.models[k]!r} has no value; choose rows where every model has one"
        )
    return index
