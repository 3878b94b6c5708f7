"""Methods of other classes, fitted as a `LatentMixture` where their noise asks for one."""

from typing import TYPE_CHECKING, Any

from dirimix.estimators.base import AbstractMixture
from dirimix.table.table import Table

if TYPE_CHECKING:
    from dirimix.estimators.latent.mixture import LatentMixture

_STATE = ("posterior_", "diagnostics_", "sampling_", "converged_", "reasons_", "sigma_", "priors_")


def routed(outer: AbstractMixture, weights: str, **more: Any) -> "LatentMixture":
    """The unfitted mixture with the parameters of `outer` that both have.

    Args:
        outer: The method, which has noted what it needs of its training table.
        weights: Form of the weights.
        more: Other parameters than those of `outer`.
    """
    from dirimix.estimators.latent.mixture import LatentMixture  # with it comes JAX

    known = set(LatentMixture._get_param_names())
    given = {n: v for n, v in outer.get_params(deep=False).items() if n in known}
    given |= {"progress": outer.progress, "weights": weights, "discrepancy": "none"} | more
    return LatentMixture(**given).borrow(outer)


def fit_routed(outer: AbstractMixture, inner: "LatentMixture", table: Table) -> "LatentMixture":
    """Fit it to a table in the scale of `outer`, which gets what it says of itself."""
    inner._fit(table)
    inner.progress = None
    for name in _STATE:
        setattr(outer, name, getattr(inner, name))
    return inner
