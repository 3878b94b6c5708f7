"""Parameters drawn from the priors and observations drawn from those, for the calibration.

Plain NumPy with a dense Gaussian process: no code is shared with the models.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student

COORDS, MODELS = ["a", "b"], ["p", "q", "r"]
N_SITES, EXTENT = 20, 10.0
FAR = 16.0  # every coordinate of a site well outside the others
ERROR = 0.5  # of every measurement; the prior mean of sigma is 0.5 too
LENGTHS = (2.0, 8.0)  # 98 % of the prior mass of a length scale of LBMM+GPD
DEGREES = 4.0  # of Student's t
_NINETY_NINE = 2.3263478740408408  # point of a standard normal


def sites() -> pd.DataFrame:
    """Coordinates and model values, the same in all replications."""
    rng = np.random.default_rng(11)
    x = rng.uniform(0, EXTENT, (N_SITES, 2))
    values = np.column_stack([x, rng.normal(0, 2, (N_SITES, len(MODELS)))])
    return pd.DataFrame(values, columns=pd.Index(COORDS + MODELS))


@dataclass(frozen=True)
class Truth:
    """What a simulation drew.

    Attributes:
        scalars: What is ranked by name.
        mean: Of the observations, (n,), `ERROR` and noise apart.
        alpha: Concentrations at the sites, (n, K); None where weights are no Dirichlet vectors.
        noise: Scale of the noise at the sites, (n,), measurement errors apart.
        degrees: Of freedom of its Student's t; infinite where it is normal.
    """

    scalars: dict[str, float]
    mean: np.ndarray
    noise: np.ndarray
    alpha: np.ndarray | None = None
    degrees: float = np.inf

    def observe(self, rng: np.random.Generator) -> np.ndarray:
        """Observations, (n,)."""
        e = rng.standard_normal(N_SITES)
        if np.isfinite(self.degrees):
            e /= np.sqrt(rng.chisquare(self.degrees, N_SITES) / self.degrees)
        return self.mean + np.hypot(self.noise, ERROR) * e

    def log_likelihood(self, y: np.ndarray, error: float) -> float:
        """Of observations given the mean, for one who knows of that measurement error."""
        return float(student.logpdf(y, self.degrees, self.mean, np.hypot(self.noise, error)).sum())


Draw = Callable[[np.random.Generator], Truth]


def _named(name: str, values: np.ndarray) -> dict[str, float]:
    return {f"{name}[{i}]": float(v) for i, v in enumerate(np.ravel(values))}


def _sigma(rng: np.random.Generator) -> float:
    return float(rng.gamma(5, 1 / 10))


def _dirichlet(rng: np.random.Generator, alpha: np.ndarray) -> np.ndarray:
    """Dirichlet weights, safe for small concentrations: Gamma(a) is Gamma(a + 1) U^(1/a)."""
    logs = np.log(rng.gamma(alpha + 1)) + np.log(rng.random(alpha.shape)) / alpha
    weights = np.exp(logs - logs.max())
    return weights / weights.sum()


def _mixture(weights: np.ndarray) -> np.ndarray:
    return np.sum(weights * sites()[MODELS].to_numpy(), axis=1)


def _local(rng: np.random.Generator, log_alpha: np.ndarray, scalars: dict) -> Truth:
    """From log concentrations at the sites and, last, at the far one."""
    alpha = np.exp(log_alpha)
    weights = np.stack([_dirichlet(rng, row) for row in alpha[:-1]])
    sigma = _sigma(rng)
    scalars = scalars | {"sigma": sigma} | _named("far", alpha[-1] / alpha[-1].sum())
    return Truth(scalars, _mixture(weights), np.full(N_SITES, sigma), alpha[:-1])


def draw_global(rng: np.random.Generator) -> Truth:
    """gBMM+D."""
    alpha = np.abs(rng.normal(0, 1, len(MODELS)))
    weights, sigma = _dirichlet(rng, alpha), _sigma(rng)
    scalars = _named("alpha", alpha) | _named("weights", weights) | {"sigma": sigma}
    return Truth(scalars, _mixture(weights), np.full(N_SITES, sigma))


def _everywhere(coords: list[str]) -> np.ndarray:
    """The sites' coordinates and, last, those of the far one."""
    return np.vstack([sites()[coords].to_numpy(), np.full((1, len(coords)), FAR)])


