"""LBMM+GLD and LBMM+GPD: weights that change over the map."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np

from dirimix._cores import cores
from dirimix.errors import FitWarning
from dirimix.estimators.fields.choice import check_field, check_sites, make_field
from dirimix.estimators.fields.field import Params
from dirimix.estimators.fields.labelled import LabelledField, label_codes
from dirimix.estimators.fit_report import FitReport
from dirimix.estimators.latent.build import make_noise
from dirimix.estimators.latent.noise import SLOPE_SD
from dirimix.estimators.latent.noise_kind import check_device
from dirimix.estimators.latent.weights import Ensemble
from dirimix.estimators.pooling import PartDraws, mixed, pool, thin, with_noise
from dirimix.estimators.sampled import HEAVY, AbstractSampledMixture, Draws, flat
from dirimix.estimators.transforms.scaled import observed_law
from dirimix.laws import dirichlet
from dirimix.laws.noise import maximum_likelihood_sigma
from dirimix.laws.normal_mixture import NormalMixture
from dirimix.laws.simplex import simplex_least_squares
from dirimix.laws.sites import quick_streams
from dirimix.laws.transformed_mixture import PredictiveLaw, predictive_law
from dirimix.sampling.posterior import Quantity
from dirimix.table.selection import observed
from dirimix.table.table import Table

_KEPT = 1000  # draws of the field that prediction uses
_REPEATS = 4  # weight draws for each of them
_KEPT_AT_SITES = 400  # draws of the site weights
_KEPT_OF_DEFICIT = 100  # draws that the form's deficit is taken over
_PARTS = 32  # of the sites, which threads share out
_MAX_DEFICIT = 0.01  # share of the field's variance that the form may leave out


@dataclass(eq=False, repr=False, kw_only=True)
class LocalDirichletMixture(AbstractSampledMixture):
    """Local Dirichlet mixing: w(x) ~ Dirichlet(alpha(x)), log alpha a field over the coordinates.

    `field="linear"` is LBMM+GLD, log alpha linear in the standardised coordinates; `field="gp"`
    is LBMM+GPD, a Gaussian process (Kejzlar, Neufcourt, Nazarewicz 2023,
    doi 10.1038/s41598-023-46568-0). A model that has no value at a site takes no part there: the
    others share the weight, as Dirichlet subvectors do.

    Args:
        coords: Names of the q coordinate columns.
        models: Names of the K model columns.
        field: 'linear' or 'gp'.
        form: Of the process: 'lattice' (one or two coordinates on lines, or more on a grid),
            'hilbert' (one or two), 'inducing' (any, given few of the sites), 'dense' (exact at the
            sites, for few of them), or 'auto', which chooses. `priors_` says which.
        length_scale: (low, high) for each coordinate (one for both of geo, in degrees of arc),
            between which 98 % of the prior mass of its length scale lies, with field='gp'; by
            default from the sites' spacing and extent.
        geo: The longitude and the latitude among the coordinates: distances are on the globe.
        periodic: Coordinates that come round, and their periods.
        repeats: 'keep' takes each of several rows at a site for an observation with weights of its
            own, 'pool' averages them by their errors.
        chains: Independent chains.
        draws: Draws kept from each.
        warmup: Iterations before them; more where `field` is 'linear' and as many do not show the
            covariances of its coefficients.
        kernel: 'hmc' (jittered long trajectories), 'nuts', or 'metropolis', the random walk.
        trajectory: Mean length of an 'hmc' trajectory in posterior standard deviations.
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
        noise: 'constant', one level everywhere, or 'local': the log variance of the noise is a
            Gaussian process over the map, and follows the models' spread.
        tails: 'normal', or 'student': Student's t, so that few rows do not set the noise of all.
        degrees: Its degrees of freedom.
        noise_sd: Prior standard deviation of the log variance of local noise.
        device: 'cpu'; others are for `LatentMixture`.
        random_state: Same seed, same draws.
        progress: Callback that gets a `ChainProgress` after every chunk of every chain.

    Attributes:
        field_: The field's law.
        latents_: Draws of its latents that prediction uses, by name, (s, ...).
        sigma_draws_: Draws of sigma that belong to them, (s,).
        sigma_: Posterior mean of sigma.
        site_weight_draws_: Weights at the training sites given the observations there, (t, n, K).
        site_sigma_draws_: Draws of the noise there that belong to them, (t, n).
        noise_: The noise's law.
        noise_latents_: Draws of its latents that prediction uses, by name, (s, ...).
        posterior_: xarray DataTree of all draws.
        diagnostics_: Convergence of the hyperparameters, and of all field weights and predictions
            (their mixtures of the models' values) at the training sites.
        sampling_: How the sample was made.
        converged_: Whether its checks passed.
        priors_: Text of every prior.

    >>> import numpy as np, pandas as pd
    >>> x = np.arange(12.0)
    >>> table = pd.DataFrame({"x": x, "a": np.sin(x), "b": np.cos(x)})
    >>> y = 0.6 * table["a"] + 0.4 * table["b"] + 0.4 * np.cos(3 * x)
    >>> mixture = LocalDirichletMixture(["x"], ["a", "b"], field="linear", chains=2, min_ess=400)
    >>> mixture.fit(table, y).predict_weights(table).iloc[[0, -1]].round(1).to_numpy()
    array([[0.4, 0.6],
           [0.7, 0.3]])
    """

    field: str = "gp"
    form: str = "auto"
    length_scale: Sequence[Sequence[float]] | None = None
    warmup: int = 150
    trajectory: float = 4.0
    _accept: ClassVar[float] = 0.9
    complete_only: ClassVar[bool] = False
    uses_places: ClassVar[bool] = True

    def check_parameters(self) -> None:
        super().check_parameters()
        check_field(self.field, self.form, self.length_scale)
        check_device(self.device, latent=False)

    def _check_table(self, table: Table) -> None:
        super()._check_table(table)
        check_sites(self._sites(table), self.space_, self.field, self.form, self.length_scale)

    def _fit(self, table: Table) -> None:
        from dirimix.estimators.local_posterior import LocalPosterior  # Numba takes half a second

        self.field_ = make_field(
            self._sites(table),
            len(table.models),
            self.space_,
            field=self.field,
            form=self.form,
            length_scale=self.length_scale,
        )
        unit = table.in_units_of(self.y_scale_)
        self.noise_ = make_noise(self, unit, self.space_, self._noise())
        model = LocalPosterior(unit, self.field_, self.noise_, *_constant_mixture(unit))
        heavy, options = table.f.size >= HEAVY, f"(field={self.field!r})"
        draws = self._sample(model, table, options=options, heavy=heavy)
        chosen = thin(draws["sigma"].size, _KEPT)
        self.latents_ = self._thinned(draws, self.field_.shapes(), chosen)
        self.noise_latents_ = self._thinned(draws, self.noise_.shapes(), chosen)
        self.sigma_draws_ = flat(self._sigma(draws))[chosen]
        self.training_ = table
        self._draw_site_weights(draws)
        self._warn_of_deficit()

    def _thinned(self, draws: Draws, names: Iterable[str], chosen: np.ndarray) -> Params:
        """Some of the draws of latents by name, (s, ...)."""
        return {n: flat(draws[f"latent_{n}"])[chosen] for n in names}

    def _points(self, table: Table) -> tuple[str, ...]:
        return tuple(table.site(row) for row in range(len(table.x)))

    def _quantities(self, draws: Draws, table: Table) -> dict[str, Quantity]:
        axes = ("point", "model"), (self._points(table), table.models)
        weight = dirichlet.mean(np.where(table.known, draws["log_alpha"], -np.inf))
        noise = {}
        if self.noise == "local":
            noise = {
                "slope": Quantity(SLOPE_SD * draws["latent_noise_slope"]),
                "noise": Quantity(draws["noise"] * self.y_scale_, axes[0][:1], axes[1][:1]),
            }
        return {
            **self._hyperparameters(self._latents(draws), table),
            "sigma": Quantity(self._sigma(draws)),
            **noise,
            "field_weight": Quantity(weight, *axes),
        }

    def _predictions(self, kept: Mapping[str, Quantity], table: Table) -> np.ndarray:
        known = np.where(table.known, table.f, 0.0)
        return np.einsum("csnk,nk->csn", kept["field_weight"].values, known)

    def _priors(self) -> dict[str, str]:
        return self.field_.priors() | self.noise_.departures()

    def _log_priors(self, draws: Draws) -> dict[str, np.ndarray]:
        noise = {n: draws[f"latent_{n}"] for n in self.noise_.shapes()}
        found = self.field_.log_priors(self._latents(draws)) | self.noise_.log_priors(noise)
        return {n: v for n, v in found.items() if n != "sigma"}

    def fit_report(self) -> FitReport:
        return replace(super().fit_report(), site_law=self.site_predictive)

    def _latents(self, draws: Draws) -> dict[str, np.ndarray]:
        """Draws of the field's latents by name."""
        return {n: draws[f"latent_{n}"] for n in self.field_.shapes()}

    def _draw_site_weights(self, draws: Draws) -> None:
        from dirimix.likelihood.site_weights import sample_site_weights

        log_alpha, noise = flat(draws["log_alpha"]), flat(draws["site_noise"])
        chosen, table = thin(len(noise), _KEPT_AT_SITES), self.training_
        unit = table.in_units_of(self.y_scale_).deviations()
        rng = self._generator("site weights")
        finite = np.where(table.known, log_alpha[chosen], 0.0)
        self.site_sigma_draws_ = self.y_scale_ * flat(draws["noise"])[chosen]
        self.site_weight_draws_ = sample_site_weights(
            finite, noise[chosen], unit.f, table.known, rng
        )

    def _hyperparameters(self, latents: dict, table: Table) -> dict[str, Quantity]:
        labels = {
            "rho": (("coordinate",), (self.space_.names,)),
            "eta": (("model",), (table.models,)),
            "gamma": (("model",), (table.models,)),
            "beta": (("model", "term"), (table.models, ("1", *self.space_.features))),
        }
        if isinstance(self.field_, LabelledField):
            labels["tau"] = ("model", "category"), (table.models, tuple(self.levels_))
            labels["u"] = ("model", "label"), (table.models, self.field_.names)
        known = self.field_.hyperparameters(latents)
        return {n: Quantity(np.asarray(v), *labels[n]) for n, v in known.items()}

    def _warn_of_deficit(self) -> None:
        chosen = thin(len(self.sigma_draws_), _KEPT_OF_DEFICIT)
        self.deficit_ = self.field_.deficit({n: a[chosen] for n, a in self.latents_.items()})
        if np.median(self.deficit_) > _MAX_DEFICIT:
            warnings.warn(
                f"the form of the field leaves out {np.median(self.deficit_):.1%} of its "
                f"variance at some site; {self.field_.remedy()}",
                FitWarning,
                stacklevel=5,
            )

    def _sites(self, table: Table) -> np.ndarray:
        """Sites as the field takes them: straight coordinates, then a code a category."""
        return np.column_stack([self.space_.embed(table.x), label_codes(table, self.levels_)])

    def _log_alpha(self, table: Table) -> np.ndarray:
        """Draws at m sites, (s, m, K); -inf where a model has no value."""
        log_alpha = self.field_.extend(self.latents_, self._sites(table), self.random_state)
        log_alpha[:, ~table.known] = -np.inf
        return dirichlet.saturated(log_alpha)

    def _weight_draws(self, table: Table) -> np.ndarray:
        return dirichlet.mean(self._log_alpha(table))

    def _predictive(self, table: Table) -> NormalMixture:
        return self._law_given(table, self._log_alpha(table))

    def _law_and_weights(self, table: Table) -> tuple[PredictiveLaw, np.ndarray]:
        log_alpha = self._log_alpha(table)  # once for both
        given = partial(self._law_given, log_alpha=log_alpha)
        law = observed_law(given, table, self.transform_)
        return law, dirichlet.mean_over_draws(log_alpha)

    def _mean_weights(self, table: Table) -> np.ndarray:
        return dirichlet.mean_over_draws(self._log_alpha(table))

    def _numbers_of_site(self, table: Table) -> int:
        del table  # known without a prediction
        return len(self.sigma_draws_) * max(_REPEATS, len(self.models))

    def _law_given(self, table: Table, log_alpha: np.ndarray) -> NormalMixture:
        """The law at a table's sites from draws of their log concentrations, (s, m, K)."""
        from dirimix.likelihood.dirichlet_sums import dirichlet_sums

        values = np.stack([np.where(table.known, table.f, 0.0), table.f_sd], axis=1)
        if not (corrected := bool(np.any(table.f_sd))):
            values = values[:, :1]
        sums = np.empty((len(table.f), values.shape[1], len(log_alpha) * _REPEATS))

        def draw(rows: np.ndarray) -> None:
            # given the field the weights of sites are independent: a stream for each
            own = quick_streams(table.rows(rows).site_keys, self.random_state, "weights")
            for i, a, rng in zip(rows, log_alpha[:, rows].swapaxes(0, 1), own, strict=True):
                known = table.known[i]
                sums[i] = dirichlet_sums(a[:, known], values[i][:, known], _REPEATS, rng)

        parts = np.array_split(np.arange(len(table.f)), min(_PARTS, len(table.f)))
        with ThreadPoolExecutor(min(len(cores()), len(parts))) as threads:
            list(threads.map(draw, parts))  # raises what one raised
        noise = np.repeat(self._noise_draws(table), _REPEATS, axis=0)
        tails = self.noise_.precisions(table.site_keys, len(noise), self.random_state)
        correction = sums[:, 1].T if corrected else None
        return with_noise(table, sums[:, 0].T, correction, noise, tails)

    def _part_draws(self, table: Table) -> PartDraws:
        return PartDraws(mixed(table, self._weight_draws(table)), self._noise_draws(table))

    def _noise_draws(self, table: Table) -> np.ndarray:
        """Draws of the noise at a table's sites, measurement errors apart, (s, m)."""
        if self.noise == "constant":
            return np.repeat(self.sigma_draws_[:, None], len(table.x), axis=1)
        spread, x = Ensemble.of(table.f / self.y_scale_).spread, self.space_.embed(table.x)
        return self.y_scale_ * self.noise_.sigma_at(
            self.noise_latents_, x, spread, self.random_state
        )

    def site_predictive(self) -> PredictiveLaw:
        """The law of a repeated observation at each training site, site weights given y there.

        These weights have seen the answer: score models on the field weights (`predictive`).
        """
        table, sigma = self.training_, self.site_sigma_draws_
        tails = self.noise_.precisions(table.site_keys, len(sigma), self.random_state)
        latent = pool(table, self.site_weight_draws_, sigma, tails)
        return predictive_law(latent, self.transform_)


def _constant_mixture(table: Table) -> tuple[float, np.ndarray]:
    """Noise level and weights of the best constant mixture of the known models."""
    y = observed(table)
    f = np.where(table.known, table.f, np.nanmean(table.f, axis=1, keepdims=True))
    weights = simplex_least_squares(f, y)
    sigma = maximum_likelihood_sigma(y - f @ weights, table.y_err)
    return float(max(sigma, 1e-3 * np.std(y), 1e-12)), weights
