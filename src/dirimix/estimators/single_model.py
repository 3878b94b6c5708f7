"""One model by itself, with the noise that its residuals show: the baseline."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from dirimix._arrays import Floats
from dirimix.errors import InputError
from dirimix.estimators.base import AbstractMixture
from dirimix.estimators.fit_report import FitReport, noise_words
from dirimix.estimators.latent.noise_kind import (
    SampledWhereRouted,
    check_device,
    check_inference,
    check_noise,
)
from dirimix.estimators.latent.routed import fit_routed, routed
from dirimix.laws.noise import sigma_posterior
from dirimix.laws.noise_prior import NOISE_PRIORS, AbstractNoisePrior, PriorName, chosen_prior
from dirimix.laws.normal_mixture import NormalMixture
from dirimix.table.selection import complete_rows, observed
from dirimix.table.table import Table

if TYPE_CHECKING:
    from dirimix.estimators.latent.mixture import LatentMixture


@dataclass(eq=False, repr=False, kw_only=True)
class SingleModel(SampledWhereRouted, AbstractMixture):
    """y = f_k + sigma eps for one model k, predictive integrated over sigma's posterior.

    Args:
        coords: Names of the coordinate columns (not used by the law).
        models: Names of the model columns.
        model: The one that is used; by default the only one of `models`.
        noise_prior: Prior of sigma in units of y_scale: 'weak' (half-Cauchy), 'paper'
            (Gamma(5, 10)) or one of `dirimix.laws.noise_prior`.
        y_scale: Scale of the noise, in the unit of y; by default found from the training rows.
        y_transform: Scale of the fit: 'log', 'log1p', 'sqrt', 'box-cox', or none; predictions are
            in the unit of y (docs/methods.md).
        random_state: Seed of `sample_y`, and of the draws where there are any.
        noise: 'constant', or 'local': the log variance of the noise is a Gaussian process over the
            map.
        tails: 'normal' or 'student', Student's t.
        degrees: Its degrees of freedom.
        noise_sd: Prior standard deviation of the log variance of local noise.
        inference: Of noise that is not constant and normal: 'hmc', 'laplace' or 'mode', as that of
            `LatentMixture`.
        chains, draws, warmup, min_ess, max_seconds: Of its sampler, as those of `LatentMixture`.
        device: Where such noise is inferred, 'cpu' or 'gpu'.

    Attributes:
        model_: Name of the model.
        sigma_nodes_: Values of sigma that carry its posterior, (c,), with constant normal noise.
        sigma_weights_: Their probabilities, (c,).
        parts_: The `LatentMixture` that has any other noise, or None.
        sigma_: Posterior mean of sigma.
        weights_: 1 for the model and 0 for the others, (K,).
        priors_: Text of the prior of each parameter.

    >>> import numpy as np, pandas as pd
    >>> x = np.arange(12.0)
    >>> table = pd.DataFrame({"x": x, "a": np.sin(x), "b": np.cos(x)})
    >>> y = 0.6 * table["a"] + 0.4 * table["b"] + 0.4 * np.cos(3 * x)
    >>> alone = SingleModel(["x"], ["a", "b"], "a").fit(table, y)
    >>> alone.predict_interval(table.head(2), coverage=0.5).round(2)
    array([[-0.35,  0.35],
           [ 0.49,  1.19]])
    """

    model: str | None = field(default=None, kw_only=False)
    noise_prior: AbstractNoisePrior | PriorName = "weak"
    _min_models: ClassVar[int] = 1

    def _alone(self, table: Table) -> Table:
        """The rows where the model has a value, with no other."""
        alone = table.alone(self._position(table.models))
        return alone.rows(complete_rows(alone))

    def _fit(self, table: Table) -> None:
        k, alone, self.parts_ = self._position(table.models), self._alone(table), None
        self.model_ = table.models[k]
        self.weights_ = np.eye(len(table.models))[k]
        if self.is_routed:
            self.parts_ = fit_routed(self, self._routed(alone), alone)
        else:
            self._fit_sigma(alone)

    def _routed(self, table: Table) -> "LatentMixture":
        return routed(self, "single", models=table.models)

    def _sigma_posterior(self, table: Table) -> tuple[Floats, Floats]:
        """Nodes of sigma in units of `y_scale_`, and their weights."""
        unit, prior = table.in_units_of(self.y_scale_), self._prior()
        try:
            return sigma_posterior(observed(unit) - unit.f[:, 0], unit.y_err, prior)
        except InputError as error:
            raise InputError(f"of model {table.models[0]!r} {error}") from error

    def _prior(self) -> AbstractNoisePrior:
        return chosen_prior(self.noise_prior, NOISE_PRIORS)

    def _fit_sigma(self, table: Table) -> None:
        prior = self._prior()
        nodes, self.sigma_weights_ = self._sigma_posterior(table)
        self.sigma_nodes_ = nodes * self.y_scale_
        self.sigma_ = float(self.sigma_nodes_ @ self.sigma_weights_)
        self.priors_ = noise_words(prior, self.scale_)

    def check_parameters(self) -> None:
        super().check_parameters()
        chosen_prior(self.noise_prior, NOISE_PRIORS)
        check_noise(self)
        check_inference(self.inference)
        check_device(self.device, latent=self.is_routed)

    def _check_table(self, table: Table) -> None:
        alone = table.alone(self._position(table.models))
        if self.is_routed:
            self._routed(alone)._check_table(alone)
        else:
            self._sigma_posterior(self._alone(table))

    def _position(self, models: tuple[str, ...]) -> int:
        if self.model is None and len(models) == 1:
            return 0
        if self.model not in models:
            raise InputError(
                f"SingleModel uses one of the models {', '.join(models)}, and model is "
                f"{self.model!r}; name one of them"
            )
        return models.index(self.model)

    def _table_to_predict(self, X: pd.DataFrame, y_err: ArrayLike | None = None) -> Table:
        table = super()._table_to_predict(X, y_err)
        alone = table.alone(table.models.index(self.model_))
        if not alone.known.all():
            row = table.number(int(np.argmin(alone.known[:, 0])))
            raise InputError(
                f"model {self.model_!r} has no value at {int((~alone.known).sum())} of "
                f"{len(alone.f)} rows to predict, first at row {row}; leave those rows out"
            )
        return table

    def _predictive(self, table: Table) -> NormalMixture:
        alone = table.alone(table.models.index(self.model_))
        if self.parts_ is not None:
            return self.parts_._predictive(alone)
        fixed = alone.f_sd[:, 0] ** 2 + alone.y_err**2
        sd = np.sqrt(self.sigma_nodes_[:, None] ** 2 + fixed)
        mean = np.broadcast_to(alone.f[:, 0], sd.shape)
        together = np.broadcast_to(alone.f_sd[:, 0], sd.shape) if np.any(alone.f_sd) else None
        return NormalMixture(mean, sd, self.sigma_weights_, together)

    def _weight_draws(self, table: Table) -> np.ndarray:
        return np.tile(self.weights_, (1, len(table.f), 1))

    def fit_report(self) -> FitReport:
        if self.parts_ is not None:
            return self.parts_.fit_report()
        return FitReport(priors=self.priors_, sigma=self.sigma_, y_scale=self.scale_)
