"""From latent fields to weights: on the simplex, or free and signed."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm
from jaxtyping import Array, Float
from scipy.special import ndtr

from dirimix._arrays import Floats
from dirimix._cores import on_device
from dirimix.laws.half_normal_dirichlet import HalfNormalDirichlet

_ROUNDING = 1e-10  # size of a difference of copies, relative to the largest


@dataclass(frozen=True)
class Ensemble:
    """The models' values at some sites, as the rules of weights take them.

    Attributes:
        f: (n, K), 0 where a model is not known; also traced.
        known: Which is, (n, K).
    """

    f: Any
    known: np.ndarray

    @classmethod
    def of(cls, f: np.ndarray) -> "Ensemble":
        """From values with NaN where a model is not known, (n, K)."""
        known = np.isfinite(f)
        return cls(np.where(known, f, 0.0), known)

    @property
    def average(self) -> np.ndarray:
        """Of the models known at a site, (n,)."""
        return self.f.sum(axis=1) / self.known.sum(axis=1)

    @property
    def contrast(self) -> np.ndarray:
        """Differences of the models from their average, 0 where one is not known, (n, K)."""
        return self.known * (self.f - self.average[:, None])

    @property
    def spread(self) -> np.ndarray:
        """Standard deviation of the models known at a site, (n,)."""
        return np.sqrt((self.contrast**2).sum(axis=1) / self.known.sum(axis=1))


class AbstractWeights(ABC):
    """How the fields of a site, (K,), become its weights."""

    words: str
    sum_one = True  # so that a value added to all models and observations is nothing to them

    def n_fields(self, models: int) -> int:
        """How many fields a site has where there are so many models."""
        return models

    @abstractmethod
    def weights(self, u: Any, ensemble: Ensemble, xp: Any = jnp) -> Any:
        """Weights, (..., n, K), of fields `u`; 0 for a model that is not known."""

    @abstractmethod
    def slope(self, u: Float[Array, "n K"], ensemble: Ensemble) -> Float[Array, "n K"]:
        """Derivative of the weights' mixture of the models in each field."""

    def mixture(self, u: Float[Array, "n K"], ensemble: Ensemble) -> Float[Array, " n"]:
        """The weights' mixture of the models at each site."""
        return jnp.sum(self.weights(u, ensemble) * ensemble.f, axis=-1)


class SimplexWeights(AbstractWeights):
    """w = softmax(u) over the models known at a site: smooth, positive, of sum 1."""

    words = "softmax of the fields"

    def weights(self, u: Any, ensemble: Ensemble, xp: Any = jnp) -> Any:
        masked = xp.where(ensemble.known, u, -xp.inf)
        parts = xp.exp(masked - masked.max(axis=-1, keepdims=True))
        return parts / parts.sum(axis=-1, keepdims=True)

    def slope(self, u: Float[Array, "n K"], ensemble: Ensemble) -> Float[Array, "n K"]:
        w = jax.nn.softmax(jnp.where(ensemble.known, u, -jnp.inf), axis=-1)
        return w * (ensemble.f - jnp.sum(w * ensemble.f, axis=-1, keepdims=True))


class FreeWeights(AbstractWeights):
    """w = 1 / K + u, of either sign and any sum; equal shares stand in for models not known."""

    words = "1 / K and the fields, of either sign and any sum"
    sum_one = False

    def weights(self, u: Any, ensemble: Ensemble, xp: Any = jnp) -> Any:
        known = ensemble.known
        own = xp.where(known, 1 / known.shape[1] + u, 0.0)
        missing = xp.where(known, 0.0, 1 / known.shape[1] + u).sum(axis=-1, keepdims=True)
        return own + missing * known / known.sum(axis=-1, keepdims=True)

    def slope(self, u: Float[Array, "n K"], ensemble: Ensemble) -> Float[Array, "n K"]:
        del u  # the mixture is linear in the fields
        return jnp.where(ensemble.known, ensemble.f, ensemble.average[:, None])


