"""Compile every loop of the local mixtures before a fit asks for it, in a process of its own.

`python -m dirimix.likelihood.ahead` takes about a minute of a core the first time on a machine.
"""

import numpy as np

from dirimix.likelihood.density import compile_loops
from dirimix.likelihood.dirichlet_sums import dirichlet_sums
from dirimix.likelihood.saddle import saddle_points
from dirimix.likelihood.site_moves import move_weights


def compile_ahead() -> None:
    """Compile the loops that fits and predictions call, or take them from Numba's cache."""
    compile_loops()
    ones = np.ones((1, 2))
    saddle_points(ones, ones, np.ones(1))
    dirichlet_sums(ones, ones, 1, np.random.default_rng(0))
    move_weights(np.log(ones / 2), ones, ones, 1, np.random.default_rng(0))


if __name__ == "__main__":
    compile_ahead()
