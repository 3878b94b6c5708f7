"""Mixtures made of parts: weights, noise and discrepancy in any combination."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import halfnorm

from dirimix._arguments import check_room, check_whole
from dirimix._cores import on_device
from dirimix.estimators.latent.build import (
    COMPLETE,
    Parts,
    check_parts,
    make_posterior,
    refuse_gaps,
)
from dirimix.estimators.latent.held_out import log_density_without
from dirimix.estimators.latent.laplace import approximate, as_sample
from dirimix.estimators.latent.noise_kind import check_device, check_inference
from dirimix.estimators.latent.posterior import LatentPosterior, factors
from dirimix.estimators.latent.weights import DirichletWeights, Ensemble
from dirimix.estimators.pooling import PartDraws, mixed, pool, thin
from dirimix.estimators.sampled import HEAVY, AbstractSampledMixture, Draws, flat
from dirimix.laws.normal_mixture import NormalMixture
from dirimix.sampling import posterior
from dirimix.sampling.importance import FEWEST
from dirimix.sampling.posterior import Quantity
from dirimix.table.selection import complete_rows, fitted_rows, refuse_answers
from dirimix.table.table import Table

_KEPT = 1000  # draws that prediction uses
_MATRICES = 20  # of the rows squared, that an approximation holds at once


@dataclass(eq=False, repr=False, kw_only=True)
class LatentMixture(AbstractSampledMixture):
    """Mixing with latent Gaussian fields: smooth or constant weights, local noise, discrepancy.

    y = w(x) . f(x) + discrepancy(x) + s(x) e. The weights are softmax(g(x)) with Gaussian
    processes g (`weights="simplex-gp"`), linear or constant g, or free and signed; the noise is
    one level or a field that follows the models' spread, normal or Student's t; a discrepancy is
    inferred together with the weights. `predict_parts` says how much of a prediction is which.

    Args:
        coords: Names of the q coordinate columns.
        models: Names of the K model columns.
        weights: 'simplex-gp', 'simplex-linear', 'simplex', 'free-gp', 'free', 'single', or those
            of gBMM: 'dirichlet' (`DirichletMixture`) and 'uniform' (`LinearMixture` without the
            projection).
        noise: 'constant' or 'local'.
        tails: 'normal' or 'student'.
        discrepancy: 'none', 'delta' (a Gaussian process that is added) or 'contrast' (signed
            departures of the weights along the models' differences).
        inference: 'hmc', exact; 'laplace', an approximation; `sampling_` has its k; 'mode', the
            same with hyperparameters and noise at their mode, quick and for comparisons only.
        degrees: Degrees of freedom of Student's t.
        noise_sd: Prior standard deviation of the log noise variance over the map.
        delta_scale: Prior mean of the discrepancy's amplitude, in units of `y_scale`.
        contrast_scale: Prior mean of the size of signed departures.
        alpha_scale: Scale of the half-normal prior of the concentrations of weights='dirichlet'.
        components: Number of principal components of the models' differences that weights='free-gp'
            and 'free' follow, fewer than K: for models that nearly agree. By default all: signed
            weights of sum one. 'free' for a field a model, whose sum is free.
        chains: Independent chains.
        draws: Of each chain, or of an approximation; None for 1,000, or 500 that pass the checks.
        warmup, kernel, trajectory, min_ess, max_seconds: As those of `LocalDirichletMixture`.
        device: Where the fit is computed, 'cpu' or 'gpu'; predictions are made on the processor.
        noise_prior, y_scale, random_state, progress: As those of `LocalDirichletMixture`.

    Attributes:
        latents_: Draws of all latents that prediction uses, by name, (s, ...).
        posterior_: xarray DataTree of all draws.
        diagnostics_: Convergence of all parameters and of weights, discrepancy, noise and
            predictions at the training sites.
        sampling_: How the sample was made.
        converged_: Whether its checks passed.
        priors_: Text of every prior.
        sigma_: Posterior mean of sigma.

    >>> import numpy as np, pandas as pd
    >>> x = np.arange(12.0)
    >>> table = pd.DataFrame({"x": x, "a": np.sin(x), "b": np.cos(x)})
    >>> y = 0.6 * table["a"] + 0.4 * table["b"] + 0.4 * np.cos(3 * x)
    >>> mixture = LatentMixture(["x"], ["a", "b"], weights="simplex", inference="laplace")
    >>> mixture.fit(table, y).predict_weights(table).iloc[0].round(1).to_dict()
    {'a': 0.6, 'b': 0.4}
    """

    weights: str = "simplex-gp"
    noise: str = "local"
    tails: str = "student"
    discrepancy: str = Parts.discrepancy
    inference: str = "hmc"
    delta_scale: float = Parts.delta_scale
    contrast_scale: float = Parts.contrast_scale
    alpha_scale: float = Parts.alpha_scale
    components: int | str | None = Parts.components
    draws: int | None = None
    warmup: int = 300
    trajectory: float = 4.0
    _accept: ClassVar[float] = 0.9
    _min_models: ClassVar[int] = 1
    uses_places: ClassVar[bool] = True

    @property
    def complete_only(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether it is fitted to rows where every model has a value."""
        return self.weights in COMPLETE

    def check_parameters(self) -> None:
        super().check_parameters()
        check_inference(self.inference)
        check_device(self.device, latent=True)
        if self.inference != "hmc":
            check_whole(self.wanted_draws, "draws", FEWEST)
        self._parts()

    def _check_table(self, table: Table) -> None:
        super()._check_table(table)
        if self.complete_only:
            table = table.rows(np.flatnonzero(table.known.all(axis=1)))
        check_parts(self._parts(), table, self.space_)

    def _check_room(self, table: Table) -> None:
        super()._check_room(table)
        if self.inference != "hmc":
            known = fitted_rows(table.known, complete=self.complete_only)
            check_room(
                _MATRICES * (n := int(known.sum())) ** 2,
                f"inference = {self.inference!r} holds {_MATRICES} numbers for every pair of {n} "
                "rows; fit to fewer (n_train), or take inference = 'hmc'",
            )

    def _fit(self, table: Table) -> None:
        if self.complete_only:
            table = table.rows(complete_rows(table))
        self.model_ = self.make_model(table)
        if self.inference == "hmc":
            heavy = table.f.size >= HEAVY
            draws = self._sample(self.model_, table, options=f"({self._words()})", heavy=heavy)
        else:
            with on_device(self.device):
                draws = self._approximate(table)
        self.keep_latents({n: flat(draws[f"latent_{n}"]) for n in self.model_.shapes()})

    def note(self, X: pd.DataFrame, y: ArrayLike, y_err: ArrayLike | None = None) -> None:
        """Refuse what `fit` would, and note what a fit to these rows takes from them.

        Raises:
            InputError: If the table or a parameter is not usable.
        """
        table = self._training_table(X, y, y_err, self._min_models)
        if self.complete_only:
            table = table.rows(complete_rows(table))
        refuse_answers(table)

    def keep_latents(self, draws: Mapping[str, np.ndarray]) -> None:
        """Keep as many draws of the latents, (s, ...) by name, as prediction uses."""
        chosen = thin(len(draws["log_sigma"]), _KEPT)
        self.latents_ = {n: a[chosen] for n, a in draws.items()}

    def make_model(self, table: Table) -> LatentPosterior:
        """The log joint of a table's rows, in the scale of the fit."""
        parts = self._parts()
        check_parts(parts, table, self.space_)
        unit = table.in_units_of(self.y_scale_)
        return make_posterior(parts, unit, self.space_, self._noise())

    def held_out(self, table: Table, region: np.ndarray) -> np.ndarray:
        """Log density of each row under fits without its region, hyperparameters at their mode."""
        with on_device(self.device):
            return log_density_without(self, table, region)

    def _parts(self) -> Parts:
        return Parts(*(getattr(self, f.name) for f in fields(Parts)))

    def _words(self) -> str:
        return f"weights={self.weights!r}, discrepancy={self.discrepancy!r}"

    def _approximate(self, table: Table) -> Draws:
        """Draws by Laplace's approximation, as those of one chain."""
        self._begin(table)
        found = approximate(
            self.model_, self.wanted_draws, self.random_state, at_mode=self.inference == "mode"
        )
        verdict = found.verdict()
        sample = as_sample(
            self.model_, found, lambda d: posterior.diagnose(self._checked(d, table))
        )
        kept = self._quantities(sample.draws, table)
        self._keep_sample(sample, kept, found.record(), verdict, table)
        posterior.warn_unless(verdict, f"{type(self).__name__}({self._words()})")
        return sample.draws

    def _points(self, table: Table) -> tuple[str, ...]:
        return tuple(table.site(row) for row in range(len(table.x)))

    def _quantities(self, draws: Draws, table: Table) -> dict[str, Quantity]:
        points, model = self._points(table), self.model_
        latents = {n: draws[f"latent_{n}"] for n in model.shapes()}
        own = model.hyperparameters(latents)
        for name in {"sigma", "delta_eta"} & own.keys():
            own[name] = own[name] * self.y_scale_
        found = {n: model.labelled(n, v, self.space_.names) for n, v in own.items()}
        if isinstance(model.rule, DirichletWeights):
            found["alpha"] = Quantity(self._alpha(latents), ("model",), (table.models,))
        if model.rule is not None:
            weight = model.rule.weights(draws["fields"][..., : model.n_weights], model.ensemble, np)
            found |= self._weights(weight, table)
        if self.noise == "local":
            found["noise"] = Quantity(draws["noise"] * self.y_scale_, ("point",), (points,))
        if self.discrepancy != "none":
            values = self._departures(draws["fields"])
            found["discrepancy"] = Quantity(values, ("point",), (points,))
        return found

    def _weights(self, weight: np.ndarray, table: Table) -> dict[str, Quantity]:
        """Draws of the weights at the training sites, (chains, draws, n, K), as they are kept."""
        if self.weights in COMPLETE:
            return {"weights": Quantity(weight[..., 0, :], ("model",), (table.models,))}
        axes = ("point", "model"), (self._points(table), table.models)
        return {"field_weight": Quantity(weight, *axes)}

    def _alpha(self, latents: Draws) -> np.ndarray:
        """Draws of the concentrations of global Dirichlet weights, (..., K)."""
        rule, u = self.model_.rule, latents["weights_trend"][..., 0]
        assert isinstance(rule, DirichletWeights)
        return rule.concentrations(u, self._generator("alpha"))

    def _departures(self, fields: np.ndarray) -> np.ndarray:
        """The discrepancy at the training sites from draws of all fields, (..., n)."""
        model = self.model_
        return self.y_scale_ * np.sum(model.factors * fields[..., model.n_weights :], axis=-1)

    def _checked(self, draws: Draws, table: Table) -> dict[str, Quantity]:
        if self.model_.groups:
            return super()._checked(draws, table)
        return self._quantities(draws, table)  # the predictions are the model's, in every draw

    def _predictions(self, kept: Mapping[str, Quantity], table: Table) -> np.ndarray:
        known = np.where(table.known, table.f, 0.0)
        mixture = known[:, 0]
        if "weights" in kept:
            mixture = kept["weights"].values @ known.T
        if "field_weight" in kept:
            mixture = np.einsum("csnk,nk->csn", kept["field_weight"].values, known)
        if "discrepancy" in kept:
            mixture = mixture + kept["discrepancy"].values
        shape = kept["sigma"].values.shape
        return np.broadcast_to(mixture, (*shape, len(known)))

    def _priors(self) -> dict[str, str]:
        # the constants of these are the standard normals that their weights are made of
        of_normals = {"weights constant"} if self.weights in COMPLETE else set()
        left_out = {"sigma"} | of_normals
        return {n: words for n, words in self.model_.priors().items() if n not in left_out}

    def _log_priors(self, draws: Draws) -> dict[str, np.ndarray]:
        latents = {n: draws[f"latent_{n}"] for n in self.model_.shapes()}
        found = {n: v for n, v in self.model_.log_priors(latents).items() if n != "sigma"}
        if isinstance(self.model_.rule, DirichletWeights):
            scale = self.model_.rule.scale
            found["alpha"] = halfnorm.logpdf(self._alpha(latents), scale=scale).sum(axis=-1)
        return found

    def _weight_draws(self, table: Table) -> np.ndarray:
        if self.model_.rule is None:
            return np.ones((len(self.latents_["log_sigma"]), len(table.x), 1))
        ensemble = Ensemble.of(table.f)
        u = self.model_.groups[0].at(self.latents_, self.space_.embed(table.x), self.random_state)
        u = np.broadcast_to(u, (len(self.latents_["log_sigma"]), *u.shape[1:]))
        return self.model_.rule.weights(u, ensemble, np)

    def _numbers_of_site(self, table: Table) -> int:
        return len(self.latents_["log_sigma"]) * len(table.models)

    def _discrepancy_draws(self, table: Table) -> np.ndarray:
        """Draws of the discrepancy at a table's sites, (s, m)."""
        if self.discrepancy == "none":
            return np.zeros((1, len(table.x)))
        fields = self.model_.groups[-1].at(
            self.latents_, self.space_.embed(table.x), self.random_state
        )
        ensemble = Ensemble.of(table.f / self.y_scale_)
        return self.y_scale_ * np.sum(factors(self.discrepancy, ensemble) * fields, axis=-1)

    def noise_draws(self, table: Table) -> tuple[np.ndarray, np.ndarray | None]:
        """Draws of the noise at a table's sites, its scale (s, m) and precisions as `pool` takes.

        The table is in the scale of the fit; measurement errors are apart.
        """
        scale = self._noise_scale(table)
        tails = self.model_.noise.precisions(table.site_keys, len(scale), self.random_state)
        return scale, tails

    def _noise_scale(self, table: Table) -> np.ndarray:
        spread, x = Ensemble.of(table.f / self.y_scale_).spread, self.space_.embed(table.x)
        noise = self.model_.noise
        return self.y_scale_ * noise.sigma_at(self.latents_, x, spread, self.random_state)

    def _predictive(self, table: Table) -> NormalMixture:
        refuse_gaps(table, self.weights)
        mixed = pool(table, self._weight_draws(table), *self.noise_draws(table))
        shift = np.broadcast_to(self._discrepancy_draws(table), mixed.loc.shape)
        return replace(mixed, loc=mixed.loc + shift)

    def _has_parts(self) -> bool:
        return super()._has_parts() or self.discrepancy != "none"

    def _part_draws(self, table: Table) -> PartDraws:
        refuse_gaps(table, self.weights)
        mixture = mixed(table, self._weight_draws(table))
        added = None
        if self.discrepancy != "none":
            added = np.broadcast_to(self._discrepancy_draws(table), mixture.shape)
        return PartDraws(mixture, self._noise_scale(table), added)
