"""The predictive law of an observation: at every site a mixture of normals.

All methods predict in this one form, so that scores, intervals and plots are written once. A
sampled posterior is a mixture over its draws; model averaging is a mixture over models.
"""

# pyright: strict, reportMissingTypeStubs=false

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn, cast

import numpy as np
from scipy.special import log_ndtr, ndtr

from dirimix._arrays import Floats, Indices, Mask
from dirimix.errors import InputError, no_attribute
from dirimix.laws.quantiles.evaluate import mix
from dirimix.laws.quantiles.solve import quantiles

_BLOCK = 1 << 18  # component values held at once: 2 MB a temporary, whatever the table's size
_RENAMED = {
    "average": "mean", "standard_deviation": "std", "quantile": "ppf", "log_density": "logpdf",
    "sd": "scale",
}  # fmt: skip


@dataclass(frozen=True)
class NormalMixture:
    """sum_c weight[c] Normal(loc[c, i], scale[c, i]^2) at each of m sites.

    Raises an `InputError` for shapes, weights or parameters that make no law.

    Attributes:
        loc: Component means, (c, m), in the unit of y.
        scale: Component standard deviations, (c, m), in the unit of y.
        weight: Component weights, (c,) shared by the sites or (c, m); they sum to 1.
        together: The part of `scale` by which all sites of a joint draw are off together, (c, m);
            None where there is none. It changes the law of no single site.

    >>> law = NormalMixture(np.array([[0.0], [4.0]]), np.ones((2, 1)), np.array([0.5, 0.5]))
    >>> law.mean(), law.ppf(0.5).round(6)
    (array([2.]), array([2.]))
    """

    loc: Floats
    scale: Floats
    weight: Floats
    together: Floats | None = None

    def __post_init__(self) -> None:
        shape = self.loc.shape
        if (
            len(shape) != 2
            or self.scale.shape != shape
            or self.weight.shape not in (shape, shape[:1])
        ):
            raise InputError(
                "a normal mixture needs loc and scale of one shape (c, m) and weight (c,) or "
                f"(c, m), not {shape}, {self.scale.shape} and {self.weight.shape}"
            )
        if np.any(self.weight < 0) or not np.allclose(self.weight.sum(axis=0), 1, atol=1e-6):
            raise InputError(
                "the weights of a normal mixture must not be negative and must sum to 1; found "
                f"sums from {self.weight.sum(axis=0).min():.6g} and a least weight of "
                f"{self.weight.min():.6g}; divide them by their sum"
            )
        for i in np.flatnonzero(~_usable(self.loc, self.scale))[:1]:
            raise InputError(
                "a normal mixture needs finite means and positive standard deviations, and at "
                f"row {i + 1} it has others; check the model values and the noise there"
            )

    def __getattr__(self, name: str) -> NoReturn:
        raise no_attribute(self, name, _RENAMED)

    @classmethod
    def of_draws(
        cls, loc: Floats, scale: Floats | float, together: Floats | None = None
    ) -> "NormalMixture":
        """Equally weighted draws; `scale` broadcasts against `loc`, (c, m)."""
        loc = np.asarray(loc, dtype=float)
        weight = np.full(len(loc), 1 / len(loc))
        return cls(loc, np.broadcast_to(scale, loc.shape), weight, together)

    @classmethod
    def joined(cls, laws: "Sequence[NormalMixture]") -> "NormalMixture":
        """The laws at the sites of several, one after the other; their components are the same."""
        loc, scale = ([getattr(law, n) for law in laws] for n in ("loc", "scale"))
        parts = [np.zeros_like(w.loc) if w.together is None else w.together for w in laws]
        any_together = any(w.together is not None for w in laws)
        weight = laws[0].weight
        if weight.ndim == 2:
            weight = np.concatenate([law.weight for law in laws], axis=1)
        return cls(
            np.concatenate(loc, axis=1),
            np.concatenate(scale, axis=1),
            weight,
            np.concatenate(parts, axis=1) if any_together else None,
        )

    @classmethod
    def pooled(
        cls, laws: "Sequence[NormalMixture]", weights: "Sequence[float] | Floats"
    ) -> "NormalMixture":
        """The mixture of laws at the same sites, with a weight each, or one at each site, (m,)."""
        own = [w * law.site_weight for law, w in zip(laws, weights, strict=True)]
        parts = [np.zeros_like(w.loc) if w.together is None else w.together for w in laws]
        return cls(
            np.concatenate([law.loc for law in laws]),
            np.concatenate([law.scale for law in laws]),
            np.concatenate(own),
            None if all(w.together is None for w in laws) else np.concatenate(parts),
        )

    @property
    def n_sites(self) -> int:
        """Number of sites, m."""
        return self.loc.shape[1]

    @property
    def site_weight(self) -> Floats:
        """Component weights at every site, (c, m)."""
        weight = self.weight if self.weight.ndim == 2 else self.weight[:, None]
        return np.broadcast_to(weight, self.loc.shape)

    def at(self, sites: slice | Mask | Indices) -> "NormalMixture":
        """The law at some of the sites, given as a slice, a mask or indices, (m,)."""
        weight = self.weight if self.weight.ndim == 1 else self.weight[:, sites]
        together = None if self.together is None else self.together[:, sites]
        return NormalMixture(self.loc[:, sites], self.scale[:, sites], weight, together)

    def blocks(self) -> Iterator[slice]:
        """Consecutive slices of the sites, few enough that temporaries stay small."""
        c, m = self.loc.shape
        width = max(1, _BLOCK // max(c, 1))
        return (slice(start, start + width) for start in range(0, m, width))

    def mean(self) -> Floats:
        """Predictive means, (m,)."""
        return self._means.copy()

    def std(self) -> Floats:
        """Predictive standard deviations, (m,)."""
        return self._deviations.copy()

    def cdf(self, y: Floats) -> Floats:
        """P(Y <= y) at each site, (m,); `y` is (m,)."""
        return self._by_block(mixture_cdf, y)

    def pit(self, y: Floats) -> Floats:
        """The probability integral transform of one observation a site, (m,), here `cdf`."""
        return self.cdf(y)

    def logpdf(self, y: Floats) -> Floats:
        """Log predictive density of one observation a site, (m,); `y` is (m,)."""
        return self._by_block(_log_density, y)

    def logcdf(self, y: Floats) -> Floats:
        """Log of P(Y <= y) at each site, (m,), also where that is less than any double."""
        return self._by_block(_log_cdf, y)

    def ppf(self, q: float) -> Floats:
        """The q-quantile at each site, (m,)."""
        return self.quantiles((q,))[:, 0]

    def quantiles(self, qs: Sequence[float]) -> Floats:
        """Quantiles at each site, (m, len(qs)).

        Raises:
            InputError: If some q does not lie strictly between 0 and 1, or they are no list.
        """
        if np.ndim(qs) != 1:
            raise InputError(f"quantiles are a list of numbers, such as [0.05, 0.95], not {qs!r}")
        for q in qs:
            if np.ndim(q) or not 0 < q < 1:
                raise InputError(f"a quantile lies strictly between 0 and 1, and {q} does not")
        start = self._means, self._deviations
        each = (quantiles(*self._components(s), qs, *(v[s] for v in start)) for s in self.blocks())
        return np.concatenate([np.empty((0, len(qs))), *each])

    def sample(self, n_samples: int, rng: np.random.Generator) -> Floats:
        """Draws of Y, (n_samples, m), each a coherent whole over the sites: see `coherent`."""
        u = rng.random(n_samples)
        return self.coherent(u, rng.standard_normal((n_samples, self.loc.shape[1])))

    def coherent(self, u: Floats, noise: Floats, alike: Floats | None = None) -> Floats:
        """Draws of Y, (d, m), with one component a draw at all sites.

        So a draw is a coherent whole over the sites wherever the weights are shared. Weights
        that differ between sites turn the same uniform number into each site's component.

        Args:
            u: Uniform numbers, (d,), which choose the components.
            noise: Standard normals, (d, m), each site's own.
            alike: Standard normals, (d, m), that are alike at sites which are off `together`; None
                where nothing is known of that.
        """
        if self.weight.ndim == 1:
            chosen = _component(self.weight, u)
            place = chosen, slice(None)
        else:
            chosen = np.column_stack([_component(w, u) for w in self.weight.T])
            place = chosen, np.arange(self.n_sites)
        loc, scale = self.loc[place], self.scale[place]
        if alike is None or self.together is None:
            return loc + scale * noise
        together = self.together[place]
        # rounding may leave the whole a little below its part
        own = np.sqrt(np.maximum(scale**2 - together**2, 0.0))
        return loc + own * noise + together * alike

    @cached_property
    def _means(self) -> Floats:
        return self._by_block(_mean)

    @cached_property
    def _deviations(self) -> Floats:
        return self._by_block(_standard_deviation, self._means)

    def _components(self, sites: slice) -> tuple[Floats, Floats, Floats]:
        weight = self.weight if self.weight.ndim == 1 else self.weight[:, sites]
        return self.loc[:, sites], self.scale[:, sites], weight

    def _by_block(self, function: Callable[..., Floats], *of_site: object) -> Floats:
        m = self.loc.shape[1]
        of_site = tuple(np.broadcast_to(np.asarray(v, dtype=float), (m,)) for v in of_site)
        parts = [function(self.at(s), *(v[s] for v in of_site)) for s in self.blocks()]
        return np.concatenate(parts) if parts else np.empty(0)


def _usable(mean: Floats, sd: Floats) -> Mask:
    """Sites with finite means and positive finite standard deviations, (m,) booleans."""
    if not mean.size:
        return np.ones(mean.shape[1:], dtype=bool)
    return np.isfinite(mean).all(axis=0) & (sd.min(axis=0) > 0) & np.isfinite(sd.max(axis=0))


def _mean(law: NormalMixture) -> Floats:
    # about one of them: means far from 0 and close together keep their digits
    return law.loc[0] + mix(law.weight, law.loc - law.loc[0])


def _standard_deviation(law: NormalMixture, mean: Floats) -> Floats:
    return np.sqrt(mix(law.weight, law.scale**2 + (law.loc - mean) ** 2))


def mixture_cdf(law: NormalMixture, y: Floats) -> Floats:
    """P(Y <= y) at each site, (m,), of a law small enough to be one block; `y` is (m,)."""
    return mix(law.weight, ndtr((y - law.loc) / law.scale))


def _log_density(law: NormalMixture, y: Floats) -> Floats:
    z = (y - law.loc) / law.scale
    with np.errstate(over="ignore"):  # the density is 0 there
        squares = z**2
    return _log_mixed(law, -0.5 * squares - np.log(law.scale) - 0.5 * np.log(2 * np.pi))


def _log_cdf(law: NormalMixture, y: Floats) -> Floats:
    return _log_mixed(law, log_ndtr((y - law.loc) / law.scale))


def _log_mixed(law: NormalMixture, log_each: Floats) -> Floats:
    """The log of the mean over the components, by their weights, of what has these logs, (c, m)."""
    top: Floats = np.max(np.where(law.site_weight > 0, log_each, -np.inf), axis=0)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return top + np.log(mix(law.weight, np.exp(np.minimum(log_each - top, 0.0))))


def _component(weight: Floats, u: Floats) -> Indices:
    """Index of the component that each uniform number falls to, by the cumulated weights."""
    cumulative: Floats = np.cumsum(weight)
    chosen = cast(Indices, np.searchsorted(cumulative, u * cumulative[-1], side="right"))
    # rounding may carry u past the last component that has weight
    return np.minimum(chosen, np.flatnonzero(weight)[-1])
