"""A Gaussian process of residuals at more sites than a dense matrix serves (FITC).

The process at m inducing points, and what they leave out as noise of each site's own: the prior
variance is right at every site, the cost n m^2.

Reference: Snelson and Ghahramani (2006), "Sparse Gaussian processes using pseudo-inputs".
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from dirimix.estimators.fields.inducing import spread_points

_POINTS = 600  # at most
_LEFT_OUT = 1e-4  # share of the variance that they may leave out at a site
_JITTER = 1e-8  # of the variance


@dataclass(frozen=True)
class SparseProcess:
    """The posterior of one model's discrepancy, given m of the n standardised sites.

    Attributes:
        x: All sites, (n, p).
        points: The inducing points, (m, p).
        kernel: Prior covariance function of the discrepancy.
        noise: Standard deviation of what the discrepancy does not explain.
        root: Lower Cholesky factor of the points' covariance, (m, m).
        inner: That of 1 + V D^-1 V', V = root^-1 k(points, x), D the variances of the sites' own.
        weights: What the kernel at the points is multiplied with to give the mean, (m,).
        left_out: Residual at each site when its own row is left out, (n,).
        in_sample: Residual at each site with all rows in, (n,).
        unresolved: Share of the variance that the points leave out, the mean over sites.
    """

    x: np.ndarray
    points: np.ndarray
    kernel: Any
    noise: float
    root: np.ndarray
    inner: np.ndarray
    weights: np.ndarray
    left_out: np.ndarray
    in_sample: np.ndarray
    unresolved: float

    def at(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Posterior mean and standard deviation of the discrepancy at x (m, p), each (m,)."""
        between = self.kernel(self.points, x)
        seen = solve_triangular(self.root, between, lower=True)
        kept = solve_triangular(self.inner, seen, lower=True)
        variance = self.kernel.diag(x) - np.sum(seen**2, axis=0) + np.sum(kept**2, axis=0)
        return between.T @ self.weights, np.sqrt(np.maximum(variance, 0.0))

    def nodes(self) -> np.ndarray:
        """Where the process is given, (m, p)."""
        return self.points

    def weights_of(self, values: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Kernel weights of the mean, were a draw of the process observed, (m,).

        Args:
            values: The draw at the nodes, (m,).
            noise: Standard normals, (m,), for what is not known of these given the residuals.
        """
        seen = solve_triangular(self.root, values, lower=True)
        unknown = solve_triangular(self.inner.T, noise, lower=False)
        return solve_triangular(self.root.T, seen - unknown, lower=False)


def condition_sparse(
    x: np.ndarray,
    residual: np.ndarray,
    variance: np.ndarray,
    smooth: Any,
    noise: float,
    lengths: np.ndarray,
) -> SparseProcess:
    """Condition a zero-mean Gaussian process on residuals by way of inducing points.

    Args:
        x: Standardised sites, (n, p).
        residual: y - f, (n,).
        variance: Of the noise at each, (n,).
        smooth: Covariance of the discrepancy.
        noise: Standard deviation of the noise, measurement errors aside.
        lengths: Length scale of each straight coordinate, (p,).
    """
    chosen, _ = spread_points(x / lengths, _LEFT_OUT, _POINTS)
    points, scale = x[chosen], float(smooth.diag(x[:1])[0])
    root = cholesky(smooth(points) + _JITTER * scale * np.eye(len(points)), lower=True)
    seen = solve_triangular(root, smooth(points, x), lower=True)
    missed = np.maximum(scale - np.sum(seen**2, axis=0), 0.0)
    own = missed + variance
    inner = cholesky(np.eye(len(points)) + (seen / own) @ seen.T, lower=True)
    kept = solve_triangular(inner, seen / own, lower=True)
    solution = residual / own - kept.T @ (kept @ residual)
    explained = seen @ solution
    return SparseProcess(
        x,
        points,
        smooth,
        noise,
        root,
        inner,
        weights=solve_triangular(root.T, explained, lower=False),
        left_out=solution / (1 / own - np.sum(kept**2, axis=0)),
        in_sample=residual - seen.T @ explained,
        unresolved=float(np.mean(missed) / scale),
    )
