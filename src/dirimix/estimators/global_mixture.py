"""gBMM+L and gBMM+D: sampled weights that are the same everywhere."""

import copy
from abc import abstractmethod
from collections.abc import Sequence
from typing import Self

import numpy as np
import xarray as xr
from scipy.stats import halfnorm

from dirimix.errors import InputError
from dirimix.estimators.base import AbstractMixture
from dirimix.estimators.global_posterior import (
    AbstractGlobalPosterior,
    DirichletPosterior,
    LinearPosterior,
)
from dirimix.estimators.pooling import pool, renormalise
from dirimix.laws.noise import GammaNoise
from dirimix.laws.normal_mixture import NormalMixture
from dirimix.sampling import convergence, posterior, sampler
from dirimix.sampling.posterior import Quantity
from dirimix.sampling.progress import Listener
from dirimix.table.selection import complete_rows, observed, refuse_answers
from dirimix.table.table import Table


class AbstractGlobalMixture(AbstractMixture):
    """Sampling, bookkeeping and prediction that the two global mixtures share."""

    chains: int
    draws: int
    warmup: int
    kernel: str
    min_ess: float | None
    max_seconds: float | None
    noise_prior: GammaNoise | None
    y_scale: float
    progress: Listener | None
    _accept = 0.97  # cheap trajectories, in a posterior with corners

    @abstractmethod
    def _log_priors(self, sample: sampler.Sample) -> dict[str, np.ndarray]:
        """Log prior density of each prior's parameters, draw by draw, (chains, draws) each."""

    def _noise(self) -> GammaNoise:
        return (self.noise_prior or GammaNoise()).scaled(self.y_scale)

    def _sample(self, model: AbstractGlobalPosterior) -> sampler.Sample:
        refuse_answers(model.table)
        settings = sampler.Settings(
            self.chains,
            self.draws,
            self.warmup,
            self.kernel,
            trajectory=4.0,
            target_accept=self._accept,
            seed=self.random_state,
            min_ess=self.min_ess,
            max_seconds=self.max_seconds,
        )
        start = model.start(self.chains, self._generator("start"))
        sample = sampler.sample(
            model,
            start,
            settings,
            lambda draws: posterior.diagnose(_checked(draws, model.table)),
            self.progress,
        )
        self._keep(sample, settings, model.table)
        return sample

    def _keep(self, sample: sampler.Sample, settings: sampler.Settings, table: Table) -> None:
        quantities = _quantities(sample.draws, table)
        self.diagnostics_ = sample.summary
        verdict = convergence.judge(self.diagnostics_, sample.stats)
        self.converged_ = verdict.converged
        self.sampling_ = posterior.sampling_record(sample, settings, verdict)
        self.posterior_ = posterior.data_tree(
            quantities,
            sample.stats,
            {"y": Quantity(observed(table), ("point",))},
            {
                "f": Quantity(table.f, ("point", "model"), ((), table.models)),
                "y_err": Quantity(table.y_err, ("point",)),
            },
            Quantity(sample.draws["log_likelihood"], ("point",)),
        )
        log_prior = {n: (("chain", "draw"), v) for n, v in self._log_priors(sample).items()}
        self.posterior_["log_prior"] = xr.DataTree(xr.Dataset(log_prior))
        posterior.warn_unless(verdict, type(self).__name__)
        self.weight_draws_ = _flat(sample.draws["weights"])
        self.sigma_draws_ = _flat(sample.draws["sigma"])
        self.sigma_ = float(self.sigma_draws_.mean())

    def _predictive(self, table: Table) -> NormalMixture:
        return pool(table, self.weight_draws_, self.sigma_draws_)

    def _weight_draws(self, table: Table) -> np.ndarray:
        return renormalise(self.weight_draws_, table.known)


class LinearMixture(AbstractGlobalMixture):
    """Global linear mixing with the simplex projection (gBMM+L).

    y = sum_k w_k f_k + sigma eps with independent w_k ~ Uniform(0, 1); every posterior draw is
    then projected, w_k <- max(w_k, 0) / sum_l max(w_l, 0). `unprojected()` shows what that costs.

    Args:
        coords: Names of the coordinate columns (not used by the law).
        models: Names of the K model columns.
        chains: Independent chains.
        draws: Draws kept from each.
        warmup: Iterations before them.
        kernel: 'hmc', 'nuts' or 'metropolis'.
        min_ess: Effective sample size, bulk and tail, that everything in `diagnostics_` is to
            reach, with an R-hat that passes: after `draws` a tenth as many more, again and
            again until it does. None for `draws` alone.
        max_seconds: Wall time after which no more draws are begun.
        noise_prior: Prior of sigma; by default the paper's, `GammaNoise(5, 10)`.
        y_scale: Unit of the noise prior, in the unit of y.
        random_state: Same seed, same draws.
        progress: CollectedWarnings of every chunk of every chain.

    Attributes:
        weights_: Posterior mean of the projected weights, (K,).
        weight_draws_: Draws of the projected weights, (s, K).
        sigma_: Posterior mean of sigma.
        posterior_: xarray DataTree of all draws (weights before the projection).
        diagnostics_: Convergence of every parameter and of the predictions at the training sites.
        sampling_: How the sample was made.
        converged_: Whether its checks passed.
        priors_: Text of every prior.
    """

    _accept = 0.98  # sharper corners

    def __init__(
        self,
        coords: Sequence[str] = (),
        models: Sequence[str] = (),
        *,
        chains: int = 4,
        draws: int = 2000,
        warmup: int = 1000,
        kernel: str = "hmc",
        min_ess: float | None = None,
        max_seconds: float | None = None,
        noise_prior: GammaNoise | None = None,
        y_scale: float = 1.0,
        random_state: int = 0,
        progress: Listener | None = None,
    ) -> None:
        self.coords = coords
        self.models = models
        self.chains = chains
        self.draws = draws
        self.warmup = warmup
        self.kernel = kernel
        self.min_ess = min_ess
        self.max_seconds = max_seconds
        self.noise_prior = noise_prior
        self.y_scale = y_scale
        self.random_state = random_state
        self.progress = progress

    def _fit(self, table: Table) -> None:
        self.priors_ = {"weights": "Uniform(0, 1), independent", "sigma": str(self._noise())}
        table = table.rows(complete_rows(table))
        sample = self._sample(LinearPosterior(table, self._noise()))
        free = _flat(sample.draws["weights"])
        self.free_draws_ = free
        self.weight_draws_ = free / free.sum(axis=1, keepdims=True)
        self.weights_ = self.weight_draws_.mean(axis=0)

    def _log_priors(self, sample: sampler.Sample) -> dict[str, np.ndarray]:
        return {"sigma": self._noise().log_density(sample.draws["sigma"])}

    def unprojected(self) -> Self:
        """The same fit with the weights as sampled, before the projection."""
        if not hasattr(self, "free_draws_"):
            raise InputError("unprojected() needs a fitted LinearMixture; call fit first")
        sibling = copy.copy(self)
        sibling.weight_draws_ = self.free_draws_
        sibling.weights_ = self.free_draws_.mean(axis=0)
        return sibling


