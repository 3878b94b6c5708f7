"""The squared-exponential kernel with one length scale for all straight coordinates of an axis."""

from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import (
    RBF,
    Hyperparameter,
    Kernel,
    NormalizedKernelMixin,
    StationaryKernelMixin,
)


class AxisRBF(StationaryKernelMixin, NormalizedKernelMixin, Kernel):
    """exp(-sum_j dx_j^2 / (2 rho_axis(j)^2)): scikit-learn's `RBF`, its length scales shared.

    Args:
        length_scale: One an axis, (q,).
        axis_of: The axis of each straight coordinate, (p,).
        length_scale_bounds: (low, high) of each, (q, 2).
    """

    def __init__(
        self,
        length_scale: np.ndarray,
        axis_of: tuple[int, ...],
        length_scale_bounds: np.ndarray,
    ) -> None:
        self.length_scale = length_scale
        self.axis_of = axis_of
        self.length_scale_bounds = length_scale_bounds

    @property
    def hyperparameter_length_scale(self) -> Hyperparameter:
        """What scikit-learn varies."""
        count = np.size(self.length_scale)
        return Hyperparameter("length_scale", "numeric", self.length_scale_bounds, count)

    def straight(self) -> np.ndarray:
        """The length scale of each straight coordinate, (p,)."""
        # scikit-learn sets a single length scale as a scalar
        return np.atleast_1d(self.length_scale)[list(self.axis_of)]

    def __call__(
        self, X: np.ndarray, Y: np.ndarray | None = None, eval_gradient: bool = False
    ) -> Any:
        scales: Any = self.straight()
        straight: Any = RBF(scales)
        if not eval_gradient:
            return straight(X, Y)
        value, slopes = straight(X, Y, eval_gradient=True)
        of = np.array(self.axis_of)
        own: list[Any] = [slopes[..., of == k].sum(axis=-1) for k in range(of.max() + 1)]
        return value, np.stack(own, axis=-1)

    def __repr__(self) -> str:
        scales = ", ".join(f"{scale:.3g}" for scale in np.atleast_1d(self.length_scale))
        return f"AxisRBF(length_scale=[{scales}])"
