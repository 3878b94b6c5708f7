"""Draws of the site weights given the concentrations, the noise and the observation there.

p(w | alpha, s, y) is Dirichlet(w | alpha) Normal(w . d; 0, s^2). Proposals are gamma variables with
the rates u_k = p - tau d_k of the likelihood's saddle point, normalised: they are centred on the
observation, and their importance weight Normal(M; 0, s^2) (p - tau M)^A depends on M = w . d alone.
Iterated sampling-importance-resampling (Andrieu, Lee and Vihola 2018, doi 10.3150/15-BEJ785) keeps
the conditional law invariant for any number of proposals, and takes the draws to it where M varies
by a few noise levels among the proposals. Where it varies by more, moves of two and of three
weights follow (`site_moves`).
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dirimix._cores import cores
from dirimix.likelihood.saddle import saddle_points
from dirimix.likelihood.site_moves import move_weights

_PROPOSALS, _ROUNDS = 12, 4
_SPREAD, _SWEEPS = 2.0, 20  # noise levels of M among the proposals, and sweeps of moves above that
_PARTS = 8


def sample_site_weights(
    log_alpha: np.ndarray,
    s: np.ndarray,
    d: np.ndarray,
    known: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """One draw of the weights at every site for each draw of the concentrations, (s, n, K).

    Parts of the draws have a source of randomness each, and threads share them out.

    Args:
        log_alpha: (s, n, K).
        s: Noise, measurement error included, (s, n), in the unit of d.
        d: Distances f - y, (n, K).
        known: Which model has a value where, (n, K); the others get weight 0.
        rng: Source of randomness.
    """

    def share(draws: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
        return [_one(log_alpha[i], s[i], d, known, rng) for i in draws]

    parts = np.array_split(np.arange(len(s)), _PARTS)
    with ThreadPoolExecutor(min(len(cores()), _PARTS)) as pool:
        return np.stack([w for part in pool.map(share, parts, rng.spawn(_PARTS)) for w in part])


def _one(
    log_alpha: np.ndarray, s: np.ndarray, d: np.ndarray, known: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    alpha = np.exp(log_alpha.astype(float))
    p, tau = saddle_points(np.where(known, d, np.nan), alpha, s)
    scaled = np.where(known, d, 0.0) / s[:, None]
    log_rate = np.log(np.where(known, p[:, None] - tau[:, None] * scaled, 1.0))
    total = np.where(known, alpha, 0.0).sum(axis=1)
    # the variance of M with the concentrations as they are; proposals shift its mean to about 0
    share = np.where(known, alpha, 0.0) / total[:, None]
    middle = np.sum(share * scaled, axis=1, keepdims=True)
    spread = np.sum(share * (scaled - middle) ** 2, axis=1) / (total + 1)

    def propose(count: int) -> tuple[np.ndarray, np.ndarray]:
        shape = (count, *alpha.shape)
        log_g = np.log(rng.standard_gamma(np.broadcast_to(alpha + 1, shape))) - log_rate
        log_g -= rng.standard_exponential(shape) / alpha
        log_g = np.where(known, log_g, -np.inf)
        log_g -= log_g.max(axis=-1, keepdims=True)
        w = np.exp(log_g)
        whole = w.sum(axis=-1, keepdims=True)
        mean = np.sum(w * scaled, axis=-1) / whole[..., 0]
        return log_g - np.log(whole), -0.5 * mean**2 + total * np.log(p - tau * mean)

    kept, weight = propose(1)
    for _ in range(_ROUNDS):
        w, log_weight = propose(_PROPOSALS)
        kept, weight = np.concatenate([kept, w]), np.concatenate([weight, log_weight])
        chosen = np.argmax(weight + rng.gumbel(size=weight.shape), axis=0)[None]
        weight = np.take_along_axis(weight, chosen, axis=0)
        kept = np.take_along_axis(kept, chosen[..., None], axis=0)
    log_w, far = kept[0], spread > _SPREAD**2
    if far.any():
        moved = log_w[far]
        move_weights(moved, np.log(alpha[far]), scaled[far], _SWEEPS, rng)
        log_w[far] = moved
    return np.exp(log_w)
