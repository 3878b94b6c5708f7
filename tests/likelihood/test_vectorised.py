"""The benchmark's likelihood for many chains on a GPU is the package's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from vectorised import Likelihood as Vectorised

from dirimix.likelihood.density import Likelihood
from dirimix.likelihood.routes import FINE


@pytest.mark.slow
def test_both_forms_of_the_likelihood_agree():
    rng = np.random.default_rng(8)
    near = np.concatenate([rng.uniform(-3, 1, 12), rng.uniform(3, 6, 6)])
    d = np.column_stack([near, near + rng.gamma(1.0, 3.0, len(near))])
    alpha = np.exp(rng.uniform(-1.5, 4.0, (2, *d.shape)))
    s = np.full((2, len(d)), 0.8)
    accuracy = FINE._replace(line=0.12)  # nothing halves its step
    with jax.enable_x64(True):
        found = np.asarray(
            Vectorised(d, accuracy, nodes=144, terms=26)(jnp.asarray(alpha), jnp.asarray(s))
        )

    def exact(alpha: np.ndarray) -> np.ndarray:
        return np.stack([Likelihood(d).evaluate(a, b)[0] for a, b in zip(alpha, s, strict=True)])

    np.testing.assert_allclose(found, exact(alpha), atol=1e-5)
    assert np.max(np.abs(found - exact(1.001 * alpha))) > 1e-4  # the control
