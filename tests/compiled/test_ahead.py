"""What is compiled ahead is what fits and predictions call."""

import numpy as np

from dirimix.likelihood import dirichlet_sums, saddle, site_moves
from dirimix.likelihood.ahead import compile_ahead
from dirimix.likelihood.site_weights import sample_site_weights


def signatures() -> list[list]:
    """For what arguments the loops are compiled in this process."""
    kept = saddle.saddle_points, dirichlet_sums._fill, site_moves._moved
    return [list(k._compiled.signatures) for k in kept]


def test_nothing_is_left_to_compile():
    compile_ahead()
    ahead = signatures()
    rng = np.random.default_rng(4)
    f, noise = 30 * rng.standard_normal((6, 3)), np.ones((8, 6))
    log_alpha = rng.standard_normal((8, 6, 3))
    sample_site_weights(log_alpha, noise, f, np.isfinite(f), rng)
    dirichlet_sums.dirichlet_sums(log_alpha[:, 0][:, :2], f[:2, :2], 3, rng)
    assert signatures() == ahead
    saddle.saddle_points(f.astype(np.float32), np.exp(log_alpha[0]), noise[0])  # the control
    assert signatures() != ahead