def draw_linear(rng: np.random.Generator) -> Truth:
    """LBMM+GLD."""
    everywhere = _everywhere(COORDS)
    x = everywhere[:-1]
    design = (everywhere - x.mean(axis=0)) / x.std(axis=0)
    beta = rng.normal(0, 1, (len(MODELS), 3))
    log_alpha = beta[:, 0] + design @ beta[:, 1:].T
    return _local(rng, log_alpha, _named("beta", beta))


def _rho(rng: np.random.Generator, low: float, high: float, count: int) -> np.ndarray:
    """Length scales with 98 % of the prior's mass between two."""
    middle, half = (np.log(low) + np.log(high)) / 2, (np.log(high) - np.log(low)) / 2
    return np.exp(rng.normal(middle, half / _NINETY_NINE, count))


def _process(rng: np.random.Generator, x: np.ndarray, rho: np.ndarray, count: int) -> np.ndarray:
    """Gaussian processes of unit variance at sites (m, q), (m, count)."""
    gap = (x[:, None] - x[None]) / rho
    covariance = np.exp(-0.5 * np.sum(gap**2, axis=-1))
    return rng.multivariate_normal(np.zeros(len(x)), covariance, count).T


def draw_process(rng: np.random.Generator) -> Truth:
    """LBMM+GPD."""
    rho = _rho(rng, *LENGTHS, 2)
    eta, gamma = rng.gamma(2, 1 / 2, len(MODELS)), rng.normal(0, 1, len(MODELS))
    unit = _process(rng, _everywhere(COORDS), rho, len(MODELS))
    scalars = _named("rho", rho) | _named("eta", eta) | _named("gamma", gamma)
    return _local(rng, gamma + eta * unit, scalars)


def draw_smooth(rng: np.random.Generator) -> Truth:
    """Smooth weights with a discrepancy and local Student's t noise, along the first coordinate."""
    x = _everywhere(COORDS[:1])
    extent, count = np.ptp(x[:-1]), len(MODELS)
    spacing = extent / N_SITES
    rho = _rho(rng, min(2 * spacing, extent / 12), extent / 6, 1)
    delta_rho = _rho(rng, min(spacing, extent / 6), extent / 3, 1)
    noise_rho = 2 * np.sqrt(min(2 * spacing, extent / 12) * extent / 6)
    eta, delta_eta = rng.gamma(2, 1 / 2, count), rng.exponential(1.0)
    constant = rng.normal(0, 1.5, count)
    weights = np.exp(constant + eta * _process(rng, x, rho, count))
    weights /= weights.sum(axis=1, keepdims=True)
    delta = delta_eta * _process(rng, x[:-1], delta_rho, 1)[:, 0]

    sigma, slope = _sigma(rng), rng.normal(0, 0.5)
    spread = sites()[MODELS].to_numpy().std(axis=1)
    covariate = np.log(np.hypot(spread / spread.mean(), 0.03))
    log_variance = slope * (covariate - covariate.mean())
    log_variance += 0.6 * _process(rng, x[:-1], np.array([noise_rho]), 1)[:, 0]
    noise = sigma * np.exp(log_variance / 2)

    scalars = _named("weights_rho", rho) | _named("weights_eta", eta) | {"sigma": sigma}
    scalars |= _named("delta_rho", delta_rho) | {"delta_eta": delta_eta, "slope": slope}
    scalars |= _named("discrepancy", delta[:2]) | _named("noise", noise[:2])
    scalars |= _named("field_weight", weights[0]) | _named("far", weights[-1])
    return Truth(scalars, _mixture(weights[:-1]) + delta, noise, degrees=DEGREES)
