"""How far from the data weights have gone back to their far field, the mean of their prior.

A Gaussian-process field forgets its data over a few length scales. From there on the mean weight
of a model is its far-field value: the mean of alpha_k / alpha_0 with every log alpha_k at its mean
gamma_k and its own prior deviation about it, eta_k. (With log alpha at gamma exactly, `at_gamma`,
the weights are a little more unequal: the mean of a softmax is not the softmax of a mean.)

Distances are from a site to the nearest training site: in length scales, each coordinate over the
posterior mean of its rho, or standardised, each over the standard deviation of the training sites;
along the globe or round the circle where a coordinate is one.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import numpy as np
import pandas as pd
from scipy.special import softmax

from dirimix._arrays import Floats, Mask
from dirimix.assess.options import Reversion
from dirimix.assess.site_tables import nearest, standard_lengths
from dirimix.assess.weight_tables import by_model
from dirimix.estimators.fitted import FittedMethod
from dirimix.table.coordinates import as_numbers
from dirimix.table.split import SplitTable

_COPIES = 16  # prior deviations of each draw
_STRETCH = 20  # sites, next to one another in distance, that are judged together


def reversion_tables(
    fitted: FittedMethod, data: SplitTable, wanted: Reversion
) -> dict[str, pd.DataFrame]:
    """Tables reversion and reversion_sites of a method with a Gaussian-process field."""
    member = fitted.mixture
    tree = None if member is None else member.fit_report().posterior
    if member is None or tree is None or "rho" not in tree["posterior"]:
        return {}
    draws = tree["posterior"]
    gamma, eta = (draws[name].to_numpy().reshape(-1, len(data.models)) for name in ("gamma", "eta"))
    # a site where some model has no value is as far from the data as any
    frame = fitted.prepared(data.everywhere.fillna(dict.fromkeys(data.models, 1.0)))
    space, trained = data.space, data.parts["train"].frame
    train, x = (space.embed(as_numbers(f, data.coords)) for f in (trained, frame))
    rho = draws["rho"].mean(("chain", "draw")).to_numpy()[list(space.axis_of)]
    scales = {"distance": rho, "standardised": standard_lengths(space, train)}
    distances = {name: nearest(x, train, scale) for name, scale in scales.items()}
    weight = member.predict_weights(frame).to_numpy()
    far = far_field(gamma, eta)
    gone = np.abs(weight - far) <= wanted.tolerance
    at_gamma = softmax(gamma, axis=1).mean(axis=0)
    within = {k: [known_within(d, g, wanted.share) for g in gone.T] for k, d in distances.items()}
    models = pd.DataFrame({"model": data.models, "far_field": far, "at_gamma": at_gamma})
    models = models.assign(tolerance=wanted.tolerance, share=wanted.share, **within)
    models["farthest"] = distances["distance"].max()
    sites = data.everywhere.loc[:, data.site_columns].assign(**distances)
    everywhere = np.broadcast_to(far, weight.shape)
    long = by_model(sites, data.models, weight=weight, far_field=everywhere, reverted=gone)
    return {"reversion": models, "reversion_sites": long}


def far_field(gamma: Floats, eta: Floats) -> Floats:
    """Mean weights (K,) where the field has forgotten the data, from draws (s, K).

    Args:
        gamma: Where log alpha goes.
        eta: Its prior standard deviation about that.
    """
    rng = np.random.default_rng(0)
    free = gamma + eta * rng.standard_normal((_COPIES, *gamma.shape))
    return softmax(free, axis=-1).mean(axis=(0, 1))


def known_within(distance: Floats, gone: Mask, share: float) -> float:
    """The distance of the farthest site whose weight the data still move.

    Seen from far away, it lies in the first stretch of sites of which too few have gone back to
    the far field; one site alone does not count.

    Args:
        distance: Of every site, (m,).
        gone: Whether the weight there is within the tolerance of its far field, (m,).
        share: Of a stretch of `_STRETCH` sites, next to one another in distance, that must be.

    Returns:
        The distance; NaN if the sites end before the weights have gone back, or are too few.

    >>> at = np.arange(100.0)
    >>> known_within(at, at > 40, 0.95)
    40.0
    """
    order = np.argsort(distance, kind="stable")[::-1]
    if len(order) < _STRETCH:
        return np.nan
    stretches = np.lib.stride_tricks.sliding_window_view(gone[order], _STRETCH)
    failed = np.flatnonzero(stretches.mean(axis=1) < share)
    if not len(failed):
        return 0.0
    first = failed[0]
    return float(distance[order[first + np.argmin(stretches[first])]]) if first else np.nan
