"""Fields of log concentrations: what alpha_k(x) may look like over the coordinates.

A field turns latents into log alpha at the training sites inside the log joint, and extends
posterior draws to new sites. Both forms are linear in independent standard normal latents.
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from jaxtyping import Array, Float

Params = dict[str, Any]


class AbstractField(ABC):
    """log alpha_k(x) for K models over p straight coordinates.

    `shapes` names the latents; `log_prior` is their log density; `log_alpha` is at the training
    sites; `extend` draws log alpha at new sites given posterior draws. A leaf is a frozen
    dataclass that begins with the two attributes.

    Attributes:
        x: Training sites in straight coordinates (`dirimix.table.space`), (n, p).
        n_models: K.
    """

    x: np.ndarray
    n_models: int

    @abstractmethod
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every latent array."""

    @abstractmethod
    def of_models(self) -> tuple[str, ...]:
        """Names of the latents whose first axis runs over the models, which are exchangeable."""

    @abstractmethod
    def log_prior(self, p: Params) -> Float[Array, ""]:
        """Log prior density of the latents, up to a constant."""

    @abstractmethod
    def log_alpha(self, p: Params) -> Float[Array, "n K"]:
        """Log concentrations at the training sites."""

    def rough_log_alpha(self, p: Params) -> Float[Array, "n K"]:
        """About the same, for trajectories: cheaper where the form has a way."""
        return self.log_alpha(p)

    @abstractmethod
    def extend(self, p: Params, x_new: np.ndarray, seed: int) -> np.ndarray:
        """Draws of log alpha, (s, m, K), at sites `x_new`, (m, p), given draws of the latents.

        Each draw is one function of place: what it says at a site depends on the latents, the
        seed and the site alone, not on the other sites, and bit for bit (`laws.sites`).
        """

    @abstractmethod
    def hyperparameters(self, p: Params) -> dict[str, np.ndarray]:
        """The named hyperparameters, from draws of the latents (leading axes kept)."""

    @abstractmethod
    def log_priors(self, p: Params) -> dict[str, np.ndarray]:
        """Log prior density of each hyperparameter's array, from draws (leading axes kept)."""

    @abstractmethod
    def deficit(self, p: Params) -> np.ndarray:
        """Largest share of the field's variance left out at a training site, a draw, (s,)."""

    def remedy(self) -> str:
        """What a user can do where the form leaves out too much."""
        return "lower the first bound of length_scale"

    @abstractmethod
    def priors(self) -> dict[str, str]:
        """The prior of every hyperparameter in words."""