class DirichletMixture(AbstractGlobalMixture):
    """Global Dirichlet mixing (gBMM+D): w ~ Dirichlet(alpha), alpha_k ~ HalfNormal.

    alpha < 1 is close to the selection of one model, alpha > 1 is true mixing; the posterior of
    alpha (in `diagnostics_`) says which.

    Args:
        coords: Names of the coordinate columns (not used by the law).
        models: Names of the K model columns.
        alpha_scale: Scale of the half-normal prior (a default; the paper's is not known).
        chains: Independent chains.
        draws: Draws kept from each.
        warmup: Iterations before them.
        kernel: 'hmc', 'nuts' or 'metropolis'.
        min_ess: Effective sample size, bulk and tail, that everything in `diagnostics_` is to
            reach, with an R-hat that passes: after `draws` a tenth as many more, again and
            again until it does. None for `draws` alone.
        max_seconds: Wall time after which no more draws are begun.
        noise_prior: Prior of sigma; by default the paper's, `GammaNoise(5, 10)`.
        y_scale: Unit of the noise prior, in the unit of y.
        random_state: Same seed, same draws.
        progress: CollectedWarnings of every chunk of every chain.

    Attributes:
        weights_: Posterior mean of the weights, (K,).
        weight_draws_: Draws of the weights, (s, K).
        sigma_: Posterior mean of sigma.
        posterior_: xarray DataTree of all draws.
        diagnostics_: Convergence of every parameter and of the predictions at the training sites.
        sampling_: How the sample was made.
        converged_: Whether its checks passed.
        priors_: Text of every prior.
    """

    def __init__(
        self,
        coords: Sequence[str] = (),
        models: Sequence[str] = (),
        *,
        alpha_scale: float = 1.0,
        chains: int = 4,
        draws: int = 1000,
        warmup: int = 1000,
        kernel: str = "hmc",
        min_ess: float | None = None,
        max_seconds: float | None = None,
        noise_prior: GammaNoise | None = None,
        y_scale: float = 1.0,
        random_state: int = 0,
        progress: Listener | None = None,
    ) -> None:
        self.coords = coords
        self.models = models
        self.alpha_scale = alpha_scale
        self.chains = chains
        self.draws = draws
        self.warmup = warmup
        self.kernel = kernel
        self.min_ess = min_ess
        self.max_seconds = max_seconds
        self.noise_prior = noise_prior
        self.y_scale = y_scale
        self.random_state = random_state
        self.progress = progress

    def _fit(self, table: Table) -> None:
        self.priors_ = {
            "weights": "Dirichlet(alpha)",
            "alpha": f"HalfNormal({self.alpha_scale:g})",
            "sigma": str(self._noise()),
        }
        table = table.rows(complete_rows(table))
        self._sample(DirichletPosterior(table, self._noise(), self.alpha_scale))
        self.weights_ = self.weight_draws_.mean(axis=0)

    def _log_priors(self, sample: sampler.Sample) -> dict[str, np.ndarray]:
        alpha = halfnorm.logpdf(sample.draws["alpha"], scale=self.alpha_scale).sum(axis=-1)
        return {"alpha": alpha, "sigma": self._noise().log_density(sample.draws["sigma"])}


def _quantities(draws: dict[str, np.ndarray], table: Table) -> dict[str, Quantity]:
    """The parameters by name."""
    of_models = {n: draws[n] for n in ("weights", "alpha") if n in draws}
    found = {n: Quantity(v, ("model",), (table.models,)) for n, v in of_models.items()}
    return found | {"sigma": Quantity(draws["sigma"])}


def _checked(draws: dict[str, np.ndarray], table: Table) -> dict[str, Quantity]:
    """All that must converge: the parameters, and the predictions at the training sites."""
    rows = tuple(map(str, range(1, len(table.f) + 1)))
    prediction = Quantity(draws["weights"] @ table.f.T, ("point",), (rows,))
    return _quantities(draws, table) | {"prediction": prediction}


def _flat(draws: np.ndarray) -> np.ndarray:
    """Chains one after the other, (s, ...)."""
    return draws.reshape(-1, *draws.shape[2:])
