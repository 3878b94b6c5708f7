"""gBMM+L and gBMM+D: sampled weights that are the same everywhere."""

import copy
import warnings
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from scipy.stats import halfnorm
from sklearn.utils.validation import check_is_fitted

from dirimix._arguments import check_positive
from dirimix.errors import FitWarning
from dirimix.estimators.fit_report import FitReport
from dirimix.estimators.global_posterior import (
    AbstractGlobalPosterior,
    DirichletPosterior,
    LinearPosterior,
)
from dirimix.estimators.latent.noise_kind import RoutedOptions, check_device, check_inference
from dirimix.estimators.latent.routed import fit_routed, routed
from dirimix.estimators.pooling import PartDraws, mixed, pool, renormalise
from dirimix.estimators.sampled import AbstractSampledMixture, Draws, flat
from dirimix.laws.half_normal_dirichlet import HalfNormalDirichlet
from dirimix.laws.normal_mixture import NormalMixture
from dirimix.sampling.posterior import Quantity
from dirimix.table.selection import complete_rows
from dirimix.table.table import Table

_FAR = 3  # standard deviations of the noise by which a projection may move predictions


@dataclass(eq=False, repr=False, kw_only=True)
class AbstractGlobalMixture(RoutedOptions, AbstractSampledMixture):
    """Prediction from draws of one weight vector for all sites."""

    _accept: ClassVar[float] = 0.97  # cheap trajectories; steep where a weight ends
    _form: ClassVar[str]  # of the weights, by the names of `LatentMixture`

    @abstractmethod
    def _model(self, table: Table) -> AbstractGlobalPosterior:
        """The log joint with constant normal noise, of a table in units of `y_scale_`."""

    @abstractmethod
    def _projected(self, weights: np.ndarray) -> np.ndarray:
        """The weights that predict, (s, K), from those that were inferred."""

    def check_parameters(self) -> None:
        super().check_parameters()
        check_inference(self.inference)
        check_device(self.device, latent=self.is_routed)

    def _check_table(self, table: Table) -> None:
        if self.is_routed:
            routed(self, self._form)._check_table(table)
        else:
            super()._check_table(table)

    def _fit(self, table: Table) -> None:
        table, self.parts_ = table.rows(complete_rows(table)), None
        if self.is_routed:
            self.parts_ = fit_routed(self, routed(self, self._form), table)
            self.free_draws_ = self.parts_._weight_draws(table.rows(np.arange(1)))[:, 0]
        else:
            draws = self._sample(self._model(table.in_units_of(self.y_scale_)), table)
            self.free_draws_ = flat(draws["weights"])
            self.sigma_draws_ = flat(self._sigma(draws))
        self.weight_draws_ = self._projected(self.free_draws_)
        self.weights_ = self.weight_draws_.mean(axis=0)

    def _points(self, table: Table) -> tuple[str, ...]:
        return tuple(str(table.number(row)) for row in range(len(table.f)))

    def _quantities(self, draws: Draws, table: Table) -> dict[str, Quantity]:
        of_models = {n: draws[n] for n in ("weights", "alpha") if n in draws}
        found = {n: Quantity(v, ("model",), (table.models,)) for n, v in of_models.items()}
        return found | {"sigma": Quantity(self._sigma(draws))}

    def _predictions(self, kept: Mapping[str, Quantity], table: Table) -> np.ndarray:
        return kept["weights"].values @ table.f.T

    def _predictive(self, table: Table) -> NormalMixture:
        if self.parts_ is None:
            return pool(table, self.weight_draws_, self.sigma_draws_)
        return pool(table, self.weight_draws_, *self.parts_.noise_draws(table))

    def _part_draws(self, table: Table) -> PartDraws:
        mixture = mixed(table, self.weight_draws_)
        if self.parts_ is not None:
            return PartDraws(mixture, self.parts_.noise_draws(table)[0])
        return PartDraws(mixture, np.broadcast_to(self.sigma_draws_[:, None], mixture.shape))

    def _weight_draws(self, table: Table) -> np.ndarray:
        return renormalise(self.weight_draws_, table.known)


