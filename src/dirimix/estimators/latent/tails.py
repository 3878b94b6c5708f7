"""Student's t as a mixture of normals over a gamma precision: latents and quadrature."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from scipy.special import digamma, gammaln, polygamma

from dirimix._arrays import Floats

_NODES = 16
_REACH = (-9.0, 4.0)  # of the nodes, in standard deviations of log lambda


@dataclass(frozen=True)
class GammaTails:
    """lambda ~ Gamma(nu / 2, rate nu / 2), by latents v: log lambda = mean + sd v.

    Mean and sd are those of log lambda, so that v is not far from standard normal.

    Attributes:
        degrees: nu, of freedom of the t law.
    """

    degrees: float

    @cached_property
    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation of log lambda."""
        half = self.degrees / 2
        return float(digamma(half) - np.log(half)), float(np.sqrt(polygamma(1, half)))

    def log_precision(self, v: Any) -> Any:
        """Log lambda of latents, (n,)."""
        mean, sd = self.moments
        return mean + sd * v

    def log_density(self, v: Any, xp: Any = jnp) -> Any:
        """Log density of each latent, (n,)."""
        half, log_lambda = self.degrees / 2, self.log_precision(v)
        constant = half * np.log(half) - gammaln(half) + np.log(self.moments[1])
        return constant + half * (log_lambda - xp.exp(log_lambda))

    def nodes(self) -> tuple[Floats, Floats]:
        """Scales lambda^(-1/2) and weights, of sum one, of the trapezoid rule in v.

        The t density is the sum of the normal ones with these scales: with 4 degrees of freedom to
        a part in a thousand, 20 scales from the centre to a part in a hundred.
        """
        v = np.linspace(*_REACH, _NODES)
        weight = np.exp(self.log_density(v, np))
        return np.exp(-self.log_precision(v) / 2), weight / weight.sum()
