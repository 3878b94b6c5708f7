"""The noise of a mixture: one level or one that follows the map, normal or heavy-tailed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import gammaincinv, gammaln, ndtr
from scipy.stats import norm

from dirimix._arrays import Floats, Indices
from dirimix._cores import on_device
from dirimix.estimators.fields.field import Params
from dirimix.estimators.latent.group import FieldGroup
from dirimix.laws.noise_prior import AbstractNoisePrior
from dirimix.laws.sites import site_normals

_AGREEMENT = 0.03  # spread of the models, in units of its mean, that counts as none
SLOPE_SD = 0.5  # of the log variance in the log of the models' spread
_PROPORTIONAL = 2.0  # that slope where noise is in proportion to the spread


@dataclass(frozen=True)
class NoiseModel:
    """s(x)^2 = sigma^2 exp(h(x)) + u^2,  h = b l(x) + GP,  l the centred log of the spread.

    Attributes:
        prior: Of sigma.
        spread: Of the models at the training sites, (n,); l is the log of its part of the mean,
            bounded below where the models agree.
        field: The process of h, known amplitude and length; None for one level everywhere.
        degrees: Of freedom of Student's t, whose scale s then is; None for normal noise.
    """

    prior: AbstractNoisePrior
    spread: np.ndarray
    field: FieldGroup | None = None
    degrees: float | None = None

    def covariate(self, spread: np.ndarray) -> np.ndarray:
        """L at sites where the models have this spread, (m,); its mean over training sites is 0."""
        mean = self.spread.mean()
        if not mean > 0:
            return np.zeros(len(spread))
        training, here = (np.log(np.hypot(s / mean, _AGREEMENT)) for s in (self.spread, spread))
        return here - training.mean()

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of the latents: all but `log_sigma` are standard normal."""
        if self.field is None:
            return {"log_sigma": ()}
        return {"log_sigma": (), "noise_slope": (), **self.field.normal_shapes()}

    def log_prior(self, p: Params) -> Float[Array, ""]:
        """Log prior density of the latents, up to a constant."""
        normals = [p[n] for n in self.shapes() if n != "log_sigma"]
        return self.prior.log_density_of_log(p["log_sigma"], jnp) - 0.5 * sum(
            jnp.sum(z**2) for z in normals
        )

    def variance(self, p: Params, y_err: np.ndarray) -> Float[Array, " n"]:
        """s^2 at the training sites."""
        log_variance = 2 * p["log_sigma"]
        if self.field is not None:
            slope = SLOPE_SD * p["noise_slope"]
            own = slope * self.covariate(self.spread) + self.field.values(p)[:, 0]
            log_variance = log_variance + own
        return jnp.exp(log_variance) + y_err**2

    def sigma_at(self, p: Params, x_new: np.ndarray, spread: np.ndarray, seed: int) -> np.ndarray:
        """Draws of sigma exp(h / 2), (s, m), at sites (m, p) where models have a spread, (m,)."""
        log_variance = np.repeat(2 * p["log_sigma"][:, None], len(x_new), axis=1)
        if self.field is not None:
            log_variance += self._followed(SLOPE_SD * p["noise_slope"][:, None], spread)
            log_variance += self.field.at(p, x_new, seed)[..., 0]
        return np.exp(0.5 * log_variance)

    def _followed(self, slope: np.ndarray, spread: np.ndarray) -> np.ndarray:
        """What the spread adds to the log variance, (s, m), from slopes (s, 1).

        Beyond the largest spread of the training sites a steeper law than proportion is no longer
        followed: no row has shown it.
        """
        here = self.covariate(spread)
        known = np.minimum(here, self.covariate(self.spread).max())
        return slope * known + np.minimum(slope, _PROPORTIONAL) * (here - known)

    def precisions(self, sites: Sequence[bytes], count: int, seed: int) -> Floats | None:
        """Draws of the precision, at each site, (s, m), of the normal laws that the noise mixes.

        Student's t is a mixture of normals over a gamma precision; None where the noise is normal.
        """
        if self.degrees is None:
            return None
        uniform = ndtr(site_normals(sites, count, seed, "tails"))
        return gammaincinv(self.degrees / 2, uniform) / (self.degrees / 2)

    def prior_scales(self, rows: Indices, count: int, rng: np.random.Generator) -> Floats:
        """Draws from the prior of sigma exp(h / 2) at some training sites, (count, r)."""
        log_scale = np.tile(np.log(self.prior.sample(rng, count))[:, None], (1, len(rows)))
        if self.field is not None:
            slope = SLOPE_SD * rng.standard_normal(count)
            log_scale += 0.5 * slope[:, None] * self.covariate(self.spread)[rows]
            with on_device():
                unit = np.asarray(self.field.covariance({}))[np.ix_(rows, rows)]
            normals = rng.multivariate_normal(np.zeros(len(rows)), unit, count, method="eigh")
            log_scale += 0.5 * float(self.field.eta({}, np)[0]) * normals
        return np.exp(log_scale)

    def log_likelihood(self, residual: Any, variance: Any, xp: Any = jnp) -> Any:
        """Log density of each residual."""
        square = residual**2 / variance
        if self.degrees is None:
            return -0.5 * (xp.log(2 * np.pi * variance) + square)
        nu = self.degrees
        constant = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(nu * np.pi)
        return constant - 0.5 * xp.log(variance) - (nu + 1) / 2 * xp.log1p(square / nu)

    def precision(self, residual: Array, variance: Array) -> Array:
        """Of the normal law that has the slope of the log density at each residual."""
        if self.degrees is None:
            return 1 / variance
        return (self.degrees + 1) / (self.degrees * variance + residual**2)

    def information(self, variance: Array) -> Array:
        """Expected curvature of the log density in the residual."""
        share = 1.0 if self.degrees is None else (self.degrees + 1) / (self.degrees + 3)
        return share / variance

    def hyperparameters(self, p: Params) -> dict[str, np.ndarray]:
        """Named hyperparameters, from draws of the latents."""
        found = {"sigma": np.exp(p["log_sigma"])}
        return found if self.field is None else found | {"slope": SLOPE_SD * p["noise_slope"]}

    def log_priors(self, p: Params) -> dict[str, np.ndarray]:
        """Log prior density of each of them, from draws."""
        found = {"sigma": self.prior.log_density(np.exp(p["log_sigma"]))}
        if self.field is not None:
            found["slope"] = norm.logpdf(p["noise_slope"])
        return found

    def priors(self) -> dict[str, str]:
        """Every prior in words."""
        return {"sigma": str(self.prior), "noise": self._tail_words} | self._field_priors()

    def departures(self) -> dict[str, str]:
        """Of what constant normal noise does not have."""
        tails = {} if self.degrees is None else {"noise": self._tail_words}
        return tails | self._field_priors()

    @property
    def _tail_words(self) -> str:
        return "normal" if self.degrees is None else f"Student's t, {self.degrees:g} degrees"

    def _field_priors(self) -> dict[str, str]:
        found: dict[str, str] = {}
        if self.field is not None:
            found["noise slope"] = (
                f"Normal(0, {SLOPE_SD:g}^2), of the log variance in the log spread of the models"
            )
            found |= self.field.priors()
        return found
