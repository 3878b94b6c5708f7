"""Latent fields that share a prior: what weights, discrepancy and noise are made of."""

import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.stats import gamma, norm

from dirimix.estimators.fields.exchange import Fields, everywhere
from dirimix.estimators.fields.field import Params
from dirimix.estimators.fields.gaussian_process import AbstractProcess


@dataclass(frozen=True)
class Amplitude:
    """eta ~ Gamma(shape, mean), one a field or one for all fields of a group.

    Attributes:
        shape: 1 for an exponential law, more for one that vanishes at 0.
        mean: In the unit of the field.
        shared: Whether all fields of the group have the same.
    """

    shape: float
    mean: float
    shared: bool = False

    def eta(self, t: Any, xp: Any = jnp) -> Any:
        """Amplitudes from their latents, mean log(1 + e^t): linear where large, and without an end.

        Near 0 roots or the amplitudes themselves would push trajectories without bound.
        """
        return self.mean * xp.logaddexp(t, 0.0)

    def log_density(self, t: Array) -> Array:
        """Log density of the latents, up to a constant."""
        relative = self.eta(t) / self.mean
        slope = -jnp.logaddexp(-t, 0.0)
        return (self.shape - 1) * jnp.log(relative) - self.shape * relative + slope

    @property
    def start(self) -> float:
        """The latent of the mean."""
        return float(np.log(np.expm1(1.0)))

    def __str__(self) -> str:
        if self.shape == 1:
            return f"Exponential(mean {self.mean:.3g})"
        return f"Gamma({self.shape:g}, mean {self.mean:.3g})"


