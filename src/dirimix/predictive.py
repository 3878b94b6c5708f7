"""The predictive law of an observation: at every site a mixture of normals.

All methods predict in this one form, so that scores, intervals and plots are written once. A
sampled posterior is a mixture over its draws; model averaging is a mixture over models.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, ndtr

_BISECTIONS = 60


@dataclass(frozen=True)
class NormalMixture:
    """sum_c weight[c] Normal(mean[c, i], sd[c, i]^2) at each of m sites.

    Attributes:
        mean: Component means, (c, m), in the unit of y.
        sd: Component standard deviations, (c, m), in the unit of y.
        weight: Component weights, (c,) shared by the sites or (c, m); they sum to 1.
    """

    mean: np.ndarray
    sd: np.ndarray
    weight: np.ndarray

    @classmethod
    def of_draws(cls, mean: np.ndarray, sd: np.ndarray) -> "NormalMixture":
        """Equally weighted draws; `sd` broadcasts against `mean`, (c, m)."""
        mean = np.asarray(mean, dtype=float)
        return cls(mean, np.broadcast_to(sd, mean.shape), np.full(len(mean), 1 / len(mean)))

    @property
    def site_weight(self) -> np.ndarray:
        """Component weights at every site, (c, m)."""
        weight = self.weight if self.weight.ndim == 2 else self.weight[:, None]
        return np.broadcast_to(weight, self.mean.shape)

    def average(self) -> np.ndarray:
        """Predictive means, (m,)."""
        return np.sum(self.site_weight * self.mean, axis=0)

    def standard_deviation(self) -> np.ndarray:
        """Predictive standard deviations, (m,)."""
        second = self.sd**2 + (self.mean - self.average()) ** 2
        return np.sqrt(np.sum(self.site_weight * second, axis=0))

    def cdf(self, y: np.ndarray) -> np.ndarray:
        """P(Y <= y) at each site, y is (m,)."""
        return np.sum(self.site_weight * ndtr((y - self.mean) / self.sd), axis=0)

    def log_density(self, y: np.ndarray) -> np.ndarray:
        """Log predictive density of one observation a site, (m,)."""
        z = (y - self.mean) / self.sd
        log_normal = -0.5 * z**2 - np.log(self.sd) - 0.5 * np.log(2 * np.pi)
        return logsumexp(log_normal, axis=0, b=self.site_weight)

    def quantile(self, q: float) -> np.ndarray:
        """The q-quantile at each site by bisection of the distribution function, (m,)."""
        reach = 40 * self.sd
        lo, hi = np.min(self.mean - reach, axis=0), np.max(self.mean + reach, axis=0)
        for _ in range(_BISECTIONS):
            middle = (lo + hi) / 2
            below = self.cdf(middle) < q
            lo, hi = np.where(below, middle, lo), np.where(below, hi, middle)
        return (lo + hi) / 2

    def sample(self, n_samples: int, rng: np.random.Generator) -> np.ndarray:
        """Draws of Y, (n_samples, m), the same component at all sites where weights allow."""
        cumulative = np.cumsum(self.site_weight, axis=0)
        u = rng.random((n_samples, 1)) * cumulative[-1]
        chosen = np.array([np.sum(cumulative < row, axis=0) for row in u])
        sites = np.arange(self.mean.shape[1])
        noise = rng.standard_normal(chosen.shape)
        return self.mean[chosen, sites] + self.sd[chosen, sites] * noise
