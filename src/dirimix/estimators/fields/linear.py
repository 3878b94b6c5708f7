"""log alpha linear in the coordinates (LBMM+GLD)."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.stats import norm

from dirimix.estimators.fields.field import AbstractField, Params


@dataclass(frozen=True)
class LinearField(AbstractField):
    """log alpha_k(x) = beta_k0 + beta_k . s(x), s(x) the standardised coordinates (LBMM+GLD).

    Attributes:
        x: Training sites in straight coordinates, (n, p).
        n_models: K.
        spread: By which each is divided, (p,): one number an axis, so that on the globe and on a
            circle no direction is preferred.
        scale: Prior standard deviation of every beta (a default; the paper's is not known).
    """

    x: np.ndarray
    n_models: int
    spread: np.ndarray
    scale: float = 1.0

    def design(self, x: np.ndarray) -> np.ndarray:
        """(1, s(x)), (m, p + 1), at sites `x`, (m, p), standardised by the training sites."""
        s = (x - self.x.mean(axis=0)) / self.spread
        return np.column_stack([np.ones(len(x)), s])

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {"beta": (self.n_models, self.x.shape[1] + 1)}

    def of_models(self) -> tuple[str, ...]:
        return ("beta",)

    def log_prior(self, p: Params) -> Float[Array, ""]:
        return -0.5 * jnp.sum(p["beta"] ** 2)

    def log_alpha(self, p: Params) -> Float[Array, "n K"]:
        return self.scale * self.design(self.x) @ p["beta"].T

    def extend(self, p: Params, x_new: np.ndarray, seed: int) -> np.ndarray:
        del seed  # the line is known everywhere once beta is
        # term by term, in one order whatever the number of sites
        beta, design = self.scale * p["beta"], self.design(x_new).T
        line = np.zeros((len(beta), len(x_new), self.n_models))
        for own, slopes in zip(line, beta, strict=True):  # a draw's sums stay in the cache
            for s, slope in zip(design, slopes.T, strict=True):
                own += s[:, None] * slope
        return line

    def hyperparameters(self, p: Params) -> dict[str, np.ndarray]:
        return {"beta": self.scale * p["beta"]}

    def log_priors(self, p: Params) -> dict[str, np.ndarray]:
        return {"beta": norm.logpdf(p["beta"]).sum(axis=(-2, -1))}

    def deficit(self, p: Params) -> np.ndarray:
        return np.zeros(len(p["beta"]))

    def priors(self) -> dict[str, str]:
        return {"beta": f"Normal(0, {self.scale:g}^2), coordinates standardised"}
