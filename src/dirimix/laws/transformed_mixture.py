"""The predictive law of a quantity that is a mixture of normals in another scale.

Y = g^-1(Z) with Z a mixture of normals. What Z has below the floor g(0) belongs to Y = 0: the law
is censored there, and 0 has a probability of its own. So quantiles are those of Z, mapped back; the
density of a positive value is that of the likelihood that was fitted, times dz/dy; and the
probability of 0 and the integral of the density over the positive values add up to 1. Means and
standard deviations are integrals over the law, since the mean of Y is not g^-1 of the mean of Z.
"""

# pyright: strict, reportMissingTypeStubs=false

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from dirimix._arrays import Floats, Indices, Mask
from dirimix.laws.normal_mixture import NormalMixture
from dirimix.laws.transforms import AbstractTransform, Identity

_FAR = 9.0  # standard deviations beyond which a component counts as nothing, 1e-19
_NEAR = 3.0  # standard deviations that Gauss and Hermite's nodes serve well
_hermite: tuple[Any, Any] = np.polynomial.hermite_e.hermegauss(24)
_legendre: tuple[Any, Any] = np.polynomial.legendre.leggauss(48)


@dataclass(frozen=True)
class TransformedMixture:
    """The law of g^-1(Z) at each of m sites, censored at 0 where Z may lie below g(0).

    Attributes:
        latent: The law of Z.
        transform: g.

    >>> from dirimix.laws.transforms import Log
    >>> law = TransformedMixture(NormalMixture.of_draws(np.zeros((1, 1)), 1.0), Log())
    >>> law.mean().round(6), law.ppf(0.5)  # exp(1/2), exp(0)
    (array([1.648721]), array([1.]))
    """

    latent: NormalMixture
    transform: AbstractTransform

    @property
    def n_sites(self) -> int:
        """Number of sites, m."""
        return self.latent.n_sites

    def at(self, sites: slice | Mask | Indices) -> "TransformedMixture":
        """The law at some of the sites, given as a slice, a mask or indices, (m,)."""
        return TransformedMixture(self.latent.at(sites), self.transform)

    def blocks(self) -> Iterator[slice]:
        """Consecutive slices of the sites, few enough that temporaries stay small."""
        return self.latent.blocks()

    def mean(self) -> Floats:
        """Predictive means, (m,)."""
        return self._mean.copy()

    @cached_property
    def _mean(self) -> Floats:
        zero = np.zeros(self.n_sites)
        return self._expected(lambda y, _: y, zero)

    def std(self) -> Floats:
        """Predictive standard deviations, (m,)."""
        variance = self._expected(lambda y, mean: (y - mean) ** 2, self._mean)
        return np.sqrt(variance + self.probability_of_zero() * self._mean**2)

    def probability_of_zero(self) -> Floats:
        """P(Y = 0) at each site, (m,)."""
        return self.latent.cdf(np.full(self.n_sites, self.transform.floor))

    def cdf(self, y: Floats) -> Floats:
        """P(Y <= y) at each site, (m,); `y` is (m,)."""
        y = self._of_sites(y)
        return np.where(y < 0, 0.0, self.latent.cdf(self._scaled(y)))

    def pit(self, y: Floats) -> Floats:
        """P(Y <= y); of the values that an observation of 0 stands for, that nearest to one half.

        So an observation lies in a closed central interval as often as this lies in its levels.
        """
        below = self.cdf(y)
        return np.where(self.transform.is_atom(y), np.minimum(below, 0.5), below)

    def logpdf(self, y: Floats) -> Floats:
        """Log predictive density of one observation a site, (m,); of 0 the log probability."""
        y = self._of_sites(y)
        inside = y > 0
        safe = np.where(inside, y, 1.0)
        density = self.latent.logpdf(self.transform.to(safe)) + self.transform.log_jacobian(safe)
        of_zero = self.latent.logcdf(np.full(self.n_sites, self.transform.floor))
        return np.where(inside, density, np.where(y == 0, of_zero, -np.inf))

    def ppf(self, q: float) -> Floats:
        """The q-quantile at each site, (m,)."""
        return self.quantiles((q,))[:, 0]

    def quantiles(self, qs: Sequence[float]) -> Floats:
        """Quantiles at each site, (m, len(qs)).

        Raises:
            InputError: If some q does not lie strictly between 0 and 1.
        """
        return self._back(self.latent.quantiles(qs))

    def sample(self, n_samples: int, rng: np.random.Generator) -> Floats:
        """Draws of Y, (n_samples, m), each coherent over the sites as those of Z are."""
        return self._back(self.latent.sample(n_samples, rng))

    def coherent(self, u: Floats, noise: Floats, alike: Floats | None = None) -> Floats:
        """Draws of Y, (d, m), from uniform numbers (d,) and standard normals (d, m), as of Z."""
        return self._back(self.latent.coherent(u, noise, alike))

    def _back(self, z: Floats) -> Floats:
        # a law that is very wide has values beyond those of a double
        with np.errstate(over="ignore"):
            return self.transform.back(z)

    def _of_sites(self, y: Floats) -> Floats:
        return np.broadcast_to(np.asarray(y, dtype=float), (self.n_sites,))

    def _scaled(self, y: Floats) -> Floats:
        """The z of each y, (m,), the floor of what lies below 0."""
        inside = y > 0
        return np.where(inside, self.transform.to(np.where(inside, y, 1.0)), self.transform.floor)

    def _expected(self, function: Callable[[Floats, Floats], Floats], mean: Floats) -> Floats:
        """The integral over positive y of function(y, mean) times the density, (m,)."""
        parts = [_integral(self.at(s), function, mean[s]) for s in self.blocks()]
        return np.concatenate(parts) if parts else np.empty(0)


