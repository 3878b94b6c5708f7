"""The evidence of one model, p(y | M_k), by four routes that must agree.

Every route integrates the same likelihood (`noise.log_likelihood`) over the same prior of sigma,
and returns the log of the same number:

- `closed_form`: exact, for the conjugate prior and no measurement errors;
- `quadrature`: exact to 1e-10 for any prior and any errors, the yardstick of the others;
- `laplace`: mode and second derivative in log sigma;
- `monte_carlo`: mean likelihood over draws from the prior, with its standard error.

Laplace works in log sigma because the posterior is nearer to a normal there: with 8 rows and the
conjugate prior it is 0.02 nats from the truth, and 0.10 nats in sigma.
"""

# pyright: strict, reportMissingTypeStubs=false

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special
from scipy.special import gammaln

from dirimix._arrays import Floats
from dirimix.laws.noise import Peak, find_peak, log_likelihood, log_target
from dirimix.laws.noise_prior import AbstractNoisePrior, GammaPrecision

_DOUBLINGS = 12
_special: Any = special  # SciPy does not type the results of these


@dataclass(frozen=True)
class Evidence:
    """Log evidence and the standard error of its estimate (0 where it is deterministic)."""

    log: float
    std_error: float
    route: str


def closed_form(
    residual: Floats, prior: GammaPrecision, discrepancy: float | None = None
) -> Evidence:
    """The Normal-Gamma evidence of residuals without measurement errors.

    Gamma(a + n/2) / Gamma(a) b^a (b + Q/2)^-(a + n/2) (2 pi)^(-n/2) |C|^(-1/2), Q = d^T C^-1 d,
    C = I + 1 1^T / discrepancy.

    Args:
        residual: d, (n,), in the unit of y.
        prior: Prior of the precision.
        discrepancy: Prior precision of a constant shift in units of the noise precision;
            None is no shift.

    Reference: doi 10.1002/9780470316870 (Bernardo and Smith), appendix A.
    """
    n, shape, rate = len(residual), prior.shape, prior.rate * prior.scale**2
    form, log_det = float(residual @ residual), 0.0
    if discrepancy is not None:
        form -= float(residual.sum() ** 2 / (discrepancy + n))
        log_det = float(np.log1p(n / discrepancy))
    log = (
        gammaln(shape + n / 2)
        - gammaln(shape)
        + shape * np.log(rate)
        - (shape + n / 2) * np.log(rate + form / 2)
        - 0.5 * (n * np.log(2 * np.pi) + log_det)
    )
    return Evidence(float(log), 0.0, "closed form")


def quadrature(
    residual: Floats,
    error: Floats,
    prior: AbstractNoisePrior,
    discrepancy: float | None = None,
) -> Evidence:
    """The evidence by adaptive quadrature over log sigma, to 1e-10.

    Args:
        residual: d, (n,), in the unit of y.
        error: Measurement errors, (n,), in the unit of y.
        prior: Prior of sigma.
        discrepancy: As in `closed_form`.
    """
    target = log_target(residual, error, prior, discrepancy)
    log = log_integral(target, find_peak(target, residual, prior))
    return Evidence(log, 0.0, "quadrature")


def monte_carlo(
    residual: Floats,
    error: Floats,
    sigma: Floats,
    discrepancy: float | None = None,
) -> Evidence:
    """The mean likelihood over draws of sigma from its prior, in log space.

    The standard error of the log is that of the mean over the mean (delta method).

    Args:
        residual: d, (n,), in the unit of y.
        error: Measurement errors, (n,), in the unit of y.
        sigma: Draws from the prior, (s,); give all models the same.
        discrepancy: As in `closed_form`.
    """
    return averaged(log_likelihood(sigma, residual, error, discrepancy))


def averaged(log: Floats) -> Evidence:
    """The evidence from log likelihoods at draws from the prior, (s,): their mean, in log space."""
    mean = float(_special.logsumexp(log) - np.log(len(log)))
    relative = float(np.std(np.exp(log - mean), ddof=1) / np.sqrt(len(log)))
    return Evidence(mean, relative, "monte carlo")


