"""Programs that are compiled quickly compute the same, and do not need XLA to have our options."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dirimix.sampling import quick_jit as module
from dirimix.sampling.quick_jit import quick_jit


def value(x: jax.Array) -> jax.Array:
    return jax.scipy.special.logsumexp(-jnp.sum((x[:, None] - x) ** 2, axis=1)) + jnp.tanh(x).sum()


@pytest.mark.parametrize("fused", [False, True])
def test_slopes_are_those_of_jit(fused):
    x = np.random.default_rng(0).normal(0, 2, 40)
    with jax.enable_x64(True):
        quick = quick_jit(jax.grad(value), fused=fused)(x)
        np.testing.assert_allclose(quick, jax.jit(jax.grad(value))(x), rtol=1e-12)


def test_options_that_xla_does_not_know_are_left_aside(monkeypatch):
    monkeypatch.setattr(module, "_QUICK", {"xla_cpu_no_such_option": True} | module._QUICK)
    module._known.cache_clear()
    try:
        assert "xla_cpu_no_such_option" not in module._known()
        assert float(quick_jit(lambda x: 2 * x)(1.0)) == 2.0
    finally:
        module._known.cache_clear()
    with pytest.raises(jax.errors.JaxRuntimeError, match="No such compile option"):  # the control
        jax.jit(lambda x: x, compiler_options={"xla_cpu_no_such_option": True})(1.0)