PredictiveLaw = NormalMixture | TransformedMixture


def predictive_law(latent: NormalMixture, transform: AbstractTransform) -> PredictiveLaw:
    """The law of y, given that of z = g(y)."""
    return latent if isinstance(transform, Identity) else TransformedMixture(latent, transform)


def side_by_side(laws: Sequence[PredictiveLaw]) -> PredictiveLaw:
    """One law over the sites of several, in order, that differ in nothing but the sites."""
    latents = [law.latent if isinstance(law, TransformedMixture) else law for law in laws]
    first, joined = laws[0], NormalMixture.joined(latents)
    return replace(first, latent=joined) if isinstance(first, TransformedMixture) else joined


def _integral(
    law: TransformedMixture, function: Callable[[Floats, Floats], Floats], mean: Floats
) -> Floats:
    """Of a law small enough to be one block, component by component."""
    loc, scale = law.latent.loc, law.latent.scale
    each = np.zeros_like(loc)
    with np.errstate(over="ignore", invalid="ignore"):
        for x, share in _nodes(law, loc, scale):
            each += share * function(law.transform.back(loc + scale * x), mean)
        return np.sum(law.latent.site_weight * each, axis=0)


def _nodes(
    law: TransformedMixture, loc: Floats, scale: Floats
) -> Iterator[tuple[Floats | float, Floats | float]]:
    """Standardised nodes of the components and their shares of the integral.

    By Gauss and Hermite where no component comes near the floor or is so wide that its far tail
    matters; else by Gauss and Legendre from the floor on, for the map back has a kink there.
    """
    start, reach = (law.transform.floor - loc) / scale, law.transform.reach(loc, scale)
    if start.size and start.max() < -_FAR and reach.max() <= _NEAR:
        total = float(np.sum(_hermite[1]))
        yield from ((float(x), float(w) / total) for x, w in zip(*_hermite, strict=True))
        return
    low = np.maximum(start, -_FAR)
    half = np.maximum(_FAR + reach - low, 0.0) / 2
    for t, w in zip(*_legendre, strict=True):
        x = low + half * (1 + t)
        yield x, w * half * np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)
