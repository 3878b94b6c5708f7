"""What the compiled loops make of numbers over all of their range.

As a program, `python every_loop.py FILE` with NUMBA_DISABLE_JIT=1, it has Python run them.
"""

import sys

import numpy as np
from numba import config

from dirimix.laws.quantiles.loops import evaluate_rows
from dirimix.likelihood import density
from dirimix.likelihood.contour_nodes import TERMS, make_path, single_path
from dirimix.likelihood.dirichlet_sums import dirichlet_sums
from dirimix.likelihood.routes import COARSE, FINE, LAST_STEP, Accuracy
from dirimix.likelihood.saddle import saddle_points
from dirimix.likelihood.site_moves import move_weights

SITES = 40


def numbers() -> dict[str, np.ndarray]:
    """Results of every loop by name."""
    rng = np.random.default_rng(0)
    found = {}
    for models in (2, 3, 5):
        alpha = 10 ** rng.uniform(-4, 4, (SITES, models))
        d = 10 ** rng.uniform(-1, 6, (SITES, models)) * rng.choice([-1, 1], (SITES, models))
        d[0, 0] = 1e14  # its power law serves
        d[1, 0], s = np.nan, 10 ** rng.uniform(-0.5, 0.5, SITES)
        for name, accuracy in (("fine", FINE), ("coarse", COARSE)):
            found[f"{name}-{models}"] = likelihood(d, alpha, s, accuracy)
        found[f"saddle-{models}"] = np.stack(saddle_points(d[2:], alpha[2:], s[2:]))
    log_alpha, values = rng.uniform(-18, 18, (30, 4)), rng.standard_normal((2, 4))
    found["sums"] = dirichlet_sums(log_alpha, values, 3, np.random.default_rng(1))
    moved = np.log(rng.dirichlet(np.ones(4), 30))
    d = 10 ** rng.uniform(-1, 3, (30, 4)) * rng.choice([-1, 1], (30, 4))
    move_weights(moved, log_alpha / 3, d, 3, np.random.default_rng(2))
    found["moves"] = moved
    loc, inverse = rng.standard_normal((20, 9)), 10 ** rng.uniform(-2, 2, (20, 9))
    weight, t = rng.dirichlet(np.ones(9), 20), 2 * rng.standard_normal(20)
    found["mixtures"] = evaluate_rows(loc, inverse, weight, t, rng.random(20) < 0.8)
    return found


def likelihood(d: np.ndarray, alpha: np.ndarray, s: np.ndarray, accuracy: Accuracy) -> np.ndarray:
    """Log densities and their derivatives, (K + 2, n)."""
    if config.DISABLE_JIT:
        # Python has no way into the foreign function, whose frame holds addresses
        value, by_alpha, by_s = np.empty(len(s)), np.empty(d.shape), np.empty(len(s))
        exact = make_path(accuracy.step), make_path(LAST_STEP, TERMS)
        density._evaluate(
            single_path(accuracy.step), exact, accuracy, d, alpha.copy(), s, value, by_alpha, by_s
        )
    else:
        value, by_alpha, by_s = density.Likelihood(d, accuracy).evaluate(alpha, s)
    return np.vstack([value, by_alpha.T, by_s])


if __name__ == "__main__":
    with np.errstate(all="ignore"):  # compiled arithmetic does not warn
        np.savez(sys.argv[1], **numbers())  # pyright: ignore[reportArgumentType]