@dataclass(frozen=True)
class FieldGroup:
    """g_k(x) = b_k . t(x) + eta_k z_k(x): a trend and a process of unit variance, k = 1 ... K.

    Latents: `trend` (K, d) and `z`, standard normal; `length` (q,), that of the process; and
    `amplitude`, those of eta.

    Attributes:
        name: What its parameters are called by.
        count: K.
        x: Training sites in straight coordinates, (n, p).
        spread: Standard deviation of the sites along each, (p,).
        trend: 'none', 'constant' (t = 1) or 'linear' (t = 1 and the standardised coordinates).
        trend_sd: Prior standard deviation of every b.
        process: With K fields; None for a trend alone.
        amplitude: Prior of eta; a number where it is known, and the length scale with it: the
            process then has the median of its prior.
    """

    name: str
    count: int
    x: np.ndarray
    spread: np.ndarray
    trend: str = "none"
    trend_sd: float = 1.0
    process: AbstractProcess | None = None
    amplitude: Amplitude | float = 1.0

    def hyper_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of the latents that its covariance depends on."""
        if self.process is None or not isinstance(self.amplitude, Amplitude):
            return {}
        count = 1 if self.amplitude.shared else self.count
        return {self._of("length"): self._axes, self.amplitudes: (count,)}

    def normal_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of its standard normal latents, in which it is linear."""
        found: dict[str, tuple[int, ...]] = {}
        if self.trend != "none":
            found[self.trends] = (self.count, self.design.shape[1])
        if self.process is not None:
            found[self.z] = (self.count, *self.process.latent_shape())
        return found

    def of_models(self) -> tuple[str, ...]:
        """Names of its latents whose first axis runs over the fields, which are exchangeable."""
        own = {**self.normal_shapes(), **self.hyper_shapes()}
        each = {self.trends, self.z}
        if isinstance(self.amplitude, Amplitude) and not self.amplitude.shared:
            each.add(self.amplitudes)
        return tuple(n for n in own if n in each)

    @property
    def z(self) -> str:
        """Name of the latents of its process."""
        return self._of("z")

    @property
    def trends(self) -> str:
        """Name of the coefficients of its trends."""
        return self._of("trend")

    @property
    def amplitudes(self) -> str:
        """Name of the latents of its amplitudes."""
        return self._of("amplitude")

    def _of(self, part: str) -> str:
        return f"{self.name}_{part}"

    @cached_property
    def design(self) -> np.ndarray:
        """T at the training sites, times `trend_sd`, (n, d)."""
        return self.design_at(self.x)

    def design_at(self, x: np.ndarray) -> np.ndarray:
        """The same at sites `x`, (m, p), standardised by the training sites, (m, d)."""
        columns = [np.ones((len(x), 1))]
        if self.trend == "linear":
            columns.append((x - self.x.mean(axis=0)) / self.spread)
        return self.trend_sd * np.hstack(columns)

    def log_prior_hyper(self, p: Params) -> Float[Array, ""]:
        """Log prior density of `length` and `amplitude`, up to a constant."""
        if not self.hyper_shapes():
            return jnp.zeros(())
        assert isinstance(self.amplitude, Amplitude)
        amplitude = jnp.sum(self.amplitude.log_density(p[self.amplitudes]))
        return amplitude - 0.5 * jnp.sum(p[self._of("length")] ** 2)

    def eta(self, p: Params, xp: Any = jnp) -> Any:
        """Amplitudes, (K,), or (s, K) of draws."""
        if not isinstance(self.amplitude, Amplitude):
            return xp.full(self.count, self.amplitude)
        eta = self.amplitude.eta(p[self.amplitudes], xp)
        return xp.broadcast_to(eta, (*eta.shape[:-1], self.count))

    def _process_latents(self, p: Params) -> Params:
        z = p[self.z]
        length = p.get(self._of("length"))
        if length is None:
            length = np.zeros((*z.shape[: z.ndim - 1 - len(self._latent)], *self._axes))
        return {"z": z, "length": length}

    @property
    def _axes(self) -> tuple[int, ...]:
        assert self.process is not None
        return self.process.length_prior.location.shape

    @property
    def _latent(self) -> tuple[int, ...]:
        return () if self.process is None else self.process.latent_shape()

    def _trends(self, p: Params) -> Float[Array, "n K"]:
        """What is added to the processes at the training sites."""
        if self.trend == "none":
            return jnp.zeros((len(self.x), self.count))
        return self.design @ p[self.trends].T

    def parts(self, p: Params) -> Fields:
        """The fields at the training sites as steps that exchange them take them apart."""
        level = self._trends(p)
        if self.process is None:
            z, size = jnp.zeros((self.count, 0)), len(self.x)
            none = jnp.zeros(self.count)
            return Fields(level, none, z, lambda z: jnp.zeros((size, len(z))), everywhere)
        latents, field = self._process_latents(p), self.process.unit_field
        return Fields(
            level,
            self.eta(p),
            latents["z"],
            lambda z: field(latents | {"z": z}),
            self.process.region,
        )

    def values(self, p: Params, *, rough: bool = False) -> Float[Array, "n K"]:
        """The fields at the training sites, or for trajectories about those."""
        found = self._trends(p)
        if self.process is not None:
            unit = self.process.rough_unit_field if rough else self.process.unit_field
            found = found + self.eta(p) * unit(self._process_latents(p))
        return found

    def at(self, p: Params, x_new: np.ndarray, seed: int) -> np.ndarray:
        """The fields at sites `x_new`, (m, p), of draws, (s, m, K), each a function of place."""
        found = np.zeros((1, len(x_new), self.count))
        if self.trend != "none":
            # term by term: a product of matrices would round by the number of sites
            terms = zip(self.design_at(x_new).T, np.moveaxis(p[self.trends], 2, 0), strict=True)
            found = found + sum(t[:, None] * b[:, None, :] for t, b in terms)
        if self.process is not None:
            own = [seed, zlib.crc32(self.name.encode())]  # groups are independent
            unit = self.process.unit_paths(self._process_latents(p), x_new, own)
            eta = self.eta(p, np)
            found = found + (eta if eta.ndim == 1 else eta[:, None, :]) * unit
        return found

    def covariance(self, p: Params) -> Float[Array, "n n"]:
        """That of the process of unit variance at the training sites."""
        assert self.process is not None
        return self.process.gram(p.get(self._of("length"), jnp.zeros(self._axes)))

    def covaried(
        self, p: Params, unit: Array | None, a: Float[Array, "n K"]
    ) -> Float[Array, "n K"]:
        """The prior covariance of the fields at the training sites, times `a`."""
        found = jnp.zeros_like(a)
        if self.trend != "none":
            found = found + self.design @ (self.design.T @ a)
        if unit is not None:
            found = found + self.eta(p) ** 2 * (unit @ a)
        return found

    def projected(self, p: Params, unit: Array | None, a: Float[Array, "n K"]) -> Array:
        """The prior covariance of sum_k a_k g_k at the training sites, (n, n)."""
        found = jnp.zeros((len(self.x), len(self.x)))
        if self.trend != "none":
            scaled = jnp.concatenate([a * column[:, None] for column in self.design.T], axis=1)
            found = found + scaled @ scaled.T
        if unit is not None:
            found = found + ((a * self.eta(p) ** 2) @ a.T) * unit
        return found

    def hyperparameters(self, p: Params) -> dict[str, np.ndarray]:
        """Named hyperparameters, from draws of the latents."""
        if not self.hyper_shapes():
            return {}
        assert self.process is not None
        assert isinstance(self.amplitude, Amplitude)
        return {
            f"{self.name}_rho": self.process.lengths({"length": p[self._of("length")]}),
            f"{self.name}_eta": self.amplitude.eta(p[self.amplitudes], np),
        }

    def log_priors(self, p: Params) -> dict[str, np.ndarray]:
        """Log prior density of each hyperparameter's array, from draws (leading axes kept)."""
        if not self.hyper_shapes():
            return {}
        assert isinstance(self.amplitude, Amplitude)
        shape, mean = self.amplitude.shape, self.amplitude.mean
        eta = self.amplitude.eta(p[self.amplitudes], np)
        return {
            f"{self.name}_rho": norm.logpdf(p[self._of("length")]).sum(axis=-1),
            f"{self.name}_eta": gamma.logpdf(eta, shape, scale=mean / shape).sum(axis=-1),
        }

    def priors(self) -> dict[str, str]:
        """The prior of everything in words."""
        found: dict[str, str] = {}
        if self.trend != "none":
            words = "" if self.trend == "constant" else ", coordinates standardised"
            found[f"{self.name} {self.trend}"] = f"Normal(0, {self.trend_sd:g}^2){words}"
        if self.process is not None:
            own = self.process.priors()
            found[f"{self.name} field"] = own["log alpha"]
            if isinstance(self.amplitude, Amplitude):
                found[f"{self.name} rho"] = own["rho"]
                found[f"{self.name} eta"] = str(self.amplitude)
            else:
                lengths = ", ".join(f"{v:.3g}" for v in self.process.length_prior.quantile(0.5))
                found[f"{self.name} rho"] = f"fixed (a coordinate): {lengths}"
                found[f"{self.name} eta"] = f"fixed: {self.amplitude:g}"
        return found