@dataclass(eq=False, repr=False, kw_only=True)
class LinearMixture(AbstractGlobalMixture):
    """Global linear mixing with the simplex projection (gBMM+L).

    y = sum_k w_k f_k + sigma eps with independent w_k ~ Uniform(0, 1); every posterior draw is
    then projected, w_k <- max(w_k, 0) / sum_l max(w_l, 0). `unprojected()` shows what that costs.

    Args:
        coords: Names of the coordinate columns (not used by the law).
        models: Names of the K model columns.
        chains, draws, warmup, kernel, min_ess, max_seconds, noise_prior, progress: As those of
            `DirichletMixture`; more draws by default.
        y_scale: Scale of the noise, in the unit of y; by default found from the training rows.
        y_transform: Scale of the fit: 'log', 'log1p', 'sqrt', 'box-cox', or none; predictions are
            in the unit of y (docs/methods.md).
        random_state: Same seed, same draws.
        noise, tails, degrees, noise_sd, inference, device: As those of `DirichletMixture`.

    Attributes:
        weights_: Posterior mean of the projected weights, (K,).
        weight_draws_: Draws of the projected weights, (s, K).
        sigma_: Posterior mean of sigma.
        posterior_: xarray DataTree of all draws (weights before the projection).
        diagnostics_: Convergence of every parameter and of the predictions at the training sites.
        sampling_, converged_, priors_: As those of `DirichletMixture`.

    >>> import numpy as np, pandas as pd
    >>> x = np.arange(12.0)
    >>> table = pd.DataFrame({"x": x, "a": np.sin(x), "b": np.cos(x)})
    >>> y = 0.6 * table["a"] + 0.4 * table["b"] + 0.4 * np.cos(3 * x)
    >>> mixture = LinearMixture(["x"], ["a", "b"], chains=2, draws=600, min_ess=400).fit(table, y)
    >>> mixture.predict_weights(table).iloc[0].round(1).to_dict()
    {'a': 0.6, 'b': 0.4}
    """

    draws: int = 2000
    _form: ClassVar[str] = "uniform"
    _accept: ClassVar[float] = 0.8  # between walls, that reflect, nearly a normal density

    def _fit(self, table: Table) -> None:
        super()._fit(table)
        rows = table.rows(complete_rows(table))
        moved = rows.f @ (self.weights_ - self.free_draws_.mean(axis=0))
        if (far := float(np.sqrt(np.mean(moved**2)))) > _FAR * self.sigma_:
            warnings.warn(
                f"weights that are made to sum to one move the predictions of gbmm-l by {far:.3g} "
                f"(rms), and its noise is {self.sigma_:.3g}: intervals do not hold the "
                "observations; correct the models (+gp), or take gbmm-d",
                FitWarning,
                stacklevel=3,
            )

    def _model(self, table: Table) -> LinearPosterior:
        return LinearPosterior(table, self._noise())

    def _projected(self, weights: np.ndarray) -> np.ndarray:
        return weights / weights.sum(axis=1, keepdims=True)

    def _priors(self) -> dict[str, str]:
        return {"weights": "Uniform(0, 1), independent"}

    def _log_priors(self, draws: Draws) -> dict[str, np.ndarray]:
        del draws  # the weights' prior is flat
        return {}

    def fit_report(self) -> FitReport:
        return replace(super().fit_report(), siblings={"unprojected": self.unprojected})

    def unprojected(self) -> Self:
        """The same fit with the weights as sampled, before the projection."""
        check_is_fitted(self)
        sibling = copy.copy(self)
        sibling.weight_draws_ = self.free_draws_
        sibling.weights_ = self.free_draws_.mean(axis=0)
        return sibling


@dataclass(eq=False, repr=False, kw_only=True)
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
        min_ess: Effective sample size that all of `diagnostics_` is to reach, R-hat passing:
            after `draws` a tenth as many more, again and again, up to sixteen times the larger of
            both; 0 for `draws` alone. None for that of the checks, and up to four times `draws`,
            or eight where four times show that these will be enough.
        max_seconds: Wall time that breaks the warm-up off, and all draws but the first 20 a chain.
        noise_prior: Prior of sigma in units of y_scale: 'weak' (half-Cauchy), 'paper'
            (Gamma(5, 10)) or one of `dirimix.laws.noise_prior`.
        y_scale: Scale of the noise, in the unit of y; by default found from the training rows.
        y_transform: Scale of the fit: 'log', 'log1p', 'sqrt', 'box-cox', or none; predictions are
            in the unit of y (docs/methods.md).
        random_state: Same seed, same draws.
        progress: Callback that gets a `ChainProgress` after every chunk of every chain.
        noise: 'constant', one level everywhere, or 'local': the log variance of the noise is a
            Gaussian process over the map, and follows the models' spread.
        tails: 'normal', or 'student': Student's t, so that few rows do not set the noise of all.
        degrees: Its degrees of freedom.
        noise_sd: Prior standard deviation of the log variance of local noise.
        inference: 'hmc', exact; 'laplace' or 'mode', approximations, as those of `LatentMixture`.
        device: 'cpu'; 'gpu' where the noise or the inference makes it a `LatentMixture`.

    Attributes:
        weights_: Posterior mean of the weights, (K,).
        weight_draws_: Draws of the weights, (s, K).
        sigma_: Posterior mean of sigma.
        posterior_: xarray DataTree of all draws.
        diagnostics_: Convergence of every parameter and of the predictions at the training sites.
        sampling_: How the sample was made.
        converged_: Whether its checks passed.
        priors_: Text of every prior.

    >>> import numpy as np, pandas as pd
    >>> x = np.arange(12.0)
    >>> table = pd.DataFrame({"x": x, "a": np.sin(x), "b": np.cos(x)})
    >>> y = 0.6 * table["a"] + 0.4 * table["b"] + 0.4 * np.cos(3 * x)
    >>> mixture = DirichletMixture(["x"], ["a", "b"], chains=2, min_ess=400).fit(table, y)
    >>> mixture.predict_interval(table.head(1)).round(1)
    array([[-0.1,  1. ]])
    """

    alpha_scale: float = 1.0
    _form: ClassVar[str] = "dirichlet"

    def check_parameters(self) -> None:
        super().check_parameters()
        check_positive(self.alpha_scale, "alpha_scale")

    def _model(self, table: Table) -> DirichletPosterior:
        return DirichletPosterior(table.deviations(), self._noise(), self.alpha_scale)

    def _projected(self, weights: np.ndarray) -> np.ndarray:
        return weights

    def _quantities(self, draws: Draws, table: Table) -> dict[str, Quantity]:
        return super()._quantities({**draws, "alpha": self._alpha(draws)}, table)

    def _alpha(self, draws: Draws) -> np.ndarray:
        """Draws of the concentrations, which the sampler integrates out, the same at every call."""
        law = HalfNormalDirichlet(self.alpha_scale)
        return law.concentrations(draws["log_g"], self._generator("alpha"))

    def _priors(self) -> dict[str, str]:
        return {"weights": "Dirichlet(alpha)", "alpha": f"HalfNormal({self.alpha_scale:g})"}

    def _log_priors(self, draws: Draws) -> dict[str, np.ndarray]:
        return {"alpha": halfnorm.logpdf(self._alpha(draws), scale=self.alpha_scale).sum(axis=-1)}
