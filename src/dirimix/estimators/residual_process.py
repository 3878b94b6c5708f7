"""A Gaussian process of one model's residuals: its hyperparameters, then its posterior.

Residuals, errors, amplitude and noise are in units of the noise scale.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, WhiteKernel

from dirimix.estimators.residuals.kernel import AxisRBF
from dirimix.estimators.residuals.sparse import SparseProcess, condition_sparse
from dirimix.table.space import Space

Kernel = Any  # scikit-learn's kernels carry no types that name their parameters

_STARTS = (1.0, 0.1)  # length-scales, in standard deviations of a coordinate
_DENSE_SITES = 2000  # for which a dense matrix serves
_LOWEST, _HIGHEST = 1e-3, 1e3  # amplitude and noise, in units of the noise scale
_FINEST, _COARSEST = 1e-5, 30.0  # at least, and at most or more, in units of the residuals' rms


@dataclass(frozen=True)
class ResidualProcess:
    """The posterior of one model's discrepancy at n standardised sites.

    Attributes:
        x: Standardised straight coordinates, (n, p).
        kernel: Prior covariance function of the discrepancy.
        noise: Standard deviation of what the discrepancy does not explain.
        factor: Lower Cholesky factor of the residuals' covariance, (n, n).
        solution: Inverse covariance times the residuals, (n,).
        left_out: Residual at each site when its own row is left out, (n,).
        in_sample: Residual at each site with all rows in, (n,).
    """

    x: np.ndarray
    kernel: Kernel
    noise: float
    factor: np.ndarray
    solution: np.ndarray
    left_out: np.ndarray
    in_sample: np.ndarray

    def at(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Posterior mean and standard deviation of the discrepancy at x (m, p), each (m,)."""
        between = self.kernel(self.x, x)
        seen = solve_triangular(self.factor, between, lower=True)
        variance = self.kernel.diag(x) - np.sum(seen**2, axis=0)
        # rounding may leave a variance a little under 0 where the data leave no doubt
        return between.T @ self.solution, np.sqrt(np.maximum(variance, 0.0))

    def nodes(self) -> np.ndarray:
        """Where the process is given, (n, p)."""
        return self.x

    def weights_of(self, values: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Kernel weights of the mean, were a draw of the process observed at the nodes, (n,).

        Args:
            values: The draw, (n,).
            noise: Standard normals, (n,), for what the observations are off by.
        """
        variance = np.sum(self.factor**2, axis=1) - self.kernel.diag(self.x)
        observed = values + np.sqrt(np.maximum(variance, 0.0)) * noise
        return cho_solve((self.factor, True), observed)


def condition(
    x: np.ndarray, residual: np.ndarray, error: np.ndarray, kernel: Kernel
) -> ResidualProcess | SparseProcess:
    """Condition a zero-mean Gaussian process on residuals; given few of more than 2,000 sites.

    Args:
        x: Standardised straight coordinates, (n, p).
        residual: y - f, (n,).
        error: Measurement errors, (n,).
        kernel: Covariance of the discrepancy plus a `WhiteKernel`.
    """
    smooth, noise = kernel.k1, float(np.sqrt(kernel.k2.noise_level))
    variance = noise**2 + error**2
    if len(x) > _DENSE_SITES:
        return condition_sparse(x, residual, variance, smooth, noise, smooth.k2.straight())
    factor = cholesky(smooth(x) + np.diag(variance), lower=True)
    inverse = cho_solve((factor, True), np.eye(len(x)))
    solution = inverse @ residual
    left_out = solution / np.diag(inverse)
    return ResidualProcess(x, smooth, noise, factor, solution, left_out, variance * solution)


def likeliest_kernel(
    x: np.ndarray, residual: np.ndarray, error: np.ndarray, space: Space
) -> Kernel:
    """The kernel of the largest marginal likelihood, among two starts for the length-scales.

    Args:
        x: Standardised straight coordinates, (n, p).
        residual: y - f, (n,).
        error: Measurement errors, (n,).
        space: What the coordinates are.

    Returns:
        Constant times squared exponential plus white noise.
    """
    kernel = _start_kernel(x, residual, space)
    # an optimizer of our own: scikit-learn's warns whenever a bound is met, which is no fault
    options: dict[str, Any] = {"alpha": error**2 + 1e-12, "optimizer": None}
    process: Any = GaussianProcessRegressor(kernel, **options).fit(x, residual)

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = process.log_marginal_likelihood(
            theta, eval_gradient=True, clone_kernel=False
        )
        return -value, -slope

    bounds = kernel.bounds
    starts = []
    for length in _STARTS:
        theta = kernel.theta.copy()
        theta[1:-1] = np.log(length)
        starts.append(np.clip(theta, bounds[:, 0], bounds[:, 1]))
    found = [minimize(loss, s, jac=True, method="L-BFGS-B", bounds=bounds) for s in starts]
    return kernel.clone_with_theta(min(found, key=lambda r: r.fun).x)


def _start_kernel(x: np.ndarray, residual: np.ndarray, space: Space) -> Kernel:
    size = float(np.sqrt(np.mean(residual**2)))
    # a model far off moves both bounds: its process is larger, and has fewer digits for the noise
    variances = (max(_LOWEST, _FINEST * size) ** 2, max(_HIGHEST, _COARSEST * size) ** 2)
    half = float(np.clip(np.mean(residual**2) / 2, variances[0], variances[1]))
    extent = space.extent(x)
    distinct = np.array([len(np.unique(part, axis=0)) for part in space.parts(x)])
    # sites on the globe are as far apart as those of a square of so many
    distinct = np.ceil(distinct ** (1 / np.array(space.dimensions)))
    extent, distinct = np.where(extent > 0, extent, 1.0), np.maximum(distinct, 2)
    lengths = np.column_stack([extent / (distinct - 1), 3 * extent])
    smooth = ConstantKernel(half, variances) * AxisRBF(lengths.mean(axis=1), space.axis_of, lengths)
    return smooth + WhiteKernel(half, variances)
