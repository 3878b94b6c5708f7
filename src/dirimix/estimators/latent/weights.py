"""From latent fields to weights: on the simplex, or free and signed."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


@dataclass(frozen=True)
class Ensemble:
    """The models' values at some sites, as the rules of weights take them.

    Attributes:
        f: (n, K), 0 where a model is not known.
        known: Which is, (n, K).
    """

    f: np.ndarray
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
        return np.where(self.known, self.f - self.average[:, None], 0.0)

    @property
    def spread(self) -> np.ndarray:
        """Standard deviation of the models known at a site, (n,)."""
        return np.sqrt((self.contrast**2).sum(axis=1) / self.known.sum(axis=1))


class AbstractWeights(ABC):
    """How the fields of a site, (K,), become its weights."""

    words: str

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

    def weights(self, u: Any, ensemble: Ensemble, xp: Any = jnp) -> Any:
        known = ensemble.known
        own = xp.where(known, 1 / known.shape[1] + u, 0.0)
        missing = xp.where(known, 0.0, 1 / known.shape[1] + u).sum(axis=-1, keepdims=True)
        return own + missing * known / known.sum(axis=-1, keepdims=True)

    def slope(self, u: Float[Array, "n K"], ensemble: Ensemble) -> Float[Array, "n K"]:
        del u  # the mixture is linear in the fields
        return jnp.asarray(np.where(ensemble.known, ensemble.f, ensemble.average[:, None]))
