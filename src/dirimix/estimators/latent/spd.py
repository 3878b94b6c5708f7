"""Solutions and determinants of positive definite matrices, with gradients that cost one factor.

JAX differentiates the Cholesky factor itself, which takes several times as long.
"""

import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_solve
from jaxtyping import Array, Float


@jax.custom_vjp
def solve(a: Float[Array, "n n"], b: Float[Array, " n"]) -> Float[Array, " n"]:
    """a^-1 b of a symmetric positive definite matrix."""
    return _solve(a, b)[0]


def _solve(a: Array, b: Array) -> tuple[Array, tuple[Array, Array]]:
    factor = jnp.linalg.cholesky(a)
    found = cho_solve((factor, True), b)
    return found, (factor, found)


def _solve_back(kept: tuple[Array, Array], slope: Array) -> tuple[Array, Array]:
    factor, found = kept
    back = cho_solve((factor, True), slope)
    return -jnp.outer(back, found), back


solve.defvjp(_solve, _solve_back)


@jax.custom_vjp
def log_determinant(a: Float[Array, "n n"]) -> Float[Array, ""]:
    """Of a symmetric positive definite matrix."""
    return _log_determinant(a)[0]


def _log_determinant(a: Array) -> tuple[Array, Array]:
    factor = jnp.linalg.cholesky(a)
    return 2 * jnp.sum(jnp.log(jnp.diag(factor))), factor


def _log_determinant_back(factor: Array, slope: Array) -> tuple[Array]:
    return (slope * cho_solve((factor, True), jnp.eye(len(factor))),)


log_determinant.defvjp(_log_determinant, _log_determinant_back)