def laplace(
    residual: Floats,
    error: Floats,
    prior: AbstractNoisePrior,
    discrepancy: float | None = None,
) -> Evidence:
    """Laplace's approximation in log sigma: peak height times a normal of the same curvature.

    The arguments are those of `quadrature`.
    """
    target = log_target(residual, error, prior, discrepancy)
    mode = find_peak(target, residual, prior).mode
    _, curvature = log_target_derivatives(mode, residual, error, prior, discrepancy)
    height = float(target(np.array([mode]))[0])
    return Evidence(height + 0.5 * float(np.log(2 * np.pi / -curvature)), 0.0, "laplace")


def log_target_derivatives(
    t: float,
    residual: Floats,
    error: Floats,
    prior: AbstractNoisePrior,
    discrepancy: float | None = None,
) -> tuple[float, float]:
    """First and second derivative of `noise.log_target` in t = log sigma.

    The other arguments are those of `quadrature`.
    """
    variance = float(np.exp(2 * t))
    first, second = _likelihood_derivatives(variance, residual, error, discrepancy)
    slope, curvature = prior.derivatives(np.exp(t))
    # d/dt = 2 v d/dv, because the variance is v = exp(2 t)
    chain = 4 * variance**2 * second + 4 * variance * first
    return 2 * variance * first + float(slope), chain + float(curvature)


def _likelihood_derivatives(
    variance: float, residual: Floats, error: Floats, discrepancy: float | None
) -> tuple[float, float]:
    """First and second derivative of the log likelihood in the variance v = sigma^2."""
    total, square = variance + error**2, residual**2
    first = 0.5 * np.sum(square / total**2 - 1 / total)
    second = np.sum(0.5 / total**2 - square / total**3)
    if discrepancy is not None:
        extra = _shift_derivatives(variance, total, residual, discrepancy)
        first, second = first + extra[0], second + extra[1]
    return float(first), float(second)


def _shift_derivatives(
    variance: float, total: Floats, residual: Floats, discrepancy: float
) -> tuple[float, float]:
    """What a constant shift adds: derivatives in v of (p / h - log h) / 2.

    h = 1 + c A and p = c B^2, with c = v / discrepancy, A = sum 1 / (v + u^2) and
    B = sum d / (v + u^2).
    """
    c, dc = variance / discrepancy, 1 / discrepancy
    a, da, dda = (s * np.sum(total**-k) for k, s in ((1.0, 1), (2.0, -1), (3.0, 2)))
    b, db, ddb = (s * np.sum(residual * total**-k) for k, s in ((1.0, 1), (2.0, -1), (3.0, 2)))
    h, dh, ddh = 1 + c * a, dc * a + c * da, 2 * dc * da + c * dda
    p, dp = c * b**2, dc * b**2 + 2 * c * b * db
    ddp = 4 * dc * b * db + 2 * c * (db**2 + b * ddb)
    first = dp / h - p * dh / h**2 - dh / h
    second = (
        ddp / h - (2 * dp * dh + p * ddh) / h**2 + 2 * p * dh**2 / h**3 - ddh / h + (dh / h) ** 2
    )
    return 0.5 * float(first), 0.5 * float(second)


def log_integral(target: Callable[[Floats], Floats], peak: Peak) -> float:
    """Log of the integral of exp(`target`), a function of (s,), by the trapezoidal rule to 1e-11.

    The rule converges exponentially for an analytic integrand that vanishes at both ends;
    doubling the nodes adds the midpoints only. Reference: doi 10.1137/130932132.
    """
    nodes = np.linspace(peak.lower, peak.upper, 33)
    total = float(_special.logsumexp(target(nodes)) + np.log(nodes[1] - nodes[0]))
    for _ in range(_DOUBLINGS):
        step, before = nodes[1] - nodes[0], total
        middles = nodes[:-1] + step / 2
        total = np.logaddexp(before, _special.logsumexp(target(middles)) + np.log(step)) - np.log(2)
        if abs(total - before) < 1e-11:
            break
        nodes = np.sort(np.concatenate([nodes, middles]))
    return float(total)