@dataclass(frozen=True)
class PrincipalWeights(AbstractWeights):
    """w = 1 / K + V u: signed, of sum 1, along few directions in which the models differ most.

    Models that nearly agree, or are copies, share a direction. The prior of u is that of free
    weights, within the span of V. Reference: Giuliani et al. (2024), doi
    10.1103/PhysRevResearch.6.033266, who take constant u.

    Attributes:
        axes: V, orthonormal columns of sum 0, (K, r).
    """

    axes: np.ndarray

    def n_fields(self, models: int) -> int:
        del models
        return self.axes.shape[1]

    @classmethod
    def of(cls, ensemble: Ensemble, count: int) -> "PrincipalWeights":
        """The first right singular vectors of the models' differences from their average.

        Copies of models leave fewer ways to differ than there are models: then those there are.
        Where all are copies any way is as good, and changes nothing.
        """
        _, values, vectors = np.linalg.svd(ensemble.contrast, full_matrices=False)
        rounding = ensemble.f.size * np.finfo(float).eps * np.abs(ensemble.f).max(initial=0.0)
        differ = int(np.sum(values > max(_ROUNDING * values[0], rounding)))
        if not differ:
            return cls(np.eye(ensemble.f.shape[1])[:, :1] - 1 / ensemble.f.shape[1])
        return cls(vectors[: min(count, differ)].T)

    @property
    def words(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return f"1 / K and the fields along {self.axes.shape[1]} principal components of the models"

    def weights(self, u: Any, ensemble: Ensemble, xp: Any = jnp) -> Any:
        return FreeWeights().weights(u @ self.axes.T, ensemble, xp)

    def slope(self, u: Float[Array, "n r"], ensemble: Ensemble) -> Float[Array, "n r"]:
        return FreeWeights().slope(u, ensemble) @ self.axes


class UniformWeights(AbstractWeights):
    """w_k = Phi(u_k), for standard normal u independent and uniform on (0, 1): gBMM+L."""

    words = "Uniform(0, 1), independent"
    sum_one = False

    def weights(self, u: Any, ensemble: Ensemble, xp: Any = jnp) -> Any:
        w = norm.cdf(u) if xp is jnp else ndtr(u)
        own = xp.where(ensemble.known, w, 0.0)
        part = own.sum(axis=-1, keepdims=True)
        return own * (w.sum(axis=-1, keepdims=True) / part)

    def slope(self, u: Float[Array, "n K"], ensemble: Ensemble) -> Float[Array, "n K"]:
        return _slope(self, u, ensemble)


@dataclass(frozen=True)
class DirichletWeights(AbstractWeights):
    """w ~ Dirichlet(alpha), alpha_k ~ HalfNormal(scale), of standard normal u: gBMM+D.

    Attributes:
        scale: Of the half-normal prior, the same for all alpha, which are integrated out.
    """

    scale: float = 1.0

    @property
    def words(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return f"Dirichlet(alpha), alpha_k ~ HalfNormal({self.scale:g})"

    @property
    def _law(self) -> HalfNormalDirichlet:
        return HalfNormalDirichlet(self.scale)

    def weights(self, u: Any, ensemble: Ensemble, xp: Any = jnp) -> Any:
        if xp is np:
            with on_device():
                return np.asarray(self.weights(jnp.asarray(u), ensemble))
        return jax.nn.softmax(jnp.where(ensemble.known, self._law.log_g(u), -jnp.inf), axis=-1)

    def slope(self, u: Float[Array, "n K"], ensemble: Ensemble) -> Float[Array, "n K"]:
        return _slope(self, u, ensemble)

    def concentrations(self, u: Floats, rng: np.random.Generator) -> Floats:
        """Draws of alpha, (..., K), given the latents of the weights."""
        with on_device():
            log_g = np.asarray(self._law.log_g(jnp.asarray(u)))
        return self._law.concentrations(log_g, rng)


def _slope(rule: AbstractWeights, u: Array, ensemble: Ensemble) -> Array:
    """Of a rule whose sites do not see each other's fields, by differentiation."""
    return jax.grad(lambda v: jnp.sum(rule.mixture(v, ensemble)))(u)
